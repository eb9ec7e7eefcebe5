/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/text/pbjson.c and lib/text/pbjson_parse.c. */
#include "dmmaster.pb-c.h"
#include "lib/text/pbjson.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct dm_pbjson_opts p1 = { .indent = 4 };
static const struct dm_pbjson_opts line = { .indent = 0 };
static const struct dm_pbjson_opts own = { .indent = 0, .own_fields = true };

/* `query-status task` of one source: the sample of control-plane 2.3. */
START_TEST(the_sample_of_the_reference_is_met_byte_by_byte)
{
	Pb__SyncStatus sync;
	Pb__SubTaskStatus st;
	Pb__SourceStatus src;
	Pb__QueryStatusResponse entry;
	Pb__QueryStatusListResponse resp;
	Pb__SubTaskStatus *sts[] = { &st };
	Pb__QueryStatusResponse *entries[] = { &entry };
	g_autofree char *want = NULL, *got = NULL;

	pb__sync_status__init(&sync);
	sync.totalevents = sync.totalrows = 3;
	sync.masterbinlog = sync.syncerbinlog =
	    g_strdup("(mysql-bin.000001, 1764)");
	sync.synced = true;
	sync.binlogtype = g_strdup("remote");
	sync.lagmilliseconds = 7; /* ours: not shown */
	pb__sub_task_status__init(&st);
	st.name = g_strdup("test");
	st.stage = PB__STAGE__Running;
	st.unit = PB__UNIT_TYPE__Sync;
	st.status_case = PB__SUB_TASK_STATUS__STATUS_SYNC;
	st.sync = &sync;
	pb__source_status__init(&src);
	src.source = g_strdup("mysql-replica-01");
	src.worker = g_strdup("worker1");
	pb__query_status_response__init(&entry);
	entry.result = true;
	entry.sourcestatus = &src;
	entry.n_subtaskstatus = 1;
	entry.subtaskstatus = sts;
	pb__query_status_list_response__init(&resp);
	resp.result = true;
	resp.n_sources = 1;
	resp.sources = entries;

	ck_assert(g_file_get_contents(
	    "test/golden/ctl/p1-query-status.txt", &want, NULL, NULL));
	got = dm_pbjson_print(&resp.base, &p1);
	ck_assert_str_eq(got, want);
	g_free(sync.masterbinlog);
	g_free(sync.binlogtype);
	g_free(st.name);
	g_free(src.source);
	g_free(src.worker);
}
END_TEST

/* ---- both directions ---- */

struct round {
	const ProtobufCMessageDescriptor *d;
	const char *in, *out; /* out: printed on one line, with own fields */
};

static const struct round rounds[] = {
	{ &pb__common_worker_response__descriptor,
	    "{\"result\":true,\"msg\":\"a<b>&\\u2028\\\"\\n\\u0001\","
	    "\"nobody\":[1,2]}",
	    "{\"result\":true,\"msg\":\"a\\u003cb\\u003e\\u0026\\u2028\\\"\\n"
	    "\\u0001\",\"source\":\"\",\"worker\":\"\"}" },
	/* maps are sorted by key */
	{ &pb__list_task_configs_response__descriptor,
	    "{\"taskConfigs\":{\"b\":\"2\",\"a\":\"1\"}}",
	    "{\"result\":false,\"msg\":\"\",\"taskConfigs\":{\"a\":\"1\","
	    "\"b\":\"2\"}}" },
	{ &pb__operate_v1_meta_response__descriptor,
	    "{\"meta\":{\"t\":{\"op\":\"Stop\",\"stage\":2,\"task\":"
	    "\"YWI=\"}}}",
	    "{\"result\":false,\"msg\":\"\",\"meta\":{\"t\":{\"op\":\"Stop\","
	    "\"stage\":\"Running\",\"name\":\"\",\"task\":\"YWI=\"}}}" },
	/* 64-bit numbers in strings or not, at the ends of their range */
	{ &pb__check_task_request__descriptor,
	    "{\"errCnt\":\"-9223372036854775808\",\"warnCnt\":7}",
	    "{\"task\":\"\",\"errCnt\":\"-9223372036854775808\","
	    "\"warnCnt\":\"7\",\"startTime\":\"\"}" },
	{ &pb__master_info__descriptor,
	    "{\"memberID\":\"18446744073709551615\",\"peerURLs\":[\"a\"]}",
	    "{\"name\":\"\",\"memberID\":\"18446744073709551615\","
	    "\"alive\":false,\"peerURLs\":[\"a\"],\"clientURLs\":[]}" },
	{ &pb__dump_status__descriptor,
	    "{\"completedTables\":1.5,\"finishedBytes\":1e21,"
	    "\"finishedRows\":1e-7,\"estimateTotalRows\":123456789}",
	    "{\"totalTables\":\"0\",\"completedTables\":1.5,"
	    "\"finishedBytes\":1e+21,\"finishedRows\":1e-7,"
	    "\"estimateTotalRows\":123456789,\"bps\":\"0\","
	    "\"progress\":\"\",\"throttle\":\"\","
	    "\"rateLimit\":\"0\"}" },
	/* an enum's number without a name; bytes and a message that are unset
	 */
	{ &pb__sub_task_status__descriptor, "{\"stage\":77,\"msg\":\"\"}",
	    "{\"name\":\"\",\"stage\":77,\"unit\":\"InvalidUnit\","
	    "\"result\":null,\"unresolvedDDLLockID\":\"\",\"msg\":\"\","
	    "\"validation\":null,\"resumedErrors\":\"0\","
	    "\"fatalErrors\":\"0\"}" },
	{ &pb__process_result__descriptor, "{\"errors\":[{\"ErrCode\":5}]}",
	    "{\"isCanceled\":false,\"errors\":[{\"ErrCode\":5,\"ErrClass\":"
	    "\"\",\"ErrScope\":\"\",\"ErrLevel\":\"\",\"Message\":\"\","
	    "\"RawCause\":\"\",\"Workaround\":\"\"}],\"detail\":null}" },
	/* lowerCamel of a name with underscores; a oneof that is not set */
	{ &pb__start_validation_request__descriptor,
	    "{\"modeValue\":\"fast\",\"taskName\":null}",
	    "{\"mode_value\":\"fast\",\"sources\":[],\"taskName\":\"\"}" },
	{ &pb__load_status__descriptor, "{\"etaSeconds\":-1}",
	    "{\"finishedBytes\":\"0\",\"totalBytes\":\"0\",\"progress\":\"\","
	    "\"metaBinlog\":\"\",\"metaBinlogGTID\":\"\",\"bps\":\"0\","
	    "\"finishedRows\":\"0\",\"totalRows\":\"0\",\"finishedTables\":"
	    "\"0\",\"totalTables\":\"0\",\"rowsPerSecond\":\"0\","
	    "\"etaSeconds\":\"-1\",\"note\":\"\","
	    "\"verifiedRows\":\"0\",\"verifiedTables\":\"0\","
	    "\"differentRows\":\"0\",\"notComparedTables\":\"0\","
	    "\"recopiedChunks\":\"0\",\"throttle\":\"\","
	    "\"rateLimit\":\"0\"}" },
};

START_TEST(parsing_and_printing_agree)
{
	const struct round *r = &rounds[_i];
	ProtobufCMessage *msg = NULL;
	struct dm_err *err = dm_pbjson_parse(r->d, r->in, strlen(r->in), &msg);
	g_autofree char *got = NULL;

	ck_assert_msg(err == NULL, "%s", err != NULL ? err->message : "");
	got = dm_pbjson_print(msg, &own);
	ck_assert_int_eq(got[strlen(got) - 1], '\n');
	got[strlen(got) - 1] = '\0';
	ck_assert_str_eq(got, r->out);
	protobuf_c_message_free_unpacked(msg, NULL);
}
END_TEST

static const struct {
	const ProtobufCMessageDescriptor *d;
	const char *in, *why;
} refused[] = {
	{ &pb__start_task_request__descriptor, "", "invalid JSON" },
	{ &pb__start_task_request__descriptor, "[]", "not a JSON object" },
	{ &pb__start_task_request__descriptor, "{\"task\":1}", "not a string" },
	{ &pb__start_task_request__descriptor, "{\"task\":\"a\\u0000b\"}",
	    "zero byte" },
	{ &pb__start_task_request__descriptor, "{\"sources\":[\"a\",2]}",
	    "not a string" },
	{ &pb__start_task_request__descriptor, "{\"sources\":\"a\"}",
	    "not a list" },
	{ &pb__start_task_request__descriptor, "{\"removeMeta\":1}",
	    "true or false" },
	{ &pb__check_task_request__descriptor, "{\"errCnt\":1.5}",
	    "whole number" },
	{ &pb__check_task_request__descriptor,
	    "{\"errCnt\":\"9223372036854775808\"}", "range" },
	{ &pb__check_task_request__descriptor, "{\"errCnt\":\"1x\"}",
	    "whole number" },
	{ &pb__master_info__descriptor, "{\"memberID\":-1}", "range" },
	{ &pb__operate_task_request__descriptor, "{\"op\":\"Nope\"}",
	    "unknown value" },
	{ &pb__operate_task_request__descriptor, "{\"op\":4294967296}",
	    "range" },
	{ &pb__register_worker_response__descriptor, "{\"secretKey\":\"a*\"}",
	    "base64" },
	{ &pb__sub_task_status__descriptor, "{\"msg\":\"x\",\"load\":{}}",
	    "oneof" },
	{ &pb__list_task_configs_response__descriptor,
	    "{\"taskConfigs\":{\"a\":1}}", "not a string" },
};

START_TEST(bad_input_is_refused_with_a_reason)
{
	ProtobufCMessage *msg = NULL;
	DM_AUTO(dm_err)
	err = dm_pbjson_parse(
	    refused[_i].d, refused[_i].in, strlen(refused[_i].in), &msg);

	ck_assert_ptr_nonnull(err);
	ck_assert_ptr_null(msg);
	ck_assert_msg(
	    strstr(err->message, refused[_i].why) != NULL, "%s", err->message);
}
END_TEST

/* ---- the rest of printing ---- */

START_TEST(empty_lists_maps_and_messages_take_two_lines)
{
	Pb__ListTaskConfigsResponse resp;
	Pb__DDLLock lock;
	Pb__DDLLock *locks[] = { &lock };
	Pb__ShowDDLLocksResponse show;
	g_autofree char *a = NULL, *b = NULL;

	pb__list_task_configs_response__init(&resp);
	a = dm_pbjson_print(&resp.base, &p1);
	ck_assert_str_eq(a, "{\n    \"result\": false,\n    \"msg\": \"\",\n"
			    "    \"taskConfigs\": {\n    }\n}\n");
	pb__ddllock__init(&lock);
	pb__show_ddllocks_response__init(&show);
	show.n_locks = 1;
	show.locks = locks;
	b = dm_pbjson_print(&show.base, &(struct dm_pbjson_opts){ 2, false });
	ck_assert_ptr_nonnull(
	    strstr(b, "  \"locks\": [\n    {\n      \"ID\": \"\",\n"
		      "      \"task\": \"\","));
	ck_assert_ptr_nonnull(strstr(b, "      \"DDLs\": [\n      ],\n"));
}
END_TEST

START_TEST(own_fields_are_left_out_unless_asked_for)
{
	Pb__LoadStatus st;
	g_autofree char *without = NULL, *with = NULL;

	pb__load_status__init(&st);
	without = dm_pbjson_print(&st.base, &line);
	with = dm_pbjson_print(&st.base, &own);
	ck_assert_ptr_null(strstr(without, "finishedRows"));
	ck_assert_ptr_nonnull(strstr(with, "finishedRows"));
}
END_TEST

START_TEST(bytes_that_are_no_utf8_are_replaced)
{
	g_autoptr(GString) s = g_string_new(NULL);

	dm_json_append_string(s, "a\xff\xe4\xb8\xad\xc3");
	ck_assert_str_eq(s->str, "\"a\\ufffd\xe4\xb8\xad\\ufffd\"");
}
END_TEST

START_TEST(numbers_that_are_none_are_words)
{
	Pb__DumpStatus st;
	g_autofree char *text = NULL;

	pb__dump_status__init(&st);
	st.completedtables = NAN;
	st.finishedbytes = -INFINITY;
	st.finishedrows = 0.1;
	text = dm_pbjson_print(&st.base, &line);
	ck_assert_ptr_nonnull(strstr(text, "\"completedTables\":\"NaN\""));
	ck_assert_ptr_nonnull(strstr(text, "\"finishedBytes\":\"-Infinity\""));
	ck_assert_ptr_nonnull(strstr(text, "\"finishedRows\":0.1,"));
}
END_TEST

/* ---- values of URLs ---- */

static void
set(ProtobufCMessage *m, const char *name, const char *value)
{
	const ProtobufCFieldDescriptor *f =
	    dm_pbjson_field(m->descriptor, name);
	DM_AUTO(dm_err) err = NULL;

	ck_assert_msg(f != NULL, "%s", name);
	err = dm_pbjson_set(m, f, value);
	ck_assert_msg(err == NULL, "%s: %s", name, err ? err->message : "");
}

/* A new message, freed with protobuf_c_message_free_unpacked. */
static ProtobufCMessage *
new_message(const ProtobufCMessageDescriptor *d)
{
	ProtobufCMessage *m = g_malloc0(d->sizeof_message);

	protobuf_c_message_init(d, m);
	return m;
}

static void
prints(ProtobufCMessage *m, const char *want)
{
	g_autofree char *got = dm_pbjson_print(m, &line);

	ck_assert_str_eq(g_strchomp(got), want);
	protobuf_c_message_free_unpacked(m, NULL);
}

START_TEST(text_of_urls_becomes_values)
{
	ProtobufCMessage *m =
	    new_message(&pb__purge_worker_relay_request__descriptor);

	set(m, "sources", "a");
	set(m, "sources", "b");
	set(m, "inactive", "T");
	set(m, "time", "-9223372036854775808");
	set(m, "filename", "first");
	set(m, "filename", "second <");
	set(m, "subDir", "");
	prints(m, "{\"sources\":[\"a\",\"b\"],\"inactive\":true,"
		  "\"time\":\"-9223372036854775808\","
		  "\"filename\":\"second \\u003c\",\"subDir\":\"\"}");
	m = new_message(&pb__get_cfg_request__descriptor);
	set(m, "type", "TaskType");
	set(m, "type", "2");
	prints(m, "{\"type\":\"MasterType\",\"name\":\"\"}");
	m = new_message(&pb__register_worker_response__descriptor);
	set(m, "secretKey", "AAAA");
	set(m, "secretKey", "AQI=");
	set(m, "result", "True");
	set(m, "result", "0");
	prints(m, "{\"result\":false,\"msg\":\"\",\"secretKey\":\"AQI=\"}");
}
END_TEST

START_TEST(bad_text_of_urls_changes_nothing)
{
	static const char *const bad[][2] = { { "inactive", "yes" },
		{ "inactive", "" }, { "time", "" }, { "time", "1x" },
		{ "time", "9223372036854775808" }, { "time", "1.5" },
		{ "filename", "\xff" }, { "sources", "\xc3\x28" } };
	ProtobufCMessage *m =
	    new_message(&pb__purge_worker_relay_request__descriptor);

	set(m, "sources", "a");
	set(m, "filename", "f");
	for (size_t i = 0; i < DM_ARRAY_SIZE(bad); i++) {
		DM_AUTO(dm_err)
		err = dm_pbjson_set(
		    m, dm_pbjson_field(m->descriptor, bad[i][0]), bad[i][1]);

		ck_assert_msg(err != NULL, "%s=%s", bad[i][0], bad[i][1]);
		ck_assert_msg(strstr(err->message, bad[i][0]) != NULL, "%s",
		    err->message);
	}
	prints(m, "{\"sources\":[\"a\"],\"inactive\":false,\"time\":\"0\","
		  "\"filename\":\"f\",\"subDir\":\"\"}");
}
END_TEST

START_TEST(messages_and_oneofs_do_not_fit_into_urls)
{
	ProtobufCMessage *m = new_message(&pb__members__descriptor);
	DM_AUTO(dm_err)
	err = dm_pbjson_set(m, dm_pbjson_field(m->descriptor, "leader"), "{}");

	ck_assert_ptr_nonnull(err);
	prints(m, "{}");
}
END_TEST

START_TEST(fields_are_found_by_both_names)
{
	const ProtobufCMessageDescriptor *d =
	    &pb__operate_source_request__descriptor;

	ck_assert_ptr_nonnull(dm_pbjson_field(d, "sourceID"));
	ck_assert_ptr_nonnull(dm_pbjson_field(d, "workerName"));
	ck_assert_ptr_null(dm_pbjson_field(d, "WorkerName"));
	ck_assert_ptr_null(dm_pbjson_field(d, ""));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/text/pbjson");
	TCase *tc = tcase_create("pbjson");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, the_sample_of_the_reference_is_met_byte_by_byte);
	tcase_add_loop_test(
	    tc, parsing_and_printing_agree, 0, DM_ARRAY_SIZE(rounds));
	tcase_add_loop_test(
	    tc, bad_input_is_refused_with_a_reason, 0, DM_ARRAY_SIZE(refused));
	tcase_add_test(tc, empty_lists_maps_and_messages_take_two_lines);
	tcase_add_test(tc, own_fields_are_left_out_unless_asked_for);
	tcase_add_test(tc, bytes_that_are_no_utf8_are_replaced);
	tcase_add_test(tc, numbers_that_are_none_are_words);
	tcase_add_test(tc, text_of_urls_becomes_values);
	tcase_add_test(tc, bad_text_of_urls_changes_nothing);
	tcase_add_test(tc, messages_and_oneofs_do_not_fit_into_urls);
	tcase_add_test(tc, fields_are_found_by_both_names);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
