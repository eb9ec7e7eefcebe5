/* SPDX-License-Identifier: Apache-2.0 */
/* Plain HTTP of dm-master. */
#include "master/api_http/http.h"

#include "lib/base/version.h"
#include "lib/text/pbjson.h"

#include <string.h>

#define TEXT "text/plain; charset=utf-8"
#define JSON "application/json"

static struct http_answer
text(unsigned status, const char *body)
{
	return (struct http_answer){ status, TEXT, g_strdup(body) };
}

/* {"health":"true","reason":""}: what probes and list-member of DM's tools
 * read. */
static struct http_answer
health(const struct http_env *env)
{
	DM_AUTO(dm_err) err = dm_etcd_health(env->etcd);
	g_autofree char *reason = err == NULL ? NULL : dm_err_message(err);
	GString *s = g_string_new(NULL);

	g_string_append_printf(s, "{\"health\":\"%s\",\"reason\":",
	    err == NULL ? "true" : "false");
	dm_json_append_string(s, reason == NULL ? "" : reason);
	g_string_append_c(s, '}');
	return (struct http_answer){ err == NULL ? 200 : 503, JSON,
		g_string_free(s, FALSE) };
}

static struct http_answer
ready(const struct http_env *env)
{
	DM_AUTO(dm_err) err = dm_etcd_health(env->etcd);
	g_autofree char *why = NULL, *body = NULL;

	if (err != NULL) {
		why = dm_err_message(err);
		body = g_strdup_printf("etcd: %s\n", why);
		return text(503, body);
	}
	if (!env->has_leader(env->arg))
		return text(503, "no leader\n");
	return text(200, "ok\n");
}

static struct http_answer
version(void)
{
	return (struct http_answer){ 200, JSON,
		g_strdup_printf("{\"dm-master\":\"%s\"}",
		    dm_version_release()) };
}

struct http_answer
http_answer(const struct http_env *env, const char *method, const char *path)
{
	if (strcmp(method, "OPTIONS") == 0)
		return text(200, "");
	if (strcmp(path, "/status") == 0)
		return text(200, dm_version_text());
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return text(405, "method not allowed\n");
	if (strcmp(path, "/metrics") == 0)
		return (struct http_answer){ 200, DM_METRICS_CONTENT_TYPE,
			dm_metrics_text(env->metrics) };
	if (strcmp(path, "/health") == 0)
		return health(env);
	if (strcmp(path, "/healthz") == 0)
		return text(200, "ok\n");
	if (strcmp(path, "/readyz") == 0)
		return ready(env);
	if (strcmp(path, "/version") == 0)
		return version();
	return text(404, "404 page not found\n");
}
