/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as etcd's gateway writes it, private to lib/etcd: bytes are base64,
 * 64-bit numbers are strings, what is zero is left out. Threads: any.
 */
#ifndef DM_LIB_ETCD_CODEC_H
#define DM_LIB_ETCD_CODEC_H

#include "lib/etcd/etcd.h"
#include <jansson.h>

/* New references. */
json_t *dm_etcd_json_bytes(const void *data, size_t len);
json_t *dm_etcd_json_i64(int64_t v);
/* {"key": .., "range_end": ..}. The key must not be "". */
json_t *dm_etcd_json_key(const char *key, bool prefix);

/* A member of an object; a missing one is 0. False when it is no number. */
bool dm_etcd_get_i64(const json_t *obj, const char *name, int64_t *v);
bool dm_etcd_get_u64(const json_t *obj, const char *name, uint64_t *v);

/* Fills *kv, which must be zeroed; false when malformed. _fini after both. */
bool dm_etcd_kv_parse(const json_t *obj, struct dm_etcd_kv *kv);
void dm_etcd_kv_fini(struct dm_etcd_kv *kv);
/* header.revision of an answer. */
bool dm_etcd_get_revision(const json_t *root, int64_t *rev);

#endif
