/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unary calls of a server, from the accepted call to its end. Completions run
 * on the server's threads, the handler's closure on any.
 *
 * DESIGN: a call has two owners. gRPC's operations (receive the request,
 * watch for the client going away, send the answer) own the grpc_call: it is
 * released when none is in flight. The handler owns the object until it has
 * ended the call. A client that went away thus never waits for a slow
 * handler, and neither does the stop of the server: the late answer is
 * dropped.
 */
#include "lib/rpc/internal.h"

#include <grpc/slice.h>
#include <grpc/support/time.h>

struct dm_rpc_call {
	struct dm_rpc_tag recv_tag;
	struct dm_rpc_tag close_tag;
	struct dm_rpc_tag send_tag;

	struct dm_mutex mu; /* rank CALL; guards the three below */
	grpc_call *call;    /* NULL when it was released */
	unsigned ops;       /* in flight */
	bool ended;         /* by the handler, or for it */

	ProtobufCService *svc; /* borrowed; NULL: nothing to invoke */
	unsigned method_index;
	gpr_timespec deadline;
	struct dm_cancel *cancel;

	/* Each belongs to the operation that is to fill or send it. */
	grpc_byte_buffer *in;
	grpc_byte_buffer *out;
	int cancelled;

	ProtobufCMessage *input; /* kept for the handler until the end */
};

static void
call_free(struct dm_rpc_call *c)
{
	if (c->input != NULL)
		protobuf_c_message_free_unpacked(c->input, NULL);
	grpc_byte_buffer_destroy(c->in);
	grpc_byte_buffer_destroy(c->out);
	dm_cancel_free(c->cancel);
	dm_mutex_fini(&c->mu);
	g_free(c);
}

static void
op_done(struct dm_rpc_call *c)
{
	grpc_call *released = NULL;
	bool gone = false;

	dm_mutex_lock(&c->mu);
	dm_assert(c->ops > 0);
	if (--c->ops == 0) {
		released = DM_TAKE(c->call);
		gone = c->ended;
	}
	dm_mutex_unlock(&c->mu);
	if (released != NULL)
		grpc_call_unref(released);
	if (gone)
		call_free(c);
}

/* Takes out, the packed response; NULL sends the status alone. */
static void
send_end(struct dm_rpc_call *c, grpc_byte_buffer *out,
    enum dm_rpc_status status, const char *text)
{
	g_autofree char *cut = dm_rpc_cut_text(text);
	grpc_slice details = grpc_slice_from_copied_string(cut);
	grpc_op ops[3] = { { .op = GRPC_OP_SEND_INITIAL_METADATA } };
	size_t n = 1;

	c->out = out;
	if (out != NULL) {
		ops[n].op = GRPC_OP_SEND_MESSAGE;
		ops[n++].data.send_message.send_message = out;
	}
	ops[n].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
	ops[n].data.send_status_from_server.status = (grpc_status_code)status;
	ops[n++].data.send_status_from_server.status_details = &details;
	dm_rpc_batch(c->call, ops, n, &c->send_tag);
	grpc_slice_unref(details);
}

/* Takes out. The end of the handler's part. */
static void
end_call(struct dm_rpc_call *c, grpc_byte_buffer *out,
    enum dm_rpc_status status, const char *text)
{
	bool open;

	dm_mutex_lock(&c->mu);
	dm_assert(!c->ended);
	c->ended = true;
	open = c->call != NULL;
	if (open)
		c->ops++;
	dm_mutex_unlock(&c->mu);
	if (open) {
		send_end(c, out, status, text);
		return;
	}
	grpc_byte_buffer_destroy(out);
	call_free(c);
}

void
dm_rpc_fail(void *closure_data, enum dm_rpc_status status, const char *text)
{
	dm_assert(status != DM_RPC_OK);
	end_call(closure_data, NULL, status, text);
}

/* The ProtobufCClosure of all handlers. */
static void
respond(const ProtobufCMessage *resp, void *closure_data)
{
	grpc_byte_buffer *out = NULL;
	DM_AUTO(dm_err) err = NULL;

	if (resp == NULL) {
		dm_rpc_fail(closure_data, DM_RPC_INTERNAL, "no response");
		return;
	}
	err = dm_rpc_pack(resp, &out);
	if (err != NULL)
		dm_rpc_fail(closure_data, DM_RPC_INTERNAL, err->message);
	else
		end_call(closure_data, out, DM_RPC_OK, "");
}

static void
on_sent(struct dm_rpc_tag *tag, bool ok)
{
	(void)ok; /* the client is gone: nobody to tell */
	op_done(dm_rpc_owner_of(tag, struct dm_rpc_call, send_tag));
}

static void
on_closed(struct dm_rpc_tag *tag, bool ok)
{
	struct dm_rpc_call *c =
	    dm_rpc_owner_of(tag, struct dm_rpc_call, close_tag);

	if (!ok || c->cancelled != 0)
		dm_cancel_now(c->cancel);
	op_done(c);
}

/* The generated structs have the handlers behind their ProtobufCService; that
 * is known only of those which use protobuf-c's own invoke. */
static bool
has_handler(const ProtobufCService *svc, unsigned index)
{
	typedef void handler_fn(void);
	handler_fn *const *handlers = (const void *)(svc + 1);

	if (svc->invoke != protobuf_c_service_invoke_internal)
		return true;
	return handlers[index] != NULL;
}

static void
invoke(struct dm_rpc_call *c)
{
	const ProtobufCMethodDescriptor *m =
	    &c->svc->descriptor->methods[c->method_index];
	g_autofree char *text = NULL;
	DM_AUTO(dm_err) err = NULL;

	if (c->in == NULL) {
		dm_rpc_fail(c, DM_RPC_INVALID_ARGUMENT, "no request message");
		return;
	}
	if (!has_handler(c->svc, c->method_index)) {
		text = g_strdup_printf("method %s not implemented", m->name);
		dm_rpc_fail(c, DM_RPC_UNIMPLEMENTED, text);
		return;
	}
	err = dm_rpc_unpack(m->input, c->in, &c->input);
	if (err != NULL) {
		dm_rpc_fail(c, DM_RPC_INVALID_ARGUMENT, err->message);
		return;
	}
	grpc_byte_buffer_destroy(DM_TAKE(c->in));
	c->svc->invoke(c->svc, c->method_index, c->input, respond, c);
}

static void
on_request(struct dm_rpc_tag *tag, bool ok)
{
	struct dm_rpc_call *c =
	    dm_rpc_owner_of(tag, struct dm_rpc_call, recv_tag);

	/* After a failure (too large, gone) the status is out already; this
	 * one is dropped by gRPC then. */
	if (ok)
		invoke(c);
	else
		dm_rpc_fail(c, DM_RPC_CANCELLED, "no request message");
	op_done(c);
}

/* Takes call; `ops` operations are about to start. */
static struct dm_rpc_call *
call_new(grpc_call *call, unsigned ops)
{
	struct dm_rpc_call *c = g_new0(struct dm_rpc_call, 1);
	grpc_op op = { .op = GRPC_OP_RECV_CLOSE_ON_SERVER };

	c->recv_tag.fn = on_request;
	c->close_tag.fn = on_closed;
	c->send_tag.fn = on_sent;
	dm_mutex_init(&c->mu, DM_RPC_RANK_CALL);
	c->cancel = dm_cancel_new(NULL);
	c->call = call;
	c->ops = ops;
	op.data.recv_close_on_server.cancelled = &c->cancelled;
	dm_rpc_batch(call, &op, 1, &c->close_tag);
	return c;
}

void
dm_rpc_call_serve(const struct dm_rpc_accepted *a, ProtobufCService *svc,
    unsigned method_index)
{
	struct dm_rpc_call *c = call_new(a->call, 2);
	grpc_op op = { .op = GRPC_OP_RECV_MESSAGE };

	c->deadline = a->deadline;
	c->svc = svc;
	c->method_index = method_index;
	op.data.recv_message.recv_message = &c->in;
	dm_rpc_batch(a->call, &op, 1, &c->recv_tag);
}

void
dm_rpc_call_refuse(grpc_call *call, enum dm_rpc_status status, const char *text)
{
	dm_rpc_fail(call_new(call, 1), status, text);
}

struct dm_cancel *
dm_rpc_call_cancel(void *closure_data)
{
	struct dm_rpc_call *c = closure_data;

	return c->cancel;
}

int64_t
dm_rpc_call_left_ms(void *closure_data)
{
	const struct dm_rpc_call *c = closure_data;
	gpr_timespec never = gpr_inf_future(c->deadline.clock_type);
	gpr_timespec left;

	if (gpr_time_cmp(c->deadline, never) == 0)
		return INT64_MAX;
	left = gpr_time_sub(c->deadline, gpr_now(c->deadline.clock_type));
	return MAX(0, left.tv_sec * 1000 + left.tv_nsec / 1000000);
}
