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
#include "lib/filter/block_allow.h"
#include "lib/log/log.h"
#include "lib/route/route.h"
#include "worker/copy/copy_internal.h"
#include "worker/meta_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* New snapshots in a row without any table finished in between. */
#define SNAPSHOTS_MAX     3
#define SNAPSHOT_PAUSE_MS 2000
/* Snapshots between which some structure changed. */
#define STRUCTURES_TRIES 5
/* Speed is measured over at least this. */
#define SAMPLE_MS 2000

/* Server errors that mean: the source's table is no longer as it was. */
static const unsigned changed_errors[] = { ER_TABLE_DEF_CHANGED_,
	ER_NO_SUCH_TABLE_, ER_BAD_DB_, 1054 /* no such column */,
	1176 /* no such key */ };

void
copy_note(struct copy_run *r, const char *fmt, ...)
{
	struct copy_unit *u = r->unit;
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	dm_mutex_lock(&u->mu);
	g_free(u->note);
	u->note = text;
	dm_mutex_unlock(&u->mu);
}

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

static struct dm_err *
open_rules(struct copy_run *r)
{
	const struct unit_env *env = r->env;
	struct dm_err *err;
	size_t n;

	err = dm_block_allow_new(
	    env->inst->block_allow, env->task->case_sensitive, &r->filter);
	if (err != NULL)
		return err;
	r->routes = dm_instance_routes(env->task, env->inst, &n);
	return dm_router_new(
	    r->routes, n, env->task->case_sensitive, &r->router);
}

static struct dm_err *
learn_binlog_format(struct copy_run *r)
{
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more;

	err =
	    dm_sql_queryf(r->dst, &res, "SHOW VARIABLES LIKE 'binlog_format'");
	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err == NULL && more)
		r->statement_binlog =
		    g_ascii_strcasecmp(meta_cell(&row, 1), "STATEMENT") == 0;
	return err;
}

static void
set_position(struct copy_run *r, const struct dm_pos *pos, const char *gtid)
{
	struct copy_unit *u = r->unit;

	dm_mutex_lock(&u->mu);
	u->pos = *pos;
	g_free(u->gtid);
	u->gtid = g_strdup(gtid);
	dm_mutex_unlock(&u->mu);
}

/* Start the counters from what the plan says. */
static void
set_totals(struct copy_run *r)
{
	struct copy_unit *u = r->unit;
	uint64_t bytes = 0, rows = 0;

	dm_mutex_lock(&u->mu);
	u->total_bytes = u->total_rows = 0;
	u->tables = r->tables->len;
	u->tables_done = 0;
	for (guint i = 0; i < r->tables->len; i++) {
		const struct meta_table *m =
		    ((struct copy_table *)r->tables->pdata[i])->meta;
		bool done = m->state == META_TABLE_DONE;

		bytes += m->bytes;
		rows += m->rows;
		u->total_bytes += done ? m->bytes : m->est_bytes;
		u->total_rows += done ? m->rows : m->est_rows;
		u->tables_done += done ? 1 : 0;
	}
	atomic_store(&u->bytes, bytes);
	atomic_store(&u->rows, rows);
	u->older = (struct copy_sample){ dm_mono_now(), bytes, rows };
	u->newer = u->older;
	dm_mutex_unlock(&u->mu);
}

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

/* A snapshot, and the structures that tables have in it. */
static struct dm_err *
open_snapshot(struct copy_run *r)
{
	g_autofree char *before = NULL;
	struct dm_err *err = copy_source_connect(r);

	copy_note(r, "reading the structures of the source");
	if (err == NULL) {
		r->dialect = dm_dialect_of(dm_sql_server_version(r->src),
		    dm_sql_server_version(r->dst));
		err = copy_plan_list(r, &before);
	}
	for (int i = 0; err == NULL && i < STRUCTURES_TRIES; i++) {
		char *after;

		copy_note(r, "taking a snapshot of %u tables", r->tables->len);
		err = copy_source_snapshot(r);
		if (err == NULL)
			err = copy_plan_list(r, &after);
		if (err != NULL)
			return err;
		if (strcmp(before, after) == 0) {
			g_free(after);
			return NULL;
		}
		g_free(before);
		before = after;
	}
	return err != NULL
		   ? err
		   : dm_err_set_workaround(
			 dm_err_plain(
			     "the structures of the source's tables changed "
			     "each time a snapshot was taken"),
			 "hold DDL off at the source for a moment, then "
			 "`resume-task`");
}

/* A snapshot, and the plan under it. sync_from: where replication starts. */
static struct dm_err *
prepare(struct copy_run *r, enum meta_phase phase, struct dm_pos *sync_from,
    char **gtid)
{
	struct dm_err *err;

	err = open_snapshot(r);
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
	set_position(r, sync_from, *gtid);
	set_totals(r);
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

static void
set_done(struct copy_run *r)
{
	struct copy_unit *u = r->unit;

	dm_mutex_lock(&u->mu);
	u->done = true;
	u->total_bytes = atomic_load(&u->bytes);
	u->total_rows = atomic_load(&u->rows);
	dm_mutex_unlock(&u->mu);
}

/* What an earlier run copied, for the status. */
static struct dm_err *
load_result(struct copy_run *r, const struct dm_pos *pos, const char *gtid)
{
	g_autofree char *name = meta_table_name(r->meta, "dm_table");
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more;

	err = dm_sql_queryf(r->dst, &res,
	    "SELECT COUNT(*), SUM(row_count), SUM(byte_count) FROM %s "
	    "WHERE %s",
	    name, r->meta->key);
	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err != NULL || !more)
		return err;
	r->unit->tables = meta_cell_u64(&row, 0);
	r->unit->tables_done = r->unit->tables;
	atomic_store(&r->unit->rows, meta_cell_u64(&row, 1));
	atomic_store(&r->unit->bytes, meta_cell_u64(&row, 2));
	set_position(r, pos, gtid);
	set_done(r);
	return NULL;
}

static struct dm_err *
run_phases(struct copy_run *r)
{
	g_autofree char *gtid = NULL;
	struct dm_pos sync_from;
	enum meta_phase phase;
	struct dm_err *err;

	err = open_rules(r);
	if (err == NULL)
		err = copy_target_control(r);
	if (err == NULL)
		err = learn_binlog_format(r);
	if (err == NULL)
		err = meta_ensure_tables(r->meta, r->dst);
	if (err == NULL)
		err = meta_take_over(r->meta, r->dst, r->cancel);
	if (err == NULL) /* it creates and drops tables: no fence holds that */
		err = meta_record_conn(r->meta, r->dst);
	if (err == NULL)
		err =
		    meta_load_phase(r->meta, r->dst, &phase, &sync_from, &gtid);
	if (err == NULL && phase == META_PHASE_SYNC)
		return load_result(r, &sync_from, gtid);
	if (err == NULL)
		err = prepare(r, phase, &sync_from, &gtid);
	if (err != NULL)
		return err;
	copy_note(r, "copying with %u readers%s", r->readers->len,
	    r->readers->len == 1 ? " (a busy source, or no right to FLUSH "
				   "TABLES WITH READ LOCK)"
				 : "");
	err = copy_lanes_run(r);
	if (err == NULL)
		err = dm_cancel_check(r->cancel);
	if (err == NULL) {
		copy_note(r, "%s", "");
		err = finish(r, &sync_from, gtid);
	}
	if (err == NULL)
		set_done(r);
	return err;
}

static void
close_run(struct copy_run *r)
{
	dm_cancel_unwatch(r->cancel, &r->src_watch);
	dm_cancel_unwatch(r->cancel, &r->dst_watch);
	g_clear_pointer(&r->readers, g_ptr_array_unref);
	dm_sql_conn_free(r->src);
	dm_sql_conn_free(r->dst);
	g_clear_pointer(&r->tables, g_ptr_array_unref);
	g_clear_pointer(&r->databases, g_ptr_array_unref);
	g_clear_pointer(&r->objects, g_ptr_array_unref);
	dm_router_free(r->router);
	g_free(r->routes);
	dm_block_allow_free(r->filter);
	g_free(r->gtid);
	meta_free(r->meta);
	dm_err_free(r->err);
	pthread_cond_destroy(&r->cond);
	dm_mutex_fini(&r->mu);
	dm_cancel_free(r->cancel);
}

/* *again: the snapshot was lost, a new one may do. */
static struct dm_err *
run_once(struct copy_unit *u, struct dm_cancel *c, bool *again)
{
	struct copy_run r = { .unit = u, .env = u->env };
	struct dm_err *err;

	r.cancel = dm_cancel_new(c);
	r.meta = meta_new(u->env);
	dm_mutex_init(&r.mu, 20);
	dm_cond_init(&r.cond);
	err = run_phases(&r);
	*again = err != NULL && r.source_lost;
	close_run(&r);
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
	if (err != NULL && dm_canceled(c) && !dm_err_is_canceled(err)) {
		dm_err_free(err); /* of a socket we shut down ourselves */
		err = dm_err_canceled();
	}
	return err;
}

/* ---- status ---- */

/* Moves the samples on; the older one is what speeds are measured from. */
static void
sample_locked(struct copy_unit *u, uint64_t bytes, uint64_t rows)
{
	struct dm_mono now = dm_mono_now();

	dm_mutex_assert_held(&u->mu);
	if (dm_mono_diff_ms(now, u->newer.at) < SAMPLE_MS)
		return;
	u->older = u->newer;
	u->newer = (struct copy_sample){ now, bytes, rows };
}

static int64_t
per_second(uint64_t now, uint64_t before, int64_t ms)
{
	return now <= before || ms <= 0
		   ? 0
		   : (int64_t)((now - before) * 1000 / (uint64_t)ms);
}

static void
fill_speed_locked(struct copy_unit *u, Pb__LoadStatus *s)
{
	int64_t ms, left = s->totalbytes - s->finishedbytes;

	ms = dm_mono_diff_ms(dm_mono_now(), u->older.at);
	s->bps = per_second((uint64_t)s->finishedbytes, u->older.bytes, ms);
	s->rowspersecond =
	    per_second((uint64_t)s->finishedrows, u->older.rows, ms);
	s->etaseconds = s->bps > 0 ? left / s->bps : -1;
	if (u->done) {
		s->bps = s->rowspersecond = 0;
		s->etaseconds = 0;
	}
}

static char *
progress_text(const struct copy_unit *u, const Pb__LoadStatus *s)
{
	double part = s->totalbytes <= 0 ? 0.0
					 : 100.0 * (double)s->finishedbytes /
					       (double)s->totalbytes;
	char text[32];

	if (u->done)
		part = 100.0;
	else if (part > 99.99)
		part = 99.99; /* rounding must not say it is done */
	snprintf(text, sizeof(text), "%.2f %%", part);
	return strdup(text);
}

static void
copy_status(struct unit *unit, Pb__SubTaskStatus *st)
{
	struct copy_unit *u = (struct copy_unit *)unit;
	Pb__LoadStatus *s = malloc(sizeof(*s));
	uint64_t bytes = atomic_load(&u->bytes), rows = atomic_load(&u->rows);
	g_autofree char *pos = NULL;

	dm_assert(s != NULL);
	pb__load_status__init(s);
	dm_mutex_lock(&u->mu);
	sample_locked(u, bytes, rows);
	pos = dm_pos_text(&u->pos);
	s->finishedbytes = (int64_t)bytes;
	s->totalbytes = (int64_t)MAX(u->total_bytes, bytes);
	s->finishedrows = (int64_t)rows;
	s->totalrows = (int64_t)MAX(u->total_rows, rows);
	s->finishedtables = (int64_t)u->tables_done;
	s->totaltables = (int64_t)u->tables;
	s->progress = progress_text(u, s);
	s->metabinlog = strdup(pos);
	s->metabinloggtid = strdup(u->gtid == NULL ? "" : u->gtid);
	s->note = strdup(u->note == NULL ? "" : u->note);
	fill_speed_locked(u, s);
	dm_mutex_unlock(&u->mu);
	st->status_case = PB__SUB_TASK_STATUS__STATUS_LOAD;
	st->load = s;
}

static void
copy_free(struct unit *unit)
{
	struct copy_unit *u = (struct copy_unit *)unit;

	if (u == NULL)
		return;
	dm_mutex_fini(&u->mu);
	g_free(u->gtid);
	g_free(u->note);
	g_free(u);
}

static const struct unit_ops copy_ops = {
	.type = PB__UNIT_TYPE__Load,
	.run = copy_run,
	.status = copy_status,
	.free = copy_free,
};

struct unit *
copy_unit_new(const struct unit_env *env)
{
	struct copy_unit *u = g_new0(struct copy_unit, 1);

	u->unit.ops = &copy_ops;
	u->env = env;
	dm_mutex_init(&u->mu, 30);
	u->older.at = dm_mono_now();
	u->newer = u->older;
	return &u->unit;
}
