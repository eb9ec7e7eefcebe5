/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The named rules of task.yaml: routes, filters, block-allow-lists, and the
 * book of which names exist and which are used.
 * SOURCE: reference/data-plane 1.4, 1.7 to 1.9.
 */
#include "lib/config/task_parse.h"

#include "lib/filter/pattern.h"

#include <string.h>

/* clang-format off */
static const struct {
	const char *key, *alias; /* alias: read when key is not there */
} sections[SECTION_NR] = {
	[SECTION_ROUTES] = { "routes", NULL },
	[SECTION_FILTERS] = { "filters", NULL },
	[SECTION_EXPRESSIONS] = { "expression-filter", NULL },
	[SECTION_BLOCK_ALLOW] = { "block-allow-list", "black-white-list" },
	[SECTION_MYDUMPERS] = { "mydumpers", NULL },
	[SECTION_LOADERS] = { "loaders", NULL },
	[SECTION_SYNCERS] = { "syncers", NULL },
	[SECTION_VALIDATORS] = { "validators", NULL },
};
/* clang-format on */

static void
entry_clear(gpointer p)
{
	struct task_entry *e = p;

	g_free(e->path);
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
	const struct task_entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static GArray *
section_list(struct task_parse *t, const char *key, const struct dm_yaml *node)
{
	GArray *list = g_array_new(FALSE, TRUE, sizeof(struct task_entry));

	g_array_set_clear_func(list, entry_clear);
	if (node == NULL)
		return list;
	if (node->kind != DM_YAML_MAP) {
		dm_bind_fail(t->r, key, node, "write `name: {...}` lines",
		    "must be a map of names");
		return list;
	}
	for (guint i = 0; i < node->pairs->len; i++) {
		const struct dm_yaml_pair *p =
		    &g_array_index(node->pairs, struct dm_yaml_pair, i);
		struct task_entry e = { .name = p->key,
			.line = p->line,
			.col = p->col,
			.value = p->value };

		e.path = dm_bind_path(key, p->key);
		if (p->first_line != 0) {
			dm_report_add(t->r, DM_ERR_CONFIG_YAML_TRANSFORM,
			    p->line, p->col, e.path, "keep one of them",
			    "given twice, first on line %d", p->first_line);
			g_free(e.path);
			continue;
		}
		g_array_append_val(list, e);
	}
	g_array_sort(list, by_name);
	return list;
}

static void
check_pattern(struct task_parse *t, int code, const struct dm_yaml *node,
    const char *path, const char *pattern)
{
	DM_AUTO(dm_pattern) p = NULL;
	DM_AUTO(dm_err) err = NULL;

	err = dm_pattern_new(pattern, t->c->case_sensitive, &p);
	if (err != NULL)
		dm_report_add(t->r, code, node->line, node->col, path,
		    "see `routes` in the sample", "%s", err->message);
}

/* ---- routes ---- */

/* regexp_key: what the expression is called in this extractor. */
static void
extractor_read(struct task_parse *t, const struct task_entry *e,
    const char *key, const char *regexp_key, struct dm_extractor *x)
{
	const struct bind_key keys[] = {
		BIND(regexp_key, STR, dm_extractor, regexp),
		BIND("target-column", STR, dm_extractor, target_column),
	};
	const struct dm_yaml_pair *p = dm_yaml_find(e->value, key);
	g_autofree char *path = dm_bind_path(e->path, key);

	x->regexp = g_strdup("");
	x->target_column = g_strdup("");
	if (p != NULL && !dm_yaml_is_null(p->value))
		dm_bind_map(t->r, path, p->value, keys, DM_ARRAY_SIZE(keys), x);
}

static void
extractors_check(struct task_parse *t, const struct task_entry *e,
    const struct dm_route_rule *rule)
{
	DM_AUTO(dm_router) router = NULL;
	DM_AUTO(dm_err) err = NULL;

	err = dm_router_new(rule, 1, t->c->case_sensitive, &router);
	if (err != NULL)
		dm_report_add(t->r, DM_ERR_CONFIG_GEN_TABLE_ROUTER, e->line,
		    e->col, e->path,
		    "give each extractor its expression and a target-column",
		    "%s", err->cause != NULL ? err->cause : err->message);
}

bool
task_has_extractors(const struct dm_route_rule *r)
{
	const struct dm_extractor *all[] = { &r->extract_table,
		&r->extract_schema, &r->extract_source };

	for (size_t i = 0; i < DM_ARRAY_SIZE(all); i++) {
		if (all[i]->regexp[0] != '\0' ||
		    all[i]->target_column[0] != '\0')
			return true;
	}
	return false;
}

static void
route_read(struct task_parse *t, const struct task_entry *e)
{
	static const struct bind_key keys[] = {
		BIND("schema-pattern", STR, dm_route_rule, schema_pattern),
		BIND("table-pattern", STR, dm_route_rule, table_pattern),
		BIND("target-schema", STR, dm_route_rule, target_schema),
		BIND("target-table", STR, dm_route_rule, target_table),
		BIND_DROP("extract-table"),
		BIND_DROP("extract-schema"),
		BIND_DROP("extract-source"),
	};
	struct dm_route_rule rule = { .name = g_strdup(e->name),
		.schema_pattern = g_strdup(""),
		.table_pattern = g_strdup(""),
		.target_schema = g_strdup(""),
		.target_table = g_strdup("") };

	dm_bind_map(t->r, e->path, e->value, keys, DM_ARRAY_SIZE(keys), &rule);
	extractor_read(
	    t, e, "extract-table", "table-regexp", &rule.extract_table);
	extractor_read(
	    t, e, "extract-schema", "schema-regexp", &rule.extract_schema);
	extractor_read(
	    t, e, "extract-source", "source-regexp", &rule.extract_source);
	g_array_append_val(t->c->routes, rule);
	if (rule.schema_pattern[0] == '\0')
		dm_report_add(t->r, DM_ERR_CONFIG_GEN_TABLE_ROUTER, e->line,
		    e->col, e->path, "add `schema-pattern`",
		    "schema-pattern is missing");
	else
		check_pattern(t, DM_ERR_CONFIG_GEN_TABLE_ROUTER, e->value,
		    e->path, rule.schema_pattern);
	if (rule.table_pattern[0] != '\0')
		check_pattern(t, DM_ERR_CONFIG_GEN_TABLE_ROUTER, e->value,
		    e->path, rule.table_pattern);
	else if (rule.target_table[0] != '\0')
		dm_report_add(t->r, DM_ERR_CONFIG_GEN_TABLE_ROUTER, e->line,
		    e->col, e->path, "add `table-pattern`",
		    "target-table without table-pattern");
	if (rule.target_schema[0] == '\0')
		dm_report_add(t->r, DM_ERR_CONFIG_GEN_TABLE_ROUTER, e->line,
		    e->col, e->path, "add `target-schema`",
		    "target-schema is missing");
	else if (rule.schema_pattern[0] != '\0' && task_has_extractors(&rule))
		extractors_check(t, e, &rule);
}

/* ---- filters ---- */

static void
filter_check(struct task_parse *t, const struct task_entry *e,
    const struct dm_filter_rule *f)
{
	DM_AUTO(dm_binlog_filter) filter = NULL;
	DM_AUTO(dm_err) err = NULL;

	err = dm_binlog_filter_new(&f, 1, t->c->case_sensitive, &filter);
	if (err != NULL)
		dm_report_add(t->r, err->code, e->line, e->col, e->path,
		    "see `filters` in the sample", "%s",
		    err->cause != NULL ? err->cause : err->message);
}

static void
filter_read(struct task_parse *t, const struct task_entry *e)
{
	static const struct bind_key keys[] = {
		BIND("schema-pattern", STR, dm_filter_rule, schema_pattern),
		BIND("table-pattern", STR, dm_filter_rule, table_pattern),
		BIND("events", STRV, dm_filter_rule, events),
		BIND("sql-pattern", STRV, dm_filter_rule, sql_patterns),
		BIND("action", STR, dm_filter_rule, action),
	};
	struct dm_filter_rule f = { .name = g_strdup(e->name),
		.schema_pattern = g_strdup(""),
		.table_pattern = g_strdup(""),
		.events = g_new0(char *, 1),
		.sql_patterns = g_new0(char *, 1),
		.action = g_strdup("") };

	dm_bind_map(t->r, e->path, e->value, keys, DM_ARRAY_SIZE(keys), &f);
	filter_check(t, e, &f);
	g_array_append_val(t->c->filters, f);
}

/* ---- block-allow-list ---- */

static void
table_pattern_clear(gpointer p)
{
	struct dm_table_pattern *tp = p;

	g_free(tp->schema);
	g_free(tp->table);
}

static GArray *
table_patterns_new(void)
{
	GArray *a = g_array_new(FALSE, TRUE, sizeof(struct dm_table_pattern));

	g_array_set_clear_func(a, table_pattern_clear);
	return a;
}

struct dm_block_allow_rule *
task_block_allow_new(void)
{
	struct dm_block_allow_rule *rule =
	    g_new0(struct dm_block_allow_rule, 1);

	rule->do_dbs = g_ptr_array_new_with_free_func(g_free);
	rule->ignore_dbs = g_ptr_array_new_with_free_func(g_free);
	rule->do_tables = table_patterns_new();
	rule->ignore_tables = table_patterns_new();
	return rule;
}

void
task_block_allow_free(struct dm_block_allow_rule *rule)
{
	if (rule == NULL)
		return;
	g_ptr_array_unref(rule->do_dbs);
	g_ptr_array_unref(rule->ignore_dbs);
	g_array_unref(rule->do_tables);
	g_array_unref(rule->ignore_tables);
	g_free(rule);
}

static void
dbs_read(struct task_parse *t, const struct task_entry *e, const char *key,
    GPtrArray *out)
{
	const struct dm_yaml_pair *p = dm_yaml_find(e->value, key);
	g_autofree char *path = dm_bind_path(e->path, key);
	g_auto(GStrv) list = NULL;

	if (p == NULL || !dm_bind_strv(t->r, path, p->value, &list))
		return;
	for (size_t i = 0; list[i] != NULL; i++) {
		check_pattern(
		    t, DM_ERR_CONFIG_GEN_BA_LIST, p->value, path, list[i]);
		g_ptr_array_add(out, g_strdup(list[i]));
	}
}

static void
tables_read(struct task_parse *t, const struct task_entry *e, const char *key,
    GArray *out)
{
	static const struct bind_key keys[] = {
		BIND("db-name", STR, dm_table_pattern, schema),
		BIND("tbl-name", STR, dm_table_pattern, table),
	};
	const struct dm_yaml_pair *p = dm_yaml_find(e->value, key);
	g_autofree char *path = dm_bind_path(e->path, key);

	if (p == NULL || dm_yaml_is_null(p->value))
		return;
	if (p->value->kind != DM_YAML_SEQ) {
		dm_bind_fail(t->r, path, p->value,
		    "write `- {db-name: a, tbl-name: b}` lines",
		    "must be a list");
		return;
	}
	for (guint i = 0; i < p->value->items->len; i++) {
		const struct dm_yaml *item = p->value->items->pdata[i];
		struct dm_table_pattern tp = { .schema = g_strdup(""),
			.table = g_strdup("") };
		g_autofree char *sub = g_strdup_printf("%s[%u]", path, i);

		dm_bind_map(t->r, sub, item, keys, DM_ARRAY_SIZE(keys), &tp);
		check_pattern(
		    t, DM_ERR_CONFIG_GEN_BA_LIST, item, sub, tp.schema);
		check_pattern(
		    t, DM_ERR_CONFIG_GEN_BA_LIST, item, sub, tp.table);
		g_array_append_val(out, tp);
	}
}

static void
block_allow_read(struct task_parse *t, const struct task_entry *e)
{
	static const struct bind_key keys[] = {
		BIND_DROP("do-dbs"),
		BIND_DROP("ignore-dbs"),
		BIND_DROP("do-tables"),
		BIND_DROP("ignore-tables"),
	};
	struct dm_block_allow_rule *rule = task_block_allow_new();

	/* Unknown and repeated keys; the values are read below. */
	dm_bind_map(t->r, e->path, e->value, keys, DM_ARRAY_SIZE(keys), NULL);
	dbs_read(t, e, "do-dbs", rule->do_dbs);
	dbs_read(t, e, "ignore-dbs", rule->ignore_dbs);
	tables_read(t, e, "do-tables", rule->do_tables);
	tables_read(t, e, "ignore-tables", rule->ignore_tables);
	g_hash_table_insert(t->c->block_allow, g_strdup(e->name), rule);
}

/* ---- validators ---- */

static void
validator_check(struct task_parse *t, const struct task_entry *e)
{
	static const struct bind_key keys[] = {
		BIND_DROP("mode"),
		BIND_DROP("worker-count"),
		BIND_DROP("validate-interval"),
		BIND_DROP("check-interval"),
		BIND_DROP("row-error-delay"),
		BIND_DROP("meta-flush-interval"),
		BIND_DROP("batch-query-size"),
		BIND_DROP("max-pending-row-size"),
		BIND_DROP("max-pending-row-count"),
		BIND_DROP("start-time"),
	};
	const struct dm_yaml_pair *p;

	dm_bind_map(t->r, e->path, e->value, keys, DM_ARRAY_SIZE(keys), NULL);
	p = dm_yaml_find(e->value, "mode");
	if (p == NULL || dm_yaml_is_null(p->value) ||
	    (p->value->kind == DM_YAML_SCALAR &&
		(p->value->text[0] == '\0' ||
		    strcmp(p->value->text, "none") == 0)))
		return;
	dm_report_add(t->r, DM_ERR_CONFIG_VALIDATION_MODE, p->value->line,
	    p->value->col, e->path, "write `mode: none`",
	    "%s: continuous validation is not supported",
	    DM_ERRFMT_CONFIG_VALIDATION_MODE);
}

/* ---- all ---- */

void
task_sections_read(struct task_parse *t)
{
	for (size_t i = 0; i < SECTION_NR; i++) {
		const char *key = sections[i].key;
		const struct dm_yaml *node = task_node(t, key);

		if (dm_bind_is_empty(node) && sections[i].alias != NULL) {
			key = sections[i].alias;
			node = task_node(t, key);
		}
		t->sections[i] = section_list(t, key, node);
		for (guint j = 0; j < t->sections[i]->len; j++) {
			const struct task_entry *e = &g_array_index(
			    t->sections[i], struct task_entry, j);

			if (i == SECTION_ROUTES)
				route_read(t, e);
			else if (i == SECTION_FILTERS)
				filter_read(t, e);
			else if (i == SECTION_EXPRESSIONS)
				task_expression_read(t, e);
			else if (i == SECTION_BLOCK_ALLOW)
				block_allow_read(t, e);
			else if (i == SECTION_VALIDATORS)
				validator_check(t, e);
		}
	}
}

void
task_sections_free(struct task_parse *t)
{
	for (size_t i = 0; i < SECTION_NR; i++)
		if (t->sections[i] != NULL)
			g_array_unref(t->sections[i]);
}

int
task_section_use(
    struct task_parse *t, enum task_section section, const char *name)
{
	GArray *list = t->sections[section];

	for (guint i = 0; i < list->len; i++) {
		struct task_entry *e =
		    &g_array_index(list, struct task_entry, i);

		if (strcmp(e->name, name) == 0) {
			e->used = true;
			return (int)i;
		}
	}
	return -1;
}

static gint
by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void
task_sections_check_used(struct task_parse *t)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	const struct task_entry *first = NULL;
	g_autofree char *joined = NULL;
	g_autofree char *list = NULL;

	for (size_t i = 0; i < SECTION_NR; i++) {
		for (guint j = 0; j < t->sections[i]->len; j++) {
			const struct task_entry *e = &g_array_index(
			    t->sections[i], struct task_entry, j);

			if (e->used)
				continue;
			g_ptr_array_add(names, g_strdup(e->name));
			if (first == NULL || e->line < first->line)
				first = e;
		}
	}
	if (first == NULL)
		return;
	g_ptr_array_sort(names, by_text);
	g_ptr_array_add(names, NULL);
	joined = g_strjoinv(" ", (char **)names->pdata);
	list = g_strdup_printf("[%s]", joined);
	dm_report_add(t->r, DM_ERR_CONFIG_GLOBAL_CONFIGS_UNUSED, first->line,
	    first->col, "", "name them in an instance or remove them",
	    DM_ERRFMT_CONFIG_GLOBAL_CONFIGS_UNUSED, list);
}
