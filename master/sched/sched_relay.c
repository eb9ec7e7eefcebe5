/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relay logs: which workers write them, and in which stage they should be.
 *
 * SOURCE: control-plane reference 4.10, 4.11. Differs: a worker with room for
 * several sources may relay several; stop-relay without a name removes the
 * stage; offline-member of the last worker of a relay log, too.
 */
#include "lib/config/source.h"
#include "master/sched/sched_core.h"

#include <string.h>

static guint
place(const struct sched_source *src, const struct sched_worker *w)
{
	guint i = 0;

	while (i < src->relays->len &&
	       ((const struct sched_relay *)src->relays->pdata[i])->worker != w)
		i++;
	return i;
}

struct sched_relay *
sched_relay_get(const struct sched_source *src, const struct sched_worker *w)
{
	guint i = place(src, w);

	return i < src->relays->len ? src->relays->pdata[i] : NULL;
}

static int
by_worker(gconstpointer a, gconstpointer b)
{
	const struct sched_relay *const *x = a, *const *y = b;

	return strcmp((*x)->worker->name, (*y)->worker->name);
}

void
sched_relay_add(
    struct sched_core *c, struct sched_source *src, struct sched_worker *w)
{
	struct sched_relay *r;

	if (sched_relay_get(src, w) != NULL)
		return;
	r = g_new0(struct sched_relay, 1);
	r->worker = w;
	g_ptr_array_add(src->relays, r);
	g_ptr_array_sort(src->relays, by_worker);
	g_ptr_array_add(w->relays, src);
	sched_stage_settle(c, w);
}

void
sched_relay_drop(
    struct sched_core *c, struct sched_source *src, struct sched_worker *w)
{
	guint i = place(src, w);

	if (i == src->relays->len)
		return;
	g_ptr_array_remove_index(src->relays, i);
	g_ptr_array_remove(w->relays, src);
	if (src->relays->len == 0)
		src->relay_stage = PB__STAGE__InvalidStage;
	sched_stage_settle(c, w);
}

void
sched_batch_relay_stage(
    struct dm_ha_batch *b, const char *source, Pb__Stage stage)
{
	g_autofree char *id = g_strdup(source);
	struct dm_ha_item item = {
		.kind = DM_HA_RELAY_STAGE, .first = id, .number = stage
	};

	dm_ha_batch_put(b, &item);
}

void
sched_batch_relay_drop(struct dm_ha_batch *b, const struct sched_source *src,
    const struct sched_worker *w)
{
	dm_ha_batch_delete(b, DM_HA_RELAY_WORKER, w->name, src->id);
	if (src->relays->len == 1)
		dm_ha_batch_delete(b, DM_HA_RELAY_STAGE, src->id, NULL);
}

void
sched_relay_settle(struct sched_core *c, struct dm_ha_batch *b)
{
	g_autoptr(GPtrArray) all = sched_sources_sorted(c);

	for (guint i = 0; i < all->len; i++) {
		struct sched_source *src = g_ptr_array_index(all, i);
		bool wanted = src->by_source || src->relays->len > 0;
		bool has = src->relay_stage == PB__STAGE__Running ||
			   src->relay_stage == PB__STAGE__Paused;

		if (wanted == has)
			continue;
		if (wanted) {
			src->relay_stage = PB__STAGE__Running;
			src->relay_revision = c->revision;
			sched_batch_relay_stage(b, src->id, PB__STAGE__Running);
		} else {
			src->relay_stage = PB__STAGE__InvalidStage;
			dm_ha_batch_delete(b, DM_HA_RELAY_STAGE, src->id, NULL);
		}
	}
}

char *
sched_relay_workers_text(const struct sched_source *src)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (guint i = 0; i < src->relays->len; i++) {
		const struct sched_relay *r = src->relays->pdata[i];

		g_ptr_array_add(names, r->worker->name);
	}
	return sched_list_text(names);
}

/* ---- by source ---- */

/* The same configuration with another enable-relay, and the stage for it. */
static struct dm_err *
set_by_source(struct sched_core *c, struct sched_source *src, bool on)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	DM_AUTO(dm_source_cfg) cfg = NULL;
	g_autofree char *yaml = NULL;
	struct dm_ha_item item = { .kind = DM_HA_SOURCE };
	struct dm_err *err = dm_source_cfg_parse(src->id, src->yaml, &cfg);

	if (err != NULL)
		return dm_err_set_class(err, "dm-master");
	cfg->enable_relay = on;
	yaml = dm_source_cfg_yaml(cfg, false);
	item.first = src->id;
	item.text = yaml;
	dm_ha_batch_put(b, &item);
	if (on)
		sched_batch_relay_stage(b, src->id, PB__STAGE__Running);
	else
		dm_ha_batch_delete(b, DM_HA_RELAY_STAGE, src->id, NULL);
	err = sched_commit(c, b);
	if (err != NULL)
		return err;
	sched_source_set_yaml(src, g_steal_pointer(&yaml));
	src->relay_stage = on ? PB__STAGE__Running : PB__STAGE__InvalidStage;
	src->relay_revision = c->revision;
	sched_push(c, src->worker);
	return NULL;
}

/* ---- by worker ---- */

/* What is wrong with some of the workers that were named: their names, and the
 * sources that are the reason, of the kind that is told first. */
struct misfits {
	GPtrArray *names, *sources; /* borrowed */
};

static void
misfits_init(struct misfits *m)
{
	m->names = g_ptr_array_new();
	m->sources = g_ptr_array_new();
}

static void
misfits_fini(struct misfits *m)
{
	g_ptr_array_unref(m->names);
	g_ptr_array_unref(m->sources);
}

static void
misfits_add(struct misfits *m, char *name, const struct sched_source *src)
{
	g_ptr_array_add(m->names, name);
	g_ptr_array_add(m->sources, src->id);
}

/* The workers of these names, each once. */
static struct dm_err *
find(const struct sched_core *c, const GPtrArray *names, GPtrArray *out)
{
	g_autoptr(GPtrArray) missing = g_ptr_array_new();
	g_autofree char *text = NULL;

	for (guint i = 0; i < names->len; i++) {
		char *name = g_ptr_array_index(names, i);
		struct sched_worker *w = sched_worker_get(c, name);

		if (w == NULL)
			g_ptr_array_add(missing, name);
		else if (!g_ptr_array_find(out, w, NULL))
			g_ptr_array_add(out, w);
	}
	if (missing->len == 0)
		return NULL;
	text = missing->len == 1 ? g_strdup(g_ptr_array_index(missing, 0))
				 : sched_list_text(missing);
	return dm_err_new(SCHEDULER_WORKER_NOT_EXIST, text);
}

/* Another source that leaves no room for this one: one that it has; else one
 * that it relays. NULL: there is room. */
static const struct sched_source *
in_the_way(
    const struct sched_worker *w, const struct sched_source *src, bool *bound)
{
	guint n = w->sources->len;
	const struct sched_source *other = NULL;

	*bound = true;
	if (src->worker == w || sched_relay_get(src, w) != NULL)
		return NULL;
	for (guint i = 0; i < w->relays->len; i++) {
		const struct sched_source *r = w->relays->pdata[i];

		if (r->worker == w)
			continue;
		other = r;
		n++;
	}
	if (n < w->max_sources)
		return NULL;
	*bound = w->sources->len > 0;
	return *bound ? w->sources->pdata[0] : other;
}

static struct dm_err *
check_start(const struct sched_source *src, const GPtrArray *workers)
{
	struct dm_err *err = NULL;
	struct misfits bound, busy;

	misfits_init(&bound);
	misfits_init(&busy);
	for (guint i = 0; i < workers->len; i++) {
		struct sched_worker *w = g_ptr_array_index(workers, i);
		bool is_bound;
		const struct sched_source *other =
		    in_the_way(w, src, &is_bound);

		if (other != NULL)
			misfits_add(is_bound ? &bound : &busy, w->name, other);
		else if (err == NULL && !sched_fits(w, src))
			err = sched_check_growth(w, sched_source_bytes(src));
	}
	if (bound.names->len + busy.names->len > 0) {
		bool first = bound.names->len > 0;
		const struct misfits *m = first ? &bound : &busy;
		g_autofree char *names = sched_list_text(m->names);
		g_autofree char *sources = sched_list_text(m->sources);

		dm_err_free(err);
		err = first ? dm_err_new(SCHEDULER_RELAY_WORKERS_WRONG_BOUND,
				  names, sources)
			    : dm_err_new(
				  SCHEDULER_RELAY_WORKERS_BUSY, names, sources);
	}
	misfits_fini(&bound);
	misfits_fini(&busy);
	return err;
}

static struct dm_err *
check_stop(const struct sched_source *src, const GPtrArray *workers)
{
	struct dm_err *err = NULL;
	struct misfits wrong;

	misfits_init(&wrong);
	for (guint i = 0; i < workers->len; i++) {
		struct sched_worker *w = g_ptr_array_index(workers, i);

		if (sched_relay_get(src, w) == NULL && w->relays->len > 0)
			misfits_add(&wrong, w->name, w->relays->pdata[0]);
	}
	if (wrong.names->len > 0) {
		g_autofree char *names = sched_list_text(wrong.names);
		g_autofree char *sources = sched_list_text(wrong.sources);

		err = dm_err_new(
		    SCHEDULER_RELAY_WORKERS_WRONG_RELAY, names, sources);
	}
	misfits_fini(&wrong);
	return err;
}

/* Those that do not relay the source yet. A part that is written without the
 * others is right by itself. */
static struct dm_err *
start_workers(
    struct sched_core *c, struct sched_source *src, const GPtrArray *workers)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	bool first = src->relays->len == 0;
	struct dm_err *err;

	if (first)
		sched_batch_relay_stage(b, src->id, PB__STAGE__Running);
	for (guint i = 0; i < workers->len; i++) {
		struct sched_worker *w = g_ptr_array_index(workers, i);
		struct dm_ha_item item = { .kind = DM_HA_RELAY_WORKER,
			.first = w->name,
			.second = src->id };

		if (sched_relay_get(src, w) == NULL)
			dm_ha_batch_put(b, &item);
	}
	err = sched_commit_parts(c, b, 1, NULL);
	if (err != NULL)
		return err;
	if (first) {
		src->relay_stage = PB__STAGE__Running;
		src->relay_revision = c->revision;
	}
	for (guint i = 0; i < workers->len; i++) {
		struct sched_worker *w = g_ptr_array_index(workers, i);

		sched_relay_add(c, src, w);
		sched_push(c, w);
	}
	return sched_bind_all(c);
}

static struct dm_err *
stop_workers(
    struct sched_core *c, struct sched_source *src, const GPtrArray *workers)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	guint left = src->relays->len;
	struct dm_err *err;

	for (guint i = 0; i < workers->len; i++) {
		struct sched_worker *w = g_ptr_array_index(workers, i);

		if (sched_relay_get(src, w) == NULL)
			continue;
		dm_ha_batch_delete(b, DM_HA_RELAY_WORKER, w->name, src->id);
		left--;
	}
	if (left == 0)
		dm_ha_batch_delete(b, DM_HA_RELAY_STAGE, src->id, NULL);
	err = sched_commit_parts(c, b, 1, NULL);
	if (err != NULL)
		return err;
	for (guint i = 0; i < workers->len; i++) {
		struct sched_worker *w = g_ptr_array_index(workers, i);

		sched_relay_drop(c, src, w);
		sched_push(c, w);
	}
	return sched_bind_all(c); /* one may be free for another source */
}

/* ---- commands ---- */

struct dm_err *
sched_relay_start(
    struct sched_core *c, const char *source, const GPtrArray *names)
{
	struct sched_source *src = sched_source_get(c, source);
	g_autoptr(GPtrArray) workers = g_ptr_array_new();
	struct dm_err *err = sched_ready(c);

	if (err != NULL)
		return err;
	if (src == NULL)
		return dm_err_new(SCHEDULER_SOURCE_CFG_NOT_EXIST, source);
	if (names->len == 0 && src->relays->len > 0) {
		g_autofree char *text = sched_relay_workers_text(src);

		return dm_err_new(SCHEDULER_START_RELAY_ON_SPECIFIED, text);
	}
	if (names->len == 0)
		return src->by_source ? NULL : set_by_source(c, src, true);
	if (src->by_source)
		return dm_err_new(SCHEDULER_START_RELAY_ON_BOUND);
	err = find(c, names, workers);
	if (err == NULL)
		err = check_start(src, workers);
	return err != NULL ? err : start_workers(c, src, workers);
}

struct dm_err *
sched_relay_stop(
    struct sched_core *c, const char *source, const GPtrArray *names)
{
	struct sched_source *src = sched_source_get(c, source);
	g_autoptr(GPtrArray) workers = g_ptr_array_new();
	struct dm_err *err = sched_ready(c);

	if (err != NULL)
		return err;
	if (src == NULL)
		return dm_err_new(SCHEDULER_SOURCE_CFG_NOT_EXIST, source);
	if (names->len == 0 && src->relays->len > 0) {
		g_autofree char *text = sched_relay_workers_text(src);

		return dm_err_new(SCHEDULER_STOP_RELAY_ON_SPECIFIED, text);
	}
	if (names->len == 0)
		return src->by_source ? set_by_source(c, src, false) : NULL;
	if (src->by_source)
		return dm_err_new(SCHEDULER_STOP_RELAY_ON_BOUND);
	err = find(c, names, workers);
	if (err == NULL)
		err = check_stop(src, workers);
	return err != NULL ? err : stop_workers(c, src, workers);
}

/* Sources to change; all exist or an error. */
static struct dm_err *
stage_scope(const struct sched_core *c, const GPtrArray *names, GPtrArray *out)
{
	g_autoptr(GPtrArray) missing = g_ptr_array_new();
	g_autofree char *text = NULL;

	for (guint i = 0; i < names->len; i++) {
		char *id = g_ptr_array_index(names, i);
		struct sched_source *src = sched_source_get(c, id);

		if (src == NULL)
			g_ptr_array_add(missing, id);
		else if (src->relay_stage != PB__STAGE__InvalidStage &&
			 !g_ptr_array_find(out, src, NULL))
			g_ptr_array_add(out, src);
	}
	if (missing->len == 0)
		return NULL;
	text = sched_list_text(missing);
	return dm_err_new(SCHEDULER_RELAY_STAGE_SOURCE_NOT_EXIST, text);
}

struct dm_err *
sched_relay_stage(struct sched_core *c, const GPtrArray *names, Pb__Stage stage)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	g_autoptr(GPtrArray) sources = g_ptr_array_new();
	g_autofree int64_t *revs = NULL;
	struct dm_err *err = sched_ready(c);

	if (err == NULL)
		err = stage_scope(c, names, sources);
	if (err != NULL)
		return err;
	for (guint i = 0; i < sources->len; i++) {
		const struct sched_source *src = g_ptr_array_index(sources, i);

		sched_batch_relay_stage(b, src->id, stage);
	}
	revs = g_new0(int64_t, sources->len + 1);
	err = sched_commit_parts(c, b, 1, revs);
	if (err != NULL)
		return err;
	for (guint i = 0; i < sources->len; i++) {
		struct sched_source *src = g_ptr_array_index(sources, i);

		src->relay_stage = stage;
		src->relay_revision = revs[i];
	}
	sched_push_all(c, sources);
	return NULL;
}
