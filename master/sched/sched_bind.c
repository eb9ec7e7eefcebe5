/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which worker runs which source, and telling it.
 * SOURCE: control-plane reference 4.7, without relay and load tasks: our copies
 * keep nothing on a worker's disk. Differs: choices are by name, not random.
 */
#include "master/sched/sched_core.h"

#include <string.h>

void
sched_batch_bind(struct dm_ha_batch *b, const struct sched_worker *w,
    const struct sched_source *src)
{
	struct dm_ha_item item = { .first = w->name };

	if (src == NULL) {
		dm_ha_batch_delete(b, DM_HA_BOUND, w->name, NULL);
		return;
	}
	item.text = src->id;
	item.kind = DM_HA_BOUND;
	dm_ha_batch_put(b, &item);
	item.kind = DM_HA_LAST_BOUND;
	dm_ha_batch_put(b, &item);
}

/* ---- what a worker should run ---- */

static Dm__V1__SubTaskAssignment *
assignment_subtask(const struct sched_subtask *st)
{
	Dm__V1__SubTaskAssignment *a = g_new(Dm__V1__SubTaskAssignment, 1);

	dm__v1__sub_task_assignment__init(a);
	a->task = g_strdup(st->task);
	a->stage = st->stage;
	a->revision = st->revision;
	a->config = g_strdup(st->yaml);
	if (*st->start_time != '\0' || st->adopt) {
		struct dm_ha_item args = { .kind = DM_HA_CLI_ARGS,
			.text = st->start_time,
			.number = st->adopt };
		size_t len;

		a->cliargs = dm_ha_encode(&args, &len);
	}
	return a;
}

static Dm__V1__SourceAssignment *
assignment(const struct sched_source *src)
{
	Dm__V1__SourceAssignment *a = g_new(Dm__V1__SourceAssignment, 1);
	g_autoptr(GPtrArray) tasks = sched_subtasks_sorted(src);

	dm__v1__source_assignment__init(a);
	a->source = g_strdup(src->id);
	a->epoch = (uint64_t)src->epoch;
	a->config = g_strdup(src->yaml);
	a->relaystage = PB__STAGE__InvalidStage;
	a->n_subtasks = tasks->len;
	a->subtasks = g_new(Dm__V1__SubTaskAssignment *, tasks->len);
	for (guint i = 0; i < tasks->len; i++)
		a->subtasks[i] =
		    assignment_subtask(g_ptr_array_index(tasks, i));
	return a;
}

Dm__V1__Desired *
sched_desired(const struct sched_core *c, const struct sched_worker *w)
{
	Dm__V1__Desired *d = g_new(Dm__V1__Desired, 1);

	dm__v1__desired__init(d);
	d->revision = c->revision;
	d->clusterid = c->cluster_id;
	if (w->source != NULL) {
		d->n_sources = 1;
		d->sources = g_new(Dm__V1__SourceAssignment *, 1);
		d->sources[0] = assignment(w->source);
	}
	return d;
}

void
sched_push(struct sched_core *c, struct sched_worker *w)
{
	Dm__V1__Desired *d;

	if (w->session == 0)
		return;
	d = sched_desired(c, w);
	c->ops.push(w->session, d, c->arg);
	protobuf_c_message_free_unpacked(&d->base, NULL);
}

/* ---- choosing ---- */

/* The unbound source that fits a free worker best: its last one, else the
 * first that is not the last one of another free worker, else the first. */
static struct sched_source *
source_for(const struct sched_core *c, const struct sched_worker *w)
{
	g_autoptr(GPtrArray) sources = sched_sources_sorted(c);
	g_autoptr(GPtrArray) workers = sched_workers_sorted(c);
	struct sched_source *any = NULL, *wanted = NULL;

	for (guint i = 0; i < sources->len; i++) {
		struct sched_source *src = g_ptr_array_index(sources, i);
		const struct sched_worker *best = NULL;

		if (src->worker != NULL)
			continue;
		for (guint j = 0; j < workers->len; j++) {
			const struct sched_worker *o =
			    g_ptr_array_index(workers, j);

			if (o->stage == SCHED_FREE &&
			    g_strcmp0(o->last_source, src->id) == 0 &&
			    (best == NULL ||
				o->last_revision > best->last_revision))
				best = o;
		}
		if (best == w)
			return src;
		if (best == NULL && any == NULL)
			any = src;
		if (wanted == NULL)
			wanted = src;
	}
	return any != NULL ? any : wanted;
}

static struct dm_err *
bind(struct sched_core *c, struct sched_worker *w, struct sched_source *src)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	struct dm_err *err;

	sched_batch_bind(b, w, src);
	err = sched_commit(c, b);
	if (err != NULL)
		return err;
	sched_attach(c, src, w, c->revision);
	sched_push(c, w);
	return NULL;
}

/* Workers whose last source is free go first, so that nobody takes it away. */
struct dm_err *
sched_bind_all(struct sched_core *c)
{
	g_autoptr(GPtrArray) workers = sched_workers_sorted(c);

	for (int pass = 0; pass < 2; pass++)
		for (guint i = 0; i < workers->len; i++) {
			struct sched_worker *w = g_ptr_array_index(workers, i);
			struct sched_source *src;
			struct dm_err *err;

			if (w->stage != SCHED_FREE)
				continue;
			src = source_for(c, w);
			if (src == NULL ||
			    (pass == 0 &&
				g_strcmp0(w->last_source, src->id) != 0))
				continue;
			err = bind(c, w, src);
			if (err != NULL)
				return err;
		}
	return NULL;
}

/* ---- transfer-source ---- */

/* Subtasks that run may only move from replication: a copy would begin anew
 * without need. */
static struct dm_err *
check_units(const struct sched_source *src)
{
	g_autoptr(GPtrArray) bad = g_ptr_array_new();
	g_autofree char *text = NULL;

	for (size_t i = 0; src->report != NULL && i < src->report->n_subtasks;
	     i++) {
		const Pb__SubTaskStatus *s = src->report->subtasks[i];

		if (s->stage == PB__STAGE__Running &&
		    s->unit != PB__UNIT_TYPE__Sync)
			g_ptr_array_add(bad, s->name);
	}
	if (bad->len == 0)
		return NULL;
	text = sched_list_text(bad);
	return dm_err_new(
	    SCHEDULER_REQUIRE_RUNNING_TASK_IN_SYNC_UNIT, text, src->id);
}

struct dm_err *
sched_transfer(struct sched_core *c, const char *source, const char *worker)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	struct sched_source *src = sched_source_get(c, source);
	struct sched_worker *w = sched_worker_get(c, worker);
	struct sched_worker *old;
	struct dm_err *err = sched_ready(c);

	if (err != NULL)
		return err;
	if (src == NULL)
		return dm_err_new(SCHEDULER_SOURCE_CFG_NOT_EXIST, source);
	if (w == NULL)
		return dm_err_new(SCHEDULER_WORKER_NOT_EXIST, worker);
	if (src->worker == w)
		return NULL;
	if (w->stage != SCHED_FREE)
		return dm_err_new(SCHEDULER_WORKER_INVALID_TRANS, worker,
		    sched_stage_name(w->stage), sched_stage_name(SCHED_BOUND));
	err = check_units(src);
	if (err != NULL)
		return err;
	old = src->worker;
	if (old != NULL)
		sched_batch_bind(b, old, NULL);
	sched_batch_bind(b, w, src);
	err = sched_commit(c, b);
	if (err != NULL)
		return err;
	sched_detach(c, src);
	sched_attach(c, src, w, c->revision);
	/* The old one first: it should let go before the new one takes over,
	 * whose epoch fences it in any case. */
	if (old != NULL)
		sched_push(c, old);
	sched_push(c, w);
	return sched_bind_all(c);
}
