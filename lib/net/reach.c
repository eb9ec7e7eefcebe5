/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net/reach.h"

#include "lib/net/connect.h"
#include "lib/net/port.h"

#include <errno.h>
#include <unistd.h>

static enum dm_net_reach
reach_one(const struct addrinfo *a, int64_t timeout_ms)
{
	int fd = dm_net_connect(a, timeout_ms);

	if (fd < 0)
		return fd == -ECONNREFUSED ? DM_NET_CLOSED : DM_NET_SILENT;
	close(fd);
	return DM_NET_OPEN;
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
