/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of pb.Master: to a pool, to the leader, back.
 *
 * A pool for each kind of waiting, so that what waits for databases, which may
 * take minutes, keeps neither commands to workers nor queries waiting.
 */
#include "master/api_grpc/api.h"

#include "master/api_grpc/call.h"
#include "master/api_grpc/forward.h"
#include "master/pool.h"

#include <stdatomic.h>
#include <string.h>

/* More than run at once: most of them wait, for a leader, while it changes. */
#define THREADS 8
/* Calls that run or wait for a thread. Each keeps its request in memory: the
 * bytes of all together, as they came. One alone may have more. */
#define MAX_CALLS 4096
#define MAX_BYTES ((size_t)64 << 20)
/* Of a forwarded call without a deadline; prechecks of many tables are long. */
#define FORWARD_MAX_MS ((int64_t)30 * 60 * 1000)

enum kind {
	QUICK,    /* from memory, or a write to etcd */
	LOOK,     /* asks dm-masters, which may be down */
	SLOW,     /* waits until workers have done it */
	DATABASE, /* connects to databases */
	N_POOLS,
	LOCAL /* as QUICK; this master answers, whoever leads */
};

static const char *const pool_names[N_POOLS] = { "api", "api-look", "api-wait",
	"api-database" };

static const struct api_method {
	const char *name;
	enum kind kind;
	api_fn *fn;
} methods[] = {
	{ "StartTask", DATABASE, api_start_task },
	{ "OperateTask", SLOW, api_operate_task },
	{ "UpdateTask", DATABASE, api_update_task },
	{ "QueryStatus", QUICK, api_query_status },
	{ "ShowDDLLocks", QUICK, api_show_ddl_locks },
	{ "UnlockDDLLock", QUICK, api_unlock_ddl_lock },
	{ "OperateWorkerRelayTask", SLOW, api_operate_worker_relay_task },
	{ "PurgeWorkerRelay", SLOW, api_purge_worker_relay },
	{ "CheckTask", DATABASE, api_check_task },
	{ "OperateSource", DATABASE, api_operate_source },
	{ "RegisterWorker", QUICK, api_register_worker },
	{ "OfflineMember", LOOK, api_offline_member },
	{ "OperateLeader", LOCAL, api_operate_leader },
	{ "ListMember", LOOK, api_list_member },
	{ "OperateSchema", SLOW, api_operate_schema },
	{ "GetSubTaskCfg", QUICK, api_get_sub_task_cfg },
	{ "GetCfg", LOOK, api_get_cfg },
	{ "HandleError", SLOW, api_handle_error },
	{ "GetMasterCfg", LOCAL, api_get_master_cfg },
	{ "TransferSource", QUICK, api_transfer_source },
	{ "OperateRelay", SLOW, api_operate_relay },
	{ "StartValidation", QUICK, api_not_available },
	{ "StopValidation", QUICK, api_not_available },
	{ "GetValidationStatus", QUICK, api_not_available },
	{ "GetValidationError", QUICK, api_not_available },
	{ "OperateValidationError", QUICK, api_not_available },
	{ "UpdateValidation", QUICK, api_not_available },
	{ "Encrypt", QUICK, api_encrypt },
	{ "ListTaskConfigs", QUICK, api_list_task_configs },
	{ "ListSourceConfigs", QUICK, api_list_source_configs },
};

/* A way in; what is invoked gets its address. */
struct entrance {
	ProtobufCService svc;
	struct api *a;
	bool forwarded; /* by another master */
};

struct api {
	struct entrance clients, masters;
	struct api_env env;
	struct pool *pools[N_POOLS];
	atomic_uint calls;
	atomic_size_t bytes; /* of their requests */
	struct dm_mutex mu;  /* rank 20; guards stopping */
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

/* Which pool a call waits in. */
static enum kind
pool_of(const struct api_method *m, const ProtobufCMessage *req)
{
	const Pb__OperateSourceRequest *src = (const void *)req;

	if (m->kind == LOCAL)
		return QUICK;
	if (m->fn != api_operate_source)
		return m->kind;
	switch (src->op) {
	case PB__SOURCE_OP__ShowSource:
		return QUICK;
	case PB__SOURCE_OP__StopSource:
		return SLOW;
	default:
		return m->kind;
	}
}

/* ---- running ---- */

static bool
reads_only(const char *method)
{
	return g_str_has_prefix(method, "Get") ||
	       g_str_has_prefix(method, "List") ||
	       g_str_has_prefix(method, "Show") ||
	       strcmp(method, "QueryStatus") == 0 ||
	       strcmp(method, "CheckTask") == 0;
}

static ProtobufCMessage *
run_here(struct api *a, const struct api_method *m, const ProtobufCMessage *req,
    struct dm_cancel *cancel)
{
	struct api_call c = { .env = &a->env, .req = req, .cancel = cancel };

	c.method = protobuf_c_service_descriptor_get_method_by_name(
	    &pb__master__descriptor, m->name);
	dm_assert(c.method != NULL);
	return m->fn(&c);
}

static ProtobufCMessage *
run_somewhere(struct api *a, const struct api_method *m,
    const ProtobufCMessage *req, struct dm_mono arrived, struct dm_mono until,
    struct dm_cancel *cancel, struct dm_err **fail)
{
	struct forward_call f = { .method = m->name,
		.reads_only = reads_only(m->name),
		.req = req,
		.arrived = arrived,
		.until = until,
		.cancel = cancel };
	ProtobufCMessage *resp = NULL;

	*fail = NULL;
	if (m->kind != LOCAL)
		*fail = api_forward(&a->env, &f, &resp);
	if (*fail != NULL || resp != NULL)
		return resp;
	return run_here(a, m, req, cancel);
}

ProtobufCMessage *
api_run(struct api *a, const char *method, const ProtobufCMessage *req,
    struct dm_cancel *cancel, struct dm_err **fail)
{
	const struct api_method *m = find_method(method);
	struct dm_mono now = dm_mono_now();

	dm_assert(m != NULL);
	return run_somewhere(
	    a, m, req, now, dm_mono_add_ms(now, FORWARD_MAX_MS), cancel, fail);
}

/* ---- gRPC ---- */

struct job {
	struct api *a;
	const struct api_method *method;
	bool forwarded;
	struct dm_mono arrived;
	struct dm_mono until;        /* the client's deadline, or our bound */
	const ProtobufCMessage *req; /* lives until the closure is called */
	size_t bytes;                /* of it */
	ProtobufCClosure closure;
	void *closure_data;
};

static void
leave(struct api *a, size_t bytes)
{
	atomic_fetch_sub(&a->calls, 1);
	atomic_fetch_sub(&a->bytes, bytes);
}

/* NULL, or why the call is not taken: nothing is counted then. */
static const char *
enter(struct api *a, size_t bytes)
{
	unsigned calls = atomic_fetch_add(&a->calls, 1);
	size_t before = atomic_fetch_add(&a->bytes, bytes);

	if (calls < MAX_CALLS && (before == 0 || before + bytes <= MAX_BYTES))
		return NULL;
	leave(a, bytes);
	return calls >= MAX_CALLS
		   ? "too many calls are waiting"
		   : "the calls that are waiting have too many bytes";
}

static void
run_job(void *arg)
{
	struct job *j = arg;
	struct dm_cancel *cancel = dm_rpc_call_cancel(j->closure_data);
	/* Nobody waits for what was given up before it began. */
	struct dm_err *fail = dm_cancel_check(cancel);
	ProtobufCMessage *resp = NULL;
	bool declined = false;

	if (fail == NULL && !j->forwarded) {
		resp = run_somewhere(j->a, j->method, j->req, j->arrived,
		    j->until, cancel, &fail);
	} else if (fail == NULL) {
		fail = api_accept_forwarded(&j->a->env, cancel, &declined);
		if (fail == NULL)
			resp = run_here(j->a, j->method, j->req, cancel);
	}
	leave(j->a, j->bytes);
	if (resp != NULL) {
		j->closure(resp, j->closure_data);
		pb_free(resp);
	} else {
		g_autofree char *text = dm_err_text(fail);

		dm_rpc_fail(j->closure_data,
		    declined ? DM_RPC_ABORTED : DM_RPC_UNKNOWN, text);
	}
	dm_err_free(fail);
	g_free(j);
}

static void
invoke(ProtobufCService *svc, unsigned index, const ProtobufCMessage *req,
    ProtobufCClosure closure, void *closure_data)
{
	struct entrance *in = (struct entrance *)svc;
	struct api *a = in->a;
	const char *name = svc->descriptor->methods[index].name;
	const struct api_method *m = find_method(name);
	struct job j = { .a = a,
		.method = m,
		.forwarded = in->forwarded,
		.arrived = dm_mono_now(),
		.req = req,
		.bytes = protobuf_c_message_get_packed_size(req),
		.closure = closure,
		.closure_data = closure_data };
	const char *full = enter(a, j.bytes);
	bool stopping;

	dm_assert(m != NULL);
	if (full != NULL) {
		dm_rpc_fail(closure_data, DM_RPC_RESOURCE_EXHAUSTED, full);
		return;
	}
	j.until = dm_mono_add_ms(
	    j.arrived, MIN(dm_rpc_call_left_ms(closure_data), FORWARD_MAX_MS));
	/* Under the lock, so that api_stop closes the pools after the last. */
	dm_mutex_lock(&a->mu);
	stopping = a->stopping;
	if (!stopping)
		pool_run(a->pools[pool_of(m, req)], run_job,
		    g_memdup2(&j, sizeof(j)));
	dm_mutex_unlock(&a->mu);
	if (!stopping)
		return;
	leave(a, j.bytes);
	dm_rpc_fail(closure_data, DM_RPC_UNAVAILABLE, "dm-master is stopping");
}

struct api *
api_new(const struct api_env *env)
{
	struct api *a = g_new0(struct api, 1);

	a->clients =
	    (struct entrance){ { &pb__master__descriptor, invoke, NULL }, a,
		    false };
	a->masters =
	    (struct entrance){ { api_forwarded_descriptor(), invoke, NULL }, a,
		    true };
	a->env = *env;
	dm_mutex_init(&a->mu, 20);
	for (int i = 0; i < N_POOLS; i++)
		a->pools[i] = pool_new(pool_names[i], THREADS);
	return a;
}

ProtobufCService *
api_service(struct api *a)
{
	return &a->clients.svc;
}

ProtobufCService *
api_forwarded_service(struct api *a)
{
	return &a->masters.svc;
}

void
api_stop(struct api *a)
{
	dm_mutex_lock(&a->mu);
	a->stopping = true;
	dm_mutex_unlock(&a->mu);
	for (int i = 0; i < N_POOLS; i++)
		pool_stop(DM_TAKE(a->pools[i]));
}

void
api_free(struct api *a)
{
	if (a == NULL)
		return;
	dm_mutex_fini(&a->mu);
	g_free(a);
}
