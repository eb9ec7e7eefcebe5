/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's thread: see client.h.
 *
 * DESIGN: other threads only post commands. The thread runs them, lets curl
 * work, hands out what came, fires timers, and sleeps in curl_multi_poll until
 * a socket, a timer or curl_multi_wakeup. User callbacks are called from the
 * loop, never from inside curl, so they may start and stop anything.
 * It ends when dm_etcd_free sets `closing`: the commands that are queued are
 * still run, every request ends with "context canceled".
 */
#include "lib/etcd/client.h"

#include <string.h>

#define RANK_ETCD    600
#define DEFAULT_MS   10000
#define MAX_SLEEP_MS 60000

struct command {
	dm_etcd_fn *fn;
	void *arg;
	bool *ran; /* set under the lock, or NULL */
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void
init_curl(void)
{
	dm_assert(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

static void
push_command(struct dm_etcd *e, dm_etcd_fn *fn, void *arg, bool *ran)
{
	struct command *c = g_new(struct command, 1);

	*c = (struct command){ .fn = fn, .arg = arg, .ran = ran };
	dm_mutex_lock(&e->mu);
	g_queue_push_tail(&e->inbox, c);
	dm_mutex_unlock(&e->mu);
	curl_multi_wakeup(e->multi);
}

void
dm_etcd_post(struct dm_etcd *e, dm_etcd_fn *fn, void *arg)
{
	push_command(e, fn, arg, NULL);
}

void
dm_etcd_post_wait(struct dm_etcd *e, dm_etcd_fn *fn, void *arg)
{
	bool ran = false;

	if (dm_etcd_on_thread(e)) {
		fn(arg);
		return;
	}
	push_command(e, fn, arg, &ran);
	dm_mutex_lock(&e->mu);
	while (!ran)
		dm_cond_wait(&e->cond, &e->mu);
	dm_mutex_unlock(&e->mu);
}

bool
dm_etcd_on_thread(struct dm_etcd *e)
{
	return pthread_equal(e->thread, pthread_self());
}

/* Runs what was posted; true when the client is to end. */
static bool
run_inbox(struct dm_etcd *e)
{
	struct command *c;
	bool closing;

	dm_mutex_lock(&e->mu);
	while ((c = g_queue_pop_head(&e->inbox)) != NULL) {
		dm_mutex_unlock(&e->mu);
		c->fn(c->arg);
		dm_mutex_lock(&e->mu);
		if (c->ran != NULL) {
			*c->ran = true;
			pthread_cond_broadcast(&e->cond);
		}
		g_free(c);
	}
	closing = e->closing;
	dm_mutex_unlock(&e->mu);
	return closing;
}

void
dm_etcd_timer_set(struct dm_etcd *e, struct dm_etcd_timer *t, int64_t in_ms,
    dm_etcd_fn *fn, void *arg)
{
	dm_assert(!t->armed);
	*t = (struct dm_etcd_timer){ .fn = fn,
		.arg = arg,
		.armed = true,
		.at = dm_mono_add_ms(dm_mono_now(), in_ms) };
	t->link.data = t;
	g_queue_push_tail_link(&e->timers, &t->link);
}

void
dm_etcd_timer_clear(struct dm_etcd *e, struct dm_etcd_timer *t)
{
	if (!t->armed)
		return;
	g_queue_unlink(&e->timers, &t->link);
	t->armed = false;
}

/* Milliseconds until the next timer; *due is one that is due, or NULL. */
static int
next_timer(struct dm_etcd *e, struct dm_etcd_timer **due)
{
	struct dm_mono now = dm_mono_now();
	int64_t wait = MAX_SLEEP_MS;

	*due = NULL;
	for (GList *l = e->timers.head; l != NULL; l = l->next) {
		struct dm_etcd_timer *t = l->data;
		int64_t left = dm_mono_diff_ms(t->at, now);

		if (t->at.ns <= now.ns) {
			*due = t;
			return 0;
		}
		/* Rounded up: waking early would spin. */
		wait = MIN(wait, left + 1);
	}
	return (int)wait;
}

static int
run_timers(struct dm_etcd *e)
{
	struct dm_etcd_timer *t;
	int wait;

	while ((wait = next_timer(e, &t)), t != NULL) {
		dm_etcd_timer_clear(e, t);
		t->fn(t->arg);
	}
	return wait;
}

void
dm_etcd_next_endpoint(struct dm_etcd *e, size_t was)
{
	if (e->current == was)
		e->current = (was + 1) % e->endpoints->len;
}

static void *
client_main(void *arg)
{
	struct dm_etcd *e = arg;
	int running, wait;

	/* dm_etcd_new writes e->thread, which callbacks compare. */
	dm_mutex_lock(&e->mu);
	dm_mutex_unlock(&e->mu);
	while (!run_inbox(e)) {
		curl_multi_perform(e->multi, &running);
		dm_etcd_transfers_deliver(e);
		wait = run_timers(e);
		curl_multi_poll(e->multi, NULL, 0, wait, NULL);
	}
	e->ended = true;
	dm_etcd_requests_cancel(e);
	(void)run_inbox(e);
	return NULL;
}

static void
free_endpoint(void *p)
{
	dm_etcd_endpoint_free(p);
}

static struct dm_err *
parse_endpoints(struct dm_etcd *e, const struct dm_etcd_opts *o)
{
	for (const char *const *p = o->endpoints; *p != NULL; p++) {
		struct dm_etcd_endpoint *ep;
		struct dm_err *err = dm_etcd_endpoint_parse(*p, &ep);

		if (err != NULL)
			return err;
		g_ptr_array_add(e->endpoints, ep);
	}
	if (e->endpoints->len == 0)
		return dm_err_plain("no etcd endpoint is given");
	return NULL;
}

static char *
copy_unless_empty(const char *s)
{
	return s != NULL && s[0] != '\0' ? g_strdup(s) : NULL;
}

static void
wipe(char *secret)
{
	if (secret != NULL)
		explicit_bzero(secret, strlen(secret));
	g_free(secret);
}

/* Everything but the thread. */
static void
destroy(struct dm_etcd *e)
{
	curl_multi_cleanup(e->multi);
	g_ptr_array_free(e->endpoints, TRUE);
	pthread_cond_destroy(&e->cond);
	dm_mutex_fini(&e->mu);
	g_free(e->user);
	wipe(e->password);
	wipe(e->token);
	g_free(e);
}

struct dm_err *
dm_etcd_new(const struct dm_etcd_opts *o, struct dm_etcd **out)
{
	struct dm_etcd *e = g_new0(struct dm_etcd, 1);
	struct dm_err *err;

	pthread_once(&curl_once, init_curl);
	e->endpoints = g_ptr_array_new_with_free_func(free_endpoint);
	dm_mutex_init(&e->mu, RANK_ETCD);
	dm_cond_init(&e->cond);
	err = parse_endpoints(e, o);
	if (err != NULL) {
		destroy(e);
		return err;
	}
	e->multi = curl_multi_init();
	dm_assert(e->multi != NULL);
	e->tls = o->tls;
	e->user = copy_unless_empty(o->user);
	if (e->user != NULL)
		e->password = g_strdup(o->password ? o->password : "");
	e->timeout_ms = o->timeout_ms > 0 ? o->timeout_ms : DEFAULT_MS;
	dm_mutex_lock(&e->mu);
	e->thread = dm_thread_start("etcd", client_main, e);
	dm_mutex_unlock(&e->mu);
	*out = e;
	return NULL;
}

void
dm_etcd_free(struct dm_etcd *e)
{
	if (e == NULL)
		return;
	dm_assert(!dm_etcd_on_thread(e));
	dm_mutex_lock(&e->mu);
	e->closing = true;
	dm_mutex_unlock(&e->mu);
	curl_multi_wakeup(e->multi);
	pthread_join(e->thread, NULL);
	dm_assert(e->watches == 0);
	dm_assert(g_queue_is_empty(&e->inbox));
	dm_assert(g_queue_is_empty(&e->requests));
	destroy(e);
}
