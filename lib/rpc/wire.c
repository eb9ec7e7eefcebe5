/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walk over packed protobuf messages: see wire.h.
 *
 * DESIGN: the check reads bytes and descriptors, not the C structs, so one
 * walk serves both directions: what was received, before protobuf-c allocates
 * anything for it, and what was packed, before it is sent.
 *
 * FORMAT: a message is a sequence of fields; a field is a varint key
 * (number << 3 | wire type) and a value: varint (0), 8 bytes (1), varint
 * length and bytes (2), 4 bytes (5). Groups (3, 4) are not in use.
 */
#include "lib/rpc/wire.h"

#include "lib/base/cursor.h"

/* As in Google's libraries. */
#define MAX_DEPTH 64
/* All fields of a message and those inside it. A field takes 2 bytes at least
 * on the wire and up to some 200 in memory. */
#define MAX_FIELDS (1024u * 1024u)
/* A message field that is not repeated may come several times and is then
 * merged, each time at the cost of copying what there is. No encoder does
 * so more than a few times. */
#define MAX_MERGES 16

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static struct dm_err *check_message(const ProtobufCMessageDescriptor *d,
    struct dm_cursor c, unsigned depth, size_t *fields);

static uint64_t
read_varint(struct dm_cursor *c)
{
	uint64_t v = 0;
	uint8_t b;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		b = dm_cursor_u8(c);
		v |= (uint64_t)(b & 0x7f) << shift;
		if ((b & 0x80) == 0)
			return v;
	}
	c->failed = true;
	return 0;
}

/* The value of a field of wire type 2; NULL data when it is cut off. */
static struct dm_cursor
read_bytes(struct dm_cursor *c)
{
	uint64_t size = read_varint(c);
	const uint8_t *p;

	if (size > dm_cursor_left(c))
		c->failed = true;
	p = dm_cursor_bytes(c, (size_t)size);
	return dm_cursor_of(p, c->failed ? 0 : (size_t)size);
}

static void
skip_value(struct dm_cursor *c, unsigned wire)
{
	switch (wire) {
	case WIRE_VARINT:
		(void)read_varint(c);
		break;
	case WIRE_64:
		dm_cursor_skip(c, 8);
		break;
	case WIRE_BYTES:
		(void)read_bytes(c);
		break;
	case WIRE_32:
		dm_cursor_skip(c, 4);
		break;
	default:
		c->failed = true;
		break;
	}
}

static struct dm_err *
check_string(const ProtobufCMessageDescriptor *d,
    const ProtobufCFieldDescriptor *f, struct dm_cursor c)
{
	if (g_utf8_validate_len((const char *)c.p, dm_cursor_left(&c), NULL))
		return NULL;
	return dm_err_plain(
	    "string field %s.%s contains invalid UTF-8 or a NUL byte", d->name,
	    f->name);
}

/* One value of wire type 2 of the known field f. */
static struct dm_err *
check_bytes(const ProtobufCMessageDescriptor *d,
    const ProtobufCFieldDescriptor *f, struct dm_cursor value, unsigned depth,
    size_t *fields)
{
	if (f->type == PROTOBUF_C_TYPE_STRING)
		return check_string(d, f, value);
	if (f->type == PROTOBUF_C_TYPE_MESSAGE)
		return check_message(f->descriptor, value, depth + 1, fields);
	return NULL;
}

static struct dm_err *
check_message(const ProtobufCMessageDescriptor *d, struct dm_cursor c,
    unsigned depth, size_t *fields)
{
	const ProtobufCFieldDescriptor *f;
	struct dm_cursor value;
	size_t singles = 0;
	struct dm_err *err;
	uint64_t key;

	if (depth > MAX_DEPTH)
		return dm_err_plain(
		    "message %s: nested deeper than %d", d->name, MAX_DEPTH);
	while (!c.failed && dm_cursor_left(&c) > 0) {
		if (++*fields > MAX_FIELDS)
			return dm_err_plain("message %s: more than %u fields",
			    d->name, MAX_FIELDS);
		key = read_varint(&c);
		if (key > UINT32_MAX || (key & 7) != WIRE_BYTES) {
			skip_value(&c, key & 7);
			continue;
		}
		value = read_bytes(&c);
		f = protobuf_c_message_descriptor_get_field(
		    d, (unsigned)(key >> 3));
		if (c.failed || f == NULL)
			continue;
		if (f->type == PROTOBUF_C_TYPE_MESSAGE &&
		    f->label != PROTOBUF_C_LABEL_REPEATED &&
		    ++singles > d->n_fields + MAX_MERGES)
			return dm_err_plain("message %s: field %s comes too "
					    "many times",
			    d->name, f->name);
		err = check_bytes(d, f, value, depth, fields);
		if (err != NULL)
			return err;
	}
	if (c.failed)
		return dm_err_plain("message %s: malformed bytes", d->name);
	return NULL;
}

struct dm_err *
dm_rpc_wire_check(
    const ProtobufCMessageDescriptor *d, const uint8_t *data, size_t size)
{
	size_t fields = 0;

	return check_message(d, dm_cursor_of(data, size), 1, &fields);
}
