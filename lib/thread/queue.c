/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded queue: see queue.h. */
#include "lib/thread/queue.h"

#include "lib/base/clock.h"

#define RANK_QUEUE 800

struct dm_queue {
	struct dm_mutex mu; /* guards all fields below */
	pthread_cond_t changed;
	GQueue items;
	size_t capacity;
	bool closed;
	GDestroyNotify free_fn;
};

struct dm_queue *
dm_queue_new(size_t capacity, GDestroyNotify free_fn)
{
	struct dm_queue *q = g_new0(struct dm_queue, 1);

	dm_assert(capacity > 0);
	dm_mutex_init(&q->mu, RANK_QUEUE);
	dm_cond_init(&q->changed);
	g_queue_init(&q->items);
	q->capacity = capacity;
	q->free_fn = free_fn;
	return q;
}

void
dm_queue_free(struct dm_queue *q)
{
	void *item;

	if (q == NULL)
		return;
	while ((item = g_queue_pop_head(&q->items)) != NULL) {
		if (q->free_fn != NULL)
			q->free_fn(item);
	}
	pthread_cond_destroy(&q->changed);
	dm_mutex_fini(&q->mu);
	g_free(q);
}

static void
wake(void *arg)
{
	struct dm_queue *q = arg;

	dm_mutex_lock(&q->mu);
	pthread_cond_broadcast(&q->changed);
	dm_mutex_unlock(&q->mu);
}

static struct dm_err *
add_locked(struct dm_queue *q, void *item)
{
	dm_mutex_assert_held(&q->mu);
	if (q->closed)
		return dm_err_plain("queue is closed");
	g_queue_push_tail(&q->items, item);
	pthread_cond_broadcast(&q->changed);
	return NULL;
}

struct dm_err *
dm_queue_push(struct dm_queue *q, void *item, struct dm_cancel *c)
{
	struct dm_cancel_watch w;
	struct dm_err *err;

	dm_assert(item != NULL);
	dm_cancel_watch(c, &w, wake, q);
	dm_mutex_lock(&q->mu);
	while (!q->closed && q->items.length >= q->capacity && !dm_canceled(c))
		dm_cond_wait(&q->changed, &q->mu);
	err = dm_cancel_check(c);
	if (err == NULL)
		err = add_locked(q, item);
	dm_mutex_unlock(&q->mu);
	dm_cancel_unwatch(c, &w);
	if (err != NULL && q->free_fn != NULL)
		q->free_fn(item);
	return err;
}

bool
dm_queue_push_now(struct dm_queue *q, void *item)
{
	struct dm_err *err;

	dm_assert(item != NULL);
	dm_mutex_lock(&q->mu);
	err = add_locked(q, item);
	dm_mutex_unlock(&q->mu);
	if (err == NULL)
		return true;
	dm_err_free(err); /* the only reason is "closed", which we answer */
	if (q->free_fn != NULL)
		q->free_fn(item);
	return false;
}

static bool
wait_locked(struct dm_queue *q, int64_t left_ms)
{
	if (left_ms < 0) {
		dm_cond_wait(&q->changed, &q->mu);
		return true;
	}
	return left_ms > 0 && dm_cond_wait_ms(&q->changed, &q->mu, left_ms);
}

struct dm_err *
dm_queue_pop(
    struct dm_queue *q, int64_t timeout_ms, struct dm_cancel *c, void **item)
{
	struct dm_mono until = dm_mono_add_ms(dm_mono_now(), timeout_ms);
	struct dm_cancel_watch w;
	struct dm_err *err;

	*item = NULL;
	dm_cancel_watch(c, &w, wake, q);
	dm_mutex_lock(&q->mu);
	while (q->items.length == 0 && !q->closed && !dm_canceled(c)) {
		int64_t left =
		    timeout_ms < 0 ? -1 : dm_mono_diff_ms(until, dm_mono_now());

		if (timeout_ms >= 0 && left <= 0)
			break;
		if (!wait_locked(q, left))
			break;
	}
	err = dm_cancel_check(c);
	if (err == NULL && q->items.length > 0) {
		*item = g_queue_pop_head(&q->items);
		pthread_cond_broadcast(&q->changed);
	}
	dm_mutex_unlock(&q->mu);
	dm_cancel_unwatch(c, &w);
	return err;
}

void
dm_queue_close(struct dm_queue *q)
{
	dm_mutex_lock(&q->mu);
	q->closed = true;
	pthread_cond_broadcast(&q->changed);
	dm_mutex_unlock(&q->mu);
}

bool
dm_queue_is_closed(struct dm_queue *q)
{
	bool closed;

	dm_mutex_lock(&q->mu);
	closed = q->closed;
	dm_mutex_unlock(&q->mu);
	return closed;
}
