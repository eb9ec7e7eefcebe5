/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which heartbeats may be acknowledged: the rule of session.h as a small state
 * machine without I/O. The caller locks.
 */
#ifndef DM_MASTER_SESSION_LEASE_H
#define DM_MASTER_SESSION_LEASE_H

#include "lib/base/base.h"
#include "lib/base/clock.h"

struct lease {
	int64_t id; /* 0: not granted yet */
	int64_t interval_ms;
	uint64_t newest;  /* heartbeat that arrived last; 0: none */
	uint64_t covered; /* newest when the renewal in flight was sent */
	uint64_t acked;
	bool in_flight;
	bool sent_before;
	struct dm_mono sent_at; /* of the newest renewal */
};

/* Granted just now. */
void lease_granted(struct lease *l, int64_t id, int64_t ttl_s);
/* A heartbeat arrived. True: send a renewal now. */
bool lease_beat(struct lease *l, uint64_t seq, struct dm_mono now);
/*
 * A renewal was answered: ttl_s is what is left, failed: no answer. Returns
 * the heartbeat to acknowledge, 0: none. *again: send another renewal now.
 */
uint64_t lease_answered(struct lease *l, bool failed, int64_t ttl_s,
    struct dm_mono now, bool *again);

#endif
