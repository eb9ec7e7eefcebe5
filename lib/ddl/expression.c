/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Columns in the canonical text of expressions: which ones it names, and the
 * text with other names. DESIGN: a quoted name is a column; a bare word is one
 * where it stands in parentheses and no parenthesis follows it (which would
 * make it a function). Words outside are keywords of the definition.
 */
#include "lib/ddl/column_text.h"
#include "lib/ddl/parser.h"

#include <string.h>

static bool
may_be_column(struct dm_parser *p, unsigned depth)
{
	const struct dm_token *t = dm_parser_peek(p, 0);

	if (depth == 0)
		return false;
	if (t->kind == DM_TOK_QUOTED)
		return true;
	return t->kind == DM_TOK_WORD && !t->reserved &&
	       !dm_parser_is_at(p, 1, "(");
}

static unsigned
next_depth(struct dm_parser *p, unsigned depth)
{
	if (dm_parser_is(p, "("))
		return depth + 1;
	if (dm_parser_is(p, ")") && depth > 0)
		return depth - 1;
	return depth;
}

char *
dm_expression_rename(
    const char *text, dm_expression_name_fn *rename, const void *arg)
{
	struct dm_parser p;
	GString *out = g_string_new(NULL);
	size_t copied = 0;
	unsigned depth = 0;

	dm_parser_init(&p, text, strlen(text), 0);
	while (!dm_parser_at_end(&p)) {
		bool column = may_be_column(&p, depth);
		struct dm_token t;
		const char *new;

		depth = next_depth(&p, depth);
		t = dm_parser_take(&p);
		new = column ? rename(t.text, arg) : NULL;
		if (new == NULL)
			continue;
		g_string_append_len(
		    out, text + copied, (gssize)(t.offset - copied));
		dm_sqltext_name(out, new);
		copied = t.end;
	}
	g_string_append(out, text + copied);
	dm_parser_fini(&p);
	return g_string_free(out, FALSE);
}

/* t NULL: there are no other columns to find. */
static void
find_columns(const char *check, const struct dm_table *t, const char *column,
    bool *named, bool *others)
{
	struct dm_parser p;
	unsigned depth = 0;

	dm_parser_init(&p, check, strlen(check), 0);
	while (!dm_parser_at_end(&p)) {
		bool maybe = may_be_column(&p, depth);
		struct dm_token token;

		depth = next_depth(&p, depth);
		token = dm_parser_take(&p);
		if (!maybe)
			continue;
		if (g_ascii_strcasecmp(token.text, column) == 0)
			*named = true;
		else if (t != NULL && dm_table_column(t, token.text) >= 0)
			*others = true;
	}
	dm_parser_fini(&p);
}

bool
dm_check_is_of(const char *check, const struct dm_table *t, const char *column)
{
	bool named = false, others = false;

	find_columns(check, t, column, &named, &others);
	return named && !others;
}

bool
dm_check_names(const char *check, const char *column)
{
	bool named = false, others = false;

	find_columns(check, NULL, column, &named, &others);
	return named;
}

char *
dm_check_name(const char *check)
{
	struct dm_parser p;
	char *name = NULL;

	dm_parser_init(&p, check, strlen(check), 0);
	if (dm_parser_accept(&p, "CONSTRAINT"))
		name = dm_parser_name(&p);
	dm_parser_fini(&p);
	return name;
}
