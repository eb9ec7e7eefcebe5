/* SPDX-License-Identifier: Apache-2.0 */
/* Skip, replace and inject at events: see operate.h. */
#include "worker/sync/operate.h"

#include "lib/log/log.h"
#include "worker/sync/ddl_job.h"

#include <string.h>

struct dm_err *
operate_load(struct dispatch *d)
{
	GPtrArray *list;
	struct dm_err *err = operators_load(d->meta, d->ddl, &list);

	if (err != NULL)
		return err;
	if (d->ops != NULL)
		g_ptr_array_unref(d->ops);
	d->ops = list;
	return NULL;
}

static bool
is_idle(const struct dispatch *d)
{
	return d->ops == NULL || d->ops->len == 0 || d->seeking;
}

/* ---- counting ---- */

static bool
is_last(const struct binlog_op *o)
{
	return o->done + 1 >= o->sqls->len;
}

struct dm_err *
operate_count(struct dispatch *d, const struct binlog_op *o)
{
	return is_last(o) ? operators_delete(d->meta, d->ddl, o)
			  : operators_put_done(d->meta, d->ddl, o, o->done + 1);
}

void
operate_counted(struct dispatch *d, struct binlog_op *o)
{
	if (is_last(o))
		g_ptr_array_remove(d->ops, o);
	else
		o->done++;
}

/* ---- statements ---- */

/* The next statement of o. stay: the event at `start` is still to come. */
static struct dm_err *
run_next(struct dispatch *d, struct binlog_op *o, const struct dm_pos *start,
    bool stay)
{
	/* A copy: the last statement takes o with it. */
	g_autofree char *sql = g_strdup(o->sqls->pdata[o->done]);
	struct dm_ev_query q = { .sql = sql, .sql_len = strlen(sql) };
	DM_AUTO(dm_ddl) ddl = NULL;
	struct job j = { .d = d, .q = &q, .start = *start, .op = o };
	bool skip = false;
	struct dm_err *err;

	err = dm_ddl_parse(sql, q.sql_len, 0, &ddl);
	if (err != NULL)
		return dm_err_wrap(err, SYNCER_PARSE_DDL, sql);
	j.ddl = ddl;
	j.stay = stay;
	q.schema = ddl->tables->len > 0 ? ddl_job_schema(&j, 0) : "";
	dm_info("a statement was given for a binlog event",
	    dm_kstr("operation", binlog_op_name(o->op)),
	    dm_kstr("binlog", start->name), dm_kint("position", start->pos),
	    dm_kstr("statement", sql));
	err = ddl_job_ask(&j, &skip);
	if (err == NULL && skip)
		err = ddl_job_leave_out(&j, false);
	else if (err == NULL)
		err = ddl_job_run(&j);
	ddl_job_fini(&j);
	return err;
}

/* ---- inject ---- */

struct dm_err *
operate_before(struct dispatch *d, const struct dm_event_header *h,
    const struct dm_pos *start)
{
	struct dm_err *err = NULL;
	struct binlog_op *o;

	if (is_idle(d) || !dm_event_has_place(h))
		return NULL;
	d->ts = h->timestamp;
	while (err == NULL && (o = operators_inject(d->ops, start)) != NULL)
		err = run_next(d, o, start, true);
	if (err != NULL)
		d->failure.ddl = true;
	return err;
}

/* ---- skip and replace ---- */

static struct dm_err *
skip(struct dispatch *d, struct binlog_op *o, const struct dm_ev_query *q,
    const struct dm_ddl *ddl, const struct dm_pos *start)
{
	struct job j = { .d = d, .q = q, .ddl = ddl, .start = *start, .op = o };
	struct dm_err *err = ddl_job_leave_out(&j, true);

	ddl_job_fini(&j);
	if (err == NULL)
		dm_info("a binlog event was skipped as told",
		    dm_kstr("binlog", start->name),
		    dm_kint("position", start->pos),
		    dm_kstr("statement", q->sql));
	return err;
}

static struct dm_err *
replace(struct dispatch *d, struct binlog_op *o, const struct dm_pos *start)
{
	struct dm_err *err = NULL;

	/* One less each time; the last moves on behind the event. */
	for (guint left = o->sqls->len - o->done; err == NULL && left > 0;
	     left--)
		err = run_next(d, o, start, left > 1);
	return err;
}

struct dm_err *
operate_query(struct dispatch *d, const struct dm_ev_query *q,
    const struct dm_ddl *ddl, const struct dm_pos *start, bool *instead)
{
	struct dm_pos from = d->has_next_gtid ? d->txn_start : *start;
	struct binlog_op *o;

	*instead = false;
	if (is_idle(d) || (ddl != NULL && ddl->kind == DM_DDL_TRANSACTION))
		return NULL;
	/* Some lane is past it: it is too late, which operate_after tells. */
	if (dm_pos_cmp(start, &d->resume_end) < 0)
		return NULL;
	o = operators_between(d->ops, &from, start);
	if (o == NULL)
		return NULL;
	*instead = true;
	return o->op == PB__ERROR_OP__Replace ? replace(d, o, start)
					      : skip(d, o, q, ddl, start);
}

/* ---- what did not fit ---- */

static struct dm_err *
forget(struct dispatch *d, struct binlog_op *o)
{
	struct dm_err *err = dm_sql_execf(d->ddl, "BEGIN");

	if (err == NULL)
		err = meta_check_fence(d->meta, d->ddl);
	if (err == NULL)
		err = operators_delete(d->meta, d->ddl, o);
	if (err == NULL)
		err = dm_sql_execf(d->ddl, "COMMIT");
	if (err != NULL)
		return err; /* the run ends, and with it the connection */
	dm_warn("only DDL statements are skipped or replaced, and none of them "
		"was where a binlog command said: the command is dropped",
	    dm_kstr("operation", binlog_op_name(o->op)),
	    dm_kstr("binlog", o->pos.name), dm_kint("position", o->pos.pos));
	g_ptr_array_remove(d->ops, o);
	return NULL;
}

struct dm_err *
operate_after(struct dispatch *d, const struct dm_event_header *h)
{
	struct dm_err *err = NULL;
	struct binlog_op *o;

	/* Of a transaction that has just begun, the statement comes next. */
	if (is_idle(d) || !dm_event_has_place(h) || d->has_next_gtid)
		return NULL;
	while (err == NULL && (o = operators_missed(d->ops, &d->end)) != NULL)
		err = forget(d, o);
	return err;
}
