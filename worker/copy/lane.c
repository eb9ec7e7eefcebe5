/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lanes: threads that cut tables and copy chunks.
 *
 * One thread for each snapshot connection, started and joined by
 * copy_lanes_run. A lane stops when no work is left, when the run's cancel is
 * set (by the caller, or by the first lane that fails), or by its own error.
 * DESIGN: a table is cut just ahead of the copying, by whoever finds too few
 * chunks ready, so several lanes work on one large table. Chunk sizes follow
 * the rows met so far. A table whose chunks are all committed is compared, if
 * that is wanted (verify.c), chunk by chunk like the copying. Very large rows
 * pass one at a time (gate.c): tables that have them are read by lane 0 only,
 * so that others need not wait.
 */
#include "lib/binlog/stream.h"
#include "lib/log/log.h"
#include "worker/copy/copy_internal.h"

#include <inttypes.h>
#include <string.h>

#define CHUNK_BYTES      ((uint64_t)8 << 20)
#define CHUNK_ROWS_MAX   200000
#define CHUNK_ROWS_FIRST 100 /* nothing is known of the rows */
#define HUGE_ROW_BYTES   ((uint64_t)8 << 20)
#define READY_PER_LANE   2
#define IDLE_WAIT_MS     500
#define WRITE_TRIES      3

struct lanes {
	struct copy_run *run;
	GPtrArray *order;  /* struct copy_table*, largest first; borrowed */
	guint first, next; /* of order: not finished; not started */
};

struct lane_thread {
	struct copy_lane lane;
	struct lanes *lanes;
};

/* ---- which work ---- */

enum work { WORK_NONE, WORK_CUT, WORK_CHUNK, WORK_VERIFY };

static bool
is_finished(const struct copy_table *t)
{
	return t->meta->state == META_TABLE_DONE || t->failed;
}

/* A chunk of t that waits to be compared, and lane l can. */
static struct copy_chunk *
copied_locked(const struct copy_lane *l, struct copy_table *t)
{
	if (!t->cut_done || t->cutting || t->open > 0)
		return NULL;
	for (GList *i = t->copied.head; i != NULL; i = i->next)
		if (copy_verify_may(l, i->data))
			return i->data;
	return NULL;
}

/* Nothing is left to do for t but to say so. */
static bool
is_through_locked(const struct copy_table *t)
{
	return t->cut_done && !t->cutting && t->open == 0 &&
	       t->copied.length == 0 && t->checking == 0;
}

/* What lane l can do for table t now. */
static enum work
work_of(const struct lanes *a, const struct copy_lane *l, struct copy_table *t)
{
	if (is_finished(t) || t->shape == NULL || (t->huge && l->number != 0))
		return WORK_NONE;
	if (!t->cutting && !t->cut_done &&
	    t->ready.length < a->run->readers->len)
		return WORK_CUT;
	if (t->ready.length > 0)
		return WORK_CHUNK;
	return copied_locked(l, t) != NULL ? WORK_VERIFY : WORK_NONE;
}

static bool
may_start(const struct lanes *a, const struct copy_lane *l)
{
	const struct copy_table *t;

	if (a->next >= a->order->len)
		return false;
	t = a->order->pdata[a->next];
	return !t->huge || l->number == 0;
}

/* Finished tables at the front need not be looked at again. */
static void
move_front_locked(struct lanes *a)
{
	dm_mutex_assert_held(&a->run->mu);
	while (a->first < a->next && is_finished(a->order->pdata[a->first]))
		a->first++;
}

/* Where fewest lanes are at work: lanes that fill one table wait for each other
 * in its indexes. */
static enum work
take_locked(struct lanes *a, struct copy_lane *l, struct copy_table **table,
    struct copy_chunk **chunk)
{
	struct copy_table *best = NULL;
	enum work what = WORK_NONE;

	move_front_locked(a);
	for (guint i = a->first; i < a->next; i++) {
		struct copy_table *t = a->order->pdata[i];
		enum work w = work_of(a, l, t);

		if (w == WORK_NONE || (best != NULL && t->busy >= best->busy))
			continue;
		best = t;
		what = w;
	}
	if ((best == NULL || best->busy > 0) && may_start(a, l)) {
		best = a->order->pdata[a->next++];
		what = WORK_CUT;
	}
	if (best == NULL)
		return WORK_NONE;
	best->busy++;
	if (what == WORK_CUT)
		best->cutting = true;
	else if (what == WORK_CHUNK)
		*chunk = g_queue_pop_head(&best->ready);
	if (what == WORK_VERIFY) {
		*chunk = copied_locked(l, best);
		g_queue_remove(&best->copied, *chunk);
		best->checking++;
	}
	*table = best;
	return what;
}

/* The lane is done with what it took. */
static void
leave(struct copy_lane *l, struct copy_table *t)
{
	dm_mutex_lock(&l->run->mu);
	t->busy--;
	dm_mutex_unlock(&l->run->mu);
}

/* Waits for work; WORK_NONE when none will come. */
static enum work
take(struct lanes *a, struct copy_lane *l, struct copy_table **t,
    struct copy_chunk **k)
{
	struct copy_run *r = a->run;
	enum work w;

	dm_mutex_lock(&r->mu);
	for (;;) {
		w = dm_canceled(r->cancel) ? WORK_NONE
					   : take_locked(a, l, t, k);
		if (w != WORK_NONE || a->first >= a->order->len ||
		    dm_canceled(r->cancel))
			break;
		dm_cond_wait_ms(&r->cond, &r->mu, IDLE_WAIT_MS);
	}
	dm_mutex_unlock(&r->mu);
	return w;
}

/* ---- writes of the meta, with a writer that may have been closed ---- */

typedef struct dm_err *write_fn(
    struct copy_lane *l, struct copy_table *t, void *arg);

static struct dm_err *
with_writer(struct copy_lane *l, struct copy_table *t, write_fn *fn, void *arg)
{
	struct dm_err *err = NULL;

	for (int i = 0; i < WRITE_TRIES; i++) {
		err = copy_lane_writer(l);
		if (err == NULL)
			err = fn(l, t, arg);
		if (err == NULL || !dm_err_is(err, DB_BAD_CONN) ||
		    dm_canceled(l->run->cancel) || i + 1 == WRITE_TRIES)
			break;
		copy_lane_drop_writer(l);
		dm_err_free(err); /* closed while idle: once more */
	}
	return err;
}

static struct dm_err *
add_chunks(struct copy_lane *l, struct copy_table *t, void *chunks)
{
	return copy_chunks_add(l->run, l->writer, t, chunks);
}

static struct dm_err *
finish_table(struct copy_lane *l, struct copy_table *t, void *arg)
{
	(void)arg;
	return copy_table_finish(l->run, l->writer, t);
}

static struct dm_err *
make_shape(struct copy_lane *l, struct copy_table *t, void *shape)
{
	return copy_target_shape(l->run, l->writer, t, shape);
}

/* ---- cutting ---- */

/* Rows that make about CHUNK_BYTES; 0: nothing is known of the rows. */
static uint64_t
rows_per_chunk(struct copy_run *r, const struct copy_table *t)
{
	const struct meta_table *m = t->meta;
	uint64_t bytes, rows;

	dm_mutex_lock(&r->mu);
	bytes = m->rows > 0 ? m->bytes : m->est_bytes;
	rows = m->rows > 0 ? m->rows : m->est_rows;
	dm_mutex_unlock(&r->mu);
	if (rows == 0)
		return 0;
	return CLAMP(CHUNK_BYTES / MAX(bytes / rows, 1), 1, CHUNK_ROWS_MAX);
}

/* The key n rows above `from`; *literals NULL when there are not so many. */
static struct dm_err *
find_bound(struct copy_lane *l, const struct copy_table *t, const char *from,
    uint64_t n, char **literals)
{
	const char *where = l->run->env->inst->mydumper.where;
	struct dm_err *err =
	    copy_find_bound(l->reader, t->shape, from, where, n, literals);

	if (err != NULL)
		l->source_failed = true;
	return err;
}

static void
free_chunk(void *k)
{
	copy_chunk_free((struct copy_chunk *)k);
}

/* Some chunks more, in new (struct copy_chunk*). Only one lane cuts a table
 * at a time, so the cut's fields need no lock. */
static struct dm_err *
cut_some(struct copy_lane *l, struct copy_table *t, GPtrArray *new)
{
	guint want = l->run->readers->len * READY_PER_LANE;
	uint64_t n = rows_per_chunk(l->run, t);
	struct dm_err *err = NULL;
	char *last = g_strdup(t->last_hi);
	bool end = t->cut_done;

	dm_assert(t->shape != NULL);
	if (n == 0) {
		n = CHUNK_ROWS_FIRST;
		want = 1; /* the first chunk tells how large rows are */
	}
	while (err == NULL && !end && new->len < want) {
		struct copy_chunk *k =
		    copy_chunk_new(t->next_chunk + (int)new->len, last, NULL);

		g_ptr_array_add(new, k);
		if (t->shape->n_keys > 0)
			err = find_bound(l, t, last, n, &k->hi);
		g_free(last);
		last = g_strdup(k->hi);
		end = k->hi == NULL;
	}
	g_free(last);
	if (err == NULL && new->len > 0)
		err = with_writer(l, t, add_chunks, new);
	return err;
}

/* What differs stays unfinished, so that a later run looks at it again. */
static void
give_up(struct copy_lane *l, struct copy_table *t)
{
	dm_warn("source and target differ", dm_kstr("schema", t->meta->db),
	    dm_kstr("table", t->meta->tbl),
	    dm_kint("chunks-left", t->copied.length));
	dm_mutex_lock(&l->run->mu);
	t->failed = true;
	pthread_cond_broadcast(&l->run->cond);
	dm_mutex_unlock(&l->run->mu);
}

/* All chunks were compared: what that came to. */
static struct dm_err *
end_verify(struct copy_lane *l, struct copy_table *t)
{
	struct copy_unit *u = l->run->unit;
	struct dm_err *err = NULL;

	if (!t->unknown)
		err = copy_verify_whole(l, t);
	if (err != NULL || t->differs)
		return err;
	if (t->unknown)
		dm_warn("a table cannot be compared with its source",
		    dm_kstr("schema", t->meta->db),
		    dm_kstr("table", t->meta->tbl),
		    dm_kstr("column", t->check == NULL || t->check->why == NULL
					  ? ""
					  : t->check->why));
	dm_mutex_lock(&u->mu);
	if (t->unknown)
		u->tables_unknown++;
	else
		u->tables_equal++;
	dm_mutex_unlock(&u->mu);
	return NULL;
}

/* All of t is committed: its row says so. */
static struct dm_err *
end_table(struct copy_lane *l, struct copy_table *t)
{
	struct copy_unit *u = l->run->unit;
	const struct meta_table *m = t->meta;
	struct dm_err *err = NULL;

	if (l->summing)
		err = end_verify(l, t);
	if (err != NULL)
		return err;
	if (t->differs) {
		give_up(l, t);
		return NULL;
	}
	/* What is read without a snapshot may hold changes up to now. */
	if (!t->transactional)
		err =
		    dm_binlog_master_status(l->reader, &t->meta->snap_hi, NULL);
	if (err == NULL)
		err = with_writer(l, t, finish_table, NULL);
	if (err != NULL)
		return err;
	dm_mutex_lock(&u->mu);
	u->tables_done++;
	u->total_bytes += m->bytes - MIN(m->est_bytes, u->total_bytes);
	u->total_rows += m->rows - MIN(m->est_rows, u->total_rows);
	dm_mutex_unlock(&u->mu);
	dm_debug("table copied", dm_kstr("schema", m->db),
	    dm_kstr("table", m->tbl), dm_kint("rows", m->rows));
	dm_mutex_lock(&l->run->mu);
	t->meta->state = META_TABLE_DONE;
	pthread_cond_broadcast(&l->run->cond);
	dm_mutex_unlock(&l->run->mu);
	g_clear_pointer(&t->shape, copy_shape_free);
	return NULL;
}

struct dm_err *
copy_check_engine(const struct copy_table *t, const struct copy_shape *s)
{
	if (t->transactional || s->has_row_key)
		return NULL;
	return dm_err_set_workaround(
	    dm_err_plain("table `%s`.`%s` has no primary or unique key and an "
			 "engine without transactions: it cannot be copied at "
			 "an exact position",
		t->meta->db, t->meta->tbl),
	    "give the table a primary key or convert it to InnoDB, or leave "
	    "it out with `block-allow-list`");
}

/* Start the table if need be, and cut on. t->cutting is ours. */
static struct dm_err *
cut(struct copy_lane *l, struct copy_table *t)
{
	g_autoptr(GPtrArray) new = g_ptr_array_new_with_free_func(free_chunk);
	struct copy_shape *shape = NULL;
	struct copy_run *r = l->run;
	struct dm_err *err = NULL;
	bool last;

	if (t->shape == NULL)
		err = with_writer(l, t, make_shape, &shape);
	if (err == NULL && shape != NULL) {
		err = copy_check_engine(t, shape);
		/* Others look at it only after the lock below. */
		dm_mutex_lock(&r->mu);
		t->shape = shape;
		dm_mutex_unlock(&r->mu);
	}
	if (err == NULL)
		err = cut_some(l, t, new);
	if (err != NULL)
		return dm_err_annotate(
		    err, "table `%s`.`%s`", t->meta->db, t->meta->tbl);
	dm_mutex_lock(&r->mu);
	for (guint i = 0; i < new->len; i++) {
		struct copy_chunk *k = new->pdata[i];

		t->next_chunk = k->id + 1;
		t->cut_done = k->hi == NULL;
		g_free(t->last_hi);
		t->last_hi = g_strdup(k->hi);
		t->open++;
		g_queue_push_tail(&t->ready, k);
	}
	g_ptr_array_set_free_func(new, NULL); /* now of t->ready */
	if (new->len > 0)
		t->meta->state = META_TABLE_COPYING;
	t->cutting = false;
	last = is_through_locked(t);
	pthread_cond_broadcast(&r->cond);
	dm_mutex_unlock(&r->mu);
	/* An earlier run may have copied all but not said so. */
	return last ? end_table(l, t) : NULL;
}

/* ---- copying ---- */

static struct dm_err *
copy_chunk(struct copy_lane *l, struct copy_table *t, struct copy_chunk *k)
{
	struct copy_run *r = l->run;
	struct dm_err *err = copy_rows_chunk(l, t, k);
	bool last;

	if (err != NULL) {
		copy_chunk_free(k);
		return err;
	}
	dm_mutex_lock(&r->mu);
	t->meta->rows += l->counted_rows;
	t->meta->bytes += l->counted_bytes;
	t->huge = t->huge || l->big_row;
	t->open--;
	if (l->summing)
		g_queue_push_tail(&t->copied, DM_TAKE(k));
	if (t->copied.length > 0 && t->open == 0)
		pthread_cond_broadcast(&r->cond); /* it can be compared */
	last = is_through_locked(t);
	dm_mutex_unlock(&r->mu);
	copy_chunk_free(k);
	l->big_row = false;
	return last ? end_table(l, t) : NULL;
}

/* What was compared goes, or back to the chunks to be copied. Takes k. */
static bool
settle_locked(struct copy_table *t, struct copy_chunk *k, enum copy_verdict v)
{
	t->checking--;
	t->differs = t->differs || v == VERDICT_DIFFERS;
	t->unknown = t->unknown || v == VERDICT_UNKNOWN;
	if (v != VERDICT_AGAIN) {
		copy_chunk_free(k);
		return is_through_locked(t);
	}
	/* Only once: lanes that copy another chunk of it look at that. */
	if (!t->replace && t->shape->has_row_key)
		t->replace = true;
	t->meta->rows -= MIN(t->meta->rows, k->sum.rows);
	k->summed = false;
	k->lane = -1;
	t->open++;
	g_queue_push_tail(&t->ready, k);
	return false;
}

static struct dm_err *
verify_chunk(struct copy_lane *l, struct copy_table *t, struct copy_chunk *k)
{
	struct copy_run *r = l->run;
	enum copy_verdict v;
	struct dm_err *err = copy_verify_chunk(l, t, k, &v);
	bool last;

	if (err != NULL) {
		copy_chunk_free(k);
		return err;
	}
	dm_mutex_lock(&r->mu);
	if (v == VERDICT_AGAIN)
		atomic_fetch_sub(&r->unit->rows, k->sum.rows);
	last = settle_locked(t, k, v);
	pthread_cond_broadcast(&r->cond);
	dm_mutex_unlock(&r->mu);
	return last ? end_table(l, t) : NULL;
}

static void
fail(struct copy_lane *l, struct dm_err *err)
{
	struct copy_run *r = l->run;
	bool lost = l->source_failed && copy_needs_snapshot(err, l->reader);

	dm_mutex_lock(&r->mu);
	if (r->err == NULL) {
		r->err = DM_TAKE(err);
		r->source_lost = lost;
	}
	pthread_cond_broadcast(&r->cond);
	dm_mutex_unlock(&r->mu);
	dm_err_free(err); /* a consequence of the first one */
	dm_cancel_now(r->cancel);
}

static void *
lane_main(void *arg)
{
	struct lane_thread *th = arg;
	struct copy_lane *l = &th->lane;
	struct dm_err *err = NULL;

	dm_cancel_watch(
	    l->run->cancel, &l->read_watch, dm_sql_interrupt, l->reader);
	while (err == NULL) {
		struct copy_table *t = NULL;
		struct copy_chunk *k = NULL;
		enum work w = take(th->lanes, l, &t, &k);

		if (w == WORK_NONE)
			break;
		switch (w) {
		case WORK_CUT:
			err = cut(l, t);
			break;
		case WORK_CHUNK:
			err = copy_chunk(l, t, k);
			break;
		case WORK_VERIFY:
			err = verify_chunk(l, t, k);
			break;
		case WORK_NONE:
			break;
		}
		leave(l, t);
	}
	if (err != NULL)
		fail(l, err);
	copy_lane_drop_writer(l);
	dm_cancel_unwatch(l->run->cancel, &l->read_watch);
	return NULL;
}

/* Large tables first: they are shared, and none is left over at the end. */
static int
by_size(const void *a, const void *b)
{
	const struct copy_table *x = *(struct copy_table *const *)a;
	const struct copy_table *y = *(struct copy_table *const *)b;

	if (x->meta->est_bytes == y->meta->est_bytes)
		return 0;
	return x->meta->est_bytes < y->meta->est_bytes ? 1 : -1;
}

static void
plan_order(struct lanes *a)
{
	for (guint i = 0; i < a->run->tables->len; i++) {
		struct copy_table *t = a->run->tables->pdata[i];
		const struct meta_table *m = t->meta;

		if (is_finished(t))
			continue;
		t->huge = m->est_rows > 0 &&
			  m->est_bytes / m->est_rows > HUGE_ROW_BYTES;
		g_ptr_array_add(a->order, t);
	}
	g_ptr_array_sort(a->order, by_size);
}

struct dm_err *
copy_lanes_run(struct copy_run *r)
{
	g_autoptr(GPtrArray) order = g_ptr_array_new();
	struct lanes a = { .run = r, .order = order };
	guint n = r->readers->len;
	g_autofree struct lane_thread *threads = g_new0(struct lane_thread, n);

	plan_order(&a);
	for (guint i = 0; i < n; i++) {
		threads[i].lanes = &a;
		threads[i].lane.run = r;
		threads[i].lane.number = i;
		threads[i].lane.summing = r->env->task->copy.verify;
		threads[i].lane.reader = r->readers->pdata[i];
		threads[i].lane.thread =
		    dm_thread_start("dm-copy", lane_main, &threads[i]);
	}
	for (guint i = 0; i < n; i++)
		pthread_join(threads[i].lane.thread, NULL);
	return DM_TAKE(r->err);
}
