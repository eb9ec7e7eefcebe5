/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes: threads that apply row changes, each over a connection of its own.
 * The dispatcher (one thread) gives a lane batches in source order; a batch is
 * one target transaction that begins with the lane's fenced progress row.
 */
#ifndef DM_WORKER_SYNC_LANE_H
#define DM_WORKER_SYNC_LANE_H

#include "worker/sync/batch.h"
#include "worker/sync/target.h"

/* True when a lane at `m` has row `ordinal` of the transaction from `start`. */
bool lane_mark_has(
    const struct lane_mark *m, const struct dm_pos *start, uint64_t ordinal);

/* They all stand at one place, and none has cut a transaction. n > 0. */
bool lane_marks_are_level(const struct lane_mark *marks, unsigned n);

/* Takes err, which happened to changes between the two places, or to the
 * statement there (NULL: none); says so. */
struct dm_err *lane_locate(struct dm_err *err, const struct dm_pos *start,
    const struct dm_pos *end, const char *sql) DM_MUST_CHECK;

struct lanes;

struct lanes_stats {
	uint64_t rows;         /* committed */
	uint64_t ops[ROW_OPS]; /* the same, by what the source did */
	uint64_t unexpected;   /* statements that matched another count */
	char *sample;          /* of the last such; new string or NULL */
	uint32_t oldest_ts;    /* first change not committed yet; 0: none */
	struct dm_pos low;     /* lowest committed `done` */
};

/*
 * Start n lanes at their marks. fired: cancelled when a lane fails (the
 * dispatcher's cancel). Connections are made by the threads.
 */
struct lanes *lanes_start(const struct unit_env *env, struct meta *meta,
    const struct target_info *info, unsigned n, const struct lane_mark *marks,
    struct dm_cancel *fired);
/* Takes b. Waits while the lane has enough to do, or all of them together. */
struct dm_err *lanes_push(struct lanes *ls, unsigned lane, struct batch *b,
    struct dm_cancel *c) DM_MUST_CHECK;
/* The batch that was pushed last, if the lane has not begun with it and it has
 * room for more; else NULL. The caller pushes it again. */
struct batch *lanes_take_back(struct lanes *ls, unsigned lane);
/* Nothing queued and nothing being applied. */
bool lanes_is_idle(struct lanes *ls, unsigned lane);
uint64_t lanes_committed_seq(struct lanes *ls, unsigned lane);
/* Wait until the lane has committed change number seq. */
struct dm_err *lanes_wait(struct lanes *ls, unsigned lane, uint64_t seq,
    struct dm_cancel *c) DM_MUST_CHECK;
/* Wait until every lane is idle. timeout_ms -1: none; *drained may be NULL. */
struct dm_err *lanes_drain(struct lanes *ls, int64_t timeout_ms,
    struct dm_cancel *c, bool *drained) DM_MUST_CHECK;
/* All lanes moved to a mark by another transaction; they must be drained. */
void lanes_set_marks(struct lanes *ls, const struct dm_pos *done);
/* The first error of a lane, copied, or NULL; and the place from which on that
 * lane has not committed. */
struct dm_err *lanes_error(struct lanes *ls, struct dm_pos *at) DM_MUST_CHECK;
void lanes_stats(struct lanes *ls, struct lanes_stats *st);
/* Ends the threads at once, also in the middle of a statement; frees. */
void lanes_stop(struct lanes *ls);

#endif
