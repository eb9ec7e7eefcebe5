/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unit that copies the tables of a source into the target.
 *
 * The subtask calls run() on a thread of its own, which prepares the copy,
 * starts the lanes and waits for them; status() comes from any thread.
 * DESIGN: all progress is in the target's meta, so every run begins by reading
 * it and goes on under a new snapshot. A lost snapshot is met the same way,
 * within one run.
 */
#include "lib/log/log.h"
#include "worker/copy/copy_internal.h"

#include <string.h>

/* New snapshots in a row without any table finished in between. */
#define SNAPSHOTS_MAX     3
#define SNAPSHOT_PAUSE_MS 2000

/* Server errors that mean: the source's table is no longer as it was. */
static const unsigned changed_errors[] = { ER_TABLE_DEF_CHANGED_,
	ER_NO_SUCH_TABLE_, ER_BAD_DB_, 1054 /* no such column */,
	1176 /* no such key */ };

bool
copy_needs_snapshot(const struct dm_err *err, struct dm_sql_conn *conn)
{
	unsigned no = dm_sql_last_errno(conn);

	for (size_t i = 0; i < DM_ARRAY_SIZE(changed_errors); i++)
		if (no == changed_errors[i])
			return true;
	return dm_err_is(err, DB_BAD_CONN);
}

/* ---- one run ---- */

/* Rows that a table of somebody else's may hold already. */
static void
choose_replace(struct copy_run *r)
{
	const char *how = r->env->inst->loader.on_duplicate_logical;
	bool replace =
	    how == NULL || how[0] == '\0' || strcmp(how, "replace") == 0;

	for (guint i = 0; i < r->tables->len; i++) {
		struct copy_table *t = r->tables->pdata[i];

		if (!t->meta->created && replace)
			t->replace = true;
	}
}

/* A snapshot, and the plan under it. sync_from: where replication starts. */
static struct dm_err *
prepare(struct copy_run *r, enum meta_phase phase, struct dm_pos *sync_from,
    char **gtid)
{
	struct dm_err *err;

	err = copy_open_snapshot(r);
	if (err != NULL)
		return err;
	if (phase == META_PHASE_NONE) {
		err = copy_plan_new(r);
		*sync_from = r->pos;
		g_free(*gtid);
		*gtid = g_strdup(r->gtid);
	} else {
		err = copy_plan_resume(r);
	}
	if (err != NULL)
		return err;
	copy_set_position(r, sync_from, *gtid);
	copy_set_totals(r);
	choose_replace(r);
	copy_note(r, "creating tables");
	return copy_target_create(r);
}

static struct dm_err *
finish(struct copy_run *r, const struct dm_pos *sync_from, const char *gtid)
{
	struct dm_err *err = copy_target_control(r);

	if (err == NULL)
		err = copy_target_create_views(r);
	if (err == NULL)
		err = meta_save_phase(
		    r->meta, r->dst, META_PHASE_SYNC, sync_from, gtid);
	return err;
}

static struct dm_err *
run_phases(struct copy_run *r)
{
	g_autofree char *gtid = NULL;
	struct dm_pos sync_from;
	enum meta_phase phase = META_PHASE_NONE;
	struct dm_err *err;

	err = copy_open_rules(r);
	if (err == NULL)
		err = copy_target_control(r);
	if (err == NULL)
		err = copy_learn_binlog_format(r);
	if (err == NULL)
		err = meta_ensure_tables(r->meta, r->dst);
	if (err == NULL)
		err = meta_take_over(r->meta, r->dst, r->cancel);
	if (err == NULL) /* it creates and drops tables: no fence holds that */
		err = meta_record_conn(r->meta, r->dst);
	if (err == NULL)
		err =
		    meta_load_phase(r->meta, r->dst, &phase, &sync_from, &gtid);
	if (err == NULL)
		err = copy_check_phase(r, phase);
	if (err == NULL && meta_phase_is_copied(phase))
		return copy_load_result(r, &sync_from, gtid);
	if (err == NULL)
		err = prepare(r, phase, &sync_from, &gtid);
	if (err != NULL)
		return err;
	copy_note(r, "copying with %u readers%s", r->readers->len,
	    r->readers->len == 1 ? " (a busy source, or no right to FLUSH "
				   "TABLES WITH READ LOCK)"
				 : "");
	copy_throttle_start(r, true, true);
	err = copy_lanes_run(r);
	copy_throttle_stop(r);
	if (err == NULL)
		err = dm_cancel_check(r->cancel);
	if (err == NULL)
		err = copy_verify_result(r);
	if (err == NULL) {
		copy_note(r, "%s", "");
		err = finish(r, &sync_from, gtid);
	}
	if (err == NULL)
		copy_set_done(r);
	return err;
}

/* *again: the snapshot was lost, a new one may do. */
static struct dm_err *
run_once(struct copy_unit *u, struct dm_cancel *c, bool *again)
{
	struct copy_run r;
	struct dm_err *err;

	copy_init_run(&r, u, META_PHASE_COPY, c);
	err = run_phases(&r);
	*again = err != NULL && r.source_lost;
	copy_close_run(&r);
	return err;
}

static uint64_t
tables_done(struct copy_unit *u)
{
	uint64_t n;

	dm_mutex_lock(&u->mu);
	n = u->tables_done;
	dm_mutex_unlock(&u->mu);
	return n;
}

static struct dm_err *
copy_run(struct unit *unit, struct dm_cancel *c)
{
	struct copy_unit *u = (struct copy_unit *)unit;
	struct dm_err *err;

	for (int lost = 0;; lost++) {
		uint64_t before = tables_done(u);
		bool again;

		err = run_once(u, c, &again);
		if (tables_done(u) > before)
			lost = 0;
		if (err == NULL || !again || lost + 1 >= SNAPSHOTS_MAX ||
		    dm_canceled(c))
			break;
		dm_warn("the snapshot of the source is lost: going on in a "
			"new one",
		    dm_kstr("task", u->env->task->name), dm_kerr(err));
		dm_err_free(err); /* told above */
		err = dm_cancel_sleep_ms(c, SNAPSHOT_PAUSE_MS);
		if (err != NULL)
			break;
	}
	return copy_outcome(err, c);
}

static const struct unit_ops copy_ops = {
	.type = PB__UNIT_TYPE__Load,
	.run = copy_run,
	.status = copy_status,
	.free = copy_free_unit,
};

struct unit *
copy_unit_new(const struct unit_env *env)
{
	struct copy_unit *u = g_new0(struct copy_unit, 1);

	copy_init_unit(u, &copy_ops, env);
	return &u->unit;
}
