/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/dump/rows.c, rows_sql.c and rows_csv.c. */
#include "lib/dump/rows.h"
#include "test/support/pieces.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Rows as "a|b;c|d;": NULL as ~, texts as they are; errors behind a '!'. */
static char *
rows_of_bytes(bool csv, const char *text, size_t len, size_t step)
{
	struct pieces s = { text, len, step };
	DM_AUTO(dm_dump_rows) r = dm_dump_rows_new(csv, "f", pieces_read, &s);
	GString *out = g_string_new(NULL);
	uint64_t end = 0;

	for (;;) {
		struct dm_dump_row row;
		enum dm_dump_next what;
		DM_AUTO(dm_err) err = dm_dump_rows_next(r, &row, &what);

		if (err != NULL) {
			ck_assert(dm_err_is(err, LOAD_LIGHTNING_RUNTIME));
			g_string_append_printf(out, "!%s", err->message);
			break;
		}
		if (what == DM_DUMP_END)
			break;
		ck_assert(what == DM_DUMP_ROW);
		ck_assert(row.start >= end && row.end > row.start);
		end = row.end;
		ck_assert(end <= len);
		for (size_t i = 0; i < row.n; i++) {
			g_string_append(out, i == 0 ? "" : "|");
			if (row.cells[i].kind == DM_DUMP_NULL)
				g_string_append_c(out, '~');
			else
				g_string_append_len(out, row.cells[i].text,
				    (gssize)row.cells[i].len);
		}
		g_string_append_c(out, ';');
	}
	return g_string_free(out, FALSE);
}

static void
check_rows(bool csv, const char *text, const char *want)
{
	static const size_t steps[] = { 1, 2, 3, 7, 1000000 };

	for (size_t i = 0; i < DM_ARRAY_SIZE(steps); i++) {
		g_autofree char *got =
		    rows_of_bytes(csv, text, strlen(text), steps[i]);

		ck_assert_str_eq(got, want);
	}
}

static const struct {
	const char *text, *rows;
} sql[] = {
	{ "  \n-- nothing\n# more\n/* and\n more */\n;;\n", "" },
	{ "/*!40101 SET NAMES binary*/;\nINSERT INTO `t` (`a`,`b`) VALUES\n"
	  "(1,'x'),\n(NULL,'y''z\\'');\n",
	    "1|'x';~|'y''z\\'';" },
	{ "insert into t values(1),(2);REPLACE INTO d.t VALUES (3);",
	    "1;2;3;" },
	{ "INSERT IGNORE INTO `a``b`.`c.d` VALUES (-1.5e+10,.5,+3,0xAF,1e5);",
	    "-1.5e+10|.5|+3|0xAF|1e5;" },
	{ "INSERT INTO t VALUES (x'00ff',X'',b'01',_binary 'a',_latin1\"b\");",
	    "x'00ff'|X''|b'01'|_binary 'a'|_latin1\"b\";" },
	{ "INSERT INTO t VALUES (CONVERT('{\\\"a\\\": 1}' USING UTF8MB4),"
	  "TRUE, false , \"q\\\"\"\"\" );",
	    "CONVERT('{\\\"a\\\": 1}' USING "
	    "UTF8MB4)|TRUE|false|\"q\\\"\"\"\";" },
	/* what looks like the end within a text is none */
	{ "INSERT INTO t VALUES ('),(;\n-- /*'),('\\\\'),('');",
	    "'),(;\n-- /*';'\\\\';'';" },
	{ "INSERT INTO t () VALUES\n(),\n();\n", ";;" },
	{ "LOCK TABLES `t` WRITE; INSERT INTO t VALUES (1) ; UNLOCK TABLES;"
	  "COMMIT;",
	    "1;" },
	{ "/*!40000 ALTER TABLE `t` DISABLE KEYS */;INSERT INTO t VALUES (1);",
	    "1;" },
};

START_TEST(inserts_are_read_whatever_the_pieces)
{
	check_rows(false, sql[_i].text, sql[_i].rows);
}
END_TEST

static const char cut[] = "the file ends within a statement";

static const struct {
	const char *text, *error;
} bad_sql[] = {
	{ "INSERT INTO t VALUES (1", cut },
	{ "INSERT INTO t VALUES (1)", cut },
	{ "INSERT INTO t VALUES (1),", cut },
	{ "INSERT INTO t VALUES ('abc", cut },
	{ "INSERT INTO t VALUES ('abc\\", cut },
	{ "INSERT INTO t (a, ", cut },
	{ "INSERT INTO", cut },
	{ "/*!40101 SET NAMES", cut },
	{ "/* never closed", cut },
	{ "INSERT INTO t VALUES (1) (2);", "neither a comma nor" },
	{ "INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a=1;",
	    "neither a comma nor" },
	{ "INSERT INTO t VALUES (SLEEP(5));", "a value of a form" },
	{ "INSERT INTO t VALUES ((SELECT 1));", "a value that is not one" },
	{ "INSERT INTO t VALUES (1+1);", "something behind a value" },
	{ "INSERT INTO t VALUES ('a' 'b');", "something behind a value" },
	{ "INSERT INTO t VALUES (1;2);", "something behind a value" },
	{ "INSERT INTO t VALUES (.);", "a value that is not one" },
	{ "INSERT INTO t VALUES (_utf8mb4 NULL);", "in front of NULL" },
	{ "INSERT INTO t SELECT * FROM u;", "not an INSERT of a form" },
	{ "INSERT t VALUES (1);", "not an INSERT of a form" },
	{ "DROP TABLE t;", "not an INSERT" },
	{ "/*!50000 INSERT INTO t VALUES (1) */;", "a conditional comment" },
	{ "\xff\xfe", "not an INSERT" },
	{ "INSERT INTO t VALUES (CONVERT(CONVERT(CONVERT(CONVERT(CONVERT("
	  "CONVERT('a' USING x) USING x) USING x) USING x) USING x) USING x));",
	    "CONVERT within" },
	{ "INSERT INTO t (a b) VALUES (1);", "the list of columns" },
	{ "", "the file is empty" },
};

START_TEST(anything_else_is_an_error_with_its_place)
{
	const char *text = bad_sql[_i].text;

	for (size_t step = 1; step < 50; step += 48) {
		g_autofree char *got =
		    rows_of_bytes(false, text, strlen(text), step);
		const char *err = strchr(got, '!');

		ck_assert_msg(err != NULL, "%s gave %s", text, got);
		ck_assert_msg(strstr(err, bad_sql[_i].error) != NULL,
		    "%s gave %s", text, got);
		ck_assert(g_str_has_prefix(err, "!file f, offset "));
	}
}
END_TEST

START_TEST(every_prefix_is_read_or_refused)
{
	const char *text = sql[_i].text;

	for (size_t n = 0; n <= strlen(text); n++)
		g_free(rows_of_bytes(false, text, n, 5));
}
END_TEST

START_TEST(columns_and_session_are_told)
{
	static const char text[] =
	    "/*!40101 SET NAMES utf8mb4*/;\n/*!40103 SET TIME_ZONE='+00:00' "
	    "*/;\nINSERT INTO t (`a``x`, b) VALUES (1,2);"
	    "INSERT INTO t (`a``x`,b) VALUES (3,4);"
	    "INSERT INTO t VALUES (5,6);INSERT INTO t (b) VALUES (7);";
	struct pieces s = { text, sizeof(text) - 1, 10 };
	DM_AUTO(dm_dump_rows) r = dm_dump_rows_new(false, "f", pieces_read, &s);
	char *const *first = NULL;

	for (int i = 0; i < 4; i++) {
		struct dm_dump_row row;
		enum dm_dump_next what;
		DM_AUTO(dm_err) err = dm_dump_rows_next(r, &row, &what);

		ck_assert_ptr_null(err);
		ck_assert(what == DM_DUMP_ROW);
		ck_assert_str_eq(row.charset, "utf8mb4");
		ck_assert_str_eq(row.time_zone, "+00:00");
		if (i == 0) {
			first = row.columns;
			ck_assert_str_eq(row.columns[0], "a`x");
			ck_assert_str_eq(row.columns[1], "b");
			ck_assert_ptr_null(row.columns[2]);
		}
		if (i == 1)
			ck_assert(row.columns == first);
		if (i == 2)
			ck_assert_ptr_null(row.columns);
		if (i == 3)
			ck_assert_str_eq(row.columns[0], "b");
	}
}
END_TEST

static const struct {
	const char *set, *charset, *time_zone;
	bool no_escapes;
} sets[] = {
	{ "", NULL, NULL, false },
	{ "SET NAMES 'big5' COLLATE 'x', TIME_ZONE='Europe/Oslo; DROP';",
	    "big5", "Europe/Oslo", false },
	{ "SET TIME_ZONE='x'' OR 1=1';", NULL, "x", false },
	{ "/*!40103 SET SESSION time_zone = '+01:00' */;", NULL, "+01:00",
	    false },
	{ "SET @@session.time_zone:='+02:00',@@sql_mode=\"A\";", NULL, "+02:00",
	    false },
	/* what is put back is what was there before: not for these rows */
	{ "SET @OLD_TIME_ZONE=@@TIME_ZONE;SET NAMES utf8;"
	  "SET TIME_ZONE='+03:00';SET TIME_ZONE=@OLD_TIME_ZONE;"
	  "SET NAMES @OLD_NAMES;",
	    "utf8", "+03:00", false },
	{ "SET SQL_MODE='ANSI,NO_BACKSLASH_ESCAPES';", NULL, NULL, true },
	{ "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, "
	  "SQL_MODE='no_backslash_escapes' */;"
	  "SET SQL_MODE=@OLD_SQL_MODE;",
	    NULL, NULL, true },
	{ "SET sql_mode='NO_BACKSLASH_ESCAPES';SET sql_mode='';", NULL, NULL,
	    false },
	{ "SET sql_mode=CONCAT(@@sql_mode,',NO_BACKSLASH_ESCAPES');"
	  "SET sql_mode=CONCAT(@@sql_mode,',ANSI');",
	    NULL, NULL, true },
	{ "SET GLOBAL time_zone='+05:00', xtime_zone='+06:00', ,=;", NULL, NULL,
	    false },
};

START_TEST(what_is_set_holds_for_the_rows_behind)
{
	g_autofree char *text = g_strconcat(sets[_i].set,
	    "INSERT INTO t VALUES (1);SET NAMES no,time_zone='no',"
	    "sql_mode='no';",
	    NULL);
	struct pieces s = { text, strlen(text), 10 };
	DM_AUTO(dm_dump_rows) r = dm_dump_rows_new(false, "f", pieces_read, &s);
	struct dm_dump_row row;
	enum dm_dump_next what;
	DM_AUTO(dm_err) err = dm_dump_rows_next(r, &row, &what);

	ck_assert_ptr_null(err);
	ck_assert(what == DM_DUMP_ROW);
	ck_assert_pstr_eq(row.charset, sets[_i].charset);
	ck_assert_pstr_eq(row.time_zone, sets[_i].time_zone);
	ck_assert(row.no_escapes == sets[_i].no_escapes);
}
END_TEST

START_TEST(a_statement_cannot_hide_in_a_set)
{
	static const char text[] = "SET NAMES a;DROP TABLE x;\n";
	g_autofree char *got = rows_of_bytes(false, text, strlen(text), 100);

	ck_assert(strstr(got, "not an INSERT") != NULL);
}
END_TEST

START_TEST(a_backslash_may_be_itself)
{
	static const char set[] = "SET sql_mode='NO_BACKSLASH_ESCAPES';"
				  "INSERT INTO t VALUES ('a\\'),('b''\\');";
	static const char csv_text[] = "a\n\"x\\\"\n\\N\n";
	struct pieces s = { csv_text, strlen(csv_text), 3 };
	DM_AUTO(dm_dump_rows) r = dm_dump_rows_new(true, "f", pieces_read, &s);
	struct dm_dump_row row;
	enum dm_dump_next what;
	DM_AUTO(dm_err) err = NULL;

	check_rows(false, set, "'a\\';'b''\\';");
	dm_dump_rows_no_escapes(r);
	err = dm_dump_rows_next(r, &row, &what);
	ck_assert_ptr_null(err);
	ck_assert_uint_eq(row.cells[0].len, 2);
	ck_assert_int_eq(memcmp(row.cells[0].text, "x\\", 2), 0);
	err = dm_dump_rows_next(r, &row, &what);
	ck_assert_ptr_null(err);
	ck_assert(row.cells[0].kind == DM_DUMP_NULL);
}
END_TEST

static const struct {
	const char *text;
	bool right;
} tables[] = {
	{ "INSERT INTO `t``1` VALUES (1);", true },
	{ "INSERT INTO `d`.`t``1` VALUES (1);", true },
	{ "INSERT INTO d . `t``1` VALUES (1);", true },
	{ "INSERT INTO t VALUES (1);", false },
	{ "INSERT INTO `T``1` VALUES (1);", false },
	{ "INSERT INTO `e`.`t``1` VALUES (1);", false },
};

START_TEST(rows_of_another_table_are_an_error)
{
	struct pieces s = { tables[_i].text, strlen(tables[_i].text), 4 };
	DM_AUTO(dm_dump_rows) r = dm_dump_rows_new(false, "f", pieces_read, &s);
	struct dm_dump_row row;
	enum dm_dump_next what;
	DM_AUTO(dm_err) err = NULL;

	dm_dump_rows_expect(r, "d", "t`1");
	err = dm_dump_rows_next(r, &row, &what);
	ck_assert((err == NULL) == tables[_i].right);
	if (err != NULL)
		ck_assert_msg(strstr(err->message, "file f, ") != NULL &&
				  strstr(err->message, "d.t`1") != NULL,
		    "%s", err->message);
}
END_TEST

START_TEST(a_large_row_is_told_of_first)
{
	static const char head[] = "INSERT INTO t VALUES (1,'small'),(2,'";
	static const char tail[] = "'),(3,'x');";
	GString *text = g_string_new(head);
	struct pieces s;
	DM_AUTO(dm_dump_rows) r = NULL;
	struct dm_dump_row row;
	enum dm_dump_next what;
	size_t n = DM_DUMP_LARGE_BYTES + 5;
	int large = 0, rows = 0;

	g_string_set_size(text, text->len + n);
	memset(text->str + sizeof(head) - 1, 'z', n);
	g_string_append(text, tail);
	s = (struct pieces){ text->str, text->len, 1 << 20 };
	r = dm_dump_rows_new(false, "f", pieces_read, &s);
	for (;;) {
		DM_AUTO(dm_err) err = dm_dump_rows_next(r, &row, &what);

		ck_assert_ptr_null(err);
		if (what == DM_DUMP_END)
			break;
		if (what == DM_DUMP_LARGE) {
			ck_assert_int_eq(large++, 0);
			ck_assert_int_eq(rows, 1);
			dm_dump_rows_allow_large(r, true);
			continue;
		}
		if (++rows == 2) {
			ck_assert_uint_eq(row.cells[1].len, n + 2);
			dm_dump_rows_allow_large(r, false);
		}
		if (rows == 3)
			ck_assert_uint_eq(row.end, text->len - 1);
	}
	ck_assert_int_eq(rows, 3);
	ck_assert_int_eq(large, 1);
	g_string_free(text, TRUE);
}
END_TEST

/* The second one is in the window when the first was read. */
START_TEST(each_large_row_is_told_of)
{
	static const size_t sizes[] = { 2 * DM_DUMP_LARGE_BYTES + 9,
		DM_DUMP_LARGE_BYTES + 9, 5, DM_DUMP_LARGE_BYTES + 9 };
	GString *text = g_string_new("INSERT INTO t VALUES ");
	struct pieces s;
	DM_AUTO(dm_dump_rows) r = NULL;
	size_t large = 0;

	for (size_t i = 0; i < DM_ARRAY_SIZE(sizes); i++) {
		size_t at = text->len + 2;

		g_string_set_size(text, at + sizes[i]);
		memset(text->str + at, 'z', sizes[i]);
		memcpy(text->str + at - 2, "('", 2);
		g_string_append(
		    text, i + 1 < DM_ARRAY_SIZE(sizes) ? "')," : "');");
	}
	s = (struct pieces){ text->str, text->len, text->len };
	r = dm_dump_rows_new(false, "f", pieces_read, &s);
	for (size_t i = 0; i < DM_ARRAY_SIZE(sizes);) {
		struct dm_dump_row row;
		enum dm_dump_next what;
		DM_AUTO(dm_err) err = dm_dump_rows_next(r, &row, &what);

		ck_assert_ptr_null(err);
		if (what == DM_DUMP_LARGE) {
			large++;
			ck_assert(sizes[i] > DM_DUMP_LARGE_BYTES);
			dm_dump_rows_allow_large(r, true);
			continue;
		}
		ck_assert(what == DM_DUMP_ROW);
		ck_assert_uint_eq(row.cells[0].len, sizes[i] + 2);
		dm_dump_rows_allow_large(r, false);
		i++;
	}
	ck_assert_uint_eq(large, 3);
	g_string_free(text, TRUE);
}
END_TEST

static const struct {
	const char *text, *rows;
} csv[] = {
	{ "\"a\",\"b\"\r\n", "" },
	{ "\"a\",\"b\"\r\n1,\"x\"\r\n\\N,\"y\\\"z\"\r\n", "1|x;~|y\"z;" },
	{ "a,b\n1,\"dou\"\"ble\"\n", "1|dou\"ble;" },
	{ "a\n\"\\\\N\"\n\"\\N\"\n\"\"\n\\N\n", "\\N;N;;~;" },
	{ "a,b\n\"1,\n2\",\"\\n\\r\\\\\\Z\"\n", "1,\n2|\n\r\\\x1a;" },
};

START_TEST(csv_is_read_whatever_the_pieces)
{
	check_rows(true, csv[_i].text, csv[_i].rows);
}
END_TEST

static const struct {
	const char *text, *error;
} bad_csv[] = {
	{ "", "the file is empty" },
	{ "a,b", "ends within a row" },
	{ "a,b\n1,2", "ends within a row" },
	{ "a,b\n1,\"2", "ends within a row" },
	{ "a,b\n1,\"2\\", "ends within a row" },
	{ "a,b\n1\n", "not as many values" },
	{ "a,b\n1,2,3\n", "not as many values" },
	{ "a\n1\"2\n", "a quote within" },
	{ "a\n\"1\"2\n", "behind a value's last quote" },
	{ "a\n1\rx\n", "behind a value's last quote" },
};

START_TEST(bad_csv_is_an_error_with_its_place)
{
	const char *text = bad_csv[_i].text;
	g_autofree char *got = rows_of_bytes(true, text, strlen(text), 3);

	ck_assert_msg(
	    strstr(got, bad_csv[_i].error) != NULL, "%s gave %s", text, got);
}
END_TEST

START_TEST(schema_files_are_split)
{
	static const char text[] =
	    "/*!40101 SET NAMES binary*/;\n-- ; not one\nCREATE TABLE `a;` ("
	    "`x` int COMMENT 'it''s; \\'') /* gone */ ENGINE=InnoDB\n"
	    "/*!50100 PARTITION BY HASH(x) */;\n\n";
	g_autoptr(GPtrArray) all = NULL;
	DM_AUTO(dm_err)
	err = dm_dump_statements("f", text, sizeof(text) - 1, &all);

	ck_assert_ptr_null(err);
	ck_assert_uint_eq(all->len, 2);
	ck_assert_str_eq(all->pdata[0], "/*!40101 SET NAMES binary*/");
	ck_assert_str_eq(all->pdata[1],
	    "CREATE TABLE `a;` (`x` int COMMENT 'it''s; \\'') ENGINE=InnoDB "
	    "/*!50100 PARTITION BY HASH(x) */");
}
END_TEST

START_TEST(a_schema_file_that_is_cut_off_is_an_error)
{
	static const char text[] = "CREATE TABLE t (x int COMMENT 'it";
	g_autoptr(GPtrArray) all = NULL;
	DM_AUTO(dm_err)
	err = dm_dump_statements("f", text, sizeof(text) - 1, &all);
	DM_AUTO(dm_err) nul = dm_dump_statements("f", "a\0b", 3, &all);

	ck_assert(dm_err_is(err, LOAD_LIGHTNING_RUNTIME));
	ck_assert(dm_err_is(nul, LOAD_LIGHTNING_RUNTIME));
}
END_TEST

/* As servers print them, in every mode. */
START_TEST(backslashes_of_structures_always_escape)
{
	static const char text[] =
	    "/*!40101 SET sql_mode='NO_BACKSLASH_ESCAPES'*/;"
	    "CREATE TABLE t (x int COMMENT '1\\\\; \\'');";
	g_autoptr(GPtrArray) all = NULL;
	DM_AUTO(dm_err)
	err = dm_dump_statements("f", text, strlen(text), &all);

	ck_assert_ptr_null(err);
	ck_assert_uint_eq(all->len, 2);
	ck_assert_str_eq(
	    all->pdata[1], "CREATE TABLE t (x int COMMENT '1\\\\; \\'')");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/dump/rows");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60); /* rows of many MB, under sanitizers */
	tcase_add_loop_test(tc, inserts_are_read_whatever_the_pieces, 0,
	    (int)DM_ARRAY_SIZE(sql));
	tcase_add_loop_test(tc, anything_else_is_an_error_with_its_place, 0,
	    (int)DM_ARRAY_SIZE(bad_sql));
	tcase_add_loop_test(
	    tc, every_prefix_is_read_or_refused, 0, (int)DM_ARRAY_SIZE(sql));
	tcase_add_test(tc, columns_and_session_are_told);
	tcase_add_loop_test(tc, what_is_set_holds_for_the_rows_behind, 0,
	    (int)DM_ARRAY_SIZE(sets));
	tcase_add_test(tc, a_statement_cannot_hide_in_a_set);
	tcase_add_test(tc, a_backslash_may_be_itself);
	tcase_add_loop_test(tc, rows_of_another_table_are_an_error, 0,
	    (int)DM_ARRAY_SIZE(tables));
	tcase_add_test(tc, each_large_row_is_told_of);
	tcase_add_test(tc, backslashes_of_structures_always_escape);
	tcase_add_test(tc, a_large_row_is_told_of_first);
	tcase_add_loop_test(
	    tc, csv_is_read_whatever_the_pieces, 0, (int)DM_ARRAY_SIZE(csv));
	tcase_add_loop_test(tc, bad_csv_is_an_error_with_its_place, 0,
	    (int)DM_ARRAY_SIZE(bad_csv));
	tcase_add_test(tc, schema_files_are_split);
	tcase_add_test(tc, a_schema_file_that_is_cut_off_is_an_error);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
