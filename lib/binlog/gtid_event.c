/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GTIDs inside events and in COM_BINLOG_DUMP_GTID: see event.h, gtid.h.
 *
 * FORMAT of a MySQL set: u64 number of sources; per source uuid[16], u64
 * number of ranges, per range u64 first, u64 end. With tags (8.3+) the first
 * number is 1 << 56 | sources << 8 | 1, and the tag follows each uuid: a
 * varint length, then its letters.
 * FORMAT of a varint (MySQL's serialization library): the trailing one bits of
 * the first byte tell how many bytes follow; the value is in the bits above
 * them and their zero, little-endian.
 * FORMAT of GTID_TAGGED: varints version 1, message size, last field a reader
 * must know; then fields as varint id and value: 0 flags, 1 uuid (16 varints),
 * 2 gno (signed varint), 3 tag.
 */
#include "lib/binlog/gtid_int.h"
#include "lib/binlog/wire.h"

#include <string.h>

#define TAGGED_FORMAT      1u
#define TAGGED_FIELDS_LAST 12u /* the last field any known server requires */

/* MariaDB's GTID event: flags2. */
#define FL_STANDALONE   0x01
#define FL_DDL          0x20
#define FL_PREPARED_XA  0x40
#define FL_COMPLETED_XA 0x80

#define GTID_LIST_COUNT 0x0fffffffu /* the upper bits are flags */

struct dm_err *
dm_mariadb_gtid_decode(
    const uint8_t *body, size_t len, struct dm_ev_mariadb_gtid *ev)
{
	struct dm_cursor c = dm_cursor_of(body, len);
	struct dm_ev_mariadb_gtid e = { 0 };
	uint8_t flags;

	e.seq = dm_cursor_u64(&c);
	e.domain = dm_cursor_u32(&c);
	flags = dm_cursor_u8(&c);
	if (c.failed)
		return dm_ev_error_("MariaDB GTID event is cut short");
	e.standalone = (flags & FL_STANDALONE) != 0;
	e.ddl = (flags & FL_DDL) != 0;
	e.prepared_xa = (flags & FL_PREPARED_XA) != 0;
	e.completed_xa = (flags & FL_COMPLETED_XA) != 0;
	*ev = e;
	return NULL;
}

struct dm_err *
dm_mariadb_gtid_list_decode(
    const uint8_t *body, size_t len, struct dm_gtid_set *set)
{
	struct dm_cursor c = dm_cursor_of(body, len);
	uint32_t n = dm_cursor_u32(&c) & GTID_LIST_COUNT;

	if (c.failed || dm_cursor_left(&c) / 16 < n)
		return dm_ev_error_("GTID list event is cut short");
	/* Several servers of a domain: its newest one comes last. */
	while (n-- > 0) {
		uint32_t domain = dm_cursor_u32(&c);
		uint32_t server = dm_cursor_u32(&c);

		dm_gtid_set_add_mariadb(set, domain, server, dm_cursor_u64(&c));
	}
	return NULL;
}

static uint64_t
varint(struct dm_cursor *c)
{
	uint8_t first = dm_cursor_u8(c);
	unsigned more = (unsigned)__builtin_ctz(~(unsigned)first);
	uint64_t rest;

	if (more == 0)
		return first >> 1;
	if (more == 8)
		return dm_cursor_u64(c);
	rest = dm_cursor_le(c, more);
	/* 7 - more bits of the first byte are the lowest of the value. */
	return rest << (7 - more) | (uint64_t)first >> (more + 1);
}

static bool
read_tag(struct dm_cursor *c, char tag[DM_GTID_TAG_MAX + 1])
{
	uint64_t n = varint(c);
	const uint8_t *p;

	tag[0] = '\0';
	if (c->failed || n > DM_GTID_TAG_MAX)
		return false;
	p = dm_cursor_bytes(c, (size_t)n);
	if (p == NULL)
		return false;
	memcpy(tag, p, (size_t)n);
	tag[n] = '\0';
	return n == 0 || dm_gtid_tag_is_valid_(tag, (size_t)n);
}

static struct dm_err *
tagged_gtid_decode(const uint8_t *body, size_t len, struct dm_ev_mysql_gtid *ev)
{
	struct dm_cursor c = dm_cursor_of(body, len);
	uint64_t version = varint(&c), size = varint(&c), last = varint(&c), n;
	uint64_t id;

	if (c.failed || version != 1 || size > len || last > TAGGED_FIELDS_LAST)
		return dm_ev_error_("tagged GTID event of unknown form");
	c.end = body + size;
	c.failed = c.p > c.end;
	id = varint(&c);
	if (id == 0) {
		(void)varint(&c); /* flags */
		id = varint(&c);
	}
	for (unsigned i = 0; i < 16 && id == 1; i++)
		ev->uuid[i] = (uint8_t)varint(&c);
	if (c.failed || id != 1 || varint(&c) != 2)
		return dm_ev_error_("tagged GTID event without its uuid");
	/* The lowest bit is the sign, which a number never has. */
	n = varint(&c);
	ev->gno = (int64_t)(n >> 1);
	if (c.failed || (n & 1) != 0 || varint(&c) != 3 ||
	    !read_tag(&c, ev->tag))
		return dm_ev_error_("tagged GTID event without number or tag");
	return NULL;
}

struct dm_err *
dm_mysql_gtid_decode(
    uint8_t type, const uint8_t *body, size_t len, struct dm_ev_mysql_gtid *ev)
{
	struct dm_cursor c = dm_cursor_of(body, len);
	struct dm_ev_mysql_gtid e = { 0 };
	const uint8_t *uuid;
	struct dm_err *err;

	if (type == DM_EV_GTID_TAGGED) {
		err = tagged_gtid_decode(body, len, &e);
		if (err != NULL)
			return err;
	} else {
		dm_cursor_skip(&c, 1); /* flags */
		uuid = dm_cursor_bytes(&c, 16);
		e.gno = (int64_t)dm_cursor_u64(&c);
		if (c.failed)
			return dm_ev_error_("GTID event is cut short");
		memcpy(e.uuid, uuid, 16);
	}
	if (e.gno < 0 || e.gno >= DM_GNO_END)
		return dm_ev_error_(
		    "GTID event with the number %" PRId64, e.gno);
	*ev = e;
	return NULL;
}

static bool
read_source(struct dm_cursor *c, bool tagged, struct dm_gtid_set *set)
{
	const uint8_t *uuid = dm_cursor_bytes(c, 16);
	char tag[DM_GTID_TAG_MAX + 1] = "";
	uint64_t n;

	if (uuid == NULL || (tagged && !read_tag(c, tag)))
		return false;
	n = dm_cursor_u64(c);
	if (c->failed || dm_cursor_left(c) / 16 < n)
		return false;
	while (n-- > 0) {
		struct dm_gtid_range r;

		r.first = (int64_t)dm_cursor_u64(c);
		r.end = (int64_t)dm_cursor_u64(c);
		if (r.first <= 0 || r.end <= r.first)
			return false;
		dm_gtid_add_range_(set, uuid, tag, r);
	}
	return true;
}

struct dm_err *
dm_previous_gtids_decode(
    const uint8_t *body, size_t len, struct dm_gtid_set *set)
{
	struct dm_cursor c = dm_cursor_of(body, len);
	uint64_t n = dm_cursor_u64(&c);
	uint64_t format = n >> 56;

	if (format == TAGGED_FORMAT)
		n = n << 8 >> 16;
	if (c.failed || format > TAGGED_FORMAT)
		return dm_ev_error_("GTID set of unknown form");
	while (n-- > 0) {
		if (!read_source(&c, format == TAGGED_FORMAT, set))
			return dm_ev_error_("GTID set is broken");
	}
	return NULL;
}

static void
put_u64(GByteArray *out, uint64_t v)
{
	uint8_t le[8];

	for (unsigned i = 0; i < 8; i++)
		le[i] = (uint8_t)(v >> (8 * i));
	g_byte_array_append(out, le, sizeof(le));
}

static void
put_source(GByteArray *out, const struct dm_gtid_sid *sid, bool tagged)
{
	uint8_t n = (uint8_t)(strlen(sid->tag) << 1); /* varint */

	g_byte_array_append(out, sid->uuid, 16);
	if (tagged) {
		g_byte_array_append(out, &n, 1);
		g_byte_array_append(out, (const uint8_t *)sid->tag, n >> 1);
	}
	put_u64(out, sid->ranges->len);
	for (unsigned i = 0; i < sid->ranges->len; i++) {
		const struct dm_gtid_range *r =
		    &g_array_index(sid->ranges, struct dm_gtid_range, i);

		put_u64(out, (uint64_t)r->first);
		put_u64(out, (uint64_t)r->end);
	}
}

GBytes *
dm_gtid_set_encode_mysql(const struct dm_gtid_set *s)
{
	GByteArray *out = g_byte_array_new();
	uint64_t n = s->sids->len;
	bool tagged = false;

	for (unsigned i = 0; i < n; i++)
		tagged |=
		    g_array_index(s->sids, struct dm_gtid_sid, i).tag[0] !=
		    '\0';
	if (tagged)
		n = (uint64_t)TAGGED_FORMAT << 56 | n << 8 | TAGGED_FORMAT;
	put_u64(out, n);
	for (unsigned i = 0; i < s->sids->len; i++)
		put_source(out, &g_array_index(s->sids, struct dm_gtid_sid, i),
		    tagged);
	return g_byte_array_free_to_bytes(out);
}
