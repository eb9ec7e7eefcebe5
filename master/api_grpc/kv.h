/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left of etcd's API on the public port: reading which workers relay
 * for which source, for the original's `dmctl config export`. Nobody else
 * needs our etcd, whose values hold passwords: all the rest is
 * PERMISSION_DENIED.
 * Source: control-plane reference 1.1.
 */
#ifndef DM_MASTER_API_GRPC_KV_H
#define DM_MASTER_API_GRPC_KV_H

#include "etcdkv.pb-c.h"
#include "lib/etcd/etcd.h"
#include "lib/rpc/rpc.h"

struct kv;

/* etcd is borrowed. */
struct kv *kv_new(struct dm_etcd *etcd);
/* Before the server starts. */
void kv_register(struct kv *k, struct dm_rpc_server *s);
/* After the server was stopped: waits for calls that run. */
void kv_stop(struct kv *k);
/* After kv_stop and the server's end. Accepts NULL. */
void kv_free(struct kv *k);

/* May this be asked for? */
bool kv_allowed(const Etcdserverpb__RangeRequest *req);
/* What etcd has under the prefix, brought into the original's form: of a worker
 * with several sources there are several items with one key. */
void kv_originals(struct dm_etcd_kvs *all);
/* The answer over `all` keys below the allowed prefix, ascending; points into
 * all and req. Free it with kv_answer_clear. */
void kv_answer(const Etcdserverpb__RangeRequest *req,
    const struct dm_etcd_kvs *all, Etcdserverpb__RangeResponse *out);
void kv_answer_clear(Etcdserverpb__RangeResponse *out);

#endif
