/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of dm_xa, where prepared transactions begin: see undecided.h. */
#include "worker/meta_internal.h"
#include "worker/sync/undecided.h"

#include <inttypes.h>
#include <string.h>

/* Rows that go with one statement; the others go with the next sweep. */
#define SWEEP_MAX 1000U

struct dm_err *
xa_meta_load(struct meta *m, struct dm_sql_conn *conn, struct undecided *u)
{
	g_autofree char *name = meta_table_name(m, "dm_xa");
	DM_AUTO(dm_sql_result) res = NULL;
	bool more = true;
	struct dm_err *err;

	err = dm_sql_queryf(conn, &res,
	    "SELECT binlog_name, binlog_pos, format, xid FROM %s WHERE %s",
	    name, m->key);
	while (err == NULL) {
		struct dm_sql_row row;
		struct dm_pos start;
		struct dm_xid xid;

		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		if (meta_cell_u64(&row, 2) > 1)
			return dm_err_new(
			    META_FORMAT, name, meta_cell(&row, 2), "1");
		start = meta_cell_pos(&row, 0);
		g_strlcpy(xid.text, meta_cell(&row, 3), sizeof(xid.text));
		undecided_add_row(u, &start, &xid);
	}
	return err;
}

struct dm_err *
xa_meta_put(struct meta *m, struct dm_sql_conn *conn,
    const struct dm_pos *start, const struct dm_xid *xid)
{
	g_autoptr(GString) sql = g_string_new("REPLACE INTO ");

	meta_append_name(sql, m, "dm_xa");
	g_string_append(
	    sql, " (task, source, binlog_name, binlog_pos, xid) VALUES (");
	meta_append_text(sql, m->task);
	g_string_append(sql, ", ");
	meta_append_text(sql, m->source);
	g_string_append(sql, ", ");
	meta_append_text(sql, start->name);
	g_string_append_printf(sql, ", %" PRIu64 ", ", start->pos);
	meta_append_text(sql, xid->text);
	g_string_append_c(sql, ')');
	return meta_run_fenced(m, conn, sql);
}

static void
append_start(GString *sql, const struct dm_pos *start)
{
	g_string_append(sql, "(binlog_name=");
	meta_append_text(sql, start->name);
	g_string_append_printf(sql, " AND binlog_pos=%" PRIu64 ")", start->pos);
}

struct dm_err *
xa_meta_forget(struct meta *m, struct dm_sql_conn *conn,
    const struct dm_pos *start, bool *there)
{
	g_autoptr(GString) where = g_string_new("");
	g_autoptr(GString) sql = g_string_new("DELETE ");
	g_autofree char *n = NULL;
	struct dm_err *err;

	g_string_append(where, "FROM ");
	meta_append_from(where, m, "dm_xa");
	g_string_append(where, " AND ");
	append_start(where, start);
	err = dm_sql_query_string(conn, &n, "SELECT COUNT(*) %s", where->str);
	*there = err == NULL && n != NULL && strcmp(n, "0") != 0;
	if (!*there)
		return err;
	g_string_append(sql, where->str);
	return meta_run_fenced(m, conn, sql);
}

static bool
is_over(const struct undecided_row *r, const struct dm_pos *low)
{
	return r->decided.name[0] != '\0' && dm_pos_cmp(&r->decided, low) <= 0;
}

struct dm_err *
xa_meta_sweep(struct meta *m, struct dm_sql_conn *conn, struct undecided *u,
    const struct dm_pos *low)
{
	g_autoptr(GString) sql = g_string_new("DELETE FROM ");
	struct dm_err *err;
	guint n = 0, left = 0;

	meta_append_from(sql, m, "dm_xa");
	for (guint i = 0; i < u->rows->len && n < SWEEP_MAX; i++) {
		const struct undecided_row *r =
		    &g_array_index(u->rows, struct undecided_row, i);

		if (!is_over(r, low))
			continue;
		g_string_append(sql, n++ == 0 ? " AND (" : " OR ");
		append_start(sql, &r->start);
	}
	if (n == 0)
		return NULL;
	g_string_append_c(sql, ')');
	err = meta_run_fenced(m, conn, sql);
	for (guint i = 0; err == NULL && i < u->rows->len; i++) {
		struct undecided_row *r =
		    &g_array_index(u->rows, struct undecided_row, i);

		if (n > 0 && is_over(r, low))
			n--;
		else
			g_array_index(u->rows, struct undecided_row, left++) =
			    *r;
	}
	if (err == NULL)
		g_array_set_size(u->rows, left);
	return err;
}
