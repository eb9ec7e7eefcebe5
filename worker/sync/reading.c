/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sync unit reads: the relay log where there is one that has the
 * place, else the source. SOURCE: data-plane 4.6.
 *
 * DESIGN: places are the source's own, so that going from one to the other
 * needs nothing but opening the other at the same place. What a relay log
 * handed out were whole transactions, except where one of its files turns out
 * to be damaged; then the source goes on in the middle of it.
 */
#include "lib/log/log.h"
#include "worker/sync/sync_internal.h"

#include <string.h>

/* The writer has just been started, or begins anew after an error. */
#define RELAY_BEGINS_MS 5000
#define RELAY_SILENT_MS 10000

/* ---- the source, for questions ---- */

struct dm_err *
sync_connect_source(struct run *r)
{
	const struct unit_env *env = &r->u->env;
	struct dm_sql_params p =
	    dm_db_cfg_params(&env->source->from, DM_SCOPE_UPSTREAM);
	g_autofree char *server = NULL;
	struct dm_err *err;

	if (r->source != NULL)
		dm_cancel_unwatch(r->c, &r->source_watch);
	dm_sql_conn_free(DM_TAKE(r->source));
	err = dm_sql_connect(&p, false, r->c, &r->source);
	if (err != NULL)
		return dm_err_annotate(
		    err, "connect to source %s", env->source->source_id);
	r->source_watch = (struct dm_cancel_watch){ 0 };
	dm_cancel_watch(r->c, &r->source_watch, dm_sql_interrupt, r->source);
	err = origin_ask(r->source, &server);
	if (err == NULL) {
		g_free(r->source_server);
		r->source_server = DM_TAKE(server);
	}
	return err;
}

/* ---- what has the place ---- */

static struct dm_err *
store_origin(struct run *r)
{
	struct dm_err *err = dm_sql_execf(r->target, "BEGIN");

	if (err == NULL)
		err = meta_check_fence(r->meta, r->target);
	if (err == NULL)
		err = origin_save(r->meta, r->target, &r->origin);
	if (err == NULL)
		err = dm_sql_execf(r->target, "COMMIT");
	return err;
}

struct dm_err *
sync_await_relay(struct run *r)
{
	const struct relay_place none = { 0 };

	/* One that is not live is not waited for. */
	if (r->u->env.relay != NULL)
		(void)relay_hub_wait(
		    r->u->env.relay, &none, RELAY_BEGINS_MS, r->c);
	return dm_cancel_check(r->c);
}

/* Reading begins by GTIDs: the file in the relay log from which on all is
 * there. */
static struct dm_err *
find_by_gtid(struct run *r, struct relay_place *at)
{
	DM_AUTO(dm_gtid_set) set = NULL;
	struct dm_err *err;
	bool found;

	if (r->u->env.relay == NULL)
		return NULL;
	err = dm_gtid_set_parse(sync_flavor(r), r->from_gtid, &set);
	if (err == NULL && !dm_gtid_set_is_empty(set))
		err = relay_find_gtid(r->u->env.relay, 0, set, at, &found);
	return err;
}

struct dm_err *
sync_find_origin(struct run *r)
{
	struct relay_place at = { .pos = r->from };
	struct dm_err *err;

	err = origin_load(r->meta, r->target, &r->origin);
	if (err == NULL && r->origin.server == NULL) {
		r->origin.server = g_strdup(r->source_server);
		err = store_origin(r);
	}
	if (err != NULL)
		return err;
	if (r->left > 0 && lane_marks_are_level(r->d.resume, r->d.n_lanes))
		err = sync_rebase(r, &at.suffix);
	else if (r->from_gtid != NULL)
		err = find_by_gtid(r, &at);
	else
		err = origin_find(
		    r->u->env.relay, r->origin.server, &r->from, &at.suffix);
	if (err == NULL && at.suffix == 0 && r->from_gtid == NULL &&
	    !origin_is_same(r->origin.server, r->source_server))
		err = sync_rebase(r, &at.suffix);
	if (err != NULL)
		return err;
	if (r->from_gtid == NULL)
		at.pos = r->from;
	r->held = at;
	return NULL;
}

/* ---- the feed ---- */

void
sync_hold(struct run *r, const struct dm_pos *low)
{
	const struct undecided_row *first = undecided_first(&r->d.undecided);
	struct dm_pos at = *low;

	if (r->held.suffix == 0)
		return;
	if (first != NULL && dm_pos_cmp(&first->start, &at) < 0)
		at = first->start;
	if (strcmp(at.name, r->held.pos.name) == 0 || dm_pos_is_zero(&at))
		return;
	r->held.pos = at;
	/* Who holds a place is not refused another one. */
	dm_err_free(
	    relay_hub_hold(r->u->env.relay, r->u->env.task->name, &r->held));
}

static void
let_go(struct run *r)
{
	if (r->held.suffix > 0)
		relay_hub_let_go(r->u->env.relay, r->u->env.task->name);
	r->held.suffix = 0;
}

static void
show_feed(struct run *r)
{
	dm_mutex_lock(&r->u->shown.mu);
	r->u->shown.suffix = r->held.suffix;
	r->u->shown.other_server =
	    !origin_is_same(r->origin.server, r->source_server);
	dm_mutex_unlock(&r->u->shown.mu);
}

/* Takes why; one warning. */
static void
tell_fallback(const struct run *r, const char *what, struct dm_err *why)
{
	g_autofree char *at = dm_pos_text(&r->d.end);

	dm_warn(what, dm_kstr("task", r->u->env.task->name),
	    dm_kstr("source", r->u->env.source->source_id),
	    dm_kstr("relay-dir", relay_hub_dir(r->u->env.relay)),
	    dm_kstr("position", at), dm_kerr(why));
	dm_err_free(why);
}

struct dm_err *
sync_ask_master(struct run *r)
{
	struct dm_err *err = NULL;

	if (r->source == NULL) {
		err = sync_connect_source(r);
		if (err == NULL)
			show_feed(r);
	}
	if (err == NULL)
		err = sync_refresh_master(r);
	if (err == NULL || r->held.suffix == 0 || dm_canceled(r->c)) {
		r->master_lost = false;
		return err;
	}
	if (!r->master_lost)
		dm_warn("the source does not tell where it is; the relay log "
			"is read on",
		    dm_kstr("task", r->u->env.task->name), dm_kerr(err));
	r->master_lost = true;
	dm_err_free(err);
	if (r->source != NULL)
		dm_cancel_unwatch(r->c, &r->source_watch);
	dm_sql_conn_free(DM_TAKE(r->source));
	return NULL;
}

static struct feed_start
feed_start_of(const struct run *r)
{
	return (struct feed_start){ .pos = r->held.pos,
		.gtid = r->from_gtid != NULL ? r->d.gtid : NULL,
		.skip = r->skip,
		.suffix = r->held.suffix };
}

struct dm_err *
sync_open_feed(struct run *r)
{
	struct feed_start s = feed_start_of(r);
	struct relay_place end;
	struct dm_err *err;

	r->d.seeking = r->from_gtid != NULL;
	if (s.suffix == 0) {
		if (r->u->env.relay != NULL &&
		    relay_hub_end(r->u->env.relay, &end))
			tell_fallback(r,
			    "the relay log does not have the place of this "
			    "task: reading from the source",
			    NULL);
		err = feed_open(&r->u->env, r->c, &s, &r->feed);
	} else {
		err = relay_hub_hold(
		    r->u->env.relay, r->u->env.task->name, &r->held);
		if (err != NULL) {
			r->held.suffix = 0;
			return err;
		}
		err = feed_open(&r->u->env, r->c, &s, &r->feed);
		if (err != NULL)
			return sync_fall_back(r, err);
	}
	if (err == NULL)
		show_feed(r);
	return err;
}

void
sync_close_feed(struct run *r)
{
	feed_free(DM_TAKE(r->feed));
	let_go(r);
	origin_fini(&r->origin);
	dm_gtid_set_free(r->skip);
	g_free(r->source_server);
}

struct dm_err *
sync_fall_back(struct run *r, struct dm_err *why)
{
	struct feed_start s;
	struct dm_err *err;

	if (r->held.suffix == 0 || r->fell_back || dm_canceled(r->c))
		return why;
	err = sync_connect_source(r);
	if (err != NULL ||
	    !origin_is_same(r->origin.server, r->source_server)) {
		if (why != NULL)
			dm_err_free(err);
		return why != NULL ? why : err;
	}
	s = feed_start_of(r);
	s.suffix = 0;
	s.pos = r->d.end;
	s.passing = r->feed != NULL && feed_is_passing(r->feed);
	if (!r->d.seeking)
		s.gtid = NULL;
	feed_free(DM_TAKE(r->feed));
	tell_fallback(r,
	    why != NULL ? "the relay log cannot be read: reading from the "
			  "source until the task is started again"
			: "the relay log is not written any more: reading from "
			  "the source until the task is started again",
	    why);
	r->fell_back = true;
	let_go(r);
	err = feed_open(&r->u->env, r->c, &s, &r->feed);
	if (err == NULL)
		show_feed(r);
	return err;
}

struct dm_err *
sync_look_at_feed(struct run *r)
{
	enum relay_reader_state state = feed_state(r->feed);
	struct dm_mono now = dm_mono_now();
	struct dm_err *err;

	if (state == RELAY_READER_LEFT && r->d.in_txn)
		return dm_err_new(SYNCER_GET_EVENT,
		    "the last transaction of the former server in the relay "
		    "log has no end");
	if (state == RELAY_READER_LEFT) {
		r->leaving = true;
		return NULL;
	}
	if (state != RELAY_READER_STOPPED) {
		r->silent = (struct dm_mono){ 0 };
		return NULL;
	}
	if (r->silent.ns == 0)
		r->silent = now;
	if (dm_mono_diff_ms(now, r->silent) < RELAY_SILENT_MS)
		return NULL;
	r->silent = now; /* and again after that time */
	err = sync_fall_back(r, NULL);
	if (err != NULL && !dm_err_is_canceled(err) && r->feed != NULL &&
	    r->held.suffix > 0) {
		dm_err_free(err); /* the relay log may go on before that does */
		err = NULL;
	}
	return err;
}

struct dm_pos
sync_shown_pos(const struct run *r, const struct dm_pos *p)
{
	return dm_pos_with_suffix(p, r->held.suffix);
}
