/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the rows of one table travel from source to target: which expression
 * reads a column, how its text is written, which key cuts the table. Immutable
 * after building; threads: any.
 */
#ifndef DM_WORKER_COPY_SHAPE_H
#define DM_WORKER_COPY_SHAPE_H

#include "lib/route/route.h"
#include "lib/schema/table.h"
#include "lib/sql/sql.h"

/* How a value is carried so that it arrives exactly. */
enum copy_carry {
	COPY_RAW,    /* the column's bytes, same charset at both ends */
	COPY_NUMBER, /* digits as the server prints them */
	COPY_UINT,   /* BIT, ENUM, SET as an unsigned number */
	COPY_UTF8    /* text in utf8mb4, converted at both ends */
};

struct copy_column {
	char *name; /* quoted */
	enum copy_carry carry;
	bool is_enum; /* 0 is the error value, which the target warns of */
	bool is_auto; /* AUTO_INCREMENT */
};

/* A part of the key that cuts the table. */
struct copy_key {
	char *name;          /* quoted */
	char *expr;          /* what to SELECT for a literal */
	int column;          /* of the shape's columns; -1: none of them */
	const char *charset; /* text: introducer of the literal; owned by
				shape */
	bool bytes;          /* literal x'..' */
	bool quoted;         /* literal '..' */
};

struct copy_shape {
	struct copy_column *columns;
	unsigned n_columns;
	struct copy_key *keys; /* n_keys 0: the table cannot be cut */
	unsigned n_keys;
	bool has_row_key;    /* rows can be told apart */
	char *from;          /* "`db`.`t` FORCE INDEX (..)" */
	char *reads;         /* what is selected of a row */
	char *select;        /* "SELECT .. FROM .. " */
	char *key_select;    /* "SELECT keys FROM .. "; NULL without keys */
	char *key_order;     /* " ORDER BY .." */
	char *load;          /* "INTO TABLE .. (..) SET .." */
	char *insert;        /* "INTO .. (..) VALUES " */
	GPtrArray *charsets; /* strings the keys point to */
};

/*
 * source: the structure at the source. target: the structure of an existing
 * target table; NULL when we created it from source. to_db, to_table: names at
 * the target. Errors: SYNCER_UNIT_DML_COLUMN_NOT_MATCH when the target lacks a
 * column; a plain one for a column type that is not known. extracted: columns
 * that a route fills (struct dm_extracted); NULL: none.
 */
struct dm_err *copy_shape_new(const struct dm_table *source,
    const struct dm_table *target, const char *to_db, const char *to_table,
    const GArray *extracted, struct copy_shape **shape) DM_MUST_CHECK;
void copy_shape_free(struct copy_shape *s);
DM_DEFINE_AUTO(copy_shape)

/* Its own text has less digits than its value: it is read as DOUBLE. FLOAT
 * prints six, DOUBLE(m,d) d decimals. */
bool copy_prints_short(const struct dm_column *c);

/* ---- ranges of keys (cut.c) ---- */

/* The literals of a row of key_select, comma-joined; no literal contains a
 * comma. New string. */
char *copy_key_literals(const struct copy_shape *s, const char *const *cells,
    const size_t *lengths);
/* " WHERE ..." for keys above lo and at most hi; either may be NULL (open);
 * extra: a further condition, or NULL or "". New string, "" when empty. */
char *copy_range_where(const struct copy_shape *s, const char *lo,
    const char *hi, const char *extra);
/* The key of row n above `from`, of those for which `where` holds, read on
 * conn; *literals NULL when there are not so many. The shape has keys. */
struct dm_err *copy_find_bound(struct dm_sql_conn *conn,
    const struct copy_shape *s, const char *from, const char *where, uint64_t n,
    char **literals) DM_MUST_CHECK;

#endif
