/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The actions of ALTER TABLE that are about the table as a whole. Private to
 * lib/schema. Threads: any.
 */
#ifndef DM_LIB_SCHEMA_ALTER_TABLE_H
#define DM_LIB_SCHEMA_ALTER_TABLE_H

#include "lib/ddl/ddl.h"

/* Puts a copy of text in place of *to. */
void dm_alter_set(char **to, const char *text);
/* The default charset alone, of CONVERT too: columns that the statement adds
 * take it. */
void dm_alter_set_charset(struct dm_table *t, const struct dm_alter *a);
/* The whole action; one about columns or keys: nothing. */
void dm_alter_change_table(struct dm_table *t, const struct dm_alter *a);

#endif
