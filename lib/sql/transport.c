/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to reach through libmariadb to the socket: TLS options and checks,
 * the read timeout, what input waits, and the size of the buffer. A list of
 * common names is checked after authentication, because libmariadb has no hook
 * before it; the chain is verified before.
 */
#include "lib/sql/conn_int.h"

/* The connection's TLS object is only to be had through this header, which
 * hides it unless told that the library has TLS, and lacks a type. */
#define HAVE_TLS 1
typedef unsigned char uchar;
#include <ma_pvio.h>

#include <errno.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* A packet of this length is followed by more of the same row. */
#define FULL_PACKET 0xffffffu
/* What dm_sql_trim leaves of a buffer, and what libmariadb adds to one. */
#define BUFFER_KEEP  ((size_t)1 << 20)
#define BUFFER_EXTRA 64u
#define PEEK_WAIT_MS 1
/* libmariadb counts milliseconds in an int. */
#define TIMEOUT_MAX_S 2000000u

static bool
has_text(const char *s)
{
	return s != NULL && s[0] != '\0';
}

static bool
wants_tls(const struct dm_sql_params *p)
{
	return has_text(p->ssl_ca) || has_text(p->ssl_cert) ||
	       has_text(p->ssl_key) || has_text(p->ssl_ca_pem) ||
	       has_text(p->ssl_cert_pem) || has_text(p->ssl_key_pem);
}

/* ---- certificates that are not in files ---- */

static int
pem_file(const char *pem)
{
	int fd = memfd_create("pem", MFD_CLOEXEC);
	size_t len = strlen(pem);

	if (fd >= 0 && write(fd, pem, len) != (ssize_t)len) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Give libmariadb the text or else the path. False: errno. */
static bool
set_pem(MYSQL *my, enum mysql_option option, const char *pem, const char *path,
    int *fd)
{
	char name[32];

	if (!has_text(pem)) {
		if (has_text(path))
			mysql_options(my, option, path);
		return true;
	}
	*fd = pem_file(pem);
	if (*fd < 0)
		return false;
	g_snprintf(name, sizeof(name), "/proc/self/fd/%d", *fd);
	mysql_options(my, option, name); /* copied */
	return true;
}

void
dm_sql_close_pem_files_(struct dm_sql_pem_files *files)
{
	for (size_t i = 0; i < DM_ARRAY_SIZE(files->fd); i++) {
		if (files->fd[i] >= 0)
			close(files->fd[i]);
		files->fd[i] = -1;
	}
}

/* With a CA the chain is always verified. The host name is too, unless names
 * are listed: then dm_sql_check_tls_ does that. */
struct dm_err *
dm_sql_set_tls_(
    MYSQL *my, const struct dm_sql_params *p, struct dm_sql_pem_files *files)
{
	my_bool has_ca = has_text(p->ssl_ca) || has_text(p->ssl_ca_pem);
	my_bool verify_host = has_ca && p->cert_allowed_cn == NULL;
	my_bool yes = 1;

	*files = (struct dm_sql_pem_files){ { -1, -1, -1 } };
	if (!wants_tls(p))
		return NULL;
	if (!set_pem(my, MYSQL_OPT_SSL_CA, p->ssl_ca_pem, p->ssl_ca,
		&files->fd[0]) ||
	    !set_pem(my, MYSQL_OPT_SSL_CERT, p->ssl_cert_pem, p->ssl_cert,
		&files->fd[1]) ||
	    !set_pem(my, MYSQL_OPT_SSL_KEY, p->ssl_key_pem, p->ssl_key,
		&files->fd[2]))
		return dm_err_set_cause(dm_err_new(DB_DRIVER_ERROR),
		    "cannot keep a certificate in memory: %s",
		    g_strerror(errno));
	mysql_options(my, MYSQL_OPT_SSL_ENFORCE, &yes);
	mysql_options(my, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify_host);
	return NULL;
}

static bool
name_is_listed(X509 *cert, const char *const *list)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	char cn[256] = "";
	int n;

	n = X509_NAME_get_text_by_NID(
	    subject, NID_commonName, cn, (int)sizeof(cn));
	/* A NUL inside would let a longer name pass for a listed one. */
	if (n <= 0 || (size_t)n != strlen(cn))
		return false;
	for (; *list != NULL; list++) {
		if (strcmp(*list, cn) == 0)
			return true;
	}
	return false;
}

struct dm_err *
dm_sql_check_tls_(MYSQL *my, const struct dm_sql_params *p)
{
	X509 *cert;
	bool listed;

	if (!wants_tls(p))
		return NULL;
	if (mysql_get_ssl_cipher(my) == NULL)
		return dm_err_set_cause(dm_err_new(DB_DRIVER_ERROR),
		    "the server does not support TLS");
	if (p->cert_allowed_cn == NULL)
		return NULL;
	cert = SSL_get_peer_certificate((SSL *)my->net.pvio->ctls->ssl);
	if (cert == NULL)
		return dm_err_set_cause(dm_err_new(DB_DRIVER_ERROR),
		    "the server has no certificate");
	listed = name_is_listed(cert, p->cert_allowed_cn);
	X509_free(cert);
	if (listed)
		return NULL;
	return dm_err_set_cause(dm_err_new(DB_DRIVER_ERROR),
	    "the common name of the server's certificate is not in "
	    "cert-allowed-cn");
}

void
dm_sql_set_read_timeout(struct dm_sql_conn *conn, unsigned seconds)
{
	MARIADB_PVIO *io = conn->my->net.pvio;

	conn->read_timeout_s = seconds;
	if (io != NULL) /* NULL: the connection is lost */
		io->methods->set_timeout(
		    io, PVIO_READ_TIMEOUT, (int)MIN(seconds, TIMEOUT_MAX_S));
}

static size_t
cached_bytes(const MARIADB_PVIO *io)
{
	return (size_t)(io->cache + io->cache_size - io->cache_pos);
}

bool
dm_sql_wait_input(struct dm_sql_conn *conn, int timeout_ms)
{
	MARIADB_PVIO *io = conn->my->net.pvio;
	struct pollfd p = { .fd = conn->fd, .events = POLLIN };
	size_t cached;

	if (io == NULL)
		return true; /* the next call fails at once */
	cached = cached_bytes(io);
	/* A packet begins with 3 bytes of length and a sequence number. */
	if (cached >= 4) {
		size_t n = (size_t)io->cache_pos[0] |
			   (size_t)io->cache_pos[1] << 8 |
			   (size_t)io->cache_pos[2] << 16;

		if (cached >= n + 4)
			return true;
	}
	if (io->ctls != NULL && SSL_pending((SSL *)io->ctls->ssl) > 0)
		return true;
	return poll(&p, 1, timeout_ms) > 0;
}

/* Up to n bytes that wait at the socket, left there; 0: none will come, or
 * not in time. */
static size_t
peek(struct dm_sql_conn *conn, MARIADB_PVIO *io, uint8_t *out, size_t n)
{
	SSL *ssl = io->ctls != NULL ? (SSL *)io->ctls->ssl : NULL;
	struct pollfd p = { .fd = conn->fd, .events = POLLIN };
	ssize_t got;

	do {
		if ((ssl == NULL || SSL_pending(ssl) == 0) &&
		    poll(&p, 1, io->timeout[PVIO_READ_TIMEOUT]) <= 0)
			return 0;
		got = ssl != NULL ? SSL_peek(ssl, out, (int)n)
				  : recv(conn->fd, out, n, MSG_PEEK);
	} while (ssl != NULL && got <= 0 &&
		 SSL_get_error(ssl, (int)got) == SSL_ERROR_WANT_READ);
	return got > 0 ? (size_t)got : 0;
}

bool
dm_sql_large_input_(struct dm_sql_conn *conn)
{
	MARIADB_PVIO *io = conn->my->net.pvio;
	uint8_t head[3];
	size_t had, got = 0;

	if (io == NULL)
		return false; /* the next call fails */
	had = MIN(cached_bytes(io), sizeof(head));
	memcpy(head, io->cache_pos, had);
	while (had + got < sizeof(head)) {
		size_t n = peek(conn, io, head + had, sizeof(head) - had);

		if (n == 0)
			return false; /* the next call finds out why */
		/* What is in a later TLS record is not to be seen yet. */
		if (io->ctls != NULL && had + n < sizeof(head))
			return true;
		/* The same bytes, until the rest of the header has come. */
		if (n == got)
			poll(NULL, 0, PEEK_WAIT_MS);
		got = n;
	}
	return (head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16) ==
	       FULL_PACKET;
}

void
dm_sql_trim(struct dm_sql_conn *conn)
{
	NET *net = &conn->my->net;
	unsigned char *buf;

	if (net->buff == NULL || net->compress ||
	    net->max_packet <= BUFFER_KEEP)
		return;
	buf = realloc(net->buff, BUFFER_KEEP + BUFFER_EXTRA);
	if (buf == NULL)
		return;
	net->buff = net->read_pos = net->write_pos = buf;
	net->max_packet = BUFFER_KEEP;
	net->buff_end = buf + BUFFER_KEEP;
}
