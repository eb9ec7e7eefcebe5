/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of master/sched: several sources of one worker, other
 * configurations, commands that meet. */
#include "test/unit/master/sched/fixture.h"

/* ---- several sources ---- */

START_TEST(a_worker_takes_as_many_sources_as_it_says)
{
	hello_max = 2;
	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	ok(sched_source_add(f.c, "s2", "b", ""));
	ok(sched_source_add(f.c, "s3", "c", ""));
	ck_assert_str_eq(bound("s1"), "w1");
	ck_assert_str_eq(bound("s2"), "w1");
	ck_assert_str_eq(bound("s3"), "");
	ck_assert_uint_eq(f.desired[1]->n_sources, 2);
	fails(sched_transfer(f.c, "s3", "w1"),
	    DM_ERR_SCHEDULER_WORKER_INVALID_TRANS);
	restart();
	ck_assert_str_eq(bound("s1"), "w1");
	ck_assert_str_eq(bound("s2"), "w1");
	ck_assert_str_eq(bound("s3"), "");
}
END_TEST

START_TEST(sources_spread_over_the_workers_with_the_fewest)
{
	hello_max = 3;
	hello("w1", 1, NULL, 0);
	hello("w2", 2, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	ok(sched_source_add(f.c, "s2", "b", ""));
	ok(sched_source_add(f.c, "s3", "c", ""));
	ok(sched_source_add(f.c, "s4", "d", ""));
	ck_assert_uint_eq(sched_worker_get(f.c, "w1")->sources->len, 2);
	ck_assert_uint_eq(sched_worker_get(f.c, "w2")->sources->len, 2);
}
END_TEST

START_TEST(all_sources_of_a_lost_worker_move)
{
	hello_max = 2;
	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	ok(sched_source_add(f.c, "s2", "b", ""));
	hello("w2", 2, NULL, 0);
	expire("w1");
	ck_assert_str_eq(bound("s1"), "w2");
	ck_assert_str_eq(bound("s2"), "w2");
	ck_assert_int_eq(sched_worker_get(f.c, "w1")->stage, SCHED_OFFLINE);
	/* What runs is not taken away from w2. */
	hello("w1", 3, NULL, 0);
	ck_assert_int_eq(sched_worker_get(f.c, "w1")->stage, SCHED_FREE);
	expire("w2");
	ck_assert_str_eq(bound("s1"), "w1");
	ck_assert_str_eq(bound("s2"), "w1");
}
END_TEST

START_TEST(a_worker_that_takes_fewer_now_gives_the_rest_away)
{
	hello_max = 2;
	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	ok(sched_source_add(f.c, "s2", "b", ""));
	hello_max = 1;
	hello("w2", 2, NULL, 0);
	hello("w1", 3, NULL, 0);
	ck_assert_str_eq(bound("s1"), "w1");
	ck_assert_str_eq(bound("s2"), "w2");
	ck_assert_uint_eq(f.desired[3]->n_sources, 1);
}
END_TEST

START_TEST(a_reconnected_worker_keeps_the_epochs_it_still_holds)
{
	int64_t e1, e2;

	hello_max = 2;
	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	ok(sched_source_add(f.c, "s2", "b", ""));
	e1 = epoch("s1");
	e2 = epoch("s2");
	hello("w1", 2, "s2", e2);
	ck_assert_int_gt(epoch("s1"), e1);
	ck_assert_int_eq(epoch("s2"), e2);
}
END_TEST

/* DM: the last bound worker first. One that had several in turn goes for the
 * one it had at the end. */
START_TEST(a_worker_gets_back_the_source_it_had_at_the_end)
{
	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	hello("w2", 2, NULL, 0);
	ok(sched_transfer(f.c, "s1", "w2"));
	ok(sched_source_add(f.c, "s2", "b", "w1"));
	expire("w1");
	expire("w2");
	restart();
	hello("w1", 3, NULL, 0);
	ck_assert_str_eq(bound("s2"), "w1");
	ck_assert_str_eq(bound("s1"), "");
	hello("w3", 4, NULL, 0);
	ck_assert_str_eq(bound("s1"), "w3");
}
END_TEST

START_TEST(a_removed_source_is_forgotten_by_all_workers)
{
	bool was_bound;
	GHashTableIter it;
	gpointer k;

	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	hello("w2", 2, NULL, 0);
	ok(sched_transfer(f.c, "s1", "w2"));
	ok(sched_source_remove(f.c, "s1", &was_bound));
	g_hash_table_iter_init(&it, f.store);
	while (g_hash_table_iter_next(&it, &k, NULL))
		ck_assert_msg(
		    strstr(k, "bound") == NULL, "left: %s", (const char *)k);
}
END_TEST

START_TEST(reports_of_several_sources_are_all_taken)
{
	hello_max = 2;
	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	ok(sched_source_add(f.c, "s2", "b", ""));
	report_task(1, "s1", PB__STAGE__Running, PB__UNIT_TYPE__Sync);
	report_task(1, "s2", PB__STAGE__Paused, PB__UNIT_TYPE__Sync);
	ck_assert_int_eq(
	    sched_reported(sched_source_get(f.c, "s1"), "t")->stage,
	    PB__STAGE__Running);
	ck_assert_int_eq(
	    sched_reported(sched_source_get(f.c, "s2"), "t")->stage,
	    PB__STAGE__Paused);
	ck_assert_ptr_null(sched_reported(sched_source_get(f.c, "s2"), "u"));
}
END_TEST

/* ---- other configurations ---- */

#define TASK_HEAD                                                              \
	"name: t\ntask-mode: all\ntarget-database:\n"                          \
	"  {host: h, port: 4000, user: u, password: p}\n"
#define TASK_OLD   TASK_HEAD "mysql-instances:\n- source-id: s1\n"
#define TASK_LANES TASK_OLD "  syncer-thread: 3\n"
#define TASK_RULES                                                             \
	TASK_OLD "  route-rules: [r]\nroutes:\n  r: {schema-pattern: a, "      \
		 "target-schema: b}\n"
#define TASK_MODE                                                              \
	"name: t\ntask-mode: full\ntarget-database:\n"                         \
	"  {host: h, port: 4000, user: u, password: p}\n"                      \
	"mysql-instances:\n- source-id: s1\n"
#define TASK_TARGET                                                            \
	"name: t\ntask-mode: all\ntarget-database:\n"                          \
	"  {host: g, port: 4000, user: u, password: p}\n"                      \
	"mysql-instances:\n- source-id: s1\n"

static const struct {
	const char *yaml;
	Pb__Stage expected, reported;
	Pb__UnitType unit;
	int code; /* 0: taken */
} updates[] = {
	{ TASK_LANES, PB__STAGE__Paused, PB__STAGE__Paused, PB__UNIT_TYPE__Sync,
	    0 },
	{ TASK_RULES, PB__STAGE__Paused, PB__STAGE__Paused, PB__UNIT_TYPE__Sync,
	    0 },
	{ TASK_RULES, PB__STAGE__Stopped, PB__STAGE__Stopped,
	    PB__UNIT_TYPE__Sync, 0 },
	/* Nothing to change: also while it runs. */
	{ TASK_OLD, PB__STAGE__Running, PB__STAGE__Running, PB__UNIT_TYPE__Load,
	    0 },
	{ TASK_RULES, PB__STAGE__Running, PB__STAGE__Running,
	    PB__UNIT_TYPE__Sync, DM_ERR_SCHEDULER_SUB_TASK_CFG_UPDATE },
	/* Paused by an error: it may resume by itself. */
	{ TASK_RULES, PB__STAGE__Running, PB__STAGE__Paused,
	    PB__UNIT_TYPE__Sync, DM_ERR_SCHEDULER_SUB_TASK_CFG_UPDATE },
	/* Ordered to pause, not paused yet. */
	{ TASK_RULES, PB__STAGE__Paused, PB__STAGE__Pausing,
	    PB__UNIT_TYPE__Sync, DM_ERR_SCHEDULER_SUB_TASK_CFG_UPDATE },
	{ TASK_RULES, PB__STAGE__Paused, PB__STAGE__Paused, PB__UNIT_TYPE__Load,
	    DM_ERR_WORKER_UPDATE_SUB_TASK_CONFIG },
	{ TASK_MODE, PB__STAGE__Paused, PB__STAGE__Paused, PB__UNIT_TYPE__Sync,
	    DM_ERR_WORKER_UPDATE_SUB_TASK_CONFIG },
	{ TASK_TARGET, PB__STAGE__Paused, PB__STAGE__Paused,
	    PB__UNIT_TYPE__Sync, DM_ERR_WORKER_UPDATE_SUB_TASK_CONFIG },
};

static struct dm_err *
update(const char *task, const char *yaml, const char *a, const char *b)
{
	g_autoptr(GPtrArray) l = list(a, b);
	struct sched_start s = { task, yaml, "", l, false };

	return sched_task_update(f.c, &s);
}

START_TEST(a_task_that_rests_may_change_some_fields)
{
	g_autoptr(GPtrArray) l = list("s1", NULL);
	struct sched_start s = { "t", TASK_OLD, "", l, false };
	const Dm__V1__SubTaskAssignment *now;
	int64_t revision;
	struct dm_err *err;

	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	ok(sched_task_start(f.c, &s));
	if (updates[_i].expected != PB__STAGE__Running)
		ok(stage("t", NULL, updates[_i].expected));
	report_task(1, "s1", updates[_i].reported, updates[_i].unit);
	revision = assigned(1, 0)->revision;
	err = update("t", updates[_i].yaml, "s1", NULL);
	if (updates[_i].code == 0)
		ok(err);
	else
		fails(err, updates[_i].code);
	now = assigned(1, 0);
	ck_assert_str_eq(
	    now->config, updates[_i].code == 0 ? updates[_i].yaml : TASK_OLD);
	/* The same stage is expected as before; nothing is resumed by it. */
	ck_assert_int_eq(now->revision, revision);
	ck_assert_int_eq(now->stage, updates[_i].expected);
	restart();
	hello("w1", 2, NULL, 0);
	ck_assert_str_eq(assigned(2, 0)->config,
	    updates[_i].code == 0 ? updates[_i].yaml : TASK_OLD);
}
END_TEST

START_TEST(only_subtasks_that_exist_are_updated)
{
	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	ok(sched_source_add(f.c, "s2", "a", ""));
	fails(
	    update("t", TASK_OLD, "s1", NULL), DM_ERR_SCHEDULER_TASK_NOT_EXIST);
	ok(start("t", "s1", NULL));
	fails(update("t", "name: t\n", "s1", "s2"),
	    DM_ERR_SCHEDULER_SUB_TASK_NOT_EXIST);
	ok(stage("t", NULL, PB__STAGE__Paused));
	expire("w1");
	fails(update("t", TASK_OLD, "s1", NULL),
	    DM_ERR_SCHEDULER_SOURCES_UNBOUND);
	ok(sched_latch(f.c, "t", "RemoveMeta"));
	fails(update("t", TASK_OLD, "s1", NULL), DM_ERR_SCHEDULER_LATCH_IN_USE);
}
END_TEST

START_TEST(a_source_that_rests_may_change)
{
	int64_t before;

	hello("w1", 1, NULL, 0);
	fails(sched_source_update(f.c, "s1", "b"),
	    DM_ERR_SCHEDULER_SOURCE_CFG_NOT_EXIST);
	ok(sched_source_add(f.c, "s1", "a", ""));
	before = epoch("s1");
	ok(sched_source_update(f.c, "s1", "a"));
	ck_assert_int_eq(epoch("s1"), before);
	ok(sched_source_update(f.c, "s1", "b"));
	ck_assert_int_gt(epoch("s1"), before);
	ck_assert_str_eq(f.desired[1]->sources[0]->config, "b");
	ok(start("t", "s1", NULL));
	fails(sched_source_update(f.c, "s1", "c"),
	    DM_ERR_SCHEDULER_SOURCE_CFG_UPDATE);
	ok(stage("t", NULL, PB__STAGE__Paused));
	report_task(1, "s1", PB__STAGE__Pausing, PB__UNIT_TYPE__Sync);
	fails(sched_source_update(f.c, "s1", "c"),
	    DM_ERR_SCHEDULER_SOURCE_CFG_UPDATE);
	report_task(1, "s1", PB__STAGE__Paused, PB__UNIT_TYPE__Sync);
	before = epoch("s1");
	ok(sched_source_update(f.c, "s1", "c"));
	ck_assert_int_gt(epoch("s1"), before);
	restart();
	ck_assert_str_eq(sched_source_get(f.c, "s1")->yaml, "c");
	ck_assert_str_eq(bound("s1"), "w1");
	expire("w1");
	ok(sched_source_update(f.c, "s1", "d"));
	ck_assert_str_eq(bound("s1"), "");
}
END_TEST

/* Whatever fails to be written changes nothing that a load would not show. */
START_TEST(an_update_of_unknown_outcome_is_followed_by_a_load)
{
	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	f.fail_commits = 1;
	fails(
	    sched_source_update(f.c, "s1", "b"), DM_ERR_HA_FAIL_TXN_OPERATION);
	ck_assert_str_eq(sched_source_get(f.c, "s1")->yaml, "a");
	fails(
	    sched_source_update(f.c, "s1", "b"), DM_ERR_SCHEDULER_NOT_STARTED);
	reload();
	ok(sched_source_update(f.c, "s1", "b"));
	ck_assert_str_eq(f.desired[1]->sources[0]->config, "b");
}
END_TEST

/* ---- commands that meet ---- */

START_TEST(of_two_starts_of_one_task_one_wins)
{
	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	ok(start("t", "s1", NULL));
	fails(start("t", "s1", NULL), DM_ERR_SCHEDULER_SUB_TASK_EXIST);
	ck_assert_uint_eq(f.desired[1]->sources[0]->n_subtasks, 1);
	restart();
	hello("w1", 2, NULL, 0);
	ck_assert_int_eq(assigned(2, 0)->stage, PB__STAGE__Running);
}
END_TEST

START_TEST(a_stop_during_a_start_leaves_nothing)
{
	g_autoptr(GPtrArray) none = list(NULL, NULL);

	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	ok(start("t", "s1", NULL));
	ok(sched_task_delete(f.c, "t", none));
	fails(sched_task_delete(f.c, "t", none),
	    DM_ERR_SCHEDULER_SUB_TASK_OP_TASK_NOT_EXIST);
	fails(stage("t", NULL, PB__STAGE__Running),
	    DM_ERR_SCHEDULER_SUB_TASK_OP_TASK_NOT_EXIST);
	ck_assert_uint_eq(f.desired[1]->sources[0]->n_subtasks, 0);
	restart();
	ck_assert_ptr_null(sched_subtask_get(sched_source_get(f.c, "s1"), "t"));
	hello("w1", 2, NULL, 0);
	ok(start("t", "s1", NULL));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("master/sched/update");
	TCase *tc = tcase_create("sched");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_worker_takes_as_many_sources_as_it_says);
	tcase_add_test(tc, sources_spread_over_the_workers_with_the_fewest);
	tcase_add_test(tc, all_sources_of_a_lost_worker_move);
	tcase_add_test(tc, a_worker_that_takes_fewer_now_gives_the_rest_away);
	tcase_add_test(
	    tc, a_reconnected_worker_keeps_the_epochs_it_still_holds);
	tcase_add_test(tc, a_worker_gets_back_the_source_it_had_at_the_end);
	tcase_add_test(tc, a_removed_source_is_forgotten_by_all_workers);
	tcase_add_test(tc, reports_of_several_sources_are_all_taken);
	tcase_add_loop_test(tc, a_task_that_rests_may_change_some_fields, 0,
	    (int)DM_ARRAY_SIZE(updates));
	tcase_add_test(tc, only_subtasks_that_exist_are_updated);
	tcase_add_test(tc, a_source_that_rests_may_change);
	tcase_add_test(tc, an_update_of_unknown_outcome_is_followed_by_a_load);
	tcase_add_test(tc, of_two_starts_of_one_task_one_wins);
	tcase_add_test(tc, a_stop_during_a_start_leaves_nothing);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
