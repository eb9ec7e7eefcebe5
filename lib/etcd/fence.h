/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transaction whose answer was lost may still be on its way, and be done
 * after its sender has read what there is. A fence ends that: transactions
 * compare a key's revision, and a sender in doubt writes the key anew before it
 * reads. What was sent before then fails whenever it comes. One owner thread.
 */
#ifndef DM_LIB_ETCD_FENCE_H
#define DM_LIB_ETCD_FENCE_H

#include "lib/etcd/etcd.h"

struct dm_etcd_fence {
	const char *key;  /* borrowed */
	int64_t revision; /* of the key; 0: in doubt */
};

/* guarded: a transaction with the sender's own compares and nothing to do.
 * *held: these held; only then does the fence stand. On an error it is in
 * doubt. */
struct dm_err *dm_etcd_fence_raise(struct dm_etcd_fence *f, struct dm_etcd *e,
    struct dm_etcd_txn *guarded, bool *held) DM_MUST_CHECK;
/* Adds the compare; false: the fence is in doubt, and the transaction must not
 * be sent. */
bool dm_etcd_fence_guard(const struct dm_etcd_fence *f, struct dm_etcd_txn *t);
/* A transaction with the compare has failed in whatever way. */
void dm_etcd_fence_doubt(struct dm_etcd_fence *f);

#endif
