/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of master/session/leases.c. */
#include "master/session/leases.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define TTL 10000

static struct leases *l;

static struct dm_mono
at(int64_t ms)
{
	return (struct dm_mono){ .ns = (1000000 + ms) * 1000000 };
}

static void
setup(void)
{
	l = leases_new();
}

static void
teardown(void)
{
	leases_free(l);
}

static int
by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "w1;w2;" in order of name: whose leases end at ms. Static. */
static const char *
ended(int64_t ms)
{
	static char text[256];
	g_autoptr(GPtrArray) names = leases_expire(l, at(ms));

	g_ptr_array_sort(names, by_text);
	text[0] = '\0';
	for (guint i = 0; i < names->len; i++) {
		g_strlcat(text, names->pdata[i], sizeof(text));
		g_strlcat(text, ";", sizeof(text));
	}
	return text;
}

/* "1:2;" session and number of what is acknowledged. Static. */
static const char *
confirmed(int64_t ms)
{
	static char text[256];
	g_autoptr(GArray) acks =
	    g_array_new(FALSE, FALSE, sizeof(struct lease_ack));

	leases_confirm(l, at(ms), acks);
	text[0] = '\0';
	for (guint i = 0; i < acks->len; i++) {
		const struct lease_ack *a =
		    &g_array_index(acks, struct lease_ack, i);
		size_t n = strlen(text);

		g_snprintf(text + n, sizeof(text) - n,
		    "%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT ";", a->session,
		    a->seq);
	}
	return text;
}

START_TEST(only_what_arrived_before_the_question_is_acknowledged)
{
	leases_begin(l, "w", 1, TTL, at(0));
	ck_assert(!leases_ask(l));
	ck_assert(leases_beat(l, "w", 1, 2, 0));
	ck_assert(leases_ask(l));
	ck_assert(leases_beat(l, "w", 1, 3, 0));
	ck_assert_str_eq(confirmed(5), "1:2;");
	ck_assert_str_eq(confirmed(6), "");
	ck_assert(leases_ask(l));
	ck_assert_str_eq(confirmed(7), "1:3;");
	ck_assert(!leases_ask(l));
	ck_assert(!leases_beat(l, "w", 1, 3, 0));
}
END_TEST

START_TEST(a_lease_ends_a_ttl_after_the_newest_acknowledgement)
{
	leases_begin(l, "w", 1, TTL, at(0));
	leases_beat(l, "w", 1, 2, 0);
	leases_ask(l);
	confirmed(4000);
	ck_assert_str_eq(ended(4000 + TTL - 1), "");
	ck_assert(!leases_expired(l, "w"));
	ck_assert_str_eq(ended(4000 + TTL), "w;");
	ck_assert(leases_expired(l, "w"));
}
END_TEST

START_TEST(no_acknowledgement_follows_an_end)
{
	leases_begin(l, "w", 1, TTL, at(0));
	ck_assert_str_eq(ended(TTL), "w;");
	ck_assert(!leases_beat(l, "w", 1, 2, 0));
	ck_assert(!leases_ask(l));
	ck_assert_str_eq(confirmed(TTL + 1), "");
}
END_TEST

START_TEST(a_heartbeat_that_waits_keeps_its_lease_from_ending)
{
	leases_begin(l, "w", 1, TTL, at(0));
	leases_beat(l, "w", 1, 2, 0);
	ck_assert_str_eq(ended(TTL + 1), "");
	leases_ask(l);
	ck_assert_str_eq(confirmed(TTL + 2), "1:2;");
	ck_assert_str_eq(ended(TTL + 3), "");
}
END_TEST

START_TEST(an_end_is_told_again_until_it_is_dealt_with)
{
	leases_begin(l, "a", 1, TTL, at(0));
	leases_begin(l, "b", 2, TTL, at(0));
	ck_assert_str_eq(ended(TTL), "a;b;");
	ck_assert_str_eq(ended(TTL + LEASES_AGAIN_MS - 1), "");
	leases_end(l, "a");
	ck_assert_str_eq(ended(TTL + LEASES_AGAIN_MS), "b;");
	leases_begin(l, "b", 3, TTL, at(2 * TTL));
	ck_assert(!leases_expired(l, "b"));
	ck_assert_str_eq(ended(2 * TTL + LEASES_AGAIN_MS), "");
	ck_assert(!leases_expired(l, "nobody"));
}
END_TEST

START_TEST(only_the_newest_session_of_a_worker_counts)
{
	leases_begin(l, "w", 1, TTL, at(0));
	leases_beat(l, "w", 1, 7, 0);
	leases_ask(l);
	leases_begin(l, "w", 2, TTL, at(100));
	ck_assert_str_eq(confirmed(101), "");
	ck_assert(!leases_beat(l, "w", 1, 8, 0));
	ck_assert(leases_beat(l, "w", 2, 2, 0));
	leases_ask(l);
	ck_assert_str_eq(confirmed(102), "2:2;");
	ck_assert(!leases_beat(l, "other", 1, 1, 0));
}
END_TEST

/* The former session may have been told of a later end. */
START_TEST(a_new_session_with_a_shorter_ttl_does_not_end_a_lease_sooner)
{
	leases_begin(l, "w", 1, 6 * TTL, at(0));
	leases_begin(l, "w", 2, TTL, at(100));
	ck_assert_str_eq(ended(6 * TTL - 1), "");
	ck_assert_str_eq(ended(6 * TTL), "w;");
}
END_TEST

/* "w:1000;", at ms. Static. */
static const char *
to_write(int64_t ms)
{
	static char text[256];
	g_autoptr(GArray) ttls =
	    g_array_new(FALSE, FALSE, sizeof(struct lease_ttl));

	leases_to_write(l, at(ms), ttls);
	text[0] = '\0';
	for (guint i = 0; i < ttls->len; i++) {
		const struct lease_ttl *t =
		    &g_array_index(ttls, struct lease_ttl, i);
		size_t n = strlen(text);

		g_snprintf(text + n, sizeof(text) - n, "%s:%d;", t->worker,
		    (int)t->ttl_ms);
		g_free(t->worker);
	}
	return text;
}

START_TEST(a_longer_time_is_acknowledged_when_etcd_has_it)
{
	leases_begin(l, "w", 1, TTL, at(0));
	ck_assert_str_eq(to_write(0), "");
	ck_assert(leases_beat(l, "w", 1, 2, 6 * TTL));
	ck_assert(!leases_ask(l));
	ck_assert_str_eq(confirmed(10), "");
	ck_assert_str_eq(to_write(10), "w:60000;");
	ck_assert_str_eq(to_write(11), ""); /* it is under way */
	ck_assert_str_eq(to_write(10 + LEASES_AGAIN_MS), "w:60000;");
	leases_known(l, "w", 6 * TTL);
	ck_assert(leases_ask(l));
	ck_assert_str_eq(confirmed(2000), "1:2;");
	ck_assert_str_eq(to_write(9000), "");
	ck_assert_str_eq(ended(2000 + 6 * TTL - 1), "");
	ck_assert_str_eq(ended(2000 + 6 * TTL), "w;");
}
END_TEST

/* What waits for etcd was never acknowledged: its worker does not count on it,
 * and must not keep a lease for ever. */
START_TEST(a_time_that_etcd_does_not_get_keeps_no_lease)
{
	leases_begin(l, "w", 1, TTL, at(0));
	leases_beat(l, "w", 1, 2, 6 * TTL);
	ck_assert_str_eq(ended(TTL - 1), "");
	ck_assert_str_eq(ended(TTL), "w;");
}
END_TEST

/* The worker counts by it since it sent it. */
START_TEST(a_shorter_time_of_the_same_session_counts_at_once)
{
	leases_begin(l, "w", 1, TTL, at(0));
	leases_known(l, "w", 6 * TTL);
	leases_beat(l, "w", 1, 2, 6 * TTL);
	leases_ask(l);
	ck_assert_str_eq(confirmed(0), "1:2;");
	leases_beat(l, "w", 1, 3, 0); /* names none: that of the hello */
	ck_assert(leases_ask(l));
	ck_assert_str_eq(confirmed(1000), "1:3;");
	ck_assert_str_eq(to_write(1000), "w:10000;");
	leases_known(l, "w", TTL);
	ck_assert_str_eq(to_write(1000 + LEASES_AGAIN_MS), "");
	ck_assert_str_eq(ended(1000 + TTL - 1), "");
	ck_assert_str_eq(ended(1000 + TTL), "w;");
}
END_TEST

START_TEST(what_another_session_was_told_lasts)
{
	leases_begin(l, "w", 1, TTL, at(0));
	leases_known(l, "w", 6 * TTL);
	leases_beat(l, "w", 1, 2, 6 * TTL);
	leases_ask(l);
	ck_assert_str_eq(confirmed(0), "1:2;");
	leases_begin(l, "w", 2, TTL, at(500));
	leases_known(l, "w", 6 * TTL);
	leases_beat(l, "w", 2, 2, TTL);
	leases_ask(l);
	ck_assert_str_eq(confirmed(1000), "2:2;");
	ck_assert_str_eq(to_write(5 * TTL - 1), ""); /* nor for a next leader */
	ck_assert_str_eq(to_write(5 * TTL), "w:10000;");
	ck_assert_str_eq(ended(6 * TTL - 1), "");
	ck_assert_str_eq(ended(6 * TTL), "w;");
}
END_TEST

/*
 * Two leaders and a worker that changes its time at random, also while etcd
 * takes no writes: when the second leader takes the lease for ended, by what
 * etcd says, the worker's own deadline has passed.
 */
START_TEST(changing_times_outlive_the_deadline_across_leaders)
{
	GRand *rnd = g_rand_new_with_seed((guint32)_i);
	int64_t deadline = TTL, stored = TTL, now = 0, sent, elected;
	uint64_t seq = 1;

	leases_begin(l, "w", 1, TTL, at(0));
	for (int i = 0; i < 40 && *ended(now) == '\0'; i++) {
		int64_t ttl = g_rand_boolean(rnd) ? 4 * TTL : TTL;

		now += g_rand_int_range(rnd, 1, TTL / 2);
		sent = now - g_rand_int_range(rnd, 0, 500);
		deadline = MIN(deadline, sent + ttl);
		leases_beat(l, "w", 1, ++seq, ttl);
		if (*to_write(now) != '\0' && g_rand_boolean(rnd)) {
			stored = ttl;
			leases_known(l, "w", stored);
		}
		leases_ask(l);
		now += g_rand_int_range(rnd, 0, 900);
		if (*confirmed(now) != '\0')
			deadline = MAX(deadline, sent + ttl);
	}
	elected = now + g_rand_int_range(rnd, 0, 2000);
	leases_clear(l);
	leases_adopt(l, "w", stored, at(elected));
	while (*ended(now) == '\0')
		now += 10;
	ck_assert_int_gt(now, deadline);
	g_rand_free(rnd);
}
END_TEST

START_TEST(a_found_lease_has_its_whole_time)
{
	leases_adopt(l, "w", TTL, at(0));
	ck_assert(!leases_beat(l, "w", 0, 1, 0));
	leases_adopt(l, "w", TTL, at(5000)); /* known already */
	ck_assert_str_eq(ended(TTL - 1), "");
	ck_assert_str_eq(ended(TTL), "w;");
	leases_clear(l);
	leases_adopt(l, "w", TTL, at(TTL));
	ck_assert_str_eq(ended(2 * TTL - 1), "");
	leases_begin(l, "w", 1, TTL, at(2 * TTL - 1));
	ck_assert_str_eq(ended(3 * TTL - 2), "");
	ck_assert_str_eq(ended(3 * TTL - 1), "w;");
}
END_TEST

START_TEST(time_that_does_not_count_moves_the_ends)
{
	leases_begin(l, "a", 1, TTL, at(0));
	leases_begin(l, "b", 2, 2 * TTL, at(0));
	ck_assert_str_eq(ended(TTL), "a;");
	leases_shift(l, 500);
	ck_assert_str_eq(ended(TTL + LEASES_AGAIN_MS), "a;");
	leases_end(l, "a");
	ck_assert_str_eq(ended(2 * TTL + 499), "");
	ck_assert_str_eq(ended(2 * TTL + 500), "b;");
}
END_TEST

START_TEST(the_next_end_is_known)
{
	ck_assert_int_eq(leases_next_ms(l, at(0)), INT64_MAX);
	leases_begin(l, "a", 1, 2 * TTL, at(0));
	leases_begin(l, "b", 2, TTL, at(0));
	ck_assert_int_eq(leases_next_ms(l, at(1)), TTL - 1);
	ck_assert_int_eq(leases_next_ms(l, at(TTL)), 0);
	ck_assert_str_eq(ended(TTL), "b;");
	ck_assert_int_eq(leases_next_ms(l, at(TTL)), LEASES_AGAIN_MS);
}
END_TEST

/*
 * Two leaders and a worker, at random times: when the second leader takes the
 * lease for ended, the worker's own deadline has passed.
 */
START_TEST(a_lease_outlives_the_worker_s_deadline_across_leaders)
{
	GRand *rnd = g_rand_new_with_seed((guint32)_i);
	int64_t deadline = TTL, now = 0, sent, elected;
	uint64_t seq = 1;

	leases_begin(l, "w", 1, TTL, at(0)); /* the hello, sent at 0 */
	for (int i = 0; i < 20; i++) {
		now += g_rand_int_range(rnd, 1, TTL / 3);
		sent = now - g_rand_int_range(rnd, 0, 500);
		leases_beat(l, "w", 1, ++seq, 0);
		leases_ask(l);
		now += g_rand_int_range(rnd, 0, 900);
		if (*confirmed(now) != '\0')
			deadline = sent + TTL;
	}
	/* Its last question was answered before the other one led. */
	elected = now + g_rand_int_range(rnd, 0, 2000);
	leases_clear(l);
	leases_adopt(l, "w", TTL, at(elected));
	while (*ended(now) == '\0')
		now += 10;
	ck_assert_int_gt(now, deadline);
	g_rand_free(rnd);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("master/session/leases");
	TCase *tc = tcase_create("leases");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(
	    tc, only_what_arrived_before_the_question_is_acknowledged);
	tcase_add_test(tc, a_lease_ends_a_ttl_after_the_newest_acknowledgement);
	tcase_add_test(tc, no_acknowledgement_follows_an_end);
	tcase_add_test(tc, a_heartbeat_that_waits_keeps_its_lease_from_ending);
	tcase_add_test(tc, an_end_is_told_again_until_it_is_dealt_with);
	tcase_add_test(tc, only_the_newest_session_of_a_worker_counts);
	tcase_add_test(
	    tc, a_new_session_with_a_shorter_ttl_does_not_end_a_lease_sooner);
	tcase_add_test(tc, a_longer_time_is_acknowledged_when_etcd_has_it);
	tcase_add_test(tc, a_time_that_etcd_does_not_get_keeps_no_lease);
	tcase_add_test(tc, a_shorter_time_of_the_same_session_counts_at_once);
	tcase_add_test(tc, what_another_session_was_told_lasts);
	tcase_add_loop_test(
	    tc, changing_times_outlive_the_deadline_across_leaders, 0, 200);
	tcase_add_test(tc, a_found_lease_has_its_whole_time);
	tcase_add_test(tc, time_that_does_not_count_moves_the_ends);
	tcase_add_test(tc, the_next_end_is_known);
	tcase_add_loop_test(
	    tc, a_lease_outlives_the_worker_s_deadline_across_leaders, 0, 50);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
