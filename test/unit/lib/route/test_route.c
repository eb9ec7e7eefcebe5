/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/route/route.c. */
#include "lib/route/route.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static char schema_rule[] = "schema", table_rule[] = "table", twin[] = "twin";
static char pattern[] = "shard_*", tables[] = "t[0-9]", all[] = "t*";
static char target[] = "All", target_table[] = "T", nothing[] = "";

static const struct dm_route_rule rules[] = {
	{ schema_rule, pattern, nothing, target, nothing },
	{ table_rule, pattern, tables, target, target_table },
	{ twin, pattern, all, target, nothing },
};

static const struct {
	size_t rules;
	const char *schema, *table, *to_schema, *to_table;
} cases[] = {
	{ 2, "shard_1", "x", "All", "x" },
	{ 2, "shard_1", "t1", "All", "T" },
	{ 2, "SHARD_1", "T1", "All", "T" },
	{ 2, "shard_1", NULL, "All", NULL },
	{ 2, "other", "t1", "other", "t1" },
	{ 3, "shard_1", "t1", NULL, NULL },
	{ 3, "shard_1", "tx", "All", "tx" },
	{ 0, "a", "b", "a", "b" },
};

START_TEST(routes_as_documented)
{
	DM_AUTO(dm_router) r = NULL;
	g_autofree char *s = NULL, *t = NULL;
	DM_AUTO(dm_err) made = NULL;
	DM_AUTO(dm_err) err = NULL;

	made = dm_router_new(rules, cases[_i].rules, false, &r);
	ck_assert_ptr_null(made);
	err = dm_route(r, cases[_i].schema, cases[_i].table, &s, &t);
	if (cases[_i].to_schema == NULL) {
		ck_assert(dm_err_is(err, WORKER_ROUTE_TABLE_DUP_MATCH));
		return;
	}
	ck_assert_ptr_null(err);
	ck_assert_pstr_eq(s, cases[_i].to_schema);
	ck_assert_pstr_eq(t, cases[_i].to_table);
}
END_TEST

START_TEST(case_counts_where_it_should)
{
	DM_AUTO(dm_router) r = NULL;
	g_autofree char *s = NULL, *t = NULL;
	DM_AUTO(dm_err) err = dm_router_new(rules, 2, true, &r);

	ck_assert_ptr_null(err);
	err = dm_route(r, "Shard_1", "t1", &s, &t);
	ck_assert_ptr_null(err);
	ck_assert_str_eq(s, "Shard_1");
}
END_TEST

START_TEST(names_rule_and_field)
{
	static char bad_pattern[] = "a*b";
	const struct dm_route_rule bad = { twin, pattern, bad_pattern, target,
		nothing };
	const struct dm_route_rule missing = { twin, pattern, nothing, nothing,
		nothing };
	const struct dm_route_rule twice[] = { rules[0], rules[0] };
	DM_AUTO(dm_router) r = NULL;
	DM_AUTO(dm_err) a = dm_router_new(&bad, 1, false, &r);
	DM_AUTO(dm_err) b = dm_router_new(&missing, 1, false, &r);
	DM_AUTO(dm_err) c = dm_router_new(twice, 2, false, &r);

	ck_assert(dm_err_is(a, CONFIG_GEN_TABLE_ROUTER));
	ck_assert_ptr_nonnull(strstr(a->cause, "'twin': table-pattern"));
	ck_assert_ptr_nonnull(strstr(b->cause, "'twin': target-schema"));
	ck_assert(dm_err_is(c, CONFIG_GEN_TABLE_ROUTER));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/route/route");
	TCase *tc = tcase_create("route");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    tc, routes_as_documented, 0, (int)DM_ARRAY_SIZE(cases));
	tcase_add_test(tc, case_counts_where_it_should);
	tcase_add_test(tc, names_rule_and_field);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
