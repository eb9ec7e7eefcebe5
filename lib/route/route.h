/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes: source table -> target table. Source: reference/data-plane 1.8.
 * Immutable after building; threads: any.
 */
#ifndef DM_LIB_ROUTE_ROUTE_H
#define DM_LIB_ROUTE_ROUTE_H

#include "lib/err/err.h"

/* Fills a column of the target from a name: with what the groups of the
 * expression hold. target_column NULL or "": there is none. */
struct dm_extractor {
	char *regexp, *target_column;
};

struct dm_route_rule {
	char *name; /* of the rule in the task file */
	char *schema_pattern, *table_pattern;
	char *target_schema, *target_table; /* target_table "": unchanged */
	struct dm_extractor extract_table, extract_schema, extract_source;
};

struct dm_router;

/* Rules are borrowed until the router is freed. Errors:
 * CONFIG_GEN_TABLE_ROUTER naming rule and field. */
struct dm_err *dm_router_new(const struct dm_route_rule *rules, size_t n,
    bool case_sensitive, struct dm_router **out) DM_MUST_CHECK;
void dm_router_free(struct dm_router *r);
DM_DEFINE_AUTO(dm_router)
/* New strings. table NULL: a database statement (*to_table is then NULL).
 * Errors: WORKER_ROUTE_TABLE_DUP_MATCH when two rules match at one level. */
struct dm_err *dm_route(const struct dm_router *r, const char *schema,
    const char *table, char **to_schema, char **to_table) DM_MUST_CHECK;

/* A column that rows of a table get on their way. */
struct dm_extracted {
	char *column, *value;
};

/* New array of struct dm_extracted, with its free function: the columns of the
 * first rule that matches and has extractors, in the order table, schema,
 * source; empty: none. A name that an expression does not match gives "". */
GArray *dm_route_extract(const struct dm_router *r, const char *schema,
    const char *table, const char *source);

#endif
