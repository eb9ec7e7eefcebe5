/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ALTER TABLE on a structure. DESIGN: the actions of one statement do not run
 * one after the other in a server, but all at once against the old structure:
 * first keys and columns go, then columns change (two may swap names), then new
 * ones come in, then keys. We do the same, so that one action is the simple
 * case.
 *
 * Like DM, dropping a column, key or constraint that is not there is no error:
 * a replicator passes over that error at the target, too.
 */
#include "lib/schema/alter.h"

#include <string.h>

#include "lib/ddl/column_text.h"
#include "lib/schema/alter_table.h"
#include "lib/schema/complete.h"
#include "lib/schema/tracker.h"

static struct dm_column *
column_at(const struct dm_table *t, int n)
{
	return g_ptr_array_index(t->columns, (guint)n);
}

/* ---- dropping ---- */

static void
drop_from_index(struct dm_index *x, const char *column)
{
	for (guint i = x->parts->len; i > 0; i--) {
		const struct dm_index_part *p =
		    &g_array_index(x->parts, struct dm_index_part, i - 1);

		if (p->column != NULL &&
		    g_ascii_strcasecmp(p->column, column) == 0)
			g_array_remove_index(x->parts, i - 1);
	}
}

static void
drop_from_indexes(struct dm_table *t, const char *column)
{
	for (guint i = t->indexes->len; i > 0; i--) {
		struct dm_index *x = g_ptr_array_index(t->indexes, i - 1);

		drop_from_index(x, column);
		if (x->parts->len == 0)
			g_ptr_array_remove_index(t->indexes, i - 1);
	}
}

static void
drop_references(struct dm_table *t, const char *column)
{
	for (guint i = t->checks->len; i > 0; i--) {
		if (dm_check_is_of(
			g_ptr_array_index(t->checks, i - 1), t, column))
			g_ptr_array_remove_index(t->checks, i - 1);
	}
	for (guint i = t->foreign_keys->len; i > 0; i--) {
		const struct dm_foreign_key *f =
		    g_ptr_array_index(t->foreign_keys, i - 1);

		if (f->inlined &&
		    g_ascii_strcasecmp(
			g_ptr_array_index(f->columns, 0), column) == 0)
			g_ptr_array_remove_index(t->foreign_keys, i - 1);
	}
}

static bool
comes_again(struct dm_alter *const *actions, size_t n, const char *column)
{
	for (size_t i = 0; i < n; i++) {
		const struct dm_alter *a = actions[i];

		if (a->kind == DM_ALTER_ADD_COLUMN &&
		    g_ascii_strcasecmp(a->column->name, column) == 0)
			return true;
	}
	return false;
}

/* Keys know columns by name: of one that comes again they stay. */
static void
drop_column(struct dm_table *t, const char *name, bool again)
{
	int n = dm_table_column(t, name);

	if (n < 0)
		return;
	if (!again)
		drop_from_indexes(t, name);
	drop_references(t, name);
	g_ptr_array_remove_index(t->columns, (guint)n);
}

static void
drop_index(struct dm_table *t, const char *name)
{
	struct dm_index *x = g_ascii_strcasecmp(name, "PRIMARY") == 0
				 ? dm_table_primary(t)
				 : dm_table_index(t, name);

	if (x != NULL)
		g_ptr_array_remove(t->indexes, x);
}

static bool
drop_foreign_key(struct dm_table *t, const char *name)
{
	for (guint i = 0; i < t->foreign_keys->len; i++) {
		const struct dm_foreign_key *f =
		    g_ptr_array_index(t->foreign_keys, i);

		if (f->name != NULL && g_ascii_strcasecmp(f->name, name) == 0) {
			g_ptr_array_remove_index(t->foreign_keys, i);
			return true;
		}
	}
	return false;
}

/* A name that a server gives: CONSTRAINT_1 (MariaDB), t_chk_1 (MySQL). */
static bool
is_made_up_name(const char *name)
{
	return g_str_has_prefix(name, "CONSTRAINT_") ||
	       strstr(name, "_chk_") != NULL;
}

static bool
drop_check(struct dm_table *t, const char *name)
{
	guint unnamed = t->checks->len;

	for (guint i = t->checks->len; i > 0; i--) {
		g_autofree char *own =
		    dm_check_name(g_ptr_array_index(t->checks, i - 1));

		if (own == NULL)
			unnamed = i - 1;
		if (own == NULL || g_ascii_strcasecmp(own, name) != 0)
			continue;
		g_ptr_array_remove_index(t->checks, i - 1);
		return true;
	}
	if (unnamed < t->checks->len && is_made_up_name(name)) {
		g_ptr_array_remove_index(t->checks, unnamed);
		return true;
	}
	return false;
}

static void
drop_key(struct dm_table *t, const struct dm_alter *a)
{
	switch (a->kind) {
	case DM_ALTER_DROP_INDEX:
		drop_index(t, a->name);
		break;
	case DM_ALTER_DROP_FOREIGN_KEY:
		(void)drop_foreign_key(t, a->name);
		break;
	case DM_ALTER_DROP_CONSTRAINT:
		if (!drop_check(t, a->name) && !drop_foreign_key(t, a->name))
			drop_index(t, a->name);
		break;
	default:
		break;
	}
}

/* A key that is not known is one that the server made for a foreign key and
 * kept where we thought it gone, or the statement would not be in the binlog:
 * plain, so no row depends on it. As with DROP INDEX, nothing is to be done. */
static struct dm_err *
rename_index(struct dm_table *t, const struct dm_alter *a)
{
	struct dm_index *x = dm_table_index(t, a->name);
	const struct dm_index *other = dm_table_index(t, a->new_name);

	if (x == NULL)
		return NULL;
	if (other != NULL && other != x)
		return dm_err_plain("duplicate key name '%s'", a->new_name);
	dm_alter_set(&x->name, a->new_name);
	return NULL;
}

/* A key that loses its last column goes with it, under whatever name. */
static struct dm_err *
drop(struct dm_table *t, struct dm_alter *const *actions, size_t n)
{
	struct dm_err *err = NULL;

	for (size_t i = 0; i < n; i++)
		drop_key(t, actions[i]);
	for (size_t i = 0; i < n && err == NULL; i++) {
		if (actions[i]->kind == DM_ALTER_RENAME_INDEX)
			err = rename_index(t, actions[i]);
	}
	for (size_t i = 0; i < n && err == NULL; i++) {
		if (actions[i]->kind == DM_ALTER_DROP_COLUMN)
			drop_column(t, actions[i]->name,
			    comes_again(actions, n, actions[i]->name));
	}
	return err;
}

/* ---- columns ---- */

/* One column under its old and its new name. */
struct change {
	const struct dm_alter *action;
	struct dm_column *column; /* of the table */
	const char *new_name;
	char *old_name; /* owned */
};

static bool
changes_column(const struct dm_alter *a)
{
	return a->kind == DM_ALTER_MODIFY_COLUMN ||
	       a->kind == DM_ALTER_CHANGE_COLUMN ||
	       a->kind == DM_ALTER_RENAME_COLUMN;
}

static void
clear_change(void *p)
{
	struct change *c = p;

	g_free(c->old_name);
}

/* The new name of a column, or NULL when it keeps its own. */
static const char *
renamed(const GArray *changes, const char *name)
{
	for (guint i = 0; i < changes->len; i++) {
		const struct change *c =
		    &g_array_index(changes, struct change, i);

		if (g_ascii_strcasecmp(c->old_name, name) == 0)
			return strcmp(c->old_name, c->new_name) == 0
				   ? NULL
				   : c->new_name;
	}
	return NULL;
}

static const char *
renamed_callback(const char *name, const void *arg)
{
	return renamed(arg, name);
}

static void
rename_text(char **text, const GArray *changes)
{
	char *new;

	if (*text == NULL || (*text)[0] == '\0')
		return;
	new = dm_expression_rename(*text, renamed_callback, changes);
	g_free(*text);
	*text = new;
}

static void
rename_names(GPtrArray *names, const GArray *changes)
{
	for (guint i = 0; i < names->len; i++) {
		const char *new = renamed(changes, g_ptr_array_index(names, i));

		if (new == NULL)
			continue;
		g_free(g_ptr_array_index(names, i));
		g_ptr_array_index(names, i) = g_strdup(new);
	}
}

static void
rename_parts(struct dm_index *x, const GArray *changes)
{
	for (guint i = 0; i < x->parts->len; i++) {
		struct dm_index_part *p =
		    &g_array_index(x->parts, struct dm_index_part, i);
		const char *new =
		    p->column == NULL ? NULL : renamed(changes, p->column);

		if (new != NULL)
			dm_alter_set(&p->column, new);
		rename_text(&p->expression, changes);
	}
}

/* Everything in the table that names its columns. */
static void
rename_everywhere(struct dm_table *t, const GArray *changes)
{
	for (guint i = 0; i < t->indexes->len; i++)
		rename_parts(g_ptr_array_index(t->indexes, i), changes);
	for (guint i = 0; i < t->foreign_keys->len; i++) {
		struct dm_foreign_key *f =
		    g_ptr_array_index(t->foreign_keys, i);

		rename_names(f->columns, changes);
		if (g_ascii_strcasecmp(f->ref_table, t->name) == 0 &&
		    (f->ref_schema == NULL ||
			g_strcmp0(f->ref_schema, t->schema) == 0))
			rename_names(f->ref_columns, changes);
	}
	for (guint i = 0; i < t->checks->len; i++) {
		char *text = g_ptr_array_index(t->checks, i);

		rename_text(&text, changes);
		g_ptr_array_index(t->checks, i) = text;
	}
	for (guint i = 0; i < t->columns->len; i++) {
		struct dm_column *c = g_ptr_array_index(t->columns, i);

		rename_text(&c->attributes, changes);
	}
}

static struct dm_err *
find_changes(struct dm_table *t, struct dm_alter *const *actions, size_t n,
    GArray *changes)
{
	for (size_t i = 0; i < n; i++) {
		const struct dm_alter *a = actions[i];
		struct change c = { .action = a };
		int at;

		if (!changes_column(a))
			continue;
		at = dm_table_column(t, a->name);
		if (at < 0)
			return dm_err_plain(
			    "unknown column '%s' in '%s'", a->name, t->name);
		c.column = column_at(t, at);
		c.old_name = g_strdup(c.column->name);
		/* MODIFY keeps the name's own spelling. */
		c.new_name = a->kind == DM_ALTER_RENAME_COLUMN ? a->new_name
			     : a->kind == DM_ALTER_CHANGE_COLUMN
				 ? a->column->name
				 : c.old_name;
		g_array_append_val(changes, c);
	}
	return NULL;
}

static void
redefine(struct dm_table *t, const struct change *ch)
{
	struct dm_column *c = ch->column, *def;

	if (ch->action->column != NULL) {
		def = dm_column_copy(ch->action->column);
		dm_complete_column(t, def);
		/* The pointer stays: others of the statement hold it. */
		struct dm_column old = *c;
		*c = *def;
		*def = old;
		dm_column_free(def);
	}
	dm_alter_set(&c->name, ch->new_name);
}

static struct dm_err *
check_names(const struct dm_table *t)
{
	for (guint i = 0; i < t->columns->len; i++) {
		const char *name = column_at(t, (int)i)->name;

		if (dm_table_column(t, name) != (int)i)
			return dm_err_plain("duplicate column name '%s'", name);
	}
	return NULL;
}

static struct dm_err *
change_columns(struct dm_table *t, struct dm_alter *const *actions, size_t n)
{
	g_autoptr(GArray) changes =
	    g_array_new(FALSE, TRUE, sizeof(struct change));
	struct dm_err *err;

	g_array_set_clear_func(changes, clear_change);
	err = find_changes(t, actions, n, changes);
	if (err != NULL || changes->len == 0)
		return err;
	rename_everywhere(t, changes);
	for (guint i = 0; i < changes->len; i++)
		redefine(t, &g_array_index(changes, struct change, i));
	return check_names(t);
}

/* Moves the column to its place. */
static struct dm_err *
place(struct dm_table *t, const char *name, const struct dm_alter *a)
{
	int at = dm_table_column(t, name), to;
	struct dm_column *c;

	if (!a->first && a->after == NULL)
		return NULL;
	if (at < 0)
		return NULL;
	if (a->after != NULL && dm_table_column(t, a->after) < 0)
		return dm_err_plain(
		    "unknown column '%s' in '%s'", a->after, t->name);
	if (a->after != NULL && g_ascii_strcasecmp(a->after, name) == 0)
		return NULL;
	c = g_ptr_array_steal_index(t->columns, (guint)at);
	to = a->first ? 0 : dm_table_column(t, a->after) + 1;
	g_ptr_array_insert(t->columns, to, c);
	return NULL;
}

static struct dm_err *
add_column(struct dm_table *t, const struct dm_alter *a)
{
	struct dm_column *c;

	if (dm_table_column(t, a->column->name) >= 0) {
		if (a->if_not_exists)
			return NULL;
		return dm_err_plain(
		    "duplicate column name '%s'", a->column->name);
	}
	c = dm_column_copy(a->column);
	dm_complete_column(t, c);
	g_ptr_array_add(t->columns, c);
	return place(t, c->name, a);
}

static struct dm_err *
alter_default(struct dm_table *t, const struct dm_alter *a)
{
	int n = dm_table_column(t, a->name);

	if (n < 0)
		return dm_err_plain(
		    "unknown column '%s' in '%s'", a->name, t->name);
	dm_column_set_default(column_at(t, n), a->value);
	return NULL;
}

static struct dm_err *
add_and_place(struct dm_table *t, const struct dm_alter *a)
{
	switch (a->kind) {
	case DM_ALTER_ADD_COLUMN:
		return add_column(t, a);
	case DM_ALTER_MODIFY_COLUMN:
	case DM_ALTER_CHANGE_COLUMN:
		return place(t, a->column->name, a);
	case DM_ALTER_COLUMN_DEFAULT:
		return alter_default(t, a);
	default:
		return NULL;
	}
}

/* ---- keys ---- */

/* IF EXISTS of a column's definition goes for its key, too. */
static bool
is_tolerant(const struct dm_alter *a)
{
	return a->if_exists || a->if_not_exists;
}

/* Without a name it is looked for under that of its first column. */
static bool
has_index_like(const struct dm_table *t, const struct dm_index *x)
{
	const char *name = x->name;

	if (x->kind == DM_INDEX_PRIMARY)
		return dm_table_primary(t) != NULL;
	if (name == NULL && x->parts->len > 0)
		name = g_array_index(x->parts, struct dm_index_part, 0).column;
	return name != NULL && dm_table_index(t, name) != NULL;
}

static struct dm_err *
add_index(struct dm_table *t, const struct dm_alter *a)
{
	DM_AUTO(dm_index) x = dm_index_copy(a->index);
	struct dm_err *err;

	/* In a column's definition it goes by the column's present name. */
	err = dm_complete_check_index(t, x);
	if (err != NULL || (is_tolerant(a) && has_index_like(t, x)))
		return err;
	dm_complete_replace(t, x);
	dm_complete_index(t, x);
	if (x->name != NULL && dm_table_index(t, x->name) != NULL)
		return x->kind == DM_INDEX_PRIMARY
			   ? dm_err_plain("multiple primary key defined")
			   : dm_err_plain("duplicate key name '%s'", x->name);
	g_ptr_array_add(t->indexes, DM_TAKE(x));
	return NULL;
}

static bool
has_constraint(const struct dm_table *t, const char *name)
{
	for (guint i = 0; i < t->foreign_keys->len; i++) {
		const struct dm_foreign_key *f =
		    g_ptr_array_index(t->foreign_keys, i);

		if (f->name != NULL && g_ascii_strcasecmp(f->name, name) == 0)
			return true;
	}
	for (guint i = 0; i < t->checks->len; i++) {
		g_autofree char *own =
		    dm_check_name(g_ptr_array_index(t->checks, i));

		if (own != NULL && g_ascii_strcasecmp(own, name) == 0)
			return true;
	}
	return false;
}

static struct dm_err *
add_foreign_key(struct dm_table *t, const struct dm_alter *a)
{
	const struct dm_foreign_key *f = a->foreign_key;
	DM_AUTO(dm_foreign_key) copy = NULL;
	struct dm_err *err;

	if (f->name != NULL && has_constraint(t, f->name))
		return a->if_not_exists
			   ? NULL
			   : dm_err_plain(
				 "duplicate foreign key '%s'", f->name);
	copy = dm_foreign_key_copy(f);
	err = dm_complete_foreign_key(t, copy);
	if (err == NULL)
		g_ptr_array_add(t->foreign_keys, DM_TAKE(copy));
	return err;
}

static void
add_check(struct dm_table *t, const struct dm_alter *a)
{
	g_autofree char *name = dm_check_name(a->text);

	/* MySQL drops a check with the columns that it names, as it sees them:
	 * one of that name may be gone. */
	if (name != NULL && has_constraint(t, name)) {
		if (a->if_not_exists)
			return;
		(void)drop_check(t, name);
	}
	g_ptr_array_add(t->checks, g_strdup(a->text));
}

static struct dm_err *
change_keys(struct dm_table *t, const struct dm_alter *a)
{
	struct dm_err *err = NULL;

	switch (a->kind) {
	case DM_ALTER_ADD_COLUMN:
	case DM_ALTER_MODIFY_COLUMN:
	case DM_ALTER_CHANGE_COLUMN:
		if (a->index != NULL)
			err = add_index(t, a);
		if (err == NULL && a->foreign_key != NULL)
			err = add_foreign_key(t, a);
		return err;
	case DM_ALTER_ADD_INDEX:
		return add_index(t, a);
	case DM_ALTER_ADD_FOREIGN_KEY:
		return add_foreign_key(t, a);
	case DM_ALTER_ADD_CHECK:
		add_check(t, a);
		return NULL;
	default:
		return NULL;
	}
}

/* ---- all of them ---- */

static bool
sets_charset(const struct dm_alter *a)
{
	return (a->kind == DM_ALTER_OPTIONS ||
		   a->kind == DM_ALTER_CONVERT_CHARSET) &&
	       (a->charset != NULL || a->collation != NULL);
}

/* IF [NOT] EXISTS makes nothing of the action. */
static bool
is_void(const struct dm_table *t, const struct dm_alter *a)
{
	switch (a->kind) {
	case DM_ALTER_ADD_COLUMN:
		return a->if_not_exists &&
		       dm_table_column(t, a->column->name) >= 0;
	case DM_ALTER_MODIFY_COLUMN:
	case DM_ALTER_CHANGE_COLUMN:
	case DM_ALTER_RENAME_COLUMN:
	case DM_ALTER_COLUMN_DEFAULT:
		return a->if_exists && dm_table_column(t, a->name) < 0;
	default:
		return false;
	}
}

static struct dm_err *
run_phases(struct dm_table *t, struct dm_alter *const *actions, size_t n)
{
	struct dm_err *err;

	/* The new default holds for the columns of the same statement. */
	for (size_t i = 0; i < n; i++) {
		if (sets_charset(actions[i]))
			dm_alter_set_charset(t, actions[i]);
	}
	err = drop(t, actions, n);
	if (err == NULL)
		err = change_columns(t, actions, n);
	for (size_t i = 0; i < n && err == NULL; i++)
		err = add_and_place(t, actions[i]);
	if (err == NULL && t->columns->len == 0)
		err = dm_err_plain("no column is left of '%s'", t->name);
	for (size_t i = 0; i < n && err == NULL; i++)
		err = change_keys(t, actions[i]);
	if (err != NULL)
		return err;
	for (size_t i = 0; i < n; i++)
		dm_alter_change_table(t, actions[i]);
	dm_complete_generated(t);
	dm_complete_not_null(t);
	dm_complete_prefixes(t);
	return NULL;
}

struct dm_err *
dm_schema_apply_alters(
    struct dm_table *t, struct dm_alter *const *actions, size_t n)
{
	DM_AUTO(dm_table) copy = dm_table_copy(t);
	g_autofree struct dm_alter **real = g_new(struct dm_alter *, n);
	g_autofree struct dm_alter *keys = g_new0(struct dm_alter, n);
	struct dm_err *err;
	struct dm_table old;
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_void(t, actions[i])) {
			real[used++] = actions[i];
		} else if (actions[i]->index != NULL) {
			/* The column is there: its key is made all the same. */
			keys[i].kind = DM_ALTER_ADD_INDEX;
			keys[i].if_not_exists = true;
			keys[i].index = actions[i]->index;
			real[used++] = &keys[i];
		}
	}
	err = run_phases(copy, real, used);

	if (err != NULL)
		return dm_err_wrap(
		    err, SCHEMA_TRACKER_CANNOT_EXEC_DDL, t->name);
	old = *t;
	*t = *copy;
	*copy = old;
	return NULL;
}

struct dm_err *
dm_schema_apply_alter(struct dm_table *t, const struct dm_alter *a)
{
	struct dm_alter action = *a;
	struct dm_alter *one = &action;

	return dm_schema_apply_alters(t, &one, 1);
}
