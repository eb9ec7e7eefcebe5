/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public port and its sniffer: see port.h.
 *
 * One thread per port, which runs a loop (loop.h) until dm_port_free. The
 * eventfd tells it that another thread wants something.
 * DESIGN: a connection that has not shown enough bytes is a `conn` with the
 * loop's time limit. It is watched edge-triggered: bytes that stay in the
 * socket, because we only peek, are reported once. With TLS a connection is
 * a conn twice: first to see that it is a handshake which comes, then, as the
 * clear end of its pipe, to tell gRPC from HTTP.
 */
#include "lib/net/port.h"

#include "lib/net/loop.h"
#include "lib/net/tls_pipe.h"
#include "lib/thread/mutex.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define RANK_PORT     845
#define SILENT_MS     10000
#define MAX_UNDECIDED 1024
/* How long accepting pauses when the process has no descriptor left. */
#define NO_FD_PAUSE_MS 100
/* For the last bytes of TLS connections, at the end. */
#define LAST_BYTES_MS     300
#define TOLD_PER_SECOND   10
#define TLS_HANDSHAKE     0x16 /* first byte of a TLS connection */
#define MAX_PEER_NAME     80
#define WRONG_SPEECH_BODY "HTTP/1.0 400 Bad Request\r\n\r\nClient sent "

static const char preface[24] = { 'P', 'R', 'I', ' ', '*', ' ', 'H', 'T', 'T',
	'P', '/', '2', '.', '0', '\r', '\n', '\r', '\n', 'S', 'M', '\r', '\n',
	'\r', '\n' };

struct dm_port {
	struct dm_port_handlers h;
	struct dm_loop loop;
	struct dm_loop_watch listener, wake;
	struct dm_tls_pipe_ops pipe_ops;
	pthread_t thread;
	struct dm_mono told_from; /* the second in which `told` counts */
	unsigned told;
	atomic_bool closing, freeing;

	struct dm_mutex mu; /* rank PORT; guards the field below */
	pthread_cond_t changed;
	bool closed; /* the thread has let go of the listener */
};

/* A connection that is neither gRPC's nor HTTP's yet. */
struct conn {
	struct dm_loop_item item; /* first */
	struct dm_loop_watch watch;
	struct dm_port *port;
	bool clear;    /* no handshake comes, or it is done */
	bool draining; /* turned away; its bytes are dropped */
	char peer[MAX_PEER_NAME];
};

enum kind { KIND_UNDECIDED, KIND_GRPC, KIND_HTTP, KIND_TLS, KIND_GONE };

static struct conn *
conn_of(struct dm_loop_item *it)
{
	return dm_loop_owner_of(it, struct conn, item);
}

static void
tell_refused(struct dm_port *p, const char *peer, const char *why)
{
	struct dm_mono now = dm_mono_now();

	if (p->h.refused == NULL)
		return;
	if (dm_mono_diff_ms(now, p->told_from) >= 1000) {
		p->told_from = now;
		p->told = 0;
	}
	if (p->told++ < TOLD_PER_SECOND)
		p->h.refused(peer, why, p->h.refused_arg);
}

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
	if (buf[0] == TLS_HANDSHAKE)
		return KIND_TLS;
	if (memcmp(buf, preface, (size_t)n) != 0)
		return KIND_HTTP;
	return n == sizeof(preface) ? KIND_GRPC : KIND_UNDECIDED;
}

/* End c; its descriptor is the caller's again. */
static int
conn_release(struct conn *c)
{
	int fd = c->watch.fd;

	(void)dm_loop_watch(c->item.loop, &c->watch, 0);
	c->watch.fd = -1;
	dm_loop_end(&c->item);
	return fd;
}

static bool
set_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0;
}

/* False: the peer is done. */
static bool
drop_bytes(int fd)
{
	char buf[4096];
	ssize_t n;

	do {
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 && errno == EAGAIN;
}

/*
 * The peer speaks otherwise than the port: answer in HTTP. A TLS library takes
 * that for a wrong version number, one of HTTP/2 names the old protocol. What
 * the peer sends is read until it closes, or its time is over: closing before
 * that would make a reset, which destroys the answer.
 */
static void
turn_away(struct conn *c, const char *answer, const char *why)
{
	tell_refused(c->port, c->peer, why);
	c->draining = true;
	(void)send(
	    c->watch.fd, answer, strlen(answer), MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(c->watch.fd, SHUT_WR);
	if (!drop_bytes(c->watch.fd))
		dm_loop_end(&c->item);
}

static void
start_tls(struct conn *c)
{
	struct dm_port *p = c->port;

	dm_tls_pipe_start(
	    &p->loop, p->h.tls, conn_release(c), c->peer, &p->pipe_ops);
}

/* The first bytes of a connection that was accepted. */
static void
decide_speech(struct conn *c, enum kind kind)
{
	if (kind == KIND_TLS && c->port->h.tls != NULL)
		start_tls(c);
	else if (kind == KIND_TLS)
		turn_away(c,
		    WRONG_SPEECH_BODY "a TLS handshake to a port without TLS."
				      "\n",
		    "it speaks TLS, and this port does not");
	else
		turn_away(c,
		    WRONG_SPEECH_BODY "an HTTP request to an HTTPS server.\n",
		    "it does not speak TLS, and this port does");
}

static void
decide(struct conn *c)
{
	struct dm_port *p = c->port;
	enum kind kind = sniff(c->watch.fd);
	int fd;

	if (kind == KIND_GONE) {
		dm_loop_end(&c->item);
		return;
	}
	if (kind == KIND_UNDECIDED)
		return;
	if (!c->clear && (kind == KIND_TLS || p->h.tls != NULL)) {
		decide_speech(c, kind);
		return;
	}
	fd = conn_release(c);
	if (kind == KIND_GRPC)
		p->h.grpc(fd, c->peer, p->h.grpc_arg);
	else if (p->h.http != NULL && set_blocking(fd))
		p->h.http(fd, c->peer, p->h.http_arg);
	else
		close(fd);
}

static void
on_conn(struct dm_loop_watch *w, uint32_t events)
{
	struct conn *c = dm_loop_owner_of(w, struct conn, watch);

	(void)events;
	if (!c->draining)
		decide(c);
	else if (!drop_bytes(w->fd))
		dm_loop_end(&c->item);
}

/* ---- accepting ---- */

static void
close_conn(struct dm_loop_item *it)
{
	if (conn_of(it)->watch.fd >= 0)
		close(conn_of(it)->watch.fd);
}

static void
free_conn(struct dm_loop_item *it)
{
	g_free(conn_of(it));
}

/* Takes fd. */
static void
conn_add(struct dm_port *p, int fd, const char *peer, bool clear)
{
	struct conn *c = g_new0(struct conn, 1);

	if (g_queue_get_length(&p->loop.timed) >= MAX_UNDECIDED)
		dm_loop_end(dm_loop_oldest(&p->loop));
	c->item.late = dm_loop_end;
	c->item.close = close_conn;
	c->item.free = free_conn;
	c->watch = (struct dm_loop_watch){
		.fd = fd, .item = &c->item, .ready = on_conn
	};
	c->port = p;
	c->clear = clear;
	g_strlcpy(c->peer, peer, sizeof(c->peer));
	dm_loop_add(&p->loop, &c->item);
	dm_loop_limit(&c->item);
	if (!dm_loop_watch(&p->loop, &c->watch, EPOLLIN | EPOLLET))
		dm_loop_end(&c->item);
}

/* As gRPC core names the peers of its own connections. */
static void
name_peer(const struct sockaddr_storage *ss, char *out, size_t size)
{
	const struct sockaddr_in6 *in6 = (const void *)ss;
	const struct sockaddr_in *in = (const void *)ss;
	char text[INET6_ADDRSTRLEN] = "";

	if (ss->ss_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		g_snprintf(out, size, "ipv4:%s:%d", text, ntohs(in->sin_port));
	} else if (ss->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
		g_snprintf(
		    out, size, "ipv6:[%s]:%d", text, ntohs(in6->sin6_port));
	} else {
		g_strlcpy(out, "unknown", size);
	}
}

/* One connection per call: the listener is level-triggered. Others than
 * these errors concern a connection that is gone already. */
static void
on_incoming(struct dm_loop_watch *w, uint32_t events)
{
	struct dm_port *p = dm_loop_owner_of(w, struct dm_port, listener);
	struct pollfd wake = { .fd = p->wake.fd, .events = POLLIN };
	struct sockaddr_storage from = { 0 };
	socklen_t len = sizeof(from);
	char peer[MAX_PEER_NAME];
	int fd, one = 1;

	(void)events;
	fd = accept4(w->fd, (struct sockaddr *)&from, &len,
	    SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		(void)setsockopt(
		    fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		name_peer(&from, peer, sizeof(peer));
		conn_add(p, fd, peer, false);
		return;
	}
	if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS &&
	    errno != ENOMEM)
		return;
	if (dm_loop_oldest(&p->loop) != NULL)
		dm_loop_end(dm_loop_oldest(&p->loop));
	else
		(void)poll(&wake, 1, NO_FD_PAUSE_MS);
}

/* ---- TLS connections ---- */

static void
on_pipe_open(int fd, const char *peer, void *arg)
{
	conn_add(arg, fd, peer, true);
}

static void
on_pipe_refused(const char *peer, const char *why, void *arg)
{
	tell_refused(arg, peer, why);
}

/* ---- the thread ---- */

/* Lets go of the listener and of what is undecided. */
static void
close_door(struct dm_port *p)
{
	struct dm_loop_item *it;

	(void)dm_loop_watch(&p->loop, &p->listener, 0);
	close(p->listener.fd);
	p->listener.fd = -1;
	while ((it = dm_loop_oldest(&p->loop)) != NULL)
		dm_loop_end(it);
	dm_mutex_lock(&p->mu);
	p->closed = true;
	pthread_cond_broadcast(&p->changed);
	dm_mutex_unlock(&p->mu);
}

static void
on_wake(struct dm_loop_watch *w, uint32_t events)
{
	struct dm_port *p = dm_loop_owner_of(w, struct dm_port, wake);
	eventfd_t n;

	(void)events;
	(void)eventfd_read(w->fd, &n);
	if (atomic_load(&p->closing) && p->listener.fd >= 0)
		close_door(p);
	if (atomic_load(&p->freeing))
		p->loop.stop = true;
}

static void *
port_thread(void *arg)
{
	struct dm_port *p = arg;

	dm_loop_run(&p->loop, -1, false);
	p->loop.stop = false;
	dm_loop_run(&p->loop, LAST_BYTES_MS, true);
	return NULL;
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

static void
destroy(struct dm_port *p)
{
	dm_loop_fini(&p->loop);
	if (p->listener.fd >= 0)
		close(p->listener.fd);
	if (p->wake.fd >= 0)
		close(p->wake.fd);
	pthread_cond_destroy(&p->changed);
	dm_mutex_fini(&p->mu);
	g_free(p);
}

static struct dm_port *
port_new(const struct dm_port_handlers *h)
{
	struct dm_port *p = g_new0(struct dm_port, 1);

	p->h = *h;
	p->pipe_ops =
	    (struct dm_tls_pipe_ops){ on_pipe_open, on_pipe_refused, p };
	p->listener = (struct dm_loop_watch){ .fd = -1, .ready = on_incoming };
	p->wake = (struct dm_loop_watch){ .ready = on_wake };
	p->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	dm_mutex_init(&p->mu, RANK_PORT);
	dm_cond_init(&p->changed);
	return p;
}

struct dm_err *
dm_port_open(const char *addr, const struct dm_port_handlers *h,
    struct dm_port **port, int *bound_port)
{
	struct dm_port *p = port_new(h);
	struct dm_err *err;

	dm_assert(h->grpc != NULL);
	err = open_listener(addr, &p->listener.fd);
	if (!dm_loop_init(&p->loop, SILENT_MS) && err == NULL)
		err = dm_err_plain("listen %s: %s", addr, g_strerror(errno));
	if (err == NULL &&
	    (p->wake.fd < 0 ||
		!dm_loop_watch(&p->loop, &p->listener, EPOLLIN) ||
		!dm_loop_watch(&p->loop, &p->wake, EPOLLIN)))
		err = dm_err_plain("listen %s: %s", addr, g_strerror(errno));
	if (err != NULL) {
		destroy(p);
		return err;
	}
	if (bound_port != NULL)
		*bound_port = port_of(p->listener.fd);
	p->thread = dm_thread_start("port", port_thread, p);
	*port = p;
	return NULL;
}

void
dm_port_close(struct dm_port *port)
{
	if (port == NULL)
		return;
	atomic_store(&port->closing, true);
	(void)eventfd_write(port->wake.fd, 1);
	dm_mutex_lock(&port->mu);
	while (!port->closed)
		dm_cond_wait(&port->changed, &port->mu);
	dm_mutex_unlock(&port->mu);
}

void
dm_port_free(struct dm_port *port)
{
	if (port == NULL)
		return;
	dm_port_close(port);
	atomic_store(&port->freeing, true);
	(void)eventfd_write(port->wake.fd, 1);
	pthread_join(port->thread, NULL);
	destroy(port);
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
