/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of data files in INSERTs: see columns.h. Called by the lanes.
 *
 * DESIGN: the text of a value stays as it is. Under SET NAMES binary, as dump
 * tools set it, the server takes a text for the column's own bytes. Where that
 * is not so, the charset's name in front makes it exact: the target's column
 * has another charset, or a type that takes bytes for something else.
 */
#include "worker/load/columns.h"

#include "lib/sql/sql.h"

#include <string.h>
#include <strings.h>

static bool
same_charset(const struct dm_column *a, const struct dm_column *b)
{
	return a->charset != NULL && b->charset != NULL &&
	       strcasecmp(a->charset, b->charset) == 0;
}

/* Static or the column's own; NULL: none. */
static const char *
charset_of(const struct dm_column *from, const struct dm_column *to)
{
	if (from->type == DM_T_JSON || from->type == DM_T_UUID ||
	    from->type == DM_T_INET4 || from->type == DM_T_INET6)
		return "utf8mb4";
	if (to == NULL ||
	    !(dm_type_is_text(from->type) || from->type == DM_T_ENUM ||
		from->type == DM_T_SET))
		return NULL;
	return same_charset(from, to) ? NULL : from->charset;
}

static struct dm_err *
no_column(const struct dm_table *t, const char *name)
{
	g_autofree char *text =
	    g_strdup_printf("table `%s`.`%s` has no column %s, which the dump "
			    "has values for",
		t->schema, t->name, name);

	return dm_err_set_workaround(dm_err_new(LOAD_LIGHTNING_RUNTIME, text),
	    "give the target table the structure of the dumped one, or drop it "
	    "so that it is created anew, then `resume-task`");
}

static struct dm_err *
add_column(struct load_columns *c, GString *list, const char *name,
    const struct dm_table *source, const struct dm_table *target, bool binary)
{
	struct load_column *out = &c->columns[c->n];
	int from = dm_table_column(source, name);
	int to = target == NULL ? -1 : dm_table_column(target, name);
	const struct dm_column *col;

	if (from < 0)
		return no_column(source, name);
	if (target != NULL && to < 0)
		return no_column(target, name);
	col = source->columns->pdata[from];
	if (binary || col->type == DM_T_JSON)
		out->charset = g_strdup(charset_of(
		    col, to < 0 ? NULL : target->columns->pdata[to]));
	out->name = g_strdup(name);
	out->is_enum = col->type == DM_T_ENUM;
	c->as_is = c->as_is && out->charset == NULL && !out->is_enum;
	g_string_append(list, c->n == 0 ? "" : ",");
	dm_sql_append_ident(list, name);
	c->n++;
	return NULL;
}

/* Names of the source's columns that an INSERT without a list means. */
static char **
all_columns(const struct dm_table *source)
{
	char **names = g_new0(char *, source->columns->len + 1);
	guint n = 0;

	for (guint i = 0; i < source->columns->len; i++) {
		const struct dm_column *c = source->columns->pdata[i];

		if (!c->generated && !c->invisible)
			names[n++] = g_strdup(c->name);
	}
	return names;
}

struct dm_err *
load_columns_new(const char *verb, const struct dm_table *source,
    const struct dm_table *target, const char *to_db, const char *to_table,
    char *const *names, bool binary, struct load_columns **out)
{
	DM_AUTO(load_columns) c = g_new0(struct load_columns, 1);
	g_autofree char *to = dm_sql_quote_table(to_db, to_table);
	g_autoptr(GString) list = g_string_new(NULL);
	g_auto(GStrv) all = names == NULL ? all_columns(source) : NULL;
	struct dm_err *err = NULL;
	guint n;

	if (names == NULL)
		names = all;
	for (n = 0; names[n] != NULL; n++)
		;
	c->columns = g_new0(struct load_column, n + 1);
	c->as_is = true;
	for (guint i = 0; err == NULL && i < n; i++)
		err = add_column(c, list, names[i], source, target, binary);
	if (err != NULL)
		return err;
	c->head =
	    g_strdup_printf("%s INTO %s (%s) VALUES ", verb, to, list->str);
	*out = DM_TAKE(c);
	return NULL;
}

void
load_columns_free(struct load_columns *c)
{
	if (c == NULL)
		return;
	for (unsigned i = 0; i < c->n; i++) {
		g_free(c->columns[i].name);
		g_free(c->columns[i].charset);
	}
	g_free(c->columns);
	g_free(c->head);
	g_free(c);
}

const char *
load_columns_enum(const struct load_columns *c, const char *warning)
{
	const char *name = strchr(warning, '\'');
	const char *end = name == NULL ? NULL : strstr(++name, "' at row ");

	for (unsigned i = 0; end != NULL && i < c->n; i++) {
		const struct load_column *col = &c->columns[i];
		size_t len = strlen(col->name);

		if (col->is_enum && len == (size_t)(end - name) &&
		    strncasecmp(col->name, name, len) == 0)
			return col->name;
	}
	return NULL;
}

static void
append_sql(
    GString *sql, const struct dm_dump_row *row, const char *text, size_t len)
{
	if (row->no_escapes)
		dm_dump_append_escaped(sql, text, len);
	else
		g_string_append_len(sql, text, (gssize)len);
}

void
load_append_row(GString *sql, const struct load_columns *c,
    const struct dm_dump_row *row, uint64_t *zeros)
{
	bool csv = row->tuple == NULL;

	dm_assert(row->n == c->n);
	if (!csv && c->as_is) {
		append_sql(sql, row, row->tuple, row->tuple_len);
		return;
	}
	g_string_append_c(sql, '(');
	for (size_t i = 0; i < row->n; i++) {
		const struct dm_dump_cell *v = &row->cells[i];
		const struct load_column *col = &c->columns[i];

		if (i > 0)
			g_string_append_c(sql, ',');
		if (v->kind == DM_DUMP_NULL) {
			g_string_append(sql, "NULL");
			continue;
		}
		if (v->kind == DM_DUMP_TEXT && col->charset != NULL)
			g_string_append_printf(sql, "_%s ", col->charset);
		if (col->is_enum && v->kind == DM_DUMP_TEXT &&
		    v->len == (csv ? 0 : 2))
			(*zeros)++;
		if (csv)
			dm_sql_append_string(sql, v->text, v->len);
		else
			append_sql(sql, row, v->text, v->len);
	}
	g_string_append_c(sql, ')');
}
