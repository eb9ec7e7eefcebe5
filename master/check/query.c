/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to servers that several checks ask. Blocking; any thread. */
#include "master/check/check_int.h"

#include <string.h>

struct dm_err *
check_query_map(struct dm_sql_conn *conn, const char *sql, GHashTable **pairs)
{
	DM_AUTO(dm_sql_result) res = NULL;
	g_autoptr(GHashTable) map =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	struct dm_sql_row row;
	struct dm_err *err;
	bool more;

	err = dm_sql_query(conn, sql, strlen(sql), true, &res);
	if (err != NULL)
		return err;
	for (;;) {
		err = dm_sql_next(res, &row, &more);
		if (err != NULL)
			return err;
		if (!more)
			break;
		if (row.n >= 2 && row.cells[0] != NULL)
			g_hash_table_replace(map, g_strdup(row.cells[0]),
			    g_strdup(row.cells[1] != NULL ? row.cells[1] : ""));
	}
	*pairs = g_steal_pointer(&map);
	return NULL;
}

static struct dm_err *
grants_read(struct dm_sql_conn *conn, const char *sql, struct grants *g)
{
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more;

	err = dm_sql_query(conn, sql, strlen(sql), true, &res);
	while (err == NULL) {
		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		if (row.n > 0 && row.cells[0] != NULL)
			grants_add(g, row.cells[0]);
	}
	return err;
}

struct dm_err *
check_query_grants(struct dm_sql_conn *conn, struct grants **out)
{
	DM_AUTO(grants) g = grants_new();
	struct dm_err *err;

	err = grants_read(conn, "SHOW GRANTS", g);
	/* MariaDB lists what active roles give by itself. */
	if (err == NULL && grants_roles(g) != NULL &&
	    !dm_sql_is_mariadb(conn)) {
		DM_AUTO(grants) with_roles = grants_new();
		g_autofree char *sql =
		    g_strconcat("SHOW GRANTS FOR CURRENT_USER() USING ",
			grants_roles(g), NULL);

		err = grants_read(conn, sql, with_roles);
		if (err == NULL) {
			grants_free(g);
			g = DM_TAKE(with_roles);
		}
	}
	if (err != NULL)
		return err;
	*out = DM_TAKE(g);
	return NULL;
}
