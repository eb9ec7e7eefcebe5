/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificates of this process, for both ends of a TLS connection: read
 * from files, checked, and read again when the files change.
 *
 * DESIGN: dm_tls holds one set of certificate authority, certificate and key
 * that was found good. Every new handshake first looks whether a file changed
 * (three stat(2)); a new set that is not good is told once, by `changed`, and
 * the old one stays. Connections that exist keep what they began with.
 *
 * RULES of a handshake, both ends: TLS 1.2 or newer; the peer shows a
 * certificate that its chain leads to our authority; with a list of common
 * names, its common name is listed. A client also checks the server's host
 * name, but only with such a list, as DM does. Nothing is resumed: every
 * connection is checked in full.
 * SOURCE: control-plane reference 7.1. Differs: DM's worker demands no client
 * certificate without a list of names; here the authority alone demands it, as
 * DM's master (etcd's listener) does.
 *
 * Threads: any.
 */
#ifndef DM_LIB_CRYPT_TLS_H
#define DM_LIB_CRYPT_TLS_H

#include "lib/err/err.h"

struct ssl_st;
struct x509_st;
struct dm_tls;

/*
 * What happened to the files: err NULL: a new set is in use from now on;
 * ca_changed: also its authority. Otherwise: why the old one is kept. err is
 * borrowed. On the thread that noticed: must be short.
 */
typedef void dm_tls_changed_fn(
    const struct dm_err *err, bool ca_changed, void *arg);

/* Strings are copied; NULL and "" mean that it is not given. */
struct dm_tls_opts {
	const char *ca, *cert, *key;             /* paths of PEM files */
	const char *ca_pem, *cert_pem, *key_pem; /* contents; win over paths */
	const char *const *allowed_cn;           /* NULL or empty: every name */
	dm_tls_changed_fn *changed;              /* NULL: nobody is told */
	void *arg;
};

/*
 * Read and check. The authority is needed; certificate and key both or, for a
 * client only, neither. Errors: plain, naming the path: unreadable, no PEM,
 * not a pair, not valid now, a key with a passphrase.
 */
struct dm_err *dm_tls_new(
    const struct dm_tls_opts *o, struct dm_tls **t) DM_MUST_CHECK;
/* After all connections made with it. Ends the watch. Accepts NULL. */
void dm_tls_free(struct dm_tls *t);
DM_DEFINE_AUTO(dm_tls)

/* Look now whether the files changed. */
void dm_tls_refresh(struct dm_tls *t);
/* Look every interval_ms, on a thread of its own, so that `changed` is told
 * also while nobody connects. Once. */
void dm_tls_watch(struct dm_tls *t, unsigned interval_ms);
/* Joins the thread. Idempotent; accepts NULL. */
void dm_tls_unwatch(struct dm_tls *t);

/* ---- what is in use ---- */

/* PEM texts; shared, not changed once made. cert and key may be NULL. */
struct dm_tls_pem {
	char *ca, *cert, *key;
};

/* The set in use, after a refresh; a new reference. */
const struct dm_tls_pem *dm_tls_pem_get(struct dm_tls *t);
/* Accepts NULL. */
void dm_tls_pem_unref(const struct dm_tls_pem *pem);

/* Is there a list of common names? */
bool dm_tls_has_names(const struct dm_tls *t);
/*
 * The check that a client of another TLS library leaves to us: common name and
 * host of a server whose chain was verified. host: name or address, without
 * port. NULL, or the reason (a new string).
 */
char *dm_tls_refusal(
    const struct dm_tls *t, const char *peer_pem, const char *host);

/* ---- connections ---- */

/*
 * A connection over fd, which stays the caller's; free it with SSL_free. Then
 * SSL_do_handshake. Never raises SIGPIPE. NULL: no memory or, for _accept, no
 * certificate.
 */
struct ssl_st *dm_tls_accept(struct dm_tls *t, int fd);
/* host: name or address, without port. */
struct ssl_st *dm_tls_connect(struct dm_tls *t, int fd, const char *host);
/* Why the last call on it failed, for people; a new string. Ends the thread's
 * queue of OpenSSL errors. */
char *dm_tls_why(struct ssl_st *ssl);

#endif
