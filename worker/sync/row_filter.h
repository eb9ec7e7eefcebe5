/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows left out by their values: expression-filter of task.yaml over the
 * columns of one source table. Owner: the dispatcher's thread.
 * SOURCE: reference/data-plane 1.10; DM evaluates in its syncer, too, so that
 * the copy is not concerned.
 */
#ifndef DM_WORKER_SYNC_ROW_FILTER_H
#define DM_WORKER_SYNC_ROW_FILTER_H

#include "lib/binlog/rows.h"
#include "lib/schema/table.h"
#include "lib/sql/sql.h"
#include "worker/unit.h"

/* What expressions need to know of the source; memory of the caller. */
struct row_filter_env {
	const struct unit_env *unit;
	GHashTable *collations; /* charset -> its default; NULL: no filters */
	int tz_offset_s;        /* of the source's time zone, now */
};

/* Asks the source, if the task has expression filters. */
struct dm_err *row_filter_env_load(struct row_filter_env *e,
    const struct unit_env *unit, struct dm_sql_conn *source) DM_MUST_CHECK;
/* Accepts a zeroed struct. */
void row_filter_env_fini(struct row_filter_env *e);

struct row_filter;

/*
 * *out: the filters of the table; NULL: it has none. An expression with a
 * column that the table does not have is never true, as in DM, and a warning.
 * src lives as long as *out.
 * Errors: CONFIG_EXPR_FILTER_WRONG_GRAMMAR: what cannot be evaluated exactly
 * over these columns.
 */
struct dm_err *row_filter_new(const struct row_filter_env *e,
    const struct dm_table *src, struct row_filter **out) DM_MUST_CHECK;
void row_filter_free(struct row_filter *f);

/* Any of the filters for this kind of change is true; of an update: for the
 * old and for the new row, where both are asked. Errors: a plain one, naming
 * filter and table: an expression that cannot be evaluated for this row. */
struct dm_err *row_filter_skips(struct row_filter *f, enum dm_rows_kind kind,
    const struct dm_value *before, const struct dm_value *after,
    bool *skips) DM_MUST_CHECK;

#endif
