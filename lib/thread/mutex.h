/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutexes with a rank, and conditions on the monotonic clock. Lock in rising
 * rank only; test builds check rank and owner. While a mutex is held: no
 * network, disk or database call, and no callback.
 */
#ifndef DM_LIB_THREAD_MUTEX_H
#define DM_LIB_THREAD_MUTEX_H

#include "lib/base/base.h"
#include <pthread.h>

struct dm_mutex {
	pthread_mutex_t mu;
	int rank;
	pthread_t owner; /* valid while held */
	bool held;
	int outer_rank; /* rank that the owner held before */
};

void dm_mutex_init(struct dm_mutex *m, int rank);
void dm_mutex_fini(struct dm_mutex *m);
void dm_mutex_lock(struct dm_mutex *m);
void dm_mutex_unlock(struct dm_mutex *m);
/* Opens every function named _locked. */
void dm_mutex_assert_held(struct dm_mutex *m);

void dm_cond_init(pthread_cond_t *c);
/* Waits without a limit; m is released meanwhile. */
void dm_cond_wait(pthread_cond_t *c, struct dm_mutex *m);
/* Waits at most timeout_ms; false when the time is over. */
bool dm_cond_wait_ms(pthread_cond_t *c, struct dm_mutex *m, int64_t timeout_ms);

/*
 * Start a thread named `name` (at most 15 characters, shown by ps -L) with all
 * signals blocked: the main thread takes them through signalfd. Aborts when
 * the system has no thread left. The caller joins it with pthread_join.
 */
pthread_t dm_thread_start(const char *name, void *(*fn)(void *), void *arg);

#endif
