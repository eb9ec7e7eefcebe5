/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic and bits. */
#include "lib/expr/func.h"

#include <math.h>
#include <string.h>

enum { PLUS, MINUS, TIMES, DIVIDE, WHOLE, REST };

static struct ex_val
out_of_range(struct ex_run *r, const struct ex_node *n)
{
	return ex_fail(r, "the result of %s is out of range", n->func->name);
}

static enum ex_kind
wider(enum ex_kind x, enum ex_kind y)
{
	if (x == EX_NULL || y == EX_NULL)
		return x == EX_NULL ? y : x;
	if (x == EX_DBL || y == EX_DBL)
		return EX_DBL;
	if (x == EX_DEC || y == EX_DEC)
		return EX_DEC;
	return x == EX_UINT || y == EX_UINT ? EX_UINT : EX_INT;
}

static void
bind_arithmetic(struct ex_bind *b, struct ex_node *n)
{
	enum ex_kind x = ex_number_kind(b, n->args[0]);
	enum ex_kind y = ex_number_kind(b, n->args[1]);
	int s = n->args[0]->kind == EX_DEC ? n->args[0]->scale : 0;
	int t = n->args[1]->kind == EX_DEC ? n->args[1]->scale : 0;

	ex_want_typed(b, n);
	n->kind = wider(x, y);
	n->scale = MAX(s, t);
	n->no_text = n->kind == EX_DBL || ex_spoils_text(n->args[0]) ||
		     ex_spoils_text(n->args[1]);
	switch (n->func->number) {
	case TIMES:
		n->scale = MIN(s + t, EX_DEC_SCALE);
		break;
	case DIVIDE:
		n->scale = MIN(s + EX_DEC_DIV_SCALE, EX_DEC_SCALE);
		if (n->kind == EX_INT || n->kind == EX_UINT)
			n->kind = EX_DEC;
		break;
	case WHOLE:
		if (n->kind == EX_DBL)
			ex_refuse(b, "DIV of floating point numbers or texts "
				     "is not supported: add CAST");
		n->kind = x == EX_UINT || y == EX_UINT ? EX_UINT : EX_INT;
		n->scale = 0;
		break;
	case REST:
		if (n->kind == EX_UINT && x == EX_INT)
			n->kind = EX_INT;
		break;
	default:
		break;
	}
}

/* A whole number as sign and size. */
struct sized {
	bool neg;
	uint64_t u;
};

static struct sized
sized_of(const struct ex_val *v)
{
	if (v->kind == EX_INT && v->i < 0)
		return (struct sized){ true, -(uint64_t)v->i };
	return (struct sized){ false, v->u };
}

static struct ex_val
from_sized(struct ex_run *r, const struct ex_node *n, struct sized s)
{
	uint64_t most = (uint64_t)INT64_MAX + (s.neg ? 1 : 0);

	if (n->kind == EX_UINT && (!s.neg || s.u == 0))
		return ex_uint(s.u);
	if (n->kind == EX_UINT || s.u > most)
		return out_of_range(r, n);
	return ex_int((int64_t)(s.neg ? -s.u : s.u));
}

static struct ex_val
add_int(
    struct ex_run *r, const struct ex_node *n, struct sized x, struct sized y)
{
	struct sized out = x;

	if (x.neg == y.neg) {
		if (__builtin_add_overflow(x.u, y.u, &out.u))
			return out_of_range(r, n);
	} else if (x.u >= y.u) {
		out.u = x.u - y.u;
	} else {
		out = (struct sized){ y.neg, y.u - x.u };
	}
	return from_sized(r, n, out);
}

static struct ex_val
int_arithmetic(struct ex_run *r, const struct ex_node *n,
    const struct ex_val *a, const struct ex_val *b)
{
	struct sized x = sized_of(a), y = sized_of(b);
	struct sized out = { x.neg != y.neg, 0 };

	switch (n->func->number) {
	case PLUS:
		return add_int(r, n, x, y);
	case MINUS:
		y.neg = !y.neg;
		return add_int(r, n, x, y);
	case TIMES:
		if (__builtin_mul_overflow(x.u, y.u, &out.u))
			return out_of_range(r, n);
		return from_sized(r, n, out);
	case WHOLE:
		if (y.u == 0)
			return ex_null();
		out.u = x.u / y.u;
		return from_sized(r, n, out);
	default:
		if (y.u == 0)
			return ex_null();
		out = (struct sized){ x.neg, x.u % y.u };
		return from_sized(r, n, out);
	}
}

static struct ex_val
dec_arithmetic(struct ex_run *r, const struct ex_node *n,
    const struct ex_val *a, const struct ex_val *b)
{
	struct ex_dec x = ex_to_dec(a), y = ex_to_dec(b), out;
	struct ex_val v = { .kind = n->kind };
	bool fits = true;

	if (n->func->number >= DIVIDE && ex_dec_is_zero(&y))
		return ex_null();
	switch (n->func->number) {
	case PLUS:
		fits = ex_dec_add(&x, &y, &out);
		break;
	case MINUS:
		fits = ex_dec_sub(&x, &y, &out);
		break;
	case TIMES:
		fits = ex_dec_mul(&x, &y, &out);
		break;
	case REST:
		fits = ex_dec_mod(&x, &y, &out);
		break;
	default:
		fits = ex_dec_div(&x, &y, &out);
		break;
	}
	if (n->func->number == WHOLE) {
		fits = fits && ex_dec_round(&out, 0, EX_ROUND_CUT, &out);
		fits = fits && (n->kind == EX_UINT ? ex_dec_to_u64(&out, &v.u)
						   : ex_dec_to_i64(&out, &v.i));
		return fits ? v : out_of_range(r, n);
	}
	return fits && out.intg <= 65 ? ex_dec(&out) : out_of_range(r, n);
}

static struct ex_val
dbl_arithmetic(struct ex_run *r, const struct ex_node *n,
    const struct ex_val *a, const struct ex_val *b)
{
	double x = ex_to_double(a), y = ex_to_double(b), out;
	bool zero = !(y < 0) && !(y > 0);

	if (n->func->number >= DIVIDE && zero)
		return ex_null();
	switch (n->func->number) {
	case PLUS:
		out = x + y;
		break;
	case MINUS:
		out = x - y;
		break;
	case TIMES:
		out = x * y;
		break;
	case DIVIDE:
		out = x / y;
		break;
	default:
		out = fmod(x, y);
		break;
	}
	return isfinite(out) ? ex_dbl(out) : out_of_range(r, n);
}

static struct ex_val
eval_arithmetic(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val a = ex_number(r, n->args[0]);
	struct ex_val b = ex_number(r, n->args[1]);

	if (a.kind == EX_NULL || b.kind == EX_NULL)
		return ex_null();
	if (n->kind == EX_DBL)
		return dbl_arithmetic(r, n, &a, &b);
	if (n->kind == EX_DEC || a.kind == EX_DEC || b.kind == EX_DEC)
		return dec_arithmetic(r, n, &a, &b);
	return int_arithmetic(r, n, &a, &b);
}

static void
bind_negate(struct ex_bind *b, struct ex_node *n)
{
	ex_want_typed(b, n);
	n->kind = ex_number_kind(b, n->args[0]);
	n->scale = n->args[0]->scale;
	n->no_text = n->kind == EX_DBL || ex_spoils_text(n->args[0]);
	if (n->kind == EX_UINT)
		n->kind = EX_INT;
}

static struct ex_val
eval_negate(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_number(r, n->args[0]);
	struct sized s;

	switch (v.kind) {
	case EX_INT:
	case EX_UINT:
		s = sized_of(&v);
		s.neg = !s.neg && s.u != 0;
		return from_sized(r, n, s);
	case EX_DEC:
		v.dec.neg = !v.dec.neg && !ex_dec_is_zero(&v.dec);
		return v;
	case EX_DBL:
		return ex_dbl(-v.d);
	case EX_NULL:
	case EX_STR:
	case EX_DATE:
	case EX_DATETIME:
	case EX_TIME:
	case EX_OPAQUE:
		break;
	}
	return ex_null();
}

/* ---- bits ---- */

static void
bind_bits(struct ex_bind *b, struct ex_node *n)
{
	for (unsigned i = 0; i < n->n_args; i++) {
		enum ex_kind k = ex_number_kind(b, n->args[i]);

		if (k == EX_DEC || k == EX_DBL)
			ex_refuse(b, "%s needs whole numbers: add CAST",
			    n->func->name);
	}
	n->kind = EX_UINT;
}

static struct ex_val
eval_bits(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val a = ex_number(r, n->args[0]), b = ex_uint(0);

	if (n->n_args == 2)
		b = ex_number(r, n->args[1]);
	if (a.kind == EX_NULL || b.kind == EX_NULL)
		return ex_null();
	switch (n->func->number) {
	case '&':
		return ex_uint(a.u & b.u);
	case '|':
		return ex_uint(a.u | b.u);
	case '^':
		return ex_uint(a.u ^ b.u);
	case '<':
		return ex_uint(b.u < 64 ? a.u << b.u : 0);
	case '>':
		return ex_uint(b.u < 64 ? a.u >> b.u : 0);
	default:
		return ex_uint(~a.u);
	}
}

const struct ex_func ex_number_funcs[] = {
	{ "+", 2, 2, bind_arithmetic, eval_arithmetic, PLUS },
	{ "-", 2, 2, bind_arithmetic, eval_arithmetic, MINUS },
	{ "*", 2, 2, bind_arithmetic, eval_arithmetic, TIMES },
	{ "/", 2, 2, bind_arithmetic, eval_arithmetic, DIVIDE },
	{ "DIV", 2, 2, bind_arithmetic, eval_arithmetic, WHOLE },
	{ "%", 2, 2, bind_arithmetic, eval_arithmetic, REST },
	{ "MOD", 2, 2, bind_arithmetic, eval_arithmetic, REST },
	{ "-x", 1, 1, bind_negate, eval_negate, 0 },
	{ "&", 2, 2, bind_bits, eval_bits, '&' },
	{ "|", 2, 2, bind_bits, eval_bits, '|' },
	{ "^", 2, 2, bind_bits, eval_bits, '^' },
	{ "<<", 2, 2, bind_bits, eval_bits, '<' },
	{ ">>", 2, 2, bind_bits, eval_bits, '>' },
	{ "~", 1, 1, bind_bits, eval_bits, '~' },
	{ NULL, 0, 0, NULL, NULL, 0 },
};
