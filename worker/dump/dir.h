/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of a dump: on a disk, or in an S3 storage (bucket.h). Who writes
 * or loads one on a disk has it locked, so that two tasks or dm-workers with
 * one `dir` do not destroy each other's files. Between the two the file
 * DUMP_DIR_OWNER in it ("task: x", "source: y") keeps other sources off; a dump
 * of another tool has none until it is loaded. A storage knows no locks: there
 * it keeps dumps of other tasks off, too. Threads: one owner, but for
 * dump_dir_create and dump_dir_read.
 */
#ifndef DM_WORKER_DUMP_DIR_H
#define DM_WORKER_DUMP_DIR_H

#include "lib/dump/stream.h"
#include "worker/unit.h"

#define DUMP_DIR_OWNER ".dm-owner"

struct dump_bucket;

struct dump_dir {
	char *path; /* for messages, too */
	int fd;     /* open and locked; -1: not open, or in a storage */
	struct dump_bucket *bucket; /* NULL: on a disk */
};

enum dump_dir_use {
	DUMP_DIR_DUMP,  /* made if need be */
	DUMP_DIR_LOAD,  /* must be there */
	DUMP_DIR_RESUME /* the same; loading has begun before */
};

/* `dir` of the loader; with the names of task and source behind it where the
 * same task both dumps and loads. For messages, too: without secrets. New
 * string. */
char *dump_dir_path(const struct unit_env *env);
/*
 * Open and lock the folder, and write into it whose it is.
 *   d  zeroed but for fd; filled also on error
 *   c  ends waiting for a storage; borrowed until dump_dir_close
 *   DUMP_DIR_RESUME  takes a folder without the source's name, as there were
 *                    before, if there is none with it
 * Errors: DUMP_UNIT_RUNTIME, also where the folder is in use or another
 * source's; LOAD_UNIT_DUMP_DIR_NOT_FOUND; those of the storage.
 */
struct dm_err *dump_dir_open(struct dump_dir *d, const struct unit_env *env,
    enum dump_dir_use use, struct dm_cancel *c) DM_MUST_CHECK;
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
void dump_dir_clean_left(const struct unit_env *env, struct dm_cancel *c);
/* Names in it but for DUMP_DIR_OWNER, of a storage only those of its dump
 * (bucket.h), sorted; new array of new strings. */
struct dm_err *dump_dir_list(
    struct dump_dir *d, GPtrArray **names) DM_MUST_CHECK;
/* A file of the last list. False: there is none, or it is no file. *version:
 * new string, another one when it was written again. */
bool dump_dir_stat(
    const struct dump_dir *d, const char *file, uint64_t *size, char **version);
/* "path/file", for messages; new string. */
char *dump_dir_file(const struct dump_dir *d, const char *file);

struct dm_err *dump_dir_read(struct dump_dir *d, const char *file,
    enum dm_dump_compress c, struct dm_dump_input **in) DM_MUST_CHECK;
struct dm_err *dump_dir_create(struct dump_dir *d, const char *file,
    enum dm_dump_compress c, struct dm_dump_output **out) DM_MUST_CHECK;
/* The metadata, which makes a dump of the files: under its name only when it is
 * whole. */
struct dm_err *dump_dir_publish(
    struct dump_dir *d, const char *metadata) DM_MUST_CHECK;

#endif
