/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that keeps the workers' leases (leases.h) while this master
 * leads: it asks etcd whether it still does, once for all heartbeats that have
 * arrived meanwhile, acknowledges them, and tells which leases have ended.
 * Threads: any, except start, stop and free.
 */
#ifndef DM_MASTER_SESSION_KEEPER_H
#define DM_MASTER_SESSION_KEEPER_H

#include "lib/err/err.h"

#include <glib.h>

struct keeper;

/* On the keeper's thread, without a lock. */
struct keeper_env {
	/* NULL: etcd said after this was called that this master leads. May
	 * block for a second. */
	struct dm_err *(*confirm)(void *arg);
	void (*ack)(uint64_t session, uint64_t seq, void *arg);
	/* etcd should have this TTL of the worker: keeper_known then. */
	void (*ttl)(const char *worker, int64_t ttl_ms, void *arg);
	/* Names (char *), owned by it: ask keeper_expired again before they are
	 * taken offline, a new session may have begun. */
	void (*expired)(GPtrArray *workers, void *arg);
	void *arg;
};

struct keeper *keeper_start(const struct keeper_env *env);
/* Joins; what follows may still be called. Accepts NULL. */
void keeper_stop(struct keeper *k);
/* After keeper_stop. Accepts NULL. */
void keeper_free(struct keeper *k);

/* As in leases.h, from now on. */
void keeper_begin(
    struct keeper *k, const char *worker, uint64_t session, int64_t ttl_ms);
void keeper_adopt(struct keeper *k, const char *worker, int64_t ttl_ms);
void keeper_end(struct keeper *k, const char *worker);
void keeper_clear(struct keeper *k);
void keeper_known(struct keeper *k, const char *worker, int64_t ttl_ms);
void keeper_beat(struct keeper *k, const char *worker, uint64_t session,
    uint64_t seq, int64_t ttl_ms);
bool keeper_expired(struct keeper *k, const char *worker);

#endif
