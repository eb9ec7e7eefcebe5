/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/copy/gate.c. */
#include "worker/copy/gate.h"

#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>

#define VISITORS 4
#define VISITS   200

static atomic_int inside, most;

START_TEST(a_closed_gate_is_not_entered)
{
	ck_assert(copy_gate_try());
	ck_assert(!copy_gate_try());
	copy_gate_leave();
	ck_assert(copy_gate_try());
	copy_gate_leave();
}
END_TEST

START_TEST(a_cancelled_wait_ends_outside)
{
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);
	DM_AUTO(dm_err) err = NULL;

	ck_assert(copy_gate_try());
	dm_cancel_now(c);
	err = copy_gate_enter(c);
	ck_assert(dm_err_is_canceled(err));
	copy_gate_leave();
	ck_assert(copy_gate_try()); /* nobody waits any more */
	copy_gate_leave();
}
END_TEST

static void *
visit(void *arg)
{
	for (int i = 0; i < VISITS; i++) {
		struct dm_err *err = copy_gate_enter(arg);
		int now;

		ck_assert_ptr_null(err);
		now = atomic_fetch_add(&inside, 1) + 1;
		if (now > atomic_load(&most))
			atomic_store(&most, now);
		atomic_fetch_sub(&inside, 1);
		copy_gate_leave();
	}
	return NULL;
}

START_TEST(one_is_inside_at_a_time_and_all_get_in)
{
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);
	pthread_t threads[VISITORS];

	for (int i = 0; i < VISITORS; i++)
		threads[i] = dm_thread_start("visitor", visit, c);
	for (int i = 0; i < VISITORS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(atomic_load(&most), 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/copy/gate");
	TCase *tc = tcase_create("gate");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_closed_gate_is_not_entered);
	tcase_add_test(tc, a_cancelled_wait_ends_outside);
	tcase_add_test(tc, one_is_inside_at_a_time_and_all_get_in);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
