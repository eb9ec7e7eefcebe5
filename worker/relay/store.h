/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done with each event that a source sends for its relay log
 * (reference/data-plane 4.3), and where a sub directory ends (4.4). Knows no
 * connection. One owner, but for the hub, which readers ask.
 */
#ifndef DM_WORKER_RELAY_STORE_H
#define DM_WORKER_RELAY_STORE_H

#include "worker/relay/dirs.h"

#include "lib/binlog/gtid.h"

struct relay_store;

/* A sub directory as a former writer left it: its newest file is looked
 * through, and what is behind the last whole transaction is written anew.
 * Readers are told. Errors: RELAY_LOAD_META_DATA, PARSER_PARSE_RELAY_LOG. */
struct dm_err *relay_store_recover(struct relay_hub *hub,
    const struct relay_dir *d, enum dm_flavor flavor,
    struct relay_store **s) DM_MUST_CHECK;
/* An empty one, from the begin of that file on. Takes before: the transactions
 * in front of it, as far as known. Errors: RELAY_FLUSH_LOCAL_META. */
struct dm_err *relay_store_begin(struct relay_hub *hub,
    const struct relay_dir *d, const char *name, struct dm_gtid_set *before,
    struct relay_store **s) DM_MUST_CHECK;
/* What was not flushed is lost. */
void relay_store_free(struct relay_store *s);
DM_DEFINE_AUTO(relay_store)

const struct relay_dir *relay_store_dir(const struct relay_store *s);
/* Where a stream is to begin: all before it is in the files. */
struct dm_pos relay_store_pos(const struct relay_store *s);
/* The whole transactions before that; borrowed until the next call. */
const struct dm_gtid_set *relay_store_gtids(const struct relay_store *s);

/* A stream begins, at that offset of the file of relay_store_pos; its events
 * are made up by server_id where they are made up. */
void relay_store_stream(
    struct relay_store *s, uint32_t server_id, uint64_t from);
/*
 * The next raw event of the stream. *whole: it ends a transaction, which is
 * not in the file before the next flush. Errors: those of out.h;
 * ROTATE_EVENT_WITH_DIFFERENT_SERVER_ID; RELAY_CHECK_IS_DUPLICATE_EVENT;
 * RELAY_FLUSH_LOCAL_META; SYNCER_GET_EVENT for an event that cannot be.
 */
struct dm_err *relay_store_take(struct relay_store *s, const uint8_t *raw,
    size_t len, bool *whole) DM_MUST_CHECK;
/* Into the file, and told to readers; about every 30 s to the disk, with
 * relay.meta. */
struct dm_err *relay_store_flush(struct relay_store *s) DM_MUST_CHECK;
/* All of that now. */
struct dm_err *relay_store_sync(struct relay_store *s) DM_MUST_CHECK;

#endif
