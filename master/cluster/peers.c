/* SPDX-License-Identifier: Apache-2.0 */
#include "master/cluster/peers.h"

#include "health.pb-c.h"
#include "lib/net/port.h"
#include "lib/net/reach.h"
#include "lib/rpc/rpc.h"
#include "lib/thread/mutex.h"
#include "master/pb.h"

#include <jansson.h>
#include <string.h>

#define RECORD_PREFIX "/dm-master/member/"
#define RECORD_MS     1000

bool
peers_external(const struct dm_master_cfg *cfg)
{
	return strcmp(cfg->etcd_mode, "external") == 0;
}

static void
peer_free(void *p)
{
	struct peer *x = p;

	g_free(x->name);
	g_free(x->addr);
	g_strfreev(x->peer_urls);
	g_strfreev(x->client_urls);
	g_free(x);
}

/* "http://host:port" -> "host:port"; "" when it is none. New string. */
static char *
url_addr(const char *url)
{
	g_autofree char *host = NULL, *port = NULL;

	if (url == NULL || !dm_net_split(url, &host, &port))
		return g_strdup("");
	return strchr(host, ':') == NULL
		   ? g_strdup_printf("%s:%s", host, port)
		   : g_strdup_printf("[%s]:%s", host, port);
}

static int
by_name(const void *a, const void *b)
{
	const struct peer *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static struct dm_err *
list_members(struct dm_etcd *e, GPtrArray *peers)
{
	g_autoptr(GPtrArray) members = NULL;
	struct dm_err *err = dm_etcd_member_list(e, &members);

	for (guint i = 0; err == NULL && i < members->len; i++) {
		const struct dm_etcd_member *m = g_ptr_array_index(members, i);
		struct peer *p = g_new0(struct peer, 1);

		p->name = g_strdup(m->name);
		p->addr = url_addr(m->client_urls[0]);
		p->id = m->id;
		p->peer_urls = g_strdupv(m->peer_urls);
		p->client_urls = g_strdupv(m->client_urls);
		p->learner = m->learner;
		g_ptr_array_add(peers, p);
	}
	return err;
}

static void
add_record(const struct dm_etcd_kv *kv, const char *scheme, GPtrArray *peers)
{
	json_t *j = json_loadb(kv->value, kv->value_len, 0, NULL);
	const char *name = json_string_value(json_object_get(j, "name"));
	const char *addr = json_string_value(json_object_get(j, "addr"));
	struct peer *p;

	if (name != NULL && addr != NULL) {
		p = g_new0(struct peer, 1);
		p->name = g_strdup(name);
		p->addr = g_strdup(addr);
		p->id = (uint64_t)kv->create_revision;
		p->peer_urls = g_new0(char *, 1);
		p->client_urls = g_new0(char *, 2);
		p->client_urls[0] = g_strdup_printf("%s://%s", scheme, addr);
		g_ptr_array_add(peers, p);
	}
	json_decref(j);
}

static struct dm_err *
list_records(
    const struct dm_master_cfg *cfg, struct dm_etcd *e, GPtrArray *peers)
{
	/* All of a cluster are in clear, or none. */
	const char *scheme = dm_tls_cfg_is_on(&cfg->tls) ? "https" : "http";
	DM_AUTO(dm_etcd_kvs) kvs = NULL;
	struct dm_err *err = dm_etcd_range(e, RECORD_PREFIX, true, 0, &kvs);

	for (guint i = 0; err == NULL && i < kvs->items->len; i++)
		add_record(g_ptr_array_index(kvs->items, i), scheme, peers);
	return err;
}

struct dm_err *
peers_list(
    const struct dm_master_cfg *cfg, struct dm_etcd *e, GPtrArray **peers)
{
	g_autoptr(GPtrArray) out = g_ptr_array_new_with_free_func(peer_free);
	struct dm_err *err = peers_external(cfg) ? list_records(cfg, e, out)
						 : list_members(e, out);

	if (err != NULL)
		return err;
	g_ptr_array_sort(out, by_name);
	*peers = g_steal_pointer(&out);
	return NULL;
}

struct peer *
peers_find(const GPtrArray *peers, const char *name)
{
	for (guint i = 0; i < peers->len; i++) {
		struct peer *p = g_ptr_array_index(peers, i);

		if (strcmp(p->name, name) == 0 ||
		    (p->name[0] == '\0' &&
			g_strv_contains(
			    (const char *const *)p->peer_urls, name)))
			return p;
	}
	return NULL;
}

/* ---- who answers ---- */

enum peer_state
peer_ask(const char *addr, int64_t timeout_ms)
{
	Grpc__Health__V1__HealthCheckRequest req;
	DM_AUTO(dm_rpc_channel) ch = NULL;
	ProtobufCMessage *resp = NULL;
	struct dm_err *err;

	if (addr[0] == '\0')
		return PEER_GONE;
	switch (dm_net_reach(addr, timeout_ms)) {
	case DM_NET_CLOSED:
		return PEER_GONE;
	case DM_NET_SILENT:
		return PEER_SILENT;
	case DM_NET_OPEN:
		break;
	}
	grpc__health__v1__health_check_request__init(&req);
	ch = dm_rpc_channel_new(addr, NULL);
	err = dm_rpc_unary(ch, &grpc__health__v1__health__descriptor, "Check",
	    &req.base, timeout_ms, NULL, &resp, NULL);
	pb_free(resp);
	if (err == NULL)
		return PEER_ANSWERS;
	dm_err_free(err);
	return PEER_SILENT;
}

struct asking {
	pthread_t thread;
	struct peer *peer;
	int64_t timeout_ms;
};

static void *
ask_one(void *arg)
{
	struct asking *a = arg;

	a->peer->state = peer_ask(a->peer->addr, a->timeout_ms);
	return NULL;
}

void
peers_probe(
    const struct dm_master_cfg *cfg, GPtrArray *peers, int64_t timeout_ms)
{
	g_autofree struct asking *a = g_new0(struct asking, peers->len + 1);
	guint n = 0;

	for (guint i = 0; i < peers->len; i++) {
		struct peer *p = g_ptr_array_index(peers, i);

		p->state = PEER_ANSWERS;
		if (strcmp(p->name, cfg->name) == 0)
			continue;
		a[n] = (struct asking){ .peer = p, .timeout_ms = timeout_ms };
		a[n].thread = dm_thread_start("probe", ask_one, &a[n]);
		n++;
	}
	while (n > 0)
		pthread_join(a[--n].thread, NULL);
}

/* ---- records, external etcd ---- */

static char *
record_key(const char *name)
{
	g_autoptr(GString) key = g_string_new(RECORD_PREFIX);

	for (const char *p = name; *p != '\0'; p++)
		g_string_append_printf(key, "%02x", (unsigned char)*p);
	return g_strdup(key->str);
}

struct dm_err *
peers_register(const struct dm_master_cfg *cfg, struct dm_etcd *e)
{
	g_autofree char *key = record_key(cfg->name);
	g_autoptr(GPtrArray) peers = NULL;
	const struct peer *old;
	json_t *j;
	char *text;
	struct dm_err *err = peers_list(cfg, e, &peers);

	if (err != NULL)
		return err;
	old = peers_find(peers, cfg->name);
	if (old != NULL && strcmp(old->addr, cfg->advertise_addr) == 0)
		return NULL;
	if (old != NULL && peer_ask(old->addr, RECORD_MS) == PEER_ANSWERS)
		return dm_err_set_workaround(
		    dm_err_new(MASTER_JOIN_EMBED_ETCD_FAIL,
			"another dm-master of this name runs"),
		    "a dm-master named %s answers at %s: give this one another "
		    "`name`",
		    cfg->name, old->addr);
	j = json_pack(
	    "{s:s,s:s}", "name", cfg->name, "addr", cfg->advertise_addr);
	text = json_dumps(j, JSON_COMPACT);
	err = dm_etcd_put(e, key, text, strlen(text), 0, NULL);
	free(text);
	json_decref(j);
	return err;
}

struct dm_err *
peers_unregister(struct dm_etcd *e, const char *name)
{
	g_autofree char *key = record_key(name);

	return dm_etcd_delete(e, key, false, NULL);
}
