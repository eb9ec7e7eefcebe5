/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of lib/rpc share. No other folder includes this.
 *
 * Lock ranks: health 840 < server, channel 850 < call, stream 860. All are
 * below those of dm_cancel and the log. Completions reach us by tags; each
 * is embedded in the object it belongs to, which lives until its operations
 * have completed.
 */
#ifndef DM_LIB_RPC_INTERNAL_H
#define DM_LIB_RPC_INTERNAL_H

#include "lib/rpc/rpc.h"
#include "lib/thread/mutex.h"
#include <grpc/grpc.h>
#include <stdatomic.h>

#define DM_RPC_RANK_HEALTH 840
#define DM_RPC_RANK_OWNER  850
#define DM_RPC_RANK_CALL   860

/*
 * The tag of a completion queue's event. `started` is written when the
 * operation starts and read when it completes: gRPC orders the two, but the
 * thread sanitizer cannot see into gRPC and takes this pair for it.
 */
struct dm_rpc_tag {
	void (*fn)(struct dm_rpc_tag *tag, bool ok);
	atomic_bool started;
};

#define dm_rpc_owner_of(tag, type, member)                                     \
	((type *)(void *)((char *)(tag)-offsetof(type, member)))

/* Body of a thread: calls tags until the queue is shut down and empty. */
void *dm_rpc_loop(void *cq);

/* The operations of a batch, one call each. Aborts when gRPC refuses the
 * batch: our own bookkeeping was wrong then. */
void dm_rpc_batch(
    grpc_call *call, const grpc_op *ops, size_t n, struct dm_rpc_tag *tag);

/* ---- codec.c ---- */

/* New buffer; refuses invalid UTF-8. Errors: plain, naming the field. */
struct dm_err *dm_rpc_pack(
    const ProtobufCMessage *msg, grpc_byte_buffer **buf) DM_MUST_CHECK;
struct dm_err *dm_rpc_unpack(const ProtobufCMessageDescriptor *d,
    grpc_byte_buffer *buf, ProtobufCMessage **msg) DM_MUST_CHECK;

/* ---- status.c ---- */

/* New string: text cut so that it fits into a trailer. NULL counts as "". */
char *dm_rpc_cut_text(const char *text);
/* New string: a status text of gRPC core in the words of Go's, where DM's
 * programs or people look for those. */
char *dm_rpc_core_text(enum dm_rpc_status status, grpc_slice details);
/* "rpc error: code = .. desc = .." */
struct dm_err *dm_rpc_status_err(
    enum dm_rpc_status status, const char *text) DM_MUST_CHECK;

/* Absolute time ms from now; -1 is never. */
gpr_timespec dm_rpc_deadline(int64_t ms);

/* ---- method lookup, shared by client and server ---- */

const ProtobufCMethodDescriptor *dm_rpc_method(
    const ProtobufCServiceDescriptor *svc, const char *method);
/* "/pb.Master/StartTask", new string. */
char *dm_rpc_path(const ProtobufCServiceDescriptor *svc, const char *method);

/* ---- call.c: unary calls of a server ---- */

struct dm_rpc_accepted {
	grpc_call *call; /* the taker's */
	gpr_timespec deadline;
};

/* Takes a->call. `invoke` as in ProtobufCService. */
void dm_rpc_call_serve(const struct dm_rpc_accepted *a, ProtobufCService *svc,
    unsigned method_index);
/* Takes the call; answers this error. */
void dm_rpc_call_refuse(
    grpc_call *call, enum dm_rpc_status status, const char *text);

/* ---- stream.c ---- */

/* The streams of a channel that are not closed yet. */
struct dm_rpc_live {
	struct dm_mutex mu; /* rank OWNER; guards the fields below */
	pthread_cond_t none;
	GHashTable *streams; /* set of struct dm_rpc_stream *, borrowed */
};

void dm_rpc_live_init(struct dm_rpc_live *l);
/* Cancels them all and waits until the last on_close has returned. */
void dm_rpc_live_drain(struct dm_rpc_live *l);
void dm_rpc_live_fini(struct dm_rpc_live *l);

/* Takes call. peer is borrowed. Runs on_open. */
void dm_rpc_stream_serve(grpc_call *call,
    const ProtobufCMethodDescriptor *method,
    const struct dm_rpc_stream_ops *ops, const char *peer, void *arg);
/* Takes call, a new one. */
struct dm_rpc_stream *dm_rpc_stream_start(grpc_call *call,
    const ProtobufCMethodDescriptor *method,
    const struct dm_rpc_stream_ops *ops, void *ctx, struct dm_rpc_live *live);

#endif
