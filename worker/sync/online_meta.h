/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What online schema change tools did so far to a table that will replace
 * another: the rows of DM's table `<task>_onlineddl` in the target, in DM's
 * form, so that a task can be taken over from DM. They outlive the worker.
 * FORMAT: lib/meta/meta_tables.c; `ddls` is {"schema": .., "table": .. (the
 * real ones), "ddls": [..]}. Each function works on the connection it is given;
 * where it writes, inside of a transaction in which the caller has checked the
 * fence.
 */
#ifndef DM_WORKER_SYNC_ONLINE_META_H
#define DM_WORKER_SYNC_ONLINE_META_H

#include "worker/meta.h"

struct online_ddl {
	char *schema, *table;           /* of the tool; owned, as all here */
	char *real_schema, *real_table; /* it will become */
	GPtrArray *ddls; /* char*, statements over `table`, in the order they
			    ran; "": one that an event filter left out */
};

/* No statements yet. */
struct online_ddl *online_ddl_new(const char *schema, const char *table,
    const char *real_schema, const char *real_table);
/* A copy whose first statements, so many, are left out. */
struct online_ddl *online_ddl_copy(const struct online_ddl *o, guint skip);
void online_ddl_free(struct online_ddl *o);
DM_DEFINE_AUTO(online_ddl)

/* New array of struct online_ddl*, with its free function. Errors:
 * SYNCER_UNIT_ONLINE_DDL_INVALID_META for what is not in this form. */
struct dm_err *online_meta_load(
    struct meta *m, struct dm_sql_conn *conn, GPtrArray **list) DM_MUST_CHECK;
/* In place of what is there for its table; without statements, the row goes. */
struct dm_err *online_meta_put(struct meta *m, struct dm_sql_conn *conn,
    const struct online_ddl *o) DM_MUST_CHECK;

/* The form of `ddls`. New string; and back, into o's real names and
 * statements. */
char *online_ddl_text(const struct online_ddl *o);
struct dm_err *online_ddl_read(
    struct online_ddl *o, const char *text) DM_MUST_CHECK;

#endif
