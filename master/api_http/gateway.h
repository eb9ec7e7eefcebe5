/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pb.Master as JSON over HTTP, below /apis/v1alpha1. A master that does not
 * lead sends the call on to the leader, as it does for gRPC. Source:
 * control-plane reference 3.5.
 */
#ifndef DM_MASTER_API_HTTP_GATEWAY_H
#define DM_MASTER_API_HTTP_GATEWAY_H

#include "lib/http/server.h"
#include "master/api_grpc/api.h"

#define GATEWAY_PREFIX "/apis/v1alpha1/"

struct gateway;

/* api is borrowed. */
struct gateway *gateway_new(struct api *api);
/* Adds the route; g is borrowed until the server has stopped. */
void gateway_register(struct gateway *g, struct dm_http_server *server);
/* Cancels the calls that run, before the server is stopped. */
void gateway_cancel(struct gateway *g);
/* After the server has stopped. Accepts NULL. */
void gateway_free(struct gateway *g);

/* One request, taken apart: what gateway_parse finds. */
struct gateway_call {
	const char *method;    /* "OperateTask"; static */
	ProtobufCMessage *req; /* new */
};

/*
 * path: below GATEWAY_PREFIX. params: name, value, name, value; a value may be
 * NULL. Errors: plain, with *status: INVALID_ARGUMENT, or UNIMPLEMENTED for a
 * path or method that is not served.
 */
struct dm_err *gateway_parse(const struct dm_http_req *req, const char *path,
    const GPtrArray *params, struct gateway_call *call,
    enum dm_rpc_status *status) DM_MUST_CHECK;
/* Of an answer with this gRPC status. */
unsigned gateway_http_status(enum dm_rpc_status status);
/* The body of an answer that is an error. */
void gateway_error(GString *out, enum dm_rpc_status status, const char *text);

#endif
