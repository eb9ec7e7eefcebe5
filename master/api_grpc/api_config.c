/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations, as stored; what people read has its passwords masked. */
#include "lib/config/source.h"
#include "lib/config/task.h"
#include "master/api_grpc/call.h"
#include "master/cluster/peers.h"

#include <string.h>

/* Texts taken out of the core, to be worked on outside its thread. */
struct texts {
	const char *name;
	GPtrArray *ids;   /* new strings */
	GPtrArray *yamls; /* parallel, new strings */
};

static void
texts_init(struct texts *t, const char *name)
{
	t->name = name;
	t->ids = g_ptr_array_new_with_free_func(g_free);
	t->yamls = g_ptr_array_new_with_free_func(g_free);
}

static void
texts_fini(struct texts *t)
{
	g_ptr_array_unref(t->ids);
	g_ptr_array_unref(t->yamls);
}

static void
texts_add(struct texts *t, const char *id, const char *yaml)
{
	g_ptr_array_add(t->ids, g_strdup(id));
	g_ptr_array_add(t->yamls, g_strdup(yaml));
}

/* The sources of task t->name, each with the task's text. */
static struct dm_err *
take_task(struct sched_core *core, void *arg)
{
	struct texts *t = arg;
	g_autoptr(GPtrArray) sources = sched_task_sources(core, t->name);

	for (guint i = 0; i < sources->len; i++) {
		const struct sched_source *src = g_ptr_array_index(sources, i);

		texts_add(t, src->id, sched_subtask_get(src, t->name)->yaml);
	}
	return NULL;
}

static struct dm_err *
take_source(struct sched_core *core, void *arg)
{
	struct texts *t = arg;
	const struct sched_source *src = sched_source_get(core, t->name);

	if (src != NULL)
		texts_add(t, src->id, src->yaml);
	return NULL;
}

/* A worker tells it when its session begins. */
static struct dm_err *
take_worker(struct sched_core *core, void *arg)
{
	struct texts *t = arg;
	const struct sched_worker *w = sched_worker_get(core, t->name);

	if (w == NULL)
		return dm_err_plain("worker not found");
	if (w->session == 0)
		return dm_err_plain(
		    "dm-worker %s is offline: its config is known while it "
		    "has a session with the leader",
		    w->name);
	if (w->config == NULL || *w->config == '\0')
		return dm_err_plain("dm-worker %s is of a release that does "
				    "not tell its config",
		    w->name);
	texts_add(t, w->name, w->config);
	return NULL;
}

/* ---- get-config ---- */

/* yaml as DM prints it, for these sources. */
static struct dm_err *
print_task(const char *yaml, const GPtrArray *ids, char **out)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	DM_AUTO(dm_task_cfg) cfg = NULL;
	struct dm_err *err = dm_task_cfg_parse("task.yaml", yaml, &cfg);

	if (err != NULL)
		return err;
	for (guint i = 0; i < ids->len; i++)
		g_ptr_array_add(names, g_ptr_array_index(ids, i));
	g_ptr_array_add(names, NULL);
	*out = dm_task_cfg_yaml(cfg, (const char *const *)names->pdata, true);
	return NULL;
}

static struct dm_err *
get_task(const struct api_call *c, struct texts *t, char **out)
{
	struct dm_err *err = sched_call(c->env->sched, take_task, t);

	if (err != NULL)
		return err;
	if (t->ids->len == 0)
		return dm_err_plain("task not found");
	return print_task(g_ptr_array_index(t->yamls, 0), t->ids, out);
}

static struct dm_err *
get_source(const struct api_call *c, struct texts *t, char **out)
{
	DM_AUTO(dm_source_cfg) cfg = NULL;
	struct dm_err *err = sched_call(c->env->sched, take_source, t);

	if (err != NULL)
		return err;
	if (t->ids->len == 0)
		return dm_err_plain("source not found");
	err =
	    dm_source_cfg_parse(t->name, g_ptr_array_index(t->yamls, 0), &cfg);
	if (err == NULL)
		*out = dm_source_cfg_yaml(cfg, true);
	return err;
}

/* Another master answers for itself. */
static struct dm_err *
get_other_master(const struct api_call *c, const char *name, char **out)
{
	g_autoptr(GPtrArray) peers = NULL;
	DM_AUTO(dm_rpc_channel) ch = NULL;
	Pb__GetMasterCfgRequest req;
	ProtobufCMessage *resp = NULL;
	const struct peer *p;
	struct dm_err *err = peers_list(c->env->cfg, c->env->etcd, &peers);

	if (err != NULL)
		return err;
	p = peers_find(peers, name);
	if (p == NULL || p->addr[0] == '\0')
		return dm_err_plain("master not found");
	pb__get_master_cfg_request__init(&req);
	ch = dm_rpc_channel_new(p->addr, NULL);
	err = dm_rpc_unary(ch, &pb__master__descriptor, "GetMasterCfg",
	    &req.base, c->env->cfg->rpc_timeout_ms, c->cancel, &resp, NULL);
	if (err != NULL)
		return dm_err_annotate(err, "dm-master %s", name);
	*out = g_strdup(((Pb__GetMasterCfgResponse *)resp)->cfg);
	pb_free(resp);
	return NULL;
}

static struct dm_err *
get_worker(const struct api_call *c, struct texts *t, char **out)
{
	struct dm_err *err = sched_call(c->env->sched, take_worker, t);

	if (err == NULL)
		*out = g_strdup(g_ptr_array_index(t->yamls, 0));
	return err;
}

static struct dm_err *
get(const struct api_call *c, Pb__CfgType type, struct texts *t, char **out)
{
	const ProtobufCEnumValue *v;

	switch (type) {
	case PB__CFG_TYPE__TaskType:
		return get_task(c, t, out);
	case PB__CFG_TYPE__SourceType:
		return get_source(c, t, out);
	case PB__CFG_TYPE__MasterType:
		if (strcmp(t->name, c->env->cfg->name) != 0)
			return get_other_master(c, t->name, out);
		*out = dm_master_cfg_toml(c->env->cfg);
		return NULL;
	case PB__CFG_TYPE__WorkerType:
		return get_worker(c, t, out);
	case PB__CFG_TYPE__TaskTemplateType:
		return dm_err_plain("task not found");
	case PB__CFG_TYPE__InvalidType:
	default:
		v = protobuf_c_enum_descriptor_get_value(
		    &pb__cfg_type__descriptor, (int)type);
		return v != NULL
			   ? dm_err_plain("invalid config op '%s'", v->name)
			   : dm_err_plain("invalid config op '%d'", (int)type);
	}
}

ProtobufCMessage *
api_get_cfg(const struct api_call *c)
{
	const Pb__GetCfgRequest *req = (const Pb__GetCfgRequest *)c->req;
	char *out = NULL;
	Pb__GetCfgResponse *resp;
	struct texts t;

	texts_init(&t, req->name);
	resp = api_answer_err(c, get(c, req->type, &t, &out));
	if (out != NULL)
		resp->cfg = out;
	texts_fini(&t);
	return &resp->base;
}

ProtobufCMessage *
api_get_master_cfg(const struct api_call *c)
{
	Pb__GetMasterCfgResponse *resp =
	    PB_NEW(Pb__GetMasterCfgResponse, pb__get_master_cfg_response__init);

	resp->cfg = dm_master_cfg_toml(c->env->cfg);
	return &resp->base;
}

ProtobufCMessage *
api_get_sub_task_cfg(const struct api_call *c)
{
	const Pb__GetSubTaskCfgRequest *req =
	    (const Pb__GetSubTaskCfgRequest *)c->req;
	Pb__GetSubTaskCfgResponse *resp;
	struct dm_err *err;
	struct texts t;

	texts_init(&t, req->name);
	err = sched_call(c->env->sched, take_task, &t);
	if (err == NULL && t.ids->len == 0)
		err = dm_err_plain("task not found");
	resp = api_answer_err(c, err);
	for (guint i = 0; resp->result && i < t.ids->len; i++) {
		g_autoptr(GPtrArray) one = g_ptr_array_new();
		char *text = NULL;

		g_ptr_array_add(one, g_ptr_array_index(t.ids, i));
		err = print_task(g_ptr_array_index(t.yamls, i), one, &text);
		if (err != NULL) {
			resp->result = false;
			resp->msg = pb_error_text(err);
		} else {
			PB_APPEND(resp->cfgs, resp->n_cfgs, text);
		}
	}
	texts_fini(&t);
	return &resp->base;
}

/* ---- config export ---- */

static struct dm_err *
take_all_tasks(struct sched_core *core, void *arg)
{
	struct texts *t = arg;
	g_autoptr(GPtrArray) sources = sched_sources_sorted(core);

	for (guint i = 0; i < sources->len; i++) {
		g_autoptr(GPtrArray) tasks =
		    sched_subtasks_sorted(g_ptr_array_index(sources, i));

		for (guint j = 0; j < tasks->len; j++) {
			struct sched_subtask *st = g_ptr_array_index(tasks, j);

			if (!g_ptr_array_find_with_equal_func(
				t->ids, st->task, g_str_equal, NULL))
				texts_add(t, st->task, st->yaml);
		}
	}
	return NULL;
}

static struct dm_err *
take_all_sources(struct sched_core *core, void *arg)
{
	struct texts *t = arg;
	g_autoptr(GPtrArray) sources = sched_sources_sorted(core);

	for (guint i = 0; i < sources->len; i++) {
		const struct sched_source *src = g_ptr_array_index(sources, i);

		texts_add(t, src->id, src->yaml);
	}
	return NULL;
}

ProtobufCMessage *
api_list_task_configs(const struct api_call *c)
{
	typedef Pb__ListTaskConfigsResponse__TaskConfigsEntry entry;
	void (*init)(entry *) =
	    pb__list_task_configs_response__task_configs_entry__init;
	Pb__ListTaskConfigsResponse *resp;
	struct texts t;

	texts_init(&t, "");
	resp = api_answer_err(c, sched_call(c->env->sched, take_all_tasks, &t));
	for (guint i = 0; i < t.ids->len; i++) {
		entry *e = PB_NEW(entry, init);

		e->key = g_strdup(g_ptr_array_index(t.ids, i));
		e->value =
		    dm_task_yaml_for_older(g_ptr_array_index(t.yamls, i));
		PB_APPEND(resp->taskconfigs, resp->n_taskconfigs, e);
	}
	texts_fini(&t);
	return &resp->base;
}

ProtobufCMessage *
api_list_source_configs(const struct api_call *c)
{
	typedef Pb__ListSourceConfigsResponse__SourceConfigsEntry entry;
	void (*init)(entry *) =
	    pb__list_source_configs_response__source_configs_entry__init;
	Pb__ListSourceConfigsResponse *resp;
	struct texts t;

	texts_init(&t, "");
	resp =
	    api_answer_err(c, sched_call(c->env->sched, take_all_sources, &t));
	for (guint i = 0; i < t.ids->len; i++) {
		entry *e = PB_NEW(entry, init);

		e->key = g_strdup(g_ptr_array_index(t.ids, i));
		e->value = g_strdup(g_ptr_array_index(t.yamls, i));
		PB_APPEND(resp->sourceconfigs, resp->n_sourceconfigs, e);
	}
	texts_fini(&t);
	return &resp->base;
}
