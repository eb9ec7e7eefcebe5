/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/sync/handle_error.c: what is refused before the target is
 * asked. The rest is in test/integration/27_binlog_ops.sh. */
#include "worker/sync/commands.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static char source[] = "src";
static struct dm_source_cfg src = { .source_id = source };
static const struct unit_env env = { .source = &src };

static struct command_env
resting(void)
{
	return (struct command_env){ .env = &env,
		.passed = dm_pos_make("bin.000002", 500) };
}

/* sql NULL: none. *err is the caller's. */
static struct dm_err *
ask(const struct command_env *e, Pb__ErrorOp op, const char *pos,
    const char *sql)
{
	Pb__HandleWorkerErrorRequest req;
	g_autofree char *p = g_strdup(pos), *s = g_strdup(sql), *text = NULL;
	struct dm_err *err;

	pb__handle_worker_error_request__init(&req);
	req.op = op;
	req.binlogpos = p;
	req.sqls = &s;
	req.n_sqls = sql != NULL ? 1 : 0;
	err = handle_error_run(e, &req, &text);
	ck_assert_ptr_nonnull(err);
	ck_assert_ptr_null(text);
	return err;
}

static void
refused(struct dm_err *err, int code, const char *text)
{
	ck_assert_int_eq(err->code, code);
	ck_assert_msg(strstr(err->message, text) != NULL, "%s", err->message);
	dm_err_free(err);
}

static const Pb__ErrorOp all_ops[] = { PB__ERROR_OP__Skip,
	PB__ERROR_OP__Replace, PB__ERROR_OP__Revert, PB__ERROR_OP__Inject,
	PB__ERROR_OP__List };

START_TEST(without_an_error_a_position_is_wanted)
{
	struct command_env e = resting();

	refused(ask(&e, all_ops[_i], "", "DROP TABLE a.b"), 50000,
	    "source 'src' has no error");
}
END_TEST

START_TEST(an_error_of_rows_can_only_be_injected_at)
{
	struct command_env e = resting();

	e.failure.known = true;
	e.failure.at = dm_pos_make("bin.000002", 600);
	if (all_ops[_i] == PB__ERROR_OP__Inject)
		refused(ask(&e, all_ops[_i], "", "DROP TABLE b"), 36024,
		    "injected DDL DROP TABLE b without schema name not valid");
	else
		refused(ask(&e, all_ops[_i], "", "DROP TABLE a.b"), 50000,
		    "only support to handle ddl error currently, see "
		    "https://docs.pingcap.com/");
}
END_TEST

static const char *const positions[] = { "bin.000002", "bin.000002:", ":4",
	"bin.000002:x", "a:b:4", "bin.000002:99999999999999999999999" };

START_TEST(a_position_is_a_file_and_a_number)
{
	struct command_env e = resting();

	refused(ask(&e, PB__ERROR_OP__Skip, positions[_i], NULL),
	    DM_ERR_VERIFY_HANDLE_ERROR_ARGS,
	    "in handle-error operation: invalid mysql position string");
}
END_TEST

START_TEST(what_is_done_is_not_skipped_or_replaced)
{
	struct command_env e = resting();

	refused(ask(&e, PB__ERROR_OP__Skip, "bin.000002:499", NULL),
	    DM_ERR_VERIFY_HANDLE_ERROR_ARGS,
	    "invalid --binlog-pos (bin.000002, 499) in handle-error operation: "
	    "all events before (bin.000002, 500) were already replicated");
	refused(
	    ask(&e, PB__ERROR_OP__Replace, "bin.000001:900", "DROP TABLE a.b"),
	    DM_ERR_VERIFY_HANDLE_ERROR_ARGS, "already replicated");
}
END_TEST

static const struct {
	const char *sql;
	int code;
	const char *text;
} statements[] = {
	{ NULL, 11118, "no statement is given" },
	{ "FROB", 36017, "sql FROB: " },
	{ "INSERT INTO a.b VALUES (1)", 36064,
	    "only support replace or inject with DDL currently" },
	{ "BEGIN", 36064, "only support replace or inject" },
	{ "CREATE VIEW a.v AS SELECT 1", 36064, "only support" },
	{ "CREATE SEQUENCE s", 36024,
	    "injected DDL CREATE SEQUENCE s without schema" },
	{ "ALTER TABLE b ADD c INT", 36024,
	    "injected DDL ALTER TABLE b ADD c INT without schema" },
	{ "RENAME TABLE a.b TO c", 36024, "without schema name not valid" },
};

START_TEST(only_ddl_with_a_schema_is_taken)
{
	struct command_env e = resting();

	refused(ask(&e, PB__ERROR_OP__Replace, "bin.000002:700",
		    statements[_i].sql),
	    statements[_i].code, statements[_i].text);
	refused(
	    ask(&e, PB__ERROR_OP__Inject, "bin.000002:700", statements[_i].sql),
	    statements[_i].code, statements[_i].text);
}
END_TEST

START_TEST(an_unknown_operation_is_refused)
{
	struct command_env e = resting();

	refused(ask(&e, PB__ERROR_OP__InvalidErrorOp, "bin.000002:700", NULL),
	    DM_ERR_VERIFY_HANDLE_ERROR_ARGS, "the operation is none of");
	refused(ask(&e, (Pb__ErrorOp)77, "bin.000002:700", NULL),
	    DM_ERR_VERIFY_HANDLE_ERROR_ARGS, "the operation is none of");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/sync/handle_error");
	TCase *tc = tcase_create("handle_error");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, without_an_error_a_position_is_wanted, 0,
	    DM_ARRAY_SIZE(all_ops));
	tcase_add_loop_test(tc, an_error_of_rows_can_only_be_injected_at, 0,
	    DM_ARRAY_SIZE(all_ops));
	tcase_add_loop_test(
	    tc, a_position_is_a_file_and_a_number, 0, DM_ARRAY_SIZE(positions));
	tcase_add_test(tc, what_is_done_is_not_skipped_or_replaced);
	tcase_add_loop_test(
	    tc, only_ddl_with_a_schema_is_taken, 0, DM_ARRAY_SIZE(statements));
	tcase_add_test(tc, an_unknown_operation_is_refused);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
