/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/sql/quote.c. */
#include "lib/sql/sql.h"

#include <check.h>
#include <stdlib.h>

START_TEST(backquotes_in_names_are_doubled)
{
	g_autofree char *s = dm_sql_quote_table("a`b", "``");

	ck_assert_str_eq(s, "`a``b`.``````");
}
END_TEST

START_TEST(every_special_byte_of_a_string_is_escaped)
{
	g_autoptr(GString) s = g_string_new(NULL);

	dm_sql_append_string(s, "a\0b\n\r\x1a'\"\\z", 10);
	ck_assert_str_eq(s->str, "'a\\0b\\n\\r\\Z\\'\\\"\\\\z'");
}
END_TEST

START_TEST(what_stands_behind_a_backslash_is_known)
{
	static const char letters[] = "0bnrtZ'\\%x";
	static const char bytes[] = "\0\b\n\r\t\x1a'\\%x";

	for (size_t i = 0; i < sizeof(letters) - 1; i++)
		ck_assert_int_eq(dm_sql_unescape(letters[i]), bytes[i]);
}
END_TEST

START_TEST(an_empty_string_is_two_quotes)
{
	g_autoptr(GString) s = g_string_new(NULL);

	dm_sql_append_string(s, "", 0);
	dm_sql_append_hex(s, "", 0);
	ck_assert_str_eq(s->str, "''x''");
}
END_TEST

START_TEST(hex_keeps_every_byte)
{
	g_autoptr(GString) s = g_string_new("v=");

	dm_sql_append_hex(s, "\x00\xff\x1a", 3);
	ck_assert_str_eq(s->str, "v=x'00ff1a'");
	ck_assert_uint_eq(s->len, 11);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/sql/quote");
	TCase *tc = tcase_create("quote");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, backquotes_in_names_are_doubled);
	tcase_add_test(tc, every_special_byte_of_a_string_is_escaped);
	tcase_add_test(tc, what_stands_behind_a_backslash_is_known);
	tcase_add_test(tc, an_empty_string_is_two_quotes);
	tcase_add_test(tc, hex_keeps_every_byte);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
