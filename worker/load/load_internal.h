/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the load unit share. Threads: the subtask's thread plans
 * (load.c, plan.c); then the lanes (lane.c) work, and it waits for them.
 */
#ifndef DM_WORKER_LOAD_LOAD_INTERNAL_H
#define DM_WORKER_LOAD_LOAD_INTERNAL_H

#include "lib/dump/metadata.h"
#include "lib/dump/rows.h"
#include "worker/copy/copy_internal.h"
#include "worker/dump/dir.h"
#include "worker/load/columns.h"

struct load_table {
	struct copy_table *t;             /* borrowed of the run's tables */
	struct dm_table *source, *target; /* target NULL: made from source */
	unsigned open;                    /* files not done; run's mu */
	GHashTable *told;                 /* columns of warnings; run's mu */
};

/* A file with rows. */
struct load_file {
	struct load_table *table; /* borrowed */
	char *name;
	unsigned id; /* of the table's files: its row in dm_chunk */
	bool csv;
	enum dm_dump_compress compress;
	uint64_t size; /* on the disk */
	char *mtime;   /* "seconds.nanoseconds"; "": was not noted */
	/* As committed. Rows that end up to offset are in the target. */
	uint64_t offset;
	bool done;
};

/* One run of the unit; on its stack. */
struct load_run {
	struct copy_run r;
	struct dump_dir dir;
	const char *verb;  /* "REPLACE", "INSERT", "INSERT IGNORE" */
	bool ignore;       /* the last one */
	bool no_escapes;   /* the source's mode has NO_BACKSLASH_ESCAPES */
	GPtrArray *names;  /* char*: files in dir */
	GPtrArray *rows;   /* char*: files with rows of the plan, done or not */
	GPtrArray *tables; /* struct load_table* */
	GPtrArray *files;  /* struct load_file* */
	guint next;        /* of files: not taken; run's mu */
};

/* ---- load.c ---- */
/* The text of a small file; new string. Errors: LOAD_LIGHTNING_RUNTIME. */
struct dm_err *load_read_file(struct load_run *d, const char *name, char **text,
    size_t *len) DM_MUST_CHECK;

/* ---- plan.c ---- */
/* What the folder has: r->databases, r->objects (views); with a new plan also
 * r->tables with their structures, and files. */
struct dm_err *load_plan_scan(struct load_run *d, bool new) DM_MUST_CHECK;
/* What was scanned becomes the plan; saved with phase LOAD at m's place. */
struct dm_err *load_plan_new(
    struct load_run *d, const struct dm_dump_metadata *m) DM_MUST_CHECK;
/* Tables and files from the meta. */
struct dm_err *load_plan_resume(struct load_run *d) DM_MUST_CHECK;
/* The structures of the target's tables, once they are there. */
struct dm_err *load_plan_tables(struct load_run *d) DM_MUST_CHECK;

/* ---- progress.c: a file's row in dm_chunk ---- */
struct dm_err *load_progress_add(
    struct load_run *d, GPtrArray *files) DM_MUST_CHECK;
/* What is known of files of all tables, in the order of their numbers: into
 * d->files. by_name: "db\001table" -> struct load_table*. */
struct dm_err *load_progress_read(
    struct load_run *d, GHashTable *by_name) DM_MUST_CHECK;
/* Within a transaction: from f->offset to `to`; with the fence. */
struct dm_err *load_progress_move(struct load_run *d, struct dm_sql_conn *conn,
    const struct load_file *f, uint64_t to, uint64_t rows,
    bool done) DM_MUST_CHECK;
/* After a lost COMMIT, on a new connection. */
struct dm_err *load_progress_ask(struct load_run *d, struct dm_sql_conn *conn,
    const struct load_file *f, uint64_t *offset, bool *done) DM_MUST_CHECK;

/* ---- lane.c ---- */
struct dm_err *load_lanes_run(struct load_run *d) DM_MUST_CHECK;

#endif
