/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the source's binlog stood at a time: for `start-task --start-time`.
 * Called on the dispatcher's thread, before reading begins.
 */
#ifndef DM_WORKER_SYNC_START_TIME_H
#define DM_WORKER_SYNC_START_TIME_H

#include "lib/binlog/position.h"
#include "lib/sql/sql.h"
#include "worker/unit.h"

/* The start time in the task's CLI args. New string; NULL: none is given. */
char *start_time_given(const struct unit_env *env);
/*
 * *at: where the first transaction begins that has an event of this time or of
 * later; where older files were removed, the first one that is left, at the
 * source or in its relay log here, in which files are read that it has. A time
 * without a zone is in that of the source (its global time_zone). source is
 * used for questions. Errors: CONFIG_START_TIME_TOO_LATE when nothing is so
 * late; those of reading.
 */
struct dm_err *start_time_find(const struct unit_env *env,
    struct dm_sql_conn *source, struct dm_cancel *c, const char *text,
    struct dm_pos *at) DM_MUST_CHECK;

#endif
