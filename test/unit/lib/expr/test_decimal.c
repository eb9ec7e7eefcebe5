/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/expr/decimal.c and temporal.c. */
#include "lib/expr/decimal.h"
#include "lib/expr/temporal.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct ex_dec
dec(const char *text)
{
	struct ex_dec d;
	bool fits;

	ck_assert_uint_eq(
	    ex_dec_parse(text, strlen(text), &d, &fits), strlen(text));
	ck_assert(fits);
	return d;
}

static const struct {
	const char *a;
	char op;
	const char *b, *result;
} sums[] = {
	{ "1", '+', "2", "3" },
	{ "0.1", '+', "0.2", "0.3" },
	{ "-0.05", '+', "0.05", "0.00" },
	{ "999", '+', "1", "1000" },
	{ "1", '-', "1.01", "-0.01" },
	{ "-1.5", '*', "-1.5", "2.25" },
	{ "99999999999999999999", '*', "99999999999999999999",
	    "9999999999999999999800000000000000000001" },
	{ "1", '/', "3", "0.333333333" },
	{ "1.0", '/', "7", "0.142857142" },
	{ "22", '/', "7", "3.142857142" },
	{ "7.5", '%', "2", "1.5" },
	{ "-7", '%', "3", "-1" },
	{ "1e3", '-', "1e-3", "999.999" },
};

START_TEST(results_have_all_their_digits)
{
	struct ex_dec a = dec(sums[_i].a), b = dec(sums[_i].b), out = a;
	g_autoptr(GString) s = g_string_new(NULL);
	bool fits = false;

	switch (sums[_i].op) {
	case '+':
		fits = ex_dec_add(&a, &b, &out);
		break;
	case '-':
		fits = ex_dec_sub(&a, &b, &out);
		break;
	case '*':
		fits = ex_dec_mul(&a, &b, &out);
		break;
	case '/':
		fits = ex_dec_div(&a, &b, &out);
		break;
	default:
		fits = ex_dec_mod(&a, &b, &out);
		break;
	}
	ck_assert(fits);
	ex_dec_text(&out, out.frac, s);
	ck_assert_str_eq(s->str, sums[_i].result);
}
END_TEST

START_TEST(rounding_goes_away_from_zero)
{
	static const struct {
		const char *a;
		int scale;
		enum ex_round how;
		const char *result;
	} cases[] = {
		{ "2.5", 0, EX_ROUND_HALF, "3" },
		{ "-2.5", 0, EX_ROUND_HALF, "-3" },
		{ "2.49", 0, EX_ROUND_HALF, "2" },
		{ "99.995", 2, EX_ROUND_HALF, "100.00" },
		{ "95", -1, EX_ROUND_HALF, "100" },
		{ "45", -2, EX_ROUND_HALF, "0" },
		{ "55", -2, EX_ROUND_HALF, "100" },
		{ "5", -5, EX_ROUND_HALF, "0" },
		{ "1.999", 2, EX_ROUND_CUT, "1.99" },
		{ "-0.004", 2, EX_ROUND_HALF, "0.00" },
	};

	for (size_t i = 0; i < DM_ARRAY_SIZE(cases); i++) {
		struct ex_dec a = dec(cases[i].a);
		g_autoptr(GString) s = g_string_new(NULL);

		ck_assert(ex_dec_round(&a, cases[i].scale, cases[i].how, &a));
		ex_dec_text(&a, MAX(cases[i].scale, 0), s);
		ck_assert_str_eq(s->str, cases[i].result);
	}
}
END_TEST

START_TEST(too_many_digits_are_told)
{
	g_autofree char *nines = g_strnfill(60, '9');
	struct ex_dec a = dec(nines), out;
	bool fits;

	ck_assert(!ex_dec_mul(&a, &a, &out));
	(void)ex_dec_parse("1e100", 5, &out, &fits);
	ck_assert(!fits);
	ck_assert_uint_eq(ex_dec_parse("-x", 2, &out, &fits), 0);
	ck_assert_uint_eq(ex_dec_parse("1.5e", 4, &out, &fits), 3);
	ck_assert(!ex_dec_to_i64(&a, &(int64_t){ 0 }));
	a = dec("-9223372036854775808");
	ck_assert(ex_dec_to_i64(&a, &(int64_t){ 0 }));
	ck_assert(!ex_dec_to_u64(&a, &(uint64_t){ 0 }));
}
END_TEST

START_TEST(dates_are_read_as_the_servers_do)
{
	static const struct {
		const char *text;
		enum ex_read read;
		const char *again;
	} cases[] = {
		{ "2024-02-29", EX_READ_OK, "2024-02-29 00:00:00.000000" },
		{ "2024-2-9 1:2", EX_READ_OK, "2024-02-09 01:02:00.000000" },
		{ "24/02/29", EX_READ_OK, "2024-02-29 00:00:00.000000" },
		{ "20240229101112", EX_READ_OK, "2024-02-29 10:11:12.000000" },
		{ "2024-02-29T10:11:12.5", EX_READ_OK,
		    "2024-02-29 10:11:12.500000" },
		{ "0000-00-00", EX_READ_OK, "0000-00-00 00:00:00.000000" },
		{ "2023-02-29", EX_READ_NOT, NULL },
		{ "2024-13-01", EX_READ_NOT, NULL },
		{ "2024-01-01 24:00:00", EX_READ_NOT, NULL },
		{ "soon", EX_READ_NOT, NULL },
		{ "", EX_READ_NOT, NULL },
		{ "2024-01-01x", EX_READ_UNSURE, NULL },
		{ "2024-01", EX_READ_UNSURE, NULL },
		{ "240229", EX_READ_UNSURE, NULL },
		{ "2024-01-01 10:11:12.1234567", EX_READ_UNSURE, NULL },
	};

	for (size_t i = 0; i < DM_ARRAY_SIZE(cases); i++) {
		g_autoptr(GString) s = g_string_new(NULL);
		const char *text = cases[i].text;
		struct ex_time t;
		bool has_time;

		ck_assert_msg(ex_datetime_read(text, strlen(text), &t,
				  &has_time) == cases[i].read,
		    "%s", text);
		if (cases[i].again == NULL)
			continue;
		ex_datetime_text(&t, 6, s);
		ck_assert_str_eq(s->str, cases[i].again);
	}
}
END_TEST

START_TEST(adding_follows_the_calendar)
{
	struct ex_time t = { .year = 2024, .month = 1, .day = 31 };

	ck_assert(ex_add_months(&t, 1));
	ck_assert_int_eq(t.day, 29);
	ck_assert(ex_add_seconds(&t, 86400, -1));
	ck_assert_int_eq(t.day, 29);
	ck_assert_int_eq(t.micro, 999999);
	ck_assert_int_eq(ex_weekday(&t), 4);
	for (int64_t day = 1; day < 3652424; day += 997) {
		struct ex_time at = { .month = 1, .day = 1 };

		ck_assert(ex_add_seconds(&at, (day - 1) * 86400, 0));
		ck_assert_int_eq(ex_days(&at), day);
	}
	ck_assert(!ex_add_months(&t, 12 * 8000));
	ck_assert(!ex_add_seconds(&t, INT64_MAX, 1));
	ck_assert(!ex_add_seconds(&t, (int64_t)8000 * 366 * 86400, 0));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/expr/decimal");
	TCase *tc = tcase_create("decimal");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    tc, results_have_all_their_digits, 0, (int)DM_ARRAY_SIZE(sums));
	tcase_add_test(tc, rounding_goes_away_from_zero);
	tcase_add_test(tc, too_many_digits_are_told);
	tcase_add_test(tc, dates_are_read_as_the_servers_do);
	tcase_add_test(tc, adding_follows_the_calendar);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
