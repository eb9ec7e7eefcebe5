/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DDL in replication. Runs on the dispatcher's thread.
 *
 * DESIGN: a DDL is a barrier. All lanes commit; one transaction moves every
 * lane to the DDL's start and writes the intent; the statement runs; one
 * transaction clears the intent, moves every lane past it and stores the
 * structures. A DDL whose intent is found at start was begun by a predecessor:
 * the target's structure tells whether it was done.
 */
#include "worker/sync/ddl_event.h"
#include "worker/sync/ddl_job.h"
#include "worker/sync/ddl_target.h"
#include "worker/sync/online.h"
#include "worker/sync/operate.h"

#include "lib/base/defect.h"
#include "lib/base/failpoint.h"
#include "lib/log/log.h"

#include <string.h>

#define ER_UNKNOWN     1105
#define ER_INTERRUPTED 1317
/* The client's own: the connection was lost. */
#define CLIENT_CODES     2000
#define CLIENT_CODES_END 2999

#define HINT                                                                   \
	"correct the target, then `resume-task`; or leave the statement out "  \
	"with `binlog skip`, or run others instead with `binlog replace`"

static void
clear_name(gpointer p)
{
	struct dm_table_name *n = p;

	g_free(n->schema);
	g_free(n->table);
}

void
ddl_job_fini(struct job *j)
{
	dm_ddl_free(j->own);
	g_free(j->sql);
	g_free(j->to_db);
	g_free(j->to_table);
	dm_table_free(j->before);
	dm_table_free(j->after);
	if (j->changed != NULL)
		g_array_unref(j->changed);
}

/* ---- what a statement concerns ---- */

const struct dm_table_name *
ddl_job_name(const struct job *j, guint i)
{
	return &g_array_index(j->ddl->tables, struct dm_table_name, i);
}

const char *
ddl_job_schema(const struct job *j, guint i)
{
	const struct dm_table_name *n = ddl_job_name(j, i);

	return n->schema != NULL ? n->schema : j->q->schema;
}

static bool
is_filtered(const struct job *j)
{
	for (guint i = 0; i < j->ddl->tables->len; i++) {
		if (dm_block_allow_skips(j->d->tables->filter,
			ddl_job_schema(j, i), ddl_job_name(j, i)->table))
			return true;
	}
	return false;
}

/* What the event filters say; a statement of several tables is left out if it
 * is for one of them. */
static struct dm_err *
ask_filters(const struct job *j, bool *skip)
{
	g_autoptr(GPtrArray) events = ddl_events(j->ddl);
	const char *const *names = (const char *const *)events->pdata;

	*skip = false;
	for (guint i = 0; i < j->ddl->tables->len; i++) {
		const struct dm_table_name *n = ddl_job_name(j, i);
		const char *schema = ddl_job_schema(j, i);
		enum dm_filter_action action;
		struct dm_err *err;

		err = dm_binlog_filter_decide(j->d->tables->events, schema,
		    n->table, names, j->q->sql, &action);
		if (err != NULL)
			return err;
		if (action == DM_FILTER_ERROR)
			return dm_err_set_cause(
			    dm_err_new(SYNC_UNIT_EVENT_FILTERED,
				names[0] != NULL ? names[0] : j->ddl->keyword,
				schema, n->table != NULL ? n->table : ""),
			    "%.200s", j->q->sql);
		*skip = *skip || action == DM_FILTER_IGNORE;
	}
	return NULL;
}

struct dm_err *
ddl_excuse(struct dispatch *d, const char *sql, struct dm_err *err)
{
	enum dm_filter_action action;
	struct dm_err *again;

	if (sql == NULL)
		return err;
	again = dm_binlog_filter_decide(
	    d->tables->events, "", NULL, NULL, sql, &action);
	if (again != NULL || action != DM_FILTER_IGNORE) {
		dm_err_free(again); /* the statement's error comes first */
		return err;
	}
	dm_warn("a filter rule leaves out a statement that cannot be "
		"replicated",
	    dm_kstr("statement", sql), dm_kerr(err));
	dm_err_free(err);
	atomic_fetch_add(&d->counters->skipped, 1);
	return NULL;
}

/* The copy has read the tables of this statement after it ran. */
static struct dm_err *
in_snapshot(const struct job *j, bool *yes)
{
	guint n = 0;
	struct dm_err *err;

	for (guint i = 0; i < j->ddl->tables->len; i++) {
		const struct dm_table_name *t = ddl_job_name(j, i);

		if (t->table != NULL &&
		    tables_snapshot_has(j->d->tables, ddl_job_schema(j, i),
			t->table, &j->start))
			n++;
	}
	*yes = n > 0 && n == j->ddl->tables->len;
	if (n == 0 || *yes || j->ddl->kind == DM_DDL_DROP_TABLE)
		return NULL;
	err = dm_err_new(SYNCER_EVENT,
	    "a DDL concerns tables that the copy read at different times");
	return dm_err_set_workaround(err,
	    "copy the task anew: `stop-task`, then `start-task --remove-meta`");
}

struct map_ctx {
	struct dm_router *router;
	struct dm_err *err;
};

static void
map_name(const char *schema, const char *table, char **new_schema,
    char **new_table, void *arg)
{
	struct map_ctx *ctx = arg;
	struct dm_err *err;

	err = dm_route(ctx->router, schema, table, new_schema, new_table);
	if (err == NULL)
		return;
	*new_schema = g_strdup(schema);
	*new_table = g_strdup(table);
	if (ctx->err == NULL)
		ctx->err = err;
	else
		dm_err_free(err);
}

static struct dm_err *
make_sql(struct job *j)
{
	struct map_ctx ctx = { .router = j->d->tables->router };
	bool nothing;

	ctx.err = ddl_translate(j->d->tables, j->q, j->ddl, &j->own, &nothing);
	if (ctx.err != NULL)
		return ctx.err;
	j->sql = nothing ? g_strdup("DO 0")
			 : dm_ddl_restore(j->own != NULL ? j->own : j->ddl,
			       j->q->schema, true, map_name, &ctx);
	if (ctx.err == NULL && j->ddl->tables->len > 0) {
		ctx.err = dm_route(ctx.router, ddl_job_schema(j, 0),
		    ddl_job_name(j, 0)->table, &j->to_db, &j->to_table);
	}
	return ctx.err;
}

/* ---- tracking ---- */

static struct dm_err *
fetch_missing(struct job *j, const struct dm_table_name *missing)
{
	struct tbl *t;

	return tables_get(j->d->tables, missing->schema, missing->table, &t);
}

static struct dm_err *
track(struct job *j)
{
	struct dm_err *err = NULL;

	j->changed = g_array_new(FALSE, TRUE, sizeof(struct dm_table_name));
	g_array_set_clear_func(j->changed, clear_name);
	if (j->ddl == NULL)
		return dm_err_new(
		    SCHEMA_TRACKER_CANNOT_EXEC_DDL, "it cannot be read");
	if (online_concerns(j->d, j->ddl))
		return NULL; /* a person said so; such tables have no structure
				here */
	for (int i = 0; i < 4; i++) {
		struct dm_table_name missing = { 0 };

		dm_err_free(err);
		err = dm_tracker_apply(j->d->tables->tracker, j->ddl,
		    j->q->schema, &missing, j->changed);
		if (err == NULL ||
		    !dm_err_is(err, SCHEMA_TRACKER_CANNOT_GET_TABLE) ||
		    missing.schema == NULL) {
			clear_name(&missing);
			return err;
		}
		dm_err_free(err);
		err = fetch_missing(j, &missing);
		clear_name(&missing);
		if (err != NULL)
			return err;
	}
	return err;
}

/* What the target's table should look like afterwards. */
static void
foretell(struct job *j)
{
	const struct dm_ddl *ddl = j->own != NULL ? j->own : j->ddl;
	struct dm_err *err = NULL;

	if (!ddl_is_alter(j->ddl) || j->before == NULL)
		return;
	j->after = dm_table_copy(j->before);
	for (guint i = 0; err == NULL && i < ddl->alters->len; i++)
		err = dm_schema_apply_alter(
		    j->after, g_ptr_array_index(ddl->alters, i));
	if (err == NULL)
		return;
	dm_err_free(err); /* then it is not known, which recovery says */
	dm_table_free(DM_TAKE(j->after));
}

/* ---- running ---- */

/* A sequence that a column's default names without its schema is one of the
 * current database; ours has none else, as all tables are named in full. */
static struct dm_err *
use_schema(const struct job *j)
{
	static const char *const words[] = { "NEXT VALUE", "NEXTVAL",
		"PREVIOUS VALUE", "LASTVAL" };
	g_autofree char *upper = g_ascii_strup(j->sql, -1);
	g_autoptr(GString) sql = g_string_new("USE ");
	bool any = false;

	for (size_t i = 0; i < DM_ARRAY_SIZE(words); i++)
		any = any || strstr(upper, words[i]) != NULL;
	if (!any || j->to_table == NULL)
		return NULL;
	dm_sql_append_ident(sql, j->to_db);
	return dm_sql_exec(j->d->ddl, sql->str, sql->len, NULL);
}

static struct dm_err *
run_sql(struct job *j)
{
	struct dm_sql_conn *conn = j->d->ddl;
	struct dm_err *err;

	err = dm_sql_execf(
	    conn, "SET timestamp=%u.%06u", j->d->ts, j->q->microseconds);
	if (err == NULL)
		err = ddl_set_session(j->d->tables, conn, j->q);
	if (err == NULL && j->q->foreign_key_checks_off)
		err = dm_sql_execf(conn, "SET foreign_key_checks=0");
	if (err == NULL)
		err = use_schema(j);
	if (err == NULL)
		err = dm_sql_exec_ddl(conn, j->sql, strlen(j->sql));
	return err;
}

static struct dm_err *
restore_session(struct job *j, const char *sql_mode, bool foreign_keys)
{
	return dm_sql_execf(j->d->ddl,
	    "SET timestamp=DEFAULT,sql_mode='%s',foreign_key_checks=%d",
	    sql_mode, foreign_keys ? 1 : 0);
}

/* The codes by which a server says that what is asked for is so already. */
static bool
is_already_code(unsigned code)
{
	static const unsigned codes[] = { 1007, 1008, 1050, 1051, 1054, 1060,
		1061, 1068, 1091, 1176 };

	for (size_t i = 0; i < DM_ARRAY_SIZE(codes); i++) {
		if (codes[i] == code)
			return true;
	}
	return false;
}

/* The server has said no to the statement: it is not done, nor will it be. (An
 * interruption says nothing of the kind.) */
static bool
is_refusal(unsigned code)
{
	return code != ER_UNKNOWN && code != ER_INTERRUPTED && code != 0 &&
	       (code < CLIENT_CODES || code > CLIENT_CODES_END);
}

static struct dm_err *
looks_done(struct job *j, bool *done)
{
	DM_AUTO(dm_table) now = NULL;
	struct dm_err *err;
	g_autofree char *diff = NULL;

	*done = false;
	err = tables_target_structure(j->d->ddl, j->to_db, j->to_table, &now);
	if (err != NULL || now == NULL || j->after == NULL)
		return err;
	diff = dm_table_diff(now, j->after);
	*done = diff == NULL;
	return NULL;
}

static struct dm_err *
execute(struct job *j)
{
	g_autofree char *sql_mode = NULL;
	bool foreign_keys = j->d->tables->foreign_keys, done = false;
	struct dm_err *err, *again;
	unsigned code;

	err = dm_sql_query_string(
	    j->d->ddl, &sql_mode, "SELECT @@session.sql_mode");
	if (err != NULL)
		return err;
	err = run_sql(j);
	code = err != NULL ? dm_sql_last_errno(j->d->ddl) : 0;
	j->refusal = code;
	if (err == NULL || (code > 0 && code < 2000)) {
		again = restore_session(j, sql_mode, foreign_keys);
		if (err == NULL)
			return again;
		dm_err_free(again); /* the statement's error comes first */
	}
	if (is_refusal(code))
		dm_err_set_workaround(err, HINT);
	if (!is_already_code(code))
		return err;
	again = looks_done(j, &done);
	if (again != NULL || !done) {
		dm_err_free(again);
		return err;
	}
	dm_info("the target already had what a ddl asks for",
	    dm_kstr("statement", j->sql), dm_kerr(err));
	dm_err_free(err);
	return NULL;
}

/* ---- the two transactions ---- */

static struct dm_err *
commit(struct dm_sql_conn *conn, struct dm_err *err)
{
	DM_FAILPOINT("ddl-commit");
	if (err == NULL)
		return dm_sql_execf(conn, "COMMIT");
	/* The first error tells the story. */
	dm_err_free(dm_sql_execf(conn, "ROLLBACK"));
	return err;
}

static struct dm_err *
announce(struct job *j)
{
	struct dispatch *d = j->d;
	struct intent in = { .conn_id = dm_sql_thread_id(d->ddl),
		.statement = j->sql,
		.start = j->start,
		.end = d->end };
	g_autofree char *before = NULL, *after = NULL;
	char nothing[] = "";
	struct dm_err *err;

	if (j->before != NULL)
		before = dm_table_create_sql(j->before, NULL, NULL);
	if (j->after != NULL)
		after = dm_table_create_sql(j->after, NULL, NULL);
	in.before = before != NULL ? before : nothing;
	in.after = after != NULL ? after : nothing;
	in.db = j->to_db != NULL ? j->to_db : nothing;
	in.tbl = j->to_table != NULL ? j->to_table : nothing;
	if (ddl_job_is_part(j))
		in.end = in.start;
	else
		d->moving = true;
	err = dm_sql_execf(d->ddl, "BEGIN");
	if (err == NULL && ddl_job_is_part(j))
		err = meta_check_fence(d->meta, d->ddl);
	else if (err == NULL)
		err = lane_meta_move(d->meta, d->ddl, d->n_lanes, &j->start);
	if (err == NULL)
		err = intent_save(d->meta, d->ddl, &in);
	return commit(d->ddl, err);
}

/*
 * Takes err, with which the statement failed. Where the server has refused it
 * as a whole, the intent goes: the target may be corrected by hand then, and
 * nobody has to guess by its structure what was done.
 */
static struct dm_err *
withdraw(struct job *j, struct dm_err *err)
{
	struct dm_sql_conn *conn = j->d->ddl;
	struct dm_err *again;

	if (!ddl_is_alter(j->ddl) || !is_refusal(j->refusal))
		return err;
	again = dm_sql_execf(conn, "BEGIN");
	if (again == NULL)
		again = meta_check_fence(j->d->meta, conn);
	if (again == NULL)
		again = intent_delete(j->d->meta, conn);
	if (again == NULL)
		again = dm_sql_execf(conn, "COMMIT");
	dm_err_free(again); /* the intent stays; the first error tells more */
	return err;
}

static struct dm_err *
store_structure(struct job *j, const struct dm_table_name *n)
{
	struct dispatch *d = j->d;
	const struct dm_table *t =
	    dm_tracker_get(d->tables->tracker, n->schema, n->table);
	g_autofree char *structure = NULL;
	struct meta_table mt = {
		.db = n->schema, .tbl = n->table, .state = META_TABLE_DONE
	};

	if (t == NULL)
		return meta_delete_table(d->meta, d->ddl, n->schema, n->table);
	structure = dm_table_create_sql(t, NULL, NULL);
	mt.structure = structure;
	return meta_save_table(d->meta, d->ddl, &mt);
}

/* The transaction's first statement: it has the fence. */
static struct dm_err *
move_lanes(struct job *j)
{
	struct dispatch *d = j->d;

	if (j->stay)
		return meta_check_fence(d->meta, d->ddl);
	return lane_meta_move(d->meta, d->ddl, d->n_lanes, &d->end);
}

/* The lanes are past the event. */
static void
note_moved(struct dispatch *d)
{
	d->moving = false;
	lanes_set_marks(d->lanes, &d->end);
	for (unsigned i = 0; i < d->n_lanes; i++)
		d->open[i].pushed = (struct lane_mark){ .done = d->end };
	if (d->in_txn) {
		/* CREATE TABLE ... SELECT: the rows that follow in its
		 * transaction count from here. */
		d->done = d->end;
		d->txn_start = d->end;
		d->ordinal = 0;
	}
}

static struct dm_err *
finish(struct job *j)
{
	struct dispatch *d = j->d;
	struct dm_err *err;

	d->moving = d->moving || !j->stay;
	err = dm_sql_execf(d->ddl, "BEGIN");
	if (err == NULL)
		err = move_lanes(j);
	if (err == NULL && j->op != NULL)
		err = operate_count(d, j->op);
	if (err == NULL && j->online != NULL)
		err = online_meta_put(d->meta, d->ddl, j->online);
	if (err == NULL)
		err = intent_delete(d->meta, d->ddl);
	for (guint i = 0; err == NULL && i < j->changed->len; i++)
		err = store_structure(
		    j, &g_array_index(j->changed, struct dm_table_name, i));
	err = commit(d->ddl, err);
	if (err != NULL)
		return err;
	if (j->op != NULL)
		operate_counted(d, j->op);
	if (j->online != NULL)
		online_saved(d, j->online);
	if (!j->stay)
		note_moved(d);
	return dispatch_renew(d, !j->stay);
}

/* ---- the whole ---- */

/* Nobody knows the table's structure: an earlier statement was filtered, too.
 * Rows of it, if there are any, say so as an error. */
static bool
is_structure_error(const struct dm_err *err)
{
	return dm_err_is(err, SCHEMA_TRACKER_CANNOT_EXEC_DDL) ||
	       dm_err_is(err, SCHEMA_TRACKER_CANNOT_GET_TABLE) ||
	       dm_err_is(err, SYNCER_DOWNSTREAM_TABLE_NOT_FOUND) ||
	       dm_err_is(err, SYNCER_UNIT_DML_COLUMN_NOT_MATCH);
}

/* What keeps structures from being followed that may be left at that. */
static bool
is_bearable(const struct dm_err *err, bool at_all_costs)
{
	return at_all_costs ? !dm_err_is_canceled(err)
			    : is_structure_error(err);
}

/* All lanes commit; where the event is still to come, or what is run is a part
 * of one, all stand before it: a restart must not read rows from before it with
 * the structure from after it. */
static struct dm_err *
assemble(struct job *j)
{
	struct dm_err *err = NULL;

	if (j->stay || ddl_job_is_part(j))
		err = dispatch_mark_all(j->d);
	if (err == NULL && !DM_DEFECT_IS(NO_BARRIER))
		err = dispatch_drain(j->d);
	return err;
}

/* A statement that is kept from the target changes the source's structures all
 * the same: rows before and after it are read differently. */
struct dm_err *
ddl_job_leave_out(struct job *j, bool at_all_costs)
{
	struct dm_err *err = assemble(j), *why;

	if (err != NULL)
		return err;
	why = track(j);
	if (why != NULL && !is_bearable(why, at_all_costs))
		return why;
	if (why != NULL)
		dm_warn("a ddl that is left out is not followed",
		    dm_kstr("statement", j->q->sql), dm_kerr(why));
	dm_err_free(why);
	err = finish(j);
	if (err != NULL)
		return err;
	intent_free(DM_TAKE(j->d->intent));
	atomic_fetch_add(&j->d->counters->skipped, 1);
	return NULL;
}

struct dm_err *
ddl_job_note(struct job *j)
{
	struct dm_err *err = assemble(j);

	j->changed = g_array_new(FALSE, TRUE, sizeof(struct dm_table_name));
	if (err == NULL)
		err = finish(j);
	if (err != NULL)
		return err;
	intent_free(DM_TAKE(j->d->intent));
	atomic_fetch_add(&j->d->counters->skipped, 1);
	return NULL;
}

static struct dm_err *
filtered_barrier(struct job *j)
{
	struct dm_err *err = ddl_job_leave_out(j, false);

	if (err == NULL)
		dm_info("a filter rule leaves out a ddl",
		    dm_kstr("statement", j->q->sql));
	return err;
}

struct dm_err *
ddl_job_ask(const struct job *j, bool *skip)
{
	*skip = is_filtered(j);
	return *skip ? NULL : ask_filters(j, skip);
}

static bool
is_sequence(const struct dm_ddl *ddl)
{
	return ddl->kind == DM_DDL_CREATE_SEQUENCE ||
	       ddl->kind == DM_DDL_ALTER_SEQUENCE ||
	       ddl->kind == DM_DDL_DROP_SEQUENCE;
}

/* What no version of the target could be told. */
static struct dm_err *
check_kind(const struct job *j)
{
	if (j->ddl->kind == DM_DDL_DML)
		return dm_err_set_cause(
		    dm_err_new(SYNC_UNIT_DML_STATEMENT_FOUND), "%.200s",
		    j->q->sql);
	if (is_sequence(j->ddl) && !dm_sql_is_mariadb(j->d->ddl))
		return dm_err_set_cause(dm_err_new(SYNCER_UNSUPPORTED_STMT,
					    j->ddl->keyword, "this"),
		    "the target has no sequences as MariaDB has them");
	return NULL;
}

/* A statement that a person gave may be about what only the target has. */
static struct dm_err *
follow(struct job *j)
{
	struct dm_err *err = track(j);

	if (err == NULL || j->op == NULL || !is_structure_error(err))
		return err;
	dm_warn("a given statement is run, but the source's structures do not "
		"follow it",
	    dm_kstr("statement", j->q->sql), dm_kerr(err));
	dm_err_free(err);
	return NULL;
}

/* The intent that was found is of this very statement. Of those that stand at
 * one event the text tells which; they end where they begin. */
static bool
is_resumed(const struct job *j)
{
	const struct intent *in = j->d->intent;
	bool part;

	if (in == NULL || dm_pos_cmp(&in->start, &j->start) != 0)
		return false;
	part = dm_pos_cmp(&in->start, &in->end) == 0;
	return part == ddl_job_is_part(j) &&
	       (!part || strcmp(in->statement, j->sql) == 0);
}

struct dm_err *
ddl_job_run(struct job *j)
{
	enum verdict v = VERDICT_RUN;
	struct dm_err *err = assemble(j);

	if (err == NULL)
		err = make_sql(j);
	if (err == NULL && j->to_table != NULL)
		err = tables_target_structure(
		    j->d->ddl, j->to_db, j->to_table, &j->before);
	if (err == NULL)
		err = follow(j);
	if (err != NULL)
		return err;
	foretell(j);
	if (is_resumed(j))
		err = ddl_judge(j, j->d->intent, &v);
	else
		err = announce(j);
	DM_FAILPOINT("ddl-run");
	if (err == NULL && v == VERDICT_RUN) {
		err = execute(j);
		if (err != NULL)
			err = withdraw(j, err);
	}
	DM_FAILPOINT("ddl-done");
	if (err == NULL)
		err = finish(j);
	if (err != NULL)
		return err;
	intent_free(DM_TAKE(j->d->intent));
	atomic_fetch_add(&j->d->counters->ddls, 1);
	dm_info("replicated a ddl", dm_kstr("statement", j->sql));
	return NULL;
}

struct dm_err *
ddl_handle(struct dispatch *d, const struct dm_ev_query *q,
    const struct dm_ddl *ddl, const struct dm_pos *start)
{
	return online_concerns(d, ddl) ? online_handle(d, q, ddl, start)
				       : ddl_handle_plain(d, q, ddl, start);
}

struct dm_err *
ddl_handle_plain(struct dispatch *d, const struct dm_ev_query *q,
    const struct dm_ddl *ddl, const struct dm_pos *start)
{
	/* The position of a statement is where its transaction begins. */
	struct job j = { .d = d,
		.q = q,
		.ddl = ddl,
		.start = d->has_next_gtid ? d->txn_start : *start };
	bool copied = false, skip = false;
	struct dm_err *err;

	if (ddl->kind == DM_DDL_SKIPPED || is_filtered(&j)) {
		atomic_fetch_add(&d->counters->skipped, 1);
		return NULL;
	}
	err = check_kind(&j);
	if (err != NULL)
		return ddl_excuse(d, q->sql, err);
	err = in_snapshot(&j, &copied);
	if (err == NULL && !copied)
		err = ask_filters(&j, &skip);
	if (err == NULL && !copied)
		err = skip ? filtered_barrier(&j) : ddl_job_run(&j);
	ddl_job_fini(&j);
	return err;
}
