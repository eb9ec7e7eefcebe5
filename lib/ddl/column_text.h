/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of a column whose attributes are kept as text: they are read, changed
 * and printed again, and the flags of the column follow. Threads: any.
 */
#ifndef DM_LIB_DDL_COLUMN_TEXT_H
#define DM_LIB_DDL_COLUMN_TEXT_H

#include "lib/schema/table.h"

/* value: canonical; NULL: no default. */
void dm_column_set_default(struct dm_column *c, const char *value);
/* NOT NULL; a default of NULL goes. */
void dm_column_set_not_null(struct dm_column *c);
void dm_column_set_invisible(struct dm_column *c, bool invisible);
/* Its "CHECK (..)", which it loses; "": it has none. New string. */
char *dm_column_take_checks(struct dm_column *c);

/* Table options with those of `change` in place of older ones of the same
 * name. New string. */
char *dm_options_merge(const char *options, const char *change);
/* Whether the check's text names the column, and no other one of the table. */
bool dm_check_is_of(
    const char *check, const struct dm_table *t, const char *column);
/* Whether the text names the column in its parentheses. */
bool dm_check_names(const char *check, const char *column);
/* The name in "CONSTRAINT `c` CHECK ..". New string; NULL: none. */
char *dm_check_name(const char *check);

/* What a column is called now; NULL: as before. */
typedef const char *dm_expression_name_fn(const char *name, const void *arg);
/* Canonical text with the names of columns in its parentheses changed. New
 * string. */
char *dm_expression_rename(
    const char *text, dm_expression_name_fn *rename, const void *arg);

#endif
