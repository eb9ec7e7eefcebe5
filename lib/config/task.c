/* SPDX-License-Identifier: Apache-2.0 */
/*
 * task.yaml: the top level, and what callers ask of a task.
 * SOURCE: dm/config/task.go; keys as in reference/data-plane 1.4, 1.5. What
 * would change results and is not supported is refused, never ignored.
 */
#include "lib/config/task.h"

#include "lib/config/task_parse.h"
#include "lib/filter/online_ddl.h"

#include <string.h>

#define MAX_RATE_MB         1000000
#define MAX_THREADS_RUNNING 1000000

static const char *const mode_names[] = {
	[DM_MODE_ALL] = "all",
	[DM_MODE_FULL] = "full",
	[DM_MODE_INCREMENTAL] = "incremental",
	[DM_MODE_DUMP] = "dump",
	[DM_MODE_LOAD] = "load",
	[DM_MODE_LOAD_SYNC] = "load&sync",
};

/* Of data-plane 2.1. */
static const char *const checking_items[] = { "all", "dump_privilege",
	"replication_privilege", "version", "server_id", "binlog_enable",
	"binlog_format", "binlog_row_image", "table_schema",
	"schema_of_shard_tables", "auto_increment_ID", "online_ddl",
	"binlog_db", "meta_position", "conn_number", "target_privilege",
	"empty_region", "region_distribution", "downstream_version",
	"free_space", "downstream_mutex_features", "downstream_table_empty",
	NULL };

static const struct bind_key task_keys[] = {
	BIND("name", STR, dm_task_cfg, name),
	BIND_DROP("task-mode"),
	BIND_DROP("copy-mode"),
	BIND_DROP("copy"),
	BIND_DROP("is-sharding"),
	BIND("shard-mode", STR, dm_task_cfg, shard_mode),
	BIND_DROP("strict-optimistic-shard-mode"),
	BIND("ignore-checking-items", STRV, dm_task_cfg, ignore_checking_items),
	BIND("meta-schema", STR, dm_task_cfg, meta_schema),
	BIND_DROP("enable-heartbeat"),
	BIND_DROP("heartbeat-update-interval"),
	BIND_DROP("heartbeat-report-interval"),
	BIND("timezone", STR, dm_task_cfg, timezone),
	BIND("case-sensitive", BOOL, dm_task_cfg, case_sensitive),
	BIND("collation_compatible", STR, dm_task_cfg, collation_compatible),
	BIND_DROP("target-database"),
	BIND_DROP("mysql-instances"),
	BIND("online-ddl", BOOL, dm_task_cfg, online_ddl),
	BIND("shadow-table-rules", STRV, dm_task_cfg, shadow_rules),
	BIND("trash-table-rules", STRV, dm_task_cfg, trash_rules),
	BIND_DROP("online-ddl-scheme"),
	BIND_DROP("routes"),
	BIND_DROP("filters"),
	BIND_DROP("column-mappings"),
	BIND_DROP("expression-filter"),
	BIND_DROP("black-white-list"),
	BIND_DROP("block-allow-list"),
	BIND_DROP("mydumpers"),
	BIND_DROP("loaders"),
	BIND_DROP("syncers"),
	BIND_DROP("validators"),
	BIND("clean-dump-file", BOOL, dm_task_cfg, clean_dump_file),
	BIND_DROP("ansi-quotes"),
	BIND("remove-meta", BOOL, dm_task_cfg, remove_meta),
	BIND_DROP("experimental"),
};

const char *
dm_task_mode_name(enum dm_task_mode m)
{
	return mode_names[m];
}

static void
extractor_clear(struct dm_extractor *x)
{
	g_free(x->regexp);
	g_free(x->target_column);
}

static void
route_clear(gpointer p)
{
	struct dm_route_rule *rule = p;

	g_free(rule->name);
	g_free(rule->schema_pattern);
	g_free(rule->table_pattern);
	g_free(rule->target_schema);
	g_free(rule->target_table);
	extractor_clear(&rule->extract_table);
	extractor_clear(&rule->extract_schema);
	extractor_clear(&rule->extract_source);
}

static void
filter_clear(gpointer p)
{
	struct dm_filter_rule *f = p;

	g_free(f->name);
	g_free(f->schema_pattern);
	g_free(f->table_pattern);
	g_strfreev(f->events);
	g_strfreev(f->sql_patterns);
	g_free(f->action);
}

static void
block_allow_destroy(gpointer p)
{
	task_block_allow_free(p);
}

static void
instance_destroy(gpointer p)
{
	task_instance_free(p);
}

static struct dm_task_cfg *
task_new(void)
{
	struct dm_task_cfg *c = g_new0(struct dm_task_cfg, 1);

	c->name = g_strdup("");
	c->shard_mode = g_strdup("");
	c->ignore_checking_items = g_new0(char *, 1);
	c->meta_schema = g_strdup("dm_meta");
	c->timezone = g_strdup("");
	c->online_ddl = true;
	c->shadow_rules = g_new0(char *, 1);
	c->trash_rules = g_new0(char *, 1);
	c->clean_dump_file = true;
	c->collation_compatible = g_strdup("loose");
	c->routes = g_array_new(FALSE, TRUE, sizeof(struct dm_route_rule));
	g_array_set_clear_func(c->routes, route_clear);
	c->filters = g_array_new(FALSE, TRUE, sizeof(struct dm_filter_rule));
	g_array_set_clear_func(c->filters, filter_clear);
	c->expr_filters =
	    g_array_new(FALSE, TRUE, sizeof(struct dm_expr_filter));
	g_array_set_clear_func(c->expr_filters, task_expression_clear);
	c->block_allow = g_hash_table_new_full(
	    g_str_hash, g_str_equal, g_free, block_allow_destroy);
	c->instances = g_ptr_array_new_with_free_func(instance_destroy);
	return c;
}

void
dm_task_cfg_free(struct dm_task_cfg *c)
{
	if (c == NULL)
		return;
	g_free(c->name);
	g_free(c->shard_mode);
	g_strfreev(c->ignore_checking_items);
	g_strfreev(c->shadow_rules);
	g_strfreev(c->trash_rules);
	g_free(c->meta_schema);
	g_free(c->timezone);
	g_free(c->collation_compatible);
	dm_db_cfg_fini(&c->target);
	g_ptr_array_unref(c->instances);
	g_array_unref(c->routes);
	g_array_unref(c->filters);
	g_array_unref(c->expr_filters);
	g_hash_table_unref(c->block_allow);
	g_free(c);
}

const struct dm_yaml *
task_node(const struct task_parse *t, const char *key)
{
	const struct dm_yaml_pair *p = dm_yaml_find(t->root, key);

	return p != NULL && !dm_yaml_is_null(p->value) ? p->value : NULL;
}

/* Report at the key's value, or at the top where it is missing. */
static void fail_key(struct task_parse *t, int code, const char *key,
    const char *remedy, const char *fmt, ...) DM_PRINTF(5, 6);

static void
fail_key(struct task_parse *t, int code, const char *key, const char *remedy,
    const char *fmt, ...)
{
	const struct dm_yaml *at = task_node(t, key);
	g_autofree char *reason = NULL;
	va_list ap;

	if (at == NULL)
		at = t->root;
	va_start(ap, fmt);
	reason = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	dm_report_add(t->r, code, at->line, at->col, key, remedy, "%s", reason);
}

/* ---- single keys ---- */

static void
mode_read(struct task_parse *t)
{
	const struct dm_yaml *node = task_node(t, "task-mode");
	const char *text =
	    node != NULL && node->kind == DM_YAML_SCALAR ? node->text : "";

	for (size_t i = 0; i < DM_ARRAY_SIZE(mode_names); i++) {
		if (strcmp(text, mode_names[i]) != 0)
			continue;
		t->c->mode = (enum dm_task_mode)i;
		return;
	}
	fail_key(t, DM_ERR_CONFIG_INVALID_TASK_MODE, "task-mode",
	    "write full, incremental, all, dump, load or load&sync", "%s",
	    DM_ERRFMT_CONFIG_INVALID_TASK_MODE);
}

static void
copy_mode_read(struct task_parse *t)
{
	const struct dm_yaml *node = task_node(t, "copy-mode");
	const char *text;

	if (node == NULL)
		return;
	text = node->kind == DM_YAML_SCALAR ? node->text : "a list or map";
	t->c->files = strcmp(text, "files") == 0;
	if (!t->c->files && strcmp(text, "stream") != 0)
		fail_key(t, DM_ERR_CONFIG_YAML_TRANSFORM, "copy-mode",
		    "write stream or files", "invalid value %s", text);
}

static void
copy_read(struct task_parse *t)
{
	static const struct bind_key keys[] = {
		BIND("verify", BOOL, dm_copy_cfg, verify),
		BIND("indexes-first", BOOL, dm_copy_cfg, indexes_first),
		BIND_RANGE("rate-limit", UINT, dm_copy_cfg, rate_limit, 0,
		    MAX_RATE_MB),
		BIND_RANGE("max-source-threads-running", UINT, dm_copy_cfg,
		    max_source_threads_running, 0, MAX_THREADS_RUNNING),
		BIND("max-target-latency", DUR, dm_copy_cfg,
		    max_target_latency_ms),
	};
	const struct dm_yaml *node = task_node(t, "copy");

	if (node != NULL)
		dm_bind_map(
		    t->r, "copy", node, keys, DM_ARRAY_SIZE(keys), &t->c->copy);
}

/* Rows can only be compared where their source is read. */
static void
verify_check(struct task_parse *t)
{
	enum dm_task_mode m = t->c->mode;

	if (!t->c->copy.verify)
		return;
	if (t->c->files || m == DM_MODE_DUMP || m == DM_MODE_LOAD ||
	    m == DM_MODE_LOAD_SYNC)
		fail_key(t, DM_ERR_CONFIG_YAML_TRANSFORM, "copy",
		    "remove `verify`, or let the copy stream: task-mode all or "
		    "full without `copy-mode: files`",
		    "verify: a copy through files is not compared with its "
		    "source");
}

/* The loader fills columns from the files alone. */
static void
files_check_routes(struct task_parse *t)
{
	bool load = t->c->mode == DM_MODE_LOAD ||
		    t->c->mode == DM_MODE_LOAD_SYNC ||
		    (t->c->files && t->c->mode != DM_MODE_INCREMENTAL &&
			t->c->mode != DM_MODE_DUMP);

	for (guint i = 0; load && i < t->c->routes->len; i++) {
		const struct dm_route_rule *r =
		    &g_array_index(t->c->routes, struct dm_route_rule, i);

		if (task_has_extractors(r))
			fail_key(t, DM_ERR_CONFIG_GEN_TABLE_ROUTER, "routes",
			    "remove `copy-mode: files` and use a task-mode "
			    "that streams, or remove the extractors",
			    "route rule '%s': extract-table, extract-schema "
			    "and extract-source are not supported by a load "
			    "of files",
			    r->name);
	}
}

/* Settings that only a copy through files can follow. */
static void
files_check(struct task_parse *t)
{
	static const char remedy[] =
	    "use `block-allow-list`, or set `copy-mode: files`";
	bool stream = !t->c->files &&
		      (t->c->mode == DM_MODE_ALL || t->c->mode == DM_MODE_FULL);

	for (guint i = 0; stream && i < t->c->instances->len; i++) {
		const struct dm_instance_cfg *inst = t->c->instances->pdata[i];

		if (inst->mydumper.tables != NULL)
			fail_key(t, DM_ERR_CONFIG_YAML_TRANSFORM,
			    "mysql-instances", remedy,
			    "extra-args of the mydumper of %s: -B, -T and -f "
			    "are not supported by a streamed copy",
			    inst->source_id);
		if (strcmp(inst->loader.on_duplicate_logical, "ignore") == 0)
			fail_key(t, DM_ERR_CONFIG_INVALID_DUPLICATE_RESOLUTION,
			    "mysql-instances",
			    "write replace or error, or set `copy-mode: "
			    "files`",
			    "on-duplicate-logical: ignore of the loader of %s "
			    "is not supported by a streamed copy",
			    inst->source_id);
	}
}

static void
shard_read(struct task_parse *t)
{
	const struct dm_yaml *node = task_node(t, "is-sharding");
	const char *mode = t->c->shard_mode;
	bool legacy = false, strict = false;

	if (node != NULL)
		(void)dm_bind_bool(t->r, "is-sharding", node, &legacy);
	if (strcmp(mode, "pessimistic") == 0 || strcmp(mode, "optimistic") == 0)
		fail_key(t, DM_ERR_CONFIG_SHARD_MODE_NOT_SUPPORT, "shard-mode",
		    "remove it: rows of several sources may go into one "
		    "table as long as its structure stays the same",
		    DM_ERRFMT_CONFIG_SHARD_MODE_NOT_SUPPORT, mode);
	else if (mode[0] != '\0')
		fail_key(t, DM_ERR_CONFIG_SHARD_MODE_NOT_SUPPORT, "shard-mode",
		    "remove it", DM_ERRFMT_CONFIG_SHARD_MODE_NOT_SUPPORT, mode);
	else if (legacy)
		fail_key(t, DM_ERR_CONFIG_SHARD_MODE_NOT_SUPPORT, "is-sharding",
		    "write false", DM_ERRFMT_CONFIG_SHARD_MODE_NOT_SUPPORT,
		    "pessimistic");
	node = task_node(t, "strict-optimistic-shard-mode");
	if (node != NULL &&
	    dm_bind_bool(t->r, "strict-optimistic-shard-mode", node, &strict) &&
	    strict && strcmp(mode, "optimistic") != 0)
		fail_key(t, DM_ERR_CONFIG_STRICT_OPTIMISTIC_SHARD_MODE,
		    "strict-optimistic-shard-mode", "remove it", "%s",
		    DM_ERRFMT_CONFIG_STRICT_OPTIMISTIC_SHARD_MODE);
}

/* ±HH:MM of -12:59 to +14:00. */
static bool
is_offset(const char *text)
{
	int h, m;

	if ((text[0] != '+' && text[0] != '-') || strlen(text) != 6 ||
	    text[3] != ':')
		return false;
	for (int i = 1; i < 6; i++)
		if (i != 3 && !g_ascii_isdigit(text[i]))
			return false;
	h = (text[1] - '0') * 10 + text[2] - '0';
	m = (text[4] - '0') * 10 + text[5] - '0';
	if (m > 59)
		return false;
	return text[0] == '-' ? h <= 12 : h * 60 + m <= 14 * 60;
}

static bool
is_zone(const char *text)
{
	static const char dir[] = "/usr/share/zoneinfo";
	g_autofree char *path = NULL;

	if (!g_ascii_isalpha(text[0]) ||
	    g_ascii_strcasecmp(text, "system") == 0 ||
	    g_ascii_strcasecmp(text, "local") == 0)
		return false;
	for (const char *p = text; *p != '\0'; p++)
		if (!g_ascii_isalnum(*p) && strchr("/_+-", *p) == NULL)
			return false;
	/* Where the list of zones is not installed the servers decide. */
	path = g_build_filename(dir, text, NULL);
	return !g_file_test(dir, G_FILE_TEST_IS_DIR) ||
	       g_file_test(path, G_FILE_TEST_IS_REGULAR);
}

static void
items_check(struct task_parse *t)
{
	g_autoptr(GString) known = g_string_new(NULL);

	for (size_t i = 0; checking_items[i] != NULL; i++)
		g_string_append_printf(
		    known, "%s%s", i > 0 ? ", " : "", checking_items[i]);
	for (char **p = t->c->ignore_checking_items; *p != NULL; p++)
		if (!g_strv_contains(checking_items, *p))
			fail_key(t, DM_ERR_CONFIG_CHECK_ITEM_NOT_SUPPORT,
			    "ignore-checking-items", "",
			    DM_ERRFMT_CONFIG_CHECK_ITEM_NOT_SUPPORT, *p,
			    known->str);
}

static void
words_check(struct task_parse *t)
{
	const struct dm_task_cfg *c = t->c;

	if (c->name[0] == '\0')
		fail_key(t, DM_ERR_CONFIG_TASK_NAME_EMPTY, "name",
		    "add `name: <task>`", "%s",
		    DM_ERRFMT_CONFIG_TASK_NAME_EMPTY);
	if (c->meta_schema[0] == '\0')
		fail_key(t, DM_ERR_CONFIG_YAML_TRANSFORM, "meta-schema",
		    "remove it for dm_meta", "must not be empty");
	if (c->timezone[0] != '\0' && !is_offset(c->timezone) &&
	    !is_zone(c->timezone))
		fail_key(t, DM_ERR_CONFIG_INVALID_TIMEZONE, "timezone",
		    "write for instance +08:00 or Asia/Shanghai",
		    DM_ERRFMT_CONFIG_INVALID_TIMEZONE, c->timezone);
	else if (c->timezone[0] != '\0')
		fail_key(t, DM_ERR_CONFIG_YAML_TRANSFORM, "timezone",
		    "remove it: times arrive as they are in the source",
		    "it is not available in this version");
	if (strcmp(c->collation_compatible, "strict") == 0)
		fail_key(t, DM_ERR_CONFIG_COLLATION_COMPATIBLE_NOT_SUPPORT,
		    "collation_compatible", "write loose",
		    DM_ERRFMT_CONFIG_COLLATION_COMPATIBLE_NOT_SUPPORT,
		    "strict");
	else if (strcmp(c->collation_compatible, "loose") != 0)
		fail_key(t, DM_ERR_CONFIG_COLLATION_COMPATIBLE_NOT_SUPPORT,
		    "collation_compatible", "write loose",
		    DM_ERRFMT_CONFIG_COLLATION_COMPATIBLE_NOT_SUPPORT,
		    c->collation_compatible);
}

/* ---- online schema change tools ---- */

static void
online_check(struct task_parse *t)
{
	const struct dm_yaml *node = task_node(t, "online-ddl-scheme");
	DM_AUTO(dm_online_rules) rules = NULL;
	DM_AUTO(dm_err) err = NULL;
	g_autofree char *scheme = NULL;

	err =
	    dm_online_rules_new(t->c->shadow_rules, t->c->trash_rules, &rules);
	if (err != NULL)
		fail_key(t, err->code,
		    strstr(err->message, "trash-table-rules") != NULL
			? "trash-table-rules"
			: "shadow-table-rules",
		    "write for instance " DM_ONLINE_SHADOW_RULE, "%s",
		    err->message);
	if (node == NULL ||
	    !dm_bind_str(t->r, "online-ddl-scheme", node, &scheme) ||
	    scheme[0] == '\0')
		return;
	/* A former name of the setting: each of them means both tools. */
	if (strcmp(scheme, "gh-ost") == 0 || strcmp(scheme, "pt") == 0)
		t->c->online_ddl = true;
	else
		fail_key(t, DM_ERR_CONFIG_ONLINE_SCHEME_NOT_SUPPORT,
		    "online-ddl-scheme", "write online-ddl: true instead",
		    DM_ERRFMT_CONFIG_ONLINE_SCHEME_NOT_SUPPORT, scheme);
}

/* ---- what is not there ---- */

static void
refused_check(struct task_parse *t)
{
	if (!dm_bind_is_empty(task_node(t, "column-mappings")))
		fail_key(t, DM_ERR_CONFIG_COLUMN_MAPPING_DEPRECATED,
		    "column-mappings", "remove it", "%s",
		    DM_ERRFMT_CONFIG_COLUMN_MAPPING_DEPRECATED);
}

/* Variables that every one of our sessions sets itself. */
static void
session_check(struct task_parse *t)
{
	static const struct {
		const char *name, *why;
	} ours[] = {
		{ "time_zone", "times are always written in UTC" },
		{ "wait_timeout", "it follows the worker's lease" },
	};

	for (size_t i = 0; i < DM_ARRAY_SIZE(ours); i++)
		if (dm_db_cfg_session(&t->c->target, ours[i].name) != NULL)
			fail_key(t, DM_ERR_CONFIG_YAML_TRANSFORM,
			    "target-database", "remove it",
			    "session.%s is not available in this version: %s",
			    ours[i].name, ours[i].why);
}

static void
experimental_check(struct task_parse *t)
{
	/* Flushing checkpoints does not stop dispatching here anyway. */
	static const struct bind_key keys[] = {
		BIND_DROP("async-checkpoint-flush"),
	};
	const struct dm_yaml *node = task_node(t, "experimental");

	if (node != NULL)
		dm_bind_map(t->r, "experimental", node, keys,
		    DM_ARRAY_SIZE(keys), NULL);
}

static void
task_read(struct task_parse *t)
{
	const struct dm_yaml *target;

	dm_bind_map(
	    t->r, "", t->root, task_keys, DM_ARRAY_SIZE(task_keys), t->c);
	if (t->root->kind == DM_YAML_SEQ)
		return;
	words_check(t);
	mode_read(t);
	copy_mode_read(t);
	copy_read(t);
	verify_check(t);
	shard_read(t);
	items_check(t);
	online_check(t);
	refused_check(t);
	experimental_check(t);
	target = task_node(t, "target-database");
	if (target != NULL)
		dm_bind_db(t->r, "target-database", target, &t->c->target);
	else
		fail_key(t, DM_ERR_CONFIG_NEED_TARGET_DB, "target-database",
		    "add `target-database: {host, port, user, password}`", "%s",
		    DM_ERRFMT_CONFIG_NEED_TARGET_DB);
	session_check(t);
	task_sections_read(t);
	task_instances_read(t);
	files_check(t);
	files_check_routes(t);
	/* Names cannot be judged when instances could not be read. */
	if (t->c->instances->len > 0)
		task_sections_check_used(t);
}

static gint
by_source_id(gconstpointer a, gconstpointer b)
{
	const struct dm_instance_cfg *x =
	    *(const struct dm_instance_cfg *const *)a;
	const struct dm_instance_cfg *y =
	    *(const struct dm_instance_cfg *const *)b;

	return strcmp(x->source_id, y->source_id);
}

struct dm_err *
dm_task_cfg_parse(const char *file, const char *yaml, struct dm_task_cfg **cfg)
{
	DM_AUTO(dm_report)
	r = dm_report_new(file[0] != '\0' ? file : "task config");
	DM_AUTO(dm_task_cfg) c = task_new();
	DM_AUTO(dm_yaml_doc) doc = NULL;
	DM_AUTO(dm_err) bad = NULL;
	struct task_parse t = { .r = r, .c = c };
	struct dm_err *err;
	int line = 0, col = 0;

	bad = dm_yaml_parse(yaml, strlen(yaml), &line, &col, &doc);
	if (bad != NULL) {
		dm_report_add(
		    r, bad->code, line, col, "", "", "%s", bad->message);
	} else {
		t.root = doc->root;
		task_read(&t);
		task_sections_free(&t);
	}
	err = dm_report_error(r);
	if (err != NULL)
		return err;
	g_ptr_array_sort(c->instances, by_source_id);
	*cfg = DM_TAKE(c);
	return NULL;
}

struct dm_instance_cfg *
dm_task_cfg_instance(const struct dm_task_cfg *c, const char *source_id)
{
	for (guint i = 0; i < c->instances->len; i++) {
		struct dm_instance_cfg *inst = c->instances->pdata[i];

		if (strcmp(inst->source_id, source_id) == 0)
			return inst;
	}
	return NULL;
}

struct dm_route_rule *
dm_instance_routes(
    const struct dm_task_cfg *c, const struct dm_instance_cfg *i, size_t *n)
{
	struct dm_route_rule *rules =
	    g_new0(struct dm_route_rule, i->route_rules->len + 1);

	for (guint k = 0; k < i->route_rules->len; k++)
		rules[k] = g_array_index(c->routes, struct dm_route_rule,
		    g_array_index(i->route_rules, size_t, k));
	*n = i->route_rules->len;
	return rules;
}

struct dm_err *
dm_instance_filter(const struct dm_task_cfg *c, const struct dm_instance_cfg *i,
    bool case_sensitive, struct dm_binlog_filter **out)
{
	size_t n = i->filter_rules->len;
	g_autofree const struct dm_filter_rule **rules =
	    g_new0(const struct dm_filter_rule *, n + 1);

	for (guint k = 0; k < n; k++)
		rules[k] = &g_array_index(c->filters, struct dm_filter_rule,
		    g_array_index(i->filter_rules, size_t, k));
	return dm_binlog_filter_new(rules, n, case_sensitive, out);
}
