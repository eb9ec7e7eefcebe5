/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of master/api_grpc/kv.c: what may be read, and what comes. */
#include "master/api_grpc/kv.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "/dm-master/relay-worker/"
#define END    "/dm-master/relay-worker0"

static Etcdserverpb__RangeRequest req;
static struct dm_etcd_kvs all;
static Etcdserverpb__RangeResponse resp;

static ProtobufCBinaryData
bytes(const char *text)
{
	return (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)text,
		.len = strlen(text) };
}

static void
ask(const char *key, const char *end)
{
	etcdserverpb__range_request__init(&req);
	req.key = bytes(key);
	req.range_end = bytes(end);
}

static void
free_kv(gpointer p)
{
	g_free(p);
}

static void
add(const char *key, const char *value, int64_t revision)
{
	struct dm_etcd_kv *kv = g_new0(struct dm_etcd_kv, 1);

	kv->key = (char *)(uintptr_t)key;
	kv->key_len = strlen(key);
	kv->value = (char *)(uintptr_t)value;
	kv->value_len = strlen(value);
	kv->create_revision = revision;
	kv->mod_revision = revision + 1;
	kv->version = 2;
	g_ptr_array_add(all.items, kv);
}

static void
setup(void)
{
	all.revision = 99;
	all.items = g_ptr_array_new_with_free_func(free_kv);
	add(PREFIX "7731", "source1", 10);
	add(PREFIX "7732", "source2", 20);
	add(PREFIX "7733", "source1", 30);
	etcdserverpb__range_response__init(&resp);
}

static void
teardown(void)
{
	g_ptr_array_unref(all.items);
}

START_TEST(only_the_relay_keys_may_be_read)
{
	static const char *const no[][2] = {
		{ "", "" },
		{ "/", END },
		{ "/dm-master/relay-worker", END },
		{ "/dm-master/v2/upstream/config/", "" },
		{ "/dm-master/v2/upstream/config/",
		    "/dm-master/v2/upstream/config0" },
		{ PREFIX, "/dm-master/relay-worker1" },
		{ PREFIX, "/dm-master/relay-worker00" },
		{ PREFIX, "\xff" },
		{ "/dm-worker/", "/dm-worker0" },
	};
	static const char *const yes[][2] = { { PREFIX, END }, { PREFIX, "" },
		{ PREFIX "7731", "" }, { PREFIX "7731", PREFIX "7732" } };

	for (size_t i = 0; i < DM_ARRAY_SIZE(no); i++) {
		ask(no[i][0], no[i][1]);
		ck_assert_msg(!kv_allowed(&req), "%s %s", no[i][0], no[i][1]);
	}
	for (size_t i = 0; i < DM_ARRAY_SIZE(yes); i++) {
		ask(yes[i][0], yes[i][1]);
		ck_assert_msg(kv_allowed(&req), "%s %s", yes[i][0], yes[i][1]);
	}
}
END_TEST

START_TEST(an_end_of_zero_is_everything_and_refused)
{
	uint8_t zero = 0;

	ask(PREFIX, "");
	req.range_end.data = &zero;
	req.range_end.len = 1;
	ck_assert(!kv_allowed(&req));
}
END_TEST

static void
answer(size_t kvs, int64_t count, bool more)
{
	kv_answer(&req, &all, &resp);
	ck_assert_uint_eq(resp.n_kvs, kvs);
	ck_assert_int_eq(resp.count, count);
	ck_assert(resp.more == more);
	ck_assert_int_eq(resp.header->revision, 99);
}

static bool
equals(ProtobufCBinaryData got, const char *want)
{
	return got.len == strlen(want) &&
	       (got.len == 0 || memcmp(got.data, want, got.len) == 0);
}

START_TEST(the_prefix_has_all_keys)
{
	const Etcdserverpb__KeyValue *kv;

	ask(PREFIX, END);
	answer(3, 3, false);
	kv = resp.kvs[1];
	ck_assert(equals(kv->key, PREFIX "7732"));
	ck_assert(equals(kv->value, "source2"));
	ck_assert_int_eq(kv->create_revision, 20);
	ck_assert_int_eq(kv->mod_revision, 21);
	ck_assert_int_eq(kv->version, 2);
	kv_answer_clear(&resp);
}
END_TEST

START_TEST(an_end_is_exclusive_and_a_key_alone_is_itself)
{
	ask(PREFIX "7731", PREFIX "7733");
	answer(2, 2, false);
	kv_answer_clear(&resp);
	ask(PREFIX "7732", "");
	answer(1, 1, false);
	ck_assert(equals(resp.kvs[0]->key, PREFIX "7732"));
	kv_answer_clear(&resp);
	ask(PREFIX "773", "");
	answer(0, 0, false);
	kv_answer_clear(&resp);
	ask(PREFIX "7733", PREFIX "7731");
	answer(0, 0, false);
	kv_answer_clear(&resp);
}
END_TEST

START_TEST(what_etcd_has_gets_the_original_s_form)
{
	static const char *const stored[][2] = {
		{ PREFIX "7731/7331",
		    "{\"format\":1,\"source\":\"s1\",\"worker\":\"w1\"}" },
		{ PREFIX "7732/7331",
		    "{\"format\":1,\"source\":\"s1\",\"worker\":\"w2\"}" },
		{ PREFIX "7732/7332",
		    "{\"format\":1,\"source\":\"s2\",\"worker\":\"w2\"}" },
		{ PREFIX "zz", "what is this" },
	};
	struct dm_etcd_kv kvs[DM_ARRAY_SIZE(stored)] = { 0 };

	g_ptr_array_unref(all.items);
	all.items = g_ptr_array_new();
	for (size_t i = 0; i < DM_ARRAY_SIZE(stored); i++) {
		kvs[i].key = g_strdup(stored[i][0]);
		kvs[i].key_len = strlen(kvs[i].key);
		kvs[i].value = g_strdup(stored[i][1]);
		kvs[i].value_len = strlen(kvs[i].value);
		g_ptr_array_add(all.items, &kvs[i]);
	}
	kv_originals(&all);
	ask(PREFIX "7732", "");
	answer(2, 2, false);
	ck_assert(equals(resp.kvs[1]->key, PREFIX "7732"));
	ck_assert(equals(resp.kvs[1]->value, "s2"));
	kv_answer_clear(&resp);
	ask(PREFIX, END);
	answer(3, 3, false);
	ck_assert(equals(resp.kvs[0]->key, PREFIX "7731"));
	ck_assert(equals(resp.kvs[0]->value, "s1"));
	kv_answer_clear(&resp);
	for (size_t i = 0; i < DM_ARRAY_SIZE(stored); i++) {
		g_free(kvs[i].key);
		g_free(kvs[i].value);
	}
}
END_TEST

START_TEST(a_limit_tells_that_there_is_more)
{
	ask(PREFIX, END);
	req.limit = 2;
	answer(2, 3, true);
	kv_answer_clear(&resp);
	req.limit = 3;
	answer(3, 3, false);
	kv_answer_clear(&resp);
}
END_TEST

START_TEST(keys_or_their_number_alone)
{
	ask(PREFIX, END);
	req.keys_only = true;
	answer(3, 3, false);
	ck_assert_uint_eq(resp.kvs[0]->value.len, 0);
	kv_answer_clear(&resp);
	req.count_only = true;
	answer(0, 3, false);
	kv_answer_clear(&resp);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("master/api_grpc/kv");
	TCase *tc = tcase_create("kv");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, only_the_relay_keys_may_be_read);
	tcase_add_test(tc, an_end_of_zero_is_everything_and_refused);
	tcase_add_test(tc, the_prefix_has_all_keys);
	tcase_add_test(tc, an_end_is_exclusive_and_a_key_alone_is_itself);
	tcase_add_test(tc, what_etcd_has_gets_the_original_s_form);
	tcase_add_test(tc, a_limit_tells_that_there_is_more);
	tcase_add_test(tc, keys_or_their_number_alone);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
