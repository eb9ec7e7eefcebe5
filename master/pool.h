/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads for work that blocks: databases, waiting for workers. Jobs are taken
 * in order. Threads: any.
 */
#ifndef DM_MASTER_POOL_H
#define DM_MASTER_POOL_H

#include "lib/thread/queue.h"

struct pool;

typedef void pool_fn(void *arg);

/* name: of the threads, at most 13 characters. */
struct pool *pool_new(const char *name, unsigned threads);
/* fn(arg) on one of the threads; also, from pool_stop on, for what is still
 * queued - jobs end what waits for them and see their own cancel. */
void pool_run(struct pool *p, pool_fn *fn, void *arg);
/* Runs what is queued, joins, frees. Nothing may be added after it began.
 * Accepts NULL. */
void pool_stop(struct pool *p);

#endif
