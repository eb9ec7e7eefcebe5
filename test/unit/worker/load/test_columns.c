/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/load/columns.c. */
#include "worker/load/columns.h"

#include "lib/schema/tracker.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char source_sql[] =
    "CREATE TABLE t (id int PRIMARY KEY, s varchar(9) CHARACTER SET latin1, "
    "j json, e enum('a','b') CHARACTER SET latin1, g int GENERATED ALWAYS AS "
    "(id) VIRTUAL)";

static struct dm_table *
table(const char *sql)
{
	struct dm_table *t = NULL;
	DM_AUTO(dm_err) err = dm_schema_parse_create(sql, 0, "d", NULL, &t);

	ck_assert_ptr_null(err);
	return t;
}

static struct load_columns *
columns(const char *target_sql, char *const *names, bool binary)
{
	DM_AUTO(dm_table) source = table(source_sql);
	DM_AUTO(dm_table)
	target = target_sql == NULL ? NULL : table(target_sql);
	struct load_columns *c = NULL;
	DM_AUTO(dm_err)
	err = load_columns_new(
	    "REPLACE", source, target, "to", "x", names, binary, &c);

	ck_assert_ptr_null(err);
	return c;
}

static void
check_row(const struct load_columns *c, bool csv,
    const struct dm_dump_cell *cells, size_t n, const char *want,
    uint64_t want_zeros)
{
	struct dm_dump_row row = { .cells = cells,
		.n = n,
		.tuple = csv ? NULL : "(as it is)",
		.tuple_len = csv ? 0 : strlen("(as it is)") };
	g_autoptr(GString) sql = g_string_new("x");
	uint64_t zeros = 0;

	load_append_row(sql, c, &row, &zeros);
	ck_assert_str_eq(sql->str, want);
	ck_assert_uint_eq(zeros, want_zeros);
}

static char name_id[] = "ID", name_s[] = "s", name_j[] = "j", name_e[] = "e",
	    name_no[] = "no";

START_TEST(without_a_list_all_columns_are_meant_but_generated_ones)
{
	DM_AUTO(load_columns) c = columns(NULL, NULL, true);

	ck_assert_uint_eq(c->n, 4);
	ck_assert_str_eq(
	    c->head, "REPLACE INTO `to`.`x` (`id`,`s`,`j`,`e`) VALUES ");
	ck_assert(!c->as_is); /* JSON and ENUM are looked at */
}
END_TEST

START_TEST(plain_rows_go_on_as_they_are)
{
	char *const names[] = { name_s, name_id, NULL };
	static const struct dm_dump_cell cells[] = { { DM_DUMP_TEXT, "'a'", 3 },
		{ DM_DUMP_RAW, "5", 1 } };
	DM_AUTO(load_columns) c = columns(NULL, names, true);

	ck_assert_str_eq(c->head, "REPLACE INTO `to`.`x` (`s`,`ID`) VALUES ");
	ck_assert(c->as_is);
	check_row(c, false, cells, 2, "x(as it is)", 0);
}
END_TEST

START_TEST(another_charset_at_the_target_is_told)
{
	char *const names[] = { name_id, name_s, name_j, name_e, NULL };
	static const char target[] =
	    "CREATE TABLE x (id int, s varchar(9) CHARACTER SET utf8mb4, j "
	    "json, e enum('a','b') CHARACTER SET latin1)";
	static const struct dm_dump_cell cells[] = { { DM_DUMP_RAW, "5", 1 },
		{ DM_DUMP_TEXT, "'\xe4'", 3 }, { DM_DUMP_TEXT, "'{}'", 4 },
		{ DM_DUMP_TEXT, "''", 2 } };
	static const struct dm_dump_cell raw[] = { { DM_DUMP_RAW, "5", 1 },
		{ DM_DUMP_RAW, "x'e4'", 5 }, { DM_DUMP_NULL, "NULL", 4 },
		{ DM_DUMP_TEXT, "'a'", 3 } };
	DM_AUTO(load_columns) c = columns(target, names, true);
	DM_AUTO(load_columns) utf8 = columns(target, names, false);

	check_row(
	    c, false, cells, 4, "x(5,_latin1 '\xe4',_utf8mb4 '{}','')", 1);
	check_row(c, false, raw, 4, "x(5,x'e4',NULL,'a')", 0);
	/* The file's texts are in the session's charset. */
	check_row(utf8, false, cells, 4, "x(5,'\xe4',_utf8mb4 '{}','')", 1);
}
END_TEST

START_TEST(csv_values_become_literals)
{
	char *const names[] = { name_id, name_s, name_e, NULL };
	static const struct dm_dump_cell cells[] = { { DM_DUMP_TEXT, "5", 1 },
		{ DM_DUMP_TEXT, "it's \\", 6 }, { DM_DUMP_TEXT, "", 0 } };
	static const struct dm_dump_cell nulls[] = { { DM_DUMP_TEXT, "5", 1 },
		{ DM_DUMP_NULL, "", 0 }, { DM_DUMP_NULL, "", 0 } };
	DM_AUTO(load_columns) c = columns(NULL, names, true);

	check_row(c, true, cells, 3, "x('5','it\\'s \\\\','')", 1);
	check_row(c, true, nulls, 3, "x('5',NULL,NULL)", 0);
}
END_TEST

START_TEST(bare_backslashes_are_escaped)
{
	char *const names[] = { name_id, name_s, NULL };
	char *const with_enum[] = { name_id, name_e, NULL };
	static const struct dm_dump_cell cells[] = { { DM_DUMP_RAW, "5", 1 },
		{ DM_DUMP_TEXT, "'a\\'", 4 } };
	const struct dm_dump_row row = { .cells = cells,
		.n = 2,
		.tuple = "(5,'a\\')",
		.tuple_len = strlen("(5,'a\\')"),
		.no_escapes = true };
	DM_AUTO(load_columns) whole = columns(NULL, names, true);
	DM_AUTO(load_columns) cell = columns(NULL, with_enum, true);
	g_autoptr(GString) sql = g_string_new("");
	uint64_t zeros = 0;

	load_append_row(sql, whole, &row, &zeros);
	load_append_row(sql, cell, &row, &zeros);
	ck_assert_str_eq(sql->str, "(5,'a\\\\')(5,'a\\\\')");
}
END_TEST

START_TEST(warnings_about_an_enum_are_told_apart)
{
	DM_AUTO(load_columns) c = columns(NULL, NULL, true);

	ck_assert_pstr_eq(
	    load_columns_enum(c, "Data truncated for column 'e' at row 1"),
	    "e");
	ck_assert_pstr_eq(
	    load_columns_enum(c, "Data truncated for column 'E' at row 12"),
	    "e");
	ck_assert_ptr_null(
	    load_columns_enum(c, "Data truncated for column 's' at row 1"));
	ck_assert_ptr_null(load_columns_enum(c, "Data truncated 'e"));
	ck_assert_ptr_null(load_columns_enum(c, ""));
}
END_TEST

START_TEST(a_column_that_is_nowhere_is_named)
{
	char *const names[] = { name_id, name_no, NULL };
	char *const known[] = { name_id, name_s, NULL };
	DM_AUTO(dm_table) source = table(source_sql);
	DM_AUTO(dm_table) target = table("CREATE TABLE x (id int)");
	struct load_columns *c = NULL;
	DM_AUTO(dm_err)
	err = load_columns_new(
	    "INSERT", source, NULL, "to", "x", names, true, &c);
	DM_AUTO(dm_err)
	err2 = load_columns_new(
	    "INSERT", source, target, "to", "x", known, true, &c);

	ck_assert_ptr_nonnull(err);
	ck_assert(strstr(err->message, "`d`.`t` has no column no") != NULL);
	ck_assert_ptr_nonnull(err2);
	ck_assert(strstr(err2->message, "`d`.`x` has no column s") != NULL);
	ck_assert_ptr_null(c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/load/columns");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(
	    tc, without_a_list_all_columns_are_meant_but_generated_ones);
	tcase_add_test(tc, plain_rows_go_on_as_they_are);
	tcase_add_test(tc, another_charset_at_the_target_is_told);
	tcase_add_test(tc, csv_values_become_literals);
	tcase_add_test(tc, bare_backslashes_are_escaped);
	tcase_add_test(tc, warnings_about_an_enum_are_told_apart);
	tcase_add_test(tc, a_column_that_is_nowhere_is_named);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
