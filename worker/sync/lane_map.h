/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lane map of a task: what decides which lane a row is in. It is kept
 * beside the lanes' marks; lanes with another one must not go on from these.
 * Threads: any.
 */
#ifndef DM_WORKER_SYNC_LANE_MAP_H
#define DM_WORKER_SYNC_LANE_MAP_H

#include "worker/sync/target.h"
#include "worker/unit.h"

/* Routes, target session and lane count as text, new: "v1 lanes=16 fk=0
 * routes=25d90b5d080bf6b1". */
char *lane_map_text(
    const struct unit_env *env, const struct target_info *target);

#endif
