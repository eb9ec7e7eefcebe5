/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions and other text that we keep as a run of tokens: the same tokens
 * with the same blanks whatever the source's blanks, comments, quotes and
 * sql_mode were. DESIGN: a blank stands between two tokens unless a rule below
 * takes it away, and no rule joins two tokens into another one; so reading the
 * text again yields the same tokens.
 */
#include "lib/ddl/parser.h"

#include <string.h>

/* Far more than any server takes. */
#define PARENS_MAX 1000

/* Reserved words behind which a parenthesis is no argument list; sorted. */
static const char *const operator_words[] = { "ALL", "AND", "AS", "BETWEEN",
	"BY", "CASE", "COLLATE", "DISTINCT", "DIV", "ELSE", "EXISTS", "FROM",
	"IN", "INTERVAL", "INTO", "IS", "LIKE", "MOD", "NOT", "ON", "OR",
	"REGEXP", "RLIKE", "SELECT", "THEN", "UNION", "USING", "WHEN", "WHERE",
	"WITH", "XOR" };

static bool
is_operator_word(const struct dm_token *t)
{
	if (t->kind != DM_TOK_WORD || !t->reserved)
		return false;
	for (size_t i = 0; i < DM_ARRAY_SIZE(operator_words); i++) {
		if (g_ascii_strcasecmp(operator_words[i], t->text) == 0)
			return true;
	}
	return false;
}

static bool
is_punct(const struct dm_token *t, const char *text)
{
	return t->kind == DM_TOK_PUNCT && strcmp(t->text, text) == 0;
}

static bool
is_name(const struct dm_token *t)
{
	return t->kind == DM_TOK_WORD || t->kind == DM_TOK_QUOTED;
}

/* "f (x)" and "f(x)" call different functions for some names, so that the
 * source's blank counts there. */
static bool
blank_before_paren(
    const struct dm_run *run, const struct dm_token *t, uint64_t sql_mode)
{
	const struct dm_token *prev = &run->prev;

	if (run->sign || is_punct(prev, "("))
		return false;
	if (!is_name(prev))
		return true;
	if (prev->reserved)
		return is_operator_word(prev);
	return t->space && (sql_mode & DM_SQLMODE_IGNORE_SPACE) == 0;
}

static bool
blank_before(
    const struct dm_run *run, const struct dm_token *t, uint64_t sql_mode)
{
	const struct dm_token *prev = &run->prev;

	if (prev->kind == DM_TOK_END || is_punct(t, ",") || is_punct(t, ")"))
		return false;
	if (is_punct(t, "("))
		return blank_before_paren(run, t, sql_mode);
	if (is_punct(prev, "("))
		return false;
	if (is_punct(t, "."))
		return !is_name(prev);
	if (run->glued)
		return !is_name(t) && !is_punct(t, "*");
	if (run->sign || is_punct(prev, "!") || is_punct(prev, "~"))
		return t->kind == DM_TOK_PUNCT;
	if (prev->kind == DM_TOK_WORD && prev->text[0] == '_' &&
	    t->kind == DM_TOK_STRING)
		return t->national;
	return true;
}

/* Whether a plus or minus that follows prev is a sign. */
static bool
starts_operand(const struct dm_token *prev)
{
	if (prev->kind == DM_TOK_END || is_operator_word(prev))
		return true;
	return prev->kind == DM_TOK_PUNCT && !is_punct(prev, ")") &&
	       !is_punct(prev, "}");
}

static void
append_text(GString *out, const struct dm_token *t)
{
	switch (t->kind) {
	case DM_TOK_QUOTED:
		dm_sqltext_name(out, t->text);
		break;
	case DM_TOK_STRING:
		if (t->national)
			g_string_append_c(out, 'N');
		dm_sqltext_string(out, t->text, t->len);
		break;
	case DM_TOK_WORD:
		for (size_t i = 0; i < t->len; i++)
			g_string_append_c(out, t->reserved
						   ? g_ascii_toupper(t->text[i])
						   : t->text[i]);
		break;
	case DM_TOK_NUMBER:
	case DM_TOK_BYTES:
	case DM_TOK_VARIABLE:
	case DM_TOK_PUNCT:
		g_string_append_len(out, t->text, (gssize)t->len);
		break;
	case DM_TOK_END:
	case DM_TOK_ERROR:
		break;
	}
}

void
dm_run_token(struct dm_parser *p, struct dm_run *run)
{
	uint64_t mode = p->lex.sql_mode;
	struct dm_token t = *dm_parser_peek(p, 0);
	bool minus = is_punct(&t, "-") || is_punct(&t, "+");

	if (run->glued)
		t.reserved = false; /* t.key: a name behind the dot */
	if (is_punct(&t, "||") && (mode & DM_SQLMODE_PIPES_AS_CONCAT) != 0) {
		/* Elsewhere it means OR, and binds differently. */
		dm_parser_fail(p, "concat() in place of ||");
		return;
	}
	if (is_punct(&t, ";")) {
		dm_parser_fail(p, "an expression");
		return;
	}
	if (blank_before(run, &t, mode))
		g_string_append_c(run->out, ' ');
	append_text(run->out, &t);
	run->sign = minus && starts_operand(&run->prev);
	run->glued = is_punct(&t, ".") && is_name(&run->prev);
	run->prev = t;
	(void)dm_parser_take(p);
}

void
dm_run_parens(struct dm_parser *p, struct dm_run *run)
{
	unsigned depth = 0;

	if (!dm_parser_is(p, "(")) {
		dm_parser_fail(p, "(");
		return;
	}
	do {
		if (dm_parser_is(p, "("))
			depth++;
		else if (dm_parser_is(p, ")"))
			depth--;
		else if (dm_parser_at_end(p))
			dm_parser_fail(p, ")");
		if (depth > PARENS_MAX)
			dm_parser_fail(p, "fewer parentheses");
		dm_run_token(p, run);
	} while (depth > 0 && !dm_parser_failed(p));
}

char *
dm_run_parens_text(struct dm_parser *p)
{
	struct dm_run run = { .out = g_string_new(NULL) };

	dm_run_parens(p, &run);
	return g_string_free(run.out, dm_parser_failed(p));
}

void
dm_run_rest(
    struct dm_parser *p, struct dm_run *run, bool (*stop)(struct dm_parser *p))
{
	while (!dm_parser_at_end(p) && !dm_parser_is(p, ";")) {
		if (stop != NULL && stop(p))
			break;
		if (dm_parser_is(p, "("))
			dm_run_parens(p, run);
		else if (dm_parser_is(p, ")"))
			dm_parser_fail(p, "(");
		else
			dm_run_token(p, run);
	}
}

char *
dm_run_rest_text(struct dm_parser *p)
{
	struct dm_run run = { .out = g_string_new(NULL) };

	dm_run_rest(p, &run, NULL);
	return g_string_free(run.out, FALSE);
}
