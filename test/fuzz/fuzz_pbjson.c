/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes lib/text/pbjson: bytes as JSON for a message, and what was understood
 * must print, and read back as the same text. The first byte chooses the
 * message. Bytes as a packed message are tried too: what the network brings
 * must print.
 */
#include "dmmaster.pb-c.h"
#include "lib/text/pbjson.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCMessageDescriptor *const messages[] = {
	&pb__query_status_list_response__descriptor,
	&pb__operate_v1_meta_response__descriptor,
	&pb__list_task_configs_response__descriptor,
	&pb__register_worker_response__descriptor,
	&pb__start_validation_request__descriptor,
	&pb__list_member_response__descriptor,
	&pb__check_task_request__descriptor,
};

static char *
print(const ProtobufCMessage *m)
{
	return dm_pbjson_print(m, &(struct dm_pbjson_opts){ 2, true });
}

static void
try_json(const ProtobufCMessageDescriptor *d, const char *text, size_t n)
{
	ProtobufCMessage *m = NULL, *again = NULL;
	DM_AUTO(dm_err) err = dm_pbjson_parse(d, text, n, &m);
	g_autofree char *first = NULL, *second = NULL;

	if (err != NULL)
		return;
	first = print(m);
	err = dm_pbjson_parse(d, first, strlen(first), &again);
	dm_assert(err == NULL);
	second = print(again);
	dm_assert(strcmp(first, second) == 0);
	protobuf_c_message_free_unpacked(m, NULL);
	protobuf_c_message_free_unpacked(again, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const ProtobufCMessageDescriptor *d;
	ProtobufCMessage *m;

	if (size == 0)
		return 0;
	d = messages[data[0] % DM_ARRAY_SIZE(messages)];
	try_json(d, (const char *)data + 1, size - 1);
	m = protobuf_c_message_unpack(d, NULL, size - 1, data + 1);
	if (m != NULL) {
		g_autofree char *text = print(m);

		dm_assert(text != NULL);
		protobuf_c_message_free_unpacked(m, NULL);
	}
	return 0;
}
