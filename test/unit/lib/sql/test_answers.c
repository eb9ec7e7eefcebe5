/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/sql for answers that a healthy server does not give. */
#include "lib/sql/sql.h"
#include "test/support/fake_sql.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define VERSION "5.5.5-10.11.6-MariaDB-log"

static const char *const one[] = { "1", "2" };
static const struct fake_sql_answer table[] = {
	{ "SELECT two rows", 1, 2, one, 0, 0 },
	{ "SELECT denied", 0, 0, NULL, 1142, 0 },
	{ "UPDATE locked", 0, 0, NULL, 1205, 0 },
	{ "ALTER slowly", 0, 0, NULL, 0, 2500 },
	{ NULL, 0, 0, NULL, 0, 0 },
};

static struct fake_sql *server;
static struct dm_sql_conn *conn;

static void
setup(void)
{
	struct dm_sql_params p = { .host = "127.0.0.1",
		.user = "u",
		.password = "p",
		.scope = DM_SCOPE_DOWNSTREAM };
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);

	server = fake_sql_start(VERSION, table);
	p.port = fake_sql_port(server);
	ck_assert_ptr_null(dm_sql_connect(&p, false, c, &conn));
}

static void
teardown(void)
{
	g_clear_pointer(&conn, dm_sql_conn_free);
	fake_sql_stop(server);
}

static ssize_t
no_bytes(void *arg, char *buf, size_t size, struct dm_err **err)
{
	(void)arg;
	(void)buf;
	(void)size;
	(void)err;
	return 0;
}

START_TEST(a_load_without_an_info_line_is_unexpected)
{
	struct dm_sql_load_result r;
	DM_AUTO(dm_err)
	err = dm_sql_load_data(conn, "LOAD DATA LOCAL INFILE 'x' INTO TABLE t",
	    no_bytes, NULL, &r);

	ck_assert(dm_err_is(err, DB_UN_EXPECT));
	ck_assert_str_eq(err->scope, "downstream");
	ck_assert_ptr_nonnull(strstr(err->message, "without an info line"));
}
END_TEST

START_TEST(an_error_of_the_server_has_its_number)
{
	g_autofree char *v = NULL;
	DM_AUTO(dm_err)
	err = dm_sql_query_string(conn, &v, "SELECT denied");

	ck_assert(dm_err_is(err, DB_QUERY_FAILED));
	ck_assert_uint_eq(dm_sql_last_errno(conn), 1142);
	ck_assert_ptr_nonnull(strstr(err->cause, "Error 1142"));
}
END_TEST

/* As a statement that takes longer than any read timeout. */
START_TEST(a_ddl_may_take_its_time)
{
	static const char sql[] = "ALTER slowly";
	DM_AUTO(dm_err) err = NULL;

	dm_sql_set_read_timeout(conn, 1);
	ck_assert_ptr_null(dm_sql_exec_ddl(conn, sql, sizeof(sql) - 1));
	err = dm_sql_exec(conn, sql, sizeof(sql) - 1, NULL);
	ck_assert(dm_err_is(err, DB_BAD_CONN));
}
END_TEST

START_TEST(a_write_that_fails_names_its_statement)
{
	DM_AUTO(dm_err) err = dm_sql_execf(conn, "UPDATE locked SET a=1");

	ck_assert(dm_err_is(err, DB_EXECUTE_FAILED));
	ck_assert_ptr_nonnull(strstr(err->message, "UPDATE locked SET a=1"));
	ck_assert(dm_sql_is_retryable(dm_sql_last_errno(conn), err->cause));
}
END_TEST

START_TEST(a_server_that_goes_is_a_bad_connection)
{
	DM_AUTO(dm_err) err = NULL;

	dm_sql_interrupt(conn);
	err = dm_sql_execf(conn, "UPDATE t SET a=1");
	ck_assert(dm_err_is(err, DB_BAD_CONN));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/sql/answers");
	TCase *tc = tcase_create("answers");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_load_without_an_info_line_is_unexpected);
	tcase_add_test(tc, an_error_of_the_server_has_its_number);
	tcase_add_test(tc, a_ddl_may_take_its_time);
	tcase_add_test(tc, a_write_that_fails_names_its_statement);
	tcase_add_test(tc, a_server_that_goes_is_a_bad_connection);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
