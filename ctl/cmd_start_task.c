/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start-task and check-task: a task file goes to the master as it is.
 * SOURCE: dm/ctl/master/start_task.go, check_task.go.
 */
#include "ctl/common.h"
#include "dmmaster.pb-c.h"

#include <string.h>

static const struct ctl_opt opt_remove_meta = {
	.name = "remove-meta",
	.kind = CTL_BOOL,
	.help = "Drop the task's meta data first and start it anew.",
};
static const struct ctl_opt opt_adopt = {
	.name = "adopt",
	.kind = CTL_BOOL,
	.help = "Take over progress that another cluster left in the target; "
		"stop its task there first.",
	.ours = true,
};
static const struct ctl_opt opt_start_time = {
	.name = "start-time",
	.kind = CTL_STRING,
	.help = "Replicate from this time on, e.g. '2021-10-21 00:01:00'.",
};
static const struct ctl_opt opt_error = {
	.name = "error",
	.letter = 'e',
	.kind = CTL_INT,
	.def = "10",
	.help = "Show at most this many errors; negative: all.",
};
static const struct ctl_opt opt_warn = {
	.name = "warn",
	.letter = 'w',
	.kind = CTL_INT,
	.def = "10",
	.help = "Show at most this many warnings; negative: all.",
};

/* ---- is-sharding against shard-mode ---- */

/* The line that begins with key, or NULL. */
static const char *
find_line(const char *text, const char *key)
{
	for (const char *p = text; p != NULL;) {
		if (g_str_has_prefix(p, key))
			return p;
		p = strchr(p, '\n');
		if (p != NULL)
			p++;
	}
	return NULL;
}

/* Both are given, and one says sharding where the other says none. */
static bool
sharding_conflicts(const char *text)
{
	g_autofree char *is_sharding = NULL, *mode = NULL;

	if (find_line(text, "is-sharding") == NULL ||
	    find_line(text, "shard-mode") == NULL)
		return false;
	is_sharding = ctl_yaml_scalar(text, "is-sharding");
	mode = ctl_yaml_scalar(text, "shard-mode");
	return (g_strcmp0(is_sharding, "true") == 0) !=
	       (mode != NULL && mode[0] != '\0');
}

static struct dm_err *
check_sharding(struct ctl_inv *inv, const char *text)
{
	if (!sharding_conflicts(text))
		return NULL;
	return ctl_fail(inv,
	    "The behaviour of `is-sharding` and `shard-mode` is conflicting. "
	    "`is-sharding` is deprecated, please use `shard-mode` only.");
}

/* ---- start-task ---- */

static struct dm_err *
run_start(struct ctl_inv *inv)
{
	Pb__StartTaskRequest req;
	CTL_AUTO_MESSAGE ProtobufCMessage *resp = NULL;
	g_autofree char *text = NULL;
	struct dm_err *err;

	if (ctl_n_args(inv) != 1)
		return ctl_usage(inv);
	err = ctl_read_file(ctl_arg(inv, 0), &text);
	if (err == NULL)
		err = ctl_check_yaml(ctl_arg(inv, 0), text);
	if (err == NULL)
		err = check_sharding(inv, text);
	if (err != NULL)
		return err;
	pb__start_task_request__init(&req);
	req.task = text;
	req.sources = ctl_list(inv, &ctl_opt_source, &req.n_sources);
	req.removemeta = ctl_bool(inv, &opt_remove_meta);
	req.adopt = ctl_bool(inv, &opt_adopt);
	req.starttime = ctl_pb(ctl_string(inv, &opt_start_time));
	err = ctl_call(inv->env, "StartTask", &req.base, &resp);
	if (err != NULL)
		return err;
	ctl_print_check(
	    inv, resp, &((Pb__StartTaskResponse *)resp)->checkresult);
	return NULL;
}

const struct ctl_cmd ctl_cmd_start_task = {
	.name = "start-task",
	.args = "[-s source ...] [--remove-meta] <config-file>",
	.brief = "Start a task as its configuration file says",
	.examples = "start-task task.yaml\n"
		    "start-task task.yaml -s source1\n"
		    "start-task task.yaml --remove-meta\n"
		    "start-task task.yaml --adopt",
	.completes = "@file",
	.opts = (const struct ctl_opt *const[]){ &opt_adopt, &opt_remove_meta,
	    &opt_start_time, NULL },
	.run = run_start,
};

/* ---- check-task ---- */

static struct dm_err *
run_check(struct ctl_inv *inv)
{
	Pb__CheckTaskRequest req;
	CTL_AUTO_MESSAGE ProtobufCMessage *resp = NULL;
	g_autofree char *text = NULL;
	struct dm_err *err;

	if (ctl_n_args(inv) != 1)
		return ctl_usage(inv);
	err = ctl_read_file(ctl_arg(inv, 0), &text);
	if (err == NULL)
		err = check_sharding(inv, text);
	if (err != NULL)
		return err;
	pb__check_task_request__init(&req);
	req.task = text;
	req.errcnt = ctl_int(inv, &opt_error);
	req.warncnt = ctl_int(inv, &opt_warn);
	req.starttime = ctl_pb(ctl_string(inv, &opt_start_time));
	err = ctl_call(inv->env, "CheckTask", &req.base, &resp);
	if (err != NULL)
		return err;
	ctl_print_check(inv, resp, &((Pb__CheckTaskResponse *)resp)->msg);
	return NULL;
}

const struct ctl_cmd ctl_cmd_check_task = {
	.name = "check-task",
	.args = "<config-file> [--error count] [--warn count]",
	.brief = "Check the configuration file and the databases of a task",
	.examples = "check-task task.yaml\n"
		    "check-task task.yaml --output table\n"
		    "check-task task.yaml -e -1 -w 0",
	.completes = "@file",
	.opts = (const struct ctl_opt *const[]){ &opt_error, &opt_start_time,
	    &opt_warn, NULL },
	.run = run_check,
};
