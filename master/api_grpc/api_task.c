/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks: start, check, update, pause, resume, delete. */
#include "lib/config/secret.h"
#include "lib/meta/meta_tables.h"
#include "lib/text/start_time.h"
#include "master/api_grpc/call.h"
#include "master/check/check.h"

#include <string.h>

#define TASK_FILE   "task.yaml" /* clients send the text without its name */
#define CHECK_LINES 10

/* A task as a request gives it. */
struct plan {
	struct dm_task_cfg *cfg;
	GPtrArray *ids;     /* of the sources that take part, borrowed of cfg */
	GPtrArray *sources; /* struct dm_source_cfg*, of those */
	char *stored;       /* the text to keep: its password is protected */
	int64_t revision;   /* of the write */
	/* borrowed of the request */
	const char *yaml, *start_time;
	bool adopt;
};

static void
source_free(gpointer p)
{
	dm_source_cfg_free(p);
}

static void
plan_fini(struct plan *p)
{
	dm_task_cfg_free(p->cfg);
	dm_wipe(p->stored);
	if (p->ids != NULL)
		g_ptr_array_unref(p->ids);
	if (p->sources != NULL)
		g_ptr_array_unref(p->sources);
}

/* A place in the binlog is found by time where replication begins afresh. */
static struct dm_err *
check_start_time(const struct plan *p)
{
	if (*p->start_time == '\0')
		return NULL;
	if (!dm_start_time_ok(p->start_time))
		return dm_err_plain("error while parse start-time, expected in "
				    "the format like %s: %s",
		    dm_start_time_hints, p->start_time);
	if (p->cfg->mode != DM_MODE_INCREMENTAL)
		return dm_err_plain("start-time is for task-mode incremental, "
				    "not for %s: a copy begins where the "
				    "source is",
		    dm_task_mode_name(p->cfg->mode));
	return NULL;
}

static struct dm_err *
take_sources(struct sched_core *core, void *arg)
{
	struct plan *p = arg;

	for (guint i = 0; i < p->ids->len; i++) {
		const char *id = g_ptr_array_index(p->ids, i);
		const struct sched_source *src = sched_source_get(core, id);
		struct dm_source_cfg *cfg;
		struct dm_err *err;

		if (src == NULL)
			return dm_err_set_class(
			    dm_err_new(CONFIG_SOURCE_ID_NOT_FOUND, id),
			    "dm-master");
		err = dm_source_cfg_parse(id, src->yaml, &cfg);
		if (err != NULL)
			return err;
		g_ptr_array_add(p->sources, cfg);
	}
	return NULL;
}

/* From here on the passwords in p->cfg and p->sources are those to connect
 * with. */
static struct dm_err *
reveal(const struct api_call *c, struct plan *p)
{
	const struct dm_keys *keys = c->env->keys;
	struct dm_db_cfg *target = &p->cfg->target;
	struct dm_err *err = dm_task_cfg_protect(p->cfg, keys);

	if (err != NULL)
		return err;
	p->stored = dm_task_cfg_yaml(p->cfg, NULL, false);
	err = dm_task_cfg_decrypt(p->cfg, keys);
	if (err == NULL)
		err = dm_db_cfg_resolve(target, "target-database");
	for (guint i = 0; err == NULL && i < p->sources->len; i++) {
		struct dm_source_cfg *src = g_ptr_array_index(p->sources, i);

		err = dm_db_cfg_decrypt(&src->from, "from", keys);
		if (err == NULL)
			err = dm_db_cfg_resolve(&src->from, "from");
		if (err != NULL)
			err = dm_err_annotate(err, "source %s", src->source_id);
	}
	return err;
}

/* Everything up to the prechecks. only: ids, empty: all instances. */
static struct dm_err *
plan_init(
    const struct api_call *c, struct plan *p, char *const *only, size_t n_only)
{
	struct dm_err *err = dm_task_cfg_parse(TASK_FILE, p->yaml, &p->cfg);

	if (err != NULL)
		return dm_err_set_class(err, "dm-master");
	err = check_start_time(p);
	if (err != NULL)
		return err;
	p->ids = g_ptr_array_new();
	p->sources = g_ptr_array_new_with_free_func(source_free);
	for (guint i = 0; i < p->cfg->instances->len; i++) {
		const struct dm_instance_cfg *inst =
		    g_ptr_array_index(p->cfg->instances, i);
		bool wanted = n_only == 0;

		for (size_t j = 0; j < n_only && !wanted; j++)
			wanted = strcmp(only[j], inst->source_id) == 0;
		if (wanted)
			g_ptr_array_add(p->ids, inst->source_id);
	}
	err = sched_call(c->env->sched, take_sources, p);
	if (err == NULL)
		err = reveal(c, p);
	return err;
}

/* NULL: passed. Else the text of what failed. */
static char *
precheck(const struct api_call *c, const struct plan *p,
    const struct check_opts *o, char **text)
{
	bool passed = false;
	struct dm_err *err;

	*text = NULL;
	err = check_task(p->cfg, p->sources, o, c->cancel, &passed, text);
	if (err != NULL)
		return pb_error_text(err);
	return passed ? NULL : g_steal_pointer(text);
}

ProtobufCMessage *
api_check_task(const struct api_call *c)
{
	const Pb__CheckTaskRequest *req = (const Pb__CheckTaskRequest *)c->req;
	struct plan p = { .yaml = req->task, .start_time = req->starttime };
	struct check_opts o = { req->errcnt, req->warncnt, false };
	g_autofree char *text = NULL, *failed = NULL;
	struct dm_err *err = plan_init(c, &p, NULL, 0);
	void *resp;

	if (err != NULL) {
		resp = api_answer_err(c, err);
	} else {
		failed = precheck(c, &p, &o, &text);
		resp = api_answer(
		    c, failed == NULL, failed != NULL ? failed : text);
	}
	plan_fini(&p);
	return resp;
}

/* What start-task and update-task have in common: plan and precheck, with the
 * texts for their answers. */
struct checked {
	bool passed;
	char *msg;    /* new; NULL: no error before the precheck */
	char *result; /* new; of the precheck; NULL: nothing to tell */
};

static struct checked
plan_checked(const struct api_call *c, struct plan *p, bool afresh,
    char *const *only, size_t n_only)
{
	struct check_opts o = { CHECK_LINES, CHECK_LINES, afresh };
	struct checked out = { 0 };
	struct dm_err *err = plan_init(c, p, only, n_only);
	char *failed, *text;

	if (err != NULL) {
		out.msg = pb_error_text(err);
		return out;
	}
	failed = precheck(c, p, &o, &text);
	out.passed = failed == NULL;
	out.result = out.passed ? text : failed;
	return out;
}

static void
take_text(char **field, char *text)
{
	if (text != NULL)
		*field = text;
}

/* ---- update-task ---- */

static struct dm_err *
update(struct sched_core *core, void *arg)
{
	struct plan *p = arg;
	struct sched_start s = { p->cfg->name, p->stored, "", p->ids, false };

	return sched_task_update(core, &s);
}

ProtobufCMessage *
api_update_task(const struct api_call *c)
{
	const Pb__UpdateTaskRequest *req =
	    (const Pb__UpdateTaskRequest *)c->req;
	struct plan p = { .yaml = req->task, .start_time = "" };
	struct checked ck =
	    plan_checked(c, &p, false, req->sources, req->n_sources);
	Pb__UpdateTaskResponse *resp = api_answer(c, ck.passed, "");
	struct dm_err *err = NULL;

	take_text(&resp->msg, ck.msg);
	take_text(&resp->checkresult, ck.result);
	if (ck.passed)
		err = sched_call(c->env->sched, update, &p);
	if (err != NULL) {
		resp->result = false;
		resp->msg = pb_error_text(err);
	}
	plan_fini(&p);
	return &resp->base;
}

/* ---- start-task ---- */

static struct dm_err *
latch(struct sched_core *core, void *arg)
{
	struct plan *p = arg;
	struct dm_err *err = sched_latch(core, p->cfg->name, "RemoveMeta");

	if (err != NULL)
		return err;
	err = sched_task_absent(core, p->cfg->name);
	if (err == NULL)
		return NULL;
	sched_unlatch(core, p->cfg->name);
	return dm_err_annotate(err, "while remove-meta is true");
}

static void
unlatch(struct sched_core *core, void *arg)
{
	/* Without a core the latches went with it. */
	if (core != NULL)
		sched_unlatch(core, arg);
}

/* Forget the progress of the sources that are to start. */
static struct dm_err *
remove_meta(const struct api_call *c, struct plan *p, bool all)
{
	struct dm_sql_params params =
	    dm_db_cfg_params(&p->cfg->target, DM_SCOPE_DOWNSTREAM);
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	DM_AUTO(dm_sql_conn) conn = NULL;
	struct dm_err *err;

	for (guint i = 0; i < p->ids->len; i++)
		g_ptr_array_add(names, g_ptr_array_index(p->ids, i));
	g_ptr_array_add(names, NULL);
	err = dm_sql_connect(&params, false, c->cancel, &conn);
	if (err == NULL)
		err = dm_meta_remove(conn, p->cfg->meta_schema, p->cfg->name,
		    all ? NULL : (const char *const *)names->pdata);
	return err == NULL ? NULL
			   : dm_err_annotate(err, "while removing metadata");
}

/* With progress the time would be of no effect, silently. */
static struct dm_err *
check_afresh(const struct api_call *c, const struct plan *p)
{
	struct dm_sql_params params =
	    dm_db_cfg_params(&p->cfg->target, DM_SCOPE_DOWNSTREAM);
	DM_AUTO(dm_sql_conn) conn = NULL;
	struct dm_err *err = dm_sql_connect(&params, false, c->cancel, &conn);

	for (guint i = 0; err == NULL && i < p->ids->len; i++) {
		const char *id = g_ptr_array_index(p->ids, i);
		bool has = false;

		err = dm_meta_has_progress(
		    conn, p->cfg->meta_schema, p->cfg->name, id, &has);
		if (err == NULL && has)
			err = dm_err_set_workaround(
			    dm_err_plain("start-time: the task has replicated "
					 "from source %s already, and goes on "
					 "where it was",
				id),
			    "give --remove-meta, too, to begin at the time; "
			    "or leave --start-time out");
	}
	return err;
}

static struct dm_err *
remove_meta_latched(const struct api_call *c, struct plan *p, bool all)
{
	struct dm_err *err = sched_call(c->env->sched, latch, p);

	if (err != NULL)
		return err;
	err = remove_meta(c, p, all);
	sched_post(c->env->sched, unlatch, g_strdup(p->cfg->name), g_free);
	return err;
}

static struct dm_err *
start(struct sched_core *core, void *arg)
{
	struct plan *p = arg;
	struct sched_start s = { p->cfg->name, p->stored, p->start_time, p->ids,
		p->adopt };
	struct dm_err *err = sched_task_start(core, &s);

	if (err == NULL)
		p->revision = core->revision;
	return err;
}

/* Sources of the request that the task does not know. */
static bool
report_unknown(const Pb__StartTaskRequest *req, const struct plan *p,
    Pb__StartTaskResponse *resp)
{
	for (size_t i = 0; i < req->n_sources; i++)
		if (dm_task_cfg_instance(p->cfg, req->sources[i]) == NULL)
			PB_APPEND(resp->sources, resp->n_sources,
			    pb_worker_response(false,
				"source not found in task's config",
				req->sources[i], ""));
	api_sort_entries(resp->sources, resp->n_sources);
	return resp->n_sources > 0;
}

static void
start_checked(const struct api_call *c, const Pb__StartTaskRequest *req,
    struct plan *p, Pb__StartTaskResponse *resp)
{
	struct sched_want want = { .goal = SCHED_GOAL_RUN,
		.task = p->cfg->name };
	struct dm_err *err = NULL;

	resp->result = false;
	if (report_unknown(req, p, resp))
		return;
	if (req->removemeta)
		err = remove_meta_latched(c, p, req->n_sources == 0);
	else if (*p->start_time != '\0')
		err = check_afresh(c, p);
	want.since = dm_mono_now();
	if (err == NULL)
		err = sched_call(c->env->sched, start, p);
	if (err != NULL) {
		resp->msg = pb_error_text(err);
		return;
	}
	resp->result = true;
	/* The original's tests look for these words. */
	if (p->cfg->remove_meta)
		resp->msg = g_strdup("`remove-meta` in task config is "
				     "deprecated, please use `start-task ... "
				     "--remove-meta` instead");
	want.revision = p->revision;
	api_wait(c, &want, p->ids, NULL, &resp->sources, &resp->n_sources);
}

ProtobufCMessage *
api_start_task(const struct api_call *c)
{
	const Pb__StartTaskRequest *req = (const Pb__StartTaskRequest *)c->req;
	struct plan p = { .yaml = req->task,
		.start_time = req->starttime,
		.adopt = req->adopt };
	struct checked ck =
	    plan_checked(c, &p, req->removemeta, req->sources, req->n_sources);
	Pb__StartTaskResponse *resp = api_answer(c, ck.passed, "");

	take_text(&resp->msg, ck.msg);
	take_text(&resp->checkresult, ck.result);
	if (ck.passed)
		start_checked(c, req, &p, resp);
	plan_fini(&p);
	return &resp->base;
}

/* ---- pause, resume, delete ---- */

struct operate {
	const Pb__OperateTaskRequest *req;
	GPtrArray *ids; /* new strings */
	int64_t revision;
};

static const char *
op_name(Pb__TaskOp op)
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(
	    &pb__task_op__descriptor, (int)op);

	return v == NULL ? "InvalidOp" : v->name;
}

static struct dm_err *
operate(struct sched_core *core, void *arg)
{
	struct operate *o = arg;
	struct dm_err *err;

	if (o->req->n_sources == 0) {
		g_autoptr(GPtrArray) all =
		    sched_task_sources(core, o->req->name);

		for (guint i = 0; i < all->len; i++) {
			const struct sched_source *src =
			    g_ptr_array_index(all, i);

			g_ptr_array_add(o->ids, g_strdup(src->id));
		}
		if (all->len == 0)
			return dm_err_plain(
			    "task %s has no source or not exist, please "
			    "check the task name and status",
			    o->req->name);
	}
	for (size_t i = 0; i < o->req->n_sources; i++)
		if (!g_ptr_array_find_with_equal_func(
			o->ids, o->req->sources[i], g_str_equal, NULL))
			g_ptr_array_add(o->ids, g_strdup(o->req->sources[i]));
	if (o->req->op == PB__TASK_OP__Delete)
		err = sched_task_delete(core, o->req->name, o->ids);
	else
		err = sched_task_stage(core, o->req->name, o->ids,
		    o->req->op == PB__TASK_OP__Pause ? PB__STAGE__Paused
						     : PB__STAGE__Running);
	if (err == NULL)
		o->revision = core->revision;
	return err;
}

ProtobufCMessage *
api_operate_task(const struct api_call *c)
{
	const Pb__OperateTaskRequest *req =
	    (const Pb__OperateTaskRequest *)c->req;
	struct operate o = { .req = req };
	struct sched_want want = { .task = req->name, .since = dm_mono_now() };
	Pb__OperateTaskResponse *resp;
	struct dm_err *err;

	switch (req->op) {
	case PB__TASK_OP__Pause:
		want.goal = SCHED_GOAL_PAUSE;
		break;
	case PB__TASK_OP__Resume:
		want.goal = SCHED_GOAL_RUN;
		break;
	case PB__TASK_OP__Delete:
		want.goal = SCHED_GOAL_DELETE;
		break;
	default:
		resp = api_answer_err(c, dm_err_new(MASTER_INVALID_OPERATE_OP,
					     op_name(req->op), "task"));
		resp->op = req->op;
		return &resp->base;
	}
	o.ids = g_ptr_array_new_with_free_func(g_free);
	err = sched_call(c->env->sched, operate, &o);
	want.revision = o.revision;
	resp = api_answer_err(c, err);
	resp->op = req->op;
	if (resp->result)
		api_wait(
		    c, &want, o.ids, NULL, &resp->sources, &resp->n_sources);
	g_ptr_array_unref(o.ids);
	return &resp->base;
}
