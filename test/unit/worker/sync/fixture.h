/* SPDX-License-Identifier: Apache-2.0 */
/* Tables and rows for the suites of worker/sync. */
#ifndef DM_TEST_UNIT_WORKER_SYNC_FIXTURE_H
#define DM_TEST_UNIT_WORKER_SYNC_FIXTURE_H

#include "lib/schema/tracker.h"
#include "worker/sync/tbl.h"

#include <check.h>

static inline struct dm_table *
parse_table(const char *sql)
{
	struct dm_table *t = NULL;
	struct dm_err *err =
	    dm_schema_parse_create(sql, 0, "db", "utf8mb4", &t);

	ck_assert_msg(err == NULL, "%s", err != NULL ? err->cause : "");
	return t;
}

/* acts: the target has triggers on it. */
static inline struct tbl *
make_tbl(const char *source, const char *target, bool acts)
{
	DM_AUTO(dm_table) src = parse_table(source);
	DM_AUTO(dm_table) dst = parse_table(target);
	struct tbl_input in = { .src = src,
		.target = dst,
		.to_db = "db",
		.to_name = "t",
		.acts = acts };
	struct tbl *t = NULL;
	struct dm_err *err = tbl_new(&in, &t);

	ck_assert_ptr_null(err);
	return t;
}

static inline struct dm_value
int_value(int64_t i)
{
	return (struct dm_value){ .kind = DM_VAL_INT, .width = 4, .i = i };
}

#endif
