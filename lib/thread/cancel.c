/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cancelling: see cancel.h. DESIGN: the watchers are a list under the lock;
 * dm_cancel_now takes them off one at a time and calls each without the lock,
 * so that a watcher may take locks of any rank.
 */
#include "lib/thread/cancel.h"

#include <stdatomic.h>

#define RANK_CANCEL 900

struct dm_cancel {
	struct dm_mutex mu; /* guards the fields below, except `done` */
	pthread_cond_t cond;
	struct dm_cancel_watch *watches;
	atomic_bool done;
	struct dm_cancel *parent; /* borrowed, or NULL */
	struct dm_cancel_watch parent_watch;
};

static void
cancel_child(void *arg)
{
	dm_cancel_now(arg);
}

struct dm_cancel *
dm_cancel_new(struct dm_cancel *parent)
{
	struct dm_cancel *c = g_new0(struct dm_cancel, 1);

	dm_mutex_init(&c->mu, RANK_CANCEL);
	dm_cond_init(&c->cond);
	c->parent = parent;
	dm_cancel_watch(parent, &c->parent_watch, cancel_child, c);
	return c;
}

void
dm_cancel_free(struct dm_cancel *c)
{
	if (c == NULL)
		return;
	dm_cancel_unwatch(c->parent, &c->parent_watch);
	dm_assert(c->watches == NULL);
	pthread_cond_destroy(&c->cond);
	dm_mutex_fini(&c->mu);
	g_free(c);
}

static void
unlink_locked(struct dm_cancel_watch *w)
{
	*w->prev = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	w->next = NULL;
	w->prev = NULL;
}

void
dm_cancel_now(struct dm_cancel *c)
{
	struct dm_cancel_watch *w;

	dm_mutex_lock(&c->mu);
	atomic_store(&c->done, true);
	pthread_cond_broadcast(&c->cond);
	while ((w = c->watches) != NULL) {
		unlink_locked(w);
		w->running = true;
		dm_mutex_unlock(&c->mu);
		w->fn(w->arg);
		dm_mutex_lock(&c->mu);
		w->running = false;
		pthread_cond_broadcast(&c->cond);
	}
	dm_mutex_unlock(&c->mu);
}

bool
dm_canceled(struct dm_cancel *c)
{
	return c != NULL && atomic_load(&c->done);
}

struct dm_err *
dm_cancel_check(struct dm_cancel *c)
{
	return dm_canceled(c) ? dm_err_canceled() : NULL;
}

void
dm_cancel_watch(
    struct dm_cancel *c, struct dm_cancel_watch *w, dm_cancel_fn *fn, void *arg)
{
	bool now;

	*w = (struct dm_cancel_watch){ .fn = fn, .arg = arg };
	if (c == NULL)
		return;
	dm_mutex_lock(&c->mu);
	now = atomic_load(&c->done);
	if (!now) {
		w->next = c->watches;
		w->prev = &c->watches;
		if (w->next != NULL)
			w->next->prev = &w->next;
		c->watches = w;
	}
	dm_mutex_unlock(&c->mu);
	if (now)
		fn(arg);
}

void
dm_cancel_unwatch(struct dm_cancel *c, struct dm_cancel_watch *w)
{
	if (c == NULL)
		return;
	dm_mutex_lock(&c->mu);
	if (w->prev != NULL)
		unlink_locked(w);
	while (w->running)
		dm_cond_wait(&c->cond, &c->mu);
	dm_mutex_unlock(&c->mu);
}

struct dm_err *
dm_cancel_sleep_ms(struct dm_cancel *c, int64_t ms)
{
	if (c == NULL) {
		struct timespec ts = { .tv_sec = ms / 1000,
			.tv_nsec = ms % 1000 * 1000000 };

		nanosleep(&ts, NULL);
		return NULL;
	}
	dm_mutex_lock(&c->mu);
	while (!atomic_load(&c->done)) {
		if (!dm_cond_wait_ms(&c->cond, &c->mu, ms))
			break;
	}
	dm_mutex_unlock(&c->mu);
	return dm_cancel_check(c);
}
