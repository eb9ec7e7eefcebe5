/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw binlog events from a relay log, in the shape of lib/binlog/stream.h: as
 * a source would send them, with the rotate events and formats it makes up.
 *
 * A group (a transaction, or a statement) is handed out only when all of it is
 * in the files. So what a crash or the loss of a source cut off was never seen
 * by anybody: it is passed over, and comes whole from the next file, if the
 * source has it at all.
 *
 * A reader belongs to one thread; relay_reader_interrupt may be called from
 * others. It keeps a reference to the hub.
 */
#ifndef DM_WORKER_RELAY_READER_H
#define DM_WORKER_RELAY_READER_H

#include "lib/binlog/gtid.h"
#include "worker/relay/dirs.h"

struct relay_reader;

enum relay_reader_state {
	RELAY_READER_MORE,   /* there is more, or it may come */
	RELAY_READER_LEFT,   /* all of this sub directory was handed out, and
				there is a later one, of another server */
	RELAY_READER_STOPPED /* all was handed out, and nothing is written */
};

/*
 * at: a sub directory of the index, a file and the start of an event in it
 * (up to 4: from the beginning); the file may be one that is still to come.
 * heartbeat_ms: 0: 1000. Errors: PARSER_PARSE_RELAY_LOG when such a sub
 * directory or file is not there, and no longer comes.
 */
struct dm_err *relay_reader_open(struct relay_hub *hub,
    const struct relay_place *at, int64_t heartbeat_ms,
    struct relay_reader **r) DM_MUST_CHECK;
/*
 * The next raw event, borrowed until the next call; waits. When nothing came
 * for the time of a heartbeat, that is a heartbeat event, as a source sends
 * it; only then the state may be another than MORE. Errors:
 * PARSER_PARSE_RELAY_LOG with file and offset: a file that is damaged, cut, or
 * gone; "context canceled" after an interrupt.
 */
struct dm_err *relay_reader_next(
    struct relay_reader *r, const uint8_t **raw, size_t *len) DM_MUST_CHECK;
/* True when the next call finds an event without waiting; waits for that at
 * most timeout_ms. */
bool relay_reader_wait(struct relay_reader *r, int timeout_ms);
enum relay_reader_state relay_reader_state(const struct relay_reader *r);
/* The sub directory it reads in; constant while r lives. */
unsigned relay_reader_suffix(const struct relay_reader *r);
void relay_reader_interrupt(void *r); /* fits dm_cancel_fn */
void relay_reader_free(struct relay_reader *r);
DM_DEFINE_AUTO(relay_reader)

/*
 * Where a reading by GTIDs begins: the last file, in sub directories behind
 * `after`, before which only transactions of `set` were. *found is false when
 * there is none: the relay log begins later.
 */
struct dm_err *relay_find_gtid(struct relay_hub *hub, unsigned after,
    const struct dm_gtid_set *set, struct relay_place *at,
    bool *found) DM_MUST_CHECK;
/* The transactions in front of a place: what its file says of those before it,
 * and those in it. set: empty; of the server's flavor. */
struct dm_err *relay_gtids_before(struct relay_hub *hub,
    const struct relay_place *at, struct dm_gtid_set *set) DM_MUST_CHECK;

#endif
