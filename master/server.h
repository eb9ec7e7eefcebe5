/* SPDX-License-Identifier: Apache-2.0 */
/* All parts of a running dm-master, started and stopped in order. */
#ifndef DM_MASTER_SERVER_H
#define DM_MASTER_SERVER_H

#include "lib/config/daemon.h"

struct server;

/*
 * Connect to etcd, listen, campaign. endpoints: of etcd, NULL-terminated. cfg
 * and tls (NULL: in clear) are borrowed until server_stop. After dm_rpc_init.
 * Blocks until etcd answers, at most 10 s.
 */
struct dm_err *server_start(const struct dm_master_cfg *cfg, struct dm_tls *tls,
    const char *const *endpoints, struct server **server) DM_MUST_CHECK;
/* Accepts NULL. */
void server_stop(struct server *s);

#endif
