/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every unit of the full copy does at the beginning and end of a run, and
 * its status: for the streamed copy, the dump and the load.
 *
 * Called by the subtask's thread; copy_note and copy_status by any.
 */
#include "lib/filter/block_allow.h"
#include "lib/filter/table_filter.h"
#include "lib/route/route.h"
#include "worker/copy/copy_internal.h"
#include "worker/copy/gate.h"
#include "worker/meta_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Snapshots between which some structure changed. */
#define STRUCTURES_TRIES 5
/* Speed is measured over at least this. */
#define SAMPLE_MS 2000

void
copy_init_unit(
    struct copy_unit *u, const struct unit_ops *ops, const struct unit_env *env)
{
	u->unit.ops = ops;
	u->env = env;
	dm_mutex_init(&u->mu, 30);
	u->older.at = dm_mono_now();
	u->newer = u->older;
}

void
copy_free_unit(struct unit *unit)
{
	struct copy_unit *u = (struct copy_unit *)unit;

	if (u == NULL)
		return;
	dm_mutex_fini(&u->mu);
	g_free(u->gtid);
	g_free(u->note);
	g_free(u->throttle);
	g_free(u);
}

void
copy_init_run(struct copy_run *r, struct copy_unit *u, enum meta_phase phase,
    struct dm_cancel *c)
{
	*r = (struct copy_run){ .unit = u, .env = u->env, .phase = phase };
	r->cancel = dm_cancel_new(c);
	r->meta = meta_new(u->env);
	dm_mutex_init(&r->mu, 20);
	dm_cond_init(&r->cond);
	r->referenced =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	copy_throttle_init(r);
}

struct dm_err *
copy_check_phase(const struct copy_run *r, enum meta_phase phase)
{
	if (phase == r->phase || phase == META_PHASE_NONE ||
	    meta_phase_is_copied(phase))
		return NULL;
	return dm_err_set_workaround(
	    dm_err_plain("the full copy of this task was begun %s",
		phase == META_PHASE_LOAD ? "through files" : "as a stream"),
	    "set `copy-mode` (task file) to what it was, or begin anew with "
	    "`start-task --remove-meta`");
}

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

void
copy_show_throttle(struct copy_unit *u, const char *reason)
{
	dm_mutex_lock(&u->mu);
	g_free(u->throttle);
	u->throttle = g_strdup(reason);
	dm_mutex_unlock(&u->mu);
}

struct dm_err *
copy_open_rules(struct copy_run *r)
{
	const struct unit_env *env = r->env;
	bool cs = unit_case_sensitive(env);
	struct dm_err *err;
	size_t n;

	err = dm_block_allow_new(env->inst->block_allow, cs, &r->filter);
	if (err != NULL)
		return err;
	r->routes = dm_instance_routes(env->task, env->inst, &n);
	return dm_router_new(r->routes, n, cs, &r->router);
}

struct dm_err *
copy_learn_binlog_format(struct copy_run *r)
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

void
copy_set_position(
    struct copy_run *r, const struct dm_pos *pos, const char *gtid)
{
	struct copy_unit *u = r->unit;

	dm_mutex_lock(&u->mu);
	u->pos = *pos;
	g_free(u->gtid);
	u->gtid = g_strdup(gtid);
	dm_mutex_unlock(&u->mu);
}

/* Start the counters from what the plan says. */
void
copy_set_totals(struct copy_run *r)
{
	struct copy_unit *u = r->unit;
	uint64_t bytes = 0, rows = 0;

	dm_mutex_lock(&u->mu);
	u->total_bytes = u->total_rows = 0;
	u->tables = r->tables->len;
	u->tables_done = 0;
	u->tables_equal = u->tables_unknown = u->rows_differ = 0;
	for (guint i = 0; i < r->tables->len; i++) {
		const struct meta_table *m =
		    ((struct copy_table *)r->tables->pdata[i])->meta;
		bool done = m->state == META_TABLE_DONE;

		bytes += m->bytes;
		rows += m->rows;
		u->total_bytes += done ? m->bytes : m->est_bytes;
		u->total_rows += done ? m->rows : m->est_rows;
		u->tables_done += done ? 1 : 0;
		/* What an earlier run finished, it compared. */
		if (done && r->env->task->copy.verify) {
			u->tables_equal++;
			atomic_fetch_add(&u->rows_equal, m->rows);
		}
	}
	atomic_store(&u->bytes, bytes);
	atomic_store(&u->rows, rows);
	u->older = (struct copy_sample){ dm_mono_now(), bytes, rows };
	u->newer = u->older;
	dm_mutex_unlock(&u->mu);
}

/* A snapshot, and the structures that tables have in it. */
struct dm_err *
copy_open_snapshot(struct copy_run *r)
{
	g_autofree char *before = NULL;
	struct dm_err *err = copy_source_connect(r);

	copy_note(r, "reading the structures of the source");
	if (err == NULL) {
		if (r->dst != NULL)
			r->dialect =
			    dm_dialect_of(dm_sql_server_version(r->src),
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

void
copy_set_done(struct copy_run *r)
{
	struct copy_unit *u = r->unit;

	dm_mutex_lock(&u->mu);
	u->done = true;
	u->total_bytes = atomic_load(&u->bytes);
	u->total_rows = atomic_load(&u->rows);
	dm_mutex_unlock(&u->mu);
}

/* What an earlier run copied, for the status. */
struct dm_err *
copy_load_result(struct copy_run *r, const struct dm_pos *pos, const char *gtid)
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
	copy_set_position(r, pos, gtid);
	copy_set_done(r);
	return NULL;
}

void
copy_close_run(struct copy_run *r)
{
	copy_throttle_fini(r);
	dm_cancel_unwatch(r->cancel, &r->src_watch);
	dm_cancel_unwatch(r->cancel, &r->dst_watch);
	g_clear_pointer(&r->readers, g_ptr_array_unref);
	dm_sql_conn_free(r->src);
	dm_sql_conn_free(r->dst);
	g_clear_pointer(&r->tables, g_ptr_array_unref);
	g_clear_pointer(&r->databases, g_ptr_array_unref);
	g_clear_pointer(&r->objects, g_ptr_array_unref);
	g_clear_pointer(&r->referenced, g_hash_table_unref);
	dm_router_free(r->router);
	g_free(r->routes);
	dm_block_allow_free(r->filter);
	dm_table_filter_free(r->only);
	g_free(r->gtid);
	meta_free(r->meta);
	dm_err_free(r->err);
	if (r->differences != NULL)
		g_string_free(r->differences, TRUE);
	pthread_cond_destroy(&r->cond);
	dm_mutex_fini(&r->mu);
	dm_cancel_free(r->cancel);
}

struct dm_err *
copy_outcome(struct dm_err *err, struct dm_cancel *c)
{
	if (err == NULL || !dm_canceled(c) || dm_err_is_canceled(err))
		return err;
	dm_err_free(err); /* of a socket we shut down ourselves */
	return dm_err_canceled();
}

void
copy_leave_gate(bool *in_gate, struct dm_sql_conn *reader)
{
	if (!*in_gate)
		return;
	if (reader != NULL)
		dm_sql_trim(reader);
	copy_gate_leave();
	*in_gate = false;
}

/* Moves the samples on; the older one is what speeds are measured from. */
void
copy_sample_locked(struct copy_unit *u, uint64_t bytes, uint64_t rows)
{
	struct dm_mono now = dm_mono_now();

	dm_mutex_assert_held(&u->mu);
	if (dm_mono_diff_ms(now, u->newer.at) < SAMPLE_MS)
		return;
	u->older = u->newer;
	u->newer = (struct copy_sample){ now, bytes, rows };
}

int64_t
copy_per_second(uint64_t now, uint64_t before, int64_t ms)
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
	s->bps =
	    copy_per_second((uint64_t)s->finishedbytes, u->older.bytes, ms);
	s->rowspersecond =
	    copy_per_second((uint64_t)s->finishedrows, u->older.rows, ms);
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

void
copy_status(struct unit *unit, Pb__SubTaskStatus *st)
{
	struct copy_unit *u = (struct copy_unit *)unit;
	Pb__LoadStatus *s = malloc(sizeof(*s));
	uint64_t bytes = atomic_load(&u->bytes), rows = atomic_load(&u->rows);
	g_autofree char *pos = NULL;

	dm_assert(s != NULL);
	pb__load_status__init(s);
	dm_mutex_lock(&u->mu);
	copy_sample_locked(u, bytes, rows);
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
	s->throttle = strdup(u->throttle == NULL ? "" : u->throttle);
	s->ratelimit = u->env->task->copy.rate_limit;
	s->verifiedrows = (int64_t)atomic_load(&u->rows_equal);
	s->verifiedtables = (int64_t)u->tables_equal;
	s->differentrows = (int64_t)u->rows_differ;
	s->notcomparedtables = (int64_t)u->tables_unknown;
	s->recopiedchunks = (int64_t)u->recopied;
	fill_speed_locked(u, s);
	dm_mutex_unlock(&u->mu);
	st->status_case = PB__SUB_TASK_STATUS__STATUS_LOAD;
	st->load = s;
}
