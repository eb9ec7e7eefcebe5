/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dm-worker's settings: table of items, checks and adjustments, TOML output.
 * SOURCE: dm/worker/config.go; items as in reference/control-plane 3.2.
 */
#include "lib/config/daemon_items.h"

#include "lib/text/toml.h"

#include <inttypes.h>
#include <string.h>

/* What a dm-master keeps as the time of a lease. */
#define MIN_TTL_S INT64_C(2)
#define MAX_TTL_S INT64_C(86400)

#define AT(f) offsetof(struct dm_worker_cfg, f)

/* clang-format off */
static const struct daemon_item items[] = {
	{ "V", NULL, ITEM_ACTION, 0, DM_DAEMON_VERSION, NULL, "print version information and exit" },
	{ "h", NULL, ITEM_ACTION, 0, DM_DAEMON_HELP, NULL, "print this help and exit" },
	{ "help", NULL, ITEM_ACTION, 0, DM_DAEMON_HELP, NULL, "print this help and exit" },
	{ "print-sample-config", NULL, ITEM_ACTION, 0, DM_DAEMON_SAMPLE, NULL, "print a sample configuration file and exit" },
	{ "config", "config-file", ITEM_STR, AT(config_file), 0, NULL, "path of the configuration file" },
	{ "worker-addr", "worker-addr", ITEM_STR, AT(worker_addr), 0, NULL, "address to listen on, host:port" },
	{ "advertise-addr", "advertise-addr", ITEM_STR, AT(advertise_addr), 0, NULL, "address told to others; unset: worker-addr" },
	{ "L", "log-level", ITEM_STR, AT(log.level), 0, "info", "log level: debug, info, warn, error, fatal" },
	{ "log-file", "log-file", ITEM_STR, AT(log.file), 0, NULL, "log file; empty: standard output" },
	{ "log-format", "log-format", ITEM_STR, AT(log.format), 0, "text", "log format: text or json" },
	{ NULL, "log-rotate", ITEM_IGNORED, 0, 0, NULL, NULL },
	{ "redact-info-log", "redact-info-log", ITEM_BOOL, AT(redact_info_log), 0, "false", "write ? instead of row values into the log" },
	{ "join", "join", ITEM_STRV, AT(join), 0, NULL, "addresses of the dm-masters, comma list (required)" },
	{ "name", "name", ITEM_STR, AT(name), 0, NULL, "name of this worker; unset: advertise-addr" },
	{ "keepalive-ttl", "keepalive-ttl", ITEM_INT64, AT(keepalive_ttl), 0, "60", "seconds after which a silent worker counts as lost" },
	{ "relay-keepalive-ttl", "relay-keepalive-ttl", ITEM_INT64, AT(relay_keepalive_ttl), 0, "1800", "the same while the worker writes relay logs" },
	{ "max-sources", "max-sources", ITEM_INT64, AT(max_sources), 0, "1", "how many sources this worker takes at once" },
	{ NULL, "relay-dir", ITEM_STR, AT(relay_dir), 0, NULL, NULL },
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
};

/* As config worker shows them; join is one string there. */
static const char *const shown[] = {
	"name", "log-level", "log-file", "log-format", "log-rotate",
	"redact-info-log", "join", "worker-addr", "advertise-addr",
	"config-file", "keepalive-ttl", "relay-keepalive-ttl", "relay-dir",
	"ssl-ca", "ssl-cert", "ssl-key", "cert-allowed-cn", "ssl-ca-bytes",
	"ssl-cert-bytes", "ssl-key-bytes", "ssl-ca-base64",
	"ssl-key-base64", "ssl-cert-base64", "max-sources",
};
/* clang-format on */

static const struct daemon_spec spec = {
	.program = "dm-worker",
	.items = items,
	.n = DM_ARRAY_SIZE(items),
	.config_file = AT(config_file),
	.bad_flag = DM_ERR_WORKER_PARSE_FLAG_SET,
	.stray_argument = DM_ERR_WORKER_INVALID_FLAG,
	.bad_file = DM_ERR_WORKER_DECODE_CONFIG_FROM_FILE,
	.unknown_key = DM_ERR_WORKER_UNDECODED_ITEM_FROM_FILE,
	.short_name = "worker",
	.contains = "contains",
};

static struct dm_err *
check_ttl(const char *name, int64_t seconds)
{
	if (seconds >= MIN_TTL_S && seconds <= MAX_TTL_S)
		return NULL;
	return dm_err_plain("%s must be %" PRId64 " to %" PRId64
			    " seconds, not %" PRId64,
	    name, MIN_TTL_S, MAX_TTL_S, seconds);
}

static struct dm_err *
adjust(struct dm_worker_cfg *c)
{
	struct dm_err *err;

	err = dm_addr_adjust(&(struct dm_addr_pair){
	    .own = &c->worker_addr,
	    .advertise = &c->advertise_addr,
	    .key = "worker-addr",
	    .bad_own = DM_ERR_WORKER_HOST_PORT_NOT_VALID,
	    .bad_advertise = DM_ERR_WORKER_HOST_PORT_NOT_VALID,
	});
	if (err != NULL)
		return err;
	if (c->name[0] == '\0')
		dm_cfg_replace(&c->name, g_strdup(c->advertise_addr));
	for (char **p = c->join; *p != NULL; p++) {
		g_autofree char *host = NULL;
		unsigned port;

		dm_cfg_replace(p, dm_addr_strip_scheme(*p));
		if (!dm_addr_split(*p, &host, &port) || host[0] == '\0')
			return dm_err_annotate(
			    dm_err_new(WORKER_HOST_PORT_NOT_VALID, *p), "join");
	}
	if (c->join[0] == NULL)
		return dm_err_plain(
		    "join is not set: give the addresses of "
		    "the dm-masters, for instance -join=127.0.0.1:8261");
	err = check_ttl("keepalive-ttl", c->keepalive_ttl);
	if (err == NULL)
		err = check_ttl("relay-keepalive-ttl", c->relay_keepalive_ttl);
	if (err != NULL)
		return err;
	if (c->max_sources < 1 || c->max_sources > DM_WORKER_SOURCES_MAX)
		return dm_err_plain(
		    "max-sources must be 1 to %d", DM_WORKER_SOURCES_MAX);
	return NULL;
}

struct dm_err *
dm_worker_cfg_load(int argc, char *const *argv, enum dm_daemon_action *action,
    struct dm_worker_cfg **cfg)
{
	DM_AUTO(dm_worker_cfg) c = g_new0(struct dm_worker_cfg, 1);
	struct dm_err *err;

	err = dm_daemon_load(&spec, argc, argv, action, c);
	if (err == NULL && *action == DM_DAEMON_RUN)
		err = adjust(c);
	if (err == NULL)
		*cfg = *action == DM_DAEMON_RUN ? DM_TAKE(c) : NULL;
	return err;
}

void
dm_worker_cfg_free(struct dm_worker_cfg *c)
{
	if (c == NULL)
		return;
	dm_daemon_fini(&spec, c);
	g_free(c);
}

char *
dm_worker_cfg_toml(const struct dm_worker_cfg *c)
{
	GString *out = g_string_new(NULL);

	for (size_t i = 0; i < DM_ARRAY_SIZE(shown); i++) {
		if (strcmp(shown[i], "join") == 0) {
			g_autofree char *join = g_strjoinv(",", c->join);

			g_string_append(out, "join = ");
			dm_toml_append_string(out, join);
			g_string_append_c(out, '\n');
		} else {
			dm_daemon_append_toml(out, &spec, c, shown[i]);
		}
	}
	return g_string_free(out, FALSE);
}

const char *
dm_worker_help(void)
{
	static char *text;

	if (g_once_init_enter(&text))
		g_once_init_leave(&text, dm_daemon_help(&spec));
	return text;
}
