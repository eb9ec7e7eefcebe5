/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of a source by name: filter, route, structure and snapshot
 * positions brought together into a struct tbl at first use. Owner: the
 * dispatcher's thread.
 */
#ifndef DM_WORKER_SYNC_TABLES_H
#define DM_WORKER_SYNC_TABLES_H

#include "lib/ddl/dialect.h"
#include "lib/filter/online_ddl.h"
#include "lib/schema/tracker.h"
#include "worker/sync/row_filter.h"
#include "worker/sync/target.h"
#include "worker/sync/tbl.h"

struct tables {
	const struct unit_env *env;
	struct meta *meta;
	struct dm_sql_conn *conn; /* to the target; borrowed */
	bool foreign_keys;        /* group tables joined by them */
	struct dm_tracker *tracker;
	struct dm_block_allow *filter;
	struct dm_binlog_filter *events;
	struct dm_online_rules *online; /* NULL: tables of online schema change
					   tools are tables like others */
	struct dm_route_rule *rules;
	struct dm_router *router;
	GHashTable *snaps; /* "db\0tbl" as one string -> struct meta_table* */
	GHashTable *tbls;  /* same key -> struct tbl*, or NULL: skipped */
	GHashTable *uses;  /* quoted target -> struct tbl_use* */
	GHashTable *triggers; /* target "db.tbl" that have some */
	GHashTable *groups;   /* target "db.tbl" -> group name */
	struct dm_dialect dialect;
	GHashTable *collations; /* MySQL's: number -> name */
	struct row_filter_env expressions;
};

/* Build filter and router, load structures from the target's meta; databases'
 * default charsets, and MySQL's collations, from the source. */
struct dm_err *tables_open(struct tables *ts, const struct unit_env *env,
    struct meta *meta, struct dm_sql_conn *target, struct dm_sql_conn *source,
    bool foreign_keys) DM_MUST_CHECK;
void tables_close(struct tables *ts);

/* *t is NULL when the table is filtered out, or all its rows are and it cannot
 * be written anyway. Borrowed until tables_forget. */
struct dm_err *tables_get(struct tables *ts, const char *db, const char *name,
    struct tbl **t) DM_MUST_CHECK;
/* After a DDL: drop all struct tbl and read foreign keys anew. Lanes must be
 * drained. */
struct dm_err *tables_forget(struct tables *ts) DM_MUST_CHECK;

/* True when the copy of this table already contains what happened at `at`. */
bool tables_snapshot_has(struct tables *ts, const char *db, const char *name,
    const struct dm_pos *at);

/* MySQL's collation of this number, as the target calls it; NULL: there is
 * none. New string. */
char *tables_collation(const struct tables *ts, unsigned number);

/* Structure of a table of the target, NULL when it does not exist there. */
struct dm_err *tables_target_structure(struct dm_sql_conn *conn, const char *db,
    const char *name, struct dm_table **t) DM_MUST_CHECK;

#endif
