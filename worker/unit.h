/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A unit of work of a subtask: the streamed copy, dump, load, replication. The
 * subtask owns units, runs one at a time on a thread of its own and asks it for
 * its status from other threads.
 */
#ifndef DM_WORKER_UNIT_H
#define DM_WORKER_UNIT_H

#include "dmworker.pb-c.h"
#include "lib/config/source.h"
#include "lib/config/task.h"
#include "lib/thread/cancel.h"
#include "worker/command.h"

struct relay_hub;

/* What a unit works on; all borrowed, constant while units exist. */
struct unit_env {
	const struct dm_task_cfg *task;
	const struct dm_instance_cfg *inst; /* of task, for source */
	const struct dm_source_cfg *source;
	const char *worker;   /* our name */
	const char *cli_args; /* task CLI args as JSON, "" when none */
	uint64_t cluster_id;
	uint64_t epoch; /* of this assignment; fences the target */
	/* The relay log of the source, here; NULL: there is none. */
	struct relay_hub *relay;
	int64_t lease_ttl_s; /* bounds wait_timeout of target sessions */
	/* Fired when the lease is lost: nothing may be written any more, also
	 * not what a pause would still finish. Parent of run's c. */
	struct dm_cancel *hard;
	/* Call when the status changed in a way that its readers wait for, at
	 * most about once a second: it is reported soon. Any thread. */
	void (*changed)(void *arg);
	void *changed_arg;
	/* The next command for the unit, which answers it; NULL: none waits.
	 * To be asked at least about every second while run works. */
	struct command *(*next_command)(void *arg);
	void *command_arg;
};

/* Do patterns of the task match names as they are written? Every unit asks
 * here: one that would choose other tables than the next loses rows. */
static inline bool
unit_case_sensitive(const struct unit_env *env)
{
	return env->task->case_sensitive || env->source->case_sensitive;
}

struct unit;

struct unit_ops {
	Pb__UnitType type;
	/*
	 * Work until done (NULL), cancelled (dm_err_is_canceled) or an error.
	 * Connections made are closed when it returns. May be called again
	 * after a pause: it goes on from what the target's meta says. Blocks.
	 */
	struct dm_err *(*run)(struct unit *u, struct dm_cancel *c);
	/*
	 * Carry out a command while run does not work, on the same thread.
	 * *text: what to answer, a new string. NULL: the unit takes none.
	 */
	struct dm_err *(*command)(struct unit *u, const Dm__V1__Command *msg,
	    struct dm_cancel *c, char **text);
	/* Fill st->status_case and the status message, allocated with malloc
	 * as protobuf-c does (freed by the caller with
	 * protobuf_c_message_free_unpacked). Any thread, never blocks long. */
	void (*status)(struct unit *u, Pb__SubTaskStatus *st);
	void (*free)(struct unit *u);
};

/* First member of every unit. */
struct unit {
	const struct unit_ops *ops;
};

/* Copies env's pointers. Never fail; errors come from run. */
struct unit *copy_unit_new(const struct unit_env *env);
struct unit *dump_unit_new(const struct unit_env *env);
struct unit *load_unit_new(const struct unit_env *env);
struct unit *sync_unit_new(const struct unit_env *env);

#endif
