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
#include "lib/config/daemon.h"
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
	return split_masters(set);
}

/* ---- TLS ---- */

/* A list of strings of the file, or one with commas; NULL-terminated, new. */
static char **
names_from_file(const struct dm_toml *doc, const char *key)
{
	g_autoptr(GStrvBuilder) b = g_strv_builder_new();
	const char *one = from_file(doc, key);

	if (one != NULL)
		return g_strsplit(one, ",", -1);
	for (guint i = 0; doc != NULL && i < doc->entries->len; i++) {
		const struct dm_toml_entry *e =
		    g_ptr_array_index(doc->entries, i);
		const struct dm_toml_value *v = e->value;

		if (strcmp(e->key, key) != 0 || v->kind != DM_TOML_ARRAY)
			continue;
		for (guint k = 0; k < v->items->len; k++) {
			const struct dm_toml_value *name = v->items->pdata[k];

			if (name->kind == DM_TOML_STRING)
				g_strv_builder_add(b, name->s);
		}
	}
	return g_strv_builder_end(b);
}

static struct dm_err *
load_certs(
    const struct ctl_inv *inv, const struct dm_toml *doc, struct dm_tls **tls)
{
	struct dm_tls_cfg c = { 0 };
	struct {
		const char *key;
		char **to;
	} inline_forms[] = {
		{ "ssl-ca-base64", &c.ca_base64 },
		{ "ssl-cert-base64", &c.cert_base64 },
		{ "ssl-key-base64", &c.key_base64 },
		{ "ssl-ca-bytes", &c.ca_bytes },
		{ "ssl-cert-bytes", &c.cert_bytes },
		{ "ssl-key-bytes", &c.key_bytes },
	};
	struct dm_err *err;

	c.ca = choose(inv, &ctl_opt_ssl_ca, NULL, doc);
	c.cert = choose(inv, &ctl_opt_ssl_cert, NULL, doc);
	c.key = choose(inv, &ctl_opt_ssl_key, NULL, doc);
	for (size_t i = 0; i < DM_ARRAY_SIZE(inline_forms); i++)
		*inline_forms[i].to =
		    g_strdup(from_file(doc, inline_forms[i].key));
	c.cert_allowed_cn = names_from_file(doc, "cert-allowed-cn");
	err = dm_tls_cfg_load(&c, false, NULL, NULL, tls);
	g_free(c.ca);
	g_free(c.cert);
	g_free(c.key);
	for (size_t i = 0; i < DM_ARRAY_SIZE(inline_forms); i++)
		g_free(*inline_forms[i].to);
	g_strfreev(c.cert_allowed_cn);
	return err == NULL ? NULL : dm_err_wrap(err, CTL_INVALID_TLS_CFG);
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
	timeout = choose(inv, &ctl_opt_rpc_timeout, NULL, doc);
	err = parse_timeout(timeout, &set->rpc_timeout_ms);
	if (err == NULL)
		err = check(set);
	if (err == NULL)
		err = load_certs(inv, doc, &set->tls);
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
	dm_tls_free(set->tls);
	g_free(set);
}
