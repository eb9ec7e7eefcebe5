/* SPDX-License-Identifier: Apache-2.0 */
/* Logic and comparisons, with NULL as the third truth value. */
#include "lib/expr/func.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

static struct ex_val
truth(int t)
{
	return t < 0 ? ex_null() : ex_int(t);
}

void
ex_bind_bool(struct ex_bind *b, struct ex_node *n)
{
	for (unsigned i = 0; i < n->n_args; i++)
		(void)ex_number_kind(b, n->args[i]);
	n->kind = EX_INT;
}

static struct ex_val
eval_and(struct ex_run *r, const struct ex_node *n)
{
	int x = ex_truth(r, n->args[0]), y;

	if (x == 0)
		return ex_int(0);
	y = ex_truth(r, n->args[1]);
	return y == 0 ? ex_int(0) : truth(MIN(x, y));
}

static struct ex_val
eval_or(struct ex_run *r, const struct ex_node *n)
{
	int x = ex_truth(r, n->args[0]), y;

	if (x == 1)
		return ex_int(1);
	y = ex_truth(r, n->args[1]);
	return y == 1 ? ex_int(1) : truth(MIN(x, y));
}

static struct ex_val
eval_xor(struct ex_run *r, const struct ex_node *n)
{
	int x = ex_truth(r, n->args[0]), y = ex_truth(r, n->args[1]);

	return x < 0 || y < 0 ? ex_null() : ex_int(x != y);
}

static struct ex_val
eval_not(struct ex_run *r, const struct ex_node *n)
{
	int x = ex_truth(r, n->args[0]);

	return x < 0 ? ex_null() : ex_int(!x);
}

/* IS TRUE, IS FALSE: number is the truth that is asked for. */
static struct ex_val
eval_is(struct ex_run *r, const struct ex_node *n)
{
	return ex_int(ex_truth(r, n->args[0]) == n->func->number);
}

static void
bind_isnull(struct ex_bind *b, struct ex_node *n)
{
	(void)b;
	n->kind = EX_INT;
}

static struct ex_val
eval_isnull(struct ex_run *r, const struct ex_node *n)
{
	return ex_int(ex_eval(r, n->args[0]).kind == EX_NULL);
}

/* ---- comparisons ---- */

/* Which of less, equal, greater makes them true; and <=> knows NULL. */
enum { LESS = 1, EQUAL = 2, GREATER = 4, KNOWS_NULL = 8 };

static void
bind_cmp(struct ex_bind *b, struct ex_node *n)
{
	n->kind = EX_INT;
	n->cmps[0] = ex_bind_cmp(b, n->args[0], n->args[1], false);
}

/* args[0] and args[arg]; -1: one is NULL. */
static int
compare_is(struct ex_run *r, const struct ex_node *n, unsigned arg,
    enum ex_cmp how, int wanted)
{
	const struct ex_node *x = n->args[0], *y = n->args[arg];
	struct ex_val a = ex_operand(r, how, x), b = ex_operand(r, how, y);
	bool order = wanted != EQUAL && wanted != (LESS | GREATER);
	int c;

	if (a.kind == EX_NULL || b.kind == EX_NULL)
		return -1;
	c = ex_compare(r, how, x, &a, y, &b, order);
	return ((c < 0 ? LESS : c > 0 ? GREATER : EQUAL) & wanted) != 0;
}

static struct ex_val
eval_cmp(struct ex_run *r, const struct ex_node *n)
{
	int wanted = n->func->number & ~KNOWS_NULL;
	int t = compare_is(r, n, 1, n->cmps[0], wanted);

	if (t < 0 && (n->func->number & KNOWS_NULL) != 0)
		return ex_int(ex_eval(r, n->args[0]).kind == EX_NULL &&
			      ex_eval(r, n->args[1]).kind == EX_NULL);
	return truth(t);
}

static void
bind_between(struct ex_bind *b, struct ex_node *n)
{
	n->kind = EX_INT;
	ex_bind_shared(b, n, 1, 1);
	for (unsigned i = 0; i < 2; i++)
		n->cmps[i] = ex_bind_cmp(b, n->args[0], n->args[i + 1], true);
	/* The servers compare all three in one way. */
	if (n->args[1]->kind != EX_NULL && n->args[2]->kind != EX_NULL &&
	    (n->cmps[0] == EX_CMP_STR || n->cmps[0] == EX_CMP_DBL ||
		n->cmps[1] == EX_CMP_STR || n->cmps[1] == EX_CMP_DBL) &&
	    n->cmps[0] != n->cmps[1])
		ex_refuse(b, "BETWEEN has bounds of different kinds: add CAST");
}

static struct ex_val
eval_between(struct ex_run *r, const struct ex_node *n)
{
	int low = compare_is(r, n, 1, n->cmps[0], GREATER | EQUAL);
	int high = compare_is(r, n, 2, n->cmps[1], LESS | EQUAL);

	return low == 0 || high == 0 ? ex_int(0) : truth(MIN(low, high));
}

static void
bind_in(struct ex_bind *b, struct ex_node *n)
{
	n->kind = EX_INT;
	ex_bind_shared(b, n, 1, 1);
	n->each = dm_arena_alloc(b->arena, n->n_args * sizeof(*n->each));
	for (unsigned i = 1; i < n->n_args; i++)
		n->each[i] = ex_bind_cmp(b, n->args[0], n->args[i], true);
}

static struct ex_val
eval_in(struct ex_run *r, const struct ex_node *n)
{
	bool unknown = false;

	for (unsigned i = 1; i < n->n_args && r->error == NULL; i++) {
		int t = compare_is(r, n, i, n->each[i], EQUAL);

		if (t == 1)
			return ex_int(1);
		unknown = unknown || t < 0;
	}
	return unknown ? ex_null() : ex_int(0);
}

/* ---- patterns ---- */

static void
bind_like(struct ex_bind *b, struct ex_node *n)
{
	ex_bind_text(b, n, 0, 2);
	n->kind = EX_INT;
}

static struct ex_val
eval_like(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val s = ex_string(r, n->args[0]);
	struct ex_val p = ex_string(r, n->args[1]);

	if (s.kind == EX_NULL || p.kind == EX_NULL)
		return ex_null();
	return ex_int(ex_coll_like(
	    &n->coll, s.s.p, s.s.len, p.s.p, p.s.len, (gunichar)n->number));
}

static void
bind_regexp(struct ex_bind *b, struct ex_node *n)
{
	const struct ex_node *p = n->args[1];
	uint32_t options = 0;
	int code;
	PCRE2_SIZE at;
	PCRE2_UCHAR why[120];

	ex_bind_text(b, n, 0, 2);
	n->kind = EX_INT;
	if (p->kind == EX_NULL || b->error != NULL)
		return;
	if (p->leaf != EX_LITERAL || p->kind != EX_STR) {
		ex_refuse(b, "REGEXP needs a text literal as its pattern");
		return;
	}
	if (n->coll.family != EX_FAMILY_BINARY)
		options |= PCRE2_UTF;
	if (ex_coll_folds(&n->coll))
		options |= PCRE2_CASELESS;
	n->regex = pcre2_compile(
	    (PCRE2_SPTR)p->lit.s.p, p->lit.s.len, options, &code, &at, NULL);
	if (n->regex != NULL) {
		g_ptr_array_add(b->regexes, n->regex);
		return;
	}
	(void)pcre2_get_error_message(code, why, sizeof(why));
	ex_refuse(b, "the pattern '%s' is not valid: %s", p->lit.s.p,
	    (const char *)why);
}

static struct ex_val
eval_regexp(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val s = ex_string(r, n->args[0]);
	pcre2_match_data *data;
	int rc;

	if (s.kind == EX_NULL || n->regex == NULL)
		return ex_null();
	data = pcre2_match_data_create(1, NULL);
	rc =
	    pcre2_match(n->regex, (PCRE2_SPTR)s.s.p, s.s.len, 0, 0, data, NULL);
	pcre2_match_data_free(data);
	if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
		return ex_fail(r, "matching a REGEXP failed with %d", rc);
	return ex_int(rc >= 0);
}

static void
bind_collate(struct ex_bind *b, struct ex_node *n)
{
	const struct ex_node *a = n->args[0];
	g_autofree char *name = g_ascii_strdown(n->text, -1);

	n->kind = EX_STR;
	n->strength = EX_BY_WORD;
	n->recoded = a->recoded;
	if (a->kind != EX_STR || a->coll.family == EX_FAMILY_BINARY)
		ex_refuse(b, "COLLATE needs a text");
	else if (!ex_coll_find(name, &n->coll) ||
		 n->coll.family == EX_FAMILY_BINARY)
		ex_refuse(b, "collation %s is not supported", n->text);
}

static struct ex_val
eval_collate(struct ex_run *r, const struct ex_node *n)
{
	return ex_eval(r, n->args[0]);
}

const struct ex_func ex_logic_funcs[] = {
	{ "AND", 2, 2, ex_bind_bool, eval_and, 0 },
	{ "OR", 2, 2, ex_bind_bool, eval_or, 0 },
	{ "XOR", 2, 2, ex_bind_bool, eval_xor, 0 },
	{ "NOT", 1, 1, ex_bind_bool, eval_not, 0 },
	{ "IS TRUE", 1, 1, ex_bind_bool, eval_is, 1 },
	{ "IS FALSE", 1, 1, ex_bind_bool, eval_is, 0 },
	{ "ISNULL", 1, 1, bind_isnull, eval_isnull, 0 },
	{ "=", 2, 2, bind_cmp, eval_cmp, EQUAL },
	{ "<=>", 2, 2, bind_cmp, eval_cmp, EQUAL | KNOWS_NULL },
	{ "<>", 2, 2, bind_cmp, eval_cmp, LESS | GREATER },
	{ "<", 2, 2, bind_cmp, eval_cmp, LESS },
	{ "<=", 2, 2, bind_cmp, eval_cmp, LESS | EQUAL },
	{ ">", 2, 2, bind_cmp, eval_cmp, GREATER },
	{ ">=", 2, 2, bind_cmp, eval_cmp, GREATER | EQUAL },
	{ "BETWEEN", 3, 3, bind_between, eval_between, 0 },
	{ "IN", 2, -1, bind_in, eval_in, 0 },
	{ "LIKE", 2, 2, bind_like, eval_like, 0 },
	{ "REGEXP", 2, 2, bind_regexp, eval_regexp, 0 },
	{ "COLLATE", 1, 1, bind_collate, eval_collate, 0 },
	{ NULL, 0, 0, NULL, NULL, 0 },
};
