/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The actions of one ALTER TABLE together, and renaming. Threads: any.
 */
#ifndef DM_LIB_SCHEMA_ALTER_H
#define DM_LIB_SCHEMA_ALTER_H

#include "lib/ddl/ddl.h"

/* All or nothing. Errors: SCHEMA_TRACKER_CANNOT_EXEC_DDL. */
struct dm_err *dm_schema_apply_alters(struct dm_table *t,
    struct dm_alter *const *actions, size_t n) DM_MUST_CHECK;
/* schema NULL: it stays. */
void dm_schema_rename_table(
    struct dm_table *t, const char *schema, const char *name);

#endif
