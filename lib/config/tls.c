/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of TLS -> certificates: ssl-ca, ssl-cert, ssl-key in all their
 * forms, cert-allowed-cn.
 * SOURCE: control-plane reference 7.1, 7.2. Differs: DM reads the base64 forms
 * but does not use them for the listener; here all forms are equal.
 */
#include "lib/config/daemon.h"

#include <string.h>

static bool
is_given(const char *s)
{
	return s != NULL && s[0] != '\0';
}

bool
dm_tls_cfg_is_on(const struct dm_tls_cfg *c)
{
	const char *const all[] = { c->ca, c->cert, c->key, c->ca_base64,
		c->cert_base64, c->key_base64, c->ca_bytes, c->cert_bytes,
		c->key_bytes };

	for (size_t i = 0; i < DM_ARRAY_SIZE(all); i++)
		if (is_given(all[i]))
			return true;
	return false;
}

/* GLib's decoder skips what is no base64: looked at before. */
static bool
is_base64(const char *text)
{
	size_t n = 0;

	for (; *text != '\0' && *text != '='; text++) {
		if (g_ascii_isspace(*text))
			continue;
		if (!g_ascii_isalnum(*text) && *text != '+' && *text != '/')
			return false;
		n++;
	}
	for (; *text != '\0'; text++) {
		if (*text == '=')
			n++;
		else if (!g_ascii_isspace(*text))
			return false;
	}
	return n > 0 && n % 4 == 0;
}

struct dm_err *
dm_pem_decode(const char *key, const char *base64, char **pem)
{
	g_autofree guchar *bytes = NULL;
	struct dm_err *err = NULL;
	gsize len = 0;

	if (!is_base64(base64))
		return dm_err_plain("%s: it is not base64", key);
	bytes = g_base64_decode(base64, &len);
	if (memchr(bytes, '\0', len) != NULL)
		err = dm_err_plain("%s: it does not hold a PEM text", key);
	else
		*pem = g_strndup((const char *)bytes, len);
	explicit_bzero(bytes, len);
	return err;
}

/* *pem: a new string; NULL when neither form is set. */
static struct dm_err *
inline_pem(const char *key, const char *bytes, const char *base64, char **pem)
{
	*pem = NULL;
	if (is_given(bytes))
		*pem = g_strdup(bytes);
	else if (is_given(base64))
		return dm_pem_decode(key, base64, pem);
	return NULL;
}

struct dm_err *
dm_tls_cfg_load(const struct dm_tls_cfg *c, bool server,
    dm_tls_changed_fn *changed, void *arg, struct dm_tls **tls)
{
	char *const *names = c->cert_allowed_cn;
	g_autofree char *ca = NULL, *cert = NULL, *key = NULL;
	struct dm_tls_opts o = { .ca = c->ca,
		.cert = c->cert,
		.key = c->key,
		.allowed_cn = (const char *const *)names,
		.changed = changed,
		.arg = arg };
	struct dm_err *err;

	*tls = NULL;
	if (!dm_tls_cfg_is_on(c))
		return names == NULL || names[0] == NULL
			   ? NULL
			   : dm_err_plain(
				 "cert-allowed-cn is set, but ssl-ca is "
				 "not set");
	err = inline_pem("ssl-ca-base64", c->ca_bytes, c->ca_base64, &ca);
	if (err == NULL)
		err = inline_pem(
		    "ssl-cert-base64", c->cert_bytes, c->cert_base64, &cert);
	if (err == NULL)
		err = inline_pem(
		    "ssl-key-base64", c->key_bytes, c->key_base64, &key);
	o.ca_pem = ca;
	o.cert_pem = cert;
	o.key_pem = key;
	if (err == NULL && server && cert == NULL && !is_given(c->cert) &&
	    key == NULL && !is_given(c->key))
		err = dm_err_plain(
		    "ssl-cert and ssl-key are not set: ssl-ca, ssl-cert and "
		    "ssl-key are needed together");
	if (err == NULL)
		err = dm_tls_new(&o, tls);
	if (key != NULL)
		explicit_bzero(key, strlen(key));
	return err;
}
