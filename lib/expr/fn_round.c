/* SPDX-License-Identifier: Apache-2.0 */
/* Rounding, signs, powers. */
#include "lib/expr/func.h"

#include <math.h>

bool
ex_int_arg(
    struct ex_run *r, const struct ex_node *n, unsigned arg, int64_t *out)
{
	struct ex_val v = ex_eval(r, n->args[arg]);

	if (v.kind == EX_NULL)
		return false;
	*out = v.i;
	if (v.kind == EX_UINT && v.u > INT64_MAX)
		*out = INT64_MAX;
	return true;
}

static void
bind_same(struct ex_bind *b, struct ex_node *n)
{
	ex_want_typed(b, n);
	n->kind = ex_number_kind(b, n->args[0]);
	n->scale = n->args[0]->kind == EX_DEC ? n->args[0]->scale : 0;
	n->no_text = n->kind == EX_DBL || ex_spoils_text(n->args[0]);
}

static struct ex_val
eval_abs(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_number(r, n->args[0]);

	if (v.kind == EX_INT && v.i == INT64_MIN)
		return ex_fail(r, "the result of ABS is out of range");
	if (v.kind == EX_INT && v.i < 0)
		v.i = -v.i;
	else if (v.kind == EX_DEC)
		v.dec.neg = false;
	else if (v.kind == EX_DBL)
		v.d = fabs(v.d);
	return v;
}

static void
bind_sign(struct ex_bind *b, struct ex_node *n)
{
	(void)ex_number_kind(b, n->args[0]);
	n->kind = EX_INT;
}

static struct ex_val
eval_sign(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_number(r, n->args[0]);

	if (v.kind == EX_NULL)
		return v;
	if (v.kind == EX_INT)
		return ex_int(v.i < 0 ? -1 : v.i > 0);
	if (v.kind == EX_UINT)
		return ex_int(v.u > 0);
	if (v.kind == EX_DEC)
		return ex_int(v.dec.neg ? -1 : !ex_dec_is_zero(&v.dec));
	return ex_int(v.d < 0 ? -1 : v.d > 0);
}

/* ---- to whole numbers: CEIL 1, FLOOR -1 ---- */

static void
bind_whole(struct ex_bind *b, struct ex_node *n)
{
	bind_same(b, n);
	n->scale = 0;
}

static struct ex_val
eval_whole(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_number(r, n->args[0]);
	bool up = n->func->number > 0;
	struct ex_dec cut, one = ex_dec_of_i64(up ? 1 : -1);
	bool fits;

	if (v.kind == EX_DBL)
		return ex_dbl(up ? ceil(v.d) : floor(v.d));
	if (v.kind != EX_DEC)
		return v;
	fits = ex_dec_round(&v.dec, 0, EX_ROUND_CUT, &cut);
	/* What was cut off counts only in the direction of rounding. */
	if (fits && ex_dec_cmp(&cut, &v.dec) != 0 && v.dec.neg != up)
		fits = ex_dec_add(&cut, &one, &cut);
	return fits ? ex_dec(&cut)
		    : ex_fail(
			  r, "the result of %s is out of range", n->func->name);
}

/* ---- ROUND, TRUNCATE ---- */

static void
bind_round(struct ex_bind *b, struct ex_node *n)
{
	const struct ex_node *digits = n->n_args == 2 ? n->args[1] : NULL;

	bind_same(b, n);
	n->number = 0;
	if (digits != NULL &&
	    (digits->leaf != EX_LITERAL || digits->kind != EX_INT))
		ex_refuse(b, "%s needs a whole number literal as argument 2",
		    n->func->name);
	else if (digits != NULL)
		n->number = (int)CLAMP(digits->lit.i, -65, EX_DEC_SCALE);
	/* The servers do not agree on zeros that this would add. */
	n->no_text = n->no_text || n->number > n->scale;
	n->scale = CLAMP(n->number, 0, n->scale);
}

static struct ex_val
round_double(const struct ex_node *n, double d, bool cut)
{
	double unit = pow(10, abs(n->number));
	double x = n->number < 0 ? d / unit : d * unit;

	/* Halves go to the even one, as in the servers. */
	x = !cut ? rint(x) : x < 0 ? ceil(x) : floor(x);
	if (!isfinite(x) || !isfinite(unit))
		return ex_dbl(d);
	return ex_dbl(n->number < 0 ? x * unit : x / unit);
}

static struct ex_val
eval_round(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_number(r, n->args[0]);
	enum ex_round how = n->func->number ? EX_ROUND_CUT : EX_ROUND_HALF;
	bool is_int = v.kind == EX_INT || v.kind == EX_UINT;
	struct ex_dec d;
	bool fits;

	if (v.kind == EX_DBL)
		return round_double(n, v.d, n->func->number != 0);
	if (v.kind == EX_NULL || (is_int && n->number >= 0))
		return v;
	d = ex_to_dec(&v);
	fits = ex_dec_round(&d, n->number, how, &d);
	if (fits && is_int) {
		fits = v.kind == EX_UINT ? ex_dec_to_u64(&d, &v.u)
					 : ex_dec_to_i64(&d, &v.i);
		if (fits)
			return v;
	}
	return fits ? ex_dec(&d)
		    : ex_fail(
			  r, "the result of %s is out of range", n->func->name);
}

/* ---- powers ---- */

static void
bind_double(struct ex_bind *b, struct ex_node *n)
{
	for (unsigned i = 0; i < n->n_args; i++)
		(void)ex_number_kind(b, n->args[i]);
	n->kind = EX_DBL;
	n->no_text = true;
}

static struct ex_val
eval_pow(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val a = ex_number(r, n->args[0]);
	struct ex_val b = ex_number(r, n->args[1]);
	double d;

	if (a.kind == EX_NULL || b.kind == EX_NULL)
		return ex_null();
	d = pow(ex_to_double(&a), ex_to_double(&b));
	return isfinite(d) ? ex_dbl(d)
			   : ex_fail(r, "the result of %s is out of range",
				 n->func->name);
}

static struct ex_val
eval_sqrt(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val a = ex_number(r, n->args[0]);
	double d;

	if (a.kind == EX_NULL)
		return a;
	d = ex_to_double(&a);
	return d < 0 ? ex_null() : ex_dbl(sqrt(d));
}

const struct ex_func ex_round_funcs[] = {
	{ "ABS", 1, 1, bind_same, eval_abs, 0 },
	{ "SIGN", 1, 1, bind_sign, eval_sign, 0 },
	{ "CEIL", 1, 1, bind_whole, eval_whole, 1 },
	{ "CEILING", 1, 1, bind_whole, eval_whole, 1 },
	{ "FLOOR", 1, 1, bind_whole, eval_whole, -1 },
	{ "ROUND", 1, 2, bind_round, eval_round, 0 },
	{ "TRUNCATE", 2, 2, bind_round, eval_round, 1 },
	{ "POW", 2, 2, bind_double, eval_pow, 0 },
	{ "POWER", 2, 2, bind_double, eval_pow, 0 },
	{ "SQRT", 1, 1, bind_double, eval_sqrt, 0 },
	{ NULL, 0, 0, NULL, NULL, 0 },
};
