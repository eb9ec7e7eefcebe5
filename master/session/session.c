/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: streams to messages for the scheduler, and back.
 *
 * A session is created when its stream opens and lives as long as anybody
 * refers to it: the stream, the table or a message under way.
 * Passwords travel encrypted, also where they are stored in clear; the key is
 * sealed for the worker of the session.
 */
#include "master/session/session.h"

#include "lib/log/log.h"
#include "master/pb.h"
#include "master/session/keeper.h"
#include "master/session/members.h"
#include "master/session/protect.h"
#include "master/session/ttl.h"

#include <stdatomic.h>
#include <string.h>

#define PROTOCOL         1
#define TTL_MIN_S        2
#define TTL_MAX_S        86400
#define NAME_MAX_BYTES   255
#define CONFIG_MAX_BYTES 65536 /* kept in memory for each worker */

struct session_mgr {
	struct session_env env;
	struct dm_keys *own; /* random, for what is plain; NULL: keys are */
	struct sched *sched;
	struct keeper *keeper;
	struct members *members; /* NULL: not followed */
	struct dm_mutex mu;      /* rank 30; guards the table and the counter */
	GHashTable *sessions;    /* id -> struct session*, a reference */
	uint64_t last_id;
	struct commands *commands;
	GPtrArray *arrived;   /* struct hello*, owned; as long as there is one,
				 run_enter is under way */
	atomic_bool stopping; /* streams end because of us */
};

struct session {
	uint64_t id;
	atomic_uint refs;
	struct session_mgr *m;
	struct dm_rpc_stream *stream;
	char *peer;

	struct dm_mutex mu; /* rank 40; guards what follows */
	int64_t ttl_s;
	uint8_t seal_key[DM_SEAL_PUBLIC_BYTES]; /* the worker's */
	char *name;                             /* NULL before the hello */
	Dm__V1__Report *report; /* not yet taken by the scheduler, or NULL */
	bool ended;             /* by us */
	bool stopped; /* the worker has said that it runs nothing any more */
	bool closed;
};

static struct session *
session_ref(struct session *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

static void
session_unref(void *p)
{
	struct session *s = p;

	if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	dm_rpc_stream_unref(s->stream);
	if (s->report != NULL)
		pb_free(&s->report->base);
	dm_mutex_fini(&s->mu);
	g_free(s->name);
	g_free(s->peer);
	g_free(s);
}

/* A new reference, or NULL. */
static struct session *
lookup(struct session_mgr *m, uint64_t id)
{
	struct session *s;

	dm_mutex_lock(&m->mu);
	s = g_hash_table_lookup(m->sessions, &id);
	if (s != NULL)
		session_ref(s);
	dm_mutex_unlock(&m->mu);
	return s;
}

/* ---- down ---- */

/* End a session from our side. From here on the end of the worker's messages
 * says nothing about what it runs: our own end brings it about. */
static void
end_session(struct session *s, enum dm_rpc_status status, const char *text)
{
	dm_mutex_lock(&s->mu);
	s->ended = true;
	dm_mutex_unlock(&s->mu);
	dm_rpc_stream_finish(s->stream, status, text);
}

static void
send_ack(struct session *s, uint64_t seq)
{
	Dm__V1__MasterMessage msg;
	Dm__V1__HeartbeatAck ack;

	dm__v1__master_message__init(&msg);
	dm__v1__heartbeat_ack__init(&ack);
	ack.seq = seq;
	msg.m_case = DM__V1__MASTER_MESSAGE__M_ACK;
	msg.ack = &ack;
	dm_rpc_stream_send(s->stream, &msg.base);
}

static const struct dm_keys *
travel_keys(const struct session_mgr *m)
{
	return m->env.keys != NULL ? m->env.keys : m->own;
}

static void
send_masters(struct session *s)
{
	g_auto(GStrv) list = members_list(s->m->members);
	Dm__V1__MasterMessage msg;
	Dm__V1__Masters masters;

	if (list[0] == NULL)
		return;
	dm__v1__master_message__init(&msg);
	dm__v1__masters__init(&masters);
	masters.addresses = list;
	masters.n_addresses = g_strv_length(list);
	msg.m_case = DM__V1__MASTER_MESSAGE__M_MASTERS;
	msg.masters = &masters;
	dm_rpc_stream_send(s->stream, &msg.base);
}

/* On the thread of `members`. */
static void
on_members(void *arg)
{
	struct session_mgr *m = arg;
	g_autoptr(GPtrArray) all =
	    g_ptr_array_new_with_free_func(session_unref);
	GHashTableIter it;
	gpointer s;

	dm_mutex_lock(&m->mu);
	g_hash_table_iter_init(&it, m->sessions);
	while (g_hash_table_iter_next(&it, NULL, &s))
		g_ptr_array_add(all, session_ref(s));
	dm_mutex_unlock(&m->mu);
	for (guint i = 0; i < all->len; i++)
		send_masters(g_ptr_array_index(all, i));
}

void
session_welcome(struct session_mgr *m, uint64_t session, uint64_t cluster_id)
{
	struct session *s = lookup(m, session);
	g_autoptr(GBytes) sealed = NULL;
	Dm__V1__MasterMessage msg;
	Dm__V1__Welcome w;

	if (s == NULL)
		return;
	sealed = dm_seal_key(s->seal_key, travel_keys(m)->key[0]);
	if (sealed == NULL) {
		end_session(
		    s, DM_RPC_INVALID_ARGUMENT, "sealKey is not a public key");
		session_unref(s);
		return;
	}
	dm__v1__master_message__init(&msg);
	dm__v1__welcome__init(&w);
	w.clusterid = cluster_id;
	w.protocol = PROTOCOL;
	w.sealedkey.data =
	    g_bytes_unref_to_data(g_steal_pointer(&sealed), &w.sealedkey.len);
	dm_mutex_lock(&s->mu);
	w.ttl = s->ttl_s;
	dm_mutex_unlock(&s->mu);
	msg.m_case = DM__V1__MASTER_MESSAGE__M_WELCOME;
	msg.welcome = &w;
	dm_rpc_stream_send(s->stream, &msg.base);
	send_masters(s);
	g_free(w.sealedkey.data);
	session_unref(s);
}

void
session_push(struct session_mgr *m, uint64_t session, const Dm__V1__Desired *d)
{
	struct session *s = lookup(m, session);
	Dm__V1__Desired *copy = NULL;
	Dm__V1__MasterMessage msg;

	if (s == NULL)
		return;
	if (m->own != NULL)
		copy = protect_desired(d, m->own);
	dm__v1__master_message__init(&msg);
	msg.m_case = DM__V1__MASTER_MESSAGE__M_DESIRED;
	/* Only packed; the union has no const member. */
	msg.desired = copy != NULL ? copy : (Dm__V1__Desired *)(uintptr_t)d;
	dm_rpc_stream_send(s->stream, &msg.base);
	if (copy != NULL)
		pb_free(&copy->base);
	session_unref(s);
}

static void
refuse(struct session *s, const char *text)
{
	Dm__V1__MasterMessage msg;
	Dm__V1__Refuse r;

	dm__v1__master_message__init(&msg);
	dm__v1__refuse__init(&r);
	r.msg = g_strdup(text);
	msg.m_case = DM__V1__MASTER_MESSAGE__M_REFUSE;
	msg.refuse = &r;
	dm_rpc_stream_send(s->stream, &msg.base);
	g_free(r.msg);
	end_session(s, DM_RPC_FAILED_PRECONDITION, text);
}

void
session_drop(struct session_mgr *m, uint64_t session, const char *why)
{
	struct session *s = lookup(m, session);

	if (s == NULL)
		return;
	end_session(s, DM_RPC_UNAVAILABLE, why);
	session_unref(s);
}

static bool
send_command(uint64_t session, Dm__V1__Command *cmd, void *arg)
{
	struct session *s = lookup(arg, session);
	Dm__V1__MasterMessage msg;
	bool sent;

	if (s == NULL)
		return false;
	dm__v1__master_message__init(&msg);
	msg.m_case = DM__V1__MASTER_MESSAGE__M_COMMAND;
	msg.command = cmd;
	sent = dm_rpc_stream_send(s->stream, &msg.base);
	session_unref(s);
	return sent;
}

void
session_command(struct session_mgr *m, struct command_call *calls, size_t n,
    struct dm_cancel *c)
{
	commands_run(
	    m->commands, calls, n, COMMANDS_WAIT_MS, c, send_command, m);
}

/* ---- hello ---- */

struct hello {
	struct session *s;
	Dm__V1__Hello *msg;
};

static void
hello_free(void *p)
{
	struct hello *h = p;

	session_unref(h->s);
	pb_free(&h->msg->base);
	g_free(h);
}

static bool
is_closed(struct session *s)
{
	bool closed;

	dm_mutex_lock(&s->mu);
	closed = s->closed;
	dm_mutex_unlock(&s->mu);
	return closed;
}

static int64_t
ttl_of(const struct hello *h)
{
	return CLAMP(h->msg->keepalivettl, TTL_MIN_S, TTL_MAX_S);
}

/* Takes err. */
static void
reject_hello(const struct hello *h, struct dm_err *err)
{
	g_autofree char *text = dm_err_text(err);

	dm_warn("session of dm-worker refused", dm_kstr("worker", h->msg->name),
	    dm_kerr(err));
	/* Its `join` may name us alone: the leader is one of these. */
	if (dm_err_is(err, MASTER_REQUEST_IS_NOT_FORWARD_TO_LEADER))
		send_masters(h->s);
	if (dm_err_is(err, SCHEDULER_WORKER_EXIST))
		refuse(h->s, text);
	else
		end_session(h->s, DM_RPC_UNAVAILABLE, text);
	dm_err_free(err);
}

static struct sched_hello
enter(const struct hello *h, const char *join_time)
{
	struct session *s = h->s;

	dm_mutex_lock(&s->mu);
	s->ttl_s = ttl_of(h);
	dm_mutex_unlock(&s->mu);
	return (struct sched_hello){ .session = s->id,
		.name = h->msg->name,
		.addr = h->msg->address,
		.max_sources = h->msg->maxsources,
		.config = h->msg->config,
		.ttl_ms = ttl_of(h) * 1000,
		.join_time = join_time,
		.holding = h->msg->holding,
		.n_holding = h->msg->n_holding };
}

static void
entered(const struct hello *h, struct dm_err *err)
{
	if (err != NULL)
		reject_hello(h, err);
	else
		dm_info("dm-worker has a session",
		    dm_kstr("worker", h->msg->name),
		    dm_kstr("addr", h->msg->address),
		    dm_kstr("peer", h->s->peer), dm_kint("session", h->s->id));
}

/* All that have arrived since: hellos is of struct hello*. */
static void
enter_all(struct sched_core *core, const GPtrArray *hellos)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autofree char *join_time = g_date_time_format_iso8601(now);
	g_autofree struct sched_hello *in =
	    g_new0(struct sched_hello, hellos->len);
	size_t done = 0;

	for (guint i = 0; i < hellos->len; i++)
		in[i] = enter(hellos->pdata[i], join_time);
	while (done < hellos->len)
		done += sched_online_some(core, in + done, hellos->len - done);
	for (guint i = 0; i < hellos->len; i++)
		entered(hellos->pdata[i], in[i].err);
}

/* The first message takes what the ones behind it came for. */
static void
run_enter(struct sched_core *core, void *arg)
{
	struct session_mgr *m = arg;
	g_autoptr(GPtrArray) all = NULL;
	g_autoptr(GPtrArray) good = g_ptr_array_new();

	dm_mutex_lock(&m->mu);
	all = DM_TAKE(m->arrived);
	m->arrived = g_ptr_array_new_with_free_func(hello_free);
	dm_mutex_unlock(&m->mu);
	for (guint i = 0; i < all->len; i++) {
		struct hello *h = all->pdata[i];

		if (is_closed(h->s))
			continue;
		if (core == NULL)
			reject_hello(
			    h, dm_err_new(
				   MASTER_REQUEST_IS_NOT_FORWARD_TO_LEADER));
		else
			g_ptr_array_add(good, h);
	}
	if (good->len > 0)
		enter_all(core, good);
}

static const char *
hello_problem(const struct session *s, const Dm__V1__Hello *h)
{
	if (s->name != NULL)
		return "a second Hello";
	if (h->protocol != PROTOCOL)
		return "protocol version not supported: use dm-worker and "
		       "dm-master of the same release";
	if (*h->name == '\0' || strlen(h->name) > NAME_MAX_BYTES)
		return "the worker's name must have 1 to 255 bytes";
	if (*h->address == '\0')
		return "the worker's address is missing";
	if (strlen(h->config) > CONFIG_MAX_BYTES)
		return "the worker's configuration is too long";
	if (h->sealkey.len != DM_SEAL_PUBLIC_BYTES)
		return "sealKey is missing: use dm-worker and dm-master of the "
		       "same release";
	return NULL;
}

static void
on_hello(struct session *s, const Dm__V1__Hello *msg)
{
	struct session_mgr *m = s->m;
	const char *problem;
	struct hello *h;
	bool first;

	dm_mutex_lock(&s->mu);
	problem = hello_problem(s, msg);
	if (problem == NULL) {
		s->name = g_strdup(msg->name);
		memcpy(s->seal_key, msg->sealkey.data, sizeof(s->seal_key));
	}
	dm_mutex_unlock(&s->mu);
	if (problem != NULL) {
		refuse(s, problem);
		return;
	}
	h = g_new0(struct hello, 1);
	h->s = session_ref(s);
	h->msg = (Dm__V1__Hello *)pb_copy(&msg->base);
	dm_mutex_lock(&m->mu);
	g_ptr_array_add(m->arrived, h);
	first = m->arrived->len == 1;
	dm_mutex_unlock(&m->mu);
	if (first)
		sched_post(m->sched, run_enter, m, NULL);
}

/* ---- leases ---- */

static void
on_heartbeat(struct session *s, const Dm__V1__Heartbeat *h)
{
	int64_t ttl_s = h->ttl > 0 ? CLAMP(h->ttl, TTL_MIN_S, TTL_MAX_S) : 0;

	keeper_beat(s->m->keeper, s->name, s->id, h->seq, ttl_s * 1000);
}

static void
on_ttl(const char *worker, int64_t ttl_ms, void *arg)
{
	struct session_mgr *m = arg;

	ttl_change(m->sched, worker, ttl_ms);
}

static void
on_acked(uint64_t session, uint64_t seq, void *arg)
{
	struct session *s = lookup(arg, session);

	if (s == NULL)
		return;
	send_ack(s, seq);
	session_unref(s);
}

struct expiry {
	struct session_mgr *m;
	GPtrArray *workers; /* char*, owned */
};

static void
expiry_free(void *p)
{
	struct expiry *e = p;

	g_ptr_array_unref(e->workers);
	g_free(e);
}

/* When it fails they come again. */
static void
run_expired(struct sched_core *core, void *arg)
{
	struct expiry *e = arg;
	struct session_mgr *m = e->m;
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	struct dm_err *err;

	for (guint i = 0; core != NULL && i < e->workers->len; i++) {
		char *name = g_ptr_array_index(e->workers, i);

		if (!keeper_expired(m->keeper, name))
			continue;
		dm_info("lease of dm-worker ended", dm_kstr("worker", name));
		g_ptr_array_add(names, name);
	}
	if (names->len == 0)
		return;
	err = sched_offline(core, names);
	if (err == NULL)
		return;
	m->env.event_failed("handle", m->env.arg);
	dm_warn("dm-workers whose leases ended cannot be taken offline, this "
		"is tried again",
	    dm_kerr(err));
	dm_err_free(err);
}

static void
on_expired(GPtrArray *workers, void *arg)
{
	struct session_mgr *m = arg;
	struct expiry *e = g_new(struct expiry, 1);

	*e = (struct expiry){ m, workers };
	sched_post(m->sched, run_expired, e, expiry_free);
}

static struct dm_err *
confirm(void *arg)
{
	struct session_mgr *m = arg;

	return m->env.confirm(m->env.arg);
}

void
session_lease(
    struct session_mgr *m, const char *worker, uint64_t session, int64_t ttl_ms)
{
	if (ttl_ms == 0)
		keeper_end(m->keeper, worker);
	else if (session == 0)
		keeper_adopt(m->keeper, worker, ttl_ms);
	else
		keeper_begin(m->keeper, worker, session, ttl_ms);
}

void
session_lease_ttl(struct session_mgr *m, const char *worker, int64_t ttl_ms)
{
	keeper_known(m->keeper, worker, ttl_ms);
}

void
session_leases_clear(struct session_mgr *m)
{
	keeper_clear(m->keeper);
}

/* ---- reports ---- */

static void
take_report(struct sched_core *core, void *arg)
{
	struct session *s = arg;
	Dm__V1__Report *r;

	dm_mutex_lock(&s->mu);
	r = DM_TAKE(s->report);
	dm_mutex_unlock(&s->mu);
	if (r == NULL)
		return;
	if (core != NULL)
		sched_report(core, s->id, r);
	pb_free(&r->base);
}

/* Only the newest waits, so a slow scheduler meets no flood. */
static void
on_report(struct session *s, const Dm__V1__Report *msg)
{
	Dm__V1__Report *copy = (Dm__V1__Report *)pb_copy(&msg->base);
	Dm__V1__Report *old;

	dm_mutex_lock(&s->mu);
	old = s->report;
	s->report = copy;
	dm_mutex_unlock(&s->mu);
	if (old != NULL) {
		pb_free(&old->base);
		return;
	}
	sched_post(s->m->sched, take_report, session_ref(s), session_unref);
}

/* ---- streams ---- */

static void *
on_open(struct dm_rpc_stream *st, const char *peer, void *arg)
{
	struct session_mgr *m = arg;
	struct session *s = g_new0(struct session, 1);

	s->m = m;
	s->stream = dm_rpc_stream_ref(st);
	s->peer = g_strdup(peer);
	dm_mutex_init(&s->mu, 40);
	atomic_init(&s->refs, 2); /* the stream's, the table's */
	dm_mutex_lock(&m->mu);
	s->id = ++m->last_id;
	g_hash_table_insert(m->sessions, &s->id, s);
	dm_mutex_unlock(&m->mu);
	return s;
}

static void
on_message(struct dm_rpc_stream *st, const ProtobufCMessage *base, void *ctx)
{
	const Dm__V1__WorkerMessage *msg = (const Dm__V1__WorkerMessage *)base;
	struct session *s = ctx;

	(void)st;
	if (s->name == NULL && msg->m_case != DM__V1__WORKER_MESSAGE__M_HELLO) {
		end_session(s, DM_RPC_INVALID_ARGUMENT,
		    "the first message must be a Hello");
		return;
	}
	switch (msg->m_case) {
	case DM__V1__WORKER_MESSAGE__M_HELLO:
		on_hello(s, msg->hello);
		break;
	case DM__V1__WORKER_MESSAGE__M_HEARTBEAT:
		on_heartbeat(s, msg->heartbeat);
		break;
	case DM__V1__WORKER_MESSAGE__M_REPORT:
		on_report(s, msg->report);
		break;
	case DM__V1__WORKER_MESSAGE__M_REPLY:
		commands_reply(s->m->commands, s->id, msg->reply);
		break;
	case DM__V1__WORKER_MESSAGE__M__NOT_SET: /* of a newer protocol */
	default:
		break;
	}
}

/* The worker has stopped what it ran. */
static void
on_half_close(struct dm_rpc_stream *st, void *ctx)
{
	struct session *s = ctx;

	bool stopping = atomic_load(&s->m->stopping);

	dm_mutex_lock(&s->mu);
	s->stopped = !s->ended && !stopping;
	dm_mutex_unlock(&s->mu);
	dm_rpc_stream_finish(st, DM_RPC_OK, "");
}

static void
run_closed(struct sched_core *core, void *arg)
{
	struct session *s = arg;
	struct dm_err *err;
	bool stopped;

	if (core == NULL)
		return;
	dm_mutex_lock(&s->mu);
	stopped = s->stopped;
	dm_mutex_unlock(&s->mu);
	if (!stopped) {
		sched_closed(core, s->id);
		return;
	}
	err = sched_goodbye(core, s->id);
	if (err != NULL)
		dm_warn("dm-worker that has stopped is not offline yet: its "
			"lease will run out",
		    dm_kstr("worker", s->name), dm_kerr(err));
	dm_err_free(err);
}

static void
on_close(struct dm_rpc_stream *st, enum dm_rpc_status status, const char *text,
    void *ctx)
{
	struct session *s = ctx;
	struct session_mgr *m = s->m;
	bool stopped;

	(void)st;
	dm_mutex_lock(&s->mu);
	s->closed = true;
	stopped = s->stopped;
	dm_mutex_unlock(&s->mu);
	dm_info("session of dm-worker ended", dm_kstr("worker", s->name),
	    dm_kint("session", s->id), dm_kbool("worker stopped", stopped),
	    dm_kstr("status", dm_rpc_status_name(status)),
	    dm_kstr("text", text));
	dm_mutex_lock(&m->mu);
	g_hash_table_remove(m->sessions, &s->id);
	dm_mutex_unlock(&m->mu);
	commands_lost(m->commands, s->id);
	session_unref(s); /* the table's; the stream's goes on */
	sched_post(m->sched, run_closed, s, session_unref);
}

/* ---- manager ---- */

struct session_mgr *
session_mgr_new(const struct session_env *env)
{
	struct session_mgr *m = g_new0(struct session_mgr, 1);

	m->env = *env;
	if (env->keys == NULL)
		m->own = dm_keys_random();
	m->sessions = g_hash_table_new(g_int64_hash, g_int64_equal);
	m->arrived = g_ptr_array_new_with_free_func(hello_free);
	m->commands = commands_new();
	dm_mutex_init(&m->mu, 30);
	return m;
}

void
session_mgr_free(struct session_mgr *m)
{
	if (m == NULL)
		return;
	members_free(m->members);
	keeper_free(m->keeper);
	g_ptr_array_unref(m->arrived);
	commands_free(m->commands);
	g_hash_table_unref(m->sessions);
	dm_keys_free(m->own);
	dm_mutex_fini(&m->mu);
	g_free(m);
}

void
session_mgr_serve(struct session_mgr *m, struct dm_rpc_server *server)
{
	static const struct dm_rpc_stream_ops ops = { on_open, on_message,
		on_half_close, on_close };

	dm_rpc_server_add_stream(
	    server, &dm__v1__worker_session__descriptor, "Session", &ops, m);
}

void
session_mgr_stop(struct session_mgr *m)
{
	atomic_store(&m->stopping, true);
	keeper_stop(m->keeper);
	members_stop(m->members);
}

void
session_mgr_follow_members(
    struct session_mgr *m, const struct dm_master_cfg *cfg)
{
	m->members = members_start(cfg, m->env.etcd, on_members, m);
}

void
session_mgr_attach(struct session_mgr *m, struct sched *sched)
{
	struct keeper_env env = { confirm, on_acked, on_ttl, on_expired, m };

	m->sched = sched;
	m->keeper = keeper_start(&env);
}
