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
#include "lib/log/log.h"
#include "worker/sync/commands.h"
#include "worker/sync/events.h"
#include "worker/sync/operate.h"
#include "worker/sync/xa_pending.h"

#include <string.h>

#define RANK_SYNC        310
#define PAUSE_DRAIN_MS   10000
#define MASTER_STATUS_MS 5000
/* Nothing came for so long: say where we are, but not all the time. */
#define IDLE_MS       50
#define IDLE_GAP_MS   1000
#define IDLE_DRAIN_MS 200

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
	sync_hold(r, &st.low);
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
	struct dm_pos low, safe_end = { 0 };

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
	if (dm_pos_cmp(&low, &r->d.safe_end) < 0)
		safe_end = r->d.safe_end;
	low = sync_shown_pos(r, &low);
	return lane_meta_save_dm_checkpoint(
	    r->meta, r->target, &low, gtid, &safe_end);
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
	err = sync_ask_master(r);
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
	    !feed_wait(r->feed, IDLE_MS))
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
		enum feed_part part;
		bool heartbeat;
		size_t len;
		struct dm_err *err = NULL;

		if (!feed_wait(r->feed, 0))
			err = on_quiet(r);
		if (err != NULL)
			return err;
		err = feed_next(r->feed, &raw, &len, &part);
		if (err != NULL) {
			err = sync_fall_back(r, err);
			if (err != NULL)
				return err;
			continue;
		}
		heartbeat = is_heartbeat(raw, len);
		if (!heartbeat)
			r->idle_marked = false;
		err = part == FEED_EVENT ? dispatch_event(&r->d, raw, len)
					 : dispatch_pass(&r->d, raw, len,
					       part == FEED_PASSED_LAST);
		if (err == NULL && heartbeat)
			err = sync_look_at_feed(r);
		if (err == NULL && r->leaving)
			return NULL;
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
disconnect_both(struct run *r)
{
	if (r->target != NULL)
		dm_cancel_unwatch(r->c, &r->target_watch);
	if (r->source != NULL)
		dm_cancel_unwatch(r->c, &r->source_watch);
	dm_sql_conn_free(r->target);
	dm_sql_conn_free(r->source);
}

static void
run_fini(struct run *r)
{
	lanes_stop(r->d.lanes);
	sync_close_feed(r);
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
	for (size_t op = 0; op < ROW_OPS; op++)
		u->shown.ops_before[op] += u->shown.lanes.ops[op];
	memset(u->shown.lanes.ops, 0, sizeof(u->shown.lanes.ops));
	u->shown.lanes.rows = u->shown.rows_sampled = 0;
	u->shown.rps_recent = 0;
	u->shown.lanes.oldest_ts = 0;
	dm_mutex_unlock(&u->shown.mu);
}

/* *left: in, the sub directory of the relay log that the last run read to its
 * end; out, that this one did; 0: none. */
static struct dm_err *
run_once(struct sync_unit *u, struct dm_cancel *c, unsigned *left)
{
	struct run r = { .u = u,
		.meta = meta_new(&u->env),
		.c = dm_cancel_new(c),
		.left = *left };
	struct dm_err *err, *lane = NULL;
	struct dm_pos lane_at;

	*left = 0;
	err = sync_begin(&r);
	if (err == NULL) {
		err = loop(&r);
		lane = lanes_error(r.d.lanes, &lane_at);
		if (lane == NULL && (dm_canceled(c) || r.leaving))
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
	} else if (r.leaving) {
		*left = r.held.suffix;
	}
	run_fini(&r);
	return err;
}

static struct dm_err *
sync_run(struct unit *unit, struct dm_cancel *c)
{
	struct sync_unit *u = (struct sync_unit *)unit;
	unsigned left = 0;
	struct dm_err *err;

	do {
		set_running(u, true);
		err = run_once(u, c, &left);
	} while (err == NULL && left > 0);
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
