/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/err/err.c. */
#include "lib/err/err.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(prints_the_full_form)
{
	DM_AUTO(dm_err)
	err = dm_err_set_cause(
	    dm_err_new(DB_EXECUTE_FAILED, "SELECT 1"), "Error 1062");
	g_autofree char *text = dm_err_text(err);

	ck_assert_str_eq(text,
	    "[code=10006:class=database:scope=not-set:level=high], Message: "
	    "execute statement failed: SELECT 1, RawCause: Error 1062, "
	    "Workaround: read RawCause; fix the target (structure, "
	    "privileges, space), then `resume-task`");
}
END_TEST

START_TEST(wrapping_keeps_the_root_cause)
{
	struct dm_err *err = dm_err_plain("connection refused");

	err = dm_err_wrap(err, DB_DRIVER_ERROR);
	err = dm_err_wrap(err, DB_QUERY_FAILED, "SELECT 2");
	ck_assert_int_eq(err->code, 10005);
	ck_assert_str_eq(err->cause, "connection refused");
	ck_assert_str_eq(err->message, "query statement failed: SELECT 2");
	dm_err_free(err);
}
END_TEST

START_TEST(annotating_keeps_the_code)
{
	DM_AUTO(dm_err)
	err = dm_err_annotate(
	    dm_err_new(SCHEDULER_NOT_STARTED), "source %s", "s1");

	ck_assert(dm_err_is(err, SCHEDULER_NOT_STARTED));
	ck_assert_str_eq(
	    err->message, "source s1: the scheduler has not started");
}
END_TEST

START_TEST(a_plain_error_prints_its_message_alone)
{
	DM_AUTO(dm_err) err = dm_err_plain("x %d", 5);
	g_autofree char *text = dm_err_text(err);

	ck_assert_str_eq(text, "x 5");
}
END_TEST

START_TEST(cancelling_survives_a_wrap)
{
	DM_AUTO(dm_err) err = dm_err_wrap(dm_err_canceled(), DB_BAD_CONN);

	ck_assert(dm_err_is_canceled(err));
	ck_assert_str_eq(err->cause, "context canceled");
}
END_TEST

START_TEST(the_table_ascends_and_every_row_has_a_workaround)
{
	size_t n;
	const struct dm_err_info *t = dm_err_table(&n);

	ck_assert_uint_gt(n, 50);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			ck_assert_int_lt(t[i - 1].code, t[i].code);
		ck_assert_ptr_eq(dm_err_lookup(t[i].code), &t[i]);
		ck_assert(
		    t[i].code == DM_ERR_NOT_SET || strlen(t[i].workaround) > 0);
	}
	ck_assert_ptr_null(dm_err_lookup(1));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/err/err");
	TCase *tc = tcase_create("err");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, prints_the_full_form);
	tcase_add_test(tc, wrapping_keeps_the_root_cause);
	tcase_add_test(tc, annotating_keeps_the_code);
	tcase_add_test(tc, a_plain_error_prints_its_message_alone);
	tcase_add_test(tc, cancelling_survives_a_wrap);
	tcase_add_test(tc, the_table_ascends_and_every_row_has_a_workaround);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
