/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Literals: see literal.h.
 *
 * DESIGN: text keeps the bytes of the source and names their charset by an
 * introducer, so that no conversion happens on the way and an index on the
 * column can be used. Charsets in which a byte of a character may look like a
 * quote or backslash are written in hex. FLOAT and DOUBLE are written with as
 * many digits as bring back the same bits, and an exponent, so that the server
 * reads a double and not a DECIMAL.
 */
#include "worker/sync/literal.h"

#include "lib/base/defect.h"
#include "lib/base/hash.h"
#include "lib/sql/sql.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define FLOAT_NEAR_MAX 3.4028e38F
#define FNV_PRIME      UINT64_C(0x100000001b3)

/* Charsets whose characters are at least ASCII-safe byte by byte: quoting with
 * backslashes is right for them. */
static bool
is_quotable_charset(const char *charset)
{
	static const char *const unsafe[] = { "gbk", "gb2312", "gb18030",
		"big5", "sjis", "cp932", "eucjpms", "ujis", "euckr", "ucs2",
		"utf16", "utf16le", "utf32" };

	for (size_t i = 0; i < DM_ARRAY_SIZE(unsafe); i++) {
		if (strcmp(charset, unsafe[i]) == 0)
			return false;
	}
	return true;
}

static bool
is_connection_charset(const char *charset)
{
	return strcmp(charset, "utf8mb4") == 0 ||
	       strcmp(charset, "utf8mb3") == 0 ||
	       strcmp(charset, "utf8") == 0 || strcmp(charset, "ascii") == 0;
}

static void
append_text_bytes(GString *s, const char *charset, const char *p, size_t len)
{
	if (charset == NULL)
		charset = "utf8mb4";
	if (is_connection_charset(charset)) {
		dm_sql_append_string(s, p, len);
		return;
	}
	g_string_append_c(s, '_');
	g_string_append(s, charset);
	if (is_quotable_charset(charset)) {
		dm_sql_append_string(s, p, len);
	} else {
		g_string_append_c(s, ' ');
		dm_sql_append_hex(s, p, len);
	}
}

/* In row events a UUID has the order of its text, whatever order the server
 * keeps it in. */
static void
append_uuid(GString *s, const uint8_t *b)
{
	g_string_append_c(s, '\'');
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			g_string_append_c(s, '-');
		g_string_append_printf(s, "%02x", b[i]);
	}
	g_string_append_c(s, '\'');
}

static void
append_inet(GString *s, int family, const void *bytes)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(family, bytes, text, sizeof(text));
	g_string_append_printf(s, "'%s'", text);
}

/* The binlog leaves out trailing zero bytes of fixed-length binary values. */
static void
append_fixed(GString *s, enum dm_type type, const char *p, size_t len)
{
	uint8_t full[16] = { 0 };

	memcpy(full, p, MIN(len, sizeof(full)));
	if (type == DM_T_UUID)
		append_uuid(s, full);
	else
		append_inet(s, type == DM_T_INET4 ? AF_INET : AF_INET6, full);
}

static void
append_bytes(GString *s, const struct dm_column *c, const struct dm_value *v)
{
	const char *p = v->bytes.p;
	size_t len = v->bytes.len;

	if (c->type == DM_T_UUID || c->type == DM_T_INET4 ||
	    c->type == DM_T_INET6) {
		append_fixed(s, c->type, p, len);
		return;
	}
	if (dm_type_is_text(c->type) || c->type == DM_T_JSON) {
		append_text_bytes(s, c->charset, p, len);
		return;
	}
	g_string_append(s, "_binary");
	dm_sql_append_string(s, p, len);
	if (c->type == DM_T_BINARY && c->length > 0 &&
	    len < (size_t)c->length) {
		/* Put back the zero bytes that the binlog left out. */
		g_string_truncate(s, s->len - 1);
		for (size_t i = len; i < (size_t)c->length; i++)
			g_string_append(s, "\\0");
		g_string_append_c(s, '\'');
	}
}

static void
append_double(GString *s, const char *format, double d)
{
	char text[G_ASCII_DTOSTR_BUF_SIZE];

	g_ascii_formatd(text, sizeof(text), format, d);
	g_string_append(s, text);
	if (strchr(text, 'e') == NULL)
		g_string_append(s, "e0");
}

/* Nine digits tell each FLOAT; but those of the greatest make a number above
 * it, which servers refuse. */
static void
append_float(GString *s, float f)
{
	bool greatest = f > FLOAT_NEAR_MAX || f < -FLOAT_NEAR_MAX;

	append_double(s, greatest ? "%.17g" : "%.9g", (double)f);
}

static void
append_integer(GString *s, const struct dm_column *c, const struct dm_value *v)
{
	if (c->is_unsigned || c->zerofill)
		g_string_append_printf(
		    s, "%" G_GUINT64_FORMAT, dm_value_unsigned(v));
	else
		g_string_append_printf(s, "%" G_GINT64_FORMAT, v->i);
}

void
literal_append(GString *s, const struct dm_column *c, const struct dm_value *v)
{
	switch (v->kind) {
	case DM_VAL_ABSENT:
	case DM_VAL_NULL:
		g_string_append(s, "NULL");
		break;
	case DM_VAL_INT:
		append_integer(s, c, v);
		break;
	case DM_VAL_UINT:
		g_string_append_printf(s, "%" G_GUINT64_FORMAT, v->u);
		break;
	case DM_VAL_FLOAT:
		append_float(s, v->f);
		break;
	case DM_VAL_DOUBLE:
		append_double(s, "%.17g", v->d);
		break;
	case DM_VAL_TEXT:
	case DM_VAL_JSON:
		dm_sql_append_string(s, v->bytes.p, v->bytes.len);
		break;
	case DM_VAL_BYTES:
		append_bytes(s, c, v);
		if (DM_DEFECT_IS(ONE_BYTE) && v->bytes.len > 200)
			s->str[s->len - 2] ^= 1; /* before the quote */
		break;
	}
}

void
literal_append_compared(
    GString *s, const struct dm_column *c, const struct dm_value *v)
{
	if (v->kind == DM_VAL_FLOAT)
		append_double(s, "%.17g", (double)v->f);
	else if (v->kind == DM_VAL_TEXT && c->type == DM_T_DECIMAL)
		g_string_append_len(s, v->bytes.p, (gssize)v->bytes.len);
	else
		literal_append(s, c, v);
}

void
literal_append_match(GString *s, const char *ident, const struct dm_column *c,
    const struct dm_value *v)
{
	if (v->kind == DM_VAL_NULL || v->kind == DM_VAL_ABSENT) {
		g_string_append_printf(s, "%s IS NULL", ident);
		return;
	}
	if (c->type == DM_T_ENUM || c->type == DM_T_SET) {
		/* Not "+0": that makes a double of a SET, or a signed one. */
		g_string_append_printf(s, "CAST(%s AS UNSIGNED)=", ident);
	} else if (dm_type_is_text(c->type) || c->type == DM_T_JSON) {
		g_string_append_printf(s, "BINARY %s=BINARY ", ident);
	} else {
		g_string_append_printf(s, "%s=", ident);
	}
	literal_append_compared(s, c, v);
}

bool
literal_needs_lax_mode(const struct dm_column *c, const struct dm_value *v)
{
	return c->type == DM_T_ENUM && v->kind == DM_VAL_UINT && v->u == 0;
}

bool
literal_is_foldable(const struct dm_column *c)
{
	switch (c->type) {
	case DM_T_UNKNOWN:
	case DM_T_JSON:
	case DM_T_GEOMETRY:
	case DM_T_VECTOR:
		return false;
	case DM_T_ENUM:
	case DM_T_SET:
		return true; /* by index */
	default:
		break;
	}
	if (!dm_type_is_text(c->type))
		return true;
	return c->collation != NULL && g_str_has_suffix(c->collation, "_bin");
}

static uint64_t
mix(uint64_t h, const void *p, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i++)
		h = (h ^ b[i]) * FNV_PRIME;
	return (h ^ len) * FNV_PRIME;
}

static uint64_t
fold_bytes(uint64_t h, const struct dm_column *c, const struct dm_value *v)
{
	const char *p = v->bytes.p;
	size_t len = v->bytes.len;
	char pad = dm_type_is_text(c->type) ? ' ' : '\0';

	/* Padding is not part of the value in comparisons; folding a few
	 * values more together than needed does no harm. */
	while (len > 0 && p[len - 1] == pad)
		len--;
	return mix(h, p, len);
}

uint64_t
literal_fold(uint64_t h, const struct dm_column *c, const struct dm_value *v)
{
	double d;
	uint64_t u;

	switch (v->kind) {
	case DM_VAL_ABSENT:
	case DM_VAL_NULL:
		return mix(h, "N", 1);
	case DM_VAL_INT:
		u = c->is_unsigned || c->zerofill ? dm_value_unsigned(v)
						  : (uint64_t)v->i;
		return mix(h, &u, sizeof(u));
	case DM_VAL_UINT:
		return mix(h, &v->u, sizeof(v->u));
	case DM_VAL_FLOAT:
	case DM_VAL_DOUBLE:
		d = v->kind == DM_VAL_FLOAT ? (double)v->f : v->d;
		if (fpclassify(d) == FP_ZERO)
			d = 0.0; /* -0 equals 0 */
		return mix(h, &d, sizeof(d));
	case DM_VAL_TEXT:
	case DM_VAL_JSON:
		return mix(h, v->bytes.p, v->bytes.len);
	case DM_VAL_BYTES:
		return fold_bytes(h, c, v);
	}
	return h;
}

uint64_t
literal_hash(uint64_t h, const struct dm_value *v)
{
	switch (v->kind) {
	case DM_VAL_ABSENT:
	case DM_VAL_NULL:
		return dm_hash64(~h, "", 0); /* not what '' gives */
	case DM_VAL_INT:
	case DM_VAL_UINT:
		return dm_hash64(h, &v->u, sizeof(v->u));
	case DM_VAL_FLOAT:
		return dm_hash64(h, &v->f, sizeof(v->f));
	case DM_VAL_DOUBLE:
		return dm_hash64(h, &v->d, sizeof(v->d));
	case DM_VAL_TEXT:
	case DM_VAL_BYTES:
	case DM_VAL_JSON:
		return dm_hash64(h, v->bytes.p, v->bytes.len);
	}
	return h;
}

bool
literal_same(const struct dm_value *a, const struct dm_value *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case DM_VAL_ABSENT:
	case DM_VAL_NULL:
		return true;
	case DM_VAL_INT:
	case DM_VAL_UINT:
		return a->u == b->u;
	/* Bit for bit: -0 is not 0, and a NaN is itself. */
	case DM_VAL_FLOAT:
		/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
		return memcmp(&a->f, &b->f, sizeof(a->f)) == 0;
	case DM_VAL_DOUBLE:
		/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
		return memcmp(&a->d, &b->d, sizeof(a->d)) == 0;
	case DM_VAL_TEXT:
	case DM_VAL_BYTES:
	case DM_VAL_JSON:
		return a->bytes.len == b->bytes.len &&
		       (a->bytes.len == 0 ||
			   memcmp(a->bytes.p, b->bytes.p, a->bytes.len) == 0);
	}
	return false;
}
