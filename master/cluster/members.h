/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of the set of dm-masters: one is taken out, one comes in. The second
 * is served as etcd's own API, as DM does it. Threads: any.
 */
#ifndef DM_MASTER_CLUSTER_MEMBERS_H
#define DM_MASTER_CLUSTER_MEMBERS_H

#include "lib/config/daemon.h"
#include "lib/etcd/etcd.h"
#include "lib/rpc/rpc.h"

/*
 * offline-member --master: take the dm-master out of etcd, dead or alive.
 * depose deletes its election key. Refused where the rest could not go on:
 * the last one, or when fewer than half of the others are up. Errors:
 * MASTER_MASTER_NAME_NOT_EXIST, plain, those of etcd. Blocks.
 */
struct dm_err *members_remove(const struct dm_master_cfg *cfg,
    struct dm_etcd *e, const char *name,
    struct dm_err *(*depose)(const char *name, const char *addr, void *arg),
    void *arg) DM_MUST_CHECK;

struct members_api;

struct members_api *members_api_new(
    const struct dm_master_cfg *cfg, struct dm_etcd *e);
/* The service to register; borrowed. */
ProtobufCService *members_api_service(struct members_api *m);
/* After the server was stopped. */
void members_api_stop(struct members_api *m);
/* After members_api_stop and the server's end. Accepts NULL. */
void members_api_free(struct members_api *m);

#endif
