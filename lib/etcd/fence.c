/* SPDX-License-Identifier: Apache-2.0 */
/* A fence before transactions that come late: see fence.h. */
#include "lib/etcd/fence.h"

#define VALUE "1" /* only its revision counts */

struct dm_err *
dm_etcd_fence_raise(struct dm_etcd_fence *f, struct dm_etcd *e,
    struct dm_etcd_txn *guarded, bool *held)
{
	struct dm_etcd_txn_result result;
	struct dm_err *err;

	dm_etcd_fence_doubt(f);
	dm_etcd_txn_put(guarded, f->key, VALUE, sizeof(VALUE) - 1, 0);
	err = dm_etcd_txn_run(e, guarded, &result);
	*held = err == NULL && result.succeeded;
	if (*held)
		f->revision = result.revision;
	return err;
}

bool
dm_etcd_fence_guard(const struct dm_etcd_fence *f, struct dm_etcd_txn *t)
{
	if (f->revision == 0)
		return false;
	dm_etcd_txn_if_mod_revision(t, f->key, f->revision);
	return true;
}

void
dm_etcd_fence_doubt(struct dm_etcd_fence *f)
{
	f->revision = 0;
}
