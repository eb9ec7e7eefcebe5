/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed decimals.
 *
 * FORMAT: digits before and behind the point, each in groups of nine digits of
 * four bytes, big-endian; the group left over (the first before the point, the
 * last behind it) has only the bytes it needs. The highest bit is inverted;
 * for a negative number all bits are.
 */
#include "lib/binlog/value.h"

#include <string.h>

#define GROUP_DIGITS 9u

/* Bytes of a group of 0 to 9 digits. */
static const uint8_t group_bytes[] = { 0, 1, 1, 2, 2, 3, 3, 4, 4, 4 };
static const uint32_t powers[] = { 1, 10, 100, 1000, 10000, 100000, 1000000,
	10000000, 100000000, 1000000000 };

static size_t
part_size(unsigned digits)
{
	return digits / GROUP_DIGITS * 4 + group_bytes[digits % GROUP_DIGITS];
}

size_t
dm_decimal_size_(unsigned precision, unsigned scale)
{
	if (precision == 0 || precision > DM_DECIMAL_PRECISION_MAX ||
	    scale > precision)
		return 0;
	return part_size(precision - scale) + part_size(scale);
}

struct reader {
	const uint8_t *p;
	uint8_t first; /* the first byte with its sign bit put right */
	bool at_first, negative, broken;
	char *out;
};

/* Write the next group as exactly `digits` digits. */
static void
put_group(struct reader *r, unsigned digits)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < group_bytes[digits]; i++) {
		uint8_t b = r->at_first ? r->first : *r->p;

		r->at_first = false;
		r->p++;
		v = v << 8 | (uint8_t)(r->negative ? ~b : b);
	}
	if (v >= powers[digits])
		r->broken = true;
	for (unsigned i = digits; i > 0; i--) {
		r->out[i - 1] = (char)('0' + v % 10);
		v /= 10;
	}
	r->out += digits;
}

size_t
dm_decimal_text_(const uint8_t *p, unsigned precision, unsigned scale,
    char out[DM_DECIMAL_TEXT_MAX])
{
	unsigned whole = precision - scale;
	struct reader r = { .p = p, .at_first = true };
	char digits[DM_DECIMAL_TEXT_MAX];
	char *start = digits, *to = out;

	r.first = (uint8_t)(p[0] ^ 0x80);
	r.negative = (p[0] & 0x80) == 0;
	r.out = digits;
	put_group(&r, whole % GROUP_DIGITS);
	for (unsigned i = 0; i < whole / GROUP_DIGITS; i++)
		put_group(&r, GROUP_DIGITS);
	/* put_group has filled it through r.out. NOLINTNEXTLINE */
	while (start < digits + whole && *start == '0')
		start++;
	if (r.negative)
		*to++ = '-';
	if (start == digits + whole)
		*to++ = '0';
	memcpy(to, start, (size_t)(digits + whole - start));
	to += digits + whole - start;
	if (scale > 0)
		*to++ = '.';
	r.out = to;
	for (unsigned i = 0; i < scale / GROUP_DIGITS; i++)
		put_group(&r, GROUP_DIGITS);
	put_group(&r, scale % GROUP_DIGITS);
	*r.out = '\0';
	return r.broken ? 0 : (size_t)(r.out - out);
}
