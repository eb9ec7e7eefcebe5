/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE TABLE: elements, options, partitions, LIKE and SELECT. */
#include "lib/ddl/column_text.h"
#include "lib/ddl/parser.h"

#include <string.h>

/* What a table may hold at most, in any server. */
#define COLUMNS_MAX  4096
#define ELEMENTS_MAX 8192

static void
add_inline_key(struct dm_table *t, enum dm_index_kind kind, const char *column)
{
	struct dm_index *x =
	    dm_index_new(kind, kind == DM_INDEX_PRIMARY ? "PRIMARY" : NULL);

	dm_index_add_column(x, column);
	g_ptr_array_add(t->indexes, x);
}

static void
add_column(struct dm_parser *p, struct dm_table *t)
{
	struct dm_column_extra extra;
	struct dm_column *c = dm_parse_column(p, &extra);

	if (c == NULL)
		return;
	g_ptr_array_add(t->columns, c);
	if (extra.primary)
		add_inline_key(t, DM_INDEX_PRIMARY, c->name);
	if (extra.unique)
		add_inline_key(t, DM_INDEX_UNIQUE, c->name);
	if (extra.reference != NULL)
		g_ptr_array_add(t->foreign_keys, DM_TAKE(extra.reference));
	if (t->columns->len > COLUMNS_MAX)
		dm_parser_fail(p, "fewer columns");
}

static void
add_element(struct dm_parser *p, struct dm_table *t)
{
	struct dm_element e;

	if (!dm_parse_element(p, &e)) {
		add_column(p, t);
		return;
	}
	if (e.index != NULL)
		g_ptr_array_add(t->indexes, e.index);
	if (e.foreign_key != NULL)
		g_ptr_array_add(t->foreign_keys, e.foreign_key);
	if (e.check != NULL)
		g_ptr_array_add(t->checks, e.check);
	if (t->indexes->len + t->checks->len > ELEMENTS_MAX)
		dm_parser_fail(p, "fewer keys");
}

static bool
at_select(struct dm_parser *p)
{
	return dm_parser_is(p, "AS") || dm_parser_is(p, "SELECT") ||
	       dm_parser_is(p, "IGNORE") || dm_parser_is(p, "REPLACE") ||
	       dm_parser_is(p, "WITH") || dm_parser_is(p, "(");
}

char *
dm_parse_partition_by(struct dm_parser *p)
{
	struct dm_run run = { .out = g_string_new(NULL) };

	dm_run_token(p, &run);
	dm_run_token(p, &run);
	/* The rule's words may be the ones that begin a SELECT: only behind
	 * it may one follow. */
	while (!dm_parser_at_end(p) && !dm_parser_is(p, ";") &&
	       !dm_parser_is(p, "("))
		dm_run_token(p, &run);
	if (dm_parser_is(p, "("))
		dm_run_parens(p, &run);
	while (!dm_parser_at_end(p) && !dm_parser_is(p, ";") &&
	       !dm_parser_is(p, "AS") && !dm_parser_is(p, "SELECT") &&
	       !dm_parser_is(p, "IGNORE") && !dm_parser_is(p, "REPLACE")) {
		if (dm_parser_is(p, "("))
			dm_run_parens(p, &run);
		else if (dm_parser_is(p, ")"))
			dm_parser_fail(p, "the end of the partitions");
		else
			dm_run_token(p, &run);
	}
	return g_string_free(run.out, FALSE);
}

static void
parse_select(struct dm_parser *p, struct dm_ddl *d)
{
	if (dm_parser_at_end(p) || dm_parser_is(p, ";"))
		return;
	if (!at_select(p)) {
		dm_parser_fail(p, "a table option");
		return;
	}
	d->create_select = true;
	g_free(d->rest);
	d->rest = dm_run_rest_text(p);
}

static void
parse_tail(struct dm_parser *p, struct dm_ddl *d)
{
	struct dm_table *t = d->create;
	GString *options = g_string_new(t->options);

	bool comma = false;

	while (dm_parse_table_option(p, options, &t->charset, &t->collation))
		comma = dm_parser_accept(p, ",");
	if (comma)
		dm_parser_fail(p, "a table option");
	g_free(t->options);
	t->options = g_string_free(options, FALSE);
	t->versioned = strstr(t->options, "WITH SYSTEM VERSIONING") != NULL;
	if (dm_parser_is(p, "PARTITION BY")) {
		g_free(t->partition);
		t->partition = dm_parse_partition_by(p);
	}
	parse_select(p, d);
}

static void
parse_like(struct dm_parser *p, struct dm_ddl *d, bool in_parens)
{
	dm_parser_expect(p, "LIKE");
	d->kind = DM_DDL_CREATE_TABLE_LIKE;
	dm_parse_add_table(p, d);
	if (in_parens)
		dm_parser_expect(p, ")");
}

void
dm_parse_create_table(struct dm_parser *p, struct dm_ddl *d)
{
	const struct dm_table_name *name;

	d->kind = DM_DDL_CREATE_TABLE;
	d->if_not_exists = dm_parser_accept(p, "IF NOT EXISTS");
	dm_parse_add_table(p, d);
	if (dm_parser_is(p, "LIKE") || dm_parser_is(p, "( LIKE")) {
		parse_like(p, d, dm_parser_accept(p, "("));
		return;
	}
	if (dm_parser_failed(p))
		return;
	name = &g_array_index(d->tables, struct dm_table_name, 0);
	d->create = dm_table_new(name->schema, name->table);
	if (dm_parser_is(p, "( SELECT") || dm_parser_is(p, "( WITH")) {
		parse_select(p, d);
		return;
	}
	if (dm_parser_accept(p, "(")) {
		do {
			add_element(p, d->create);
		} while (dm_parser_accept(p, ","));
		dm_parser_expect(p, ")");
	}
	parse_tail(p, d);
	if (d->create->columns->len == 0 && !d->create_select)
		dm_parser_fail(p, "columns");
}
