/* SPDX-License-Identifier: Apache-2.0 */
/* Statements of one action. SOURCE: reference/data-plane 5.9. */
#include "lib/ddl/ddl.h"

static void
free_ddl(void *p)
{
	dm_ddl_free(p);
}

static void
clear_name(void *p)
{
	dm_table_name_clear(p);
}

static void
free_alter(void *p)
{
	dm_alter_free(p);
}

/* The same statement without its tables and actions. */
static struct dm_ddl *
shell_of(const struct dm_ddl *d)
{
	struct dm_ddl *n = g_new0(struct dm_ddl, 1);

	n->kind = d->kind;
	n->keyword = g_strdup(d->keyword);
	n->if_exists = d->if_exists;
	n->ignore = d->ignore;
	n->rest = g_strdup(d->rest);
	n->tables = g_array_new(FALSE, TRUE, sizeof(struct dm_table_name));
	g_array_set_clear_func(n->tables, clear_name);
	n->alters = g_ptr_array_new_with_free_func(free_alter);
	return n;
}

static void
add_name(struct dm_ddl *to, const struct dm_table_name *name)
{
	struct dm_table_name copy = {
		.schema = g_strdup(name->schema),
		.table = g_strdup(name->table),
	};

	g_array_append_val(to->tables, copy);
}

/* `step` tables for each statement. */
static void
split_tables(GPtrArray *out, const struct dm_ddl *d, guint step)
{
	for (guint i = 0; i + step <= d->tables->len; i += step) {
		struct dm_ddl *n = shell_of(d);

		for (guint k = 0; k < step; k++)
			add_name(n, &g_array_index(d->tables,
					struct dm_table_name, i + k));
		g_ptr_array_add(out, n);
	}
}

static void
split_actions(GPtrArray *out, struct dm_ddl *d)
{
	const struct dm_table_name *name =
	    &g_array_index(d->tables, struct dm_table_name, 0);

	while (d->alters->len > 0) {
		struct dm_ddl *n = shell_of(d);
		struct dm_alter *a = g_ptr_array_steal_index(d->alters, 0);

		add_name(n, name);
		g_ptr_array_add(n->alters, a);
		g_ptr_array_add(out, n);
		if (a->kind == DM_ALTER_RENAME_TABLE)
			name = &a->rename_to;
	}
}

GPtrArray *
dm_ddl_split(struct dm_ddl *d)
{
	GPtrArray *out = g_ptr_array_new_with_free_func(free_ddl);

	if (d->kind == DM_DDL_DROP_TABLE || d->kind == DM_DDL_DROP_SEQUENCE)
		split_tables(out, d, 1);
	else if (d->kind == DM_DDL_RENAME_TABLE)
		split_tables(out, d, 2);
	else if (d->kind == DM_DDL_ALTER_TABLE && d->alters->len > 1)
		split_actions(out, d);
	if (out->len == 0)
		g_ptr_array_add(out, d);
	else
		dm_ddl_free(d);
	return out;
}
