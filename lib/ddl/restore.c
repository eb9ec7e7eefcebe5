/* SPDX-License-Identifier: Apache-2.0 */
/* Statements as canonical text, with other names if the caller wants. */
#include "lib/ddl/column_text.h"
#include "lib/ddl/ddl.h"

#include <string.h>

struct printer {
	GString *out;
	const char *default_schema;
	bool tolerant;
	dm_ddl_name_fn *map;
	void *arg;
};

static void
print_schema(struct printer *r, const char *schema)
{
	g_autofree char *s = NULL, *t = NULL;

	if (schema == NULL)
		schema = r->default_schema;
	if (schema == NULL)
		return;
	if (r->map != NULL)
		r->map(schema, NULL, &s, &t, r->arg);
	dm_sqltext_name(r->out, s == NULL ? schema : s);
}

static void
print_name(struct printer *r, const char *schema, const char *table)
{
	g_autofree char *s = NULL, *t = NULL;

	if (schema == NULL)
		schema = r->default_schema;
	if (r->map != NULL && schema != NULL)
		r->map(schema, table, &s, &t, r->arg);
	if (s != NULL)
		schema = s;
	if (schema != NULL) {
		dm_sqltext_name(r->out, schema);
		g_string_append_c(r->out, '.');
	}
	dm_sqltext_name(r->out, t == NULL ? table : t);
}

static void
print_table(struct printer *r, const struct dm_ddl *d, guint i)
{
	const struct dm_table_name *n =
	    &g_array_index(d->tables, struct dm_table_name, i);

	print_name(r, n->schema, n->table);
}

/* What a reference without a schema means: the one of its own table. */
struct reference {
	struct printer *printer;
	const char *schema;
};

static void
print_ref(GString *out, const struct dm_foreign_key *f, void *arg)
{
	struct reference *ref = arg;

	(void)out;
	print_name(ref->printer,
	    f->ref_schema == NULL ? ref->schema : f->ref_schema, f->ref_table);
}

static const char *
own_schema(const struct dm_ddl *d)
{
	return g_array_index(d->tables, struct dm_table_name, 0).schema;
}

static void
print_rest(struct printer *r, const struct dm_ddl *d)
{
	if (d->rest[0] != '\0')
		g_string_append_printf(r->out, " %s", d->rest);
}

static void
print_create_words(
    struct printer *r, const struct dm_ddl *d, const char *object)
{
	g_string_append(
	    r->out, d->or_replace ? "CREATE OR REPLACE " : "CREATE ");
	g_string_append(r->out, object);
	if (d->if_not_exists || (r->tolerant && !d->or_replace))
		g_string_append(r->out, " IF NOT EXISTS");
	g_string_append_c(r->out, ' ');
}

static void
print_drop(struct printer *r, const struct dm_ddl *d, const char *object)
{
	g_string_append_printf(r->out, "DROP %s ", object);
	if (d->if_exists || r->tolerant)
		g_string_append(r->out, "IF EXISTS ");
	for (guint i = 0; i < d->tables->len; i++) {
		if (i > 0)
			g_string_append(r->out, ", ");
		if (d->kind == DM_DDL_DROP_DATABASE)
			print_schema(r, own_schema(d));
		else
			print_table(r, d, i);
	}
}

static void
print_create_table(struct printer *r, const struct dm_ddl *d)
{
	struct reference ref = { r, own_schema(d) };

	print_create_words(r, d, "TABLE");
	print_table(r, d, 0);
	dm_table_print_body(r->out, d->create, print_ref, &ref);
	print_rest(r, d);
}

static void
print_rename(struct printer *r, const struct dm_ddl *d)
{
	g_string_append(r->out, "RENAME TABLE ");
	if (d->if_exists)
		g_string_append(r->out, "IF EXISTS ");
	for (guint i = 0; i + 1 < d->tables->len; i += 2) {
		if (i > 0)
			g_string_append(r->out, ", ");
		print_table(r, d, i);
		g_string_append(r->out, " TO ");
		print_table(r, d, i + 1);
	}
}

static const char *
index_word(enum dm_index_kind kind)
{
	switch (kind) {
	case DM_INDEX_UNIQUE:
		return "UNIQUE INDEX";
	case DM_INDEX_FULLTEXT:
		return "FULLTEXT INDEX";
	case DM_INDEX_SPATIAL:
		return "SPATIAL INDEX";
	case DM_INDEX_PRIMARY:
	case DM_INDEX_PLAIN:
		break;
	}
	return "INDEX";
}

static void
print_create_index(struct printer *r, const struct dm_ddl *d)
{
	const struct dm_alter *a = g_ptr_array_index(d->alters, 0);

	g_string_append_printf(r->out, "CREATE %s%s ",
	    d->or_replace ? "OR REPLACE " : "", index_word(a->index->kind));
	if (d->if_not_exists)
		g_string_append(r->out, "IF NOT EXISTS ");
	dm_sqltext_name(r->out, a->index->name);
	g_string_append(r->out, " ON ");
	print_table(r, d, 0);
	g_string_append_c(r->out, ' ');
	dm_index_print_parts(r->out, a->index);
	if (a->index->options[0] != '\0')
		g_string_append_printf(r->out, " %s", a->index->options);
	print_rest(r, d);
}

/* MySQL has no DROP INDEX IF EXISTS, so that `tolerant` does not add it: the
 * error of a missing index is one that a replicator passes over anyway. */
static void
print_drop_index(struct printer *r, const struct dm_ddl *d)
{
	const struct dm_alter *a = g_ptr_array_index(d->alters, 0);

	g_string_append(
	    r->out, d->if_exists ? "DROP INDEX IF EXISTS " : "DROP INDEX ");
	dm_sqltext_name(r->out, a->name);
	g_string_append(r->out, " ON ");
	print_table(r, d, 0);
	print_rest(r, d);
}

/* ---- ALTER TABLE ---- */

static void
print_word_name(
    struct printer *r, const char *words, bool exists, const char *name)
{
	g_string_append(r->out, words);
	if (exists)
		g_string_append(r->out, " IF EXISTS");
	g_string_append_c(r->out, ' ');
	dm_sqltext_name(r->out, name);
}

/* A key stands before the checks: MariaDB takes it nowhere else. */
static void
print_definition(struct printer *r, const struct dm_alter *a)
{
	DM_AUTO(dm_column) c = NULL;
	g_autofree char *checks = NULL;

	if (a->index == NULL) {
		dm_column_print(r->out, a->column);
		return;
	}
	c = dm_column_copy(a->column);
	checks = dm_column_take_checks(c);
	dm_column_print(r->out, c);
	g_string_append(r->out, a->index->kind == DM_INDEX_PRIMARY
				    ? " PRIMARY KEY"
				    : " UNIQUE KEY");
	if (checks[0] != '\0')
		g_string_append_printf(r->out, " %s", checks);
}

static void
print_column_action(
    struct printer *r, const struct dm_alter *a, struct reference *ref)
{
	switch (a->kind) {
	case DM_ALTER_ADD_COLUMN:
		g_string_append(r->out, "ADD COLUMN ");
		break;
	case DM_ALTER_MODIFY_COLUMN:
		g_string_append(r->out, "MODIFY COLUMN ");
		break;
	default:
		g_string_append(r->out, "CHANGE COLUMN ");
	}
	if (a->if_not_exists)
		g_string_append(r->out, "IF NOT EXISTS ");
	if (a->if_exists)
		g_string_append(r->out, "IF EXISTS ");
	if (a->kind == DM_ALTER_CHANGE_COLUMN) {
		dm_sqltext_name(r->out, a->name);
		g_string_append_c(r->out, ' ');
	}
	print_definition(r, a);
	if (a->foreign_key != NULL) {
		g_string_append_c(r->out, ' ');
		dm_foreign_key_print_ref(
		    r->out, a->foreign_key, print_ref, ref);
	}
	if (a->first)
		g_string_append(r->out, " FIRST");
	if (a->after != NULL) {
		g_string_append(r->out, " AFTER ");
		dm_sqltext_name(r->out, a->after);
	}
}

/* "ADD UNIQUE KEY IF NOT EXISTS `u` (..)": the words stand in the middle. */
static void
print_add_index(struct printer *r, const struct dm_alter *a)
{
	gsize from;

	g_string_append(r->out, "ADD ");
	from = r->out->len;
	dm_index_print(r->out, a->index);
	if (a->if_not_exists) {
		const char *key = strstr(r->out->str + from, "KEY ");

		g_string_insert(
		    r->out, key + 4 - r->out->str, "IF NOT EXISTS ");
	}
}

static void
print_add_foreign_key(
    struct printer *r, const struct dm_alter *a, struct reference *ref)
{
	const char *key;
	gsize from;

	g_string_append(r->out, "ADD ");
	from = r->out->len;
	dm_foreign_key_print(r->out, a->foreign_key, print_ref, ref);
	if (!a->if_not_exists)
		return;
	if (a->foreign_key->name != NULL) {
		from += strlen("CONSTRAINT ");
		g_string_insert(r->out, (gssize)from, "IF NOT EXISTS ");
		return;
	}
	key = r->out->str + from + strlen("FOREIGN KEY ");
	g_string_insert(r->out, key - r->out->str, "IF NOT EXISTS ");
}

static void
print_add_check(struct printer *r, const struct dm_alter *a)
{
	g_string_append(r->out, "ADD ");
	if (a->if_not_exists && g_str_has_prefix(a->text, "CONSTRAINT "))
		g_string_append_printf(r->out, "CONSTRAINT IF NOT EXISTS %s",
		    a->text + strlen("CONSTRAINT "));
	else
		g_string_append(r->out, a->text);
}

static void
print_default(struct printer *r, const struct dm_alter *a)
{
	print_word_name(r, "ALTER COLUMN", a->if_exists, a->name);
	if (a->value == NULL)
		g_string_append(r->out, " DROP DEFAULT");
	else
		g_string_append_printf(r->out, " SET DEFAULT %s", a->value);
}

static void
print_rename_to(struct printer *r, const struct dm_alter *a)
{
	print_word_name(r,
	    a->kind == DM_ALTER_RENAME_COLUMN ? "RENAME COLUMN"
					      : "RENAME INDEX",
	    a->if_exists, a->name);
	g_string_append(r->out, " TO ");
	dm_sqltext_name(r->out, a->new_name);
}

static void
print_drop_index_action(struct printer *r, const struct dm_alter *a)
{
	if (g_ascii_strcasecmp(a->name, "PRIMARY") == 0 && !a->if_exists)
		g_string_append(r->out, "DROP PRIMARY KEY");
	else
		print_word_name(r, "DROP INDEX", a->if_exists, a->name);
}

static void
print_convert(struct printer *r, const struct dm_alter *a)
{
	g_autofree char *charset = g_strdup(a->charset);

	if (strcmp(charset, "default") == 0) {
		g_free(charset);
		charset = g_strdup("DEFAULT");
	}
	g_string_append_printf(r->out, "CONVERT TO CHARACTER SET %s", charset);
	if (a->collation != NULL)
		g_string_append_printf(r->out, " COLLATE %s", a->collation);
}

static void
print_text(struct printer *r, const struct dm_alter *a)
{
	g_string_append(r->out, a->text);
	if (a->rename_to.table == NULL)
		return;
	g_string_append_c(r->out, ' ');
	print_name(r, a->rename_to.schema, a->rename_to.table);
	if (a->text_after != NULL && a->text_after[0] != '\0')
		g_string_append_printf(r->out, " %s", a->text_after);
}

static void
print_action(struct printer *r, const struct dm_alter *a, struct reference *ref)
{
	switch (a->kind) {
	case DM_ALTER_ADD_COLUMN:
	case DM_ALTER_MODIFY_COLUMN:
	case DM_ALTER_CHANGE_COLUMN:
		print_column_action(r, a, ref);
		break;
	case DM_ALTER_DROP_COLUMN:
		print_word_name(r, "DROP COLUMN", a->if_exists, a->name);
		break;
	case DM_ALTER_COLUMN_DEFAULT:
		print_default(r, a);
		break;
	case DM_ALTER_ADD_INDEX:
		print_add_index(r, a);
		break;
	case DM_ALTER_DROP_INDEX:
		print_drop_index_action(r, a);
		break;
	case DM_ALTER_RENAME_COLUMN:
	case DM_ALTER_RENAME_INDEX:
		print_rename_to(r, a);
		break;
	case DM_ALTER_ADD_FOREIGN_KEY:
		print_add_foreign_key(r, a, ref);
		break;
	case DM_ALTER_DROP_FOREIGN_KEY:
		print_word_name(r, "DROP FOREIGN KEY", a->if_exists, a->name);
		break;
	case DM_ALTER_ADD_CHECK:
		print_add_check(r, a);
		break;
	case DM_ALTER_DROP_CONSTRAINT:
		print_word_name(r, "DROP CONSTRAINT", a->if_exists, a->name);
		break;
	case DM_ALTER_RENAME_TABLE:
		g_string_append(r->out, "RENAME TO ");
		print_name(r, a->rename_to.schema, a->rename_to.table);
		break;
	case DM_ALTER_CONVERT_CHARSET:
		print_convert(r, a);
		break;
	case DM_ALTER_OPTIONS:
	case DM_ALTER_PARTITION:
		print_text(r, a);
		break;
	}
}

static void
print_alter_table(struct printer *r, const struct dm_ddl *d)
{
	struct reference ref = { r, own_schema(d) };

	g_string_append_printf(
	    r->out, "ALTER %sTABLE ", d->ignore ? "IGNORE " : "");
	if (d->if_exists)
		g_string_append(r->out, "IF EXISTS ");
	print_table(r, d, 0);
	for (guint i = 0; i < d->alters->len; i++) {
		const struct dm_alter *a = g_ptr_array_index(d->alters, i);
		/* A rule of partitions follows without a comma. */
		bool bare =
		    i == 0 || (a->kind == DM_ALTER_PARTITION &&
				  (g_str_has_prefix(a->text, "PARTITION BY") ||
				      g_str_has_prefix(a->text, "REMOVE")));

		g_string_append(r->out, bare ? " " : ", ");
		print_action(r, a, &ref);
	}
}

static void
print_sequence(struct printer *r, const struct dm_ddl *d)
{
	if (d->kind == DM_DDL_CREATE_SEQUENCE)
		print_create_words(r, d, "SEQUENCE");
	else
		g_string_append(r->out, d->if_exists
					    ? "ALTER SEQUENCE IF EXISTS "
					    : "ALTER SEQUENCE ");
	print_table(r, d, 0);
	print_rest(r, d);
}

static void
print_database(struct printer *r, const struct dm_ddl *d)
{
	if (d->kind == DM_DDL_CREATE_DATABASE)
		print_create_words(r, d, "DATABASE");
	else
		g_string_append(r->out, "ALTER DATABASE ");
	print_schema(r, own_schema(d));
	print_rest(r, d);
}

static void
print_statement(struct printer *r, const struct dm_ddl *d)
{
	switch (d->kind) {
	case DM_DDL_CREATE_DATABASE:
	case DM_DDL_ALTER_DATABASE:
		print_database(r, d);
		break;
	case DM_DDL_DROP_DATABASE:
		print_drop(r, d, "DATABASE");
		break;
	case DM_DDL_CREATE_TABLE:
		print_create_table(r, d);
		break;
	case DM_DDL_CREATE_TABLE_LIKE:
		print_create_words(r, d, "TABLE");
		print_table(r, d, 0);
		g_string_append(r->out, " LIKE ");
		print_table(r, d, 1);
		break;
	case DM_DDL_DROP_TABLE:
		print_drop(r, d, "TABLE");
		break;
	case DM_DDL_TRUNCATE_TABLE:
		g_string_append(r->out, "TRUNCATE TABLE ");
		print_table(r, d, 0);
		break;
	case DM_DDL_RENAME_TABLE:
		print_rename(r, d);
		break;
	case DM_DDL_ALTER_TABLE:
		print_alter_table(r, d);
		break;
	case DM_DDL_CREATE_INDEX:
		print_create_index(r, d);
		break;
	case DM_DDL_DROP_INDEX:
		print_drop_index(r, d);
		break;
	case DM_DDL_CREATE_SEQUENCE:
	case DM_DDL_ALTER_SEQUENCE:
		print_sequence(r, d);
		break;
	case DM_DDL_DROP_SEQUENCE:
		print_drop(r, d, "SEQUENCE");
		break;
	case DM_DDL_SKIPPED:
	case DM_DDL_TRANSACTION:
	case DM_DDL_DML:
		g_string_append(r->out, d->keyword);
		break;
	}
}

char *
dm_ddl_restore(const struct dm_ddl *d, const char *default_schema,
    bool tolerant, dm_ddl_name_fn *map, void *arg)
{
	struct printer r = {
		.out = g_string_new(NULL),
		.default_schema = default_schema,
		.tolerant = tolerant,
		.map = map,
		.arg = arg,
	};

	print_statement(&r, d);
	return g_string_free(r.out, FALSE);
}
