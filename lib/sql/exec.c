/* SPDX-License-Identifier: Apache-2.0 */
/* Statements without results, one or several in a packet: see sql.h. */
#include "lib/sql/conn_int.h"

#include <stdarg.h>

#define DDL_TIMEOUT_S 2000000u /* 23 days */

/* Take the result that is there, and count its rows or those affected. */
static struct dm_err *
take_result(struct dm_sql_conn *conn, enum dm_sql_call call, const char *sql,
    size_t len, uint64_t *count)
{
	MYSQL_RES *res;

	if (mysql_field_count(conn->my) == 0) {
		*count = mysql_affected_rows(conn->my);
		return NULL;
	}
	res = mysql_store_result(conn->my);
	if (res == NULL)
		return dm_sql_failed_(conn, call, sql, len);
	*count = mysql_num_rows(res);
	mysql_free_result(res);
	return NULL;
}

struct dm_err *
dm_sql_drain_(struct dm_sql_conn *conn, enum dm_sql_call call, const char *sql,
    size_t len)
{
	struct dm_err *err;
	uint64_t count;
	int more;

	while ((more = mysql_next_result(conn->my)) == 0) {
		err = take_result(conn, call, sql, len, &count);
		if (err != NULL)
			return err;
	}
	return more > 0 ? dm_sql_failed_(conn, call, sql, len) : NULL;
}

struct dm_err *
dm_sql_exec(
    struct dm_sql_conn *conn, const char *sql, size_t len, uint64_t *affected)
{
	struct dm_err *err;
	uint64_t count;

	conn->last_errno = 0;
	if (mysql_real_query(conn->my, sql, len) != 0)
		return dm_sql_failed_(conn, DM_SQL_WRITE, sql, len);
	err = take_result(conn, DM_SQL_WRITE, sql, len, &count);
	if (err == NULL)
		err = dm_sql_drain_(conn, DM_SQL_WRITE, sql, len);
	if (err == NULL && affected != NULL)
		*affected = count;
	return err;
}

struct dm_err *
dm_sql_exec_ddl(struct dm_sql_conn *conn, const char *sql, size_t len)
{
	unsigned before = conn->read_timeout_s;
	struct dm_err *err;

	dm_sql_set_read_timeout(conn, DDL_TIMEOUT_S);
	err = dm_sql_exec(conn, sql, len, NULL);
	dm_sql_set_read_timeout(conn, before);
	return err;
}

struct dm_err *
dm_sql_execf(struct dm_sql_conn *conn, const char *fmt, ...)
{
	g_autoptr(GString) sql = g_string_new(NULL);
	va_list ap;

	va_start(ap, fmt);
	g_string_vprintf(sql, fmt, ap);
	va_end(ap);
	return dm_sql_exec(conn, sql->str, sql->len, NULL);
}

struct dm_err *
dm_sql_exec_multi(
    struct dm_sql_conn *conn, const char *sql, size_t len, GArray *counts)
{
	struct dm_err *err;
	uint64_t count;
	int more;

	g_array_set_size(counts, 0);
	conn->last_errno = 0;
	/* It fails with 1 or -1; mysql_next_result's -1 means "no more". */
	if (mysql_real_query(conn->my, sql, len) != 0)
		return dm_sql_failed_(conn, DM_SQL_WRITE, sql, len);
	more = 0;
	while (more == 0) {
		err = take_result(conn, DM_SQL_WRITE, sql, len, &count);
		if (err != NULL)
			return err;
		g_array_append_val(counts, count);
		more = mysql_next_result(conn->my);
	}
	return more > 0 ? dm_sql_failed_(conn, DM_SQL_WRITE, sql, len) : NULL;
}
