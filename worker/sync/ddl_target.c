/* SPDX-License-Identifier: Apache-2.0 */
/* A DDL as the target understands it: see ddl_target.h. */
#include "worker/sync/ddl_target.h"

#include "lib/log/log.h"

/* sql_mode bits that change how a statement is read; ours is canonical. */
#define SQLMODE_READING                                                        \
	(DM_SQLMODE_PIPES_AS_CONCAT | DM_SQLMODE_ANSI_QUOTES |                 \
	    DM_SQLMODE_IGNORE_SPACE | DM_SQLMODE_NO_BACKSLASH_ESCAPES)

/* The bits that mean the same in both: REAL_AS_FLOAT, ONLY_FULL_GROUP_BY,
 * NO_UNSIGNED_SUBTRACTION, NO_DIR_IN_CREATE, NO_AUTO_VALUE_ON_ZERO, those of
 * strictness and dates, HIGH_NOT_PRECEDENCE, NO_ENGINE_SUBSTITUTION,
 * PAD_CHAR_TO_FULL_LENGTH. */
#define SQLMODE_COMMON         UINT64_C(0xefe800e1)
#define SQLMODE_MYSQL_TRUNCATE (UINT64_C(1) << 32)
#define SQLMODE_MARIADB_ROUND  (UINT64_C(1) << 34)

static const struct dm_table *
table_before(
    struct tables *ts, const struct dm_ev_query *q, const struct dm_ddl *ddl)
{
	const struct dm_table_name *n;

	if (ddl->tables->len == 0)
		return NULL;
	n = &g_array_index(ddl->tables, struct dm_table_name, 0);
	if (n->table == NULL)
		return NULL;
	return dm_tracker_get(
	    ts->tracker, n->schema != NULL ? n->schema : q->schema, n->table);
}

struct dm_err *
ddl_translate(struct tables *ts, const struct dm_ev_query *q,
    const struct dm_ddl *ddl, struct dm_ddl **own, bool *nothing)
{
	g_autoptr(GString) left_out = g_string_new(NULL);
	struct dm_dialect dialect = ts->dialect;
	const char *utf8mb4 = g_hash_table_lookup(
	    ts->collations, GUINT_TO_POINTER((guint)q->utf8mb4_collation));
	struct dm_err *err;

	*nothing = false;
	if (!dialect.active)
		return NULL;
	if (utf8mb4 != NULL)
		dialect.utf8mb4 = utf8mb4;
	err = dm_ddl_parse(
	    q->sql, q->sql_len, q->has_sql_mode ? q->sql_mode : 0, own);
	if (err != NULL)
		return err;
	*nothing =
	    !dm_dialect_ddl(&dialect, *own, table_before(ts, q, ddl), left_out);
	if (left_out->len > 0)
		dm_warn("the target has no such thing: left out there",
		    dm_kstr("what", left_out->str),
		    dm_kstr("statement", q->sql));
	return NULL;
}

/* MySQL rounds fractions of seconds where it is not told otherwise, MariaDB
 * cuts them. */
static uint64_t
sql_mode_of(const struct tables *ts, const struct dm_ev_query *q)
{
	uint64_t mode = q->sql_mode & ~(uint64_t)SQLMODE_READING;

	if (!ts->dialect.active)
		return mode;
	if ((mode & SQLMODE_MYSQL_TRUNCATE) != 0)
		return mode & SQLMODE_COMMON;
	return (mode & SQLMODE_COMMON) | SQLMODE_MARIADB_ROUND;
}

struct dm_err *
ddl_set_session(
    struct tables *ts, struct dm_sql_conn *conn, const struct dm_ev_query *q)
{
	g_autofree char *collation = NULL;
	struct dm_err *err = NULL;

	if (!dm_sql_is_mariadb(conn))
		return NULL;
	if (q->has_sql_mode)
		err = dm_sql_execf(conn, "SET sql_mode=%" G_GUINT64_FORMAT,
		    sql_mode_of(ts, q));
	if (err != NULL || !q->has_charset)
		return err;
	if (!ts->dialect.active)
		return dm_sql_execf(
		    conn, "SET collation_server=%u", q->server_collation);
	collation = tables_collation(ts, q->server_collation);
	return collation == NULL
		   ? NULL
		   : dm_sql_execf(conn, "SET collation_server=%s", collation);
}
