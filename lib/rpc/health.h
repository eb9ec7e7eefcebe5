/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server side of grpc.health.v1.Health: what load balancers and probes
 * ask. Threads: any.
 */
#ifndef DM_LIB_RPC_HEALTH_H
#define DM_LIB_RPC_HEALTH_H

#include "lib/rpc/rpc.h"

struct dm_rpc_health;

/* Knows no service yet. */
struct dm_rpc_health *dm_rpc_health_new(void);
/* After the servers it was registered on were freed. Accepts NULL. */
void dm_rpc_health_free(struct dm_rpc_health *h);
DM_DEFINE_AUTO(dm_rpc_health)

/* Add the service to s, before s starts. */
void dm_rpc_health_register(struct dm_rpc_health *h, struct dm_rpc_server *s);
/* service: "pb.Master"; "" is the server as a whole. Watchers are told of a
 * change. */
void dm_rpc_health_set(
    struct dm_rpc_health *h, const char *service, bool serving);

#endif
