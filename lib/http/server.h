/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP/1 server for connections that others accepted (lib/net/port). Every
 * connection has a thread of its own: a handler may block, and delays nobody
 * else. Request line and headers: 32 kB, else 431. Over libmicrohttpd. Threads:
 * any, unless said otherwise.
 */
#ifndef DM_LIB_HTTP_SERVER_H
#define DM_LIB_HTTP_SERVER_H

#include "lib/err/err.h"

struct dm_http_server;
struct MHD_Connection;

struct dm_http_opts {
	size_t max_body_bytes; /* of a request, else 413; 0: 4 MiB */
	/* At this number a new connection takes the place of the one that has
	 * waited longest for its peer; when handlers run on all of them, it is
	 * answered 503. 0: 256 */
	unsigned max_connections;
	/* A silent peer is dropped after this time, a slow one that needs more
	 * for a request or an answer when another one comes. 0: 60 */
	unsigned idle_s;
	/* Add etcd's CORS headers to every answer, and answer OPTIONS. */
	bool cors;
};

/* Borrowed for the call of the handler. */
struct dm_http_req {
	const char *method; /* "GET" */
	const char *path;   /* decoded, without the query */
	const char *body;   /* NUL-terminated */
	size_t body_len;
	struct MHD_Connection *conn;
};

/* Filled by the handler. */
struct dm_http_resp {
	unsigned status; /* 200 */
	GString *body;   /* empty */
	/* "text/plain; charset=utf-8"; static or of the request's life. */
	const char *content_type;
	GPtrArray *headers; /* of char*, owned: name, value, name, value */
};

typedef void dm_http_fn(
    const struct dm_http_req *req, struct dm_http_resp *resp, void *arg);

struct dm_http_server *dm_http_server_new(const struct dm_http_opts *o);
/*
 * Before the start. method NULL: every one; a handler of GET gets HEAD too.
 * path "/metrics": exactly that; one that ends in '/': everything below, the
 * longest match wins. No match: 404; another method only: 405. Copied.
 */
void dm_http_server_route(struct dm_http_server *s, const char *method,
    const char *path, dm_http_fn *fn, void *arg);
/* Errors: plain. */
struct dm_err *dm_http_server_start(struct dm_http_server *s) DM_MUST_CHECK;
/* Takes fd: a connected stream socket of which nothing was read. */
void dm_http_server_adopt(struct dm_http_server *s, int fd);
/* Closes all connections and waits for the handlers that run. */
void dm_http_server_stop(struct dm_http_server *s);
/* Stops too. */
void dm_http_server_free(struct dm_http_server *s);
DM_DEFINE_AUTO(dm_http_server)

/* The first value of a parameter, decoded; NULL: not given; "" for "?x". */
const char *dm_http_req_query(const struct dm_http_req *req, const char *name);
/* All parameters in order, as name, value, name, value; strings are borrowed,
 * a value may be NULL ("?x"). New array. */
GPtrArray *dm_http_req_params(const struct dm_http_req *req);
/* NULL: not given. Case of the name is ignored. */
const char *dm_http_req_header(const struct dm_http_req *req, const char *name);
/* Copied. A value with a line end is refused by an assertion: headers never
 * carry bytes from outside. */
void dm_http_resp_header(
    struct dm_http_resp *resp, const char *name, const char *value);

#endif
