/* SPDX-License-Identifier: Apache-2.0 */
/* The relay log's writer and readers: see hub.h. */
#include "worker/relay/hub.h"

#include "lib/base/clock.h"
#include "lib/thread/mutex.h"

#include <stdatomic.h>

#define RANK_HUB 260

struct relay_hub {
	char *dir;
	atomic_int refs;
	struct dm_mutex mu; /* rank 260; guards what follows */
	pthread_cond_t changed;
	struct relay_place end; /* suffix 0: nothing is written */
	bool live, purging;
	GHashTable *held; /* task -> struct relay_place*, both owned */
};

struct relay_hub *
relay_hub_new(const char *dir)
{
	struct relay_hub *h = g_new0(struct relay_hub, 1);

	h->dir = g_strdup(dir);
	atomic_init(&h->refs, 1);
	dm_mutex_init(&h->mu, RANK_HUB);
	dm_cond_init(&h->changed);
	h->held =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return h;
}

struct relay_hub *
relay_hub_ref(struct relay_hub *h)
{
	atomic_fetch_add(&h->refs, 1);
	return h;
}

void
relay_hub_free(struct relay_hub *h)
{
	if (h == NULL || atomic_fetch_sub(&h->refs, 1) > 1)
		return;
	g_hash_table_unref(h->held);
	pthread_cond_destroy(&h->changed);
	dm_mutex_fini(&h->mu);
	g_free(h->dir);
	g_free(h);
}

const char *
relay_hub_dir(const struct relay_hub *h)
{
	return h->dir;
}

static int
place_cmp(const struct relay_place *a, const struct relay_place *b)
{
	if (a->suffix != b->suffix)
		return a->suffix < b->suffix ? -1 : 1;
	return dm_pos_cmp(&a->pos, &b->pos);
}

/* ---- the writer ---- */

void
relay_hub_publish(struct relay_hub *h, const struct relay_place *end)
{
	dm_mutex_lock(&h->mu);
	h->end = *end;
	pthread_cond_broadcast(&h->changed);
	dm_mutex_unlock(&h->mu);
}

void
relay_hub_set_live(struct relay_hub *h, bool live)
{
	dm_mutex_lock(&h->mu);
	h->live = live;
	pthread_cond_broadcast(&h->changed);
	dm_mutex_unlock(&h->mu);
}

void
relay_hub_set_purging(struct relay_hub *h, bool purging)
{
	dm_mutex_lock(&h->mu);
	h->purging = purging;
	dm_mutex_unlock(&h->mu);
}

bool
relay_hub_earliest(struct relay_hub *h, struct relay_place *place)
{
	GHashTableIter it;
	gpointer held;
	bool found = false;

	dm_mutex_lock(&h->mu);
	g_hash_table_iter_init(&it, h->held);
	while (g_hash_table_iter_next(&it, NULL, &held)) {
		if (!found || place_cmp(held, place) < 0)
			*place = *(struct relay_place *)held;
		found = true;
	}
	dm_mutex_unlock(&h->mu);
	return found;
}

/* ---- a reader ---- */

struct dm_err *
relay_hub_hold(
    struct relay_hub *h, const char *task, const struct relay_place *place)
{
	bool refused;

	dm_mutex_lock(&h->mu);
	refused = h->purging && !g_hash_table_contains(h->held, task);
	if (!refused)
		g_hash_table_replace(
		    h->held, g_strdup(task), g_memdup2(place, sizeof(*place)));
	dm_mutex_unlock(&h->mu);
	return refused ? dm_err_new(WORKER_RELAY_IS_PURGING, task) : NULL;
}

void
relay_hub_let_go(struct relay_hub *h, const char *task)
{
	dm_mutex_lock(&h->mu);
	g_hash_table_remove(h->held, task);
	dm_mutex_unlock(&h->mu);
}

bool
relay_hub_end(struct relay_hub *h, struct relay_place *end)
{
	dm_mutex_lock(&h->mu);
	*end = h->end;
	dm_mutex_unlock(&h->mu);
	return end->suffix > 0;
}

static void
wake(void *arg)
{
	struct relay_hub *h = arg;

	dm_mutex_lock(&h->mu);
	pthread_cond_broadcast(&h->changed);
	dm_mutex_unlock(&h->mu);
}

bool
relay_hub_wait(struct relay_hub *h, const struct relay_place *seen,
    int64_t timeout_ms, struct dm_cancel *c)
{
	struct dm_mono until = dm_mono_add_ms(dm_mono_now(), timeout_ms);
	struct dm_cancel_watch watch = { 0 };
	bool live;

	dm_cancel_watch(c, &watch, wake, h);
	dm_mutex_lock(&h->mu);
	while (h->live && place_cmp(&h->end, seen) <= 0 && !dm_canceled(c)) {
		int64_t left = dm_mono_diff_ms(until, dm_mono_now());

		if (left <= 0 || !dm_cond_wait_ms(&h->changed, &h->mu, left))
			break;
	}
	live = h->live;
	dm_mutex_unlock(&h->mu);
	dm_cancel_unwatch(c, &watch);
	return live;
}
