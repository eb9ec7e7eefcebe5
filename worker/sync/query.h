/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Query events: what frames a transaction, and DDL. Called by the dispatcher,
 * on its thread.
 */
#ifndef DM_WORKER_SYNC_QUERY_H
#define DM_WORKER_SYNC_QUERY_H

#include "worker/sync/dispatch.h"

/* QUERY_EVENT, or MariaDB's compressed one, that begins at `start`. An error
 * leaves its text in d->failed_sql. */
struct dm_err *query_event(struct dispatch *d, const uint8_t *body, size_t len,
    bool compressed, const struct dm_pos *start) DM_MUST_CHECK;

#endif
