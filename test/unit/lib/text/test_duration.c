/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/text/duration.c. */
#include "lib/text/duration.h"

#include <check.h>
#include <stdlib.h>

static const struct {
	const char *text;
	int64_t ns;
	const char *printed;
} good[] = {
	{ "0", 0, "0s" },
	{ "30s", INT64_C(30000000000), "30s" },
	{ "5m", INT64_C(300000000000), "5m0s" },
	{ "1h2m3s", INT64_C(3723000000000), "1h2m3s" },
	{ "1.5h", INT64_C(5400000000000), "1h30m0s" },
	{ "300ms", 300000000, "300ms" },
	{ "1500ms", 1500000000, "1.5s" },
	{ "-2s", INT64_C(-2000000000), "-2s" },
	{ "+1us", 1000, "1\xc2\xb5s" },
	{ "12ns", 12, "12ns" },
};

START_TEST(reads_and_prints_as_go_does)
{
	int64_t ns = -1;
	DM_AUTO(dm_err) err = dm_duration_parse(good[_i].text, &ns);
	g_autofree char *text = NULL;

	ck_assert_ptr_null(err);
	ck_assert_int_eq(ns, good[_i].ns);
	text = dm_duration_text(ns);
	ck_assert_str_eq(text, good[_i].printed);
}
END_TEST

static const char *const bad[] = { "", "5", "s", ".s", "1x", "-", "1h2",
	"9999999999h", "1 s", "1..5s" };

START_TEST(refuses_what_go_refuses)
{
	int64_t ns = 7;
	DM_AUTO(dm_err) err = dm_duration_parse(bad[_i], &ns);

	ck_assert_ptr_nonnull(err);
	ck_assert_int_eq(ns, 7);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/text/duration");
	TCase *tc = tcase_create("duration");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    tc, reads_and_prints_as_go_does, 0, (int)DM_ARRAY_SIZE(good));
	tcase_add_loop_test(
	    tc, refuses_what_go_refuses, 0, (int)DM_ARRAY_SIZE(bad));
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
