/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The passwords in etcd and the key under which they are.
 *
 * DESIGN: etcd holds the name (dm_key_id) of that key. A master with another
 * one does not decide anything: it could only make configurations that nobody
 * can read. A cluster that had no key, or whose key is one of our older ones,
 * is brought under our first key; the name comes last, so that what breaks off
 * in between is done again.
 */
#ifndef DM_MASTER_SCHED_SCHED_SECRETS_H
#define DM_MASTER_SCHED_SCHED_SECRETS_H

#include "lib/crypt/crypt.h"
#include "lib/ha/batch.h"

typedef struct dm_err *sched_commit_fn(
    const struct dm_ha_batch *b, int64_t *revision, void *arg);

/*
 * Compare keys with what etcd holds (items: struct dm_ha_item*), and protect
 * the passwords that are not: in etcd, through commit, and in items.
 *   keys  NULL: this master has none
 * Errors: CONFIG_SECRET_KEY_PATH: not the key of this cluster; of commit.
 */
struct dm_err *sched_secrets_check(const struct dm_keys *keys, GPtrArray *items,
    sched_commit_fn *commit, void *arg) DM_MUST_CHECK;

#endif
