/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suite of lib/expr: what is true, what is refused. That values are those
 * of a server is shown by test/integration/26_expression_filter.sh.
 */
#include "lib/expr/expr.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char *const colors[] = { "red", "Green", NULL };

static const struct dm_expr_column columns[] = {
	{ .name = "i", .type = DM_EXPR_INT },
	{ .name = "u", .type = DM_EXPR_UINT },
	{ .name = "d", .type = DM_EXPR_DECIMAL, .decimals = 2 },
	{ .name = "f", .type = DM_EXPR_FLOAT },
	{ .name = "Name",
	    .type = DM_EXPR_TEXT,
	    .charset = "utf8mb4",
	    .collation = "utf8mb4_general_ci" },
	{ .name = "b",
	    .type = DM_EXPR_TEXT,
	    .charset = "utf8mb4",
	    .collation = "utf8mb4_bin" },
	{ .name = "l",
	    .type = DM_EXPR_TEXT,
	    .charset = "latin1",
	    .collation = "latin1_swedish_ci" },
	{ .name = "odd",
	    .type = DM_EXPR_TEXT,
	    .charset = "utf8mb4",
	    .collation = "utf8mb4_turkish_ci" },
	{ .name = "gbk",
	    .type = DM_EXPR_TEXT,
	    .charset = "gbk",
	    .collation = "gbk_bin" },
	{ .name = "raw", .type = DM_EXPR_BINARY, .fill = 4 },
	{ .name = "day", .type = DM_EXPR_DATE },
	{ .name = "at", .type = DM_EXPR_TIMESTAMP },
	{ .name = "e",
	    .type = DM_EXPR_ENUM,
	    .charset = "utf8mb4",
	    .collation = "utf8mb4_general_ci",
	    .elements = colors },
	{ .name = "nil", .type = DM_EXPR_INT },
	{ .name = "gone", .type = DM_EXPR_INT },
	{ .name = "shape", .type = DM_EXPR_OPAQUE },
	{ .name = "y", .type = DM_EXPR_YEAR },
	{ .name = "bits", .type = DM_EXPR_BIT },
};

static void
get(void *arg, unsigned column, struct dm_expr_value *v)
{
	static const char *const texts[] = { NULL, NULL, "12.50", NULL,
		"Müller", "Müller", "M\xfcller", "x", "x", "ab", "2024-02-29",
		"2024-02-29 23:30:00" };

	(void)arg;
	v->kind = DM_EXPR_V_BYTES;
	if (column == 0) {
		*v = (struct dm_expr_value){ .kind = DM_EXPR_V_INT, .i = -7 };
	} else if (column == 1) {
		*v = (struct dm_expr_value){ .kind = DM_EXPR_V_UINT,
			.u = UINT64_MAX };
	} else if (column == 3) {
		*v = (struct dm_expr_value){ .kind = DM_EXPR_V_DOUBLE,
			.d = 1.5 };
	} else if (column < DM_ARRAY_SIZE(texts)) {
		v->p = texts[column];
		v->len = strlen(v->p);
	} else if (strcmp(columns[column].name, "nil") == 0) {
		v->kind = DM_EXPR_V_NULL;
	} else if (strcmp(columns[column].name, "gone") == 0) {
		v->kind = DM_EXPR_V_ABSENT;
	} else if (strcmp(columns[column].name, "shape") == 0) {
		v->p = "";
		v->len = 0;
	} else {
		v->kind = DM_EXPR_V_UINT;
		v->u = strcmp(columns[column].name, "y") == 0 ? 2024 : 2;
	}
}

/* Of the row of get(); an hour east. */
static struct dm_err *
run(const char *text, bool *is_true)
{
	DM_AUTO(dm_expr) e = NULL;
	g_autofree char *unknown = NULL;
	struct dm_err *err;

	err = dm_expr_new(
	    text, columns, DM_ARRAY_SIZE(columns), 3600, &e, &unknown);
	ck_assert(unknown == NULL);
	return err != NULL ? err : dm_expr_test(e, get, NULL, is_true);
}

static const struct {
	const char *text;
	bool is_true;
} cases[] = {
	{ "1", true },
	{ "2", false },
	{ "NULL", false },
	{ "TRUE", true },
	{ "i = -7", true },
	{ "I < 0 AND `i` > -8", true },
	{ "-i = 7", true },
	{ "nil = 1", false },
	{ "NOT nil = 1", false },
	{ "nil IS NULL", true },
	{ "(nil = 1) IS UNKNOWN", true },
	{ "nil <=> NULL", true },
	{ "nil OR 1", true },
	{ "u = 18446744073709551615", true },
	{ "u > i", true },
	{ "u = -1", false },
	{ "d = 12.5 AND d = '12.50' AND d <> 12.51", true },
	{ "f = 1.5", true },
	{ "i + 7 = 0 -- a comment", true },
	{ "i /* another */ = -7", true },
	{ "i IN (1, 2, -7)", true },
	{ "i NOT IN (1, NULL)", false },
	{ "i BETWEEN -10 AND 0", true },
	{ "name = 'MULLER'", true },
	{ "name = 'mueller'", false },
	{ "b = 'Müller'", true },
	{ "b = 'müller'", false },
	{ "b COLLATE utf8mb4_general_ci = 'MÜLLER'", true },
	{ "BINARY name = 'muller'", false },
	{ "l = 'MYLLER'", true }, /* as in Swedish */
	{ "l LIKE 'm_ll%'", true },
	{ "CHAR_LENGTH(l) = 6", true },
	{ "name LIKE 'm%' AND name NOT LIKE '%x%'", true },
	{ "b LIKE 'm%'", false },
	{ "name REGEXP '^m.*R$'", true },
	{ "odd COLLATE utf8mb4_bin = 'x'", true },
	{ "odd IS NOT NULL", true },
	{ "LENGTH(raw) = 4 AND raw = 0x61620000", true },
	{ "raw = 'ab'", false },
	{ "day = '2024-02-29' AND day < '2024-3-1'", true },
	{ "at = '2024-03-01 00:30:00'", true },
	{ "UNIX_TIMESTAMP(at) = 1709249400", true },
	{ "DATE(at) > day", true },
	{ "day + INTERVAL 1 YEAR = '2025-02-28'", true },
	{ "e = 'GREEN' AND e = 2 AND e + 1 = 3", true },
	{ "shape IS NOT NULL", true },
	{ "y = 2024 AND y + 1 > 2024", true },
	{ "bits & 2", false }, /* it gives 2 */
	{ "bits & 2 <> 0", true },
	{ "(bits & 2) = 2", true },
	{ "CASE WHEN i > 0 THEN 0 WHEN i < 0 THEN 1 END", true },
	{ "IF(nil, 0, 1)", true },
	{ "i / 0 IS NULL", true },
	{ "'it''s' = \"it's\"", true },
};

START_TEST(truth_is_that_of_the_servers)
{
	bool is_true = false;
	DM_AUTO(dm_err) err = run(cases[_i].text, &is_true);

	ck_assert_msg(
	    err == NULL, "%s: %s", cases[_i].text, err ? err->message : "");
	ck_assert_msg(is_true == cases[_i].is_true, "%s", cases[_i].text);
}
END_TEST

static const struct {
	const char *text, *why;
} refused[] = {
	{ "name", "it is not a condition" },
	{ "1.0", "it is not a condition" },
	{ "name = 'x' COLLATE utf8mb4_turkish_ci",
	    "utf8mb4_turkish_ci is not" },
	{ "odd = 'x'", "odd and a literal have collations" },
	{ "gbk = 'x'", "charset gbk is not supported" },
	{ "name = b COLLATE utf8mb4_bin COLLATE utf8mb4_x",
	    "utf8mb4_x is not" },
	{ "l = raw", "have collations that cannot be compared" },
	{ "LENGTH(l) = 6", "LENGTH of a latin1 column" },
	{ "day = 20240229", "compared as different kinds" },
	{ "day = 'soon'", "'soon' is not a date" },
	{ "day = name", "add CAST" },
	{ "day + 1 = 2", "day cannot be used as a number" },
	{ "at = TIME '10:00:00'", "add CAST" },
	{ "y = 24", "four digits" },
	{ "y = '2024'", "four digits" },
	{ "CONCAT(f) = '1.5'", "f cannot be made a text" },
	{ "CONCAT(bits) = '2'", "bits cannot be made a text" },
	{ "shape = 1", "shape cannot be compared" },
	{ "shape + 1 = 1", "shape cannot be used as a number" },
	{ "name REGEXP b", "REGEXP needs a text literal" },
	{ "name REGEXP '('", "the pattern '(' is not valid" },
	{ "DATE_FORMAT(day, '%u') = '1'", "%u is not supported" },
	{ "LEFT(name, d) = 'x'", "LEFT needs a whole number as argument 2" },
	{ "IF(1, day, 1) = 1", "times and other values" },
	{ "i DIV f = 1", "DIV of floating point" },
	{ "1 + NULL", "literal NULL" },
	{ "u + 1 > 0", "the result of + is out of range" },
	{ "gone = 1", "gone is not in the row image" },
	{ "i / 3 = -2.3333", "add ROUND" },
	{ "YEAR(name) = 1 OR YEAR('20240229x') = 1", "cannot be read" },
};

START_TEST(what_is_not_exact_is_an_error)
{
	bool is_true;
	DM_AUTO(dm_err) err = run(refused[_i].text, &is_true);

	ck_assert_msg(err != NULL, "%s", refused[_i].text);
	ck_assert_msg(strstr(err->message, refused[_i].why) != NULL, "%s: %s",
	    refused[_i].text, err->message);
}
END_TEST

static const struct {
	const char *text, *why;
} wrong[] = {
	{ "", "the expression ends too early at character 1" },
	{ "a =", "the expression ends too early" },
	{ "a b", "b is not expected at character 3" },
	{ "a = 'x", "a quote is not closed" },
	{ "(a", ") is missing" },
	{ "a IN ()", ") is not expected" },
	{ "a NOT 1", "IN, LIKE, BETWEEN or REGEXP expected" },
	{ "a IS 1", "NULL, TRUE, FALSE or UNKNOWN expected" },
	{ "t.a = 1", "write columns without the name of the table" },
	{ "a->'$.x' = 1", "-> is not supported" },
	{ "@a = 1", "variables are not supported" },
	{ "SELECT 1", "SELECT is not expected" },
	{ "NOW() > a", "function NOW is not supported" },
	{ "ABS(1, 2) = 1", "ABS takes 1 arguments, not 2" },
	{ "CONCAT_WS('x')", "CONCAT_WS takes 2 or more arguments" },
	{ "CAST(a AS JSON)", "a cast to JSON is not supported" },
	{ "CASE a END", "WHEN expected" },
	{ "a + INTERVAL 1 FORTNIGHT", "the unit FORTNIGHT is not supported" },
	{ "DATE_ADD(a, 1)", "DATE_ADD needs an INTERVAL" },
	{ "DATE '2024-02-30' = a", "is not a DATE" },
	{ "x'123' = a", "even number of digits" },
	{ "1abc", "a number is followed by a letter" },
	{ "a = /*! 1 */ 2", "a comment" },
	{ "a LIKE 'x' ESCAPE 'ab'", "one character" },
	{ "a ? b", "? is not expected" },
};

START_TEST(wrong_grammar_is_told_with_its_place)
{
	DM_AUTO(dm_err) err = dm_expr_check(wrong[_i].text);

	ck_assert_msg(err != NULL, "%s", wrong[_i].text);
	ck_assert_msg(strstr(err->message, wrong[_i].why) != NULL, "%s: %s",
	    wrong[_i].text, err->message);
}
END_TEST

START_TEST(an_unknown_column_is_told_and_no_error)
{
	DM_AUTO(dm_expr) e = NULL;
	g_autofree char *unknown = NULL;
	DM_AUTO(dm_err)
	err = dm_expr_new("i > 0 OR nobody = 1", columns,
	    DM_ARRAY_SIZE(columns), 0, &e, &unknown);

	ck_assert(err == NULL && e == NULL);
	ck_assert_str_eq(unknown, "nobody");
}
END_TEST

START_TEST(nesting_has_a_limit)
{
	g_autoptr(GString) s = g_string_new(NULL);
	DM_AUTO(dm_err) err = NULL;
	g_autofree char *minus = g_strnfill(100000, '-');

	for (int i = 0; i < 10000; i++)
		g_string_append_c(s, '(');
	err = dm_expr_check(s->str);
	ck_assert(strstr(err->message, "nested too deeply") != NULL);
	dm_err_free(DM_TAKE(err));
	err = dm_expr_check(minus);
	ck_assert(strstr(err->message, "longer than") != NULL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/expr/expr");
	TCase *tc = tcase_create("expr");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    tc, truth_is_that_of_the_servers, 0, (int)DM_ARRAY_SIZE(cases));
	tcase_add_loop_test(
	    tc, what_is_not_exact_is_an_error, 0, (int)DM_ARRAY_SIZE(refused));
	tcase_add_loop_test(tc, wrong_grammar_is_told_with_its_place, 0,
	    (int)DM_ARRAY_SIZE(wrong));
	tcase_add_test(tc, an_unknown_column_is_told_and_no_error);
	tcase_add_test(tc, nesting_has_a_limit);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
