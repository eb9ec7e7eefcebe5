/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health service: see health.h. Check is a unary call, Watch a stream whose
 * client sends one request and closes its side.
 *
 * DESIGN: states and watchers are under one mutex. It is held while a state is
 * queued to the watchers (which does not wait), so that each of them gets the
 * changes in their order.
 */
#include "lib/rpc/health.h"

#include "health.pb-c.h"
#include "lib/rpc/internal.h"

#include <string.h>

#define SERVING(x) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##x

typedef Grpc__Health__V1__HealthCheckRequest request;
typedef Grpc__Health__V1__HealthCheckResponse response;
typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus serving_status;

struct dm_rpc_health {
	Grpc__Health__V1__Health_Service
	    svc;              /* first: handlers get its address */
	struct dm_mutex mu;   /* rank HEALTH; guards the fields below */
	GHashTable *serving;  /* service -> serving_status */
	GHashTable *watchers; /* set of struct watcher * */
};

struct watcher {
	struct dm_rpc_health *health;
	struct dm_rpc_stream *stream; /* borrowed until its on_close */
	char *service;                /* NULL before the request */
	serving_status told;
};

/* UNKNOWN when the service is not known. */
static serving_status
status_locked(struct dm_rpc_health *h, const char *service)
{
	dm_mutex_assert_held(&h->mu);
	return GPOINTER_TO_UINT(g_hash_table_lookup(h->serving, service));
}

/* ---- Check ---- */

static void
health__check(Grpc__Health__V1__Health_Service *svc, const request *in,
    Grpc__Health__V1__HealthCheckResponse_Closure closure, void *closure_data)
{
	struct dm_rpc_health *h = (struct dm_rpc_health *)(void *)svc;
	response out = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

	dm_mutex_lock(&h->mu);
	out.status = status_locked(h, in->service);
	dm_mutex_unlock(&h->mu);
	if (out.status == SERVING(UNKNOWN))
		dm_rpc_fail(closure_data, DM_RPC_NOT_FOUND, "unknown service");
	else
		closure(&out, closure_data);
}

/* ---- Watch ---- */

static void
tell_locked(struct watcher *w)
{
	response out = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

	out.status = status_locked(w->health, w->service);
	if (out.status == SERVING(UNKNOWN))
		out.status = SERVING(SERVICE_UNKNOWN);
	if (out.status == w->told)
		return;
	w->told = out.status;
	/* A stream that is over takes nothing; its on_close is on its way. */
	(void)dm_rpc_stream_send(w->stream, &out.base);
}

static void *
watch_open(struct dm_rpc_stream *st, const char *peer, void *arg)
{
	struct watcher *w = g_new0(struct watcher, 1);

	(void)peer;
	w->health = arg;
	w->stream = st;
	return w;
}

static void
watch_message(struct dm_rpc_stream *st, const ProtobufCMessage *msg, void *ctx)
{
	const request *in = (const void *)msg;
	struct watcher *w = ctx;

	if (w->service != NULL) {
		dm_rpc_stream_finish(
		    st, DM_RPC_INVALID_ARGUMENT, "one request only");
		return;
	}
	dm_mutex_lock(&w->health->mu);
	w->service = g_strdup(in->service);
	g_hash_table_add(w->health->watchers, w);
	tell_locked(w);
	dm_mutex_unlock(&w->health->mu);
}

static void
watch_half_close(struct dm_rpc_stream *st, void *ctx)
{
	const struct watcher *w = ctx;

	if (w->service == NULL)
		dm_rpc_stream_finish(
		    st, DM_RPC_INVALID_ARGUMENT, "no request message");
}

static void
watch_close(struct dm_rpc_stream *st, enum dm_rpc_status status,
    const char *text, void *ctx)
{
	struct watcher *w = ctx;

	(void)st;
	(void)status;
	(void)text;
	dm_mutex_lock(&w->health->mu);
	g_hash_table_remove(w->health->watchers, w);
	dm_mutex_unlock(&w->health->mu);
	g_free(w->service);
	g_free(w);
}

static const struct dm_rpc_stream_ops watch_ops = {
	.on_open = watch_open,
	.on_message = watch_message,
	.on_half_close = watch_half_close,
	.on_close = watch_close,
};

/* ---- */

struct dm_rpc_health *
dm_rpc_health_new(void)
{
	struct dm_rpc_health *h = g_new0(struct dm_rpc_health, 1);

	h->svc = (Grpc__Health__V1__Health_Service){
		.base = { .descriptor = &grpc__health__v1__health__descriptor,
		    .invoke = protobuf_c_service_invoke_internal },
		.check = health__check,
	};
	dm_mutex_init(&h->mu, DM_RPC_RANK_HEALTH);
	h->serving =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	h->watchers = g_hash_table_new(NULL, NULL);
	return h;
}

void
dm_rpc_health_free(struct dm_rpc_health *h)
{
	if (h == NULL)
		return;
	dm_assert(g_hash_table_size(h->watchers) == 0);
	g_hash_table_destroy(h->watchers);
	g_hash_table_destroy(h->serving);
	dm_mutex_fini(&h->mu);
	g_free(h);
}

void
dm_rpc_health_register(struct dm_rpc_health *h, struct dm_rpc_server *s)
{
	dm_rpc_server_add_stream(
	    s, h->svc.base.descriptor, "Watch", &watch_ops, h);
	dm_rpc_server_add_service(s, &h->svc.base);
}

void
dm_rpc_health_set(struct dm_rpc_health *h, const char *service, bool serving)
{
	serving_status status =
	    serving ? SERVING(SERVING) : SERVING(NOT_SERVING);
	GHashTableIter it;
	gpointer w;

	dm_mutex_lock(&h->mu);
	g_hash_table_replace(
	    h->serving, g_strdup(service), GUINT_TO_POINTER(status));
	g_hash_table_iter_init(&it, h->watchers);
	while (g_hash_table_iter_next(&it, &w, NULL))
		tell_locked(w);
	dm_mutex_unlock(&h->mu);
}
