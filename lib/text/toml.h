/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of TOML that the daemons' files use: comments, [tables], dotted
 * keys, strings ("..." and '...'), integers, floats, booleans, arrays of
 * those. Everything else of TOML (dates, inline tables, arrays of tables,
 * multi-line strings) is an error that says so. Threads: one owner.
 */
#ifndef DM_LIB_TEXT_TOML_H
#define DM_LIB_TEXT_TOML_H

#include "lib/err/err.h"

/* Longer texts and deeper arrays are refused. */
#define DM_TOML_MAX_BYTES (1024 * 1024)
#define DM_TOML_MAX_DEPTH 16

enum dm_toml_kind {
	DM_TOML_STRING,
	DM_TOML_INT,
	DM_TOML_FLOAT,
	DM_TOML_BOOL,
	DM_TOML_ARRAY,
	DM_TOML_TABLE /* a [header]; it has no value */
};
const char *dm_toml_kind_name(enum dm_toml_kind k);

struct dm_toml_value {
	enum dm_toml_kind kind;
	char *s;          /* STRING */
	int64_t i;        /* INT */
	double d;         /* FLOAT */
	bool b;           /* BOOL */
	GPtrArray *items; /* ARRAY: struct dm_toml_value*, owned */
};

struct dm_toml_entry {
	char *key;     /* whole path: "experimental.openapi" */
	int line, col; /* of the key, from 1; col counts characters */
	struct dm_toml_value *value;
};

/* Entries in the order of the file; struct dm_toml_entry*, owned. */
struct dm_toml {
	GPtrArray *entries;
};

/*
 * Parse text. file is for messages. A key given twice, or used as value and as
 * table, is an error.
 * Errors: CONFIG_TOML_TRANSFORM, "file:line:col: reason".
 */
struct dm_err *dm_toml_parse(const char *file, const char *text, size_t len,
    struct dm_toml **doc) DM_MUST_CHECK;
void dm_toml_free(struct dm_toml *doc);
DM_DEFINE_AUTO(dm_toml)
void dm_toml_value_free(struct dm_toml_value *v);
DM_DEFINE_AUTO(dm_toml_value)

/* "text" with quotes and escapes as TOML wants them. */
void dm_toml_append_string(GString *s, const char *text);

#endif
