/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cluster keeps in etcd: the keys, and the values in them.
 *
 * FORMAT. A key is its kind's prefix and one or two names, each as lower-case
 * hex, joined by '/' (control-plane reference 4.2: DM's layout; differs: a
 * worker may have several sources, so bindings name both). Values are
 * ours and carry a format number, so that an older program can refuse what a
 * newer one wrote:
 *   worker      {"format":1,"name":"w1","addr":"host:port"}
 *   alive       {"format":1,"worker-name":"w1","join-time":"...","ttl":60}:
 *               it holds a lease, which the leader keeps
 *   bound, last {"format":1,"source":"s1","worker":"w1"}
 *   relay worker  as bound: the worker was named for the source's relay log
 *   stage       {"format":1,"expect":2,"source":"s1","task":"t1"}
 *   relay stage {"format":1,"expect":2,"source":"s1"}
 *   cli-args    {"format":1,"start_time":"...","adopt":false}; adopt is for the
 *               worker only: in etcd it is always false
 *   version     {"format":1,"internal-no":1,"release-ver":"..."}
 *   source, subtask   "# format: 1\n" and the YAML text
 *   cluster id  8 bytes, big-endian
 *   secret key  {"format":1,"id":"..."}: dm_key_id of the key under which the
 *               passwords of sources and tasks are
 * Threads: any.
 */
#ifndef DM_LIB_HA_ITEM_H
#define DM_LIB_HA_ITEM_H

#include "lib/etcd/etcd.h"

#define DM_HA_FORMAT 1

enum dm_ha_kind {
	DM_HA_WORKER,       /* worker */
	DM_HA_ALIVE,        /* worker */
	DM_HA_SOURCE,       /* source */
	DM_HA_RELAY_STAGE,  /* source */
	DM_HA_RELAY_WORKER, /* worker, source */
	DM_HA_BOUND,        /* worker, source */
	DM_HA_LAST_BOUND,   /* worker, source */
	DM_HA_SUBTASK,      /* source, task */
	DM_HA_STAGE,        /* source, task */
	DM_HA_CLI_ARGS,     /* task, source */
	DM_HA_CLUSTER_ID,
	DM_HA_VERSION,
	DM_HA_SECRET_KEY,
	DM_HA_KINDS
};

/* One object. Which fields a kind uses stands behind them. */
struct dm_ha_item {
	enum dm_ha_kind kind;
	char *first, *second; /* of the key; NULL where it has none */
	char *text;           /* worker: address; alive: time of joining;
				 source, subtask: YAML; cli-args: start time;
				 version: release; secret key: its id */
	int64_t number;       /* alive: TTL in seconds; stages: pb.Stage;
				 cluster id; version; cli-args: adopt, 0 or 1,
				 encoding only */
	int64_t revision;     /* of its last change; read only */
};
void dm_ha_item_free(struct dm_ha_item *i);
DM_DEFINE_AUTO(dm_ha_item)

/* "/dm-worker/r/"; of the plain keys the key itself. */
const char *dm_ha_prefix(enum dm_ha_kind kind);
/* New string. first and second as the kind wants them, else NULL. */
char *dm_ha_key(enum dm_ha_kind kind, const char *first, const char *second);
/* New bytes, NUL-terminated behind *len. */
char *dm_ha_encode(const struct dm_ha_item *i, size_t *len);
/* The object in a key and its value. Errors: HA_INVALID_ITEM. */
struct dm_err *dm_ha_decode(
    const struct dm_etcd_kv *kv, struct dm_ha_item **item) DM_MUST_CHECK;

#endif
