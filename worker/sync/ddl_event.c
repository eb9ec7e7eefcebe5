/* SPDX-License-Identifier: Apache-2.0 */
/* Names of DDL events. SOURCE: reference/data-plane 1.7. */
#include "worker/sync/ddl_event.h"

#include <string.h>

struct text_event {
	const char *text; /* what the action's text begins with */
	const char *event;
};

static const struct text_event partition_events[] = {
	{ "ADD PARTITION", "add table partition" },
	{ "DROP PARTITION", "drop table partition" },
	{ "TRUNCATE PARTITION", "truncate table partition" },
	{ "REORGANIZE PARTITION", "reorganize table partition" },
	{ "REBUILD PARTITION", "rebuild table partition" },
	{ "COALESCE PARTITION", "coalesce table partition" },
	{ "EXCHANGE PARTITION", "exchange table partition" },
	{ "REMOVE PARTITIONING", "remove table partitioning" },
	{ "PARTITION BY", "alter table partitioning" },
};

static const struct text_event option_events[] = {
	{ "ENGINE", "modify storage engine" },
	{ "COMMENT", "modify table comment" },
	{ "DEFAULT CHARSET", "modify table charset and collate" },
	{ "DEFAULT CHARACTER SET", "modify table charset and collate" },
	{ "CHARSET", "modify table charset and collate" },
	{ "CHARACTER SET", "modify table charset and collate" },
	{ "DEFAULT COLLATE", "modify table charset and collate" },
	{ "COLLATE", "modify table charset and collate" },
};

static void
add(GPtrArray *out, const char *name)
{
	union {
		const char *name;
		gpointer p;
	} u = { .name = name };

	g_ptr_array_add(out, u.p);
}

static void
add_by_text(
    GPtrArray *out, const char *text, const struct text_event *list, size_t n)
{
	for (size_t i = 0; text != NULL && i < n; i++) {
		if (g_str_has_prefix(text, list[i].text)) {
			add(out, list[i].event);
			return;
		}
	}
}

static void
add_column_change(GPtrArray *out, const struct dm_alter *a)
{
	add(out, "modify column");
	if (a->first || a->after != NULL)
		add(out, "modify columns order");
	if (a->kind == DM_ALTER_CHANGE_COLUMN &&
	    g_ascii_strcasecmp(a->name, a->column->name) != 0)
		add(out, "rename column");
}

static void
add_options(GPtrArray *out, const struct dm_alter *a)
{
	if (a->charset != NULL || a->collation != NULL)
		add(out, "modify table charset and collate");
	else
		add_by_text(
		    out, a->text, option_events, DM_ARRAY_SIZE(option_events));
}

static void
add_action(GPtrArray *out, const struct dm_alter *a)
{
	switch (a->kind) {
	case DM_ALTER_ADD_COLUMN:
		add(out, "add column");
		break;
	case DM_ALTER_DROP_COLUMN:
		add(out, "drop column");
		break;
	case DM_ALTER_MODIFY_COLUMN:
	case DM_ALTER_CHANGE_COLUMN:
		add_column_change(out, a);
		break;
	case DM_ALTER_RENAME_COLUMN:
		add(out, "rename column");
		break;
	case DM_ALTER_COLUMN_DEFAULT:
		add(out, "set default value");
		add(out, "modify default value");
		break;
	case DM_ALTER_ADD_INDEX:
		add(out, a->index != NULL && a->index->kind == DM_INDEX_PRIMARY
			     ? "add primary key"
			     : "create index");
		break;
	case DM_ALTER_DROP_INDEX:
		add(out, a->name != NULL &&
				 g_ascii_strcasecmp(a->name, "PRIMARY") == 0
			     ? "drop primary key"
			     : "drop index");
		break;
	case DM_ALTER_RENAME_INDEX:
		add(out, "rename index");
		break;
	case DM_ALTER_ADD_FOREIGN_KEY:
		add(out, "add foreign key");
		break;
	case DM_ALTER_DROP_FOREIGN_KEY:
		add(out, "drop foreign key");
		break;
	case DM_ALTER_RENAME_TABLE:
		add(out, "rename table");
		break;
	case DM_ALTER_CONVERT_CHARSET:
		add(out, "modify table charset and collate");
		break;
	case DM_ALTER_OPTIONS:
		add_options(out, a);
		break;
	case DM_ALTER_PARTITION:
		add_by_text(out, a->text, partition_events,
		    DM_ARRAY_SIZE(partition_events));
		break;
	case DM_ALTER_ADD_CHECK:
	case DM_ALTER_DROP_CONSTRAINT:
		break; /* "alter table" alone */
	}
}

static void
add_alter(GPtrArray *out, const struct dm_ddl *ddl)
{
	add(out, "alter table");
	if (ddl->alters->len > 1)
		add(out, "multi schema change");
	for (guint i = 0; i < ddl->alters->len; i++)
		add_action(out, g_ptr_array_index(ddl->alters, i));
}

GPtrArray *
ddl_events(const struct dm_ddl *ddl)
{
	static const char *const plain[] = {
		[DM_DDL_CREATE_DATABASE] = "create database",
		[DM_DDL_ALTER_DATABASE] = "alter database",
		[DM_DDL_DROP_DATABASE] = "drop database",
		[DM_DDL_CREATE_TABLE] = "create table",
		[DM_DDL_CREATE_TABLE_LIKE] = "create table",
		[DM_DDL_DROP_TABLE] = "drop table",
		[DM_DDL_TRUNCATE_TABLE] = "truncate table",
		[DM_DDL_RENAME_TABLE] = "rename table",
		[DM_DDL_CREATE_INDEX] = "create index",
		[DM_DDL_DROP_INDEX] = "drop index",
	};
	GPtrArray *out = g_ptr_array_new();

	if (ddl->kind == DM_DDL_ALTER_TABLE)
		add_alter(out, ddl);
	else if ((size_t)ddl->kind < DM_ARRAY_SIZE(plain))
		add(out, plain[ddl->kind]);
	if (ddl->kind == DM_DDL_ALTER_DATABASE)
		add(out, "modify schema charset and collate");
	g_ptr_array_add(out, NULL);
	return out;
}
