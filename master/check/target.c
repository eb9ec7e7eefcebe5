/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks that ask the target. Runs when all sources have answered or
 * failed, since it needs the names of their tables.
 * SOURCE: pkg/checker/{privilege,conn_checker}.go. Differs: privileges on the
 * schemas that are written to are enough, they need not be global.
 */
#include "lib/meta/meta_tables.h"
#include "master/check/check_int.h"

#include <inttypes.h>
#include <string.h>

#define READ_TIMEOUT_S 30

static const enum priv needed[] = { PRIV_CREATE, PRIV_SELECT, PRIV_INSERT,
	PRIV_UPDATE, PRIV_DELETE, PRIV_ALTER, PRIV_DROP, PRIV_INDEX };

/* What the checks of the target share. */
struct target_check {
	const struct dm_task_cfg *task;
	const struct check_opts *o;
	struct check_src *all;
	size_t n;
	struct result_list *list;
	struct dm_sql_conn *conn;
	GPtrArray *schemas; /* written to; names, sorted, owned */
};

static gint
by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The target's schemas of all tables, and the meta schema. */
static GPtrArray *
schemas_of(const struct target_check *t)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	GHashTableIter it;
	gpointer name;

	g_hash_table_add(seen, t->task->meta_schema);
	for (size_t k = 0; k < t->n; k++)
		for (guint j = 0;
		     t->all[k].tables_known && j < t->all[k].tables->len; j++)
			g_hash_table_add(seen,
			    ((struct check_table *)t->all[k].tables->pdata[j])
				->to_schema);
	g_hash_table_iter_init(&it, seen);
	while (g_hash_table_iter_next(&it, &name, NULL))
		g_ptr_array_add(list, g_strdup(name));
	g_ptr_array_sort(list, by_text);
	return list;
}

static void
check_privilege(struct target_check *t)
{
	struct check_item *i = check_item_add(t->list,
	    "target db privilege checker", "check privileges of target DB");
	DM_AUTO(grants) g = NULL;
	struct dm_err *err = check_query_grants(t->conn, &g);

	if (err != NULL) {
		check_item_fail(i, err);
		return;
	}
	for (guint k = 0; k < t->schemas->len; k++) {
		const char *schema = t->schemas->pdata[k];
		g_autoptr(GString) lacking = g_string_new(NULL);
		g_autofree char *advice = NULL;

		for (size_t p = 0; p < DM_ARRAY_SIZE(needed); p++)
			if (!grants_schema(g, needed[p], schema))
				g_string_append_printf(lacking, "%s%s",
				    lacking->len > 0 ? ", " : "",
				    priv_name(needed[p]));
		if (lacking->len == 0)
			continue;
		advice = g_strdup_printf("GRANT %s ON `%s`.* TO '%s'@'%%';",
		    lacking->str, schema, t->task->target.user);
		(void)check_item_error(i, CHECK_WARN, advice,
		    "lack of %s privilege on schema %s; ", lacking->str,
		    schema);
	}
}

static void
check_connections(struct target_check *t)
{
	struct check_item *i =
	    check_item_add(t->list, "loader_conn_number_checker",
		"check if connetion concurrency exceeds database's maximum "
		"connection limit");
	g_autofree char *text = NULL;
	int64_t wanted = 0, max;
	struct dm_err *err;

	for (size_t k = 0; k < t->n; k++)
		wanted += (int64_t)t->all[k].inst->loader.pool_size + 1;
	err = dm_sql_query_string(
	    t->conn, &text, "SELECT @@GLOBAL.max_connections");
	if (err != NULL) {
		check_item_fail(i, err);
		return;
	}
	max = text != NULL ? g_ascii_strtoll(text, NULL, 10) : 0;
	if (max > 0 && max < wanted)
		(void)check_item_error(i, CHECK_WARN,
		    "set larger max_connections at the target, or smaller "
		    "`pool-size` of the loaders",
		    "database's max_connections: %" PRId64 " is less than "
		    "the amount loader needs: %" PRId64,
		    max, wanted);
}

static void
set_free(gpointer p)
{
	g_hash_table_unref(p);
}

static void
column_add(GHashTable *columns, const struct dm_sql_row *row)
{
	g_autofree char *name = NULL;
	char *key;
	GHashTable *set;

	if (row->n < 3 || row->cells[0] == NULL || row->cells[1] == NULL ||
	    row->cells[2] == NULL)
		return;
	name = dm_sql_quote_table(row->cells[0], row->cells[1]);
	key = g_utf8_strdown(name, -1);
	set = g_hash_table_lookup(columns, key);
	if (set == NULL) {
		set = g_hash_table_new_full(
		    g_str_hash, g_str_equal, g_free, NULL);
		g_hash_table_insert(columns, g_strdup(key), set);
	}
	g_free(key);
	g_hash_table_add(set, g_utf8_strdown(row->cells[2], -1));
}

/* *columns: as check_structure wants them. */
static struct dm_err *
columns_read(struct target_check *t, GHashTable **columns)
{
	g_autoptr(GHashTable) map =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, set_free);
	g_autoptr(GString) sql =
	    g_string_new("SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM "
			 "information_schema.COLUMNS WHERE TABLE_SCHEMA IN (");
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more;

	for (guint k = 0; k < t->schemas->len; k++) {
		const char *schema = t->schemas->pdata[k];

		g_string_append(sql, k > 0 ? ", " : "");
		dm_sql_append_string(sql, schema, strlen(schema));
	}
	g_string_append_c(sql, ')');
	err = dm_sql_query(t->conn, sql->str, sql->len, false, &res);
	for (;;) {
		if (err == NULL)
			err = dm_sql_next(res, &row, &more);
		if (err != NULL)
			return err;
		if (!more)
			break;
		column_add(map, &row);
	}
	*columns = g_steal_pointer(&map);
	return NULL;
}

static struct dm_err *
find_progress(struct target_check *t)
{
	struct dm_err *err = NULL;

	if (t->o->afresh)
		return NULL;
	for (size_t k = 0; err == NULL && k < t->n; k++)
		err = dm_meta_has_progress(t->conn, t->task->meta_schema,
		    t->task->name, t->all[k].cfg->source_id,
		    &t->all[k].goes_on);
	return err;
}

static void
target_items(struct target_check *t)
{
	g_autoptr(GHashTable) columns = NULL;
	struct dm_err *err;

	t->schemas = schemas_of(t);
	if (check_wants(t->task, "target_privilege"))
		check_privilege(t);
	if (check_copies(t->task) && check_wants(t->task, "conn_number"))
		check_connections(t);
	err = columns_read(t, &columns);
	if (err == NULL)
		err = find_progress(t);
	check_structure(t->task, t->all, t->n, columns, t->list);
	if (err != NULL)
		check_item_fail(
		    check_item_add(t->list, "target connection checker",
			"check whether the target can be read"),
		    err);
	g_ptr_array_unref(t->schemas);
}

void
check_target_run(const struct dm_task_cfg *task, const struct check_opts *o,
    struct check_src *all, size_t n, struct dm_cancel *cancel,
    struct result_list *list)
{
	struct target_check t = {
		.task = task, .o = o, .all = all, .n = n, .list = list
	};
	struct dm_sql_params p =
	    dm_db_cfg_params(&task->target, DM_SCOPE_DOWNSTREAM);
	struct dm_cancel_watch watch = { 0 };
	struct dm_err *err;

	p.read_timeout_s = READ_TIMEOUT_S;
	err = dm_sql_connect(&p, false, cancel, &t.conn);
	if (err != NULL) {
		err = dm_err_wrap(err, TASK_CHECK_FAILED_OPEN_DB,
		    task->target.user, task->target.host, task->target.port);
		err = dm_err_set_scope(err, DM_SCOPE_DOWNSTREAM);
		check_structure(task, all, n, NULL, list);
		check_item_fail(
		    check_item_add(list, "target connection checker",
			"check whether the target can be read"),
		    err);
		return;
	}
	dm_cancel_watch(cancel, &watch, dm_sql_interrupt, t.conn);
	target_items(&t);
	dm_cancel_unwatch(cancel, &watch);
	dm_sql_conn_free(t.conn);
}
