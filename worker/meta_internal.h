/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces of the meta's SQL that worker/meta*.c share with the units which
 * write many rows at once.
 */
#ifndef DM_WORKER_META_INTERNAL_H
#define DM_WORKER_META_INTERNAL_H

#include "worker/meta.h"

/* _utf8mb4'text': compared in the column's own collation, whatever the
 * connection's charset, so that keys are used. */
void meta_append_text(GString *sql, const char *text);
/* A condition that is true while the owner row is ours and an out-of-range
 * error when it is another's or gone. It locks nothing. */
void meta_append_guard(GString *sql, const struct meta *m);
/* "(SELECT .. FROM table WHERE task=.. AND source=.. AND epoch=..": 1 when that
 * is one row, else an out-of-range error. The caller may add conditions, and
 * closes it. */
void meta_append_ours(GString *sql, const struct meta *m, const char *table);
/* What *phase is where nothing of ours is stored: META_PHASE_NONE, or that of
 * a task of the original. */
struct dm_err *meta_original_phase(struct meta *m, struct dm_sql_conn *conn,
    enum meta_phase *phase, struct dm_pos *sync_from,
    char **gtid) DM_MUST_CHECK;
/* META_FENCED, because rows that were ours are there no more. */
struct dm_err *meta_gone(const struct meta *m);
/* One statement in a fenced transaction of its own, in one round trip. conn
 * takes several statements. With an error the transaction may be open: the
 * connection's use ends there. */
struct dm_err *meta_run_fenced(
    struct meta *m, struct dm_sql_conn *conn, const GString *sql) DM_MUST_CHECK;
/* `schema`.`table` */
void meta_append_name(GString *sql, const struct meta *m, const char *table);
/* "`schema`.`table` WHERE task=.. AND source=.." */
void meta_append_from(GString *sql, const struct meta *m, const char *table);

/* Cell i as text ("" for NULL) and as a number. */
const char *meta_cell(const struct dm_sql_row *row, unsigned i);
uint64_t meta_cell_u64(const struct dm_sql_row *row, unsigned i);
struct dm_pos meta_cell_pos(const struct dm_sql_row *row, unsigned i);

const char *meta_table_state_name(enum meta_table_state s);
enum meta_table_state meta_table_state_parse(const char *text);

#endif
