/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One target transaction of a lane: build its packet, run it, decide what a
 * lost connection or a deadlock means. Owner: the lane's thread.
 */
#ifndef DM_WORKER_SYNC_LANE_EXEC_H
#define DM_WORKER_SYNC_LANE_EXEC_H

#include "worker/sync/lane.h"
#include "worker/sync/packet.h"

/* State of the executing side of a lane; zeroed before use. */
struct lane_exec {
	const struct unit_env *env;
	struct meta *meta;
	const struct target_info *info;
	unsigned lane;
	struct dm_sql_conn *conn; /* NULL: not connected */
	struct dm_cancel_watch watch;
	bool watching;
	struct packet packet;
	GArray *counts; /* uint64_t, of the packet's statements */
};

struct exec_result {
	uint64_t rows;       /* row changes done */
	uint64_t unexpected; /* statements that matched another count */
	char *sample;        /* the first of them; new string or NULL */
};

void exec_result_fini(struct exec_result *r);

void lane_exec_init(struct lane_exec *x);
void lane_exec_fini(struct lane_exec *x, struct dm_cancel *c);
/* batches: struct batch*, in order; all in one transaction. Retries what may
 * be retried. With `strict` a difference is ROWS_DIFFER, and nothing is done;
 * *out tells of it then, too. */
struct dm_err *lane_exec_run(struct lane_exec *x, GPtrArray *batches,
    struct dm_cancel *c, struct exec_result *out) DM_MUST_CHECK;

#endif
