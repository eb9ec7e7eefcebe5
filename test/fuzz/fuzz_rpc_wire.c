/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a peer: checked, unpacked, packed and checked again. The first byte
 * chooses the message. */
#include "lib/rpc/wire.h"

#include "dmmaster.pb-c.h"
#include "dmsession.pb-c.h"

static const ProtobufCMessageDescriptor *const types[] = {
	&dm__v1__worker_message__descriptor,
	&dm__v1__master_message__descriptor,
	&pb__start_task_request__descriptor,
	&pb__query_status_list_response__descriptor,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const ProtobufCMessageDescriptor *d;
	g_autofree uint8_t *packed = NULL;
	DM_AUTO(dm_err) err = NULL;
	ProtobufCMessage *m;
	size_t n;

	if (size == 0)
		return 0;
	d = types[data[0] % DM_ARRAY_SIZE(types)];
	err = dm_rpc_wire_check(d, data + 1, size - 1);
	if (err != NULL)
		return 0;
	m = protobuf_c_message_unpack(d, NULL, size - 1, data + 1);
	if (m == NULL)
		return 0;
	packed = g_malloc(protobuf_c_message_get_packed_size(m) + 1);
	n = protobuf_c_message_pack(m, packed);
	err = dm_rpc_wire_check(d, packed, n);
	dm_assert(err == NULL);
	protobuf_c_message_free_unpacked(m, NULL);
	return 0;
}
