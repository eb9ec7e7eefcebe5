/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of the dump tool for tables: `db.table` with * ? [a-z] in both parts
 * (a part may be quoted by ` or "), `!` in front to leave out. Of all that
 * match a table the last one decides. Immutable after building; threads: any.
 * Source: reference/data-plane 1.11, 3.2.
 */
#ifndef DM_LIB_FILTER_TABLE_FILTER_H
#define DM_LIB_FILTER_TABLE_FILTER_H

#include "lib/err/err.h"

struct dm_table_filter;

/* patterns: of char*. Errors: CONFIG_GEN_BA_LIST naming the pattern. */
struct dm_err *dm_table_filter_new(const GPtrArray *patterns,
    bool case_sensitive, struct dm_table_filter **out) DM_MUST_CHECK;
void dm_table_filter_free(struct dm_table_filter *f);
DM_DEFINE_AUTO(dm_table_filter)
bool dm_table_filter_has(
    const struct dm_table_filter *f, const char *schema, const char *table);

#endif
