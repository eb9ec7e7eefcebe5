/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dm-masters of the cluster, this one among them, and who of them answers.
 *
 * With an embedded etcd they are etcd's members, known also without a quorum.
 * An external etcd knows nothing of us: there each dm-master leaves a record
 * of its name and address, which stays until offline-member. Threads: any.
 */
#ifndef DM_MASTER_CLUSTER_PEERS_H
#define DM_MASTER_CLUSTER_PEERS_H

#include "lib/config/daemon.h"
#include "lib/etcd/etcd.h"

enum peer_state {
	PEER_ANSWERS,
	PEER_GONE,  /* nobody listens at its address */
	PEER_SILENT /* it listens, or may listen, and does not answer */
};

struct peer {
	char *name; /* "" while it has not started for the first time */
	char *addr; /* host:port; "" like the name */
	uint64_t id;
	char **peer_urls, **client_urls; /* NULL-terminated */
	bool learner; /* joined, its data are not complete yet */
	enum peer_state state;
};

bool peers_external(const struct dm_master_cfg *cfg);

/* *peers: new array of struct peer*, by name; states are not looked at. */
struct dm_err *peers_list(const struct dm_master_cfg *cfg, struct dm_etcd *e,
    GPtrArray **peers) DM_MUST_CHECK;
/* Sets all states, at the same time; this master answers. Blocks at most
 * timeout_ms, about. */
void peers_probe(
    const struct dm_master_cfg *cfg, GPtrArray *peers, int64_t timeout_ms);
/* The one of this name, or NULL; one that has not started yet is also found
 * by one of its peer URLs. */
struct peer *peers_find(const GPtrArray *peers, const char *name);

/* A dm-master at addr serves requests: within timeout_ms. */
enum peer_state peer_ask(const char *addr, int64_t timeout_ms);

/*
 * External etcd: leave this master's record. Refuses a name that another
 * address has while a dm-master answers there. Errors:
 * MASTER_JOIN_EMBED_ETCD_FAIL, those of etcd.
 */
struct dm_err *peers_register(
    const struct dm_master_cfg *cfg, struct dm_etcd *e) DM_MUST_CHECK;
struct dm_err *peers_unregister(
    struct dm_etcd *e, const char *name) DM_MUST_CHECK;

#endif
