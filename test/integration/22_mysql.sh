#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# MySQL as a source: copy and replication into MariaDB of every type, GTIDs
# with and without tags, compressed transactions, partial JSON, DDL in MySQL's
# words, restarts. Then MariaDB 11.8 as a source, shortly.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

mariadb_up down || exit 1
master_up m1 || exit 1
worker_up w1 --keepalive-ttl 5 || exit 1
worker_up w2 --keepalive-ttl 5 || exit 1

# ---- MariaDB 11.8 ----

check "MariaDB 11.8 starts" other_up mariadb11 new --server-id=$((RANDOM + 1)) \
	--log-bin=mysql-bin --binlog-format=ROW --log-bin-compress=ON \
	--log-bin-compress-min-len=10
sql_types new 0 types.sql
sql new "CREATE SEQUENCE types.seq START WITH 10; SELECT NEXTVAL(types.seq)" >/dev/null
check "operate-source create" \
	ctl operate-source create "$(source_yaml newer new)"
yaml=$(task_yaml from118 all down newer)
check "start-task all from MariaDB 11.8" ctl start-task "$yaml"
sql_types new 100 types.sql
sql_types new 0 types_change.sql
sql new "SELECT SETVAL(types.seq, 5000); SELECT NEXTVAL(types.seq)" >/dev/null
check "it catches up" wait_for 120 synced task_synced from118 new
check "and all is equal" same_schema new down types
check "a sequence goes on where the source's stands" test \
	"$(sql new "SELECT next_not_cached_value FROM types.seq")" = \
	"$(sql down "SELECT next_not_cached_value FROM types.seq")"
check "stop-task" ctl stop-task from118
sql down "DROP DATABASE types"

if ! other_is_there mysql; then
	skip "MySQL" "its packages cannot be had"
	finish
	exit 0
fi

# ---- MySQL ----

mysql_source_up up || exit 1
check "operate-source create finds out what it is" \
	ctl operate-source create "$(source_yaml src1 up)"
check "it is MySQL" bash -c "\"$BIN/dmctl\" --master-addr $MASTER config source src1 | grep -q 'flavor: mysql'"
sql_types up 0 types_mysql.sql
sql up "CREATE DATABASE shop; USE shop; SET SESSION cte_max_recursion_depth=1000000;
 CREATE TABLE big (id BIGINT AUTO_INCREMENT PRIMARY KEY, a INT, b VARCHAR(100), KEY (a));
 INSERT INTO big (a,b) WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM s WHERE n < 60000) SELECT n, REPEAT(CHAR(97 + n MOD 26), 60) FROM s;
 CREATE TABLE parent (id INT PRIMARY KEY); CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE);
 INSERT INTO parent SELECT id FROM big WHERE id <= 100; INSERT INTO child SELECT id, 1 + id MOD 100 FROM big WHERE id <= 500;
 CREATE VIEW vbig AS SELECT id FROM big WHERE a < 10"

TASK_EXTRA="block-allow-list:
  ours: {do-dbs: [types]}"
TASK_INSTANCE="  block-allow-list: ours"
yaml=$(task_yaml full1 full down src1)
check "check-task passes" ctl check-task "$yaml"
check "start-task full" ctl start-task "$yaml"
check "it finishes" wait_for 120 Finished task_stage full1 Finished
check "all types are equal" same_schema up down types
check "stop-task" ctl stop-task full1
sql down "DROP DATABASE types"

# A writer all the while; no table without a key, so no lock is taken.
TASK_EXTRA="block-allow-list:
  ours: {do-dbs: [shop]}"
writer() {
	for i in $(seq 1 "$1"); do
		echo "INSERT INTO big (a,b) SELECT id,'live' FROM parent LIMIT 20; UPDATE big SET b='upd', a=a+1 WHERE id BETWEEN $((i * 500)) AND $((i * 500 + 40));
		DELETE FROM big WHERE id BETWEEN $((i * 700)) AND $((i * 700 + 5)); UPDATE big SET id=id+10000000 WHERE id=$((i * 777)); DO SLEEP(0.05);"
	done | mariadb --no-defaults -uroot -S "$W/up.sock" shop
}
writer 80 &
pid=$!
yaml=$(task_yaml live all down src1)
check "start-task all under writes" ctl start-task "$yaml"
wait "$pid"
check "it catches up" wait_for 120 synced task_synced live
check "and all is equal" same_schema up down shop
sql up "FLUSH BINARY LOGS"
check "a new binlog without a transaction is reached" \
	wait_for 30 synced task_synced live
check "no statement matched another number of rows" \
	bash -c "\"$BIN/dmctl\" --master-addr $MASTER query-status live --more | grep -q '\"unexpectedRows\": \"0\"'"
check "the GTID sets agree" wait_for 10 "GTIDs" bash -c "[ \"\$(\"$BIN/dmctl\" --master-addr $MASTER query-status live --more | grep -E 'BinlogGtid' | cut -d: -f2- | tr -d ' ,' | sort -u | wc -l)\" = 1 ]"

# Kills while compressed and tagged transactions come.
(
	for i in $(seq 1 60); do
		echo "SET binlog_transaction_compression=$((i % 2)); SET gtid_next='AUTOMATIC:tag_$((i % 3))'; BEGIN; INSERT INTO big (a,b) SELECT id, REPEAT('z', 90) FROM parent; UPDATE big SET a=a+1 WHERE id BETWEEN $((i * 90)) AND $((i * 90 + 300)); COMMIT; DO SLEEP(0.05);"
	done | mariadb --no-defaults -uroot -S "$W/up.sock" shop
) &
pid=$!
for i in 1 2 3; do
	sleep 1
	for w in w1 w2; do
		kill9 $w
		worker_up $w --keepalive-ttl 5
	done
done
wait "$pid"
check "it catches up after kills" wait_for 120 synced task_synced live
check "and all is equal" same_schema up down shop
check "the GTID sets agree, tags included" wait_for 10 "GTIDs" bash -c "\"$BIN/dmctl\" --master-addr $MASTER query-status live --more | grep -E 'syncerBinlogGtid' | grep -q 'tag_1:1-'"
stop up
mysql_source_up up
sql up "INSERT INTO shop.parent VALUES (1000)"
ctl resume-task live >"$W/resume.out" 2>&1 # not after its next pause only
check "it outlives a restart of MySQL" wait_for 120 synced task_synced live
check "and all is equal" same_schema up down shop
check "stop-task" ctl stop-task live

# ---- all types by replication, by a GTID set ----

gtid=$(sql up "SELECT @@GLOBAL.gtid_executed" | tr -d '\n ' | sed 's/\\n//g')
TASK_EXTRA="block-allow-list:
  ours: {do-dbs: [types, app]}"
TASK_INSTANCE="  block-allow-list: ours
  meta:
    binlog-gtid: '$gtid'"
sql up "DROP DATABASE types"
yaml=$(task_yaml bygtid incremental down src1)
check "start-task from a GTID set" ctl start-task "$yaml"
sql_types up 0 types_mysql.sql
check "all types are inserted" wait_for 60 synced task_synced bygtid
check "and equal" same_schema up down types
sql_types up 0 types_mysql_change.sql
check "all types are updated and deleted" wait_for 60 synced task_synced bygtid
check "and equal" same_schema up down types
sql up "SET GLOBAL binlog_row_value_options=PARTIAL_JSON"
sql_types up 100 types_mysql.sql
sql_types up 100 types_mysql_change.sql
check "the same with partial JSON" wait_for 60 synced task_synced bygtid
check "and equal" same_schema up down types
check "parts of JSON were really written" bash -c "mariadb --no-defaults -uroot -S '$W/up.sock' -N -B -e \"SHOW BINLOG EVENTS IN '$(binlog_end up | cut -f1)'\" | grep -q Update_rows_partial"
sql up "SET GLOBAL binlog_transaction_compression=ON"
sql_types up 200 types_mysql.sql
sql_types up 200 types_mysql_change.sql
sql up "SET GLOBAL binlog_row_value_options=''; SET GLOBAL binlog_transaction_compression=OFF"
check "and with both in compressed transactions" wait_for 60 synced task_synced bygtid
check "and equal" same_schema up down types

sql up "CREATE DATABASE app; USE app;
 CREATE TABLE u (id INT PRIMARY KEY, a INT NOT NULL, b INT INVISIBLE, j JSON NOT NULL, UNIQUE KEY (a), KEY ab (a,b), KEY fx ((a + 1)));
 INSERT INTO u (id,a,b,j) SELECT id, id, id, JSON_OBJECT('n', id) FROM shop.parent;
 ALTER TABLE u ADD COLUMN c VARCHAR(20) NOT NULL DEFAULT 'dflt' AFTER a, ADD INDEX (c), ALGORITHM=INPLACE, LOCK=NONE;
 ALTER TABLE u ADD COLUMN g INT GENERATED ALWAYS AS (j->'\$.n') STORED NOT NULL, ALGORITHM=COPY;
 INSERT INTO u (id,a,c,j) VALUES (9001, 9001, 'new', '{\"n\": 7}');
 ALTER TABLE u ADD COLUMN e VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_sv_0900_ai_ci, ADD CONSTRAINT ck CHECK (a > 1000000) NOT ENFORCED;
 ALTER TABLE u ADD COLUMN inst INT DEFAULT 4, ALGORITHM=INSTANT;
 INSERT INTO u (id,a,c,j,e) VALUES (9002, 9002, 'new', '{\"n\": 2}', 'ö');
 ALTER TABLE u ALTER INDEX ab INVISIBLE; ALTER TABLE u DROP CHECK ck;
 ALTER TABLE u DROP INDEX fx; CREATE INDEX fy ON u ((a + 2)) ALGORITHM=INPLACE; DROP INDEX fy ON u;
 ALTER TABLE u CONVERT TO CHARACTER SET utf8mb4;
 RENAME TABLE u TO u2; CREATE TABLE sel AS SELECT * FROM u2 WHERE id < 20; INSERT INTO sel (id,a,c,j,g) VALUES (1,1,'more','1',1);
 CREATE TABLE later (id SERIAL, s VARCHAR(20) CHARACTER SET utf8mb4, x VARCHAR(20)) ENCRYPTION='N'; INSERT INTO later (s,x) VALUES ('ä','Ä');
 TRUNCATE TABLE later; INSERT INTO later (s,x) VALUES ('b','B'); CREATE VIEW v AS SELECT 1;
 SET SESSION sql_generate_invisible_primary_key=ON; CREATE TABLE gipk (a INT); INSERT INTO gipk VALUES (1),(1),(2); UPDATE gipk SET a=a+1 WHERE a=1 LIMIT 1"
check "DDL in order with its rows" wait_for 60 synced task_synced bygtid
check "and all is equal" same_schema up down app
check "collations have their counterparts" test "$(sql down "SELECT collation_name FROM information_schema.columns WHERE table_schema='app' AND table_name='later' AND column_name='s'")" = utf8mb4_uca1400_nopad_ai_ci
check "pause-task" ctl pause-task bygtid
sql up "INSERT INTO app.later (s) VALUES ('paused')"
check "resume-task" ctl resume-task bygtid
check "it goes on" wait_for 30 synced task_synced bygtid
check "and all is equal" same_schema up down app

# What is not applied stops the task, at its place.
sql up "SET SESSION binlog_format=STATEMENT; INSERT INTO app.later (s) VALUES ('text')"
check "a change in statement format stops the task" wait_for 30 Paused task_stage bygtid Paused
check "and says so" wait_for 10 "the reason" bash -c "\"$BIN/dmctl\" --master-addr $MASTER query-status bygtid | grep -qi 'statement'"
finish
