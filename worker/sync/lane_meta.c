/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes and intents in the target: see lane_meta.h. */
#include "worker/sync/lane_meta.h"

#include "worker/meta_internal.h"

#include <string.h>

static uint64_t
number(const char *text)
{
	return text == NULL ? 0 : g_ascii_strtoull(text, NULL, 10);
}

static struct dm_err *
load_map(struct meta *m, struct dm_sql_conn *conn, char **map)
{
	g_autofree char *owner = meta_table_name(m, "dm_owner");

	return dm_sql_query_string(
	    conn, map, "SELECT lane_map FROM %s WHERE %s", owner, m->key);
}

struct dm_err *
lane_meta_load(
    struct meta *m, struct dm_sql_conn *conn, GArray **marks, char **map)
{
	g_autofree char *table = meta_table_name(m, "dm_lane");
	g_autoptr(GArray) list =
	    g_array_new(FALSE, TRUE, sizeof(struct lane_mark));
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more = true;

	err = dm_sql_queryf(conn, &res,
	    "SELECT lane,binlog_name,binlog_pos,cut_name,cut_pos,cut_row,"
	    "format FROM %s WHERE %s ORDER BY lane",
	    table, m->key);
	while (err == NULL) {
		struct lane_mark mark;

		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		if (number(row.cells[6]) > 1)
			return dm_err_new(
			    META_FORMAT, table, row.cells[6], "1");
		if (number(row.cells[0]) != list->len)
			return dm_err_plain(
			    "lane %u is missing in %s", list->len, table);
		mark.done = dm_pos_make(row.cells[1], number(row.cells[2]));
		mark.cut = dm_pos_make(row.cells[3], number(row.cells[4]));
		mark.cut_row = number(row.cells[5]);
		g_array_append_val(list, mark);
	}
	if (err == NULL)
		err = load_map(m, conn, map);
	if (err == NULL)
		*marks = g_steal_pointer(&list);
	return err;
}

static struct dm_err *
rollback(struct dm_sql_conn *conn, struct dm_err *err)
{
	/* The first error tells the story; a lost connection rolls back. */
	dm_err_free(dm_sql_execf(conn, "ROLLBACK"));
	return err;
}

static struct dm_err *
insert_lanes(struct meta *m, struct dm_sql_conn *conn, unsigned n,
    const struct dm_pos *at)
{
	g_autofree char *table = meta_table_name(m, "dm_lane");
	g_autoptr(GString) s = g_string_new(NULL);

	g_string_printf(s,
	    "INSERT INTO %s (task,source,lane,format,epoch,binlog_name,"
	    "binlog_pos,binlog_gtid,cut_name,cut_pos,cut_row) VALUES ",
	    table);
	for (unsigned i = 0; i < n; i++) {
		g_string_append(s, i == 0 ? "(" : ",(");
		dm_sql_append_string(s, m->task, strlen(m->task));
		g_string_append_c(s, ',');
		dm_sql_append_string(s, m->source, strlen(m->source));
		g_string_append_printf(s,
		    ",%u,1,%" G_GUINT64_FORMAT ",'%s',%" G_GUINT64_FORMAT
		    ",'','',0,0)",
		    i, m->epoch, at->name, at->pos);
	}
	return dm_sql_exec(conn, s->str, s->len, NULL);
}

struct dm_err *
lane_meta_create(struct meta *m, struct dm_sql_conn *conn, unsigned n,
    const char *map, const struct dm_pos *at)
{
	g_autofree char *table = meta_table_name(m, "dm_lane");
	g_autofree char *owner = meta_table_name(m, "dm_owner");
	struct dm_err *err = dm_sql_execf(conn, "BEGIN");

	if (err == NULL)
		err = meta_check_fence(m, conn);
	if (err == NULL)
		err = dm_sql_execf(
		    conn, "DELETE FROM %s WHERE %s", table, m->key);
	if (err == NULL)
		err = insert_lanes(m, conn, n, at);
	if (err == NULL)
		err = dm_sql_execf(conn,
		    "UPDATE %s SET lane_count=%u,hash_version=%d,"
		    "lane_map='%s' WHERE %s",
		    owner, n, LANE_HASH_VERSION, map, m->key);
	if (err == NULL)
		err = dm_sql_execf(conn, "COMMIT");
	return err == NULL ? NULL : rollback(conn, err);
}

struct dm_err *
lane_meta_move(struct meta *m, struct dm_sql_conn *conn, unsigned n,
    const struct dm_pos *at)
{
	g_autofree char *table = meta_table_name(m, "dm_lane");
	g_autofree char *fence = meta_fence_expr(m);
	g_autofree char *sql = g_strdup_printf(
	    "UPDATE %s SET %s,binlog_name='%s',binlog_pos=%" G_GUINT64_FORMAT
	    ",cut_name='',cut_pos=0,cut_row=0 WHERE %s",
	    table, fence, at->name, at->pos, m->key);
	uint64_t rows = 0;
	struct dm_err *err = meta_name_fence(
	    m, conn, dm_sql_exec(conn, sql, strlen(sql), &rows));

	if (err == NULL && rows == 0)
		err = meta_gone(m);
	else if (err == NULL && rows != n)
		err = dm_err_plain("%s has %" G_GUINT64_FORMAT
				   " lanes of this task instead of %u",
		    table, rows, n);
	return err;
}

void
intent_free(struct intent *i)
{
	if (i == NULL)
		return;
	g_free(i->statement);
	g_free(i->db);
	g_free(i->tbl);
	g_free(i->before);
	g_free(i->after);
	g_free(i);
}

struct dm_err *
intent_load(struct meta *m, struct dm_sql_conn *conn, struct intent **out)
{
	g_autofree char *table = meta_table_name(m, "dm_intent");
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	bool more = false;
	struct intent *i;
	struct dm_err *err;

	*out = NULL;
	err = dm_sql_queryf(conn, &res,
	    "SELECT conn_id,statement,db,tbl,struct_before,struct_after,"
	    "start_name,start_pos,end_name,end_pos FROM %s WHERE %s",
	    table, m->key);
	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err != NULL || !more)
		return err;
	i = g_new0(struct intent, 1);
	i->conn_id = number(row.cells[0]);
	i->statement = g_strdup(row.cells[1]);
	i->db = g_strdup(row.cells[2]);
	i->tbl = g_strdup(row.cells[3]);
	i->before = g_strdup(row.cells[4] != NULL ? row.cells[4] : "");
	i->after = g_strdup(row.cells[5] != NULL ? row.cells[5] : "");
	i->start = dm_pos_make(row.cells[6], number(row.cells[7]));
	i->end = dm_pos_make(row.cells[8], number(row.cells[9]));
	*out = i;
	return NULL;
}

static void
append_quoted(GString *s, const char *text)
{
	g_string_append_c(s, ',');
	dm_sql_append_string(s, text, strlen(text));
}

struct dm_err *
intent_save(struct meta *m, struct dm_sql_conn *conn, const struct intent *i)
{
	g_autofree char *table = meta_table_name(m, "dm_intent");
	g_autoptr(GString) s = g_string_new(NULL);

	g_string_printf(s,
	    "REPLACE INTO %s (format,epoch,conn_id,start_pos,end_pos,task,"
	    "source,statement,db,tbl,struct_before,struct_after,start_name,"
	    "end_name) VALUES (1,%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT
	    ",%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT,
	    table, m->epoch, i->conn_id, i->start.pos, i->end.pos);
	append_quoted(s, m->task);
	append_quoted(s, m->source);
	append_quoted(s, i->statement);
	append_quoted(s, i->db);
	append_quoted(s, i->tbl);
	append_quoted(s, i->before);
	append_quoted(s, i->after);
	append_quoted(s, i->start.name);
	append_quoted(s, i->end.name);
	g_string_append_c(s, ')');
	return dm_sql_exec(conn, s->str, s->len, NULL);
}

struct dm_err *
intent_delete(struct meta *m, struct dm_sql_conn *conn)
{
	g_autofree char *table = meta_table_name(m, "dm_intent");

	return dm_sql_execf(conn, "DELETE FROM %s WHERE %s", table, m->key);
}

struct dm_err *
lane_meta_save_dm_checkpoint(struct meta *m, struct dm_sql_conn *conn,
    const struct dm_pos *at, const char *gtid, const struct dm_pos *safe_end)
{
	g_autofree char *table = meta_dm_checkpoint_name(m);
	g_autoptr(GString) s = g_string_new(NULL);

	g_string_printf(s,
	    "INSERT INTO %s (binlog_pos,exit_safe_binlog_pos,"
	    "exit_safe_binlog_gtid,is_global,table_info,cp_schema,cp_table,"
	    "exit_safe_binlog_name,id,binlog_name,binlog_gtid) VALUES "
	    "(%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT ",'',1,'null','',''",
	    table, at->pos, safe_end->pos);
	append_quoted(s, safe_end->name);
	append_quoted(s, m->source);
	append_quoted(s, at->name);
	append_quoted(s, gtid);
	g_string_append(s, ") ON DUPLICATE KEY UPDATE "
			   "binlog_name=VALUES(binlog_name),"
			   "binlog_pos=VALUES(binlog_pos),"
			   "binlog_gtid=VALUES(binlog_gtid),"
			   "exit_safe_binlog_name="
			   "VALUES(exit_safe_binlog_name),"
			   "exit_safe_binlog_pos=VALUES(exit_safe_binlog_pos),"
			   "exit_safe_binlog_gtid="
			   "VALUES(exit_safe_binlog_gtid)");
	return meta_run_fenced(m, conn, s);
}

/* Some columns of the task's row; *more is false without one. */
static struct dm_err *
checkpoint_row(struct meta *m, struct dm_sql_conn *conn, const char *columns,
    struct dm_sql_result **res, struct dm_sql_row *row, bool *more)
{
	g_autofree char *table = meta_dm_checkpoint_name(m);
	g_autoptr(GString) s = g_string_new(NULL);
	struct dm_err *err;

	*more = false;
	g_string_printf(s,
	    "SELECT %s FROM %s WHERE cp_schema='' AND cp_table='' AND id=",
	    columns, table);
	dm_sql_append_string(s, m->source, strlen(m->source));
	err = dm_sql_query(conn, s->str, s->len, true, res);
	return err == NULL ? dm_sql_next(*res, row, more) : err;
}

struct dm_err *
lane_meta_load_safe_end(
    struct meta *m, struct dm_sql_conn *conn, struct dm_pos *safe_end)
{
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	bool more;
	struct dm_err *err = checkpoint_row(m, conn,
	    "exit_safe_binlog_name,exit_safe_binlog_pos", &res, &row, &more);

	*safe_end = (struct dm_pos){ 0 };
	if (err == NULL && more && row.cells[0] != NULL)
		*safe_end = dm_pos_make(row.cells[0], number(row.cells[1]));
	return err;
}

struct dm_err *
lane_meta_load_dm_checkpoint(
    struct meta *m, struct dm_sql_conn *conn, struct dm_pos *at, char **gtid)
{
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	bool more;
	struct dm_err *err = checkpoint_row(
	    m, conn, "binlog_name,binlog_pos,binlog_gtid", &res, &row, &more);

	*gtid = NULL;
	if (err != NULL || !more || row.cells[0] == NULL)
		return err;
	*at = dm_pos_make(row.cells[0], number(row.cells[1]));
	*gtid = g_strdup(row.cells[2]);
	return NULL;
}
