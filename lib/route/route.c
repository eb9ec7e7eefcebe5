/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes. SOURCE: reference/data-plane 1.8: a rule with a table pattern beats
 * one without, and two rules at the deciding level are an error.
 */
#include "lib/route/route.h"

#include "lib/filter/pattern.h"
#include "lib/text/capture.h"

enum { OF_TABLE, OF_SCHEMA, OF_SOURCE, EXTRACTORS };

struct route {
	const struct dm_route_rule *rule;  /* borrowed */
	struct dm_pattern *schema, *table; /* table NULL: a schema's rule */
	struct dm_capture *extract[EXTRACTORS]; /* NULL: none of it */
};

struct dm_router {
	bool case_sensitive;
	size_t n;
	struct route *routes;
};

static bool
is_empty(const char *s)
{
	return s == NULL || s[0] == '\0';
}

static const struct dm_extractor *
extractor_of(const struct dm_route_rule *rule, int which)
{
	const struct dm_extractor *all[EXTRACTORS] = { &rule->extract_table,
		&rule->extract_schema, &rule->extract_source };

	return all[which];
}

static struct dm_err *
build_extractors(struct route *r)
{
	static const char *const names[EXTRACTORS] = { "extract-table",
		"extract-schema", "extract-source" };
	struct dm_err *err = NULL;

	for (int i = 0; err == NULL && i < EXTRACTORS; i++) {
		const struct dm_extractor *x = extractor_of(r->rule, i);

		if (is_empty(x->regexp) && is_empty(x->target_column))
			continue;
		if (is_empty(x->regexp) || is_empty(x->target_column))
			err = dm_err_plain("its expression or its "
					   "target-column is empty");
		else if (i == OF_TABLE && is_empty(r->rule->table_pattern))
			err = dm_err_plain("the rule has no table-pattern");
		else
			err = dm_capture_new(x->regexp, &r->extract[i]);
		if (err != NULL)
			err = dm_err_annotate(err, "%s", names[i]);
	}
	return err;
}

static struct dm_err *
build(struct route *r, const struct dm_route_rule *rule, bool case_sensitive)
{
	struct dm_err *err;

	r->rule = rule;
	if (is_empty(rule->schema_pattern))
		return dm_err_plain("schema-pattern is empty");
	if (is_empty(rule->target_schema))
		return dm_err_plain("target-schema is empty");
	err = dm_pattern_new(rule->schema_pattern, case_sensitive, &r->schema);
	if (err != NULL)
		return dm_err_annotate(err, "schema-pattern");
	err = build_extractors(r);
	if (err != NULL || is_empty(rule->table_pattern))
		return err;
	err = dm_pattern_new(rule->table_pattern, case_sensitive, &r->table);
	return err == NULL ? NULL : dm_err_annotate(err, "table-pattern");
}

/* seen: dm_pattern_pair, owned -> struct route*. */
static struct dm_err *
check_twice(GHashTable *seen, struct route *r)
{
	g_autofree char *pair = dm_pattern_pair(r->schema, r->table);
	const struct route *first = g_hash_table_lookup(seen, pair);

	if (first != NULL)
		return dm_err_plain("it has the patterns of route rule '%s'",
		    first->rule->name == NULL ? "" : first->rule->name);
	g_hash_table_insert(seen, g_steal_pointer(&pair), r);
	return NULL;
}

struct dm_err *
dm_router_new(const struct dm_route_rule *rules, size_t n, bool case_sensitive,
    struct dm_router **out)
{
	DM_AUTO(dm_router) r = g_new0(struct dm_router, 1);
	g_autoptr(GHashTable) seen =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	r->case_sensitive = case_sensitive;
	r->routes = g_new0(struct route, n);
	for (r->n = 0; r->n < n; r->n++) {
		size_t i = r->n;
		struct dm_err *err =
		    build(&r->routes[i], &rules[i], case_sensitive);

		if (err == NULL)
			err = check_twice(seen, &r->routes[i]);
		if (err != NULL) {
			r->n++;
			err = dm_err_annotate(err, "route rule '%s'",
			    rules[i].name == NULL ? "" : rules[i].name);
			return dm_err_wrap(err, CONFIG_GEN_TABLE_ROUTER);
		}
	}
	*out = DM_TAKE(r);
	return NULL;
}

void
dm_router_free(struct dm_router *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n; i++) {
		dm_pattern_free(r->routes[i].schema);
		dm_pattern_free(r->routes[i].table);
		for (int k = 0; k < EXTRACTORS; k++)
			dm_capture_free(r->routes[i].extract[k]);
	}
	g_free(r->routes);
	g_free(r);
}

/* The matching rule of a level, and whether there is more than one. */
static const struct dm_route_rule *
find(const struct dm_router *r, const char *schema, const char *table,
    bool *ambiguous)
{
	const struct dm_route_rule *found = NULL;

	for (size_t i = 0; i < r->n; i++) {
		const struct route *x = &r->routes[i];

		if ((x->table != NULL) != (table != NULL) ||
		    !dm_pattern_matches(x->schema, schema) ||
		    (table != NULL && !dm_pattern_matches(x->table, table)))
			continue;
		*ambiguous = found != NULL;
		if (*ambiguous)
			break;
		found = x->rule;
	}
	return found;
}

struct dm_err *
dm_route(const struct dm_router *r, const char *schema, const char *table,
    char **to_schema, char **to_table)
{
	g_autofree char *s = dm_pattern_fold(schema, r->case_sensitive);
	g_autofree char *t = NULL;
	const struct dm_route_rule *rule = NULL;
	bool ambiguous = false;

	if (table != NULL) {
		t = dm_pattern_fold(table, r->case_sensitive);
		rule = find(r, s, t, &ambiguous);
	}
	if (rule == NULL)
		rule = find(r, s, NULL, &ambiguous);
	if (ambiguous)
		return dm_err_new(WORKER_ROUTE_TABLE_DUP_MATCH, schema,
		    table == NULL ? "" : table);
	*to_schema = g_strdup(rule == NULL ? schema : rule->target_schema);
	if (rule != NULL && table != NULL && !is_empty(rule->target_table))
		*to_table = g_strdup(rule->target_table);
	else
		*to_table = g_strdup(table);
	return NULL;
}

/* ---- extractors ---- */

static void
clear_extracted(void *p)
{
	struct dm_extracted *x = p;

	g_free(x->column);
	g_free(x->value);
}

static void
extract(const struct route *r, const char *const *names, GArray *out)
{
	for (int i = 0; i < EXTRACTORS; i++) {
		struct dm_extracted x = { 0 };

		if (r->extract[i] == NULL)
			continue;
		x.column = g_strdup(extractor_of(r->rule, i)->target_column);
		x.value = dm_capture_find(r->extract[i], names[i]);
		if (x.value == NULL)
			x.value = g_strdup("");
		g_array_append_val(out, x);
	}
}

GArray *
dm_route_extract(const struct dm_router *r, const char *schema,
    const char *table, const char *source)
{
	GArray *out = g_array_new(FALSE, TRUE, sizeof(struct dm_extracted));
	g_autofree char *s = dm_pattern_fold(schema, r->case_sensitive);
	g_autofree char *t = dm_pattern_fold(table, r->case_sensitive);
	const char *const names[EXTRACTORS] = { table, schema, source };

	g_array_set_clear_func(out, clear_extracted);
	/* Rules for tables come before those for schemas. */
	for (int level = 0; level < 2; level++) {
		for (size_t i = 0; i < r->n && out->len == 0; i++) {
			const struct route *x = &r->routes[i];

			if ((x->table != NULL) == (level == 0) &&
			    dm_pattern_matches(x->schema, s) &&
			    (x->table == NULL ||
				dm_pattern_matches(x->table, t)))
				extract(x, names, out);
		}
	}
	return out;
}
