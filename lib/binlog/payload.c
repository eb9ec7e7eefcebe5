/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MySQL's compressed transactions: see event.h.
 *
 * FORMAT of TRANSACTION_PAYLOAD: fields, each a lenenc type, lenenc length and
 * a lenenc value: 1 size of the payload, 2 compression (0 zstd, 255 none), 3
 * its size when uncompressed; type 0 ends them; then the payload: whole events
 * without checksums.
 * DESIGN: the payload is uncompressed as it is read, so that memory holds one
 * inner event at a time, whatever the transaction's size.
 */
#include "lib/binlog/wire.h"

#include <string.h>
#include <zstd.h>

#define PIECE ((size_t)128 << 10) /* memory grows by what has really come */

enum { PAYLOAD_END = 0, PAYLOAD_SIZE = 1, PAYLOAD_TYPE = 2, PAYLOAD_FULL = 3 };
#define PAYLOAD_ZSTD 0
#define PAYLOAD_NONE 255

struct dm_payload {
	struct dm_cursor in; /* of what is not read yet; borrowed */
	ZSTD_DStream *z;     /* NULL: not compressed */
	uint64_t left;       /* uncompressed bytes to come */
	uint8_t *event;      /* the current one, owned */
	size_t room;
	size_t rest; /* what zstd says it still lacks; 0: a frame's end */
};

struct head {
	uint64_t size, type, full;
};

static bool
read_head(struct dm_cursor *c, struct head *h)
{
	uint64_t field;

	*h = (struct head){ .type = PAYLOAD_NONE };
	while ((field = dm_cursor_lenenc(c)) != PAYLOAD_END && !c->failed) {
		uint64_t n = dm_cursor_lenenc(c);
		const uint8_t *p = dm_cursor_bytes(c, (size_t)n);
		struct dm_cursor value;

		if (p == NULL)
			return false;
		value = dm_cursor_of(p, (size_t)n);
		if (field == PAYLOAD_SIZE)
			h->size = dm_cursor_lenenc(&value);
		else if (field == PAYLOAD_TYPE)
			h->type = dm_cursor_lenenc(&value);
		else if (field == PAYLOAD_FULL)
			h->full = dm_cursor_lenenc(&value);
		if (value.failed)
			return false;
	}
	return !c->failed && h->size <= dm_cursor_left(c);
}

struct dm_err *
dm_payload_open(const uint8_t *body, size_t len, struct dm_payload **out)
{
	struct dm_cursor c = dm_cursor_of(body, len);
	struct dm_payload *p;
	struct head h;

	if (!read_head(&c, &h))
		return dm_ev_error_("transaction payload is cut short");
	if (h.type != PAYLOAD_ZSTD && h.type != PAYLOAD_NONE)
		return dm_ev_error_("transaction payload of unknown "
				    "compression %" PRIu64,
		    h.type);
	p = g_new0(struct dm_payload, 1);
	p->in = dm_cursor_of(c.p, (size_t)h.size);
	p->left = h.type == PAYLOAD_ZSTD ? h.full : h.size;
	if (h.type == PAYLOAD_ZSTD) {
		p->z = ZSTD_createDStream();
		dm_assert(p->z != NULL);
	}
	*out = p;
	return NULL;
}

void
dm_payload_free(struct dm_payload *p)
{
	if (p == NULL)
		return;
	ZSTD_freeDStream(p->z);
	g_free(p->event);
	g_free(p);
}

/* Up to n bytes; *got is less only where the payload ends. */
static struct dm_err *
unzstd(struct dm_payload *p, uint8_t *to, size_t n, size_t *got)
{
	ZSTD_outBuffer out = { to, n, 0 };
	ZSTD_inBuffer in = { p->in.p, dm_cursor_left(&p->in), 0 };

	/* Behind a frame without input a call would wait for another one. */
	while (out.pos < n && (in.pos < in.size || p->rest != 0)) {
		size_t before_in = in.pos, before_out = out.pos;

		p->rest = ZSTD_decompressStream(p->z, &out, &in);
		if (ZSTD_isError(p->rest))
			return dm_ev_error_("transaction payload is broken: %s",
			    ZSTD_getErrorName(p->rest));
		if (in.pos == before_in && out.pos == before_out)
			break;
	}
	dm_cursor_skip(&p->in, in.pos);
	*got = out.pos;
	return NULL;
}

static struct dm_err *
read_some(struct dm_payload *p, uint8_t *to, size_t n, size_t *got)
{
	if (p->z != NULL)
		return unzstd(p, to, n, got);
	*got = MIN(n, dm_cursor_left(&p->in));
	memcpy(to, p->in.p, *got);
	dm_cursor_skip(&p->in, *got);
	return NULL;
}

/* Bytes from..to of the current event. */
static struct dm_err *
fill(struct dm_payload *p, size_t from, size_t to)
{
	while (from < to) {
		size_t n = MIN(to - from, PIECE), got = 0;
		struct dm_err *err;

		if (p->room < from + n) {
			p->room = MAX(from + n, MIN(p->room * 2, to));
			p->event = g_realloc(p->event, p->room);
		}
		err = read_some(p, p->event + from, n, &got);
		if (err != NULL)
			return err;
		if (got < n)
			return dm_ev_error_("transaction payload is cut short");
		from += n;
	}
	return NULL;
}

/* Nothing may follow the last event, and no checksum of zstd may be missing. */
static struct dm_err *
check_end(struct dm_payload *p)
{
	uint8_t byte;
	size_t got = 0;
	struct dm_err *err = read_some(p, &byte, 1, &got);

	if (err != NULL)
		return err;
	if (got != 0 || dm_cursor_left(&p->in) != 0 || p->rest != 0)
		return dm_ev_error_("transaction payload of a wrong size");
	return NULL;
}

struct dm_err *
dm_payload_next(struct dm_payload *p, struct dm_event_header *h,
    const uint8_t **body, size_t *len, bool *more)
{
	static const struct dm_binlog_format plain;
	struct dm_cursor c;
	struct dm_err *err;
	size_t size;

	*more = p->left > 0;
	if (p->left == 0)
		return check_end(p);
	if (p->left < DM_EVENT_HEADER_SIZE)
		return dm_ev_error_("transaction payload of a wrong size");
	err = fill(p, 0, DM_EVENT_HEADER_SIZE);
	if (err != NULL)
		return err;
	c = dm_cursor_of(p->event, DM_EVENT_HEADER_SIZE);
	dm_cursor_skip(&c, 9);
	size = dm_cursor_u32(&c);
	if (size < DM_EVENT_HEADER_SIZE || size > p->left ||
	    size > DM_BINLOG_SIZE_MAX)
		return dm_ev_error_("event of impossible size (%zu) in a "
				    "transaction payload",
		    size);
	err = fill(p, DM_EVENT_HEADER_SIZE, size);
	if (err != NULL)
		return err;
	p->left -= size;
	return dm_event_split(&plain, p->event, size, h, body, len);
}
