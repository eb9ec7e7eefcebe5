/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of master/sched: many sources, long texts. What etcd takes in one
 * write and a worker in one message is never exceeded. */
#include "test/unit/master/sched/fixture.h"

#include "lib/rpc/rpc.h"

#define ETCD_OPS   128
#define ETCD_BYTES ((size_t)3 << 19)
#define MIB        ((size_t)1 << 20)

/* As an etcd that was not told otherwise. */
static struct dm_err *
strict_commit(const struct dm_ha_batch *b, int64_t *revision, void *arg)
{
	size_t bytes = 0;

	ck_assert_uint_le(b->ops->len, ETCD_OPS);
	for (guint i = 0; i < b->ops->len; i++) {
		const struct dm_ha_op *op = g_ptr_array_index(b->ops, i);

		bytes += strlen(op->key) + op->len;
	}
	ck_assert_uint_le(bytes, ETCD_BYTES);
	return fake_commit(b, revision, arg);
}

static void
strict(void)
{
	f.c->ops.commit = strict_commit;
}

static void
strict_setup(void)
{
	setup();
	strict();
}

static void
strict_restart(void)
{
	sched_core_free(f.c);
	g_hash_table_remove_all(f.leases);
	f.c = sched_core_new(&fake_ops, NULL);
	strict();
	reload();
}

/* n workers of m sources each. All ids, of new strings. */
static GPtrArray *
workers_of(int n, int m)
{
	GPtrArray *ids = g_ptr_array_new_with_free_func(g_free);

	hello_max = (unsigned)m;
	for (int i = 0; i < n; i++) {
		g_autofree char *name = g_strdup_printf("w%03d", i);

		/* The last ones keep their sessions. */
		hello(name, (uint64_t)(1 + i % (SESSIONS - 1)), NULL, 0);
	}
	for (int i = 0; i < n * m; i++) {
		char *id = g_strdup_printf("s%04d", i);

		ok(sched_source_add(f.c, id, "a", ""));
		ck_assert_str_ne(bound(id), "");
		g_ptr_array_add(ids, id);
	}
	return ids;
}

static char *
text_of(size_t bytes)
{
	return g_strnfill(bytes, 'x');
}

static struct dm_err *
start_of(const char *task, const char *yaml, const GPtrArray *ids)
{
	struct sched_start s = { task, yaml, "", ids, false };

	return sched_task_start(f.c, &s);
}

static guint
n_with(const char *task)
{
	g_autoptr(GPtrArray) have = sched_task_sources(f.c, task);

	return have->len;
}

/* ---- writes ---- */

START_TEST(a_task_of_hundreds_of_sources_is_written_in_parts)
{
	g_autoptr(GPtrArray) ids = workers_of(10, 30);
	g_autoptr(GPtrArray) all = g_ptr_array_new();
	int64_t before = f.revision;

	ok(start_of("t", "name: t", ids));
	ck_assert_uint_eq(n_with("t"), 300);
	ck_assert_int_le(f.revision - before, 9);
	ok(sched_task_stage(f.c, "t", all, PB__STAGE__Paused));
	strict_restart();
	ck_assert_uint_eq(n_with("t"), 300);
	for (guint i = 0; i < ids->len; i++)
		ck_assert_int_eq(
		    sched_subtask_get(sched_source_get(f.c, ids->pdata[i]), "t")
			->stage,
		    PB__STAGE__Paused);
	ok(sched_task_delete(f.c, "t", all));
	strict_restart();
	ck_assert_uint_eq(n_with("t"), 0);
}
END_TEST

START_TEST(long_texts_are_written_in_parts)
{
	g_autoptr(GPtrArray) ids = workers_of(3, 1);
	g_autofree char *yaml = text_of(700 << 10);
	int64_t before = f.revision;

	ok(start_of("t", yaml, ids));
	ck_assert_int_eq(f.revision - before, 3);
	strict_restart();
	ck_assert_uint_eq(n_with("t"), 3);
}
END_TEST

/* Fails the write after the next `after` ones. */
static int after;

static struct dm_err *
failing_commit(const struct dm_ha_batch *b, int64_t *revision, void *arg)
{
	if (after-- == 0)
		return dm_err_new(HA_FAIL_TXN_OPERATION, "test");
	return strict_commit(b, revision, arg);
}

START_TEST(a_start_that_ends_half_way_can_be_given_again)
{
	g_autoptr(GPtrArray) ids = workers_of(10, 30);
	guint some = 0;
	struct dm_err *err;

	f.c->ops.commit = failing_commit;
	after = 2;
	err = start_of("t", "name: t", ids);
	ck_assert_ptr_nonnull(strstr(err->message, "80 of 300 are done"));
	fails(err, DM_ERR_HA_FAIL_TXN_OPERATION);
	ck_assert(f.c->stale);
	strict();
	reload();
	/* Every source has the whole of it, running, or nothing. */
	for (guint i = 0; i < ids->len; i++) {
		const struct sched_subtask *st = sched_subtask_get(
		    sched_source_get(f.c, ids->pdata[i]), "t");

		if (st == NULL)
			continue;
		ck_assert_int_eq(st->stage, PB__STAGE__Running);
		some++;
	}
	ck_assert_uint_eq(some, 80);
	ok(start_of("t", "name: t", ids));
	ck_assert_uint_eq(n_with("t"), 300);
}
END_TEST

START_TEST(workers_of_many_sources_come_and_go_in_parts)
{
	g_autoptr(GPtrArray) ids = workers_of(5, 64);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	struct sched_hello h[5] = { 0 };
	size_t done = 0;

	/* All of them were killed and are back, before their leases ended. */
	for (int i = 0; i < 5; i++) {
		g_ptr_array_add(names, g_strdup_printf("w%03d", i));
		h[i] = (struct sched_hello){ .session = (uint64_t)(6 + i),
			.name = names->pdata[i],
			.addr = names->pdata[i],
			.max_sources = 64,
			.ttl_ms = 60000,
			.join_time = "now" };
	}
	while (done < 5)
		done += sched_online_some(f.c, h + done, 5 - done);
	for (int i = 0; i < 5; i++) {
		ok(h[i].err);
		ck_assert_uint_eq(f.desired[6 + i]->n_sources, 64);
	}
	ok(sched_offline(f.c, names));
	for (guint i = 0; i < ids->len; i++)
		ck_assert_str_eq(bound(ids->pdata[i]), "");
}
END_TEST

START_TEST(a_source_that_many_workers_had_can_be_removed)
{
	bool was_bound;

	ok(sched_source_add(f.c, "s1", "a", ""));
	for (int i = 0; i < 200; i++) {
		g_autofree char *name = g_strdup_printf("w%03d", i);

		hello(name, (uint64_t)(1 + i % (SESSIONS - 1)), NULL, 0);
		ck_assert_str_eq(bound("s1"), name);
		expire(name);
	}
	ok(sched_source_remove(f.c, "s1", &was_bound));
	strict_restart();
	ck_assert_ptr_null(sched_source_get(f.c, "s1"));
}
END_TEST

START_TEST(contradictions_of_any_number_are_repaired)
{
	g_autoptr(GPtrArray) ids = workers_of(5, 64);

	/* Their leases are gone from the store, their bindings are not. */
	for (int i = 0; i < 5; i++) {
		struct dm_ha_batch *b = dm_ha_batch_new();
		g_autofree char *name = g_strdup_printf("w%03d", i);
		int64_t rev;

		dm_ha_batch_delete(b, DM_HA_ALIVE, name, NULL);
		ok(fake_commit(b, &rev, NULL));
		dm_ha_batch_free(b);
	}
	strict_restart();
	for (guint i = 0; i < ids->len; i++)
		ck_assert_str_eq(bound(ids->pdata[i]), "");
}
END_TEST

/* ---- messages ---- */

START_TEST(a_worker_is_told_once_of_a_task_of_several_sources)
{
	g_autoptr(GPtrArray) ids = workers_of(2, 3);
	int before = f.pushes[1];

	ok(start_of("t", "name: t", ids));
	ck_assert_int_eq(f.pushes[1], before + 1);
}
END_TEST

/* What would not go into one message is refused, and changes nothing. */
START_TEST(more_than_a_worker_can_be_told_is_refused)
{
	g_autoptr(GPtrArray) none = list(NULL, NULL);
	g_autoptr(GPtrArray) s1 = list("s1", NULL);
	g_autofree char *yaml = text_of(4 * MIB);
	g_autofree char *task = NULL;
	struct dm_err *err = NULL;
	int n;

	f.c->ops.commit = fake_commit;
	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	for (n = 0; err == NULL && n < 100; n++) {
		g_free(task);
		task = g_strdup_printf("t%02d", n);
		err = start_of(task, yaml, s1);
		ck_assert_uint_le(
		    dm__v1__desired__get_packed_size(f.desired[1]),
		    DM_RPC_SESSION_BYTES);
	}
	ck_assert_int_ge(n, 8);
	ck_assert_ptr_nonnull(strstr(err->message, "dm-worker w1"));
	ck_assert_ptr_nonnull(strstr(err->workaround, "transfer-source"));
	fails(err, DM_ERR_MASTER_WORKER_ARGS_EXTRACTOR);
	ck_assert(!f.c->stale);
	ck_assert_uint_eq(n_with(task), 0);
	ok(start_of("small", "name: small", s1));
	ok(sched_task_delete(f.c, "t00", none));
	ok(start_of(task, yaml, s1));
}
END_TEST

START_TEST(sources_of_one_worker_count_together)
{
	g_autoptr(GPtrArray) ids = workers_of(1, 10);
	g_autofree char *yaml = text_of(4 * MIB);

	f.c->ops.commit = fake_commit;
	fails(start_of("t", yaml, ids), DM_ERR_MASTER_WORKER_ARGS_EXTRACTOR);
	ck_assert_uint_eq(n_with("t"), 0);
}
END_TEST

START_TEST(a_source_does_not_grow_beyond_what_can_be_told)
{
	g_autofree char *yaml = text_of(DM_RPC_SESSION_BYTES);

	f.c->ops.commit = fake_commit;
	hello("w1", 1, NULL, 0);
	fails(sched_source_add(f.c, "s1", yaml, ""),
	    DM_ERR_MASTER_WORKER_ARGS_EXTRACTOR);
	fails(sched_source_add(f.c, "s1", yaml, "w1"),
	    DM_ERR_MASTER_WORKER_ARGS_EXTRACTOR);
	ok(sched_source_add(f.c, "s1", "a", ""));
	fails(sched_source_update(f.c, "s1", yaml),
	    DM_ERR_MASTER_WORKER_ARGS_EXTRACTOR);
	ok(sched_source_update(f.c, "s1", "b"));
}
END_TEST

/* Two that fill a worker each: the survivor keeps its own and nothing else. */
START_TEST(a_worker_takes_no_source_that_it_cannot_be_told_of)
{
	g_autoptr(GPtrArray) s1 = list("s1", NULL), s2 = list("s2", NULL);
	g_autofree char *yaml = text_of(20 * MIB);

	f.c->ops.commit = fake_commit;
	hello_max = 2;
	hello("w1", 1, NULL, 0);
	ok(sched_source_add(f.c, "s1", "a", ""));
	ok(start_of("t1", yaml, s1));
	hello("w2", 2, NULL, 0);
	ok(sched_source_add(f.c, "s2", "a", ""));
	ok(start_of("t2", yaml, s2));
	ck_assert_str_eq(bound("s2"), "w2");
	fails(sched_transfer(f.c, "s2", "w1"),
	    DM_ERR_MASTER_WORKER_ARGS_EXTRACTOR);
	expire("w2");
	ck_assert_str_eq(bound("s2"), "");
	ck_assert_str_eq(bound("s1"), "w1");
	hello("w3", 3, NULL, 0);
	ck_assert_str_eq(bound("s2"), "w3");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("master/sched/limits");
	TCase *tc = tcase_create("limits");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, strict_setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_task_of_hundreds_of_sources_is_written_in_parts);
	tcase_add_test(tc, long_texts_are_written_in_parts);
	tcase_add_test(tc, a_start_that_ends_half_way_can_be_given_again);
	tcase_add_test(tc, workers_of_many_sources_come_and_go_in_parts);
	tcase_add_test(tc, a_source_that_many_workers_had_can_be_removed);
	tcase_add_test(tc, contradictions_of_any_number_are_repaired);
	tcase_add_test(tc, a_worker_is_told_once_of_a_task_of_several_sources);
	tcase_add_test(tc, more_than_a_worker_can_be_told_is_refused);
	tcase_add_test(tc, sources_of_one_worker_count_together);
	tcase_add_test(tc, a_source_does_not_grow_beyond_what_can_be_told);
	tcase_add_test(tc, a_worker_takes_no_source_that_it_cannot_be_told_of);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
