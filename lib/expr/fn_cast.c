/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CAST. Of the sizes in parentheses n->number has the first one (-1: none), and
 * n->scale the second one.
 */
#include "lib/expr/func.h"

#include <math.h>
#include <string.h>

/* The whole number at the head of a text, as CAST reads it; what is too large
 * becomes the largest. */
static struct ex_dec
text_integer(const struct ex_str *s)
{
	size_t at = 0, n;
	struct ex_dec d;
	bool fits;

	while (at < s->len && g_ascii_isspace(s->p[at]))
		at++;
	n = at;
	if (n < s->len && (s->p[n] == '-' || s->p[n] == '+'))
		n++;
	while (n < s->len && g_ascii_isdigit(s->p[n]))
		n++;
	if (ex_dec_parse(s->p + at, n - at, &d, &fits) == 0 || fits)
		return d;
	d = ex_dec_of_u64(UINT64_MAX, s->p[at] == '-');
	(void)ex_dec_mul(&d, &d, &d);
	d.neg = s->p[at] == '-';
	return d;
}

/* What a floating point number is, in the digits that tell it from others. */
static bool
double_digits(double d, struct ex_dec *out)
{
	char text[G_ASCII_DTOSTR_BUF_SIZE];
	bool fits;

	for (int digits = 1; digits <= 17; digits++) {
		char format[8];

		g_snprintf(format, sizeof(format), "%%.%dg", digits);
		g_ascii_formatd(text, sizeof(text), format, d);
		if (!(g_ascii_strtod(text, NULL) < d) &&
		    !(g_ascii_strtod(text, NULL) > d))
			break;
	}
	(void)ex_dec_parse(text, strlen(text), out, &fits);
	return fits;
}

static void
bind_integer(struct ex_bind *b, struct ex_node *n)
{
	(void)ex_number_kind(b, n->args[0]);
	n->kind = n->func->number != 0 ? EX_UINT : EX_INT;
}

/* A decimal as a whole number. */
static struct ex_val
integer_of(struct ex_run *r, const struct ex_node *n, const struct ex_dec *d)
{
	struct ex_val v = { .kind = n->kind };

	if (n->kind == EX_INT ? ex_dec_to_i64(d, &v.i) : ex_dec_to_u64(d, &v.u))
		return v;
	return ex_fail(r, "a number is out of range for %s", n->func->name);
}

/* SIGNED 0, UNSIGNED 1 */
static struct ex_val
eval_integer(struct ex_run *r, const struct ex_node *n)
{
	const struct ex_node *a = n->args[0];
	struct ex_val v = ex_eval(r, a);
	struct ex_dec d;

	if (v.kind == EX_STR && !a->is_hex && !a->by_index) {
		d = text_integer(&v.s);
		/* '-1' as UNSIGNED is 2^64-1, as a number would be. */
		if (n->kind == EX_UINT && d.neg) {
			if (!ex_dec_to_i64(&d, &v.i))
				return integer_of(r, n, &d);
			return ex_uint((uint64_t)v.i);
		}
		return integer_of(r, n, &d);
	}
	v = ex_number(r, a);
	switch (v.kind) {
	case EX_NULL:
		return v;
	case EX_INT:
	case EX_UINT:
		v.kind = n->kind;
		return v;
	case EX_DBL:
		if (!(fabs(v.d) < 9e18))
			return ex_fail(r, "a number is out of range for %s",
			    n->func->name);
		d = ex_dec_of_i64((int64_t)rint(v.d));
		return integer_of(r, n, &d);
	default:
		return integer_of(r, n, &v.dec);
	}
}

static void
bind_decimal(struct ex_bind *b, struct ex_node *n)
{
	(void)ex_number_kind(b, n->args[0]);
	n->kind = EX_DEC;
	if (n->number > 65 || n->scale > EX_DEC_SCALE || n->scale > n->number)
		ex_refuse(b, "CAST to DECIMAL(%d,%d)", n->number, n->scale);
}

static struct ex_val
eval_decimal(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_number(r, n->args[0]);
	bool fits = true;
	struct ex_dec d;

	if (v.kind == EX_NULL)
		return v;
	if (v.kind == EX_DBL)
		fits = double_digits(v.d, &d);
	else
		d = ex_to_dec(&v);
	fits = fits && ex_dec_round(&d, n->scale, EX_ROUND_HALF, &d) &&
	       d.intg <= n->number - n->scale;
	return fits ? ex_dec(&d)
		    : ex_fail(r, "a number is out of range for DECIMAL(%d,%d)",
			  n->number, n->scale);
}

static void
bind_double(struct ex_bind *b, struct ex_node *n)
{
	(void)ex_number_kind(b, n->args[0]);
	n->kind = EX_DBL;
	n->no_text = true;
}

static struct ex_val
eval_double(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_number(r, n->args[0]);

	return v.kind == EX_NULL ? v : ex_dbl(ex_to_double(&v));
}

/* CHAR 0, BINARY 1 */
static void
bind_text(struct ex_bind *b, struct ex_node *n)
{
	ex_want_text(b, n, 0);
	n->kind = EX_STR;
	n->strength = EX_BY_MIX;
	n->recoded = n->args[0]->recoded;
	n->coll = (struct ex_coll){ EX_FAMILY_BIN, true, false };
	if (n->func->number == 0) {
		if (n->args[0]->kind == EX_STR &&
		    n->args[0]->coll.family == EX_FAMILY_BINARY)
			ex_refuse(b, "CAST of bytes to CHAR is not supported");
		return;
	}
	n->coll = (struct ex_coll){ EX_FAMILY_BINARY, false, false };
	if (n->recoded)
		ex_refuse(b, "bytes of a latin1 column are not supported");
}

static struct ex_val
eval_text(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_string(r, n->args[0]);
	size_t at = 0, k;
	char *full;

	if (v.kind == EX_NULL)
		return v;
	v.index = 0;
	if (n->number < 0)
		return v;
	for (int i = 0; i < n->number && at < v.s.len; i++, at += k)
		(void)ex_char_next(&n->coll, v.s.p + at, v.s.len - at, &k);
	v.s.len = at;
	if (n->func->number == 0 || v.s.len >= (size_t)n->number)
		return v;
	if (n->number > 1 << 20)
		return ex_fail(r, "CAST to BINARY(%d)", n->number);
	full = dm_arena_alloc(r->arena, (size_t)n->number);
	memset(full, 0, (size_t)n->number);
	memcpy(full, v.s.p, v.s.len);
	return ex_text(full, (size_t)n->number);
}

/* ---- to times ---- */

static void
bind_to_date(struct ex_bind *b, struct ex_node *n)
{
	ex_want_date(b, n, 0);
	n->kind = n->func->number != 0 ? EX_DATETIME : EX_DATE;
	n->scale = MAX(n->number, 0);
	if (n->scale > 6)
		ex_refuse(b, "times have 6 digits behind the point at most");
}

/* DATE 0, DATETIME 1 */
static struct ex_val
eval_to_date(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = { .kind = n->kind };

	if (!ex_date_arg(r, n, 0, &v.t))
		return ex_null();
	if (n->kind == EX_DATE)
		v.t = (struct ex_time){
			.year = v.t.year, .month = v.t.month, .day = v.t.day
		};
	else if (v.t.micro != 0 && n->scale < 6)
		/* Rounded in one server, cut in another one. */
		return ex_fail(r, "CAST would lose digits of a time: write "
				  "DATETIME(6)");
	return v;
}

static void
bind_to_time(struct ex_bind *b, struct ex_node *n)
{
	enum ex_kind k = n->args[0]->kind;

	if (k != EX_STR && k != EX_NULL && !ex_is_temporal(k))
		ex_refuse(b, "CAST of a number to TIME is not supported");
	n->kind = EX_TIME;
	n->scale = MAX(n->number, 0);
	if (n->scale > 6)
		ex_refuse(b, "times have 6 digits behind the point at most");
}

static struct ex_val
eval_to_time(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_eval(r, n->args[0]);
	struct ex_time t;

	if (v.kind == EX_NULL)
		return v;
	if (v.kind == EX_STR) {
		if (ex_time_read(v.s.p, v.s.len, &t) != EX_READ_OK)
			return ex_fail(r,
			    "'%.*s' cannot be read as a time "
			    "exactly",
			    (int)MIN(v.s.len, 100), v.s.p);
		v.t = t;
	}
	v.kind = EX_TIME;
	v.t.year = v.t.month = v.t.day = 0;
	if (v.t.micro != 0 && n->scale < 6)
		return ex_fail(
		    r, "CAST would lose digits of a time: write TIME(6)");
	return v;
}

const struct ex_func ex_cast_funcs[] = {
	{ "CAST SIGNED", 1, 1, bind_integer, eval_integer, 0 },
	{ "CAST UNSIGNED", 1, 1, bind_integer, eval_integer, 1 },
	{ "CAST DECIMAL", 1, 1, bind_decimal, eval_decimal, 0 },
	{ "CAST DOUBLE", 1, 1, bind_double, eval_double, 0 },
	{ "CAST CHAR", 1, 1, bind_text, eval_text, 0 },
	{ "CAST BINARY", 1, 1, bind_text, eval_text, 1 },
	{ "CAST DATE", 1, 1, bind_to_date, eval_to_date, 0 },
	{ "CAST DATETIME", 1, 1, bind_to_date, eval_to_date, 1 },
	{ "CAST TIME", 1, 1, bind_to_time, eval_to_time, 0 },
	{ NULL, 0, 0, NULL, NULL, 0 },
};
