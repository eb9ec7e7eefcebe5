/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running one lane transaction: see lane_exec.h.
 *
 * DESIGN: everything travels in one packet, so the fence must be an error: the
 * first statement fails with "out of range" when the epoch is not ours, and
 * the second one when the lane's row is gone. An error leaves the transaction
 * open: it is rolled back, or dies with its connection. After a connection was
 * lost, the lane's row tells whether the commit happened.
 */
#include "worker/sync/lane_exec.h"

#include "lib/base/defect.h"
#include "lib/base/failpoint.h"
#include "lib/log/log.h"

#include <string.h>

#define TRIES_MAX        10
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS   5000
#define ROWS_PER_DELETE  200
#define SAMPLE_BYTES     300

/* A statement of the packet, and what it should match. */
struct statement {
	size_t off, len;
	int64_t expected; /* -1: not counted */
	uint64_t rows;    /* row changes it stands for */
};

void
lane_exec_init(struct lane_exec *x)
{
	x->packet = g_string_sized_new(64 << 10);
	x->statements = g_array_new(FALSE, FALSE, sizeof(struct statement));
	x->counts = g_array_new(FALSE, FALSE, sizeof(uint64_t));
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
	g_string_free(x->packet, TRUE);
	g_array_unref(x->statements);
	g_array_unref(x->counts);
}

/* ---- building ---- */

static void
end_statement(struct lane_exec *x, size_t off, int64_t expected, uint64_t rows)
{
	struct statement st = { .off = off,
		.len = x->packet->len - off,
		.expected = expected,
		.rows = rows };

	g_array_append_val(x->statements, st);
	g_string_append_c(x->packet, ';');
}

static void
add_text(struct lane_exec *x, const char *text)
{
	size_t off = x->packet->len;

	g_string_append(x->packet, text);
	end_statement(x, off, -1, 0);
}

static void
add_progress(struct lane_exec *x, const struct lane_mark *m)
{
	g_autofree char *table = meta_table_name(x->meta, "dm_lane");
	g_autofree char *fence = meta_fence_expr(x->meta);
	size_t off = x->packet->len;

	g_string_append_printf(x->packet,
	    "UPDATE %s SET %s,binlog_name='%s',binlog_pos=%" G_GUINT64_FORMAT
	    ",cut_name='%s',cut_pos=%" G_GUINT64_FORMAT
	    ",cut_row=%" G_GUINT64_FORMAT " WHERE %s AND lane=%u",
	    table, fence, m->done.name, m->done.pos, m->cut.name, m->cut.pos,
	    m->cut_row, x->meta->key, x->lane);
	end_statement(x, off, 1, 0);
	off = x->packet->len;
	g_string_append_printf(x->packet,
	    "DO (SELECT IF(COUNT(*)=1,0,9223372036854775807+"
	    "9223372036854775807) FROM %s WHERE %s AND lane=%u)",
	    table, x->meta->key, x->lane);
	end_statement(x, off, -1, 0);
}

static bool
can_merge(const struct change *a, const struct change *b, uint64_t n)
{
	if (a->t != b->t || a->kind != b->kind || a->flags != b->flags)
		return false;
	switch ((enum change_kind)a->kind) {
	case CHANGE_INSERT:
	case CHANGE_REPLACE:
		return true;
	case CHANGE_DELETE:
	case CHANGE_DELETE_ANY:
		return !a->t->keyless && n < ROWS_PER_DELETE;
	case CHANGE_UPDATE:
		return false;
	}
	return false;
}

static void
append_head(GString *s, const struct change *ch)
{
	switch ((enum change_kind)ch->kind) {
	case CHANGE_INSERT:
		g_string_append(s, ch->t->insert_head);
		break;
	case CHANGE_REPLACE:
		g_string_append(s, ch->t->replace_head);
		break;
	case CHANGE_UPDATE:
		g_string_append_printf(s, "UPDATE %s SET ", ch->t->to_ident);
		break;
	case CHANGE_DELETE:
	case CHANGE_DELETE_ANY:
		g_string_append_printf(
		    s, "DELETE FROM %s WHERE ", ch->t->to_ident);
		break;
	}
}

static bool
is_delete(const struct change *ch)
{
	return ch->kind == CHANGE_DELETE || ch->kind == CHANGE_DELETE_ANY;
}

/* One statement from changes[i..]; returns how many it took. */
static guint
add_changes(struct lane_exec *x, const struct batch *b, guint i)
{
	const struct change *first =
	    &g_array_index(b->changes, struct change, i);
	size_t off = x->packet->len;
	guint n = 0;

	append_head(x->packet, first);
	while (i + n < b->changes->len) {
		const struct change *ch =
		    &g_array_index(b->changes, struct change, i + n);

		if (n > 0 && !can_merge(first, ch, n))
			break;
		if (n > 0)
			g_string_append(
			    x->packet, is_delete(first) ? " OR " : ",");
		g_string_append_len(
		    x->packet, b->text->str + ch->off, (gssize)ch->len);
		n++;
	}
	end_statement(x, off,
	    first->kind == CHANGE_REPLACE || first->kind == CHANGE_DELETE_ANY
		? -1
		: (int64_t)n,
	    n);
	return n;
}

static void
switch_session(struct lane_exec *x, unsigned from, unsigned to)
{
	if ((from ^ to) & CHANGE_NO_FK && x->info->foreign_key_checks)
		add_text(x, to & CHANGE_NO_FK ? "SET foreign_key_checks=0"
					      : "SET foreign_key_checks=1");
	if ((from ^ to) & CHANGE_LAX) {
		g_autofree char *sql = g_strdup_printf("SET sql_mode='%s'",
		    to & CHANGE_LAX ? "NO_AUTO_VALUE_ON_ZERO,"
				      "ALLOW_INVALID_DATES"
				    : x->info->sql_mode);

		add_text(x, sql);
	}
}

static void
build_packet(struct lane_exec *x, GPtrArray *batches)
{
	const struct batch *last = g_ptr_array_index(batches, batches->len - 1);
	unsigned flags = 0;

	g_string_truncate(x->packet, 0);
	g_array_set_size(x->statements, 0);
	add_text(x, "BEGIN");
	if (!DM_DEFECT_IS(NO_LANE_ROW))
		add_progress(x, &last->mark);
	for (guint i = 0; i < batches->len; i++) {
		const struct batch *b = g_ptr_array_index(batches, i);

		for (guint k = 0; k < b->changes->len;) {
			const struct change *ch =
			    &g_array_index(b->changes, struct change, k);

			switch_session(x, flags, ch->flags);
			flags = ch->flags;
			k += add_changes(x, b, k);
		}
	}
	switch_session(x, flags, 0);
	add_text(x, "COMMIT");
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
	guint n = MIN(x->statements->len, x->counts->len);

	for (guint i = 0; i < n; i++) {
		const struct statement *st =
		    &g_array_index(x->statements, struct statement, i);
		uint64_t got = g_array_index(x->counts, uint64_t, i);

		out->rows += st->rows;
		if (st->expected < 0 || st->rows == 0 ||
		    got == (uint64_t)st->expected)
			continue;
		out->unexpected++;
		if (out->sample == NULL)
			out->sample = g_strdup_printf(
			    "matched %" G_GUINT64_FORMAT
			    " rows instead of %" G_GINT64_FORMAT ": %.*s",
			    got, st->expected,
			    (int)MIN(st->len, (size_t)SAMPLE_BYTES),
			    x->packet->str + st->off);
	}
}

/* Name the statement of the packet that failed. */
static struct dm_err *
name_statement(struct lane_exec *x, struct dm_err *err)
{
	const struct statement *st;

	if (x->counts->len >= x->statements->len)
		return err;
	st = &g_array_index(x->statements, struct statement, x->counts->len);
	g_free(err->message);
	err->message = g_strdup_printf("execute statement failed: %.*s",
	    (int)MIN(st->len, (size_t)1024), x->packet->str + st->off);
	return err;
}

static struct dm_err *
run_once(struct lane_exec *x, struct dm_cancel *c, bool *retry, bool *lost)
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
	    x->conn, x->packet->str, x->packet->len, x->counts);
	DM_FAILPOINT("lane-sent");
	if (DM_DEFECT_IS(DROP_BATCH) && err != NULL && x->counts->len == 0) {
		dm_err_free(err); /* what a lost connection once did */
		disconnect(x, c);
		return NULL;
	}
	/* Every statement has answered, or the batch is not done. */
	if (err == NULL && x->counts->len == x->statements->len)
		return NULL;
	if (err == NULL)
		err = dm_err_set_cause(dm_err_new(DB_BAD_CONN),
		    "%u answers to %u statements", x->counts->len,
		    x->statements->len);
	code = dm_sql_last_errno(x->conn);
	if (meta_is_fence_error(code) && x->counts->len < 3) {
		dm_err_free(err);
		return dm_err_new(
		    META_FENCED, x->meta->task, x->meta->source, "?", "older");
	}
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
 * as it was planned. */
static void
count_as_planned(struct lane_exec *x, struct exec_result *out)
{
	for (guint i = 0; i < x->statements->len; i++)
		out->rows +=
		    g_array_index(x->statements, struct statement, i).rows;
}

struct dm_err *
lane_exec_run(struct lane_exec *x, GPtrArray *batches, struct dm_cancel *c,
    struct exec_result *out)
{
	const struct batch *last = g_ptr_array_index(batches, batches->len - 1);
	int64_t backoff = BACKOFF_FIRST_MS;
	struct dm_err *err = NULL;
	bool unsettled = false;

	build_packet(x, batches);
	for (int i = 0; i < TRIES_MAX; i++) {
		bool retry, lost, done = false;

		dm_err_free(err);
		err = unsettled ? settle_lost(x, &last->mark, c, &done) : NULL;
		retry = true;
		if (err == NULL && done) {
			count_as_planned(x, out);
			break;
		}
		if (err == NULL) {
			unsettled = false;
			err = run_once(x, c, &retry, &lost);
			if (err == NULL) {
				check_counts(x, out);
				break;
			}
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
