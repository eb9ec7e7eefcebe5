/* SPDX-License-Identifier: Apache-2.0 */
/* Sources come and go. SOURCE: control-plane reference 1.7, 4.3. */
#include "master/sched/sched_core.h"

#include <string.h>

static struct dm_err *
check_new(struct sched_core *c, const char *id, const char *yaml,
    const char *worker, struct sched_worker **w)
{
	*w = NULL;
	if (sched_source_get(c, id) != NULL)
		return dm_err_new(SCHEDULER_SOURCE_CFG_EXIST, id);
	if (*worker == '\0')
		return sched_check_growth(NULL, strlen(yaml));
	*w = sched_worker_get(c, worker);
	if (*w == NULL)
		return dm_err_new(SCHEDULER_WORKER_NOT_EXIST, worker);
	if (!sched_has_room(*w, NULL))
		return dm_err_new(SCHEDULER_WORKER_NOT_FREE, worker);
	return sched_check_growth(*w, strlen(yaml));
}

struct dm_err *
sched_source_add(
    struct sched_core *c, const char *id, const char *yaml, const char *worker)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	struct dm_ha_item item = { .kind = DM_HA_SOURCE };
	struct sched_source *src;
	struct sched_worker *w;
	struct dm_err *err = sched_ready(c);

	if (err == NULL)
		err = check_new(c, id, yaml, worker, &w);
	if (err != NULL)
		return err;
	item.first = g_strdup(id);
	item.text = g_strdup(yaml);
	dm_ha_batch_put(b, &item);
	if (sched_source_relays(yaml))
		sched_batch_relay_stage(b, id, PB__STAGE__Running);
	if (w != NULL)
		sched_batch_bind(b, w, id);
	err = sched_commit(c, b);
	g_free(item.first);
	g_free(item.text);
	if (err != NULL)
		return err;
	src = sched_source_new(c, id, yaml);
	if (src->by_source) {
		src->relay_stage = PB__STAGE__Running;
		src->relay_revision = c->revision;
	}
	if (w == NULL)
		return sched_bind_all(c);
	sched_attach(c, src, w, c->revision);
	sched_push(c, w);
	return NULL;
}

/* Which workers had the source: in etcd, in memory. They are hints only: a
 * source whose removal fails after this is bound without them. */
static struct dm_err *
forget_in_etcd(struct sched_core *c, const char *id)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	g_autoptr(GPtrArray) workers = sched_workers_sorted(c);

	for (guint i = 0; i < workers->len; i++) {
		const struct sched_worker *w = g_ptr_array_index(workers, i);

		if (g_hash_table_contains(w->last, id))
			dm_ha_batch_delete(b, DM_HA_LAST_BOUND, w->name, id);
	}
	return sched_commit_parts(c, b, 1, NULL);
}

static void
forget(struct sched_core *c, const char *id)
{
	g_autoptr(GPtrArray) workers = sched_workers_sorted(c);

	for (guint i = 0; i < workers->len; i++) {
		struct sched_worker *w = g_ptr_array_index(workers, i);

		g_hash_table_remove(w->last, id);
	}
}

struct dm_err *
sched_source_remove(struct sched_core *c, const char *id, bool *was_bound)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	struct sched_source *src = sched_source_get(c, id);
	struct sched_worker *w;
	struct dm_err *err = sched_ready(c);

	if (err != NULL)
		return err;
	if (src == NULL)
		return dm_err_new(SCHEDULER_SOURCE_CFG_NOT_EXIST, id);
	if (g_hash_table_size(src->subtasks) > 0) {
		g_autoptr(GPtrArray) tasks = sched_subtasks_sorted(src);
		g_autofree char *text = NULL;

		for (guint i = 0; i < tasks->len; i++) {
			struct sched_subtask *st = tasks->pdata[i];

			tasks->pdata[i] = st->task;
		}
		text = sched_list_text(tasks);
		return dm_err_new(SCHEDULER_SOURCE_OP_TASK_EXIST, id, text);
	}
	if (src->relays->len > 0) {
		g_autofree char *text = sched_relay_workers_text(src);

		return dm_err_new(SCHEDULER_SOURCE_OP_RELAY_EXIST, id, text);
	}
	w = src->worker;
	dm_ha_batch_delete(b, DM_HA_SOURCE, id, NULL);
	dm_ha_batch_delete(b, DM_HA_RELAY_STAGE, id, NULL);
	if (w != NULL)
		sched_batch_unbind(b, w, id);
	err = forget_in_etcd(c, id);
	if (err == NULL)
		err = sched_commit(c, b);
	if (err != NULL)
		return err;
	*was_bound = w != NULL;
	sched_detach(c, src);
	forget(c, id);
	g_hash_table_remove(c->sources, id);
	if (w == NULL)
		return NULL;
	sched_push(c, w);
	return sched_bind_all(c);
}
