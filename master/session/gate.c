/* SPDX-License-Identifier: Apache-2.0 */
/* So many at once: see gate.h. */
#include "master/session/gate.h"

#include "lib/thread/mutex.h"

#define RANK_GATE 48

struct waiter {
	void (*start)(void *arg);
	void *arg;
};

struct gate {
	unsigned limit;
	struct dm_mutex mu; /* rank 48; guards the fields below */
	unsigned inside;
	GQueue line; /* of struct waiter*, owned */
};

struct gate *
gate_new(unsigned limit)
{
	struct gate *g = g_new0(struct gate, 1);

	g->limit = limit;
	g_queue_init(&g->line);
	dm_mutex_init(&g->mu, RANK_GATE);
	return g;
}

void
gate_free(struct gate *g)
{
	if (g == NULL)
		return;
	dm_assert(g->inside == 0 && g_queue_is_empty(&g->line));
	dm_mutex_fini(&g->mu);
	g_free(g);
}

void
gate_enter(struct gate *g, void (*start)(void *arg), void *arg)
{
	struct waiter w = { .start = start, .arg = arg };
	bool now;

	dm_mutex_lock(&g->mu);
	now = g->inside < g->limit;
	if (now)
		g->inside++;
	else
		g_queue_push_tail(&g->line, g_memdup2(&w, sizeof(w)));
	dm_mutex_unlock(&g->mu);
	if (now)
		start(arg);
}

void
gate_leave(struct gate *g)
{
	g_autofree struct waiter *next = NULL;

	dm_mutex_lock(&g->mu);
	dm_assert(g->inside > 0);
	/* Who is next takes the place. */
	next = g_queue_pop_head(&g->line);
	if (next == NULL)
		g->inside--;
	dm_mutex_unlock(&g->mu);
	if (next != NULL)
		next->start(next->arg);
}
