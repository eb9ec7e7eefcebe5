/* SPDX-License-Identifier: Apache-2.0 */
/* The source or its relay log: see feed.h. */
#include "worker/sync/feed.h"

#include "lib/binlog/group.h"
#include "lib/binlog/stream.h"

#include <string.h>

#define HEARTBEAT_S 1

struct feed {
	struct dm_binlog_stream *stream; /* one of both; owned */
	struct relay_reader *reader;
	struct dm_cancel *c; /* borrowed */
	struct dm_cancel_watch watch;
	struct dm_gtid_set *skip; /* NULL: none */
	struct dm_binlog_format format;
	struct dm_group group;
	bool passing;
};

static struct dm_err *
open_source(
    const struct unit_env *env, const struct feed_start *start, struct feed *f)
{
	struct dm_sql_params p =
	    dm_db_cfg_params(&env->source->from, DM_SCOPE_UPSTREAM);
	struct dm_binlog_start s = { .host_name = env->worker,
		.pos = start->pos,
		.gtid = start->gtid,
		.heartbeat_s = HEARTBEAT_S };
	struct dm_sql_conn *conn = NULL;
	struct dm_err *err = dm_sql_connect(&p, false, f->c, &conn);

	if (err != NULL)
		return dm_err_annotate(
		    err, "connect to source %s", env->source->source_id);
	err = dm_binlog_stream_open(conn, &s, &f->stream);
	if (err == NULL)
		dm_cancel_watch(
		    f->c, &f->watch, dm_binlog_stream_interrupt, f->stream);
	return err;
}

static struct dm_err *
open_relay(
    const struct unit_env *env, const struct feed_start *start, struct feed *f)
{
	struct relay_place at = { start->suffix, start->pos };
	struct dm_err *err = relay_reader_open(
	    env->relay, &at, (int64_t)HEARTBEAT_S * 1000, &f->reader);

	if (err == NULL)
		dm_cancel_watch(
		    f->c, &f->watch, relay_reader_interrupt, f->reader);
	return err;
}

struct dm_err *
feed_open(const struct unit_env *env, struct dm_cancel *c,
    const struct feed_start *start, struct feed **out)
{
	DM_AUTO(feed) f = g_new0(struct feed, 1);
	const struct dm_gtid_set *skip = start->skip;
	struct dm_err *err;

	f->c = c;
	if (start->gtid != NULL && start->suffix > 0)
		skip = start->gtid; /* which the source does by itself */
	if (skip != NULL)
		f->skip = dm_gtid_set_copy(skip);
	f->passing = start->passing;
	dm_binlog_format_default(&f->format);
	err = start->suffix > 0 ? open_relay(env, start, f)
				: open_source(env, start, f);
	if (err == NULL)
		*out = DM_TAKE(f);
	return err;
}

/* A transaction that is done has this very name; MariaDB's sets compare by
 * numbers alone. */
static struct dm_err *
check_name(const struct feed *f, const struct dm_event_header *h,
    const uint8_t *body, size_t len)
{
	DM_AUTO(dm_gtid_set) with = dm_gtid_set_copy(f->skip);
	g_autofree char *theirs = NULL, *ours = NULL;
	struct dm_err *err = dm_gtid_set_add_event(with, h, body, len);

	if (err != NULL || h->type != DM_EV_MARIADB_GTID ||
	    !dm_gtid_set_contains(with, f->skip))
		return err; /* an earlier one of its domain */
	theirs = dm_gtid_set_text(with);
	ours = dm_gtid_set_text(f->skip);
	if (strcmp(theirs, ours) == 0)
		return NULL;
	return dm_err_set_workaround(
	    dm_err_set_cause(dm_err_new(SYNCER_GET_EVENT,
				 "the source is another server now, and its "
				 "binlog went another way"),
		"it has %s where this task has %s", theirs, ours),
	    "compare the servers: transactions that only the former source had "
	    "are in the target; then copy anew with `start-task "
	    "--remove-meta`");
}

/* *done: it is among those to be passed over. */
static struct dm_err *
look_up(const struct feed *f, const struct dm_event_header *h,
    const uint8_t *body, size_t len, bool *done)
{
	DM_AUTO(dm_gtid_set) one = dm_gtid_set_new(dm_gtid_set_flavor(f->skip));
	struct dm_err *err;

	*done = false;
	if (h->type == DM_EV_ANONYMOUS_GTID ||
	    (h->type == DM_EV_MARIADB_GTID) !=
		(dm_gtid_set_flavor(f->skip) == DM_FLAVOR_MARIADB))
		return NULL;
	err = dm_gtid_set_add_event(one, h, body, len);
	*done = err == NULL && !dm_gtid_set_is_empty(one) &&
		dm_gtid_set_contains(f->skip, one);
	return *done ? check_name(f, h, body, len) : err;
}

static struct dm_err *
sort_out(struct feed *f, const uint8_t *raw, size_t len, enum feed_part *part)
{
	struct dm_event_header h;
	enum dm_group_part where;
	const uint8_t *body;
	size_t n;
	struct dm_err *err;

	err = dm_event_split(&f->format, raw, len, &h, &body, &n);
	if (err == NULL && h.type == DM_EV_FORMAT_DESCRIPTION)
		err = dm_format_description_decode(raw, len, &f->format);
	if (err != NULL)
		return err;
	/* Made up by a server: in no group, and it ends none. */
	if (h.type == DM_EV_HEARTBEAT || h.type == DM_EV_HEARTBEAT_V2 ||
	    (h.type == DM_EV_ROTATE && h.timestamp == 0) ||
	    (h.type == DM_EV_FORMAT_DESCRIPTION && h.log_pos == 0))
		return NULL;
	where = dm_group_take(&f->group, &f->format, &h, body, n);
	if (where == DM_GROUP_HEAD || where == DM_GROUP_NONE)
		f->passing = false;
	if (dm_event_is_gtid(h.type))
		err = look_up(f, &h, body, n, &f->passing);
	if (f->passing)
		*part = where == DM_GROUP_END ? FEED_PASSED_LAST : FEED_PASSED;
	if (where == DM_GROUP_END)
		f->passing = false;
	return err;
}

struct dm_err *
feed_next(
    struct feed *f, const uint8_t **raw, size_t *len, enum feed_part *part)
{
	struct dm_err *err = f->reader != NULL
				 ? relay_reader_next(f->reader, raw, len)
				 : dm_binlog_stream_next(f->stream, raw, len);

	*part = FEED_EVENT;
	if (err != NULL || f->skip == NULL)
		return err;
	return sort_out(f, *raw, *len, part);
}

bool
feed_wait(struct feed *f, int timeout_ms)
{
	return f->reader != NULL ? relay_reader_wait(f->reader, timeout_ms)
				 : dm_binlog_stream_wait(f->stream, timeout_ms);
}

enum relay_reader_state
feed_state(const struct feed *f)
{
	return f->reader != NULL ? relay_reader_state(f->reader)
				 : RELAY_READER_MORE;
}

bool
feed_is_passing(const struct feed *f)
{
	return f->passing;
}

void
feed_free(struct feed *f)
{
	if (f == NULL)
		return;
	if (f->stream != NULL || f->reader != NULL)
		dm_cancel_unwatch(f->c, &f->watch);
	dm_binlog_stream_free(f->stream);
	relay_reader_free(f->reader);
	dm_gtid_set_free(f->skip);
	g_free(f);
}
