/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON over HTTP for pb.Master: see gateway.h. Runs on the threads of the HTTP
 * server, one for each request.
 *
 * SOURCE: google.api.http options of dmmaster.proto and grpc-gateway's runtime
 * with the proto error handler. Differs: a path variable may have a colon; the
 * error's text is under "error" too, as other gateways have it.
 */
#include "master/api_http/gateway.h"

#include "dmmaster.pb-c.h"
#include "lib/text/pbjson.h"
#include "master/pb.h"

#include <string.h>

#define JSON "application/json"

static const struct route {
	const char *http_method;
	const char *path; /* a part in braces sets the field of that name */
	const char *method;
	bool body; /* else fields come from the query */
} routes[] = {
	{ "POST", "tasks", "StartTask", true },
	{ "PUT", "tasks/{name}", "OperateTask", true },
	{ "GET", "tasks/{name}", "GetCfg", false },
	{ "GET", "status/{name}", "QueryStatus", false },
	{ "GET", "subtasks/{name}", "GetSubTaskCfg", false },
	{ "PUT", "sources", "OperateSource", true },
	{ "GET", "members", "ListMember", false },
	{ "DELETE", "members/{type}/{name}", "OfflineMember", false },
	{ "PUT", "leader/{op}", "OperateLeader", true },
	{ "PUT", "schema", "OperateSchema", true },
	{ "PUT", "errors", "HandleError", true },
};

struct gateway {
	struct api *api;
	struct dm_cancel *stop;
};

/* ---- routes ---- */

/* Part number i of a path that was split: a name, or NULL for plain text. */
static char *
variable(const char *part)
{
	return *part == '{' ? g_strndup(part + 1, strlen(part) - 2) : NULL;
}

static bool
path_matches(const struct route *r, char *const *parts)
{
	g_auto(GStrv) want = g_strsplit(r->path, "/", -1);
	size_t i;

	for (i = 0; want[i] != NULL && parts[i] != NULL; i++)
		if (want[i][0] != '{' && strcmp(want[i], parts[i]) != 0)
			return false;
	return want[i] == NULL && parts[i] == NULL;
}

/* NULL: *path_known tells whether another method would do. */
static const struct route *
find_route(const char *http_method, char *const *parts, bool *path_known)
{
	*path_known = false;
	for (size_t i = 0; i < DM_ARRAY_SIZE(routes); i++) {
		if (!path_matches(&routes[i], parts))
			continue;
		*path_known = true;
		if (strcmp(routes[i].http_method, http_method) == 0)
			return &routes[i];
	}
	return NULL;
}

/* ---- the message ---- */

static struct dm_err *
set_variables(ProtobufCMessage *m, const struct route *r, char *const *parts)
{
	g_auto(GStrv) want = g_strsplit(r->path, "/", -1);
	struct dm_err *err = NULL;

	for (size_t i = 0; want[i] != NULL && err == NULL; i++) {
		g_autofree char *name = variable(want[i]);

		if (name != NULL)
			err = dm_pbjson_set(
			    m, dm_pbjson_field(m->descriptor, name), parts[i]);
	}
	return err;
}

/* Is field number i of params the first one of its name? */
static bool
is_first(const GPtrArray *params, guint i)
{
	for (guint k = 0; k < i; k += 2)
		if (strcmp(params->pdata[k], params->pdata[i]) == 0)
			return false;
	return true;
}

/* Names that are no field are ignored, as in the original. */
static struct dm_err *
set_params(ProtobufCMessage *m, const GPtrArray *params)
{
	struct dm_err *err = NULL;

	for (guint i = 0; i + 1 < params->len && err == NULL; i += 2) {
		const char *name = params->pdata[i];
		const char *value = params->pdata[i + 1];
		const ProtobufCFieldDescriptor *f =
		    dm_pbjson_field(m->descriptor, name);

		if (f == NULL)
			continue;
		if (f->label != PROTOBUF_C_LABEL_REPEATED &&
		    !is_first(params, i))
			return dm_err_plain(
			    "field %s: too many values", f->name);
		err = dm_pbjson_set(m, f, value != NULL ? value : "");
	}
	return err;
}

static struct dm_err *
make_message(const struct dm_http_req *req, const struct route *r,
    const GPtrArray *params, ProtobufCMessage **m)
{
	const ProtobufCMessageDescriptor *d =
	    protobuf_c_service_descriptor_get_method_by_name(
		&pb__master__descriptor, r->method)
		->input;
	bool body = r->body && req->body_len > 0;
	struct dm_err *err = dm_pbjson_parse(
	    d, body ? req->body : "{}", body ? req->body_len : strlen("{}"), m);

	if (err == NULL && !r->body)
		err = set_params(*m, params);
	return err;
}

struct dm_err *
gateway_parse(const struct dm_http_req *req, const char *path,
    const GPtrArray *params, struct gateway_call *call,
    enum dm_rpc_status *status)
{
	g_auto(GStrv) parts = g_strsplit(path, "/", -1);
	ProtobufCMessage *m = NULL;
	const struct route *r;
	struct dm_err *err;
	bool known;

	*status = DM_RPC_UNIMPLEMENTED;
	r = find_route(req->method, parts, &known);
	if (r == NULL)
		return dm_err_plain(
		    known ? "Method Not Allowed" : "Not Implemented");
	*status = DM_RPC_INVALID_ARGUMENT;
	err = make_message(req, r, params, &m);
	if (err == NULL)
		err = set_variables(m, r, parts); /* wins */
	if (err != NULL) {
		pb_free(m);
		return err;
	}
	*status = DM_RPC_OK;
	call->method = r->method;
	call->req = m;
	return NULL;
}

/* ---- answers ---- */

unsigned
gateway_http_status(enum dm_rpc_status status)
{
	switch (status) {
	case DM_RPC_OK:
		return 200;
	case DM_RPC_INVALID_ARGUMENT:
	case DM_RPC_FAILED_PRECONDITION:
	case DM_RPC_OUT_OF_RANGE:
		return 400;
	case DM_RPC_UNAUTHENTICATED:
		return 401;
	case DM_RPC_PERMISSION_DENIED:
		return 403;
	case DM_RPC_NOT_FOUND:
		return 404;
	case DM_RPC_CANCELLED:
		return 408;
	case DM_RPC_ALREADY_EXISTS:
	case DM_RPC_ABORTED:
		return 409;
	case DM_RPC_RESOURCE_EXHAUSTED:
		return 429;
	case DM_RPC_UNIMPLEMENTED:
		return 501;
	case DM_RPC_UNAVAILABLE:
		return 503;
	case DM_RPC_DEADLINE_EXCEEDED:
		return 504;
	case DM_RPC_UNKNOWN:
	case DM_RPC_INTERNAL:
	case DM_RPC_DATA_LOSS:
		return 500;
	}
	return 500;
}

void
gateway_error(GString *out, enum dm_rpc_status status, const char *text)
{
	g_string_append(out, "{\n  \"error\": ");
	dm_json_append_string(out, text);
	g_string_append_printf(
	    out, ",\n  \"code\": %d,\n  \"message\": ", (int)status);
	dm_json_append_string(out, text);
	g_string_append(out, ",\n  \"details\": [\n  ]\n}");
}

/* Takes err. */
static void
answer_error(
    struct dm_http_resp *resp, enum dm_rpc_status status, struct dm_err *err)
{
	g_autofree char *text =
	    status == DM_RPC_UNKNOWN ? dm_err_text(err) : dm_err_message(err);

	resp->status = gateway_http_status(status);
	gateway_error(resp->body, status, text);
	dm_err_free(err);
}

static void
answer_message(struct dm_http_resp *resp, const ProtobufCMessage *m)
{
	struct dm_pbjson_opts o = { .indent = 2 };
	g_autofree char *text = dm_pbjson_print(m, &o);

	g_string_assign(resp->body, g_strchomp(text));
}

static void
serve(const struct dm_http_req *req, struct dm_http_resp *resp, void *arg)
{
	struct gateway *g = arg;
	g_autoptr(GPtrArray) params = dm_http_req_params(req);
	enum dm_rpc_status status;
	struct gateway_call call = { 0 };
	ProtobufCMessage *answer;
	struct dm_err *err;

	resp->content_type = JSON;
	dm_http_resp_header(
	    resp, "Grpc-Metadata-Content-Type", "application/grpc");
	err = gateway_parse(
	    req, req->path + strlen(GATEWAY_PREFIX), params, &call, &status);
	if (err != NULL) {
		answer_error(resp, status, err);
		return;
	}
	answer = api_run(g->api, call.method, call.req, g->stop, &err);
	if (answer != NULL)
		answer_message(resp, answer);
	else
		answer_error(resp,
		    dm_err_is_canceled(err) ? DM_RPC_CANCELLED : DM_RPC_UNKNOWN,
		    DM_TAKE(err));
	dm_err_free(err);
	pb_free(answer);
	pb_free(call.req);
}

/* ---- life ---- */

struct gateway *
gateway_new(struct api *api)
{
	struct gateway *g = g_new0(struct gateway, 1);

	g->api = api;
	g->stop = dm_cancel_new(NULL);
	return g;
}

void
gateway_register(struct gateway *g, struct dm_http_server *server)
{
	dm_http_server_route(server, NULL, GATEWAY_PREFIX, serve, g);
}

void
gateway_cancel(struct gateway *g)
{
	dm_cancel_now(g->stop);
}

void
gateway_free(struct gateway *g)
{
	if (g == NULL)
		return;
	dm_cancel_free(g->stop);
	g_free(g);
}
