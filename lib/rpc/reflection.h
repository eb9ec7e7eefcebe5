/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server side of gRPC's reflection, v1 and v1alpha: a client without our
 * .proto files asks which services there are and what their messages look
 * like. It says nothing that the source does not say. Threads: any.
 */
#ifndef DM_LIB_RPC_REFLECTION_H
#define DM_LIB_RPC_REFLECTION_H

#include "lib/rpc/rpc.h"

struct dm_rpc_reflection;

struct dm_rpc_reflection *dm_rpc_reflection_new(void);
/* After the server it was registered on was freed. Accepts NULL. */
void dm_rpc_reflection_free(struct dm_rpc_reflection *r);
DM_DEFINE_AUTO(dm_rpc_reflection)

/* Add both versions to s, before s starts; one server only. What is listed are
 * the services that s has when it is asked. */
void dm_rpc_reflection_register(
    struct dm_rpc_reflection *r, struct dm_rpc_server *s);

#endif
