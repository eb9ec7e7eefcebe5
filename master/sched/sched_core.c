/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler's state: objects, their relations, loading it from etcd. */
#include "master/sched/sched_core.h"

#include "lib/config/source.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

const char *
sched_stage_name(enum sched_stage s)
{
	switch (s) {
	case SCHED_OFFLINE:
		return "offline";
	case SCHED_FREE:
		return "free";
	case SCHED_RELAY:
		return "relay";
	case SCHED_BOUND:
		return "bound";
	}
	return "";
}

/* ---- objects ---- */

static void
worker_free(gpointer p)
{
	struct sched_worker *w = p;

	g_free(w->name);
	g_free(w->addr);
	g_ptr_array_unref(w->sources);
	g_ptr_array_unref(w->relays);
	g_free(w->joined);
	g_hash_table_unref(w->last);
	g_strfreev(w->reported);
	g_free(w->config);
	g_free(w);
}

static void
subtask_free(gpointer p)
{
	struct sched_subtask *st = p;

	g_free(st->task);
	g_free(st->yaml);
	g_free(st->start_time);
	g_free(st);
}

static void
report_free(struct sched_source *src)
{
	if (src->report != NULL)
		protobuf_c_message_free_unpacked(&src->report->base, NULL);
	src->report = NULL;
	src->report_revision = 0;
}

static void
relay_free(gpointer p)
{
	struct sched_relay *r = p;

	if (r->report != NULL)
		protobuf_c_message_free_unpacked(&r->report->base, NULL);
	g_free(r);
}

static void
source_free(gpointer p)
{
	struct sched_source *src = p;

	report_free(src);
	g_ptr_array_unref(src->relays);
	g_hash_table_unref(src->subtasks);
	g_free(src->id);
	g_free(src->yaml);
	g_free(src);
}

struct sched_worker *
sched_worker_new(struct sched_core *c, const char *name, const char *addr)
{
	struct sched_worker *w = g_new0(struct sched_worker, 1);

	w->name = g_strdup(name);
	w->addr = g_strdup(addr);
	w->max_sources = 1;
	w->sources = g_ptr_array_new();
	w->relays = g_ptr_array_new();
	w->last =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_hash_table_insert(c->workers, w->name, w);
	c->ops.staged(name, w->stage, false, c->arg);
	return w;
}

/* It was written from a configuration: a text that is none now has nothing to
 * say here, and the worker tells of it. */
bool
sched_source_relays(const char *yaml)
{
	DM_AUTO(dm_source_cfg) cfg = NULL;
	DM_AUTO(dm_err) err = dm_source_cfg_parse("source.yaml", yaml, &cfg);

	return err == NULL && cfg->enable_relay;
}

void
sched_source_set_yaml(struct sched_source *src, char *yaml)
{
	g_free(src->yaml);
	src->yaml = yaml;
	src->by_source = sched_source_relays(yaml);
}

struct sched_source *
sched_source_new(struct sched_core *c, const char *id, const char *yaml)
{
	struct sched_source *src = g_new0(struct sched_source, 1);

	src->id = g_strdup(id);
	src->relays = g_ptr_array_new_with_free_func(relay_free);
	sched_source_set_yaml(src, g_strdup(yaml));
	src->subtasks =
	    g_hash_table_new_full(g_str_hash, g_str_equal, NULL, subtask_free);
	g_hash_table_insert(c->sources, src->id, src);
	return src;
}

struct sched_subtask *
sched_subtask_new(struct sched_source *src, const char *task, const char *yaml,
    const char *start_time)
{
	struct sched_subtask *st = g_new0(struct sched_subtask, 1);

	st->task = g_strdup(task);
	st->yaml = g_strdup(yaml);
	st->start_time = g_strdup(start_time);
	g_hash_table_insert(src->subtasks, st->task, st);
	return st;
}

struct sched_core *
sched_core_new(const struct sched_ops *ops, void *arg)
{
	struct sched_core *c = g_new0(struct sched_core, 1);

	c->ops = *ops;
	c->arg = arg;
	c->workers =
	    g_hash_table_new_full(g_str_hash, g_str_equal, NULL, worker_free);
	c->sources =
	    g_hash_table_new_full(g_str_hash, g_str_equal, NULL, source_free);
	c->sessions = g_hash_table_new(NULL, NULL);
	c->latches =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return c;
}

void
sched_core_free(struct sched_core *c)
{
	if (c == NULL)
		return;
	g_hash_table_unref(c->workers);
	g_hash_table_unref(c->sources);
	g_hash_table_unref(c->sessions);
	g_hash_table_unref(c->latches);
	g_free(c);
}

/* ---- lookups ---- */

struct sched_worker *
sched_worker_get(const struct sched_core *c, const char *name)
{
	return g_hash_table_lookup(c->workers, name);
}

struct sched_source *
sched_source_get(const struct sched_core *c, const char *id)
{
	return g_hash_table_lookup(c->sources, id);
}

struct sched_subtask *
sched_subtask_get(const struct sched_source *src, const char *task)
{
	return g_hash_table_lookup(src->subtasks, task);
}

/* Every object's first member is its name. */
int
sched_by_name(gconstpointer a, gconstpointer b)
{
	char *const *const *pa = a, *const *const *pb = b;

	return strcmp(**pa, **pb);
}

static GPtrArray *
sorted(GHashTable *objects)
{
	GPtrArray *all = g_ptr_array_new();
	GHashTableIter it;
	gpointer v;

	g_hash_table_iter_init(&it, objects);
	while (g_hash_table_iter_next(&it, NULL, &v))
		g_ptr_array_add(all, v);
	g_ptr_array_sort(all, sched_by_name);
	return all;
}

GPtrArray *
sched_workers_sorted(const struct sched_core *c)
{
	return sorted(c->workers);
}

GPtrArray *
sched_sources_sorted(const struct sched_core *c)
{
	return sorted(c->sources);
}

GPtrArray *
sched_subtasks_sorted(const struct sched_source *src)
{
	return sorted(src->subtasks);
}

GPtrArray *
sched_task_sources(const struct sched_core *c, const char *task)
{
	GPtrArray *all = sched_sources_sorted(c);

	for (guint i = all->len; i-- > 0;) {
		struct sched_source *src = g_ptr_array_index(all, i);

		if (sched_subtask_get(src, task) == NULL)
			g_ptr_array_remove_index(all, i);
	}
	return all;
}

char *
sched_list_text(const GPtrArray *names)
{
	GString *s = g_string_new("[");

	for (guint i = 0; i < names->len; i++) {
		if (i > 0)
			g_string_append_c(s, ' ');
		g_string_append(s, g_ptr_array_index(names, i));
	}
	g_string_append_c(s, ']');
	return g_string_free(s, FALSE);
}

char *
sched_worker_info(const struct sched_worker *w)
{
	json_t *j = json_pack("{s:s,s:s}", "name", w->name, "addr", w->addr);
	char *text = json_dumps(j, JSON_COMPACT), *copy = g_strdup(text);

	json_decref(j);
	free(text);
	return copy;
}

/* ---- changes ---- */

struct dm_err *
sched_ready(const struct sched_core *c)
{
	return c->stale ? dm_err_new(SCHEDULER_NOT_STARTED) : NULL;
}

struct dm_err *
sched_commit(struct sched_core *c, const struct dm_ha_batch *b)
{
	int64_t revision = 0;
	struct dm_err *err;

	if (b->ops->len == 0)
		return NULL;
	dm_assert(!c->stale);
	err = c->ops.commit(b, &revision, c->arg);
	if (err != NULL) {
		c->stale = true;
		return err;
	}
	c->revision = MAX(c->revision, revision);
	return NULL;
}

/* A worker that is offline cannot be bound: it comes online (free) first. */
static const bool stage_edges[4][4] = {
	/*                  OFFLINE FREE   RELAY  BOUND */
	[SCHED_OFFLINE] = { false, true, false, false },
	[SCHED_FREE] = { true, false, true, true },
	[SCHED_RELAY] = { true, true, false, true },
	[SCHED_BOUND] = { true, true, true, false },
};

void
sched_stage_set(
    struct sched_core *c, struct sched_worker *w, enum sched_stage to)
{
	if (w->stage == to)
		return;
	dm_assert(stage_edges[w->stage][to]);
	w->stage = to;
	c->ops.staged(w->name, to, false, c->arg);
}

void
sched_stage_settle(struct sched_core *c, struct sched_worker *w)
{
	if (w->stage != SCHED_OFFLINE)
		sched_stage_set(c, w,
		    w->sources->len > 0  ? SCHED_BOUND
		    : w->relays->len > 0 ? SCHED_RELAY
					 : SCHED_FREE);
}

void
sched_session_set(
    struct sched_core *c, struct sched_worker *w, uint64_t session)
{
	if (w->session != 0)
		g_hash_table_remove(c->sessions, GSIZE_TO_POINTER(w->session));
	w->session = session;
	if (session != 0)
		g_hash_table_insert(c->sessions, GSIZE_TO_POINTER(session), w);
}

static void
note_last(struct sched_worker *w, const char *source, int64_t revision)
{
	gint64 *value = g_new(gint64, 1);

	*value = revision;
	g_hash_table_replace(w->last, g_strdup(source), value);
}

void
sched_attach(struct sched_core *c, struct sched_source *src,
    struct sched_worker *w, int64_t epoch)
{
	dm_assert(src->worker == NULL || src->worker == w);
	if (src->epoch != epoch)
		report_free(src);
	if (src->worker == NULL) {
		g_ptr_array_add(w->sources, src);
		/* A worker without sources reports seldom: it has the usual
		 * time for its first report of this one. */
		w->heard_at = c->ops.now(c->arg);
	}
	src->worker = w;
	src->epoch = epoch;
	note_last(w, src->id, epoch);
	sched_stage_settle(c, w);
}

void
sched_detach(struct sched_core *c, struct sched_source *src)
{
	struct sched_worker *w = src->worker;

	if (w == NULL)
		return;
	src->worker = NULL;
	report_free(src);
	g_ptr_array_remove(w->sources, src);
	sched_stage_settle(c, w);
}

/* ---- loading ---- */

/* What a load keeps of the state before: it is not in etcd. */
struct memory {
	GHashTable *workers, *sources;
};

static void
load_worker(
    struct sched_core *c, const struct memory *old, const struct dm_ha_item *i)
{
	struct sched_worker *was = g_hash_table_lookup(old->workers, i->first);
	struct sched_worker *w = sched_worker_new(c, i->first, i->text);

	if (was == NULL)
		return;
	sched_session_set(c, w, was->session);
	w->heard_at = was->heard_at;
	w->max_sources = was->max_sources;
	w->reported = DM_TAKE(was->reported);
	w->config = DM_TAKE(was->config);
}

static void
load_alive(struct sched_core *c, const struct dm_ha_item *i)
{
	struct sched_worker *w = sched_worker_get(c, i->first);

	if (w == NULL)
		return;
	w->ttl_ms = i->number * 1000;
	w->joined = g_strdup(i->text);
	c->ops.lease(w->name, 0, w->ttl_ms, c->arg);
	c->ops.ttl(w->name, w->ttl_ms, c->arg);
	sched_stage_set(c, w, SCHED_FREE);
}

static void
load_last(struct sched_core *c, const struct dm_ha_item *i)
{
	struct sched_worker *w = sched_worker_get(c, i->first);

	if (w != NULL)
		note_last(w, i->second, i->revision);
}

/* A binding whose worker or source is gone, whose worker is offline, or that
 * is the second one of its source: removed, so that the source can be bound
 * anew. How many sources the worker takes is known when its session begins. */
static void
load_bound(struct sched_core *c, const struct memory *old,
    const struct dm_ha_item *i, struct dm_ha_batch *repair)
{
	struct sched_worker *w = sched_worker_get(c, i->first);
	struct sched_source *src = sched_source_get(c, i->second);
	struct sched_source *was = g_hash_table_lookup(old->sources, i->second);

	if (w == NULL || src == NULL || w->stage == SCHED_OFFLINE ||
	    src->worker != NULL) {
		dm_ha_batch_delete(repair, DM_HA_BOUND, i->first, i->second);
		return;
	}
	sched_attach(c, src, w, i->revision);
	if (was != NULL && was->epoch == src->epoch) {
		src->report = DM_TAKE(was->report);
		src->report_revision = was->report_revision;
		src->report_at = was->report_at;
	}
}

static void
load_relay_stage(struct sched_core *c, const struct dm_ha_item *i,
    struct dm_ha_batch *repair)
{
	struct sched_source *src = sched_source_get(c, i->first);

	if (src == NULL) {
		dm_ha_batch_delete(repair, DM_HA_RELAY_STAGE, i->first, NULL);
		return;
	}
	src->relay_stage = (Pb__Stage)i->number;
	src->relay_revision = i->revision;
}

/* The record of a worker or source that is gone, and of a source whose relay
 * log follows its binding, says nothing any more. */
static void
load_relay_worker(struct sched_core *c, const struct memory *old,
    const struct dm_ha_item *i, struct dm_ha_batch *repair)
{
	struct sched_worker *w = sched_worker_get(c, i->first);
	struct sched_source *src = sched_source_get(c, i->second);
	const struct sched_worker *w0 =
	    g_hash_table_lookup(old->workers, i->first);
	const struct sched_source *src0 =
	    g_hash_table_lookup(old->sources, i->second);
	struct sched_relay *r, *was;

	if (w == NULL || src == NULL || src->by_source) {
		dm_ha_batch_delete(
		    repair, DM_HA_RELAY_WORKER, i->first, i->second);
		return;
	}
	sched_relay_add(c, src, w);
	if (w0 == NULL || src0 == NULL)
		return;
	r = sched_relay_get(src, w);
	was = sched_relay_get(src0, w0);
	if (was == NULL)
		return;
	r->report = DM_TAKE(was->report);
	r->report_revision = was->report_revision;
	r->report_at = was->report_at;
}

static void
load_subtask(struct sched_core *c, const struct dm_ha_item *i)
{
	struct sched_source *src = sched_source_get(c, i->first);
	struct sched_subtask *st;

	if (src == NULL)
		return;
	st = sched_subtask_new(src, i->second, i->text, "");
	/* Until its stage is read: do not run what nobody asked to run. */
	st->stage = PB__STAGE__Stopped;
	st->revision = i->revision;
}

static void
load_stage(struct sched_core *c, const struct dm_ha_item *i)
{
	struct sched_source *src = sched_source_get(c, i->first);
	struct sched_subtask *st =
	    src == NULL ? NULL : sched_subtask_get(src, i->second);

	if (st == NULL)
		return;
	st->stage = (Pb__Stage)i->number;
	st->revision = i->revision;
}

static void
load_cli_args(struct sched_core *c, const struct dm_ha_item *i)
{
	struct sched_source *src = sched_source_get(c, i->second);
	struct sched_subtask *st =
	    src == NULL ? NULL : sched_subtask_get(src, i->first);

	if (st == NULL)
		return;
	g_free(st->start_time);
	st->start_time = g_strdup(i->text);
}

static void
load_item(struct sched_core *c, const struct memory *old,
    const struct dm_ha_item *i, struct dm_ha_batch *repair)
{
	switch (i->kind) {
	case DM_HA_WORKER:
		load_worker(c, old, i);
		break;
	case DM_HA_ALIVE:
		load_alive(c, i);
		break;
	case DM_HA_SOURCE:
		sched_source_new(c, i->first, i->text);
		break;
	case DM_HA_RELAY_STAGE:
		load_relay_stage(c, i, repair);
		break;
	case DM_HA_RELAY_WORKER:
		load_relay_worker(c, old, i, repair);
		break;
	case DM_HA_BOUND:
		load_bound(c, old, i, repair);
		break;
	case DM_HA_LAST_BOUND:
		load_last(c, i);
		break;
	case DM_HA_SUBTASK:
		load_subtask(c, i);
		break;
	case DM_HA_STAGE:
		load_stage(c, i);
		break;
	case DM_HA_CLI_ARGS:
		load_cli_args(c, i);
		break;
	case DM_HA_CLUSTER_ID:
		c->cluster_id = (uint64_t)i->number;
		break;
	case DM_HA_VERSION:
	case DM_HA_SECRET_KEY: /* looked at before the state is loaded */
	case DM_HA_KINDS:
		break;
	}
}

/* Sessions of workers that are alive get their desired state again; others
 * end. */
static void
settle_sessions(struct sched_core *c, const struct memory *old)
{
	GHashTableIter it;
	gpointer v;

	g_hash_table_iter_init(&it, old->workers);
	while (g_hash_table_iter_next(&it, NULL, &v)) {
		const struct sched_worker *was = v;
		struct sched_worker *w = sched_worker_get(c, was->name);

		if (w == NULL)
			c->ops.staged(was->name, SCHED_OFFLINE, true, c->arg);
		if (was->session == 0)
			continue;
		if (w != NULL && w->stage != SCHED_OFFLINE) {
			sched_push(c, w);
			continue;
		}
		if (w != NULL)
			sched_session_set(c, w, 0);
		c->ops.drop(was->session, "its lease is gone", c->arg);
	}
}

struct dm_err *
sched_load(struct sched_core *c, const GPtrArray *items, int64_t revision)
{
	DM_AUTO(dm_ha_batch) repair = dm_ha_batch_new();
	struct memory old = { c->workers, c->sources };
	struct dm_err *err;

	c->workers =
	    g_hash_table_new_full(g_str_hash, g_str_equal, NULL, worker_free);
	c->sources =
	    g_hash_table_new_full(g_str_hash, g_str_equal, NULL, source_free);
	g_hash_table_remove_all(c->sessions);
	c->stale = false;
	c->revision = MAX(c->revision, revision);
	/* In the order of the kinds: what refers comes after what it names. */
	for (int k = 0; k < DM_HA_KINDS; k++)
		for (guint i = 0; i < items->len; i++) {
			const struct dm_ha_item *item =
			    g_ptr_array_index(items, i);

			if (item->kind == (enum dm_ha_kind)k)
				load_item(c, &old, item, repair);
		}
	sched_relay_settle(c, repair);
	err = sched_commit_parts(c, repair, 1, NULL);
	if (err == NULL)
		settle_sessions(c, &old);
	g_hash_table_unref(old.workers);
	g_hash_table_unref(old.sources);
	if (err != NULL)
		return err;
	return sched_bind_all(c);
}
