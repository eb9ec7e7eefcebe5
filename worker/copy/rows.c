/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of one chunk, from the snapshot into the target.
 *
 * Called on a lane's thread.
 * DESIGN: one target transaction holds the chunk's row and its rows. LOAD DATA
 * LOCAL turns errors into warnings, so its counts decide; if they are not as
 * they must be, the chunk is rolled back and sent as INSERTs, which name the
 * row. The source's rows are fetched while the client library asks for more
 * bytes: nothing is queued in between.
 * A row of 16 MB or more is seen before it is read. Its chunk then has the gate
 * to itself: the row's buffer, and the statement made of it, are the only ones
 * of that size. A lane that finds the gate closed gives its transaction up
 * before it waits: the table may be locked by it (MariaDB does that in an empty
 * table), and the lane inside may need it.
 */
#include "lib/base/failpoint.h"
#include "lib/log/log.h"
#include "worker/copy/copy_internal.h"
#include "worker/copy/encode.h"
#include "worker/copy/gate.h"
#include "worker/meta_internal.h"

#include <inttypes.h>
#include <mysql.h>
#include <string.h>

#define CHUNK_TRIES    10
#define BACKOFF_MIN_MS 200
#define BACKOFF_MAX_MS 5000
#define INSERT_BYTES   ((size_t)1 << 20)
/* A statement's head in messages. */
#define SHOWN_ROW_BYTES 200

/* Answers of a server that does not take LOAD DATA LOCAL. */
#define ER_NOT_ALLOWED_COMMAND    1148
#define ER_CLIENT_INFILE_DISABLED 3948
#define ER_LOAD_INFILE_DISABLED   4166
#define ER_QUERY_INTERRUPTED_     1317

/* ---- connection ---- */

void
copy_lane_drop_writer(struct copy_lane *l)
{
	if (l->writer == NULL)
		return;
	dm_cancel_unwatch(l->run->cancel, &l->write_watch);
	g_clear_pointer(&l->writer, dm_sql_conn_free);
}

struct dm_err *
copy_lane_writer(struct copy_lane *l)
{
	struct dm_err *err;

	if (l->writer != NULL)
		return NULL;
	err = copy_target_connect(l->run, true, &l->writer);
	if (err != NULL)
		return err;
	l->unique_checks = -1;
	l->write_watch = (struct dm_cancel_watch){ 0 };
	dm_cancel_watch(
	    l->run->cancel, &l->write_watch, dm_sql_interrupt, l->writer);
	return NULL;
}

/* Checks may be left to the source only where no other rows can be met. */
static struct dm_err *
set_unique_checks(struct copy_lane *l, const struct copy_table *t)
{
	int want = t->replace || !t->meta->created ? 1 : 0;
	struct dm_err *err;

	if (l->unique_checks == want)
		return NULL;
	err = dm_sql_execf(l->writer, "SET SESSION unique_checks = %d", want);
	if (err == NULL)
		l->unique_checks = want;
	return err;
}

/* ---- reading ---- */

struct reading {
	struct copy_lane *lane;
	struct dm_sql_result *res;
};

static void
count(struct copy_lane *l, uint64_t bytes)
{
	l->counted_bytes += bytes;
	l->counted_rows++;
	atomic_fetch_add(&l->run->unit->bytes, bytes);
	atomic_fetch_add(&l->run->unit->rows, 1);
}

static void
uncount(struct copy_lane *l)
{
	atomic_fetch_sub(&l->run->unit->bytes, l->counted_bytes);
	atomic_fetch_sub(&l->run->unit->rows, l->counted_rows);
	l->counted_bytes = 0;
	l->counted_rows = 0;
}

/* Without a transaction, which goes with the writer. */
static struct dm_err *
wait_at_gate(struct copy_lane *l)
{
	struct dm_err *err;

	copy_lane_drop_writer(l);
	err = copy_gate_enter(l->run->cancel);
	l->in_gate = err == NULL;
	return err;
}

static struct dm_err *
next_row(void *arg, struct dm_sql_row *row, bool *more)
{
	struct reading *rd = arg;
	struct copy_lane *l = rd->lane;
	struct dm_err *err;
	uint64_t bytes = 0;

	if (!l->in_gate && dm_sql_next_is_large(rd->res)) {
		l->big_row = true;
		l->in_gate = copy_gate_try();
		l->at_gate = !l->in_gate;
	}
	if (l->at_gate)
		return dm_err_plain("another large row is under way");
	err = dm_sql_next(rd->res, row, more);
	if (err != NULL) {
		l->source_failed = true;
		return err;
	}
	for (unsigned i = 0; *more && i < row->n; i++)
		bytes += row->lengths[i];
	if (*more)
		count(l, bytes);
	if (*more && l->summing)
		copy_sum_row(&l->sum, row);
	return NULL;
}

static struct dm_err *
open_reading(struct copy_lane *l, const struct copy_table *t,
    const struct copy_chunk *k, struct reading *rd)
{
	g_autofree char *where = copy_range_where(
	    t->shape, k->lo, k->hi, l->run->env->inst->mydumper.where);
	g_autofree char *sql = g_strconcat(t->shape->select, where, NULL);
	struct dm_err *err;

	*rd = (struct reading){ .lane = l };
	err = dm_sql_query(l->reader, sql, strlen(sql), false, &rd->res);
	if (err != NULL)
		l->source_failed = true;
	return err;
}

/* Drop the rest: a result that is not read to its end would take the snapshot
 * with it. */
static void
read_to_end(struct reading *rd)
{
	struct dm_cancel *c = rd->lane->run->cancel;
	struct dm_err *err = NULL;
	bool more = true;

	while (err == NULL && more && !dm_canceled(c)) {
		struct dm_sql_row row;

		if (!rd->lane->in_gate && dm_sql_next_is_large(rd->res))
			err = wait_at_gate(rd->lane);
		if (err == NULL)
			err = dm_sql_next(rd->res, &row, &more);
	}
	dm_err_free(err); /* met again by the next query */
}

static void
close_reading(struct reading *rd)
{
	if (rd->res != NULL && !rd->lane->source_failed)
		read_to_end(rd);
	g_clear_pointer(&rd->res, dm_sql_result_free);
}

/* ---- LOAD DATA ---- */

/* copy_encode_load at the pace of the rate limit. */
static ssize_t
encode_slowly(void *encoder, char *buf, size_t size, struct dm_err **err)
{
	struct copy_encoder *e = encoder;
	struct reading *rd = e->arg;
	ssize_t n = copy_encode_load(encoder, buf, size, err);

	if (n <= 0)
		return n;
	*err = copy_throttle_sent(rd->lane->run, (uint64_t)n);
	return *err == NULL ? n : -1;
}

/* *exact false: it was refused, or did not take all rows as they are. */
static struct dm_err *
load_rows(struct copy_lane *l, const struct copy_table *t,
    struct copy_encoder *e, bool *exact)
{
	g_autofree char *sql = g_strconcat("LOAD DATA LOCAL INFILE 'rows' ",
	    t->replace ? "REPLACE " : "", t->shape->load, NULL);
	struct dm_sql_load_result got;
	struct dm_err *err;
	unsigned no;

	err = dm_sql_load_data(l->writer, sql,
	    l->run->throttle.bucket.rate > 0 ? encode_slowly : copy_encode_load,
	    e, &got);
	if (err == NULL) {
		*exact = got.records == e->rows && got.skipped == 0 &&
			 got.warnings == e->enum_zeros;
		if (!*exact)
			dm_info("LOAD DATA did not take all rows as they are: "
				"sent again as INSERT",
			    dm_kstr("table", t->to_table),
			    dm_kint("sent", e->rows),
			    dm_kint("records", got.records),
			    dm_kint("skipped", got.skipped),
			    dm_kint("warnings", got.warnings));
		return NULL;
	}
	no = dm_sql_last_errno(l->writer);
	if (l->source_failed || l->at_gate || dm_err_is(err, DB_BAD_CONN) ||
	    meta_is_fence_error(no) || dm_sql_is_retryable(no, err->cause))
		return err;
	if (no == ER_NOT_ALLOWED_COMMAND || no == ER_CLIENT_INFILE_DISABLED ||
	    no == ER_LOAD_INFILE_DISABLED) {
		if (!atomic_exchange(&l->run->by_insert, true))
			dm_info("the target refuses LOAD DATA LOCAL: INSERT "
				"is used",
			    dm_kerr(err));
	}
	/* Any other error comes again as one of INSERT, with its row. */
	dm_err_free(err);
	*exact = false;
	return NULL;
}

/* ---- INSERT ---- */

static struct dm_err *
first_warning(struct copy_lane *l)
{
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more;

	err = dm_sql_queryf(l->writer, &res, "SHOW WARNINGS LIMIT 1");
	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err != NULL)
		return err;
	err = dm_err_new(DB_EXECUTE_FAILED, "INSERT");
	if (more)
		dm_err_set_cause(err, "Warning %s: %s", meta_cell(&row, 1),
		    meta_cell(&row, 2));
	return err;
}

/* Takes err. Says which table and where its rows begin. */
static struct dm_err *
name_rows(const struct copy_table *t, const GString *sql, size_t head,
    struct dm_err *err)
{
	g_autofree char *row = g_utf8_make_valid(sql->str + head,
	    (gssize)MIN(sql->len - head, (size_t)SHOWN_ROW_BYTES));

	return dm_err_set_workaround(
	    dm_err_annotate(err,
		"table `%s`.`%s`: rows from %s... into `%s`.`%s`", t->meta->db,
		t->meta->tbl, row, t->to_db, t->to_table),
	    "compare the structures of source and target table: the row named "
	    "does not fit into the target; then `resume-task`");
}

static struct dm_err *
send_insert(struct copy_lane *l, const struct copy_table *t, const GString *sql,
    size_t head, uint64_t enum_zeros)
{
	struct dm_err *err = copy_throttle_sent(l->run, sql->len);
	unsigned no;
	uint64_t warnings;

	if (err != NULL)
		return err;
	err = dm_sql_exec(l->writer, sql->str, sql->len, NULL);
	no = dm_sql_last_errno(l->writer);
	if (err != NULL) {
		if (dm_err_is(err, DB_BAD_CONN) || meta_is_fence_error(no) ||
		    dm_sql_is_retryable(no, err->cause))
			return err;
		return name_rows(t, sql, head, err);
	}
	warnings = mysql_warning_count(dm_sql_raw(l->writer));
	if (warnings != enum_zeros)
		return name_rows(t, sql, head, first_warning(l));
	return NULL;
}

/* A new statement; the memory of a large one is not kept. */
static GString *
restart_insert(const struct copy_table *t, GString *sql, size_t *head)
{
	if (sql != NULL && sql->allocated_len > 4 * INSERT_BYTES)
		g_string_free(g_steal_pointer(&sql), TRUE);
	if (sql == NULL)
		sql = g_string_new(NULL);
	g_string_printf(
	    sql, "%s %s", t->replace ? "REPLACE" : "INSERT", t->shape->insert);
	*head = sql->len;
	return sql;
}

static struct dm_err *
insert_rows(
    struct copy_lane *l, const struct copy_table *t, struct copy_encoder *e)
{
	size_t head;
	g_autoptr(GString) sql = restart_insert(t, NULL, &head);
	uint64_t zeros = 0;
	struct dm_err *err;
	bool more = true;

	for (;;) {
		size_t end = sql->len;

		if (end > head)
			g_string_append_c(sql, ',');
		err = copy_encode_tuple(e, sql, &more);
		if (err != NULL)
			return err;
		if (more && sql->len < INSERT_BYTES)
			continue;
		if (!more)
			g_string_truncate(sql, end); /* the comma */
		if (sql->len > head)
			err =
			    send_insert(l, t, sql, head, e->enum_zeros - zeros);
		if (err != NULL || !more)
			return err;
		zeros = e->enum_zeros;
		sql = restart_insert(t, sql, &head);
	}
}

/* ---- one chunk ---- */

struct attempt {
	bool by_insert;  /* now, and what is to be tried next */
	bool committing; /* COMMIT was sent */
};

static struct dm_err *
move_rows(struct copy_lane *l, const struct copy_table *t,
    const struct copy_chunk *k, struct attempt *a, bool *exact)
{
	struct copy_encoder e = { .shape = t->shape, .next = next_row };
	struct reading rd;
	struct dm_err *err = open_reading(l, t, k, &rd);

	e.arg = &rd;
	atomic_fetch_add(&l->run->throttle.reading, 1);
	l->sum = (struct copy_sum){ 0 };
	*exact = true;
	if (err == NULL)
		err = a->by_insert ? insert_rows(l, t, &e)
				   : load_rows(l, t, &e, exact);
	close_reading(&rd);
	atomic_fetch_sub(&l->run->throttle.reading, 1);
	return err;
}

/* What came over goes into the chunk's row and, for the comparison, its sum. */
static struct dm_err *
save_counts(
    struct copy_lane *l, const struct copy_table *t, struct copy_chunk *k)
{
	struct dm_err *err = copy_chunk_count(
	    l->run, l->writer, t, k, l->counted_rows, l->counted_bytes);

	if (err != NULL || !l->summing)
		return err;
	k->sum = l->sum;
	k->summed = true;
	k->lane = (int)l->number;
	return copy_check_save(l->run, l->writer, t, k);
}

/* Once through. *exact false: rolled back, to be sent as INSERT. */
static struct dm_err *
try_chunk(struct copy_lane *l, struct copy_table *t, struct copy_chunk *k,
    struct attempt *a, bool *exact)
{
	bool done = false;
	struct dm_mono began;
	struct dm_err *err = copy_lane_writer(l);

	*exact = true;
	a->committing = false;
	if (err == NULL)
		err = set_unique_checks(l, t);
	if (err == NULL)
		err = copy_chunk_claim(l->run, l->writer, t, k, &done);
	DM_FAILPOINT("copy-rows");
	if (err == NULL && !done)
		err = move_rows(l, t, k, a, exact);
	if (err == NULL && !done && *exact)
		err = save_counts(l, t, k);
	if (err != NULL)
		return err;
	if (done || !*exact)
		return l->writer == NULL ? NULL
					 : dm_sql_execf(l->writer, "ROLLBACK");
	a->committing = true;
	DM_FAILPOINT("copy-commit");
	began = dm_mono_now();
	err = dm_sql_execf(l->writer, "COMMIT");
	copy_throttle_committed(l->run, began);
	if (err == NULL)
		a->committing = false;
	return err;
}

/* Whether trying again may help; the connection is then a sound one or gone. */
static bool
may_retry(struct copy_lane *l, struct dm_err *err)
{
	unsigned no = l->writer == NULL ? 0 : dm_sql_last_errno(l->writer);

	if (dm_err_is_canceled(err) || dm_canceled(l->run->cancel) ||
	    l->source_failed || dm_err_is(err, META_FENCED) ||
	    dm_err_is(err, META_ADOPT))
		return false;
	/* An idle or killed connection; a later owner shows by the fence. */
	if (dm_err_is(err, DB_BAD_CONN) || no == ER_QUERY_INTERRUPTED_ ||
	    l->writer == NULL) {
		copy_lane_drop_writer(l);
		return true;
	}
	return dm_sql_is_retryable(no, err->cause);
}

/* After a lost COMMIT: did it happen? */
static struct dm_err *
settle_commit(struct copy_lane *l, const struct copy_table *t,
    const struct copy_chunk *k, bool *done)
{
	struct dm_err *err = copy_lane_writer(l);

	if (err == NULL)
		err = copy_chunk_is_done(l->run, l->writer, t, k, done);
	return err;
}

struct dm_err *
copy_lane_after_failure(struct copy_lane *l, const struct copy_table *t,
    int tries, struct dm_err *err)
{
	int64_t wait = MIN(BACKOFF_MIN_MS << tries, BACKOFF_MAX_MS);
	bool again = may_retry(l, err) && tries + 1 < CHUNK_TRIES;

	if (meta_is_fence_error(
		l->writer == NULL ? 0 : dm_sql_last_errno(l->writer))) {
		g_autofree char *ours =
		    g_strdup_printf("%" PRIu64, l->run->meta->epoch);

		dm_err_free(err); /* its text is about numbers, not about us */
		err = dm_err_new(META_FENCED, l->run->meta->task,
		    l->run->meta->source, "unknown", ours);
	}
	if (!again) {
		copy_lane_drop_writer(l); /* rolls back */
		return err;
	}
	if (l->writer != NULL)
		/* a connection that cannot even do that is found lost */
		dm_err_free(dm_sql_execf(l->writer, "ROLLBACK"));
	dm_info("copying a chunk is tried again",
	    dm_kstr("schema", t->meta->db), dm_kstr("table", t->meta->tbl),
	    dm_kint("tries", tries + 1), dm_kerr(err));
	dm_err_free(err); /* told above */
	return dm_cancel_sleep_ms(l->run->cancel, wait);
}

static struct dm_err *
copy_with_retries(
    struct copy_lane *l, struct copy_table *t, struct copy_chunk *k)
{
	struct attempt a = { .by_insert = atomic_load(&l->run->by_insert) };
	struct dm_err *err = NULL;

	for (int tries = 0; err == NULL; tries++) {
		bool exact, done = false, lost;

		l->counted_rows = 0;
		l->counted_bytes = 0;
		err = try_chunk(l, t, k, &a, &exact);
		lost =
		    err != NULL && a.committing && dm_err_is(err, DB_BAD_CONN);
		if (lost) {
			dm_err_free(err); /* the chunk's row decides */
			copy_lane_drop_writer(l);
			err = settle_commit(l, t, k, &done);
		}
		if (err == NULL && exact && (!lost || done))
			return NULL;
		uncount(l);
		if (err == NULL && !exact)
			a.by_insert = true;
		if (l->at_gate) {
			/* Now inside, or the run was cancelled. */
			dm_err_free(err);
			l->at_gate = false;
			err = dm_cancel_check(l->run->cancel);
			if (err != NULL)
				copy_lane_drop_writer(l);
		} else if (err != NULL) {
			err = copy_lane_after_failure(l, t, tries, err);
		}
	}
	return err;
}

struct dm_err *
copy_rows_chunk(struct copy_lane *l, struct copy_table *t, struct copy_chunk *k)
{
	struct dm_err *err = copy_throttle_hold(l->run);

	if (err == NULL)
		err = copy_with_retries(l, t, k);
	copy_leave_gate(&l->in_gate, l->reader);
	return err;
}
