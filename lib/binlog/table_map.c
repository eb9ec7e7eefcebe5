/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TABLE_MAP: see rows.h.
 *
 * FORMAT: table id (6 bytes; 4 where the post-header has 6), u16 flags;
 * schema and table, each u8 length, text, NUL; lenenc number of columns; a
 * type per column; lenenc length of metadata; metadata; bits of nullable
 * columns; optional fields, each u8 type, lenenc length, value.
 */
#include "lib/binlog/rows.h"

#include "lib/binlog/wire.h"

#include <string.h>

#define COLUMNS_MAX      4096u /* of a table, in every server */
#define META_SIGNEDNESS  1
#define META_COLUMN_NAME 4
#define LONG_STRING_BITS 0x30

size_t
dm_rows_id_size_(const struct dm_binlog_format *f, uint8_t type)
{
	return type > 0 && f->post_header_len[type - 1] == 6 ? 4 : 6;
}

/* Bytes of metadata; -1 for a type we do not know. */
static int
meta_size(uint8_t type)
{
	switch (type) {
	case DM_WT_FLOAT:
	case DM_WT_DOUBLE:
	case DM_WT_TIMESTAMP2:
	case DM_WT_DATETIME2:
	case DM_WT_TIME2:
	case DM_WT_BLOB_COMPRESSED:
	case DM_WT_VECTOR:
	case DM_WT_JSON:
	case DM_WT_TINY_BLOB:
	case DM_WT_MEDIUM_BLOB:
	case DM_WT_LONG_BLOB:
	case DM_WT_BLOB:
	case DM_WT_GEOMETRY:
		return 1;
	case DM_WT_VARCHAR:
	case DM_WT_VARCHAR_COMPRESSED:
	case DM_WT_BIT:
	case DM_WT_NEWDECIMAL:
	case DM_WT_ENUM:
	case DM_WT_SET:
	case DM_WT_VAR_STRING:
	case DM_WT_STRING:
		return 2;
	case DM_WT_DECIMAL_OLD:
	case DM_WT_TINY:
	case DM_WT_SHORT:
	case DM_WT_LONG:
	case DM_WT_NULL:
	case DM_WT_TIMESTAMP:
	case DM_WT_LONGLONG:
	case DM_WT_INT24:
	case DM_WT_DATE:
	case DM_WT_TIME:
	case DM_WT_DATETIME:
	case DM_WT_YEAR:
	case DM_WT_NEWDATE:
		return 0;
	default:
		return -1;
	}
}

/*
 * STRING stands for CHAR, ENUM and SET: the first byte is the real type, the
 * second the length. Two bits of lengths above 255 are inverted in the type.
 */
static void
resolve_string(uint8_t real, uint8_t len, uint8_t *type, uint16_t *meta)
{
	unsigned high = 0;

	if ((real & LONG_STRING_BITS) != LONG_STRING_BITS) {
		high = (real & LONG_STRING_BITS) ^ LONG_STRING_BITS;
		real |= LONG_STRING_BITS;
	}
	*type = real;
	*meta = (uint16_t)(high << 4 | len);
}

static struct dm_err *
read_types(struct dm_cursor *c, struct dm_table_map *m)
{
	const uint8_t *types = dm_cursor_bytes(c, m->n_columns);
	size_t size = (size_t)dm_cursor_lenenc(c);
	const uint8_t *p = dm_cursor_bytes(c, size);
	struct dm_cursor meta;

	if (types == NULL || p == NULL)
		return dm_ev_error_(
		    "table map of `%s`.`%s` is cut short", m->schema, m->table);
	meta = dm_cursor_of(p, size);
	for (unsigned i = 0; i < m->n_columns; i++) {
		int n = meta_size(types[i]);

		if (n < 0)
			return dm_ev_error_("column %u of `%s`.`%s` has the "
					    "type %u, which is not known",
			    i + 1, m->schema, m->table, types[i]);
		m->types[i] = types[i];
		if (n > 0)
			m->meta[i] = (uint16_t)dm_cursor_le(&meta, (size_t)n);
		if (types[i] == DM_WT_STRING)
			resolve_string((uint8_t)m->meta[i],
			    (uint8_t)(m->meta[i] >> 8), &m->types[i],
			    &m->meta[i]);
		else if (types[i] == DM_WT_ENUM || types[i] == DM_WT_SET)
			m->meta[i] >>= 8;
	}
	if (meta.failed || dm_cursor_left(&meta) > 0)
		return dm_ev_error_("metadata of `%s`.`%s` has a wrong size",
		    m->schema, m->table);
	return NULL;
}

/* YEAR has a bit, too, which means nothing; BIT has none. */
static bool
has_sign(uint8_t type)
{
	switch (type) {
	case DM_WT_DECIMAL_OLD:
	case DM_WT_YEAR:
	case DM_WT_TINY:
	case DM_WT_SHORT:
	case DM_WT_INT24:
	case DM_WT_LONG:
	case DM_WT_LONGLONG:
	case DM_WT_NEWDECIMAL:
	case DM_WT_FLOAT:
	case DM_WT_DOUBLE:
		return true;
	default:
		return false;
	}
}

/* One bit per numeric column, highest first. */
static bool
read_signedness(struct dm_cursor c, struct dm_table_map *m)
{
	unsigned bit = 0;
	uint8_t byte = 0;

	g_free(m->is_unsigned);
	m->is_unsigned = g_malloc0(m->n_columns + 1);
	for (unsigned i = 0; i < m->n_columns; i++) {
		if (!has_sign(m->types[i]))
			continue;
		if (bit % 8 == 0)
			byte = dm_cursor_u8(&c);
		m->is_unsigned[i] = byte >> (7 - bit % 8) & 1;
		bit++;
	}
	return !c.failed;
}

static bool
read_names(struct dm_cursor c, struct dm_table_map *m)
{
	g_strfreev(m->names);
	m->names = g_new0(char *, m->n_columns + 1);
	for (unsigned i = 0; i < m->n_columns; i++) {
		size_t n = (size_t)dm_cursor_lenenc(&c);
		const uint8_t *p = dm_cursor_bytes(&c, n);

		if (p == NULL)
			return false;
		m->names[i] = g_strndup((const char *)p, n);
	}
	return true;
}

/* Fields of other types only describe; the tracker knows them better. */
static bool
read_optional(struct dm_cursor *c, struct dm_table_map *m)
{
	bool ok = true;

	while (ok && dm_cursor_left(c) > 0) {
		uint8_t type = dm_cursor_u8(c);
		size_t n = (size_t)dm_cursor_lenenc(c);
		const uint8_t *p = dm_cursor_bytes(c, n);

		if (p == NULL)
			return false;
		if (type == META_SIGNEDNESS)
			ok = read_signedness(dm_cursor_of(p, n), m);
		else if (type == META_COLUMN_NAME)
			ok = read_names(dm_cursor_of(p, n), m);
	}
	return ok;
}

static char *
read_name(struct dm_cursor *c)
{
	size_t n = dm_cursor_u8(c);
	const uint8_t *p = dm_cursor_bytes(c, n);

	dm_cursor_skip(c, 1);
	if (p == NULL || c->failed)
		return NULL;
	return g_strndup((const char *)p, n);
}

static struct dm_err *
read_columns(struct dm_cursor *c, struct dm_table_map *m)
{
	uint64_t n = dm_cursor_lenenc(c);
	const uint8_t *bits;
	struct dm_err *err;

	if (c->failed || n == 0 || n > COLUMNS_MAX)
		return dm_ev_error_("table map with %" PRIu64 " columns", n);
	m->n_columns = (unsigned)n;
	m->types = g_new0(uint8_t, m->n_columns);
	m->meta = g_new0(uint16_t, m->n_columns);
	m->nullable = g_new0(uint8_t, m->n_columns);
	err = read_types(c, m);
	if (err != NULL)
		return err;
	bits = dm_cursor_bytes(c, (m->n_columns + 7) / 8);
	for (unsigned i = 0; i < m->n_columns && bits != NULL; i++)
		m->nullable[i] = bits[i / 8] >> (i % 8) & 1;
	if (bits == NULL || !read_optional(c, m))
		return dm_ev_error_(
		    "table map of `%s`.`%s` is cut short", m->schema, m->table);
	return NULL;
}

struct dm_err *
dm_table_map_decode(const struct dm_binlog_format *f, const uint8_t *body,
    size_t len, struct dm_table_map **map)
{
	size_t id_size = dm_rows_id_size_(f, DM_EV_TABLE_MAP);
	size_t post = dm_post_header_(f, DM_EV_TABLE_MAP, id_size + 2);
	DM_AUTO(dm_table_map) m = g_new0(struct dm_table_map, 1);
	struct dm_cursor c = dm_cursor_of(body, len);
	struct dm_err *err;

	m->table_id = dm_cursor_le(&c, id_size);
	dm_cursor_skip(&c, post - id_size);
	m->schema = read_name(&c);
	m->table = read_name(&c);
	if (m->schema == NULL || m->table == NULL)
		return dm_ev_error_("table map is cut short");
	err = read_columns(&c, m);
	if (err != NULL)
		return err;
	*map = DM_TAKE(m);
	return NULL;
}

void
dm_table_map_free(struct dm_table_map *m)
{
	if (m == NULL)
		return;
	g_free(m->schema);
	g_free(m->table);
	g_free(m->types);
	g_free(m->meta);
	g_free(m->nullable);
	g_free(m->is_unsigned);
	g_strfreev(m->names);
	g_free(m);
}
