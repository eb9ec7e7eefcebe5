/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lane threads: see lane.h. Each thread ends when `stop` is cancelled, or after
 * an error, which it records before it cancels the dispatcher.
 */
#include "worker/sync/lane.h"

#include "lib/base/clock.h"
#include "worker/sync/gate.h"
#include "worker/sync/lane_exec.h"

#define RANK_LANES 300
#define SQL_SHOWN  1000 /* bytes of a statement in an error */
/* Waiting batches of a lane: enough for the others to go on while one lane is
 * slow, and what a pause must wait for. */
#define QUEUE_BATCHES 32U
/* Text of all batches that wait or run. More than this only one at a time. */
#define WORK_BYTES ((size_t)24 << 20)
/* Merged rows that count as one of `batch`: many of them are one statement. */
#define MERGED_AS_ONE 5U
/* Nobody at the target has ended for so long: others may go there, too. */
#define STALL_MS 1000

struct lane {
	struct lanes *all;
	unsigned no;
	pthread_t thread;
	struct lane_exec exec; /* owner: the lane's thread */
	pthread_cond_t work;   /* something was put into the queue */
	/* Under all->mu: */
	GQueue queue;        /* of struct batch, which it owns */
	size_t running;      /* batches in the transaction that runs */
	uint32_t running_ts; /* their first first_ts */
	uint64_t committed_seq;
	struct lane_mark committed;
};

struct lanes {
	struct dm_mutex mu; /* rank 300; guards what is marked so, and below */
	pthread_cond_t progress;
	struct dm_err *error;   /* the first */
	struct dm_pos error_at; /* where its lane stood */
	uint64_t rows, unexpected;
	uint64_t ops[ROW_OPS];
	char *sample;
	size_t bytes; /* of text in all queues and transactions */
	struct gate gate;
	unsigned at_target;   /* lanes that have passed the gate */
	uint64_t ended;       /* transactions, ever */
	pthread_cond_t turns; /* there may be room behind the gate */

	const struct unit_env *env;
	unsigned n;
	struct lane *lanes;
	struct dm_cancel *stop; /* ends the threads */
	struct dm_cancel_watch watch;
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

bool
lane_marks_are_level(const struct lane_mark *marks, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (marks[i].cut.name[0] != '\0' ||
		    dm_pos_cmp(&marks[i].done, &marks[0].done) != 0)
			return false;
	}
	return true;
}

struct dm_err *
lane_locate(struct dm_err *err, const struct dm_pos *start,
    const struct dm_pos *end, const char *sql)
{
	g_autofree char *from = dm_pos_text(start);
	g_autofree char *to = dm_pos_text(end);

	if (err == NULL || dm_err_is_canceled(err))
		return err;
	if (sql != NULL)
		return dm_err_annotate(err,
		    "startLocation: [position: %s], endLocation: [position: "
		    "%s], origin SQL: [%." G_STRINGIFY(SQL_SHOWN) "s]",
		    from, to, sql);
	return dm_err_annotate(err,
	    "startLocation: [position: %s], endLocation: [position: %s]", from,
	    to);
}

static void
fail(struct lane *l, struct dm_err *err)
{
	struct lanes *ls = l->all;
	bool first;

	dm_mutex_lock(&ls->mu);
	first = ls->error == NULL;
	if (first) {
		ls->error = DM_TAKE(err);
		ls->error_at = l->committed.done;
	}
	pthread_cond_broadcast(&ls->progress);
	dm_mutex_unlock(&ls->mu);
	dm_err_free(err);
	if (first)
		dm_cancel_now(ls->fired);
}

/* A transaction has ended. Under ls->mu. */
static void
leave(struct lanes *ls, uint64_t rows)
{
	unsigned limit = ls->gate.limit;

	gate_ended(&ls->gate, rows, ls->at_target >= limit, dm_mono_now());
	ls->at_target--;
	ls->ended++;
	if (ls->gate.limit > limit)
		pthread_cond_broadcast(&ls->turns);
	else
		pthread_cond_signal(&ls->turns);
}

/* Called with ls->mu. */
static void
note_unexpected(struct lanes *ls, struct exec_result *res)
{
	ls->unexpected += res->unexpected;
	if (res->sample != NULL) {
		g_free(ls->sample);
		ls->sample = DM_TAKE(res->sample);
	}
}

static void
note_done(struct lane *l, GPtrArray *batches, struct exec_result *res)
{
	struct lanes *ls = l->all;
	const struct batch *last = g_ptr_array_index(batches, batches->len - 1);

	dm_mutex_lock(&ls->mu);
	l->committed_seq = last->seq;
	l->committed = last->mark;
	l->running = 0;
	l->running_ts = 0;
	for (guint i = 0; i < batches->len; i++) {
		const struct batch *b = g_ptr_array_index(batches, i);

		ls->bytes -= b->bytes;
		for (size_t op = 0; op < ROW_OPS; op++)
			ls->ops[op] += b->ops[op];
	}
	ls->rows += res->rows;
	note_unexpected(ls, res);
	leave(ls, res->rows);
	pthread_cond_broadcast(&ls->progress);
	dm_mutex_unlock(&ls->mu);
}

/* What a transaction of batches is measured by. */
static unsigned
weight(const struct batch *b)
{
	return batch_rows(b) - b->merged + b->merged / MERGED_AS_ONE;
}

/* Wait for work, and for its turn at the target. Under ls->mu. */
static struct dm_err *
wait_for_turn(struct lane *l)
{
	struct lanes *ls = l->all;
	struct dm_err *err;

	while ((err = dm_cancel_check(ls->stop)) == NULL) {
		uint64_t ended = ls->ended;
		bool room = ls->at_target < ls->gate.limit;

		if (g_queue_is_empty(&l->queue)) {
			/* Its batch was taken back: another's turn. */
			if (room)
				pthread_cond_signal(&ls->turns);
			dm_cond_wait(&l->work, &ls->mu);
		} else if (room) {
			break;
		} else if (!dm_cond_wait_ms(&ls->turns, &ls->mu, STALL_MS) &&
			   ls->ended == ended) {
			gate_stalled(&ls->gate);
			pthread_cond_broadcast(&ls->turns);
		}
	}
	return err;
}

/* Wait for batches and take as many as make one transaction. */
static struct dm_err *
take(struct lane *l, GPtrArray *batches)
{
	struct lanes *ls = l->all;
	unsigned limit = ls->env->inst->syncer.batch, rows = 0;
	size_t bytes = 0;
	const struct batch *b;
	struct dm_err *err;

	dm_mutex_lock(&ls->mu);
	err = wait_for_turn(l);
	if (err == NULL)
		ls->at_target++;
	while (err == NULL && (b = g_queue_peek_head(&l->queue)) != NULL) {
		rows += weight(b);
		bytes += b->bytes;
		if (l->running > 0 &&
		    (rows > limit || bytes > l->exec.info->batch_bytes))
			break;
		if (l->running_ts == 0)
			l->running_ts = b->first_ts;
		l->running++;
		g_ptr_array_add(batches, g_queue_pop_head(&l->queue));
	}
	/* The dispatcher may be waiting for room. */
	pthread_cond_broadcast(&ls->progress);
	dm_mutex_unlock(&ls->mu);
	return err;
}

/* The lane stood at its committed mark, which nobody else changes; the last
 * batch ends in the transaction that it cuts, or before the next one. */
static struct dm_err *
locate_batches(struct lane *l, GPtrArray *batches, struct dm_err *err)
{
	const struct batch *last = g_ptr_array_index(batches, batches->len - 1);
	const struct lane_mark *m = &last->mark;

	return lane_locate(err, &l->committed.done,
	    m->cut.name[0] != '\0' ? &m->cut : &m->done, NULL);
}

static struct dm_err *
apply_next(struct lane *l)
{
	g_autoptr(GPtrArray) batches =
	    g_ptr_array_new_with_free_func(batch_free);
	struct exec_result res = { 0 };
	struct dm_err *err;

	err = take(l, batches);
	if (err == NULL)
		err = lane_exec_run(&l->exec, batches, l->all->stop, &res);
	if (dm_err_is(err, ROWS_DIFFER)) {
		dm_mutex_lock(&l->all->mu);
		note_unexpected(l->all, &res);
		dm_mutex_unlock(&l->all->mu);
	}
	if (err == NULL)
		note_done(l, batches, &res);
	else if (batches->len > 0 && !dm_err_is(err, META_FENCED))
		err = locate_batches(l, batches, err);
	exec_result_fini(&res);
	return err;
}

static void *
lane_main(void *arg)
{
	struct lane *l = arg;
	struct dm_err *err;

	do {
		err = apply_next(l);
	} while (err == NULL);
	if (dm_canceled(l->all->stop))
		dm_err_free(err); /* we were told to end */
	else
		fail(l, err);
	lane_exec_fini(&l->exec, l->all->stop);
	return NULL;
}

static void
wake(void *arg)
{
	struct lanes *ls = arg;

	dm_mutex_lock(&ls->mu);
	pthread_cond_broadcast(&ls->progress);
	dm_mutex_unlock(&ls->mu);
}

static void
wake_lanes(void *arg)
{
	struct lanes *ls = arg;

	dm_mutex_lock(&ls->mu);
	for (unsigned i = 0; i < ls->n; i++)
		pthread_cond_broadcast(&ls->lanes[i].work);
	pthread_cond_broadcast(&ls->turns);
	dm_mutex_unlock(&ls->mu);
}

struct lanes *
lanes_start(const struct unit_env *env, struct meta *meta,
    const struct target_info *info, unsigned n, const struct lane_mark *marks,
    struct dm_cancel *fired)
{
	struct lanes *ls = g_new0(struct lanes, 1);

	dm_mutex_init(&ls->mu, RANK_LANES);
	dm_cond_init(&ls->progress);
	dm_cond_init(&ls->turns);
	gate_init(&ls->gate, n);
	ls->env = env;
	ls->n = n;
	ls->stop = dm_cancel_new(env->hard);
	ls->fired = fired;
	ls->lanes = g_new0(struct lane, n);
	for (unsigned i = 0; i < n; i++) {
		struct lane *l = &ls->lanes[i];

		*l = (struct lane){ .all = ls, .no = i };
		dm_cond_init(&l->work);
		g_queue_init(&l->queue);
		l->committed = marks[i];
		l->exec = (struct lane_exec){
			.env = env, .meta = meta, .info = info, .lane = i
		};
		lane_exec_init(&l->exec);
	}
	dm_cancel_watch(ls->stop, &ls->watch, wake_lanes, ls);
	for (unsigned i = 0; i < n; i++)
		ls->lanes[i].thread =
		    dm_thread_start("lane", lane_main, &ls->lanes[i]);
	return ls;
}

static bool
is_idle(struct lane *l)
{
	return l->running == 0 && g_queue_is_empty(&l->queue);
}

bool
lanes_is_idle(struct lanes *ls, unsigned lane)
{
	bool idle;

	dm_mutex_lock(&ls->mu);
	idle = is_idle(&ls->lanes[lane]);
	dm_mutex_unlock(&ls->mu);
	return idle;
}

struct batch *
lanes_take_back(struct lanes *ls, unsigned lane)
{
	unsigned limit = ls->env->inst->syncer.batch;
	struct lane *l = &ls->lanes[lane];
	struct batch *b;

	dm_mutex_lock(&ls->mu);
	b = g_queue_peek_tail(&l->queue);
	if (b != NULL && batch_is_full(b, limit, l->exec.info->batch_bytes))
		b = NULL;
	if (b != NULL) {
		g_queue_pop_tail(&l->queue);
		ls->bytes -= b->bytes;
	}
	dm_mutex_unlock(&ls->mu);
	return b;
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

static bool
lane_reached(struct lanes *ls, unsigned lane, uint64_t seq)
{
	return ls->lanes[lane].committed_seq >= seq;
}

static bool
all_idle(struct lanes *ls, unsigned lane DM_UNUSED, uint64_t seq DM_UNUSED)
{
	for (unsigned i = 0; i < ls->n; i++) {
		if (!is_idle(&ls->lanes[i]))
			return false;
	}
	return true;
}

/* `bytes` more may be put into the lane's queue. */
static bool
has_room(struct lanes *ls, unsigned lane, uint64_t bytes)
{
	return g_queue_get_length(&ls->lanes[lane].queue) < QUEUE_BATCHES &&
	       (ls->bytes == 0 || ls->bytes + bytes <= WORK_BYTES);
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
lanes_push(
    struct lanes *ls, unsigned lane, struct batch *b, struct dm_cancel *c)
{
	struct lane *l = &ls->lanes[lane];
	struct dm_err *err;
	bool held;

	b->bytes = b->text->len;
	err = wait_for(ls, has_room, lane, b->bytes, -1, c, &held);
	if (err != NULL) {
		batch_free(b);
		return err;
	}
	/* Room does not go away: nobody else pushes. */
	dm_mutex_lock(&ls->mu);
	ls->bytes += b->bytes;
	g_queue_push_tail(&l->queue, b);
	pthread_cond_signal(&l->work);
	dm_mutex_unlock(&ls->mu);
	return NULL;
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
		dm_assert(is_idle(&ls->lanes[i]));
		ls->lanes[i].committed = (struct lane_mark){ .done = *done };
	}
	dm_mutex_unlock(&ls->mu);
}

struct dm_err *
lanes_error(struct lanes *ls, struct dm_pos *at)
{
	struct dm_err *err;

	dm_mutex_lock(&ls->mu);
	err = ls->error != NULL ? dm_err_copy(ls->error) : NULL;
	*at = ls->error_at;
	dm_mutex_unlock(&ls->mu);
	return err;
}

/* When the oldest change that is not committed was made; 0: there is none. */
static uint32_t
oldest_ts(const struct lane *l)
{
	if (l->running_ts != 0)
		return l->running_ts;
	for (const GList *i = l->queue.head; i != NULL; i = i->next) {
		const struct batch *b = i->data;

		if (b->first_ts != 0)
			return b->first_ts;
	}
	return 0;
}

void
lanes_stats(struct lanes *ls, struct lanes_stats *st)
{
	dm_mutex_lock(&ls->mu);
	*st = (struct lanes_stats){ .rows = ls->rows,
		.unexpected = ls->unexpected,
		.sample = g_strdup(ls->sample),
		.low = ls->lanes[0].committed.done };
	memcpy(st->ops, ls->ops, sizeof(st->ops));
	for (unsigned i = 0; i < ls->n; i++) {
		const struct lane *l = &ls->lanes[i];
		uint32_t ts = oldest_ts(l);

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
		struct lane *l = &ls->lanes[i];

		pthread_join(l->thread, NULL);
		g_queue_clear_full(&l->queue, batch_free);
		pthread_cond_destroy(&l->work);
	}
	dm_cancel_unwatch(ls->stop, &ls->watch);
	g_free(ls->lanes);
	dm_cancel_free(ls->stop);
	dm_err_free(ls->error);
	g_free(ls->sample);
	pthread_cond_destroy(&ls->turns);
	pthread_cond_destroy(&ls->progress);
	dm_mutex_fini(&ls->mu);
	g_free(ls);
}
