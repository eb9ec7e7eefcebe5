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
	{ .name = schema_rule,
	    .schema_pattern = pattern,
	    .table_pattern = nothing,
	    .target_schema = target,
	    .target_table = nothing },
	{ .name = table_rule,
	    .schema_pattern = pattern,
	    .table_pattern = tables,
	    .target_schema = target,
	    .target_table = target_table },
	{ .name = twin,
	    .schema_pattern = pattern,
	    .table_pattern = all,
	    .target_schema = target,
	    .target_table = nothing },
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

START_TEST(extractors_fill_columns_in_order)
{
	static char t_re[] = "^t([0-9])$", s_re[] = "shard_(.*)",
		    src_re[] = "no(t)hing", c1[] = "ct", c2[] = "cs",
		    c3[] = "cx";
	struct dm_route_rule some[] = { rules[0], rules[1] };
	DM_AUTO(dm_router) r = NULL;
	DM_AUTO(dm_err) err = NULL;
	g_autoptr(GArray) x = NULL;
	g_autoptr(GArray) y = NULL;
	g_autoptr(GArray) none = NULL;

	some[0].extract_schema = (struct dm_extractor){ s_re, c1 };
	some[1].extract_source = (struct dm_extractor){ src_re, c3 };
	some[1].extract_table = (struct dm_extractor){ t_re, c1 };
	some[1].extract_schema = (struct dm_extractor){ s_re, c2 };
	err = dm_router_new(some, 2, true, &r);
	ck_assert_ptr_null(err);
	x = dm_route_extract(r, "shard_7", "t3", "src");
	ck_assert_uint_eq(x->len, 3);
	for (guint i = 0; i < 3; i++) {
		static const char *const want[][2] = { { "ct", "3" },
			{ "cs", "7" }, { "cx", "" } };
		const struct dm_extracted *e =
		    &g_array_index(x, struct dm_extracted, i);

		ck_assert_str_eq(e->column, want[i][0]);
		ck_assert_str_eq(e->value, want[i][1]);
	}
	/* A table that has no rule of its own has the schema's. */
	y = dm_route_extract(r, "shard_7", "other", "src");
	ck_assert_uint_eq(y->len, 1);
	ck_assert_str_eq(g_array_index(y, struct dm_extracted, 0).value, "7");
	none = dm_route_extract(r, "else", "t3", "src");
	ck_assert_uint_eq(none->len, 0);
}
END_TEST

START_TEST(names_rule_and_field)
{
	static char bad_pattern[] = "a*b";
	const struct dm_route_rule bad = { .name = twin,
		.schema_pattern = pattern,
		.table_pattern = bad_pattern,
		.target_schema = target,
		.target_table = nothing };
	const struct dm_route_rule missing = { .name = twin,
		.schema_pattern = pattern,
		.table_pattern = nothing,
		.target_schema = nothing,
		.target_table = nothing };
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
	tcase_add_test(tc, extractors_fill_columns_in_order);
	tcase_add_test(tc, names_rule_and_field);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
