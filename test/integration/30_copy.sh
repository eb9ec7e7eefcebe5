#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The streamed copy: full and all modes, routes and selection, resumption.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

source_up up || exit 1
mariadb_up down || exit 1
master_up m1 || exit 1
worker_up w1 --keepalive-ttl 5 || exit 1
sql_types up 0 types.sql
sql up "CREATE DATABASE shop; USE shop;
 CREATE TABLE big (id BIGINT AUTO_INCREMENT PRIMARY KEY, a INT, b VARCHAR(100), KEY (a));
 INSERT INTO big (a,b) SELECT seq, REPEAT(CHAR(97 + seq MOD 26), 60) FROM seq_1_to_120000;
 CREATE TABLE parent (id INT PRIMARY KEY); CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE);
 INSERT INTO parent SELECT seq FROM seq_1_to_100; INSERT INTO child SELECT seq, 1 + seq MOD 100 FROM seq_1_to_500;
 CREATE TABLE bare (x INT, y TEXT); INSERT INTO bare SELECT seq MOD 7, 'dup' FROM seq_1_to_3000;
 CREATE TABLE empty (id INT PRIMARY KEY);
 CREATE VIEW vbig AS SELECT id FROM big WHERE a < 10;
 CREATE DATABASE hidden; CREATE TABLE hidden.t (i INT PRIMARY KEY); INSERT INTO hidden.t VALUES (1)"
check "operate-source create" \
	ctl operate-source create "$(source_yaml src1 up)"
TASK_EXTRA="block-allow-list:
  ours:
    do-dbs: [shop, types]"
TASK_INSTANCE="  block-allow-list: ours"
yaml=$(task_yaml full1 full down src1)
check "check-task passes" ctl check-task "$yaml"
check "start-task full" ctl start-task "$yaml"
check "it finishes" wait_for 120 Finished task_stage full1 Finished
check "types are equal" same_schema up down types
check "shop is equal" same_schema up down shop
check "the view is there" test "$(sql down "SELECT COUNT(*) FROM shop.vbig")" = 9
check "what was not selected is not there" \
	test -z "$(sql down "SHOW DATABASES LIKE 'hidden'")"
check "structures agree" test \
	"$(sql up "SHOW CREATE TABLE shop.child; SHOW CREATE TABLE types.texts")" = \
	"$(sql down "SHOW CREATE TABLE shop.child; SHOW CREATE TABLE types.texts")"
check "stop-task" ctl stop-task full1
sql down "DROP DATABASE shop; DROP DATABASE types"

TASK_EXTRA="block-allow-list:
  ours:
    do-tables:
    - {db-name: shop, tbl-name: \"b*\"}
    - {db-name: shop, tbl-name: \"~^(parent|child)\$\"}
routes:
  schema: {schema-pattern: shop, target-schema: store}
  table: {schema-pattern: shop, table-pattern: big, target-schema: store, target-table: large}"
TASK_INSTANCE="  block-allow-list: ours
  route-rules: [schema, table]"
yaml=$(task_yaml routed all down src1)
check "start-task all, routed" ctl start-task "$yaml"
for i in $(seq 1 40); do
	echo "INSERT INTO big (a,b) SELECT seq,'live' FROM seq_1_to_50; UPDATE big SET b='upd' WHERE id BETWEEN $((i * 1000)) AND $((i * 1000 + 40));
	DELETE FROM big WHERE id BETWEEN $((i * 2000)) AND $((i * 2000 + 5)); UPDATE big SET id=id+10000000 WHERE id=$((i * 777));
	INSERT INTO bare VALUES ($i,'live'); DELETE FROM bare WHERE x=3 LIMIT 2; DO SLEEP(0.05);"
done >"$W/live.sql"
mariadb --no-defaults -uroot -S "$W/up.sock" shop <"$W/live.sql"
check "it reaches replication and catches up" \
	wait_for 120 synced task_synced routed
check "the renamed table is equal" same_table up down shop big store large
check "the keyless table is equal" same_table up down shop bare store bare
check "the child table is equal" same_table up down shop child store child
check "nothing else was made" test \
	"$(sql down "SHOW TABLES FROM store" | sort | tr '\n' ' ')" = "bare child large parent "
sql up "ALTER TABLE shop.big ADD COLUMN n INT DEFAULT 5; INSERT INTO shop.big (a) VALUES (-7);
	CREATE TABLE shop.other (i INT PRIMARY KEY); DROP TABLE shop.other"
check "DDL is routed" wait_for 60 synced task_synced routed
check "the renamed table is equal" same_table up down shop big store large
check "stop-task" ctl stop-task routed
sql down "DROP DATABASE store"

# A copy that is cut: the worker is killed in the middle, more than once.
unset TASK_EXTRA TASK_INSTANCE
TASK_EXTRA="block-allow-list:
  ours: {do-dbs: [shop]}"
TASK_INSTANCE="  block-allow-list: ours"
sql up "INSERT INTO shop.big (a,b) SELECT seq, REPEAT('x', 90) FROM shop.seq_1_to_300000"
yaml=$(task_yaml cut all down src1)
check "start-task all" ctl start-task "$yaml"
(for i in $(seq 1 60); do
	echo "INSERT INTO big (a,b) SELECT seq,'live' FROM seq_1_to_20; UPDATE big SET a=a+1 WHERE id BETWEEN $((i * 5000)) AND $((i * 5000 + 100));
	DELETE FROM big WHERE id BETWEEN $((i * 3000)) AND $((i * 3000 + 5)); INSERT INTO bare VALUES ($i,'l2'); DELETE FROM bare WHERE x=4 LIMIT 1; DO SLEEP(0.1);"
done | mariadb --no-defaults -uroot -S "$W/up.sock" shop) &
writer=$!
for i in 1 2 3; do
	sleep 0.$((RANDOM % 9 + 1))
	kill9 w1
	worker_up w1 --keepalive-ttl 5
done
wait "$writer"
check "it catches up after three kills" wait_for 180 synced task_synced cut
check "and all is equal" same_schema up down shop
check "stop-task" ctl stop-task cut
finish
