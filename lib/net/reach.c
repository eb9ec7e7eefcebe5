/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net/reach.h"

#include "lib/net/port.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static enum dm_net_reach
outcome(int fd, int64_t timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int e = 0;

	if (poll(&p, 1, (int)MIN(timeout_ms, INT32_MAX)) != 1)
		return DM_NET_SILENT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) < 0)
		return DM_NET_SILENT;
	if (e == 0)
		return DM_NET_OPEN;
	return e == ECONNREFUSED ? DM_NET_CLOSED : DM_NET_SILENT;
}

static enum dm_net_reach
reach_one(const struct addrinfo *a, int64_t timeout_ms)
{
	enum dm_net_reach r = DM_NET_SILENT;
	int fd =
	    socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return r;
	if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
		r = DM_NET_OPEN;
	else if (errno == EINPROGRESS)
		r = outcome(fd, timeout_ms);
	else if (errno == ECONNREFUSED)
		r = DM_NET_CLOSED;
	close(fd);
	return r;
}

enum dm_net_reach
dm_net_reach(const char *addr, int64_t timeout_ms)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	g_autofree char *host = NULL, *port = NULL;
	enum dm_net_reach r = DM_NET_SILENT;
	int64_t n = 0;

	if (!dm_net_split(addr, &host, &port) ||
	    getaddrinfo(host, port, &hints, &list) != 0)
		return DM_NET_SILENT;
	for (struct addrinfo *a = list; a != NULL; a = a->ai_next)
		n++;
	/* "localhost" has two addresses: any that answers will do. */
	for (struct addrinfo *a = list; a != NULL && r != DM_NET_OPEN;
	     a = a->ai_next)
		r = reach_one(a, timeout_ms / n);
	freeaddrinfo(list);
	return r;
}
