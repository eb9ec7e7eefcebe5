/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/copy/check_shape.c. */
#include "lib/schema/tracker.h"
#include "worker/copy/check_shape.h"

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

/* theirs: the target was there before the copy. */
static struct copy_check *
check_of(const char *source, const char *target, bool theirs)
{
	DM_AUTO(dm_table) a = parse(source);
	DM_AUTO(dm_table) b = parse(target);
	DM_AUTO(copy_shape) s = NULL;
	struct dm_err *err =
	    copy_shape_new(a, theirs ? b : NULL, "d", "t", NULL, &s);

	ck_assert_msg(err == NULL, "%s", err == NULL ? "" : err->message);
	return copy_check_new(a, b, s, true);
}

START_TEST(a_table_of_ours_is_read_as_its_source_is)
{
	static const char sql[] =
	    "CREATE TABLE `t` (`id` int NOT NULL, `f` float, `e` enum('a'), "
	    "`b` bit(3), `c` varchar(3), `u` uuid, `w` datetime(3), "
	    "`g` int GENERATED ALWAYS AS (`id` + 1) VIRTUAL, "
	    "PRIMARY KEY (`id`)) DEFAULT CHARSET=latin1";
	DM_AUTO(copy_check) c = check_of(sql, sql, false);

	ck_assert_str_eq(c->reads,
	    "`id`,CAST(`f` AS DOUBLE),CAST(`e` AS UNSIGNED),"
	    "CAST(`b` AS UNSIGNED),`c`,`u`,`w`");
	ck_assert_str_eq(c->from, "`d`.`t` FORCE INDEX (`PRIMARY`)");
	ck_assert(c->ordered && c->by_key);
	ck_assert_ptr_null(c->why);
}
END_TEST

static const struct {
	const char *from, *to, *reads;
} types[] = {
	{ "int", "bigint", "`c`" },
	{ "int", "bigint zerofill", "CAST(`c` AS SIGNED)" },
	{ "int unsigned", "bigint(20) unsigned zerofill",
	    "CAST(`c` AS UNSIGNED)" },
	{ "int(5) unsigned zerofill", "int(5) unsigned zerofill", "`c`" },
	{ "int(5) unsigned zerofill", "int unsigned",
	    "LPAD(CAST(`c` AS UNSIGNED),GREATEST(5,"
	    "LENGTH(CAST(`c` AS UNSIGNED))),'0')" },
	{ "int", "decimal(20,2)", "CAST(`c` AS SIGNED)" },
	{ "int", "varchar(20)", "CONVERT(`c` USING utf8mb4)" },
	{ "decimal(8,2)", "decimal(8,2)", "`c`" },
	{ "decimal(8,2)", "decimal(12,4)", "CAST(`c` AS DECIMAL(8,2))" },
	{ "float", "double", "CAST(`c` AS DOUBLE)" },
	{ "double", "double", "`c`" },
	{ "double", "double(10,2)", "CAST(`c` AS DOUBLE)" },
	{ "double", "float", "CAST(`c` AS DOUBLE)" },
	{ "datetime", "datetime(6)", "CAST(`c` AS DATETIME(0))" },
	{ "timestamp(3)", "datetime(6)", "CAST(`c` AS DATETIME(3))" },
	{ "timestamp(3)", "datetime(3)", "CAST(`c` AS DATETIME(3))" },
	{ "date", "datetime", "CAST(`c` AS DATE)" },
	{ "time(2)", "time(6)", "CAST(`c` AS TIME(2))" },
	{ "varchar(5)", "text", "`c`" },
	{ "varchar(5)", "varchar(5) CHARACTER SET utf8mb4",
	    "CONVERT(`c` USING utf8mb4)" },
	{ "enum('a','b')", "varchar(5)", "CONVERT(`c` USING utf8mb4)" },
	{ "enum('a','b')", "enum('a','b')", "CAST(`c` AS UNSIGNED)" },
	{ "enum('a','b')", "enum('b','a')", "CONVERT(`c` USING utf8mb4)" },
	{ "bit(4)", "bit(8)", "CAST(`c` AS UNSIGNED)" },
	{ "blob", "longblob", "`c`" },
};

START_TEST(values_of_another_type_are_read_as_the_source_prints_them)
{
	g_autofree char *a = g_strdup_printf(
	    "CREATE TABLE `t` (`c` %s) DEFAULT CHARSET=latin1", types[_i].from);
	g_autofree char *b =
	    g_strdup_printf("CREATE TABLE `t` (`more` int, `c` %s) DEFAULT "
			    "CHARSET=latin1",
		types[_i].to);
	DM_AUTO(copy_check) c = check_of(a, b, true);

	ck_assert_msg(strcmp(c->reads, types[_i].reads) == 0,
	    "%s into %s: %s instead of %s", types[_i].from, types[_i].to,
	    c->reads, types[_i].reads);
	ck_assert_ptr_null(c->why);
}
END_TEST

START_TEST(a_text_that_becomes_json_cannot_be_compared)
{
	DM_AUTO(copy_check)
	c = check_of("CREATE TABLE `t` (`a` int, `j` longtext)",
	    "CREATE TABLE `t` (`a` int, `j` json)", true);

	ck_assert_str_eq(c->why, "`j`");
}
END_TEST

static const struct {
	const char *from, *to;
	bool ordered, by_key;
} keys[] = {
	{ "`k` int NOT NULL, PRIMARY KEY (`k`)",
	    "`k` bigint NOT NULL, PRIMARY KEY (`k`)", true, true },
	{ "`k` int NOT NULL, PRIMARY KEY (`k`)",
	    "`k` varchar(20) NOT NULL, PRIMARY KEY (`k`)", false, true },
	{ "`k` char(3) COLLATE utf8mb4_bin NOT NULL, PRIMARY KEY (`k`)",
	    "`k` char(3) COLLATE utf8mb4_bin NOT NULL, PRIMARY KEY (`k`)", true,
	    true },
	{ "`k` char(3) COLLATE utf8mb4_bin NOT NULL, PRIMARY KEY (`k`)",
	    "`k` char(3) COLLATE utf8mb4_general_ci NOT NULL, PRIMARY KEY "
	    "(`k`)",
	    false, true },
	{ "`k` int, KEY (`k`)", "`k` int, KEY (`k`)", true, false },
	{ "`k` text NOT NULL, UNIQUE KEY (`k`(3))",
	    "`k` text NOT NULL, UNIQUE KEY (`k`(3))", true, false },
};

START_TEST(ranges_hold_where_the_order_of_keys_is_the_same)
{
	g_autofree char *a = g_strdup_printf(
	    "CREATE TABLE `t` (%s) DEFAULT CHARSET=utf8mb4", keys[_i].from);
	g_autofree char *b = g_strdup_printf(
	    "CREATE TABLE `t` (%s) DEFAULT CHARSET=utf8mb4", keys[_i].to);
	DM_AUTO(copy_check) c = check_of(a, b, true);

	ck_assert_int_eq(c->ordered, keys[_i].ordered);
	ck_assert_int_eq(c->by_key, keys[_i].by_key);
}
END_TEST

START_TEST(the_sources_index_is_used_only_if_it_is_there)
{
	DM_AUTO(copy_check)
	c = check_of(
	    "CREATE TABLE `t` (`a` int NOT NULL, UNIQUE KEY `u` (`a`))",
	    "CREATE TABLE `t` (`a` int NOT NULL, PRIMARY KEY (`a`))", true);

	ck_assert_str_eq(c->from, "`d`.`t`");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("copy check_shape");
	TCase *tc = tcase_create("check_shape");
	SRunner *r;
	int failed;

	tcase_add_test(tc, a_table_of_ours_is_read_as_its_source_is);
	tcase_add_loop_test(tc,
	    values_of_another_type_are_read_as_the_source_prints_them, 0,
	    (int)DM_ARRAY_SIZE(types));
	tcase_add_test(tc, a_text_that_becomes_json_cannot_be_compared);
	tcase_add_loop_test(tc, ranges_hold_where_the_order_of_keys_is_the_same,
	    0, (int)DM_ARRAY_SIZE(keys));
	tcase_add_test(tc, the_sources_index_is_used_only_if_it_is_there);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
