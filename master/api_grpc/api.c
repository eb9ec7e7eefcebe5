/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of pb.Master: to a pool, to the leader, back.
 *
 * Two pools, so that operations which wait for workers do not keep status
 * queries waiting.
 */
#include "master/api_grpc/api.h"

#include "master/api_grpc/call.h"
#include "master/pool.h"

#include <stdatomic.h>
#include <string.h>

#define QUICK_THREADS  2
#define SLOW_THREADS   8
#define STARTING_TRIES 10
#define STARTING_MS    100
/* Calls that run or wait for a thread. Each keeps its request in memory. */
#define MAX_CALLS 4096
/* Answers of the leader that are passed on may be long. */
#define MAX_ANSWER_BYTES ((size_t)64 << 20)

enum kind {
	LOCAL, /* this master answers, whoever leads */
	QUICK,
	SLOW
};

static const struct api_method {
	const char *name;
	enum kind kind;
	api_fn *fn;
} methods[] = {
	{ "StartTask", SLOW, api_start_task },
	{ "OperateTask", SLOW, api_operate_task },
	{ "UpdateTask", SLOW, api_update_task },
	{ "QueryStatus", QUICK, api_query_status },
	{ "ShowDDLLocks", QUICK, api_show_ddl_locks },
	{ "UnlockDDLLock", QUICK, api_unlock_ddl_lock },
	{ "OperateWorkerRelayTask", QUICK, api_not_available },
	{ "PurgeWorkerRelay", QUICK, api_not_available },
	{ "CheckTask", SLOW, api_check_task },
	{ "OperateSource", SLOW, api_operate_source },
	{ "RegisterWorker", QUICK, api_register_worker },
	{ "OfflineMember", QUICK, api_offline_member },
	{ "OperateLeader", LOCAL, api_operate_leader },
	{ "ListMember", SLOW, api_list_member },
	{ "OperateSchema", QUICK, api_not_available },
	{ "GetSubTaskCfg", QUICK, api_get_sub_task_cfg },
	{ "GetCfg", QUICK, api_get_cfg },
	{ "HandleError", QUICK, api_not_available },
	{ "GetMasterCfg", LOCAL, api_get_master_cfg },
	{ "TransferSource", QUICK, api_transfer_source },
	{ "OperateRelay", QUICK, api_not_available },
	{ "StartValidation", QUICK, api_not_available },
	{ "StopValidation", QUICK, api_not_available },
	{ "GetValidationStatus", QUICK, api_not_available },
	{ "GetValidationError", QUICK, api_not_available },
	{ "OperateValidationError", QUICK, api_not_available },
	{ "UpdateValidation", QUICK, api_not_available },
	{ "Encrypt", QUICK, api_not_available },
	{ "ListTaskConfigs", QUICK, api_list_task_configs },
	{ "ListSourceConfigs", QUICK, api_list_source_configs },
};

struct api {
	ProtobufCService svc; /* first: invoke gets its address */
	struct api_env env;
	struct pool *quick, *slow;
	atomic_uint calls;
	struct dm_mutex mu; /* rank 20; guards stopping */
	bool stopping;
};

static const struct api_method *
find_method(const char *name)
{
	for (size_t i = 0; i < DM_ARRAY_SIZE(methods); i++)
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	return NULL;
}

/* ---- the leader ---- */

/* Elected, but the state is still being read: DM waits a second too. */
static bool
leads(struct api *a, struct dm_cancel *cancel)
{
	for (int i = 0; i < STARTING_TRIES; i++) {
		g_autofree char *name = NULL, *addr = NULL;
		struct dm_err *err;

		if (sched_is_leading(a->env.sched))
			return true;
		if (a->env.leader(&name, &addr, a->env.arg) &&
		    strcmp(name, a->env.cfg->name) != 0)
			return false;
		err = dm_cancel_sleep_ms(cancel, STARTING_MS);
		if (err != NULL) {
			dm_err_free(err);
			return false;
		}
	}
	return sched_is_leading(a->env.sched);
}

static struct dm_err *
forward(struct api *a, const char *method, const ProtobufCMessage *req,
    struct dm_cancel *cancel, ProtobufCMessage **resp)
{
	struct dm_rpc_channel_opts o = { .max_recv_bytes = MAX_ANSWER_BYTES };
	g_autofree char *name = NULL, *addr = NULL;
	DM_AUTO(dm_rpc_channel) ch = NULL;

	if (!a->env.leader(&name, &addr, a->env.arg) ||
	    strcmp(name, a->env.cfg->name) == 0)
		return dm_err_new(MASTER_REQUEST_IS_NOT_FORWARD_TO_LEADER);
	ch = dm_rpc_channel_new(addr, &o);
	if (!dm_rpc_channel_wait(ch, 3000))
		return dm_err_set_cause(
		    dm_err_new(MASTER_REQUEST_IS_NOT_FORWARD_TO_LEADER),
		    "no connection to %s", addr);
	return dm_rpc_unary(
	    ch, &pb__master__descriptor, method, req, -1, cancel, resp, NULL);
}

ProtobufCMessage *
api_run(struct api *a, const char *method, const ProtobufCMessage *req,
    struct dm_cancel *cancel, struct dm_err **fail)
{
	const struct api_method *m = find_method(method);
	struct api_call c = { .env = &a->env, .req = req, .cancel = cancel };
	ProtobufCMessage *resp = NULL;

	*fail = NULL;
	c.method = protobuf_c_service_descriptor_get_method_by_name(
	    &pb__master__descriptor, method);
	dm_assert(m != NULL && c.method != NULL);
	if (m->kind == LOCAL || leads(a, cancel))
		return m->fn(&c);
	*fail = forward(a, method, req, cancel, &resp);
	return resp;
}

/* ---- gRPC ---- */

struct job {
	struct api *a;
	const char *method;
	const ProtobufCMessage *req; /* lives until the closure is called */
	ProtobufCClosure closure;
	void *closure_data;
};

static void
run_job(void *arg)
{
	struct job *j = arg;
	struct dm_cancel *cancel = dm_rpc_call_cancel(j->closure_data);
	/* Nobody waits for what was given up before it began. */
	struct dm_err *fail = dm_cancel_check(cancel);
	ProtobufCMessage *resp = NULL;

	if (fail == NULL)
		resp = api_run(j->a, j->method, j->req, cancel, &fail);
	atomic_fetch_sub(&j->a->calls, 1);
	if (resp != NULL) {
		j->closure(resp, j->closure_data);
		pb_free(resp);
	} else {
		g_autofree char *text = dm_err_text(fail);

		dm_rpc_fail(j->closure_data, DM_RPC_UNKNOWN, text);
	}
	dm_err_free(fail);
	g_free(j);
}

static void
invoke(ProtobufCService *svc, unsigned index, const ProtobufCMessage *req,
    ProtobufCClosure closure, void *closure_data)
{
	struct api *a = (struct api *)svc;
	const char *name = svc->descriptor->methods[index].name;
	const struct api_method *m = find_method(name);
	struct job j = { a, name, req, closure, closure_data };
	bool stopping;

	dm_assert(m != NULL);
	if (atomic_fetch_add(&a->calls, 1) >= MAX_CALLS) {
		atomic_fetch_sub(&a->calls, 1);
		dm_rpc_fail(closure_data, DM_RPC_RESOURCE_EXHAUSTED,
		    "too many calls are waiting");
		return;
	}
	/* Under the lock, so that api_stop closes the pools after the last. */
	dm_mutex_lock(&a->mu);
	stopping = a->stopping;
	if (!stopping)
		pool_run(m->kind == SLOW ? a->slow : a->quick, run_job,
		    g_memdup2(&j, sizeof(j)));
	dm_mutex_unlock(&a->mu);
	if (!stopping)
		return;
	atomic_fetch_sub(&a->calls, 1);
	dm_rpc_fail(closure_data, DM_RPC_UNAVAILABLE, "dm-master is stopping");
}

struct api *
api_new(const struct api_env *env)
{
	struct api *a = g_new0(struct api, 1);

	a->svc.descriptor = &pb__master__descriptor;
	a->svc.invoke = invoke;
	a->env = *env;
	dm_mutex_init(&a->mu, 20);
	a->quick = pool_new("api", QUICK_THREADS);
	a->slow = pool_new("api-wait", SLOW_THREADS);
	return a;
}

ProtobufCService *
api_service(struct api *a)
{
	return &a->svc;
}

void
api_stop(struct api *a)
{
	dm_mutex_lock(&a->mu);
	a->stopping = true;
	dm_mutex_unlock(&a->mu);
	pool_stop(DM_TAKE(a->quick));
	pool_stop(DM_TAKE(a->slow));
}

void
api_free(struct api *a)
{
	if (a == NULL)
		return;
	dm_mutex_fini(&a->mu);
	g_free(a);
}
