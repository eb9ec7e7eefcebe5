/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One statement on its way to the target, shared by the files worker/sync/ddl*:
 * an event's own, or one that stands in for it (worker/sync/operate.c). Owner:
 * the dispatcher's thread.
 */
#ifndef DM_WORKER_SYNC_DDL_JOB_H
#define DM_WORKER_SYNC_DDL_JOB_H

#include "worker/sync/dispatch.h"
#include "worker/sync/online_meta.h"
#include "worker/sync/operators.h"

struct job {
	struct dispatch *d;
	const struct dm_ev_query *q;
	const struct dm_ddl *ddl; /* NULL: cannot be read */
	struct dm_pos start;
	/* What a person said: the statement is one of its, or it is skipped.
	 * It goes, or counts the statement as done, in the transaction that
	 * finishes the job. NULL: the event's own statement. */
	struct binlog_op *op;
	/* What is remembered of an online schema change once the job is done:
	 * with it one of its statements was run, or it is one that is only
	 * remembered. It is stored in the transaction that finishes the job.
	 * Borrowed; NULL: the statement is of no such tool. */
	const struct online_ddl *online;
	/* The event is still to come: the lanes stay where they are. */
	bool stay;
	struct dm_ddl *own;      /* in the target's dialect; NULL: as it is */
	char *sql;               /* for the target; owned */
	char *to_db, *to_table;  /* first table in the target; owned */
	struct dm_table *before; /* its structure now; NULL: none */
	struct dm_table *after;  /* foretold; NULL: not known */
	unsigned refusal;        /* the server's error number; 0: none */
	GArray *changed;         /* struct dm_table_name, of the source */
};

void ddl_job_fini(struct job *j);
/* The statement's table i: its name, and its schema where that has none. */
const struct dm_table_name *ddl_job_name(const struct job *j, guint i);
const char *ddl_job_schema(const struct job *j, guint i);

/* One of several statements that stand for one event. */
static inline bool
ddl_job_is_part(const struct job *j)
{
	return j->op != NULL || j->online != NULL;
}

/* A rule leaves it out. */
struct dm_err *ddl_job_ask(const struct job *j, bool *skip) DM_MUST_CHECK;
/* The barrier: all lanes commit, the statement runs, structures follow. */
struct dm_err *ddl_job_run(struct job *j) DM_MUST_CHECK;
/* A barrier at which nothing is run: only the structures follow, as far as
 * they can be followed. at_all_costs: whatever is wrong with the statement. */
struct dm_err *ddl_job_leave_out(
    struct job *j, bool at_all_costs) DM_MUST_CHECK;

/* A barrier at which nothing is run, and no structure changes: for a statement
 * that is remembered. */
struct dm_err *ddl_job_note(struct job *j) DM_MUST_CHECK;

static inline bool
ddl_is_alter(const struct dm_ddl *ddl)
{
	return ddl->kind == DM_DDL_ALTER_TABLE ||
	       ddl->kind == DM_DDL_CREATE_INDEX ||
	       ddl->kind == DM_DDL_DROP_INDEX;
}

/* ---- ddl_recover.c ---- */

enum verdict { VERDICT_RUN, VERDICT_DONE, VERDICT_UNDECIDED };

/* What to do about a statement that a predecessor began; UNDECIDED comes with
 * an error. */
struct dm_err *ddl_judge(
    struct job *j, const struct intent *in, enum verdict *v) DM_MUST_CHECK;

#endif
