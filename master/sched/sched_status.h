/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the scheduler knows about the running state: answers to query-status,
 * and whether an operation has had its effect. Reads a core, changes nothing.
 */
#ifndef DM_MASTER_SCHED_SCHED_STATUS_H
#define DM_MASTER_SCHED_SCHED_STATUS_H

#include "master/sched/sched_core.h"

/* pb.Master's QueryStatus. New message.
 * Source: control-plane reference 1.7 (QueryStatus), 1.9. */
Pb__QueryStatusListResponse *sched_query_status(
    const struct sched_core *c, const Pb__QueryStatusListRequest *req);

/* list-member: the workers. New message. */
Pb__ListWorkerMember *sched_list_workers(
    const struct sched_core *c, char *const *names, size_t n_names);

/* What an operation waits for, of one source. */
enum sched_goal {
	SCHED_GOAL_SOURCE,      /* the worker reports the source */
	SCHED_GOAL_SOURCE_GONE, /* the worker reports it no more */
	SCHED_GOAL_RUN,         /* the subtask is Running or Finished */
	SCHED_GOAL_PAUSE,
	SCHED_GOAL_DELETE,
	SCHED_GOAL_RELAY_START, /* the worker writes the relay log */
	SCHED_GOAL_RELAY_STOP,  /* and has none of the source any more */
	SCHED_GOAL_RELAY_RESUME,
	SCHED_GOAL_RELAY_PAUSE
};

struct sched_want {
	enum sched_goal goal;
	const char *task;     /* "" for sources */
	int64_t revision;     /* of the operation */
	struct dm_mono since; /* when it was done */
};

/* A new entry when the goal is reached or has failed; NULL: not yet.
 * worker: that ran the source, for SCHED_GOAL_SOURCE_GONE, or whose relay log
 * it is; else "".
 * Source: control-plane reference 1.8. */
Pb__CommonWorkerResponse *sched_judge(const struct sched_core *c,
    const struct sched_want *want, const char *source, const char *worker);
/* The same for relay logs (sched_relay_status.c). */
Pb__CommonWorkerResponse *sched_judge_relay(const struct sched_core *c,
    const struct sched_want *want, const char *source, const char *worker);
/* Does what the worker said last come after the operation? revision: that it
 * told, 0: none; at: when. */
bool sched_is_fresh(
    const struct sched_want *want, int64_t revision, struct dm_mono at);
/* The newest report of the worker names the source. */
bool sched_still_reports(const struct sched_worker *w, const char *source);
/* The entry of a goal that was not reached in time (38045). New. */
Pb__CommonWorkerResponse *sched_judge_late(
    const struct sched_core *c, const char *source, const char *worker);

#endif
