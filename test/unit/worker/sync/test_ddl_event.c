/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/sync/ddl_event.c. */
#include "worker/sync/ddl_event.h"

#include "lib/filter/binlog_filter.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *sql, *events;
} cases[] = {
	{ "CREATE DATABASE a", "create database" },
	{ "ALTER DATABASE a CHARACTER SET utf8mb4",
	    "alter database,modify schema charset and collate" },
	{ "DROP DATABASE a", "drop database" },
	{ "CREATE TABLE t (a INT)", "create table" },
	{ "CREATE TABLE t LIKE u", "create table" },
	{ "DROP TABLE t", "drop table" },
	{ "TRUNCATE t", "truncate table" },
	{ "RENAME TABLE t TO u", "rename table" },
	{ "CREATE INDEX i ON t (a)", "create index" },
	{ "DROP INDEX i ON t", "drop index" },
	{ "ALTER TABLE t ADD COLUMN b INT", "alter table,add column" },
	{ "ALTER TABLE t DROP COLUMN b", "alter table,drop column" },
	{ "ALTER TABLE t MODIFY b INT FIRST",
	    "alter table,modify column,modify columns order" },
	{ "ALTER TABLE t CHANGE b c INT",
	    "alter table,modify column,rename column" },
	{ "ALTER TABLE t CHANGE b b INT", "alter table,modify column" },
	{ "ALTER TABLE t ALTER b SET DEFAULT 1",
	    "alter table,set default value,modify default value" },
	{ "ALTER TABLE t ADD PRIMARY KEY (a)", "alter table,add primary key" },
	{ "ALTER TABLE t ADD UNIQUE u (a)", "alter table,create index" },
	{ "ALTER TABLE t DROP PRIMARY KEY", "alter table,drop primary key" },
	{ "ALTER TABLE t DROP INDEX i", "alter table,drop index" },
	{ "ALTER TABLE t RENAME TO u", "alter table,rename table" },
	{ "ALTER TABLE t ENGINE=InnoDB", "alter table,modify storage engine" },
	{ "ALTER TABLE t COMMENT 'x'", "alter table,modify table comment" },
	{ "ALTER TABLE t DEFAULT CHARSET utf8mb4",
	    "alter table,modify table charset and collate" },
	{ "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4",
	    "alter table,modify table charset and collate" },
	{ "ALTER TABLE t AUTO_INCREMENT=5", "alter table" },
	{ "ALTER TABLE t DROP PARTITION p",
	    "alter table,drop table partition" },
	{ "ALTER TABLE t TRUNCATE PARTITION p",
	    "alter table,truncate table partition" },
	{ "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u",
	    "alter table,exchange table partition" },
	{ "ALTER TABLE t REMOVE PARTITIONING",
	    "alter table,remove table partitioning" },
	{ "ALTER TABLE t PARTITION BY HASH(a) PARTITIONS 2",
	    "alter table,alter table partitioning" },
	{ "ALTER TABLE t ADD COLUMN b INT, DROP COLUMN c",
	    "alter table,multi schema change,add column,drop column" },
	{ "CREATE SEQUENCE s", "" },
};

START_TEST(every_ddl_has_the_names_that_rules_use)
{
	DM_AUTO(dm_ddl) ddl = NULL;
	g_autoptr(GPtrArray) events = NULL;
	g_autofree char *joined = NULL;
	struct dm_err *err;

	err = dm_ddl_parse(cases[_i].sql, strlen(cases[_i].sql), 0, &ddl);
	ck_assert_msg(err == NULL, "%s", cases[_i].sql);
	events = ddl_events(ddl);
	joined = g_strjoinv(",", (char **)events->pdata);
	ck_assert_str_eq(joined, cases[_i].events);
}
END_TEST

START_TEST(the_filter_knows_every_name)
{
	char any[] = "*", none[] = "", action[] = "Error", name[] = "r";
	char all[] = "all";
	char *events_of[] = { all, NULL }, *no[] = { NULL };
	struct dm_filter_rule rule = { name, any, none, events_of, no, action };
	const struct dm_filter_rule *rules[] = { &rule };
	DM_AUTO(dm_binlog_filter) f = NULL;

	ck_assert_ptr_null(dm_binlog_filter_new(rules, 1, false, &f));
	for (size_t i = 0; i + 1 < DM_ARRAY_SIZE(cases); i++) {
		g_auto(GStrv) names = g_strsplit(cases[i].events, ",", -1);
		enum dm_filter_action a;

		for (char **n = names; *n != NULL; n++) {
			const char *one[] = { *n, NULL };

			ck_assert_ptr_null(
			    dm_binlog_filter_decide(f, "a", "t", one, "", &a));
			ck_assert_int_eq(a, DM_FILTER_ERROR);
		}
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/sync/ddl_event");
	TCase *tc = tcase_create("ddl_event");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, every_ddl_has_the_names_that_rules_use, 0,
	    (int)DM_ARRAY_SIZE(cases));
	tcase_add_test(tc, the_filter_knows_every_name);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
