/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the masters are and how to reach them.
 *
 * SOURCE: dm/ctl/common/config.go. Differs: there, options that were not given
 * overwrite what the file says, so that the file's master-addr and rpc-timeout
 * never count; here they do.
 */
#include "ctl/settings.h"
#include "ctl/common.h"
#include "lib/text/duration.h"
#include "lib/text/toml.h"

#include <string.h>

/* ---- the file ---- */

static struct dm_err *
load_file(const char *path, struct dm_toml **doc)
{
	g_autofree char *text = NULL, *why = NULL;
	struct dm_err *err = ctl_read_file(path, &text);

	if (err == NULL)
		err = dm_toml_parse(path, text, strlen(text), doc);
	if (err == NULL)
		return NULL;
	why = dm_err_message(err);
	dm_err_free(err);
	return dm_err_plain("the current command parameter: --config is "
			    "invalid or used incorrectly: %s",
	    why);
}

/* A string of the file; NULL: not there. Borrowed. */
static const char *
from_file(const struct dm_toml *doc, const char *key)
{
	for (guint i = 0; doc != NULL && i < doc->entries->len; i++) {
		const struct dm_toml_entry *e =
		    g_ptr_array_index(doc->entries, i);

		if (strcmp(e->key, key) == 0 &&
		    e->value->kind == DM_TOML_STRING)
			return e->value->s;
	}
	return NULL;
}

/* ---- one value ---- */

/* The option, else the environment, else the file, else the default. */
static char *
choose(const struct ctl_inv *inv, const struct ctl_opt *o, const char *env,
    const struct dm_toml *doc)
{
	const char *v = env != NULL ? g_getenv(env) : NULL;

	if (ctl_given(inv, o) || v == NULL || v[0] == '\0') {
		v = from_file(doc, o->name);
		if (ctl_given(inv, o) || v == NULL)
			v = ctl_string(inv, o);
	}
	return g_strdup(v);
}

/* ---- addresses ---- */

/* Go's words for what is no host:port; NULL when it is one. */
static const char *
bad_address(const char *addr)
{
	const char *colon = strrchr(addr, ':');

	if (colon == NULL)
		return "missing port in address";
	if (addr[0] == '[' ? colon[-1] != ']' : strchr(addr, ':') != colon)
		return "too many colons in address";
	return NULL;
}

static struct dm_err *
split_masters(struct ctl_settings *set)
{
	g_auto(GStrv) parts = g_strsplit(set->master_addr, ",", -1);
	g_autoptr(GPtrArray) out = g_ptr_array_new_with_free_func(g_free);

	for (size_t i = 0; parts[i] != NULL; i++) {
		const char *addr = g_strstrip(parts[i]), *why;

		if (g_str_has_prefix(addr, "http://"))
			addr += strlen("http://");
		else if (g_str_has_prefix(addr, "https://"))
			addr += strlen("https://");
		why = bad_address(addr);
		if (why != NULL)
			return dm_err_plain(
			    "specify master addr %s: address %s: %s",
			    set->master_addr, addr, why);
		g_ptr_array_add(out, g_strdup(addr));
	}
	g_ptr_array_add(out, NULL);
	set->masters = (char **)g_ptr_array_steal(out, NULL);
	return NULL;
}

static struct dm_err *
parse_timeout(const char *text, int64_t *ms)
{
	int64_t ns = 0;
	struct dm_err *err = dm_duration_parse(text, &ns);

	if (err != NULL)
		return dm_err_annotate(err, "--rpc-timeout");
	if (ns <= 0)
		return dm_err_plain(
		    "--rpc-timeout: %s is not a positive duration", text);
	*ms = MAX(ns / 1000000, 1);
	return NULL;
}

static struct dm_err *
check(struct ctl_settings *set)
{
	if (set->master_addr[0] == '\0')
		return dm_err_plain(
		    "--master-addr not provided, this parameter is required "
		    "when interacting with the dm-master, you can also set "
		    "the environment variable 'DM_MASTER_ADDR' to specify the "
		    "value. Use `dmctl --help` to see more help messages");
	if (set->ssl_ca[0] != '\0' || set->ssl_cert[0] != '\0' ||
	    set->ssl_key[0] != '\0')
		return dm_err_set_workaround(
		    dm_err_set_cause(dm_err_new(CTL_INVALID_TLS_CFG),
			"dmctl does not support TLS to dm-master yet"),
		    "leave out --ssl-ca, --ssl-cert and --ssl-key");
	return split_masters(set);
}

struct dm_err *
ctl_settings_load(const struct ctl_inv *inv, struct ctl_settings **out)
{
	DM_AUTO(ctl_settings) set = g_new0(struct ctl_settings, 1);
	DM_AUTO(dm_toml) doc = NULL;
	g_autofree char *timeout = NULL;
	const char *path = ctl_string(inv, &ctl_opt_config);
	struct dm_err *err = NULL;

	if (path[0] != '\0')
		err = load_file(path, &doc);
	if (err != NULL)
		return err;
	set->master_addr =
	    choose(inv, &ctl_opt_master_addr, "DM_MASTER_ADDR", doc);
	set->ssl_ca = choose(inv, &ctl_opt_ssl_ca, NULL, doc);
	set->ssl_cert = choose(inv, &ctl_opt_ssl_cert, NULL, doc);
	set->ssl_key = choose(inv, &ctl_opt_ssl_key, NULL, doc);
	timeout = choose(inv, &ctl_opt_rpc_timeout, NULL, doc);
	err = parse_timeout(timeout, &set->rpc_timeout_ms);
	if (err == NULL)
		err = check(set);
	if (err == NULL)
		*out = DM_TAKE(set);
	return err;
}

void
ctl_settings_free(struct ctl_settings *set)
{
	if (set == NULL)
		return;
	g_free(set->master_addr);
	g_strfreev(set->masters);
	g_free(set->ssl_ca);
	g_free(set->ssl_cert);
	g_free(set->ssl_key);
	g_free(set);
}
