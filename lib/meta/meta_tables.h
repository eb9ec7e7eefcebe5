/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables that hold a task's progress in its target, in the meta-schema:
 * their definitions, creation and removal. What the rows mean stands in
 * worker/meta.h (owner, table, chunk) and worker/sync (lane, intent, operator).
 * Threads: any; conn is the caller's.
 */
#ifndef DM_LIB_META_META_TABLES_H
#define DM_LIB_META_META_TABLES_H

#include "lib/sql/sql.h"

#define DM_META_FORMAT 1

/* "dm_owner", "dm_lane", "dm_table", "dm_chunk", "dm_intent",
 * "dm_operator", "dm_xa", "dm_check", "dm_origin"; NULL-ended. */
extern const char *const dm_meta_table_names[];

/* CREATE DATABASE / TABLE IF NOT EXISTS; also DM's own table
 * `<task>_syncer_checkpoint`. */
struct dm_err *dm_meta_create(struct dm_sql_conn *conn, const char *schema,
    const char *task) DM_MUST_CHECK;
/*
 * Forget a task: its rows in our tables and DM's tables of that name. sources:
 * NULL-terminated, only these (DM's tables then stay); NULL: all. A schema or
 * table that does not exist is fine. Of owners with connections to the target
 * a row of no cluster stays, for the next one to end them.
 */
struct dm_err *dm_meta_remove(struct dm_sql_conn *conn, const char *schema,
    const char *task, const char *const *sources) DM_MUST_CHECK;

/* *has: the task has begun with this source, here or with the original, so
 * that it would go on. */
struct dm_err *dm_meta_has_progress(struct dm_sql_conn *conn,
    const char *schema, const char *task, const char *source,
    bool *has) DM_MUST_CHECK;

#endif
