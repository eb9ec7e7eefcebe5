/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request to stop, seen by every wait of the work it belongs to. A child is
 * cancelled with its parent. Threads: any.
 */
#ifndef DM_LIB_THREAD_CANCEL_H
#define DM_LIB_THREAD_CANCEL_H

#include "lib/err/err.h"
#include "lib/thread/mutex.h"

struct dm_cancel;

/* Called once, by the cancelling thread, without any lock held by us; must
 * be short. Not called after dm_cancel_unwatch returned. */
typedef void dm_cancel_fn(void *arg);

/* Memory of the caller, zeroed before use. */
struct dm_cancel_watch {
	dm_cancel_fn *fn;
	void *arg;
	struct dm_cancel_watch *next, **prev; /* of the list, under its lock */
	bool running;                         /* fn is being called */
};

/* parent may be NULL; borrowed, must outlive the child. */
struct dm_cancel *dm_cancel_new(struct dm_cancel *parent);
void dm_cancel_free(struct dm_cancel *c);
DM_DEFINE_AUTO(dm_cancel)

/* Cancels c and its children. Only the first call counts. */
void dm_cancel_now(struct dm_cancel *c);
/* NULL is never cancelled. */
bool dm_canceled(struct dm_cancel *c);
/* NULL, or a new "context canceled" error. */
struct dm_err *dm_cancel_check(struct dm_cancel *c) DM_MUST_CHECK;

/* Have fn(arg) called when c is cancelled, at once if it is already. c may be
 * NULL: then nothing happens. */
void dm_cancel_watch(struct dm_cancel *c, struct dm_cancel_watch *w,
    dm_cancel_fn *fn, void *arg);
/* Returns when fn is not running and will not run any more. */
void dm_cancel_unwatch(struct dm_cancel *c, struct dm_cancel_watch *w);

/* Sleep, at most ms. Returns an error as soon as c is cancelled. */
struct dm_err *dm_cancel_sleep_ms(
    struct dm_cancel *c, int64_t ms) DM_MUST_CHECK;

#endif
