/* SPDX-License-Identifier: Apache-2.0 */
/* The original's tables, read: see dm_progress.h. */
#include "lib/meta/dm_progress.h"

#include <string.h>

/* "SELECT what FROM schema.task_suffix WHERE" */
static GString *
select_from(
    const char *what, const char *schema, const char *task, const char *suffix)
{
	g_autofree char *name = g_strconcat(task, suffix, NULL);
	GString *sql = g_string_new(NULL);

	g_string_printf(sql, "SELECT %s FROM ", what);
	dm_sql_append_table(sql, schema, name);
	g_string_append(sql, " WHERE ");
	return sql;
}

static void
append_equal(GString *sql, const char *column, const char *text)
{
	g_string_append_printf(sql, "%s=_utf8mb4", column);
	dm_sql_append_string(sql, text, strlen(text));
}

/* The first row; *more is false without one, and where there is no table. */
static struct dm_err *
first_row(struct dm_sql_conn *conn, const GString *sql,
    struct dm_sql_result **res, struct dm_sql_row *row, bool *more)
{
	struct dm_err *err = dm_sql_query(conn, sql->str, sql->len, true, res);

	*more = false;
	if (err == NULL)
		return dm_sql_next(*res, row, more);
	if (!dm_sql_is_missing(dm_sql_last_errno(conn)))
		return err;
	dm_err_free(err);
	return NULL;
}

static uint64_t
number(const char *cell)
{
	return cell == NULL ? 0 : g_ascii_strtoull(cell, NULL, 10);
}

static void
take_place(struct dm_progress_place *p, const char *const *cells)
{
	g_free(p->name);
	g_free(p->gtid);
	p->name = g_strdup(cells[0] == NULL ? "" : cells[0]);
	p->pos = number(cells[1]);
	p->gtid = g_strdup(cells[2] == NULL ? "" : cells[2]);
}

static struct dm_err *
load_global(struct dm_sql_conn *conn, const char *schema, const char *task,
    const char *source, struct dm_progress *p)
{
	g_autoptr(GString) sql = select_from(
	    "binlog_name, binlog_pos, binlog_gtid, exit_safe_binlog_name, "
	    "exit_safe_binlog_pos, exit_safe_binlog_gtid",
	    schema, task, "_syncer_checkpoint");
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more;

	append_equal(sql, "id", source);
	g_string_append(sql, " AND cp_schema='' AND cp_table=''");
	err = first_row(conn, sql, &res, &row, &more);
	if (err == NULL && more) {
		take_place(&p->global, row.cells);
		take_place(&p->exit, row.cells + 3);
	}
	return err;
}

static struct dm_err *
load_text(struct dm_sql_conn *conn, const GString *sql, char **text)
{
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more;

	err = first_row(conn, sql, &res, &row, &more);
	*text = g_strdup(
	    err == NULL && more && row.cells[0] != NULL ? row.cells[0] : "");
	return err;
}

static struct dm_err *
load_count(struct dm_sql_conn *conn, const GString *sql, uint64_t *n)
{
	g_autofree char *text = NULL;
	struct dm_err *err = load_text(conn, sql, &text);

	*n = number(text);
	return err;
}

struct dm_err *
dm_progress_load(struct dm_sql_conn *conn, const char *schema, const char *task,
    const char *source, struct dm_progress *p)
{
	static const char *const nowhere[] = { NULL, NULL, NULL };
	g_autoptr(GString) tables =
	    select_from("COUNT(*)", schema, task, "_syncer_checkpoint");
	g_autoptr(GString) shards =
	    select_from("COUNT(*)", schema, task, "_syncer_sharding_meta");
	g_autoptr(GString) load =
	    select_from("status", schema, task, "_lightning_checkpoint_list");
	struct dm_err *err;

	*p = (struct dm_progress){ 0 };
	take_place(&p->global, nowhere);
	take_place(&p->exit, nowhere);
	append_equal(tables, "id", source);
	g_string_append(tables, " AND NOT (cp_schema='' AND cp_table='')");
	append_equal(shards, "source_id", source);
	g_string_append(shards, " AND JSON_LENGTH(data) > 0");
	append_equal(load, "task_name", task);
	g_string_append(load, " AND ");
	append_equal(load, "source_name", source);
	err = load_global(conn, schema, task, source, p);
	if (err == NULL)
		err = load_count(conn, tables, &p->n_tables);
	if (err == NULL)
		err = load_count(conn, shards, &p->unresolved);
	if (err == NULL)
		err = load_text(conn, load, &p->load);
	return err == NULL ? NULL
			   : dm_err_annotate(err,
				 "read what the original stored of this task");
}

static void
place_fini(struct dm_progress_place *p)
{
	g_free(p->name);
	g_free(p->gtid);
}

void
dm_progress_fini(struct dm_progress *p)
{
	place_fini(&p->global);
	place_fini(&p->exit);
	g_free(p->load);
	*p = (struct dm_progress){ 0 };
}

bool
dm_progress_is_zero(const struct dm_progress_place *p)
{
	return p->name[0] == '\0' && p->gtid[0] == '\0';
}
