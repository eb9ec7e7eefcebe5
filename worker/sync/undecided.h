/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows that may still be taken back: raw events of transactions that are not
 * decided. These are XA transactions between XA PREPARE and its decision, and
 * of any transaction what follows a SAVEPOINT.
 *
 * DESIGN: nothing of them reaches a lane before it is decided. The rows of an
 * XA transaction are applied as those of the transaction that XA COMMIT is, so
 * that the lanes' marks count them like any others. What a restart needs is
 * where to read them again: the start of each prepared one is a row of dm_xa,
 * written before any lane's mark passes it, and reading begins at the first of
 * these. A row goes when all lanes are past the decision. Owner: the
 * dispatcher's thread.
 */
#ifndef DM_WORKER_SYNC_UNDECIDED_H
#define DM_WORKER_SYNC_UNDECIDED_H

#include "lib/binlog/position.h"
#include "lib/binlog/xa.h"
#include "worker/meta.h"

/* Of the events of all undecided transactions of a task together. */
#define UNDECIDED_MAX ((size_t)256 << 20)

/* One event of a transaction; len 0: rows that no one wants, which count all
 * the same. */
struct undecided_event {
	uint8_t type;
	size_t off, len; /* in the transaction's bytes */
};

/* One transaction. */
struct undecided_txn {
	struct dm_xid xid;   /* "" until XA PREPARE, and of a plain one */
	struct dm_pos start; /* of its first event */
	bool xa;
	GByteArray *bytes;
	GArray *events;        /* struct undecided_event */
	GPtrArray *savepoints; /* struct savepoint*, the first one first */
	GHashTable *unwanted;  /* ids of tables that take no part */
};

/* A row of dm_xa: of a prepared one, or a decided one whose row is still
 * there. */
struct undecided_row {
	struct dm_pos start;
	struct dm_xid xid;
	struct dm_pos decided; /* end of the decision; "": not decided */
	uint32_t prepared_at;  /* the source's time; 0: not read yet */
	bool told;             /* that it waits for long */
};

struct undecided {
	struct undecided_txn *open; /* being read; NULL: none */
	bool overflowed;            /* the rows of this one are not kept */
	GHashTable *prepared;       /* xid text -> struct undecided_txn* */
	GArray *rows;               /* struct undecided_row: those of dm_xa */
	size_t size;                /* bytes of all */
	size_t max;
};

void undecided_init(struct undecided *u);
void undecided_fini(struct undecided *u);

/* A transaction is read from here on, in place of one that has not ended. */
void undecided_begin(struct undecided *u, const struct dm_pos *start);
/* An event of the open one. False, and nothing done: there is no room. */
bool undecided_add(
    struct undecided *u, uint8_t type, const uint8_t *body, size_t len);
/* Rows of these tables are only counted. */
void undecided_ignore_table(struct undecided *u, uint64_t table_id);
bool undecided_ignores(const struct undecided *u, uint64_t table_id);
void undecided_add_counted(struct undecided *u, uint8_t type);
void undecided_savepoint(struct undecided *u, const char *name);
/* False: there is no such savepoint. */
bool undecided_rollback_to(struct undecided *u, const char *name);
/* The open one is prepared under this id, which no other has. */
void undecided_prepare(struct undecided *u, const struct dm_xid *xid);
/* Takes it out; NULL: there is none. The caller frees it. */
struct undecided_txn *undecided_take_open(struct undecided *u);
struct undecided_txn *undecided_take(
    struct undecided *u, const struct dm_xid *xid);
void undecided_txn_free(struct undecided_txn *t);
DM_DEFINE_AUTO(undecided_txn)

/* dm_xa has a row for a transaction that begins there. */
bool undecided_has_row(const struct undecided *u, const struct dm_pos *start);
void undecided_add_row(
    struct undecided *u, const struct dm_pos *start, const struct dm_xid *xid);
/* Its XA PREPARE was read, which the source wrote then. */
void undecided_note_time(
    struct undecided *u, const struct dm_pos *start, uint32_t when);
/* One that was prepared before `when`, is not decided, and was not returned
 * before; NULL: there is none. */
const struct undecided_row *undecided_overdue(
    struct undecided *u, uint32_t when);
/* The transaction from `start` is decided, and that ends at `end`. */
void undecided_decide(
    struct undecided *u, const struct dm_pos *start, const struct dm_pos *end);
/* Reading has to begin at its start to find all of them; NULL: there are
 * none. */
const struct undecided_row *undecided_first(const struct undecided *u);

/* ---- dm_xa (xa_meta.c) ---- */

struct dm_err *xa_meta_load(struct meta *m, struct dm_sql_conn *conn,
    struct undecided *u) DM_MUST_CHECK;
/* In a fenced transaction of its own. */
struct dm_err *xa_meta_put(struct meta *m, struct dm_sql_conn *conn,
    const struct dm_pos *start, const struct dm_xid *xid) DM_MUST_CHECK;
/* A person says that nothing is to wait for this one any more: its row goes.
 * Should its XA COMMIT come, that stops the task. *there: there was one. */
struct dm_err *xa_meta_forget(struct meta *m, struct dm_sql_conn *conn,
    const struct dm_pos *start, bool *there) DM_MUST_CHECK;
/* Drops the rows of those that were decided before `low`, which all lanes have
 * reached, with one statement; in the target and in u. */
struct dm_err *xa_meta_sweep(struct meta *m, struct dm_sql_conn *conn,
    struct undecided *u, const struct dm_pos *low) DM_MUST_CHECK;

#endif
