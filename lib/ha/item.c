/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and values of the cluster's objects in etcd; both directions stand side
 * by side here so that they cannot drift apart.
 * SOURCE: dm/common/common.go (keys). Differs: values carry a format number,
 * configurations are YAML.
 */
#include "lib/ha/item.h"

#include <jansson.h>
#include <string.h>

#define YAML_HEAD "# format: "

static const struct {
	const char *prefix;
	unsigned names; /* components behind the prefix */
} kinds[DM_HA_KINDS] = {
	[DM_HA_WORKER] = { "/dm-worker/r/", 1 },
	[DM_HA_ALIVE] = { "/dm-worker/a/", 1 },
	[DM_HA_SOURCE] = { "/dm-master/v2/upstream/config/", 1 },
	[DM_HA_RELAY_STAGE] = { "/dm-master/v2/stage/relay/", 1 },
	[DM_HA_RELAY_WORKER] = { "/dm-master/relay-worker/", 2 },
	[DM_HA_BOUND] = { "/dm-master/bound-worker/", 2 },
	[DM_HA_LAST_BOUND] = { "/dm-master/last-bound-worker/", 2 },
	[DM_HA_SUBTASK] = { "/dm-master/upstream/subtask/", 2 },
	[DM_HA_STAGE] = { "/dm-master/stage/subtask/", 2 },
	[DM_HA_CLI_ARGS] = { "/dm-master/task-cli-args/", 2 },
	[DM_HA_CLUSTER_ID] = { "/dm-cluster/id", 0 },
	[DM_HA_VERSION] = { "/dm-cluster/version", 0 },
	[DM_HA_SECRET_KEY] = { "/dm-cluster/secret-key", 0 },
};

void
dm_ha_item_free(struct dm_ha_item *i)
{
	if (i == NULL)
		return;
	g_free(i->first);
	g_free(i->second);
	g_free(i->text);
	g_free(i);
}

const char *
dm_ha_prefix(enum dm_ha_kind kind)
{
	return kinds[kind].prefix;
}

static void
append_hex(GString *s, const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		g_string_append_printf(s, "%02x", (unsigned)(unsigned char)*p);
}

char *
dm_ha_key(enum dm_ha_kind kind, const char *first, const char *second)
{
	GString *s = g_string_new(kinds[kind].prefix);

	dm_assert((first != NULL) == (kinds[kind].names >= 1));
	dm_assert((second != NULL) == (kinds[kind].names == 2));
	if (first != NULL)
		append_hex(s, first);
	if (second != NULL) {
		g_string_append_c(s, '/');
		append_hex(s, second);
	}
	return g_string_free(s, FALSE);
}

/* One hex component of [*p, end of component); NULL when it is none. */
static char *
take_hex(const char **p)
{
	g_autoptr(GString) s = g_string_new(NULL);
	const char *q = *p;

	for (; *q != '\0' && *q != '/'; q += 2) {
		int hi = g_ascii_xdigit_value(q[0]);
		int lo = hi < 0 ? -1 : g_ascii_xdigit_value(q[1]);

		if (lo < 0 || (hi == 0 && lo == 0))
			return NULL;
		g_string_append_c(s, (char)(hi * 16 + lo));
	}
	if (s->len == 0 || !g_utf8_validate(s->str, -1, NULL))
		return NULL;
	*p = q;
	return g_strdup(s->str);
}

static bool
parse_key(const char *key, struct dm_ha_item *i)
{
	for (int k = 0; k < DM_HA_KINDS; k++) {
		const char *p = key + strlen(kinds[k].prefix);

		if (!g_str_has_prefix(key, kinds[k].prefix))
			continue;
		i->kind = (enum dm_ha_kind)k;
		if (kinds[k].names >= 1) {
			i->first = take_hex(&p);
			if (i->first == NULL)
				return false;
		}
		if (kinds[k].names == 2) {
			if (*p++ != '/')
				return false;
			i->second = take_hex(&p);
			if (i->second == NULL)
				return false;
		}
		return *p == '\0';
	}
	return false;
}

/* ---- values ---- */

static json_t *
json_of(const struct dm_ha_item *i)
{
	switch (i->kind) {
	case DM_HA_WORKER:
		return json_pack("{s:i,s:s,s:s}", "format", DM_HA_FORMAT,
		    "name", i->first, "addr", i->text);
	case DM_HA_ALIVE:
		return json_pack("{s:i,s:s,s:s,s:I}", "format", DM_HA_FORMAT,
		    "worker-name", i->first, "join-time", i->text, "ttl",
		    (json_int_t)i->number);
	case DM_HA_BOUND:
	case DM_HA_LAST_BOUND:
	case DM_HA_RELAY_WORKER:
		return json_pack("{s:i,s:s,s:s}", "format", DM_HA_FORMAT,
		    "source", i->second, "worker", i->first);
	case DM_HA_STAGE:
		return json_pack("{s:i,s:I,s:s,s:s}", "format", DM_HA_FORMAT,
		    "expect", (json_int_t)i->number, "source", i->first, "task",
		    i->second);
	case DM_HA_RELAY_STAGE:
		return json_pack("{s:i,s:I,s:s}", "format", DM_HA_FORMAT,
		    "expect", (json_int_t)i->number, "source", i->first);
	case DM_HA_CLI_ARGS:
		return json_pack("{s:i,s:s,s:b}", "format", DM_HA_FORMAT,
		    "start_time", i->text, "adopt", i->number != 0);
	case DM_HA_VERSION:
		return json_pack("{s:i,s:I,s:s}", "format", DM_HA_FORMAT,
		    "internal-no", (json_int_t)i->number, "release-ver",
		    i->text);
	case DM_HA_SECRET_KEY:
		return json_pack(
		    "{s:i,s:s}", "format", DM_HA_FORMAT, "id", i->text);
	case DM_HA_SOURCE:
	case DM_HA_SUBTASK:
	case DM_HA_CLUSTER_ID:
	case DM_HA_KINDS:
		break;
	}
	return NULL;
}

char *
dm_ha_encode(const struct dm_ha_item *i, size_t *len)
{
	char *out, *text;
	json_t *j;

	if (i->kind == DM_HA_CLUSTER_ID) {
		uint64_t be = GUINT64_TO_BE((uint64_t)i->number);

		out = g_malloc0(sizeof(be) + 1);
		memcpy(out, &be, sizeof(be));
		*len = sizeof(be);
		return out;
	}
	if (i->kind == DM_HA_SOURCE || i->kind == DM_HA_SUBTASK) {
		out =
		    g_strdup_printf(YAML_HEAD "%d\n%s", DM_HA_FORMAT, i->text);
		*len = strlen(out);
		return out;
	}
	j = json_of(i);
	dm_assert(j != NULL); /* names and texts are UTF-8: checked before */
	text = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	out = g_strdup(text);
	free(text);
	*len = strlen(out);
	return out;
}

static struct dm_err *
invalid(const struct dm_etcd_kv *kv, const char *why)
{
	return dm_err_set_cause(
	    dm_err_new(HA_INVALID_ITEM, kv->key), "%s", why);
}

static struct dm_err *
check_format(const struct dm_etcd_kv *kv, int64_t format)
{
	if (format > DM_HA_FORMAT)
		return invalid(kv, "it was written by a newer version");
	if (format < 1)
		return invalid(kv, "it has no format number");
	return NULL;
}

static struct dm_err *
decode_yaml(const struct dm_etcd_kv *kv, struct dm_ha_item *i)
{
	const char *end;
	int64_t format;

	if (!g_str_has_prefix(kv->value, YAML_HEAD))
		return invalid(kv, "it has no format number");
	format = g_ascii_strtoll(kv->value + strlen(YAML_HEAD), NULL, 10);
	end = strchr(kv->value, '\n');
	if (end == NULL)
		return invalid(kv, "it has no text");
	i->text = g_strdup(end + 1);
	return check_format(kv, format);
}

/* Which member of the JSON object is the item's text, and its number. */
static const char *
text_member(enum dm_ha_kind kind, const char **number)
{
	*number = NULL;
	switch (kind) {
	case DM_HA_WORKER:
		return "addr";
	case DM_HA_ALIVE:
		*number = "ttl";
		return "join-time";
	case DM_HA_STAGE:
	case DM_HA_RELAY_STAGE:
		*number = "expect";
		return NULL;
	case DM_HA_CLI_ARGS:
		return "start_time";
	case DM_HA_VERSION:
		*number = "internal-no";
		return "release-ver";
	case DM_HA_SECRET_KEY:
		return "id";
	case DM_HA_BOUND:
	case DM_HA_LAST_BOUND:
	case DM_HA_RELAY_WORKER: /* all is in the key */
	case DM_HA_SOURCE:
	case DM_HA_SUBTASK:
	case DM_HA_CLUSTER_ID:
	case DM_HA_KINDS:
		break;
	}
	return NULL;
}

static struct dm_err *
decode_json(const struct dm_etcd_kv *kv, struct dm_ha_item *i)
{
	json_t *j = json_loadb(kv->value, kv->value_len, 0, NULL);
	const char *number, *text = text_member(i->kind, &number);
	struct dm_err *err;
	json_t *t, *n;

	if (!json_is_object(j)) {
		json_decref(j);
		return invalid(kv, "its value is not a JSON object");
	}
	err =
	    check_format(kv, json_integer_value(json_object_get(j, "format")));
	t = text == NULL ? NULL : json_object_get(j, text);
	n = number == NULL ? NULL : json_object_get(j, number);
	if (err == NULL && ((text != NULL && !json_is_string(t)) ||
			       (number != NULL && !json_is_integer(n))))
		err = invalid(kv, "a member is missing");
	if (err == NULL && t != NULL)
		i->text = g_strdup(json_string_value(t));
	if (err == NULL && n != NULL)
		i->number = json_integer_value(n);
	json_decref(j);
	return err;
}

struct dm_err *
dm_ha_decode(const struct dm_etcd_kv *kv, struct dm_ha_item **item)
{
	DM_AUTO(dm_ha_item) i = g_new0(struct dm_ha_item, 1);
	struct dm_err *err;
	uint64_t be;

	if (!parse_key(kv->key, i))
		return invalid(kv, "its key is not one of ours");
	if (i->kind == DM_HA_CLUSTER_ID) {
		if (kv->value_len != sizeof(be))
			return invalid(kv, "its value has not 8 bytes");
		memcpy(&be, kv->value, sizeof(be));
		i->number = (int64_t)GUINT64_FROM_BE(be);
		err = NULL;
	} else if (i->kind == DM_HA_SOURCE || i->kind == DM_HA_SUBTASK) {
		err = decode_yaml(kv, i);
	} else {
		err = decode_json(kv, i);
	}
	if (err != NULL)
		return err;
	i->revision = kv->mod_revision;
	*item = DM_TAKE(i);
	return NULL;
}
