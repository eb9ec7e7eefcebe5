/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and transactions: see etcd.h. */
#include "lib/etcd/client.h"
#include "lib/etcd/codec.h"

#include <string.h>

static void
free_kv(void *p)
{
	dm_etcd_kv_fini(p);
	g_free(p);
}

static struct dm_err *
malformed(void)
{
	return dm_err_plain("etcd's answer is malformed");
}

void
dm_etcd_kvs_free(struct dm_etcd_kvs *k)
{
	if (k == NULL)
		return;
	g_ptr_array_free(k->items, TRUE);
	g_free(k);
}

static struct dm_err *
parse_range(const json_t *root, struct dm_etcd_kvs **out)
{
	DM_AUTO(dm_etcd_kvs) k = g_new0(struct dm_etcd_kvs, 1);
	const json_t *kvs = json_object_get(root, "kvs");
	const json_t *item;
	size_t i;

	k->items = g_ptr_array_new_with_free_func(free_kv);
	if (!dm_etcd_get_revision(root, &k->revision))
		return malformed();
	json_array_foreach(kvs, i, item)
	{
		struct dm_etcd_kv *kv = g_new0(struct dm_etcd_kv, 1);

		g_ptr_array_add(k->items, kv);
		if (!dm_etcd_kv_parse(item, kv))
			return malformed();
	}
	*out = DM_TAKE(k);
	return NULL;
}

static struct dm_err *
check_key(const char *key)
{
	if (key[0] == '\0')
		return dm_err_plain("the key is empty");
	return NULL;
}

static struct dm_err *
range(struct dm_etcd *e, const char *key, bool prefix, int64_t limit,
    int64_t timeout_ms, struct dm_etcd_kvs **out)
{
	struct dm_etcd_call c = { .path = "/v3/kv/range",
		.retry = DM_ETCD_ALWAYS,
		.timeout_ms = timeout_ms };
	json_t *root = NULL;
	struct dm_err *err = check_key(key);

	if (err == NULL) {
		c.body = dm_etcd_json_key(key, prefix);
		if (limit > 0)
			json_object_set_new(
			    c.body, "limit", dm_etcd_json_i64(limit));
		err = dm_etcd_call(e, &c, &root, NULL);
	}
	if (err == NULL)
		err = parse_range(root, out);
	json_decref(root);
	if (err != NULL)
		return dm_err_wrap(err, HA_FAIL_TXN_OPERATION, "range");
	return NULL;
}

struct dm_err *
dm_etcd_range(struct dm_etcd *e, const char *key, bool prefix, int64_t limit,
    struct dm_etcd_kvs **out)
{
	return range(e, key, prefix, limit, 0, out);
}

struct dm_err *
dm_etcd_range_in(struct dm_etcd *e, const char *key, bool prefix,
    int64_t timeout_ms, struct dm_etcd_kvs **out)
{
	return range(e, key, prefix, 0, timeout_ms, out);
}

static json_t *
put_json(const char *key, const void *value, size_t len, int64_t lease)
{
	json_t *j = dm_etcd_json_key(key, false);

	json_object_set_new(j, "value", dm_etcd_json_bytes(value, len));
	if (lease != 0)
		json_object_set_new(j, "lease", dm_etcd_json_i64(lease));
	return j;
}

struct dm_err *
dm_etcd_put(struct dm_etcd *e, const char *key, const void *value, size_t len,
    int64_t lease, int64_t *revision)
{
	struct dm_etcd_call c = { .path = "/v3/kv/put", .retry = DM_ETCD_ONCE };
	json_t *root = NULL;
	int64_t rev;
	struct dm_err *err = check_key(key);

	if (err == NULL) {
		c.body = put_json(key, value, len, lease);
		err = dm_etcd_call(e, &c, &root, NULL);
	}
	if (err == NULL && !dm_etcd_get_revision(root, &rev))
		err = malformed();
	json_decref(root);
	if (err != NULL)
		return dm_err_wrap(err, HA_FAIL_TXN_OPERATION, "put");
	if (revision != NULL)
		*revision = rev;
	return NULL;
}

struct dm_err *
dm_etcd_delete(
    struct dm_etcd *e, const char *key, bool prefix, int64_t *deleted)
{
	struct dm_etcd_call c = { .path = "/v3/kv/deleterange",
		.retry = DM_ETCD_ONCE };
	json_t *root = NULL;
	int64_t n;
	struct dm_err *err = check_key(key);

	if (err == NULL) {
		c.body = dm_etcd_json_key(key, prefix);
		err = dm_etcd_call(e, &c, &root, NULL);
	}
	if (err == NULL && !dm_etcd_get_i64(root, "deleted", &n))
		err = malformed();
	json_decref(root);
	if (err != NULL)
		return dm_err_wrap(err, HA_FAIL_TXN_OPERATION, "delete");
	if (deleted != NULL)
		*deleted = n;
	return NULL;
}

/* ---- transactions ---- */

struct dm_etcd_txn {
	json_t *compare, *success;
};

struct dm_etcd_txn *
dm_etcd_txn_new(void)
{
	struct dm_etcd_txn *t = g_new0(struct dm_etcd_txn, 1);

	t->compare = json_array();
	t->success = json_array();
	return t;
}

void
dm_etcd_txn_free(struct dm_etcd_txn *t)
{
	if (t == NULL)
		return;
	json_decref(t->compare);
	json_decref(t->success);
	g_free(t);
}

static void
add_compare(struct dm_etcd_txn *t, const char *key, const char *target,
    const char *field, int64_t rev)
{
	json_t *j = dm_etcd_json_key(key, false);

	json_object_set_new(j, "target", json_string(target));
	json_object_set_new(j, field, dm_etcd_json_i64(rev));
	json_array_append_new(t->compare, j);
}

void
dm_etcd_txn_if_create_revision(
    struct dm_etcd_txn *t, const char *key, int64_t rev)
{
	add_compare(t, key, "CREATE", "create_revision", rev);
}

void
dm_etcd_txn_if_mod_revision(struct dm_etcd_txn *t, const char *key, int64_t rev)
{
	add_compare(t, key, "MOD", "mod_revision", rev);
}

void
dm_etcd_txn_put(struct dm_etcd_txn *t, const char *key, const void *value,
    size_t len, int64_t lease)
{
	json_array_append_new(
	    t->success, json_pack("{s:o}", "request_put",
			    put_json(key, value, len, lease)));
}

void
dm_etcd_txn_delete(struct dm_etcd_txn *t, const char *key, bool prefix)
{
	json_array_append_new(
	    t->success, json_pack("{s:o}", "request_delete_range",
			    dm_etcd_json_key(key, prefix)));
}

size_t
dm_etcd_txn_ops(const struct dm_etcd_txn *t)
{
	return json_array_size(t->success);
}

static struct dm_etcd_call
txn_call(const struct dm_etcd_txn *t, int64_t timeout_ms)
{
	/* The lists are serialised before the call returns to the caller. */
	return (struct dm_etcd_call){ .path = "/v3/kv/txn",
		.retry = DM_ETCD_ONCE,
		.timeout_ms = timeout_ms,
		.body = json_pack("{s:O, s:O}", "compare", t->compare,
		    "success", t->success) };
}

static bool
parse_txn(const json_t *root, struct dm_etcd_txn_result *r)
{
	r->succeeded = json_is_true(json_object_get(root, "succeeded"));
	return dm_etcd_get_revision(root, &r->revision);
}

struct dm_err *
dm_etcd_txn_run_in(struct dm_etcd *e, struct dm_etcd_txn *t, int64_t timeout_ms,
    struct dm_etcd_txn_result *out)
{
	struct dm_etcd_call c = txn_call(t, timeout_ms);
	struct dm_etcd_txn_result r;
	json_t *root = NULL;
	struct dm_err *err = dm_etcd_call(e, &c, &root, NULL);

	if (err == NULL && !parse_txn(root, &r))
		err = malformed();
	json_decref(root);
	if (err != NULL)
		return dm_err_wrap(err, HA_FAIL_TXN_OPERATION, "txn");
	*out = r;
	return NULL;
}

struct dm_err *
dm_etcd_txn_run(
    struct dm_etcd *e, struct dm_etcd_txn *t, struct dm_etcd_txn_result *out)
{
	return dm_etcd_txn_run_in(e, t, 0, out);
}

struct txn_waiter {
	dm_etcd_txn_fn *done;
	void *arg;
};

static void
on_txn(struct dm_err *err, const struct dm_etcd_answer *a, void *arg)
{
	struct txn_waiter w = *(struct txn_waiter *)arg;
	struct dm_etcd_txn_result r;

	g_free(arg);
	if (err == NULL && !parse_txn(a->body, &r))
		err = malformed();
	json_decref(a->body);
	if (err != NULL)
		w.done(dm_err_wrap(err, HA_FAIL_TXN_OPERATION, "txn"), NULL,
		    w.arg);
	else
		w.done(NULL, &r, w.arg);
}

void
dm_etcd_txn_start(
    struct dm_etcd *e, struct dm_etcd_txn *t, dm_etcd_txn_fn *done, void *arg)
{
	struct dm_etcd_call c = txn_call(t, 0);
	struct txn_waiter *w = g_new(struct txn_waiter, 1);

	*w = (struct txn_waiter){ .done = done, .arg = arg };
	dm_etcd_call_start(e, &c, on_txn, w);
}
