/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transactions that a relay log has in whole, event by event. One owner.
 */
#ifndef DM_WORKER_RELAY_TRACK_H
#define DM_WORKER_RELAY_TRACK_H

#include "lib/binlog/group.h"

struct relay_track {
	struct dm_group group;
	struct dm_gtid_set *done; /* whole ones, and those of earlier files */
	struct dm_gtid_set *pending; /* with the one that is open */
};

/* Takes done. */
static inline void
relay_track_init(struct relay_track *t, struct dm_gtid_set *done)
{
	*t = (struct relay_track){ .done = done,
		.pending = dm_gtid_set_copy(done) };
}

static inline void
relay_track_fini(struct relay_track *t)
{
	dm_gtid_set_free(t->done);
	dm_gtid_set_free(t->pending);
	*t = (struct relay_track){ 0 };
}

/* *whole: no group is open behind the event. */
static inline DM_MUST_CHECK struct dm_err *
relay_track_take(struct relay_track *t, const struct dm_binlog_format *f,
    const struct dm_event_header *h, const uint8_t *body, size_t len,
    bool *whole)
{
	bool open = t->group.open;
	struct dm_err *err;

	/* One that a crash of the source cut off ends where the next one
	 * begins; its name does not count. */
	if (open && dm_event_is_gtid(h->type)) {
		dm_gtid_set_free(t->pending);
		t->pending = dm_gtid_set_copy(t->done);
	}
	(void)dm_group_take(&t->group, f, h, body, len);
	err = dm_gtid_set_add_event(t->pending, h, body, len);
	*whole = !t->group.open;
	if (err == NULL && *whole)
		dm_gtid_set_union(t->done, t->pending);
	return err;
}

#endif
