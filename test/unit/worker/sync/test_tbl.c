/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/sync/tbl.c. */
#include "worker/sync/tbl.h"

#include "test/unit/worker/sync/fixture.h"

#include <stdlib.h>

struct merge_case {
	const char *source, *target;
	bool acts, mergeable, one_lane;
	unsigned claims;
};

#define ID_V "CREATE TABLE t (id INT PRIMARY KEY, v INT)"

static const struct merge_case merge_cases[] = {
	{ ID_V, ID_V, false, true, false, 0 },
	/* A trigger sees every change. */
	{ ID_V, ID_V, true, false, false, 0 },
	/* Unique values depend on the order. */
	{ "CREATE TABLE t (id INT PRIMARY KEY, v INT, UNIQUE (v))", ID_V, false,
	    false, false, 1 },
	{ ID_V, "CREATE TABLE t (id INT PRIMARY KEY, v INT, UNIQUE u (v))",
	    false, false, false, 1 },
	/* The same columns, under other names or twice: no further claim. */
	{ ID_V, "CREATE TABLE t (id INT, v INT, UNIQUE u (id))", false, true,
	    false, 0 },
	/* An upsert needs a key in the target. */
	{ ID_V, "CREATE TABLE t (id INT, v INT)", false, false, false, 0 },
	/* A default of the target would come back. */
	{ ID_V, "CREATE TABLE t (id INT PRIMARY KEY, v INT, x INT DEFAULT 5)",
	    false, false, false, 0 },
	{ ID_V, "CREATE TABLE t (id INT PRIMARY KEY, v INT, x INT AS (v+1))",
	    false, true, false, 0 },
	{ "CREATE TABLE t (id INT, v INT)", "CREATE TABLE t (id INT, v INT)",
	    false, false, true, 0 },
	/* Only the server knows which texts are equal: one lane, and still
	 * merged by their bytes. */
	{ "CREATE TABLE t (id VARCHAR(9) COLLATE utf8mb4_general_ci PRIMARY "
	  "KEY, v INT)",
	    "CREATE TABLE t (id VARCHAR(9) COLLATE utf8mb4_general_ci PRIMARY "
	    "KEY, v INT)",
	    false, true, true, 0 },
	{ "CREATE TABLE t (a INT, b INT, PRIMARY KEY (a,b))",
	    "CREATE TABLE t (a INT, b INT, PRIMARY KEY (b,a))", false, true,
	    false, 1 },
};

START_TEST(rows_are_merged_where_that_is_exact)
{
	const struct merge_case *c = &merge_cases[_i];
	struct tbl *t = make_tbl(c->source, c->target, c->acts);

	ck_assert_int_eq(t->mergeable, c->mergeable);
	ck_assert_int_eq(t->one_lane, c->one_lane);
	ck_assert_uint_eq(t->n_claims, c->claims);
	tbl_free(t);
}
END_TEST

START_TEST(an_upsert_sets_all_but_the_key)
{
	const char *sql = "CREATE TABLE t (a INT, b INT, c INT, g INT AS (c), "
			  "PRIMARY KEY (a,b))";
	const char *only = "CREATE TABLE t (a INT PRIMARY KEY)";
	struct tbl *t = make_tbl(sql, sql, false);

	ck_assert_str_eq(
	    t->upsert_tail, " ON DUPLICATE KEY UPDATE `c`=VALUES(`c`)");
	tbl_free(t);
	t = make_tbl(only, only, false);
	ck_assert_str_eq(
	    t->upsert_tail, " ON DUPLICATE KEY UPDATE `a`=VALUES(`a`)");
	tbl_free(t);
}
END_TEST

START_TEST(a_missing_column_of_the_target_is_named)
{
	DM_AUTO(dm_table) src = parse_table(ID_V);
	DM_AUTO(dm_table)
	dst = parse_table("CREATE TABLE t (id INT PRIMARY KEY)");
	struct tbl_input in = {
		.src = src, .target = dst, .to_db = "db", .to_name = "t"
	};
	struct tbl *t = NULL;
	DM_AUTO(dm_err) err = tbl_new(&in, &t);

	ck_assert(dm_err_is(err, SYNCER_UNIT_DML_COLUMN_NOT_MATCH));
	ck_assert_ptr_nonnull(strstr(err->cause, "lacks column `v`"));
	ck_assert_ptr_null(t);
}
END_TEST

/* Before the source's first DDL its tables are taken to look like the target's,
 * where a route's columns are part of the keys. */
START_TEST(a_guessed_source_lacks_what_a_route_fills)
{
	DM_AUTO(dm_table)
	dst = parse_table("CREATE TABLE t (id INT, c_src VARCHAR(20), v INT, "
			  "PRIMARY KEY (id, c_src), KEY (c_src), UNIQUE (v))");
	g_autoptr(GArray) extracted =
	    g_array_new(FALSE, TRUE, sizeof(struct dm_extracted));
	char column[] = "C_SRC", value[] = "one";
	struct dm_extracted x = { .column = column, .value = value };
	DM_AUTO(dm_table) src = NULL;
	struct tbl_input in = { .target = dst,
		.to_db = "db",
		.to_name = "t",
		.extracted = extracted };
	struct dm_value row[3] = { int_value(1), int_value(2) };
	struct tbl *t = NULL;

	g_array_append_val(extracted, x);
	ck_assert_ptr_null(tbl_guess_source(dst, "a", "b", extracted, &src));
	ck_assert_str_eq(src->schema, "a");
	ck_assert_str_eq(src->name, "b");
	ck_assert_uint_eq(src->columns->len, 2);
	ck_assert_uint_eq(src->indexes->len, 2);
	ck_assert_int_lt(dm_table_column(src, "c_src"), 0);
	in.src = src;
	ck_assert_ptr_null(tbl_new(&in, &t));
	ck_assert_uint_eq(t->n_cols, 3);
	ck_assert_uint_eq(t->n_extra, 1);
	ck_assert_uint_eq(t->key.n, 2);
	tbl_fill_extra(t, row);
	ck_assert_str_eq(row[2].bytes.p, "one");
	tbl_free(t);
}
END_TEST

START_TEST(a_guessed_source_may_be_the_targets_twin)
{
	DM_AUTO(dm_table) dst = parse_table(ID_V);
	DM_AUTO(dm_table) src = NULL;

	ck_assert_ptr_null(tbl_guess_source(dst, "a", "b", NULL, &src));
	ck_assert_uint_eq(src->columns->len, 2);
	ck_assert_str_eq(src->name, "b");
}
END_TEST

static unsigned
lanes_of(const struct tbl *t, int64_t from, unsigned n)
{
	g_autoptr(GHashTable) seen =
	    g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);

	for (unsigned i = 0; i < n; i++) {
		struct dm_value row[2] = { int_value(from + i), int_value(0) };
		uint64_t h = tbl_lane_hash(t, row);

		g_hash_table_add(seen, g_memdup2(&h, sizeof(h)));
	}
	return g_hash_table_size(seen);
}

START_TEST(neighbours_of_a_large_table_share_a_lane)
{
	struct tbl *t = make_tbl(ID_V, ID_V, false);

	ck_assert_uint_eq(lanes_of(t, 1, 1000), 1000);
	ck_assert_uint_eq(lanes_of(t, 256000, 256), 1);
	ck_assert_uint_eq(lanes_of(t, 256000, 2560), 10);
	ck_assert_uint_eq(lanes_of(t, -256, 256), 1);
	tbl_free(t);
}
END_TEST

START_TEST(rows_with_one_key_share_a_lane_and_a_hash_tells_others)
{
	struct tbl *t = make_tbl(ID_V, ID_V, false);
	struct dm_value a[2] = { int_value(1), int_value(2) };
	struct dm_value b[2] = { int_value(1), int_value(3) };
	struct dm_value c[2] = { int_value(2), int_value(2) };

	ck_assert_uint_eq(tbl_lane_hash(t, a), tbl_lane_hash(t, b));
	ck_assert_uint_ne(tbl_lane_hash(t, a), tbl_lane_hash(t, c));
	ck_assert_uint_ne(tbl_row_hash(t, a), tbl_row_hash(t, b));
	ck_assert(!tbl_key_moved(&t->key, a, b));
	ck_assert(tbl_key_moved(&t->key, a, c));
	tbl_free(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/sync/tbl");
	TCase *tc = tcase_create("tbl");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, rows_are_merged_where_that_is_exact, 0,
	    (int)DM_ARRAY_SIZE(merge_cases));
	tcase_add_test(tc, an_upsert_sets_all_but_the_key);
	tcase_add_test(tc, a_missing_column_of_the_target_is_named);
	tcase_add_test(tc, a_guessed_source_lacks_what_a_route_fills);
	tcase_add_test(tc, a_guessed_source_may_be_the_targets_twin);
	tcase_add_test(tc, neighbours_of_a_large_table_share_a_lane);
	tcase_add_test(
	    tc, rows_with_one_key_share_a_lane_and_a_hash_tells_others);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
