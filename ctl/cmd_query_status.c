/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query-status: all tasks in a few lines, or everything about one.
 * SOURCE: dm/ctl/master/query_status.go. Differs: tasks of the summary stand
 * in the order of the answer, the original's order is random.
 */
#include "ctl/common.h"
#include "dmmaster.pb-c.h"

#include <string.h>

#define STATUS_ERROR "Error"
#define HINT         ". Please run `query-status <task>` to get more details."

static const struct ctl_opt opt_more = {
	.name = "more",
	.kind = CTL_BOOL,
	.help = "Print everything, also what a summary leaves out.",
};

struct task_sum {
	char *name;
	char *status;
	json_t *sources;
};

static void
task_sum_free(void *p)
{
	struct task_sum *t = p;

	g_free(t->name);
	g_free(t->status);
	json_decref(t->sources);
	g_free(t);
}

static const char *
stage_name(Pb__Stage stage)
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(
	    &pb__stage__descriptor, (int)stage);

	return v != NULL ? v->name : "";
}

static bool
has_errors(const Pb__ProcessResult *r)
{
	return r != NULL && r->n_errors > 0;
}

/* Relay stands still while the subtask runs: nothing new can arrive. */
static bool
relay_is_down(const Pb__SubTaskStatus *st, const Pb__RelayStatus *relay)
{
	return st->unit == PB__UNIT_TYPE__Sync &&
	       st->stage == PB__STAGE__Running && relay != NULL &&
	       (relay->stage == PB__STAGE__Paused ||
		   relay->stage == PB__STAGE__Stopped);
}

/* One more subtask of the task; the first rule that fits decides. */
static void
fold(struct task_sum *t, const Pb__SubTaskStatus *st,
    const Pb__RelayStatus *relay)
{
	const char *stage = stage_name(st->stage);
	char *status = NULL;

	if (g_str_has_prefix(t->status, STATUS_ERROR))
		return;
	if (st->stage == PB__STAGE__Paused && has_errors(st->result))
		status =
		    g_strdup(STATUS_ERROR " - Some error occurred in subtask");
	else if (relay_is_down(st, relay))
		status = g_strdup_printf(STATUS_ERROR " - Relay status is %s",
		    has_errors(relay->result) ? STATUS_ERROR
					      : stage_name(relay->stage));
	else if (strcmp(t->status, stage_name(PB__STAGE__Paused)) == 0)
		return;
	else if (t->status[0] == '\0' || st->stage == PB__STAGE__Paused)
		status = g_strdup(stage);
	else if (strcmp(t->status, stage) != 0)
		status = g_strdup(stage_name(PB__STAGE__Running));
	else
		return;
	g_free(t->status);
	t->status = status;
}

static struct task_sum *
find_or_add(GPtrArray *tasks, const char *name)
{
	struct task_sum *t;

	for (guint i = 0; i < tasks->len; i++) {
		t = g_ptr_array_index(tasks, i);
		if (strcmp(t->name, name) == 0)
			return t;
	}
	t = g_new0(struct task_sum, 1);
	t->name = g_strdup(name);
	t->status = g_strdup("");
	t->sources = json_array();
	g_ptr_array_add(tasks, t);
	return t;
}

static json_t *
task_json(const struct task_sum *t)
{
	g_autofree char *status = g_strconcat(t->status,
	    g_str_has_prefix(t->status, STATUS_ERROR) ? HINT : "", NULL);
	json_t *j = json_object();

	if (t->name[0] != '\0')
		json_object_set_new(j, "taskName", ctl_json_string(t->name));
	if (status[0] != '\0')
		json_object_set_new(j, "taskStatus", json_string(status));
	if (json_array_size(t->sources) > 0)
		json_object_set(j, "sources", t->sources);
	return j;
}

static void
print_summary(struct ctl_inv *inv, const Pb__QueryStatusListResponse *resp)
{
	static const char *const keys[] = { "taskName", "taskStatus", "sources",
		NULL };
	static const char *const heads[] = { "TASK", "STATUS", "SOURCES",
		NULL };
	g_autoptr(GPtrArray) tasks =
	    g_ptr_array_new_with_free_func(task_sum_free);
	json_t *j = json_object();
	json_t *list = json_array();

	for (size_t i = 0; i < resp->n_sources; i++) {
		const Pb__QueryStatusResponse *e = resp->sources[i];
		const Pb__SourceStatus *src = e->sourcestatus;

		for (size_t k = 0; k < e->n_subtaskstatus; k++) {
			const Pb__SubTaskStatus *st = e->subtaskstatus[k];
			struct task_sum *t = find_or_add(tasks, st->name);

			fold(t, st, src != NULL ? src->relaystatus : NULL);
			json_array_append_new(t->sources,
			    ctl_json_string(src != NULL ? src->source : ""));
		}
	}
	for (guint i = 0; i < tasks->len; i++)
		json_array_append_new(
		    list, task_json(g_ptr_array_index(tasks, i)));
	json_object_set_new(j, "result", json_boolean(resp->result));
	json_object_set_new(j, "msg", ctl_json_string(resp->msg));
	json_object_set_new(j, "tasks", list);
	ctl_print_list(inv, j, "tasks", keys, heads);
	json_decref(j);
}

/* A summary hides errors of single sources: then everything is printed. */
static bool
all_well(const Pb__QueryStatusListResponse *resp)
{
	if (!resp->result)
		return false;
	for (size_t i = 0; i < resp->n_sources; i++) {
		if (!resp->sources[i]->result)
			return false;
	}
	return true;
}

static struct dm_err *
failed(struct ctl_inv *inv, const char *task, struct dm_err *err)
{
	size_t n;
	char **sources = ctl_list(inv, &ctl_opt_source, &n);
	GString *s = g_string_new("[");

	for (size_t i = 0; i < n; i++)
		g_string_append_printf(s, "%s%s", i > 0 ? " " : "", sources[i]);
	g_string_append_c(s, ']');
	ctl_line(
	    inv, "can not query %s task's status(in sources %s)", task, s->str);
	g_string_free(s, TRUE);
	return err;
}

static struct dm_err *
run(struct ctl_inv *inv)
{
	CTL_AUTO_MESSAGE ProtobufCMessage *m = NULL;
	const char *arg = ctl_arg(inv, 0);
	g_autofree char *task = ctl_task_name(arg != NULL ? arg : "");
	Pb__QueryStatusListRequest req;
	Pb__QueryStatusListResponse *resp;
	struct dm_err *err;

	if (ctl_n_args(inv) > 1)
		return ctl_usage(inv);
	pb__query_status_list_request__init(&req);
	req.name = task;
	req.sources = ctl_list(inv, &ctl_opt_source, &req.n_sources);
	err = ctl_call_timed(inv->env, "QueryStatus", &req.base, &m);
	if (err != NULL)
		return failed(inv, task, err);
	resp = (Pb__QueryStatusListResponse *)m;
	if (task[0] == '\0' && req.n_sources == 0 &&
	    !ctl_bool(inv, &opt_more) && all_well(resp)) {
		print_summary(inv, resp);
		return NULL;
	}
	inv->env->own_fields = ctl_bool(inv, &opt_more);
	ctl_print(inv, m);
	inv->env->own_fields = false;
	return NULL;
}

const struct ctl_cmd ctl_cmd_query_status = {
	.name = "query-status",
	.args = "[-s source ...] [task-name | task-file] [--more]",
	.brief = "Show the status of tasks",
	.examples = "query-status\n"
		    "query-status task1\n"
		    "query-status task1 --output table\n"
		    "query-status -s source1 --more",
	.completes = "@task|@file",
	.opts = (const struct ctl_opt *const[]){ &opt_more, NULL },
	.run = run,
};
