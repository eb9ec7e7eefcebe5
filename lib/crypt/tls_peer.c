/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is at the other end, and why a handshake failed: see tls.h.
 *
 * OpenSSL calls dm_tls_verify_peer inside the handshake, so a refused peer gets
 * an alert and nothing of it is ever read. The reason in words is kept with
 * the connection (ex data), for dm_tls_why.
 */
#include "lib/crypt/tls_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int reason_index;     /* of an SSL's ex data: char *, owned by it */
static BIO_METHOD *bio_type; /* for the life of the process */

/* ---- a socket without SIGPIPE ---- */

static int
bio_fd(BIO *bio)
{
	return GPOINTER_TO_INT(BIO_get_data(bio)) - 1;
}

static int
bio_result(BIO *bio, ssize_t n, int retry)
{
	BIO_clear_retry_flags(bio);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
	return (int)n;
}

static int
bio_write(BIO *bio, const char *data, int len)
{
	return bio_result(bio,
	    send(bio_fd(bio), data, (size_t)len, MSG_NOSIGNAL),
	    BIO_FLAGS_WRITE);
}

static int
bio_read(BIO *bio, char *data, int len)
{
	return bio_result(
	    bio, recv(bio_fd(bio), data, (size_t)len, 0), BIO_FLAGS_READ);
}

static long
bio_control(BIO *bio, int what, long num, void *ptr)
{
	(void)bio;
	(void)num;
	(void)ptr;
	return what == BIO_CTRL_FLUSH ? 1 : 0;
}

static void
free_reason(
    void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	(void)parent;
	(void)ad;
	(void)idx;
	(void)argl;
	(void)argp;
	g_free(ptr);
}

static void
init_once(void)
{
	reason_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_reason);
	bio_type =
	    BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "dm");
	dm_assert(reason_index >= 0 && bio_type != NULL);
	BIO_meth_set_write(bio_type, bio_write);
	BIO_meth_set_read(bio_type, bio_read);
	BIO_meth_set_ctrl(bio_type, bio_control);
}

BIO *
dm_tls_bio(int fd)
{
	BIO *bio;

	pthread_once(&once, init_once);
	bio = BIO_new(bio_type);
	if (bio == NULL)
		return NULL;
	/* 0 would look like no data. */
	BIO_set_data(bio, GINT_TO_POINTER(fd + 1));
	BIO_set_init(bio, 1);
	return bio;
}

/* ---- names ---- */

char *
dm_tls_common_name(X509 *cert)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	unsigned char *utf8 = NULL;
	char *name = NULL;
	int n;

	if (at < 0)
		return NULL;
	n = ASN1_STRING_to_UTF8(
	    &utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	/* A NUL inside would let a longer name pass for a listed one. */
	if (n > 0 && memchr(utf8, '\0', (size_t)n) == NULL)
		name = g_strndup((const char *)utf8, (gsize)n);
	OPENSSL_free(utf8);
	return name;
}

char *
dm_tls_name_refusal(const struct dm_tls *t, X509 *cert)
{
	g_autofree char *name = NULL;

	if (!dm_tls_has_names(t))
		return NULL;
	name = dm_tls_common_name(cert);
	if (name == NULL)
		return g_strdup("the peer's certificate has no common name, "
				"and cert-allowed-cn lists names");
	if (dm_tls_lists(t, name))
		return NULL;
	return g_strdup_printf("the common name %s of the peer's certificate "
			       "is not in cert-allowed-cn",
	    name);
}

static bool
is_for_host(X509 *cert, const char *host)
{
	return X509_check_ip_asc(cert, host, 0) == 1 ||
	       X509_check_host(cert, host, 0, 0, NULL) == 1;
}

char *
dm_tls_refusal(const struct dm_tls *t, const char *peer_pem, const char *host)
{
	BIO *bio = BIO_new_mem_buf(peer_pem, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	char *why = NULL;

	BIO_free(bio);
	if (cert == NULL) {
		ERR_clear_error();
		return g_strdup("the peer's certificate cannot be read");
	}
	why = dm_tls_name_refusal(t, cert);
	if (why == NULL && dm_tls_has_names(t) && !is_for_host(cert, host))
		why = g_strdup_printf(
		    "the peer's certificate is not for %s", host);
	X509_free(cert);
	ERR_clear_error();
	return why;
}

/* ---- verification ---- */

/* Takes why; the first reason stays. */
static void
keep_reason(SSL *ssl, char *why)
{
	if (SSL_get_ex_data(ssl, reason_index) != NULL ||
	    SSL_set_ex_data(ssl, reason_index, why) != 1)
		g_free(why);
}

static char *
chain_refusal(X509_STORE_CTX *ctx)
{
	int error = X509_STORE_CTX_get_error(ctx);
	X509 *cert = X509_STORE_CTX_get_current_cert(ctx);
	g_autofree char *name = cert != NULL ? dm_tls_common_name(cert) : NULL;

	return g_strdup_printf("the peer's certificate was refused: %s (CN=%s)",
	    X509_verify_cert_error_string(error), name != NULL ? name : "");
}

int
dm_tls_verify_peer(int chain_ok, X509_STORE_CTX *ctx)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(
	    ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
	const struct dm_tls *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	char *why;

	if (!chain_ok) {
		keep_reason(ssl, chain_refusal(ctx));
		return 0;
	}
	if (X509_STORE_CTX_get_error_depth(ctx) > 0)
		return 1;
	why = dm_tls_name_refusal(t, X509_STORE_CTX_get_current_cert(ctx));
	if (why == NULL)
		return 1;
	keep_reason(ssl, why);
	X509_STORE_CTX_set_error(ctx, X509_V_ERR_CERT_REJECTED);
	return 0;
}

/* ---- reasons ---- */

/* OpenSSL has no text for this newer one. */
static const char *
alert_text(int alert)
{
	return alert == SSL_AD_CERTIFICATE_REQUIRED
		   ? "certificate required"
		   : SSL_alert_desc_string_long(alert);
}

static char *
reason_of(unsigned long e)
{
	int reason = ERR_GET_REASON(e);
	const char *text;

	/* OpenSSL numbers the peer's alerts so. */
	if (ERR_GET_LIB(e) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET &&
	    reason < SSL_AD_REASON_OFFSET + 256)
		return g_strdup_printf(
		    "the peer refused us (%s), its log may say why",
		    alert_text(reason - SSL_AD_REASON_OFFSET));
	if (ERR_GET_LIB(e) == ERR_LIB_SSL &&
	    (reason == SSL_R_WRONG_VERSION_NUMBER ||
		reason == SSL_R_HTTP_REQUEST ||
		reason == SSL_R_PACKET_LENGTH_TOO_LONG))
		return g_strdup("the peer does not speak TLS");
	if (ERR_GET_LIB(e) == ERR_LIB_SSL &&
	    reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return g_strdup("the peer closed the connection");
	text = ERR_reason_error_string(e);
	return g_strdup(text != NULL ? text : "unknown error");
}

char *
dm_tls_why(SSL *ssl)
{
	int saved = errno;
	const char *kept = SSL_get_ex_data(ssl, reason_index);
	unsigned long e = ERR_peek_last_error();

	ERR_clear_error();
	if (kept != NULL)
		return g_strdup(kept);
	if (e != 0)
		return reason_of(e);
	if (saved != 0)
		return g_strdup(g_strerror(saved));
	return g_strdup("the peer closed the connection");
}
