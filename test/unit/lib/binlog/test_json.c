/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/binlog/json.c: what the server printed for each value. */
#include "lib/binlog/value.h"
#include "test/unit/lib/binlog/fixture.h"

static const struct {
	int id;
	const char *text; /* NULL: SQL NULL */
} expected[] = {
	{ 1, "{}" },
	{ 2, "[]" },
	{ 3, "null" },
	{ 4, "true" },
	{ 5, "false" },
	{ 6, NULL },
	{ 10, "0" },
	{ 11, "-1" },
	{ 12, "32767" },
	{ 13, "-32768" },
	{ 14, "65535" },
	{ 15, "65536" },
	{ 16, "-2147483648" },
	{ 17, "4294967295" },
	{ 18, "4294967296" },
	{ 19, "-9223372036854775808" },
	{ 20, "18446744073709551615" },
	{ 30, "1.0" },
	{ 31, "-0.0" },
	{ 32, "0.1" },
	{ 33, "100000000000000.0" },
	{ 34, "1e15" },
	{ 35, "1e16" },
	{ 36, "123456789012345678" },
	{ 37, "1.7976931348623157e308" },
	{ 38, "5e-324" },
	{ 39, "0.00001" },
	{ 40, "0.00000000000001" },
	{ 41, "0.000000000000001" },
	{ 42, "1e-16" },
	{ 43, "3.14159265358979" },
	{ 44, "0.30000000000000004" },
	{ 45, "-0.00000015" },
	{ 46, "1.5e20" },
	{ 47, "123456789.0" },
	{ 48, "2.2250738585072014e-308" },
	{ 49, "12345678901234.5" },
	{ 50, "1234567890123456.5" },
	{ 60, "\"plain\"" },
	{ 61, "\"q\\\"b\\\\s/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"" },
	{ 62, "\"\xc3\xa4\xe2\x82\xac\"" },
	{ 63, "\"\"" },
	{ 70, "{\"a\": 1, \"b\": [1, {\"c\": null}, \"x\"], "
	      "\"aa\": {\"k\": -5}}" },
	{ 71, "[[[[[]]]], {\"\": {}}]" },
	{ 80, "1234.5600" },
	{ 81, "\"2015-01-15\"" },
	{ 82, "\"23:24:25.120000\"" },
	{ 83, "\"2015-01-15 23:24:25.000000\"" },
	{ 84, "\"base64:type15:yv4=\"" },
	{ 85, "\"-12:00:00.000000\"" },
	{ 86, "\"base64:type15:BQ==\"" },
	{ 88, "\"2020-02-02 02:02:02.000001\"" },
};

static void
check_value(int64_t id, const struct dm_value *v)
{
	for (size_t i = 0; i < DM_ARRAY_SIZE(expected); i++) {
		if (expected[i].id != id)
			continue;
		if (expected[i].text == NULL) {
			ck_assert_int_eq(v->kind, DM_VAL_NULL);
			return;
		}
		ck_assert_int_eq(v->kind, DM_VAL_JSON);
		ck_assert_str_eq(v->bytes.p, expected[i].text);
		ck_assert_uint_eq(v->bytes.len, strlen(expected[i].text));
		return;
	}
}

START_TEST(documents_print_as_the_server_prints_them)
{
	struct dm_value v[2];
	struct fixture f;
	unsigned seen = 0;

	fixture_open(&f, "mysql-9.7.binlog");
	while (seen < 55) {
		struct dm_table_map *map = fixture_find_rows(&f, "js");
		struct dm_rows r;
		bool more;

		must(dm_rows_begin(
		    &f.format, f.h.type, f.body, f.body_len, map, &r));
		for (;; seen++) {
			must(dm_rows_next(&r, map, &f.arena, NULL, v, &more));
			if (!more)
				break;
			check_value(v[0].i, &v[1]);
		}
		dm_rows_end(&r);
		dm_table_map_free(map);
	}
	ck_assert_uint_eq(seen, 55);
	fixture_close(&f);
}
END_TEST

/* An array of more than 64 kB has wide offsets and more inlined types. */
START_TEST(large_documents_are_read)
{
	struct dm_value v[2];
	struct fixture f;

	fixture_open(&f, "mysql-9.7.binlog");
	for (bool found = false; !found;) {
		struct dm_table_map *map = fixture_find_rows(&f, "js");
		struct dm_rows r;
		bool more = true;

		must(dm_rows_begin(
		    &f.format, f.h.type, f.body, f.body_len, map, &r));
		while (more && !found) {
			must(dm_rows_next(&r, map, &f.arena, NULL, v, &more));
			found = more && v[0].i == 73;
		}
		dm_rows_end(&r);
		dm_table_map_free(map);
	}
	ck_assert_uint_eq(v[1].bytes.len, 2 + 70000 +
					      strlen("[, 100000, 5, "
						     "true, -7]"));
	ck_assert_str_eq(v[1].bytes.p + 70003, ", 100000, 5, true, -7]");
	fixture_close(&f);
}
END_TEST

START_TEST(an_empty_document_is_the_literal_null)
{
	struct dm_arena a = { 0 };
	const char *text;
	size_t len;

	ck_assert(dm_json_text_((const uint8_t *)"", 0, &a, &text, &len));
	ck_assert_str_eq(text, "null");
	dm_arena_fini(&a);
}
END_TEST

static const struct {
	const char *what, *bytes;
	size_t len;
} broken[] = {
	{ "unknown type", "\x0d\x00", 2 },
	{ "unknown literal", "\x04\x03", 2 },
	{ "cut number", "\x09\x01\x02", 3 },
	{ "cut string",
	    "\x0c\x05"
	    "abc",
	    5 },
	{ "endless length", "\x0c\xff\xff\xff\xff\xff\xff", 7 },
	{ "size beyond the end", "\x02\x00\x00\x10\x00", 5 },
	{ "infinity", "\x0b\x00\x00\x00\x00\x00\x00\xf0\x7f", 9 },
	/* An array that holds itself: */
	{ "endless depth", "\x02\x01\x00\x07\x00\x02\x00\x00", 8 },
	/* An array of an array of ... each naming the next one twice would
	 * grow without limit; this one names itself twice: */
	{ "endless width", "\x02\x02\x00\x0a\x00\x02\x00\x00\x02\x00\x00", 11 },
	{ "decimal of no precision", "\x0f\xf6\x02\x00\x00", 5 },
	{ "decimal of impossible digits",
	    "\x0f\xf6\x08\x0d\x04\xff\xff\xff\xfa\xde\xde", 11 },
	{ "time of wrong size", "\x0f\x0b\x01\x00", 4 },
};

START_TEST(a_broken_document_is_refused)
{
	struct dm_arena a = { 0 };
	uint8_t *copy = g_memdup2(broken[_i].bytes, broken[_i].len);
	const char *text;
	size_t len;

	ck_assert_msg(!dm_json_text_(copy, broken[_i].len, &a, &text, &len),
	    "%s", broken[_i].what);
	g_free(copy);
	dm_arena_fini(&a);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/binlog/json");
	TCase *tc = tcase_create("json");

	tcase_add_test(tc, documents_print_as_the_server_prints_them);
	tcase_add_test(tc, large_documents_are_read);
	tcase_add_test(tc, an_empty_document_is_the_literal_null);
	tcase_add_loop_test(
	    tc, a_broken_document_is_refused, 0, (int)DM_ARRAY_SIZE(broken));
	suite_add_tcase(s, tc);
	return run_suite(s);
}
