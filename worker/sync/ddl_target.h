/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DDL of the source as the target understands it: its words, and the session
 * it runs in. Called on the dispatcher's thread.
 */
#ifndef DM_WORKER_SYNC_DDL_TARGET_H
#define DM_WORKER_SYNC_DDL_TARGET_H

#include "lib/binlog/event.h"
#include "worker/sync/tables.h"

/*
 * *own: the statement in the target's words, new; NULL where both speak the
 * same. *nothing: it has nothing to do there. What is left out is logged.
 */
struct dm_err *ddl_translate(struct tables *ts, const struct dm_ev_query *q,
    const struct dm_ddl *ddl, struct dm_ddl **own, bool *nothing) DM_MUST_CHECK;
/* The source's sql_mode and server collation. */
struct dm_err *ddl_set_session(struct tables *ts, struct dm_sql_conn *conn,
    const struct dm_ev_query *q) DM_MUST_CHECK;

#endif
