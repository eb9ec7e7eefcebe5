#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Bad input and bad servers: each is told what, where, why and what to do, and
# nothing is stored or skipped.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

source_up up || exit 1
mariadb_up down || exit 1
master_up m1 || exit 1
worker_up w1 --keepalive-ttl 5 || exit 1

# ---- files ----
printf 'source-id: s\nfrom:\n  host: h\n  prot: 3306\n  user: u\nfrom: {}\n' >"$W/bad.yaml"
refuse "a duplicate key is named with its line" "bad.yaml|:6|duplicate" \
	ctl operate-source create "$W/bad.yaml"
printf 'source-id: s\nfrom:\n  host: h\n  prot: 3306\n  user: 5x\n  port: notanumber\n' >"$W/bad.yaml"
refuse "an unknown key is named with its line" "4:.*prot" \
	ctl operate-source create "$W/bad.yaml"
refuse "all problems come at once" "6:.*port" \
	ctl operate-source create "$W/bad.yaml"
refuse "a file that does not exist" "no such file" \
	ctl operate-source create "$W/nowhere.yaml"
check "no source was stored" \
	bash -c "! \"$BIN/dmctl\" --master-addr $MASTER operate-source show | grep -q source-id"
printf 'name = "x"\nunknown-thing = 1\n' >"$W/m.toml"
refuse "an unknown item of dm-master.toml" "unknown-thing" \
	"$BIN/dm-master" --config "$W/m.toml"
printf 'name = "x\n' >"$W/m.toml"
refuse "a broken dm-worker.toml is named with its line" "1" \
	"$BIN/dm-worker" --config "$W/m.toml"

# ---- sources ----
yaml=$(source_yaml src1 up)
sed 's/dm secret/wrong/' "$yaml" >"$W/wrong.yaml"
refuse "a wrong password" "1045.*Access denied" \
	ctl operate-source create "$W/wrong.yaml"
sed "s/port: .*/port: 1/" "$yaml" >"$W/wrong.yaml"
refuse "a source that cannot be reached" "10001.*onnect" \
	ctl operate-source create "$W/wrong.yaml"
check "operate-source create" ctl operate-source create "$yaml"

# ---- tasks ----
sql up "CREATE DATABASE app; CREATE TABLE app.t (id INT PRIMARY KEY, v INT); INSERT INTO app.t VALUES (1,1)"
good=$(task_yaml t1 all down src1)
sed 's/src1/nobody/' "$good" >"$W/t.yaml"
refuse "a source nobody knows" "nobody" ctl start-task "$W/t.yaml"
sed 's/task-mode: all/task-mode: sometimes/' "$good" >"$W/t.yaml"
refuse "a task-mode that does not exist" "20020" ctl start-task "$W/t.yaml"
printf 'routes:\n  r: {schema-pattern: a, target-schema: b}\n' | cat "$good" - >"$W/t.yaml"
refuse "a rule that nobody uses" "20038" ctl start-task "$W/t.yaml"
sed 's/^mysql-instances:/mysql-instances:\n- source-id: src1\n  route-rules: [none]/' "$good" >"$W/t.yaml"
refuse "a duplicate instance" "20014|same source-id" ctl start-task "$W/t.yaml"
refuse "and a dangling name in the same report" "none" ctl start-task "$W/t.yaml"
sed 's/^mysql-instances:/mysql-instances: [/' "$good" >"$W/t.yaml"
refuse "broken YAML" "20003" ctl start-task "$W/t.yaml"
check "no task was stored" \
	bash -c "\"$BIN/dmctl\" --master-addr $MASTER query-status | grep -q '\"tasks\": \[\]'"

# ---- settings of the source ----
sql up "SET GLOBAL binlog_row_image=MINIMAL"
refuse "binlog_row_image=MINIMAL" "binlog_row_image" ctl start-task "$good"
sql up "SET GLOBAL binlog_row_image=FULL; SET GLOBAL binlog_format=STATEMENT"
refuse "binlog_format=STATEMENT" "binlog_format" ctl start-task "$good"
sql up "SET GLOBAL binlog_format=ROW; CREATE USER few@'%' IDENTIFIED BY 'f'; GRANT SELECT ON *.* TO few@'%'"
sed -e 's/src1/src2/' -e 's/user: dm/user: few/' -e 's/"dm secret"/f/' "$yaml" >"$W/few.yaml"
check "a second worker" worker_up w2 --keepalive-ttl 5
check "a source with few privileges" ctl operate-source create "$W/few.yaml"
few=$(task_yaml t2 all down src2)
refuse "missing privileges are named" "REPLICATION|replication" ctl start-task "$few"
mariadb_up nolog --server-id=9
sed -e 's/src1/src3/' -e "s/port: .*/port: ${PORT[nolog]}/" "$yaml" >"$W/nolog.yaml"
check "a third worker" worker_up w3 --keepalive-ttl 5
ctl operate-source create "$W/nolog.yaml" >/dev/null 2>&1
refuse "log_bin=OFF" "log_bin|binlog" ctl start-task "$(task_yaml t3 all down src3)"

# ---- while it runs ----
check "start-task" ctl start-task "$good"
check "it catches up" wait_for 60 synced task_synced t1
paused_with() { ctl query-status t1 | tr '\n' ' ' | grep -qE "\"stage\": \"Paused\".*$1"; }
sql up "CREATE TABLE app.w (id INT PRIMARY KEY, w INT NOT NULL DEFAULT 3);
 SET SESSION binlog_row_image=MINIMAL; INSERT INTO app.w (id) VALUES (9)"
check "a row image that is not full pauses the task" \
	wait_for 30 paused paused_with 11126
check "stop-task" ctl stop-task t1
sql down "DROP DATABASE app"
check "start anew" ctl start-task "$good" --remove-meta
check "it catches up" wait_for 60 synced task_synced t1
sql down "ALTER TABLE app.t DROP COLUMN v"
kill9 w1; kill9 w2; kill9 w3; worker_up w1 --keepalive-ttl 5; worker_up w2 --keepalive-ttl 5; worker_up w3 --keepalive-ttl 5
sql up "INSERT INTO app.t VALUES (2,2)"
check "a target table with fewer columns pauses the task" \
	wait_for 60 paused paused_with 36027
check "the error has a workaround" wait_for 10 "it" paused_with '"Workaround": "add the column'
sql down "ALTER TABLE app.t ADD COLUMN v INT; UPDATE app.t SET v=2 WHERE id=1"
check "resume-task" ctl resume-task t1
check "it goes on" wait_for 60 synced task_synced t1
sql up "SET SESSION binlog_format=STATEMENT; INSERT INTO app.t VALUES (3,3)"
check "a statement in the binlog pauses the task" \
	wait_for 30 paused paused_with 36014
check "nothing was skipped" test "$(sql down "SELECT COUNT(*) FROM app.t")" = 2
check "stop-task" ctl stop-task t1
sql up "FLUSH BINARY LOGS; FLUSH BINARY LOGS"
TASK_INSTANCE="  meta: {binlog-name: mysql-bin.000001, binlog-pos: 4}"
# Files that a dump still reads stay; the stopped task's ends within seconds.
purged() {
	sql up "PURGE BINARY LOGS TO '$(sql up "SHOW MASTER STATUS" | cut -f1)'"
	! sql up "SHOW BINARY LOGS" | grep -q 000001
}
check "the first file is purged" wait_for 20 "purge" purged
refuse "a purged position" "000001|purged" \
	ctl start-task "$(task_yaml t4 incremental down src1)" --remove-meta
finish
