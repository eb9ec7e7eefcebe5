/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/filter/table_filter.c. */
#include "lib/filter/table_filter.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct dm_err *
make(const char *patterns, bool case_sensitive, struct dm_table_filter **f)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
	g_auto(GStrv) words = g_strsplit(patterns, " ", -1);

	for (char **w = words; *w != NULL; w++)
		g_ptr_array_add(list, g_strdup(*w));
	return dm_table_filter_new(list, case_sensitive, f);
}

static const struct {
	const char *patterns, *schema, *table;
	bool has;
} cases[] = {
	{ "a.*", "a", "t", true },
	{ "a.*", "A", "t", true },
	{ "a.*", "ab", "t", false },
	{ "a*.t?", "abc", "t1", true },
	{ "a*.t?", "abc", "t", false },
	{ "a.t[0-9]", "a", "t5", true },
	{ "a.t[0-9]", "a", "tx", false },
	{ "*.* !a.b", "a", "b", false },
	{ "*.* !a.b", "a", "c", true },
	{ "!a.b *.*", "a", "b", true },
	{ "`a.b`.\"c\"", "a.b", "c", true },
	{ "`a*`.t", "ab", "t", false },
	{ "`a*`.t", "a*", "t", true },
	{ "`a``b`.t", "a`b", "t", true },
	{ "a.b", "x", "y", false },
};

START_TEST(the_last_pattern_decides)
{
	DM_AUTO(dm_table_filter) f = NULL;
	DM_AUTO(dm_err) err = make(cases[_i].patterns, false, &f);

	ck_assert_ptr_null(err);
	ck_assert_msg(dm_table_filter_has(f, cases[_i].schema,
			  cases[_i].table) == cases[_i].has,
	    "%s", cases[_i].patterns);
}
END_TEST

START_TEST(case_counts_where_it_is_wanted)
{
	DM_AUTO(dm_table_filter) f = NULL;
	DM_AUTO(dm_err) err = make("a.b", true, &f);

	ck_assert_ptr_null(err);
	ck_assert(dm_table_filter_has(f, "a", "b"));
	ck_assert(!dm_table_filter_has(f, "A", "b"));
}
END_TEST

static const char *const bad[] = { "a", "a.", ".b", "!", "`a.b", "a.b.c.",
	"/^a/.b", "`a`b.c" };

START_TEST(what_is_no_pattern_is_named)
{
	DM_AUTO(dm_table_filter) f = NULL;
	DM_AUTO(dm_err) err = make(bad[_i], false, &f);

	ck_assert_msg(dm_err_is(err, CONFIG_GEN_BA_LIST), "%s", bad[_i]);
	ck_assert(strstr(err->cause, bad[_i]) != NULL);
	ck_assert_ptr_null(f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/filter/table_filter");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    tc, the_last_pattern_decides, 0, (int)DM_ARRAY_SIZE(cases));
	tcase_add_test(tc, case_counts_where_it_is_wanted);
	tcase_add_loop_test(
	    tc, what_is_no_pattern_is_named, 0, (int)DM_ARRAY_SIZE(bad));
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
