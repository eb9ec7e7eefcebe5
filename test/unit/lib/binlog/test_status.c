/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/binlog/status.c: where the binlog ends, as servers say. */
#include "lib/binlog/stream.h"
#include "lib/sql/sql.h"
#include "test/support/fake_sql.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char *const row[] = { "mysql-bin.000003", "1234", "", "" };
static const char *const gtid[] = { "0-1-5" };
static const char *const nothing[] = { NULL, NULL, NULL, NULL };

static const struct {
	struct fake_sql_answer table[4];
	const char *name; /* NULL: NO_MASTER_STATUS */
} servers[] = {
	{ { { "SHOW MASTER STATUS", 4, 1, row, 0, 0 },
	      { "SELECT", 1, 1, gtid, 0, 0 }, { 0 } },
	    "mysql-bin.000003" },
	{ { { "SHOW MASTER STATUS", 4, 0, NULL, 0, 0 }, { 0 } }, NULL },
	{ { { "SHOW MASTER STATUS", 1, 1, row, 0, 0 }, { 0 } }, NULL },
	{ { { "SHOW MASTER STATUS", 4, 1, nothing, 0, 0 }, { 0 } }, NULL },
	{ { { NULL, 0, 0, NULL, 0, 0 } }, NULL }, /* OK without a result */
};

START_TEST(only_a_place_is_a_place)
{
	struct fake_sql *f =
	    fake_sql_start("5.5.5-10.11.6-MariaDB-log", servers[_i].table);
	struct dm_sql_params p = { .host = "127.0.0.1",
		.port = fake_sql_port(f),
		.user = "u",
		.scope = DM_SCOPE_UPSTREAM };
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);
	struct dm_sql_conn *conn = NULL;
	struct dm_pos pos = { 0 };
	struct dm_err *err;

	ck_assert_ptr_null(dm_sql_connect(&p, false, c, &conn));
	err = dm_binlog_master_status(conn, &pos, NULL);
	if (servers[_i].name != NULL) {
		ck_assert_ptr_null(err);
		ck_assert_str_eq(pos.name, servers[_i].name);
		ck_assert_uint_eq(pos.pos, 1234);
	} else {
		ck_assert(dm_err_is(err, NO_MASTER_STATUS));
		ck_assert_str_eq(err->scope, "upstream");
	}
	dm_err_free(err);
	dm_sql_conn_free(conn);
	fake_sql_stop(f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/binlog/status");
	TCase *tc = tcase_create("status");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    tc, only_a_place_is_a_place, 0, DM_ARRAY_SIZE(servers));
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
