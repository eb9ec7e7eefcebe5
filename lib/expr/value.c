/* SPDX-License-Identifier: Apache-2.0 */
/* Values while evaluating: see value.h. */
#include "lib/expr/value.h"

#include "lib/expr/column.h"

#include <string.h>

struct ex_val
ex_null(void)
{
	return (struct ex_val){ .kind = EX_NULL };
}

struct ex_val
ex_int(int64_t i)
{
	return (struct ex_val){ .kind = EX_INT, .i = i };
}

struct ex_val
ex_uint(uint64_t u)
{
	return (struct ex_val){ .kind = EX_UINT, .u = u };
}

struct ex_val
ex_dbl(double d)
{
	return (struct ex_val){ .kind = EX_DBL, .d = d };
}

struct ex_val
ex_dec(const struct ex_dec *d)
{
	return (struct ex_val){ .kind = EX_DEC, .dec = *d };
}

struct ex_val
ex_text(const char *p, size_t len)
{
	return (struct ex_val){ .kind = EX_STR, .s = { p, len } };
}

struct ex_val
ex_text_take(struct ex_run *r, GString *s)
{
	struct ex_val v =
	    ex_text(dm_arena_strndup(r->arena, s->str, s->len), s->len);

	g_string_free(s, TRUE);
	return v;
}

struct ex_val
ex_fail(struct ex_run *r, const char *fmt, ...)
{
	va_list ap;

	if (r->error == NULL) {
		va_start(ap, fmt);
		r->error = g_strdup_vprintf(fmt, ap);
		va_end(ap);
	}
	return ex_null();
}

struct ex_val
ex_eval(struct ex_run *r, const struct ex_node *n)
{
	if (r->error != NULL)
		return ex_null();
	if (n->leaf == EX_LITERAL)
		return n->lit;
	if (n->leaf == EX_COLUMN)
		return ex_column_value(r, n);
	return n->func->eval(r, n);
}

/* ---- numbers ---- */

/* The number at the head of a text, as the servers read it; 0: none. */
static double
text_number(const struct ex_str *s)
{
	size_t at = 0, n;
	struct ex_dec unused;
	bool fits;
	g_autofree char *copy = NULL;

	while (at < s->len && g_ascii_isspace(s->p[at]))
		at++;
	n = ex_dec_parse(s->p + at, s->len - at, &unused, &fits);
	copy = g_strndup(s->p + at, n);
	return CLAMP(g_ascii_strtod(copy, NULL), -G_MAXDOUBLE, G_MAXDOUBLE);
}

static uint64_t
hex_number(const struct ex_str *s)
{
	uint64_t u = 0;

	for (size_t i = 0; i < s->len; i++)
		u = u << 8 | (unsigned char)s->p[i];
	return u;
}

struct ex_val
ex_number(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_eval(r, n);

	if (v.kind != EX_STR)
		return v;
	if (n->is_hex)
		return ex_uint(hex_number(&v.s));
	if (n->by_index)
		return ex_uint(v.index);
	return ex_dbl(text_number(&v.s));
}

double
ex_to_double(const struct ex_val *v)
{
	switch (v->kind) {
	case EX_INT:
		return (double)v->i;
	case EX_UINT:
		return (double)v->u;
	case EX_DEC:
		return ex_dec_to_double(&v->dec);
	case EX_DBL:
		return v->d;
	case EX_STR:
		return text_number(&v->s);
	case EX_NULL:
	case EX_DATE:
	case EX_DATETIME:
	case EX_TIME:
	case EX_OPAQUE:
		break;
	}
	dm_assert(false);
}

struct ex_dec
ex_to_dec(const struct ex_val *v)
{
	switch (v->kind) {
	case EX_INT:
		return ex_dec_of_i64(v->i);
	case EX_UINT:
		return ex_dec_of_u64(v->u, false);
	case EX_DEC:
		return v->dec;
	case EX_NULL:
	case EX_DBL:
	case EX_STR:
	case EX_DATE:
	case EX_DATETIME:
	case EX_TIME:
	case EX_OPAQUE:
		break;
	}
	dm_assert(false);
}

static bool
is_zero_time(const struct ex_time *t)
{
	return t->year == 0 && t->month == 0 && t->day == 0 && t->hour == 0 &&
	       t->minute == 0 && t->second == 0 && t->micro == 0;
}

int
ex_truth(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_number(r, n);

	switch (v.kind) {
	case EX_INT:
	case EX_UINT:
		return v.u != 0;
	case EX_DEC:
		return !ex_dec_is_zero(&v.dec);
	case EX_DBL:
		return v.d < 0 || v.d > 0;
	case EX_DATE:
	case EX_DATETIME:
	case EX_TIME:
		return !is_zero_time(&v.t);
	case EX_NULL:
	case EX_STR:
	case EX_OPAQUE:
		break;
	}
	return -1;
}

/* ---- texts ---- */

struct ex_val
ex_string(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_eval(r, n);
	GString *s;

	if (v.kind == EX_NULL || v.kind == EX_STR)
		return v;
	s = g_string_new(NULL);
	switch (v.kind) {
	case EX_INT:
		g_string_append_printf(s, "%" G_GINT64_FORMAT, v.i);
		break;
	case EX_UINT:
		g_string_append_printf(s, "%" G_GUINT64_FORMAT, v.u);
		break;
	case EX_DEC:
		ex_dec_text(&v.dec, n->scale, s);
		break;
	case EX_DATE:
		ex_date_text(&v.t, s);
		break;
	case EX_DATETIME:
		ex_datetime_text(&v.t, n->scale, s);
		break;
	case EX_TIME:
		ex_time_text(&v.t, n->scale, s);
		break;
	case EX_NULL:
	case EX_STR:
	case EX_DBL:
	case EX_OPAQUE:
		dm_assert(false); /* refused while binding */
	}
	return ex_text_take(r, s);
}

struct ex_val
ex_value_as(struct ex_run *r, const struct ex_node *n, const struct ex_node *as)
{
	struct ex_val v;

	if (as->kind == EX_STR)
		return ex_string(r, n);
	v = ex_eval(r, n);
	if (v.kind == EX_NULL || v.kind == as->kind)
		return v;
	if (as->kind == EX_DBL)
		return ex_dbl(ex_to_double(&v));
	if (as->kind == EX_DEC) {
		struct ex_dec d = ex_to_dec(&v);

		return ex_dec(&d);
	}
	v.kind = as->kind; /* a DATE among DATETIMEs; a small UINT */
	return v;
}

/* ---- comparing ---- */

static int
cmp_int(const struct ex_val *a, const struct ex_val *b)
{
	bool a_neg = a->kind == EX_INT && a->i < 0;
	bool b_neg = b->kind == EX_INT && b->i < 0;

	if (a_neg != b_neg)
		return a_neg ? -1 : 1;
	/* Two's complement: the order of equal signs is that of the bits. */
	return a->u < b->u ? -1 : a->u > b->u;
}

static int
cmp_text(struct ex_run *r, const struct ex_node *x, const struct ex_val *a,
    const struct ex_node *y, const struct ex_val *b, bool order)
{
	struct ex_coll coll;
	enum ex_strength strength;
	bool sure;
	int c;

	(void)ex_mix(x, y, &coll, &strength);
	c = ex_coll_cmp(&coll, a->s.p, a->s.len, b->s.p, b->s.len, &sure);
	if (order && !sure)
		(void)ex_fail(r, "which one of two texts comes first is not "
				 "known for this collation: add COLLATE "
				 "utf8mb4_bin");
	return c;
}

struct ex_val
ex_operand(struct ex_run *r, enum ex_cmp how, const struct ex_node *n)
{
	switch (how) {
	case EX_CMP_STR:
		return ex_string(r, n);
	case EX_CMP_TIME:
		return ex_eval(r, n);
	case EX_CMP_INT:
	case EX_CMP_DEC:
	case EX_CMP_DBL:
		break;
	}
	return ex_number(r, n);
}

/* The digits of a quotient behind its own scale count for one server and not
 * for another one: they must not decide. */
static int
cmp_dec(struct ex_run *r, const struct ex_node *x, const struct ex_val *a,
    const struct ex_node *y, const struct ex_val *b)
{
	struct ex_dec p = ex_to_dec(a), q = ex_to_dec(b);
	int raw = ex_dec_cmp(&p, &q), rounded;

	if ((p.frac > x->scale &&
		!ex_dec_round(&p, x->scale, EX_ROUND_HALF, &p)) ||
	    (q.frac > y->scale &&
		!ex_dec_round(&q, y->scale, EX_ROUND_HALF, &q)))
		return raw;
	rounded = ex_dec_cmp(&p, &q);
	if ((raw < 0) != (rounded < 0) || (raw > 0) != (rounded > 0))
		(void)ex_fail(r, "a quotient is too near to what it is "
				 "compared with: add ROUND");
	return raw;
}

int
ex_compare(struct ex_run *r, enum ex_cmp how, const struct ex_node *x,
    const struct ex_val *a, const struct ex_node *y, const struct ex_val *b,
    bool order)
{
	switch (how) {
	case EX_CMP_INT:
		return cmp_int(a, b);
	case EX_CMP_DEC:
		return cmp_dec(r, x, a, y, b);
	case EX_CMP_DBL: {
		double p = ex_to_double(a), q = ex_to_double(b);

		return p < q ? -1 : p > q;
	}
	case EX_CMP_STR:
		return cmp_text(r, x, a, y, b, order);
	case EX_CMP_TIME:
		return ex_time_cmp(&a->t, &b->t);
	}
	return 0;
}
