/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/filter/block_allow.c. */
#include "lib/filter/block_allow.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Lists as text: "a,b" and "db.table,db.table". */
static GPtrArray *
dbs_of(const char *text)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
	g_auto(GStrv) names = g_strsplit(text, ",", -1);

	for (char **n = names; *n != NULL; n++)
		g_ptr_array_add(list, g_strdup(*n));
	return list;
}

static void
clear_pair(void *p)
{
	struct dm_table_pattern *pair = p;

	g_free(pair->schema);
	g_free(pair->table);
}

static GArray *
tables_of(const char *text)
{
	GArray *list =
	    g_array_new(FALSE, TRUE, sizeof(struct dm_table_pattern));
	g_auto(GStrv) names = g_strsplit(text, ",", -1);

	g_array_set_clear_func(list, clear_pair);
	for (char **n = names; *n != NULL; n++) {
		char **halves = g_strsplit(*n, ".", 2);
		struct dm_table_pattern p = { halves[0], halves[1] };

		g_array_append_val(list, p);
		g_free(halves);
	}
	return list;
}

static struct dm_err *
build(const char *do_dbs, const char *ignore_dbs, const char *do_tables,
    const char *ignore_tables, struct dm_block_allow **b)
{
	g_autoptr(GPtrArray) dd = dbs_of(do_dbs);
	g_autoptr(GPtrArray) id = dbs_of(ignore_dbs);
	g_autoptr(GArray) dt = tables_of(do_tables);
	g_autoptr(GArray) it = tables_of(ignore_tables);
	struct dm_block_allow_rule rule = { dd, id, dt, it };

	return dm_block_allow_new(&rule, false, b);
}

static const struct {
	const char *do_dbs, *ignore_dbs, *do_tables, *ignore_tables;
	const char *schema, *table;
	bool skips;
} cases[] = {
	{ "", "", "", "", "a", "t", false },
	{ "", "", "", "", "MySQL", "t", true },
	{ "", "", "", "", "dm_heartbeat", NULL, true },
	{ "a*", "", "", "", "ab", "t", false },
	{ "a*", "", "", "", "b", "t", true },
	{ "a*", "", "", "", "A", NULL, false },
	{ "a*", "ab", "", "", "ab", "t", false },
	{ "", "ab", "", "", "ab", "t", true },
	{ "", "ab", "", "", "ab", "", true },
	{ "", "", "a.t1", "", "a", "t1", false },
	{ "", "", "a.t1", "", "a", "t2", true },
	{ "", "", "a.t1", "", "a", "", false },
	{ "", "", "a.t*", "a.t1", "a", "t1", false },
	{ "", "", "", "a.t1", "a", "T1", true },
	{ "", "", "", "a.t1", "a", "t2", false },
	{ "~^a\\d$", "", "~^a.~x$", "", "a1", "zx", false },
	{ "~^a\\d$", "", "~^a.~x$", "", "a1", "z", true },
};

START_TEST(decides_as_documented)
{
	DM_AUTO(dm_block_allow) b = NULL;
	DM_AUTO(dm_err)
	err = build(cases[_i].do_dbs, cases[_i].ignore_dbs, cases[_i].do_tables,
	    cases[_i].ignore_tables, &b);

	ck_assert_ptr_null(err);
	ck_assert_msg(dm_block_allow_skips(b, cases[_i].schema,
			  cases[_i].table) == cases[_i].skips,
	    "case %d", _i);
}
END_TEST

START_TEST(no_rule_skips_only_system_schemas)
{
	DM_AUTO(dm_block_allow) b = NULL;
	DM_AUTO(dm_err) err = dm_block_allow_new(NULL, true, &b);

	ck_assert_ptr_null(err);
	ck_assert(!dm_block_allow_skips(b, "x", "y"));
	ck_assert(dm_block_allow_skips(b, "SYS", "y"));
}
END_TEST

START_TEST(names_the_bad_pattern)
{
	DM_AUTO(dm_block_allow) b = NULL;
	DM_AUTO(dm_err) err = build("", "", "a*b.t", "", &b);

	ck_assert(dm_err_is(err, CONFIG_GEN_BA_LIST));
	ck_assert_ptr_nonnull(strstr(err->cause, "do-tables"));
	ck_assert_ptr_nonnull(strstr(err->cause, "'a*b'"));
}
END_TEST

START_TEST(refuses_a_pattern_given_twice)
{
	DM_AUTO(dm_block_allow) b = NULL;
	DM_AUTO(dm_err) err = build("", "", "a.t,A.T", "", &b);

	ck_assert(dm_err_is(err, CONFIG_GEN_BA_LIST));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/filter/block_allow");
	TCase *tc = tcase_create("block_allow");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    tc, decides_as_documented, 0, (int)DM_ARRAY_SIZE(cases));
	tcase_add_test(tc, no_rule_skips_only_system_schemas);
	tcase_add_test(tc, names_the_bad_pattern);
	tcase_add_test(tc, refuses_a_pattern_given_twice);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
