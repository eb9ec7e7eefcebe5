/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DDLs that a predecessor began: was it done? Runs on the dispatcher's thread.
 */
#include "worker/sync/ddl_job.h"

#include <string.h>

#define END_SESSION_TRIES   600
#define END_SESSION_WAIT_MS 100

static struct dm_err *
exists(struct job *j, guint i, bool *yes)
{
	g_autofree char *db = NULL, *table = NULL;
	DM_AUTO(dm_table) t = NULL;
	struct dm_err *err;

	err = dm_route(j->d->tables->router, ddl_job_schema(j, i),
	    ddl_job_name(j, i)->table, &db, &table);
	if (err == NULL)
		err = tables_target_structure(j->d->ddl, db, table, &t);
	*yes = t != NULL;
	return err;
}

static struct dm_err *
judge_rename(struct job *j, enum verdict *v)
{
	guint n = j->ddl->tables->len, old = 0, new = 0;

	for (guint i = 0; i < n; i++) {
		bool yes;
		struct dm_err *err = exists(j, i, &yes);

		if (err != NULL)
			return err;
		if (yes && i % 2 == 0)
			old++;
		else if (yes)
			new ++;
	}
	if (old == n / 2 && new == 0)
		*v = VERDICT_RUN;
	else if (old == 0 && new == n / 2)
		*v = VERDICT_DONE;
	else
		*v = VERDICT_UNDECIDED;
	return NULL;
}

static bool
is_repeatable(const struct dm_ddl *ddl)
{
	for (guint i = 0; i < ddl->alters->len; i++) {
		const struct dm_alter *a = g_ptr_array_index(ddl->alters, i);

		if (a->kind == DM_ALTER_PARTITION ||
		    a->kind == DM_ALTER_RENAME_TABLE)
			return false;
	}
	return true;
}

static struct dm_err *
judge_alter(struct job *j, const struct intent *in, enum verdict *v)
{
	DM_AUTO(dm_table) was = NULL;
	DM_AUTO(dm_table) want = NULL;
	g_autofree char *from_was = NULL, *from_want = NULL;
	struct dm_err *err;

	*v = VERDICT_UNDECIDED;
	if (in->before[0] == '\0' || in->after[0] == '\0' || j->before == NULL)
		return NULL;
	err = dm_schema_parse_create(in->before, 0, in->db, NULL, &was);
	if (err == NULL)
		err = dm_schema_parse_create(in->after, 0, in->db, NULL, &want);
	if (err != NULL)
		return err;
	from_was = dm_table_diff(j->before, was);
	from_want = dm_table_diff(j->before, want);
	if (from_was == NULL && (from_want != NULL || is_repeatable(j->ddl)))
		*v = VERDICT_RUN;
	else if (from_was != NULL && from_want == NULL)
		*v = VERDICT_DONE;
	return NULL;
}

static struct dm_err *
undecided(struct job *j, const struct intent *in)
{
	g_autofree char *now = j->before == NULL
				   ? g_strdup("(the table does not exist)")
				   : dm_table_create_sql(j->before, NULL, NULL);
	struct dm_err *err = dm_err_new(SYNCER_EVENT, "");

	g_free(err->message);
	err->message = g_strdup_printf("a DDL was interrupted, and the target "
				       "does not tell whether it was done: %s",
	    in->statement);
	dm_err_set_cause(
	    err, "structure before: %s; structure now: %s", in->before, now);
	return dm_err_set_workaround(err,
	    "bring table `%s`.`%s` in the target by hand to what it was "
	    "before the statement, or to what it is after it; then "
	    "`resume-task`",
	    in->db, in->tbl);
}

struct dm_err *
ddl_judge(struct job *j, const struct intent *in, enum verdict *v)
{
	struct dm_err *err = NULL;

	*v = VERDICT_RUN; /* CREATE IF NOT EXISTS, DROP IF EXISTS, TRUNCATE */
	if (j->ddl->kind == DM_DDL_RENAME_TABLE)
		err = judge_rename(j, v);
	else if (ddl_is_alter(j->ddl))
		err = judge_alter(j, in, v);
	if (err == NULL && *v == VERDICT_UNDECIDED)
		err = undecided(j, in);
	return err;
}

struct dm_err *
ddl_recover(struct dispatch *d)
{
	struct dm_err *err = intent_load(d->meta, d->ddl, &d->intent);

	if (err != NULL || d->intent == NULL)
		return err;
	for (int i = 0; i < END_SESSION_TRIES; i++) {
		g_autofree char *running = NULL;

		err = dm_sql_query_string(d->ddl, &running,
		    "SELECT COUNT(*) FROM information_schema.PROCESSLIST "
		    "WHERE ID=%" G_GUINT64_FORMAT " AND ID<>CONNECTION_ID() "
		    "AND USER=SUBSTRING_INDEX(CURRENT_USER(),'@',1)",
		    d->intent->conn_id);
		if (err != NULL || strcmp(running, "0") == 0)
			return err;
		/* It may end by itself meanwhile: then KILL finds nobody. */
		dm_err_free(dm_sql_execf(
		    d->ddl, "KILL %" G_GUINT64_FORMAT, d->intent->conn_id));
		err = dm_cancel_sleep_ms(d->c, END_SESSION_WAIT_MS);
		if (err != NULL)
			return err;
	}
	return dm_err_plain("the session %" G_GUINT64_FORMAT
			    " of an earlier dm-worker still runs a DDL in the "
			    "target and does not end",
	    d->intent->conn_id);
}
