/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/sync/dispatch.c, with lanes that only note what they are
 * given. */
#include "worker/sync/dispatch.h"
#include "worker/sync/operate.h"

#include "test/unit/worker/sync/fixture.h"

#include <stdlib.h>
#include <string.h>

#define LANES     4
#define ID_V      "CREATE TABLE t (id INT PRIMARY KEY, v INT)"
#define ID_UNIQUE "CREATE TABLE t (id INT PRIMARY KEY, v INT, UNIQUE (v))"

/* ---- lanes that note ---- */

struct given {
	unsigned lane;
	guint rows;
	struct lane_mark mark;
};

static GArray *given; /* struct given */
static bool waits_end, pushes_end;
static unsigned drains;
static uint64_t committed[LANES];
static struct tbl *table;

struct dm_err *
lanes_push(struct lanes *ls DM_UNUSED, unsigned lane, struct batch *b,
    struct dm_cancel *c DM_UNUSED)
{
	struct given g = {
		.lane = lane, .rows = batch_rows(b), .mark = b->mark
	};

	if (!pushes_end)
		g_array_append_val(given, g);
	batch_free(b);
	return pushes_end ? dm_err_canceled() : NULL;
}

struct batch *
lanes_take_back(struct lanes *ls DM_UNUSED, unsigned lane DM_UNUSED)
{
	return NULL;
}

bool
lanes_is_idle(struct lanes *ls DM_UNUSED, unsigned lane DM_UNUSED)
{
	return true;
}

uint64_t
lanes_committed_seq(struct lanes *ls DM_UNUSED, unsigned lane)
{
	return committed[lane];
}

struct dm_err *
lanes_wait(struct lanes *ls DM_UNUSED, unsigned lane DM_UNUSED,
    uint64_t seq DM_UNUSED, struct dm_cancel *c DM_UNUSED)
{
	return waits_end ? dm_err_canceled() : NULL;
}

struct dm_err *
lanes_drain(struct lanes *ls DM_UNUSED, int64_t timeout_ms DM_UNUSED,
    struct dm_cancel *c DM_UNUSED, bool *drained DM_UNUSED)
{
	drains++;
	return NULL;
}

bool
lane_mark_has(
    const struct lane_mark *m, const struct dm_pos *start, uint64_t ordinal)
{
	if (dm_pos_cmp(&m->done, start) > 0)
		return true;
	return dm_pos_cmp(&m->cut, start) == 0 && ordinal <= m->cut_row;
}

struct dm_err *
lane_locate(struct dm_err *err, const struct dm_pos *start DM_UNUSED,
    const struct dm_pos *end DM_UNUSED, const char *sql DM_UNUSED)
{
	return err;
}

/* ---- what the dispatcher asks of others ---- */

struct dm_err *
tables_get(struct tables *ts DM_UNUSED, const char *db DM_UNUSED,
    const char *name, struct tbl **t)
{
	*t = strcmp(name, "u") != 0 ? table : NULL;
	return NULL;
}

struct dm_err *
ddl_handle(struct dispatch *d DM_UNUSED, const struct dm_ev_query *q DM_UNUSED,
    const struct dm_ddl *ddl DM_UNUSED, const struct dm_pos *start DM_UNUSED)
{
	return NULL;
}

struct dm_err *
ddl_excuse(
    struct dispatch *d DM_UNUSED, const char *sql DM_UNUSED, struct dm_err *err)
{
	return err;
}

struct dm_err *
tables_forget(struct tables *ts DM_UNUSED)
{
	return NULL;
}

struct dm_err *
operate_before(struct dispatch *d DM_UNUSED,
    const struct dm_event_header *h DM_UNUSED,
    const struct dm_pos *start DM_UNUSED)
{
	return NULL;
}

struct dm_err *
operate_query(struct dispatch *d DM_UNUSED,
    const struct dm_ev_query *q DM_UNUSED, const struct dm_ddl *ddl DM_UNUSED,
    const struct dm_pos *start DM_UNUSED, bool *instead)
{
	*instead = false;
	return NULL;
}

struct dm_err *
operate_after(
    struct dispatch *d DM_UNUSED, const struct dm_event_header *h DM_UNUSED)
{
	return NULL;
}

static GArray *noted; /* struct dm_pos: rows of dm_xa */

struct dm_err *
xa_meta_put(struct meta *m DM_UNUSED, struct dm_sql_conn *conn DM_UNUSED,
    const struct dm_pos *start, const struct dm_xid *xid DM_UNUSED)
{
	g_array_append_val(noted, *start);
	return NULL;
}

/* ---- events ---- */

static struct dm_instance_cfg inst;
static struct unit_env env = { .inst = &inst };
static struct dispatch_counters counters;
static struct tables tables;

static void
open_dispatch(struct dispatch *d, const char *sql)
{
	given = g_array_new(FALSE, FALSE, sizeof(struct given));
	noted = g_array_new(FALSE, FALSE, sizeof(struct dm_pos));
	waits_end = pushes_end = false;
	drains = 0;
	memset(committed, 0, sizeof(committed));
	inst.syncer.batch = 100;
	table = make_tbl(sql, sql, false);
	ck_assert_ptr_null(dm_block_allow_new(NULL, true, &tables.filter));
	*d = (struct dispatch){ .env = &env,
		.tables = &tables,
		.counters = &counters,
		.n_lanes = LANES,
		.batch_bytes = BATCH_TEXT_MAX };
	d->resume = g_new0(struct lane_mark, LANES);
	d->end = d->done = dm_pos_make("bin.000001", 100);
	dispatch_init(d);
}

static void
close_dispatch(struct dispatch *d)
{
	dispatch_fini(d);
	g_free(d->resume);
	tbl_free(table);
	dm_block_allow_free(tables.filter);
	g_array_unref(given);
	g_array_unref(noted);
}

static struct dm_err *
feed(struct dispatch *d, uint8_t type, const GByteArray *body)
{
	struct dm_event_header h = { .type = type, .timestamp = 1 };
	struct dm_pos start = d->end;

	d->end.pos += 100;
	return dispatch_inner(d, &h, body->data, body->len, &start);
}

static void
bytes(GByteArray *a, const void *p, size_t n)
{
	g_byte_array_append(a, p, (guint)n);
}

/* The map of a table of two INTs. */
static void
feed_map(struct dispatch *d)
{
	static const uint8_t map[] = { 7, 0, 0, 0, 0, 0, 1, 0, 2, 'd', 'b', 0,
		1, 't', 0, 2, DM_WT_LONG, DM_WT_LONG, 0, 3 };
	g_autoptr(GByteArray) a = g_byte_array_new();

	bytes(a, map, sizeof(map));
	ck_assert_ptr_null(feed(d, DM_EV_TABLE_MAP, a));
}

/* n rows (id, v). */
static struct dm_err *
feed_rows(struct dispatch *d, uint8_t type, const int32_t (*rows)[2], size_t n)
{
	static const uint8_t head[] = { 7, 0, 0, 0, 0, 0, 1, 0, 2, 3 };
	static const uint8_t no_nulls = 0xfc;
	g_autoptr(GByteArray) a = g_byte_array_new();

	bytes(a, head, sizeof(head));
	for (size_t i = 0; i < n; i++) {
		bytes(a, &no_nulls, 1);
		bytes(a, rows[i], sizeof(rows[i]));
	}
	return feed(d, type, a);
}

static void
feed_end(struct dispatch *d)
{
	g_autoptr(GByteArray) a = g_byte_array_new();
	uint64_t xid = 1;

	bytes(a, &xid, sizeof(xid));
	ck_assert_ptr_null(feed(d, DM_EV_XID, a));
}

static unsigned
lane_of(int32_t id)
{
	struct dm_value row[2] = { int_value(id), int_value(0) };

	return (unsigned)(tbl_lane_hash(table, row) % LANES);
}

/* The first number above `id` whose row is in the lane, or is not. */
static int32_t
id_in(int32_t id, unsigned lane, bool in)
{
	do
		id++;
	while ((lane_of(id) == lane) != in);
	return id;
}

static const struct lane_mark *
last_mark(unsigned lane)
{
	for (guint i = given->len; i-- > 0;) {
		const struct given *g = &g_array_index(given, struct given, i);

		if (g->lane == lane)
			return &g->mark;
	}
	return NULL;
}

/* ---- tests ---- */

START_TEST(a_batch_that_goes_before_a_row_does_not_say_it_has_the_row)
{
	const int32_t rows[][2] = { { 1, 10 }, { 1, 11 } };
	const struct given *g;
	struct dispatch d;
	struct dm_pos begun;

	/* An insert of a row that is there cannot be merged, nor can others
	 * join what follows it: it goes into a batch of its own. */
	open_dispatch(&d, ID_V);
	begun = d.end;
	feed_map(&d);
	ck_assert_ptr_null(feed_rows(&d, DM_EV_WRITE_ROWS_V1, rows, 2));
	ck_assert_uint_eq(given->len, 1);
	g = &g_array_index(given, struct given, 0);
	ck_assert_uint_eq(g->rows, 1);
	ck_assert(lane_mark_has(&g->mark, &begun, (UINT64_C(1) << 32) + 1));
	ck_assert(!lane_mark_has(&g->mark, &begun, (UINT64_C(1) << 32) + 2));
	ck_assert_ptr_null(dispatch_push_all(&d));
	ck_assert_uint_eq(given->len, 2);
	g = &g_array_index(given, struct given, 1);
	ck_assert_uint_eq(g->rows, 1);
	ck_assert(lane_mark_has(&g->mark, &begun, (UINT64_C(1) << 32) + 2));
	close_dispatch(&d);
}
END_TEST

START_TEST(a_pause_while_a_row_waits_does_not_pass_over_the_row)
{
	int32_t first[1][2] = { { 1, 10 } }, second[1][2] = { { 0, 10 } };
	const uint64_t ordinal = (UINT64_C(1) << 32) + 1;
	struct dispatch d;
	struct dm_pos begun;
	unsigned lane;

	open_dispatch(&d, ID_UNIQUE);
	second[0][0] = id_in(1, lane_of(1), false);
	lane = lane_of(second[0][0]);
	feed_map(&d);
	ck_assert_ptr_null(
	    feed_rows(&d, DM_EV_DELETE_ROWS_V1, (const int32_t(*)[2])first, 1));
	feed_end(&d);
	begun = d.end;
	feed_map(&d);
	waits_end = true; /* the unique value is the first row's lane's */
	dm_err_free(
	    feed_rows(&d, DM_EV_WRITE_ROWS_V1, (const int32_t(*)[2])second, 1));
	waits_end = false;
	ck_assert_ptr_null(dispatch_mark_all(&d));
	ck_assert_ptr_nonnull(last_mark(lane));
	ck_assert(!lane_mark_has(last_mark(lane), &begun, ordinal));
	close_dispatch(&d);
}
END_TEST

START_TEST(a_batch_that_was_lost_in_a_pause_is_not_passed_over)
{
	const int32_t rows[][2] = { { 1, 10 } };
	const uint64_t ordinal = (UINT64_C(1) << 32) + 1;
	struct dispatch d;
	struct dm_pos begun;

	open_dispatch(&d, ID_V);
	inst.syncer.batch = 1;
	begun = d.end;
	feed_map(&d);
	pushes_end = true; /* no room, until the pause ends the wait */
	dm_err_free(feed_rows(&d, DM_EV_WRITE_ROWS_V1, rows, 1));
	pushes_end = false;
	ck_assert_ptr_null(dispatch_mark_all(&d));
	ck_assert(last_mark(lane_of(1)) == NULL ||
		  !lane_mark_has(last_mark(lane_of(1)), &begun, ordinal));
	close_dispatch(&d);
}
END_TEST

START_TEST(rows_that_a_lane_has_are_skipped_and_the_next_is_not)
{
	int32_t rows[3][2] = { { 1, 10 }, { 0, 10 }, { 0, 10 } };
	struct lane_mark *m;
	struct dispatch d;

	open_dispatch(&d, ID_V);
	rows[1][0] = id_in(1, lane_of(1), true);
	rows[2][0] = id_in(rows[1][0], lane_of(1), true);
	m = &d.resume[lane_of(1)];
	m->cut = d.resume_end = d.end;
	d.resume_end.pos++;
	m->cut_row = (UINT64_C(1) << 32) + 2;
	feed_map(&d);
	ck_assert_ptr_null(
	    feed_rows(&d, DM_EV_WRITE_ROWS_V1, (const int32_t(*)[2])rows, 3));
	ck_assert_ptr_null(dispatch_push_all(&d));
	ck_assert_uint_eq(given->len, 1);
	ck_assert_uint_eq(g_array_index(given, struct given, 0).rows, 1);
	ck_assert_uint_eq(
	    last_mark(lane_of(1))->cut_row, (UINT64_C(1) << 32) + 3);
	close_dispatch(&d);
}
END_TEST

static struct dm_err *
pass(struct dispatch *d, uint32_t end, bool last)
{
	uint8_t raw[DM_EVENT_HEADER_SIZE + 4] = { 1, 0, 0, 0, DM_EV_XID };

	raw[9] = sizeof(raw);
	memcpy(raw + 13, &end, sizeof(end));
	return dispatch_pass(d, raw, sizeof(raw), last);
}

/* A restart in the middle of it would take its second half for new. */
START_TEST(a_transaction_that_is_passed_over_is_done_at_its_end)
{
	struct dispatch d;

	open_dispatch(&d, ID_V);
	ck_assert_ptr_null(pass(&d, 150, false));
	ck_assert_uint_eq(d.end.pos, 150);
	ck_assert_uint_eq(d.done.pos, 100);
	ck_assert_ptr_null(pass(&d, 200, true));
	ck_assert_uint_eq(d.end.pos, 200);
	ck_assert_uint_eq(d.done.pos, 200);
	ck_assert_uint_eq(given->len, 0);
	close_dispatch(&d);
}
END_TEST

/* Where a relay log has something in the place of what was left out. */
static struct dm_err *
fill(struct dispatch *d, uint32_t end, uint32_t server)
{
	uint8_t raw[DM_EVENT_HEADER_SIZE + 6] = { 0, 0, 0, 0, DM_EV_USER_VAR };

	memcpy(raw + 5, &server, sizeof(server));
	raw[9] = sizeof(raw);
	memcpy(raw + 13, &end, sizeof(end));
	return dispatch_event(d, raw, sizeof(raw));
}

START_TEST(a_filler_is_passed_and_a_user_variable_stops)
{
	struct dispatch d;

	open_dispatch(&d, ID_V);
	ck_assert_ptr_null(fill(&d, 150, 0));
	ck_assert_uint_eq(d.end.pos, 150);
	ck_assert_uint_eq(d.done.pos, 150);
	feed_map(&d); /* in a transaction nothing is done before its end */
	ck_assert_ptr_null(fill(&d, 400, 0));
	ck_assert_uint_eq(d.end.pos, 400);
	ck_assert_uint_eq(d.done.pos, 150);
	{
		DM_AUTO(dm_err) err = fill(&d, 500, 1);

		ck_assert(dm_err_is(err, SYNCER_EVENT));
	}
	close_dispatch(&d);
}
END_TEST

START_TEST(no_lane_is_marked_while_a_ddl_moves_them)
{
	struct dispatch d;

	open_dispatch(&d, ID_V);
	d.done.pos += 50;
	d.moving = true;
	ck_assert_ptr_null(dispatch_mark_all(&d));
	ck_assert_uint_eq(given->len, 0);
	d.moving = false;
	ck_assert_ptr_null(dispatch_mark_all(&d));
	ck_assert_uint_eq(given->len, LANES);
	close_dispatch(&d);
}
END_TEST

/* Rows of two tables that go into one; returns how often lanes were drained. */
static unsigned
take_turns(const char *second_sql)
{
	const int32_t row[][2] = { { 1, 10 } };
	struct tbl_use use = { 0 };
	struct tbl *first, *second = make_tbl(second_sql, ID_V, false);
	struct dispatch d;

	open_dispatch(&d, ID_V);
	first = table;
	tbl_share(first, &use);
	tbl_share(second, &use);
	for (int i = 0; i < 4; i++) {
		table = i < 2 ? first : second;
		feed_map(&d);
		ck_assert_ptr_null(feed_rows(&d,
		    i % 2 == 0 ? DM_EV_WRITE_ROWS_V1 : DM_EV_DELETE_ROWS_V1,
		    row, 1));
		feed_end(&d);
	}
	table = first;
	close_dispatch(&d);
	tbl_free(second);
	return drains;
}

START_TEST(tables_with_one_rule_go_into_one_table_side_by_side)
{
	ck_assert_uint_eq(take_turns(ID_V), 0);
	ck_assert_uint_eq(
	    take_turns("CREATE TABLE t (id BIGINT PRIMARY KEY, v INT)"), 0);
}
END_TEST

START_TEST(tables_with_different_rules_go_into_one_table_in_turns)
{
	ck_assert_uint_eq(take_turns(ID_UNIQUE), 1);
	ck_assert_uint_eq(take_turns("CREATE TABLE t (id INT, v INT)"), 1);
	ck_assert_uint_eq(
	    take_turns("CREATE TABLE t (id INT NOT NULL UNIQUE, v INT)"), 1);
}
END_TEST

/* ---- XA and savepoints ---- */

static struct dm_err *
feed_query(struct dispatch *d, const char *sql)
{
	static const uint8_t head[13 + 1] = { 0 };
	g_autoptr(GByteArray) a = g_byte_array_new();

	bytes(a, head, sizeof(head));
	bytes(a, sql, strlen(sql));
	return feed(d, DM_EV_QUERY, a);
}

static void
feed_anonymous(struct dispatch *d)
{
	g_autoptr(GByteArray) a = g_byte_array_new();

	ck_assert_ptr_null(feed(d, DM_EV_ANONYMOUS_GTID, a));
}

static void
feed_row(struct dispatch *d, int32_t id)
{
	const int32_t row[1][2] = { { id, 10 } };

	feed_map(d);
	ck_assert_ptr_null(feed_rows(d, DM_EV_WRITE_ROWS_V1, row, 1));
}

static struct dm_err *
feed_prepare(struct dispatch *d, uint8_t one_phase)
{
	const uint8_t body[] = { one_phase, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
		'x' };
	g_autoptr(GByteArray) a = g_byte_array_new();

	bytes(a, body, sizeof(body));
	return feed(d, DM_EV_XA_PREPARE, a);
}

static void
feed_prepared(struct dispatch *d, int32_t id)
{
	feed_anonymous(d);
	ck_assert_ptr_null(feed_query(d, "XA START X'78',X'',1"));
	feed_row(d, id);
	ck_assert_ptr_null(feed_query(d, "XA END X'78',X'',1"));
	ck_assert_ptr_null(feed_prepare(d, 0));
}

static guint
rows_given(struct dispatch *d)
{
	guint n = 0;

	ck_assert_ptr_null(dispatch_push_all(d));
	for (guint i = 0; i < given->len; i++)
		n += g_array_index(given, struct given, i).rows;
	return n;
}

START_TEST(prepared_rows_wait_for_their_commit)
{
	struct dispatch d;
	struct dm_pos prepared, decided;

	open_dispatch(&d, ID_V);
	prepared = d.end;
	feed_prepared(&d, 1);
	ck_assert_uint_eq(rows_given(&d), 0);
	ck_assert_uint_eq(noted->len, 1);
	ck_assert_int_eq(
	    dm_pos_cmp(&g_array_index(noted, struct dm_pos, 0), &prepared), 0);
	ck_assert_int_eq(dm_pos_cmp(&d.done, &d.end), 0);
	decided = d.end;
	feed_anonymous(&d);
	ck_assert_ptr_null(feed_query(&d, "XA COMMIT X'78',X'',1"));
	ck_assert_uint_eq(rows_given(&d), 1);
	/* They count as rows of the commit. */
	ck_assert_int_eq(dm_pos_cmp(&last_mark(lane_of(1))->done, &decided), 1);
	close_dispatch(&d);
}
END_TEST

START_TEST(prepared_rows_that_are_rolled_back_are_dropped)
{
	struct dispatch d;

	open_dispatch(&d, ID_V);
	feed_prepared(&d, 1);
	ck_assert_ptr_null(feed_query(&d, "XA ROLLBACK X'78',X'',1"));
	ck_assert_uint_eq(rows_given(&d), 0);
	ck_assert_uint_eq(g_hash_table_size(d.undecided.prepared), 0);
	close_dispatch(&d);
}
END_TEST

START_TEST(a_commit_in_one_phase_waits_for_nothing)
{
	struct dispatch d;

	open_dispatch(&d, ID_V);
	feed_anonymous(&d);
	ck_assert_ptr_null(feed_query(&d, "XA START X'78',X'',1"));
	feed_row(&d, 1);
	ck_assert_ptr_null(feed_prepare(&d, 1));
	ck_assert_uint_eq(rows_given(&d), 1);
	ck_assert_uint_eq(noted->len, 0);
	close_dispatch(&d);
}
END_TEST

START_TEST(what_is_read_again_is_neither_noted_nor_applied_twice)
{
	const struct dm_xid none = { "" };
	struct dispatch d;

	open_dispatch(&d, ID_V);
	undecided_add_row(&d.undecided, &d.end, &none);
	d.resume_low = d.end;
	d.resume_low.pos += 650; /* behind the plain row */
	feed_prepared(&d, 1);    /* 500 bytes */
	feed_anonymous(&d);
	feed_row(&d, 2);
	feed_end(&d);
	ck_assert_uint_eq(rows_given(&d), 0);
	ck_assert_uint_eq(noted->len, 0);
	feed_anonymous(&d);
	ck_assert_ptr_null(feed_query(&d, "XA COMMIT X'78',X'',1"));
	ck_assert_uint_eq(rows_given(&d), 1);
	close_dispatch(&d);
}
END_TEST

START_TEST(a_decision_that_all_lanes_have_passed_applies_nothing)
{
	struct dispatch d;

	open_dispatch(&d, ID_V);
	d.resume_low = d.end;
	d.resume_low.pos += 10000;
	/* One is read again, of the other no more is read. */
	feed_prepared(&d, 1);
	ck_assert_ptr_null(feed_query(&d, "XA COMMIT X'78',X'',1"));
	ck_assert_ptr_null(feed_query(&d, "XA COMMIT X'79',X'',1"));
	ck_assert_uint_eq(rows_given(&d), 0);
	close_dispatch(&d);
}
END_TEST

/* All lanes are past one without a row of dm_xa: so they are past its decision,
 * and nothing is asked of the target or kept in memory. */
START_TEST(what_was_decided_long_ago_costs_nothing_when_read_again)
{
	struct dispatch d;

	open_dispatch(&d, ID_V);
	d.resume_low = d.end;
	d.resume_low.pos += 10000;
	feed_anonymous(&d);
	ck_assert_ptr_null(feed_query(&d, "XA START X'78',X'',1"));
	feed_row(&d, 1);
	ck_assert_uint_eq(d.undecided.size, 0);
	ck_assert_ptr_null(feed_query(&d, "XA END X'78',X'',1"));
	ck_assert_ptr_null(feed_prepare(&d, 0));
	ck_assert_uint_eq(noted->len, 0);
	ck_assert_uint_eq(d.undecided.rows->len, 0);
	ck_assert_uint_eq(g_hash_table_size(d.undecided.prepared), 0);
	ck_assert_int_eq(dm_pos_cmp(&d.done, &d.end), 0);
	ck_assert_uint_eq(rows_given(&d), 0);
	close_dispatch(&d);
}
END_TEST

/* A crash of the source left one that nobody decided. */
START_TEST(a_namesake_that_was_decided_ends_the_one_that_was_lost)
{
	const struct dm_xid x = { "X'78',X'',1" };
	struct dispatch d;

	open_dispatch(&d, ID_V);
	undecided_add_row(&d.undecided, &d.end, &x);
	d.resume_low = d.end;
	d.resume_low.pos += 10000;
	feed_prepared(&d, 1);
	ck_assert_uint_eq(g_hash_table_size(d.undecided.prepared), 1);
	feed_prepared(&d, 2);
	ck_assert_uint_eq(g_hash_table_size(d.undecided.prepared), 0);
	ck_assert_uint_eq(d.undecided.rows->len, 1);
	ck_assert_str_ne(
	    g_array_index(d.undecided.rows, struct undecided_row, 0)
		.decided.name,
	    "");
	close_dispatch(&d);
}
END_TEST

START_TEST(a_prepare_without_its_begin_stops)
{
	struct dispatch d;
	struct dm_err *err;

	open_dispatch(&d, ID_V);
	feed_anonymous(&d);
	err = feed_prepare(&d, 0);
	ck_assert_ptr_nonnull(err);
	dm_err_free(err);
	close_dispatch(&d);
}
END_TEST

START_TEST(a_commit_of_rows_that_were_never_seen_stops)
{
	struct dispatch d;
	struct dm_err *err;

	open_dispatch(&d, ID_V);
	feed_anonymous(&d);
	err = feed_query(&d, "XA COMMIT X'78',X'',1");
	ck_assert_ptr_nonnull(err);
	ck_assert_ptr_nonnull(strstr(err->cause, "X'78'"));
	ck_assert_ptr_nonnull(strstr(err->workaround, "XA RECOVER"));
	dm_err_free(err);
	feed_anonymous(&d);
	ck_assert_ptr_null(feed_query(&d, "XA ROLLBACK X'78',X'',1"));
	close_dispatch(&d);
}
END_TEST

START_TEST(more_than_fits_into_memory_stops)
{
	struct dispatch d;
	struct dm_err *err;
	const int32_t row[1][2] = { { 1, 10 } };

	open_dispatch(&d, ID_V);
	d.undecided.max = 30;
	feed_anonymous(&d);
	ck_assert_ptr_null(feed_query(&d, "XA START X'78',X'',1"));
	feed_map(&d);
	err = feed_rows(&d, DM_EV_WRITE_ROWS_V1, row, 1);
	ck_assert_ptr_nonnull(err);
	ck_assert_ptr_nonnull(strstr(err->workaround, "XA RECOVER"));
	dm_err_free(err);
	close_dispatch(&d);
}
END_TEST

START_TEST(rows_behind_a_savepoint_can_be_taken_back)
{
	struct dispatch d;

	open_dispatch(&d, ID_V);
	feed_anonymous(&d);
	ck_assert_ptr_null(feed_query(&d, "BEGIN"));
	feed_row(&d, 1);
	ck_assert_ptr_null(feed_query(&d, "SAVEPOINT `a b`"));
	feed_row(&d, 2);
	ck_assert_ptr_null(feed_query(&d, "ROLLBACK TO `A b`"));
	feed_row(&d, 3);
	ck_assert_uint_eq(rows_given(&d), 1);
	feed_end(&d);
	ck_assert_uint_eq(rows_given(&d), 2);
	close_dispatch(&d);
}
END_TEST

START_TEST(only_a_rollback_of_rows_that_did_not_fit_stops)
{
	struct dispatch d;
	struct dm_err *err;

	open_dispatch(&d, ID_V);
	for (int i = 0; i < 2; i++) {
		d.undecided.max = i == 0 ? 30 : UNDECIDED_MAX;
		feed_anonymous(&d);
		ck_assert_ptr_null(feed_query(&d, "BEGIN"));
		ck_assert_ptr_null(feed_query(&d, "SAVEPOINT a"));
		feed_row(&d, 1 + i);
		ck_assert_ptr_null(feed_query(&d, "SAVEPOINT b"));
		ck_assert_uint_eq(rows_given(&d), 1);
		if (i == 0)
			feed_end(&d);
	}
	ck_assert_ptr_null(feed_query(&d, "ROLLBACK TO a"));
	feed_end(&d);
	ck_assert_uint_eq(rows_given(&d), 1);
	d.undecided.max = 30;
	feed_anonymous(&d);
	ck_assert_ptr_null(feed_query(&d, "BEGIN"));
	ck_assert_ptr_null(feed_query(&d, "SAVEPOINT a"));
	feed_row(&d, 3);
	err = feed_query(&d, "ROLLBACK TO a");
	ck_assert_ptr_nonnull(err);
	dm_err_free(err);
	close_dispatch(&d);
}
END_TEST

/* A table map of `name` under this number, and rows of it. */
static void
feed_row_of(struct dispatch *d, uint8_t number, char name, bool with_map)
{
	const uint8_t map[] = { number, 0, 0, 0, 0, 0, 1, 0, 2, 'd', 'b', 0, 1,
		(uint8_t)name, 0, 2, DM_WT_LONG, DM_WT_LONG, 0, 3 };
	const uint8_t rows[] = { number, 0, 0, 0, 0, 0, 1, 0, 2, 3, 0xfc, 1, 0,
		0, 0, 2, 0, 0, 0 };
	g_autoptr(GByteArray) a = g_byte_array_new();
	g_autoptr(GByteArray) b = g_byte_array_new();

	bytes(a, map, sizeof(map));
	bytes(b, rows, sizeof(rows));
	if (with_map)
		ck_assert_ptr_null(feed(d, DM_EV_TABLE_MAP, a));
	ck_assert_ptr_null(feed(d, DM_EV_WRITE_ROWS_V1, b));
}

/* One statement may write many rows events behind one table map. */
START_TEST(rows_of_unwanted_tables_need_no_map_again_after_an_overflow)
{
	struct dispatch d;
	guint n = 0;
	char db[] = "db", u[] = "u";
	const struct dm_table_pattern one = { db, u };
	struct dm_block_allow_rule rule = { 0 };

	open_dispatch(&d, ID_V);
	dm_block_allow_free(tables.filter);
	rule.do_dbs = g_ptr_array_new();
	rule.ignore_dbs = g_ptr_array_new();
	rule.do_tables = g_array_new(FALSE, FALSE, sizeof(one));
	rule.ignore_tables = g_array_new(FALSE, FALSE, sizeof(one));
	g_array_append_val(rule.ignore_tables, one);
	ck_assert_ptr_null(dm_block_allow_new(&rule, true, &tables.filter));
	g_ptr_array_unref(rule.do_dbs);
	g_ptr_array_unref(rule.ignore_dbs);
	g_array_unref(rule.do_tables);
	g_array_unref(rule.ignore_tables);
	d.undecided.max = 70;
	feed_anonymous(&d);
	ck_assert_ptr_null(feed_query(&d, "BEGIN"));
	ck_assert_ptr_null(feed_query(&d, "SAVEPOINT a"));
	feed_row_of(&d, 8, 'u', true);
	feed_row_of(&d, 8, 'u', false);
	feed_row_of(&d, 7, 't', true);
	ck_assert(!d.undecided.overflowed);
	ck_assert_uint_eq(rows_given(&d), 0);
	for (; !d.undecided.overflowed; n++)
		feed_row_of(&d, 7, 't', false);
	feed_row_of(&d, 8, 'u', false);
	feed_row_of(&d, 7, 't', false);
	feed_end(&d);
	ck_assert_uint_eq(rows_given(&d), n + 2);
	close_dispatch(&d);
}
END_TEST

START_TEST(a_savepoints_name_may_be_in_any_character_set)
{
	struct dispatch d;

	open_dispatch(&d, ID_V);
	feed_anonymous(&d);
	ck_assert_ptr_null(feed_query(&d, "BEGIN"));
	ck_assert_ptr_null(feed_query(&d, "SAVEPOINT `A\xe9`"));
	feed_row(&d, 1);
	ck_assert_ptr_null(feed_query(&d, "SAVEPOINT `b\xe8`"));
	feed_row(&d, 2);
	ck_assert_ptr_null(feed_query(&d, "ROLLBACK TO `a\xe9`"));
	feed_row(&d, 3);
	feed_end(&d);
	ck_assert_uint_eq(rows_given(&d), 1);
	close_dispatch(&d);
}
END_TEST

/* ---- types of events ---- */

static GByteArray *
from_hex(const char *hex)
{
	GByteArray *a = g_byte_array_new();

	for (; hex[0] != '\0' && hex[1] != '\0'; hex += 2) {
		uint8_t byte = (uint8_t)(g_ascii_xdigit_value(hex[0]) * 16 +
					 g_ascii_xdigit_value(hex[1]));

		g_byte_array_append(a, &byte, 1);
	}
	return a;
}

static void
check_type(uint8_t type, const GByteArray *raw)
{
	const struct dm_event_info *info = dm_event_info(type, 0);
	g_autofree char *number = g_strdup_printf("type %u", type);
	struct dm_event_header h;
	const uint8_t *body;
	size_t len;
	struct dispatch d;
	struct dm_err *err;

	open_dispatch(&d, ID_V);
	d.format.checksum = true;
	if (info->policy == DM_EVP_HANDLE) {
		err = type == DM_EV_FORMAT_DESCRIPTION
			  ? dispatch_event(&d, raw->data, raw->len)
			  : dm_event_split(&d.format, raw->data, raw->len, &h,
				&body, &len);
		ck_assert_msg(err == NULL, "%s", number);
	} else if (info->policy == DM_EVP_IGNORE) {
		ck_assert_ptr_null(dispatch_event(&d, raw->data, raw->len));
		ck_assert(!d.failure.known);
	} else {
		err = dispatch_event(&d, raw->data, raw->len);
		ck_assert_msg(err != NULL, "%s", number);
		ck_assert_ptr_nonnull(strstr(err->message, info->name));
		ck_assert_ptr_nonnull(strstr(err->message, number));
		ck_assert_ptr_nonnull(strstr(err->message, info->why));
		if (info->remedy != NULL)
			ck_assert_str_eq(err->workaround, info->remedy);
		ck_assert(d.failure.known);
		ck_assert_uint_eq(d.failure.at.pos, 100);
		dm_err_free(err);
	}
	ck_assert_uint_eq(given->len, 0);
	close_dispatch(&d);
}

START_TEST(each_known_type_is_met_as_the_table_says)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	bool met[256] = { false };

	ck_assert(
	    g_file_get_contents("test/unit/lib/binlog/fixtures/event_types.txt",
		&text, NULL, NULL));
	lines = g_strsplit(text, "\n", -1);
	for (char **l = lines; *l != NULL; l++) {
		g_auto(GStrv) f = g_strsplit(*l, " ", 3);
		g_autoptr(GByteArray) raw = NULL;
		uint8_t type;

		if (**l == '#' || g_strv_length(f) != 3)
			continue;
		type = (uint8_t)g_ascii_strtoull(f[0], NULL, 10);
		raw = from_hex(f[2]);
		ck_assert_uint_eq(raw->data[4], type);
		met[type] = true;
		check_type(type, raw);
	}
	for (unsigned i = 0; i < 256; i++)
		ck_assert_msg(met[i] ||
				  dm_event_info((uint8_t)i, 0)->type !=
				      (enum dm_event_type)i ||
				  i == DM_EV_ROTATE,
		    "type %u has no event", i);
}
END_TEST

START_TEST(a_number_that_nobody_knows_stops_unless_it_may_be_ignored)
{
	struct dispatch d;
	uint8_t raw[DM_EVENT_HEADER_SIZE + 2] = { 1, 0, 0, 0, 222, 1, 0, 0, 0,
		sizeof(raw), 0, 0, 0, 200, 0, 0, 0 };
	struct dm_err *err;

	open_dispatch(&d, ID_V);
	err = dispatch_event(&d, raw, sizeof(raw));
	ck_assert_ptr_nonnull(err);
	ck_assert_ptr_nonnull(strstr(err->message, "type 222"));
	ck_assert(d.failure.known);
	dm_err_free(err);
	raw[17] = DM_EVF_IGNORABLE;
	atomic_store(&counters.skipped, 0);
	ck_assert_ptr_null(dispatch_event(&d, raw, sizeof(raw)));
	ck_assert_uint_eq(atomic_load(&counters.skipped), 1);
	close_dispatch(&d);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("dispatch");
	TCase *tc = tcase_create("marks");
	SRunner *sr;
	int failed;

	tcase_add_test(
	    tc, a_batch_that_goes_before_a_row_does_not_say_it_has_the_row);
	tcase_add_test(
	    tc, a_pause_while_a_row_waits_does_not_pass_over_the_row);
	tcase_add_test(tc, a_batch_that_was_lost_in_a_pause_is_not_passed_over);
	tcase_add_test(
	    tc, rows_that_a_lane_has_are_skipped_and_the_next_is_not);
	tcase_add_test(
	    tc, a_transaction_that_is_passed_over_is_done_at_its_end);
	tcase_add_test(tc, a_filler_is_passed_and_a_user_variable_stops);
	tcase_add_test(tc, no_lane_is_marked_while_a_ddl_moves_them);
	tcase_add_test(tc, tables_with_one_rule_go_into_one_table_side_by_side);
	tcase_add_test(
	    tc, tables_with_different_rules_go_into_one_table_in_turns);
	tcase_add_test(tc, prepared_rows_wait_for_their_commit);
	tcase_add_test(tc, prepared_rows_that_are_rolled_back_are_dropped);
	tcase_add_test(tc, a_commit_in_one_phase_waits_for_nothing);
	tcase_add_test(
	    tc, what_is_read_again_is_neither_noted_nor_applied_twice);
	tcase_add_test(
	    tc, a_decision_that_all_lanes_have_passed_applies_nothing);
	tcase_add_test(tc, a_commit_of_rows_that_were_never_seen_stops);
	tcase_add_test(
	    tc, what_was_decided_long_ago_costs_nothing_when_read_again);
	tcase_add_test(
	    tc, a_namesake_that_was_decided_ends_the_one_that_was_lost);
	tcase_add_test(tc, a_prepare_without_its_begin_stops);
	tcase_add_test(
	    tc, rows_of_unwanted_tables_need_no_map_again_after_an_overflow);
	tcase_add_test(tc, a_savepoints_name_may_be_in_any_character_set);
	tcase_add_test(tc, more_than_fits_into_memory_stops);
	tcase_add_test(tc, rows_behind_a_savepoint_can_be_taken_back);
	tcase_add_test(tc, only_a_rollback_of_rows_that_did_not_fit_stops);
	tcase_add_test(tc, each_known_type_is_met_as_the_table_says);
	tcase_add_test(
	    tc, a_number_that_nobody_knows_stops_unless_it_may_be_ignored);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
