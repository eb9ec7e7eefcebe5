/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server adds to a structure that a statement leaves open: charsets of
 * columns, names of keys, NOT NULL of keys. Private to lib/schema.
 */
#ifndef DM_LIB_SCHEMA_COMPLETE_H
#define DM_LIB_SCHEMA_COMPLETE_H

#include "lib/schema/table.h"

/* The table's charset first, from the database's where it has none. */
void dm_complete_charset(
    struct dm_table *t, const char *charset, const char *collation);
/* Charset and, where that decides it, type of a column of t. */
void dm_complete_column(const struct dm_table *t, struct dm_column *c);
/* A new index takes the place of those that the server made. */
void dm_complete_replace(struct dm_table *t, const struct dm_index *x);
/* After columns went: the same of all. */
void dm_complete_generated(struct dm_table *t);
/* A name for an index that has none. */
void dm_complete_index(const struct dm_table *t, struct dm_index *x);
/* A name, and the index that a server makes for it. Errors: plain, a column
 * that is not there. */
struct dm_err *dm_complete_foreign_key(
    struct dm_table *t, struct dm_foreign_key *f) DM_MUST_CHECK;
/* Columns of the primary key and AUTO_INCREMENT are NOT NULL. */
void dm_complete_not_null(struct dm_table *t);
/* All of the above, for a table just created. Errors: plain ones, of columns
 * and keys that contradict each other. */
struct dm_err *dm_complete_table(struct dm_table *t, const char *charset,
    const char *collation) DM_MUST_CHECK;
/* What remains of a key part's prefix: one of the whole column is none (-1),
 * nor is one of a number or a time. */
int dm_complete_prefix(const struct dm_column *c, int prefix);
/* TEXT, BLOB and such, of which a key has but a prefix. */
bool dm_column_is_long(const struct dm_column *c);
/* The prefixes of all keys, after columns have changed. */
void dm_complete_prefixes(struct dm_table *t);
/* Every column of the index is one of the table. */
struct dm_err *dm_complete_check_index(
    const struct dm_table *t, const struct dm_index *x) DM_MUST_CHECK;

#endif
