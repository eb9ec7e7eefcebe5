/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of TLS in lib/crypt share. No other folder includes this. */
#ifndef DM_LIB_CRYPT_TLS_INTERNAL_H
#define DM_LIB_CRYPT_TLS_INTERNAL_H

#include "lib/crypt/tls.h"

#include <openssl/ssl.h>
#include <stdatomic.h>

/* One good set. Kept until the last handshake with it has ended. */
struct dm_tls_set {
	struct dm_tls_pem pem; /* first: its address is handed out */
	atomic_uint refs;
	SSL_CTX *server; /* NULL: without a certificate */
	SSL_CTX *client;
};

/* Where the three texts come from, for messages: a path or a word. */
struct dm_tls_places {
	const char *ca, *cert, *key;
};

/* ---- tls_set.c ---- */

/*
 * Check the texts and make the contexts; takes pem. owner is what the
 * contexts' verification asks for listed names. *set: one reference.
 */
struct dm_err *dm_tls_set_new(struct dm_tls_pem pem,
    const struct dm_tls_places *at, struct dm_tls *owner,
    struct dm_tls_set **set) DM_MUST_CHECK;
void dm_tls_set_unref(struct dm_tls_set *s);
void dm_tls_pem_clear(struct dm_tls_pem *pem);

/* ---- tls_peer.c ---- */

/* Verification of a chain: an SSL_verify_cb. It keeps the reason of a refusal
 * for dm_tls_why. */
int dm_tls_verify_peer(int chain_ok, X509_STORE_CTX *ctx);
/* The first common name of the subject; NULL: none, or one with a NUL. New. */
char *dm_tls_common_name(X509 *cert);
/* NULL: the name may connect. Else the reason, a new string. */
char *dm_tls_name_refusal(const struct dm_tls *t, X509 *cert);
/* A BIO over a socket that never raises SIGPIPE; does not close it. */
BIO *dm_tls_bio(int fd);

/* ---- tls.c ---- */

bool dm_tls_lists(const struct dm_tls *t, const char *common_name);

#endif
