/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/sync/row_filter.c. */
#include "worker/sync/row_filter.h"

#include "test/unit/worker/sync/fixture.h"

#include <stdlib.h>
#include <string.h>

#define TABLE                                                                  \
	"CREATE TABLE t (id INT UNSIGNED PRIMARY KEY, v INT, s VARCHAR(9), "   \
	"p GEOMETRY) CHARSET=utf8mb4"

/* A task with these filters over db.t, all of them used. */
struct task {
	struct dm_task_cfg *cfg;
	struct unit_env unit;
	struct row_filter_env env;
	struct dm_table *table;
	struct row_filter *filter;
	struct dm_err *err;
};

static void
open_task(struct task *k, const char *filters)
{
	g_autofree char *yaml = g_strdup_printf(
	    "name: t\ntask-mode: all\n"
	    "target-database: {host: h, port: 1, user: u}\n"
	    "mysql-instances: [{source-id: s, expression-filters: [a, b]}]\n"
	    "expression-filter:\n%s",
	    filters);

	*k = (struct task){ 0 };
	ck_assert_ptr_null(dm_task_cfg_parse("t.yaml", yaml, &k->cfg));
	k->unit.task = k->cfg;
	k->unit.inst = dm_task_cfg_instance(k->cfg, "s");
	k->env.unit = &k->unit;
	k->env.collations =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_hash_table_insert(k->env.collations, g_strdup("utf8mb4"),
	    g_strdup("utf8mb4_general_ci"));
	k->table = parse_table(TABLE);
	k->err = row_filter_new(&k->env, k->table, &k->filter);
}

static void
close_task(struct task *k)
{
	dm_err_free(k->err);
	row_filter_free(k->filter);
	dm_table_free(k->table);
	row_filter_env_fini(&k->env);
	dm_task_cfg_free(k->cfg);
}

static void
set_row(struct dm_value *row, int64_t id, int64_t v, const char *s)
{
	row[0] = int_value(id);
	row[1] = int_value(v);
	row[2] = (struct dm_value){ .kind = DM_VAL_BYTES,
		.bytes = { s, strlen(s) } };
	row[3] = (struct dm_value){ .kind = DM_VAL_NULL };
}

static bool
skips(struct task *k, enum dm_rows_kind kind, const struct dm_value *before,
    const struct dm_value *after)
{
	bool answer = false;
	struct dm_err *err =
	    row_filter_skips(k->filter, kind, before, after, &answer);

	ck_assert_ptr_null(err);
	return answer;
}

START_TEST(filters_of_one_table_are_alternatives)
{
	struct task k;
	struct dm_value row[4];

	open_task(&k,
	    "  a: {schema: db, table: t, insert-value-expr: v > 5}\n"
	    "  b: {schema: db, table: t, insert-value-expr: s = 'X'}\n");
	ck_assert(k.err == NULL && k.filter != NULL);
	set_row(row, 1, 5, "y");
	ck_assert(!skips(&k, DM_ROWS_INSERT, NULL, row));
	set_row(row, 1, 6, "y");
	ck_assert(skips(&k, DM_ROWS_INSERT, NULL, row));
	set_row(row, 1, 0, "x");
	ck_assert(skips(&k, DM_ROWS_INSERT, NULL, row));
	ck_assert(!skips(&k, DM_ROWS_DELETE, row, NULL));
	close_task(&k);
}
END_TEST

START_TEST(an_update_needs_both_sides)
{
	struct task k;
	struct dm_value old[4], new[4];

	open_task(&k,
	    "  a: {schema: db, table: t, update-old-value-expr: v = 1, "
	    "update-new-value-expr: v = 2}\n"
	    "  b: {schema: db, table: t, update-old-value-expr: id > "
	    "4294967294}\n");
	ck_assert(k.err == NULL && k.filter != NULL);
	set_row(old, 1, 1, "");
	set_row(new, 1, 3, "");
	ck_assert(!skips(&k, DM_ROWS_UPDATE, old, new));
	set_row(new, 1, 2, "");
	ck_assert(skips(&k, DM_ROWS_UPDATE, old, new));
	set_row(old, -1, 0, ""); /* unsigned: 4294967295 */
	ck_assert(skips(&k, DM_ROWS_UPDATE, old, new));
	close_task(&k);
}
END_TEST

START_TEST(other_tables_and_unknown_columns_have_no_filter)
{
	struct task k;

	open_task(&k,
	    "  a: {schema: db, table: T, insert-value-expr: v > 5}\n"
	    "  b: {schema: db, table: t, insert-value-expr: w = 'X'}\n");
	ck_assert(k.err == NULL && k.filter == NULL);
	close_task(&k);
}
END_TEST

START_TEST(types_that_are_not_known_are_told)
{
	struct task k;

	open_task(&k,
	    "  a: {schema: db, table: t, delete-value-expr: p = 5}\n"
	    "  b: {schema: db, table: t, delete-value-expr: p IS NULL}\n");
	ck_assert(dm_err_is(k.err, CONFIG_EXPR_FILTER_WRONG_GRAMMAR));
	ck_assert_str_eq(k.err->message,
	    "expression-filter name(a) SQL(p = 5) has wrong grammar: p cannot "
	    "be compared");
	ck_assert_str_eq(k.err->cause, "table `db`.`t`");
	close_task(&k);
}
END_TEST

START_TEST(a_value_that_is_missing_is_an_error)
{
	struct task k;
	struct dm_value row[4];
	bool skip;
	struct dm_err *err;

	open_task(&k,
	    "  a: {schema: db, table: t, delete-value-expr: v = 5}\n"
	    "  b: {schema: db, table: t, delete-value-expr: p IS NULL}\n");
	ck_assert_ptr_null(k.err);
	set_row(row, 1, 5, "");
	row[1].kind = DM_VAL_ABSENT;
	err = row_filter_skips(k.filter, DM_ROWS_DELETE, row, NULL, &skip);
	ck_assert_str_eq(err->message,
	    "expression-filter a on `db`.`t`: column v is not in the row "
	    "image");
	dm_err_free(err);
	close_task(&k);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/sync/row_filter");
	TCase *tc = tcase_create("row_filter");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, filters_of_one_table_are_alternatives);
	tcase_add_test(tc, an_update_needs_both_sides);
	tcase_add_test(tc, other_tables_and_unknown_columns_have_no_filter);
	tcase_add_test(tc, types_that_are_not_known_are_told);
	tcase_add_test(tc, a_value_that_is_missing_is_an_error);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
