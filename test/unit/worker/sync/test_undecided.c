/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/sync/undecided.c. */
#include "worker/sync/undecided.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct undecided u;
static struct dm_pos start;

static void
setup(void)
{
	undecided_init(&u);
	start = dm_pos_make("bin.000001", 100);
}

static void
teardown(void)
{
	undecided_fini(&u);
}

static bool
add(const char *bytes)
{
	return undecided_add(&u, 30, (const uint8_t *)bytes, strlen(bytes));
}

static struct dm_xid
xid_of(const char *text)
{
	struct dm_xid x;

	g_strlcpy(x.text, text, sizeof(x.text));
	return x;
}

/* The bytes of all events, one after the other. */
static void
assert_events(const struct undecided_txn *t, const char *const *want)
{
	guint i;

	for (i = 0; i < t->events->len && want[i] != NULL; i++) {
		const struct undecided_event *e =
		    &g_array_index(t->events, struct undecided_event, i);

		ck_assert_uint_eq(e->len, strlen(want[i]));
		ck_assert_mem_eq(t->bytes->data + e->off, want[i], e->len);
	}
	ck_assert_uint_eq(i, t->events->len);
	ck_assert_ptr_null(want[i]);
}

START_TEST(events_are_given_back_in_their_order)
{
	const char *want[] = { "one", "", "two", NULL };
	struct dm_xid a = xid_of("a"), b = xid_of("b");
	struct undecided_txn *t;

	undecided_begin(&u, &start);
	ck_assert(add("one"));
	undecided_add_counted(&u, 30);
	ck_assert(add("two"));
	undecided_prepare(&u, &a);
	ck_assert_ptr_null(u.open);
	undecided_begin(&u, &start);
	ck_assert(add("three"));
	undecided_prepare(&u, &b);
	t = undecided_take(&u, &a);
	ck_assert_ptr_nonnull(t);
	assert_events(t, want);
	undecided_txn_free(t);
	ck_assert_ptr_null(undecided_take(&u, &a));
	ck_assert_uint_eq(u.size, 5);
}
END_TEST

START_TEST(a_rollback_to_a_savepoint_takes_back_what_followed_it)
{
	const char *want[] = { "0", "1", "5", NULL };
	struct undecided_txn *t;

	undecided_begin(&u, &start);
	ck_assert(add("0"));
	undecided_savepoint(&u, "a");
	ck_assert(add("1"));
	undecided_savepoint(&u, "b");
	ck_assert(add("2"));
	undecided_savepoint(&u, "c");
	ck_assert(add("3"));
	ck_assert(undecided_rollback_to(&u, "b"));
	ck_assert(!undecided_rollback_to(&u, "c"));
	ck_assert(add("4"));
	ck_assert(undecided_rollback_to(&u, "b"));
	ck_assert(add("5"));
	ck_assert_uint_eq(u.size, 3);
	t = undecided_take_open(&u);
	assert_events(t, want);
	undecided_txn_free(t);
	ck_assert(!undecided_rollback_to(&u, "a"));
	ck_assert_uint_eq(u.size, 0);
}
END_TEST

START_TEST(of_two_savepoints_with_one_name_the_newer_counts)
{
	const char *want[] = { "0", "1", NULL };
	struct undecided_txn *t;

	undecided_begin(&u, &start);
	ck_assert(add("0"));
	undecided_savepoint(&u, "a");
	ck_assert(add("1"));
	undecided_savepoint(&u, "a");
	ck_assert(add("2"));
	ck_assert(undecided_rollback_to(&u, "a"));
	t = undecided_take_open(&u);
	assert_events(t, want);
	undecided_txn_free(t);
}
END_TEST

START_TEST(all_together_have_one_limit)
{
	struct dm_xid a = xid_of("a");

	u.max = 10;
	undecided_begin(&u, &start);
	ck_assert(add("12345678"));
	ck_assert(!add("abc"));
	undecided_prepare(&u, &a);
	undecided_begin(&u, &start);
	ck_assert(!add("abc"));
	ck_assert(add("ab"));
	ck_assert(!add("c"));
	undecided_txn_free(undecided_take(&u, &a));
	ck_assert(add("abc"));
	undecided_begin(&u, &start); /* the one that was open goes */
	ck_assert_uint_eq(u.size, 0);
}
END_TEST

START_TEST(tables_that_take_no_part_are_known_by_their_number)
{
	undecided_begin(&u, &start);
	undecided_ignore_table(&u, 77);
	ck_assert(undecided_ignores(&u, 77));
	ck_assert(!undecided_ignores(&u, 78));
	undecided_begin(&u, &start);
	ck_assert(!undecided_ignores(&u, 77));
}
END_TEST

START_TEST(reading_begins_at_the_first_row)
{
	struct dm_pos second = dm_pos_make("bin.000002", 4);
	struct dm_xid a = xid_of("a"), b = xid_of("b");

	ck_assert_ptr_null(undecided_first(&u));
	undecided_add_row(&u, &second, &b);
	undecided_add_row(&u, &start, &a);
	ck_assert_str_eq(undecided_first(&u)->xid.text, "a");
	ck_assert_int_eq(dm_pos_cmp(&undecided_first(&u)->start, &start), 0);
	ck_assert(undecided_has_row(&u, &second));
	/* A decision that lanes may not have seen changes nothing. */
	undecided_decide(&u, &start, &second);
	ck_assert_int_eq(dm_pos_cmp(&undecided_first(&u)->start, &start), 0);
}
END_TEST

START_TEST(what_waits_for_long_is_told_once)
{
	struct dm_pos second = dm_pos_make("bin.000002", 4);
	struct dm_pos third = dm_pos_make("bin.000003", 4);
	struct dm_xid a = xid_of("a"), b = xid_of("b"), c = xid_of("c");
	const struct undecided_row *r;

	undecided_add_row(&u, &start, &a);
	undecided_add_row(&u, &second, &b);
	undecided_add_row(&u, &third, &c); /* not read again yet */
	undecided_note_time(&u, &start, 100);
	undecided_note_time(&u, &second, 200);
	ck_assert_ptr_null(undecided_overdue(&u, 100));
	r = undecided_overdue(&u, 150);
	ck_assert_ptr_nonnull(r);
	ck_assert_str_eq(r->xid.text, "a");
	ck_assert_ptr_null(undecided_overdue(&u, 150));
	undecided_decide(&u, &second, &third);
	ck_assert_ptr_null(undecided_overdue(&u, 900));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("undecided");
	TCase *tc = tcase_create("transactions");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, events_are_given_back_in_their_order);
	tcase_add_test(
	    tc, a_rollback_to_a_savepoint_takes_back_what_followed_it);
	tcase_add_test(tc, of_two_savepoints_with_one_name_the_newer_counts);
	tcase_add_test(tc, all_together_have_one_limit);
	tcase_add_test(tc, tables_that_take_no_part_are_known_by_their_number);
	tcase_add_test(tc, reading_begins_at_the_first_row);
	tcase_add_test(tc, what_waits_for_long_is_told_once);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
