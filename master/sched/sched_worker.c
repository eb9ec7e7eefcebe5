/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers: registration, sessions, leases, reports.
 *
 * DESIGN. A worker is alive as long as it holds a lease, whether or not we
 * have a session with it: a session may move to another master, and a worker
 * that lost its session may still write until its lease ends. So only the end
 * of the lease takes its source away. Who holds one stands in etcd, for the
 * next leader; until when is kept outside of the core.
 */
#include "master/sched/sched_core.h"

#include <string.h>

/* Of a worker itself: it is registered, it is alive. */
#define WORKER_OPS 2

struct dm_err *
sched_check_name(const struct sched_core *c, const char *name, const char *addr)
{
	const struct sched_worker *w = sched_worker_get(c, name);
	g_autofree char *info = NULL;
	struct dm_err *err = sched_ready(c);

	if (err != NULL || w == NULL || strcmp(w->addr, addr) == 0)
		return err;
	info = sched_worker_info(w);
	return dm_err_new(SCHEDULER_WORKER_EXIST, info);
}

static void
batch_worker(struct dm_ha_batch *b, const char *name, const char *addr)
{
	g_autofree char *first = g_strdup(name), *text = g_strdup(addr);
	struct dm_ha_item item = {
		.kind = DM_HA_WORKER, .first = first, .text = text
	};

	dm_ha_batch_put(b, &item);
}

struct dm_err *
sched_register(struct sched_core *c, const char *name, const char *addr)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	struct dm_err *err = sched_check_name(c, name, addr);

	if (err != NULL || sched_worker_get(c, name) != NULL)
		return err;
	batch_worker(b, name, addr);
	err = sched_commit(c, b);
	if (err != NULL)
		return err;
	sched_worker_new(c, name, addr);
	return NULL;
}

struct dm_err *
sched_unregister(struct sched_core *c, const char *name)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	struct sched_worker *w = sched_worker_get(c, name);
	struct dm_err *err = sched_ready(c);

	if (err != NULL)
		return err;
	if (w == NULL)
		return dm_err_new(SCHEDULER_WORKER_NOT_EXIST, name);
	if (w->stage != SCHED_OFFLINE)
		return dm_err_new(SCHEDULER_WORKER_ONLINE, name);
	for (guint i = 0; i < w->relays->len; i++)
		sched_batch_relay_drop(b, w->relays->pdata[i], w);
	/* Last: what was written of this before an error is made good by the
	 * same command again, or by a load. */
	dm_ha_batch_delete(b, DM_HA_WORKER, name, NULL);
	err = sched_commit_parts(c, b, 1, NULL);
	if (err != NULL)
		return err;
	while (w->relays->len > 0)
		sched_relay_drop(c, w->relays->pdata[0], w);
	c->ops.staged(w->name, SCHED_OFFLINE, true, c->arg);
	sched_session_set(c, w, 0);
	g_hash_table_remove(c->workers, w->name);
	return NULL;
}

static bool
holds(const struct sched_hello *h, const struct sched_source *src)
{
	for (size_t i = 0; i < h->n_holding; i++)
		if (strcmp(h->holding[i]->source, src->id) == 0 &&
		    h->holding[i]->epoch == (uint64_t)src->epoch)
			return true;
	return false;
}

/* What changes for the sources of a worker whose session begins. */
struct comeback {
	GPtrArray *again; /* struct sched_source*: its, under a new epoch */
	GPtrArray *extra; /* more than it takes now: unbound */
};

/* Another process, or one with an older assignment, gets a new epoch, so that
 * two processes of one name fence each other. */
static void
plan_comeback(const struct sched_worker *w, const struct sched_hello *h,
    struct comeback *cb, struct dm_ha_batch *b)
{
	unsigned max = MAX(h->max_sources, 1U);
	guint left = w->sources->len;

	cb->again = g_ptr_array_new();
	cb->extra = g_ptr_array_new();
	for (guint i = 0; i < w->sources->len; i++) {
		struct sched_source *src = g_ptr_array_index(w->sources, i);
		/* Else it comes back with the next binding. */
		bool room = b->ops->len + 2 + --left <= SCHED_WRITE_OPS;

		if (i >= max || (!room && !holds(h, src))) {
			g_ptr_array_add(cb->extra, src);
			sched_batch_unbind(b, w, src->id);
		} else if (!holds(h, src)) {
			g_ptr_array_add(cb->again, src);
			sched_batch_bind(b, w, src->id);
		}
	}
}

static void
take_comeback(
    struct sched_core *c, struct sched_worker *w, const struct comeback *cb)
{
	for (guint i = 0; i < cb->extra->len; i++)
		sched_detach(c, g_ptr_array_index(cb->extra, i));
	for (guint i = 0; i < cb->again->len; i++)
		sched_attach(
		    c, g_ptr_array_index(cb->again, i), w, c->revision);
}

static void
take_session(
    struct sched_core *c, struct sched_worker *w, const struct sched_hello *h)
{
	uint64_t old = w->session;

	sched_session_set(c, w, h->session);
	w->max_sources = MAX(h->max_sources, 1U);
	g_free(w->config);
	w->config = g_strdup(h->config);
	w->heard_at = c->ops.now(c->arg);
	if (old != 0 && old != h->session)
		c->ops.drop(old, "another session took its place", c->arg);
	if (w->stage == SCHED_OFFLINE)
		sched_stage_set(c, w, SCHED_FREE);
	sched_stage_settle(c, w);
}

/* A session before this one may have counted a longer time from its last
 * heartbeat: a next leader must know of that. */
static int64_t
online_ttl_ms(const struct sched_worker *w, const struct sched_hello *h)
{
	return w == NULL ? h->ttl_ms : MAX(h->ttl_ms, w->ttl_ms);
}

/* What one of several sessions that begin together adds to the write. w is
 * NULL for a worker that is new. */
static void
plan_online(const struct sched_worker *w, const struct sched_hello *h,
    struct comeback *cb, struct dm_ha_batch *b)
{
	g_autofree char *name = g_strdup(h->name);
	g_autofree char *joined = g_strdup(h->join_time);
	struct dm_ha_item alive = { .kind = DM_HA_ALIVE,
		.first = name,
		.text = joined,
		.number = online_ttl_ms(w, h) / 1000 };

	if (w == NULL)
		batch_worker(b, h->name, h->addr);
	dm_ha_batch_put(b, &alive);
	*cb = (struct comeback){ 0 };
	if (w != NULL)
		plan_comeback(w, h, cb, b);
}

static void
take_online(struct sched_core *c, const struct sched_hello *h,
    const struct comeback *cb)
{
	struct sched_worker *w = sched_worker_get(c, h->name);

	if (w == NULL)
		w = sched_worker_new(c, h->name, h->addr);
	w->ttl_ms = online_ttl_ms(w, h);
	g_free(w->joined);
	w->joined = g_strdup(h->join_time);
	take_session(c, w, h);
	if (cb->again != NULL)
		take_comeback(c, w, cb);
	c->ops.lease(h->name, h->session, h->ttl_ms, c->arg);
	c->ops.ttl(h->name, w->ttl_ms, c->arg);
	c->ops.welcome(h->session, c->cluster_id, c->arg);
	sched_push(c, w);
}

static void
comeback_clear(gpointer p)
{
	struct comeback *cb = p;

	g_clear_pointer(&cb->again, g_ptr_array_unref);
	g_clear_pointer(&cb->extra, g_ptr_array_unref);
}

/* Plans the first ones; how many. Two sessions of one name are two writes. */
static size_t
plan_some(const struct sched_core *c, struct sched_hello *h, size_t n,
    GArray *plans, struct dm_ha_batch *b)
{
	g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
	struct comeback cb;
	size_t i;

	for (i = 0; i < n; i++) {
		const struct sched_worker *w = sched_worker_get(c, h[i].name);
		size_t ops = WORKER_OPS + (w ? 2 * w->sources->len : 0);

		if (i > 0 && b->ops->len + ops > SCHED_WRITE_OPS)
			break;
		if (!g_hash_table_add(names, (gpointer)(uintptr_t)h[i].name))
			break;
		cb = (struct comeback){ 0 };
		h[i].err = sched_check_name(c, h[i].name, h[i].addr);
		if (h[i].err == NULL)
			plan_online(w, &h[i], &cb, b);
		g_array_append_val(plans, cb);
	}
	return i;
}

size_t
sched_online_some(struct sched_core *c, struct sched_hello *h, size_t n)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	g_autoptr(GArray) plans =
	    g_array_new(FALSE, FALSE, sizeof(struct comeback));
	size_t some = plan_some(c, h, n, plans, b);
	struct dm_err *err;

	g_array_set_clear_func(plans, comeback_clear);
	err = sched_commit(c, b);
	for (size_t i = 0; i < some; i++) {
		if (h[i].err != NULL)
			continue;
		if (err != NULL)
			h[i].err = dm_err_copy(err);
		else
			take_online(c, &h[i],
			    &g_array_index(plans, struct comeback, i));
	}
	if (err == NULL)
		err = sched_bind_all(c);
	/* A binding that failed left the core stale: it comes with the load. */
	dm_err_free(err);
	return some;
}

static void
plan_offline(const struct sched_worker *w, struct dm_ha_batch *b)
{
	dm_ha_batch_delete(b, DM_HA_ALIVE, w->name, NULL);
	for (guint i = 0; i < w->sources->len; i++) {
		const struct sched_source *src =
		    g_ptr_array_index(w->sources, i);

		sched_batch_unbind(b, w, src->id);
	}
}

static void
take_offline(struct sched_core *c, struct sched_worker *w)
{
	while (w->sources->len > 0)
		sched_detach(c, g_ptr_array_index(w->sources, 0));
	w->ttl_ms = 0;
	sched_stage_set(c, w, SCHED_OFFLINE);
	c->ops.lease(w->name, 0, 0, c->arg);
	if (w->session != 0) {
		c->ops.drop(w->session, "its lease ran out", c->arg);
		sched_session_set(c, w, 0);
	}
}

/* From names[from] on as many as go into one write; *to: behind them. */
static struct dm_err *
offline_some(
    struct sched_core *c, const GPtrArray *names, guint from, guint *to)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	g_autoptr(GPtrArray) workers = g_ptr_array_new();
	struct dm_err *err;

	for (*to = from; *to < names->len; ++*to) {
		const char *name = g_ptr_array_index(names, *to);
		struct sched_worker *w = sched_worker_get(c, name);

		if (w == NULL || w->stage == SCHED_OFFLINE) {
			/* By a write whose outcome was not known. */
			c->ops.lease(name, 0, 0, c->arg);
			continue;
		}
		if (workers->len > 0 &&
		    b->ops->len + 1 + w->sources->len > SCHED_WRITE_OPS)
			break;
		plan_offline(w, b);
		g_ptr_array_add(workers, w);
	}
	err = sched_commit(c, b);
	if (err != NULL)
		return err;
	for (guint i = 0; i < workers->len; i++)
		take_offline(c, g_ptr_array_index(workers, i));
	return NULL;
}

struct dm_err *
sched_offline(struct sched_core *c, const GPtrArray *names)
{
	struct dm_err *err = sched_ready(c);

	for (guint i = 0; err == NULL && i < names->len;)
		err = offline_some(c, names, i, &i);
	return err != NULL ? err : sched_bind_all(c);
}

static struct sched_worker *
worker_of_session(const struct sched_core *c, uint64_t session)
{
	return g_hash_table_lookup(c->sessions, GSIZE_TO_POINTER(session));
}

void
sched_closed(struct sched_core *c, uint64_t session)
{
	struct sched_worker *w = worker_of_session(c, session);

	if (w != NULL)
		sched_session_set(c, w, 0);
}

struct dm_err *
sched_goodbye(struct sched_core *c, uint64_t session)
{
	g_autoptr(GPtrArray) name = g_ptr_array_new();
	struct sched_worker *w = worker_of_session(c, session);

	if (w == NULL)
		return NULL;
	sched_session_set(c, w, 0);
	g_ptr_array_add(name, w->name);
	return sched_offline(c, name);
}

struct dm_err *
sched_lease_ttl(struct sched_core *c, const char *name, int64_t ttl_ms)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	struct sched_worker *w = sched_worker_get(c, name);
	struct dm_ha_item alive = { .kind = DM_HA_ALIVE,
		.number = ttl_ms / 1000 };
	struct dm_err *err = sched_ready(c);

	if (err != NULL || w == NULL || w->stage == SCHED_OFFLINE)
		return err;
	alive.first = w->name;
	alive.text = w->joined;
	dm_ha_batch_put(b, &alive);
	err = sched_commit(c, b);
	if (err != NULL)
		return err;
	w->ttl_ms = ttl_ms;
	c->ops.ttl(name, ttl_ms, c->arg);
	return NULL;
}

/* What a worker says about another assignment than its present one is old. */
static bool
is_current(const struct sched_worker *w, const struct sched_source *src,
    const Dm__V1__SourceReport *r)
{
	return src != NULL && src->worker == w &&
	       r->epoch == (uint64_t)src->epoch;
}

/* What the worker has begun it need not be told again. revision: of the newest
 * order that the report reflects. */
static void
forget_adoption(
    struct sched_source *src, const Dm__V1__SourceReport *r, int64_t revision)
{
	for (size_t i = 0; i < r->n_subtasks; i++) {
		struct sched_subtask *st =
		    sched_subtask_get(src, r->subtasks[i]->name);

		if (st != NULL && revision >= st->revision)
			st->adopt = false;
	}
}

/* Of a worker that has the relay log alone. True: r was taken. */
static bool
take_relay_report(const struct sched_worker *w, const struct sched_source *src,
    Dm__V1__SourceReport *r, int64_t revision)
{
	struct sched_relay *relay = sched_relay_get(src, w);

	if (relay == NULL)
		return false;
	if (relay->report != NULL)
		protobuf_c_message_free_unpacked(&relay->report->base, NULL);
	relay->report = r;
	relay->report_revision = revision;
	relay->report_at = w->heard_at;
	return true;
}

void
sched_report(struct sched_core *c, uint64_t session, Dm__V1__Report *report)
{
	struct sched_worker *w = worker_of_session(c, session);
	g_autoptr(GStrvBuilder) names = g_strv_builder_new();

	if (w == NULL)
		return;
	w->heard_at = c->ops.now(c->arg);
	for (size_t i = 0; i < report->n_sources; i++)
		g_strv_builder_add(names, report->sources[i]->source);
	g_strfreev(w->reported);
	w->reported = g_strv_builder_end(names);
	for (size_t i = report->n_sources; i-- > 0;) {
		Dm__V1__SourceReport *r = report->sources[i];
		struct sched_source *src = sched_source_get(c, r->source);

		if (src != NULL && r->epoch == 0 && src->worker != w &&
		    take_relay_report(w, src, r, report->revision)) {
			report->sources[i] =
			    report->sources[--report->n_sources];
			continue;
		}
		if (!is_current(w, src, r))
			continue;
		if (src->report != NULL)
			protobuf_c_message_free_unpacked(
			    &src->report->base, NULL);
		src->report = r;
		src->report_revision = report->revision;
		forget_adoption(src, r, report->revision);
		src->report_at = w->heard_at;
		report->sources[i] = report->sources[--report->n_sources];
	}
}

const Pb__SubTaskStatus *
sched_reported(const struct sched_source *src, const char *task)
{
	for (size_t i = 0; src->report != NULL && i < src->report->n_subtasks;
	     i++)
		if (strcmp(src->report->subtasks[i]->name, task) == 0)
			return src->report->subtasks[i];
	return NULL;
}
