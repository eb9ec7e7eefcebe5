/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of a dump in an S3 storage: what dir.h says, for `dir` that is a
 * URL. A dump there outlives its dm-worker; another one loads it.
 *
 * A storage has no locks, and a dm-worker that was frozen may go on to write
 * when another one has dumped anew. So a dump writes DUMP_BUCKET_FILES right
 * before its metadata: "<ETag> <size> <name>" of each file. A load takes the
 * files that stand there and no others, and reads only these very contents.
 * Dumps of other tools have none: theirs are taken as they are found when the
 * load begins. Threads: any for _create and _read; else one owner.
 */
#ifndef DM_WORKER_DUMP_BUCKET_H
#define DM_WORKER_DUMP_BUCKET_H

#include "lib/dump/stream.h"
#include "worker/unit.h"

#define DUMP_BUCKET_FILES ".dm-files"

struct dump_bucket;

/* "s3://bucket/prefix" that the task's files have; new string. */
char *dump_bucket_path(const struct unit_env *env);
/* Errors: those of references in the URL (secret.h). */
struct dm_err *dump_bucket_open(const struct unit_env *env, bool dumps,
    struct dm_cancel *c, struct dump_bucket **b) DM_MUST_CHECK;
void dump_bucket_free(struct dump_bucket *b);
DM_DEFINE_AUTO(dump_bucket)

/* The whole of a small file; *text NULL: there is none. */
struct dm_err *dump_bucket_get(
    struct dump_bucket *b, const char *name, char **text) DM_MUST_CHECK;
struct dm_err *dump_bucket_put(
    struct dump_bucket *b, const char *name, const char *text) DM_MUST_CHECK;
struct dm_err *dump_bucket_remove(
    struct dump_bucket *b, const char *name) DM_MUST_CHECK;
/* New array of new strings, without DUMP_DIR_OWNER and DUMP_BUCKET_FILES.
 * dump: those of the dump in it; else all. Errors: also files of the dump that
 * are gone or not what it wrote. */
struct dm_err *dump_bucket_list(
    struct dump_bucket *b, bool dump, GPtrArray **names) DM_MUST_CHECK;
/* Of the last list; false: it has no such file. *version: new string, another
 * one for another content. */
bool dump_bucket_stat(const struct dump_bucket *b, const char *name,
    uint64_t *size, char **version);

/* path: for messages. */
struct dm_dump_input *dump_bucket_read(struct dump_bucket *b, const char *name,
    const char *path, enum dm_dump_compress c);
struct dm_dump_output *dump_bucket_create(
    struct dump_bucket *b, const char *name, enum dm_dump_compress c);
/* The metadata, and before it DUMP_BUCKET_FILES of all that was created. */
struct dm_err *dump_bucket_publish(
    struct dump_bucket *b, const char *metadata) DM_MUST_CHECK;

#endif
