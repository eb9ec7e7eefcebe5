/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/sync/literal.c. */
#include "worker/sync/literal.h"

#include <check.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>

struct lit_case {
	struct dm_column col;
	struct dm_value val;
	const char *want;
};

static char latin1[] = "latin1", utf8mb4[] = "utf8mb4", gbk[] = "gbk";

#define BYTES(s, n)                                                            \
	{                                                                      \
		.kind = DM_VAL_BYTES, .bytes = {.p = (s), .len = (n) }         \
	}

static const struct lit_case cases[] = {
	{ { .type = DM_T_INT }, { .kind = DM_VAL_INT, .width = 4, .i = -5 },
	    "-5" },
	{ { .type = DM_T_INT, .is_unsigned = true },
	    { .kind = DM_VAL_INT, .width = 4, .i = -1 }, "4294967295" },
	{ { .type = DM_T_BIGINT, .is_unsigned = true },
	    { .kind = DM_VAL_INT, .width = 8, .i = -1 },
	    "18446744073709551615" },
	{ { .type = DM_T_INT }, { .kind = DM_VAL_NULL }, "NULL" },
	{ { .type = DM_T_FLOAT }, { .kind = DM_VAL_FLOAT, .f = 1.1F },
	    "1.10000002e0" },
	{ { .type = DM_T_FLOAT }, { .kind = DM_VAL_FLOAT, .f = FLT_MAX },
	    "3.4028234663852886e+38" },
	{ { .type = DM_T_FLOAT }, { .kind = DM_VAL_FLOAT, .f = -FLT_MAX },
	    "-3.4028234663852886e+38" },
	{ { .type = DM_T_DOUBLE }, { .kind = DM_VAL_DOUBLE, .d = 0.1 },
	    "0.10000000000000001e0" },
	{ { .type = DM_T_DOUBLE }, { .kind = DM_VAL_DOUBLE, .d = 1e300 },
	    "1.0000000000000001e+300" },
	{ { .type = DM_T_VARCHAR, .charset = utf8mb4 }, BYTES("a'b", 3),
	    "'a\\'b'" },
	{ { .type = DM_T_VARCHAR, .charset = latin1 }, BYTES("\xe9", 1),
	    "_latin1'\xe9'" },
	{ { .type = DM_T_VARCHAR, .charset = gbk }, BYTES("\x81\x5c", 2),
	    "_gbk x'815c'" },
	{ { .type = DM_T_BINARY, .length = 3 }, BYTES("a", 1),
	    "_binary'a\\0\\0'" },
	{ { .type = DM_T_VARBINARY, .length = 3 }, BYTES("a", 1),
	    "_binary'a'" },
	{ { .type = DM_T_ENUM, .charset = utf8mb4 },
	    { .kind = DM_VAL_UINT, .u = 2 }, "2" },
	{ { .type = DM_T_INET4, .length = -1 }, BYTES("\x7f\x00\x00\x01", 4),
	    "'127.0.0.1'" },
};

START_TEST(each_value_has_its_literal)
{
	const struct lit_case *c = &cases[_i];
	g_autoptr(GString) s = g_string_new(NULL);

	literal_append(s, &c->col, &c->val);
	ck_assert_str_eq(s->str, c->want);
}
END_TEST

START_TEST(values_that_the_target_calls_equal_fold_alike)
{
	struct dm_column f = { .type = DM_T_DOUBLE };
	struct dm_value minus = { .kind = DM_VAL_DOUBLE, .d = -0.0 };
	struct dm_value plus = { .kind = DM_VAL_DOUBLE, .d = 0.0 };
	char bin[] = "utf8mb4_bin";
	struct dm_column t = { .type = DM_T_VARCHAR, .collation = bin };
	struct dm_value a = BYTES("x", 1), b = BYTES("x  ", 3);

	ck_assert_uint_eq(
	    literal_fold(1, &f, &minus), literal_fold(1, &f, &plus));
	ck_assert_uint_eq(literal_fold(1, &t, &a), literal_fold(1, &t, &b));
}
END_TEST

START_TEST(text_with_weights_of_the_server_is_not_folded)
{
	char ci[] = "utf8mb4_general_ci", bin[] = "latin1_bin";
	struct dm_column a = { .type = DM_T_VARCHAR, .collation = ci };
	struct dm_column b = { .type = DM_T_VARCHAR, .collation = bin };
	struct dm_column c = { .type = DM_T_VARCHAR };
	struct dm_column d = { .type = DM_T_VARBINARY };

	ck_assert(!literal_is_foldable(&a));
	ck_assert(literal_is_foldable(&b));
	ck_assert(!literal_is_foldable(&c));
	ck_assert(literal_is_foldable(&d));
}
END_TEST

START_TEST(a_match_is_exact)
{
	struct dm_column c = { .type = DM_T_VARCHAR, .charset = utf8mb4 };
	struct dm_column f = { .type = DM_T_FLOAT };
	struct dm_value v = BYTES("A", 1), null = { .kind = DM_VAL_NULL };
	struct dm_value fl = { .kind = DM_VAL_FLOAT, .f = 1.1F };
	g_autoptr(GString) s = g_string_new(NULL);

	literal_append_match(s, "`a`", &c, &v);
	g_string_append_c(s, ' ');
	literal_append_match(s, "`a`", &c, &null);
	g_string_append_c(s, ' ');
	literal_append_match(s, "`f`", &f, &fl);
	ck_assert_str_eq(s->str,
	    "BINARY `a`=BINARY 'A' `a` IS NULL `f`=1.1000000238418579e0");
}
END_TEST

START_TEST(a_set_of_64_members_is_matched_by_all_its_bits)
{
	struct dm_column c = { .type = DM_T_SET, .charset = utf8mb4 };
	struct dm_value v = { .kind = DM_VAL_UINT, .u = UINT64_MAX - 1 };
	g_autoptr(GString) s = g_string_new(NULL);

	literal_append_match(s, "`s`", &c, &v);
	ck_assert_str_eq(s->str, "CAST(`s` AS UNSIGNED)=18446744073709551614");
}
END_TEST

START_TEST(rows_that_differ_in_one_value_hash_apart)
{
	struct dm_value empty = BYTES("", 0), null = { .kind = DM_VAL_NULL };
	struct dm_value zero = { .kind = DM_VAL_INT, .i = 0 };
	struct dm_value minus = { .kind = DM_VAL_DOUBLE, .d = -0.0 };
	struct dm_value plus = { .kind = DM_VAL_DOUBLE, .d = 0.0 };
	struct dm_value a = BYTES("a", 1);

	/* A change from '' to NULL changes the row: an upsert counts it. */
	ck_assert_uint_ne(literal_hash(7, &empty), literal_hash(7, &null));
	ck_assert_uint_ne(literal_hash(7, &zero), literal_hash(7, &null));
	ck_assert_uint_ne(literal_hash(7, &minus), literal_hash(7, &plus));
	ck_assert_uint_ne(literal_hash(literal_hash(7, &a), &null),
	    literal_hash(literal_hash(7, &null), &a));
	ck_assert_uint_ne(literal_hash(literal_hash(7, &null), &empty),
	    literal_hash(literal_hash(7, &empty), &null));
}
END_TEST

START_TEST(a_compared_value_is_the_one_the_server_compares)
{
	struct dm_column f = { .type = DM_T_FLOAT };
	struct dm_column d = { .type = DM_T_DECIMAL };
	struct dm_column t = { .type = DM_T_DATETIME };
	struct dm_value fl = { .kind = DM_VAL_FLOAT, .f = 1.1F };
	struct dm_value dec = { .kind = DM_VAL_TEXT,
		.bytes = { (char *)(uintptr_t) "-1.50", 5 } };
	struct dm_value at = { .kind = DM_VAL_TEXT,
		.bytes = { (char *)(uintptr_t) "2026-01-02", 10 } };
	g_autoptr(GString) s = g_string_new(NULL);

	literal_append_compared(s, &f, &fl);
	g_string_append_c(s, ' ');
	literal_append_compared(s, &d, &dec);
	g_string_append_c(s, ' ');
	literal_append_compared(s, &t, &at);
	ck_assert_str_eq(s->str, "1.1000000238418579e0 -1.50 '2026-01-02'");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/sync/literal");
	TCase *tc = tcase_create("literal");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    tc, each_value_has_its_literal, 0, (int)DM_ARRAY_SIZE(cases));
	tcase_add_test(tc, values_that_the_target_calls_equal_fold_alike);
	tcase_add_test(tc, text_with_weights_of_the_server_is_not_folded);
	tcase_add_test(tc, a_match_is_exact);
	tcase_add_test(tc, a_set_of_64_members_is_matched_by_all_its_bits);
	tcase_add_test(tc, rows_that_differ_in_one_value_hash_apart);
	tcase_add_test(tc, a_compared_value_is_the_one_the_server_compares);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
