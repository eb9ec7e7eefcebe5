/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast a full copy may go: `rate-limit`, and holding back while the source
 * or the target is under load. Of the streamed copy, the dump and the load; one
 * for each run, shared by its lanes.
 */
#ifndef DM_WORKER_COPY_THROTTLE_H
#define DM_WORKER_COPY_THROTTLE_H

#include "lib/base/clock.h"
#include "lib/config/task.h"
#include "lib/sql/sql.h"
#include "lib/thread/mutex.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- pure parts; the time is passed in ---- */

/* Bytes for each second; what was not used is kept for a quarter of a second.
 * Whoever takes more than there is makes a debt, and waits. */
struct copy_bucket {
	uint64_t rate; /* 0: no limit */
	double have;
	struct dm_mono at;
};
void copy_bucket_init(struct copy_bucket *b, uint64_t rate, struct dm_mono now);
/* How many milliseconds to wait before going on; 0: none. */
int64_t copy_bucket_take(
    struct copy_bucket *b, uint64_t bytes, struct dm_mono now);

/* Why to hold back: new text for people; NULL: nothing is over its limit. -1:
 * not known, which is no reason. */
char *copy_hold_reason(
    const struct dm_copy_cfg *cfg, int64_t threads_running, int64_t latency_ms);

/* ---- of a run ---- */

struct copy_run;

struct copy_throttle {
	const struct dm_copy_cfg *cfg;
	struct dm_mutex mu; /* rank 25; guards bucket and reason */
	struct copy_bucket bucket;
	char *reason; /* why lanes wait now; NULL: they work */
	/* What the lanes tell the one that looks. */
	_Atomic unsigned reading;   /* lanes with a statement at the source */
	_Atomic int64_t latency_ms; /* the longest COMMIT since the last look */
	/* Who looks. */
	bool started, to_source, to_target;
	struct dm_cancel *stop;
	struct dm_sql_conn *src, *dst;
	struct dm_cancel_watch src_watch, dst_watch;
	pthread_t thread;
};

void copy_throttle_init(struct copy_run *r);
void copy_throttle_fini(struct copy_run *r);
/* Begin and end to look at the load, as far as a limit asks for that; a dump
 * has no target, a load no source. */
void copy_throttle_start(struct copy_run *r, bool to_source, bool to_target);
void copy_throttle_stop(struct copy_run *r);
/* So many bytes went to the target or a file: waits. Errors: canceled. Any
 * lane. */
struct dm_err *copy_throttle_sent(
    struct copy_run *r, uint64_t bytes) DM_MUST_CHECK;
/* Before a piece of work, with no transaction open: waits while there is a
 * reason to. Errors: canceled. Any lane. */
struct dm_err *copy_throttle_hold(struct copy_run *r) DM_MUST_CHECK;
/* A COMMIT at the target, begun at that time, has ended now. Any lane. */
void copy_throttle_committed(struct copy_run *r, struct dm_mono began);

#endif
