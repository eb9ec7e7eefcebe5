/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operate-source and transfer-source.
 * SOURCE: dm/ctl/master/operate_source.go, transfer_source.go.
 */
#include "ctl/common.h"
#include "dmmaster.pb-c.h"
#include "lib/config/source.h"

#include <string.h>

static const struct ctl_opt opt_worker = {
	.name = "worker",
	.letter = 'w',
	.kind = CTL_STRING,
	.help = "Create: bind the source to this free dm-worker.",
	.completes = "@worker",
};
static const struct ctl_opt opt_sample = {
	.name = "print-sample-config",
	.letter = 'p',
	.kind = CTL_BOOL,
	.help = "Print a sample of a source configuration file and exit.",
};

static bool
parse_op(const char *word, Pb__SourceOp *op)
{
	static const struct {
		const char *word;
		Pb__SourceOp op;
	} ops[] = {
		{ "create", PB__SOURCE_OP__StartSource },
		{ "update", PB__SOURCE_OP__UpdateSource },
		{ "stop", PB__SOURCE_OP__StopSource },
		{ "show", PB__SOURCE_OP__ShowSource },
	};

	for (size_t i = 0; i < DM_ARRAY_SIZE(ops); i++) {
		if (strcmp(ops[i].word, word) == 0) {
			*op = ops[i].op;
			return true;
		}
	}
	return false;
}

/* Adds the text of a file to configs. What `stop` cannot read is an ID. */
static struct dm_err *
add_file(struct ctl_inv *inv, Pb__SourceOp op, const char *path,
    GPtrArray *configs, GPtrArray *ids)
{
	g_autofree char *relay_dir = NULL;
	char *text = NULL;
	struct dm_err *err = ctl_read_file(path, &text);

	if (err != NULL && op == PB__SOURCE_OP__StopSource) {
		dm_err_free(err);
		g_ptr_array_add(ids, g_strdup(path));
		return NULL;
	}
	if (err != NULL)
		return err;
	g_ptr_array_add(configs, text);
	err = ctl_check_yaml(path, text);
	if (err != NULL)
		return err;
	relay_dir = ctl_yaml_scalar(text, "relay-dir");
	if (relay_dir != NULL && relay_dir[0] != '\0')
		ctl_line(inv,
		    "`relay-dir` in source config will be deprecated soon, "
		    "please use `relay-dir` in worker config instead");
	return NULL;
}

static struct dm_err *
send(struct ctl_inv *inv, Pb__SourceOp op)
{
	g_autoptr(GPtrArray) configs = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
	Pb__OperateSourceRequest req;
	size_t n;
	char **given = ctl_list(inv, &ctl_opt_source, &n);

	for (size_t i = 0; i < n; i++)
		g_ptr_array_add(ids, g_strdup(given[i]));
	for (size_t i = 1; i < ctl_n_args(inv); i++) {
		struct dm_err *err =
		    add_file(inv, op, ctl_arg(inv, i), configs, ids);

		if (err != NULL)
			return err;
	}
	pb__operate_source_request__init(&req);
	req.op = op;
	req.n_config = configs->len;
	req.config = (char **)configs->pdata;
	req.n_sourceid = ids->len;
	req.sourceid = (char **)ids->pdata;
	req.workername = ctl_pb(ctl_string(inv, &opt_worker));
	return ctl_call_print(inv, "OperateSource", &req.base);
}

static struct dm_err *
run_operate(struct ctl_inv *inv)
{
	Pb__SourceOp op;

	if (ctl_bool(inv, &opt_sample)) {
		fputs(dm_source_cfg_sample(), inv->env->out);
		return NULL;
	}
	if (ctl_n_args(inv) == 0)
		return ctl_usage(inv);
	if (!parse_op(ctl_arg(inv, 0), &op))
		return ctl_fail(
		    inv, "invalid operate '%s' on worker", ctl_arg(inv, 0));
	/* As in the original, -s alone is not enough to stop a source. */
	if (op != PB__SOURCE_OP__ShowSource && ctl_n_args(inv) == 1)
		return ctl_fail(inv, "operate-source create/stop should "
				     "specify config-file(s)");
	if (op == PB__SOURCE_OP__StartSource &&
	    ctl_string(inv, &opt_worker)[0] != '\0' && ctl_n_args(inv) > 2)
		ctl_line(inv, "operate-source create can't create multiple "
			      "sources when specify worker");
	return send(inv, op);
}

const struct ctl_cmd ctl_cmd_operate_source = {
	.name = "operate-source",
	.args = "<operate-type> [config-file ...] [--print-sample-config]",
	.brief = "`create`, `update`, `stop` or `show` upstream sources",
	.examples = "operate-source create source1.yaml source2.yaml\n"
		    "operate-source create source1.yaml -w worker1\n"
		    "operate-source show\n"
		    "operate-source stop source1.yaml\n"
		    "operate-source --print-sample-config",
	.completes = "create|update|stop|show @source|@file...",
	.opts =
	    (const struct ctl_opt *const[]){ &opt_sample, &opt_worker, NULL },
	.run = run_operate,
};

static struct dm_err *
run_transfer(struct ctl_inv *inv)
{
	Pb__TransferSourceRequest req;

	if (ctl_n_args(inv) != 2)
		return ctl_usage(inv);
	pb__transfer_source_request__init(&req);
	req.source = ctl_pb(ctl_arg(inv, 0));
	req.worker = ctl_pb(ctl_arg(inv, 1));
	return ctl_call_print(inv, "TransferSource", &req.base);
}

const struct ctl_cmd ctl_cmd_transfer_source = {
	.name = "transfer-source",
	.args = "<source-id> <worker-id>",
	.brief = "Move a source to another free dm-worker",
	.examples = "transfer-source source1 worker2",
	.completes = "@source @worker",
	.run = run_transfer,
};
