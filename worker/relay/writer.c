/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer of a relay log: see writer.h.
 *
 * DESIGN: one thread. It waits while the stage is not Running. Then it
 * recovers what is there, connects, asks who the server is on the very
 * connection that becomes the stream, and reads by position: files are copied
 * from their begin, so the place of the next event is always known. GTIDs find
 * the first file only. A lost connection is made again without a change of
 * stage; other errors pause it, and it goes on by itself where that may help.
 */
#include "worker/relay/writer.h"

#include "lib/binlog/stream.h"
#include "lib/config/secret.h"
#include "lib/log/log.h"
#include "worker/auto_resume.h"
#include "worker/relay/meta.h"
#include "worker/relay/out.h"
#include "worker/relay/store.h"
#include "worker/subtask.h"
#include "worker/subtask_edges.h"
#include "worker/sync/origin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RANK_WRITER 210
#define HEARTBEAT_S 1
#define STATUS_MS   1000
#define HOST_MAX    61
#define SIDE_WAIT_S 5

struct shown {
	struct dm_pos master, pos;
	char *master_gtid, *gtid, *dir; /* owned; NULL: not known */
};

struct relay_writer {
	struct dm_source_cfg *source; /* owned; its password is resolved while
					 it runs */
	struct dm_db_cfg given;       /* as it was configured */
	struct relay_hub *hub;        /* a reference */
	struct dm_cancel *hard;       /* borrowed */
	bool (*needs)(GPtrArray *needs, struct dm_cancel *c, void *arg);
	void (*changed)(void *arg);
	void *arg;
	pthread_t thread;
	char host[HOST_MAX];

	/* The thread's own. */
	struct relay_store *store; /* NULL: to be recovered, or there is none */
	int lock;                  /* of the directory; -1: not held */
	bool begun;                /* in this run the source was reached once */

	struct dm_mutex mu; /* rank 210; guards what follows */
	pthread_cond_t wake;
	Pb__Stage stage, expected;
	int64_t revision;
	struct dm_err *error; /* why it is Paused; NULL: by request */
	bool was_canceled;
	struct dm_cancel *run; /* NULL: it does not run */
	bool closing, over;
	struct auto_resume backoff;
	int64_t resume_in_ms; /* -1: not by itself */
	struct shown shown;
};

/* ---- one stream ---- */

struct session {
	struct relay_writer *w;
	struct dm_cancel *c;
	struct dm_sql_conn *side; /* for what is asked beside the stream */
	struct dm_binlog_stream *st;
	struct dm_cancel_watch side_watch, watch;
	char *server; /* who the source is */
	uint32_t server_id;
	struct dm_mono asked;
};

static struct dm_err *
connect_one(const struct session *s, struct dm_sql_conn **conn)
{
	struct dm_sql_params p =
	    dm_db_cfg_params(&s->w->source->from, DM_SCOPE_UPSTREAM);
	struct dm_err *err = dm_sql_connect(&p, false, s->c, conn);

	return err == NULL ? NULL
			   : dm_err_annotate(err, "connect to source %s",
				 s->w->source->source_id);
}

static void
session_fini(struct session *s)
{
	if (s->side != NULL)
		dm_cancel_unwatch(s->c, &s->side_watch);
	if (s->st != NULL)
		dm_cancel_unwatch(s->c, &s->watch);
	dm_sql_conn_free(s->side);
	dm_binlog_stream_free(s->st);
	g_free(s->server);
}

/* Who it is, on the connection that becomes the stream: an address may lead to
 * another server each time. */
static struct dm_err *
ask_who(struct session *s, struct dm_sql_conn *conn)
{
	g_autofree char *id = NULL;
	struct dm_err *err = origin_ask(conn, &s->server);

	if (err == NULL)
		err =
		    dm_sql_query_string(conn, &id, "SELECT @@global.server_id");
	if (err == NULL)
		s->server_id =
		    (uint32_t)g_ascii_strtoull(id != NULL ? id : "0", NULL, 10);
	return err;
}

/* ---- what query-status shows ---- */

static struct dm_err *
ask_master(struct session *s)
{
	struct relay_writer *w = s->w;
	g_autofree char *gtid = NULL, *ours = NULL;
	struct dm_pos end, pos = { 0 };
	struct dm_err *err = dm_binlog_master_status(s->side, &end, &gtid);

	s->asked = dm_mono_now();
	if (err != NULL)
		return err;
	if (w->store != NULL) {
		ours = dm_gtid_set_text(relay_store_gtids(w->store));
		pos = relay_store_pos(w->store);
	}
	dm_mutex_lock(&w->mu);
	w->shown.master = end;
	w->shown.pos = pos;
	g_free(w->shown.master_gtid);
	w->shown.master_gtid = DM_TAKE(gtid);
	g_free(w->shown.gtid);
	w->shown.gtid = DM_TAKE(ours);
	g_free(w->shown.dir);
	w->shown.dir = w->store == NULL ? NULL
					: g_path_get_basename(
					      relay_store_dir(w->store)->path);
	dm_mutex_unlock(&w->mu);
	return NULL;
}

/* ---- where to go on ---- */

static enum dm_flavor
flavor_of(const struct relay_writer *w)
{
	return strcmp(w->source->flavor, "mariadb") == 0 ? DM_FLAVOR_MARIADB
							 : DM_FLAVOR_MYSQL;
}

/* The index, and the newest sub directory recovered from it. */
static struct dm_err *
load(struct relay_writer *w, GPtrArray **dirs)
{
	struct dm_err *err = relay_dirs_load(relay_hub_dir(w->hub), dirs);

	if (err == NULL)
		err = relay_index_check(*dirs);
	if (err == NULL && w->store == NULL && (*dirs)->len > 0)
		err = relay_store_recover(w->hub,
		    g_ptr_array_index(*dirs, (*dirs)->len - 1), flavor_of(w),
		    &w->store);
	return err;
}

/* A sub directory for the server that is there now. */
static struct dm_err *
begin_dir(struct session *s, const GPtrArray *dirs, const char *name)
{
	struct relay_writer *w = s->w;
	const char *root = relay_hub_dir(w->hub);
	g_autoptr(GPtrArray) after = NULL;
	struct dm_err *err;

	if (!relay_out_is_name(name))
		return dm_err_new(RELAY_BINLOG_NAME_NOT_VALID, name);
	err = relay_index_add(root, dirs, s->server);
	if (err == NULL)
		err = relay_dirs_load(root, &after);
	if (err != NULL)
		return err;
	relay_store_free(DM_TAKE(w->store));
	dm_info("a relay log begins", dm_kstr("source", w->source->source_id),
	    dm_kstr("server", s->server), dm_kstr("file", name));
	return relay_store_begin(w->hub,
	    g_ptr_array_index(after, after->len - 1), name,
	    dm_gtid_set_new(flavor_of(w)), &w->store);
}

static struct dm_err *
begin_anew(struct session *s, const GPtrArray *dirs, struct relay_start *start,
    struct dm_sql_conn *conn)
{
	char name[DM_BINLOG_NAME_MAX + 1];
	g_autofree char *have = NULL;
	struct dm_err *err;

	if (s->w->store != NULL)
		have = dm_gtid_set_text(relay_store_gtids(s->w->store));
	start->have_gtid = have;
	err = relay_start_file(start, conn, name);
	return err != NULL ? err : begin_dir(s, dirs, name);
}

/* The tasks went on without the relay log while it was off, and nobody reads
 * it: what is between would be read for nobody, and may be purged. */
static struct dm_err *
jump_ahead(struct session *s, GPtrArray *dirs, const struct relay_start *start)
{
	char name[DM_BINLOG_NAME_MAX + 1];
	g_autoptr(GPtrArray) none = g_ptr_array_new();
	struct dm_pos ours = relay_store_pos(s->w->store), file;
	struct relay_place held;
	struct dm_err *err = relay_start_needed(start, name);

	ours.pos = 0;
	file = dm_pos_make(name, 0);
	if (err != NULL || name[0] == '\0' || dm_pos_cmp(&file, &ours) <= 0 ||
	    relay_hub_earliest(s->w->hub, &held))
		return err;
	dm_warn("the tasks of the source are ahead of its relay log: it begins "
		"anew",
	    dm_kstr("source", s->w->source->source_id), dm_kstr("needed", name),
	    dm_kstr("newest", ours.name));
	err = relay_index_drop(relay_hub_dir(s->w->hub), dirs, 0);
	return err != NULL ? err : begin_dir(s, none, name);
}

/* Has w->store for the server that conn leads to. */
static struct dm_err *
choose(struct session *s, struct dm_sql_conn *conn)
{
	g_autoptr(GPtrArray) dirs = NULL;
	g_autoptr(GPtrArray) needs =
	    g_ptr_array_new_with_free_func(relay_need_free);
	struct relay_writer *w = s->w;
	struct relay_start start = { .source = w->source,
		.server = s->server,
		.host_name = w->host,
		.needs = needs,
		.c = s->c };
	bool same, all;
	struct dm_err *err = load(w, &dirs);

	if (err != NULL)
		return err;
	same = w->store != NULL &&
	       origin_is_same(relay_store_dir(w->store)->uuid, s->server);
	if (same && w->begun)
		return NULL;
	if (w->store != NULL && !same && w->begun)
		return dm_err_set_cause(
		    dm_err_new(ROTATE_EVENT_WITH_DIFFERENT_SERVER_ID),
		    "it was %s, and is %s", relay_store_dir(w->store)->uuid,
		    s->server);
	if (w->store != NULL && !same && !w->source->enable_gtid)
		return dm_err_set_cause(
		    dm_err_new(RELAY_SWITCH_MASTER_NEED_GTID),
		    "the relay log is of server %s, the source is %s",
		    relay_store_dir(w->store)->uuid, s->server);
	all = w->needs(needs, s->c, w->arg);
	if (!same)
		return begin_anew(s, dirs, &start, conn);
	return all ? jump_ahead(s, dirs, &start) : NULL;
}

static struct dm_err *
open_stream(struct session *s)
{
	struct relay_writer *w = s->w;
	struct dm_binlog_start from = {
		.host_name = w->host, .heartbeat_s = HEARTBEAT_S, .all = true
	};
	struct dm_sql_conn *conn = NULL;
	g_autofree char *text = NULL;
	struct dm_err *err = connect_one(s, &conn);

	if (err == NULL)
		err = ask_who(s, conn);
	if (err == NULL)
		err = choose(s, conn);
	if (err != NULL) {
		dm_sql_conn_free(conn);
		return err;
	}
	w->begun = true;
	from.pos = relay_store_pos(w->store);
	/* The protocol has 32 bits. What comes again is dropped. */
	if (from.pos.pos > UINT32_MAX)
		from.pos.pos = 4;
	relay_store_stream(w->store, s->server_id, from.pos.pos);
	text = dm_pos_text(&from.pos);
	dm_info("the relay log is written",
	    dm_kstr("source", w->source->source_id), dm_kstr("from", text));
	err = dm_binlog_stream_open(conn, &from, &s->st);
	if (err != NULL)
		return dm_err_wrap(err, RELAY_TCP_READER_START_SYNC, text);
	dm_cancel_watch(s->c, &s->watch, dm_binlog_stream_interrupt, s->st);
	return NULL;
}

/* ---- reading ---- */

/* What cannot be written is not known to be in the file: found anew. */
static struct dm_err *
lose_store(struct relay_writer *w, struct dm_err *err)
{
	relay_store_free(DM_TAKE(w->store));
	return err;
}

static struct dm_err *
read_events(struct session *s)
{
	struct relay_store *store = s->w->store;

	for (;;) {
		const uint8_t *raw;
		struct dm_err *err;
		size_t len;
		bool whole;

		err = dm_binlog_stream_next(s->st, &raw, &len);
		if (err != NULL)
			return dm_err_wrap(err, RELAY_TCP_READER_GET_EVENT);
		err = relay_store_take(store, raw, len, &whole);
		/* PERF: one write for all that has come. */
		if (err == NULL && whole && !dm_binlog_stream_wait(s->st, 0))
			err = relay_store_flush(store);
		if (err != NULL)
			return lose_store(s->w, err);
		if (dm_mono_diff_ms(dm_mono_now(), s->asked) >= STATUS_MS)
			err = ask_master(s);
		if (err != NULL)
			return err;
	}
}

static struct dm_err *
run_session(struct relay_writer *w, struct dm_cancel *c)
{
	struct session s = { .w = w, .c = c };
	struct dm_err *err, *last;

	err = connect_one(&s, &s.side);
	if (err == NULL) {
		dm_sql_set_read_timeout(s.side, SIDE_WAIT_S);
		dm_cancel_watch(c, &s.side_watch, dm_sql_interrupt, s.side);
		err = open_stream(&s);
	}
	if (err == NULL)
		err = ask_master(&s);
	if (err == NULL)
		err = read_events(&s);
	session_fini(&s);
	/* What came whole stays, whatever ended the stream. */
	last = w->store != NULL ? relay_store_sync(w->store) : NULL;
	if (last != NULL) {
		dm_err_free(err);
		err = lose_store(w, last);
	}
	return err;
}

/* ---- the thread ---- */

/* The connection was lost, or there was none: numbers of the client, as
 * lib/sql prints them. */
static bool
is_lost(const struct dm_err *err)
{
	const char *cause = err->cause != NULL ? err->cause : "";

	return dm_err_is(err, DB_BAD_CONN) ||
	       (g_str_has_prefix(cause, "Error 2") &&
		   strspn(cause + 6, "0123456789") == 4) ||
	       strstr(cause, "get event err EOF") != NULL;
}

/* Until it is canceled, or an error that is more than a lost connection. */
static struct dm_err *
run(struct relay_writer *w, struct dm_cancel *c)
{
	g_autoptr(GPtrArray) dirs = NULL;
	struct dm_err *err = NULL;

	w->begun = false;
	if (w->lock < 0)
		err = relay_lock(relay_hub_dir(w->hub), &w->lock);
	/* Readers need no source. */
	if (err == NULL)
		err = load(w, &dirs);
	while (err == NULL) {
		int64_t wait;

		dm_wipe(w->source->from.password);
		w->source->from.password = g_strdup(w->given.password);
		w->source->from.literal = w->given.literal;
		err = dm_db_cfg_resolve(&w->source->from, "from");
		if (err == NULL)
			err = run_session(w, c);
		if (err == NULL || dm_canceled(c) || !is_lost(err))
			break;
		dm_mutex_lock(&w->mu);
		wait = auto_resume_wait_ms(
		    &w->backoff, dm_mono_now(), g_random_double());
		dm_mutex_unlock(&w->mu);
		dm_warn("the relay lost its source; it tries again",
		    dm_kstr("source", w->source->source_id), dm_kerr(err),
		    dm_kint("in-ms", wait));
		dm_err_free(err);
		err = dm_cancel_sleep_ms(c, wait);
	}
	if (dm_canceled(c)) {
		dm_err_free(err);
		err = dm_err_canceled();
	}
	return err;
}

static void
set_stage_locked(struct relay_writer *w, Pb__Stage stage)
{
	dm_mutex_assert_held(&w->mu);
	dm_info("relay changes stage", dm_kstr("source", w->source->source_id),
	    dm_kstr("to", subtask_stage_name(stage)));
	w->stage = stage;
	pthread_cond_broadcast(&w->wake);
}

static void
clear_error_locked(struct relay_writer *w)
{
	dm_err_free(DM_TAKE(w->error));
	w->was_canceled = false;
	w->resume_in_ms = -1;
}

/* False: it ends. */
static bool
wait_for_work(struct relay_writer *w)
{
	bool go;

	dm_mutex_lock(&w->mu);
	while (!w->closing && w->stage != PB__STAGE__Running) {
		int64_t ms = w->resume_in_ms;

		if (ms < 0) {
			dm_cond_wait(&w->wake, &w->mu);
		} else if (!dm_cond_wait_ms(&w->wake, &w->mu, ms) &&
			   w->resume_in_ms == ms) {
			clear_error_locked(w);
			set_stage_locked(w, PB__STAGE__Running);
		}
	}
	go = !w->closing;
	if (go)
		w->run = dm_cancel_new(w->hard);
	dm_mutex_unlock(&w->mu);
	return go;
}

static void
run_ended(struct relay_writer *w, struct dm_err *err)
{
	struct dm_cancel *c;

	dm_mutex_lock(&w->mu);
	c = DM_TAKE(w->run);
	clear_error_locked(w);
	if (dm_err_is_canceled(err)) {
		dm_err_free(err);
		w->was_canceled = true;
	} else {
		w->error = err;
		if (w->source->check_enable && auto_resume_may(err))
			w->resume_in_ms = auto_resume_wait_ms(
			    &w->backoff, dm_mono_now(), g_random_double());
		dm_error("relay failed",
		    dm_kstr("source", w->source->source_id), dm_kerr(err),
		    dm_kint("resume-in-ms", w->resume_in_ms));
	}
	set_stage_locked(w, PB__STAGE__Paused);
	/* Resumed while it was pausing. */
	if (w->was_canceled && w->expected == PB__STAGE__Running &&
	    !dm_canceled(w->hard)) {
		clear_error_locked(w);
		set_stage_locked(w, PB__STAGE__Running);
	}
	dm_mutex_unlock(&w->mu);
	dm_cancel_free(c);
}

static void *
writer_main(void *arg)
{
	struct relay_writer *w = arg;
	struct relay_place none = { 0 };

	while (wait_for_work(w)) {
		relay_hub_set_live(w->hub, true);
		w->changed(w->arg);
		run_ended(w, run(w, w->run));
		if (!relay_writer_is_running(w))
			relay_hub_set_live(w->hub, false);
		w->changed(w->arg);
	}
	/* Its files are of no use to readers that begin now. */
	relay_hub_set_live(w->hub, false);
	relay_hub_publish(w->hub, &none);
	relay_store_free(DM_TAKE(w->store));
	if (w->lock >= 0)
		close(w->lock);
	dm_mutex_lock(&w->mu);
	w->over = true;
	dm_mutex_unlock(&w->mu);
	w->changed(w->arg);
	return NULL;
}

/* ---- from outside ---- */

struct relay_writer *
relay_writer_new(const struct relay_writer_opts *o)
{
	struct relay_writer *w = g_new0(struct relay_writer, 1);

	w->source = dm_source_cfg_copy(o->source);
	dm_db_cfg_copy(&w->given, &o->source->from);
	w->hub = relay_hub_ref(o->hub);
	w->hard = o->hard;
	w->needs = o->needs;
	w->changed = o->changed;
	w->arg = o->arg;
	w->lock = -1;
	g_snprintf(w->host, sizeof(w->host), "dm-relay-%s", g_get_host_name());
	dm_mutex_init(&w->mu, RANK_WRITER);
	dm_cond_init(&w->wake);
	w->stage = w->expected = PB__STAGE__Paused;
	w->was_canceled = true;
	w->resume_in_ms = -1;
	auto_resume_init(&w->backoff, w->source->backoff_max_ms,
	    w->source->backoff_rollback_ms);
	w->thread = dm_thread_start("relay", writer_main, w);
	return w;
}

void
relay_writer_expect(
    struct relay_writer *w, Pb__Stage expected, int64_t revision)
{
	dm_mutex_lock(&w->mu);
	if (revision > w->revision) {
		w->revision = revision;
		w->expected = expected;
		if (expected == PB__STAGE__Running &&
		    w->stage == PB__STAGE__Paused) {
			clear_error_locked(w);
			set_stage_locked(w, PB__STAGE__Running);
		} else if (expected == PB__STAGE__Paused) {
			w->resume_in_ms = -1;
			if (w->run != NULL)
				dm_cancel_now(w->run);
			else if (w->stage == PB__STAGE__Running) {
				w->was_canceled = true;
				set_stage_locked(w, PB__STAGE__Paused);
			}
		}
		pthread_cond_broadcast(&w->wake);
	}
	dm_mutex_unlock(&w->mu);
}

bool
relay_writer_is_running(struct relay_writer *w)
{
	bool running;

	dm_mutex_lock(&w->mu);
	running = w->stage == PB__STAGE__Running;
	dm_mutex_unlock(&w->mu);
	return running;
}

void
relay_writer_close(struct relay_writer *w)
{
	dm_mutex_lock(&w->mu);
	w->closing = true;
	if (w->run != NULL)
		dm_cancel_now(w->run);
	pthread_cond_broadcast(&w->wake);
	dm_mutex_unlock(&w->mu);
}

bool
relay_writer_is_over(struct relay_writer *w)
{
	bool over;

	dm_mutex_lock(&w->mu);
	over = w->over;
	dm_mutex_unlock(&w->mu);
	return over;
}

void
relay_writer_free(struct relay_writer *w)
{
	if (w == NULL)
		return;
	relay_writer_close(w);
	pthread_join(w->thread, NULL);
	relay_hub_free(w->hub);
	dm_source_cfg_free(w->source);
	dm_db_cfg_fini(&w->given);
	dm_err_free(w->error);
	g_free(w->shown.master_gtid);
	g_free(w->shown.gtid);
	g_free(w->shown.dir);
	pthread_cond_destroy(&w->wake);
	dm_mutex_fini(&w->mu);
	g_free(w);
}

/* ---- status ---- */

static char *
dup_text(const char *text)
{
	return strdup(text != NULL ? text : "");
}

static char *
dup_pos(const struct dm_pos *pos)
{
	g_autofree char *text = dm_pos_text(pos);

	return strdup(text);
}

/* DM compares GTID sets where GTIDs are in use. */
static bool
has_caught_up(const struct relay_writer *w)
{
	const struct shown *at = &w->shown;

	if (dm_pos_is_zero(&at->master))
		return false;
	if (w->source->enable_gtid && at->gtid != NULL &&
	    at->master_gtid != NULL && at->gtid[0] != '\0')
		return strcmp(at->gtid, at->master_gtid) == 0;
	return dm_pos_cmp(&at->master, &at->pos) == 0;
}

Pb__RelayStatus *
relay_writer_status(struct relay_writer *w)
{
	Pb__RelayStatus *out = malloc(sizeof(*out));

	dm_assert(out != NULL);
	pb__relay_status__init(out);
	dm_mutex_lock(&w->mu);
	out->masterbinlog = dup_pos(&w->shown.master);
	out->masterbinloggtid = dup_text(w->shown.master_gtid);
	out->relaysubdir = dup_text(w->shown.dir);
	out->relaybinlog = dup_pos(&w->shown.pos);
	out->relaybinloggtid = dup_text(w->shown.gtid);
	out->relaycatchupmaster = has_caught_up(w);
	out->stage = w->stage;
	if (w->stage == PB__STAGE__Paused)
		out->result = process_result_new(w->error, w->was_canceled);
	dm_mutex_unlock(&w->mu);
	return out;
}
