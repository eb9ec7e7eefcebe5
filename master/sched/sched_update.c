/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other configurations for sources and tasks that exist already.
 *
 * DESIGN. Nothing that runs is changed: what is expected to run, or is reported
 * to run, refuses. A worker begins anew with the new text - a source under a
 * new epoch, a subtask as a new one that waits in the stage that is expected.
 * SOURCE: control-plane reference 1.9 (CheckSubtasksCanUpdate), 3.7 (PUT).
 * Differs: DM's own UpdateTask and `operate-source update` change nothing.
 */
#include "lib/config/task.h"
#include "master/sched/sched_core.h"

#include <string.h>

static bool
runs(const struct sched_source *src, const struct sched_subtask *st)
{
	const Pb__SubTaskStatus *s = sched_reported(src, st->task);

	return st->stage == PB__STAGE__Running ||
	       (s != NULL && s->stage != PB__STAGE__Paused &&
		   s->stage != PB__STAGE__Stopped &&
		   s->stage != PB__STAGE__Finished);
}

/* ---- sources ---- */

static struct dm_err *
check_source(const struct sched_source *src)
{
	g_autoptr(GPtrArray) tasks = sched_subtasks_sorted(src);

	if (src->by_source || src->relays->len > 0)
		return dm_err_new(SCHEDULER_SOURCE_CFG_UPDATE, src->id);
	for (guint i = 0; i < tasks->len; i++)
		if (runs(src, g_ptr_array_index(tasks, i)))
			return dm_err_new(SCHEDULER_SOURCE_CFG_UPDATE, src->id);
	return NULL;
}

struct dm_err *
sched_source_update(struct sched_core *c, const char *id, const char *yaml)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	struct sched_source *src = sched_source_get(c, id);
	struct dm_ha_item item = { .kind = DM_HA_SOURCE };
	struct dm_err *err = sched_ready(c);

	if (err != NULL)
		return err;
	if (src == NULL)
		return dm_err_new(SCHEDULER_SOURCE_CFG_NOT_EXIST, id);
	if (strcmp(src->yaml, yaml) == 0)
		return NULL;
	err = check_source(src);
	if (err == NULL && strlen(yaml) > strlen(src->yaml))
		err = sched_check_growth(
		    src->worker, strlen(yaml) - strlen(src->yaml));
	if (err != NULL)
		return err;
	item.first = src->id;
	item.text = g_strdup(yaml);
	dm_ha_batch_put(b, &item);
	if (sched_source_relays(item.text))
		sched_batch_relay_stage(b, src->id, PB__STAGE__Running);
	if (src->worker != NULL)
		sched_batch_bind(b, src->worker, src->id);
	err = sched_commit(c, b);
	if (err != NULL) {
		g_free(item.text);
		return err;
	}
	sched_source_set_yaml(src, item.text);
	if (src->by_source) {
		src->relay_stage = PB__STAGE__Running;
		src->relay_revision = c->revision;
	}
	if (src->worker == NULL)
		return NULL;
	sched_attach(c, src, src->worker, c->revision);
	sched_push(c, src->worker);
	return NULL;
}

/* ---- tasks ---- */

/* Without what may be changed; only this source's part. New string. */
static struct dm_err *
fixed_part(const char *yaml, const char *source, char **text)
{
	const char *only[] = { source, NULL };
	DM_AUTO(dm_task_cfg) cfg = NULL;
	struct dm_instance_cfg *inst;
	struct dm_err *err = dm_task_cfg_parse("task.yaml", yaml, &cfg);

	if (err != NULL)
		return dm_err_set_class(err, "dm-master");
	inst = dm_task_cfg_instance(cfg, source);
	if (inst == NULL)
		return dm_err_set_class(
		    dm_err_new(CONFIG_SOURCE_ID_NOT_FOUND, source),
		    "dm-master");
	g_array_set_size(inst->route_rules, 0);
	g_array_set_size(inst->filter_rules, 0);
	inst->block_allow = NULL;
	inst->syncer.worker_count = 0;
	inst->syncer.batch = 0;
	inst->syncer.queue_size = 0;
	inst->syncer.checkpoint_flush_interval_s = 0;
	inst->syncer.compact = inst->syncer.multiple_rows = false;
	inst->syncer.safe_mode = inst->syncer.strict = false;
	g_free(inst->syncer.safe_mode_duration);
	inst->syncer.safe_mode_duration = g_strdup("");
	*text = dm_task_cfg_yaml(cfg, only, false);
	return NULL;
}

static const char *
unit_name(const Pb__SubTaskStatus *s)
{
	const ProtobufCEnumValue *v;

	if (s == NULL)
		return "not known yet";
	v = protobuf_c_enum_descriptor_get_value(
	    &pb__unit_type__descriptor, (int)s->unit);
	return v == NULL ? "not known yet" : v->name;
}

static struct dm_err *
check_subtask(const struct sched_source *src, const struct sched_subtask *st,
    const char *yaml)
{
	const Pb__SubTaskStatus *s = sched_reported(src, st->task);
	g_autofree char *before = NULL, *after = NULL;
	struct dm_err *err;

	if (runs(src, st))
		return dm_err_new(
		    SCHEDULER_SUB_TASK_CFG_UPDATE, st->task, src->id);
	if (src->worker == NULL)
		return dm_err_new(SCHEDULER_SOURCES_UNBOUND, src->id);
	err = fixed_part(st->yaml, src->id, &before);
	if (err == NULL)
		err = fixed_part(yaml, src->id, &after);
	if (err != NULL)
		return err;
	if (s == NULL || s->unit != PB__UNIT_TYPE__Sync ||
	    g_strcmp0(before, after) != 0)
		return dm_err_new(
		    WORKER_UPDATE_SUB_TASK_CONFIG, st->task, unit_name(s));
	return NULL;
}

/* The subtasks to be changed, as their sources; all or an error. */
static struct dm_err *
sources_to_update(
    const struct sched_core *c, const struct sched_start *s, GPtrArray *out)
{
	g_autoptr(GPtrArray) all = sched_task_sources(c, s->task);
	g_autoptr(GPtrArray) missing = g_ptr_array_new();
	g_autofree char *text = NULL;

	if (all->len == 0)
		return dm_err_new(SCHEDULER_TASK_NOT_EXIST, s->task);
	for (guint i = 0; i < s->sources->len; i++) {
		char *id = g_ptr_array_index(s->sources, i);
		struct sched_source *src = sched_source_get(c, id);
		struct sched_subtask *st =
		    src == NULL ? NULL : sched_subtask_get(src, s->task);
		struct dm_err *err;

		if (st == NULL) {
			g_ptr_array_add(missing, id);
			continue;
		}
		if (strcmp(st->yaml, s->yaml) == 0)
			continue;
		err = check_subtask(src, st, s->yaml);
		if (err != NULL)
			return err;
		g_ptr_array_add(out, src);
	}
	if (missing->len == 0)
		return sched_check_sizes(out, s->task, s->yaml);
	text = sched_list_text(missing);
	return dm_err_new(SCHEDULER_SUB_TASK_NOT_EXIST, s->task, text);
}

struct dm_err *
sched_task_update(struct sched_core *c, const struct sched_start *s)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	g_autoptr(GPtrArray) sources = g_ptr_array_new();
	g_autofree char *yaml = g_strdup(s->yaml);
	struct dm_err *err;

	err = sched_check_latch(c, s->task, "UpdateSubTasks");
	if (err == NULL)
		err = sources_to_update(c, s, sources);
	if (err != NULL)
		return err;
	for (guint i = 0; i < sources->len; i++) {
		const struct sched_source *src = g_ptr_array_index(sources, i);
		struct dm_ha_item item = { .kind = DM_HA_SUBTASK,
			.first = src->id,
			.second = sched_subtask_get(src, s->task)->task,
			.text = yaml };

		dm_ha_batch_put(b, &item);
	}
	err = sched_commit_parts(c, b, 1, NULL);
	for (guint i = 0; err == NULL && i < sources->len; i++) {
		struct sched_source *src = g_ptr_array_index(sources, i);
		struct sched_subtask *st = sched_subtask_get(src, s->task);

		g_free(st->yaml);
		st->yaml = g_strdup(s->yaml);
	}
	if (err == NULL)
		sched_push_all(c, sources);
	return err;
}
