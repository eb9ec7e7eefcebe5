/* SPDX-License-Identifier: Apache-2.0 */
/* Changes as data. */
#include "lib/ha/batch.h"

#include <string.h>

static void
op_free(gpointer p)
{
	struct dm_ha_op *op = p;

	g_free(op->key);
	g_free(op->value);
	g_free(op);
}

struct dm_ha_batch *
dm_ha_batch_new(void)
{
	struct dm_ha_batch *b = g_new0(struct dm_ha_batch, 1);

	b->ops = g_ptr_array_new_with_free_func(op_free);
	return b;
}

void
dm_ha_batch_free(struct dm_ha_batch *b)
{
	if (b == NULL)
		return;
	g_ptr_array_unref(b->ops);
	g_free(b);
}

/* The change of key, emptied; takes key. */
static struct dm_ha_op *
op_for(struct dm_ha_batch *b, char *key)
{
	struct dm_ha_op *op;

	for (guint i = 0; i < b->ops->len; i++) {
		op = g_ptr_array_index(b->ops, i);
		if (strcmp(op->key, key) != 0)
			continue;
		g_free(key);
		g_clear_pointer(&op->value, g_free);
		return op;
	}
	op = g_new0(struct dm_ha_op, 1);
	op->key = key;
	g_ptr_array_add(b->ops, op);
	return op;
}

void
dm_ha_batch_put(struct dm_ha_batch *b, const struct dm_ha_item *i)
{
	struct dm_ha_op *op =
	    op_for(b, dm_ha_key(i->kind, i->first, i->second));

	op->is_delete = false;
	op->value = dm_ha_encode(i, &op->len);
}

void
dm_ha_batch_delete(struct dm_ha_batch *b, enum dm_ha_kind kind,
    const char *first, const char *second)
{
	struct dm_ha_op *op = op_for(b, dm_ha_key(kind, first, second));

	op->is_delete = true;
	op->len = 0;
}
