/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dm-workers are asked to do: commands for binlog events (HandleError)
 * and for table structures (OperateSchema). The master only finds the workers
 * and passes requests and answers on.
 * Source: control-plane reference 1.7.
 */
#include "master/api_grpc/call.h"

#include <string.h>

/* One request for several sources. */
struct round {
	const char *task;
	char *const *sources; /* of the request */
	size_t n_sources;
	/* Parallel, one for each source, sorted: */
	GPtrArray *ids;     /* new strings */
	GPtrArray *workers; /* new strings; "": unbound */
	GArray *sessions;   /* uint64_t */
};

static void
round_init(struct round *r)
{
	r->ids = g_ptr_array_new_with_free_func(g_free);
	r->workers = g_ptr_array_new_with_free_func(g_free);
	r->sessions = g_array_new(FALSE, TRUE, sizeof(uint64_t));
}

static void
round_fini(struct round *r)
{
	g_ptr_array_unref(r->ids);
	g_ptr_array_unref(r->workers);
	g_array_unref(r->sessions);
}

static void
add_source(struct round *r, const struct sched_core *core, const char *id)
{
	const struct sched_source *src = sched_source_get(core, id);
	const struct sched_worker *w = src != NULL ? src->worker : NULL;
	uint64_t session = w != NULL ? w->session : 0;

	if (g_ptr_array_find_with_equal_func(r->ids, id, g_str_equal, NULL))
		return;
	g_ptr_array_add(r->ids, g_strdup(id));
	g_ptr_array_add(r->workers, g_strdup(w != NULL ? w->name : ""));
	g_array_append_val(r->sessions, session);
}

static struct dm_err *
find_workers(struct sched_core *core, void *arg)
{
	struct round *r = arg;

	for (size_t i = 0; i < r->n_sources; i++)
		add_source(r, core, r->sources[i]);
	if (r->n_sources == 0) {
		g_autoptr(GPtrArray) all = sched_task_sources(core, r->task);

		for (guint i = 0; i < all->len; i++) {
			const struct sched_source *src = all->pdata[i];

			add_source(r, core, src->id);
		}
	}
	if (r->ids->len > 0)
		return NULL;
	return dm_err_plain("task %s has no source or not exist, please check "
			    "the task name and status",
	    r->task);
}

static char *
answer_text(const struct command_call *call)
{
	return call->err != NULL ? dm_err_text(call->err)
				 : g_strdup(call->text);
}

/* Ask the workers; one entry for each source is appended to list. cmds: for
 * each of r's sources. */
static void
ask(const struct api_call *c, struct round *r, Dm__V1__Command *cmds,
    Pb__CommonWorkerResponse ***list, size_t *n)
{
	g_autofree struct command_call *calls =
	    g_new0(struct command_call, r->ids->len);
	size_t n_calls = 0;

	for (guint i = 0; i < r->ids->len; i++) {
		const char *id = r->ids->pdata[i];
		g_autofree char *text = NULL;

		if (*(char *)r->workers->pdata[i] != '\0') {
			calls[n_calls].session =
			    g_array_index(r->sessions, uint64_t, i);
			calls[n_calls++].msg = &cmds[i];
			continue;
		}
		text = g_strdup_printf(
		    "source %s relevant worker-client not found", id);
		PB_APPEND(*list, *n, pb_worker_response(false, text, id, ""));
	}
	c->env->command(calls, n_calls, c->cancel, c->env->arg);
	for (guint i = 0, k = 0; i < r->ids->len; i++) {
		const char *worker = r->workers->pdata[i];
		g_autofree char *text = NULL;

		if (*worker == '\0')
			continue;
		text = answer_text(&calls[k]);
		PB_APPEND(*list, *n,
		    pb_worker_response(calls[k].err == NULL && calls[k].result,
			text, r->ids->pdata[i], worker));
		dm_err_free(calls[k].err);
		g_free(calls[k++].text);
	}
	api_sort_entries(*list, *n);
}

/* ---- HandleError ---- */

static void
ask_handle_error(const struct api_call *c, struct round *r,
    const Pb__HandleErrorRequest *req, Pb__HandleErrorResponse *resp)
{
	g_autofree Dm__V1__Command *cmds = g_new(Dm__V1__Command, r->ids->len);
	g_autofree Pb__HandleWorkerErrorRequest *inner =
	    g_new(Pb__HandleWorkerErrorRequest, r->ids->len);

	for (guint i = 0; i < r->ids->len; i++) {
		pb__handle_worker_error_request__init(&inner[i]);
		inner[i].op = req->op;
		inner[i].task = req->task;
		inner[i].binlogpos = req->binlogpos;
		inner[i].sqls = req->sqls;
		inner[i].n_sqls = req->n_sqls;
		dm__v1__command__init(&cmds[i]);
		cmds[i].source = r->ids->pdata[i];
		cmds[i].c_case = DM__V1__COMMAND__C_HANDLE_ERROR;
		cmds[i].handleerror = &inner[i];
	}
	ask(c, r, cmds, &resp->sources, &resp->n_sources);
}

ProtobufCMessage *
api_handle_error(const struct api_call *c)
{
	const Pb__HandleErrorRequest *req =
	    (const Pb__HandleErrorRequest *)c->req;
	struct round r = { .task = req->task,
		.sources = req->sources,
		.n_sources = req->n_sources };
	Pb__HandleErrorResponse *resp;

	round_init(&r);
	resp = api_answer_err(c, sched_call(c->env->sched, find_workers, &r));
	if (resp->result)
		ask_handle_error(c, &r, req, resp);
	round_fini(&r);
	return &resp->base;
}

/* ---- OperateSchema ---- */

static void
ask_operate_schema(const struct api_call *c, struct round *r,
    const Pb__OperateSchemaRequest *req, Pb__OperateSchemaResponse *resp)
{
	g_autofree Dm__V1__Command *cmds = g_new(Dm__V1__Command, r->ids->len);
	g_autofree Pb__OperateWorkerSchemaRequest *inner =
	    g_new(Pb__OperateWorkerSchemaRequest, r->ids->len);

	for (guint i = 0; i < r->ids->len; i++) {
		pb__operate_worker_schema_request__init(&inner[i]);
		inner[i].op = req->op;
		inner[i].task = req->task;
		inner[i].source = r->ids->pdata[i];
		inner[i].database = req->database;
		inner[i].table = req->table;
		inner[i].schema = req->schema;
		inner[i].flush = req->flush;
		inner[i].sync = req->sync;
		inner[i].fromsource = req->fromsource;
		inner[i].fromtarget = req->fromtarget;
		dm__v1__command__init(&cmds[i]);
		cmds[i].source = r->ids->pdata[i];
		cmds[i].c_case = DM__V1__COMMAND__C_OPERATE_SCHEMA;
		cmds[i].operateschema = &inner[i];
	}
	ask(c, r, cmds, &resp->sources, &resp->n_sources);
}

ProtobufCMessage *
api_operate_schema(const struct api_call *c)
{
	const Pb__OperateSchemaRequest *req =
	    (const Pb__OperateSchemaRequest *)c->req;
	struct round r = { .task = req->task,
		.sources = req->sources,
		.n_sources = req->n_sources };
	Pb__OperateSchemaResponse *resp;

	if (req->n_sources == 0)
		return api_answer(c, false, "must specify at least one source");
	round_init(&r);
	resp = api_answer_err(c, sched_call(c->env->sched, find_workers, &r));
	if (resp->result)
		ask_operate_schema(c, &r, req, resp);
	round_fini(&r);
	return &resp->base;
}
