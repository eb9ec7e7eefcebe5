/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to and from gRPC's byte buffers. Threads: any. */
#include "lib/rpc/internal.h"
#include "lib/rpc/wire.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>

/* gRPC's length prefix has 4 bytes, and its limits are of type int. */
#define MAX_MESSAGE ((size_t)INT32_MAX)

struct dm_err *
dm_rpc_pack(const ProtobufCMessage *msg, grpc_byte_buffer **buf)
{
	size_t size = protobuf_c_message_get_packed_size(msg);
	struct dm_err *err;
	grpc_slice s;

	if (size > MAX_MESSAGE)
		return dm_err_plain("message %s: too large to send (%zu bytes)",
		    msg->descriptor->name, size);
	s = grpc_slice_malloc(size);
	protobuf_c_message_pack(msg, GRPC_SLICE_START_PTR(s));
	err = dm_rpc_wire_check(msg->descriptor, GRPC_SLICE_START_PTR(s), size);
	if (err == NULL)
		*buf = grpc_raw_byte_buffer_create(&s, 1);
	grpc_slice_unref(s);
	return err;
}

static struct dm_err *
unpack_slice(
    const ProtobufCMessageDescriptor *d, grpc_slice s, ProtobufCMessage **msg)
{
	const uint8_t *data = GRPC_SLICE_START_PTR(s);
	size_t size = GRPC_SLICE_LENGTH(s);
	ProtobufCMessage *m;
	struct dm_err *err;

	err = dm_rpc_wire_check(d, data, size);
	if (err != NULL)
		return err;
	m = protobuf_c_message_unpack(d, NULL, size, data);
	if (m == NULL)
		return dm_err_plain("message %s: malformed bytes", d->name);
	*msg = m;
	return NULL;
}

struct dm_err *
dm_rpc_unpack(const ProtobufCMessageDescriptor *d, grpc_byte_buffer *buf,
    ProtobufCMessage **msg)
{
	grpc_byte_buffer_reader r;
	struct dm_err *err;
	grpc_slice s;

	if (!grpc_byte_buffer_reader_init(&r, buf))
		return dm_err_plain("message %s: unreadable", d->name);
	s = grpc_byte_buffer_reader_readall(&r);
	grpc_byte_buffer_reader_destroy(&r);
	err = unpack_slice(d, s, msg);
	grpc_slice_unref(s);
	return err;
}
