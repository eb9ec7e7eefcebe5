/* SPDX-License-Identifier: Apache-2.0 */
#include "master/cluster/members.h"

#include "etcdcluster.pb-c.h"
#include "lib/base/clock.h"
#include "lib/log/log.h"
#include "lib/rpc/rpc.h"
#include "lib/thread/mutex.h"
#include "master/cluster/peers.h"
#include "master/pb.h"
#include "master/pool.h"

#include <string.h>
#include <unistd.h>

#define PROBE_MS      1000
#define REMOVE_MS     10000
#define REMOVE_STEP_S 1
#define GONE_MS       3000
#define GONE_STEP_MS  100
#define RANK_API      20

/* ---- taking one out ---- */

/* With voters that are left, more than half of them must be up. */
static struct dm_err *
check_quorum(const GPtrArray *peers, const struct peer *target)
{
	guint voters = 0, up = 0;

	if (target->learner)
		return NULL;
	for (guint i = 0; i < peers->len; i++) {
		const struct peer *p = g_ptr_array_index(peers, i);

		if (p == target || p->learner)
			continue;
		voters++;
		up += p->state == PEER_ANSWERS;
	}
	if (voters == 0)
		return dm_err_plain("%s is the only dm-master: without it "
				    "there is no cluster",
		    target->name);
	if (up <= voters / 2)
		return dm_err_plain(
		    "without %s the cluster has no quorum: %u of the %u other "
		    "dm-masters are up, %u are needed; start the others "
		    "first, or take out one that is down",
		    target->name, up, voters, voters / 2 + 1);
	return NULL;
}

/* etcd changes its members only when the others have been connected for five
 * seconds: soon after a start that passes. */
static struct dm_err *
remove_member(struct dm_etcd *e, uint64_t id)
{
	struct dm_mono until = dm_mono_add_ms(dm_mono_now(), REMOVE_MS);
	struct dm_err *err;

	while ((err = dm_etcd_member_remove(e, id)) != NULL) {
		if (err->cause == NULL ||
		    strstr(err->cause, "unhealthy cluster") == NULL ||
		    dm_mono_diff_ms(until, dm_mono_now()) <= 0)
			return err;
		dm_err_free(err);
		sleep(REMOVE_STEP_S);
	}
	return NULL;
}

/* Does the dm-master at this address list the member? False, too, when it does
 * not answer: *answered tells. */
static bool
is_listed_at(const char *addr, uint64_t id, bool *answered)
{
	DM_AUTO(dm_rpc_channel) ch = dm_rpc_channel_new(addr, NULL);
	Etcdserverpb__MemberListRequest req;
	const Etcdserverpb__MemberListResponse *r;
	ProtobufCMessage *resp = NULL;
	struct dm_err *err;
	bool listed = false;

	etcdserverpb__member_list_request__init(&req);
	err = dm_rpc_unary(ch, &etcdserverpb__cluster__descriptor, "MemberList",
	    &req.base, PROBE_MS, NULL, &resp, NULL);
	*answered = err == NULL;
	dm_err_free(err);
	r = (const Etcdserverpb__MemberListResponse *)resp;
	for (size_t i = 0; *answered && i < r->n_members; i++)
		listed |= r->members[i]->id == id;
	pb_free(resp);
	return listed;
}

/* One of the others has seen it go. */
static bool
has_gone(const GPtrArray *peers, const struct peer *target)
{
	struct dm_mono until = dm_mono_add_ms(dm_mono_now(), GONE_MS);

	do {
		for (guint i = 0; i < peers->len; i++) {
			const struct peer *p = g_ptr_array_index(peers, i);
			bool answered = false;

			if (p != target && p->state == PEER_ANSWERS &&
			    !is_listed_at(p->addr, target->id, &answered) &&
			    answered)
				return true;
		}
		g_usleep(GONE_STEP_MS * 1000);
	} while (dm_mono_diff_ms(until, dm_mono_now()) > 0);
	return false;
}

/* Our own etcd ends when it learns that it is no member any more, and may do so
 * before it answers: then the others know. Takes err. */
static struct dm_err *
ask_the_others(const struct dm_master_cfg *cfg, const GPtrArray *peers,
    const struct peer *target, struct dm_err *err)
{
	if (err == NULL || strcmp(target->name, cfg->name) != 0 ||
	    !has_gone(peers, target))
		return err;
	dm_err_free(err);
	return NULL;
}

struct dm_err *
members_remove(const struct dm_master_cfg *cfg, struct dm_etcd *e,
    const char *name,
    struct dm_err *(*depose)(const char *name, const char *addr, void *arg),
    void *arg)
{
	g_autoptr(GPtrArray) peers = NULL;
	const struct peer *p;
	struct dm_err *err = peers_list(cfg, e, &peers);

	if (err != NULL)
		return err;
	p = peers_find(peers, name);
	if (p == NULL)
		return dm_err_new(MASTER_MASTER_NAME_NOT_EXIST, name);
	peers_probe(cfg, peers, PROBE_MS);
	if (peers_external(cfg) && p->state == PEER_ANSWERS)
		return dm_err_plain("dm-master %s runs: stop it first", name);
	if (!peers_external(cfg))
		err = check_quorum(peers, p);
	if (err != NULL)
		return err;
	dm_info("a dm-master is taken out of the cluster",
	    dm_kstr("name", name), dm_kstr("addr", p->addr));
	if (p->name[0] != '\0')
		err = depose(p->name, p->addr, arg);
	if (err != NULL)
		return err;
	if (peers_external(cfg))
		return peers_unregister(e, name);
	return ask_the_others(cfg, peers, p, remove_member(e, p->id));
}

/* ---- etcdserverpb.Cluster ---- */

struct members_api {
	Etcdserverpb__Cluster_Service svc; /* first: handlers get its address */
	const struct dm_master_cfg *cfg;
	struct dm_etcd *etcd;
	struct dm_mutex mu; /* guards pool */
	struct pool *pool;  /* NULL: stopping */
};

struct job {
	struct members_api *m;
	const Etcdserverpb__MemberAddRequest *add; /* NULL: list */
	ProtobufCClosure closure;
	void *closure_data;
};

static char **
copy_list(char *const *from, size_t *n)
{
	*n = g_strv_length((char **)(uintptr_t)from);
	return g_strdupv((char **)(uintptr_t)from);
}

static Etcdserverpb__Member *
to_message(const struct dm_etcd_member *m)
{
	Etcdserverpb__Member *out =
	    PB_NEW(Etcdserverpb__Member, etcdserverpb__member__init);

	out->id = m->id;
	out->name = g_strdup(m->name);
	out->peerurls = copy_list(m->peer_urls, &out->n_peerurls);
	out->clienturls = copy_list(m->client_urls, &out->n_clienturls);
	out->islearner = m->learner;
	return out;
}

static Etcdserverpb__Member **
to_messages(const GPtrArray *members, size_t *n)
{
	Etcdserverpb__Member **out = NULL;

	for (guint i = 0; i < members->len; i++)
		PB_APPEND(out, *n, to_message(g_ptr_array_index(members, i)));
	return out;
}

static ProtobufCMessage *
list_answer(const GPtrArray *members)
{
	Etcdserverpb__MemberListResponse *r =
	    PB_NEW(Etcdserverpb__MemberListResponse,
		etcdserverpb__member_list_response__init);

	r->members = to_messages(members, &r->n_members);
	return &r->base;
}

/* The one whose URLs were asked for is the new one. */
static ProtobufCMessage *
add_answer(const GPtrArray *members, const char *url)
{
	Etcdserverpb__MemberAddResponse *r =
	    PB_NEW(Etcdserverpb__MemberAddResponse,
		etcdserverpb__member_add_response__init);

	r->members = to_messages(members, &r->n_members);
	for (guint i = 0; i < members->len; i++) {
		const struct dm_etcd_member *m = g_ptr_array_index(members, i);

		if (r->member == NULL &&
		    g_strv_contains((const char *const *)m->peer_urls, url))
			r->member = to_message(m);
	}
	return &r->base;
}

static struct dm_err *
add(struct members_api *m, const Etcdserverpb__MemberAddRequest *req,
    ProtobufCMessage **resp)
{
	g_autofree const char **urls =
	    g_new0(const char *, req->n_peerurls + 1);
	g_autoptr(GPtrArray) members = NULL;
	struct dm_err *err;

	if (req->n_peerurls == 0)
		return dm_err_plain("a member needs a peer URL");
	for (size_t i = 0; i < req->n_peerurls; i++)
		urls[i] = req->peerurls[i];
	err = dm_etcd_member_add(m->etcd, urls, &members);
	if (err != NULL)
		return err;
	dm_info("a dm-master joins", dm_kstr("peer url", urls[0]));
	*resp = add_answer(members, urls[0]);
	return NULL;
}

static struct dm_err *
list(struct members_api *m, ProtobufCMessage **resp)
{
	g_autoptr(GPtrArray) members = NULL;
	struct dm_err *err = dm_etcd_member_list(m->etcd, &members);

	if (err == NULL)
		*resp = list_answer(members);
	return err;
}

static void
run_job(void *arg)
{
	g_autofree struct job *j = arg;
	ProtobufCMessage *resp = NULL;
	struct dm_err *err =
	    j->add != NULL ? add(j->m, j->add, &resp) : list(j->m, &resp);

	if (err == NULL) {
		j->closure(resp, j->closure_data);
		pb_free(resp);
	} else {
		g_autofree char *text = dm_err_message(err);

		dm_rpc_fail(j->closure_data, DM_RPC_UNKNOWN, text);
		dm_err_free(err);
	}
}

static void
begin(struct members_api *m, const Etcdserverpb__MemberAddRequest *req,
    ProtobufCClosure closure, void *closure_data)
{
	struct job j = { m, req, closure, closure_data };
	bool stopping;

	if (peers_external(m->cfg)) {
		dm_rpc_fail(closure_data, DM_RPC_FAILED_PRECONDITION,
		    "the etcd of this cluster is external: start the new "
		    "dm-master with the same etcd-endpoints, without join");
		return;
	}
	dm_mutex_lock(&m->mu);
	stopping = m->pool == NULL;
	if (!stopping)
		pool_run(m->pool, run_job, g_memdup2(&j, sizeof(j)));
	dm_mutex_unlock(&m->mu);
	if (stopping)
		dm_rpc_fail(
		    closure_data, DM_RPC_UNAVAILABLE, "dm-master is stopping");
}

static void
cluster__member_add(Etcdserverpb__Cluster_Service *svc,
    const Etcdserverpb__MemberAddRequest *in,
    Etcdserverpb__MemberAddResponse_Closure closure, void *closure_data)
{
	begin((struct members_api *)(void *)svc, in, (ProtobufCClosure)closure,
	    closure_data);
}

static void
cluster__member_list(Etcdserverpb__Cluster_Service *svc,
    const Etcdserverpb__MemberListRequest *in DM_UNUSED,
    Etcdserverpb__MemberListResponse_Closure closure, void *closure_data)
{
	begin((struct members_api *)(void *)svc, NULL,
	    (ProtobufCClosure)closure, closure_data);
}

struct members_api *
members_api_new(const struct dm_master_cfg *cfg, struct dm_etcd *e)
{
	struct members_api *m = g_new0(struct members_api, 1);

	m->svc = (Etcdserverpb__Cluster_Service)ETCDSERVERPB__CLUSTER__INIT(
	    cluster__);
	m->cfg = cfg;
	m->etcd = e;
	dm_mutex_init(&m->mu, RANK_API);
	m->pool = pool_new("members", 1);
	return m;
}

ProtobufCService *
members_api_service(struct members_api *m)
{
	return &m->svc.base;
}

void
members_api_stop(struct members_api *m)
{
	struct pool *p;

	dm_mutex_lock(&m->mu);
	p = DM_TAKE(m->pool);
	dm_mutex_unlock(&m->mu);
	pool_stop(p);
}

void
members_api_free(struct members_api *m)
{
	if (m == NULL)
		return;
	dm_mutex_fini(&m->mu);
	g_free(m);
}
