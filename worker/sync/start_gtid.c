/* SPDX-License-Identifier: Apache-2.0 */
/* The GTID set at a position: see start_gtid.h. SOURCE: data-plane 5.2. */
#include "worker/sync/start_gtid.h"

#include "lib/binlog/group.h"
#include "lib/log/log.h"
#include "worker/sync/feed.h"
#include "worker/sync/lane_meta.h"

#include <string.h>

/* It may be behind what the task has already. */
static bool
relay_reaches(const struct start_gtid *in)
{
	struct dm_pos to = in->at;
	struct relay_place end;

	return relay_hub_end(in->env->relay, &end) &&
	       (end.suffix > in->suffix || dm_pos_cmp(&end.pos, &to) >= 0);
}

/* The relay log has the file; all of it, for a server that is not asked. */
static struct dm_err *
read_relay(const struct start_gtid *in, enum dm_flavor flavor,
    struct dm_gtid_set **out)
{
	DM_AUTO(dm_gtid_set) set = dm_gtid_set_new(flavor);
	struct relay_place at = { in->suffix, in->at };
	struct dm_err *err = relay_gtids_before(in->env->relay, &at, set);

	if (err == NULL)
		*out = DM_TAKE(set);
	return err;
}

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
	if (text == NULL && in->suffix > 0 && relay_reaches(in))
		return read_relay(in, DM_FLAVOR_MARIADB, set); /* purged */
	return dm_gtid_set_parse(
	    DM_FLAVOR_MARIADB, text != NULL ? text : "", set);
}

/* A reading of one file, up to a position. */
struct scan {
	const struct start_gtid *in;
	struct dm_binlog_format format;
	struct dm_gtid_set *set; /* borrowed */
	uint64_t end;            /* of what was read */
	bool done;
};

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
	s->end = dm_event_end(&h, s->end);
	switch (h.type) {
	case DM_EV_FORMAT_DESCRIPTION:
		return dm_format_description_decode(raw, len, &s->format);
	case DM_EV_PREVIOUS_GTIDS:
		err = dm_gtid_set_add_event(s->set, &h, body, n);
		break;
	case DM_EV_GTID:
	case DM_EV_GTID_TAGGED:
		/* The one that begins here is not among those before. */
		if (s->end >= h.size && s->end - h.size < s->in->at.pos)
			err = dm_gtid_set_add_event(s->set, &h, body, n);
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
	s->done |= s->end >= s->in->at.pos;
	return err;
}

static struct dm_err *
scan_file(const struct start_gtid *in, struct dm_gtid_set *set)
{
	struct scan s = { .in = in, .set = set };
	struct feed_start start = { .pos = dm_pos_make(in->at.name, 4) };
	DM_AUTO(feed) f = NULL;
	struct dm_err *err = feed_open(in->env, in->c, &start, &f);

	if (err != NULL)
		return err;
	dm_binlog_format_default(&s.format);
	while (err == NULL && !s.done) {
		enum feed_part part;
		const uint8_t *raw;
		size_t len;

		err = feed_next(f, &raw, &len, &part);
		if (err == NULL)
			err = scan_event(&s, raw, len);
	}
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
	if (saved != NULL)
		pos = dm_pos_plain(&pos);
	if (has_set(&pos, saved, &in->at))
		return dm_gtid_set_parse(DM_FLAVOR_MYSQL, saved, out);
	if (in->suffix > 0 && relay_reaches(in))
		return read_relay(in, DM_FLAVOR_MYSQL, out);
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
	if (!mariadb)
		return find_mysql(in, set);
	/* A server knows of its own binlog alone. */
	return in->is_source || in->suffix == 0 || !relay_reaches(in)
		   ? ask_mariadb(in, set)
		   : read_relay(in, DM_FLAVOR_MARIADB, set);
}
