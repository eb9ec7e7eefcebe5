/* SPDX-License-Identifier: Apache-2.0 */
/* Status, and what this version does not have yet. */
#include "master/api_grpc/call.h"
#include "master/api_grpc/missing.h"

struct query {
	const Pb__QueryStatusListRequest *req;
	Pb__QueryStatusListResponse *resp;
};

static struct dm_err *
query(struct sched_core *core, void *arg)
{
	struct query *q = arg;

	q->resp = sched_query_status(core, q->req);
	return NULL;
}

ProtobufCMessage *
api_query_status(const struct api_call *c)
{
	struct query q = { .req = (const Pb__QueryStatusListRequest *)c->req };
	struct dm_err *err = sched_call(c->env->sched, query, &q);

	if (err != NULL)
		return api_answer_err(c, err);
	return &q.resp->base;
}

/* Shard merging has no coordination yet, so there never is a lock. */
ProtobufCMessage *
api_show_ddl_locks(const struct api_call *c)
{
	return api_answer(c, true, "no DDL lock exists");
}

ProtobufCMessage *
api_unlock_ddl_lock(const struct api_call *c)
{
	const Pb__UnlockDDLLockRequest *req =
	    (const Pb__UnlockDDLLockRequest *)c->req;

	return api_answer_err(c, dm_err_new(MASTER_LOCK_NOT_FOUND, req->id));
}

ProtobufCMessage *
api_not_available(const struct api_call *c)
{
	const char *text = api_missing_text(c->method->name);

	dm_assert(text != NULL);
	return api_answer(c, false, text);
}
