/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing a statement as a whole, and freeing what came of it. */
#include "lib/ddl/ddl.h"

#include "lib/ddl/parser.h"

#include <string.h>

/* Longer ones are not DDL that a server could have run: max_allowed_packet is
 * 64 MiB by default at most. */
#define STATEMENT_MAX ((size_t)64 << 20)

void
dm_table_name_clear(struct dm_table_name *n)
{
	g_free(n->schema);
	g_free(n->table);
	n->schema = NULL;
	n->table = NULL;
}

static void
clear_name(void *p)
{
	dm_table_name_clear(p);
}

void
dm_alter_free(struct dm_alter *a)
{
	if (a == NULL)
		return;
	g_free(a->name);
	g_free(a->new_name);
	g_free(a->value);
	dm_column_free(a->column);
	g_free(a->after);
	dm_index_free(a->index);
	dm_foreign_key_free(a->foreign_key);
	dm_table_name_clear(&a->rename_to);
	g_free(a->text_after);
	g_free(a->charset);
	g_free(a->collation);
	g_free(a->text);
	g_free(a);
}

static void
free_alter(void *p)
{
	dm_alter_free(p);
}

void
dm_ddl_free(struct dm_ddl *d)
{
	if (d == NULL)
		return;
	g_free(d->keyword);
	if (d->tables != NULL)
		g_array_free(d->tables, TRUE);
	dm_table_free(d->create);
	if (d->alters != NULL)
		g_ptr_array_free(d->alters, TRUE);
	g_free(d->rest);
	g_free(d);
}

static struct dm_ddl *
ddl_new(void)
{
	struct dm_ddl *d = g_new0(struct dm_ddl, 1);

	d->keyword = g_strdup("");
	d->rest = g_strdup("");
	d->tables = g_array_new(FALSE, TRUE, sizeof(struct dm_table_name));
	g_array_set_clear_func(d->tables, clear_name);
	d->alters = g_ptr_array_new_with_free_func(free_alter);
	return d;
}

struct dm_err *
dm_ddl_parse(
    const char *sql, size_t len, uint64_t sql_mode, struct dm_ddl **ddl)
{
	struct dm_parser p;
	struct dm_err *err;
	DM_AUTO(dm_ddl) d = NULL;

	if (len > STATEMENT_MAX)
		return dm_err_new(PARSE_SQL, "the statement is too long");
	d = ddl_new();
	dm_parser_init(&p, sql, len, sql_mode);
	dm_parse_statement(&p, d);
	err = dm_parser_error(&p);
	dm_parser_fini(&p);
	if (err == NULL)
		*ddl = DM_TAKE(d);
	return err;
}
