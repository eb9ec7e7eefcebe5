/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/dump/shape.c. */
#include "worker/dump/shape.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct dump_shape *
shape_of(const char *structure, bool no_escapes)
{
	struct dump_shape *s = NULL;
	DM_AUTO(dm_err) err = dump_shape_new(structure, "d", no_escapes, &s);

	ck_assert_ptr_null(err);
	return s;
}

static struct dump_shape *
shape(const char *structure)
{
	return shape_of(structure, false);
}

/* cells: NULL-ended; "~" is NULL. */
static char *
row_of(
    const char *structure, bool no_escapes, bool csv, const char *const *cells)
{
	DM_AUTO(dump_shape) s = shape_of(structure, no_escapes);
	const char *values[8];
	size_t lengths[8];
	struct dm_sql_row row = { .cells = values, .lengths = lengths };
	GString *out = g_string_new(NULL);

	for (; cells[row.n] != NULL; row.n++) {
		bool null = strcmp(cells[row.n], "~") == 0;

		values[row.n] = null ? NULL : cells[row.n];
		lengths[row.n] = null ? 0 : strlen(cells[row.n]);
	}
	if (csv)
		dump_append_csv(out, s, &row);
	else
		dump_append_tuple(out, s, &row);
	return g_string_free(out, FALSE);
}

static char *
text_of(const char *structure, bool csv, const char *const *cells)
{
	return row_of(structure, false, csv, cells);
}

static const char structure[] =
    "CREATE TABLE `t``x` (`id` int NOT NULL, `s` varchar(9) CHARACTER SET "
    "latin1, `b` blob, `f` float, `bit` bit(3), `u` uuid, `g` int GENERATED "
    "ALWAYS AS (`id` + 1) VIRTUAL, PRIMARY KEY (`id`))";

START_TEST(columns_are_listed_and_generated_ones_left_out)
{
	DM_AUTO(dump_shape) s = shape(structure);

	ck_assert_uint_eq(s->n, 6);
	ck_assert_str_eq(s->insert, "INSERT INTO `t``x` (`id`,`s`,`b`,`f`,"
				    "`bit`,`u`) VALUES\n");
	ck_assert_str_eq(s->select,
	    "SELECT `id`,`s`,`b`,CAST(`f` AS DOUBLE),`bit`,`u` FROM "
	    "`d`.`t``x` FORCE INDEX (`PRIMARY`)");
	ck_assert_str_eq(s->csv, "\"id\",\"s\",\"b\",\"f\",\"bit\",\"u\"\r\n");
}
END_TEST

START_TEST(values_have_the_forms_of_their_types)
{
	static const char *const row[] = { "-5", "a'b\\\n\"", "\xff'", "1.5",
		"\x05", "x", NULL };
	static const char *const nulls[] = { "1", "~", "~", "~", "~", "~",
		NULL };
	g_autofree char *text = text_of(structure, false, row);
	g_autofree char *empty = text_of(structure, false, nulls);

	ck_assert_str_eq(text, "(-5,'a\\'b\\\\\\n\\\"',x'ff27',1.5,x'05',"
			       "_utf8mb4'x')");
	ck_assert_str_eq(empty, "(1,NULL,NULL,NULL,NULL,NULL)");
}
END_TEST

START_TEST(csv_values_have_quotes_and_escapes)
{
	static const char *const row[] = { "-5", "a,\"\\\r\n", "\xff", "~",
		"\x05", "\\N", NULL };
	g_autofree char *text = text_of(structure, true, row);

	ck_assert_str_eq(text, "-5,\"a,\\\"\\\\\\r\\n\",\"\xff\",\\N,"
			       "\"\x05\",\"\\\\N\"\r\n");
}
END_TEST

START_TEST(where_a_backslash_is_itself_quotes_are_doubled)
{
	static const char *const row[] = { "1", "a'\"\\\n", "\xff'", "~", "~",
		"x'\\", NULL };
	g_autofree char *text = row_of(structure, true, false, row);
	g_autofree char *csv = row_of(structure, true, true, row);

	ck_assert_str_eq(
	    text, "(1,'a''\"\\\n',x'ff27',NULL,NULL,_utf8mb4'x''\\')");
	ck_assert_str_eq(
	    csv, "1,\"a'\"\"\\\n\",\"\xff'\",\\N,\\N,\"x'\\\"\r\n");
}
END_TEST

START_TEST(a_table_of_generated_columns_has_empty_rows)
{
	DM_AUTO(dump_shape)
	s = shape("CREATE TABLE t (g int GENERATED ALWAYS AS (1) VIRTUAL)");
	static const char *const row[] = { "", NULL };
	g_autofree char *text =
	    text_of("CREATE TABLE t (g int GENERATED ALWAYS AS (1) VIRTUAL)",
		false, row);

	ck_assert_str_eq(s->select, "SELECT '' FROM `d`.`t`");
	ck_assert_str_eq(s->insert, "INSERT INTO `t` () VALUES\n");
	ck_assert_str_eq(text, "()");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/dump/shape");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, columns_are_listed_and_generated_ones_left_out);
	tcase_add_test(tc, values_have_the_forms_of_their_types);
	tcase_add_test(tc, csv_values_have_quotes_and_escapes);
	tcase_add_test(tc, where_a_backslash_is_itself_quotes_are_doubled);
	tcase_add_test(tc, a_table_of_generated_columns_has_empty_rows);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
