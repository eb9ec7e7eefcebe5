/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block-allow-list: which tables take part. Source: reference/data-plane 1.9.
 * Immutable after building; threads: any.
 */
#ifndef DM_LIB_FILTER_BLOCK_ALLOW_H
#define DM_LIB_FILTER_BLOCK_ALLOW_H

#include "lib/err/err.h"

/* One db/table pattern pair; table NULL or "" in the *-dbs lists. */
struct dm_table_pattern {
	char *schema, *table;
};

/* As configured; arrays of char* (dbs) and struct dm_table_pattern (tables),
 * any may be NULL. */
struct dm_block_allow_rule {
	GPtrArray *do_dbs, *ignore_dbs;
	GArray *do_tables, *ignore_tables;
};

struct dm_block_allow;

/* rule may be NULL: everything but the system schemas. Errors:
 * CONFIG_GEN_BA_LIST naming the bad pattern. */
struct dm_err *dm_block_allow_new(const struct dm_block_allow_rule *rule,
    bool case_sensitive, struct dm_block_allow **out) DM_MUST_CHECK;
void dm_block_allow_free(struct dm_block_allow *b);
DM_DEFINE_AUTO(dm_block_allow)
/* table "" or NULL: a database statement. True: skip it. */
bool dm_block_allow_skips(
    const struct dm_block_allow *b, const char *schema, const char *table);
/* mysql, sys, information_schema, ... (any case). */
bool dm_is_system_schema(const char *schema);

#endif
