/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/sync/xa_pending.c. */
#include "worker/sync/xa_pending.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static char name[] = "t1", source[] = "s1";
static struct dm_task_cfg task = { .name = name };
static struct dm_source_cfg src = { .source_id = source };
static const struct unit_env env = { .task = &task, .source = &src };
static struct undecided u;
static GPtrArray *names;

static void
setup(void)
{
	undecided_init(&u);
	names = g_ptr_array_new();
	for (int i = 5; i < 8; i++)
		g_ptr_array_add(names, g_strdup_printf("bin.%06d", i));
	g_ptr_array_set_free_func(names, g_free);
}

static void
teardown(void)
{
	undecided_fini(&u);
	g_ptr_array_unref(names);
}

static void
add(const char *file, const char *xid)
{
	struct dm_pos start = dm_pos_make(file, 400);
	struct dm_xid x = { "" };

	g_strlcpy(x.text, xid, sizeof(x.text));
	undecided_add_row(&u, &start, &x);
}

START_TEST(what_can_be_read_is_no_error)
{
	ck_assert_ptr_null(xa_pending_check(&u, &env, names));
	add("bin.000005", "a");
	add("bin.000007", "b");
	ck_assert_ptr_null(xa_pending_check(&u, &env, names));
	g_ptr_array_set_size(names, 0); /* the source lists none */
	ck_assert_ptr_null(xa_pending_check(&u, &env, names));
}
END_TEST

START_TEST(what_was_purged_is_told_with_a_way_out)
{
	struct dm_err *err;

	add("bin.000006", "a");
	add("bin.000004", "X'78',X'',1");
	err = xa_pending_check(&u, &env, names);
	ck_assert_ptr_nonnull(err);
	ck_assert_int_eq(err->code, DM_ERR_XA_PURGED);
	ck_assert_ptr_nonnull(strstr(err->message, "X'78',X'',1"));
	ck_assert_ptr_nonnull(strstr(err->message, "(bin.000004, 400)"));
	ck_assert_ptr_nonnull(strstr(err->message, "before bin.000005"));
	ck_assert_ptr_nonnull(
	    strstr(err->workaround, "skip t1 --binlog-pos bin.000004:400`"));
	dm_err_free(err);
}
END_TEST

START_TEST(one_that_waits_is_told_once)
{
	struct dm_pos start = dm_pos_make("bin.000005", 400);
	struct undecided_row *r;

	add("bin.000005", "a");
	r = &g_array_index(u.rows, struct undecided_row, 0);
	undecided_note_time(
	    &u, &start, (uint32_t)(g_get_real_time() / G_USEC_PER_SEC));
	xa_pending_tell(&u, &env);
	ck_assert(!r->told);
	undecided_note_time(&u, &start, 1000);
	xa_pending_tell(&u, &env);
	ck_assert(r->told);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/sync/xa_pending");
	TCase *tc = tcase_create("xa_pending");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_can_be_read_is_no_error);
	tcase_add_test(tc, what_was_purged_is_told_with_a_way_out);
	tcase_add_test(tc, one_that_waits_is_told_once);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
