/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/meta.c: the texts it makes; servers are met in the
 * integration tests. */
#include "lib/meta/meta_tables.h"
#include "worker/meta.h"
#include "worker/meta_internal.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static char schema[] = "dm`meta", name[] = "it's", source[] = "s1";
static struct dm_task_cfg task = { .name = name, .meta_schema = schema };
static struct dm_source_cfg src = { .source_id = source };

static struct meta *
meta_of(const char *cli_args)
{
	const struct unit_env env = { .task = &task,
		.source = &src,
		.worker = "w",
		.cli_args = cli_args,
		.cluster_id = 3,
		.epoch = 12 };

	return meta_new(&env);
}

START_TEST(names_are_quoted_in_every_text)
{
	struct meta *m = meta_of("");
	g_autofree char *sql = meta_fence_owner_sql(m);

	ck_assert_str_eq(
	    m->key, "task=_utf8mb4'it\\'s' AND source=_utf8mb4's1'");
	ck_assert_str_eq(sql,
	    "UPDATE `dm``meta`.`dm_owner` SET epoch = IF(epoch = 12, epoch, "
	    "epoch + 9223372036854775807 + 9223372036854775807) WHERE "
	    "task=_utf8mb4'it\\'s' AND source=_utf8mb4's1'");
	meta_free(m);
}
END_TEST

START_TEST(a_guard_fails_when_no_row_is_ours)
{
	struct meta *m = meta_of("");
	g_autoptr(GString) sql = g_string_new("");
	struct dm_err *err;

	meta_append_guard(sql, m);
	ck_assert_str_eq(sql->str,
	    "(SELECT IF(COUNT(*) = 1, 1, COUNT(*) + 9223372036854775807 + "
	    "9223372036854775807) FROM `dm``meta`.`dm_owner` WHERE "
	    "task=_utf8mb4'it\\'s' AND source=_utf8mb4's1' AND epoch = 12) = "
	    "1");
	err = meta_gone(m);
	ck_assert_int_eq(err->code, DM_ERR_META_FENCED);
	ck_assert_ptr_nonnull(strstr(err->cause, "gone"));
	dm_err_free(err);
	meta_free(m);
}
END_TEST

START_TEST(only_the_flag_allows_another_clusters_rows)
{
	static const char *const no[] = { "", "{}", "{\"adopt\": false}", "[1]",
		"{\"adopt\": \"yes\"}", "{" };
	struct meta *m = meta_of("{\"adopt\": true}");

	ck_assert(m->adopt);
	meta_free(m);
	for (size_t i = 0; i < DM_ARRAY_SIZE(no); i++) {
		m = meta_of(no[i]);
		ck_assert_msg(!m->adopt, "%s", no[i]);
		meta_free(m);
	}
}
END_TEST

START_TEST(states_are_read_as_they_are_written)
{
	for (int s = META_TABLE_PLANNED; s <= META_TABLE_DONE; s++)
		ck_assert_int_eq(meta_table_state_parse(meta_table_state_name(
				     (enum meta_table_state)s)),
		    s);
	ck_assert_int_eq(meta_table_state_parse("?"), META_TABLE_PLANNED);
}
END_TEST

START_TEST(cells_that_are_missing_are_empty)
{
	const char *const cells[] = { "mysql-bin.000007", "42", NULL };
	const size_t lengths[] = { 16, 2, 0 };
	const struct dm_sql_row row = { cells, lengths, 3 };
	struct dm_pos p = meta_cell_pos(&row, 0);

	ck_assert_str_eq(p.name, "mysql-bin.000007");
	ck_assert_uint_eq(p.pos, 42);
	ck_assert_str_eq(meta_cell(&row, 2), "");
	ck_assert_uint_eq(meta_cell_u64(&row, 9), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/meta");
	TCase *tc = tcase_create("meta");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, names_are_quoted_in_every_text);
	tcase_add_test(tc, a_guard_fails_when_no_row_is_ours);
	tcase_add_test(tc, only_the_flag_allows_another_clusters_rows);
	tcase_add_test(tc, states_are_read_as_they_are_written);
	tcase_add_test(tc, cells_that_are_missing_are_empty);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
