/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler's thread: it owns a core, feeds it from a mailbox, and does
 * its etcd work.
 *
 * DESIGN. etcd is written on this thread, with the client's timeout as limit;
 * heartbeats therefore never pass through it. After a write whose outcome is
 * not known everything is read again before the next message is handled.
 * Threads: any, except sched_start, sched_stop, sched_free.
 */
#ifndef DM_MASTER_SCHED_SCHED_H
#define DM_MASTER_SCHED_SCHED_H

#include "lib/crypt/crypt.h"
#include "lib/etcd/election.h"
#include "master/sched/sched_core.h"

struct sched;

struct sched_env {
	struct dm_etcd *etcd;
	const struct dm_keys *keys; /* of stored passwords; NULL: none */
	/* Adds the leader's guard to a transaction; false: we do not lead. */
	bool (*guard)(struct dm_etcd_txn *t, void *arg);
	/* NULL, or why etcd takes no writes: nothing is tried then, so that
	 * messages do not wait one after the other for etcd's time limit. */
	struct dm_err *(*available)(void *arg);
	/* The same for writes alone; NULL: no such thing is looked at. */
	struct dm_err *(*writable)(void *arg);
	/* A write has failed: takes err; it, or one that says more. */
	struct dm_err *(*explain)(struct dm_err *err, void *arg);
	/* As in sched_ops. */
	void (*lease)(
	    const char *worker, uint64_t session, int64_t ttl_ms, void *arg);
	void (*ttl)(const char *worker, int64_t ttl_ms, void *arg);
	void (*welcome)(uint64_t session, uint64_t cluster_id, void *arg);
	void (*push)(uint64_t session, const Dm__V1__Desired *d, void *arg);
	void (*drop)(uint64_t session, const char *why, void *arg);
	void (*staged)(
	    const char *worker, enum sched_stage s, bool gone, void *arg);
	/* This master does not lead: it keeps no leases. */
	void (*leases_clear)(void *arg);
	/* This master can never lead; takes err. */
	void (*fatal)(struct dm_err *err, void *arg);
	void *arg;
};

struct sched *sched_start(const struct sched_env *env);
/* Joins. Accepts NULL. */
void sched_stop(struct sched *s);
/* After sched_stop, and when nobody posts any more: answers of etcd may do so
 * until its client is freed. What is still queued is refused. Accepts NULL. */
void sched_free(struct sched *s);

/* Leadership came or went: of struct dm_election_ops. */
void sched_lead(struct sched *s);
void sched_retire(struct sched *s);
/* We lead and the state is loaded. */
bool sched_is_leading(struct sched *s);

typedef struct dm_err *sched_fn(struct sched_core *core, void *arg);
/* Runs fn on the scheduler's thread and returns what it returns. Errors of its
 * own: MASTER_REQUEST_IS_NOT_FORWARD_TO_LEADER, what kept the state from being
 * loaded, canceled while stopping. */
struct dm_err *sched_call(
    struct sched *s, sched_fn *fn, void *arg) DM_MUST_CHECK;

/* Like sched_call without waiting. core is NULL when we do not lead or the
 * state cannot be loaded. free_arg is called afterwards, also when fn could not
 * be called at all. */
typedef void sched_post_fn(struct sched_core *core, void *arg);
void sched_post(
    struct sched *s, sched_post_fn *fn, void *arg, GDestroyNotify free_arg);

/* Waits until something was reported or changed after *seen (start with 0),
 * at most timeout_ms. */
void sched_wait_change(struct sched *s, uint64_t *seen, int64_t timeout_ms);

#endif
