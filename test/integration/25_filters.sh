#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Binlog event filters, settings that are refused, definers of views.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

source_up up || exit 1
mariadb_up down || exit 1
master_up m1 || exit 1
worker_up w1 --keepalive-ttl 5 || exit 1
check "operate-source create" \
	ctl operate-source create "$(source_yaml src1 up)"

sql up "CREATE DATABASE f; USE f;
 CREATE TABLE keep (id INT PRIMARY KEY, a INT);
 CREATE TABLE log (id INT PRIMARY KEY, a INT);
 INSERT INTO keep VALUES (1,1),(2,2); INSERT INTO log VALUES (1,1),(2,2)"
TASK_INSTANCE="  filter-rules: [no-loss, log-inserts, no-drop-text, late]"
TASK_EXTRA='filters:
  no-loss:
    schema-pattern: "f"
    table-pattern: "*"
    events: ["truncate table", "drop table", "drop column"]
    action: Ignore
  log-inserts:
    schema-pattern: "f"
    table-pattern: "log"
    events: ["insert", "all ddl"]
    action: Do
  no-drop-text:
    schema-pattern: "*"
    sql-pattern: ["^alter .*not for the target", "^do not parse"]
    action: Ignore
  late:
    schema-pattern: "f"
    table-pattern: "late*"
    events: ["all"]
    action: Ignore'
yaml=$(task_yaml filt all down src1)
check "start-task with filters" ctl start-task "$yaml"
check "the copy is complete" wait_for 60 synced task_synced filt

sql up "USE f;
 INSERT INTO log VALUES (3,3); DELETE FROM log WHERE id=1; UPDATE log SET a=9;
 TRUNCATE TABLE keep; INSERT INTO keep VALUES (3,3);
 ALTER TABLE keep DROP COLUMN a; INSERT INTO keep VALUES (4);
 ALTER TABLE keep ADD COLUMN b INT DEFAULT 7; INSERT INTO keep VALUES (5,5);
 ALTER TABLE log COMMENT 'not for the target';
 CREATE TABLE late1 (id INT PRIMARY KEY); INSERT INTO late1 VALUES (1);
 DELETE FROM late1; ALTER TABLE late1 ADD COLUMN z INT; DROP TABLE late1"
check "changes are replicated" wait_for 60 synced task_synced filt
check "rows of a truncated table stay" \
	test "$(sql down "SELECT GROUP_CONCAT(id ORDER BY id) FROM f.keep")" = 1,2,3,4,5
check "a dropped column stays, a new one comes" \
	test "$(sql down "SELECT GROUP_CONCAT(IFNULL(a,'-'),IFNULL(b,'-') ORDER BY id) FROM f.keep")" = 17,27,37,-7,-5
check "only inserts arrive" \
	test "$(sql down "SELECT GROUP_CONCAT(id,a ORDER BY id) FROM f.log")" = 11,22,33
check "a filtered table is not created" \
	test "$(sql down "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_NAME='late1'")" = 0
check "a text is left out" \
	test "$(sql down "SELECT TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA='f' AND TABLE_NAME='log'")" = ""
check "stop-task" ctl stop-task filt
check "start-task goes on" ctl start-task "$yaml"
sql up "INSERT INTO f.keep VALUES (6,6); DROP TABLE f.keep"
check "the structures are those of the source" \
	wait_for 60 synced task_synced filt
check "and the table stays" \
	test "$(sql down "SELECT COUNT(*) FROM f.keep")" = 6
check "stop-task" ctl stop-task filt

TASK_INSTANCE="  filter-rules: [alarm]"
TASK_EXTRA='filters:
  alarm: {schema-pattern: "f", table-pattern: "log", events: [delete], action: Error}'
yaml=$(task_yaml filt all down src1)
check "start-task with an alarm" ctl start-task "$yaml"
sql up "DELETE FROM f.log WHERE id=2"
check "the alarm pauses the task" wait_for 30 paused task_stage filt Paused
named() { ctl query-status filt | grep -q '36015.*\|event delete on'; }
check "and names event and table" wait_for 10 "them" named
check "stop-task" ctl stop-task filt

TASK_INSTANCE=""
TASK_EXTRA='timezone: "+08:00"'
refuse "a time zone is refused" "timezone: it is not available" \
	ctl --strict check-task "$(task_yaml tz all down src1)"
TASK_EXTRA=""
refuse "a start-time that is none is refused" "error while parse start-time" \
	ctl --strict start-task "$(task_yaml st incremental down src1)" \
	--start-time "yesterday"
refuse "a copy has no start-time" "start-time is for task-mode incremental" \
	ctl --strict check-task "$(task_yaml st all down src1)" \
	--start-time "2024-01-01 00:00:00"
refuse "dm-worker refuses redaction" "redact-info-log" \
	"$BIN/dm-worker" --name x --worker-addr 127.0.0.1:1 \
	--join 127.0.0.1:2 --redact-info-log
refuse "dm-master refuses the OpenAPI" "OpenAPI is not available" \
	"$BIN/dm-master" --name x --master-addr 127.0.0.1:1 --openapi \
	--data-dir "$W/x"

# The source tells apart letters of both cases in names, so patterns do: in the
# copy, in a dump, and in replication.
sql up "CREATE DATABASE names; CREATE DATABASE NAMES;
 CREATE TABLE names.t (id INT PRIMARY KEY); INSERT INTO names.t VALUES (1);
 CREATE TABLE NAMES.t (id INT PRIMARY KEY); INSERT INTO NAMES.t VALUES (5)"
for mode in stream files; do
	TASK_EXTRA="copy-mode: $mode
block-allow-list: {n: {do-dbs: [NAMES]}}
routes:
  other: {schema-pattern: Names, target-schema: other_$mode}
  right: {schema-pattern: NAMES, target-schema: names_$mode}"
	TASK_INSTANCE="  block-allow-list: n
  route-rules: [other, right]"
	check "case of names, $mode" \
		ctl start-task "$(task_yaml "names_$mode" all down src1)"
	check "it catches up" wait_for 60 synced task_synced "names_$mode"
done
sql up "INSERT INTO names.t VALUES (2); INSERT INTO NAMES.t VALUES (6)"
for mode in stream files; do
	check "it goes on" wait_for 60 synced task_synced "names_$mode"
	check "the copy and replication choose the same tables" \
		test "$(sql down "SELECT GROUP_CONCAT(id ORDER BY id) FROM names_$mode.t")" = 5,6
	check "stop-task" ctl stop-task "names_$mode"
done
check "and no others" test "$(sql down "SHOW DATABASES LIKE 'other%'")" = ""

sql up "CREATE USER lost@localhost; CREATE DATABASE v; USE v;
 CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1);
 CREATE DEFINER=lost@localhost VIEW w AS SELECT id FROM t"
TASK_EXTRA='block-allow-list: {v: {do-dbs: [v]}}'
TASK_INSTANCE="  block-allow-list: v"
yaml=$(task_yaml views full down src1)
sed -i -e 's/user: dm$/user: plain/' -e 's/password: .*/password: ""/' "$yaml"
sql down "CREATE USER plain; GRANT ALL ON v.* TO plain; GRANT ALL ON dm_meta.* TO plain"
check "a copy by a user who may not set definers" ctl start-task "$yaml"
check "it ends" wait_for 60 finished task_stage views Finished
check "the view is there and can be read" \
	test "$(sql down "SELECT id FROM v.w")" = 1
check "the status says so" \
	grep -q "1 with the target's user as definer" <<<"$(ctl query-status views --more)"
finish
