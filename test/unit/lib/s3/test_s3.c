/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suite of lib/s3: against test/support/s3_server.py, which works out
 * every signature by itself.
 */
#include "lib/s3/s3.h"

#include "lib/base/clock.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned port;
static GPid server;

static int
connect_to(unsigned at)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)at),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	close(fd);
	return -1;
}

static unsigned
free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static void
start_server(void)
{
	char text[16];
	char *argv[] = { (char *)"python3", (char *)"test/support/s3_server.py",
		text, (char *)"data", (char *)"AK1",
		(char *)"se+cret/=", (char *)"tok en", NULL };
	int fd = -1;

	port = free_port();
	snprintf(text, sizeof(text), "%u", port);
	ck_assert(g_spawn_async(NULL, argv, NULL,
	    G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
	    &server, NULL));
	for (int i = 0; fd < 0 && i < 600; i++) {
		ck_assert_ptr_null(dm_cancel_sleep_ms(NULL, 50));
		fd = connect_to(port);
	}
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void
stop_server(void)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

/* A request without a signature; its answer's body, a new string. */
static char *
control(const char *what)
{
	g_autoptr(GString) in = g_string_new(NULL);
	const char *body;
	char buf[4096];
	ssize_t n;
	int fd = connect_to(port);

	dprintf(fd,
	    "GET /__control__/%s HTTP/1.1\r\nHost: x\r\n"
	    "Connection: close\r\n\r\n",
	    what);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		g_string_append_len(in, buf, n);
	close(fd);
	body = strstr(in->str, "\r\n\r\n");
	ck_assert_ptr_nonnull(body);
	return g_strdup(body + 4);
}

static void
tell(const char *what)
{
	g_free(control(what));
}

static struct dm_s3 *
open_with(const char *bucket, const char *secret, struct dm_cancel *c)
{
	g_autofree char *key = g_uri_escape_string(secret, NULL, FALSE);
	g_autofree char *why = NULL,
			*text = g_strdup_printf(
			    "s3://%s/a b/c?endpoint=http://127.0.0.1:%u"
			    "&access-key=AK1&secret-access-key=%s"
			    "&session-token=tok%%20en&storage-class=STANDARD"
			    "&acl=private",
			    bucket, port, key);
	DM_AUTO(dm_s3_url) u = dm_s3_url_parse(text, &why);

	ck_assert_msg(u != NULL, "%s", why);
	return dm_s3_new(u, DM_S3_FOR_DUMP, c);
}

static struct dm_s3 *
open_data(void)
{
	return open_with("data", "se+cret/=", NULL);
}

static void
fine(struct dm_err *err)
{
	g_autofree char *text = err != NULL ? dm_err_text(err) : NULL;

	ck_assert_msg(err == NULL, "%s", text);
}

START_TEST(small_files_come_back)
{
	DM_AUTO(dm_s3) s = open_data();
	g_autoptr(GPtrArray) files = NULL;
	g_autofree char *text = NULL, *none = NULL;
	const struct dm_s3_file *f;
	size_t len = 0;

	fine(dm_s3_put(s, "we%20ird name+&.sql", "hello", 5));
	fine(dm_s3_put(s, "empty", "", 0));
	fine(dm_s3_list(s, &files));
	ck_assert_uint_eq(files->len, 2);
	f = files->pdata[1];
	ck_assert_str_eq(f->name, "we%20ird name+&.sql");
	ck_assert_uint_eq(f->size, 5);
	ck_assert_str_eq(f->etag, "5d41402abc4b2a76b9719d911017c592");
	fine(dm_s3_get(s, "we%20ird name+&.sql", &text, &len));
	ck_assert_str_eq(text, "hello");
	ck_assert_uint_eq(len, 5);
	fine(dm_s3_get(s, "no", &none, NULL));
	ck_assert_ptr_null(none);
	fine(dm_s3_remove(s, "empty"));
	fine(dm_s3_remove(s, "empty"));
	g_clear_pointer(&files, g_ptr_array_unref);
	fine(dm_s3_list(s, &files));
	ck_assert_uint_eq(files->len, 1);
}
END_TEST

START_TEST(lists_have_pages)
{
	DM_AUTO(dm_s3) s = open_data();
	g_autoptr(GPtrArray) files = NULL;

	for (int i = 0; i < 120; i++) {
		g_autofree char *name = g_strdup_printf("f%03d", i);

		fine(dm_s3_put(s, name, name, 4));
	}
	fine(dm_s3_list(s, &files));
	ck_assert_uint_eq(files->len, 120);
	for (guint i = 0; i < files->len; i++) {
		const struct dm_s3_file *f = files->pdata[i];

		ck_assert_uint_eq(g_ascii_strtoull(f->name + 1, NULL, 10), i);
	}
}
END_TEST

/* Bytes that tell their place. */
static void
fill(uint32_t *words, size_t n, size_t from)
{
	for (size_t i = 0; i < n; i++)
		words[i] = (uint32_t)(from + i) * 2654435761U;
}

#define PIECE_WORDS ((size_t)65536)
#define PIECES      84 /* 21 MiB: three parts */

static void
write_large(struct dm_s3_writer *w, int pieces)
{
	uint32_t *piece = g_new(uint32_t, PIECE_WORDS);

	for (int i = 0; i < pieces; i++) {
		fill(piece, PIECE_WORDS, (size_t)i * PIECE_WORDS);
		fine(dm_s3_write(w, piece, PIECE_WORDS * sizeof(*piece)));
	}
	g_free(piece);
}

/* Reads it and compares; false: an error came, which is *err. */
static void
read_large(struct dm_s3 *s, const char *etag, struct dm_err **err)
{
	DM_AUTO(dm_s3_reader) r = dm_s3_reader_new(s, "large", etag);
	size_t have = 0, got = 1,
	       whole = PIECES * PIECE_WORDS * sizeof(uint32_t);
	g_autofree uint8_t *all = g_malloc(whole + 1);
	uint32_t *piece;

	*err = NULL;
	while (got > 0 && *err == NULL) {
		*err = dm_s3_read(
		    r, all + have, MIN(whole + 1 - have, 100003), &got);
		have += got;
	}
	if (*err != NULL)
		return;
	ck_assert_uint_eq(have, whole);
	piece = g_new(uint32_t, PIECE_WORDS);
	for (size_t i = 0; i < PIECES; i++) {
		fill(piece, PIECE_WORDS, i * PIECE_WORDS);
		ck_assert_mem_eq(piece, all + i * PIECE_WORDS * sizeof(*piece),
		    PIECE_WORDS * sizeof(*piece));
	}
	g_free(piece);
}

START_TEST(large_files_go_in_parts)
{
	DM_AUTO(dm_s3) s = open_data();
	DM_AUTO(dm_s3_writer) w = dm_s3_writer_new(s, "large");
	g_autofree char *etag = NULL, *keys = NULL, *open = NULL;
	struct dm_err *err;

	write_large(w, PIECES);
	keys = control("keys");
	ck_assert_str_eq(keys, ""); /* not there before it is whole */
	fine(dm_s3_writer_finish(w, &etag));
	open = control("uploads");
	ck_assert_str_eq(open, "0\n");
	ck_assert(g_str_has_suffix(etag, "-3"));
	read_large(s, etag, &err);
	fine(err);
	/* Connections that break, and a storage that is busy. */
	tell("cut?n=3");
	read_large(s, NULL, &err);
	fine(err);
	tell("fail?n=2&status=503&code=SlowDown");
	read_large(s, etag, &err);
	fine(err);
	/* Somebody puts another file there. */
	tell("replace?key=a%20b/c/large");
	read_large(s, etag, &err);
	ck_assert(dm_err_is(err, DUMP_UNIT_RUNTIME));
	ck_assert_ptr_nonnull(strstr(err->cause, "is not the one with ETag"));
	dm_err_free(err);
}
END_TEST

START_TEST(what_is_not_finished_is_given_up)
{
	DM_AUTO(dm_s3) s = open_data();
	struct dm_s3_writer *w = dm_s3_writer_new(s, "large");
	g_autofree char *before = NULL, *after = NULL, *keys = NULL;

	write_large(w, 40);
	before = control("uploads");
	ck_assert_str_eq(before, "1\n");
	dm_s3_writer_free(w);
	after = control("uploads");
	ck_assert_str_eq(after, "0\n");
	keys = control("keys");
	ck_assert_str_eq(keys, "");
}
END_TEST

/* Also when that is because the run was canceled. */
START_TEST(a_canceled_run_gives_its_upload_up)
{
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);
	DM_AUTO(dm_s3) s = open_with("data", "se+cret/=", c);
	struct dm_s3_writer *w = dm_s3_writer_new(s, "large");
	g_autofree char *before = NULL, *after = NULL;

	write_large(w, 40);
	before = control("uploads");
	ck_assert_str_eq(before, "1\n");
	dm_cancel_now(c);
	dm_s3_writer_free(w);
	after = control("uploads");
	ck_assert_str_eq(after, "0\n");
}
END_TEST

START_TEST(a_busy_storage_is_asked_again)
{
	DM_AUTO(dm_s3) s = open_data();
	g_autofree char *text = NULL;

	tell("fail?n=3&status=503&code=SlowDown");
	fine(dm_s3_put(s, "x", "abc", 3));
	tell("fail?n=2&status=500&code=InternalError");
	fine(dm_s3_get(s, "x", &text, NULL));
	ck_assert_str_eq(text, "abc");
}
END_TEST

static void
refused(struct dm_err *err, const char *cause, const char *workaround)
{
	ck_assert_ptr_nonnull(err);
	ck_assert(dm_err_is(err, DUMP_UNIT_RUNTIME));
	ck_assert_msg(strstr(err->cause, cause) != NULL, "%s", err->cause);
	ck_assert_msg(
	    strstr(err->workaround, workaround) != NULL, "%s", err->workaround);
	dm_err_free(err);
}

START_TEST(refusals_say_what_to_do)
{
	DM_AUTO(dm_s3) s = open_data();
	DM_AUTO(dm_s3) wrong = open_with("data", "other", NULL);
	DM_AUTO(dm_s3) nowhere = open_with("nodata", "se+cret/=", NULL);

	refused(dm_s3_put(wrong, "x", "", 0),
	    "SignatureDoesNotMatch: The signature does not match.",
	    "correct access-key, secret-access-key");
	refused(dm_s3_put(nowhere, "x", "", 0), "NoSuchBucket",
	    "create the bucket");
	tell("fail?n=1&status=403&code=AccessDenied");
	refused(dm_s3_put(s, "x", "", 0),
	    "PUT s3://data/a b/c/x at http://127.0.0.1:",
	    "give the key the rights");
}
END_TEST

static void *
cancel_soon(void *arg)
{
	fine(dm_cancel_sleep_ms(NULL, 100));
	dm_cancel_now(arg);
	return NULL;
}

START_TEST(a_cancel_ends_the_tries)
{
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);
	DM_AUTO(dm_s3) s = open_with("data", "se+cret/=", c);
	DM_AUTO(dm_err) err = NULL;
	pthread_t t;

	tell("fail?n=1000&status=503&code=SlowDown");
	t = dm_thread_start("cancel", cancel_soon, c);
	err = dm_s3_put(s, "x", "", 0);
	ck_assert(dm_err_is_canceled(err));
	pthread_join(t, NULL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/s3");
	TCase *tc = tcase_create("s3");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, start_server, stop_server);
	tcase_add_test(tc, small_files_come_back);
	tcase_add_test(tc, lists_have_pages);
	tcase_add_test(tc, large_files_go_in_parts);
	tcase_add_test(tc, what_is_not_finished_is_given_up);
	tcase_add_test(tc, a_canceled_run_gives_its_upload_up);
	tcase_add_test(tc, a_busy_storage_is_asked_again);
	tcase_add_test(tc, refusals_say_what_to_do);
	tcase_add_test(tc, a_cancel_ends_the_tries);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
