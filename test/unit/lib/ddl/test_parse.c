/* SPDX-License-Identifier: Apache-2.0 */
/* What is skipped, what is refused, and what sql_mode changes. */
#include "lib/ddl/ddl.h"

#include "lib/ddl/lexer.h"

#include <stdlib.h>

#include "test/unit/lib/ddl/ddl_case.h"

static const struct {
	enum dm_ddl_kind kind;
	const char *sql, *keyword;
} known[] = {
	{ DM_DDL_SKIPPED,
	    "CREATE DEFINER=`root`@`localhost` VIEW v AS SELECT 1",
	    "CREATE VIEW" },
	{ DM_DDL_SKIPPED,
	    "CREATE ALGORITHM=UNDEFINED DEFINER='a'@'%' SQL SECURITY DEFINER "
	    "VIEW v AS SELECT 1",
	    "CREATE VIEW" },
	{ DM_DDL_SKIPPED, "create or replace view v as select 1",
	    "CREATE VIEW" },
	{ DM_DDL_SKIPPED,
	    "CREATE DEFINER=CURRENT_USER() TRIGGER x BEFORE INSERT ON t FOR "
	    "EACH ROW SET NEW.a=1",
	    "CREATE TRIGGER" },
	{ DM_DDL_SKIPPED,
	    "create aggregate function f returns string soname 'x.so'",
	    "CREATE FUNCTION" },
	{ DM_DDL_SKIPPED,
	    "create definer=root procedure p() begin select 1; select 2; end",
	    "CREATE PROCEDURE" },
	{ DM_DDL_SKIPPED, "create user a identified by 'x'", "CREATE USER" },
	{ DM_DDL_SKIPPED, "create temporary table t (a int)",
	    "CREATE TEMPORARY TABLE" },
	{ DM_DDL_SKIPPED, "create or replace temporary table t (a int)",
	    "CREATE TEMPORARY TABLE" },
	{ DM_DDL_SKIPPED, "drop temporary table if exists a",
	    "DROP TEMPORARY TABLE" },
	{ DM_DDL_SKIPPED, "DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `a`",
	    "DROP TEMPORARY TABLE" },
	{ DM_DDL_SKIPPED, "alter event e disable", "ALTER EVENT" },
	{ DM_DDL_SKIPPED, "alter definer=root@localhost event e disable",
	    "ALTER EVENT" },
	{ DM_DDL_SKIPPED, "grant all on *.* to x", "GRANT" },
	{ DM_DDL_SKIPPED, "flush logs", "FLUSH" },
	{ DM_DDL_SKIPPED, "savepoint a", "SAVEPOINT" },
	{ DM_DDL_SKIPPED, "rollback to a", "ROLLBACK TO" },
	{ DM_DDL_TRANSACTION, "rollback", "ROLLBACK" },
	{ DM_DDL_TRANSACTION, "begin", "BEGIN" },
	{ DM_DDL_TRANSACTION, "begin work", "BEGIN" },
	{ DM_DDL_TRANSACTION, "start transaction with consistent snapshot",
	    "START TRANSACTION" },
	{ DM_DDL_TRANSACTION, "xa start 'a'", "XA START" },
	{ DM_DDL_TRANSACTION, "xa commit X'31',X'',1", "XA COMMIT" },
	{ DM_DDL_DML, "insert into t values (1)", "INSERT" },
	{ DM_DDL_DML, "/* c */ update t set a = 1", "UPDATE" },
	{ DM_DDL_SKIPPED, "set password for x = 'y'", "SET PASSWORD" },
	{ DM_DDL_SKIPPED, "set @x = 1", "SET" },
	{ DM_DDL_DML, "load data infile 'x' into table t", "LOAD DATA" },
	{ DM_DDL_SKIPPED, "analyze table t", "ANALYZE" },
	{ DM_DDL_DML, "call p(1)", "CALL" },
	{ DM_DDL_SKIPPED, "-- just a comment", "" },
	{ DM_DDL_SKIPPED, "# Dummy event replacing", "" },
	{ DM_DDL_SKIPPED, "kill 5", "KILL" },
	{ DM_DDL_SKIPPED, "install plugin x soname 'y'", "INSTALL" },
};

START_TEST(is_known_by_its_first_words)
{
	const char *sql = known[_i].sql;
	DM_AUTO(dm_ddl) d = NULL;
	DM_AUTO(dm_err) err = dm_ddl_parse(sql, strlen(sql), 0, &d);

	ck_assert_ptr_null(err);
	ck_assert_int_eq(d->kind, known[_i].kind);
	ck_assert_str_eq(d->keyword, known[_i].keyword);
}
END_TEST

static const struct {
	const char *sql, *says;
} refused[] = {
	{ "garbage here", "got 'garbage here' (offset 0)" },
	{ "alter table t frobnicate", "got 'frobnicate' (offset 14)" },
	{ "create table t (a int", "got the end of the statement (offset 21)" },
	{ "create table t (a int))", "got ')' (offset 22)" },
	{ "create table t (a int) x", "got 'x'" },
	{ "create table t ()", "a name" },
	{ "create table t, (a int)", "a table option" },
	{ "create table t (a int), engine=innodb", "a table option" },
	{ "create table t (a int) engine=innodb,", "a table option" },
	{ "create table t", "columns" },
	{ "create table select (a int)", "a name" },
	{ "alter table t add a foo", "a data type" },
	{ "alter table t add a int,", "an action" },
	{ "create table t (a int) union=(b)", "MERGE" },
	{ "create table t (a int, vector key (a))", "VECTOR" },
	{ "create table t (a int default)", "a default" },
	{ "create table t (a int default (1)", "expected )" },
	{ "create table t (a int default (1; 2))", "an expression" },
	{ "create table t (a enum(1))", "an element" },
	{ "create table t (a varchar(99999999999))", "a length" },
	{ "drop table t; drop table u", "the end of the statement" },
	{ "create table t (a int comment 'x)", "a quote is not closed" },
	{ "create table `t (a int)", "a quote is not closed" },
	{ "create /* table t (a int)", "a comment is not closed" },
	{ "create table t /*!50100 (a int)", "a comment is not closed" },
	{ "create table t (a int) comment=x'4", "hexadecimal" },
	{ "drop table \x01t", "a control character" },
	{ "set statement sql_mode='' for drop table t", "sql_mode" },
	{ "create definer=x table t (a int)", "an object with a definer" },
	{ "begin not atomic", "a statement we know" },
};

START_TEST(is_refused_with_place_and_reason)
{
	const char *sql = refused[_i].sql;
	DM_AUTO(dm_ddl) d = NULL;
	DM_AUTO(dm_err) err = dm_ddl_parse(sql, strlen(sql), 0, &d);

	ck_assert(dm_err_is(err, PARSE_SQL));
	ck_assert_msg(strstr(err->message, refused[_i].says) != NULL, "%s: %s",
	    sql, err->message);
	ck_assert_ptr_null(d);
}
END_TEST

static const struct {
	uint64_t sql_mode;
	const char *sql, *canonical; /* NULL: refused */
} modes[] = {
	{ 0, "create table t (a int comment \"x\")",
	    "CREATE TABLE `db`.`t` (`a` int COMMENT 'x')" },
	{ DM_SQLMODE_ANSI_QUOTES, "create table \"t\" (\"a\"\"b\" int)",
	    "CREATE TABLE `db`.`t` (`a\"b` int)" },
	{ DM_SQLMODE_ANSI_QUOTES, "create table t (a int comment \"x\")",
	    NULL },
	{ 0, "create table t (a int comment 'a\\nb')",
	    "CREATE TABLE `db`.`t` (`a` int COMMENT 'a\\nb')" },
	{ DM_SQLMODE_NO_BACKSLASH_ESCAPES,
	    "create table t (a int comment 'a\\nb\\')",
	    "CREATE TABLE `db`.`t` (`a` int COMMENT 'a\\\\nb\\\\')" },
	{ 0, "create table t (a int, b int as (a || 1))",
	    "CREATE TABLE `db`.`t` (`a` int, `b` int GENERATED ALWAYS AS "
	    "(a || 1) VIRTUAL)" },
	{ DM_SQLMODE_PIPES_AS_CONCAT,
	    "create table t (a int, b int as (a || 1))", NULL },
	{ DM_SQLMODE_IGNORE_SPACE, "create table t (a int as (abs (b)))",
	    "CREATE TABLE `db`.`t` (`a` int GENERATED ALWAYS AS (abs(b)) "
	    "VIRTUAL)" },
};

START_TEST(obeys_sql_mode)
{
	const char *sql = modes[_i].sql;
	DM_AUTO(dm_ddl) d = NULL;
	g_autofree char *text = NULL;
	DM_AUTO(dm_err)
	err = dm_ddl_parse(sql, strlen(sql), modes[_i].sql_mode, &d);

	if (modes[_i].canonical == NULL) {
		ck_assert(dm_err_is(err, PARSE_SQL));
		return;
	}
	ck_assert_ptr_null(err);
	text = dm_ddl_restore(d, "db", false, NULL, NULL);
	ck_assert_str_eq(text, modes[_i].canonical);
}
END_TEST

/* db.x becomes to_db.to_x. */
static void
rename_all(const char *schema, const char *table, char **new_schema,
    char **new_table, void *arg)
{
	(void)arg;
	*new_schema = g_strconcat("to_", schema, NULL);
	if (table != NULL)
		*new_table = g_strconcat("to_", table, NULL);
}

static const struct {
	const char *sql, *canonical;
} renamed[] = {
	{ "create database d", "CREATE DATABASE IF NOT EXISTS `to_d`" },
	{ "drop database d", "DROP DATABASE IF EXISTS `to_d`" },
	{ "create table t (a int references p (b), "
	  "foreign key (a) references s.q (c))",
	    "CREATE TABLE IF NOT EXISTS `to_db`.`to_t` (`a` int REFERENCES "
	    "`to_db`.`to_p` (`b`), FOREIGN KEY (`a`) REFERENCES "
	    "`to_s`.`to_q` (`c`))" },
	{ "create table s.t (a int, foreign key (a) references q (c))",
	    "CREATE TABLE IF NOT EXISTS `to_s`.`to_t` (`a` int, "
	    "FOREIGN KEY (`a`) REFERENCES `to_s`.`to_q` (`c`))" },
	{ "create table t like o",
	    "CREATE TABLE IF NOT EXISTS `to_db`.`to_t` LIKE `to_db`.`to_o`" },
	{ "create or replace table t (a int)",
	    "CREATE OR REPLACE TABLE `to_db`.`to_t` (`a` int)" },
	{ "drop table a, s.b",
	    "DROP TABLE IF EXISTS `to_db`.`to_a`, `to_s`.`to_b`" },
	{ "rename table a to b",
	    "RENAME TABLE `to_db`.`to_a` TO `to_db`.`to_b`" },
	{ "alter table t rename s.u, exchange partition p with table x",
	    "ALTER TABLE `to_db`.`to_t` RENAME TO `to_s`.`to_u`, "
	    "EXCHANGE PARTITION p WITH TABLE `to_db`.`to_x`" },
	{ "alter table s.t add foreign key (a) references p (a)",
	    "ALTER TABLE `to_s`.`to_t` ADD FOREIGN KEY (`a`) REFERENCES "
	    "`to_s`.`to_p` (`a`)" },
	{ "drop index i on t", "DROP INDEX `i` ON `to_db`.`to_t`" },
	{ "create index i on t (a)",
	    "CREATE INDEX `i` ON `to_db`.`to_t` (`a`)" },
	{ "truncate t", "TRUNCATE TABLE `to_db`.`to_t`" },
};

START_TEST(carries_other_names_everywhere)
{
	const char *sql = renamed[_i].sql;
	DM_AUTO(dm_ddl) d = NULL;
	g_autofree char *text = NULL;
	DM_AUTO(dm_err) err = dm_ddl_parse(sql, strlen(sql), 0, &d);

	ck_assert_ptr_null(err);
	text = dm_ddl_restore(d, "db", true, rename_all, NULL);
	ck_assert_str_eq(text, renamed[_i].canonical);
}
END_TEST

static const struct {
	const char *sql, *parts; /* separated by ";" */
} splits[] = {
	{ "drop table a, s.b", "DROP TABLE `db`.`a`;DROP TABLE `s`.`b`" },
	{ "rename table a to b, c to d", "RENAME TABLE `db`.`a` TO `db`.`b`;"
					 "RENAME TABLE `db`.`c` TO `db`.`d`" },
	{ "alter table t add a int, rename s.u, drop b, drop c",
	    "ALTER TABLE `db`.`t` ADD COLUMN `a` int;"
	    "ALTER TABLE `db`.`t` RENAME TO `s`.`u`;"
	    "ALTER TABLE `s`.`u` DROP COLUMN `b`;"
	    "ALTER TABLE `s`.`u` DROP COLUMN `c`" },
	{ "alter table t", "ALTER TABLE `db`.`t`" },
	{ "create table t (a int)", "CREATE TABLE `db`.`t` (`a` int)" },
};

START_TEST(splits_into_single_actions)
{
	const char *sql = splits[_i].sql;
	struct dm_ddl *d = NULL;
	DM_AUTO(dm_err) err = dm_ddl_parse(sql, strlen(sql), 0, &d);
	g_autoptr(GPtrArray) parts = NULL;
	g_autoptr(GString) text = g_string_new(NULL);

	ck_assert_ptr_null(err);
	parts = dm_ddl_split(d);
	for (guint i = 0; i < parts->len; i++) {
		g_autofree char *one = dm_ddl_restore(
		    g_ptr_array_index(parts, i), "db", false, NULL, NULL);

		g_string_append_printf(text, "%s%s", i > 0 ? ";" : "", one);
	}
	ck_assert_str_eq(text->str, splits[_i].parts);
}
END_TEST

START_TEST(deep_parentheses_are_an_error)
{
	g_autoptr(GString) sql = g_string_new("create table t (a int default ");
	DM_AUTO(dm_ddl) d = NULL;
	DM_AUTO(dm_err) err = NULL;

	for (int i = 0; i < 100000; i++)
		g_string_append_c(sql, '(');
	err = dm_ddl_parse(sql->str, sql->len, 0, &d);
	ck_assert(dm_err_is(err, PARSE_SQL));
	ck_assert_ptr_nonnull(strstr(err->message, "fewer parentheses"));
}
END_TEST

START_TEST(every_reserved_word_is_found)
{
	/* The table is searched by halves: an unsorted one would lose some. */
	static const char *const words[] = { "accessible", "NOT",
		"no_write_to_binlog", "Read_Write", "reads", "SQL_BIG_RESULT",
		"sqlstate", "zerofill", "int", "INT8", "integer",
		"year_month" };

	for (size_t i = 0; i < DM_ARRAY_SIZE(words); i++)
		ck_assert_msg(dm_lexer_is_reserved(words[i]), "%s", words[i]);
	ck_assert(!dm_lexer_is_reserved("name"));
	ck_assert(!dm_lexer_is_reserved("status"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/ddl/parse");
	TCase *tc = tcase_create("parse");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    tc, is_known_by_its_first_words, 0, (int)DM_ARRAY_SIZE(known));
	tcase_add_loop_test(tc, is_refused_with_place_and_reason, 0,
	    (int)DM_ARRAY_SIZE(refused));
	tcase_add_loop_test(tc, obeys_sql_mode, 0, (int)DM_ARRAY_SIZE(modes));
	tcase_add_loop_test(
	    tc, carries_other_names_everywhere, 0, (int)DM_ARRAY_SIZE(renamed));
	tcase_add_loop_test(
	    tc, splits_into_single_actions, 0, (int)DM_ARRAY_SIZE(splits));
	tcase_add_test(tc, deep_parentheses_are_an_error);
	tcase_add_test(tc, every_reserved_word_is_found);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
