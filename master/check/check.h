/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prechecks: what can be known to be wrong before a task starts. Functions
 * block on databases; the master runs them on threads of their own.
 * Source: reference/data-plane 2, control-plane 2.7.
 */
#ifndef DM_MASTER_CHECK_CHECK_H
#define DM_MASTER_CHECK_CHECK_H

#include "lib/config/source.h"
#include "lib/config/task.h"
#include "lib/thread/cancel.h"

struct check_opts {
	int64_t err_count, warn_count; /* negative: unlimited; 0: none */
	bool afresh; /* what the task did so far is to be forgotten */
};

/*
 * Check task against its sources (struct dm_source_cfg*, one per instance that
 * is to run) and target. *passed: no item failed. *text: control-plane 2.7,
 * "Text produced by the precheck": new string. An error means that the check
 * could not run at all.
 */
struct dm_err *check_task(const struct dm_task_cfg *task,
    const GPtrArray *sources, const struct check_opts *o, struct dm_cancel *c,
    bool *passed, char **text) DM_MUST_CHECK;

/*
 * operate-source create: connect, fill flavor, server-id and case-sensitive
 * where they are not set, check gtid_mode for enable-gtid (26007).
 */
struct dm_err *check_source(
    struct dm_source_cfg *cfg, struct dm_cancel *c) DM_MUST_CHECK;

#endif
