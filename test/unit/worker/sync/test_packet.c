/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/sync/packet.c. */
#include "worker/sync/packet.h"

#include "test/unit/worker/sync/fixture.h"

#include <stdlib.h>
#include <string.h>

#define ID_V "CREATE TABLE t (id INT PRIMARY KEY, v INT)"

static char schema[] = "dm_meta", task[] = "t1", source[] = "s1",
	    worker[] = "w", key[] = "task='t1' AND source='s1'",
	    mode[] = "STRICT_ALL_TABLES";
static const struct meta meta = { .schema = schema,
	.task = task,
	.source = source,
	.worker = worker,
	.key = key,
	.epoch = 7 };

/* v < 0: no row. */
static void
add(struct batch *b, const struct tbl *t, int id, int from, int to)
{
	struct dm_value before[2] = { int_value(id), int_value(from) };
	struct dm_value after[2] = { int_value(id), int_value(to) };
	struct row_change rc = { .t = t,
		.before = from < 0 ? NULL : before,
		.after = to < 0 ? NULL : after };

	ck_assert(batch_add(b, &rc));
}

static const struct statement *
statement(const struct packet *p, guint i)
{
	ck_assert_uint_lt(i, p->statements->len);
	return &g_array_index(p->statements, struct statement, i);
}

static void
check_statement(const struct packet *p, guint i, const char *text,
    int64_t expected, uint64_t rows)
{
	const struct statement *st = statement(p, i);
	g_autofree char *got = g_strndup(p->text->str + st->off, st->len);

	ck_assert_str_eq(got, text);
	ck_assert_int_eq(st->expected, expected);
	ck_assert_uint_eq(st->rows, rows);
}

/* The packet of one batch; takes b. */
static void
build(struct packet *p, struct batch *b)
{
	struct target_info info = { .sql_mode = mode };
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(batch_free);

	b->mark.done = dm_pos_make("mysql-bin.000002", 99);
	g_ptr_array_add(list, b);
	packet_build(p, &meta, &info, 3, list);
}

START_TEST(the_fence_comes_first_and_the_commit_last)
{
	struct packet p;
	const char *text;

	packet_init(&p);
	build(&p, batch_new());
	ck_assert_uint_eq(p.statements->len, 4);
	check_statement(&p, 0, "BEGIN", -1, 0);
	check_statement(&p, 3, "COMMIT", -1, 0);
	text = p.text->str + statement(&p, 1)->off;
	ck_assert_ptr_nonnull(strstr(text, "epoch = IF(epoch = 7"));
	ck_assert_ptr_nonnull(strstr(text, "binlog_name='mysql-bin.000002'"));
	ck_assert_ptr_nonnull(strstr(text, "binlog_pos=99"));
	ck_assert_ptr_nonnull(strstr(text, "lane=3"));
	ck_assert_int_eq(statement(&p, 1)->expected, 1);
	/* Where that met no row, this fails: also if there is a newer one. */
	check_statement(&p, 2,
	    "SET @dm_ours = (SELECT IF(COUNT(*) = 1, 1, COUNT(*) + "
	    "9223372036854775807 + "
	    "9223372036854775807) FROM `dm_meta`.`dm_lane` WHERE task='t1' AND "
	    "source='s1' AND epoch = 7 AND lane=3)",
	    -1, 0);
	packet_fini(&p);
}
END_TEST

START_TEST(merged_changes_make_one_statement_for_each_kind)
{
	struct tbl *t = make_tbl(ID_V, ID_V, false);
	struct batch *b = batch_new();
	struct packet p;

	packet_init(&p);
	add(b, t, 1, -1, 10);
	add(b, t, 2, 5, -1);
	add(b, t, 3, 5, 6);
	add(b, t, 4, -1, 11);
	add(b, t, 5, 1, -1);
	add(b, t, 6, 7, 8);
	add(b, t, 6, 8, 7); /* as it was */
	add(b, t, 7, -1, 1);
	add(b, t, 7, 1, -1); /* came and went */
	build(&p, b);
	ck_assert_uint_eq(p.statements->len, 7);
	check_statement(
	    &p, 3, "DELETE FROM `db`.`t` WHERE `id` IN (2,5)", 2, 2);
	check_statement(&p, 4,
	    "INSERT INTO `db`.`t` (`id`,`v`) VALUES (1,10),(4,11)", 2, 2);
	check_statement(&p, 5,
	    "INSERT INTO `db`.`t` (`id`,`v`) VALUES (3,6),(6,7)"
	    " ON DUPLICATE KEY UPDATE `v`=VALUES(`v`)",
	    3, 3);
	ck_assert_uint_eq(p.silent, 2);
	packet_fini(&p);
	tbl_free(t);
}
END_TEST

START_TEST(deletes_come_first_for_all_tables_of_one_target)
{
	/* Whichever of the two has the lower address. */
	for (int i = 0; i < 2; i++) {
		struct tbl *one = make_tbl(ID_V, ID_V, false);
		struct tbl *two = make_tbl(ID_V, ID_V, false);
		struct batch *b = batch_new();
		struct packet p;

		packet_init(&p);
		add(b, i == 0 ? one : two, 1, -1, 10);
		add(b, i == 0 ? two : one, 2, 5, -1);
		build(&p, b);
		check_statement(
		    &p, 3, "DELETE FROM `db`.`t` WHERE `id` IN (2)", 1, 1);
		packet_fini(&p);
		tbl_free(one);
		tbl_free(two);
	}
}
END_TEST

START_TEST(a_key_of_two_columns_is_deleted_by_or)
{
	const char *sql = "CREATE TABLE t (a INT, b INT, PRIMARY KEY (a,b))";
	struct tbl *t = make_tbl(sql, sql, false);
	struct batch *b = batch_new();
	struct packet p;

	packet_init(&p);
	add(b, t, 1, 2, -1);
	add(b, t, 3, 4, -1);
	build(&p, b);
	check_statement(&p, 3,
	    "DELETE FROM `db`.`t` WHERE `a`=1 AND `b`=2 OR `a`=3 AND `b`=4", 2,
	    2);
	packet_fini(&p);
	tbl_free(t);
}
END_TEST

START_TEST(changes_in_order_are_joined_only_with_neighbours)
{
	const char *sql = "CREATE TABLE t (id INT PRIMARY KEY, v INT UNIQUE)";
	struct tbl *t = make_tbl(sql, sql, false);
	struct batch *b = batch_new();
	struct packet p;

	packet_init(&p);
	add(b, t, 1, -1, 10);
	add(b, t, 2, -1, 11);
	add(b, t, 1, 10, -1);
	add(b, t, 3, -1, 10);
	add(b, t, 3, 10, 12);
	build(&p, b);
	ck_assert_uint_eq(p.statements->len, 8);
	check_statement(&p, 3,
	    "INSERT INTO `db`.`t` (`id`,`v`) VALUES (1,10),(2,11)", 2, 2);
	check_statement(&p, 4, "DELETE FROM `db`.`t` WHERE `id` IN (1)", 1, 1);
	check_statement(
	    &p, 5, "INSERT INTO `db`.`t` (`id`,`v`) VALUES (3,10)", 1, 1);
	check_statement(&p, 6, "UPDATE `db`.`t` SET `v`=12 WHERE `id`=3", 1, 1);
	packet_fini(&p);
	tbl_free(t);
}
END_TEST

START_TEST(rows_without_a_key_are_deleted_one_by_one)
{
	const char *sql = "CREATE TABLE t (id INT, v INT)";
	struct tbl *t = make_tbl(sql, sql, false);
	struct batch *b = batch_new();
	struct packet p;

	packet_init(&p);
	add(b, t, 1, 2, -1);
	add(b, t, 1, 2, -1);
	build(&p, b);
	ck_assert_uint_eq(p.statements->len, 6);
	check_statement(
	    &p, 4, "DELETE FROM `db`.`t` WHERE `id`=1 AND `v`=2 LIMIT 1", 1, 1);
	packet_fini(&p);
	tbl_free(t);
}
END_TEST

START_TEST(strict_mode_is_left_for_values_it_refuses)
{
	const char *sql =
	    "CREATE TABLE t (id INT PRIMARY KEY, e ENUM('a','b'))";
	struct tbl *t = make_tbl(sql, sql, false);
	struct batch *b = batch_new();
	struct dm_value row[2] = { int_value(1),
		{ .kind = DM_VAL_UINT, .u = 0 } };
	struct row_change rc = { .t = t, .after = row };
	struct packet p;

	packet_init(&p);
	ck_assert(batch_add(b, &rc));
	row[0] = int_value(2);
	row[1].u = 1;
	ck_assert(batch_add(b, &rc));
	build(&p, b);
	ck_assert_uint_eq(p.statements->len, 8);
	check_statement(
	    &p, 3, "INSERT INTO `db`.`t` (`id`,`e`) VALUES (2,1)", 1, 1);
	check_statement(&p, 4,
	    "SET sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'", -1, 0);
	check_statement(
	    &p, 5, "INSERT INTO `db`.`t` (`id`,`e`) VALUES (1,0)", 1, 1);
	check_statement(&p, 6, "SET sql_mode='STRICT_ALL_TABLES'", -1, 0);
	packet_fini(&p);
	tbl_free(t);
}
END_TEST

START_TEST(a_sample_is_valid_text_whatever_the_statement_is)
{
	struct statement st = { .off = 2, .expected = 3 };
	g_autofree char *got = NULL, *cut = NULL;
	struct packet p;

	packet_init(&p);
	g_string_append(p.text, "xxDELETE 'A\xe9' ");
	st.len = p.text->len - st.off;
	got = packet_sample(&p, &st, 2);
	ck_assert_str_eq(
	    got, "matched 2 rows instead of 3: DELETE 'A\xef\xbf\xbd' ");
	/* A character that the limit cuts. */
	while (p.text->len < 2 + 299)
		g_string_append_c(p.text, 'x');
	g_string_append(p.text, "\xc3\xa9 and so on");
	st.len = p.text->len - st.off;
	cut = packet_sample(&p, &st, 2);
	ck_assert(g_utf8_validate(cut, -1, NULL));
	ck_assert(g_str_has_suffix(cut, "xx\xef\xbf\xbd"));
	packet_fini(&p);
}
END_TEST

START_TEST(a_large_text_is_not_kept_twice)
{
	const char *sql = "CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB)";
	struct tbl *t = make_tbl(sql, sql, false);
	g_autofree char *blob = g_malloc0(3 << 20);
	struct dm_value row[2] = { int_value(1),
		{ .kind = DM_VAL_BYTES,
		    .bytes = { .p = blob, .len = 3 << 20 } } };
	struct row_change rc = { .t = t, .after = row };
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(batch_free);
	struct target_info info = { .sql_mode = mode };
	struct batch *b = batch_new();
	struct packet p;

	packet_init(&p);
	ck_assert(batch_add(b, &rc));
	ck_assert(batch_is_full(b, 100, BATCH_TEXT_MAX));
	g_ptr_array_add(list, b);
	packet_build(&p, &meta, &info, 0, list);
	ck_assert_uint_gt(p.text->len, 6 << 20); /* zeros are escaped */
	ck_assert_uint_eq(b->text->len, 0);
	build(&p, batch_new());
	ck_assert_uint_lt(p.text->allocated_len, 1 << 20);
	packet_fini(&p);
	tbl_free(t);
}
END_TEST

START_TEST(a_float_key_is_compared_as_the_double_it_is_widened_to)
{
	const char *sql = "CREATE TABLE t (k FLOAT PRIMARY KEY, v INT)";
	struct tbl *t = make_tbl(sql, sql, false);
	struct dm_value row[2] = { { .kind = DM_VAL_FLOAT, .f = 1.1F },
		int_value(1) };
	struct row_change rc = { .t = t, .before = row };
	struct batch *b = batch_new();
	struct packet p;

	packet_init(&p);
	ck_assert(batch_add(b, &rc));
	build(&p, b);
	check_statement(&p, 3,
	    "DELETE FROM `db`.`t` WHERE `k` IN (1.1000000238418579e0)", 1, 1);
	packet_fini(&p);
	tbl_free(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/sync/packet");
	TCase *tc = tcase_create("packet");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, the_fence_comes_first_and_the_commit_last);
	tcase_add_test(tc, merged_changes_make_one_statement_for_each_kind);
	tcase_add_test(tc, deletes_come_first_for_all_tables_of_one_target);
	tcase_add_test(tc, a_key_of_two_columns_is_deleted_by_or);
	tcase_add_test(tc, changes_in_order_are_joined_only_with_neighbours);
	tcase_add_test(tc, rows_without_a_key_are_deleted_one_by_one);
	tcase_add_test(tc, strict_mode_is_left_for_values_it_refuses);
	tcase_add_test(
	    tc, a_float_key_is_compared_as_the_double_it_is_widened_to);
	tcase_add_test(tc, a_sample_is_valid_text_whatever_the_statement_is);
	tcase_add_test(tc, a_large_text_is_not_kept_twice);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
