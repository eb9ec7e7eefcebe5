/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of replication to the target, with the session that keeps values
 * exact: utf8mb4, UTC, strict but with zero and invalid dates, the user's
 * session variables above all that. Threads: any.
 */
#ifndef DM_WORKER_SYNC_TARGET_H
#define DM_WORKER_SYNC_TARGET_H

#include "worker/meta.h"

/* Facts of the target, read once per run. */
struct target_info {
	bool foreign_key_checks; /* the user asked for them */
	bool read_committed;     /* its binlog_format allows it */
	uint64_t max_allowed_packet;
	size_t batch_bytes; /* text of one transaction, but for its last row */
	char *sql_mode;     /* of our sessions */
};
void target_info_fini(struct target_info *info);

struct dm_err *target_connect(const struct unit_env *env, struct dm_cancel *c,
    struct dm_sql_conn **conn) DM_MUST_CHECK;
struct dm_err *target_read_info(const struct unit_env *env,
    struct dm_sql_conn *conn, struct target_info *info) DM_MUST_CHECK;

#endif
