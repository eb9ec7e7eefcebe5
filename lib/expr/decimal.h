/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exact decimal numbers, with the digits that the servers keep. Private to
 * lib/expr. Threads: any.
 */
#ifndef DM_LIB_EXPR_DECIMAL_H
#define DM_LIB_EXPR_DECIMAL_H

#include "lib/base/base.h"

/* Nine words of nine digits: what the servers calculate with. */
#define EX_DEC_DIGITS 81
/* Digits of a result behind the point, at most. */
#define EX_DEC_SCALE 30
/* Each division adds so many (div_precision_increment). */
#define EX_DEC_DIV_SCALE 4

struct ex_dec {
	bool neg;
	int intg, frac; /* digits before and behind the point */
	uint8_t d[EX_DEC_DIGITS];
};

/* The number at the head of the text: sign, digits, point, digits, exponent.
 * Returns its length; 0: there is none. *fits is false when it has too many
 * digits; then *out is 0. */
size_t ex_dec_parse(
    const char *text, size_t len, struct ex_dec *out, bool *fits);
struct ex_dec ex_dec_of_u64(uint64_t u, bool neg);
struct ex_dec ex_dec_of_i64(int64_t i);

bool ex_dec_is_zero(const struct ex_dec *a);
int ex_dec_cmp(const struct ex_dec *a, const struct ex_dec *b);

/* These return false when the result has too many digits. */
bool ex_dec_add(
    const struct ex_dec *a, const struct ex_dec *b, struct ex_dec *out);
bool ex_dec_sub(
    const struct ex_dec *a, const struct ex_dec *b, struct ex_dec *out);
bool ex_dec_mul(
    const struct ex_dec *a, const struct ex_dec *b, struct ex_dec *out);
/* b is not 0. Keeps whole words of digits, as the servers do. */
bool ex_dec_div(
    const struct ex_dec *a, const struct ex_dec *b, struct ex_dec *out);
/* b is not 0. The sign is that of a. */
bool ex_dec_mod(
    const struct ex_dec *a, const struct ex_dec *b, struct ex_dec *out);

/* Digits behind the point; -n: zeros before it. half: away from zero. */
enum ex_round { EX_ROUND_HALF, EX_ROUND_CUT };
bool ex_dec_round(
    const struct ex_dec *a, int scale, enum ex_round how, struct ex_dec *out);

/* Rounded to whole numbers; false: out of range. */
bool ex_dec_to_i64(const struct ex_dec *a, int64_t *out);
bool ex_dec_to_u64(const struct ex_dec *a, uint64_t *out);
double ex_dec_to_double(const struct ex_dec *a);
/* With exactly `scale` digits behind the point. */
void ex_dec_text(const struct ex_dec *a, int scale, GString *out);

#endif
