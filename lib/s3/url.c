/* SPDX-License-Identifier: Apache-2.0 */
/* Where files are kept in an S3-compatible storage: see url.h. */
#include "lib/s3/url.h"

#include "lib/crypt/crypt.h"

#include <string.h>

#define SCHEME "s3://"
#define MASKED "******"

/* In the order in which they are printed. */
static const struct param {
	const char *name;
	size_t at;
	bool secret;
} params[] = {
	{ "endpoint", offsetof(struct dm_s3_url, endpoint), false },
	{ "region", offsetof(struct dm_s3_url, region), false },
	{ "access-key", offsetof(struct dm_s3_url, access_key), false },
	{ "secret-access-key", offsetof(struct dm_s3_url, secret_key), true },
	{ "session-token", offsetof(struct dm_s3_url, session_token), true },
	{ "storage-class", offsetof(struct dm_s3_url, storage_class), false },
	{ "sse", offsetof(struct dm_s3_url, sse), false },
	{ "sse-kms-key-id", offsetof(struct dm_s3_url, sse_kms_key_id), false },
	{ "acl", offsetof(struct dm_s3_url, acl), false },
};

static char **
field(struct dm_s3_url *u, const struct param *p)
{
	return (char **)(void *)((char *)u + p->at);
}

static const char *
value(const struct dm_s3_url *u, const struct param *p)
{
	return *(char *const *)(const void *)((const char *)u + p->at);
}

bool
dm_s3_is_url(const char *text)
{
	return g_ascii_strncasecmp(text, SCHEME, strlen(SCHEME)) == 0;
}

void
dm_s3_url_free(struct dm_s3_url *u)
{
	if (u == NULL)
		return;
	for (size_t i = 0; i < DM_ARRAY_SIZE(params); i++)
		dm_wipe(*field(u, &params[i]));
	g_free(u->bucket);
	g_free(u->prefix);
	g_free(u);
}

struct dm_s3_url *
dm_s3_url_copy(const struct dm_s3_url *u)
{
	struct dm_s3_url *copy = g_memdup2(u, sizeof(*u));

	copy->bucket = g_strdup(u->bucket);
	copy->prefix = g_strdup(u->prefix);
	for (size_t i = 0; i < DM_ARRAY_SIZE(params); i++)
		*field(copy, &params[i]) = g_strdup(value(u, &params[i]));
	return copy;
}

/* ---- reading ---- */

static char *
trim_slashes(const char *text)
{
	size_t n;

	text += strspn(text, "/");
	n = strlen(text);
	while (n > 0 && text[n - 1] == '/')
		n--;
	return g_strndup(text, n);
}

static bool
set_path_style(struct dm_s3_url *u, const char *text, char **why)
{
	bool yes = text[0] == '\0' || g_ascii_strcasecmp(text, "true") == 0 ||
		   strcmp(text, "1") == 0;

	if (!yes && g_ascii_strcasecmp(text, "false") != 0 &&
	    strcmp(text, "0") != 0) {
		*why = g_strdup_printf(
		    "force-path-style is true or false, not %s", text);
		return false;
	}
	u->virtual_host = !yes;
	return true;
}

/* "name=value", percent-encoded. */
static bool
set_param(struct dm_s3_url *u, const char *pair, char **why)
{
	const char *equals = strchr(pair, '=');
	g_autofree char *raw = equals == NULL
				   ? g_strdup(pair)
				   : g_strndup(pair, (size_t)(equals - pair));
	g_autofree char *name = g_uri_unescape_string(raw, NULL);
	char *text =
	    g_uri_unescape_string(equals == NULL ? "" : equals + 1, NULL);
	bool known = false;

	if (name == NULL || text == NULL) {
		*why = g_strdup_printf("%s is not percent-encoded", raw);
		dm_wipe(text);
		return false;
	}
	g_strdelimit(name, "_", '-');
	for (size_t i = 0; i < DM_ARRAY_SIZE(params) && !known; i++) {
		known = strcmp(name, params[i].name) == 0;
		if (!known)
			continue;
		dm_wipe(*field(u, &params[i]));
		*field(u, &params[i]) = DM_TAKE(text);
	}
	if (!known && strcmp(name, "force-path-style") == 0)
		known = set_path_style(u, text, why);
	else if (!known)
		*why = g_strdup_printf("the parameter %s is not known", name);
	dm_wipe(text);
	return known;
}

static bool
is_endpoint(const char *text)
{
	const char *host = strstr(text, "://");

	if (host == NULL || (!g_str_has_prefix(text, "http://") &&
				!g_str_has_prefix(text, "https://")))
		return false;
	host += strlen("://");
	return host[0] != '\0' && strpbrk(host, "/?#@ ") == NULL;
}

static bool
is_bucket(const char *text)
{
	size_t n = strlen(text);

	return n > 0 && n <= 255 &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == n;
}

static bool
check(struct dm_s3_url *u, char **why)
{
	char *endpoint = trim_slashes(u->endpoint);

	g_free(u->endpoint);
	u->endpoint = endpoint;
	if (!is_bucket(u->bucket))
		*why = g_strdup("a bucket must stand behind s3://");
	else if (endpoint[0] != '\0' && !is_endpoint(endpoint))
		*why = g_strdup_printf(
		    "endpoint must be like https://host:port, not %s",
		    endpoint);
	else if ((u->access_key[0] == '\0') != (u->secret_key[0] == '\0'))
		*why = g_strdup("access-key and secret-access-key must be "
				"given both or not at all");
	else if (strchr(u->access_key, ':') != NULL)
		*why = g_strdup("access-key has no ':' in it");
	return *why == NULL;
}

struct dm_s3_url *
dm_s3_url_parse(const char *text, char **why)
{
	DM_AUTO(dm_s3_url) u = g_new0(struct dm_s3_url, 1);
	const char *path, *query;
	g_autofree char *where = NULL;
	g_auto(GStrv) pairs = NULL;
	bool ok = true;

	*why = NULL;
	for (size_t i = 0; i < DM_ARRAY_SIZE(params); i++)
		*field(u, &params[i]) = g_strdup("");
	if (!dm_s3_is_url(text)) {
		*why = g_strdup("it does not begin with s3://");
		return NULL;
	}
	text += strlen(SCHEME);
	query = strchr(text, '?');
	where = query == NULL ? g_strdup(text)
			      : g_strndup(text, (size_t)(query - text));
	path = strchr(where, '/');
	u->bucket = path == NULL ? g_strdup(where)
				 : g_strndup(where, (size_t)(path - where));
	u->prefix = trim_slashes(path == NULL ? "" : path);
	pairs = g_strsplit(query == NULL ? "" : query + 1, "&", -1);
	for (size_t i = 0; ok && pairs[i] != NULL; i++)
		ok = pairs[i][0] == '\0' || set_param(u, pairs[i], why);
	for (size_t i = 0; pairs[i] != NULL; i++)
		explicit_bzero(pairs[i], strlen(pairs[i]));
	if (!ok || !check(u, why))
		return NULL;
	return DM_TAKE(u);
}

/* ---- printing ---- */

char *
dm_s3_url_name(const struct dm_s3_url *u)
{
	return g_strconcat(SCHEME, u->bucket, u->prefix[0] != '\0' ? "/" : "",
	    u->prefix, NULL);
}

char *
dm_s3_url_text(const struct dm_s3_url *u, bool mask)
{
	g_autofree char *name = dm_s3_url_name(u);
	GString *s = g_string_new(name);
	char mark = '?';

	for (size_t i = 0; i < DM_ARRAY_SIZE(params); i++) {
		const char *v = value(u, &params[i]);

		if (v[0] == '\0')
			continue;
		g_string_append_printf(s, "%c%s=", mark, params[i].name);
		mark = '&';
		if (mask && params[i].secret)
			g_string_append(s, MASKED);
		else /* references stay readable */
			g_string_append_uri_escaped(s, v, ":/${}", FALSE);
	}
	if (u->virtual_host)
		g_string_append_printf(s, "%cforce-path-style=false", mark);
	return g_string_free(s, FALSE);
}

void
dm_s3_url_descend(struct dm_s3_url *u, const char *folder)
{
	char *to = u->prefix[0] == '\0'
		       ? g_strdup(folder)
		       : g_strconcat(u->prefix, "/", folder, NULL);

	g_free(u->prefix);
	u->prefix = to;
}

static void
from_environment(char **at, const char *name)
{
	const char *v = (*at)[0] == '\0' ? g_getenv(name) : NULL;

	if (v == NULL)
		return;
	g_free(*at);
	*at = g_strdup(v);
}

void
dm_s3_url_complete(struct dm_s3_url *u)
{
	/* A token belongs to the key that it was made for. */
	if (u->access_key[0] == '\0') {
		from_environment(&u->session_token, "AWS_SESSION_TOKEN");
		from_environment(&u->access_key, "AWS_ACCESS_KEY_ID");
		from_environment(&u->secret_key, "AWS_SECRET_ACCESS_KEY");
	}
	from_environment(&u->region, "AWS_REGION");
	from_environment(&u->region, "AWS_DEFAULT_REGION");
	if (u->region[0] == '\0') {
		g_free(u->region);
		u->region = g_strdup("us-east-1");
	}
	if (u->endpoint[0] == '\0') {
		g_free(u->endpoint);
		u->endpoint =
		    g_strdup_printf("https://s3.%s.amazonaws.com", u->region);
	}
}
