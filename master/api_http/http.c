/* SPDX-License-Identifier: Apache-2.0 */
/* Plain HTTP of dm-master. Each request has a thread; handlers may block. */
#include "master/api_http/http.h"

#include "lib/base/version.h"
#include "lib/text/pbjson.h"

#define JSON "application/json"

static void
get_status(const struct dm_http_req *req, struct dm_http_resp *resp, void *arg)
{
	(void)req;
	(void)arg;
	g_string_assign(resp->body, dm_version_text());
}

static void
get_metrics(const struct dm_http_req *req, struct dm_http_resp *resp, void *arg)
{
	struct http_env *env = arg;
	g_autofree char *text = NULL;

	(void)req;
	dm_mutex_lock(&env->mu);
	dm_metric_set(env->cpu, NULL, dm_cpu_percent(&env->used));
	dm_mutex_unlock(&env->mu);
	text = dm_metrics_text(env->metrics);
	resp->content_type = DM_METRICS_CONTENT_TYPE;
	g_string_assign(resp->body, text);
}

/* {"health":"true","reason":""}: what probes and DM's tools read. */
static void
get_health(const struct dm_http_req *req, struct dm_http_resp *resp, void *arg)
{
	const struct http_env *env = arg;
	DM_AUTO(dm_err) err = dm_etcd_health(env->etcd);
	g_autofree char *reason = err == NULL ? NULL : dm_err_message(err);

	(void)req;
	resp->status = err == NULL ? 200 : 503;
	resp->content_type = JSON;
	g_string_append_printf(resp->body,
	    "{\"health\":\"%s\",\"reason\":", err == NULL ? "true" : "false");
	dm_json_append_string(resp->body, reason == NULL ? "" : reason);
	g_string_append_c(resp->body, '}');
}

static void
get_healthz(const struct dm_http_req *req, struct dm_http_resp *resp, void *arg)
{
	(void)req;
	(void)arg;
	g_string_assign(resp->body, "ok\n");
}

static void
get_readyz(const struct dm_http_req *req, struct dm_http_resp *resp, void *arg)
{
	const struct http_env *env = arg;
	DM_AUTO(dm_err) err = dm_etcd_health(env->etcd);
	g_autofree char *why = err == NULL ? NULL : dm_err_message(err);

	(void)req;
	if (err != NULL) {
		resp->status = 503;
		g_string_printf(resp->body, "etcd: %s\n", why);
	} else if (!env->has_leader(env->arg)) {
		resp->status = 503;
		g_string_assign(resp->body, "no leader\n");
	} else {
		g_string_assign(resp->body, "ok\n");
	}
}

/* What is asked for here are the versions of etcd: DM's port is also etcd's. */
static void
get_version(const struct dm_http_req *req, struct dm_http_resp *resp, void *arg)
{
	const struct http_env *env = arg;
	g_autofree char *server = NULL, *cluster = NULL;
	DM_AUTO(dm_err) err = dm_etcd_version(env->etcd, &server, &cluster);
	g_autofree char *why = err == NULL ? NULL : dm_err_message(err);

	(void)req;
	if (err != NULL) {
		resp->status = 503;
		g_string_printf(resp->body, "%s\n", why);
		return;
	}
	resp->content_type = JSON;
	g_string_assign(resp->body, "{\"etcdserver\":");
	dm_json_append_string(resp->body, server);
	g_string_append(resp->body, ",\"etcdcluster\":");
	dm_json_append_string(resp->body, cluster);
	g_string_append_c(resp->body, '}');
}

void
http_env_init(struct http_env *env, struct dm_etcd *etcd,
    struct dm_metrics *metrics, bool (*has_leader)(void *arg), void *arg)
{
	*env = (struct http_env){ .etcd = etcd,
		.metrics = metrics,
		.has_leader = has_leader,
		.arg = arg };
	env->cpu = dm_metric_new(metrics, DM_METRIC_GAUGE,
	    "dm_master_cpu_usage", "the cpu usage of master", NULL);
	dm_cpu_init(&env->used);
	dm_mutex_init(&env->mu, 60);
}

void
http_env_fini(struct http_env *env)
{
	dm_mutex_fini(&env->mu);
}

void
http_register(struct http_env *env, struct dm_http_server *server)
{
	static const struct {
		const char *method, *path;
		dm_http_fn *fn;
	} routes[] = {
		{ NULL, "/status", get_status },
		{ "GET", "/metrics", get_metrics },
		{ "GET", "/health", get_health },
		{ "GET", "/healthz", get_healthz },
		{ "GET", "/readyz", get_readyz },
		{ "GET", "/version", get_version },
	};

	for (size_t i = 0; i < DM_ARRAY_SIZE(routes); i++)
		dm_http_server_route(server, routes[i].method, routes[i].path,
		    routes[i].fn, env);
}
