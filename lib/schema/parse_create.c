/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of CREATE TABLE, mostly a server's SHOW CREATE TABLE, as a
 * structure.
 */
#include "lib/schema/tracker.h"

#include <string.h>

#include "lib/schema/complete.h"

/* Bytes of a statement that an error shows. */
#define SHOWN_MAX 256

static char *
shown(const char *sql)
{
	g_autofree char *cut = g_strndup(sql, SHOWN_MAX);

	return g_utf8_make_valid(cut, -1);
}

struct dm_err *
dm_schema_parse_create(const char *sql, uint64_t sql_mode, const char *schema,
    const char *default_charset, struct dm_table **table)
{
	DM_AUTO(dm_ddl) d = NULL;
	DM_AUTO(dm_table) t = NULL;
	g_autofree char *text = shown(sql);
	struct dm_err *err;

	err = dm_ddl_parse(sql, strlen(sql), sql_mode, &d);
	if (err != NULL)
		return dm_err_wrap(
		    err, SCHEMA_TRACKER_INVALID_CREATE_TABLE_STMT, text);
	if (d->kind != DM_DDL_CREATE_TABLE || d->create_select)
		return dm_err_new(
		    SCHEMA_TRACKER_INVALID_CREATE_TABLE_STMT, text);
	t = DM_TAKE(d->create);
	if (t->schema == NULL)
		t->schema = g_strdup(schema);
	err = dm_complete_table(t, default_charset, NULL);
	if (err != NULL)
		return dm_err_wrap(
		    err, SCHEMA_TRACKER_INVALID_CREATE_TABLE_STMT, text);
	*table = DM_TAKE(t);
	return NULL;
}
