/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/http/conns.c. */
#include "lib/http/conns.h"

#include <check.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PLACES 3

static struct dm_http_conns *conns;
static int ours[PLACES + 1], theirs[PLACES + 1];
static struct dm_http_conn *conn[PLACES + 1];

static void
start_with(int64_t limit_ms)
{
	conns = dm_http_conns_new(PLACES, limit_ms);
	for (int i = 0; i < PLACES + 1; i++) {
		int pair[2];

		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		ours[i] = pair[0];
		theirs[i] = pair[1];
		conn[i] = NULL;
	}
}

static void
start(void)
{
	start_with(60000);
}

static void
stop(void)
{
	for (int i = 0; i < PLACES + 1; i++) {
		if (conn[i] != NULL)
			dm_http_conns_remove(conns, conn[i]);
		close(ours[i]);
		close(theirs[i]);
	}
	dm_http_conns_free(conns);
}

static void
come(int i)
{
	ck_assert(dm_http_conns_admit(conns));
	conn[i] = dm_http_conns_add(conns, ours[i]);
}

static void
come_all(void)
{
	for (int i = 0; i < PLACES; i++)
		come(i);
}

static bool
was_dropped(int i)
{
	char c;

	return recv(theirs[i], &c, 1, MSG_DONTWAIT) == 0;
}

START_TEST(there_is_room_up_to_the_limit)
{
	come_all();
	ck_assert_uint_eq(dm_http_conns_count(conns), PLACES);
	for (int i = 0; i < PLACES; i++)
		ck_assert(!was_dropped(i));
}
END_TEST

START_TEST(the_longest_waiting_makes_room)
{
	come_all();
	/* Number 0 has had a request: its time begins anew. */
	dm_http_conn_set_busy(conns, conn[0], true);
	dm_http_conn_set_busy(conns, conn[0], false);
	come(PLACES);
	ck_assert(!was_dropped(0));
	ck_assert(was_dropped(1));
	ck_assert(!was_dropped(2));
	ck_assert_uint_eq(dm_http_conns_count(conns), PLACES);
}
END_TEST

START_TEST(one_that_is_busy_is_not_dropped)
{
	come_all();
	dm_http_conn_set_busy(conns, conn[0], true);
	dm_http_conn_set_busy(conns, conn[1], true);
	come(PLACES);
	ck_assert(!was_dropped(0));
	ck_assert(!was_dropped(1));
	ck_assert(was_dropped(2));
}
END_TEST

START_TEST(nobody_is_admitted_when_all_are_busy)
{
	come_all();
	for (int i = 0; i < PLACES; i++)
		dm_http_conn_set_busy(conns, conn[i], true);
	ck_assert(!dm_http_conns_admit(conns));
	dm_http_conn_set_busy(conns, conn[1], false);
	ck_assert(dm_http_conns_admit(conns));
	ck_assert(was_dropped(1));
}
END_TEST

START_TEST(a_removed_one_leaves_its_place)
{
	come_all();
	dm_http_conns_remove(conns, DM_TAKE(conn[2]));
	come(PLACES);
	ck_assert(!was_dropped(0));
	ck_assert(!was_dropped(1));
}
END_TEST

START_TEST(a_dropped_one_is_removed_later)
{
	come_all();
	come(PLACES);
	ck_assert(was_dropped(0));
	/* Its handler ends only now. */
	dm_http_conn_set_busy(conns, conn[0], false);
	dm_http_conns_remove(conns, DM_TAKE(conn[0]));
	ck_assert_uint_eq(dm_http_conns_count(conns), PLACES);
}
END_TEST

START_TEST(the_slow_are_dropped_before_the_limit)
{
	struct timespec ms20 = { 0, 20000000 };

	stop();
	start_with(10);
	come(0);
	nanosleep(&ms20, NULL);
	come(1);
	ck_assert(was_dropped(0));
	ck_assert(!was_dropped(1));
	dm_http_conn_set_busy(conns, conn[1], true);
	nanosleep(&ms20, NULL);
	come(2);
	ck_assert(!was_dropped(1));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/http/conns");
	TCase *tc = tcase_create("conns");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, there_is_room_up_to_the_limit);
	tcase_add_test(tc, the_longest_waiting_makes_room);
	tcase_add_test(tc, one_that_is_busy_is_not_dropped);
	tcase_add_test(tc, nobody_is_admitted_when_all_are_busy);
	tcase_add_test(tc, a_removed_one_leaves_its_place);
	tcase_add_test(tc, a_dropped_one_is_removed_later);
	tcase_add_test(tc, the_slow_are_dropped_before_the_limit);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
