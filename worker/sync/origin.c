/* SPDX-License-Identifier: Apache-2.0 */
/* The server that places belong to: see origin.h. */
#include "worker/sync/origin.h"

#include "worker/meta_internal.h"

#include <string.h>

void
origin_fini(struct origin *o)
{
	g_free(o->server);
	g_free(o->skip);
	*o = (struct origin){ 0 };
}

struct dm_err *
origin_ask(struct dm_sql_conn *source, char **server)
{
	return dm_sql_query_string(source, server, "%s",
	    dm_sql_is_mariadb(source)
		? "SELECT CONCAT(@@global.gtid_domain_id,'-',"
		  "@@global.server_id)"
		: "SELECT @@global.server_uuid");
}

/* The server id in "<domain>-<server id>"; NULL: it is a UUID. */
static const char *
server_id_in(const char *server)
{
	const char *dash = strchr(server, '-');

	if (dash == NULL || strspn(server, "0123456789-") != strlen(server) ||
	    strchr(dash + 1, '-') != NULL)
		return NULL;
	return dash + 1;
}

bool
origin_is_same(const char *a, const char *b)
{
	const char *ia = server_id_in(a), *ib = server_id_in(b);

	return ia != NULL && ib != NULL ? strcmp(ia, ib) == 0
					: strcmp(a, b) == 0;
}

struct dm_err *
origin_load(struct meta *m, struct dm_sql_conn *conn, struct origin *o)
{
	g_autofree char *table = meta_table_name(m, "dm_origin");
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more;

	*o = (struct origin){ 0 };
	err = dm_sql_queryf(conn, &res,
	    "SELECT server, skip_gtid FROM %s WHERE %s", table, m->key);
	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err != NULL || !more)
		return err;
	o->server = g_strdup(meta_cell(&row, 0));
	if (*meta_cell(&row, 1) != '\0')
		o->skip = g_strdup(meta_cell(&row, 1));
	return NULL;
}

struct dm_err *
origin_save(struct meta *m, struct dm_sql_conn *conn, const struct origin *o)
{
	g_autoptr(GString) sql = g_string_new("REPLACE INTO ");

	meta_append_name(sql, m, "dm_origin");
	g_string_append(sql, " (task, source, server, skip_gtid) VALUES (");
	meta_append_text(sql, m->task);
	g_string_append(sql, ", ");
	meta_append_text(sql, m->source);
	g_string_append(sql, ", ");
	meta_append_text(sql, o->server);
	g_string_append(sql, ", ");
	meta_append_text(sql, o->skip == NULL ? "" : o->skip);
	g_string_append_c(sql, ')');
	return dm_sql_exec(conn, sql->str, sql->len, NULL);
}

/* Its files have the place; *last: the newest of them is older than that. */
static struct dm_err *
dir_has(
    const struct relay_dir *d, const struct dm_pos *at, bool *has, bool *last)
{
	g_autoptr(GPtrArray) names = NULL;
	struct dm_pos file = dm_pos_make(at->name, 0), end = { 0 };
	struct dm_err *err = relay_dir_files(d, &names);

	*has = *last = false;
	for (guint i = 0; err == NULL && i < names->len; i++) {
		end = dm_pos_make(g_ptr_array_index(names, i), 0);
		*has |= strcmp(end.name, file.name) == 0;
	}
	*last = err == NULL && names->len > 0 && dm_pos_cmp(&end, &file) < 0;
	return err;
}

struct dm_err *
origin_find(struct relay_hub *hub, const char *server, const struct dm_pos *at,
    unsigned *suffix)
{
	g_autoptr(GPtrArray) dirs = NULL;
	struct relay_place end;
	struct dm_err *err;

	*suffix = 0;
	if (hub == NULL || at->name[0] == '\0' || !relay_hub_end(hub, &end))
		return NULL;
	err = relay_dirs_load(relay_hub_dir(hub), &dirs);
	for (guint i = err == NULL ? dirs->len : 0;
	     err == NULL && *suffix == 0 && i-- > 0;) {
		const struct relay_dir *d = g_ptr_array_index(dirs, i);
		bool has, last;

		if (!origin_is_same(d->uuid, server))
			continue;
		err = dir_has(d, at, &has, &last);
		/* What the newest one lacks is still to come. */
		if (has || (last && d->suffix == end.suffix))
			*suffix = d->suffix;
	}
	return err;
}
