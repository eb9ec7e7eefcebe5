/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that is written: see out.h.
 * PERF: one write() for 1 MiB of events; an event that is larger goes to the
 * file as it is, without a copy.
 */
#include "worker/relay/out.h"

#include "lib/log/log.h"
#include "worker/relay/track.h"

#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <string.h>
#include <unistd.h>

#define BUFFER    ((size_t)1 << 20)
#define FILE_MODE 0600
#define CHECKSUM  4u

static const uint8_t magic[RELAY_FILE_BEGIN] = { 0xfe, 'b', 'i', 'n' };

struct relay_out {
	char *path;
	int fd;
	uint64_t flushed;
	GByteArray *buf;
};

/* ---- what is there ---- */

/* Where the last whole group ends. */
static uint64_t
scan(struct relay_file *f, uint64_t size, struct relay_track *t)
{
	uint64_t off = RELAY_FILE_BEGIN, good = RELAY_FILE_BEGIN;
	struct dm_err *err = NULL;

	while (err == NULL) {
		struct relay_event ev;
		bool whole;

		err = relay_file_event(f, off, size, &ev, &whole);
		if (err != NULL || !whole)
			break;
		off += ev.len;
		err = relay_track_take(
		    t, &f->format, &ev.h, ev.body, ev.body_len, &whole);
		if (err == NULL && whole)
			good = off;
	}
	if (err != NULL)
		dm_warn("the relay log is damaged; it is written anew from "
			"there",
		    dm_kstr("file", f->name), dm_kint("offset", good),
		    dm_kerr(err));
	dm_err_free(err);
	return good;
}

struct dm_err *
relay_out_recover(const struct relay_dir *d, const char *name,
    struct dm_gtid_set *set, uint64_t *end, bool *there)
{
	DM_AUTO(relay_file) f = NULL;
	uint64_t size = 0;
	struct dm_err *err;
	bool ready = false;

	*end = 0;
	err = relay_file_open(d, name, &f, there);
	if (err != NULL || !*there)
		return err;
	err = relay_file_size(f, &size);
	if (err != NULL)
		return err;
	err = relay_file_head(f, size, &ready);
	if (err != NULL)
		dm_warn("the relay log is damaged; the file is written anew",
		    dm_kstr("file", name), dm_kerr(err));
	if (err == NULL && ready) {
		struct relay_track t;

		relay_track_init(&t, dm_gtid_set_copy(set));
		*end = scan(f, size, &t);
		dm_gtid_set_union(set, t.done);
		relay_track_fini(&t);
	}
	dm_err_free(err);
	return NULL;
}

bool
relay_out_is_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL && dot != name && dot[1] != '\0' &&
	       strspn(dot + 1, "0123456789") == strlen(dot + 1) &&
	       strchr(name, '/') == NULL && strlen(name) <= DM_BINLOG_NAME_MAX;
}

/* ---- writing ---- */

static struct dm_err *
failed(const struct relay_out *o, const char *why)
{
	return dm_err_set_cause(
	    dm_err_new(RELAY_WRITER_FILE_OPERATE, o->path), "%s", why);
}

struct dm_err *
relay_out_open(const struct relay_dir *d, const char *name, uint64_t end,
    struct relay_out **out)
{
	DM_AUTO(relay_out) o = g_new0(struct relay_out, 1);

	o->path = g_build_filename(d->path, name, NULL);
	o->buf = g_byte_array_sized_new(BUFFER);
	o->fd = open(o->path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
	if (o->fd < 0 || ftruncate(o->fd, (off_t)end) != 0)
		return failed(o, g_strerror(errno));
	o->flushed = end;
	*out = DM_TAKE(o);
	return NULL;
}

void
relay_out_free(struct relay_out *o)
{
	if (o == NULL)
		return;
	if (o->fd >= 0)
		close(o->fd);
	g_byte_array_unref(o->buf);
	g_free(o->path);
	g_free(o);
}

uint64_t
relay_out_end(const struct relay_out *o)
{
	return o->flushed + o->buf->len;
}

uint64_t
relay_out_flushed(const struct relay_out *o)
{
	return o->flushed;
}

/* All of it, or nothing. */
static struct dm_err *
write_all(struct relay_out *o, const uint8_t *bytes, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t put = pwrite(
		    o->fd, bytes + done, n - done, (off_t)(o->flushed + done));
		int why = errno;

		if (put < 0 && why == EINTR)
			continue;
		if (put <= 0) {
			g_byte_array_set_size(o->buf, 0);
			if (ftruncate(o->fd, (off_t)o->flushed) != 0)
				dm_warn("a torn event stays in the relay log "
					"until the relay goes on",
				    dm_kstr("file", o->path));
			return failed(o, g_strerror(put < 0 ? why : ENOSPC));
		}
		done += (size_t)put;
	}
	o->flushed += n;
	return NULL;
}

struct dm_err *
relay_out_flush(struct relay_out *o)
{
	struct dm_err *err = NULL;

	if (o->buf->len > 0)
		err = write_all(o, o->buf->data, o->buf->len);
	g_byte_array_set_size(o->buf, 0);
	return err;
}

struct dm_err *
relay_out_append(struct relay_out *o, const uint8_t *raw, size_t len)
{
	struct dm_err *err;

	if (relay_out_end(o) == 0)
		g_byte_array_append(o->buf, magic, sizeof(magic));
	if (o->buf->len + len <= BUFFER) {
		g_byte_array_append(o->buf, raw, (guint)len);
		return NULL;
	}
	err = relay_out_flush(o);
	if (err == NULL && len < BUFFER)
		g_byte_array_append(o->buf, raw, (guint)len);
	else if (err == NULL)
		err = write_all(o, raw, len);
	return err;
}

static void
put_le(uint8_t *at, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		at[i] = (uint8_t)(v >> (8 * i));
}

/* FORMAT: an IGNORABLE event with the flag that says so, its body zeroes. */
struct dm_err *
relay_out_fill(struct relay_out *o, uint64_t to, bool checksum)
{
	uint64_t from = relay_out_end(o), len = to - from;
	size_t tail = checksum ? CHECKSUM : 0;
	g_autofree uint8_t *ev = NULL;

	if (len < DM_EVENT_HEADER_SIZE + tail || len > UINT32_MAX) {
		g_autofree char *why = g_strdup_printf(
		    "the source leaves out %" G_GUINT64_FORMAT
		    " bytes at %" G_GUINT64_FORMAT ": no event has this size",
		    len, from);

		return failed(o, why);
	}
	ev = g_malloc0(len);
	ev[0] = 1; /* time 0 would say that it is in no file */
	ev[4] = DM_EV_IGNORABLE;
	put_le(ev + 9, len, 4);
	put_le(ev + 13, to & UINT32_MAX, 4);
	put_le(ev + 17, DM_EVF_IGNORABLE, 2);
	if (checksum)
		put_le(ev + len - CHECKSUM,
		    libdeflate_crc32(0, ev, len - CHECKSUM), CHECKSUM);
	dm_warn("the source leaves out a piece of its binlog file; the relay "
		"log has an event without a meaning there",
	    dm_kstr("file", o->path), dm_kint("offset", from),
	    dm_kint("bytes", len));
	return relay_out_append(o, ev, len);
}

struct dm_err *
relay_out_has(struct relay_out *o, uint64_t off, const uint8_t *raw, size_t len,
    bool *same)
{
	g_autofree uint8_t *ours = g_malloc(len);
	struct dm_err *err = relay_out_flush(o);
	size_t done = 0;

	*same = false;
	while (err == NULL && done < len) {
		ssize_t got =
		    pread(o->fd, ours + done, len - done, (off_t)(off + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			err = failed(o, g_strerror(errno));
		else if (got == 0)
			return NULL; /* it goes beyond our end */
		else
			done += (size_t)got;
	}
	if (err == NULL)
		*same = memcmp(ours, raw, len) == 0;
	return err;
}

struct dm_err *
relay_out_sync(struct relay_out *o)
{
	struct dm_err *err = relay_out_flush(o);

	if (err == NULL && fdatasync(o->fd) != 0)
		err = failed(o, g_strerror(errno));
	return err;
}
