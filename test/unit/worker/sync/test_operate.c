/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suite of worker/sync/operate.c: which event meets what was said. Barriers
 * and the target are fakes, which write down what they were asked.
 */
#include "worker/sync/ddl_job.h"
#include "worker/sync/operate.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static GString *done;     /* "run SQL;", "stay SQL;", "leave SQL;" */
static const char *fails; /* a statement that does; NULL: none */
static bool filtered;

/* ---- fakes ---- */

void
ddl_job_fini(struct job *j DM_UNUSED)
{
}

const char *
ddl_job_schema(const struct job *j DM_UNUSED, guint i DM_UNUSED)
{
	return "a";
}

struct dm_err *
ddl_job_ask(const struct job *j DM_UNUSED, bool *skip)
{
	*skip = filtered;
	return NULL;
}

static struct dm_err *
finish(struct job *j, const char *how)
{
	struct dm_err *err;

	g_string_append_printf(
	    done, "%s%s %s;", how, j->stay ? "-stay" : "", j->q->sql);
	if (g_strcmp0(fails, j->q->sql) == 0)
		return dm_err_plain("refused");
	err = operate_count(j->d, j->op);
	if (err == NULL)
		operate_counted(j->d, j->op);
	return err;
}

struct dm_err *
ddl_job_run(struct job *j)
{
	return finish(j, "run");
}

struct dm_err *
ddl_job_leave_out(struct job *j, bool at_all_costs)
{
	return finish(j, at_all_costs ? "skip" : "leave");
}

struct dm_err *
dm_sql_execf(struct dm_sql_conn *c DM_UNUSED, const char *fmt DM_UNUSED, ...)
{
	return NULL;
}

struct dm_err *
dm_sql_exec(struct dm_sql_conn *c DM_UNUSED, const char *sql,
    size_t len DM_UNUSED, uint64_t *n)
{
	if (n != NULL)
		*n = 1;
	if (strstr(sql, "dm_operator") == NULL)
		return NULL; /* the fence */
	if (g_str_has_prefix(sql, "UPDATE"))
		g_string_append(done, "count;");
	if (g_str_has_prefix(sql, "DELETE"))
		g_string_append(done, "gone;");
	return NULL;
}

struct dm_err *
dm_sql_exec_multi(struct dm_sql_conn *c DM_UNUSED, const char *sql DM_UNUSED,
    size_t len DM_UNUSED, GArray *counts DM_UNUSED)
{
	ck_abort_msg("nobody asked for several statements");
	return NULL;
}

/* ---- the dispatcher ---- */

static struct dispatch d;
static char schema[] = "m", task[] = "t", source[] = "s", key[] = "1=1";
static struct meta meta = {
	.schema = schema, .task = task, .source = source, .key = key
};

static struct dm_pos
at(uint64_t pos)
{
	return dm_pos_make("bin.000001", pos);
}

static void
free_op(gpointer p)
{
	binlog_op_free(p);
}

static void
setup(void)
{
	memset(&d, 0, sizeof(d));
	d.meta = &meta;
	d.ops = g_ptr_array_new_with_free_func(free_op);
	done = g_string_new(NULL);
	fails = NULL;
	filtered = false;
}

static void
teardown(void)
{
	g_ptr_array_unref(d.ops);
	g_string_free(done, TRUE);
}

static void
say(uint64_t pos, Pb__ErrorOp op, const char *one, const char *two)
{
	char *sqls[] = { g_strdup(one), g_strdup(two) };
	struct dm_pos p = at(pos);

	g_ptr_array_add(d.ops, binlog_op_new(&p, op, sqls,
				   one == NULL   ? 0
				   : two == NULL ? 1
						 : 2));
	g_free(sqls[0]);
	g_free(sqls[1]);
}

/* A statement from 140 to 200, in a transaction from 100 on. True: something
 * else was done. */
static bool
query(const char *sql)
{
	struct dm_ev_query q = { .sql = sql, .sql_len = strlen(sql) };
	struct dm_pos start = at(140);
	DM_AUTO(dm_ddl) ddl = NULL;
	bool instead = false;
	struct dm_err *err;

	d.has_next_gtid = true;
	d.txn_start = at(100);
	d.end = at(200);
	dm_err_free(dm_ddl_parse(sql, q.sql_len, 0, &ddl));
	err = operate_query(&d, &q, ddl, &start, &instead);
	if (err != NULL)
		g_string_append_printf(done, "error %s;", err->message);
	dm_err_free(err);
	return instead;
}

static void
after(uint8_t type)
{
	struct dm_event_header h = { .type = type, .log_pos = 200 };
	struct dm_err *err = operate_after(&d, &h);

	ck_assert_ptr_null(err);
}

#define ALTER "ALTER TABLE a.b ADD c INT"

START_TEST(a_statement_is_skipped)
{
	say(140, PB__ERROR_OP__Skip, NULL, NULL);
	ck_assert(query(ALTER));
	ck_assert_str_eq(done->str, "skip " ALTER ";gone;");
	ck_assert_uint_eq(d.ops->len, 0);
	ck_assert(!query(ALTER));
}
END_TEST

START_TEST(what_cannot_be_read_is_skipped_too)
{
	say(140, PB__ERROR_OP__Skip, NULL, NULL);
	ck_assert(query("FROBNICATE"));
	ck_assert_str_eq(done->str, "skip FROBNICATE;gone;");
}
END_TEST

START_TEST(the_transactions_position_is_the_statements)
{
	say(100, PB__ERROR_OP__Skip, NULL, NULL);
	ck_assert(query(ALTER));
}
END_TEST

START_TEST(another_position_is_not)
{
	say(99, PB__ERROR_OP__Skip, NULL, NULL);
	say(141, PB__ERROR_OP__Skip, NULL, NULL);
	ck_assert(!query(ALTER));
	ck_assert_str_eq(done->str, "");
}
END_TEST

START_TEST(the_begin_of_rows_is_no_statement)
{
	say(140, PB__ERROR_OP__Skip, NULL, NULL);
	ck_assert(!query("BEGIN"));
	ck_assert_str_eq(done->str, "");
}
END_TEST

START_TEST(only_the_last_of_several_moves_the_lanes)
{
	say(140, PB__ERROR_OP__Replace, "DROP TABLE a.x", "DROP TABLE a.y");
	ck_assert(query(ALTER));
	ck_assert_str_eq(done->str,
	    "run-stay DROP TABLE a.x;count;run DROP TABLE a.y;gone;");
	ck_assert_uint_eq(d.ops->len, 0);
}
END_TEST

START_TEST(what_was_run_is_not_run_again)
{
	say(140, PB__ERROR_OP__Replace, "DROP TABLE a.x", "DROP TABLE a.y");
	fails = "DROP TABLE a.y";
	ck_assert(query(ALTER));
	ck_assert_str_eq(done->str, "run-stay DROP TABLE a.x;count;run DROP "
				    "TABLE a.y;error refused;");
	ck_assert_uint_eq(d.ops->len, 1);
	g_string_set_size(done, 0);
	fails = NULL;
	ck_assert(query(ALTER));
	ck_assert_str_eq(done->str, "run DROP TABLE a.y;gone;");
}
END_TEST

START_TEST(a_filtered_statement_is_left_out)
{
	say(140, PB__ERROR_OP__Replace, "DROP TABLE a.x", NULL);
	filtered = true;
	ck_assert(query(ALTER));
	ck_assert_str_eq(done->str, "leave DROP TABLE a.x;gone;");
}
END_TEST

START_TEST(what_some_lane_is_past_is_left_alone)
{
	say(140, PB__ERROR_OP__Skip, NULL, NULL);
	d.resume_end = at(141);
	ck_assert(!query(ALTER));
	d.resume_end = at(140);
	ck_assert(query(ALTER));
}
END_TEST

START_TEST(what_did_not_fit_goes_with_its_transaction)
{
	say(140, PB__ERROR_OP__Skip, NULL, NULL);
	say(200, PB__ERROR_OP__Skip, NULL, NULL);
	ck_assert(!query("BEGIN"));
	after(DM_EV_WRITE_ROWS_V1); /* the transaction goes on */
	ck_assert_uint_eq(d.ops->len, 2);
	d.has_next_gtid = false;
	after(DM_EV_HEARTBEAT);
	ck_assert_uint_eq(d.ops->len, 2);
	after(DM_EV_XID);
	ck_assert_uint_eq(d.ops->len, 1);
	ck_assert_str_eq(done->str, "gone;");
}
END_TEST

static void
before(uint8_t type, uint16_t flags, uint64_t pos)
{
	struct dm_event_header h = {
		.type = type, .flags = flags, .log_pos = 200, .timestamp = 5
	};
	struct dm_pos start = at(pos);
	struct dm_err *err = operate_before(&d, &h, &start);

	if (err != NULL)
		g_string_append_printf(done, "error %s;", err->message);
	dm_err_free(err);
}

START_TEST(an_inject_comes_before_the_event)
{
	say(150, PB__ERROR_OP__Inject, "DROP TABLE a.x", "DROP TABLE a.y");
	before(DM_EV_XID, 0, 149);
	before(DM_EV_HEARTBEAT, 0, 150);
	before(DM_EV_QUERY, DM_EVF_ARTIFICIAL, 150);
	ck_assert_str_eq(done->str, "");
	before(DM_EV_QUERY, 0, 150);
	ck_assert_str_eq(done->str, "run-stay DROP TABLE a.x;count;run-stay "
				    "DROP TABLE a.y;gone;");
	ck_assert_uint_eq(d.ops->len, 0);
	ck_assert_uint_eq(d.ts, 5);
}
END_TEST

START_TEST(an_inject_of_the_past_comes_before_the_next_event)
{
	say(4, PB__ERROR_OP__Inject, "DROP TABLE a.x", NULL);
	before(DM_EV_XID, 0, 150);
	ck_assert_str_eq(done->str, "run-stay DROP TABLE a.x;gone;");
}
END_TEST

START_TEST(an_inject_that_fails_is_a_statements_error)
{
	say(150, PB__ERROR_OP__Inject, "DROP TABLE a.x", NULL);
	fails = "DROP TABLE a.x";
	before(DM_EV_XID, 0, 150);
	ck_assert_str_eq(done->str, "run-stay DROP TABLE a.x;error refused;");
	ck_assert(d.failure.ddl);
	ck_assert_uint_eq(d.ops->len, 1);
}
END_TEST

START_TEST(while_the_position_is_not_known_nothing_fits)
{
	say(140, PB__ERROR_OP__Skip, NULL, NULL);
	say(150, PB__ERROR_OP__Inject, "DROP TABLE a.x", NULL);
	d.seeking = true;
	ck_assert(!query(ALTER));
	before(DM_EV_XID, 0, 150);
	after(DM_EV_XID);
	ck_assert_str_eq(done->str, "");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/sync/operate");
	TCase *tc = tcase_create("operate");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_statement_is_skipped);
	tcase_add_test(tc, what_cannot_be_read_is_skipped_too);
	tcase_add_test(tc, the_transactions_position_is_the_statements);
	tcase_add_test(tc, another_position_is_not);
	tcase_add_test(tc, the_begin_of_rows_is_no_statement);
	tcase_add_test(tc, only_the_last_of_several_moves_the_lanes);
	tcase_add_test(tc, what_was_run_is_not_run_again);
	tcase_add_test(tc, a_filtered_statement_is_left_out);
	tcase_add_test(tc, what_some_lane_is_past_is_left_alone);
	tcase_add_test(tc, what_did_not_fit_goes_with_its_transaction);
	tcase_add_test(tc, an_inject_comes_before_the_event);
	tcase_add_test(tc, an_inject_of_the_past_comes_before_the_next_event);
	tcase_add_test(tc, an_inject_that_fails_is_a_statements_error);
	tcase_add_test(tc, while_the_position_is_not_known_nothing_fits);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
