/* SPDX-License-Identifier: Apache-2.0 */
/* Looking ahead, taking tokens, names, and the one error of a parse. */
#include "lib/ddl/parser.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of the statement that an error shows. */
#define NEAR_MAX 64

void
dm_parser_init(
    struct dm_parser *p, const char *sql, size_t len, uint64_t sql_mode)
{
	memset(p, 0, sizeof(*p));
	dm_lexer_init(&p->lex, sql, len, sql_mode, &p->arena);
}

void
dm_parser_fini(struct dm_parser *p)
{
	dm_arena_fini(&p->arena);
	g_free(p->problem);
	p->problem = NULL;
}

struct dm_err *
dm_parser_error(struct dm_parser *p)
{
	if (p->problem == NULL)
		return NULL;
	return dm_err_new(PARSE_SQL, p->problem);
}

bool
dm_parser_failed(const struct dm_parser *p)
{
	return p->problem != NULL;
}

static char *
near_text(const struct dm_parser *p, size_t offset)
{
	size_t left = p->lex.len - MIN(offset, p->lex.len);
	const char *from = p->lex.sql + (p->lex.len - left);
	g_autofree char *cut = NULL;

	if (left == 0)
		return g_strdup("the end of the statement");
	cut = g_strndup(from, MIN(left, (size_t)NEAR_MAX));
	return g_strdup_printf("'%s'", cut);
}

void
dm_parser_fail(struct dm_parser *p, const char *expected)
{
	const struct dm_token *t = dm_parser_peek(p, 0);
	g_autofree char *got = NULL, *valid = NULL;

	if (p->problem != NULL)
		return;
	got = near_text(p, t->offset);
	valid = g_utf8_make_valid(got, -1);
	p->problem = g_strdup_printf(
	    "expected %s, got %s (offset %zu)", expected, valid, t->offset);
}

static const struct dm_token *
end_token(void)
{
	static const struct dm_token end = { .kind = DM_TOK_END, .text = "" };

	return &end;
}

const struct dm_token *
dm_parser_peek(struct dm_parser *p, unsigned n)
{
	dm_assert(n < DM_PARSER_LOOK);
	if (p->problem != NULL)
		return end_token();
	while (p->looked <= n) {
		struct dm_token t = dm_lexer_next(&p->lex);

		if (t.kind == DM_TOK_ERROR) {
			g_autofree char *at = near_text(p, t.offset);
			g_autofree char *valid = g_utf8_make_valid(at, -1);

			p->problem = g_strdup_printf(
			    "%s near %s (offset %zu)", t.text, valid, t.offset);
			return end_token();
		}
		p->look[p->looked++] = t;
	}
	return &p->look[n];
}

struct dm_token
dm_parser_take(struct dm_parser *p)
{
	struct dm_token t = *dm_parser_peek(p, 0);

	if (p->problem != NULL)
		return t;
	p->looked--;
	memmove(p->look, p->look + 1, p->looked * sizeof(p->look[0]));
	return t;
}

static bool
token_is(const struct dm_token *t, const char *word, size_t len)
{
	return (t->kind == DM_TOK_WORD || t->kind == DM_TOK_PUNCT) &&
	       t->len == len && g_ascii_strncasecmp(t->text, word, len) == 0;
}

/* How many tokens the phrase takes; 0: it does not stand here. */
static unsigned
match_phrase(struct dm_parser *p, unsigned from, const char *phrase)
{
	unsigned n = from;

	for (const char *word = phrase; *word != '\0'; n++) {
		size_t len = strcspn(word, " ");

		if (!token_is(dm_parser_peek(p, n), word, len))
			return 0;
		word += len;
		while (*word == ' ')
			word++;
	}
	return n - from;
}

bool
dm_parser_is(struct dm_parser *p, const char *phrase)
{
	return match_phrase(p, 0, phrase) > 0;
}

bool
dm_parser_is_at(struct dm_parser *p, unsigned n, const char *phrase)
{
	return match_phrase(p, n, phrase) > 0;
}

bool
dm_parser_accept(struct dm_parser *p, const char *phrase)
{
	unsigned n = match_phrase(p, 0, phrase);

	for (unsigned i = 0; i < n; i++)
		(void)dm_parser_take(p);
	return n > 0;
}

void
dm_parser_expect(struct dm_parser *p, const char *phrase)
{
	if (!dm_parser_accept(p, phrase))
		dm_parser_fail(p, phrase);
}

bool
dm_parser_at_end(struct dm_parser *p)
{
	return dm_parser_peek(p, 0)->kind == DM_TOK_END;
}

char *
dm_parser_name(struct dm_parser *p)
{
	const struct dm_token *t = dm_parser_peek(p, 0);

	if ((t->kind != DM_TOK_WORD || t->reserved) &&
	    t->kind != DM_TOK_QUOTED) {
		dm_parser_fail(p, "a name");
		return NULL;
	}
	if (t->len == 0) {
		dm_parser_fail(p, "a name that is not empty");
		return NULL;
	}
	return g_strdup(dm_parser_take(p).text);
}

/* Behind a dot reserved words are names, too. */
static char *
name_behind_dot(struct dm_parser *p)
{
	if (dm_parser_peek(p, 0)->kind == DM_TOK_WORD)
		return g_strdup(dm_parser_take(p).text);
	return dm_parser_name(p);
}

struct dm_table_name
dm_parser_table_name(struct dm_parser *p)
{
	struct dm_table_name n = { 0 };

	n.table = dm_parser_name(p);
	if (n.table == NULL || !dm_parser_accept(p, "."))
		return n;
	n.schema = n.table;
	n.table = name_behind_dot(p);
	if (n.table == NULL) {
		g_free(n.schema);
		n.schema = NULL;
	}
	return n;
}

static int
parse_number(struct dm_parser *p)
{
	const struct dm_token *t = dm_parser_peek(p, 0);
	guint64 v = 0;

	if (t->kind != DM_TOK_NUMBER ||
	    !g_ascii_string_to_unsigned(t->text, 10, 0, INT32_MAX, &v, NULL)) {
		/* LONGTEXT(4294967295): more than any length that counts. */
		if (t->kind != DM_TOK_NUMBER ||
		    !g_ascii_string_to_unsigned(
			t->text, 10, 0, UINT32_MAX, &v, NULL))
			dm_parser_fail(p, "a length");
		v = INT32_MAX;
	}
	(void)dm_parser_take(p);
	return (int)v;
}

int
dm_parser_length(struct dm_parser *p)
{
	int n;

	if (!dm_parser_accept(p, "("))
		return -1;
	n = parse_number(p);
	dm_parser_expect(p, ")");
	return dm_parser_failed(p) ? -1 : n;
}

char *
dm_parser_charset(struct dm_parser *p)
{
	const struct dm_token *t = dm_parser_peek(p, 0);

	if (t->kind != DM_TOK_WORD && t->kind != DM_TOK_QUOTED &&
	    t->kind != DM_TOK_STRING) {
		dm_parser_fail(p, "a character set or collation");
		return NULL;
	}
	for (size_t i = 0; i < t->len; i++) {
		if (!g_ascii_isalnum(t->text[i]) && t->text[i] != '_') {
			dm_parser_fail(p, "a character set or collation");
			return NULL;
		}
	}
	return g_ascii_strdown(dm_parser_take(p).text, -1);
}

bool
dm_parser_accept_charset(struct dm_parser *p)
{
	return dm_parser_accept(p, "CHARACTER SET") ||
	       dm_parser_accept(p, "CHARSET") ||
	       dm_parser_accept(p, "CHAR SET");
}
