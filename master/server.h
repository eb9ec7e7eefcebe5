/* SPDX-License-Identifier: Apache-2.0 */
/* All parts of a running dm-master, started and stopped in order. */
#ifndef DM_MASTER_SERVER_H
#define DM_MASTER_SERVER_H

#include "lib/config/daemon.h"
#include "lib/etcd/member.h"

struct server;

/*
 * Connect to etcd, listen, campaign. member: our etcd, NULL when it is
 * external; tls: NULL in clear; all are borrowed until server_stop. After
 * dm_rpc_init. An external etcd must answer within 10 s; our own may wait for
 * its peers.
 */
struct dm_err *server_start(const struct dm_master_cfg *cfg, struct dm_tls *tls,
    struct dm_etcd_member_proc *member, struct server **server) DM_MUST_CHECK;
/* Resigns first, so that another master leads at once. Returns what made the
 * server end by itself (with a SIGTERM to its process), or NULL. Accepts
 * NULL. */
struct dm_err *server_stop(struct server *s) DM_MUST_CHECK;

#endif
