/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The port's epoll loop: see loop.h.
 *
 * DESIGN: all limits are equally long, so the queue of timed items is sorted
 * by itself: a new one goes to its end, the head is the next that is due.
 */
#include "lib/net/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS 64

bool
dm_loop_init(struct dm_loop *l, int64_t limit_ms)
{
	l->limit_ms = limit_ms;
	g_queue_init(&l->timed);
	g_queue_init(&l->items);
	g_queue_init(&l->ended);
	l->stop = false;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return l->epoll_fd >= 0;
}

static void
free_ended(struct dm_loop *l)
{
	struct dm_loop_item *it;

	while ((it = g_queue_pop_head(&l->ended)) != NULL)
		it->free(it);
}

void
dm_loop_fini(struct dm_loop *l)
{
	while (!g_queue_is_empty(&l->items))
		dm_loop_end(g_queue_peek_head(&l->items));
	free_ended(l);
	if (l->epoll_fd >= 0)
		close(l->epoll_fd);
}

/* ---- items ---- */

void
dm_loop_add(struct dm_loop *l, struct dm_loop_item *it)
{
	it->loop = l;
	g_queue_push_tail(&l->items, it);
	it->link = g_queue_peek_tail_link(&l->items);
}

void
dm_loop_unlimit(struct dm_loop_item *it)
{
	if (it->timed != NULL)
		g_queue_delete_link(&it->loop->timed, DM_TAKE(it->timed));
}

void
dm_loop_limit(struct dm_loop_item *it)
{
	struct dm_loop *l = it->loop;

	dm_loop_unlimit(it);
	it->deadline = dm_mono_add_ms(dm_mono_now(), l->limit_ms);
	g_queue_push_tail(&l->timed, it);
	it->timed = g_queue_peek_tail_link(&l->timed);
}

void
dm_loop_end(struct dm_loop_item *it)
{
	if (it->over)
		return;
	it->over = true;
	dm_loop_unlimit(it);
	it->close(it);
	g_queue_unlink(&it->loop->items, it->link);
	g_queue_push_tail_link(&it->loop->ended, it->link);
}

struct dm_loop_item *
dm_loop_oldest(struct dm_loop *l)
{
	return g_queue_peek_head(&l->timed);
}

bool
dm_loop_watch(struct dm_loop *l, struct dm_loop_watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };
	int op = w->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	if (events == w->events)
		return true;
	if (events == 0)
		op = EPOLL_CTL_DEL;
	if (epoll_ctl(l->epoll_fd, op, w->fd, &ev) != 0)
		return false;
	w->events = events;
	return true;
}

/* ---- running ---- */

static void
end_late(struct dm_loop *l)
{
	struct dm_mono now = dm_mono_now();
	struct dm_loop_item *it;

	while ((it = dm_loop_oldest(l)) != NULL && it->deadline.ns <= now.ns) {
		dm_loop_unlimit(it);
		it->late(it);
	}
}

/* For epoll_wait. */
static int
next_timeout_ms(struct dm_loop *l, bool bounded, struct dm_mono until)
{
	const struct dm_loop_item *it = dm_loop_oldest(l);
	struct dm_mono now = dm_mono_now();
	int64_t ms = INT64_MAX;

	if (it != NULL)
		ms = dm_mono_diff_ms(it->deadline, now) + 1;
	if (bounded)
		ms = MIN(ms, dm_mono_diff_ms(until, now) + 1);
	return ms == INT64_MAX ? -1 : (int)CLAMP(ms, 0, l->limit_ms);
}

void
dm_loop_run(struct dm_loop *l, int64_t for_ms, bool while_items)
{
	struct dm_mono until = dm_mono_add_ms(dm_mono_now(), MAX(for_ms, 0));
	struct epoll_event ev[EVENTS];
	int n;

	while (!l->stop && !(while_items && g_queue_is_empty(&l->items))) {
		if (for_ms >= 0 && dm_mono_now().ns >= until.ns)
			return;
		n = epoll_wait(l->epoll_fd, ev, EVENTS,
		    next_timeout_ms(l, for_ms >= 0, until));
		for (int i = 0; i < n; i++) {
			struct dm_loop_watch *w = ev[i].data.ptr;

			if (w->item == NULL || !w->item->over)
				w->ready(w, ev[i].events);
		}
		end_late(l);
		free_ended(l);
	}
}
