/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/crypt/tls*.c: two ends over a socketpair. */
#include "lib/crypt/tls.h"

#include "test/support/pki.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct pki pki;
static const char *const only_dm[] = { "dm", NULL };

/* What `changed` was told. */
static unsigned renewals, ca_renewals;
static atomic_uint failures; /* also counted by a thread that watches */
static char *failure;

static void
on_changed(const struct dm_err *err, bool ca_changed, void *arg)
{
	ck_assert_ptr_eq(arg, &pki);
	if (err != NULL) {
		failures++;
		g_free(failure);
		failure = g_strdup(err->message);
		return;
	}
	renewals++;
	if (ca_changed)
		ca_renewals++;
}

static void
setup(void)
{
	pki_init(&pki);
	pki_ca(&pki, "ca");
	pki_ca(&pki, "ca2");
	pki_cert(&pki, "dm", "ca", "dm", 30);
	pki_cert(&pki, "other", "ca", "other", 30);
	pki_cert(&pki, "alien", "ca2", "dm", 30);
}

static void
teardown(void)
{
	pki_fini(&pki);
	g_clear_pointer(&failure, g_free);
}

/* From files. */
static struct dm_err *
open_tls(const char *ca, const char *name, const char *const *names,
    struct dm_tls **t)
{
	g_autofree char *ca_path = pki_path(&pki, ca, "pem");
	g_autofree char *cert = pki_path(&pki, name, "pem");
	g_autofree char *key = pki_path(&pki, name, "key");
	struct dm_tls_opts o = { .ca = ca_path,
		.cert = cert,
		.key = key,
		.allowed_cn = names,
		.changed = on_changed,
		.arg = &pki };

	return dm_tls_new(&o, t);
}

static struct dm_tls *
must_open(const char *ca, const char *name, const char *const *names)
{
	struct dm_tls *t = NULL;
	DM_AUTO(dm_err) err = open_tls(ca, name, names, &t);

	ck_assert_msg(err == NULL, "%s", err != NULL ? err->message : "");
	return t;
}

/* ---- a handshake in one thread ---- */

struct ends {
	int fd[2];
	SSL *server, *client;
	char *server_why, *client_why; /* NULL: the handshake was done */
};

/* One step of one end. True: it is done or has failed. */
static bool
step(SSL *ssl, char **why)
{
	char byte;
	int rc;

	if (*why != NULL)
		return true;
	errno = 0;
	rc = SSL_do_handshake(ssl);
	/* A TLS 1.3 client hears of its refusal by a read only. */
	if (rc == 1)
		rc = SSL_peek(ssl, &byte, 1) > 0 ? 1 : -1;
	if (rc == 1)
		return true;
	switch (SSL_get_error(ssl, rc)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return SSL_is_init_finished(ssl);
	default:
		*why = dm_tls_why(ssl);
		return true;
	}
}

static void
shake(struct ends *e, struct dm_tls *server, struct dm_tls *client,
    const char *host)
{
	memset(e, 0, sizeof(*e));
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, e->fd), 0);
	e->server = dm_tls_accept(server, e->fd[0]);
	e->client = dm_tls_connect(client, e->fd[1], host);
	ck_assert_ptr_nonnull(e->server);
	ck_assert_ptr_nonnull(e->client);
	for (int i = 0; i < 10; i++) {
		(void)step(e->client, &e->client_why);
		(void)step(e->server, &e->server_why);
	}
}

static void
ends_fini(struct ends *e)
{
	SSL_free(e->server);
	SSL_free(e->client);
	close(e->fd[0]);
	close(e->fd[1]);
	g_free(e->server_why);
	g_free(e->client_why);
}

static void
expect_agreed(struct dm_tls *server, struct dm_tls *client, const char *host)
{
	struct ends e;

	shake(&e, server, client, host);
	ck_assert_msg(e.server_why == NULL, "server: %s", e.server_why);
	ck_assert_msg(e.client_why == NULL, "client: %s", e.client_why);
	ck_assert(SSL_is_init_finished(e.server));
	ck_assert(SSL_is_init_finished(e.client));
	ck_assert_int_ge(SSL_version(e.client), TLS1_2_VERSION);
	ends_fini(&e);
}

/* server_says, client_says: a part of the reason there; NULL: no reason. */
static void
expect_refused(struct dm_tls *server, struct dm_tls *client, const char *host,
    const char *server_says, const char *client_says)
{
	struct ends e;

	shake(&e, server, client, host);
	if (server_says != NULL)
		ck_assert_msg(e.server_why != NULL &&
				  strstr(e.server_why, server_says) != NULL,
		    "server: %s", e.server_why);
	if (client_says != NULL)
		ck_assert_msg(e.client_why != NULL &&
				  strstr(e.client_why, client_says) != NULL,
		    "client: %s", e.client_why);
	ends_fini(&e);
}

START_TEST(two_programs_of_one_authority_agree)
{
	DM_AUTO(dm_tls) a = must_open("ca", "dm", NULL);
	DM_AUTO(dm_tls) b = must_open("ca", "other", NULL);

	expect_agreed(a, b, "10.9.8.7"); /* hosts are not compared */
	expect_agreed(b, a, "10.9.8.7");
}
END_TEST

START_TEST(a_listed_name_is_let_in)
{
	static const char *const names[] = { "other", "dm", NULL };
	DM_AUTO(dm_tls) a = must_open("ca", "dm", names);
	DM_AUTO(dm_tls) b = must_open("ca", "other", names);

	expect_agreed(a, b, "127.0.0.1");
	expect_agreed(a, b, "localhost");
}
END_TEST

START_TEST(a_name_that_is_not_listed_is_refused)
{
	DM_AUTO(dm_tls) strict = must_open("ca", "dm", only_dm);
	DM_AUTO(dm_tls) other = must_open("ca", "other", NULL);
	DM_AUTO(dm_tls) nobody = NULL;

	expect_refused(strict, other, "127.0.0.1", "common name other",
	    "the peer refused us (bad certificate)");
	expect_refused(other, strict, "127.0.0.1", "the peer refused us",
	    "common name other of the peer's certificate is not in "
	    "cert-allowed-cn");
	pki_cert(&pki, "nobody", "ca", NULL, 30);
	nobody = must_open("ca", "nobody", NULL);
	expect_refused(strict, nobody, "127.0.0.1", "has no common name", NULL);
}
END_TEST

START_TEST(with_a_list_the_host_must_be_right)
{
	DM_AUTO(dm_tls) t = must_open("ca", "dm", only_dm);

	expect_agreed(t, t, "127.0.0.1");
	expect_refused(t, t, "127.0.0.2", NULL, "IP address mismatch");
	expect_refused(t, t, "example.org", NULL, "hostname mismatch");
}
END_TEST

START_TEST(another_authority_is_refused)
{
	DM_AUTO(dm_tls) a = must_open("ca", "dm", NULL);
	DM_AUTO(dm_tls) alien = must_open("ca2", "alien", NULL);
	DM_AUTO(dm_tls) naive = must_open("ca", "alien", NULL);

	expect_refused(a, alien, "127.0.0.1", NULL,
	    "unable to get local issuer certificate (CN=dm)");
	expect_refused(a, naive, "127.0.0.1",
	    "unable to get local issuer certificate",
	    "the peer refused us (unknown CA)");
}
END_TEST

START_TEST(a_client_without_a_certificate_is_refused)
{
	g_autofree char *ca = pki_path(&pki, "ca", "pem");
	struct dm_tls_opts o = { .ca = ca };
	DM_AUTO(dm_tls) server = must_open("ca", "dm", NULL);
	DM_AUTO(dm_tls) bare = NULL;

	ck_assert_ptr_null(dm_tls_new(&o, &bare));
	expect_refused(server, bare, "127.0.0.1",
	    "peer did not return a certificate", "certificate required");
	/* And it cannot serve. */
	ck_assert_ptr_null(dm_tls_accept(bare, 0));
}
END_TEST

/* An end that does not look at dates: what ours does when a certificate runs
 * out while it is in use. */
static void
shake_with_expired(bool expired_serves, const char *says)
{
	DM_AUTO(dm_tls) ours = must_open("ca", "dm", NULL);
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	g_autofree char *cert = NULL, *key = NULL, *why = NULL, *drop = NULL;
	SSL *theirs, *us;
	int fd[2];

	pki_cert(&pki, "old", "ca", "dm", -1);
	cert = pki_path(&pki, "old", "pem");
	key = pki_path(&pki, "old", "key");
	ck_assert_int_eq(SSL_CTX_use_certificate_chain_file(ctx, cert), 1);
	ck_assert_int_eq(
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM), 1);
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	theirs = SSL_new(ctx);
	SSL_set_fd(theirs, fd[0]);
	if (expired_serves) {
		SSL_set_accept_state(theirs);
		us = dm_tls_connect(ours, fd[1], "127.0.0.1");
	} else {
		SSL_set_connect_state(theirs);
		us = dm_tls_accept(ours, fd[1]);
	}
	for (int i = 0; i < 10; i++) {
		(void)step(theirs, &drop);
		(void)step(us, &why);
	}
	ck_assert_msg(
	    why != NULL && strstr(why, says) != NULL, "it said: %s", why);
	SSL_free(theirs);
	SSL_free(us);
	SSL_CTX_free(ctx);
	close(fd[0]);
	close(fd[1]);
}

START_TEST(an_expired_peer_is_refused)
{
	shake_with_expired(_i == 0, "certificate has expired (CN=dm)");
}
END_TEST

START_TEST(bytes_that_are_no_tls_are_told)
{
	DM_AUTO(dm_tls) t = must_open("ca", "dm", NULL);
	g_autofree char *why = NULL;
	SSL *ssl;
	int fd[2];

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	ssl = dm_tls_connect(t, fd[0], "h");
	ck_assert_int_eq(write(fd[1], "HTTP/1.0 400 Bad Request\r\n", 26), 26);
	(void)step(ssl, &why);
	ck_assert_str_eq(why, "the peer does not speak TLS");
	SSL_free(ssl);
	close(fd[0]);
	close(fd[1]);
}
END_TEST

START_TEST(a_peer_that_goes_away_raises_no_signal)
{
	DM_AUTO(dm_tls) t = must_open("ca", "dm", NULL);
	g_autofree char *why = NULL;
	SSL *ssl;
	int fd[2];

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	ssl = dm_tls_connect(t, fd[0], "h");
	close(fd[1]);
	(void)step(ssl, &why);
	ck_assert_ptr_nonnull(why);
	SSL_free(ssl);
	close(fd[0]);
}
END_TEST

/* ---- protocols ---- */

/* What a server chooses from a client's list; "" for nothing. */
static char *
negotiated(const unsigned char *offer, unsigned len)
{
	DM_AUTO(dm_tls) t = must_open("ca", "dm", NULL);
	const unsigned char *got;
	char *drop = NULL, *text;
	SSL *server, *client;
	unsigned n;
	int fd[2];

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	server = dm_tls_accept(t, fd[0]);
	client = dm_tls_connect(t, fd[1], "h");
	if (len > 0)
		ck_assert_int_eq(SSL_set_alpn_protos(client, offer, len), 0);
	for (int i = 0; i < 10; i++) {
		(void)step(client, &drop);
		(void)step(server, &drop);
	}
	ck_assert_ptr_null(drop);
	SSL_get0_alpn_selected(client, &got, &n);
	text = n > 0 ? g_strndup((const char *)got, n) : g_strdup("");
	SSL_free(server);
	SSL_free(client);
	close(fd[0]);
	close(fd[1]);
	return text;
}

START_TEST(the_server_chooses_a_protocol)
{
	static const struct {
		const char *offer, *chosen;
	} cases[] = {
		{ "\x02h2", "h2" },
		{ "\x08grpc-exp\x02h2", "h2" },
		{ "\x02h2\x08http/1.1", "http/1.1" },
		{ "\x08http/1.1", "http/1.1" },
		{ "\x06spdy/1", "" },
		{ "", "" },
	};
	g_autofree char *got =
	    negotiated((const unsigned char *)cases[_i].offer,
		(unsigned)strlen(cases[_i].offer));

	ck_assert_str_eq(got, cases[_i].chosen);
}
END_TEST

/* ---- files that are not good ---- */

static void
expect_error(struct dm_err *err, const char *part1, const char *part2)
{
	ck_assert_ptr_nonnull(err);
	ck_assert_msg(strstr(err->message, part1) != NULL, "%s", err->message);
	ck_assert_msg(strstr(err->message, part2) != NULL, "%s", err->message);
	dm_err_free(err);
}

START_TEST(missing_files_are_named)
{
	struct dm_tls *t = NULL;

	expect_error(open_tls("nope", "dm", NULL, &t),
	    "could not read ca certificate: open ",
	    "/nope.pem: No such file or directory");
	expect_error(open_tls("ca", "nope", NULL, &t),
	    "could not load client key pair: open ", "/nope.pem");
	ck_assert_ptr_null(t);
}
END_TEST

START_TEST(a_folder_is_no_file)
{
	g_autofree char *path = pki_path(&pki, "dir", "pem");
	struct dm_tls *t = NULL;

	ck_assert_int_eq(g_mkdir(path, 0700), 0);
	expect_error(open_tls("dir", "dm", NULL, &t), path, "Is a directory");
	(void)g_rmdir(path);
}
END_TEST

START_TEST(files_without_pem_are_named)
{
	struct dm_tls *t = NULL;

	pki_write(&pki, "empty", "pem", "");
	pki_write(&pki, "junk", "pem",
	    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	pki_write(&pki, "dm", "key", "no key");
	expect_error(open_tls("empty", "dm", NULL, &t), "/empty.pem",
	    "no PEM certificate");
	expect_error(open_tls("junk", "dm", NULL, &t),
	    "could not read ca certificate", "/junk.pem");
	expect_error(
	    open_tls("ca", "dm", NULL, &t), "/dm.key", "no PEM private key");
}
END_TEST

START_TEST(a_pair_that_does_not_match_is_told)
{
	g_autofree char *key = pki_text(&pki, "other", "key");
	struct dm_tls *t = NULL;

	pki_write(&pki, "dm", "key", key);
	expect_error(open_tls("ca", "dm", NULL, &t), "do not belong together",
	    "/dm.key");
}
END_TEST

START_TEST(an_expired_certificate_of_ours_is_told)
{
	struct dm_tls *t = NULL;

	pki_cert(&pki, "dm", "ca", "dm", -1);
	expect_error(open_tls("ca", "dm", NULL, &t), "/dm.pem",
	    "the certificate (CN=dm) expired on 20");
}
END_TEST

START_TEST(a_key_with_a_passphrase_is_told_and_not_asked_for)
{
	g_autofree char *path = pki_path(&pki, "dm", "key");
	g_autofree char *text = pki_text(&pki, "dm", "key");
	BIO *bio = BIO_new_mem_buf(text, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	char secret[] = "secret";
	FILE *f = fopen(path, "we");
	struct dm_tls *t = NULL;

	ck_assert_int_eq(PEM_write_PrivateKey(f, key, EVP_aes_256_cbc(),
			     (unsigned char *)secret, 6, NULL, NULL),
	    1);
	fclose(f);
	EVP_PKEY_free(key);
	BIO_free(bio);
	expect_error(
	    open_tls("ca", "dm", NULL, &t), "/dm.key", "has a passphrase");
}
END_TEST

START_TEST(half_of_the_settings_is_refused)
{
	g_autofree char *ca = pki_path(&pki, "ca", "pem");
	g_autofree char *cert = pki_path(&pki, "dm", "pem");
	struct dm_tls_opts no_ca = { .cert = cert, .key = cert };
	struct dm_tls_opts no_key = { .ca = ca, .cert = cert };
	struct dm_tls_opts names = { .allowed_cn = only_dm };
	struct dm_tls *t = NULL;

	expect_error(dm_tls_new(&no_ca, &t), "ssl-ca", "is not set");
	expect_error(dm_tls_new(&names, &t), "ssl-ca", "is not set");
	expect_error(dm_tls_new(&no_key, &t), "ssl-cert", "ssl-key");
}
END_TEST

START_TEST(texts_need_no_files)
{
	g_autofree char *ca = pki_text(&pki, "ca", "pem");
	g_autofree char *cert = pki_text(&pki, "dm", "pem");
	g_autofree char *key = pki_text(&pki, "dm", "key");
	struct dm_tls_opts o = {
		.ca = "/nowhere", .ca_pem = ca, .cert_pem = cert, .key_pem = key
	};
	DM_AUTO(dm_tls) t = NULL;

	ck_assert_ptr_null(dm_tls_new(&o, &t));
	expect_agreed(t, t, "h");
}
END_TEST

/* ---- renewal ---- */

START_TEST(new_files_are_used_by_new_handshakes)
{
	DM_AUTO(dm_tls) strict = must_open("ca", "other", only_dm);
	DM_AUTO(dm_tls) t = must_open("ca", "dm", NULL);

	expect_agreed(strict, t, "127.0.0.1");
	pki_cert(&pki, "dm", "ca", "somebody", 30);
	expect_refused(
	    strict, t, "127.0.0.1", "the common name somebody", NULL);
	ck_assert_uint_eq(renewals, 1);
	ck_assert_uint_eq(ca_renewals, 0);
	ck_assert_uint_eq(failures, 0);
}
END_TEST

START_TEST(a_new_authority_is_used_and_told)
{
	DM_AUTO(dm_tls) t = must_open("ca", "dm", NULL);
	DM_AUTO(dm_tls) alien = must_open("ca2", "alien", NULL);
	g_autofree char *ca2 = pki_text(&pki, "ca2", "pem");
	g_autofree char *cert = pki_text(&pki, "alien", "pem");
	g_autofree char *key = pki_text(&pki, "alien", "key");

	expect_refused(alien, t, "h", NULL, "unable to get");
	pki_write(&pki, "ca", "pem", ca2);
	pki_write(&pki, "dm", "pem", cert);
	pki_write(&pki, "dm", "key", key);
	expect_agreed(alien, t, "h");
	ck_assert_uint_eq(ca_renewals, 1);
}
END_TEST

START_TEST(bad_new_files_keep_the_old_and_are_told_once)
{
	DM_AUTO(dm_tls) t = must_open("ca", "dm", NULL);

	pki_write(&pki, "dm", "pem", "half a fi");
	for (int i = 0; i < 5; i++)
		expect_agreed(t, t, "h");
	ck_assert_uint_eq(failures, 1);
	ck_assert_ptr_nonnull(strstr(failure, "/dm.pem"));
	pki_cert(&pki, "dm", "ca", "dm", -1);
	expect_agreed(t, t, "h");
	ck_assert_uint_eq(failures, 2);
	ck_assert_ptr_nonnull(strstr(failure, "expired"));
	ck_assert_uint_eq(renewals, 0);
	pki_cert(&pki, "dm", "ca", "dm", 30);
	expect_agreed(t, t, "h");
	ck_assert_uint_eq(renewals, 1);
}
END_TEST

START_TEST(a_file_that_is_gone_keeps_the_old)
{
	DM_AUTO(dm_tls) t = must_open("ca", "dm", NULL);
	g_autofree char *path = pki_path(&pki, "ca", "pem");

	ck_assert_int_eq(g_unlink(path), 0);
	expect_agreed(t, t, "h");
	ck_assert_uint_eq(failures, 1);
	ck_assert_ptr_nonnull(strstr(failure, "No such file"));
}
END_TEST

START_TEST(a_touched_file_is_no_news)
{
	DM_AUTO(dm_tls) t = must_open("ca", "dm", NULL);
	g_autofree char *text = pki_text(&pki, "dm", "pem");

	pki_write(&pki, "dm", "pem", text);
	expect_agreed(t, t, "h");
	ck_assert_uint_eq(renewals + failures, 0);
}
END_TEST

START_TEST(the_watch_tells_without_a_connection)
{
	struct dm_tls *t = must_open("ca", "dm", NULL);

	dm_tls_watch(t, 10);
	pki_write(&pki, "dm", "pem", "bad");
	while (failures == 0) /* it is told on another thread */
		g_usleep(1000);
	dm_tls_unwatch(t);
	dm_tls_unwatch(t);
	ck_assert_uint_eq(failures, 1);
	dm_tls_free(t);
}
END_TEST

START_TEST(a_set_in_use_outlives_its_renewal)
{
	DM_AUTO(dm_tls) t = must_open("ca", "dm", NULL);
	g_autofree char *before = pki_text(&pki, "dm", "pem");
	const struct dm_tls_pem *old = dm_tls_pem_get(t);
	const struct dm_tls_pem *now;

	pki_cert(&pki, "dm", "ca", "dm", 30);
	now = dm_tls_pem_get(t);
	ck_assert_str_eq(old->cert, before);
	ck_assert_str_ne(now->cert, before);
	dm_tls_pem_unref(old);
	dm_tls_pem_unref(now);
	dm_tls_pem_unref(NULL);
}
END_TEST

/* ---- the check for other libraries ---- */

START_TEST(the_check_for_others_sees_names_and_hosts)
{
	DM_AUTO(dm_tls) free_ = must_open("ca", "dm", NULL);
	DM_AUTO(dm_tls) strict = must_open("ca", "dm", only_dm);
	g_autofree char *dm = pki_text(&pki, "dm", "pem");
	g_autofree char *other = pki_text(&pki, "other", "pem");
	g_autofree char *w1 = NULL, *w2 = NULL, *w3 = NULL;

	ck_assert_ptr_null(dm_tls_refusal(free_, other, "anywhere"));
	ck_assert_ptr_null(dm_tls_refusal(strict, dm, "127.0.0.1"));
	ck_assert_ptr_null(dm_tls_refusal(strict, dm, "localhost"));
	w1 = dm_tls_refusal(strict, other, "127.0.0.1");
	ck_assert_ptr_nonnull(strstr(w1, "common name other"));
	w2 = dm_tls_refusal(strict, dm, "10.0.0.1");
	ck_assert_ptr_nonnull(strstr(w2, "is not for 10.0.0.1"));
	w3 = dm_tls_refusal(strict, "rubbish", "127.0.0.1");
	ck_assert_ptr_nonnull(strstr(w3, "cannot be read"));
}
END_TEST

/* ---- nothing stays behind ---- */

static size_t
open_fds(void)
{
	g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
	size_t n = 0;

	while (g_dir_read_name(dir) != NULL)
		n++;
	return n;
}

START_TEST(a_thousand_handshakes_leave_nothing)
{
	DM_AUTO(dm_tls) strict = must_open("ca", "dm", only_dm);
	DM_AUTO(dm_tls) other = must_open("ca", "other", NULL);
	size_t before = open_fds();

	for (int i = 0; i < 500; i++) {
		expect_agreed(strict, strict, "127.0.0.1");
		expect_refused(strict, other, "127.0.0.1", "other", NULL);
	}
	ck_assert_uint_eq(open_fds(), before);
}
END_TEST

static void
fill(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, two_programs_of_one_authority_agree);
	tcase_add_test(tc, a_listed_name_is_let_in);
	tcase_add_test(tc, a_name_that_is_not_listed_is_refused);
	tcase_add_test(tc, with_a_list_the_host_must_be_right);
	tcase_add_test(tc, another_authority_is_refused);
	tcase_add_test(tc, a_client_without_a_certificate_is_refused);
	tcase_add_loop_test(tc, an_expired_peer_is_refused, 0, 2);
	tcase_add_test(tc, bytes_that_are_no_tls_are_told);
	tcase_add_test(tc, a_peer_that_goes_away_raises_no_signal);
	tcase_add_loop_test(tc, the_server_chooses_a_protocol, 0, 6);
	tcase_add_test(tc, missing_files_are_named);
	tcase_add_test(tc, a_folder_is_no_file);
	tcase_add_test(tc, files_without_pem_are_named);
	tcase_add_test(tc, a_pair_that_does_not_match_is_told);
	tcase_add_test(tc, an_expired_certificate_of_ours_is_told);
	tcase_add_test(tc, a_key_with_a_passphrase_is_told_and_not_asked_for);
	tcase_add_test(tc, half_of_the_settings_is_refused);
	tcase_add_test(tc, texts_need_no_files);
	tcase_add_test(tc, new_files_are_used_by_new_handshakes);
	tcase_add_test(tc, a_new_authority_is_used_and_told);
	tcase_add_test(tc, bad_new_files_keep_the_old_and_are_told_once);
	tcase_add_test(tc, a_file_that_is_gone_keeps_the_old);
	tcase_add_test(tc, a_touched_file_is_no_news);
	tcase_add_test(tc, the_watch_tells_without_a_connection);
	tcase_add_test(tc, a_set_in_use_outlives_its_renewal);
	tcase_add_test(tc, the_check_for_others_sees_names_and_hosts);
	tcase_add_test(tc, a_thousand_handshakes_leave_nothing);
}

int
main(void)
{
	Suite *s = suite_create("lib/crypt/tls");
	TCase *tc = tcase_create("tls");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 120);
	fill(tc);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
