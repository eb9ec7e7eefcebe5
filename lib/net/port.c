/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public port and its sniffer: see port.h.
 *
 * One thread per port. It stops when the eventfd is written (dm_port_free).
 * DESIGN: connections that have not shown enough bytes wait in a queue, oldest
 * first; as all have the same time limit, the head is the next to be dropped.
 * They are watched edge-triggered: bytes that stay in the socket, because we
 * only peek, are reported once.
 */
#include "lib/net/port.h"

#include "lib/base/clock.h"
#include "lib/thread/mutex.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define SILENT_MS     10000
#define MAX_UNDECIDED 1024
/* How long accepting pauses when the process has no descriptor left. */
#define NO_FD_PAUSE_MS 100
#define EVENTS         64

static const char preface[24] = { 'P', 'R', 'I', ' ', '*', ' ', 'H', 'T', 'T',
	'P', '/', '2', '.', '0', '\r', '\n', '\r', '\n', 'S', 'M', '\r', '\n',
	'\r', '\n' };

/* A connection that is neither gRPC's nor HTTP's yet. */
struct conn {
	int fd;
	struct dm_mono deadline;
	GList *link; /* in dm_port.undecided */
};

struct dm_port {
	struct dm_port_handlers h;
	int listen_fd;
	int epoll_fd;
	int wake_fd; /* written once, to stop */
	pthread_t thread;
	GQueue undecided; /* of struct conn, by deadline; the thread's own */
};

enum kind { KIND_UNDECIDED, KIND_GRPC, KIND_HTTP, KIND_GONE };

/* ---- deciding ---- */

static enum kind
sniff(int fd)
{
	char buf[sizeof(preface)];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? KIND_UNDECIDED
							 : KIND_GONE;
	if (n == 0)
		return KIND_GONE;
	if (memcmp(buf, preface, (size_t)n) != 0)
		return KIND_HTTP;
	return n == sizeof(preface) ? KIND_GRPC : KIND_UNDECIDED;
}

/* Forget c; its descriptor is the caller's again. */
static int
conn_release(struct dm_port *p, struct conn *c)
{
	int fd = c->fd;

	(void)epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	g_queue_delete_link(&p->undecided, c->link);
	g_free(c);
	return fd;
}

static bool
set_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0;
}

static void
decide(struct dm_port *p, struct conn *c)
{
	enum kind kind = sniff(c->fd);
	int fd;

	if (kind == KIND_UNDECIDED)
		return;
	fd = conn_release(p, c);
	if (kind == KIND_GRPC)
		p->h.grpc(fd, p->h.grpc_arg);
	else if (kind == KIND_HTTP && p->h.http != NULL && set_blocking(fd))
		p->h.http(fd, p->h.http_arg);
	else
		close(fd);
}

/* ---- accepting ---- */

static void
drop_oldest(struct dm_port *p)
{
	close(conn_release(p, g_queue_peek_head(&p->undecided)));
}

static void
conn_add(struct dm_port *p, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	struct conn *c = g_new0(struct conn, 1);
	int one = 1;

	if (g_queue_get_length(&p->undecided) >= MAX_UNDECIDED)
		drop_oldest(p);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c->fd = fd;
	c->deadline = dm_mono_add_ms(dm_mono_now(), SILENT_MS);
	g_queue_push_tail(&p->undecided, c);
	c->link = g_queue_peek_tail_link(&p->undecided);
	ev.data.ptr = c;
	if (epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
		close(conn_release(p, c));
}

/* One connection per call: the listener is level-triggered. Others than
 * these errors concern a connection that is gone already. */
static void
accept_one(struct dm_port *p)
{
	struct pollfd wake = { .fd = p->wake_fd, .events = POLLIN };
	int fd;

	fd = accept4(p->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		conn_add(p, fd);
		return;
	}
	if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS &&
	    errno != ENOMEM)
		return;
	if (!g_queue_is_empty(&p->undecided))
		drop_oldest(p);
	else
		(void)poll(&wake, 1, NO_FD_PAUSE_MS);
}

/* ---- the thread ---- */

static void
drop_silent(struct dm_port *p)
{
	struct dm_mono now = dm_mono_now();
	const struct conn *c;

	while ((c = g_queue_peek_head(&p->undecided)) != NULL &&
	       c->deadline.ns <= now.ns)
		drop_oldest(p);
}

/* For epoll_wait. */
static int
next_timeout_ms(struct dm_port *p)
{
	const struct conn *c = g_queue_peek_head(&p->undecided);
	int64_t ms;

	if (c == NULL)
		return -1;
	ms = dm_mono_diff_ms(c->deadline, dm_mono_now()) + 1;
	return (int)CLAMP(ms, 0, SILENT_MS);
}

/* False when the port is to stop. */
static bool
handle_event(struct dm_port *p, const struct epoll_event *ev)
{
	if (ev->data.ptr == &p->wake_fd)
		return false;
	if (ev->data.ptr != &p->listen_fd)
		decide(p, ev->data.ptr);
	return true;
}

static void *
port_thread(void *arg)
{
	struct epoll_event ev[EVENTS];
	struct dm_port *p = arg;
	bool incoming;
	int n;

	for (;;) {
		n = epoll_wait(p->epoll_fd, ev, EVENTS, next_timeout_ms(p));
		incoming = false;
		for (int i = 0; i < n; i++) {
			if (!handle_event(p, &ev[i]))
				return NULL;
			if (ev[i].data.ptr == &p->listen_fd)
				incoming = true;
		}
		/* Last: these may drop connections that stand in ev. */
		if (incoming)
			accept_one(p);
		drop_silent(p);
	}
}

/* ---- opening ---- */

static int
listen_on(const struct addrinfo *ai)
{
	int one = 1, zero = 0;
	int fd;

	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    ai->ai_protocol);
	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (ai->ai_family == AF_INET6)
		(void)setsockopt(
		    fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 &&
	    listen(fd, SOMAXCONN) == 0)
		return fd;
	close(fd);
	return -1;
}

/* The address to listen on. Without a host that is [::], which takes IPv4
 * too; with one, IPv4 first. */
static int
listen_first(const struct addrinfo *list, bool any)
{
	int families[2] = { AF_INET, AF_INET6 };
	int fd = -1;

	if (any) {
		families[0] = AF_INET6;
		families[1] = AF_INET;
	}
	for (size_t i = 0; i < 2; i++) {
		for (const struct addrinfo *a = list; a; a = a->ai_next) {
			if (a->ai_family != families[i])
				continue;
			fd = listen_on(a);
			/* The port is taken: another address of the
			 * machine would not be what was asked for. */
			if (fd >= 0 || errno == EADDRINUSE)
				return fd;
		}
	}
	return fd;
}

static struct dm_err *
open_listener(const char *addr, int *listen_fd)
{
	g_autofree char *host = NULL;
	g_autofree char *port = NULL;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	int rc, fd;

	if (!dm_net_split(addr, &host, &port))
		return dm_err_plain(
		    "listen %s: not of the form host:port", addr);
	rc = getaddrinfo(*host == '\0' ? NULL : host, port, &hints, &list);
	if (rc != 0)
		return dm_err_plain("listen %s: %s", addr, gai_strerror(rc));
	fd = listen_first(list, *host == '\0');
	rc = errno;
	freeaddrinfo(list);
	if (fd < 0)
		return dm_err_plain("listen %s: %s", addr, g_strerror(rc));
	*listen_fd = fd;
	return NULL;
}

static int
port_of(int fd)
{
	struct sockaddr_storage ss = { 0 };
	const struct sockaddr_in6 *in6 = (const void *)&ss;
	const struct sockaddr_in *in = (const void *)&ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
		return 0;
	/* Zeroed above, also past the family. NOLINTNEXTLINE */
	return ntohs(ss.ss_family == AF_INET6 ? in6->sin6_port : in->sin_port);
}

static bool
watch(struct dm_port *p, int *fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = fd };

	return *fd >= 0 && epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, *fd, &ev) == 0;
}

static void
close_fds(struct dm_port *p)
{
	while (!g_queue_is_empty(&p->undecided))
		drop_oldest(p);
	if (p->listen_fd >= 0)
		close(p->listen_fd);
	if (p->wake_fd >= 0)
		close(p->wake_fd);
	if (p->epoll_fd >= 0)
		close(p->epoll_fd);
}

struct dm_err *
dm_port_open(const char *addr, const struct dm_port_handlers *h,
    struct dm_port **port, int *bound_port)
{
	struct dm_port *p = g_new0(struct dm_port, 1);
	struct dm_err *err;

	dm_assert(h->grpc != NULL);
	p->h = *h;
	g_queue_init(&p->undecided);
	p->listen_fd = -1;
	p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	err = open_listener(addr, &p->listen_fd);
	if (err == NULL && (!watch(p, &p->listen_fd) || !watch(p, &p->wake_fd)))
		err = dm_err_plain("listen %s: %s", addr, g_strerror(errno));
	if (err != NULL) {
		close_fds(p);
		g_free(p);
		return err;
	}
	if (bound_port != NULL)
		*bound_port = port_of(p->listen_fd);
	p->thread = dm_thread_start("port", port_thread, p);
	*port = p;
	return NULL;
}

void
dm_port_free(struct dm_port *port)
{
	if (port == NULL)
		return;
	(void)eventfd_write(port->wake_fd, 1);
	pthread_join(port->thread, NULL);
	close_fds(port);
	g_free(port);
}

/* ---- addresses ---- */

bool
dm_net_split(const char *addr, char **host, char **port)
{
	const char *colon, *end;

	if (g_str_has_prefix(addr, "http://"))
		addr += strlen("http://");
	else if (g_str_has_prefix(addr, "https://"))
		addr += strlen("https://");
	colon = strrchr(addr, ':');
	if (colon == NULL)
		return false;
	end = colon;
	if (*addr == '[') {
		addr++;
		end = strchr(addr, ']');
		if (end == NULL || end + 1 != colon)
			return false;
	} else if (memchr(addr, ':', (size_t)(colon - addr)) != NULL) {
		return false; /* an IPv6 address needs its brackets */
	}
	*host = g_strndup(addr, (size_t)(end - addr));
	*port = g_strdup(colon + 1);
	return true;
}
