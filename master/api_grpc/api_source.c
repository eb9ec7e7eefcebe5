/* SPDX-License-Identifier: Apache-2.0 */
/* Sources: create, update, stop, show, transfer. */
#include "lib/config/secret.h"
#include "master/api_grpc/call.h"
#include "master/check/check.h"

#include <string.h>

#define SOURCE_FILE "source.yaml"
#define NO_WORKER   "source is added but there is no free worker to bound"
#define NOT_BOUND                                                              \
	"source is stopped and hasn't bound to worker before being stopped"

/* One operate-source request under way. */
struct op {
	const Pb__OperateSourceRequest *req;
	GPtrArray *cfgs;    /* struct dm_source_cfg*, owned */
	GPtrArray *ids;     /* of all that are named; new strings */
	GPtrArray *bound;   /* those to wait for; borrowed of ids */
	GPtrArray *workers; /* of `bound`, new strings */
	GPtrArray *unbound; /* borrowed of ids */
	int64_t revision;
};

static void
cfg_free(gpointer p)
{
	dm_source_cfg_free(p);
}

static void
op_init(struct op *o, const Pb__OperateSourceRequest *req)
{
	memset(o, 0, sizeof(*o));
	o->req = req;
	o->cfgs = g_ptr_array_new_with_free_func(cfg_free);
	o->ids = g_ptr_array_new_with_free_func(g_free);
	o->bound = g_ptr_array_new();
	o->workers = g_ptr_array_new_with_free_func(g_free);
	o->unbound = g_ptr_array_new();
}

static void
op_fini(struct op *o)
{
	g_ptr_array_unref(o->cfgs);
	g_ptr_array_unref(o->ids);
	g_ptr_array_unref(o->bound);
	g_ptr_array_unref(o->workers);
	g_ptr_array_unref(o->unbound);
}

/* Clients send the text of a file without its name: of several it is told
 * which one. New string. */
static char *
file_name(const struct op *o, size_t i)
{
	if (o->req->n_config == 1)
		return g_strdup(SOURCE_FILE);
	return g_strdup_printf(
	    SOURCE_FILE " (%zu of %zu)", i + 1, o->req->n_config);
}

static struct dm_err *
parse(struct op *o)
{
	for (size_t i = 0; i < o->req->n_config; i++) {
		g_autofree char *file = file_name(o, i);
		struct dm_source_cfg *cfg;
		struct dm_err *err;

		err = dm_source_cfg_parse(file, o->req->config[i], &cfg);
		if (err != NULL)
			return dm_err_set_class(err, "dm-master");
		g_ptr_array_add(o->cfgs, cfg);
		g_ptr_array_add(o->ids, g_strdup(cfg->source_id));
	}
	for (size_t i = 0; i < o->req->n_sourceid; i++)
		g_ptr_array_add(o->ids, g_strdup(o->req->sourceid[i]));
	return NULL;
}

/* Where the sources are now. */
static void
sort_out(const struct sched_core *core, struct op *o)
{
	for (guint i = 0; i < o->ids->len; i++) {
		char *id = g_ptr_array_index(o->ids, i);
		const struct sched_source *src = sched_source_get(core, id);

		if (src == NULL || src->worker == NULL) {
			g_ptr_array_add(o->unbound, id);
			continue;
		}
		g_ptr_array_add(o->bound, id);
		g_ptr_array_add(o->workers, g_strdup(src->worker->name));
	}
	o->revision = core->revision;
}

/* All or none: what this call added is taken back when a later one fails. */
static struct dm_err *
create(struct sched_core *core, void *arg)
{
	struct op *o = arg;

	for (guint i = 0; i < o->cfgs->len; i++) {
		const struct dm_source_cfg *cfg = g_ptr_array_index(o->cfgs, i);
		g_autofree char *yaml = dm_source_cfg_yaml(cfg, false);
		struct dm_err *err = sched_source_add(
		    core, cfg->source_id, yaml, o->req->workername);

		if (err == NULL)
			continue;
		while (i-- > 0) {
			const struct dm_source_cfg *added =
			    g_ptr_array_index(o->cfgs, i);
			bool bound;

			/* The first error is the one to tell. */
			dm_err_free(sched_source_remove(
			    core, added->source_id, &bound));
		}
		return err;
	}
	sort_out(core, o);
	return NULL;
}

/* In order; the first failure leaves the earlier ones updated. */
static struct dm_err *
update(struct sched_core *core, void *arg)
{
	struct op *o = arg;

	for (guint i = 0; i < o->cfgs->len; i++) {
		const struct dm_source_cfg *cfg = g_ptr_array_index(o->cfgs, i);
		g_autofree char *yaml = dm_source_cfg_yaml(cfg, false);
		struct dm_err *err =
		    sched_source_update(core, cfg->source_id, yaml);

		if (err != NULL)
			return err;
	}
	sort_out(core, o);
	return NULL;
}

/* In order; the first failure leaves the earlier ones removed, as in DM. */
static struct dm_err *
stop(struct sched_core *core, void *arg)
{
	struct op *o = arg;

	for (guint i = 0; i < o->ids->len; i++) {
		char *id = g_ptr_array_index(o->ids, i);
		const struct sched_source *src = sched_source_get(core, id);
		g_autofree char *worker = NULL;
		bool bound = false;
		struct dm_err *err;

		if (src != NULL && src->worker != NULL)
			worker = g_strdup(src->worker->name);
		err = sched_source_remove(core, id, &bound);
		if (err != NULL)
			return err;
		if (!bound) {
			g_ptr_array_add(o->unbound, id);
			continue;
		}
		g_ptr_array_add(o->bound, id);
		g_ptr_array_add(o->workers, g_steal_pointer(&worker));
	}
	o->revision = core->revision;
	return NULL;
}

static struct dm_err *
show(struct sched_core *core, void *arg)
{
	struct op *o = arg;

	if (o->ids->len == 0) {
		g_autoptr(GPtrArray) all = sched_sources_sorted(core);

		for (guint i = 0; i < all->len; i++) {
			const struct sched_source *src =
			    g_ptr_array_index(all, i);

			g_ptr_array_add(o->ids, g_strdup(src->id));
		}
	}
	for (guint i = 0; i < o->ids->len; i++) {
		const char *id = g_ptr_array_index(o->ids, i);

		if (sched_source_get(core, id) == NULL)
			return dm_err_new(SCHEDULER_SOURCE_CFG_NOT_EXIST, id);
	}
	sort_out(core, o);
	return NULL;
}

/* Connect with the password itself; what is kept has its stored form. */
static struct dm_err *
check_one(const struct api_call *c, struct dm_source_cfg *cfg)
{
	struct dm_db_cfg *from = &cfg->from;
	struct dm_err *err = dm_db_cfg_protect(from, "from", c->env->keys);
	char *stored;

	if (err != NULL)
		return err;
	stored = g_strdup(from->password);
	err = dm_db_cfg_decrypt(from, "from", c->env->keys);
	if (err == NULL)
		err = dm_db_cfg_resolve(from, "from");
	if (err == NULL)
		err = check_source(cfg, c->cancel);
	dm_wipe(from->password);
	from->password = stored;
	from->literal = false;
	return err;
}

static struct dm_err *
check_sources(const struct api_call *c, struct op *o)
{
	struct dm_err *err = NULL;

	for (guint i = 0; err == NULL && i < o->cfgs->len; i++)
		err = check_one(c, g_ptr_array_index(o->cfgs, i));
	return err;
}

static struct dm_err *
run(const struct api_call *c, struct op *o, struct sched_want *want)
{
	struct dm_err *err = parse(o);

	if (err != NULL)
		return err;
	want->goal = SCHED_GOAL_SOURCE;
	switch (o->req->op) {
	case PB__SOURCE_OP__StartSource:
		err = check_sources(c, o);
		if (err != NULL)
			return err;
		return sched_call(c->env->sched, create, o);
	case PB__SOURCE_OP__UpdateSource:
		err = check_sources(c, o);
		if (err != NULL)
			return err;
		return sched_call(c->env->sched, update, o);
	case PB__SOURCE_OP__StopSource:
		want->goal = SCHED_GOAL_SOURCE_GONE;
		return sched_call(c->env->sched, stop, o);
	case PB__SOURCE_OP__ShowSource:
		return sched_call(c->env->sched, show, o);
	case PB__SOURCE_OP__InvalidSourceOp:
	default:
		return dm_err_new(
		    MASTER_INVALID_OPERATE_OP, "InvalidSourceOp", "source");
	}
}

ProtobufCMessage *
api_operate_source(const struct api_call *c)
{
	const Pb__OperateSourceRequest *req =
	    (const Pb__OperateSourceRequest *)c->req;
	struct sched_want want = { .task = "", .since = dm_mono_now() };
	Pb__OperateSourceResponse *resp;
	struct op o;
	bool gone;

	op_init(&o, req);
	resp = api_answer_err(c, run(c, &o, &want));
	gone = want.goal == SCHED_GOAL_SOURCE_GONE;
	for (guint i = 0; resp->result && i < o.unbound->len; i++)
		PB_APPEND(resp->sources, resp->n_sources,
		    pb_worker_response(true, gone ? NOT_BOUND : NO_WORKER,
			g_ptr_array_index(o.unbound, i), ""));
	api_sort_entries(resp->sources, resp->n_sources);
	if (resp->result && o.bound->len > 0) {
		Pb__CommonWorkerResponse **list = NULL;
		size_t n = 0;

		want.revision = o.revision;
		api_wait(c, &want, o.bound, o.workers, &list, &n);
		for (size_t i = 0; i < n; i++)
			PB_APPEND(resp->sources, resp->n_sources, list[i]);
		g_free(list);
	}
	op_fini(&o);
	return &resp->base;
}

static struct dm_err *
transfer(struct sched_core *core, void *arg)
{
	const Pb__TransferSourceRequest *req = arg;

	return sched_transfer(core, req->source, req->worker);
}

ProtobufCMessage *
api_transfer_source(const struct api_call *c)
{
	return api_answer_err(
	    c, sched_call(c->env->sched, transfer, (void *)(uintptr_t)c->req));
}
