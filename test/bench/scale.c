/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load for the control plane: thousands of dm-workers without databases in one
 * process. Each has its own connection and session, beats, and reports, as
 * worker/agent and worker/holder do. test/bench/scale.sh and the integration
 * tests drive it by lines on stdin; each command answers with one line.
 *
 *   scale MASTERS WORKERS TTL-SECONDS   MASTERS: host:port,host:port
 *     registered SECONDS    until all have a session
 *     bound SECONDS COUNT   until so many have a source and a task
 *     mark                  the moment that `moved` counts from
 *     moved SECONDS         until all have a session that began after mark
 *     query ADDRESS COUNT   query-status of everything, so often
 *     steady                the leases; counts since the last `steady`
 *   scale seed ETCD-URL COUNT           write sources and tasks, no workers
 *
 * DESIGN: one thread looks at all workers every TICK_MS and does what is due;
 * two threads run the callbacks of all streams. One lock guards all workers:
 * it is held for moments, and never while anything is sent.
 */
#include "dmmaster.pb-c.h"
#include "dmsession.pb-c.h"
#include "lib/base/clock.h"
#include "lib/crypt/crypt.h"
#include "lib/etcd/etcd.h"
#include "lib/ha/store.h"
#include "lib/rpc/rpc.h"
#include "lib/thread/mutex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS        20
#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS   1000
#define BEAT_MS        10000 /* as the workers, for every TTL from 60 s on */
#define REPORT_MS      1000
#define IDLE_REPORT_MS 10000
#define IN_FLIGHT      64 /* heartbeats whose time is remembered */
#define POOLS          2
/* So many sessions are opened at a time: a process that opens thousands of
 * channels at once spends its time on their timers, as thousands of processes
 * would not. */
#define OPENING_MAX 256
#define PAD_BYTES   900 /* makes a status about 1 KB long */
#define QUERY_MS    30000
#define QUERY_BYTES ((size_t)64 << 20)
#define SEED_OPS    90 /* in one transaction; etcd takes 128 */

enum state { AWAY, OPENING, WELCOMED, CLOSED };

struct sim {
	char name[24], address[32];
	struct dm_rpc_channel *channel; /* of the driving thread, as: */
	struct dm_rpc_stream *stream;
	unsigned master;
	int64_t retry_ms;
	struct dm_mono due, beat_due, report_due;

	/* Under the lock. */
	enum state state;
	struct dm_receiver *receiver;
	uint64_t seq, acked;
	struct dm_mono sent[IN_FLIGHT];
	struct dm_mono hello_at, welcomed_at, deadline;
	bool has_lease;
	char *source, *task; /* what it should run; NULL: nothing */
	uint64_t epoch;
	int64_t revision;
};

static struct {
	char **masters;
	unsigned n_masters, n;
	int64_t ttl_ms;
	struct dm_rpc_channel *pools[POOLS];
	struct sim *sims;
	char pad[PAD_BYTES + 1];

	struct dm_mutex mu; /* rank 100; guards the fields below, and sims' */
	bool stopping;
	struct dm_mono mark;
	GArray *welcome_ms, *ack_ms; /* of double */
	unsigned lost, ended;        /* leases, sessions */
	unsigned opening;
} all;

/* ---- numbers ---- */

static gint
by_size(gconstpointer a, gconstpointer b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts. 0 when there is none. */
static double
quantile(GArray *values, double q)
{
	if (values->len == 0)
		return 0;
	g_array_sort(values, by_size);
	return g_array_index(
	    values, double, (guint)(q * (double)(values->len - 1) + 0.5));
}

static double
ms_between(struct dm_mono from, struct dm_mono to)
{
	return (double)(to.ns - from.ns) / 1e6;
}

static void
note(GArray *values, double ms)
{
	g_array_append_val(values, ms);
}

/* ---- what comes down ---- */

/* Seq was acknowledged: the lease runs from when it was sent, with the
 * worker's margin. */
static void
acked_locked(struct sim *w, uint64_t seq)
{
	struct dm_mono until;

	if (seq == 0 || seq > w->seq || w->seq - seq >= IN_FLIGHT)
		return;
	note(all.ack_ms, ms_between(w->sent[seq % IN_FLIGHT], dm_mono_now()));
	until = dm_mono_add_ms(
	    w->sent[seq % IN_FLIGHT], all.ttl_ms - all.ttl_ms / 10);
	w->acked = seq;
	if (!w->has_lease || until.ns > w->deadline.ns)
		w->deadline = until;
	w->has_lease = true;
}

static void
welcomed_locked(struct sim *w)
{
	all.opening -= w->state == OPENING;
	w->state = WELCOMED;
	w->welcomed_at = dm_mono_now();
	note(all.welcome_ms, ms_between(w->hello_at, w->welcomed_at));
	acked_locked(w, 1);
}

static void
desired_locked(struct sim *w, const Dm__V1__Desired *d)
{
	g_clear_pointer(&w->source, g_free);
	g_clear_pointer(&w->task, g_free);
	w->revision = d->revision;
	/* As a worker does: what has changed is reported at once. */
	w->report_due = dm_mono_now();
	if (d->n_sources == 0)
		return;
	w->source = g_strdup(d->sources[0]->source);
	w->epoch = d->sources[0]->epoch;
	if (d->sources[0]->n_subtasks > 0)
		w->task = g_strdup(d->sources[0]->subtasks[0]->task);
}

static void
on_message(struct dm_rpc_stream *st, const ProtobufCMessage *msg, void *ctx)
{
	const Dm__V1__MasterMessage *m = (const void *)msg;
	struct sim *w = ctx;

	(void)st;
	dm_mutex_lock(&all.mu);
	if (m->m_case == DM__V1__MASTER_MESSAGE__M_WELCOME)
		welcomed_locked(w);
	else if (m->m_case == DM__V1__MASTER_MESSAGE__M_ACK)
		acked_locked(w, m->ack->seq);
	else if (m->m_case == DM__V1__MASTER_MESSAGE__M_DESIRED)
		desired_locked(w, m->desired);
	dm_mutex_unlock(&all.mu);
	if (m->m_case == DM__V1__MASTER_MESSAGE__M_REFUSE)
		fprintf(stderr, "%s is refused: %s\n", w->name, m->refuse->msg);
}

static void
on_close(struct dm_rpc_stream *st, enum dm_rpc_status status, const char *text,
    void *ctx)
{
	struct sim *w = ctx;

	(void)st;
	dm_mutex_lock(&all.mu);
	if (w->state == WELCOMED && !all.stopping && all.ended++ < 5)
		fprintf(stderr, "%s: session ended: %s: %s\n", w->name,
		    dm_rpc_status_name(status), text);
	w->retry_ms = w->state == WELCOMED ? 0 : w->retry_ms;
	all.opening -= w->state == OPENING;
	w->state = CLOSED;
	dm_mutex_unlock(&all.mu);
}

static const struct dm_rpc_stream_ops session_ops = {
	.on_message = on_message,
	.on_close = on_close,
};

/* ---- what goes up ---- */

static void
send_hello(struct sim *w)
{
	Dm__V1__WorkerMessage up = DM__V1__WORKER_MESSAGE__INIT;
	Dm__V1__Hello hello;
	Dm__V1__Holding holding;
	Dm__V1__Holding *holdings[] = { &holding };
	uint8_t key[DM_SEAL_PUBLIC_BYTES];
	g_autofree char *source = NULL;
	char version[] = "bench";

	dm__v1__hello__init(&hello);
	dm__v1__holding__init(&holding);
	dm_mutex_lock(&all.mu);
	dm_receiver_free(w->receiver);
	w->receiver = dm_receiver_new();
	dm_receiver_public(w->receiver, key);
	w->seq = 1;
	w->acked = 0;
	w->hello_at = w->sent[1] = dm_mono_now();
	source = g_strdup(w->source);
	holding.epoch = w->epoch;
	dm_mutex_unlock(&all.mu);
	hello.protocol = 1;
	hello.name = w->name;
	hello.address = w->address;
	hello.version = version;
	hello.keepalivettl = hello.relaykeepalivettl = all.ttl_ms / 1000;
	hello.maxsources = 1;
	hello.sealkey.data = key;
	hello.sealkey.len = sizeof(key);
	if (source != NULL) {
		holding.source = source;
		hello.holding = holdings;
		hello.n_holding = 1;
	}
	up.m_case = DM__V1__WORKER_MESSAGE__M_HELLO;
	up.hello = &hello;
	(void)dm_rpc_stream_send(w->stream, &up.base);
}

static void
send_heartbeat(struct sim *w)
{
	Dm__V1__WorkerMessage up = DM__V1__WORKER_MESSAGE__INIT;
	Dm__V1__Heartbeat hb = DM__V1__HEARTBEAT__INIT;

	dm_mutex_lock(&all.mu);
	hb.seq = ++w->seq;
	w->sent[hb.seq % IN_FLIGHT] = dm_mono_now();
	dm_mutex_unlock(&all.mu);
	up.m_case = DM__V1__WORKER_MESSAGE__M_HEARTBEAT;
	up.heartbeat = &hb;
	(void)dm_rpc_stream_send(w->stream, &up.base);
}

/* A task in replication; totalEvents is when this was said. source and task
 * may be NULL. */
static void
send_report(struct sim *w, char *source, char *task, Dm__V1__Report *report)
{
	Dm__V1__WorkerMessage up = DM__V1__WORKER_MESSAGE__INIT;
	Dm__V1__SourceReport sr;
	Dm__V1__SourceReport *sources[] = { &sr };
	Pb__SourceStatus status;
	Pb__SubTaskStatus sub;
	Pb__SubTaskStatus *subs[] = { &sub };
	Pb__SyncStatus sync;

	dm__v1__source_report__init(&sr);
	pb__source_status__init(&status);
	pb__sub_task_status__init(&sub);
	pb__sync_status__init(&sync);
	if (source != NULL) {
		report->sources = sources;
		report->n_sources = 1;
		sr.source = status.source = source;
		sr.epoch = w->epoch;
		sr.status = &status;
		status.worker = w->name;
	}
	if (source != NULL && task != NULL) {
		sr.subtasks = subs;
		sr.n_subtasks = 1;
		sub.name = task;
		sub.stage = PB__STAGE__Running;
		sub.unit = PB__UNIT_TYPE__Sync;
		sub.status_case = PB__SUB_TASK_STATUS__STATUS_SYNC;
		sub.sync = &sync;
		sync.totalevents = dm_mono_now().ns / 1000000;
		sync.masterbinloggtid = all.pad;
	}
	up.m_case = DM__V1__WORKER_MESSAGE__M_REPORT;
	up.report = report;
	(void)dm_rpc_stream_send(w->stream, &up.base);
}

/* ---- the driving thread ---- */

static void
open_session(struct sim *w)
{
	struct dm_rpc_channel_opts o = {
		.streams_with = all.pools[(w - all.sims) % POOLS]
	};

	w->channel =
	    dm_rpc_channel_new(all.masters[w->master % all.n_masters], &o);
	dm_mutex_lock(&all.mu);
	w->state = OPENING;
	all.opening++;
	dm_mutex_unlock(&all.mu);
	w->stream = dm_rpc_stream_open(w->channel,
	    &dm__v1__worker_session__descriptor, "Session", &session_ops, w);
	send_hello(w);
}

static void
close_session(struct sim *w, struct dm_mono now)
{
	dm_rpc_stream_unref(DM_TAKE(w->stream));
	dm_rpc_channel_free(DM_TAKE(w->channel));
	/* After a session the same master first, as a worker does. */
	if (w->retry_ms != 0)
		w->master++;
	w->retry_ms = CLAMP(2 * w->retry_ms, RETRY_FIRST_MS, RETRY_MAX_MS);
	w->due = dm_mono_add_ms(now, w->retry_ms);
	dm_mutex_lock(&all.mu);
	w->state = AWAY;
	dm_mutex_unlock(&all.mu);
}

/* True when it is time; then sets the next. */
static bool
is_due(struct dm_mono *at, struct dm_mono now, int64_t every_ms)
{
	if (now.ns < at->ns)
		return false;
	*at = dm_mono_add_ms(now, every_ms);
	return true;
}

static void
step(struct sim *w, struct dm_mono now)
{
	Dm__V1__Report report = DM__V1__REPORT__INIT;
	g_autofree char *source = NULL, *task = NULL;
	bool reports = false, may_open;
	enum state state;

	dm_mutex_lock(&all.mu);
	state = w->state;
	may_open = all.opening < OPENING_MAX;
	if (w->has_lease && now.ns > w->deadline.ns) {
		w->has_lease = false;
		all.lost++;
	}
	if (state == WELCOMED)
		reports = is_due(&w->report_due, now,
		    w->source != NULL ? REPORT_MS : IDLE_REPORT_MS);
	if (reports) {
		source = g_strdup(w->source);
		task = g_strdup(w->task);
		report.revision = w->revision;
	}
	dm_mutex_unlock(&all.mu);
	if (state == AWAY && now.ns >= w->due.ns && may_open) {
		w->beat_due = dm_mono_add_ms(now, BEAT_MS);
		open_session(w);
	} else if (state == CLOSED) {
		close_session(w, now);
	} else if (state != AWAY && is_due(&w->beat_due, now, BEAT_MS)) {
		send_heartbeat(w);
	}
	if (reports)
		send_report(w, source, task, &report);
}

static bool
is_stopping(void)
{
	bool stopping;

	dm_mutex_lock(&all.mu);
	stopping = all.stopping;
	dm_mutex_unlock(&all.mu);
	return stopping;
}

static void *
drive(void *arg)
{
	(void)arg;
	while (!is_stopping()) {
		for (unsigned i = 0; i < all.n; i++)
			step(&all.sims[i], dm_mono_now());
		g_usleep(TICK_MS * 1000);
	}
	for (unsigned i = 0; i < all.n; i++) {
		struct sim *w = &all.sims[i];

		if (w->channel == NULL)
			continue;
		dm_rpc_channel_free(w->channel);
		dm_rpc_stream_unref(w->stream);
	}
	return NULL;
}

/* ---- commands ---- */

static unsigned
count_sessions(struct dm_mono since)
{
	unsigned n = 0;

	dm_mutex_lock(&all.mu);
	for (unsigned i = 0; i < all.n; i++)
		n += all.sims[i].state == WELCOMED &&
		     all.sims[i].welcomed_at.ns >= since.ns;
	dm_mutex_unlock(&all.mu);
	return n;
}

static unsigned
count_bound(struct dm_mono unused)
{
	unsigned n = 0;

	(void)unused;
	dm_mutex_lock(&all.mu);
	for (unsigned i = 0; i < all.n; i++)
		n += all.sims[i].task != NULL;
	dm_mutex_unlock(&all.mu);
	return n;
}

/* Answers "NAME HAVE WANTED SECONDS p50-ms p99-ms": of Hello to Welcome. */
static void
wait_until(const char *name, unsigned (*count)(struct dm_mono since),
    unsigned wanted, struct dm_mono since, int64_t seconds)
{
	struct dm_mono end = dm_mono_add_ms(dm_mono_now(), seconds * 1000);
	unsigned have;

	while ((have = count(since)) < wanted && dm_mono_now().ns < end.ns)
		g_usleep(10000);
	dm_mutex_lock(&all.mu);
	printf("%s %u %u %.2f %.0f %.0f\n", name, have, wanted,
	    ms_between(all.mark, dm_mono_now()) / 1000,
	    quantile(all.welcome_ms, 0.5), quantile(all.welcome_ms, 0.99));
	g_array_set_size(all.welcome_ms, 0);
	dm_mutex_unlock(&all.mu);
}

static void
mark(void)
{
	dm_mutex_lock(&all.mu);
	all.mark = dm_mono_now();
	g_array_set_size(all.welcome_ms, 0);
	dm_mutex_unlock(&all.mu);
	printf("mark\n");
}

static void
note_ages(const Pb__QueryStatusListResponse *r, GArray *ages, unsigned *tasks)
{
	double now = (double)dm_mono_now().ns / 1e6;

	*tasks = 0;
	for (size_t i = 0; i < r->n_sources; i++) {
		const Pb__QueryStatusResponse *s = r->sources[i];

		for (size_t k = 0; k < s->n_subtaskstatus; k++) {
			const Pb__SubTaskStatus *t = s->subtaskstatus[k];

			if (t->status_case != PB__SUB_TASK_STATUS__STATUS_SYNC)
				continue;
			++*tasks;
			note(ages, now - (double)t->sync->totalevents);
		}
	}
}

/* Answers "query TASKS FAILED p50-ms p99-ms age-p50-ms age-p99-ms". */
static void
query(const char *address, unsigned count)
{
	struct dm_rpc_channel_opts o = { .max_recv_bytes = QUERY_BYTES };
	struct dm_rpc_channel *ch = dm_rpc_channel_new(address, &o);
	g_autoptr(GArray) took = g_array_new(FALSE, FALSE, sizeof(double));
	g_autoptr(GArray) ages = g_array_new(FALSE, FALSE, sizeof(double));
	unsigned tasks = 0, failed = 0;
	Pb__QueryStatusListRequest req;

	pb__query_status_list_request__init(&req);
	(void)dm_rpc_channel_wait(ch, QUERY_MS);
	for (unsigned i = 0; i < count; i++) {
		struct dm_mono begun = dm_mono_now();
		ProtobufCMessage *resp = NULL;
		DM_AUTO(dm_err)
		err = dm_rpc_unary(ch, &pb__master__descriptor, "QueryStatus",
		    &req.base, QUERY_MS, NULL, &resp, NULL);

		note(took, ms_between(begun, dm_mono_now()));
		failed += err != NULL;
		if (err != NULL)
			fprintf(stderr, "query: %s\n", err->message);
		else
			note_ages((const void *)resp, ages, &tasks);
		if (resp != NULL)
			protobuf_c_message_free_unpacked(resp, NULL);
		g_usleep(100000);
	}
	dm_rpc_channel_free(ch);
	printf("query %u %u %.1f %.1f %.0f %.0f\n", tasks, failed,
	    quantile(took, 0.5), quantile(took, 0.99), quantile(ages, 0.5),
	    quantile(ages, 0.99));
}

/* Answers "steady SESSIONS LEASES-LOST SESSIONS-ENDED ack-p50-ms ack-p99-ms
 * shortest-lease-ms". */
static void
steady(void)
{
	unsigned n = count_sessions((struct dm_mono){ 0 });
	double left = (double)all.ttl_ms;

	dm_mutex_lock(&all.mu);
	for (unsigned i = 0; i < all.n; i++)
		left = MIN(
		    left, all.sims[i].has_lease
			      ? ms_between(dm_mono_now(), all.sims[i].deadline)
			      : 0);
	printf("steady %u %u %u %.0f %.0f %.0f\n", n, all.lost, all.ended,
	    quantile(all.ack_ms, 0.5), quantile(all.ack_ms, 0.99), left);
	g_array_set_size(all.ack_ms, 0);
	all.lost = all.ended = 0;
	dm_mutex_unlock(&all.mu);
}

static int64_t
number(const char *text)
{
	return g_ascii_strtoll(text, NULL, 10);
}

static bool
command(char *line)
{
	g_auto(GStrv) w = g_strsplit(g_strstrip(line), " ", 4);
	guint n = g_strv_length(w);
	struct dm_mono never = { 0 };

	if (n == 2 && g_str_equal(w[0], "registered"))
		wait_until(
		    "registered", count_sessions, all.n, never, number(w[1]));
	else if (n == 3 && g_str_equal(w[0], "bound"))
		wait_until("bound", count_bound, (unsigned)number(w[2]), never,
		    number(w[1]));
	else if (n == 1 && g_str_equal(w[0], "mark"))
		mark();
	else if (n == 2 && g_str_equal(w[0], "moved"))
		wait_until(
		    "moved", count_sessions, all.n, all.mark, number(w[1]));
	else if (n == 3 && g_str_equal(w[0], "query"))
		query(w[1], (unsigned)number(w[2]));
	else if (n == 1 && g_str_equal(w[0], "steady"))
		steady();
	else
		return false;
	return true;
}

static void
make_sims(void)
{
	all.sims = g_new0(struct sim, all.n);
	for (unsigned i = 0; i < all.n; i++) {
		struct sim *w = &all.sims[i];

		g_snprintf(w->name, sizeof(w->name), "sim-%05u", i);
		g_snprintf(w->address, sizeof(w->address), "127.1.%u.%u:8262",
		    i / 250, i % 250 + 1);
		w->master = i;
		w->retry_ms = RETRY_FIRST_MS;
		/* Reports of all workers do not come in one moment. */
		w->report_due =
		    dm_mono_add_ms(dm_mono_now(), (int64_t)i * 7919 % 1000);
	}
}

static int
run(char **argv)
{
	char line[256];
	pthread_t driver;
	int rc = 0;

	all.masters = g_strsplit(argv[1], ",", -1);
	all.n_masters = g_strv_length(all.masters);
	all.n = (unsigned)number(argv[2]);
	all.ttl_ms = number(argv[3]) * 1000;
	memset(all.pad, 'x', PAD_BYTES);
	all.welcome_ms = g_array_new(FALSE, FALSE, sizeof(double));
	all.ack_ms = g_array_new(FALSE, FALSE, sizeof(double));
	dm_mutex_init(&all.mu, 100);
	for (unsigned i = 0; i < POOLS; i++)
		all.pools[i] = dm_rpc_channel_new(all.masters[0], NULL);
	make_sims();
	all.mark = dm_mono_now();
	driver = dm_thread_start("drive", drive, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (rc == 0 && fgets(line, sizeof(line), stdin) != NULL)
		rc = command(line) ? 0 : 2;
	dm_mutex_lock(&all.mu);
	all.stopping = true;
	dm_mutex_unlock(&all.mu);
	pthread_join(driver, NULL);
	for (unsigned i = 0; i < POOLS; i++)
		dm_rpc_channel_free(all.pools[i]);
	return rc;
}

/* ---- seed ---- */

static struct dm_err *
write_batch(struct dm_etcd *e, const struct dm_ha_batch *b)
{
	DM_AUTO(dm_etcd_txn) t = dm_etcd_txn_new();
	struct dm_etcd_txn_result result;

	dm_ha_batch_fill(b, t);
	return dm_etcd_txn_run(e, t, &result);
}

/* One source with one task. */
static void
put_task(struct dm_ha_batch *b, unsigned i)
{
	g_autofree char *id = g_strdup_printf("src-%05u", i);
	g_autofree char *source = g_strdup_printf(
	    "source-id: %s\nfrom:\n  host: 127.0.0.1\n  port: 3306\n"
	    "  user: dm\n",
	    id);
	g_autofree char *task = g_strdup_printf(
	    "name: task\ntask-mode: incremental\ntarget-database:\n"
	    "  host: 127.0.0.1\n  port: 4000\n  user: dm\nmysql-instances:\n"
	    "- source-id: %s\n",
	    id);
	char name[] = "task";
	struct dm_ha_item item = {
		.kind = DM_HA_SOURCE, .first = id, .text = source
	};

	dm_ha_batch_put(b, &item);
	item = (struct dm_ha_item){
		.kind = DM_HA_SUBTASK, .first = id, .second = name, .text = task
	};
	dm_ha_batch_put(b, &item);
	item = (struct dm_ha_item){ .kind = DM_HA_STAGE,
		.first = id,
		.second = name,
		.number = PB__STAGE__Running };
	dm_ha_batch_put(b, &item);
}

static int
seed(const char *url, unsigned n)
{
	const char *urls[] = { url, NULL };
	struct dm_etcd_opts o = { .endpoints = urls };
	struct dm_etcd *e = NULL;
	struct dm_err *err = dm_etcd_new(&o, &e);

	for (unsigned i = 0; err == NULL && i < n;) {
		DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();

		while (i < n && b->ops->len < SEED_OPS)
			put_task(b, i++);
		err = write_batch(e, b);
	}
	dm_etcd_free(e);
	if (err == NULL)
		return 0;
	fprintf(stderr, "seed: %s\n", err->message);
	dm_err_free(err);
	return 1;
}

int
main(int argc, char **argv)
{
	int rc;

	if (argc != 4) {
		fprintf(stderr, "usage: scale MASTERS WORKERS TTL\n"
				"       scale seed ETCD COUNT\n");
		return 2;
	}
	dm_rpc_init();
	if (g_str_equal(argv[1], "seed"))
		rc = seed(argv[2], (unsigned)number(argv[3]));
	else
		rc = run(argv);
	dm_rpc_shutdown();
	return rc;
}
