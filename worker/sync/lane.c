/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lane threads: see lane.h. Each thread ends when its queue is closed and
 * empty, when `stop` is cancelled, or after an error, which it records before
 * it cancels the dispatcher.
 */
#include "worker/sync/lane.h"

#include "lib/base/clock.h"
#include "lib/thread/queue.h"
#include "worker/sync/lane_exec.h"

#define RANK_LANES     300
#define QUEUE_BATCHES  8
#define TEXT_MAX_BYTES ((size_t)1 << 20)

struct lane {
	struct lanes *all;
	unsigned no;
	pthread_t thread;
	struct dm_queue *queue; /* of struct batch */
	struct lane_exec exec;  /* owner: the lane's thread */
	/* Under all->mu: */
	uint64_t pushed_seq, committed_seq;
	size_t in_work; /* batches taken from pushes, not committed yet */
	struct lane_mark committed;
	GQueue first_ts; /* of batches in work, as GUINT_TO_POINTER */
};

struct lanes {
	struct dm_mutex mu; /* rank 300; guards what is marked so, and below */
	pthread_cond_t progress;
	struct dm_err *error; /* the first */
	uint64_t rows, unexpected;
	char *sample;

	const struct unit_env *env;
	unsigned n;
	struct lane *lanes;
	struct dm_cancel *stop;  /* ends the threads */
	struct dm_cancel *fired; /* the dispatcher's */
};

bool
lane_mark_has(
    const struct lane_mark *m, const struct dm_pos *start, uint64_t ordinal)
{
	if (dm_pos_cmp(&m->done, start) > 0)
		return true;
	return m->cut.name[0] != '\0' && dm_pos_cmp(&m->cut, start) == 0 &&
	       ordinal <= m->cut_row;
}

struct batch *
batch_new(void)
{
	struct batch *b = g_new0(struct batch, 1);

	b->changes = g_array_new(FALSE, FALSE, sizeof(struct change));
	b->text = g_string_new(NULL);
	return b;
}

void
batch_free(void *p)
{
	struct batch *b = p;

	if (b == NULL)
		return;
	g_array_unref(b->changes);
	g_string_free(b->text, TRUE);
	g_free(b);
}

static void
fail(struct lane *l, struct dm_err *err)
{
	struct lanes *ls = l->all;
	bool first;

	dm_mutex_lock(&ls->mu);
	first = ls->error == NULL;
	if (first)
		ls->error = DM_TAKE(err);
	pthread_cond_broadcast(&ls->progress);
	dm_mutex_unlock(&ls->mu);
	dm_err_free(err);
	if (first)
		dm_cancel_now(ls->fired);
}

static void
note_done(struct lane *l, GPtrArray *batches, struct exec_result *res)
{
	struct lanes *ls = l->all;
	const struct batch *last = g_ptr_array_index(batches, batches->len - 1);

	dm_mutex_lock(&ls->mu);
	l->committed_seq = last->seq;
	l->committed = last->mark;
	l->in_work -= batches->len;
	for (guint i = 0; i < batches->len; i++)
		g_queue_pop_head(&l->first_ts);
	ls->rows += res->rows;
	ls->unexpected += res->unexpected;
	if (res->sample != NULL) {
		g_free(ls->sample);
		ls->sample = DM_TAKE(res->sample);
	}
	pthread_cond_broadcast(&ls->progress);
	dm_mutex_unlock(&ls->mu);
}

/* More batches that are already waiting, up to one transaction's limits. */
static struct dm_err *
gather(struct lane *l, GPtrArray *batches)
{
	unsigned limit = l->all->env->inst->syncer.batch;
	size_t rows = 0, bytes = 0;

	for (;;) {
		const struct batch *b =
		    g_ptr_array_index(batches, batches->len - 1);
		struct dm_err *err;
		void *item;

		rows += b->changes->len;
		bytes += b->text->len;
		if (rows >= limit || bytes >= TEXT_MAX_BYTES)
			return NULL;
		err = dm_queue_pop(l->queue, 0, l->all->stop, &item);
		if (err != NULL || item == NULL)
			return err;
		g_ptr_array_add(batches, item);
	}
}

static struct dm_err *
apply_next(struct lane *l, bool *over)
{
	g_autoptr(GPtrArray) batches =
	    g_ptr_array_new_with_free_func(batch_free);
	struct exec_result res = { 0 };
	struct dm_err *err;
	void *item;

	*over = false;
	err = dm_queue_pop(l->queue, -1, l->all->stop, &item);
	if (err != NULL)
		return err;
	if (item == NULL) {
		*over = true;
		return NULL;
	}
	g_ptr_array_add(batches, item);
	err = gather(l, batches);
	if (err == NULL)
		err = lane_exec_run(&l->exec, batches, l->all->stop, &res);
	if (err == NULL && res.unexpected > 0 &&
	    l->all->env->inst->syncer.strict)
		err = dm_err_set_cause(
		    dm_err_new(SYNCER_EVENT, "source and target differ"), "%s",
		    res.sample);
	if (err == NULL)
		note_done(l, batches, &res);
	g_free(res.sample);
	return err;
}

static void *
lane_main(void *arg)
{
	struct lane *l = arg;
	bool over = false;

	while (!over) {
		struct dm_err *err = apply_next(l, &over);

		if (err == NULL)
			continue;
		if (dm_canceled(l->all->stop))
			dm_err_free(err); /* we were told to end */
		else
			fail(l, err);
		break;
	}
	lane_exec_fini(&l->exec, l->all->stop);
	return NULL;
}

struct lanes *
lanes_start(const struct unit_env *env, struct meta *meta,
    const struct target_info *info, unsigned n, const struct lane_mark *marks,
    struct dm_cancel *fired)
{
	struct lanes *ls = g_new0(struct lanes, 1);

	dm_mutex_init(&ls->mu, RANK_LANES);
	dm_cond_init(&ls->progress);
	ls->env = env;
	ls->n = n;
	ls->stop = dm_cancel_new(env->hard);
	ls->fired = fired;
	ls->lanes = g_new0(struct lane, n);
	for (unsigned i = 0; i < n; i++) {
		struct lane *l = &ls->lanes[i];

		*l = (struct lane){ .all = ls, .no = i };
		l->queue = dm_queue_new(QUEUE_BATCHES, batch_free);
		l->committed = marks[i];
		l->exec = (struct lane_exec){
			.env = env, .meta = meta, .info = info, .lane = i
		};
		lane_exec_init(&l->exec);
		g_queue_init(&l->first_ts);
		l->thread = dm_thread_start("lane", lane_main, l);
	}
	return ls;
}

struct dm_err *
lanes_push(
    struct lanes *ls, unsigned lane, struct batch *b, struct dm_cancel *c)
{
	struct lane *l = &ls->lanes[lane];

	dm_mutex_lock(&ls->mu);
	l->pushed_seq = b->seq;
	l->in_work++;
	g_queue_push_tail(&l->first_ts, GUINT_TO_POINTER(b->first_ts));
	dm_mutex_unlock(&ls->mu);
	return dm_queue_push(l->queue, b, c);
}

bool
lanes_is_idle(struct lanes *ls, unsigned lane)
{
	bool idle;

	dm_mutex_lock(&ls->mu);
	idle = ls->lanes[lane].in_work == 0;
	dm_mutex_unlock(&ls->mu);
	return idle;
}

uint64_t
lanes_committed_seq(struct lanes *ls, unsigned lane)
{
	uint64_t seq;

	dm_mutex_lock(&ls->mu);
	seq = ls->lanes[lane].committed_seq;
	dm_mutex_unlock(&ls->mu);
	return seq;
}

static void
wake(void *arg)
{
	struct lanes *ls = arg;

	dm_mutex_lock(&ls->mu);
	pthread_cond_broadcast(&ls->progress);
	dm_mutex_unlock(&ls->mu);
}

static bool
lane_reached(struct lanes *ls, unsigned lane, uint64_t seq)
{
	return ls->lanes[lane].committed_seq >= seq;
}

static bool
all_idle(struct lanes *ls, unsigned lane DM_UNUSED, uint64_t seq DM_UNUSED)
{
	for (unsigned i = 0; i < ls->n; i++) {
		if (ls->lanes[i].in_work > 0)
			return false;
	}
	return true;
}

/* Wait until cond holds, a lane fails, c is cancelled or the time is over. */
static struct dm_err *
wait_for(struct lanes *ls,
    bool (*cond)(struct lanes *ls, unsigned lane, uint64_t seq), unsigned lane,
    uint64_t seq, int64_t timeout_ms, struct dm_cancel *c, bool *held)
{
	struct dm_mono until = dm_mono_add_ms(dm_mono_now(), timeout_ms);
	struct dm_cancel_watch w;
	struct dm_err *err = NULL;

	dm_cancel_watch(c, &w, wake, ls);
	dm_mutex_lock(&ls->mu);
	while (!(*held = cond(ls, lane, seq))) {
		int64_t left = dm_mono_diff_ms(until, dm_mono_now());

		if (ls->error != NULL)
			err = dm_err_copy(ls->error);
		else
			err = dm_cancel_check(c);
		if (err != NULL || (timeout_ms >= 0 && left <= 0))
			break;
		if (timeout_ms < 0)
			dm_cond_wait(&ls->progress, &ls->mu);
		else
			(void)dm_cond_wait_ms(&ls->progress, &ls->mu, left);
	}
	dm_mutex_unlock(&ls->mu);
	dm_cancel_unwatch(c, &w);
	return err;
}

struct dm_err *
lanes_wait(struct lanes *ls, unsigned lane, uint64_t seq, struct dm_cancel *c)
{
	bool held;

	return wait_for(ls, lane_reached, lane, seq, -1, c, &held);
}

struct dm_err *
lanes_drain(
    struct lanes *ls, int64_t timeout_ms, struct dm_cancel *c, bool *drained)
{
	bool held;
	struct dm_err *err = wait_for(ls, all_idle, 0, 0, timeout_ms, c, &held);

	if (drained != NULL)
		*drained = held;
	return err;
}

void
lanes_set_marks(struct lanes *ls, const struct dm_pos *done)
{
	dm_mutex_lock(&ls->mu);
	for (unsigned i = 0; i < ls->n; i++) {
		dm_assert(ls->lanes[i].in_work == 0);
		ls->lanes[i].committed = (struct lane_mark){ .done = *done };
	}
	dm_mutex_unlock(&ls->mu);
}

struct dm_err *
lanes_error(struct lanes *ls)
{
	struct dm_err *err;

	dm_mutex_lock(&ls->mu);
	err = ls->error != NULL ? dm_err_copy(ls->error) : NULL;
	dm_mutex_unlock(&ls->mu);
	return err;
}

void
lanes_stats(struct lanes *ls, struct lanes_stats *st)
{
	dm_mutex_lock(&ls->mu);
	*st = (struct lanes_stats){ .rows = ls->rows,
		.unexpected = ls->unexpected,
		.sample = g_strdup(ls->sample),
		.low = ls->lanes[0].committed.done };
	for (unsigned i = 0; i < ls->n; i++) {
		struct lane *l = &ls->lanes[i];
		guint ts = GPOINTER_TO_UINT(g_queue_peek_head(&l->first_ts));

		if (dm_pos_cmp(&l->committed.done, &st->low) < 0)
			st->low = l->committed.done;
		if (ts != 0 && (st->oldest_ts == 0 || ts < st->oldest_ts))
			st->oldest_ts = ts;
	}
	dm_mutex_unlock(&ls->mu);
}

void
lanes_stop(struct lanes *ls)
{
	if (ls == NULL)
		return;
	dm_cancel_now(ls->stop);
	for (unsigned i = 0; i < ls->n; i++) {
		pthread_join(ls->lanes[i].thread, NULL);
		dm_queue_free(ls->lanes[i].queue);
		g_queue_clear(&ls->lanes[i].first_ts);
	}
	g_free(ls->lanes);
	dm_cancel_free(ls->stop);
	dm_err_free(ls->error);
	g_free(ls->sample);
	pthread_cond_destroy(&ls->progress);
	dm_mutex_fini(&ls->mu);
	g_free(ls);
}
