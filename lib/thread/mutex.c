/* SPDX-License-Identifier: Apache-2.0 */
/* Ranked mutexes: see mutex.h. */
#include "lib/thread/mutex.h"

#include "lib/base/clock.h"

#include <errno.h>
#include <signal.h>

/* The highest rank this thread holds. */
static __thread int current_rank;

void
dm_mutex_init(struct dm_mutex *m, int rank)
{
	dm_assert(rank > 0);
	*m = (struct dm_mutex){ .rank = rank };
	pthread_mutex_init(&m->mu, NULL);
}

void
dm_mutex_fini(struct dm_mutex *m)
{
	pthread_mutex_destroy(&m->mu);
}

static void
note_held(struct dm_mutex *m)
{
	m->owner = pthread_self();
	m->held = true;
	m->outer_rank = current_rank;
	current_rank = m->rank;
}

void
dm_mutex_lock(struct dm_mutex *m)
{
#ifdef DM_TEST_BUILD
	dm_assert(current_rank < m->rank);
#endif
	pthread_mutex_lock(&m->mu);
	note_held(m);
}

void
dm_mutex_unlock(struct dm_mutex *m)
{
	current_rank = m->outer_rank;
	m->held = false;
	pthread_mutex_unlock(&m->mu);
}

void
dm_mutex_assert_held(struct dm_mutex *m)
{
	dm_assert(m->held && pthread_equal(m->owner, pthread_self()));
}

void
dm_cond_init(pthread_cond_t *c)
{
	pthread_condattr_t a;

	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(c, &a);
	pthread_condattr_destroy(&a);
}

static int
wait_until(pthread_cond_t *c, struct dm_mutex *m, const struct timespec *at)
{
	int rc;

	dm_mutex_assert_held(m);
	current_rank = m->outer_rank;
	m->held = false;
	rc = at == NULL ? pthread_cond_wait(c, &m->mu)
			: pthread_cond_timedwait(c, &m->mu, at);
	note_held(m);
	return rc;
}

void
dm_cond_wait(pthread_cond_t *c, struct dm_mutex *m)
{
	(void)wait_until(c, m, NULL);
}

bool
dm_cond_wait_ms(pthread_cond_t *c, struct dm_mutex *m, int64_t timeout_ms)
{
	struct timespec at = dm_timeout_at(timeout_ms);

	return wait_until(c, m, &at) != ETIMEDOUT;
}

pthread_t
dm_thread_start(const char *name, void *(*fn)(void *), void *arg)
{
	sigset_t all, old;
	pthread_t t;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&t, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	dm_assert(rc == 0);
	pthread_setname_np(t, name);
	return t;
}
