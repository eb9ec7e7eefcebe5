/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of dm_chunk, and the state of a table's row while it is copied.
 *
 * Called by lanes, each with its own connection, and by the subtask's thread
 * before and after them.
 * DESIGN: a chunk's row is written before its rows move and is the first thing
 * its transaction locks; both carry the fence.
 */
#include "lib/meta/meta_tables.h"
#include "worker/copy/copy_internal.h"
#include "worker/meta_internal.h"

#include <inttypes.h>
#include <string.h>

void
copy_chunk_free(struct copy_chunk *k)
{
	if (k == NULL)
		return;
	g_free(k->lo);
	g_free(k->hi);
	g_free(k);
}

/* " AND db=.. AND tbl=.." */
static void
append_table(GString *sql, const struct copy_table *t)
{
	g_string_append(sql, " AND db=");
	meta_append_text(sql, t->meta->db);
	g_string_append(sql, " AND tbl=");
	meta_append_text(sql, t->meta->tbl);
}

/* "`dm_chunk` WHERE <this chunk>" */
static void
append_chunk_from(GString *sql, const struct copy_run *r,
    const struct copy_table *t, const struct copy_chunk *k)
{
	meta_append_from(sql, r->meta, "dm_chunk");
	append_table(sql, t);
	g_string_append_printf(sql, " AND chunk=%d", k->id);
}

/* Rolls back when err is set; returns err. */
static struct dm_err *
end_transaction(struct dm_sql_conn *conn, struct dm_err *err)
{
	if (err == NULL)
		return dm_sql_execf(conn, "COMMIT");
	if (!dm_err_is(err, DB_BAD_CONN))
		/* err tells more than a failed rollback */
		dm_err_free(dm_sql_execf(conn, "ROLLBACK"));
	return err;
}

static struct dm_err *
begin_fenced(struct copy_run *r, struct dm_sql_conn *conn)
{
	struct dm_err *err = dm_sql_execf(conn, "BEGIN");

	return err != NULL ? err : meta_check_fence(r->meta, conn);
}

/* ---- loading ---- */

static struct copy_table *
find_table(GHashTable *by_name, const struct dm_sql_row *row)
{
	g_autofree char *name =
	    g_strconcat(meta_cell(row, 0), "\001", meta_cell(row, 1), NULL);

	return g_hash_table_lookup(by_name, name);
}

struct copy_chunk *
copy_chunk_new(int id, const char *lo, const char *hi)
{
	struct copy_chunk *k = g_new0(struct copy_chunk, 1);

	k->id = id;
	k->lo = g_strdup(lo);
	k->hi = g_strdup(hi);
	k->lane = -1;
	return k;
}

/* A chunk that is committed: what is left to do is to compare it. */
static void
take_copied(
    struct copy_run *r, struct copy_table *t, const struct dm_sql_row *row)
{
	struct copy_chunk *k;

	t->meta->rows += meta_cell_u64(row, 6);
	t->meta->bytes += meta_cell_u64(row, 7);
	t->earlier = true;
	if (!r->env->task->copy.verify)
		return;
	if (meta_cell_u64(row, 10) != 0) {
		atomic_fetch_add(&r->unit->rows_equal, meta_cell_u64(row, 6));
		return;
	}
	k = copy_chunk_new(t->next_chunk - 1, row->cells[3], row->cells[4]);
	k->summed = row->cells[8] != NULL && row->cells[9] != NULL;
	k->sum = (struct copy_sum){ .rows = meta_cell_u64(row, 6),
		.a = meta_cell_u64(row, 8),
		.b = meta_cell_u64(row, 9) };
	g_queue_push_tail(&t->copied, k);
}

/* Chunks come in the order of their numbers. */
static void
take_row(struct copy_run *r, struct copy_table *t, const struct dm_sql_row *row)
{
	const char *hi = row->cells[4];

	t->next_chunk = (int)meta_cell_u64(row, 2) + 1;
	t->cut_done = hi == NULL;
	g_free(t->last_hi);
	t->last_hi = g_strdup(hi);
	if (strcmp(meta_cell(row, 5), "done") == 0) {
		take_copied(r, t, row);
	} else {
		g_queue_push_tail(&t->ready,
		    copy_chunk_new(t->next_chunk - 1, row->cells[3], hi));
		t->open++;
	}
}

struct dm_err *
copy_chunks_load(struct copy_run *r, GHashTable *by_name)
{
	g_autoptr(GString) sql =
	    g_string_new("SELECT db, tbl, chunk, lo, hi, state, row_count, "
			 "byte_count, sum_a, sum_b, checked FROM ");
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_err *err;

	meta_append_name(sql, r->meta, "dm_chunk");
	g_string_append(sql, " LEFT JOIN ");
	meta_append_name(sql, r->meta, "dm_check");
	g_string_append_printf(sql,
	    " USING (task, source, db, tbl, chunk) WHERE %s "
	    "ORDER BY db, tbl, chunk",
	    r->meta->key);
	err = dm_sql_query(r->dst, sql->str, sql->len, true, &res);
	while (err == NULL) {
		struct dm_sql_row row;
		struct copy_table *t;
		bool more;

		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		t = find_table(by_name, &row);
		if (t != NULL && t->meta->state == META_TABLE_COPYING)
			take_row(r, t, &row);
	}
	return err;
}

/* ---- changes ---- */

static void
append_literal(GString *sql, const char *text)
{
	if (text == NULL)
		g_string_append(sql, "NULL");
	else
		meta_append_text(sql, text);
}

static void
append_insert(GString *sql, const struct copy_run *r,
    const struct copy_table *t, const GPtrArray *chunks)
{
	const char *const head[] = { r->meta->task, r->meta->source,
		t->meta->db, t->meta->tbl };

	g_string_assign(sql, "INSERT INTO ");
	meta_append_name(sql, r->meta, "dm_chunk");
	g_string_append(sql, " (task, source, db, tbl, chunk, format, epoch, "
			     "lo, hi, snap_name, snap_pos) VALUES ");
	for (guint i = 0; i < chunks->len; i++) {
		const struct copy_chunk *k = chunks->pdata[i];

		g_string_append(sql, i == 0 ? "(" : ", (");
		for (size_t j = 0; j < DM_ARRAY_SIZE(head); j++) {
			meta_append_text(sql, head[j]);
			g_string_append_c(sql, ',');
		}
		g_string_append_printf(sql, "%d, %d, %" PRIu64 ", ", k->id,
		    DM_META_FORMAT, r->meta->epoch);
		append_literal(sql, k->lo);
		g_string_append_c(sql, ',');
		append_literal(sql, k->hi);
		g_string_append_c(sql, ',');
		meta_append_text(sql, r->pos.name);
		g_string_append_printf(sql, ", %" PRIu64 ")", r->pos.pos);
	}
	/* The same again after a COMMIT whose answer was lost. */
	g_string_append(sql, " ON DUPLICATE KEY UPDATE lo=VALUES(lo), "
			     "hi=VALUES(hi)");
}

struct dm_err *
copy_chunks_add(struct copy_run *r, struct dm_sql_conn *conn,
    const struct copy_table *t, GPtrArray *chunks)
{
	g_autoptr(GString) sql = g_string_new(NULL);
	struct dm_err *err = begin_fenced(r, conn);

	if (err == NULL) {
		append_insert(sql, r, t, chunks);
		err = dm_sql_exec(conn, sql->str, sql->len, NULL);
	}
	if (err == NULL && t->meta->state != META_TABLE_COPYING) {
		g_string_assign(sql, "UPDATE ");
		meta_append_name(sql, r->meta, "dm_table");
		g_string_append_printf(sql, " SET state='%s' WHERE %s",
		    meta_table_state_name(META_TABLE_COPYING), r->meta->key);
		append_table(sql, t);
		err = dm_sql_exec(conn, sql->str, sql->len, NULL);
	}
	return end_transaction(conn, err);
}

struct dm_err *
copy_chunk_is_done(struct copy_run *r, struct dm_sql_conn *conn,
    const struct copy_table *t, const struct copy_chunk *k, bool *done)
{
	g_autoptr(GString) sql = g_string_new("SELECT state FROM ");
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more;

	append_chunk_from(sql, r, t, k);
	/* Waits for a transaction of ours that the server still ends. */
	g_string_append(sql, " FOR UPDATE");
	err = dm_sql_query(conn, sql->str, sql->len, true, &res);
	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err != NULL)
		return err;
	if (!more)
		return dm_err_set_workaround(
		    dm_err_plain("chunk %d of table `%s`.`%s` is no longer in "
				 "the metadata of the task",
			k->id, t->meta->db, t->meta->tbl),
		    "somebody removed the task's metadata while it ran; begin "
		    "anew with `start-task --remove-meta`");
	*done = strcmp(meta_cell(&row, 0), "done") == 0;
	return NULL;
}

struct dm_err *
copy_chunk_claim(struct copy_run *r, struct dm_sql_conn *conn,
    const struct copy_table *t, const struct copy_chunk *k, bool *done)
{
	g_autoptr(GString) sql = g_string_new("UPDATE ");
	g_autofree char *fence = meta_fence_expr(r->meta);
	uint64_t matched = 0;
	struct dm_err *err;

	err = dm_sql_execf(conn, "BEGIN");
	if (err != NULL)
		return err;
	meta_append_name(sql, r->meta, "dm_chunk");
	g_string_append_printf(
	    sql, " SET %s, state='done' WHERE %s", fence, r->meta->key);
	append_table(sql, t);
	g_string_append_printf(sql, " AND chunk=%d AND state<>'done'", k->id);
	err = meta_name_fence(
	    r->meta, conn, dm_sql_exec(conn, sql->str, sql->len, &matched));
	if (err != NULL || matched == 1) {
		*done = false;
		return err;
	}
	return copy_chunk_is_done(r, conn, t, k, done);
}

struct dm_err *
copy_chunk_count(struct copy_run *r, struct dm_sql_conn *conn,
    const struct copy_table *t, const struct copy_chunk *k, uint64_t rows,
    uint64_t bytes)
{
	g_autoptr(GString) sql = g_string_new("UPDATE ");

	meta_append_name(sql, r->meta, "dm_chunk");
	g_string_append_printf(sql,
	    " SET row_count=%" PRIu64 ", byte_count=%" PRIu64 ", snap_name=",
	    rows, bytes);
	meta_append_text(sql, r->pos.name);
	g_string_append_printf(
	    sql, ", snap_pos=%" PRIu64 " WHERE %s", r->pos.pos, r->meta->key);
	append_table(sql, t);
	g_string_append_printf(sql, " AND chunk=%d", k->id);
	return dm_sql_exec(conn, sql->str, sql->len, NULL);
}

struct dm_err *
copy_table_finish(
    struct copy_run *r, struct dm_sql_conn *conn, const struct copy_table *t)
{
	g_autoptr(GString) sql = g_string_new("UPDATE ");
	const struct meta_table *m = t->meta;
	uint64_t matched = 0;
	struct dm_err *err = copy_indexes_build(r, conn, t);

	if (err != NULL)
		return err;
	meta_append_name(sql, r->meta, "dm_table");
	g_string_append_printf(sql,
	    " SET state='%s', row_count=%" PRIu64 ", byte_count=%" PRIu64
	    ", snap_hi_name=",
	    meta_table_state_name(META_TABLE_DONE), m->rows, m->bytes);
	meta_append_text(sql, m->snap_hi.name);
	g_string_append_printf(sql, ", snap_hi_pos=%" PRIu64 " WHERE %s",
	    m->snap_hi.pos, r->meta->key);
	append_table(sql, t);
	g_string_append(sql, " AND ");
	meta_append_guard(sql, r->meta);
	err = meta_name_fence(
	    r->meta, conn, dm_sql_exec(conn, sql->str, sql->len, &matched));
	return err == NULL && matched == 0 ? meta_gone(r->meta) : err;
}

struct dm_err *
copy_chunks_delete(
    struct copy_run *r, struct dm_sql_conn *conn, const struct copy_table *t)
{
	static const char *const from[] = { "dm_check", "dm_chunk" };
	g_autoptr(GString) sql = g_string_new(NULL);
	struct dm_err *err = begin_fenced(r, conn);

	for (size_t i = 0; err == NULL && i < DM_ARRAY_SIZE(from); i++) {
		g_string_assign(sql, "DELETE FROM ");
		meta_append_from(sql, r->meta, from[i]);
		append_table(sql, t);
		err = dm_sql_exec(conn, sql->str, sql->len, NULL);
	}
	return end_transaction(conn, err);
}
