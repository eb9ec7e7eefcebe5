/* SPDX-License-Identifier: Apache-2.0 */
#include "master/api_grpc/forward.h"

#include "dmmaster.pb-c.h"
#include "lib/thread/mutex.h"

#include <string.h>

#define PATIENCE_MS 8000
#define STEP_MS     50
#define CONNECT_MS  1000
/* Answers of the leader that are passed on may be long. */
#define MAX_ANSWER_BYTES ((size_t)64 << 20)
#define ACCEPT_MS        1000 /* elected, but the state is still being read */
/* A leader that is frozen while it works for us is noticed after twice this. */
#define PING_MS 3000

static ProtobufCServiceDescriptor forwarded;
static pthread_once_t forwarded_once = PTHREAD_ONCE_INIT;

static void
make_forwarded(void)
{
	forwarded = pb__master__descriptor;
	forwarded.name = "dm.v1.Leader";
}

const ProtobufCServiceDescriptor *
api_forwarded_descriptor(void)
{
	pthread_once(&forwarded_once, make_forwarded);
	return &forwarded;
}

struct attempt {
	const struct api_env *env;
	const struct forward_call *f;
	char *name, *addr; /* of the leader asked last, or NULL */
	bool decided;      /* no other attempt */
};

/* The leader was lost with our request in its hands. Takes err. */
static struct dm_err *
maybe_done(const struct attempt *a, struct dm_err *err)
{
	g_autofree char *why = dm_err_message(err);

	dm_err_free(err);
	return dm_err_set_workaround(
	    dm_err_set_cause(
		dm_err_new(MASTER_REQUEST_IS_NOT_FORWARD_TO_LEADER),
		"the leader %s (%s) was lost while it ran this request, which "
		"may or may not be done: %s",
		a->name, a->addr, why),
	    "see what the state is before you give the command again");
}

/* One attempt at the leader that is known. NULL and no answer: again. */
static struct dm_err *
ask_leader(struct attempt *a, ProtobufCMessage **resp)
{
	struct dm_rpc_channel_opts o = { .max_recv_bytes = MAX_ANSWER_BYTES,
		.keepalive_ms = PING_MS };
	const struct forward_call *f = a->f;
	DM_AUTO(dm_rpc_channel) ch = dm_rpc_channel_new(a->addr, &o);
	enum dm_rpc_status status;
	struct dm_err *err;
	int64_t left;

	/* A fresh connection: it tells a leader that hangs from one that
	 * works long. */
	if (!dm_rpc_channel_wait(ch, CONNECT_MS))
		return NULL;
	left = dm_mono_diff_ms(f->until, dm_mono_now());
	err = dm_rpc_unary(ch, api_forwarded_descriptor(), f->method, f->req,
	    MAX(left, 0), f->cancel, resp, &status);
	a->decided = true;
	if (err == NULL)
		return NULL;
	if (status == DM_RPC_DEADLINE_EXCEEDED && !f->reads_only)
		return maybe_done(a, err);
	if (status != DM_RPC_UNAVAILABLE && status != DM_RPC_ABORTED)
		return err;
	if (!f->reads_only && status != DM_RPC_ABORTED)
		return maybe_done(a, err);
	a->decided = false;
	dm_err_free(err);
	return NULL;
}

struct dm_err *
api_accept_forwarded(
    const struct api_env *env, struct dm_cancel *cancel, bool *declined)
{
	struct dm_mono until = dm_mono_add_ms(dm_mono_now(), ACCEPT_MS);
	struct dm_err *err = NULL;

	*declined = false;
	while (err == NULL && !sched_is_leading(env->sched)) {
		err = env->available(env->arg);
		if (err == NULL && dm_mono_diff_ms(until, dm_mono_now()) <= 0) {
			*declined = true;
			return dm_err_new(
			    MASTER_REQUEST_IS_NOT_FORWARD_TO_LEADER);
		}
		if (err == NULL)
			err = dm_cancel_sleep_ms(cancel, STEP_MS);
	}
	return err != NULL ? err : env->available(env->arg);
}

static struct dm_err *
no_leader(const struct attempt *a)
{
	struct dm_err *err = a->env->writable(a->env->arg);

	if (err != NULL)
		return err;
	err = dm_err_new(MASTER_REQUEST_IS_NOT_FORWARD_TO_LEADER);
	if (a->addr != NULL)
		return dm_err_set_cause(err,
		    "the leader %s (%s) does not answer", a->name, a->addr);
	return dm_err_set_workaround(
	    dm_err_set_cause(err, "no dm-master leads"),
	    "try again in some seconds; if all dm-masters were evicted, let "
	    "one campaign by `operate-leader cancel-evict`");
}

static struct dm_err *
try_once(struct attempt *a, ProtobufCMessage **resp)
{
	g_clear_pointer(&a->name, g_free);
	g_clear_pointer(&a->addr, g_free);
	if (sched_is_leading(a->env->sched)) {
		a->decided = true;
		return a->env->available(a->env->arg);
	}
	if (a->env->leader(&a->name, &a->addr, a->env->arg) &&
	    strcmp(a->name, a->env->cfg->name) != 0) {
		struct dm_err *err = ask_leader(a, resp);

		if (a->decided)
			return err;
	}
	return a->env->available(a->env->arg);
}

struct dm_err *
api_forward(const struct api_env *env, const struct forward_call *f,
    ProtobufCMessage **resp)
{
	struct attempt a = { .env = env, .f = f };
	struct dm_mono until = dm_mono_add_ms(f->arrived, PATIENCE_MS);
	struct dm_err *err;

	*resp = NULL;
	while ((err = try_once(&a, resp)) == NULL && !a.decided) {
		if (dm_mono_diff_ms(until, dm_mono_now()) <= 0)
			err = no_leader(&a);
		else
			err = dm_cancel_sleep_ms(f->cancel, STEP_MS);
		if (err != NULL)
			break;
	}
	g_free(a.name);
	g_free(a.addr);
	return err;
}
