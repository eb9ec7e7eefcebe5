/* SPDX-License-Identifier: Apache-2.0 */
/*
 * binlog-schema list, update, delete, and operate-schema, their old name: the
 * table structures that a task has in mind.
 * SOURCE: dm/ctl/master/binlog_schema*.go, operate_schema.go.
 */
#include "ctl/common.h"
#include "dmmaster.pb-c.h"

#include <string.h>

static const struct ctl_opt opt_flush = {
	.name = "flush",
	.kind = CTL_BOOL,
	.def = "true",
	.help = "Flush the table's structure and the checkpoint at once.",
};
static const struct ctl_opt opt_sync = {
	.name = "sync",
	.kind = CTL_BOOL,
	.def = "true",
	.help = "Optimistic mode: let dm-master resolve shard locks with it.",
};
static const struct ctl_opt opt_from_source = {
	.name = "from-source",
	.kind = CTL_BOOL,
	.help = "Take the table's structure from upstream.",
};
static const struct ctl_opt opt_from_target = {
	.name = "from-target",
	.kind = CTL_BOOL,
	.help = "Take the table's structure from downstream.",
};
static const struct ctl_opt opt_database = {
	.name = "database",
	.letter = 'd',
	.kind = CTL_STRING,
	.help = "Schema of the table.",
};
static const struct ctl_opt opt_table = {
	.name = "table",
	.letter = 't',
	.kind = CTL_STRING,
	.help = "Name of the table.",
};

/* req->task: <task-or-file>, borrowed. */
static struct dm_err *
send(struct ctl_inv *inv, Pb__OperateSchemaRequest *req)
{
	g_autofree char *task = ctl_task_name(req->task);

	req->task = task;
	req->sources = ctl_list(inv, &ctl_opt_source, &req->n_sources);
	return ctl_call_print(inv, "OperateSchema", &req->base);
}

/* ---- binlog-schema ---- */

static void
init_for_table(
    struct ctl_inv *inv, Pb__SchemaOp op, Pb__OperateSchemaRequest *req)
{
	pb__operate_schema_request__init(req);
	req->op = op;
	req->task = ctl_pb(ctl_arg(inv, 0));
	req->database = ctl_pb(ctl_arg(inv, 1));
	req->table = ctl_pb(ctl_arg(inv, 2));
}

static struct dm_err *
run_list(struct ctl_inv *inv)
{
	Pb__OperateSchemaRequest req;

	if (ctl_n_args(inv) < 3)
		return ctl_help(inv);
	init_for_table(inv, PB__SCHEMA_OP__GetSchema, &req);
	return send(inv, &req);
}

static struct dm_err *
run_delete(struct ctl_inv *inv)
{
	Pb__OperateSchemaRequest req;

	if (ctl_n_args(inv) < 3)
		return ctl_help(inv);
	init_for_table(inv, PB__SCHEMA_OP__RemoveSchema, &req);
	return send(inv, &req);
}

static struct dm_err *
run_update(struct ctl_inv *inv)
{
	bool from_source = ctl_bool(inv, &opt_from_source);
	bool from_target = ctl_bool(inv, &opt_from_target);
	const char *file = ctl_arg(inv, 3);
	g_autofree char *text = NULL;
	Pb__OperateSchemaRequest req;
	struct dm_err *err = NULL;

	if (ctl_n_args(inv) < 3)
		return ctl_help(inv);
	if (from_source && from_target)
		return ctl_fail(inv, "from-source and from-target can not be "
				     "used together");
	if (!from_source && !from_target && file == NULL)
		return ctl_help(inv);
	if ((from_source || from_target) && file != NULL)
		return ctl_fail(inv, "can not set schema-file when use "
				     "from-source or from-target");
	init_for_table(inv, PB__SCHEMA_OP__SetSchema, &req);
	if (file != NULL)
		err = ctl_read_file(file, &text);
	if (err != NULL)
		return err;
	req.schema = text != NULL ? text : ctl_pb("");
	req.flush = ctl_bool(inv, &opt_flush);
	req.sync = ctl_bool(inv, &opt_sync);
	req.fromsource = from_source;
	req.fromtarget = from_target;
	return send(inv, &req);
}

static const struct ctl_cmd cmd_delete = {
	.name = "delete",
	.args = "<task-name | task-file> <database> <table>",
	.brief = "Forget the structure of a table",
	.examples = "binlog-schema delete task1 db t -s source1",
	.completes = "@task|@file",
	.run = run_delete,
};
static const struct ctl_cmd cmd_list = {
	.name = "list",
	.args = "<task-name | task-file> <database> <table>",
	.brief = "Show the structure of a table",
	.examples = "binlog-schema list task1 db t\n"
		    "binlog-schema list task1 db t -s source1",
	.completes = "@task|@file",
	.run = run_list,
};
static const struct ctl_cmd cmd_update = {
	.name = "update",
	.args = "<task-name | task-file> <database> <table> [schema-file]",
	.brief = "Set the structure of a table",
	.examples = "binlog-schema update task1 db t create-t.sql -s source1\n"
		    "binlog-schema update task1 db t --from-target",
	.completes = "@task|@file",
	.opts = (const struct ctl_opt *const[]){ &opt_flush, &opt_from_source,
	    &opt_from_target, &opt_sync, NULL },
	.run = run_update,
};

const struct ctl_cmd ctl_cmd_binlog_schema = {
	.name = "binlog-schema",
	.brief = "Show, set or forget table structures that a task uses",
	.examples = "binlog-schema list task1 db t\n"
		    "binlog-schema update task1 db t --from-source",
	.children = (const struct ctl_cmd *const[]){ &cmd_delete, &cmd_list,
	    &cmd_update, NULL },
};

/* ---- operate-schema ---- */

static bool
parse_op(const char *word, Pb__SchemaOp *op)
{
	if (strcmp(word, "get") == 0)
		*op = PB__SCHEMA_OP__GetSchema;
	else if (strcmp(word, "set") == 0)
		*op = PB__SCHEMA_OP__SetSchema;
	else if (strcmp(word, "remove") == 0)
		*op = PB__SCHEMA_OP__RemoveSchema;
	else
		return false;
	return true;
}

/* The file of `set`; the others go on without theirs. */
static struct dm_err *
read_schema(struct ctl_inv *inv, Pb__SchemaOp op, char **text)
{
	const char *file = ctl_arg(inv, 2);

	if (op == PB__SCHEMA_OP__SetSchema && file == NULL)
		return ctl_fail(
		    inv, "must sepcify schema file for 'set' operation");
	if (op == PB__SCHEMA_OP__SetSchema)
		return ctl_read_file(file, text);
	if (file != NULL)
		ctl_line(inv, "schema file will be ignored for "
			      "'get'/'delete' operation");
	return NULL;
}

static struct dm_err *
run_operate(struct ctl_inv *inv)
{
	const char *database = ctl_string(inv, &opt_database);
	const char *table = ctl_string(inv, &opt_table);
	g_autofree char *text = NULL;
	Pb__OperateSchemaRequest req;
	Pb__SchemaOp op;
	struct dm_err *err;

	if (ctl_n_args(inv) < 2 || ctl_n_args(inv) > 3)
		return ctl_usage(inv);
	if (!parse_op(ctl_arg(inv, 0), &op))
		return ctl_fail(
		    inv, "invalid operate '%s' on schema", ctl_arg(inv, 0));
	err = read_schema(inv, op, &text);
	if (err != NULL)
		return err;
	if (!ctl_given(inv, &ctl_opt_source))
		return ctl_fail(inv, "must specify at least one source "
				     "(`-s` / `--source`)");
	if (database[0] == '\0')
		return ctl_fail(inv, "must specify 'database'");
	if (table[0] == '\0')
		return ctl_fail(inv, "must specify 'table'");
	pb__operate_schema_request__init(&req);
	req.op = op;
	req.task = ctl_pb(ctl_arg(inv, 1));
	req.database = ctl_pb(database);
	req.table = ctl_pb(table);
	req.schema = text != NULL ? text : ctl_pb("");
	req.flush = ctl_bool(inv, &opt_flush);
	req.sync = ctl_bool(inv, &opt_sync);
	return send(inv, &req);
}

const struct ctl_cmd ctl_cmd_operate_schema = {
	.name = "operate-schema",
	.args = "<operate-type> <-s source ...> <task-name | task-file> "
		"<-d database> <-t table> [schema-file] [--flush] [--sync]",
	.brief = "`get`, `set` or `remove` the structure of a table",
	.examples =
	    "operate-schema get -s source1 task1 -d db -t t\n"
	    "operate-schema set -s source1 task1 -d db -t t create-t.sql",
	.completes = "get|set|remove @task|@file @file",
	.hidden = true,
	.opts = (const struct ctl_opt *const[]){ &opt_database, &opt_flush,
	    &opt_sync, &opt_table, NULL },
	.run = run_operate,
};
