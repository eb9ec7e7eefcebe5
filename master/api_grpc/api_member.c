/* SPDX-License-Identifier: Apache-2.0 */
/* Members of the cluster: masters, workers, the leader. */
#include "master/api_grpc/call.h"
#include "master/cluster/members.h"
#include "master/cluster/peers.h"

#include <string.h>

#define ALIVE_MS 1000

static struct dm_err *
do_register(struct sched_core *core, void *arg)
{
	const Pb__RegisterWorkerRequest *req = arg;

	if (*req->name == '\0' || *req->address == '\0')
		return dm_err_plain("a dm-worker needs a name and an address");
	return sched_register(core, req->name, req->address);
}

ProtobufCMessage *
api_register_worker(const struct api_call *c)
{
	return api_answer_err(c,
	    sched_call(c->env->sched, do_register, (void *)(uintptr_t)c->req));
}

static struct dm_err *
offline_worker(struct sched_core *core, void *arg)
{
	const Pb__OfflineMemberRequest *req = arg;

	return sched_unregister(core, req->name);
}

ProtobufCMessage *
api_offline_member(const struct api_call *c)
{
	const Pb__OfflineMemberRequest *req =
	    (const Pb__OfflineMemberRequest *)c->req;
	struct dm_err *err;

	if (strcmp(req->type, "worker") == 0)
		err = sched_call(
		    c->env->sched, offline_worker, (void *)(uintptr_t)c->req);
	else if (strcmp(req->type, "master") == 0)
		err = members_remove(c->env->cfg, c->env->etcd, req->name,
		    c->env->depose, c->env->arg);
	else
		err = dm_err_new(MASTER_INVALID_OFFLINE_TYPE, req->type);
	return api_answer_err(c, err);
}

ProtobufCMessage *
api_operate_leader(const struct api_call *c)
{
	const Pb__OperateLeaderRequest *req =
	    (const Pb__OperateLeaderRequest *)c->req;

	switch (req->op) {
	case PB__LEADER_OP__EvictLeaderOp:
		return api_answer_err(c, c->env->campaign(false, c->env->arg));
	case PB__LEADER_OP__CancelEvictLeaderOp:
		return api_answer_err(c, c->env->campaign(true, c->env->arg));
	case PB__LEADER_OP__InvalidLeaderOp:
	default:
		return api_answer(
		    c, false, "operate InvalidLeaderOp is not supported");
	}
}

/* ---- list-member ---- */

static bool
wanted(const Pb__ListMemberRequest *req, const char *name)
{
	for (size_t i = 0; i < req->n_names; i++)
		if (strcmp(req->names[i], name) == 0)
			return true;
	return req->n_names == 0;
}

static Pb__Members *
leader_part(const struct api_call *c, const Pb__ListMemberRequest *req)
{
	g_autofree char *name = NULL, *addr = NULL;
	Pb__Members *m = PB_NEW(Pb__Members, pb__members__init);

	m->member_case = PB__MEMBERS__MEMBER_LEADER;
	m->leader = PB_NEW(Pb__ListLeaderMember, pb__list_leader_member__init);
	if (c->env->leader(&name, &addr, c->env->arg) && wanted(req, name)) {
		m->leader->name = g_steal_pointer(&name);
		m->leader->addr = g_steal_pointer(&addr);
	}
	return m;
}

static void
copy_urls(char *const *from, char ***to, size_t *n)
{
	for (; *from != NULL; from++)
		PB_APPEND(*to, *n, g_strdup(*from));
}

static Pb__MasterInfo *
master_info(const struct peer *p)
{
	Pb__MasterInfo *info = PB_NEW(Pb__MasterInfo, pb__master_info__init);

	info->name = g_strdup(p->name);
	info->memberid = p->id;
	info->alive = p->state == PEER_ANSWERS;
	copy_urls(p->peer_urls, &info->peerurls, &info->n_peerurls);
	copy_urls(p->client_urls, &info->clienturls, &info->n_clienturls);
	return info;
}

static Pb__Members *
master_part(const struct api_call *c, const Pb__ListMemberRequest *req)
{
	Pb__Members *part = PB_NEW(Pb__Members, pb__members__init);
	Pb__ListMasterMember *list =
	    PB_NEW(Pb__ListMasterMember, pb__list_master_member__init);
	g_autoptr(GPtrArray) peers = NULL;
	struct dm_err *err = peers_list(c->env->cfg, c->env->etcd, &peers);

	part->member_case = PB__MEMBERS__MEMBER_MASTER;
	part->master = list;
	if (err != NULL) {
		list->msg = pb_error_text(err);
		return part;
	}
	peers_probe(c->env->cfg, peers, ALIVE_MS);
	for (guint i = 0; i < peers->len; i++) {
		const struct peer *p = g_ptr_array_index(peers, i);

		if (wanted(req, p->name))
			PB_APPEND(
			    list->masters, list->n_masters, master_info(p));
	}
	return part;
}

struct worker_list {
	const Pb__ListMemberRequest *req;
	Pb__ListWorkerMember *out;
};

static struct dm_err *
list_workers(struct sched_core *core, void *arg)
{
	struct worker_list *l = arg;

	l->out = sched_list_workers(core, l->req->names, l->req->n_names);
	return NULL;
}

static Pb__Members *
worker_part(const struct api_call *c, const Pb__ListMemberRequest *req)
{
	struct worker_list l = { .req = req };
	Pb__Members *part = PB_NEW(Pb__Members, pb__members__init);
	struct dm_err *err = sched_call(c->env->sched, list_workers, &l);

	part->member_case = PB__MEMBERS__MEMBER_WORKER;
	part->worker = l.out;
	if (err != NULL) {
		part->worker =
		    PB_NEW(Pb__ListWorkerMember, pb__list_worker_member__init);
		part->worker->msg = pb_error_text(err);
	}
	return part;
}

ProtobufCMessage *
api_list_member(const struct api_call *c)
{
	const Pb__ListMemberRequest *req =
	    (const Pb__ListMemberRequest *)c->req;
	bool all = !req->leader && !req->master && !req->worker;
	Pb__ListMemberResponse *resp = api_answer(c, true, "");

	if (all || req->leader)
		PB_APPEND(resp->members, resp->n_members, leader_part(c, req));
	if (all || req->master)
		PB_APPEND(resp->members, resp->n_members, master_part(c, req));
	if (all || req->worker)
		PB_APPEND(resp->members, resp->n_members, worker_part(c, req));
	return &resp->base;
}
