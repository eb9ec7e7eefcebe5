/* SPDX-License-Identifier: Apache-2.0 */
/*
 * task.yaml as `config task` shows it and as it is stored.
 *
 * DESIGN: rules keep the user's names; mydumpers, loaders and syncers get
 * DM's generated ones, equal settings sharing a name. Only what the wanted
 * instances use is written, so that the text parses again.
 * SOURCE: reference/control-plane 2.8 for the order of keys.
 */
#include "lib/config/bind.h"
#include "lib/config/task.h"

#include <string.h>

struct task_out {
	const struct dm_task_cfg *c;
	GPtrArray *instances; /* struct dm_instance_cfg*, borrowed */
	GPtrArray *dumps, *loads, *syncs; /* bodies, owned text */
	bool mask;
};

static char *
mydumper_body(const struct dm_mydumper_cfg *m)
{
	GString *s = g_string_new(NULL);

	dm_emit_str(s, 4, "mydumper-path", "./bin/mydumper");
	dm_emit_int(s, 4, "threads", m->threads);
	dm_emit_str(s, 4, "chunk-filesize", m->chunk_filesize);
	dm_emit_str(s, 4, "statement-size", m->statement_size);
	dm_emit_int(s, 4, "rows", m->rows);
	dm_emit_str(s, 4, "where", m->where);
	dm_emit_bool(s, 4, "skip-tz-utc", true);
	dm_emit_str(s, 4, "extra-args", m->extra_args);
	return g_string_free(s, FALSE);
}

static char *
loader_body(const struct dm_loader_cfg *l, bool mask)
{
	g_autofree char *url =
	    l->s3 == NULL ? NULL : dm_s3_url_text(l->s3, mask);
	GString *s = g_string_new(NULL);

	dm_emit_int(s, 4, "pool-size", l->pool_size);
	dm_emit_str(s, 4, "dir", url != NULL ? url : l->dir);
	dm_emit_str(s, 4, "sorting-dir-physical", "");
	dm_emit_str(s, 4, "import-mode", l->import_mode);
	dm_emit_str(s, 4, "on-duplicate", "");
	dm_emit_str(s, 4, "on-duplicate-logical", l->on_duplicate_logical);
	dm_emit_str(s, 4, "on-duplicate-physical", "none");
	dm_emit_int(s, 4, "disk-quota-physical", 0);
	dm_emit_str(s, 4, "checksum-physical", "required");
	dm_emit_str(s, 4, "analyze", "optional");
	dm_emit_int(s, 4, "range-concurrency", 0);
	dm_emit_str(s, 4, "compress-kv-pairs", "");
	dm_emit_str(s, 4, "pd-addr", "");
	return g_string_free(s, FALSE);
}

static char *
syncer_body(const struct dm_syncer_cfg *y)
{
	GString *s = g_string_new(NULL);

	dm_emit_str(s, 4, "meta-file", "");
	dm_emit_int(s, 4, "worker-count", y->worker_count);
	dm_emit_int(s, 4, "batch", y->batch);
	dm_emit_int(s, 4, "queue-size", y->queue_size);
	dm_emit_int(
	    s, 4, "checkpoint-flush-interval", y->checkpoint_flush_interval_s);
	dm_emit_bool(s, 4, "compact", y->compact);
	dm_emit_bool(s, 4, "multiple-rows", y->multiple_rows);
	dm_emit_int(s, 4, "max-retry", 0);
	dm_emit_bool(s, 4, "auto-fix-gtid", false);
	dm_emit_bool(s, 4, "enable-gtid", false);
	dm_emit_bool(s, 4, "disable-detect", false);
	dm_emit_bool(s, 4, "safe-mode", y->safe_mode);
	dm_emit_str(s, 4, "safe-mode-duration", y->safe_mode_duration);
	dm_emit_bool(s, 4, "enable-ansi-quotes", false);
	if (y->strict)
		dm_emit_bool(s, 4, "strict", true);
	return g_string_free(s, FALSE);
}

/* Index of body in the list, where it is put if it is new. Takes body. */
static guint
body_index(GPtrArray *bodies, char *body)
{
	for (guint i = 0; i < bodies->len; i++) {
		if (strcmp(bodies->pdata[i], body) == 0) {
			g_free(body);
			return i;
		}
	}
	g_ptr_array_add(bodies, body);
	return bodies->len - 1;
}

static void
emit_name(GString *s, const char *key, const char *prefix, guint index)
{
	g_autofree char *name = g_strdup_printf("%s-%02u", prefix, index + 1);

	dm_emit_str(s, 2, key, name);
}

/* ---- instances ---- */

/* The names of those rules of a section that the instance has chosen. name_at:
 * where a rule, an element of `rules`, has its name. */
static void
emit_rule_names(GString *s, const char *key, GArray *rules, size_t name_at,
    const GArray *chosen)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	guint size = g_array_get_element_size(rules);

	for (guint k = 0; k < chosen->len; k++) {
		char *name;

		memcpy(&name,
		    rules->data + g_array_index(chosen, size_t, k) * size +
			name_at,
		    sizeof(name));
		g_ptr_array_add(names, name);
	}
	g_ptr_array_add(names, NULL);
	dm_emit_strv(s, 2, key, (char **)names->pdata);
}

/* "" when the instance has no list. */
static const char *
block_allow_name(const struct task_out *o, const struct dm_instance_cfg *i)
{
	GHashTableIter it;
	gpointer name, rule;

	g_hash_table_iter_init(&it, o->c->block_allow);
	while (g_hash_table_iter_next(&it, &name, &rule))
		if (rule == i->block_allow)
			return name;
	return "";
}

static void
emit_meta(GString *s, const struct dm_instance_cfg *i)
{
	if (!i->has_meta) {
		dm_emit_raw(s, 2, "meta", "null");
		return;
	}
	dm_emit_key(s, 2, "meta");
	dm_emit_str(s, 4, "binlog-name", i->meta.binlog_name);
	dm_emit_int(s, 4, "binlog-pos", (int64_t)i->meta.binlog_pos);
	dm_emit_str(s, 4, "binlog-gtid", i->meta.binlog_gtid);
}

static void
emit_instance(GString *s, struct task_out *o, const struct dm_instance_cfg *i)
{
	g_string_append(s, "- source-id: ");
	dm_yaml_append_string(s, i->source_id);
	g_string_append_c(s, '\n');
	emit_meta(s, i);
	emit_rule_names(s, "filter-rules", o->c->filters,
	    offsetof(struct dm_filter_rule, name), i->filter_rules);
	dm_emit_raw(s, 2, "column-mapping-rules", "[]");
	emit_rule_names(s, "route-rules", o->c->routes,
	    offsetof(struct dm_route_rule, name), i->route_rules);
	emit_rule_names(s, "expression-filters", o->c->expr_filters,
	    offsetof(struct dm_expr_filter, name), i->expr_filters);
	dm_emit_str(s, 2, "black-white-list", "");
	dm_emit_str(s, 2, "block-allow-list", block_allow_name(o, i));
	emit_name(s, "mydumper-config-name", "dump",
	    body_index(o->dumps, mydumper_body(&i->mydumper)));
	dm_emit_raw(s, 2, "mydumper", "null");
	dm_emit_int(s, 2, "mydumper-thread", 0);
	emit_name(s, "loader-config-name", "load",
	    body_index(o->loads, loader_body(&i->loader, o->mask)));
	dm_emit_raw(s, 2, "loader", "null");
	dm_emit_int(s, 2, "loader-thread", 0);
	emit_name(s, "syncer-config-name", "sync",
	    body_index(o->syncs, syncer_body(&i->syncer)));
	dm_emit_raw(s, 2, "syncer", "null");
	dm_emit_int(s, 2, "syncer-thread", 0);
	dm_emit_str(s, 2, "validator-config-name", "");
}

/* ---- sections ---- */

static bool
uses(const GArray *indexes, size_t index)
{
	for (guint i = 0; i < indexes->len; i++)
		if (g_array_index(indexes, size_t, i) == index)
			return true;
	return false;
}

/* By one of the instances; chosen_at: where an instance has its list of the
 * rules of that section. */
static bool
is_used(const struct task_out *o, size_t chosen_at, size_t index)
{
	for (guint i = 0; i < o->instances->len; i++) {
		const char *inst = o->instances->pdata[i];
		const GArray *chosen;

		memcpy(&chosen, inst + chosen_at, sizeof(chosen));
		if (uses(chosen, index))
			return true;
	}
	return false;
}

/* "key: {}" or "key:" and the text. */
static void
emit_section(GString *s, const char *key, const GString *text)
{
	if (text->len == 0)
		dm_emit_raw(s, 0, key, "{}");
	else
		g_string_append_printf(s, "%s:\n%s", key, text->str);
}

static void
emit_extractor(GString *s, const char *key, const char *regexp_key,
    const struct dm_extractor *x)
{
	if (x->regexp[0] == '\0')
		return;
	dm_emit_key(s, 4, key);
	dm_emit_str(s, 6, regexp_key, x->regexp);
	dm_emit_str(s, 6, "target-column", x->target_column);
}

static void
emit_routes(GString *s, const struct task_out *o)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint k = 0; k < o->c->routes->len; k++) {
		const struct dm_route_rule *rule =
		    &g_array_index(o->c->routes, struct dm_route_rule, k);

		if (!is_used(
			o, offsetof(struct dm_instance_cfg, route_rules), k))
			continue;
		dm_emit_key(text, 2, rule->name);
		dm_emit_str(text, 4, "schema-pattern", rule->schema_pattern);
		dm_emit_str(text, 4, "table-pattern", rule->table_pattern);
		dm_emit_str(text, 4, "target-schema", rule->target_schema);
		dm_emit_str(text, 4, "target-table", rule->target_table);
		emit_extractor(text, "extract-table", "table-regexp",
		    &rule->extract_table);
		emit_extractor(text, "extract-schema", "schema-regexp",
		    &rule->extract_schema);
		emit_extractor(text, "extract-source", "source-regexp",
		    &rule->extract_source);
	}
	emit_section(s, "routes", text);
}

static void
emit_filters(GString *s, const struct task_out *o)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint k = 0; k < o->c->filters->len; k++) {
		const struct dm_filter_rule *f =
		    &g_array_index(o->c->filters, struct dm_filter_rule, k);

		if (!is_used(
			o, offsetof(struct dm_instance_cfg, filter_rules), k))
			continue;
		dm_emit_key(text, 2, f->name);
		dm_emit_str(text, 4, "schema-pattern", f->schema_pattern);
		dm_emit_str(text, 4, "table-pattern", f->table_pattern);
		dm_emit_strv(text, 4, "events", f->events);
		dm_emit_strv(text, 4, "sql-pattern", f->sql_patterns);
		dm_emit_str(text, 4, "action", f->action);
	}
	emit_section(s, "filters", text);
}

static void
emit_expressions(GString *s, const struct task_out *o)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint k = 0; k < o->c->expr_filters->len; k++) {
		const struct dm_expr_filter *f = &g_array_index(
		    o->c->expr_filters, struct dm_expr_filter, k);

		if (!is_used(
			o, offsetof(struct dm_instance_cfg, expr_filters), k))
			continue;
		dm_emit_key(text, 2, f->name);
		dm_emit_str(text, 4, "schema", f->schema);
		dm_emit_str(text, 4, "table", f->table);
		dm_emit_str(text, 4, "insert-value-expr", f->insert_expr);
		dm_emit_str(
		    text, 4, "update-old-value-expr", f->update_old_expr);
		dm_emit_str(
		    text, 4, "update-new-value-expr", f->update_new_expr);
		dm_emit_str(text, 4, "delete-value-expr", f->delete_expr);
	}
	emit_section(s, "expression-filter", text);
}

static void
emit_patterns(GString *s, const char *key, const GArray *tables)
{
	if (tables->len == 0) {
		dm_emit_raw(s, 4, key, "[]");
		return;
	}
	dm_emit_key(s, 4, key);
	for (guint i = 0; i < tables->len; i++) {
		const struct dm_table_pattern *tp =
		    &g_array_index(tables, struct dm_table_pattern, i);

		g_string_append(s, "    - db-name: ");
		dm_yaml_append_string(s, tp->schema);
		g_string_append_c(s, '\n');
		dm_emit_str(s, 6, "tbl-name", tp->table);
	}
}

static void
emit_dbs(GString *s, const char *key, const GPtrArray *dbs)
{
	g_autoptr(GStrvBuilder) b = g_strv_builder_new();
	g_auto(GStrv) names = NULL;

	for (guint i = 0; i < dbs->len; i++)
		g_strv_builder_add(b, dbs->pdata[i]);
	names = g_strv_builder_end(b);
	dm_emit_strv(s, 4, key, names);
}

static bool
list_is_used(const struct task_out *o, const struct dm_block_allow_rule *rule)
{
	for (guint i = 0; i < o->instances->len; i++) {
		const struct dm_instance_cfg *inst = o->instances->pdata[i];

		if (inst->block_allow == rule)
			return true;
	}
	return false;
}

static gint
by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(a, b);
}

static void
emit_block_allow(GString *s, const struct task_out *o)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GList) names =
	    g_list_sort(g_hash_table_get_keys(o->c->block_allow), by_text);

	for (GList *l = names; l != NULL; l = l->next) {
		const struct dm_block_allow_rule *rule =
		    g_hash_table_lookup(o->c->block_allow, l->data);

		if (!list_is_used(o, rule))
			continue;
		dm_emit_key(text, 2, l->data);
		emit_patterns(text, "do-tables", rule->do_tables);
		emit_dbs(text, "do-dbs", rule->do_dbs);
		emit_patterns(text, "ignore-tables", rule->ignore_tables);
		emit_dbs(text, "ignore-dbs", rule->ignore_dbs);
	}
	emit_section(s, "block-allow-list", text);
}

static void
emit_bodies(
    GString *s, const char *key, const char *prefix, const GPtrArray *bodies)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint i = 0; i < bodies->len; i++)
		g_string_append_printf(text, "  %s-%02u:\n%s", prefix, i + 1,
		    (const char *)bodies->pdata[i]);
	emit_section(s, key, text);
}

/* ---- the whole ---- */

/* Only what differs from the defaults: DM knows none of it. */
static void
emit_copy(GString *s, const struct dm_copy_cfg *c)
{
	g_autoptr(GString) text = g_string_new(NULL);

	if (c->verify)
		dm_emit_bool(text, 2, "verify", true);
	if (c->indexes_first)
		dm_emit_bool(text, 2, "indexes-first", true);
	if (c->rate_limit > 0)
		dm_emit_int(text, 2, "rate-limit", c->rate_limit);
	if (c->max_source_threads_running > 0)
		dm_emit_int(text, 2, "max-source-threads-running",
		    c->max_source_threads_running);
	if (c->max_target_latency_ms > 0) {
		g_autofree char *ms = g_strdup_printf(
		    "%" G_GINT64_FORMAT "ms", c->max_target_latency_ms);

		dm_emit_str(text, 2, "max-target-latency", ms);
	}
	if (text->len > 0)
		emit_section(s, "copy", text);
}

static void
emit_head(GString *s, const struct dm_task_cfg *c)
{
	dm_emit_str(s, 0, "name", c->name);
	dm_emit_str(s, 0, "task-mode", dm_task_mode_name(c->mode));
	if (c->files) /* DM does not know it */
		dm_emit_str(s, 0, "copy-mode", "files");
	emit_copy(s, &c->copy);
	dm_emit_bool(s, 0, "is-sharding", false);
	dm_emit_str(s, 0, "shard-mode", c->shard_mode);
	dm_emit_bool(s, 0, "strict-optimistic-shard-mode", false);
	dm_emit_strv(s, 0, "ignore-checking-items", c->ignore_checking_items);
	dm_emit_str(s, 0, "meta-schema", c->meta_schema);
	dm_emit_bool(s, 0, "enable-heartbeat", false);
	dm_emit_int(s, 0, "heartbeat-update-interval", 1);
	dm_emit_int(s, 0, "heartbeat-report-interval", 10);
	dm_emit_str(s, 0, "timezone", c->timezone);
	dm_emit_bool(s, 0, "case-sensitive", c->case_sensitive);
	dm_emit_str(s, 0, "collation_compatible", c->collation_compatible);
}

static void
emit_tail(GString *s, const struct task_out *o)
{
	dm_emit_bool(s, 0, "online-ddl", o->c->online_ddl);
	dm_emit_strv(s, 0, "shadow-table-rules", o->c->shadow_rules);
	dm_emit_strv(s, 0, "trash-table-rules", o->c->trash_rules);
	dm_emit_str(s, 0, "online-ddl-scheme", "");
	emit_routes(s, o);
	emit_filters(s, o);
	dm_emit_raw(s, 0, "column-mappings", "{}");
	emit_expressions(s, o);
	dm_emit_raw(s, 0, "black-white-list", "{}");
	emit_block_allow(s, o);
	emit_bodies(s, "mydumpers", "dump", o->dumps);
	emit_bodies(s, "loaders", "load", o->loads);
	emit_bodies(s, "syncers", "sync", o->syncs);
	dm_emit_raw(s, 0, "validators", "{}");
	dm_emit_bool(s, 0, "clean-dump-file", o->c->clean_dump_file);
	dm_emit_bool(s, 0, "ansi-quotes", false);
	dm_emit_bool(s, 0, "remove-meta", false);
	dm_emit_key(s, 0, "experimental");
	dm_emit_bool(s, 2, "async-checkpoint-flush", false);
}

char *
dm_task_cfg_yaml(
    const struct dm_task_cfg *c, const char *const *sources, bool mask)
{
	GString *s = g_string_new(NULL);
	struct task_out o = {
		.c = c, .instances = g_ptr_array_new(), .mask = mask
	};

	o.dumps = g_ptr_array_new_with_free_func(g_free);
	o.loads = g_ptr_array_new_with_free_func(g_free);
	o.syncs = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < c->instances->len; i++) {
		struct dm_instance_cfg *inst = c->instances->pdata[i];

		if (sources == NULL ||
		    g_strv_contains(sources, inst->source_id))
			g_ptr_array_add(o.instances, inst);
	}
	emit_head(s, c);
	dm_emit_key(s, 0, "target-database");
	dm_emit_db(s, 2, &c->target, mask);
	if (o.instances->len == 0)
		dm_emit_raw(s, 0, "mysql-instances", "[]");
	else
		dm_emit_key(s, 0, "mysql-instances");
	for (guint i = 0; i < o.instances->len; i++)
		emit_instance(s, &o, o.instances->pdata[i]);
	emit_tail(s, &o);
	g_ptr_array_unref(o.instances);
	g_ptr_array_unref(o.dumps);
	g_ptr_array_unref(o.loads);
	g_ptr_array_unref(o.syncs);
	return g_string_free(s, FALSE);
}
