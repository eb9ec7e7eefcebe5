/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handle-error: what a person says about an event of the binlog, and where it
 * is kept until the event has come. See commands.h.
 * SOURCE: data-plane reference 5.14. Differs: what is already done cannot be
 * skipped or replaced any more, which is said at once.
 */
#include "worker/sync/commands.h"

#include "lib/log/log.h"
#include "worker/sync/undecided.h"

#include <string.h>

/* ---- the position ---- */

static struct dm_err *
bad_position(const char *pos, const char *why)
{
	g_autofree char *text = g_strdup_printf(
	    "invalid --binlog-pos %s in handle-error operation: %s", pos, why);

	return dm_err_new(VERIFY_HANDLE_ERROR_ARGS, text);
}

/* Where the task stopped, when it stopped at a statement. */
static struct dm_err *
failed_at(const struct command_env *e, Pb__ErrorOp op, struct dm_pos *pos)
{
	const struct dispatch_failure *f = &e->failure;

	if (!f->known)
		return dm_err_plain(
		    "source '%s' has no error", e->env->source->source_id);
	if (!f->ddl && op != PB__ERROR_OP__Inject)
		return dm_err_plain(
		    "only support to handle ddl error currently, see "
		    "https://docs.pingcap.com/tidb-data-migration/stable/"
		    "error-handling for other errors");
	*pos = f->at;
	return NULL;
}

static struct dm_err *
find_position(const struct command_env *e,
    const Pb__HandleWorkerErrorRequest *req, struct dm_pos *pos)
{
	DM_AUTO(dm_err) why = NULL;

	if (req->binlogpos[0] == '\0')
		return failed_at(e, req->op, pos);
	why = dm_pos_parse(req->binlogpos, pos);
	if (why != NULL)
		return bad_position(req->binlogpos, why->message);
	*pos = dm_pos_plain(pos); /* of whatever sub directory */
	return NULL;
}

/* An event that is done cannot be skipped any more. (An inject is run before
 * the next event, wherever that is.) */
static struct dm_err *
check_not_passed(
    const struct command_env *e, Pb__ErrorOp op, const struct dm_pos *pos)
{
	g_autofree char *at = NULL, *passed = NULL, *why = NULL;

	if ((op != PB__ERROR_OP__Skip && op != PB__ERROR_OP__Replace) ||
	    dm_pos_cmp(pos, &e->passed) >= 0)
		return NULL;
	at = dm_pos_text(pos);
	passed = dm_pos_text(&e->passed);
	why = g_strdup_printf(
	    "all events before %s were already replicated", passed);
	return bad_position(at, why);
}

/* ---- the statements ---- */

static bool
is_ddl(enum dm_ddl_kind kind)
{
	switch (kind) {
	case DM_DDL_CREATE_DATABASE:
	case DM_DDL_ALTER_DATABASE:
	case DM_DDL_DROP_DATABASE:
	case DM_DDL_CREATE_TABLE:
	case DM_DDL_CREATE_TABLE_LIKE:
	case DM_DDL_DROP_TABLE:
	case DM_DDL_TRUNCATE_TABLE:
	case DM_DDL_RENAME_TABLE:
	case DM_DDL_ALTER_TABLE:
	case DM_DDL_CREATE_INDEX:
	case DM_DDL_DROP_INDEX:
	case DM_DDL_CREATE_SEQUENCE:
	case DM_DDL_ALTER_SEQUENCE:
	case DM_DDL_DROP_SEQUENCE:
		return true;
	case DM_DDL_SKIPPED:
	case DM_DDL_TRANSACTION:
	case DM_DDL_DML:
		break;
	}
	return false;
}

static struct dm_err *
check_sql(const char *sql)
{
	DM_AUTO(dm_ddl) ddl = NULL;
	struct dm_err *err = dm_ddl_parse(sql, strlen(sql), 0, &ddl);

	if (err != NULL) {
		g_autofree char *why = dm_err_message(err);

		dm_err_free(err);
		return dm_err_annotate(
		    dm_err_new(SYNCER_UNIT_PARSE_STMT, why), "sql %s", sql);
	}
	if (!is_ddl(ddl->kind))
		return dm_err_set_workaround(
		    dm_err_new(SYNCER_EVENT,
			"only support replace or inject with DDL currently"),
		    "change rows in the target by hand, and `binlog skip` the "
		    "statement");
	for (guint i = 0; i < ddl->tables->len; i++) {
		if (g_array_index(ddl->tables, struct dm_table_name, i)
			.schema == NULL)
			return dm_err_new(
			    SYNCER_UNIT_INJECT_DDL_WITHOUT_SCHEMA, sql);
	}
	return NULL;
}

static struct dm_err *
check_sqls(const Pb__HandleWorkerErrorRequest *req)
{
	struct dm_err *err = NULL;

	if (req->op != PB__ERROR_OP__Replace && req->op != PB__ERROR_OP__Inject)
		return NULL;
	if (req->n_sqls == 0)
		return dm_err_new(VERIFY_HANDLE_ERROR_ARGS,
		    "no statement is given for the event");
	for (size_t i = 0; err == NULL && i < req->n_sqls; i++)
		err = check_sql(req->sqls[i]);
	return err;
}

/* ---- keeping it ---- */

static struct dm_err *
revert(const struct command_env *e, const GPtrArray *list,
    const struct dm_pos *pos)
{
	const struct binlog_op *o = operators_at(list, pos);
	g_autofree char *at = dm_pos_text(pos);

	return o != NULL ? operators_delete(e->meta, e->target, o)
			 : dm_err_new(SYNCER_OPERATOR_NOT_EXIST, at);
}

static struct dm_err *
put(const struct command_env *e, const Pb__HandleWorkerErrorRequest *req,
    const struct dm_pos *pos)
{
	struct binlog_op *o =
	    binlog_op_new(pos, req->op, req->sqls, req->n_sqls);
	struct dm_err *err = operators_put(e->meta, e->target, o);

	binlog_op_free(o);
	return err;
}

/* Those whose event is done: nothing is left to do about it. */
static struct dm_err *
drop_outdated(const struct command_env *e, GPtrArray *list)
{
	struct dm_err *err = NULL;
	struct binlog_op *o;

	while (
	    err == NULL && (o = operators_missed(list, &e->passed)) != NULL) {
		err = operators_delete(e->meta, e->target, o);
		g_ptr_array_remove(list, o);
	}
	return err;
}

/* At such a place stands no statement: to skip it means to wait no more for
 * what becomes of it. */
static struct dm_err *
forget_prepared(const struct command_env *e, Pb__ErrorOp op,
    const struct dm_pos *pos, bool *done)
{
	g_autofree char *at = dm_pos_text(pos);
	struct dm_err *err;

	*done = false;
	if (op != PB__ERROR_OP__Skip || e->target == NULL)
		return NULL;
	err = xa_meta_forget(e->meta, e->target, pos, done);
	if (*done && err == NULL)
		dm_warn("a prepared XA transaction is forgotten, as a person "
			"said",
		    dm_kstr("task", e->env->task->name),
		    dm_kstr("source", e->env->source->source_id),
		    dm_kstr("position", at));
	return err;
}

/* One transaction, fenced. */
static struct dm_err *
change(const struct command_env *e, const Pb__HandleWorkerErrorRequest *req,
    const struct dm_pos *pos, GPtrArray *list)
{
	struct dm_err *err = dm_sql_execf(e->target, "BEGIN");

	if (err != NULL)
		return err;
	err = meta_check_fence(e->meta, e->target);
	if (err == NULL)
		err = drop_outdated(e, list);
	if (err == NULL)
		err = req->op == PB__ERROR_OP__Revert ? revert(e, list, pos)
						      : put(e, req, pos);
	if (err == NULL)
		return dm_sql_execf(e->target, "COMMIT");
	/* The first error tells the story; a lost connection rolls back. */
	dm_err_free(dm_sql_execf(e->target, "ROLLBACK"));
	return err;
}

/* As a list shows them: without those that are outdated. */
static char *
list_text(const struct command_env *e, const GPtrArray *list,
    const struct dm_pos *pos)
{
	const struct dm_pos *from =
	    dm_pos_cmp(pos, &e->passed) < 0 ? &e->passed : pos;

	return operators_json(list, e->env->task->name, from);
}

struct dm_err *
handle_error_run(const struct command_env *e,
    const Pb__HandleWorkerErrorRequest *req, char **text)
{
	g_autoptr(GPtrArray) list = NULL;
	g_autofree char *at = NULL;
	struct dm_pos pos = { 0 };
	bool forgotten = false;
	struct dm_err *err;

	if (req->op < PB__ERROR_OP__Skip || req->op > PB__ERROR_OP__List)
		return dm_err_new(VERIFY_HANDLE_ERROR_ARGS,
		    "the operation is none of skip, replace, revert, inject "
		    "and list");
	err = find_position(e, req, &pos);
	if (err == NULL)
		err = check_sqls(req);
	if (err == NULL)
		err = forget_prepared(e, req->op, &pos, &forgotten);
	if (err != NULL || forgotten)
		return err;
	err = check_not_passed(e, req->op, &pos);
	if (err == NULL)
		err = operators_load(e->meta, e->target, &list);
	if (err != NULL)
		return err;
	if (req->op == PB__ERROR_OP__List) {
		*text = list_text(e, list, &pos);
		return NULL;
	}
	err = change(e, req, &pos, list);
	if (err != NULL)
		return err;
	at = dm_pos_text(&pos);
	dm_info("a binlog command was taken",
	    dm_kstr("task", e->env->task->name),
	    dm_kstr("source", e->env->source->source_id),
	    dm_kint("op", req->op), dm_kstr("position", at),
	    dm_kint("statements", req->n_sqls));
	return NULL;
}
