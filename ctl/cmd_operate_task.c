/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stop-task, pause-task, resume-task; without a task they act on all tasks of
 * one source, several at a time.
 *
 * THREADS: the batch form starts up to --batch-size threads that take jobs by
 * an atomic counter and end with the last job; run_batch joins them.
 * SOURCE: dm/ctl/master/operate_task.go, common/operate_task.go.
 */
#include "ctl/common.h"
#include "dmmaster.pb-c.h"
#include "lib/thread/mutex.h"

#include <stdatomic.h>
#include <string.h>

#define MAX_BATCH_THREADS 64

static const struct ctl_opt opt_batch_size = {
	.name = "batch-size",
	.kind = CTL_INT,
	.def = "5",
	.help = "Without a task: operate on this many tasks at a time.",
};

static const char *
op_name(Pb__TaskOp op)
{
	return protobuf_c_enum_descriptor_get_value(
	    &pb__task_op__descriptor, (int)op)
	    ->name;
}

/* ---- the batch form ---- */

struct job {
	const char *task; /* borrowed of the status answer */
	ProtobufCMessage *resp;
	struct dm_err *err;
};

struct batch {
	struct ctl_env *env;
	Pb__TaskOp op;
	char *source;
	GArray *jobs; /* struct job, sorted by task */
	atomic_uint next;
};

static void
run_job(struct batch *b, struct job *job)
{
	Pb__OperateTaskRequest req;

	pb__operate_task_request__init(&req);
	req.op = b->op;
	req.name = ctl_pb(job->task);
	req.n_sources = 1;
	req.sources = &b->source;
	job->err = ctl_call_timed(b->env, "OperateTask", &req.base, &job->resp);
}

static void *
batch_thread(void *arg)
{
	struct batch *b = arg;

	for (;;) {
		unsigned i = atomic_fetch_add(&b->next, 1);

		if (i >= b->jobs->len)
			return NULL;
		run_job(b, &g_array_index(b->jobs, struct job, i));
	}
}

static void
run_batch(struct batch *b, int64_t size)
{
	pthread_t threads[MAX_BATCH_THREADS];
	size_t n = (size_t)CLAMP(size, 1, MAX_BATCH_THREADS);

	n = MIN(n, b->jobs->len);
	for (size_t i = 0; i < n; i++)
		threads[i] = dm_thread_start("ctl-batch", batch_thread, b);
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

/* ---- its answer, form P2 ---- */

/* As Go prints a worker's entry: false and empty are left out. */
static json_t *
entry_json(const Pb__CommonWorkerResponse *e)
{
	json_t *j = json_object();

	if (e->result)
		json_object_set_new(j, "result", json_true());
	if (e->msg[0] != '\0')
		json_object_set_new(j, "msg", ctl_json_string(e->msg));
	if (e->source[0] != '\0')
		json_object_set_new(j, "source", ctl_json_string(e->source));
	if (e->worker[0] != '\0')
		json_object_set_new(j, "worker", ctl_json_string(e->worker));
	return j;
}

static json_t *
job_json(const struct batch *b, const struct job *job)
{
	const Pb__OperateTaskResponse *r = (Pb__OperateTaskResponse *)job->resp;
	g_autofree char *why = r == NULL ? dm_err_text(job->err) : NULL;
	json_t *j = json_object();
	json_t *sources = NULL;

	if (r == NULL || !r->result)
		b->env->refused = true;
	for (size_t i = 0; r != NULL && i < r->n_sources; i++) {
		if (sources == NULL)
			sources = json_array();
		if (!r->sources[i]->result)
			b->env->refused = true;
		json_array_append_new(sources, entry_json(r->sources[i]));
	}
	json_object_set_new(j, "task", ctl_json_string(job->task));
	json_object_set_new(j, "op", json_string(op_name(b->op)));
	json_object_set_new(j, "result", json_boolean(r != NULL && r->result));
	json_object_set_new(
	    j, "msg", ctl_json_string(r != NULL ? r->msg : why));
	json_object_set_new(
	    j, "sources", sources != NULL ? sources : json_null());
	return j;
}

/* tasks: taken. */
static void
print_batch(struct ctl_inv *inv, bool result, const char *msg, json_t *tasks)
{
	static const char *const keys[] = { "task", "op", "result", "sources",
		"msg", NULL };
	static const char *const heads[] = { "TASK", "OPERATION", "RESULT",
		"SOURCES", "MESSAGE", NULL };
	json_t *j = json_object();

	if (!result)
		inv->env->refused = true;
	json_object_set_new(j, "result", json_boolean(result));
	json_object_set_new(j, "msg", ctl_json_string(msg));
	json_object_set_new(j, "tasks", tasks);
	ctl_print_list(inv, j, "tasks", keys, heads);
	json_decref(j);
}

static gint
by_task(gconstpointer a, gconstpointer b)
{
	return strcmp(
	    ((const struct job *)a)->task, ((const struct job *)b)->task);
}

static void
operate_all(struct ctl_inv *inv, Pb__TaskOp op, char *source,
    const Pb__QueryStatusResponse *st)
{
	struct batch b = { .env = inv->env, .op = op, .source = source };
	json_t *tasks = json_array();

	b.jobs = g_array_new(FALSE, TRUE, sizeof(struct job));
	for (size_t i = 0; i < st->n_subtaskstatus; i++) {
		struct job job = { .task = st->subtaskstatus[i]->name };

		g_array_append_val(b.jobs, job);
	}
	g_array_sort(b.jobs, by_task);
	run_batch(&b, ctl_int(inv, &opt_batch_size));
	for (guint i = 0; i < b.jobs->len; i++) {
		struct job *job = &g_array_index(b.jobs, struct job, i);

		json_array_append_new(tasks, job_json(&b, job));
		protobuf_c_message_free_unpacked(job->resp, NULL);
		dm_err_free(job->err);
	}
	g_array_unref(b.jobs);
	print_batch(inv, true, "", tasks);
}

static struct dm_err *
operate_source(struct ctl_inv *inv, Pb__TaskOp op, char *source)
{
	CTL_AUTO_MESSAGE ProtobufCMessage *m = NULL;
	const Pb__QueryStatusListResponse *resp;
	Pb__QueryStatusListRequest req;

	pb__query_status_list_request__init(&req);
	req.n_sources = 1;
	req.sources = &source;
	DM_AUTO(dm_err)
	err = ctl_call_timed(inv->env, "QueryStatus", &req.base, &m);
	if (err != NULL) {
		g_autofree char *text = dm_err_text(err);

		print_batch(inv, false, text, json_array());
		return NULL;
	}
	resp = (Pb__QueryStatusListResponse *)m;
	if (!resp->result || resp->n_sources == 0)
		print_batch(inv, false, resp->msg, json_array());
	else
		operate_all(inv, op, source, resp->sources[0]);
	return NULL;
}

/* ---- one task ---- */

static struct dm_err *
operate_task(struct ctl_inv *inv, Pb__TaskOp op, const char *what)
{
	g_autofree char *task = ctl_task_name(ctl_arg(inv, 0));
	Pb__OperateTaskRequest req;
	struct dm_err *err;

	pb__operate_task_request__init(&req);
	req.op = op;
	req.name = task;
	req.sources = ctl_list(inv, &ctl_opt_source, &req.n_sources);
	err = ctl_call_print(inv, "OperateTask", &req.base);
	if (err != NULL)
		ctl_line(inv, "can not %s task %s", what, task);
	return err;
}

static struct dm_err *
operate(struct ctl_inv *inv, Pb__TaskOp op, const char *what)
{
	size_t n;
	char **sources = ctl_list(inv, &ctl_opt_source, &n);

	if (ctl_n_args(inv) > 1)
		return ctl_usage(inv);
	if (ctl_n_args(inv) == 1)
		return operate_task(inv, op, what);
	if (n == 0) {
		ctl_line(inv, "must give one source-name when "
			      "task-name/task-conf is not specified");
		return ctl_usage(inv);
	}
	if (n > 1) {
		ctl_line(inv, "can give only one source-name when "
			      "task-name/task-conf is not specified");
		return ctl_usage(inv);
	}
	return operate_source(inv, op, sources[0]);
}

static struct dm_err *
run_stop(struct ctl_inv *inv)
{
	return operate(inv, PB__TASK_OP__Delete, "delete");
}

static struct dm_err *
run_pause(struct ctl_inv *inv)
{
	return operate(inv, PB__TASK_OP__Pause, "pause");
}

static struct dm_err *
run_resume(struct ctl_inv *inv)
{
	return operate(inv, PB__TASK_OP__Resume, "resume");
}

#define ARGS "[-s source ...] [task-name | task-file]"
static const struct ctl_opt *const opts[] = { &opt_batch_size, NULL };

const struct ctl_cmd ctl_cmd_stop_task = {
	.name = "stop-task",
	.args = ARGS,
	.brief = "Stop a task, or all tasks of one source",
	.examples = "stop-task task1\n"
		    "stop-task task1 -s source1\n"
		    "stop-task -s source1",
	.completes = "@task|@file",
	.opts = opts,
	.run = run_stop,
};

const struct ctl_cmd ctl_cmd_pause_task = {
	.name = "pause-task",
	.args = ARGS,
	.brief = "Pause a running task, or all tasks of one source",
	.examples = "pause-task task1\n"
		    "pause-task task1 -s source1,source2\n"
		    "pause-task -s source1 --batch-size 2",
	.completes = "@task|@file",
	.opts = opts,
	.run = run_pause,
};

const struct ctl_cmd ctl_cmd_resume_task = {
	.name = "resume-task",
	.args = ARGS,
	.brief = "Resume a paused task, or all tasks of one source",
	.examples = "resume-task task1\n"
		    "resume-task task1 -s source1\n"
		    "resume-task -s source1",
	.completes = "@task|@file",
	.opts = opts,
	.run = run_resume,
};
