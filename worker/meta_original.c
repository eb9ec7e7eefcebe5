/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the original ran a task before, and how far it came.
 *
 * Called by the units before their first write, and by whoever asks what a task
 * needs. Reads only.
 */
#include "lib/meta/dm_progress.h"
#include "worker/meta_internal.h"

#include <string.h>

static struct dm_err *
cannot_go_on(const struct meta *m, const char *why, const char *remedy)
{
	struct dm_err *err = dm_err_plain(
	    "task %s of source %s was begun by the original and cannot be "
	    "taken over: %s",
	    m->task, m->source, why);

	return dm_err_set_workaround(err,
	    "%s; or forget what was done so far, and begin anew, with "
	    "`start-task --remove-meta`",
	    remedy);
}

/* It has not replicated anything; *done: all that the task is to do is done. */
static struct dm_err *
check_load(const struct meta *m, const struct dm_progress *p, bool *done)
{
	bool loads = m->mode != DM_MODE_INCREMENTAL && m->mode != DM_MODE_DUMP;

	*done = false;
	if (!loads || p->load[0] == '\0' || strcmp(p->load, "init") == 0)
		return NULL;
	if (strcmp(p->load, "finished") != 0)
		return cannot_go_on(m, "its full load is not finished",
		    "let the original finish it");
	*done = m->mode == DM_MODE_FULL || m->mode == DM_MODE_LOAD;
	return *done ? NULL
		     : cannot_go_on(m,
			   "its full load is finished, and where replication "
			   "is to begin is not in the target",
			   "let the original begin with it, or start the task "
			   "in task-mode incremental with `meta` from the "
			   "file `metadata` of its dump");
}

static struct dm_err *
judge(const struct meta *m, const struct dm_progress *p, bool *original)
{
	if (dm_progress_is_zero(&p->global) && p->n_tables > 0)
		return cannot_go_on(m,
		    "its checkpoint has places of tables and none of the task",
		    "set binlog_name and binlog_pos of the row with "
		    "is_global=1 "
		    "in its syncer_checkpoint");
	if (p->unresolved > 0)
		return cannot_go_on(m,
		    "a DDL of merged tables is done by some of them and "
		    "awaited of others",
		    "let the original go on until `show-ddl-locks` is empty");
	*original = !dm_progress_is_zero(&p->global);
	return *original ? NULL : check_load(m, p, original);
}

struct dm_err *
meta_original_phase(struct meta *m, struct dm_sql_conn *conn,
    enum meta_phase *phase, struct dm_pos *sync_from, char **gtid)
{
	struct dm_progress p;
	bool original = false;
	struct dm_err *err =
	    dm_progress_load(conn, m->schema, m->task, m->source, &p);

	if (err == NULL)
		err = judge(m, &p, &original);
	if (err == NULL && original) {
		*phase = META_PHASE_ORIGINAL;
		*sync_from = dm_pos_make(p.global.name, p.global.pos);
		*sync_from = dm_pos_plain(sync_from);
		g_free(*gtid);
		*gtid = g_strdup(p.global.gtid);
	}
	dm_progress_fini(&p);
	return err;
}
