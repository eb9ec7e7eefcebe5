/* SPDX-License-Identifier: Apache-2.0 */
/*
 * binlog skip, replace, revert, inject, list, and handle-error, their old name.
 * SOURCE: dm/ctl/master/binlog*.go, handle_error.go.
 */
#include "ctl/common.h"
#include "ctl/sql.h"
#include "dmmaster.pb-c.h"

#include <string.h>

static const struct ctl_opt opt_pos = {
	.name = "binlog-pos",
	.letter = 'b',
	.kind = CTL_STRING,
	.help = "Position of the binlog event as file:pos; the one of the "
		"current error if not given.",
};

/* sqls may be NULL. */
static struct dm_err *
send(struct ctl_inv *inv, Pb__ErrorOp op, const char *task_or_file,
    const GPtrArray *sqls)
{
	g_autofree char *task = ctl_task_name(task_or_file);
	g_autofree char *pos = ctl_unquote(ctl_string(inv, &opt_pos));
	Pb__HandleErrorRequest req;

	pb__handle_error_request__init(&req);
	req.op = op;
	req.task = task;
	req.binlogpos = pos;
	req.sources = ctl_list(inv, &ctl_opt_source, &req.n_sources);
	if (sqls != NULL) {
		req.n_sqls = sqls->len;
		req.sqls = (char **)sqls->pdata;
	}
	return ctl_call_print(inv, "HandleError", &req.base);
}

static struct dm_err *
check_pos(struct ctl_inv *inv)
{
	g_autofree char *pos = ctl_unquote(ctl_string(inv, &opt_pos));

	return ctl_check_binlog_pos(pos);
}

static struct dm_err *
without_sql(struct ctl_inv *inv, Pb__ErrorOp op, size_t max_args)
{
	struct dm_err *err;

	if (ctl_n_args(inv) < 1 || ctl_n_args(inv) > max_args)
		return ctl_help(inv);
	err = check_pos(inv);
	if (err != NULL)
		return err;
	return send(inv, op, ctl_arg(inv, 0), NULL);
}

static struct dm_err *
with_sql(struct ctl_inv *inv, Pb__ErrorOp op)
{
	g_autoptr(GPtrArray) sqls = NULL;
	struct dm_err *err;

	if (ctl_n_args(inv) < 2)
		return ctl_help(inv);
	err = check_pos(inv);
	if (err == NULL)
		err = ctl_sql_from_args(inv->args, 1, &sqls);
	if (err != NULL)
		return err;
	return send(inv, op, ctl_arg(inv, 0), sqls);
}

static struct dm_err *
run_skip(struct ctl_inv *inv)
{
	return without_sql(inv, PB__ERROR_OP__Skip, 1);
}

static struct dm_err *
run_revert(struct ctl_inv *inv)
{
	/* The original looks at the first argument and ignores the rest. */
	return without_sql(inv, PB__ERROR_OP__Revert, SIZE_MAX);
}

static struct dm_err *
run_list(struct ctl_inv *inv)
{
	return without_sql(inv, PB__ERROR_OP__List, 1);
}

static struct dm_err *
run_replace(struct ctl_inv *inv)
{
	return with_sql(inv, PB__ERROR_OP__Replace);
}

static struct dm_err *
run_inject(struct ctl_inv *inv)
{
	return with_sql(inv, PB__ERROR_OP__Inject);
}

static const struct ctl_cmd cmd_inject = {
	.name = "inject",
	.args = "<task-name | task-file> <inject-sql1>;<inject-sql2>;",
	.brief = "Inject DDL statements in front of a binlog event",
	.examples = "binlog inject task1 -b mysql-bin.000003:1234 \"ALTER "
		    "TABLE db.t ADD c INT;\"",
	.completes = "@task|@file",
	.run = run_inject,
};
static const struct ctl_cmd cmd_list = {
	.name = "list",
	.args = "<task-name | task-file>",
	.brief = "List the commands given for binlog events of a task",
	.examples = "binlog list task1\n"
		    "binlog list task1 -s source1 -b mysql-bin.000003:1234",
	.completes = "@task|@file",
	.run = run_list,
};
static const struct ctl_cmd cmd_replace = {
	.name = "replace",
	.args = "<task-name | task-file> <replace-sql1>;<replace-sql2>;",
	.brief = "Replace a binlog event by DDL statements",
	.examples = "binlog replace task1 \"ALTER TABLE db.t ADD c INT;\"",
	.completes = "@task|@file",
	.run = run_replace,
};
static const struct ctl_cmd cmd_revert = {
	.name = "revert",
	.args = "<task-name | task-file>",
	.brief = "Take back what was said about a binlog event",
	.examples = "binlog revert task1 -b mysql-bin.000003:1234",
	.completes = "@task|@file",
	.run = run_revert,
};
static const struct ctl_cmd cmd_skip = {
	.name = "skip",
	.args = "<task-name | task-file>",
	.brief = "Skip a binlog event",
	.examples = "binlog skip task1\n"
		    "binlog skip task1 -s source1 -b mysql-bin.000003:1234",
	.completes = "@task|@file",
	.run = run_skip,
};

const struct ctl_cmd ctl_cmd_binlog = {
	.name = "binlog",
	.brief = "Skip, replace or inject DDL statements at binlog events",
	.examples = "binlog skip task1\n"
		    "binlog replace task1 \"ALTER TABLE db.t ADD c INT;\"",
	.shared = (const struct ctl_opt *const[]){ &opt_pos, NULL },
	.children = (const struct ctl_cmd *const[]){ &cmd_inject, &cmd_list,
	    &cmd_replace, &cmd_revert, &cmd_skip, NULL },
};

/* ---- handle-error ---- */

static struct dm_err *
handle_replace(struct ctl_inv *inv)
{
	g_autoptr(GPtrArray) sqls = NULL;
	struct dm_err *err;

	if (ctl_n_args(inv) <= 2)
		return ctl_fail(inv, "must specify the replace-sqls for "
				     "replace operation");
	err = ctl_sql_from_args(inv->args, 2, &sqls);
	if (err != NULL)
		return err;
	return send(inv, PB__ERROR_OP__Replace, ctl_arg(inv, 0), sqls);
}

static struct dm_err *
run_handle_error(struct ctl_inv *inv)
{
	const char *op = ctl_arg(inv, 1);
	bool skip, revert;
	struct dm_err *err;

	if (ctl_n_args(inv) < 2)
		return ctl_usage(inv);
	err = check_pos(inv);
	if (err != NULL)
		return err;
	skip = strcmp(op, "skip") == 0;
	revert = strcmp(op, "revert") == 0;
	if (strcmp(op, "replace") == 0)
		return handle_replace(inv);
	if (!skip && !revert)
		return ctl_fail(inv,
		    "invalid operation '%s', please use `skip`, `replace` or "
		    "`revert`",
		    op);
	if (ctl_n_args(inv) > 2)
		return ctl_fail(inv, "replace-sqls can not be used for "
				     "'skip/revert' operation");
	return send(inv, skip ? PB__ERROR_OP__Skip : PB__ERROR_OP__Revert,
	    ctl_arg(inv, 0), NULL);
}

const struct ctl_cmd ctl_cmd_handle_error = {
	.name = "handle-error",
	.args = "<task-name | task-file> [-s source ...] [-b binlog-pos] "
		"<skip/replace/revert> [replace-sql1;replace-sql2;]",
	.brief = "Skip, replace or revert the error event of a task",
	.examples = "handle-error task1 skip\n"
		    "handle-error task1 -b mysql-bin.000003:1234 replace "
		    "\"ALTER TABLE db.t ADD c INT;\"",
	.completes = "@task|@file skip|replace|revert",
	.hidden = true,
	.opts = (const struct ctl_opt *const[]){ &opt_pos, NULL },
	.run = run_handle_error,
};
