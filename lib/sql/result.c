/* SPDX-License-Identifier: Apache-2.0 */
/* Queries and their rows: see sql.h. */
#include "lib/sql/conn_int.h"

#include <stdarg.h>

struct dm_sql_result {
	struct dm_sql_conn *conn;
	MYSQL_RES *res;
	MYSQL_FIELD *fields; /* of res */
	unsigned n_fields;
	bool streamed, ended;
	char *sql; /* for the text of errors while rows are read */
	size_t sql_len;
};

struct dm_err *
dm_sql_query(struct dm_sql_conn *conn, const char *sql, size_t len, bool store,
    struct dm_sql_result **out)
{
	struct dm_sql_result *r;
	MYSQL_RES *res;

	conn->last_errno = 0;
	if (mysql_real_query(conn->my, sql, len) != 0)
		return dm_sql_failed_(conn, DM_SQL_READ, sql, len);
	res = store ? mysql_store_result(conn->my) : mysql_use_result(conn->my);
	if (res == NULL && mysql_errno(conn->my) != 0)
		return dm_sql_failed_(conn, DM_SQL_READ, sql, len);
	r = g_new0(struct dm_sql_result, 1);
	r->conn = conn;
	r->res = res;
	r->streamed = res != NULL && !store;
	r->n_fields = res != NULL ? mysql_num_fields(res) : 0;
	r->fields = res != NULL ? mysql_fetch_fields(res) : NULL;
	/* Only the start of it is ever shown. */
	r->sql_len = MIN(len, (size_t)2048);
	r->sql = g_memdup2(sql, r->sql_len);
	*out = r;
	return NULL;
}

struct dm_err *
dm_sql_queryf(
    struct dm_sql_conn *conn, struct dm_sql_result **res, const char *fmt, ...)
{
	g_autoptr(GString) sql = g_string_new(NULL);
	va_list ap;

	va_start(ap, fmt);
	g_string_vprintf(sql, fmt, ap);
	va_end(ap);
	return dm_sql_query(conn, sql->str, sql->len, true, res);
}

struct dm_err *
dm_sql_next(struct dm_sql_result *r, struct dm_sql_row *row, bool *more)
{
	MYSQL_ROW cells = NULL;
	struct dm_err *err = NULL;

	dm_assert(r != NULL);
	if (r->res != NULL && !r->ended)
		cells = mysql_fetch_row(r->res);
	if (cells != NULL) {
		row->cells = (const char *const *)cells;
		row->lengths = mysql_fetch_lengths(r->res);
		row->n = r->n_fields;
		*more = true;
		return NULL;
	}
	/* A stream also ends when it breaks. */
	if (r->streamed && !r->ended && mysql_errno(r->conn->my) != 0)
		err = dm_sql_failed_(r->conn, DM_SQL_READ, r->sql, r->sql_len);
	r->ended = true;
	if (err == NULL)
		*more = false;
	return err;
}

bool
dm_sql_next_is_large(struct dm_sql_result *r)
{
	/* Behind the last row nothing would ever come. */
	return r->streamed && !r->ended && dm_sql_large_input_(r->conn);
}

const char *
dm_sql_column(struct dm_sql_result *r, unsigned i)
{
	dm_assert(i < r->n_fields);
	return r->fields[i].name;
}

void
dm_sql_result_free(struct dm_sql_result *r)
{
	if (r == NULL)
		return;
	/* libmariadb would read the rest, which may be a whole table. */
	if (r->streamed && !r->ended)
		dm_sql_interrupt(r->conn);
	if (r->res != NULL)
		mysql_free_result(r->res);
	g_free(r->sql);
	g_free(r);
}

struct dm_err *
dm_sql_query_string(
    struct dm_sql_conn *conn, char **value, const char *fmt, ...)
{
	g_autoptr(GString) sql = g_string_new(NULL);
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	va_list ap;
	bool more;

	va_start(ap, fmt);
	g_string_vprintf(sql, fmt, ap);
	va_end(ap);
	err = dm_sql_query(conn, sql->str, sql->len, true, &res);
	if (err != NULL)
		return err;
	err = dm_sql_next(res, &row, &more);
	if (err != NULL)
		return err;
	*value = more && row.n > 0 ? g_strdup(row.cells[0]) : NULL;
	return NULL;
}
