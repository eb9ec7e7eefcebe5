/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workers' sessions (proto/dmsession.proto) at this master.
 *
 * DESIGN. Hello -> registration check -> key in etcd -> lease -> Welcome, on
 * the scheduler's thread, for all hellos that have arrived meanwhile.
 * Heartbeats go from the stream's thread to the keeper of the leases (keeper.h,
 * leases.h); the scheduler and its writes are not involved.
 * A session that ends without a half close leaves its lease to run out; with
 * one the worker has stopped everything, and is offline at once.
 * Threads: any.
 */
#ifndef DM_MASTER_SESSION_SESSION_H
#define DM_MASTER_SESSION_SESSION_H

#include "lib/config/daemon.h"
#include "lib/rpc/rpc.h"
#include "master/sched/sched.h"
#include "master/session/commands.h"

struct session_mgr;

struct session_env {
	struct dm_etcd *etcd;
	const struct dm_keys *keys; /* of stored passwords; NULL: plain */
	/* As keeper_env's. */
	struct dm_err *(*confirm)(void *arg);
	/* A worker's event ("handle") was not carried out. */
	void (*event_failed)(const char *type, void *arg);
	void *arg;
};
struct session_mgr *session_mgr_new(const struct session_env *env);
/* After session_mgr_stop, when the RPC server, the scheduler and the etcd
 * client have ended. */
void session_mgr_free(struct session_mgr *m);
DM_DEFINE_AUTO(session_mgr)

/* Registers WorkerSession.Session; before the server starts, and before
 * session_mgr_attach. */
void session_mgr_serve(struct session_mgr *m, struct dm_rpc_server *server);
/* Tell the workers which masters there are, from now on. Before the server
 * starts. */
void session_mgr_follow_members(
    struct session_mgr *m, const struct dm_master_cfg *cfg);
/* Whom hellos and reports go to; before the server starts. */
void session_mgr_attach(struct session_mgr *m, struct sched *sched);

/* This master stops: sessions that end from here on end because of it, and
 * leave their leases to the next leader. Before leadership is given up. */
void session_mgr_stop(struct session_mgr *m);

/* Of struct sched_env; arg of them is the caller's. */
void session_lease(struct session_mgr *m, const char *worker, uint64_t session,
    int64_t ttl_ms);
void session_lease_ttl(
    struct session_mgr *m, const char *worker, int64_t ttl_ms);
void session_leases_clear(struct session_mgr *m);
void session_welcome(
    struct session_mgr *m, uint64_t session, uint64_t cluster_id);
void session_push(
    struct session_mgr *m, uint64_t session, const Dm__V1__Desired *d);
void session_drop(struct session_mgr *m, uint64_t session, const char *why);

/* Ask workers, and wait for their answers: see commands_run. */
void session_command(struct session_mgr *m, struct command_call *calls,
    size_t n, struct dm_cancel *c);

#endif
