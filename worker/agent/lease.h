/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's own view of its lease: until when it may write. The clock is
 * passed in. One owner at a time.
 *
 * The deadline is the time at which the last acknowledged heartbeat was SENT,
 * plus TTL, minus a margin: whatever happened to the answer, the master counts
 * from a later moment, so it gives our sources away after we have stopped.
 */
#ifndef DM_WORKER_AGENT_LEASE_H
#define DM_WORKER_AGENT_LEASE_H

#include "lib/base/base.h"
#include "lib/base/clock.h"

#define LEASE_IN_FLIGHT 64

struct lease {
	int64_t ttl_ms;
	bool held;
	struct dm_mono deadline; /* while held */
	struct dm_mono heard; /* the last answer, or the begin of the session */
	uint64_t next_seq;
	struct {
		struct dm_mono at;
		int64_t ttl_ms;  /* as it told the master */
	} sent[LEASE_IN_FLIGHT]; /* by seq modulo */
};

void lease_init(struct lease *l, int64_t ttl_s);
/* A new session: what was sent in the former one counts no more. */
void lease_new_session(struct lease *l, struct dm_mono now);
/* The next heartbeat is sent now; returns its number. Number 1 stands for the
 * session's Hello. ttl_ms: what it says; 0: the lease's own. Once a shorter one
 * is sent the master may count by it, whether or not its answer comes. */
uint64_t lease_beat(struct lease *l, struct dm_mono now, int64_t ttl_ms);
/* The answer to heartbeat seq. True when the lease begins by it. An answer that
 * comes after the deadline it sets is worthless and changes nothing. */
bool lease_ack(struct lease *l, uint64_t seq, struct dm_mono now);
/* True when it was held until now and is not any more. */
bool lease_expire(struct lease *l, struct dm_mono now);
/* This session has answered nothing for half of the TTL: its master hangs or is
 * cut off, and the other half is for finding another one. */
bool lease_unanswered(const struct lease *l, struct dm_mono now);
/* Milliseconds between heartbeats. */
int64_t lease_interval_ms(const struct lease *l);

#endif
