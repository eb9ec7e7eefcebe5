/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of master/session/gate.c. */
#include "master/session/gate.h"

#include <check.h>
#include <stdlib.h>

static struct gate *g;
static int started[8], n;

static void
start(void *arg)
{
	started[n++] = *(int *)arg;
}

static void
start_and_leave(void *arg)
{
	start(arg);
	gate_leave(g);
}

static void
setup(void)
{
	g = gate_new(2);
	n = 0;
}

static void
teardown(void)
{
	gate_free(g);
}

START_TEST(as_many_as_the_limit_start_at_once)
{
	int ids[] = { 1, 2, 3 };

	for (int i = 0; i < 3; i++)
		gate_enter(g, start, &ids[i]);
	ck_assert_int_eq(n, 2);
	gate_leave(g);
	ck_assert_int_eq(n, 3);
	gate_leave(g);
	gate_leave(g);
}
END_TEST

START_TEST(who_waits_starts_in_the_order_of_coming)
{
	int ids[] = { 1, 2, 3, 4, 5 };

	for (int i = 0; i < 5; i++)
		gate_enter(g, start, &ids[i]);
	for (int i = 0; i < 5; i++)
		gate_leave(g);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(started[i], i + 1);
}
END_TEST

START_TEST(a_place_that_was_left_is_given_again)
{
	int ids[] = { 1, 2, 3, 4 };

	for (int i = 0; i < 4; i++)
		gate_enter(g, start_and_leave, &ids[i]);
	ck_assert_int_eq(n, 4);
}
END_TEST

START_TEST(who_ends_at_once_lets_the_whole_line_through)
{
	int ids[] = { 1, 2, 3, 4, 5 };

	gate_enter(g, start, &ids[0]);
	gate_enter(g, start, &ids[1]);
	for (int i = 2; i < 5; i++)
		gate_enter(g, start_and_leave, &ids[i]);
	ck_assert_int_eq(n, 2);
	gate_leave(g);
	ck_assert_int_eq(n, 5);
	gate_leave(g);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("master/session/gate");
	TCase *tc = tcase_create("gate");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, as_many_as_the_limit_start_at_once);
	tcase_add_test(tc, who_waits_starts_in_the_order_of_coming);
	tcase_add_test(tc, a_place_that_was_left_is_given_again);
	tcase_add_test(tc, who_ends_at_once_lets_the_whole_line_through);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
