/* SPDX-License-Identifier: Apache-2.0 */
/* One TCP connection: see connect.h. */
#include "lib/net/connect.h"

#include "lib/base/base.h"
#include "lib/base/clock.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define POLL_MAX_MS 60000 /* of one poll; its argument is an int */

bool
dm_net_wait(int fd, short events, int64_t timeout_ms)
{
	struct dm_mono until = dm_mono_add_ms(dm_mono_now(), timeout_ms);
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left = timeout_ms;
	int n = 0;

	while (left > 0 && n <= 0) {
		n = poll(&p, 1, (int)MIN(left, POLL_MAX_MS));
		if (n < 0 && errno != EINTR)
			return false;
		left = dm_mono_diff_ms(until, dm_mono_now());
	}
	return n > 0;
}

/* 0 when the connection that was begun stands, else an errno. */
static int
outcome(int fd, int64_t timeout_ms)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (!dm_net_wait(fd, POLLOUT, timeout_ms))
		return ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return errno;
	return error;
}

int
dm_net_connect(const struct addrinfo *a, int64_t timeout_ms)
{
	int fd = socket(a->ai_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, a->ai_addr, a->ai_addrlen) != 0)
		error = errno;
	if (error == EINPROGRESS)
		error = outcome(fd, timeout_ms);
	if (error == 0)
		return fd;
	close(fd);
	return -error;
}
