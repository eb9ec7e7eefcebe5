/* SPDX-License-Identifier: Apache-2.0 */
/* All statements but CREATE TABLE in canonical text:
 * lib/ddl/{statement,alter,restore}.c. */
#include "lib/ddl/ddl.h"

#include <stdlib.h>

#include "test/unit/lib/ddl/ddl_case.h"

static const struct ddl_case cases[] = {
	{ DM_DDL_CREATE_DATABASE, "CREATE DATABASE d", "CREATE DATABASE `d`" },
	{ DM_DDL_CREATE_DATABASE,
	    "create schema if not exists `d` default character set = utf8mb4 "
	    "collate utf8mb4_bin comment 'x'",
	    "CREATE DATABASE IF NOT EXISTS `d` CHARACTER SET=utf8mb4 "
	    "COLLATE=utf8mb4_bin COMMENT='x'" },
	{ DM_DDL_CREATE_DATABASE, "CREATE OR REPLACE DATABASE d CHARSET latin1",
	    "CREATE OR REPLACE DATABASE `d` CHARACTER SET=latin1" },
	{ DM_DDL_ALTER_DATABASE, "alter database charset utf8",
	    "ALTER DATABASE `db` CHARACTER SET=utf8" },
	{ DM_DDL_ALTER_DATABASE, "alter schema d collate=utf8_bin",
	    "ALTER DATABASE `d` COLLATE=utf8_bin" },
	{ DM_DDL_ALTER_DATABASE, "alter database d read only = 1",
	    "ALTER DATABASE `d` READ ONLY 1" },
	{ DM_DDL_ALTER_DATABASE, "alter database d upgrade data directory name",
	    "ALTER DATABASE `d` UPGRADE DATA DIRECTORY NAME" },
	{ DM_DDL_DROP_DATABASE, "drop database if exists d",
	    "DROP DATABASE IF EXISTS `d`" },
	{ DM_DDL_DROP_DATABASE, "drop schema d", "DROP DATABASE `d`" },
	{ DM_DDL_CREATE_TABLE_LIKE, "create table t like s.o",
	    "CREATE TABLE `db`.`t` LIKE `s`.`o`" },
	{ DM_DDL_CREATE_TABLE_LIKE, "create table t (like o)",
	    "CREATE TABLE `db`.`t` LIKE `db`.`o`" },
	{ DM_DDL_CREATE_TABLE_LIKE, "create table if not exists a.t like b.o",
	    "CREATE TABLE IF NOT EXISTS `a`.`t` LIKE `b`.`o`" },
	{ DM_DDL_DROP_TABLE, "drop table t", "DROP TABLE `db`.`t`" },
	{ DM_DDL_DROP_TABLE, "drop table if exists a, b.c cascade",
	    "DROP TABLE IF EXISTS `db`.`a`, `b`.`c`" },
	{ DM_DDL_DROP_TABLE, "drop tables a, b restrict",
	    "DROP TABLE `db`.`a`, `db`.`b`" },
	{ DM_DDL_TRUNCATE_TABLE, "truncate t", "TRUNCATE TABLE `db`.`t`" },
	{ DM_DDL_TRUNCATE_TABLE, "truncate table s.t wait 5",
	    "TRUNCATE TABLE `s`.`t`" },
	{ DM_DDL_RENAME_TABLE, "rename table a to b, s.c to d.e",
	    "RENAME TABLE `db`.`a` TO `db`.`b`, `s`.`c` TO `d`.`e`" },
	{ DM_DDL_RENAME_TABLE, "rename tables a to tmp, b to a, tmp to b",
	    "RENAME TABLE `db`.`a` TO `db`.`tmp`, `db`.`b` TO `db`.`a`, "
	    "`db`.`tmp` TO `db`.`b`" },
	{ DM_DDL_RENAME_TABLE, "rename table if exists a nowait to b",
	    "RENAME TABLE IF EXISTS `db`.`a` TO `db`.`b`" },
	{ DM_DDL_ALTER_TABLE, "alter table t add a int",
	    "ALTER TABLE `db`.`t` ADD COLUMN `a` int" },
	{ DM_DDL_ALTER_TABLE, "alter table t add column a int first",
	    "ALTER TABLE `db`.`t` ADD COLUMN `a` int FIRST" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t add column if not exists a int not null default 5 "
	    "comment 'x' after b",
	    "ALTER TABLE `db`.`t` ADD COLUMN IF NOT EXISTS `a` int NOT NULL "
	    "DEFAULT 5 COMMENT 'x' AFTER `b`" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t add (a int, b varchar(5) character set latin1, key "
	    "(a), unique k (b))",
	    "ALTER TABLE `db`.`t` ADD COLUMN `a` int, ADD COLUMN `b` "
	    "varchar(5) CHARACTER SET latin1, ADD KEY (`a`), ADD UNIQUE KEY "
	    "`k` (`b`)" },
	{ DM_DDL_ALTER_TABLE, "alter table t add a int primary key unique",
	    "ALTER TABLE `db`.`t` ADD COLUMN `a` int PRIMARY KEY, ADD UNIQUE "
	    "KEY (`a`)" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t add a int references p(id) on delete cascade",
	    "ALTER TABLE `db`.`t` ADD COLUMN `a` int REFERENCES `db`.`p` "
	    "(`id`) ON DELETE CASCADE" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t drop a, drop column b, drop column if exists c "
	    "restrict",
	    "ALTER TABLE `db`.`t` DROP COLUMN `a`, DROP COLUMN `b`, DROP "
	    "COLUMN IF EXISTS `c`" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t modify a bigint unsigned not null first, modify "
	    "column if exists b text after a",
	    "ALTER TABLE `db`.`t` MODIFY COLUMN `a` bigint unsigned NOT NULL "
	    "FIRST, MODIFY COLUMN IF EXISTS `b` text AFTER `a`" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t change a b int, change column b a int after c",
	    "ALTER TABLE `db`.`t` CHANGE COLUMN `a` `b` int, CHANGE COLUMN `b` "
	    "`a` int AFTER `c`" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t rename column a to b, rename key k to l, rename "
	    "index if exists x to y",
	    "ALTER TABLE `db`.`t` RENAME COLUMN `a` TO `b`, RENAME INDEX `k` "
	    "TO `l`, RENAME INDEX IF EXISTS `x` TO `y`" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t alter a set default 5, alter column b drop default, "
	    "alter c set default (uuid()), alter if exists d set default 'x'",
	    "ALTER TABLE `db`.`t` ALTER COLUMN `a` SET DEFAULT 5, ALTER COLUMN "
	    "`b` DROP DEFAULT, ALTER COLUMN `c` SET DEFAULT (uuid()), ALTER "
	    "COLUMN IF EXISTS `d` SET DEFAULT 'x'" },
	{ DM_DDL_ALTER_TABLE, "alter table t alter column c set invisible",
	    "ALTER TABLE `db`.`t` ALTER COLUMN `c` SET INVISIBLE" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t add index (a), add key k using hash (a desc, b(10)) "
	    "comment 'c', add unique (a), add unique index u (b), add "
	    "constraint primary key (a), add fulltext f (x) with parser ngram, "
	    "add spatial key (g)",
	    "ALTER TABLE `db`.`t` ADD KEY (`a`), ADD KEY `k` (`a` DESC, "
	    "`b`(10)) USING HASH COMMENT 'c', ADD UNIQUE KEY (`a`), ADD UNIQUE "
	    "KEY `u` (`b`), ADD PRIMARY KEY (`a`), ADD FULLTEXT KEY `f` (`x`) "
	    "WITH PARSER ngram, ADD SPATIAL KEY (`g`)" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t add constraint uc unique (a), add constraint fk "
	    "foreign key (a) references s.p (id) match full on update no "
	    "action, add foreign key ix (a,b) references p (c,d)",
	    "ALTER TABLE `db`.`t` ADD UNIQUE KEY `uc` (`a`), ADD CONSTRAINT "
	    "`fk` FOREIGN KEY (`a`) REFERENCES `s`.`p` (`id`) MATCH FULL ON "
	    "UPDATE NO ACTION, ADD FOREIGN KEY `ix` (`a`, `b`) REFERENCES "
	    "`db`.`p` (`c`, `d`)" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t add check (a > 1), add constraint c check (b in "
	    "(1,2,3)) not enforced, add constraint if not exists c2 check (a "
	    "is not null)",
	    "ALTER TABLE `db`.`t` ADD CHECK (a > 1), ADD CONSTRAINT `c` CHECK "
	    "(b IN (1, 2, 3)) NOT ENFORCED, ADD CONSTRAINT IF NOT EXISTS `c2` "
	    "CHECK (a IS NOT NULL)" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t drop primary key, drop index i, drop key if exists "
	    "j, drop foreign key f, drop constraint c, drop check c3",
	    "ALTER TABLE `db`.`t` DROP PRIMARY KEY, DROP INDEX `i`, DROP INDEX "
	    "IF EXISTS `j`, DROP FOREIGN KEY `f`, DROP CONSTRAINT `c`, DROP "
	    "CONSTRAINT `c3`" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t rename to x, rename as s.y, rename z",
	    "ALTER TABLE `db`.`t` RENAME TO `db`.`x`, RENAME TO `s`.`y`, "
	    "RENAME TO `db`.`z`" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t convert to character set utf8mb4 collate "
	    "utf8mb4_bin",
	    "ALTER TABLE `db`.`t` CONVERT TO CHARACTER SET utf8mb4 COLLATE "
	    "utf8mb4_bin" },
	{ DM_DDL_ALTER_TABLE, "alter table t convert to charset default",
	    "ALTER TABLE `db`.`t` CONVERT TO CHARACTER SET DEFAULT" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t engine=innodb row_format=dynamic, comment 'x', "
	    "auto_increment = 5",
	    "ALTER TABLE `db`.`t` ENGINE=innodb ROW_FORMAT=dynamic, "
	    "COMMENT='x', AUTO_INCREMENT=5" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t default charset utf8 collate utf8_bin, force, "
	    "algorithm=inplace, lock none, order by a, b desc",
	    "ALTER TABLE `db`.`t` DEFAULT CHARSET=utf8 COLLATE=utf8_bin, "
	    "FORCE, ALGORITHM=INPLACE, LOCK=NONE, ORDER BY a, b DESC" },
	{ DM_DDL_ALTER_TABLE, "alter table t disable keys",
	    "ALTER TABLE `db`.`t` DISABLE KEYS" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t add partition (partition p3 values less than (40))",
	    "ALTER TABLE `db`.`t` ADD PARTITION (PARTITION p3 VALUES less than "
	    "(40))" },
	{ DM_DDL_ALTER_TABLE, "alter table t drop partition p0, p1",
	    "ALTER TABLE `db`.`t` DROP PARTITION p0, p1" },
	{ DM_DDL_ALTER_TABLE, "alter table t truncate partition all",
	    "ALTER TABLE `db`.`t` TRUNCATE PARTITION ALL" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t exchange partition p0 with table s.u without "
	    "validation",
	    "ALTER TABLE `db`.`t` EXCHANGE PARTITION p0 WITH TABLE `s`.`u` "
	    "without validation" },
	{ DM_DDL_ALTER_TABLE, "alter table t convert partition p0 to table x",
	    "ALTER TABLE `db`.`t` CONVERT PARTITION p0 TO TABLE `db`.`x`" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t convert table x to partition p1 values less than "
	    "(10)",
	    "ALTER TABLE `db`.`t` CONVERT TABLE `db`.`x` TO PARTITION p1 "
	    "VALUES less than (10)" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t partition by range (a) (partition p0 values less "
	    "than (10), partition p1 values less than maxvalue)",
	    "ALTER TABLE `db`.`t` PARTITION BY RANGE(a) (PARTITION p0 VALUES "
	    "less than (10), PARTITION p1 VALUES less than MAXVALUE)" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t add b int partition by hash(b) partitions 4",
	    "ALTER TABLE `db`.`t` ADD COLUMN `b` int PARTITION BY hash(b) "
	    "partitions 4" },
	{ DM_DDL_ALTER_TABLE, "alter table t remove partitioning",
	    "ALTER TABLE `db`.`t` REMOVE PARTITIONING" },
	{ DM_DDL_ALTER_TABLE, "alter table t add system versioning",
	    "ALTER TABLE `db`.`t` ADD SYSTEM VERSIONING" },
	{ DM_DDL_ALTER_TABLE, "alter table t drop system versioning",
	    "ALTER TABLE `db`.`t` DROP SYSTEM VERSIONING" },
	{ DM_DDL_ALTER_TABLE, "alter table t add period for p(a,b)",
	    "ALTER TABLE `db`.`t` ADD PERIOD FOR p(a, b)" },
	{ DM_DDL_ALTER_TABLE, "alter online table if exists t nowait add a int",
	    "ALTER TABLE IF EXISTS `db`.`t` ADD COLUMN `a` int" },
	{ DM_DDL_ALTER_TABLE, "alter ignore table t wait 10 add unique (a)",
	    "ALTER IGNORE TABLE `db`.`t` ADD UNIQUE KEY (`a`)" },
	{ DM_DDL_ALTER_TABLE, "alter table t", "ALTER TABLE `db`.`t`" },
	{ DM_DDL_CREATE_INDEX, "create index i on t (a)",
	    "CREATE INDEX `i` ON `db`.`t` (`a`)" },
	{ DM_DDL_CREATE_INDEX,
	    "create unique index if not exists i using btree on s.t (a, b "
	    "desc) key_block_size = 8 algorithm=inplace lock=none",
	    "CREATE UNIQUE INDEX IF NOT EXISTS `i` ON `s`.`t` (`a`, `b` DESC) "
	    "USING BTREE KEY_BLOCK_SIZE=8 ALGORITHM=INPLACE LOCK=NONE" },
	{ DM_DDL_CREATE_INDEX,
	    "create or replace fulltext index i on t (a) comment 'x'",
	    "CREATE OR REPLACE FULLTEXT INDEX `i` ON `db`.`t` (`a`) COMMENT "
	    "'x'" },
	{ DM_DDL_CREATE_INDEX, "create spatial index g on t (p)",
	    "CREATE SPATIAL INDEX `g` ON `db`.`t` (`p`)" },
	{ DM_DDL_DROP_INDEX, "drop index i on t",
	    "DROP INDEX `i` ON `db`.`t`" },
	{ DM_DDL_DROP_INDEX,
	    "drop index if exists `PRIMARY` on s.t algorithm=default",
	    "DROP INDEX IF EXISTS `PRIMARY` ON `s`.`t` ALGORITHM=DEFAULT" },
	{ DM_DDL_CREATE_SEQUENCE,
	    "create sequence s start with 1 increment by 2 nocache",
	    "CREATE SEQUENCE `db`.`s` start WITH 1 increment BY 2 nocache" },
	{ DM_DDL_CREATE_SEQUENCE,
	    "create or replace sequence if not exists s.q",
	    "CREATE OR REPLACE SEQUENCE IF NOT EXISTS `s`.`q`" },
	{ DM_DDL_ALTER_SEQUENCE, "alter sequence if exists s restart 5",
	    "ALTER SEQUENCE IF EXISTS `db`.`s` restart 5" },
	{ DM_DDL_DROP_SEQUENCE, "drop sequence if exists a, b",
	    "DROP SEQUENCE IF EXISTS `db`.`a`, `db`.`b`" },
	{ DM_DDL_ALTER_TABLE,
	    "set statement max_statement_time=10 for alter table t add a int",
	    "ALTER TABLE `db`.`t` ADD COLUMN `a` int" },
	{ DM_DDL_CREATE_INDEX, "create index i on t ((a + 1), (lower(b)))",
	    "CREATE INDEX `i` ON `db`.`t` ((a + 1), (lower(b)))" },
	{ DM_DDL_DROP_TABLE, "drop table `a``b`.`c.d`",
	    "DROP TABLE `a``b`.`c.d`" },
	{ DM_DDL_DROP_SEQUENCE, "drop sequence s", "DROP SEQUENCE `db`.`s`" },
	{ DM_DDL_ALTER_TABLE, "alter table t modify if exists a int",
	    "ALTER TABLE `db`.`t` MODIFY COLUMN IF EXISTS `a` int" },
	{ DM_DDL_ALTER_TABLE, "alter table t change if exists a b int",
	    "ALTER TABLE `db`.`t` CHANGE COLUMN IF EXISTS `a` `b` int" },
	{ DM_DDL_RENAME_TABLE, "rename table `a`.`b` to `c`.`d`",
	    "RENAME TABLE `a`.`b` TO `c`.`d`" },
	{ DM_DDL_ALTER_TABLE, "alter table t rename = y",
	    "ALTER TABLE `db`.`t` RENAME TO `db`.`y`" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t engine = 'InnoDB', tablespace = x storage memory",
	    "ALTER TABLE `db`.`t` ENGINE='InnoDB', TABLESPACE=x STORAGE "
	    "MEMORY" },
	{ DM_DDL_ALTER_TABLE, "alter table t analyze partition all, p1",
	    "ALTER TABLE `db`.`t` ANALYZE PARTITION ALL, p1" },
	{ DM_DDL_ALTER_TABLE, "alter table t import partition p0 tablespace",
	    "ALTER TABLE `db`.`t` IMPORT PARTITION p0 tablespace" },
	{ DM_DDL_ALTER_TABLE, "alter table t upgrade partitioning",
	    "ALTER TABLE `db`.`t` UPGRADE PARTITIONING" },
	{ DM_DDL_ALTER_TABLE, "alter table t drop period for p",
	    "ALTER TABLE `db`.`t` DROP PERIOD FOR p" },
	{ DM_DDL_ALTER_TABLE, "alter table t add vector int",
	    "ALTER TABLE `db`.`t` ADD COLUMN `vector` int" },
	{ DM_DDL_ALTER_TABLE, "alter table t add period int, add system int",
	    "ALTER TABLE `db`.`t` ADD COLUMN `period` int, ADD COLUMN `system` "
	    "int" },
	{ DM_DDL_ALTER_TABLE, "alter table t drop index `primary`",
	    "ALTER TABLE `db`.`t` DROP PRIMARY KEY" },
	{ DM_DDL_ALTER_TABLE, "alter table t secondary_load",
	    "ALTER TABLE `db`.`t` SECONDARY_LOAD" },
	{ DM_DDL_DROP_TABLE,
	    "set statement lock_wait_timeout=1, max_statement_time=2 for drop "
	    "table a",
	    "DROP TABLE `db`.`a`" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t add column `c` varchar(10) character set utf8mb4 "
	    "not null default '' comment 'x' after `b`, algorithm=inplace, "
	    "lock=none",
	    "ALTER TABLE `db`.`t` ADD COLUMN `c` varchar(10) CHARACTER SET "
	    "utf8mb4 NOT NULL DEFAULT '' COMMENT 'x' AFTER `b`, "
	    "ALGORITHM=INPLACE, LOCK=NONE" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table `a`.`b` add constraint foreign key (a) references "
	    "c(d), add foreign key if not exists (a) references c(d), add "
	    "constraint if not exists k foreign key (a) references c(d)",
	    "ALTER TABLE `a`.`b` ADD FOREIGN KEY (`a`) REFERENCES `a`.`c` "
	    "(`d`), ADD FOREIGN KEY IF NOT EXISTS (`a`) REFERENCES `a`.`c` "
	    "(`d`), ADD CONSTRAINT IF NOT EXISTS `k` FOREIGN KEY (`a`) "
	    "REFERENCES `a`.`c` (`d`)" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t add key if not exists k (a), add unique key if not "
	    "exists u (a), add primary key if not exists (a), add index if not "
	    "exists (b)",
	    "ALTER TABLE `db`.`t` ADD KEY IF NOT EXISTS `k` (`a`), ADD UNIQUE "
	    "KEY IF NOT EXISTS `u` (`a`), ADD PRIMARY KEY IF NOT EXISTS (`a`), "
	    "ADD KEY IF NOT EXISTS (`b`)" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t alter index i invisible, alter index j not ignored, "
	    "alter check c not enforced, alter constraint d enforced",
	    "ALTER TABLE `db`.`t` ALTER INDEX `i` INVISIBLE, ALTER INDEX `j` "
	    "NOT IGNORED, ALTER CHECK `c` NOT ENFORCED, ALTER CHECK `d` "
	    "ENFORCED" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t add column (a int, b int), drop key k",
	    "ALTER TABLE `db`.`t` ADD COLUMN `a` int, ADD COLUMN `b` int, DROP "
	    "INDEX `k`" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t reorganize partition p0, p1 into (partition p2 "
	    "values less than (20))",
	    "ALTER TABLE `db`.`t` REORGANIZE PARTITION p0, p1 INTO (PARTITION "
	    "p2 VALUES less than (20))" },
	{ DM_DDL_ALTER_TABLE, "alter table t coalesce partition 2",
	    "ALTER TABLE `db`.`t` COALESCE PARTITION 2" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t change column `date` date date null default null",
	    "ALTER TABLE `db`.`t` CHANGE COLUMN `date` `date` date NULL "
	    "DEFAULT NULL" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t add fulltext key (a, b), rename to s.`t2`",
	    "ALTER TABLE `db`.`t` ADD FULLTEXT KEY (`a`, `b`), RENAME TO "
	    "`s`.`t2`" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t modify a enum('a','b') character set utf8mb4 "
	    "collate utf8mb4_bin default 'a' first",
	    "ALTER TABLE `db`.`t` MODIFY COLUMN `a` enum('a','b') CHARACTER "
	    "SET utf8mb4 COLLATE utf8mb4_bin DEFAULT 'a' FIRST" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t add unique key (a) using btree, add constraint u2 "
	    "unique key u3 (b)",
	    "ALTER TABLE `db`.`t` ADD UNIQUE KEY (`a`) USING BTREE, ADD UNIQUE "
	    "KEY `u3` (`b`)" },
	{ DM_DDL_ALTER_TABLE, "alter table t discard tablespace",
	    "ALTER TABLE `db`.`t` DISCARD TABLESPACE" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t row_format = default stats_auto_recalc=1",
	    "ALTER TABLE `db`.`t` ROW_FORMAT=DEFAULT STATS_AUTO_RECALC=1" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t add column x int check (x > 1), add y int as (x) "
	    "virtual",
	    "ALTER TABLE `db`.`t` ADD COLUMN `x` int CHECK (x > 1), ADD COLUMN "
	    "`y` int GENERATED ALWAYS AS (x) VIRTUAL" },
	/* MariaDB takes a check only behind the key. */
	{ DM_DDL_ALTER_TABLE,
	    "alter table t add x int check (x > 1) unique not null comment "
	    "'CHECK (' first",
	    "ALTER TABLE `db`.`t` ADD COLUMN `x` int NOT NULL COMMENT "
	    "'CHECK (' UNIQUE KEY CHECK (x > 1) FIRST" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t add column x geometry not null srid 4326, add z "
	    "varchar(4) invisible",
	    "ALTER TABLE `db`.`t` ADD COLUMN `x` geometry SRID 4326 NOT NULL, "
	    "ADD COLUMN `z` varchar(4) INVISIBLE" },
	{ DM_DDL_ALTER_TABLE, "alter table t check partition p0",
	    "ALTER TABLE `db`.`t` CHECK PARTITION p0" },
	{ DM_DDL_ALTER_TABLE,
	    "alter table t drop column `primary`, drop `index`",
	    "ALTER TABLE `db`.`t` DROP COLUMN `primary`, DROP COLUMN `index`" },
};

START_TEST(is_printed_in_canonical_form)
{
	check_case(&cases[_i]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/ddl/statement");
	TCase *tc = tcase_create("statement");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    tc, is_printed_in_canonical_form, 0, (int)DM_ARRAY_SIZE(cases));
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
