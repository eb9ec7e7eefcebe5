/* SPDX-License-Identifier: Apache-2.0 */
/* The TTL of a worker's lease, as etcd has it for the next leader. */
#include "master/session/ttl.h"

#include "lib/log/log.h"

struct ttl {
	char *worker; /* owned */
	int64_t ms;
};

static void
ttl_free(void *p)
{
	struct ttl *t = p;

	g_free(t->worker);
	g_free(t);
}

/* When it fails it comes again. */
static void
run(struct sched_core *core, void *arg)
{
	const struct ttl *t = arg;
	struct dm_err *err;

	if (core == NULL)
		return;
	err = sched_lease_ttl(core, t->worker, t->ms);
	if (err != NULL)
		dm_warn("the time of a dm-worker's lease cannot be changed, "
			"this is tried again",
		    dm_kstr("worker", t->worker), dm_kerr(err));
	dm_err_free(err);
}

void
ttl_change(struct sched *s, const char *worker, int64_t ttl_ms)
{
	struct ttl *t = g_new(struct ttl, 1);

	*t = (struct ttl){ g_strdup(worker), ttl_ms };
	sched_post(s, run, t, ttl_free);
}
