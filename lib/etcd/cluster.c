/* SPDX-License-Identifier: Apache-2.0 */
/* Members and health: see etcd.h. */
#include "lib/etcd/client.h"
#include "lib/etcd/codec.h"

#include <inttypes.h>
#include <stdio.h>

/* Any read that needs the quorum will do. It is one of our keys, as etcd's user
 * may be allowed no others. */
#define HEALTH_KEY "/dm-cluster/id"

void
dm_etcd_member_free(struct dm_etcd_member *m)
{
	if (m == NULL)
		return;
	g_free(m->name);
	g_strfreev(m->peer_urls);
	g_strfreev(m->client_urls);
	g_free(m);
}

static void
free_member(void *p)
{
	dm_etcd_member_free(p);
}

/* A list of strings, missing means empty; NULL when malformed. */
static char **
get_strings(const json_t *obj, const char *name)
{
	const json_t *a = json_object_get(obj, name);
	g_autoptr(GPtrArray) out = g_ptr_array_new_with_free_func(g_free);
	const json_t *item;
	size_t i;

	json_array_foreach(a, i, item)
	{
		if (!json_is_string(item))
			return NULL;
		g_ptr_array_add(out, g_strdup(json_string_value(item)));
	}
	g_ptr_array_add(out, NULL);
	return (char **)g_ptr_array_steal(out, NULL);
}

static bool
parse_member(const json_t *obj, struct dm_etcd_member *m)
{
	const char *name = json_string_value(json_object_get(obj, "name"));

	m->name = g_strdup(name != NULL ? name : "");
	m->peer_urls = get_strings(obj, "peerURLs");
	m->client_urls = get_strings(obj, "clientURLs");
	m->learner = json_is_true(json_object_get(obj, "isLearner"));
	return m->peer_urls != NULL && m->client_urls != NULL &&
	       dm_etcd_get_u64(obj, "ID", &m->id) && m->id != 0;
}

static struct dm_err *
parse_members(const json_t *root, GPtrArray **members)
{
	g_autoptr(GPtrArray) out = g_ptr_array_new_with_free_func(free_member);
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(root, "members"), i, item)
	{
		struct dm_etcd_member *m = g_new0(struct dm_etcd_member, 1);

		g_ptr_array_add(out, m);
		if (!parse_member(item, m))
			return dm_err_plain("etcd's answer is malformed");
	}
	*members = g_steal_pointer(&out);
	return NULL;
}

static struct dm_err *
call_members(struct dm_etcd *e, const struct dm_etcd_call *c, const char *what,
    GPtrArray **members)
{
	json_t *root = NULL;
	struct dm_err *err = dm_etcd_call(e, c, &root, NULL);

	if (err == NULL)
		err = parse_members(root, members);
	json_decref(root);
	if (err != NULL)
		return dm_err_wrap(err, HA_FAIL_TXN_OPERATION, what);
	return NULL;
}

struct dm_err *
dm_etcd_member_list(struct dm_etcd *e, GPtrArray **members)
{
	struct dm_etcd_call c = { .path = "/v3/cluster/member/list",
		.retry = DM_ETCD_ROUND,
		.any_member = true,
		.body = json_object() };

	return call_members(e, &c, "member list", members);
}

struct dm_err *
dm_etcd_member_add(
    struct dm_etcd *e, const char *const *peer_urls, GPtrArray **members)
{
	struct dm_etcd_call c = { .path = "/v3/cluster/member/add",
		.retry = DM_ETCD_ONCE };
	json_t *urls = json_array();

	for (; *peer_urls != NULL; peer_urls++)
		json_array_append_new(urls, json_string(*peer_urls));
	c.body = json_pack("{s:o,s:b}", "peerURLs", urls, "isLearner", 1);
	return call_members(e, &c, "member add", members);
}

static struct dm_err *
call_by_id(struct dm_etcd *e, const char *path, const char *what, uint64_t id)
{
	struct dm_etcd_call c = { .path = path,
		.retry = DM_ETCD_ONCE,
		.body = json_pack(
		    "{s:o}", "ID", json_sprintf("%" G_GUINT64_FORMAT, id)) };
	struct dm_err *err = dm_etcd_call(e, &c, NULL, NULL);

	if (err != NULL)
		return dm_err_wrap(err, HA_FAIL_TXN_OPERATION, what);
	return NULL;
}

struct dm_err *
dm_etcd_member_promote(struct dm_etcd *e, uint64_t id)
{
	return call_by_id(
	    e, "/v3/cluster/member/promote", "member promote", id);
}

struct dm_err *
dm_etcd_member_remove(struct dm_etcd *e, uint64_t id)
{
	return call_by_id(e, "/v3/cluster/member/remove", "member remove", id);
}

struct dm_err *
dm_etcd_health(struct dm_etcd *e)
{
	return dm_etcd_health_in(e, 0);
}

struct dm_err *
dm_etcd_health_in(struct dm_etcd *e, int64_t timeout_ms)
{
	struct dm_etcd_call c = { .path = "/v3/kv/range",
		.retry = DM_ETCD_ROUND,
		.timeout_ms = timeout_ms,
		.body = dm_etcd_json_key(HEALTH_KEY, false) };
	struct dm_err *err = dm_etcd_call(e, &c, NULL, NULL);

	if (err != NULL)
		return dm_err_wrap(err, HA_FAIL_TXN_OPERATION, "health");
	return NULL;
}

static void
free_alarm(void *p)
{
	struct dm_etcd_alarm *a = p;

	g_free(a->name);
	g_free(a);
}

/* "memberID:11094992589202017244 alarm:NOSPACE "; the other errors of a status
 * are none: "etcdserver: no leader". */
static void
add_alarm(const char *text, GPtrArray *alarms)
{
	struct dm_etcd_alarm *a;
	char name[32];
	uint64_t id;

	if (sscanf(text, "memberID:%" SCNu64 " alarm:%31s", &id, name) != 2)
		return;
	a = g_new(struct dm_etcd_alarm, 1);
	*a = (struct dm_etcd_alarm){ id, g_strdup(name) };
	g_ptr_array_add(alarms, a);
}

struct dm_err *
dm_etcd_alarms(struct dm_etcd *e, int64_t timeout_ms, GPtrArray **alarms,
    uint64_t *db_bytes)
{
	struct dm_etcd_call c = { .path = "/v3/maintenance/status",
		.retry = DM_ETCD_ROUND,
		.timeout_ms = timeout_ms,
		.any_member = true,
		.body = json_object() };
	json_t *root = NULL;
	const json_t *errors;
	struct dm_err *err = dm_etcd_call(e, &c, &root, NULL);

	if (err != NULL)
		return dm_err_wrap(err, HA_FAIL_TXN_OPERATION, "status");
	*alarms = g_ptr_array_new_with_free_func(free_alarm);
	errors = json_object_get(root, "errors");
	for (size_t i = 0; i < json_array_size(errors); i++) {
		const char *text = json_string_value(json_array_get(errors, i));

		add_alarm(text != NULL ? text : "", *alarms);
	}
	if (!dm_etcd_get_u64(root, "dbSize", db_bytes))
		*db_bytes = 0;
	json_decref(root);
	return NULL;
}

struct dm_err *
dm_etcd_version(struct dm_etcd *e, char **server, char **cluster)
{
	struct dm_etcd_call c = { .path = "/version", .retry = DM_ETCD_ROUND };
	json_t *root = NULL;
	struct dm_err *err = dm_etcd_call(e, &c, &root, NULL);
	const char *s = json_string_value(json_object_get(root, "etcdserver"));
	const char *k = json_string_value(json_object_get(root, "etcdcluster"));

	if (err == NULL && (s == NULL || k == NULL))
		err = dm_err_plain("etcd's answer is malformed");
	if (err == NULL) {
		*server = g_strdup(s);
		*cluster = g_strdup(k);
	}
	json_decref(root);
	if (err != NULL)
		return dm_err_wrap(err, HA_FAIL_TXN_OPERATION, "version");
	return NULL;
}
