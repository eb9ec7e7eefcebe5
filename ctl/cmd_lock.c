/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shard-ddl-lock and shard-ddl-lock unlock, and their old names
 * show-ddl-locks and unlock-ddl-lock.
 * SOURCE: dm/ctl/master/shard_ddl_lock.go.
 */
#include "ctl/common.h"
#include "dmmaster.pb-c.h"

#include <string.h>

static const struct ctl_opt opt_owner = {
	.name = "owner",
	.letter = 'o',
	.kind = CTL_STRING,
	.help = "Source that shall execute the DDL instead of the owner.",
	.completes = "@source",
};
static const struct ctl_opt opt_force = {
	.name = "force-remove",
	.letter = 'f',
	.kind = CTL_BOOL,
	.help = "Remove the lock even if its owner fails.",
};
static const struct ctl_opt opt_action = {
	.name = "action",
	.letter = 'a',
	.kind = CTL_STRING,
	.def = "skip",
	.help = "Optimistic mode: what to do with the conflicting DDL, skip or "
		"exec.",
	.completes = "skip|exec",
};
static const struct ctl_opt opt_database = {
	.name = "database",
	.letter = 'd',
	.kind = CTL_STRING,
	.help = "Optimistic mode: upstream schema of the table.",
};
static const struct ctl_opt opt_table = {
	.name = "table",
	.letter = 't',
	.kind = CTL_STRING,
	.help = "Optimistic mode: upstream table.",
};

static struct dm_err *
run_show(struct ctl_inv *inv)
{
	const char *arg = ctl_arg(inv, 0);
	g_autofree char *task = ctl_task_name(arg != NULL ? arg : "");
	Pb__ShowDDLLocksRequest req;

	if (ctl_n_args(inv) > 1)
		return ctl_usage(inv);
	pb__show_ddllocks_request__init(&req);
	req.task = task;
	req.sources = ctl_list(inv, &ctl_opt_source, &req.n_sources);
	return ctl_call_print(inv, "ShowDDLLocks", &req.base);
}

static struct dm_err *
run_unlock(struct ctl_inv *inv)
{
	const char *action = ctl_string(inv, &opt_action);
	Pb__UnlockDDLLockRequest req;

	if (ctl_n_args(inv) != 1)
		return ctl_usage(inv);
	pb__unlock_ddllock_request__init(&req);
	if (strcmp(action, "exec") == 0)
		req.op = PB__UNLOCK_DDLLOCK_OP__ExecLock;
	else if (strcmp(action, "skip") == 0)
		req.op = PB__UNLOCK_DDLLOCK_OP__SkipLock;
	else
		return dm_err_plain("please check --action argument, only "
				    "exec/skip are acceptable");
	req.id = ctl_pb(ctl_arg(inv, 0));
	req.replaceowner = ctl_pb(ctl_string(inv, &opt_owner));
	req.forceremove = ctl_bool(inv, &opt_force);
	req.sources = ctl_list(inv, &ctl_opt_source, &req.n_sources);
	req.database = ctl_pb(ctl_string(inv, &opt_database));
	req.table = ctl_pb(ctl_string(inv, &opt_table));
	return ctl_call_print(inv, "UnlockDDLLock", &req.base);
}

static const struct ctl_opt *const unlock_opts[] = { &opt_action, &opt_database,
	&opt_force, &opt_owner, &opt_table, NULL };

static const struct ctl_cmd cmd_unlock = {
	.name = "unlock",
	.args = "<lock-id>",
	.brief = "Unlock un-resolved DDL locks forcely",
	.examples = "shard-ddl-lock unlock 'task1-`db`.`t`'\n"
		    "shard-ddl-lock unlock 'task1-`db`.`t`' -o source2 -f",
	.completes = "@lock",
	.opts = unlock_opts,
	.run = run_unlock,
};

const struct ctl_cmd ctl_cmd_shard_ddl_lock = {
	.name = "shard-ddl-lock",
	.args = "[task] [command]",
	.brief = "Show or resolve locks of shard DDL statements",
	.examples = "shard-ddl-lock\n"
		    "shard-ddl-lock task1 -s source1\n"
		    "shard-ddl-lock unlock 'task1-`db`.`t`'",
	.completes = "@task|@file",
	.children = (const struct ctl_cmd *const[]){ &cmd_unlock, NULL },
	.run = run_show,
};

const struct ctl_cmd ctl_cmd_show_ddl_locks = {
	.name = "show-ddl-locks",
	.args = "[-s source ...] [task-name | task-file]",
	.brief = "Show un-resolved DDL locks",
	.examples = "show-ddl-locks task1",
	.completes = "@task|@file",
	.hidden = true,
	.run = run_show,
};

const struct ctl_cmd ctl_cmd_unlock_ddl_lock = {
	.name = "unlock-ddl-lock",
	.args = "[-s source ...] <lock-ID>",
	.brief = "Unlock un-resolved DDL locks forcely",
	.examples = "unlock-ddl-lock 'task1-`db`.`t`'",
	.completes = "@lock",
	.hidden = true,
	.opts = unlock_opts,
	.run = run_unlock,
};
