/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of master/sched/sched_status.c and master/pb.c: one source with a
 * worker and a report that each case fills. */
#include "master/pb.h"
#include "master/sched/sched_status.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct sched_core *core;
static struct sched_source *src;
static int64_t now_ms;

static struct dm_err *
commit(const struct dm_ha_batch *b, int64_t *revision, void *arg)
{
	static int64_t last;

	(void)b;
	(void)arg;
	*revision = ++last;
	return NULL;
}

static void
ttl(const char *worker, int64_t ttl_ms, void *arg)
{
	(void)worker;
	(void)ttl_ms;
	(void)arg;
}

static void
welcome(uint64_t session, uint64_t cluster_id, void *arg)
{
	(void)session;
	(void)cluster_id;
	(void)arg;
}

static void
push(uint64_t session, const Dm__V1__Desired *d, void *arg)
{
	(void)session;
	(void)d;
	(void)arg;
}

static void
lease(const char *worker, uint64_t session, int64_t ttl_ms, void *arg)
{
	(void)worker;
	(void)session;
	(void)ttl_ms;
	(void)arg;
}

static void
drop(uint64_t session, const char *why, void *arg)
{
	(void)session;
	(void)why;
	(void)arg;
}

static void
staged(const char *worker, enum sched_stage s, bool gone, void *arg)
{
	(void)worker;
	(void)s;
	(void)gone;
	(void)arg;
}

static struct dm_mono
at(int64_t ms)
{
	return (struct dm_mono){ .ns = ms * 1000000 };
}

static struct dm_mono
now(void *arg)
{
	(void)arg;
	return at(now_ms);
}

static void
ok(struct dm_err *err)
{
	g_autofree char *text = err == NULL ? NULL : dm_err_text(err);

	ck_assert_msg(err == NULL, "%s", text);
}

static void
go_offline(const char *worker)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autofree char *name = g_strdup(worker);

	g_ptr_array_add(names, name);
	ok(sched_offline(core, names));
}

static void
setup(void)
{
	static const struct sched_ops ops = { commit, lease, welcome, push,
		drop, ttl, staged, now };
	struct sched_hello h = { .session = 1,
		.name = "w1",
		.addr = "h:1",
		.ttl_ms = 60000,
		.join_time = "" };
	g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
	struct sched_start s = { "t", "name: t", "", ids, false };

	g_ptr_array_add(ids, g_strdup("s1"));
	core = sched_core_new(&ops, NULL);
	ck_assert_uint_eq(sched_online_some(core, &h, 1), 1);
	ok(h.err);
	ok(sched_source_add(core, "s1", "yaml", ""));
	ok(sched_task_start(core, &s));
	src = sched_source_get(core, "s1");
	now_ms = 0;
}

static void
teardown(void)
{
	sched_core_free(core);
}

/* The worker reports this stage of t ("" instead of t: no subtask). */
static void
report(const char *task, Pb__Stage stage, int64_t revision, bool error)
{
	Dm__V1__Report *r = PB_NEW(Dm__V1__Report, dm__v1__report__init);
	Dm__V1__SourceReport *s =
	    PB_NEW(Dm__V1__SourceReport, dm__v1__source_report__init);
	Pb__SubTaskStatus *st = NULL;
	Pb__ProcessError *e;

	s->source = g_strdup("s1");
	s->epoch = (uint64_t)src->epoch;
	r->revision = revision;
	PB_APPEND(r->sources, r->n_sources, s);
	if (*task != '\0') {
		st = PB_NEW(Pb__SubTaskStatus, pb__sub_task_status__init);
		st->name = g_strdup(task);
		st->stage = stage;
		PB_APPEND(s->subtasks, s->n_subtasks, st);
	}
	if (error && st != NULL) {
		e = PB_NEW(Pb__ProcessError, pb__process_error__init);
		e->errcode = 36027;
		e->errclass = g_strdup("sync-unit");
		e->message = g_strdup("a \"b\"\n");
		st->result =
		    PB_NEW(Pb__ProcessResult, pb__process_result__init);
		PB_APPEND(st->result->errors, st->result->n_errors, e);
	}
	sched_report(core, 1, r);
	pb_free(&r->base);
}

static Pb__QueryStatusListResponse *
query(const char *task, const char *source)
{
	Pb__QueryStatusListRequest req;
	g_autofree char *t = g_strdup(task), *s = g_strdup(source);

	pb__query_status_list_request__init(&req);
	req.name = t;
	if (source != NULL) {
		req.sources = &s;
		req.n_sources = 1;
	}
	return sched_query_status(core, &req);
}

START_TEST(a_subtask_without_a_report_is_new)
{
	Pb__QueryStatusListResponse *r = query("", NULL);

	ck_assert(r->result);
	ck_assert_uint_eq(r->n_sources, 1);
	ck_assert(r->sources[0]->result);
	ck_assert_str_eq(r->sources[0]->sourcestatus->source, "s1");
	ck_assert_str_eq(r->sources[0]->sourcestatus->worker, "w1");
	ck_assert_uint_eq(r->sources[0]->n_subtaskstatus, 1);
	ck_assert_int_eq(
	    r->sources[0]->subtaskstatus[0]->stage, PB__STAGE__New);
	pb_free(&r->base);
}
END_TEST

START_TEST(the_reported_state_is_shown)
{
	Pb__QueryStatusListResponse *r;

	report("t", PB__STAGE__Running, 9, false);
	r = query("t", NULL);
	ck_assert_int_eq(
	    r->sources[0]->subtaskstatus[0]->stage, PB__STAGE__Running);
	pb_free(&r->base);
	r = query("other", "s1");
	ck_assert_str_eq(r->sources[0]->subtaskstatus[0]->msg,
	    "no sub task with name other has started");
	pb_free(&r->base);
}
END_TEST

START_TEST(unknown_names_are_told)
{
	Pb__QueryStatusListResponse *r = query("", "s9");

	ck_assert(!r->result);
	ck_assert_str_eq(r->msg, "sources [s9] haven't been added");
	pb_free(&r->base);
	r = query("x", NULL);
	ck_assert_str_eq(r->msg, "task x has no source or not exist");
	pb_free(&r->base);
}
END_TEST

START_TEST(without_a_worker_the_entry_says_so)
{
	Pb__QueryStatusListResponse *r;

	sched_closed(core, 1);
	r = query("t", NULL);
	ck_assert(r->result && !r->sources[0]->result);
	ck_assert_ptr_nonnull(strstr(r->sources[0]->msg, "code=38008"));
	pb_free(&r->base);
	go_offline("w1");
	r = query("t", NULL);
	ck_assert_ptr_nonnull(strstr(r->sources[0]->msg, "[code=38029:"));
	ck_assert_ptr_nonnull(strstr(r->sources[0]->msg,
	    "Message: s1 relevant worker-client not found"));
	pb_free(&r->base);
	r = query("", NULL);
	ck_assert_str_eq(
	    r->sources[0]->sourcestatus->worker, "source not bound");
	pb_free(&r->base);
}
END_TEST

/* What the judge says: 'w' not yet, 't' true, 'f' false, 'e' true with error
 * text, 'x' false with one. */
static char
judge(enum sched_goal goal, int64_t revision)
{
	struct sched_want want = {
		.goal = goal, .task = "t", .revision = revision, .since = at(0)
	};
	Pb__CommonWorkerResponse *r;
	char c;

	/* What the operation has made of the expected state. */
	if (goal == SCHED_GOAL_DELETE)
		g_hash_table_remove(src->subtasks, "t");
	else if (goal == SCHED_GOAL_PAUSE)
		sched_subtask_get(src, "t")->stage = PB__STAGE__Paused;
	r = sched_judge(core, &want, "s1", "w1");

	if (r == NULL)
		return 'w';
	if (*r->msg == '\0')
		c = r->result ? 't' : 'f';
	else
		c = r->result ? 'e' : 'x';
	pb_free(&r->base);
	return c;
}

static const struct {
	enum sched_goal goal;
	const char *task;
	Pb__Stage stage;
	int64_t revision; /* of the report; the operation's is 10 */
	bool error;
	int64_t after_ms;
	char want;
} cases[] = {
	{ SCHED_GOAL_RUN, "t", PB__STAGE__Running, 10, false, 1, 't' },
	{ SCHED_GOAL_RUN, "t", PB__STAGE__Finished, 11, false, 1, 't' },
	{ SCHED_GOAL_RUN, "t", PB__STAGE__Running, 9, false, 1, 'w' },
	{ SCHED_GOAL_RUN, "t", PB__STAGE__New, 10, false, 1, 'w' },
	{ SCHED_GOAL_RUN, "", PB__STAGE__New, 10, false, 1, 'w' },
	/* The error that paused it before the resume is no answer. */
	{ SCHED_GOAL_RUN, "t", PB__STAGE__Paused, 9, true, 5000, 'w' },
	{ SCHED_GOAL_RUN, "t", PB__STAGE__Paused, 10, true, 1, 'x' },
	{ SCHED_GOAL_RUN, "t", PB__STAGE__Paused, 0, true, 1, 'w' },
	{ SCHED_GOAL_RUN, "t", PB__STAGE__Paused, 0, true, 2000, 'x' },
	{ SCHED_GOAL_RUN, "t", PB__STAGE__Running, 0, false, 1, 't' },
	{ SCHED_GOAL_PAUSE, "t", PB__STAGE__Running, 10, false, 1, 'w' },
	{ SCHED_GOAL_PAUSE, "t", PB__STAGE__Paused, 10, false, 1, 't' },
	{ SCHED_GOAL_PAUSE, "t", PB__STAGE__Paused, 10, true, 1, 'e' },
	{ SCHED_GOAL_DELETE, "t", PB__STAGE__Stopped, 10, false, 1, 'w' },
	{ SCHED_GOAL_DELETE, "", PB__STAGE__New, 10, false, 1, 't' },
	{ SCHED_GOAL_DELETE, "", PB__STAGE__New, 9, false, 1, 'w' },
	{ SCHED_GOAL_SOURCE, "", PB__STAGE__New, 9, false, 1, 't' },
	{ SCHED_GOAL_SOURCE_GONE, "", PB__STAGE__New, 9, false, 1, 'w' },
};

START_TEST(outcomes_are_judged_by_reports_that_are_new_enough)
{
	now_ms = cases[_i].after_ms;
	report(cases[_i].task, cases[_i].stage, cases[_i].revision,
	    cases[_i].error);
	ck_assert_int_eq(judge(cases[_i].goal, 10), cases[_i].want);
}
END_TEST

START_TEST(an_error_of_the_worker_comes_as_38032)
{
	struct sched_want want = {
		.goal = SCHED_GOAL_RUN, .task = "t", .revision = 10
	};
	Pb__CommonWorkerResponse *r;

	now_ms = 1;
	report("t", PB__STAGE__Paused, 10, true);
	r = sched_judge(core, &want, "s1", "w1");
	ck_assert_ptr_nonnull(r);
	ck_assert(!r->result);
	ck_assert_ptr_nonnull(strstr(r->msg, "[code=38032:"));
	ck_assert_ptr_nonnull(
	    strstr(r->msg, "Workaround: see the reason with `query-status"));
	pb_free(&r->base);
}
END_TEST

START_TEST(what_did_not_come_in_time_is_38045)
{
	Pb__CommonWorkerResponse *r = sched_judge_late(core, "s1", "");

	ck_assert(!r->result);
	ck_assert_str_eq(r->source, "s1");
	ck_assert_str_eq(r->worker, "w1");
	ck_assert_ptr_nonnull(strstr(r->msg, "[code=38045:"));
	pb_free(&r->base);
}
END_TEST

START_TEST(nothing_is_reached_without_a_report_or_a_worker)
{
	ck_assert_int_eq(judge(SCHED_GOAL_RUN, 1), 'w');
	ck_assert_int_eq(judge(SCHED_GOAL_SOURCE, 1), 'w');
	ck_assert_int_eq(judge(SCHED_GOAL_SOURCE_GONE, 1), 't');
	go_offline("w1");
	ck_assert_int_eq(judge(SCHED_GOAL_RUN, 1), 'x');
}
END_TEST

/* The text of a judgement that another command made impossible. */
static char *
overtaken(enum sched_goal goal)
{
	struct sched_want want = { .goal = goal, .task = "t" };
	Pb__CommonWorkerResponse *r = sched_judge(core, &want, "s1", "w1");
	char *text;

	ck_assert_ptr_nonnull(r);
	ck_assert(!r->result);
	ck_assert_ptr_nonnull(strstr(r->msg, "code=38045"));
	text = g_strdup(r->msg);
	pb_free(&r->base);
	return text;
}

START_TEST(an_operation_that_another_one_overtook_says_so_at_once)
{
	g_autofree char *paused = NULL, *started = NULL, *stopped = NULL;

	report("t", PB__STAGE__Running, 10, false);
	started = overtaken(SCHED_GOAL_DELETE);
	ck_assert_ptr_nonnull(strstr(started, "has started task t"));
	sched_subtask_get(src, "t")->stage = PB__STAGE__Paused;
	paused = overtaken(SCHED_GOAL_RUN);
	ck_assert_ptr_nonnull(strstr(paused, "changed the stage of task t"));
	g_hash_table_remove(src->subtasks, "t");
	stopped = overtaken(SCHED_GOAL_RUN);
	ck_assert_ptr_nonnull(strstr(stopped, "has stopped task t"));
}
END_TEST

START_TEST(a_silent_worker_is_told_with_the_age_of_its_state)
{
	Pb__QueryStatusListResponse *r;

	now_ms = 1000;
	report("t", PB__STAGE__Running, 10, false);
	now_ms = 4000;
	r = query("t", NULL);
	ck_assert(r->sources[0]->result);
	ck_assert_uint_eq(r->sources[0]->n_subtaskstatus, 1);
	pb_free(&r->base);
	now_ms = 6100;
	r = query("t", NULL);
	ck_assert(r->result && !r->sources[0]->result);
	ck_assert_uint_eq(r->sources[0]->n_subtaskstatus, 0);
	ck_assert_ptr_nonnull(strstr(r->sources[0]->msg,
	    "dm-worker w1 has not reported for 5 s; last known state: "
	    "t Running"));
	pb_free(&r->base);
	report("t", PB__STAGE__Running, 10, false);
	r = query("t", NULL);
	ck_assert(r->sources[0]->result);
	pb_free(&r->base);
}
END_TEST

START_TEST(a_worker_is_listed_with_all_its_sources)
{
	struct sched_hello h = { .session = 1,
		.name = "w1",
		.addr = "h:1",
		.max_sources = 2,
		.ttl_ms = 60000,
		.join_time = "" };
	Pb__ListWorkerMember *m;

	ck_assert_uint_eq(sched_online_some(core, &h, 1), 1);
	ok(h.err);
	ok(sched_source_add(core, "s2", "yaml", ""));
	ok(sched_register(core, "w2", "h:2"));
	m = sched_list_workers(core, NULL, 0);
	ck_assert_uint_eq(m->n_workers, 2);
	ck_assert_str_eq(m->workers[0]->source, "s1, s2");
	ck_assert_str_eq(m->workers[0]->stage, "bound");
	ck_assert_str_eq(m->workers[1]->source, "");
	ck_assert_str_eq(m->workers[1]->stage, "offline");
	pb_free(&m->base);
}
END_TEST

START_TEST(process_errors_are_printed_as_protobuf_text)
{
	g_autofree char *text = NULL;

	report("t", PB__STAGE__Paused, 10, true);
	text = pb_errors_text(src->report->subtasks[0]->result->errors, 1);
	ck_assert_str_eq(text, "ErrCode:36027 ErrClass:\"sync-unit\" "
			       "Message:\"a \\\"b\\\"\\n\" ");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("master/sched/status");
	TCase *tc = tcase_create("status");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_subtask_without_a_report_is_new);
	tcase_add_test(tc, the_reported_state_is_shown);
	tcase_add_test(tc, unknown_names_are_told);
	tcase_add_test(tc, without_a_worker_the_entry_says_so);
	tcase_add_loop_test(tc,
	    outcomes_are_judged_by_reports_that_are_new_enough, 0,
	    (int)DM_ARRAY_SIZE(cases));
	tcase_add_test(tc, an_error_of_the_worker_comes_as_38032);
	tcase_add_test(tc, what_did_not_come_in_time_is_38045);
	tcase_add_test(tc, nothing_is_reached_without_a_report_or_a_worker);
	tcase_add_test(
	    tc, an_operation_that_another_one_overtook_says_so_at_once);
	tcase_add_test(tc, a_silent_worker_is_told_with_the_age_of_its_state);
	tcase_add_test(tc, a_worker_is_listed_with_all_its_sources);
	tcase_add_test(tc, process_errors_are_printed_as_protobuf_text);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
