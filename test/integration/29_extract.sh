#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Extractors of routes, in the copy and in replication, and tasks that begin at
# a time.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

source_up up1 || exit 1
source_up up2 || exit 1
mariadb_up down || exit 1
master_up m1 || exit 1
worker_up w1 --keepalive-ttl 5 --max-sources 2 || exit 1
check "operate-source create" ctl operate-source create "$(source_yaml src-1 up1)"
check "operate-source create" ctl operate-source create "$(source_yaml src-2 up2)"

# Both sources have the same keys: only what is extracted tells them apart.
for n in 1 2; do
	sql up$n "CREATE DATABASE s_$n; USE s_$n;
	 CREATE TABLE t_a$n (id INT PRIMARY KEY, v VARCHAR(20));
	 CREATE TABLE u (id INT PRIMARY KEY, v VARCHAR(20));
	 INSERT INTO t_a$n SELECT seq, CONCAT('row', seq) FROM seq_1_to_500;
	 INSERT INTO u VALUES (1, 'one')"
done
sql down "CREATE DATABASE m CHARSET utf8mb4; USE m;
 CREATE TABLE t (id INT, v VARCHAR(20), c_table VARCHAR(20) CHARSET latin1,
  c_schema VARCHAR(20), c_source VARCHAR(20) COLLATE utf8mb4_bin,
  PRIMARY KEY (id, c_table, c_schema, c_source));
 CREATE TABLE u (id INT, v VARCHAR(20), num INT, PRIMARY KEY (id, num))"
TASK_EXTRA='routes:
  t:
    schema-pattern: "s_*"
    table-pattern: "t_*"
    target-schema: m
    target-table: t
    extract-table: {table-regexp: "t_(a)([0-9]+)", target-column: c_table}
    extract-schema: {schema-regexp: "s_(.*)", target-column: c_schema}
    extract-source: {source-regexp: "^(.*)$", target-column: c_source}
  u:
    schema-pattern: "s_*"
    table-pattern: "u"
    target-schema: m
    extract-source: {source-regexp: "src-(\\d+)", target-column: num}'
TASK_INSTANCE="  route-rules: [t, u]"
yaml=$(task_yaml ext all down src-1 src-2)
check "start-task with extractors" ctl start-task "$yaml"
check "the configuration has them" \
	grep -q "table-regexp" <<<"$(ctl config task ext)"

want() {
	for n in 1 2; do
		sql up$n "SELECT id, v, 'a$n', '$n', 'src-$n' FROM s_$n.t_a$n"
	done | sort
}
have() { sql down "SELECT id, v, c_table, c_schema, c_source FROM m.t" | sort; }
equal() { test "$(want | md5sum)" = "$(have | md5sum)"; }
check "the copy fills the columns" wait_for 60 equal equal
has_numbers() { # LIST: those of m.u
	[ "$(sql down "SELECT GROUP_CONCAT(id,v,num ORDER BY num) FROM m.u")" = "$1" ]
}
check "a number is made of text" wait_for 60 numbers has_numbers 1one1,1one2
for n in 1 2; do
	sql up$n "USE s_$n; UPDATE t_a$n SET v='changed$n' WHERE id MOD 3 = $n;
	 DELETE FROM t_a$n WHERE id MOD 7 = $n; UPDATE t_a$n SET id=id+10000 WHERE id MOD 10 = $n;
	 INSERT INTO t_a$n SELECT seq, 'new' FROM seq_2000_to_2100;
	 UPDATE u SET v='two' WHERE id=1; DELETE FROM u WHERE id=$n"
done
check "so does replication, each row in its own" wait_for 60 equal equal
check "a change reaches no other source's row" \
	wait_for 60 u has_numbers 1two2
# Nothing is known of that table: it is as the target is, but for their columns.
check "pause-task" ctl pause-task ext
check "it is paused" wait_for 30 Paused task_stage ext Paused
ctl binlog-schema list ext s_1 t_a9 -s src-1 >"$W/structure"
check "resume-task" ctl resume-task ext
check "a structure from the target has the source's columns" \
	grep -q "CREATE TABLE \`t_a9\` (\`id\` .*\`v\` " "$W/structure"
no_filled() { ! grep -q 'c_table\|c_schema\|c_source' "$W/structure"; }
check "and none that a route fills" no_filled
sql up1 "ALTER TABLE s_1.u ADD COLUMN num INT"
sql up1 "INSERT INTO s_1.u VALUES (5, 'x', 5)"
# The target has the column, and another one's values are in it.
check "a column of that name in the source stops" wait_for 60 paused \
	task_stage ext Paused
told() { ctl query-status "$1" | grep -q "$2"; }
check "and is told" wait_for 10 "it" told ext "Duplicate column name"
check "stop-task" ctl stop-task ext
# Nothing is known of the source's table: it is taken to look like the target's.
TASK_INSTANCE="  route-rules: [t, u]
  meta:
$(binlog_end up1 | awk '{ printf "    binlog-name: %s\n    binlog-pos: %s", $1, $2 }')"
yaml=$(task_yaml exti incremental down src-1)
check "start-task from a position" ctl start-task "$yaml"
sql up1 "USE s_1; INSERT INTO t_a1 VALUES (3000, 'new'); UPDATE t_a1 SET v='late' WHERE id=12;
 DELETE FROM t_a1 WHERE id=13; UPDATE t_a1 SET id=3001 WHERE id=14"
check "it fills the columns, too" wait_for 60 equal equal
sql up1 "ALTER TABLE s_1.t_a1 ADD COLUMN w INT DEFAULT 7; INSERT INTO s_1.t_a1 VALUES (3002, 'wide', 8)"
check "also after a DDL" wait_for 60 equal equal
check "stop-task" ctl stop-task exti
TASK_INSTANCE="  route-rules: [t, u]"
sql down "ALTER TABLE m.u DROP PRIMARY KEY, DROP COLUMN num; TRUNCATE m.u"
TASK_EXTRA=${TASK_EXTRA//'table-regexp: "t_(a)([0-9]+)"'/'table-regexp: "t_(a"'}
refuse "a bad expression is refused" "extract-table" \
	ctl check-task "$(task_yaml bad all down src-1)"

# ---- a start time ----

sql up1 "CREATE DATABASE late; CREATE TABLE late.t (id INT PRIMARY KEY, a INT);
 INSERT INTO late.t VALUES (1, 1); FLUSH BINARY LOGS; INSERT INTO late.t VALUES (2, 2);
 FLUSH BINARY LOGS"
sleep 2
now=$(date -u '+%Y-%m-%d %H:%M:%S')
sql up1 "INSERT INTO late.t VALUES (3, 3); FLUSH BINARY LOGS"
sleep 1 # the server writes a checkpoint into the new file when it can
sql up1 "INSERT INTO late.t VALUES (4, 4)"
sql down "CREATE DATABASE late; CREATE TABLE late.t (id INT PRIMARY KEY, a INT)"
TASK_EXTRA='block-allow-list: {l: {do-dbs: [late]}}'
TASK_INSTANCE="  block-allow-list: l"
yaml=$(task_yaml late incremental down src-1)
SOURCE_NAME=up1
check "check-task with a start time" ctl check-task "$yaml" --start-time "${now}Z"
check "start-task with a start time" ctl start-task "$yaml" --start-time "${now}Z"
check "it replicates" wait_for 60 synced task_synced late
check "what came from then on" \
	test "$(sql down "SELECT GROUP_CONCAT(id ORDER BY id) FROM late.t")" = 3,4
sql down "INSERT INTO late.t VALUES (5, 0)"
kill9 w1
worker_up w1 --keepalive-ttl 5 --max-sources 2
sql up1 "INSERT INTO late.t VALUES (6, 6)"
check "a restart goes on" wait_for 60 synced task_synced late
check "and does not begin at the time again" \
	test "$(sql down "SELECT GROUP_CONCAT(id ORDER BY id) FROM late.t")" = 3,4,5,6
check "stop-task" ctl stop-task late
refuse "a task that has begun has no start time" "start-time: the task has replicated" \
	ctl start-task "$yaml" --start-time "${now}Z"
sql up1 "SET GLOBAL time_zone='+05:00'"
there=$(date -u -d '+5 hours -1 hour' '+%Y-%m-%dT%H:%M:%S')
# The row 5 is in the target with another value: safe mode writes over it.
sql up1 "INSERT INTO late.t VALUES (5, 5)"
sed -i 's/^  block-allow-list: l$/&\n  syncer: {safe-mode-duration: 10m}/' "$yaml"
sql down "DELETE FROM late.t WHERE id<>5"
check "but with --remove-meta, in the source's zone" \
	ctl start-task "$yaml" --start-time "$there" --remove-meta
check "it replicates, in safe mode" wait_for 60 synced task_synced late
check "all of it" same_table up1 down late t
check "stop-task" ctl stop-task late
check "a time that is not yet" ctl start-task "$yaml" \
	--start-time "2037-01-01 00:00:00" --remove-meta
check "pauses the task" wait_for 60 paused task_stage late Paused
check "and says so" wait_for 10 "it" told late '"ErrCode": 20057'
finish
