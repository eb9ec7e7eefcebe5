/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a dm-master, put together.
 *
 * THREADS: main (signals); port (accepts, tells gRPC from HTTP); gRPC's (unary
 * requests in, streams); HTTP's; api pools (requests that block); scheduler
 * (cluster state); election; monitor (quorum, the leader); etcd's client (all
 * transfers).
 */
#include "master/server.h"

#include "lib/crypt/crypt.h"
#include "lib/etcd/election.h"
#include "lib/log/log.h"
#include "lib/metrics/metrics.h"
#include "lib/net/port.h"
#include "lib/rpc/health.h"
#include "lib/rpc/reflection.h"
#include "master/api_grpc/api.h"
#include "master/api_grpc/kv.h"
#include "master/api_http/gateway.h"
#include "master/api_http/http.h"
#include "master/cluster/evict.h"
#include "master/cluster/members.h"
#include "master/cluster/monitor.h"
#include "master/cluster/peers.h"
#include "master/session/session.h"

#include <jansson.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define ELECTION_PREFIX "/dm-master/leader/"
/* The leader that cannot renew its lease for so long retires. Followers that
 * see it gone do not wait for that: see monitor.h. */
#define ELECTION_TTL_S     10
#define ETCD_MS            5000
#define READY_MS           10000
#define READY_STEP_MS      200
#define STOP_GRACE_MS      1000
#define RPC_OVERHEAD_BYTES (512 * 1024)

struct server {
	const struct dm_master_cfg *cfg;
	struct dm_etcd_member_proc *member; /* NULL: etcd is external */
	struct dm_tls *tls;                 /* NULL: in clear */
	struct dm_keys *keys; /* of passwords; NULL: not configured */
	struct dm_etcd *etcd;
	struct monitor *monitor;
	struct members_api *members;
	struct dm_metrics *metrics;
	struct dm_metric *worker_state, *start_leader, *event_error;
	struct session_mgr *sessions;
	struct sched *sched;
	struct api *api;
	struct kv *kv;
	struct dm_rpc_server *rpc;
	struct dm_rpc_health *health;
	struct dm_rpc_reflection *reflection;
	struct http_env http_env;
	struct gateway *gateway;
	struct dm_http_server *http;
	struct dm_port *port;
	_Atomic(struct dm_election *) election;

	struct dm_mutex mu;              /* rank 50; guards what follows */
	char *leader_name, *leader_addr; /* NULL: nobody known */
	struct dm_err *fatal;            /* why we end by ourselves, or NULL */
};

/* ---- who leads ---- */

static void
set_leader(struct server *s, const char *name, const char *addr)
{
	dm_mutex_lock(&s->mu);
	g_free(s->leader_name);
	g_free(s->leader_addr);
	s->leader_name = g_strdup(name);
	s->leader_addr = g_strdup(addr);
	dm_mutex_unlock(&s->mu);
	/* Calls are carried out, here or by the leader, as long as there is
	 * one. */
	dm_rpc_health_set(s->health, "pb.Master", name != NULL);
}

static bool
get_leader(char **name, char **addr, void *arg)
{
	struct server *s = arg;

	dm_mutex_lock(&s->mu);
	*name = g_strdup(s->leader_name);
	*addr = g_strdup(s->leader_addr);
	dm_mutex_unlock(&s->mu);
	return *name != NULL;
}

static void
on_lead(int64_t rev, void *arg)
{
	struct server *s = arg;

	dm_info("become leader", dm_kint("revision", rev));
	set_leader(s, s->cfg->name, s->cfg->advertise_addr);
	dm_metric_add(s->start_leader, NULL, 1);
	sched_lead(s->sched);
}

static void
on_retire(void *arg)
{
	struct server *s = arg;

	dm_info("retire from leader");
	set_leader(s, NULL, NULL);
	sched_retire(s->sched);
	dm_metric_reset(s->worker_state);
}

static void
on_leader(const char *value, void *arg)
{
	struct server *s = arg;
	json_t *j = json_loads(value, 0, NULL);
	const char *id = json_string_value(json_object_get(j, "id"));
	const char *addr = json_string_value(json_object_get(j, "addr"));

	if (id != NULL && addr != NULL) {
		dm_info("another master leads", dm_kstr("name", id),
		    dm_kstr("addr", addr));
		set_leader(s, id, addr);
	} else {
		set_leader(s, NULL, NULL);
	}
	json_decref(j);
}

static struct dm_err *
campaign(bool yes, void *arg)
{
	struct server *s = arg;
	struct dm_election *el = atomic_load(&s->election);
	struct dm_err *err = evict_set(s->cfg, !yes);

	if (err != NULL || el == NULL)
		return err;
	if (yes)
		dm_election_campaign(el);
	else
		dm_election_resign(el);
	return NULL;
}

/* What a candidate's key holds. New string. */
static char *
candidate(const char *name, const char *addr)
{
	json_t *j = json_pack("{s:s,s:s}", "id", name, "addr", addr);
	char *text = json_dumps(j, JSON_COMPACT);
	char *value = g_strdup(text);

	free(text);
	json_decref(j);
	return value;
}

static struct dm_err *
depose(const char *name, const char *addr, void *arg)
{
	struct server *s = arg;
	struct dm_election *el = atomic_load(&s->election);
	g_autofree char *value = candidate(name, addr);

	return el == NULL ? dm_err_canceled() : dm_election_depose(el, value);
}

static void
command(struct command_call *calls, size_t n, struct dm_cancel *c, void *arg)
{
	struct server *s = arg;

	session_command(s->sessions, calls, n, c);
}

/* Main waits for a signal. */
static void
fatal(struct dm_err *err, void *arg)
{
	struct server *s = arg;
	bool first;

	dm_mutex_lock(&s->mu);
	first = s->fatal == NULL;
	if (first)
		s->fatal = err;
	dm_mutex_unlock(&s->mu);
	if (first)
		(void)kill(getpid(), SIGTERM);
	else
		dm_err_free(err);
}

static struct dm_err *
available(void *arg)
{
	struct server *s = arg;

	return monitor_check(s->monitor);
}

static struct dm_err *
writable(void *arg)
{
	struct server *s = arg;

	return monitor_check_writes(s->monitor);
}

static struct dm_err *
explain(struct dm_err *err, void *arg)
{
	struct server *s = arg;

	return monitor_explain(s->monitor, err);
}

static bool
guard(struct dm_etcd_txn *t, void *arg)
{
	struct server *s = arg;
	struct dm_election *el;
	bool leads;

	/* The election is not freed under our hands. */
	dm_mutex_lock(&s->mu);
	el = atomic_load(&s->election);
	leads = el != NULL && dm_election_guard(el, t);
	dm_mutex_unlock(&s->mu);
	return leads;
}

/* Not called any more when the election ends. */
static struct dm_err *
confirm(void *arg)
{
	struct server *s = arg;
	struct dm_election *el = atomic_load(&s->election);

	return el == NULL ? dm_err_canceled() : dm_election_confirm(el);
}

/* ---- the scheduler's hands ---- */

static void
lease(const char *worker, uint64_t session, int64_t ttl_ms, void *arg)
{
	struct server *s = arg;

	session_lease(s->sessions, worker, session, ttl_ms);
}

static void
leases_clear(void *arg)
{
	struct server *s = arg;

	session_leases_clear(s->sessions);
}

static void
welcome(uint64_t session, uint64_t cluster_id, void *arg)
{
	struct server *s = arg;

	session_welcome(s->sessions, session, cluster_id);
}

static void
push(uint64_t session, const Dm__V1__Desired *d, void *arg)
{
	struct server *s = arg;

	session_push(s->sessions, session, d);
}

static void
drop(uint64_t session, const char *why, void *arg)
{
	struct server *s = arg;

	session_drop(s->sessions, session, why);
}

/* As in DM: between free and bound. */
static double
stage_value(enum sched_stage stage)
{
	switch (stage) {
	case SCHED_OFFLINE:
		return 0;
	case SCHED_FREE:
		return 1;
	case SCHED_RELAY:
		return 1.5;
	case SCHED_BOUND:
		break;
	}
	return 2;
}

static void
ttl(const char *worker, int64_t ttl_ms, void *arg)
{
	struct server *s = arg;

	session_lease_ttl(s->sessions, worker, ttl_ms);
}

static void
staged(const char *worker, enum sched_stage stage, bool gone, void *arg)
{
	struct server *s = arg;
	const char *labels[] = { worker };

	if (gone)
		dm_metric_remove(s->worker_state, labels);
	else
		dm_metric_set(s->worker_state, labels, stage_value(stage));
}

static void
event_failed(const char *type, void *arg)
{
	struct server *s = arg;

	dm_metric_add(s->event_error, &type, 1);
}

/* ---- start ---- */

static struct dm_err *
connect_etcd(struct server *s)
{
	const struct dm_master_cfg *cfg = s->cfg;
	const char *own[] = { NULL, NULL };
	struct dm_etcd_opts o = {
		.endpoints = own, .tls = s->tls, .timeout_ms = ETCD_MS
	};

	if (s->member != NULL) {
		own[0] = dm_etcd_member_endpoint(s->member);
	} else {
		o.endpoints = (const char *const *)cfg->etcd_endpoints;
		o.user = cfg->etcd_user;
		o.password = cfg->etcd_password;
	}
	return dm_etcd_new(&o, &s->etcd);
}

static struct dm_err *
await_external(struct server *s)
{
	struct dm_mono until = dm_mono_add_ms(dm_mono_now(), READY_MS);
	struct dm_err *err = NULL;

	while (err == NULL) {
		err = dm_etcd_health(s->etcd);
		if (err == NULL)
			return NULL;
		if (dm_mono_diff_ms(until, dm_mono_now()) <= 0) {
			g_autofree char *why = dm_err_message(err);

			dm_err_free(err);
			return dm_err_plain("etcd does not answer: %s", why);
		}
		dm_err_free(err);
		err = dm_cancel_sleep_ms(NULL, READY_STEP_MS);
	}
	return err;
}

static struct dm_err *
load_key(struct server *s)
{
	const char *path = s->cfg->secret_key_path;

	if (path == NULL || *path == '\0')
		return NULL;
	return dm_keys_load(path, &s->keys);
}

static void
make_metrics(struct server *s)
{
	static const char *const worker[] = { "worker", NULL };
	static const char *const type[] = { "type", NULL };

	s->metrics = dm_metrics_new();
	s->worker_state =
	    dm_metric_new(s->metrics, DM_METRIC_GAUGE, "dm_master_worker_state",
		"state of worker, 0: offline, 1: free, "
		"1.5: relay, 2: bound",
		worker);
	s->start_leader = dm_metric_new(s->metrics, DM_METRIC_COUNTER,
	    "dm_master_start_leader_counter",
	    "number of successful start leader components", NULL);
	s->event_error = dm_metric_new(s->metrics, DM_METRIC_COUNTER,
	    "dm_master_worker_event_error", "counts of worker event error",
	    type);
}

static void
adopt_grpc(int fd, const char *peer, void *arg)
{
	dm_rpc_server_adopt(arg, fd, peer);
}

static void
adopt_http(int fd, const char *peer DM_UNUSED, void *arg)
{
	dm_http_server_adopt(arg, fd);
}

static void
on_refused(const char *peer, const char *why, void *arg DM_UNUSED)
{
	dm_warn("a connection was refused", dm_kstr("peer", peer),
	    dm_kstr("reason", why));
}

static bool
has_leader(void *arg)
{
	g_autofree char *name = NULL, *addr = NULL;

	return get_leader(&name, &addr, arg);
}

static struct dm_err *
start_rpc(struct server *s)
{
	size_t request = (size_t)s->cfg->max_request_bytes + RPC_OVERHEAD_BYTES;
	struct dm_rpc_server_opts o = { .max_recv_bytes =
					    MAX(request, DM_RPC_REPORT_BYTES) };

	s->rpc = dm_rpc_server_new(&o);
	s->health = dm_rpc_health_new();
	dm_rpc_health_register(s->health, s->rpc);
	dm_rpc_health_set(s->health, "", true);
	dm_rpc_health_set(s->health, "pb.Master", false);
	dm_rpc_server_add_service(s->rpc, api_service(s->api));
	s->kv = kv_new(s->etcd);
	kv_register(s->kv, s->rpc);
	s->reflection = dm_rpc_reflection_new();
	dm_rpc_reflection_register(s->reflection, s->rpc);
	dm_rpc_server_add_service(s->rpc, api_forwarded_service(s->api));
	s->members = members_api_new(s->cfg, s->etcd);
	dm_rpc_server_add_service(s->rpc, members_api_service(s->members));
	session_mgr_serve(s->sessions, s->rpc);
	return dm_rpc_server_start(s->rpc, NULL, NULL);
}

static struct dm_err *
start_http(struct server *s)
{
	struct dm_http_opts o = { .cors = true,
		.max_body_bytes =
		    (size_t)s->cfg->max_request_bytes + RPC_OVERHEAD_BYTES };

	http_env_init(&s->http_env, s->etcd, s->metrics, has_leader, s);
	s->http = dm_http_server_new(&o);
	http_register(&s->http_env, s->http);
	s->gateway = gateway_new(s->api);
	gateway_register(s->gateway, s->http);
	return dm_http_server_start(s->http);
}

static struct dm_err *
serve(struct server *s)
{
	struct dm_port_handlers h = { .grpc = adopt_grpc,
		.http = adopt_http,
		.tls = s->tls,
		.refused = on_refused };
	struct dm_err *err = start_rpc(s);

	if (err == NULL)
		err = start_http(s);
	if (err != NULL)
		return err;
	h.grpc_arg = s->rpc;
	h.http_arg = s->http;
	return dm_port_open(s->cfg->master_addr, &h, &s->port, NULL);
}

static void
start_election(struct server *s)
{
	static const struct dm_election_ops ops = { on_lead, on_retire,
		on_leader };
	g_autofree char *value =
	    candidate(s->cfg->name, s->cfg->advertise_addr);
	struct dm_election_opts o = { .prefix = ELECTION_PREFIX,
		.value = value,
		.ttl_s = ELECTION_TTL_S,
		.passive = evict_is_set(s->cfg) };

	if (o.passive)
		dm_warn("this dm-master was evicted and does not campaign; "
			"operate-leader cancel-evict lets it");
	atomic_store(&s->election, dm_election_start(s->etcd, &o, &ops, s));
}

static void
start_monitor(struct server *s)
{
	struct monitor_env env = { .cfg = s->cfg,
		.etcd = s->etcd,
		.member = s->member,
		.leader = get_leader,
		.depose = depose,
		.fatal = fatal,
		.arg = s };

	s->monitor = monitor_start(&env);
}

static struct dm_err *
start(struct server *s)
{
	struct session_env me = {
		.confirm = confirm, .event_failed = event_failed, .arg = s
	};
	struct sched_env se = { .guard = guard,
		.available = available,
		.writable = writable,
		.explain = explain,
		.lease = lease,
		.leases_clear = leases_clear,
		.ttl = ttl,
		.welcome = welcome,
		.push = push,
		.drop = drop,
		.staged = staged,
		.fatal = fatal,
		.arg = s };
	struct api_env ae = { .cfg = s->cfg,
		.leader = get_leader,
		.available = available,
		.writable = writable,
		.campaign = campaign,
		.depose = depose,
		.command = command,
		.arg = s };
	struct dm_err *err = connect_etcd(s);

	if (err == NULL && s->member == NULL)
		err = await_external(s);
	if (err == NULL && s->member == NULL)
		err = peers_register(s->cfg, s->etcd);
	if (err != NULL)
		return err;
	start_monitor(s);
	me.etcd = se.etcd = s->etcd;
	me.keys = se.keys = ae.keys = s->keys;
	s->sessions = session_mgr_new(&me);
	s->sched = sched_start(&se);
	session_mgr_attach(s->sessions, s->sched);
	session_mgr_follow_members(s->sessions, s->cfg);
	ae.sched = s->sched;
	ae.etcd = s->etcd;
	s->api = api_new(&ae);
	err = serve(s);
	if (err == NULL)
		start_election(s);
	return err;
}

struct dm_err *
server_start(const struct dm_master_cfg *cfg, struct dm_tls *tls,
    struct dm_etcd_member_proc *member, struct server **server)
{
	struct server *s = g_new0(struct server, 1);
	struct dm_err *err;

	s->cfg = cfg;
	s->tls = tls;
	s->member = member;
	dm_mutex_init(&s->mu, 50);
	make_metrics(s);
	err = load_key(s);
	if (err == NULL)
		err = start(s);
	if (err != NULL) {
		dm_err_free(server_stop(s));
		return err;
	}
	*server = s;
	return NULL;
}

/* Against the order of the start; what calls into a part ends before it. */
struct dm_err *
server_stop(struct server *s)
{
	struct dm_election *el;
	struct dm_err *why;

	if (s == NULL)
		return NULL;
	if (s->sessions != NULL)
		session_mgr_stop(s->sessions);
	el = atomic_load(&s->election);
	if (el != NULL)
		dm_election_resign(el);
	dm_port_close(s->port);
	if (s->health != NULL)
		dm_rpc_health_set(s->health, "", false);
	if (s->gateway != NULL)
		gateway_cancel(s->gateway);
	if (s->http != NULL)
		dm_http_server_stop(s->http);
	if (s->rpc != NULL)
		dm_rpc_server_stop(s->rpc, STOP_GRACE_MS);
	dm_port_free(s->port);
	if (s->api != NULL)
		api_stop(s->api);
	if (s->kv != NULL)
		kv_stop(s->kv);
	if (s->members != NULL)
		members_api_stop(s->members);
	if (s->monitor != NULL)
		monitor_stop(s->monitor);
	dm_mutex_lock(&s->mu);
	el = atomic_exchange(&s->election, NULL);
	dm_mutex_unlock(&s->mu);
	dm_election_stop(el);
	sched_stop(s->sched);
	dm_etcd_free(s->etcd);
	sched_free(s->sched);
	dm_rpc_server_free(s->rpc);
	dm_rpc_health_free(s->health);
	dm_rpc_reflection_free(s->reflection);
	dm_http_server_free(s->http);
	if (s->gateway != NULL)
		http_env_fini(&s->http_env);
	gateway_free(s->gateway);
	kv_free(s->kv);
	api_free(s->api);
	members_api_free(s->members);
	monitor_free(s->monitor);
	session_mgr_free(s->sessions);
	dm_metrics_free(s->metrics);
	dm_keys_free(s->keys);
	dm_mutex_fini(&s->mu);
	g_free(s->leader_name);
	g_free(s->leader_addr);
	why = s->fatal;
	g_free(s);
	return why;
}
