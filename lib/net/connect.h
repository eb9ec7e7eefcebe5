/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One TCP connection by hand, with a time limit: for what must know at once
 * how it ended, which gRPC's channels do not tell. Threads: any.
 */
#ifndef DM_LIB_NET_CONNECT_H
#define DM_LIB_NET_CONNECT_H

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Connect to one address. Blocks at most timeout_ms. Returns a non-blocking
 * socket, which the caller closes, or a negative errno: -ECONNREFUSED nobody
 * listens, -ETIMEDOUT no answer in time, others as connect(2) has them.
 */
int dm_net_connect(const struct addrinfo *a, int64_t timeout_ms);

/* Wait for poll(2)'s events on fd, through signals. False: timeout_ms is over.
 */
bool dm_net_wait(int fd, short events, int64_t timeout_ms);

#endif
