/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of a dump's data file, one by one: INSERT statements (rows_sql.c) or CSV
 * (rows_csv.c). A value keeps the text it has in the file, so that it can go
 * into another INSERT as it is; only forms that dump tools write are taken.
 *
 * Offsets count the bytes of the file before compression. Threads: one owner.
 * Errors: LOAD_LIGHTNING_RUNTIME naming file and offset.
 * Source: reference/data-plane 3.5.
 */
#ifndef DM_LIB_DUMP_ROWS_H
#define DM_LIB_DUMP_ROWS_H

#include "lib/dump/stream.h"

/* A row of this size is told of before it is read: DM_DUMP_LARGE. */
#define DM_DUMP_LARGE_BYTES ((size_t)16 << 20)
/* No statement of this size can be sent anywhere. */
#define DM_DUMP_ROW_MAX ((size_t)1 << 30)

enum dm_dump_value {
	DM_DUMP_NULL,
	DM_DUMP_TEXT, /* SQL: '..' or ".." with its quotes; CSV: plain bytes */
	DM_DUMP_RAW   /* SQL that stands for itself: 1, x'00', _utf8mb4'..' */
};

struct dm_dump_cell {
	enum dm_dump_value kind;
	const char *text;
	size_t len;
};

struct dm_dump_row {
	const struct dm_dump_cell *cells;
	size_t n;
	/* "(..)" as in the file; NULL in CSV. */
	const char *tuple;
	size_t tuple_len;
	/* Names of the columns, in order; NULL: none are given, so those of the
	 * table. NULL-terminated; the pointer changes when they do. */
	char *const *columns;
	/* What "SET NAMES x" and "SET TIME_ZONE='x'" in front of the row say;
	 * NULL: nothing. Letters, digits and _ + - : / only. */
	const char *charset, *time_zone;
	/* A backslash in a text of SQL is itself. */
	bool no_escapes;
	uint64_t start, end; /* offsets */
};

enum dm_dump_next { DM_DUMP_END, DM_DUMP_ROW, DM_DUMP_LARGE };

struct dm_dump_rows;

/*
 *   csv   else SQL
 *   path  for messages; copied
 *   read, arg  where the bytes come from; borrowed until freed
 */
struct dm_dump_rows *dm_dump_rows_new(
    bool csv, const char *path, dm_dump_read_fn *read, void *arg);
void dm_dump_rows_free(struct dm_dump_rows *r);
/* Before reading: an INSERT into another table is an error. Copied. A database
 * is compared where the file names one. */
void dm_dump_rows_expect(
    struct dm_dump_rows *r, const char *db, const char *table);
/* Before reading: a backslash is itself, until a "SET sql_mode" in the file
 * says something else: NO_BACKSLASH_ESCAPES of the server that was dumped. */
void dm_dump_rows_no_escapes(struct dm_dump_rows *r);
DM_DEFINE_AUTO(dm_dump_rows)

/* The next row, valid until the next call. DM_DUMP_LARGE: it is a very large
 * one, read by the call that follows dm_dump_rows_allow_large(true). */
struct dm_err *dm_dump_rows_next(struct dm_dump_rows *r,
    struct dm_dump_row *row, enum dm_dump_next *what) DM_MUST_CHECK;
/* false: also gives the memory of large rows back; `row` is gone then. */
void dm_dump_rows_allow_large(struct dm_dump_rows *r, bool allow);

/*
 * Statements of a schema file, without their semicolons; comments are left out,
 * what stands in conditional ones stays. Backslashes escape whatever the file
 * sets: servers print structures so in every mode. New array of new strings.
 */
struct dm_err *dm_dump_statements(const char *path, const char *text,
    size_t len, GPtrArray **statements) DM_MUST_CHECK;
/* SQL text written where a backslash is itself, for a session where it escapes:
 * it must hold no comments. */
void dm_dump_append_escaped(GString *out, const char *sql, size_t len);

#endif
