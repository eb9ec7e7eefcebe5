/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks: subtasks and the stages expected of them.
 * SOURCE: control-plane reference 1.7, 4.3, 4.11.
 */
#include "master/sched/sched_core.h"

#include <string.h>

#define SUBTASK_OPS 3

struct dm_err *
sched_latch(struct sched_core *c, const char *task, const char *op)
{
	const char *by = g_hash_table_lookup(c->latches, task);

	if (by != NULL)
		return dm_err_new(SCHEDULER_LATCH_IN_USE, op, task);
	g_hash_table_insert(c->latches, g_strdup(task), g_strdup(op));
	return NULL;
}

void
sched_unlatch(struct sched_core *c, const char *task)
{
	g_hash_table_remove(c->latches, task);
}

struct dm_err *
sched_check_latch(const struct sched_core *c, const char *task, const char *op)
{
	if (g_hash_table_contains(c->latches, task))
		return dm_err_new(SCHEDULER_LATCH_IN_USE, op, task);
	return sched_ready(c);
}

/* Sources -> their ids, in place. */
static GPtrArray *
ids(GPtrArray *sources)
{
	for (guint i = 0; i < sources->len; i++) {
		struct sched_source *src = sources->pdata[i];

		sources->pdata[i] = src->id;
	}
	return sources;
}

static struct dm_err *
exist_error(const char *task, const GPtrArray *names)
{
	g_autofree char *text = sched_list_text(names);

	return dm_err_new(SCHEDULER_SUB_TASK_EXIST, task, text);
}

struct dm_err *
sched_task_absent(const struct sched_core *c, const char *task)
{
	g_autoptr(GPtrArray) have = ids(sched_task_sources(c, task));

	return have->len == 0 ? NULL : exist_error(task, have);
}

/* The sources that get a new subtask. */
static struct dm_err *
sources_to_start(
    const struct sched_core *c, const struct sched_start *s, GPtrArray *out)
{
	g_autoptr(GPtrArray) unbound = g_ptr_array_new();
	g_autofree char *text = NULL;

	for (guint i = 0; i < s->sources->len; i++) {
		const char *id = g_ptr_array_index(s->sources, i);
		struct sched_source *src = sched_source_get(c, id);

		if (src == NULL)
			return dm_err_set_class(
			    dm_err_new(CONFIG_SOURCE_ID_NOT_FOUND, id),
			    "dm-master");
		if (sched_subtask_get(src, s->task) != NULL)
			continue;
		if (src->worker == NULL)
			g_ptr_array_add(unbound, src->id);
		g_ptr_array_add(out, src);
	}
	if (out->len == 0)
		return exist_error(s->task, s->sources);
	if (unbound->len == 0)
		return sched_check_sizes(out, s->task, s->yaml);
	text = sched_list_text(unbound);
	return dm_err_new(SCHEDULER_SOURCES_UNBOUND, text);
}

/* SUBTASK_OPS changes: a source has all of a subtask or nothing of it. */
static void
batch_subtask(struct dm_ha_batch *b, const struct sched_source *src,
    const struct sched_subtask *st)
{
	struct dm_ha_item item = { .kind = DM_HA_SUBTASK,
		.first = src->id,
		.second = st->task,
		.text = st->yaml };
	struct dm_ha_item stage = { .kind = DM_HA_STAGE,
		.first = src->id,
		.second = st->task,
		.number = st->stage };
	struct dm_ha_item args = { .kind = DM_HA_CLI_ARGS,
		.first = st->task,
		.second = src->id,
		.text = st->start_time };

	dm_ha_batch_put(b, &item);
	dm_ha_batch_put(b, &stage);
	if (*st->start_time != '\0')
		dm_ha_batch_put(b, &args);
	else
		dm_ha_batch_delete(b, DM_HA_CLI_ARGS, st->task, src->id);
}

struct dm_err *
sched_task_start(struct sched_core *c, const struct sched_start *s)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	g_autoptr(GPtrArray) sources = g_ptr_array_new();
	struct sched_subtask proto = { .stage = PB__STAGE__Running };
	g_autofree int64_t *revs = NULL;
	struct dm_err *err;

	err = sched_check_latch(c, s->task, "AddSubTasks");
	if (err == NULL)
		err = sources_to_start(c, s, sources);
	if (err != NULL)
		return err;
	proto.task = g_strdup(s->task);
	proto.yaml = g_strdup(s->yaml);
	proto.start_time = g_strdup(s->start_time);
	for (guint i = 0; i < sources->len; i++)
		batch_subtask(b, g_ptr_array_index(sources, i), &proto);
	revs = g_new0(int64_t, sources->len);
	err = sched_commit_parts(c, b, SUBTASK_OPS, revs);
	for (guint i = 0; err == NULL && i < sources->len; i++) {
		struct sched_source *src = g_ptr_array_index(sources, i);
		struct sched_subtask *st =
		    sched_subtask_new(src, s->task, s->yaml, s->start_time);

		st->stage = PB__STAGE__Running;
		st->adopt = s->adopt;
		st->revision = revs[i];
	}
	if (err == NULL)
		sched_push_all(c, sources);
	g_free(proto.task);
	g_free(proto.yaml);
	g_free(proto.start_time);
	return err;
}

/* The sources an operation on a task concerns. */
static struct dm_err *
task_scope(const struct sched_core *c, const char *task, const GPtrArray *names,
    GPtrArray **out)
{
	g_autoptr(GPtrArray) all = sched_task_sources(c, task);
	g_autoptr(GPtrArray) some = g_ptr_array_new();
	g_autoptr(GPtrArray) missing = g_ptr_array_new();

	if (all->len == 0)
		return dm_err_new(SCHEDULER_SUB_TASK_OP_TASK_NOT_EXIST, task);
	for (guint i = 0; i < names->len; i++) {
		char *id = g_ptr_array_index(names, i);
		struct sched_source *src = sched_source_get(c, id);

		if (src == NULL || sched_subtask_get(src, task) == NULL)
			g_ptr_array_add(missing, id);
		else if (!g_ptr_array_find(some, src, NULL))
			g_ptr_array_add(some, src);
	}
	if (missing->len > 0) {
		g_autofree char *text = sched_list_text(missing);

		return dm_err_new(SCHEDULER_SUB_TASK_OP_SOURCE_NOT_EXIST, text);
	}
	*out = names->len == 0 ? g_steal_pointer(&all) : g_steal_pointer(&some);
	return NULL;
}

struct dm_err *
sched_task_stage(struct sched_core *c, const char *task,
    const GPtrArray *sources, Pb__Stage stage)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	g_autoptr(GPtrArray) scope = NULL;
	g_autofree int64_t *revs = NULL;
	struct dm_err *err;

	err = sched_check_latch(c, task, "UpdateExpectSubTaskStage");
	if (err == NULL)
		err = task_scope(c, task, sources, &scope);
	if (err != NULL)
		return err;
	for (guint i = 0; i < scope->len; i++) {
		const struct sched_source *src = g_ptr_array_index(scope, i);
		struct sched_subtask *st = sched_subtask_get(src, task);
		struct dm_ha_item item = { .kind = DM_HA_STAGE,
			.first = src->id,
			.second = st->task,
			.number = stage };

		dm_ha_batch_put(b, &item);
	}
	revs = g_new0(int64_t, scope->len);
	err = sched_commit_parts(c, b, 1, revs);
	if (err != NULL)
		return err;
	for (guint i = 0; i < scope->len; i++) {
		struct sched_source *src = g_ptr_array_index(scope, i);
		struct sched_subtask *st = sched_subtask_get(src, task);

		st->stage = stage;
		st->revision = revs[i];
	}
	sched_push_all(c, scope);
	return NULL;
}

struct dm_err *
sched_task_delete(
    struct sched_core *c, const char *task, const GPtrArray *sources)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	g_autoptr(GPtrArray) scope = NULL;
	struct dm_err *err;

	err = sched_check_latch(c, task, "RemoveSubTasks");
	if (err == NULL)
		err = task_scope(c, task, sources, &scope);
	if (err != NULL)
		return err;
	dm_assert(scope != NULL);
	for (guint i = 0; i < scope->len; i++) {
		const struct sched_source *src = g_ptr_array_index(scope, i);

		dm_ha_batch_delete(b, DM_HA_SUBTASK, src->id, task);
		dm_ha_batch_delete(b, DM_HA_STAGE, src->id, task);
		dm_ha_batch_delete(b, DM_HA_CLI_ARGS, task, src->id);
	}
	err = sched_commit_parts(c, b, SUBTASK_OPS, NULL);
	if (err != NULL)
		return err;
	for (guint i = 0; i < scope->len; i++) {
		const struct sched_source *src = g_ptr_array_index(scope, i);

		g_hash_table_remove(src->subtasks, task);
	}
	sched_push_all(c, scope);
	return NULL;
}
