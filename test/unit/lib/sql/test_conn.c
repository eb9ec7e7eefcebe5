/* SPDX-License-Identifier: Apache-2.0 */
/* What lib/sql does without a server: errors, texts, refusals. */
#include "lib/sql/sql.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool dm_sql_parse_load_info(const char *info, struct dm_sql_load_result *out);

/* A port nobody listens at: bound, and held until the test is over. */
static int
closed_port(unsigned *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, n), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

START_TEST(a_refused_connection_is_a_driver_error)
{
	struct dm_sql_params p = { .host = "127.0.0.1",
		.user = "root",
		.scope = DM_SCOPE_DOWNSTREAM };
	struct dm_sql_conn *conn = NULL;
	DM_AUTO(dm_err) err = NULL;
	int fd = closed_port(&p.port);

	err = dm_sql_connect(&p, false, NULL, &conn);
	close(fd);
	ck_assert_ptr_null(conn);
	ck_assert(dm_err_is(err, DB_DRIVER_ERROR));
	ck_assert_str_eq(err->scope, "downstream");
	ck_assert_ptr_nonnull(strstr(err->cause, "Error 2002 (HY000): "));
}
END_TEST

START_TEST(a_cancelled_connect_is_cancelled)
{
	struct dm_sql_params p = { .host = "127.0.0.1", .port = 1 };
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);
	struct dm_sql_conn *conn = NULL;
	DM_AUTO(dm_err) err = NULL;

	dm_cancel_now(c);
	err = dm_sql_connect(&p, false, c, &conn);
	ck_assert(dm_err_is_canceled(err));
}
END_TEST

START_TEST(retryable_errors_are_those_of_the_list)
{
	ck_assert(dm_sql_is_retryable(1213, ""));
	ck_assert(dm_sql_is_retryable(1205, ""));
	ck_assert(dm_sql_is_retryable(9007, NULL));
	ck_assert(dm_sql_is_retryable(
	    1105, "Error 1105 (HY000): Information schema is changed"));
	ck_assert(!dm_sql_is_retryable(1105, "something else"));
	ck_assert(!dm_sql_is_retryable(1105, NULL));
	ck_assert(!dm_sql_is_retryable(1062, "Duplicate entry"));
	ck_assert(!dm_sql_is_retryable(2013, "Lost connection"));
}
END_TEST

START_TEST(the_info_line_is_read_in_any_language)
{
	struct dm_sql_load_result r = { 0 };

	ck_assert(dm_sql_parse_load_info(
	    "Records: 12  Deleted: 3  Skipped: 4  Warnings: 5", &r));
	ck_assert_uint_eq(r.records, 12);
	ck_assert_uint_eq(r.skipped, 4);
	ck_assert_uint_eq(r.warnings, 5);
	ck_assert(dm_sql_parse_load_info(
	    "Datens\xc3\xa4tze: 7  "
	    "Gel\xc3\xb6scht: 0  Ausgelassen: 0  Warnungen: 0",
	    &r));
	ck_assert_uint_eq(r.records, 7);
	ck_assert(!dm_sql_parse_load_info("Records: 1  Deleted: 2", &r));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/sql/conn");
	TCase *tc = tcase_create("conn");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, a_refused_connection_is_a_driver_error);
	tcase_add_test(tc, a_cancelled_connect_is_cancelled);
	tcase_add_test(tc, retryable_errors_are_those_of_the_list);
	tcase_add_test(tc, the_info_line_is_read_in_any_language);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
