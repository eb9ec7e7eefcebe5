/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/1 server on adopted sockets: see server.h. */
#include "lib/http/server.h"

#include "lib/http/conns.h"

#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_BODY_BYTES  ((size_t)4 << 20)
#define MAX_CONNECTIONS 256
#define IDLE_S          60
/* For the request line and headers of one connection: more is answered 431. */
#define HEAD_BYTES ((size_t)32 << 10)
/* How much of a body that is too large is read and thrown away, in bodies, so
 * that its sender comes to read our answer. */
#define MAX_DISCARD 2

struct route {
	char *method; /* NULL: every one */
	char *path;
	size_t len;
	bool below; /* everything that begins with path */
	dm_http_fn *fn;
	void *arg;
};

struct dm_http_server {
	struct dm_http_opts o;
	GArray *routes; /* of struct route; fixed after the start */
	struct dm_http_conns *conns;
	struct MHD_Daemon *daemon;
};

/* A request that is being read. */
struct exchange {
	GString *body;
	size_t discarded; /* bytes; the body was too large */
};

static void
clear_route(void *p)
{
	struct route *r = p;

	g_free(r->method);
	g_free(r->path);
}

struct dm_http_server *
dm_http_server_new(const struct dm_http_opts *o)
{
	struct dm_http_server *s = g_new0(struct dm_http_server, 1);

	s->o = *o;
	if (s->o.max_body_bytes == 0)
		s->o.max_body_bytes = MAX_BODY_BYTES;
	if (s->o.max_connections == 0)
		s->o.max_connections = MAX_CONNECTIONS;
	if (s->o.idle_s == 0)
		s->o.idle_s = IDLE_S;
	s->conns = dm_http_conns_new(
	    s->o.max_connections, (int64_t)s->o.idle_s * 1000);
	s->routes = g_array_new(FALSE, FALSE, sizeof(struct route));
	g_array_set_clear_func(s->routes, clear_route);
	return s;
}

void
dm_http_server_route(struct dm_http_server *s, const char *method,
    const char *path, dm_http_fn *fn, void *arg)
{
	struct route r = { .method = g_strdup(method),
		.path = g_strdup(path),
		.len = strlen(path),
		.below = g_str_has_suffix(path, "/"),
		.fn = fn,
		.arg = arg };

	dm_assert(s->daemon == NULL && path[0] == '/');
	g_array_append_val(s->routes, r);
}

static bool
path_matches(const struct route *r, const char *path)
{
	return r->below ? strncmp(path, r->path, r->len) == 0
			: strcmp(path, r->path) == 0;
}

static bool
method_matches(const struct route *r, const char *method)
{
	if (r->method == NULL || strcmp(r->method, method) == 0)
		return true;
	return strcmp(r->method, MHD_HTTP_METHOD_GET) == 0 &&
	       strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
}

/* NULL: *status says why. */
static const struct route *
find_route(const struct dm_http_server *s, const struct dm_http_req *req,
    unsigned *status)
{
	const struct route *best = NULL;

	*status = MHD_HTTP_NOT_FOUND;
	for (guint i = 0; i < s->routes->len; i++) {
		const struct route *r =
		    &g_array_index(s->routes, struct route, i);

		if (!path_matches(r, req->path) ||
		    (best != NULL && r->len <= best->len))
			continue;
		if (method_matches(r, req->method))
			best = r;
		else
			*status = MHD_HTTP_METHOD_NOT_ALLOWED;
	}
	return best;
}

static void
add_cors(struct dm_http_resp *resp)
{
	dm_http_resp_header(resp, "Access-Control-Allow-Methods",
	    "POST, GET, OPTIONS, PUT, DELETE");
	dm_http_resp_header(resp, "Access-Control-Allow-Origin", "*");
	dm_http_resp_header(resp, "Access-Control-Allow-Headers",
	    "accept, content-type, authorization");
}

static void
run_handler(const struct dm_http_server *s, const struct dm_http_req *req,
    struct dm_http_resp *resp)
{
	const struct route *r;

	if (s->o.cors) {
		add_cors(resp);
		if (strcmp(req->method, MHD_HTTP_METHOD_OPTIONS) == 0)
			return;
	}
	r = find_route(s, req, &resp->status);
	if (r != NULL) {
		resp->status = MHD_HTTP_OK;
		r->fn(req, resp, r->arg);
	} else if (resp->status == MHD_HTTP_NOT_FOUND) {
		g_string_assign(resp->body, "404 page not found\n");
	} else {
		g_string_assign(resp->body, "Method Not Allowed\n");
	}
}

/* Takes resp's parts. */
static enum MHD_Result
send_response(struct MHD_Connection *conn, struct dm_http_resp *resp)
{
	size_t len = resp->body->len;
	struct MHD_Response *m =
	    MHD_create_response_from_buffer_with_free_callback(
		len, g_string_free(resp->body, FALSE), g_free);
	enum MHD_Result rc = MHD_NO;

	if (m != NULL) {
		(void)MHD_add_response_header(
		    m, MHD_HTTP_HEADER_CONTENT_TYPE, resp->content_type);
		for (guint i = 0; i + 1 < resp->headers->len; i += 2)
			(void)MHD_add_response_header(m,
			    resp->headers->pdata[i],
			    resp->headers->pdata[i + 1]);
		rc = MHD_queue_response(conn, resp->status, m);
		MHD_destroy_response(m);
	}
	g_ptr_array_free(resp->headers, TRUE);
	return rc;
}

static struct dm_http_resp
new_response(void)
{
	return (struct dm_http_resp){ .status = MHD_HTTP_OK,
		.body = g_string_new(NULL),
		.content_type = "text/plain; charset=utf-8",
		.headers = g_ptr_array_new_with_free_func(g_free) };
}

static enum MHD_Result
answer_too_large(struct MHD_Connection *conn)
{
	struct dm_http_resp resp = new_response();

	resp.status = MHD_HTTP_CONTENT_TOO_LARGE;
	g_string_assign(resp.body, "the request is too large\n");
	/* What is left of the body is no next request. */
	dm_http_resp_header(&resp, MHD_HTTP_HEADER_CONNECTION, "close");
	return send_response(conn, &resp);
}

static struct dm_http_conn *
conn_of(struct MHD_Connection *conn)
{
	const union MHD_ConnectionInfo *i =
	    MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	dm_assert(i != NULL && i->socket_context != NULL);
	return i->socket_context;
}

/* The headers are there. */
static enum MHD_Result
begin_exchange(
    struct dm_http_server *s, struct MHD_Connection *conn, void **ctx)
{
	const char *len = MHD_lookup_connection_value(
	    conn, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
	struct exchange *x = g_new0(struct exchange, 1);

	x->body = g_string_new(NULL);
	*ctx = x;
	if (len != NULL &&
	    g_ascii_strtoull(len, NULL, 10) > s->o.max_body_bytes)
		return answer_too_large(conn);
	return MHD_YES;
}

/* The next part of the body. One without a length in front is known to be too
 * large only in the middle, where no answer is possible yet. */
static enum MHD_Result
take_body(const struct dm_http_server *s, struct exchange *x, const char *data,
    size_t *data_len)
{
	if (x->discarded == 0 &&
	    *data_len <= s->o.max_body_bytes - x->body->len) {
		g_string_append_len(x->body, data, (gssize)*data_len);
	} else {
		g_string_truncate(x->body, 0);
		x->discarded += *data_len;
	}
	*data_len = 0;
	return x->discarded <= MAX_DISCARD * s->o.max_body_bytes ? MHD_YES
								 : MHD_NO;
}

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *conn, const char *url,
    const char *method, const char *version, const char *data, size_t *data_len,
    void **ctx)
{
	struct dm_http_server *s = arg;
	struct exchange *x = *ctx;
	struct dm_http_resp resp;
	struct dm_http_req req;

	(void)version;
	if (x == NULL)
		return begin_exchange(s, conn, ctx);
	if (*data_len > 0)
		return take_body(s, x, data, data_len);
	if (x->discarded > 0)
		return answer_too_large(conn);
	req = (struct dm_http_req){ .method = method,
		.path = url,
		.body = x->body->str,
		.body_len = x->body->len,
		.conn = conn };
	resp = new_response();
	dm_http_conn_set_busy(s->conns, conn_of(conn), true);
	run_handler(s, &req, &resp);
	dm_http_conn_set_busy(s->conns, conn_of(conn), false);
	return send_response(conn, &resp);
}

static void
on_completed(void *arg, struct MHD_Connection *conn, void **ctx,
    enum MHD_RequestTerminationCode code)
{
	struct dm_http_server *s = arg;
	struct exchange *x = *ctx;

	(void)code;
	/* The time for the next request begins. */
	dm_http_conn_set_busy(s->conns, conn_of(conn), false);
	if (x == NULL)
		return;
	g_string_free(x->body, TRUE);
	g_free(x);
	*ctx = NULL;
}

/* Runs before the connection's thread begins, and after it has ended, before
 * the descriptor is closed. */
static void
on_connection(void *arg, struct MHD_Connection *conn, void **ctx,
    enum MHD_ConnectionNotificationCode what)
{
	struct dm_http_server *s = arg;

	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		*ctx = dm_http_conns_add(
		    s->conns, MHD_get_connection_info(
				  conn, MHD_CONNECTION_INFO_CONNECTION_FD)
				  ->connect_fd);
	else
		dm_http_conns_remove(s->conns, *ctx);
}

struct dm_err *
dm_http_server_start(struct dm_http_server *s)
{
	unsigned flags = MHD_USE_POLL_INTERNAL_THREAD |
			 MHD_USE_THREAD_PER_CONNECTION |
			 MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC;
	sigset_t all, old;

	/* Its threads take no signals: the main thread does. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	s->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, s,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
	    /* Those that were dropped are still about to end. */
	    MHD_OPTION_CONNECTION_LIMIT, 2 * s->o.max_connections,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEAD_BYTES,
	    MHD_OPTION_CONNECTION_TIMEOUT, s->o.idle_s, MHD_OPTION_END);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (s->daemon == NULL)
		return dm_err_plain(
		    "start the HTTP server: %s", g_strerror(errno));
	return NULL;
}

void
dm_http_server_adopt(struct dm_http_server *s, int fd)
{
	static const char full[] = "HTTP/1.1 503 Service Unavailable\r\n"
				   "Connection: close\r\n"
				   "Content-Type: text/plain\r\n"
				   "Content-Length: 21\r\n\r\n"
				   "too many connections\n";
	struct sockaddr_storage a = { 0 };
	socklen_t len = sizeof(a);

	if (getpeername(fd, (struct sockaddr *)&a, &len) < 0) {
		close(fd); /* the peer has gone */
		return;
	}
	if (!dm_http_conns_admit(s->conns)) {
		(void)send(
		    fd, full, sizeof(full) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		close(fd);
		return;
	}
	/* It closes fd itself when it cannot take it. */
	(void)MHD_add_connection(
	    s->daemon, fd, (const struct sockaddr *)&a, len);
}

void
dm_http_server_stop(struct dm_http_server *s)
{
	if (s->daemon != NULL)
		MHD_stop_daemon(DM_TAKE(s->daemon));
}

void
dm_http_server_free(struct dm_http_server *s)
{
	if (s == NULL)
		return;
	dm_http_server_stop(s);
	g_array_free(s->routes, TRUE);
	dm_http_conns_free(s->conns);
	g_free(s);
}

const char *
dm_http_req_query(const struct dm_http_req *req, const char *name)
{
	const char *value = NULL;
	size_t len;

	/* Found without a value: "?x". */
	if (MHD_lookup_connection_value_n(req->conn, MHD_GET_ARGUMENT_KIND,
		name, strlen(name), &value, &len) == MHD_NO)
		return NULL;
	return value != NULL ? value : "";
}

static enum MHD_Result
add_param(
    void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)kind;
	/* The array takes no const; its strings are borrowed all the same. */
	g_ptr_array_add(arg, (gpointer)(uintptr_t)name);
	g_ptr_array_add(arg, (gpointer)(uintptr_t)value);
	return MHD_YES;
}

GPtrArray *
dm_http_req_params(const struct dm_http_req *req)
{
	GPtrArray *out = g_ptr_array_new();

	(void)MHD_get_connection_values(
	    req->conn, MHD_GET_ARGUMENT_KIND, add_param, out);
	return out;
}

const char *
dm_http_req_header(const struct dm_http_req *req, const char *name)
{
	return MHD_lookup_connection_value(req->conn, MHD_HEADER_KIND, name);
}

void
dm_http_resp_header(
    struct dm_http_resp *resp, const char *name, const char *value)
{
	dm_assert(strpbrk(value, "\r\n") == NULL);
	g_ptr_array_add(resp->headers, g_strdup(name));
	g_ptr_array_add(resp->headers, g_strdup(value));
}
