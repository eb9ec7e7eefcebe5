/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of an URL into a message: lines of name=value. The first byte
 * chooses the message. */
#include "dmmaster.pb-c.h"
#include "lib/text/pbjson.h"

#include <string.h>

static const ProtobufCMessageDescriptor *const types[] = {
	&pb__list_member_request__descriptor,
	&pb__get_cfg_request__descriptor,
	&pb__purge_worker_relay_request__descriptor,
	&pb__master_info__descriptor,
	&pb__register_worker_response__descriptor,
	&pb__operate_task_response__descriptor,
	&pb__members__descriptor,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dm_pbjson_opts o = { .own_fields = true };
	g_auto(GStrv) lines = NULL;
	g_autofree char *text = NULL, *shown = NULL;
	const ProtobufCMessageDescriptor *d;
	ProtobufCMessage *m;

	if (size == 0)
		return 0;
	d = types[data[0] % DM_ARRAY_SIZE(types)];
	text = g_strndup((const char *)data + 1, size - 1);
	lines = g_strsplit(text, "\n", -1);
	m = g_malloc0(d->sizeof_message);
	protobuf_c_message_init(d, m);
	for (char **line = lines; *line != NULL; line++) {
		char *value = strchr(*line, '=');
		const ProtobufCFieldDescriptor *f;

		if (value == NULL)
			continue;
		*value++ = '\0';
		f = dm_pbjson_field(d, *line);
		if (f != NULL)
			dm_err_free(dm_pbjson_set(m, f, value));
	}
	shown = dm_pbjson_print(m, &o);
	protobuf_c_message_free_unpacked(m, NULL);
	return 0;
}
