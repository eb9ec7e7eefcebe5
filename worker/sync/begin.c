/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a run of the sync unit begins: connections, the place to start at, lanes.
 * Called by sync.c on the dispatcher's thread.
 */
#include "lib/binlog/stream.h"
#include "worker/sync/lane_map.h"
#include "worker/sync/online.h"
#include "worker/sync/operate.h"
#include "worker/sync/start_gtid.h"
#include "worker/sync/start_time.h"
#include "worker/sync/sync_internal.h"
#include "worker/sync/xa_pending.h"

#include <string.h>

#define CONTROL_WAIT_S 600

/* ---- connections ---- */

static struct dm_err *
connect_both(struct run *r)
{
	struct dm_err *err;

	err = target_connect(&r->u->env, r->c, &r->target);
	if (err != NULL)
		return err;
	dm_cancel_watch(r->c, &r->target_watch, dm_sql_interrupt, r->target);
	return sync_connect_source(r);
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
	r->from = dm_pos_plain(&r->from); /* DM may have read a relay log */
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
	if (phase == META_PHASE_ORIGINAL) {
		err = sync_take_over_original(r);
		r->known = r->from;
		return err;
	}
	if (phase == META_PHASE_COPY || phase == META_PHASE_LOAD)
		return dm_err_plain("the copy of this task is not finished: "
				    "start it in task-mode all");
	err = lane_meta_load_safe_end(r->meta, r->target, &r->d.safe_end);
	if (err != NULL)
		return err;
	r->known = r->from;
	if (dm_pos_is_zero(&r->from) && gtid != NULL && gtid[0] != '\0')
		r->from_gtid = DM_TAKE(gtid);
	else
		r->known_gtid = DM_TAKE(gtid);
	return NULL;
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
		const struct lane_mark *m =
		    &g_array_index(marks, struct lane_mark, 0);

		if (lane_marks_are_level(m, marks->len)) {
			r->from = m->done;
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

struct dm_err *
sync_refresh_master(struct run *r)
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
	struct dm_err *err = sync_refresh_master(r);

	if (err == NULL)
		err = dm_binlog_list(r->source, &names, &sizes);
	if (err != NULL || !origin_is_same(r->origin.server, r->source_server))
		return err;
	if (r->held.suffix == 0)
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

/* The set at r->from, and what is to be passed over behind it. */
static struct dm_err *
load_start_gtid(struct run *r)
{
	enum dm_flavor flavor = sync_flavor(r);
	struct start_gtid in = { .env = &r->u->env,
		.meta = r->meta,
		.target = r->target,
		.source = r->source,
		.c = r->c,
		.at = r->from,
		.known = r->known,
		.known_gtid = r->known_gtid,
		.suffix = r->held.suffix,
		.is_source =
		    origin_is_same(r->origin.server, r->source_server) };
	struct dm_err *err = NULL;

	if (r->from_gtid != NULL)
		return dm_gtid_set_parse(flavor, r->from_gtid, &r->d.gtid);
	if (r->origin.skip != NULL)
		err = dm_gtid_set_parse(flavor, r->origin.skip, &r->skip);
	if (err == NULL)
		err = start_gtid_find(&in, &r->d.gtid);
	if (err == NULL && r->skip != NULL)
		dm_gtid_set_union(r->d.gtid, r->skip);
	return err;
}

struct dm_err *
sync_begin(struct run *r)
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
		err = sync_await_relay(r);
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
	err = sync_find_origin(r);
	if (err == NULL)
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
		err = load_start_gtid(r);
	if (err == NULL)
		err = sync_open_feed(r);
	if (err != NULL)
		return err;
	dispatch_init(&r->d);
	r->d.now = dm_mono_now();
	r->d.safe_until =
	    dm_mono_add_ms(r->d.now, env->inst->syncer.safe_mode_ms);
	r->d.batch_bytes = r->info.batch_bytes;
	r->d.lanes = lanes_start(
	    env, r->meta, &r->info, r->d.n_lanes, r->d.resume, r->c);
	return NULL;
}
