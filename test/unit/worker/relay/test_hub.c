/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/relay/hub.c. */
#include "worker/relay/hub.h"

#include "lib/base/clock.h"

#include <check.h>
#include <stdlib.h>

static struct relay_place
place(unsigned suffix, const char *name, uint64_t pos)
{
	return (struct relay_place){ suffix, dm_pos_make(name, pos) };
}

START_TEST(the_end_is_what_was_published)
{
	DM_AUTO(relay_hub) h = relay_hub_new("/r");
	struct relay_place p = place(1, "mysql-bin.000002", 120), end;

	ck_assert_str_eq(relay_hub_dir(h), "/r");
	ck_assert(!relay_hub_end(h, &end));
	relay_hub_publish(h, &p);
	ck_assert(relay_hub_end(h, &end));
	ck_assert_uint_eq(end.suffix, 1);
	ck_assert_int_eq(dm_pos_cmp(&end.pos, &p.pos), 0);
}
END_TEST

START_TEST(the_earliest_of_all_readers_counts)
{
	DM_AUTO(relay_hub) h = relay_hub_new("/r");
	struct relay_place a = place(2, "mysql-bin.000001", 4),
			   b = place(1, "mysql-bin.000009", 4), p;

	ck_assert(!relay_hub_earliest(h, &p));
	ck_assert_ptr_null(relay_hub_hold(h, "a", &a));
	ck_assert_ptr_null(relay_hub_hold(h, "b", &b));
	ck_assert(relay_hub_earliest(h, &p));
	ck_assert_uint_eq(p.suffix, 1);
	relay_hub_let_go(h, "b");
	ck_assert(relay_hub_earliest(h, &p));
	ck_assert_uint_eq(p.suffix, 2);
}
END_TEST

START_TEST(a_purge_keeps_new_readers_out)
{
	DM_AUTO(relay_hub) h = relay_hub_new("/r");
	struct relay_place a = place(1, "mysql-bin.000001", 4);

	ck_assert_ptr_null(relay_hub_hold(h, "old", &a));
	relay_hub_set_purging(h, true);
	ck_assert_ptr_null(relay_hub_hold(h, "old", &a));
	{
		DM_AUTO(dm_err) err = relay_hub_hold(h, "new", &a);

		ck_assert_ptr_nonnull(err);
		ck_assert(dm_err_is(err, WORKER_RELAY_IS_PURGING));
	}
	relay_hub_set_purging(h, false);
	ck_assert_ptr_null(relay_hub_hold(h, "new", &a));
}
END_TEST

static void *
publish_later(void *arg)
{
	struct relay_place p = place(1, "mysql-bin.000001", 200);

	ck_assert_ptr_null(dm_cancel_sleep_ms(NULL, 20));
	relay_hub_publish(arg, &p);
	return NULL;
}

START_TEST(a_wait_ends_when_more_is_written)
{
	DM_AUTO(relay_hub) h = relay_hub_new("/r");
	struct relay_place seen = place(1, "mysql-bin.000001", 100), end;
	pthread_t t;

	relay_hub_publish(h, &seen);
	relay_hub_set_live(h, true);
	t = dm_thread_start("publish", publish_later, h);
	ck_assert(relay_hub_wait(h, &seen, 60000, NULL));
	ck_assert(relay_hub_end(h, &end));
	ck_assert_uint_eq(end.pos.pos, 200);
	pthread_join(t, NULL);
}
END_TEST

static void *
cancel_later(void *arg)
{
	ck_assert_ptr_null(dm_cancel_sleep_ms(NULL, 20));
	dm_cancel_now(arg);
	return NULL;
}

START_TEST(a_wait_ends_by_time_cancel_and_stop)
{
	DM_AUTO(relay_hub) h = relay_hub_new("/r");
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);
	struct relay_place seen = place(1, "mysql-bin.000001", 100);
	pthread_t t;

	relay_hub_publish(h, &seen);
	ck_assert(!relay_hub_wait(h, &seen, 60000, c)); /* not live */
	relay_hub_set_live(h, true);
	ck_assert(relay_hub_wait(h, &seen, 10, c));
	t = dm_thread_start("cancel", cancel_later, c);
	ck_assert(relay_hub_wait(h, &seen, 60000, c));
	ck_assert(dm_canceled(c));
	pthread_join(t, NULL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/relay/hub");
	TCase *tc = tcase_create("hub");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, the_end_is_what_was_published);
	tcase_add_test(tc, the_earliest_of_all_readers_counts);
	tcase_add_test(tc, a_purge_keeps_new_readers_out);
	tcase_add_test(tc, a_wait_ends_when_more_is_written);
	tcase_add_test(tc, a_wait_ends_by_time_cancel_and_stop);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
