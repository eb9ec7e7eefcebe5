/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the values of a data file go into an INSERT at the target. Immutable
 * after building; threads: any.
 */
#ifndef DM_WORKER_LOAD_COLUMNS_H
#define DM_WORKER_LOAD_COLUMNS_H

#include "lib/dump/rows.h"
#include "lib/schema/table.h"

struct load_column {
	char *name;    /* as the file has it */
	char *charset; /* put in front of a text; NULL: nothing */
	bool is_enum;  /* '' may be its error value, of which there is a warning
			*/
};

struct load_columns {
	char *head; /* "REPLACE INTO `db`.`t` (`a`) VALUES " */
	struct load_column *columns;
	unsigned n;
	bool as_is; /* tuples of SQL need no change */
};

/*
 *   verb    "INSERT" and the like
 *   names   of the file; NULL: the source's columns, in order
 *   binary  texts of the file are bytes in the column's own charset
 *   target  NULL: has the source's columns
 * Errors: LOAD_LIGHTNING_RUNTIME naming the column that one of them lacks.
 */
struct dm_err *load_columns_new(const char *verb, const struct dm_table *source,
    const struct dm_table *target, const char *to_db, const char *to_table,
    char *const *names, bool binary, struct load_columns **out) DM_MUST_CHECK;
void load_columns_free(struct load_columns *c);
DM_DEFINE_AUTO(load_columns)

/* The column of ENUM that the text of a warning ("Data truncated for column 'x'
 * at row 1") is about; NULL: it is about another. Borrowed. */
const char *load_columns_enum(
    const struct load_columns *c, const char *warning);

/* The row as "(..)" behind what sql holds; it has c->n cells. *zeros grows by
 * what may be error values of ENUM. */
void load_append_row(GString *sql, const struct load_columns *c,
    const struct dm_dump_row *row, uint64_t *zeros);

#endif
