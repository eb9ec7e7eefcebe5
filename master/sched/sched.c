/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler's thread, its mailbox, its etcd. */
#include "master/sched/sched.h"

#include "lib/config/daemon.h"
#include "lib/etcd/fence.h"
#include "lib/ha/store.h"
#include "lib/log/log.h"
#include "lib/thread/queue.h"
#include "master/sched/sched_secrets.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

#define MAILBOX_LENGTH 4096
#define RELOAD_MS      500
#define FENCE_KEY      "/dm-master/fence"

/* One message. Calls have `done`, posts have not. */
struct message {
	sched_fn *call;
	sched_post_fn *post;
	void *arg;
	GDestroyNotify free_arg;
	struct call *waiter;
};

/* On the stack of a waiting caller. */
struct call {
	struct sched *s;
	bool done; /* under s->mu */
	struct dm_err *err;
};

struct sched {
	struct sched_env env;
	struct dm_queue *mailbox;
	pthread_t thread;
	atomic_bool leading;

	/* The thread's own. */
	struct sched_core *core;
	bool elected; /* we lead; the state may still be to load */
	struct dm_etcd_fence fence;

	struct dm_mutex mu; /* rank 10; guards what follows and struct call */
	pthread_cond_t changed;
	uint64_t generation;
};

static void
announce(struct sched *s)
{
	dm_mutex_lock(&s->mu);
	s->generation++;
	pthread_cond_broadcast(&s->changed);
	dm_mutex_unlock(&s->mu);
}

/* ---- etcd ---- */

static struct dm_err *
not_leader(void)
{
	return dm_err_new(MASTER_REQUEST_IS_NOT_FORWARD_TO_LEADER);
}

static struct dm_err *
writable(struct sched *s)
{
	return s->env.writable != NULL ? s->env.writable(s->env.arg) : NULL;
}

static struct dm_err *
explain(struct sched *s, struct dm_err *err)
{
	return s->env.explain != NULL ? s->env.explain(err, s->env.arg) : err;
}

/* Whatever fails leaves the fence in doubt: the core is loaded again behind a
 * new one, so that what was sent here is done before, or never. */
static struct dm_err *
commit(const struct dm_ha_batch *b, int64_t *revision, void *arg)
{
	struct sched *s = arg;
	DM_AUTO(dm_etcd_txn) t = dm_etcd_txn_new();
	struct dm_etcd_txn_result result;
	struct dm_err *err;

	if (!s->env.guard(t, s->env.arg))
		return not_leader();
	err = writable(s);
	if (err != NULL)
		return err;
	if (!dm_etcd_fence_guard(&s->fence, t))
		return dm_err_new(SCHEDULER_NOT_STARTED);
	dm_ha_batch_fill(b, t);
	err = dm_etcd_txn_run(s->env.etcd, t, &result);
	if (err == NULL && result.succeeded) {
		*revision = result.revision;
		return NULL;
	}
	dm_etcd_fence_doubt(&s->fence);
	return err != NULL ? explain(s, err) : not_leader();
}

static struct dm_err *
raise_fence(struct sched *s)
{
	DM_AUTO(dm_etcd_txn) t = dm_etcd_txn_new();
	struct dm_err *err;
	bool held;

	if (!s->env.guard(t, s->env.arg))
		return not_leader();
	err = dm_etcd_fence_raise(&s->fence, s->env.etcd, t, &held);
	if (err != NULL)
		return explain(s, err);
	return held ? NULL : not_leader();
}

/* While etcd takes no writes there is none to fence off: what is there can be
 * read, and is read again when it does (ready). */
static struct dm_err *
fence_off(struct sched *s)
{
	struct dm_err *err;

	if (s->fence.revision != 0)
		return NULL;
	err = writable(s);
	if (err == NULL)
		return raise_fence(s);
	dm_err_free(err);
	return NULL;
}

/* The cluster gets its id once: seconds and random bits, as in DM. */
static struct dm_err *
ensure_cluster(struct sched *s, const GPtrArray *items)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	struct dm_ha_item id = { .kind = DM_HA_CLUSTER_ID };
	struct dm_ha_item version = { .kind = DM_HA_VERSION, .number = 1 };
	bool has_id = false, has_version = false;
	uint32_t random;
	int64_t revision;
	struct dm_err *err;

	for (guint i = 0; i < items->len; i++) {
		const struct dm_ha_item *it = g_ptr_array_index(items, i);

		has_id |= it->kind == DM_HA_CLUSTER_ID;
		has_version |= it->kind == DM_HA_VERSION;
	}
	if (!has_id) {
		dm_assert(getrandom(&random, sizeof(random), 0) ==
			  (ssize_t)sizeof(random));
		id.number = (dm_wall_now().ns / 1000000000) << 32 | random;
		dm_ha_batch_put(b, &id);
	}
	version.text = g_strdup(dm_version_release());
	if (!has_version)
		dm_ha_batch_put(b, &version);
	g_free(version.text);
	if (b->ops->len == 0)
		return NULL;
	err = commit(b, &revision, s);
	if (err == NULL && !has_id)
		s->core->cluster_id = (uint64_t)id.number;
	return err;
}

static struct dm_err *
load(struct sched *s)
{
	g_autoptr(GPtrArray) items = NULL;
	int64_t revision;
	struct dm_err *err;

	err = fence_off(s);
	if (err == NULL)
		err = dm_ha_read_all(s->env.etcd, &items, &revision);
	if (err == NULL)
		err = ensure_cluster(s, items);
	if (err == NULL)
		err = sched_secrets_check(s->env.keys, items, commit, s);
	if (err == NULL)
		err = sched_load(s->core, items, revision);
	if (err != NULL)
		return err;
	dm_info("scheduler has loaded its state", dm_kint("revision", revision),
	    dm_kint("workers", g_hash_table_size(s->core->workers)),
	    dm_kint("sources", g_hash_table_size(s->core->sources)));
	return NULL;
}

/* Read while etcd took no writes, which it takes again. */
static bool
needs_fence(struct sched *s)
{
	struct dm_err *err;

	if (s->core->stale || s->fence.revision != 0)
		return false;
	err = writable(s);
	dm_err_free(err);
	return err == NULL;
}

/* NULL when decisions can be made. */
static struct dm_err *
ready(struct sched *s)
{
	struct dm_err *err;

	if (!s->elected)
		return not_leader();
	err = s->env.available(s->env.arg);
	if (err == NULL && needs_fence(s))
		s->core->stale = true;
	if (err != NULL || !s->core->stale)
		return err;
	err = load(s);
	if (err != NULL) {
		s->core->stale = true;
		/* Another master may have the right key. */
		if (dm_err_is(err, CONFIG_SECRET_KEY_PATH))
			s->env.fatal(dm_err_copy(err), s->env.arg);
		return err;
	}
	atomic_store(&s->leading, true);
	return NULL;
}

/* ---- leadership ---- */

static void
core_lease(const char *worker, uint64_t session, int64_t ttl_ms, void *arg)
{
	struct sched *s = arg;

	s->env.lease(worker, session, ttl_ms, s->env.arg);
}

static void
core_ttl(const char *worker, int64_t ttl_ms, void *arg)
{
	struct sched *s = arg;

	s->env.ttl(worker, ttl_ms, s->env.arg);
}

static void
core_welcome(uint64_t session, uint64_t cluster_id, void *arg)
{
	struct sched *s = arg;

	s->env.welcome(session, cluster_id, s->env.arg);
}

static void
core_push(uint64_t session, const Dm__V1__Desired *d, void *arg)
{
	struct sched *s = arg;

	s->env.push(session, d, s->env.arg);
}

static void
core_drop(uint64_t session, const char *why, void *arg)
{
	struct sched *s = arg;

	s->env.drop(session, why, s->env.arg);
}

static void
core_staged(const char *worker, enum sched_stage st, bool gone, void *arg)
{
	struct sched *s = arg;

	dm_info("stage of dm-worker", dm_kstr("worker", worker),
	    dm_kstr("stage", gone ? "removed" : sched_stage_name(st)));
	s->env.staged(worker, st, gone, s->env.arg);
}

static struct dm_mono
core_now(void *arg)
{
	(void)arg;
	return dm_mono_now();
}

static struct sched_core *
new_core(struct sched *s)
{
	static const struct sched_ops ops = { commit, core_lease, core_welcome,
		core_push, core_drop, core_ttl, core_staged, core_now };
	struct sched_core *c = sched_core_new(&ops, s);

	c->stale = true; /* nothing is known yet */
	return c;
}

static void
on_lead(struct sched_core *core, void *arg)
{
	struct sched *s = arg;

	(void)core;
	s->elected = true;
	s->core->stale = true;
	dm_etcd_fence_doubt(&s->fence); /* another's may stand */
}

/* Workers find the new leader by themselves. */
static void
on_retire(struct sched_core *core, void *arg)
{
	struct sched *s = arg;
	g_autoptr(GPtrArray) workers = sched_workers_sorted(s->core);

	(void)core;
	s->elected = false;
	atomic_store(&s->leading, false);
	s->env.leases_clear(s->env.arg);
	for (guint i = 0; i < workers->len; i++) {
		struct sched_worker *w = g_ptr_array_index(workers, i);

		if (w->session != 0)
			s->env.drop(w->session, "this master leads no more",
			    s->env.arg);
		s->env.staged(w->name, SCHED_OFFLINE, true, s->env.arg);
	}
	sched_core_free(s->core);
	s->core = new_core(s);
}

void
sched_lead(struct sched *s)
{
	sched_post(s, on_lead, s, NULL);
}

void
sched_retire(struct sched *s)
{
	atomic_store(&s->leading, false);
	sched_post(s, on_retire, s, NULL);
}

bool
sched_is_leading(struct sched *s)
{
	return atomic_load(&s->leading);
}

/* ---- mailbox ---- */

static void
answer(struct call *w, struct dm_err *err)
{
	dm_mutex_lock(&w->s->mu);
	w->err = err;
	w->done = true;
	pthread_cond_broadcast(&w->s->changed);
	dm_mutex_unlock(&w->s->mu);
}

static void
message_free(void *p)
{
	struct message *m = p;

	if (m->waiter != NULL)
		answer(m->waiter, dm_err_canceled());
	if (m->free_arg != NULL)
		m->free_arg(m->arg);
	g_free(m);
}

static void
handle(struct sched *s, struct message *m)
{
	struct dm_err *err = ready(s);

	if (m->call != NULL) {
		if (err == NULL)
			err = m->call(s->core, m->arg);
		answer(DM_TAKE(m->waiter), err);
	} else {
		dm_err_free(err); /* the next call tells it */
		m->post(err == NULL ? s->core : NULL, m->arg);
	}
	message_free(m);
	announce(s);
}

static void *
run(void *arg)
{
	struct sched *s = arg;

	while (!dm_queue_is_closed(s->mailbox)) {
		bool retry = s->elected && s->core->stale;
		void *item = NULL;
		struct dm_err *err;

		dm_err_free(dm_queue_pop(
		    s->mailbox, retry ? RELOAD_MS : -1, NULL, &item));
		if (item != NULL) {
			handle(s, item);
		}
		if (!s->elected || !s->core->stale ||
		    dm_queue_is_closed(s->mailbox))
			continue;
		err = ready(s);
		if (err != NULL)
			dm_warn(
			    "scheduler cannot load its state", dm_kerr(err));
		dm_err_free(err);
	}
	return NULL;
}

static bool
send(struct sched *s, struct message m)
{
	return dm_queue_push_now(s->mailbox, g_memdup2(&m, sizeof(m)));
}

struct dm_err *
sched_call(struct sched *s, sched_fn *fn, void *arg)
{
	struct call w = { .s = s };

	/* A refused message is freed, which answers. */
	send(s, (struct message){ .call = fn, .arg = arg, .waiter = &w });
	dm_mutex_lock(&s->mu);
	while (!w.done)
		dm_cond_wait(&s->changed, &s->mu);
	dm_mutex_unlock(&s->mu);
	return w.err;
}

void
sched_post(
    struct sched *s, sched_post_fn *fn, void *arg, GDestroyNotify free_arg)
{
	send(s,
	    (struct message){ .post = fn, .arg = arg, .free_arg = free_arg });
}

void
sched_wait_change(struct sched *s, uint64_t *seen, int64_t timeout_ms)
{
	dm_mutex_lock(&s->mu);
	if (s->generation == *seen)
		dm_cond_wait_ms(&s->changed, &s->mu, timeout_ms);
	*seen = s->generation;
	dm_mutex_unlock(&s->mu);
}

struct sched *
sched_start(const struct sched_env *env)
{
	struct sched *s = g_new0(struct sched, 1);

	s->env = *env;
	s->fence.key = FENCE_KEY;
	s->mailbox = dm_queue_new(MAILBOX_LENGTH, message_free);
	dm_mutex_init(&s->mu, 10);
	dm_cond_init(&s->changed);
	s->core = new_core(s);
	s->thread = dm_thread_start("scheduler", run, s);
	return s;
}

void
sched_stop(struct sched *s)
{
	if (s == NULL)
		return;
	dm_queue_close(s->mailbox);
	pthread_join(s->thread, NULL);
}

void
sched_free(struct sched *s)
{
	if (s == NULL)
		return;
	dm_queue_free(s->mailbox);
	sched_core_free(s->core);
	pthread_cond_destroy(&s->changed);
	dm_mutex_fini(&s->mu);
	g_free(s);
}
