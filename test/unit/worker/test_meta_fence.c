/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of the fences of worker/meta.c and worker/sync/{lane,xa}_meta.c,
 * with a server that only counts. */
#include "lib/sql/conn_int.h"
#include "worker/meta.h"
#include "worker/meta_internal.h"
#include "worker/sync/lane_meta.h"
#include "worker/sync/undecided.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static char schema[] = "dm_meta", name[] = "t1", source[] = "s1", key[] = "K";
static struct meta m = { .schema = schema,
	.task = name,
	.source = source,
	.key = key,
	.epoch = 12 };

/* ---- the server ---- */

static uint64_t matched;        /* by each statement */
static guint answers;           /* to several statements */
static unsigned sent;           /* packets of several statements */
static GString *last;           /* statements so far */
static struct dm_sql_conn conn; /* all fails with its last_errno */

static struct dm_err *
answer(const char *sql)
{
	g_string_append_printf(last, "%s\n", sql);
	return conn.last_errno != 0 ? dm_err_new(DB_EXECUTE_FAILED, sql) : NULL;
}

struct dm_err *
dm_sql_exec(struct dm_sql_conn *c DM_UNUSED, const char *sql,
    size_t len DM_UNUSED, uint64_t *n)
{
	if (n != NULL)
		*n = matched;
	return answer(sql);
}

struct dm_err *
dm_sql_execf(struct dm_sql_conn *c DM_UNUSED, const char *fmt, ...)
{
	return answer(fmt);
}

struct dm_err *
dm_sql_exec_multi(struct dm_sql_conn *c DM_UNUSED, const char *sql,
    size_t len DM_UNUSED, GArray *counts)
{
	g_array_set_size(counts, answers);
	sent++;
	return answer(sql);
}

static void
setup(void)
{
	last = g_string_new("");
	matched = 1;
	answers = 5;
	sent = conn.last_errno = 0;
}

static void
teardown(void)
{
	g_string_free(last, TRUE);
}

/* ---- what writes ---- */

static const struct dm_pos at = { "bin.000001", 4 };

static struct dm_err *
check(void)
{
	return meta_check_fence(&m, &conn);
}

static struct dm_err *
save_phase(void)
{
	return meta_save_phase(&m, &conn, META_PHASE_SYNC, &at, "");
}

static struct dm_err *
save_table(void)
{
	const struct meta_table t = { .db = name, .tbl = name };

	return meta_save_table(&m, &conn, &t);
}

static struct dm_err *
move_lanes(void)
{
	return lane_meta_move(&m, &conn, 1, &at);
}

static struct dm_err *
create_lanes(void)
{
	return lane_meta_create(&m, &conn, 4, "map", &at);
}

static struct dm_err *(*const writers[])(
    void) = { check, save_phase, save_table, move_lanes, create_lanes };

START_TEST(a_write_that_meets_its_row_is_done)
{
	ck_assert_ptr_null(writers[_i]());
}
END_TEST

START_TEST(a_write_whose_row_is_gone_is_fenced)
{
	struct dm_err *err;

	matched = 0; /* start-task --remove-meta, say */
	err = writers[_i]();
	ck_assert_ptr_nonnull(err);
	ck_assert_int_eq(err->code, DM_ERR_META_FENCED);
	dm_err_free(err);
	ck_assert_ptr_null(strstr(last->str, "COMMIT"));
}
END_TEST

START_TEST(a_write_of_an_older_owner_is_fenced)
{
	struct dm_err *err;

	conn.last_errno = 1690;
	err = writers[_i]();
	ck_assert_ptr_nonnull(err);
	/* BEGIN fails in the last one, too */
	ck_assert(_i == 4 || err->code == DM_ERR_META_FENCED);
	dm_err_free(err);
}
END_TEST

/* ---- one round trip ---- */

static struct dm_err *
save_checkpoint(void)
{
	return lane_meta_save_dm_checkpoint(&m, &conn, &at, "0-1-2", &at);
}

static struct dm_err *
put_xa(void)
{
	const struct dm_xid x = { "X'78',X'',1" };

	return xa_meta_put(&m, &conn, &at, &x);
}

static struct undecided u;

static void
decide(uint64_t n)
{
	const struct dm_xid x = { "x" };
	struct dm_pos start = at, end = at;

	for (uint64_t i = 0; i < n; i++) {
		start.pos = i;
		undecided_add_row(&u, &start, &x);
		undecided_decide(&u, &start, &end);
	}
}

static struct dm_err *
sweep_xa(void)
{
	struct dm_err *err;

	undecided_init(&u);
	decide(3);
	err = xa_meta_sweep(&m, &conn, &u, &at);
	undecided_fini(&u);
	return err;
}

static struct dm_err *(*const packets[])(
    void) = { save_checkpoint, put_xa, sweep_xa };

START_TEST(a_packet_has_the_fence_before_and_commits_after)
{
	static const char *const want[] = {
		"BEGIN;UPDATE `dm_meta`.`dm_owner` SET epoch = IF(epoch = 12,",
		"WHERE K;SET @dm_ours = (SELECT IF(COUNT(*) = 1, 1, ",
		"AND epoch = 12) = 1;", ";COMMIT\n"
	};
	const char *p;

	ck_assert_ptr_null(packets[_i]());
	ck_assert_uint_eq(sent, 1);
	p = last->str;
	for (size_t i = 0; i < DM_ARRAY_SIZE(want); i++) {
		p = strstr(p, want[i]);
		ck_assert_msg(p != NULL, "%s: %s", want[i], last->str);
	}
	ck_assert_str_eq(p, want[3]);
}
END_TEST

START_TEST(a_packet_of_an_older_owner_is_fenced)
{
	struct dm_err *err;

	conn.last_errno = 1690;
	err = packets[_i]();
	ck_assert_ptr_nonnull(err);
	ck_assert_int_eq(err->code, DM_ERR_META_FENCED);
	dm_err_free(err);
}
END_TEST

START_TEST(a_packet_that_is_answered_in_part_is_not_done)
{
	struct dm_err *err;

	answers = 3;
	err = packets[_i]();
	ck_assert_ptr_nonnull(err);
	ck_assert_int_eq(err->code, DM_ERR_DB_BAD_CONN);
	dm_err_free(err);
}
END_TEST

START_TEST(a_sweep_takes_what_all_lanes_are_past_and_no_more)
{
	struct dm_pos start = at, later = at;
	const struct dm_xid x = { "x" };

	undecided_init(&u);
	ck_assert_ptr_null(xa_meta_sweep(&m, &conn, &u, &at));
	start.pos = 77;
	undecided_add_row(&u, &start, &x); /* not decided */
	decide(3);
	start.pos = 78;
	undecided_add_row(&u, &start, &x);
	later.pos++;
	undecided_decide(&u, &start, &later); /* some lane is before it */
	ck_assert_ptr_null(xa_meta_sweep(&m, &conn, &u, &at));
	ck_assert_uint_eq(sent, 1);
	ck_assert_ptr_nonnull(strstr(last->str, "binlog_pos=0) OR (binlog"));
	ck_assert_ptr_nonnull(strstr(last->str, "binlog_pos=2))"));
	ck_assert_ptr_null(strstr(last->str, "binlog_pos=7"));
	ck_assert_uint_eq(u.rows->len, 2);
	ck_assert_uint_eq(
	    g_array_index(u.rows, struct undecided_row, 0).start.pos, 77);
	ck_assert_uint_eq(
	    g_array_index(u.rows, struct undecided_row, 1).start.pos, 78);
	undecided_fini(&u);
}
END_TEST

START_TEST(a_sweep_of_very_many_takes_several_times)
{
	undecided_init(&u);
	decide(1500);
	for (struct dm_pos low = { "bin.000009", 4 }; u.rows->len > 0;)
		ck_assert_ptr_null(xa_meta_sweep(&m, &conn, &u, &low));
	ck_assert_uint_eq(sent, 2);
	undecided_fini(&u);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/meta fences");
	TCase *tc = tcase_create("fences");
	SRunner *sr = srunner_create(s);
	int n = (int)DM_ARRAY_SIZE(writers), np = (int)DM_ARRAY_SIZE(packets);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_write_that_meets_its_row_is_done, 0, n);
	tcase_add_loop_test(tc, a_write_whose_row_is_gone_is_fenced, 0, n);
	tcase_add_loop_test(tc, a_write_of_an_older_owner_is_fenced, 0, n);
	tcase_add_loop_test(
	    tc, a_packet_has_the_fence_before_and_commits_after, 0, np);
	tcase_add_loop_test(tc, a_packet_of_an_older_owner_is_fenced, 0, np);
	tcase_add_loop_test(
	    tc, a_packet_that_is_answered_in_part_is_not_done, 0, np);
	tcase_add_test(tc, a_sweep_takes_what_all_lanes_are_past_and_no_more);
	tcase_add_test(tc, a_sweep_of_very_many_takes_several_times);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
