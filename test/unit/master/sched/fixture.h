/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster in one process, for the tests of master/sched: the store is a table
 * of keys with revisions; sessions are numbers, their newest desired state
 * kept.
 */
#ifndef DM_TEST_UNIT_MASTER_SCHED_FIXTURE_H
#define DM_TEST_UNIT_MASTER_SCHED_FIXTURE_H

#include "master/sched/sched_core.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SESSIONS 16

struct stored {
	char *value;
	size_t len;
	int64_t revision;
};

struct fixture {
	struct sched_core *c;
	GHashTable *store; /* key -> struct stored* */
	int64_t revision;
	int fail_commits;
	Dm__V1__Desired *desired[SESSIONS];
	int pushes[SESSIONS];
	bool welcomed[SESSIONS], dropped[SESSIONS];
	int64_t now_ms;
	GHashTable *ttls;   /* worker -> TTL of its lease in etcd, gint64* */
	GHashTable *leases; /* worker -> session that keeps it; 0: found */
};

static struct fixture f;
static int64_t hello_ttl_ms = 60000; /* of the next hellos */
static unsigned hello_max;           /* max_sources of the next hellos */

static DM_UNUSED void
stored_free(gpointer p)
{
	struct stored *s = p;

	g_free(s->value);
	g_free(s);
}

static DM_UNUSED struct dm_err *
fake_commit(const struct dm_ha_batch *b, int64_t *revision, void *arg)
{
	(void)arg;
	if (f.fail_commits > 0) {
		f.fail_commits--;
		return dm_err_new(HA_FAIL_TXN_OPERATION, "test");
	}
	f.revision++;
	for (guint i = 0; i < b->ops->len; i++) {
		const struct dm_ha_op *op = g_ptr_array_index(b->ops, i);
		struct stored *s;

		if (op->is_delete) {
			g_hash_table_remove(f.store, op->key);
			continue;
		}
		s = g_new0(struct stored, 1);
		s->value = g_memdup2(op->value, op->len + 1);
		s->len = op->len;
		s->revision = f.revision;
		g_hash_table_replace(f.store, g_strdup(op->key), s);
	}
	*revision = f.revision;
	return NULL;
}

static DM_UNUSED void
fake_lease(const char *worker, uint64_t session, int64_t ttl_ms, void *arg)
{
	(void)arg;
	if (ttl_ms == 0) {
		g_hash_table_remove(f.leases, worker);
		return;
	}
	ck_assert_int_ge(ttl_ms, 60000);
	g_hash_table_replace(
	    f.leases, g_strdup(worker), GSIZE_TO_POINTER(session));
}

static DM_UNUSED void
fake_ttl(const char *worker, int64_t ttl_ms, void *arg)
{
	gint64 *copy = g_new(gint64, 1);

	(void)arg;
	*copy = ttl_ms;
	g_hash_table_replace(f.ttls, g_strdup(worker), copy);
}

static DM_UNUSED bool
keeps_a_lease(uint64_t session)
{
	g_autoptr(GList) all = g_hash_table_get_values(f.leases);

	return g_list_find(all, GSIZE_TO_POINTER(session)) != NULL;
}

static DM_UNUSED void
fake_welcome(uint64_t session, uint64_t cluster_id, void *arg)
{
	(void)cluster_id;
	(void)arg;
	ck_assert_msg(keeps_a_lease(session), "welcomed without a lease");
	f.welcomed[session] = true;
}

static DM_UNUSED void
fake_push(uint64_t session, const Dm__V1__Desired *d, void *arg)
{
	size_t n = dm__v1__desired__get_packed_size(d);
	g_autofree uint8_t *buf = g_malloc(n);

	(void)arg;
	ck_assert_msg(f.welcomed[session], "pushed before the welcome");
	if (f.desired[session] != NULL) {
		ck_assert_int_le(f.desired[session]->revision, d->revision);
		dm__v1__desired__free_unpacked(f.desired[session], NULL);
	}
	dm__v1__desired__pack(d, buf);
	f.desired[session] = dm__v1__desired__unpack(NULL, n, buf);
	f.pushes[session]++;
}

static DM_UNUSED void
fake_drop(uint64_t session, const char *why, void *arg)
{
	(void)arg;
	(void)why;
	f.dropped[session] = true;
}

static DM_UNUSED void
fake_staged(const char *worker, enum sched_stage s, bool gone, void *arg)
{
	(void)worker;
	(void)s;
	(void)gone;
	(void)arg;
}

static DM_UNUSED struct dm_mono
fake_now(void *arg)
{
	(void)arg;
	return (struct dm_mono){ .ns = f.now_ms * 1000000 };
}

static const struct sched_ops fake_ops = { fake_commit, fake_lease,
	fake_welcome, fake_push, fake_drop, fake_ttl, fake_staged, fake_now };

static DM_UNUSED void
setup(void)
{
	memset(&f, 0, sizeof(f));
	hello_max = 1;
	hello_ttl_ms = 60000;
	f.store =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, stored_free);
	f.leases = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	f.ttls = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	f.c = sched_core_new(&fake_ops, NULL);
}

static DM_UNUSED void
teardown(void)
{
	for (int i = 0; i < SESSIONS; i++)
		if (f.desired[i] != NULL)
			dm__v1__desired__free_unpacked(f.desired[i], NULL);
	sched_core_free(f.c);
	g_hash_table_unref(f.store);
	g_hash_table_unref(f.leases);
	g_hash_table_unref(f.ttls);
}

/* ---- steps ---- */

static DM_UNUSED void
ok(struct dm_err *err)
{
	g_autofree char *text = err == NULL ? NULL : dm_err_text(err);

	ck_assert_msg(err == NULL, "%s", text);
}

static DM_UNUSED void
fails(struct dm_err *err, int code)
{
	ck_assert_ptr_nonnull(err);
	ck_assert_int_eq(err->code, code);
	dm_err_free(err);
}

static DM_UNUSED void
hello(const char *name, uint64_t session, const char *source, int64_t epoch)
{
	Dm__V1__Holding h;
	Dm__V1__Holding *hs[] = { &h };
	char held[32];
	struct sched_hello msg = { .session = session,
		.name = name,
		.addr = name,
		.max_sources = hello_max,
		.ttl_ms = hello_ttl_ms,
		.join_time = "now",
		.holding = hs,
		.n_holding = source == NULL ? 0 : 1 };

	dm__v1__holding__init(&h);
	if (source != NULL)
		g_strlcpy(held, source, sizeof(held));
	h.source = held;
	h.epoch = (uint64_t)epoch;
	ck_assert_uint_eq(sched_online_some(f.c, &msg, 1), 1);
	ok(msg.err);
}

/* The leases of workers end; b may be NULL. */
static DM_UNUSED void
expire_two(const char *a, const char *b)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autofree char *first = g_strdup(a), *second = g_strdup(b);

	g_ptr_array_add(names, first);
	if (second != NULL)
		g_ptr_array_add(names, second);
	ok(sched_offline(f.c, names));
}

static DM_UNUSED void
expire(const char *name)
{
	expire_two(name, NULL);
}

static DM_UNUSED void
reload(void)
{
	g_autoptr(GPtrArray) items =
	    g_ptr_array_new_with_free_func((GDestroyNotify)dm_ha_item_free);
	GHashTableIter it;
	gpointer k, v;

	g_hash_table_iter_init(&it, f.store);
	while (g_hash_table_iter_next(&it, &k, &v)) {
		struct stored *s = v;
		struct dm_etcd_kv kv = { .key = k,
			.value = s->value,
			.value_len = s->len,
			.mod_revision = s->revision };
		struct dm_ha_item *item;

		ok(dm_ha_decode(&kv, &item));
		g_ptr_array_add(items, item);
	}
	ok(sched_load(f.c, items, f.revision));
}

static DM_UNUSED void
restart(void)
{
	sched_core_free(f.c);
	g_hash_table_remove_all(f.leases);
	f.c = sched_core_new(&fake_ops, NULL);
	reload();
}

static DM_UNUSED const char *
bound(const char *source)
{
	struct sched_source *src = sched_source_get(f.c, source);

	return src->worker == NULL ? "" : src->worker->name;
}

static DM_UNUSED int64_t
epoch(const char *source)
{
	return sched_source_get(f.c, source)->epoch;
}

static DM_UNUSED GPtrArray *
list(const char *a, const char *b)
{
	GPtrArray *l = g_ptr_array_new_with_free_func(g_free);

	if (a != NULL)
		g_ptr_array_add(l, g_strdup(a));
	if (b != NULL)
		g_ptr_array_add(l, g_strdup(b));
	return l;
}

static DM_UNUSED struct dm_err *
start(const char *task, const char *a, const char *b)
{
	g_autoptr(GPtrArray) l = list(a, b);
	struct sched_start s = { task, "name: t\n", "", l, false };

	return sched_task_start(f.c, &s);
}

static DM_UNUSED struct dm_err *
stage(const char *task, const char *source, Pb__Stage to)
{
	g_autoptr(GPtrArray) l = list(source, NULL);

	return sched_task_stage(f.c, task, l, to);
}

static DM_UNUSED const Dm__V1__SubTaskAssignment *
assigned(uint64_t session, size_t i)
{
	ck_assert_uint_eq(f.desired[session]->n_sources, 1);
	ck_assert_uint_gt(f.desired[session]->sources[0]->n_subtasks, i);
	return f.desired[session]->sources[0]->subtasks[i];
}

/* ---- reports ---- */

static DM_UNUSED void
report(uint64_t session, const char *source, int64_t ep, int64_t revision)
{
	Dm__V1__Report *r = g_new(Dm__V1__Report, 1);

	dm__v1__report__init(r);
	r->revision = revision;
	r->n_sources = 1;
	r->sources = g_new(Dm__V1__SourceReport *, 1);
	r->sources[0] = g_new(Dm__V1__SourceReport, 1);
	dm__v1__source_report__init(r->sources[0]);
	r->sources[0]->source = g_strdup(source);
	r->sources[0]->epoch = (uint64_t)ep;
	sched_report(f.c, session, r);
	dm__v1__report__free_unpacked(r, NULL);
}

/* Session `session` reports task t of the source, as of a revision. */
static DM_UNUSED void
report_task_of(uint64_t session, const char *source, int64_t revision,
    Pb__Stage at, Pb__UnitType unit)
{
	Dm__V1__Report *r = g_new(Dm__V1__Report, 1);
	Dm__V1__SourceReport *s = g_new(Dm__V1__SourceReport, 1);
	Pb__SubTaskStatus *st = g_new(Pb__SubTaskStatus, 1);

	dm__v1__report__init(r);
	dm__v1__source_report__init(s);
	pb__sub_task_status__init(st);
	st->name = g_strdup("t");
	st->stage = at;
	st->unit = unit;
	s->source = g_strdup(source);
	s->epoch = (uint64_t)epoch(source);
	s->subtasks = g_new(Pb__SubTaskStatus *, 1);
	s->subtasks[0] = st;
	s->n_subtasks = 1;
	r->revision = revision;
	r->sources = g_new(Dm__V1__SourceReport *, 1);
	r->sources[0] = s;
	r->n_sources = 1;
	sched_report(f.c, session, r);
	dm__v1__report__free_unpacked(r, NULL);
}

static DM_UNUSED void
report_task(
    uint64_t session, const char *source, Pb__Stage at, Pb__UnitType unit)
{
	report_task_of(session, source, f.revision, at, unit);
}

#endif
