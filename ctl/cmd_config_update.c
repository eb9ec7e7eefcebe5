/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config task update FILE, which is ours: give a task another configuration.
 * The original has the command, too, where it only says that it is to come;
 * so it says for sources here.
 *
 * DESIGN: three requests, so that it needs nothing of the master that DM's does
 * not have: check the file, stop the task, start it with the file. Progress
 * lives in the target, so the task goes on where it stood. What the check
 * refuses is never stopped. If the start fails the task stays stopped, which
 * the last line says.
 */
#include "ctl/common.h"
#include "dmmaster.pb-c.h"

#include <string.h>

#define CHECK_LINES 10

struct update {
	struct ctl_inv *inv;
	char *text; /* of the file */
	char *task;
	bool ok; /* of the last step */
};

static struct dm_err *
check(struct update *u)
{
	CTL_AUTO_MESSAGE ProtobufCMessage *m = NULL;
	Pb__CheckTaskResponse *resp;
	Pb__CheckTaskRequest req;
	struct dm_err *err;

	pb__check_task_request__init(&req);
	req.task = u->text;
	req.errcnt = CHECK_LINES;
	req.warncnt = CHECK_LINES;
	err = ctl_call(u->inv->env, "CheckTask", &req.base, &m);
	if (err != NULL)
		return err;
	resp = (Pb__CheckTaskResponse *)m;
	u->ok = resp->result;
	if (!u->ok)
		ctl_print_check(u->inv, m, &resp->msg);
	return NULL;
}

static struct dm_err *
stop(struct update *u)
{
	CTL_AUTO_MESSAGE ProtobufCMessage *m = NULL;
	const Pb__OperateTaskResponse *resp;
	Pb__OperateTaskRequest req;
	struct dm_err *err;

	pb__operate_task_request__init(&req);
	req.op = PB__TASK_OP__Delete;
	req.name = u->task;
	req.sources = ctl_list(u->inv, &ctl_opt_source, &req.n_sources);
	err = ctl_call(u->inv->env, "OperateTask", &req.base, &m);
	if (err != NULL)
		return err;
	resp = (Pb__OperateTaskResponse *)m;
	u->ok = resp->result;
	for (size_t i = 0; i < resp->n_sources; i++)
		u->ok = u->ok && resp->sources[i]->result;
	if (!u->ok)
		ctl_print(u->inv, m);
	return NULL;
}

static struct dm_err *
start(struct update *u)
{
	CTL_AUTO_MESSAGE ProtobufCMessage *m = NULL;
	Pb__StartTaskResponse *resp;
	Pb__StartTaskRequest req;
	struct dm_err *err;

	pb__start_task_request__init(&req);
	req.task = u->text;
	req.sources = ctl_list(u->inv, &ctl_opt_source, &req.n_sources);
	err = ctl_call(u->inv->env, "StartTask", &req.base, &m);
	if (err != NULL)
		return dm_err_annotate(err,
		    "task %s is stopped now; run start-task to go on", u->task);
	resp = (Pb__StartTaskResponse *)m;
	u->ok = resp->result;
	ctl_print_check(u->inv, m, &resp->checkresult);
	if (!u->ok)
		return dm_err_plain(
		    "task %s is stopped now; run start-task to go on", u->task);
	return NULL;
}

static struct dm_err *
run_update_task(struct ctl_inv *inv)
{
	struct update u = { .inv = inv };
	g_autofree char *text = NULL, *task = NULL;
	struct dm_err *err;

	if (ctl_n_args(inv) != 1)
		return ctl_usage(inv);
	err = ctl_read_file(ctl_arg(inv, 0), &text);
	if (err == NULL)
		err = ctl_check_yaml(ctl_arg(inv, 0), text);
	if (err != NULL)
		return err;
	task = ctl_yaml_scalar(text, "name");
	if (task == NULL || task[0] == '\0')
		return dm_err_new(CONFIG_TASK_NAME_EMPTY);
	u.text = text;
	u.task = task;
	err = check(&u);
	if (err == NULL && u.ok)
		err = stop(&u);
	if (err == NULL && u.ok)
		err = start(&u);
	return err;
}

const struct ctl_cmd ctl_cmd_config_task_update = {
	.name = "update",
	.args = "<task-file>",
	.brief = "Give a task another configuration",
	.text = "Check the file, stop the task, and start it with the file; it "
		"goes on where it\nstood. Nothing is stopped if the check "
		"fails. With -s only for some sources.",
	.examples = "config task update task.yaml\n"
		    "config task update task.yaml -s source1",
	.completes = "@file",
	.run = run_update_task,
};

/* The original has this command, which only says this. */
static struct dm_err *
run_update_source(struct ctl_inv *inv)
{
	(void)inv;
	return dm_err_plain("this function will be supported later");
}

const struct ctl_cmd ctl_cmd_config_source_update = {
	.name = "update",
	.brief = "Update the configuration of a source",
	.examples = "config source update source1.yaml",
	.completes = "@file",
	.hidden = true,
	.run = run_update_source,
};
