/* SPDX-License-Identifier: Apache-2.0 */
/* CASE, IF and their kin; the greatest and the least. */
#include "lib/expr/func.h"

static void
bind_if(struct ex_bind *b, struct ex_node *n)
{
	(void)ex_number_kind(b, n->args[0]);
	ex_bind_together(b, n, 1, 1);
}

static struct ex_val
eval_if(struct ex_run *r, const struct ex_node *n)
{
	bool yes = ex_truth(r, n->args[0]) == 1;

	return ex_value_as(r, n->args[yes ? 1 : 2], n);
}

static void
bind_coalesce(struct ex_bind *b, struct ex_node *n)
{
	ex_bind_together(b, n, 0, 1);
}

static struct ex_val
eval_coalesce(struct ex_run *r, const struct ex_node *n)
{
	for (unsigned i = 0; i < n->n_args; i++) {
		struct ex_val v = ex_value_as(r, n->args[i], n);

		if (v.kind != EX_NULL)
			return v;
	}
	return ex_null();
}

/* The kind of the values that CASE gives: every second one from `first` on,
 * and the last. */
static void
bind_values(struct ex_bind *b, struct ex_node *n, unsigned first)
{
	struct ex_node values = { .func = n->func, .scale = 0 };
	unsigned k = 0;

	values.args =
	    dm_arena_alloc(b->arena, n->n_args * sizeof(*values.args));
	for (unsigned i = first; i < n->n_args; i += 2)
		values.args[k++] = n->args[i];
	values.args[k++] = n->args[n->n_args - 1];
	values.n_args = k;
	ex_bind_together(b, &values, 0, 1);
	n->kind = values.kind;
	n->scale = values.scale;
	n->coll = values.coll;
	n->strength = values.strength;
	n->recoded = values.recoded;
	n->no_text = values.no_text;
}

/* CASE WHEN a THEN x .. ELSE z END */
static void
bind_case(struct ex_bind *b, struct ex_node *n)
{
	for (unsigned i = 0; i + 1 < n->n_args; i += 2)
		(void)ex_number_kind(b, n->args[i]);
	bind_values(b, n, 1);
}

static struct ex_val
eval_case(struct ex_run *r, const struct ex_node *n)
{
	for (unsigned i = 0; i + 1 < n->n_args; i += 2) {
		if (ex_truth(r, n->args[i]) == 1)
			return ex_value_as(r, n->args[i + 1], n);
	}
	return ex_value_as(r, n->args[n->n_args - 1], n);
}

/* CASE v WHEN a THEN x .. ELSE z END */
static void
bind_case_of(struct ex_bind *b, struct ex_node *n)
{
	n->each = dm_arena_alloc(b->arena, n->n_args * sizeof(*n->each));
	for (unsigned i = 1; i + 1 < n->n_args; i += 2)
		n->each[i] = ex_bind_cmp(b, n->args[0], n->args[i], true);
	bind_values(b, n, 2);
}

static struct ex_val
eval_case_of(struct ex_run *r, const struct ex_node *n)
{
	const struct ex_node *x = n->args[0];

	for (unsigned i = 1; i + 1 < n->n_args && r->error == NULL; i += 2) {
		const struct ex_node *y = n->args[i];
		struct ex_val a = ex_operand(r, n->each[i], x);
		struct ex_val b = ex_operand(r, n->each[i], y);

		if (a.kind != EX_NULL && b.kind != EX_NULL &&
		    ex_compare(r, n->each[i], x, &a, y, &b, false) == 0)
			return ex_value_as(r, n->args[i + 1], n);
	}
	return ex_value_as(r, n->args[n->n_args - 1], n);
}

static void
bind_nullif(struct ex_bind *b, struct ex_node *n)
{
	const struct ex_node *a = n->args[0];

	n->cmps[0] = ex_bind_cmp(b, n->args[0], n->args[1], true);
	n->kind = a->kind;
	n->scale = a->scale;
	n->coll = a->coll;
	n->strength = a->strength;
	n->recoded = a->recoded;
	n->no_text = a->no_text;
}

static struct ex_val
eval_nullif(struct ex_run *r, const struct ex_node *n)
{
	const struct ex_node *x = n->args[0], *y = n->args[1];
	struct ex_val a = ex_operand(r, n->cmps[0], x);
	struct ex_val b = ex_operand(r, n->cmps[0], y);

	if (a.kind != EX_NULL && b.kind != EX_NULL &&
	    ex_compare(r, n->cmps[0], x, &a, y, &b, false) == 0)
		return ex_null();
	return ex_value_as(r, x, n);
}

/* ---- GREATEST, LEAST ---- */

static enum ex_cmp
cmp_of_kind(enum ex_kind k)
{
	switch (k) {
	case EX_DEC:
		return EX_CMP_DEC;
	case EX_DBL:
		return EX_CMP_DBL;
	case EX_STR:
		return EX_CMP_STR;
	case EX_DATE:
	case EX_DATETIME:
	case EX_TIME:
		return EX_CMP_TIME;
	case EX_NULL:
	case EX_INT:
	case EX_UINT:
	case EX_OPAQUE:
		break;
	}
	return EX_CMP_INT;
}

static void
bind_extreme(struct ex_bind *b, struct ex_node *n)
{
	ex_bind_together(b, n, 0, 1);
	n->cmps[0] = cmp_of_kind(n->kind);
	for (unsigned i = 0; i < n->n_args && n->kind == EX_STR; i++) {
		if (n->args[i]->kind != EX_STR && n->args[i]->kind != EX_NULL)
			ex_refuse(b,
			    "%s compares texts with other values: add "
			    "CAST",
			    n->func->name);
	}
}

static struct ex_val
eval_extreme(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val best = ex_value_as(r, n->args[0], n);

	for (unsigned i = 1; i < n->n_args && best.kind != EX_NULL; i++) {
		struct ex_val v = ex_value_as(r, n->args[i], n);
		int c;

		if (v.kind == EX_NULL)
			return v;
		/* n stands for both: it has the collation of them all. */
		c = ex_compare(r, n->cmps[0], n, &v, n, &best, true);
		if (c * n->func->number > 0)
			best = v;
	}
	return best;
}

const struct ex_func ex_flow_funcs[] = {
	{ "IF", 3, 3, bind_if, eval_if, 0 },
	{ "IFNULL", 2, 2, bind_coalesce, eval_coalesce, 0 },
	{ "COALESCE", 1, -1, bind_coalesce, eval_coalesce, 0 },
	{ "NULLIF", 2, 2, bind_nullif, eval_nullif, 0 },
	{ "CASE", 3, -1, bind_case, eval_case, 0 },
	{ "CASE OF", 4, -1, bind_case_of, eval_case_of, 0 },
	{ "GREATEST", 2, -1, bind_extreme, eval_extreme, 1 },
	{ "LEAST", 2, -1, bind_extreme, eval_extreme, -1 },
	{ NULL, 0, 0, NULL, NULL, 0 },
};
