/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frame and plain events of a binlog: see event.h.
 *
 * FORMAT of an event: u32 timestamp, u8 type, u32 server, u32 size, u32 end
 * position, u16 flags; the post-header, whose length FORMAT_DESCRIPTION tells
 * per type; the body; u32 CRC32 of all before it, where switched on.
 * FORMAT of FORMAT_DESCRIPTION: u16 version 4, server version[50], u32
 * created, u8 header size 19, u8 post-header lengths[n], u8 checksum
 * algorithm, u32 CRC32.
 * FORMAT of QUERY: u32 thread, u32 seconds, u8 schema length, u16 error, u16
 * length of status variables; these; schema, NUL; SQL.
 */
#include "lib/binlog/event.h"

#include "lib/binlog/position.h"
#include "lib/binlog/wire.h"

#include <libdeflate.h>
#include <stdarg.h>
#include <string.h>

#define CHECKSUM_SIZE  4u
#define CHECKSUM_CRC32 1
#define FDE_TAIL       5u
#define QUERY_POST     13u
#define FLAGS_OFFSET   17u
#define FDE_IN_USE     0x01 /* set in an open file, not in its checksum */

/* flags2 of QUERY */
#define OPTION_NO_FK_CHECKS   0x04000000u
#define OPTION_RELAXED_UNIQUE 0x08000000u

struct dm_err *
dm_ev_error_(const char *fmt, ...)
{
	g_autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	return dm_err_new(SYNCER_GET_EVENT, text);
}

void
dm_binlog_format_default(struct dm_binlog_format *f)
{
	*f = (struct dm_binlog_format){ 0 };
}

size_t
dm_post_header_(const struct dm_binlog_format *f, uint8_t type, size_t least)
{
	size_t n = type > 0 ? f->post_header_len[type - 1] : 0;

	return n > least ? n : least;
}

/* The CRC32 of zlib. PERF: libdeflate has it in instructions of the processor,
 * zlib has not; it was a third of the time of decoding. */
static uint32_t
crc32_of(uint32_t crc, const uint8_t *p, size_t n)
{
	return libdeflate_crc32(crc, p, n);
}

static bool
checksum_is_right(const uint8_t *raw, size_t len)
{
	struct dm_cursor c;

	if (len < DM_EVENT_HEADER_SIZE + CHECKSUM_SIZE)
		return false;
	c = dm_cursor_of(raw + len - CHECKSUM_SIZE, CHECKSUM_SIZE);
	return crc32_of(0, raw, len - CHECKSUM_SIZE) == dm_cursor_u32(&c);
}

/*
 * Whether the event ends in a checksum. The rotate events that a server makes
 * up at the start of a stream, and between files, come before the format they
 * are written in: with those the checksum itself must tell.
 */
static bool
has_checksum(const struct dm_binlog_format *f, const uint8_t *raw, size_t len,
    const struct dm_event_header *h)
{
	if (h->type == DM_EV_FORMAT_DESCRIPTION)
		return false; /* its decoder looks after it */
	if (h->type == DM_EV_ROTATE && h->timestamp == 0)
		return checksum_is_right(raw, len);
	return f->checksum;
}

struct dm_err *
dm_event_split(const struct dm_binlog_format *f, const uint8_t *raw, size_t len,
    struct dm_event_header *h, const uint8_t **body, size_t *body_len)
{
	struct dm_cursor c = dm_cursor_of(raw, len);
	bool checksum;

	h->timestamp = dm_cursor_u32(&c);
	h->type = dm_cursor_u8(&c);
	h->server_id = dm_cursor_u32(&c);
	h->size = dm_cursor_u32(&c);
	h->log_pos = dm_cursor_u32(&c);
	h->flags = dm_cursor_u16(&c);
	if (c.failed || h->size != len)
		return dm_ev_error_(
		    "event of %zu bytes says it has %u", len, h->size);
	checksum = has_checksum(f, raw, len, h);
	if (checksum && !checksum_is_right(raw, len))
		return dm_ev_error_(
		    "binlog checksum mismatch, data may be corrupted (%s, "
		    "server %u, end position %u)",
		    dm_event_info(h->type, h->flags)->name, h->server_id,
		    h->log_pos);
	*body = c.p;
	*body_len = dm_cursor_left(&c) - (checksum ? CHECKSUM_SIZE : 0);
	return NULL;
}

uint64_t
dm_event_end(const struct dm_event_header *h, uint64_t before)
{
	uint64_t end = (before & ~UINT64_C(0xffffffff)) | h->log_pos;

	if (!dm_event_has_place(h))
		return before;
	if (end + (UINT64_C(1) << 31) < before)
		end += UINT64_C(1) << 32;
	return MAX(end, before);
}

static bool
fde_checksum_is_right(const uint8_t *raw, size_t len)
{
	uint8_t head[DM_EVENT_HEADER_SIZE];
	struct dm_cursor c =
	    dm_cursor_of(raw + len - CHECKSUM_SIZE, CHECKSUM_SIZE);
	uint32_t crc;

	memcpy(head, raw, sizeof(head));
	head[FLAGS_OFFSET] &= (uint8_t)~FDE_IN_USE;
	crc = crc32_of(0, head, sizeof(head));
	crc = crc32_of(
	    crc, raw + sizeof(head), len - sizeof(head) - CHECKSUM_SIZE);
	return crc == dm_cursor_u32(&c);
}

struct dm_err *
dm_format_description_decode(
    const uint8_t *raw, size_t len, struct dm_binlog_format *out)
{
	struct dm_cursor c = dm_cursor_of(raw, len);
	struct dm_binlog_format f = { 0 };
	const uint8_t *name;
	uint16_t version;

	dm_cursor_skip(&c, DM_EVENT_HEADER_SIZE);
	version = dm_cursor_u16(&c);
	name = dm_cursor_bytes(&c, sizeof(f.server_version) - 1);
	dm_cursor_skip(&c, 4);
	if (dm_cursor_u8(&c) != DM_EVENT_HEADER_SIZE || c.failed ||
	    version != 4)
		return dm_ev_error_(
		    "binlog of version %u is not supported", version);
	if (dm_cursor_left(&c) < FDE_TAIL ||
	    dm_cursor_left(&c) - FDE_TAIL > sizeof(f.post_header_len))
		return dm_ev_error_("format description of impossible size");
	memcpy(f.server_version, name, sizeof(f.server_version) - 1);
	f.n_types = (unsigned)(dm_cursor_left(&c) - FDE_TAIL);
	memcpy(f.post_header_len, dm_cursor_bytes(&c, f.n_types), f.n_types);
	f.checksum = dm_cursor_u8(&c) == CHECKSUM_CRC32;
	if (f.checksum && !fde_checksum_is_right(raw, len))
		return dm_ev_error_("binlog checksum mismatch, data may be "
				    "corrupted (FORMAT_DESCRIPTION_EVENT)");
	*out = f;
	return NULL;
}

struct dm_err *
dm_rotate_decode(const struct dm_binlog_format *f, const uint8_t *body,
    size_t len, struct dm_arena *a, struct dm_ev_rotate *ev)
{
	struct dm_cursor c = dm_cursor_of(body, len);
	size_t post = dm_post_header_(f, DM_EV_ROTATE, 8), n;
	uint64_t pos = dm_cursor_u64(&c);

	dm_cursor_skip(&c, post - 8);
	n = dm_cursor_left(&c);
	if (c.failed || n == 0 || n > DM_BINLOG_NAME_MAX)
		return dm_ev_error_("rotate event without a file name");
	for (size_t i = 0; i < n; i++) {
		if (c.p[i] < ' ' || c.p[i] == 0x7f)
			return dm_ev_error_(
			    "rotate event with a broken file name");
	}
	ev->pos = pos;
	ev->next_name = dm_arena_strndup(a, (const char *)c.p, n);
	return NULL;
}

/* What follows the code of a status variable; false for an unknown one. */
static bool
skip_status_var(struct dm_cursor *c, uint8_t code)
{
	static const uint8_t sizes[] = { 4, 8, 0, 4, 6, 0, 0, 2, 2, 8, 4, 0, 0,
		3, 0, 0, 1, 8, 2, 1, 1 };
	unsigned n;

	switch (code) {
	case 2: /* catalog, with a NUL behind it */
		dm_cursor_skip(c, (size_t)dm_cursor_u8(c) + 1);
		return true;
	case 5: /* time zone */
	case 6: /* catalog */
		dm_cursor_skip(c, dm_cursor_u8(c));
		return true;
	case 11: /* invoker: user, host */
		dm_cursor_skip(c, dm_cursor_u8(c));
		dm_cursor_skip(c, dm_cursor_u8(c));
		return true;
	case 12: /* updated databases; 254: too many, none are named */
		n = dm_cursor_u8(c);
		for (n = n == 254 ? 0 : n; n > 0 && !c->failed; n--) {
			while (dm_cursor_u8(c) != 0)
				;
		}
		return true;
	case 128: /* MariaDB: microseconds */
		dm_cursor_skip(c, 3);
		return true;
	case 129: /* MariaDB: xid of a DDL */
		dm_cursor_skip(c, 8);
		return true;
	default:
		if (code >= DM_ARRAY_SIZE(sizes))
			return false;
		dm_cursor_skip(c, sizes[code]);
		return true;
	}
}

static void
use_status_var(
    struct dm_cursor c, uint8_t code, struct dm_arena *a, struct dm_ev_query *e)
{
	const uint8_t *text;
	uint32_t flags2;
	uint8_t n;

	switch (code) {
	case 0:
		flags2 = dm_cursor_u32(&c);
		e->foreign_key_checks_off = (flags2 & OPTION_NO_FK_CHECKS) != 0;
		e->unique_checks_off = (flags2 & OPTION_RELAXED_UNIQUE) != 0;
		break;
	case 1:
		e->sql_mode = dm_cursor_u64(&c);
		e->has_sql_mode = !c.failed;
		break;
	case 4:
		e->client_charset = dm_cursor_u16(&c);
		e->connection_collation = dm_cursor_u16(&c);
		e->server_collation = dm_cursor_u16(&c);
		e->has_charset = !c.failed;
		break;
	case 5:
		n = dm_cursor_u8(&c);
		text = dm_cursor_bytes(&c, n);
		if (text != NULL)
			e->time_zone =
			    dm_arena_strndup(a, (const char *)text, n);
		break;
	case 13:
	case 128:
		e->microseconds = (uint32_t)dm_cursor_le(&c, 3);
		break;
	case 18:
		e->utf8mb4_collation = dm_cursor_u16(&c);
		break;
	default:
		break;
	}
}

/* An unknown variable ends the reading, as it does in servers: those that
 * matter to us come before any newer one, and none tells its length. */
static bool
read_status_vars(struct dm_cursor c, struct dm_arena *a, struct dm_ev_query *e)
{
	while (dm_cursor_left(&c) > 0 && !c.failed) {
		uint8_t code = dm_cursor_u8(&c);

		use_status_var(c, code, a, e);
		if (!skip_status_var(&c, code))
			break;
	}
	return !c.failed;
}

static struct dm_err *
take_sql(const struct dm_cursor *c, bool compressed, struct dm_arena *a,
    struct dm_ev_query *e)
{
	g_autoptr(GBytes) inflated = NULL;
	const char *sql = (const char *)c->p;
	size_t n = dm_cursor_left(c);
	struct dm_err *err;

	if (compressed) {
		err = dm_inflate_event_(c->p, n, &inflated);
		if (err != NULL)
			return err;
		sql = g_bytes_get_data(inflated, &n);
	}
	e->sql = dm_arena_strndup(a, sql, n);
	e->sql_len = n;
	return NULL;
}

struct dm_err *
dm_query_decode(const struct dm_binlog_format *f, const uint8_t *body,
    size_t len, bool compressed, struct dm_arena *a, struct dm_ev_query *ev)
{
	uint8_t type =
	    compressed ? DM_EV_MARIADB_QUERY_COMPRESSED : DM_EV_QUERY;
	struct dm_cursor c = dm_cursor_of(body, len);
	struct dm_ev_query e = { 0 };
	const uint8_t *vars, *schema;
	uint16_t vars_len;
	uint8_t schema_len;

	e.thread_id = dm_cursor_u32(&c);
	e.exec_time = dm_cursor_u32(&c);
	schema_len = dm_cursor_u8(&c);
	e.error_code = dm_cursor_u16(&c);
	vars_len = dm_cursor_u16(&c);
	dm_cursor_skip(&c, dm_post_header_(f, type, QUERY_POST) - QUERY_POST);
	vars = dm_cursor_bytes(&c, vars_len);
	schema = dm_cursor_bytes(&c, schema_len);
	dm_cursor_skip(&c, 1);
	if (c.failed)
		return dm_ev_error_("query event is cut short");
	if (!read_status_vars(dm_cursor_of(vars, vars_len), a, &e))
		return dm_ev_error_("query event with broken status variables");
	e.schema = dm_arena_strndup(a, (const char *)schema, schema_len);
	*ev = e;
	return take_sql(&c, compressed, a, ev);
}
