/* SPDX-License-Identifier: Apache-2.0 */
/* Places that tasks need: see relay_needs.h. */
#include "worker/relay_needs.h"

#include "lib/config/secret.h"
#include "lib/log/log.h"
#include "worker/sync/lane_meta.h"
#include "worker/sync/origin.h"

#define WAIT_S 3

/* The lane that is furthest back. */
static struct dm_err *
lowest_lane(struct meta *m, struct dm_sql_conn *conn, struct dm_pos *at)
{
	g_autoptr(GArray) marks = NULL;
	g_autofree char *map = NULL;
	struct dm_err *err = lane_meta_load(m, conn, &marks, &map);

	for (guint i = 0; err == NULL && i < marks->len; i++) {
		const struct dm_pos *done =
		    &g_array_index(marks, struct lane_mark, i).done;

		if (i == 0 || dm_pos_cmp(done, at) < 0)
			*at = *done;
	}
	return err;
}

static struct dm_err *
from_target(struct meta *m, struct dm_sql_conn *conn, struct relay_need *n,
    enum meta_phase *phase)
{
	struct origin o = { 0 };
	struct dm_pos saved;
	struct dm_err *err = meta_load_phase(m, conn, phase, &n->pos, &n->gtid);

	if (err != NULL || *phase == META_PHASE_NONE)
		return err;
	if (*phase == META_PHASE_SYNC) {
		err = lowest_lane(m, conn, &n->pos);
		if (err == NULL) {
			g_clear_pointer(&n->gtid, g_free);
			err = lane_meta_load_dm_checkpoint(
			    m, conn, &saved, &n->gtid);
		}
	}
	if (err == NULL && *phase != META_PHASE_ORIGINAL)
		err = origin_load(m, conn, &o);
	if (err == NULL)
		n->server = DM_TAKE(o.server);
	origin_fini(&o);
	return err;
}

static struct dm_err *
ask(const struct unit_env *env, struct relay_need *n, struct dm_cancel *c)
{
	struct dm_sql_params p =
	    dm_db_cfg_params(&env->task->target, DM_SCOPE_DOWNSTREAM);
	DM_AUTO(dm_sql_conn) conn = NULL;
	struct meta *m;
	enum meta_phase phase = META_PHASE_NONE;
	struct dm_err *err;

	p.read_timeout_s = WAIT_S;
	err = dm_sql_connect(&p, false, c, &conn);
	if (err != NULL)
		return err;
	m = meta_new(env);
	err = from_target(m, conn, n, &phase);
	meta_free(m);
	if (err != NULL)
		return err;
	if (phase != META_PHASE_NONE || !env->inst->has_meta)
		return NULL;
	/* It begins where its file says. */
	n->pos = dm_pos_make(env->inst->meta.binlog_name, 4);
	n->pos = dm_pos_plain(&n->pos);
	g_free(n->gtid);
	n->gtid = g_strdup(env->inst->meta.binlog_gtid);
	return NULL;
}

static struct dm_err *
add_one(GPtrArray *needs, const Dm__V1__SubTaskAssignment *a,
    const struct dm_keys *keys, const struct dm_source_cfg *source,
    struct dm_cancel *c)
{
	DM_AUTO(dm_task_cfg) task = NULL;
	struct unit_env env = {
		.source = source, .worker = "", .cli_args = a->cliargs
	};
	struct relay_need *n;
	struct dm_err *err = dm_task_cfg_parse("", a->config, &task);

	if (err == NULL)
		err = dm_task_cfg_decrypt(task, keys);
	if (err == NULL)
		err = dm_db_cfg_resolve(&task->target, "target-database");
	if (err != NULL)
		return err;
	env.task = task;
	env.inst = dm_task_cfg_instance(task, source->source_id);
	if (env.inst == NULL)
		return NULL;
	n = g_new0(struct relay_need, 1);
	err = ask(&env, n, c);
	if (n->gtid == NULL)
		n->gtid = g_strdup("");
	if (n->server == NULL)
		n->server = g_strdup("");
	if (err == NULL)
		g_ptr_array_add(needs, n);
	else
		relay_need_free(n);
	return err;
}

bool
relay_needs_add(GPtrArray *needs, const Dm__V1__SourceAssignment *a,
    const struct dm_keys *keys, const struct dm_source_cfg *source,
    struct dm_cancel *c)
{
	bool all = true;

	for (size_t i = 0; i < a->n_subtasks; i++) {
		struct dm_err *err =
		    add_one(needs, a->subtasks[i], keys, source, c);

		if (err != NULL)
			dm_warn("the relay log does not know what a task "
				"needs",
			    dm_kstr("task", a->subtasks[i]->task),
			    dm_kstr("source", source->source_id), dm_kerr(err));
		all &= err == NULL;
		dm_err_free(err);
	}
	return all;
}
