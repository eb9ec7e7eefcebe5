/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler's state and decisions: which workers, sources and tasks there
 * are, who runs what. Pure: events in, decisions out; etcd and the sessions
 * are reached through struct sched_ops, so that a whole cluster can be stepped
 * through in a test. Not thread-safe: one thread owns a core.
 *
 * DESIGN. Every change is: validate -> commit (etcd) -> memory -> push. After
 * a commit whose outcome is not known the core is `stale`: its owner loads it
 * anew (sched_load) before anything else is decided.
 * The epoch of a source is the etcd revision at which its binding was written,
 * so it grows with every new assignment and fences the older one.
 * Source: DM's dm/master/scheduler. Differs: workers have a session with us
 * instead of watching etcd; a task's YAML is stored whole for each source.
 */
#ifndef DM_MASTER_SCHED_SCHED_CORE_H
#define DM_MASTER_SCHED_SCHED_CORE_H

#include "dmmaster.pb-c.h"
#include "dmsession.pb-c.h"
#include "lib/base/clock.h"
#include "lib/ha/batch.h"

/* Source: control-plane reference 4.6. */
enum sched_stage { SCHED_OFFLINE, SCHED_FREE, SCHED_RELAY, SCHED_BOUND };
const char *sched_stage_name(enum sched_stage s);

struct sched_source;

/* FREE: it has no source; RELAY: it was named for the relay log of one or more
 * and has none; BOUND: one or more, with room for others or not. */
struct sched_worker {
	char *name, *addr;
	enum sched_stage stage;
	unsigned max_sources;    /* 1 until its session says more */
	GPtrArray *sources;      /* struct sched_source*, in order of binding */
	GPtrArray *relays;       /* struct sched_source*: it was named for their
				    relay logs, bound to it or not */
	int64_t ttl_ms;          /* of its lease, as etcd has it; 0: none */
	char *joined;            /* when, as etcd has it */
	GHashTable *last;        /* source id -> revision at which it was last
				    bound to this worker, gint64*; owned */
	uint64_t session;        /* 0: none at the moment */
	struct dm_mono heard_at; /* of its newest report, its session's begin
				    or its newest source; while there is a
				    session */
	char **reported;         /* sources of its newest report */
	char *config;            /* its own, of its newest session; or NULL */
};

struct sched_subtask {
	char *task;
	char *yaml;       /* the task's, as given */
	char *start_time; /* "" when not given */
	/* Take over another cluster's progress. Kept in memory only, and until
	 * the worker reports the subtask, so that a later restart does not
	 * take it back from whoever took it over since. */
	bool adopt;
	Pb__Stage stage;  /* expected */
	int64_t revision; /* of the stage */
};

/* A worker was named for a source's relay log. */
struct sched_relay {
	struct sched_worker *worker;
	Dm__V1__SourceReport *report; /* newest with epoch 0, owned, or NULL */
	int64_t report_revision;      /* Desired it reflects; 0: not told */
	struct dm_mono report_at;
};

/* Its relay log is written by the worker that has it (by_source), or by the
 * workers in `relays`, or by none. */
struct sched_source {
	char *id;
	char *yaml;
	bool by_source;               /* enable-relay of the YAML */
	GPtrArray *relays;            /* struct sched_relay*, owned, by name */
	Pb__Stage relay_stage;        /* expected; InvalidStage: no relay log */
	int64_t relay_revision;       /* of that stage */
	struct sched_worker *worker;  /* NULL: unbound */
	int64_t epoch;                /* of the binding */
	GHashTable *subtasks;         /* task -> struct sched_subtask*, owned */
	Dm__V1__SourceReport *report; /* newest of this epoch, owned, or NULL */
	int64_t report_revision;      /* Desired it reflects; 0: not told */
	struct dm_mono report_at;
};

struct sched_ops {
	/* Write all or nothing, only while we lead. *revision: of the write.
	 * An error: nothing is known about the outcome. */
	struct dm_err *(*commit)(
	    const struct dm_ha_batch *b, int64_t *revision, void *arg);
	/* A worker's lease: it begins, with a session; session 0: it was found,
	 * and ends when nothing is heard of it; ttl_ms 0: it is over. */
	void (*lease)(
	    const char *worker, uint64_t session, int64_t ttl_ms, void *arg);
	/* The worker of this session is registered and has a lease: comes
	 * before the first push. */
	void (*welcome)(uint64_t session, uint64_t cluster_id, void *arg);
	/* All that this session's worker should run. */
	void (*push)(uint64_t session, const Dm__V1__Desired *d, void *arg);
	/* End this session: its lease is gone or another one replaced it. */
	void (*drop)(uint64_t session, const char *why, void *arg);
	/* etcd has this TTL for the worker's lease from now on. */
	void (*ttl)(const char *worker, int64_t ttl_ms, void *arg);
	/* A worker's stage; SCHED_OFFLINE with gone: it was removed. */
	void (*staged)(
	    const char *worker, enum sched_stage s, bool gone, void *arg);
	struct dm_mono (*now)(void *arg);
};

struct sched_core {
	struct sched_ops ops;
	void *arg;
	GHashTable *workers;  /* name -> struct sched_worker*, owned */
	GHashTable *sources;  /* id -> struct sched_source*, owned */
	GHashTable *sessions; /* id of a session -> its worker, borrowed */
	GHashTable *latches;  /* task in use -> by which operation; owned */
	int64_t revision;     /* newest write or load */
	uint64_t cluster_id;  /* 0: none yet */
	bool stale;           /* load again before the next decision */
};

struct sched_core *sched_core_new(const struct sched_ops *ops, void *arg);
void sched_core_free(struct sched_core *c);
DM_DEFINE_AUTO(sched_core)

/* Take over what etcd holds (struct dm_ha_item*). Sessions and reports of
 * workers and sources that still exist are kept; running workers whose
 * assignment is unchanged see no difference. Errors: an item that contradicts
 * another one is repaired where that is safe; the repair may fail. */
struct dm_err *sched_load(struct sched_core *c, const GPtrArray *items,
    int64_t revision) DM_MUST_CHECK;

/* ---- lookups; NULL: none ---- */

struct sched_worker *sched_worker_get(
    const struct sched_core *c, const char *name);
struct sched_source *sched_source_get(
    const struct sched_core *c, const char *id);
struct sched_subtask *sched_subtask_get(
    const struct sched_source *src, const char *task);
/* Compares two elements of such arrays. */
int sched_by_name(gconstpointer a, gconstpointer b);
/* New arrays, sorted by name; elements borrowed. */
GPtrArray *sched_workers_sorted(const struct sched_core *c);
GPtrArray *sched_sources_sorted(const struct sched_core *c);
GPtrArray *sched_subtasks_sorted(const struct sched_source *src);
/* Sources of a task, sorted. */
GPtrArray *sched_task_sources(const struct sched_core *c, const char *task);

/* ---- events of workers (sched_worker.c) ---- */

/* Errors: SCHEDULER_WORKER_EXIST (same name, another address). */
struct dm_err *sched_check_name(const struct sched_core *c, const char *name,
    const char *addr) DM_MUST_CHECK;
/* The same, and the worker exists then. */
struct dm_err *sched_register(
    struct sched_core *c, const char *name, const char *addr) DM_MUST_CHECK;
/* offline-member. Errors: SCHEDULER_WORKER_NOT_EXIST, _ONLINE. */
struct dm_err *sched_unregister(
    struct sched_core *c, const char *name) DM_MUST_CHECK;

struct sched_hello {
	uint64_t session;
	const char *name, *addr;
	unsigned max_sources; /* it takes; 0: one */
	const char *config;   /* its own, TOML; "" or NULL: not told */
	int64_t ttl_ms;       /* of its lease; whole seconds */
	const char *join_time;
	Dm__V1__Holding *const *holding;
	size_t n_holding;
	struct dm_err *err; /* set; the caller's: no session began */
};
/* Sessions begin: the worker is registered, has a lease, what the
 * worker held before is its again - under the same epoch only if it still holds
 * exactly that. What is above its max_sources now is given to others.
 * Takes the first of h, as many as go into one write, which is what makes the
 * comeback of thousands of workers fast; returns how many, at least one. */
size_t sched_online_some(struct sched_core *c, struct sched_hello *h, size_t n);
/* The leases of these workers (const char *) are over: their sources go to
 * others. Of unknown names and workers that are offline only the lease ends. */
struct dm_err *sched_offline(
    struct sched_core *c, const GPtrArray *names) DM_MUST_CHECK;
/* The session ended; the worker keeps its sources until its lease ends. */
void sched_closed(struct sched_core *c, uint64_t session);
/* The session ended, and its worker runs nothing any more. */
struct dm_err *sched_goodbye(
    struct sched_core *c, uint64_t session) DM_MUST_CHECK;
/* Takes what it keeps out of the report; the rest stays the caller's. */
void sched_report(
    struct sched_core *c, uint64_t session, Dm__V1__Report *report);
/* The worker counts another TTL from now on: etcd is to have it before a
 * heartbeat of a longer one is acknowledged. One that is offline has none. */
struct dm_err *sched_lease_ttl(
    struct sched_core *c, const char *name, int64_t ttl_ms) DM_MUST_CHECK;

/* ---- binding (sched_bind.c) ---- */

/* Give unbound sources to workers with room until one of both is used up: to
 * the worker that had it last, else to the one with the fewest sources. */
struct dm_err *sched_bind_all(struct sched_core *c) DM_MUST_CHECK;
/* transfer-source. Errors: control-plane 4.9; a worker that is full counts as
 * bound there. */
struct dm_err *sched_transfer(
    struct sched_core *c, const char *source, const char *worker) DM_MUST_CHECK;
/* The worker is alive and may take this source; NULL: one that is new. What it
 * relays counts as what it has. */
bool sched_has_room(
    const struct sched_worker *w, const struct sched_source *src);
/* Adds to b: worker takes over the source; it loses it. */
void sched_batch_bind(
    struct dm_ha_batch *b, const struct sched_worker *w, const char *source);
void sched_batch_unbind(
    struct dm_ha_batch *b, const struct sched_worker *w, const char *source);
/* What the worker of a session should run, pushed; w may be NULL. */
void sched_push(struct sched_core *c, struct sched_worker *w);
/* The same to every worker that has or relays one of these sources, once. */
void sched_push_all(struct sched_core *c, const GPtrArray *sources);
/* New message. */
Dm__V1__Desired *sched_desired(
    const struct sched_core *c, const struct sched_worker *w);

/* ---- sources (sched_source.c) ---- */

/* worker: "" or a free worker that gets it. */
struct dm_err *sched_source_add(struct sched_core *c, const char *id,
    const char *yaml, const char *worker) DM_MUST_CHECK;
/* Another configuration for a source whose tasks do not run; a worker that has
 * it begins anew with it, under a new epoch.
 * Errors: SCHEDULER_SOURCE_CFG_NOT_EXIST, SCHEDULER_SOURCE_CFG_UPDATE. */
struct dm_err *sched_source_update(
    struct sched_core *c, const char *id, const char *yaml) DM_MUST_CHECK;
/* *was_bound: a worker ran it. */
struct dm_err *sched_source_remove(
    struct sched_core *c, const char *id, bool *was_bound) DM_MUST_CHECK;

/* ---- relay logs (sched_relay.c); source: control-plane reference 4.10 ---- */

/* Workers (char *) write the source's relay log from now on, or no more; an
 * empty list: the worker that has the source. What is so already stays so.
 * Errors: SCHEDULER_SOURCE_CFG_NOT_EXIST, _WORKER_NOT_EXIST,
 * _RELAY_WORKERS_BUSY, _RELAY_WORKERS_WRONG_BOUND, _RELAY_WORKERS_WRONG_RELAY,
 * _START_RELAY_ON_SPECIFIED, _START_RELAY_ON_BOUND and of stop the same two,
 * MASTER_WORKER_ARGS_EXTRACTOR (more than a worker can be sent). */
struct dm_err *sched_relay_start(struct sched_core *c, const char *source,
    const GPtrArray *workers) DM_MUST_CHECK;
struct dm_err *sched_relay_stop(struct sched_core *c, const char *source,
    const GPtrArray *workers) DM_MUST_CHECK;
/* Expect Running or Paused of the relay logs of these sources (char *); one
 * that has none stays so.
 * Errors: SCHEDULER_RELAY_STAGE_SOURCE_NOT_EXIST. */
struct dm_err *sched_relay_stage(struct sched_core *c, const GPtrArray *sources,
    Pb__Stage stage) DM_MUST_CHECK;
/* NULL: the worker was not named for it. */
struct sched_relay *sched_relay_get(
    const struct sched_source *src, const struct sched_worker *w);
/* In memory. A stage that w has for its sources alone follows. */
void sched_relay_add(
    struct sched_core *c, struct sched_source *src, struct sched_worker *w);
void sched_relay_drop(
    struct sched_core *c, struct sched_source *src, struct sched_worker *w);
/* What makes the worker relay no more, added to b. */
void sched_batch_relay_drop(struct dm_ha_batch *b,
    const struct sched_source *src, const struct sched_worker *w);
void sched_batch_relay_stage(
    struct dm_ha_batch *b, const char *source, Pb__Stage stage);
/* After a load: stages and the ways of relaying fit together; what does not is
 * repaired, in memory and by b. */
void sched_relay_settle(struct sched_core *c, struct dm_ha_batch *b);
/* "[w1 w2]": who was named. New string. */
char *sched_relay_workers_text(const struct sched_source *src);

/* ---- tasks (sched_task.c) ---- */

struct sched_start {
	const char *task, *yaml;
	const char *start_time;   /* "" when not given */
	const GPtrArray *sources; /* ids */
	bool adopt;
};
/* Add subtasks, expected Running. Sources that have it already are left as
 * they are; after an error of etcd's some may have it, and the same call again
 * starts the rest. Errors: SCHEDULER_SUB_TASK_EXIST when all have,
 * SCHEDULER_SOURCES_UNBOUND, SCHEDULER_LATCH_IN_USE,
 * MASTER_WORKER_ARGS_EXTRACTOR (too long to be sent to a worker). */
struct dm_err *sched_task_start(
    struct sched_core *c, const struct sched_start *s) DM_MUST_CHECK;
/*
 * Another configuration for subtasks that do not run (sched_update.c). What may
 * change in the unit Sync: block-allow-lists, routes, filters, syncers. The
 * same configuration again is always taken and changes nothing.
 * Errors: SCHEDULER_TASK_NOT_EXIST, SCHEDULER_SUB_TASK_NOT_EXIST,
 * SCHEDULER_SUB_TASK_CFG_UPDATE (it runs), SCHEDULER_SOURCES_UNBOUND,
 * WORKER_UPDATE_SUB_TASK_CONFIG (another field, or another unit),
 * SCHEDULER_LATCH_IN_USE.
 */
struct dm_err *sched_task_update(
    struct sched_core *c, const struct sched_start *s) DM_MUST_CHECK;
/* Expect another stage; the same one again acts again. sources empty: all of
 * the task. */
struct dm_err *sched_task_stage(struct sched_core *c, const char *task,
    const GPtrArray *sources, Pb__Stage stage) DM_MUST_CHECK;
struct dm_err *sched_task_delete(struct sched_core *c, const char *task,
    const GPtrArray *sources) DM_MUST_CHECK;
/* A task is in use by one operation at a time. */
struct dm_err *sched_latch(
    struct sched_core *c, const char *task, const char *op) DM_MUST_CHECK;
void sched_unlatch(struct sched_core *c, const char *task);
/* NULL when op may begin on the task: it is not latched, and decisions can be
 * made at all. */
struct dm_err *sched_check_latch(
    const struct sched_core *c, const char *task, const char *op) DM_MUST_CHECK;
/* The task has subtasks: SCHEDULER_SUB_TASK_EXIST. */
struct dm_err *sched_task_absent(
    const struct sched_core *c, const char *task) DM_MUST_CHECK;

/* ---- shared by the files of this folder ---- */

/* Runs the batch; afterwards c->revision is its revision. An empty one does
 * nothing. */
struct dm_err *sched_commit(
    struct sched_core *c, const struct dm_ha_batch *b) DM_MUST_CHECK;
/* The most changes in one write: an etcd takes 128 if it was not told
 * otherwise, and one of the user's may not have been. */
#define SCHED_WRITE_OPS 120
/*
 * The same in as many writes as etcd's limits ask for, which may be of a batch
 * that grows with the cluster. `group` changes in a row stay together; each
 * group must be right by itself, whatever becomes of those behind it. revs:
 * NULL, or set to the revision of each group. Empties b. After an error some
 * groups may be written: the load that follows shows which.
 */
struct dm_err *sched_commit_parts(struct sched_core *c, struct dm_ha_batch *b,
    guint group, int64_t *revs) DM_MUST_CHECK;
/* What the worker has and the source together can be sent to it. */
bool sched_fits(const struct sched_worker *w, const struct sched_source *src);
size_t sched_source_bytes(const struct sched_source *src);
/* NULL when `more` bytes of configurations can still be sent to the worker;
 * w NULL: to one without sources. */
struct dm_err *sched_check_growth(
    const struct sched_worker *w, size_t more) DM_MUST_CHECK;
/* NULL when the workers of these bound sources can be sent this text as that
 * of a task, new or instead of what they have of it. */
struct dm_err *sched_check_sizes(
    const GPtrArray *sources, const char *task, const char *yaml) DM_MUST_CHECK;
/* NULL, or why nothing can be decided now. */
struct dm_err *sched_ready(const struct sched_core *c) DM_MUST_CHECK;
void sched_stage_set(
    struct sched_core *c, struct sched_worker *w, enum sched_stage to);
/* The stage of a worker that is alive, from what it has. */
void sched_stage_settle(struct sched_core *c, struct sched_worker *w);
/* Takes the text. */
void sched_source_set_yaml(struct sched_source *src, char *yaml);
/* enable-relay of this text. */
bool sched_source_relays(const char *yaml);
/* 0: it has none any more. The only way to change it. */
void sched_session_set(
    struct sched_core *c, struct sched_worker *w, uint64_t session);
void sched_attach(struct sched_core *c, struct sched_source *src,
    struct sched_worker *w, int64_t epoch);
void sched_detach(struct sched_core *c, struct sched_source *src);
/* What the worker reported of a task; NULL: nothing. Borrowed. */
const Pb__SubTaskStatus *sched_reported(
    const struct sched_source *src, const char *task);
/* {"name":"w1","addr":"h:p"}: how messages name a worker. New string. */
char *sched_worker_info(const struct sched_worker *w);
struct sched_worker *sched_worker_new(
    struct sched_core *c, const char *name, const char *addr);
struct sched_source *sched_source_new(
    struct sched_core *c, const char *id, const char *yaml);
struct sched_subtask *sched_subtask_new(struct sched_source *src,
    const char *task, const char *yaml, const char *start_time);
/* "[a b]": how Go prints a list. New string; strings borrowed. */
char *sched_list_text(const GPtrArray *names);

#endif
