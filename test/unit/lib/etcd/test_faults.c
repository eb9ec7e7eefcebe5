/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suite of lib/etcd/{request,auth,watch,codec}.c for what a healthy etcd
 * does not do. The peer is a thread that plays a script: for each connection
 * one request is read and one answer given.
 */
#include "lib/base/clock.h"
#include "lib/etcd/etcd.h"
#include "lib/thread/mutex.h"

#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OK   "200 OK"
#define HANG NULL

/* One answer: status line and body. A NULL status closes the connection after
 * the request was read. */
struct answer {
	const char *status, *body;
};

struct peer {
	int listen_fd;
	char *url;
	const struct answer *script;
	size_t n;
	pthread_t thread;
	GPtrArray *requests; /* "path [token] body", of the thread until join */
};

/* Reads one request with a Content-Length. New string: path, the
 * Authorization header's value if any, body. */
static char *
read_request(int fd)
{
	g_autoptr(GString) in = g_string_new(NULL);
	g_auto(GStrv) words = NULL;
	const char *len = NULL, *auth, *end = NULL;
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		g_string_append_len(in, buf, n);
		end = strstr(in->str, "\r\n\r\n");
		len = strstr(in->str, "Content-Length: ");
		if (end != NULL && len != NULL &&
		    strlen(end + 4) >=
			(size_t)g_ascii_strtoull(len + 16, NULL, 10))
			break;
	}
	if (end == NULL)
		return g_strdup("");
	words = g_strsplit(in->str, " ", 3);
	auth = strstr(in->str, "Authorization: ");
	return g_strdup_printf("%s [%.*s] %s", words[1],
	    auth ? (int)strcspn(auth + 15, "\r") : 0, auth ? auth + 15 : "",
	    end + 4);
}

static void *
play(void *arg)
{
	struct peer *p = arg;

	for (size_t i = 0; i < p->n; i++) {
		int fd = accept(p->listen_fd, NULL, NULL);
		const struct answer *a = &p->script[i];

		g_ptr_array_add(p->requests, read_request(fd));
		if (a->status != NULL)
			dprintf(fd,
			    "HTTP/1.1 %s\r\nContent-Type: application/json\r\n"
			    "Connection: close\r\n\r\n%s",
			    a->status, a->body);
		close(fd);
	}
	return NULL;
}

static void
peer_start(struct peer *p, const struct answer *script, size_t n)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	*p = (struct peer){ .script = script, .n = n };
	p->requests = g_ptr_array_new_with_free_func(g_free);
	p->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(
	    bind(p->listen_fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(
	    getsockname(p->listen_fd, (struct sockaddr *)&a, &len), 0);
	ck_assert_int_eq(listen(p->listen_fd, 16), 0);
	p->url = g_strdup_printf("http://127.0.0.1:%d", ntohs(a.sin_port));
	p->thread = dm_thread_start("peer", play, p);
}

/* The whole script was played. */
static void
peer_join(struct peer *p)
{
	pthread_join(p->thread, NULL);
	close(p->listen_fd);
}

static void
peer_fini(struct peer *p)
{
	g_ptr_array_free(p->requests, TRUE);
	g_free(p->url);
}

static struct dm_etcd *
client(const struct peer *p, const char *user)
{
	const char *eps[] = { p->url, NULL };
	struct dm_etcd_opts o = { .endpoints = eps,
		.timeout_ms = 3000,
		.user = user,
		.password = "pw" };
	struct dm_etcd *e = NULL;

	ck_assert_ptr_null(dm_etcd_new(&o, &e));
	return e;
}

START_TEST(a_lost_answer_is_not_retried_when_it_matters)
{
	static const struct answer script[] = { { HANG, "" } };
	struct peer p;
	struct dm_etcd *e;
	struct dm_err *err;

	peer_start(&p, script, 1);
	e = client(&p, NULL);
	err = dm_etcd_put(e, "k", "v", 1, 0, NULL);
	ck_assert_ptr_nonnull(err);
	dm_err_free(err);
	peer_join(&p);
	dm_etcd_free(e);
	ck_assert_int_eq(p.requests->len, 1);
	peer_fini(&p);
}
END_TEST

/* etcd looks for a leader first: nothing was done. */
START_TEST(a_write_refused_for_want_of_a_leader_is_sent_again)
{
	static const struct answer script[] = {
		{ "503 Service Unavailable",
		    "{\"error\":\"etcdserver: no leader\",\"code\":14}" },
		{ OK, "{\"header\":{\"revision\":\"7\"}}" },
	};
	struct peer p;
	struct dm_etcd *e;
	int64_t rev = 0;

	peer_start(&p, script, 2);
	e = client(&p, NULL);
	ck_assert_ptr_null(dm_etcd_put(e, "k", "v", 1, 0, &rev));
	ck_assert_int_eq(rev, 7);
	peer_join(&p);
	dm_etcd_free(e);
	ck_assert_int_eq(p.requests->len, 2);
	peer_fini(&p);
}
END_TEST

START_TEST(another_refusal_of_a_write_is_final)
{
	static const struct answer script[] = { { "503 Service Unavailable",
	    "{\"error\":\"etcdserver: request timed out\",\"code\":14}" } };
	struct peer p;
	struct dm_etcd *e;
	struct dm_err *err;

	peer_start(&p, script, 1);
	e = client(&p, NULL);
	err = dm_etcd_put(e, "k", "v", 1, 0, NULL);
	ck_assert_ptr_nonnull(err);
	dm_err_free(err);
	peer_join(&p);
	dm_etcd_free(e);
	ck_assert_int_eq(p.requests->len, 1);
	peer_fini(&p);
}
END_TEST

START_TEST(an_idempotent_request_is_retried)
{
	static const struct answer script[] = {
		{ HANG, "" },
		{ "503 Service Unavailable",
		    "{\"error\":\"no leader\",\"code\":14}" },
		{ OK,
		    "{\"header\":{\"revision\":\"7\"},\"kvs\":[{\"key\":\"aw=="
		    "\",\"value\":\"dg==\",\"mod_revision\":\"6\"}]}" },
	};
	DM_AUTO(dm_etcd_kvs) k = NULL;
	struct peer p;
	struct dm_etcd *e;

	peer_start(&p, script, 3);
	e = client(&p, NULL);
	ck_assert_ptr_null(dm_etcd_range(e, "k", false, 0, &k));
	ck_assert_int_eq(k->revision, 7);
	ck_assert_str_eq(
	    ((const struct dm_etcd_kv *)k->items->pdata[0])->value, "v");
	peer_join(&p);
	dm_etcd_free(e);
	peer_fini(&p);
}
END_TEST

/* As etcd 3.4 and 3.5 answer. */
START_TEST(alarms_are_told_from_other_errors_of_a_status)
{
	static const struct answer script[] = {
		{ OK, "{\"dbSize\":\"20480\"}" },
		{ OK, "{\"dbSize\":\"2097152\",\"errors\":["
		      "\"etcdserver: no leader\","
		      "\"memberID:11094992589202017244 alarm:NOSPACE \","
		      "\"memberID:7 alarm:CORRUPT \",3,\"\","
		      "\"memberID:x alarm:NOSPACE \"]}" },
		{ OK, "{\"errors\":7,\"dbSize\":[]}" },
	};
	static const guint expect[] = { 0, 2, 0 };
	struct peer p;
	struct dm_etcd *e;

	peer_start(&p, script, 3);
	e = client(&p, NULL);
	for (size_t i = 0; i < 3; i++) {
		g_autoptr(GPtrArray) alarms = NULL;
		const struct dm_etcd_alarm *a, *b;
		uint64_t bytes = 1;

		ck_assert_ptr_null(dm_etcd_alarms(e, 0, &alarms, &bytes));
		ck_assert_uint_eq(alarms->len, expect[i]);
		if (i != 1)
			continue;
		a = alarms->pdata[0];
		b = alarms->pdata[1];
		ck_assert_uint_eq(a->member, UINT64_C(11094992589202017244));
		ck_assert_str_eq(a->name, "NOSPACE");
		ck_assert_uint_eq(b->member, 7);
		ck_assert_str_eq(b->name, "CORRUPT");
		ck_assert_uint_eq(bytes, 2097152);
	}
	peer_join(&p);
	dm_etcd_free(e);
	peer_fini(&p);
}
END_TEST

/* None of them may do more than give an error. */
static const struct answer malformed[] = {
	{ OK, "" },
	{ OK, "{" },
	{ OK, "null" },
	{ OK, "[1,2" },
	{ OK, "{\"header\":{\"revision\":\"x\"}}" },
	{ OK, "{\"header\":{\"revision\":\"99999999999999999999\"}}" },
	{ OK, "{\"header\":{\"revision\":[]}}" },
	{ OK, "{\"header\":{},\"kvs\":[1]}" },
	{ OK, "{\"header\":{},\"kvs\":[{\"key\":5}]}" },
	{ OK, "{\"header\":{},\"kvs\":[{\"mod_revision\":\"\"}]}" },
	{ OK, "{\"error\":\"inside\"}" },
	{ OK, "{\"error\":{}}" },
	{ "404 Not Found", "Not Found" },
	{ "400 Bad Request", "{}" },
	{ "301 Moved", "{}" },
};

START_TEST(a_malformed_answer_is_an_error)
{
	struct dm_etcd_kvs *k = NULL;
	struct dm_err *err;
	struct dm_etcd *e;
	struct peer p;

	peer_start(&p, &malformed[_i], 1);
	e = client(&p, NULL);
	err = dm_etcd_range(e, "k", false, 0, &k);
	ck_assert_msg(err != NULL, "%s", malformed[_i].body);
	ck_assert(dm_err_is(err, HA_FAIL_TXN_OPERATION));
	dm_err_free(err);
	peer_join(&p);
	dm_etcd_free(e);
	peer_fini(&p);
}
END_TEST

/* What a lease needs and these answers lack. */
static const struct answer no_lease[] = {
	{ OK, "{}" },
	{ OK, "{\"ID\":\"0\"}" },
	{ OK, "{\"ID\":[]}" },
	{ "503 Service Unavailable", "{\"error\":\"no leader\",\"code\":14}" },
	{ HANG, "" },
};

START_TEST(a_lease_that_was_not_granted_is_its_own_error)
{
	int64_t lease = 0;
	struct dm_err *err;
	struct dm_etcd *e;
	struct peer p;

	peer_start(&p, &no_lease[_i], 1);
	e = client(&p, NULL);
	err = dm_etcd_lease_grant(e, 60, 0, &lease);
	ck_assert(dm_err_is(err, HA_FAIL_LEASE_OPERATION));
	ck_assert_ptr_nonnull(err->cause);
	ck_assert_int_eq(lease, 0);
	dm_err_free(err);
	peer_join(&p);
	dm_etcd_free(e);
	peer_fini(&p);
}
END_TEST

START_TEST(a_refused_token_is_fetched_anew)
{
	static const char put_ok[] = "{\"header\":{\"revision\":\"7\"}}";
	static const struct answer script[] = {
		{ OK, "{\"token\":\"one\"}" },
		{ OK, put_ok },
		{ "401 Unauthorized",
		    "{\"error\":\"etcdserver: invalid auth token\","
		    "\"code\":16}" },
		{ OK, "{\"token\":\"two\"}" },
		{ OK, put_ok },
	};
	struct peer p;
	struct dm_etcd *e;

	peer_start(&p, script, 5);
	e = client(&p, "joe");
	ck_assert_ptr_null(dm_etcd_put(e, "k", "v", 1, 0, NULL));
	ck_assert_ptr_null(dm_etcd_put(e, "k", "v", 1, 0, NULL));
	peer_join(&p);
	dm_etcd_free(e);
	ck_assert_str_eq(p.requests->pdata[0],
	    "/v3/auth/authenticate [] {\"name\":\"joe\",\"password\":\"pw\"}");
	ck_assert_str_eq(p.requests->pdata[1],
	    "/v3/kv/put [one] {\"key\":\"aw==\",\"value\":\"dg==\"}");
	ck_assert_str_eq(p.requests->pdata[4],
	    "/v3/kv/put [two] {\"key\":\"aw==\",\"value\":\"dg==\"}");
	peer_fini(&p);
}
END_TEST

/* A user's request that the peer answers so fails, and says why. */
static void
put_fails(struct answer answer, const char *why)
{
	struct peer p;
	struct dm_etcd *e;
	struct dm_err *err;

	peer_start(&p, &answer, 1);
	e = client(&p, "joe");
	err = dm_etcd_put(e, "k", "v", 1, 0, NULL);
	ck_assert_ptr_nonnull(err);
	ck_assert_ptr_nonnull(strstr(err->cause, why));
	dm_err_free(err);
	peer_join(&p);
	dm_etcd_free(e);
	peer_fini(&p);
}

START_TEST(a_wrong_password_is_told)
{
	put_fails((struct answer){ "400 Bad Request",
		      "{\"error\":\"etcdserver: authentication failed\","
		      "\"code\":3}" },
	    "authentication failed");
}
END_TEST

START_TEST(a_certificate_that_does_not_go_with_users_is_told)
{
	put_fails((struct answer){ "400 Bad Request",
		      "CommonName of client sending a request against gateway "
		      "will be ignored and not used as expected\n" },
	    "certificates without a CN");
}
END_TEST

START_TEST(health_asks_for_a_key_of_ours)
{
	static const struct answer script[] = { { OK, "{}" } };
	struct peer p;
	struct dm_etcd *e;

	peer_start(&p, script, 1);
	e = client(&p, NULL);
	ck_assert_ptr_null(dm_etcd_health(e));
	peer_join(&p);
	dm_etcd_free(e);
	/* "/dm-": all that a user's role may cover */
	ck_assert_ptr_nonnull(strstr(p.requests->pdata[0], "\"key\":\"L2RtL"));
	peer_fini(&p);
}
END_TEST

/* ---- watch ---- */

#define CREATED                                                                \
	"{\"result\":{\"header\":{\"revision\":\"50\"},\"created\":true}}\n"
#define EVENT(key, rev)                                                        \
	"{\"result\":{\"header\":{\"revision\":\"90\"},\"events\":[{\"kv\":"   \
	"{\"key\":\"" key "\",\"mod_revision\":\"" rev "\"}}]}}\n"

struct seen {
	struct dm_mutex mu;
	pthread_cond_t cond;
	GString *keys;
	bool compacted;
};

static void
on_events(const struct dm_etcd_event *ev, size_t n, int64_t rev, void *arg)
{
	struct seen *s = arg;

	(void)rev;
	dm_mutex_lock(&s->mu);
	for (size_t i = 0; i < n; i++)
		g_string_append(s->keys, ev[i].kv.key);
	dm_mutex_unlock(&s->mu);
}

static void
on_compacted(int64_t rev, void *arg)
{
	struct seen *s = arg;

	(void)rev;
	dm_mutex_lock(&s->mu);
	s->compacted = true;
	pthread_cond_signal(&s->cond);
	dm_mutex_unlock(&s->mu);
}

START_TEST(a_watch_resumes_after_the_last_event_whatever_comes)
{
	static const struct answer script[] = {
		{ HANG, "" },
		{ "503 Service Unavailable", "<html>" },
		{ OK, "rubbish\n" },
		{ OK, CREATED "{}\n" },
		{ OK, CREATED "{\"result\":5}\n" },
		{ OK, CREATED "{\"result\":{\"events\":[{}]}}\n" },
		/* The header is ahead of a batch of old events. */
		{ OK, CREATED EVENT("YQ==", "60") "{\"result\":{\"hea" },
		{ OK, CREATED "{\"error\":{\"message\":\"no leader\"}}\n" },
		{ OK, CREATED EVENT("Yg==", "61")
			  EVENT("Yw==", "70") "{\"result\":{\"header\":{"
					      "\"revision\":\"80\"}}}\n" },
		{ OK, "{\"result\":{\"canceled\":true,"
		      "\"compact_revision\":\"85\"}}\n" },
	};
	static const struct dm_etcd_watch_ops ops = { .on_events = on_events,
		.on_compacted = on_compacted };
	struct seen s = { .keys = g_string_new(NULL) };
	struct dm_etcd_watch *w;
	struct dm_etcd *e;
	struct peer p;

	dm_mutex_init(&s.mu, 700);
	dm_cond_init(&s.cond);
	peer_start(&p, script, DM_ARRAY_SIZE(script));
	e = client(&p, NULL);
	w = dm_etcd_watch_start(e, "k", false, 0, &ops, &s);
	dm_mutex_lock(&s.mu);
	while (!s.compacted)
		ck_assert(dm_cond_wait_ms(&s.cond, &s.mu, 60000));
	dm_mutex_unlock(&s.mu);
	dm_etcd_watch_stop(w);
	dm_etcd_free(e);
	peer_join(&p);
	ck_assert_str_eq(s.keys->str, "abc");
	ck_assert_ptr_null(strstr(p.requests->pdata[3], "start_revision"));
	ck_assert_ptr_nonnull(
	    strstr(p.requests->pdata[5], "\"start_revision\":\"51\""));
	ck_assert_ptr_nonnull(
	    strstr(p.requests->pdata[7], "\"start_revision\":\"61\""));
	ck_assert_ptr_nonnull(
	    strstr(p.requests->pdata[8], "\"start_revision\":\"61\""));
	ck_assert_ptr_nonnull(
	    strstr(p.requests->pdata[9], "\"start_revision\":\"81\""));
	g_string_free(s.keys, TRUE);
	peer_fini(&p);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/etcd faults");
	TCase *tc = tcase_create("faults");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, a_lost_answer_is_not_retried_when_it_matters);
	tcase_add_test(tc, a_write_refused_for_want_of_a_leader_is_sent_again);
	tcase_add_test(tc, another_refusal_of_a_write_is_final);
	tcase_add_test(tc, an_idempotent_request_is_retried);
	tcase_add_test(tc, alarms_are_told_from_other_errors_of_a_status);
	tcase_add_loop_test(tc, a_lease_that_was_not_granted_is_its_own_error,
	    0, DM_ARRAY_SIZE(no_lease));
	tcase_add_loop_test(tc, a_malformed_answer_is_an_error, 0,
	    (int)DM_ARRAY_SIZE(malformed));
	tcase_add_test(tc, a_refused_token_is_fetched_anew);
	tcase_add_test(tc, a_wrong_password_is_told);
	tcase_add_test(tc, a_certificate_that_does_not_go_with_users_is_told);
	tcase_add_test(tc, health_asks_for_a_key_of_ours);
	tcase_add_test(tc, a_watch_resumes_after_the_last_event_whatever_comes);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
