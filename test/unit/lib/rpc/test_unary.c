/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of unary calls: lib/rpc/{server,call,channel,status}.c. */
#include "test/unit/lib/rpc/fixture.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALLS 200

static struct dm_mutex mu; /* guards the fields below */
static pthread_cond_t cond;
static void *held; /* a call that was not ended: its closure_data */
static Pb__StartTaskResponse_Closure held_closure;
static struct dm_cancel_watch watch;
static bool canceled;

static struct fixture fx;

static void
note_cancel(void *arg)
{
	(void)arg;
	dm_mutex_lock(&mu);
	canceled = true;
	pthread_cond_broadcast(&cond);
	dm_mutex_unlock(&mu);
}

static void
hold(Pb__StartTaskResponse_Closure closure, void *closure_data)
{
	dm_cancel_watch(
	    dm_rpc_call_cancel(closure_data), &watch, note_cancel, NULL);
	dm_mutex_lock(&mu);
	held = closure_data;
	held_closure = closure;
	pthread_cond_broadcast(&cond);
	dm_mutex_unlock(&mu);
}

static void
wait_for(bool cancel_too)
{
	dm_mutex_lock(&mu);
	while (held == NULL || (cancel_too && !canceled))
		dm_cond_wait(&cond, &mu);
	dm_mutex_unlock(&mu);
}

/* End the held call, however it stands. */
static void
answer_held(const char *msg)
{
	Pb__StartTaskResponse resp;

	pb__start_task_response__init(&resp);
	resp.msg = (char *)(uintptr_t)msg;
	dm_cancel_unwatch(dm_rpc_call_cancel(held), &watch);
	held_closure(&resp, DM_TAKE(held));
}

static void
fail_long(void *closure_data, const char *unit)
{
	g_autoptr(GString) s = g_string_new(NULL);

	while (s->len < 9000)
		g_string_append(s, unit);
	dm_rpc_fail(closure_data, DM_RPC_INTERNAL, s->str);
}

static void
handle_start(Pb__Master_Service *svc, const Pb__StartTaskRequest *in,
    Pb__StartTaskResponse_Closure closure, void *closure_data)
{
	Pb__StartTaskResponse resp;
	g_autofree char *msg = g_strdup_printf("did %s", in->task);

	pb__start_task_response__init(&resp);
	(void)svc;
	if (strcmp(in->task, "hold") == 0) {
		hold(closure, closure_data);
	} else if (strcmp(in->task, "fail") == 0) {
		dm_rpc_fail(
		    closure_data, DM_RPC_FAILED_PRECONDITION, "no: 50% ü\n");
	} else if (strcmp(in->task, "long") == 0) {
		fail_long(closure_data, "x");
	} else if (strcmp(in->task, "long umlauts") == 0) {
		fail_long(closure_data, "ü");
	} else if (strcmp(in->task, "none") == 0) {
		closure(NULL, closure_data);
	} else if (strcmp(in->task, "left") == 0) {
		resp.result = dm_rpc_call_left_ms(closure_data) <= 60000 &&
			      dm_rpc_call_left_ms(closure_data) > 1000;
		closure(&resp, closure_data);
	} else {
		if (strcmp(in->task, "bad") == 0)
			msg[0] = (char)0xff;
		resp.result = true;
		resp.msg = msg;
		closure(&resp, closure_data);
	}
}

/* A response of 5 MiB. */
static void
handle_operate(Pb__Master_Service *svc, const Pb__OperateTaskRequest *in,
    Pb__OperateTaskResponse_Closure closure, void *closure_data)
{
	Pb__OperateTaskResponse resp;
	g_autofree char *msg = g_strnfill(5 << 20, 'm');

	pb__operate_task_response__init(&resp);
	(void)svc;
	(void)in;
	resp.msg = msg;
	closure(&resp, closure_data);
}

static Pb__Master_Service master = {
	.base = PB__MASTER__BASE_INIT,
	.start_task = handle_start,
	.operate_task = handle_operate,
};

static void
setup(void)
{
	dm_rpc_init();
	dm_mutex_init(&mu, 100);
	dm_cond_init(&cond);
	fx.server = dm_rpc_server_new(NULL);
	dm_rpc_server_add_service(fx.server, &master.base);
	fixture_start(&fx);
}

static void
teardown(void)
{
	fixture_stop(&fx);
}

/* StartTask(task) ends with this status; its text is returned. */
static char *
fails(const char *task, int64_t timeout_ms, struct dm_cancel *c,
    enum dm_rpc_status want)
{
	Pb__StartTaskResponse *resp = NULL;
	enum dm_rpc_status status = DM_RPC_OK;
	DM_AUTO(dm_err) err = NULL;

	err = start_task(fx.channel, task, timeout_ms, c, &resp, &status);
	ck_assert_ptr_nonnull(err);
	ck_assert_ptr_null(resp);
	ck_assert_msg(status == want, "%s", err->message);
	ck_assert_int_eq(err->code, 50000);
	ck_assert(dm_err_is_canceled(err) == (c != NULL && dm_canceled(c)));
	return g_strdup(err->message);
}

START_TEST(a_call_is_answered)
{
	Pb__StartTaskResponse *resp = NULL;
	enum dm_rpc_status status = DM_RPC_UNKNOWN;

	ck_assert_ptr_null(
	    start_task(fx.channel, "t1", -1, NULL, &resp, &status));
	ck_assert_int_eq(status, DM_RPC_OK);
	ck_assert(resp->result);
	ck_assert_str_eq(resp->msg, "did t1");
	pb__start_task_response__free_unpacked(resp, NULL);
}
END_TEST

START_TEST(an_error_comes_with_its_text)
{
	g_autofree char *text =
	    fails("fail", 5000, NULL, DM_RPC_FAILED_PRECONDITION);

	ck_assert_str_eq(
	    text, "rpc error: code = FailedPrecondition desc = no: 50% ü\n");
}
END_TEST

START_TEST(long_texts_are_cut_at_a_character)
{
	const size_t prefix = strlen("rpc error: code = Internal desc = ");
	g_autofree char *ascii = fails("long", 5000, NULL, DM_RPC_INTERNAL);
	g_autofree char *wide =
	    fails("long umlauts", 5000, NULL, DM_RPC_INTERNAL);

	ck_assert_uint_eq(strlen(ascii) - prefix, 4000);
	/* Six bytes each on the wire. */
	ck_assert_uint_eq(strlen(wide) - prefix, 2000);
	ck_assert(g_utf8_validate(wide, -1, NULL));
}
END_TEST

START_TEST(a_null_response_is_an_error)
{
	g_free(fails("none", 5000, NULL, DM_RPC_INTERNAL));
}
END_TEST

START_TEST(a_deadline_ends_the_call_on_both_sides)
{
	/* Long enough for the call to arrive before it. */
	g_autofree char *text =
	    fails("hold", 3000, NULL, DM_RPC_DEADLINE_EXCEEDED);

	ck_assert_str_eq(text, "rpc error: code = DeadlineExceeded desc = "
			       "context deadline exceeded");
	wait_for(true);
	answer_held("too late");
}
END_TEST

START_TEST(the_handler_sees_the_deadline)
{
	Pb__StartTaskResponse *resp = NULL;

	ck_assert_ptr_null(
	    start_task(fx.channel, "left", 60000, NULL, &resp, NULL));
	ck_assert(resp->result);
	pb__start_task_response__free_unpacked(resp, NULL);
}
END_TEST

static void *
cancel_when_held(void *c)
{
	wait_for(false);
	dm_cancel_now(c);
	return NULL;
}

START_TEST(cancelling_ends_the_call_on_both_sides)
{
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);
	pthread_t t = dm_thread_start("cancel", cancel_when_held, c);
	g_autofree char *text = fails("hold", -1, c, DM_RPC_CANCELLED);

	pthread_join(t, NULL);
	ck_assert_str_eq(
	    text, "rpc error: code = Canceled desc = context canceled");
	wait_for(true);
	answer_held("too late");
}
END_TEST

START_TEST(a_cancelled_caller_does_not_call)
{
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);

	dm_cancel_now(c);
	g_free(fails("t", -1, c, DM_RPC_CANCELLED));
}
END_TEST

static void *
answer_when_held(void *msg)
{
	wait_for(false);
	answer_held(msg);
	return NULL;
}

START_TEST(an_answer_may_come_later_from_another_thread)
{
	char msg[] = "later";
	pthread_t t = dm_thread_start("answer", answer_when_held, msg);
	Pb__StartTaskResponse *resp = NULL;

	ck_assert_ptr_null(
	    start_task(fx.channel, "hold", -1, NULL, &resp, NULL));
	pthread_join(t, NULL);
	ck_assert_str_eq(resp->msg, "later");
	pb__start_task_response__free_unpacked(resp, NULL);
}
END_TEST

static void
is_unimplemented(const ProtobufCServiceDescriptor *svc, const char *method,
    const ProtobufCMessage *req)
{
	enum dm_rpc_status status = DM_RPC_OK;
	ProtobufCMessage *resp = NULL;
	DM_AUTO(dm_err) err = NULL;

	err = dm_rpc_unary(
	    fx.channel, svc, method, req, 5000, NULL, &resp, &status);
	ck_assert_ptr_nonnull(err);
	ck_assert_msg(status == DM_RPC_UNIMPLEMENTED, "%s", err->message);
}

START_TEST(unknown_methods_and_null_handlers_are_unimplemented)
{
	Pb__UpdateTaskRequest update;
	Dm__V1__WorkerMessage hello;

	pb__update_task_request__init(&update);
	dm__v1__worker_message__init(&hello);
	is_unimplemented(&pb__master__descriptor, "UpdateTask", &update.base);
	is_unimplemented(
	    &dm__v1__worker_session__descriptor, "Session", &hello.base);
}
END_TEST

START_TEST(invalid_utf8_in_a_request_is_not_sent)
{
	g_autofree char *text = fails("\xc3\x28", 5000, NULL, DM_RPC_INTERNAL);

	ck_assert_ptr_nonnull(strstr(text, "pb.StartTaskRequest.task"));
}
END_TEST

START_TEST(invalid_utf8_in_a_response_is_not_sent)
{
	g_autofree char *text = fails("bad", 5000, NULL, DM_RPC_INTERNAL);

	ck_assert_ptr_nonnull(strstr(text, "pb.StartTaskResponse.msg"));
}
END_TEST

/* pb.Master as one who speaks Empty on our side knows it. */
static const unsigned loose_index[] = { 0 };

START_TEST(invalid_utf8_from_a_client_is_refused)
{
	const ProtobufCMethodDescriptor method = { "StartTask",
		&google__protobuf__empty__descriptor,
		&pb__start_task_response__descriptor };
	const ProtobufCServiceDescriptor svc = {
		.magic = PROTOBUF_C__SERVICE_DESCRIPTOR_MAGIC,
		.name = "pb.Master",
		.n_methods = 1,
		.methods = &method,
		.method_indices_by_name = loose_index,
	};
	enum dm_rpc_status status = DM_RPC_OK;
	ProtobufCMessage *resp = NULL;
	DM_AUTO(dm_err) err = NULL;

	err = dm_rpc_unary(fx.channel, &svc, "StartTask", bad_message(4), 5000,
	    NULL, &resp, &status);
	ck_assert_ptr_nonnull(err);
	ck_assert_int_eq(status, DM_RPC_INVALID_ARGUMENT);
	ck_assert_ptr_nonnull(
	    strstr(err->message, "pb.StartTaskRequest.startTime"));
}
END_TEST

static void
answer_badly(ProtobufCService *svc, unsigned index, const ProtobufCMessage *in,
    ProtobufCClosure closure, void *closure_data)
{
	(void)svc;
	(void)index;
	(void)in;
	closure(bad_message(2), closure_data);
}

START_TEST(invalid_utf8_from_a_server_is_refused)
{
	const ProtobufCMethodDescriptor method = { "StartTask",
		&pb__start_task_request__descriptor,
		&google__protobuf__empty__descriptor };
	const ProtobufCServiceDescriptor d = {
		.magic = PROTOBUF_C__SERVICE_DESCRIPTOR_MAGIC,
		.name = "pb.Master",
		.n_methods = 1,
		.methods = &method,
		.method_indices_by_name = loose_index,
	};
	ProtobufCService svc = { .descriptor = &d, .invoke = answer_badly };
	g_autofree char *text = NULL;

	dm_rpc_channel_free(fx.channel);
	dm_rpc_server_free(fx.server);
	fx.server = dm_rpc_server_new(NULL);
	dm_rpc_server_add_service(fx.server, &svc);
	fixture_start(&fx);
	text = fails("t", 5000, NULL, DM_RPC_INTERNAL);
	ck_assert_ptr_nonnull(strstr(text, "pb.StartTaskResponse.msg"));
	dm_rpc_server_stop(fx.server, 0);
}
END_TEST

START_TEST(a_response_over_the_limit_names_both_sizes)
{
	Pb__OperateTaskRequest req;
	struct dm_rpc_channel_opts more = { .max_recv_bytes = 8 << 20 };
	DM_AUTO(dm_rpc_channel) wide = dm_rpc_channel_new(fx.target, &more);
	enum dm_rpc_status status = DM_RPC_OK;
	ProtobufCMessage *resp = NULL;
	DM_AUTO(dm_err) err = NULL;

	pb__operate_task_request__init(&req);
	err = dm_rpc_unary(fx.channel, &pb__master__descriptor, "OperateTask",
	    &req.base, -1, NULL, &resp, &status);
	ck_assert_ptr_nonnull(err);
	ck_assert_int_eq(status, DM_RPC_RESOURCE_EXHAUSTED);
	ck_assert_str_eq(err->message,
	    "rpc error: code = ResourceExhausted desc = grpc: received "
	    "message larger than max (5242885 vs. 4194304)");
	ck_assert_ptr_null(dm_rpc_unary(wide, &pb__master__descriptor,
	    "OperateTask", &req.base, -1, NULL, &resp, &status));
	protobuf_c_message_free_unpacked(resp, NULL);
}
END_TEST

START_TEST(a_request_over_the_limit_is_refused)
{
	g_autofree char *task = g_strnfill(5 << 20, 't');
	g_autofree char *text =
	    fails(task, 5000, NULL, DM_RPC_RESOURCE_EXHAUSTED);

	ck_assert_ptr_nonnull(
	    strstr(text, "grpc: received message larger than max ("));
}
END_TEST

static void *
call_once(void *name)
{
	g_autofree char *want = g_strdup_printf("did %s", (char *)name);
	Pb__StartTaskResponse *resp = NULL;
	bool same;

	if (start_task(fx.channel, name, -1, NULL, &resp, NULL) != NULL)
		return NULL;
	same = strcmp(resp->msg, want) == 0;
	pb__start_task_response__free_unpacked(resp, NULL);
	return same ? name : NULL;
}

START_TEST(many_calls_run_at_once)
{
	pthread_t threads[CALLS];
	char names[CALLS][16];
	void *rc;

	for (int i = 0; i < CALLS; i++) {
		g_snprintf(names[i], sizeof(names[i]), "task-%d", i);
		threads[i] = dm_thread_start("call", call_once, names[i]);
	}
	for (int i = 0; i < CALLS; i++) {
		pthread_join(threads[i], &rc);
		ck_assert_ptr_eq(rc, names[i]);
	}
}
END_TEST

START_TEST(nobody_there_is_unavailable)
{
	DM_AUTO(dm_rpc_channel) ch = dm_rpc_channel_new("127.0.0.1:1", NULL);
	enum dm_rpc_status status = DM_RPC_OK;
	Pb__StartTaskResponse *resp = NULL;
	DM_AUTO(dm_err) err = NULL;

	err = start_task(ch, "t", 5000, NULL, &resp, &status);
	ck_assert_ptr_nonnull(err);
	ck_assert_int_eq(status, DM_RPC_UNAVAILABLE);
	ck_assert(g_str_has_prefix(
	    err->message, "rpc error: code = Unavailable desc = "));
	ck_assert(!dm_rpc_channel_wait(ch, 200));
	ck_assert(dm_rpc_channel_wait(fx.channel, 5000));
}
END_TEST

/* A machine may be without IPv6. */
static bool
has_ipv6(void)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool has;

	has = fd >= 0 && bind(fd, (void *)&a, sizeof(a)) == 0;
	if (fd >= 0)
		close(fd);
	return has;
}

START_TEST(addresses_and_names_are_called)
{
	static const char *const listen[] = { "127.0.0.1", "127.0.0.1",
		"[::1]" };
	static const char *const call[] = { "127.0.0.1", "localhost", "[::1]" };
	size_t n = has_ipv6() ? 3 : 2;

	for (size_t i = 0; i < n; i++) {
		g_autofree char *at = g_strdup_printf("%s:0", listen[i]);
		g_autofree char *to = NULL;
		DM_AUTO(dm_rpc_server) server = dm_rpc_server_new(NULL);
		DM_AUTO(dm_rpc_channel) ch = NULL;
		Pb__StartTaskResponse *resp = NULL;
		int port = 0;

		dm_rpc_server_add_service(server, &master.base);
		ck_assert_ptr_null(dm_rpc_server_start(server, at, &port));
		to = g_strdup_printf("%s:%d", call[i], port);
		ch = dm_rpc_channel_new(to, NULL);
		ck_assert_ptr_null(
		    start_task(ch, "t", 5000, NULL, &resp, NULL));
		pb__start_task_response__free_unpacked(resp, NULL);
	}
}
END_TEST

START_TEST(a_channel_reconnects_by_itself)
{
	struct dm_rpc_server *next = dm_rpc_server_new(NULL);
	Pb__StartTaskResponse *resp = NULL;

	ck_assert(dm_rpc_channel_wait(fx.channel, 5000));
	dm_rpc_server_free(fx.server);
	fx.server = next;
	dm_rpc_server_add_service(next, &master.base);
	ck_assert_ptr_null(dm_rpc_server_start(next, fx.target, NULL));
	ck_assert(dm_rpc_channel_wait(fx.channel, 10000));
	ck_assert_ptr_null(
	    start_task(fx.channel, "t", 5000, NULL, &resp, NULL));
	pb__start_task_response__free_unpacked(resp, NULL);
}
END_TEST

static void *
call_held(void *ok)
{
	Pb__StartTaskResponse *resp = NULL;
	DM_AUTO(dm_err) err = NULL;

	err = start_task(fx.channel, "hold", -1, NULL, &resp, NULL);
	*(bool *)ok = err == NULL;
	if (err == NULL)
		pb__start_task_response__free_unpacked(resp, NULL);
	return NULL;
}

START_TEST(a_stop_waits_for_running_calls)
{
	char msg[] = "in time";
	bool ok = false;
	pthread_t caller = dm_thread_start("call", call_held, &ok);
	pthread_t answerer;

	wait_for(false);
	answerer = dm_thread_start("answer", answer_when_held, msg);
	dm_rpc_server_stop(fx.server, 60000);
	pthread_join(caller, NULL);
	pthread_join(answerer, NULL);
	ck_assert(ok);
}
END_TEST

START_TEST(a_stop_does_not_wait_for_handlers_for_ever)
{
	bool ok = true;
	pthread_t caller = dm_thread_start("call", call_held, &ok);

	wait_for(false);
	dm_rpc_server_stop(fx.server, 50);
	pthread_join(caller, NULL);
	ck_assert(!ok);
	wait_for(true);
	answer_held("after the stop");
}
END_TEST

START_TEST(a_taken_port_is_an_error)
{
	DM_AUTO(dm_rpc_server) s = dm_rpc_server_new(NULL);
	DM_AUTO(dm_err) err = dm_rpc_server_start(s, fx.target, NULL);

	ck_assert_ptr_nonnull(err);
	ck_assert_ptr_nonnull(strstr(err->message, fx.target));
}
END_TEST

START_TEST(the_descriptor_limit_is_raised)
{
	struct rlimit rl;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &rl), 0);
	ck_assert_uint_eq(rl.rlim_cur, rl.rlim_max);
}
END_TEST

START_TEST(statuses_have_gos_names)
{
	ck_assert_str_eq(dm_rpc_status_name(DM_RPC_OK), "OK");
	ck_assert_str_eq(dm_rpc_status_name(DM_RPC_CANCELLED), "Canceled");
	ck_assert_str_eq(
	    dm_rpc_status_name(DM_RPC_UNAUTHENTICATED), "Unauthenticated");
	ck_assert_str_eq(dm_rpc_status_name((enum dm_rpc_status)99), "Unknown");
}
END_TEST

static void
fill(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_call_is_answered);
	tcase_add_test(tc, an_error_comes_with_its_text);
	tcase_add_test(tc, long_texts_are_cut_at_a_character);
	tcase_add_test(tc, a_null_response_is_an_error);
	tcase_add_test(tc, a_deadline_ends_the_call_on_both_sides);
	tcase_add_test(tc, the_handler_sees_the_deadline);
	tcase_add_test(tc, cancelling_ends_the_call_on_both_sides);
	tcase_add_test(tc, a_cancelled_caller_does_not_call);
	tcase_add_test(tc, an_answer_may_come_later_from_another_thread);
	tcase_add_test(tc, unknown_methods_and_null_handlers_are_unimplemented);
	tcase_add_test(tc, invalid_utf8_in_a_request_is_not_sent);
	tcase_add_test(tc, invalid_utf8_in_a_response_is_not_sent);
	tcase_add_test(tc, invalid_utf8_from_a_client_is_refused);
	tcase_add_test(tc, invalid_utf8_from_a_server_is_refused);
	tcase_add_test(tc, a_response_over_the_limit_names_both_sizes);
	tcase_add_test(tc, a_request_over_the_limit_is_refused);
	tcase_add_test(tc, many_calls_run_at_once);
	tcase_add_test(tc, nobody_there_is_unavailable);
	tcase_add_test(tc, addresses_and_names_are_called);
	tcase_add_test(tc, a_channel_reconnects_by_itself);
	tcase_add_test(tc, a_stop_waits_for_running_calls);
	tcase_add_test(tc, a_stop_does_not_wait_for_handlers_for_ever);
	tcase_add_test(tc, a_taken_port_is_an_error);
	tcase_add_test(tc, the_descriptor_limit_is_raised);
	tcase_add_test(tc, statuses_have_gos_names);
}

int
main(void)
{
	return run_suite("lib/rpc/unary", fill);
}
