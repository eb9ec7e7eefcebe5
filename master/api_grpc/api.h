/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pb.Master: what dmctl and other clients call. Every method runs on a thread
 * of a pool and may block; a master that does not lead sends the call on to
 * the leader.
 * Source: control-plane reference 1.1, 1.7.
 */
#ifndef DM_MASTER_API_GRPC_API_H
#define DM_MASTER_API_GRPC_API_H

#include "lib/base/clock.h"
#include "lib/config/daemon.h"
#include "lib/crypt/crypt.h"
#include "lib/rpc/rpc.h"
#include "master/sched/sched.h"
#include "master/session/commands.h"

struct api;

struct api_env {
	struct sched *sched;
	struct dm_etcd *etcd;
	const struct dm_master_cfg *cfg;
	const struct dm_keys *keys; /* of stored passwords; NULL: none */
	/* Name and address of the leader now, new strings; false: nobody
	 * known leads. */
	bool (*leader)(char **name, char **addr, void *arg);
	/* NULL, or why etcd does not answer now: nothing can be run. */
	struct dm_err *(*available)(void *arg);
	/* NULL, or why it takes no writes, so that none can become leader. */
	struct dm_err *(*writable)(void *arg);
	/* Campaign (again), or resign and campaign no more; also after a
	 * restart. */
	struct dm_err *(*campaign)(bool yes, void *arg);
	/* Delete the candidate's key from the election. */
	struct dm_err *(*depose)(const char *name, const char *addr, void *arg);
	/* Ask workers: see commands_run. */
	void (*command)(struct command_call *calls, size_t n,
	    struct dm_cancel *c, void *arg);
	void *arg;
};

struct api *api_new(const struct api_env *env);
/* The services to register; borrowed. The second is for other masters, which
 * forward by it. */
ProtobufCService *api_service(struct api *a);
ProtobufCService *api_forwarded_service(struct api *a);
/* After the server was stopped, which cancels the calls that run: waits for
 * them. Calls that come later are answered Unavailable. */
void api_stop(struct api *a);
/* After api_stop and the server's end. Accepts NULL. */
void api_free(struct api *a);

/* Run one method as a client of this process (the HTTP gateway would): blocks.
 * The answer is new; NULL with *fail: the error a gRPC client gets. */
ProtobufCMessage *api_run(struct api *a, const char *method,
    const ProtobufCMessage *req, struct dm_cancel *cancel,
    struct dm_err **fail);

#endif
