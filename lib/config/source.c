/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.yaml: reading, checking, writing.
 * SOURCE: dm/config/source_config.go; keys as in reference/data-plane 1.2.
 * Differs: `filters` belong into the task file; certificates are paths.
 */
#include "lib/config/source.h"

#include "lib/binlog/gtid.h"
#include "lib/config/bind.h"
#include "lib/text/duration.h"

#include <string.h>

#define SOURCE_ID_MAX   32
#define BACKOFF_MIN_MS  1000
#define INT_SECONDS_MAX INT64_C(1000000000)

static const struct bind_key source_keys[] = {
	BIND("enable", BOOL, dm_source_cfg, enable),
	BIND("enable-gtid", BOOL, dm_source_cfg, enable_gtid),
	BIND_DROP("auto-fix-gtid"),
	BIND("relay-dir", STR, dm_source_cfg, relay_dir),
	BIND_DROP("meta-dir"),
	BIND("flavor", STR, dm_source_cfg, flavor),
	BIND_DROP("charset"),
	BIND("enable-relay", BOOL, dm_source_cfg, enable_relay),
	BIND("relay-binlog-name", STR, dm_source_cfg, relay_binlog_name),
	BIND("relay-binlog-gtid", STR, dm_source_cfg, relay_binlog_gtid),
	BIND("source-id", STR, dm_source_cfg, source_id),
	BIND_DROP("from"),
	BIND_DROP("purge"),
	BIND_DROP("checker"),
	BIND_RANGE("server-id", UINT, dm_source_cfg, server_id, 0, UINT32_MAX),
	BIND_DROP("tracer"),
	BIND("case-sensitive", BOOL, dm_source_cfg, case_sensitive),
	BIND_DROP("filters"),
};

static const struct bind_key purge_keys[] = {
	BIND_RANGE(
	    "interval", INT, dm_source_cfg, purge_interval, 0, INT_SECONDS_MAX),
	BIND_RANGE(
	    "expires", INT, dm_source_cfg, purge_expires, 0, INT_SECONDS_MAX),
	BIND_RANGE("remain-space", INT, dm_source_cfg, purge_remain_space, 0,
	    INT_SECONDS_MAX),
};

static const struct bind_key checker_keys[] = {
	BIND("check-enable", BOOL, dm_source_cfg, check_enable),
	BIND("backoff-rollback", DUR, dm_source_cfg, backoff_rollback_ms),
	BIND("backoff-max", DUR, dm_source_cfg, backoff_max_ms),
	BIND_DROP("check-interval"),
	BIND_DROP("backoff-min"),
	BIND_DROP("backoff-jitter"),
	BIND_DROP("backoff-factor"),
};

static struct dm_source_cfg *
source_new(void)
{
	struct dm_source_cfg *c = g_new0(struct dm_source_cfg, 1);

	c->source_id = g_strdup("");
	c->enable = true;
	c->relay_dir = g_strdup("relay-dir");
	c->relay_binlog_name = g_strdup("");
	c->relay_binlog_gtid = g_strdup("");
	c->flavor = g_strdup("");
	c->purge_interval = 3600;
	c->purge_remain_space = 15;
	c->check_enable = true;
	c->backoff_rollback_ms = 300000;
	c->backoff_max_ms = 300000;
	return c;
}

struct dm_source_cfg *
dm_source_cfg_copy(const struct dm_source_cfg *c)
{
	struct dm_source_cfg *copy = g_memdup2(c, sizeof(*c));

	copy->source_id = g_strdup(c->source_id);
	copy->relay_dir = g_strdup(c->relay_dir);
	copy->relay_binlog_name = g_strdup(c->relay_binlog_name);
	copy->relay_binlog_gtid = g_strdup(c->relay_binlog_gtid);
	copy->flavor = g_strdup(c->flavor);
	dm_db_cfg_copy(&copy->from, &c->from);
	return copy;
}

void
dm_source_cfg_free(struct dm_source_cfg *c)
{
	if (c == NULL)
		return;
	g_free(c->source_id);
	g_free(c->relay_dir);
	g_free(c->relay_binlog_name);
	g_free(c->relay_binlog_gtid);
	g_free(c->flavor);
	dm_db_cfg_fini(&c->from);
	g_free(c);
}

/* The place of a key, or of the whole where it is missing. */
static const struct dm_yaml *
place(const struct dm_yaml *root, const char *key)
{
	const struct dm_yaml_pair *p = dm_yaml_find(root, key);

	return p != NULL ? p->value : root;
}

static void
check_id(struct dm_report *r, const struct dm_yaml *root,
    const struct dm_source_cfg *c)
{
	const struct dm_yaml *at = place(root, "source-id");

	if (c->source_id[0] == '\0')
		dm_report_add(r, DM_ERR_CONFIG_EMPTY_SOURCE_ID, at->line,
		    at->col, "source-id", "add `source-id: <name>`",
		    DM_ERRFMT_CONFIG_EMPTY_SOURCE_ID);
	else if (strlen(c->source_id) > SOURCE_ID_MAX)
		dm_report_add(r, DM_ERR_CONFIG_TOO_LONG_SOURCE_ID, at->line,
		    at->col, "source-id", "use at most 32 bytes",
		    DM_ERRFMT_CONFIG_TOO_LONG_SOURCE_ID);
}

/* <base>.<digits>, the number not 0. */
static bool
is_binlog_name(const char *name)
{
	const char *dot = strrchr(name, '.');
	guint64 n;

	return dot != NULL && dot != name &&
	       g_ascii_string_to_unsigned(
		   dot + 1, 10, 1, G_MAXUINT64, &n, NULL);
}

static void
check_relay(struct dm_report *r, const struct dm_yaml *root,
    const struct dm_source_cfg *c)
{
	const struct dm_yaml *at = place(root, "relay-binlog-name");

	if (c->relay_binlog_name[0] != '\0' &&
	    !is_binlog_name(c->relay_binlog_name))
		dm_bind_fail(r, "relay-binlog-name", at,
		    "write for instance mysql-bin.000001",
		    "not the name of a binlog file: %s", c->relay_binlog_name);
	at = place(root, "flavor");
	if (c->flavor[0] != '\0' && strcmp(c->flavor, "mysql") != 0 &&
	    strcmp(c->flavor, "mariadb") != 0)
		dm_report_add(r, DM_ERR_NOT_SUPPORTED_FLAVOR, at->line, at->col,
		    "flavor",
		    "write mysql or mariadb, or leave it "
		    "out",
		    DM_ERRFMT_NOT_SUPPORTED_FLAVOR, c->flavor);
}

/* The flavor decides; where it is not known yet either will do. */
static void
check_gtid(struct dm_report *r, const struct dm_yaml *root,
    const struct dm_source_cfg *c)
{
	const struct dm_yaml *at = place(root, "relay-binlog-gtid");
	DM_AUTO(dm_gtid_set) set = NULL;
	DM_AUTO(dm_err) err = NULL;
	enum dm_flavor flavor = DM_FLAVOR_ANY;

	if (strcmp(c->flavor, "mysql") == 0)
		flavor = DM_FLAVOR_MYSQL;
	if (strcmp(c->flavor, "mariadb") == 0)
		flavor = DM_FLAVOR_MARIADB;
	err = dm_gtid_set_parse(flavor, c->relay_binlog_gtid, &set);
	if (err != NULL)
		dm_report_add(r, err->code, at->line, at->col,
		    "relay-binlog-gtid", err->workaround, "%s", err->message);
}

static void
check_backoff(struct dm_report *r, const struct dm_yaml *checker,
    const struct dm_source_cfg *c)
{
	const struct dm_yaml *at = place(checker, "backoff-max");

	if (c->backoff_max_ms < BACKOFF_MIN_MS) {
		g_autofree char *max =
		    dm_duration_text(c->backoff_max_ms * 1000000);

		dm_report_add(r, DM_ERR_CONFIG_CHECKER_MAX_TOO_SMALL, at->line,
		    at->col, "checker.backoff-max",
		    "Please increase `backoff-max`",
		    DM_ERRFMT_CONFIG_CHECKER_MAX_TOO_SMALL, max, "1s");
	}
	at = place(checker, "backoff-rollback");
	if (c->backoff_rollback_ms <= 0)
		dm_bind_fail(r, "checker.backoff-rollback", at,
		    "write for instance 5m", "must be more than 0");
}

static void
bind_source(
    struct dm_report *r, const struct dm_yaml *root, struct dm_source_cfg *c)
{
	const struct dm_yaml_pair *p;

	dm_bind_map(r, "", root, source_keys, DM_ARRAY_SIZE(source_keys), c);
	if (root->kind != DM_YAML_MAP) {
		if (dm_report_is_empty(r))
			check_id(r, root, c);
		return;
	}
	check_id(r, root, c);
	check_relay(r, root, c);
	check_gtid(r, root, c);
	p = dm_yaml_find(root, "from");
	if (p != NULL)
		dm_bind_db(r, "from", p->value, &c->from);
	else
		dm_bind_fail(r, "from", root,
		    "add `from: {host, port, user, password}`",
		    "the upstream database is missing");
	p = dm_yaml_find(root, "purge");
	if (p != NULL)
		dm_bind_map(r, "purge", p->value, purge_keys,
		    DM_ARRAY_SIZE(purge_keys), c);
	p = dm_yaml_find(root, "checker");
	if (p != NULL) {
		dm_bind_map(r, "checker", p->value, checker_keys,
		    DM_ARRAY_SIZE(checker_keys), c);
		check_backoff(r, p->value, c);
	}
	p = dm_yaml_find(root, "filters");
	if (p != NULL && !dm_bind_is_empty(p->value))
		dm_bind_fail(r, "filters", p->value,
		    "write the rules under `filters` of the task file and name "
		    "them in `filter-rules` of the instance",
		    "filters of a source are not supported");
}

struct dm_err *
dm_source_cfg_parse(
    const char *file, const char *yaml, struct dm_source_cfg **cfg)
{
	DM_AUTO(dm_report)
	r = dm_report_new(file[0] != '\0' ? file : "source config");
	DM_AUTO(dm_source_cfg) c = source_new();
	DM_AUTO(dm_yaml_doc) doc = NULL;
	DM_AUTO(dm_err) bad = NULL;
	struct dm_err *err;
	int line = 0, col = 0;

	bad = dm_yaml_parse(yaml, strlen(yaml), &line, &col, &doc);
	if (bad != NULL)
		dm_report_add(
		    r, bad->code, line, col, "", "", "%s", bad->message);
	else
		bind_source(r, doc->root, c);
	err = dm_report_error(r);
	if (err == NULL)
		*cfg = DM_TAKE(c);
	return err;
}

char *
dm_source_cfg_yaml(const struct dm_source_cfg *c, bool mask)
{
	GString *s = g_string_new(NULL);
	g_autofree char *rollback =
	    dm_duration_text(c->backoff_rollback_ms * 1000000);
	g_autofree char *max = dm_duration_text(c->backoff_max_ms * 1000000);

	dm_emit_bool(s, 0, "enable", c->enable);
	dm_emit_bool(s, 0, "enable-gtid", c->enable_gtid);
	dm_emit_bool(s, 0, "auto-fix-gtid", false);
	dm_emit_str(s, 0, "relay-dir", c->relay_dir);
	dm_emit_str(s, 0, "meta-dir", "");
	dm_emit_str(s, 0, "flavor", c->flavor);
	dm_emit_str(s, 0, "charset", "");
	dm_emit_bool(s, 0, "enable-relay", c->enable_relay);
	dm_emit_str(s, 0, "relay-binlog-name", c->relay_binlog_name);
	dm_emit_str(s, 0, "relay-binlog-gtid", c->relay_binlog_gtid);
	dm_emit_str(s, 0, "source-id", c->source_id);
	dm_emit_key(s, 0, "from");
	dm_emit_db(s, 2, &c->from, mask);
	dm_emit_key(s, 0, "purge");
	dm_emit_int(s, 2, "interval", c->purge_interval);
	dm_emit_int(s, 2, "expires", c->purge_expires);
	dm_emit_int(s, 2, "remain-space", c->purge_remain_space);
	dm_emit_key(s, 0, "checker");
	dm_emit_bool(s, 2, "check-enable", c->check_enable);
	dm_emit_str(s, 2, "backoff-rollback", rollback);
	dm_emit_str(s, 2, "backoff-max", max);
	dm_emit_raw(s, 2, "check-interval", "5s");
	dm_emit_raw(s, 2, "backoff-min", "1s");
	dm_emit_bool(s, 2, "backoff-jitter", true);
	dm_emit_int(s, 2, "backoff-factor", 2);
	dm_emit_int(s, 0, "server-id", c->server_id);
	dm_emit_raw(s, 0, "tracer", "{}");
	dm_emit_bool(s, 0, "case-sensitive", c->case_sensitive);
	dm_emit_raw(s, 0, "filters", "[]");
	return g_string_free(s, FALSE);
}
