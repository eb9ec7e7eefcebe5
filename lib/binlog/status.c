/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server says of its binlog: see stream.h.
 * SOURCE: dm/pkg/conn/utils.go, reference/data-plane 10.2.
 */
#include "lib/binlog/stream.h"

#include <string.h>

/* SHOW MASTER STATUS lost its old name in MySQL 8.4. */
static bool
has_new_names(struct dm_sql_conn *conn)
{
	const char *v = dm_sql_server_version(conn);
	char *end;
	guint64 major = g_ascii_strtoull(v, &end, 10), minor = 0;

	if (dm_sql_is_mariadb(conn))
		return false;
	if (*end == '.')
		minor = g_ascii_strtoull(end + 1, NULL, 10);
	return major > 8 || (major == 8 && minor >= 4);
}

/* MySQL wraps long sets. */
static char *
one_line(const char *text)
{
	char *s = g_strdup(text != NULL ? text : ""), *to = s;

	for (const char *from = s; *from != '\0'; from++) {
		if (!g_ascii_isspace(*from))
			*to++ = *from;
	}
	*to = '\0';
	return s;
}

struct dm_err *
dm_binlog_master_status(
    struct dm_sql_conn *conn, struct dm_pos *pos, char **gtid)
{
	const char *sql = has_new_names(conn) ? "SHOW BINARY LOG STATUS"
					      : "SHOW MASTER STATUS";
	DM_AUTO(dm_sql_result) res = NULL;
	g_autofree char *set = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more;

	err = dm_sql_query(conn, sql, strlen(sql), true, &res);
	if (err != NULL)
		return err;
	err = dm_sql_next(res, &row, &more);
	if (err != NULL)
		return err;
	if (!more || row.n < 2 || row.cells[0] == NULL || row.cells[1] == NULL)
		return dm_err_new(NO_MASTER_STATUS);
	if (dm_sql_is_mariadb(conn)) {
		if (gtid != NULL)
			err = dm_sql_query_string(
			    conn, &set, "SELECT @@global.gtid_binlog_pos");
	} else {
		set = one_line(row.n > 4 ? row.cells[4] : "");
	}
	if (err != NULL)
		return err;
	*pos =
	    dm_pos_make(row.cells[0], g_ascii_strtoull(row.cells[1], NULL, 10));
	if (gtid != NULL)
		*gtid = set != NULL ? DM_TAKE(set) : g_strdup("");
	return NULL;
}

struct dm_err *
dm_binlog_list(struct dm_sql_conn *conn, GPtrArray **names, GArray **sizes)
{
	g_autoptr(GPtrArray) n = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GArray) z = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more;

	err = dm_sql_queryf(conn, &res, "SHOW BINARY LOGS");
	if (err != NULL)
		return err;
	while ((err = dm_sql_next(res, &row, &more)) == NULL && more) {
		uint64_t size = 0;

		if (row.n < 2 || row.cells[0] == NULL)
			continue;
		if (row.cells[1] != NULL)
			size = g_ascii_strtoull(row.cells[1], NULL, 10);
		g_ptr_array_add(n, g_strdup(row.cells[0]));
		g_array_append_val(z, size);
	}
	if (err != NULL)
		return err;
	if (names != NULL)
		*names = g_steal_pointer(&n);
	if (sizes != NULL)
		*sizes = g_steal_pointer(&z);
	return NULL;
}
