/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validation start, stop, status, show-error, ignore-error, resolve-error,
 * clear-error, update.
 * SOURCE: dm/ctl/master/validation.go.
 */
#include "ctl/common.h"
#include "ctl/sql.h"
#include "dmmaster.pb-c.h"
#include "lib/text/start_time.h"

#include <errno.h>
#include <string.h>

static const struct ctl_opt opt_all_task = {
	.name = "all-task",
	.kind = CTL_BOOL,
	.help = "Apply to all tasks.",
};
static const struct ctl_opt opt_mode = {
	.name = "mode",
	.kind = CTL_STRING,
	.def = "full",
	.help = "Mode of validation: full or fast.",
	.completes = "full|fast",
};
static const struct ctl_opt opt_start_time = {
	.name = "start-time",
	.kind = CTL_STRING,
	.help = "Validate changes from this time on, "
		"e.g. '2021-10-21 00:01:00'.",
};
static const struct ctl_opt opt_table_stage = {
	.name = "table-stage",
	.kind = CTL_STRING,
	.help = "Only tables of this stage: running or stopped.",
	.completes = "running|stopped",
};
static const struct ctl_opt opt_error = {
	.name = "error",
	.kind = CTL_STRING,
	.def = "unprocessed",
	.help = "Which errors: all, ignored or unprocessed.",
	.completes = "all|ignored|unprocessed",
};
static const struct ctl_opt opt_all = {
	.name = "all",
	.kind = CTL_BOOL,
	.help = "Apply to all errors.",
};
static const struct ctl_opt opt_pos = {
	.name = "cutover-binlog-pos",
	.kind = CTL_STRING,
	.help = "Binlog position of the cutover as '(file, pos)'.",
};
static const struct ctl_opt opt_gtid = {
	.name = "cutover-binlog-gtid",
	.kind = CTL_STRING,
	.help = "GTID set of the cutover.",
};

#define NEED_TASK "task name should be specified"
#define TOO_MANY  "too many arguments are specified"

/* Usage, then the text as the error itself. */
static struct dm_err *
refuse(struct ctl_inv *inv, const char *text)
{
	return ctl_usage_err(inv, dm_err_plain("%s", text));
}

/* ---- start, stop ---- */

/* One task, or --all-task. */
static struct dm_err *
check_target(struct ctl_inv *inv)
{
	bool all = ctl_bool(inv, &opt_all_task);

	if (ctl_n_args(inv) > 1)
		return refuse(inv, TOO_MANY);
	if ((ctl_n_args(inv) == 0) != all)
		return refuse(
		    inv, "either `task-name` or `all-task` should be set");
	return NULL;
}

static struct dm_err *
check_start(struct ctl_inv *inv)
{
	const char *mode = ctl_string(inv, &opt_mode);
	const char *time = ctl_string(inv, &opt_start_time);
	struct dm_err *err = check_target(inv);

	if (err != NULL)
		return err;
	if (strcmp(mode, "full") != 0 && strcmp(mode, "fast") != 0)
		return ctl_usage_err(
		    inv, dm_err_plain("mode should be either `full` or `fast`, "
				      "current is `%s`",
			     mode));
	if (ctl_given(inv, &opt_start_time) && !dm_start_time_ok(time))
		return ctl_usage_err(inv,
		    dm_err_plain("start-time should be in the format like %s",
			dm_start_time_hints));
	return NULL;
}

static struct dm_err *
run_start(struct ctl_inv *inv)
{
	g_autofree char *task = NULL;
	Pb__StartValidationRequest req;
	struct dm_err *err = check_start(inv);

	if (err != NULL)
		return err;
	pb__start_validation_request__init(&req);
	if (ctl_given(inv, &opt_mode)) {
		req.mode_case = PB__START_VALIDATION_REQUEST__MODE_MODE_VALUE;
		req.mode_value = ctl_pb(ctl_string(inv, &opt_mode));
	}
	if (ctl_given(inv, &opt_start_time)) {
		req.start_time_case =
		    PB__START_VALIDATION_REQUEST__START_TIME_START_TIME_VALUE;
		req.start_time_value = ctl_pb(ctl_string(inv, &opt_start_time));
	}
	req.sources = ctl_list(inv, &ctl_opt_source, &req.n_sources);
	if (ctl_n_args(inv) == 1)
		req.taskname = task = ctl_task_name(ctl_arg(inv, 0));
	return ctl_call_print(inv, "StartValidation", &req.base);
}

static struct dm_err *
run_stop(struct ctl_inv *inv)
{
	g_autofree char *task = NULL;
	Pb__StopValidationRequest req;
	struct dm_err *err = check_target(inv);

	if (err != NULL)
		return err;
	pb__stop_validation_request__init(&req);
	req.sources = ctl_list(inv, &ctl_opt_source, &req.n_sources);
	if (ctl_n_args(inv) == 1)
		req.taskname = task = ctl_task_name(ctl_arg(inv, 0));
	return ctl_call_print(inv, "StopValidation", &req.base);
}

/* ---- status, show-error ---- */

static struct dm_err *
run_status(struct ctl_inv *inv)
{
	const char *stage = ctl_string(inv, &opt_table_stage);
	g_autofree char *task = NULL;
	Pb__GetValidationStatusRequest req;

	if (ctl_n_args(inv) != 1)
		return refuse(inv, NEED_TASK);
	pb__get_validation_status_request__init(&req);
	if (strcmp(stage, "running") == 0)
		req.filterstatus = PB__STAGE__Running;
	else if (strcmp(stage, "stopped") == 0)
		req.filterstatus = PB__STAGE__Stopped;
	else if (stage[0] != '\0')
		return refuse(
		    inv, "stage should be either `running` or `stopped`");
	req.taskname = task = ctl_task_name(ctl_arg(inv, 0));
	return ctl_call_print(inv, "GetValidationStatus", &req.base);
}

static struct dm_err *
run_show_error(struct ctl_inv *inv)
{
	const char *which = ctl_string(inv, &opt_error);
	g_autofree char *task = NULL;
	Pb__GetValidationErrorRequest req;

	if (ctl_n_args(inv) != 1)
		return dm_err_plain(NEED_TASK);
	pb__get_validation_error_request__init(&req);
	if (strcmp(which, "all") == 0)
		req.errstate = PB__VALIDATE_ERROR_STATE__InvalidErr;
	else if (strcmp(which, "ignored") == 0)
		req.errstate = PB__VALIDATE_ERROR_STATE__IgnoredErr;
	else if (strcmp(which, "unprocessed") == 0)
		req.errstate = PB__VALIDATE_ERROR_STATE__NewErr;
	else
		return refuse(inv, "error flag should be either `all`, "
				   "`ignored`, or `unprocessed`");
	req.taskname = task = ctl_task_name(ctl_arg(inv, 0));
	return ctl_call_print(inv, "GetValidationError", &req.base);
}

/* ---- ignore-error, resolve-error, clear-error ---- */

static bool
parse_id(const char *text, uint64_t *id)
{
	char *end;

	errno = 0;
	*id = g_ascii_strtoull(text, &end, 10);
	return g_ascii_isdigit(text[0]) && *end == '\0' && errno == 0;
}

static struct dm_err *
operate_error(struct ctl_inv *inv, Pb__ValidationErrOp op)
{
	bool all = ctl_bool(inv, &opt_all);
	const char *id = ctl_arg(inv, 1);
	g_autofree char *task = NULL;
	Pb__OperateValidationErrorRequest req;

	if (ctl_n_args(inv) < 1)
		return refuse(inv, NEED_TASK);
	if (ctl_n_args(inv) > 2)
		return refuse(inv, TOO_MANY);
	if ((id == NULL) != all)
		return refuse(
		    inv, "either `--all` or `error-id` should be set");
	pb__operate_validation_error_request__init(&req);
	if (id != NULL && !parse_id(id, &req.errid))
		return refuse(inv, "`error-id` should be integer when `--all` "
				   "is not set");
	req.op = op;
	req.isallerror = all;
	req.taskname = task = ctl_task_name(ctl_arg(inv, 0));
	return ctl_call_print(inv, "OperateValidationError", &req.base);
}

static struct dm_err *
run_ignore(struct ctl_inv *inv)
{
	return operate_error(inv, PB__VALIDATION_ERR_OP__IgnoreErrOp);
}

static struct dm_err *
run_resolve(struct ctl_inv *inv)
{
	return operate_error(inv, PB__VALIDATION_ERR_OP__ResolveErrOp);
}

static struct dm_err *
run_clear(struct ctl_inv *inv)
{
	return operate_error(inv, PB__VALIDATION_ERR_OP__ClearErrOp);
}

/* ---- update ---- */

/* "(mysql-bin.000001, 4)" or "mysql-bin.000001:4". */
static struct dm_err *
check_cutover_pos(const char *pos)
{
	size_t n = strlen(pos);
	const char *comma = strchr(pos, ',');

	if (pos[0] == '(' && pos[n - 1] == ')' && comma != NULL) {
		const char *digits = comma + 1 + strspn(comma + 1, " ");
		size_t len = strspn(digits, "0123456789");

		if (len > 0 && digits + len == pos + n - 1)
			return NULL;
		return dm_err_plain("invalid --cutover-binlog-pos %s: the pos "
				    "should be digital",
		    pos);
	}
	return dm_err_plain("invalid --cutover-binlog-pos %s: the format "
			    "should be '(filename, pos)'",
	    pos);
}

static struct dm_err *
check_update(struct ctl_inv *inv)
{
	bool has_pos = ctl_given(inv, &opt_pos);
	bool has_gtid = ctl_given(inv, &opt_gtid);
	struct dm_err *err;

	/* The original names the same option twice; so do we. */
	if (has_pos == has_gtid)
		return refuse(inv,
		    "you must specify either one of `cutover-binlog-pos` or "
		    "`cutover-binlog-pos`");
	if (has_pos) {
		err = check_cutover_pos(ctl_string(inv, &opt_pos));
		if (err != NULL)
			return ctl_usage_err(inv, err);
	}
	if (ctl_n_args(inv) == 0)
		return refuse(inv, "`task-name` should be set");
	if (ctl_n_args(inv) > 1)
		return refuse(inv, "should specify only one `task-name`");
	return NULL;
}

static struct dm_err *
run_update(struct ctl_inv *inv)
{
	g_autofree char *task = NULL;
	Pb__UpdateValidationRequest req;
	struct dm_err *err = check_update(inv);

	if (err != NULL)
		return err;
	pb__update_validation_request__init(&req);
	req.taskname = task = ctl_task_name(ctl_arg(inv, 0));
	req.sources = ctl_list(inv, &ctl_opt_source, &req.n_sources);
	req.binlogpos = ctl_pb(ctl_string(inv, &opt_pos));
	req.binloggtid = ctl_pb(ctl_string(inv, &opt_gtid));
	return ctl_call_print(inv, "UpdateValidation", &req.base);
}

/* ---- the table ---- */

static const struct ctl_opt *const error_opts[] = { &opt_all, NULL };

static const struct ctl_cmd cmd_clear = {
	.name = "clear-error",
	.args = "<task-name> <error-id | --all>",
	.brief = "Forget row errors",
	.examples = "validation clear-error task1 --all",
	.completes = "@task|@file",
	.opts = error_opts,
	.run = run_clear,
};
static const struct ctl_cmd cmd_ignore = {
	.name = "ignore-error",
	.args = "<task-name> <error-id | --all>",
	.brief = "Mark row errors as ignored",
	.examples = "validation ignore-error task1 12\n"
		    "validation ignore-error task1 --all",
	.completes = "@task|@file",
	.opts = error_opts,
	.run = run_ignore,
};
static const struct ctl_cmd cmd_resolve = {
	.name = "resolve-error",
	.args = "<task-name> <error-id | --all>",
	.brief = "Mark row errors as resolved",
	.examples = "validation resolve-error task1 12",
	.completes = "@task|@file",
	.opts = error_opts,
	.run = run_resolve,
};
static const struct ctl_cmd cmd_show_error = {
	.name = "show-error",
	.args = "<task-name> [--error error-state]",
	.brief = "Show row errors",
	.examples = "validation show-error task1\n"
		    "validation show-error task1 --error all",
	.completes = "@task|@file",
	.opts = (const struct ctl_opt *const[]){ &opt_error, NULL },
	.run = run_show_error,
};
static const struct ctl_cmd cmd_start = {
	.name = "start",
	.args = "[--all-task] [task-name]",
	.brief = "Start to validate a task",
	.examples = "validation start task1\n"
		    "validation start --all-task --mode fast\n"
		    "validation start task1 --start-time '2021-10-21 00:01:00'",
	.completes = "@task|@file",
	.opts = (const struct ctl_opt *const[]){ &opt_all_task, &opt_mode,
	    &opt_start_time, NULL },
	.run = run_start,
};
static const struct ctl_cmd cmd_status = {
	.name = "status",
	.args = "<task-name> [--table-stage stage]",
	.brief = "Show how far the validation of a task is",
	.examples = "validation status task1 --table-stage stopped",
	.completes = "@task|@file",
	.opts = (const struct ctl_opt *const[]){ &opt_table_stage, NULL },
	.run = run_status,
};
static const struct ctl_cmd cmd_stop = {
	.name = "stop",
	.args = "[--all-task] [task-name]",
	.brief = "Stop to validate a task",
	.examples = "validation stop task1\n"
		    "validation stop --all-task",
	.completes = "@task|@file",
	.opts = (const struct ctl_opt *const[]){ &opt_all_task, NULL },
	.run = run_stop,
};
static const struct ctl_cmd cmd_update = {
	.name = "update",
	.args = "<task-name> [--cutover-binlog-pos] [--cutover-binlog-gtid]",
	.brief = "Tell the validator where the cutover happens",
	.examples = "validation update task1 --cutover-binlog-pos "
		    "'(mysql-bin.000003, 1234)'",
	.completes = "@task|@file",
	.opts = (const struct ctl_opt *const[]){ &opt_gtid, &opt_pos, NULL },
	.run = run_update,
};

const struct ctl_cmd ctl_cmd_validation = {
	.name = "validation",
	.brief = "Start, stop and look at the validation of tasks",
	.examples = "validation start task1\n"
		    "validation status task1",
	.children = (const struct ctl_cmd *const[]){ &cmd_clear, &cmd_ignore,
	    &cmd_resolve, &cmd_show_error, &cmd_start, &cmd_status, &cmd_stop,
	    &cmd_update, NULL },
};
