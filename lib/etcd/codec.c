/* SPDX-License-Identifier: Apache-2.0 */
/* JSON of etcd's gateway: see codec.h. */
#include "lib/etcd/codec.h"

#include <inttypes.h>
#include <string.h>

json_t *
dm_etcd_json_bytes(const void *data, size_t len)
{
	g_autofree char *text = g_base64_encode(data, len);
	json_t *j = json_string(text);

	dm_assert(j != NULL);
	return j;
}

json_t *
dm_etcd_json_i64(int64_t v)
{
	return json_sprintf("%" PRId64, v);
}

/* The first key after all keys that begin with `key`; "\0" (one byte) means
 * "to the end" to etcd. *len: its length. */
static char *
prefix_end(const char *key, size_t *len)
{
	size_t n = strlen(key);
	char *end = g_strdup(key);

	while (n > 0 && (unsigned char)end[n - 1] == 0xff)
		n--;
	if (n == 0) {
		end[0] = '\0';
		*len = 1;
		return end;
	}
	end[n - 1] = (char)((unsigned char)end[n - 1] + 1);
	*len = n;
	return end;
}

json_t *
dm_etcd_json_key(const char *key, bool prefix)
{
	json_t *j = json_object();

	dm_assert(key[0] != '\0');
	json_object_set_new(j, "key", dm_etcd_json_bytes(key, strlen(key)));
	if (prefix) {
		size_t n;
		g_autofree char *end = prefix_end(key, &n);

		json_object_set_new(j, "range_end", dm_etcd_json_bytes(end, n));
	}
	return j;
}

bool
dm_etcd_get_i64(const json_t *obj, const char *name, int64_t *v)
{
	const json_t *j = json_object_get(obj, name);
	gint64 n;

	*v = 0;
	if (j == NULL)
		return true;
	if (json_is_integer(j)) {
		*v = json_integer_value(j);
		return true;
	}
	if (!json_is_string(j) ||
	    !g_ascii_string_to_signed(
		json_string_value(j), 10, G_MININT64, G_MAXINT64, &n, NULL))
		return false;
	*v = n;
	return true;
}

bool
dm_etcd_get_u64(const json_t *obj, const char *name, uint64_t *v)
{
	const json_t *j = json_object_get(obj, name);
	guint64 n;

	*v = 0;
	if (j == NULL)
		return true;
	if (json_is_integer(j) && json_integer_value(j) >= 0) {
		*v = (uint64_t)json_integer_value(j);
		return true;
	}
	if (!json_is_string(j) ||
	    !g_ascii_string_to_unsigned(
		json_string_value(j), 10, 0, G_MAXUINT64, &n, NULL))
		return false;
	*v = n;
	return true;
}

/* *out: new, NUL-terminated. */
static bool
get_bytes(const json_t *obj, const char *name, char **out, size_t *len)
{
	const json_t *j = json_object_get(obj, name);
	size_t n = json_string_length(j);
	gint state = 0;
	guint save = 0;

	if (j != NULL && !json_is_string(j))
		return false;
	*out = g_malloc(n / 4 * 3 + 4);
	*len = 0;
	if (n > 0)
		*len = g_base64_decode_step(
		    json_string_value(j), n, (guchar *)*out, &state, &save);
	(*out)[*len] = '\0';
	return true;
}

bool
dm_etcd_kv_parse(const json_t *obj, struct dm_etcd_kv *kv)
{
	return json_is_object(obj) &&
	       get_bytes(obj, "key", &kv->key, &kv->key_len) &&
	       get_bytes(obj, "value", &kv->value, &kv->value_len) &&
	       dm_etcd_get_i64(obj, "create_revision", &kv->create_revision) &&
	       dm_etcd_get_i64(obj, "mod_revision", &kv->mod_revision) &&
	       dm_etcd_get_i64(obj, "version", &kv->version) &&
	       dm_etcd_get_i64(obj, "lease", &kv->lease);
}

void
dm_etcd_kv_fini(struct dm_etcd_kv *kv)
{
	g_free(kv->key);
	g_free(kv->value);
}

bool
dm_etcd_get_revision(const json_t *root, int64_t *rev)
{
	return dm_etcd_get_i64(
	    json_object_get(root, "header"), "revision", rev);
}
