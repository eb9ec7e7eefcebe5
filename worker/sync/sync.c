/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sync unit: from a place in the source's binlog onwards, for ever.
 *
 * Called by worker/subtask.c; run() works on the subtask's thread, which is the
 * dispatcher, and starts the lanes. DESIGN: reading starts at the lowest lane;
 * each lane skips what it already has (worker/sync/lane.h). A pause hands over
 * what was read and waits for it; a lost lease ends everything at once.
 */
#include "worker/sync/sync_internal.h"

#include "lib/base/clock.h"
#include "lib/binlog/stream.h"
#include "lib/log/log.h"
#include "worker/sync/commands.h"
#include "worker/sync/lane_map.h"
#include "worker/sync/online.h"
#include "worker/sync/operate.h"
#include "worker/sync/start_gtid.h"
#include "worker/sync/start_time.h"
#include "worker/sync/xa_pending.h"

#include <string.h>

#define RANK_SYNC        310
#define HEARTBEAT_S      1
#define PAUSE_DRAIN_MS   10000
#define MASTER_STATUS_MS 5000
/* Nothing came for so long: say where we are, but not all the time. */
#define IDLE_MS        50
#define IDLE_GAP_MS    1000
#define IDLE_DRAIN_MS  200
#define CONTROL_WAIT_S 600

/* One run. */
struct run {
	struct sync_unit *u;
	struct meta *meta;
	struct dm_cancel *c; /* ours: fired by a pause or a failing lane */
	struct dm_sql_conn *target, *source;
	struct dm_cancel_watch target_watch, source_watch, stream_watch;
	struct target_info info;
	struct tables tables;
	struct dispatch d;
	struct dm_binlog_stream *stream;
	struct dm_pos from;
	char *from_gtid;     /* start by it, not by position; NULL */
	struct dm_pos known; /* a place, and the set at it; NULL */
	char *known_gtid;
	struct dm_mono last_flush, last_master;
	struct dm_pos saved; /* in DM's checkpoint row */
	bool idle_marked;
};

/* ---- connections ---- */

static struct dm_err *
connect_source(struct run *r, struct dm_sql_conn **conn)
{
	const struct unit_env *env = &r->u->env;
	struct dm_sql_params p =
	    dm_db_cfg_params(&env->source->from, DM_SCOPE_UPSTREAM);
	struct dm_err *err = dm_sql_connect(&p, false, r->c, conn);

	return err == NULL ? NULL
			   : dm_err_annotate(err, "connect to source %s",
				 env->source->source_id);
}

static struct dm_err *
connect_both(struct run *r)
{
	struct dm_err *err;

	err = target_connect(&r->u->env, r->c, &r->target);
	if (err != NULL)
		return err;
	dm_cancel_watch(r->c, &r->target_watch, dm_sql_interrupt, r->target);
	err = connect_source(r, &r->source);
	if (err != NULL)
		return err;
	dm_cancel_watch(r->c, &r->source_watch, dm_sql_interrupt, r->source);
	return NULL;
}

static void
disconnect_both(struct run *r)
{
	if (r->target != NULL)
		dm_cancel_unwatch(r->c, &r->target_watch);
	if (r->source != NULL)
		dm_cancel_unwatch(r->c, &r->source_watch);
	dm_sql_conn_free(r->target);
	dm_sql_conn_free(r->source);
}

/* ---- where to start ---- */

static struct dm_err *
start_from_meta_config(struct run *r)
{
	const struct unit_env *env = &r->u->env;
	const struct dm_meta_cfg *m = &env->inst->meta;
	struct dm_err *err;

	if (!env->inst->has_meta)
		return dm_err_new(CONFIG_METADATA_NOT_SET,
		    env->source->source_id, dm_task_mode_name(env->task->mode));
	r->from = dm_pos_make(m->binlog_name, m->binlog_pos);
	if (m->binlog_name[0] == '\0' ||
	    (env->source->enable_gtid && m->binlog_gtid[0] != '\0'))
		r->from_gtid = g_strdup(m->binlog_gtid);
	err = meta_save_phase(
	    r->meta, r->target, META_PHASE_SYNC, &r->from, m->binlog_gtid);
	return err;
}

/* Once it is saved, the start time is used up: progress goes before it. */
static struct dm_err *
start_fresh(struct run *r)
{
	g_autofree char *text = start_time_given(&r->u->env);
	struct dm_err *err;

	if (text == NULL)
		return start_from_meta_config(r);
	err = start_time_find(&r->u->env, r->source, r->c, text, &r->from);
	if (err != NULL)
		return err;
	return meta_save_phase(
	    r->meta, r->target, META_PHASE_SYNC, &r->from, "");
}

static struct dm_err *
find_start(struct run *r)
{
	g_autofree char *gtid = NULL;
	enum meta_phase phase;
	struct dm_err *err;

	err = meta_load_phase(r->meta, r->target, &phase, &r->from, &gtid);
	if (err != NULL)
		return err;
	if (phase == META_PHASE_NONE)
		return start_fresh(r);
	if (phase == META_PHASE_COPY || phase == META_PHASE_LOAD)
		return dm_err_plain("the copy of this task is not finished: "
				    "start it in task-mode all");
	r->known = r->from;
	if (dm_pos_is_zero(&r->from) && gtid != NULL && gtid[0] != '\0')
		r->from_gtid = DM_TAKE(gtid);
	else
		r->known_gtid = DM_TAKE(gtid);
	return NULL;
}

static bool
lanes_are_equal(const GArray *marks)
{
	const struct lane_mark *first =
	    &g_array_index(marks, struct lane_mark, 0);

	for (guint i = 0; i < marks->len; i++) {
		const struct lane_mark *m =
		    &g_array_index(marks, struct lane_mark, i);

		if (m->cut.name[0] != '\0' ||
		    dm_pos_cmp(&m->done, &first->done) != 0)
			return false;
	}
	return true;
}

/* The part of a lane map that a running set of lanes cannot change. */
static bool
only_count_differs(const char *a, const char *b)
{
	const char *fa = strstr(a, " fk="), *fb = strstr(b, " fk=");

	return fa != NULL && fb != NULL && strcmp(fa, fb) == 0 &&
	       strncmp(a, b, 3) == 0;
}

static struct dm_err *
create_lanes(struct run *r, unsigned n, const char *map, GArray *marks)
{
	struct dm_err *err;

	err = lane_meta_create(r->meta, r->target, n, map, &r->from);
	if (err != NULL)
		return err;
	g_array_set_size(marks, 0);
	for (unsigned i = 0; i < n; i++) {
		struct lane_mark m = { .done = r->from };

		g_array_append_val(marks, m);
	}
	return NULL;
}

/* Load the lanes, or lay them out anew where they all stand at one place. */
static struct dm_err *
prepare_lanes(struct run *r)
{
	unsigned n = MAX(r->u->env.inst->syncer.worker_count, 1U);
	g_autofree char *want = lane_map_text(&r->u->env, &r->info),
			*have = NULL;
	g_autoptr(GArray) marks = NULL;
	struct dm_err *err;

	err = lane_meta_load(r->meta, r->target, &marks, &have);
	if (err != NULL)
		return err;
	if (marks->len == 0) {
		err = create_lanes(r, n, want, marks);
	} else if (g_strcmp0(want, have) != 0) {
		if (lanes_are_equal(marks)) {
			r->from =
			    g_array_index(marks, struct lane_mark, 0).done;
			err = create_lanes(r, n, want, marks);
		} else if (!only_count_differs(want, have)) {
			err = dm_err_set_workaround(
			    dm_err_plain("routes, foreign_key_checks or the "
					 "way this version spreads rows were "
					 "changed while the lanes of this task "
					 "stand at different places"),
			    "start the task once with its former "
			    "configuration and version, pause it with "
			    "`pause-task`, then change it");
		}
	}
	if (err != NULL)
		return err;
	r->d.n_lanes = marks->len;
	r->d.resume = (struct lane_mark *)(void *)g_array_free(
	    g_steal_pointer(&marks), FALSE);
	return NULL;
}

static void
lowest_lane(struct run *r)
{
	struct dm_pos low = r->d.resume[0].done;
	const struct undecided_row *first;

	for (unsigned i = 1; i < r->d.n_lanes; i++) {
		if (dm_pos_cmp(&r->d.resume[i].done, &low) < 0)
			low = r->d.resume[i].done;
	}
	r->from = r->d.resume_low = low;
	if (dm_pos_is_zero(&low))
		return;
	g_clear_pointer(&r->from_gtid, g_free);
	/* What was prepared before that, and may not be decided. */
	first = undecided_first(&r->d.undecided);
	if (first != NULL && dm_pos_cmp(&first->start, &low) < 0)
		r->from = first->start;
}

/* Where the source's binlog ends now. */
static struct dm_err *
refresh_master(struct run *r)
{
	g_autofree char *gtid = NULL;
	struct dm_pos at;
	struct dm_err *err;

	err = dm_binlog_master_status(r->source, &at, &gtid);
	if (err != NULL)
		return err;
	dm_mutex_lock(&r->u->shown.mu);
	r->u->shown.master = at;
	g_free(r->u->shown.master_gtid);
	r->u->shown.master_gtid = DM_TAKE(gtid);
	dm_mutex_unlock(&r->u->shown.mu);
	return NULL;
}

/* True when a file of the list, or what came after it, lacks `at`. A source
 * that crashed begins a new file, so its end alone tells nothing. */
static bool
is_lost(const GPtrArray *names, const GArray *sizes, const struct dm_pos *at)
{
	bool later = false;

	for (guint i = 0; i < names->len; i++) {
		struct dm_pos end = dm_pos_make(g_ptr_array_index(names, i),
		    g_array_index(sizes, uint64_t, i));

		if (strcmp(end.name, at->name) == 0)
			return end.pos < at->pos;
		later |= dm_pos_cmp(&end, at) > 0;
	}
	return !later; /* purged is another error, which the server gives */
}

/* A source that lost its last transactions must not be followed silently, and
 * one that purged what we need says only that it did. */
static struct dm_err *
check_source_end(struct run *r)
{
	g_autoptr(GPtrArray) names = NULL;
	g_autoptr(GArray) sizes = NULL;
	struct dm_err *err = refresh_master(r);

	if (err == NULL)
		err = dm_binlog_list(r->source, &names, &sizes);
	if (err == NULL)
		err = xa_pending_check(&r->d.undecided, &r->u->env, names);
	for (unsigned i = 0; err == NULL && i < r->d.n_lanes; i++) {
		const struct dm_pos *at = &r->d.resume[i].done;
		g_autofree char *ours = dm_pos_text(at), *end = NULL;

		if (dm_pos_is_zero(at) || !is_lost(names, sizes, at))
			continue;
		end = dm_pos_text(&r->u->shown.master);
		err = dm_err_new(BINLOG_BEHIND, end, ours);
	}
	return err;
}

static struct dm_err *
load_start_gtid(struct run *r)
{
	struct start_gtid in = { .env = &r->u->env,
		.meta = r->meta,
		.target = r->target,
		.source = r->source,
		.c = r->c,
		.at = r->from,
		.known = r->known,
		.known_gtid = r->known_gtid };

	if (r->from_gtid == NULL)
		return start_gtid_find(&in, &r->d.gtid);
	return dm_gtid_set_parse(
	    dm_sql_is_mariadb(r->source) ? DM_FLAVOR_MARIADB : DM_FLAVOR_MYSQL,
	    r->from_gtid, &r->d.gtid);
}

static struct dm_err *
open_stream(struct run *r)
{
	struct dm_binlog_start s = { .host_name = r->u->env.worker,
		.pos = r->from,
		.heartbeat_s = HEARTBEAT_S };
	struct dm_sql_conn *conn = NULL;
	struct dm_err *err;

	err = load_start_gtid(r);
	if (err == NULL)
		err = connect_source(r, &conn);
	if (err != NULL)
		return err;
	if (r->from_gtid != NULL)
		s.gtid = r->d.gtid;
	r->d.seeking = r->from_gtid != NULL;
	err = dm_binlog_stream_open(conn, &s, &r->stream);
	if (err != NULL)
		return err;
	dm_cancel_watch(
	    r->c, &r->stream_watch, dm_binlog_stream_interrupt, r->stream);
	return NULL;
}

static struct dm_err *
start(struct run *r)
{
	const struct unit_env *env = &r->u->env;
	struct dm_err *err;

	err = connect_both(r);
	if (err == NULL)
		err = meta_ensure_tables(r->meta, r->target);
	if (err == NULL)
		err = meta_take_over(r->meta, r->target, r->c);
	if (err == NULL)
		err = meta_record_conn(r->meta, r->target);
	if (err == NULL) /* idle between DDLs, and holds no locks then */
		err = dm_sql_execf(
		    r->target, "SET SESSION wait_timeout=%d", CONTROL_WAIT_S);
	if (err == NULL)
		err = target_read_info(env, r->target, &r->info);
	if (err == NULL)
		err = find_start(r);
	if (err == NULL)
		err = prepare_lanes(r);
	if (err == NULL) {
		undecided_init(&r->d.undecided);
		err = xa_meta_load(r->meta, r->target, &r->d.undecided);
	}
	if (err != NULL)
		return err;
	lowest_lane(r);
	err = check_source_end(r);
	if (err == NULL)
		err = tables_open(&r->tables, env, r->meta, r->target,
		    r->source, r->info.foreign_key_checks);
	if (err == NULL) {
		r->d.env = env;
		r->d.meta = r->meta;
		r->d.tables = &r->tables;
		r->d.ddl = r->target;
		r->d.c = r->c;
		r->d.counters = &r->u->counters;
		r->d.end = r->d.done = r->from;
		err = ddl_recover(&r->d);
	}
	if (err == NULL)
		err = operate_load(&r->d);
	if (err == NULL)
		err = online_load(&r->d);
	if (err == NULL)
		err = open_stream(r);
	if (err != NULL)
		return err;
	dispatch_init(&r->d);
	r->d.now = dm_mono_now();
	r->d.safe_until =
	    dm_mono_add_ms(r->d.now, env->inst->syncer.safe_mode_ms);
	r->d.lanes = lanes_start(
	    env, r->meta, &r->info, r->d.n_lanes, r->d.resume, r->c);
	return NULL;
}

/* ---- the loop ---- */

static void
publish(struct run *r)
{
	struct shown *s = &r->u->shown;
	struct lanes_stats st;
	struct dm_mono now = dm_mono_now();
	int64_t ms;

	lanes_stats(r->d.lanes, &st);
	dm_mutex_lock(&s->mu);
	g_free(s->lanes.sample);
	s->lanes = st;
	s->n_lanes = r->d.n_lanes;
	/* While events are read again, the set at hand is an earlier one. */
	if (dm_pos_cmp(&st.low, &s->flushed) != 0 &&
	    dm_pos_cmp(&r->d.done, &st.low) >= 0) {
		s->flushed = st.low;
		g_free(s->flushed_gtid);
		s->flushed_gtid = dm_gtid_set_text(r->d.gtid);
	}
	ms = dm_mono_diff_ms(now, s->sampled);
	if (ms >= 1000) {
		s->rps_recent =
		    (st.rows - s->rows_sampled) * 1000 / (uint64_t)ms;
		s->rows_sampled = st.rows;
		s->sampled = now;
	}
	dm_mutex_unlock(&s->mu);
}

/* Bring idle lanes up to where we are. */
static struct dm_err *
flush(struct run *r)
{
	r->last_flush = dm_mono_now();
	return dispatch_mark_all(&r->d);
}

/* When all lanes are where we are, DM's checkpoint row can say so too: its
 * position and GTID set then belong together. */
static struct dm_err *
save_dm_checkpoint(struct run *r)
{
	g_autofree char *gtid = NULL;
	struct dm_pos low;

	dm_mutex_lock(&r->u->shown.mu);
	low = r->u->shown.flushed;
	dm_mutex_unlock(&r->u->shown.mu);
	if (r->d.in_txn || dm_pos_cmp(&low, &r->d.done) != 0 ||
	    dm_pos_cmp(&low, &r->saved) == 0)
		return NULL;
	/* Whoever begins there would not see what was prepared before. */
	if (g_hash_table_size(r->d.undecided.prepared) > 0)
		return NULL;
	r->saved = low;
	gtid = dm_gtid_set_text(r->d.gtid);
	return lane_meta_save_dm_checkpoint(r->meta, r->target, &low, gtid);
}

/* What was prepared, and all lanes know what became of it. */
static struct dm_err *
sweep_decided(struct run *r)
{
	struct lanes_stats st;

	if (r->d.undecided.rows->len == 0)
		return NULL;
	xa_pending_tell(&r->d.undecided, &r->u->env);
	lanes_stats(r->d.lanes, &st);
	g_free(st.sample);
	return xa_meta_sweep(r->meta, r->target, &r->d.undecided, &st.low);
}

/* Compare with the source's end, and keep what is idle from being taken for
 * dead. */
static struct dm_err *
refresh(struct run *r)
{
	struct dm_err *err;

	r->last_master = dm_mono_now();
	publish(r);
	err = refresh_master(r);
	if (err == NULL) /* the server must not take us for idle */
		err = dm_sql_execf(r->target, "DO 1");
	if (err == NULL)
		err = save_dm_checkpoint(r);
	if (err == NULL)
		err = sweep_decided(r);
	return err;
}

/* All that came is being applied: when it is done, say so at once. */
static struct dm_err *
on_idle(struct run *r)
{
	bool drained = false;
	struct dm_err *err;

	r->idle_marked = true;
	err = flush(r);
	if (err == NULL)
		err = lanes_drain(r->d.lanes, IDLE_DRAIN_MS, r->c, &drained);
	if (err == NULL && drained)
		err = refresh(r);
	if (err == NULL && drained)
		r->u->env.changed(r->u->env.changed_arg);
	return err;
}

/* ---- commands ---- */

/* An event failed in an earlier run, and now it went well. */
static void
note_overcome(struct run *r)
{
	struct dispatch_failure *f = &r->u->failure;

	if (f->known && dm_pos_cmp(&r->d.done, &f->at) > 0)
		f->known = false;
}

/* What is asked of the unit while it works. An error is the command's, and
 * told; what it did to the connection ends the run elsewhere. */
static struct dm_err *
take_commands(struct run *r)
{
	const struct unit_env *env = &r->u->env;
	struct dm_err *err = NULL;
	struct command *c;

	note_overcome(r);
	while (
	    err == NULL && (c = env->next_command(env->command_arg)) != NULL) {
		struct command_env e = { .env = env,
			.meta = r->meta,
			.target = r->target,
			.c = r->c,
			.passed = r->d.done,
			.failure = r->u->failure };
		g_autofree char *text = NULL;
		struct dm_err *why =
		    commands_run_one(&e, command_msg(c), &text);

		if (why == NULL && command_resumes(command_msg(c)))
			err = operate_load(&r->d);
		command_answer(c, why, text);
	}
	return err;
}

/* Nothing to read: let out what is held back for bigger batches. */
static struct dm_err *
on_quiet(struct run *r)
{
	struct dm_err *err = dispatch_push_all(&r->d);

	publish(r);
	if (err == NULL)
		err = take_commands(r);
	if (err == NULL && !r->idle_marked &&
	    dm_mono_diff_ms(dm_mono_now(), r->last_flush) >= IDLE_GAP_MS &&
	    !dm_binlog_stream_wait(r->stream, IDLE_MS))
		err = on_idle(r);
	return err;
}

static struct dm_err *
periodic(struct run *r, bool heartbeat)
{
	unsigned interval = r->u->env.inst->syncer.checkpoint_flush_interval_s;
	struct dm_mono now = dm_mono_now();
	struct dm_err *err = NULL;

	if (heartbeat && !r->idle_marked) {
		r->idle_marked = true;
		err = flush(r);
	} else if (dm_mono_diff_ms(now, r->last_flush) >=
		   (int64_t)interval * 1000) {
		err = flush(r);
	}
	if (err == NULL && (heartbeat || dm_mono_diff_ms(now, r->last_master) >=
					     MASTER_STATUS_MS))
		err = refresh(r);
	return err;
}

static bool
is_heartbeat(const uint8_t *raw, size_t len)
{
	return len > 4 &&
	       (raw[4] == DM_EV_HEARTBEAT || raw[4] == DM_EV_HEARTBEAT_V2);
}

static struct dm_err *
loop(struct run *r)
{
	unsigned since_check = 0;

	for (;;) {
		const uint8_t *raw;
		bool heartbeat;
		size_t len;
		struct dm_err *err = NULL;

		if (!dm_binlog_stream_wait(r->stream, 0))
			err = on_quiet(r);
		if (err == NULL)
			err = dm_binlog_stream_next(r->stream, &raw, &len);
		if (err != NULL)
			return err;
		heartbeat = is_heartbeat(raw, len);
		if (!heartbeat)
			r->idle_marked = false;
		err = dispatch_event(&r->d, raw, len);
		if (err == NULL && (heartbeat || ++since_check >= 256)) {
			since_check = 0;
			err = dm_cancel_check(r->c);
			if (err == NULL)
				err = take_commands(r);
			if (err == NULL)
				err = periodic(r, heartbeat);
		}
		if (err != NULL)
			return err;
	}
}

/* A pause: what was read is brought to an end, so that the lanes stand at one
 * place. A target that does not answer in time keeps nobody waiting. */
static void
settle(struct run *r)
{
	DM_AUTO(dm_cancel) limit = dm_cancel_new(r->u->env.hard);
	struct dm_err *err;
	bool drained = false;

	r->d.c = limit;
	err = dispatch_mark_all(&r->d);
	if (err == NULL)
		err = lanes_drain(r->d.lanes, PAUSE_DRAIN_MS, limit, &drained);
	if (err != NULL || !drained)
		dm_warn("paused before all lanes were flushed",
		    dm_kstr("task", r->u->env.task->name), dm_kerr(err));
	publish(r);
	if (err == NULL && drained)
		err = save_dm_checkpoint(r);
	dm_err_free(err); /* the lanes' own rows are what counts */
	r->d.c = r->c;
}

static void
run_fini(struct run *r)
{
	lanes_stop(r->d.lanes);
	if (r->stream != NULL)
		dm_cancel_unwatch(r->c, &r->stream_watch);
	dm_binlog_stream_free(r->stream);
	dispatch_fini(&r->d);
	g_free(r->d.resume);
	tables_close(&r->tables);
	disconnect_both(r);
	target_info_fini(&r->info);
	meta_free(r->meta);
	g_free(r->from_gtid);
	g_free(r->known_gtid);
	dm_cancel_free(r->c);
}

static void
set_running(struct sync_unit *u, bool running)
{
	dm_mutex_lock(&u->shown.mu);
	u->shown.running = running;
	u->shown.started = u->shown.sampled = dm_mono_now();
	u->shown.rows_before += u->shown.lanes.rows;
	u->shown.lanes.rows = u->shown.rows_sampled = 0;
	u->shown.rps_recent = 0;
	u->shown.lanes.oldest_ts = 0;
	dm_mutex_unlock(&u->shown.mu);
}

static struct dm_err *
sync_run(struct unit *unit, struct dm_cancel *c)
{
	struct sync_unit *u = (struct sync_unit *)unit;
	struct run r = {
		.u = u, .meta = meta_new(&u->env), .c = dm_cancel_new(c)
	};
	struct dm_err *err, *lane = NULL;
	struct dm_pos lane_at;

	set_running(u, true);
	err = start(&r);
	if (err == NULL) {
		err = loop(&r);
		lane = lanes_error(r.d.lanes, &lane_at);
		if (lane == NULL && dm_canceled(c))
			settle(&r);
	}
	if (lane != NULL) {
		dm_err_free(err); /* "canceled", because the lane failed */
		err = lane;
		u->failure =
		    (struct dispatch_failure){ .known = true, .at = lane_at };
	} else if (dm_canceled(c)) {
		dm_err_free(err); /* a socket that we closed ourselves */
		err = dm_err_canceled();
	} else if (r.d.failure.known) {
		u->failure = r.d.failure;
	}
	run_fini(&r);
	set_running(u, false);
	return err;
}

static struct dm_err *
sync_command(struct unit *unit, const Dm__V1__Command *msg, struct dm_cancel *c,
    char **text)
{
	struct sync_unit *u = (struct sync_unit *)unit;

	return commands_run_resting(&u->env, &u->failure, msg, c, text);
}

static void
sync_free(struct unit *unit)
{
	struct sync_unit *u = (struct sync_unit *)unit;

	g_free(u->shown.lanes.sample);
	g_free(u->shown.master_gtid);
	g_free(u->shown.flushed_gtid);
	dm_mutex_fini(&u->shown.mu);
	g_free(u);
}

static const struct unit_ops sync_ops = {
	.type = PB__UNIT_TYPE__Sync,
	.run = sync_run,
	.command = sync_command,
	.status = sync_status,
	.free = sync_free,
};

struct unit *
sync_unit_new(const struct unit_env *env)
{
	struct sync_unit *u = g_new0(struct sync_unit, 1);

	u->unit.ops = &sync_ops;
	u->env = *env;
	dm_mutex_init(&u->shown.mu, RANK_SYNC);
	return &u->unit;
}
