/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded queue of owned pointers between threads. A full queue makes push
 * wait: that is the flow control. Closing wakes both ends. Threads: any.
 */
#ifndef DM_LIB_THREAD_QUEUE_H
#define DM_LIB_THREAD_QUEUE_H

#include "lib/thread/cancel.h"

struct dm_queue;

/* free_fn frees items that are still queued when the queue is freed. */
struct dm_queue *dm_queue_new(size_t capacity, GDestroyNotify free_fn);
void dm_queue_free(struct dm_queue *q);
DM_DEFINE_AUTO(dm_queue)

/* Hand `item` over; takes it, also on error. Errors: canceled, or a plain
 * one when the queue is closed. */
struct dm_err *dm_queue_push(
    struct dm_queue *q, void *item, struct dm_cancel *c) DM_MUST_CHECK;
/* Push although the queue may be full: for senders that must not wait.
 * Takes item; false (and frees it) when the queue is closed. */
bool dm_queue_push_now(struct dm_queue *q, void *item);
/*
 * The next item, waiting at most timeout_ms (-1: without a limit). *item is
 * NULL when the time was over, or the queue is closed and empty.
 * Errors: canceled.
 */
struct dm_err *dm_queue_pop(struct dm_queue *q, int64_t timeout_ms,
    struct dm_cancel *c, void **item) DM_MUST_CHECK;
/* No more pushes; what is queued can still be popped. */
void dm_queue_close(struct dm_queue *q);
bool dm_queue_is_closed(struct dm_queue *q);

#endif
