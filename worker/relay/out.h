/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The binlog file that a relay log's writer writes. Events are collected and
 * written in pieces; what is in the file is whole events always, unless the
 * process is killed inside of a write: relay_out_recover finds that.
 * One owner. FORMAT: as the source's own file, byte for byte.
 */
#ifndef DM_WORKER_RELAY_OUT_H
#define DM_WORKER_RELAY_OUT_H

#include "worker/relay/file.h"

/*
 * How far a file is good: *end is behind the last whole group (0: it has not
 * even its head), and what its events up to there say of transactions is added
 * to set. What is behind was cut off by a crash, or is damaged: the source
 * sends it again. *there is false without such a file.
 */
struct dm_err *relay_out_recover(const struct relay_dir *d, const char *name,
    struct dm_gtid_set *set, uint64_t *end, bool *there) DM_MUST_CHECK;

struct relay_out;

/* Opens or makes it; what is behind `end` is cut off. Errors of all:
 * RELAY_WRITER_FILE_OPERATE with the path. */
struct dm_err *relay_out_open(const struct relay_dir *d, const char *name,
    uint64_t end, struct relay_out **o) DM_MUST_CHECK;
/* What was not flushed is lost. */
void relay_out_free(struct relay_out *o);
DM_DEFINE_AUTO(relay_out)
/* As a server names its files; in them, nothing leads out of a directory. */
bool relay_out_is_name(const char *name);

/* Behind the last event, flushed or not; 0: not even the magic. */
uint64_t relay_out_end(const struct relay_out *o);
/* How far it is in the file. */
uint64_t relay_out_flushed(const struct relay_out *o);

/* At the end; the magic goes before the first one. Flushes when a lot is
 * collected. After an error the file ends where relay_out_flushed says, and
 * what was collected is gone. */
struct dm_err *relay_out_append(
    struct relay_out *o, const uint8_t *raw, size_t len) DM_MUST_CHECK;
/* An event that nobody acts on, up to `to`: there the source has one that it
 * does not send. checksum: events of this file have one. Errors: also when
 * there is no room for an event. */
struct dm_err *relay_out_fill(
    struct relay_out *o, uint64_t to, bool checksum) DM_MUST_CHECK;
/* The same bytes stand at `off`? Flushes. */
struct dm_err *relay_out_has(struct relay_out *o, uint64_t off,
    const uint8_t *raw, size_t len, bool *same) DM_MUST_CHECK;
struct dm_err *relay_out_flush(struct relay_out *o) DM_MUST_CHECK;
/* Flushed, and on the disk. */
struct dm_err *relay_out_sync(struct relay_out *o) DM_MUST_CHECK;

#endif
