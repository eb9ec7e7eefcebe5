/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/filter/binlog_filter.c. */
#include "lib/filter/binlog_filter.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Lists as text: "insert,all ddl"; "" is an empty list. */
struct spec {
	const char *schema, *table, *events, *sql, *action;
};

static struct dm_err *
build(const struct spec *specs, size_t n, bool case_sensitive,
    struct dm_binlog_filter **f)
{
	struct dm_filter_rule rules[4] = { 0 };
	const struct dm_filter_rule *list[4];
	struct dm_err *err;

	ck_assert_uint_le(n, 4);
	for (size_t i = 0; i < n; i++) {
		rules[i].name = g_strdup_printf("r%zu", i);
		rules[i].schema_pattern = g_strdup(specs[i].schema);
		rules[i].table_pattern = g_strdup(specs[i].table);
		rules[i].events = g_strsplit(specs[i].events, ",", -1);
		rules[i].sql_patterns = g_strsplit(specs[i].sql, ",", -1);
		rules[i].action = g_strdup(specs[i].action);
		list[i] = &rules[i];
	}
	err = dm_binlog_filter_new(list, n, case_sensitive, f);
	for (size_t i = 0; i < n; i++) {
		g_free(rules[i].name);
		g_free(rules[i].schema_pattern);
		g_free(rules[i].table_pattern);
		g_strfreev(rules[i].events);
		g_strfreev(rules[i].sql_patterns);
		g_free(rules[i].action);
	}
	return err;
}

static enum dm_filter_action
ask(const struct dm_binlog_filter *f, const char *schema, const char *table,
    const char *events, const char *sql)
{
	g_auto(GStrv) names = g_strsplit(events, ",", -1);
	enum dm_filter_action action;
	struct dm_err *err;

	err = dm_binlog_filter_decide(
	    f, schema, table, (const char *const *)names, sql, &action);
	ck_assert_ptr_null(err);
	return action;
}

/* One rule, one question. */
static const struct {
	struct spec rule;
	const char *schema, *table, *events, *sql;
	enum dm_filter_action want;
} cases[] = {
	/* Nobody is concerned: done. */
	{ { "a", "t", "all", "", "Ignore" }, "b", "t", "insert", "",
	    DM_FILTER_DO },
	{ { "a", "t", "all", "", "Ignore" }, "a", "u", "insert", "",
	    DM_FILTER_DO },
	/* A rule with a table is not asked about a database. */
	{ { "a", "t*", "all", "", "Ignore" }, "a", "", "drop database", "",
	    DM_FILTER_DO },
	{ { "a", "", "all", "", "Ignore" }, "a", NULL, "drop database", "",
	    DM_FILTER_IGNORE },
	{ { "a", "", "insert", "", "Ignore" }, "a", "t", "insert", "",
	    DM_FILTER_IGNORE },
	/* Patterns. */
	{ { "A*", "t?", "all", "", "ignore" }, "abc", "T1", "delete", "",
	    DM_FILTER_IGNORE },
	{ { "~^a", "", "all", "", "Ignore" }, "a", "t", "insert", "",
	    DM_FILTER_DO },
	{ { "~^a", "", "all", "", "Ignore" }, "~^a", "t", "insert", "",
	    DM_FILTER_IGNORE },
	/* Groups. */
	{ { "*", "", "all dml", "", "Ignore" }, "a", "t", "update", "",
	    DM_FILTER_IGNORE },
	{ { "*", "", "all dml", "", "Ignore" }, "a", "t", "drop table", "",
	    DM_FILTER_DO },
	{ { "*", "", "All DDL", "", "Ignore" }, "a", "t", "drop table", "",
	    DM_FILTER_IGNORE },
	{ { "*", "", "All DDL", "", "Ignore" }, "a", "t", "create table", "",
	    DM_FILTER_IGNORE },
	{ { "*", "", "incompatible DDL changes", "", "Ignore" }, "a", "t",
	    "alter table,drop column", "", DM_FILTER_IGNORE },
	{ { "*", "", "incompatible DDL changes", "", "Ignore" }, "a", "t",
	    "create index", "", DM_FILTER_DO },
	{ { "*", "", "none ddl,all", "", "Ignore" }, "a", "t", "drop table", "",
	    DM_FILTER_DO },
	{ { "*", "", "none ddl,all", "", "Ignore" }, "a", "t", "insert", "",
	    DM_FILTER_IGNORE },
	{ { "*", "", "none", "", "Do" }, "a", "t", "insert", "",
	    DM_FILTER_IGNORE },
	/* Other names. */
	{ { "*", "", "drop schema", "", "Ignore" }, "a", "", "drop database",
	    "", DM_FILTER_IGNORE },
	/* Do: what is not named is left out. */
	{ { "*", "", "insert", "", "Do" }, "a", "t", "insert", "",
	    DM_FILTER_DO },
	{ { "*", "", "insert", "", "" }, "a", "t", "delete", "",
	    DM_FILTER_IGNORE },
	/* Error. */
	{ { "*", "", "truncate table", "", "Error" }, "a", "t",
	    "truncate table", "", DM_FILTER_ERROR },
	/* Texts: any case, anywhere, any of them. */
	{ { "*", "", "", "^x,drop\\s+column", "Ignore" }, "a", "t",
	    "alter table", "ALTER TABLE t DROP  COLUMN c", DM_FILTER_IGNORE },
	{ { "*", "", "", "^drop", "Ignore" }, "a", "t", "alter table",
	    "ALTER TABLE t DROP COLUMN c", DM_FILTER_DO },
	{ { "*", "", "", "^drop", "Error" }, "", NULL, "", "drop what",
	    DM_FILTER_ERROR },
	{ { "*", "", "all", "^create", "Do" }, "a", "t", "drop table",
	    "DROP TABLE t", DM_FILTER_IGNORE },
	/* Rows have no text. */
	{ { "*", "", "all", "^create", "Do" }, "a", "t", "insert", "",
	    DM_FILTER_DO },
};

START_TEST(a_rule_decides_as_dms)
{
	DM_AUTO(dm_binlog_filter) f = NULL;

	ck_assert_ptr_null(build(&cases[_i].rule, 1, false, &f));
	ck_assert_int_eq(ask(f, cases[_i].schema, cases[_i].table,
			     cases[_i].events, cases[_i].sql),
	    cases[_i].want);
}
END_TEST

START_TEST(the_first_rule_that_says_something_wins)
{
	static const struct spec rules[] = {
		{ "a", "", "delete", "", "Ignore" },
		{ "a", "t", "delete", "", "Error" },
		{ "a", "t", "update", "", "Error" },
	};
	DM_AUTO(dm_binlog_filter) f = NULL;

	ck_assert_ptr_null(build(rules, 3, false, &f));
	ck_assert_int_eq(ask(f, "a", "t", "delete", ""), DM_FILTER_IGNORE);
	ck_assert_int_eq(ask(f, "a", "t", "update", ""), DM_FILTER_ERROR);
	ck_assert_int_eq(ask(f, "a", "t", "insert", ""), DM_FILTER_DO);
}
END_TEST

START_TEST(case_counts_where_it_is_asked_for)
{
	static const struct spec rule = { "A", "", "all", "", "Ignore" };
	DM_AUTO(dm_binlog_filter) f = NULL;

	ck_assert_ptr_null(build(&rule, 1, true, &f));
	ck_assert_int_eq(ask(f, "a", "t", "insert", ""), DM_FILTER_DO);
	ck_assert_int_eq(ask(f, "A", "t", "insert", ""), DM_FILTER_IGNORE);
}
END_TEST

static const struct {
	struct spec rule;
	const char *cause;
} bad[] = {
	{ { "", "", "all", "", "Do" }, "rule 'r0': schema-pattern is missing" },
	{ { "a", "", "all", "", "Skip" },
	    "rule 'r0': action: 'Skip' is none of Ignore, Do, Error" },
	{ { "a", "", "inserts", "", "Do" },
	    "rule 'r0': events: unknown event 'inserts'" },
	{ { "a", "", "Drop Unique Key", "", "Do" },
	    "rule 'r0': events: 'Drop Unique Key' is not available in this "
	    "version, but 'drop index' is, which covers it" },
	{ { "a", "", "", "(", "Do" }, NULL },
	{ { "a*b", "", "", "", "Do" }, NULL },
	{ { "a", "a*b", "", "", "Do" }, NULL },
};

START_TEST(what_cannot_be_understood_is_refused)
{
	struct dm_binlog_filter *f = NULL;
	DM_AUTO(dm_err) err = build(&bad[_i].rule, 1, false, &f);

	ck_assert_ptr_nonnull(err);
	ck_assert_int_eq(err->code, 20037);
	if (bad[_i].cause != NULL)
		ck_assert_str_eq(err->cause, bad[_i].cause);
}
END_TEST

START_TEST(a_pattern_that_takes_too_much_work_is_an_error)
{
	static const struct spec rule = { "*", "", "", "(a+)+$", "Ignore" };
	g_autofree char *sql = g_strnfill(64, 'a');
	DM_AUTO(dm_binlog_filter) f = NULL;
	enum dm_filter_action action;
	struct dm_err *err;

	sql[63] = 'b';
	ck_assert_ptr_null(build(&rule, 1, false, &f));
	err = dm_binlog_filter_decide(f, "a", "t", NULL, sql, &action);
	ck_assert_ptr_nonnull(err);
	dm_err_free(err);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/filter/binlog_filter");
	TCase *tc = tcase_create("binlog_filter");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    tc, a_rule_decides_as_dms, 0, (int)DM_ARRAY_SIZE(cases));
	tcase_add_test(tc, the_first_rule_that_says_something_wins);
	tcase_add_test(tc, case_counts_where_it_is_asked_for);
	tcase_add_loop_test(tc, what_cannot_be_understood_is_refused, 0,
	    (int)DM_ARRAY_SIZE(bad));
	tcase_add_test(tc, a_pattern_that_takes_too_much_work_is_an_error);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
