/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the copy unit share: the unit with its counters, one run
 * of it, its tables and chunks.
 *
 * Threads: the subtask's thread runs copy.c, source.c, plan.c, target.c; then
 * the lanes (lane.c) work, and it waits for them. Any thread asks for status.
 */
#ifndef DM_WORKER_COPY_COPY_INTERNAL_H
#define DM_WORKER_COPY_COPY_INTERNAL_H

#include "lib/base/clock.h"
#include "lib/ddl/dialect.h"
#include "lib/schema/tracker.h"
#include "worker/copy/check_shape.h"
#include "worker/copy/checksum.h"
#include "worker/copy/shape.h"
#include "worker/copy/throttle.h"
#include "worker/meta.h"
#include "worker/unit.h"

#include <stdatomic.h>

/* Server errors that are told apart. */
#define ER_BAD_DB_            1049
#define ER_TABLE_EXISTS_      1050
#define ER_NO_SUCH_TABLE_     1146
#define ER_SPECIFIC_ACCESS_   1227
#define ER_TABLE_DEF_CHANGED_ 1412
#define ER_NO_SUCH_USER_      1449

struct dm_table_filter;

/* A moment of the counters, for the speed. */
struct copy_sample {
	struct dm_mono at;
	uint64_t bytes, rows;
};

/* Also of the dump and the load: what all have, and no more is needed. */
struct copy_unit {
	struct unit unit;
	const struct unit_env *env;
	_Atomic uint64_t bytes, rows; /* copied, also by uncommitted chunks */
	_Atomic uint64_t rows_equal;  /* compared */
	struct dm_mutex mu;           /* rank 30; guards what follows */
	uint64_t total_bytes, total_rows; /* estimates, corrected as we go */
	uint64_t tables, tables_done;
	/* Of verify: equal tables; those that could not be compared; rows that
	 * differ; chunks copied again. */
	uint64_t tables_equal, tables_unknown, rows_differ, recopied;
	struct dm_pos pos;
	char *gtid, *note;
	char *throttle; /* why the copy holds back; NULL: it does not */
	bool done;
	struct copy_sample older, newer;
};

/* Keys in (lo, hi], as copy_key_literals writes them; NULL is open. */
struct copy_chunk {
	int id;
	char *lo, *hi;
	/* For the comparison (verify.c): what was read for it; by which lane,
	 * or -1 when that was in an earlier snapshot. */
	struct copy_sum sum;
	bool summed;
	int lane;
};
struct copy_chunk *copy_chunk_new(int id, const char *lo, const char *hi);
void copy_chunk_free(struct copy_chunk *k);

struct copy_table {
	struct meta_table *meta; /* owned; rows, bytes guarded by run->mu */
	char *to_db, *to_table;
	bool transactional; /* its engine takes part in the snapshot */
	bool replace;       /* rows may meet older ones in the target */
	/* Set when the table is started, before others see it. */
	struct copy_shape *shape;
	struct copy_check
	    *check;   /* of the target; by verify.c, under run->mu */
	bool changed; /* structure is another now: cannot be copied again */
	/* Guarded by run->mu. */
	bool started, cutting, cut_done;
	bool huge;     /* has rows that only lane 0 may read */
	unsigned busy; /* lanes that cut it or copy a chunk of it */
	GQueue ready;  /* struct copy_chunk, owned */
	unsigned open; /* chunks that are not committed */
	/* Of verify: chunks that wait to be compared once all are committed,
	 * owned; those that are being compared; what came of it. */
	GQueue copied;
	unsigned checking;
	bool earlier; /* some are of an earlier snapshot */
	bool unknown, differs, failed;
	int next_chunk;
	char *last_hi; /* upper end of the last chunk cut */
};
void copy_table_free(struct copy_table *t);

/* A database of the source that takes part. */
struct copy_database {
	char *name, *charset, *collation;
	char *to; /* its name at the target */
};

/* A view or sequence of the source. */
struct copy_object {
	char *db, *name, *to_db, *to_name;
	char *sql; /* CREATE from a file; NULL: the source knows it */
	/* Where a sequence of a file stands: what SETVAL gets behind its name,
	 * value, used, round: "17, 0, 0"; NULL: nowhere. */
	char *next;
	bool sequence;
};

/* One run of the unit; on its stack. */
struct copy_run {
	struct copy_unit *unit;
	const struct unit_env *env;
	enum meta_phase phase; /* the one in which the unit works */
	struct meta *meta;
	struct dm_cancel *cancel; /* of this run: ends all lanes */
	struct dm_block_allow *filter;
	struct dm_table_filter *only; /* in its place; NULL: none */
	bool to_files;                /* the rows go to no target */
	struct dm_route_rule *routes; /* for router */
	struct dm_router *router;
	struct dm_sql_conn *src, *dst; /* control connections */
	struct dm_cancel_watch src_watch, dst_watch;
	GPtrArray *readers; /* struct dm_sql_conn*, each in the snapshot */
	/* Of the snapshot: it holds all before pos, and nothing from pos_hi
	 * on; where they differ, perhaps what lies between. */
	struct dm_pos pos, pos_hi;
	char *gtid; /* at pos */
	struct dm_dialect dialect;
	GPtrArray *tables;      /* struct copy_table* */
	GPtrArray *databases;   /* struct copy_database* */
	GPtrArray *objects;     /* struct copy_object*; of a new plan only */
	GHashTable *referenced; /* "db\001table" that foreign keys point to, at
				   the target, in lower case */
	bool any_renamed;       /* a route changes some name */
	bool statement_binlog;  /* the target refuses READ COMMITTED */
	_Atomic bool by_insert; /* the target refuses LOAD DATA LOCAL */
	struct copy_throttle throttle;
	struct dm_mutex mu;   /* rank 20 */
	pthread_cond_t cond;  /* with mu: work appeared, or none is left */
	GString *differences; /* what verify found, for people; bounded */
	unsigned differences_told;
	struct dm_err *err; /* the first one of the lanes */
	bool source_lost;   /* that one needs a new snapshot */
};

/* ---- run.c ---- */
void copy_init_unit(struct copy_unit *u, const struct unit_ops *ops,
    const struct unit_env *env);
/* Fit struct unit_ops; the status is a LoadStatus. */
void copy_free_unit(struct unit *unit);
void copy_status(struct unit *unit, Pb__SubTaskStatus *st);
/* A run without connections; copy_close_run closes and frees all it got. */
void copy_init_run(struct copy_run *r, struct copy_unit *u,
    enum meta_phase phase, struct dm_cancel *c);
void copy_close_run(struct copy_run *r);
/* What a run ends with: canceled, where that is what made it fail. Takes
 * err. */
struct dm_err *copy_outcome(
    struct dm_err *err, struct dm_cancel *c) DM_MUST_CHECK;
/* Whoever may be in the gate leaves it; reader, the connection that had the
 * large row, gives its memory back. NULL: there is none. */
void copy_leave_gate(bool *in_gate, struct dm_sql_conn *reader);
/* What it is doing or waiting for; shown in the status. */
void copy_note(struct copy_run *r, const char *fmt, ...) DM_PRINTF(2, 3);
/* Why it holds back, for the status; NULL: it does not. */
void copy_show_throttle(struct copy_unit *u, const char *reason);
/* An error when another kind of full copy was begun. */
struct dm_err *copy_check_phase(
    const struct copy_run *r, enum meta_phase phase) DM_MUST_CHECK;
struct dm_err *copy_open_rules(struct copy_run *r) DM_MUST_CHECK;
struct dm_err *copy_learn_binlog_format(struct copy_run *r) DM_MUST_CHECK;
/* A snapshot, and the structures that tables have in it. */
struct dm_err *copy_open_snapshot(struct copy_run *r) DM_MUST_CHECK;
/* ---- of the status ---- */
void copy_set_position(
    struct copy_run *r, const struct dm_pos *pos, const char *gtid);
void copy_set_totals(struct copy_run *r);
void copy_set_done(struct copy_run *r);
/* What an earlier run copied. */
struct dm_err *copy_load_result(struct copy_run *r, const struct dm_pos *pos,
    const char *gtid) DM_MUST_CHECK;
/* Moves the speed's samples on. */
void copy_sample_locked(struct copy_unit *u, uint64_t bytes, uint64_t rows);
int64_t copy_per_second(uint64_t now, uint64_t before, int64_t ms);

/* ---- copy.c ---- */
/* Errors of a source connection after which a new snapshot may help. */
bool copy_needs_snapshot(const struct dm_err *err, struct dm_sql_conn *conn);

/* ---- source.c ---- */
/* One more connection, for questions; c ends the wait for it. */
struct dm_err *copy_source_open(struct copy_run *r, struct dm_cancel *c,
    struct dm_sql_conn **conn) DM_MUST_CHECK;
/* Control connection r->src; names as they are. */
struct dm_err *copy_source_connect(struct copy_run *r) DM_MUST_CHECK;
/* Whether the source's global sql_mode has NO_BACKSLASH_ESCAPES: in it dump
 * tools write texts, and DM's loader reads them. r->src is connected. */
struct dm_err *copy_source_no_escapes(
    struct copy_run *r, bool *no_escapes) DM_MUST_CHECK;
/* Fill r->readers, r->pos, r->pos_hi, r->gtid. */
struct dm_err *copy_source_snapshot(struct copy_run *r) DM_MUST_CHECK;
/* The same for MySQL, where r->readers are connected (source_mysql.c). */
struct dm_err *copy_mysql_snapshot(struct copy_run *r) DM_MUST_CHECK;
/* New string; NULL when the table is gone. */
struct dm_err *copy_source_structure(struct copy_run *r, const char *db,
    const char *table, char **sql) DM_MUST_CHECK;

/* ---- target.c ---- */
/* A target connection with our session; watched by nobody. binary: for
 * rows, recorded in the meta; else for DDL and meta. */
struct dm_err *copy_target_connect(
    struct copy_run *r, bool binary, struct dm_sql_conn **conn) DM_MUST_CHECK;
/* r->dst, again if it was closed while idle. */
struct dm_err *copy_target_control(struct copy_run *r) DM_MUST_CHECK;
/* Names of tables that exist in our target databases: "db\001table" in a new
 * set. */
struct dm_err *copy_target_list(
    struct copy_run *r, GHashTable **names) DM_MUST_CHECK;
struct dm_err *copy_target_create(struct copy_run *r) DM_MUST_CHECK;
/* New string; NULL: sql, of SHOW CREATE VIEW, names no definer. */
char *copy_view_without_definer(const char *sql);
/* Where a sequence stands, as copy_object's next; NULL: nowhere. New string. */
struct dm_err *copy_sequence_next(
    struct copy_run *r, const struct copy_object *o, char **args) DM_MUST_CHECK;
struct dm_err *copy_target_create_views(struct copy_run *r) DM_MUST_CHECK;
/* How rows of t travel; reads the target's structure if we did not make it. */
struct dm_err *copy_target_shape(struct copy_run *r, struct dm_sql_conn *conn,
    const struct copy_table *t, struct copy_shape **shape) DM_MUST_CHECK;
/* As the target is to have it. left_out: what the target does not know, for
 * people, is appended; may be NULL. */
struct dm_err *copy_target_table(struct copy_run *r, const struct copy_table *t,
    GString *left_out, struct dm_table **table) DM_MUST_CHECK;
/* As the target has it; *table stays as it is when the server says nothing. */
struct dm_err *copy_target_look(struct dm_sql_conn *conn,
    const struct copy_table *t, struct dm_table **table) DM_MUST_CHECK;
/* A foreign key of a table of this run points to it. */
bool copy_is_referenced(const struct copy_run *r, const struct copy_table *t);
struct dm_err *copy_target_drop(
    struct copy_run *r, const struct copy_table *t) DM_MUST_CHECK;

/* ---- indexes.c ---- */
/* Take the indexes from an empty table that are built later. wanted: as the
 * target is to have it. */
struct dm_err *copy_indexes_drop(struct copy_run *r, const struct copy_table *t,
    const struct dm_table *wanted) DM_MUST_CHECK;
/* Add those that the target lacks; all rows are there. */
struct dm_err *copy_indexes_build(struct copy_run *r, struct dm_sql_conn *conn,
    const struct copy_table *t) DM_MUST_CHECK;

/* ---- plan.c, resume.c ---- */
/* What exists at the source: r->databases, r->tables with their structures,
 * r->objects. *digest: new string, equal as long as no structure changed. */
struct dm_err *copy_plan_list(struct copy_run *r, char **digest) DM_MUST_CHECK;
/* What was listed becomes the plan; saved with phase COPY. */
struct dm_err *copy_plan_new(struct copy_run *r) DM_MUST_CHECK;
/* Go on with the plan in the meta, under the snapshot just taken. */
struct dm_err *copy_plan_resume(struct copy_run *r) DM_MUST_CHECK;
/* Save these tables, and the run's phase if sync_from is given, as one. */
struct dm_err *copy_plan_save(struct copy_run *r, GPtrArray *tables,
    const struct dm_pos *sync_from) DM_MUST_CHECK;
/* The rows of these tables alone, within a transaction of the caller's. */
struct dm_err *copy_plan_save_rows(
    struct copy_run *r, GPtrArray *tables) DM_MUST_CHECK;
/* Whether a table, or with NULL a database, takes no part. */
bool copy_skips(const struct copy_run *r, const char *db, const char *table);
/* Two tables of one source must not meet in one target table. */
struct dm_err *copy_check_targets(const struct copy_run *r) DM_MUST_CHECK;
void copy_database_free(void *database);
void copy_object_free(void *object);
/* A table route may lead into a database that no database leads to. */
void copy_add_target_databases(struct copy_run *r);
/* t->to_db, t->to_table, r->any_renamed. */
struct dm_err *copy_route_table(
    struct copy_run *r, struct copy_table *t) DM_MUST_CHECK;
/* Takes meta. */
struct copy_table *copy_table_new(struct meta_table *meta);
/* Of struct copy_table*, which it owns. */
GPtrArray *copy_table_array(void);

/* ---- chunks.c: rows of dm_chunk ---- */
/* Chunks of all tables: what is done goes into the tables' counts, the rest
 * becomes ready. */
struct dm_err *copy_chunks_load(
    struct copy_run *r, GHashTable *by_name) DM_MUST_CHECK;
/* New chunks (struct copy_chunk*); the table's row becomes COPYING. */
struct dm_err *copy_chunks_add(struct copy_run *r, struct dm_sql_conn *conn,
    const struct copy_table *t, GPtrArray *chunks) DM_MUST_CHECK;
/* BEGIN, then take the chunk; *done: it was copied before. */
struct dm_err *copy_chunk_claim(struct copy_run *r, struct dm_sql_conn *conn,
    const struct copy_table *t, const struct copy_chunk *k,
    bool *done) DM_MUST_CHECK;
/* The counts, within the chunk's transaction. */
struct dm_err *copy_chunk_count(struct copy_run *r, struct dm_sql_conn *conn,
    const struct copy_table *t, const struct copy_chunk *k, uint64_t rows,
    uint64_t bytes) DM_MUST_CHECK;
/* After a lost COMMIT, on a new connection. */
struct dm_err *copy_chunk_is_done(struct copy_run *r, struct dm_sql_conn *conn,
    const struct copy_table *t, const struct copy_chunk *k,
    bool *done) DM_MUST_CHECK;
/* Build what indexes are missing, then the table's row: done, with its counts;
 * one statement, fenced. */
struct dm_err *copy_table_finish(struct copy_run *r, struct dm_sql_conn *conn,
    const struct copy_table *t) DM_MUST_CHECK;
struct dm_err *copy_chunks_delete(struct copy_run *r, struct dm_sql_conn *conn,
    const struct copy_table *t) DM_MUST_CHECK;

/* ---- checks.c: rows of dm_check ---- */
/* k->sum, within the chunk's transaction. */
struct dm_err *copy_check_save(struct copy_run *r, struct dm_sql_conn *conn,
    const struct copy_table *t, const struct copy_chunk *k) DM_MUST_CHECK;
/* The chunk was compared; one transaction, fenced. */
struct dm_err *copy_check_mark(struct copy_run *r, struct dm_sql_conn *conn,
    const struct copy_table *t, const struct copy_chunk *k) DM_MUST_CHECK;
/*
 * The chunk is to be copied again in this run's snapshot; clear: without what
 * its range has in the target. One transaction, fenced, with the positions
 * between which the table stands then, which the caller sets in t->meta.
 */
struct dm_err *copy_check_reopen(struct copy_run *r, struct dm_sql_conn *conn,
    const struct copy_table *t, const struct copy_chunk *k, bool clear,
    struct dm_pos *lo, struct dm_pos *hi) DM_MUST_CHECK;
/* Names of tables, "db\001table" in a new set, with committed chunks that
 * were not compared. */
struct dm_err *copy_check_unfinished(
    struct copy_run *r, GHashTable **names) DM_MUST_CHECK;

/* ---- lane.c, rows.c ---- */
/* An error for a table without transactions whose rows cannot be told apart:
 * such rows need an exact position. */
struct dm_err *copy_check_engine(
    const struct copy_table *t, const struct copy_shape *s) DM_MUST_CHECK;
/* Copy all that is left; r->err and r->source_lost tell how it ended. */
struct dm_err *copy_lanes_run(struct copy_run *r) DM_MUST_CHECK;

struct copy_lane {
	struct copy_run *run;
	unsigned number;
	struct dm_sql_conn *reader, *writer; /* reader borrowed */
	struct dm_cancel_watch read_watch, write_watch;
	int unique_checks;  /* of the writer's session; -1: not known */
	bool source_failed; /* the last error came from the reader */
	bool big_row;       /* met one; from now on for lane 0 */
	bool in_gate;       /* of gate.h; until the chunk is done */
	bool at_gate;       /* the chunk is to be begun anew, inside */
	uint64_t counted_bytes, counted_rows; /* of this try */
	bool summing;                         /* the rows go into sum */
	struct copy_sum sum;                  /* of this try */
	pthread_t thread;
};
/* Copy one chunk, with retries; sets what the comparison needs of it. */
struct dm_err *copy_rows_chunk(struct copy_lane *l, struct copy_table *t,
    struct copy_chunk *k) DM_MUST_CHECK;
struct dm_err *copy_lane_writer(struct copy_lane *l) DM_MUST_CHECK;
void copy_lane_drop_writer(struct copy_lane *l);
/* A failed try: roll back, wait, see whether to go on. Takes err; gives it
 * back when there is no use in trying. */
struct dm_err *copy_lane_after_failure(struct copy_lane *l,
    const struct copy_table *t, int tries, struct dm_err *err) DM_MUST_CHECK;

/* ---- verify.c, verify_diff.c ---- */
/* What the comparison of a chunk came to. */
enum copy_verdict {
	VERDICT_EQUAL,
	VERDICT_AGAIN,   /* not as its earlier snapshot: to be copied again */
	VERDICT_DIFFERS, /* told in r->differences */
	VERDICT_UNKNOWN  /* cannot be compared */
};
/* Whether this lane can compare k now: it needs the snapshot k was read in. */
bool copy_verify_may(const struct copy_lane *l, const struct copy_chunk *k);
/* Compare one chunk, with retries; all of its table are committed. */
struct dm_err *copy_verify_chunk(struct copy_lane *l, struct copy_table *t,
    const struct copy_chunk *k, enum copy_verdict *v) DM_MUST_CHECK;
/* All chunks are equal: whether they are all that the source has. */
struct dm_err *copy_verify_whole(
    struct copy_lane *l, struct copy_table *t) DM_MUST_CHECK;
/* NULL, or the error that names the differences of this run. */
struct dm_err *copy_verify_result(struct copy_run *r) DM_MUST_CHECK;
/* One more difference, for people: "table .., " and what, in r->differences as
 * long as there is room. Any lane. */
void copy_verify_tell(
    struct copy_run *r, const struct copy_table *t, const char *what);

/* dm_sql_next of a stream, through the gate where a row is very large; no
 * transaction is open in the target. */
struct dm_err *copy_verify_next(struct copy_lane *l, struct dm_sql_result *res,
    struct dm_sql_row *row, bool *more) DM_MUST_CHECK;
/* One end of a comparison by key. */
struct copy_diff_end {
	struct dm_sql_conn *conn;
	const char *reads, *from, *where; /* where: of all lookups, or NULL */
	bool is_source;
};
/*
 * Look up, at `to`, each row that `from` holds in k's range: which ones have no
 * row there or, where `from` is the source, one with other values. *found: how
 * many; the first COPY_DIFF_MAX of them are told. The shape has keys, all among
 * its columns.
 */
#define COPY_DIFF_MAX 10
struct dm_err *copy_diff(struct copy_lane *l, const struct copy_table *t,
    const struct copy_chunk *k, const struct copy_diff_end *from,
    const struct copy_diff_end *to, uint64_t *found) DM_MUST_CHECK;

#endif
