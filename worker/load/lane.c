/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lanes of the load: threads that read files and write their rows.
 *
 * `pool-size` threads, started and joined by load_lanes_run. A lane takes the
 * next file and stays with it. It stops when none is left, when the run's
 * cancel is set (by the caller, or by the first lane that fails), or by its own
 * error. DESIGN: rows are gathered into one INSERT before a transaction begins,
 * so a batch can be sent again without reading the file again, and nobody waits
 * for a very large row with locks held. The transaction moves the file's
 * progress and inserts the rows. Warnings are looked at before COMMIT: the
 * session is not strict, since a source need not have been when its rows were
 * written.
 */
#include "lib/base/failpoint.h"
#include "lib/log/log.h"
#include "worker/load/load_internal.h"
#include "worker/load/reader.h"
#include "worker/load/tries.h"
#include "worker/meta_internal.h"

#include <inttypes.h>
#include <mysql.h>
#include <string.h>

#define BATCH_BYTES ((size_t)1 << 20)
/* A warning for each must fit into max_error_count. */
#define BATCH_ROWS   20000
#define WARNINGS_MAX 65535
#define SHOWN_BYTES  200
/* Warnings that say nothing was lost. */
#define WARN_DATA_TRUNCATED_ 1265
#define ER_DUP_ENTRY_        1062

struct lane {
	struct copy_lane c; /* its writer and retries; without a reader */
	struct load_run *d;
	struct dm_sql_conn *set_on; /* the session that has what follows */
	char *charset, *time_zone;
};

/* One INSERT. */
struct batch {
	GString *sql;
	size_t head; /* of sql: before the rows */
	uint64_t rows, zeros;
	uint64_t from, to; /* offsets */
	bool end;          /* behind it the file has no rows */
	/* Of the first row, and so of all. */
	char *charset, *time_zone;
};

/* A file while it is loaded. */
struct work {
	struct lane *lane;
	struct load_file *f;
	struct load_reader in;
	struct load_columns *columns; /* for what follows; NULL: none yet */
	char *const *names;
	bool binary;
};

/* ---- reading ---- */

/* Takes err. */
static struct dm_err *
name_place(
    const struct work *w, const struct dm_dump_row *row, struct dm_err *err)
{
	return dm_err_annotate(
	    err, "file %s, offset %" PRIu64, w->f->name, row->start);
}

/* Texts of a CSV file are in the charset of the columns; of SQL as it says. */
static const char *
charset_of(const struct dm_dump_row *row)
{
	return row->charset == NULL ? "binary" : row->charset;
}

/* "": as the target has it. CSV has no place to name one, and dumps of ours
 * have UTC. */
static const char *
time_zone_of(const struct work *w, const struct dm_dump_row *row)
{
	if (row->time_zone != NULL)
		return row->time_zone;
	return w->f->csv ? "+00:00" : "";
}

static struct dm_err *
need_columns(struct work *w)
{
	const struct load_table *t = w->f->table;
	const struct dm_dump_row *row = &w->in.row;
	bool binary = strcasecmp(charset_of(row), "binary") == 0;
	struct dm_err *err;

	if (w->columns != NULL && w->names == row->columns &&
	    w->binary == binary)
		return NULL;
	g_clear_pointer(&w->columns, load_columns_free);
	err = load_columns_new(w->lane->d->verb, t->source, t->target,
	    t->t->to_db, t->t->to_table, row->columns, binary, &w->columns);
	if (err != NULL)
		return name_place(w, row, err);
	w->names = row->columns;
	w->binary = binary;
	return NULL;
}

/* Rows that an earlier run loaded. */
static struct dm_err *
skip_loaded(struct work *w)
{
	g_autofree char *text = NULL;
	uint64_t seen = 0;
	struct dm_err *err = load_reader_skip(&w->in, w->f->offset, &seen);

	if (err != NULL || seen == w->f->offset)
		return err;
	text = g_strdup_printf("file %s: loading stopped behind a row that "
			       "ended at offset %" PRIu64
			       ", but now none ends there: the file is another "
			       "one",
	    w->f->name, w->f->offset);
	return dm_err_set_workaround(dm_err_new(LOAD_LIGHTNING_RUNTIME, text),
	    "put back the file as it was, then `resume-task`; or begin anew "
	    "with `start-task --remove-meta` and empty target tables");
}

/* Whether the row that was read can follow those in b. */
static bool
fits(const struct work *w, const struct batch *b)
{
	const struct dm_dump_row *row = &w->in.row;

	return b->rows == 0 ||
	       (w->names == row->columns &&
		   strcmp(b->charset, charset_of(row)) == 0 &&
		   strcmp(b->time_zone, time_zone_of(w, row)) == 0);
}

static struct dm_err *
add_row(struct work *w, struct batch *b)
{
	const struct dm_dump_row *row = &w->in.row;
	g_autofree char *text = NULL;
	struct dm_err *err;

	if (row->n != w->columns->n) {
		text = g_strdup_printf("a row with %zu values for %u columns",
		    row->n, w->columns->n);
		err = dm_err_new(LOAD_LIGHTNING_RUNTIME, text);
		err = dm_err_set_workaround(err,
		    "the schema file does not belong to these rows, or one of "
		    "both was edited: correct it, then `resume-task`");
		return name_place(w, row, err);
	}
	if (b->rows == 0) {
		g_string_assign(b->sql, w->columns->head);
		b->head = b->sql->len;
		/* Later statements of the file are for later rows. */
		g_free(b->charset);
		b->charset = g_strdup(charset_of(row));
		g_free(b->time_zone);
		b->time_zone = g_strdup(time_zone_of(w, row));
	} else {
		g_string_append_c(b->sql, ',');
	}
	load_append_row(b->sql, w->columns, row, &b->zeros);
	b->rows++;
	b->to = row->end;
	w->in.pending = false;
	return NULL;
}

/* Rows until the batch is full, the columns or settings change, or a very large
 * row comes, which has a batch of its own. */
static struct dm_err *
fill_batch(struct work *w, struct batch *b)
{
	struct dm_err *err = NULL;

	while (err == NULL && b->rows < BATCH_ROWS &&
	       (b->rows == 0 || b->sql->len < BATCH_BYTES)) {
		err = load_reader_next(&w->in);
		if (err != NULL)
			return err;
		if (w->in.large && b->rows > 0)
			return NULL;
		if (w->in.large) {
			err = load_reader_enter(&w->in);
			continue;
		}
		if (!w->in.pending) {
			b->end = true;
			return NULL;
		}
		if (!fits(w, b))
			return NULL;
		err = need_columns(w);
		if (err == NULL)
			err = add_row(w, b);
		if (w->in.in_gate)
			return err;
	}
	return err;
}

/* ---- writing ---- */

/* The writer, with the charset and time zone of the rows. */
static struct dm_err *
need_writer(struct work *w, const struct batch *b)
{
	struct lane *l = w->lane;
	const char *zone = b->time_zone;
	struct dm_err *err = copy_lane_writer(&l->c);
	bool fresh;

	if (err != NULL || b->rows == 0)
		return err;
	fresh = l->set_on != l->c.writer || l->c.unique_checks == -1;
	if (!fresh && g_strcmp0(l->charset, b->charset) == 0 &&
	    g_strcmp0(l->time_zone, zone) == 0)
		return NULL;
	err = dm_sql_execf(l->c.writer,
	    "SET SESSION max_error_count = %d, time_zone = %s%s%s",
	    WARNINGS_MAX, zone[0] == '\0' ? "@@global.time_zone" : "'", zone,
	    zone[0] == '\0' ? "" : "'");
	if (err == NULL)
		err = dm_sql_execf(l->c.writer, "SET NAMES %s", b->charset);
	if (err != NULL)
		return err;
	l->set_on = l->c.writer;
	l->c.unique_checks = 1; /* cleared with each new connection */
	g_free(l->charset);
	l->charset = g_strdup(b->charset);
	g_free(l->time_zone);
	l->time_zone = g_strdup(zone);
	return NULL;
}

/* Says where the rows are and how they begin. Takes err. */
static struct dm_err *
name_rows(const struct work *w, const struct batch *b, struct dm_err *err)
{
	const struct copy_table *t = w->f->table->t;
	g_autofree char *row = g_utf8_make_valid(b->sql->str + b->head,
	    (gssize)MIN(b->sql->len - b->head, (size_t)SHOWN_BYTES));

	return dm_err_set_workaround(
	    dm_err_annotate(err,
		"file %s, offset %" PRIu64 " to %" PRIu64
		": rows from %s... into `%s`.`%s`",
		w->f->name, b->from, b->to, row, t->to_db, t->to_table),
	    "compare the structures of the dumped and the target table, and "
	    "`on-duplicate-logical` (`loaders` in the task file) with the rows "
	    "that the target has: a row does not fit; then `resume-task`");
}

/* Whether a warning is about a column of ENUM, whose error value has the text
 * ''. Told once for each: a person may not know that there are such rows. */
static bool
tell_of_enum(struct work *w, const char *warning)
{
	struct load_table *t = w->f->table;
	const char *column = load_columns_enum(w->columns, warning);
	struct copy_run *r = w->lane->c.run;
	bool new;

	if (column == NULL)
		return false;
	dm_mutex_lock(&r->mu);
	new = g_hash_table_add(t->told, g_strdup(column));
	dm_mutex_unlock(&r->mu);
	if (new)
		dm_warn("rows have an ENUM's error value, which the target "
			"takes with a warning: it has them as the source has",
		    dm_kstr("schema", t->t->meta->db),
		    dm_kstr("table", t->t->meta->tbl),
		    dm_kstr("column", column), dm_kstr("file", w->f->name));
	return true;
}

/* The first warning that is not allowed becomes an error. */
static struct dm_err *
check_warnings(struct work *w, const struct batch *b)
{
	struct dm_sql_conn *conn = w->lane->c.writer;
	unsigned count = mysql_warning_count(dm_sql_raw(conn)), seen = 0;
	uint64_t zeros = b->zeros;
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_err *err;

	if (count == 0)
		return NULL;
	err = dm_sql_queryf(conn, &res, "SHOW WARNINGS");
	while (err == NULL) {
		struct dm_sql_row row;
		uint64_t code;
		bool more;

		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		seen++;
		code = meta_cell_u64(&row, 1);
		if (code == ER_DUP_ENTRY_ && w->lane->d->ignore)
			continue;
		if (code == WARN_DATA_TRUNCATED_ && zeros > 0 &&
		    tell_of_enum(w, meta_cell(&row, 2))) {
			zeros--;
			continue;
		}
		err = dm_err_new(DB_EXECUTE_FAILED, "INSERT");
		dm_err_set_cause(err, "Warning %s: %s", meta_cell(&row, 1),
		    meta_cell(&row, 2));
		return name_rows(w, b, err);
	}
	if (err == NULL && seen < MIN(count, (unsigned)WARNINGS_MAX))
		err = dm_err_plain("the target tells of %u warnings but shows "
				   "%u of them",
		    count, seen);
	return err;
}

static bool
is_of_rows(struct work *w, const struct dm_err *err)
{
	unsigned no = dm_sql_last_errno(w->lane->c.writer);

	return !dm_err_is(err, DB_BAD_CONN) && !meta_is_fence_error(no) &&
	       !dm_sql_is_retryable(no, err->cause);
}

static struct dm_err *
insert(struct work *w, const struct batch *b)
{
	struct dm_err *err = copy_throttle_sent(w->lane->c.run, b->sql->len);

	if (err != NULL)
		return err;
	err = dm_sql_exec(w->lane->c.writer, b->sql->str, b->sql->len, NULL);
	if (err != NULL)
		return is_of_rows(w, err) ? name_rows(w, b, err) : err;
	return check_warnings(w, b);
}

/* What load_try hands around. */
struct sending {
	struct work *w;
	const struct batch *b;
};

static struct dm_err *
try_batch(void *arg, bool *committing)
{
	struct work *w = ((struct sending *)arg)->w;
	const struct batch *b = ((struct sending *)arg)->b;
	struct dm_err *err = need_writer(w, b);
	struct dm_sql_conn *conn = w->lane->c.writer;
	struct dm_mono began;

	if (err == NULL)
		err = dm_sql_execf(conn, "BEGIN");
	if (err == NULL)
		err = load_progress_move(
		    w->lane->d, conn, w->f, b->to, b->rows, b->end);
	DM_FAILPOINT("load-rows");
	if (err == NULL && b->rows > 0)
		err = insert(w, b);
	if (err != NULL)
		return err;
	*committing = true;
	DM_FAILPOINT("load-commit");
	began = dm_mono_now();
	err = dm_sql_execf(conn, "COMMIT");
	copy_throttle_committed(w->lane->c.run, began);
	return err;
}

/* The file's row says whether it committed. */
static struct dm_err *
settle(void *arg, bool *committed)
{
	struct work *w = ((struct sending *)arg)->w;
	const struct batch *b = ((struct sending *)arg)->b;
	struct copy_lane *c = &w->lane->c;
	uint64_t offset = 0;
	bool done = false;
	struct dm_err *err;

	copy_lane_drop_writer(c);
	err = copy_lane_writer(c);
	if (err == NULL)
		err = load_progress_ask(
		    w->lane->d, c->writer, w->f, &offset, &done);
	*committed = err == NULL && offset == b->to && done == b->end &&
		     (offset != w->f->offset || done);
	return err;
}

static struct dm_err *
after_failure(void *arg, int tries, struct dm_err *err)
{
	struct work *w = ((struct sending *)arg)->w;

	return copy_lane_after_failure(&w->lane->c, w->f->table->t, tries, err);
}

static struct dm_err *
send_batch(struct work *w, const struct batch *b)
{
	struct sending s = { w, b };
	const struct load_tries t = { &s, try_batch, settle, after_failure };
	g_autofree char *what = g_strconcat("file ", w->f->name, NULL);

	return load_try(&t, what);
}

/* ---- one file ---- */

static struct dm_err *
write_finish(struct lane *l, struct copy_table *t)
{
	struct dm_err *err = NULL;

	for (int tries = 0; tries < LOAD_TRIES; tries++) {
		err = copy_lane_writer(&l->c);
		if (err == NULL)
			err = copy_table_finish(l->c.run, l->c.writer, t);
		if (err == NULL)
			return NULL;
		err = copy_lane_after_failure(&l->c, t, tries, err);
		if (err != NULL)
			return err;
	}
	return dm_err_plain("table `%s`.`%s` cannot be marked as loaded",
	    t->meta->db, t->meta->tbl);
}

/* A table whose files are all done. */
static struct dm_err *
end_table(struct lane *l, struct load_table *t)
{
	struct copy_unit *u = l->c.run->unit;
	struct dm_err *err = write_finish(l, t->t);

	if (err != NULL)
		return err;
	t->t->meta->state = META_TABLE_DONE;
	dm_mutex_lock(&u->mu);
	u->tables_done++;
	dm_mutex_unlock(&u->mu);
	return NULL;
}

/* What a batch loaded is counted. */
static void
take_progress(struct work *w, const struct batch *b)
{
	struct copy_run *r = w->lane->c.run;
	struct meta_table *m = w->f->table->t->meta;
	uint64_t bytes = b->to - w->f->offset;

	dm_mutex_lock(&r->mu);
	m->rows += b->rows;
	m->bytes += bytes;
	dm_mutex_unlock(&r->mu);
	atomic_fetch_add(&r->unit->bytes, bytes);
	atomic_fetch_add(&r->unit->rows, b->rows);
	w->f->offset = b->to;
	w->f->done = b->end;
}

static struct dm_err *
load_rows(struct work *w)
{
	struct batch b = { .sql = g_string_new(NULL) };
	struct dm_err *err = skip_loaded(w);

	while (err == NULL && !w->f->done) {
		b.rows = b.zeros = 0;
		b.from = b.to = w->f->offset;
		b.end = false;
		g_string_truncate(b.sql, 0);
		err = fill_batch(w, &b);
		if (err == NULL)
			err = copy_throttle_hold(w->lane->c.run);
		if (err == NULL)
			err = send_batch(w, &b);
		if (err == NULL)
			take_progress(w, &b);
		if (w->in.in_gate) {
			g_string_free(b.sql, TRUE);
			b.sql = g_string_new(NULL);
		}
		w->in.pending = w->in.pending && err == NULL;
		load_reader_leave(&w->in);
		if (err == NULL)
			err = dm_cancel_check(w->lane->c.run->cancel);
	}
	g_string_free(b.sql, TRUE);
	g_free(b.charset);
	g_free(b.time_zone);
	return err;
}

static struct dm_err *
load_file(struct lane *l, struct load_file *f)
{
	const struct meta_table *m = f->table->t->meta;
	struct work w = { .lane = l, .f = f };
	DM_AUTO(dm_dump_input) in = NULL;
	DM_AUTO(dm_dump_rows) rows = NULL;
	struct dm_err *err;
	bool last;

	err = dump_dir_read(&l->d->dir, f->name, f->compress, &in);
	if (err != NULL)
		return err;
	rows = dm_dump_rows_new(f->csv, f->name, dm_dump_input_read, in);
	dm_dump_rows_expect(rows, m->db, m->tbl);
	if (l->d->no_escapes)
		dm_dump_rows_no_escapes(rows);
	w.in = (struct load_reader){ .rows = rows, .cancel = l->c.run->cancel };
	err = load_rows(&w);
	load_columns_free(w.columns);
	if (err != NULL)
		return err;
	dm_mutex_lock(&l->c.run->mu);
	last = --f->table->open == 0;
	dm_mutex_unlock(&l->c.run->mu);
	return last ? end_table(l, f->table) : NULL;
}

/* ---- threads ---- */

static struct load_file *
take(struct load_run *d)
{
	struct load_file *f = NULL;

	dm_mutex_lock(&d->r.mu);
	while (
	    f == NULL && d->next < d->files->len && !dm_canceled(d->r.cancel)) {
		f = d->files->pdata[d->next++];
		if (f->done)
			f = NULL;
	}
	dm_mutex_unlock(&d->r.mu);
	return f;
}

static void
fail(struct lane *l, struct dm_err *err)
{
	struct copy_run *r = l->c.run;

	dm_mutex_lock(&r->mu);
	if (r->err == NULL)
		r->err = DM_TAKE(err);
	dm_mutex_unlock(&r->mu);
	dm_err_free(err); /* a consequence of the first one */
	dm_cancel_now(r->cancel);
}

static void *
lane_main(void *arg)
{
	struct lane *l = arg;
	struct dm_err *err = NULL;
	struct load_file *f;

	while (err == NULL && (f = take(l->d)) != NULL)
		err = load_file(l, f);
	if (err != NULL)
		fail(l, err);
	copy_lane_drop_writer(&l->c);
	g_free(l->charset);
	g_free(l->time_zone);
	return NULL;
}

/* Tables without a file, or whose last file was done when its worker died. */
static struct dm_err *
end_complete_tables(struct load_run *d)
{
	struct lane l = { .c = { .run = &d->r }, .d = d };
	struct dm_err *err = NULL;

	for (guint i = 0; err == NULL && i < d->tables->len; i++) {
		struct load_table *t = d->tables->pdata[i];

		if (t->open == 0 && t->t->meta->state != META_TABLE_DONE)
			err = end_table(&l, t);
	}
	copy_lane_drop_writer(&l.c);
	return err;
}

struct dm_err *
load_lanes_run(struct load_run *d)
{
	guint n = MIN(MAX(d->r.env->inst->loader.pool_size, 1), d->files->len);
	g_autofree struct lane *lanes = g_new0(struct lane, n + 1);
	struct dm_err *err = end_complete_tables(d);

	if (err != NULL)
		return err;
	for (guint i = 0; i < n; i++) {
		lanes[i].c.run = &d->r;
		lanes[i].c.number = i;
		lanes[i].d = d;
		lanes[i].c.thread =
		    dm_thread_start("dm-load", lane_main, &lanes[i]);
	}
	for (guint i = 0; i < n; i++)
		pthread_join(lanes[i].c.thread, NULL);
	return DM_TAKE(d->r.err);
}
