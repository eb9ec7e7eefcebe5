/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQL expressions over the values of one row, as row filters need them.
 *
 * What an expression means is what MySQL, MariaDB and TiDB agree on, in the
 * default sql_mode. Where they differ, or where the exact result is not known
 * here, an expression is refused before the first row, or evaluating it is an
 * error: there is never a result that is only about right. Two choices follow
 * TiDB, which DM evaluates expressions with:
 *   - texts that come from no column compare by their bytes (utf8mb4_bin);
 *   - patterns of REGEXP are those of PCRE2, and must be literals.
 * Comparisons without case or accents are exact for ASCII, and for the letters
 * of Latin, Greek and Cyrillic; for other scripts letters fold as Unicode does.
 */
#ifndef DM_LIB_EXPR_EXPR_H
#define DM_LIB_EXPR_EXPR_H

#include "lib/err/err.h"

/* Longer ones, or more nested ones, are refused. */
#define DM_EXPR_TEXT_MAX  ((size_t)65536)
#define DM_EXPR_DEPTH_MAX 100

enum dm_expr_type {
	DM_EXPR_INT,
	DM_EXPR_UINT,
	DM_EXPR_BIT,
	DM_EXPR_YEAR,
	DM_EXPR_DECIMAL,
	DM_EXPR_FLOAT,
	DM_EXPR_DOUBLE,
	DM_EXPR_DATE,
	DM_EXPR_TIME,
	DM_EXPR_DATETIME,
	DM_EXPR_TIMESTAMP, /* values come in UTC */
	DM_EXPR_TEXT,
	DM_EXPR_BINARY, /* BINARY, VARBINARY, BLOB */
	DM_EXPR_ENUM,   /* values: number of the element, from 1; 0: '' */
	DM_EXPR_SET,    /* values: one bit for each element */
	DM_EXPR_OPAQUE  /* can be asked IS NULL, nothing else */
};

struct dm_expr_column {
	const char *name;
	enum dm_expr_type type;
	const char *charset;         /* TEXT, ENUM, SET; NULL: not known */
	const char *collation;       /* NULL: not known */
	int decimals;                /* DECIMAL, and the temporal ones */
	size_t fill;                 /* BINARY(n): zeros are added up to it */
	const char *const *elements; /* ENUM, SET; NULL-terminated */
};

enum dm_expr_value_kind {
	DM_EXPR_V_ABSENT, /* the row does not have it: an error */
	DM_EXPR_V_NULL,
	DM_EXPR_V_INT,    /* i */
	DM_EXPR_V_UINT,   /* u: also BIT, YEAR, ENUM, SET */
	DM_EXPR_V_DOUBLE, /* d */
	DM_EXPR_V_BYTES   /* p, len: everything else, temporal ones as text */
};

struct dm_expr_value {
	enum dm_expr_value_kind kind;
	union {
		int64_t i;
		uint64_t u;
		double d;
		struct {
			const char *p;
			size_t len;
		};
	};
};

/* The value of column `column` in the row of arg. What it points to lives as
 * long as the call of dm_expr_test. */
typedef void dm_expr_get_fn(
    void *arg, unsigned column, struct dm_expr_value *v);

/*
 * Can the text be an expression: syntax, names of functions, their number of
 * arguments. NULL: it can. Errors: plain, naming what is wrong and where.
 */
struct dm_err *dm_expr_check(const char *text) DM_MUST_CHECK;

/* An expression over the columns of one table. Owner: one thread. */
struct dm_expr;

/*
 * columns are copied as far as needed, but for `elements`: those are borrowed.
 *   tz_offset_s  of the time zone in which TIMESTAMP columns are seen
 *   *unknown     a column that the table does not have, new string; then *out
 *                is NULL, and it is no error
 * Errors: plain: what cannot be evaluated exactly for these types.
 */
struct dm_err *dm_expr_new(const char *text,
    const struct dm_expr_column *columns, unsigned n_columns, int tz_offset_s,
    struct dm_expr **out, char **unknown) DM_MUST_CHECK;
void dm_expr_free(struct dm_expr *e);
DM_DEFINE_AUTO(dm_expr)

/* *is_true: the expression gives 1; not when it gives NULL, 0 or another
 * number. Errors: plain: a value out of range, one that cannot be read. */
struct dm_err *dm_expr_test(struct dm_expr *e, dm_expr_get_fn *get, void *arg,
    bool *is_true) DM_MUST_CHECK;

#endif
