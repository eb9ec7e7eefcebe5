/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of master/sched: binding, tasks, restarts. */
#include "test/unit/master/sched/fixture.h"

/* ---- binding ---- */

START_TEST(a_source_goes_to_a_free_worker)
{
	hello("w1", 1, NULL, 0);
	ck_assert_uint_eq(f.desired[1]->n_sources, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	ck_assert_str_eq(bound("s1"), "w1");
	ck_assert_uint_eq(f.desired[1]->n_sources, 1);
	ck_assert_str_eq(f.desired[1]->sources[0]->source, "s1");
	ck_assert_int_eq((int64_t)f.desired[1]->sources[0]->epoch, f.revision);
	ok(sched_source_add(f.c, "s2", "b", ""));
	ck_assert_str_eq(bound("s2"), "");
	hello("w2", 2, NULL, 0);
	ck_assert_str_eq(bound("s2"), "w2");
}
END_TEST

START_TEST(a_lost_worker_s_source_moves_with_a_greater_epoch)
{
	int64_t before;

	hello("w1", 1, NULL, 0);
	hello("w2", 2, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", "w1"));
	before = epoch("s1");
	sched_closed(f.c, 1);
	ck_assert_str_eq(bound("s1"), "w1");
	expire("w1");
	ck_assert_str_eq(bound("s1"), "w2");
	ck_assert_int_gt(epoch("s1"), before);
	ck_assert_uint_eq(f.desired[2]->n_sources, 1);
}
END_TEST

START_TEST(a_lease_that_ends_ends_the_session)
{
	hello("w1", 1, NULL, 0);
	expire("w1");
	ck_assert(f.dropped[1]);
	ck_assert_int_eq(sched_worker_get(f.c, "w1")->stage, SCHED_OFFLINE);
}
END_TEST

START_TEST(the_last_bound_worker_is_preferred)
{
	hello("w1", 1, NULL, 0);
	hello("w2", 2, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", "w2"));
	ok(sched_source_add(f.c, "s2", "b", "w1"));
	expire("w1");
	expire("w2");
	hello("w2", 3, NULL, 0);
	ck_assert_str_eq(bound("s1"), "w2");
	hello("w1", 4, NULL, 0);
	ck_assert_str_eq(bound("s2"), "w1");
}
END_TEST

START_TEST(a_free_worker_does_not_take_what_another_free_one_had)
{
	hello("w1", 1, NULL, 0);
	hello("w2", 2, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", "w2"));
	/* w2 comes back before its source is offered: one load, both free. */
	sched_detach(f.c, sched_source_get(f.c, "s1"));
	ok(sched_bind_all(f.c));
	ck_assert_str_eq(bound("s1"), "w2");
}
END_TEST

START_TEST(a_restarted_worker_gets_its_source_back_under_a_new_epoch)
{
	int64_t before;

	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	before = epoch("s1");
	sched_closed(f.c, 1);
	hello("w1", 2, NULL, 0);
	ck_assert_int_gt(epoch("s1"), before);
	ck_assert_int_eq((int64_t)f.desired[2]->sources[0]->epoch, epoch("s1"));
}
END_TEST

START_TEST(a_reconnected_worker_keeps_its_epoch)
{
	int64_t before;

	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	before = epoch("s1");
	sched_closed(f.c, 1);
	hello("w1", 2, "s1", before);
	ck_assert_int_eq(epoch("s1"), before);
	hello("w1", 3, "s1", before - 1);
	ck_assert_int_gt(epoch("s1"), before);
	ck_assert(f.dropped[2]);
}
END_TEST

static bool
stands_in_etcd(const char *worker)
{
	g_autofree char *key = dm_ha_key(DM_HA_ALIVE, worker, NULL);

	return g_hash_table_contains(f.store, key);
}

START_TEST(who_holds_a_lease_stands_in_etcd)
{
	hello("w1", 1, NULL, 0);
	ck_assert(stands_in_etcd("w1"));
	ck_assert(keeps_a_lease(1));
	sched_closed(f.c, 1);
	ck_assert(stands_in_etcd("w1"));
	restart();
	ck_assert(g_hash_table_contains(f.leases, "w1"));
	ck_assert(!keeps_a_lease(1));
	expire("w1");
	ck_assert(!stands_in_etcd("w1"));
	ck_assert(!g_hash_table_contains(f.leases, "w1"));
}
END_TEST

START_TEST(a_worker_that_has_stopped_is_offline_at_once)
{
	hello("w1", 1, NULL, 0);
	hello("w2", 2, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", "w1"));
	hello("w1", 3, "s1", epoch("s1"));
	ok(sched_goodbye(f.c, 1)); /* not its session any more */
	ck_assert_str_eq(bound("s1"), "w1");
	ok(sched_goodbye(f.c, 3));
	ck_assert_str_eq(bound("s1"), "w2");
	ck_assert(!stands_in_etcd("w1"));
	ck_assert_int_eq(sched_worker_get(f.c, "w1")->stage, SCHED_OFFLINE);
	ok(sched_unregister(f.c, "w1"));
}
END_TEST

START_TEST(many_workers_go_offline_in_few_writes)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	int64_t before;

	for (int i = 0; i < 300; i++) {
		g_autofree char *name = g_strdup_printf("w%03d", i);

		hello(name, (uint64_t)(1 + i % (SESSIONS - 1)), NULL, 0);
		g_ptr_array_add(names, g_steal_pointer(&name));
	}
	g_ptr_array_add(names, g_strdup("nobody"));
	before = f.revision;
	ok(sched_offline(f.c, names));
	ck_assert_int_le(f.revision - before, 5);
	ck_assert_uint_eq(g_hash_table_size(f.leases), 0);
	ok(sched_offline(f.c, names));
	for (guint i = 0; i < 300; i++)
		ck_assert_int_eq(sched_worker_get(f.c, names->pdata[i])->stage,
		    SCHED_OFFLINE);
}
END_TEST

/* The write that took it offline was done, its answer lost. */
START_TEST(a_worker_that_is_offline_already_loses_its_lease)
{
	g_autofree char *key = dm_ha_key(DM_HA_ALIVE, "w1", NULL);

	hello("w1", 1, NULL, 0);
	g_hash_table_remove(f.store, key);
	reload();
	ck_assert_int_eq(sched_worker_get(f.c, "w1")->stage, SCHED_OFFLINE);
	ck_assert(g_hash_table_contains(f.leases, "w1"));
	expire_two("w1", "nobody");
	ck_assert(!g_hash_table_contains(f.leases, "w1"));
}
END_TEST

START_TEST(workers_that_cannot_be_taken_offline_keep_their_leases)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	char name[] = "w1";

	hello("w1", 1, NULL, 0);
	g_ptr_array_add(names, name);
	f.fail_commits = 1;
	fails(sched_offline(f.c, names), DM_ERR_HA_FAIL_TXN_OPERATION);
	ck_assert(g_hash_table_contains(f.leases, "w1"));
	fails(sched_offline(f.c, names), DM_ERR_SCHEDULER_NOT_STARTED);
	reload();
	ok(sched_offline(f.c, names));
	ck_assert(!g_hash_table_contains(f.leases, "w1"));
}
END_TEST

START_TEST(one_address_per_name)
{
	ok(sched_register(f.c, "w1", "h:1"));
	ok(sched_register(f.c, "w1", "h:1"));
	fails(sched_register(f.c, "w1", "h:2"), DM_ERR_SCHEDULER_WORKER_EXIST);
	ok(sched_unregister(f.c, "w1"));
	fails(sched_unregister(f.c, "w1"), DM_ERR_SCHEDULER_WORKER_NOT_EXIST);
	hello("w2", 1, NULL, 0);
	fails(sched_unregister(f.c, "w2"), DM_ERR_SCHEDULER_WORKER_ONLINE);
}
END_TEST

/* h[i] is worker wI of session I. */
static void
hellos(struct sched_hello *h, size_t n)
{
	static char names[3][8];

	for (size_t i = 0; i < n; i++) {
		g_snprintf(names[i], sizeof(names[i]), "w%zu", i + 1);
		h[i] = (struct sched_hello){ .session = i + 1,
			.name = names[i],
			.addr = names[i],
			.ttl_ms = 60000,
			.join_time = "now" };
	}
}

START_TEST(sessions_that_begin_together_are_one_write)
{
	struct sched_hello h[3];
	int64_t before = f.revision;

	hellos(h, 3);
	ck_assert_uint_eq(sched_online_some(f.c, h, 3), 3);
	ck_assert_int_eq(f.revision, before + 1);
	for (int i = 0; i < 3; i++) {
		ok(h[i].err);
		ck_assert(f.welcomed[i + 1]);
		ck_assert_int_eq(
		    sched_worker_get(f.c, h[i].name)->stage, SCHED_FREE);
	}
	reload();
	ck_assert_uint_eq(g_hash_table_size(f.c->workers), 3);
}
END_TEST

START_TEST(one_refused_session_does_not_keep_out_the_others)
{
	struct sched_hello h[3];

	ok(sched_register(f.c, "w2", "another:1"));
	hellos(h, 3);
	ck_assert_uint_eq(sched_online_some(f.c, h, 3), 3);
	ok(h[0].err);
	fails(h[1].err, DM_ERR_SCHEDULER_WORKER_EXIST);
	ok(h[2].err);
	ck_assert(f.welcomed[1] && !f.welcomed[2] && f.welcomed[3]);
}
END_TEST

START_TEST(two_sessions_of_one_name_begin_one_after_the_other)
{
	struct sched_hello h[3];

	hellos(h, 3);
	h[2].name = h[2].addr = "w1";
	ck_assert_uint_eq(sched_online_some(f.c, h, 3), 2);
	ck_assert_uint_eq(sched_online_some(f.c, h + 2, 1), 1);
	ok(h[2].err);
	ck_assert(f.dropped[1]);
	ck_assert_uint_eq(sched_worker_get(f.c, "w1")->session, 3);
}
END_TEST

START_TEST(when_the_write_fails_none_of_the_sessions_begins)
{
	struct sched_hello h[2];

	hellos(h, 2);
	f.fail_commits = 1;
	ck_assert_uint_eq(sched_online_some(f.c, h, 2), 2);
	fails(h[0].err, DM_ERR_HA_FAIL_TXN_OPERATION);
	fails(h[1].err, DM_ERR_HA_FAIL_TXN_OPERATION);
	ck_assert(!f.welcomed[1] && !f.welcomed[2]);
	ck_assert(f.c->stale);
}
END_TEST

START_TEST(transfer_moves_a_source)
{
	int64_t before;

	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	hello("w2", 2, NULL, 0);
	before = epoch("s1");
	fails(sched_transfer(f.c, "x", "w2"),
	    DM_ERR_SCHEDULER_SOURCE_CFG_NOT_EXIST);
	fails(
	    sched_transfer(f.c, "s1", "x"), DM_ERR_SCHEDULER_WORKER_NOT_EXIST);
	ok(sched_transfer(f.c, "s1", "w1"));
	ck_assert_int_eq(epoch("s1"), before);
	ok(sched_transfer(f.c, "s1", "w2"));
	ck_assert_str_eq(bound("s1"), "w2");
	ck_assert_int_gt(epoch("s1"), before);
	ck_assert_uint_eq(f.desired[1]->n_sources, 0);
	ok(sched_source_add(f.c, "s2", "b", ""));
	fails(sched_transfer(f.c, "s1", "w1"),
	    DM_ERR_SCHEDULER_WORKER_INVALID_TRANS);
	expire("w1");
	fails(sched_transfer(f.c, "s1", "w1"),
	    DM_ERR_SCHEDULER_WORKER_INVALID_TRANS);
}
END_TEST

START_TEST(transfer_of_an_unbound_source_binds_it)
{
	ok(sched_source_add(f.c, "s1", "a", ""));
	ok(sched_register(f.c, "w1", "w1"));
	fails(sched_transfer(f.c, "s1", "w1"),
	    DM_ERR_SCHEDULER_WORKER_INVALID_TRANS);
	hello_max = 2;
	hello("w1", 1, NULL, 0);
	sched_detach(f.c, sched_source_get(f.c, "s1"));
	ok(sched_transfer(f.c, "s1", "w1"));
	ck_assert_str_eq(bound("s1"), "w1");
}
END_TEST

/* ---- sources and tasks ---- */

START_TEST(sources_are_added_once_and_to_free_workers_only)
{
	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", "w1"));
	fails(sched_source_add(f.c, "s1", "a", ""),
	    DM_ERR_SCHEDULER_SOURCE_CFG_EXIST);
	fails(sched_source_add(f.c, "s2", "a", "w9"),
	    DM_ERR_SCHEDULER_WORKER_NOT_EXIST);
	fails(sched_source_add(f.c, "s2", "a", "w1"),
	    DM_ERR_SCHEDULER_WORKER_NOT_FREE);
}
END_TEST

START_TEST(a_source_with_tasks_stays)
{
	g_autoptr(GPtrArray) none = list(NULL, NULL);
	bool was_bound = false;

	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	ok(start("t", "s1", NULL));
	fails(sched_source_remove(f.c, "s1", &was_bound),
	    DM_ERR_SCHEDULER_SOURCE_OP_TASK_EXIST);
	ok(sched_task_delete(f.c, "t", none));
	ok(sched_source_remove(f.c, "s1", &was_bound));
	ck_assert(was_bound);
	ck_assert_uint_eq(f.desired[1]->n_sources, 0);
	fails(sched_source_remove(f.c, "s1", &was_bound),
	    DM_ERR_SCHEDULER_SOURCE_CFG_NOT_EXIST);
	ck_assert_int_eq(sched_worker_get(f.c, "w1")->stage, SCHED_FREE);
}
END_TEST

START_TEST(tasks_start_once)
{
	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	ok(sched_source_add(f.c, "s2", "a", ""));
	fails(start("t", "s9", NULL), DM_ERR_CONFIG_SOURCE_ID_NOT_FOUND);
	fails(start("t", "s1", "s2"), DM_ERR_SCHEDULER_SOURCES_UNBOUND);
	ck_assert_ptr_null(sched_subtask_get(sched_source_get(f.c, "s1"), "t"));
	ok(start("t", "s1", NULL));
	ck_assert_int_eq(assigned(1, 0)->stage, PB__STAGE__Running);
	fails(start("t", "s1", NULL), DM_ERR_SCHEDULER_SUB_TASK_EXIST);
	hello("w2", 2, NULL, 0);
	ok(start("t", "s1", "s2"));
	ck_assert_str_eq(assigned(2, 0)->task, "t");
}
END_TEST

START_TEST(pausing_and_resuming_reach_the_worker)
{
	int64_t first, paused;

	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	ok(start("t", "s1", NULL));
	first = assigned(1, 0)->revision;
	ok(stage("t", NULL, PB__STAGE__Paused));
	ck_assert_int_eq(assigned(1, 0)->stage, PB__STAGE__Paused);
	paused = assigned(1, 0)->revision;
	ck_assert_int_gt(paused, first);
	ok(stage("t", "s1", PB__STAGE__Running));
	first = assigned(1, 0)->revision;
	/* Again: a task that an error paused is to be resumed. */
	ok(stage("t", "s1", PB__STAGE__Running));
	ck_assert_int_gt(assigned(1, 0)->revision, first);
	ck_assert_int_eq(assigned(1, 0)->stage, PB__STAGE__Running);
	fails(stage("x", NULL, PB__STAGE__Paused),
	    DM_ERR_SCHEDULER_SUB_TASK_OP_TASK_NOT_EXIST);
	fails(stage("t", "s9", PB__STAGE__Paused),
	    DM_ERR_SCHEDULER_SUB_TASK_OP_SOURCE_NOT_EXIST);
}
END_TEST

START_TEST(a_latched_task_is_left_alone)
{
	g_autoptr(GPtrArray) none = list(NULL, NULL);

	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	ok(sched_latch(f.c, "t", "RemoveMeta"));
	fails(
	    sched_latch(f.c, "t", "RemoveMeta"), DM_ERR_SCHEDULER_LATCH_IN_USE);
	fails(start("t", "s1", NULL), DM_ERR_SCHEDULER_LATCH_IN_USE);
	sched_unlatch(f.c, "t");
	ok(start("t", "s1", NULL));
	fails(sched_task_absent(f.c, "t"), DM_ERR_SCHEDULER_SUB_TASK_EXIST);
	ok(sched_task_delete(f.c, "t", none));
	ok(sched_task_absent(f.c, "t"));
	ck_assert_uint_eq(f.desired[1]->sources[0]->n_subtasks, 0);
}
END_TEST

/* ---- restart and failures ---- */

START_TEST(a_restarted_master_changes_nothing_for_running_workers)
{
	int64_t before, rev;

	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a: 1", ""));
	ok(start("t", "s1", NULL));
	ok(stage("t", NULL, PB__STAGE__Paused));
	before = epoch("s1");
	rev = assigned(1, 0)->revision;
	restart();
	ck_assert_str_eq(bound("s1"), "w1");
	ck_assert_int_eq(epoch("s1"), before);
	hello("w1", 2, "s1", before);
	ck_assert_int_eq(epoch("s1"), before);
	ck_assert_int_eq(assigned(2, 0)->revision, rev);
	ck_assert_int_eq(assigned(2, 0)->stage, PB__STAGE__Paused);
	ck_assert_str_eq(assigned(2, 0)->config, "name: t\n");
	ck_assert_str_eq(f.desired[2]->sources[0]->config, "a: 1");
	ck_assert_int_ge(f.desired[2]->revision, f.desired[1]->revision);
}
END_TEST

START_TEST(a_worker_lost_while_no_master_ran_is_noticed_at_the_load)
{
	g_autofree char *key = dm_ha_key(DM_HA_ALIVE, "w1", NULL);

	hello("w1", 1, NULL, 0);
	hello("w2", 2, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", "w1"));
	g_hash_table_remove(f.store, key);
	restart();
	ck_assert_str_eq(bound("s1"), "w2");
	restart();
	ck_assert_str_eq(bound("s1"), "w2");
}
END_TEST

START_TEST(a_commit_of_unknown_outcome_is_followed_by_a_load)
{
	hello("w1", 1, NULL, 0);
	f.fail_commits = 1;
	fails(
	    sched_source_add(f.c, "s1", "a", ""), DM_ERR_HA_FAIL_TXN_OPERATION);
	fails(
	    sched_source_add(f.c, "s1", "a", ""), DM_ERR_SCHEDULER_NOT_STARTED);
	reload();
	ck_assert(!f.dropped[1]);
	ok(sched_source_add(f.c, "s1", "a", ""));
	ck_assert_str_eq(bound("s1"), "w1");
}
END_TEST

static bool
told_to_adopt(uint64_t session)
{
	return strstr(assigned(session, 0)->cliargs, "\"adopt\":true") != NULL;
}

START_TEST(adopting_is_told_until_the_worker_reports_the_task)
{
	g_autoptr(GPtrArray) l = list("s1", NULL);
	struct sched_start s = { "t", "name: t\n", "", l, true };

	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	ok(sched_task_start(f.c, &s));
	ck_assert(told_to_adopt(1));
	/* A report of before the start says nothing about it. */
	report_task_of(1, "s1", 1, PB__STAGE__Running, PB__UNIT_TYPE__Sync);
	ok(stage("t", "s1", PB__STAGE__Running));
	ck_assert(told_to_adopt(1));
	report_task(1, "s1", PB__STAGE__Running, PB__UNIT_TYPE__Sync);
	ok(stage("t", "s1", PB__STAGE__Paused));
	ck_assert_str_eq(assigned(1, 0)->cliargs, "");
}
END_TEST

START_TEST(adopting_is_not_kept_in_etcd)
{
	g_autoptr(GPtrArray) l = list("s1", NULL);
	struct sched_start s = { "t", "name: t\n", "", l, true };
	GHashTableIter it;
	void *key, *value;

	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	ok(sched_task_start(f.c, &s));
	g_hash_table_iter_init(&it, f.store);
	while (g_hash_table_iter_next(&it, &key, &value))
		ck_assert_ptr_null(
		    strstr(((struct stored *)value)->value, "\"adopt\":true"));
}
END_TEST

START_TEST(reports_of_another_assignment_are_ignored)
{
	struct sched_source *src;

	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	src = sched_source_get(f.c, "s1");
	report(1, "s1", src->epoch - 1, 5);
	ck_assert_ptr_null(src->report);
	report(7, "s1", src->epoch, 5);
	ck_assert_ptr_null(src->report);
	report(1, "s1", src->epoch, 5);
	ck_assert_ptr_nonnull(src->report);
	ck_assert_int_eq(src->report_revision, 5);
	report(1, "s1", src->epoch, 6);
	ck_assert_int_eq(src->report_revision, 6);
	/* Kept over a load with the same epoch, not with a new one. */
	reload();
	src = sched_source_get(f.c, "s1");
	ck_assert_ptr_nonnull(src->report);
	hello("w1", 2, NULL, 0);
	ck_assert_ptr_null(src->report);
}
END_TEST

static const struct {
	Pb__Stage stage; /* reported */
	Pb__UnitType unit;
	bool reported, moves;
} transfers[] = {
	{ PB__STAGE__Running, PB__UNIT_TYPE__Sync, true, true },
	{ PB__STAGE__Running, PB__UNIT_TYPE__Load, true, false },
	{ PB__STAGE__Running, PB__UNIT_TYPE__Dump, true, false },
	{ PB__STAGE__Paused, PB__UNIT_TYPE__Load, true, true },
	{ PB__STAGE__Running, PB__UNIT_TYPE__Sync, false, false },
};

START_TEST(a_running_copy_does_not_move)
{
	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	hello("w2", 2, NULL, 0);
	ok(start("t", "s1", NULL));
	if (transfers[_i].reported)
		report_task(1, "s1", transfers[_i].stage, transfers[_i].unit);
	if (transfers[_i].moves)
		ok(sched_transfer(f.c, "s1", "w2"));
	else
		fails(sched_transfer(f.c, "s1", "w2"),
		    DM_ERR_SCHEDULER_REQUIRE_RUNNING_TASK_IN_SYNC_UNIT);
	ck_assert_str_eq(bound("s1"), transfers[_i].moves ? "w2" : "w1");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("master/sched");
	TCase *tc = tcase_create("sched");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_source_goes_to_a_free_worker);
	tcase_add_test(tc, a_lost_worker_s_source_moves_with_a_greater_epoch);
	tcase_add_test(tc, a_lease_that_ends_ends_the_session);
	tcase_add_test(tc, the_last_bound_worker_is_preferred);
	tcase_add_test(
	    tc, a_free_worker_does_not_take_what_another_free_one_had);
	tcase_add_test(
	    tc, a_restarted_worker_gets_its_source_back_under_a_new_epoch);
	tcase_add_test(tc, a_reconnected_worker_keeps_its_epoch);
	tcase_add_test(tc, who_holds_a_lease_stands_in_etcd);
	tcase_add_test(tc, a_worker_that_has_stopped_is_offline_at_once);
	tcase_add_test(tc, many_workers_go_offline_in_few_writes);
	tcase_add_test(tc, a_worker_that_is_offline_already_loses_its_lease);
	tcase_add_test(
	    tc, workers_that_cannot_be_taken_offline_keep_their_leases);
	tcase_add_test(tc, one_address_per_name);
	tcase_add_test(tc, sessions_that_begin_together_are_one_write);
	tcase_add_test(tc, one_refused_session_does_not_keep_out_the_others);
	tcase_add_test(tc, two_sessions_of_one_name_begin_one_after_the_other);
	tcase_add_test(tc, when_the_write_fails_none_of_the_sessions_begins);
	tcase_add_test(tc, transfer_moves_a_source);
	tcase_add_test(tc, transfer_of_an_unbound_source_binds_it);
	tcase_add_loop_test(
	    tc, a_running_copy_does_not_move, 0, (int)DM_ARRAY_SIZE(transfers));
	tcase_add_test(tc, sources_are_added_once_and_to_free_workers_only);
	tcase_add_test(tc, a_source_with_tasks_stays);
	tcase_add_test(tc, tasks_start_once);
	tcase_add_test(tc, pausing_and_resuming_reach_the_worker);
	tcase_add_test(tc, a_latched_task_is_left_alone);
	tcase_add_test(
	    tc, a_restarted_master_changes_nothing_for_running_workers);
	tcase_add_test(
	    tc, a_worker_lost_while_no_master_ran_is_noticed_at_the_load);
	tcase_add_test(tc, a_commit_of_unknown_outcome_is_followed_by_a_load);
	tcase_add_test(tc, reports_of_another_assignment_are_ignored);
	tcase_add_test(tc, adopting_is_told_until_the_worker_reports_the_task);
	tcase_add_test(tc, adopting_is_not_kept_in_etcd);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
