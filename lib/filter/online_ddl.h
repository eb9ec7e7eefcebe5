/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tables of online schema change tools (gh-ost, pt-online-schema-change)
 * are called. Source: reference/data-plane 7. Immutable after building;
 * threads: any.
 */
#ifndef DM_LIB_FILTER_ONLINE_DDL_H
#define DM_LIB_FILTER_ONLINE_DDL_H

#include "lib/err/err.h"

/* The rules of a task that gives none. */
#define DM_ONLINE_SHADOW_RULE "^_(.+)_(?:new|gho)$"
#define DM_ONLINE_TRASH_RULE  "^_(.+)_(?:ghc|del|old)$"

enum dm_online_kind {
	DM_ONLINE_REAL,  /* no table of a tool */
	DM_ONLINE_GHOST, /* becomes the table in the end */
	DM_ONLINE_TRASH  /* the table as it was, and a tool's notes */
};

struct dm_online_rules;

/* shadow, trash: regular expressions with one capture group, which is the real
 * table's name, NULL-terminated; NULL or empty: the rule above. Errors:
 * CONFIG_ONLINE_DDL_INVALID_REGEX naming the list and the expression. */
struct dm_err *dm_online_rules_new(char *const *shadow, char *const *trash,
    struct dm_online_rules **out) DM_MUST_CHECK;
void dm_online_rules_free(struct dm_online_rules *r);
DM_DEFINE_AUTO(dm_online_rules)

/* *real, which may be NULL: the name of the table that it is about, the same
 * for a real one. New string. A table NULL or "" is real. */
enum dm_online_kind dm_online_kind_of(
    const struct dm_online_rules *r, const char *table, char **real);

#endif
