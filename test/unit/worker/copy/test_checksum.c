/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/copy/checksum.c. */
#include "worker/copy/checksum.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define CELLS_MAX 8
#define SUM_A     UINT64_C(8286585876978685105)
#define SUM_B     UINT64_C(12853471419481617101)

/* NULL-ended by n; texts end at their NUL. */
static uint64_t
hash_of(const char *const *cells, unsigned n)
{
	size_t lengths[CELLS_MAX];
	struct dm_sql_row row = { cells, lengths, n };

	for (unsigned i = 0; i < n; i++)
		lengths[i] = cells[i] == NULL ? 0 : strlen(cells[i]);
	return copy_row_hash(&row);
}

static uint64_t
hash_bytes(const char *bytes, size_t len)
{
	const char *cells[] = { bytes };
	struct dm_sql_row row = { cells, &len, 1 };

	return copy_row_hash(&row);
}

/* Sums are kept in the target: other numbers would make old ones differ. */
START_TEST(a_sum_stays_what_it_is)
{
	const char *const cells[] = { "1", NULL, "", "abcdefghijklmnopq" };
	struct copy_sum s = { 0 };

	copy_sum_hash(&s, hash_of(cells, 4));
	copy_sum_hash(&s, hash_of(cells, 1));
	ck_assert_uint_eq(s.rows, 2);
	ck_assert_msg(s.a == SUM_A && s.b == SUM_B,
	    "now it is %" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT, s.a, s.b);
}
END_TEST

START_TEST(what_is_where_counts)
{
	static const char *const rows[][2] = { { "a", "b" }, { "b", "a" },
		{ "ab", "" }, { "", "ab" }, { NULL, "ab" }, { "ab", NULL },
		{ NULL, NULL }, { "", "" }, { "a", "B" } };

	for (size_t i = 0; i < DM_ARRAY_SIZE(rows); i++)
		for (size_t j = 0; j < i; j++)
			ck_assert_msg(
			    hash_of(rows[i], 2) != hash_of(rows[j], 2),
			    "rows %zu and %zu", i, j);
	ck_assert(hash_of(rows[0], 1) != hash_of(rows[0], 2));
}
END_TEST

/* Any byte of a value of any length, and zeros at its end. */
START_TEST(every_byte_counts)
{
	char text[80];

	memset(text, 'x', sizeof(text));
	for (size_t len = 1; len <= sizeof(text); len++) {
		uint64_t before = hash_bytes(text, len);

		for (size_t i = 0; i < len; i++) {
			text[i] ^= 1;
			ck_assert(hash_bytes(text, len) != before);
			text[i] ^= 1;
		}
		ck_assert(hash_bytes(text, len - 1) != before);
	}
	memset(text, 0, sizeof(text));
	for (size_t len = 1; len <= sizeof(text); len++)
		ck_assert(hash_bytes(text, len) != hash_bytes(text, len - 1));
}
END_TEST

START_TEST(order_does_not_count_but_repetition_does)
{
	static const char *const a[] = { "1", "x" }, *const b[] = { "2", "y" };
	struct copy_sum x = { 0 }, y = { 0 };

	copy_sum_hash(&x, hash_of(a, 2));
	copy_sum_hash(&x, hash_of(b, 2));
	copy_sum_hash(&y, hash_of(b, 2));
	ck_assert(!copy_sum_equal(&x, &y));
	copy_sum_hash(&y, hash_of(a, 2));
	ck_assert(copy_sum_equal(&x, &y));
	copy_sum_hash(&x, hash_of(a, 2));
	copy_sum_hash(&y, hash_of(b, 2));
	ck_assert_uint_eq(x.rows, y.rows);
	ck_assert(!copy_sum_equal(&x, &y));
}
END_TEST

/* Two rows that exchange a value: what adds up column by column is equal. */
START_TEST(an_exchange_between_rows_is_seen)
{
	static const char *const rows[][2] = { { "1", "x" }, { "2", "y" },
		{ "1", "y" }, { "2", "x" } };
	struct copy_sum s[2] = { { 0 }, { 0 } };

	for (size_t i = 0; i < DM_ARRAY_SIZE(rows); i++)
		copy_sum_hash(&s[i / 2], hash_of(rows[i], 2));
	ck_assert(!copy_sum_equal(&s[0], &s[1]));
}
END_TEST

START_TEST(many_rows_give_as_many_hashes)
{
	g_autoptr(GHashTable) seen =
	    g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);

	for (int i = 0; i < 100000; i++) {
		char text[16];
		uint64_t h;

		g_snprintf(text, sizeof(text), "%d", i);
		h = hash_bytes(text, strlen(text));
		ck_assert(g_hash_table_add(seen, g_memdup2(&h, sizeof(h))));
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("copy checksum");
	TCase *tc = tcase_create("checksum");
	SRunner *r;
	int failed;

	tcase_add_test(tc, a_sum_stays_what_it_is);
	tcase_add_test(tc, what_is_where_counts);
	tcase_add_test(tc, every_byte_counts);
	tcase_add_test(tc, order_does_not_count_but_repetition_does);
	tcase_add_test(tc, an_exchange_between_rows_is_seen);
	tcase_add_test(tc, many_rows_give_as_many_hashes);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
