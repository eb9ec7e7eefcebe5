/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decimal numbers: see decimal.h.
 *
 * DESIGN: one digit in a byte, the first one first. Filters need few
 * operations for each row, so that plain school methods do.
 */
#include "lib/expr/decimal.h"

#include <stdlib.h>
#include <string.h>

#define WORD 9 /* digits in a word of the servers */
#define WIDE (3 * EX_DEC_DIGITS + 4)

/* Digits without limit, for results in work. */
struct wide {
	bool neg;
	int intg, frac;
	uint8_t d[WIDE];
};

static struct ex_dec
zero(void)
{
	return (struct ex_dec){ .intg = 1 };
}

/* Without zeros in front; false when it does not fit. Digits behind the point
 * that do not fit are cut, as the servers do. */
static bool
narrow(const struct wide *w, struct ex_dec *out)
{
	int skip = 0, frac = w->frac;

	while (skip < w->intg && w->d[skip] == 0)
		skip++;
	*out = zero();
	if (w->intg - skip > EX_DEC_DIGITS)
		return false;
	out->intg = w->intg - skip;
	frac = MIN(frac, EX_DEC_DIGITS - out->intg);
	out->frac = frac;
	memcpy(out->d, w->d + skip, (size_t)out->intg + (size_t)frac);
	out->neg = w->neg;
	if (ex_dec_is_zero(out))
		out->neg = false;
	return true;
}

bool
ex_dec_is_zero(const struct ex_dec *a)
{
	for (int i = 0; i < a->intg + a->frac; i++) {
		if (a->d[i] != 0)
			return false;
	}
	return true;
}

/* ---- reading ---- */

static size_t
read_exponent(const char *text, size_t len, size_t at, int *exponent)
{
	size_t i = at;
	bool neg = false;
	int e = 0;

	if (i >= len || (text[i] | 0x20) != 'e')
		return at;
	i++;
	if (i < len && (text[i] == '-' || text[i] == '+'))
		neg = text[i++] == '-';
	if (i >= len || !g_ascii_isdigit(text[i]))
		return at;
	for (; i < len && g_ascii_isdigit(text[i]); i++)
		e = MIN(e * 10 + (text[i] - '0'), 10000);
	*exponent = neg ? -e : e;
	return i;
}

/* The digit of 10^pos in digits of which the first stands for 10^(point-1). */
static uint8_t
digit_at(const GByteArray *digits, int point, int pos)
{
	int i = point - 1 - pos;

	return i >= 0 && i < (int)digits->len ? digits->data[i] : 0;
}

static bool
place(const GByteArray *digits, int point, bool neg, struct ex_dec *out)
{
	int frac = MAX((int)digits->len - point, 0);
	int intg = MAX(point, 0);

	if (intg > EX_DEC_DIGITS)
		return false;
	frac = MIN(frac, EX_DEC_DIGITS - intg);
	out->intg = intg;
	out->frac = frac;
	for (int i = 0; i < intg + frac; i++)
		out->d[i] = digit_at(digits, point, intg - 1 - i);
	out->neg = neg && !ex_dec_is_zero(out);
	return true;
}

size_t
ex_dec_parse(const char *text, size_t len, struct ex_dec *out, bool *fits)
{
	g_autoptr(GByteArray) digits = g_byte_array_new();
	bool neg = false, behind = false;
	int point = 0, exponent = 0;
	size_t i = 0, n = 0;

	*out = zero();
	*fits = true;
	if (i < len && (text[i] == '-' || text[i] == '+'))
		neg = text[i++] == '-';
	for (; i < len; i++) {
		uint8_t digit = (uint8_t)(text[i] - '0');

		if (text[i] == '.' && !behind) {
			behind = true;
			continue;
		}
		if (digit > 9)
			break;
		n++;
		/* Zeros in front, and what no number can have, are not kept. */
		if ((digits->len > 0 || digit != 0 || behind) &&
		    digits->len < 1000) {
			g_byte_array_append(digits, &digit, 1);
			point += behind ? 0 : 1;
		}
	}
	if (n == 0)
		return 0;
	i = read_exponent(text, len, i, &exponent);
	*fits = place(digits, point + exponent, neg, out);
	return i;
}

struct ex_dec
ex_dec_of_u64(uint64_t u, bool neg)
{
	struct ex_dec out = { .neg = neg && u != 0 };
	uint64_t rest = u;

	for (out.intg = 1; rest >= 10; rest /= 10)
		out.intg++;
	for (int i = out.intg - 1; i >= 0; i--, u /= 10)
		out.d[i] = (uint8_t)(u % 10);
	return out;
}

struct ex_dec
ex_dec_of_i64(int64_t i)
{
	return i < 0 ? ex_dec_of_u64(-(uint64_t)i, true)
		     : ex_dec_of_u64((uint64_t)i, false);
}

/* ---- sums ---- */

/* The digit of 10^pos. */
static int
digit(const struct ex_dec *a, int pos)
{
	int i = a->intg - 1 - pos;

	return i >= 0 && i < a->intg + a->frac ? a->d[i] : 0;
}

static int
cmp_size(const struct ex_dec *a, const struct ex_dec *b)
{
	int low = -MAX(a->frac, b->frac);

	for (int pos = MAX(a->intg, b->intg) - 1; pos >= low; pos--) {
		int c = digit(a, pos) - digit(b, pos);

		if (c != 0)
			return c;
	}
	return 0;
}

int
ex_dec_cmp(const struct ex_dec *a, const struct ex_dec *b)
{
	int c;

	if (a->neg != b->neg)
		return a->neg ? -1 : 1;
	c = cmp_size(a, b);
	return a->neg ? -c : c;
}

/* |a| + |b|, or |a| - |b| where |a| is not less. */
static void
combine(
    const struct ex_dec *a, const struct ex_dec *b, bool minus, struct wide *w)
{
	int carry = 0;

	*w = (struct wide){ .intg = MAX(a->intg, b->intg) + 1,
		.frac = MAX(a->frac, b->frac) };
	for (int i = w->intg + w->frac - 1; i >= 0; i--) {
		int pos = w->intg - 1 - i;
		int v = digit(a, pos) +
			(minus ? -digit(b, pos) : digit(b, pos)) + carry;

		carry = v < 0 ? -1 : v / 10;
		w->d[i] = (uint8_t)(v - carry * 10);
	}
}

bool
ex_dec_add(const struct ex_dec *a, const struct ex_dec *b, struct ex_dec *out)
{
	struct wide w;

	if (a->neg == b->neg) {
		combine(a, b, false, &w);
		w.neg = a->neg;
	} else if (cmp_size(a, b) >= 0) {
		combine(a, b, true, &w);
		w.neg = a->neg;
	} else {
		combine(b, a, true, &w);
		w.neg = b->neg;
	}
	return narrow(&w, out);
}

bool
ex_dec_sub(const struct ex_dec *a, const struct ex_dec *b, struct ex_dec *out)
{
	struct ex_dec minus = *b;

	minus.neg = !b->neg;
	return ex_dec_add(a, &minus, out);
}

bool
ex_dec_mul(const struct ex_dec *a, const struct ex_dec *b, struct ex_dec *out)
{
	struct wide w = { .neg = a->neg != b->neg,
		.intg = a->intg + b->intg,
		.frac = a->frac + b->frac };
	int na = a->intg + a->frac, nb = b->intg + b->frac;

	for (int i = na - 1; i >= 0; i--) {
		int carry = 0;

		for (int j = nb - 1; j >= 0; j--) {
			int v = w.d[i + j + 1] + a->d[i] * b->d[j] + carry;

			w.d[i + j + 1] = (uint8_t)(v % 10);
			carry = v / 10;
		}
		w.d[i] = (uint8_t)(w.d[i] + carry);
	}
	return narrow(&w, out);
}

/* ---- quotients ---- */

static int
words(int digits)
{
	return (digits + WORD - 1) / WORD;
}

/* rest = rest * 10 + next, as digits; both arrays have n digits. */
static void
shift_in(uint8_t *rest, int n, uint8_t next)
{
	memmove(rest, rest + 1, (size_t)n - 1);
	rest[n - 1] = next;
}

/* How often b goes into rest; rest keeps what is left. */
static uint8_t
take_out(uint8_t *rest, const uint8_t *b, int n)
{
	uint8_t times = 0;

	while (memcmp(rest, b, (size_t)n) >= 0) {
		int borrow = 0;

		for (int i = n - 1; i >= 0; i--) {
			int v = rest[i] - b[i] - borrow;

			borrow = v < 0 ? 1 : 0;
			rest[i] = (uint8_t)(v + borrow * 10);
		}
		times++;
	}
	return times;
}

/*
 * Whole digits of a / b and `frac` more, all cut behind; left: what remains,
 * with as many digits behind the point as a and b have at most.
 */
static void
divide(const struct ex_dec *a, const struct ex_dec *b, int frac, struct wide *q,
    struct wide *left)
{
	int scale = MAX(a->frac, b->frac);
	int n = MAX(a->intg, b->intg) + scale + 1;
	uint8_t divisor[WIDE] = { 0 }, rest[WIDE] = { 0 };
	int digits = a->intg + scale;

	/* Both as whole numbers: times 10^scale. */
	for (int i = 0; i < n; i++)
		divisor[i] = (uint8_t)digit(b, n - 1 - i - scale);
	*q = (struct wide){
		.neg = a->neg != b->neg, .intg = digits, .frac = frac
	};
	for (int i = 0; i < digits; i++) {
		shift_in(rest, n, (uint8_t)digit(a, a->intg - 1 - i));
		q->d[i] = take_out(rest, divisor, n);
	}
	*left =
	    (struct wide){ .neg = a->neg, .intg = n - scale, .frac = scale };
	memcpy(left->d, rest, (size_t)n);
	for (int i = 0; i < frac; i++) {
		shift_in(rest, n, 0);
		q->d[digits + i] = take_out(rest, divisor, n);
	}
}

bool
ex_dec_div(const struct ex_dec *a, const struct ex_dec *b, struct ex_dec *out)
{
	int f1 = words(a->frac) * WORD, f2 = words(b->frac) * WORD;
	int more = EX_DEC_DIV_SCALE - (f1 - a->frac) - (f2 - b->frac);
	int frac = words(f1 + f2 + MAX(more, 0)) * WORD;
	struct wide q, left;

	divide(a, b, MIN(frac, EX_DEC_DIGITS - 2), &q, &left);
	return narrow(&q, out);
}

bool
ex_dec_mod(const struct ex_dec *a, const struct ex_dec *b, struct ex_dec *out)
{
	struct wide q, left;

	divide(a, b, 0, &q, &left);
	return narrow(&left, out);
}

/* ---- rounding, and other forms ---- */

bool
ex_dec_round(
    const struct ex_dec *a, int scale, enum ex_round how, struct ex_dec *out)
{
	struct wide w = { .neg = a->neg,
		.intg = a->intg + 1,
		.frac = CLAMP(scale, 0, EX_DEC_DIGITS) };
	int low = CLAMP(-scale, -EX_DEC_DIGITS, EX_DEC_DIGITS + 1);
	int carry = how == EX_ROUND_HALF && digit(a, low - 1) >= 5;

	for (int i = w.intg + w.frac - 1; i >= 0; i--) {
		int pos = w.intg - 1 - i, v;

		if (pos < low)
			continue;
		v = digit(a, pos) + carry;
		carry = v / 10;
		w.d[i] = (uint8_t)(v % 10);
	}
	return narrow(&w, out);
}

bool
ex_dec_to_u64(const struct ex_dec *a, uint64_t *out)
{
	struct ex_dec whole;
	uint64_t u = 0;

	if (!ex_dec_round(a, 0, EX_ROUND_HALF, &whole) || whole.neg)
		return false;
	for (int i = 0; i < whole.intg; i++) {
		if (__builtin_mul_overflow(u, UINT64_C(10), &u) ||
		    __builtin_add_overflow(u, (uint64_t)whole.d[i], &u))
			return false;
	}
	*out = u;
	return true;
}

bool
ex_dec_to_i64(const struct ex_dec *a, int64_t *out)
{
	struct ex_dec size = *a;
	uint64_t u;

	size.neg = false;
	if (!ex_dec_to_u64(&size, &u) ||
	    u > (uint64_t)INT64_MAX + (a->neg ? 1 : 0))
		return false;
	*out = (int64_t)(a->neg ? -u : u);
	return true;
}

double
ex_dec_to_double(const struct ex_dec *a)
{
	g_autoptr(GString) s = g_string_new(NULL);

	ex_dec_text(a, a->frac, s);
	return g_ascii_strtod(s->str, NULL);
}

void
ex_dec_text(const struct ex_dec *a, int scale, GString *out)
{
	struct ex_dec r = *a;

	if (scale < a->frac && !ex_dec_round(a, scale, EX_ROUND_HALF, &r))
		r = *a;
	if (r.neg)
		g_string_append_c(out, '-');
	for (int pos = MAX(r.intg, 1) - 1; pos >= -scale; pos--) {
		if (pos == -1)
			g_string_append_c(out, '.');
		g_string_append_c(out, (char)('0' + digit(&r, pos)));
	}
}
