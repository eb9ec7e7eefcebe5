/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PEM texts -> checked certificates and OpenSSL contexts: see tls.h.
 *
 * DESIGN: all is parsed from memory, so that what was checked is what is used,
 * whatever happens to the files meanwhile.
 */
#include "lib/crypt/tls_internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

/* Of a chain or a bundle. */
#define MAX_CERTS 1000

static const unsigned char alpn_http1[] = "\x08http/1.1";
static const unsigned char alpn_h2[] = "\x02h2";

/* The reason of the newest OpenSSL error; static. Empties the queue. */
static const char *
openssl_reason(void)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return why != NULL ? why : "unknown error";
}

/* Never ask on the terminal. */
static int
no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	*(bool *)arg = true;
	return -1;
}

/* ---- parsing ---- */

/* All certificates of a text, in order; NULL when one cannot be read. A text
 * without any gives an empty stack. */
static STACK_OF(X509) * parse_certs(const char *text)
{
	BIO *bio = BIO_new_mem_buf(text, -1);
	STACK_OF(X509) *list = sk_X509_new_null();
	unsigned long e;
	X509 *x;

	dm_assert(bio != NULL && list != NULL);
	ERR_clear_error();
	while (sk_X509_num(list) < MAX_CERTS &&
	       (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		dm_assert(sk_X509_push(list, x) > 0);
	BIO_free(bio);
	e = ERR_peek_last_error();
	if (ERR_GET_LIB(e) == ERR_LIB_PEM &&
	    ERR_GET_REASON(e) == PEM_R_NO_START_LINE) {
		ERR_clear_error(); /* that is how the end looks */
		return list;
	}
	sk_X509_pop_free(list, X509_free);
	return NULL;
}

static struct dm_err *
certs_of(
    const char *what, const char *at, const char *text, STACK_OF(X509) * *out)
{
	STACK_OF(X509) *list = parse_certs(text);

	if (list == NULL)
		return dm_err_plain("%s: %s: %s", what, at, openssl_reason());
	if (sk_X509_num(list) == 0) {
		sk_X509_free(list);
		return dm_err_plain(
		    "%s: %s: there is no PEM certificate in it", what, at);
	}
	*out = list;
	return NULL;
}

static struct dm_err *
key_of(const char *at, const char *text, EVP_PKEY **out)
{
	BIO *bio = BIO_new_mem_buf(text, -1);
	bool asked = false;

	dm_assert(bio != NULL);
	ERR_clear_error();
	*out = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &asked);
	BIO_free(bio);
	if (*out != NULL)
		return NULL;
	if (asked) {
		ERR_clear_error();
		return dm_err_plain("could not load client key pair: %s: the "
				    "key has a passphrase, which cannot be "
				    "asked for; store it without",
		    at);
	}
	return dm_err_plain("could not load client key pair: %s: there is no "
			    "PEM private key in it (%s)",
	    at, openssl_reason());
}

/* New string: "2026-01-02 03:04:05". */
static char *
time_text(const ASN1_TIME *at)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(at, &tm) != 1)
		return g_strdup("an unreadable time");
	return g_strdup_printf("%04d-%02d-%02d %02d:%02d:%02d UTC",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec);
}

/* Nobody would accept it: told here, where it can be mended. */
static struct dm_err *
check_dates(X509 *cert, const char *at)
{
	const ASN1_TIME *from = X509_get0_notBefore(cert);
	const ASN1_TIME *to = X509_get0_notAfter(cert);
	g_autofree char *cn = dm_tls_common_name(cert);
	g_autofree char *from_text = time_text(from);
	g_autofree char *to_text = time_text(to);

	if (X509_cmp_current_time(to) < 0)
		return dm_err_plain("could not load client key pair: %s: the "
				    "certificate (CN=%s) expired on %s",
		    at, cn != NULL ? cn : "", to_text);
	if (X509_cmp_current_time(from) > 0)
		return dm_err_plain("could not load client key pair: %s: the "
				    "certificate (CN=%s) is not valid before "
				    "%s",
		    at, cn != NULL ? cn : "", from_text);
	return NULL;
}

/* ---- contexts ---- */

/* gRPC's clients never offer HTTP/1.1; those that offer both mean HTTP. */
static int
choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned in_len, void *arg)
{
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, alpn_http1,
		sizeof(alpn_http1) - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED &&
	    SSL_select_next_proto(&chosen, out_len, alpn_h2,
		sizeof(alpn_h2) - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *
context_new(const SSL_METHOD *method, struct dm_tls *owner)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	dm_assert(ctx != NULL);
	SSL_CTX_set_app_data(ctx, owner);
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_mode(
	    ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS |
		     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
		     /* Send the chain as the file has it, not the authority. */
		     SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_options(ctx,
	    SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_verify(ctx,
	    SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
	    dm_tls_verify_peer);
	return ctx;
}

static void
trust(SSL_CTX *ctx, STACK_OF(X509) * authorities, bool server)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);

	for (int i = 0; i < sk_X509_num(authorities); i++) {
		X509 *x = sk_X509_value(authorities, i);

		/* A certificate that is there twice is no error. */
		(void)X509_STORE_add_cert(store, x);
		if (server)
			(void)SSL_CTX_add_client_CA(ctx, x);
	}
	ERR_clear_error();
}

/* chain: the certificate first. False: see OpenSSL's errors. */
static bool
identify(SSL_CTX *ctx, STACK_OF(X509) * chain, EVP_PKEY *key)
{
	if (SSL_CTX_use_certificate(ctx, sk_X509_value(chain, 0)) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1)
		return false;
	for (int i = 1; i < sk_X509_num(chain); i++)
		if (SSL_CTX_add1_chain_cert(ctx, sk_X509_value(chain, i)) != 1)
			return false;
	return true;
}

static struct dm_err *
add_identity(struct dm_tls_set *s, const struct dm_tls_places *at)
{
	STACK_OF(X509) *chain = NULL;
	EVP_PKEY *key = NULL;
	struct dm_err *err;

	err = certs_of(
	    "could not load client key pair", at->cert, s->pem.cert, &chain);
	if (err != NULL)
		return err;
	err = key_of(at->key, s->pem.key, &key);
	if (err == NULL &&
	    X509_check_private_key(sk_X509_value(chain, 0), key) != 1) {
		ERR_clear_error();
		err = dm_err_plain("could not load client key pair: "
				   "certificate %s and key %s do not belong "
				   "together",
		    at->cert, at->key);
	}
	if (err == NULL)
		err = check_dates(sk_X509_value(chain, 0), at->cert);
	if (err == NULL && (!identify(s->server, chain, key) ||
			       !identify(s->client, chain, key)))
		err = dm_err_plain("could not load client key pair: %s: %s",
		    at->cert, openssl_reason());
	sk_X509_pop_free(chain, X509_free);
	EVP_PKEY_free(key);
	return err;
}

struct dm_err *
dm_tls_set_new(struct dm_tls_pem pem, const struct dm_tls_places *at,
    struct dm_tls *owner, struct dm_tls_set **out)
{
	struct dm_tls_set *s = g_new0(struct dm_tls_set, 1);
	STACK_OF(X509) *authorities = NULL;
	struct dm_err *err;

	s->pem = pem;
	atomic_init(&s->refs, 1);
	err = certs_of(
	    "could not read ca certificate", at->ca, pem.ca, &authorities);
	if (err != NULL) {
		dm_tls_set_unref(s);
		return err;
	}
	s->client = context_new(TLS_client_method(), owner);
	trust(s->client, authorities, false);
	if (pem.cert != NULL) {
		s->server = context_new(TLS_server_method(), owner);
		trust(s->server, authorities, true);
		SSL_CTX_set_alpn_select_cb(s->server, choose_protocol, NULL);
		err = add_identity(s, at);
	}
	sk_X509_pop_free(authorities, X509_free);
	if (err != NULL) {
		dm_tls_set_unref(s);
		return err;
	}
	*out = s;
	return NULL;
}

void
dm_tls_pem_clear(struct dm_tls_pem *pem)
{
	if (pem->key != NULL)
		explicit_bzero(pem->key, strlen(pem->key));
	g_clear_pointer(&pem->key, g_free);
	g_clear_pointer(&pem->cert, g_free);
	g_clear_pointer(&pem->ca, g_free);
}

void
dm_tls_set_unref(struct dm_tls_set *s)
{
	if (s == NULL || atomic_fetch_sub(&s->refs, 1) > 1)
		return;
	SSL_CTX_free(s->server);
	SSL_CTX_free(s->client);
	dm_tls_pem_clear(&s->pem);
	g_free(s);
}
