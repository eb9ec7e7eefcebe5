/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relay logs: start, stop, pause, resume, purge.
 * Source: control-plane reference 1.7, 4.10.
 */
#include "master/api_grpc/call.h"

#include <string.h>

#define OFFLINE "source relay is operated but the bound worker is offline"

/* Workers to wait for or to ask, each with its source; parallel. */
struct pairs {
	GPtrArray *sources, *workers; /* new strings; "": no worker */
	GArray *sessions;             /* uint64_t */
	int64_t revision;
};

static void
pairs_init(struct pairs *p)
{
	p->sources = g_ptr_array_new_with_free_func(g_free);
	p->workers = g_ptr_array_new_with_free_func(g_free);
	p->sessions = g_array_new(FALSE, TRUE, sizeof(uint64_t));
	p->revision = 0;
}

static void
pairs_fini(struct pairs *p)
{
	g_ptr_array_unref(p->sources);
	g_ptr_array_unref(p->workers);
	g_array_unref(p->sessions);
}

/* w may be NULL. */
static void
pairs_add(struct pairs *p, const char *source, const struct sched_worker *w)
{
	uint64_t session = w == NULL ? 0 : w->session;

	g_ptr_array_add(p->sources, g_strdup(source));
	g_ptr_array_add(p->workers, g_strdup(w == NULL ? "" : w->name));
	g_array_append_val(p->sessions, session);
}

/* All that were named for the source's relay log, as far as they are alive;
 * also_bound, or nobody: the worker that has the source, or none. */
static void
pairs_add_source(struct pairs *p, const struct sched_core *core, const char *id,
    bool also_bound)
{
	const struct sched_source *src = sched_source_get(core, id);
	guint before = p->sources->len;

	if (g_ptr_array_find_with_equal_func(p->sources, id, g_str_equal, NULL))
		return;
	if (src == NULL) {
		pairs_add(p, id, NULL);
		return;
	}
	for (guint i = 0; i < src->relays->len; i++) {
		const struct sched_relay *r = src->relays->pdata[i];

		if (r->worker->stage != SCHED_OFFLINE)
			pairs_add(p, id, r->worker);
	}
	if (p->sources->len == before ||
	    (also_bound && src->worker != NULL &&
		sched_relay_get(src, src->worker) == NULL))
		pairs_add(p, id, src->worker);
}

/* ---- OperateRelay ---- */

struct operate {
	const Pb__OperateRelayRequest *req;
	struct pairs online, offline;
};

static struct dm_err *
operate(struct sched_core *core, void *arg)
{
	struct operate *o = arg;
	g_autoptr(GPtrArray) names =
	    api_strings(o->req->worker, o->req->n_worker);
	struct dm_err *err =
	    o->req->op == PB__RELAY_OP_V2__StartRelayV2
		? sched_relay_start(core, o->req->source, names)
		: sched_relay_stop(core, o->req->source, names);

	for (guint i = 0; err == NULL && i < names->len; i++) {
		const struct sched_worker *w =
		    sched_worker_get(core, names->pdata[i]);
		struct pairs *p =
		    w->stage == SCHED_OFFLINE ? &o->offline : &o->online;

		if (!g_ptr_array_find_with_equal_func(
			p->workers, w->name, g_str_equal, NULL))
			pairs_add(p, o->req->source, w);
	}
	o->online.revision = core->revision;
	return err;
}

ProtobufCMessage *
api_operate_relay(const struct api_call *c)
{
	const Pb__OperateRelayRequest *req =
	    (const Pb__OperateRelayRequest *)c->req;
	struct sched_want want = { .task = "", .since = dm_mono_now() };
	struct operate o = { .req = req };
	Pb__OperateRelayResponse *resp;

	if (req->op == PB__RELAY_OP_V2__StartRelayV2)
		want.goal = SCHED_GOAL_RELAY_START;
	else if (req->op == PB__RELAY_OP_V2__StopRelayV2)
		want.goal = SCHED_GOAL_RELAY_STOP;
	else
		return api_answer_err(c, dm_err_new(MASTER_INVALID_OPERATE_OP,
					     "InvalidRelayOpV2", "relay"));
	pairs_init(&o.online);
	pairs_init(&o.offline);
	resp = api_answer_err(c, sched_call(c->env->sched, operate, &o));
	want.revision = o.online.revision;
	for (guint i = 0; resp->result && i < o.offline.workers->len; i++)
		PB_APPEND(resp->sources, resp->n_sources,
		    pb_worker_response(true, OFFLINE, req->source,
			o.offline.workers->pdata[i]));
	if (resp->result && o.online.workers->len > 0)
		api_wait(c, &want, o.online.sources, o.online.workers,
		    &resp->sources, &resp->n_sources);
	pairs_fini(&o.online);
	pairs_fini(&o.offline);
	return &resp->base;
}

/* ---- OperateWorkerRelayTask ---- */

struct stage {
	const Pb__OperateWorkerRelayRequest *req;
	Pb__Stage stage;
	struct pairs pairs;
};

static struct dm_err *
set_stage(struct sched_core *core, void *arg)
{
	struct stage *s = arg;
	g_autoptr(GPtrArray) names =
	    api_strings(s->req->sources, s->req->n_sources);
	struct dm_err *err = sched_relay_stage(core, names, s->stage);

	for (guint i = 0; err == NULL && i < names->len; i++)
		pairs_add_source(&s->pairs, core, names->pdata[i], false);
	s->pairs.revision = core->revision;
	return err;
}

static const char *
op_name(Pb__RelayOp op)
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(
	    &pb__relay_op__descriptor, (int)op);

	return v == NULL ? "InvalidRelayOp" : v->name;
}

ProtobufCMessage *
api_operate_worker_relay_task(const struct api_call *c)
{
	const Pb__OperateWorkerRelayRequest *req =
	    (const Pb__OperateWorkerRelayRequest *)c->req;
	bool pause = req->op == PB__RELAY_OP__PauseRelay;
	struct sched_want want = { .task = "",
		.goal =
		    pause ? SCHED_GOAL_RELAY_PAUSE : SCHED_GOAL_RELAY_RESUME,
		.since = dm_mono_now() };
	struct stage s = { .req = req,
		.stage = pause ? PB__STAGE__Paused : PB__STAGE__Running };
	Pb__OperateWorkerRelayResponse *resp;

	if (!pause && req->op != PB__RELAY_OP__ResumeRelay) {
		resp = api_answer_err(c, dm_err_new(MASTER_INVALID_OPERATE_OP,
					     op_name(req->op), "relay"));
		resp->op = req->op;
		return &resp->base;
	}
	pairs_init(&s.pairs);
	resp = api_answer_err(c, sched_call(c->env->sched, set_stage, &s));
	resp->op = req->op;
	want.revision = s.pairs.revision;
	if (resp->result)
		api_wait(c, &want, s.pairs.sources, s.pairs.workers,
		    &resp->sources, &resp->n_sources);
	pairs_fini(&s.pairs);
	return &resp->base;
}

/* ---- PurgeWorkerRelay ---- */

struct purge {
	const Pb__PurgeWorkerRelayRequest *req;
	struct pairs pairs;
};

static struct dm_err *
find_purgers(struct sched_core *core, void *arg)
{
	struct purge *p = arg;

	for (size_t i = 0; i < p->req->n_sources; i++)
		pairs_add_source(&p->pairs, core, p->req->sources[i], true);
	return NULL;
}

static void
append_purged(Pb__PurgeWorkerRelayResponse *resp, struct command_call *call,
    const char *source, const char *worker)
{
	g_autofree char *text = NULL;

	if (*worker == '\0')
		text = g_strdup_printf("relay worker for source %s not found, "
				       "please `start-relay` first",
		    source);
	else if (call->err != NULL)
		text = dm_err_text(call->err);
	PB_APPEND(resp->sources, resp->n_sources,
	    pb_worker_response(
		*worker != '\0' && call->err == NULL && call->result,
		text != NULL ? text : call->text, source, worker));
	dm_err_free(call->err);
	g_free(call->text);
}

static void
ask_purge(const struct api_call *c, const struct pairs *p,
    const Pb__PurgeWorkerRelayRequest *req, Pb__PurgeWorkerRelayResponse *resp)
{
	guint n = p->sources->len, n_calls = 0;
	g_autofree struct command_call *calls =
	    g_new0(struct command_call, n + 1);
	g_autofree Dm__V1__Command *cmds = g_new(Dm__V1__Command, n + 1);
	struct command_call none = { 0 };
	Pb__PurgeRelayRequest inner;

	pb__purge_relay_request__init(&inner);
	inner.inactive = req->inactive;
	inner.time = req->time;
	inner.filename = req->filename;
	inner.subdir = req->subdir;
	for (guint i = 0; i < n; i++) {
		if (*(char *)p->workers->pdata[i] == '\0')
			continue;
		dm__v1__command__init(&cmds[n_calls]);
		cmds[n_calls].source = p->sources->pdata[i];
		cmds[n_calls].c_case = DM__V1__COMMAND__C_PURGE_RELAY;
		cmds[n_calls].purgerelay = &inner;
		calls[n_calls].session =
		    g_array_index(p->sessions, uint64_t, i);
		calls[n_calls].msg = &cmds[n_calls];
		n_calls++;
	}
	c->env->command(calls, n_calls, c->cancel, c->env->arg);
	for (guint i = 0, k = 0; i < n; i++) {
		const char *worker = p->workers->pdata[i];

		append_purged(resp, *worker == '\0' ? &none : &calls[k++],
		    p->sources->pdata[i], worker);
	}
	api_sort_entries(resp->sources, resp->n_sources);
}

ProtobufCMessage *
api_purge_worker_relay(const struct api_call *c)
{
	const Pb__PurgeWorkerRelayRequest *req =
	    (const Pb__PurgeWorkerRelayRequest *)c->req;
	struct purge p = { .req = req };
	Pb__PurgeWorkerRelayResponse *resp;

	pairs_init(&p.pairs);
	resp = api_answer_err(c, sched_call(c->env->sched, find_purgers, &p));
	if (resp->result)
		ask_purge(c, &p.pairs, req, resp);
	pairs_fini(&p.pairs);
	return &resp->base;
}
