/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/rpc/stream.c. */
#include "test/unit/lib/rpc/fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGES 10000

/* What one side of a stream has seen. */
struct side {
	struct dm_rpc_stream *stream; /* a reference */
	uint64_t received;
	uint64_t out_of_order;
	unsigned opened;
	unsigned half_closed;
	unsigned closed;
	enum dm_rpc_status status;
	char text[256];
	char peer[64];
	bool block; /* on_message waits as long as this is set */
	bool stay;  /* the server does not end with the client */
	bool bad;   /* the server answers with invalid UTF-8 */
};

static struct dm_mutex mu; /* guards both sides */
static pthread_cond_t cond;
static struct side client, server;
static struct fixture fx;

#define WAIT_FOR(x)                                                            \
	do {                                                                   \
		dm_mutex_lock(&mu);                                            \
		while (!(x))                                                   \
			ck_assert(dm_cond_wait_ms(&cond, &mu, 60000));         \
		dm_mutex_unlock(&mu);                                          \
	} while (0)

static void
set(bool *flag, bool value)
{
	dm_mutex_lock(&mu);
	*flag = value;
	pthread_cond_broadcast(&cond);
	dm_mutex_unlock(&mu);
}

static void
saw(struct side *s, uint64_t seq)
{
	dm_mutex_lock(&mu);
	while (s->block)
		dm_cond_wait(&cond, &mu);
	ck_assert_uint_eq(s->closed, 0);
	if (seq != ++s->received)
		s->out_of_order++;
	pthread_cond_broadcast(&cond);
	dm_mutex_unlock(&mu);
}

static void
on_close(struct dm_rpc_stream *st, enum dm_rpc_status status, const char *text,
    void *ctx)
{
	struct side *s = ctx;

	dm_mutex_lock(&mu);
	ck_assert_ptr_eq(s->stream, st);
	s->closed++;
	s->status = status;
	g_strlcpy(s->text, text, sizeof(s->text));
	pthread_cond_broadcast(&cond);
	dm_mutex_unlock(&mu);
}

/* ---- the server echoes ---- */

static void *
server_open(struct dm_rpc_stream *st, const char *peer, void *arg)
{
	struct side *s = arg;

	dm_mutex_lock(&mu);
	s->stream = dm_rpc_stream_ref(st);
	s->opened++;
	g_strlcpy(s->peer, peer, sizeof(s->peer));
	pthread_cond_broadcast(&cond);
	dm_mutex_unlock(&mu);
	return s;
}

static void
server_message(struct dm_rpc_stream *st, const ProtobufCMessage *msg, void *ctx)
{
	const Dm__V1__WorkerMessage *in = (const void *)msg;
	Dm__V1__MasterMessage out;
	Dm__V1__HeartbeatAck ack;
	Dm__V1__Refuse refuse;
	bool sent;

	dm__v1__master_message__init(&out);
	dm__v1__heartbeat_ack__init(&ack);
	dm__v1__refuse__init(&refuse);
	ck_assert_int_eq(in->m_case, DM__V1__WORKER_MESSAGE__M_HEARTBEAT);
	saw(ctx, in->heartbeat->seq);
	ack.seq = in->heartbeat->seq;
	out.m_case = DM__V1__MASTER_MESSAGE__M_ACK;
	out.ack = &ack;
	if (server.bad) {
		refuse.msg = (char *)(uintptr_t) "\xff";
		out.m_case = DM__V1__MASTER_MESSAGE__M_REFUSE;
		out.refuse = &refuse;
	}
	/* False also when the test has ended the stream meanwhile. */
	sent = dm_rpc_stream_send(st, &out.base);
	ck_assert(!sent || !server.bad);
}

static void
server_half_close(struct dm_rpc_stream *st, void *ctx)
{
	struct side *s = ctx;

	dm_mutex_lock(&mu);
	s->half_closed++;
	pthread_cond_broadcast(&cond);
	dm_mutex_unlock(&mu);
	if (!s->stay)
		dm_rpc_stream_finish(st, DM_RPC_OK, "");
}

static const struct dm_rpc_stream_ops server_ops = {
	.on_open = server_open,
	.on_message = server_message,
	.on_half_close = server_half_close,
	.on_close = on_close,
};

/* ---- the client ---- */

static void
client_message(struct dm_rpc_stream *st, const ProtobufCMessage *msg, void *ctx)
{
	const Dm__V1__MasterMessage *in = (const void *)msg;

	(void)st;
	saw(ctx,
	    in->m_case == DM__V1__MASTER_MESSAGE__M_ACK ? in->ack->seq : 0);
}

static const struct dm_rpc_stream_ops client_ops = {
	.on_message = client_message,
	.on_close = on_close,
};

static bool
send_seq(uint64_t seq)
{
	Dm__V1__WorkerMessage out;
	Dm__V1__Heartbeat hb;

	dm__v1__worker_message__init(&out);
	dm__v1__heartbeat__init(&hb);
	hb.seq = seq;
	out.m_case = DM__V1__WORKER_MESSAGE__M_HEARTBEAT;
	out.heartbeat = &hb;
	return dm_rpc_stream_send(client.stream, &out.base);
}

/* A server's message of 1 MiB. */
static bool
send_large(void)
{
	g_autofree char *text = g_strnfill(1 << 20, 'x');
	Dm__V1__MasterMessage out;
	Dm__V1__Refuse refuse;

	dm__v1__master_message__init(&out);
	dm__v1__refuse__init(&refuse);
	refuse.msg = text;
	out.m_case = DM__V1__MASTER_MESSAGE__M_REFUSE;
	out.refuse = &refuse;
	return dm_rpc_stream_send(server.stream, &out.base);
}

static void
open_client(const ProtobufCServiceDescriptor *svc)
{
	dm_mutex_lock(&mu);
	/* on_close waits for mu and so finds the reference. */
	client.stream = dm_rpc_stream_open(
	    fx.channel, svc, "Session", &client_ops, &client);
	dm_mutex_unlock(&mu);
}

static void
setup(void)
{
	dm_rpc_init();
	dm_mutex_init(&mu, 100);
	dm_cond_init(&cond);
	fx.server = dm_rpc_server_new(NULL);
	dm_rpc_server_add_stream(fx.server, &dm__v1__worker_session__descriptor,
	    "Session", &server_ops, &server);
	fixture_start(&fx);
	open_client(&dm__v1__worker_session__descriptor);
}

static void
teardown(void)
{
	fixture_stop(&fx);
	ck_assert_uint_eq(client.closed, 1);
	ck_assert_uint_eq(server.closed, server.opened);
	dm_rpc_stream_unref(client.stream);
	dm_rpc_stream_unref(server.stream);
}

/* Both sides know each other. */
static void
handshake(void)
{
	ck_assert(send_seq(1));
	WAIT_FOR(client.received == 1);
}

START_TEST(messages_go_both_ways_in_order)
{
	for (uint64_t i = 1; i <= MESSAGES; i++)
		ck_assert(send_seq(i));
	dm_rpc_stream_finish(client.stream, DM_RPC_OK, "");
	ck_assert(!send_seq(1));
	WAIT_FOR(client.closed == 1 && server.closed == 1);
	ck_assert_uint_eq(server.received, MESSAGES);
	ck_assert_uint_eq(client.received, MESSAGES);
	ck_assert_uint_eq(server.out_of_order + client.out_of_order, 0);
	ck_assert_int_eq(client.status, DM_RPC_OK);
	ck_assert_int_eq(server.status, DM_RPC_OK);
	ck_assert(g_str_has_prefix(server.peer, "ipv4:127.0.0.1:"));
}
END_TEST

START_TEST(a_server_goes_on_after_the_clients_end)
{
	server.stay = true;
	handshake();
	dm_rpc_stream_finish(client.stream, DM_RPC_OK, "");
	WAIT_FOR(server.half_closed == 1);
	ck_assert(send_large());
	ck_assert(send_large());
	WAIT_FOR(client.received == 3);
	dm_rpc_stream_finish(server.stream, DM_RPC_OK, "");
	WAIT_FOR(client.closed == 1);
}
END_TEST

START_TEST(the_servers_status_comes_after_its_messages)
{
	handshake();
	for (int i = 0; i < 10; i++)
		ck_assert(send_large());
	dm_rpc_stream_finish(
	    server.stream, DM_RPC_FAILED_PRECONDITION, "go away");
	ck_assert(!send_large());
	WAIT_FOR(client.closed == 1 && server.closed == 1);
	ck_assert_uint_eq(client.received, 11);
	ck_assert_int_eq(client.status, DM_RPC_FAILED_PRECONDITION);
	ck_assert_str_eq(client.text, "go away");
	ck_assert_int_eq(server.status, DM_RPC_OK);
	ck_assert(!send_seq(2));
}
END_TEST

START_TEST(cancelling_closes_both_sides)
{
	struct side *who = _i == 0 ? &client : &server;

	handshake();
	dm_rpc_stream_cancel(who->stream);
	WAIT_FOR(client.closed == 1 && server.closed == 1);
	ck_assert_int_eq(client.status, DM_RPC_CANCELLED);
	ck_assert_int_eq(server.status, DM_RPC_CANCELLED);
	ck_assert(!send_seq(2));
	ck_assert(!send_large());
}
END_TEST

START_TEST(who_does_not_read_is_cut_off)
{
	unsigned sent = 0;

	handshake();
	set(&client.block, true);
	while (send_large())
		ck_assert_uint_lt(++sent, 100);
	ck_assert_uint_ge(sent, 63);
	WAIT_FOR(server.closed == 1);
	ck_assert_int_eq(server.status, DM_RPC_CANCELLED);
	set(&client.block, false);
	WAIT_FOR(client.closed == 1);
	ck_assert_int_ne(client.status, DM_RPC_OK);
}
END_TEST

START_TEST(a_blocked_reader_slows_the_sender_down)
{
	handshake();
	set(&client.block, true);
	for (int i = 0; i < 40; i++)
		ck_assert(send_large());
	set(&client.block, false);
	WAIT_FOR(client.received == 41);
}
END_TEST

START_TEST(invalid_utf8_is_not_sent)
{
	server.bad = true;
	ck_assert(send_seq(1));
	WAIT_FOR(client.closed == 1);
	ck_assert_int_eq(client.status, DM_RPC_INTERNAL);
	ck_assert_ptr_nonnull(strstr(client.text, "dm.v1.Refuse.msg"));
}
END_TEST

/* WorkerSession as one knows it who speaks Empty. */
static const unsigned loose_index[] = { 0 };
static const ProtobufCMethodDescriptor loose_method = { "Session",
	&google__protobuf__empty__descriptor,
	&dm__v1__master_message__descriptor };
static const ProtobufCServiceDescriptor loose = {
	.magic = PROTOBUF_C__SERVICE_DESCRIPTOR_MAGIC,
	.name = "dm.v1.WorkerSession",
	.n_methods = 1,
	.methods = &loose_method,
	.method_indices_by_name = loose_index,
};

START_TEST(a_malformed_message_ends_the_stream)
{
	dm_rpc_stream_cancel(client.stream);
	WAIT_FOR(client.closed == 1 && server.closed == server.opened);
	dm_rpc_stream_unref(client.stream);
	dm_rpc_stream_unref(server.stream);
	client = (struct side){ 0 };
	server = (struct side){ 0 };
	open_client(&loose);
	/* In field 2, a Heartbeat: 'a' is a key of a group. */
	ck_assert(dm_rpc_stream_send(client.stream, bad_message(2)));
	WAIT_FOR(client.closed == 1 && server.closed == 1);
	ck_assert_int_eq(client.status, DM_RPC_INVALID_ARGUMENT);
	ck_assert_ptr_nonnull(strstr(client.text, "dm.v1.Heartbeat"));
}
END_TEST

START_TEST(stopping_the_server_closes_its_streams)
{
	handshake();
	dm_rpc_server_stop(fx.server, _i * 100);
	/* No callback of the server comes after its stop. */
	ck_assert_uint_eq(server.closed, 1);
	ck_assert_int_eq(server.status, DM_RPC_CANCELLED);
	WAIT_FOR(client.closed == 1);
	ck_assert_int_ne(client.status, DM_RPC_OK);
}
END_TEST

START_TEST(freeing_the_channel_closes_its_streams)
{
	handshake();
	dm_rpc_channel_free(DM_TAKE(fx.channel));
	ck_assert_uint_eq(client.closed, 1);
	ck_assert_int_eq(client.status, DM_RPC_CANCELLED);
	WAIT_FOR(server.closed == 1);
	/* The reference outlives the channel. */
	ck_assert(!send_seq(2));
}
END_TEST

START_TEST(a_channel_may_run_its_streams_on_another_ones_thread)
{
	struct dm_rpc_channel_opts o = { .streams_with = fx.channel };
	struct dm_rpc_channel *second;

	handshake();
	dm_rpc_stream_cancel(client.stream);
	WAIT_FOR(client.closed == 1 && server.closed == 1);
	dm_rpc_stream_unref(client.stream);
	dm_rpc_stream_unref(server.stream);
	client = (struct side){ 0 };
	server = (struct side){ 0 };
	second = dm_rpc_channel_new(fx.target, &o);
	dm_mutex_lock(&mu);
	client.stream =
	    dm_rpc_stream_open(second, &dm__v1__worker_session__descriptor,
		"Session", &client_ops, &client);
	dm_mutex_unlock(&mu);
	handshake();
	dm_rpc_channel_free(second);
	WAIT_FOR(client.closed == 1);
}
END_TEST

START_TEST(an_unreachable_server_closes_the_stream)
{
	WAIT_FOR(server.opened == 1);
	dm_rpc_stream_cancel(client.stream);
	WAIT_FOR(client.closed == 1);
	dm_rpc_channel_free(fx.channel);
	dm_rpc_stream_unref(client.stream);
	client = (struct side){ 0 };
	fx.channel = dm_rpc_channel_new("127.0.0.1:1", NULL);
	open_client(&dm__v1__worker_session__descriptor);
	(void)send_seq(1);
	WAIT_FOR(client.closed == 1);
	ck_assert_int_eq(client.status, DM_RPC_UNAVAILABLE);
}
END_TEST

/* The client's process: one message, then nothing more. */
static void
run_client_process(int port_pipe)
{
	int port = 0;

	if (read(port_pipe, &port, sizeof(port)) != sizeof(port))
		_exit(1);
	dm_rpc_init();
	g_snprintf(fx.target, sizeof(fx.target), "127.0.0.1:%d", port);
	fx.channel = dm_rpc_channel_new(fx.target, NULL);
	open_client(&dm__v1__worker_session__descriptor);
	(void)send_seq(1);
	for (;;)
		pause();
}

START_TEST(a_killed_client_closes_its_stream)
{
	int port = 0;
	int fds[2];
	pid_t pid;

	dm_mutex_init(&mu, 100);
	dm_cond_init(&cond);
	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0)
		run_client_process(fds[0]);
	dm_rpc_init();
	fx.server = dm_rpc_server_new(NULL);
	dm_rpc_server_add_stream(fx.server, &dm__v1__worker_session__descriptor,
	    "Session", &server_ops, &server);
	ck_assert_ptr_null(
	    dm_rpc_server_start(fx.server, "127.0.0.1:0", &port));
	ck_assert_int_eq(write(fds[1], &port, sizeof(port)), sizeof(port));
	WAIT_FOR(server.received == 1);
	kill(pid, SIGKILL);
	WAIT_FOR(server.closed == 1);
	ck_assert_int_eq(server.status, DM_RPC_CANCELLED);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	dm_rpc_stream_unref(server.stream);
	dm_rpc_server_free(fx.server);
	dm_rpc_shutdown();
	close(fds[0]);
	close(fds[1]);
}
END_TEST

static void *
hammer(void *arg)
{
	(void)arg;
	while (send_seq(1))
		;
	return NULL;
}

START_TEST(sends_from_many_threads_survive_a_cancel)
{
	pthread_t t[4];

	for (size_t i = 0; i < 4; i++)
		t[i] = dm_thread_start("hammer", hammer, NULL);
	WAIT_FOR(client.received > 100);
	if (_i == 0)
		dm_rpc_stream_cancel(client.stream);
	else if (_i == 1)
		dm_rpc_stream_cancel(server.stream);
	else
		dm_rpc_stream_finish(server.stream, DM_RPC_ABORTED, "enough");
	for (size_t i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	WAIT_FOR(client.closed == 1 && server.closed == 1);
}
END_TEST

static void
fill(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, messages_go_both_ways_in_order);
	tcase_add_test(tc, a_server_goes_on_after_the_clients_end);
	tcase_add_test(tc, the_servers_status_comes_after_its_messages);
	tcase_add_loop_test(tc, cancelling_closes_both_sides, 0, 2);
	tcase_add_test(tc, who_does_not_read_is_cut_off);
	tcase_add_test(tc, a_blocked_reader_slows_the_sender_down);
	tcase_add_test(tc, invalid_utf8_is_not_sent);
	tcase_add_test(tc, a_malformed_message_ends_the_stream);
	tcase_add_loop_test(tc, stopping_the_server_closes_its_streams, 0, 2);
	tcase_add_test(tc, freeing_the_channel_closes_its_streams);
	tcase_add_test(
	    tc, a_channel_may_run_its_streams_on_another_ones_thread);
	tcase_add_test(tc, an_unreachable_server_closes_the_stream);
	tcase_add_loop_test(tc, sends_from_many_threads_survive_a_cancel, 0, 3);
}

static void
fill_processes(TCase *tc)
{
	tcase_add_test(tc, a_killed_client_closes_its_stream);
}

int
main(void)
{
	int rc = run_suite("lib/rpc/stream", fill);

	return rc | run_suite("lib/rpc/stream, processes", fill_processes);
}
