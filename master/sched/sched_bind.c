/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which worker runs which source, and telling it.
 *
 * SOURCE: control-plane reference 4.7, 4.9, without load tasks: our copies keep
 * nothing on a worker's disk. Differs: a worker may have several
 * sources; choices are by load and name, not random. transfer-source does not
 * pause tasks for the move: the new owner's epoch makes that unnecessary, and a
 * master that ended in between would leave them paused.
 */
#include "master/sched/sched_core.h"

#include <string.h>

void
sched_batch_bind(
    struct dm_ha_batch *b, const struct sched_worker *w, const char *source)
{
	g_autofree char *id = g_strdup(source);
	struct dm_ha_item item = {
		.kind = DM_HA_BOUND, .first = w->name, .second = id
	};

	dm_ha_batch_put(b, &item);
	item.kind = DM_HA_LAST_BOUND;
	dm_ha_batch_put(b, &item);
}

void
sched_batch_unbind(
    struct dm_ha_batch *b, const struct sched_worker *w, const char *source)
{
	dm_ha_batch_delete(b, DM_HA_BOUND, w->name, source);
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

/* bound: the worker has the source; else it writes its relay log only, and runs
 * none of its tasks. */
static Dm__V1__SourceAssignment *
assignment(const struct sched_source *src, const struct sched_worker *w)
{
	bool bound = src->worker == w;
	Dm__V1__SourceAssignment *a = g_new(Dm__V1__SourceAssignment, 1);
	g_autoptr(GPtrArray) tasks = sched_subtasks_sorted(src);

	dm__v1__source_assignment__init(a);
	a->source = g_strdup(src->id);
	a->epoch = bound ? (uint64_t)src->epoch : 0;
	a->config = g_strdup(src->yaml);
	a->relaybyworker = sched_relay_get(src, w) != NULL;
	if (a->relaybyworker || src->by_source) {
		a->relaystage = src->relay_stage;
		a->relayrevision = src->relay_revision;
	}
	a->n_subtasks = tasks->len;
	a->subtasks = g_new(Dm__V1__SubTaskAssignment *, tasks->len);
	for (guint i = 0; i < tasks->len; i++) {
		a->subtasks[i] =
		    assignment_subtask(g_ptr_array_index(tasks, i));
		if (!bound)
			a->subtasks[i]->stage = PB__STAGE__Stopped;
	}
	return a;
}

Dm__V1__Desired *
sched_desired(const struct sched_core *c, const struct sched_worker *w)
{
	Dm__V1__Desired *d = g_new(Dm__V1__Desired, 1);

	dm__v1__desired__init(d);
	d->revision = c->revision;
	d->clusterid = c->cluster_id;
	d->sources =
	    g_new(Dm__V1__SourceAssignment *, w->sources->len + w->relays->len);
	for (guint i = 0; i < w->sources->len; i++)
		d->sources[d->n_sources++] =
		    assignment(g_ptr_array_index(w->sources, i), w);
	for (guint i = 0; i < w->relays->len; i++) {
		const struct sched_source *src =
		    g_ptr_array_index(w->relays, i);

		if (src->worker != w)
			d->sources[d->n_sources++] = assignment(src, w);
	}
	return d;
}

void
sched_push(struct sched_core *c, struct sched_worker *w)
{
	Dm__V1__Desired *d;

	if (w == NULL || w->session == 0)
		return;
	d = sched_desired(c, w);
	c->ops.push(w->session, d, c->arg);
	protobuf_c_message_free_unpacked(&d->base, NULL);
}

void
sched_push_all(struct sched_core *c, const GPtrArray *sources)
{
	g_autoptr(GHashTable) told = g_hash_table_new(NULL, NULL);

	for (guint i = 0; i < sources->len; i++) {
		const struct sched_source *src = g_ptr_array_index(sources, i);

		if (src->worker != NULL && g_hash_table_add(told, src->worker))
			sched_push(c, src->worker);
		for (guint j = 0; j < src->relays->len; j++) {
			const struct sched_relay *r = src->relays->pdata[j];

			if (g_hash_table_add(told, r->worker))
				sched_push(c, r->worker);
		}
	}
}

/* ---- choosing ---- */

/* How many sources a worker has and relays; *has: src is one of them. */
static guint
occupied(
    const struct sched_worker *w, const struct sched_source *src, bool *has)
{
	guint n = w->sources->len;

	*has = src != NULL && g_ptr_array_find(w->sources, src, NULL);
	for (guint i = 0; i < w->relays->len; i++) {
		const struct sched_source *r = w->relays->pdata[i];

		*has |= r == src;
		n += r->worker != w;
	}
	return n;
}

bool
sched_has_room(const struct sched_worker *w, const struct sched_source *src)
{
	bool has;
	guint n = occupied(w, src, &has);

	return w->stage != SCHED_OFFLINE && w->sources->len < w->max_sources &&
	       (has || n < w->max_sources);
}

static struct dm_err *
bind(struct sched_core *c, struct sched_worker *w, struct sched_source *src)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	struct dm_err *err;

	sched_batch_bind(b, w, src->id);
	err = sched_commit(c, b);
	if (err != NULL)
		return err;
	sched_attach(c, src, w, c->revision);
	sched_push(c, w);
	return NULL;
}

/* An unbound source and a worker with room that had it before. */
struct pair {
	struct sched_worker *worker;
	struct sched_source *source;
	int64_t revision; /* when it was bound there last */
};

/* Newest first; what is equal (one transaction), by source. */
static int
newest_first(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->revision != y->revision)
		return x->revision < y->revision ? 1 : -1;
	return strcmp(x->source->id, y->source->id);
}

/* By what the workers remember, which is little: not every worker with every
 * source. */
static GArray *
former_pairs(const struct sched_core *c, const GPtrArray *workers)
{
	GArray *pairs = g_array_new(FALSE, FALSE, sizeof(struct pair));
	GHashTableIter it;
	gpointer id, last;

	for (guint i = 0; i < workers->len; i++) {
		struct pair p = { .worker = workers->pdata[i] };

		g_hash_table_iter_init(&it, p.worker->last);
		while (g_hash_table_iter_next(&it, &id, &last)) {
			p.source = sched_source_get(c, id);
			p.revision = *(const gint64 *)last;
			if (p.source != NULL && p.source->worker == NULL)
				g_array_append_val(pairs, p);
		}
	}
	g_array_sort(pairs, newest_first);
	return pairs;
}

/* Each source where it was last, the newest of such bindings first: a worker
 * that had several sources in turn gets back the one it had at the end. */
static struct dm_err *
bind_former(struct sched_core *c, const GPtrArray *workers)
{
	g_autoptr(GArray) pairs = former_pairs(c, workers);

	for (guint i = 0; i < pairs->len; i++) {
		const struct pair *p = &g_array_index(pairs, struct pair, i);
		struct dm_err *err;

		if (p->source->worker != NULL ||
		    !sched_has_room(p->worker, p->source) ||
		    !sched_fits(p->worker, p->source))
			continue;
		err = bind(c, p->worker, p->source);
		if (err != NULL)
			return err;
	}
	return NULL;
}

/* Of two workers that relay a source: where it was last, then where there is
 * less. */
static bool
suits_better(const struct sched_worker *a, const struct sched_worker *b,
    const struct sched_source *src)
{
	const gint64 *at_a = g_hash_table_lookup(a->last, src->id);
	const gint64 *at_b = g_hash_table_lookup(b->last, src->id);
	gint64 x = at_a == NULL ? 0 : *at_a, y = at_b == NULL ? 0 : *at_b;

	return x != y ? x > y : a->sources->len < b->sources->len;
}

/* A worker that has the source's relay log already goes on from its files. */
static struct dm_err *
bind_relayed(struct sched_core *c, const GPtrArray *sources)
{
	struct dm_err *err = NULL;

	for (guint i = 0; err == NULL && i < sources->len; i++) {
		struct sched_source *src = g_ptr_array_index(sources, i);
		struct sched_worker *best = NULL;

		for (guint j = 0; src->worker == NULL && j < src->relays->len;
		     j++) {
			const struct sched_relay *r = src->relays->pdata[j];

			if (sched_has_room(r->worker, src) &&
			    (best == NULL ||
				suits_better(r->worker, best, src)))
				best = r->worker;
		}
		if (best != NULL)
			err = bind(c, best, src);
	}
	return err;
}

static struct sched_worker *
least_loaded(const GPtrArray *workers, const struct sched_source *src)
{
	struct sched_worker *best = NULL;

	for (guint i = 0; i < workers->len; i++) {
		struct sched_worker *w = g_ptr_array_index(workers, i);

		if (sched_has_room(w, src) &&
		    (best == NULL || w->sources->len < best->sources->len) &&
		    sched_fits(w, src))
			best = w;
	}
	return best;
}

static bool
all_bound(const struct sched_core *c)
{
	GHashTableIter it;
	gpointer src;

	g_hash_table_iter_init(&it, c->sources);
	while (g_hash_table_iter_next(&it, NULL, &src))
		if (((struct sched_source *)src)->worker == NULL)
			return false;
	return true;
}

/* New array, sorted. */
static GPtrArray *
workers_with_room(const struct sched_core *c)
{
	GPtrArray *list = g_ptr_array_new();
	GHashTableIter it;
	gpointer w;

	g_hash_table_iter_init(&it, c->workers);
	while (g_hash_table_iter_next(&it, NULL, &w))
		if (((struct sched_worker *)w)->sources->len <
			((struct sched_worker *)w)->max_sources &&
		    ((struct sched_worker *)w)->stage != SCHED_OFFLINE)
			g_ptr_array_add(list, w);
	g_ptr_array_sort(list, sched_by_name);
	return list;
}

/* Comes with every worker that begins: it must cost next to nothing when there
 * is nothing to bind. */
struct dm_err *
sched_bind_all(struct sched_core *c)
{
	g_autoptr(GPtrArray) workers = NULL;
	g_autoptr(GPtrArray) sources = NULL;
	struct dm_err *err;

	if (all_bound(c))
		return NULL;
	workers = workers_with_room(c);
	if (workers->len == 0)
		return NULL;
	sources = sched_sources_sorted(c);
	err = bind_relayed(c, sources);
	if (err == NULL)
		err = bind_former(c, workers);
	for (guint i = 0; err == NULL && i < sources->len; i++) {
		struct sched_source *src = g_ptr_array_index(sources, i);
		struct sched_worker *w;

		if (src->worker != NULL)
			continue;
		w = least_loaded(workers, src);
		if (w != NULL)
			err = bind(c, w, src);
	}
	return err;
}

/* ---- transfer-source ---- */

/* Running subtasks may only move from replication: a copy would begin anew
 * without need. What nothing is known of may be in a copy. */
static struct dm_err *
check_units(const struct sched_source *src)
{
	g_autoptr(GPtrArray) tasks = sched_subtasks_sorted(src);
	g_autoptr(GPtrArray) bad = g_ptr_array_new();
	g_autofree char *text = NULL;

	for (guint i = 0; i < tasks->len; i++) {
		const struct sched_subtask *st = g_ptr_array_index(tasks, i);
		const Pb__SubTaskStatus *s = sched_reported(src, st->task);

		if (s == NULL ? st->stage == PB__STAGE__Running
			      : s->stage == PB__STAGE__Running &&
				    s->unit != PB__UNIT_TYPE__Sync)
			g_ptr_array_add(bad, st->task);
	}
	if (bad->len == 0)
		return NULL;
	text = sched_list_text(bad);
	return dm_err_new(
	    SCHEDULER_REQUIRE_RUNNING_TASK_IN_SYNC_UNIT, text, src->id);
}

/* "s1, s2". New string. */
static char *
relayed(const struct sched_worker *w)
{
	GString *s = g_string_new(NULL);

	for (guint i = 0; i < w->relays->len; i++)
		g_string_append_printf(s, "%s%s", i == 0 ? "" : ", ",
		    ((const struct sched_source *)w->relays->pdata[i])->id);
	return g_string_free(s, FALSE);
}

static struct dm_err *
check_transfer(const struct sched_source *src, const struct sched_worker *w)
{
	g_autofree char *info = NULL;

	if (!sched_has_room(w, src) && w->stage != SCHED_OFFLINE &&
	    w->sources->len < w->max_sources) {
		g_autofree char *others = relayed(w);

		return dm_err_new(SCHEDULER_BOUND_DIFF_WITH_STARTED_RELAY,
		    w->name, src->id, others);
	}
	if (!sched_has_room(w, src)) {
		info = sched_worker_info(w);
		return dm_err_new(SCHEDULER_WORKER_INVALID_TRANS, info,
		    sched_stage_name(w->stage), sched_stage_name(SCHED_BOUND));
	}
	if (!sched_fits(w, src))
		return sched_check_growth(w, sched_source_bytes(src));
	return src->worker == NULL ? NULL : check_units(src);
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
	err = check_transfer(src, w);
	if (err != NULL)
		return err;
	old = src->worker;
	if (old != NULL)
		sched_batch_unbind(b, old, src->id);
	sched_batch_bind(b, w, src->id);
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
