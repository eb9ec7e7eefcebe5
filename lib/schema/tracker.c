/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tracker. DESIGN: a statement is applied to an overlay, a set of tables
 * and databases that are changed or gone; only when all of it went well the
 * overlay is moved into the tracker. So an error changes nothing, and a RENAME
 * of several tables sees its own steps.
 *
 * SOURCE: reference/data-plane 5.10. Differs: CREATE TABLE of a table that is
 * known replaces it unless the statement says IF NOT EXISTS: the source ran
 * it, so that the table was not there.
 */
#include "lib/schema/tracker.h"

#include <string.h>

#include "lib/schema/alter.h"
#include "lib/schema/complete.h"

struct database {
	char *charset, *collation; /* NULL: not known */
};

struct dm_tracker {
	bool case_sensitive;
	uint64_t generation;
	GHashTable *tables;    /* key -> struct dm_table, owned */
	GHashTable *databases; /* folded name -> struct database, owned */
};

/* One statement on its way. */
struct overlay {
	struct dm_tracker *tracker;
	const char *default_schema;
	GHashTable *tables;    /* key -> struct dm_table; NULL: gone */
	GHashTable *databases; /* folded name -> struct database; NULL: gone */
	struct dm_table_name *missing;
	GArray *changed; /* struct dm_table_name */
};

static char *
fold(const struct dm_tracker *t, const char *name)
{
	if (t->case_sensitive)
		return g_strdup(name);
	return g_utf8_validate(name, -1, NULL) ? g_utf8_strdown(name, -1)
					       : g_ascii_strdown(name, -1);
}

/* NUL cannot be part of a name, a line feed could: the length leads. */
static char *
key_of(const struct dm_tracker *t, const char *schema, const char *table)
{
	g_autofree char *s = fold(t, schema);
	g_autofree char *n = fold(t, table);

	return g_strdup_printf("%zu.%s.%s", strlen(s), s, n);
}

static void
free_table(void *p)
{
	dm_table_free(p);
}

static void
free_database(void *p)
{
	struct database *db = p;

	if (db == NULL)
		return;
	g_free(db->charset);
	g_free(db->collation);
	g_free(db);
}

static void
clear_name(void *p)
{
	dm_table_name_clear(p);
}

struct dm_tracker *
dm_tracker_new(bool case_sensitive)
{
	struct dm_tracker *t = g_new0(struct dm_tracker, 1);

	t->case_sensitive = case_sensitive;
	t->tables =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_table);
	t->databases = g_hash_table_new_full(
	    g_str_hash, g_str_equal, g_free, free_database);
	return t;
}

void
dm_tracker_free(struct dm_tracker *t)
{
	if (t == NULL)
		return;
	if (t->tables != NULL)
		g_hash_table_destroy(t->tables);
	if (t->databases != NULL)
		g_hash_table_destroy(t->databases);
	g_free(t);
}

const struct dm_table *
dm_tracker_get(
    const struct dm_tracker *t, const char *schema, const char *table)
{
	g_autofree char *key = key_of(t, schema, table);

	return g_hash_table_lookup(t->tables, key);
}

uint64_t
dm_tracker_generation(const struct dm_tracker *t)
{
	return t->generation;
}

void
dm_tracker_put(struct dm_tracker *t, struct dm_table *table)
{
	g_hash_table_replace(
	    t->tables, key_of(t, table->schema, table->name), table);
	t->generation++;
}

void
dm_tracker_remove(struct dm_tracker *t, const char *schema, const char *table)
{
	g_autofree char *key = key_of(t, schema, table);

	if (g_hash_table_remove(t->tables, key))
		t->generation++;
}

static struct database *
database_new(const char *charset, const char *collation)
{
	struct database *db = g_new0(struct database, 1);

	db->charset = g_strdup(charset);
	db->collation = g_strdup(collation);
	return db;
}

void
dm_tracker_set_database(struct dm_tracker *t, const char *schema,
    const char *charset, const char *collation)
{
	g_hash_table_replace(
	    t->databases, fold(t, schema), database_new(charset, collation));
}

static int
compare_tables(const void *a, const void *b)
{
	const struct dm_table *x = *(struct dm_table *const *)a;
	const struct dm_table *y = *(struct dm_table *const *)b;
	int c = strcmp(x->schema, y->schema);

	return c != 0 ? c : strcmp(x->name, y->name);
}

GPtrArray *
dm_tracker_tables(const struct dm_tracker *t)
{
	GPtrArray *all = g_ptr_array_new();
	GHashTableIter it;
	void *table;

	g_hash_table_iter_init(&it, t->tables);
	while (g_hash_table_iter_next(&it, NULL, &table))
		g_ptr_array_add(all, table);
	g_ptr_array_sort(all, compare_tables);
	return all;
}

/* ---- the overlay ---- */

static const struct dm_table *
overlay_get(const struct overlay *o, const char *schema, const char *table)
{
	g_autofree char *key = key_of(o->tracker, schema, table);
	void *found;

	if (g_hash_table_lookup_extended(o->tables, key, NULL, &found))
		return found;
	return g_hash_table_lookup(o->tracker->tables, key);
}

static void
note_change(struct overlay *o, const char *schema, const char *table)
{
	struct dm_table_name n = {
		.schema = g_strdup(schema),
		.table = g_strdup(table),
	};

	g_array_append_val(o->changed, n);
}

/* Takes table. */
static void
overlay_put(struct overlay *o, struct dm_table *table)
{
	note_change(o, table->schema, table->name);
	g_hash_table_replace(
	    o->tables, key_of(o->tracker, table->schema, table->name), table);
}

static void
overlay_remove(struct overlay *o, const char *schema, const char *table)
{
	if (overlay_get(o, schema, table) == NULL)
		return;
	note_change(o, schema, table);
	g_hash_table_replace(
	    o->tables, key_of(o->tracker, schema, table), NULL);
}

static const struct database *
overlay_database(const struct overlay *o, const char *schema)
{
	g_autofree char *key = fold(o->tracker, schema);
	void *found;

	if (g_hash_table_lookup_extended(o->databases, key, NULL, &found))
		return found;
	return g_hash_table_lookup(o->tracker->databases, key);
}

static struct dm_err *
need(struct overlay *o, const char *schema, const char *table,
    const struct dm_table **found)
{
	g_autofree char *name = NULL;

	*found = overlay_get(o, schema, table);
	if (*found != NULL)
		return NULL;
	if (o->missing != NULL) {
		o->missing->schema = g_strdup(schema);
		o->missing->table = g_strdup(table);
	}
	name = g_strdup_printf("`%s`.`%s`", schema, table);
	return dm_err_new(SCHEMA_TRACKER_CANNOT_GET_TABLE, name);
}

/* ---- statements ---- */

static const struct dm_table_name *
name_at(const struct dm_ddl *d, guint i)
{
	return &g_array_index(d->tables, struct dm_table_name, i);
}

static const char *
schema_at(const struct overlay *o, const struct dm_ddl *d, guint i)
{
	const char *schema = name_at(d, i)->schema;

	return schema == NULL ? o->default_schema : schema;
}

static struct dm_err *
apply_create_table(struct overlay *o, const struct dm_ddl *d)
{
	const char *schema = schema_at(o, d, 0), *name = name_at(d, 0)->table;
	const struct database *db = overlay_database(o, schema);
	DM_AUTO(dm_table) t = NULL;
	struct dm_err *err;

	if (d->if_not_exists && overlay_get(o, schema, name) != NULL)
		return NULL;
	if (d->create_select)
		return dm_err_new(SCHEMA_TRACKER_CANNOT_EXEC_DDL,
		    "the columns of CREATE TABLE .. SELECT are not known");
	t = dm_table_copy(d->create);
	if (t->schema == NULL)
		t->schema = g_strdup(schema);
	err = dm_complete_table(t, db == NULL ? NULL : db->charset,
	    db == NULL ? NULL : db->collation);
	if (err != NULL)
		return dm_err_wrap(err, SCHEMA_TRACKER_CANNOT_EXEC_DDL, name);
	overlay_put(o, DM_TAKE(t));
	return NULL;
}

static struct dm_err *
apply_create_like(struct overlay *o, const struct dm_ddl *d)
{
	const char *schema = schema_at(o, d, 0), *name = name_at(d, 0)->table;
	const struct dm_table *from;
	struct dm_table *t;
	struct dm_err *err;

	if (d->if_not_exists && overlay_get(o, schema, name) != NULL)
		return NULL;
	err = need(o, schema_at(o, d, 1), name_at(d, 1)->table, &from);
	if (err != NULL)
		return err;
	t = dm_table_copy(from);
	/* Foreign keys are not copied. */
	g_ptr_array_set_size(t->foreign_keys, 0);
	g_free(t->schema);
	g_free(t->name);
	t->schema = g_strdup(schema);
	t->name = g_strdup(name);
	overlay_put(o, t);
	return NULL;
}

static void
apply_drop_table(struct overlay *o, const struct dm_ddl *d)
{
	for (guint i = 0; i < d->tables->len; i++)
		overlay_remove(o, schema_at(o, d, i), name_at(d, i)->table);
}

/* Takes the table from one name to the other. */
static struct dm_err *
move_table(struct overlay *o, const struct dm_table *from, const char *schema,
    const char *name)
{
	struct dm_table *t;
	bool same = g_ascii_strcasecmp(from->schema, schema) == 0 &&
		    g_ascii_strcasecmp(from->name, name) == 0;

	if (!same && overlay_get(o, schema, name) != NULL)
		return dm_err_set_cause(
		    dm_err_new(SCHEMA_TRACKER_CANNOT_EXEC_DDL, from->name),
		    "table '%s.%s' exists already", schema, name);
	t = dm_table_copy(from);
	dm_schema_rename_table(t, schema, name);
	overlay_remove(o, from->schema, from->name);
	overlay_put(o, t);
	return NULL;
}

static struct dm_err *
apply_rename(struct overlay *o, const struct dm_ddl *d)
{
	struct dm_err *err = NULL;

	for (guint i = 0; i + 1 < d->tables->len && err == NULL; i += 2) {
		const struct dm_table *from;

		err = need(o, schema_at(o, d, i), name_at(d, i)->table, &from);
		if (err == NULL)
			err = move_table(o, from, schema_at(o, d, i + 1),
			    name_at(d, i + 1)->table);
	}
	return err;
}

/* MariaDB: a partition becomes a table, or a table a partition. */
static void
convert_partition(
    struct overlay *o, const struct dm_table *t, const struct dm_alter *a)
{
	const char *schema = a->rename_to.schema;
	struct dm_table *part;

	if (schema == NULL)
		schema =
		    o->default_schema == NULL ? t->schema : o->default_schema;
	if (g_str_has_prefix(a->text, "CONVERT TABLE")) {
		overlay_remove(o, schema, a->rename_to.table);
	} else if (g_str_has_prefix(a->text, "CONVERT PARTITION")) {
		part = dm_table_copy(t);
		g_ptr_array_set_size(part->foreign_keys, 0);
		g_free(part->partition);
		part->partition = g_strdup("");
		dm_schema_rename_table(part, schema, a->rename_to.table);
		overlay_put(o, part);
	}
}

/* CREATE OR REPLACE INDEX: the old one goes. */
static void
replace_index(struct dm_table *t, const struct dm_alter *a)
{
	struct dm_index *old = dm_table_index(t, a->index->name);

	if (old != NULL)
		g_ptr_array_remove(t->indexes, old);
}

static struct dm_err *
apply_alter_table(struct overlay *o, const struct dm_ddl *d)
{
	const struct dm_table *old;
	DM_AUTO(dm_table) t = NULL;
	const struct dm_table_name *to = NULL;
	struct dm_err *err;

	err = need(o, schema_at(o, d, 0), name_at(d, 0)->table, &old);
	if (err != NULL)
		return err;
	for (guint i = 0; i < d->alters->len; i++) {
		const struct dm_alter *a = g_ptr_array_index(d->alters, i);

		if (a->kind == DM_ALTER_RENAME_TABLE)
			to = &a->rename_to;
	}
	if (to != NULL) {
		const char *schema =
		    to->schema == NULL ? o->default_schema : to->schema;

		if (schema == NULL)
			schema = old->schema;
		err = move_table(o, old, schema, to->table);
		if (err != NULL)
			return err;
		old = overlay_get(o, schema, to->table);
	}
	t = dm_table_copy(old);
	if (d->kind == DM_DDL_CREATE_INDEX && d->or_replace)
		replace_index(t, g_ptr_array_index(d->alters, 0));
	err = dm_schema_apply_alters(
	    t, (struct dm_alter *const *)d->alters->pdata, d->alters->len);
	if (err != NULL)
		return err;
	/* The rename that stands among the actions is done already, and may
	 * have had no schema. */
	g_free(t->schema);
	t->schema = g_strdup(old->schema);
	for (guint i = 0; i < d->alters->len; i++) {
		const struct dm_alter *a = g_ptr_array_index(d->alters, i);

		if (a->kind == DM_ALTER_PARTITION)
			convert_partition(o, t, a);
	}
	overlay_put(o, DM_TAKE(t));
	return NULL;
}

static void
apply_drop_database(struct overlay *o, const struct dm_ddl *d)
{
	g_autofree char *gone = fold(o->tracker, schema_at(o, d, 0));
	GHashTableIter it;
	void *value;

	g_hash_table_iter_init(&it, o->tracker->tables);
	while (g_hash_table_iter_next(&it, NULL, &value)) {
		const struct dm_table *t = value;
		g_autofree char *schema = fold(o->tracker, t->schema);

		if (strcmp(schema, gone) == 0)
			overlay_remove(o, t->schema, t->name);
	}
	g_hash_table_replace(o->databases, DM_TAKE(gone), NULL);
}

static struct dm_err *
apply_database(struct overlay *o, const struct dm_ddl *d)
{
	const char *schema = schema_at(o, d, 0);
	const struct dm_alter *a = g_ptr_array_index(d->alters, 0);
	const struct database *old;
	DM_AUTO(dm_table) t = NULL;

	if (d->or_replace)
		apply_drop_database(o, d);
	old = overlay_database(o, schema);
	if (d->kind == DM_DDL_CREATE_DATABASE && old != NULL)
		return NULL;
	/* A table's way from collation to charset is the same. */
	t = dm_table_new(NULL, NULL);
	t->charset = g_strdup(a->charset);
	t->collation = g_strdup(a->collation);
	dm_complete_charset(t, NULL, NULL);
	if (t->charset == NULL && old != NULL) {
		t->charset = g_strdup(old->charset);
		t->collation = g_strdup(old->collation);
	}
	g_hash_table_replace(o->databases, fold(o->tracker, schema),
	    database_new(t->charset, t->collation));
	return NULL;
}

static struct dm_err *
apply(struct overlay *o, const struct dm_ddl *d)
{
	switch (d->kind) {
	case DM_DDL_CREATE_DATABASE:
	case DM_DDL_ALTER_DATABASE:
		return apply_database(o, d);
	case DM_DDL_DROP_DATABASE:
		apply_drop_database(o, d);
		return NULL;
	case DM_DDL_CREATE_TABLE:
		return apply_create_table(o, d);
	case DM_DDL_CREATE_TABLE_LIKE:
		return apply_create_like(o, d);
	case DM_DDL_DROP_TABLE:
	case DM_DDL_DROP_SEQUENCE: /* known by its rows */
		apply_drop_table(o, d);
		return NULL;
	case DM_DDL_RENAME_TABLE:
		return apply_rename(o, d);
	case DM_DDL_ALTER_TABLE:
	case DM_DDL_CREATE_INDEX:
	case DM_DDL_DROP_INDEX:
		return apply_alter_table(o, d);
	case DM_DDL_TRUNCATE_TABLE:
	case DM_DDL_CREATE_SEQUENCE:
	case DM_DDL_ALTER_SEQUENCE:
	case DM_DDL_SKIPPED:
	case DM_DDL_TRANSACTION:
	case DM_DDL_DML:
		return NULL;
	}
	return NULL;
}

/* ---- commit ---- */

static void
commit(struct overlay *o)
{
	struct dm_tracker *t = o->tracker;
	GHashTableIter it;
	void *key, *value;

	if (g_hash_table_size(o->tables) > 0)
		t->generation++;
	g_hash_table_iter_init(&it, o->tables);
	while (g_hash_table_iter_next(&it, &key, &value)) {
		g_hash_table_iter_steal(&it);
		if (value != NULL) {
			g_hash_table_replace(t->tables, key, value);
			continue;
		}
		g_hash_table_remove(t->tables, key);
		g_free(key);
	}
	g_hash_table_iter_init(&it, o->databases);
	while (g_hash_table_iter_next(&it, &key, &value)) {
		g_hash_table_iter_steal(&it);
		if (value != NULL) {
			g_hash_table_replace(t->databases, key, value);
			continue;
		}
		g_hash_table_remove(t->databases, key);
		g_free(key);
	}
}

/* Hands the names over. */
static void
tell(struct overlay *o, GArray *changed)
{
	if (changed == NULL || o->changed->len == 0)
		return;
	g_array_append_vals(changed, o->changed->data, o->changed->len);
	g_array_set_clear_func(o->changed, NULL);
}

static bool
lacks_schema(const struct overlay *o, const struct dm_ddl *d)
{
	if (o->default_schema != NULL)
		return false;
	for (guint i = 0; i < d->tables->len; i++) {
		if (name_at(d, i)->schema == NULL)
			return true;
	}
	return false;
}

struct dm_err *
dm_tracker_apply(struct dm_tracker *t, const struct dm_ddl *d,
    const char *default_schema, struct dm_table_name *missing, GArray *changed)
{
	struct overlay o = {
		.tracker = t,
		.default_schema = default_schema,
		.missing = missing,
	};
	struct dm_err *err;

	if (lacks_schema(&o, d))
		return dm_err_new(
		    SCHEMA_TRACKER_CANNOT_EXEC_DDL, "no database selected");
	o.tables =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_table);
	o.databases = g_hash_table_new_full(
	    g_str_hash, g_str_equal, g_free, free_database);
	o.changed = g_array_new(FALSE, FALSE, sizeof(struct dm_table_name));
	g_array_set_clear_func(o.changed, clear_name);
	err = apply(&o, d);
	if (err == NULL) {
		commit(&o);
		tell(&o, changed);
	}
	g_array_free(o.changed, TRUE);
	g_hash_table_destroy(o.tables);
	g_hash_table_destroy(o.databases);
	return err;
}
