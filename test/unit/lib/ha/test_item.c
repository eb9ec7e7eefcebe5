/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/ha/item.c and lib/ha/batch.c. */
#include "lib/ha/batch.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(names_are_hex_in_keys)
{
	g_autofree char *one = dm_ha_key(DM_HA_WORKER, "w1", NULL);
	g_autofree char *two = dm_ha_key(DM_HA_STAGE, "s/1", "t");
	g_autofree char *plain = dm_ha_key(DM_HA_CLUSTER_ID, NULL, NULL);

	ck_assert_str_eq(one, "/dm-worker/r/7731");
	ck_assert_str_eq(two, "/dm-master/stage/subtask/732f31/74");
	ck_assert_str_eq(plain, "/dm-cluster/id");
}
END_TEST

static const struct dm_ha_item samples[] = {
	{ .kind = DM_HA_WORKER, .first = "w", .text = "127.0.0.1:8262" },
	{ .kind = DM_HA_ALIVE, .first = "w", .text = "now", .number = 60 },
	{ .kind = DM_HA_SOURCE, .first = "s", .text = "source-id: s\n" },
	{ .kind = DM_HA_RELAY_STAGE, .first = "s", .number = 3 },
	{ .kind = DM_HA_RELAY_WORKER, .first = "w", .second = "s" },
	{ .kind = DM_HA_BOUND, .first = "w", .second = "s" },
	{ .kind = DM_HA_LAST_BOUND, .first = "w", .second = "s\"'\\" },
	{ .kind = DM_HA_SUBTASK, .first = "s", .second = "t", .text = "a: 1" },
	{ .kind = DM_HA_STAGE, .first = "s", .second = "t", .number = 3 },
	{ .kind = DM_HA_CLI_ARGS, .first = "t", .second = "s", .text = "x" },
	{ .kind = DM_HA_CLUSTER_ID, .number = 0x1122334455667788 },
	{ .kind = DM_HA_VERSION, .text = "v1", .number = 1 },
	{ .kind = DM_HA_SECRET_KEY, .text = "daa4948e24601768" },
};

START_TEST(what_is_written_is_read_back)
{
	const struct dm_ha_item *in = &samples[_i];
	DM_AUTO(dm_ha_item) out = NULL;
	struct dm_etcd_kv kv = { .mod_revision = 5 };

	kv.key = dm_ha_key(in->kind, in->first, in->second);
	kv.value = dm_ha_encode(in, &kv.value_len);
	ck_assert_ptr_null(dm_ha_decode(&kv, &out));
	ck_assert_int_eq(out->kind, in->kind);
	ck_assert_pstr_eq(out->first, in->first);
	ck_assert_pstr_eq(out->second, in->second);
	ck_assert_pstr_eq(out->text, in->text);
	ck_assert(out->number == in->number);
	ck_assert(out->revision == 5);
	g_free(kv.key);
	g_free(kv.value);
}
END_TEST

static const struct {
	const char *key, *value;
} bad[] = {
	{ "/dm-worker/r/", "{}" },
	{ "/dm-worker/r/7", "{}" },
	{ "/dm-worker/r/00", "{}" },
	{ "/dm-worker/r/ff", "{}" },
	{ "/dm-worker/r/7731/", "{\"format\":1,\"addr\":\"a\"}" },
	{ "/other", "x" },
	{ "/dm-worker/r/7731", "" },
	{ "/dm-worker/r/7731", "[]" },
	{ "/dm-worker/r/7731", "{\"format\":1}" },
	{ "/dm-worker/r/7731", "{\"format\":2,\"addr\":\"a\"}" },
	{ "/dm-worker/r/7731", "{\"addr\":\"a\"}" },
	{ "/dm-worker/r/7731", "{\"format\":1,\"addr\":1}" },
	{ "/dm-master/stage/subtask/73", "{\"format\":1,\"expect\":1}" },
	{ "/dm-master/stage/subtask/73/74", "{\"format\":1}" },
	{ "/dm-master/v2/upstream/config/73", "source-id: s" },
	{ "/dm-master/v2/upstream/config/73", "# format: 1" },
	{ "/dm-master/v2/upstream/config/73", "# format: 2\n" },
	{ "/dm-master/bound-worker/77", "{\"format\":1,\"source\":\"s\"}" },
	{ "/dm-master/bound-worker/77/73", "{\"format\":2,\"source\":\"s\"}" },
	{ "/dm-master/v2/stage/relay/73", "{\"format\":1}" },
	{ "/dm-master/v2/stage/relay/73/74", "{\"format\":1,\"expect\":2}" },
	{ "/dm-master/relay-worker/7731", "{\"format\":1}" },
	{ "/dm-master/relay-worker/7731/73", "s" },
	{ "/dm-cluster/id", "1234567" },
};

START_TEST(damaged_and_newer_items_are_refused)
{
	char *key = g_strdup(bad[_i].key), *value = g_strdup(bad[_i].value);
	struct dm_etcd_kv kv = {
		.key = key, .value = value, .value_len = strlen(value)
	};
	DM_AUTO(dm_err) err = NULL;
	struct dm_ha_item *out = NULL;

	err = dm_ha_decode(&kv, &out);
	ck_assert(dm_err_is(err, HA_INVALID_ITEM));
	ck_assert_ptr_null(out);
	g_free(key);
	g_free(value);
}
END_TEST

START_TEST(a_batch_names_a_key_once)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	char name[] = "w", source[] = "s";
	const struct dm_ha_item bound = {
		.kind = DM_HA_BOUND, .first = name, .second = source
	};
	const struct dm_ha_op *op;

	dm_ha_batch_delete(b, DM_HA_BOUND, "w", "s");
	dm_ha_batch_put(b, &bound);
	ck_assert_uint_eq(b->ops->len, 1);
	op = g_ptr_array_index(b->ops, 0);
	ck_assert(!op->is_delete && op->value != NULL);
	dm_ha_batch_delete(b, DM_HA_BOUND, "w", "s");
	ck_assert_uint_eq(b->ops->len, 1);
	ck_assert(op->is_delete && op->value == NULL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/ha/item");
	TCase *tc = tcase_create("item");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, names_are_hex_in_keys);
	tcase_add_loop_test(
	    tc, what_is_written_is_read_back, 0, (int)DM_ARRAY_SIZE(samples));
	tcase_add_loop_test(tc, damaged_and_newer_items_are_refused, 0,
	    (int)DM_ARRAY_SIZE(bad));
	tcase_add_test(tc, a_batch_names_a_key_once);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
