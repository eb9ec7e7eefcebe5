/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session to the masters: see agent.h.
 *
 * DESIGN: the session thread opens a stream, says Hello, sends heartbeats and
 * tries the next master when the stream ends. What comes down is handled on
 * the library's threads. The watchdog thread does nothing but watch the
 * deadline: when it passes it fires `hard`, which shuts the target's sockets
 * down, so that no stuck thread can write after it. Both stop on agent_stop.
 */
#include "worker/agent/agent.h"

#include "lib/base/clock.h"
#include "lib/config/daemon.h"
#include "lib/crypt/crypt.h"
#include "lib/log/log.h"
#include "lib/net/probe.h"
#include "lib/net/reach.h"
#include "lib/rpc/rpc.h"
#include "worker/agent/lease.h"
#include "worker/agent/masters.h"
#include "worker/agent/shorten.h"

#include <string.h>

#define RANK_AGENT     100
#define PROTOCOL       1
#define CONNECT_MS     3000
#define PROBE_MS       1000
#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS   1000
#define GOODBYE_MS     3000
/* Of a report; what is around it has the rest. */
#define MAX_REPORT (DM_RPC_REPORT_BYTES - 1024)

enum session_state { SESSION_NONE, SESSION_OPEN, SESSION_CLOSED };

struct agent {
	struct masters *masters;
	char *name, *address, *config;
	int64_t relay_ttl_s;
	uint32_t max_sources;
	struct holder *holder;
	void (*refused)(const char *why, void *arg);
	void *arg;
	struct dm_tls *tls;
	char *told; /* why there is no session, as logged last; the session
		       thread's own */
	pthread_t session_thread, watchdog_thread;

	struct dm_mutex mu; /* rank 100; guards the fields below */
	pthread_cond_t changed;
	struct lease lease;
	struct dm_cancel *hard;       /* of the lease held now; NULL: none. The
					 holder owns it */
	struct dm_rpc_stream *stream; /* of the open session; NULL */
	struct dm_receiver *receiver; /* of this session's key */
	struct dm_keys *keys;         /* that key; NULL before the welcome */
	enum session_state state;
	bool welcomed, stopping, final;
	bool losing; /* the lease is being given up: the session ends, its
			acknowledgements count no more */
};

/* ---- what comes down ---- */

/* The lease began: let the holder work under a cancel of its own. */
static void
begin_lease_locked(struct agent *a)
{
	dm_mutex_assert_held(&a->mu);
	a->hard = dm_cancel_new(NULL);
	holder_lease_begins(a->holder, a->hard);
	pthread_cond_broadcast(&a->changed);
}

static void
on_ack(struct agent *a, uint64_t seq)
{
	dm_mutex_lock(&a->mu);
	if (!a->losing && lease_ack(&a->lease, seq, dm_mono_now()))
		begin_lease_locked(a);
	dm_mutex_unlock(&a->mu);
}

/* False: the master and we do not understand each other. */
static bool
take_key(struct agent *a, const Dm__V1__Welcome *w)
{
	uint8_t key[DM_KEY_BYTES];
	struct dm_err *err;

	dm_mutex_lock(&a->mu);
	err = dm_unseal_key(
	    a->receiver, w->sealedkey.data, w->sealedkey.len, key);
	if (err == NULL) {
		dm_keys_free(a->keys);
		a->keys = dm_keys_of(key);
		explicit_bzero(key, sizeof(key));
	}
	dm_mutex_unlock(&a->mu);
	if (err == NULL)
		return true;
	dm_error("the master's key for passwords cannot be read: the session "
		 "ends",
	    dm_kerr(err));
	dm_err_free(err);
	return false;
}

static void
on_welcome(struct agent *a, struct dm_rpc_stream *st, const Dm__V1__Welcome *w)
{
	if (!take_key(a, w)) {
		dm_rpc_stream_cancel(st);
		return;
	}
	if (w->protocol != PROTOCOL)
		dm_warn("master speaks another session protocol",
		    dm_kint("ours", PROTOCOL), dm_kint("its", w->protocol));
	dm_mutex_lock(&a->mu);
	a->welcomed = true;
	/* A master may grant less than we asked for, never more. */
	if (w->ttl > 0 && w->ttl * 1000 < a->lease.ttl_ms)
		a->lease.ttl_ms = w->ttl * 1000;
	if (!a->losing && lease_ack(&a->lease, 1, dm_mono_now()))
		begin_lease_locked(a);
	pthread_cond_broadcast(&a->changed);
	dm_mutex_unlock(&a->mu);
}

/* Of a command, on the thread that was done with it. arg: its session's
 * stream, which may be over by now. */
static void
send_reply(uint64_t request, bool result, const char *text, void *arg)
{
	Dm__V1__WorkerMessage up = DM__V1__WORKER_MESSAGE__INIT;
	g_autofree char *copy = g_utf8_make_valid(text, -1);
	struct dm_rpc_stream *st = arg;
	Dm__V1__Reply reply;

	dm__v1__reply__init(&reply);
	reply.request = request;
	reply.result = result;
	reply.msg = copy;
	up.m_case = DM__V1__WORKER_MESSAGE__M_REPLY;
	up.reply = &reply;
	(void)dm_rpc_stream_send(st, &up.base);
	dm_rpc_stream_unref(st);
}

static void
on_command(struct agent *a, struct dm_rpc_stream *st, const Dm__V1__Command *c)
{
	struct command *cmd = command_new(c, send_reply, dm_rpc_stream_ref(st));

	if (c->c_case == DM__V1__COMMAND__C_OPERATE_SCHEMA ||
	    c->c_case == DM__V1__COMMAND__C_HANDLE_ERROR ||
	    c->c_case == DM__V1__COMMAND__C_PURGE_RELAY)
		holder_command(a->holder, cmd);
	else
		command_answer(cmd,
		    dm_err_plain("this dm-worker does not know the command: "
				 "use dm-master and dm-worker of the same "
				 "release"),
		    NULL);
}

static void
on_refuse(struct agent *a, const char *why)
{
	bool first;

	dm_mutex_lock(&a->mu);
	first = !a->final;
	a->final = true;
	pthread_cond_broadcast(&a->changed);
	dm_mutex_unlock(&a->mu);
	if (first)
		a->refused(why, a->arg);
}

static void
on_desired(struct agent *a, const Dm__V1__Desired *d)
{
	DM_AUTO(dm_keys) keys = NULL;

	dm_mutex_lock(&a->mu);
	if (a->keys != NULL)
		keys = dm_keys_of(a->keys->key[0]);
	dm_mutex_unlock(&a->mu);
	holder_desire(a->holder, d, DM_TAKE(keys));
}

static void
on_message(struct dm_rpc_stream *st, const ProtobufCMessage *msg, void *ctx)
{
	const Dm__V1__MasterMessage *m = (const void *)msg;
	struct agent *a = ctx;

	switch (m->m_case) {
	case DM__V1__MASTER_MESSAGE__M_WELCOME:
		on_welcome(a, st, m->welcome);
		break;
	case DM__V1__MASTER_MESSAGE__M_ACK:
		on_ack(a, m->ack->seq);
		break;
	case DM__V1__MASTER_MESSAGE__M_DESIRED:
		on_desired(a, m->desired);
		break;
	case DM__V1__MASTER_MESSAGE__M_COMMAND:
		on_command(a, st, m->command);
		break;
	case DM__V1__MASTER_MESSAGE__M_REFUSE:
		on_refuse(a, m->refuse->msg);
		break;
	case DM__V1__MASTER_MESSAGE__M_MASTERS:
		if (masters_learn(a->masters, m->masters->addresses,
			m->masters->n_addresses))
			dm_info("the cluster has other masters",
			    dm_kint("masters", m->masters->n_addresses));
		break;
	default:
		break; /* of a newer master: it knows our features */
	}
}

static void
on_close(struct dm_rpc_stream *st DM_UNUSED, enum dm_rpc_status status,
    const char *text, void *ctx)
{
	struct agent *a = ctx;

	dm_info("session with the master ended",
	    dm_kstr("status", dm_rpc_status_name(status)),
	    dm_kstr("text", text));
	dm_mutex_lock(&a->mu);
	a->state = SESSION_CLOSED;
	pthread_cond_broadcast(&a->changed);
	dm_mutex_unlock(&a->mu);
}

static const struct dm_rpc_stream_ops session_ops = {
	.on_message = on_message,
	.on_close = on_close,
};

/* ---- what goes up ---- */

static void
send_hello(struct agent *a, struct dm_rpc_stream *st)
{
	Dm__V1__WorkerMessage up = DM__V1__WORKER_MESSAGE__INIT;
	Dm__V1__Hello hello;
	g_autoptr(GArray) held = holder_holding(a->holder);
	g_autofree Dm__V1__Holding *list =
	    g_new0(Dm__V1__Holding, held->len + 1);
	g_autofree Dm__V1__Holding **refs =
	    g_new0(Dm__V1__Holding *, held->len + 1);
	g_autofree char *version = g_strdup(dm_version_release());
	uint8_t seal_key[DM_SEAL_PUBLIC_BYTES];

	for (guint i = 0; i < held->len; i++) {
		struct held *h = &g_array_index(held, struct held, i);

		dm__v1__holding__init(&list[i]);
		list[i].source = h->source;
		list[i].epoch = h->epoch;
		refs[i] = &list[i];
	}
	dm__v1__hello__init(&hello);
	hello.sealkey.data = seal_key;
	hello.sealkey.len = sizeof(seal_key);
	hello.protocol = PROTOCOL;
	hello.name = a->name;
	hello.address = a->address;
	hello.version = version;
	hello.relaykeepalivettl = a->relay_ttl_s;
	hello.maxsources = a->max_sources;
	hello.config = a->config;
	hello.n_holding = held->len;
	hello.holding = refs;
	dm_mutex_lock(&a->mu);
	dm_receiver_free(a->receiver);
	a->receiver = dm_receiver_new();
	dm_receiver_public(a->receiver, seal_key);
	g_clear_pointer(&a->keys, dm_keys_free);
	hello.keepalivettl = a->lease.ttl_ms / 1000;
	lease_new_session(&a->lease, dm_mono_now());
	/* Number 1: the Hello. */
	(void)lease_beat(&a->lease, dm_mono_now(), 0);
	dm_mutex_unlock(&a->mu);
	up.m_case = DM__V1__WORKER_MESSAGE__M_HELLO;
	up.hello = &hello;
	(void)dm_rpc_stream_send(st, &up.base);
}

static void
send_heartbeat(struct agent *a, struct dm_rpc_stream *st)
{
	Dm__V1__WorkerMessage up = DM__V1__WORKER_MESSAGE__INIT;
	Dm__V1__Heartbeat hb = DM__V1__HEARTBEAT__INIT;

	if (holder_relays_by_name(a->holder))
		hb.ttl = a->relay_ttl_s;
	dm_mutex_lock(&a->mu);
	hb.seq = lease_beat(&a->lease, dm_mono_now(), hb.ttl * 1000);
	dm_mutex_unlock(&a->mu);
	up.m_case = DM__V1__WORKER_MESSAGE__M_HEARTBEAT;
	up.heartbeat = &hb;
	(void)dm_rpc_stream_send(st, &up.base);
}

void
agent_report(struct agent *a, const Dm__V1__Report *report)
{
	Dm__V1__WorkerMessage up = DM__V1__WORKER_MESSAGE__INIT;
	Dm__V1__Report copy = *report;
	Dm__V1__Report *cut = NULL;
	struct dm_rpc_stream *st = NULL;

	dm_mutex_lock(&a->mu);
	if (a->stream != NULL && a->welcomed)
		st = dm_rpc_stream_ref(a->stream);
	dm_mutex_unlock(&a->mu);
	if (st == NULL)
		return; /* the next one comes within a second */
	up.m_case = DM__V1__WORKER_MESSAGE__M_REPORT;
	cut = report_shortened(report, MAX_REPORT);
	up.report = cut != NULL ? cut : &copy;
	(void)dm_rpc_stream_send(st, &up.base);
	if (cut != NULL)
		dm__v1__report__free_unpacked(cut, NULL);
	dm_rpc_stream_unref(st);
}

/* ---- the session thread ---- */

/* Wait for a change, at most ms. False: the session or the agent is over. */
static bool
session_wait(struct agent *a, int64_t ms)
{
	struct dm_mono until = dm_mono_add_ms(dm_mono_now(), ms);
	bool go;

	dm_mutex_lock(&a->mu);
	for (;;) {
		int64_t left = dm_mono_diff_ms(until, dm_mono_now());

		go = !a->stopping && !a->final && a->state == SESSION_OPEN;
		if (!go || left <= 0)
			break;
		(void)dm_cond_wait_ms(&a->changed, &a->mu, left);
	}
	dm_mutex_unlock(&a->mu);
	return go;
}

/* We stop: half-close, and give the master a moment to answer. */
static void
say_goodbye(struct agent *a, struct dm_rpc_stream *st)
{
	struct dm_mono until = dm_mono_add_ms(dm_mono_now(), GOODBYE_MS);

	dm_rpc_stream_finish(st, DM_RPC_OK, "");
	dm_mutex_lock(&a->mu);
	while (a->state == SESSION_OPEN) {
		int64_t left = dm_mono_diff_ms(until, dm_mono_now());

		if (left <= 0)
			break;
		(void)dm_cond_wait_ms(&a->changed, &a->mu, left);
	}
	dm_mutex_unlock(&a->mu);
}

static void
end_session(struct agent *a, struct dm_rpc_stream *st)
{
	dm_rpc_stream_cancel(st);
	dm_mutex_lock(&a->mu);
	while (a->state == SESSION_OPEN)
		dm_cond_wait(&a->changed, &a->mu);
	a->stream = NULL;
	a->welcomed = a->losing = false;
	a->state = SESSION_NONE;
	dm_mutex_unlock(&a->mu);
	dm_rpc_stream_unref(st);
}

/* A master that hangs keeps its connection, and the library notices late: the
 * lease would be over by then, although another master could serve us. */
static bool
is_unanswered(struct agent *a, const char *master)
{
	bool silent;

	dm_mutex_lock(&a->mu);
	silent = lease_unanswered(&a->lease, dm_mono_now());
	dm_mutex_unlock(&a->mu);
	if (silent)
		dm_warn("dm-master does not answer: trying another one",
		    dm_kstr("address", master));
	return silent;
}

/* Once for each reason: it is tried again for ever. */
static void
tell_unreachable(struct agent *a, const char *master)
{
	DM_AUTO(dm_err) why = dm_net_probe(master, a->tls, PROBE_MS);

	if (why == NULL || g_strcmp0(why->message, a->told) == 0)
		return;
	g_free(a->told);
	a->told = g_strdup(why->message);
	dm_warn("can not connect to dm-master", dm_kstr("address", master),
	    dm_kstr("reason", why->message));
}

/* One session with one master. Returns whether the same one is to be tried
 * again first: it had welcomed us and did not fall silent. */
static bool
session(struct agent *a, const char *master)
{
	DM_AUTO(dm_rpc_channel) ch = NULL;
	struct dm_rpc_stream *st;
	int64_t interval;
	bool welcomed, stopping, silent = false;

	/* One that is down is known at once, a channel would wait for it. */
	if (dm_net_reach(master, CONNECT_MS) != DM_NET_OPEN) {
		tell_unreachable(a, master);
		return false;
	}
	ch = dm_rpc_channel_new(
	    master, &(struct dm_rpc_channel_opts){
			.max_recv_bytes = DM_RPC_SESSION_BYTES });
	if (!dm_rpc_channel_wait(ch, CONNECT_MS)) {
		tell_unreachable(a, master);
		return false;
	}
	g_clear_pointer(&a->told, g_free);
	dm_mutex_lock(&a->mu);
	a->state = SESSION_OPEN;
	interval = lease_interval_ms(&a->lease);
	dm_mutex_unlock(&a->mu);
	st = dm_rpc_stream_open(ch, &dm__v1__worker_session__descriptor,
	    "Session", &session_ops, a);
	dm_mutex_lock(&a->mu);
	a->stream = st;
	dm_mutex_unlock(&a->mu);
	send_hello(a, st);
	while (
	    session_wait(a, interval) && !(silent = is_unanswered(a, master)))
		send_heartbeat(a, st);
	dm_mutex_lock(&a->mu);
	welcomed = a->welcomed;
	stopping = a->stopping;
	dm_mutex_unlock(&a->mu);
	if (stopping)
		say_goodbye(a, st);
	end_session(a, st);
	return welcomed && !silent;
}

static void *
session_main(void *arg)
{
	struct agent *a = arg;
	int64_t retry = RETRY_FIRST_MS;

	for (;;) {
		g_autofree char *master = masters_next(a->masters);
		bool over;

		if (session(a, master)) {
			retry = RETRY_FIRST_MS;
			/* The same one first: it may be back already. */
			masters_stay(a->masters);
		}
		dm_mutex_lock(&a->mu);
		if (!a->stopping && !a->final)
			(void)dm_cond_wait_ms(&a->changed, &a->mu, retry);
		over = a->stopping || a->final;
		dm_mutex_unlock(&a->mu);
		retry = MIN(retry * 2, RETRY_MAX_MS);
		if (over)
			return NULL;
	}
}

/* ---- the watchdog ---- */

static void
lose_lease(struct agent *a, struct dm_cancel *hard)
{
	struct dm_rpc_stream *st = NULL;

	dm_cancel_now(hard);
	dm_error("the lease is lost: every task of this worker stops",
	    dm_kstr("worker", a->name));
	holder_lease_ends(a->holder);
	dm_mutex_lock(&a->mu);
	if (a->stream != NULL)
		st = dm_rpc_stream_ref(a->stream);
	else
		a->losing = false;
	dm_mutex_unlock(&a->mu);
	if (st == NULL)
		return;
	/* A new session begins with all that the master wants now. */
	dm_rpc_stream_cancel(st);
	dm_rpc_stream_unref(st);
}

static void *
watchdog_main(void *arg)
{
	struct agent *a = arg;

	dm_mutex_lock(&a->mu);
	while (!a->stopping) {
		struct dm_mono now = dm_mono_now();

		if (lease_expire(&a->lease, now)) {
			struct dm_cancel *hard = DM_TAKE(a->hard);

			a->losing = true;
			dm_mutex_unlock(&a->mu);
			lose_lease(a, hard);
			dm_mutex_lock(&a->mu);
		} else if (a->lease.held) {
			(void)dm_cond_wait_ms(&a->changed, &a->mu,
			    dm_mono_diff_ms(a->lease.deadline, now) + 1);
		} else {
			dm_cond_wait(&a->changed, &a->mu);
		}
	}
	dm_mutex_unlock(&a->mu);
	return NULL;
}

/* ---- start and stop ---- */

struct agent *
agent_start(const struct agent_opts *o)
{
	struct agent *a = g_new0(struct agent, 1);

	a->masters = masters_new(o->masters);
	a->name = g_strdup(o->name);
	a->address = g_strdup(o->address);
	a->config = g_strdup(o->config);
	a->relay_ttl_s = o->relay_ttl_s;
	a->max_sources = o->max_sources;
	a->tls = o->tls;
	a->holder = o->holder;
	a->refused = o->refused;
	a->arg = o->arg;
	dm_mutex_init(&a->mu, RANK_AGENT);
	dm_cond_init(&a->changed);
	lease_init(&a->lease, o->ttl_s);
	a->session_thread = dm_thread_start("session", session_main, a);
	a->watchdog_thread = dm_thread_start("watchdog", watchdog_main, a);
	return a;
}

bool
agent_has_lease(struct agent *a)
{
	bool held;

	dm_mutex_lock(&a->mu);
	held = a->lease.held;
	dm_mutex_unlock(&a->mu);
	return held;
}

void
agent_stop(struct agent *a)
{
	dm_mutex_lock(&a->mu);
	a->stopping = true;
	pthread_cond_broadcast(&a->changed);
	dm_mutex_unlock(&a->mu);
	pthread_join(a->session_thread, NULL);
	pthread_join(a->watchdog_thread, NULL);
	pthread_cond_destroy(&a->changed);
	dm_mutex_fini(&a->mu);
	masters_free(a->masters);
	dm_receiver_free(a->receiver);
	dm_keys_free(a->keys);
	g_free(a->name);
	g_free(a->address);
	g_free(a->config);
	g_free(a->told);
	g_free(a);
}
