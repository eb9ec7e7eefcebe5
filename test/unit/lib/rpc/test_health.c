/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/rpc/health.c. */
#include "lib/rpc/health.h"

#include "health.pb-c.h"
#include "test/unit/lib/rpc/fixture.h"

#define STATUS(x) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##x

static struct dm_rpc_health *health;
static struct fixture fx;

static struct dm_mutex mu; /* guards the fields below */
static pthread_cond_t cond;
static unsigned told;
static int last;
static bool closed;

static void
setup(void)
{
	dm_rpc_init();
	dm_mutex_init(&mu, 100);
	dm_cond_init(&cond);
	health = dm_rpc_health_new();
	fx.server = dm_rpc_server_new(NULL);
	dm_rpc_health_register(health, fx.server);
	fixture_start(&fx);
}

static void
teardown(void)
{
	fixture_stop(&fx);
	dm_rpc_health_free(health);
}

/* The answer of Check; -1 for NOT_FOUND. */
static int
check(const char *service)
{
	Grpc__Health__V1__HealthCheckRequest req;
	enum dm_rpc_status status = DM_RPC_OK;
	ProtobufCMessage *m = NULL;
	DM_AUTO(dm_err) err = NULL;
	int answer;

	grpc__health__v1__health_check_request__init(&req);
	req.service = (char *)(uintptr_t)service;
	err = dm_rpc_unary(fx.channel, &grpc__health__v1__health__descriptor,
	    "Check", &req.base, 5000, NULL, &m, &status);
	if (err != NULL) {
		ck_assert_int_eq(status, DM_RPC_NOT_FOUND);
		return -1;
	}
	answer =
	    (int)((Grpc__Health__V1__HealthCheckResponse *)(void *)m)->status;
	protobuf_c_message_free_unpacked(m, NULL);
	return answer;
}

static void
watch_message(struct dm_rpc_stream *st, const ProtobufCMessage *msg, void *ctx)
{
	const Grpc__Health__V1__HealthCheckResponse *in = (const void *)msg;

	(void)st;
	(void)ctx;
	dm_mutex_lock(&mu);
	told++;
	last = (int)in->status;
	pthread_cond_broadcast(&cond);
	dm_mutex_unlock(&mu);
}

static void
watch_close(struct dm_rpc_stream *st, enum dm_rpc_status status,
    const char *text, void *ctx)
{
	(void)st;
	(void)status;
	(void)text;
	(void)ctx;
	dm_mutex_lock(&mu);
	closed = true;
	pthread_cond_broadcast(&cond);
	dm_mutex_unlock(&mu);
}

static const struct dm_rpc_stream_ops watch_ops = {
	.on_message = watch_message,
	.on_close = watch_close,
};

static int
wait_told(unsigned n)
{
	int now;

	dm_mutex_lock(&mu);
	while (told < n)
		ck_assert(dm_cond_wait_ms(&cond, &mu, 60000));
	ck_assert_uint_eq(told, n);
	now = last;
	dm_mutex_unlock(&mu);
	return now;
}

START_TEST(check_tells_what_was_set)
{
	ck_assert_int_eq(check(""), -1);
	dm_rpc_health_set(health, "", true);
	dm_rpc_health_set(health, "pb.Master", false);
	ck_assert_int_eq(check(""), STATUS(SERVING));
	ck_assert_int_eq(check("pb.Master"), STATUS(NOT_SERVING));
	dm_rpc_health_set(health, "pb.Master", true);
	ck_assert_int_eq(check("pb.Master"), STATUS(SERVING));
	ck_assert_int_eq(check("pb.Worker"), -1);
}
END_TEST

START_TEST(watch_tells_of_every_change_after_the_clients_end)
{
	Grpc__Health__V1__HealthCheckRequest req;
	struct dm_rpc_stream *st;

	grpc__health__v1__health_check_request__init(&req);
	req.service = (char *)(uintptr_t) "pb.Master";
	st = dm_rpc_stream_open(fx.channel,
	    &grpc__health__v1__health__descriptor, "Watch", &watch_ops, NULL);
	ck_assert(dm_rpc_stream_send(st, &req.base));
	dm_rpc_stream_finish(st, DM_RPC_OK, "");
	ck_assert_int_eq(wait_told(1), STATUS(SERVICE_UNKNOWN));
	dm_rpc_health_set(health, "other", true);
	dm_rpc_health_set(health, "pb.Master", true);
	ck_assert_int_eq(wait_told(2), STATUS(SERVING));
	dm_rpc_health_set(health, "pb.Master", true);
	dm_rpc_health_set(health, "pb.Master", false);
	ck_assert_int_eq(wait_told(3), STATUS(NOT_SERVING));
	dm_rpc_stream_cancel(st);
	dm_rpc_stream_unref(st);
	dm_mutex_lock(&mu);
	while (!closed)
		dm_cond_wait(&cond, &mu);
	dm_mutex_unlock(&mu);
}
END_TEST

START_TEST(stopping_the_server_ends_its_watches)
{
	Grpc__Health__V1__HealthCheckRequest req;
	struct dm_rpc_stream *st;

	grpc__health__v1__health_check_request__init(&req);
	st = dm_rpc_stream_open(fx.channel,
	    &grpc__health__v1__health__descriptor, "Watch", &watch_ops, NULL);
	ck_assert(dm_rpc_stream_send(st, &req.base));
	(void)wait_told(1);
	dm_rpc_server_stop(fx.server, 0);
	/* Nobody is told any more. */
	dm_rpc_health_set(health, "", true);
	dm_rpc_stream_unref(st);
}
END_TEST

static void
fill(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, check_tells_what_was_set);
	tcase_add_test(tc, watch_tells_of_every_change_after_the_clients_end);
	tcase_add_test(tc, stopping_the_server_ends_its_watches);
}

int
main(void)
{
	return run_suite("lib/rpc/health", fill);
}
