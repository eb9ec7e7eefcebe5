/* SPDX-License-Identifier: Apache-2.0 */
/* What rows.c, rows_set.c, rows_sql.c and rows_csv.c share: a window on the
 * file. */
#ifndef DM_LIB_DUMP_ROWS_INT_H
#define DM_LIB_DUMP_ROWS_INT_H

#include "lib/dump/rows.h"

/* A cell before its row is complete: the window may still move. */
struct rows_piece {
	enum dm_dump_value kind;
	size_t start, end; /* SQL: behind mark; CSV: in decoded */
};

enum rows_state {
	ROWS_TOP,   /* between statements; CSV: between rows */
	ROWS_TUPLE, /* a tuple is to come */
	ROWS_BEHIND /* behind a tuple */
};

struct dm_dump_rows {
	bool csv;
	char *path;
	dm_dump_read_fn *read;
	void *arg;
	/* The window: bytes [0, len) of buf, of which those from mark on are
	 * still needed and `at` is the next; buf[0] is the file's byte base. */
	char *buf;
	size_t cap, len, mark, at;
	uint64_t base;
	bool eof, allow_large;
	/* Why parsing went no further. */
	bool large;
	struct dm_err *err;

	enum rows_state state;
	bool head_done;   /* CSV: the line of names was read */
	GArray *pieces;   /* struct rows_piece, of the current row */
	GArray *cells;    /* struct dm_dump_cell, the same when complete */
	GString *decoded; /* CSV */
	char **columns;
	char *charset, *time_zone;
	bool no_escapes;
	char *want_db, *want_table; /* NULL: any */
};

/* The next byte without taking it; -1: there is none, or r->err or r->large
 * says why it cannot be had. */
int rows_peek(struct dm_dump_rows *r);
/* Reads more behind the window; false as for rows_peek. */
bool rows_more(struct dm_dump_rows *r);
/* Sets r->err, unless something was wrong before. Returns false. */
bool rows_fail(struct dm_dump_rows *r, const char *what);
void rows_add_piece(
    struct dm_dump_rows *r, enum dm_dump_value kind, size_t start, size_t end);

static inline bool
rows_is_word(int c)
{
	return c >= 0 && (g_ascii_isalnum((char)c) || c == '_' || c == '$');
}

/* ---- rows_set.c ---- */
/* Notes what text, a statement or conditional comment, sets for the rows behind
 * it. False: it is no SET. */
bool rows_note_set(struct dm_dump_rows *r, const char *text);

/* Parse up to the end of the next row; *found false: the end of the file.
 * Returns false when r->err or r->large is set. */
bool rows_sql_next(struct dm_dump_rows *r, bool *found);
bool rows_csv_next(struct dm_dump_rows *r, bool *found);

#endif
