/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One at a time: see gate.h.
 *
 * Called by lanes before they read a large row, so that only one connection has
 * a buffer of that size. DESIGN: a queue, not a plain lock, so that nobody is
 * passed over again and again.
 */
#include "worker/copy/gate.h"

#define WAIT_MS 200 /* how soon a cancelled wait ends */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct dm_mutex mu; /* rank 40; guards what follows */
static pthread_cond_t moved;
static GQueue waiting = G_QUEUE_INIT; /* of their links' addresses */
static bool inside;

static void
init(void)
{
	dm_mutex_init(&mu, 40);
	dm_cond_init(&moved);
}

bool
copy_gate_try(void)
{
	bool mine;

	pthread_once(&once, init);
	dm_mutex_lock(&mu);
	mine = !inside && waiting.length == 0;
	inside = inside || mine;
	dm_mutex_unlock(&mu);
	return mine;
}

struct dm_err *
copy_gate_enter(struct dm_cancel *c)
{
	struct dm_err *err = NULL;
	GList self = { .data = &self };

	pthread_once(&once, init);
	dm_mutex_lock(&mu);
	g_queue_push_tail_link(&waiting, &self);
	while (err == NULL && (inside || waiting.head != &self)) {
		(void)dm_cond_wait_ms(&moved, &mu, WAIT_MS);
		err = dm_cancel_check(c);
	}
	g_queue_unlink(&waiting, &self);
	if (err == NULL)
		inside = true;
	else
		pthread_cond_broadcast(&moved); /* the next may be the first */
	dm_mutex_unlock(&mu);
	return err;
}

void
copy_gate_leave(void)
{
	dm_mutex_lock(&mu);
	dm_assert(inside);
	inside = false;
	pthread_cond_broadcast(&moved);
	dm_mutex_unlock(&mu);
}
