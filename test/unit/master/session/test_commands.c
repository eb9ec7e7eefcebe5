/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of master/session/commands.c; the fake workers answer while they
 * are sent to, or from another thread. */
#include "master/session/commands.h"

#include "lib/base/clock.h"
#include "lib/thread/mutex.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct commands *cs;
static Dm__V1__Command msgs[4];
static struct command_call calls[4];

static void
setup(void)
{
	cs = commands_new();
	memset(calls, 0, sizeof(calls));
	for (size_t i = 0; i < DM_ARRAY_SIZE(calls); i++) {
		dm__v1__command__init(&msgs[i]);
		calls[i].session = i + 1;
		calls[i].msg = &msgs[i];
	}
}

static void
teardown(void)
{
	for (size_t i = 0; i < DM_ARRAY_SIZE(calls); i++) {
		g_free(calls[i].text);
		dm_err_free(calls[i].err);
	}
	commands_free(cs);
}

static void
reply(uint64_t session, uint64_t request, bool result, const char *text)
{
	Dm__V1__Reply r;
	g_autofree char *copy = g_strdup(text);

	dm__v1__reply__init(&r);
	r.request = request;
	r.result = result;
	r.msg = copy;
	commands_reply(cs, session, &r);
}

static bool
answer_at_once(uint64_t session, Dm__V1__Command *msg, void *arg)
{
	g_autofree char *text = g_strdup_printf("from %d", (int)session);

	(void)arg;
	reply(session, msg->request, session != 2, text);
	return true;
}

START_TEST(each_call_gets_its_own_answer)
{
	commands_run(cs, calls, 3, 5000, NULL, answer_at_once, NULL);
	ck_assert_str_eq(calls[0].text, "from 1");
	ck_assert(calls[0].result);
	ck_assert_str_eq(calls[1].text, "from 2");
	ck_assert(!calls[1].result);
	ck_assert_str_eq(calls[2].text, "from 3");
	for (int i = 0; i < 3; i++)
		ck_assert_ptr_null(calls[i].err);
}
END_TEST

START_TEST(no_calls_wait_for_nobody)
{
	commands_run(cs, calls, 0, 600000, NULL, answer_at_once, NULL);
}
END_TEST

static bool
not_there(uint64_t session, Dm__V1__Command *msg, void *arg)
{
	(void)session;
	(void)msg;
	(*(unsigned *)arg)++;
	return false;
}

static void
check_failed(const struct command_call *call, const char *why)
{
	ck_assert_ptr_null(call->text);
	ck_assert(dm_err_is(call->err, MASTER_GRPC_REQUEST_ERROR));
	ck_assert_msg(
	    strstr(call->err->cause, why) != NULL, "%s", call->err->cause);
}

START_TEST(a_worker_without_a_session_is_not_asked)
{
	unsigned asked = 0;

	calls[0].session = 0;
	commands_run(cs, calls, 2, 600000, NULL, not_there, &asked);
	ck_assert_uint_eq(asked, 1);
	check_failed(&calls[0], "is not connected");
	check_failed(&calls[1], "is not connected");
}
END_TEST

static bool
silent(uint64_t session, Dm__V1__Command *msg, void *arg)
{
	(void)session;
	(void)msg;
	(void)arg;
	return true;
}

START_TEST(who_is_silent_is_given_up)
{
	commands_run(cs, calls, 1, 20, NULL, silent, NULL);
	check_failed(&calls[0], "has not answered within 0 s");
	/* What comes later belongs to nobody. */
	reply(1, msgs[0].request, true, "late");
	ck_assert_ptr_null(calls[0].text);
}
END_TEST

START_TEST(a_client_that_went_away_ends_the_wait)
{
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);

	dm_cancel_now(c);
	commands_run(cs, calls, 1, 600000, c, silent, NULL);
	check_failed(&calls[0], "has not answered");
}
END_TEST

static bool
another_answers(uint64_t session, Dm__V1__Command *msg, void *arg)
{
	(void)arg;
	reply(session + 100, msg->request, true, "not mine");
	reply(session, msg->request + 100, true, "not asked");
	return true;
}

START_TEST(nobody_answers_for_another)
{
	commands_run(cs, calls, 1, 20, NULL, another_answers, NULL);
	check_failed(&calls[0], "has not answered");
}
END_TEST

static bool
lose_session(uint64_t session, Dm__V1__Command *msg, void *arg)
{
	(void)msg;
	(void)arg;
	if (session == 2)
		commands_lost(cs, session);
	else
		reply(session, msg->request, true, "well");
	return true;
}

START_TEST(a_session_that_ends_takes_only_its_own)
{
	commands_run(cs, calls, 3, 600000, NULL, lose_session, NULL);
	ck_assert_str_eq(calls[0].text, "well");
	check_failed(&calls[1], "was lost before it answered");
	ck_assert_str_eq(calls[2].text, "well");
}
END_TEST

static void *
answer_later(void *arg)
{
	const Dm__V1__Command *msg = arg;
	struct dm_err *err = dm_cancel_sleep_ms(NULL, 30);

	ck_assert_ptr_null(err);
	reply(1, msg->request, true, "at last");
	return NULL;
}

static pthread_t thread;

static bool
answer_by_thread(uint64_t session, Dm__V1__Command *msg, void *arg)
{
	(void)session;
	(void)arg;
	thread = dm_thread_start("answer", answer_later, msg);
	return true;
}

START_TEST(an_answer_wakes_who_waits)
{
	commands_run(cs, calls, 1, 600000, NULL, answer_by_thread, NULL);
	pthread_join(thread, NULL);
	ck_assert_str_eq(calls[0].text, "at last");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("master/session/commands");
	TCase *tc = tcase_create("commands");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, each_call_gets_its_own_answer);
	tcase_add_test(tc, no_calls_wait_for_nobody);
	tcase_add_test(tc, a_worker_without_a_session_is_not_asked);
	tcase_add_test(tc, who_is_silent_is_given_up);
	tcase_add_test(tc, a_client_that_went_away_ends_the_wait);
	tcase_add_test(tc, nobody_answers_for_another);
	tcase_add_test(tc, a_session_that_ends_takes_only_its_own);
	tcase_add_test(tc, an_answer_wakes_who_waits);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
