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
	struct dm_err *err = sched_ready(c);

	if (err != NULL)
		return err;
	if (w != NULL) {
		if (strcmp(w->addr, addr) == 0)
			return NULL;
		return dm_err_new(SCHEDULER_WORKER_EXIST, name);
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

struct dm_err *
sched_online(struct sched_core *c, const struct sched_hello *h)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	struct sched_worker *w = sched_worker_get(c, h->name);
	struct dm_ha_item alive = { .kind = DM_HA_ALIVE, .lease = h->lease };
	uint64_t old;
	bool again;
	struct dm_err *err = sched_ready(c);

	if (err != NULL)
		return err;
	if (w == NULL)
		return dm_err_new(SCHEDULER_WORKER_NOT_EXIST, h->name);
	alive.first = w->name;
	alive.text = g_strdup(h->join_time);
	dm_ha_batch_put(b, &alive);
	g_free(alive.text);
	/* Another process, or one with an older assignment: a new epoch, so
	 * that two processes of one name fence each other. */
	again = w->source != NULL && !holds(h, w->source);
	if (again)
		sched_batch_bind(b, w, w->source);
	err = sched_commit(c, b);
	if (err != NULL)
		return err;
	old = w->session;
	w->session = h->session;
	w->alive_revision = c->revision;
	if (old != 0 && old != h->session)
		c->ops.drop(old, "another session took its place", c->arg);
	if (w->stage == SCHED_OFFLINE)
		sched_stage_set(c, w, SCHED_FREE);
	if (again)
		sched_attach(c, w->source, w, c->revision);
	c->ops.welcome(h->session, c->cluster_id, c->arg);
	sched_push(c, w);
	return sched_bind_all(c);
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
	if (w->source != NULL)
		sched_batch_bind(b, w, NULL);
	err = sched_commit(c, b);
	if (err != NULL)
		return err;
	c->revision = MAX(c->revision, revision);
	if (w->source != NULL)
		sched_detach(c, w->source);
	w->alive_revision = 0;
	sched_stage_set(c, w, SCHED_OFFLINE);
	if (w->session != 0) {
		c->ops.drop(w->session, "its lease ran out", c->arg);
		w->session = 0;
	}
	return sched_bind_all(c);
}

static struct sched_worker *
worker_of_session(const struct sched_core *c, uint64_t session)
{
	GHashTableIter it;
	gpointer v;

	g_hash_table_iter_init(&it, c->workers);
	while (g_hash_table_iter_next(&it, NULL, &v)) {
		struct sched_worker *w = v;

		if (w->session == session)
			return w;
	}
	return NULL;
}

void
sched_closed(struct sched_core *c, uint64_t session)
{
	struct sched_worker *w = worker_of_session(c, session);

	if (w != NULL)
		w->session = 0;
}

/* What a worker says about another assignment than its present one is old. */
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
	struct sched_source *src = w == NULL ? NULL : w->source;
	g_autoptr(GStrvBuilder) names = g_strv_builder_new();

	if (w == NULL)
		return;
	for (size_t i = 0; i < report->n_sources; i++)
		g_strv_builder_add(names, report->sources[i]->source);
	g_strfreev(w->reported);
	w->reported = g_strv_builder_end(names);
	if (src == NULL)
		return;
	for (size_t i = 0; i < report->n_sources; i++) {
		Dm__V1__SourceReport *r = report->sources[i];

		if (strcmp(r->source, src->id) != 0 ||
		    r->epoch != (uint64_t)src->epoch)
			continue;
		if (src->report != NULL)
			protobuf_c_message_free_unpacked(
			    &src->report->base, NULL);
		src->report = r;
		src->report_revision = report->revision;
		forget_adoption(src, r, report->revision);
		src->report_at = c->ops.now(c->arg);
		report->sources[i] = report->sources[--report->n_sources];
		return;
	}
}
