/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a relay log: see reader.h.
 *
 * DESIGN: two places in the file. Up to `scan` events were looked at, up to
 * `safe` the groups are whole; events are handed out from `off` to `safe`.
 * Where the files end is known from the hub alone, never from their sizes,
 * except of a file that the writer has left.
 */
#include "worker/relay/reader.h"

#include "lib/binlog/group.h"
#include "lib/log/log.h"
#include "worker/relay/file.h"

#include <libdeflate.h>
#include <string.h>

#define HEARTBEAT_MS 1000
#define CHECKSUM     4u
#define FLAGS_AT     17
#define LOG_POS_AT   13
#define FDE_IN_USE   0x01u

struct relay_reader {
	struct relay_hub *hub; /* a reference */
	struct dm_cancel *c;   /* owned */
	int64_t heartbeat_ms;
	GPtrArray *dirs; /* struct relay_dir* */
	const struct relay_dir *dir;
	char name[DM_BINLOG_NAME_MAX + 1];
	struct relay_file *file; /* NULL: not there yet */
	uint64_t off, safe, scan;
	struct dm_group group;
	struct dm_gtid_set *last; /* the GTID of the last group begun; NULL */
	GPtrArray *made;   /* GByteArray*: events to be handed out first */
	GByteArray *given; /* of those, the one handed out last */
	bool checksums;    /* in events handed out */
	enum relay_reader_state state;
	struct dm_err *failed; /* found while waiting */
};

/* ---- events that are made up ---- */

static void
put_le(uint8_t *at, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		at[i] = (uint8_t)(v >> (8 * i));
}

/* An event of our own; its end position and flags say that it is in no file. */
static GByteArray *
make_event(uint8_t type, uint64_t log_pos, const void *body, size_t len)
{
	uint8_t head[DM_EVENT_HEADER_SIZE] = { 0 };
	GByteArray *b = g_byte_array_new();

	head[4] = type;
	put_le(head + 9, DM_EVENT_HEADER_SIZE + len, 4);
	put_le(head + LOG_POS_AT, log_pos, 4);
	put_le(head + FLAGS_AT, DM_EVF_ARTIFICIAL, 2);
	g_byte_array_append(b, head, sizeof(head));
	g_byte_array_append(b, body, (guint)len);
	return b;
}

static void
add_checksum(GByteArray *b)
{
	uint8_t sum[CHECKSUM];

	put_le(b->data + 9, b->len + CHECKSUM, 4);
	put_le(sum, libdeflate_crc32(0, b->data, b->len), CHECKSUM);
	g_byte_array_append(b, sum, sizeof(sum));
}

static GByteArray *
make_rotate(const char *name, uint64_t off)
{
	g_autoptr(GByteArray) body = g_byte_array_new();
	uint8_t pos[8];

	put_le(pos, off, sizeof(pos));
	g_byte_array_append(body, pos, sizeof(pos));
	g_byte_array_append(body, (const uint8_t *)name, (guint)strlen(name));
	return make_event(DM_EV_ROTATE, 0, body->data, body->len);
}

static GByteArray *
make_heartbeat(const struct relay_reader *r)
{
	GByteArray *b =
	    make_event(DM_EV_HEARTBEAT, r->off, r->name, strlen(r->name));

	if (r->checksums)
		add_checksum(b);
	return b;
}

/* The format at the head of the file, for a reading that begins behind it: as
 * a server does it, without an end position. */
static struct dm_err *
make_format(struct relay_reader *r, uint64_t limit)
{
	uint8_t head[DM_EVENT_HEADER_SIZE], sum[CHECKSUM];
	struct relay_event ev;
	struct dm_err *err;
	GByteArray *b;
	uint32_t crc;
	bool whole;
	size_t n;

	dm_assert(r->file != NULL);
	err = relay_file_event(r->file, RELAY_FILE_BEGIN, limit, &ev, &whole);
	if (err != NULL || !whole)
		return err;
	memcpy(head, ev.raw, sizeof(head));
	put_le(head + LOG_POS_AT, 0, 4);
	head[FLAGS_AT] &= (uint8_t)~FDE_IN_USE;
	n = ev.len - sizeof(head) - CHECKSUM; /* it has room for one always */
	crc = libdeflate_crc32(0, head, sizeof(head));
	crc = libdeflate_crc32(crc, ev.raw + sizeof(head), n);
	put_le(sum, r->file->format.checksum ? crc : 0, CHECKSUM);
	b = g_byte_array_new();
	g_byte_array_append(b, head, sizeof(head));
	g_byte_array_append(b, ev.raw + sizeof(head), (guint)n);
	g_byte_array_append(b, sum, sizeof(sum));
	g_ptr_array_add(r->made, b);
	return NULL;
}

/* ---- how far the files are whole ---- */

/* *limit: of our file, 0: none of it. True when the writer has left it. */
static bool
limit_of(struct relay_reader *r, struct relay_place *end, uint64_t *limit,
    struct dm_err **err)
{
	struct dm_pos ours = dm_pos_make(r->name, 0), theirs;

	*limit = 0;
	if (!relay_hub_end(r->hub, end)) {
		*end = (struct relay_place){ 0 };
		return false;
	}
	theirs = dm_pos_make(end->pos.name, 0);
	if (end->suffix < r->dir->suffix ||
	    (end->suffix == r->dir->suffix && dm_pos_cmp(&theirs, &ours) < 0))
		return false;
	if (end->suffix == r->dir->suffix && dm_pos_cmp(&theirs, &ours) == 0) {
		*limit = end->pos.pos;
		return false;
	}
	if (r->file != NULL)
		*err = relay_file_size(r->file, limit);
	return true;
}

static struct dm_err *
place_error(const struct relay_reader *r, uint64_t off, const char *why)
{
	return dm_err_set_cause(dm_err_new(PARSER_PARSE_RELAY_LOG, r->name,
				    (long)off, r->dir->path),
	    "%s", why);
}

/* Our file, as soon as it is there with its format. */
static struct dm_err *
open_file(struct relay_reader *r)
{
	struct relay_place end;
	bool left, there = true, ready;
	struct dm_err *err = NULL;
	uint64_t limit;

	if (r->file == NULL)
		err = relay_file_open(r->dir, r->name, &r->file, &there);
	if (err != NULL)
		return err;
	left = limit_of(r, &end, &limit, &err);
	if (err != NULL)
		return err;
	if (!there)
		return left ? place_error(r, 0, "there is no such file") : NULL;
	err = relay_file_head(r->file, limit, &ready);
	if (err == NULL && left && (!ready || limit < r->off))
		err = place_error(r, r->off, "the file ends before that");
	if (err != NULL || !ready || limit < r->off) {
		relay_file_free(DM_TAKE(r->file));
		return err;
	}
	g_ptr_array_add(r->made, make_rotate(r->name, r->off));
	return r->off > RELAY_FILE_BEGIN ? make_format(r, limit) : NULL;
}

static void
enter_file(struct relay_reader *r, const char *name, uint64_t off)
{
	relay_file_free(DM_TAKE(r->file));
	g_strlcpy(r->name, name, sizeof(r->name));
	r->off = r->safe = r->scan = MAX(off, (uint64_t)RELAY_FILE_BEGIN);
	r->group = (struct dm_group){ 0 };
}

/* ---- looking ahead ---- */

static struct dm_err *
note_gtid(struct relay_reader *r, const struct relay_event *ev)
{
	struct dm_err *err;

	dm_gtid_set_free(r->last);
	r->last =
	    dm_gtid_set_new(ev->h.type == DM_EV_MARIADB_GTID ? DM_FLAVOR_MARIADB
							     : DM_FLAVOR_MYSQL);
	err = dm_gtid_set_add_event(r->last, &ev->h, ev->body, ev->body_len);
	return err == NULL ? NULL
			   : relay_file_error(r->file, r->scan, err, NULL);
}

/* Until there is something to hand out, or no more to look at. */
static struct dm_err *
look_ahead(struct relay_reader *r, uint64_t limit)
{
	while (r->off >= r->safe) {
		enum dm_group_part part;
		struct relay_event ev;
		struct dm_err *err;
		bool whole;

		err = relay_file_event(r->file, r->scan, limit, &ev, &whole);
		if (err != NULL || !whole)
			return err;
		part = dm_group_take(
		    &r->group, &r->file->format, &ev.h, ev.body, ev.body_len);
		if (dm_event_is_gtid(ev.h.type)) {
			err = note_gtid(r, &ev);
			if (err != NULL)
				return err;
		}
		if (part == DM_GROUP_HEAD) /* and what it cut off */
			r->safe = r->scan;
		r->scan += ev.len;
		if (part == DM_GROUP_END || part == DM_GROUP_NONE)
			r->safe = r->scan;
	}
	return NULL;
}

/* ---- from file to file ---- */

/* The writer has left our file, and not all of it was handed out: what is left
 * must be a group that was cut off. In the last file of a server it may have
 * been cut inside of an event: whatever is missing is looked for by GTIDs. */
static struct dm_err *
check_tail(const struct relay_reader *r, uint64_t limit, bool last)
{
	if (r->scan < limit && !last)
		return relay_file_error(
		    r->file, r->scan, NULL, "the file ends inside of an event");
	if (r->safe < limit)
		dm_warn("the relay log has a transaction that was cut off; it "
			"is passed over",
		    dm_kstr("dir", r->dir->path), dm_kstr("file", r->name),
		    dm_kint("offset", r->safe), dm_kint("size", limit));
	return NULL;
}

/* What was cut off must not be a thing that its server has done: then a part
 * of the relay log is missing. */
static struct dm_err *
check_cut(const struct relay_reader *r, const char *next)
{
	DM_AUTO(relay_file) f = NULL;
	DM_AUTO(dm_gtid_set) before = NULL;
	struct dm_err *err;
	bool there, known = false;
	uint64_t size = 0;

	if (!r->group.open || r->last == NULL || dm_gtid_set_is_empty(r->last))
		return NULL;
	before = dm_gtid_set_new(dm_gtid_set_flavor(r->last));
	err = relay_file_open(r->dir, next, &f, &there);
	if (err == NULL && there)
		err = relay_file_size(f, &size);
	if (err == NULL && there)
		err = relay_file_gtids(f, size, size, true, before, &known);
	if (err == NULL && known && dm_gtid_set_contains(before, r->last))
		err = relay_file_error(r->file, r->safe, NULL,
		    "the file ends inside of a transaction that the source "
		    "has");
	return err;
}

/* The name of the file behind ours in its sub directory; NULL: none. */
static struct dm_err *
next_name(const struct relay_reader *r, char **next)
{
	g_autoptr(GPtrArray) names = NULL;
	struct dm_pos ours = dm_pos_make(r->name, 0);
	struct dm_err *err = relay_dir_files(r->dir, &names);

	*next = NULL;
	for (guint i = 0; err == NULL && *next == NULL && i < names->len; i++) {
		struct dm_pos p = dm_pos_make(g_ptr_array_index(names, i), 0);

		if (dm_pos_cmp(&p, &ours) > 0)
			*next = g_strdup(p.name);
	}
	return err;
}

/* The number behind the last dot. */
static guint64
number_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot == NULL ? 0 : g_ascii_strtoull(dot + 1, NULL, 10);
}

/* The writer has left our file, and all that is whole was handed out. */
static struct dm_err *
leave_file(
    struct relay_reader *r, const struct relay_place *end, uint64_t limit)
{
	g_autofree char *next = NULL;
	struct dm_err *err = next_name(r, &next);

	if (err == NULL && next == NULL && end->suffix == r->dir->suffix)
		err = place_error(r, r->off, "the file behind it is gone");
	if (err == NULL && next != NULL &&
	    number_of(next) != number_of(r->name) + 1)
		err = place_error(r, r->off, "the file behind it is missing");
	if (err == NULL && r->state != RELAY_READER_LEFT)
		err = check_tail(r, limit, next == NULL);
	if (err == NULL && next != NULL)
		err = check_cut(r, next);
	if (err != NULL)
		return err;
	if (next == NULL)
		r->state = RELAY_READER_LEFT;
	else
		enter_file(r, next, RELAY_FILE_BEGIN);
	return NULL;
}

/* *ready: there is something to hand out. *end: as far as was looked at. */
static struct dm_err *
prepare(struct relay_reader *r, struct relay_place *end, bool *ready)
{
	struct dm_err *err = NULL;
	bool left = true;

	*ready = r->made->len > 0 || r->off < r->safe;
	if (r->state == RELAY_READER_LEFT)
		(void)relay_hub_end(r->hub, end);
	while (
	    err == NULL && !*ready && left && r->state != RELAY_READER_LEFT) {
		uint64_t limit = 0;

		if (r->file == NULL) {
			err = open_file(r);
			*ready = r->made->len > 0;
			if (err != NULL || *ready)
				break;
		}
		left = limit_of(r, end, &limit, &err);
		if (r->file == NULL)
			break; /* still to come */
		if (err == NULL)
			err = look_ahead(r, limit);
		*ready = r->off < r->safe;
		if (err == NULL && !*ready && left)
			err = leave_file(r, end, limit);
	}
	return err;
}

/* ---- the reader ---- */

struct dm_err *
relay_reader_open(struct relay_hub *hub, const struct relay_place *at,
    int64_t heartbeat_ms, struct relay_reader **out)
{
	DM_AUTO(relay_reader) r = g_new0(struct relay_reader, 1);
	struct dm_err *err;

	r->hub = relay_hub_ref(hub);
	r->c = dm_cancel_new(NULL);
	r->heartbeat_ms = heartbeat_ms > 0 ? heartbeat_ms : HEARTBEAT_MS;
	r->made =
	    g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);
	err = relay_dirs_load(relay_hub_dir(hub), &r->dirs);
	if (err != NULL)
		return err;
	r->dir = relay_dirs_at(r->dirs, at->suffix);
	if (r->dir == NULL)
		return dm_err_set_cause(
		    dm_err_new(PARSER_PARSE_RELAY_LOG, at->pos.name,
			(long)at->pos.pos, relay_hub_dir(hub)),
		    "there is no sub directory with suffix %06u", at->suffix);
	enter_file(r, at->pos.name, at->pos.pos);
	err = open_file(r);
	if (err != NULL)
		return err;
	*out = DM_TAKE(r);
	return NULL;
}

static void
give_made(struct relay_reader *r, const uint8_t **raw, size_t *len)
{
	if (r->given != NULL)
		g_byte_array_unref(r->given);
	r->given = g_ptr_array_steal_index(r->made, 0);
	*raw = r->given->data;
	*len = r->given->len;
	if ((*raw)[4] == DM_EV_FORMAT_DESCRIPTION)
		r->checksums = r->file->format.checksum;
}

static struct dm_err *
give_event(struct relay_reader *r, const uint8_t **raw, size_t *len)
{
	struct relay_event ev;
	struct dm_err *err;
	bool whole;

	err = relay_file_event(r->file, r->off, r->safe, &ev, &whole);
	if (err == NULL && !whole)
		err = relay_file_error(
		    r->file, r->off, NULL, "the file was changed");
	if (err != NULL)
		return err;
	if (ev.h.type == DM_EV_FORMAT_DESCRIPTION)
		r->checksums = r->file->format.checksum;
	r->off += ev.len;
	*raw = ev.raw;
	*len = ev.len;
	return NULL;
}

/* Until there may be more; *live: somebody writes. */
static struct dm_err *
await_more(struct relay_reader *r, const struct relay_place *seen, int64_t ms,
    bool *live)
{
	*live = relay_hub_wait(r->hub, seen, ms, r->c);
	return *live ? dm_cancel_check(r->c) : dm_cancel_sleep_ms(r->c, ms);
}

struct dm_err *
relay_reader_next(struct relay_reader *r, const uint8_t **raw, size_t *len)
{
	struct relay_place seen = { 0 };
	struct dm_err *err = DM_TAKE(r->failed);
	bool ready = false, live = true;

	if (err == NULL && r->state == RELAY_READER_STOPPED)
		r->state = RELAY_READER_MORE;
	if (err == NULL)
		err = dm_cancel_check(r->c);
	if (err == NULL)
		err = prepare(r, &seen, &ready);
	if (err == NULL && !ready) {
		err = await_more(r, &seen, r->heartbeat_ms, &live);
		if (err == NULL)
			err = prepare(r, &seen, &ready);
	}
	if (err != NULL)
		return err;
	if (!ready) {
		if (r->state == RELAY_READER_MORE && !live)
			r->state = RELAY_READER_STOPPED;
		g_ptr_array_add(r->made, make_heartbeat(r));
	}
	if (r->made->len == 0)
		return give_event(r, raw, len);
	give_made(r, raw, len);
	return NULL;
}

bool
relay_reader_wait(struct relay_reader *r, int timeout_ms)
{
	struct relay_place seen = { 0 };
	bool ready = false, live;

	if (r->failed == NULL)
		r->failed = prepare(r, &seen, &ready);
	if (r->failed != NULL || ready || timeout_ms == 0)
		return r->failed != NULL || ready;
	r->failed = await_more(r, &seen, timeout_ms, &live);
	if (r->failed == NULL)
		r->failed = prepare(r, &seen, &ready);
	return r->failed != NULL || ready;
}

enum relay_reader_state
relay_reader_state(const struct relay_reader *r)
{
	return r->state;
}

unsigned
relay_reader_suffix(const struct relay_reader *r)
{
	return r->dir->suffix;
}

void
relay_reader_interrupt(void *arg)
{
	struct relay_reader *r = arg;

	dm_cancel_now(r->c);
}

void
relay_reader_free(struct relay_reader *r)
{
	if (r == NULL)
		return;
	relay_file_free(r->file);
	if (r->dirs != NULL)
		g_ptr_array_unref(r->dirs);
	g_ptr_array_unref(r->made);
	if (r->given != NULL)
		g_byte_array_unref(r->given);
	dm_gtid_set_free(r->last);
	dm_err_free(r->failed);
	dm_cancel_free(r->c);
	relay_hub_free(r->hub);
	g_free(r);
}
