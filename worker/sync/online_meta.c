/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of `<task>_onlineddl`: see online_meta.h. */
#include "worker/sync/online_meta.h"

#include "worker/meta_internal.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct online_ddl *
online_ddl_new(const char *schema, const char *table, const char *real_schema,
    const char *real_table)
{
	struct online_ddl *o = g_new0(struct online_ddl, 1);

	o->schema = g_strdup(schema);
	o->table = g_strdup(table);
	o->real_schema = g_strdup(real_schema);
	o->real_table = g_strdup(real_table);
	o->ddls = g_ptr_array_new_with_free_func(g_free);
	return o;
}

struct online_ddl *
online_ddl_copy(const struct online_ddl *o, guint skip)
{
	struct online_ddl *n =
	    online_ddl_new(o->schema, o->table, o->real_schema, o->real_table);

	for (guint i = skip; i < o->ddls->len; i++)
		g_ptr_array_add(
		    n->ddls, g_strdup(g_ptr_array_index(o->ddls, i)));
	return n;
}

void
online_ddl_free(struct online_ddl *o)
{
	if (o == NULL)
		return;
	g_free(o->schema);
	g_free(o->table);
	g_free(o->real_schema);
	g_free(o->real_table);
	g_ptr_array_unref(o->ddls);
	g_free(o);
}

static void
free_entry(gpointer p)
{
	online_ddl_free(p);
}

/* ---- the form ---- */

char *
online_ddl_text(const struct online_ddl *o)
{
	json_t *all = json_object(), *ddls = json_array();
	g_autofree char *copy = NULL;
	char *text;

	for (guint i = 0; i < o->ddls->len; i++)
		json_array_append_new(
		    ddls, json_string(g_ptr_array_index(o->ddls, i)));
	json_object_set_new(all, "schema", json_string(o->real_schema));
	json_object_set_new(all, "table", json_string(o->real_table));
	json_object_set_new(all, "ddls", ddls);
	text = json_dumps(all, JSON_COMPACT);
	copy = g_strdup(text != NULL ? text : "{}");
	free(text);
	json_decref(all);
	return DM_TAKE(copy);
}

static bool
take_string(json_t *all, const char *key, char **to)
{
	json_t *s = json_object_get(all, key);

	if (!json_is_string(s))
		return false;
	g_free(*to);
	*to = g_strdup(json_string_value(s));
	return true;
}

struct dm_err *
online_ddl_read(struct online_ddl *o, const char *text)
{
	json_t *all = json_loads(text, 0, NULL), *ddls, *s;
	bool good = take_string(all, "schema", &o->real_schema) &&
		    take_string(all, "table", &o->real_table);
	size_t i;

	ddls = json_object_get(all, "ddls");
	/* Go writes a list that has none as null. */
	good = good && (json_is_array(ddls) || json_is_null(ddls));
	json_array_foreach(ddls, i, s)
	{
		good = good && json_is_string(s);
		if (good)
			g_ptr_array_add(
			    o->ddls, g_strdup(json_string_value(s)));
	}
	json_decref(all);
	if (good)
		return NULL;
	return dm_err_set_cause(dm_err_new(SYNCER_UNIT_ONLINE_DDL_INVALID_META),
	    "ghost_schema %s, ghost_table %s: %.200s", o->schema, o->table,
	    text);
}

/* ---- rows ---- */

static char *
table_of(const struct meta *m)
{
	g_autofree char *name = g_strconcat(m->task, "_onlineddl", NULL);

	return dm_sql_quote_table(m->schema, name);
}

struct dm_err *
online_meta_load(struct meta *m, struct dm_sql_conn *conn, GPtrArray **list)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(free_entry);
	g_autofree char *table = table_of(m);
	g_autoptr(GString) sql = g_string_new("SELECT ghost_schema, "
					      "ghost_table, ddls FROM ");
	DM_AUTO(dm_sql_result) res = NULL;
	bool more = true;
	struct dm_err *err;

	g_string_append_printf(sql, "%s WHERE id=", table);
	meta_append_text(sql, m->source);
	err = dm_sql_query(conn, sql->str, sql->len, true, &res);
	while (err == NULL) {
		struct dm_sql_row row;
		struct online_ddl *o;

		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		o = online_ddl_new(
		    meta_cell(&row, 0), meta_cell(&row, 1), "", "");
		g_ptr_array_add(all, o);
		err = online_ddl_read(o, meta_cell(&row, 2));
	}
	if (err == NULL)
		*list = g_steal_pointer(&all);
	return err;
}

static struct dm_err *
delete_row(struct meta *m, struct dm_sql_conn *conn, const char *table,
    const struct online_ddl *o)
{
	g_autoptr(GString) sql = g_string_new("DELETE FROM ");

	g_string_append_printf(sql, "%s WHERE id=", table);
	meta_append_text(sql, m->source);
	g_string_append(sql, " AND ghost_schema=");
	meta_append_text(sql, o->schema);
	g_string_append(sql, " AND ghost_table=");
	meta_append_text(sql, o->table);
	return dm_sql_exec(conn, sql->str, sql->len, NULL);
}

/* JSON has no other texts. What could not be kept must not be forgotten. */
static struct dm_err *
check_utf8(const struct online_ddl *o)
{
	for (guint i = 0; i < o->ddls->len; i++) {
		const char *text = g_ptr_array_index(o->ddls, i);

		if (!g_utf8_validate(text, -1, NULL))
			return dm_err_set_workaround(
			    dm_err_set_cause(
				dm_err_new(SYNCER_UNIT_ONLINE_DDL_INVALID_META),
				"ghost_schema %s, ghost_table %s: a statement "
				"that is not UTF-8 cannot be remembered",
				o->schema, o->table),
			    "let the tool connect with utf8mb4; for this "
			    "statement `binlog skip`, and run it for the real "
			    "table at the target");
	}
	return NULL;
}

struct dm_err *
online_meta_put(
    struct meta *m, struct dm_sql_conn *conn, const struct online_ddl *o)
{
	g_autofree char *table = table_of(m), *text = online_ddl_text(o);
	g_autoptr(GString) sql = g_string_new("REPLACE INTO ");
	const char *const cells[] = { m->source, o->schema, o->table, text };
	struct dm_err *err = check_utf8(o);

	if (err != NULL)
		return err;
	if (o->ddls->len == 0)
		return delete_row(m, conn, table, o);
	g_string_append_printf(
	    sql, "%s (id, ghost_schema, ghost_table, ddls) VALUES (", table);
	for (size_t i = 0; i < DM_ARRAY_SIZE(cells); i++) {
		g_string_append(sql, i > 0 ? ", " : "");
		meta_append_text(sql, cells[i]);
	}
	g_string_append_c(sql, ')');
	return dm_sql_exec(conn, sql->str, sql->len, NULL);
}
