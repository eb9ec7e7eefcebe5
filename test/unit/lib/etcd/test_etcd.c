/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suite of lib/etcd against a real etcd, one for all tests, started by
 * lib/etcd/member.c in the runner; the tests run in its forked children.
 */
#include "lib/base/clock.h"
#include "lib/etcd/election.h"
#include "lib/etcd/fence.h"
#include "lib/etcd/member.h"
#include "lib/thread/mutex.h"

#include <check.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 60000

static char dir[] = "/tmp/test_etcd.XXXXXX";
static struct dm_etcd_member_proc *member;

static void
check_ok(struct dm_err *err)
{
	g_autofree char *text = err != NULL ? dm_err_text(err) : NULL;

	ck_assert_msg(err == NULL, "%s", text);
}

/* An error with this in its cause. */
static void
check_cause(struct dm_err *err, const char *part)
{
	ck_assert_ptr_nonnull(err);
	ck_assert_ptr_nonnull(err->cause);
	ck_assert_msg(strstr(err->cause, part) != NULL, "%s", err->cause);
	dm_err_free(err);
}

static void
pause_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

/* A port that was free a moment ago, below those that outgoing connections of
 * others may get until it is listened on. */
static int
free_port(void)
{
	for (int i = 0; i < 1000; i++) {
		int port = g_random_int_range(12000, 20000);
		struct sockaddr_in a = { .sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
			.sin_port = htons((uint16_t)port) };
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		bool free = bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

		close(fd);
		if (free)
			return port;
	}
	abort();
}

static struct dm_err *
start_member(const char *data_dir, int port, struct dm_etcd_member_proc **m)
{
	g_autofree char *peer = g_strdup_printf("http://127.0.0.1:%d", port);
	g_autofree char *cluster = g_strdup_printf("m1=%s", peer);
	struct dm_etcd_member_opts o = {
		.name = "m1",
		.data_dir = data_dir,
		.peer_urls = peer,
		.advertise_peer_urls = peer,
		.advertise_client_urls = "http://127.0.0.1:8261",
		.initial_cluster = cluster,
		.max_txn_ops = 2048,
	};

	return dm_etcd_member_start(&o, m);
}

static struct dm_err *
await_ready(struct dm_etcd_member_proc *m)
{
	bool ready;
	struct dm_err *err = dm_etcd_member_wait_ready(m, WAIT_MS, &ready);

	if (err == NULL && !ready)
		err = dm_err_plain("etcd is not ready");
	return err;
}

/* Outside of any test: no ck_assert. */
static bool
start_etcd(void)
{
	g_autofree char *data = g_build_filename(dir, "data", NULL);
	struct dm_err *err = start_member(data, free_port(), &member);
	bool ok;

	if (err == NULL)
		err = await_ready(member);
	ok = err == NULL;
	if (!ok) {
		g_autofree char *text = dm_err_text(err);

		fprintf(stderr, "%s\n", text);
		dm_err_free(err);
	}
	return ok;
}

static struct dm_etcd *
client(void)
{
	const char *eps[] = { dm_etcd_member_endpoint(member), NULL };
	struct dm_etcd_opts o = { .endpoints = eps };
	struct dm_etcd *e;

	check_ok(dm_etcd_new(&o, &e));
	return e;
}

static void
put(struct dm_etcd *e, const char *key, const char *value)
{
	check_ok(dm_etcd_put(e, key, value, strlen(value), 0, NULL));
}

/* Kill etcd and wait until the supervisor has brought it back. */
static void
crash_etcd(void)
{
	int old = dm_etcd_member_pid(member);

	ck_assert_int_gt(old, 0);
	kill(old, SIGKILL);
	check_ok(await_ready(member));
	ck_assert_int_ne(dm_etcd_member_pid(member), old);
}

/* ---- keys ---- */

START_TEST(bytes_survive_a_round_trip)
{
	DM_AUTO(dm_etcd) e = client();
	DM_AUTO(dm_etcd_kvs) k = NULL;
	static const char bytes[] = "a\0\xff\n\"b";
	const struct dm_etcd_kv *kv;
	int64_t rev;

	check_ok(dm_etcd_put(e, "kv/1", bytes, sizeof(bytes), 0, &rev));
	check_ok(dm_etcd_range(e, "kv/1", false, 0, &k));
	ck_assert_int_eq(k->items->len, 1);
	kv = k->items->pdata[0];
	ck_assert_str_eq(kv->key, "kv/1");
	ck_assert_uint_eq(kv->value_len, sizeof(bytes));
	ck_assert_mem_eq(kv->value, bytes, sizeof(bytes));
	ck_assert_int_eq(kv->mod_revision, rev);
	ck_assert_int_eq(k->revision, rev);
}
END_TEST

START_TEST(a_prefix_is_ascending_and_ends_where_it_should)
{
	DM_AUTO(dm_etcd) e = client();
	DM_AUTO(dm_etcd_kvs) k = NULL;
	DM_AUTO(dm_etcd_kvs) two = NULL;
	DM_AUTO(dm_etcd_kvs) none = NULL;
	int64_t n;

	put(e, "p/c", "");
	put(e, "p/a", "1");
	put(e, "p/b", "2");
	put(e, "p0", "outside");
	check_ok(dm_etcd_range(e, "p/", true, 0, &k));
	ck_assert_int_eq(k->items->len, 3);
	ck_assert_str_eq(((struct dm_etcd_kv *)k->items->pdata[0])->key, "p/a");
	ck_assert_str_eq(((struct dm_etcd_kv *)k->items->pdata[2])->key, "p/c");
	ck_assert_str_eq(((struct dm_etcd_kv *)k->items->pdata[2])->value, "");
	check_ok(dm_etcd_range(e, "p/", true, 2, &two));
	ck_assert_int_eq(two->items->len, 2);
	check_ok(dm_etcd_delete(e, "p/", true, &n));
	ck_assert_int_eq(n, 3);
	check_ok(dm_etcd_range(e, "p/", true, 0, &none));
	ck_assert_int_eq(none->items->len, 0);
	check_cause(dm_etcd_put(e, "", "x", 1, 0, NULL), "the key is empty");
	check_cause(dm_etcd_put(e, "k", "x", 1, 999, NULL),
	    "requested lease not found");
}
END_TEST

START_TEST(a_txn_is_done_only_if_its_compares_hold)
{
	DM_AUTO(dm_etcd) e = client();
	DM_AUTO(dm_etcd_txn) t = dm_etcd_txn_new();
	DM_AUTO(dm_etcd_txn) bad = dm_etcd_txn_new();
	DM_AUTO(dm_etcd_txn) mod = dm_etcd_txn_new();
	DM_AUTO(dm_etcd_kvs) k = NULL;
	struct dm_etcd_txn_result r;

	dm_etcd_txn_if_create_revision(t, "t/1", 0);
	dm_etcd_txn_put(t, "t/1", "one", 3, 0);
	dm_etcd_txn_put(t, "t/2", "two", 3, 0);
	ck_assert_uint_eq(dm_etcd_txn_ops(t), 2);
	check_ok(dm_etcd_txn_run(e, t, &r));
	ck_assert(r.succeeded);
	dm_etcd_txn_if_mod_revision(mod, "t/1", r.revision);
	dm_etcd_txn_delete(mod, "t/2", false);
	/* The same again: the key exists now. */
	check_ok(dm_etcd_txn_run(e, t, &r));
	ck_assert(!r.succeeded);
	check_ok(dm_etcd_txn_run(e, mod, &r));
	ck_assert(r.succeeded);
	check_ok(dm_etcd_range(e, "t/", true, 0, &k));
	ck_assert_int_eq(k->items->len, 1);
	dm_etcd_txn_put(bad, "t/3", "", 0, 0);
	dm_etcd_txn_put(bad, "t/3", "", 0, 0);
	check_cause(dm_etcd_txn_run(e, bad, &r), "duplicate key");
}
END_TEST

/* A transaction behind the fence that puts `key`. */
static struct dm_etcd_txn *
fenced(const struct dm_etcd_fence *f, const char *key)
{
	struct dm_etcd_txn *t = dm_etcd_txn_new();

	ck_assert(dm_etcd_fence_guard(f, t));
	dm_etcd_txn_put(t, key, "v", 1, 0);
	return t;
}

static void
raise_fence(struct dm_etcd_fence *f, struct dm_etcd *e)
{
	DM_AUTO(dm_etcd_txn) t = dm_etcd_txn_new();
	bool held;

	check_ok(dm_etcd_fence_raise(f, e, t, &held));
	ck_assert(held);
}

START_TEST(what_is_late_comes_not_past_a_fence)
{
	DM_AUTO(dm_etcd) e = client();
	DM_AUTO(dm_etcd_kvs) k = NULL;
	DM_AUTO(dm_etcd_txn) in_time = NULL;
	DM_AUTO(dm_etcd_txn) late = NULL;
	DM_AUTO(dm_etcd_txn) foreign = dm_etcd_txn_new();
	struct dm_etcd_fence f = { .key = "fence/key" };
	struct dm_etcd_txn_result r;
	bool held = true;

	raise_fence(&f, e);
	in_time = fenced(&f, "fence/in-time");
	late = fenced(&f, "fence/late");
	check_ok(dm_etcd_txn_run(e, in_time, &r));
	ck_assert(r.succeeded);
	dm_etcd_fence_doubt(&f);
	ck_assert(!dm_etcd_fence_guard(&f, late));
	raise_fence(&f, e);
	check_ok(dm_etcd_txn_run(e, late, &r));
	ck_assert(!r.succeeded);
	/* The sender's own compares do not hold: no fence. */
	dm_etcd_txn_if_create_revision(foreign, "fence/key", 0);
	check_ok(dm_etcd_fence_raise(&f, e, foreign, &held));
	ck_assert(!held);
	ck_assert_int_eq(f.revision, 0);
	check_ok(dm_etcd_range(e, "fence/late", false, 0, &k));
	ck_assert_uint_eq(k->items->len, 0);
}
END_TEST

struct counter {
	struct dm_mutex mu;
	pthread_cond_t cond;
	int n, good;
};

static void
counter_init(struct counter *c)
{
	*c = (struct counter){ 0 };
	dm_mutex_init(&c->mu, 700);
	dm_cond_init(&c->cond);
}

static void
count(struct counter *c, bool good)
{
	dm_mutex_lock(&c->mu);
	c->n++;
	c->good += good;
	pthread_cond_broadcast(&c->cond);
	dm_mutex_unlock(&c->mu);
}

static int
count_now(struct counter *c)
{
	int n;

	dm_mutex_lock(&c->mu);
	n = c->n;
	dm_mutex_unlock(&c->mu);
	return n;
}

static void
wait_count(struct counter *c, int n)
{
	dm_mutex_lock(&c->mu);
	while (c->n < n)
		ck_assert(dm_cond_wait_ms(&c->cond, &c->mu, WAIT_MS));
	dm_mutex_unlock(&c->mu);
}

static void
on_txn(struct dm_err *err, const struct dm_etcd_txn_result *r, void *arg)
{
	count(arg, err == NULL && r->succeeded);
	dm_err_free(err);
}

START_TEST(many_txns_may_be_in_flight)
{
	DM_AUTO(dm_etcd) e = client();
	DM_AUTO(dm_etcd_kvs) k = NULL;
	struct counter c;

	counter_init(&c);
	for (int i = 0; i < 100; i++) {
		DM_AUTO(dm_etcd_txn) t = dm_etcd_txn_new();
		g_autofree char *key = g_strdup_printf("many/%d", i);

		dm_etcd_txn_put(t, key, "v", 1, 0);
		dm_etcd_txn_start(e, t, on_txn, &c);
	}
	wait_count(&c, 100);
	ck_assert_int_eq(c.good, 100);
	check_ok(dm_etcd_range(e, "many/", true, 0, &k));
	ck_assert_int_eq(k->items->len, 100);
}
END_TEST

/* Keys "pages/0000" ...: a value begins with its key's number. */
static void
check_pages(struct dm_etcd *e, const char *prefix, guint n)
{
	DM_AUTO(dm_etcd_kvs) k = NULL;

	check_ok(dm_etcd_range(e, prefix, true, 0, &k));
	ck_assert_uint_eq(k->items->len, n);
	for (guint i = 0; i < n; i++) {
		const struct dm_etcd_kv *kv = g_ptr_array_index(k->items, i);
		g_autofree char *number = g_strdup_printf("%04u", i);

		ck_assert_str_eq(kv->key + strlen(prefix), number);
		ck_assert(g_str_has_prefix(kv->value, number));
	}
}

START_TEST(any_number_of_keys_is_read)
{
	DM_AUTO(dm_etcd) e = client();
	const int sizes[] = { 1023, 1024, 1025, 5000 };
	int n = 0;

	for (size_t s = 0; s < G_N_ELEMENTS(sizes); s++) {
		while (n < sizes[s]) {
			DM_AUTO(dm_etcd_txn) t = dm_etcd_txn_new();
			struct dm_etcd_txn_result r;

			for (int i = 0; i < 1000 && n < sizes[s]; i++, n++) {
				g_autofree char *key =
				    g_strdup_printf("pages/%04d", n);

				dm_etcd_txn_put(
				    t, key, key + 6, strlen(key + 6), 0);
			}
			check_ok(dm_etcd_txn_run(e, t, &r));
		}
		check_pages(e, "pages/", (guint)n);
	}
	check_ok(dm_etcd_delete(e, "pages/", true, NULL));
}
END_TEST

/* More than one answer can hold, which is 64 MiB of base64. */
START_TEST(any_amount_is_read)
{
	const guint n = 40, size = 1400000;
	DM_AUTO(dm_etcd) e = client();
	g_autofree char *value = g_malloc(size);

	memset(value, 'x', size);
	for (guint i = 0; i < n; i++) {
		g_autofree char *key = g_strdup_printf("large/%04u", i);

		memcpy(value, key + 6, 4);
		check_ok(dm_etcd_put(e, key, value, size, 0, NULL));
	}
	check_pages(e, "large/", n);
	check_ok(dm_etcd_delete(e, "large/", true, NULL));
}
END_TEST

struct seen {
	struct counter c; /* n: events */
	GString *text;    /* "k=v;" or "k-;" for each */
	int64_t last;     /* revision */
	atomic_int retries;
	int64_t compacted;
	struct dm_etcd_watch *stop_me; /* inside the callback */
};

static void
saw_events(const struct dm_etcd_event *ev, size_t n, int64_t rev, void *arg)
{
	struct seen *s = arg;

	dm_mutex_lock(&s->c.mu);
	for (size_t i = 0; i < n; i++) {
		if (ev[i].deleted)
			g_string_append_printf(s->text, "%s-;", ev[i].kv.key);
		else
			g_string_append_printf(
			    s->text, "%s=%s;", ev[i].kv.key, ev[i].kv.value);
		ck_assert_int_gt(ev[i].kv.mod_revision, s->last);
	}
	s->last = rev;
	s->c.n += (int)n;
	pthread_cond_broadcast(&s->c.cond);
	dm_mutex_unlock(&s->c.mu);
	if (s->stop_me != NULL)
		dm_etcd_watch_stop(DM_TAKE(s->stop_me));
}

static void
saw_compaction(int64_t rev, void *arg)
{
	struct seen *s = arg;

	s->compacted = rev;
	count(&s->c, true);
}

static void
saw_retry(const struct dm_err *err, void *arg)
{
	struct seen *s = arg;

	ck_assert_int_eq(err->code, DM_ERR_HA_FAIL_WATCH_ETCD);
	s->retries++;
}

static const struct dm_etcd_watch_ops seen_ops = { .on_events = saw_events,
	.on_compacted = saw_compaction,
	.on_retry = saw_retry };

static void
seen_init(struct seen *s)
{
	*s = (struct seen){ .text = g_string_new(NULL) };
	counter_init(&s->c);
}

static void
on_canceled(struct dm_err *err, const struct dm_etcd_txn_result *r, void *arg)
{
	(void)r;
	count(arg, dm_err_is_canceled(err));
	dm_err_free(err);
}

START_TEST(freeing_a_client_cancels_what_is_in_flight)
{
	const char *eps[] = { "unix:///nonexistent/c.sock", NULL };
	struct dm_etcd_opts o = { .endpoints = eps };
	DM_AUTO(dm_etcd_txn) t = dm_etcd_txn_new();
	struct dm_etcd *e;
	struct counter c;

	counter_init(&c);
	check_ok(dm_etcd_new(&o, &e));
	dm_etcd_txn_put(t, "k", "v", 1, 0);
	dm_etcd_txn_start(e, t, on_canceled, &c);
	dm_etcd_free(e);
	ck_assert_int_eq(c.n, 1);
	ck_assert_int_eq(c.good, 1);
}
END_TEST

/* ---- endpoints ---- */

START_TEST(a_dead_endpoint_is_left_for_the_next)
{
	g_autofree char *dead =
	    g_strdup_printf("http://127.0.0.1:%d", free_port());
	const char *eps[] = { dead, dm_etcd_member_endpoint(member), NULL };
	struct dm_etcd_opts o = { .endpoints = eps };
	DM_AUTO(dm_etcd) e = NULL;

	check_ok(dm_etcd_new(&o, &e));
	put(e, "fail-over", "1");
	check_ok(dm_etcd_health(e));
}
END_TEST

START_TEST(an_unreachable_etcd_is_an_error_in_time)
{
	g_autofree char *dead =
	    g_strdup_printf("http://127.0.0.1:%d", free_port());
	const char *eps[] = { dead, NULL };
	struct dm_etcd_opts patient = { .endpoints = eps, .timeout_ms = 60000 };
	struct dm_etcd_opts o = { .endpoints = eps, .timeout_ms = 500 };
	struct dm_mono start = dm_mono_now();
	DM_AUTO(dm_etcd) e = NULL;
	DM_AUTO(dm_etcd) p = NULL;

	/* It is not asked again until the time is over. */
	check_ok(dm_etcd_new(&patient, &p));
	check_cause(dm_etcd_health(p), "Failed to connect");
	ck_assert_int_lt(dm_mono_diff_ms(dm_mono_now(), start), 30000);
	/* A write is, for so long. */
	check_ok(dm_etcd_new(&o, &e));
	start = dm_mono_now();
	check_cause(dm_etcd_put(e, "k", "v", 1, 0, NULL), "Failed to connect");
	ck_assert_int_lt(dm_mono_diff_ms(dm_mono_now(), start), 10000);
}
END_TEST

START_TEST(bad_endpoints_are_refused)
{
	static const char *const bad[] = { "", "127.0.0.1:2379",
		"unix://c.sock", "unix:///", "http://", "http://h:1/path",
		"ftp://h:1" };
	struct dm_etcd *e;

	for (size_t i = 0; i < DM_ARRAY_SIZE(bad); i++) {
		const char *eps[] = { bad[i], NULL };
		struct dm_etcd_opts o = { .endpoints = eps };
		DM_AUTO(dm_err) err = dm_etcd_new(&o, &e);

		ck_assert_msg(err != NULL, "%s", bad[i]);
	}
}
END_TEST

START_TEST(a_socket_path_may_be_long)
{
	g_autofree char *part = g_strnfill(120, 'd');
	g_autofree char *data =
	    g_strdup_printf("%s/%s/%d", dir, part, getpid());
	const char *eps[] = { NULL, NULL };
	struct dm_etcd_opts o = { .endpoints = eps };
	struct dm_etcd_member_proc *m;
	struct dm_etcd *e;

	check_ok(start_member(data, free_port(), &m));
	eps[0] = dm_etcd_member_endpoint(m);
	check_ok(await_ready(m));
	check_ok(dm_etcd_new(&o, &e));
	put(e, "k", "v");
	dm_etcd_free(e);
	dm_etcd_member_stop(m);
}
END_TEST

START_TEST(authentication_that_is_off_is_no_obstacle)
{
	const char *eps[] = { dm_etcd_member_endpoint(member), NULL };
	struct dm_etcd_opts o = {
		.endpoints = eps, .user = "root", .password = "secret"
	};
	DM_AUTO(dm_etcd) e = NULL;

	check_ok(dm_etcd_new(&o, &e));
	put(e, "auth", "1");
}
END_TEST

static void
etcdctl(const char *endpoint, const char *args)
{
	g_autofree char *cmd = g_strdup_printf(
	    "etcdctl --endpoints=%s %s >/dev/null 2>&1", endpoint, args);

	ck_assert_msg(system(cmd) == 0, "%s", args);
}

static int
put_as(const char *endpoint, const char *user, const char *password)
{
	const char *eps[] = { endpoint, NULL };
	struct dm_etcd_opts o = {
		.endpoints = eps, .user = user, .password = password
	};
	DM_AUTO(dm_etcd) e = NULL;
	DM_AUTO(dm_err) err = NULL;

	check_ok(dm_etcd_new(&o, &e));
	err = dm_etcd_put(e, "k", "v", 1, 0, NULL);
	return err == NULL ? 0 : err->code;
}

START_TEST(authentication_survives_a_crash_of_etcd)
{
	g_autofree char *data = g_build_filename(dir, "auth", NULL);
	const char *eps[] = { NULL, NULL };
	struct dm_etcd_opts o = {
		.endpoints = eps, .user = "root", .password = "secret"
	};
	DM_AUTO(dm_etcd_kvs) k = NULL;
	struct dm_etcd_member_proc *m;
	struct dm_etcd_watch *w;
	struct dm_etcd *e;
	struct seen s;
	int64_t rev;

	seen_init(&s);
	check_ok(start_member(data, free_port(), &m));
	check_ok(await_ready(m));
	eps[0] = dm_etcd_member_endpoint(m);
	etcdctl(eps[0], "user add root:secret");
	etcdctl(eps[0], "user grant-role root root");
	etcdctl(eps[0], "auth enable");
	ck_assert_int_eq(put_as(eps[0], "root", "secret"), 0);
	ck_assert_int_eq(put_as(eps[0], "root", "wrong"), 42501);
	ck_assert_int_eq(put_as(eps[0], NULL, NULL), 42501);
	check_ok(dm_etcd_new(&o, &e));
	check_ok(dm_etcd_put(e, "k", "1", 1, 0, &rev));
	w = dm_etcd_watch_start(e, "k", false, rev, &seen_ops, &s);
	wait_count(&s.c, 1);
	/* The tokens are gone with it. A read is repeated until it is back. */
	kill(dm_etcd_member_pid(m), SIGKILL);
	check_ok(dm_etcd_range(e, "k", false, 0, &k));
	check_ok(dm_etcd_put(e, "k", "2", 1, 0, NULL));
	wait_count(&s.c, 2);
	dm_etcd_watch_stop(w);
	dm_etcd_free(e);
	dm_etcd_member_stop(m);
	ck_assert_str_eq(s.text->str, "k=1;k=2;");
	g_string_free(s.text, TRUE);
}
END_TEST

/* ---- leases ---- */

START_TEST(a_key_goes_with_its_lease)
{
	DM_AUTO(dm_etcd) e = client();
	DM_AUTO(dm_etcd_kvs) k = NULL;
	int64_t lease, ttl;

	check_ok(dm_etcd_lease_grant(e, 60, 0, &lease));
	check_ok(dm_etcd_put(e, "lease/1", "v", 1, lease, NULL));
	check_ok(dm_etcd_lease_keepalive(e, lease, 0, &ttl));
	ck_assert_int_eq(ttl, 60);
	check_ok(dm_etcd_lease_revoke(e, lease, 0));
	check_ok(dm_etcd_lease_revoke(e, lease, 0)); /* gone is gone */
	check_ok(dm_etcd_range(e, "lease/1", false, 0, &k));
	ck_assert_int_eq(k->items->len, 0);
	check_ok(dm_etcd_lease_keepalive(e, lease, 0, &ttl));
	ck_assert_int_eq(ttl, 0);
}
END_TEST

START_TEST(a_lease_that_is_not_renewed_ends)
{
	DM_AUTO(dm_etcd) e = client();
	struct dm_mono until = dm_mono_add_ms(dm_mono_now(), WAIT_MS);
	guint left;
	int64_t lease;

	check_ok(dm_etcd_lease_grant(e, 1, 0, &lease));
	check_ok(dm_etcd_put(e, "expiry/1", "v", 1, lease, NULL));
	do {
		DM_AUTO(dm_etcd_kvs) k = NULL;

		check_ok(dm_etcd_range(e, "expiry/1", false, 0, &k));
		left = k->items->len;
		pause_ms(100);
	} while (left > 0 && dm_mono_diff_ms(until, dm_mono_now()) > 0);
	ck_assert_uint_eq(left, 0);
}
END_TEST

/* ---- watch ---- */

START_TEST(a_watch_sees_the_past_and_the_present_in_order)
{
	DM_AUTO(dm_etcd) e = client();
	struct dm_etcd_watch *w;
	struct seen s;
	int64_t rev;

	seen_init(&s);
	check_ok(dm_etcd_put(e, "w1/a", "1", 1, 0, &rev));
	put(e, "w1/b", "2");
	put(e, "other", "x");
	w = dm_etcd_watch_start(e, "w1/", true, rev, &seen_ops, &s);
	wait_count(&s.c, 2);
	check_ok(dm_etcd_delete(e, "w1/a", false, NULL));
	put(e, "w1/c", "3");
	wait_count(&s.c, 4);
	dm_etcd_watch_stop(w);
	put(e, "w1/d", "4");
	ck_assert_str_eq(s.text->str, "w1/a=1;w1/b=2;w1/a-;w1/c=3;");
	g_string_free(s.text, TRUE);
}
END_TEST

START_TEST(a_watch_goes_on_after_a_crash_of_etcd)
{
	DM_AUTO(dm_etcd) e = client();
	struct dm_etcd_watch *w;
	struct seen s;

	seen_init(&s);
	put(e, "w2/a", "0");
	w = dm_etcd_watch_start(e, "w2/", true, 0, &seen_ops, &s);
	/* From "now" on: wait until etcd has told what now is. */
	for (int i = 1; count_now(&s.c) == 0; i++) {
		g_autofree char *v = g_strdup_printf("%d", i);

		put(e, "w2/first", v);
		pause_ms(20);
	}
	/* And for those that are on their way. */
	put(e, "w2/first", "last");
	dm_mutex_lock(&s.c.mu);
	while (!g_str_has_suffix(s.text->str, "w2/first=last;"))
		ck_assert(dm_cond_wait_ms(&s.c.cond, &s.c.mu, WAIT_MS));
	g_string_truncate(s.text, 0);
	s.c.n = 0;
	dm_mutex_unlock(&s.c.mu);
	crash_etcd();
	put(e, "w2/b", "1");
	wait_count(&s.c, 1);
	crash_etcd();
	put(e, "w2/c", "2");
	check_ok(dm_etcd_delete(e, "w2/b", false, NULL));
	wait_count(&s.c, 3);
	dm_etcd_watch_stop(w);
	ck_assert_str_eq(s.text->str, "w2/b=1;w2/c=2;w2/b-;");
	ck_assert_int_ge(s.retries, 2);
	g_string_free(s.text, TRUE);
}
END_TEST

START_TEST(a_compacted_past_is_told)
{
	DM_AUTO(dm_etcd) e = client();
	g_autofree char *cmd = NULL;
	struct dm_etcd_watch *w;
	struct seen s;
	int64_t rev;

	seen_init(&s);
	put(e, "w3/a", "1");
	check_ok(dm_etcd_put(e, "w3/a", "2", 1, 0, &rev));
	cmd = g_strdup_printf("compaction %" G_GINT64_FORMAT, rev);
	etcdctl(dm_etcd_member_endpoint(member), cmd);
	w = dm_etcd_watch_start(e, "w3/", true, rev - 1, &seen_ops, &s);
	wait_count(&s.c, 1);
	ck_assert_int_eq(s.compacted, rev);
	dm_etcd_watch_stop(w);
	g_string_free(s.text, TRUE);
}
END_TEST

START_TEST(a_watch_may_be_stopped_by_its_callback)
{
	DM_AUTO(dm_etcd) e = client();
	struct seen s;
	int64_t rev;

	seen_init(&s);
	check_ok(dm_etcd_put(e, "w4/a", "1", 1, 0, &rev));
	s.stop_me = dm_etcd_watch_start(e, "w4/", true, rev + 1, &seen_ops, &s);
	put(e, "w4/b", "2");
	wait_count(&s.c, 1);
	put(e, "w4/c", "3");
	pause_ms(100);
	ck_assert_str_eq(s.text->str, "w4/b=2;");
	g_string_free(s.text, TRUE);
}
END_TEST

START_TEST(a_watch_takes_long_lines)
{
	DM_AUTO(dm_etcd) e = client();
	g_autofree char *big = g_strnfill(1000000, 'x');
	struct dm_etcd_watch *w;
	struct seen s;
	int64_t rev;

	seen_init(&s);
	check_ok(dm_etcd_put(e, "w5/0", big, 1000000, 0, &rev));
	for (int i = 1; i < 8; i++) {
		g_autofree char *key = g_strdup_printf("w5/%d", i);

		check_ok(dm_etcd_put(e, key, big, 1000000, 0, NULL));
	}
	w = dm_etcd_watch_start(e, "w5/", true, rev, &seen_ops, &s);
	wait_count(&s.c, 8);
	dm_etcd_watch_stop(w);
	ck_assert_uint_eq(s.text->len, 8 * (1000000 + strlen("w5/0=;")));
	g_string_free(s.text, TRUE);
	check_ok(dm_etcd_delete(e, "w5/", true, NULL));
}
END_TEST

START_TEST(a_watch_at_a_member_without_a_leader_is_told)
{
	g_autofree char *d1 = g_build_filename(dir, "two1", NULL);
	g_autofree char *d2 = g_build_filename(dir, "two2", NULL);
	g_autofree char *u1 =
	    g_strdup_printf("http://127.0.0.1:%d", free_port());
	g_autofree char *u2 =
	    g_strdup_printf("http://127.0.0.1:%d", free_port());
	g_autofree char *cluster = g_strdup_printf("m1=%s,m2=%s", u1, u2);
	struct dm_etcd_member_opts o = { .initial_cluster = cluster,
		.advertise_client_urls = "http://127.0.0.1:8261" };
	struct dm_etcd_member_proc *m1, *m2;
	struct dm_etcd_watch *w;
	struct dm_etcd *e;
	struct seen s;

	seen_init(&s);
	o.name = "m1";
	o.data_dir = d1;
	o.peer_urls = o.advertise_peer_urls = u1;
	check_ok(dm_etcd_member_start(&o, &m1));
	o.name = "m2";
	o.data_dir = d2;
	o.peer_urls = o.advertise_peer_urls = u2;
	check_ok(dm_etcd_member_start(&o, &m2));
	check_ok(await_ready(m1));
	const char *eps[] = { dm_etcd_member_endpoint(m1), NULL };
	struct dm_etcd_opts co = { .endpoints = eps };

	check_ok(dm_etcd_new(&co, &e));
	w = dm_etcd_watch_start(e, "k", false, 1, &seen_ops, &s);
	put(e, "k", "1");
	wait_count(&s.c, 1);
	ck_assert_int_eq(s.retries, 0);
	dm_etcd_member_stop(m2);
	for (int i = 0; i < 1200 && s.retries == 0; i++)
		pause_ms(50);
	ck_assert_int_gt(s.retries, 0);
	dm_etcd_watch_stop(w);
	dm_etcd_free(e);
	dm_etcd_member_stop(m1);
	g_string_free(s.text, TRUE);
}
END_TEST

/* ---- cluster ---- */

START_TEST(members_are_listed)
{
	DM_AUTO(dm_etcd) e = client();
	g_autoptr(GPtrArray) list = NULL;
	const struct dm_etcd_member *m;

	check_ok(dm_etcd_member_list(e, &list));
	ck_assert_int_eq(list->len, 1);
	m = list->pdata[0];
	ck_assert_str_eq(m->name, "m1");
	ck_assert_str_eq(m->client_urls[0], "http://127.0.0.1:8261");
	ck_assert_ptr_null(m->client_urls[1]);
	ck_assert(g_str_has_prefix(m->peer_urls[0], "http://127.0.0.1:"));
	check_cause(dm_etcd_member_remove(e, 1), "member not found");
}
END_TEST

/* ---- election ---- */

struct candidate {
	struct dm_mutex mu;
	pthread_cond_t cond;
	GString *log; /* "lead;" "retire;" "leader=v;" */
	int64_t rev;
	struct dm_election *el;
};

static void
note(struct candidate *c, const char *fmt, const char *value)
{
	dm_mutex_lock(&c->mu);
	g_string_append(c->log, fmt);
	g_string_append(c->log, value);
	g_string_append_c(c->log, ';');
	pthread_cond_broadcast(&c->cond);
	dm_mutex_unlock(&c->mu);
}

static void
on_lead(int64_t rev, void *arg)
{
	((struct candidate *)arg)->rev = rev;
	note(arg, "lead", "");
}

static void
on_retire(void *arg)
{
	note(arg, "retire", "");
}

static void
on_leader(const char *value, void *arg)
{
	note(arg, "leader=", value);
}

static const struct dm_election_ops candidate_ops = {
	.on_lead = on_lead, .on_retire = on_retire, .on_leader = on_leader
};

static void
enter(struct candidate *c, struct dm_etcd *e, const char *prefix,
    const char *value, int64_t ttl_s)
{
	struct dm_election_opts o = {
		.prefix = prefix, .value = value, .ttl_s = ttl_s
	};

	*c = (struct candidate){ .log = g_string_new(NULL) };
	dm_mutex_init(&c->mu, 700);
	dm_cond_init(&c->cond);
	c->el = dm_election_start(e, &o, &candidate_ops, c);
}

static void
leave(struct candidate *c)
{
	dm_election_stop(c->el);
	g_string_free(c->log, TRUE);
}

/* Wait until the log ends so. */
static void
wait_log(struct candidate *c, const char *end)
{
	dm_mutex_lock(&c->mu);
	while (!g_str_has_suffix(c->log->str, end))
		ck_assert_msg(dm_cond_wait_ms(&c->cond, &c->mu, WAIT_MS),
		    "%s does not end in %s", c->log->str, end);
	dm_mutex_unlock(&c->mu);
}

/* A guarded write; did etcd do it? guarded: as dm_election_guard said. */
static bool
guarded_write(struct dm_etcd *e, struct dm_etcd_txn *t)
{
	struct dm_etcd_txn_result r;

	dm_etcd_txn_put(t, "guarded", "v", 1, 0);
	check_ok(dm_etcd_txn_run(e, t, &r));
	return r.succeeded;
}

START_TEST(one_leads_and_the_next_follows_when_it_resigns)
{
	DM_AUTO(dm_etcd) e = client();
	DM_AUTO(dm_etcd_txn) t = dm_etcd_txn_new();
	DM_AUTO(dm_etcd_txn) old = dm_etcd_txn_new();
	struct candidate a, b;

	enter(&a, e, "el1/", "A", 60);
	wait_log(&a, "lead;");
	enter(&b, e, "el1/", "B", 60);
	wait_log(&b, "leader=A;");
	ck_assert(!dm_election_guard(b.el, t));
	ck_assert(dm_election_guard(a.el, t));
	ck_assert(dm_election_guard(a.el, old));
	ck_assert(guarded_write(e, t));
	dm_election_resign(a.el);
	wait_log(&b, "lead;");
	wait_log(&a, "retire;leader=B;");
	/* What A had prepared as a leader is refused. */
	ck_assert(!guarded_write(e, old));
	ck_assert(!dm_election_guard(a.el, t));
	dm_election_campaign(a.el);
	dm_election_resign(b.el);
	dm_election_campaign(b.el);
	wait_log(&a, "lead;");
	wait_log(&b, "retire;leader=A;");
	leave(&a);
	wait_log(&b, "lead;");
	leave(&b);
}
END_TEST

START_TEST(a_leader_whose_key_is_deleted_retires_and_campaigns_again)
{
	DM_AUTO(dm_etcd) e = client();
	DM_AUTO(dm_etcd_txn) old = dm_etcd_txn_new();
	struct candidate a, b;
	int64_t first;

	enter(&a, e, "el2/", "A", 60);
	wait_log(&a, "lead;");
	first = a.rev;
	enter(&b, e, "el2/", "B", 60);
	wait_log(&b, "leader=A;");
	ck_assert(dm_election_guard(a.el, old));
	check_ok(dm_election_depose(b.el, "A"));
	ck_assert(!guarded_write(e, old));
	wait_log(&b, "lead;");
	wait_log(&a, "retire;leader=B;");
	leave(&b);
	wait_log(&a, "lead;");
	ck_assert_int_gt(a.rev, first);
	check_ok(dm_election_depose(a.el, "A"));
	wait_log(&a, "retire;leader=;lead;");
	leave(&a);
}
END_TEST

START_TEST(who_leads_can_have_it_confirmed)
{
	DM_AUTO(dm_etcd) e = client();
	struct candidate a, b;
	struct dm_err *err;

	enter(&a, e, "el5/", "A", 60);
	wait_log(&a, "lead;");
	enter(&b, e, "el5/", "B", 60);
	wait_log(&b, "leader=A;");
	check_ok(dm_election_confirm(a.el));
	err = dm_election_confirm(b.el);
	ck_assert(dm_err_is(err, HA_FAIL_TXN_OPERATION));
	dm_err_free(err);
	/* From the moment at which the key is gone. */
	check_ok(dm_election_depose(b.el, "A"));
	err = dm_election_confirm(a.el);
	ck_assert(dm_err_is(err, HA_FAIL_TXN_OPERATION));
	dm_err_free(err);
	wait_log(&b, "lead;");
	check_ok(dm_election_confirm(b.el));
	kill(dm_etcd_member_pid(member), SIGSTOP);
	err = dm_election_confirm(b.el);
	kill(dm_etcd_member_pid(member), SIGCONT);
	ck_assert_ptr_nonnull(err);
	dm_err_free(err);
	leave(&a);
	leave(&b);
}
END_TEST

START_TEST(a_crash_of_etcd_does_not_end_a_reign)
{
	DM_AUTO(dm_etcd) e = client();
	DM_AUTO(dm_etcd_txn) t = dm_etcd_txn_new();
	struct candidate a;

	enter(&a, e, "el3/", "A", 9); /* renewed every 3 s */
	wait_log(&a, "lead;");
	crash_etcd();
	pause_ms(4000);
	ck_assert_str_eq(a.log->str, "lead;");
	ck_assert(dm_election_guard(a.el, t));
	ck_assert(guarded_write(e, t));
	leave(&a);
}
END_TEST

START_TEST(a_leader_without_etcd_retires_when_its_lease_ends)
{
	DM_AUTO(dm_etcd) e = client();
	DM_AUTO(dm_etcd_txn) t = dm_etcd_txn_new();
	struct candidate a;
	struct dm_mono start;
	int64_t ms;

	enter(&a, e, "el4/", "A", 3);
	wait_log(&a, "lead;");
	start = dm_mono_now();
	kill(dm_etcd_member_pid(member), SIGSTOP);
	wait_log(&a, "retire;");
	ms = dm_mono_diff_ms(dm_mono_now(), start);
	ck_assert(!dm_election_guard(a.el, t));
	kill(dm_etcd_member_pid(member), SIGCONT);
	/* Not later than a TTL after the last renewal, with what a busy
	 * machine needs to run the thread that is told. */
	ck_assert_int_lt(ms, 5500);
	wait_log(&a, "lead;");
	leave(&a);
}
END_TEST

START_TEST(a_restarted_candidate_does_not_wait_for_its_old_lease)
{
	DM_AUTO(dm_etcd) e = client();
	DM_AUTO(dm_etcd_kvs) k = NULL;
	struct dm_mono start = dm_mono_now();
	struct candidate a;
	int64_t lease;

	check_ok(dm_etcd_lease_grant(e, 60, 0, &lease));
	check_ok(dm_etcd_put(e, "el5/dead", "A", 1, lease, NULL));
	enter(&a, e, "el5/", "A", 60);
	wait_log(&a, "lead;");
	ck_assert_str_eq(a.log->str, "lead;");
	ck_assert_int_lt(dm_mono_diff_ms(dm_mono_now(), start), 30000);
	check_ok(dm_etcd_range(e, "el5/dead", false, 0, &k));
	ck_assert_int_eq(k->items->len, 0);
	leave(&a);
}
END_TEST

/* ---- member ---- */

START_TEST(options_that_are_missing_are_named)
{
	struct dm_etcd_member_opts o = { .name = "m1", .data_dir = dir };
	struct dm_etcd_member_proc *m;
	DM_AUTO(dm_err) err = dm_etcd_member_start(&o, &m);

	ck_assert(dm_err_is(err, MASTER_GEN_EMBED_ETCD_CONFIG_FAIL));
	ck_assert_ptr_nonnull(strstr(err->message, "peer-urls"));
}
END_TEST

START_TEST(a_program_that_is_missing_is_told)
{
	struct dm_etcd_member_opts o = { .etcd_path = "/nonexistent/etcd",
		.name = "m1",
		.data_dir = dir,
		.peer_urls = "http://127.0.0.1:1",
		.advertise_peer_urls = "http://127.0.0.1:1",
		.advertise_client_urls = "http://127.0.0.1:1",
		.initial_cluster = "m1=http://127.0.0.1:1" };
	struct dm_etcd_member_proc *m;

	check_cause(dm_etcd_member_start(&o, &m), "/nonexistent/etcd");
}
END_TEST

START_TEST(a_start_that_fails_tells_the_last_lines_of_the_log)
{
	g_autofree char *data = g_build_filename(dir, "taken", NULL);
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct dm_etcd_member_proc *m;
	struct dm_err *err;

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	check_ok(start_member(data, ntohs(a.sin_port), &m));
	err = await_ready(m);
	ck_assert(dm_err_is(err, MASTER_START_EMBED_ETCD_FAIL));
	check_cause(err, "address already in use");
	dm_etcd_member_stop(m);
	close(fd);
}
END_TEST

START_TEST(a_data_dir_in_use_is_refused)
{
	g_autofree char *data = g_build_filename(dir, "data", NULL);
	struct dm_etcd_member_proc *m;

	check_cause(start_member(data, free_port(), &m), "in use by another");
	ck_assert_int_gt(dm_etcd_member_pid(member), 0);
}
END_TEST

START_TEST(an_orphaned_etcd_is_ended)
{
	g_autofree char *data = g_build_filename(dir, "orphan", NULL);
	g_autofree char *wal = g_build_filename(data, "member", "wal", NULL);
	g_autofree char *flag = g_strdup_printf("--data-dir=%s", data);
	g_autofree char *peer =
	    g_strdup_printf("http://127.0.0.1:%d", free_port());
	g_autofree char *client_url =
	    g_strdup_printf("http://127.0.0.1:%d", free_port());
	struct dm_etcd_member_proc *m;
	pid_t pid = fork();

	if (pid == 0) {
		execlp("etcd", "etcd", flag, "--listen-peer-urls", peer,
		    "--listen-client-urls", client_url,
		    "--advertise-client-urls", client_url, "--log-outputs",
		    "/dev/null", "--logger", "zap", (char *)NULL);
		_exit(127);
	}
	/* It has begun with its data. */
	for (int i = 0; i < 600 && !g_file_test(wal, G_FILE_TEST_IS_DIR); i++)
		pause_ms(100);
	signal(SIGCHLD, SIG_IGN); /* it shall not stay as a zombie */
	check_ok(start_member(data, free_port(), &m));
	ck_assert_int_ne(kill(pid, 0), 0);
	signal(SIGCHLD, SIG_DFL);
	dm_etcd_member_stop(m);
}
END_TEST

START_TEST(etcd_ends_with_its_master)
{
	g_autofree char *data = g_build_filename(dir, "dies", NULL);
	struct dm_etcd_member_proc *m;
	int report[2], etcd, port = free_port();
	pid_t pid;

	ck_assert_int_eq(pipe(report), 0);
	pid = fork();
	if (pid == 0) {
		check_ok(start_member(data, port, &m));
		etcd = dm_etcd_member_pid(m);
		(void)!write(report[1], &etcd, sizeof(etcd));
		pause();
	}
	ck_assert_int_eq(
	    read(report[0], &etcd, sizeof(etcd)), (ssize_t)sizeof(etcd));
	ck_assert_int_eq(kill(etcd, 0), 0);
	kill(pid, SIGKILL);
	for (int i = 0; i < 600 && kill(etcd, 0) == 0; i++)
		pause_ms(100);
	ck_assert_int_ne(kill(etcd, 0), 0);
	/* And the data dir is free at once. */
	check_ok(start_member(data, port, &m));
	check_ok(await_ready(m));
	dm_etcd_member_stop(m);
}
END_TEST

static void
add_tests(TCase *tc)
{
	tcase_add_test(tc, bytes_survive_a_round_trip);
	tcase_add_test(tc, a_prefix_is_ascending_and_ends_where_it_should);
	tcase_add_test(tc, a_txn_is_done_only_if_its_compares_hold);
	tcase_add_test(tc, what_is_late_comes_not_past_a_fence);
	tcase_add_test(tc, many_txns_may_be_in_flight);
	tcase_add_test(tc, any_number_of_keys_is_read);
	tcase_add_test(tc, any_amount_is_read);
	tcase_add_test(tc, freeing_a_client_cancels_what_is_in_flight);
	tcase_add_test(tc, a_dead_endpoint_is_left_for_the_next);
	tcase_add_test(tc, an_unreachable_etcd_is_an_error_in_time);
	tcase_add_test(tc, bad_endpoints_are_refused);
	tcase_add_test(tc, a_socket_path_may_be_long);
	tcase_add_test(tc, authentication_that_is_off_is_no_obstacle);
	tcase_add_test(tc, authentication_survives_a_crash_of_etcd);
	tcase_add_test(tc, a_key_goes_with_its_lease);
	tcase_add_test(tc, a_lease_that_is_not_renewed_ends);
	tcase_add_test(tc, a_watch_sees_the_past_and_the_present_in_order);
	tcase_add_test(tc, a_watch_goes_on_after_a_crash_of_etcd);
	tcase_add_test(tc, a_compacted_past_is_told);
	tcase_add_test(tc, a_watch_may_be_stopped_by_its_callback);
	tcase_add_test(tc, a_watch_takes_long_lines);
	tcase_add_test(tc, a_watch_at_a_member_without_a_leader_is_told);
	tcase_add_test(tc, members_are_listed);
}

static void
add_more_tests(TCase *tc)
{
	tcase_add_test(tc, one_leads_and_the_next_follows_when_it_resigns);
	tcase_add_test(
	    tc, a_leader_whose_key_is_deleted_retires_and_campaigns_again);
	tcase_add_test(tc, who_leads_can_have_it_confirmed);
	tcase_add_test(tc, a_crash_of_etcd_does_not_end_a_reign);
	tcase_add_test(tc, a_leader_without_etcd_retires_when_its_lease_ends);
	tcase_add_test(
	    tc, a_restarted_candidate_does_not_wait_for_its_old_lease);
	tcase_add_test(tc, options_that_are_missing_are_named);
	tcase_add_test(tc, a_program_that_is_missing_is_told);
	tcase_add_test(tc, a_start_that_fails_tells_the_last_lines_of_the_log);
	tcase_add_test(tc, a_data_dir_in_use_is_refused);
	tcase_add_test(tc, an_orphaned_etcd_is_ended);
	tcase_add_test(tc, etcd_ends_with_its_master);
}

int
main(void)
{
	Suite *s = suite_create("lib/etcd");
	TCase *tc = tcase_create("etcd");
	SRunner *sr = srunner_create(s);
	char *rm[] = { "rm", "-rf", dir, NULL };
	int failed;

	if (mkdtemp(dir) == NULL)
		return EXIT_FAILURE;
	tcase_set_timeout(tc, 60);
	add_tests(tc);
	add_more_tests(tc);
	suite_add_tcase(s, tc);
	failed = start_etcd() ? 0 : 1;
	if (failed == 0) {
		srunner_run_all(sr, CK_NORMAL);
		failed = srunner_ntests_failed(sr);
	}
	dm_etcd_member_stop(member);
	srunner_free(sr);
	(void)g_spawn_sync(NULL, rm, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
	    NULL, NULL, NULL, NULL);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
