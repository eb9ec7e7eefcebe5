/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of a data file for the load, of which very large ones are in memory
 * only while their reader is inside the gate of copy/gate.h. Threads: one
 * owner, which must have no transaction open when it reads.
 */
#ifndef DM_WORKER_LOAD_READER_H
#define DM_WORKER_LOAD_READER_H

#include "lib/dump/rows.h"
#include "lib/thread/cancel.h"

/* Zeroed but for rows and cancel. */
struct load_reader {
	struct dm_dump_rows *rows; /* borrowed */
	struct dm_cancel *cancel;  /* borrowed; ends waiting for the gate */
	struct dm_dump_row row;    /* valid while pending */
	bool pending;              /* row was read and not used */
	bool large;                /* a very large one is to come */
	bool in_gate;              /* the row is a very large one */
};

/* The next row, unless there is one that was not used. Neither pending nor
 * large: there is none. Errors: of dm_dump_rows_next. */
struct dm_err *load_reader_next(struct load_reader *r) DM_MUST_CHECK;
/* To go on where a very large row is to come: waits for the gate. */
struct dm_err *load_reader_enter(struct load_reader *r) DM_MUST_CHECK;
/* The very large row is not needed any more, nor are its bytes. Also without
 * one. */
void load_reader_leave(struct load_reader *r);
/* Pass over rows up to offset; *seen: where the last of them ended, 0: there
 * was none. */
struct dm_err *load_reader_skip(
    struct load_reader *r, uint64_t offset, uint64_t *seen) DM_MUST_CHECK;

#endif
