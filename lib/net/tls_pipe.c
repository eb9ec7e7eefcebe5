/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handshake and clear copy of a TLS connection: see tls_pipe.h.
 *
 * DESIGN: `outer` is the peer's socket, `inner` our end of a socketpair whose
 * other end gRPC or HTTP works on. What one side does not take yet is kept, at
 * most one record (16 kB) for each direction, and meanwhile nothing more is
 * read: the flow control of both sockets reaches through. An idle connection
 * keeps no buffer.
 *
 * Nothing hides in OpenSSL between two events: reads are as large as the
 * largest record, and there is no read-ahead, so whatever is not read yet makes
 * the socket readable.
 *
 * The end. Peer closes: the inner side sees an end of file, may still answer,
 * and closes. Inner side closes: what it wrote goes out, then a close_notify
 * and FIN; the peer's remaining bytes are read and dropped, because closing
 * with unread bytes would make a reset, which destroys what is on its way.
 */
#include "lib/net/tls_pipe.h"

#include "lib/crypt/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECORD_BYTES 16384
/* Per event, in each direction: others get their turn. */
#define ROUNDS 8

enum pipe_state { PIPE_SHAKING, PIPE_COPYING, PIPE_DRAINING };

/* Bytes that the other side did not take. */
struct rest {
	char *bytes; /* NULL: none */
	size_t at, len;
};

struct tls_pipe {
	struct dm_loop_item item; /* first */
	const struct dm_tls_pipe_ops *ops;
	char *peer;
	SSL *ssl;
	enum pipe_state state;
	bool want_write; /* the handshake waits for that, not for reading */
	struct dm_loop_watch outer, inner;
	struct rest in, out; /* to inner, to outer */
	bool outer_eof;
	bool inner_hup; /* closed: what is left can be read without waiting */
};

static struct tls_pipe *
pipe_of(struct dm_loop_item *it)
{
	return dm_loop_owner_of(it, struct tls_pipe, item);
}

/* ---- bytes that wait ---- */

static void
rest_set(struct rest *r, const char *bytes, size_t len)
{
	r->bytes = g_memdup2(bytes, len);
	r->at = 0;
	r->len = len;
}

static void
rest_clear(struct rest *r)
{
	g_clear_pointer(&r->bytes, g_free);
	r->at = r->len = 0;
}

static void
rest_took(struct rest *r, size_t n)
{
	r->at += n;
	if (r->at == r->len)
		rest_clear(r);
}

/* ---- the end ---- */

static void
drain(struct tls_pipe *p)
{
	p->state = PIPE_DRAINING;
	rest_clear(&p->in);
	rest_clear(&p->out);
	if (p->inner.fd >= 0) {
		(void)dm_loop_watch(p->item.loop, &p->inner, 0);
		close(p->inner.fd);
		p->inner.fd = -1;
	}
	shutdown(p->outer.fd, SHUT_WR);
	dm_loop_limit(&p->item);
}

static void
drain_step(struct tls_pipe *p)
{
	char buf[4096];
	ssize_t n;

	for (int i = 0; i < ROUNDS; i++) {
		n = recv(p->outer.fd, buf, sizeof(buf), 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			dm_loop_end(&p->item);
			return;
		}
	}
}

/* ---- the handshake ---- */

static void
refuse(struct tls_pipe *p)
{
	g_autofree char *why = dm_tls_why(p->ssl);

	p->ops->refused(p->peer, why, p->ops->arg);
	drain(p); /* the peer shall get the alert */
}

/* Make the clear side. */
static void
open_inner(struct tls_pipe *p)
{
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		fd) != 0) {
		p->ops->refused(p->peer, g_strerror(errno), p->ops->arg);
		dm_loop_end(&p->item);
		return;
	}
	p->inner.fd = fd[0];
	p->state = PIPE_COPYING;
	dm_loop_unlimit(&p->item);
	p->ops->open(fd[1], p->peer, p->ops->arg);
}

static void
shake(struct tls_pipe *p)
{
	int rc;

	ERR_clear_error();
	errno = 0;
	rc = SSL_do_handshake(p->ssl);
	if (rc == 1) {
		open_inner(p);
		return;
	}
	switch (SSL_get_error(p->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		p->want_write = false;
		return;
	case SSL_ERROR_WANT_WRITE:
		p->want_write = true;
		return;
	default:
		refuse(p);
	}
}

/* ---- copying ---- */

/* Both return whether anything moved. Neither blocks. */

static bool
flush_in(struct tls_pipe *p)
{
	ssize_t n;

	n = send(p->inner.fd, p->in.bytes + p->in.at, p->in.len - p->in.at,
	    MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0)
		rest_clear(&p->in); /* nobody reads there any more */
	else
		rest_took(&p->in, (size_t)n);
	return true;
}

static bool
copy_in(struct tls_pipe *p)
{
	char buf[RECORD_BYTES];
	int n, why;

	if (p->in.bytes != NULL)
		return flush_in(p);
	if (p->outer_eof)
		return false;
	ERR_clear_error();
	n = SSL_read(p->ssl, buf, sizeof(buf));
	if (n > 0) {
		rest_set(&p->in, buf, (size_t)n);
		(void)flush_in(p);
		return true;
	}
	why = SSL_get_error(p->ssl, n);
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return false;
	/* A close_notify, or the connection broke: for the inner side both
	 * are the end; in the second case writing fails, too. */
	ERR_clear_error();
	p->outer_eof = true;
	shutdown(p->inner.fd, SHUT_WR);
	if (why != SSL_ERROR_ZERO_RETURN)
		dm_loop_end(&p->item);
	return true;
}

static bool
flush_out(struct tls_pipe *p)
{
	size_t n = 0;
	int rc, why;

	ERR_clear_error();
	rc = SSL_write_ex(
	    p->ssl, p->out.bytes + p->out.at, p->out.len - p->out.at, &n);
	if (rc == 1) {
		rest_took(&p->out, n);
		return true;
	}
	why = SSL_get_error(p->ssl, rc);
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return false;
	ERR_clear_error();
	dm_loop_end(&p->item);
	return true;
}

/* The inner side is done, and all it wrote is out. */
static void
say_goodbye(struct tls_pipe *p)
{
	ERR_clear_error();
	(void)SSL_shutdown(p->ssl);
	ERR_clear_error();
	drain(p);
}

static bool
copy_out(struct tls_pipe *p)
{
	char buf[RECORD_BYTES];
	ssize_t n;

	if (p->out.bytes != NULL)
		return flush_out(p);
	n = recv(p->inner.fd, buf, sizeof(buf), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n > 0) {
		rest_set(&p->out, buf, (size_t)n);
		(void)flush_out(p);
		return true;
	}
	say_goodbye(p);
	return true;
}

static void
copy(struct tls_pipe *p)
{
	bool moved = true;

	/* An inner side that is closed holds little, and nothing tells of it
	 * again; what the peer still sends has no reader. */
	for (int i = 0; moved && (i < ROUNDS || p->inner_hup); i++) {
		moved = !p->inner_hup && copy_in(p);
		if (!p->item.over)
			moved = copy_out(p) || moved;
		if (p->item.over || p->state != PIPE_COPYING)
			return;
	}
}

/* ---- events ---- */

static void
step(struct tls_pipe *p)
{
	if (p->state == PIPE_SHAKING)
		shake(p);
	if (!p->item.over && p->state == PIPE_COPYING)
		copy(p);
	if (!p->item.over && p->state == PIPE_DRAINING)
		drain_step(p);
}

/* What can move something next. */
static void
watch_again(struct tls_pipe *p)
{
	uint32_t outer = 0, inner = 0;

	if (p->state == PIPE_SHAKING && p->want_write)
		outer = EPOLLOUT;
	else if (p->state != PIPE_COPYING)
		outer = EPOLLIN;
	if (p->state == PIPE_COPYING) {
		if (p->in.bytes == NULL && !p->outer_eof)
			outer |= EPOLLIN;
		if (p->out.bytes != NULL)
			outer |= EPOLLOUT;
		if (p->out.bytes == NULL)
			inner |= EPOLLIN;
		if (p->in.bytes != NULL)
			inner |= EPOLLOUT;
		if (p->inner_hup)
			inner = 0; /* its hangup would be told for ever */
		/* A side that has ended must take the rest in time. */
		if (p->inner_hup && p->item.timed == NULL)
			dm_loop_limit(&p->item);
	}
	if (outer == 0)
		outer = EPOLLET; /* no more than the news of a reset, once */
	if (!dm_loop_watch(p->item.loop, &p->outer, outer) ||
	    (p->inner.fd >= 0 &&
		!dm_loop_watch(p->item.loop, &p->inner, inner)))
		dm_loop_end(&p->item);
}

static void
on_outer(struct dm_loop_watch *w, uint32_t events)
{
	struct tls_pipe *p = dm_loop_owner_of(w, struct tls_pipe, outer);

	step(p);
	/* Both directions are closed, or it broke: no more can be done. */
	if ((events & (EPOLLERR | EPOLLHUP)) != 0)
		dm_loop_end(&p->item);
	if (!p->item.over)
		watch_again(p);
}

static void
on_inner(struct dm_loop_watch *w, uint32_t events)
{
	struct tls_pipe *p = dm_loop_owner_of(w, struct tls_pipe, inner);

	if ((events & (EPOLLERR | EPOLLHUP)) != 0)
		p->inner_hup = true;
	step(p);
	if (!p->item.over)
		watch_again(p);
}

/* ---- life ---- */

static void
on_late(struct dm_loop_item *it)
{
	struct tls_pipe *p = pipe_of(it);

	if (p->state == PIPE_SHAKING)
		p->ops->refused(p->peer,
		    "the TLS handshake was not finished in time", p->ops->arg);
	dm_loop_end(it);
}

static void
on_close(struct dm_loop_item *it)
{
	struct tls_pipe *p = pipe_of(it);

	/* Closing takes a descriptor off epoll: nobody duplicated it. */
	close(p->outer.fd);
	if (p->inner.fd >= 0)
		close(p->inner.fd);
	SSL_free(p->ssl);
	p->ssl = NULL;
	rest_clear(&p->in);
	rest_clear(&p->out);
}

static void
on_free(struct dm_loop_item *it)
{
	struct tls_pipe *p = pipe_of(it);

	g_free(p->peer);
	g_free(p);
}

void
dm_tls_pipe_start(struct dm_loop *l, struct dm_tls *tls, int fd,
    const char *peer, const struct dm_tls_pipe_ops *ops)
{
	struct tls_pipe *p = g_new0(struct tls_pipe, 1);

	p->item.late = on_late;
	p->item.close = on_close;
	p->item.free = on_free;
	p->ops = ops;
	p->peer = g_strdup(peer);
	p->outer = (struct dm_loop_watch){
		.fd = fd, .item = &p->item, .ready = on_outer
	};
	p->inner = (struct dm_loop_watch){
		.fd = -1, .item = &p->item, .ready = on_inner
	};
	p->ssl = dm_tls_accept(tls, fd);
	dm_loop_add(l, &p->item);
	if (p->ssl == NULL) {
		dm_loop_end(&p->item);
		return;
	}
	dm_loop_limit(&p->item);
	step(p);
	if (!p->item.over)
		watch_again(p);
}
