/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions whose rows may be taken back: XA, and savepoints. While one is
 * read, its rows go to d->undecided (undecided.h) and from there, once they are
 * decided, the way of all rows. Called by the dispatcher, on its thread.
 */
#ifndef DM_WORKER_SYNC_XA_H
#define DM_WORKER_SYNC_XA_H

#include "worker/sync/dispatch.h"

/* The part of an XA transaction up to XA PREPARE begins at d->txn_start. */
void xa_begin(struct dispatch *d);
/* A table map or rows event of what d->undecided has open. Errors:
 * SYNCER_EVENT when there is no room for it. */
struct dm_err *xa_hold(struct dispatch *d, uint8_t type, const uint8_t *body,
    size_t len) DM_MUST_CHECK;
/* XA_PREPARE_LOG_EVENT: where to read it again is known to the target before
 * any lane may pass it. With "one phase" it is a commit. */
struct dm_err *xa_prepare(
    struct dispatch *d, const uint8_t *body, size_t len) DM_MUST_CHECK;
/* XA START, END, COMMIT and ROLLBACK. Errors: SYNCER_EVENT for the commit of
 * one that was prepared before reading began. */
struct dm_err *xa_statement(struct dispatch *d, const struct dm_ev_query *q,
    const struct dm_pos *start) DM_MUST_CHECK;

/* By the keyword of the parsed statement. */
bool xa_is_savepoint(const char *keyword);
/* SAVEPOINT and ROLLBACK TO. A server logs them where a table without
 * transactions was changed in between. */
struct dm_err *xa_savepoint(struct dispatch *d, const struct dm_ev_query *q,
    const char *keyword) DM_MUST_CHECK;
/* The transaction commits: what was held goes its way first. */
struct dm_err *xa_commit_plain(struct dispatch *d) DM_MUST_CHECK;

#endif
