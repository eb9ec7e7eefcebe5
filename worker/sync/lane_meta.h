/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of dm_lane and dm_intent, and the lane map in dm_owner.
 * FORMAT: lib/meta/meta_tables.c. Each function works on the connection it is
 * given.
 */
#ifndef DM_WORKER_SYNC_LANE_META_H
#define DM_WORKER_SYNC_LANE_META_H

#include "worker/meta.h"
#include "worker/sync/lane.h"

/* How rows are spread over lanes: when this changes, rows change lanes. */
#define LANE_HASH_VERSION 2

/* *marks: new array of struct lane_mark, by lane number; empty when there are
 * none. *map: the text stored with them, new string or NULL. */
struct dm_err *lane_meta_load(struct meta *m, struct dm_sql_conn *conn,
    GArray **marks, char **map) DM_MUST_CHECK;
/* Replace all lanes by n at `at`, in one fenced transaction. */
struct dm_err *lane_meta_create(struct meta *m, struct dm_sql_conn *conn,
    unsigned n, const char *map, const struct dm_pos *at) DM_MUST_CHECK;
/* Move all n lanes to `at`; inside the caller's transaction. */
struct dm_err *lane_meta_move(struct meta *m, struct dm_sql_conn *conn,
    unsigned n, const struct dm_pos *at) DM_MUST_CHECK;

/* A DDL that was begun. Strings owned. */
struct intent {
	uint64_t conn_id;
	char *statement;
	char *db, *tbl;       /* in the target; "" for a database */
	char *before, *after; /* CREATE TABLE texts; "" none or not known */
	struct dm_pos start, end;
};
void intent_free(struct intent *i);
/* NULL when there is none. */
struct dm_err *intent_load(
    struct meta *m, struct dm_sql_conn *conn, struct intent **i) DM_MUST_CHECK;
struct dm_err *intent_save(struct meta *m, struct dm_sql_conn *conn,
    const struct intent *i) DM_MUST_CHECK;
struct dm_err *intent_delete(
    struct meta *m, struct dm_sql_conn *conn) DM_MUST_CHECK;

/* DM's own checkpoint row of the task, for tools and for a way back. safe_end:
 * behind `at`, up to there, rows may be in the target; zero: none. */
struct dm_err *lane_meta_save_dm_checkpoint(struct meta *m,
    struct dm_sql_conn *conn, const struct dm_pos *at, const char *gtid,
    const struct dm_pos *safe_end) DM_MUST_CHECK;
/* Zero: there is none. */
struct dm_err *lane_meta_load_safe_end(struct meta *m, struct dm_sql_conn *conn,
    struct dm_pos *safe_end) DM_MUST_CHECK;
/* *gtid: new string, NULL when there is no such row. */
struct dm_err *lane_meta_load_dm_checkpoint(struct meta *m,
    struct dm_sql_conn *conn, struct dm_pos *at, char **gtid) DM_MUST_CHECK;

#endif
