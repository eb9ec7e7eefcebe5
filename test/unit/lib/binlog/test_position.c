/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/binlog/position.c. */
#include "lib/binlog/position.h"
#include "test/unit/lib/binlog/fixture.h"

static const struct {
	const char *a;
	uint64_t pa;
	const char *b;
	uint64_t pb;
	int order;
} pairs[] = {
	{ "", 0, "", 0, 0 },
	{ "", 0, "mysql-bin.000001", 4, -1 },
	{ "mysql-bin.000001", 4, "mysql-bin.000001", 4, 0 },
	{ "mysql-bin.000001", 5, "mysql-bin.000001", 4, 1 },
	{ "mysql-bin.000002", 4, "mysql-bin.000001", 900, 1 },
	{ "mysql-bin.999999", 4, "mysql-bin.1000000", 4, -1 },
	{ "a.b.000002", 4, "c.000010", 4, -1 },
	{ "a.000002", 4, "b.000002", 4, 0 },
	{ "mysql-bin.000001", 4294967296, "mysql-bin.000001", 4, 1 },
	{ "strange", 4, "mysql-bin.000001", 4, -1 },
	{ "a|000001.000009", 4, "a|000002.000001", 4, -1 },
	{ "a|000002.000001", 8, "a|000002.000001", 4, 1 },
	{ "a|000002.000001", 4, "a.000002", 4, -1 },
	{ "a|000002.000003", 4, "a.000003", 4, 0 },
	{ "a|000010.000003", 4, "a|000009.000004", 4, 1 },
	{ "a|x.000003", 4, "a|000009.000004", 4, -1 },
};

START_TEST(positions_are_ordered_by_number_and_offset)
{
	struct dm_pos a = dm_pos_make(pairs[_i].a, pairs[_i].pa);
	struct dm_pos b = dm_pos_make(pairs[_i].b, pairs[_i].pb);

	ck_assert_int_eq(dm_pos_cmp(&a, &b), pairs[_i].order);
	ck_assert_int_eq(dm_pos_cmp(&b, &a), -pairs[_i].order);
}
END_TEST

START_TEST(text_is_dms)
{
	struct dm_pos p = dm_pos_make("mysql-bin.000001", 1234);
	struct dm_pos none = { .pos = 4 }, zero = { .pos = 0 };
	g_autofree char *text = dm_pos_text(&p);
	g_autofree char *empty = dm_pos_text(&none);

	ck_assert_str_eq(text, "(mysql-bin.000001, 1234)");
	ck_assert_str_eq(empty, "");
	ck_assert(dm_pos_is_zero(&zero));
	ck_assert(!dm_pos_is_zero(&none));
}
END_TEST

START_TEST(a_name_and_an_offset_are_parsed)
{
	struct dm_pos p;

	must(dm_pos_parse("mysql-bin|000002.000003:4", &p));
	ck_assert_uint_eq(dm_pos_suffix(&p), 2);
	must(dm_pos_parse("mysql-bin.000003:18446744073709551615", &p));
	ck_assert_str_eq(p.name, "mysql-bin.000003");
	ck_assert_uint_eq(p.pos, UINT64_MAX);
}
END_TEST

static const struct {
	const char *with, *plain;
	unsigned suffix;
} suffixed[] = {
	{ "mysql-bin|000002.000003", "mysql-bin.000003", 2 },
	{ "mysql-bin|1000000.000003", "mysql-bin.000003", 1000000 },
	{ "a.b|000001.1", "a.b.1", 1 },
	{ "a|b|000001.1", "a|b.1", 1 },
	{ "mysql-bin.000003", "mysql-bin.000003", 0 },
	{ "a|000000.1", "a|000000.1", 0 },
	{ "a|00x.1", "a|00x.1", 0 },
	{ "a|000001", "a|000001", 0 },
	{ "", "", 0 },
};

START_TEST(a_suffix_is_found_taken_off_and_put_on)
{
	struct dm_pos with = dm_pos_make(suffixed[_i].with, 7), plain, again;

	ck_assert_uint_eq(dm_pos_suffix(&with), suffixed[_i].suffix);
	plain = dm_pos_plain(&with);
	ck_assert_str_eq(plain.name, suffixed[_i].plain);
	ck_assert_uint_eq(plain.pos, 7);
	again = dm_pos_with_suffix(&plain, suffixed[_i].suffix);
	ck_assert_str_eq(again.name, suffixed[_i].with);
	again = dm_pos_with_suffix(&with, 0);
	ck_assert_str_eq(again.name, suffixed[_i].plain);
}
END_TEST

START_TEST(a_name_that_takes_no_suffix_has_none)
{
	g_autofree char *name = g_strnfill(DM_BINLOG_NAME_MAX, 'x');
	struct dm_pos long_one = dm_pos_make(name, 4), p;
	struct dm_pos no_number = dm_pos_make("binlog", 4);

	name[DM_BINLOG_NAME_MAX - 2] = '.';
	name[DM_BINLOG_NAME_MAX - 1] = '1';
	long_one = dm_pos_make(name, 4);
	p = dm_pos_with_suffix(&long_one, 2);
	ck_assert_str_eq(p.name, name);
	p = dm_pos_with_suffix(&no_number, 2);
	ck_assert_str_eq(p.name, "binlog");
}
END_TEST

static const char *const wrong[] = { "", ":4", "a.000001",
	"a.000001:", "a.000001:x", "a.000001:4x", "a.000001:-4", "a.000001: 4",
	"a:b:4", "a.000001:18446744073709551616" };

START_TEST(wrong_text_is_refused)
{
	struct dm_pos p;
	DM_AUTO(dm_err) err = dm_pos_parse(wrong[_i], &p);

	ck_assert_msg(dm_err_is(err, INVALID_BINLOG_POS_STR), "%s", wrong[_i]);
}
END_TEST

START_TEST(a_name_that_is_too_long_is_refused)
{
	g_autofree char *name = g_strnfill(DM_BINLOG_NAME_MAX + 1, 'a');
	g_autofree char *text = g_strconcat(name, ":4", NULL);
	g_autofree char *fits = g_strconcat(name + 1, ":4", NULL);
	struct dm_pos p;
	DM_AUTO(dm_err) err = dm_pos_parse(text, &p);

	ck_assert(dm_err_is(err, INVALID_BINLOG_POS_STR));
	must(dm_pos_parse(fits, &p));
	ck_assert_str_eq(p.name, name + 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/binlog/position");
	TCase *tc = tcase_create("position");

	tcase_add_loop_test(tc, positions_are_ordered_by_number_and_offset, 0,
	    (int)DM_ARRAY_SIZE(pairs));
	tcase_add_test(tc, text_is_dms);
	tcase_add_test(tc, a_name_and_an_offset_are_parsed);
	tcase_add_loop_test(
	    tc, wrong_text_is_refused, 0, (int)DM_ARRAY_SIZE(wrong));
	tcase_add_test(tc, a_name_that_is_too_long_is_refused);
	tcase_add_loop_test(tc, a_suffix_is_found_taken_off_and_put_on, 0,
	    (int)DM_ARRAY_SIZE(suffixed));
	tcase_add_test(tc, a_name_that_takes_no_suffix_has_none);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
