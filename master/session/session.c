/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: streams to messages for the scheduler, and back.
 *
 * A session is created when its stream opens and lives as long as anybody
 * refers to it: the stream, the table, a renewal or a message under way.
 * Passwords travel encrypted, also where they are stored in clear; the key is
 * sealed for the worker of the session.
 */
#include "master/session/session.h"

#include "lib/log/log.h"
#include "master/pb.h"
#include "master/session/gate.h"
#include "master/session/lease.h"
#include "master/session/members.h"
#include "master/session/protect.h"

#include <stdatomic.h>
#include <string.h>

#define PROTOCOL       1
#define TTL_MIN_S      2
#define TTL_MAX_S      86400
#define NAME_MAX_BYTES 255
#define LEASE_REQUESTS 32 /* grants and renewals under way at once */

struct session_mgr {
	struct dm_etcd *etcd;
	const struct dm_keys *keys; /* of what the scheduler sends; NULL */
	struct dm_keys *own; /* random, for what is plain; NULL: keys are */
	struct sched *sched;
	struct members *members; /* NULL: not followed */
	struct dm_mutex mu;      /* rank 30; guards the table and the counter */
	GHashTable *sessions;    /* id -> struct session*, a reference */
	uint64_t last_id;
	struct commands *commands;
	struct gate *gate;    /* of grants and renewals */
	GPtrArray *granted;   /* struct hello* with a lease, owned; as long as
				 there is one, run_enter is under way */
	atomic_bool stopping; /* streams end because of us */
};

struct session {
	uint64_t id;
	atomic_uint refs;
	struct session_mgr *m;
	struct dm_rpc_stream *stream;
	char *peer;

	struct dm_mutex mu; /* rank 40; guards what follows */
	struct lease lease;
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
	return m->keys != NULL ? m->keys : m->own;
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
	int64_t lease;      /* 0 before the grant */
	struct dm_err *err; /* of the grant; owned */
};

static void
hello_free(void *p)
{
	struct hello *h = p;

	session_unref(h->s);
	pb_free(&h->msg->base);
	dm_err_free(h->err);
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

/* The session knows its lease before the worker may beat. */
static struct sched_hello
enter(const struct hello *h, const char *join_time)
{
	struct session *s = h->s;

	dm_mutex_lock(&s->mu);
	s->ttl_s = ttl_of(h);
	lease_granted(&s->lease, h->lease, s->ttl_s);
	dm_mutex_unlock(&s->mu);
	return (struct sched_hello){ .session = s->id,
		.name = h->msg->name,
		.addr = h->msg->address,
		.max_sources = h->msg->maxsources,
		.lease = h->lease,
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

/* All that were granted a lease since: hellos is of struct hello*. */
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
	all = DM_TAKE(m->granted);
	m->granted = g_ptr_array_new_with_free_func(hello_free);
	dm_mutex_unlock(&m->mu);
	for (guint i = 0; i < all->len; i++) {
		struct hello *h = all->pdata[i];
		struct dm_err *err = DM_TAKE(h->err);

		if (err == NULL && core == NULL)
			err =
			    dm_err_new(MASTER_REQUEST_IS_NOT_FORWARD_TO_LEADER);
		if (is_closed(h->s))
			dm_err_free(err);
		else if (err != NULL)
			reject_hello(h, err);
		else
			g_ptr_array_add(good, h);
	}
	if (good->len > 0)
		enter_all(core, good);
}

/* On the etcd client's thread. */
static void
on_granted(struct dm_err *err, int64_t lease, void *arg)
{
	struct hello *h = arg;
	struct session_mgr *m = h->s->m;
	bool first;

	gate_leave(m->gate);
	h->lease = lease;
	h->err = err;
	dm_mutex_lock(&m->mu);
	g_ptr_array_add(m->granted, h);
	first = m->granted->len == 1;
	dm_mutex_unlock(&m->mu);
	if (first)
		sched_post(m->sched, run_enter, m, NULL);
}

static void
start_grant(void *arg)
{
	struct hello *h = arg;

	dm_etcd_lease_grant_start(h->s->m->etcd, ttl_of(h), on_granted, h);
}

/* The scheduler does not wait for the grant: thousands of workers may come at
 * once, and etcd answers many grants together. */
static void
run_hello(struct sched_core *core, void *arg)
{
	struct hello *h = *(struct hello **)arg;
	struct dm_err *err;

	if (is_closed(h->s))
		return;
	if (core == NULL)
		err = dm_err_new(MASTER_REQUEST_IS_NOT_FORWARD_TO_LEADER);
	else
		err = sched_check_name(core, h->msg->name, h->msg->address);
	if (err != NULL) {
		reject_hello(h, err);
		return;
	}
	*(struct hello **)arg = NULL; /* goes on without this message */
	gate_enter(h->s->m->gate, start_grant, h);
}

static void
hello_ref_free(void *p)
{
	struct hello **h = p;

	if (*h != NULL)
		hello_free(*h);
	g_free(h);
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
	if (h->sealkey.len != DM_SEAL_PUBLIC_BYTES)
		return "sealKey is missing: use dm-worker and dm-master of the "
		       "same release";
	return NULL;
}

static void
on_hello(struct session *s, const Dm__V1__Hello *msg)
{
	const char *problem;
	struct hello *h;

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
	sched_post(
	    s->m->sched, run_hello, g_memdup2(&h, sizeof(h)), hello_ref_free);
}

/* ---- heartbeats ---- */

static void renew(struct session *s);

/* On the etcd client's thread. */
static void
on_renewed(struct dm_err *err, int64_t ttl_s, void *arg)
{
	struct session *s = arg;
	bool again = false, closed;
	uint64_t ack;

	gate_leave(s->m->gate);
	dm_mutex_lock(&s->mu);
	ack = lease_answered(
	    &s->lease, err != NULL, ttl_s, dm_mono_now(), &again);
	closed = s->closed;
	dm_mutex_unlock(&s->mu);
	if (ack != 0 && !closed)
		send_ack(s, ack);
	if (err != NULL)
		dm_warn("lease of dm-worker could not be renewed",
		    dm_kstr("worker", s->name), dm_kerr(err));
	else if (ttl_s <= 0 && !closed)
		end_session(
		    s, DM_RPC_UNAVAILABLE, "the lease of this session ran out");
	dm_err_free(err);
	if (again && !closed)
		renew(s);
	session_unref(s);
}

static void
start_renewal(void *arg)
{
	struct session *s = arg;

	dm_etcd_lease_keepalive_start(s->m->etcd, s->lease.id, on_renewed, s);
}

static void
renew(struct session *s)
{
	gate_enter(s->m->gate, start_renewal, session_ref(s));
}

static void
on_heartbeat(struct session *s, uint64_t seq)
{
	bool send;

	dm_mutex_lock(&s->mu);
	send = lease_beat(&s->lease, seq, dm_mono_now());
	dm_mutex_unlock(&s->mu);
	if (send)
		renew(s);
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
	switch (msg->m_case) {
	case DM__V1__WORKER_MESSAGE__M_HELLO:
		on_hello(s, msg->hello);
		break;
	case DM__V1__WORKER_MESSAGE__M_HEARTBEAT:
		on_heartbeat(s, msg->heartbeat->seq);
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

struct goodbye {
	struct session *s;
	int64_t revoke; /* 0: the lease is left alone */
};

static void
goodbye_free(void *p)
{
	struct goodbye *g = p;

	session_unref(g->s);
	g_free(g);
}

static void
run_goodbye(struct sched_core *core, void *arg)
{
	struct goodbye *g = arg;
	struct dm_err *err;

	if (core != NULL)
		sched_closed(core, g->s->id);
	if (g->revoke == 0)
		return;
	err = dm_etcd_lease_revoke(g->s->m->etcd, g->revoke);
	if (err != NULL)
		dm_warn("lease of dm-worker could not be revoked, it will run "
			"out",
		    dm_kstr("worker", g->s->name), dm_kerr(err));
	dm_err_free(err);
}

static void
on_close(struct dm_rpc_stream *st, enum dm_rpc_status status, const char *text,
    void *ctx)
{
	struct session *s = ctx;
	struct session_mgr *m = s->m;
	struct goodbye *g = g_new0(struct goodbye, 1);

	(void)st;
	dm_mutex_lock(&s->mu);
	s->closed = true;
	g->revoke = s->stopped ? s->lease.id : 0;
	dm_mutex_unlock(&s->mu);
	dm_info("session of dm-worker ended", dm_kstr("worker", s->name),
	    dm_kint("session", s->id),
	    dm_kbool("worker stopped", g->revoke != 0),
	    dm_kstr("status", dm_rpc_status_name(status)),
	    dm_kstr("text", text));
	dm_mutex_lock(&m->mu);
	g_hash_table_remove(m->sessions, &s->id);
	dm_mutex_unlock(&m->mu);
	commands_lost(m->commands, s->id);
	session_unref(s); /* the table's */
	g->s = s;         /* the stream's */
	sched_post(m->sched, run_goodbye, g, goodbye_free);
}

/* ---- manager ---- */

struct session_mgr *
session_mgr_new(struct dm_etcd *etcd, const struct dm_keys *keys)
{
	struct session_mgr *m = g_new0(struct session_mgr, 1);

	m->etcd = etcd;
	m->keys = keys;
	if (keys == NULL)
		m->own = dm_keys_random();
	m->sessions = g_hash_table_new(g_int64_hash, g_int64_equal);
	m->granted = g_ptr_array_new_with_free_func(hello_free);
	m->commands = commands_new();
	m->gate = gate_new(LEASE_REQUESTS);
	dm_mutex_init(&m->mu, 30);
	return m;
}

void
session_mgr_free(struct session_mgr *m)
{
	if (m == NULL)
		return;
	members_free(m->members);
	g_ptr_array_unref(m->granted);
	commands_free(m->commands);
	gate_free(m->gate);
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
	members_stop(m->members);
}

void
session_mgr_follow_members(struct session_mgr *m)
{
	m->members = members_start(m->etcd, on_members, m);
}

void
session_mgr_attach(struct session_mgr *m, struct sched *sched)
{
	m->sched = sched;
}
