/* SPDX-License-Identifier: Apache-2.0 */
/* The table of subtask_edges.h. */
#include "worker/subtask_edges.h"

/* clang-format off */
const struct subtask_edge subtask_edges[] = {
	/* from                on                to                   action            why */
	{ PB__STAGE__New,      EV_RUN,           PB__STAGE__Running,  ACT_NONE,         "first start" },
	{ PB__STAGE__New,      EV_PAUSE,         PB__STAGE__Paused,   ACT_NONE,         "created with expected stage Paused" },
	{ PB__STAGE__New,      EV_STOP,          PB__STAGE__Stopped,  ACT_NONE,         "stopped before it ran" },
	{ PB__STAGE__Running,  EV_PAUSE,         PB__STAGE__Pausing,  ACT_CANCEL_UNIT,  "pause-task" },
	{ PB__STAGE__Running,  EV_STOP,          PB__STAGE__Stopping, ACT_CANCEL_UNIT,  "stop-task" },
	{ PB__STAGE__Running,  EV_UNIT_NEXT,     PB__STAGE__Running,  ACT_NEXT_UNIT,    "unit done, the next one follows" },
	{ PB__STAGE__Running,  EV_UNIT_LAST,     PB__STAGE__Finished, ACT_NONE,         "last unit done" },
	{ PB__STAGE__Running,  EV_UNIT_ERROR,    PB__STAGE__Paused,   ACT_KEEP_ERROR,   "unit failed" },
	{ PB__STAGE__Running,  EV_UNIT_CANCELED, PB__STAGE__Stopped,  ACT_NONE,         "the lease was lost" },
	{ PB__STAGE__Pausing,  EV_STOP,          PB__STAGE__Stopping, ACT_NONE,         "stop-task while pausing" },
	{ PB__STAGE__Pausing,  EV_UNIT_NEXT,     PB__STAGE__Paused,   ACT_NEXT_UNIT,    "unit was done before it saw the pause" },
	{ PB__STAGE__Pausing,  EV_UNIT_LAST,     PB__STAGE__Finished, ACT_NONE,         "last unit was done before it saw the pause" },
	{ PB__STAGE__Pausing,  EV_UNIT_CANCELED, PB__STAGE__Paused,   ACT_NONE,         "unit returned" },
	{ PB__STAGE__Pausing,  EV_UNIT_ERROR,    PB__STAGE__Paused,   ACT_KEEP_ERROR,   "unit failed while pausing" },
	{ PB__STAGE__Paused,   EV_RUN,           PB__STAGE__Resuming, ACT_NONE,         "resume-task" },
	{ PB__STAGE__Paused,   EV_AUTO_RESUME,   PB__STAGE__Resuming, ACT_NONE,         "resumed by itself" },
	{ PB__STAGE__Paused,   EV_HANDLED,       PB__STAGE__Resuming, ACT_NONE,         "resumed by a binlog command" },
	{ PB__STAGE__Paused,   EV_STOP,          PB__STAGE__Stopped,  ACT_NONE,         "stop-task" },
	{ PB__STAGE__Resuming, EV_THREAD_READY,  PB__STAGE__Running,  ACT_NONE,         "unit runs again" },
	{ PB__STAGE__Resuming, EV_PAUSE,         PB__STAGE__Paused,   ACT_NONE,         "paused before the unit ran" },
	{ PB__STAGE__Resuming, EV_STOP,          PB__STAGE__Stopped,  ACT_NONE,         "stopped before the unit ran" },
	{ PB__STAGE__Stopping, EV_UNIT_NEXT,     PB__STAGE__Stopped,  ACT_NONE,         "unit returned" },
	{ PB__STAGE__Stopping, EV_UNIT_LAST,     PB__STAGE__Stopped,  ACT_NONE,         "unit returned" },
	{ PB__STAGE__Stopping, EV_UNIT_CANCELED, PB__STAGE__Stopped,  ACT_NONE,         "unit returned" },
	{ PB__STAGE__Stopping, EV_UNIT_ERROR,    PB__STAGE__Stopped,  ACT_KEEP_ERROR,   "unit failed while stopping" },
	{ PB__STAGE__Finished, EV_STOP,          PB__STAGE__Stopped,  ACT_NONE,         "stop-task of a finished task" },
};
/* clang-format on */

const size_t subtask_edges_len = DM_ARRAY_SIZE(subtask_edges);

const struct subtask_edge *
subtask_edge_find(Pb__Stage from, enum subtask_event on)
{
	for (size_t i = 0; i < subtask_edges_len; i++) {
		if (subtask_edges[i].from == from && subtask_edges[i].on == on)
			return &subtask_edges[i];
	}
	return NULL;
}

const char *
subtask_stage_name(Pb__Stage s)
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(
	    &pb__stage__descriptor, (int)s);

	return v != NULL ? v->name : "?";
}
