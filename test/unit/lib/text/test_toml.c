/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/text/toml.c. */
#include "lib/text/toml.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct dm_toml *
good(const char *text)
{
	struct dm_toml *doc = NULL;
	DM_AUTO(dm_err) err = dm_toml_parse("f", text, strlen(text), &doc);

	ck_assert_msg(err == NULL, "%s", err != NULL ? err->message : "");
	return doc;
}

static const struct dm_toml_entry *
entry(const struct dm_toml *doc, guint i)
{
	ck_assert_uint_lt(i, doc->entries->len);
	return doc->entries->pdata[i];
}

START_TEST(reads_every_kind_with_its_place)
{
	DM_AUTO(dm_toml)
	doc = good("# c\n"
		   "s = \"a\\t\\u00e9\" # x\n"
		   " l = 'C:\\x'\r\n"
		   "i = -1_000\n"
		   "h = 0xFF\n"
		   "f = 1.5e3\n"
		   "b = true\n"
		   "a = [ \"x\", # one\n  \"y\",\n]\n"
		   "[t.u]\n"
		   "k.z = 1");

	ck_assert_str_eq(entry(doc, 0)->value->s, "a\t\xc3\xa9");
	ck_assert_int_eq(entry(doc, 0)->line, 2);
	ck_assert_str_eq(entry(doc, 1)->value->s, "C:\\x");
	ck_assert_int_eq(entry(doc, 1)->col, 2);
	ck_assert_int_eq(entry(doc, 2)->value->i, -1000);
	ck_assert_int_eq(entry(doc, 3)->value->i, 255);
	ck_assert(entry(doc, 4)->value->kind == DM_TOML_FLOAT);
	ck_assert(entry(doc, 5)->value->b);
	ck_assert_uint_eq(entry(doc, 6)->value->items->len, 2);
	ck_assert(entry(doc, 7)->value->kind == DM_TOML_TABLE);
	ck_assert_str_eq(entry(doc, 8)->key, "t.u.k.z");
	ck_assert_int_eq(entry(doc, 8)->line, 12);
}
END_TEST

static const struct {
	const char *text, *error;
} bad[] = {
	{ "a = 1\na = 2\n", "f:2:1: a is given twice" },
	{ "a = 1\n[a]\n", "f:2:1: a is given twice" },
	{ "a = 1\na.b = 2\n", "f:2:1: a is a value, not a table" },
	{ "[t]\n[t]\n", "f:2:1: t is given twice" },
	{ "a.b = 1\na = 2\n", "f:2:1: a is given twice" },
	{ "a = \"x\n", "f:1:5: string has no end on its line" },
	{ "a = \"x", "f:1:5: string has no end" },
	{ "a = \"\\q\"", "f:1:6: unknown escape \\q; write a backslash as "
			 "\\\\" },
	{ "a = \"\\ud800\"", "f:1:6: \\u escape is not a character" },
	{ "a = \"\"\"x\"\"\"", "f:1:5: multi-line strings are not supported" },
	{ "a = [1, 2", "f:1:10: expected , or ] in an array" },
	{ "a = [1 2]", "f:1:8: expected , or ] in an array" },
	{ "a = ", "f:1:5: a value is missing" },
	{ "a", "f:1:2: expected = after the key a" },
	{ "= 1", "f:1:1: a key is missing (letters, digits, - and _)" },
	{ "a = 1 b = 2", "f:1:7: unexpected text after the value" },
	{ "a = {b=1}", "f:1:5: inline tables are not supported; write a "
		       "[table]" },
	{ "[[a]]", "f:1:1: arrays of tables are not supported" },
	{ "[a", "f:1:3: expected ] after the table's name" },
	{ "\xc3\xa9 = 1", "f:1:1: a key is missing (letters, digits, - and "
			  "_)" },
	{ "a = 1\nb = \"\xff\"", "f:2:6: not UTF-8" },
	{ "a = abc", "f:1:5: not a value: abc; strings need quotes, dates are "
		     "not supported" },
	{ "a = 012", "f:1:5: not a value: 012; strings need quotes, dates are "
		     "not supported" },
	{ "a = 9223372036854775808",
	    "f:1:5: not a value: "
	    "9223372036854775808; strings need quotes, dates are not "
	    "supported" },
};

START_TEST(mistakes_are_told_with_their_place)
{
	struct dm_toml *doc = NULL;
	DM_AUTO(dm_err)
	err = dm_toml_parse("f", bad[_i].text, strlen(bad[_i].text), &doc);

	ck_assert_ptr_nonnull(err);
	ck_assert_int_eq(err->code, DM_ERR_CONFIG_TOML_TRANSFORM);
	ck_assert_str_eq(err->message, bad[_i].error);
}
END_TEST

START_TEST(strings_survive_writing_and_reading)
{
	static const char text[] = "a\"b\\c\n\x01 \xc3\xa9";
	g_autoptr(GString) s = g_string_new("k = ");
	DM_AUTO(dm_toml) doc = NULL;

	dm_toml_append_string(s, text);
	doc = good(s->str);
	ck_assert_str_eq(entry(doc, 0)->value->s, text);
}
END_TEST

START_TEST(deep_arrays_are_refused)
{
	g_autoptr(GString) s = g_string_new("a = ");
	struct dm_toml *doc = NULL;
	DM_AUTO(dm_err) err = NULL;

	for (int i = 0; i < 10000; i++)
		g_string_append_c(s, '[');
	err = dm_toml_parse("f", s->str, s->len, &doc);
	ck_assert_ptr_nonnull(err);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/text/toml");
	TCase *tc = tcase_create("toml");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, reads_every_kind_with_its_place);
	tcase_add_loop_test(
	    tc, mistakes_are_told_with_their_place, 0, (int)DM_ARRAY_SIZE(bad));
	tcase_add_test(tc, strings_survive_writing_and_reading);
	tcase_add_test(tc, deep_arrays_are_refused);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
