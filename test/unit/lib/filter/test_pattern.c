/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/filter/pattern.c. */
#include "lib/filter/pattern.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *pattern, *name;
	bool case_sensitive, matches;
} matching[] = {
	{ "abc", "abc", true, true },
	{ "abc", "ab", true, false },
	{ "abc", "abcd", true, false },
	{ "a*", "a", true, true },
	{ "a*", "abc", true, true },
	{ "*", "", true, true },
	{ "a?c", "abc", true, true },
	{ "a?c", "ac", true, false },
	{ "abc?", "ab", true, false },
	{ "ab?d*", "abcde", true, true },
	{ "ab*", "a", true, false },
	{ "t[0-2]", "t1", true, true },
	{ "t[0-2]", "t3", true, false },
	{ "t[!0-2]", "t3", true, true },
	{ "t[!0-2]", "t0", true, false },
	{ "t[!]", "t!", true, true },
	{ "t[!]", "tx", true, false },
	{ "t[12", "t[12", true, true },
	{ "t[]", "t[]", true, true },
	{ "t[a-]", "t-", true, true },
	{ "ABC", "abc", true, false },
	{ "ABC", "abc", false, true },
	{ "abc*", "ABCd", false, true },
	{ "~^t[0-9]+$", "t12", true, true },
	{ "~^t[0-9]+$", "t12x", true, false },
	{ "~b", "abc", true, true },
	{ "~^T1$", "t1", false, true },
	{ "~^T1$", "t1", true, false },
	{ "~^t$", "t\n", true, false },
};

START_TEST(matches_as_documented)
{
	DM_AUTO(dm_pattern) p = NULL;
	g_autofree char *name =
	    dm_pattern_fold(matching[_i].name, matching[_i].case_sensitive);
	DM_AUTO(dm_err)
	err = dm_pattern_new(
	    matching[_i].pattern, matching[_i].case_sensitive, &p);

	ck_assert_ptr_null(err);
	ck_assert_msg(dm_pattern_matches(p, name) == matching[_i].matches,
	    "%s and %s", matching[_i].pattern, matching[_i].name);
}
END_TEST

static const char *const bad[] = { "", "a*b", "~(", "~[" };

START_TEST(refuses_what_is_no_pattern)
{
	DM_AUTO(dm_pattern) p = NULL;
	DM_AUTO(dm_err) err = dm_pattern_new(bad[_i], true, &p);

	ck_assert_ptr_nonnull(err);
	ck_assert_ptr_null(p);
}
END_TEST

START_TEST(a_pair_is_one_of_a_kind)
{
	static const char *const pairs[][2] = { { "a", "b" }, { "a", NULL },
		{ "a.b", NULL }, { "1.a", "b" }, { "a.", "b" }, { "a", ".b" },
		{ "a", "*" }, { "a*", NULL } };
	g_autoptr(GHashTable) seen =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (size_t i = 0; i < 2 * G_N_ELEMENTS(pairs); i++) {
		const char *const *pair = pairs[i % G_N_ELEMENTS(pairs)];
		DM_AUTO(dm_pattern) schema = NULL;
		DM_AUTO(dm_pattern) table = NULL;

		ck_assert_ptr_null(dm_pattern_new(pair[0], true, &schema));
		if (pair[1] != NULL)
			ck_assert_ptr_null(
			    dm_pattern_new(pair[1], true, &table));
		ck_assert(
		    g_hash_table_add(seen, dm_pattern_pair(schema, table)) ==
		    (i < G_N_ELEMENTS(pairs)));
	}
}
END_TEST

START_TEST(a_costly_expression_ends)
{
	DM_AUTO(dm_pattern) p = NULL;
	DM_AUTO(dm_err) err = dm_pattern_new("~^(a+)+$", true, &p);

	ck_assert_ptr_null(err);
	ck_assert(!dm_pattern_matches(
	    p, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/filter/pattern");
	TCase *tc = tcase_create("pattern");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    tc, matches_as_documented, 0, (int)DM_ARRAY_SIZE(matching));
	tcase_add_loop_test(
	    tc, refuses_what_is_no_pattern, 0, (int)DM_ARRAY_SIZE(bad));
	tcase_add_test(tc, a_pair_is_one_of_a_kind);
	tcase_add_test(tc, a_costly_expression_ends);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
