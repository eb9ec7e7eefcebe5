/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etcd through its v3 HTTP/JSON gateway. One thread per client runs all
 * transfers on a curl multi handle; calls may come from any thread. Every call
 * exists as an asynchronous form (callback on the client's thread, must not
 * block) and a synchronous one on top of it, which blocks at most for the
 * time limit and must not be used on the client's thread (asserted).
 *
 * A request that etcd cannot have seen, and an idempotent one (range,
 * keepalive, revoke, member list) that failed or got a 5xx, goes round the
 * endpoints until its time is over: restarts of etcd are ridden out. Any other
 * request whose answer was lost is an error: it may or may not have been done.
 * Source: etcd api/etcdserverpb/rpc.proto, reference/test-servers.
 * Errors: HA_FAIL_TXN_OPERATION, HA_FAIL_LEASE_OPERATION, HA_FAIL_WATCH_ETCD,
 * cause = what etcd or curl said.
 */
#ifndef DM_LIB_ETCD_ETCD_H
#define DM_LIB_ETCD_ETCD_H

#include "lib/err/err.h"
#include "lib/thread/cancel.h"

struct dm_etcd;
struct dm_tls;

struct dm_etcd_opts {
	/* "http://host:port", "https://...", "unix:///dir/c.sock" (of any
	 * length) or "unixs:///..." (TLS over it); fail-over goes round the
	 * list. NULL-terminated, borrowed. */
	const char *const *endpoints;
	/* Of https: and unixs:; borrowed for the client's life. New
	 * connections use what is in use then. NULL: the system's authorities,
	 * no certificate. */
	struct dm_tls *tls;
	const char *user, *password; /* NULL or "": no authentication */
	int64_t timeout_ms;          /* per request; 0: 10000 */
};

/* Does not connect yet. Errors: plain, for a malformed endpoint. */
struct dm_err *dm_etcd_new(
    const struct dm_etcd_opts *o, struct dm_etcd **e) DM_MUST_CHECK;
/* Requests in flight end with "context canceled" before this returns. Watches
 * and elections must have been stopped, synchronous calls have returned. Not
 * on the client's thread. */
void dm_etcd_free(struct dm_etcd *e);
DM_DEFINE_AUTO(dm_etcd)

/* One key and its value; bytes, both NUL-terminated for convenience. */
struct dm_etcd_kv {
	char *key;
	size_t key_len;
	char *value;
	size_t value_len;
	int64_t create_revision, mod_revision, version, lease;
};

struct dm_etcd_kvs {
	int64_t revision; /* of the store when the answer was made */
	GPtrArray *items; /* of struct dm_etcd_kv*, owned */
};
void dm_etcd_kvs_free(struct dm_etcd_kvs *k);
DM_DEFINE_AUTO(dm_etcd_kvs)

/* key "" is refused. prefix: all keys that begin with key, ascending.
 * Linearizable. limit 0: all, however many and large, as they were at
 * (*out)->revision; timeouts are for each piece of it. */
struct dm_err *dm_etcd_range(struct dm_etcd *e, const char *key, bool prefix,
    int64_t limit, struct dm_etcd_kvs **out) DM_MUST_CHECK;
/* lease 0: none. *revision may be NULL. */
struct dm_err *dm_etcd_put(struct dm_etcd *e, const char *key,
    const void *value, size_t len, int64_t lease,
    int64_t *revision) DM_MUST_CHECK;
struct dm_err *dm_etcd_delete(struct dm_etcd *e, const char *key, bool prefix,
    int64_t *deleted) DM_MUST_CHECK;

/* ---- transactions ---- */

struct dm_etcd_txn; /* compares, then-list, else-list being built */

struct dm_etcd_txn *dm_etcd_txn_new(void);
void dm_etcd_txn_free(struct dm_etcd_txn *t);
DM_DEFINE_AUTO(dm_etcd_txn)
/* 0: the key must not exist. */
void dm_etcd_txn_if_create_revision(
    struct dm_etcd_txn *t, const char *key, int64_t rev);
void dm_etcd_txn_if_mod_revision(
    struct dm_etcd_txn *t, const char *key, int64_t rev);
void dm_etcd_txn_put(struct dm_etcd_txn *t, const char *key, const void *value,
    size_t len, int64_t lease);
void dm_etcd_txn_delete(struct dm_etcd_txn *t, const char *key, bool prefix);
size_t dm_etcd_txn_ops(const struct dm_etcd_txn *t);

struct dm_etcd_txn_result {
	bool succeeded; /* the compares held and the puts were done */
	int64_t revision;
};
/* Not retried by itself after a lost answer: the caller knows whether its
 * transaction is idempotent. t stays the caller's. */
struct dm_err *dm_etcd_txn_run(struct dm_etcd *e, struct dm_etcd_txn *t,
    struct dm_etcd_txn_result *out) DM_MUST_CHECK;
/* done gets err (owned by it) or result; on the client's thread. */
typedef void dm_etcd_txn_fn(
    struct dm_err *err, const struct dm_etcd_txn_result *result, void *arg);
void dm_etcd_txn_start(
    struct dm_etcd *e, struct dm_etcd_txn *t, dm_etcd_txn_fn *done, void *arg);

/* ---- leases; timeout_ms 0: the client's ---- */

struct dm_err *dm_etcd_lease_grant(struct dm_etcd *e, int64_t ttl_s,
    int64_t timeout_ms, int64_t *lease) DM_MUST_CHECK;
/* *ttl_s: what is left now; 0 means the lease is gone (no error). */
struct dm_err *dm_etcd_lease_keepalive(struct dm_etcd *e, int64_t lease,
    int64_t timeout_ms, int64_t *ttl_s) DM_MUST_CHECK;
struct dm_err *dm_etcd_lease_revoke(
    struct dm_etcd *e, int64_t lease, int64_t timeout_ms) DM_MUST_CHECK;

/* ---- watch ---- */

struct dm_etcd_watch;

struct dm_etcd_event {
	bool deleted;
	struct dm_etcd_kv kv; /* of a deletion: key and mod_revision only */
};

struct dm_etcd_watch_ops {
	/* Events in order, all those of a revision in one call; borrowed.
	 * revision: the last event's. */
	void (*on_events)(const struct dm_etcd_event *ev, size_t n,
	    int64_t revision, void *arg);
	/* The history before `compact_revision` is gone: range again, then
	 * watch anew from that answer's revision + 1. The watch has ended. */
	void (*on_compacted)(int64_t compact_revision, void *arg);
	/* The stream was lost, also by the loss of etcd's leader; it is opened
	 * again by itself. For logs, may be NULL. err borrowed. */
	void (*on_retry)(const struct dm_err *err, void *arg);
};

/* Watch from revision `from` on (0: now). Resumes after a lost connection
 * from the next revision, for ever. Callbacks on the client's thread. */
struct dm_etcd_watch *dm_etcd_watch_start(struct dm_etcd *e, const char *key,
    bool prefix, int64_t from, const struct dm_etcd_watch_ops *ops, void *arg);
/* Any thread, also inside a callback of this or another watch; after an
 * on_compacted too. No callback runs any more when this returns, but for the
 * one that called it. Not under a lock that a callback takes. Accepts NULL. */
void dm_etcd_watch_stop(struct dm_etcd_watch *w);

/* ---- cluster ---- */

struct dm_etcd_member {
	uint64_t id;
	char *name;                      /* "" while it has not started */
	char **peer_urls, **client_urls; /* NULL-terminated */
	bool learner;                    /* gets the data, has no vote yet */
};
void dm_etcd_member_free(struct dm_etcd_member *m);

/* *members: new array of struct dm_etcd_member*, with its free function. As
 * the member that is asked knows it, also without a quorum. */
struct dm_err *dm_etcd_member_list(
    struct dm_etcd *e, GPtrArray **members) DM_MUST_CHECK;
/* As a learner: it counts in no quorum until it is promoted, so one that
 * never starts does no harm. */
struct dm_err *dm_etcd_member_add(struct dm_etcd *e,
    const char *const *peer_urls, GPtrArray **members) DM_MUST_CHECK;
/* Fails while the learner's data are behind; try again then. */
struct dm_err *dm_etcd_member_promote(
    struct dm_etcd *e, uint64_t id) DM_MUST_CHECK;
struct dm_err *dm_etcd_member_remove(
    struct dm_etcd *e, uint64_t id) DM_MUST_CHECK;
/* NULL when a linearizable read succeeds; each endpoint is tried once. The
 * second form has a time limit of its own. */
struct dm_err *dm_etcd_health(struct dm_etcd *e) DM_MUST_CHECK;
struct dm_err *dm_etcd_health_in(
    struct dm_etcd *e, int64_t timeout_ms) DM_MUST_CHECK;
/*
 * Alarms: an etcd whose database has reached its quota (NOSPACE), or whose
 * members differ (CORRUPT), goes on to answer reads and leases, and refuses
 * what it is to write. *alarms: new array of struct dm_etcd_alarm*, with its
 * free function; *db_bytes: the size of the database. As the member that is
 * asked knows it, which costs next to nothing.
 */
struct dm_etcd_alarm {
	uint64_t member;
	char *name; /* "NOSPACE" */
};
struct dm_err *dm_etcd_alarms(struct dm_etcd *e, int64_t timeout_ms,
    GPtrArray **alarms, uint64_t *db_bytes) DM_MUST_CHECK;
/* Version of the server and of the cluster ("not_decided" while it is young),
 * new strings. */
struct dm_err *dm_etcd_version(
    struct dm_etcd *e, char **server, char **cluster) DM_MUST_CHECK;

#endif
