/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of dm_xa, where prepared transactions begin: see undecided.h. */
#include "worker/meta_internal.h"
#include "worker/sync/undecided.h"

#include <inttypes.h>

struct dm_err *
xa_meta_load(struct meta *m, struct dm_sql_conn *conn, struct undecided *u)
{
	g_autofree char *name = meta_table_name(m, "dm_xa");
	DM_AUTO(dm_sql_result) res = NULL;
	bool more = true;
	struct dm_err *err;

	err = dm_sql_queryf(conn, &res,
	    "SELECT binlog_name, binlog_pos, format FROM %s WHERE %s", name,
	    m->key);
	while (err == NULL) {
		struct dm_sql_row row;
		struct dm_pos start;

		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		if (meta_cell_u64(&row, 2) > 1)
			return dm_err_new(
			    META_FORMAT, name, meta_cell(&row, 2), "1");
		start = meta_cell_pos(&row, 0);
		undecided_add_row(u, &start);
	}
	return err;
}

/* Between BEGIN and COMMIT, while no other owner can come. */
static struct dm_err *
run_fenced(struct meta *m, struct dm_sql_conn *conn, const GString *sql)
{
	struct dm_err *err = dm_sql_execf(conn, "BEGIN");

	if (err == NULL)
		err = meta_check_fence(m, conn);
	if (err == NULL)
		err = dm_sql_exec(conn, sql->str, sql->len, NULL);
	if (err == NULL)
		err = dm_sql_execf(conn, "COMMIT");
	return err; /* with one the run ends, and with it the connection */
}

struct dm_err *
xa_meta_put(
    struct meta *m, struct dm_sql_conn *conn, const struct dm_pos *start)
{
	g_autoptr(GString) sql = g_string_new("REPLACE INTO ");

	meta_append_name(sql, m, "dm_xa");
	g_string_append(
	    sql, " (task, source, binlog_name, binlog_pos) VALUES (");
	meta_append_text(sql, m->task);
	g_string_append(sql, ", ");
	meta_append_text(sql, m->source);
	g_string_append(sql, ", ");
	meta_append_text(sql, start->name);
	g_string_append_printf(sql, ", %" PRIu64 ")", start->pos);
	return run_fenced(m, conn, sql);
}

static struct dm_err *
delete_row(struct meta *m, struct dm_sql_conn *conn, const struct dm_pos *start)
{
	g_autoptr(GString) sql = g_string_new("DELETE FROM ");

	meta_append_name(sql, m, "dm_xa");
	g_string_append_printf(sql, " WHERE %s AND binlog_name=", m->key);
	meta_append_text(sql, start->name);
	g_string_append_printf(sql, " AND binlog_pos=%" PRIu64, start->pos);
	return run_fenced(m, conn, sql);
}

struct dm_err *
xa_meta_sweep(struct meta *m, struct dm_sql_conn *conn, struct undecided *u,
    const struct dm_pos *low)
{
	for (guint i = u->rows->len; i > 0; i--) {
		const struct undecided_row *r =
		    &g_array_index(u->rows, struct undecided_row, i - 1);
		struct dm_err *err;

		if (r->decided.name[0] == '\0' ||
		    dm_pos_cmp(&r->decided, low) > 0)
			continue;
		err = delete_row(m, conn, &r->start);
		if (err != NULL)
			return err;
		g_array_remove_index_fast(u->rows, i - 1);
	}
	return NULL;
}
