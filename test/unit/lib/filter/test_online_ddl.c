/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/filter/online_ddl.c and lib/text/capture.c. */
#include "lib/filter/online_ddl.h"

#include "lib/text/capture.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *table, *real;
	enum dm_online_kind kind;
} defaults[] = {
	{ "_t_gho", "t", DM_ONLINE_GHOST },
	{ "_t_new", "t", DM_ONLINE_GHOST },
	{ "_a_b_new", "a_b", DM_ONLINE_GHOST },
	{ "__t_new_gho", "_t_new", DM_ONLINE_GHOST },
	{ "_t_ghc", "t", DM_ONLINE_TRASH },
	{ "_t_del", "t", DM_ONLINE_TRASH },
	{ "_t_old", "t", DM_ONLINE_TRASH },
	{ "t", "t", DM_ONLINE_REAL },
	{ "t_new", "t_new", DM_ONLINE_REAL },
	{ "_t_NEW", "_t_NEW", DM_ONLINE_REAL },
	{ "__new", "__new", DM_ONLINE_REAL },
	{ "_t_news", "_t_news", DM_ONLINE_REAL },
	{ "", "", DM_ONLINE_REAL },
};

START_TEST(the_tools_names_are_known)
{
	DM_AUTO(dm_online_rules) r = NULL;
	DM_AUTO(dm_err) err = dm_online_rules_new(NULL, NULL, &r);
	g_autofree char *real = NULL;

	ck_assert_ptr_null(err);
	ck_assert_int_eq(
	    dm_online_kind_of(r, defaults[_i].table, &real), defaults[_i].kind);
	ck_assert_str_eq(real, defaults[_i].real);
	ck_assert_int_eq(dm_online_kind_of(r, NULL, NULL), DM_ONLINE_REAL);
}
END_TEST

START_TEST(own_rules_take_their_place)
{
	static char shadow[] = "neu_(.+)", trash1[] = "^alt_(.+)$",
		    trash2[] = "neu_(.+)_x";
	char *const shadows[] = { shadow, NULL };
	char *const trashes[] = { trash1, trash2, NULL };
	DM_AUTO(dm_online_rules) r = NULL;
	DM_AUTO(dm_err) err = dm_online_rules_new(shadows, trashes, &r);
	g_autofree char *real = NULL;

	ck_assert_ptr_null(err);
	ck_assert_int_eq(dm_online_kind_of(r, "_t_new", NULL), DM_ONLINE_REAL);
	ck_assert_int_eq(dm_online_kind_of(r, "alt_t", NULL), DM_ONLINE_TRASH);
	/* For the whole name, though the rule does not say so. */
	ck_assert_int_eq(dm_online_kind_of(r, "xneu_t", NULL), DM_ONLINE_REAL);
	/* Shadow rules come first. */
	ck_assert_int_eq(
	    dm_online_kind_of(r, "neu_t_x", &real), DM_ONLINE_GHOST);
	ck_assert_str_eq(real, "t_x");
}
END_TEST

START_TEST(rules_without_one_group_are_refused)
{
	static char none[] = "^_.+$", two[] = "(a)(b)", bad[] = "(";
	char *const lists[][2] = { { none, NULL }, { two, NULL },
		{ bad, NULL } };

	for (size_t i = 0; i < DM_ARRAY_SIZE(lists); i++) {
		DM_AUTO(dm_online_rules) r = NULL;
		struct dm_err *err = dm_online_rules_new(lists[i], NULL, &r);

		ck_assert(dm_err_is(err, CONFIG_ONLINE_DDL_INVALID_REGEX));
		ck_assert_ptr_nonnull(
		    strstr(err->message, "shadow-table-rules"));
		dm_err_free(err);
		err = dm_online_rules_new(NULL, lists[i], &r);
		ck_assert(dm_err_is(err, CONFIG_ONLINE_DDL_INVALID_REGEX));
		ck_assert_ptr_nonnull(
		    strstr(err->message, "trash-table-rules"));
		dm_err_free(err);
	}
}
END_TEST

static const struct {
	const char *regex, *text, *found;
} captures[] = {
	{ "t_(a)([0-9]+)", "t_a17", "a17" },
	{ "(a)|(b)", "b", "b" },
	{ "(a)(x)?(b)", "ab", "ab" },
	{ "abc", "abc", "" },
	{ "^(.*)$", "", "" },
	{ "(a)", "b", NULL },
	{ "^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
	    NULL },
};

START_TEST(all_groups_are_joined)
{
	DM_AUTO(dm_capture) c = NULL;
	DM_AUTO(dm_err) err = dm_capture_new(captures[_i].regex, &c);
	g_autofree char *found = NULL;

	ck_assert_ptr_null(err);
	found = dm_capture_find(c, captures[_i].text);
	ck_assert_pstr_eq(found, captures[_i].found);
}
END_TEST

START_TEST(an_expression_has_an_end)
{
	g_autofree char *long_one = g_strnfill(5000, 'a');
	DM_AUTO(dm_capture) c = NULL;
	DM_AUTO(dm_err) err = dm_capture_new(long_one, &c);

	ck_assert_ptr_nonnull(err);
	ck_assert_ptr_null(c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/filter/online_ddl");
	TCase *tc = tcase_create("online_ddl");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    tc, the_tools_names_are_known, 0, (int)DM_ARRAY_SIZE(defaults));
	tcase_add_test(tc, own_rules_take_their_place);
	tcase_add_test(tc, rules_without_one_group_are_refused);
	tcase_add_loop_test(
	    tc, all_groups_are_joined, 0, (int)DM_ARRAY_SIZE(captures));
	tcase_add_test(tc, an_expression_has_an_end);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
