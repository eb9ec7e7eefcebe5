/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the rows of one table are written into files: the query that reads them,
 * the heads of statements, the text of each row. Immutable after building;
 * threads: any.
 */
#ifndef DM_WORKER_DUMP_SHAPE_H
#define DM_WORKER_DUMP_SHAPE_H

#include "worker/copy/shape.h"

enum dump_form {
	DUMP_NUMBER, /* digits as the server prints them */
	DUMP_TEXT,   /* '..', the column's bytes */
	DUMP_UTF8,   /* _utf8mb4'..': bytes would be taken for another form */
	DUMP_HEX     /* x'..' */
};

struct dump_shape {
	struct copy_shape *cut; /* keys and ranges */
	enum dump_form *forms;
	unsigned n;
	bool no_escapes; /* a backslash in a text is itself */
	char *select;    /* "SELECT .. FROM .." */
	char *insert;    /* "INSERT INTO `t` (..) VALUES\n" */
	char *csv;       /* the line of names */
};

/* structure: CREATE TABLE of the source; no_escapes: only quotes are doubled in
 * texts. Errors: of its parsing; a plain one for a type that is not known. */
struct dm_err *dump_shape_new(const char *structure, const char *db,
    bool no_escapes, struct dump_shape **shape) DM_MUST_CHECK;
void dump_shape_free(struct dump_shape *s);
DM_DEFINE_AUTO(dump_shape)

/* "(1,'a',NULL)" behind what out holds. */
void dump_append_tuple(
    GString *out, const struct dump_shape *s, const struct dm_sql_row *row);
/* A line of CSV, with its end. */
void dump_append_csv(
    GString *out, const struct dump_shape *s, const struct dm_sql_row *row);

#endif
