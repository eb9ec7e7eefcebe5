/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of a dump. Who writes or loads it has it locked, so that two tasks
 * or dm-workers with one `dir` do not destroy each other's files. Between the
 * two the file DUMP_DIR_OWNER in it ("task: x", "source: y") keeps other
 * sources off; a dump of another tool has none until it is loaded. Threads: one
 * owner.
 */
#ifndef DM_WORKER_DUMP_DIR_H
#define DM_WORKER_DUMP_DIR_H

#include "lib/dump/name.h"
#include "worker/unit.h"

#define DUMP_DIR_OWNER ".dm-owner"

struct dump_dir {
	char *path;
	int fd; /* open and locked; -1: not open */
};

enum dump_dir_use {
	DUMP_DIR_DUMP,  /* made if need be */
	DUMP_DIR_LOAD,  /* must be there */
	DUMP_DIR_RESUME /* the same; loading has begun before */
};

/* `dir` of the loader; with the names of task and source behind it where the
 * same task both dumps and loads. New string. */
char *dump_dir_path(const struct unit_env *env);
/*
 * Open and lock the folder, and write into it whose it is.
 *   d  zeroed but for fd; filled also on error
 *   DUMP_DIR_RESUME  takes a folder without the source's name, as there were
 *                    before, if there is none with it
 * Errors: DUMP_UNIT_RUNTIME, also where the folder is in use or another
 * source's; LOAD_UNIT_DUMP_DIR_NOT_FOUND.
 */
struct dm_err *dump_dir_open(struct dump_dir *d, const struct unit_env *env,
    enum dump_dir_use use) DM_MUST_CHECK;
/* Also of one that was never opened. */
void dump_dir_close(struct dump_dir *d);
/* Remove the files of an earlier dump. Anything else in there is an error: the
 * folder was named by a person, perhaps by mistake. */
struct dm_err *dump_dir_empty(struct dump_dir *d) DM_MUST_CHECK;
/*
 * After loading: remove the metadata, so that what is left is no dump whenever
 * this ends; then those of names that a dump tool may have written. all: the
 * folder, too, unless something else is in it. What cannot be removed stays.
 */
void dump_dir_clean(struct dump_dir *d, const GPtrArray *names, bool all);
/* The same with `all`, where it was cut short: nothing unless DUMP_DIR_OWNER
 * says that the folder is this task's and source's. */
void dump_dir_clean_left(const struct unit_env *env);
/* Names in it but for DUMP_DIR_OWNER, sorted; new array of new strings. */
struct dm_err *dump_dir_list(
    struct dump_dir *d, GPtrArray **names) DM_MUST_CHECK;
/* "path/file"; new string. */
char *dump_dir_file(const struct dump_dir *d, const char *file);

#endif
