/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One task on one source: its units, its stage, and a thread that runs them.
 * The stage moves only along worker/subtask_edges.c. Threads: any, unless said
 * otherwise; nothing here blocks but subtask_free.
 */
#ifndef DM_WORKER_SUBTASK_H
#define DM_WORKER_SUBTASK_H

#include "lib/crypt/crypt.h"
#include "worker/unit.h"

struct subtask;

struct subtask_opts {
	const char *task_yaml;      /* as the master sent it */
	const struct dm_keys *keys; /* of its password; NULL: it is plain */
	/* Borrowed for the call. Its password may be a reference (secret.h). */
	const struct dm_source_cfg *source;
	const char *worker;
	const char *cli_args;
	uint64_t cluster_id, epoch;
	int64_t lease_ttl_s;
	/* The unit to begin with: that of the subtask it replaces, or 0. */
	unsigned first_unit;
	struct relay_hub *relay; /* NULL: none; a reference is kept */
	struct dm_cancel *hard;  /* borrowed until freed */
	/* Called after each change of stage, without a lock; short. */
	void (*changed)(void *arg);
	void *arg;
};

/* name: the task's. A YAML that does not parse gives a subtask that is Paused
 * with that error. */
struct subtask *subtask_new(const char *name, const struct subtask_opts *o);
/* The expected stage (Running, Paused, Stopped) as of `revision`; an older
 * revision is ignored, the same one too. */
void subtask_expect(struct subtask *st, Pb__Stage expected, int64_t revision);
/* Was it made from this text, or from one that differs only in how its password
 * is encrypted? keys: of that. One thread at a time. */
bool subtask_has_config(
    struct subtask *st, const char *task_yaml, const struct dm_keys *keys);
/* The unit it is at, for first_unit. */
unsigned subtask_unit(struct subtask *st);
/* Takes c, which is answered at once or later; it is carried out on the
 * subtask's thread. */
void subtask_command(struct subtask *st, struct command *c);
/* Begin to end it: the unit is told to return. */
void subtask_close(struct subtask *st);
/* After subtask_close: the thread has ended, subtask_free does not wait. */
bool subtask_is_over(struct subtask *st);
/* Borrowed, not to be changed; usable as a key as long as st lives. */
char *subtask_name(struct subtask *st);
Pb__Stage subtask_stage(struct subtask *st);
/* New message, free with protobuf_c_message_free_unpacked. */
Pb__SubTaskStatus *subtask_status(struct subtask *st);
/* Closes, waits, frees. */
void subtask_free(struct subtask *st);

/* New ProcessError list of one error; err NULL: no error. */
Pb__ProcessResult *process_result_new(const struct dm_err *err, bool canceled);

#endif
