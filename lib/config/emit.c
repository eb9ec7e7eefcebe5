/* SPDX-License-Identifier: Apache-2.0 */
/* Writing configurations in the style of Go's yaml.v2. */
#include "lib/config/bind.h"
#include "lib/config/db.h"

#include <inttypes.h>
#include <string.h>

void
dm_emit_key(GString *s, int indent, const char *key)
{
	g_string_append_printf(s, "%*s", indent, "");
	dm_yaml_append_string(s, key);
	g_string_append(s, ":\n");
}

void
dm_emit_raw(GString *s, int indent, const char *key, const char *value)
{
	g_string_append_printf(s, "%*s%s: %s\n", indent, "", key, value);
}

void
dm_emit_str(GString *s, int indent, const char *key, const char *value)
{
	g_string_append_printf(s, "%*s", indent, "");
	dm_yaml_append_string(s, key);
	g_string_append(s, ": ");
	dm_yaml_append_string(s, value);
	g_string_append_c(s, '\n');
}

void
dm_emit_bool(GString *s, int indent, const char *key, bool value)
{
	dm_emit_raw(s, indent, key, value ? "true" : "false");
}

void
dm_emit_int(GString *s, int indent, const char *key, int64_t value)
{
	g_string_append_printf(
	    s, "%*s%s: %" PRId64 "\n", indent, "", key, value);
}

void
dm_emit_strv(GString *s, int indent, const char *key, char *const *values)
{
	if (values == NULL || values[0] == NULL) {
		dm_emit_raw(s, indent, key, "[]");
		return;
	}
	dm_emit_key(s, indent, key);
	for (size_t i = 0; values[i] != NULL; i++) {
		g_string_append_printf(s, "%*s- ", indent, "");
		dm_yaml_append_string(s, values[i]);
		g_string_append_c(s, '\n');
	}
}

static void
emit_session(GString *s, int indent, char *const *session)
{
	if (session == NULL || session[0] == NULL) {
		dm_emit_raw(s, indent, "session", "{}");
		return;
	}
	dm_emit_key(s, indent, "session");
	for (size_t i = 0; session[i] != NULL; i++) {
		const char *eq = strchr(session[i], '=');
		g_autofree char *name = NULL;

		dm_assert(eq != NULL);
		name = g_strndup(session[i], (size_t)(eq - session[i]));
		dm_emit_str(s, indent + 2, name, eq + 1);
	}
}

/* NULL: nothing. */
static void
emit_pem(GString *s, int indent, const char *key, const char *pem)
{
	g_autofree char *text = NULL;

	if (pem == NULL)
		return;
	text = g_base64_encode((const guchar *)pem, strlen(pem));
	dm_emit_str(s, indent, key, text);
	explicit_bzero(text, strlen(text));
}

void
dm_emit_db(GString *s, int indent, const struct dm_db_cfg *db, bool mask)
{
	bool has_pem = db->ssl_ca_pem != NULL || db->ssl_cert_pem != NULL ||
		       db->ssl_key_pem != NULL;

	dm_emit_str(s, indent, "host", db->host);
	dm_emit_int(s, indent, "port", db->port);
	dm_emit_str(s, indent, "user", db->user);
	dm_emit_str(s, indent, "password",
	    mask && db->password[0] != '\0' ? "******" : db->password);
	dm_emit_raw(s, indent, "max-allowed-packet", "null");
	emit_session(s, indent, db->session);
	if (db->ssl_ca[0] == '\0' && db->ssl_cert[0] == '\0' &&
	    db->ssl_key[0] == '\0' && db->cert_allowed_cn == NULL &&
	    (mask || !has_pem)) {
		dm_emit_raw(s, indent, "security", "null");
		return;
	}
	dm_emit_key(s, indent, "security");
	dm_emit_str(s, indent + 2, "ssl-ca", db->ssl_ca);
	dm_emit_str(s, indent + 2, "ssl-cert", db->ssl_cert);
	dm_emit_str(s, indent + 2, "ssl-key", db->ssl_key);
	dm_emit_strv(s, indent + 2, "cert-allowed-cn", db->cert_allowed_cn);
	if (mask)
		return; /* DM shows no contents of certificates either */
	emit_pem(s, indent + 2, "ssl-ca-base64", db->ssl_ca_pem);
	emit_pem(s, indent + 2, "ssl-cert-base64", db->ssl_cert_pem);
	emit_pem(s, indent + 2, "ssl-key-base64", db->ssl_key_pem);
}
