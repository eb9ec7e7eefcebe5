/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block-allow-list. SOURCE: reference/data-plane 1.9. Differs: a pattern
 * given twice is refused within one list, not across lists, where it has a
 * meaning (an allowed table of an ignored kind).
 */
#include "lib/filter/block_allow.h"

#include "lib/filter/pattern.h"

/* A pair; table NULL: the list is one of databases. */
struct entry {
	struct dm_pattern *schema, *table;
};

struct dm_block_allow {
	bool case_sensitive;
	GArray *do_dbs, *ignore_dbs, *do_tables, *ignore_tables; /* entry */
};

bool
dm_is_system_schema(const char *schema)
{
	static const char *const names[] = { "mysql", "sys",
		"information_schema", "performance_schema", "metrics_schema",
		"inspection_schema", "dm_heartbeat" };

	for (size_t i = 0; i < DM_ARRAY_SIZE(names); i++) {
		if (g_ascii_strcasecmp(names[i], schema) == 0)
			return true;
	}
	return false;
}

static void
clear_entry(void *p)
{
	struct entry *e = p;

	dm_pattern_free(e->schema);
	dm_pattern_free(e->table);
}

/* seen: of dm_pattern_pair, owned. */
static struct dm_err *
add(GArray *list, GHashTable *seen, const char *schema, const char *table,
    bool case_sensitive)
{
	struct entry e = { 0 };
	struct dm_err *err;

	err = dm_pattern_new(schema, case_sensitive, &e.schema);
	if (err == NULL && table != NULL)
		err = dm_pattern_new(table, case_sensitive, &e.table);
	if (err == NULL &&
	    !g_hash_table_add(seen, dm_pattern_pair(e.schema, e.table)))
		err = dm_err_plain("pattern '%s%s%s' is given twice", schema,
		    table == NULL ? "" : ".", table == NULL ? "" : table);
	if (err != NULL) {
		clear_entry(&e);
		return err;
	}
	g_array_append_val(list, e);
	return NULL;
}

static GHashTable *
new_seen(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static GArray *
new_list(void)
{
	GArray *list = g_array_new(FALSE, FALSE, sizeof(struct entry));

	g_array_set_clear_func(list, clear_entry);
	return list;
}

static struct dm_err *
add_dbs(GArray *list, const char *name, const GPtrArray *dbs, bool cs)
{
	g_autoptr(GHashTable) seen = new_seen();
	struct dm_err *err = NULL;

	for (guint i = 0; dbs != NULL && i < dbs->len && err == NULL; i++)
		err = add(list, seen, g_ptr_array_index(dbs, i), NULL, cs);
	return err == NULL ? NULL : dm_err_annotate(err, "%s", name);
}

static struct dm_err *
add_tables(GArray *list, const char *name, const GArray *tables, bool cs)
{
	g_autoptr(GHashTable) seen = new_seen();
	struct dm_err *err = NULL;

	for (guint i = 0; tables != NULL && i < tables->len && err == NULL;
	     i++) {
		const struct dm_table_pattern *p =
		    &g_array_index(tables, struct dm_table_pattern, i);

		err = add(list, seen, p->schema,
		    p->table == NULL ? "" : p->table, cs);
	}
	return err == NULL ? NULL : dm_err_annotate(err, "%s", name);
}

struct dm_err *
dm_block_allow_new(const struct dm_block_allow_rule *rule, bool case_sensitive,
    struct dm_block_allow **out)
{
	DM_AUTO(dm_block_allow) b = g_new0(struct dm_block_allow, 1);
	bool cs = case_sensitive;
	struct dm_err *err = NULL;

	b->case_sensitive = case_sensitive;
	b->do_dbs = new_list();
	b->ignore_dbs = new_list();
	b->do_tables = new_list();
	b->ignore_tables = new_list();
	if (rule != NULL) {
		err = add_dbs(b->do_dbs, "do-dbs", rule->do_dbs, cs);
		if (err == NULL)
			err = add_dbs(
			    b->ignore_dbs, "ignore-dbs", rule->ignore_dbs, cs);
		if (err == NULL)
			err = add_tables(
			    b->do_tables, "do-tables", rule->do_tables, cs);
		if (err == NULL)
			err = add_tables(b->ignore_tables, "ignore-tables",
			    rule->ignore_tables, cs);
	}
	if (err != NULL)
		return dm_err_wrap(err, CONFIG_GEN_BA_LIST);
	*out = DM_TAKE(b);
	return NULL;
}

static void
free_list(GArray *list)
{
	if (list != NULL)
		g_array_free(list, TRUE);
}

void
dm_block_allow_free(struct dm_block_allow *b)
{
	if (b == NULL)
		return;
	free_list(b->do_dbs);
	free_list(b->ignore_dbs);
	free_list(b->do_tables);
	free_list(b->ignore_tables);
	g_free(b);
}

static bool
any_matches(const GArray *list, const char *schema, const char *table)
{
	for (guint i = 0; i < list->len; i++) {
		const struct entry *e = &g_array_index(list, struct entry, i);

		if (dm_pattern_matches(e->schema, schema) &&
		    (e->table == NULL || dm_pattern_matches(e->table, table)))
			return true;
	}
	return false;
}

bool
dm_block_allow_skips(
    const struct dm_block_allow *b, const char *schema, const char *table)
{
	g_autofree char *s = NULL, *t = NULL;

	if (dm_is_system_schema(schema))
		return true;
	s = dm_pattern_fold(schema, b->case_sensitive);
	if (b->do_dbs->len > 0) {
		if (!any_matches(b->do_dbs, s, NULL))
			return true;
	} else if (any_matches(b->ignore_dbs, s, NULL)) {
		return true;
	}
	if (table == NULL || table[0] == '\0')
		return false;
	t = dm_pattern_fold(table, b->case_sensitive);
	if (any_matches(b->do_tables, s, t))
		return false;
	if (any_matches(b->ignore_tables, s, t))
		return true;
	return b->do_tables->len > 0;
}
