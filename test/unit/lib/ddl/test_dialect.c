/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of dialect.c and dialect_text.c. */
#include "lib/ddl/dialect.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MYSQL   "9.7.4"
#define MARIADB "10.11.6-MariaDB"

static const struct {
	const char *mysql, *mariadb;
} collations[] = {
	{ "utf8mb4_0900_ai_ci", "utf8mb4_uca1400_nopad_ai_ci" },
	{ "utf8mb4_0900_as_cs", "utf8mb4_uca1400_nopad_as_cs" },
	{ "utf8mb4_0900_bin", "utf8mb4_nopad_bin" },
	{ "utf8mb4_de_pb_0900_as_cs", "utf8mb4_uca1400_german2_nopad_as_cs" },
	{ "utf8mb4_es_trad_0900_ai_ci",
	    "utf8mb4_uca1400_spanish2_nopad_ai_ci" },
	{ "utf8mb4_nb_0900_ai_ci", "utf8mb4_uca1400_danish_nopad_ai_ci" },
	{ "utf8mb4_ja_0900_as_cs_ks", "utf8mb4_uca1400_nopad_as_cs" },
	{ "utf8mb4_zh_0900_as_cs", "utf8mb4_uca1400_nopad_as_cs" },
	{ "utf8mb4_general_ci", "utf8mb4_general_ci" },
	{ "utf8mb4_bin", "utf8mb4_bin" },
	{ "latin1_swedish_ci", "latin1_swedish_ci" },
	{ "binary", "binary" },
};

START_TEST(collations_have_counterparts)
{
	struct dm_dialect d = dm_dialect_of(MYSQL, MARIADB);
	g_autofree char *text = dm_dialect_collation(&d, collations[_i].mysql);

	ck_assert_str_eq(text, collations[_i].mariadb);
}
END_TEST

START_TEST(older_servers_get_an_older_collation)
{
	struct dm_dialect d = dm_dialect_of(MYSQL, "5.5.5-10.6.1-MariaDB");
	g_autofree char *text =
	    dm_dialect_collation(&d, "utf8mb4_sv_0900_ai_ci");

	ck_assert_str_eq(text, "utf8mb4_unicode_520_nopad_ci");
}
END_TEST

static const struct {
	const char *source, *target;
	bool active;
} pairs[] = {
	{ MYSQL, MARIADB, true },
	{ "5.7.44-log", "11.8.1-MariaDB", true },
	{ MARIADB, MARIADB, false },
	{ MYSQL, MYSQL, false },
	{ MYSQL, "8.0.11-TiDB-v8.5.0", false },
};

START_TEST(only_mysql_to_mariadb_is_translated)
{
	struct dm_dialect d = dm_dialect_of(pairs[_i].source, pairs[_i].target);
	g_autofree char *text = dm_dialect_collation(&d, "utf8mb4_0900_ai_ci");

	ck_assert_int_eq(d.active, pairs[_i].active);
	ck_assert_int_eq(
	    strcmp(text, "utf8mb4_0900_ai_ci") != 0, pairs[_i].active);
}
END_TEST

START_TEST(the_default_of_utf8mb4_depends_on_the_source)
{
	ck_assert_str_eq(
	    dm_dialect_of(MYSQL, MARIADB).utf8mb4, "utf8mb4_0900_ai_ci");
	ck_assert_str_eq(
	    dm_dialect_of("5.7.44", MARIADB).utf8mb4, "utf8mb4_general_ci");
}
END_TEST

static const struct {
	const char *sql;
	const char *out; /* NULL: nothing is left */
} statements[] = {
	{ "CREATE TABLE t (a INT, v VARCHAR(9) CHARACTER SET utf8mb4)",
	    "CREATE TABLE `db`.`t` (`a` int, `v` varchar(9) CHARACTER SET "
	    "utf8mb4 COLLATE utf8mb4_uca1400_nopad_ai_ci)" },
	{ "CREATE TABLE t (v VARCHAR(9) COLLATE utf8mb4_0900_bin) "
	  "ENGINE=InnoDB ENCRYPTION='Y' COMMENT='c' DEFAULT CHARSET=utf8mb4",
	    "CREATE TABLE `db`.`t` (`v` varchar(9) COLLATE utf8mb4_nopad_bin) "
	    "ENGINE=InnoDB COMMENT='c' DEFAULT CHARSET=utf8mb4 "
	    "COLLATE=utf8mb4_uca1400_nopad_ai_ci" },
	{ "CREATE TABLE t (j JSON, g INT AS (j->'$.a') VIRTUAL NOT NULL, "
	  "s VARCHAR(9) AS (`j`->>'$.\"b c\"') STORED)",
	    "CREATE TABLE `db`.`t` (`j` json, `g` int GENERATED ALWAYS AS "
	    "(json_extract(j, '$.a')) VIRTUAL, `s` varchar(9) GENERATED "
	    "ALWAYS AS (json_unquote(json_extract(`j`, '$.\"b c\"'))) "
	    "STORED)" },
	{ "CREATE TABLE t (p POINT NOT NULL SRID 4326, v VECTOR(3), "
	  "w VECTOR(16000), c INT COLUMN_FORMAT FIXED)",
	    "CREATE TABLE `db`.`t` (`p` point NOT NULL, `v` varbinary(12), "
	    "`w` mediumblob, `c` int)" },
	{ "CREATE TABLE t (a INT, KEY x (a) INVISIBLE, KEY y ((a + 1)), "
	  "KEY z (a, (a + 2)))",
	    "CREATE TABLE `db`.`t` (`a` int, KEY `x` (`a`) IGNORED)" },
	{ "CREATE TABLE t (a INT NOT NULL INVISIBLE, b INT INVISIBLE, "
	  "c INT NOT NULL DEFAULT 1 INVISIBLE)",
	    "CREATE TABLE `db`.`t` (`a` int NOT NULL, `b` int INVISIBLE, "
	    "`c` int NOT NULL INVISIBLE DEFAULT 1)" },
	{ "CREATE TABLE t (a INT, CONSTRAINT c CHECK (a > 1) NOT ENFORCED, "
	  "CONSTRAINT d CHECK (a > 0))",
	    "CREATE TABLE `db`.`t` (`a` int, CONSTRAINT `d` CHECK (a > 0))" },
	{ "CREATE TABLE t (a VARCHAR(9), CHECK (a COLLATE "
	  "utf8mb4_0900_as_cs <> 'utf8mb4_0900_as_cs'))",
	    "CREATE TABLE `db`.`t` (`a` varchar(9), CHECK (a COLLATE "
	    "utf8mb4_uca1400_nopad_as_cs <> 'utf8mb4_0900_as_cs'))" },
	{ "ALTER TABLE t ADD COLUMN a INT, ALGORITHM=INSTANT, LOCK=NONE",
	    "ALTER TABLE `db`.`t` ADD COLUMN `a` int" },
	{ "ALTER TABLE t ADD KEY k ((a + 1)), ALGORITHM=INPLACE", NULL },
	{ "ALTER TABLE t DROP KEY fk", NULL },
	{ "ALTER TABLE t DROP KEY plain", "ALTER TABLE `db`.`t` DROP INDEX "
					  "`plain`" },
	{ "DROP INDEX fk ON t", NULL },
	{ "CREATE INDEX k ON t ((a + 1))", NULL },
	{ "CREATE INDEX k ON t (a) ALGORITHM=INPLACE",
	    "CREATE INDEX `k` ON `db`.`t` (`a`)" },
	{ "ALTER TABLE t ALTER INDEX k INVISIBLE",
	    "ALTER TABLE `db`.`t` ALTER INDEX `k` IGNORED" },
	{ "ALTER TABLE t ALTER INDEX k VISIBLE",
	    "ALTER TABLE `db`.`t` ALTER INDEX `k` NOT IGNORED" },
	{ "ALTER TABLE t ALTER COLUMN c SET INVISIBLE", NULL },
	{ "ALTER TABLE t ALTER CHECK `c` NOT ENFORCED",
	    "ALTER TABLE `db`.`t` DROP CONSTRAINT IF EXISTS `c`" },
	{ "ALTER TABLE t DROP CHECK c",
	    "ALTER TABLE `db`.`t` DROP CONSTRAINT IF EXISTS `c`" },
	{ "ALTER TABLE t ENCRYPTION='Y'", NULL },
	{ "ALTER TABLE t ENGINE=InnoDB", "ALTER TABLE `db`.`t` ENGINE=InnoDB" },
	{ "ALTER TABLE t FORCE", "ALTER TABLE `db`.`t` FORCE" },
	{ "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4",
	    "ALTER TABLE `db`.`t` CONVERT TO CHARACTER SET utf8mb4 COLLATE "
	    "utf8mb4_uca1400_nopad_ai_ci" },
	{ "CREATE DATABASE d CHARACTER SET utf8mb4 ENCRYPTION='N'",
	    "CREATE DATABASE `d` CHARACTER SET=utf8mb4 "
	    "COLLATE=utf8mb4_uca1400_nopad_ai_ci" },
	{ "ALTER DATABASE d READ ONLY = 1", NULL },
	{ "DROP TABLE t", "DROP TABLE `db`.`t`" },
};

/* A table that has a key over an expression, and one that has not. */
static struct dm_table *
known_table(void)
{
	static const char sql[] = "CREATE TABLE t (a INT, KEY fk ((a + 1)), "
				  "KEY plain (a))";
	DM_AUTO(dm_ddl) ddl = NULL;
	struct dm_err *err = dm_ddl_parse(sql, strlen(sql), 0, &ddl);

	ck_assert_ptr_null(err);
	return dm_table_copy(ddl->create);
}

START_TEST(statements_say_it_in_mariadbs_words)
{
	struct dm_dialect d = dm_dialect_of(MYSQL, MARIADB);
	DM_AUTO(dm_table) was = known_table();
	DM_AUTO(dm_ddl) ddl = NULL;
	g_autoptr(GString) left_out = g_string_new(NULL);
	const char *sql = statements[_i].sql;
	g_autofree char *text = NULL;
	struct dm_err *err = dm_ddl_parse(sql, strlen(sql), 0, &ddl);
	bool any;

	ck_assert_msg(err == NULL, "%s: %s", sql, err ? err->message : "");
	any = dm_dialect_ddl(&d, ddl, was, left_out);
	ck_assert_msg(any == (statements[_i].out != NULL), "%s", sql);
	if (!any)
		return;
	text = dm_ddl_restore(ddl, "db", false, NULL, NULL);
	ck_assert_str_eq(text, statements[_i].out);
}
END_TEST

START_TEST(a_second_translation_changes_nothing)
{
	struct dm_dialect d = dm_dialect_of(MYSQL, MARIADB);
	const char *sql = statements[_i].out;
	DM_AUTO(dm_ddl) ddl = NULL;
	g_autofree char *text = NULL;

	if (sql == NULL)
		return;
	ck_assert_ptr_null(dm_ddl_parse(sql, strlen(sql), 0, &ddl));
	ck_assert(dm_dialect_ddl(&d, ddl, NULL, NULL));
	text = dm_ddl_restore(ddl, "db", false, NULL, NULL);
	ck_assert_str_eq(text, sql);
}
END_TEST

START_TEST(what_is_left_out_has_a_name)
{
	struct dm_dialect d = dm_dialect_of(MYSQL, MARIADB);
	DM_AUTO(dm_table) t = known_table();
	g_autoptr(GString) left_out = g_string_new(NULL);

	dm_dialect_table(&d, t, left_out);
	ck_assert_str_eq(left_out->str, "key fk");
	ck_assert_ptr_nonnull(dm_table_index(t, "plain"));
	ck_assert_ptr_null(dm_table_index(t, "fk"));
}
END_TEST

START_TEST(newer_mariadb_has_vectors)
{
	static const char sql[] = "CREATE TABLE t (v VECTOR(3))";
	struct dm_dialect d = dm_dialect_of(MYSQL, "11.8.1-MariaDB");
	DM_AUTO(dm_ddl) ddl = NULL;
	g_autofree char *text = NULL;

	ck_assert_ptr_null(dm_ddl_parse(sql, strlen(sql), 0, &ddl));
	ck_assert(dm_dialect_ddl(&d, ddl, NULL, NULL));
	text = dm_ddl_restore(ddl, "db", false, NULL, NULL);
	ck_assert_str_eq(text, "CREATE TABLE `db`.`t` (`v` vector(3))");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/ddl/dialect");
	TCase *tc = tcase_create("dialect");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, collations_have_counterparts, 0,
	    (int)DM_ARRAY_SIZE(collations));
	tcase_add_test(tc, older_servers_get_an_older_collation);
	tcase_add_loop_test(tc, only_mysql_to_mariadb_is_translated, 0,
	    (int)DM_ARRAY_SIZE(pairs));
	tcase_add_test(tc, the_default_of_utf8mb4_depends_on_the_source);
	tcase_add_loop_test(tc, statements_say_it_in_mariadbs_words, 0,
	    (int)DM_ARRAY_SIZE(statements));
	tcase_add_loop_test(tc, a_second_translation_changes_nothing, 0,
	    (int)DM_ARRAY_SIZE(statements));
	tcase_add_test(tc, what_is_left_out_has_a_name);
	tcase_add_test(tc, newer_mariadb_has_vectors);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
