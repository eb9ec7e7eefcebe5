/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: see lexer.h. */
#include "lib/expr/lexer.h"

#include "lib/sql/sql.h"

#include <string.h>

static void
fail(struct ex_token *t, const char *why)
{
	t->kind = EX_TOK_ERROR;
	t->text = why;
	t->len = strlen(why);
}

static bool
is_name_char(char c)
{
	return g_ascii_isalnum(c) || c == '_' || c == '$' ||
	       (unsigned char)c >= 0x80;
}

/* Blanks and comments. */
static bool
skip_blanks(struct ex_lexer *l)
{
	for (;;) {
		const char *p = l->sql + l->pos;
		const char *end;

		if (g_ascii_isspace(*p)) {
			l->pos++;
		} else if (p[0] == '#' ||
			   (p[0] == '-' && p[1] == '-' &&
			       (p[2] == '\0' || g_ascii_isspace(p[2])))) {
			l->pos += strcspn(p, "\n");
		} else if (p[0] == '/' && p[1] == '*') {
			end = strstr(p + 2, "*/");
			/* What a comment for one server says is not read. */
			if (end == NULL || p[2] == '!' || p[2] == '+')
				return false;
			l->pos += (size_t)(end - p) + 2;
		} else {
			return true;
		}
	}
}

/* From the quote at pos to its partner. \% and \_ keep their backslash, which
 * LIKE takes away. */
static void
lex_quoted(struct ex_lexer *l, struct ex_token *t, bool escapes)
{
	char quote = l->sql[l->pos];
	char *buf = dm_arena_alloc(l->arena, strlen(l->sql + l->pos) + 1);
	size_t n = 0, i = l->pos + 1;

	for (;; i++) {
		char c = l->sql[i];

		if (c == quote && l->sql[i + 1] != quote)
			break;
		if (c == quote) {
			i++;
		} else if (c == '\\' && escapes && l->sql[i + 1] != '\0') {
			c = l->sql[++i];
			if (c == '%' || c == '_')
				buf[n++] = '\\';
			c = dm_sql_unescape(c);
		}
		if (l->sql[i] == '\0') {
			fail(t, "a quote is not closed");
			return;
		}
		buf[n++] = c;
	}
	buf[n] = '\0';
	l->pos = i + 1;
	t->text = buf;
	t->len = n;
}

/* The bytes of `n` digits, filled with zeros in front. */
static void
set_bytes(struct ex_lexer *l, struct ex_token *t, const char *digits, size_t n,
    size_t bits)
{
	size_t each = 8 / bits, len = (n + each - 1) / each;
	char *buf = dm_arena_alloc(l->arena, len + 1);

	memset(buf, 0, len + 1);
	for (size_t i = 0; i < n; i++) {
		size_t from_end = n - 1 - i;
		int v = g_ascii_xdigit_value(digits[i]);

		buf[len - 1 - from_end / each] |=
		    (char)(v << (from_end % each * bits));
	}
	t->kind = EX_TOK_BYTES;
	t->text = buf;
	t->len = len;
}

/* x'41', b'01', 0x41, 0b01. False: it is something else. */
static bool
lex_bytes(struct ex_lexer *l, struct ex_token *t)
{
	const char *p = l->sql + l->pos;
	char base = (char)((p[0] == '0' ? p[1] : p[0]) | 0x20);
	const char *set = base == 'x' ? "0123456789abcdefABCDEF" : "01";
	bool quoted = p[0] != '0' && p[1] == '\'';
	size_t n;

	if ((base != 'x' && base != 'b') || (p[0] != '0' && !quoted) ||
	    (p[0] == '0' && (p[1] != 'x' && p[1] != 'b')))
		return false;
	n = strspn(p + 2, set);
	if (quoted ? p[2 + n] != '\'' : n == 0 || is_name_char(p[2 + n])) {
		if (!quoted)
			return false;
		fail(t, "a hexadecimal or bit literal is not valid");
		return true;
	}
	if (quoted && base == 'x' && n % 2 != 0) {
		fail(t, "a hexadecimal literal needs an even number of digits");
		return true;
	}
	set_bytes(l, t, p + 2, n, base == 'x' ? 4 : 1);
	l->pos += 2 + n + (quoted ? 1 : 0);
	return true;
}

static size_t
number_len(const char *p)
{
	size_t n = strspn(p, "0123456789"), e;

	if (p[n] == '.')
		n += 1 + strspn(p + n + 1, "0123456789");
	if ((p[n] | 0x20) == 'e') {
		e = n + 1;
		if (p[e] == '+' || p[e] == '-')
			e++;
		if (g_ascii_isdigit(p[e]))
			n = e + strspn(p + e, "0123456789");
	}
	return n;
}

static void
set_text(
    struct ex_lexer *l, struct ex_token *t, enum ex_token_kind kind, size_t n)
{
	t->kind = kind;
	t->text = dm_arena_strndup(l->arena, l->sql + l->pos, n);
	t->len = n;
	l->pos += n;
}

static void
lex_number(struct ex_lexer *l, struct ex_token *t)
{
	size_t n = number_len(l->sql + l->pos);

	if (is_name_char(l->sql[l->pos + n]))
		fail(t, "a number is followed by a letter");
	else
		set_text(l, t, EX_TOK_NUMBER, n);
}

static void
lex_punct(struct ex_lexer *l, struct ex_token *t)
{
	static const char *const longer[] = { "<=>", "->>", "->",
		"<=", ">=", "<>", "!=", "||", "&&", "<<", ">>", ":=" };
	const char *p = l->sql + l->pos;

	for (size_t i = 0; i < DM_ARRAY_SIZE(longer); i++) {
		if (g_str_has_prefix(p, longer[i])) {
			set_text(l, t, EX_TOK_PUNCT, strlen(longer[i]));
			return;
		}
	}
	set_text(l, t, EX_TOK_PUNCT, 1);
}

static void
lex(struct ex_lexer *l, struct ex_token *t)
{
	const char *p = l->sql + l->pos;
	size_t n = 0;

	if (*p == '\0')
		return;
	if (*p == '\'' || *p == '"') {
		t->kind = EX_TOK_STRING;
		lex_quoted(l, t, true);
	} else if (*p == '`') {
		t->kind = EX_TOK_QUOTED;
		lex_quoted(l, t, false);
	} else if (lex_bytes(l, t)) {
		return;
	} else if (g_ascii_isdigit(*p) ||
		   (*p == '.' && g_ascii_isdigit(p[1]))) {
		lex_number(l, t);
	} else if (is_name_char(*p)) {
		while (is_name_char(p[n]))
			n++;
		set_text(l, t, EX_TOK_WORD, n);
	} else if (*p == '@') {
		fail(t, "variables are not supported");
	} else if (g_ascii_ispunct(*p)) {
		lex_punct(l, t);
	} else {
		fail(t, "a character that has no place here");
	}
}

struct ex_token
ex_lexer_next(struct ex_lexer *l)
{
	struct ex_token t = { .kind = EX_TOK_END, .text = "" };

	if (!skip_blanks(l)) {
		t.at = l->pos;
		fail(&t, "a comment that is not closed, or is for one server");
		return t;
	}
	t.at = l->pos;
	lex(l, &t);
	t.space = g_ascii_isspace(l->sql[l->pos]) != 0;
	return t;
}
