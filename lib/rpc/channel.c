/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gRPC client: channels, unary calls, opening of streams.
 *
 * DESIGN: a unary call has a completion queue of its own, which its thread
 * waits on; nothing is shared between calls but the connection. The streams of
 * a channel share one queue and one thread, started with the first of them and
 * joined when the channel is freed.
 */
#include "lib/rpc/internal.h"

#include <arpa/inet.h>
#include <grpc/byte_buffer.h>
#include <grpc/slice.h>
#include <string.h>

#define DEFAULT_RECV_BYTES   ((size_t)4 << 20)
#define DEFAULT_KEEPALIVE_MS 10000
/* As DM's masters dial: 100 ms, growing to 3 s. */
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS   3000

struct dm_rpc_channel {
	grpc_channel *core;
	struct dm_rpc_live live;   /* its mutex also guards the fields below */
	grpc_completion_queue *cq; /* of the streams; NULL until the first */
	pthread_t thread;
	struct dm_rpc_channel *streams_with; /* has queue and thread instead */
};

#define INT_ARG(k, v)                                                          \
	{                                                                      \
		.type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)(k),       \
		.value.integer = (int)(v)                                      \
	}

/* The scheme that says how target is looked up. An address that needs no
 * resolver must not go through it: it is a third of what a channel costs. */
static const char *
core_scheme(const char *target)
{
	const char *colon = strrchr(target, ':');
	g_autofree char *host = NULL;
	unsigned char bytes[sizeof(struct in6_addr)];

	if (g_str_has_prefix(target, "unix:"))
		return "";
	if (colon == NULL)
		return "dns:///";
	if (*target == '[' && colon > target && colon[-1] == ']') {
		host = g_strndup(target + 1, (gsize)(colon - target) - 2);
		if (inet_pton(AF_INET6, host, bytes) == 1)
			return "ipv6:";
	} else {
		host = g_strndup(target, (gsize)(colon - target));
		if (inet_pton(AF_INET, host, bytes) == 1)
			return "ipv4:";
	}
	return "dns:///";
}

/* New string. The brackets of IPv6 addresses are not allowed in a URI's
 * path. */
static char *
core_target(const char *target)
{
	GString *s = g_string_new(core_scheme(target));

	for (const char *p = target; *p != '\0'; p++) {
		if (*p == '[')
			g_string_append(s, "%5B");
		else if (*p == ']')
			g_string_append(s, "%5D");
		else
			g_string_append_c(s, *p);
	}
	return g_string_free(s, FALSE);
}

static grpc_channel *
core_new(const char *target, size_t max_recv_bytes, int keepalive_ms)
{
	g_autofree char *uri = core_target(target);
	grpc_channel_credentials *creds = dm_rpc_creds_new();
	grpc_arg args[] = {
		INT_ARG(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
		    MIN(max_recv_bytes, INT32_MAX)),
		INT_ARG(GRPC_ARG_ENABLE_HTTP_PROXY, 0),
		INT_ARG(GRPC_ARG_KEEPALIVE_TIME_MS, keepalive_ms),
		INT_ARG(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, keepalive_ms),
		INT_ARG(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
		INT_ARG(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0),
		INT_ARG(
		    GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, BACKOFF_FIRST_MS),
		INT_ARG(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, BACKOFF_MAX_MS),
		/* Also the time given to one attempt to connect. */
		INT_ARG(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, BACKOFF_MAX_MS),
		/* A name that could not be resolved is asked for again. */
		INT_ARG(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS,
		    BACKOFF_MAX_MS),
		INT_ARG(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1),
		/* Each channel has its own connection and backoff. */
		INT_ARG(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1),
		/* Who calls decides what may be sent twice. */
		INT_ARG(GRPC_ARG_ENABLE_RETRIES, 0),
		INT_ARG(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
		    1 << GRPC_COMPRESS_NONE),
	};
	grpc_channel_args all = { .num_args = G_N_ELEMENTS(args),
		.args = args };
	grpc_channel *ch = grpc_channel_create(uri, creds, &all);

	grpc_channel_credentials_release(creds);
	return ch;
}

struct dm_rpc_channel *
dm_rpc_channel_new(const char *target, const struct dm_rpc_channel_opts *o)
{
	struct dm_rpc_channel *ch = g_new0(struct dm_rpc_channel, 1);
	size_t max = DEFAULT_RECV_BYTES;
	int keepalive_ms = DEFAULT_KEEPALIVE_MS;

	if (o != NULL && o->max_recv_bytes != 0)
		max = o->max_recv_bytes;
	if (o != NULL && o->keepalive_ms != 0)
		keepalive_ms = o->keepalive_ms;
	if (o != NULL)
		ch->streams_with = o->streams_with;
	ch->core = core_new(target, max, keepalive_ms);
	dm_rpc_live_init(&ch->live);
	return ch;
}

void
dm_rpc_channel_free(struct dm_rpc_channel *ch)
{
	if (ch == NULL)
		return;
	dm_rpc_live_drain(&ch->live);
	if (ch->cq != NULL) {
		grpc_completion_queue_shutdown(ch->cq);
		pthread_join(ch->thread, NULL);
		grpc_completion_queue_destroy(ch->cq);
	}
	grpc_channel_destroy(ch->core);
	dm_rpc_live_fini(&ch->live);
	g_free(ch);
}

static void
close_queue(grpc_completion_queue *cq)
{
	grpc_completion_queue_shutdown(cq);
	while (grpc_completion_queue_next(
		   cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL)
		   .type != GRPC_QUEUE_SHUTDOWN)
		;
	grpc_completion_queue_destroy(cq);
}

bool
dm_rpc_channel_wait(struct dm_rpc_channel *ch, int64_t timeout_ms)
{
	grpc_completion_queue *cq = grpc_completion_queue_create_for_next(NULL);
	gpr_timespec end = dm_rpc_deadline(timeout_ms);
	gpr_timespec never = gpr_inf_future(GPR_CLOCK_MONOTONIC);
	grpc_connectivity_state state;
	bool in_time = true;

	state = grpc_channel_check_connectivity_state(ch->core, 1);
	while (state != GRPC_CHANNEL_READY && in_time) {
		grpc_channel_watch_connectivity_state(
		    ch->core, state, end, cq, NULL);
		in_time = grpc_completion_queue_next(cq, never, NULL).success;
		state = grpc_channel_check_connectivity_state(ch->core, 1);
	}
	close_queue(cq);
	return state == GRPC_CHANNEL_READY;
}

/* ---- unary calls ---- */

struct unary {
	grpc_completion_queue *cq;
	grpc_call *call;
	grpc_byte_buffer *out;
	grpc_byte_buffer *in;
	grpc_metadata_array initial, trailing;
	grpc_status_code status;
	grpc_slice details;
};

static void
cancel_unary(void *arg)
{
	struct unary *u = arg;

	(void)grpc_call_cancel(u->call, NULL);
}

/* Send, and wait for everything at once. */
static void
run_unary(struct unary *u, struct dm_cancel *c)
{
	gpr_timespec never = gpr_inf_future(GPR_CLOCK_MONOTONIC);
	struct dm_cancel_watch w = { 0 };
	grpc_op ops[6] = { 0 };
	grpc_event ev;

	ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
	ops[1].op = GRPC_OP_SEND_MESSAGE;
	ops[1].data.send_message.send_message = u->out;
	ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
	ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
	ops[3].data.recv_initial_metadata.recv_initial_metadata = &u->initial;
	ops[4].op = GRPC_OP_RECV_MESSAGE;
	ops[4].data.recv_message.recv_message = &u->in;
	ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
	ops[5].data.recv_status_on_client.trailing_metadata = &u->trailing;
	ops[5].data.recv_status_on_client.status = &u->status;
	ops[5].data.recv_status_on_client.status_details = &u->details;
	dm_assert(
	    grpc_call_start_batch(u->call, ops, 6, u, NULL) == GRPC_CALL_OK);
	dm_cancel_watch(c, &w, cancel_unary, u);
	ev = grpc_completion_queue_next(u->cq, never, NULL);
	dm_cancel_unwatch(c, &w);
	dm_assert(ev.type == GRPC_OP_COMPLETE && ev.tag == u);
}

static grpc_call *
call_new(grpc_channel *ch, grpc_completion_queue *cq,
    const ProtobufCServiceDescriptor *svc, const char *method,
    gpr_timespec deadline)
{
	g_autofree char *path = dm_rpc_path(svc, method);
	grpc_slice s = grpc_slice_from_copied_string(path);
	grpc_call *call = grpc_channel_create_call(
	    ch, NULL, GRPC_PROPAGATE_DEFAULTS, cq, s, NULL, deadline, NULL);

	grpc_slice_unref(s);
	return call;
}

static struct dm_err *
unary_result(struct unary *u, const ProtobufCMessageDescriptor *d,
    struct dm_cancel *c, ProtobufCMessage **resp, enum dm_rpc_status *status)
{
	g_autofree char *text = NULL;
	DM_AUTO(dm_err) bad = NULL;
	struct dm_err *err;

	*status = (enum dm_rpc_status)u->status;
	if (*status != DM_RPC_OK) {
		text = dm_rpc_core_text(*status, u->details);
		err = dm_rpc_status_err(*status, text);
		err->canceled = *status == DM_RPC_CANCELLED && dm_canceled(c);
		return err;
	}
	if (u->in != NULL)
		bad = dm_rpc_unpack(d, u->in, resp);
	if (u->in != NULL && bad == NULL)
		return NULL;
	*status = DM_RPC_INTERNAL;
	return dm_rpc_status_err(
	    *status, bad != NULL ? bad->message : "no response message");
}

static void
unary_fini(struct unary *u)
{
	grpc_call_unref(u->call);
	grpc_byte_buffer_destroy(u->out);
	grpc_byte_buffer_destroy(u->in);
	grpc_metadata_array_destroy(&u->initial);
	grpc_metadata_array_destroy(&u->trailing);
	grpc_slice_unref(u->details);
	close_queue(u->cq);
}

struct dm_err *
dm_rpc_unary(struct dm_rpc_channel *ch, const ProtobufCServiceDescriptor *svc,
    const char *method, const ProtobufCMessage *req, int64_t timeout_ms,
    struct dm_cancel *c, ProtobufCMessage **resp, enum dm_rpc_status *status)
{
	const ProtobufCMethodDescriptor *m = dm_rpc_method(svc, method);
	struct unary u = { .details = grpc_empty_slice() };
	enum dm_rpc_status st = DM_RPC_INTERNAL;
	DM_AUTO(dm_err) bad = NULL;
	struct dm_err *err;

	dm_assert(req->descriptor == m->input);
	bad = dm_rpc_pack(req, &u.out);
	if (bad != NULL) {
		err = dm_rpc_status_err(st, bad->message);
	} else {
		grpc_metadata_array_init(&u.initial);
		grpc_metadata_array_init(&u.trailing);
		u.cq = grpc_completion_queue_create_for_next(NULL);
		u.call = call_new(
		    ch->core, u.cq, svc, method, dm_rpc_deadline(timeout_ms));
		run_unary(&u, c);
		err = unary_result(&u, m->output, c, resp, &st);
		unary_fini(&u);
	}
	if (status != NULL)
		*status = st;
	return err;
}

/* ---- streams ---- */

/* Made, with its thread, for the first stream. */
static grpc_completion_queue *
stream_queue(struct dm_rpc_channel *ch)
{
	grpc_completion_queue *cq;

	dm_mutex_lock(&ch->live.mu);
	if (ch->cq == NULL) {
		ch->cq = grpc_completion_queue_create_for_next(NULL);
		ch->thread = dm_thread_start("rpc-client", dm_rpc_loop, ch->cq);
	}
	cq = ch->cq;
	dm_mutex_unlock(&ch->live.mu);
	return cq;
}

struct dm_rpc_stream *
dm_rpc_stream_open(struct dm_rpc_channel *ch,
    const ProtobufCServiceDescriptor *svc, const char *method,
    const struct dm_rpc_stream_ops *ops, void *ctx)
{
	const ProtobufCMethodDescriptor *m = dm_rpc_method(svc, method);
	grpc_completion_queue *cq;

	dm_assert(ops->on_message != NULL);
	cq = stream_queue(ch->streams_with != NULL ? ch->streams_with : ch);
	return dm_rpc_stream_start(
	    call_new(ch->core, cq, svc, method, dm_rpc_deadline(-1)), m, ops,
	    ctx, &ch->live);
}
