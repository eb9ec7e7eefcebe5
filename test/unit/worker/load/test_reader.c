/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/load/reader.c. */
#include "worker/load/reader.h"

#include "test/support/pieces.h"
#include "worker/copy/gate.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define LARGE (DM_DUMP_LARGE_BYTES + 9)

static const size_t sizes[] = { 5, 2 * LARGE, LARGE, 7 };
static GString *text;
static uint64_t ends[DM_ARRAY_SIZE(sizes)];

static void
make_text(void)
{
	text = g_string_new("INSERT INTO t VALUES ");
	for (size_t i = 0; i < DM_ARRAY_SIZE(sizes); i++) {
		size_t at = text->len + 2;

		g_string_set_size(text, at + sizes[i]);
		memcpy(text->str + at - 2, "('", 2);
		memset(text->str + at, 'z', sizes[i]);
		g_string_append(text, "')");
		ends[i] = text->len;
		g_string_append_c(
		    text, i + 1 < DM_ARRAY_SIZE(sizes) ? ',' : ';');
	}
}

static void
free_text(void)
{
	g_string_free(text, TRUE);
}

static bool
gate_is_free(void)
{
	bool free = copy_gate_try();

	if (free)
		copy_gate_leave();
	return free;
}

static struct load_reader
reader(struct pieces *p, struct dm_cancel *c)
{
	*p = (struct pieces){ text->str, text->len, text->len };
	return (struct load_reader){
		.rows = dm_dump_rows_new(false, "f", pieces_read, p),
		.cancel = c,
	};
}

START_TEST(each_large_row_is_read_inside_the_gate)
{
	struct pieces p;
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);
	struct load_reader r = reader(&p, c);

	for (size_t i = 0; i < DM_ARRAY_SIZE(sizes); i++) {
		DM_AUTO(dm_err) err = load_reader_next(&r);
		bool large = sizes[i] >= LARGE;

		ck_assert_ptr_null(err);
		ck_assert(r.large == large && r.pending == !large);
		ck_assert(gate_is_free());
		if (large) {
			err = load_reader_enter(&r);
			ck_assert_ptr_null(err);
			ck_assert(!gate_is_free());
			err = load_reader_next(&r);
			ck_assert_ptr_null(err);
		}
		ck_assert(r.pending && r.in_gate == large);
		ck_assert_uint_eq(r.row.end, ends[i]);
		r.pending = false;
		load_reader_leave(&r);
		ck_assert(gate_is_free());
	}
	dm_dump_rows_free(r.rows);
}
END_TEST

START_TEST(a_row_that_was_not_used_stays)
{
	struct pieces p;
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);
	struct load_reader r = reader(&p, c);
	DM_AUTO(dm_err) err = load_reader_next(&r);

	ck_assert_ptr_null(err);
	err = load_reader_next(&r);
	ck_assert_ptr_null(err);
	ck_assert(r.pending);
	ck_assert_uint_eq(r.row.end, ends[0]);
	dm_dump_rows_free(r.rows);
}
END_TEST

/* A gate that cannot be entered shows that it is asked for. */
START_TEST(passing_over_large_rows_waits_for_the_gate)
{
	struct pieces p;
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);
	struct load_reader r = reader(&p, c);
	uint64_t seen = 0;
	DM_AUTO(dm_err) err = NULL;

	ck_assert(copy_gate_try());
	dm_cancel_now(c);
	err = load_reader_skip(&r, ends[1], &seen);
	ck_assert(dm_err_is_canceled(err));
	ck_assert_uint_eq(seen, ends[0]);
	ck_assert(!r.in_gate);
	copy_gate_leave();
	dm_dump_rows_free(r.rows);
}
END_TEST

START_TEST(behind_rows_passed_over_large_ones_are_told_of)
{
	struct pieces p;
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);
	struct load_reader r = reader(&p, c);
	uint64_t seen = 0;
	DM_AUTO(dm_err) err = load_reader_skip(&r, ends[1], &seen);

	ck_assert_ptr_null(err);
	ck_assert_uint_eq(seen, ends[1]);
	ck_assert(gate_is_free());
	err = load_reader_next(&r);
	ck_assert_ptr_null(err);
	ck_assert(r.large);
	dm_dump_rows_free(r.rows);
}
END_TEST

START_TEST(an_offset_within_a_row_is_passed)
{
	struct pieces p;
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);
	struct load_reader r = reader(&p, c);
	uint64_t seen = 0;
	DM_AUTO(dm_err) err = load_reader_skip(&r, ends[0] + 1, &seen);

	ck_assert_ptr_null(err);
	ck_assert_uint_eq(seen, ends[1]);
	err = load_reader_skip(&r, UINT64_MAX, &seen);
	ck_assert_ptr_null(err);
	ck_assert_uint_eq(seen, ends[3]);
	ck_assert(gate_is_free());
	dm_dump_rows_free(r.rows);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/load/reader");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_unchecked_fixture(tc, make_text, free_text);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, each_large_row_is_read_inside_the_gate);
	tcase_add_test(tc, a_row_that_was_not_used_stays);
	tcase_add_test(tc, passing_over_large_rows_waits_for_the_gate);
	tcase_add_test(tc, behind_rows_passed_over_large_ones_are_told_of);
	tcase_add_test(tc, an_offset_within_a_row_is_passed);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
