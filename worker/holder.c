/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The holder: see holder.h.
 *
 * DESIGN: the thread never blocks on a subtask: one that must end is told so
 * and put on a list of leaving ones; a source with the same id or a task with
 * the same name starts only when its predecessor has left. It stops on
 * holder_stop, after the leaving ones are gone or the time is over.
 */
#include "worker/holder.h"

#include "lib/base/clock.h"
#include "lib/config/secret.h"
#include "lib/config/source.h"
#include "lib/log/log.h"
#include "lib/thread/queue.h"
#include "worker/relays.h"
#include "worker/subtask.h"
#include "worker/subtask_edges.h"

#include <stdlib.h>
#include <string.h>

#define RANK_HOLDER 150
#define MAILBOX     1024
#define REPORT_MS   1000
/* Of a worker without sources: it has nothing to say, and thousands of them
 * would fill the master with it. */
#define IDLE_REPORT_MS 10000
#define LEAVING_MS     50

enum msg_kind {
	MSG_LEASE_BEGINS,
	MSG_LEASE_ENDS,
	MSG_DESIRE,
	MSG_COMMAND, /* for a subtask */
	MSG_CHANGED, /* a subtask's stage: report soon */
	MSG_STOP
};

struct msg {
	enum msg_kind kind;
	struct dm_cancel *hard;   /* LEASE_BEGINS; owned */
	Dm__V1__Desired *desired; /* DESIRE; owned */
	struct dm_keys *keys;     /* DESIRE; owned */
	struct command *command;  /* COMMAND; owned */
};

/* A source with its epoch, as long as any of its subtasks exists. */
struct source {
	char *id;
	uint64_t epoch;
	struct dm_source_cfg *cfg; /* NULL: did not parse */
	struct dm_err *error;      /* why not */
	GHashTable *subtasks;      /* name -> struct subtask*, owned */
	GPtrArray *leaving;        /* struct subtask*, owned */
	GHashTable *units;         /* name -> unit of one that leaves only to
				      come back with another configuration */
};

struct holder {
	char *worker;
	int64_t lease_ttl_s;
	void (*report)(const Dm__V1__Report *report, void *arg);
	void *arg;
	pthread_t thread;
	struct dm_queue *mailbox;

	/* Owner: the thread. */
	struct dm_cancel *hard; /* NULL: no lease */
	GPtrArray *old_hard;    /* fired; freed when nothing uses them */
	GHashTable *sources;    /* id -> struct source* */
	GPtrArray *leaving;     /* struct source* */
	struct relays *relays;
	Dm__V1__Desired *desired; /* newest; NULL: none in this lease */
	struct dm_keys *keys;     /* of its passwords */
	int64_t revision;
	bool stopping;

	struct dm_mutex mu;   /* rank 150; guards the copies below */
	GArray *holding;      /* struct held */
	Dm__V1__Report *last; /* NULL: none yet */
	bool relays_by_name;
};

/* ---- messages ---- */

static void
msg_free(void *p)
{
	struct msg *m = p;

	dm_cancel_free(m->hard);
	dm_keys_free(m->keys);
	command_drop(m->command);
	if (m->desired != NULL)
		dm__v1__desired__free_unpacked(m->desired, NULL);
	g_free(m);
}

static void
post(struct holder *h, struct msg m)
{
	(void)dm_queue_push_now(h->mailbox, g_memdup2(&m, sizeof(m)));
}

void
holder_lease_begins(struct holder *h, struct dm_cancel *hard)
{
	post(h, (struct msg){ .kind = MSG_LEASE_BEGINS, .hard = hard });
}

void
holder_lease_ends(struct holder *h)
{
	post(h, (struct msg){ .kind = MSG_LEASE_ENDS });
}

void
holder_desire(
    struct holder *h, const Dm__V1__Desired *desired, struct dm_keys *keys)
{
	size_t n = dm__v1__desired__get_packed_size(desired);
	g_autofree uint8_t *buf = g_malloc(n);

	dm__v1__desired__pack(desired, buf);
	post(h, (struct msg){ .kind = MSG_DESIRE,
		    .keys = keys,
		    .desired = dm__v1__desired__unpack(NULL, n, buf) });
}

void
holder_command(struct holder *h, struct command *c)
{
	post(h, (struct msg){ .kind = MSG_COMMAND, .command = c });
}

static void
on_changed(void *arg)
{
	post(arg, (struct msg){ .kind = MSG_CHANGED });
}

/* ---- sources ---- */

static void
free_cancel(gpointer p)
{
	dm_cancel_free(p);
}

static void
free_subtask(gpointer p)
{
	subtask_free(p);
}

static void
source_free(gpointer p)
{
	struct source *s = p;

	g_hash_table_unref(s->subtasks);
	g_ptr_array_unref(s->leaving);
	g_hash_table_unref(s->units);
	dm_source_cfg_free(s->cfg);
	dm_err_free(s->error);
	g_free(s->id);
	g_free(s);
}

static struct source *
source_new(const Dm__V1__SourceAssignment *a, const struct dm_keys *keys)
{
	struct source *s = g_new0(struct source, 1);

	s->id = g_strdup(a->source);
	s->epoch = a->epoch;
	s->subtasks =
	    g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_subtask);
	s->leaving = g_ptr_array_new_with_free_func(free_subtask);
	s->units = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	s->error = dm_source_cfg_parse("", a->config, &s->cfg);
	if (s->error == NULL)
		s->error = dm_db_cfg_decrypt(&s->cfg->from, "from", keys);
	if (s->error != NULL) /* as one that does not parse */
		dm_source_cfg_free(DM_TAKE(s->cfg));
	if (s->error != NULL)
		dm_error("source config is not valid", dm_kstr("source", s->id),
		    dm_kerr(s->error));
	return s;
}

static void
leave_subtask(struct source *s, struct subtask *st)
{
	g_hash_table_steal(s->subtasks, subtask_name(st));
	subtask_close(st);
	g_ptr_array_add(s->leaving, st);
}

static void
leave_all(struct source *s)
{
	GHashTableIter it;
	gpointer st;

	g_hash_table_iter_init(&it, s->subtasks);
	while (g_hash_table_iter_next(&it, NULL, &st)) {
		g_hash_table_iter_steal(&it);
		subtask_close(st);
		g_ptr_array_add(s->leaving, st);
	}
}

static void
reap(struct source *s)
{
	for (guint i = s->leaving->len; i > 0; i--) {
		if (subtask_is_over(g_ptr_array_index(s->leaving, i - 1)))
			g_ptr_array_remove_index_fast(s->leaving, i - 1);
	}
}

static bool
is_leaving(const struct source *s, const char *task)
{
	for (guint i = 0; i < s->leaving->len; i++) {
		if (strcmp(subtask_name(g_ptr_array_index(s->leaving, i)),
			task) == 0)
			return true;
	}
	return false;
}

static bool
source_is_leaving(const struct holder *h, const char *id)
{
	for (guint i = 0; i < h->leaving->len; i++) {
		const struct source *s = g_ptr_array_index(h->leaving, i);

		if (strcmp(s->id, id) == 0)
			return true;
	}
	return false;
}

/* ---- making it so ---- */

static struct subtask *
start_subtask(
    struct holder *h, struct source *s, const Dm__V1__SubTaskAssignment *a)
{
	struct subtask_opts o = { .task_yaml = a->config,
		.keys = h->keys,
		.source = s->cfg,
		.worker = h->worker,
		.cli_args = a->cliargs,
		.cluster_id = h->desired->clusterid,
		.epoch = s->epoch,
		.lease_ttl_s = h->lease_ttl_s,
		.first_unit =
		    GPOINTER_TO_UINT(g_hash_table_lookup(s->units, a->task)),
		.relay = relays_hub(h->relays, s->id),
		.hard = h->hard,
		.changed = on_changed,
		.arg = h };
	struct subtask *st = subtask_new(a->task, &o);

	g_hash_table_insert(s->subtasks, subtask_name(st), st);
	g_hash_table_remove(s->units, a->task);
	return st;
}

static const Dm__V1__SubTaskAssignment *
find_task(const Dm__V1__SourceAssignment *a, const char *task)
{
	for (size_t i = 0; i < a->n_subtasks; i++) {
		if (strcmp(a->subtasks[i]->task, task) == 0)
			return a->subtasks[i];
	}
	return NULL;
}

static void
follow_source(
    struct holder *h, struct source *s, const Dm__V1__SourceAssignment *a)
{
	g_autoptr(GList) all = g_hash_table_get_values(s->subtasks);

	for (GList *l = all; l != NULL; l = l->next) {
		if (find_task(a, subtask_name(l->data)) == NULL)
			leave_subtask(s, l->data);
	}
	for (size_t i = 0; s->cfg != NULL && i < a->n_subtasks; i++) {
		const Dm__V1__SubTaskAssignment *t = a->subtasks[i];
		struct subtask *st = g_hash_table_lookup(s->subtasks, t->task);

		if (st != NULL && !subtask_has_config(st, t->config, h->keys)) {
			g_hash_table_replace(s->units, g_strdup(t->task),
			    GUINT_TO_POINTER(subtask_unit(st)));
			leave_subtask(s, st);
			st = NULL;
		}
		if (st == NULL && is_leaving(s, t->task))
			continue; /* once its predecessor has left */
		if (st == NULL)
			st = start_subtask(h, s, t);
		subtask_expect(st, t->stage, t->revision);
	}
}

static const Dm__V1__SourceAssignment *
find_source(const Dm__V1__Desired *d, const char *id)
{
	for (size_t i = 0; d != NULL && i < d->n_sources; i++) {
		if (strcmp(d->sources[i]->source, id) == 0)
			return d->sources[i];
	}
	return NULL;
}

static void
leave_source(struct holder *h, struct source *s, const char *why)
{
	dm_info("source leaves this worker", dm_kstr("source", s->id),
	    dm_kint("epoch", s->epoch), dm_kstr("why", why));
	g_hash_table_steal(h->sources, s->id);
	leave_all(s);
	g_ptr_array_add(h->leaving, s);
}

/* Bring what runs in line with what is wanted; called again and again until
 * nothing is left to do. */
static void
follow(struct holder *h)
{
	g_autoptr(GList) all = g_hash_table_get_values(h->sources);

	for (GList *l = all; l != NULL; l = l->next) {
		struct source *s = l->data;
		const Dm__V1__SourceAssignment *a =
		    find_source(h->desired, s->id);

		if (h->hard == NULL || h->stopping)
			leave_source(h, s, "the worker stops");
		else if (h->desired != NULL &&
			 (a == NULL || a->epoch != s->epoch))
			leave_source(h, s,
			    a == NULL ? "it is not ours any more"
				      : "it has a new epoch");
	}
	relays_follow(h->relays,
	    h->hard == NULL || h->stopping ? NULL : h->desired, h->keys,
	    h->hard);
	if (h->hard == NULL || h->stopping)
		return;
	for (size_t i = 0; h->desired != NULL && i < h->desired->n_sources;
	     i++) {
		const Dm__V1__SourceAssignment *a = h->desired->sources[i];
		struct source *s = g_hash_table_lookup(h->sources, a->source);

		if (a->epoch == 0)
			continue; /* its relay log alone */
		if (s == NULL && source_is_leaving(h, a->source))
			continue;
		if (s == NULL) {
			s = source_new(a, h->keys);
			dm_info("source comes to this worker",
			    dm_kstr("source", s->id),
			    dm_kint("epoch", s->epoch));
			g_hash_table_insert(h->sources, s->id, s);
		}
		follow_source(h, s, a);
	}
}

/* True while something is on its way out. */
static bool
reap_all(struct holder *h)
{
	GHashTableIter it;
	gpointer s;
	bool busy = false;

	g_hash_table_iter_init(&it, h->sources);
	while (g_hash_table_iter_next(&it, NULL, &s)) {
		reap(s);
		busy |= ((struct source *)s)->leaving->len > 0;
	}
	for (guint i = h->leaving->len; i > 0; i--) {
		struct source *old = g_ptr_array_index(h->leaving, i - 1);

		reap(old);
		if (old->leaving->len == 0)
			g_ptr_array_remove_index_fast(h->leaving, i - 1);
	}
	busy |= h->leaving->len > 0;
	busy |= relays_are_busy(h->relays);
	/* All users of fired leases are gone when nothing leaves. */
	if (!busy)
		g_ptr_array_set_size(h->old_hard, 0);
	return busy;
}

/* ---- reports ---- */

static void *
xcalloc(size_t n, size_t size)
{
	void *p = calloc(MAX(n, (size_t)1), size);

	dm_assert(p != NULL);
	return p;
}

static Dm__V1__SourceReport *
report_new(struct holder *h, const char *id, uint64_t epoch)
{
	Dm__V1__SourceReport *r = xcalloc(1, sizeof(*r));

	dm__v1__source_report__init(r);
	r->source = strdup(id);
	r->epoch = epoch;
	r->status = xcalloc(1, sizeof(*r->status));
	pb__source_status__init(r->status);
	r->status->source = strdup(id);
	r->status->worker = strdup(h->worker);
	r->status->relaystatus = relays_status(h->relays, id);
	return r;
}

static Dm__V1__SourceReport *
source_report(struct holder *h, struct source *s)
{
	Dm__V1__SourceReport *r = report_new(h, s->id, s->epoch);
	g_autoptr(GList) names = g_list_sort(
	    g_hash_table_get_keys(s->subtasks), (GCompareFunc)strcmp);

	if (s->error != NULL)
		r->status->result = process_result_new(s->error, false);
	r->subtasks =
	    xcalloc(g_hash_table_size(s->subtasks), sizeof(*r->subtasks));
	for (GList *l = names; l != NULL; l = l->next)
		r->subtasks[r->n_subtasks++] =
		    subtask_status(g_hash_table_lookup(s->subtasks, l->data));
	return r;
}

/* Copies for other threads. Takes r, which stays until the next one. */
static void
note_copies(struct holder *h, Dm__V1__Report *r)
{
	bool by_name = relays_by_name(h->relays);
	Dm__V1__Report *old;

	dm_mutex_lock(&h->mu);
	old = h->last;
	h->last = r;
	h->relays_by_name = by_name;
	g_array_set_size(h->holding, 0);
	for (size_t i = 0; i < r->n_sources; i++) {
		const Dm__V1__SourceReport *s = r->sources[i];
		struct held held = { 0 };

		dm_assert(s != NULL);
		if (s->epoch == 0)
			continue; /* not bound: its relay log alone */
		held.epoch = s->epoch;
		g_strlcpy(held.source, s->source, sizeof(held.source));
		g_array_append_val(h->holding, held);
	}
	dm_mutex_unlock(&h->mu);
	if (old != NULL)
		dm__v1__report__free_unpacked(old, NULL);
}

struct listing {
	struct holder *h;
	Dm__V1__Report *r;
};

static void
add_report(struct listing *l, Dm__V1__SourceReport *one)
{
	l->r->sources = realloc(l->r->sources,
	    (l->r->n_sources + 1) * sizeof(Dm__V1__SourceReport *));
	dm_assert(l->r->sources != NULL);
	l->r->sources[l->r->n_sources++] = one;
}

/* A source of which only the relay log is here. Its tasks may just be leaving,
 * and are not told of again. */
static void
add_unbound(const char *source, void *arg)
{
	struct listing *l = arg;

	if (!g_hash_table_contains(l->h->sources, source))
		add_report(l, report_new(l->h, source, 0));
}

static void
report(struct holder *h)
{
	Dm__V1__Report *r = xcalloc(1, sizeof(*r));
	struct listing l = { h, r };
	GHashTableIter it;
	gpointer s;

	dm__v1__report__init(r);
	r->revision = h->desired != NULL ? h->desired->revision : 0;
	g_hash_table_iter_init(&it, h->sources);
	while (g_hash_table_iter_next(&it, NULL, &s))
		add_report(&l, source_report(h, s));
	relays_each_unbound(h->relays, add_unbound, &l);
	note_copies(h, r);
	h->report(r, h->arg);
}

/* A task that does not run now holds no file of the relay log, and may need
 * one. */
static void
guard_relay_files(struct holder *h)
{
	GHashTableIter it, tasks;
	gpointer p, st;

	g_hash_table_iter_init(&it, h->sources);
	while (g_hash_table_iter_next(&it, NULL, &p)) {
		struct source *s = p;
		g_autofree char *why = NULL;

		g_hash_table_iter_init(&tasks, s->subtasks);
		while (g_hash_table_iter_next(&tasks, NULL, &st)) {
			Pb__Stage stage = subtask_stage(st);

			if (stage != PB__STAGE__New &&
			    stage != PB__STAGE__Paused)
				continue;
			g_free(why);
			why = g_strdup_printf("subtask %s is in stage %s",
			    subtask_name(st), subtask_stage_name(stage));
		}
		relays_forbid_purge(h->relays, s->id, why);
	}
}

/* ---- the thread ---- */

static void
pass_on(struct holder *h, struct command *c)
{
	const struct source *s =
	    g_hash_table_lookup(h->sources, command_msg(c)->source);
	struct subtask *st;

	if (command_msg(c)->c_case == DM__V1__COMMAND__C_PURGE_RELAY) {
		guard_relay_files(h);
		relays_purge(h->relays, c);
		return;
	}
	st = s != NULL ? g_hash_table_lookup(s->subtasks, command_task(c))
		       : NULL;

	if (st != NULL)
		subtask_command(st, c);
	else if (s == NULL)
		command_answer(c, dm_err_new(WORKER_SOURCE_NOT_MATCH), NULL);
	else
		command_answer(c,
		    dm_err_new(WORKER_SUB_TASK_NOT_FOUND, command_task(c)),
		    NULL);
}

static void
take_message(struct holder *h, struct msg *m)
{
	switch (m->kind) {
	case MSG_LEASE_BEGINS:
		dm_assert(h->hard == NULL);
		h->hard = DM_TAKE(m->hard);
		break;
	case MSG_LEASE_ENDS:
		if (h->hard != NULL)
			g_ptr_array_add(h->old_hard, DM_TAKE(h->hard));
		if (h->desired != NULL)
			dm__v1__desired__free_unpacked(
			    DM_TAKE(h->desired), NULL);
		break;
	case MSG_DESIRE:
		if (m->desired->revision < h->revision)
			break; /* of a master that does not lead any more */
		h->revision = m->desired->revision;
		if (h->desired != NULL)
			dm__v1__desired__free_unpacked(h->desired, NULL);
		h->desired = DM_TAKE(m->desired);
		dm_keys_free(h->keys);
		h->keys = DM_TAKE(m->keys);
		break;
	case MSG_COMMAND:
		pass_on(h, DM_TAKE(m->command));
		break;
	case MSG_CHANGED:
		break;
	case MSG_STOP:
		h->stopping = true;
		break;
	}
}

/* Take what is in the mailbox; waits at most wait_ms for the first. */
static bool
take_messages(struct holder *h, int64_t wait_ms)
{
	bool changed = false;
	void *item;

	for (;;) {
		struct dm_err *err =
		    dm_queue_pop(h->mailbox, wait_ms, NULL, &item);

		dm_assert(err == NULL); /* nobody cancels it */
		if (item == NULL)
			return changed;
		changed = true;
		take_message(h, item);
		msg_free(item);
		wait_ms = 0;
	}
}

static bool
has_sources(const struct holder *h)
{
	return g_hash_table_size(h->sources) > 0 ||
	       (h->desired != NULL && h->desired->n_sources > 0);
}

static void *
holder_main(void *arg)
{
	struct holder *h = arg;
	struct dm_mono reported = { 0 };
	bool busy = false, idle = false;

	for (;;) {
		bool changed = take_messages(h, busy ? LEAVING_MS : REPORT_MS);
		struct dm_mono now;

		follow(h);
		guard_relay_files(h);
		busy = reap_all(h);
		now = dm_mono_now();
		/* Idle: the last report was empty, this one would be too. */
		idle = idle && !has_sources(h);
		if (changed || dm_mono_diff_ms(now, reported) >=
				   (idle ? IDLE_REPORT_MS : REPORT_MS)) {
			reported = now;
			report(h);
			idle = !has_sources(h);
		}
		if (h->stopping && !busy)
			return NULL;
	}
}

struct holder *
holder_start(const struct holder_opts *o)
{
	struct holder *h = g_new0(struct holder, 1);
	struct relays_opts ro = { .changed = on_changed };

	h->worker = g_strdup(o->worker);
	h->lease_ttl_s = o->lease_ttl_s;
	h->report = o->report;
	h->arg = o->arg;
	ro.worker = o->worker;
	ro.dir = o->relay_dir;
	ro.many = o->many_sources;
	ro.arg = h;
	h->relays = relays_new(&ro);
	h->mailbox = dm_queue_new(MAILBOX, msg_free);
	h->old_hard = g_ptr_array_new_with_free_func(free_cancel);
	h->sources =
	    g_hash_table_new_full(g_str_hash, g_str_equal, NULL, source_free);
	h->leaving = g_ptr_array_new_with_free_func(source_free);
	dm_mutex_init(&h->mu, RANK_HOLDER);
	h->holding = g_array_new(FALSE, TRUE, sizeof(struct held));
	h->thread = dm_thread_start("holder", holder_main, h);
	return h;
}

GArray *
holder_holding(struct holder *h)
{
	GArray *copy = g_array_new(FALSE, TRUE, sizeof(struct held));

	dm_mutex_lock(&h->mu);
	g_array_append_vals(copy, h->holding->data, h->holding->len);
	dm_mutex_unlock(&h->mu);
	return copy;
}

void
holder_with_report(struct holder *h,
    void (*fn)(const Dm__V1__Report *report, void *arg), void *arg)
{
	dm_mutex_lock(&h->mu);
	fn(h->last, arg);
	dm_mutex_unlock(&h->mu);
}

bool
holder_relays_by_name(struct holder *h)
{
	bool by_name;

	dm_mutex_lock(&h->mu);
	by_name = h->relays_by_name;
	dm_mutex_unlock(&h->mu);
	return by_name;
}

void
holder_stop(struct holder *h)
{
	post(h, (struct msg){ .kind = MSG_STOP });
	pthread_join(h->thread, NULL);
}

void
holder_free(struct holder *h)
{
	if (h == NULL)
		return;
	g_hash_table_unref(h->sources);
	g_ptr_array_unref(h->leaving);
	relays_free(h->relays);
	dm_queue_free(h->mailbox); /* writers that ended told it */
	g_ptr_array_unref(h->old_hard);
	dm_cancel_free(h->hard);
	if (h->desired != NULL)
		dm__v1__desired__free_unpacked(h->desired, NULL);
	dm_keys_free(h->keys);
	if (h->last != NULL)
		dm__v1__report__free_unpacked(h->last, NULL);
	g_array_unref(h->holding);
	dm_mutex_fini(&h->mu);
	g_free(h->worker);
	g_free(h);
}
