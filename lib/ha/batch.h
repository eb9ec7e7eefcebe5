/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes that belong together: one etcd transaction, as data, so that a
 * decision can be tested without etcd. Not thread-safe.
 */
#ifndef DM_LIB_HA_BATCH_H
#define DM_LIB_HA_BATCH_H

#include "lib/ha/item.h"

struct dm_ha_op {
	bool is_delete;
	char *key;
	char *value; /* NULL for a deletion */
	size_t len;
};

struct dm_ha_batch {
	GPtrArray *ops; /* struct dm_ha_op*, owned, in order */
};

struct dm_ha_batch *dm_ha_batch_new(void);
void dm_ha_batch_free(struct dm_ha_batch *b);
DM_DEFINE_AUTO(dm_ha_batch)

/* Put an object; a key that the batch changes already is changed anew: etcd
 * refuses a transaction that names a key twice. */
void dm_ha_batch_put(struct dm_ha_batch *b, const struct dm_ha_item *i);
void dm_ha_batch_delete(struct dm_ha_batch *b, enum dm_ha_kind kind,
    const char *first, const char *second);

#endif
