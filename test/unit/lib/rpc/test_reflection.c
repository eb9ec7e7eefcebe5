/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/rpc/reflection.c, and of calls that nobody registered. */
#include "lib/rpc/reflection.h"

#include "lib/rpc/health.h"
#include "reflection.pb-c.h"
#include "test/unit/lib/rpc/fixture.h"

typedef Grpc__Reflection__V1__ServerReflectionRequest request;
typedef Grpc__Reflection__V1__ServerReflectionResponse response;
typedef Grpc__Reflection__V1__ServerReflectionRequest__MessageRequestCase
    question;

#define ASKS(x)                                                                \
	GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##x
#define ANSWERS(x)                                                             \
	GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##x

static struct dm_rpc_health *health;
static struct dm_rpc_reflection *reflection;
static struct fixture fx;

static struct dm_mutex mu; /* guards the fields below */
static pthread_cond_t cond;
static ProtobufCMessage *last; /* the newest answer, packed and unpacked */
static bool closed;
static enum dm_rpc_status closed_with;

static void
setup(void)
{
	dm_rpc_init();
	dm_mutex_init(&mu, 100);
	dm_cond_init(&cond);
	health = dm_rpc_health_new();
	reflection = dm_rpc_reflection_new();
	fx.server = dm_rpc_server_new(NULL);
	dm_rpc_health_register(health, fx.server);
	dm_rpc_reflection_register(reflection, fx.server);
	dm_rpc_server_refuse(
	    fx.server, "/pb.", DM_RPC_PERMISSION_DENIED, "not for you");
	fixture_start(&fx);
}

static void
teardown(void)
{
	fixture_stop(&fx);
	dm_rpc_reflection_free(reflection);
	dm_rpc_health_free(health);
	if (last != NULL)
		protobuf_c_message_free_unpacked(DM_TAKE(last), NULL);
}

static void
on_message(struct dm_rpc_stream *st, const ProtobufCMessage *msg, void *ctx)
{
	size_t n = protobuf_c_message_get_packed_size(msg);
	g_autofree uint8_t *data = g_malloc(n + 1);

	(void)st;
	(void)ctx;
	(void)protobuf_c_message_pack(msg, data);
	dm_mutex_lock(&mu);
	ck_assert_ptr_null(last);
	last = protobuf_c_message_unpack(msg->descriptor, NULL, n, data);
	pthread_cond_broadcast(&cond);
	dm_mutex_unlock(&mu);
}

static void
on_close(struct dm_rpc_stream *st, enum dm_rpc_status status, const char *text,
    void *ctx)
{
	(void)st;
	(void)text;
	(void)ctx;
	dm_mutex_lock(&mu);
	closed = true;
	closed_with = status;
	pthread_cond_broadcast(&cond);
	dm_mutex_unlock(&mu);
}

static const struct dm_rpc_stream_ops ops = { .on_message = on_message,
	.on_close = on_close };

static struct dm_rpc_stream *
open_stream(void)
{
	return dm_rpc_stream_open(fx.channel,
	    &grpc__reflection__v1__server_reflection__descriptor,
	    "ServerReflectionInfo", &ops, NULL);
}

/* Valid until the next one. */
static const response *
ask(struct dm_rpc_stream *st, question what, const char *text)
{
	request q;

	grpc__reflection__v1__server_reflection_request__init(&q);
	if (last != NULL)
		protobuf_c_message_free_unpacked(DM_TAKE(last), NULL);
	q.host = (char *)(uintptr_t) "h";
	q.message_request_case = what;
	q.file_by_filename = (char *)(uintptr_t)text; /* all are one union */
	ck_assert(dm_rpc_stream_send(st, &q.base));
	dm_mutex_lock(&mu);
	while (last == NULL)
		ck_assert(dm_cond_wait_ms(&cond, &mu, 60000));
	dm_mutex_unlock(&mu);
	return (const response *)(void *)last;
}

static void
wait_closed(enum dm_rpc_status want)
{
	dm_mutex_lock(&mu);
	while (!closed)
		ck_assert(dm_cond_wait_ms(&cond, &mu, 60000));
	ck_assert_int_eq(closed_with, want);
	dm_mutex_unlock(&mu);
}

START_TEST(a_stream_takes_many_questions)
{
	struct dm_rpc_stream *st = open_stream();
	const response *r = ask(st, ASKS(LIST_SERVICES), "");
	const Grpc__Reflection__V1__ListServiceResponse *list;

	ck_assert_int_eq(
	    r->message_response_case, ANSWERS(LIST_SERVICES_RESPONSE));
	ck_assert_str_eq(r->valid_host, "h");
	ck_assert_int_eq(
	    r->original_request->message_request_case, ASKS(LIST_SERVICES));
	list = r->list_services_response;
	ck_assert_uint_eq(list->n_service, 3);
	ck_assert_str_eq(list->service[0]->name, "grpc.health.v1.Health");
	ck_assert_str_eq(
	    list->service[2]->name, "grpc.reflection.v1alpha.ServerReflection");

	r = ask(st, ASKS(FILE_CONTAINING_SYMBOL), "grpc.health.v1.Health");
	ck_assert_int_eq(
	    r->message_response_case, ANSWERS(FILE_DESCRIPTOR_RESPONSE));
	ck_assert_uint_eq(
	    r->file_descriptor_response->n_file_descriptor_proto, 1);
	r = ask(st, ASKS(FILE_BY_FILENAME), "dmmaster.proto");
	ck_assert_uint_eq(
	    r->file_descriptor_response->n_file_descriptor_proto, 3);
	dm_rpc_stream_finish(st, DM_RPC_OK, "");
	wait_closed(DM_RPC_OK);
	dm_rpc_stream_unref(st);
}
END_TEST

START_TEST(what_is_not_found_is_an_answer_too)
{
	struct dm_rpc_stream *st = open_stream();
	const response *r = ask(st, ASKS(FILE_BY_FILENAME), "none.proto");

	ck_assert_int_eq(r->message_response_case, ANSWERS(ERROR_RESPONSE));
	ck_assert_int_eq(r->error_response->error_code, DM_RPC_NOT_FOUND);
	ck_assert_str_eq(
	    r->error_response->error_message, "file not found: none.proto");
	r = ask(st, ASKS(FILE_CONTAINING_SYMBOL), "pb.None");
	ck_assert_str_eq(
	    r->error_response->error_message, "symbol not found: pb.None");
	r = ask(st, ASKS(ALL_EXTENSION_NUMBERS_OF_TYPE), "pb.None");
	ck_assert_int_eq(r->error_response->error_code, DM_RPC_NOT_FOUND);
	r = ask(st, ASKS(ALL_EXTENSION_NUMBERS_OF_TYPE), "pb.MasterInfo");
	ck_assert_int_eq(
	    r->message_response_case, ANSWERS(ALL_EXTENSION_NUMBERS_RESPONSE));
	dm_rpc_stream_cancel(st);
	wait_closed(DM_RPC_CANCELLED);
	dm_rpc_stream_unref(st);
}
END_TEST

START_TEST(a_question_without_a_kind_ends_the_stream)
{
	request q;
	struct dm_rpc_stream *st = open_stream();

	grpc__reflection__v1__server_reflection_request__init(&q);
	ck_assert(dm_rpc_stream_send(st, &q.base));
	wait_closed(DM_RPC_INVALID_ARGUMENT);
	dm_rpc_stream_unref(st);
}
END_TEST

static void
fails(const ProtobufCServiceDescriptor *svc, const char *method,
    const ProtobufCMessage *req, const char *want)
{
	ProtobufCMessage *resp = NULL;
	DM_AUTO(dm_err)
	err = dm_rpc_unary(
	    fx.channel, svc, method, req, 20000, NULL, &resp, NULL);

	ck_assert_ptr_nonnull(err);
	ck_assert_str_eq(err->message, want);
}

START_TEST(refusals_are_by_prefix_and_others_unimplemented)
{
	Pb__UpdateTaskRequest update;
	Dm__V1__WorkerMessage hello;

	pb__update_task_request__init(&update);
	dm__v1__worker_message__init(&hello);
	fails(&pb__master__descriptor, "UpdateTask", &update.base,
	    "rpc error: code = PermissionDenied desc = not for you");
	fails(&dm__v1__worker_session__descriptor, "Session", &hello.base,
	    "rpc error: code = Unimplemented desc = "
	    "unknown method Session for service dm.v1.WorkerSession");
}
END_TEST

START_TEST(services_are_named_once)
{
	g_autoptr(GPtrArray) names = dm_rpc_server_services(fx.server);

	ck_assert_uint_eq(names->len, 3);
	ck_assert_str_eq(names->pdata[0], "grpc.health.v1.Health");
	ck_assert_str_eq(
	    names->pdata[1], "grpc.reflection.v1.ServerReflection");
}
END_TEST

static void
fill(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_stream_takes_many_questions);
	tcase_add_test(tc, what_is_not_found_is_an_answer_too);
	tcase_add_test(tc, a_question_without_a_kind_ends_the_stream);
	tcase_add_test(tc, refusals_are_by_prefix_and_others_unimplemented);
	tcase_add_test(tc, services_are_named_once);
}

int
main(void)
{
	return run_suite("lib/rpc/reflection", fill);
}
