/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress in the target: the tables dm_owner, dm_lane, dm_table, dm_chunk,
 * dm_intent and dm_operator of the task's meta-schema. Any worker can go on
 * from them. Every change is fenced by the epoch of our assignment.
 *
 * Every table has (task, source) as the head of its primary key and a format
 * column; a newer format is refused. Each function works on the connection it
 * is given, which its caller owns.
 * Errors: META_ADOPT when another cluster owns the rows, META_FENCED when a
 * newer epoch took over or the rows were removed, META_FORMAT; else those of
 * lib/sql. Counts must be of matched rows (dm_sql_params.found_rows): a fence
 * that finds no row holds, too.
 */
#ifndef DM_WORKER_META_H
#define DM_WORKER_META_H

#include "lib/binlog/position.h"
#include "lib/sql/sql.h"
#include "worker/unit.h"

/* Who and where: taken from a unit_env once. Strings owned. */
struct meta {
	char *schema; /* meta-schema, unquoted */
	char *task, *source, *worker;
	char *key; /* "task='t' AND source='s'", quoted, for WHERE */
	enum dm_task_mode mode;
	uint64_t cluster_id, epoch;
	bool adopt; /* task CLI args say "adopt": take another cluster's rows */
};
struct meta *meta_new(const struct unit_env *env);
void meta_free(struct meta *m);

/* Create schema and tables that do not exist. */
struct dm_err *meta_ensure_tables(
    struct meta *m, struct dm_sql_conn *conn) DM_MUST_CHECK;

/*
 * Take over: raise the epoch on owner, lane and chunk rows to ours (with a
 * lock wait of 1 s), then end what the older owner left in the target: its
 * recorded connections are ended by KILL and waited for, since a DDL of a
 * frozen worker knows no fence. Creates the owner row if there is none.
 */
struct dm_err *meta_take_over(struct meta *m, struct dm_sql_conn *conn,
    struct dm_cancel *c) DM_MUST_CHECK;
/* Record a connection of ours, so that a later owner can KILL it. Call for
 * every connection that writes data or structures, after connecting and after
 * meta_take_over. conn is used. */
struct dm_err *meta_record_conn(
    struct meta *m, struct dm_sql_conn *conn) DM_MUST_CHECK;

/* SQL text that fails with an error (out of range) when the epoch of the
 * owner row is not ours, and matches nothing when it is gone: "UPDATE dm_owner
 * SET epoch = IF(...) WHERE ...". New string, without a trailing semicolon. */
char *meta_fence_owner_sql(const struct meta *m);
/* The expression: epoch = IF(epoch = N, epoch, epoch + 9223372036854775807 +
 * 9223372036854775807), for SET lists. New string. */
char *meta_fence_expr(const struct meta *m);
/* Run meta_fence_owner_sql in the transaction that is open: META_FENCED when
 * there is a newer owner, or none; else the row stays locked, so that none
 * comes. */
struct dm_err *meta_check_fence(
    struct meta *m, struct dm_sql_conn *conn) DM_MUST_CHECK;
/* What a write with meta_fence_expr returned on conn; takes it. META_FENCED in
 * its place if it was the fence. */
struct dm_err *meta_name_fence(
    struct meta *m, struct dm_sql_conn *conn, struct dm_err *err) DM_MUST_CHECK;
/* True when an error is that fence (1690 out of range). */
bool meta_is_fence_error(unsigned server_errno);

/* ---- phase ---- */

enum meta_phase {
	META_PHASE_NONE,
	META_PHASE_COPY, /* streamed */
	META_PHASE_SYNC,
	META_PHASE_LOAD, /* through files */
	/* Nothing of ours: the original ran the task, and replicates. Never
	 * stored; worker/sync/dm_takeover.h makes it META_PHASE_SYNC. */
	META_PHASE_ORIGINAL
};
/* The copy is done with. */
static inline bool
meta_phase_is_copied(enum meta_phase phase)
{
	return phase == META_PHASE_SYNC || phase == META_PHASE_ORIGINAL;
}
/*
 * sync_from: where replication starts once the copy is done (the lowest
 * snapshot position). gtid "" when not known. New string in *gtid. No table of
 * ours need be there. Errors, too: plain ones, where the original began with
 * the task in a way in which nobody can go on.
 */
struct dm_err *meta_load_phase(struct meta *m, struct dm_sql_conn *conn,
    enum meta_phase *phase, struct dm_pos *sync_from,
    char **gtid) DM_MUST_CHECK;
struct dm_err *meta_save_phase(struct meta *m, struct dm_sql_conn *conn,
    enum meta_phase phase, const struct dm_pos *sync_from,
    const char *gtid) DM_MUST_CHECK;

/* ---- tables ---- */

enum meta_table_state {
	META_TABLE_PLANNED,
	META_TABLE_COPYING,
	META_TABLE_DONE
};
/* One source table. snap_lo..snap_hi: the table holds everything up to snap_lo
 * and, in parts, up to snap_hi (equal unless two snapshots cut it). */
struct meta_table {
	char *db, *tbl;
	char *structure; /* CREATE TABLE of the source at snap_lo / now */
	enum meta_table_state state;
	bool created; /* the target had no such table: it is ours to empty */
	struct dm_pos snap_lo, snap_hi;
	uint64_t rows, bytes; /* done by the copy */
	uint64_t est_rows, est_bytes;
};
void meta_table_free(struct meta_table *t);
/* New array of struct meta_table*, with its free function. */
struct dm_err *meta_load_tables(
    struct meta *m, struct dm_sql_conn *conn, GPtrArray **tables) DM_MUST_CHECK;
struct dm_err *meta_save_table(struct meta *m, struct dm_sql_conn *conn,
    const struct meta_table *t) DM_MUST_CHECK;
/* n rows in the caller's transaction, which has checked the fence. */
struct dm_err *meta_save_tables(struct meta *m, struct dm_sql_conn *conn,
    const struct meta_table *const *tables, size_t n) DM_MUST_CHECK;
struct dm_err *meta_delete_table(struct meta *m, struct dm_sql_conn *conn,
    const char *db, const char *tbl) DM_MUST_CHECK;

/* Plain SQL names, quoted: "`dm_meta`.`dm_chunk`". New string. */
char *meta_table_name(const struct meta *m, const char *table);
/* DM's own, of the task: "`dm_meta`.`t_syncer_checkpoint`". New string. */
char *meta_dm_checkpoint_name(const struct meta *m);

#endif
