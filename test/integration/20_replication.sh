#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Replication from a position and from a GTID set: every type, keyed and
# keyless tables, keys that move, unique values that swap rows, DDL.
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

pos=$(sql up "SHOW MASTER STATUS" | cut -f1,2)
gtid=$(sql up "SELECT @@global.gtid_binlog_pos")
TASK_INSTANCE="  meta:
    binlog-name: $(cut -f1 <<<"$pos")
    binlog-pos: $(cut -f2 <<<"$pos")
  syncer-thread: 4"
yaml=$(task_yaml inc incremental down src1)
check "start-task incremental from a position" ctl start-task "$yaml"

sql_types up 0 types.sql
check "all types are inserted" wait_for 60 synced task_synced inc
check "and equal" same_schema up down types
sql_types up 0 types_change.sql
check "all types are updated and deleted" wait_for 60 synced task_synced inc
check "and equal" same_schema up down types
sql up "FLUSH BINARY LOGS"
check "a new binlog without a transaction is reached" \
	wait_for 30 synced task_synced inc

# metric PREFIX: the value of the worker's metric that begins so.
metric() {
	curl -fsS "http://127.0.0.1:${PORT[w1]}/metrics" |
		awk -v m="$1" 'index($0, m) == 1 { print $NF }'
}
jobs() {
	local type
	for type in insert update delete ddl; do
		metric "dm_syncer_finished_jobs_total{type=\"$type\",task=\"inc\",source_id=\"src1\",worker=\"w1\"}"
	done | tr '\n' ' '
}
read -r ins upd del ddl <<<"$(jobs)"
sql up "CREATE DATABASE m; USE m; CREATE TABLE t (id INT PRIMARY KEY, v INT);
 INSERT INTO t SELECT seq, 1 FROM seq_1_to_10; UPDATE t SET v=2 WHERE id<4;
 DELETE FROM t WHERE id>8" || exit 1
counted() {
	[ "$(jobs)" = "$((ins + 10)) $((upd + 3)) $((del + 2)) $((ddl + 2)) " ]
}
check "metrics count rows by what the source did" wait_for 30 "the counts" counted
at_source() {
	[ -n "$(metric 'dm_syncer_binlog_pos{node="syncer"')" ] &&
		[ "$(metric 'dm_syncer_binlog_pos{node="syncer"')" = \
			"$(metric 'dm_syncer_binlog_pos{node="master"')" ] &&
		[ "$(metric 'dm_syncer_binlog_file{node="syncer"')" = \
			"$(metric 'dm_syncer_binlog_file{node="master"')" ]
}
check "and tell both places" wait_for 30 "the places" at_source
check "and the stage" test "$(metric 'dm_worker_task_state{task="inc"')" = 2
sql up "DROP DATABASE m"

# The target closes idle sessions after the lease's 5 s: they come back.
sleep 7
sql up "CREATE DATABASE app; USE app;
 CREATE TABLE u (id INT PRIMARY KEY, a INT NOT NULL, b INT, UNIQUE KEY (a), UNIQUE KEY ab (a,b));
 INSERT INTO u SELECT seq, seq, seq FROM seq_1_to_200;
 CREATE TABLE plain (x INT, y VARCHAR(10));
 INSERT INTO plain SELECT seq MOD 3, 'r' FROM seq_1_to_100"
for i in $(seq 1 30); do
	echo "UPDATE u SET a=-1 WHERE id=$i; UPDATE u SET a=$i WHERE id=$((i + 1)) AND $i MOD 2;
	UPDATE u SET a=$((i + 1)) WHERE id=$i AND a=-1 AND $i MOD 2; UPDATE u SET a=$((i + 5000)) WHERE id=$i AND a=-1;
	UPDATE u SET id=id+1000 WHERE id=$i; UPDATE u SET id=$i WHERE id=$((i + 1000)); DELETE FROM u WHERE id=$((i + 100));
	INSERT INTO u VALUES ($((i + 300)), $((i + 100)), NULL); DELETE FROM plain WHERE x=1 LIMIT 1; UPDATE plain SET y='z' WHERE x=2 LIMIT 1;"
done >"$W/swap.sql"
mariadb --no-defaults -uroot -S "$W/up.sock" app <"$W/swap.sql"
check "keys move, unique values swap" wait_for 60 synced task_synced inc
check "and all is equal" same_schema up down app

sql up "USE app;
 ALTER TABLE u ADD COLUMN c VARCHAR(20) NOT NULL DEFAULT 'dflt' AFTER a, ADD INDEX (c);
 INSERT INTO u (id,a,c) VALUES (9001, 9001, 'new');
 ALTER TABLE u DROP INDEX ab, DROP COLUMN b, MODIFY c VARCHAR(40), CHANGE a aa BIGINT NOT NULL;
 UPDATE u SET c='after', aa=aa+100000 WHERE id<50;
 RENAME TABLE plain TO plain2, u TO u2; INSERT INTO u2 VALUES (9002,9002,'x');
 CREATE TABLE plain LIKE plain2; INSERT INTO plain VALUES (1,'again');
 TRUNCATE TABLE plain2; INSERT INTO plain2 VALUES (5,'t');
 CREATE TABLE sel AS SELECT * FROM u2 WHERE id < 20; INSERT INTO sel VALUES (1,1,'more');
 DROP INDEX c ON u2; CREATE UNIQUE INDEX nn ON u2 (aa);
 CREATE DATABASE gone; CREATE TABLE gone.t (i INT); DROP DATABASE gone;
 CREATE VIEW v AS SELECT 1; DROP VIEW v; ANALYZE TABLE u2; FLUSH TABLES"
check "DDL in order with its rows" wait_for 60 synced task_synced inc
check "and all is equal" same_schema up down app
check "the dropped database is gone" \
	test -z "$(sql down "SHOW DATABASES LIKE 'gone'")"
check "structures agree" test \
	"$(sql up "SHOW CREATE TABLE app.u2")" = "$(sql down "SHOW CREATE TABLE app.u2")"

check "pause-task" ctl pause-task inc
check "it is Paused" wait_for 10 Paused task_stage inc Paused
marks() { sql down "SELECT COUNT(DISTINCT binlog_name,binlog_pos) FROM dm_meta.dm_lane WHERE task='inc'"; }
check "a pause leaves all lanes at one place" test "$(marks)" = 1
sql up "INSERT INTO app.u2 VALUES (9003,9003,'paused')"
check "resume-task" ctl resume-task inc
check "it goes on" wait_for 30 synced task_synced inc
check "and all is equal" same_schema up down app
check "query-status --more shows our own fields" \
	bash -c "\"$BIN/dmctl\" --master-addr $MASTER query-status inc --more | grep -q unexpectedRows"
check "no statement matched another number of rows" \
	bash -c "\"$BIN/dmctl\" --master-addr $MASTER query-status inc --more | grep -q '\"unexpectedRows\": \"0\"'"
check "stop-task" ctl stop-task inc
check "there is no task any more" \
	bash -c "! \"$BIN/dmctl\" --strict --master-addr $MASTER query-status inc"

sql down "DROP DATABASE IF EXISTS types; DROP DATABASE app"
TASK_INSTANCE="  meta:
    binlog-gtid: '$gtid'"
yaml=$(task_yaml bygtid incremental down src1)
check "start-task from a GTID set" ctl start-task "$yaml" --remove-meta
check "it replays everything" wait_for 90 synced task_synced bygtid
check "types are equal" same_schema up down types
check "app is equal" same_schema up down app

more() { ctl query-status bygtid --more >"$W/more.out"; }
sql down "DELETE FROM app.u2 WHERE id=9001"
sql up "UPDATE app.u2 SET c='one' WHERE id=9001"
check "a row that the target lost" wait_for 30 synced task_synced bygtid
more
check "is counted" grep -q '"unexpectedRows": "1"' "$W/more.out"
check "and shown" grep -q 'unexpectedSample.*9001' "$W/more.out"
check "stop-task" ctl stop-task bygtid
sql down "INSERT INTO app.u2 VALUES (9001,9001,'one'); DELETE FROM app.u2 WHERE id=9002"
TASK_EXTRA="syncers:
  global:
    strict: true
    worker-count: 4"
TASK_INSTANCE=$TASK_INSTANCE"
  syncer-config-name: global"
check "start-task with strict, and other lanes" \
	ctl start-task "$(task_yaml bygtid incremental down src1)"
sql up "BEGIN; UPDATE app.u2 SET c='two' WHERE id=9002;
 INSERT INTO app.u2 VALUES (9004,9004,'with it'); COMMIT"
differs() { ctl query-status bygtid >"$W/status.out" && grep -q '"ErrCode": 36908' "$W/status.out"; }
check "it stops at such a row" wait_for 30 36908 differs
check "which is named" grep -q 'RawCause.*matched 0 rows.*9002' "$W/status.out"
sql down "INSERT INTO app.u2 VALUES (9002,9002,'x')"
check "resume-task when it was mended" ctl resume-task bygtid
check "it goes on" wait_for 30 synced task_synced bygtid
check "nothing was passed over" same_schema up down app
finish
