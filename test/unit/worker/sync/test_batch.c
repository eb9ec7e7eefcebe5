/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/sync/batch.c. */
#include "worker/sync/batch.h"

#include "test/unit/worker/sync/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 12

static struct tbl *keyed, *ordered;

static void
setup(void)
{
	const char *a = "CREATE TABLE t (id INT PRIMARY KEY, v INT)";
	const char *b = "CREATE TABLE t (id INT, v INT)";

	keyed = make_tbl(a, a, false);
	ordered = make_tbl(b, b, false);
	ck_assert(keyed->mergeable);
	ck_assert(!ordered->mergeable);
}

static void
teardown(void)
{
	tbl_free(keyed);
	tbl_free(ordered);
}

/* Row (id, v) as an image; v < 0: there is no row. */
static const struct dm_value *
image(struct dm_value *at, int id, int v)
{
	at[0] = int_value(id);
	at[1] = int_value(v);
	return v < 0 ? NULL : at;
}

static bool
change(struct batch *b, const struct tbl *t, int id, int from, int to_id,
    int to, bool idempotent)
{
	struct dm_value before[2], after[2];
	struct row_change rc = { .t = t,
		.before = image(before, id, from),
		.after = image(after, to_id, to),
		.idempotent = idempotent };

	return batch_add(b, &rc);
}

static char *
text_of(const struct batch *b, guint i)
{
	const struct change *ch = &g_array_index(b->changes, struct change, i);

	return g_strndup(b->text->str + ch->off, ch->len);
}

static void
check_change(
    const struct batch *b, guint i, enum change_kind kind, const char *text)
{
	const struct change *ch = &g_array_index(b->changes, struct change, i);
	g_autofree char *got = text_of(b, i);

	ck_assert_int_eq(ch->kind, kind);
	ck_assert_str_eq(got, text);
}

START_TEST(the_last_state_of_a_row_is_kept)
{
	struct batch *b = batch_new();

	ck_assert(change(b, keyed, 1, -1, 1, 10, false)); /* insert */
	ck_assert(change(b, keyed, 1, 10, 1, 11, false)); /* update */
	ck_assert(change(b, keyed, 2, 5, 2, 6, false));
	ck_assert(change(b, keyed, 2, 6, 2, -1, false)); /* delete */
	ck_assert(change(b, keyed, 3, 1, 3, -1, false));
	ck_assert(change(b, keyed, 3, -1, 3, 2, false));
	ck_assert_uint_eq(batch_rows(b), 3);
	check_change(b, 0, CHANGE_INSERT, "(1,11)");
	check_change(b, 1, CHANGE_DELETE, "`id`=2");
	check_change(b, 2, CHANGE_UPSERT, "(3,2)");
	for (guint i = 0; i < 3; i++)
		ck_assert_uint_eq(
		    g_array_index(b->changes, struct change, i).raw, 2);
	batch_free(b);
}
END_TEST

START_TEST(a_row_that_came_and_went_is_still_counted)
{
	struct batch *b = batch_new();

	ck_assert(change(b, keyed, 1, -1, 1, 10, false));
	ck_assert(change(b, keyed, 1, 10, 1, -1, false));
	ck_assert_uint_eq(batch_rows(b), 1);
	ck_assert_int_eq(
	    g_array_index(b->changes, struct change, 0).kind, CHANGE_NONE);
	ck_assert_uint_eq(g_array_index(b->changes, struct change, 0).raw, 2);
	ck_assert(change(b, keyed, 1, -1, 1, 12, false));
	check_change(b, 0, CHANGE_INSERT, "(1,12)");
	batch_free(b);
}
END_TEST

START_TEST(a_row_that_is_as_before_is_known_to_be)
{
	struct batch *b = batch_new();
	const struct change *ch;

	ck_assert(change(b, keyed, 1, 5, 1, -1, false));
	ck_assert(change(b, keyed, 1, -1, 1, 5, false));
	ch = &g_array_index(b->changes, struct change, 0);
	ck_assert_int_eq(ch->kind, CHANGE_UPSERT);
	ck_assert_uint_eq(ch->before, ch->after);
	ck_assert(change(b, keyed, 1, 5, 1, 6, false));
	ck_assert_uint_ne(ch->before, ch->after);
	batch_free(b);
}
END_TEST

START_TEST(a_row_that_moves_is_two_rows)
{
	struct batch *b = batch_new();

	ck_assert(change(b, keyed, 1, 5, 2, 5, false));
	ck_assert_uint_eq(batch_rows(b), 2);
	check_change(b, 0, CHANGE_DELETE, "`id`=1");
	check_change(b, 1, CHANGE_INSERT, "(2,5)");
	batch_free(b);
}
END_TEST

START_TEST(what_cannot_follow_goes_into_another_batch)
{
	struct batch *b = batch_new();
	size_t text;

	ck_assert(change(b, keyed, 1, -1, 1, 10, false));
	text = b->text->len;
	ck_assert(!change(b, keyed, 1, -1, 1, 10, false)); /* again */
	ck_assert(!change(b, keyed, 2, 7, 1, 10, false));  /* onto a row */
	ck_assert(!change(b, keyed, 2, -1, 2, 1, true));   /* in order */
	ck_assert_uint_eq(b->text->len, text);
	ck_assert_uint_eq(batch_rows(b), 1);
	ck_assert(change(b, ordered, 1, -1, 1, 10, false));
	batch_free(b);
}
END_TEST

START_TEST(idempotent_changes_keep_their_order)
{
	struct batch *b = batch_new();

	ck_assert(change(b, keyed, 1, 5, 1, 6, true));
	ck_assert_uint_eq(batch_rows(b), 2);
	check_change(b, 0, CHANGE_DELETE_ANY, "`id`=1");
	check_change(b, 1, CHANGE_REPLACE, "(1,6)");
	ck_assert(!change(b, keyed, 2, -1, 2, 1, false));
	batch_free(b);
}
END_TEST

START_TEST(a_table_without_a_key_keeps_every_change)
{
	struct batch *b = batch_new();

	ck_assert(change(b, ordered, 1, -1, 1, 5, false));
	ck_assert(change(b, ordered, 1, 5, 1, 6, false));
	ck_assert(change(b, ordered, 1, 6, 1, -1, false));
	ck_assert_uint_eq(batch_rows(b), 3);
	check_change(
	    b, 1, CHANGE_UPDATE, "`v`=6 WHERE `id`=1 AND `v`=5 LIMIT 1");
	batch_free(b);
}
END_TEST

START_TEST(a_small_change_of_a_wide_row_stays_small)
{
	const char *sql = "CREATE TABLE t (id INT PRIMARY KEY, v INT, b BLOB)";
	struct tbl *wide = make_tbl(sql, sql, false);
	struct batch *b = batch_new();
	char blob[4096];
	struct dm_value before[3] = { int_value(1), int_value(2) };
	struct dm_value after[3] = { int_value(1), int_value(3) };
	struct row_change rc = { .t = wide, .before = before, .after = after };

	memset(blob, 'x', sizeof(blob));
	before[2] = after[2] = (struct dm_value){ .kind = DM_VAL_BYTES,
		.bytes = { .p = blob, .len = sizeof(blob) } };
	ck_assert(batch_add(b, &rc));
	check_change(b, 0, CHANGE_UPDATE, "`v`=3 WHERE `id`=1");
	before[1] = int_value(3);
	after[1] = int_value(4);
	ck_assert(batch_add(b, &rc));
	ck_assert_int_eq(
	    g_array_index(b->changes, struct change, 0).kind, CHANGE_UPSERT);
	ck_assert_uint_gt(
	    g_array_index(b->changes, struct change, 0).len, sizeof(blob));
	batch_free(b);
	tbl_free(wide);
}
END_TEST

/* ---- against a model ---- */

/* Apply the batch to rows[] as the target would; every statement must find
 * what it expects. */
static void
apply(const struct batch *b, int *rows)
{
	for (guint i = 0; i < b->changes->len; i++) {
		const struct change *ch =
		    &g_array_index(b->changes, struct change, i);
		g_autofree char *text = text_of(b, i);
		int id = -1, v = -1;

		if (ch->kind == CHANGE_NONE)
			continue;
		if (ch->kind == CHANGE_DELETE) {
			ck_assert_int_eq(sscanf(text, "`id`=%d", &id), 1);
			ck_assert_int_ge(rows[id], 0);
			rows[id] = -1;
			continue;
		}
		ck_assert_int_eq(sscanf(text, "(%d,%d)", &id, &v), 2);
		if (ch->kind == CHANGE_INSERT) {
			ck_assert_int_eq(rows[id], -1);
		} else {
			ck_assert_int_eq(ch->kind, CHANGE_UPSERT);
			ck_assert_int_ge(rows[id], 0);
			ck_assert_int_eq(
			    ch->before == ch->after, rows[id] == v);
		}
		rows[id] = v;
	}
}

/* One random change that the source could make. */
static void
random_change(struct batch *b, int *rows, unsigned *seed)
{
	int id = rand_r(seed) % KEYS, to = rand_r(seed) % KEYS;
	int v = rand_r(seed) % 4;

	if (rows[id] < 0) {
		ck_assert(change(b, keyed, id, -1, id, v, false));
		rows[id] = v;
	} else if (rand_r(seed) % 3 == 0) {
		ck_assert(change(b, keyed, id, rows[id], id, -1, false));
		rows[id] = -1;
	} else if (rows[to] < 0) {
		ck_assert(change(b, keyed, id, rows[id], to, v, false));
		rows[id] = -1;
		rows[to] = v;
	} else {
		ck_assert(change(b, keyed, id, rows[id], id, v, false));
		rows[id] = v;
	}
}

START_TEST(merged_changes_do_what_single_ones_do)
{
	int source[KEYS], target[KEYS];
	unsigned seed = (unsigned)_i + 1;

	for (int i = 0; i < KEYS; i++)
		source[i] = rand_r(&seed) % 2 == 0 ? -1 : 3;
	memcpy(target, source, sizeof(target));
	for (int round = 0; round < 20; round++) {
		struct batch *b = batch_new();
		int n = rand_r(&seed) % 200;

		for (int i = 0; i < n; i++)
			random_change(b, source, &seed);
		apply(b, target);
		ck_assert_mem_eq(source, target, sizeof(source));
		batch_free(b);
	}
}
END_TEST

START_TEST(many_rows_are_each_found_again)
{
	struct batch *b = batch_new();

	for (int i = 0; i < 5000; i++)
		ck_assert(change(b, keyed, i, -1, i, 0, false));
	for (int i = 0; i < 5000; i++)
		ck_assert(change(b, keyed, i, 0, i, 1, false));
	ck_assert_uint_eq(batch_rows(b), 5000);
	ck_assert(batch_is_full(b, 100, BATCH_TEXT_MAX));
	batch_free(b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/sync/batch");
	TCase *tc = tcase_create("batch");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_last_state_of_a_row_is_kept);
	tcase_add_test(tc, a_row_that_came_and_went_is_still_counted);
	tcase_add_test(tc, a_row_that_is_as_before_is_known_to_be);
	tcase_add_test(tc, a_row_that_moves_is_two_rows);
	tcase_add_test(tc, what_cannot_follow_goes_into_another_batch);
	tcase_add_test(tc, idempotent_changes_keep_their_order);
	tcase_add_test(tc, a_table_without_a_key_keeps_every_change);
	tcase_add_test(tc, a_small_change_of_a_wide_row_stays_small);
	tcase_add_loop_test(tc, merged_changes_do_what_single_ones_do, 0, 30);
	tcase_add_test(tc, many_rows_are_each_found_again);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
