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
#include "lib/binlog/json_int.h"

#include <math.h>
#include <string.h>

#define TEXT_PER_BYTE   8u /* a control character becomes six letters */
#define TEXT_SLACK      64u
#define DATE_LENGTH     10u
#define F_FORMAT_DIGITS 15 /* numbers of more zeros have an exponent */

void
dm_json_put_(struct dm_json_out *o, const char *s, size_t n)
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
put_z(struct dm_json_out *o, const char *s)
{
	dm_json_put_(o, s, strlen(s));
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

void
dm_json_put_string_(struct dm_json_out *o, const char *s, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	size_t start = 0;

	dm_json_put_(o, "\"", 1);
	for (size_t i = 0; i < n; i++) {
		char e = json_escape(s[i]);
		char text[6] = { '\\', e, '0', '0', digits[(s[i] >> 4) & 15],
			digits[s[i] & 15] };

		if (e == 0)
			continue;
		dm_json_put_(o, s + start, i - start);
		dm_json_put_(o, text, e == 'u' ? 6 : 2);
		start = i + 1;
	}
	dm_json_put_(o, s + start, n - start);
	dm_json_put_(o, "\"", 1);
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
put_decimal_digits(
    struct dm_json_out *o, const char *digits, size_t n, int point)
{
	static const char zeros[] = "00000000000000000";
	size_t whole = point > 0 ? (size_t)point : 0;

	if ((point > F_FORMAT_DIGITS && n <= whole) ||
	    point <= -F_FORMAT_DIGITS) {
		char exponent[16];

		g_snprintf(exponent, sizeof(exponent), "e%d", point - 1);
		dm_json_put_(o, digits, 1);
		if (n > 1) {
			dm_json_put_(o, ".", 1);
			dm_json_put_(o, digits + 1, n - 1);
		}
		put_z(o, exponent);
		return;
	}
	if (whole == 0) {
		dm_json_put_(o, "0.", 2);
		dm_json_put_(o, zeros, (size_t)-point);
		dm_json_put_(o, digits, n);
	} else if (n <= whole) {
		dm_json_put_(o, digits, n);
		dm_json_put_(o, zeros, whole - n);
		dm_json_put_(o, ".0", 2);
	} else {
		dm_json_put_(o, digits, whole);
		dm_json_put_(o, ".", 1);
		dm_json_put_(o, digits + whole, n - whole);
	}
}

static void
put_double(struct dm_json_out *o, double d)
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
		dm_json_put_(o, p++, 1);
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
put_int(struct dm_json_out *o, int64_t v)
{
	char text[24];

	g_snprintf(text, sizeof(text), "%" PRId64, v);
	put_z(o, text);
}

static void
put_uint(struct dm_json_out *o, uint64_t v)
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
put_opaque_bytes(
    struct dm_json_out *o, uint8_t type, const uint8_t *p, size_t n)
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
	dm_json_put_(o, "\"", 1);
}

static void
put_opaque_temporal(struct dm_json_out *o, uint8_t type, int64_t packed)
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
	dm_json_put_string_(o, text, type == DM_WT_DATE ? DATE_LENGTH : n);
}

static void
put_opaque_decimal(struct dm_json_out *o, const uint8_t *p, size_t n)
{
	char text[DM_DECIMAL_TEXT_MAX];
	size_t len = 0;

	if (n >= 3 && dm_decimal_size_(p[0], p[1]) == n - 2)
		len = dm_decimal_text_(p + 2, p[0], p[1], text);
	if (len == 0)
		o->failed = true;
	else
		dm_json_put_(o, text, len);
}

static void
put_opaque(struct dm_json_out *o, struct dm_cursor *c)
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
put_literal(struct dm_json_out *o, uint64_t v)
{
	static const char *const names[] = { "null", "true", "false" };

	if (v < DM_ARRAY_SIZE(names))
		put_z(o, names[v]);
	else
		o->failed = true;
}

static void
put_scalar(struct dm_json_out *o, uint8_t type, struct dm_cursor c)
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
			dm_json_put_string_(o, (const char *)c.p, n);
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

/* ---- objects and arrays ---- */

static struct dm_cursor
at_offset(const struct dm_json_container *k, size_t offset)
{
	struct dm_cursor c = k->all;

	dm_cursor_skip(&c, offset);
	return c;
}

bool
dm_json_open_(uint8_t type, struct dm_cursor c, struct dm_json_container *k)
{
	size_t size;

	*k = (struct dm_json_container){ .all = c,
		.width = type == JSON_LARGE_OBJECT || type == JSON_LARGE_ARRAY
			     ? 4
			     : 2,
		.object = type <= JSON_LARGE_OBJECT };
	k->n = (size_t)dm_cursor_le(&c, k->width);
	size = (size_t)dm_cursor_le(&c, k->width);
	if (c.failed || size > dm_cursor_left(&k->all))
		return false;
	k->all.end = k->all.p + size;
	k->keys = k->values = c;
	k->keys.end = k->values.end = k->all.end;
	if (k->object)
		dm_cursor_skip(&k->values, k->n * (k->width + 2));
	return !k->values.failed;
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

bool
dm_json_element_(struct dm_json_container *k, struct dm_json_element *e)
{
	struct dm_cursor here;
	size_t offset;

	*e = (struct dm_json_element){ 0 };
	if (k->object) {
		offset = (size_t)dm_cursor_le(&k->keys, k->width);
		e->key_len = dm_cursor_u16(&k->keys);
		here = at_offset(k, offset);
		e->key = (const char *)dm_cursor_bytes(&here, e->key_len);
		if (e->key == NULL || k->keys.failed)
			return false;
	}
	e->type = dm_cursor_u8(&k->values);
	here = k->values;
	offset = (size_t)dm_cursor_le(&k->values, k->width);
	e->value = is_inlined(e->type, k->width) ? here : at_offset(k, offset);
	return !k->values.failed && !e->value.failed;
}

static void
put_container(
    struct dm_json_out *o, uint8_t type, struct dm_cursor c, unsigned depth)
{
	struct dm_json_container k;

	if (depth > DM_JSON_DEPTH_MAX || !dm_json_open_(type, c, &k)) {
		o->failed = true;
		return;
	}
	dm_json_put_(o, k.object ? "{" : "[", 1);
	for (size_t i = 0; i < k.n && !o->failed; i++) {
		struct dm_json_element e;

		if (!dm_json_element_(&k, &e)) {
			o->failed = true;
			return;
		}
		if (i > 0)
			dm_json_put_(o, ", ", 2);
		if (k.object) {
			dm_json_put_string_(o, e.key, e.key_len);
			dm_json_put_(o, ": ", 2);
		}
		dm_json_put_value_(o, e.type, e.value, depth + 1);
	}
	dm_json_put_(o, k.object ? "}" : "]", 1);
}

void
dm_json_put_value_(
    struct dm_json_out *o, uint8_t type, struct dm_cursor c, unsigned depth)
{
	if (o->failed || c.failed)
		o->failed = true;
	else if (type <= JSON_LARGE_ARRAY)
		put_container(o, type, c, depth);
	else
		put_scalar(o, type, c);
}

struct dm_json_out
dm_json_out_(struct dm_arena *a, size_t bytes)
{
	return (struct dm_json_out){ .arena = a,
		.limit = bytes * TEXT_PER_BYTE + TEXT_SLACK };
}

bool
dm_json_end_(struct dm_json_out *o, const char **text, size_t *len)
{
	if (o->failed)
		return false;
	dm_assert(o->text != NULL);
	o->text[o->len] = '\0';
	*text = o->text;
	*len = o->len;
	return true;
}

bool
dm_json_text_(const uint8_t *p, size_t n, struct dm_arena *a, const char **text,
    size_t *len)
{
	struct dm_json_out o = dm_json_out_(a, n);
	struct dm_cursor c = dm_cursor_of(p, n);

	/* What a NULL became that was put into a NOT NULL column by force;
	 * the server reads it as this literal, too. */
	if (n == 0)
		put_z(&o, "null");
	else
		dm_json_put_value_(&o, dm_cursor_u8(&c), c, 1);
	return dm_json_end_(&o, text, len);
}
