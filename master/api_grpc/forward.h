/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a request to the master that leads. Private to this folder. Threads:
 * any.
 */
#ifndef DM_MASTER_API_GRPC_FORWARD_H
#define DM_MASTER_API_GRPC_FORWARD_H

#include "master/api_grpc/api.h"

/* pb.Master under another name: what comes by it was forwarded, and is not
 * forwarded again. Two masters that each take the other for the leader, as
 * they may for a moment, would else send a request to and fro for ever. */
const ProtobufCServiceDescriptor *api_forwarded_descriptor(void);

/* A forwarded request has come: NULL when this master leads, within a second.
 * *declined: it does not lead, the sender may try elsewhere. */
struct dm_err *api_accept_forwarded(const struct api_env *env,
    struct dm_cancel *cancel, bool *declined) DM_MUST_CHECK;

struct forward_call {
	const char *method;
	const ProtobufCMessage *req;
	bool reads_only;
	struct dm_mono arrived;
	struct dm_mono until; /* the leader is told: it need not go on after */
	struct dm_cancel *cancel;
};

/*
 * Find out where a request is to be run, and have the leader run it if that
 * is another master. Blocks while no leader is known or reached, for 8 s since
 * `arrived` at most: a change of leader is ridden out. *resp NULL without an
 * error: this master leads. Errors: MASTER_REQUEST_IS_NOT_FORWARD_TO_LEADER
 * with what is missing; what the leader failed with. A request that the leader
 * may have begun before it was lost is sent again only if reads_only.
 */
struct dm_err *api_forward(const struct api_env *env,
    const struct forward_call *f, ProtobufCMessage **resp) DM_MUST_CHECK;

#endif
