/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of master/session/lease.c. */
#include "master/session/lease.h"

#include <check.h>
#include <stdlib.h>

static struct dm_mono
at(int64_t ms)
{
	return (struct dm_mono){ .ns = ms * 1000000 };
}

START_TEST(only_what_arrived_before_the_renewal_is_acknowledged)
{
	struct lease l = { 0 };
	bool again;

	lease_granted(&l, 7, 60);
	ck_assert(lease_beat(&l, 1, at(0)));
	ck_assert(!lease_beat(&l, 2, at(10)));
	ck_assert_uint_eq(lease_answered(&l, false, 60, at(20), &again), 1);
	ck_assert(!again);
	/* One renewal per TTL/6. */
	ck_assert(!lease_beat(&l, 3, at(9999)));
	ck_assert(lease_beat(&l, 4, at(10000)));
	ck_assert_uint_eq(lease_answered(&l, false, 60, at(10010), &again), 4);
}
END_TEST

START_TEST(nothing_is_acknowledged_before_the_lease)
{
	struct lease l = { 0 };

	ck_assert(!lease_beat(&l, 1, at(0)));
	lease_granted(&l, 7, 3);
	ck_assert(lease_beat(&l, 2, at(1)));
}
END_TEST

START_TEST(a_lost_lease_acknowledges_nothing)
{
	struct lease l = { 0 };
	bool again;

	lease_granted(&l, 7, 3);
	ck_assert(lease_beat(&l, 1, at(0)));
	ck_assert_uint_eq(lease_answered(&l, false, 0, at(5000), &again), 0);
	ck_assert(!again);
}
END_TEST

START_TEST(a_failed_renewal_is_repeated_after_the_interval)
{
	struct lease l = { 0 };
	bool again;

	lease_granted(&l, 7, 3);
	ck_assert(lease_beat(&l, 1, at(0)));
	ck_assert_uint_eq(lease_answered(&l, true, 0, at(100), &again), 0);
	ck_assert(!again);
	ck_assert(lease_beat(&l, 2, at(1000)));
	/* Another beat waits: sent again at once, the interval is over. */
	ck_assert(!lease_beat(&l, 3, at(1500)));
	ck_assert_uint_eq(lease_answered(&l, true, 0, at(2500), &again), 0);
	ck_assert(again);
	ck_assert_uint_eq(lease_answered(&l, false, 3, at(2600), &again), 3);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("master/session/lease");
	TCase *tc = tcase_create("lease");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(
	    tc, only_what_arrived_before_the_renewal_is_acknowledged);
	tcase_add_test(tc, nothing_is_acknowledged_before_the_lease);
	tcase_add_test(tc, a_lost_lease_acknowledges_nothing);
	tcase_add_test(tc, a_failed_renewal_is_repeated_after_the_interval);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
