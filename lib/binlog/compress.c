/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compressed parts of events: see wire.h, event.h.
 * DESIGN: a length that claims more than the algorithm can give is refused
 * before memory is taken.
 */
#include "lib/binlog/wire.h"

#include <zlib.h>

#define ZLIB_RATIO_MAX ((size_t)1032) /* of deflate, by its design */
#define RATIO_SLACK    ((size_t)1024)

#define COLUMN_METHOD_ZLIB 8
#define COLUMN_RAW_DEFLATE 0x08

/* Inflate all of c into exactly size bytes. */
static bool
inflate_into(struct dm_cursor *c, int window_bits, uint8_t *out, size_t size)
{
	z_stream z = { 0 };
	int rc;

	if (size > UINT32_MAX || dm_cursor_left(c) > UINT32_MAX)
		return false;
	if (inflateInit2(&z, window_bits) != Z_OK)
		return false;
	z.avail_in = (uInt)dm_cursor_left(c);
	/* zlib's type lacks const; it does not write there. */
	z.next_in = (Bytef *)(uintptr_t)c->p;
	z.avail_out = (uInt)size;
	z.next_out = out;
	rc = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	return rc == Z_STREAM_END && z.total_out == size;
}

static bool
size_is_plausible(size_t size, const struct dm_cursor *c)
{
	return size <= DM_BINLOG_SIZE_MAX &&
	       size <= dm_cursor_left(c) * ZLIB_RATIO_MAX + RATIO_SLACK;
}

struct dm_err *
dm_inflate_event_(const uint8_t *p, size_t len, GBytes **out)
{
	struct dm_cursor c = dm_cursor_of(p, len);
	uint8_t header = dm_cursor_u8(&c);
	unsigned n = header & 7;
	uint8_t *bytes;
	size_t size;

	if ((header & 0xf8) != 0x80 || n == 0 || n > 4)
		return dm_ev_error_(
		    "unknown compression 0x%02x of an event", header);
	size = (size_t)dm_cursor_be(&c, n);
	if (c.failed || !size_is_plausible(size, &c))
		return dm_ev_error_("compressed event of impossible size");
	bytes = g_malloc(size + 1);
	if (!inflate_into(&c, MAX_WBITS, bytes, size)) {
		g_free(bytes);
		return dm_ev_error_("compressed event is broken");
	}
	*out = g_bytes_new_take(bytes, size);
	return NULL;
}

bool
dm_inflate_column_(const uint8_t *p, size_t len, struct dm_arena *a,
    const char **out, size_t *out_len)
{
	struct dm_cursor c = dm_cursor_of(p, len);
	uint8_t header;
	uint8_t *bytes;
	size_t size;

	*out = (const char *)p;
	*out_len = 0;
	if (len == 0)
		return true;
	header = dm_cursor_u8(&c);
	if (header >> 4 == 0) {
		*out = (const char *)c.p;
		*out_len = dm_cursor_left(&c);
		return true;
	}
	if (header >> 4 != COLUMN_METHOD_ZLIB || (header & 7) == 0)
		return false;
	size = (size_t)dm_cursor_be(&c, header & 7);
	if (c.failed || !size_is_plausible(size, &c))
		return false;
	bytes = dm_arena_alloc(a, size + 1);
	*out = (const char *)bytes;
	*out_len = size;
	return inflate_into(&c,
	    (header & COLUMN_RAW_DEFLATE) != 0 ? -MAX_WBITS : MAX_WBITS, bytes,
	    size);
}
