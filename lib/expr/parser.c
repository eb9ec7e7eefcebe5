/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of expressions: see parser.h. Precedence is that of MySQL's
 * manual, "Operator Precedence"; one function for each level.
 */
#include "lib/expr/parser.h"

#include <string.h>

void
ex_parse_fail(struct ex_parser *p, const char *fmt, ...)
{
	g_autofree char *why = NULL;
	va_list ap;

	if (p->error != NULL)
		return;
	va_start(ap, fmt);
	why = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	p->error = g_strdup_printf("%s at character %zu", why, p->t.at + 1);
}

void
ex_parse_advance(struct ex_parser *p)
{
	p->t = ex_lexer_next(&p->lexer);
	if (p->t.kind == EX_TOK_ERROR) {
		ex_parse_fail(p, "%s", p->t.text);
		p->t.kind = EX_TOK_END;
	}
}

bool
ex_parse_is(const struct ex_parser *p, const char *word)
{
	if (p->t.kind == EX_TOK_WORD)
		return g_ascii_strcasecmp(p->t.text, word) == 0;
	return p->t.kind == EX_TOK_PUNCT && strcmp(p->t.text, word) == 0;
}

bool
ex_parse_take(struct ex_parser *p, const char *word)
{
	if (p->error != NULL || !ex_parse_is(p, word))
		return false;
	ex_parse_advance(p);
	return true;
}

void
ex_parse_want(struct ex_parser *p, const char *word)
{
	if (ex_parse_take(p, word))
		return;
	if (p->t.kind == EX_TOK_END)
		ex_parse_fail(p, "%s is missing", word);
	else
		ex_parse_fail(p, "%s expected instead of %s", word, p->t.text);
}

/* ---- nodes ---- */

static struct ex_node *
new_node(struct ex_parser *p, enum ex_leaf leaf)
{
	struct ex_node *n = dm_arena_alloc(p->arena, sizeof(*n));

	memset(n, 0, sizeof(*n));
	n->leaf = leaf;
	return n;
}

struct ex_node *
ex_node_literal(struct ex_parser *p, enum ex_kind kind)
{
	struct ex_node *n = new_node(p, EX_LITERAL);

	n->kind = n->lit.kind = kind;
	n->strength = EX_BY_LITERAL;
	n->coll = (struct ex_coll){ EX_FAMILY_BIN, true, false };
	return n;
}

static const char *
count_text(const struct ex_func *f, char *buf, size_t size)
{
	if (f->min == f->max)
		g_snprintf(buf, size, "%d", f->min);
	else if (f->max < 0)
		g_snprintf(buf, size, "%d or more", f->min);
	else
		g_snprintf(buf, size, "%d to %d", f->min, f->max);
	return buf;
}

struct ex_node *
ex_node_call(struct ex_parser *p, const char *name, struct ex_node *const *args,
    unsigned n)
{
	struct ex_node *node = new_node(p, EX_CALL);
	char count[40];

	node->func = ex_func_find(name);
	node->n_args = n;
	node->args = dm_arena_alloc(p->arena, (n + 1) * sizeof(*args));
	if (n > 0)
		memcpy(node->args, args, n * sizeof(*args));
	if (node->func == NULL)
		ex_parse_fail(p, "function %s is not supported", name);
	else if ((int)n < node->func->min ||
		 (node->func->max >= 0 && (int)n > node->func->max))
		ex_parse_fail(p, "%s takes %s arguments, not %u", name,
		    count_text(node->func, count, sizeof(count)), n);
	return node;
}

static struct ex_node *
binary(
    struct ex_parser *p, const char *op, struct ex_node *a, struct ex_node *b)
{
	struct ex_node *args[] = { a, b };

	return ex_node_call(p, op, args, 2);
}

static struct ex_node *
unary(struct ex_parser *p, const char *op, struct ex_node *a)
{
	return ex_node_call(p, op, &a, 1);
}

/* ---- literals and names ---- */

static struct ex_node *
parse_number(struct ex_parser *p)
{
	const char *text = p->t.text;
	struct ex_node *n;
	struct ex_dec dec;
	bool fits;

	(void)ex_dec_parse(text, p->t.len, &dec, &fits);
	if (strpbrk(text, "eE") != NULL) {
		n = ex_node_literal(p, EX_DBL);
		n->lit.d = g_ascii_strtod(text, NULL);
		if (n->lit.d > G_MAXDOUBLE)
			ex_parse_fail(p, "the number is too large");
	} else if (strchr(text, '.') == NULL && fits &&
		   ex_dec_to_i64(&dec, &(int64_t){ 0 })) {
		n = ex_node_literal(p, EX_INT);
		(void)ex_dec_to_i64(&dec, &n->lit.i);
	} else if (strchr(text, '.') == NULL && fits &&
		   ex_dec_to_u64(&dec, &(uint64_t){ 0 })) {
		n = ex_node_literal(p, EX_UINT);
		(void)ex_dec_to_u64(&dec, &n->lit.u);
	} else {
		n = ex_node_literal(p, EX_DEC);
		n->lit.dec = dec;
		n->scale = dec.frac;
		if (!fits || dec.frac > EX_DEC_SCALE || dec.intg > 65)
			ex_parse_fail(p, "the number has too many digits");
	}
	ex_parse_advance(p);
	return n;
}

static struct ex_node *
parse_text(struct ex_parser *p)
{
	struct ex_node *n = ex_node_literal(p, EX_STR);

	n->lit.s = (struct ex_str){ p->t.text, p->t.len };
	if (p->t.kind == EX_TOK_BYTES) {
		n->is_hex = true;
		n->coll = (struct ex_coll){ EX_FAMILY_BINARY, false, false };
	} else if (!g_utf8_validate_len(p->t.text, p->t.len, NULL) &&
		   memchr(p->t.text, '\0', p->t.len) == NULL) {
		ex_parse_fail(p, "a text that is not UTF-8");
	}
	ex_parse_advance(p);
	return n;
}

static bool
is_reserved(const char *word)
{
	static const char *const words[] = { "AND", "OR", "XOR", "NOT", "IS",
		"IN", "LIKE", "BETWEEN", "CASE", "WHEN", "THEN", "ELSE", "DIV",
		"MOD", "REGEXP", "RLIKE", "BINARY", "COLLATE", "INTERVAL",
		"SELECT", "FROM", "WHERE", "EXISTS", "MATCH", "SOUNDS", "AS",
		"ESCAPE", "SEPARATOR", "DISTINCT", "ALL", "ANY", "UNION" };

	for (size_t i = 0; i < DM_ARRAY_SIZE(words); i++) {
		if (g_ascii_strcasecmp(word, words[i]) == 0)
			return true;
	}
	return false;
}

static struct ex_node *
parse_column(struct ex_parser *p, const char *name)
{
	struct ex_node *n = new_node(p, EX_COLUMN);

	if (ex_parse_is(p, "."))
		ex_parse_fail(p,
		    "write columns without the name of the table, "
		    "not as %s. ..",
		    name);
	if (ex_parse_is(p, "->") || ex_parse_is(p, "->>"))
		ex_parse_fail(p, "%s is not supported", p->t.text);
	n->text = name;
	return n;
}

static struct ex_node *
parse_word(struct ex_parser *p)
{
	const char *word = p->t.text;
	struct ex_node *n;

	if (ex_parse_take(p, "NULL"))
		return ex_node_literal(p, EX_NULL);
	if (ex_parse_is(p, "TRUE") || ex_parse_is(p, "FALSE")) {
		n = ex_node_literal(p, EX_INT);
		n->lit.i = ex_parse_is(p, "TRUE") ? 1 : 0;
		ex_parse_advance(p);
		return n;
	}
	if (ex_parse_take(p, "CASE"))
		return ex_parse_case(p);
	if (is_reserved(word) && !ex_parse_is(p, "MOD")) {
		ex_parse_fail(p, "%s is not expected", word);
		return ex_node_literal(p, EX_NULL);
	}
	ex_parse_advance(p);
	n = p->t.kind == EX_TOK_STRING ? ex_parse_typed(p, word) : NULL;
	if (n != NULL)
		return n;
	if (ex_parse_is(p, "("))
		return ex_parse_call(p, word);
	return parse_column(p, word);
}

static struct ex_node *
parse_primary(struct ex_parser *p)
{
	const char *name = p->t.text;
	struct ex_node *n;

	switch (p->t.kind) {
	case EX_TOK_NUMBER:
		return parse_number(p);
	case EX_TOK_STRING:
	case EX_TOK_BYTES:
		return parse_text(p);
	case EX_TOK_QUOTED:
		ex_parse_advance(p);
		return parse_column(p, name);
	case EX_TOK_WORD:
		return parse_word(p);
	case EX_TOK_PUNCT:
		if (ex_parse_take(p, "(")) {
			n = ex_parse_expr(p);
			ex_parse_want(p, ")");
			return n;
		}
		ex_parse_fail(p, "%s is not expected", p->t.text);
		break;
	case EX_TOK_END:
	case EX_TOK_ERROR:
		ex_parse_fail(p, "the expression ends too early");
		break;
	}
	return ex_node_literal(p, EX_NULL);
}

/* ---- operators, from the tightest on ---- */

static struct ex_node *
parse_collate(struct ex_parser *p)
{
	struct ex_node *n = parse_primary(p);

	while (ex_parse_take(p, "COLLATE")) {
		n = unary(p, "COLLATE", n);
		n->text = p->t.text;
		if (p->t.kind != EX_TOK_WORD && p->t.kind != EX_TOK_QUOTED &&
		    p->t.kind != EX_TOK_STRING)
			ex_parse_fail(p, "a collation is missing");
		ex_parse_advance(p);
	}
	return n;
}

/* -9223372036854775808 is one number. */
static bool
negate_literal(struct ex_node *n)
{
	if (n->leaf != EX_LITERAL)
		return false;
	if (n->kind == EX_INT)
		n->lit.i = -n->lit.i;
	else if (n->kind == EX_DEC)
		n->lit.dec.neg = !ex_dec_is_zero(&n->lit.dec);
	else if (n->kind == EX_UINT && n->lit.u == (uint64_t)INT64_MAX + 1) {
		n->kind = n->lit.kind = EX_INT;
		n->lit.i = INT64_MIN;
	} else {
		return false;
	}
	return true;
}

static struct ex_node *
parse_sign(struct ex_parser *p)
{
	struct ex_node *n;
	bool digits;

	if (++p->depth > DM_EXPR_DEPTH_MAX)
		ex_parse_fail(p, "the expression is nested too deeply");
	if (p->error != NULL) {
		n = ex_node_literal(p, EX_NULL);
	} else if (ex_parse_take(p, "-")) {
		digits = p->t.kind == EX_TOK_NUMBER;
		n = parse_sign(p);
		if (!digits || !negate_literal(n))
			n = unary(p, "-x", n);
	} else if (ex_parse_take(p, "+")) {
		n = parse_sign(p);
	} else if (ex_parse_take(p, "~")) {
		n = unary(p, "~", parse_sign(p));
	} else if (ex_parse_take(p, "!")) {
		n = unary(p, "NOT", parse_sign(p));
	} else if (ex_parse_take(p, "BINARY")) {
		n = unary(p, "CAST BINARY", parse_sign(p));
		n->number = -1;
	} else {
		n = parse_collate(p);
	}
	p->depth--;
	return n;
}

/* The operators of one level, which read from left to right. */
typedef struct ex_node *level_fn(struct ex_parser *p);

static struct ex_node *
parse_level(struct ex_parser *p, level_fn *tighter, const char *const *ops,
    size_t n_ops)
{
	struct ex_node *n = tighter(p);

	for (size_t i = 0; i < n_ops;) {
		if (!ex_parse_take(p, ops[i])) {
			i++;
			continue;
		}
		n = binary(p, ops[i], n, tighter(p));
		i = 0;
	}
	return n;
}

static struct ex_node *
parse_bit_xor(struct ex_parser *p)
{
	static const char *const ops[] = { "^" };

	return parse_level(p, parse_sign, ops, DM_ARRAY_SIZE(ops));
}

static struct ex_node *
parse_product(struct ex_parser *p)
{
	static const char *const ops[] = { "*", "/", "%", "DIV", "MOD" };

	return parse_level(p, parse_bit_xor, ops, DM_ARRAY_SIZE(ops));
}

static struct ex_node *
parse_sum(struct ex_parser *p)
{
	struct ex_node *n = parse_product(p);

	for (;;) {
		bool minus = ex_parse_is(p, "-");

		if (!minus && !ex_parse_is(p, "+"))
			return n;
		ex_parse_advance(p);
		if (ex_parse_take(p, "INTERVAL"))
			n = ex_parse_interval(p, n, minus);
		else
			n = binary(p, minus ? "-" : "+", n, parse_product(p));
	}
}

static struct ex_node *
parse_shift(struct ex_parser *p)
{
	static const char *const ops[] = { "<<", ">>" };

	return parse_level(p, parse_sum, ops, DM_ARRAY_SIZE(ops));
}

static struct ex_node *
parse_bit_and(struct ex_parser *p)
{
	static const char *const ops[] = { "&" };

	return parse_level(p, parse_shift, ops, DM_ARRAY_SIZE(ops));
}

static struct ex_node *
parse_bit_or(struct ex_parser *p)
{
	static const char *const ops[] = { "|" };

	return parse_level(p, parse_bit_and, ops, DM_ARRAY_SIZE(ops));
}

static struct ex_node *
parse_in(struct ex_parser *p, struct ex_node *left)
{
	g_autoptr(GPtrArray) args = g_ptr_array_new();

	g_ptr_array_add(args, left);
	ex_parse_want(p, "(");
	do {
		g_ptr_array_add(args, ex_parse_expr(p));
	} while (ex_parse_take(p, ",") && args->len <= EX_ARGS_MAX);
	ex_parse_want(p, ")");
	return ex_node_call(
	    p, "IN", (struct ex_node *const *)args->pdata, args->len);
}

static struct ex_node *
parse_like(struct ex_parser *p, struct ex_node *left)
{
	struct ex_node *n = binary(p, "LIKE", left, parse_sign(p));

	n->number = '\\';
	if (!ex_parse_take(p, "ESCAPE"))
		return n;
	if (p->t.kind != EX_TOK_STRING ||
	    g_utf8_strlen(p->t.text, (gssize)p->t.len) > 1)
		ex_parse_fail(p, "ESCAPE needs one character in quotes");
	else
		n->number =
		    (int)(p->t.len == 0 ? 0 : g_utf8_get_char(p->t.text));
	ex_parse_advance(p);
	return n;
}

static struct ex_node *
parse_predicate(struct ex_parser *p)
{
	struct ex_node *n = parse_bit_or(p);
	struct ex_node *args[3] = { n };
	bool inverse = ex_parse_take(p, "NOT");

	if (ex_parse_take(p, "IN")) {
		n = parse_in(p, n);
	} else if (ex_parse_take(p, "BETWEEN")) {
		args[1] = parse_bit_or(p);
		ex_parse_want(p, "AND");
		args[2] = parse_predicate(p);
		n = ex_node_call(p, "BETWEEN", args, 3);
	} else if (ex_parse_take(p, "LIKE")) {
		n = parse_like(p, n);
	} else if (ex_parse_take(p, "REGEXP") || ex_parse_take(p, "RLIKE")) {
		n = binary(p, "REGEXP", n, parse_bit_or(p));
	} else if (inverse) {
		ex_parse_fail(p, "IN, LIKE, BETWEEN or REGEXP expected");
	}
	return inverse ? unary(p, "NOT", n) : n;
}

static struct ex_node *
parse_is(struct ex_parser *p, struct ex_node *left)
{
	bool inverse = ex_parse_take(p, "NOT");
	struct ex_node *n = left;

	if (ex_parse_take(p, "NULL") || ex_parse_take(p, "UNKNOWN"))
		n = unary(p, "ISNULL", left);
	else if (ex_parse_take(p, "TRUE"))
		n = unary(p, "IS TRUE", left);
	else if (ex_parse_take(p, "FALSE"))
		n = unary(p, "IS FALSE", left);
	else
		ex_parse_fail(p, "NULL, TRUE, FALSE or UNKNOWN expected");
	return inverse ? unary(p, "NOT", n) : n;
}

static struct ex_node *
parse_comparison(struct ex_parser *p)
{
	static const char *const ops[] = { "=", "<=>", ">=", ">", "<=", "<",
		"<>", "!=" };
	struct ex_node *n = parse_predicate(p);

	for (size_t i = 0; i < DM_ARRAY_SIZE(ops);) {
		if (ex_parse_take(p, "IS")) {
			n = parse_is(p, n);
			i = 0;
		} else if (ex_parse_take(p, ops[i])) {
			n = binary(p, strcmp(ops[i], "!=") == 0 ? "<>" : ops[i],
			    n, parse_predicate(p));
			i = 0;
		} else {
			i++;
		}
	}
	return n;
}

static struct ex_node *
parse_not(struct ex_parser *p)
{
	struct ex_node *n;

	if (++p->depth > DM_EXPR_DEPTH_MAX) {
		ex_parse_fail(p, "the expression is nested too deeply");
		n = ex_node_literal(p, EX_NULL);
	} else if (ex_parse_take(p, "NOT")) {
		n = unary(p, "NOT", parse_not(p));
	} else {
		n = parse_comparison(p);
	}
	p->depth--;
	return n;
}

static struct ex_node *
parse_and(struct ex_parser *p)
{
	struct ex_node *n = parse_not(p);

	while (ex_parse_take(p, "AND") || ex_parse_take(p, "&&"))
		n = binary(p, "AND", n, parse_not(p));
	return n;
}

static struct ex_node *
parse_xor(struct ex_parser *p)
{
	static const char *const ops[] = { "XOR" };

	return parse_level(p, parse_and, ops, DM_ARRAY_SIZE(ops));
}

struct ex_node *
ex_parse_expr(struct ex_parser *p)
{
	struct ex_node *n = parse_xor(p);

	while (ex_parse_take(p, "OR") || ex_parse_take(p, "||"))
		n = binary(p, "OR", n, parse_xor(p));
	return n;
}

struct dm_err *
ex_parse(const char *text, struct dm_arena *arena, struct ex_node **out)
{
	struct ex_parser p = { .lexer = { .sql = text, .arena = arena },
		.arena = arena };
	struct dm_err *err = NULL;
	struct ex_node *n;

	if (strlen(text) > DM_EXPR_TEXT_MAX)
		return dm_err_plain(
		    "it is longer than %zu bytes", DM_EXPR_TEXT_MAX);
	ex_parse_advance(&p);
	n = ex_parse_expr(&p);
	if (p.t.kind != EX_TOK_END)
		ex_parse_fail(&p, "%s is not expected", p.t.text);
	if (p.error != NULL)
		err = dm_err_plain("%s", p.error);
	else
		*out = n;
	g_free(p.error);
	return err;
}
