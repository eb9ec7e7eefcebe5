/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for very large rows.
 *
 * Called by lanes before a large row becomes a statement, which is as large
 * again or twice that. DESIGN: a holder never takes twice, so nobody waits for
 * itself; the one who is alone always gets what it asks for.
 */
#include "worker/copy/budget.h"

#define WAIT_MS 200 /* how soon a cancelled wait ends */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct dm_mutex mu; /* rank 40; guards used */
static pthread_cond_t cond;
static uint64_t used;

static void
init(void)
{
	dm_mutex_init(&mu, 40);
	dm_cond_init(&cond);
}

struct dm_err *
copy_budget_take(uint64_t bytes, struct dm_cancel *c)
{
	struct dm_err *err = NULL;

	pthread_once(&once, init);
	dm_mutex_lock(&mu);
	while (err == NULL && used > 0 && used + bytes > COPY_BUDGET_BYTES) {
		dm_cond_wait_ms(&cond, &mu, WAIT_MS);
		err = dm_cancel_check(c);
	}
	if (err == NULL)
		used += bytes;
	dm_mutex_unlock(&mu);
	return err;
}

void
copy_budget_give(uint64_t bytes)
{
	if (bytes == 0)
		return;
	dm_mutex_lock(&mu);
	dm_assert(used >= bytes);
	used -= bytes;
	pthread_cond_broadcast(&cond);
	dm_mutex_unlock(&mu);
}
