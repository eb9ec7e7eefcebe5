/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config task, source, master, worker, task-template, and get-config with its
 * alias get-task-config: configurations as the cluster has them. Export and
 * import are in cmd_config_files.c, update is in cmd_config_update.c.
 * SOURCE: dm/ctl/master/config.go, get_cfg.go.
 */
#include "ctl/common.h"
#include "dmmaster.pb-c.h"

#include <string.h>

static const struct ctl_opt opt_path = {
	.name = "path",
	.letter = 'p',
	.kind = CTL_STRING,
	.help = "Path of the file, or of the directory, to write to or read "
		"from.",
};
static const struct ctl_opt opt_file = {
	.name = "file",
	.letter = 'f',
	.kind = CTL_STRING,
	.help = "Write the configuration to this file.",
};

/* The text goes to the file; the answer says so instead of showing it. */
static struct dm_err *
save(struct ctl_inv *inv, const Pb__GetCfgResponse *resp, const char *path)
{
	g_autofree char *msg =
	    g_strdup_printf("write config to file %s succeed", path);
	Pb__GetCfgResponse shown;
	struct dm_err *err = ctl_write_file(path, resp->cfg);

	if (err != NULL)
		return err;
	pb__get_cfg_response__init(&shown);
	shown.result = true;
	shown.msg = msg;
	ctl_print(inv, &shown.base);
	return NULL;
}

static struct dm_err *
get(struct ctl_inv *inv, Pb__CfgType type, const char *name, const char *path)
{
	CTL_AUTO_MESSAGE ProtobufCMessage *m = NULL;
	const Pb__GetCfgResponse *resp;
	Pb__GetCfgRequest req;
	struct dm_err *err;

	pb__get_cfg_request__init(&req);
	req.type = type;
	req.name = ctl_pb(name);
	err = ctl_call_timed(inv->env, "GetCfg", &req.base, &m);
	if (err != NULL) {
		ctl_line(inv, "can not get %s config of %s",
		    protobuf_c_enum_descriptor_get_value(
			&pb__cfg_type__descriptor, (int)type)
			->name,
		    name);
		return err;
	}
	resp = (Pb__GetCfgResponse *)m;
	if (resp->result && path[0] != '\0')
		return save(inv, resp, path);
	ctl_print(inv, m);
	return NULL;
}

/* ---- config ---- */

static struct dm_err *
show(struct ctl_inv *inv, Pb__CfgType type)
{
	g_autofree char *task = NULL;

	if (ctl_n_args(inv) != 1)
		return ctl_help(inv);
	if (type == PB__CFG_TYPE__TaskType)
		task = ctl_task_name(ctl_arg(inv, 0));
	return get(inv, type, task != NULL ? task : ctl_arg(inv, 0),
	    ctl_string(inv, &opt_path));
}

static struct dm_err *
run_task(struct ctl_inv *inv)
{
	return show(inv, PB__CFG_TYPE__TaskType);
}

static struct dm_err *
run_source(struct ctl_inv *inv)
{
	return show(inv, PB__CFG_TYPE__SourceType);
}

static struct dm_err *
run_master(struct ctl_inv *inv)
{
	return show(inv, PB__CFG_TYPE__MasterType);
}

static struct dm_err *
run_worker(struct ctl_inv *inv)
{
	return show(inv, PB__CFG_TYPE__WorkerType);
}

static struct dm_err *
run_template(struct ctl_inv *inv)
{
	return show(inv, PB__CFG_TYPE__TaskTemplateType);
}

static const struct ctl_cmd cmd_master = {
	.name = "master",
	.args = "<master-name>",
	.brief = "Show the configuration of a dm-master",
	.examples = "config master master1\n"
		    "config master master1 -p master1.toml",
	.completes = "@master",
	.run = run_master,
};
static const struct ctl_cmd cmd_source = {
	.name = "source",
	.args = "<source-id>",
	.brief = "Show the configuration of a source",
	.examples = "config source source1\n"
		    "config source source1 -p source1.yaml",
	.completes = "@source",
	.children =
	    (const struct ctl_cmd *const[]){
		&ctl_cmd_config_source_update, NULL },
	.run = run_source,
};
static const struct ctl_cmd cmd_task = {
	.name = "task",
	.args = "<task-name | task-file>",
	.brief = "Show the configuration of a task",
	.examples = "config task task1\n"
		    "config task task1 -p task1.yaml",
	.completes = "@task|@file",
	.children =
	    (const struct ctl_cmd *const[]){
		&ctl_cmd_config_task_update, NULL },
	.run = run_task,
};
static const struct ctl_cmd cmd_template = {
	.name = "task-template",
	.args = "<task-name>",
	.brief = "Show the configuration of a task's template",
	.examples = "config task-template task1",
	.completes = "@task",
	.run = run_template,
};
static const struct ctl_cmd cmd_worker = {
	.name = "worker",
	.args = "<worker-name>",
	.brief = "Show the configuration of a dm-worker",
	.examples = "config worker worker1",
	.completes = "@worker",
	.run = run_worker,
};

const struct ctl_cmd ctl_cmd_config = {
	.name = "config",
	.brief = "Show, export or import configurations",
	.examples = "config task task1\n"
		    "config export -p backup\n"
		    "config import -p backup",
	.shared = (const struct ctl_opt *const[]){ &opt_path, NULL },
	.children = (const struct ctl_cmd *const[]){ &ctl_cmd_config_export,
	    &ctl_cmd_config_import, &cmd_master, &cmd_source, &cmd_task,
	    &cmd_template, &cmd_worker, NULL },
};

/* ---- get-config ---- */

static bool
parse_type(const char *word, Pb__CfgType *type)
{
	if (strcmp(word, "task") == 0)
		*type = PB__CFG_TYPE__TaskType;
	else if (strcmp(word, "master") == 0)
		*type = PB__CFG_TYPE__MasterType;
	else if (strcmp(word, "worker") == 0)
		*type = PB__CFG_TYPE__WorkerType;
	else if (strcmp(word, "source") == 0)
		*type = PB__CFG_TYPE__SourceType;
	else
		return false;
	return true;
}

static struct dm_err *
run_get_config(struct ctl_inv *inv)
{
	Pb__CfgType type;

	if (ctl_n_args(inv) != 2)
		return ctl_usage(inv);
	if (!parse_type(ctl_arg(inv, 0), &type))
		return ctl_fail(
		    inv, "invalid config type '%s'", ctl_arg(inv, 0));
	return get(inv, type, ctl_arg(inv, 1), ctl_string(inv, &opt_file));
}

static struct dm_err *
run_get_task_config(struct ctl_inv *inv)
{
	if (ctl_n_args(inv) != 1)
		return ctl_usage(inv);
	return get(inv, PB__CFG_TYPE__TaskType, ctl_arg(inv, 0),
	    ctl_string(inv, &opt_file));
}

const struct ctl_cmd ctl_cmd_get_config = {
	.name = "get-config",
	.args = "<task | master | worker | source> <name> [--file filename]",
	.brief = "Show the configuration of a member of the cluster",
	.examples = "get-config source source1\n"
		    "get-config task task1 -f task1.yaml",
	.completes = "task|master|worker|source @task|@member|@source",
	.hidden = true,
	.opts = (const struct ctl_opt *const[]){ &opt_file, NULL },
	.run = run_get_config,
};

const struct ctl_cmd ctl_cmd_get_task_config = {
	.name = "get-task-config",
	.args = "<task-name> [--file filename]",
	.brief = "Show the configuration of a task",
	.examples = "get-task-config task1 -f task1.yaml",
	.completes = "@task",
	.hidden = true,
	.opts = (const struct ctl_opt *const[]){ &opt_file, NULL },
	.run = run_get_task_config,
};
