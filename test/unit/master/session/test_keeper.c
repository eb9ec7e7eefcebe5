/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of master/session/keeper.c: the thread, with an etcd of ours. */
#include "master/session/keeper.h"

#include "lib/base/clock.h"
#include "lib/thread/mutex.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 60000

static struct {
	struct dm_mutex mu;
	pthread_cond_t cond;
	struct keeper *keeper;
	bool etcd_down;
	int questions;
	uint64_t session, acked;
	GString *expired; /* "w1;" */
	GString *ttls;    /* "w1:1000;" */
} f;

static struct dm_err *
on_confirm(void *arg)
{
	bool down;

	(void)arg;
	dm_mutex_lock(&f.mu);
	f.questions++;
	down = f.etcd_down;
	pthread_cond_broadcast(&f.cond);
	dm_mutex_unlock(&f.mu);
	return down ? dm_err_plain("down") : NULL;
}

static void
on_ack(uint64_t session, uint64_t seq, void *arg)
{
	(void)arg;
	dm_mutex_lock(&f.mu);
	f.session = session;
	f.acked = seq;
	pthread_cond_broadcast(&f.cond);
	dm_mutex_unlock(&f.mu);
}

static void
on_ttl(const char *worker, int64_t ttl_ms, void *arg)
{
	(void)arg;
	dm_mutex_lock(&f.mu);
	g_string_append_printf(f.ttls, "%s:%d;", worker, (int)ttl_ms);
	pthread_cond_broadcast(&f.cond);
	dm_mutex_unlock(&f.mu);
}

static void
on_expired(GPtrArray *workers, void *arg)
{
	(void)arg;
	dm_mutex_lock(&f.mu);
	for (guint i = 0; i < workers->len; i++)
		g_string_append_printf(
		    f.expired, "%s;", (char *)workers->pdata[i]);
	pthread_cond_broadcast(&f.cond);
	dm_mutex_unlock(&f.mu);
	g_ptr_array_unref(workers);
}

static void
setup(void)
{
	static const struct keeper_env env = { on_confirm, on_ack, on_ttl,
		on_expired, NULL };

	memset(&f, 0, sizeof(f));
	dm_mutex_init(&f.mu, 900);
	dm_cond_init(&f.cond);
	f.expired = g_string_new(NULL);
	f.ttls = g_string_new(NULL);
	f.keeper = keeper_start(&env);
}

static void
teardown(void)
{
	keeper_stop(f.keeper);
	keeper_free(f.keeper);
	g_string_free(f.expired, TRUE);
	g_string_free(f.ttls, TRUE);
	pthread_cond_destroy(&f.cond);
	dm_mutex_fini(&f.mu);
}

static void
await_ack(uint64_t session, uint64_t seq)
{
	bool in_time = true;

	dm_mutex_lock(&f.mu);
	while (in_time && (f.session != session || f.acked != seq))
		in_time = dm_cond_wait_ms(&f.cond, &f.mu, WAIT_MS);
	dm_mutex_unlock(&f.mu);
	ck_assert_msg(in_time, "no acknowledgement");
}

static void
await_questions(int more)
{
	bool in_time = true;
	int wanted;

	dm_mutex_lock(&f.mu);
	wanted = f.questions + more;
	while (in_time && f.questions < wanted)
		in_time = dm_cond_wait_ms(&f.cond, &f.mu, WAIT_MS);
	dm_mutex_unlock(&f.mu);
	ck_assert_msg(in_time, "etcd is not asked");
}

/* What has ended since the last call begins with text. */
static void
await_expired(const char *text)
{
	bool in_time = true;

	dm_mutex_lock(&f.mu);
	while (in_time && !g_str_has_prefix(f.expired->str, text))
		in_time = dm_cond_wait_ms(&f.cond, &f.mu, WAIT_MS);
	g_string_truncate(f.expired, 0);
	dm_mutex_unlock(&f.mu);
	ck_assert_msg(in_time, "%s did not expire", text);
}

static void
set_etcd_down(bool down)
{
	dm_mutex_lock(&f.mu);
	f.etcd_down = down;
	dm_mutex_unlock(&f.mu);
}

START_TEST(a_heartbeat_is_acknowledged_when_etcd_has_been_asked)
{
	keeper_begin(f.keeper, "w", 3, 60000);
	keeper_beat(f.keeper, "w", 3, 2, 0);
	await_ack(3, 2);
	ck_assert_int_ge(f.questions, 1);
	keeper_beat(f.keeper, "w", 3, 3, 0);
	await_ack(3, 3);
}
END_TEST

START_TEST(many_heartbeats_are_few_questions)
{
	for (int i = 0; i < 1000; i++) {
		g_autofree char *name = g_strdup_printf("w%d", i);

		keeper_begin(f.keeper, name, (uint64_t)i + 1, 60000);
		keeper_beat(f.keeper, name, (uint64_t)i + 1, 2, 0);
	}
	keeper_begin(f.keeper, "last", 5000, 60000);
	keeper_beat(f.keeper, "last", 5000, 2, 0);
	await_questions(1);
	keeper_beat(f.keeper, "last", 5000, 3, 0);
	await_questions(1);
	ck_assert_int_lt(f.questions, 100);
}
END_TEST

START_TEST(without_etcd_nothing_is_acknowledged_and_nothing_ends)
{
	set_etcd_down(true);
	keeper_begin(f.keeper, "alive", 1, 1000);
	keeper_begin(f.keeper, "gone", 2, 1000);
	keeper_beat(f.keeper, "alive", 1, 2, 0);
	await_questions(10); /* longer than the leases */
	dm_mutex_lock(&f.mu);
	ck_assert_uint_eq(f.acked, 0);
	ck_assert_str_eq(f.expired->str, "");
	dm_mutex_unlock(&f.mu);
	ck_assert(!keeper_expired(f.keeper, "gone"));
	set_etcd_down(false);
	await_ack(1, 2);
	keeper_end(f.keeper, "alive");
	await_expired("gone;");
	ck_assert(keeper_expired(f.keeper, "gone"));
}
END_TEST

START_TEST(a_lease_without_heartbeats_ends)
{
	keeper_adopt(f.keeper, "found", 300);
	await_expired("found;");
	await_expired("found;"); /* until it is dealt with */
	keeper_end(f.keeper, "found");
	ck_assert(!keeper_expired(f.keeper, "found"));
	keeper_begin(f.keeper, "w", 1, 2000);
	keeper_clear(f.keeper);
	keeper_begin(f.keeper, "x", 1, 4000);
	await_expired("x;");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("master/session/keeper");
	TCase *tc = tcase_create("keeper");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(
	    tc, a_heartbeat_is_acknowledged_when_etcd_has_been_asked);
	tcase_add_test(tc, many_heartbeats_are_few_questions);
	tcase_add_test(
	    tc, without_etcd_nothing_is_acknowledged_and_nothing_ends);
	tcase_add_test(tc, a_lease_without_heartbeats_ends);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
