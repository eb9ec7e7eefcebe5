/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workers' sessions (proto/dmsession.proto) at this master.
 *
 * DESIGN. Hello -> registration check -> lease -> lease key -> Welcome, on the
 * scheduler's thread. A heartbeat is acknowledged when a renewal of the lease
 * that was SENT after the heartbeat ARRIVED has been answered with time left:
 * the worker counts its deadline from when it sent the heartbeat, so the lease
 * always outlives that deadline. Renewals go from the stream's thread straight
 * to etcd's client, at most one in flight per lease and one per max(1 s,
 * TTL/6); the scheduler and its writes are not involved. A heartbeat in between
 * gets no answer: the next one does.
 * A session that ends without a half close leaves its lease to run out; with
 * one the worker has stopped everything, and the lease is revoked.
 * Threads: any.
 */
#ifndef DM_MASTER_SESSION_SESSION_H
#define DM_MASTER_SESSION_SESSION_H

#include "lib/rpc/rpc.h"
#include "master/sched/sched.h"
#include "master/session/commands.h"

struct session_mgr;

/* keys: of stored passwords, borrowed; NULL: they are plain. */
struct session_mgr *session_mgr_new(
    struct dm_etcd *etcd, const struct dm_keys *keys);
/* After the RPC server, the scheduler and the etcd client have ended. */
void session_mgr_free(struct session_mgr *m);
DM_DEFINE_AUTO(session_mgr)

/* Registers WorkerSession.Session; before the server starts, and before
 * session_mgr_attach. */
void session_mgr_serve(struct session_mgr *m, struct dm_rpc_server *server);
/* Tell the workers which masters there are, from now on: etcd's members are
 * they. Before the server starts. */
void session_mgr_follow_members(struct session_mgr *m);
/* Whom hellos and reports go to; before the server starts. */
void session_mgr_attach(struct session_mgr *m, struct sched *sched);

/* This master stops: sessions that end from here on end because of it, and
 * leave their leases to their workers. Before leadership is given up. */
void session_mgr_stop(struct session_mgr *m);

/* Of struct sched_env; arg of them is the caller's. */
void session_welcome(
    struct session_mgr *m, uint64_t session, uint64_t cluster_id);
void session_push(
    struct session_mgr *m, uint64_t session, const Dm__V1__Desired *d);
void session_drop(struct session_mgr *m, uint64_t session, const char *why);

/* Ask workers, and wait for their answers: see commands_run. */
void session_command(struct session_mgr *m, struct command_call *calls,
    size_t n, struct dm_cancel *c);

#endif
