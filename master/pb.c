/* SPDX-License-Identifier: Apache-2.0 */
/* Building protobuf-c messages. */
#include "master/pb.h"

ProtobufCMessage *
pb_copy(const ProtobufCMessage *m)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	g_autofree uint8_t *buf = g_malloc(n + 1);
	ProtobufCMessage *copy;

	protobuf_c_message_pack(m, buf);
	copy = protobuf_c_message_unpack(m->descriptor, NULL, n, buf);
	dm_assert(copy != NULL); /* we packed it ourselves */
	return copy;
}

void
pb_free(ProtobufCMessage *m)
{
	if (m != NULL)
		protobuf_c_message_free_unpacked(m, NULL);
}

Pb__CommonWorkerResponse *
pb_worker_response(
    bool result, const char *msg, const char *source, const char *worker)
{
	Pb__CommonWorkerResponse *r =
	    PB_NEW(Pb__CommonWorkerResponse, pb__common_worker_response__init);

	r->result = result;
	r->msg = g_strdup(msg);
	r->source = g_strdup(source);
	r->worker = g_strdup(worker);
	return r;
}

char *
pb_error_text(struct dm_err *err)
{
	char *text = dm_err_text(err);

	dm_err_free(err);
	return text;
}

/* protobuf's text form escapes like C. */
static void
append_text(GString *s, const char *name, const char *text)
{
	if (text == NULL || *text == '\0')
		return;
	g_string_append_printf(s, "%s:\"", name);
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			g_string_append_printf(s, "\\%c", *p);
		else if (*p == '\n')
			g_string_append(s, "\\n");
		else if (*p == '\t')
			g_string_append(s, "\\t");
		else if (*p == '\r')
			g_string_append(s, "\\r");
		else
			g_string_append_c(s, *p);
	}
	g_string_append(s, "\" ");
}

char *
pb_errors_text(Pb__ProcessError *const *errors, size_t n)
{
	GString *s = g_string_new(NULL);

	for (size_t i = 0; i < n; i++) {
		const Pb__ProcessError *e = errors[i];

		if (i > 0)
			g_string_append(s, ", ");
		if (e->errcode != 0)
			g_string_append_printf(s, "ErrCode:%d ", e->errcode);
		append_text(s, "ErrClass", e->errclass);
		append_text(s, "ErrScope", e->errscope);
		append_text(s, "ErrLevel", e->errlevel);
		append_text(s, "Message", e->message);
		append_text(s, "RawCause", e->rawcause);
		append_text(s, "Workaround", e->workaround);
	}
	return g_string_free(s, FALSE);
}
