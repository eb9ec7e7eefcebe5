/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file at which a relay log begins (reference/data-plane 4.2): before all
 * that the source's tasks still need, else where its configuration says, else
 * at the source's current file. Called on the writer's thread.
 */
#ifndef DM_WORKER_RELAY_START_H
#define DM_WORKER_RELAY_START_H

#include "lib/config/source.h"
#include "lib/thread/cancel.h"
#include "worker/relay/hub.h"

/* Where a task stands. */
struct relay_need {
	struct dm_pos pos;
	char *gtid;   /* owned; "": not known */
	char *server; /* owned: of pos (worker/sync/origin.h); "": not known */
};
/* For g_ptr_array_new_with_free_func. */
void relay_need_free(gpointer need);

struct relay_start {
	const struct dm_source_cfg *source;
	const char *server, *host_name; /* of the source; ours */
	GPtrArray *needs;               /* struct relay_need* */
	/* What the relay log has of former servers; NULL or "": nothing. */
	const char *have_gtid;
	struct dm_cancel *c;
};

/* The earliest file that is needed; "" when nothing is. conn is used. Errors:
 * RELAY_TCP_READER_START_SYNC_GTID, and those of connecting. */
struct dm_err *relay_start_needed(const struct relay_start *s,
    char name[DM_BINLOG_NAME_MAX + 1]) DM_MUST_CHECK;
/* The same, and what else it may be; never "". */
struct dm_err *relay_start_file(const struct relay_start *s,
    struct dm_sql_conn *conn, char name[DM_BINLOG_NAME_MAX + 1]) DM_MUST_CHECK;

#endif
