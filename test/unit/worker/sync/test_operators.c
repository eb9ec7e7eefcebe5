/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/sync/operators.c: the list. Its rows are met in the
 * integration tests. */
#include "worker/sync/operators.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static GPtrArray *list;

static struct dm_pos
at(uint64_t pos)
{
	return dm_pos_make("bin.000002", pos);
}

static void
add(uint64_t pos, Pb__ErrorOp op, const char *sql)
{
	g_autofree char *copy = g_strdup(sql);
	struct dm_pos p = at(pos);

	g_ptr_array_add(
	    list, binlog_op_new(&p, op, &copy, sql != NULL ? 1 : 0));
}

static void
free_op(gpointer p)
{
	binlog_op_free(p);
}

static void
setup(void)
{
	list = g_ptr_array_new_with_free_func(free_op);
	add(100, PB__ERROR_OP__Skip, NULL);
	add(200, PB__ERROR_OP__Inject, "ALTER TABLE a.b ADD c INT");
	add(300, PB__ERROR_OP__Replace, "DROP TABLE a.\"b\"");
	add(310, PB__ERROR_OP__Skip, NULL);
}

static void
teardown(void)
{
	g_ptr_array_unref(list);
}

/* The position of o; 0: NULL. */
static uint64_t
pos_of(const struct binlog_op *o)
{
	return o != NULL ? o->pos.pos : 0;
}

START_TEST(only_the_exact_position_is_at)
{
	struct dm_pos here = at(200), there = at(201);
	struct dm_pos other = dm_pos_make("bin.000003", 200);

	ck_assert_uint_eq(pos_of(operators_at(list, &here)), 200);
	ck_assert_ptr_null(operators_at(list, &there));
	ck_assert_ptr_null(operators_at(list, &other));
}
END_TEST

START_TEST(of_two_for_one_transaction_the_later_counts)
{
	struct dm_pos from = at(290), to = at(310), before = at(309);

	ck_assert_uint_eq(pos_of(operators_between(list, &from, &to)), 310);
	ck_assert_uint_eq(pos_of(operators_between(list, &from, &before)), 300);
}
END_TEST

START_TEST(an_inject_stands_in_for_nothing)
{
	struct dm_pos from = at(150), to = at(250);

	ck_assert_ptr_null(operators_between(list, &from, &to));
}
END_TEST

START_TEST(an_inject_is_due_from_its_position_on)
{
	struct dm_pos before = at(199), here = at(200), later = at(999);

	ck_assert_ptr_null(operators_inject(list, &before));
	ck_assert_uint_eq(pos_of(operators_inject(list, &here)), 200);
	ck_assert_uint_eq(pos_of(operators_inject(list, &later)), 200);
}
END_TEST

START_TEST(what_is_behind_is_missed_but_an_inject)
{
	struct dm_pos first = at(100), second = at(101), third = at(300);

	ck_assert_ptr_null(operators_missed(list, &first));
	ck_assert_uint_eq(pos_of(operators_missed(list, &second)), 100);
	g_ptr_array_remove_index(list, 0);
	ck_assert_ptr_null(operators_missed(list, &third));
}
END_TEST

START_TEST(they_are_listed_as_requests)
{
	struct dm_pos from = at(300), all = at(4), none = at(311);
	g_autofree char *two = operators_json(list, "t", &from);
	g_autofree char *four = operators_json(list, "t", &all);
	g_autofree char *empty = operators_json(list, "t", &none);

	ck_assert_str_eq(two,
	    "[{\"op\":2,\"task\":\"t\",\"binlogPos\":\"(bin.000002, 300)\","
	    "\"sqls\":[\"DROP TABLE a.\\\"b\\\"\"]},"
	    "{\"op\":1,\"task\":\"t\",\"binlogPos\":\"(bin.000002, 310)\"}]");
	ck_assert_ptr_nonnull(strstr(four, "\"op\":4"));
	ck_assert_str_eq(empty, "[]");
}
END_TEST

START_TEST(operations_have_the_commands_names)
{
	ck_assert_str_eq(binlog_op_name(PB__ERROR_OP__Skip), "skip");
	ck_assert_str_eq(binlog_op_name(PB__ERROR_OP__Replace), "replace");
	ck_assert_str_eq(binlog_op_name(PB__ERROR_OP__Inject), "inject");
	ck_assert_str_eq(binlog_op_name(PB__ERROR_OP__List), "?");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/sync/operators");
	TCase *tc = tcase_create("operators");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, only_the_exact_position_is_at);
	tcase_add_test(tc, of_two_for_one_transaction_the_later_counts);
	tcase_add_test(tc, an_inject_stands_in_for_nothing);
	tcase_add_test(tc, an_inject_is_due_from_its_position_on);
	tcase_add_test(tc, what_is_behind_is_missed_but_an_inject);
	tcase_add_test(tc, they_are_listed_as_requests);
	tcase_add_test(tc, operations_have_the_commands_names);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
