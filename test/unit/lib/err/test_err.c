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
		ck_assert_uint_gt(strlen(t[i].workaround), 0);
	}
	ck_assert_ptr_null(dm_err_lookup(1));
}
END_TEST

START_TEST(no_workaround_serves_more_than_five_codes)
{
	size_t n;
	const struct dm_err_info *t = dm_err_table(&n);

	for (size_t i = 0; i < n; i++) {
		size_t same = 0;

		for (size_t k = 0; k < n; k++)
			same += strcmp(t[i].workaround, t[k].workaround) == 0;
		ck_assert_msg(same <= 5, "%d: %s", t[i].code, t[i].workaround);
	}
}
END_TEST

START_TEST(names_of_classes_scopes_and_levels_are_those_of_dm)
{
	static const char *const classes =
	    " database functional config "
	    "binlog-op checkpoint task-check "
	    "source-check relay-event-lib "
	    "relay-unit dump-unit load-unit "
	    "sync-unit dm-master dm-worker "
	    "dm-tracer schema-tracker scheduler "
	    "dmctl ha openapi validator not-set ";
	size_t n;
	const struct dm_err_info *t = dm_err_table(&n);

	for (size_t i = 0; i < n; i++) {
		g_autofree char *c = g_strdup_printf(" %s ", t[i].err_class);

		ck_assert_msg(strstr(classes, c) != NULL, "%d", t[i].code);
		ck_assert(strcmp(t[i].scope, "internal") == 0 ||
			  strcmp(t[i].scope, "upstream") == 0 ||
			  strcmp(t[i].scope, "downstream") == 0 ||
			  strcmp(t[i].scope, "not-set") == 0);
		ck_assert(strcmp(t[i].level, "low") == 0 ||
			  strcmp(t[i].level, "medium") == 0 ||
			  strcmp(t[i].level, "high") == 0);
	}
}
END_TEST

/* A code of DM's is either a row or known by name, never both. */
START_TEST(codes_that_are_not_raised_are_known_by_name)
{
	const struct dm_err_internal *i = dm_err_lookup_internal(11002);

	ck_assert_ptr_nonnull(i);
	ck_assert_str_eq(i->name, "GetFileSize");
	ck_assert_str_eq(i->err_class, "functional");
	ck_assert_ptr_null(dm_err_lookup_internal(10001));
	ck_assert_ptr_null(dm_err_lookup_internal(99999));
	for (int code = 10000; code < 51000; code++)
		ck_assert(dm_err_lookup(code) == NULL ||
			  dm_err_lookup_internal(code) == NULL);
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
	tcase_add_test(tc, no_workaround_serves_more_than_five_codes);
	tcase_add_test(tc, names_of_classes_scopes_and_levels_are_those_of_dm);
	tcase_add_test(tc, codes_that_are_not_raised_are_known_by_name);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
