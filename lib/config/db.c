/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints of databases: reading, copying, connecting parameters. */
#include "lib/config/db.h"

#include "lib/config/bind.h"
#include "lib/config/daemon.h"

#include <string.h>

void
dm_db_cfg_fini(struct dm_db_cfg *c)
{
	if (c == NULL)
		return;
	g_free(c->host);
	g_free(c->user);
	if (c->password != NULL)
		explicit_bzero(c->password, strlen(c->password));
	g_free(c->password);
	g_strfreev(c->session);
	g_free(c->ssl_ca);
	g_free(c->ssl_cert);
	g_free(c->ssl_key);
	g_free(c->ssl_ca_pem);
	g_free(c->ssl_cert_pem);
	if (c->ssl_key_pem != NULL)
		explicit_bzero(c->ssl_key_pem, strlen(c->ssl_key_pem));
	g_free(c->ssl_key_pem);
	g_strfreev(c->cert_allowed_cn);
	memset(c, 0, sizeof(*c));
}

void
dm_db_cfg_copy(struct dm_db_cfg *to, const struct dm_db_cfg *from)
{
	to->host = g_strdup(from->host);
	to->port = from->port;
	to->user = g_strdup(from->user);
	to->password = g_strdup(from->password);
	to->literal = from->literal;
	to->session = g_strdupv(from->session);
	to->ssl_ca = g_strdup(from->ssl_ca);
	to->ssl_cert = g_strdup(from->ssl_cert);
	to->ssl_key = g_strdup(from->ssl_key);
	to->ssl_ca_pem = g_strdup(from->ssl_ca_pem);
	to->ssl_cert_pem = g_strdup(from->ssl_cert_pem);
	to->ssl_key_pem = g_strdup(from->ssl_key_pem);
	to->cert_allowed_cn = g_strdupv(from->cert_allowed_cn);
}

struct dm_sql_params
dm_db_cfg_params(const struct dm_db_cfg *c, enum dm_err_scope scope)
{
	return (struct dm_sql_params){ .host = c->host,
		.port = c->port,
		.user = c->user,
		.password = c->password,
		.ssl_ca = c->ssl_ca,
		.ssl_cert = c->ssl_cert,
		.ssl_key = c->ssl_key,
		.ssl_ca_pem = c->ssl_ca_pem,
		.ssl_cert_pem = c->ssl_cert_pem,
		.ssl_key_pem = c->ssl_key_pem,
		.cert_allowed_cn = (const char *const *)c->cert_allowed_cn,
		.session = (const char *const *)c->session,
		.scope = scope };
}

const char *
dm_db_cfg_session(const struct dm_db_cfg *c, const char *name)
{
	size_t len = strlen(name);

	for (char **p = c->session; p != NULL && *p != NULL; p++)
		if (strncmp(*p, name, len) == 0 && (*p)[len] == '=')
			return *p + len + 1;
	return NULL;
}

static bool
is_variable_name(const char *name)
{
	for (const char *p = name; *p != '\0'; p++)
		if (!g_ascii_isalnum(*p) && *p != '_' && *p != '.')
			return false;
	return name[0] != '\0';
}

static gint
by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* *out: sorted "name=value", names in lower case. */
static void
bind_session(struct dm_report *r, const char *path, const struct dm_yaml *node,
    char ***out)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GHashTable) seen =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	if (node->kind != DM_YAML_MAP) {
		dm_bind_fail(r, path, node, "write `name: value` lines",
		    "must be a map of session variables");
		return;
	}
	for (guint i = 0; i < node->pairs->len; i++) {
		const struct dm_yaml_pair *p =
		    &g_array_index(node->pairs, struct dm_yaml_pair, i);
		g_autofree char *full = dm_bind_path(path, p->key);
		char *name = g_ascii_strdown(p->key, -1);
		g_autofree char *value = NULL;

		if (!is_variable_name(name))
			dm_bind_fail(r, full, p->value, "",
			    "not the name of a session variable");
		else if (dm_bind_str(r, full, p->value, &value))
			g_ptr_array_add(
			    list, g_strconcat(name, "=", value, NULL));
		if (!g_hash_table_add(seen, name))
			dm_report_add(r, DM_ERR_CONFIG_YAML_TRANSFORM, p->line,
			    p->col, full, "keep one of them", "given twice");
	}
	g_ptr_array_sort(list, by_text);
	g_ptr_array_add(list, NULL);
	g_strfreev(*out);
	*out = (char **)g_ptr_array_steal(list, NULL);
}

/* ---- certificates ---- */

/* A list of bytes, as DM's programs write it. NULL: it is not one. */
static char *
pem_of_numbers(const struct dm_yaml *node)
{
	g_autoptr(GString) text = g_string_new(NULL);

	if (node->kind != DM_YAML_SEQ)
		return NULL;
	for (guint i = 0; i < node->items->len; i++) {
		const struct dm_yaml *n = g_ptr_array_index(node->items, i);
		guint64 byte;

		if (n->kind != DM_YAML_SCALAR ||
		    !g_ascii_string_to_unsigned(
			n->text, 10, 1, 255, &byte, NULL))
			return NULL;
		g_string_append_c(text, (char)byte);
	}
	return g_strdup(text->str);
}

/* The PEM text itself, its base64, or (bytes only) a list of numbers. */
static struct dm_err *
pem_of_node(const char *key, const struct dm_yaml *node, char **pem)
{
	if (node->kind == DM_YAML_SCALAR &&
	    strstr(node->text, "-----BEGIN ") != NULL)
		*pem = g_strdup(node->text);
	else if (node->kind == DM_YAML_SCALAR)
		return dm_pem_decode(key, node->text, pem);
	else
		*pem = pem_of_numbers(node);
	return *pem != NULL
		   ? NULL
		   : dm_err_plain(
			 "%s: expected a PEM text, or its base64", key);
}

/* The first of the two keys that has a value. */
static void
bind_pem(struct dm_report *r, const char *path, const struct dm_yaml *node,
    const char *const keys[2], char **to)
{
	for (size_t i = 0; i < 2; i++) {
		const struct dm_yaml_pair *p = dm_yaml_find(node, keys[i]);
		DM_AUTO(dm_err) err = NULL;
		g_autofree char *pem = NULL;

		if (p == NULL || dm_bind_is_empty(p->value) ||
		    (p->value->kind == DM_YAML_SCALAR &&
			p->value->text[0] == '\0'))
			continue;
		err = pem_of_node(p->key, p->value, &pem);
		if (err != NULL)
			dm_report_add(r, DM_ERR_CONN_INVALID_TLS_CONFIG,
			    p->line, p->col, path,
			    "give the certificate in PEM form, encoded by "
			    "base64",
			    "%s", err->message);
		else if (*to == NULL)
			*to = g_steal_pointer(&pem);
	}
}

static bool
has_one(const char *path, const char *pem)
{
	return path[0] != '\0' || (pem != NULL && pem[0] != '\0');
}

static void
bind_security(struct dm_report *r, const char *path, const struct dm_yaml *node,
    struct dm_db_cfg *db)
{
	static const struct bind_key keys[] = {
		BIND("ssl-ca", STR, dm_db_cfg, ssl_ca),
		BIND("ssl-cert", STR, dm_db_cfg, ssl_cert),
		BIND("ssl-key", STR, dm_db_cfg, ssl_key),
		BIND("cert-allowed-cn", STRV, dm_db_cfg, cert_allowed_cn),
		BIND_DROP("ssl-ca-bytes"),
		BIND_DROP("ssl-cert-bytes"),
		BIND_DROP("ssl-key-bytes"),
		BIND_DROP("ssl-ca-base64"),
		BIND_DROP("ssl-cert-base64"),
		BIND_DROP("ssl-key-base64"),
	};
	static const char *const forms[3][2] = {
		{ "ssl-ca-bytes", "ssl-ca-base64" },
		{ "ssl-cert-bytes", "ssl-cert-base64" },
		{ "ssl-key-bytes", "ssl-key-base64" },
	};

	dm_bind_map(r, path, node, keys, DM_ARRAY_SIZE(keys), db);
	bind_pem(r, path, node, forms[0], &db->ssl_ca_pem);
	bind_pem(r, path, node, forms[1], &db->ssl_cert_pem);
	bind_pem(r, path, node, forms[2], &db->ssl_key_pem);
	if (has_one(db->ssl_cert, db->ssl_cert_pem) !=
	    has_one(db->ssl_key, db->ssl_key_pem))
		dm_report_add(r, DM_ERR_CONN_INVALID_TLS_CONFIG, node->line,
		    node->col, path, "give both or none",
		    "ssl-cert and ssl-key belong together");
	if (db->cert_allowed_cn != NULL && db->cert_allowed_cn[0] == NULL)
		g_clear_pointer(&db->cert_allowed_cn, g_strfreev);
}

static void
check_required(struct dm_report *r, const char *path,
    const struct dm_yaml *node, const struct dm_db_cfg *db)
{
	bool is_socket = strchr(db->host, '/') != NULL;

	if (db->host[0] == '\0')
		dm_bind_fail(r, path, node, "add `host: <name or address>`",
		    "host is missing");
	if (db->port == 0 && !is_socket && dm_yaml_find(node, "port") == NULL)
		dm_bind_fail(
		    r, path, node, "add `port: 3306`", "port is missing");
	else if (db->port == 0 && !is_socket)
		dm_bind_fail(r, path, dm_yaml_find(node, "port")->value, "",
		    "port must be 1 to 65535");
	if (db->user[0] == '\0')
		dm_bind_fail(
		    r, path, node, "add `user: <name>`", "user is missing");
}

void
dm_bind_db(struct dm_report *r, const char *path, const struct dm_yaml *node,
    struct dm_db_cfg *db)
{
	static const struct bind_key keys[] = {
		BIND("host", STR, dm_db_cfg, host),
		BIND_RANGE("port", UINT, dm_db_cfg, port, 0, 65535),
		BIND("user", STR, dm_db_cfg, user),
		BIND("password", STR, dm_db_cfg, password),
		BIND_DROP("max-allowed-packet"),
		BIND_DROP("session"),
		BIND_DROP("security"),
	};
	const struct dm_yaml_pair *p;

	db->host = g_strdup("");
	db->user = g_strdup("");
	db->password = g_strdup("");
	db->ssl_ca = g_strdup("");
	db->ssl_cert = g_strdup("");
	db->ssl_key = g_strdup("");
	db->session = g_new0(char *, 1);
	dm_bind_map(r, path, node, keys, DM_ARRAY_SIZE(keys), db);
	if (node->kind != DM_YAML_MAP && !dm_yaml_is_null(node))
		return; /* told */
	p = dm_yaml_find(node, "session");
	if (p != NULL && !dm_yaml_is_null(p->value)) {
		g_autofree char *sub = dm_bind_path(path, "session");

		bind_session(r, sub, p->value, &db->session);
	}
	p = dm_yaml_find(node, "security");
	if (p != NULL && !dm_yaml_is_null(p->value)) {
		g_autofree char *sub = dm_bind_path(path, "security");

		bind_security(r, sub, p->value, db);
	}
	check_required(r, path, node, db);
}
