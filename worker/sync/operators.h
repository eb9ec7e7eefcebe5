/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators: what a person said about events of the binlog (binlog skip,
 * replace, inject). They are rows of dm_operator in the target, so that they
 * outlive the worker, and go in the transaction that passes their event.
 * FORMAT: lib/meta/meta_tables.c. Each function works on the connection it is
 * given; where it writes, inside of a transaction in which the caller has
 * checked the fence.
 */
#ifndef DM_WORKER_SYNC_OPERATORS_H
#define DM_WORKER_SYNC_OPERATORS_H

#include "worker/meta.h"

struct binlog_op {
	struct dm_pos pos; /* where the event begins, or its transaction */
	Pb__ErrorOp op;    /* Skip, Replace or Inject */
	GPtrArray *sqls;   /* char*; none for Skip */
	unsigned done;     /* so many of sqls were run */
};

struct binlog_op *binlog_op_new(
    const struct dm_pos *pos, Pb__ErrorOp op, char *const *sqls, size_t n);
void binlog_op_free(struct binlog_op *o);

/* New array of struct binlog_op*, by position, with its free function. */
struct dm_err *operators_load(
    struct meta *m, struct dm_sql_conn *conn, GPtrArray **list) DM_MUST_CHECK;
/* Instead of one that is at the same position. */
struct dm_err *operators_put(struct meta *m, struct dm_sql_conn *conn,
    const struct binlog_op *o) DM_MUST_CHECK;
/* So many statements are done now. */
struct dm_err *operators_put_done(struct meta *m, struct dm_sql_conn *conn,
    const struct binlog_op *o, unsigned done) DM_MUST_CHECK;
struct dm_err *operators_delete(struct meta *m, struct dm_sql_conn *conn,
    const struct binlog_op *o) DM_MUST_CHECK;

/* At exactly this position; NULL: none. */
struct binlog_op *operators_at(const GPtrArray *list, const struct dm_pos *pos);
/* The last Skip or Replace in [from, to]; NULL: none. */
struct binlog_op *operators_between(
    const GPtrArray *list, const struct dm_pos *from, const struct dm_pos *to);
/* The first Inject at or before pos; NULL: none. */
struct binlog_op *operators_inject(
    const GPtrArray *list, const struct dm_pos *pos);
/* The first Skip or Replace before pos: its event has gone by. NULL: none. */
struct binlog_op *operators_missed(
    const GPtrArray *list, const struct dm_pos *pos);
/* Those at or behind `from` as DM lists them: requests as a JSON array. New
 * string. */
char *operators_json(
    const GPtrArray *list, const char *task, const struct dm_pos *from);

/* "skip", as the command is called. */
const char *binlog_op_name(Pb__ErrorOp op);

#endif
