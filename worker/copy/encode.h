/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows as LOAD DATA text, written straight into the connection's buffer, and
 * as tuples of INSERT. An encoder belongs to one thread.
 */
#ifndef DM_WORKER_COPY_ENCODE_H
#define DM_WORKER_COPY_ENCODE_H

#include "lib/sql/sql.h"
#include "worker/copy/shape.h"

#include <sys/types.h>

/* Gives the next row, valid until the next call; *more false at the end. */
typedef struct dm_err *copy_next_fn(
    void *arg, struct dm_sql_row *row, bool *more);

struct copy_encoder {
	const struct copy_shape *shape; /* borrowed */
	copy_next_fn *next;
	void *arg;
	/* Progress within the current row. */
	struct dm_sql_row row;
	bool in_row, ended;
	unsigned cell;
	size_t offset;
	bool head_done; /* separator (and \N) of this cell is written */
	/* Totals. */
	uint64_t rows, bytes;
	uint64_t enum_zeros; /* each brings one warning of the target */
};

/* Fits dm_sql_infile_fn; arg is the encoder. size is at least 16. */
ssize_t copy_encode_load(
    void *encoder, char *buf, size_t size, struct dm_err **err);
/* The next row as "(..)" behind what sql holds; *more false at the end. */
struct dm_err *copy_encode_tuple(
    struct copy_encoder *e, GString *sql, bool *more) DM_MUST_CHECK;

#endif
