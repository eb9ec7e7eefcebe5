/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One accepted TLS connection: its handshake, then bytes both ways between the
 * peer and a socket on which they are in clear. Private to lib/net. Threads:
 * the loop's.
 */
#ifndef DM_LIB_NET_TLS_PIPE_H
#define DM_LIB_NET_TLS_PIPE_H

#include "lib/net/loop.h"

struct dm_tls;

struct dm_tls_pipe_ops {
	/* The handshake is done; takes fd, the clear end: non-blocking, nothing
	 * was read of it. peer as given. */
	void (*open)(int fd, const char *peer, void *arg);
	/* It failed; why is for people. */
	void (*refused)(const char *peer, const char *why, void *arg);
	void *arg;
};

/*
 * Takes fd: a connected, non-blocking socket of which nothing was read. The
 * loop's limit bounds the handshake, and later the time for the last bytes to
 * go out. ops is borrowed for the life of the loop.
 */
void dm_tls_pipe_start(struct dm_loop *l, struct dm_tls *tls, int fd,
    const char *peer, const struct dm_tls_pipe_ops *ops);

#endif
