/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases: see etcd.h. The gateway has no two-way stream: a renewal is one
 * request with one answer. A grant is not repeated by itself after a lost
 * answer; the lease it may have made ends by its TTL.
 */
#include "lib/etcd/client.h"
#include "lib/etcd/codec.h"

#define GRPC_NOT_FOUND 5

static struct dm_err *
wrap(struct dm_err *err, const char *what)
{
	return dm_err_wrap(err, HA_FAIL_LEASE_OPERATION, what);
}

static struct dm_err *
malformed(void)
{
	return dm_err_plain("etcd's answer is malformed");
}

static struct dm_etcd_call
grant_call(int64_t ttl_s, int64_t timeout_ms)
{
	return (struct dm_etcd_call){ .path = "/v3/lease/grant",
		.retry = DM_ETCD_ONCE,
		.timeout_ms = timeout_ms,
		.body = json_pack("{s:o}", "TTL", dm_etcd_json_i64(ttl_s)) };
}

static struct dm_err *
finish_grant(struct dm_err *err, const json_t *root, int64_t *lease)
{
	int64_t id = 0;

	if (err == NULL && (!dm_etcd_get_i64(root, "ID", &id) || id == 0))
		err = malformed();
	if (err != NULL)
		return wrap(err, "grant");
	*lease = id;
	return NULL;
}

struct dm_err *
dm_etcd_lease_grant(
    struct dm_etcd *e, int64_t ttl_s, int64_t timeout_ms, int64_t *lease)
{
	struct dm_etcd_call c = grant_call(ttl_s, timeout_ms);
	json_t *root = NULL;
	struct dm_err *err = dm_etcd_call(e, &c, &root, NULL);

	err = finish_grant(err, root, lease);
	json_decref(root);
	return err;
}

static struct dm_etcd_call
keepalive_call(int64_t lease, int64_t timeout_ms)
{
	return (struct dm_etcd_call){ .path = "/v3/lease/keepalive",
		.retry = DM_ETCD_ALWAYS,
		.timeout_ms = timeout_ms,
		.body = json_pack("{s:o}", "ID", dm_etcd_json_i64(lease)) };
}

/* An answer without a TTL: the lease is gone. */
static struct dm_err *
parse_keepalive(const json_t *root, int64_t *ttl_s)
{
	const json_t *result = json_object_get(root, "result");

	if (!json_is_object(result) || !dm_etcd_get_i64(result, "TTL", ttl_s))
		return malformed();
	*ttl_s = MAX(*ttl_s, 0);
	return NULL;
}

/* "requested lease not found" and no lease are the same to the caller. */
static struct dm_err *
finish_keepalive(
    struct dm_err *err, int grpc_code, const json_t *root, int64_t *ttl_s)
{
	int64_t ttl = 0;

	if (err == NULL) {
		err = parse_keepalive(root, &ttl);
	} else if (grpc_code == GRPC_NOT_FOUND) {
		dm_err_free(err);
		err = NULL;
	}
	if (err != NULL)
		return wrap(err, "keepalive");
	*ttl_s = ttl;
	return NULL;
}

struct dm_err *
dm_etcd_lease_keepalive(
    struct dm_etcd *e, int64_t lease, int64_t timeout_ms, int64_t *ttl_s)
{
	struct dm_etcd_call c = keepalive_call(lease, timeout_ms);
	json_t *root = NULL;
	int code;
	struct dm_err *err = dm_etcd_call(e, &c, &root, &code);

	err = finish_keepalive(err, code, root, ttl_s);
	json_decref(root);
	return err;
}

struct dm_err *
dm_etcd_lease_revoke(struct dm_etcd *e, int64_t lease, int64_t timeout_ms)
{
	struct dm_etcd_call c = { .path = "/v3/lease/revoke",
		.retry = DM_ETCD_ALWAYS,
		.timeout_ms = timeout_ms,
		.body = json_pack("{s:o}", "ID", dm_etcd_json_i64(lease)) };
	int code;
	struct dm_err *err = dm_etcd_call(e, &c, NULL, &code);

	if (err != NULL && code == GRPC_NOT_FOUND) {
		dm_err_free(err);
		return NULL;
	}
	return err == NULL ? NULL : wrap(err, "revoke");
}
