/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the relay log of one source and its readers know of each other: the
 * writer tells how far the files are whole, a reader tells where it reads, so
 * that nothing it needs is purged. Threads: any; one lock inside, no I/O.
 *
 * A place in the relay log is a sub directory by its number (the suffix of
 * "<uuid>.000002" is 2), a file in it as the source named it, and an offset.
 */
#ifndef DM_WORKER_RELAY_HUB_H
#define DM_WORKER_RELAY_HUB_H

#include "lib/binlog/position.h"
#include "lib/thread/cancel.h"

#include <glib.h>

struct relay_place {
	unsigned suffix;   /* of the sub directory; 0: none yet */
	struct dm_pos pos; /* as the source names it, without suffix */
};

struct relay_hub;

/* dir: "<relay-dir>" of the source, where server-uuid.index is; copied. The
 * hub is counted: free drops one reference. */
struct relay_hub *relay_hub_new(const char *dir);
struct relay_hub *relay_hub_ref(struct relay_hub *h);
void relay_hub_free(struct relay_hub *h);
DM_DEFINE_AUTO(relay_hub)
/* Constant while h lives. */
const char *relay_hub_dir(const struct relay_hub *h);

/* ---- the writer ---- */

/* Everything up to `end` is in the files, in whole events. To be told at the
 * start too, as soon as it is known: until then readers take the log for empty.
 * Files before that of `end` are left for good: their sizes are their ends. */
void relay_hub_publish(struct relay_hub *h, const struct relay_place *end);
/* The relay log is written (true) or not (false: off, or stopped): readers wait
 * for more, or are told that none comes. */
void relay_hub_set_live(struct relay_hub *h, bool live);
/* No reader may open a file (true) until it is said again (false): a purge. */
void relay_hub_set_purging(struct relay_hub *h, bool purging);
/* The earliest place that a reader holds; false: there is no reader. */
bool relay_hub_earliest(struct relay_hub *h, struct relay_place *place);

/* ---- a reader ---- */

/* `task` reads there now, and needs that file and all after it. Errors:
 * WORKER_RELAY_IS_PURGING while a purge runs and the task held no place. */
struct dm_err *relay_hub_hold(struct relay_hub *h, const char *task,
    const struct relay_place *place) DM_MUST_CHECK;
void relay_hub_let_go(struct relay_hub *h, const char *task);
/* How far it is whole; false: nothing is written yet. */
bool relay_hub_end(struct relay_hub *h, struct relay_place *end);
/* Waits until the end is behind `seen`, the log is not live, or timeout_ms have
 * passed. Returns whether the log is live. A canceled c ends the wait. */
bool relay_hub_wait(struct relay_hub *h, const struct relay_place *seen,
    int64_t timeout_ms, struct dm_cancel *c);

#endif
