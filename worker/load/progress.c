/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress of loading: rows of dm_chunk, of which each is a file here.
 *
 * FORMAT: chunk is the file's number within its table, lo its name, hi the
 * offset behind the last row loaded, snap_pos its size on the disk, snap_name
 * when it was written there. state is 'done' behind the last row.
 * Called by the subtask's thread, _move and _ask by the lanes.
 */
#include "lib/meta/meta_tables.h"
#include "worker/load/load_internal.h"
#include "worker/meta_internal.h"

#include <inttypes.h>
#include <string.h>

/* Statements grow to about this size. */
#define SAVE_BYTES ((size_t)1 << 20)

static void
append_values(GString *sql, const struct load_run *d, const struct load_file *f)
{
	const struct meta *m = d->r.meta;
	const struct meta_table *t = f->table->t->meta;
	const char *const head[] = { m->task, m->source, t->db, t->tbl };

	for (size_t i = 0; i < DM_ARRAY_SIZE(head); i++) {
		g_string_append_c(sql, i == 0 ? '(' : ',');
		meta_append_text(sql, head[i]);
	}
	g_string_append_printf(
	    sql, ", %u, %d, %" PRIu64 ", ", f->id, DM_META_FORMAT, m->epoch);
	meta_append_text(sql, f->name);
	g_string_append_printf(sql, ", '0', %" PRIu64 ", ", f->size);
	meta_append_text(sql, f->mtime);
	g_string_append_c(sql, ')');
}

struct dm_err *
load_progress_add(struct load_run *d, GPtrArray *files)
{
	g_autoptr(GString) sql = g_string_new(NULL);
	struct dm_err *err = NULL;

	for (guint i = 0; err == NULL && i < files->len; i++) {
		if (sql->len == 0) {
			g_string_append(sql, "INSERT INTO ");
			meta_append_name(sql, d->r.meta, "dm_chunk");
			g_string_append(sql,
			    " (task, source, db, tbl, chunk, format, epoch, "
			    "lo, hi, snap_pos, snap_name) VALUES ");
		} else {
			g_string_append_c(sql, ',');
		}
		append_values(sql, d, files->pdata[i]);
		if (sql->len < SAVE_BYTES && i + 1 < files->len)
			continue;
		err = dm_sql_exec(d->r.dst, sql->str, sql->len, NULL);
		g_string_truncate(sql, 0);
	}
	return err;
}

static struct dm_err *
take_row(struct load_run *d, struct load_table *t, const struct dm_sql_row *row)
{
	struct load_file *f = g_new0(struct load_file, 1);
	struct dm_dump_name n;
	bool known;

	g_ptr_array_add(d->files, f);
	f->table = t;
	f->id = (unsigned)meta_cell_u64(row, 2);
	f->name = g_strdup(meta_cell(row, 3));
	f->offset = meta_cell_u64(row, 4);
	f->done = strcmp(meta_cell(row, 5), "done") == 0;
	f->size = meta_cell_u64(row, 7);
	f->mtime = g_strdup(meta_cell(row, 8));
	t->t->meta->rows += meta_cell_u64(row, 6);
	t->t->meta->bytes += f->offset;
	t->open += f->done ? 0 : 1;
	known = dm_dump_name_parse(f->name, &n);
	f->csv = n.kind == DM_DUMP_ROWS_CSV;
	f->compress = n.compress;
	dm_dump_name_clear(&n);
	return known
		   ? NULL
		   : dm_err_plain("the metadata of the task names a file that "
				  "is not of a dump: %s",
			 f->name);
}

struct dm_err *
load_progress_read(struct load_run *d, GHashTable *by_name)
{
	g_autoptr(GString) sql =
	    g_string_new("SELECT db, tbl, chunk, lo, hi, state, row_count, "
			 "snap_pos, snap_name FROM ");
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_err *err;

	meta_append_from(sql, d->r.meta, "dm_chunk");
	g_string_append(sql, " ORDER BY db, tbl, chunk");
	err = dm_sql_query(d->r.dst, sql->str, sql->len, true, &res);
	while (err == NULL) {
		g_autofree char *name = NULL;
		struct load_table *t;
		struct dm_sql_row row;
		bool more;

		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		name = g_strconcat(
		    meta_cell(&row, 0), "\001", meta_cell(&row, 1), NULL);
		t = g_hash_table_lookup(by_name, name);
		g_ptr_array_add(d->rows, g_strdup(meta_cell(&row, 3)));
		if (t != NULL && t->t->meta->state != META_TABLE_DONE)
			err = take_row(d, t, &row);
	}
	return err;
}

/* " WHERE <this file>" */
static void
append_where(GString *sql, const struct load_run *d, const struct load_file *f)
{
	g_string_append_printf(sql, " WHERE %s AND db=", d->r.meta->key);
	meta_append_text(sql, f->table->t->meta->db);
	g_string_append(sql, " AND tbl=");
	meta_append_text(sql, f->table->t->meta->tbl);
	g_string_append_printf(sql, " AND chunk=%u", f->id);
}

struct dm_err *
load_progress_move(struct load_run *d, struct dm_sql_conn *conn,
    const struct load_file *f, uint64_t to, uint64_t rows, bool done)
{
	g_autoptr(GString) sql = g_string_new("UPDATE ");
	g_autofree char *fence = meta_fence_expr(d->r.meta);
	uint64_t matched = 0;
	struct dm_err *err;

	meta_append_name(sql, d->r.meta, "dm_chunk");
	g_string_append_printf(sql,
	    " SET %s, hi='%" PRIu64 "', row_count=row_count+%" PRIu64
	    ", byte_count=%" PRIu64 "%s",
	    fence, to, rows, to, done ? ", state='done'" : "");
	append_where(sql, d, f);
	g_string_append_printf(
	    sql, " AND hi='%" PRIu64 "' AND state<>'done'", f->offset);
	err = meta_name_fence(
	    d->r.meta, conn, dm_sql_exec(conn, sql->str, sql->len, &matched));
	if (err != NULL || matched == 1)
		return err;
	return dm_err_set_workaround(
	    dm_err_plain("file %s: the progress in the target's metadata is no "
			 "longer at offset %" PRIu64,
		f->name, f->offset),
	    "somebody changed the task's metadata while it ran; begin anew "
	    "with `start-task --remove-meta` and empty target tables");
}

struct dm_err *
load_progress_ask(struct load_run *d, struct dm_sql_conn *conn,
    const struct load_file *f, uint64_t *offset, bool *done)
{
	g_autoptr(GString) sql = g_string_new("SELECT hi, state FROM ");
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more = false;

	meta_append_name(sql, d->r.meta, "dm_chunk");
	append_where(sql, d, f);
	/* Waits for a transaction of ours that the server still ends. */
	g_string_append(sql, " FOR UPDATE");
	err = dm_sql_query(conn, sql->str, sql->len, true, &res);
	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err != NULL)
		return err;
	if (!more)
		return dm_err_plain("file %s is no longer in the metadata of "
				    "the task",
		    f->name);
	*offset = meta_cell_u64(&row, 0);
	*done = strcmp(meta_cell(&row, 1), "done") == 0;
	return NULL;
}
