/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The patterns of routes, filters and lists: wildcards, or a regular expression
 * behind '~'. Source: reference/data-plane 1.9.1. Immutable after building;
 * threads: any.
 */
#ifndef DM_LIB_FILTER_PATTERN_H
#define DM_LIB_FILTER_PATTERN_H

#include "lib/err/err.h"

struct dm_pattern;

/* Errors: plain, naming the pattern and what is wrong with it. */
struct dm_err *dm_pattern_new(const char *text, bool case_sensitive,
    struct dm_pattern **out) DM_MUST_CHECK;
void dm_pattern_free(struct dm_pattern *p);
DM_DEFINE_AUTO(dm_pattern)
/* folded: the name as dm_pattern_fold gave it. */
bool dm_pattern_matches(const struct dm_pattern *p, const char *folded);
/* The same for texts of any length, where a regular expression may need more
 * work than is allowed: an error, since then nothing is known. */
struct dm_err *dm_pattern_search(
    const struct dm_pattern *p, const char *text, bool *yes) DM_MUST_CHECK;
/* New string, the same for the same pair of patterns only. table may be NULL,
 * which is a pair of its own. */
char *dm_pattern_pair(
    const struct dm_pattern *schema, const struct dm_pattern *table);
/* Lower case, or a copy where case counts. New string. */
char *dm_pattern_fold(const char *name, bool case_sensitive);

#endif
