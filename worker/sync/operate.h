/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person said about events (worker/sync/operators.h), where those events
 * come. Owner: the dispatcher's thread.
 *
 * A statement that stands in for an event is a barrier like a DDL of the
 * source's. What was said goes, or is counted one statement further, in the
 * transaction that finishes the barrier: so each statement runs once, also
 * when the worker is killed in between.
 * SOURCE: data-plane reference 5.14. Differs: kept in the target; only a DDL is
 * replaced (DM replaces any event); the position may also be that of the
 * transaction in which a DDL stands alone.
 */
#ifndef DM_WORKER_SYNC_OPERATE_H
#define DM_WORKER_SYNC_OPERATE_H

#include "worker/sync/dispatch.h"

/* Read what was said, at the start of a run or after it was changed. */
struct dm_err *operate_load(struct dispatch *d) DM_MUST_CHECK;
/* An event comes that begins at `start`: what is to be injected is run. */
struct dm_err *operate_before(struct dispatch *d,
    const struct dm_event_header *h, const struct dm_pos *start) DM_MUST_CHECK;
/* A statement comes; ddl NULL: it cannot be read. *instead: it was skipped or
 * replaced. */
struct dm_err *operate_query(struct dispatch *d, const struct dm_ev_query *q,
    const struct dm_ddl *ddl, const struct dm_pos *start,
    bool *instead) DM_MUST_CHECK;
/* An event is done with: what was said about it and did not fit goes. */
struct dm_err *operate_after(
    struct dispatch *d, const struct dm_event_header *h) DM_MUST_CHECK;

/* Of a barrier (worker/sync/ddl.c): one statement of o is done, or o's event
 * is skipped; in the open transaction, and after it was committed. */
struct dm_err *operate_count(
    struct dispatch *d, const struct binlog_op *o) DM_MUST_CHECK;
void operate_counted(struct dispatch *d, struct binlog_op *o);

#endif
