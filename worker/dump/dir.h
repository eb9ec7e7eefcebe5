/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of a dump. Who writes or loads it has it locked, so that two tasks
 * or dm-workers with one `dir` do not destroy each other's files. Threads: one
 * owner.
 */
#ifndef DM_WORKER_DUMP_DIR_H
#define DM_WORKER_DUMP_DIR_H

#include "lib/dump/name.h"
#include "worker/unit.h"

struct dump_dir {
	char *path;
	int fd; /* open and locked; -1: not open */
};

/* `dir` of the loader, with the task's name behind it where the same task both
 * dumps and loads. New string. */
char *dump_dir_path(const struct unit_env *env);
/*
 *   d  zeroed but for fd; filled also on error
 *   create  else the folder must be there
 * Errors: DUMP_UNIT_RUNTIME, LOAD_UNIT_DUMP_DIR_NOT_FOUND.
 */
struct dm_err *dump_dir_open(
    struct dump_dir *d, const struct unit_env *env, bool create) DM_MUST_CHECK;
/* Also of one that was never opened. */
void dump_dir_close(struct dump_dir *d);
/* Remove the files of an earlier dump. Anything else in there is an error: the
 * folder was named by a person, perhaps by mistake. */
struct dm_err *dump_dir_empty(struct dump_dir *d) DM_MUST_CHECK;
/* After loading: with `all` every file of the dump and the folder, else only
 * the rows. What cannot be removed stays. */
void dump_dir_clean(struct dump_dir *d, bool all);
/* Names in it, sorted; new array of new strings. */
struct dm_err *dump_dir_list(
    struct dump_dir *d, GPtrArray **names) DM_MUST_CHECK;
/* "path/file"; new string. */
char *dump_dir_file(const struct dump_dir *d, const char *file);

#endif
