/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of dm_check: what the source gave for each chunk, and whether it was
 * compared with the target since.
 *
 * Called by lanes, each with its own connection. DESIGN: the sum is written in
 * the chunk's own transaction, so a chunk that is committed can be compared by
 * any later run, whose snapshot is another one.
 */
#include "lib/meta/meta_tables.h"
#include "worker/copy/copy_internal.h"
#include "worker/meta_internal.h"

#include <inttypes.h>
#include <string.h>

/* "INSERT .. VALUES (<this chunk>, a, b, checked)" */
static void
append_row(GString *sql, const struct copy_run *r, const struct copy_table *t,
    const struct copy_chunk *k, bool checked)
{
	const char *const head[] = { r->meta->task, r->meta->source,
		t->meta->db, t->meta->tbl };

	g_string_append(sql, "INSERT INTO ");
	meta_append_name(sql, r->meta, "dm_check");
	g_string_append(sql, " (task, source, db, tbl, chunk, format, sum_a, "
			     "sum_b, checked) VALUES (");
	for (size_t j = 0; j < DM_ARRAY_SIZE(head); j++) {
		meta_append_text(sql, head[j]);
		g_string_append_c(sql, ',');
	}
	g_string_append_printf(sql, "%d, %d, ", k->id, DM_META_FORMAT);
	if (k->summed)
		g_string_append_printf(
		    sql, "%" PRIu64 ", %" PRIu64, k->sum.a, k->sum.b);
	else
		g_string_append(sql, "NULL, NULL");
	g_string_append_printf(sql, ", %d)", checked ? 1 : 0);
}

struct dm_err *
copy_check_save(struct copy_run *r, struct dm_sql_conn *conn,
    const struct copy_table *t, const struct copy_chunk *k)
{
	g_autoptr(GString) sql = g_string_new(NULL);

	append_row(sql, r, t, k, false);
	g_string_append(sql, " ON DUPLICATE KEY UPDATE sum_a=VALUES(sum_a), "
			     "sum_b=VALUES(sum_b), checked=0");
	return dm_sql_exec(conn, sql->str, sql->len, NULL);
}

static struct dm_err *
begin_fenced(struct copy_run *r, struct dm_sql_conn *conn)
{
	struct dm_err *err = dm_sql_execf(conn, "BEGIN");

	return err != NULL ? err : meta_check_fence(r->meta, conn);
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

struct dm_err *
copy_check_mark(struct copy_run *r, struct dm_sql_conn *conn,
    const struct copy_table *t, const struct copy_chunk *k)
{
	g_autoptr(GString) sql = g_string_new(NULL);
	struct dm_err *err = begin_fenced(r, conn);

	append_row(sql, r, t, k, true);
	g_string_append(sql, " ON DUPLICATE KEY UPDATE checked=1");
	if (err == NULL)
		err = dm_sql_exec(conn, sql->str, sql->len, NULL);
	return end_transaction(conn, err);
}

/* " AND db=.. AND tbl=.."; of_chunk: and chunk=.. */
static void
append_which(
    GString *sql, const struct copy_table *t, const struct copy_chunk *of_chunk)
{
	g_string_append(sql, " AND db=");
	meta_append_text(sql, t->meta->db);
	g_string_append(sql, " AND tbl=");
	meta_append_text(sql, t->meta->tbl);
	if (of_chunk != NULL)
		g_string_append_printf(sql, " AND chunk=%d", of_chunk->id);
}

static void
append_positions(GString *sql, const struct copy_run *r,
    const struct copy_table *t, const struct dm_pos *lo,
    const struct dm_pos *hi)
{
	g_string_append(sql, "UPDATE ");
	meta_append_name(sql, r->meta, "dm_table");
	g_string_append_printf(sql, " SET state='%s', snap_lo_name=",
	    meta_table_state_name(META_TABLE_COPYING));
	meta_append_text(sql, lo->name);
	g_string_append_printf(
	    sql, ", snap_lo_pos=%" PRIu64 ", snap_hi_name=", lo->pos);
	meta_append_text(sql, hi->name);
	g_string_append_printf(
	    sql, ", snap_hi_pos=%" PRIu64 " WHERE %s", hi->pos, r->meta->key);
	append_which(sql, t, NULL);
}

/* What the range has in the target. */
static void
append_clear(
    GString *sql, const struct copy_table *t, const struct copy_chunk *k)
{
	g_autofree char *where = copy_range_where(t->shape, k->lo, k->hi, NULL);

	g_string_append(sql, "DELETE FROM ");
	dm_sql_append_table(sql, t->to_db, t->to_table);
	g_string_append(sql, where);
}

static struct dm_err *
run(struct dm_sql_conn *conn, GString *sql)
{
	struct dm_err *err = dm_sql_exec(conn, sql->str, sql->len, NULL);

	g_string_truncate(sql, 0);
	return err;
}

struct dm_err *
copy_check_reopen(struct copy_run *r, struct dm_sql_conn *conn,
    const struct copy_table *t, const struct copy_chunk *k, bool clear,
    struct dm_pos *lo, struct dm_pos *hi)
{
	g_autoptr(GString) sql = g_string_new(NULL);
	struct dm_err *err = begin_fenced(r, conn);

	/* All of a table in one chunk is all of one snapshot again. */
	*lo = clear && t->shape->n_keys == 0 ? r->pos : t->meta->snap_lo;
	*hi = t->meta->snap_hi;
	if (dm_pos_cmp(hi, &r->pos_hi) < 0)
		*hi = r->pos_hi;
	append_positions(sql, r, t, lo, hi);
	if (err == NULL)
		err = run(conn, sql);
	g_string_assign(sql, "UPDATE ");
	meta_append_name(sql, r->meta, "dm_chunk");
	g_string_append_printf(
	    sql, " SET state='planned' WHERE %s", r->meta->key);
	append_which(sql, t, k);
	if (err == NULL)
		err = run(conn, sql);
	g_string_assign(sql, "DELETE FROM ");
	meta_append_from(sql, r->meta, "dm_check");
	append_which(sql, t, k);
	if (err == NULL)
		err = run(conn, sql);
	g_string_truncate(sql, 0);
	append_clear(sql, t, k);
	if (err == NULL && clear)
		err = run(conn, sql);
	return end_transaction(conn, err);
}

struct dm_err *
copy_check_unfinished(struct copy_run *r, GHashTable **out)
{
	g_autoptr(GHashTable) names =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GString) sql = g_string_new("SELECT DISTINCT db, tbl FROM ");
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_err *err;

	meta_append_name(sql, r->meta, "dm_chunk");
	g_string_append(sql, " LEFT JOIN ");
	meta_append_name(sql, r->meta, "dm_check");
	g_string_append_printf(sql,
	    " USING (task, source, db, tbl, chunk) WHERE %s "
	    "AND state='done' AND IFNULL(checked, 0) <> 1",
	    r->meta->key);
	err = dm_sql_query(r->dst, sql->str, sql->len, true, &res);
	while (err == NULL) {
		struct dm_sql_row row;
		bool more;

		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		g_hash_table_add(names, g_strconcat(meta_cell(&row, 0), "\001",
					    meta_cell(&row, 1), NULL));
	}
	if (err != NULL)
		return err;
	*out = DM_TAKE(names);
	return NULL;
}
