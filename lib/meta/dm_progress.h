/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far the original came with a task, as its own tables in the target tell:
 * `<task>_syncer_checkpoint`, `<task>_syncer_sharding_meta` and
 * `<task>_lightning_checkpoint_list`. FORMAT: data-plane 9. A table that is not
 * there holds no rows.
 */
#ifndef DM_LIB_META_DM_PROGRESS_H
#define DM_LIB_META_DM_PROGRESS_H

#include "lib/sql/sql.h"

/* A file name as the original wrote it (it may name a relay log), offset, GTID
 * set. Strings owned, never NULL. */
struct dm_progress_place {
	char *name, *gtid;
	uint64_t pos;
};

struct dm_progress {
	struct dm_progress_place global; /* all before it is in the target */
	struct dm_progress_place exit;   /* parts of what is between may be */
	uint64_t n_tables;   /* rows of single tables in the checkpoint */
	uint64_t unresolved; /* shard DDLs that not all tables have done */
	char *load; /* of the full load: "init", "running", "finished"; "" */
};

/* p is filled for dm_progress_fini in any case. */
struct dm_err *dm_progress_load(struct dm_sql_conn *conn, const char *schema,
    const char *task, const char *source, struct dm_progress *p) DM_MUST_CHECK;
void dm_progress_fini(struct dm_progress *p);
/* Neither a file nor a GTID set. */
bool dm_progress_is_zero(const struct dm_progress_place *p);

#endif
