/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workers' leases, as a table without I/O.
 *
 * DESIGN. The leader keeps them in memory; etcd has one key for each worker
 * that holds one, with its TTL. Thousands of leases therefore cost etcd one
 * question from time to time, not a renewal each.
 *
 *  - A heartbeat is acknowledged when etcd has confirmed, after the heartbeat
 *    ARRIVED, that this master leads. The worker counts its deadline from when
 *    it SENT the heartbeat, so the end kept here is never before it.
 *  - A leader that does not know the ends gives every lease its whole time,
 *    beginning when it has become leader. Whatever the leader before it
 *    acknowledged was confirmed before that, so it ends before that.
 *  - Time in which this master could not look, or etcd could not be asked,
 *    does not count: see leases_shift.
 *
 *  - A worker may count from another TTL with each heartbeat. One that is
 *    longer than what etcd has is acknowledged when etcd has it. One that is
 *    shorter ends sooner also what this session was told before: the worker
 *    counts by it since it sent it (worker/agent/lease.h); but not what a
 *    session before was told, which may have been another process.
 *    So no leader, this one or the next, gives a lease too little time.
 *
 * Heartbeats count for one session of a worker only: the one that
 * leases_begin named. The caller locks.
 */
#ifndef DM_MASTER_SESSION_LEASES_H
#define DM_MASTER_SESSION_LEASES_H

#include "lib/base/base.h"
#include "lib/base/clock.h"

#include <glib.h>

struct leases;

/* What is not dealt with yet is told again. */
#define LEASES_AGAIN_MS 1000

struct lease_ack {
	uint64_t session, seq;
};

struct leases *leases_new(void);
void leases_free(struct leases *l);
DM_DEFINE_AUTO(leases)

/* The worker has a session, its key is written: from now on for its TTL, which
 * is that of heartbeats that name none. */
void leases_begin(struct leases *l, const char *worker, uint64_t session,
    int64_t ttl_ms, struct dm_mono now);
/* Its key was found; its end is known if it is in the table, else it is a
 * whole TTL away. */
void leases_adopt(
    struct leases *l, const char *worker, int64_t ttl_ms, struct dm_mono now);
/* It holds none any more. */
void leases_end(struct leases *l, const char *worker);
/* This master does not lead. */
void leases_clear(struct leases *l);

/* etcd has this TTL for the worker. */
void leases_known(struct leases *l, const char *worker, int64_t ttl_ms);
/* A heartbeat arrived; ttl_ms: that the worker counts from it, or 0. True:
 * there is something to confirm, or to be written before that. */
bool leases_beat(struct leases *l, const char *worker, uint64_t session,
    uint64_t seq, int64_t ttl_ms);

/* A TTL that etcd should have of a worker. */
struct lease_ttl {
	char *worker; /* new string */
	int64_t ttl_ms;
};
/* Appends them (struct lease_ttl); each again every AGAIN_MS until
 * leases_known. */
void leases_to_write(struct leases *l, struct dm_mono now, GArray *ttls);
/* What has arrived by now is covered by a confirmation that is asked for from
 * now on. True: there is something to confirm. */
bool leases_ask(struct leases *l);
/* The confirmation that was asked for came: what it covers is appended to acks
 * (struct lease_ack). */
void leases_confirm(struct leases *l, struct dm_mono now, GArray *acks);

/* Leases whose end has passed get no acknowledgement any more. Their workers'
 * names, new strings; each again every AGAIN_MS until leases_end or
 * leases_begin. */
GPtrArray *leases_expire(struct leases *l, struct dm_mono now);
bool leases_expired(const struct leases *l, const char *worker);
/* When the next one ends, or is to be told of again; INT64_MAX: none. */
int64_t leases_next_ms(const struct leases *l, struct dm_mono now);
/* So long heartbeats may have waited for us or for etcd: leases that have not
 * been told of as ended last longer by it. */
void leases_shift(struct leases *l, int64_t ms);

#endif
