/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The structures of a source's tables as its DDL changes them. One owner
 * thread. Source: reference/data-plane 5.10.
 */
#ifndef DM_LIB_SCHEMA_TRACKER_H
#define DM_LIB_SCHEMA_TRACKER_H

#include "lib/ddl/ddl.h"

struct dm_tracker;

/* case_sensitive: lower_case_table_names=0 at the source. */
struct dm_tracker *dm_tracker_new(bool case_sensitive);
void dm_tracker_free(struct dm_tracker *t);
DM_DEFINE_AUTO(dm_tracker)

/* NULL when not tracked; borrowed, valid until the table changes. `generation`
 * grows with every change of any table; may be NULL. */
const struct dm_table *dm_tracker_get(
    const struct dm_tracker *t, const char *schema, const char *table);
uint64_t dm_tracker_generation(const struct dm_tracker *t);
/* Takes table. */
void dm_tracker_put(struct dm_tracker *t, struct dm_table *table);
void dm_tracker_remove(
    struct dm_tracker *t, const char *schema, const char *table);
/* Default charset of a database (CREATE/ALTER DATABASE, or what the caller
 * read from the source); used for CREATE TABLE without one. */
void dm_tracker_set_database(struct dm_tracker *t, const char *schema,
    const char *charset, const char *collation);
/* All tables; borrowed pointers. New array. */
GPtrArray *dm_tracker_tables(const struct dm_tracker *t);

/*
 * Apply a DDL: on a copy, so that an error changes nothing. Multi-table
 * statements are applied as one. A table that the statement needs and that is
 * not tracked: SCHEMA_TRACKER_CANNOT_GET_TABLE; *missing then names it, so that
 * the caller can fetch and try again. Others: SCHEMA_TRACKER_CANNOT_EXEC_DDL.
 * changed: names of tables whose structure changed or went (schema, table
 * pairs as struct dm_table_name, the caller clears them; a name may come
 * twice); may be NULL. *missing, too, is the caller's to clear.
 */
struct dm_err *dm_tracker_apply(struct dm_tracker *t, const struct dm_ddl *d,
    const char *default_schema, struct dm_table_name *missing,
    GArray *changed) DM_MUST_CHECK;

/* CREATE TABLE text -> structure; sql_mode as in dm_ddl_parse. Resolves the
 * charset of each column from table and `default_charset` (may be NULL).
 * Errors: SCHEMA_TRACKER_INVALID_CREATE_TABLE_STMT. */
struct dm_err *dm_schema_parse_create(const char *sql, uint64_t sql_mode,
    const char *schema, const char *default_charset,
    struct dm_table **table) DM_MUST_CHECK;
/* One ALTER action on one structure; used by the tracker and to foretell a
 * target's structure after a DDL. */
struct dm_err *dm_schema_apply_alter(
    struct dm_table *t, const struct dm_alter *a) DM_MUST_CHECK;

#endif
