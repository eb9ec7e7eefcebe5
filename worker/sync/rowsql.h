/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SQL text of row changes. A change is kept as its kind and the part of
 * the text that differs, so that a lane can merge neighbours into one
 * statement. Threads: any.
 */
#ifndef DM_WORKER_SYNC_ROWSQL_H
#define DM_WORKER_SYNC_ROWSQL_H

#include "worker/sync/tbl.h"

enum change_kind {
	CHANGE_NONE,       /* merged: the row came and went */
	CHANGE_INSERT,     /* text: "(v,v)" */
	CHANGE_UPSERT,     /* the same; merged: the row was there before */
	CHANGE_REPLACE,    /* the same; matched rows are not counted */
	CHANGE_UPDATE,     /* text: "`a`=v,.. WHERE .." */
	CHANGE_DELETE,     /* text: "`k`=v AND .." */
	CHANGE_DELETE_ANY, /* the same; matched rows are not counted */
};

#define CHANGE_NO_FK 0x1 /* the source had foreign_key_checks=0 */
#define CHANGE_LAX   0x2 /* a value that strict mode refuses */

/* Append the text of a change; both return its CHANGE_LAX flag. */
unsigned rowsql_insert(
    GString *s, const struct tbl *t, const struct dm_value *after);
unsigned rowsql_update(GString *s, const struct tbl *t,
    const struct dm_value *before, const struct dm_value *after);
/* Append the condition that finds the row. */
void rowsql_where(GString *s, const struct tbl *t, const struct dm_value *row);

#endif
