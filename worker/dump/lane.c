/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lanes of the dump: threads that cut tables and write their rows.
 *
 * One thread for each snapshot connection, started and joined by
 * dump_lanes_run. A lane stops when no work is left, when the run's cancel is
 * set (by the caller, or by the first lane that fails), or by its own error.
 * DESIGN: who takes a table finds where its next chunk ends, gives the table
 * free again, and reads that chunk, so several lanes work on a large table.
 * Chunks are numbered as they are cut; each is a file or, where it is larger
 * than a file may be, several.
 */
#include "lib/log/log.h"
#include "worker/copy/gate.h"
#include "worker/dump/dump_internal.h"

#include <inttypes.h>
#include <string.h>

#define IDLE_WAIT_MS 500
/* Bytes that are written at a time; memory that is kept between rows. */
#define PIECE_BYTES ((size_t)64 << 10)
#define KEPT_BYTES  ((size_t)16 << 20)

struct lanes {
	struct dump_run *d;
	GPtrArray *order; /* struct dump_table*, largest first; borrowed */
};

struct lane {
	struct lanes *lanes;
	struct dump_run *d;
	struct dm_sql_conn *reader; /* borrowed */
	struct dm_cancel_watch watch;
	pthread_t thread;
	bool in_gate;
};

/* A chunk while it is written. */
struct chunk {
	struct lane *lane;
	struct dump_table *t;
	unsigned number, file;      /* of the table; of the chunk */
	struct dm_dump_output *out; /* NULL: no file is open */
	GString *text;              /* not written yet */
	uint64_t file_bytes, statement_bytes;
};

/* ---- which work ---- */

/* A table to cut; *wait: there may be one in a moment. */
static struct dump_table *
take_locked(struct lanes *a, bool *wait)
{
	dm_mutex_assert_held(&a->d->r.mu);
	*wait = false;
	for (guint i = 0; i < a->order->len; i++) {
		struct dump_table *t = a->order->pdata[i];

		if (t->cut_done)
			continue;
		if (!t->cutting) {
			t->cutting = true;
			t->open++;
			return t;
		}
		*wait = true;
	}
	return NULL;
}

static struct dump_table *
take(struct lanes *a)
{
	struct copy_run *r = &a->d->r;
	struct dump_table *t = NULL;
	bool wait = true;

	dm_mutex_lock(&r->mu);
	while (t == NULL && wait && !dm_canceled(r->cancel)) {
		t = take_locked(a, &wait);
		if (t == NULL && wait)
			dm_cond_wait_ms(&r->cond, &r->mu, IDLE_WAIT_MS);
	}
	dm_mutex_unlock(&r->mu);
	return t;
}

/* The next chunk of t, which is ours to cut; then others may. */
static struct dm_err *
cut(struct lane *l, struct dump_table *t, char **lo, char **hi,
    unsigned *number)
{
	const struct meta_table *m = t->t->meta;
	struct copy_run *r = &l->d->r;
	struct dm_err *err = NULL;
	const char *where = r->env->inst->mydumper.where;

	if (t->shape == NULL)
		err = dump_shape_new(
		    m->structure, m->db, l->d->no_escapes, &t->shape);
	*lo = g_strdup(t->lo);
	*hi = NULL;
	if (err == NULL && t->shape->cut->n_keys > 0 &&
	    l->d->rows_per_chunk > 0)
		err = copy_find_bound(l->reader, t->shape->cut, *lo, where,
		    l->d->rows_per_chunk, hi);
	if (err != NULL)
		return err;
	dm_mutex_lock(&r->mu);
	*number = t->chunk++;
	g_free(t->lo);
	t->lo = g_strdup(*hi);
	t->cut_done = *hi == NULL;
	t->cutting = false;
	pthread_cond_broadcast(&r->cond);
	dm_mutex_unlock(&r->mu);
	return NULL;
}

/* ---- files ---- */

/* As DM numbers them: reference/data-plane 3.4. */
static char *
file_name(const struct chunk *k)
{
	const struct dump_run *d = k->lane->d;
	const struct meta_table *m = k->t->t->meta;
	g_autofree char *db = dm_dump_name_escape(m->db);
	g_autofree char *table = dm_dump_name_escape(m->tbl);
	g_autofree char *index = NULL;

	if (d->rows_per_chunk == 0)
		index = g_strdup_printf("%09u", k->file);
	else if (d->file_bytes == 0)
		index = g_strdup_printf("%09u", k->number);
	else
		index = g_strdup_printf("%09u%04u", k->number, k->file);
	return g_strdup_printf("%s.%s.%s.%s%s", db, table, index,
	    d->csv ? "csv" : "sql", dm_dump_suffix(d->compress));
}

static struct dm_err *
write_text(struct chunk *k)
{
	struct dm_err *err = copy_throttle_sent(&k->lane->d->r, k->text->len);

	if (err == NULL)
		err = dm_dump_output_write(k->out, k->text->str, k->text->len);
	if (k->text->allocated_len > KEPT_BYTES) {
		g_string_free(k->text, TRUE);
		k->text = g_string_new(NULL);
	}
	g_string_truncate(k->text, 0);
	return err;
}

static struct dm_err *
open_file(struct chunk *k)
{
	g_autofree char *name = file_name(k);
	struct dump_run *d = k->lane->d;
	struct dm_err *err =
	    dump_dir_create(&d->dir, name, d->compress, &k->out);

	if (err != NULL)
		return err;
	g_string_append(k->text, k->lane->d->csv
				     ? k->t->shape->csv
				     : dump_sql_head(k->lane->d, true));
	k->file_bytes = k->text->len;
	k->statement_bytes = 0;
	return NULL;
}

static struct dm_err *
close_file(struct chunk *k)
{
	struct dm_err *err;

	if (k->out == NULL)
		return NULL;
	if (k->statement_bytes > 0)
		g_string_append(k->text, ";\n");
	err = write_text(k);
	if (err == NULL)
		err = dm_dump_output_finish(k->out);
	g_clear_pointer(&k->out, dm_dump_output_free);
	k->file++;
	return err;
}

static void
append_row(struct chunk *k, const struct dm_sql_row *row)
{
	const struct dump_run *d = k->lane->d;
	const struct dump_shape *s = k->t->shape;

	if (d->csv) {
		dump_append_csv(k->text, s, row);
		return;
	}
	g_string_append(k->text, k->statement_bytes == 0 ? s->insert : ",\n");
	dump_append_tuple(k->text, s, row);
}

static struct dm_err *
put_row(struct chunk *k, const struct dm_sql_row *row)
{
	const struct dump_run *d = k->lane->d;
	struct copy_unit *u = d->r.unit;
	struct dm_err *err = k->out == NULL ? open_file(k) : NULL;
	size_t before, bytes;

	if (err != NULL)
		return err;
	before = k->text->len;
	append_row(k, row);
	bytes = k->text->len - before;
	k->file_bytes += bytes;
	if (!d->csv)
		k->statement_bytes += bytes;
	atomic_fetch_add(&u->bytes, bytes);
	atomic_fetch_add(&u->rows, 1);
	if (k->statement_bytes >= d->statement_bytes &&
	    k->statement_bytes > 0) {
		g_string_append(k->text, ";\n");
		k->statement_bytes = 0;
	}
	if (d->file_bytes > 0 && k->file_bytes >= d->file_bytes)
		return close_file(k);
	return k->text->len >= PIECE_BYTES ? write_text(k) : NULL;
}

/* ---- one chunk ---- */

/* A very large row is read while no other is. */
static struct dm_err *
pass_gate(struct lane *l, struct dm_sql_result *res)
{
	struct dm_err *err;

	if (l->in_gate || !dm_sql_next_is_large(res))
		return NULL;
	err = copy_gate_enter(l->d->r.cancel);
	l->in_gate = err == NULL;
	return err;
}

static struct dm_err *
read_rows(struct chunk *k, const char *sql)
{
	struct lane *l = k->lane;
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_err *err =
	    dm_sql_query(l->reader, sql, strlen(sql), false, &res);

	while (err == NULL) {
		struct dm_sql_row row;
		bool more = false;

		err = pass_gate(l, res);
		if (err == NULL)
			err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		err = put_row(k, &row);
	}
	return err;
}

static struct dm_err *
dump_chunk(struct lane *l, struct dump_table *t, const char *lo, const char *hi,
    unsigned number)
{
	const struct copy_shape *cut = t->shape->cut;
	g_autofree char *where =
	    copy_range_where(cut, lo, hi, l->d->r.env->inst->mydumper.where);
	g_autofree char *sql = g_strconcat(t->shape->select, where,
	    cut->n_keys > 0 ? cut->key_order : "", NULL);
	struct chunk k = { .lane = l, .t = t, .number = number };
	struct dm_err *err;

	k.text = g_string_new(NULL);
	err = read_rows(&k, sql);
	if (err == NULL)
		err = close_file(&k);
	copy_leave_gate(&l->in_gate, l->reader);
	dm_dump_output_free(k.out);
	g_string_free(k.text, TRUE);
	return err;
}

static struct dm_err *
dump_next(struct lane *l, struct dump_table *t)
{
	g_autofree char *lo = NULL, *hi = NULL;
	struct copy_run *r = &l->d->r;
	const struct meta_table *m = t->t->meta;
	unsigned number = 0;
	bool last;
	struct dm_err *err = copy_throttle_hold(r);

	if (err == NULL)
		err = cut(l, t, &lo, &hi, &number);
	atomic_fetch_add(&r->throttle.reading, 1);
	if (err == NULL)
		err = dump_chunk(l, t, lo, hi, number);
	atomic_fetch_sub(&r->throttle.reading, 1);
	if (err != NULL)
		return dm_err_annotate(err, "table `%s`.`%s`", m->db, m->tbl);
	dm_mutex_lock(&r->mu);
	t->open--;
	last = t->open == 0 && t->cut_done;
	dm_mutex_unlock(&r->mu);
	if (last) {
		dm_mutex_lock(&r->unit->mu);
		r->unit->tables_done++;
		dm_mutex_unlock(&r->unit->mu);
	}
	return NULL;
}

static void
fail(struct lane *l, struct dm_err *err)
{
	struct copy_run *r = &l->d->r;

	dm_mutex_lock(&r->mu);
	if (r->err == NULL)
		r->err = DM_TAKE(err);
	pthread_cond_broadcast(&r->cond);
	dm_mutex_unlock(&r->mu);
	dm_err_free(err); /* a consequence of the first one */
	dm_cancel_now(r->cancel);
}

static void *
lane_main(void *arg)
{
	struct lane *l = arg;
	struct dm_err *err = NULL;
	struct dump_table *t;

	dm_cancel_watch(l->d->r.cancel, &l->watch, dm_sql_interrupt, l->reader);
	while (err == NULL && (t = take(l->lanes)) != NULL)
		err = dump_next(l, t);
	if (err != NULL)
		fail(l, err);
	dm_cancel_unwatch(l->d->r.cancel, &l->watch);
	return NULL;
}

static int
by_size(const void *a, const void *b)
{
	const struct dump_table *x = *(struct dump_table *const *)a;
	const struct dump_table *y = *(struct dump_table *const *)b;

	if (x->t->meta->est_bytes == y->t->meta->est_bytes)
		return 0;
	return x->t->meta->est_bytes < y->t->meta->est_bytes ? 1 : -1;
}

struct dm_err *
dump_lanes_run(struct dump_run *d)
{
	g_autoptr(GPtrArray) order = g_ptr_array_copy(d->tables, NULL, NULL);
	struct lanes a = { .d = d, .order = order };
	guint n = d->r.readers->len;
	g_autofree struct lane *lanes = g_new0(struct lane, n);

	g_ptr_array_set_free_func(order, NULL);
	g_ptr_array_sort(order, by_size);
	for (guint i = 0; i < n; i++) {
		lanes[i].lanes = &a;
		lanes[i].d = d;
		lanes[i].reader = d->r.readers->pdata[i];
		lanes[i].thread =
		    dm_thread_start("dm-dump", lane_main, &lanes[i]);
	}
	for (guint i = 0; i < n; i++)
		pthread_join(lanes[i].thread, NULL);
	return DM_TAKE(d->r.err);
}
