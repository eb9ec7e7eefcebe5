/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gh-ost and pt-online-schema-change: they build a copy of a table with the new
 * structure, a ghost, and rename it in the end. Here nothing is done with the
 * ghost: its DDLs are remembered (worker/sync/online_meta.h), and the RENAME
 * that swaps the tables runs them over the real table. Source:
 * reference/data-plane 7. Owner: the dispatcher's thread.
 */
#ifndef DM_WORKER_SYNC_ONLINE_H
#define DM_WORKER_SYNC_ONLINE_H

#include "worker/sync/dispatch.h"
#include "worker/sync/online_meta.h"

/* What earlier runs remembered; nothing where the task has no online-ddl. */
struct dm_err *online_load(struct dispatch *d) DM_MUST_CHECK;

/* Is it about a table of such a tool? */
bool online_concerns(const struct dispatch *d, const struct dm_ddl *ddl);
/*
 * Such a statement. Errors: SYNCER_UNIT_GHOST_* for a RENAME that is none of
 * the tools', or whose statements nobody remembers;
 * CONFIG_ONLINE_DDL_MISTAKE_REGEX for one that the rules of the task meet
 * half; SYNCER_UNIT_ONLINE_DDL_ON_MULTIPLE_TABLE.
 */
struct dm_err *online_handle(struct dispatch *d, const struct dm_ev_query *q,
    const struct dm_ddl *ddl, const struct dm_pos *start) DM_MUST_CHECK;
/* o is stored now. */
void online_saved(struct dispatch *d, const struct online_ddl *o);

#endif
