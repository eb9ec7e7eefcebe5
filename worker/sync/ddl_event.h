/* SPDX-License-Identifier: Apache-2.0 */
/* What a DDL is in the words of binlog event filters. Threads: any. */
#ifndef DM_WORKER_SYNC_DDL_EVENT_H
#define DM_WORKER_SYNC_DDL_EVENT_H

#include "lib/ddl/ddl.h"

/* Static names, NULL-terminated, for dm_binlog_filter_decide: of an ALTER
 * "alter table" and one or more for each action. Empty for statements that
 * have no name there. */
GPtrArray *ddl_events(const struct dm_ddl *ddl);

#endif
