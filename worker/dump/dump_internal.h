/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the dump unit share. Threads: as in copy_internal.h; the
 * lanes (lane.c) write files while the subtask's thread waits for them.
 */
#ifndef DM_WORKER_DUMP_DUMP_INTERNAL_H
#define DM_WORKER_DUMP_DUMP_INTERNAL_H

#include "lib/dump/stream.h"
#include "worker/copy/copy_internal.h"
#include "worker/dump/dir.h"
#include "worker/dump/shape.h"

/* A table while it is dumped; guarded by the run's mu. */
struct dump_table {
	const struct copy_table *t; /* borrowed */
	struct dump_shape *shape;   /* set by who cuts the table first */
	bool cutting, cut_done;
	char *lo;       /* where the next chunk begins */
	unsigned chunk; /* its number */
	unsigned open;  /* chunks being read */
};

/* One run of the unit; on its stack. */
struct dump_run {
	struct copy_run r;
	struct dump_dir dir;
	enum dm_dump_compress compress;
	bool csv, views;
	bool no_escapes; /* of the source's mode: so are the texts of rows */
	uint64_t rows_per_chunk, file_bytes, statement_bytes; /* 0: no limit */
	GPtrArray *tables; /* struct dump_table* */
};

/* Write bytes as the file `name`, compressed if the dump is. Takes neither. */
struct dm_err *dump_write_file(struct dump_run *d, const char *name,
    const char *text, size_t len) DM_MUST_CHECK;

/* ---- schema.c: files of databases, tables and views ---- */
struct dm_err *dump_schema_files(struct dump_run *d) DM_MUST_CHECK;
/* The lines that each file of statements begins with; static. rows: of a file
 * with rows, else of a schema file, which is as our session has it. */
const char *dump_sql_head(const struct dump_run *d, bool rows);

/* ---- lane.c ---- */
/* All rows of all tables. */
struct dm_err *dump_lanes_run(struct dump_run *d) DM_MUST_CHECK;

#endif
