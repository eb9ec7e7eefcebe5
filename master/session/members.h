/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The masters of the cluster, as the workers are told: a thread asks for them
 * (master/cluster/peers.h) every few seconds. Threads: any.
 */
#ifndef DM_MASTER_SESSION_MEMBERS_H
#define DM_MASTER_SESSION_MEMBERS_H

#include "lib/config/daemon.h"
#include "lib/etcd/etcd.h"

struct members;

/* changed: called on the thread, without a lock, when the list is another one
 * than before. */
struct members *members_start(const struct dm_master_cfg *cfg,
    struct dm_etcd *etcd, void (*changed)(void *arg), void *arg);
/* Joins; a request under way ends first. The list can still be read. Accepts
 * NULL. */
void members_stop(struct members *m);
/* After members_stop. Accepts NULL. */
void members_free(struct members *m);
/* "host:port", NULL-terminated, sorted; empty: not known yet. New. Accepts
 * NULL. */
char **members_list(struct members *m);

#endif
