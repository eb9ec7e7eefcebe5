/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers: registration, sessions, leases, reports.
 *
 * DESIGN. A worker is alive as long as its lease key stands, whether or not we
 * have a session with it: a session may move to another master, and a worker
 * that lost its session may still write until its lease ends. So only the end
 * of the lease takes its source away.
 */
#include "master/sched/sched_core.h"

#include <string.h>

struct dm_err *
sched_register(struct sched_core *c, const char *name, const char *addr)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	struct sched_worker *w = sched_worker_get(c, name);
	struct dm_ha_item item = { .kind = DM_HA_WORKER };
	g_autofree char *info = NULL;
	struct dm_err *err = sched_ready(c);

	if (err != NULL)
		return err;
	if (w != NULL) {
		if (strcmp(w->addr, addr) == 0)
			return NULL;
		info = sched_worker_info(w);
		return dm_err_new(SCHEDULER_WORKER_EXIST, info);
	}
	item.first = g_strdup(name);
	item.text = g_strdup(addr);
	dm_ha_batch_put(b, &item);
	g_free(item.first);
	g_free(item.text);
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
	dm_ha_batch_delete(b, DM_HA_WORKER, name, NULL);
	err = sched_commit(c, b);
	if (err != NULL)
		return err;
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

	cb->again = g_ptr_array_new();
	cb->extra = g_ptr_array_new();
	for (guint i = 0; i < w->sources->len; i++) {
		struct sched_source *src = g_ptr_array_index(w->sources, i);

		if (i >= max) {
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
	w->alive_revision = c->revision;
	w->heard_at = c->ops.now(c->arg);
	if (old != 0 && old != h->session)
		c->ops.drop(old, "another session took its place", c->arg);
	if (w->stage == SCHED_OFFLINE)
		sched_stage_set(c, w, SCHED_FREE);
}

struct dm_err *
sched_online(struct sched_core *c, const struct sched_hello *h)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	struct sched_worker *w = sched_worker_get(c, h->name);
	struct dm_ha_item alive = { .kind = DM_HA_ALIVE, .lease = h->lease };
	struct comeback cb;
	struct dm_err *err = sched_ready(c);

	if (err != NULL)
		return err;
	if (w == NULL)
		return dm_err_new(SCHEDULER_WORKER_NOT_EXIST, h->name);
	alive.first = w->name;
	alive.text = g_strdup(h->join_time);
	dm_ha_batch_put(b, &alive);
	g_free(alive.text);
	plan_comeback(w, h, &cb, b);
	err = sched_commit(c, b);
	if (err == NULL) {
		take_session(c, w, h);
		take_comeback(c, w, &cb);
		c->ops.welcome(h->session, c->cluster_id, c->arg);
		sched_push(c, w);
		err = sched_bind_all(c);
	}
	g_ptr_array_unref(cb.again);
	g_ptr_array_unref(cb.extra);
	return err;
}

struct dm_err *
sched_offline(struct sched_core *c, const char *name, int64_t revision)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	struct sched_worker *w = sched_worker_get(c, name);
	struct dm_err *err = sched_ready(c);

	if (err != NULL)
		return err;
	/* A deletion from before its newest key says nothing about that. */
	if (w == NULL || w->stage == SCHED_OFFLINE ||
	    revision <= w->alive_revision)
		return NULL;
	for (guint i = 0; i < w->sources->len; i++) {
		const struct sched_source *src =
		    g_ptr_array_index(w->sources, i);

		sched_batch_unbind(b, w, src->id);
	}
	err = sched_commit(c, b);
	if (err != NULL)
		return err;
	c->revision = MAX(c->revision, revision);
	while (w->sources->len > 0)
		sched_detach(c, g_ptr_array_index(w->sources, 0));
	w->alive_revision = 0;
	sched_stage_set(c, w, SCHED_OFFLINE);
	if (w->session != 0) {
		c->ops.drop(w->session, "its lease ran out", c->arg);
		sched_session_set(c, w, 0);
	}
	return sched_bind_all(c);
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
