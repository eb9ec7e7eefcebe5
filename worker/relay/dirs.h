/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in a relay log, for its readers: sub directories and their files.
 * Nothing is changed. FORMAT: reference/data-plane 4.1.
 * Threads: any. Errors: PARSER_PARSE_RELAY_LOG with the file.
 */
#ifndef DM_WORKER_RELAY_DIRS_H
#define DM_WORKER_RELAY_DIRS_H

#include "worker/relay/hub.h"

struct relay_dir {
	char *path;
	char *uuid; /* of the server: "<uuid>.000001" without suffix */
	unsigned suffix;
};

/* New array of struct relay_dir*, in the order of the index, with its free
 * function. Without an index it is empty. */
struct dm_err *relay_dirs_load(const char *dir, GPtrArray **dirs) DM_MUST_CHECK;
/* The last one of a server; NULL: none. */
const struct relay_dir *relay_dirs_of(const GPtrArray *dirs, const char *uuid);
/* By its suffix; NULL: none. */
const struct relay_dir *relay_dirs_at(const GPtrArray *dirs, unsigned suffix);
/* The first one behind that suffix; NULL: none. */
const struct relay_dir *relay_dirs_after(
    const GPtrArray *dirs, unsigned suffix);
/* Names of the binlog files in it, char*, by number; new. */
struct dm_err *relay_dir_files(
    const struct relay_dir *d, GPtrArray **names) DM_MUST_CHECK;

#endif
