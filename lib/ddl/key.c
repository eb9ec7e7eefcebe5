/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions of keys, references, checks and periods. */
#include "lib/ddl/parser.h"

#include <string.h>

static void
add_part(struct dm_parser *p, struct dm_index *x)
{
	struct dm_index_part part = { .prefix = -1 };
	GString *text;

	if (dm_parser_is(p, "(")) {
		part.expression = dm_run_parens_text(p);
	} else {
		part.column = dm_parser_name(p);
		part.prefix = dm_parser_length(p);
		if (part.column != NULL &&
		    dm_parser_accept(p, "WITHOUT OVERLAPS")) {
			text = g_string_new(NULL);
			dm_sqltext_name(text, part.column);
			g_string_append(text, " WITHOUT OVERLAPS");
			g_free(part.column);
			part.column = NULL;
			part.expression = g_string_free(text, FALSE);
		}
	}
	if (dm_parser_accept(p, "DESC"))
		part.descending = true;
	else
		(void)dm_parser_accept(p, "ASC");
	g_array_append_val(x->parts, part);
}

void
dm_parse_index_parts(struct dm_parser *p, struct dm_index *x)
{
	dm_parser_expect(p, "(");
	do {
		add_part(p, x);
	} while (dm_parser_accept(p, ","));
	dm_parser_expect(p, ")");
}

static void
add_option(GString *out, const char *text)
{
	if (out->len > 0)
		g_string_append_c(out, ' ');
	g_string_append(out, text);
}

/* Words that stand alone. */
static bool
option_word(struct dm_parser *p, GString *out)
{
	static const char *const words[][2] = {
		{ "VISIBLE", "" },
		{ "NOT IGNORED", "" },
		{ "INVISIBLE", "INVISIBLE" },
		{ "IGNORED", "IGNORED" },
		{ "CLUSTERED", "/*T![clustered_index] CLUSTERED */" },
		{ "NONCLUSTERED", "/*T![clustered_index] NONCLUSTERED */" },
		{ "GLOBAL", "/*T![global_index] GLOBAL */" },
		{ "LOCAL", "" },
	};

	for (size_t i = 0; i < DM_ARRAY_SIZE(words); i++) {
		if (!dm_parser_accept(p, words[i][0]))
			continue;
		if (words[i][1][0] != '\0')
			add_option(out, words[i][1]);
		return true;
	}
	return false;
}

/* NAME [=] value; needs_equals: of names we do not know. */
static bool
option_value(
    struct dm_parser *p, GString *out, const char *name, bool needs_equals)
{
	struct dm_run run = { .out = out };
	const struct dm_token *t = dm_parser_peek(p, 0);

	/* ALGORITHM belongs to the statement. */
	if (needs_equals &&
	    ((t->kind != DM_TOK_WORD && t->kind != DM_TOK_QUOTED) ||
		t->reserved || dm_parser_is(p, "ALGORITHM") ||
		strcmp(dm_parser_peek(p, 1)->text, "=") != 0))
		return false;
	if (!needs_equals && !dm_parser_accept(p, name))
		return false;
	if (needs_equals) {
		add_option(out, "");
		dm_run_token(p, &run);
	} else {
		add_option(out, name);
	}
	(void)dm_parser_accept(p, "=");
	g_string_append_c(out, '=');
	run = (struct dm_run){ .out = out };
	if (dm_parser_peek(p, 0)->kind == DM_TOK_PUNCT)
		dm_parser_fail(p, "a value");
	dm_run_token(p, &run);
	return true;
}

static bool
index_type(struct dm_parser *p, GString *out)
{
	g_autofree char *type = NULL;

	if (!dm_parser_accept(p, "USING") && !dm_parser_accept(p, "TYPE"))
		return false;
	type = dm_parser_name(p);
	if (type == NULL)
		return true;
	for (char *c = type; *c != '\0'; c++)
		*c = g_ascii_toupper(*c);
	add_option(out, "USING ");
	g_string_append(out, type);
	return true;
}

static bool
index_option(struct dm_parser *p, GString *out)
{
	struct dm_run run = { .out = out };

	if (index_type(p, out) || option_word(p, out))
		return true;
	if (dm_parser_accept(p, "COMMENT")) {
		add_option(out, "COMMENT ");
		if (dm_parser_peek(p, 0)->kind != DM_TOK_STRING)
			dm_parser_fail(p, "a string");
		dm_run_token(p, &run);
		return true;
	}
	if (dm_parser_accept(p, "WITH PARSER")) {
		add_option(out, "WITH PARSER ");
		dm_run_token(p, &run);
		return true;
	}
	return option_value(p, out, "KEY_BLOCK_SIZE", false) ||
	       option_value(p, out, NULL, true);
}

void
dm_parse_index_options(struct dm_parser *p, struct dm_index *x)
{
	GString *out = g_string_new(x->options);

	while (index_option(p, out))
		continue;
	g_free(x->options);
	x->options = g_string_free(out, FALSE);
}

static bool
index_kind(struct dm_parser *p, enum dm_index_kind *kind)
{
	if (dm_parser_accept(p, "PRIMARY KEY")) {
		*kind = DM_INDEX_PRIMARY;
		return true;
	}
	if (dm_parser_accept(p, "UNIQUE"))
		*kind = DM_INDEX_UNIQUE;
	else if (dm_parser_accept(p, "FULLTEXT"))
		*kind = DM_INDEX_FULLTEXT;
	else if (dm_parser_accept(p, "SPATIAL"))
		*kind = DM_INDEX_SPATIAL;
	else if (dm_parser_is(p, "KEY") || dm_parser_is(p, "INDEX"))
		*kind = DM_INDEX_PLAIN;
	else
		return false;
	if (!dm_parser_accept(p, "KEY"))
		(void)dm_parser_accept(p, "INDEX");
	return true;
}

struct dm_index *
dm_parse_index(struct dm_parser *p, bool *if_not_exists)
{
	enum dm_index_kind kind = DM_INDEX_PLAIN;
	struct dm_index *x;
	GString *type;

	if (!index_kind(p, &kind)) {
		dm_parser_fail(p, "a key");
		return NULL;
	}
	x = dm_index_new(kind, kind == DM_INDEX_PRIMARY ? "PRIMARY" : NULL);
	*if_not_exists = dm_parser_accept(p, "IF NOT EXISTS");
	if (!dm_parser_is(p, "(") && !dm_parser_is(p, "USING") &&
	    !dm_parser_is(p, "TYPE BTREE") && !dm_parser_is(p, "TYPE HASH")) {
		/* A primary key may be given a name, which no server keeps. */
		g_autofree char *name = dm_parser_name(p);

		if (kind != DM_INDEX_PRIMARY)
			x->name = DM_TAKE(name);
	}
	type = g_string_new(NULL);
	(void)index_type(p, type);
	g_free(x->options);
	x->options = g_string_free(type, FALSE);
	dm_parse_index_parts(p, x);
	dm_parse_index_options(p, x);
	return x;
}

static void
name_list(struct dm_parser *p, GPtrArray *names)
{
	dm_parser_expect(p, "(");
	do {
		char *name = dm_parser_name(p);

		/* A prefix length says nothing here. */
		(void)dm_parser_length(p);
		if (name != NULL)
			g_ptr_array_add(names, name);
	} while (dm_parser_accept(p, ","));
	dm_parser_expect(p, ")");
}

static void
reference_action(struct dm_parser *p, GString *out)
{
	static const char *const actions[] = { "RESTRICT", "CASCADE",
		"SET NULL", "NO ACTION", "SET DEFAULT" };

	for (size_t i = 0; i < DM_ARRAY_SIZE(actions); i++) {
		if (dm_parser_accept(p, actions[i])) {
			g_string_append(out, actions[i]);
			return;
		}
	}
	dm_parser_fail(p, "an action of a foreign key");
}

void
dm_parse_reference(struct dm_parser *p, struct dm_foreign_key *f)
{
	struct dm_table_name ref;
	GString *out = g_string_new(NULL);

	dm_parser_expect(p, "REFERENCES");
	ref = dm_parser_table_name(p);
	f->ref_schema = ref.schema;
	f->ref_table = ref.table;
	if (dm_parser_is(p, "("))
		name_list(p, f->ref_columns);
	for (;;) {
		if (dm_parser_accept(p, "MATCH")) {
			/* FULL, PARTIAL, SIMPLE: no server heeds them, but
			 * they make it drop the actions. */
			add_option(out, "MATCH ");
			if (dm_parser_accept(p, "FULL"))
				g_string_append(out, "FULL");
			else if (dm_parser_accept(p, "PARTIAL"))
				g_string_append(out, "PARTIAL");
			else
				g_string_append(out, "SIMPLE");
			if (g_str_has_suffix(out->str, "SIMPLE"))
				dm_parser_expect(p, "SIMPLE");
		} else if (dm_parser_is(p, "ON DELETE") ||
			   dm_parser_is(p, "ON UPDATE")) {
			add_option(out, dm_parser_is(p, "ON DELETE")
					    ? "ON DELETE "
					    : "ON UPDATE ");
			(void)dm_parser_take(p);
			(void)dm_parser_take(p);
			reference_action(p, out);
		} else {
			break;
		}
	}
	g_free(f->actions);
	f->actions = g_string_free(out, FALSE);
}

struct dm_foreign_key *
dm_parse_foreign_key(struct dm_parser *p, bool *if_not_exists)
{
	struct dm_foreign_key *f = dm_foreign_key_new();

	dm_parser_expect(p, "FOREIGN KEY");
	*if_not_exists = dm_parser_accept(p, "IF NOT EXISTS");
	if (!dm_parser_is(p, "("))
		f->index_name = dm_parser_name(p);
	name_list(p, f->columns);
	dm_parse_reference(p, f);
	return f;
}

char *
dm_parse_check(struct dm_parser *p)
{
	g_autofree char *expr = NULL;
	const char *enforced = "";

	dm_parser_expect(p, "CHECK");
	expr = dm_run_parens_text(p);
	if (dm_parser_accept(p, "NOT ENFORCED"))
		enforced = " NOT ENFORCED";
	else
		(void)dm_parser_accept(p, "ENFORCED");
	return g_strdup_printf(
	    "CHECK %s%s", expr == NULL ? "" : expr, enforced);
}

static void
parse_period(struct dm_parser *p, struct dm_element *e)
{
	GString *out = g_string_new(NULL);
	struct dm_run run = { .out = out };

	dm_parser_expect(p, "PERIOD FOR");
	g_string_append(out, "PERIOD FOR ");
	dm_run_token(p, &run);
	dm_run_parens(p, &run);
	e->check = g_string_free(out, FALSE);
}

static void
named_check(struct dm_parser *p, struct dm_element *e, const char *name)
{
	GString *out = g_string_new(NULL);
	g_autofree char *check = NULL;

	e->if_not_exists =
	    e->if_not_exists || dm_parser_accept(p, "IF NOT EXISTS");
	check = dm_parse_check(p);
	if (name != NULL) {
		g_string_append(out, "CONSTRAINT ");
		dm_sqltext_name(out, name);
		g_string_append_c(out, ' ');
	}
	g_string_append(out, check);
	e->check = g_string_free(out, FALSE);
}

static bool
starts_key(struct dm_parser *p)
{
	static const char *const words[] = { "PRIMARY", "UNIQUE", "KEY",
		"INDEX", "FULLTEXT", "SPATIAL" };

	for (size_t i = 0; i < DM_ARRAY_SIZE(words); i++) {
		if (dm_parser_is(p, words[i]))
			return true;
	}
	return false;
}

bool
dm_parse_element(struct dm_parser *p, struct dm_element *e)
{
	g_autofree char *name = NULL;
	bool constraint, exists = false;

	memset(e, 0, sizeof(*e));
	constraint = dm_parser_accept(p, "CONSTRAINT");
	if (constraint) {
		exists = dm_parser_accept(p, "IF NOT EXISTS");
		if (!starts_key(p) && !dm_parser_is(p, "FOREIGN") &&
		    !dm_parser_is(p, "CHECK"))
			name = dm_parser_name(p);
	}
	if (starts_key(p)) {
		e->index = dm_parse_index(p, &e->if_not_exists);
		if (e->index != NULL && e->index->name == NULL)
			e->index->name = DM_TAKE(name);
	} else if (dm_parser_is(p, "FOREIGN")) {
		e->foreign_key = dm_parse_foreign_key(p, &e->if_not_exists);
		e->foreign_key->name = DM_TAKE(name);
	} else if (dm_parser_is(p, "CHECK")) {
		named_check(p, e, name);
	} else if (dm_parser_is(p, "PERIOD FOR")) {
		parse_period(p, e);
	} else if (dm_parser_is(p, "VECTOR KEY") ||
		   dm_parser_is(p, "VECTOR INDEX")) {
		dm_parser_fail(p, "no VECTOR index: it is not supported");
	} else {
		if (constraint)
			dm_parser_fail(p, "a constraint");
		return false;
	}
	e->if_not_exists = e->if_not_exists || exists;
	return true;
}
