/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and transactions: see etcd.h. */
#include "lib/etcd/client.h"
#include "lib/etcd/codec.h"

#include <string.h>

#define PAGE_KEYS    1024
#define PAGE_SHRINKS 8

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

/* Adds to k->items. */
static struct dm_err *
parse_range(const json_t *root, struct dm_etcd_kvs *k, bool *more)
{
	const json_t *kvs = json_object_get(root, "kvs");
	const json_t *item;
	size_t i;
	int64_t rev;

	if (!dm_etcd_get_revision(root, &rev))
		return malformed();
	if (k->revision == 0)
		k->revision = rev;
	*more = json_is_true(json_object_get(root, "more")) &&
		json_array_size(kvs) > 0;
	json_array_foreach(kvs, i, item)
	{
		struct dm_etcd_kv *kv = g_new0(struct dm_etcd_kv, 1);

		g_ptr_array_add(k->items, kv);
		if (!dm_etcd_kv_parse(item, kv))
			return malformed();
	}
	return NULL;
}

static struct dm_err *
check_key(const char *key)
{
	if (key[0] == '\0')
		return dm_err_plain("the key is empty");
	return NULL;
}

/* The request for the keys after those that k has, as they were when its first
 * ones were read. */
static json_t *
page_json(
    const char *key, bool prefix, int64_t limit, const struct dm_etcd_kvs *k)
{
	json_t *j = dm_etcd_json_key(key, prefix);
	const struct dm_etcd_kv *last;

	if (limit > 0)
		json_object_set_new(j, "limit", dm_etcd_json_i64(limit));
	if (k->items->len == 0)
		return j;
	last = g_ptr_array_index(k->items, k->items->len - 1);
	/* With its NUL it is the next key that is possible. */
	json_object_set_new(
	    j, "key", dm_etcd_json_bytes(last->key, last->key_len + 1));
	json_object_set_new(j, "revision", dm_etcd_json_i64(k->revision));
	return j;
}

static struct dm_err *
read_page(struct dm_etcd *e, json_t *body, int64_t timeout_ms,
    struct dm_etcd_kvs *k, bool *more, int *code)
{
	struct dm_etcd_call c = { .path = "/v3/kv/range",
		.body = body,
		.retry = DM_ETCD_ALWAYS,
		.timeout_ms = timeout_ms };
	json_t *root = NULL;
	struct dm_err *err = dm_etcd_call(e, &c, &root, code);

	if (err == NULL)
		err = parse_range(root, k, more);
	json_decref(root);
	return err;
}

/* How much a page may be is known in bytes only, and etcd counts keys: one that
 * is too large is asked for again with fewer. */
static struct dm_err *
read_pages(struct dm_etcd *e, const char *key, int64_t timeout_ms,
    struct dm_etcd_kvs *k)
{
	int64_t limit = PAGE_KEYS;
	struct dm_err *err = NULL;
	bool more = true;

	while (err == NULL && more) {
		int code;

		err = read_page(e, page_json(key, true, limit, k), timeout_ms,
		    k, &more, &code);
		if (code == DM_ETCD_TOO_LARGE && limit > 1) {
			dm_err_free(err);
			err = NULL;
			limit = MAX(limit / PAGE_SHRINKS, 1);
		}
	}
	return err;
}

static struct dm_err *
range(struct dm_etcd *e, const char *key, bool prefix, int64_t limit,
    int64_t timeout_ms, struct dm_etcd_kvs **out)
{
	DM_AUTO(dm_etcd_kvs) k = g_new0(struct dm_etcd_kvs, 1);
	struct dm_err *err = check_key(key);
	bool more;
	int code;

	k->items = g_ptr_array_new_with_free_func(free_kv);
	if (err == NULL && prefix && limit == 0)
		err = read_pages(e, key, timeout_ms, k);
	else if (err == NULL)
		err = read_page(e, page_json(key, prefix, limit, k), timeout_ms,
		    k, &more, &code);
	if (err != NULL)
		return dm_err_wrap(err, HA_FAIL_TXN_OPERATION, "range");
	*out = DM_TAKE(k);
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
