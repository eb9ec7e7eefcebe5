/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/agent/lease.c: time is stepped, never waited for. */
#include "worker/agent/lease.h"

#include <check.h>
#include <stdlib.h>

static struct dm_mono
ms(int64_t t)
{
	return (struct dm_mono){ .ns = (t + 1000000) * INT64_C(1000000) };
}

START_TEST(the_deadline_counts_from_the_sending)
{
	struct lease l;

	lease_init(&l, 10);
	ck_assert_uint_eq(lease_beat(&l, ms(0), 0), 1);
	ck_assert(lease_ack(&l, 1, ms(4000)));
	/* 10 s less a margin of 1 s, from 0, not from 4000. */
	ck_assert(!lease_expire(&l, ms(8999)));
	ck_assert(lease_expire(&l, ms(9000)));
	ck_assert(!lease_expire(&l, ms(9001)));
}
END_TEST

START_TEST(a_late_answer_is_worthless)
{
	struct lease l;

	lease_init(&l, 10);
	(void)lease_beat(&l, ms(0), 0);
	ck_assert(!lease_ack(&l, 1, ms(9000)));
	ck_assert(!l.held);
}
END_TEST

START_TEST(answers_that_overtake_do_not_shorten)
{
	struct lease l;

	lease_init(&l, 10);
	(void)lease_beat(&l, ms(0), 0);
	(void)lease_beat(&l, ms(2000), 0);
	ck_assert(lease_ack(&l, 2, ms(2100)));
	ck_assert(!lease_ack(&l, 1, ms(2200)));
	ck_assert(!lease_expire(&l, ms(10999)));
	ck_assert(lease_expire(&l, ms(11000)));
}
END_TEST

START_TEST(numbers_that_were_never_sent_count_for_nothing)
{
	struct lease l;

	lease_init(&l, 10);
	(void)lease_beat(&l, ms(0), 0);
	ck_assert(!lease_ack(&l, 0, ms(1)));
	ck_assert(!lease_ack(&l, 7, ms(1)));
	lease_new_session(&l, ms(1));
	ck_assert(!lease_ack(&l, 1, ms(1)));
}
END_TEST

START_TEST(a_lost_lease_can_begin_again)
{
	struct lease l;

	lease_init(&l, 3);
	(void)lease_beat(&l, ms(0), 0);
	ck_assert(lease_ack(&l, 1, ms(1)));
	ck_assert(lease_expire(&l, ms(2500)));
	lease_new_session(&l, ms(3000));
	(void)lease_beat(&l, ms(3000), 0);
	ck_assert(lease_ack(&l, 1, ms(3001)));
}
END_TEST

START_TEST(half_a_lease_without_an_answer_is_silence)
{
	struct lease l;

	lease_init(&l, 10);
	lease_new_session(&l, ms(0));
	(void)lease_beat(&l, ms(0), 0);
	ck_assert(!lease_unanswered(&l, ms(5000)));
	ck_assert(lease_unanswered(&l, ms(5001)));
	ck_assert(lease_ack(&l, 1, ms(4000)));
	ck_assert(!lease_unanswered(&l, ms(9000)));
	ck_assert(lease_unanswered(&l, ms(9001)));
}
END_TEST

START_TEST(only_answers_of_this_session_break_the_silence)
{
	struct lease l;

	lease_init(&l, 10);
	lease_new_session(&l, ms(0));
	(void)lease_beat(&l, ms(0), 0);
	(void)lease_beat(&l, ms(1000), 0);
	lease_new_session(&l, ms(6000));
	(void)lease_beat(&l, ms(6000), 0);
	ck_assert(!lease_ack(&l, 2, ms(8000)));
	ck_assert(!lease_unanswered(&l, ms(11000)));
	ck_assert(lease_unanswered(&l, ms(11001)));
}
END_TEST

START_TEST(an_answer_that_is_too_late_for_the_lease_is_a_sign_of_life)
{
	struct lease l;

	lease_init(&l, 3);
	lease_new_session(&l, ms(0));
	(void)lease_beat(&l, ms(0), 0);
	ck_assert(!lease_ack(&l, 1, ms(2600)));
	ck_assert(!lease_unanswered(&l, ms(4000)));
}
END_TEST

START_TEST(six_heartbeats_are_sent_in_a_lease)
{
	static const struct {
		int64_t ttl_s, ms;
	} of[] = { { 1, 300 }, { 3, 500 }, { 60, 10000 }, { 86400, 10000 } };
	struct lease l;

	for (size_t i = 0; i < G_N_ELEMENTS(of); i++) {
		lease_init(&l, of[i].ttl_s);
		ck_assert_int_eq(lease_interval_ms(&l), of[i].ms);
	}
}
END_TEST

/* While a relay log is written for this worker by name. */
START_TEST(a_longer_lease_by_heartbeat)
{
	struct lease l;

	lease_init(&l, 10);
	lease_new_session(&l, ms(0));
	(void)lease_beat(&l, ms(0), 0);
	ck_assert(lease_ack(&l, 1, ms(10)));
	(void)lease_beat(&l, ms(1000), 1800000);
	ck_assert(!lease_ack(&l, 2, ms(1010)));
	ck_assert(!lease_expire(&l, ms(1620999))); /* a tenth is margin */
	ck_assert(lease_expire(&l, ms(1621000)));
}
END_TEST

/* The master counts from what it got last, which may be the shorter one, also
 * when its answer never comes. */
START_TEST(a_shorter_lease_counts_once_it_is_sent)
{
	struct lease l;

	lease_init(&l, 10);
	lease_new_session(&l, ms(0));
	(void)lease_beat(&l, ms(0), 1800000);
	ck_assert(lease_ack(&l, 1, ms(10)));
	(void)lease_beat(&l, ms(1000), 1800000);
	(void)lease_beat(&l, ms(2000), 0);
	ck_assert(!lease_ack(&l, 2, ms(2010))); /* of the longer one, late */
	ck_assert(!lease_expire(&l, ms(10999)));
	ck_assert(lease_expire(&l, ms(11000)));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/agent/lease");
	TCase *tc = tcase_create("lease");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, the_deadline_counts_from_the_sending);
	tcase_add_test(tc, a_late_answer_is_worthless);
	tcase_add_test(tc, answers_that_overtake_do_not_shorten);
	tcase_add_test(tc, numbers_that_were_never_sent_count_for_nothing);
	tcase_add_test(tc, a_lost_lease_can_begin_again);
	tcase_add_test(tc, six_heartbeats_are_sent_in_a_lease);
	tcase_add_test(tc, half_a_lease_without_an_answer_is_silence);
	tcase_add_test(tc, only_answers_of_this_session_break_the_silence);
	tcase_add_test(
	    tc, an_answer_that_is_too_late_for_the_lease_is_a_sign_of_life);
	tcase_add_test(tc, a_longer_lease_by_heartbeat);
	tcase_add_test(tc, a_shorter_lease_counts_once_it_is_sent);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
