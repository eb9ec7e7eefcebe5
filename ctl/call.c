/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to the master, through the transport of the environment. */
#include "ctl/common.h"

struct dm_err *
ctl_call(struct ctl_env *env, const char *method, const ProtobufCMessage *req,
    ProtobufCMessage **resp)
{
	dm_assert(env->transport != NULL);
	return env->transport->call(
	    env->transport->self, method, req, -1, resp);
}

struct dm_err *
ctl_call_timed(struct ctl_env *env, const char *method,
    const ProtobufCMessage *req, ProtobufCMessage **resp)
{
	dm_assert(env->transport != NULL);
	return env->transport->call(
	    env->transport->self, method, req, env->rpc_timeout_ms, resp);
}

struct dm_err *
ctl_call_print(
    struct ctl_inv *inv, const char *method, const ProtobufCMessage *req)
{
	CTL_AUTO_MESSAGE ProtobufCMessage *resp = NULL;
	struct dm_err *err = ctl_call(inv->env, method, req, &resp);

	if (err != NULL)
		return err;
	ctl_print(inv, resp);
	return NULL;
}

void
ctl_message_free_(void *pp)
{
	protobuf_c_message_free_unpacked(*(ProtobufCMessage **)pp, NULL);
}
