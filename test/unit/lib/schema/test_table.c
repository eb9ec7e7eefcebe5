/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/schema/{table,table_sql,table_diff,parse_create}.c. */
#include "lib/schema/table.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib/schema/tracker.h"

static struct dm_table *
parse(const char *body)
{
	g_autofree char *sql = g_strdup_printf("CREATE TABLE `t` %s", body);
	struct dm_table *t = NULL;
	DM_AUTO(dm_err)
	err = dm_schema_parse_create(sql, 0, "s", "utf8mb4", &t);

	ck_assert_msg(
	    err == NULL, "%s: %s", sql, err == NULL ? "" : err->cause);
	return t;
}

/* SHOW CREATE TABLE of MariaDB 10.11, MySQL 8 and TiDB. */
static const char *const printed[] = {
	"(`a` int(11) NOT NULL AUTO_INCREMENT, `b` varchar(20) /*M!100301 "
	"COMPRESSED*/ DEFAULT NULL, `j` longtext CHARACTER SET utf8mb4 COLLATE "
	"utf8mb4_bin DEFAULT NULL CHECK (json_valid(`j`)), `ts` timestamp NULL "
	"DEFAULT NULL ON UPDATE current_timestamp(), `g` int(11) GENERATED "
	"ALWAYS AS (`a` + 1) STORED, `h` int(11) INVISIBLE DEFAULT NULL, "
	"PRIMARY KEY (`a`), UNIQUE KEY `b` (`b`), KEY `k` (`b`(5),`a`) USING "
	"BTREE, CONSTRAINT `c` CHECK (`a` > 1)) ENGINE=InnoDB AUTO_INCREMENT=7 "
	"DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC "
	"COMMENT='it''s'\n PARTITION BY HASH (`a`)\nPARTITIONS 3",
	"(`a` int NOT NULL AUTO_INCREMENT, `j` json DEFAULT NULL, `v` "
	"varchar(10) COLLATE utf8mb4_bin DEFAULT (uuid()), `i` int DEFAULT "
	"NULL /*!80023 INVISIBLE */, `p` point NOT NULL /*!80003 SRID 4326 */, "
	"`x` enum('a','b') CHARACTER SET latin1 COLLATE latin1_swedish_ci "
	"DEFAULT 'a', PRIMARY KEY (`a`), KEY `f` ((`a` + 1)), SPATIAL KEY `s` "
	"(`p`), KEY `v` (`v`) /*!80000 INVISIBLE */, CONSTRAINT `t_chk_1` "
	"CHECK ((`a` > 0)) /*!80016 NOT ENFORCED */, CONSTRAINT `fk` FOREIGN "
	"KEY (`a`) REFERENCES `p` (`x`) ON DELETE CASCADE) ENGINE=InnoDB "
	"DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci\n/*!50100 "
	"PARTITION BY RANGE (`a`)\n(PARTITION p0 VALUES LESS THAN (10) ENGINE "
	"= InnoDB,\n PARTITION p1 VALUES LESS THAN MAXVALUE ENGINE = InnoDB) "
	"*/",
	"(`a` bigint(20) NOT NULL /*T![auto_rand] AUTO_RANDOM(5) */, PRIMARY "
	"KEY (`a`) /*T![clustered_index] CLUSTERED */) ENGINE=InnoDB DEFAULT "
	"CHARSET=utf8mb4 COLLATE=utf8mb4_bin /*T! SHARD_ROW_ID_BITS=4 "
	"PRE_SPLIT_REGIONS=2 */ /*T![ttl] TTL=`c` + INTERVAL 3 MONTH */",
};

START_TEST(printing_and_reading_again_is_the_same)
{
	DM_AUTO(dm_table) a = parse(printed[_i]);
	DM_AUTO(dm_table) b = NULL;
	g_autofree char *first = dm_table_create_sql(a, NULL, NULL);
	g_autofree char *second = NULL, *diff = NULL;
	DM_AUTO(dm_err)
	err = dm_schema_parse_create(first, 0, NULL, NULL, &b);

	ck_assert_ptr_null(err);
	second = dm_table_create_sql(b, NULL, NULL);
	ck_assert_str_eq(second, first);
	diff = dm_table_diff(a, b);
	ck_assert_ptr_null(diff);
}
END_TEST

START_TEST(a_copy_is_the_same)
{
	DM_AUTO(dm_table) a = parse(printed[_i]);
	DM_AUTO(dm_table) b = dm_table_copy(a);
	g_autofree char *first = dm_table_create_sql(a, "x", "y");
	g_autofree char *second = dm_table_create_sql(b, "x", "y");

	ck_assert_str_eq(first, second);
	ck_assert(g_str_has_prefix(first, "CREATE TABLE `x`.`y` ("));
}
END_TEST

START_TEST(keeps_what_decoding_needs)
{
	DM_AUTO(dm_table)
	t = parse("(a int(10) unsigned zerofill, b decimal(12,3), c set('x',"
		  "'y'), d varchar(5) character set latin1, e datetime(3) not "
		  "null default now(3), f bit(9), g int as (a) stored)");
	const struct dm_column *c[7];

	for (guint i = 0; i < DM_ARRAY_SIZE(c); i++)
		c[i] = g_ptr_array_index(t->columns, i);
	ck_assert_str_eq(c[0]->type_text, "int(10) unsigned zerofill");
	ck_assert(c[0]->is_unsigned && c[0]->zerofill && !c[0]->not_null);
	ck_assert_int_eq(c[0]->length, 10);
	ck_assert_int_eq(c[1]->length, 12);
	ck_assert_int_eq(c[1]->decimals, 3);
	ck_assert_int_eq(c[2]->type, DM_T_SET);
	ck_assert_str_eq(c[2]->elements[1], "y");
	ck_assert_ptr_null(c[2]->elements[2]);
	ck_assert_str_eq(c[2]->charset, "utf8mb4");
	ck_assert_str_eq(c[3]->charset, "latin1");
	ck_assert(c[4]->not_null && c[4]->has_default);
	ck_assert_int_eq(c[4]->length, 3);
	ck_assert_int_eq(c[5]->type, DM_T_BIT);
	ck_assert(c[6]->generated && c[6]->stored);
}
END_TEST

static const struct {
	const char *body, *key;
} row_keys[] = {
	{ "(a int)", NULL },
	{ "(a int, unique (a))", NULL },
	{ "(a int not null, b int, unique u (a, b))", NULL },
	{ "(a int not null, b int, unique u (b), unique v (a))", "v" },
	{ "(a varchar(9) not null, unique u (a(3)))", "u" },
	{ "(a int not null, unique u ((a + 1)))", NULL },
	{ "(a int not null unique, b int primary key)", "PRIMARY" },
};

START_TEST(chooses_the_key_of_a_row)
{
	DM_AUTO(dm_table) t = parse(row_keys[_i].body);
	const struct dm_index *x = dm_table_row_key(t);

	ck_assert_pstr_eq(x == NULL ? NULL : x->name, row_keys[_i].key);
}
END_TEST

static const struct {
	const char *a, *b;
	bool same;
} pairs[] = {
	{ "(a int)", "(a int(11))", true },
	{ "(a int)", "(a bigint)", false },
	{ "(a int)", "(a int unsigned)", false },
	{ "(a int)", "(b int)", false },
	{ "(a int)", "(A int)", false },
	{ "(a int, b int)", "(b int, a int)", false },
	{ "(a int)", "(a int, b int)", false },
	{ "(a int)", "(a int not null)", false },
	{ "(a int default 1)", "(a int default '1' comment 'x')", true },
	{ "(a int) auto_increment=5", "(a int) comment='x'", true },
	{ "(a decimal)", "(a decimal(10,0))", true },
	{ "(a decimal)", "(a decimal(10,1))", false },
	{ "(a bit, b char, c year, d time)",
	    "(a bit(1), b char(1), c year(4), d time(0))", true },
	{ "(a varchar(5))", "(a varchar(6))", false },
	{ "(a enum('a'))", "(a enum('a','b'))", false },
	{ "(a char character set utf8)", "(a char character set utf8mb3)",
	    true },
	{ "(a char) charset utf8mb4",
	    "(a char) charset utf8mb4 collate utf8mb4_general_ci", true },
	{ "(a char) charset utf8mb4",
	    "(a char) charset utf8mb4 collate utf8mb4_0900_ai_ci", true },
	{ "(a char) charset utf8mb4",
	    "(a char) charset utf8mb4 collate utf8mb4_turkish_ci", false },
	{ "(a char) charset utf8mb4", "(a char) charset latin1", false },
	{ "(a json)",
	    "(a longtext character set utf8mb4 collate utf8mb4_bin default "
	    "null check (json_valid(`a`)))",
	    true },
	{ "(a json)", "(a longtext)", false },
	{ "(a timestamp)", "(a timestamp not null)", true },
	{ "(a timestamp null)", "(a timestamp not null)", false },
	{ "(a int, key (a))", "(a int, key a (a) using btree comment 'x')",
	    true },
	{ "(a int, key (a))", "(a int, key b (a))", false },
	{ "(a int, key (a))", "(a int, unique (a))", false },
	{ "(a int, key (a))", "(a int, key (a desc))", false },
	{ "(a char(9), key (a(9)))", "(a char(9), key (a))", true },
	{ "(a char(9), key (a(8)))", "(a char(9), key (a))", false },
	{ "(a int auto_increment, key (a))", "(a int not null, key (a))",
	    false },
	{ "(a int, b int as (a))", "(a int, b int as (a + 1))", true },
	{ "(a int, b int as (a))", "(a int, b int as (a) stored)", false },
	{ "(a int, foreign key (a) references p (x))",
	    "(a int, key a (a), constraint z_ibfk_3 foreign key (a) "
	    "references p (x))",
	    true },
	{ "(a int, foreign key (a) references p (x))", "(a int, key (a))",
	    false },
	{ "(a int, foreign key (a) references p (x))",
	    "(a int, foreign key (a) references p (y))", false },
	{ "(a int references p (x))", "(a int)", true },
	{ "(a int references p (x))",
	    "(a int, key (a), foreign key (a) references p (x))", true },
	{ "(a int check (a > 1))", "(a int, check (`a` > 1))", true },
	{ "(a int check (a > 1))", "(a int)", false },
	{ "(a point)", "(a polygon)", false },
	{ "(a text(10))", "(a tinytext)", true },
};

START_TEST(compares_what_counts)
{
	DM_AUTO(dm_table) a = parse(pairs[_i].a);
	DM_AUTO(dm_table) b = parse(pairs[_i].b);
	g_autofree char *there = dm_table_diff(a, b);
	g_autofree char *back = dm_table_diff(b, a);

	ck_assert_msg((there == NULL) == pairs[_i].same, "%s, %s: %s",
	    pairs[_i].a, pairs[_i].b, there == NULL ? "the same" : there);
	ck_assert((back == NULL) == pairs[_i].same);
}
END_TEST

static const char *const invalid[] = { "", "SELECT 1", "CREATE TABLE",
	"CREATE TABLE t (a int) SELECT 1", "CREATE TABLE t LIKE x",
	"CREATE TABLE t (a int, a int)", "CREATE TABLE t (a int, KEY (b))",
	"CREATE TABLE t (a int, KEY k (a), KEY k (a))" };

START_TEST(refuses_what_is_no_table)
{
	struct dm_table *t = NULL;
	DM_AUTO(dm_err)
	err = dm_schema_parse_create(invalid[_i], 0, "s", NULL, &t);

	ck_assert(dm_err_is(err, SCHEMA_TRACKER_INVALID_CREATE_TABLE_STMT));
	ck_assert_ptr_null(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/schema/table");
	TCase *tc = tcase_create("table");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, printing_and_reading_again_is_the_same, 0,
	    (int)DM_ARRAY_SIZE(printed));
	tcase_add_loop_test(
	    tc, a_copy_is_the_same, 0, (int)DM_ARRAY_SIZE(printed));
	tcase_add_test(tc, keeps_what_decoding_needs);
	tcase_add_loop_test(
	    tc, chooses_the_key_of_a_row, 0, (int)DM_ARRAY_SIZE(row_keys));
	tcase_add_loop_test(
	    tc, compares_what_counts, 0, (int)DM_ARRAY_SIZE(pairs));
	tcase_add_loop_test(
	    tc, refuses_what_is_no_table, 0, (int)DM_ARRAY_SIZE(invalid));
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
