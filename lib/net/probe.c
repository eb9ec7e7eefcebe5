/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection by hand: see probe.h.
 *
 * DESIGN: with TLS 1.3 a client's handshake is done before the server has
 * looked at the client's certificate. So both sides of the question are only
 * answered by a first byte of the server's HTTP/2, which answers our preface.
 */
#include "lib/net/probe.h"

#include "lib/base/clock.h"
#include "lib/crypt/tls.h"
#include "lib/net/connect.h"
#include "lib/net/port.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* HTTP/2's preface and an empty SETTINGS frame. */
static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
			    "\0\0\0\4\0\0\0\0\0";
#define HELLO_BYTES (sizeof(hello) - 1)
/* The answer: a frame header. Its type, SETTINGS, is byte 3. */
#define FRAME_BYTES    9
#define FRAME_TYPE     3
#define FRAME_SETTINGS 4

struct probe {
	const char *addr;
	char *host;
	int fd;
	struct dm_mono until;
};

static int64_t
left_ms(const struct probe *p)
{
	return dm_mono_diff_ms(p->until, dm_mono_now());
}

/* Until `events`. False: the time is over. */
static bool
wait_for(const struct probe *p, short events)
{
	return dm_net_wait(p->fd, events, left_ms(p));
}

/* ---- connecting ---- */

static struct dm_err *
connect_any(struct probe *p, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(p->host, port, &hints, &list);

	if (rc != 0)
		return dm_err_plain("%s: %s", p->addr, gai_strerror(rc));
	for (const struct addrinfo *a = list; a != NULL && p->fd < 0;
	     a = a->ai_next)
		p->fd = dm_net_connect(a, left_ms(p));
	freeaddrinfo(list);
	return p->fd >= 0 ? NULL
			  : dm_err_plain("%s: %s", p->addr, g_strerror(-p->fd));
}

/* ---- in clear ---- */

static struct dm_err *
speak_plainly(struct probe *p)
{
	char frame[FRAME_BYTES];
	size_t have = 0;
	ssize_t n;

	if (send(p->fd, hello, HELLO_BYTES, MSG_NOSIGNAL) !=
	    (ssize_t)HELLO_BYTES)
		return dm_err_plain("%s: %s", p->addr, g_strerror(errno));
	while (have < sizeof(frame)) {
		if (!wait_for(p, POLLIN))
			return dm_err_plain("%s: no answer", p->addr);
		n = recv(p->fd, frame + have, sizeof(frame) - have, 0);
		if (n <= 0)
			return dm_err_plain(
			    "%s: the server closed the connection; does it "
			    "need TLS (ssl-ca, ssl-cert, ssl-key)?",
			    p->addr);
		have += (size_t)n;
	}
	if (memcmp(frame, "HTTP/1.0 ", sizeof(frame)) == 0)
		return dm_err_plain("%s: the server needs TLS: set ssl-ca, "
				    "ssl-cert and ssl-key",
		    p->addr);
	if (frame[FRAME_TYPE] != FRAME_SETTINGS)
		return dm_err_plain("%s: not a gRPC server", p->addr);
	return NULL;
}

/* ---- over TLS ---- */

/* Run one operation to its end; rc of it is in *rc. False: no time. */
static bool
finish(struct probe *p, SSL *ssl, int (*op)(SSL *ssl, void *arg), void *arg,
    int *rc)
{
	for (;;) {
		int why;

		ERR_clear_error();
		errno = 0;
		*rc = op(ssl, arg);
		if (*rc > 0)
			return true;
		why = SSL_get_error(ssl, *rc);
		if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
			return true;
		if (!wait_for(p, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT))
			return false;
	}
}

static int
do_handshake(SSL *ssl, void *arg)
{
	(void)arg;
	return SSL_do_handshake(ssl);
}

static int
do_hello(SSL *ssl, void *arg)
{
	(void)arg;
	return SSL_write(ssl, hello, (int)HELLO_BYTES);
}

static int
do_read(SSL *ssl, void *arg)
{
	return SSL_read(ssl, arg, 1);
}

static struct dm_err *
speak_tls(struct probe *p, SSL *ssl)
{
	static const unsigned char h2[] = "\x02h2";
	int (*const ops[])(SSL *, void *) = { do_handshake, do_hello, do_read };
	char byte;
	int rc;

	(void)SSL_set_alpn_protos(ssl, h2, sizeof(h2) - 1);
	for (size_t i = 0; i < DM_ARRAY_SIZE(ops); i++) {
		g_autofree char *why = NULL;

		if (!finish(p, ssl, ops[i], &byte, &rc))
			return dm_err_plain(
			    "%s: no answer in the TLS handshake", p->addr);
		if (rc > 0)
			continue;
		why = dm_tls_why(ssl);
		return dm_err_plain("%s: TLS: %s", p->addr, why);
	}
	return NULL;
}

struct dm_err *
dm_net_probe(const char *addr, struct dm_tls *tls, int64_t timeout_ms)
{
	struct probe p = { .addr = addr,
		.fd = -1,
		.until = dm_mono_add_ms(dm_mono_now(), timeout_ms) };
	g_autofree char *port = NULL;
	struct dm_err *err;
	SSL *ssl = NULL;

	if (!dm_net_split(addr, &p.host, &port))
		return dm_err_plain("%s: not of the form host:port", addr);
	err = connect_any(&p, port);
	if (err == NULL && tls == NULL) {
		err = speak_plainly(&p);
	} else if (err == NULL) {
		ssl = dm_tls_connect(tls, p.fd, p.host);
		err = ssl != NULL ? speak_tls(&p, ssl)
				  : dm_err_plain("%s: out of memory", addr);
	}
	SSL_free(ssl);
	if (p.fd >= 0)
		close(p.fd);
	g_free(p.host);
	return err;
}
