/* SPDX-License-Identifier: Apache-2.0 */
/* Which heartbeats may be acknowledged. */
#include "master/session/lease.h"

void
lease_granted(struct lease *l, int64_t id, int64_t ttl_s)
{
	l->id = id;
	l->interval_ms = MAX(1000, ttl_s * 1000 / 6);
}

static bool
may_send(const struct lease *l, struct dm_mono now)
{
	return l->id != 0 && !l->in_flight && l->newest > l->acked &&
	       (!l->sent_before ||
		   dm_mono_diff_ms(now, l->sent_at) >= l->interval_ms);
}

static bool
try_send(struct lease *l, struct dm_mono now)
{
	if (!may_send(l, now))
		return false;
	l->in_flight = true;
	l->sent_before = true;
	l->sent_at = now;
	l->covered = l->newest;
	return true;
}

bool
lease_beat(struct lease *l, uint64_t seq, struct dm_mono now)
{
	l->newest = MAX(l->newest, seq);
	return try_send(l, now);
}

uint64_t
lease_answered(struct lease *l, bool failed, int64_t ttl_s, struct dm_mono now,
    bool *again)
{
	uint64_t ack = 0;

	l->in_flight = false;
	if (!failed && ttl_s > 0) {
		ack = l->covered;
		l->acked = ack;
	}
	*again = (failed || ttl_s > 0) && try_send(l, now);
	return ack;
}
