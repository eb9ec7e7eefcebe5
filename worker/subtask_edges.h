/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a subtask as one table: DM's stages, what moves between them and
 * why. worker/subtask.c is the only one that follows it.
 * SOURCE: dm/worker/subtask.go; control-plane reference 4.11, 4.12.
 */
#ifndef DM_WORKER_SUBTASK_EDGES_H
#define DM_WORKER_SUBTASK_EDGES_H

#include "dmworker.pb-c.h"
#include "lib/base/base.h"

enum subtask_event {
	EV_RUN,           /* expected stage Running */
	EV_PAUSE,         /* expected stage Paused */
	EV_STOP,          /* the task was deleted, or the source moved */
	EV_AUTO_RESUME,   /* the back-off after an error is over */
	EV_HANDLED,       /* a binlog command said what to do about the error */
	EV_THREAD_READY,  /* the unit's thread takes up work again */
	EV_UNIT_NEXT,     /* a unit is done, another follows */
	EV_UNIT_LAST,     /* the last unit is done */
	EV_UNIT_CANCELED, /* the unit returned because it was told to */
	EV_UNIT_ERROR,    /* the unit returned with an error */
	EV_NR
};

enum subtask_action {
	ACT_NONE,
	ACT_CANCEL_UNIT, /* tell the running unit to return */
	ACT_NEXT_UNIT,   /* go on with the unit that follows */
	ACT_KEEP_ERROR   /* show the error that the unit returned */
};

struct subtask_edge {
	Pb__Stage from;
	enum subtask_event on;
	Pb__Stage to;
	enum subtask_action action;
	const char *why;
};

extern const struct subtask_edge subtask_edges[];
extern const size_t subtask_edges_len;

/* NULL: nothing happens on this event in this stage. */
const struct subtask_edge *subtask_edge_find(
    Pb__Stage from, enum subtask_event on);
const char *subtask_stage_name(Pb__Stage s);

#endif
