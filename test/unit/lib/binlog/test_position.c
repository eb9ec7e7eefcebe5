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

	must(dm_pos_parse("mysql-bin.000003:18446744073709551615", &p));
	ck_assert_str_eq(p.name, "mysql-bin.000003");
	ck_assert_uint_eq(p.pos, UINT64_MAX);
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
	suite_add_tcase(s, tc);
	return run_suite(s);
}
