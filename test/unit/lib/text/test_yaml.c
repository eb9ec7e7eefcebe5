/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/text/yaml.c. */
#include "lib/text/yaml.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct dm_yaml_doc *
good(const char *text)
{
	struct dm_yaml_doc *doc = NULL;
	int line = 0, col = 0;
	DM_AUTO(dm_err)
	err = dm_yaml_parse(text, strlen(text), &line, &col, &doc);

	ck_assert_msg(err == NULL, "%d:%d: %s", line, col,
	    err != NULL ? err->message : "");
	return doc;
}

static const struct dm_yaml *
at(const struct dm_yaml *n, const char *key)
{
	const struct dm_yaml_pair *p = dm_yaml_find(n, key);

	ck_assert_msg(p != NULL, "no %s", key);
	return p->value;
}

START_TEST(nodes_have_places)
{
	DM_AUTO(dm_yaml_doc)
	doc = good("---\n# c\na:\n  b: 'x'\n"
		   "  c: [1, \"2\"]\nd:\n");
	const struct dm_yaml *b = at(at(doc->root, "a"), "b");
	const struct dm_yaml *c = at(at(doc->root, "a"), "c");
	const struct dm_yaml *one = c->items->pdata[0];

	ck_assert_int_eq(b->line, 4);
	ck_assert_int_eq(b->col, 6);
	ck_assert(!b->plain);
	ck_assert_int_eq(dm_yaml_find(doc->root, "d")->line, 6);
	ck_assert_int_eq(dm_yaml_find(doc->root, "d")->col, 1);
	ck_assert(dm_yaml_is_null(at(doc->root, "d")));
	ck_assert_int_eq(c->line, 5);
	ck_assert_int_eq(one->col, 7);
	ck_assert(one->plain);
}
END_TEST

START_TEST(aliases_and_merge_keys_are_resolved)
{
	DM_AUTO(dm_yaml_doc)
	doc = good("a: &a {x: 1, y: 2}\n"
		   "b:\n  <<: *a\n  y: 3\n"
		   "c: *a\n"
		   "d: {<<: [{z: 9, x: 8}, *a]}\n"
		   "e: !!str 5\n");

	ck_assert_str_eq(at(at(doc->root, "b"), "x")->text, "1");
	ck_assert_str_eq(at(at(doc->root, "b"), "y")->text, "3");
	ck_assert_ptr_null(dm_yaml_find(at(doc->root, "b"), "<<"));
	ck_assert_str_eq(at(at(doc->root, "c"), "y")->text, "2");
	ck_assert_str_eq(at(at(doc->root, "d"), "x")->text, "8");
	ck_assert_str_eq(at(at(doc->root, "d"), "y")->text, "2");
	ck_assert(!at(doc->root, "e")->plain);
}
END_TEST

START_TEST(a_second_key_knows_the_first)
{
	DM_AUTO(dm_yaml_doc) doc = good("a: 1\nb: 2\na: 3\n");
	const struct dm_yaml_pair *p =
	    &g_array_index(doc->root->pairs, struct dm_yaml_pair, 2);

	ck_assert_str_eq(p->key, "a");
	ck_assert_int_eq(p->first_line, 1);
	ck_assert_int_eq(p->line, 3);
}
END_TEST

START_TEST(an_empty_text_is_null)
{
	DM_AUTO(dm_yaml_doc) doc = good("# nothing\n");

	ck_assert(dm_yaml_is_null(doc->root));
}
END_TEST

static const struct {
	const char *text;
	int line;
	const char *error;
} bad[] = {
	{ "a: [1\nb: 2\n", 3, "" },
	{ "a: 1\n b: 2\n", 1, "" },
	{ "a: \"x\n", 0, "" },
	{ "a: *b\n", 1, "the alias *b has no complete anchor before it" },
	{ "a: &a [*a]\n", 1, "the alias *a has no complete anchor before it" },
	{ "a: 1\n---\nb: 2\n", 2, "a second document; one file holds one" },
	{ "a: !!binary x\n", 1, "" },
	{ "a: 1\nb: \"\\0\"\n", 2, "a zero byte in a string" },
	{ "? [a]\n: 1\n", 1, "a key must be a word, not a list or map" },
	{ "a: {<<: 5}\n", 1, "<< needs a map or a list of maps" },
	{ "a: 1\nb: \xff\n", 2, "not UTF-8" },
	{ "\t- a\n", 1, "" },
};

START_TEST(mistakes_are_told_with_their_place)
{
	struct dm_yaml_doc *doc = NULL;
	int line = 0, col = 0;
	DM_AUTO(dm_err)
	err = dm_yaml_parse(
	    bad[_i].text, strlen(bad[_i].text), &line, &col, &doc);

	ck_assert_ptr_nonnull(err);
	ck_assert_int_eq(err->code, DM_ERR_CONFIG_YAML_TRANSFORM);
	if (bad[_i].line != 0)
		ck_assert_msg(
		    line == bad[_i].line, "%d:%d: %s", line, col, err->message);
	if (bad[_i].error[0] != '\0')
		ck_assert_str_eq(err->message, bad[_i].error);
	ck_assert_uint_gt(strlen(err->message), 3);
}
END_TEST

START_TEST(deep_trees_are_refused)
{
	g_autoptr(GString) s = g_string_new("a: ");
	struct dm_yaml_doc *doc = NULL;
	int line, col;
	DM_AUTO(dm_err) err = NULL;

	for (int i = 0; i < 100000; i++)
		g_string_append_c(s, '[');
	err = dm_yaml_parse(s->str, s->len, &line, &col, &doc);
	ck_assert_ptr_nonnull(err);
}
END_TEST

static const struct {
	const char *text, *yaml;
} strings[] = {
	{ "abc", "abc" },
	{ "", "\"\"" },
	{ "123", "\"123\"" },
	{ "true", "\"true\"" },
	{ "5m0s", "5m0s" },
	{ "127.0.0.1", "127.0.0.1" },
	{ "1e5", "\"1e5\"" },
	{ "0x1f", "\"0x1f\"" },
	{ "2001-01-01", "\"2001-01-01\"" },
	{ "******", "'******'" },
	{ "it's #1", "'it''s #1'" },
	{ "a: b", "'a: b'" },
	{ "a:", "'a:'" },
	{ "a\nb", "\"a\\nb\"" },
	{ "\x01\"\\", "\"\\x01\\\"\\\\\"" },
	{ "~^test", "'~^test'" },
	{ "^_(.+)_(?:new|gho)$", "^_(.+)_(?:new|gho)$" },
	{ "+08:00", "\"+08:00\"" },
	{ "\xc3\xa9", "\"\xc3\xa9\"" },
	{ "a,b", "'a,b'" },
	{ "&x", "'&x'" },
	{ "x #", "'x #'" },
	{ " x ", "' x '" },
	{ "y", "\"y\"" },
	{ "-", "\"-\"" },
	{ "mysql-bin.000001", "mysql-bin.000001" },
};

START_TEST(strings_survive_writing_and_reading)
{
	g_autoptr(GString) s = g_string_new("k: ");
	DM_AUTO(dm_yaml_doc) doc = NULL;

	dm_yaml_append_string(s, strings[_i].text);
	ck_assert_str_eq(s->str + 3, strings[_i].yaml);
	doc = good(s->str);
	ck_assert_str_eq(at(doc->root, "k")->text, strings[_i].text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/text/yaml");
	TCase *tc = tcase_create("yaml");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, nodes_have_places);
	tcase_add_test(tc, aliases_and_merge_keys_are_resolved);
	tcase_add_test(tc, a_second_key_knows_the_first);
	tcase_add_test(tc, an_empty_text_is_null);
	tcase_add_loop_test(
	    tc, mistakes_are_told_with_their_place, 0, (int)DM_ARRAY_SIZE(bad));
	tcase_add_test(tc, deep_trees_are_refused);
	tcase_add_loop_test(tc, strings_survive_writing_and_reading, 0,
	    (int)DM_ARRAY_SIZE(strings));
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
