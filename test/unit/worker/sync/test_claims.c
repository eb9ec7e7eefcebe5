/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/sync/claims.c, and of lane marks. */
#include "worker/sync/claims.h"
#include "worker/sync/lane.h"

#include <check.h>
#include <stdlib.h>

START_TEST(the_last_lane_holds_a_value)
{
	struct claims *c = claims_new();

	ck_assert_ptr_null(claims_get(c, 42));
	claims_put(c, 42, 3, 7);
	claims_put(c, 42, 4, 9);
	ck_assert_uint_eq(claims_get(c, 42)->lane, 4);
	ck_assert_uint_eq(claims_get(c, 42)->seq, 9);
	ck_assert_uint_eq(claims_count(c), 1);
	claims_free(c);
}
END_TEST

START_TEST(many_values_survive_growing_and_sweeping)
{
	struct claims *c = claims_new();
	uint64_t committed[2] = { 5000, 0 };

	for (uint64_t i = 1; i <= 10000; i++)
		claims_put(c, i * UINT64_C(0x9e3779b97f4a7c15), i % 2, i);
	ck_assert_uint_eq(claims_count(c), 10000);
	claims_sweep(c, committed);
	/* Lane 0 has committed its even numbers up to 5000. */
	ck_assert_uint_eq(claims_count(c), 7500);
	for (uint64_t i = 1; i <= 10000; i++) {
		const struct claim *cl =
		    claims_get(c, i * UINT64_C(0x9e3779b97f4a7c15));

		ck_assert_int_eq(cl != NULL, i % 2 == 1 || i > 5000);
	}
	claims_free(c);
}
END_TEST

START_TEST(zero_is_a_value_like_others)
{
	struct claims *c = claims_new();

	claims_put(c, 0, 1, 1);
	ck_assert_ptr_nonnull(claims_get(c, 0));
	claims_clear(c);
	ck_assert_ptr_null(claims_get(c, 0));
	claims_free(c);
}
END_TEST

START_TEST(a_mark_knows_what_its_lane_has)
{
	struct lane_mark m = { .done = dm_pos_make("b.000002", 500),
		.cut = dm_pos_make("b.000002", 500),
		.cut_row = 7 };
	struct dm_pos before = dm_pos_make("b.000001", 9999);
	struct dm_pos at = dm_pos_make("b.000002", 500);
	struct dm_pos after = dm_pos_make("b.000002", 700);

	ck_assert(lane_mark_has(&m, &before, 1000));
	ck_assert(lane_mark_has(&m, &at, 7));
	ck_assert(!lane_mark_has(&m, &at, 8));
	ck_assert(!lane_mark_has(&m, &after, 1));
	m.cut = (struct dm_pos){ 0 };
	ck_assert(!lane_mark_has(&m, &at, 1));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/sync/claims");
	TCase *tc = tcase_create("claims");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, the_last_lane_holds_a_value);
	tcase_add_test(tc, many_values_survive_growing_and_sweeping);
	tcase_add_test(tc, zero_is_a_value_like_others);
	tcase_add_test(tc, a_mark_knows_what_its_lane_has);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
