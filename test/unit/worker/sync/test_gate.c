/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suite of worker/sync/gate.c, against model targets: what they take with
 * n transactions at once.
 */
#include "worker/sync/gate.h"

#include <check.h>
#include <stdlib.h>

#define ROWS  100U
#define LANES 16U

/* Rows a millisecond with n transactions at once. */
typedef double (*target_fn)(unsigned n);

/* Two processors, and pages that transactions wait for. */
static double
contended(unsigned n)
{
	return n == 1 ? 30 : 50.0 / (1 + 0.03 * (n - 2));
}

/* A far one: each waits for its answers, whatever the others do. */
static double
far_away(unsigned n)
{
	return 2.0 * n;
}

/* Commits share the waits for its disk, up to eight of them. */
static double
disk(unsigned n)
{
	return n <= 8 ? 5.0 * n : 40;
}

static struct dm_mono zero;
static double us; /* since then; goes on from run to run */

/* Run for so long, every time off by up to `noise` of it; the mean limit. */
static double
run(struct gate *g, target_fn target, int seconds, double noise)
{
	double end = us + seconds * 1e6, sum = 0;
	unsigned seed = 7, n = 0;

	while (us < end) {
		double off = ((double)(rand_r(&seed) % 2001) - 1000) / 1000;

		us += ROWS * 1000.0 / target(g->limit) * (1 + off * noise);
		gate_ended(
		    g, ROWS, true, dm_mono_add_ms(zero, (int64_t)(us / 1000)));
		sum += g->limit;
		n++;
	}
	return sum / n;
}

START_TEST(a_contended_target_gets_few_at_once)
{
	struct gate g;

	gate_init(&g, LANES);
	(void)run(&g, contended, 5, 0.5);
	ck_assert_double_le(run(&g, contended, 60, 0.5), 4);
}
END_TEST

START_TEST(a_far_target_gets_all)
{
	struct gate g;

	gate_init(&g, LANES);
	(void)run(&g, far_away, 5, 0.5);
	ck_assert_uint_eq(g.kept, LANES);
	ck_assert_double_ge(run(&g, far_away, 60, 0.5), 14);
}
END_TEST

START_TEST(a_slow_disk_gets_as_many_as_it_serves)
{
	struct gate g;

	gate_init(&g, LANES);
	(void)run(&g, disk, 5, 0.2);
	ck_assert_uint_ge(g.kept, 8);
	ck_assert_double_ge(run(&g, disk, 60, 0.2), 7);
}
END_TEST

START_TEST(a_target_that_changes_is_followed)
{
	struct gate g;

	gate_init(&g, LANES);
	(void)run(&g, contended, 20, 0.2);
	ck_assert_uint_le(g.kept, 4);
	(void)run(&g, far_away, 20, 0.2);
	ck_assert_uint_eq(g.kept, LANES);
	(void)run(&g, contended, 20, 0.2);
	ck_assert_uint_le(g.kept, 4);
}
END_TEST

START_TEST(a_target_with_nothing_to_do_teaches_nothing)
{
	struct gate g;
	struct dm_mono now = dm_mono_now();

	gate_init(&g, LANES);
	for (int i = 0; i < 100000; i++) {
		now = dm_mono_add_ms(now, 1);
		gate_ended(&g, ROWS, i % 50 != 0, now);
	}
	ck_assert_uint_eq(g.limit, 4);
}
END_TEST

START_TEST(few_lanes_all_pass)
{
	for (unsigned lanes = 1; lanes <= 3; lanes++) {
		struct gate g;

		gate_init(&g, lanes);
		ck_assert_uint_eq(g.limit, lanes);
		(void)run(&g, contended, 20, 0.5);
		ck_assert_uint_ge(g.limit, MIN(lanes, 2U));
		ck_assert_uint_le(g.limit, lanes);
	}
}
END_TEST

START_TEST(one_that_waits_for_a_lock_lets_others_in)
{
	struct gate g;

	gate_init(&g, LANES);
	gate_stalled(&g);
	ck_assert_uint_eq(g.limit, 8);
	gate_stalled(&g);
	gate_stalled(&g);
	ck_assert_uint_eq(g.limit, LANES);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("gate");
	TCase *tc = tcase_create("gate");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, a_contended_target_gets_few_at_once);
	tcase_add_test(tc, a_far_target_gets_all);
	tcase_add_test(tc, a_slow_disk_gets_as_many_as_it_serves);
	tcase_add_test(tc, a_target_that_changes_is_followed);
	tcase_add_test(tc, a_target_with_nothing_to_do_teaches_nothing);
	tcase_add_test(tc, few_lanes_all_pass);
	tcase_add_test(tc, one_that_waits_for_a_lock_lets_others_in);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
