/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements of a source. Whatever the bytes are, parsing ends without a crash;
 * and what was parsed prints to a text that parses and prints the same again.
 * FORMAT of the input: one byte chooses sql_mode, the rest is the statement.
 */
#include "lib/ddl/ddl.h"
#include "lib/schema/tracker.h"

#include <string.h>

/* Beyond it nothing new is found, only slowly. */
#define INPUT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dm_ddl *
parse(const char *sql, size_t len, uint64_t sql_mode)
{
	struct dm_ddl *d = NULL;
	DM_AUTO(dm_err) err = dm_ddl_parse(sql, len, sql_mode, &d);

	dm_assert((err == NULL) == (d != NULL));
	return d;
}

static void
check_restored(const struct dm_ddl *d)
{
	g_autofree char *text = dm_ddl_restore(d, "db", false, NULL, NULL);
	g_autofree char *again = NULL;
	DM_AUTO(dm_ddl) second = NULL;

	/* Of these only the first words are kept. */
	if (d->kind >= DM_DDL_SKIPPED)
		return;
	second = parse(text, strlen(text), 0);
	dm_assert(second != NULL);
	again = dm_ddl_restore(second, "db", false, NULL, NULL);
	dm_assert(strcmp(text, again) == 0);
}

static void
check_structure(const struct dm_ddl *d)
{
	DM_AUTO(dm_tracker) t = dm_tracker_new(true);
	const struct dm_table_name *n;
	const struct dm_table *made;
	DM_AUTO(dm_table) copy = NULL;
	g_autofree char *text = NULL, *again = NULL, *diff = NULL;
	DM_AUTO(dm_err) err = dm_tracker_apply(t, d, "db", NULL, NULL);
	DM_AUTO(dm_err) second = NULL;

	if (err != NULL || d->kind != DM_DDL_CREATE_TABLE)
		return;
	n = &g_array_index(d->tables, struct dm_table_name, 0);
	made =
	    dm_tracker_get(t, n->schema == NULL ? "db" : n->schema, n->table);
	dm_assert(made != NULL);
	text = dm_table_create_sql(made, NULL, NULL);
	second = dm_schema_parse_create(text, 0, NULL, NULL, &copy);
	dm_assert(second == NULL);
	again = dm_table_create_sql(copy, NULL, NULL);
	dm_assert(strcmp(text, again) == 0);
	diff = dm_table_diff(made, copy);
	dm_assert(diff == NULL);
}

/* A table for actions to work on. */
static void
check_alter(const struct dm_ddl *d)
{
	DM_AUTO(dm_table) t = NULL;
	DM_AUTO(dm_err)
	err = dm_schema_parse_create(
	    "CREATE TABLE t (a int PRIMARY KEY, b varchar(9) UNIQUE, c text, "
	    "KEY k (a, b), CONSTRAINT x CHECK (a > b), CONSTRAINT f FOREIGN "
	    "KEY (b) REFERENCES p (a))",
	    0, "db", NULL, &t);

	dm_assert(err == NULL);
	for (guint i = 0; i < d->alters->len; i++) {
		g_autofree char *text = NULL;

		err = dm_schema_apply_alter(t, g_ptr_array_index(d->alters, i));
		dm_err_free(DM_TAKE(err));
		text = dm_table_create_sql(t, NULL, NULL);
		dm_assert(text != NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t modes[] = { 0, DM_SQLMODE_ANSI_QUOTES,
		DM_SQLMODE_NO_BACKSLASH_ESCAPES, DM_SQLMODE_IGNORE_SPACE,
		DM_SQLMODE_PIPES_AS_CONCAT };
	DM_AUTO(dm_ddl) d = NULL;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	d = parse((const char *)data + 1, size - 1,
	    modes[data[0] % DM_ARRAY_SIZE(modes)]);
	if (d == NULL)
		return 0;
	check_restored(d);
	if (d->kind == DM_DDL_ALTER_TABLE || d->kind == DM_DDL_CREATE_INDEX)
		check_alter(d);
	else
		check_structure(d);
	return 0;
}
