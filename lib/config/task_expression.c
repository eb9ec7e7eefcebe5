/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expression-filter of task.yaml: which rows are left out by their values.
 * SOURCE: reference/data-plane 1.10. What the types of the columns decide is
 * checked when a table is first met.
 */
#include "lib/config/task_parse.h"

#include "lib/expr/expr.h"

void
task_expression_clear(gpointer p)
{
	struct dm_expr_filter *f = p;

	g_free(f->name);
	g_free(f->schema);
	g_free(f->table);
	g_free(f->insert_expr);
	g_free(f->update_old_expr);
	g_free(f->update_new_expr);
	g_free(f->delete_expr);
}

/* One of the expressions, if it is given. */
static void
check_expr(struct task_parse *t, const struct task_entry *e, const char *key,
    const char *text)
{
	const struct dm_yaml_pair *p = dm_yaml_find(e->value, key);
	DM_AUTO(dm_err) err = NULL;

	if (text[0] == '\0' || p == NULL)
		return;
	err = dm_expr_check(text);
	if (err != NULL)
		dm_report_add(t->r, DM_ERR_CONFIG_EXPR_FILTER_WRONG_GRAMMAR,
		    p->value->line, p->value->col, e->path,
		    "write a condition over columns of the table",
		    DM_ERRFMT_CONFIG_EXPR_FILTER_WRONG_GRAMMAR, e->name, text,
		    err->message);
}

static void
check_given(struct task_parse *t, const struct task_entry *e, const char *key,
    const char *value)
{
	if (value[0] == '\0')
		dm_report_add(t->r, DM_ERR_CONFIG_EXPR_FILTER_EMPTY_NAME,
		    e->line, e->col, e->path, "name one table",
		    DM_ERRFMT_CONFIG_EXPR_FILTER_EMPTY_NAME, e->name, key);
}

/* A filter is for one kind of change. */
static void
check_kinds(struct task_parse *t, const struct task_entry *e,
    const struct dm_expr_filter *f)
{
	g_autoptr(GPtrArray) kinds = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *joined = NULL, *list = NULL;

	if (f->insert_expr[0] != '\0')
		g_ptr_array_add(
		    kinds, g_strdup_printf("insert: [%s]", f->insert_expr));
	if (f->update_old_expr[0] != '\0' || f->update_new_expr[0] != '\0')
		g_ptr_array_add(kinds,
		    g_strdup_printf("update (old value: [%s], new value: [%s])",
			f->update_old_expr, f->update_new_expr));
	if (f->delete_expr[0] != '\0')
		g_ptr_array_add(
		    kinds, g_strdup_printf("delete: [%s]", f->delete_expr));
	if (kinds->len < 2)
		return;
	g_ptr_array_add(kinds, NULL);
	joined = g_strjoinv(" ", (char **)kinds->pdata);
	list = g_strdup_printf("[%s]", joined);
	dm_report_add(t->r, DM_ERR_CONFIG_EXPR_FILTER_MANY_EXPR, e->line,
	    e->col, e->path, "write a filter for each",
	    DM_ERRFMT_CONFIG_EXPR_FILTER_MANY_EXPR, e->name, list);
}

void
task_expression_read(struct task_parse *t, const struct task_entry *e)
{
	static const struct bind_key keys[] = {
		BIND("schema", STR, dm_expr_filter, schema),
		BIND("table", STR, dm_expr_filter, table),
		BIND("insert-value-expr", STR, dm_expr_filter, insert_expr),
		BIND("update-old-value-expr", STR, dm_expr_filter,
		    update_old_expr),
		BIND("update-new-value-expr", STR, dm_expr_filter,
		    update_new_expr),
		BIND("delete-value-expr", STR, dm_expr_filter, delete_expr),
	};
	struct dm_expr_filter f = { .name = g_strdup(e->name),
		.schema = g_strdup(""),
		.table = g_strdup(""),
		.insert_expr = g_strdup(""),
		.update_old_expr = g_strdup(""),
		.update_new_expr = g_strdup(""),
		.delete_expr = g_strdup("") };

	dm_bind_map(t->r, e->path, e->value, keys, DM_ARRAY_SIZE(keys), &f);
	check_given(t, e, "schema", f.schema);
	check_given(t, e, "table", f.table);
	check_expr(t, e, "insert-value-expr", f.insert_expr);
	check_expr(t, e, "update-old-value-expr", f.update_old_expr);
	check_expr(t, e, "update-new-value-expr", f.update_new_expr);
	check_expr(t, e, "delete-value-expr", f.delete_expr);
	check_kinds(t, e, &f);
	g_array_append_val(t->c->expr_filters, f);
}
