/* SPDX-License-Identifier: Apache-2.0 */
/* A structure as CREATE TABLE; the pieces also serve the printing of DDL. */
#include "lib/schema/table.h"

#include <string.h>

void
dm_sqltext_name(GString *out, const char *name)
{
	g_string_append_c(out, '`');
	for (const char *p = name; *p != '\0'; p++) {
		if (*p == '`')
			g_string_append_c(out, '`');
		g_string_append_c(out, *p);
	}
	g_string_append_c(out, '`');
}

void
dm_sqltext_string(GString *out, const char *text, size_t len)
{
	g_string_append_c(out, '\'');
	for (size_t i = 0; i < len; i++) {
		switch (text[i]) {
		case '\'':
			g_string_append(out, "''");
			break;
		case '\\':
			g_string_append(out, "\\\\");
			break;
		case '\0':
			g_string_append(out, "\\0");
			break;
		case '\n':
			g_string_append(out, "\\n");
			break;
		case '\r':
			g_string_append(out, "\\r");
			break;
		case '\x1a':
			g_string_append(out, "\\Z");
			break;
		default:
			g_string_append_c(out, text[i]);
		}
	}
	g_string_append_c(out, '\'');
}

void
dm_column_print(GString *out, const struct dm_column *c)
{
	dm_sqltext_name(out, c->name);
	g_string_append_c(out, ' ');
	g_string_append(out, c->type_text);
	/* JSON has one for decoding, which is not said. */
	if (c->charset != NULL && c->type != DM_T_JSON)
		g_string_append_printf(out, " CHARACTER SET %s", c->charset);
	if (c->collation != NULL && strcmp(c->collation, "_bin") == 0)
		g_string_append(out, " BINARY");
	else if (c->collation != NULL)
		g_string_append_printf(out, " COLLATE %s", c->collation);
	if (c->attributes != NULL && c->attributes[0] != '\0')
		g_string_append_printf(out, " %s", c->attributes);
}

void
dm_index_print_parts(GString *out, const struct dm_index *i)
{
	for (guint k = 0; k < i->parts->len; k++) {
		const struct dm_index_part *p =
		    &g_array_index(i->parts, struct dm_index_part, k);

		g_string_append(out, k == 0 ? "(" : ", ");
		if (p->column != NULL)
			dm_sqltext_name(out, p->column);
		else
			g_string_append(out, p->expression);
		if (p->prefix >= 0)
			g_string_append_printf(out, "(%d)", p->prefix);
		if (p->descending)
			g_string_append(out, " DESC");
	}
	g_string_append_c(out, ')');
}

static const char *
index_words(enum dm_index_kind kind)
{
	switch (kind) {
	case DM_INDEX_PRIMARY:
		return "PRIMARY KEY";
	case DM_INDEX_UNIQUE:
		return "UNIQUE KEY";
	case DM_INDEX_PLAIN:
		return "KEY";
	case DM_INDEX_FULLTEXT:
		return "FULLTEXT KEY";
	case DM_INDEX_SPATIAL:
		return "SPATIAL KEY";
	}
	return "";
}

void
dm_index_print(GString *out, const struct dm_index *i)
{
	g_string_append(out, index_words(i->kind));
	g_string_append_c(out, ' ');
	if (i->kind != DM_INDEX_PRIMARY && i->name != NULL) {
		dm_sqltext_name(out, i->name);
		g_string_append_c(out, ' ');
	}
	dm_index_print_parts(out, i);
	if (i->options[0] != '\0')
		g_string_append_printf(out, " %s", i->options);
}

static void
print_columns(GString *out, const GPtrArray *columns)
{
	for (guint i = 0; i < columns->len; i++) {
		g_string_append(out, i == 0 ? "(" : ", ");
		dm_sqltext_name(out, g_ptr_array_index(columns, i));
	}
	if (columns->len > 0)
		g_string_append_c(out, ')');
}

void
dm_foreign_key_print_ref(GString *out, const struct dm_foreign_key *f,
    dm_table_ref_fn *ref, void *arg)
{
	g_string_append(out, "REFERENCES ");
	ref(out, f, arg);
	if (f->ref_columns->len > 0)
		g_string_append_c(out, ' ');
	print_columns(out, f->ref_columns);
	if (f->actions[0] != '\0')
		g_string_append_printf(out, " %s", f->actions);
}

void
dm_foreign_key_print(GString *out, const struct dm_foreign_key *f,
    dm_table_ref_fn *ref, void *arg)
{
	if (f->name != NULL) {
		g_string_append(out, "CONSTRAINT ");
		dm_sqltext_name(out, f->name);
		g_string_append_c(out, ' ');
	}
	g_string_append(out, "FOREIGN KEY ");
	if (f->index_name != NULL) {
		dm_sqltext_name(out, f->index_name);
		g_string_append_c(out, ' ');
	}
	print_columns(out, f->columns);
	g_string_append_c(out, ' ');
	dm_foreign_key_print_ref(out, f, ref, arg);
}

static void
separate(GString *out, bool *first)
{
	g_string_append(out, *first ? " (" : ", ");
	*first = false;
}

static void
print_inlined(GString *out, const struct dm_table *t, const struct dm_column *c,
    dm_table_ref_fn *ref, void *arg)
{
	for (guint i = 0; i < t->foreign_keys->len; i++) {
		const struct dm_foreign_key *f =
		    g_ptr_array_index(t->foreign_keys, i);

		if (!f->inlined || f->columns->len != 1 ||
		    strcmp(g_ptr_array_index(f->columns, 0), c->name) != 0)
			continue;
		g_string_append_c(out, ' ');
		dm_foreign_key_print_ref(out, f, ref, arg);
	}
}

static void
print_options(GString *out, const struct dm_table *t)
{
	if (t->options[0] != '\0')
		g_string_append_printf(out, " %s", t->options);
	if (t->charset != NULL)
		g_string_append_printf(out, " DEFAULT CHARSET=%s", t->charset);
	if (t->collation != NULL)
		g_string_append_printf(out, " COLLATE=%s", t->collation);
	if (t->partition[0] != '\0')
		g_string_append_printf(out, " %s", t->partition);
}

void
dm_table_print_body(
    GString *out, const struct dm_table *t, dm_table_ref_fn *ref, void *arg)
{
	bool first = true;

	for (guint i = 0; i < t->columns->len; i++) {
		separate(out, &first);
		dm_column_print(out, g_ptr_array_index(t->columns, i));
		print_inlined(
		    out, t, g_ptr_array_index(t->columns, i), ref, arg);
	}
	for (guint i = 0; i < t->indexes->len; i++) {
		separate(out, &first);
		dm_index_print(out, g_ptr_array_index(t->indexes, i));
	}
	for (guint i = 0; i < t->foreign_keys->len; i++) {
		const struct dm_foreign_key *f =
		    g_ptr_array_index(t->foreign_keys, i);

		if (f->inlined)
			continue;
		separate(out, &first);
		dm_foreign_key_print(out, f, ref, arg);
	}
	for (guint i = 0; i < t->checks->len; i++) {
		separate(out, &first);
		g_string_append(out, g_ptr_array_index(t->checks, i));
	}
	if (!first)
		g_string_append_c(out, ')');
	print_options(out, t);
}

static void
print_name(GString *out, const char *schema, const char *name)
{
	if (schema != NULL) {
		dm_sqltext_name(out, schema);
		g_string_append_c(out, '.');
	}
	dm_sqltext_name(out, name);
}

static void
ref_as_written(GString *out, const struct dm_foreign_key *f, void *arg)
{
	const char *schema = arg;

	print_name(
	    out, f->ref_schema == NULL ? schema : f->ref_schema, f->ref_table);
}

char *
dm_table_create_sql(
    const struct dm_table *t, const char *schema, const char *name)
{
	GString *out = g_string_new("CREATE TABLE ");
	g_autofree char *own_schema = g_strdup(t->schema);

	print_name(out, schema == NULL ? t->schema : schema,
	    name == NULL ? t->name : name);
	dm_table_print_body(out, t, ref_as_written, own_schema);
	return g_string_free(out, FALSE);
}
