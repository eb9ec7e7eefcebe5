/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of gtid.c, gtid_text.c and the sets of gtid_event.c. */
#include "test/unit/lib/binlog/fixture.h"

#define U1 "11111111-1111-1111-1111-111111111111"
#define U2 "22222222-2222-2222-2222-22222222222a"

static struct dm_gtid_set *
parse(enum dm_flavor flavor, const char *text)
{
	struct dm_gtid_set *s = NULL;

	must(dm_gtid_set_parse(flavor, text, &s));
	return s;
}

static const struct {
	enum dm_flavor flavor;
	const char *text, *normal;
} texts[] = {
	{ DM_FLAVOR_MYSQL, "", "" },
	{ DM_FLAVOR_MYSQL, U1 ":0", "" },
	{ DM_FLAVOR_MYSQL, U1 ":1", U1 ":1" },
	{ DM_FLAVOR_MYSQL, U1 ":1-1", U1 ":1" },
	{ DM_FLAVOR_MYSQL, U1 ":1-3:4:5", U1 ":1-5" },
	{ DM_FLAVOR_MYSQL, U1 ":7:1-3", U1 ":1-3:7" },
	{ DM_FLAVOR_MYSQL, U1 ":1-5:2-3", U1 ":1-5" },
	{ DM_FLAVOR_MYSQL, U1 ":1-2:5-6:9-10:2-9", U1 ":1-10" },
	{ DM_FLAVOR_MYSQL, "22222222-2222-2222-2222-22222222222A:1,\n " U1 ":2",
	    U1 ":2," U2 ":1" },
	{ DM_FLAVOR_MYSQL, U1 ":1," U1 ":2", U1 ":1-2" },
	{ DM_FLAVOR_MYSQL, U1 ":1-3,", U1 ":1-3" },
	{ DM_FLAVOR_MYSQL, U1 ":1:Tag_b:2:tag_a:1-2:3",
	    U1 ":1:tag_a:1-3:tag_b:2" },
	{ DM_FLAVOR_MYSQL, U1 ":9223372036854775806",
	    U1 ":9223372036854775806" },
	{ DM_FLAVOR_MARIADB, "", "" },
	{ DM_FLAVOR_MARIADB, "0-0-0", "" },
	{ DM_FLAVOR_MARIADB, "1-2-3, 0-1-5", "0-1-5,1-2-3" },
	{ DM_FLAVOR_MARIADB, "0-1-5,0-2-4", "0-1-5" },
	{ DM_FLAVOR_MARIADB, "4294967295-4294967295-18446744073709551615",
	    "4294967295-4294967295-18446744073709551615" },
	{ DM_FLAVOR_ANY, "0-1-5", "0-1-5" },
	{ DM_FLAVOR_ANY, U1 ":5", U1 ":5" },
};

START_TEST(text_has_a_normal_form)
{
	DM_AUTO(dm_gtid_set) s = parse(texts[_i].flavor, texts[_i].text);
	g_autofree char *text = dm_gtid_set_text(s);
	DM_AUTO(dm_gtid_set) copy = dm_gtid_set_copy(s);
	g_autofree char *again = dm_gtid_set_text(copy);

	ck_assert_str_eq(text, texts[_i].normal);
	ck_assert_str_eq(again, texts[_i].normal);
	ck_assert_int_eq(dm_gtid_set_is_empty(s), text[0] == '\0');
	ck_assert(dm_gtid_set_equal(s, copy));
}
END_TEST

static const struct {
	enum dm_flavor flavor;
	const char *text;
} wrong[] = {
	{ DM_FLAVOR_MYSQL, U1 },
	{ DM_FLAVOR_MYSQL, U1 ":" },
	{ DM_FLAVOR_MYSQL, U1 ":tag" },
	{ DM_FLAVOR_MYSQL, U1 ":1:tag" },
	{ DM_FLAVOR_MYSQL, U1 ":3-1" },
	{ DM_FLAVOR_MYSQL, U1 ":1-" },
	{ DM_FLAVOR_MYSQL, U1 ":-1" },
	{ DM_FLAVOR_MYSQL, U1 ":1x" },
	{ DM_FLAVOR_MYSQL, U1 ":9223372036854775807" },
	{ DM_FLAVOR_MYSQL, U1 ":99999999999999999999" },
	{ DM_FLAVOR_MYSQL, U1 ":a-tag:1" },
	{ DM_FLAVOR_MYSQL, U1 ":_23456789012345678901234567890123:1" },
	{ DM_FLAVOR_MYSQL, "1111111-11111-1111-1111-111111111111:1" },
	{ DM_FLAVOR_MYSQL, "0-1-5" },
	{ DM_FLAVOR_MARIADB, U1 ":1" },
	{ DM_FLAVOR_MARIADB, "0-1" },
	{ DM_FLAVOR_MARIADB, "0-1-5-6" },
	{ DM_FLAVOR_MARIADB, "4294967296-1-1" },
	{ DM_FLAVOR_MARIADB, "0-1-18446744073709551616" },
	{ DM_FLAVOR_ANY, "what" },
};

START_TEST(wrong_text_is_refused)
{
	struct dm_gtid_set *s = NULL;
	DM_AUTO(dm_err)
	err = dm_gtid_set_parse(wrong[_i].flavor, wrong[_i].text, &s);

	ck_assert_msg(dm_err_is(err, PARSE_GTID), "%s", wrong[_i].text);
	ck_assert_ptr_null(s);
	ck_assert_ptr_nonnull(strstr(err->message, wrong[_i].text));
}
END_TEST

START_TEST(the_flavor_of_a_text_is_found)
{
	DM_AUTO(dm_gtid_set) a = parse(DM_FLAVOR_ANY, U1 ":1");
	DM_AUTO(dm_gtid_set) b = parse(DM_FLAVOR_ANY, "0-1-5");
	DM_AUTO(dm_gtid_set) c = parse(DM_FLAVOR_ANY, "");

	ck_assert_int_eq(dm_gtid_set_flavor(a), DM_FLAVOR_MYSQL);
	ck_assert_int_eq(dm_gtid_set_flavor(b), DM_FLAVOR_MARIADB);
	ck_assert_int_eq(dm_gtid_set_flavor(c), DM_FLAVOR_ANY);
	dm_gtid_set_add_mariadb(c, 0, 1, 2);
	ck_assert_int_eq(dm_gtid_set_flavor(c), DM_FLAVOR_MARIADB);
}
END_TEST

static const struct {
	const char *a, *b;
	bool contains;
	const char *sum;
} pairs[] = {
	{ U1 ":1-5", U1 ":2-3", true, U1 ":1-5" },
	{ U1 ":1-5", U1 ":5", true, U1 ":1-5" },
	{ U1 ":1-5", U1 ":6", false, U1 ":1-6" },
	{ U1 ":1-5", U1 ":5-6", false, U1 ":1-6" },
	{ U1 ":1-3:5-9", U1 ":3-5", false, U1 ":1-9" },
	{ U1 ":1-3:5-9", U1 ":2:6-9", true, U1 ":1-3:5-9" },
	{ U1 ":1-3:7-9", U1 ":5", false, U1 ":1-3:5:7-9" },
	{ U1 ":1", U2 ":1", false, U1 ":1," U2 ":1" },
	{ U1 ":1-9", U1 ":t:1", false, U1 ":1-9:t:1" },
	{ U1 ":1:t:1-5", U1 ":t:2", true, U1 ":1:t:1-5" },
	{ U1 ":1", "", true, U1 ":1" },
	{ "", U1 ":1", false, U1 ":1" },
	{ "0-1-5", "0-2-5", true, "0-1-5" },
	{ "0-1-5", "0-1-6", false, "0-1-6" },
	{ "0-1-5", "1-1-1", false, "0-1-5,1-1-1" },
	{ "0-1-5,1-1-1", "1-1-1", true, "0-1-5,1-1-1" },
	{ "0-1-5", U1 ":1", false, U1 ":1,0-1-5" },
};

START_TEST(sets_contain_and_unite)
{
	DM_AUTO(dm_gtid_set) a = parse(DM_FLAVOR_ANY, pairs[_i].a);
	DM_AUTO(dm_gtid_set) b = parse(DM_FLAVOR_ANY, pairs[_i].b);
	g_autofree char *text = NULL;

	ck_assert_int_eq(dm_gtid_set_contains(a, b), pairs[_i].contains);
	dm_gtid_set_union(a, b);
	text = dm_gtid_set_text(a);
	ck_assert_str_eq(text, pairs[_i].sum);
	ck_assert(dm_gtid_set_contains(a, b));
	dm_gtid_set_union(a, a);
	g_free(text);
	text = dm_gtid_set_text(a);
	ck_assert_str_eq(text, pairs[_i].sum);
}
END_TEST

START_TEST(single_transactions_are_merged)
{
	static const uint8_t uuid[16] = { 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
		0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11 };
	static const int64_t order[] = { 5, 1, 3, 2, 4, 0, 9, 3 };
	DM_AUTO(dm_gtid_set) s = dm_gtid_set_new(DM_FLAVOR_MYSQL);
	g_autofree char *text = NULL;

	for (size_t i = 0; i < DM_ARRAY_SIZE(order); i++)
		dm_gtid_set_add_mysql(s, uuid, "", order[i]);
	dm_gtid_set_add_mysql(s, uuid, "t", 1);
	text = dm_gtid_set_text(s);
	ck_assert_str_eq(text, U1 ":1-5:9:t:1");
}
END_TEST

START_TEST(a_domain_moves_to_its_newest_transaction)
{
	DM_AUTO(dm_gtid_set) s = dm_gtid_set_new(DM_FLAVOR_MARIADB);
	g_autofree char *text = NULL;

	dm_gtid_set_add_mariadb(s, 1, 1, 10);
	dm_gtid_set_add_mariadb(s, 0, 1, 5);
	dm_gtid_set_add_mariadb(s, 1, 2, 11);
	text = dm_gtid_set_text(s);
	ck_assert_str_eq(text, "0-1-5,1-2-11");
}
END_TEST

static const char *const encoded[] = { "", U1 ":1-5:9," U2 ":3",
	U1 ":1:a:2:bcd:1-9," U2 ":x:1" };

START_TEST(the_binary_form_reads_back)
{
	DM_AUTO(dm_gtid_set) s = parse(DM_FLAVOR_MYSQL, encoded[_i]);
	DM_AUTO(dm_gtid_set) back = dm_gtid_set_new(DM_FLAVOR_MYSQL);
	g_autoptr(GBytes) bytes = dm_gtid_set_encode_mysql(s);
	gsize n;
	const uint8_t *p = g_bytes_get_data(bytes, &n);

	must(dm_previous_gtids_decode(p, n, back));
	ck_assert(dm_gtid_set_equal(s, back));
	/* Every shorter form is an error, or a smaller number of sources. */
	for (gsize cut = 0; cut < n; cut++) {
		DM_AUTO(dm_gtid_set) part = dm_gtid_set_new(DM_FLAVOR_MYSQL);
		uint8_t *copy = g_memdup2(p, cut);
		DM_AUTO(dm_err) err = dm_previous_gtids_decode(copy, cut, part);

		ck_assert_ptr_nonnull(err);
		g_free(copy);
	}
}
END_TEST

START_TEST(the_binary_form_is_the_servers)
{
	static const char form[] =
	    "\x01\0\0\0\0\0\0\0"
	    "\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11"
	    "\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x04\0\0\0\0\0\0";
	DM_AUTO(dm_gtid_set) s = parse(DM_FLAVOR_MYSQL, U1 ":1-3");
	g_autoptr(GBytes) bytes = dm_gtid_set_encode_mysql(s);
	gsize n;
	const uint8_t *p = g_bytes_get_data(bytes, &n);

	ck_assert_uint_eq(n, sizeof(form));
	ck_assert_mem_eq(p, form, n);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/binlog/gtid");
	TCase *tc = tcase_create("gtid");

	tcase_add_loop_test(
	    tc, text_has_a_normal_form, 0, (int)DM_ARRAY_SIZE(texts));
	tcase_add_loop_test(
	    tc, wrong_text_is_refused, 0, (int)DM_ARRAY_SIZE(wrong));
	tcase_add_test(tc, the_flavor_of_a_text_is_found);
	tcase_add_loop_test(
	    tc, sets_contain_and_unite, 0, (int)DM_ARRAY_SIZE(pairs));
	tcase_add_test(tc, single_transactions_are_merged);
	tcase_add_test(tc, a_domain_moves_to_its_newest_transaction);
	tcase_add_loop_test(
	    tc, the_binary_form_reads_back, 0, (int)DM_ARRAY_SIZE(encoded));
	tcase_add_test(tc, the_binary_form_is_the_servers);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
