/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One public port for gRPC and HTTP/1: a listener that looks at the first
 * bytes of every connection (without taking them: MSG_PEEK) and hands the
 * socket on: the HTTP/2 preface "PRI * HTTP/2.0" to the gRPC side, the rest to
 * the HTTP side. A peer that sends nothing for 10 s is dropped and blocks
 * nobody. One thread, epoll. Threads: any.
 */
#ifndef DM_LIB_NET_PORT_H
#define DM_LIB_NET_PORT_H

#include "lib/err/err.h"

struct dm_port;

/* Takes fd; nothing was read of it. Non-blocking for gRPC, blocking for HTTP.
 * Called on the port's thread: must be short. */
typedef void dm_port_fn(int fd, void *arg);

struct dm_port_handlers {
	dm_port_fn *grpc;
	void *grpc_arg;
	dm_port_fn *http; /* NULL: such connections are closed */
	void *http_arg;
};

/*
 * Listen on addr: "host:port", ":port" (all addresses) or "[::1]:0".
 * A name with several addresses: the first, IPv4 before IPv6, as Go does.
 * *bound_port: the port taken, may be NULL. Errors: plain, with the address and
 * errno's text.
 */
struct dm_err *dm_port_open(const char *addr, const struct dm_port_handlers *h,
    struct dm_port **port, int *bound_port) DM_MUST_CHECK;
/* Stops listening, drops undecided connections, joins. Accepts NULL. */
void dm_port_free(struct dm_port *port);

/* "host:port" -> parts (new strings, may be empty); false when it cannot be
 * split. Scheme prefixes http:// and https:// are dropped; "[::1]:80" gives
 * "::1". */
bool dm_net_split(const char *addr, char **host, char **port);

#endif
