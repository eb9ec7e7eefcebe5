/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One value of a row image: see value.h.
 * SOURCE: reference/data-plane 10.4.
 */
#include "lib/binlog/value.h"

#include <string.h>

static void
set_int(struct dm_value *v, struct dm_cursor *c, unsigned width)
{
	unsigned unused = 64 - 8 * width;

	v->kind = DM_VAL_INT;
	v->width = (uint8_t)width;
	/* Shifting up and down again extends the sign. */
	v->i = (int64_t)(dm_cursor_le(c, width) << unused) >> unused;
}

static void
set_uint(struct dm_value *v, uint64_t u)
{
	v->kind = DM_VAL_UINT;
	v->u = u;
}

uint64_t
dm_value_unsigned(const struct dm_value *v)
{
	if (v->kind == DM_VAL_UINT || v->width == 0 || v->width >= 8)
		return v->u;
	return v->u & ((UINT64_C(1) << (8 * v->width)) - 1);
}

static bool
set_text(struct dm_value *v, struct dm_arena *a, const char *text, size_t n)
{
	v->kind = DM_VAL_TEXT;
	v->bytes.p = n > 0 ? dm_arena_strndup(a, text, n) : NULL;
	v->bytes.len = n;
	return n > 0;
}

static void
set_bytes(struct dm_value *v, struct dm_cursor *c, unsigned length_bytes)
{
	size_t n = (size_t)dm_cursor_le(c, length_bytes);

	v->kind = DM_VAL_BYTES;
	v->bytes.p = (const char *)dm_cursor_bytes(c, n);
	v->bytes.len = n;
}

static unsigned
length_bytes_of(unsigned max)
{
	return max < 256 ? 1 : 2;
}

static bool
read_real(struct dm_cursor *c, struct dm_value *v, bool wide)
{
	uint64_t bits = dm_cursor_le(c, wide ? 8 : 4);
	uint32_t low = (uint32_t)bits;

	v->kind = wide ? DM_VAL_DOUBLE : DM_VAL_FLOAT;
	if (wide)
		memcpy(&v->d, &bits, sizeof(v->d));
	else
		memcpy(&v->f, &low, sizeof(v->f));
	return true;
}

static bool
read_decimal(
    struct dm_cursor *c, uint16_t meta, struct dm_arena *a, struct dm_value *v)
{
	unsigned precision = meta & 0xff, scale = meta >> 8;
	char text[DM_DECIMAL_TEXT_MAX];
	size_t size = dm_decimal_size_(precision, scale);
	const uint8_t *p;

	if (size == 0)
		return false;
	p = dm_cursor_bytes(c, size);
	return p != NULL && set_text(v, a, text,
				dm_decimal_text_(p, precision, scale, text));
}

static bool
read_temporal(struct dm_cursor *c, enum dm_wire_type type, uint16_t meta,
    struct dm_arena *a, struct dm_value *v)
{
	char text[DM_TEMPORAL_TEXT_MAX];
	uint32_t seconds;
	size_t n = 0;

	if (meta > 6)
		return false;
	switch ((int)type) {
	case DM_WT_DATE:
	case DM_WT_NEWDATE:
		n = dm_date_text_((uint32_t)dm_cursor_le(c, 3), text);
		break;
	case DM_WT_TIME:
		set_int(v, c, 3);
		n = dm_time_old_text_((int32_t)v->i, text);
		break;
	case DM_WT_DATETIME:
		n = dm_datetime_old_text_(dm_cursor_u64(c), text);
		break;
	case DM_WT_TIMESTAMP:
		n = dm_timestamp_text_(dm_cursor_u32(c), 0, 0, text);
		break;
	case DM_WT_TIMESTAMP2:
		seconds = (uint32_t)dm_cursor_be(c, 4);
		n = dm_timestamp_text_(
		    seconds, dm_fraction_(c, meta), meta, text);
		break;
	case DM_WT_DATETIME2:
		n = dm_datetime_packed_text_(
		    dm_datetime2_packed_(c, meta), meta, text);
		break;
	case DM_WT_TIME2:
		n = dm_time_packed_text_(dm_time2_packed_(c, meta), meta, text);
		break;
	default:
		break;
	}
	return !c->failed && set_text(v, a, text, n);
}

static bool
read_bit(struct dm_cursor *c, uint16_t meta, struct dm_value *v)
{
	unsigned bits = (meta >> 8) * 8u + (meta & 0xff);

	if (bits == 0 || bits > 64)
		return false;
	set_uint(v, dm_cursor_be(c, (bits + 7) / 8));
	return true;
}

static bool
read_enum_or_set(
    struct dm_cursor *c, uint16_t meta, unsigned max, struct dm_value *v)
{
	if (meta == 0 || meta > max)
		return false;
	set_uint(v, dm_cursor_le(c, meta));
	return true;
}

/* BLOB, GEOMETRY, VECTOR: the length has meta bytes. */
static bool
read_blob(struct dm_cursor *c, uint16_t meta, struct dm_value *v)
{
	if (meta == 0 || meta > 4)
		return false;
	set_bytes(v, c, meta);
	return true;
}

static bool
read_json(
    struct dm_cursor *c, uint16_t meta, struct dm_arena *a, struct dm_value *v)
{
	if (!read_blob(c, meta, v) || c->failed)
		return false;
	v->kind = DM_VAL_JSON;
	return dm_json_text_((const uint8_t *)v->bytes.p, v->bytes.len, a,
	    &v->bytes.p, &v->bytes.len);
}

static bool
read_compressed(struct dm_cursor *c, unsigned length_bytes, struct dm_arena *a,
    struct dm_value *v)
{
	if (length_bytes == 0 || length_bytes > 4)
		return false;
	set_bytes(v, c, length_bytes);
	return !c->failed && dm_inflate_column_((const uint8_t *)v->bytes.p,
				 v->bytes.len, a, &v->bytes.p, &v->bytes.len);
}

static bool
read_other(struct dm_cursor *c, enum dm_wire_type type, uint16_t meta,
    struct dm_arena *a, struct dm_value *v, bool *known)
{
	switch ((int)type) {
	case DM_WT_YEAR:
		set_uint(v, dm_cursor_u8(c));
		v->u += v->u > 0 ? 1900 : 0;
		return true;
	case DM_WT_BIT:
		return read_bit(c, meta, v);
	case DM_WT_ENUM:
		return read_enum_or_set(c, meta, 2, v);
	case DM_WT_SET:
		return read_enum_or_set(c, meta, 8, v);
	case DM_WT_JSON:
		return read_json(c, meta, a, v);
	case DM_WT_BLOB_COMPRESSED:
		return read_compressed(c, meta, a, v);
	case DM_WT_VARCHAR_COMPRESSED:
		return read_compressed(c, length_bytes_of(meta), a, v);
	default:
		*known = false;
		return false;
	}
}

bool
dm_value_read_(struct dm_cursor *c, enum dm_wire_type type, uint16_t meta,
    struct dm_arena *a, struct dm_value *v, bool *known)
{
	*known = true;
	/* The type is a number from outside: int, so that gaps are fine. */
	switch ((int)type) {
	case DM_WT_TINY:
		set_int(v, c, 1);
		return true;
	case DM_WT_SHORT:
		set_int(v, c, 2);
		return true;
	case DM_WT_INT24:
		set_int(v, c, 3);
		return true;
	case DM_WT_LONG:
		set_int(v, c, 4);
		return true;
	case DM_WT_LONGLONG:
		set_int(v, c, 8);
		return true;
	case DM_WT_FLOAT:
	case DM_WT_DOUBLE:
		return read_real(c, v, type == DM_WT_DOUBLE);
	case DM_WT_NEWDECIMAL:
		return read_decimal(c, meta, a, v);
	case DM_WT_VARCHAR:
	case DM_WT_VAR_STRING:
	case DM_WT_STRING:
		set_bytes(v, c, length_bytes_of(meta));
		return true;
	case DM_WT_TINY_BLOB:
	case DM_WT_MEDIUM_BLOB:
	case DM_WT_LONG_BLOB:
	case DM_WT_BLOB:
	case DM_WT_GEOMETRY:
	case DM_WT_VECTOR:
		return read_blob(c, meta, v);
	case DM_WT_DATE:
	case DM_WT_NEWDATE:
	case DM_WT_TIME:
	case DM_WT_DATETIME:
	case DM_WT_TIMESTAMP:
	case DM_WT_TIMESTAMP2:
	case DM_WT_DATETIME2:
	case DM_WT_TIME2:
		return read_temporal(c, type, meta, a, v);
	default:
		return read_other(c, type, meta, a, v, known);
	}
}
