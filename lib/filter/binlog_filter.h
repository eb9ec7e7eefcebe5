/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binlog event filters: which events of a table are left out. Source:
 * reference/data-plane 1.7. Immutable after building; threads: any.
 */
#ifndef DM_LIB_FILTER_BINLOG_FILTER_H
#define DM_LIB_FILTER_BINLOG_FILTER_H

#include "lib/err/err.h"

/* As configured. Wildcards only: '~' is an ordinary character here. */
struct dm_filter_rule {
	char *name, *schema_pattern, *table_pattern;
	char **events, **sql_patterns; /* NULL-terminated */
	char *action;                  /* "Ignore", "Do", "Error" or "" */
};

enum dm_filter_action { DM_FILTER_DO, DM_FILTER_IGNORE, DM_FILTER_ERROR };

struct dm_binlog_filter;

/* rules: borrowed during the call, in the order they are asked. Errors:
 * CONFIG_BINLOG_EVENT_FILTER naming the rule, the field and what is wrong,
 * also for events of DM that are not told apart here. */
struct dm_err *dm_binlog_filter_new(const struct dm_filter_rule *const *rules,
    size_t n, bool case_sensitive, struct dm_binlog_filter **out) DM_MUST_CHECK;
void dm_binlog_filter_free(struct dm_binlog_filter *f);
DM_DEFINE_AUTO(dm_binlog_filter)

/*
 * table NULL or "": a database's statement, for which only rules without a
 * table-pattern count. events: what the event is, NULL-terminated names in
 * lower case, any of which may match; NULL: not known. sql: "" for rows.
 * Errors: a sql-pattern that takes too much work to match.
 */
struct dm_err *dm_binlog_filter_decide(const struct dm_binlog_filter *f,
    const char *schema, const char *table, const char *const *events,
    const char *sql, enum dm_filter_action *action) DM_MUST_CHECK;

#endif
