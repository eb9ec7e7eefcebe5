/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running one lane transaction: see lane_exec.h.
 *
 * DESIGN: an error inside the packet leaves the transaction open: it is rolled
 * back, or dies with its connection. After a connection was lost, the lane's
 * row tells whether the commit happened. With `strict` COMMIT is sent apart,
 * when every statement has matched what it should.
 */
#include "worker/sync/lane_exec.h"

#include "lib/base/defect.h"
#include "lib/base/failpoint.h"
#include "lib/log/log.h"

#include <string.h>

#define TRIES_MAX        10
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS   5000
#define FENCE_STATEMENTS 3 /* at the packet's head; BEGIN counts */

void
lane_exec_init(struct lane_exec *x)
{
	packet_init(&x->packet);
	x->packet.open = x->env->inst->syncer.strict;
	x->counts = g_array_new(FALSE, FALSE, sizeof(uint64_t));
}

void
exec_result_fini(struct exec_result *r)
{
	g_clear_pointer(&r->sample, g_free);
}

static void
disconnect(struct lane_exec *x, struct dm_cancel *c)
{
	if (x->watching)
		dm_cancel_unwatch(c, &x->watch);
	x->watching = false;
	dm_sql_conn_free(x->conn);
	x->conn = NULL;
}

void
lane_exec_fini(struct lane_exec *x, struct dm_cancel *c)
{
	disconnect(x, c);
	packet_fini(&x->packet);
	g_array_unref(x->counts);
}

/* ---- running ---- */

static struct dm_err *
connect_lane(struct lane_exec *x, struct dm_cancel *c)
{
	struct dm_err *err;

	if (x->conn != NULL)
		return NULL;
	err = target_connect(x->env, c, &x->conn);
	if (err != NULL)
		return err;
	dm_cancel_watch(c, &x->watch, dm_sql_interrupt, x->conn);
	x->watching = true;
	if (x->info->read_committed)
		err = dm_sql_execf(x->conn, "SET SESSION TRANSACTION ISOLATION "
					    "LEVEL READ COMMITTED");
	if (err == NULL)
		err = meta_record_conn(x->meta, x->conn);
	if (err != NULL)
		disconnect(x, c);
	return err;
}

static bool
same_mark(const struct lane_mark *m, const struct dm_sql_row *row)
{
	return strcmp(row->cells[0], m->done.name) == 0 &&
	       g_ascii_strtoull(row->cells[1], NULL, 10) == m->done.pos &&
	       strcmp(row->cells[2], m->cut.name) == 0 &&
	       g_ascii_strtoull(row->cells[3], NULL, 10) == m->cut.pos &&
	       g_ascii_strtoull(row->cells[4], NULL, 10) == m->cut_row;
}

/* After a lost connection: did the transaction that sets `m` commit? FOR
 * UPDATE waits for a transaction that is still being ended. */
static struct dm_err *
was_committed(struct lane_exec *x, const struct lane_mark *m, bool *yes)
{
	g_autofree char *table = meta_table_name(x->meta, "dm_lane");
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	bool more = false;
	struct dm_err *err;

	err = dm_sql_queryf(x->conn, &res,
	    "SELECT binlog_name,binlog_pos,cut_name,cut_pos,cut_row FROM %s "
	    "WHERE %s AND lane=%u FOR UPDATE",
	    table, x->meta->key, x->lane);
	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err != NULL)
		return err;
	*yes = more && same_mark(m, &row);
	return NULL;
}

static void
check_counts(struct lane_exec *x, struct exec_result *out)
{
	guint n = MIN(x->packet.statements->len, x->counts->len);

	exec_result_fini(out);
	*out = (struct exec_result){ .rows = x->packet.silent };
	for (guint i = 0; i < n; i++) {
		const struct statement *st =
		    &g_array_index(x->packet.statements, struct statement, i);
		uint64_t got = g_array_index(x->counts, uint64_t, i);

		out->rows += st->rows;
		if (st->expected < 0 || st->rows == 0 ||
		    got == (uint64_t)st->expected)
			continue;
		out->unexpected++;
		if (out->sample == NULL)
			out->sample = packet_sample(&x->packet, st, got);
	}
}

/* Name the statement of the packet that failed. */
static struct dm_err *
name_statement(struct lane_exec *x, struct dm_err *err)
{
	const struct statement *st;

	if (x->counts->len >= x->packet.statements->len)
		return err;
	st = &g_array_index(
	    x->packet.statements, struct statement, x->counts->len);
	g_free(err->message);
	err->message = g_strdup_printf("execute statement failed: %.*s",
	    (int)MIN(st->len, (size_t)1024), x->packet.text->str + st->off);
	return err;
}

/* All statements have answered. What differs with `strict` is not committed. */
static struct dm_err *
finish(struct lane_exec *x, struct exec_result *out)
{
	check_counts(x, out);
	if (!x->packet.open)
		return NULL;
	if (out->unexpected > 0)
		return dm_err_set_cause(
		    dm_err_new(ROWS_DIFFER), "%s", out->sample);
	return dm_sql_execf(x->conn, "COMMIT");
}

static struct dm_err *
run_once(struct lane_exec *x, struct dm_cancel *c, struct exec_result *out,
    bool *retry, bool *lost)
{
	struct dm_err *err;
	unsigned code;

	*retry = *lost = false;
	err = connect_lane(x, c);
	if (err != NULL) {
		/* A new owner's fence is final; a target that is down is not:
		 * the task pauses after the tries, and is resumed by itself. */
		*retry = !dm_err_is(err, META_FENCED);
		return err;
	}
	DM_FAILPOINT("lane-send");
	err = dm_sql_exec_multi(
	    x->conn, x->packet.text->str, x->packet.text->len, x->counts);
	DM_FAILPOINT("lane-sent");
	if (DM_DEFECT_IS(DROP_BATCH) && err != NULL && x->counts->len == 0) {
		dm_err_free(err); /* what a lost connection once did */
		disconnect(x, c);
		return NULL;
	}
	if (err == NULL && x->counts->len < x->packet.statements->len)
		err = dm_err_set_cause(dm_err_new(DB_BAD_CONN),
		    "%u answers to %u statements", x->counts->len,
		    x->packet.statements->len);
	else if (err == NULL)
		err = finish(x, out);
	if (err == NULL)
		return NULL;
	if (dm_err_is(err, ROWS_DIFFER)) {
		disconnect(x, c);
		return err;
	}
	code = dm_sql_last_errno(x->conn);
	if (meta_is_fence_error(code) && x->counts->len < FENCE_STATEMENTS)
		return meta_name_fence(x->meta, x->conn, err);
	*lost = code == 0 || code >= 2000;
	*retry = *lost || dm_sql_is_retryable(code, err->cause);
	err = name_statement(x, err);
	/* Whatever state the session is in, a new one is clean. */
	disconnect(x, c);
	return err;
}

/* True in *done: the lost transaction had committed. */
static struct dm_err *
settle_lost(struct lane_exec *x, const struct lane_mark *m, struct dm_cancel *c,
    bool *done)
{
	struct dm_err *err = connect_lane(x, c);

	*done = false;
	if (err == NULL) {
		err = was_committed(x, m, done);
		if (err != NULL)
			disconnect(x, c);
	}
	return err;
}

/* The counts of a transaction whose answer was lost are not known: it counts
 * as it was planned. (With `strict` they were looked at.) */
static void
count_as_planned(struct lane_exec *x, struct exec_result *out)
{
	exec_result_fini(out);
	*out = (struct exec_result){ .rows = x->packet.silent };
	for (guint i = 0; i < x->packet.statements->len; i++)
		out->rows +=
		    g_array_index(x->packet.statements, struct statement, i)
			.rows;
}

/* A server ends the connection at a packet that is too large, as if it were
 * lost. */
static struct dm_err *
check_size(const struct lane_exec *x)
{
	uint64_t needed = x->packet.text->len + 1; /* the command's byte */

	if (needed <= x->info->max_allowed_packet)
		return NULL;
	return dm_err_set_workaround(
	    dm_err_set_cause(dm_err_new(DB_EXECUTE_FAILED, "a row change"),
		"it takes a packet of %" G_GUINT64_FORMAT
		" bytes, and max_allowed_packet of the target is "
		"%" G_GUINT64_FORMAT,
		needed, x->info->max_allowed_packet),
	    "raise max_allowed_packet at the target (a restart of the task "
	    "sees "
	    "it), then `resume-task`");
}

struct dm_err *
lane_exec_run(struct lane_exec *x, GPtrArray *batches, struct dm_cancel *c,
    struct exec_result *out)
{
	const struct batch *last = g_ptr_array_index(batches, batches->len - 1);
	int64_t backoff = BACKOFF_FIRST_MS;
	struct dm_err *err = NULL;
	bool unsettled = false;

	packet_build(&x->packet, x->meta, x->info, x->lane, batches);
	err = check_size(x);
	if (err != NULL)
		return err;
	for (int i = 0; i < TRIES_MAX; i++) {
		bool retry, lost, done = false;

		dm_err_free(err);
		err = unsettled ? settle_lost(x, &last->mark, c, &done) : NULL;
		retry = !dm_err_is(err, META_FENCED);
		if (err == NULL && done) {
			count_as_planned(x, out);
			break;
		}
		if (err == NULL) {
			unsettled = false;
			err = run_once(x, c, out, &retry, &lost);
			if (err == NULL)
				break;
			unsettled = lost;
		}
		if (!retry || dm_canceled(c))
			return err;
		dm_debug("lane transaction is tried again",
		    dm_kint("lane", x->lane), dm_kerr(err));
		if (dm_canceled(c) || i == TRIES_MAX - 1)
			return err;
		dm_err_free(dm_cancel_sleep_ms(c, backoff));
		backoff = MIN(backoff * 2, BACKOFF_MAX_MS);
	}
	return err;
}
