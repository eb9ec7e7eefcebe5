/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making, copying, freeing and searching structures of tables. How they are
 * printed stands in table_sql.c, how they are compared in table_diff.c.
 */
#include "lib/schema/table.h"

#include <string.h>

struct dm_column *
dm_column_new(void)
{
	struct dm_column *c = g_new0(struct dm_column, 1);

	c->length = -1;
	c->decimals = -1;
	return c;
}

struct dm_column *
dm_column_copy(const struct dm_column *c)
{
	struct dm_column *n = g_new(struct dm_column, 1);

	*n = *c;
	n->name = g_strdup(c->name);
	n->type_text = g_strdup(c->type_text);
	n->charset = g_strdup(c->charset);
	n->collation = g_strdup(c->collation);
	n->attributes = g_strdup(c->attributes);
	n->elements = g_strdupv(c->elements);
	return n;
}

void
dm_column_free(struct dm_column *c)
{
	if (c == NULL)
		return;
	g_free(c->name);
	g_free(c->type_text);
	g_free(c->charset);
	g_free(c->collation);
	g_free(c->attributes);
	g_strfreev(c->elements);
	g_free(c);
}

static void
clear_part(void *p)
{
	struct dm_index_part *part = p;

	g_free(part->column);
	g_free(part->expression);
}

struct dm_index *
dm_index_new(enum dm_index_kind kind, const char *name)
{
	struct dm_index *i = g_new0(struct dm_index, 1);

	i->kind = kind;
	i->name = g_strdup(name);
	i->options = g_strdup("");
	i->parts = g_array_new(FALSE, TRUE, sizeof(struct dm_index_part));
	g_array_set_clear_func(i->parts, clear_part);
	return i;
}

struct dm_index *
dm_index_copy(const struct dm_index *i)
{
	struct dm_index *n = dm_index_new(i->kind, i->name);

	g_free(n->options);
	n->options = g_strdup(i->options);
	n->generated = i->generated;
	for (guint k = 0; k < i->parts->len; k++) {
		struct dm_index_part part =
		    g_array_index(i->parts, struct dm_index_part, k);

		part.column = g_strdup(part.column);
		part.expression = g_strdup(part.expression);
		g_array_append_val(n->parts, part);
	}
	return n;
}

void
dm_index_free(struct dm_index *i)
{
	if (i == NULL)
		return;
	g_free(i->name);
	g_free(i->options);
	if (i->parts != NULL)
		g_array_free(i->parts, TRUE);
	g_free(i);
}

void
dm_index_add_column(struct dm_index *i, const char *column)
{
	struct dm_index_part part = {
		.column = g_strdup(column),
		.prefix = -1,
	};

	g_array_append_val(i->parts, part);
}

struct dm_foreign_key *
dm_foreign_key_new(void)
{
	struct dm_foreign_key *f = g_new0(struct dm_foreign_key, 1);

	f->columns = g_ptr_array_new_with_free_func(g_free);
	f->ref_columns = g_ptr_array_new_with_free_func(g_free);
	f->actions = g_strdup("");
	return f;
}

static void
copy_strings(GPtrArray *to, const GPtrArray *from)
{
	for (guint i = 0; i < from->len; i++)
		g_ptr_array_add(to, g_strdup(g_ptr_array_index(from, i)));
}

struct dm_foreign_key *
dm_foreign_key_copy(const struct dm_foreign_key *f)
{
	struct dm_foreign_key *n = dm_foreign_key_new();

	n->name = g_strdup(f->name);
	copy_strings(n->columns, f->columns);
	n->ref_schema = g_strdup(f->ref_schema);
	n->ref_table = g_strdup(f->ref_table);
	copy_strings(n->ref_columns, f->ref_columns);
	g_free(n->actions);
	n->actions = g_strdup(f->actions);
	n->index_name = g_strdup(f->index_name);
	n->inlined = f->inlined;
	return n;
}

void
dm_foreign_key_free(struct dm_foreign_key *f)
{
	if (f == NULL)
		return;
	g_free(f->name);
	if (f->columns != NULL)
		g_ptr_array_free(f->columns, TRUE);
	g_free(f->ref_schema);
	g_free(f->ref_table);
	if (f->ref_columns != NULL)
		g_ptr_array_free(f->ref_columns, TRUE);
	g_free(f->actions);
	g_free(f->index_name);
	g_free(f);
}

static void
free_column(void *p)
{
	dm_column_free(p);
}

static void
free_index(void *p)
{
	dm_index_free(p);
}

static void
free_foreign_key(void *p)
{
	dm_foreign_key_free(p);
}

struct dm_table *
dm_table_new(const char *schema, const char *name)
{
	struct dm_table *t = g_new0(struct dm_table, 1);

	t->schema = g_strdup(schema);
	t->name = g_strdup(name);
	t->columns = g_ptr_array_new_with_free_func(free_column);
	t->indexes = g_ptr_array_new_with_free_func(free_index);
	t->foreign_keys = g_ptr_array_new_with_free_func(free_foreign_key);
	t->checks = g_ptr_array_new_with_free_func(g_free);
	t->options = g_strdup("");
	t->partition = g_strdup("");
	return t;
}

struct dm_table *
dm_table_copy(const struct dm_table *t)
{
	struct dm_table *n = dm_table_new(t->schema, t->name);

	for (guint i = 0; i < t->columns->len; i++)
		g_ptr_array_add(n->columns,
		    dm_column_copy(g_ptr_array_index(t->columns, i)));
	for (guint i = 0; i < t->indexes->len; i++)
		g_ptr_array_add(n->indexes,
		    dm_index_copy(g_ptr_array_index(t->indexes, i)));
	for (guint i = 0; i < t->foreign_keys->len; i++)
		g_ptr_array_add(n->foreign_keys,
		    dm_foreign_key_copy(g_ptr_array_index(t->foreign_keys, i)));
	copy_strings(n->checks, t->checks);
	n->charset = g_strdup(t->charset);
	n->collation = g_strdup(t->collation);
	g_free(n->options);
	n->options = g_strdup(t->options);
	g_free(n->partition);
	n->partition = g_strdup(t->partition);
	n->temporary = t->temporary;
	n->versioned = t->versioned;
	return n;
}

void
dm_table_free(struct dm_table *t)
{
	if (t == NULL)
		return;
	g_free(t->schema);
	g_free(t->name);
	if (t->columns != NULL)
		g_ptr_array_free(t->columns, TRUE);
	if (t->indexes != NULL)
		g_ptr_array_free(t->indexes, TRUE);
	if (t->foreign_keys != NULL)
		g_ptr_array_free(t->foreign_keys, TRUE);
	if (t->checks != NULL)
		g_ptr_array_free(t->checks, TRUE);
	g_free(t->charset);
	g_free(t->collation);
	g_free(t->options);
	g_free(t->partition);
	g_free(t);
}

/* Bytes above 0x7f compare as they are: a server folds them by its own tables,
 * and two columns that differ in nothing else are not to be expected. */
int
dm_table_column(const struct dm_table *t, const char *name)
{
	for (guint i = 0; i < t->columns->len; i++) {
		const struct dm_column *c = g_ptr_array_index(t->columns, i);

		if (g_ascii_strcasecmp(c->name, name) == 0)
			return (int)i;
	}
	return -1;
}

struct dm_index *
dm_table_index(const struct dm_table *t, const char *name)
{
	for (guint i = 0; i < t->indexes->len; i++) {
		struct dm_index *x = g_ptr_array_index(t->indexes, i);

		if (x->name != NULL && g_ascii_strcasecmp(x->name, name) == 0)
			return x;
	}
	return NULL;
}

struct dm_index *
dm_table_primary(const struct dm_table *t)
{
	for (guint i = 0; i < t->indexes->len; i++) {
		struct dm_index *x = g_ptr_array_index(t->indexes, i);

		if (x->kind == DM_INDEX_PRIMARY)
			return x;
	}
	return NULL;
}

static bool
identifies_rows(const struct dm_table *t, const struct dm_index *x)
{
	if (x->kind != DM_INDEX_UNIQUE || x->parts->len == 0)
		return false;
	for (guint i = 0; i < x->parts->len; i++) {
		const struct dm_index_part *p =
		    &g_array_index(x->parts, struct dm_index_part, i);
		const struct dm_column *c;
		int n = p->column == NULL ? -1 : dm_table_column(t, p->column);

		if (n < 0)
			return false;
		c = g_ptr_array_index(t->columns, (guint)n);
		if (!c->not_null)
			return false;
	}
	return true;
}

struct dm_index *
dm_table_row_key(const struct dm_table *t)
{
	struct dm_index *x = dm_table_primary(t);

	if (x != NULL)
		return x;
	for (guint i = 0; i < t->indexes->len; i++) {
		x = g_ptr_array_index(t->indexes, i);
		if (identifies_rows(t, x))
			return x;
	}
	return NULL;
}

bool
dm_type_is_text(enum dm_type t)
{
	return t == DM_T_CHAR || t == DM_T_VARCHAR || t == DM_T_ENUM ||
	       t == DM_T_SET || (t >= DM_T_TINYTEXT && t <= DM_T_LONGTEXT);
}

bool
dm_type_is_integer(enum dm_type t)
{
	return t >= DM_T_TINYINT && t <= DM_T_BIGINT;
}
