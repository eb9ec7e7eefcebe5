/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a dm-master, put together.
 *
 * THREADS: main (signals); port (accepts, tells gRPC from HTTP); gRPC's (unary
 * requests in, streams); HTTP's; api pools (requests that block); scheduler
 * (cluster state); election; etcd's client (all transfers).
 */
#include "master/server.h"

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
#include "master/session/session.h"

#include <jansson.h>
#include <stdatomic.h>
#include <string.h>

#define ELECTION_PREFIX    "/dm-master/leader/"
#define ELECTION_TTL_S     60
#define READY_MS           10000
#define READY_STEP_MS      200
#define STOP_GRACE_MS      1000
#define RPC_OVERHEAD_BYTES (512 * 1024)

struct server {
	const struct dm_master_cfg *cfg;
	struct dm_etcd *etcd;
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

	struct dm_mutex mu;              /* rank 50; guards who leads */
	char *leader_name, *leader_addr; /* NULL: nobody known */
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

static void
campaign(bool yes, void *arg)
{
	struct server *s = arg;
	struct dm_election *el = atomic_load(&s->election);

	if (el == NULL)
		return;
	if (yes)
		dm_election_campaign(el);
	else
		dm_election_resign(el);
}

static bool
guard(struct dm_etcd_txn *t, void *arg)
{
	struct server *s = arg;
	struct dm_election *el = atomic_load(&s->election);

	return el != NULL && dm_election_guard(el, t);
}

/* ---- the scheduler's hands ---- */

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

static void
staged(const char *worker, enum sched_stage stage, bool gone, void *arg)
{
	struct server *s = arg;
	const char *labels[] = { worker };

	if (gone)
		dm_metric_remove(s->worker_state, labels);
	else
		dm_metric_set(s->worker_state, labels, (double)stage);
}

static void
event_failed(const char *type, void *arg)
{
	struct server *s = arg;

	dm_metric_add(s->event_error, &type, 1);
}

/* ---- start ---- */

static struct dm_err *
connect_etcd(struct server *s, const char *const *endpoints)
{
	const struct dm_master_cfg *cfg = s->cfg;
	bool external = strcmp(cfg->etcd_mode, "external") == 0;
	struct dm_etcd_opts o = { .endpoints = endpoints };
	struct dm_mono until = dm_mono_add_ms(dm_mono_now(), READY_MS);
	struct dm_err *err;

	if (external && cfg->etcd_user != NULL && *cfg->etcd_user != '\0') {
		o.user = cfg->etcd_user;
		o.password = cfg->etcd_password;
	}
	err = dm_etcd_new(&o, &s->etcd);
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
adopt_grpc(int fd, void *arg)
{
	dm_rpc_server_adopt(arg, fd);
}

static void
adopt_http(int fd, void *arg)
{
	dm_http_server_adopt(arg, fd);
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
	struct dm_rpc_server_opts o = { .max_recv_bytes =
					    (size_t)s->cfg->max_request_bytes +
					    RPC_OVERHEAD_BYTES };

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
	struct dm_port_handlers h = { .grpc = adopt_grpc, .http = adopt_http };
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
	struct dm_election_opts o = { .prefix = ELECTION_PREFIX,
		.ttl_s = ELECTION_TTL_S };
	json_t *j = json_pack(
	    "{s:s,s:s}", "id", s->cfg->name, "addr", s->cfg->advertise_addr);
	char *value = json_dumps(j, JSON_COMPACT);

	o.value = value;
	atomic_store(&s->election, dm_election_start(s->etcd, &o, &ops, s));
	free(value);
	json_decref(j);
}

struct dm_err *
server_start(const struct dm_master_cfg *cfg, const char *const *endpoints,
    struct server **server)
{
	struct server *s = g_new0(struct server, 1);
	struct sched_env se = { .guard = guard,
		.welcome = welcome,
		.push = push,
		.drop = drop,
		.staged = staged,
		.event_failed = event_failed,
		.arg = s };
	struct api_env ae = {
		.cfg = cfg, .leader = get_leader, .campaign = campaign, .arg = s
	};
	struct dm_err *err;

	s->cfg = cfg;
	dm_mutex_init(&s->mu, 50);
	make_metrics(s);
	err = connect_etcd(s, endpoints);
	if (err != NULL) {
		server_stop(s);
		return err;
	}
	s->sessions = session_mgr_new(s->etcd);
	se.etcd = s->etcd;
	s->sched = sched_start(&se);
	session_mgr_attach(s->sessions, s->sched);
	/* The members of an etcd of the user's are no masters. */
	if (strcmp(cfg->etcd_mode, "external") != 0)
		session_mgr_follow_members(s->sessions);
	ae.sched = s->sched;
	ae.etcd = s->etcd;
	s->api = api_new(&ae);
	err = serve(s);
	if (err != NULL) {
		server_stop(s);
		return err;
	}
	start_election(s);
	*server = s;
	return NULL;
}

/* Against the order of the start; what calls into a part ends before it. */
void
server_stop(struct server *s)
{
	if (s == NULL)
		return;
	dm_port_free(s->port);
	if (s->health != NULL)
		dm_rpc_health_set(s->health, "", false);
	if (s->gateway != NULL)
		gateway_cancel(s->gateway);
	if (s->http != NULL)
		dm_http_server_stop(s->http);
	if (s->sessions != NULL)
		session_mgr_stop(s->sessions);
	dm_election_stop(atomic_exchange(&s->election, NULL));
	if (s->rpc != NULL)
		dm_rpc_server_stop(s->rpc, STOP_GRACE_MS);
	if (s->api != NULL)
		api_stop(s->api);
	if (s->kv != NULL)
		kv_stop(s->kv);
	sched_stop(s->sched);
	dm_etcd_free(s->etcd);
	dm_rpc_server_free(s->rpc);
	dm_rpc_health_free(s->health);
	dm_rpc_reflection_free(s->reflection);
	dm_http_server_free(s->http);
	if (s->gateway != NULL)
		http_env_fini(&s->http_env);
	gateway_free(s->gateway);
	kv_free(s->kv);
	api_free(s->api);
	session_mgr_free(s->sessions);
	dm_metrics_free(s->metrics);
	dm_mutex_fini(&s->mu);
	g_free(s->leader_name);
	g_free(s->leader_addr);
	g_free(s);
}
