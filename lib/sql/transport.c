/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to reach through libmariadb to the socket: TLS options and checks,
 * the read timeout, and whether input waits. A list of common names is checked
 * after authentication, because libmariadb has no hook before it; the chain is
 * verified before.
 */
#include "lib/sql/conn_int.h"

/* The connection's TLS object is only to be had through this header, which
 * hides it unless told that the library has TLS, and lacks a type. */
#define HAVE_TLS 1
typedef unsigned char uchar;
#include <ma_pvio.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <string.h>

static bool
has_text(const char *s)
{
	return s != NULL && s[0] != '\0';
}

static bool
wants_tls(const struct dm_sql_params *p)
{
	return has_text(p->ssl_ca) || has_text(p->ssl_cert) ||
	       has_text(p->ssl_key);
}

/* With a CA the chain is always verified. The host name is too, unless names
 * are listed: then dm_sql_check_tls_ does that. */
void
dm_sql_set_tls_(MYSQL *my, const struct dm_sql_params *p)
{
	my_bool yes = 1;
	my_bool verify_host = has_text(p->ssl_ca) && p->cert_allowed_cn == NULL;

	if (!wants_tls(p))
		return;
	if (has_text(p->ssl_ca))
		mysql_options(my, MYSQL_OPT_SSL_CA, p->ssl_ca);
	if (has_text(p->ssl_cert))
		mysql_options(my, MYSQL_OPT_SSL_CERT, p->ssl_cert);
	if (has_text(p->ssl_key))
		mysql_options(my, MYSQL_OPT_SSL_KEY, p->ssl_key);
	mysql_options(my, MYSQL_OPT_SSL_ENFORCE, &yes);
	mysql_options(my, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify_host);
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

	if (io != NULL) /* NULL: the connection is lost */
		io->methods->set_timeout(
		    io, PVIO_READ_TIMEOUT, (int)MIN(seconds, 86400u));
}

bool
dm_sql_wait_input(struct dm_sql_conn *conn, int timeout_ms)
{
	MARIADB_PVIO *io = conn->my->net.pvio;
	struct pollfd p = { .fd = conn->fd, .events = POLLIN };
	size_t cached;

	if (io == NULL)
		return true; /* the next call fails at once */
	cached = (size_t)(io->cache + io->cache_size - io->cache_pos);
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
