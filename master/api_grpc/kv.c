/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading etcd on the public port: see kv.h. Calls wait for etcd on a thread
 * of their own, so that a slow etcd keeps no other call waiting.
 *
 * DESIGN: a worker may relay several sources, so our keys name both; the
 * original's name the worker, and their values are the source's name alone.
 * What is read here has the original's form. There are few such keys, so the
 * whole prefix is read and the range cut out of it here; options that would
 * need another read of etcd are refused.
 */
#include "master/api_grpc/kv.h"

#include "lib/ha/item.h"
#include "master/pool.h"

#include <stdatomic.h>
#include <string.h>

#define PREFIX     "/dm-master/relay-worker/"
#define PREFIX_END "/dm-master/relay-worker0"
/* etcd's words: its clients know the error by them. */
#define DENIED    "etcdserver: permission denied"
#define MAX_CALLS 256

typedef Etcdserverpb__RangeRequest range_request;
typedef Etcdserverpb__RangeResponse range_response;

struct kv {
	Etcdserverpb__KV_Service svc; /* first: the handler gets its address */
	struct dm_etcd *etcd;
	struct pool *pool;
	atomic_uint calls;
	struct dm_mutex mu; /* rank 20; guards stopping */
	bool stopping;
};

struct job {
	struct kv *kv;
	const range_request *req; /* lives until the closure is called */
	Etcdserverpb__RangeResponse_Closure closure;
	void *closure_data;
};

/* ---- what is asked ---- */

static int
compare(const ProtobufCBinaryData *a, const void *b, size_t b_len)
{
	size_t n = MIN(a->len, b_len);
	int c = n > 0 ? memcmp(a->data, b, n) : 0;

	if (c != 0)
		return c;
	return a->len < b_len ? -1 : a->len > b_len;
}

bool
kv_allowed(const range_request *req)
{
	if (req->key.len < strlen(PREFIX) ||
	    memcmp(req->key.data, PREFIX, strlen(PREFIX)) != 0)
		return false;
	/* An end of one zero byte means "to the last key": it is smaller than
	 * the key, so look for it first. */
	if (req->range_end.len == 1 && req->range_end.data[0] == 0)
		return false;
	return compare(&req->range_end, PREFIX_END, strlen(PREFIX_END)) <= 0;
}

/* NULL, or what this reader does not do. */
static const char *
not_supported(const range_request *req)
{
	if (req->revision != 0)
		return "only the newest revision can be read here";
	if (req->min_mod_revision != 0 || req->max_mod_revision != 0 ||
	    req->min_create_revision != 0 || req->max_create_revision != 0)
		return "ranges of revisions are not supported here";
	if (req->sort_order == ETCDSERVERPB__RANGE_REQUEST__SORT_ORDER__DESCEND)
		return "keys are sorted ascending here";
	if (req->sort_order != ETCDSERVERPB__RANGE_REQUEST__SORT_ORDER__NONE &&
	    req->sort_target != ETCDSERVERPB__RANGE_REQUEST__SORT_TARGET__KEY)
		return "only sorting by key is supported here";
	return NULL;
}

/* ---- the answer ---- */

void
kv_originals(struct dm_etcd_kvs *all)
{
	for (guint i = all->items->len; i-- > 0;) {
		struct dm_etcd_kv *kv = g_ptr_array_index(all->items, i);
		DM_AUTO(dm_ha_item) item = NULL;
		struct dm_err *err = dm_ha_decode(kv, &item);

		if (err != NULL) { /* of nobody that we know */
			dm_err_free(err);
			g_ptr_array_remove_index(all->items, i);
			continue;
		}
		*strrchr(kv->key, '/') = '\0';
		kv->key_len = strlen(kv->key);
		g_free(kv->value);
		kv->value = g_strdup(item->second);
		kv->value_len = strlen(kv->value);
	}
}

static bool
in_range(const range_request *req, const struct dm_etcd_kv *kv)
{
	int to_key = compare(&req->key, kv->key, kv->key_len);

	if (req->range_end.len == 0)
		return to_key == 0;
	return to_key <= 0 &&
	       compare(&req->range_end, kv->key, kv->key_len) > 0;
}

static Etcdserverpb__KeyValue *
key_value(const struct dm_etcd_kv *kv, bool key_only)
{
	Etcdserverpb__KeyValue *out = g_new(Etcdserverpb__KeyValue, 1);

	etcdserverpb__key_value__init(out);
	out->key.data = (uint8_t *)kv->key;
	out->key.len = kv->key_len;
	out->create_revision = kv->create_revision;
	out->mod_revision = kv->mod_revision;
	out->version = kv->version;
	out->lease = kv->lease;
	if (!key_only) {
		out->value.data = (uint8_t *)kv->value;
		out->value.len = kv->value_len;
	}
	return out;
}

void
kv_answer(const range_request *req, const struct dm_etcd_kvs *all,
    range_response *out)
{
	etcdserverpb__range_response__init(out);
	out->header = g_new(Etcdserverpb__ResponseHeader, 1);
	etcdserverpb__response_header__init(out->header);
	out->header->revision = all->revision;
	out->kvs = g_new0(Etcdserverpb__KeyValue *, all->items->len + 1);
	for (guint i = 0; i < all->items->len; i++) {
		const struct dm_etcd_kv *kv = g_ptr_array_index(all->items, i);

		if (!in_range(req, kv))
			continue;
		out->count++;
		if (req->count_only)
			continue;
		if (req->limit > 0 && out->n_kvs >= (uint64_t)req->limit)
			out->more = true;
		else
			out->kvs[out->n_kvs++] = key_value(kv, req->keys_only);
	}
}

void
kv_answer_clear(range_response *out)
{
	for (size_t i = 0; i < out->n_kvs; i++)
		g_free(out->kvs[i]);
	g_free(out->kvs);
	g_free(out->header);
}

/* ---- calls ---- */

static void
run_job(void *arg)
{
	struct job *j = arg;
	DM_AUTO(dm_etcd_kvs) all = NULL;
	DM_AUTO(dm_err)
	err = dm_cancel_check(dm_rpc_call_cancel(j->closure_data));
	range_response out;

	if (err == NULL)
		err = dm_etcd_range(j->kv->etcd, PREFIX, true, 0, &all);
	atomic_fetch_sub(&j->kv->calls, 1);
	if (err != NULL) {
		g_autofree char *text = dm_err_message(err);

		dm_rpc_fail(j->closure_data, DM_RPC_UNAVAILABLE, text);
	} else {
		kv_originals(all);
		kv_answer(j->req, all, &out);
		j->closure(&out, j->closure_data);
		kv_answer_clear(&out);
	}
	g_free(j);
}

/* False: nobody will run it. */
static bool
enqueue(struct kv *k, const struct job *j)
{
	bool taken;

	dm_mutex_lock(&k->mu);
	taken = !k->stopping && atomic_load(&k->calls) < MAX_CALLS;
	if (taken) {
		atomic_fetch_add(&k->calls, 1);
		pool_run(k->pool, run_job, g_memdup2(j, sizeof(*j)));
	}
	dm_mutex_unlock(&k->mu);
	return taken;
}

static void
kv__range(Etcdserverpb__KV_Service *svc, const range_request *req,
    Etcdserverpb__RangeResponse_Closure closure, void *closure_data)
{
	struct kv *k = (struct kv *)svc;
	struct job j = { k, req, closure, closure_data };
	const char *why = not_supported(req);

	if (!kv_allowed(req))
		dm_rpc_fail(closure_data, DM_RPC_PERMISSION_DENIED, DENIED);
	else if (why != NULL)
		dm_rpc_fail(closure_data, DM_RPC_INVALID_ARGUMENT, why);
	else if (!enqueue(k, &j))
		dm_rpc_fail(closure_data, DM_RPC_UNAVAILABLE,
		    "dm-master is busy or stopping");
}

/* ---- life ---- */

struct kv *
kv_new(struct dm_etcd *etcd)
{
	struct kv *k = g_new0(struct kv, 1);

	k->svc = (Etcdserverpb__KV_Service){
		.base = { .descriptor = &etcdserverpb__kv__descriptor,
		    .invoke = protobuf_c_service_invoke_internal },
		.range = kv__range,
	};
	k->etcd = etcd;
	dm_mutex_init(&k->mu, 20);
	k->pool = pool_new("api-etcd", 1);
	return k;
}

void
kv_register(struct kv *k, struct dm_rpc_server *s)
{
	static const char *const services[] = { "/etcdserverpb.",
		"/v3electionpb.", "/v3lockpb." };

	dm_rpc_server_add_service(s, &k->svc.base);
	for (size_t i = 0; i < DM_ARRAY_SIZE(services); i++)
		dm_rpc_server_refuse(
		    s, services[i], DM_RPC_PERMISSION_DENIED, DENIED);
}

void
kv_stop(struct kv *k)
{
	dm_mutex_lock(&k->mu);
	k->stopping = true;
	dm_mutex_unlock(&k->mu);
	pool_stop(DM_TAKE(k->pool));
}

void
kv_free(struct kv *k)
{
	if (k == NULL)
		return;
	dm_mutex_fini(&k->mu);
	g_free(k);
}
