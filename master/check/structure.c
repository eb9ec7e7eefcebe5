/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "table structure compatibility check": what was read of the source's tables
 * against what is known of the target's. Pure.
 * SOURCE: pkg/checker/table_structure.go, reference/data-plane 2.4. Differs:
 * columns that the target's table lacks and system-versioned tables are
 * failures, since their rows could not be written; but no such columns where
 * the task goes on, since what adds them may be still to come.
 */
#include "master/check/check_int.h"

#include <string.h>

static bool
has_foreign_key_checks(const struct dm_task_cfg *task)
{
	const char *v = dm_db_cfg_session(&task->target, "foreign_key_checks");

	return v != NULL &&
	       (strcmp(v, "1") == 0 || g_ascii_strcasecmp(v, "on") == 0);
}

static void
find_at(struct check_error *e, const struct check_src *s, const char *where)
{
	g_free(e->self);
	e->self = g_strdup_printf("source %s", s->cfg->source_id);
	if (where != NULL) {
		g_free(e->other);
		e->other = g_strdup_printf("target %s", where);
	}
}

static void
check_foreign_keys(struct check_item *i, const struct check_src *s,
    const struct check_table *t, const char *name)
{
	g_autofree char *keys = NULL;

	if (t->cascades == NULL || has_foreign_key_checks(s->task)) {
		find_at(check_item_error(i, CHECK_WARN,
			    "make sure that the target enforces them or that "
			    "it need not",
			    "table %s has foreign keys", name),
		    s, NULL);
		return;
	}
	g_ptr_array_add(t->cascades, NULL);
	keys = g_strjoinv(", ", (char **)t->cascades->pdata);
	g_ptr_array_set_size(t->cascades, (gint)t->cascades->len - 1);
	find_at(check_item_error(i, CHECK_WARN,
		    "set `target-database.session: {foreign_key_checks: 1}` "
		    "in the task: the source's binlog does not have the rows "
		    "that these keys change",
		    "table %s has foreign keys with actions: %s", name, keys),
	    s, NULL);
}

static void
check_columns(struct check_item *i, const struct check_src *s,
    const struct check_table *t, const char *name, GHashTable *columns)
{
	g_autofree char *to = dm_sql_quote_table(t->to_schema, t->to_table);
	g_autofree char *key = g_utf8_strdown(to, -1);
	g_autoptr(GString) lacking = g_string_new(NULL);
	GHashTable *known = g_hash_table_lookup(columns, key);

	if (known == NULL)
		return; /* it will be created */
	for (guint k = 0; k < t->columns->len; k++) {
		const char *column = t->columns->pdata[k];
		g_autofree char *folded = g_utf8_strdown(column, -1);

		if (!g_hash_table_contains(known, folded))
			g_string_append_printf(lacking, "%s%s",
			    lacking->len > 0 ? ", " : "", column);
	}
	if (lacking->len > 0 && s->goes_on)
		find_at(check_item_error(i, CHECK_WARN,
			    "nothing, if the statement that added them is "
			    "still to come in the binlog; else add them to "
			    "the target's table",
			    "table %s: column missing in the target: %s", name,
			    lacking->str),
		    s, to);
	else if (lacking->len > 0)
		find_at(check_item_error(i, CHECK_FAIL,
			    "add the columns to the target's table, or drop "
			    "it if it may be created anew",
			    "table %s: column missing in the target: %s", name,
			    lacking->str),
		    s, to);
}

static void
check_table(struct check_item *i, const struct check_src *s,
    const struct check_table *t, GHashTable *columns)
{
	g_autofree char *name = dm_sql_quote_table(t->schema, t->table);

	if (t->versioned)
		find_at(check_item_error(i, CHECK_FAIL,
			    "leave it out with `block-allow-list`: old "
			    "versions of rows cannot be migrated",
			    "table %s is system-versioned", name),
		    s, NULL);
	if (!t->has_key)
		find_at(check_item_error(i, CHECK_WARN,
			    "add a primary key: changes of its rows are "
			    "found by all columns, slowly",
			    "table %s has no primary or unique key", name),
		    s, NULL);
	if (t->has_foreign_key)
		check_foreign_keys(i, s, t, name);
	if (columns != NULL)
		check_columns(i, s, t, name, columns);
}

void
check_structure(const struct dm_task_cfg *task, struct check_src *all, size_t n,
    GHashTable *columns, struct result_list *list)
{
	struct check_item *i;

	if (!check_wants(task, "table_schema"))
		return;
	i = check_item_add(list, "table structure compatibility check",
	    "check compatibility of table structure");
	for (size_t k = 0; k < n; k++) {
		if (!all[k].tables_known)
			continue;
		for (guint j = 0; j < all[k].tables->len; j++)
			check_table(
			    i, &all[k], all[k].tables->pdata[j], columns);
	}
}

struct dm_err *
check_name_clash(const struct check_src *all, size_t n)
{
	g_autoptr(GHashTable) seen =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	for (size_t k = 0; k < n; k++) {
		for (guint j = 0; all[k].tables_known && j < all[k].tables->len;
		     j++) {
			const struct check_table *t = all[k].tables->pdata[j];
			g_autofree char *name =
			    dm_sql_quote_table(t->to_schema, t->to_table);
			char *key = g_utf8_strdown(name, -1);
			const char *other = g_hash_table_lookup(seen, key);

			if (other != NULL && strcmp(other, name) != 0) {
				g_autofree char *both =
				    g_strdup_printf("[%s %s]", other, name);

				g_free(key);
				return dm_err_new(
				    TASK_CHECK_SAME_TABLE_NAME, both);
			}
			g_hash_table_replace(seen, key, g_strdup(name));
		}
	}
	return NULL;
}
