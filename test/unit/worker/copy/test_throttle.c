/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/copy/throttle.c: what is decided, by clocks that the test
 * passes in. */
#include "worker/copy/throttle.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MB UINT64_C(1000000)

static struct dm_mono
at_ms(int64_t ms)
{
	return (struct dm_mono){ ms * 1000000 };
}

START_TEST(without_a_rate_nothing_waits)
{
	struct copy_bucket b;

	copy_bucket_init(&b, 0, at_ms(0));
	ck_assert_int_eq(copy_bucket_take(&b, UINT64_MAX, at_ms(0)), 0);
}
END_TEST

/* A lane that waits as it is told sends just the rate, whatever the pieces. */
START_TEST(over_time_the_rate_is_kept)
{
	static const uint64_t pieces[] = { 100, 16384, MB, 30 * MB };
	const uint64_t rate = 5 * MB, piece = pieces[_i];
	struct copy_bucket b;
	uint64_t sent = 0;
	int64_t ms = 0;

	copy_bucket_init(&b, rate, at_ms(0));
	for (int i = 0; i < 20000 && ms < 600000; i++) {
		ms += copy_bucket_take(&b, piece, at_ms(ms));
		sent += piece;
	}
	/* What was saved up at the start comes on top. */
	ck_assert_uint_le(sent, rate / 4 + rate * (uint64_t)ms / 1000 + piece);
	/* One ms is lost at most with each wait, and pieces are waited for. */
	if (piece >= 16384)
		ck_assert_uint_ge(sent, rate * (uint64_t)ms / 1000 * 3 / 4);
}
END_TEST

START_TEST(several_lanes_share_one_rate)
{
	const uint64_t rate = 2 * MB;
	struct copy_bucket b;
	int64_t free_at[4] = { 0 }, end = 0;
	uint64_t sent = 0;

	copy_bucket_init(&b, rate, at_ms(0));
	for (int64_t ms = 0; ms < 60000; ms++)
		for (int lane = 0; lane < 4; lane++)
			while (free_at[lane] <= ms && sent < 100 * MB) {
				free_at[lane] =
				    ms + copy_bucket_take(&b, 65536, at_ms(ms));
				sent += 65536;
				end = ms;
			}
	ck_assert_uint_ge(sent, 100 * MB);
	/* 100 MB at 2 MB/s, less the saved half a MB and four pieces. */
	ck_assert_int_ge(end, 49000);
	ck_assert_int_le(end, 51000);
}
END_TEST

START_TEST(idle_time_is_not_saved_up)
{
	struct copy_bucket b;

	copy_bucket_init(&b, 4 * MB, at_ms(0));
	ck_assert_int_eq(copy_bucket_take(&b, MB, at_ms(3600000)), 0);
	ck_assert_int_eq(copy_bucket_take(&b, 4 * MB, at_ms(3600000)), 1001);
}
END_TEST

START_TEST(a_clock_that_stands_still_or_goes_back_gives_nothing)
{
	struct copy_bucket b;

	copy_bucket_init(&b, 4 * MB, at_ms(1000));
	ck_assert_int_eq(copy_bucket_take(&b, MB, at_ms(1000)), 0);
	ck_assert_int_gt(copy_bucket_take(&b, MB, at_ms(500)), 200);
}
END_TEST

static const struct {
	unsigned threads;
	int64_t ms;
	int64_t running, latency;
	const char *reason;
} holds[] = {
	{ 0, 0, 1000, 100000, NULL },
	{ 25, 0, 25, 100000, NULL },
	{ 25, 0, 26, -1,
	    "the source has 26 threads running, without ours "
	    "(max-source-threads-running: 25)" },
	{ 25, 50, -1, -1, NULL },
	{ 0, 50, 1000, 50, NULL },
	{ 0, 50, 0, 51,
	    "the target takes 51 ms for a statement (max-target-latency: "
	    "50ms)" },
	{ 25, 50, 26, 51,
	    "the source has 26 threads running, without ours "
	    "(max-source-threads-running: 25)" },
};

START_TEST(what_is_over_its_limit_holds_back)
{
	struct dm_copy_cfg cfg = { .max_source_threads_running =
				       holds[_i].threads,
		.max_target_latency_ms = holds[_i].ms };
	g_autofree char *reason =
	    copy_hold_reason(&cfg, holds[_i].running, holds[_i].latency);

	ck_assert_msg(g_strcmp0(reason, holds[_i].reason) == 0, "got %s",
	    reason == NULL ? "none" : reason);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("copy throttle");
	TCase *tc = tcase_create("throttle");
	SRunner *r;
	int failed;

	tcase_add_test(tc, without_a_rate_nothing_waits);
	tcase_add_loop_test(tc, over_time_the_rate_is_kept, 0, 4);
	tcase_add_test(tc, several_lanes_share_one_rate);
	tcase_add_test(tc, idle_time_is_not_saved_up);
	tcase_add_test(
	    tc, a_clock_that_stands_still_or_goes_back_gives_nothing);
	tcase_add_loop_test(tc, what_is_over_its_limit_holds_back, 0,
	    (int)DM_ARRAY_SIZE(holds));
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
