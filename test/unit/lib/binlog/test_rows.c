/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of table_map.c, rows.c, value.c, decimal.c, temporal.c. */
#include "test/unit/lib/binlog/fixture.h"

#define NULLS3 "NULL|NULL|NULL"

START_TEST(integers_keep_their_extremes)
{
	static const char *const rows[] = {
		"1|-128|0|-32768|0|-8388608|0|-2147483648|0|"
		"-9223372036854775808|0",
		"2|127|-1|32767|-1|8388607|-1|2147483647|-1|"
		"9223372036854775807|-1",
		"3|" NULLS3 "|" NULLS3 "|" NULLS3 "|NULL",
		"4|-1|1|-1|1|-1|1|-1|1|-1|1", NULL
	};
	struct fixture f;

	fixture_open(&f, "mariadb-10.11.binlog");
	check_next_rows(&f, "ints", rows);
	fixture_close(&f);
}
END_TEST

START_TEST(unsigned_integers_are_read_by_their_width)
{
	static const uint64_t max[] = { 0, 0, 255, 0, 65535, 0, 16777215, 0,
		4294967295, 0, UINT64_MAX };
	struct dm_value v[MAX_COLUMNS];
	struct dm_table_map *map;
	struct fixture f;
	struct dm_rows r;
	bool more;

	fixture_open(&f, "mariadb-10.11.binlog");
	map = fixture_find_rows(&f, "ints");
	must(dm_rows_begin(&f.format, f.h.type, f.body, f.body_len, map, &r));
	must(dm_rows_next(&r, map, &f.arena, NULL, v, &more));
	must(dm_rows_next(&r, map, &f.arena, NULL, v, &more));
	ck_assert(more);
	for (unsigned i = 2; i < DM_ARRAY_SIZE(max); i += 2)
		ck_assert_uint_eq(dm_value_unsigned(&v[i]), max[i]);
	dm_rows_end(&r);
	dm_table_map_free(map);
	fixture_close(&f);
}
END_TEST

START_TEST(numbers_bits_and_years_are_exact)
{
	static const char *const rows[] = {
		"1|-3.40282347e+38|-1.7976931348623157e+308|-9999999999|"
		"-0.99999|-99999999999999999999999999999999999."
		"999999999999999999999999999999|-999999999.999999999|"
		"-1234567890.1|1|1023|18446744073709551615|2155",
		"2|1.5|4.9406564584124654e-324|9999999999|0.00001|"
		"99999999999999999999999999999999999."
		"999999999999999999999999999999|1.000000001|0.1|0|1|2|1901",
		"3|" NULLS3 "|" NULLS3 "|" NULLS3 "|NULL|NULL",
		"4|0|0.10000000000000001|0|0.00000|"
		"0.000000000000000000000000000000|0.000000000|-0.1|0|0|0|0",
		NULL
	};
	struct fixture f;

	fixture_open(&f, "mariadb-10.11.binlog");
	check_next_rows(&f, "nums", rows);
	fixture_close(&f);
}
END_TEST

START_TEST(dates_and_times_print_their_digits)
{
	static const char *const rows[] = {
		"1|1000-01-01|-838:59:59|-838:59:58.9|-01:00:00.01|"
		"-00:00:00.001|-00:00:01.9999|-12:34:56.78901|"
		"-00:00:00.000001|1000-01-01 00:00:00|1000-01-01 00:00:00.001|"
		"1000-01-01 00:00:00.000001|1970-01-01 00:00:01|"
		"1970-01-01 00:00:01.01|1970-01-01 00:00:01.000001",
		"2|9999-12-31|838:59:59|838:59:58.9|01:00:00.01|00:00:00.001|"
		"00:00:01.9999|12:34:56.78901|838:59:58.999999|"
		"9999-12-31 23:59:59|9999-12-31 23:59:59.999|"
		"9999-12-31 23:59:59.999999|2038-01-19 03:14:07|"
		"2038-01-19 03:14:06.99|2024-02-29 12:00:00.500000",
		"3|" NULLS3 "|" NULLS3 "|" NULLS3 "|" NULLS3 "|NULL|NULL",
		"4|0000-00-00|00:00:00|00:00:00.0|00:00:00.00|00:00:00.000|"
		"00:00:00.0000|00:00:00.00000|00:00:00.000000|"
		"0000-00-00 00:00:00|0000-00-00 00:00:00.000|"
		"0000-00-00 00:00:00.000000|0000-00-00 00:00:00|"
		"0000-00-00 00:00:00.00|0000-00-00 00:00:00.000000",
		/* The stamp of 2100 is out of the server's range. */
		"5|2024-00-00|-00:00:01|-00:00:00.1|-00:00:00.99|"
		"-01:59:59.999|-00:00:00.0001|-00:00:00.00001|"
		"-837:00:00.000001|2024-02-00 00:00:00|"
		"2024-02-29 01:02:03.400|0000-00-00 00:00:00.000000|"
		"2000-02-29 23:59:59|0000-00-00 00:00:00.00|"
		"1999-12-31 23:59:59.999999",
		NULL
	};
	struct fixture f;

	fixture_open(&f, "mariadb-10.11.binlog");
	check_next_rows(&f, "times", rows);
	fixture_close(&f);
}
END_TEST

static const char *const old_times[] = {
	"1|-838:59:59|1000-01-01 00:00:00|1970-01-01 00:00:01",
	"2|838:59:59|9999-12-31 23:59:59|2038-01-19 03:14:07", "3|" NULLS3,
	"4|00:00:00|0000-00-00 00:00:00|0000-00-00 00:00:00",
	"5|-00:00:01|2024-02-29 12:34:56|2024-02-29 12:34:56", NULL
};

START_TEST(the_old_forms_of_times_are_read)
{
	struct fixture f;

	fixture_open(&f, "mariadb-10.11.binlog");
	check_next_rows(&f, "times_old", old_times);
	fixture_close(&f);
}
END_TEST

START_TEST(strings_are_bytes_as_stored)
{
	static const char *const rows[] = {
		"1|caf\\e9|gr\\c3\\bc\\c3\\9f \\e2\\82\\ac|a|b\\c3\\b6|ab|"
		"\\00\\01\\ff|tt|te|mt|lt|\\00|\\00\\01|\\00\\01\\02|"
		"\\00\\01\\02\\03|1|1|1|1|{\"a\": 1}|"
		"\\00\\00\\00\\00\\01\\01\\00\\00\\00"
		"\\00\\00\\00\\00\\00\\00\\f0?\\00\\00\\00\\00\\00\\00\\00@|"
		"\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00"
		"\\01|\\12>Eg\\e8\\9b\\12\\d3\\a4VBf\\14\\17@||\\ff",
		"2|xxxxxxxxxx|<510>|yyyyyyyyyy|<765>||<300>|<255>|<1000>|||"
		"<255>||||2|300|7|18446744073709551615|[]|"
		"\\00\\00\\00\\00\\01\\01\\00\\00\\00"
		"\\00\\00\\00\\00\\00\\00\\f8\\bf"
		"\\00\\00\\00\\00\\00\\00\\00\\00|"
		"\\ff\\ff\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00"
		"\\ff\\ff|"
		"\\ff\\ff\\ff\\ff\\ff\\ff\\ff\\ff\\ff\\ff\\ff\\ff\\ff\\ff"
		"\\ff\\ff||",
		"3|" NULLS3 "|" NULLS3 "|" NULLS3 "|" NULLS3 "|" NULLS3
		"|" NULLS3 "|" NULLS3 "|" NULLS3,
		"4|||||||||||||||0|0|0|0|\"\"|NULL||||", NULL
	};
	struct fixture f;

	fixture_open(&f, "mariadb-10.11.binlog");
	check_next_rows(&f, "strs", rows);
	fixture_close(&f);
}
END_TEST

START_TEST(long_char_columns_have_their_real_length)
{
	struct dm_table_map *map;
	struct fixture f;

	fixture_open(&f, "mariadb-10.11.binlog");
	map = fixture_find_rows(&f, "strs");
	ck_assert_str_eq(map->schema, "fx");
	ck_assert_uint_eq(map->n_columns, 25);
	ck_assert_uint_eq(map->types[2], DM_WT_STRING);
	ck_assert_uint_eq(map->meta[2], 1020); /* 255 characters of 4 bytes */
	ck_assert_uint_eq(map->types[16], DM_WT_ENUM);
	ck_assert_uint_eq(map->meta[16], 2);
	ck_assert_uint_eq(map->types[18], DM_WT_SET);
	ck_assert_uint_eq(map->meta[18], 8);
	ck_assert(!map->nullable[0]);
	ck_assert(map->nullable[24]);
	ck_assert_ptr_null(map->is_unsigned);
	ck_assert_ptr_null(map->names);
	dm_table_map_free(map);
	fixture_close(&f);
}
END_TEST

START_TEST(compressed_columns_are_inflated)
{
	static const char *const rows[] = { "1|<800>|<10000>|short", "2|||",
		"3|" NULLS3, NULL };
	struct dm_value v[4];
	struct dm_table_map *map;
	struct fixture f;
	struct dm_rows r;
	bool more;

	fixture_open(&f, "mariadb-10.11.binlog");
	map = fixture_find_rows(&f, "comp");
	check_rows(&f, map, rows);
	must(dm_rows_begin(&f.format, f.h.type, f.body, f.body_len, map, &r));
	must(dm_rows_next(&r, map, &f.arena, NULL, v, &more));
	for (size_t i = 0; i < 800; i++)
		ck_assert_int_eq(v[1].bytes.p[i], "ab"[i % 2]);
	for (size_t i = 0; i < 10000; i++)
		ck_assert_int_eq(v[2].bytes.p[i], "cd"[i % 2]);
	dm_rows_end(&r);
	dm_table_map_free(map);
	fixture_close(&f);
}
END_TEST

START_TEST(columns_outside_an_image_are_absent)
{
	static const char *const full[] = {
		"1|-128|0|-32768|0|-8388608|0|-2147483648|0|"
		"-9223372036854775808|0 => 1|5|0|-32768|0|-8388608|0|"
		"-2147483648|0|-9223372036854775808|0",
		NULL
	};
	static const char *const update[] = {
		"2|-|-|-|-|-|-|-|-|-|- => -|-|6|NULL|-|-|-|-|-|-|-", NULL
	};
	static const char *const delete[] = { "4|-|-|-|-|-|-|-|-|-|-", NULL };
	struct fixture f;

	fixture_open(&f, "mariadb-10.11.binlog");
	dm_table_map_free(fixture_find_rows(&f, "ints"));
	check_next_rows(&f, "ints", full);
	check_next_rows(&f, "ints", update);
	check_next_rows(&f, "ints", delete);
	fixture_close(&f);
}
END_TEST

/* Both servers give YEAR a bit, and BIT none. */
START_TEST(signs_and_names_come_from_the_optional_part)
{
	static const char *const files[] = { "mariadb-10.11.binlog",
		"mysql-9.7.binlog" };
	static const bool is_unsigned[] = { true, true, true, false, false,
		true, true, false, true };
	struct dm_table_map *map;
	struct fixture f;

	fixture_open(&f, files[_i]);
	map = fixture_find_rows(&f, "meta");
	ck_assert_uint_eq(map->n_columns, 9);
	for (unsigned i = 0; i < 9; i++) {
		if (map->types[i] != DM_WT_YEAR)
			ck_assert_int_eq(map->is_unsigned[i], is_unsigned[i]);
	}
	if (_i == 0) {
		ck_assert_str_eq(map->names[0], "id");
		ck_assert_str_eq(map->names[8], "x");
		ck_assert_ptr_null(map->names[9]);
	} else {
		ck_assert_ptr_null(map->names); /* not logged by default */
	}
	dm_table_map_free(map);
	fixture_close(&f);
}
END_TEST

START_TEST(compressed_rows_events_are_inflated)
{
	static const char *const inserted[] = {
		"11|-838:59:59|1000-01-01 00:00:00|1970-01-01 00:00:01",
		"12|838:59:59|9999-12-31 23:59:59|2038-01-19 03:14:07",
		"13|" NULLS3,
		"14|00:00:00|0000-00-00 00:00:00|0000-00-00 00:00:00",
		"15|-00:00:01|2024-02-29 12:34:56|2024-02-29 12:34:56", NULL
	};
	static const char *const updated[] = {
		"1|-838:59:59|1000-01-01 00:00:00|1970-01-01 00:00:01 => "
		"1|01:00:00|1000-01-01 00:00:00|1970-01-01 00:00:01",
		"2|838:59:59|9999-12-31 23:59:59|2038-01-19 03:14:07 => "
		"2|01:00:00|9999-12-31 23:59:59|2038-01-19 03:14:07",
		NULL
	};
	struct fixture f;

	fixture_open(&f, "mariadb-10.11.binlog");
	dm_table_map_free(fixture_find_rows(&f, "times_old"));
	check_next_rows(&f, "times_old", inserted);
	ck_assert_uint_eq(f.h.type, DM_EV_MARIADB_WRITE_ROWS_COMPRESSED_V1);
	check_next_rows(&f, "times_old", updated);
	ck_assert_uint_eq(f.h.type, DM_EV_MARIADB_UPDATE_ROWS_COMPRESSED_V1);
	check_next_rows(&f, "times_old", inserted);
	ck_assert_uint_eq(f.h.type, DM_EV_MARIADB_DELETE_ROWS_COMPRESSED_V1);
	fixture_close(&f);
}
END_TEST

START_TEST(mysql_rows_are_read)
{
	static const char *const rows[] = {
		"1|\\00\\00\\80?\\00\\00\\00@|\\00\\00\\00\\00\\01\\01\\00\\00"
		"\\00\\00\\00\\00\\00\\00\\00\\f0?\\00\\00\\00\\00\\00\\00\\00@"
		"|"
		"2|x|-00:00:00.500000",
		"2|" NULLS3 "|NULL|NULL", NULL
	};
	struct fixture f;

	fixture_open(&f, "mysql-9.7.binlog");
	check_next_rows(&f, "vec", rows);
	fixture_close(&f);
}
END_TEST

/* The partial update of the fixture, as the current event. */
static struct dm_table_map *
find_partial_update(struct fixture *f)
{
	struct dm_table_map *map = NULL;

	fixture_open(f, "mysql-9.7.binlog");
	do {
		dm_table_map_free(map);
		map = fixture_find_rows(f, "js");
	} while (f->h.type != DM_EV_PARTIAL_UPDATE_ROWS);
	return map;
}

START_TEST(partial_updates_change_the_value_before)
{
	static const char *const rows[] = {
		"70|{\"a\": 2, \"b\": [1, {\"c\": null}, \"x\"], "
		"\"aa\": {\"k\": -5}} => "
		"70|{\"a\": 3, \"b\": [1, {\"c\": null}, \"x\"], "
		"\"aa\": {\"k\": -5}}",
		NULL
	};
	struct fixture f;
	struct dm_table_map *map = find_partial_update(&f);

	check_rows(&f, map, rows);
	dm_table_map_free(map);
	fixture_close(&f);
}
END_TEST

/* Any byte may be another one, any length shorter: an error or a row. */
START_TEST(a_broken_partial_update_does_no_harm)
{
	struct dm_value before[MAX_COLUMNS], after[MAX_COLUMNS];
	struct fixture f;
	struct dm_table_map *map = find_partial_update(&f);

	for (size_t n = 0; n < 2 * f.body_len; n++) {
		g_autofree uint8_t *bytes = g_memdup2(f.body, f.body_len);
		size_t len = n < f.body_len ? n : f.body_len;
		struct dm_rows r = { 0 };
		struct dm_err *err;
		bool more = true;

		if (n >= f.body_len)
			bytes[n - f.body_len] ^= 0x11;
		err = dm_rows_begin(&f.format, f.h.type, bytes, len, map, &r);
		while (err == NULL && more)
			err = dm_rows_next(
			    &r, map, &f.arena, before, after, &more);
		/* The head of the event must be whole. */
		if (n < 13)
			ck_assert_ptr_nonnull(err);
		dm_err_free(err);
		dm_rows_end(&r);
	}
	dm_table_map_free(map);
	fixture_close(&f);
}
END_TEST

/* Every shorter form of each rows event ends in an error, or at a row's end. */
START_TEST(a_cut_event_is_an_error)
{
	static const char *const tables[] = { "ints", "nums", "times", "strs",
		"comp" };
	struct dm_value v[MAX_COLUMNS];
	struct dm_table_map *map;
	struct fixture f;

	fixture_open(&f, "mariadb-10.11.binlog");
	map = fixture_find_rows(&f, tables[_i]);
	for (size_t n = 0; n < f.body_len; n++) {
		/* Of its own size, so that a read behind it is seen. */
		uint8_t *cut = g_memdup2(f.body, n);
		struct dm_rows r = { 0 };
		struct dm_err *err;
		bool more = true;

		err = dm_rows_begin(&f.format, f.h.type, cut, n, map, &r);
		while (err == NULL && more)
			err = dm_rows_next(&r, map, &f.arena, v, v, &more);
		dm_err_free(err);
		dm_rows_end(&r);
		dm_arena_reset(&f.arena);
		g_free(cut);
	}
	dm_table_map_free(map);
	fixture_close(&f);
}
END_TEST

START_TEST(an_error_names_table_column_and_type)
{
	struct dm_value v[MAX_COLUMNS];
	struct dm_table_map *map;
	struct dm_err *err = NULL;
	struct fixture f;
	struct dm_rows r;
	bool more = true;

	fixture_open(&f, "mariadb-10.11.binlog");
	map = fixture_find_rows(&f, "ints");
	map->types[3] = 200;
	must(dm_rows_begin(&f.format, f.h.type, f.body, f.body_len, map, &r));
	err = dm_rows_next(&r, map, &f.arena, NULL, v, &more);
	ck_assert_str_eq(err->message,
	    "get binlog event error: column 4 of `fx`.`ints` has a type that "
	    "is not supported (type 200, metadata 0)");
	dm_err_free(err);
	dm_rows_end(&r);
	dm_table_map_free(map);
	fixture_close(&f);
}
END_TEST

START_TEST(an_image_without_columns_is_an_error)
{
	struct dm_table_map *map;
	DM_AUTO(dm_err) err = NULL;
	struct fixture f;
	struct dm_rows r;
	uint8_t *body;

	fixture_open(&f, "mariadb-10.11.binlog");
	map = fixture_find_rows(&f, "ints");
	body = g_memdup2(f.body, f.body_len);
	body[9] = 0;     /* behind table id, flags, number of columns */
	body[10] = 0xf8; /* bits behind the last column do not count */
	err = dm_rows_begin(&f.format, f.h.type, body, f.body_len, map, &r);
	ck_assert(dm_err_is(err, BINLOG_NOT_LOG_COLUMN));
	g_free(body);
	dm_table_map_free(map);
	fixture_close(&f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/binlog/rows");
	TCase *tc = tcase_create("rows");

	tcase_add_test(tc, integers_keep_their_extremes);
	tcase_add_test(tc, unsigned_integers_are_read_by_their_width);
	tcase_add_test(tc, numbers_bits_and_years_are_exact);
	tcase_add_test(tc, dates_and_times_print_their_digits);
	tcase_add_test(tc, the_old_forms_of_times_are_read);
	tcase_add_test(tc, strings_are_bytes_as_stored);
	tcase_add_test(tc, long_char_columns_have_their_real_length);
	tcase_add_test(tc, compressed_columns_are_inflated);
	tcase_add_test(tc, columns_outside_an_image_are_absent);
	tcase_add_loop_test(
	    tc, signs_and_names_come_from_the_optional_part, 0, 2);
	tcase_add_test(tc, compressed_rows_events_are_inflated);
	tcase_add_test(tc, mysql_rows_are_read);
	tcase_add_test(tc, partial_updates_change_the_value_before);
	tcase_add_test(tc, a_broken_partial_update_does_no_harm);
	tcase_add_loop_test(tc, a_cut_event_is_an_error, 0, 5);
	tcase_add_test(tc, an_error_names_table_column_and_type);
	tcase_add_test(tc, an_image_without_columns_is_an_error);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
