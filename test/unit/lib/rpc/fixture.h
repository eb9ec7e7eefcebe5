/* SPDX-License-Identifier: Apache-2.0 */
/* A server on a free loopback port and a channel to it, for the suites here. */
#ifndef DM_TEST_UNIT_LIB_RPC_FIXTURE_H
#define DM_TEST_UNIT_LIB_RPC_FIXTURE_H

#include "dmmaster.pb-c.h"
#include "dmsession.pb-c.h"
#include "google/protobuf/empty.pb-c.h"
#include "lib/base/clock.h"
#include "lib/rpc/rpc.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
	struct dm_rpc_server *server;
	struct dm_rpc_channel *channel;
	char target[32];
};

/* The server has its services already. */
static inline void
fixture_start(struct fixture *f)
{
	int port = 0;

	ck_assert_ptr_null(
	    dm_rpc_server_start(f->server, "127.0.0.1:0", &port));
	ck_assert_int_gt(port, 0);
	g_snprintf(f->target, sizeof(f->target), "127.0.0.1:%d", port);
	f->channel = dm_rpc_channel_new(f->target, NULL);
}

/*
 * After dm_rpc_shutdown: gRPC's threads end by themselves. One that is about to
 * is no thread any more to the leak checker, and what OpenSSL keeps for it not
 * yet freed.
 */
static inline void
fixture_await_threads(void)
{
	for (int i = 0; i < 10000; i++) {
		GDir *dir = g_dir_open("/proc/self/task", 0, NULL);
		unsigned n = 0;

		while (dir != NULL && g_dir_read_name(dir) != NULL)
			n++;
		if (dir != NULL)
			g_dir_close(dir);
		if (n <= 1)
			return;
		g_usleep(1000);
	}
}

static inline void
fixture_stop(struct fixture *f)
{
	dm_rpc_channel_free(f->channel);
	dm_rpc_server_free(f->server);
	dm_rpc_shutdown();
	fixture_await_threads();
}

/* StartTask(task); *resp as in dm_rpc_unary. */
static inline struct dm_err *
start_task(struct dm_rpc_channel *ch, const char *task, int64_t timeout_ms,
    struct dm_cancel *c, Pb__StartTaskResponse **resp,
    enum dm_rpc_status *status)
{
	Pb__StartTaskRequest req;
	ProtobufCMessage *m = NULL;
	struct dm_err *err;

	pb__start_task_request__init(&req);
	req.task = (char *)(uintptr_t)task;
	err = dm_rpc_unary(ch, &pb__master__descriptor, "StartTask", &req.base,
	    timeout_ms, c, &m, status);
	*resp = (Pb__StartTaskResponse *)(void *)m;
	return err;
}

/*
 * A message as a careless implementation would send it: one string field with
 * an invalid byte. It hides as an unknown field of Empty, which our own sender
 * does not look into. Static; tag below 16.
 */
static inline ProtobufCMessage *
bad_message(unsigned tag)
{
	static uint8_t bytes[] = { 2, 'a', 0xff };
	static ProtobufCMessageUnknownField field = {
		.wire_type = 2, .len = sizeof(bytes), .data = bytes
	};
	static Google__Protobuf__Empty empty;

	google__protobuf__empty__init(&empty);
	field.tag = tag;
	empty.base.n_unknown_fields = 1;
	empty.base.unknown_fields = &field;
	return &empty.base;
}

static inline int
run_suite(const char *name, void (*fill)(TCase *tc))
{
	Suite *s = suite_create(name);
	TCase *tc = tcase_create(name);
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 120);
	fill(tc);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
