/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/thread/queue.c and lib/thread/cancel.c. */
#include "lib/thread/queue.h"

#include <check.h>
#include <stdlib.h>

static void *
push_two(void *arg)
{
	struct dm_queue *q = arg;

	for (int i = 1; i <= 2; i++) {
		struct dm_err *err =
		    dm_queue_push(q, g_memdup2(&i, sizeof(i)), NULL);

		ck_assert_ptr_null(err);
	}
	return NULL;
}

START_TEST(a_full_queue_makes_push_wait)
{
	DM_AUTO(dm_queue) q = dm_queue_new(1, g_free);
	pthread_t t = dm_thread_start("pusher", push_two, q);

	for (int want = 1; want <= 2; want++) {
		void *item;

		ck_assert_ptr_null(dm_queue_pop(q, -1, NULL, &item));
		ck_assert_int_eq(*(int *)item, want);
		g_free(item);
	}
	pthread_join(t, NULL);
}
END_TEST

static void *
cancel_it(void *arg)
{
	dm_cancel_now(arg);
	return NULL;
}

START_TEST(cancelling_ends_a_wait)
{
	DM_AUTO(dm_cancel) parent = dm_cancel_new(NULL);
	DM_AUTO(dm_cancel) c = dm_cancel_new(parent);
	DM_AUTO(dm_queue) q = dm_queue_new(1, g_free);
	pthread_t t = dm_thread_start("canceler", cancel_it, parent);
	void *item;
	DM_AUTO(dm_err) err = dm_queue_pop(q, -1, c, &item);

	ck_assert(dm_err_is_canceled(err));
	ck_assert_ptr_null(item);
	pthread_join(t, NULL);
}
END_TEST

START_TEST(a_closed_queue_gives_what_it_holds)
{
	DM_AUTO(dm_queue) q = dm_queue_new(4, g_free);
	void *item;
	struct dm_err *err;

	ck_assert(dm_queue_push_now(q, g_strdup("x")));
	dm_queue_close(q);
	ck_assert(!dm_queue_push_now(q, g_strdup("y")));
	err = dm_queue_push(q, g_strdup("z"), NULL);
	ck_assert_ptr_nonnull(err);
	dm_err_free(err);
	ck_assert_ptr_null(dm_queue_pop(q, 0, NULL, &item));
	ck_assert_str_eq(item, "x");
	g_free(item);
	ck_assert_ptr_null(dm_queue_pop(q, -1, NULL, &item));
	ck_assert_ptr_null(item);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/thread/queue");
	TCase *tc = tcase_create("queue");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, a_full_queue_makes_push_wait);
	tcase_add_test(tc, cancelling_ends_a_wait);
	tcase_add_test(tc, a_closed_queue_gives_what_it_holds);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
