/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of a dump as streams of bytes, plain or compressed. Threads: one owner
 * each. Errors: LOAD_LIGHTNING_RUNTIME when reading, DUMP_UNIT_RUNTIME when
 * writing; both name the file, and the place in it where that helps.
 */
#ifndef DM_LIB_DUMP_STREAM_H
#define DM_LIB_DUMP_STREAM_H

#include "lib/dump/name.h"
#include "lib/err/err.h"

/* The next bytes; *got 0: the end. */
typedef struct dm_err *dm_dump_read_fn(
    void *arg, void *buf, size_t size, size_t *got);

/* Where a file's bytes come from or go to, as they stand in it. */
struct dm_dump_source {
	dm_dump_read_fn *read;
	void (*free)(void *arg);
	void *arg;
};
struct dm_dump_sink {
	struct dm_err *(*write)(void *arg, const void *bytes, size_t len);
	struct dm_err *(*finish)(void *arg);
	void (*free)(void *arg);
	void *arg;
};

struct dm_dump_input;

/* path: for messages. Takes what src has. */
struct dm_dump_input *dm_dump_input_over(const char *path,
    const struct dm_dump_source *src, enum dm_dump_compress c);
struct dm_err *dm_dump_input_open(const char *path, enum dm_dump_compress c,
    struct dm_dump_input **in) DM_MUST_CHECK;
/* A dm_dump_read_fn; arg is the input. A compressed file that ends early or is
 * damaged is an error. */
struct dm_err *dm_dump_input_read(
    void *in, void *buf, size_t size, size_t *got) DM_MUST_CHECK;
void dm_dump_input_free(struct dm_dump_input *in);
DM_DEFINE_AUTO(dm_dump_input)

struct dm_dump_output;

/* Takes what sink has. */
struct dm_dump_output *dm_dump_output_over(
    const struct dm_dump_sink *sink, enum dm_dump_compress c);
/* Creates the file; there must be none. */
struct dm_err *dm_dump_output_open(const char *path, enum dm_dump_compress c,
    struct dm_dump_output **out) DM_MUST_CHECK;
struct dm_err *dm_dump_output_write(
    struct dm_dump_output *out, const void *bytes, size_t len) DM_MUST_CHECK;
/* Bytes given to write so far. */
uint64_t dm_dump_output_bytes(const struct dm_dump_output *out);
/* Writes the rest, sees to it that the disk or storage has it, and closes.
 * Also after an error of write; _free does the rest. */
struct dm_err *dm_dump_output_finish(struct dm_dump_output *out) DM_MUST_CHECK;
void dm_dump_output_free(struct dm_dump_output *out);
DM_DEFINE_AUTO(dm_dump_output)

/* DUMP_UNIT_RUNTIME for errno `no` at path: what a person does about a full
 * disk or a missing right stands in its workaround. */
struct dm_err *dm_dump_write_error(
    const char *what, const char *path, int no) DM_MUST_CHECK;

#endif
