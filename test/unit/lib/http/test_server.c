/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/http/server.c, over socket pairs. */
#include "lib/http/server.h"

#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 8

static struct dm_http_server *server;

static void
say_hello(const struct dm_http_req *req, struct dm_http_resp *resp, void *arg)
{
	(void)req;
	g_string_assign(resp->body, arg);
}

static void
echo(const struct dm_http_req *req, struct dm_http_resp *resp, void *arg)
{
	g_autoptr(GPtrArray) params = dm_http_req_params(req);
	const char *x = dm_http_req_query(req, "x");
	const char *h = dm_http_req_header(req, "x-test");

	(void)arg;
	resp->status = 201;
	resp->content_type = "application/json";
	dm_http_resp_header(resp, "X-Answer", "yes");
	g_string_printf(resp->body, "%s %s x=%s h=%s n=%u body=%s", req->method,
	    req->path, x ? x : "-", h ? h : "-", params->len / 2, req->body);
}

static atomic_int running;   /* handlers that are slow */
static atomic_bool released; /* they may go on */

static void
wait_running(int n)
{
	struct timespec ms1 = { 0, 1000000 };

	while (atomic_load(&running) < n)
		nanosleep(&ms1, NULL);
}

static void
be_slow(const struct dm_http_req *req, struct dm_http_resp *resp, void *arg)
{
	struct timespec ms1 = { 0, 1000000 };

	(void)req;
	(void)resp;
	(void)arg;
	atomic_fetch_add(&running, 1);
	while (!atomic_load(&released))
		nanosleep(&ms1, NULL);
	atomic_fetch_sub(&running, 1);
}

static void
start(void)
{
	static char metrics[] = "metrics", below[] = "below", deep[] = "deep";
	struct dm_http_opts o = { .max_body_bytes = 100,
		.max_connections = CONNECTIONS,
		.cors = true };

	atomic_store(&released, false);
	server = dm_http_server_new(&o);
	dm_http_server_route(server, "GET", "/metrics", say_hello, metrics);
	dm_http_server_route(server, NULL, "/a/", say_hello, below);
	dm_http_server_route(server, "GET", "/a/b/", say_hello, deep);
	dm_http_server_route(server, "POST", "/echo", echo, NULL);
	dm_http_server_route(server, "GET", "/slow", be_slow, NULL);
	ck_assert_ptr_null(dm_http_server_start(server));
}

static void
stop(void)
{
	dm_http_server_free(server);
}

/* Our end of a new connection. */
static int
dial(void)
{
	int pair[2];

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	dm_http_server_adopt(server, pair[0]);
	return pair[1];
}

/* All that comes until the end; closes fd. */
static char *
read_all(int fd)
{
	GString *out = g_string_new(NULL);
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		g_string_append_len(out, buf, n);
	close(fd);
	return g_string_free(out, FALSE);
}

static char *
ask(const char *text)
{
	int fd = dial();

	(void)send(fd, text, strlen(text), MSG_NOSIGNAL);
	return read_all(fd);
}

static void
check_get(const char *method, const char *path, int status, const char *body)
{
	g_autofree char *req = g_strdup_printf(
	    "%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", method,
	    path);
	g_autofree char *answer = ask(req);
	g_autofree char *line = g_strdup_printf("HTTP/1.1 %d ", status);
	const char *end = strstr(answer, "\r\n\r\n");

	ck_assert_msg(g_str_has_prefix(answer, line), "%s: %s", path, answer);
	ck_assert_ptr_nonnull(end);
	ck_assert_str_eq(end + 4, body);
	ck_assert_ptr_nonnull(
	    strstr(answer, "Access-Control-Allow-Origin: *\r\n"));
}

START_TEST(routes_are_found)
{
	check_get("GET", "/metrics", 200, "metrics");
	check_get("GET", "/metrics?x=1", 200, "metrics");
	check_get("HEAD", "/metrics", 200, "");
	check_get("POST", "/metrics", 405, "Method Not Allowed\n");
	check_get("GET", "/metrics/", 404, "404 page not found\n");
	check_get("GET", "/", 404, "404 page not found\n");
	check_get("GET", "/a", 404, "404 page not found\n");
	check_get("GET", "/a/", 200, "below");
	check_get("DELETE", "/a/x", 200, "below");
	check_get("GET", "/a/b/c", 200, "deep");
	check_get("PUT", "/a/b/c", 200, "below");
	check_get("OPTIONS", "/nothing", 200, "");
}
END_TEST

START_TEST(a_handler_sees_body_query_and_headers)
{
	g_autofree char *answer =
	    ask("POST /echo?x=a%20b&y HTTP/1.1\r\nHost: h\r\n"
		"X-Test: 7\r\nConnection: close\r\nContent-Length: 5\r\n"
		"\r\nhello");

	ck_assert(g_str_has_prefix(answer, "HTTP/1.1 201 "));
	ck_assert_ptr_nonnull(strstr(answer, "X-Answer: yes\r\n"));
	ck_assert_ptr_nonnull(
	    strstr(answer, "Content-Type: application/json\r\n"));
	ck_assert_msg(
	    g_str_has_suffix(answer, "POST /echo x=a b h=7 n=2 body=hello"),
	    "%s", answer);
}
END_TEST

START_TEST(a_body_that_is_too_large_is_refused)
{
	g_autofree char *big = g_strnfill(101, 'x');
	g_autofree char *req = g_strdup_printf(
	    "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n"
	    "\r\n%s",
	    big);
	g_autofree char *chunked = g_strdup_printf(
	    "POST /echo HTTP/1.1\r\nHost: h\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n65\r\n%s\r\n0\r\n\r\n",
	    big);
	g_autofree char *answer = ask(req);
	g_autofree char *other = ask(chunked);

	ck_assert_msg(g_str_has_prefix(answer, "HTTP/1.1 413 "), "%s", answer);
	ck_assert_msg(g_str_has_prefix(other, "HTTP/1.1 413 "), "%s", other);
}
END_TEST

START_TEST(a_body_without_an_end_is_not_read_for_ever)
{
	static const char head[] = "POST /echo HTTP/1.1\r\nHost: h\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n";
	static const char chunk[] = "10\r\n0123456789abcdef\r\n";
	int fd = dial();
	ssize_t n = write(fd, head, strlen(head));

	/* Until it closes: the limit is 100 bytes. */
	for (int i = 0; i < 100000 && n > 0; i++)
		n = send(fd, chunk, strlen(chunk), MSG_NOSIGNAL);
	ck_assert_int_lt(n, 0);
	close(fd);
}
END_TEST

START_TEST(headers_that_are_too_large_are_refused)
{
	g_autofree char *big = g_strnfill(64 << 10, 'x');
	g_autofree char *header = g_strdup_printf(
	    "GET /metrics HTTP/1.1\r\nHost: h\r\nX: %s\r\n\r\n", big);
	g_autofree char *line =
	    g_strdup_printf("GET /%s HTTP/1.1\r\nHost: h\r\n\r\n", big);
	g_autofree char *a = ask(header);
	g_autofree char *b = ask(line);

	ck_assert_msg(g_str_has_prefix(a, "HTTP/1.1 431 "), "%.200s", a);
	ck_assert_msg(g_str_has_prefix(b, "HTTP/1.1 414 "), "%.200s", b);
}
END_TEST

START_TEST(slow_clients_keep_nobody_out)
{
	int slow[2 * CONNECTIONS];

	for (int i = 0; i < 2 * CONNECTIONS; i++) {
		slow[i] = dial();
		ck_assert_int_eq(send(slow[i], "GET /m", 6, MSG_NOSIGNAL), 6);
		check_get("GET", "/metrics", 200, "metrics");
	}
	for (int i = 0; i < 2 * CONNECTIONS; i++)
		close(slow[i]);
}
END_TEST

START_TEST(when_all_handlers_run_a_new_client_is_told)
{
	static const char slow[] = "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n";
	int fds[CONNECTIONS];
	char c;

	for (int i = 0; i < CONNECTIONS; i++) {
		fds[i] = dial();
		ck_assert_int_eq(
		    write(fds[i], slow, strlen(slow)), (ssize_t)strlen(slow));
	}
	wait_running(CONNECTIONS);
	{
		g_autofree char *answer = read_all(dial());

		ck_assert_msg(
		    g_str_has_prefix(answer, "HTTP/1.1 503 ") &&
			g_str_has_suffix(answer, "too many connections\n"),
		    "%s", answer);
	}
	atomic_store(&released, true);
	for (int i = 0; i < CONNECTIONS; i++) {
		ck_assert_int_eq(read(fds[i], &c, 1), 1);
		close(fds[i]);
	}
}
END_TEST

START_TEST(rubbish_ends_the_connection)
{
	g_autofree char *a = ask("\x16\x03\x01 no http\r\n\r\n");
	g_autofree char *b = ask("GET\r\n\r\n");

	ck_assert_ptr_null(strstr(a, " 200 "));
	ck_assert_ptr_null(strstr(b, " 200 "));
	check_get("GET", "/metrics", 200, "metrics");
}
END_TEST

START_TEST(a_slow_handler_delays_nobody_else)
{
	static const char slow[] = "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n";
	int fd = dial();
	char c;

	ck_assert_int_eq(write(fd, slow, strlen(slow)), (ssize_t)strlen(slow));
	check_get("GET", "/metrics", 200, "metrics");
	/* The slow one has not been answered yet. */
	ck_assert_int_lt(recv(fd, &c, 1, MSG_DONTWAIT), 0);
	atomic_store(&released, true);
	ck_assert_int_eq(read(fd, &c, 1), 1);
	close(fd);
}
END_TEST

START_TEST(stopping_ends_idle_connections)
{
	int fd = dial();
	char c;

	dm_http_server_stop(server);
	ck_assert_int_le(read(fd, &c, 1), 0);
	close(fd);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/http/server");
	TCase *tc = tcase_create("server");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, routes_are_found);
	tcase_add_test(tc, a_handler_sees_body_query_and_headers);
	tcase_add_test(tc, a_body_that_is_too_large_is_refused);
	tcase_add_test(tc, a_body_without_an_end_is_not_read_for_ever);
	tcase_add_test(tc, headers_that_are_too_large_are_refused);
	tcase_add_test(tc, slow_clients_keep_nobody_out);
	tcase_add_test(tc, when_all_handlers_run_a_new_client_is_told);
	tcase_add_test(tc, rubbish_ends_the_connection);
	tcase_add_test(tc, a_slow_handler_delays_nobody_else);
	tcase_add_test(tc, stopping_ends_idle_connections);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
