/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mysql-instances of task.yaml, with every name resolved.
 * SOURCE: reference/data-plane 1.6. The numbers of instances in messages count
 * from 0, as DM's do.
 */
#include "lib/binlog/gtid.h"
#include "lib/config/task_parse.h"

#include <string.h>

#define SOURCE_ID_MAX 32

/* What an instance says, before names are resolved. */
struct instance_raw {
	char *source_id;
	char **route_rules, **filter_rules, **expr_filters;
	char *block_allow, *black_white;
	char *mydumper_name, *loader_name, *syncer_name, *validator_name;
	unsigned mydumper_thread, loader_thread, syncer_thread;
};

/* One instance being read. */
struct instance_parse {
	struct task_parse *t;
	const struct dm_yaml *node;
	size_t number;
	char *path;
	struct instance_raw raw;
	struct dm_instance_cfg *i;
	/* Takes what was reported when the sections were read. */
	struct dm_report *known;
};

static const struct bind_key instance_keys[] = {
	BIND("source-id", STR, instance_raw, source_id),
	BIND_DROP("meta"),
	BIND("filter-rules", STRV, instance_raw, filter_rules),
	BIND_DROP("column-mapping-rules"),
	BIND("route-rules", STRV, instance_raw, route_rules),
	BIND("expression-filters", STRV, instance_raw, expr_filters),
	BIND("black-white-list", STR, instance_raw, black_white),
	BIND("block-allow-list", STR, instance_raw, block_allow),
	BIND("mydumper-config-name", STR, instance_raw, mydumper_name),
	BIND_DROP("mydumper"),
	BIND_RANGE(
	    "mydumper-thread", UINT, instance_raw, mydumper_thread, 0, 4096),
	BIND("loader-config-name", STR, instance_raw, loader_name),
	BIND_DROP("loader"),
	BIND_RANGE("loader-thread", UINT, instance_raw, loader_thread, 0, 4096),
	BIND("syncer-config-name", STR, instance_raw, syncer_name),
	BIND_DROP("syncer"),
	BIND_RANGE("syncer-thread", UINT, instance_raw, syncer_thread, 0, 4096),
	BIND("validator-config-name", STR, instance_raw, validator_name),
};

static void
raw_fini(struct instance_raw *raw)
{
	g_free(raw->source_id);
	g_strfreev(raw->route_rules);
	g_strfreev(raw->filter_rules);
	g_strfreev(raw->expr_filters);
	g_free(raw->block_allow);
	g_free(raw->black_white);
	g_free(raw->mydumper_name);
	g_free(raw->loader_name);
	g_free(raw->syncer_name);
	g_free(raw->validator_name);
}

void
task_instance_free(struct dm_instance_cfg *i)
{
	if (i == NULL)
		return;
	g_free(i->source_id);
	g_free(i->meta.binlog_name);
	g_free(i->meta.binlog_gtid);
	if (i->route_rules != NULL)
		g_array_unref(i->route_rules);
	if (i->filter_rules != NULL)
		g_array_unref(i->filter_rules);
	if (i->expr_filters != NULL)
		g_array_unref(i->expr_filters);
	task_mydumper_fini(&i->mydumper);
	task_loader_fini(&i->loader);
	task_syncer_fini(&i->syncer);
	g_free(i);
}

static struct dm_instance_cfg *
instance_new(void)
{
	struct dm_instance_cfg *i = g_new0(struct dm_instance_cfg, 1);

	i->meta.binlog_name = g_strdup("");
	i->meta.binlog_gtid = g_strdup("");
	i->route_rules = g_array_new(FALSE, TRUE, sizeof(size_t));
	i->filter_rules = g_array_new(FALSE, TRUE, sizeof(size_t));
	i->expr_filters = g_array_new(FALSE, TRUE, sizeof(size_t));
	task_mydumper_default(&i->mydumper);
	task_loader_default(&i->loader);
	task_syncer_default(&i->syncer);
	return i;
}

/* The value of a key that is there and says something; else NULL. */
static const struct dm_yaml *
value_of(const struct instance_parse *ip, const char *key)
{
	const struct dm_yaml_pair *p = dm_yaml_find(ip->node, key);

	return p != NULL && !dm_bind_is_empty(p->value) ? p->value : NULL;
}

static void fail_at(const struct instance_parse *ip, int code, const char *key,
    const char *remedy, const char *fmt, ...) DM_PRINTF(5, 6);

static void
fail_at(const struct instance_parse *ip, int code, const char *key,
    const char *remedy, const char *fmt, ...)
{
	const struct dm_yaml *at = value_of(ip, key);
	g_autofree char *full = dm_bind_path(ip->path, key);
	g_autofree char *reason = NULL;
	va_list ap;

	if (at == NULL)
		at = ip->node;
	va_start(ap, fmt);
	reason = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	dm_report_add(
	    ip->t->r, code, at->line, at->col, full, remedy, "%s", reason);
}

static void
source_id_read(struct instance_parse *ip)
{
	const char *id = ip->raw.source_id != NULL ? ip->raw.source_id : "";
	const GPtrArray *all = ip->t->c->instances;

	ip->i->source_id = g_strdup(id);
	if (id[0] == '\0')
		fail_at(ip, DM_ERR_CONFIG_EMPTY_SOURCE_ID, "source-id",
		    "name a source of `operate-source create`",
		    DM_ERRFMT_CONFIG_EMPTY_SOURCE_ID);
	else if (strlen(id) > SOURCE_ID_MAX)
		fail_at(ip, DM_ERR_CONFIG_TOO_LONG_SOURCE_ID, "source-id",
		    "use at most 32 bytes",
		    DM_ERRFMT_CONFIG_TOO_LONG_SOURCE_ID);
	for (guint k = 0; id[0] != '\0' && k < all->len; k++) {
		const struct dm_instance_cfg *o = all->pdata[k];

		if (strcmp(o->source_id, id) == 0) {
			fail_at(ip, DM_ERR_CONFIG_MYSQL_INST_SAME_SOURCE_ID,
			    "source-id", "merge the two",
			    DM_ERRFMT_CONFIG_MYSQL_INST_SAME_SOURCE_ID,
			    (size_t)k, ip->number, id);
			break;
		}
	}
}

static void
meta_read(struct instance_parse *ip)
{
	static const struct bind_key keys[] = {
		BIND("binlog-name", STR, dm_meta_cfg, binlog_name),
		BIND_RANGE(
		    "binlog-pos", INT, dm_meta_cfg, binlog_pos, 0, UINT32_MAX),
		BIND("binlog-gtid", STR, dm_meta_cfg, binlog_gtid),
	};
	const struct dm_yaml *node = value_of(ip, "meta");
	g_autofree char *path = dm_bind_path(ip->path, "meta");
	DM_AUTO(dm_gtid_set) set = NULL;
	DM_AUTO(dm_err) err = NULL;

	if (node == NULL)
		return;
	dm_bind_map(
	    ip->t->r, path, node, keys, DM_ARRAY_SIZE(keys), &ip->i->meta);
	ip->i->has_meta = true;
	if (node->kind == DM_YAML_MAP && ip->i->meta.binlog_name[0] == '\0' &&
	    ip->i->meta.binlog_gtid[0] == '\0')
		fail_at(ip, DM_ERR_CONFIG_META_INVALID, "meta",
		    "give one of them, or remove `meta`",
		    DM_ERRFMT_CONFIG_META_INVALID);
	/* Of which flavor the source is, is not known here. */
	err = dm_gtid_set_parse(DM_FLAVOR_ANY, ip->i->meta.binlog_gtid, &set);
	if (err != NULL)
		fail_at(
		    ip, err->code, "meta", err->workaround, "%s", err->message);
}

/* ---- names of rules ---- */

static bool
is_repeated(char *const *names, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(names[i], names[at]) == 0)
			return true;
	return false;
}

static void
rules_read(struct instance_parse *ip, enum task_section section,
    const char *key, char *const *names, GArray *out)
{
	for (size_t k = 0; names != NULL && names[k] != NULL; k++) {
		int at = task_section_use(ip->t, section, names[k]);
		size_t index = (size_t)at;

		if (is_repeated(names, k))
			fail_at(ip, DM_ERR_CONFIG_DUPLICATE_CFG_ITEM, key,
			    "list it once", DM_ERRFMT_CONFIG_DUPLICATE_CFG_ITEM,
			    names[k]);
		else if (at >= 0)
			g_array_append_val(out, index);
		else if (section == SECTION_ROUTES)
			fail_at(ip, DM_ERR_CONFIG_ROUTE_RULE_NOT_FOUND, key,
			    "define it under `routes`",
			    DM_ERRFMT_CONFIG_ROUTE_RULE_NOT_FOUND, ip->number,
			    names[k]);
		else if (section == SECTION_EXPRESSIONS)
			fail_at(ip, DM_ERR_CONFIG_EXPR_FILTER_NOT_FOUND, key,
			    "define it under `expression-filter`",
			    DM_ERRFMT_CONFIG_EXPR_FILTER_NOT_FOUND, ip->number,
			    names[k]);
		else
			fail_at(ip, DM_ERR_CONFIG_FILTER_RULE_NOT_FOUND, key,
			    "define it under `filters`",
			    DM_ERRFMT_CONFIG_FILTER_RULE_NOT_FOUND, ip->number,
			    names[k]);
	}
}

/* Two rules for the same tables would be ambiguous at the first row. */
static void
check_same_routes(struct instance_parse *ip)
{
	const GArray *rules = ip->i->route_rules;
	const GArray *all = ip->t->c->routes;

	for (guint a = 1; a < rules->len; a++) {
		const struct dm_route_rule *x = &g_array_index(
		    all, struct dm_route_rule, g_array_index(rules, size_t, a));

		for (guint b = 0; b < a; b++) {
			const struct dm_route_rule *y =
			    &g_array_index(all, struct dm_route_rule,
				g_array_index(rules, size_t, b));

			if (strcmp(x->schema_pattern, y->schema_pattern) == 0 &&
			    strcmp(x->table_pattern, y->table_pattern) == 0)
				fail_at(ip, DM_ERR_CONFIG_GEN_TABLE_ROUTER,
				    "route-rules", "use one of them",
				    "%s and %s have the same patterns", y->name,
				    x->name);
		}
	}
}

static void
block_allow_resolve(struct instance_parse *ip)
{
	const char *key = "block-allow-list";
	const char *name = ip->raw.block_allow;

	if (name == NULL || name[0] == '\0') {
		key = "black-white-list";
		name = ip->raw.black_white;
	}
	if (name == NULL || name[0] == '\0')
		return;
	if (task_section_use(ip->t, SECTION_BLOCK_ALLOW, name) < 0)
		fail_at(ip, DM_ERR_CONFIG_BA_LIST_NOT_FOUND, key,
		    "define it under `block-allow-list`",
		    DM_ERRFMT_CONFIG_BA_LIST_NOT_FOUND, ip->number, name);
	else
		ip->i->block_allow =
		    g_hash_table_lookup(ip->t->c->block_allow, name);
}

/* ---- mydumper, loader, syncer ---- */

/* How the three are alike. */
struct unit_kind {
	enum task_section section;
	const char *name_key, *inline_key, *where;
	int conflict_code, missing_code;
	const char *conflict;
};

static const struct unit_kind unit_kinds[] = {
	{ SECTION_MYDUMPERS, "mydumper-config-name", "mydumper", "mydumpers",
	    DM_ERR_CONFIG_MYDUMPER_CFG_CONFLICT,
	    DM_ERR_CONFIG_MYDUMPER_CFG_NOT_FOUND,
	    DM_ERRFMT_CONFIG_MYDUMPER_CFG_CONFLICT },
	{ SECTION_LOADERS, "loader-config-name", "loader", "loaders",
	    DM_ERR_CONFIG_LOADER_CFG_CONFLICT,
	    DM_ERR_CONFIG_LOADER_CFG_NOT_FOUND,
	    DM_ERRFMT_CONFIG_LOADER_CFG_CONFLICT },
	{ SECTION_SYNCERS, "syncer-config-name", "syncer", "syncers",
	    DM_ERR_CONFIG_SYNCER_CFG_CONFLICT,
	    DM_ERR_CONFIG_SYNCER_CFG_NOT_FOUND,
	    DM_ERRFMT_CONFIG_SYNCER_CFG_CONFLICT },
};

static void
unit_read_into(struct dm_report *r, enum task_section section, const char *path,
    const struct dm_yaml *node, struct dm_instance_cfg *i)
{
	if (section == SECTION_MYDUMPERS)
		task_mydumper_read(r, path, node, &i->mydumper);
	else if (section == SECTION_LOADERS)
		task_loader_read(r, path, node, &i->loader);
	else
		task_syncer_read(r, path, node, &i->syncer);
}

static void
unit_resolve(
    struct instance_parse *ip, const struct unit_kind *k, const char *name)
{
	const struct dm_yaml *inlined = value_of(ip, k->inline_key);
	g_autofree char *path = dm_bind_path(ip->path, k->inline_key);
	const struct task_entry *e;
	int at;

	if (name != NULL && name[0] != '\0' && inlined != NULL)
		fail_at(ip, k->conflict_code, k->inline_key, "remove one", "%s",
		    k->conflict);
	if (inlined != NULL)
		unit_read_into(ip->t->r, k->section, path, inlined, ip->i);
	if (name == NULL || name[0] == '\0')
		return;
	at = task_section_use(ip->t, k->section, name);
	if (at < 0) {
		fail_at(ip, k->missing_code, k->name_key, "",
		    "mysql-instance(%zu)'s %s config %s not exist in %s; "
		    "define it there",
		    ip->number, k->inline_key, name,
		    k->section == SECTION_SYNCERS ? "syncer" : k->where);
		return;
	}
	e = &g_array_index(ip->t->sections[k->section], struct task_entry, at);
	unit_read_into(ip->known, k->section, e->path, e->value, ip->i);
}

static bool
is_truthy(const char *value)
{
	return value != NULL && (g_ascii_strcasecmp(value, "on") == 0 ||
				    g_ascii_strcasecmp(value, "true") == 0 ||
				    g_ascii_strtoll(value, NULL, 10) != 0);
}

static void
check_foreign_keys(struct instance_parse *ip)
{
	const char *value =
	    dm_db_cfg_session(&ip->t->c->target, "foreign_key_checks");

	if (!is_truthy(value))
		return;
	if (ip->i->syncer.compact)
		fail_at(ip, DM_ERR_CONFIG_UNSUPPORTED_FOREIGN_KEY_CHECKS_OPTION,
		    "syncer-config-name",
		    "disable foreign_key_checks or that syncer option",
		    DM_ERRFMT_CONFIG_UNSUPPORTED_FOREIGN_KEY_CHECKS_OPTION,
		    "compact");
	if (ip->i->syncer.multiple_rows)
		fail_at(ip, DM_ERR_CONFIG_UNSUPPORTED_FOREIGN_KEY_CHECKS_OPTION,
		    "syncer-config-name",
		    "disable foreign_key_checks or that syncer option",
		    DM_ERRFMT_CONFIG_UNSUPPORTED_FOREIGN_KEY_CHECKS_OPTION,
		    "multiple-rows");
}

static void
check_refused(struct instance_parse *ip)
{
	const char *name = ip->raw.validator_name;

	if (value_of(ip, "column-mapping-rules") != NULL)
		fail_at(ip, DM_ERR_CONFIG_COLUMN_MAPPING_DEPRECATED,
		    "column-mapping-rules", "remove it", "%s",
		    DM_ERRFMT_CONFIG_COLUMN_MAPPING_DEPRECATED);
	if (name != NULL && name[0] != '\0' &&
	    task_section_use(ip->t, SECTION_VALIDATORS, name) < 0)
		fail_at(ip, DM_ERR_CONTINUOUS_VALIDATOR_CFG_NOT_FOUND,
		    "validator-config-name", "define it under `validators`",
		    "mysql-instance(%zu)'s continuous validator config %s not "
		    "exist",
		    ip->number, name);
}

static void
instance_read(struct instance_parse *ip)
{
	const struct instance_raw *raw = &ip->raw;

	dm_bind_map(ip->t->r, ip->path, ip->node, instance_keys,
	    DM_ARRAY_SIZE(instance_keys), &ip->raw);
	source_id_read(ip);
	meta_read(ip);
	rules_read(ip, SECTION_ROUTES, "route-rules", raw->route_rules,
	    ip->i->route_rules);
	rules_read(ip, SECTION_FILTERS, "filter-rules", raw->filter_rules,
	    ip->i->filter_rules);
	rules_read(ip, SECTION_EXPRESSIONS, "expression-filters",
	    raw->expr_filters, ip->i->expr_filters);
	check_same_routes(ip);
	block_allow_resolve(ip);
	unit_resolve(ip, &unit_kinds[0], raw->mydumper_name);
	unit_resolve(ip, &unit_kinds[1], raw->loader_name);
	unit_resolve(ip, &unit_kinds[2], raw->syncer_name);
	if (raw->mydumper_thread != 0)
		ip->i->mydumper.threads = raw->mydumper_thread;
	if (raw->loader_thread != 0)
		ip->i->loader.pool_size = raw->loader_thread;
	if (raw->syncer_thread != 0)
		ip->i->syncer.worker_count = raw->syncer_thread;
	check_foreign_keys(ip);
	check_refused(ip);
}

/* Problems of named units are told once, however many instances use them. */
static void
named_units_check(struct task_parse *t)
{
	for (size_t k = 0; k < DM_ARRAY_SIZE(unit_kinds); k++) {
		GArray *list = t->sections[unit_kinds[k].section];

		for (guint j = 0; j < list->len; j++) {
			const struct task_entry *e =
			    &g_array_index(list, struct task_entry, j);
			struct dm_instance_cfg *scratch = instance_new();

			unit_read_into(t->r, unit_kinds[k].section, e->path,
			    e->value, scratch);
			task_instance_free(scratch);
		}
	}
}

void
task_instances_read(struct task_parse *t)
{
	const struct dm_yaml *list = task_node(t, "mysql-instances");
	DM_AUTO(dm_report) known = dm_report_new("");

	named_units_check(t);
	if (list != NULL && list->kind != DM_YAML_SEQ) {
		dm_bind_fail(t->r, "mysql-instances", list,
		    "write `- source-id: ...` lines", "must be a list");
		return;
	}
	if (list == NULL || list->items->len == 0) {
		const struct dm_yaml *at = list != NULL ? list : t->root;

		dm_report_add(t->r, DM_ERR_CONFIG_MYSQL_INSTS_AT_LEAST_ONE,
		    at->line, at->col, "mysql-instances",
		    "add `mysql-instances: [{source-id: ...}]`",
		    DM_ERRFMT_CONFIG_MYSQL_INSTS_AT_LEAST_ONE);
		return;
	}
	for (guint k = 0; k < list->items->len; k++) {
		struct instance_parse ip = { .t = t,
			.node = list->items->pdata[k],
			.number = k,
			.i = instance_new(),
			.known = known };

		ip.path = g_strdup_printf("mysql-instances[%u]", k);
		instance_read(&ip);
		g_ptr_array_add(t->c->instances, ip.i);
		raw_fini(&ip.raw);
		g_free(ip.path);
	}
}
