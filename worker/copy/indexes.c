/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secondary indexes are built after the rows: sorted once, instead of a place
 * found in each for every row.
 *
 * DESIGN: a table of ours is created whole, so that the target refuses what it
 * cannot have before any row moves; its plain indexes are dropped again while
 * it is empty, and those that are missing are added before the table counts as
 * done. Nothing is kept of this anywhere: what the target has is looked at.
 * Unique ones stay, since rows are told apart by them, and so do those that a
 * foreign key or AUTO_INCREMENT may need.
 */
#include "lib/base/failpoint.h"
#include "lib/log/log.h"
#include "worker/copy/copy_internal.h"

#include <string.h>

/* Below this it is not worth two statements. */
#define LATER_BYTES ((uint64_t)8 << 20)

static bool
may_have_later(const struct copy_run *r, struct dm_sql_conn *conn,
    const struct copy_table *t)
{
	return t->meta->created && t->meta->est_bytes >= LATER_BYTES &&
	       !r->env->task->copy.indexes_first && !dm_sql_is_tidb(conn);
}

static bool
has_auto_increment(const struct dm_table *table, const struct dm_index *index)
{
	for (guint i = 0; i < index->parts->len; i++) {
		const struct dm_index_part *p =
		    &g_array_index(index->parts, struct dm_index_part, i);
		int at =
		    p->column == NULL ? -1 : dm_table_column(table, p->column);
		const struct dm_column *c =
		    at < 0 ? NULL : table->columns->pdata[at];

		if (c != NULL && c->auto_increment)
			return true;
	}
	return false;
}

static bool
is_later(const struct dm_table *table, const struct dm_index *index)
{
	return (index->kind == DM_INDEX_PLAIN ||
		   index->kind == DM_INDEX_SPATIAL) &&
	       index->name != NULL && !has_auto_increment(table, index);
}

/* The first of those that are built later: they are all behind the last one
 * that stays, so that the order remains. Unique ones come first and full-text
 * ones last in any table. */
static guint
first_later(const struct dm_table *table)
{
	guint first = table->indexes->len;

	for (guint i = first; i > 0; i--) {
		const struct dm_index *index = table->indexes->pdata[i - 1];

		if (is_later(table, index))
			first = i - 1;
		else if (index->kind != DM_INDEX_FULLTEXT)
			break;
	}
	return first;
}

/* "DROP KEY `a`, DROP KEY `b`", of those that are built later and are there, or
 * "ADD KEY `a` (..), .." of those that are not. "": none. New string. */
static GString *
list_changes(
    const struct dm_table *wanted, const struct dm_table *there, bool drop)
{
	GString *list = g_string_new(NULL);

	for (guint i = first_later(wanted); i < wanted->indexes->len; i++) {
		const struct dm_index *index = wanted->indexes->pdata[i];

		if (!is_later(wanted, index) ||
		    (dm_table_index(there, index->name) != NULL) != drop)
			continue;
		if (list->len > 0)
			g_string_append(list, ", ");
		g_string_append(list, drop ? "DROP KEY " : "ADD ");
		if (drop)
			dm_sqltext_name(list, index->name);
		else
			dm_index_print(list, index);
	}
	return list;
}

/* Run "ALTER TABLE t <list>", where list is not empty. */
static struct dm_err *
alter(struct dm_sql_conn *conn, const struct copy_table *t, const GString *list)
{
	g_autofree char *name = dm_sql_quote_table(t->to_db, t->to_table);
	g_autofree char *sql =
	    g_strdup_printf("ALTER TABLE %s %s", name, list->str);

	return dm_sql_exec_ddl(conn, sql, strlen(sql));
}

struct dm_err *
copy_indexes_drop(struct copy_run *r, const struct copy_table *t,
    const struct dm_table *wanted)
{
	g_autoptr(GString) list = NULL;
	DM_AUTO(dm_table) there = NULL;
	struct dm_err *err;

	if (!may_have_later(r, r->dst, t) ||
	    t->meta->state != META_TABLE_PLANNED ||
	    wanted->foreign_keys->len > 0 || copy_is_referenced(r, t))
		return NULL;
	err = copy_target_look(r->dst, t, &there);
	if (err != NULL || there == NULL)
		return err;
	list = list_changes(wanted, there, true);
	return list->len == 0 ? NULL : alter(r->dst, t, list);
}

struct dm_err *
copy_indexes_build(
    struct copy_run *r, struct dm_sql_conn *conn, const struct copy_table *t)
{
	g_autoptr(GString) list = NULL;
	DM_AUTO(dm_table) wanted = NULL;
	DM_AUTO(dm_table) there = NULL;
	struct dm_err *err;

	if (!t->meta->created || t->meta->est_bytes < LATER_BYTES)
		return NULL;
	err = copy_target_table(r, t, NULL, &wanted);
	if (err == NULL)
		err = copy_target_look(conn, t, &there);
	if (err != NULL || there == NULL)
		return err;
	list = list_changes(wanted, there, false);
	if (list->len == 0)
		return NULL;
	copy_note(
	    r, "building the indexes of `%s`.`%s`", t->to_db, t->to_table);
	DM_FAILPOINT("copy-indexes");
	dm_info("building indexes", dm_kstr("schema", t->to_db),
	    dm_kstr("table", t->to_table), dm_kstr("what", list->str));
	err = alter(conn, t, list);
	DM_FAILPOINT("copy-indexes-built");
	if (err == NULL || dm_err_is(err, DB_BAD_CONN))
		return err;
	return dm_err_set_workaround(
	    dm_err_annotate(
		err, "the indexes of table `%s`.`%s`", t->to_db, t->to_table),
	    "read RawCause; the rows are all there, so after it is corrected "
	    "(room on the target's disk and in its tmpdir) `resume-task` only "
	    "builds the indexes");
}
