/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bidirectional streams, the same object on both sides. Completions and
 * callbacks run on the threads of the server or channel; send, finish, cancel,
 * ref and unref on any.
 *
 * DESIGN: at most one message is being read and one being sent. `pending`
 * counts the operations in flight; a read counts until its callback has
 * returned, so callbacks never overlap. Nobody starts an operation when the
 * count has reached zero: then the call is released and on_close runs, on the
 * thread of the last completion. An operation is counted under the lock and
 * started without it: the count keeps the call alive between the two.
 */
#include "lib/rpc/internal.h"

#include <grpc/byte_buffer.h>
#include <grpc/slice.h>
#include <stdatomic.h>

#define MAX_QUEUED ((size_t)64 << 20)

struct dm_rpc_stream {
	atomic_uint refs;
	bool server;
	struct dm_rpc_stream_ops ops;
	void *ctx;                            /* set before the first read */
	const ProtobufCMessageDescriptor *in; /* what the other side sends */
	const ProtobufCMessageDescriptor *out_type;
	struct dm_rpc_live *live; /* NULL on the server */

	struct dm_mutex mu; /* rank CALL; guards up to the blank line */
	grpc_call *call;    /* NULL when it was released */
	unsigned pending;
	GQueue out;       /* of grpc_byte_buffer, without the one in flight */
	size_t out_bytes; /* with the one in flight */
	bool sending;     /* a message or the end is in flight */
	bool over;        /* no more messages are taken */
	bool finish;      /* the end is to be sent after the queue */
	bool finish_sent;
	enum dm_rpc_status finish_status;
	char *finish_text;

	/* Each belongs to its operation while that is in flight. */
	struct dm_rpc_tag start_tag, read_tag, send_tag, close_tag, meta_tag;
	grpc_byte_buffer *read;
	grpc_byte_buffer *sent;
	size_t sent_bytes; /* gRPC may empty the buffer */
	int cancelled;
	grpc_metadata_array initial, trailing;
	grpc_status_code status;
	grpc_slice details;
};

static void on_read(struct dm_rpc_tag *tag, bool ok);
static void on_sent(struct dm_rpc_tag *tag, bool ok);
static void on_start_sent(struct dm_rpc_tag *tag, bool ok);
static void on_meta(struct dm_rpc_tag *tag, bool ok);
static void on_closed(struct dm_rpc_tag *tag, bool ok);

/* ---- life ---- */

static struct dm_rpc_stream *
stream_new(grpc_call *call, const struct dm_rpc_stream_ops *ops)
{
	struct dm_rpc_stream *st = g_new0(struct dm_rpc_stream, 1);

	atomic_init(&st->refs, 1);
	st->ops = *ops;
	dm_mutex_init(&st->mu, DM_RPC_RANK_CALL);
	st->call = call;
	g_queue_init(&st->out);
	st->start_tag.fn = on_start_sent;
	st->read_tag.fn = on_read;
	st->send_tag.fn = on_sent;
	st->close_tag.fn = on_closed;
	st->meta_tag.fn = on_meta;
	grpc_metadata_array_init(&st->initial);
	grpc_metadata_array_init(&st->trailing);
	st->details = grpc_empty_slice();
	return st;
}

struct dm_rpc_stream *
dm_rpc_stream_ref(struct dm_rpc_stream *st)
{
	atomic_fetch_add(&st->refs, 1);
	return st;
}

static void
free_buffer(gpointer p)
{
	grpc_byte_buffer_destroy(p);
}

static void
drop_queue_locked(struct dm_rpc_stream *st)
{
	grpc_byte_buffer *b;

	dm_mutex_assert_held(&st->mu);
	while ((b = g_queue_pop_head(&st->out)) != NULL) {
		st->out_bytes -= grpc_byte_buffer_length(b);
		grpc_byte_buffer_destroy(b);
	}
}

void
dm_rpc_stream_unref(struct dm_rpc_stream *st)
{
	if (st == NULL || atomic_fetch_sub(&st->refs, 1) != 1)
		return;
	dm_assert(st->call == NULL);
	g_queue_clear_full(&st->out, free_buffer);
	g_free(st->finish_text);
	grpc_metadata_array_destroy(&st->initial);
	grpc_metadata_array_destroy(&st->trailing);
	grpc_slice_unref(st->details);
	dm_mutex_fini(&st->mu);
	g_free(st);
}

static void
live_remove(struct dm_rpc_live *l, struct dm_rpc_stream *st)
{
	dm_mutex_lock(&l->mu);
	g_hash_table_remove(l->streams, st);
	if (g_hash_table_size(l->streams) == 0)
		pthread_cond_broadcast(&l->none);
	dm_mutex_unlock(&l->mu);
}

/* After the last operation: tell the owner and drop the library's reference. */
static void
close_stream(struct dm_rpc_stream *st)
{
	enum dm_rpc_status status = DM_RPC_OK;
	g_autofree char *text = NULL;

	if (!st->server) {
		status = (enum dm_rpc_status)st->status;
		text = dm_rpc_core_text(status, st->details);
	} else if (st->cancelled != 0) {
		status = DM_RPC_CANCELLED;
		text = g_strdup("context canceled");
	}
	if (st->ops.on_close != NULL)
		st->ops.on_close(st, status, text ? text : "", st->ctx);
	if (st->live != NULL)
		live_remove(st->live, st);
	dm_rpc_stream_unref(st);
}

static void
op_done(struct dm_rpc_stream *st)
{
	grpc_call *released = NULL;

	dm_mutex_lock(&st->mu);
	dm_assert(st->pending > 0);
	if (--st->pending == 0) {
		released = DM_TAKE(st->call);
		st->over = true;
		drop_queue_locked(st);
	}
	dm_mutex_unlock(&st->mu);
	if (released == NULL)
		return;
	grpc_call_unref(released);
	close_stream(st);
}

/* ---- sending ---- */

/* The end of our side. Outside the lock, counted. */
static void
send_finish(struct dm_rpc_stream *st)
{
	grpc_op op = { .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT };
	grpc_slice text = grpc_empty_slice();

	if (st->server) {
		/* Not changed any more once `finish` is set. */
		text = grpc_slice_from_copied_string(st->finish_text);
		op.op = GRPC_OP_SEND_STATUS_FROM_SERVER;
		op.data.send_status_from_server.status =
		    (grpc_status_code)st->finish_status;
		op.data.send_status_from_server.status_details = &text;
	}
	dm_rpc_batch(st->call, &op, 1, &st->send_tag);
	grpc_slice_unref(text);
}

/* Send what is next, if nothing is being sent. */
static void
pump(struct dm_rpc_stream *st)
{
	grpc_op op = { .op = GRPC_OP_SEND_MESSAGE };
	bool end = false;

	dm_mutex_lock(&st->mu);
	if (st->call == NULL || st->sending || st->finish_sent ||
	    (g_queue_is_empty(&st->out) && !st->finish)) {
		dm_mutex_unlock(&st->mu);
		return;
	}
	st->sent = g_queue_pop_head(&st->out);
	end = st->sent == NULL;
	if (!end)
		st->sent_bytes = grpc_byte_buffer_length(st->sent);
	st->finish_sent = end;
	st->sending = true;
	st->pending++;
	dm_mutex_unlock(&st->mu);

	if (end) {
		send_finish(st);
		return;
	}
	op.data.send_message.send_message = st->sent;
	dm_rpc_batch(st->call, &op, 1, &st->send_tag);
}

static void
on_sent(struct dm_rpc_tag *tag, bool ok)
{
	struct dm_rpc_stream *st =
	    dm_rpc_owner_of(tag, struct dm_rpc_stream, send_tag);

	dm_mutex_lock(&st->mu);
	st->sending = false;
	st->out_bytes -= st->sent_bytes;
	st->sent_bytes = 0;
	grpc_byte_buffer_destroy(DM_TAKE(st->sent));
	if (!ok) {
		/* The call is over; how, the close tells. */
		st->over = true;
		st->finish_sent = true;
		drop_queue_locked(st);
	}
	dm_mutex_unlock(&st->mu);
	pump(st);
	op_done(st);
}

static void
on_start_sent(struct dm_rpc_tag *tag, bool ok)
{
	(void)ok;
	op_done(dm_rpc_owner_of(tag, struct dm_rpc_stream, start_tag));
}

/* End our side; what is queued is sent first, unless `drop`. */
static void
finish(struct dm_rpc_stream *st, enum dm_rpc_status status, const char *text,
    bool drop)
{
	dm_mutex_lock(&st->mu);
	st->over = true;
	if (drop)
		drop_queue_locked(st);
	if (!st->finish) {
		st->finish = true;
		st->finish_status = status;
		st->finish_text = dm_rpc_cut_text(text);
	}
	dm_mutex_unlock(&st->mu);
	pump(st);
}

void
dm_rpc_stream_finish(
    struct dm_rpc_stream *st, enum dm_rpc_status status, const char *text)
{
	finish(st, status, text, false);
}

/* Cancel the call: here it ends with this status, there with a reset. */
static void
cancel_with(
    struct dm_rpc_stream *st, enum dm_rpc_status status, const char *text)
{
	grpc_call *call;

	dm_mutex_lock(&st->mu);
	st->over = true;
	drop_queue_locked(st);
	call = st->call;
	if (call != NULL)
		grpc_call_ref(call);
	dm_mutex_unlock(&st->mu);
	if (call == NULL)
		return;
	(void)grpc_call_cancel_with_status(
	    call, (grpc_status_code)status, text, NULL);
	grpc_call_unref(call);
}

void
dm_rpc_stream_cancel(struct dm_rpc_stream *st)
{
	cancel_with(st, DM_RPC_CANCELLED, "CANCELLED");
}

/* A message that cannot be sent or was not understood ends the stream. A
 * server says why to the other side, a client to its own. */
static void
fail_stream(
    struct dm_rpc_stream *st, enum dm_rpc_status status, const char *text)
{
	if (st->server)
		finish(st, status, text, true);
	else
		cancel_with(st, DM_RPC_INTERNAL, text);
}

bool
dm_rpc_stream_send(struct dm_rpc_stream *st, const ProtobufCMessage *msg)
{
	bool taken = false, full = false;
	DM_AUTO(dm_err) err = NULL;
	grpc_byte_buffer *b = NULL;
	size_t size;

	dm_assert(msg->descriptor == st->out_type);
	err = dm_rpc_pack(msg, &b);
	if (err != NULL) {
		fail_stream(st, DM_RPC_INTERNAL, err->message);
		return false;
	}
	size = grpc_byte_buffer_length(b);
	dm_mutex_lock(&st->mu);
	full = st->out_bytes + size > MAX_QUEUED;
	taken = !st->over && !full;
	if (taken) {
		g_queue_push_tail(&st->out, b);
		st->out_bytes += size;
	}
	dm_mutex_unlock(&st->mu);
	if (taken) {
		pump(st);
		return true;
	}
	grpc_byte_buffer_destroy(b);
	if (full)
		cancel_with(st, DM_RPC_RESOURCE_EXHAUSTED,
		    "the other side does not read its messages");
	return false;
}

/* ---- receiving ---- */

static void
start_read(struct dm_rpc_stream *st)
{
	grpc_op op = { .op = GRPC_OP_RECV_MESSAGE };

	op.data.recv_message.recv_message = &st->read;
	dm_rpc_batch(st->call, &op, 1, &st->read_tag);
}

/* False when nothing more is to be read. */
static bool
deliver(struct dm_rpc_stream *st)
{
	grpc_byte_buffer *buf = DM_TAKE(st->read);
	ProtobufCMessage *msg = NULL;
	DM_AUTO(dm_err) err = NULL;
	bool ended;

	/* A server that has ended the stream hears no more of it; a client
	 * that has ended its own side does. */
	dm_mutex_lock(&st->mu);
	ended = st->server && st->over;
	dm_mutex_unlock(&st->mu);
	if (ended) {
		grpc_byte_buffer_destroy(buf);
		return false;
	}
	err = dm_rpc_unpack(st->in, buf, &msg);
	grpc_byte_buffer_destroy(buf);
	if (err != NULL) {
		fail_stream(st, DM_RPC_INVALID_ARGUMENT, err->message);
		return false;
	}
	st->ops.on_message(st, msg, st->ctx);
	protobuf_c_message_free_unpacked(msg, NULL);
	return true;
}

static void
on_read(struct dm_rpc_tag *tag, bool ok)
{
	struct dm_rpc_stream *st =
	    dm_rpc_owner_of(tag, struct dm_rpc_stream, read_tag);

	if (st->read != NULL && deliver(st)) {
		start_read(st); /* goes on under the same count */
		return;
	}
	if (ok && st->read == NULL && st->server &&
	    grpc_call_failed_before_recv_message(st->call) == 0) {
		if (st->ops.on_half_close != NULL)
			st->ops.on_half_close(st, st->ctx);
		else
			finish(st, DM_RPC_OK, "", false);
	}
	op_done(st);
}

static void
on_meta(struct dm_rpc_tag *tag, bool ok)
{
	(void)ok;
	op_done(dm_rpc_owner_of(tag, struct dm_rpc_stream, meta_tag));
}

static void
on_closed(struct dm_rpc_tag *tag, bool ok)
{
	struct dm_rpc_stream *st =
	    dm_rpc_owner_of(tag, struct dm_rpc_stream, close_tag);

	if (!ok)
		st->cancelled = 1;
	/* No more sends: they would only wait for the end of the reads. */
	dm_mutex_lock(&st->mu);
	st->over = true;
	drop_queue_locked(st);
	dm_mutex_unlock(&st->mu);
	op_done(st);
}

/* ---- start ---- */

void
dm_rpc_stream_serve(grpc_call *call, const ProtobufCMethodDescriptor *method,
    const struct dm_rpc_stream_ops *ops, const char *peer, void *arg)
{
	struct dm_rpc_stream *st = stream_new(call, ops);
	grpc_op close_op = { .op = GRPC_OP_RECV_CLOSE_ON_SERVER };
	grpc_op start_op = { .op = GRPC_OP_SEND_INITIAL_METADATA };

	st->server = true;
	st->in = method->input;
	st->out_type = method->output;
	st->pending = 3; /* close, start, and the read that follows on_open */
	close_op.data.recv_close_on_server.cancelled = &st->cancelled;
	dm_rpc_batch(call, &close_op, 1, &st->close_tag);
	dm_rpc_batch(call, &start_op, 1, &st->start_tag);
	st->ctx = arg;
	if (ops->on_open != NULL)
		st->ctx = ops->on_open(st, peer, arg);
	start_read(st);
}

struct dm_rpc_stream *
dm_rpc_stream_start(grpc_call *call, const ProtobufCMethodDescriptor *method,
    const struct dm_rpc_stream_ops *ops, void *ctx, struct dm_rpc_live *live)
{
	struct dm_rpc_stream *st = stream_new(call, ops);
	grpc_op start_op = { .op = GRPC_OP_SEND_INITIAL_METADATA };
	grpc_op meta_op = { .op = GRPC_OP_RECV_INITIAL_METADATA };
	grpc_op close_op = { .op = GRPC_OP_RECV_STATUS_ON_CLIENT };

	st->in = method->output;
	st->out_type = method->input;
	st->ctx = ctx;
	st->live = live;
	st->pending = 4;
	dm_rpc_stream_ref(st); /* the caller's */
	dm_mutex_lock(&live->mu);
	g_hash_table_add(live->streams, st);
	dm_mutex_unlock(&live->mu);
	meta_op.data.recv_initial_metadata.recv_initial_metadata = &st->initial;
	close_op.data.recv_status_on_client.trailing_metadata = &st->trailing;
	close_op.data.recv_status_on_client.status = &st->status;
	close_op.data.recv_status_on_client.status_details = &st->details;
	dm_rpc_batch(call, &close_op, 1, &st->close_tag);
	dm_rpc_batch(call, &start_op, 1, &st->start_tag);
	dm_rpc_batch(call, &meta_op, 1, &st->meta_tag);
	start_read(st);
	return st;
}

void
dm_rpc_live_init(struct dm_rpc_live *l)
{
	dm_mutex_init(&l->mu, DM_RPC_RANK_OWNER);
	dm_cond_init(&l->none);
	l->streams = g_hash_table_new(NULL, NULL);
}

void
dm_rpc_live_drain(struct dm_rpc_live *l)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new();
	GHashTableIter it;
	gpointer st;

	dm_mutex_lock(&l->mu);
	g_hash_table_iter_init(&it, l->streams);
	while (g_hash_table_iter_next(&it, &st, NULL))
		g_ptr_array_add(all, dm_rpc_stream_ref(st));
	dm_mutex_unlock(&l->mu);
	for (guint i = 0; i < all->len; i++) {
		dm_rpc_stream_cancel(all->pdata[i]);
		dm_rpc_stream_unref(all->pdata[i]);
	}
	dm_mutex_lock(&l->mu);
	while (g_hash_table_size(l->streams) > 0)
		dm_cond_wait(&l->none, &l->mu);
	dm_mutex_unlock(&l->mu);
}

void
dm_rpc_live_fini(struct dm_rpc_live *l)
{
	g_hash_table_destroy(l->streams);
	pthread_cond_destroy(&l->none);
	dm_mutex_fini(&l->mu);
}
