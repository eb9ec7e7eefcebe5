/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is anybody there: one attempt to connect by TCP, without a word said. It
 * tells a port that nobody listens on, which is known at once, from a machine
 * that does not answer; gRPC's channels wait in both cases. Threads: any.
 */
#ifndef DM_LIB_NET_REACH_H
#define DM_LIB_NET_REACH_H

#include <stdint.h>

enum dm_net_reach {
	DM_NET_OPEN,   /* a connection was made */
	DM_NET_CLOSED, /* the machine says that nobody listens */
	DM_NET_SILENT  /* no answer in time, no route, no such name */
};

/* addr: "host:port". Blocks at most timeout_ms, besides the time to resolve a
 * name. */
enum dm_net_reach dm_net_reach(const char *addr, int64_t timeout_ms);

#endif
