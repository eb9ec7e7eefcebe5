/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of master/api_http/gateway.c: requests to messages, errors. */
#include "master/api_http/gateway.h"

#include "dmmaster.pb-c.h"
#include "master/pb.h"

#include <check.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* The last request, or why there is none. */
static struct gateway_call call;
static enum dm_rpc_status status;
static char *text;

static void
clear(void)
{
	pb_free(call.req);
	call = (struct gateway_call){ 0 };
	g_free(DM_TAKE(text));
}

/* params: name, value, ..., and NULL where a name would be. */
static bool
parse(const char *method, const char *path, const char *body, ...)
{
	g_autoptr(GPtrArray) params = g_ptr_array_new();
	struct dm_http_req req = { .method = method,
		.path = path,
		.body = body,
		.body_len = strlen(body) };
	struct dm_err *err;
	const char *name;
	va_list ap;

	clear();
	va_start(ap, body);
	while ((name = va_arg(ap, const char *)) != NULL) {
		g_ptr_array_add(params, (gpointer)(uintptr_t)name);
		g_ptr_array_add(params, va_arg(ap, char *));
	}
	va_end(ap);
	err = gateway_parse(&req, path, params, &call, &status);
	if (err != NULL)
		text = g_strdup(err->message);
	ck_assert((err == NULL) == (status == DM_RPC_OK));
	dm_err_free(err);
	return text == NULL;
}

static void *
message(const char *method, const ProtobufCMessageDescriptor *d)
{
	ck_assert_msg(text == NULL, "%s", text);
	ck_assert_str_eq(call.method, method);
	ck_assert(call.req->descriptor == d);
	return call.req;
}

#define MESSAGE(method, type) message(method, &pb__##type##__descriptor)

START_TEST(every_route_leads_to_its_method)
{
	static const char *const routes[][3] = {
		{ "POST", "tasks", "StartTask" },
		{ "PUT", "tasks/t", "OperateTask" },
		{ "GET", "tasks/t", "GetCfg" },
		{ "GET", "status/t", "QueryStatus" },
		{ "GET", "subtasks/t", "GetSubTaskCfg" },
		{ "PUT", "sources", "OperateSource" },
		{ "GET", "members", "ListMember" },
		{ "DELETE", "members/worker/w", "OfflineMember" },
		{ "PUT", "leader/1", "OperateLeader" },
		{ "PUT", "schema", "OperateSchema" },
		{ "PUT", "errors", "HandleError" },
	};

	for (size_t i = 0; i < DM_ARRAY_SIZE(routes); i++) {
		ck_assert_msg(parse(routes[i][0], routes[i][1], "", NULL),
		    "%s: %s", routes[i][1], text);
		ck_assert_str_eq(call.method, routes[i][2]);
	}
}
END_TEST

START_TEST(other_paths_and_methods_are_unimplemented)
{
	static const char *const paths[] = { "", "task", "tasks/a/b",
		"members/worker", "members/a/b/c", "leader", "status", "TASKS",
		"/tasks" };

	for (size_t i = 0; i < DM_ARRAY_SIZE(paths); i++) {
		ck_assert_msg(
		    !parse("GET", paths[i], "", NULL), "%s", paths[i]);
		ck_assert_int_eq(status, DM_RPC_UNIMPLEMENTED);
		ck_assert_str_eq(text, "Not Implemented");
	}
	ck_assert(!parse("GET", "sources", "", NULL));
	ck_assert_int_eq(status, DM_RPC_UNIMPLEMENTED);
	ck_assert_str_eq(text, "Method Not Allowed");
	ck_assert(!parse("get", "members", "", NULL));
	ck_assert_str_eq(text, "Method Not Allowed");
}
END_TEST

START_TEST(a_query_sets_fields)
{
	const Pb__ListMemberRequest *m;
	const Pb__GetCfgRequest *g;

	ck_assert(parse("GET", "members", "", "worker", "true", "leader", "0",
	    "names", "a", "names", "", "other", "x", "names", NULL, NULL));
	m = MESSAGE("ListMember", list_member_request);
	ck_assert(m->worker && !m->leader && !m->master);
	ck_assert_uint_eq(m->n_names, 3);
	ck_assert_str_eq(m->names[0], "a");
	ck_assert_str_eq(m->names[1], "");
	ck_assert_str_eq(m->names[2], "");

	ck_assert(parse("GET", "tasks/t:1", "", "type", "SourceType", NULL));
	g = MESSAGE("GetCfg", get_cfg_request);
	ck_assert_int_eq(g->type, PB__CFG_TYPE__SourceType);
	ck_assert_str_eq(g->name, "t:1");
	ck_assert(parse("GET", "tasks/t", "", "type", "4", NULL));
	g = MESSAGE("GetCfg", get_cfg_request);
	ck_assert_int_eq(g->type, PB__CFG_TYPE__SourceType);
}
END_TEST

START_TEST(the_path_wins)
{
	const Pb__OperateTaskRequest *t;
	const Pb__QueryStatusListRequest *q;
	const Pb__OfflineMemberRequest *o;
	const Pb__OperateLeaderRequest *l;

	ck_assert(parse("PUT", "tasks/mine",
	    "{\"op\":\"Pause\",\"name\":\"other\",\"sources\":[\"s\"]}", NULL));
	t = MESSAGE("OperateTask", operate_task_request);
	ck_assert_str_eq(t->name, "mine");
	ck_assert_int_eq(t->op, PB__TASK_OP__Pause);
	ck_assert_uint_eq(t->n_sources, 1);

	ck_assert(parse("GET", "status/mine", "", "name", "other", NULL));
	q = MESSAGE("QueryStatus", query_status_list_request);
	ck_assert_str_eq(q->name, "mine");

	ck_assert(parse("DELETE", "members/master/m1", "", NULL));
	o = MESSAGE("OfflineMember", offline_member_request);
	ck_assert_str_eq(o->type, "master");
	ck_assert_str_eq(o->name, "m1");

	ck_assert(parse("PUT", "leader/EvictLeaderOp", "{\"op\":2}", NULL));
	l = MESSAGE("OperateLeader", operate_leader_request);
	ck_assert_int_eq(l->op, PB__LEADER_OP__EvictLeaderOp);
}
END_TEST

START_TEST(a_query_has_no_say_beside_a_body)
{
	const Pb__StartTaskRequest *m;

	ck_assert(parse("POST", "tasks", "{\"task\":\"a\"}", "task", "b",
	    "removeMeta", "maybe", NULL));
	m = MESSAGE("StartTask", start_task_request);
	ck_assert_str_eq(m->task, "a");
}
END_TEST

static void
is_invalid(bool parsed, const char *want)
{
	ck_assert(!parsed);
	ck_assert_int_eq(status, DM_RPC_INVALID_ARGUMENT);
	ck_assert_msg(strstr(text, want) != NULL, "%s", text);
	ck_assert_ptr_null(call.req);
}

START_TEST(bad_values_are_refused)
{
	is_invalid(
	    parse("GET", "members", "", "leader", "yes", NULL), "field leader");
	is_invalid(
	    parse("GET", "members", "", "leader", "1", "leader", "1", NULL),
	    "too many values");
	is_invalid(
	    parse("GET", "members", "", "names", "\xff", NULL), "valid UTF-8");
	is_invalid(parse("GET", "tasks/x", "", "type", "What", NULL), "What");
	is_invalid(
	    parse("GET", "tasks/x", "", "type", "99999999999999999999", NULL),
	    "range");
	is_invalid(parse("PUT", "leader/x", "", NULL), "pb.LeaderOp");
	is_invalid(parse("POST", "tasks", "{", NULL), "invalid JSON");
	is_invalid(parse("POST", "tasks", "[]", NULL), "not a JSON object");
	is_invalid(parse("POST", "tasks", "{\"task\":1}", NULL), "task");
}
END_TEST

START_TEST(errors_are_json_in_whatever_text)
{
	g_autoptr(GString) out = g_string_new(NULL);
	json_t *j;

	gateway_error(out, DM_RPC_NOT_FOUND, "no \"x\"\n\x01\xff<");
	j = json_loads(out->str, 0, NULL);
	ck_assert_ptr_nonnull(j);
	ck_assert_int_eq(json_integer_value(json_object_get(j, "code")), 5);
	ck_assert_str_eq(json_string_value(json_object_get(j, "message")),
	    "no \"x\"\n\x01\xef\xbf\xbd<");
	ck_assert(json_equal(
	    json_object_get(j, "message"), json_object_get(j, "error")));
	ck_assert(json_is_array(json_object_get(j, "details")));
	json_decref(j);
}
END_TEST

START_TEST(every_status_has_its_http_status)
{
	static const unsigned want[] = { 200, 408, 500, 400, 504, 404, 409, 403,
		429, 400, 409, 400, 501, 500, 503, 500, 401 };

	for (size_t i = 0; i < DM_ARRAY_SIZE(want); i++)
		ck_assert_uint_eq(
		    gateway_http_status((enum dm_rpc_status)i), want[i]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("master/api_http/gateway");
	TCase *tc = tcase_create("gateway");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, NULL, clear);
	tcase_add_test(tc, every_route_leads_to_its_method);
	tcase_add_test(tc, other_paths_and_methods_are_unimplemented);
	tcase_add_test(tc, a_query_sets_fields);
	tcase_add_test(tc, the_path_wins);
	tcase_add_test(tc, a_query_has_no_say_beside_a_body);
	tcase_add_test(tc, bad_values_are_refused);
	tcase_add_test(tc, errors_are_json_in_whatever_text);
	tcase_add_test(tc, every_status_has_its_http_status);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
