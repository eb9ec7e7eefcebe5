/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Definitions of the progress tables in the target.
 *
 * Called by the worker when a subtask starts and by whoever forgets a task.
 * DESIGN: every primary key is headed by (task, source), so that a task's rows
 * lie together and a takeover locks no row of another task. Names are compared
 * by bytes, as the servers compare table names where case counts.
 */
#include "lib/meta/meta_tables.h"

#include "lib/meta/dm_progress.h"

#include <string.h>

/* A server's answer to DROP TABLE of one that is not there. */
#define ER_BAD_TABLE 1051

const char *const dm_meta_table_names[] = { "dm_owner", "dm_lane", "dm_table",
	"dm_chunk", "dm_intent", "dm_operator", "dm_xa", "dm_check",
	"dm_origin", NULL };

#define META_HEAD                                                              \
	"task VARCHAR(128) NOT NULL, source VARCHAR(32) NOT NULL, "            \
	"format INT NOT NULL DEFAULT 1, "
#define META_TAIL " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"

#define OWNER 0 /* dm_owner */

/* In the order of dm_meta_table_names. */
static const char *const meta_columns[] = {
	/* dm_owner */
	META_HEAD
	"cluster_id BIGINT UNSIGNED NOT NULL, epoch BIGINT UNSIGNED NOT NULL, "
	"worker VARCHAR(255) NOT NULL DEFAULT '', conn_ids TEXT, "
	"server_id_text VARCHAR(255) NOT NULL DEFAULT '', "
	"phase VARCHAR(8) NOT NULL DEFAULT 'none', "
	"base_name VARCHAR(128) NOT NULL DEFAULT '', "
	"base_pos BIGINT UNSIGNED NOT NULL DEFAULT 0, base_gtid TEXT, "
	"lane_count INT NOT NULL DEFAULT 0, "
	"hash_version INT NOT NULL DEFAULT 0, lane_map MEDIUMTEXT, "
	"update_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP "
	"ON UPDATE CURRENT_TIMESTAMP, "
	"PRIMARY KEY (task, source)",
	/* dm_lane */
	META_HEAD
	"lane INT NOT NULL, epoch BIGINT UNSIGNED NOT NULL, "
	"binlog_name VARCHAR(128) NOT NULL DEFAULT '', "
	"binlog_pos BIGINT UNSIGNED NOT NULL DEFAULT 0, binlog_gtid TEXT, "
	"cut_name VARCHAR(128) NOT NULL DEFAULT '', "
	"cut_pos BIGINT UNSIGNED NOT NULL DEFAULT 0, "
	"cut_row BIGINT UNSIGNED NOT NULL DEFAULT 0, "
	"PRIMARY KEY (task, source, lane)",
	/* dm_table */
	META_HEAD
	"db VARCHAR(64) NOT NULL, tbl VARCHAR(64) NOT NULL, "
	"structure MEDIUMTEXT, state VARCHAR(8) NOT NULL DEFAULT 'planned', "
	"created TINYINT NOT NULL DEFAULT 0, "
	"snap_lo_name VARCHAR(128) NOT NULL DEFAULT '', "
	"snap_lo_pos BIGINT UNSIGNED NOT NULL DEFAULT 0, "
	"snap_hi_name VARCHAR(128) NOT NULL DEFAULT '', "
	"snap_hi_pos BIGINT UNSIGNED NOT NULL DEFAULT 0, "
	"row_count BIGINT UNSIGNED NOT NULL DEFAULT 0, "
	"byte_count BIGINT UNSIGNED NOT NULL DEFAULT 0, "
	"est_rows BIGINT UNSIGNED NOT NULL DEFAULT 0, "
	"est_bytes BIGINT UNSIGNED NOT NULL DEFAULT 0, "
	"PRIMARY KEY (task, source, db, tbl)",
	/* dm_chunk; lo, hi: key values as SQL literals, NULL is an open end */
	META_HEAD "db VARCHAR(64) NOT NULL, tbl VARCHAR(64) NOT NULL, "
		  "chunk INT NOT NULL, epoch BIGINT UNSIGNED NOT NULL, "
		  "lo MEDIUMTEXT, hi MEDIUMTEXT, "
		  "state VARCHAR(8) NOT NULL DEFAULT 'planned', "
		  "row_count BIGINT UNSIGNED NOT NULL DEFAULT 0, "
		  "byte_count BIGINT UNSIGNED NOT NULL DEFAULT 0, "
		  "snap_name VARCHAR(128) NOT NULL DEFAULT '', "
		  "snap_pos BIGINT UNSIGNED NOT NULL DEFAULT 0, "
		  "PRIMARY KEY (task, source, db, tbl, chunk)",
	/* dm_intent */
	META_HEAD
	"epoch BIGINT UNSIGNED NOT NULL, conn_id BIGINT UNSIGNED NOT NULL, "
	"statement MEDIUMTEXT, db VARCHAR(64) NOT NULL DEFAULT '', "
	"tbl VARCHAR(64) NOT NULL DEFAULT '', struct_before MEDIUMTEXT, "
	"struct_after MEDIUMTEXT, "
	"start_name VARCHAR(128) NOT NULL DEFAULT '', "
	"start_pos BIGINT UNSIGNED NOT NULL DEFAULT 0, "
	"end_name VARCHAR(128) NOT NULL DEFAULT '', "
	"end_pos BIGINT UNSIGNED NOT NULL DEFAULT 0, "
	"PRIMARY KEY (task, source)",
	/* dm_operator; op: DM's number (pb.ErrorOp), sqls: a JSON array */
	META_HEAD "binlog_name VARCHAR(128) NOT NULL, "
		  "binlog_pos BIGINT UNSIGNED NOT NULL, "
		  "op INT NOT NULL, sqls MEDIUMTEXT, "
		  "done INT NOT NULL DEFAULT 0, "
		  "PRIMARY KEY (task, source, binlog_name, binlog_pos)",
	/* dm_xa: where prepared transactions begin */
	META_HEAD "binlog_name VARCHAR(128) NOT NULL, "
		  "binlog_pos BIGINT UNSIGNED NOT NULL, "
		  "xid VARCHAR(300) NOT NULL DEFAULT '', "
		  "PRIMARY KEY (task, source, binlog_name, binlog_pos)",
	/* dm_check: what a chunk of dm_chunk was read with (checksum.h);
	 * checked: 1 compared and equal, 2 found to differ */
	META_HEAD "db VARCHAR(64) NOT NULL, tbl VARCHAR(64) NOT NULL, "
		  "chunk INT NOT NULL, sum_a BIGINT UNSIGNED, "
		  "sum_b BIGINT UNSIGNED, "
		  "checked TINYINT NOT NULL DEFAULT 0, "
		  "PRIMARY KEY (task, source, db, tbl, chunk)",
	/* dm_origin: the server that all places above are of
	 * (worker/sync/origin.h) */
	META_HEAD "server VARCHAR(64) NOT NULL DEFAULT '', skip_gtid TEXT, "
		  "PRIMARY KEY (task, source)",
};

/* DM's own table, written beside ours for its tools. */
static const char checkpoint_columns[] =
    "id VARCHAR(32) NOT NULL, cp_schema VARCHAR(128) NOT NULL, "
    "cp_table VARCHAR(128) NOT NULL, binlog_name VARCHAR(128), "
    "binlog_pos INT UNSIGNED, binlog_gtid TEXT, "
    "exit_safe_binlog_name VARCHAR(128) DEFAULT '', "
    "exit_safe_binlog_pos INT UNSIGNED DEFAULT 0, "
    "exit_safe_binlog_gtid TEXT, table_info JSON NOT NULL, "
    "is_global BOOLEAN, "
    "create_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, "
    "update_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP "
    "ON UPDATE CURRENT_TIMESTAMP, "
    "PRIMARY KEY (id, cp_schema, cp_table)";

/* DM's own, too: what online schema change tools did so far
 * (worker/sync/online_meta.h). A takeover from DM finds it filled. */
static const char online_columns[] =
    "id VARCHAR(32) NOT NULL, ghost_schema VARCHAR(128) NOT NULL, "
    "ghost_table VARCHAR(128) NOT NULL, ddls MEDIUMTEXT, "
    "update_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP "
    "ON UPDATE CURRENT_TIMESTAMP, "
    "PRIMARY KEY (id, ghost_schema, ghost_table)";

/* Every table that DM makes for a task: `<task><suffix>`. */
static const char *const dm_task_suffixes[] = { "_syncer_checkpoint",
	"_onlineddl", "_syncer_sharding_meta", "_loader_checkpoint",
	"_lightning_checkpoint_list", "_validator_checkpoint",
	"_validator_pending_change", "_validator_error_change",
	"_validator_table_status", NULL };
/* As many of them, the first ones, are made here; the others are DM's alone. */
#define OWN_SUFFIXES 2

static struct dm_err *
create_table(struct dm_sql_conn *conn, const char *schema, const char *name,
    const char *columns)
{
	g_autoptr(GString) sql = g_string_new("CREATE TABLE IF NOT EXISTS ");

	dm_sql_append_table(sql, schema, name);
	g_string_append_printf(sql, " (%s)" META_TAIL, columns);
	return dm_sql_exec(conn, sql->str, sql->len, NULL);
}

struct dm_err *
dm_meta_create(struct dm_sql_conn *conn, const char *schema, const char *task)
{
	g_autoptr(GString) sql = g_string_new("CREATE DATABASE IF NOT EXISTS ");
	static const char *const own[OWN_SUFFIXES] = { checkpoint_columns,
		online_columns };
	struct dm_err *err;

	dm_sql_append_ident(sql, schema);
	err = dm_sql_exec(conn, sql->str, sql->len, NULL);
	for (size_t i = 0; err == NULL && dm_meta_table_names[i] != NULL; i++)
		err = create_table(
		    conn, schema, dm_meta_table_names[i], meta_columns[i]);
	for (size_t i = 0; err == NULL && i < OWN_SUFFIXES; i++) {
		g_autofree char *name =
		    g_strconcat(task, dm_task_suffixes[i], NULL);

		err = create_table(conn, schema, name, own[i]);
	}
	return err == NULL ? NULL
			   : dm_err_annotate(err, "create the task's metadata");
}

/* Runs sql; a database or table that is not there is no error. */
static struct dm_err *
exec_if_there(struct dm_sql_conn *conn, const GString *sql)
{
	struct dm_err *err = dm_sql_exec(conn, sql->str, sql->len, NULL);
	unsigned no;

	if (err == NULL)
		return NULL;
	no = dm_sql_last_errno(conn);
	if (no != ER_BAD_TABLE && !dm_sql_is_missing(no))
		return err;
	dm_err_free(err); /* nothing to remove */
	return NULL;
}

static void
append_text(GString *sql, const char *text)
{
	/* With the introducer the comparison is in the column's own collation
	 * whatever the connection's charset is, so the key is used. */
	g_string_append(sql, "_utf8mb4");
	dm_sql_append_string(sql, text, strlen(text));
}

/* " AND <column> IN (...)"; nothing when all sources are meant. */
static void
append_sources(GString *sql, const char *glue, const char *column,
    const char *const *sources)
{
	if (sources == NULL)
		return;
	g_string_append_printf(sql, "%s%s IN (NULL", glue, column);
	for (size_t i = 0; sources[i] != NULL; i++) {
		g_string_append(sql, ", ");
		append_text(sql, sources[i]);
	}
	g_string_append_c(sql, ')');
}

static struct dm_err *
remove_rows(struct dm_sql_conn *conn, const char *schema, const char *task,
    const char *const *sources)
{
	struct dm_err *err = NULL;

	/* The owner row goes last: a removal that breaks off can be run again.
	 */
	for (size_t i = DM_ARRAY_SIZE(meta_columns); err == NULL && i-- > 0;) {
		g_autoptr(GString) sql = g_string_new("DELETE FROM ");

		dm_sql_append_table(sql, schema, dm_meta_table_names[i]);
		g_string_append(sql, " WHERE task=");
		append_text(sql, task);
		append_sources(sql, " AND ", "source", sources);
		if (i == OWNER)
			g_string_append(sql, " AND (conn_ids IS NULL OR "
					     "conn_ids IN ('', '[]'))");
		err = exec_if_there(conn, sql);
	}
	return err;
}

/* What is left of owners: connections to the target that the next one has to
 * end. Nobody's (cluster 0), so that any cluster may take it, and of an epoch
 * that the fence lets nobody pass with. */
static struct dm_err *
disown_rows(struct dm_sql_conn *conn, const char *schema, const char *task,
    const char *const *sources)
{
	g_autoptr(GString) sql = g_string_new("UPDATE ");

	dm_sql_append_table(sql, schema, dm_meta_table_names[OWNER]);
	g_string_append(sql,
	    " SET cluster_id=0, epoch=0, worker='', phase='none', "
	    "base_name='', base_pos=0, base_gtid='', lane_count=0, "
	    "hash_version=0, lane_map=NULL WHERE task=");
	append_text(sql, task);
	append_sources(sql, " AND ", "source", sources);
	return exec_if_there(conn, sql);
}

struct dm_err *
dm_meta_remove(struct dm_sql_conn *conn, const char *schema, const char *task,
    const char *const *sources)
{
	struct dm_err *err = NULL;

	/* First: with no owner row they would be those of a task of the
	 * original, to be taken over. */
	for (size_t i = 0; err == NULL && dm_task_suffixes[i] != NULL; i++) {
		g_autofree char *name =
		    g_strconcat(task, dm_task_suffixes[i], NULL);
		g_autoptr(GString) sql = g_string_new("DROP TABLE IF EXISTS ");

		if (sources != NULL) {
			if (i >= OWN_SUFFIXES)
				break; /* the others belong to all sources */
			g_string_assign(sql, "DELETE FROM ");
		}
		dm_sql_append_table(sql, schema, name);
		append_sources(sql, " WHERE ", "id", sources);
		err = exec_if_there(conn, sql);
	}
	if (err == NULL)
		err = remove_rows(conn, schema, task, sources);
	if (err == NULL)
		err = disown_rows(conn, schema, task, sources);
	return err == NULL ? NULL
			   : dm_err_annotate(err, "remove the task's metadata");
}

static struct dm_err *
original_has_progress(struct dm_sql_conn *conn, const char *schema,
    const char *task, const char *source, bool *has)
{
	struct dm_progress p;
	struct dm_err *err = dm_progress_load(conn, schema, task, source, &p);

	*has = err == NULL && !dm_progress_is_zero(&p.global);
	dm_progress_fini(&p);
	return err;
}

struct dm_err *
dm_meta_has_progress(struct dm_sql_conn *conn, const char *schema,
    const char *task, const char *source, bool *has)
{
	g_autoptr(GString) sql = g_string_new("SELECT phase FROM ");
	g_autofree char *phase = NULL;
	struct dm_err *err;
	unsigned no;

	dm_sql_append_table(sql, schema, "dm_owner");
	g_string_append(sql, " WHERE task=");
	append_text(sql, task);
	g_string_append(sql, " AND source=");
	append_text(sql, source);
	err = dm_sql_query_string(conn, &phase, "%s", sql->str);
	no = err != NULL ? dm_sql_last_errno(conn) : 0;
	if (dm_sql_is_missing(no)) {
		dm_err_free(err); /* nothing was ever stored there */
		err = NULL;
	}
	*has = phase != NULL && strcmp(phase, "none") != 0;
	return err != NULL || *has
		   ? err
		   : original_has_progress(conn, schema, task, source, has);
}
