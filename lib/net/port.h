/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One public port for gRPC and HTTP/1, in clear or over TLS. A listener looks
 * at the first bytes of every connection (without taking them: MSG_PEEK) and
 * hands the socket on: the HTTP/2 preface "PRI * HTTP/2.0" to the gRPC side,
 * the rest to the HTTP side. With TLS the handshake comes first, and what is
 * handed on is the clear end of the connection (see tls_pipe.h). A peer that
 * sends nothing for 10 s, or does not finish its handshake in 10 s, is dropped
 * and blocks nobody. A peer that speaks TLS to a plain port, or plainly to a
 * TLS port, gets an answer that its library understands (HTTP status 400).
 * One thread, epoll. Threads: any.
 */
#ifndef DM_LIB_NET_PORT_H
#define DM_LIB_NET_PORT_H

#include "lib/err/err.h"

struct dm_port;
struct dm_tls;

/*
 * Takes fd; nothing was read of it. Non-blocking for gRPC, blocking for HTTP.
 * peer: "ipv4:127.0.0.1:1234", borrowed; with TLS fd itself does not know.
 * Called on the port's thread: must be short.
 */
typedef void dm_port_fn(int fd, const char *peer, void *arg);
/* A peer was turned away; why is for people. At most 10 in a second are told.
 * On the port's thread. */
typedef void dm_port_refused_fn(const char *peer, const char *why, void *arg);

struct dm_port_handlers {
	dm_port_fn *grpc;
	void *grpc_arg;
	dm_port_fn *http; /* NULL: such connections are closed */
	void *http_arg;
	struct dm_tls *tls;          /* NULL: in clear; borrowed */
	dm_port_refused_fn *refused; /* NULL: nobody is told */
	void *refused_arg;
};

/*
 * Listen on addr: "host:port", ":port" (all addresses) or "[::1]:0".
 * A name with several addresses: the first, IPv4 before IPv6, as Go does.
 * *bound_port: the port taken, may be NULL. Errors: plain, with the address and
 * errno's text.
 */
struct dm_err *dm_port_open(const char *addr, const struct dm_port_handlers *h,
    struct dm_port **port, int *bound_port) DM_MUST_CHECK;
/* Stops listening and drops undecided connections: no handler is called any
 * more. TLS connections that were handed on go on. Accepts NULL. */
void dm_port_close(struct dm_port *port);
/* After the servers behind it were stopped, which ends their connections: TLS
 * ones get a moment to send their last bytes. Closes, joins. Accepts NULL. */
void dm_port_free(struct dm_port *port);

/* "host:port" -> parts (new strings, may be empty); false when it cannot be
 * split. Scheme prefixes http:// and https:// are dropped; "[::1]:80" gives
 * "::1". */
bool dm_net_split(const char *addr, char **host, char **port);

#endif
