/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MySQL's binary JSON as the text that the server prints for it.
 *
 * FORMAT. A value is a type byte and its bytes. Small (16-bit) and large
 * (32-bit) objects and arrays: number of elements, size in bytes; per key of
 * an object its offset and u16 length; per element a type and either the
 * value, if it fits, or its offset; then keys and values. Offsets count from
 * the number of elements. Strings and opaque values begin with their length in
 * groups of 7 bits, lowest first; opaque ones have a column type before it.
 * Source: MySQL's documentation of json_binary.h.
 *
 * DESIGN: offsets may point anywhere, also at each other. The depth is limited
 * as it is in the server, and the text to what so many bytes can mean.
 */
#include "lib/binlog/value.h"

#include <math.h>
#include <string.h>

#define DEPTH_MAX       100
#define TEXT_PER_BYTE   8u /* a control character becomes six letters */
#define TEXT_SLACK      64u
#define DATE_LENGTH     10u
#define F_FORMAT_DIGITS 15 /* numbers of more zeros have an exponent */

enum json_type {
	JSON_SMALL_OBJECT = 0,
	JSON_LARGE_OBJECT = 1,
	JSON_SMALL_ARRAY = 2,
	JSON_LARGE_ARRAY = 3,
	JSON_LITERAL = 4,
	JSON_INT16 = 5,
	JSON_UINT16 = 6,
	JSON_INT32 = 7,
	JSON_UINT32 = 8,
	JSON_INT64 = 9,
	JSON_UINT64 = 10,
	JSON_DOUBLE = 11,
	JSON_STRING = 12,
	JSON_OPAQUE = 15
};

struct json_out {
	struct dm_arena *arena;
	char *text;
	size_t len, room, limit;
	bool failed;
};

static void
put(struct json_out *o, const char *s, size_t n)
{
	if (o->failed || n == 0)
		return;
	if (n > o->limit - o->len) {
		o->failed = true;
		return;
	}
	if (n > o->room - o->len) {
		size_t room = MAX(o->room * 2, o->len + n);
		char *text = dm_arena_alloc(o->arena, room + 1);

		if (o->len > 0)
			memcpy(text, o->text, o->len);
		o->text = text;
		o->room = room;
	}
	memcpy(o->text + o->len, s, n);
	o->len += n;
}

static void
put_z(struct json_out *o, const char *s)
{
	put(o, s, strlen(s));
}

/* The letter behind the backslash; 0 for a character that needs none. */
static char
json_escape(char c)
{
	switch (c) {
	case '"':
	case '\\':
		return c;
	case '\b':
		return 'b';
	case '\f':
		return 'f';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	default:
		return (unsigned char)c < ' ' ? 'u' : 0;
	}
}

static void
put_string(struct json_out *o, const char *s, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	size_t start = 0;

	put(o, "\"", 1);
	for (size_t i = 0; i < n; i++) {
		char e = json_escape(s[i]);
		char text[6] = { '\\', e, '0', '0', digits[(s[i] >> 4) & 15],
			digits[s[i] & 15] };

		if (e == 0)
			continue;
		put(o, s + start, i - start);
		put(o, text, e == 'u' ? 6 : 2);
		start = i + 1;
	}
	put(o, s + start, n - start);
	put(o, "\"", 1);
}

/* The fewest significant digits that read back as d. */
static void
shortest_digits(double d, char buf[G_ASCII_DTOSTR_BUF_SIZE])
{
	/* With 15 digits every normal number survives that has no more. */
	int precision = fabs(d) < 2.3e-308 ? 0 : 14;
	char format[8];

	do {
		g_snprintf(format, sizeof(format), "%%.%de", precision);
		g_ascii_formatd(buf, G_ASCII_DTOSTR_BUF_SIZE, format, d);
	} while (++precision < 17 && g_ascii_strtod(buf, NULL) != d);
}

/* Digits and the place of the point, as 0.ddd * 10^point. */
static void
put_decimal_digits(struct json_out *o, const char *digits, size_t n, int point)
{
	static const char zeros[] = "00000000000000000";
	size_t whole = point > 0 ? (size_t)point : 0;

	if ((point > F_FORMAT_DIGITS && n <= whole) ||
	    point <= -F_FORMAT_DIGITS) {
		char exponent[16];

		g_snprintf(exponent, sizeof(exponent), "e%d", point - 1);
		put(o, digits, 1);
		if (n > 1) {
			put(o, ".", 1);
			put(o, digits + 1, n - 1);
		}
		put_z(o, exponent);
		return;
	}
	if (whole == 0) {
		put(o, "0.", 2);
		put(o, zeros, (size_t)-point);
		put(o, digits, n);
	} else if (n <= whole) {
		put(o, digits, n);
		put(o, zeros, whole - n);
		put(o, ".0", 2);
	} else {
		put(o, digits, whole);
		put(o, ".", 1);
		put(o, digits + whole, n - whole);
	}
}

static void
put_double(struct json_out *o, double d)
{
	char buf[G_ASCII_DTOSTR_BUF_SIZE], digits[20];
	const char *p = buf;
	size_t n = 0;

	if (!isfinite(d)) {
		o->failed = true; /* JSON has no such number */
		return;
	}
	shortest_digits(d, buf);
	if (*p == '-')
		put(o, p++, 1);
	if (d == 0) {
		put_z(o, "0.0");
		return;
	}
	for (; *p != 'e'; p++) {
		if (*p != '.')
			digits[n++] = *p;
	}
	while (n > 1 && digits[n - 1] == '0')
		n--;
	put_decimal_digits(
	    o, digits, n, (int)g_ascii_strtoll(p + 1, NULL, 10) + 1);
}

static void
put_int(struct json_out *o, int64_t v)
{
	char text[24];

	g_snprintf(text, sizeof(text), "%" PRId64, v);
	put_z(o, text);
}

static void
put_uint(struct json_out *o, uint64_t v)
{
	char text[24];

	g_snprintf(text, sizeof(text), "%" PRIu64, v);
	put_z(o, text);
}

static size_t
read_length(struct dm_cursor *c)
{
	size_t n = 0;

	for (unsigned i = 0; i < 5; i++) {
		uint8_t b = dm_cursor_u8(c);

		n |= (size_t)(b & 0x7f) << (7 * i);
		if ((b & 0x80) == 0)
			return n;
	}
	c->failed = true;
	return 0;
}

/* Values of other columns: what is no number, date or time is base64. */
static void
put_opaque_bytes(struct json_out *o, uint8_t type, const uint8_t *p, size_t n)
{
	char head[24];
	g_autofree char *text = NULL;

	if (n > o->limit) {
		o->failed = true;
		return;
	}
	text = g_base64_encode(p, n);
	g_snprintf(head, sizeof(head), "\"base64:type%u:", type);
	put_z(o, head);
	put_z(o, text);
	put(o, "\"", 1);
}

static void
put_opaque_temporal(struct json_out *o, uint8_t type, int64_t packed)
{
	char text[DM_TEMPORAL_TEXT_MAX];
	size_t n;

	if (type == DM_WT_TIME)
		n = dm_time_packed_text_(packed, 6, text);
	else
		n = dm_datetime_packed_text_(packed, 6, text);
	if (n == 0) {
		o->failed = true;
		return;
	}
	put_string(o, text, type == DM_WT_DATE ? DATE_LENGTH : n);
}

static void
put_opaque_decimal(struct json_out *o, const uint8_t *p, size_t n)
{
	char text[DM_DECIMAL_TEXT_MAX];
	size_t len = 0;

	if (n >= 3 && dm_decimal_size_(p[0], p[1]) == n - 2)
		len = dm_decimal_text_(p + 2, p[0], p[1], text);
	if (len == 0)
		o->failed = true;
	else
		put(o, text, len);
}

static void
put_opaque(struct json_out *o, struct dm_cursor *c)
{
	uint8_t type = dm_cursor_u8(c);
	size_t n = read_length(c);
	const uint8_t *p = dm_cursor_bytes(c, n);
	struct dm_cursor value;

	if (p == NULL) {
		o->failed = true;
		return;
	}
	switch (type) {
	case DM_WT_NEWDECIMAL:
		put_opaque_decimal(o, p, n);
		break;
	case DM_WT_DATE:
	case DM_WT_TIME:
	case DM_WT_DATETIME:
	case DM_WT_TIMESTAMP:
		value = dm_cursor_of(p, n);
		put_opaque_temporal(o, type, (int64_t)dm_cursor_u64(&value));
		o->failed |= value.failed;
		break;
	default:
		put_opaque_bytes(o, type, p, n);
		break;
	}
}

static void
put_literal(struct json_out *o, uint64_t v)
{
	static const char *const names[] = { "null", "true", "false" };

	if (v < DM_ARRAY_SIZE(names))
		put_z(o, names[v]);
	else
		o->failed = true;
}

static void
put_scalar(struct json_out *o, uint8_t type, struct dm_cursor c)
{
	uint64_t bits;
	double d;
	size_t n;

	switch ((enum json_type)type) {
	case JSON_LITERAL:
		put_literal(o, dm_cursor_u8(&c));
		break;
	case JSON_INT16:
		put_int(o, (int16_t)dm_cursor_u16(&c));
		break;
	case JSON_UINT16:
		put_uint(o, dm_cursor_u16(&c));
		break;
	case JSON_INT32:
		put_int(o, (int32_t)dm_cursor_u32(&c));
		break;
	case JSON_UINT32:
		put_uint(o, dm_cursor_u32(&c));
		break;
	case JSON_INT64:
		put_int(o, (int64_t)dm_cursor_u64(&c));
		break;
	case JSON_UINT64:
		put_uint(o, dm_cursor_u64(&c));
		break;
	case JSON_DOUBLE:
		bits = dm_cursor_u64(&c);
		memcpy(&d, &bits, sizeof(d));
		put_double(o, d);
		break;
	case JSON_STRING:
		n = read_length(&c);
		if (n <= dm_cursor_left(&c) && !c.failed)
			put_string(o, (const char *)c.p, n);
		else
			c.failed = true;
		break;
	case JSON_OPAQUE:
		put_opaque(o, &c);
		break;
	case JSON_SMALL_OBJECT:
	case JSON_LARGE_OBJECT:
	case JSON_SMALL_ARRAY:
	case JSON_LARGE_ARRAY:
	default:
		o->failed = true;
		break;
	}
	o->failed |= c.failed;
}

static void put_value(
    struct json_out *o, uint8_t type, struct dm_cursor c, unsigned depth);

/* An object or array being read; entries are within its bytes. */
struct container {
	struct dm_cursor all; /* offsets count from its start */
	unsigned width;       /* 2 or 4: of numbers and offsets */
	bool object;
};

static struct dm_cursor
at_offset(const struct container *k, size_t offset)
{
	struct dm_cursor c = k->all;

	dm_cursor_skip(&c, offset);
	return c;
}

static void
put_key(struct json_out *o, const struct container *k, struct dm_cursor *keys)
{
	size_t offset = (size_t)dm_cursor_le(keys, k->width);
	size_t n = dm_cursor_u16(keys);
	struct dm_cursor c = at_offset(k, offset);
	const uint8_t *p = dm_cursor_bytes(&c, n);

	if (p == NULL || keys->failed) {
		o->failed = true;
		return;
	}
	put_string(o, (const char *)p, n);
	put(o, ": ", 2);
}

static bool
is_inlined(uint8_t type, unsigned width)
{
	switch (type) {
	case JSON_LITERAL:
	case JSON_INT16:
	case JSON_UINT16:
		return true;
	case JSON_INT32:
	case JSON_UINT32:
		return width == 4;
	default:
		return false;
	}
}

static void
put_element(struct json_out *o, const struct container *k,
    struct dm_cursor *values, unsigned depth)
{
	uint8_t type = dm_cursor_u8(values);
	struct dm_cursor here = *values;
	size_t offset = (size_t)dm_cursor_le(values, k->width);

	if (values->failed)
		o->failed = true;
	else if (is_inlined(type, k->width))
		put_scalar(o, type, here);
	else
		put_value(o, type, at_offset(k, offset), depth + 1);
}

static void
put_container(
    struct json_out *o, uint8_t type, struct dm_cursor c, unsigned depth)
{
	struct container k = { .all = c,
		.width = type == JSON_LARGE_OBJECT || type == JSON_LARGE_ARRAY
			     ? 4
			     : 2,
		.object = type <= JSON_LARGE_OBJECT };
	size_t n = (size_t)dm_cursor_le(&c, k.width);
	size_t size = (size_t)dm_cursor_le(&c, k.width);
	size_t key_entries = k.object ? n * (k.width + 2) : 0;
	struct dm_cursor values;

	if (c.failed || depth > DEPTH_MAX || size > dm_cursor_left(&k.all)) {
		o->failed = true;
		return;
	}
	k.all.end = k.all.p + size;
	values = c;
	dm_cursor_skip(&values, key_entries);
	put(o, k.object ? "{" : "[", 1);
	for (size_t i = 0; i < n && !o->failed; i++) {
		if (i > 0)
			put(o, ", ", 2);
		if (k.object)
			put_key(o, &k, &c);
		put_element(o, &k, &values, depth);
	}
	put(o, k.object ? "}" : "]", 1);
}

static void
put_value(struct json_out *o, uint8_t type, struct dm_cursor c, unsigned depth)
{
	if (o->failed || c.failed)
		o->failed = true;
	else if (type <= JSON_LARGE_ARRAY)
		put_container(o, type, c, depth);
	else
		put_scalar(o, type, c);
}

bool
dm_json_text_(const uint8_t *p, size_t n, struct dm_arena *a, const char **text,
    size_t *len)
{
	struct json_out o = { .arena = a,
		.limit = n * TEXT_PER_BYTE + TEXT_SLACK };
	struct dm_cursor c = dm_cursor_of(p, n);

	/* What a NULL became that was put into a NOT NULL column by force;
	 * the server reads it as this literal, too. */
	if (n == 0)
		put_z(&o, "null");
	else
		put_value(&o, dm_cursor_u8(&c), c, 1);
	if (o.failed)
		return false;
	dm_assert(o.text != NULL);
	o.text[o.len] = '\0';
	*text = o.text;
	*len = o.len;
	return true;
}
