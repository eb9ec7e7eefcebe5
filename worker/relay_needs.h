/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tasks of a source still need of its binlog, asked of their targets.
 * Threads: any.
 */
#ifndef DM_WORKER_RELAY_NEEDS_H
#define DM_WORKER_RELAY_NEEDS_H

#include "dmsession.pb-c.h"
#include "lib/crypt/crypt.h"
#include "worker/relay/start.h"

/* Adds struct relay_need*, one for each task that has a place. A target that
 * does not answer within some seconds is left out, and logged: false. */
bool relay_needs_add(GPtrArray *needs, const Dm__V1__SourceAssignment *a,
    const struct dm_keys *keys, const struct dm_source_cfg *source,
    struct dm_cancel *c);

#endif
