/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of others: what etcd takes in one write, what a session takes in one
 * message.
 */
#include "master/sched/sched_core.h"

#include "lib/rpc/rpc.h"

#include <string.h>

/* An etcd takes requests of 1.5 MiB if it was not told otherwise; one of the
 * user's may not have been. */
#define PART_BYTES ((size_t)1 << 20)
/* Of texts; what is around them, and passwords that grow when they are
 * encrypted, has the other half. */
#define WORKER_BYTES (DM_RPC_SESSION_BYTES / 2)

/* ---- writes ---- */

static size_t
op_bytes(const struct dm_ha_op *op)
{
	return strlen(op->key) + op->len;
}

/* Moves the first groups of `ops` that go into one write, at least one group,
 * to a new batch. */
static struct dm_ha_batch *
take_part(GPtrArray *ops, guint group)
{
	struct dm_ha_batch *part = dm_ha_batch_new();
	size_t bytes = 0;

	while (ops->len > 0 && part->ops->len + group <= SCHED_WRITE_OPS) {
		guint n = MIN(group, ops->len);

		for (guint i = 0; i < n; i++)
			bytes += op_bytes(g_ptr_array_index(ops, i));
		if (part->ops->len > 0 && bytes > PART_BYTES)
			break;
		for (guint i = 0; i < n; i++)
			g_ptr_array_add(
			    part->ops, g_ptr_array_steal_index(ops, 0));
	}
	return part;
}

struct dm_err *
sched_commit_parts(
    struct sched_core *c, struct dm_ha_batch *b, guint group, int64_t *revs)
{
	guint all = b->ops->len / group, done = 0;

	dm_assert(b->ops->len % group == 0 && group <= SCHED_WRITE_OPS);
	while (b->ops->len > 0) {
		DM_AUTO(dm_ha_batch) part = take_part(b->ops, group);
		struct dm_err *err = sched_commit(c, part);

		if (err != NULL && done > 0)
			return dm_err_annotate(
			    err, "%u of %u are done, then", done, all);
		if (err != NULL)
			return err;
		for (guint n = part->ops->len / group; n > 0; n--, done++)
			if (revs != NULL)
				revs[done] = c->revision;
	}
	return NULL;
}

/* ---- what a worker is told ---- */

size_t
sched_source_bytes(const struct sched_source *src)
{
	size_t n = strlen(src->yaml);
	GHashTableIter it;
	gpointer v;

	g_hash_table_iter_init(&it, src->subtasks);
	while (g_hash_table_iter_next(&it, NULL, &v))
		n += strlen(((const struct sched_subtask *)v)->yaml);
	return n;
}

static size_t
worker_bytes(const struct sched_worker *w)
{
	size_t n = 0;

	for (guint i = 0; i < w->sources->len; i++)
		n += sched_source_bytes(g_ptr_array_index(w->sources, i));
	for (guint i = 0; i < w->relays->len; i++) {
		const struct sched_source *src = w->relays->pdata[i];

		if (src->worker != w)
			n += sched_source_bytes(src);
	}
	return n;
}

bool
sched_fits(const struct sched_worker *w, const struct sched_source *src)
{
	/* One alone was looked at when it grew. */
	return w->sources->len + w->relays->len == 0 ||
	       sched_relay_get(src, w) != NULL ||
	       worker_bytes(w) + sched_source_bytes(src) <= WORKER_BYTES;
}

struct dm_err *
sched_check_growth(const struct sched_worker *w, size_t more)
{
	size_t now = w == NULL ? 0 : worker_bytes(w);
	g_autofree char *why = NULL;

	if (now + more <= WORKER_BYTES)
		return NULL;
	why = g_strdup_printf(
	    "the configurations of the sources and tasks of dm-worker %s have "
	    "%zu bytes; with %zu more they would exceed the limit of %zu",
	    w == NULL ? "(none yet)" : w->name, now, more, WORKER_BYTES);
	return dm_err_set_workaround(
	    dm_err_new(MASTER_WORKER_ARGS_EXTRACTOR, why),
	    "give some of its sources to other dm-workers (transfer-source), "
	    "or make the configurations shorter: patterns instead of lists of "
	    "tables");
}

struct dm_err *
sched_check_sizes(const GPtrArray *sources, const char *task, const char *yaml)
{
	g_autoptr(GHashTable) more = g_hash_table_new(NULL, NULL);
	size_t len = strlen(yaml);
	struct dm_err *err = NULL;

	for (guint i = 0; err == NULL && i < sources->len; i++) {
		const struct sched_source *src = g_ptr_array_index(sources, i);
		const struct sched_subtask *st = sched_subtask_get(src, task);
		size_t has = st == NULL ? 0 : strlen(st->yaml);
		size_t n =
		    GPOINTER_TO_SIZE(g_hash_table_lookup(more, src->worker));

		if (has >= len)
			continue;
		n += len - has;
		g_hash_table_insert(more, src->worker, GSIZE_TO_POINTER(n));
		err = sched_check_growth(src->worker, n);
	}
	return err;
}
