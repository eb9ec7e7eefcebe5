/* SPDX-License-Identifier: Apache-2.0 */
/* The GTID set at a position: see start_gtid.h. SOURCE: data-plane 5.2. */
#include "worker/sync/start_gtid.h"

#include "lib/binlog/event.h"
#include "lib/binlog/stream.h"
#include "lib/log/log.h"
#include "worker/sync/lane_meta.h"

#include <string.h>

#define HEARTBEAT_S 1

static struct dm_err *
ask_mariadb(const struct start_gtid *in, struct dm_gtid_set **set)
{
	g_autofree char *text = NULL;
	struct dm_err *err;

	err = dm_sql_query_string(in->source, &text,
	    "SELECT BINLOG_GTID_POS('%s',%" G_GUINT64_FORMAT ")", in->at.name,
	    in->at.pos);
	if (err != NULL)
		return err;
	return dm_gtid_set_parse(
	    DM_FLAVOR_MARIADB, text != NULL ? text : "", set);
}

/* A reading of one file, up to a position. */
struct scan {
	const struct start_gtid *in;
	struct dm_binlog_format format;
	struct dm_gtid_set *set; /* borrowed */
	bool done;
};

static struct dm_err *
add_gtid(struct scan *s, uint8_t type, const uint8_t *body, size_t len)
{
	struct dm_ev_mysql_gtid ev;
	struct dm_err *err = dm_mysql_gtid_decode(type, body, len, &ev);

	if (err == NULL && ev.gno > 0)
		dm_gtid_set_add_mysql(s->set, ev.uuid, ev.tag, ev.gno);
	return err;
}

static struct dm_err *
scan_event(struct scan *s, const uint8_t *raw, size_t len)
{
	struct dm_event_header h;
	const uint8_t *body;
	size_t n;
	struct dm_err *err;

	err = dm_event_split(&s->format, raw, len, &h, &body, &n);
	if (err != NULL)
		return err;
	switch (h.type) {
	case DM_EV_FORMAT_DESCRIPTION:
		return dm_format_description_decode(raw, len, &s->format);
	case DM_EV_PREVIOUS_GTIDS:
		err = dm_previous_gtids_decode(body, n, s->set);
		break;
	case DM_EV_GTID:
	case DM_EV_GTID_TAGGED:
		/* The one that begins here is not among those before. */
		if (h.log_pos >= h.size && h.log_pos - h.size < s->in->at.pos)
			err = add_gtid(s, h.type, body, n);
		break;
	case DM_EV_ROTATE:
		s->done = h.timestamp != 0; /* not the one at the beginning */
		break;
	case DM_EV_HEARTBEAT:
	case DM_EV_HEARTBEAT_V2:
		s->done = true;
		break;
	default:
		break;
	}
	s->done |= h.log_pos >= s->in->at.pos;
	return err;
}

static struct dm_err *
open_file(const struct start_gtid *in, struct dm_binlog_stream **st)
{
	struct dm_sql_params p =
	    dm_db_cfg_params(&in->env->source->from, DM_SCOPE_UPSTREAM);
	struct dm_binlog_start start = { .host_name = in->env->worker,
		.pos = dm_pos_make(in->at.name, 4),
		.heartbeat_s = HEARTBEAT_S };
	struct dm_sql_conn *conn = NULL;
	struct dm_err *err = dm_sql_connect(&p, false, in->c, &conn);

	return err != NULL ? err : dm_binlog_stream_open(conn, &start, st);
}

static struct dm_err *
scan_file(const struct start_gtid *in, struct dm_gtid_set *set)
{
	struct scan s = { .in = in, .set = set };
	DM_AUTO(dm_binlog_stream) st = NULL;
	struct dm_cancel_watch watch = { 0 };
	struct dm_err *err = open_file(in, &st);

	if (err != NULL)
		return err;
	dm_binlog_format_default(&s.format);
	dm_cancel_watch(in->c, &watch, dm_binlog_stream_interrupt, st);
	while (err == NULL && !s.done) {
		const uint8_t *raw;
		size_t len;

		err = dm_binlog_stream_next(st, &raw, &len);
		if (err == NULL)
			err = scan_event(&s, raw, len);
	}
	dm_cancel_unwatch(in->c, &watch);
	return err == NULL ? NULL
			   : dm_err_annotate(err,
				 "read the GTIDs before the start position");
}

static bool
has_set(const struct dm_pos *pos, const char *gtid, const struct dm_pos *at)
{
	return gtid != NULL && gtid[0] != '\0' && dm_pos_cmp(pos, at) == 0;
}

static struct dm_err *
find_mysql(const struct start_gtid *in, struct dm_gtid_set **out)
{
	DM_AUTO(dm_gtid_set) set = dm_gtid_set_new(DM_FLAVOR_MYSQL);
	g_autofree char *saved = NULL, *mode = NULL;
	struct dm_pos pos;
	struct dm_err *err;

	if (has_set(&in->known, in->known_gtid, &in->at))
		return dm_gtid_set_parse(DM_FLAVOR_MYSQL, in->known_gtid, out);
	err = lane_meta_load_dm_checkpoint(in->meta, in->target, &pos, &saved);
	if (err != NULL)
		return err;
	if (has_set(&pos, saved, &in->at))
		return dm_gtid_set_parse(DM_FLAVOR_MYSQL, saved, out);
	err =
	    dm_sql_query_string(in->source, &mode, "SELECT @@GLOBAL.gtid_mode");
	if (err == NULL && g_strcmp0(mode, "OFF") != 0)
		err = scan_file(in, set);
	if (err == NULL)
		*out = DM_TAKE(set);
	return err;
}

struct dm_err *
start_gtid_find(const struct start_gtid *in, struct dm_gtid_set **set)
{
	bool mariadb = dm_sql_is_mariadb(in->source);

	if (in->at.name[0] == '\0') {
		*set = dm_gtid_set_new(
		    mariadb ? DM_FLAVOR_MARIADB : DM_FLAVOR_MYSQL);
		return NULL;
	}
	return mariadb ? ask_mariadb(in, set) : find_mysql(in, set);
}
