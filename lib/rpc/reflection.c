/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reflection: see reflection.h. A stream of questions, each answered at once,
 * on the stream's thread.
 *
 * DESIGN: the two versions have the same messages under other names. v1alpha is
 * v1's service descriptor under the older name, so one handler serves both.
 * SOURCE: grpc/reflection/v1/reflection.proto; texts and codes as in Go.
 */
#include "lib/rpc/reflection.h"

#include "lib/rpc/descset.h"
#include "reflection.pb-c.h"

#include <string.h>

#define V1ALPHA "grpc.reflection.v1alpha.ServerReflection"
#define METHOD  "ServerReflectionInfo"

typedef Grpc__Reflection__V1__ServerReflectionRequest request;
typedef Grpc__Reflection__V1__ServerReflectionResponse response;
typedef Grpc__Reflection__V1__ServiceResponse service_response;

#define ASKS(x)                                                                \
	GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##x
#define ANSWERS(x)                                                             \
	GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##x

struct dm_rpc_reflection {
	struct dm_descset *set;
	const struct dm_rpc_server *server; /* borrowed */
	ProtobufCServiceDescriptor v1alpha;
};

static const ProtobufCServiceDescriptor *const v1 =
    &grpc__reflection__v1__server_reflection__descriptor;

struct dm_rpc_reflection *
dm_rpc_reflection_new(void)
{
	struct dm_rpc_reflection *r = g_new0(struct dm_rpc_reflection, 1);

	r->set = dm_descset_own();
	r->v1alpha = *v1;
	r->v1alpha.name = V1ALPHA;
	return r;
}

void
dm_rpc_reflection_free(struct dm_rpc_reflection *r)
{
	if (r == NULL)
		return;
	dm_descset_free(r->set);
	g_free(r);
}

/* ---- answers: each sends one ---- */

static void
send_error(struct dm_rpc_stream *st, response *out, enum dm_rpc_status code,
    const char *text)
{
	Grpc__Reflection__V1__ErrorResponse e;

	grpc__reflection__v1__error_response__init(&e);
	e.error_code = (int32_t)code;
	e.error_message = (char *)(uintptr_t)text;
	out->message_response_case = ANSWERS(ERROR_RESPONSE);
	out->error_response = &e;
	(void)dm_rpc_stream_send(st, &out->base);
	out->error_response = NULL;
}

static void
send_not_found(
    struct dm_rpc_stream *st, response *out, const char *what, const char *name)
{
	g_autofree char *text = g_strdup_printf("%s not found: %s", what, name);

	send_error(st, out, DM_RPC_NOT_FOUND, text);
}

/* files: of GBytes. */
static void
send_files(struct dm_rpc_stream *st, response *out, const GPtrArray *files)
{
	Grpc__Reflection__V1__FileDescriptorResponse f =
	    GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
	g_autofree ProtobufCBinaryData *data =
	    g_new0(ProtobufCBinaryData, files->len);

	for (guint i = 0; i < files->len; i++)
		data[i].data = (uint8_t *)(uintptr_t)g_bytes_get_data(
		    g_ptr_array_index(files, i), &data[i].len);
	f.n_file_descriptor_proto = files->len;
	f.file_descriptor_proto = data;
	out->message_response_case = ANSWERS(FILE_DESCRIPTOR_RESPONSE);
	out->file_descriptor_response = &f;
	(void)dm_rpc_stream_send(st, &out->base);
	out->file_descriptor_response = NULL;
}

/* Services that no file describes are between our own programs: they are not
 * shown, since nobody could call them. */
static bool
is_described(const struct dm_rpc_reflection *r, const char *service)
{
	g_autoptr(GPtrArray) files = dm_descset_by_symbol(r->set, service);

	return files != NULL;
}

static void
send_services(
    struct dm_rpc_stream *st, response *out, const struct dm_rpc_reflection *r)
{
	Grpc__Reflection__V1__ListServiceResponse list =
	    GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
	g_autoptr(GPtrArray) names = dm_rpc_server_services(r->server);
	g_autofree service_response *items =
	    g_new0(service_response, names->len);
	g_autofree service_response **at =
	    g_new0(service_response *, names->len);

	for (guint i = 0; i < names->len; i++) {
		if (!is_described(r, g_ptr_array_index(names, i)))
			continue;
		grpc__reflection__v1__service_response__init(&items[i]);
		items[i].name = g_ptr_array_index(names, i);
		at[list.n_service++] = &items[i];
	}
	list.service = at;
	out->message_response_case = ANSWERS(LIST_SERVICES_RESPONSE);
	out->list_services_response = &list;
	(void)dm_rpc_stream_send(st, &out->base);
	out->list_services_response = NULL;
}

/* proto3 has no extensions; only options have some, of other files. */
static void
send_no_extensions(struct dm_rpc_stream *st, response *out, const char *type)
{
	Grpc__Reflection__V1__ExtensionNumberResponse none;

	grpc__reflection__v1__extension_number_response__init(&none);
	none.base_type_name = (char *)(uintptr_t)type;
	out->message_response_case = ANSWERS(ALL_EXTENSION_NUMBERS_RESPONSE);
	out->all_extension_numbers_response = &none;
	(void)dm_rpc_stream_send(st, &out->base);
	out->all_extension_numbers_response = NULL;
}

/* ---- questions ---- */

static void
find_file(const struct dm_rpc_reflection *r, struct dm_rpc_stream *st,
    response *out, const char *name)
{
	g_autoptr(GPtrArray) files = dm_descset_by_file(r->set, name);

	if (files != NULL)
		send_files(st, out, files);
	else
		send_not_found(st, out, "file", name);
}

static void
find_symbol(const struct dm_rpc_reflection *r, struct dm_rpc_stream *st,
    response *out, const char *symbol)
{
	g_autoptr(GPtrArray) files = dm_descset_by_symbol(r->set, symbol);

	if (files != NULL)
		send_files(st, out, files);
	else
		send_not_found(st, out, "symbol", symbol);
}

static void
list_extensions(const struct dm_rpc_reflection *r, struct dm_rpc_stream *st,
    response *out, const char *type)
{
	if (dm_descset_is_message(r->set, type))
		send_no_extensions(st, out, type);
	else
		send_not_found(st, out, "type", type);
}

static void
on_message(struct dm_rpc_stream *st, const ProtobufCMessage *msg, void *ctx)
{
	const request *in = (const void *)msg;
	const struct dm_rpc_reflection *r = ctx;
	response out;

	grpc__reflection__v1__server_reflection_response__init(&out);
	out.valid_host = in->host;
	out.original_request = (request *)(uintptr_t)in;
	switch (in->message_request_case) {
	case ASKS(LIST_SERVICES):
		send_services(st, &out, r);
		return;
	case ASKS(FILE_BY_FILENAME):
		find_file(r, st, &out, in->file_by_filename);
		return;
	case ASKS(FILE_CONTAINING_SYMBOL):
		find_symbol(r, st, &out, in->file_containing_symbol);
		return;
	case ASKS(FILE_CONTAINING_EXTENSION):
		send_not_found(st, &out, "extension of",
		    in->file_containing_extension->containing_type);
		return;
	case ASKS(ALL_EXTENSION_NUMBERS_OF_TYPE):
		list_extensions(r, st, &out, in->all_extension_numbers_of_type);
		return;
	case ASKS(_NOT_SET):
	default: /* of a newer version of reflection */
		dm_rpc_stream_finish(
		    st, DM_RPC_INVALID_ARGUMENT, "invalid MessageRequest");
	}
}

static void *
on_open(struct dm_rpc_stream *st, const char *peer, void *arg)
{
	(void)st;
	(void)peer;
	return arg;
}

void
dm_rpc_reflection_register(struct dm_rpc_reflection *r, struct dm_rpc_server *s)
{
	static const struct dm_rpc_stream_ops ops = {
		.on_open = on_open,
		.on_message = on_message,
	};

	dm_assert(r->server == NULL);
	r->server = s;
	dm_rpc_server_add_stream(s, v1, METHOD, &ops, r);
	dm_rpc_server_add_stream(s, &r->v1alpha, METHOD, &ops, r);
}
