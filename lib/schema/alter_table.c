/* SPDX-License-Identifier: Apache-2.0 */
/* Charset, options, partitions and name of a table: see alter_table.h. */
#include "lib/schema/alter_table.h"

#include <string.h>

#include "lib/ddl/column_text.h"
#include "lib/schema/alter.h"
#include "lib/schema/charset.h"
#include "lib/schema/complete.h"

void
dm_alter_set(char **to, const char *text)
{
	char *copy = g_strdup(text);

	g_free(*to);
	*to = copy;
}

/* Text grows to the next type where characters become longer. */
static void
convert_column(const struct dm_table *t, struct dm_column *c)
{
	static const char *const names[] = { "tinytext", "text", "mediumtext",
		"longtext" };
	int old = c->charset == NULL ? dm_charset_max_bytes("utf8mb4")
				     : dm_charset_max_bytes(c->charset);

	/* MariaDB's JSON is a text, whose characters change, too. */
	if (c->type == DM_T_JSON) {
		dm_alter_set(&c->charset, t->charset);
		return;
	}
	/* Nor do ENUM and SET of bytes become characters. */
	if (!dm_type_is_text(c->type) || g_strcmp0(c->charset, "binary") == 0)
		return;
	if (c->type >= DM_T_TINYTEXT && c->type < DM_T_LONGTEXT &&
	    t->charset != NULL && dm_charset_max_bytes(t->charset) > old) {
		c->type = (enum dm_type)((unsigned)c->type + 1);
		dm_alter_set(&c->type_text, names[c->type - DM_T_TINYTEXT]);
	}
	dm_alter_set(&c->charset, NULL);
	dm_alter_set(&c->collation, NULL);
	dm_complete_column(t, c);
}

void
dm_alter_set_charset(struct dm_table *t, const struct dm_alter *a)
{
	if (a->charset == NULL && a->collation == NULL)
		return;
	dm_alter_set(&t->charset, a->charset);
	dm_alter_set(&t->collation, a->collation);
	if (g_strcmp0(t->charset, "default") == 0)
		dm_alter_set(&t->charset, NULL);
	dm_complete_charset(t, NULL, NULL);
}

static void
set_options(struct dm_table *t, const struct dm_alter *a)
{
	char *merged;

	dm_alter_set_charset(t, a);
	/* ALTER COLUMN .. SET INVISIBLE is the only one with a name. */
	if (a->name != NULL) {
		int n = dm_table_column(t, a->name);

		if (n >= 0)
			dm_column_set_invisible(
			    g_ptr_array_index(t->columns, (guint)n),
			    g_str_has_suffix(a->text, " INVISIBLE"));
		return;
	}
	if (strcmp(a->text, "ADD SYSTEM VERSIONING") == 0) {
		merged = dm_options_merge(t->options, "WITH SYSTEM VERSIONING");
	} else if (strcmp(a->text, "DROP SYSTEM VERSIONING") == 0) {
		merged =
		    dm_options_merge(t->options, "WITHOUT SYSTEM VERSIONING");
	} else if (g_str_has_prefix(a->text, "ALGORITHM=") ||
		   g_str_has_prefix(a->text, "LOCK=")) {
		return; /* how to run it, not what to make */
	} else {
		merged = dm_options_merge(t->options, a->text);
	}
	g_free(t->options);
	t->options = merged;
	t->versioned = strstr(t->options, "WITH SYSTEM VERSIONING") != NULL;
}

/* Parts that come and go are not followed: structures are compared without
 * them. */
static void
set_partition(struct dm_table *t, const struct dm_alter *a)
{
	if (g_str_has_prefix(a->text, "PARTITION BY"))
		dm_alter_set(&t->partition, a->text);
	else if (strcmp(a->text, "REMOVE PARTITIONING") == 0)
		dm_alter_set(&t->partition, "");
}

static void
rename_table(struct dm_table *t, const struct dm_alter *a)
{
	dm_schema_rename_table(t, a->rename_to.schema, a->rename_to.table);
}

/* InnoDB's own names of foreign keys follow the table. */
void
dm_schema_rename_table(struct dm_table *t, const char *schema, const char *name)
{
	g_autofree char *prefix = g_strdup_printf("%s_ibfk_", t->name);

	for (guint i = 0; i < t->foreign_keys->len; i++) {
		struct dm_foreign_key *f =
		    g_ptr_array_index(t->foreign_keys, i);
		char *new;

		if (f->name == NULL || !g_str_has_prefix(f->name, prefix))
			continue;
		new = g_strdup_printf(
		    "%s_ibfk_%s", name, f->name + strlen(prefix));
		g_free(f->name);
		f->name = new;
	}
	if (schema != NULL)
		dm_alter_set(&t->schema, schema);
	dm_alter_set(&t->name, name);
}

void
dm_alter_change_table(struct dm_table *t, const struct dm_alter *a)
{
	switch (a->kind) {
	case DM_ALTER_CONVERT_CHARSET:
		dm_alter_set_charset(t, a);
		for (guint i = 0; i < t->columns->len; i++)
			convert_column(t, g_ptr_array_index(t->columns, i));
		break;
	case DM_ALTER_OPTIONS:
		set_options(t, a);
		break;
	case DM_ALTER_PARTITION:
		set_partition(t, a);
		break;
	case DM_ALTER_RENAME_TABLE:
		rename_table(t, a);
		break;
	default:
		break;
	}
}
