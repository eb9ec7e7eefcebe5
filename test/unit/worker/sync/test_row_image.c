/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/sync/row_image.c, and what becomes of such rows. */
#include "worker/sync/row_image.h"

#include "test/unit/worker/sync/fixture.h"

#include <stdlib.h>
#include <string.h>

#define TABLE                                                                  \
	"CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT NOT NULL DEFAULT "   \
	"3, "                                                                  \
	"ts TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP, "         \
	"g INT GENERATED ALWAYS AS (a + 1) VIRTUAL)"
#define N 5

static struct tbl *t;
static struct dm_value before[N], after[N];
static struct row_change rc;

/* All there, but for a generated column. */
static void
setup(void)
{
	t = make_tbl(TABLE, TABLE, false);
	for (int i = 0; i < N; i++) {
		before[i] = int_value(i + 1);
		after[i] = int_value(i + 1);
	}
	before[4].kind = after[4].kind = DM_VAL_ABSENT;
	rc = (struct row_change){ .t = t, .before = before, .after = after };
}

static void
teardown(void)
{
	tbl_free(t);
}

static void
refuses(const char *column)
{
	struct dm_err *err = row_image_take(&rc, after);

	ck_assert_ptr_nonnull(err);
	ck_assert_int_eq(err->code, DM_ERR_BINLOG_NOT_LOG_COLUMN);
	ck_assert_msg(strstr(err->cause, column) != NULL, "%s", err->cause);
	dm_err_free(err);
}

static char *
text_of(void)
{
	struct batch *b = batch_new();
	const struct change *ch;
	char *text;

	ck_assert(batch_add(b, &rc));
	ck_assert_uint_eq(b->changes->len, 1);
	ck_assert_uint_eq(b->merged, 0);
	ch = &g_array_index(b->changes, struct change, 0);
	text = g_strndup(b->text->str + ch->off, ch->len);
	batch_free(b);
	return text;
}

START_TEST(a_full_image_stays_as_it_is)
{
	ck_assert_ptr_null(row_image_take(&rc, after));
	ck_assert(!rc.partial);
}
END_TEST

START_TEST(an_update_sets_what_it_logged)
{
	g_autofree char *text = NULL;

	before[1].kind = before[2].kind = before[3].kind = DM_VAL_ABSENT;
	after[0].kind = after[2].kind = after[3].kind = DM_VAL_ABSENT;
	after[1].i = 9;
	ck_assert_ptr_null(row_image_take(&rc, after));
	ck_assert(rc.partial);
	/* The key is filled in; what ON UPDATE would touch is kept. */
	ck_assert(!tbl_key_moved(&t->key, before, after));
	text = text_of();
	ck_assert_str_eq(text, "`a`=9,`ts`=`ts` WHERE `id`=1");
}
END_TEST

START_TEST(a_key_that_moves_is_set)
{
	g_autofree char *text = NULL;

	before[1].kind = before[2].kind = before[3].kind = DM_VAL_ABSENT;
	after[1].kind = after[2].kind = DM_VAL_ABSENT;
	after[3].kind = DM_VAL_ABSENT;
	after[0].i = 7;
	ck_assert_ptr_null(row_image_take(&rc, after));
	ck_assert(tbl_key_moved(&t->key, before, after));
	text = text_of();
	ck_assert_str_eq(text, "`id`=7,`ts`=`ts` WHERE `id`=1");
}
END_TEST

START_TEST(what_the_row_before_has_makes_an_update_whole)
{
	after[2].kind = DM_VAL_ABSENT;
	ck_assert_ptr_null(row_image_take(&rc, after));
	ck_assert(!rc.partial);
	ck_assert_int_eq(after[2].i, 3);
}
END_TEST

START_TEST(a_delete_needs_the_key_only)
{
	g_autofree char *text = NULL;

	rc.after = NULL;
	before[1].kind = before[2].kind = before[3].kind = DM_VAL_ABSENT;
	ck_assert_ptr_null(row_image_take(&rc, after));
	ck_assert(rc.partial);
	text = text_of();
	ck_assert_str_eq(text, "`id`=1");
	before[0].kind = DM_VAL_ABSENT;
	refuses("`id`");
}
END_TEST

START_TEST(an_insert_lacks_only_what_is_null_then)
{
	rc.before = NULL;
	after[1].kind = after[3].kind = DM_VAL_ABSENT;
	ck_assert_ptr_null(row_image_take(&rc, after));
	ck_assert(!rc.partial);
	ck_assert_int_eq(after[1].kind, DM_VAL_NULL);
	ck_assert_int_eq(after[3].kind, DM_VAL_NULL);
	after[2].kind = DM_VAL_ABSENT; /* the target's default may differ */
	refuses("`b`");
}
END_TEST

START_TEST(a_row_that_is_written_over_must_be_whole)
{
	rc.idempotent = true;
	before[2].kind = after[2].kind = DM_VAL_ABSENT;
	refuses("`b`");
	rc.after = NULL;
	ck_assert_ptr_null(row_image_take(&rc, after));
}
END_TEST

START_TEST(a_table_without_a_key_needs_all)
{
	const char *sql = "CREATE TABLE t (a INT, b INT)";
	struct tbl *k = make_tbl(sql, sql, false);

	rc.t = k;
	before[1].kind = DM_VAL_ABSENT;
	refuses("`b`");
	tbl_free(k);
}
END_TEST

START_TEST(defaults_are_told_apart)
{
	static const char *const sql[] = {
		"CREATE TABLE t (id INT PRIMARY KEY, c INT)",
		"CREATE TABLE t (id INT PRIMARY KEY, c INT DEFAULT NULL)",
		"CREATE TABLE t (id INT PRIMARY KEY, c INT NULL COMMENT 'x')",
		"CREATE TABLE t (id INT PRIMARY KEY, c INT DEFAULT 7)",
		("CREATE TABLE t (id INT PRIMARY KEY, c VARCHAR(9) DEFAULT "
		 "'DEFAULT NULL')"),
		"CREATE TABLE t (id INT PRIMARY KEY, c INT NOT NULL)",
	};

	for (size_t i = 0; i < DM_ARRAY_SIZE(sql); i++) {
		struct tbl *k = make_tbl(sql[i], sql[i], false);
		struct dm_err *err;

		rc = (struct row_change){ .t = k, .after = after };
		after[1].kind = DM_VAL_ABSENT;
		err = row_image_take(&rc, after);
		ck_assert_msg((err == NULL) == (i < 3), "%s", sql[i]);
		dm_err_free(err);
		tbl_free(k);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/sync/row_image");
	TCase *tc = tcase_create("row_image");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_full_image_stays_as_it_is);
	tcase_add_test(tc, an_update_sets_what_it_logged);
	tcase_add_test(tc, a_key_that_moves_is_set);
	tcase_add_test(tc, what_the_row_before_has_makes_an_update_whole);
	tcase_add_test(tc, a_delete_needs_the_key_only);
	tcase_add_test(tc, an_insert_lacks_only_what_is_null_then);
	tcase_add_test(tc, a_row_that_is_written_over_must_be_whole);
	tcase_add_test(tc, a_table_without_a_key_needs_all);
	tcase_add_test(tc, defaults_are_told_apart);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
