/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The places of a task become those of another server, by GTIDs: where the
 * relay log goes on with another one, or the source is another one and no relay
 * log has the rest of the former. SOURCE: data-plane 10.5.
 *
 * DESIGN: all lanes stand at one place, and the set of transactions before it
 * is known. The other server's binlog is read, in the relay log or there, up to
 * its first transaction that is not in the set: that is the place now. It
 * may have written others in another order; these are kept as a set that is
 * passed over from now on. One transaction in the target changes all of it.
 */
#include "lib/binlog/group.h"
#include "lib/binlog/stream.h"
#include "lib/log/log.h"
#include "worker/sync/sync_internal.h"

#include <string.h>

#define WRITE_MS 5000
#define POLL_MS  100

static struct dm_err *
changed(const struct run *r, const char *why)
{
	return dm_err_set_cause(
	    dm_err_new(SOURCE_CHANGED, r->source_server, r->origin.server),
	    "%s", why);
}

/* What waits for places of the former server cannot go along. */
static struct dm_err *
check_can_leave(struct run *r)
{
	g_autofree char *table = meta_table_name(r->meta, "dm_intent");
	g_autofree char *intents = NULL;
	struct dm_err *err;

	if (!lane_marks_are_level(r->d.resume, r->d.n_lanes))
		return changed(
		    r, "the lanes of this task stand at different places");
	if (undecided_first(&r->d.undecided) != NULL)
		return changed(r, "an XA transaction was prepared at the "
				  "former server and not decided there");
	err = dm_sql_query_string(r->target, &intents,
	    "SELECT COUNT(*) FROM %s WHERE %s", table, r->meta->key);
	if (err == NULL && g_strcmp0(intents, "0") != 0)
		err = changed(r, "a DDL of the former server was begun and is "
				 "not known to be done");
	return err;
}

/* The transactions in front of the lanes' place. */
static struct dm_err *
done_so_far(struct run *r, struct dm_gtid_set **set)
{
	struct dm_pos at = r->d.resume[0].done, saved;
	struct relay_place in_log = { .pos = at };
	g_autofree char *text = NULL;
	struct dm_err *err;

	err = lane_meta_load_dm_checkpoint(r->meta, r->target, &saved, &text);
	if (err != NULL)
		return err;
	if (text != NULL)
		saved = dm_pos_plain(&saved);
	if (text != NULL && text[0] != '\0' && dm_pos_cmp(&saved, &at) == 0)
		return dm_gtid_set_parse(sync_flavor(r), text, set);
	err =
	    origin_find(r->u->env.relay, r->origin.server, &at, &in_log.suffix);
	if (err != NULL)
		return err;
	if (in_log.suffix == 0)
		return changed(
		    r, "the GTID set of the last place is not known");
	*set = dm_gtid_set_new(sync_flavor(r));
	return relay_gtids_before(r->u->env.relay, &in_log, *set);
}

/* Reads until the first event that is not passed over. */
static struct dm_err *
read_to_new(struct run *r, struct feed *f, struct dm_pos *at)
{
	struct dm_binlog_format format;
	struct dm_arena arena = { 0 };
	struct dm_err *err = NULL;
	bool found = false;

	dm_binlog_format_default(&format);
	while (err == NULL && !found) {
		struct dm_event_header h;
		struct dm_ev_rotate rotate = { 0 };
		const uint8_t *raw, *body;
		enum feed_part part;
		size_t len, n;

		err = feed_next(f, &raw, &len, &part);
		if (err == NULL)
			err = dm_event_split(&format, raw, len, &h, &body, &n);
		if (err != NULL)
			break;
		if (h.type == DM_EV_FORMAT_DESCRIPTION)
			err = dm_format_description_decode(raw, len, &format);
		if (h.type == DM_EV_ROTATE)
			err =
			    dm_rotate_decode(&format, body, n, &arena, &rotate);
		if (err == NULL && h.type == DM_EV_ROTATE)
			*at = dm_pos_make(rotate.next_name, rotate.pos);
		if (part != FEED_EVENT || h.log_pos < h.size)
			continue;
		if (h.type == DM_EV_ANONYMOUS_GTID)
			err = changed(r, "its transactions have no GTIDs");
		found = dm_event_is_gtid(h.type) ||
			((h.type == DM_EV_HEARTBEAT ||
			     h.type == DM_EV_HEARTBEAT_V2) &&
			    h.log_pos > 4 && at->name[0] != '\0');
		if (found)
			at->pos = dm_event_is_gtid(h.type) ? h.log_pos - h.size
							   : h.log_pos;
	}
	dm_arena_fini(&arena);
	return err;
}

/* The place in the relay log; *found is false when it has none. */
static struct dm_err *
find_in_log(struct run *r, const struct dm_gtid_set *set,
    struct relay_place *at, bool *found)
{
	/* What the next sub directory begins with may just be written. */
	int tries = r->left > 0 ? WRITE_MS / POLL_MS : 1;
	struct dm_err *err = NULL;

	*found = false;
	for (int i = 0; err == NULL && !*found && i < tries; i++) {
		if (i > 0)
			err = dm_cancel_sleep_ms(r->c, POLL_MS);
		if (err == NULL)
			err = relay_find_gtid(
			    r->u->env.relay, r->left, set, at, found);
	}
	return err;
}

static struct dm_err *
read_place(struct run *r, const struct feed_start *s, struct dm_pos *at)
{
	DM_AUTO(feed) f = NULL;
	struct dm_err *err = feed_open(&r->u->env, r->c, s, &f);

	*at = (struct dm_pos){ 0 };
	return err == NULL ? read_to_new(r, f, at) : err;
}

/* *suffix: the relay log goes on there; 0: the source. */
static struct dm_err *
find_place(struct run *r, const struct dm_gtid_set *set, struct dm_pos *at,
    unsigned *suffix)
{
	struct feed_start s = { .gtid = set };
	struct relay_place in_log = { 0 };
	struct dm_err *err = NULL;
	bool found = false;

	if (r->u->env.relay != NULL)
		err = find_in_log(r, set, &in_log, &found);
	if (err != NULL)
		return err;
	if (!found && r->origin.server != NULL &&
	    origin_is_same(r->origin.server, r->source_server))
		return changed(r, "the relay log goes on with another server, "
				  "from a later transaction");
	s.pos = in_log.pos;
	s.suffix = *suffix = found ? in_log.suffix : 0;
	return read_place(r, &s, at);
}

/* The name of the server whose binlog is read from now on. */
static struct dm_err *
name_server(struct run *r, unsigned suffix, char **server)
{
	g_autoptr(GPtrArray) dirs = NULL;
	const struct relay_dir *d;
	struct dm_err *err;

	*server = g_strdup(r->source_server);
	if (suffix == 0)
		return NULL;
	err = relay_dirs_load(relay_hub_dir(r->u->env.relay), &dirs);
	d = err == NULL ? relay_dirs_at(dirs, suffix) : NULL;
	if (d != NULL) {
		g_free(*server);
		*server = g_strdup(d->uuid);
	}
	return err;
}

struct dm_err *
sync_find_place(struct run *r, const struct dm_gtid_set *set, struct dm_pos *at)
{
	const struct feed_start at_source = { .gtid = set };
	g_autofree char *server = NULL;
	unsigned suffix = 0;
	struct dm_err *err;

	err = find_place(r, set, at, &suffix);
	if (err == NULL)
		err = name_server(r, suffix, &server);
	if (err != NULL || origin_is_same(server, r->source_server))
		return err;
	return read_place(r, &at_source, at); /* of a former one */
}

/* MariaDB's domains are each in one order on all servers. */
bool
sync_may_come_again(const struct dm_gtid_set *set)
{
	g_autofree char *text = dm_gtid_set_text(set);

	return dm_gtid_set_flavor(set) != DM_FLAVOR_MARIADB ||
	       strchr(text, ',') != NULL;
}

static struct dm_err *
forget_places(struct run *r)
{
	g_autofree char *tables = meta_table_name(r->meta, "dm_table");
	g_autofree char *ops = meta_table_name(r->meta, "dm_operator");
	struct dm_err *err;

	err = dm_sql_execf(r->target,
	    "UPDATE %s SET snap_lo_name='', snap_lo_pos=0, snap_hi_name='', "
	    "snap_hi_pos=0 WHERE %s",
	    tables, r->meta->key);
	return err != NULL ? err
			   : dm_sql_execf(r->target, "DELETE FROM %s WHERE %s",
				 ops, r->meta->key);
}

static struct dm_err *
save(struct run *r, const struct dm_pos *at, const char *gtid)
{
	struct dm_err *err = dm_sql_execf(r->target, "BEGIN");

	if (err == NULL)
		err = meta_save_phase(
		    r->meta, r->target, META_PHASE_SYNC, at, gtid);
	if (err == NULL)
		err = lane_meta_move(r->meta, r->target, r->d.n_lanes, at);
	if (err == NULL)
		err = forget_places(r);
	if (err == NULL)
		err = origin_save(r->meta, r->target, &r->origin);
	if (err == NULL)
		err = dm_sql_execf(r->target, "COMMIT");
	return err;
}

/* Up to where rows may be in the target: not less far on this server. */
static struct dm_err *
move_safe_end(struct run *r, unsigned suffix)
{
	bool safe = dm_pos_cmp(&r->d.resume[0].done, &r->d.safe_end) < 0;

	if (!safe)
		r->d.safe_end = (struct dm_pos){ 0 };
	if (!safe)
		return NULL;
	if (suffix > 0)
		return changed(r, "what the original did behind its checkpoint "
				  "is not done again yet");
	return dm_binlog_master_status(r->source, &r->d.safe_end, NULL);
}

static void
take_place(struct run *r, const struct dm_pos *at, char *gtid)
{
	for (unsigned i = 0; i < r->d.n_lanes; i++)
		r->d.resume[i] = (struct lane_mark){ .done = *at };
	r->from = r->d.resume_low = r->known = *at;
	g_free(r->known_gtid);
	r->known_gtid = gtid;
}

struct dm_err *
sync_rebase(struct run *r, unsigned *suffix)
{
	DM_AUTO(dm_gtid_set) set = NULL;
	g_autofree char *server = NULL, *text = NULL, *was = NULL;
	struct dm_pos at;
	struct dm_err *err;

	err = check_can_leave(r);
	if (err == NULL)
		err = done_so_far(r, &set);
	if (err == NULL && dm_gtid_set_is_empty(set))
		err = changed(r, "the former server had no GTIDs");
	if (err == NULL)
		err = find_place(r, set, &at, suffix);
	if (err == NULL)
		err = name_server(r, *suffix, &server);
	if (err != NULL)
		return err;
	err = move_safe_end(r, *suffix);
	if (err != NULL)
		return err;
	text = dm_gtid_set_text(set);
	was = DM_TAKE(r->origin.server);
	g_free(r->origin.skip);
	r->origin.server = DM_TAKE(server);
	r->origin.skip = sync_may_come_again(set) ? g_strdup(text) : NULL;
	err = save(r, &at, text);
	if (err == NULL)
		err = lane_meta_save_dm_checkpoint(
		    r->meta, r->target, &at, text, &r->d.safe_end);
	if (err != NULL)
		return err;
	dm_info("the binlog goes on at another server",
	    dm_kstr("task", r->u->env.task->name), dm_kstr("former", was),
	    dm_kstr("server", r->origin.server), dm_kstr("gtid", text),
	    dm_kstr("binlog", at.name), dm_kint("position", at.pos));
	take_place(r, &at, DM_TAKE(text));
	return NULL;
}
