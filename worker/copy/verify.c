/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing the target with what was copied (`copy.verify`).
 *
 * Called on a lane's thread, when all chunks of a table are committed and
 * before replication begins.
 * DESIGN: the source's side of the comparison is taken when a chunk is copied:
 * its rows are summed as they are read (rows.c), and the sum is committed with
 * them. So it is exact whatever a writer does meanwhile, for tables that two
 * snapshots cut, and in a later run without that snapshot. The target's rows
 * are read back in the form that the source printed them in (check_shape.c).
 * Where the sums differ, rows are looked up by their keys in the snapshot that
 * the chunk was copied in (verify_diff.c), which names them. That also decides
 * where a range of the target holds more than the chunk: rows of other sources,
 * or keys in another order.
 * What an earlier run copied and is not as it was read then is copied again in
 * this run's snapshot, and compared in that: it may be harmless (a unique value
 * that moved from row to row while the table was cut by two snapshots), and
 * after a reported difference it is the repair.
 */
#include "lib/base/failpoint.h"
#include "lib/log/log.h"
#include "worker/copy/copy_internal.h"
#include "worker/copy/gate.h"

#include <inttypes.h>
#include <string.h>

/* Of the error: tables and rows that are named. */
#define TOLD_MAX 20

/* ---- which rows are whose ---- */

/* Nobody else has rows in the target's table, as far as we can know: then what
 * the source has no row for is wrong. */
static bool
is_ours(const struct copy_run *r, const struct copy_table *t)
{
	return t->meta->created && r->env->task->instances->len == 1;
}

bool
copy_verify_may(const struct copy_lane *l, const struct copy_chunk *k)
{
	const struct copy_run *r = l->run;

	return k->lane < 0 || k->lane == (int)l->number ||
	       dm_pos_cmp(&r->pos, &r->pos_hi) == 0;
}

/* ---- reading the target ---- */

static struct dm_err *
make_check(
    struct copy_lane *l, const struct copy_table *t, struct copy_check **out)
{
	g_autofree char *name = dm_sql_quote_table(t->to_db, t->to_table);
	DM_AUTO(dm_table) source = NULL;
	DM_AUTO(dm_table) target = NULL;
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row = { 0 };
	struct dm_err *err;
	bool more = false;

	err = dm_schema_parse_create(
	    t->meta->structure, 0, t->meta->db, NULL, &source);
	if (err == NULL)
		err = dm_sql_queryf(
		    l->writer, &res, "SHOW CREATE TABLE %s", name);
	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err == NULL && (!more || row.n < 2 || row.cells[1] == NULL))
		err = dm_err_plain("table %s has no structure", name);
	if (err == NULL)
		err = dm_schema_parse_create(
		    row.cells[1], 0, t->to_db, NULL, &target);
	if (err == NULL)
		*out = copy_check_new(
		    source, target, t->shape, !l->run->dialect.active);
	return err;
}

/* t->check, made by whoever is first. */
static struct dm_err *
need_check(struct copy_lane *l, struct copy_table *t)
{
	struct copy_check *mine = NULL;
	struct dm_err *err;
	bool have;

	dm_mutex_lock(&l->run->mu);
	have = t->check != NULL;
	dm_mutex_unlock(&l->run->mu);
	if (have)
		return NULL;
	err = make_check(l, t, &mine);
	if (err != NULL)
		return err;
	dm_mutex_lock(&l->run->mu);
	if (t->check == NULL)
		t->check = DM_TAKE(mine);
	dm_mutex_unlock(&l->run->mu);
	copy_check_free(mine);
	return NULL;
}

struct dm_err *
copy_verify_next(struct copy_lane *l, struct dm_sql_result *res,
    struct dm_sql_row *row, bool *more)
{
	/* No transaction is open here, so that waiting harms nobody. */
	if (!l->in_gate && dm_sql_next_is_large(res)) {
		struct dm_err *err = copy_gate_enter(l->run->cancel);

		if (err != NULL)
			return err;
		l->in_gate = true;
	}
	return dm_sql_next(res, row, more);
}

static struct dm_err *
sum_target(struct copy_lane *l, const struct copy_table *t,
    const struct copy_chunk *k, struct copy_sum *sum)
{
	g_autofree char *where = copy_range_where(t->shape, k->lo, k->hi, NULL);
	g_autofree char *sql = g_strdup_printf(
	    "SELECT %s FROM %s%s", t->check->reads, t->check->from, where);
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_err *err;
	bool more = true;

	*sum = (struct copy_sum){ 0 };
	err = dm_sql_query(l->writer, sql, strlen(sql), false, &res);
	while (err == NULL && more) {
		struct dm_sql_row row;

		err = copy_verify_next(l, res, &row, &more);
		if (err == NULL && more)
			copy_sum_row(sum, &row);
		if (err == NULL && (sum->rows & 0x3ff) == 0)
			err = dm_cancel_check(l->run->cancel);
	}
	return err;
}

/* ---- differences ---- */

static char *
name_table(const struct copy_table *t, const char *what)
{
	const struct meta_table *m = t->meta;
	g_autofree char *from = dm_sql_quote_table(m->db, m->tbl);
	g_autofree char *to = dm_sql_quote_table(t->to_db, t->to_table);

	if (strcmp(from, to) == 0)
		return g_strdup_printf("table %s, %s", from, what);
	return g_strdup_printf("table %s (target %s), %s", from, to, what);
}

void
copy_verify_tell(
    struct copy_run *r, const struct copy_table *t, const char *what)
{
	g_autofree char *text = name_table(t, what);

	dm_mutex_lock(&r->mu);
	if (r->differences == NULL)
		r->differences = g_string_new(NULL);
	/* A connection that was lost leads to the same rows again. */
	if (strstr(r->differences->str, text) == NULL &&
	    r->differences_told++ < TOLD_MAX)
		g_string_append_printf(r->differences, "%s%s",
		    r->differences->len == 0 ? "" : "; ", text);
	dm_mutex_unlock(&r->mu);
}

static void
count_rows(struct copy_run *r, uint64_t n)
{
	dm_mutex_lock(&r->unit->mu);
	r->unit->rows_differ += n;
	dm_mutex_unlock(&r->unit->mu);
}

struct dm_err *
copy_verify_result(struct copy_run *r)
{
	if (r->differences == NULL)
		return NULL;
	if (r->differences_told > TOLD_MAX)
		g_string_append_printf(r->differences, "; and %u more",
		    r->differences_told - TOLD_MAX);
	return dm_err_new(VERIFY_MISMATCH, r->differences->str);
}

/* Sums that differ where no key tells the rows. */
static void
tell_of_sums(struct copy_run *r, const struct copy_table *t,
    const struct copy_chunk *k, const struct copy_sum *target)
{
	g_autofree char *text = g_strdup_printf(
	    "chunk %d: %" PRIu64 " rows were copied, the target has %" PRIu64
	    ", and the checksums differ; rows cannot be named",
	    k->id, k->sum.rows, target->rows);

	copy_verify_tell(r, t, text);
	count_rows(r, 1);
}

/* By key, in the reader's snapshot; *found: rows that differ. */
static struct dm_err *
find_differences(struct copy_lane *l, const struct copy_table *t,
    const struct copy_chunk *k, uint64_t *found)
{
	const char *where = l->run->env->inst->mydumper.where;
	struct copy_diff_end source = { .conn = l->reader,
		.reads = t->shape->reads,
		.from = t->shape->from,
		.where = where,
		.is_source = true };
	struct copy_diff_end target = { .conn = l->writer,
		.reads = t->check->reads,
		.from = t->check->from };
	uint64_t more = 0;
	struct dm_err *err = copy_diff(l, t, k, &source, &target, found);

	/* Where a range of the target holds rows of others, or of other ranges,
	 * a row too many cannot be told. */
	if (err == NULL && is_ours(l->run, t) && t->check->ordered)
		err = copy_diff(l, t, k, &target, &source, &more);
	*found += more;
	return err;
}

/* ---- one chunk ---- */

static bool
is_chunk_of_ours(const struct copy_run *r, const struct copy_table *t)
{
	return is_ours(r, t) && t->check->ordered;
}

/* What an earlier snapshot gave is no longer there to be compared with. */
static struct dm_err *
judge_earlier(struct copy_lane *l, struct copy_table *t,
    const struct copy_chunk *k, enum copy_verdict *v)
{
	bool clear = is_chunk_of_ours(l->run, t);
	uint64_t found = 1;
	struct dm_err *err = NULL;

	if (!k->summed && t->check->by_key && t->transactional && !t->changed)
		err = find_differences(l, t, k, &found);
	if (err != NULL)
		return err;
	if (found == 0)
		*v = VERDICT_EQUAL;
	else if (!t->changed && (clear || t->shape->has_row_key))
		*v = VERDICT_AGAIN;
	else if (k->summed && clear)
		*v = VERDICT_DIFFERS;
	else
		*v = VERDICT_UNKNOWN;
	return NULL;
}

static struct dm_err *
judge(struct copy_lane *l, struct copy_table *t, const struct copy_chunk *k,
    const struct copy_sum *target, enum copy_verdict *v)
{
	bool ours = is_ours(l->run, t);
	uint64_t found = 0;
	struct dm_err *err = NULL;

	if (k->lane < 0) {
		err = judge_earlier(l, t, k, v);
		if (err == NULL && *v == VERDICT_DIFFERS)
			tell_of_sums(l->run, t, k, target);
		return err;
	}
	/* Without a snapshot the source may have changed since: then only the
	 * sums are exact. */
	if (t->check->by_key && (t->transactional || ours))
		err = find_differences(l, t, k, &found);
	if (err != NULL)
		return err;
	if (found > 0) {
		count_rows(l->run, found);
		*v = VERDICT_DIFFERS;
	} else if (t->check->by_key && t->transactional) {
		*v = VERDICT_EQUAL;
	} else if (ours) {
		tell_of_sums(l->run, t, k, target);
		*v = VERDICT_DIFFERS;
	} else {
		*v = VERDICT_UNKNOWN;
	}
	return NULL;
}

static struct dm_err *
reopen(struct copy_lane *l, struct copy_table *t, const struct copy_chunk *k)
{
	struct copy_run *r = l->run;
	struct dm_pos lo, hi;
	struct dm_err *err = copy_check_reopen(
	    r, l->writer, t, k, is_chunk_of_ours(r, t), &lo, &hi);

	if (err != NULL)
		return err;
	dm_info("a chunk of an earlier snapshot is not in the target as it "
		"was read: it is copied again",
	    dm_kstr("schema", t->meta->db), dm_kstr("table", t->meta->tbl),
	    dm_kint("chunk", k->id), dm_kint("rows", k->sum.rows));
	dm_mutex_lock(&r->unit->mu);
	r->unit->recopied++;
	dm_mutex_unlock(&r->unit->mu);
	dm_mutex_lock(&r->mu);
	t->meta->snap_lo = lo;
	t->meta->snap_hi = hi;
	dm_mutex_unlock(&r->mu);
	return NULL;
}

static struct dm_err *
try_verify(struct copy_lane *l, struct copy_table *t,
    const struct copy_chunk *k, enum copy_verdict *v)
{
	struct copy_sum target;
	struct dm_err *err = copy_lane_writer(l);

	*v = VERDICT_UNKNOWN;
	if (err == NULL)
		err = need_check(l, t);
	if (err != NULL || t->check->why != NULL)
		return err;
	err = sum_target(l, t, k, &target);
	if (err == NULL && k->summed && copy_sum_equal(&k->sum, &target))
		*v = VERDICT_EQUAL;
	else if (err == NULL)
		err = judge(l, t, k, &target, v);
	if (err == NULL && *v == VERDICT_EQUAL)
		err = copy_check_mark(l->run, l->writer, t, k);
	if (err == NULL && *v == VERDICT_EQUAL)
		atomic_fetch_add(&l->run->unit->rows_equal, target.rows);
	if (err == NULL && *v == VERDICT_AGAIN)
		err = reopen(l, t, k);
	return err;
}

struct dm_err *
copy_verify_chunk(struct copy_lane *l, struct copy_table *t,
    const struct copy_chunk *k, enum copy_verdict *v)
{
	struct dm_err *err = copy_throttle_hold(l->run);

	DM_FAILPOINT("copy-verify");
	for (int tries = 0; err == NULL; tries++) {
		err = try_verify(l, t, k, v);
		copy_leave_gate(&l->in_gate, l->writer);
		if (err == NULL)
			return NULL;
		err = copy_lane_after_failure(l, t, tries, err);
		if (err != NULL)
			return dm_err_annotate(err,
			    "compare table `%s`.`%s` with its target",
			    t->meta->db, t->meta->tbl);
	}
	return err;
}

/* ---- the whole table ---- */

struct dm_err *
copy_verify_whole(struct copy_lane *l, struct copy_table *t)
{
	const struct copy_run *r = l->run;
	g_autofree char *where = copy_range_where(
	    t->shape, NULL, NULL, r->env->inst->mydumper.where);
	g_autofree char *from = dm_sql_quote_table(t->meta->db, t->meta->tbl);
	g_autofree char *count = NULL, *text = NULL;
	struct dm_err *err;

	/* One snapshot must have all of it. */
	if (t->earlier || !t->transactional || t->differs ||
	    dm_pos_cmp(&r->pos, &r->pos_hi) != 0)
		return NULL;
	err = dm_sql_query_string(
	    l->reader, &count, "SELECT COUNT(*) FROM %s%s", from, where);
	if (err != NULL) {
		l->source_failed = true;
		return err;
	}
	if (count != NULL && g_ascii_strtoull(count, NULL, 10) == t->meta->rows)
		return NULL;
	text = g_strdup_printf("all chunks: the source has %s rows in the "
			       "snapshot, but %" PRIu64 " were copied",
	    count == NULL ? "no" : count, t->meta->rows);
	copy_verify_tell(l->run, t, text);
	count_rows(l->run, 1);
	t->differs = true;
	return NULL;
}
