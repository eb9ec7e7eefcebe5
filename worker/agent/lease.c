/* SPDX-License-Identifier: Apache-2.0 */
/* The lease as the worker sees it: see lease.h. */
#include "worker/agent/lease.h"

#include "lib/base/defect.h"

#define MARGIN_MIN_MS   500
#define INTERVAL_MIN_MS 300
#define INTERVAL_MAX_MS 10000

void
lease_init(struct lease *l, int64_t ttl_s)
{
	*l = (struct lease){ .ttl_ms = ttl_s * 1000, .next_seq = 1 };
}

void
lease_new_session(struct lease *l, struct dm_mono now)
{
	l->next_seq = 1;
	l->heard = now;
}

/* Until when heartbeat seq is good for us. */
static struct dm_mono
until_of(const struct lease *l, uint64_t seq)
{
	int64_t ttl = l->sent[seq % LEASE_IN_FLIGHT].ttl_ms;

	if (ttl == 0)
		ttl = l->ttl_ms;
	return dm_mono_add_ms(l->sent[seq % LEASE_IN_FLIGHT].at,
	    ttl - MAX((int64_t)MARGIN_MIN_MS, ttl / 10));
}

uint64_t
lease_beat(struct lease *l, struct dm_mono now, int64_t ttl_ms)
{
	uint64_t seq = l->next_seq++;
	struct dm_mono until;

	l->sent[seq % LEASE_IN_FLIGHT].at = now;
	l->sent[seq % LEASE_IN_FLIGHT].ttl_ms = ttl_ms;
	until = until_of(l, seq);
	if (l->held && until.ns < l->deadline.ns)
		l->deadline = until;
	return seq;
}

bool
lease_ack(struct lease *l, uint64_t seq, struct dm_mono now)
{
	struct dm_mono until;
	bool begins;

	if (seq == 0 || seq >= l->next_seq ||
	    l->next_seq - seq > LEASE_IN_FLIGHT)
		return false;
	l->heard = now;
	until = until_of(l, seq);
	if (DM_DEFECT_IS(LATE_LEASE))
		until = dm_mono_add_ms(until,
		    dm_mono_diff_ms(now, l->sent[seq % LEASE_IN_FLIGHT].at));
	/* The master may have one that was sent later, and says less. */
	for (uint64_t later = seq + 1; later < l->next_seq; later++) {
		if (until_of(l, later).ns < until.ns)
			until = until_of(l, later);
	}
	if (until.ns <= now.ns)
		return false;
	if (l->held && until.ns < l->deadline.ns)
		return false; /* answers may overtake each other */
	begins = !l->held;
	l->held = true;
	l->deadline = until;
	return begins;
}

bool
lease_expire(struct lease *l, struct dm_mono now)
{
	if (!l->held || now.ns < l->deadline.ns || DM_DEFECT_IS(KEEP_LEASE))
		return false;
	l->held = false;
	return true;
}

bool
lease_unanswered(const struct lease *l, struct dm_mono now)
{
	return dm_mono_diff_ms(now, l->heard) > l->ttl_ms / 2;
}

int64_t
lease_interval_ms(const struct lease *l)
{
	return CLAMP(
	    l->ttl_ms / 6, (int64_t)INTERVAL_MIN_MS, (int64_t)INTERVAL_MAX_MS);
}
