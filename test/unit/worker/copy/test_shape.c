/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/copy/shape.c and worker/copy/cut.c. */
#include "lib/schema/tracker.h"
#include "worker/copy/shape.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct dm_table *
parse(const char *sql)
{
	struct dm_table *t = NULL;
	struct dm_err *err = dm_schema_parse_create(sql, 0, "d", NULL, &t);

	ck_assert_msg(err == NULL, "%s", err == NULL ? "" : err->message);
	return t;
}

static struct copy_shape *
shape_of(const char *source, const char *target)
{
	DM_AUTO(dm_table) a = parse(source);
	DM_AUTO(dm_table) b = target == NULL ? NULL : parse(target);
	struct copy_shape *s = NULL;
	struct dm_err *err = copy_shape_new(a, b, "x", "y", NULL, &s);

	ck_assert_msg(err == NULL, "%s", err == NULL ? "" : err->message);
	return s;
}

START_TEST(inexact_texts_are_read_in_an_exact_form)
{
	DM_AUTO(copy_shape)
	s = shape_of(
	    "CREATE TABLE `t` (`id` int NOT NULL AUTO_INCREMENT, `f` float, "
	    "`e` enum('a'), `b` bit(3), `c` varchar(3), "
	    "`g` int GENERATED ALWAYS AS (`id` + 1) VIRTUAL, "
	    "PRIMARY KEY (`id`)) DEFAULT CHARSET=latin1",
	    NULL);

	ck_assert_str_eq(s->select,
	    "SELECT `id`,CAST(`f` AS DOUBLE),CAST(`e` AS UNSIGNED),"
	    "CAST(`b` AS UNSIGNED),`c` FROM `d`.`t` FORCE INDEX (`PRIMARY`)");
	ck_assert_ptr_nonnull(strstr(s->load,
	    "(@v0,`f`,@v2,@v3,`c`) SET `id`=@v0, `e`=CAST(@v2 AS UNSIGNED), "
	    "`b`=CAST(@v3 AS UNSIGNED)"));
	ck_assert_str_eq(
	    s->insert, "INTO `x`.`y` (`id`,`f`,`e`,`b`,`c`) VALUES ");
}
END_TEST

START_TEST(text_is_converted_where_the_target_has_another_charset)
{
	DM_AUTO(copy_shape)
	s = shape_of("CREATE TABLE `t` (`a` varchar(3), `b` varchar(3)) "
		     "DEFAULT CHARSET=latin1",
	    "CREATE TABLE `t` (`b` varchar(3) CHARACTER SET latin1, "
	    "`a` varchar(3)) DEFAULT CHARSET=utf8mb4");

	ck_assert_str_eq(
	    s->select, "SELECT CONVERT(`a` USING utf8mb4),`b` FROM `d`.`t`");
	ck_assert_uint_eq(s->n_keys, 0);
	ck_assert(!s->has_row_key);
}
END_TEST

START_TEST(a_column_that_the_target_lacks_is_named)
{
	DM_AUTO(dm_table)
	a = parse("CREATE TABLE `t` (`a` int, `b1` int, `c` int)");
	DM_AUTO(dm_table) b = parse("CREATE TABLE `t` (`a` int, `c` int)");
	DM_AUTO(dm_err) err = NULL;
	struct copy_shape *s = NULL;

	err = copy_shape_new(a, b, "x", "y", NULL, &s);
	ck_assert(dm_err_is(err, SYNCER_UNIT_DML_COLUMN_NOT_MATCH));
	ck_assert_ptr_nonnull(strstr(err->message, "b1"));
}
END_TEST

START_TEST(a_key_that_does_not_order_rows_cuts_nothing)
{
	static const char *const keys[] = { "UNIQUE KEY `k` (`a`(2))",
		"PRIMARY KEY (`n`,`m` DESC)", "KEY `k` (`n`)" };

	for (size_t i = 0; i < DM_ARRAY_SIZE(keys); i++) {
		g_autofree char *sql = g_strdup_printf(
		    "CREATE TABLE `t` (`a` varchar(9) NOT NULL, `n` int NOT "
		    "NULL, `m` int NOT NULL, %s) DEFAULT CHARSET=latin1",
		    keys[i]);
		DM_AUTO(copy_shape) s = shape_of(sql, NULL);

		ck_assert_uint_eq(s->n_keys, 0);
		ck_assert_int_eq(s->has_row_key, i < 2);
	}
}
END_TEST

START_TEST(ranges_are_open_below_and_closed_above)
{
	DM_AUTO(copy_shape)
	s = shape_of(
	    "CREATE TABLE `t` (`a` varchar(9) NOT NULL, `n` int NOT NULL, "
	    "PRIMARY KEY (`a`,`n`)) DEFAULT CHARSET=latin1",
	    NULL);
	const char *const low[] = { "a,'", "5" };
	const char *const high[] = { "b", "-7" };
	const size_t low_len[] = { 3, 1 }, high_len[] = { 1, 2 };
	g_autofree char *lo = copy_key_literals(s, low, low_len);
	g_autofree char *hi = copy_key_literals(s, high, high_len);
	g_autofree char *where = copy_range_where(s, lo, hi, "n % 2 = 0");
	g_autofree char *all = copy_range_where(s, NULL, NULL, "");

	ck_assert_str_eq(lo, "_latin1 x'612c27',5");
	ck_assert_str_eq(where,
	    " WHERE (`a` > _latin1 x'612c27' OR (`a` = _latin1 x'612c27' AND "
	    "`n` > 5)) AND (`a` < _latin1 x'62' OR (`a` = _latin1 x'62' AND "
	    "`n` <= -7)) AND (n % 2 = 0)");
	ck_assert_str_eq(all, "");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/copy/shape");
	TCase *tc = tcase_create("shape");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, inexact_texts_are_read_in_an_exact_form);
	tcase_add_test(
	    tc, text_is_converted_where_the_target_has_another_charset);
	tcase_add_test(tc, a_column_that_the_target_lacks_is_named);
	tcase_add_test(tc, a_key_that_does_not_order_rows_cuts_nothing);
	tcase_add_test(tc, ranges_are_open_below_and_closed_above);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
