/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files ("objects") under one prefix of a bucket of an S3-compatible storage.
 * Names have no '/' and are those below the prefix. Requests are signed with
 * AWS Signature Version 4 and tried again when the storage is busy or the
 * network fails, for about a minute.
 *
 * Threads: any for a dm_s3; one owner for a stream of bytes.
 * Errors: those of the dump (DUMP_UNIT_RUNTIME) or of the load
 * (LOAD_LIGHTNING_RUNTIME), whichever it was opened for; they name the request
 * and what the storage said. "context canceled" when c was canceled.
 * Source: Amazon S3 API Reference, version 2006-03-01.
 */
#ifndef DM_LIB_S3_S3_H
#define DM_LIB_S3_S3_H

#include "lib/err/err.h"
#include "lib/s3/url.h"
#include "lib/thread/cancel.h"

struct dm_s3;

enum dm_s3_use { DM_S3_FOR_DUMP, DM_S3_FOR_LOAD };

/* Copies u and completes it (dm_s3_url_complete); nothing is asked yet. c:
 * borrowed; NULL: only time limits end a request. */
struct dm_s3 *dm_s3_new(
    const struct dm_s3_url *u, enum dm_s3_use use, struct dm_cancel *c);
void dm_s3_free(struct dm_s3 *s);
DM_DEFINE_AUTO(dm_s3)
/* "s3://bucket/prefix"; borrowed. */
const char *dm_s3_name(const struct dm_s3 *s);
/* A new error of the code that s was opened for. */
struct dm_err *dm_s3_error(
    const struct dm_s3 *s, const char *what) DM_MUST_CHECK;

struct dm_s3_file {
	char *name;
	uint64_t size;
	char *etag; /* without quotes: another one, another content */
};
void dm_s3_file_free(void *file);

/* What is under the prefix, by name; folders in it are not listed. New array
 * of struct dm_s3_file. */
struct dm_err *dm_s3_list(struct dm_s3 *s, GPtrArray **files) DM_MUST_CHECK;
/* The whole of a small file. *text NULL: there is none. len may be NULL. */
struct dm_err *dm_s3_get(
    struct dm_s3 *s, const char *name, char **text, size_t *len) DM_MUST_CHECK;
/* A small file at once; replaces one of that name. */
struct dm_err *dm_s3_put(struct dm_s3 *s, const char *name, const void *bytes,
    size_t len) DM_MUST_CHECK;
/* One that is gone is as good as removed. */
struct dm_err *dm_s3_remove(struct dm_s3 *s, const char *name) DM_MUST_CHECK;

/* ---- reading a file ---- */

struct dm_s3_reader;

/*
 * s must outlive it. A connection that breaks goes on behind the last byte.
 *   etag  what it must be, then and now; NULL: whatever it is now
 * Another content than that is an error that names the file.
 */
struct dm_s3_reader *dm_s3_reader_new(
    struct dm_s3 *s, const char *name, const char *etag);
/* The next bytes; *got 0: the end. */
struct dm_err *dm_s3_read(
    struct dm_s3_reader *r, void *buf, size_t size, size_t *got) DM_MUST_CHECK;
void dm_s3_reader_free(struct dm_s3_reader *r);
DM_DEFINE_AUTO(dm_s3_reader)

/* ---- writing a file ---- */

struct dm_s3_writer;

/* s must outlive it. The file is there when it is finished, not before. Holds
 * one part in memory: 8 MiB, more in files over 64 GiB. */
struct dm_s3_writer *dm_s3_writer_new(struct dm_s3 *s, const char *name);
struct dm_err *dm_s3_write(
    struct dm_s3_writer *w, const void *bytes, size_t len) DM_MUST_CHECK;
/* *etag: what the storage calls it; new string; may be NULL. */
struct dm_err *dm_s3_writer_finish(
    struct dm_s3_writer *w, char **etag) DM_MUST_CHECK;
/* What was not finished is given up. */
void dm_s3_writer_free(struct dm_s3_writer *w);
DM_DEFINE_AUTO(dm_s3_writer)

#endif
