/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gRPC without grpc.h: servers and clients over protobuf-c messages.
 *
 * SERVER. Unary methods are registered as a protobuf-c service: fill the
 * generated struct (PB__MASTER__INIT(prefix)), hand over &svc.base. A handler
 * runs on one of the server's threads and must not block for long; it ends the
 * call by its closure, now or later, from any thread, exactly once - or by
 * dm_rpc_fail. The request is valid until then, the response stays the
 * handler's. Streaming methods are registered one by one with
 * dm_rpc_server_add_stream.
 *
 * Strings are checked for UTF-8 in both directions; a message with another
 * string fails with INVALID_ARGUMENT where a server receives it, with INTERNAL
 * elsewhere, naming the field as "pb.StartTaskRequest.task". Status texts are
 * cut at 4000 bytes, earlier if they are not ASCII (trailers are limited to
 * 8 kB, encoded): long error texts belong into the body. No HTTP proxy is ever
 * used, and messages are not compressed.
 *
 * Threads: any, unless said otherwise.
 */
#ifndef DM_LIB_RPC_RPC_H
#define DM_LIB_RPC_RPC_H

#include "lib/err/err.h"
#include "lib/thread/cancel.h"
#include <protobuf-c/protobuf-c.h>

/* gRPC's status codes. */
enum dm_rpc_status {
	DM_RPC_OK = 0,
	DM_RPC_CANCELLED = 1,
	DM_RPC_UNKNOWN = 2,
	DM_RPC_INVALID_ARGUMENT = 3,
	DM_RPC_DEADLINE_EXCEEDED = 4,
	DM_RPC_NOT_FOUND = 5,
	DM_RPC_ALREADY_EXISTS = 6,
	DM_RPC_PERMISSION_DENIED = 7,
	DM_RPC_RESOURCE_EXHAUSTED = 8,
	DM_RPC_FAILED_PRECONDITION = 9,
	DM_RPC_ABORTED = 10,
	DM_RPC_OUT_OF_RANGE = 11,
	DM_RPC_UNIMPLEMENTED = 12,
	DM_RPC_INTERNAL = 13,
	DM_RPC_UNAVAILABLE = 14,
	DM_RPC_DATA_LOSS = 15,
	DM_RPC_UNAUTHENTICATED = 16
};

/* "Unavailable": Go's names, as DM prints them. */
const char *dm_rpc_status_name(enum dm_rpc_status s);

/* Once per process, before anything else here: grpc_init, RLIMIT_NOFILE to its
 * hard limit. After every fork() that must not inherit gRPC, and after signals
 * were blocked that main takes by signalfd: gRPC starts threads. */
void dm_rpc_init(void);
/* After all servers and channels were freed. */
void dm_rpc_shutdown(void);

/* ---- server ---- */

struct dm_rpc_server;
struct dm_rpc_call; /* the closure_data of a unary handler */
struct dm_rpc_stream;

struct dm_rpc_server_opts {
	int threads;           /* 0: 2 */
	size_t max_recv_bytes; /* 0: 4 MiB + 512 KiB */
	int keepalive_ms;      /* ping an idle peer; 0: 10000 */
};

struct dm_rpc_server *dm_rpc_server_new(const struct dm_rpc_server_opts *o);
/* svc is borrowed until the server is freed. All methods of its descriptor
 * that were not given to dm_rpc_server_add_stream are unary. A NULL handler
 * answers UNIMPLEMENTED, with the method's name. */
void dm_rpc_server_add_service(struct dm_rpc_server *s, ProtobufCService *svc);

/*
 * Callbacks of one stream, server or client side. They run on the library's
 * threads, one at a time per stream. The next message is read when on_message
 * has returned: blocking there is flow control for that stream - and stalls a
 * library thread, so keep it short.
 */
struct dm_rpc_stream_ops {
	/* Server only: the stream is open. Returns what the others get as
	 * ctx. peer: "ipv4:127.0.0.1:1234", borrowed. */
	void *(*on_open)(struct dm_rpc_stream *st, const char *peer, void *arg);
	/* msg is borrowed for the call. */
	void (*on_message)(
	    struct dm_rpc_stream *st, const ProtobufCMessage *msg, void *ctx);
	/* Server only: the client sends no more, but still reads. NULL: the
	 * stream is then finished with OK. */
	void (*on_half_close)(struct dm_rpc_stream *st, void *ctx);
	/* The last call for this stream, whatever ended it; status and text
	 * as the other side gave them (client) or OK/CANCELLED (server).
	 * st must not be used after it returns. */
	void (*on_close)(struct dm_rpc_stream *st, enum dm_rpc_status status,
	    const char *text, void *ctx);
};

void dm_rpc_server_add_stream(struct dm_rpc_server *s,
    const ProtobufCServiceDescriptor *svc, const char *method,
    const struct dm_rpc_stream_ops *ops, void *arg);

/*
 * Answer every call whose path begins with prefix ("/etcdserverpb.") by this
 * error, if nobody has registered it. Other unknown methods are UNIMPLEMENTED.
 * Before the start; strings are borrowed until the server is freed.
 */
void dm_rpc_server_refuse(struct dm_rpc_server *s, const char *prefix,
    enum dm_rpc_status status, const char *text);
/* Full names of the services that have a method here, sorted. New array of
 * new strings. */
GPtrArray *dm_rpc_server_services(const struct dm_rpc_server *s);

/* Start serving. Connections come by dm_rpc_server_adopt, or by a port of its
 * own: addr "127.0.0.1:0"; *port is the one taken. addr and port may be NULL.
 * After an error the server can only be freed. */
struct dm_err *dm_rpc_server_start(
    struct dm_rpc_server *s, const char *addr, int *port) DM_MUST_CHECK;
/* Takes fd: a connected socket of which nothing was read. Closes it when the
 * server is not running. peer: what its streams are told. */
void dm_rpc_server_adopt(struct dm_rpc_server *s, int fd, const char *peer);
/* No new calls; running ones get grace_ms, then are cancelled. Joins: no
 * callback runs after it. A unary handler that has not ended its call may do
 * so later, to no effect. Not from a callback. */
void dm_rpc_server_stop(struct dm_rpc_server *s, int grace_ms);
void dm_rpc_server_free(struct dm_rpc_server *s);
DM_DEFINE_AUTO(dm_rpc_server)

/* Ends a unary call with an error status. closure_data as the handler got it;
 * text is copied. */
void dm_rpc_fail(
    void *closure_data, enum dm_rpc_status status, const char *text);
/* Cancelled when the client went away or its deadline passed. Valid until the
 * call is ended; watches are taken off before. */
struct dm_cancel *dm_rpc_call_cancel(void *closure_data);
/* Milliseconds until the client's deadline; INT64_MAX without one. */
int64_t dm_rpc_call_left_ms(void *closure_data);

/* ---- streams, both sides ---- */

/*
 * What a dm-worker takes in one message of its session, and so the most that a
 * dm-master may let the configurations of one worker grow to.
 */
#define DM_RPC_SESSION_BYTES ((size_t)64 << 20)
/* What a dm-master takes in one message of a session. */
#define DM_RPC_REPORT_BYTES ((size_t)4 << 20)

/*
 * Queue a message, of the method's type; it is packed before this returns.
 * False when the stream is over, the message has a string that is not UTF-8
 * (that ends the stream), or more than 64 MiB are queued (then the stream is
 * cancelled: a peer that does not read must not eat our memory).
 */
bool dm_rpc_stream_send(struct dm_rpc_stream *st, const ProtobufCMessage *msg);
/* Server: end with a status after what is queued was sent. Client: no more
 * sends from us. on_close follows. */
void dm_rpc_stream_finish(
    struct dm_rpc_stream *st, enum dm_rpc_status status, const char *text);
void dm_rpc_stream_cancel(struct dm_rpc_stream *st);
/* A stream may be kept across threads with a reference; send on an ended
 * stream is refused, not undefined. */
struct dm_rpc_stream *dm_rpc_stream_ref(struct dm_rpc_stream *st);
void dm_rpc_stream_unref(struct dm_rpc_stream *st);

/* ---- client ---- */

struct dm_rpc_channel;
struct dm_tls;

struct dm_rpc_channel_opts {
	size_t max_recv_bytes; /* 0: 4 MiB; the caller may reopen with more */
	int keepalive_ms;      /* 0: 10000 */
	/* NULL, or another channel, whose thread then runs the callbacks of
	 * this one's streams too: for who has thousands of connections. It is
	 * freed after this one. */
	struct dm_rpc_channel *streams_with;
};

/*
 * Every channel opened from now on speaks TLS; NULL: in clear again. One
 * setting for the process, so that no channel can forget it. tls is borrowed
 * until the last of them is freed. Threads: main, while no channel is opened.
 */
void dm_rpc_use_tls(struct dm_tls *tls);

/*
 * target "host:port". Connects lazily, reconnects by itself. With TLS, the
 * certificates are those in use when it is opened, also when it reconnects
 * later: who keeps a channel for long opens a new one when they change.
 */
struct dm_rpc_channel *dm_rpc_channel_new(
    const char *target, const struct dm_rpc_channel_opts *o);
/* Cancels its streams and waits for their on_close; unary calls must be over.
 * Not from a callback. Accepts NULL. */
void dm_rpc_channel_free(struct dm_rpc_channel *ch);
DM_DEFINE_AUTO(dm_rpc_channel)
/* Waits until connected. False after timeout_ms. */
bool dm_rpc_channel_wait(struct dm_rpc_channel *ch, int64_t timeout_ms);

/*
 * A unary call; blocks. timeout_ms -1: none. *resp: new message, free with
 * protobuf_c_message_free_unpacked(resp, NULL). *status is set always, may be
 * NULL. The error is plain: `rpc error: code = Unavailable desc = ...`; when c
 * was cancelled it also counts as canceled (dm_err_is_canceled).
 */
struct dm_err *dm_rpc_unary(struct dm_rpc_channel *ch,
    const ProtobufCServiceDescriptor *svc, const char *method,
    const ProtobufCMessage *req, int64_t timeout_ms, struct dm_cancel *c,
    ProtobufCMessage **resp, enum dm_rpc_status *status) DM_MUST_CHECK;

/* Open a bidirectional stream. Never fails at once: on_close tells. The
 * caller owns one reference. */
struct dm_rpc_stream *dm_rpc_stream_open(struct dm_rpc_channel *ch,
    const ProtobufCServiceDescriptor *svc, const char *method,
    const struct dm_rpc_stream_ops *ops, void *ctx);

#endif
