/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XA transactions whose decision does not come: what a person is told. Called
 * by the dispatcher, on its thread.
 */
#ifndef DM_WORKER_SYNC_XA_PENDING_H
#define DM_WORKER_SYNC_XA_PENDING_H

#include "worker/sync/undecided.h"
#include "worker/unit.h"

/* A prepared transaction that is not decided for so long is told. */
#define XA_OVERDUE_S 600U

/* Before anything is read. names: the binlogs that the source has, the oldest
 * one first. Errors: XA_PURGED when the rows of a prepared one cannot be read
 * any more. */
struct dm_err *xa_pending_check(const struct undecided *u,
    const struct unit_env *env, const GPtrArray *names) DM_MUST_CHECK;
/* Now and then: a warning for each that waits too long, once in a run. */
void xa_pending_tell(struct undecided *u, const struct unit_env *env);

#endif
