/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gRPC server: accepts calls and hands them to call.c and stream.c.
 *
 * DESIGN: all methods are unknown to gRPC core and come through
 * grpc_server_request_call, a few requests outstanding at any time; one table
 * maps their path to service and method. Its threads share one completion
 * queue. They stop when it is shut down, which happens after the last call and
 * connection are gone.
 */
#include "lib/base/clock.h"
#include "lib/rpc/internal.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEFAULT_THREADS      2
#define DEFAULT_RECV_BYTES   ((size_t)(4096 + 512) << 10)
#define DEFAULT_KEEPALIVE_MS 10000
#define REQUESTS_PER_THREAD  4
/* For all that gRPC core has read and not yet handed over. It reads a whole
 * message before it compares its length with the limit; beyond this it ends
 * calls with RESOURCE_EXHAUSTED instead. */
#define MAX_BUFFERED ((size_t)256 << 20)
/* Of one connection at a time; more wait at the client. */
#define MAX_STREAMS 1024
/* Clients ping every 10 s; a shorter interval is none of ours. */
#define MIN_PING_INTERVAL_MS 1000

struct method {
	ProtobufCService *svc; /* unary; borrowed */
	unsigned index;
	const ProtobufCMethodDescriptor *desc; /* stream: the rest */
	struct dm_rpc_stream_ops ops;
	void *arg;
};

/* Paths that are answered with an error, but for the methods that are known. */
struct refusal {
	const char *prefix, *text; /* borrowed */
	enum dm_rpc_status status;
};

/* One grpc_server_request_call. */
struct request {
	struct dm_rpc_tag tag;
	struct dm_rpc_server *server;
	grpc_call *call;
	grpc_call_details details;
	grpc_metadata_array metadata;
};

struct dm_rpc_server {
	struct dm_rpc_server_opts opts;
	/* Both const once started. */
	GHashTable *methods; /* path -> struct method */
	GArray *refusals;    /* of struct refusal */
	grpc_completion_queue *cq;
	grpc_server *core; /* NULL before the start */
	grpc_server_credentials *creds;
	pthread_t *threads;
	struct request *requests;
	size_t n_requests;
	struct dm_rpc_tag down_tag;

	struct dm_mutex mu; /* rank OWNER; guards the fields below */
	pthread_cond_t changed;
	bool running;      /* adopts connections */
	bool down;         /* the last call and connection are gone */
	unsigned adopting; /* calls of dm_rpc_server_adopt in progress */
	/* gRPC knows an adopted connection as "fd:7" only: the addresses, by
	 * that name. A number's next use replaces its entry. */
	GHashTable *peers;
};

struct dm_rpc_server *
dm_rpc_server_new(const struct dm_rpc_server_opts *o)
{
	struct dm_rpc_server *s = g_new0(struct dm_rpc_server, 1);

	if (o != NULL)
		s->opts = *o;
	if (s->opts.threads == 0)
		s->opts.threads = DEFAULT_THREADS;
	if (s->opts.max_recv_bytes == 0)
		s->opts.max_recv_bytes = DEFAULT_RECV_BYTES;
	if (s->opts.keepalive_ms == 0)
		s->opts.keepalive_ms = DEFAULT_KEEPALIVE_MS;
	s->methods =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	s->refusals = g_array_new(FALSE, FALSE, sizeof(struct refusal));
	s->peers =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	dm_mutex_init(&s->mu, DM_RPC_RANK_OWNER);
	dm_cond_init(&s->changed);
	return s;
}

void
dm_rpc_server_add_service(struct dm_rpc_server *s, ProtobufCService *svc)
{
	const ProtobufCServiceDescriptor *d = svc->descriptor;
	struct method *m;
	char *path;

	dm_assert(s->core == NULL);
	for (unsigned i = 0; i < d->n_methods; i++) {
		path = dm_rpc_path(d, d->methods[i].name);
		if (g_hash_table_contains(s->methods, path)) {
			g_free(path); /* given as a stream */
			continue;
		}
		m = g_new0(struct method, 1);
		m->svc = svc;
		m->index = i;
		m->desc = &d->methods[i];
		g_hash_table_insert(s->methods, path, m);
	}
}

void
dm_rpc_server_add_stream(struct dm_rpc_server *s,
    const ProtobufCServiceDescriptor *svc, const char *method,
    const struct dm_rpc_stream_ops *ops, void *arg)
{
	struct method *m = g_new0(struct method, 1);

	dm_assert(s->core == NULL && ops->on_message != NULL);
	m->desc = dm_rpc_method(svc, method);
	m->ops = *ops;
	m->arg = arg;
	g_hash_table_insert(s->methods, dm_rpc_path(svc, method), m);
}

void
dm_rpc_server_refuse(struct dm_rpc_server *s, const char *prefix,
    enum dm_rpc_status status, const char *text)
{
	struct refusal r = { prefix, text, status };

	dm_assert(s->core == NULL && prefix[0] == '/');
	g_array_append_val(s->refusals, r);
}

static gint
by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
dm_rpc_server_services(const struct dm_rpc_server *s)
{
	g_autoptr(GHashTable) names =
	    g_hash_table_new_full(g_str_hash, g_str_equal, NULL, NULL);
	GPtrArray *out = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter it;
	gpointer path;

	g_hash_table_iter_init(&it, s->methods);
	while (g_hash_table_iter_next(&it, &path, NULL)) {
		const char *name = (const char *)path + 1;
		char *service =
		    g_strndup(name, (size_t)(strchr(name, '/') - name));

		if (g_hash_table_contains(names, service)) {
			g_free(service);
			continue;
		}
		g_hash_table_add(names, service);
		g_ptr_array_add(out, service);
	}
	g_ptr_array_sort(out, by_text);
	return out;
}

/* ---- calls ---- */

/* New string. */
static char *
peer_of(struct dm_rpc_server *s, grpc_call *call)
{
	char *name = grpc_call_get_peer(call);
	const char *known;
	char *peer;

	dm_mutex_lock(&s->mu);
	known = g_hash_table_lookup(s->peers, name);
	peer = g_strdup(known != NULL ? known : name);
	dm_mutex_unlock(&s->mu);
	gpr_free(name);
	return peer;
}

/* Takes call, whose path nobody registered. Texts as Go's servers have them. */
static void
refuse(const struct dm_rpc_server *s, grpc_call *call, const char *path)
{
	const char *slash = strrchr(path, '/');
	g_autofree char *text = NULL;
	g_autofree char *service = NULL;

	for (guint i = 0; i < s->refusals->len; i++) {
		const struct refusal *r =
		    &g_array_index(s->refusals, struct refusal, i);

		if (g_str_has_prefix(path, r->prefix)) {
			dm_rpc_call_refuse(call, r->status, r->text);
			return;
		}
	}
	if (path[0] != '/' || slash == path) {
		text = g_strdup_printf("malformed method name: \"%s\"", path);
	} else {
		service = g_strndup(path + 1, (size_t)(slash - path - 1));
		text = g_strdup_printf(
		    "unknown method %s for service %s", slash + 1, service);
	}
	dm_rpc_call_refuse(call, DM_RPC_UNIMPLEMENTED, text);
}

/* Takes a->call. */
static void
dispatch(
    struct dm_rpc_server *s, const struct dm_rpc_accepted *a, const char *path)
{
	const struct method *m = g_hash_table_lookup(s->methods, path);
	g_autofree char *text = NULL;

	if (m == NULL) {
		refuse(s, a->call, path);
	} else if (m->svc != NULL) {
		dm_rpc_call_serve(a, m->svc, m->index);
	} else {
		text = peer_of(s, a->call);
		dm_rpc_stream_serve(a->call, m->desc, &m->ops, text, m->arg);
	}
}

static void
request_next(struct request *r)
{
	struct dm_rpc_server *s = r->server;

	r->call = NULL;
	grpc_call_details_init(&r->details);
	grpc_metadata_array_init(&r->metadata);
	atomic_store(&r->tag.started, true);
	dm_assert(grpc_server_request_call(s->core, &r->call, &r->details,
		      &r->metadata, s->cq, s->cq, &r->tag) == GRPC_CALL_OK);
}

static void
on_request(struct dm_rpc_tag *tag, bool ok)
{
	struct request *r = dm_rpc_owner_of(tag, struct request, tag);
	struct dm_rpc_accepted a = { .call = r->call,
		.deadline = r->details.deadline };
	char *path = NULL;

	if (ok)
		path = grpc_slice_to_c_string(r->details.method);
	grpc_call_details_destroy(&r->details);
	grpc_metadata_array_destroy(&r->metadata);
	if (!ok)
		return; /* the server is stopping */
	request_next(r);
	dispatch(r->server, &a, path);
	gpr_free(path);
}

/* ---- start ---- */

#define INT_ARG(k, v)                                                          \
	{                                                                      \
		.type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)(k),       \
		.value.integer = (int)(v)                                      \
	}

static grpc_server *
core_new(const struct dm_rpc_server_opts *o)
{
	grpc_resource_quota *quota = grpc_resource_quota_create("rpc-server");
	grpc_arg args[] = {
		INT_ARG(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
		    MIN(o->max_recv_bytes, INT32_MAX)),
		INT_ARG(GRPC_ARG_KEEPALIVE_TIME_MS, o->keepalive_ms),
		INT_ARG(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, o->keepalive_ms),
		INT_ARG(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
		INT_ARG(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
		    MIN_PING_INTERVAL_MS),
		INT_ARG(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0),
		INT_ARG(GRPC_ARG_ALLOW_REUSEPORT, 0),
		INT_ARG(GRPC_ARG_MAX_CONCURRENT_STREAMS, MAX_STREAMS),
		/* A few compressed bytes must not become a large message. */
		INT_ARG(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
		    1 << GRPC_COMPRESS_NONE),
		{ .type = GRPC_ARG_POINTER,
		    .key = (char *)(uintptr_t)GRPC_ARG_RESOURCE_QUOTA,
		    .value.pointer = { quota,
			grpc_resource_quota_arg_vtable() } },
	};
	grpc_channel_args all = { .num_args = G_N_ELEMENTS(args),
		.args = args };
	grpc_server *core;

	grpc_resource_quota_resize(
	    quota, MAX(MAX_BUFFERED, 2 * o->max_recv_bytes));
	core = grpc_server_create(&all, NULL);
	grpc_resource_quota_unref(quota);
	return core;
}

static void
start_threads(struct dm_rpc_server *s)
{
	size_t n = (size_t)s->opts.threads;

	s->threads = g_new0(pthread_t, n);
	for (size_t i = 0; i < n; i++)
		s->threads[i] =
		    dm_thread_start("rpc-server", dm_rpc_loop, s->cq);
	s->n_requests = n * REQUESTS_PER_THREAD;
	s->requests = g_new0(struct request, s->n_requests);
	for (size_t i = 0; i < s->n_requests; i++) {
		s->requests[i].tag.fn = on_request;
		s->requests[i].server = s;
		request_next(&s->requests[i]);
	}
}

static void on_down(struct dm_rpc_tag *tag, bool ok);

struct dm_err *
dm_rpc_server_start(struct dm_rpc_server *s, const char *addr, int *port)
{
	int bound = 0;

	dm_assert(s->core == NULL);
	s->core = core_new(&s->opts);
	s->creds = grpc_insecure_server_credentials_create();
	s->cq = grpc_completion_queue_create_for_next(NULL);
	s->down_tag.fn = on_down;
	grpc_server_register_completion_queue(s->core, s->cq, NULL);
	if (addr != NULL)
		bound = grpc_server_add_http2_port(s->core, addr, s->creds);
	grpc_server_start(s->core);
	start_threads(s);
	dm_mutex_lock(&s->mu);
	s->running = true;
	dm_mutex_unlock(&s->mu);
	if (addr != NULL && bound == 0) {
		dm_rpc_server_stop(s, 0);
		return dm_err_plain("cannot listen on %s", addr);
	}
	if (port != NULL)
		*port = bound;
	return NULL;
}

/* ---- adopted connections ---- */

/* As gRPC core names the peers of its own connections. New string. */
static char *
socket_peer(int fd)
{
	struct sockaddr_storage ss = { 0 };
	const struct sockaddr_in6 *in6 = (const void *)&ss;
	const struct sockaddr_in *in = (const void *)&ss;
	char text[INET6_ADDRSTRLEN] = "";
	socklen_t len = sizeof(ss);

	if (getpeername(fd, (struct sockaddr *)&ss, &len) != 0)
		return g_strdup("unknown");
	if (ss.ss_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		return g_strdup_printf("ipv4:%s:%d", text, ntohs(in->sin_port));
	}
	if (ss.ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
		return g_strdup_printf(
		    "ipv6:[%s]:%d", text, ntohs(in6->sin6_port));
	}
	return g_strdup("unix:");
}

static bool
set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

void
dm_rpc_server_adopt(struct dm_rpc_server *s, int fd)
{
	char *name = g_strdup_printf("fd:%d", fd);
	char *peer = socket_peer(fd);
	bool taken;

	dm_mutex_lock(&s->mu);
	taken = s->running && set_nonblocking(fd);
	if (taken) {
		s->adopting++;
		g_hash_table_replace(s->peers, DM_TAKE(name), DM_TAKE(peer));
	}
	dm_mutex_unlock(&s->mu);
	g_free(name);
	g_free(peer);
	if (!taken) {
		close(fd);
		return;
	}
	grpc_server_add_channel_from_fd(s->core, fd, s->creds);
	dm_mutex_lock(&s->mu);
	s->adopting--;
	pthread_cond_broadcast(&s->changed);
	dm_mutex_unlock(&s->mu);
}

/* ---- stop ---- */

static void
on_down(struct dm_rpc_tag *tag, bool ok)
{
	struct dm_rpc_server *s =
	    dm_rpc_owner_of(tag, struct dm_rpc_server, down_tag);

	(void)ok;
	dm_mutex_lock(&s->mu);
	s->down = true;
	pthread_cond_broadcast(&s->changed);
	dm_mutex_unlock(&s->mu);
}

/* False when there was nothing to stop. */
static bool
close_door(struct dm_rpc_server *s)
{
	bool was;

	dm_mutex_lock(&s->mu);
	was = s->running;
	s->running = false;
	while (s->adopting > 0)
		dm_cond_wait(&s->changed, &s->mu);
	dm_mutex_unlock(&s->mu);
	return was;
}

/* Waits for on_down; ms < 0: without a limit. */
static bool
wait_down(struct dm_rpc_server *s, int ms)
{
	struct dm_mono end = dm_mono_add_ms(dm_mono_now(), ms);
	int64_t left;
	bool down;

	dm_mutex_lock(&s->mu);
	while (!s->down) {
		if (ms < 0) {
			dm_cond_wait(&s->changed, &s->mu);
			continue;
		}
		left = dm_mono_diff_ms(end, dm_mono_now());
		if (left <= 0)
			break;
		(void)dm_cond_wait_ms(&s->changed, &s->mu, left);
	}
	down = s->down;
	dm_mutex_unlock(&s->mu);
	return down;
}

void
dm_rpc_server_stop(struct dm_rpc_server *s, int grace_ms)
{
	if (!close_door(s))
		return;
	atomic_store(&s->down_tag.started, true);
	grpc_server_shutdown_and_notify(s->core, s->cq, &s->down_tag);
	if (!wait_down(s, MAX(0, grace_ms))) {
		grpc_server_cancel_all_calls(s->core);
		(void)wait_down(s, -1);
	}
	grpc_completion_queue_shutdown(s->cq);
	for (int i = 0; i < s->opts.threads; i++)
		pthread_join(s->threads[i], NULL);
}

void
dm_rpc_server_free(struct dm_rpc_server *s)
{
	if (s == NULL)
		return;
	dm_rpc_server_stop(s, 0);
	if (s->core != NULL) {
		grpc_server_destroy(s->core);
		grpc_completion_queue_destroy(s->cq);
		grpc_server_credentials_release(s->creds);
	}
	g_free(s->threads);
	g_free(s->requests);
	g_hash_table_destroy(s->methods);
	g_array_free(s->refusals, TRUE);
	g_hash_table_destroy(s->peers);
	pthread_cond_destroy(&s->changed);
	dm_mutex_fini(&s->mu);
	g_free(s);
}
