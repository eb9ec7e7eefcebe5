/* SPDX-License-Identifier: Apache-2.0 */
/* Between objects and etcd. Functions that read block. Threads: any. */
#ifndef DM_LIB_HA_STORE_H
#define DM_LIB_HA_STORE_H

#include "lib/ha/batch.h"

/* Adds all changes to t's then-list. */
void dm_ha_batch_fill(const struct dm_ha_batch *b, struct dm_etcd_txn *t);

/* All objects. *items: struct dm_ha_item*, with its free function. *revision:
 * of the store before the first was read. Errors: of etcd, HA_INVALID_ITEM. */
struct dm_err *dm_ha_read_all(
    struct dm_etcd *e, GPtrArray **items, int64_t *revision) DM_MUST_CHECK;
/* All objects of one kind. */
struct dm_err *dm_ha_read(struct dm_etcd *e, enum dm_ha_kind kind,
    GPtrArray *items, int64_t *revision) DM_MUST_CHECK;

#endif
