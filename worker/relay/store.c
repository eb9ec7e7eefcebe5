/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A relay log's sub directory as it is written: see store.h.
 *
 * DESIGN: the place of an event is its end position less its size, so that
 * files are copies whatever the source sends twice or leaves out. Positions
 * have 32 bits: the rest comes from where the stream is.
 */
#include "worker/relay/store.h"

#include "lib/base/clock.h"
#include "lib/log/log.h"
#include "worker/relay/meta.h"
#include "worker/relay/out.h"
#include "worker/relay/track.h"

#include <string.h>

#define SAVE_MS 30000

struct relay_store {
	struct relay_hub *hub; /* a reference */
	struct relay_dir dir;  /* owned strings */
	char name[DM_BINLOG_NAME_MAX + 1];
	struct relay_out *out; /* NULL: not opened yet */
	uint64_t end;          /* of the file, while out is NULL */
	struct relay_track track;
	struct dm_binlog_format format; /* of the stream */
	uint64_t at; /* of the stream: behind its last event */
	uint32_t server_id;
	uint64_t told;        /* what the hub was told last */
	struct dm_mono saved; /* relay.meta */
};

static struct relay_store *
store_new(struct relay_hub *hub, const struct relay_dir *d)
{
	struct relay_store *s = g_new0(struct relay_store, 1);

	s->hub = relay_hub_ref(hub);
	s->dir.path = g_strdup(d->path);
	s->dir.uuid = g_strdup(d->uuid);
	s->dir.suffix = d->suffix;
	s->saved = dm_mono_now();
	dm_binlog_format_default(&s->format);
	return s;
}

void
relay_store_free(struct relay_store *s)
{
	if (s == NULL)
		return;
	relay_out_free(s->out);
	relay_track_fini(&s->track);
	relay_hub_free(s->hub);
	g_free(s->dir.path);
	g_free(s->dir.uuid);
	g_free(s);
}

const struct relay_dir *
relay_store_dir(const struct relay_store *s)
{
	return &s->dir;
}

struct dm_pos
relay_store_pos(const struct relay_store *s)
{
	uint64_t end = s->out != NULL ? relay_out_flushed(s->out) : s->end;

	return dm_pos_make(s->name, MAX(end, (uint64_t)RELAY_FILE_BEGIN));
}

const struct dm_gtid_set *
relay_store_gtids(const struct relay_store *s)
{
	return s->track.done;
}

static void
tell(struct relay_store *s)
{
	struct relay_place end = { s->dir.suffix, relay_store_pos(s) };

	if (end.pos.pos == s->told)
		return;
	s->told = end.pos.pos;
	relay_hub_publish(s->hub, &end);
}

static struct dm_err *
save_meta(struct relay_store *s)
{
	g_autofree char *gtid = dm_gtid_set_text(s->track.done);
	struct relay_meta m = { relay_store_pos(s), gtid };

	s->saved = dm_mono_now();
	return relay_meta_save(&s->dir, &m);
}

/* ---- where it begins ---- */

struct dm_err *
relay_store_begin(struct relay_hub *hub, const struct relay_dir *d,
    const char *name, struct dm_gtid_set *before, struct relay_store **out)
{
	DM_AUTO(relay_store) s = store_new(hub, d);
	struct dm_err *err;

	g_strlcpy(s->name, name, sizeof(s->name));
	relay_track_init(&s->track, before);
	err = save_meta(s);
	if (err != NULL)
		return err;
	tell(s);
	*out = DM_TAKE(s);
	return NULL;
}

/* The newest file, by relay.meta or by what is there. Files of which the
 * source has told nothing cannot be newer than it, but for a crash between a
 * file's first bytes and relay.meta. */
static struct dm_err *
newest(const struct relay_dir *d, const struct relay_meta *m, bool has_meta,
    char name[DM_BINLOG_NAME_MAX + 1])
{
	g_autoptr(GPtrArray) names = NULL;
	struct dm_err *err = relay_dir_files(d, &names);
	struct dm_pos last = { 0 };

	if (err != NULL)
		return err;
	if (names->len > 0)
		last = dm_pos_make(g_ptr_array_index(names, names->len - 1), 0);
	if (has_meta && dm_pos_cmp(&last, &m->pos) <= 0)
		last = m->pos;
	g_strlcpy(name, last.name, DM_BINLOG_NAME_MAX + 1);
	return NULL;
}

static struct dm_err *
read_sets(struct relay_store *s, enum dm_flavor flavor,
    const struct relay_meta *m, struct dm_gtid_set **out)
{
	DM_AUTO(dm_gtid_set) set = dm_gtid_set_new(flavor);
	DM_AUTO(dm_gtid_set) saved = NULL;
	struct dm_err *err;
	bool there = false;

	err = relay_out_recover(&s->dir, s->name, set, &s->end, &there);
	/* A file that is still to come, or its head: what relay.meta says. */
	if (err == NULL && s->end == 0) {
		err = dm_gtid_set_parse(flavor, m->gtid, &saved);
		if (err == NULL)
			dm_gtid_set_union(set, saved);
	}
	if (err == NULL && there && strcmp(s->name, m->pos.name) == 0 &&
	    MAX(s->end, (uint64_t)RELAY_FILE_BEGIN) < m->pos.pos)
		dm_warn("the relay log ends before the place in relay.meta; "
			"what is missing is read from the source again",
		    dm_kstr("file", s->name), dm_kint("end", s->end),
		    dm_kint("meta", m->pos.pos));
	if (err == NULL)
		*out = DM_TAKE(set);
	return err;
}

struct dm_err *
relay_store_recover(struct relay_hub *hub, const struct relay_dir *d,
    enum dm_flavor flavor, struct relay_store **out)
{
	DM_AUTO(relay_store) s = store_new(hub, d);
	struct dm_gtid_set *set = NULL;
	struct relay_meta m;
	struct dm_err *err;
	bool has_meta;

	*out = NULL;
	err = relay_meta_load(d, &m, &has_meta);
	if (err == NULL)
		err = newest(d, &m, has_meta, s->name);
	if (err == NULL && s->name[0] != '\0')
		err = read_sets(s, flavor, &m, &set);
	relay_meta_fini(&m);
	if (err != NULL || set == NULL)
		return err; /* an empty sub directory: none */
	relay_track_init(&s->track, set);
	tell(s);
	*out = DM_TAKE(s);
	return NULL;
}

/* ---- events ---- */

void
relay_store_stream(struct relay_store *s, uint32_t server_id, uint64_t from)
{
	s->server_id = server_id;
	s->at = from;
	dm_binlog_format_default(&s->format);
}

static struct dm_err *
flush(struct relay_store *s)
{
	struct dm_err *err = s->out != NULL ? relay_out_flush(s->out) : NULL;

	tell(s);
	return err;
}

struct dm_err *
relay_store_sync(struct relay_store *s)
{
	struct dm_err *err = s->out != NULL ? relay_out_sync(s->out) : NULL;

	tell(s);
	return err != NULL ? err : save_meta(s);
}

struct dm_err *
relay_store_flush(struct relay_store *s)
{
	if (dm_mono_diff_ms(dm_mono_now(), s->saved) >= SAVE_MS)
		return relay_store_sync(s);
	return flush(s);
}

static struct dm_err *
bad_event(const struct relay_store *s, const char *what, const char *cause)
{
	return dm_err_set_cause(
	    dm_err_new(SYNCER_GET_EVENT, what), "%s: %s", s->name, cause);
}

/* The source goes on in another file; relay.meta says so before it is made. */
static struct dm_err *
enter(struct relay_store *s, const char *name)
{
	struct dm_pos from = dm_pos_make(s->name, 0), to = dm_pos_make(name, 0);
	struct dm_err *err;

	if (strcmp(s->name, name) == 0)
		return NULL;
	if (!relay_out_is_name(name) || dm_pos_cmp(&to, &from) <= 0)
		return bad_event(
		    s, "the source goes on in a file that cannot follow", name);
	err = s->out != NULL ? relay_out_sync(s->out) : NULL;
	tell(s);
	if (err != NULL)
		return err;
	relay_out_free(DM_TAKE(s->out));
	g_strlcpy(s->name, name, sizeof(s->name));
	s->end = s->told = 0;
	s->at = RELAY_FILE_BEGIN;
	err = save_meta(s);
	if (err == NULL)
		tell(s);
	return err;
}

static struct dm_err *
on_rotate(struct relay_store *s, const struct dm_event_header *h, bool made_up,
    const uint8_t *body, size_t len)
{
	struct dm_arena a = { 0 };
	struct dm_ev_rotate ev;
	struct dm_err *err;

	if (made_up && h->server_id != s->server_id)
		return dm_err_set_cause(
		    dm_err_new(ROTATE_EVENT_WITH_DIFFERENT_SERVER_ID),
		    "server_id %u, where it was %u", h->server_id,
		    s->server_id);
	err = dm_rotate_decode(&s->format, body, len, &a, &ev);
	if (err == NULL)
		err = enter(s, ev.next_name);
	if (err == NULL && made_up)
		s->at = ev.pos;
	dm_arena_fini(&a);
	return err;
}

static uint64_t
file_end(const struct relay_store *s)
{
	return s->out != NULL ? relay_out_end(s->out) : s->end;
}

/* The event's own end position, in 64 bits: the one next to where the stream
 * is. */
static uint64_t
full_end(const struct relay_store *s, uint32_t log_pos)
{
	uint64_t end = (s->at & ~(uint64_t)UINT32_MAX) | log_pos;

	if (end < s->at)
		end += (uint64_t)1 << 32;
	return end;
}

static struct dm_err *
check_duplicate(struct relay_store *s, const struct dm_event_header *h,
    uint64_t start, const uint8_t *raw, size_t len)
{
	bool same = h->type == DM_EV_FORMAT_DESCRIPTION;
	struct dm_err *err = NULL;

	if (!same) /* a format's flags change when its file is closed */
		err = relay_out_has(s->out, start, raw, len, &same);
	if (err != NULL || same)
		return err;
	return dm_err_set_cause(
	    dm_err_new(RELAY_CHECK_IS_DUPLICATE_EVENT, s->name, s->dir.path),
	    "%s at offset %" G_GUINT64_FORMAT " is not what is in the file",
	    dm_event_info(h->type, h->flags)->name, start);
}

static struct dm_err *
store(struct relay_store *s, const struct dm_event_header *h,
    const uint8_t *raw, size_t len, bool *is_new)
{
	uint64_t end = full_end(s, h->log_pos), start = end - len;
	bool head = h->type == DM_EV_FORMAT_DESCRIPTION;
	struct dm_err *err = NULL;

	*is_new = false;
	if (end < len + RELAY_FILE_BEGIN)
		return bad_event(s, "an event of an impossible place",
		    dm_event_info(h->type, h->flags)->name);
	if (s->out == NULL)
		err = relay_out_open(&s->dir, s->name, s->end, &s->out);
	if (err != NULL)
		return err;
	s->at = end;
	if (file_end(s) == 0 && (!head || start != RELAY_FILE_BEGIN))
		return bad_event(s,
		    "a file that does not begin with its format",
		    dm_event_info(h->type, h->flags)->name);
	if (file_end(s) > 0 && start < file_end(s))
		return check_duplicate(s, h, start, raw, len);
	*is_new = true;
	if (file_end(s) > 0 && start > file_end(s))
		err = relay_out_fill(s->out, start, s->format.checksum);
	if (err == NULL)
		err = relay_out_append(s->out, raw, len);
	tell(s);
	return err;
}

struct dm_err *
relay_store_take(
    struct relay_store *s, const uint8_t *raw, size_t len, bool *whole)
{
	struct dm_event_header h;
	const uint8_t *body;
	bool made_up, is_new = false;
	struct dm_err *err;
	size_t n;

	*whole = true;
	err = dm_event_split(&s->format, raw, len, &h, &body, &n);
	if (err != NULL)
		return err;
	made_up = h.log_pos == 0 || (h.flags & DM_EVF_ARTIFICIAL) != 0 ||
		  h.type == DM_EV_HEARTBEAT || h.type == DM_EV_HEARTBEAT_V2 ||
		  (h.type == DM_EV_ROTATE && h.timestamp == 0);
	if (h.type == DM_EV_FORMAT_DESCRIPTION)
		err = dm_format_description_decode(raw, len, &s->format);
	if (err == NULL && !made_up)
		err = store(s, &h, raw, len, &is_new);
	if (err == NULL && is_new)
		err =
		    relay_track_take(&s->track, &s->format, &h, body, n, whole);
	if (err == NULL && h.type == DM_EV_ROTATE)
		err = on_rotate(s, &h, made_up, body, n);
	return err;
}
