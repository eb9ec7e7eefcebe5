/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/agent/masters.c. */
#include "worker/agent/masters.h"

#include <check.h>
#include <stdlib.h>

static const char *const join[] = { "a:1", "b:1", NULL };

static void
next_is(struct masters *m, const char *want)
{
	g_autofree char *got = masters_next(m);

	ck_assert_str_eq(got, want);
}

START_TEST(they_are_tried_round_and_round)
{
	DM_AUTO(masters) m = masters_new(join);

	next_is(m, "a:1");
	next_is(m, "b:1");
	next_is(m, "a:1");
	masters_stay(m);
	next_is(m, "a:1");
	next_is(m, "b:1");
	masters_stay(m);
	next_is(m, "b:1");
}
END_TEST

START_TEST(members_come_before_the_addresses_of_join)
{
	DM_AUTO(masters) m = masters_new(join);
	char c[] = "c:1", b[] = "b:1";
	char *members[] = { c, b };

	ck_assert(masters_learn(m, members, 2));
	ck_assert(!masters_learn(m, members, 2));
	next_is(m, "c:1");
	next_is(m, "b:1");
	next_is(m, "a:1");
	next_is(m, "c:1");
}
END_TEST

START_TEST(the_round_goes_on_where_it_was)
{
	DM_AUTO(masters) m = masters_new(join);
	char c[] = "c:1", b[] = "b:1", d[] = "d:1";
	char *first[] = { b, c }, *then[] = { c, d };

	next_is(m, "a:1");
	next_is(m, "b:1");
	ck_assert(masters_learn(m, first, 2));
	masters_stay(m);
	next_is(m, "b:1");
	next_is(m, "c:1");
	/* Gone members are tried no more; those of `join` stay. */
	ck_assert(masters_learn(m, then, 2));
	next_is(m, "d:1");
	next_is(m, "a:1");
	next_is(m, "b:1");
	next_is(m, "c:1");
}
END_TEST

START_TEST(an_empty_list_is_no_news)
{
	DM_AUTO(masters) m = masters_new(join);

	ck_assert(!masters_learn(m, NULL, 0));
	next_is(m, "a:1");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/agent/masters");
	TCase *tc = tcase_create("masters");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, they_are_tried_round_and_round);
	tcase_add_test(tc, members_come_before_the_addresses_of_join);
	tcase_add_test(tc, the_round_goes_on_where_it_was);
	tcase_add_test(tc, an_empty_list_is_no_news);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
