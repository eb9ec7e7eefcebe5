/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where replication reads raw events: the source, or its relay log here. Who
 * reads need not know which of both it is.
 * A feed belongs to one thread; feed_interrupt may be called from others.
 */
#ifndef DM_WORKER_SYNC_FEED_H
#define DM_WORKER_SYNC_FEED_H

#include "worker/relay/reader.h"
#include "worker/unit.h"

struct feed;

struct feed_start {
	struct dm_pos pos; /* of the source: without suffix */
	/* NULL: by position. Else pos counts in a relay log only, where it is
	 * what relay_find_gtid found. Copied. */
	const struct dm_gtid_set *gtid;
	/* Transactions to be passed over wherever they come; NULL: none.
	 * Copied. With gtid set that is meant. */
	const struct dm_gtid_set *skip;
	bool passing;    /* reading begins inside of one of these */
	unsigned suffix; /* of the relay log's sub directory; 0: the source */
};

enum feed_part {
	FEED_EVENT,
	FEED_PASSED, /* of a transaction that is passed over */
	FEED_PASSED_LAST
};

/* c ends waiting, also that of feed_next. Errors: those of connecting, of
 * lib/binlog/stream.h and of worker/relay/reader.h. */
struct dm_err *feed_open(const struct unit_env *env, struct dm_cancel *c,
    const struct feed_start *start, struct feed **f) DM_MUST_CHECK;
/* The next raw event, borrowed until the next call; waits. After a second
 * without one it is a heartbeat. Errors: SYNCER_GET_EVENT also when a
 * transaction that is to be passed over is another of the same name. */
struct dm_err *feed_next(struct feed *f, const uint8_t **raw, size_t *len,
    enum feed_part *part) DM_MUST_CHECK;
/* True when the next call finds data without waiting; waits for that at most
 * timeout_ms. */
bool feed_wait(struct feed *f, int timeout_ms);
/* Of the source it is always RELAY_READER_MORE. */
enum relay_reader_state feed_state(const struct feed *f);
/* The next event is inside of a transaction that is passed over. */
bool feed_is_passing(const struct feed *f);
void feed_free(struct feed *f);
DM_DEFINE_AUTO(feed)

#endif
