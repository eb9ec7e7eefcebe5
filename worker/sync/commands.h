/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person asks of replication: handle-error (binlog skip, replace,
 * inject, revert, list) and binlog-schema. Both read and write the task's rows
 * in the target and nothing else; a unit that works reads what was said anew
 * (operate_load), one that rests finds all when it starts.
 * Owner: the unit's thread.
 * SOURCE: control-plane reference 1.9, data-plane reference 5.14, 5.15.
 */
#ifndef DM_WORKER_SYNC_COMMANDS_H
#define DM_WORKER_SYNC_COMMANDS_H

#include "worker/sync/dispatch.h"

struct command_env {
	const struct unit_env *env;
	struct meta *meta;
	struct dm_sql_conn *target; /* no transaction is open */
	struct dm_cancel *c;
	struct dm_pos passed; /* events before it are done */
	struct dispatch_failure failure;
};

/* *text: what to answer, a new string, or NULL. */
struct dm_err *commands_run_one(const struct command_env *e,
    const Dm__V1__Command *msg, char **text) DM_MUST_CHECK;
/* The same for a unit that rests: with a connection of its own, after it took
 * over the rows. */
struct dm_err *commands_run_resting(const struct unit_env *env,
    const struct dispatch_failure *failure, const Dm__V1__Command *msg,
    struct dm_cancel *c, char **text) DM_MUST_CHECK;

/* ---- the two kinds ---- */

/* Errors: VERIFY_HANDLE_ERROR_ARGS, SYNCER_OPERATOR_NOT_EXIST,
 * SYNCER_UNIT_PARSE_STMT, SYNCER_EVENT (no DDL),
 * SYNCER_UNIT_INJECT_DDL_WITHOUT_SCHEMA, or a plain one. */
struct dm_err *handle_error_run(const struct command_env *e,
    const Pb__HandleWorkerErrorRequest *req, char **text) DM_MUST_CHECK;
/* Errors: SCHEMA_TRACKER_INVALID_CREATE_TABLE_STMT,
 * SCHEMA_TRACKER_CANNOT_FETCH_DOWNSTREAM_TABLE,
 * SYNCER_DOWNSTREAM_TABLE_NOT_FOUND, or those of the source. */
struct dm_err *operate_schema_run(const struct command_env *e,
    const Pb__OperateWorkerSchemaRequest *req, char **text) DM_MUST_CHECK;

#endif
