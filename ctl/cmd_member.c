/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list-member, offline-member, operate-leader.
 * SOURCE: dm/ctl/master/list_member.go, offline_member.go, operate_leader.go.
 */
#include "ctl/common.h"
#include "dmmaster.pb-c.h"

#include <string.h>

/* ---- list-member ---- */

static const struct ctl_opt opt_list_leader = {
	.name = "leader",
	.letter = 'l',
	.kind = CTL_BOOL,
	.help = "Show the leader.",
};
static const struct ctl_opt opt_list_master = {
	.name = "master",
	.letter = 'm',
	.kind = CTL_BOOL,
	.help = "Show the dm-masters.",
};
static const struct ctl_opt opt_list_worker = {
	.name = "worker",
	.letter = 'w',
	.kind = CTL_BOOL,
	.help = "Show the dm-workers.",
};
static const struct ctl_opt opt_list_name = {
	.name = "name",
	.letter = 'n',
	.kind = CTL_LIST,
	.help = "Show only members of these names.",
	.completes = "@member",
};

static struct dm_err *
run_list(struct ctl_inv *inv)
{
	Pb__ListMemberRequest req;

	if (ctl_n_args(inv) > 0)
		return ctl_usage(inv);
	pb__list_member_request__init(&req);
	req.leader = ctl_bool(inv, &opt_list_leader);
	req.master = ctl_bool(inv, &opt_list_master);
	req.worker = ctl_bool(inv, &opt_list_worker);
	req.names = ctl_list(inv, &opt_list_name, &req.n_names);
	return ctl_call_print(inv, "ListMember", &req.base);
}

const struct ctl_cmd ctl_cmd_list_member = {
	.name = "list-member",
	.args = "[--leader] [--master] [--worker] [--name master-name/"
		"worker-name ...]",
	.brief = "List the leader, the dm-masters and the dm-workers",
	.examples = "list-member\n"
		    "list-member --worker -n worker1,worker2\n"
		    "list-member --output table",
	.opts = (const struct ctl_opt *const[]){ &opt_list_leader,
	    &opt_list_master, &opt_list_name, &opt_list_worker, NULL },
	.run = run_list,
};

/* ---- offline-member ---- */

static const struct ctl_opt opt_off_master = {
	.name = "master",
	.letter = 'm',
	.kind = CTL_BOOL,
	.help = "The member is a dm-master.",
};
static const struct ctl_opt opt_off_worker = {
	.name = "worker",
	.letter = 'w',
	.kind = CTL_BOOL,
	.help = "The member is a dm-worker.",
};
static const struct ctl_opt opt_off_name = {
	.name = "name",
	.letter = 'n',
	.kind = CTL_STRING,
	.help = "Name of the member.",
	.completes = "@member",
};

static struct dm_err *
run_offline(struct ctl_inv *inv)
{
	CTL_AUTO_MESSAGE ProtobufCMessage *m = NULL;
	const char *name = ctl_string(inv, &opt_off_name);
	bool master = ctl_bool(inv, &opt_off_master);
	const Pb__OfflineMemberResponse *resp;
	Pb__OfflineMemberRequest req;
	struct dm_err *err;

	if (ctl_n_args(inv) > 0)
		return ctl_usage(inv);
	if (master == ctl_bool(inv, &opt_off_worker)) {
		ctl_line(inv, "get offline type failed");
		return dm_err_plain(
		    "should specify either --master or --worker");
	}
	if (name[0] == '\0')
		return ctl_fail(inv, "a member name must be specified");
	pb__offline_member_request__init(&req);
	req.type = ctl_pb(master ? "master" : "worker");
	req.name = ctl_pb(name);
	err = ctl_call(inv->env, "OfflineMember", &req.base, &m);
	if (err != NULL)
		return err;
	resp = (Pb__OfflineMemberResponse *)m;
	if (!resp->result)
		return ctl_fail(inv, "offline member failed:\n%s", resp->msg);
	ctl_print(inv, m);
	return NULL;
}

const struct ctl_cmd ctl_cmd_offline_member = {
	.name = "offline-member",
	.args = "<--master/--worker> <--name master-name/worker-name>",
	.brief = "Remove a dm-master or dm-worker that is shut down",
	.examples = "offline-member --worker --name worker1\n"
		    "offline-member --master --name master3",
	.opts = (const struct ctl_opt *const[]){ &opt_off_master, &opt_off_name,
	    &opt_off_worker, NULL },
	.run = run_offline,
};

/* ---- operate-leader ---- */

static struct dm_err *
run_leader(struct ctl_inv *inv)
{
	const char *op = ctl_arg(inv, 0);
	Pb__OperateLeaderRequest req;

	if (ctl_n_args(inv) != 1)
		return ctl_usage(inv);
	pb__operate_leader_request__init(&req);
	if (strcmp(op, "evict") == 0)
		req.op = PB__LEADER_OP__EvictLeaderOp;
	else if (strcmp(op, "cancel-evict") == 0)
		req.op = PB__LEADER_OP__CancelEvictLeaderOp;
	else
		return ctl_fail(inv, "invalid operate '%s' on leader", op);
	return ctl_call_print(inv, "OperateLeader", &req.base);
}

const struct ctl_cmd ctl_cmd_operate_leader = {
	.name = "operate-leader",
	.args = "<operate-type>",
	.brief = "`evict` or `cancel-evict` the leader",
	.text = "Acts on the dm-master that dmctl is connected to: `evict` "
		"makes it give up\nleadership and not campaign again, "
		"`cancel-evict` lets it campaign.",
	.examples = "operate-leader evict\n"
		    "operate-leader cancel-evict",
	.completes = "evict|cancel-evict",
	.run = run_leader,
};
