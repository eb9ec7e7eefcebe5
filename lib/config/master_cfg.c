/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dm-master's settings: table of items, checks and adjustments, TOML output.
 * SOURCE: dm/master/config.go; items as in reference/control-plane 3.1. Ours
 * besides: etcd-mode, etcd-endpoints, etcd-user, etcd-password, etcd-path,
 * heartbeat-interval, election-timeout.
 */
#include "lib/config/daemon_items.h"

#include "lib/text/duration.h"

#include <string.h>
#include <unistd.h>

#define DEFAULT_QUOTA_BYTES INT64_C(2147483648)
#define MIN_QUOTA_BYTES     INT64_C(524288000)
#define DEFAULT_RATE_LIMIT  10.0
#define HEARTBEATS_LEAST    5     /* etcd's rule */
#define MAX_ELECTION_MS     50000 /* etcd's limit */
#define DEFAULT_RATE_BURST  40

#define AT(f) offsetof(struct dm_master_cfg, f)

/* clang-format off */
static const struct daemon_item items[] = {
	{ "V", NULL, ITEM_ACTION, 0, DM_DAEMON_VERSION, NULL, "print version information and exit" },
	{ "h", NULL, ITEM_ACTION, 0, DM_DAEMON_HELP, NULL, "print this help and exit" },
	{ "help", NULL, ITEM_ACTION, 0, DM_DAEMON_HELP, NULL, "print this help and exit" },
	{ "print-sample-config", NULL, ITEM_ACTION, 0, DM_DAEMON_SAMPLE, NULL, "print a sample configuration file and exit" },
	{ "config", "config-file", ITEM_STR, AT(config_file), 0, NULL, "path of the configuration file" },
	{ "openapi", "openapi", ITEM_BOOL, AT(openapi), 0, "false", "serve the OpenAPI at /api/v1/" },
	{ "master-addr", "master-addr", ITEM_STR, AT(master_addr), 0, NULL, "address to listen on, host:port" },
	{ "advertise-addr", "advertise-addr", ITEM_STR, AT(advertise_addr), 0, NULL, "address told to others; unset: master-addr" },
	{ "L", "log-level", ITEM_STR, AT(log.level), 0, "info", "log level: debug, info, warn, error, fatal" },
	{ "log-file", "log-file", ITEM_STR, AT(log.file), 0, NULL, "log file; empty: standard output" },
	{ "log-format", "log-format", ITEM_STR, AT(log.format), 0, "text", "log format: text or json" },
	{ NULL, "log-rotate", ITEM_IGNORED, 0, 0, NULL, NULL },
	{ "name", "name", ITEM_STR, AT(name), 0, NULL, "name of this member; unset: dm-master-<host name>" },
	{ "data-dir", "data-dir", ITEM_STR, AT(data_dir), 0, NULL, "folder of the etcd data; unset: default.<name>" },
	{ "peer-urls", "peer-urls", ITEM_STR, AT(peer_urls), 0, "http://127.0.0.1:8291", "URLs to listen on for etcd peers" },
	{ "advertise-peer-urls", "advertise-peer-urls", ITEM_STR, AT(advertise_peer_urls), 0, NULL, "peer URLs told to others; unset: peer-urls" },
	{ "initial-cluster", "initial-cluster", ITEM_STR, AT(initial_cluster), 0, NULL, "first members, name=url,name=url; unset: this one alone" },
	{ NULL, "initial-cluster-state", ITEM_STR, AT(initial_cluster_state), 0, "new", NULL },
	{ "join", "join", ITEM_STR, AT(join), 0, NULL, "addresses of the dm-masters of a running cluster to join" },
	{ "max-txn-ops", "max-txn-ops", ITEM_UINT, AT(max_txn_ops), 0, "2048", "etcd: operations per transaction" },
	{ "max-request-bytes", "max-request-bytes", ITEM_UINT, AT(max_request_bytes), 0, "1572864", "etcd and gRPC: size of a request" },
	{ "auto-compaction-mode", "auto-compaction-mode", ITEM_STR, AT(auto_compaction_mode), 0, "periodic", "etcd: periodic or revision" },
	{ "auto-compaction-retention", "auto-compaction-retention", ITEM_STR, AT(auto_compaction_retention), 0, "1h", "etcd: how much history to keep" },
	{ "quota-backend-bytes", "quota-backend-bytes", ITEM_INT64, AT(quota_backend_bytes), 0, "2147483648", "etcd: size of the database, at least 524288000" },
	{ "heartbeat-interval", "heartbeat-interval", ITEM_UINT, AT(heartbeat_ms), 0, "100", "etcd: milliseconds; at least the round trip between dm-masters" },
	{ "election-timeout", "election-timeout", ITEM_UINT, AT(election_ms), 0, "800", "etcd: milliseconds without a heartbeat until a new leader is elected" },
	{ NULL, "rpc-timeout", ITEM_DUR_MS, AT(rpc_timeout_ms), 0, "30s", NULL },
	{ NULL, "rpc-rate-limit", ITEM_DOUBLE, AT(rpc_rate_limit), 0, "10", NULL },
	{ NULL, "rpc-rate-burst", ITEM_UINT, AT(rpc_rate_burst), 0, "40", NULL },
	{ "ssl-ca", "ssl-ca", ITEM_STR, AT(tls.ca), 0, NULL, "certificate authority, PEM file; turns TLS on" },
	{ "ssl-cert", "ssl-cert", ITEM_STR, AT(tls.cert), 0, NULL, "certificate, PEM file" },
	{ "ssl-key", "ssl-key", ITEM_STR, AT(tls.key), 0, NULL, "private key, PEM file" },
	{ "cert-allowed-cn", "cert-allowed-cn", ITEM_STRV, AT(tls.cert_allowed_cn), 0, NULL, "common names allowed to connect; comma list, may be repeated" },
	{ NULL, "ssl-ca-bytes", ITEM_STR, AT(tls.ca_bytes), 0, NULL, NULL },
	{ NULL, "ssl-cert-bytes", ITEM_STR, AT(tls.cert_bytes), 0, NULL, NULL },
	{ NULL, "ssl-key-bytes", ITEM_SECRET, AT(tls.key_bytes), 0, NULL, NULL },
	{ NULL, "ssl-ca-base64", ITEM_STR, AT(tls.ca_base64), 0, NULL, NULL },
	{ NULL, "ssl-cert-base64", ITEM_STR, AT(tls.cert_base64), 0, NULL, NULL },
	{ NULL, "ssl-key-base64", ITEM_SECRET, AT(tls.key_base64), 0, NULL, NULL },
	{ "secret-key-path", "secret-key-path", ITEM_STR, AT(secret_key_path), 0, NULL, "file with the key that encrypts passwords, 64 hex digits" },
	{ "v1-sources-path", "v1-sources-path", ITEM_STR, AT(v1_sources_path), 0, NULL, "sources to take over from a DM 1.0 cluster" },
	{ "etcd-mode", "etcd-mode", ITEM_STR, AT(etcd_mode), 0, "embedded", "embedded: run a member; external: use etcd-endpoints" },
	{ "etcd-endpoints", "etcd-endpoints", ITEM_STRV, AT(etcd_endpoints), 0, NULL, "external etcd: client URLs, comma list" },
	{ "etcd-user", "etcd-user", ITEM_STR, AT(etcd_user), 0, NULL, "external etcd: user" },
	{ NULL, "etcd-password", ITEM_SECRET, AT(etcd_password), 0, NULL, NULL },
	{ "etcd-path", "etcd-path", ITEM_STR, AT(etcd_path), 0, "etcd", "embedded: the etcd program" },
};

/* As config master shows them; "" is an empty line. */
static const char *const shown[] = {
	"log-level", "log-file", "log-format", "log-rotate", "rpc-timeout",
	"rpc-rate-limit", "rpc-rate-burst", "master-addr", "advertise-addr",
	"config-file", "name", "data-dir", "peer-urls", "advertise-peer-urls",
	"initial-cluster", "initial-cluster-state", "join", "max-txn-ops",
	"max-request-bytes", "auto-compaction-mode",
	"auto-compaction-retention", "quota-backend-bytes", "openapi",
	"v1-sources-path", "ssl-ca", "ssl-cert", "ssl-key", "cert-allowed-cn",
	"ssl-ca-bytes", "ssl-cert-bytes", "ssl-key-bytes", "ssl-ca-base64", "ssl-key-base64", "ssl-cert-base64",
	"secret-key-path",
};
static const char *const shown_external[] = {
	"etcd-mode", "etcd-endpoints", "etcd-user", "etcd-password",
};
/* clang-format on */

static const struct daemon_spec spec = {
	.program = "dm-master",
	.items = items,
	.n = DM_ARRAY_SIZE(items),
	.config_file = AT(config_file),
	.bad_flag = DM_ERR_MASTER_CONFIG_PARSE_FLAG_SET,
	.stray_argument = DM_ERR_MASTER_CONFIG_INVALID_FLAG,
	.bad_file = DM_ERR_CONFIG_TOML_TRANSFORM,
	.unknown_key = DM_ERR_MASTER_CONFIG_UNKNOWN_ITEM,
	.short_name = "master",
	.contains = "contained",
};

/* "a,http://b" -> "https://a,https://b"; in name=url the part behind '='. */
static char *
wrap_schemes(const char *list, bool named, bool tls)
{
	g_autoptr(GString) out = g_string_new(NULL);
	g_auto(GStrv) parts = g_strsplit(list, ",", -1);

	for (char **p = parts; *p != NULL; p++) {
		const char *eq = named ? strchr(*p, '=') : NULL;
		const char *url = eq != NULL ? eq + 1 : *p;
		g_autofree char *bare = dm_addr_strip_scheme(url);

		if ((*p)[0] == '\0')
			continue;
		if (out->len > 0)
			g_string_append_c(out, ',');
		g_string_append_len(out, *p, url - *p);
		g_string_append_printf(
		    out, "%s://%s", tls ? "https" : "http", bare);
	}
	return g_strdup(out->str);
}

/* This member alone: name=url for each of its peer URLs. */
static char *
own_cluster(const struct dm_master_cfg *c)
{
	g_autoptr(GString) out = g_string_new(NULL);
	g_auto(GStrv) urls = g_strsplit(c->advertise_peer_urls, ",", -1);

	for (char **p = urls; *p != NULL; p++)
		g_string_append_printf(
		    out, "%s%s=%s", p == urls ? "" : ",", c->name, *p);
	return g_strdup(out->str);
}

static void
member_adjust(struct dm_master_cfg *c)
{
	bool tls = dm_tls_cfg_is_on(&c->tls);

	if (c->name[0] == '\0') {
		char host[256] = "";

		if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
			g_strlcpy(host, "localhost", sizeof(host));
		dm_cfg_replace(&c->name, g_strconcat("dm-master-", host, NULL));
	}
	if (c->data_dir[0] == '\0')
		dm_cfg_replace(
		    &c->data_dir, g_strconcat("default.", c->name, NULL));
	dm_cfg_replace(&c->peer_urls, wrap_schemes(c->peer_urls, false, tls));
	if (c->advertise_peer_urls[0] == '\0')
		dm_cfg_replace(&c->advertise_peer_urls, g_strdup(c->peer_urls));
	dm_cfg_replace(&c->advertise_peer_urls,
	    wrap_schemes(c->advertise_peer_urls, false, tls));
	if (c->initial_cluster[0] == '\0')
		dm_cfg_replace(&c->initial_cluster, own_cluster(c));
	dm_cfg_replace(
	    &c->initial_cluster, wrap_schemes(c->initial_cluster, true, tls));
	dm_cfg_replace(&c->join, wrap_schemes(c->join, false, tls));
}

/* etcd would refuse it with less to read. */
static struct dm_err *
timing_check(const struct dm_master_cfg *c)
{
	if (c->heartbeat_ms == 0 ||
	    c->election_ms / HEARTBEATS_LEAST < c->heartbeat_ms ||
	    c->election_ms > MAX_ELECTION_MS)
		return dm_err_set_cause(
		    dm_err_new(
			MASTER_GEN_EMBED_ETCD_CONFIG_FAIL, "election-timeout"),
		    "%u ms must be at least %d times heartbeat-interval "
		    "(%u ms) and at most %d ms",
		    c->election_ms, HEARTBEATS_LEAST, c->heartbeat_ms,
		    MAX_ELECTION_MS);
	return NULL;
}

static struct dm_err *
bad_item(const char *key, const char *value, const char *why)
{
	return dm_err_set_cause(
	    dm_err_new(MASTER_GEN_EMBED_ETCD_CONFIG_FAIL, key), "%s %s", value,
	    why);
}

static bool
is_number(const char *s)
{
	return g_ascii_string_to_unsigned(s, 10, 0, G_MAXINT64, NULL, NULL);
}

static bool
is_retention(const char *s)
{
	struct dm_err *err;
	int64_t ns = 0;

	if (s[0] == '\0' || is_number(s))
		return true;
	err = dm_duration_parse(s, &ns);
	dm_err_free(err); /* said in our words */
	return err == NULL && ns >= 0;
}

static struct dm_err *
urls_check(const char *key, const char *list, bool named)
{
	g_auto(GStrv) parts = g_strsplit(list, ",", -1);

	for (char **p = parts; *p != NULL; p++) {
		const char *eq = strchr(*p, '=');
		g_autofree char *bare =
		    dm_addr_strip_scheme(named && eq != NULL ? eq + 1 : *p);
		g_autofree char *host = NULL;
		unsigned port;

		if (named && (eq == NULL || eq == *p))
			return bad_item(key, *p, "is not name=url");
		if (!dm_addr_split(bare, &host, &port) || host[0] == '\0')
			return bad_item(key, *p, "is not a URL of host:port");
	}
	return NULL;
}

/* What etcd would refuse in the midst of its own log. */
static struct dm_err *
member_check(const struct dm_master_cfg *c)
{
	struct dm_err *err;

	if (strcmp(c->auto_compaction_mode, "periodic") != 0 &&
	    strcmp(c->auto_compaction_mode, "revision") != 0)
		return bad_item("auto-compaction-mode", c->auto_compaction_mode,
		    "is neither periodic nor revision");
	if (!is_retention(c->auto_compaction_retention))
		return bad_item("auto-compaction-retention",
		    c->auto_compaction_retention,
		    "is neither a number nor a duration like 1h");
	if (strcmp(c->initial_cluster_state, "new") != 0 &&
	    strcmp(c->initial_cluster_state, "existing") != 0)
		return bad_item("initial-cluster-state",
		    c->initial_cluster_state, "is neither new nor existing");
	if (c->max_txn_ops == 0)
		return bad_item("max-txn-ops", "0", "leaves room for nothing");
	if (c->max_request_bytes == 0)
		return bad_item(
		    "max-request-bytes", "0", "leaves room for nothing");
	err = urls_check("peer-urls", c->peer_urls, false);
	if (err == NULL)
		err = urls_check(
		    "advertise-peer-urls", c->advertise_peer_urls, false);
	if (err == NULL)
		err = urls_check("initial-cluster", c->initial_cluster, true);
	return err;
}

static struct dm_err *
etcd_check(const struct dm_master_cfg *c)
{
	bool external = strcmp(c->etcd_mode, "external") == 0;

	if (!external && strcmp(c->etcd_mode, "embedded") != 0)
		return dm_err_set_cause(
		    dm_err_new(MASTER_GEN_EMBED_ETCD_CONFIG_FAIL, "etcd-mode"),
		    "%s is neither embedded nor external", c->etcd_mode);
	if (external && c->etcd_endpoints[0] == NULL)
		return dm_err_set_cause(
		    dm_err_new(
			MASTER_GEN_EMBED_ETCD_CONFIG_FAIL, "etcd-endpoints"),
		    "it must be set when etcd-mode is external");
	if (!external) {
		struct dm_err *err = member_check(c);

		if (err != NULL)
			return err;
	}
	return timing_check(c);
}

static struct dm_err *
adjust(struct dm_master_cfg *c)
{
	struct dm_err *err;

	err = dm_addr_adjust(&(struct dm_addr_pair){
	    .own = &c->master_addr,
	    .advertise = &c->advertise_addr,
	    .key = "master-addr",
	    .bad_own = DM_ERR_MASTER_HOST_PORT_NOT_VALID,
	    .bad_advertise = DM_ERR_MASTER_ADVERTISE_ADDR_NOT_VALID,
	});
	if (err != NULL)
		return err;
	member_adjust(c);
	if (c->quota_backend_bytes < MIN_QUOTA_BYTES)
		c->quota_backend_bytes = MIN_QUOTA_BYTES;
	if (c->rpc_rate_limit <= 0)
		c->rpc_rate_limit = DEFAULT_RATE_LIMIT;
	if (c->rpc_rate_burst <= 0)
		c->rpc_rate_burst = DEFAULT_RATE_BURST;
	return etcd_check(c);
}

struct dm_err *
dm_master_cfg_load(int argc, char *const *argv, enum dm_daemon_action *action,
    struct dm_master_cfg **cfg)
{
	DM_AUTO(dm_master_cfg) c = g_new0(struct dm_master_cfg, 1);
	struct dm_err *err;

	err = dm_daemon_load(&spec, argc, argv, action, c);
	if (err == NULL && *action == DM_DAEMON_RUN)
		err = adjust(c);
	if (err == NULL)
		*cfg = *action == DM_DAEMON_RUN ? DM_TAKE(c) : NULL;
	return err;
}

void
dm_master_cfg_free(struct dm_master_cfg *c)
{
	if (c == NULL)
		return;
	dm_daemon_fini(&spec, c);
	g_free(c);
}

char *
dm_master_cfg_toml(const struct dm_master_cfg *c)
{
	GString *out = g_string_new(NULL);

	for (size_t i = 0; i < DM_ARRAY_SIZE(shown); i++)
		dm_daemon_append_toml(out, &spec, c, shown[i]);
	if (strcmp(c->etcd_mode, "external") == 0)
		for (size_t i = 0; i < DM_ARRAY_SIZE(shown_external); i++)
			dm_daemon_append_toml(out, &spec, c, shown_external[i]);
	g_string_append(out, "\n[experimental]\n");
	return g_string_free(out, FALSE);
}

const char *
dm_master_help(void)
{
	static char *text;

	if (g_once_init_enter(&text))
		g_once_init_leave(&text, dm_daemon_help(&spec));
	return text;
}
