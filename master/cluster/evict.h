/* SPDX-License-Identifier: Apache-2.0 */
/*
 * That this dm-master was evicted (operate-leader evict) and may not campaign,
 * kept over restarts as a file in its data dir: it concerns this process
 * alone, and can be taken back without a quorum.
 */
#ifndef DM_MASTER_CLUSTER_EVICT_H
#define DM_MASTER_CLUSTER_EVICT_H

#include "lib/config/daemon.h"

bool evict_is_set(const struct dm_master_cfg *cfg);
/* On the disk when it returns. Errors: plain. */
struct dm_err *evict_set(
    const struct dm_master_cfg *cfg, bool evicted) DM_MUST_CHECK;

#endif
