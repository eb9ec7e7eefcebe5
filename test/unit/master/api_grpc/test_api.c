/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suite of master/api_grpc for what is answered before anything of the
 * cluster is asked: requests that no command of dmctl makes, and a master that
 * knows no leader.
 */
#include "master/api_grpc/call.h"
#include "master/api_grpc/forward.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct api_call
call_of(const char *method, const ProtobufCMessage *req)
{
	struct api_call c = { .req = req };

	c.method = protobuf_c_service_descriptor_get_method_by_name(
	    &pb__master__descriptor, method);
	ck_assert_ptr_nonnull(c.method);
	return c;
}

static void
check_refused(bool result, const char *msg, const char *code)
{
	ck_assert(!result);
	ck_assert_msg(strstr(msg, code) != NULL, "%s", msg);
	ck_assert_msg(strstr(msg, "Workaround: ") != NULL, "%s", msg);
}

START_TEST(a_kind_of_member_that_does_not_exist_is_38049)
{
	Pb__OfflineMemberRequest req;
	struct api_call c;
	char type[] = "etcd";
	Pb__OfflineMemberResponse *r;

	pb__offline_member_request__init(&req);
	c = call_of("OfflineMember", &req.base);
	req.type = type;
	r = (Pb__OfflineMemberResponse *)api_offline_member(&c);
	check_refused(r->result, r->msg, "[code=38049:");
	pb_free(&r->base);
}
END_TEST

static const Pb__TaskOp wrong_ops[] = { PB__TASK_OP__InvalidOp,
	PB__TASK_OP__Stop, PB__TASK_OP__Start, PB__TASK_OP__AutoResume };

/* As in DM, stop-task deletes; Stop itself is no operation of clients. */
START_TEST(an_operation_on_tasks_that_is_none_is_38041)
{
	Pb__OperateTaskRequest req;
	struct api_call c;
	char name[] = "t";
	Pb__OperateTaskResponse *r;

	pb__operate_task_request__init(&req);
	c = call_of("OperateTask", &req.base);
	req.name = name;
	req.op = wrong_ops[_i];
	r = (Pb__OperateTaskResponse *)api_operate_task(&c);
	check_refused(r->result, r->msg, "[code=38041:");
	ck_assert_int_eq(r->op, req.op);
	pb_free(&r->base);
}
END_TEST

START_TEST(an_operation_on_sources_that_is_none_is_38041)
{
	Pb__OperateSourceRequest req;
	struct api_call c;
	Pb__OperateSourceResponse *r;

	pb__operate_source_request__init(&req);
	c = call_of("OperateSource", &req.base);
	req.op = PB__SOURCE_OP__InvalidSourceOp;
	r = (Pb__OperateSourceResponse *)api_operate_source(&c);
	check_refused(r->result, r->msg, "[code=38041:");
	pb_free(&r->base);
}
END_TEST

START_TEST(an_operation_on_the_leader_that_is_none_is_refused)
{
	Pb__OperateLeaderRequest req = PB__OPERATE_LEADER_REQUEST__INIT;
	struct api_call c = call_of("OperateLeader", &req.base);
	Pb__OperateLeaderResponse *r =
	    (Pb__OperateLeaderResponse *)api_operate_leader(&c);

	ck_assert(!r->result);
	ck_assert_str_eq(r->msg, "operate InvalidLeaderOp is not supported");
	pb_free(&r->base);
}
END_TEST

START_TEST(a_lock_that_does_not_exist_is_38019)
{
	Pb__UnlockDDLLockRequest req;
	struct api_call c;
	char id[] = "t-`a`.`b`";
	Pb__UnlockDDLLockResponse *r;

	pb__unlock_ddllock_request__init(&req);
	c = call_of("UnlockDDLLock", &req.base);
	req.id = id;
	r = (Pb__UnlockDDLLockResponse *)api_unlock_ddl_lock(&c);
	check_refused(r->result, r->msg, "[code=38019:");
	ck_assert_ptr_nonnull(strstr(r->msg, "lock with ID t-`a`.`b` not"));
	pb_free(&r->base);
}
END_TEST

START_TEST(a_structure_is_one_of_a_source)
{
	Pb__OperateSchemaRequest req;
	Pb__OperateSchemaResponse *r;
	struct api_call c;

	pb__operate_schema_request__init(&req);
	c = call_of("OperateSchema", &req.base);
	r = (Pb__OperateSchemaResponse *)api_operate_schema(&c);
	ck_assert(!r->result);
	ck_assert_str_eq(r->msg, "must specify at least one source");
	pb_free(&r->base);
}
END_TEST

/* ---- a master that knows no leader ---- */

static bool
no_guard(struct dm_etcd_txn *t, void *arg)
{
	(void)t;
	(void)arg;
	return false;
}

static struct dm_err *
no_quorum_trouble(void *arg)
{
	(void)arg;
	return NULL;
}

static bool
no_leader(char **name, char **addr, void *arg)
{
	(void)name;
	(void)addr;
	(void)arg;
	return false;
}

/* Its own address for a leader of another name: nobody listens there. */
static bool
dead_leader(char **name, char **addr, void *arg)
{
	(void)arg;
	*name = g_strdup("m2");
	*addr = g_strdup("127.0.0.1:1");
	return true;
}

static void
check_not_forwarded(bool (*leader)(char **, char **, void *))
{
	static const char *const eps[] = { "http://127.0.0.1:1", NULL };
	struct dm_etcd_opts eo = { .endpoints = eps, .timeout_ms = 100 };
	struct dm_master_cfg cfg = { 0 };
	struct sched_env se = { .guard = no_guard };
	struct api_env ae = { .cfg = &cfg,
		.leader = leader,
		.available = no_quorum_trouble,
		.writable = no_quorum_trouble };
	Pb__QueryStatusListRequest req;
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);
	struct dm_etcd *etcd = NULL;
	struct dm_err *fail = NULL;
	char name[] = "m1";
	struct api *a;

	pb__query_status_list_request__init(&req);
	cfg.name = name;
	ck_assert_ptr_null(dm_etcd_new(&eo, &etcd));
	se.etcd = ae.etcd = etcd;
	ae.sched = sched_start(&se);
	a = api_new(&ae);
	ck_assert_ptr_null(api_run(a, "QueryStatus", &req.base, c, &fail));
	ck_assert(dm_err_is(fail, MASTER_REQUEST_IS_NOT_FORWARD_TO_LEADER));
	dm_err_free(fail);
	api_stop(a);
	api_free(a);
	sched_stop(ae.sched);
	sched_free(ae.sched);
	dm_etcd_free(etcd);
}

START_TEST(without_a_leader_a_request_is_38043)
{
	check_not_forwarded(no_leader);
}
END_TEST

START_TEST(a_leader_that_is_gone_is_38043_too)
{
	dm_rpc_init();
	check_not_forwarded(dead_leader);
	dm_rpc_shutdown();
}
END_TEST

/* ---- a leader that does not answer ---- */

/* Takes calls and keeps them. */
struct mute {
	ProtobufCService svc;
	struct dm_rpc_server *server;
	char addr[32];
	int64_t left_ms; /* until the deadline that the last call came with */
	void *call;
};

static struct mute mute;

static void
keep_call(ProtobufCService *svc, unsigned index, const ProtobufCMessage *req,
    ProtobufCClosure closure, void *closure_data)
{
	(void)svc;
	(void)index;
	(void)req;
	(void)closure;
	mute.left_ms = dm_rpc_call_left_ms(closure_data);
	mute.call = closure_data;
}

static bool
mute_leader(char **name, char **addr, void *arg)
{
	(void)arg;
	*name = g_strdup("m2");
	*addr = g_strdup(mute.addr);
	return true;
}

static void
mute_start(void)
{
	int port = 0;

	dm_rpc_init();
	mute = (struct mute){ .svc = { api_forwarded_descriptor(), keep_call,
				  NULL },
		.left_ms = -1 };
	mute.server = dm_rpc_server_new(NULL);
	dm_rpc_server_add_service(mute.server, &mute.svc);
	ck_assert_ptr_null(
	    dm_rpc_server_start(mute.server, "127.0.0.1:0", &port));
	g_snprintf(mute.addr, sizeof(mute.addr), "127.0.0.1:%d", port);
}

static void
mute_stop(void)
{
	if (mute.call != NULL)
		dm_rpc_fail(mute.call, DM_RPC_UNAVAILABLE, "");
	dm_rpc_server_free(mute.server);
	dm_rpc_shutdown();
}

static struct dm_err *
forward_to_mute(const char *method, const ProtobufCMessage *req,
    bool reads_only, int64_t timeout_ms)
{
	static const char *const eps[] = { "http://127.0.0.1:1", NULL };
	struct dm_etcd_opts eo = { .endpoints = eps, .timeout_ms = 100 };
	struct dm_master_cfg cfg = { 0 };
	struct sched_env se = { .guard = no_guard };
	struct api_env ae = { .cfg = &cfg,
		.leader = mute_leader,
		.available = no_quorum_trouble,
		.writable = no_quorum_trouble };
	struct forward_call f = { .method = method,
		.req = req,
		.reads_only = reads_only,
		.arrived = dm_mono_now(),
		.until = dm_mono_add_ms(dm_mono_now(), timeout_ms) };
	DM_AUTO(dm_cancel) cancel = dm_cancel_new(NULL);
	ProtobufCMessage *resp = NULL;
	char name[] = "m1";
	struct dm_err *err;

	cfg.name = name;
	f.cancel = cancel;
	ck_assert_ptr_null(dm_etcd_new(&eo, &se.etcd));
	ae.sched = sched_start(&se);
	err = api_forward(&ae, &f, &resp);
	ck_assert_ptr_null(resp);
	sched_stop(ae.sched);
	sched_free(ae.sched);
	dm_etcd_free(se.etcd);
	return err;
}

START_TEST(the_leader_is_told_the_client_s_deadline)
{
	Pb__QueryStatusListRequest query;
	struct dm_err *err;

	mute_start();
	pb__query_status_list_request__init(&query);
	err = forward_to_mute("QueryStatus", &query.base, true, 4000);
	ck_assert_ptr_nonnull(err);
	ck_assert_ptr_nonnull(strstr(err->message, "DeadlineExceeded"));
	dm_err_free(err);
	ck_assert_int_gt(mute.left_ms, 0);
	ck_assert_int_le(mute.left_ms, 4000);
	mute_stop();
}
END_TEST

START_TEST(what_the_leader_may_have_done_by_the_deadline_is_told_so)
{
	Pb__OperateTaskRequest pause;
	struct dm_err *err;

	mute_start();
	pb__operate_task_request__init(&pause);
	err = forward_to_mute("OperateTask", &pause.base, false, 4000);
	ck_assert(dm_err_is(err, MASTER_REQUEST_IS_NOT_FORWARD_TO_LEADER));
	ck_assert_ptr_nonnull(strstr(err->cause, "may or may not be done"));
	dm_err_free(err);
	mute_stop();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("master/api_grpc");
	TCase *tc = tcase_create("api");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, a_kind_of_member_that_does_not_exist_is_38049);
	tcase_add_loop_test(tc, an_operation_on_tasks_that_is_none_is_38041, 0,
	    DM_ARRAY_SIZE(wrong_ops));
	tcase_add_test(tc, an_operation_on_sources_that_is_none_is_38041);
	tcase_add_test(tc, an_operation_on_the_leader_that_is_none_is_refused);
	tcase_add_test(tc, a_lock_that_does_not_exist_is_38019);
	tcase_add_test(tc, a_structure_is_one_of_a_source);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, without_a_leader_a_request_is_38043);
	tcase_add_test(tc, a_leader_that_is_gone_is_38043_too);
	tcase_add_test(tc, the_leader_is_told_the_client_s_deadline);
	tcase_add_test(
	    tc, what_the_leader_may_have_done_by_the_deadline_is_told_so);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
