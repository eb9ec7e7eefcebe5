/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/net/port.c, with a gRPC server behind it. */
#include "lib/net/port.h"

#include "lib/rpc/health.h"

#include "health.pb-c.h"
#include "test/unit/lib/rpc/fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static struct dm_rpc_server *server;
static struct dm_rpc_health *health;
static struct dm_port *port;
static int number;

static struct dm_mutex mu; /* guards http_fd and peer */
static pthread_cond_t cond;
static int http_fd = -1;
static char peer[64];

static void
take_http(int fd, const char *from, void *arg)
{
	(void)from;
	(void)arg;
	dm_mutex_lock(&mu);
	http_fd = fd;
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
take_grpc(int fd, const char *from, void *arg)
{
	int one = 0;
	socklen_t len = sizeof(one);

	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_eq(
	    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, &len), 0);
	ck_assert_int_ne(one, 0);
	dm_rpc_server_adopt(arg, fd, from);
}

static struct dm_err *
open_port(const char *addr)
{
	struct dm_port_handlers h = {
		.grpc = take_grpc, .grpc_arg = server, .http = take_http
	};

	return dm_port_open(addr, &h, &port, &number);
}

static void *
session_open(struct dm_rpc_stream *st, const char *from, void *arg)
{
	(void)arg;
	dm_mutex_lock(&mu);
	g_strlcpy(peer, from, sizeof(peer));
	pthread_cond_broadcast(&cond);
	dm_mutex_unlock(&mu);
	dm_rpc_stream_finish(st, DM_RPC_OK, "");
	return NULL;
}

static void
session_message(
    struct dm_rpc_stream *st, const ProtobufCMessage *msg, void *ctx)
{
	(void)st;
	(void)msg;
	(void)ctx;
}

static const struct dm_rpc_stream_ops session_ops = {
	.on_open = session_open,
	.on_message = session_message,
};

static void
setup(void)
{
	dm_rpc_init();
	dm_mutex_init(&mu, 100);
	dm_cond_init(&cond);
	health = dm_rpc_health_new();
	dm_rpc_health_set(health, "", true);
	server = dm_rpc_server_new(NULL);
	dm_rpc_health_register(health, server);
	dm_rpc_server_add_stream(server, &dm__v1__worker_session__descriptor,
	    "Session", &session_ops, NULL);
	ck_assert_ptr_null(dm_rpc_server_start(server, NULL, NULL));
	ck_assert_ptr_null(open_port("127.0.0.1:0"));
}

static void
teardown(void)
{
	dm_port_free(port);
	dm_rpc_server_free(server);
	dm_rpc_health_free(health);
	dm_rpc_shutdown();
}

static int
dial(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)number),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

static void
put(int fd, const char *bytes)
{
	ck_assert_int_eq(
	    send(fd, bytes, strlen(bytes), 0), (ssize_t)strlen(bytes));
}

/* Exactly these bytes come next. */
static void
expect(int fd, const char *bytes)
{
	char buf[256];
	size_t n = strlen(bytes);

	ck_assert_int_eq(recv(fd, buf, n, MSG_WAITALL), (ssize_t)n);
	ck_assert_int_eq(memcmp(buf, bytes, n), 0);
}

static void
check_health(const char *target)
{
	DM_AUTO(dm_rpc_channel) ch = dm_rpc_channel_new(target, NULL);
	Grpc__Health__V1__HealthCheckRequest req;
	ProtobufCMessage *m = NULL;
	DM_AUTO(dm_err) err = NULL;

	grpc__health__v1__health_check_request__init(&req);
	err = dm_rpc_unary(ch, &grpc__health__v1__health__descriptor, "Check",
	    &req.base, 20000, NULL, &m, NULL);
	ck_assert_msg(err == NULL, "%s", err != NULL ? err->message : "");
	protobuf_c_message_free_unpacked(m, NULL);
}

static void
check_grpc(void)
{
	g_autofree char *target = g_strdup_printf("127.0.0.1:%d", number);

	check_health(target);
}

START_TEST(grpc_goes_to_the_grpc_side)
{
	for (int i = 0; i < 20; i++)
		check_grpc();
}
END_TEST

START_TEST(an_adopted_connection_has_its_peers_address)
{
	g_autofree char *target = g_strdup_printf("127.0.0.1:%d", number);
	struct dm_rpc_channel *ch = dm_rpc_channel_new(target, NULL);

	dm_rpc_stream_unref(
	    dm_rpc_stream_open(ch, &dm__v1__worker_session__descriptor,
		"Session", &session_ops, NULL));
	dm_mutex_lock(&mu);
	while (peer[0] == '\0')
		ck_assert(dm_cond_wait_ms(&cond, &mu, 60000));
	dm_mutex_unlock(&mu);
	ck_assert_msg(g_str_has_prefix(peer, "ipv4:127.0.0.1:"), "%s", peer);
	dm_rpc_channel_free(ch);
}
END_TEST

START_TEST(http_gets_its_bytes_untouched)
{
	int fd = dial();
	int taken;

	put(fd, "GET /metrics HTTP/1.1\r\n\r\n");
	taken = wait_http();
	ck_assert_int_eq(fcntl(taken, F_GETFL) & O_NONBLOCK, 0);
	expect(taken, "GET /metrics HTTP/1.1\r\n\r\n");
	put(taken, "HTTP/1.1 200 OK\r\n\r\n");
	expect(fd, "HTTP/1.1 200 OK\r\n\r\n");
	close(taken);
	close(fd);
}
END_TEST

START_TEST(the_first_byte_that_differs_decides)
{
	int fd = dial();
	int taken;

	put(fd, "PRI * HT");
	g_usleep(20000);
	put(fd, "TP/2.0\r\n\r\nS");
	g_usleep(20000);
	ck_assert_int_eq(http_fd, -1);
	put(fd, "N");
	taken = wait_http();
	expect(taken, "PRI * HTTP/2.0\r\n\r\nSN");
	close(taken);
	close(fd);
}
END_TEST

START_TEST(a_preface_in_pieces_is_grpc)
{
	/* The preface, then an empty SETTINGS frame; gRPC answers with its
	 * own SETTINGS: 3 bytes length, type 4. */
	static const char first[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n";
	static const char rest[] = "\r\n\0\0\0\4\0\0\0\0\0";
	char frame[9];
	int fd = dial();

	for (size_t i = 0; i < sizeof(first) - 1; i++) {
		ck_assert_int_eq(send(fd, first + i, 1, 0), 1);
		g_usleep(1000);
	}
	ck_assert_int_eq(
	    send(fd, rest, sizeof(rest) - 1, 0), (ssize_t)(sizeof(rest) - 1));
	ck_assert_int_eq(recv(fd, frame, sizeof(frame), MSG_WAITALL), 9);
	ck_assert_int_eq(frame[3], 4);
	close(fd);
}
END_TEST

START_TEST(silent_peers_block_nobody)
{
	int silent[50];
	int fd;

	for (size_t i = 0; i < 50; i++)
		silent[i] = dial();
	check_grpc();
	fd = dial();
	put(fd, "GET / HTTP/1.1\r\n\r\n");
	close(wait_http());
	close(fd);
	for (size_t i = 0; i < 50; i++)
		close(silent[i]);
}
END_TEST

START_TEST(a_silent_peer_is_dropped_after_ten_seconds)
{
	struct timeval patience = { .tv_sec = 60 };
	struct dm_mono start = dm_mono_now();
	int fd = dial();
	int64_t ms;
	char c;

	put(fd, "PRI");
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			     sizeof(patience)),
	    0);
	/* Bytes of it are unread: the drop is a reset. */
	ck_assert_int_le(recv(fd, &c, 1, 0), 0);
	ck_assert_int_ne(errno, EAGAIN);
	ms = dm_mono_diff_ms(dm_mono_now(), start);
	ck_assert_int_ge(ms, 9900);
	ck_assert_int_le(ms, 25000); /* the machine may be busy */
	close(fd);
}
END_TEST

START_TEST(freeing_drops_undecided_peers)
{
	int fd = dial();
	char c;

	put(fd, "P");
	g_usleep(20000);
	dm_port_free(DM_TAKE(port));
	ck_assert_int_le(recv(fd, &c, 1, 0), 0);
	close(fd);
}
END_TEST

START_TEST(an_adopted_connection_after_the_stop_is_closed)
{
	int fd;
	char c;

	dm_rpc_server_stop(server, 0);
	fd = dial();
	put(fd, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	ck_assert_int_le(recv(fd, &c, 1, 0), 0);
	close(fd);
}
END_TEST

START_TEST(a_socketpair_can_be_adopted)
{
	char frame[9];
	int fd[2];

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	dm_rpc_server_adopt(server, fd[0], "unix:");
	ck_assert_int_eq(recv(fd[1], frame, sizeof(frame), MSG_WAITALL), 9);
	close(fd[1]);
}
END_TEST

START_TEST(all_addresses_means_both_families)
{
	g_autofree char *v4 = NULL;
	g_autofree char *v6 = NULL;
	DM_AUTO(dm_err) err = NULL;
	int probe;

	dm_port_free(DM_TAKE(port));
	ck_assert_ptr_null(open_port(":0"));
	v4 = g_strdup_printf("127.0.0.1:%d", number);
	check_health(v4);
	probe = socket(AF_INET6, SOCK_STREAM, 0);
	if (probe < 0)
		return; /* no IPv6 here */
	close(probe);
	dm_port_free(DM_TAKE(port));
	err = open_port("[::1]:0");
	if (err != NULL)
		return;
	v6 = g_strdup_printf("[::1]:%d", number);
	check_health(v6);
}
END_TEST

START_TEST(bad_addresses_are_errors_with_their_reason)
{
	static const char *const bad[] = { "nonsense", "127.0.0.1:http",
		"192.0.2.1:0", "taken" };
	struct dm_port_handlers h = { .grpc = take_grpc };
	g_autofree char *taken = g_strdup_printf("127.0.0.1:%d", number);
	const char *addr = _i == 3 ? taken : bad[_i];
	struct dm_port *other = NULL;
	DM_AUTO(dm_err) err = dm_port_open(addr, &h, &other, NULL);

	ck_assert_ptr_nonnull(err);
	ck_assert_ptr_null(other);
	ck_assert_ptr_nonnull(strstr(err->message, addr));
	if (_i == 3)
		ck_assert_ptr_nonnull(
		    strstr(err->message, "Address already in use"));
}
END_TEST

START_TEST(addresses_are_split)
{
	static const struct {
		const char *addr, *host, *port; /* host NULL: refused */
	} cases[] = {
		{ "127.0.0.1:8261", "127.0.0.1", "8261" },
		{ ":8261", "", "8261" },
		{ "http://h:1", "h", "1" },
		{ "https://[::1]:80", "::1", "80" },
		{ "h:", "h", "" },
		{ "h", NULL, NULL },
		{ "::1:80", NULL, NULL },
		{ "[::1]", NULL, NULL },
		{ "[::1:80", NULL, NULL },
		{ "", NULL, NULL },
	};

	for (size_t i = 0; i < DM_ARRAY_SIZE(cases); i++) {
		g_autofree char *h = NULL;
		g_autofree char *p = NULL;
		bool ok = dm_net_split(cases[i].addr, &h, &p);

		ck_assert_msg(
		    ok == (cases[i].host != NULL), "%s", cases[i].addr);
		if (!ok)
			continue;
		ck_assert_str_eq(h, cases[i].host);
		ck_assert_str_eq(p, cases[i].port);
	}
}
END_TEST

static void
fill(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, grpc_goes_to_the_grpc_side);
	tcase_add_test(tc, an_adopted_connection_has_its_peers_address);
	tcase_add_test(tc, http_gets_its_bytes_untouched);
	tcase_add_test(tc, the_first_byte_that_differs_decides);
	tcase_add_test(tc, a_preface_in_pieces_is_grpc);
	tcase_add_test(tc, silent_peers_block_nobody);
	tcase_add_test(tc, a_silent_peer_is_dropped_after_ten_seconds);
	tcase_add_test(tc, freeing_drops_undecided_peers);
	tcase_add_test(tc, an_adopted_connection_after_the_stop_is_closed);
	tcase_add_test(tc, a_socketpair_can_be_adopted);
	tcase_add_test(tc, all_addresses_means_both_families);
	tcase_add_loop_test(
	    tc, bad_addresses_are_errors_with_their_reason, 0, 4);
	tcase_add_test(tc, addresses_are_split);
}

int
main(void)
{
	return run_suite("lib/net/port", fill);
}
