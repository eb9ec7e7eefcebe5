/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file of a relay log, event by event. Owner: its reader's thread.
 * FORMAT: 4 bytes of magic, then events; FORMAT_DESCRIPTION is the first.
 */
#ifndef DM_WORKER_RELAY_FILE_H
#define DM_WORKER_RELAY_FILE_H

#include "lib/binlog/event.h"
#include "worker/relay/dirs.h"

#define RELAY_FILE_BEGIN 4

struct relay_file {
	char *dir, *name; /* owned */
	int fd;
	struct dm_binlog_format format; /* of the first event */
	uint8_t *buf;                   /* bytes [at, at + len) of the file */
	size_t cap, len;
	uint64_t at;
};

/* *there is false when no such file exists. Errors: PARSER_PARSE_RELAY_LOG. */
struct dm_err *relay_file_open(const struct relay_dir *d, const char *name,
    struct relay_file **f, bool *there) DM_MUST_CHECK;
void relay_file_free(struct relay_file *f);
DM_DEFINE_AUTO(relay_file)
struct dm_err *relay_file_size(
    const struct relay_file *f, uint64_t *size) DM_MUST_CHECK;
/* The magic is right; reads the format. limit: as far as the file is whole;
 * *ready is false when that is not enough. */
struct dm_err *relay_file_head(
    struct relay_file *f, uint64_t limit, bool *ready) DM_MUST_CHECK;

struct relay_event {
	const uint8_t *raw; /* borrowed until the next call */
	size_t len;
	struct dm_event_header h;
	const uint8_t *body; /* without checksum */
	size_t body_len;
};
/* The event at `off`, checked; *whole is false when it does not end at or
 * before limit. */
struct dm_err *relay_file_event(struct relay_file *f, uint64_t off,
    uint64_t limit, struct relay_event *ev, bool *whole) DM_MUST_CHECK;

/* Adds to set what the events up to `to` say of transactions; with head_only no
 * more than what is said of earlier files, and *known is true if that was
 * there before limit. Errors: also when the file ends before `to`. */
struct dm_err *relay_file_gtids(struct relay_file *f, uint64_t limit,
    uint64_t to, bool head_only, struct dm_gtid_set *set,
    bool *known) DM_MUST_CHECK;

/* Takes why (NULL: text alone): PARSER_PARSE_RELAY_LOG with file and offset. */
struct dm_err *relay_file_error(const struct relay_file *f, uint64_t off,
    struct dm_err *why, const char *text) DM_MUST_CHECK;

#endif
