/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Definitions of columns. The attributes may stand in any order and are printed
 * in one: that of SHOW CREATE TABLE, as far as servers agree.
 */
#include "lib/ddl/column_text.h"
#include "lib/ddl/parser.h"

#include <string.h>

static void
attributes_clear(struct dm_attributes *a)
{
	g_free(a->generated);
	g_free(a->srid);
	g_free(a->versioning);
	g_free(a->value);
	g_free(a->on_update);
	g_free(a->comment);
	if (a->storage != NULL)
		g_string_free(a->storage, TRUE);
	if (a->checks != NULL)
		g_string_free(a->checks, TRUE);
}

void
dm_column_extra_clear(struct dm_column_extra *extra)
{
	dm_foreign_key_free(extra->reference);
	extra->reference = NULL;
}

static void
append(GString *out, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return;
	if (out->len > 0)
		g_string_append_c(out, ' ');
	g_string_append(out, text);
}

static void
append2(GString *out, const char *word, const char *text)
{
	if (text == NULL)
		return;
	append(out, word);
	append(out, text);
}

static char *
print_attributes(const struct dm_attributes *a)
{
	GString *out = g_string_new(NULL);

	append(out, a->generated);
	append2(out, "SRID", a->srid);
	append(out, a->not_null ? "NOT NULL" : a->null ? "NULL" : NULL);
	append(out, a->invisible ? "INVISIBLE" : NULL);
	append(out, a->versioning);
	append2(out, "DEFAULT", a->value);
	append2(out, "ON UPDATE", a->on_update);
	append(out, a->auto_increment ? "AUTO_INCREMENT" : NULL);
	append(out, a->storage->str);
	append2(out, "COMMENT", a->comment);
	append(out, a->checks->str);
	return g_string_free(out, FALSE);
}

/* CURRENT_TIMESTAMP in any spelling, canonical; NULL: it is none. */
static char *
parse_now(struct dm_parser *p)
{
	int n;

	if (!dm_parser_accept(p, "CURRENT_TIMESTAMP") &&
	    !dm_parser_accept(p, "LOCALTIME") &&
	    !dm_parser_accept(p, "LOCALTIMESTAMP")) {
		if (!dm_parser_is(p, "NOW ("))
			return NULL;
		(void)dm_parser_take(p);
	}
	if (dm_parser_accept(p, "( )"))
		return g_strdup("CURRENT_TIMESTAMP");
	n = dm_parser_length(p);
	if (n <= 0)
		return g_strdup("CURRENT_TIMESTAMP");
	return g_strdup_printf("CURRENT_TIMESTAMP(%d)", n);
}

/* A function call, a literal of date or time, NEXT VALUE FOR s, CASE. */
static void
default_word(struct dm_parser *p, struct dm_run *run)
{
	unsigned depth = 0;

	if (dm_parser_is(p, "CASE")) {
		do {
			depth += dm_parser_is(p, "CASE") ? 1 : 0;
			depth -= dm_parser_is(p, "END") ? 1 : 0;
			if (dm_parser_at_end(p))
				dm_parser_fail(p, "END");
			dm_run_token(p, run);
		} while (depth > 0 && !dm_parser_failed(p));
		return;
	}
	if (dm_parser_is(p, "NEXT VALUE FOR")) {
		for (int i = 0; i < 3; i++)
			dm_run_token(p, run);
	}
	dm_run_token(p, run);
	while (dm_parser_is(p, ".")) {
		dm_run_token(p, run);
		dm_run_token(p, run);
	}
	if (dm_parser_is(p, "("))
		dm_run_parens(p, run);
	while (dm_parser_peek(p, 0)->kind == DM_TOK_STRING)
		dm_run_token(p, run);
}

char *
dm_parse_default(struct dm_parser *p)
{
	struct dm_run run = { 0 };
	const struct dm_token *t;
	char *now;

	if (dm_parser_is(p, "NULL")) {
		(void)dm_parser_take(p);
		return g_strdup("NULL");
	}
	now = parse_now(p);
	if (now != NULL)
		return now;
	run.out = g_string_new(NULL);
	while (dm_parser_is(p, "-") || dm_parser_is(p, "+"))
		dm_run_token(p, &run);
	t = dm_parser_peek(p, 0);
	switch (t->kind) {
	case DM_TOK_NUMBER:
	case DM_TOK_BYTES:
	case DM_TOK_VARIABLE:
		dm_run_token(p, &run);
		break;
	case DM_TOK_STRING:
		while (dm_parser_peek(p, 0)->kind == DM_TOK_STRING)
			dm_run_token(p, &run);
		break;
	case DM_TOK_QUOTED:
		default_word(p, &run);
		break;
	case DM_TOK_WORD:
		if (t->text[0] == '_' &&
		    dm_parser_peek(p, 1)->kind == DM_TOK_BYTES)
			dm_run_token(p, &run);
		default_word(p, &run);
		break;
	case DM_TOK_PUNCT:
		if (dm_parser_is(p, "("))
			dm_run_parens(p, &run);
		else
			dm_parser_fail(p, "a default");
		break;
	case DM_TOK_END:
	case DM_TOK_ERROR:
		dm_parser_fail(p, "a default");
		break;
	}
	return g_string_free(run.out, FALSE);
}

static void
replace(char **to, char *text)
{
	g_free(*to);
	*to = text;
}

static void
parse_generated(struct dm_parser *p, struct dm_attributes *a)
{
	g_autofree char *expr = NULL;
	const char *row = NULL;

	if (dm_parser_accept(p, "ROW START"))
		row = "ROW START";
	else if (dm_parser_accept(p, "ROW END"))
		row = "ROW END";
	if (row != NULL) {
		replace(&a->generated,
		    g_strdup_printf("GENERATED ALWAYS AS %s", row));
		a->stored = true;
		return;
	}
	expr = dm_run_parens_text(p);
	a->stored =
	    dm_parser_accept(p, "STORED") || dm_parser_accept(p, "PERSISTENT");
	if (!a->stored)
		(void)dm_parser_accept(p, "VIRTUAL");
	replace(&a->generated,
	    g_strdup_printf("GENERATED ALWAYS AS %s %s",
		expr == NULL ? "" : expr, a->stored ? "STORED" : "VIRTUAL"));
}

static char *
take_string(struct dm_parser *p)
{
	const struct dm_token *t = dm_parser_peek(p, 0);
	GString *out = g_string_new(NULL);

	if (t->kind != DM_TOK_STRING)
		dm_parser_fail(p, "a string");
	else
		dm_sqltext_string(out, t->text, t->len);
	(void)dm_parser_take(p);
	return g_string_free(out, FALSE);
}

static char *
take_number(struct dm_parser *p)
{
	if (dm_parser_peek(p, 0)->kind != DM_TOK_NUMBER)
		dm_parser_fail(p, "a number");
	return g_strdup(dm_parser_take(p).text);
}

/* A bare word of the grammar, upper case. */
static void
append_word(struct dm_parser *p, GString *out)
{
	struct dm_token t = dm_parser_take(p);
	g_autofree char *word = g_ascii_strup(t.text, -1);

	if (t.kind != DM_TOK_WORD)
		dm_parser_fail(p, "a word");
	g_string_append(out, word);
}

/* Attributes of storage engines, and TiDB's. */
static bool
parse_storage(struct dm_parser *p, struct dm_attributes *a)
{
	static const char *const words[] = { "COLUMN_FORMAT", "STORAGE" };
	struct dm_run run = { 0 };

	for (size_t i = 0; i < DM_ARRAY_SIZE(words); i++) {
		if (!dm_parser_accept(p, words[i]))
			continue;
		append(a->storage, words[i]);
		g_string_append_c(a->storage, ' ');
		append_word(p, a->storage);
		return true;
	}
	if (dm_parser_accept(p, "AUTO_RANDOM")) {
		append(a->storage, "/*T![auto_rand] AUTO_RANDOM");
		run.out = a->storage;
		if (dm_parser_is(p, "("))
			dm_run_parens(p, &run);
		append(a->storage, "*/");
		return true;
	}
	if (dm_parser_accept(p, "ENGINE_ATTRIBUTE") ||
	    dm_parser_accept(p, "SECONDARY_ENGINE_ATTRIBUTE")) {
		g_autofree char *value = NULL;

		(void)dm_parser_accept(p, "=");
		/* Nothing but names of files of the source's engine. */
		value = take_string(p);
		return true;
	}
	return false;
}

/* A part of the type: newer servers take it nowhere else. */
static bool
parse_compressed(struct dm_parser *p, struct dm_column *c)
{
	GString *type;

	if (!dm_parser_accept(p, "COMPRESSED"))
		return false;
	type = g_string_new(c->type_text);
	append(type, "COMPRESSED");
	if (dm_parser_accept(p, "=")) {
		g_string_append_c(type, '=');
		append_word(p, type);
	}
	g_free(c->type_text);
	c->type_text = g_string_free(type, FALSE);
	return true;
}

static bool
parse_key_words(struct dm_parser *p, struct dm_column_extra *extra)
{
	if (dm_parser_accept(p, "PRIMARY")) {
		(void)dm_parser_accept(p, "KEY");
		extra->primary = true;
		/* TiDB's; it prints them behind the key, not here. */
		if (!dm_parser_accept(p, "CLUSTERED"))
			(void)dm_parser_accept(p, "NONCLUSTERED");
	} else if (dm_parser_accept(p, "UNIQUE")) {
		(void)dm_parser_accept(p, "KEY");
		extra->unique = true;
	} else if (dm_parser_accept(p, "KEY")) {
		/* In a column's definition KEY alone is the primary key. */
		extra->primary = true;
	} else {
		return false;
	}
	return true;
}

static bool
parse_constraint(
    struct dm_parser *p, struct dm_attributes *a, struct dm_column_extra *extra)
{
	g_autofree char *name = NULL, *check = NULL;

	if (dm_parser_is(p, "REFERENCES")) {
		dm_column_extra_clear(extra);
		extra->reference = dm_foreign_key_new();
		extra->reference->inlined = true;
		dm_parse_reference(p, extra->reference);
		return true;
	}
	if (dm_parser_accept(p, "CONSTRAINT")) {
		GString *out = a->checks;

		if (!dm_parser_is(p, "CHECK") && !dm_parser_is(p, "REFERENCES"))
			name = dm_parser_name(p);
		if (dm_parser_is(p, "REFERENCES"))
			return parse_constraint(p, a, extra);
		if (name != NULL) {
			append(out, "CONSTRAINT ");
			dm_sqltext_name(out, name);
		}
	}
	if (!dm_parser_is(p, "CHECK")) {
		if (name != NULL)
			dm_parser_fail(p, "CHECK");
		return false;
	}
	check = dm_parse_check(p);
	append(a->checks, check);
	return true;
}

static bool
parse_value(struct dm_parser *p, struct dm_attributes *a)
{
	char *now;

	if (dm_parser_accept(p, "DEFAULT")) {
		replace(&a->value, dm_parse_default(p));
	} else if (dm_parser_accept(p, "ON UPDATE")) {
		now = parse_now(p);
		if (now == NULL)
			dm_parser_fail(p, "CURRENT_TIMESTAMP");
		replace(&a->on_update, now);
	} else if (dm_parser_accept(p, "COMMENT")) {
		replace(&a->comment, take_string(p));
	} else if (dm_parser_accept(p, "GENERATED ALWAYS AS") ||
		   dm_parser_accept(p, "AS")) {
		parse_generated(p, a);
	} else if (dm_parser_accept(p, "SRID") ||
		   dm_parser_accept(p, "REF_SYSTEM_ID")) {
		(void)dm_parser_accept(p, "=");
		replace(&a->srid, take_number(p));
	} else {
		return false;
	}
	return true;
}

static bool
parse_flag(struct dm_parser *p, struct dm_attributes *a)
{
	if (dm_parser_accept(p, "NOT NULL")) {
		a->not_null = true;
		a->null = false;
	} else if (dm_parser_accept(p, "NULL")) {
		a->null = !a->not_null;
	} else if (dm_parser_accept(p, "AUTO_INCREMENT")) {
		a->auto_increment = true;
	} else if (dm_parser_accept(p, "SERIAL DEFAULT VALUE")) {
		a->auto_increment = true;
		a->not_null = true;
		a->null = false;
	} else if (dm_parser_accept(p, "INVISIBLE")) {
		a->invisible = true;
	} else if (dm_parser_accept(p, "VISIBLE")) {
		a->invisible = false;
	} else if (dm_parser_accept(p, "WITH SYSTEM VERSIONING")) {
		replace(&a->versioning, g_strdup("WITH SYSTEM VERSIONING"));
	} else if (dm_parser_accept(p, "WITHOUT SYSTEM VERSIONING")) {
		replace(&a->versioning, g_strdup("WITHOUT SYSTEM VERSIONING"));
	} else {
		return false;
	}
	return true;
}

static void
parse_attributes(struct dm_parser *p, struct dm_column *c,
    struct dm_attributes *a, struct dm_column_extra *extra)
{
	a->storage = g_string_new(NULL);
	a->checks = g_string_new(NULL);
	for (;;) {
		bool serial = dm_parser_is(p, "SERIAL DEFAULT VALUE");

		if (parse_flag(p, a)) {
			extra->unique = extra->unique || serial;
			continue;
		}
		if (!parse_value(p, a) && !parse_storage(p, a) &&
		    !parse_compressed(p, c) && !parse_key_words(p, extra) &&
		    !parse_constraint(p, a, extra) &&
		    !dm_parse_column_charset(p, c))
			break;
	}
}

static void
set_attributes(struct dm_column *c, const struct dm_attributes *a)
{
	g_free(c->attributes);
	c->attributes = print_attributes(a);
	c->not_null = a->not_null;
	c->auto_increment = a->auto_increment;
	c->generated = a->generated != NULL;
	c->stored = a->stored;
	c->invisible = a->invisible;
	c->has_default = a->value != NULL;
}

struct dm_column *
dm_parse_column(struct dm_parser *p, struct dm_column_extra *extra)
{
	struct dm_column *c = dm_column_new();
	struct dm_attributes a = { 0 };

	memset(extra, 0, sizeof(*extra));
	c->name = dm_parser_name(p);
	if (dm_parse_type(p, c)) {
		a.auto_increment = true;
		a.not_null = true;
		extra->unique = true;
	}
	parse_attributes(p, c, &a, extra);
	if (c->charset != NULL && g_strcmp0(c->collation, "_bin") == 0) {
		g_free(c->collation);
		c->collation = g_strdup_printf("%s_bin", c->charset);
	}
	set_attributes(c, &a);
	attributes_clear(&a);
	if (extra->reference != NULL && c->name != NULL)
		g_ptr_array_add(extra->reference->columns, g_strdup(c->name));
	if (!dm_parser_failed(p))
		return c;
	dm_column_free(c);
	dm_column_extra_clear(extra);
	return NULL;
}

/* ---- changes of attributes that are kept as text (column_text.h) ---- */

void
dm_column_change_attributes(
    struct dm_column *c, dm_attributes_fn *change, const void *arg)
{
	struct dm_column_extra extra = { 0 };
	struct dm_attributes a = { 0 };
	struct dm_parser p;

	dm_parser_init(&p, c->attributes, strlen(c->attributes), 0);
	parse_attributes(&p, c, &a, &extra);
	if (!dm_parser_failed(&p) && dm_parser_at_end(&p)) {
		change(&a, arg);
		set_attributes(c, &a);
	}
	attributes_clear(&a);
	dm_column_extra_clear(&extra);
	dm_parser_fini(&p);
}

static void
change_default(struct dm_attributes *a, const void *arg)
{
	g_free(a->value);
	a->value = g_strdup(arg);
}

static void
change_not_null(struct dm_attributes *a, const void *arg)
{
	(void)arg;
	a->not_null = true;
	a->null = false;
	if (a->value != NULL && strcmp(a->value, "NULL") == 0)
		change_default(a, NULL);
}

static void
change_invisible(struct dm_attributes *a, const void *arg)
{
	a->invisible = *(const bool *)arg;
}

void
dm_column_set_default(struct dm_column *c, const char *value)
{
	dm_column_change_attributes(c, change_default, value);
}

void
dm_column_set_not_null(struct dm_column *c)
{
	dm_column_change_attributes(c, change_not_null, NULL);
}

void
dm_column_set_invisible(struct dm_column *c, bool invisible)
{
	dm_column_change_attributes(c, change_invisible, &invisible);
}

static void
take_checks(struct dm_attributes *a, const void *arg)
{
	GString *const *to = arg;

	g_string_assign(*to, a->checks->str);
	g_string_truncate(a->checks, 0);
}

char *
dm_column_take_checks(struct dm_column *c)
{
	GString *checks = g_string_new(NULL);

	dm_column_change_attributes(c, take_checks, &checks);
	return g_string_free(checks, FALSE);
}
