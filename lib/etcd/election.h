/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leader election: a lease and a key below a prefix, created in a transaction;
 * the smallest create revision leads (etcd's election recipe). One thread.
 * Every write of a leader must be a transaction guarded by
 * create_revision(leader key) == mine: dm_election_guard.
 */
#ifndef DM_LIB_ETCD_ELECTION_H
#define DM_LIB_ETCD_ELECTION_H

#include "lib/etcd/etcd.h"

struct dm_election;

/* What this process is, and who leads. Called on the election's thread, never
 * two at a time; must not block for long: the lease is renewed there too. They
 * may resign and campaign, but not stop. */
struct dm_election_ops {
	/* We lead since create revision `rev`. */
	void (*on_lead)(int64_t rev, void *arg);
	/* We led and do not any more. */
	void (*on_retire)(void *arg);
	/* Another one leads: its value; "" when nobody does. Borrowed. */
	void (*on_leader)(const char *value, void *arg);
};

struct dm_election_opts {
	const char *prefix; /* "/dm-master/leader/" */
	/* JSON {"id","addr"}; unique per process: another key with this value
	 * is taken for a dead incarnation's and deleted. */
	const char *value;
	int64_t ttl_s;
	bool passive; /* does not campaign before it is told to */
};

struct dm_election *dm_election_start(struct dm_etcd *e,
    const struct dm_election_opts *o, const struct dm_election_ops *ops,
    void *arg);
/* Give up leadership and campaign no more (evict). Returns at once: on_retire
 * follows. With dm_election_campaign after it: to the end of the queue. */
void dm_election_resign(struct dm_election *el);
/* Campaign again. */
void dm_election_campaign(struct dm_election *el);
/* Resigns (revokes the lease), joins, frees. on_retire is called if we led.
 * Accepts NULL. */
void dm_election_stop(struct dm_election *el);

/* Adds the compare that fails for a deposed leader. False when we do not lead:
 * then nothing may be written. */
bool dm_election_guard(struct dm_election *el, struct dm_etcd_txn *t);

/*
 * NULL: when etcd answered this, after it was called, we led. Blocks for a
 * second at most; any thread but the client's. Errors: HA_FAIL_TXN_OPERATION
 * (no answer, or its cause says that we do not lead).
 */
struct dm_err *dm_election_confirm(struct dm_election *el) DM_MUST_CHECK;

/*
 * Delete the keys of the candidate with this value, guarded by their create
 * revisions: of a leader that cannot be reached (its writes then fail), or of
 * a master that is taken out of the cluster. Blocks some seconds at most; any
 * thread but the client's. Errors: HA_FAIL_TXN_OPERATION.
 */
struct dm_err *dm_election_depose(
    struct dm_election *el, const char *value) DM_MUST_CHECK;

#endif
