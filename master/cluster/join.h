/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `join`: a new dm-master becomes a member of a running cluster.
 *
 * DESIGN. It asks a master of `join` for the members, and to add it; etcd gets
 * it as a learner, without a vote, which the leader gives it when its data are
 * complete (monitor.h). So a join that ends half-way costs the cluster
 * nothing: the next start finds the unnamed member with its own peer URL and
 * goes on there. Once etcd has begun to write, `join` is not looked at. This
 * master may be in `join` itself, so that all are given the same list.
 * SOURCE: control-plane reference 4.4.
 */
#ifndef DM_MASTER_CLUSTER_JOIN_H
#define DM_MASTER_CLUSTER_JOIN_H

#include "lib/config/daemon.h"

struct dm_tls;

/*
 * tls: NULL in clear. *initial_cluster: what etcd is to be started with, state
 * "existing"; a new string, NULL when it has data already, and needs nothing.
 * The work is done in a child process, because gRPC must not run yet where the
 * supervisor of etcd is forked: call with one thread. Blocks. Errors:
 * MASTER_JOIN_EMBED_ETCD_FAIL.
 */
struct dm_err *join_prepare(const struct dm_master_cfg *cfg, struct dm_tls *tls,
    char **initial_cluster) DM_MUST_CHECK;

#endif
