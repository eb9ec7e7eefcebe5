/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the writer of a relay log changes beside the binlog files: the index,
 * the sub directories and their relay.meta. Each file is replaced as a whole
 * (a new one, flushed, renamed), so that a crash leaves the old or the new one.
 * FORMAT: reference/data-plane 4.1. Threads: one writer per relay log, kept by
 * relay_lock.
 */
#ifndef DM_WORKER_RELAY_META_H
#define DM_WORKER_RELAY_META_H

#include "worker/relay/dirs.h"

/* Makes the directory and locks it against other processes: *fd is to be
 * closed at the end. Errors: RELAY_MKDIR with the path. */
struct dm_err *relay_lock(const char *root, int *fd) DM_MUST_CHECK;

/* Where writing goes on in a sub directory. */
struct relay_meta {
	struct dm_pos pos;
	char *gtid; /* the transactions before it; owned, never NULL once loaded
		     */
};
void relay_meta_fini(struct relay_meta *m);
/* *there is false when the sub directory has none. Errors:
 * RELAY_LOAD_META_DATA. */
struct dm_err *relay_meta_load(
    const struct relay_dir *d, struct relay_meta *m, bool *there) DM_MUST_CHECK;
/* Errors: RELAY_FLUSH_LOCAL_META. */
struct dm_err *relay_meta_save(
    const struct relay_dir *d, const struct relay_meta *m) DM_MUST_CHECK;

/* The suffixes count up by one. Errors: RELAY_UUID_SUFFIX_NOT_VALID,
 * RELAY_UUID_SUFFIX_LESS_THAN_PREV. */
struct dm_err *relay_index_check(const GPtrArray *dirs) DM_MUST_CHECK;
/* Makes an empty sub directory for a server, behind all of dirs, and adds it
 * to the index. Whoever needs it loads the index anew. Errors: RELAY_MKDIR,
 * RELAY_UPDATE_INDEX_FILE. */
struct dm_err *relay_index_add(
    const char *root, const GPtrArray *dirs, const char *uuid) DM_MUST_CHECK;
/* Drops the sub directories before `keep` (0: all of them) from the index,
 * then removes them. Errors: RELAY_UPDATE_INDEX_FILE, RELAY_REMOVE_FILE_FAIL.
 */
struct dm_err *relay_index_drop(
    const char *root, const GPtrArray *dirs, unsigned keep) DM_MUST_CHECK;

#endif
