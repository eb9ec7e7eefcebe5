/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress in the target: phase and tables, and the SQL pieces that fence.
 * Taking over is in meta_takeover.c.
 *
 * Called by the units, each with connections of its own; a struct meta is
 * constant after meta_new, so any thread may use it.
 * DESIGN: a statement that writes carries the fence as an error (out of
 * range), never as a count alone: it also holds where several statements
 * travel in one packet.
 */
#include "worker/meta.h"

#include "lib/base/defect.h"
#include "lib/meta/meta_tables.h"
#include "worker/meta_internal.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define ER_DATA_OUT_OF_RANGE 1690
#define RUN_STATEMENTS       5            /* of meta_run_fenced */
#define SAVE_BYTES           (256 * 1024) /* of one INSERT */

static const char *const phase_names[] = { "none", "copy", "sync", "load" };
static const char *const state_names[] = { "planned", "copying", "done" };

void
meta_append_text(GString *sql, const char *text)
{
	g_string_append(sql, "_utf8mb4");
	dm_sql_append_string(sql, text, strlen(text));
}

/* Only `start-task --adopt` allows taking another cluster's rows. */
static bool
wants_adopt(const char *cli_args)
{
	json_t *args = json_loads(cli_args == NULL ? "" : cli_args, 0, NULL);
	bool adopt = json_is_true(json_object_get(args, "adopt"));

	json_decref(args);
	return adopt;
}

struct meta *
meta_new(const struct unit_env *env)
{
	struct meta *m = g_new0(struct meta, 1);
	g_autoptr(GString) key = g_string_new("task=");

	m->schema = g_strdup(env->task->meta_schema);
	m->task = g_strdup(env->task->name);
	m->source = g_strdup(env->source->source_id);
	m->worker = g_strdup(env->worker);
	m->cluster_id = env->cluster_id;
	m->epoch = env->epoch;
	m->adopt = wants_adopt(env->cli_args);
	m->mode = env->task->mode;
	meta_append_text(key, m->task);
	g_string_append(key, " AND source=");
	meta_append_text(key, m->source);
	m->key = g_string_free(DM_TAKE(key), FALSE);
	return m;
}

void
meta_free(struct meta *m)
{
	if (m == NULL)
		return;
	g_free(m->schema);
	g_free(m->task);
	g_free(m->source);
	g_free(m->worker);
	g_free(m->key);
	g_free(m);
}

void
meta_append_name(GString *sql, const struct meta *m, const char *table)
{
	dm_sql_append_table(sql, m->schema, table);
}

void
meta_append_from(GString *sql, const struct meta *m, const char *table)
{
	meta_append_name(sql, m, table);
	g_string_append_printf(sql, " WHERE %s", m->key);
}

char *
meta_table_name(const struct meta *m, const char *table)
{
	return dm_sql_quote_table(m->schema, table);
}

char *
meta_dm_checkpoint_name(const struct meta *m)
{
	g_autofree char *name =
	    g_strconcat(m->task, "_syncer_checkpoint", NULL);

	return meta_table_name(m, name);
}

/* ---- cells ---- */

const char *
meta_cell(const struct dm_sql_row *row, unsigned i)
{
	return i < row->n && row->cells[i] != NULL ? row->cells[i] : "";
}

uint64_t
meta_cell_u64(const struct dm_sql_row *row, unsigned i)
{
	return g_ascii_strtoull(meta_cell(row, i), NULL, 10);
}

struct dm_pos
meta_cell_pos(const struct dm_sql_row *row, unsigned i)
{
	return dm_pos_make(meta_cell(row, i), meta_cell_u64(row, i + 1));
}

/* ---- fence ---- */

char *
meta_fence_expr(const struct meta *m)
{
	if (DM_DEFECT_IS(NO_EPOCH))
		return g_strdup("epoch = epoch");
	return g_strdup_printf("epoch = IF(epoch = %" PRIu64 ", epoch, epoch + "
			       "9223372036854775807 + 9223372036854775807)",
	    m->epoch);
}

char *
meta_fence_owner_sql(const struct meta *m)
{
	g_autofree char *expr = meta_fence_expr(m);
	g_autofree char *name = meta_table_name(m, "dm_owner");

	return g_strdup_printf("UPDATE %s SET %s WHERE %s", name, expr, m->key);
}

void
meta_append_ours(GString *sql, const struct meta *m, const char *table)
{
	g_string_append(sql,
	    "(SELECT IF(COUNT(*) = 1, 1, COUNT(*) + "
	    "9223372036854775807 + 9223372036854775807) FROM ");
	meta_append_from(sql, m, table);
	if (!DM_DEFECT_IS(NO_EPOCH))
		g_string_append_printf(sql, " AND epoch = %" PRIu64, m->epoch);
}

void
meta_append_guard(GString *sql, const struct meta *m)
{
	meta_append_ours(sql, m, "dm_owner");
	g_string_append(sql, ") = 1");
}

struct dm_err *
meta_gone(const struct meta *m)
{
	g_autofree char *ours = g_strdup_printf("%" PRIu64, m->epoch);
	struct dm_err *err =
	    dm_err_new(META_FENCED, m->task, m->source, "unknown", ours);

	dm_err_set_cause(
	    err, "the rows of this task are gone from the target's metadata");
	return dm_err_set_workaround(err,
	    "nothing if the task was stopped or begun anew meanwhile; if "
	    "somebody deleted rows in schema %s, begin anew with `start-task "
	    "--remove-meta`",
	    m->schema);
}

bool
meta_is_fence_error(unsigned server_errno)
{
	return server_errno == ER_DATA_OUT_OF_RANGE;
}

struct dm_err *
meta_name_fence(struct meta *m, struct dm_sql_conn *conn, struct dm_err *err)
{
	g_autofree char *ours = g_strdup_printf("%" PRIu64, m->epoch);

	if (err == NULL || !meta_is_fence_error(dm_sql_last_errno(conn)))
		return err;
	dm_err_free(err); /* its text is about numbers, not about us */
	return dm_err_new(META_FENCED, m->task, m->source, "unknown", ours);
}

/* A statement with the fence that must meet a row. */
static struct dm_err *
exec_matching(
    struct meta *m, struct dm_sql_conn *conn, const char *sql, size_t len)
{
	uint64_t matched = 0;
	struct dm_err *err =
	    meta_name_fence(m, conn, dm_sql_exec(conn, sql, len, &matched));

	if (err == NULL && matched == 0 && !DM_DEFECT_IS(NO_EPOCH))
		err = meta_gone(m);
	return err;
}

struct dm_err *
meta_check_fence(struct meta *m, struct dm_sql_conn *conn)
{
	g_autofree char *sql = meta_fence_owner_sql(m);

	return exec_matching(m, conn, sql, strlen(sql));
}

struct dm_err *
meta_run_fenced(struct meta *m, struct dm_sql_conn *conn, const GString *sql)
{
	g_autoptr(GString) s = g_string_new("BEGIN;");
	g_autofree char *fence = meta_fence_owner_sql(m);
	g_autoptr(GArray) counts = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	struct dm_err *err;

	g_string_append_printf(s, "%s;SET @dm_ours = ", fence);
	meta_append_guard(s, m);
	g_string_append_printf(s, ";%s;COMMIT", sql->str);
	err = dm_sql_exec_multi(conn, s->str, s->len, counts);
	if (err == NULL && counts->len != RUN_STATEMENTS)
		err = dm_err_set_cause(dm_err_new(DB_BAD_CONN),
		    "%u answers to %d statements", counts->len, RUN_STATEMENTS);
	return meta_name_fence(m, conn, err);
}

/* ---- creation ---- */

/* Refuse rows that a newer version wrote. */
static struct dm_err *
check_formats(struct meta *m, struct dm_sql_conn *conn)
{
	struct dm_err *err = NULL;

	for (size_t i = 0; err == NULL && dm_meta_table_names[i] != NULL; i++) {
		const char *name = dm_meta_table_names[i];
		g_autofree char *quoted = meta_table_name(m, name);
		g_autofree char *max = NULL;
		g_autofree char *ours = g_strdup_printf("%d", DM_META_FORMAT);

		err = dm_sql_query_string(conn, &max,
		    "SELECT MAX(format) FROM %s WHERE %s", quoted, m->key);
		if (err == NULL && max != NULL &&
		    g_ascii_strtoll(max, NULL, 10) > DM_META_FORMAT)
			err = dm_err_new(META_FORMAT, name, max, ours);
	}
	return err;
}

struct dm_err *
meta_ensure_tables(struct meta *m, struct dm_sql_conn *conn)
{
	struct dm_err *err = dm_meta_create(conn, m->schema, m->task);

	return err != NULL ? err : check_formats(m, conn);
}

/* ---- phase ---- */

static enum meta_phase
phase_parse(const char *text)
{
	for (size_t i = 0; i < DM_ARRAY_SIZE(phase_names); i++)
		if (strcmp(phase_names[i], text) == 0)
			return (enum meta_phase)i;
	return META_PHASE_NONE;
}

/* No row, and no table, is META_PHASE_NONE. */
static struct dm_err *
load_own_phase(struct meta *m, struct dm_sql_conn *conn, enum meta_phase *phase,
    struct dm_pos *sync_from, char **gtid)
{
	g_autofree char *name = meta_table_name(m, "dm_owner");
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more;

	err = dm_sql_queryf(conn, &res,
	    "SELECT phase, base_name, base_pos, base_gtid FROM %s WHERE %s",
	    name, m->key);
	if (err != NULL && dm_sql_is_missing(dm_sql_last_errno(conn))) {
		dm_err_free(err); /* no task has begun there */
		return NULL;
	}
	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err != NULL || !more)
		return err;
	*phase = phase_parse(meta_cell(&row, 0));
	*sync_from = meta_cell_pos(&row, 1);
	g_free(*gtid);
	*gtid = g_strdup(meta_cell(&row, 3));
	return NULL;
}

struct dm_err *
meta_load_phase(struct meta *m, struct dm_sql_conn *conn,
    enum meta_phase *phase, struct dm_pos *sync_from, char **gtid)
{
	struct dm_err *err;

	*phase = META_PHASE_NONE;
	*sync_from = dm_pos_make("", 0);
	*gtid = g_strdup("");
	err = load_own_phase(m, conn, phase, sync_from, gtid);
	if (err == NULL && *phase == META_PHASE_NONE)
		err = meta_original_phase(m, conn, phase, sync_from, gtid);
	return err;
}

struct dm_err *
meta_save_phase(struct meta *m, struct dm_sql_conn *conn, enum meta_phase phase,
    const struct dm_pos *sync_from, const char *gtid)
{
	g_autoptr(GString) sql = g_string_new("UPDATE ");
	g_autofree char *fence = meta_fence_expr(m);

	meta_append_name(sql, m, "dm_owner");
	g_string_append_printf(
	    sql, " SET %s, phase='%s', base_name=", fence, phase_names[phase]);
	meta_append_text(sql, sync_from->name);
	g_string_append_printf(
	    sql, ", base_pos=%" PRIu64 ", base_gtid=", sync_from->pos);
	meta_append_text(sql, gtid == NULL ? "" : gtid);
	g_string_append_printf(sql, " WHERE %s", m->key);
	return exec_matching(m, conn, sql->str, sql->len);
}

/* ---- tables ---- */

const char *
meta_table_state_name(enum meta_table_state s)
{
	return state_names[s];
}

enum meta_table_state
meta_table_state_parse(const char *text)
{
	for (size_t i = 0; i < DM_ARRAY_SIZE(state_names); i++)
		if (strcmp(state_names[i], text) == 0)
			return (enum meta_table_state)i;
	return META_TABLE_PLANNED;
}

void
meta_table_free(struct meta_table *t)
{
	if (t == NULL)
		return;
	g_free(t->db);
	g_free(t->tbl);
	g_free(t->structure);
	g_free(t);
}

static void
free_table(void *t)
{
	meta_table_free((struct meta_table *)t);
}

static struct meta_table *
table_of_row(const struct dm_sql_row *row)
{
	struct meta_table *t = g_new0(struct meta_table, 1);

	t->db = g_strdup(meta_cell(row, 0));
	t->tbl = g_strdup(meta_cell(row, 1));
	t->structure = g_strdup(meta_cell(row, 2));
	t->state = meta_table_state_parse(meta_cell(row, 3));
	t->snap_lo = meta_cell_pos(row, 4);
	t->snap_hi = meta_cell_pos(row, 6);
	t->rows = meta_cell_u64(row, 8);
	t->bytes = meta_cell_u64(row, 9);
	t->est_rows = meta_cell_u64(row, 10);
	t->est_bytes = meta_cell_u64(row, 11);
	t->created = meta_cell_u64(row, 12) != 0;
	return t;
}

struct dm_err *
meta_load_tables(struct meta *m, struct dm_sql_conn *conn, GPtrArray **tables)
{
	g_autofree char *name = meta_table_name(m, "dm_table");
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(free_table);
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_err *err;
	bool more = true;

	err = dm_sql_queryf(conn, &res,
	    "SELECT db, tbl, structure, state, snap_lo_name, snap_lo_pos, "
	    "snap_hi_name, snap_hi_pos, row_count, byte_count, est_rows, "
	    "est_bytes, created FROM %s WHERE %s ORDER BY db, tbl",
	    name, m->key);
	while (err == NULL) {
		struct dm_sql_row row;

		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		g_ptr_array_add(all, table_of_row(&row));
	}
	if (err != NULL)
		return err;
	*tables = DM_TAKE(all);
	return NULL;
}

static const char meta_table_columns[] =
    "(task, source, db, tbl, format, structure, state, snap_lo_name, "
    "snap_lo_pos, snap_hi_name, snap_hi_pos, row_count, byte_count, "
    "est_rows, est_bytes, created)";

static const char meta_table_on_duplicate[] =
    " ON DUPLICATE KEY UPDATE format=VALUES(format),"
    " structure=VALUES(structure), state=VALUES(state),"
    " snap_lo_name=VALUES(snap_lo_name), snap_lo_pos=VALUES(snap_lo_pos),"
    " snap_hi_name=VALUES(snap_hi_name), snap_hi_pos=VALUES(snap_hi_pos),"
    " row_count=VALUES(row_count), byte_count=VALUES(byte_count),"
    " est_rows=VALUES(est_rows), est_bytes=VALUES(est_bytes),"
    " created=VALUES(created)";

static void
append_pos(GString *sql, const struct dm_pos *p)
{
	meta_append_text(sql, p->name);
	g_string_append_printf(sql, ", %" PRIu64 ", ", p->pos);
}

static void
append_table_values(
    GString *sql, const struct meta *m, const struct meta_table *t)
{
	const char *const texts[] = { m->task, m->source, t->db, t->tbl };

	for (size_t i = 0; i < DM_ARRAY_SIZE(texts); i++) {
		meta_append_text(sql, texts[i]);
		g_string_append(sql, ", ");
	}
	g_string_append_printf(sql, "%d, ", DM_META_FORMAT);
	meta_append_text(sql, t->structure == NULL ? "" : t->structure);
	g_string_append_printf(sql, ", '%s', ", state_names[t->state]);
	append_pos(sql, &t->snap_lo);
	append_pos(sql, &t->snap_hi);
	g_string_append_printf(sql,
	    "%" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %d", t->rows,
	    t->bytes, t->est_rows, t->est_bytes, t->created ? 1 : 0);
}

struct dm_err *
meta_save_tables(struct meta *m, struct dm_sql_conn *conn,
    const struct meta_table *const *tables, size_t n)
{
	g_autoptr(GString) sql = g_string_new(NULL);
	struct dm_err *err = NULL;

	for (size_t i = 0; err == NULL && i < n; i++) {
		if (sql->len == 0) {
			g_string_append(sql, "INSERT INTO ");
			meta_append_name(sql, m, "dm_table");
			g_string_append_printf(
			    sql, " %s VALUES (", meta_table_columns);
		} else {
			g_string_append(sql, ", (");
		}
		append_table_values(sql, m, tables[i]);
		g_string_append_c(sql, ')');
		if (sql->len < SAVE_BYTES && i + 1 < n)
			continue;
		g_string_append(sql, meta_table_on_duplicate);
		err = dm_sql_exec(conn, sql->str, sql->len, NULL);
		g_string_truncate(sql, 0);
	}
	return err;
}

/* A condition on the owner row that is read. */
static void
append_epoch_guard(GString *sql, const struct meta *m)
{
	if (DM_DEFECT_IS(NO_EPOCH))
		g_string_append(sql, "1 = 1");
	else
		g_string_append_printf(sql,
		    "IF(epoch = %" PRIu64 ", 1, epoch + 9223372036854775807 + "
		    "9223372036854775807) = 1",
		    m->epoch);
}

struct dm_err *
meta_save_table(
    struct meta *m, struct dm_sql_conn *conn, const struct meta_table *t)
{
	g_autoptr(GString) sql = g_string_new("INSERT INTO ");

	/* Reading the owner row under a lock makes this one statement as safe
	 * outside of a transaction as in one. */
	meta_append_name(sql, m, "dm_table");
	g_string_append_printf(sql, " %s SELECT ", meta_table_columns);
	append_table_values(sql, m, t);
	g_string_append(sql, " FROM ");
	meta_append_from(sql, m, "dm_owner");
	g_string_append(sql, " AND ");
	append_epoch_guard(sql, m);
	g_string_append_printf(
	    sql, " LOCK IN SHARE MODE%s", meta_table_on_duplicate);
	return exec_matching(m, conn, sql->str, sql->len);
}

struct dm_err *
meta_delete_table(
    struct meta *m, struct dm_sql_conn *conn, const char *db, const char *tbl)
{
	static const char *const tables[] = { "dm_check", "dm_chunk",
		"dm_table" };
	struct dm_err *err = NULL;

	for (size_t i = 0; err == NULL && i < DM_ARRAY_SIZE(tables); i++) {
		g_autoptr(GString) sql = g_string_new("DELETE FROM ");

		meta_append_from(sql, m, tables[i]);
		g_string_append(sql, " AND db=");
		meta_append_text(sql, db);
		g_string_append(sql, " AND tbl=");
		meta_append_text(sql, tbl);
		g_string_append(sql, " AND ");
		meta_append_guard(sql, m);
		err = meta_name_fence(
		    m, conn, dm_sql_exec(conn, sql->str, sql->len, NULL));
	}
	return err;
}
