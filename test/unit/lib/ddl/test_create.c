/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE TABLE in canonical text:
 * lib/ddl/{create,column,type,key,option,run}.c. */
#include "lib/ddl/ddl.h"

#include <stdlib.h>

#include "test/unit/lib/ddl/ddl_case.h"

static const struct ddl_case cases[] = {
	{ DM_DDL_CREATE_TABLE, "create table t (a int)",
	    "CREATE TABLE `db`.`t` (`a` int)" },
	{ DM_DDL_CREATE_TABLE, "create table s.t (a int, b int)",
	    "CREATE TABLE `s`.`t` (`a` int, `b` int)" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a int) engine=innodb select * from b where x = "
	    "'y'",
	    "CREATE TABLE `db`.`t` (`a` int) ENGINE=innodb SELECT * FROM b "
	    "WHERE x = 'y'" },
	{ DM_DDL_CREATE_TABLE, "create table t select 1",
	    "CREATE TABLE `db`.`t` SELECT 1" },
	{ DM_DDL_CREATE_TABLE, "create table t as (select 1)",
	    "CREATE TABLE `db`.`t` AS (SELECT 1)" },
	{ DM_DDL_CREATE_TABLE, "create table t (select 1)",
	    "CREATE TABLE `db`.`t` (SELECT 1)" },
	{ DM_DDL_CREATE_TABLE, "create or replace table t (a int)",
	    "CREATE OR REPLACE TABLE `db`.`t` (`a` int)" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a int) partition by range columns (a) (partition "
	    "p0 values less than (1)) select 1",
	    "CREATE TABLE `db`.`t` (`a` int) PARTITION BY RANGE columns (a) "
	    "(PARTITION p0 VALUES less than (1)) SELECT 1" },
	{ DM_DDL_CREATE_TABLE, "create table t (a int) as table x",
	    "CREATE TABLE `db`.`t` (`a` int) AS TABLE x" },
	{ DM_DDL_CREATE_TABLE,
	    "create table a.b (a int, constraint foreign key (a) references b "
	    "(x) match simple on delete no action)",
	    "CREATE TABLE `a`.`b` (`a` int, FOREIGN KEY (`a`) REFERENCES "
	    "`a`.`b` (`x`) MATCH SIMPLE ON DELETE NO ACTION)" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a tinyint(1) unsigned zerofill, b int1, c bool, d "
	    "smallint signed, e mediumint, f integer(11), g int8, h dec(10,2), "
	    "i numeric, j fixed(5), k float(10,2) unsigned, l float(30), m "
	    "real, n double precision, o bit, p year(4), q date, r time(6), s "
	    "datetime, t timestamp(0) null)",
	    "CREATE TABLE `db`.`t` (`a` tinyint(1) unsigned zerofill, `b` "
	    "tinyint, `c` tinyint(1), `d` smallint, `e` mediumint, `f` "
	    "int(11), `g` bigint, `h` decimal(10,2), `i` decimal, `j` "
	    "decimal(5), `k` float(10,2) unsigned, `l` double, `m` double, `n` "
	    "double, `o` bit, `p` year, `q` date, `r` time(6), `s` datetime, "
	    "`t` timestamp NULL)" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a char, b character varying(5), c national "
	    "char(3), d nvarchar(4), e varchar(5) binary, f char(3) ascii, g "
	    "text unicode, h long varchar, i long varbinary, j tinytext "
	    "charset utf8mb4 collate utf8mb4_bin, k char(3) byte, l blob(10), "
	    "m varbinary(10))",
	    "CREATE TABLE `db`.`t` (`a` char, `b` varchar(5), `c` char(3) "
	    "CHARACTER SET utf8, `d` varchar(4) CHARACTER SET utf8, `e` "
	    "varchar(5) BINARY, `f` char(3) CHARACTER SET latin1, `g` text "
	    "CHARACTER SET ucs2, `h` mediumtext, `i` mediumblob, `j` tinytext "
	    "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, `k` char(3) CHARACTER "
	    "SET binary, `l` blob(10), `m` varbinary(10))" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a enum('x','y ','it''s',\"q\") character set "
	    "latin1 default 'x', b set('a,b','c') not null, c json, d "
	    "geometry, e point not null srid 0, f geomcollection, g uuid, h "
	    "inet6, i inet4 default '1.2.3.4', j vector(3))",
	    "CREATE TABLE `db`.`t` (`a` enum('x','y','it''s','q') CHARACTER "
	    "SET latin1 DEFAULT 'x', `b` set('a,b','c') NOT NULL, `c` json, "
	    "`d` geometry, `e` point SRID 0 NOT NULL, `f` geometrycollection, "
	    "`g` uuid, `h` inet6, `i` inet4 DEFAULT '1.2.3.4', `j` "
	    "vector(3))" },
	{ DM_DDL_CREATE_TABLE, "create table t (a serial)",
	    "CREATE TABLE `db`.`t` (`a` bigint unsigned NOT NULL "
	    "AUTO_INCREMENT, UNIQUE KEY (`a`))" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a int serial default value, b int key, c int "
	    "unique key comment 'u')",
	    "CREATE TABLE `db`.`t` (`a` int NOT NULL AUTO_INCREMENT, `b` int, "
	    "`c` int COMMENT 'u', UNIQUE KEY (`a`), PRIMARY KEY (`b`), UNIQUE "
	    "KEY (`c`))" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a int default -1, b decimal(3,1) default +1.5, c "
	    "varchar(5) default 'it''s \\\\ \"q\"', d bit(3) default b'101', e "
	    "int default 0x1F, f varbinary(4) default x'4142', g date default "
	    "'2020-01-01', h date default date '2020-01-01', i bool default "
	    "true)",
	    "CREATE TABLE `db`.`t` (`a` int DEFAULT -1, `b` decimal(3,1) "
	    "DEFAULT +1.5, `c` varchar(5) DEFAULT 'it''s \\\\ \"q\"', `d` "
	    "bit(3) DEFAULT b'101', `e` int DEFAULT 0x1F, `f` varbinary(4) "
	    "DEFAULT x'4142', `g` date DEFAULT '2020-01-01', `h` date DEFAULT "
	    "date '2020-01-01', `i` tinyint(1) DEFAULT TRUE)" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a timestamp default now() on update now(), b "
	    "timestamp(6) default current_timestamp(6) on update "
	    "localtimestamp(6), c datetime default localtime, d timestamp not "
	    "null default 0)",
	    "CREATE TABLE `db`.`t` (`a` timestamp DEFAULT CURRENT_TIMESTAMP ON "
	    "UPDATE CURRENT_TIMESTAMP, `b` timestamp(6) DEFAULT "
	    "CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), `c` datetime "
	    "DEFAULT CURRENT_TIMESTAMP, `d` timestamp NOT NULL DEFAULT 0)" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a int default (1 + 2 * b), b varchar(36) default "
	    "uuid(), c int default (case when d>1 then 2 else 3 end), d int "
	    "default nextval(`s`.`q`), e int default next value for s.q, f "
	    "varchar(3) default _utf8mb4'x' collate utf8mb4_bin)",
	    "CREATE TABLE `db`.`t` (`a` int DEFAULT (1 + 2 * b), `b` "
	    "varchar(36) DEFAULT uuid(), `c` int DEFAULT (CASE WHEN d > 1 THEN "
	    "2 ELSE 3 end), `d` int DEFAULT nextval(`s`.`q`), `e` int DEFAULT "
	    "next value FOR s.q, `f` varchar(3) COLLATE utf8mb4_bin DEFAULT "
	    "_utf8mb4'x')" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a int, b int as (a+1) persistent, c int generated "
	    "always as (-a - -1) virtual not null, d varchar(9) as (concat(a, "
	    "'x', `b`)) stored unique key, e int as (abs( a ) + t.a))",
	    "CREATE TABLE `db`.`t` (`a` int, `b` int GENERATED ALWAYS AS (a + "
	    "1) STORED, `c` int GENERATED ALWAYS AS (-a - -1) VIRTUAL NOT "
	    "NULL, `d` varchar(9) GENERATED ALWAYS AS (concat(a, 'x', `b`)) "
	    "STORED, `e` int GENERATED ALWAYS AS (abs(a) + t.a) VIRTUAL, "
	    "UNIQUE KEY (`d`))" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a int check (a>0), b int constraint bc check (b "
	    "<> 1) not enforced, constraint check (a < b), c int comment 'x' "
	    "not null)",
	    "CREATE TABLE `db`.`t` (`a` int CHECK (a > 0), `b` int CONSTRAINT "
	    "`bc` CHECK (b <> 1) NOT ENFORCED, `c` int NOT NULL COMMENT 'x', "
	    "CHECK (a < b))" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a int, period for system_time(rs, re), rs "
	    "timestamp(6) generated always as row start invisible, re "
	    "timestamp(6) as row end) with system versioning",
	    "CREATE TABLE `db`.`t` (`a` int, `rs` timestamp(6) GENERATED "
	    "ALWAYS AS ROW START INVISIBLE, `re` timestamp(6) GENERATED ALWAYS "
	    "AS ROW END, PERIOD FOR system_time(rs, re)) WITH SYSTEM "
	    "VERSIONING" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a int without system versioning, b int with "
	    "system versioning) with system versioning partition by "
	    "system_time interval 1 day (partition p0 history, partition pn "
	    "current)",
	    "CREATE TABLE `db`.`t` (`a` int WITHOUT SYSTEM VERSIONING, `b` int "
	    "WITH SYSTEM VERSIONING) WITH SYSTEM VERSIONING PARTITION BY "
	    "system_time INTERVAL 1 day (PARTITION p0 history, PARTITION pn "
	    "current)" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (name int, date date, time time, status int, "
	    "comment text, `key` int, value int, type int, user int, `order` "
	    "int, year year, text text, timestamp timestamp, engine int, "
	    "password int, first int, after int, action int, begin int, end "
	    "int, offset int, position int, rank int, groups int, system int, "
	    "`a``b` int)",
	    "CREATE TABLE `db`.`t` (`name` int, `date` date, `time` time, "
	    "`status` int, `comment` text, `key` int, `value` int, `type` int, "
	    "`user` int, `order` int, `year` year, `text` text, `timestamp` "
	    "timestamp, `engine` int, `password` int, `first` int, `after` "
	    "int, `action` int, `begin` int, `end` int, `offset` int, "
	    "`position` int, `rank` int, `groups` int, `system` int, `a``b` "
	    "int)" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (column_format int column_format dynamic storage "
	    "disk, b varchar(10) compressed=zlib)",
	    "CREATE TABLE `db`.`t` (`column_format` int COLUMN_FORMAT DYNAMIC "
	    "STORAGE DISK, `b` varchar(10) COMPRESSED=ZLIB)" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a int, primary key using btree (a) comment 'pk', "
	    "unique key (a), unique index `u` (a asc) using hash, key k1 (a) "
	    "ignored, key k2 (a) invisible, fulltext index ft (a) with parser "
	    "ngram, key k3 ((a+1) desc), index k4 (a) key_block_size 8 "
	    "`x`=yes)",
	    "CREATE TABLE `db`.`t` (`a` int, PRIMARY KEY (`a`) USING BTREE "
	    "COMMENT 'pk', UNIQUE KEY (`a`), UNIQUE KEY `u` (`a`) USING HASH, "
	    "KEY `k1` (`a`) IGNORED, KEY `k2` (`a`) INVISIBLE, FULLTEXT KEY "
	    "`ft` (`a`) WITH PARSER ngram, KEY `k3` ((a + 1) DESC), KEY `k4` "
	    "(`a`) KEY_BLOCK_SIZE=8 `x`=yes)" },
	{ DM_DDL_CREATE_TABLE,
	    "create table `weird name`.`t``x` (`ä` int, `日本` varchar(5) "
	    "default '日本')",
	    "CREATE TABLE `weird name`.`t``x` (`ä` int, `日本` varchar(5) "
	    "DEFAULT '日本')" },
	{ DM_DDL_CREATE_TABLE, "create table 1a (2b int)",
	    "CREATE TABLE `db`.`1a` (`2b` int)" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a int) engine=innodb default charset=utf8mb4 "
	    "collate utf8mb4_bin auto_increment 5 row_format=compressed "
	    "key_block_size=8 stats_persistent=default pack_keys=0 checksum 1 "
	    "delay_key_write=1 max_rows=10 min_rows=1 avg_row_length=20 data "
	    "directory='/x' index directory '/y' insert_method=no "
	    "connection='c' comment='it''s; -- not a comment /* x */' password "
	    "'p' transactional=1 encryption='Y' encrypted=yes "
	    "compression='zlib' `foo`='bar' tablespace ts storage disk",
	    "CREATE TABLE `db`.`t` (`a` int) ENGINE=innodb AUTO_INCREMENT=5 "
	    "ROW_FORMAT=compressed KEY_BLOCK_SIZE=8 STATS_PERSISTENT=DEFAULT "
	    "PACK_KEYS=0 CHECKSUM=1 DELAY_KEY_WRITE=1 MAX_ROWS=10 MIN_ROWS=1 "
	    "AVG_ROW_LENGTH=20 DATA DIRECTORY='/x' INDEX DIRECTORY='/y' "
	    "INSERT_METHOD=no CONNECTION='c' COMMENT='it''s; -- not a comment "
	    "/* x */' PASSWORD='p' TRANSACTIONAL=1 ENCRYPTION='Y' "
	    "ENCRYPTED=yes COMPRESSION='zlib' `foo`='bar' TABLESPACE=ts "
	    "STORAGE DISK DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a int) partition by linear key algorithm=2 (a) "
	    "partitions 4",
	    "CREATE TABLE `db`.`t` (`a` int) PARTITION BY LINEAR KEY algorithm "
	    "= 2 (a) partitions 4" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a int) partition by list columns(a) (partition p0 "
	    "values in (1,2,(3)), partition p1 default engine=innodb "
	    "comment='x')",
	    "CREATE TABLE `db`.`t` (`a` int) PARTITION BY list columns(a) "
	    "(PARTITION p0 VALUES IN (1, 2, (3)), PARTITION p1 DEFAULT engine "
	    "= innodb comment = 'x')" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a int) /*!50100 partition by range (a) "
	    "subpartition by hash(b) subpartitions 2 (partition p0 values less "
	    "than (10) (subpartition s0, subpartition s1)) */",
	    "CREATE TABLE `db`.`t` (`a` int) PARTITION BY RANGE(a) "
	    "subpartition BY hash(b) subpartitions 2 (PARTITION p0 VALUES less "
	    "than (10) (subpartition s0, subpartition s1))" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a int /* c1 */, -- c2\n b int # c3\n , /*! c int, "
	    "*/ /*!50000 d int, */ /*M!100100 e int, */ /*T![x] f int, */ /*T! "
	    "g int */) /*! engine=innodb */",
	    "CREATE TABLE `db`.`t` (`a` int, `b` int, `c` int, `d` int, `e` "
	    "int, `f` int, `g` int) ENGINE=innodb" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a int, foreign key (a) references p)",
	    "CREATE TABLE `db`.`t` (`a` int, FOREIGN KEY (`a`) REFERENCES "
	    "`db`.`p`)" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a int, constraint `f` foreign key `ix` (`a`) "
	    "references `s`.`p` (`x`) on delete set null on update restrict)",
	    "CREATE TABLE `db`.`t` (`a` int, CONSTRAINT `f` FOREIGN KEY `ix` "
	    "(`a`) REFERENCES `s`.`p` (`x`) ON DELETE SET NULL ON UPDATE "
	    "RESTRICT)" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a int default ((1)), b int default "
	    "(json_extract('{\"a\": 1}', '$.a')), c bool as (a is null or b "
	    "like '%\\_x\\%'), d int as (a->'$.x' + a->>\"$.y\"), e int as "
	    "(!a), f int as (~a & b | c ^ d << 2 >> 1), g int as (a between 1 "
	    "and -2), h int as (a in(1,2) and not (b)), i int as (not(a)), j "
	    "int as (a := 1 ), k int as (count (a)), l int as (interval(a,b)), "
	    "m int as (N'x' <=> _latin1 x'41' and @@x = @y), n int as (a - - "
	    "1), o int as (1.5e3 + .5 - 0x1f - 0b1))",
	    "CREATE TABLE `db`.`t` (`a` int DEFAULT ((1)), `b` int DEFAULT "
	    "(json_extract('{\"a\": 1}', '$.a')), `c` tinyint(1) GENERATED "
	    "ALWAYS AS (a IS NULL OR b LIKE '%\\\\_x\\\\%') VIRTUAL, `d` int "
	    "GENERATED ALWAYS AS (a -> '$.x' + a ->> '$.y') VIRTUAL, `e` int "
	    "GENERATED ALWAYS AS (!a) VIRTUAL, `f` int GENERATED ALWAYS AS (~a "
	    "& b | c ^ d << 2 >> 1) VIRTUAL, `g` int GENERATED ALWAYS AS (a "
	    "BETWEEN 1 AND -2) VIRTUAL, `h` int GENERATED ALWAYS AS (a IN (1, "
	    "2) AND NOT (b)) VIRTUAL, `i` int GENERATED ALWAYS AS (NOT (a)) "
	    "VIRTUAL, `j` int GENERATED ALWAYS AS (a := 1) VIRTUAL, `k` int "
	    "GENERATED ALWAYS AS (count (a)) VIRTUAL, `l` int GENERATED ALWAYS "
	    "AS (INTERVAL (a, b)) VIRTUAL, `m` int GENERATED ALWAYS AS (N'x' "
	    "<=> _latin1 x'41' AND @@x = @y) VIRTUAL, `n` int GENERATED ALWAYS "
	    "AS (a - -1) VIRTUAL, `o` int GENERATED ALWAYS AS (1.5e3 + .5 - "
	    "0x1f - 0b1) VIRTUAL)" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a int not null primary key comment 'x' default 1 "
	    "auto_increment)",
	    "CREATE TABLE `db`.`t` (`a` int NOT NULL DEFAULT 1 AUTO_INCREMENT "
	    "COMMENT 'x', PRIMARY KEY (`a`))" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (a varchar(10) collate utf8mb4_bin not null "
	    "default 'x' comment 'c\\n\\t\\0\\Z\\'\"')",
	    "CREATE TABLE `db`.`t` (`a` varchar(10) COLLATE utf8mb4_bin NOT "
	    "NULL DEFAULT 'x' COMMENT 'c\\n\t\\0\\Z''\"')" },
	{ DM_DDL_CREATE_TABLE,
	    "create table if not exists t (a int) engine=innodb, comment='x'",
	    "CREATE TABLE IF NOT EXISTS `db`.`t` (`a` int) ENGINE=innodb "
	    "COMMENT='x'" },
	{ DM_DDL_CREATE_TABLE, "create table t (a int) start transaction",
	    "CREATE TABLE `db`.`t` (`a` int)" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t (`id` bigint(20) NOT NULL, `x` char(10) CHARACTER "
	    "SET utf8mb3 COLLATE utf8mb3_general_ci GENERATED ALWAYS AS "
	    "(concat(`a`,_utf8mb3'b')) STORED COMMENT 'x')",
	    "CREATE TABLE `db`.`t` (`id` bigint(20) NOT NULL, `x` char(10) "
	    "CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci GENERATED ALWAYS "
	    "AS (concat(`a`, _utf8mb3'b')) STORED COMMENT 'x')" },
	{ DM_DDL_CREATE_TABLE, "/*!40101 create table t (a int) */",
	    "CREATE TABLE `db`.`t` (`a` int)" },
	{ DM_DDL_CREATE_TABLE,
	    "create table t(a int)/*!50100 TABLESPACE `x` */ engine=innodb",
	    "CREATE TABLE `db`.`t` (`a` int) TABLESPACE=`x` ENGINE=innodb" },
	{ DM_DDL_CREATE_TABLE,
	    "CREATE TABLE `t6` (\n  `a` int(11) DEFAULT 5 CHECK (`a` > 3),\n  "
	    "`b` int(11) DEFAULT NULL,\n  `c` varchar(20) /*M!100301 "
	    "COMPRESSED*/ DEFAULT NULL,\n  `d` int(11) GENERATED ALWAYS AS "
	    "(`a` + 1) STORED,\n  `e` int(11) GENERATED ALWAYS AS (`b` <> 0 or "
	    "1) VIRTUAL,\n  `f` datetime(3) DEFAULT current_timestamp(3) ON "
	    "UPDATE current_timestamp(3),\n  `g` int(11) INVISIBLE DEFAULT "
	    "NULL,\n  `h` decimal(10,0) DEFAULT NULL,\n  `i` year(4) DEFAULT "
	    "NULL,\n  `k` bit(1) DEFAULT NULL,\n  `l` binary(1) DEFAULT "
	    "NULL,\n  `x` tinytext CHARACTER SET latin1 COLLATE "
	    "latin1_swedish_ci DEFAULT NULL,\n  `s` "
	    "enum('a','b''c','\\\\','é') DEFAULT NULL,\n  UNIQUE KEY `b` "
	    "(`b`),\n  KEY `a` (`a`),\n  KEY `a_2` (`a`,`b`),\n  CONSTRAINT "
	    "`c` CHECK (`b` > 1),\n  CONSTRAINT `CONSTRAINT_1` CHECK (`a` < "
	    "`b`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 "
	    "COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC COMMENT='it''s'\n "
	    "PARTITION BY HASH (`b`)\nPARTITIONS 3",
	    "CREATE TABLE `db`.`t6` (`a` int(11) DEFAULT 5 CHECK (`a` > 3), "
	    "`b` int(11) DEFAULT NULL, `c` varchar(20) COMPRESSED "
	    "DEFAULT NULL, `d` int(11) GENERATED ALWAYS AS (`a` + 1) STORED, "
	    "`e` "
	    "int(11) GENERATED ALWAYS AS (`b` <> 0 OR 1) VIRTUAL, `f` "
	    "datetime(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE "
	    "CURRENT_TIMESTAMP(3), `g` int(11) INVISIBLE DEFAULT NULL, `h` "
	    "decimal(10,0) DEFAULT NULL, `i` year DEFAULT NULL, `k` bit(1) "
	    "DEFAULT NULL, `l` binary(1) DEFAULT NULL, `x` tinytext CHARACTER "
	    "SET latin1 COLLATE latin1_swedish_ci DEFAULT NULL, `s` "
	    "enum('a','b''c','\\\\','é') DEFAULT NULL, UNIQUE KEY `b` (`b`), "
	    "KEY `a` (`a`), KEY `a_2` (`a`, `b`), CONSTRAINT `c` CHECK (`b` > "
	    "1), CONSTRAINT `CONSTRAINT_1` CHECK (`a` < `b`)) ENGINE=InnoDB "
	    "ROW_FORMAT=DYNAMIC COMMENT='it''s' DEFAULT CHARSET=utf8mb4 "
	    "COLLATE=utf8mb4_general_ci PARTITION BY HASH (`b`) PARTITIONS 3" },
	{ DM_DDL_CREATE_TABLE,
	    "create table if not exists t (id serial primary key, name "
	    "text(10) comment 'x', date date, `key` int, key(name(5), date "
	    "desc) using btree comment 'k', fulltext (name), foreign key fk "
	    "(id) references other.p(id) on delete cascade on update set null) "
	    "engine innodb, charset utf8",
	    "CREATE TABLE IF NOT EXISTS `db`.`t` (`id` bigint unsigned NOT "
	    "NULL AUTO_INCREMENT, `name` text(10) COMMENT 'x', `date` date, "
	    "`key` int, PRIMARY KEY (`id`), UNIQUE KEY (`id`), KEY (`name`(5), "
	    "`date` DESC) USING BTREE COMMENT 'k', FULLTEXT KEY (`name`), "
	    "FOREIGN KEY `fk` (`id`) REFERENCES `other`.`p` (`id`) ON DELETE "
	    "CASCADE ON UPDATE SET NULL) ENGINE=innodb DEFAULT CHARSET=utf8" },
	{ DM_DDL_CREATE_TABLE,
	    "CREATE TABLE `t` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  `j` "
	    "json DEFAULT NULL,\n  `v` varchar(10) COLLATE utf8mb4_bin DEFAULT "
	    "(uuid()),\n  `g` int GENERATED ALWAYS AS "
	    "(json_extract(`j`,_utf8mb4'$.x')) VIRTUAL,\n  `inv` int DEFAULT "
	    "NULL /*!80023 INVISIBLE */,\n  `p` point NOT NULL /*!80003 SRID "
	    "4326 */,\n  PRIMARY KEY (`id`),\n  KEY `fx` ((`id` + 1)),\n  "
	    "SPATIAL KEY `sp` (`p`),\n  KEY `iv` (`v`) /*!80000 INVISIBLE "
	    "*/,\n  CONSTRAINT `t_chk_1` CHECK ((`id` > 0)) /*!80016 NOT "
	    "ENFORCED */\n) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT "
	    "CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci\n/*!50100 PARTITION BY "
	    "RANGE (`id`)\n(PARTITION p0 VALUES LESS THAN (10) ENGINE = "
	    "InnoDB,\n PARTITION p1 VALUES LESS THAN MAXVALUE ENGINE = InnoDB) "
	    "*/",
	    "CREATE TABLE `db`.`t` (`id` int NOT NULL AUTO_INCREMENT, `j` json "
	    "DEFAULT NULL, `v` varchar(10) COLLATE utf8mb4_bin DEFAULT "
	    "(uuid()), `g` int GENERATED ALWAYS AS (json_extract(`j`, "
	    "_utf8mb4'$.x')) VIRTUAL, `inv` int INVISIBLE DEFAULT NULL, `p` "
	    "point SRID 4326 NOT NULL, PRIMARY KEY (`id`), KEY `fx` ((`id` + "
	    "1)), SPATIAL KEY `sp` (`p`), KEY `iv` (`v`) INVISIBLE, CONSTRAINT "
	    "`t_chk_1` CHECK ((`id` > 0)) NOT ENFORCED) ENGINE=InnoDB "
	    "AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb4 "
	    "COLLATE=utf8mb4_0900_ai_ci PARTITION BY RANGE(`id`) (PARTITION p0 "
	    "VALUES LESS THAN (10) ENGINE = InnoDB, PARTITION p1 VALUES LESS "
	    "THAN MAXVALUE ENGINE = InnoDB)" },
	{ DM_DDL_CREATE_TABLE,
	    "CREATE TABLE `t` (`id` bigint(20) NOT NULL /*T![auto_rand] "
	    "AUTO_RANDOM(5) */, PRIMARY KEY (`id`) /*T![clustered_index] "
	    "CLUSTERED */) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 "
	    "COLLATE=utf8mb4_bin /*T! SHARD_ROW_ID_BITS=4 PRE_SPLIT_REGIONS=2 "
	    "*/ /*T![ttl] TTL=`created_at` + INTERVAL 3 MONTH */ /*T![ttl] "
	    "TTL_ENABLE='ON' */",
	    "CREATE TABLE `db`.`t` (`id` bigint(20) NOT NULL /*T![auto_rand] "
	    "AUTO_RANDOM(5) */, PRIMARY KEY (`id`) /*T![clustered_index] "
	    "CLUSTERED */) ENGINE=InnoDB /*T! SHARD_ROW_ID_BITS=4 */ /*T! "
	    "PRE_SPLIT_REGIONS=2 */ /*T![ttl] TTL = `created_at` + INTERVAL 3 "
	    "MONTH */ /*T! TTL_ENABLE='ON' */ DEFAULT CHARSET=utf8mb4 "
	    "COLLATE=utf8mb4_bin" },
};

START_TEST(is_printed_in_canonical_form)
{
	check_case(&cases[_i]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/ddl/create");
	TCase *tc = tcase_create("create");
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
