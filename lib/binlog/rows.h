/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Row events: a table map is prepared once into a decoder, and used for every
 * row of that table id. No allocation per row.
 * Source: reference/data-plane 10.4; MySQL log_event.cc's documented layouts;
 * MySQL manual "Storage Requirements" for temporal types.
 */
#ifndef DM_LIB_BINLOG_ROWS_H
#define DM_LIB_BINLOG_ROWS_H

#include "lib/base/cursor.h"
#include "lib/binlog/event.h"

/* Protocol type numbers (enum_field_types) as they stand in table maps, after
 * STRING/ENUM/SET were told apart. */
enum dm_wire_type {
	DM_WT_DECIMAL_OLD = 0,
	DM_WT_TINY = 1,
	DM_WT_SHORT = 2,
	DM_WT_LONG = 3,
	DM_WT_FLOAT = 4,
	DM_WT_DOUBLE = 5,
	DM_WT_NULL = 6,
	DM_WT_TIMESTAMP = 7,
	DM_WT_LONGLONG = 8,
	DM_WT_INT24 = 9,
	DM_WT_DATE = 10,
	DM_WT_TIME = 11,
	DM_WT_DATETIME = 12,
	DM_WT_YEAR = 13,
	DM_WT_NEWDATE = 14,
	DM_WT_VARCHAR = 15,
	DM_WT_BIT = 16,
	DM_WT_TIMESTAMP2 = 17,
	DM_WT_DATETIME2 = 18,
	DM_WT_TIME2 = 19,
	DM_WT_BLOB_COMPRESSED = 140,
	DM_WT_VARCHAR_COMPRESSED = 141,
	DM_WT_VECTOR = 242,
	DM_WT_JSON = 245,
	DM_WT_NEWDECIMAL = 246,
	DM_WT_ENUM = 247,
	DM_WT_SET = 248,
	DM_WT_TINY_BLOB = 249,
	DM_WT_MEDIUM_BLOB = 250,
	DM_WT_LONG_BLOB = 251,
	DM_WT_BLOB = 252,
	DM_WT_VAR_STRING = 253,
	DM_WT_STRING = 254,
	DM_WT_GEOMETRY = 255
};

enum dm_value_kind {
	DM_VAL_ABSENT, /* not in the row image */
	DM_VAL_NULL,
	DM_VAL_INT,    /* i: TINY..LONGLONG as signed; the column's UNSIGNED
			  is the reader's to apply (dm_value_unsigned) */
	DM_VAL_UINT,   /* u: ENUM index, SET bits, BIT, YEAR */
	DM_VAL_FLOAT,  /* f */
	DM_VAL_DOUBLE, /* d */
	DM_VAL_TEXT,   /* bytes: ASCII text of DECIMAL, DATE, TIME, DATETIME,
			  TIMESTAMP (in UTC; "0000-00-00 00:00:00" for 0),
			  with exactly the column's fraction digits */
	DM_VAL_BYTES,  /* bytes: CHAR..BLOB, GEOMETRY: as stored, in the
			  column's charset. STRING comes without the spaces
			  or zeros at its end: BINARY(n), and MariaDB's
			  UUID, INET4, INET6, are to be filled with zeros
			  up to the map's meta */
	DM_VAL_JSON    /* bytes: JSON text made from MySQL's binary form */
};

struct dm_value {
	enum dm_value_kind kind;
	uint8_t width; /* bytes of an integer: 1, 2, 3, 4, 8 */
	union {
		int64_t i;
		uint64_t u;
		float f;
		double d;
		struct {
			const char *p; /* into the event or the arena */
			size_t len;
		} bytes;
	};
};

/* An integer of an UNSIGNED column: reinterpreted by its width. */
uint64_t dm_value_unsigned(const struct dm_value *v);

/*
 * MariaDB's TIME, DATETIME, TIMESTAMP with a fraction that were created under
 * mysql56_temporal_format=OFF have the old types without metadata, and other
 * sizes: a reader that knows such a column to have a fraction must refuse it,
 * since nothing here tells it from one without.
 */
struct dm_table_map {
	uint64_t table_id;
	char *schema, *table;
	unsigned n_columns;
	uint8_t *types;    /* dm_wire_type, n_columns */
	uint16_t *meta;    /* n_columns */
	uint8_t *nullable; /* bool, n_columns */
	/* Optional metadata (binlog_row_metadata); NULL where not logged. */
	uint8_t *is_unsigned; /* bool per column; only numeric ones count */
	char **names;
};
struct dm_err *dm_table_map_decode(const struct dm_binlog_format *f,
    const uint8_t *body, size_t len, struct dm_table_map **map) DM_MUST_CHECK;
void dm_table_map_free(struct dm_table_map *m);
DM_DEFINE_AUTO(dm_table_map)

enum dm_rows_kind { DM_ROWS_INSERT, DM_ROWS_UPDATE, DM_ROWS_DELETE };

#define DM_ROWS_F_STMT_END         0x01
#define DM_ROWS_F_NO_FK_CHECKS     0x02
#define DM_ROWS_F_NO_UNIQUE_CHECKS 0x04

/* A rows event being read. Memory of the caller. */
struct dm_rows {
	enum dm_rows_kind kind;
	uint64_t table_id;
	uint16_t flags;
	unsigned n_columns;
	const uint8_t *before_bits, *after_bits; /* columns present */
	const uint8_t *p, *end;                  /* next row */
	GBytes *inflated;                        /* of a compressed event */
	/* Of PARTIAL_UPDATE_ROWS: binary JSON of the before image, by column;
	 * p NULL: NULL or absent. */
	struct dm_cursor *json_before;
};

/* The table id is at the same place for all row events, so that the caller
 * finds the map first, and skips filtered tables without decoding. */
struct dm_err *dm_rows_table_id(const struct dm_binlog_format *f, uint8_t type,
    const uint8_t *body, size_t len, uint64_t *table_id) DM_MUST_CHECK;
struct dm_err *dm_rows_begin(const struct dm_binlog_format *f, uint8_t type,
    const uint8_t *body, size_t len, const struct dm_table_map *map,
    struct dm_rows *r) DM_MUST_CHECK;
/*
 * The next row. before: UPDATE and DELETE; after: INSERT and UPDATE; arrays of
 * n_columns, of the caller, entries absent from the image are ABSENT. Texts
 * made while decoding live in the arena. *more is false after the last row.
 * Errors: SYNCER_GET_EVENT naming table, column number, type; a column type we
 * do not know is an error, never skipped. _begin: BINLOG_NOT_LOG_COLUMN for an
 * image without any column.
 */
struct dm_err *dm_rows_next(struct dm_rows *r, const struct dm_table_map *map,
    struct dm_arena *a, struct dm_value *before, struct dm_value *after,
    bool *more) DM_MUST_CHECK;
void dm_rows_end(struct dm_rows *r);

#endif
