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
#include "worker/copy/gate.h"
#include "worker/load/load_internal.h"
#include "worker/meta_internal.h"

#include <inttypes.h>
#include <mysql.h>
#include <string.h>

#define BATCH_BYTES ((size_t)1 << 20)
/* A warning for each must fit into max_error_count. */
#define BATCH_ROWS   20000
#define WARNINGS_MAX 65535
#define TRIES        10
#define SHOWN_BYTES  200
/* Warnings that say nothing was lost. */
#define WARN_DATA_TRUNCATED_ 1265
#define ER_DUP_ENTRY_        1062

struct lane {
	struct copy_lane c; /* its writer and retries; without a reader */
	struct load_run *d;
	struct dm_sql_conn *set_on; /* the session that has what follows */
	char *charset, *time_zone;
	bool in_gate;
};

/* One INSERT. */
struct batch {
	GString *sql;
	size_t head; /* of sql: before the rows */
	uint64_t rows, zeros;
	uint64_t from, to; /* offsets */
	bool end;          /* behind it the file has no rows */
};

/* A file while it is loaded. */
struct work {
	struct lane *lane;
	struct load_file *f;
	struct dm_dump_rows *rows;
	struct load_columns *columns; /* for `names` */
	char *const *names;
	bool have_columns;
	struct dm_dump_row row; /* read, and in no batch yet */
	bool pending, large;    /* row is there; it waits for the gate */
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

static struct dm_err *
need_columns(struct work *w)
{
	const struct load_table *t = w->f->table;
	const char *charset = dm_dump_rows_charset(w->rows);
	bool binary = charset == NULL || strcasecmp(charset, "binary") == 0;
	struct dm_err *err;

	if (w->have_columns && w->names == w->row.columns)
		return NULL;
	g_clear_pointer(&w->columns, load_columns_free);
	err = load_columns_new(w->lane->d->verb, t->source, t->target,
	    t->t->to_db, t->t->to_table, w->row.columns, binary, &w->columns);
	if (err != NULL)
		return name_place(w, &w->row, err);
	w->names = w->row.columns;
	w->have_columns = true;
	return NULL;
}

/* The next row into w->row; neither pending nor large: the end. */
static struct dm_err *
read_row(struct work *w)
{
	enum dm_dump_next what = DM_DUMP_END;
	struct dm_err *err = dm_dump_rows_next(w->rows, &w->row, &what);

	w->pending = err == NULL && what == DM_DUMP_ROW;
	w->large = err == NULL && what == DM_DUMP_LARGE;
	return err;
}

/* Rows that an earlier run loaded. */
static struct dm_err *
skip_loaded(struct work *w)
{
	g_autofree char *text = NULL;
	uint64_t seen = 0;
	struct dm_err *err = NULL;

	while (err == NULL && seen < w->f->offset) {
		err = read_row(w);
		if (err == NULL && w->large) {
			dm_dump_rows_allow_large(w->rows, true);
			continue;
		}
		if (err != NULL || !w->pending)
			break;
		seen = w->row.end;
		w->pending = false;
	}
	dm_dump_rows_allow_large(w->rows, false);
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

static struct dm_err *
add_row(struct work *w, struct batch *b)
{
	g_autofree char *text = NULL;
	struct dm_err *err;

	if (w->row.n != w->columns->n) {
		text = g_strdup_printf("a row with %zu values for %u columns",
		    w->row.n, w->columns->n);
		err = dm_err_new(LOAD_LIGHTNING_RUNTIME, text);
		err = dm_err_set_workaround(err,
		    "the schema file does not belong to these rows, or one of "
		    "both was edited: correct it, then `resume-task`");
		return name_place(w, &w->row, err);
	}
	if (b->rows == 0) {
		g_string_assign(b->sql, w->columns->head);
		b->head = b->sql->len;
	} else {
		g_string_append_c(b->sql, ',');
	}
	load_append_row(b->sql, w->columns, &w->row, &b->zeros);
	b->rows++;
	b->to = w->row.end;
	w->pending = false;
	return NULL;
}

/* Rows until the batch is full, the columns change, or a very large row comes,
 * which has a batch of its own. */
static struct dm_err *
fill_batch(struct work *w, struct batch *b)
{
	struct dm_err *err = NULL;

	while (err == NULL && b->rows < BATCH_ROWS &&
	       (b->rows == 0 || b->sql->len < BATCH_BYTES)) {
		if (!w->pending)
			err = read_row(w);
		if (err != NULL)
			return err;
		if (w->large && b->rows > 0)
			return NULL;
		if (w->large) {
			if (!w->lane->in_gate)
				err = copy_gate_enter(w->lane->c.run->cancel);
			w->lane->in_gate = w->lane->in_gate || err == NULL;
			dm_dump_rows_allow_large(w->rows, true);
			w->large = false;
			continue;
		}
		if (!w->pending) {
			b->end = true;
			return NULL;
		}
		if (b->rows > 0 && w->names != w->row.columns)
			return NULL;
		err = need_columns(w);
		if (err == NULL)
			err = add_row(w, b);
		if (w->lane->in_gate)
			return err;
	}
	return err;
}

/* ---- writing ---- */

/* The writer, with the charset and time zone of the file. */
static struct dm_err *
need_writer(struct work *w)
{
	struct lane *l = w->lane;
	const char *charset = dm_dump_rows_charset(w->rows);
	const char *zone = dm_dump_rows_time_zone(w->rows);
	struct dm_err *err = copy_lane_writer(&l->c);
	bool fresh;

	if (err != NULL)
		return err;
	charset = charset == NULL ? "binary" : charset;
	zone = zone == NULL ? "" : zone; /* as the target has it */
	fresh = l->set_on != l->c.writer || l->c.unique_checks == -1;
	if (!fresh && g_strcmp0(l->charset, charset) == 0 &&
	    g_strcmp0(l->time_zone, zone) == 0)
		return NULL;
	err = dm_sql_execf(l->c.writer,
	    "SET SESSION max_error_count = %d, time_zone = %s%s%s",
	    WARNINGS_MAX, zone[0] == '\0' ? "@@global.time_zone" : "'", zone,
	    zone[0] == '\0' ? "" : "'");
	if (err == NULL)
		err = dm_sql_execf(l->c.writer, "SET NAMES %s", charset);
	if (err != NULL)
		return err;
	l->set_on = l->c.writer;
	l->c.unique_checks = 1; /* cleared with each new connection */
	g_free(l->charset);
	l->charset = g_strdup(charset);
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
		if (code == WARN_DATA_TRUNCATED_ && zeros > 0) {
			zeros--; /* the error value of an ENUM */
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
	struct dm_err *err =
	    dm_sql_exec(w->lane->c.writer, b->sql->str, b->sql->len, NULL);

	if (err != NULL)
		return is_of_rows(w, err) ? name_rows(w, b, err) : err;
	return check_warnings(w, b);
}

/* Once through. *committing: COMMIT was sent. */
static struct dm_err *
try_batch(struct work *w, const struct batch *b, bool *committing)
{
	struct dm_err *err = need_writer(w);
	struct dm_sql_conn *conn = w->lane->c.writer;

	*committing = false;
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
	return dm_sql_execf(conn, "COMMIT");
}

/* After a lost COMMIT: did it happen? */
static struct dm_err *
settle(struct work *w, const struct batch *b, bool *committed)
{
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
send_batch(struct work *w, const struct batch *b)
{
	struct copy_lane *c = &w->lane->c;
	struct dm_err *err = NULL;

	for (int tries = 0; err == NULL && tries < TRIES; tries++) {
		bool committing, committed = false;

		err = try_batch(w, b, &committing);
		if (err == NULL)
			committed = true;
		else if (committing && dm_err_is(err, DB_BAD_CONN)) {
			dm_err_free(err); /* the file's row decides */
			err = settle(w, b, &committed);
		}
		if (err == NULL && committed)
			return NULL;
		if (err != NULL)
			err = copy_lane_after_failure(
			    c, w->f->table->t, tries, err);
	}
	return err != NULL ? err
			   : dm_err_plain("file %s: no try to load rows came "
					  "to an end",
				 w->f->name);
}

/* ---- one file ---- */

static struct dm_err *
write_finish(struct lane *l, struct copy_table *t)
{
	struct dm_err *err = NULL;

	for (int tries = 0; tries < TRIES; tries++) {
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
			err = send_batch(w, &b);
		if (err == NULL)
			take_progress(w, &b);
		if (w->lane->in_gate) {
			g_string_free(b.sql, TRUE);
			b.sql = g_string_new(NULL);
			dm_dump_rows_allow_large(w->rows, false);
		}
		copy_leave_gate(&w->lane->in_gate, NULL);
		if (err == NULL)
			err = dm_cancel_check(w->lane->c.run->cancel);
	}
	copy_leave_gate(&w->lane->in_gate, NULL);
	g_string_free(b.sql, TRUE);
	return err;
}

static struct dm_err *
load_file(struct lane *l, struct load_file *f)
{
	g_autofree char *path = dump_dir_file(&l->d->dir, f->name);
	struct work w = { .lane = l, .f = f };
	DM_AUTO(dm_dump_input) in = NULL;
	struct dm_err *err;
	bool last;

	err = dm_dump_input_open(path, f->compress, &in);
	if (err != NULL)
		return err;
	w.rows = dm_dump_rows_new(f->csv, f->name, dm_dump_input_read, in);
	err = load_rows(&w);
	dm_dump_rows_free(w.rows);
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
