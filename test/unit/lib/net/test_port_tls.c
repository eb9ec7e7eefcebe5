/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suite of lib/net/{port,tls_pipe,probe}.c and lib/rpc/creds.c with TLS: a
 * port with a gRPC server and an HTTP side behind it, real clients before it.
 */
#include "lib/net/port.h"

#include "lib/crypt/tls.h"
#include "lib/net/probe.h"
#include "lib/rpc/health.h"
#include "test/support/pki.h"

#include "health.pb-c.h"
#include "test/unit/lib/rpc/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static const char *const only_dm[] = { "dm", NULL };

static struct pki pki;
static struct dm_tls *tls; /* the server's, and the good clients' */
static struct dm_rpc_server *server;
static struct dm_rpc_health *health;
static struct dm_port *port;
static int number;
static char *address;

static struct dm_mutex mu; /* guards the fields below */
static pthread_cond_t cond;
static int http_fd = -1;
static char http_peer[64];
static unsigned refusals;
static char *refusal;

static void
take_grpc(int fd, const char *peer, void *arg)
{
	dm_rpc_server_adopt(arg, fd, peer);
}

static void
take_http(int fd, const char *peer, void *arg)
{
	(void)arg;
	dm_mutex_lock(&mu);
	if (http_fd >= 0)
		close(http_fd);
	http_fd = fd;
	g_strlcpy(http_peer, peer, sizeof(http_peer));
	pthread_cond_broadcast(&cond);
	dm_mutex_unlock(&mu);
}

static int
wait_http(void)
{
	int fd;

	dm_mutex_lock(&mu);
	while (http_fd < 0)
		ck_assert(dm_cond_wait_ms(&cond, &mu, 60000));
	fd = http_fd;
	http_fd = -1;
	dm_mutex_unlock(&mu);
	return fd;
}

static void
on_refused(const char *peer, const char *why, void *arg)
{
	(void)arg;
	ck_assert_msg(g_str_has_prefix(peer, "ipv4:127.0.0.1:"), "%s", peer);
	dm_mutex_lock(&mu);
	refusals++;
	g_free(refusal);
	refusal = g_strdup(why);
	pthread_cond_broadcast(&cond);
	dm_mutex_unlock(&mu);
}

static void
expect_refusal(const char *part)
{
	dm_mutex_lock(&mu);
	while (refusals == 0)
		ck_assert(dm_cond_wait_ms(&cond, &mu, 60000));
	ck_assert_msg(strstr(refusal, part) != NULL, "%s", refusal);
	refusals = 0;
	dm_mutex_unlock(&mu);
}

static struct dm_tls *
open_tls(const char *ca, const char *name, const char *const *names)
{
	g_autofree char *ca_path = pki_path(&pki, ca, "pem");
	g_autofree char *cert = pki_path(&pki, name, "pem");
	g_autofree char *key = pki_path(&pki, name, "key");
	struct dm_tls_opts o = {
		.ca = ca_path, .cert = cert, .key = key, .allowed_cn = names
	};
	struct dm_tls *t = NULL;

	ck_assert_ptr_null(dm_tls_new(&o, &t));
	return t;
}

static void
open_port(struct dm_tls *with)
{
	struct dm_port_handlers h = { .grpc = take_grpc,
		.grpc_arg = server,
		.http = take_http,
		.tls = with,
		.refused = on_refused };

	ck_assert_ptr_null(dm_port_open("127.0.0.1:0", &h, &port, &number));
	g_free(address);
	address = g_strdup_printf("127.0.0.1:%d", number);
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
	tls = open_tls("ca", "dm", only_dm);
	dm_rpc_init();
	dm_mutex_init(&mu, 900);
	dm_cond_init(&cond);
	health = dm_rpc_health_new();
	dm_rpc_health_set(health, "", true);
	server = dm_rpc_server_new(NULL);
	dm_rpc_health_register(health, server);
	ck_assert_ptr_null(dm_rpc_server_start(server, NULL, NULL));
	open_port(tls);
}

static void
teardown(void)
{
	dm_port_close(port);
	dm_rpc_server_free(server);
	dm_port_free(port);
	dm_rpc_health_free(health);
	dm_rpc_use_tls(NULL);
	dm_rpc_shutdown();
	fixture_await_threads();
	dm_tls_free(tls);
	pki_fini(&pki);
	if (http_fd >= 0)
		close(http_fd);
	g_clear_pointer(&address, g_free);
	g_clear_pointer(&refusal, g_free);
}

/* ---- clients ---- */

static int
dial(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)number),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { .tv_sec = 20 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			     sizeof(patience)),
	    0);
	return fd;
}

/* A connection whose handshake is done; *fd is to be closed. */
static SSL *
dial_tls(struct dm_tls *with, int *fd)
{
	SSL *ssl;

	*fd = dial();
	ssl = dm_tls_connect(with, *fd, "127.0.0.1");
	ck_assert_int_eq(SSL_do_handshake(ssl), 1);
	return ssl;
}

static void
hang_up(SSL *ssl, int fd)
{
	SSL_free(ssl);
	close(fd);
}

static struct dm_err *
health_check(struct dm_rpc_channel *ch)
{
	Grpc__Health__V1__HealthCheckRequest req;
	ProtobufCMessage *m = NULL;
	struct dm_err *err;

	grpc__health__v1__health_check_request__init(&req);
	err = dm_rpc_unary(ch, &grpc__health__v1__health__descriptor, "Check",
	    &req.base, 20000, NULL, &m, NULL);
	if (m != NULL)
		protobuf_c_message_free_unpacked(m, NULL);
	return err;
}

static void
expect_grpc(struct dm_tls *with, const char *target)
{
	DM_AUTO(dm_rpc_channel) ch = NULL;
	DM_AUTO(dm_err) err = NULL;

	dm_rpc_use_tls(with);
	ch = dm_rpc_channel_new(target, NULL);
	err = health_check(ch);
	ck_assert_msg(err == NULL, "%s", err != NULL ? err->message : "");
}

/* grpc_part: of what the call says; probe_part: of what the probe finds. */
static void
expect_no_grpc(
    struct dm_tls *with, const char *grpc_part, const char *probe_part)
{
	DM_AUTO(dm_rpc_channel) ch = NULL;
	DM_AUTO(dm_err) err = NULL;
	DM_AUTO(dm_err) why = NULL;

	dm_rpc_use_tls(with);
	ch = dm_rpc_channel_new(address, NULL);
	ck_assert(!dm_rpc_channel_wait(ch, 300));
	err = health_check(ch);
	ck_assert_ptr_nonnull(err);
	ck_assert_msg(
	    strstr(err->message, grpc_part) != NULL, "%s", err->message);
	why = dm_net_probe(address, with, 5000);
	ck_assert_ptr_nonnull(why);
	ck_assert_msg(
	    strstr(why->message, probe_part) != NULL, "%s", why->message);
}

/* ---- what works ---- */

START_TEST(grpc_works_over_tls)
{
	g_autofree char *by_name = g_strdup_printf("localhost:%d", number);

	for (int i = 0; i < 5; i++)
		expect_grpc(tls, address);
	expect_grpc(tls, by_name);
	ck_assert_ptr_null(dm_net_probe(address, tls, 5000));
}
END_TEST

START_TEST(http_gets_its_bytes_in_clear)
{
	char buf[64];
	int fd, taken;
	SSL *ssl = dial_tls(tls, &fd);

	ck_assert_int_eq(SSL_write(ssl, "GET / HTTP/1.1\r\n\r\n", 18), 18);
	taken = wait_http();
	ck_assert_int_eq(fcntl(taken, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(recv(taken, buf, 18, MSG_WAITALL), 18);
	ck_assert_int_eq(memcmp(buf, "GET / HTTP/1.1\r\n\r\n", 18), 0);
	ck_assert_msg(
	    g_str_has_prefix(http_peer, "ipv4:127.0.0.1:"), "%s", http_peer);
	/* The answer, and the end of the connection after it. */
	ck_assert_int_eq(send(taken, "HTTP/1.1 200 OK\r\n", 17, 0), 17);
	close(taken);
	ck_assert_int_eq(SSL_read(ssl, buf, sizeof(buf)), 17);
	ck_assert_int_eq(SSL_read(ssl, buf, sizeof(buf)), 0);
	ck_assert_int_eq(SSL_get_error(ssl, 0), SSL_ERROR_ZERO_RETURN);
	hang_up(ssl, fd);
}
END_TEST

START_TEST(a_client_that_ends_its_side_still_gets_the_answer)
{
	char buf[64];
	int fd, taken;
	SSL *ssl = dial_tls(tls, &fd);

	ck_assert_int_eq(SSL_write(ssl, "GET /", 5), 5);
	taken = wait_http();
	(void)SSL_shutdown(ssl);
	ck_assert_int_eq(recv(taken, buf, 5, MSG_WAITALL), 5);
	ck_assert_int_eq(recv(taken, buf, 1, 0), 0);
	ck_assert_int_eq(send(taken, "late", 4, 0), 4);
	ck_assert_int_eq(SSL_read(ssl, buf, sizeof(buf)), 4);
	close(taken);
	hang_up(ssl, fd);
}
END_TEST

/* More than all buffers on the way hold, both ways at once. */
#define MANY ((size_t)8 << 20)

static void *
echo(void *arg)
{
	int fd = *(int *)arg;
	char buf[5000];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		for (ssize_t at = 0, w; at < n; at += w) {
			w = send(fd, buf + at, (size_t)(n - at), MSG_NOSIGNAL);
			if (w <= 0)
				return NULL;
		}
	return NULL;
}

static void *
send_many(void *arg)
{
	char buf[7000];
	int fd = *(int *)arg;

	/* Only counted at the other end; TLS checks what they are. */
	memset(buf, 'x', sizeof(buf));
	for (size_t sent = 0; sent < MANY;) {
		size_t n = MIN(sizeof(buf), MANY - sent);
		ssize_t w = send(fd, buf, n, MSG_NOSIGNAL);

		if (w <= 0)
			break;
		sent += (size_t)w;
	}
	close(fd);
	return NULL;
}

START_TEST(large_streams_pass_in_order)
{
	char out[6000], in[6000];
	size_t sent = 0, got = 0, wrong = 0;
	pthread_t thread;
	int fd, taken;
	SSL *ssl = dial_tls(tls, &fd);

	ck_assert_int_eq(SSL_write(ssl, "e", 1), 1);
	taken = wait_http();
	thread = dm_thread_start("echo", echo, &taken);
	ck_assert_int_eq(SSL_read(ssl, in, 1), 1);
	while (sent < MANY / 4) {
		for (size_t i = 0; i < sizeof(out); i++)
			out[i] = (char)((sent + i) % 251);
		ck_assert_int_eq(
		    SSL_write(ssl, out, sizeof(out)), (int)sizeof(out));
		sent += sizeof(out);
		while (got < sent) {
			int n = SSL_read(ssl, in, sizeof(in));

			ck_assert_int_gt(n, 0);
			for (int i = 0; i < n; i++)
				wrong +=
				    in[i] != (char)((got + (size_t)i) % 251);
			got += (size_t)n;
		}
	}
	ck_assert_uint_eq(wrong, 0);
	hang_up(ssl, fd);
	pthread_join(thread, NULL);
	close(taken);
}
END_TEST

START_TEST(a_slow_reader_holds_up_its_own_connection_only)
{
	char buf[9000];
	size_t got = 0;
	pthread_t thread;
	int fd, taken;
	SSL *ssl = dial_tls(tls, &fd);

	ck_assert_int_eq(SSL_write(ssl, "GET", 3), 3);
	taken = wait_http();
	thread = dm_thread_start("many", send_many, &taken);
	g_usleep(200000); /* everything on the way is full by then */
	expect_grpc(tls, address);
	for (int n; (n = SSL_read(ssl, buf, sizeof(buf))) > 0;)
		got += (size_t)n;
	ck_assert_uint_eq(got, MANY);
	pthread_join(thread, NULL);
	hang_up(ssl, fd);
}
END_TEST

/* ---- who is turned away ---- */

START_TEST(a_wrong_name_is_refused)
{
	DM_AUTO(dm_tls) other = open_tls("ca", "other", only_dm);

	expect_no_grpc(other, "Unavailable", "the peer refused us");
	expect_refusal("the common name other");
	dm_rpc_use_tls(NULL);
}
END_TEST

START_TEST(a_client_refuses_a_server_with_a_wrong_name)
{
	static const char *const names[] = { "nobody", NULL };
	DM_AUTO(dm_tls) picky = open_tls("ca", "dm", names);

	expect_no_grpc(picky, "common name dm", "the common name dm");
	dm_rpc_use_tls(NULL);
}
END_TEST

START_TEST(a_client_with_names_refuses_a_wrong_host)
{
	g_autofree char *other = g_strdup_printf("127.0.0.2:%d", number);
	DM_AUTO(dm_rpc_channel) ch = NULL;
	DM_AUTO(dm_err) err = NULL;

	dm_port_free(DM_TAKE(port));
	{
		struct dm_port_handlers h = {
			.grpc = take_grpc, .grpc_arg = server, .tls = tls
		};
		ck_assert_ptr_null(
		    dm_port_open("127.0.0.2:0", &h, &port, &number));
	}
	g_free(g_steal_pointer(&other));
	other = g_strdup_printf("127.0.0.2:%d", number);
	dm_rpc_use_tls(tls);
	ch = dm_rpc_channel_new(other, NULL);
	ck_assert(!dm_rpc_channel_wait(ch, 300));
	err = health_check(ch);
	ck_assert_ptr_nonnull(err);
	ck_assert_msg(strstr(err->message, "is not for 127.0.0.2") != NULL,
	    "%s", err->message);
}
END_TEST

START_TEST(another_authority_is_refused)
{
	DM_AUTO(dm_tls) alien = open_tls("ca2", "alien", NULL);
	DM_AUTO(dm_tls) naive = open_tls("ca", "alien", NULL);

	expect_no_grpc(alien, "Unavailable", "unable to get local issuer");
	expect_refusal(""); /* not every client says why it goes */
	expect_no_grpc(naive, "Unavailable", "the peer refused us (unknown CA");
	expect_refusal("unable to get local issuer certificate (CN=dm)");
	dm_rpc_use_tls(NULL);
}
END_TEST

START_TEST(a_plain_client_of_a_tls_port_is_told)
{
	char buf[200] = "";
	int fd = dial();

	ck_assert_int_eq(send(fd, "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
	ck_assert_int_gt(recv(fd, buf, sizeof(buf) - 1, MSG_WAITALL), 0);
	ck_assert_msg(g_str_has_prefix(buf, "HTTP/1.0 400 ") &&
			  strstr(buf, "HTTPS server") != NULL,
	    "%s", buf);
	close(fd);
	expect_refusal("it does not speak TLS, and this port does");
	expect_no_grpc(NULL, "Unavailable", "the server needs TLS");
}
END_TEST

START_TEST(a_tls_client_of_a_plain_port_is_told)
{
	dm_port_free(DM_TAKE(port));
	open_port(NULL);
	expect_no_grpc(tls, "Unavailable", "the peer does not speak TLS");
	expect_refusal("it speaks TLS, and this port does not");
	expect_grpc(NULL, address);
	ck_assert_ptr_null(dm_net_probe(address, NULL, 5000));
}
END_TEST

START_TEST(a_flood_of_refusals_is_told_in_part)
{
	for (int i = 0; i < 60; i++) {
		int fd = dial();

		ck_assert_int_eq(send(fd, "x", 1, 0), 1);
		while (recv(fd, (char[64]){ 0 }, 64, 0) > 0)
			;
		close(fd);
	}
	dm_mutex_lock(&mu);
	ck_assert_uint_ge(refusals, 1);
	ck_assert_uint_lt(refusals, 60);
	dm_mutex_unlock(&mu);
}
END_TEST

/* ---- the probe ---- */

START_TEST(the_probe_tells_that_nobody_listens)
{
	DM_AUTO(dm_err) err = NULL;
	DM_AUTO(dm_err) bad = NULL;

	dm_port_free(DM_TAKE(port));
	err = dm_net_probe(address, tls, 1000);
	ck_assert_ptr_nonnull(err);
	ck_assert_ptr_nonnull(strstr(err->message, "Connection refused"));
	bad = dm_net_probe("nonsense", NULL, 1000);
	ck_assert_ptr_nonnull(bad);
}
END_TEST

START_TEST(the_probe_gives_up_in_time)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct dm_tls *with = _i == 0 ? NULL : tls;
	g_autofree char *mute = NULL;
	DM_AUTO(dm_err) err = NULL;

	/* It listens, and never says a word. */
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	getsockname(fd, (struct sockaddr *)&in, &len);
	mute = g_strdup_printf("127.0.0.1:%d", ntohs(in.sin_port));
	err = dm_net_probe(mute, with, 200);
	ck_assert_ptr_nonnull(err);
	ck_assert_msg(
	    strstr(err->message, "no answer") != NULL, "%s", err->message);
	close(fd);
}
END_TEST

/* ---- hostile ---- */

START_TEST(half_open_handshakes_block_nobody)
{
	/* The head of a handshake record that never comes. */
	static const char head[] = { 0x16, 3, 1, 2, 0, 1, 0 };
	int fd[100];

	for (size_t i = 0; i < 100; i++) {
		fd[i] = dial();
		ck_assert_int_eq(send(fd[i], head, i % (sizeof(head) + 1), 0),
		    (int)(i % (sizeof(head) + 1)));
	}
	expect_grpc(tls, address);
	for (size_t i = 0; i < 100; i++)
		close(fd[i]);
	expect_grpc(tls, address);
}
END_TEST

START_TEST(a_handshake_that_stops_is_dropped_after_ten_seconds)
{
	struct dm_mono start = dm_mono_now();
	int fd = dial();
	int64_t ms;
	char c;

	ck_assert_int_eq(send(fd, "\x16\x03\x01\x02", 4, 0), 4);
	ck_assert_int_le(recv(fd, &c, 1, 0), 0);
	ck_assert_int_ne(errno, EAGAIN);
	ms = dm_mono_diff_ms(dm_mono_now(), start);
	ck_assert_int_ge(ms, 9900);
	expect_refusal("was not finished in time");
	close(fd);
}
END_TEST

START_TEST(random_bytes_after_a_handshake_type_do_no_harm)
{
	unsigned seed = 1;

	for (int i = 0; i < 300; i++) {
		char bytes[400];
		size_t n = 6 + (size_t)(i % 390);
		int fd = dial();

		for (size_t k = 0; k < n; k++)
			bytes[k] = (char)rand_r(&seed);
		bytes[0] = 0x16;
		if (i % 2 == 0)
			memcpy(bytes + 1, "\3\1\0\x40\1", 5);
		(void)send(fd, bytes, n, MSG_NOSIGNAL);
		close(fd);
	}
	expect_grpc(tls, address);
}
END_TEST

START_TEST(random_bytes_inside_a_connection_do_no_harm)
{
	for (int i = 0; i < 20; i++) {
		char rubbish[100];
		int fd;
		SSL *ssl = dial_tls(tls, &fd);

		memset(rubbish, 0x17 + i, sizeof(rubbish));
		(void)send(fd, rubbish, sizeof(rubbish), MSG_NOSIGNAL);
		ck_assert_int_le(SSL_read(ssl, rubbish, 1), 0);
		hang_up(ssl, fd);
	}
	expect_grpc(tls, address);
}
END_TEST

static size_t
open_fds(void)
{
	g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
	size_t n = 0;

	while (g_dir_read_name(dir) != NULL)
		n++;
	return n;
}

/* One connection of each kind that there is. */
static void
one_of_each(struct dm_tls *other)
{
	int fd;
	SSL *ssl = dial_tls(tls, &fd);

	/* HTTP, which is closed by its side. */
	ck_assert_int_eq(SSL_write(ssl, "G", 1), 1);
	close(wait_http());
	hang_up(ssl, fd);
	/* Goes away at once, with and without a word. */
	close(dial());
	ssl = dial_tls(tls, &fd);
	hang_up(ssl, fd);
	/* Refused. */
	fd = dial();
	ssl = dm_tls_connect(other, fd, "127.0.0.1");
	(void)SSL_do_handshake(ssl);
	hang_up(ssl, fd);
	/* Plain. */
	fd = dial();
	(void)send(fd, "x", 1, MSG_NOSIGNAL);
	close(fd);
	/* In the middle of a handshake. */
	fd = dial();
	(void)send(fd, "\x16\x03\x01", 3, MSG_NOSIGNAL);
	close(fd);
}

START_TEST(thousands_of_connections_leave_no_descriptor)
{
	DM_AUTO(dm_tls) other = open_tls("ca", "other", NULL);
	size_t before, after;

	one_of_each(other);
	g_usleep(100000);
	before = open_fds();
	for (int i = 0; i < 350; i++)
		one_of_each(other);
	/* The last ones may be on their way still. */
	for (int i = 0; i < 1200; i++) {
		after = open_fds();
		if (after <= before)
			break;
		g_usleep(50000);
	}
	ck_assert_uint_le(after, before);
}
END_TEST

/* ---- the end ---- */

START_TEST(a_closed_port_keeps_what_was_handed_on)
{
	DM_AUTO(dm_rpc_channel) ch = NULL;
	DM_AUTO(dm_err) err = NULL;
	DM_AUTO(dm_err) refused = NULL;
	char c;
	int fd = dial();

	dm_rpc_use_tls(tls);
	ch = dm_rpc_channel_new(address, NULL);
	ck_assert(dm_rpc_channel_wait(ch, 60000));
	err = health_check(ch);
	ck_assert_ptr_null(err);
	dm_port_close(port);
	/* One that was not decided is dropped, a new one is not taken. */
	ck_assert_int_le(recv(fd, &c, 1, 0), 0);
	refused = dm_net_probe(address, tls, 1000);
	ck_assert_ptr_nonnull(refused);
	err = health_check(ch);
	ck_assert_msg(err == NULL, "%s", err != NULL ? err->message : "");
	close(fd);
}
END_TEST

START_TEST(new_certificates_are_used_by_new_connections)
{
	pki_cert(&pki, "dm", "ca", "renamed", 30);
	expect_no_grpc(tls, "common name renamed", "common name renamed");
	pki_cert(&pki, "dm", "ca", "dm", 30);
	expect_grpc(tls, address);
}
END_TEST

static void
fill(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, grpc_works_over_tls);
	tcase_add_test(tc, http_gets_its_bytes_in_clear);
	tcase_add_test(tc, a_client_that_ends_its_side_still_gets_the_answer);
	tcase_add_test(tc, large_streams_pass_in_order);
	tcase_add_test(tc, a_slow_reader_holds_up_its_own_connection_only);
	tcase_add_test(tc, a_wrong_name_is_refused);
	tcase_add_test(tc, a_client_refuses_a_server_with_a_wrong_name);
	tcase_add_test(tc, a_client_with_names_refuses_a_wrong_host);
	tcase_add_test(tc, another_authority_is_refused);
	tcase_add_test(tc, a_plain_client_of_a_tls_port_is_told);
	tcase_add_test(tc, a_tls_client_of_a_plain_port_is_told);
	tcase_add_test(tc, a_flood_of_refusals_is_told_in_part);
	tcase_add_test(tc, the_probe_tells_that_nobody_listens);
	tcase_add_loop_test(tc, the_probe_gives_up_in_time, 0, 2);
	tcase_add_test(tc, half_open_handshakes_block_nobody);
	tcase_add_test(tc, a_handshake_that_stops_is_dropped_after_ten_seconds);
	tcase_add_test(tc, random_bytes_after_a_handshake_type_do_no_harm);
	tcase_add_test(tc, random_bytes_inside_a_connection_do_no_harm);
	tcase_add_test(tc, thousands_of_connections_leave_no_descriptor);
	tcase_add_test(tc, a_closed_port_keeps_what_was_handed_on);
	tcase_add_test(tc, new_certificates_are_used_by_new_connections);
}

int
main(void)
{
	return run_suite("lib/net/port, tls", fill);
}
