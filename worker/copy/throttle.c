/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of a full copy: see throttle.h.
 *
 * DESIGN: one thread looks at both servers about once a second, with
 * connections of its own, since those of the lanes are busy. It stops with the
 * lanes, or when the run is cancelled. A server that it cannot ask gives no
 * reason to wait: the lanes meet that server themselves. Lanes wait between
 * chunks, so that no transaction and no lock waits with them. Their own
 * statements at the source do not count against its limit: else a low one would
 * never let go. At the target a statement that does nearly nothing is timed,
 * which also tells of the end of a load, when nothing is written; and COMMITs.
 */
#include "worker/copy/throttle.h"

#include "lib/log/log.h"
#include "worker/copy/copy_internal.h"
#include "worker/meta_internal.h"

#include <inttypes.h>
#include <string.h>

#define LOOK_MS     1000
#define HOLD_MS     200
#define MEGABYTE    UINT64_C(1000000)
#define BURST_PARTS 4 /* of a second */

/* ---- pure parts ---- */

static double
burst_of(const struct copy_bucket *b)
{
	return (double)b->rate / BURST_PARTS;
}

void
copy_bucket_init(struct copy_bucket *b, uint64_t rate, struct dm_mono now)
{
	*b = (struct copy_bucket){ .rate = rate, .at = now };
	b->have = burst_of(b);
}

int64_t
copy_bucket_take(struct copy_bucket *b, uint64_t bytes, struct dm_mono now)
{
	double passed = (double)(now.ns - b->at.ns) / 1e9;

	if (b->rate == 0)
		return 0;
	b->at = now;
	b->have += MAX(passed, 0.0) * (double)b->rate;
	b->have = MIN(b->have, burst_of(b));
	b->have -= (double)bytes;
	if (b->have >= 0)
		return 0;
	/* Rounded up: who comes a moment too early would wait again. */
	return (int64_t)(-b->have * 1000 / (double)b->rate) + 1;
}

char *
copy_hold_reason(
    const struct dm_copy_cfg *cfg, int64_t threads_running, int64_t latency_ms)
{
	if (cfg->max_source_threads_running > 0 &&
	    threads_running > cfg->max_source_threads_running)
		return g_strdup_printf("the source has %" PRId64
				       " threads running, without ours "
				       "(max-source-threads-running: %u)",
		    threads_running, cfg->max_source_threads_running);
	if (cfg->max_target_latency_ms > 0 &&
	    latency_ms > cfg->max_target_latency_ms)
		return g_strdup_printf("the target takes %" PRId64
				       " ms for a statement "
				       "(max-target-latency: %" PRId64 "ms)",
		    latency_ms, cfg->max_target_latency_ms);
	return NULL;
}

/* ---- looking ---- */

static void
drop(struct copy_throttle *h, struct dm_sql_conn **conn,
    struct dm_cancel_watch *watch)
{
	if (*conn == NULL)
		return;
	dm_cancel_unwatch(h->stop, watch);
	g_clear_pointer(conn, dm_sql_conn_free);
}

static struct dm_err *
need(struct copy_run *r, bool source, struct dm_sql_conn **conn,
    struct dm_cancel_watch *watch)
{
	struct copy_throttle *h = &r->throttle;
	struct dm_err *err;

	if (*conn != NULL)
		return NULL;
	err = source ? copy_source_open(r, h->stop, conn)
		     : copy_target_connect(r, false, conn);
	if (err != NULL)
		return err;
	*watch = (struct dm_cancel_watch){ 0 };
	dm_cancel_watch(h->stop, watch, dm_sql_interrupt, *conn);
	return NULL;
}

/* Threads that work at the source, but ours and the one that asks; -1: not
 * known. */
static int64_t
threads_running(struct copy_run *r)
{
	struct copy_throttle *h = &r->throttle;
	DM_AUTO(dm_sql_result) res = NULL;
	unsigned ours = atomic_load(&h->reading) + 1;
	struct dm_sql_row row;
	int64_t n = -1;
	bool more = false;
	struct dm_err *err = need(r, true, &h->src, &h->src_watch);

	if (err == NULL)
		err = dm_sql_queryf(
		    h->src, &res, "SHOW GLOBAL STATUS LIKE 'Threads_running'");
	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err == NULL && more)
		n = MAX((int64_t)meta_cell_u64(&row, 1) - ours, 0);
	if (err != NULL)
		drop(h, &h->src, &h->src_watch);
	dm_err_free(err); /* no reason to wait */
	return n;
}

/* The longest of what was timed since the last look; -1: not known. */
static int64_t
target_latency(struct copy_run *r)
{
	struct copy_throttle *h = &r->throttle;
	int64_t commits = atomic_exchange(&h->latency_ms, -1), ms = -1;
	g_autofree char *epoch = NULL;
	struct dm_err *err = need(r, false, &h->dst, &h->dst_watch);
	g_autofree char *owner = meta_table_name(r->meta, "dm_owner");
	struct dm_mono began = dm_mono_now();

	if (err == NULL)
		err = dm_sql_query_string(h->dst, &epoch,
		    "SELECT epoch FROM %s WHERE %s", owner, r->meta->key);
	if (err == NULL)
		ms = dm_mono_diff_ms(dm_mono_now(), began);
	else
		drop(h, &h->dst, &h->dst_watch);
	dm_err_free(err); /* no reason to wait */
	return MAX(ms, commits);
}

/* Takes reason. */
static void
set_reason(struct copy_run *r, char *reason)
{
	struct copy_throttle *h = &r->throttle;
	bool held;

	dm_mutex_lock(&h->mu);
	held = h->reason != NULL;
	g_free(h->reason);
	h->reason = reason;
	dm_mutex_unlock(&h->mu);
	copy_show_throttle(r->unit, reason);
	if (reason != NULL && !held)
		dm_info("the full copy holds back",
		    dm_kstr("task", r->env->task->name),
		    dm_kstr("source", r->env->source->source_id),
		    dm_kstr("why", reason));
	else if (reason == NULL && held)
		dm_info("the full copy goes on",
		    dm_kstr("task", r->env->task->name),
		    dm_kstr("source", r->env->source->source_id));
}

static void
look(struct copy_run *r)
{
	struct copy_throttle *h = &r->throttle;
	int64_t running = h->to_source ? threads_running(r) : -1;
	int64_t latency = h->to_target ? target_latency(r) : -1;

	set_reason(r, copy_hold_reason(h->cfg, running, latency));
}

static void *
look_main(void *arg)
{
	struct copy_run *r = arg;
	struct copy_throttle *h = &r->throttle;
	struct dm_err *err = NULL;

	while (err == NULL) {
		look(r);
		err = dm_cancel_sleep_ms(h->stop, LOOK_MS);
	}
	dm_err_free(err); /* told to stop */
	drop(h, &h->src, &h->src_watch);
	drop(h, &h->dst, &h->dst_watch);
	return NULL;
}

/* ---- of a run ---- */

void
copy_throttle_init(struct copy_run *r)
{
	struct copy_throttle *h = &r->throttle;

	h->cfg = &r->env->task->copy;
	dm_mutex_init(&h->mu, 25);
	copy_bucket_init(
	    &h->bucket, h->cfg->rate_limit * MEGABYTE, dm_mono_now());
	atomic_store(&h->latency_ms, -1);
}

void
copy_throttle_fini(struct copy_run *r)
{
	copy_throttle_stop(r);
	g_free(r->throttle.reason);
	dm_mutex_fini(&r->throttle.mu);
}

void
copy_throttle_start(struct copy_run *r, bool to_source, bool to_target)
{
	struct copy_throttle *h = &r->throttle;

	h->to_source = to_source && h->cfg->max_source_threads_running > 0;
	h->to_target = to_target && h->cfg->max_target_latency_ms > 0;
	if (!h->to_source && !h->to_target)
		return;
	h->stop = dm_cancel_new(r->cancel);
	look(r); /* before the first chunk */
	h->started = true;
	h->thread = dm_thread_start("dm-throttle", look_main, r);
}

void
copy_throttle_stop(struct copy_run *r)
{
	struct copy_throttle *h = &r->throttle;

	if (!h->started)
		return;
	dm_cancel_now(h->stop);
	pthread_join(h->thread, NULL);
	dm_cancel_free(h->stop);
	h->stop = NULL;
	h->started = false;
	copy_show_throttle(r->unit, NULL);
}

struct dm_err *
copy_throttle_sent(struct copy_run *r, uint64_t bytes)
{
	struct copy_throttle *h = &r->throttle;
	int64_t wait;

	if (h->bucket.rate == 0) /* never changes within a run */
		return NULL;
	dm_mutex_lock(&h->mu);
	wait = copy_bucket_take(&h->bucket, bytes, dm_mono_now());
	dm_mutex_unlock(&h->mu);
	return wait == 0 ? NULL : dm_cancel_sleep_ms(r->cancel, wait);
}

struct dm_err *
copy_throttle_hold(struct copy_run *r)
{
	struct copy_throttle *h = &r->throttle;
	struct dm_err *err = NULL;
	bool held = h->started;

	while (err == NULL && held) {
		dm_mutex_lock(&h->mu);
		held = h->reason != NULL;
		dm_mutex_unlock(&h->mu);
		if (held)
			err = dm_cancel_sleep_ms(r->cancel, HOLD_MS);
	}
	return err;
}

void
copy_throttle_committed(struct copy_run *r, struct dm_mono began)
{
	struct copy_throttle *h = &r->throttle;
	int64_t ms, most;

	if (!h->to_target)
		return;
	ms = dm_mono_diff_ms(dm_mono_now(), began);
	most = atomic_load(&h->latency_ms);
	while (ms > most &&
	       !atomic_compare_exchange_weak(&h->latency_ms, &most, ms))
		continue;
}
