/* SPDX-License-Identifier: Apache-2.0 */
/* Threads for work that blocks. They end when the queue is closed and empty. */
#include "master/pool.h"

#define QUEUE_LENGTH 1024

struct job {
	pool_fn *fn;
	void *arg;
};

struct pool {
	struct dm_queue *jobs;
	pthread_t *threads;
	unsigned n;
};

static void *
run(void *arg)
{
	struct pool *p = arg;

	for (;;) {
		void *item = NULL;
		struct job *j;

		dm_err_free(dm_queue_pop(p->jobs, -1, NULL, &item));
		if (item == NULL)
			return NULL;
		j = item;
		j->fn(j->arg);
		g_free(j);
	}
}

struct pool *
pool_new(const char *name, unsigned threads)
{
	struct pool *p = g_new0(struct pool, 1);

	p->jobs = dm_queue_new(QUEUE_LENGTH, NULL);
	p->threads = g_new0(pthread_t, threads);
	for (p->n = 0; p->n < threads; p->n++) {
		g_autofree char *label = g_strdup_printf("%s-%u", name, p->n);

		p->threads[p->n] = dm_thread_start(label, run, p);
	}
	return p;
}

void
pool_run(struct pool *p, pool_fn *fn, void *arg)
{
	struct job j = { fn, arg };
	bool taken;

	taken = dm_queue_push_now(p->jobs, g_memdup2(&j, sizeof(j)));
	dm_assert(taken);
}

void
pool_stop(struct pool *p)
{
	if (p == NULL)
		return;
	dm_queue_close(p->jobs);
	for (unsigned i = 0; i < p->n; i++)
		pthread_join(p->threads[i], NULL);
	dm_queue_free(p->jobs);
	g_free(p->threads);
	g_free(p);
}
