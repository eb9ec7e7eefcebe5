/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/schema/{tracker,alter,complete}.c. */
#include "lib/schema/tracker.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void
clear_name(void *p)
{
	dm_table_name_clear(p);
}

static struct dm_err *
try(struct dm_tracker *t, const char *sql, struct dm_table_name *missing,
    GArray *changed)
{
	DM_AUTO(dm_ddl) d = NULL;
	struct dm_err *err = dm_ddl_parse(sql, strlen(sql), 0, &d);

	ck_assert_msg(
	    err == NULL, "%s: %s", sql, err == NULL ? "" : err->message);
	return dm_tracker_apply(t, d, "db", missing, changed);
}

static void
run(struct dm_tracker *t, const char *sql)
{
	DM_AUTO(dm_err) err = try(t, sql, NULL, NULL);

	ck_assert_msg(err == NULL, "%s: %s: %s", sql,
	    err == NULL ? "" : err->message, err == NULL ? "" : err->cause);
}

/* The structure as text, or "none". */
static char *
text_of(const struct dm_tracker *t, const char *name)
{
	const struct dm_table *table = dm_tracker_get(t, "db", name);
	g_autofree char *text = NULL;

	if (table == NULL)
		return g_strdup("none");
	text = dm_table_create_sql(table, NULL, NULL);
	return g_strdup(strchr(text, '('));
}

static const struct {
	const char *sql;    /* statements, separated by ";" */
	const char *expect; /* of table t */
} cases[] = {
	{ "create table t (a int)", "(`a` int)" },
	{ "create table t (a int); drop table x, t", "none" },
	{ "create table t (a int); create table if not exists t (b int)",
	    "(`a` int)" },
	{ "create table t (a int); create table t (b int)", "(`b` int)" },
	{ "create table t (a int); truncate t", "(`a` int)" },
	{ "create table t (a int); drop database db", "none" },
	{ "create table t (a int, b int);"
	  "alter table t add c int first, add d int after a, add e int",
	    "(`c` int, `a` int, `d` int, `b` int, `e` int)" },
	{ "create table t (a int, b int, c int);"
	  "alter table t modify c bigint first, change a z int after b",
	    "(`c` bigint, `b` int, `z` int)" },
	{ "create table t (a int, b int, key (a, b), key k (a), unique (b));"
	  "alter table t drop a",
	    "(`b` int, KEY `a` (`b`), UNIQUE KEY `b` (`b`))" },
	{ "create table t (a int, key (a), key (a), unique (a));"
	  "alter table t add key (a)",
	    "(`a` int, KEY `a` (`a`), KEY `a_2` (`a`), "
	    "UNIQUE KEY `a_3` (`a`), KEY `a_4` (`a`))" },
	{ "create table t (a int, b int, key k (a), check (a > b));"
	  "alter table t change a x int, rename column b to y",
	    "(`x` int, `y` int, KEY `k` (`x`), CHECK (`x` > `y`))" },
	{ "create table t (a int, b bigint, key (a), key kb (b));"
	  "alter table t rename column a to b, rename column b to a",
	    "(`b` int, `a` bigint, KEY `a` (`b`), KEY `kb` (`a`))" },
	{ "create table t (a int, b int as (a + 1), c int default (abs(a)));"
	  "alter table t rename column a to `x y`",
	    "(`x y` int, `b` int GENERATED ALWAYS AS (`x y` + 1) VIRTUAL, "
	    "`c` int DEFAULT (abs(`x y`)))" },
	{ "create table t (a int primary key, b int unique)",
	    "(`a` int NOT NULL, `b` int, PRIMARY KEY (`a`), "
	    "UNIQUE KEY `b` (`b`))" },
	{ "create table t (a int null default null);"
	  "alter table t add primary key (a)",
	    "(`a` int NOT NULL, PRIMARY KEY (`a`))" },
	{ "create table t (a int primary key, b int);"
	  "alter table t drop primary key, add primary key (b)",
	    "(`a` int NOT NULL, `b` int NOT NULL, PRIMARY KEY (`b`))" },
	{ "create table t (a int);"
	  "alter table t add key (b), add column b int",
	    "(`a` int, `b` int, KEY `b` (`b`))" },
	{ "create table t (a int); create unique index i on t (a);"
	  "create index if not exists i on t (a); drop index x on t",
	    "(`a` int, UNIQUE KEY `i` (`a`))" },
	{ "create table t (a int, key i (a)); drop index i on t", "(`a` int)" },
	{ "create table t (a int, key i (a)); alter table t rename key i to j",
	    "(`a` int, KEY `j` (`a`))" },
	{ "create table t (a int); alter table t rename key x to y",
	    "(`a` int)" },
	{ "create table t (a serial)",
	    "(`a` bigint unsigned NOT NULL AUTO_INCREMENT, "
	    "UNIQUE KEY `a` (`a`))" },
	{ "create table t (a bool, b int auto_increment unique)",
	    "(`a` tinyint(1), `b` int NOT NULL AUTO_INCREMENT, "
	    "UNIQUE KEY `b` (`b`))" },
	{ "create table t (a int default 1);"
	  "alter table t alter a drop default, add b int not null;"
	  "alter table t alter b set default 7",
	    "(`a` int, `b` int NOT NULL DEFAULT 7)" },
	{ "create table t (a int); alter table t add b int unique first",
	    "(`b` int, `a` int, UNIQUE KEY `b` (`b`))" },
	{ "create table t (a int); alter table t add if not exists a text,"
	  "drop if exists z, modify if exists z int, alter if exists z "
	  "set default 1",
	    "(`a` int)" },
	{ "create table o (a int, key k (a), foreign key (a) references x (a))"
	  " comment 'o'; create table t like o",
	    "(`a` int, KEY `k` (`a`)) COMMENT='o'" },
	{ "create table a (x int); create table b (y int);"
	  "rename table a to tmp, b to a, tmp to b; rename table b to t",
	    "(`x` int)" },
	{ "create table o (a int, constraint o_ibfk_1 foreign key (a) "
	  "references p (a)); alter table o rename t, add b int",
	    "(`a` int, `b` int, KEY `o_ibfk_1` (`a`), CONSTRAINT `t_ibfk_1` "
	    "FOREIGN KEY (`a`) REFERENCES `db`.`p` (`a`))" },
	{ "create table t (a varchar(5), b text character set latin1) "
	  "charset utf8mb4",
	    "(`a` varchar(5) CHARACTER SET utf8mb4, "
	    "`b` text CHARACTER SET latin1) DEFAULT CHARSET=utf8mb4" },
	{ "create table t (a char binary, b char collate latin1_bin) "
	  "collate utf8mb4_bin",
	    "(`a` char CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, "
	    "`b` char CHARACTER SET latin1 COLLATE latin1_bin) "
	    "DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin" },
	{ "create table t (a char, b text) charset latin1;"
	  "alter table t convert to character set utf8mb4, add c char",
	    "(`a` char CHARACTER SET utf8mb4, "
	    "`b` mediumtext CHARACTER SET utf8mb4, "
	    "`c` char CHARACTER SET utf8mb4) DEFAULT CHARSET=utf8mb4" },
	{ "create table t (a char) charset latin1;"
	  "alter table t charset utf8mb4, add c char",
	    "(`a` char CHARACTER SET latin1, "
	    "`c` char CHARACTER SET utf8mb4) DEFAULT CHARSET=utf8mb4" },
	{ "create table t (a varchar(9), b text(9), c blob(300)) "
	  "charset binary",
	    "(`a` varbinary(9), `b` tinyblob, `c` blob) "
	    "DEFAULT CHARSET=binary" },
	{ "create table t (a set('x')) charset binary;"
	  "alter table t convert to character set utf8",
	    "(`a` set('x') CHARACTER SET binary) DEFAULT CHARSET=utf8" },
	{ "create table t (a int, key k (a)); "
	  "create or replace unique index k on t (a)",
	    "(`a` int, UNIQUE KEY `k` (`a`))" },
	{ "create table t (a date, b date, period for p (a, b))",
	    "(`a` date NOT NULL, `b` date NOT NULL, PERIOD FOR p (a, b))" },
	{ "create database db collate latin1_bin; create table t (a char)",
	    "(`a` char CHARACTER SET latin1 COLLATE latin1_bin) "
	    "DEFAULT CHARSET=latin1 COLLATE=latin1_bin" },
	{ "create database db charset latin1; alter database charset utf8;"
	  "create table t (a char)",
	    "(`a` char CHARACTER SET utf8) DEFAULT CHARSET=utf8" },
	{ "create table t (a int) engine=MyISAM comment 'x';"
	  "alter table t engine=InnoDB, algorithm=copy, row_format=dynamic",
	    "(`a` int) COMMENT='x' ENGINE=InnoDB ROW_FORMAT=dynamic" },
	{ "create table t (a int); alter table t partition by hash(a)",
	    "(`a` int) PARTITION BY hash(a)" },
	{ "create table t (a int) partition by hash(a) partitions 3;"
	  "alter table t coalesce partition 1; alter table t "
	  "remove partitioning",
	    "(`a` int)" },
	{ "create table t (a int, constraint c check (a > 0), check (a < 9));"
	  "alter table t drop constraint c, drop constraint t_chk_2",
	    "(`a` int)" },
	{ "create table t (a int, b int, check (a > 0), check (a > b));"
	  "alter table t add constraint c check (b > 1), drop column x",
	    "(`a` int, `b` int, CHECK (a > 0), CHECK (a > b), "
	    "CONSTRAINT `c` CHECK (b > 1))" },
	{ "create table t (a int, b int, check (a > 0), check (b > 1));"
	  "alter table t drop column a",
	    "(`b` int, CHECK (b > 1))" },
	{ "create table t (a int, b int); alter table t add foreign key "
	  "(a) references p (x), add constraint f foreign key (b) "
	  "references p (y); alter table t drop foreign key f",
	    "(`a` int, `b` int, KEY `a` (`a`), KEY `f` (`b`), CONSTRAINT "
	    "`t_ibfk_1` FOREIGN KEY (`a`) REFERENCES `db`.`p` (`x`))" },
	{ "create table t (a int, b int); alter table t add foreign key k "
	  "(a) references p (x), add constraint f foreign key g (b) "
	  "references p (y), drop foreign key x; "
	  "alter table t add unique f (b, a)",
	    "(`a` int, `b` int, KEY `k` (`a`), UNIQUE KEY `f` (`b`, `a`), "
	    "CONSTRAINT `k` FOREIGN KEY `k` (`a`) REFERENCES `db`.`p` (`x`), "
	    "CONSTRAINT `f` FOREIGN KEY `g` (`b`) REFERENCES `db`.`p` (`y`))" },
	/* what random statements on real servers have shown: */
	{ "create table t (a int); alter table t drop a, add b int",
	    "(`b` int)" },
	{ "create table t (a int, b int, key k (a));"
	  "alter table t rename key k to l, drop a",
	    "(`b` int)" },
	{ "create table t (a int, b int, key k (a));"
	  "alter table t drop a, add a bigint",
	    "(`b` int, `a` bigint, KEY `k` (`a`))" },
	{ "create table t (a int primary key, b int);"
	  "alter table t modify if exists b bigint primary key",
	    "(`a` int NOT NULL, `b` bigint, PRIMARY KEY (`a`))" },
	{ "create table t (a int, b int);"
	  "alter table t add if not exists a int unique",
	    "(`a` int, `b` int, UNIQUE KEY `a` (`a`))" },
	{ "create table t (a char(9), key (a(3)));"
	  "alter table t modify a int; alter table t modify a char(9)",
	    "(`a` char(9), KEY `a` (`a`))" },
	{ "create table t (a char(3)) charset latin1; alter table t convert "
	  "to charset cp1251, add b char(3), add j json",
	    "(`a` char(3) CHARACTER SET cp1251, `b` char(3) CHARACTER SET "
	    "cp1251, `j` json) DEFAULT CHARSET=cp1251" },
	{ "create table t (a int, constraint c check (a > 0));"
	  "alter table t add constraint c check (a > 1)",
	    "(`a` int, CONSTRAINT `c` CHECK (a > 1))" },
	{ "create table t (a int); alter table t alter a set invisible",
	    "(`a` int INVISIBLE)" },
	{ "create table t (a int); alter table t add system versioning",
	    "(`a` int) WITH SYSTEM VERSIONING" },
	{ "create table o (a int) partition by hash(a);"
	  "alter table o convert partition p0 to table t",
	    "(`a` int)" },
	{ "create table t (a int); create table o (a int) partition by "
	  "hash(a); alter table o convert table t to partition p1 values "
	  "in (1)",
	    "none" },
};

START_TEST(follows_the_source)
{
	DM_AUTO(dm_tracker) t = dm_tracker_new(true);
	g_auto(GStrv) statements = g_strsplit(cases[_i].sql, ";", -1);
	g_autofree char *text = NULL;

	for (char **s = statements; *s != NULL; s++)
		run(t, *s);
	text = text_of(t, "t");
	ck_assert_str_eq(text, cases[_i].expect);
}
END_TEST

static const struct {
	const char *before, *sql;
	const char *missing; /* NULL: it cannot be executed */
} failing[] = {
	{ "create table t (a int)", "alter table x add a int", "x" },
	{ "create table t (a int)", "create table u like x", "x" },
	{ "create table t (a int)", "create index i on x (a)", "x" },
	{ "create table t (a int)", "rename table t to u, x to v", "x" },
	{ "create table t (a int)", "alter table t add a int", NULL },
	{ "create table t (a int)", "alter table t add A int", NULL },
	{ "create table t (a int)", "alter table t add b int, add b int",
	    NULL },
	{ "create table t (a int)", "alter table t add b int after x", NULL },
	{ "create table t (a int)", "alter table t modify b int", NULL },
	{ "create table t (a int)", "alter table t drop a", NULL },
	{ "create table t (a int)", "alter table t add key (x)", NULL },
	{ "create table t (a int, key k (a))", "alter table t add key k (a)",
	    NULL },
	{ "create table t (a int primary key)",
	    "alter table t add primary key (a)", NULL },
	{ "create table t (a int, b int)", "alter table t rename column a to b",
	    NULL },
	{ "create table t (a int)", "create table u select 1", NULL },
	{ "create table t (a int)", "create table u (a int, A int)", NULL },
	{ "create table t (a int)", "create table u (a int, key (b))", NULL },
	{ "create table t (a int)",
	    "alter table t add foreign key (b) "
	    "references p (x)",
	    NULL },
	{ "create table t (a int)",
	    "alter table t rename t2, rename column "
	    "x to y",
	    NULL },
};

START_TEST(an_error_changes_nothing)
{
	DM_AUTO(dm_tracker) t = dm_tracker_new(true);
	struct dm_table_name missing = { 0 };
	g_autoptr(GArray) changed =
	    g_array_new(FALSE, FALSE, sizeof(struct dm_table_name));
	g_autofree char *before = NULL, *after = NULL;
	DM_AUTO(dm_err) err = NULL;
	uint64_t generation;

	run(t, failing[_i].before);
	before = text_of(t, "t");
	generation = dm_tracker_generation(t);
	err = try(t, failing[_i].sql, &missing, changed);
	ck_assert_ptr_nonnull(err);
	ck_assert_pstr_eq(missing.table, failing[_i].missing);
	if (failing[_i].missing != NULL)
		ck_assert(dm_err_is(err, SCHEMA_TRACKER_CANNOT_GET_TABLE));
	else
		ck_assert(dm_err_is(err, SCHEMA_TRACKER_CANNOT_EXEC_DDL));
	after = text_of(t, "t");
	ck_assert_str_eq(after, before);
	ck_assert_uint_eq(dm_tracker_generation(t), generation);
	dm_table_name_clear(&missing);
}
END_TEST

START_TEST(tells_what_changed)
{
	DM_AUTO(dm_tracker) t = dm_tracker_new(true);
	g_autoptr(GArray) changed =
	    g_array_new(FALSE, FALSE, sizeof(struct dm_table_name));
	DM_AUTO(dm_err) err = NULL;
	const struct dm_table_name *n;

	g_array_set_clear_func(changed, clear_name);
	run(t, "create table t (a int)");
	err = try(t, "rename table t to s.u", NULL, changed);
	ck_assert_ptr_null(err);
	ck_assert_uint_eq(changed->len, 2);
	n = &g_array_index(changed, struct dm_table_name, 1);
	ck_assert_str_eq(n->schema, "s");
	ck_assert_str_eq(n->table, "u");
}
END_TEST

START_TEST(names_fold_where_the_source_folds)
{
	DM_AUTO(dm_tracker) folds = dm_tracker_new(false);
	DM_AUTO(dm_tracker) exact = dm_tracker_new(true);

	run(folds, "create table T (a int)");
	run(exact, "create table T (a int)");
	ck_assert_ptr_nonnull(dm_tracker_get(folds, "DB", "t"));
	ck_assert_ptr_null(dm_tracker_get(exact, "db", "t"));
	ck_assert_ptr_nonnull(dm_tracker_get(exact, "db", "T"));
}
END_TEST

START_TEST(puts_and_removes)
{
	DM_AUTO(dm_tracker) t = dm_tracker_new(true);
	g_autoptr(GPtrArray) all = NULL;

	dm_tracker_set_database(t, "db", "latin1", "latin1_bin");
	dm_tracker_put(t, dm_table_new("db", "b"));
	dm_tracker_put(t, dm_table_new("db", "a"));
	run(t, "create table c (x char)");
	all = dm_tracker_tables(t);
	ck_assert_uint_eq(all->len, 3);
	ck_assert_str_eq(
	    ((const struct dm_table *)g_ptr_array_index(all, 0))->name, "a");
	ck_assert_str_eq(dm_tracker_get(t, "db", "c")->collation, "latin1_bin");
	dm_tracker_remove(t, "db", "a");
	ck_assert_ptr_null(dm_tracker_get(t, "db", "a"));
}
END_TEST

START_TEST(one_action_can_be_foretold)
{
	DM_AUTO(dm_table) t = NULL;
	DM_AUTO(dm_ddl) d = NULL;
	const char *sql = "alter table t add column b int not null first";
	DM_AUTO(dm_err)
	err = dm_schema_parse_create(
	    "CREATE TABLE `t` (`a` int)", 0, "s", "utf8", &t);

	ck_assert_ptr_null(err);
	err = dm_ddl_parse(sql, strlen(sql), 0, &d);
	ck_assert_ptr_null(err);
	err = dm_schema_apply_alter(t, g_ptr_array_index(d->alters, 0));
	ck_assert_ptr_null(err);
	ck_assert_int_eq(dm_table_column(t, "B"), 0);
	ck_assert_int_eq(dm_table_column(t, "a"), 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/schema/tracker");
	TCase *tc = tcase_create("tracker");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    tc, follows_the_source, 0, (int)DM_ARRAY_SIZE(cases));
	tcase_add_loop_test(
	    tc, an_error_changes_nothing, 0, (int)DM_ARRAY_SIZE(failing));
	tcase_add_test(tc, tells_what_changed);
	tcase_add_test(tc, names_fold_where_the_source_folds);
	tcase_add_test(tc, puts_and_removes);
	tcase_add_test(tc, one_action_can_be_foretold);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
