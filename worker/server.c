/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's public port: see server.h. */
#include "worker/server.h"

#include "lib/config/daemon.h"
#include "lib/http/server.h"
#include "lib/log/log.h"
#include "lib/metrics/metrics.h"
#include "lib/net/port.h"
#include "lib/rpc/health.h"
#include "lib/rpc/reflection.h"
#include "worker/metrics.h"

#include <stdatomic.h>

#define STOP_GRACE_MS 500

struct server {
	struct dm_rpc_server *rpc;
	struct dm_rpc_health *health;
	struct dm_rpc_reflection *reflection;
	struct dm_http_server *http;
	struct dm_port *port;
	struct worker_metrics *metrics;
	struct holder *holder;
	_Atomic(struct agent *) agent; /* NULL until the session is begun */
};

static void
on_status(const struct dm_http_req *req DM_UNUSED, struct dm_http_resp *resp,
    void *arg DM_UNUSED)
{
	g_string_append(resp->body, dm_version_text());
}

static void
on_healthz(const struct dm_http_req *req DM_UNUSED, struct dm_http_resp *resp,
    void *arg DM_UNUSED)
{
	g_string_append(resp->body, "ok\n");
}

static void
on_readyz(const struct dm_http_req *req DM_UNUSED, struct dm_http_resp *resp,
    void *arg)
{
	struct server *s = arg;
	struct agent *agent = atomic_load(&s->agent);

	if (agent != NULL && agent_has_lease(agent)) {
		g_string_append(resp->body, "ok\n");
		return;
	}
	resp->status = 503;
	g_string_append(resp->body, "no lease: no master has answered\n");
}

static void
on_metrics(const struct dm_http_req *req DM_UNUSED, struct dm_http_resp *resp,
    void *arg)
{
	struct server *s = arg;
	g_autofree char *text = worker_metrics_text(s->metrics, s->holder);

	resp->content_type = DM_METRICS_CONTENT_TYPE;
	g_string_append(resp->body, text);
}

static void
give_grpc(int fd, const char *peer, void *arg)
{
	dm_rpc_server_adopt(arg, fd, peer);
}

static void
give_http(int fd, const char *peer DM_UNUSED, void *arg)
{
	dm_http_server_adopt(arg, fd);
}

static void
on_refused(const char *peer, const char *why, void *arg DM_UNUSED)
{
	dm_warn("a connection was refused", dm_kstr("peer", peer),
	    dm_kstr("reason", why));
}

static void
build(struct server *s)
{
	s->rpc = dm_rpc_server_new(&(struct dm_rpc_server_opts){ 0 });
	s->health = dm_rpc_health_new();
	dm_rpc_health_register(s->health, s->rpc);
	dm_rpc_health_set(s->health, "", true);
	s->reflection = dm_rpc_reflection_new();
	dm_rpc_reflection_register(s->reflection, s->rpc);
	s->http = dm_http_server_new(&(struct dm_http_opts){ 0 });
	dm_http_server_route(s->http, NULL, "/status", on_status, s);
	dm_http_server_route(s->http, "GET", "/health", on_healthz, s);
	dm_http_server_route(s->http, "GET", "/healthz", on_healthz, s);
	dm_http_server_route(s->http, "GET", "/readyz", on_readyz, s);
	dm_http_server_route(s->http, "GET", "/metrics", on_metrics, s);
}

struct dm_err *
server_start(const struct server_opts *o, struct server **out)
{
	struct server *s = g_new0(struct server, 1);
	struct dm_port_handlers h = { .grpc = give_grpc,
		.http = give_http,
		.tls = o->tls,
		.refused = on_refused };
	struct dm_err *err;
	int bound;

	s->holder = o->holder;
	s->metrics = worker_metrics_new(o->worker);
	build(s);
	h.grpc_arg = s->rpc;
	h.http_arg = s->http;
	err = dm_rpc_server_start(s->rpc, NULL, NULL);
	if (err == NULL)
		err = dm_http_server_start(s->http);
	if (err == NULL)
		err = dm_port_open(o->addr, &h, &s->port, &bound);
	if (err != NULL) {
		server_stop(s);
		return dm_err_wrap(err, WORKER_START_SERVICE);
	}
	*out = s;
	return NULL;
}

void
server_set_agent(struct server *s, struct agent *agent)
{
	atomic_store(&s->agent, agent);
}

void
server_stop(struct server *s)
{
	if (s == NULL)
		return;
	dm_port_close(s->port);
	dm_http_server_free(s->http);
	dm_rpc_health_set(s->health, "", false);
	dm_rpc_server_stop(s->rpc, STOP_GRACE_MS);
	dm_port_free(s->port);
	dm_rpc_server_free(s->rpc);
	dm_rpc_health_free(s->health);
	dm_rpc_reflection_free(s->reflection);
	worker_metrics_free(s->metrics);
	g_free(s);
}
