/* SPDX-License-Identifier: Apache-2.0 */
/* Between objects and etcd: batches to transactions, ranges to objects. */
#include "lib/ha/store.h"

static void
item_free(gpointer p)
{
	dm_ha_item_free(p);
}

void
dm_ha_batch_fill(const struct dm_ha_batch *b, struct dm_etcd_txn *t)
{
	for (guint i = 0; i < b->ops->len; i++) {
		const struct dm_ha_op *op = g_ptr_array_index(b->ops, i);

		if (op->is_delete)
			dm_etcd_txn_delete(t, op->key, false);
		else
			dm_etcd_txn_put(t, op->key, op->value, op->len, 0);
	}
}

struct dm_err *
dm_ha_read(struct dm_etcd *e, enum dm_ha_kind kind, GPtrArray *items,
    int64_t *revision)
{
	DM_AUTO(dm_etcd_kvs) kvs = NULL;
	struct dm_err *err;

	err = dm_etcd_range(e, dm_ha_prefix(kind), true, 0, &kvs);
	if (err != NULL)
		return err;
	for (guint i = 0; i < kvs->items->len; i++) {
		struct dm_ha_item *item;

		err = dm_ha_decode(g_ptr_array_index(kvs->items, i), &item);
		if (err != NULL)
			return err;
		g_ptr_array_add(items, item);
	}
	if (revision != NULL)
		*revision = kvs->revision;
	return NULL;
}

struct dm_err *
dm_ha_read_all(struct dm_etcd *e, GPtrArray **items, int64_t *revision)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(item_free);
	int64_t first = 0;

	for (int k = 0; k < DM_HA_KINDS; k++) {
		int64_t rev;
		struct dm_err *err;

		err = dm_ha_read(e, (enum dm_ha_kind)k, all, &rev);
		if (err != NULL)
			return err;
		if (k == 0)
			first = rev;
	}
	*revision = first;
	*items = g_steal_pointer(&all);
	return NULL;
}
