/* SPDX-License-Identifier: Apache-2.0 */
/* The sync unit, shared by the files worker/sync/sync*. */
#ifndef DM_WORKER_SYNC_SYNC_INTERNAL_H
#define DM_WORKER_SYNC_SYNC_INTERNAL_H

#include "worker/sync/dispatch.h"

/* What other threads may ask for. */
struct shown {
	struct dm_mutex mu; /* rank 310; guards the fields below */
	bool running;
	struct lanes_stats lanes;
	struct dm_pos master;
	char *master_gtid;
	struct dm_pos flushed;
	char *flushed_gtid;
	uint64_t rows_before, rps_recent, rows_sampled;
	struct dm_mono sampled, started;
	unsigned n_lanes;
};

struct sync_unit {
	struct unit unit; /* first */
	struct unit_env env;
	struct dispatch_counters counters;
	struct shown shown;
	struct dispatch_failure failure; /* of the last run that failed at an
					    event; owner: the unit's thread */
};

/* Of struct unit_ops (worker/sync/sync_status.c). */
void sync_status(struct unit *unit, Pb__SubTaskStatus *st);

#endif
