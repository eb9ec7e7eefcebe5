/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file of a relay log: see file.h.
 * PERF: events are read in pieces of 256 KiB, and looked at there; an event
 * that is larger makes the buffer grow for as long as it is needed.
 */
#include "worker/relay/file.h"

#include "lib/base/cursor.h"
#include "lib/binlog/group.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE   ((size_t)256 << 10)
#define KEEP    ((size_t)4 << 20)
#define SIZE_AT 9 /* in the header: u32 size of the event */

static const uint8_t magic[RELAY_FILE_BEGIN] = { 0xfe, 'b', 'i', 'n' };

struct dm_err *
relay_file_error(const struct relay_file *f, uint64_t off, struct dm_err *why,
    const char *text)
{
	if (why != NULL)
		return dm_err_wrap(
		    why, PARSER_PARSE_RELAY_LOG, f->name, (long)off, f->dir);
	return dm_err_set_cause(
	    dm_err_new(PARSER_PARSE_RELAY_LOG, f->name, (long)off, f->dir),
	    "%s", text);
}

struct dm_err *
relay_file_open(const struct relay_dir *d, const char *name,
    struct relay_file **out, bool *there)
{
	g_autofree char *path = g_build_filename(d->path, name, NULL);
	DM_AUTO(relay_file) f = g_new0(struct relay_file, 1);

	f->dir = g_strdup(d->path);
	f->name = g_strdup(name);
	f->fd = open(path, O_RDONLY | O_CLOEXEC);
	*there = f->fd >= 0;
	if (f->fd < 0)
		return errno == ENOENT
			   ? NULL
			   : relay_file_error(f, 0, NULL, g_strerror(errno));
	*out = DM_TAKE(f);
	return NULL;
}

void
relay_file_free(struct relay_file *f)
{
	if (f == NULL)
		return;
	if (f->fd >= 0)
		close(f->fd);
	g_free(f->dir);
	g_free(f->name);
	g_free(f->buf);
	g_free(f);
}

struct dm_err *
relay_file_size(const struct relay_file *f, uint64_t *size)
{
	struct stat st;

	if (fstat(f->fd, &st) != 0)
		return relay_file_error(f, 0, NULL, g_strerror(errno));
	*size = (uint64_t)st.st_size;
	return NULL;
}

/* Has [off, off + n) in the buffer; the caller knows that it is there, and
 * asks for no more than `limit`. */
static struct dm_err *
fill(struct relay_file *f, uint64_t off, size_t n, uint64_t limit)
{
	size_t want;

	if (off >= f->at && off + n <= f->at + f->len)
		return NULL;
	want = MAX(n, (size_t)MIN((uint64_t)PIECE, limit - off));
	if (f->cap < want || (f->cap > KEEP && want <= KEEP)) {
		g_free(f->buf);
		f->buf = g_malloc(want);
		f->cap = want;
	}
	f->at = off;
	f->len = 0;
	while (f->len < want) {
		ssize_t got = pread(f->fd, f->buf + f->len, want - f->len,
		    (off_t)(off + f->len));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return relay_file_error(
			    f, off, NULL, g_strerror(errno));
		if (got == 0)
			break;
		f->len += (size_t)got;
	}
	if (f->len >= n)
		return NULL;
	return relay_file_error(f, off, NULL, "the file became smaller");
}

struct dm_err *
relay_file_event(struct relay_file *f, uint64_t off, uint64_t limit,
    struct relay_event *ev, bool *whole)
{
	struct dm_cursor c;
	struct dm_err *err;
	uint64_t size;

	*whole = false;
	if (off + DM_EVENT_HEADER_SIZE > limit)
		return NULL;
	err = fill(f, off, DM_EVENT_HEADER_SIZE, limit);
	if (err != NULL)
		return err;
	c = dm_cursor_of(f->buf + (off - f->at) + SIZE_AT, sizeof(uint32_t));
	size = dm_cursor_u32(&c);
	if (size < DM_EVENT_HEADER_SIZE)
		return relay_file_error(
		    f, off, NULL, "an event of impossible size");
	if (off + size > limit)
		return NULL;
	err = fill(f, off, (size_t)size, limit);
	if (err != NULL)
		return err;
	ev->raw = f->buf + (off - f->at);
	ev->len = (size_t)size;
	err = dm_event_split(
	    &f->format, ev->raw, ev->len, &ev->h, &ev->body, &ev->body_len);
	if (err != NULL)
		return relay_file_error(f, off, err, NULL);
	*whole = true;
	return NULL;
}

struct dm_err *
relay_file_head(struct relay_file *f, uint64_t limit, bool *ready)
{
	struct relay_event ev;
	struct dm_err *err;

	*ready = false;
	if (limit < RELAY_FILE_BEGIN)
		return NULL;
	err = fill(f, 0, RELAY_FILE_BEGIN, limit);
	if (err != NULL)
		return err;
	if (memcmp(f->buf, magic, sizeof(magic)) != 0)
		return relay_file_error(
		    f, 0, NULL, "it does not begin like a binlog file");
	err = relay_file_event(f, RELAY_FILE_BEGIN, limit, &ev, ready);
	if (err != NULL || !*ready)
		return err;
	if (ev.h.type != DM_EV_FORMAT_DESCRIPTION)
		return relay_file_error(f, RELAY_FILE_BEGIN, NULL,
		    "the first event does not describe the format");
	err = dm_format_description_decode(ev.raw, ev.len, &f->format);
	return err == NULL ? NULL
			   : relay_file_error(f, RELAY_FILE_BEGIN, err, NULL);
}

struct dm_err *
relay_file_gtids(struct relay_file *f, uint64_t limit, uint64_t to,
    bool head_only, struct dm_gtid_set *set, bool *known)
{
	uint64_t off = RELAY_FILE_BEGIN;
	struct dm_err *err;
	bool whole;

	*known = false;
	err = relay_file_head(f, limit, &whole);
	while (err == NULL && whole && off < to) {
		struct relay_event ev;

		err = relay_file_event(f, off, limit, &ev, &whole);
		if (err != NULL || !whole)
			break;
		if (head_only && (*known || dm_event_is_gtid(ev.h.type)))
			break;
		*known |= ev.h.type == DM_EV_PREVIOUS_GTIDS ||
			  ev.h.type == DM_EV_MARIADB_GTID_LIST;
		err = dm_gtid_set_add_event(set, &ev.h, ev.body, ev.body_len);
		if (err != NULL)
			err = relay_file_error(f, off, err, NULL);
		off += ev.len;
	}
	if (err == NULL && !head_only && off < to)
		err = relay_file_error(f, off, NULL, "the file ends there");
	return err;
}
