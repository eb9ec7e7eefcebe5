#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# binlog skip, replace, inject, revert, list and handle-error; binlog-schema:
# at errors, at positions to come, across kills, and what they refuse.
# shellcheck disable=SC2016 # the names in `` are MySQL's
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init
# shellcheck source=test/support/clients.sh
. "$(dirname "$0")/../support/clients.sh"

source_up up || exit 1
source_up up2 || exit 1
mariadb_up down || exit 1
master_up m1 || exit 1
worker_up w1 --keepalive-ttl 5 --max-sources 2 || exit 1
for s in "src1 up" "src2 up2"; do
	# shellcheck disable=SC2086 # an id and a server
	check "operate-source create $s" ctl operate-source create "$(source_yaml $s)"
done

# says WHAT PATTERN COMMAND...: the answer has the pattern, whatever the status.
says() {
	local what=$1 pattern=$2 out
	shift 2
	out=$("$@" 2>&1)
	grep -qE -- "$pattern" <<<"$out"
	tap $? "$what"
	grep -qE -- "$pattern" <<<"$out" || comment "wanted: $pattern" "$out"
}

# Where the source's binlog ends: the next transaction begins there.
end_of() {
	binlog_end "$1" | awk '{ print $1 ":" $2 }'
}

# stopped TASK TEXT: it is paused by an error with this text.
stopped() {
	ctl query-status "$1" >"$W/status.out"
	grep -q '"stage": "Paused"' "$W/status.out" &&
		grep -qE -- "$2" "$W/status.out"
}

sql up "CREATE DATABASE ops; USE ops;
 CREATE TABLE s (id INT PRIMARY KEY, a INT, b INT);
 CREATE TABLE r (id INT PRIMARY KEY, a INT, b INT);
 CREATE TABLE i (id INT PRIMARY KEY, a INT, b INT);
 CREATE TABLE f (id INT PRIMARY KEY, a INT, b INT);
 INSERT INTO s VALUES (1,1,1); INSERT INTO r VALUES (1,1,1);
 INSERT INTO i VALUES (1,1,1); INSERT INTO f VALUES (1,1,1)"
sql up2 "CREATE DATABASE two; CREATE TABLE two.t (id INT PRIMARY KEY, a INT)"
TASK_EXTRA='block-allow-list: {ours: {do-dbs: [ops, two]}}'
TASK_INSTANCE="  block-allow-list: ours"
yaml=$(task_yaml ops all down src1 src2)
check "start-task" ctl start-task "$yaml"
check "the copy is done" wait_for 60 synced task_synced ops
check "and equal" same_schema up down ops

# ---- what is refused ----

says "without an error nothing can be handled" "source 'src1' has no error" \
	ctl binlog skip ops -s src1
says "nor listed without a position" "source 'src1' has no error" \
	ctl binlog list ops
refuse "an unknown task" "task nope has no source or not exist, please check the task name and status" \
	ctl binlog skip nope
says "an unknown task of a source" "code=40054.*sub task with name nope not found" \
	ctl binlog skip nope -s src1
says "an unknown source" "source gone relevant worker-client not found" \
	ctl binlog skip ops -s gone
says "a position that is no position" "code=11118.*the format should be filename:pos" \
	ctl binlog skip ops -b mysql-bin.000001
says "a position that is done" 'code=11118.*invalid --binlog-pos \(mysql-bin.000001, 4\) in handle-error operation: all events before \(mysql-bin.000001, [0-9]+\) were already replicated' \
	ctl binlog skip ops -s src1 -b mysql-bin.000001:4
next=$(end_of up)
says "rows cannot be given" "code=36064.*only support replace or inject with DDL currently" \
	ctl binlog replace ops -s src1 -b "$next" "INSERT INTO ops.s VALUES (9,9,9)"
says "a table needs its schema" "code=36024.*injected DDL ALTER TABLE s ADD c INT without schema name not valid" \
	ctl binlog inject ops -s src1 -b "$next" "ALTER TABLE s ADD c INT"
says "nothing to revert" "code=36065.*error operator not exist, position: \(mysql-bin.000001, [0-9]+\)" \
	ctl binlog revert ops -s src1 -b "$next"
says "binlog-schema needs a source" "must specify at least one source" \
	ctl binlog-schema list ops ops s
says "binlog-schema of a running task" "code=40051.*current stage is Running but not paused, invalid" \
	ctl binlog-schema list ops ops s -s src1

# ---- at an error ----

sql down "ALTER TABLE ops.s ADD INDEX k (b)"
sql up "ALTER TABLE ops.s ADD INDEX k (a); INSERT INTO ops.s VALUES (2,2,2)"
check "a DDL that the target refuses pauses the task" \
	wait_for 30 paused stopped ops "Duplicate key name 'k'"
check "the status has its place and its text" grep -qE \
	'startLocation: \[position: \(mysql-bin.000001, [0-9]+\)\], endLocation: \[position: \(mysql-bin.000001, [0-9]+\)\], origin SQL: \[ALTER TABLE ops.s ADD INDEX k \(a\)\]' \
	"$W/status.out"
check "and what can be done" grep -q 'binlog skip' "$W/status.out"
check "binlog skip" ctl binlog skip ops -s src1
check "the task goes on by itself" wait_for 30 synced task_synced ops
check "rows behind it arrive" same_table up down ops s
check "the target's index is the one it had" \
	test "$(sql down "SELECT column_name FROM information_schema.statistics WHERE table_schema='ops' AND table_name='s' AND index_name='k'")" = b
check "the event is counted as skipped" bash -c \
	"\"$BIN/dmctl\" --master-addr $MASTER query-status ops -s src1 --more | grep -q '\"skippedEvents\": \"1\"'"
check "and logged" grep -q "a binlog event was skipped as told.*ADD INDEX k" "$W/w1.log"
check "nothing is left over" test \
	"$(sql down "SELECT COUNT(*) FROM dm_meta.dm_operator")" = 0

sql down "ALTER TABLE ops.r ADD INDEX k (b)"
sql up "ALTER TABLE ops.r ADD COLUMN c INT, ADD INDEX k (a); INSERT INTO ops.r VALUES (2,2,2,2)"
check "another one" wait_for 30 paused stopped ops "Duplicate key name 'k'"
check "binlog replace by two" ctl binlog replace ops -s src1 \
	"ALTER TABLE ops.r ADD COLUMN c INT; ALTER TABLE ops.r ADD INDEX k2 (a);"
check "the task goes on" wait_for 30 synced task_synced ops
check "rows are equal" same_table up down ops r
check "both statements were run" \
	test "$(sql down "SELECT GROUP_CONCAT(index_name ORDER BY index_name) FROM information_schema.statistics WHERE table_schema='ops' AND table_name='r'")" = k,k2,PRIMARY

# The second of three is refused: the first is not run again.
sql down "ALTER TABLE ops.r ADD INDEX m (b)"
sql up "ALTER TABLE ops.r ADD COLUMN d INT, ADD INDEX m (a); INSERT INTO ops.r VALUES (3,3,3,3,3)"
check "one more" wait_for 30 paused stopped ops "Duplicate key name 'm'"
check "handle-error, the old name" ctl handle-error ops -s src1 replace \
	"ALTER TABLE ops.r ADD COLUMN d INT; ALTER TABLE ops.r ADD INDEX m (a); ALTER TABLE ops.r ADD INDEX m3 (a)"
check "its second statement is refused" \
	wait_for 30 paused stopped ops "Duplicate key name 'm'"
sql down "ALTER TABLE ops.r DROP INDEX m"
check "resume-task" ctl resume-task ops -s src1
check "the others are run" wait_for 30 synced task_synced ops
check "rows are equal" same_table up down ops r
check "all three are there" \
	test "$(sql down "SELECT GROUP_CONCAT(DISTINCT index_name ORDER BY index_name) FROM information_schema.statistics WHERE table_schema='ops' AND table_name='r'")" = k,k2,m,m3,PRIMARY

sql down "ALTER TABLE ops.i ADD INDEX k (b)"
sql up "ALTER TABLE ops.i ADD INDEX k (a); INSERT INTO ops.i VALUES (2,2,2)"
check "and one more" wait_for 30 paused stopped ops "Duplicate key name 'k'"
check "binlog inject" ctl binlog inject ops -s src1 "ALTER TABLE ops.i DROP INDEX k"
check "then the event itself goes well" wait_for 30 synced task_synced ops
check "rows are equal" same_table up down ops i
check "the index is the source's" \
	test "$(sql down "SELECT column_name FROM information_schema.statistics WHERE table_schema='ops' AND table_name='i' AND index_name='k'")" = a

# A row that the target refuses: only inject.
sql down "ALTER TABLE ops.i MODIFY a TINYINT"
sql up "INSERT INTO ops.i VALUES (3,300,3)"
check "a row that the target refuses" \
	wait_for 30 paused stopped ops "Out of range value"
says "it is not skipped" "only support to handle ddl error currently" \
	ctl binlog skip ops -s src1
check "but a statement can be run before it" \
	ctl binlog inject ops -s src1 "ALTER TABLE ops.i MODIFY a INT"
check "so that it passes" wait_for 30 synced task_synced ops
check "rows are equal" same_table up down ops i

# ---- at a position to come ----

next=$(end_of up)
check "skip at a position to come" ctl binlog skip ops -s src1 -b "$next"
says "it is listed" "\\[\\{.*op.*:1,.*task.*:.*ops.*,.*binlogPos.*mysql-bin.000001, ${next#*:}" \
	ctl binlog list ops -s src1 -b "$next"
sql up "ALTER TABLE ops.f ADD INDEX never (a); INSERT INTO ops.f VALUES (2,2,2)"
check "the task goes on" wait_for 30 synced task_synced ops
check "rows are equal" same_table up down ops f
check "the statement was not run" \
	test "$(sql down "SELECT COUNT(*) FROM information_schema.statistics WHERE index_name='never'")" = 0
says "nothing is listed" '"msg": "\[\]"' ctl binlog list ops -s src1 -b mysql-bin.000001:4

next=$(end_of up)
check "replace at a position to come" ctl binlog replace ops -s src1 -b "$next" \
	"ALTER TABLE ops.f ADD COLUMN c BIGINT; ALTER TABLE ops.f ADD INDEX instead (a)"
kill9 w1
worker_up w1 --keepalive-ttl 5 --max-sources 2
sql up "ALTER TABLE ops.f ADD COLUMN c INT; INSERT INTO ops.f VALUES (3,3,3,3)"
check "it is known after a kill" wait_for 60 synced task_synced ops
check "rows are equal" same_table up down ops f
check "the others were run" test \
	"$(sql down "SELECT data_type FROM information_schema.columns WHERE table_schema='ops' AND table_name='f' AND column_name='c'")" = bigint

next=$(end_of up)
check "skip once more" ctl binlog skip ops -s src1 -b "$next"
says "with what replaces it" '"result": true' ctl binlog replace ops -s src1 \
	-b "$next" "ALTER TABLE ops.f ADD INDEX wrong (a)"
says "the later one counts" 'op.*:2.*sqls.*ADD INDEX wrong' \
	ctl binlog list ops -s src1 -b "$next"
check "binlog revert" ctl binlog revert ops -s src1 -b "$next"
says "it is gone" '"msg": "\[\]"' ctl binlog list ops -s src1 -b "$next"
sql up "ALTER TABLE ops.f ADD INDEX own (b)"
check "the task goes on" wait_for 30 synced task_synced ops
check "with the source's statement" \
	test "$(sql down "SELECT GROUP_CONCAT(index_name) FROM information_schema.statistics WHERE index_name IN ('own','wrong')")" = own

next=$(end_of up)
check "skip where rows will be" ctl binlog skip ops -s src1 -b "$next"
sql up "INSERT INTO ops.f VALUES (4,4,4,4)"
check "the task goes on" wait_for 30 synced task_synced ops
check "rows are not skipped" same_table up down ops f
check "which is logged" grep -q "only DDL statements are skipped or replaced" "$W/w1.log"

check "pause-task" ctl pause-task ops
next=$(end_of up)
sql up "ALTER TABLE ops.f ADD COLUMN late INT; INSERT INTO ops.f VALUES (5,5,5,5,5)"
place=$(sql up "SHOW BINLOG EVENTS IN '${next%:*}' FROM ${next#*:}" |
	awk '$3 == "Query" && /late/ { print $1 ":" $2; exit }')
check "inject into a paused task" ctl binlog inject ops -s src1 -b "$place" \
	"CREATE TABLE ops.more (id INT PRIMARY KEY)"
check "the task is resumed" wait_for 30 synced task_synced ops
check "rows are equal" same_table up down ops f
check "and the table is there" \
	test "$(sql down "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='ops' AND table_name='more'")" = 1
check "the other source was left alone" \
	bash -c "\"$BIN/dmctl\" --master-addr $MASTER query-status ops -s src2 | grep -q Paused"
check "resume-task" ctl resume-task ops

# Killed in the middle of a given statement: before it, and behind it.
stop w1
export DM_FAILPOINT=$W/failpoint
for point in ddl-run ddl-done; do
	WORKER_BIN=$BIN/dm-worker-failpoints worker_up w1 --keepalive-ttl 5 \
		--max-sources 2
	check "$point: the task runs" wait_for 60 synced task_synced ops
	next=$(end_of up)
	echo "$point:kill" >"$DM_FAILPOINT"
	check "$point: two statements instead" ctl binlog replace ops -s src1 \
		-b "$next" "ALTER TABLE ops.s ADD COLUMN \`$point\` INT;
		ALTER TABLE ops.s ADD INDEX \`$point\` (a)"
	sql up "ALTER TABLE ops.s ADD COLUMN \`$point\` INT, ADD INDEX \`$point\` (b);
		INSERT INTO ops.s (id,a,\`$point\`) SELECT MAX(id)+1, 5, 5 FROM ops.s"
	check "$point: it is killed" wait_for 30 "$point" test ! -e "$DM_FAILPOINT"
	wait "${PID[w1]}" 2>/dev/null
	check "$point: what was begun is still there" test \
		"$(sql down "SELECT CONCAT(op,' ',done) FROM dm_meta.dm_operator")" = "2 0"
	WORKER_BIN=$BIN/dm-worker-failpoints worker_up w1 --keepalive-ttl 5 \
		--max-sources 2
	check "$point: the next run ends it" wait_for 60 synced task_synced ops
	check "$point: rows are equal" same_table up down ops s
	check "$point: with the given index" test \
		"$(sql down "SELECT GROUP_CONCAT(column_name) FROM information_schema.statistics WHERE table_schema='ops' AND table_name='s' AND index_name='$point'")" = a
	check "$point: nothing is left over" test \
		"$(sql down "SELECT COUNT(*) FROM dm_meta.dm_operator")" = 0
	stop w1
done
unset DM_FAILPOINT
worker_up w1 --keepalive-ttl 5 --max-sources 2

# ---- structures ----

check "pause-task" ctl pause-task ops
says "binlog-schema list" 'CREATE TABLE `f` \(`id` int\(11\) NOT NULL' \
	ctl binlog-schema list ops ops f -s src1
says "of a table that has had no DDL" 'CREATE TABLE `t` \(`id` int\(11\) NOT NULL' \
	ctl operate-schema get ops -s src2 -d two -t t
says "of a table that nobody has" "code=44007.*cannot fetch downstream table schema of \`ops\`.\`none\`" \
	ctl binlog-schema list ops ops none -s src1
echo "ALTER TABLE ops.f ADD x INT" >"$W/bad.sql"
says "update wants a CREATE TABLE" "code=44009.*is not a valid \`CREATE TABLE\` statement" \
	ctl binlog-schema update ops ops f "$W/bad.sql" -s src1
says "from a table that the target lacks" "code=36070.*downstream table \`ops\`.\`none\` not found" \
	ctl binlog-schema update ops ops none --from-target -s src1
says "from a table that the source lacks" "doesn't exist" \
	ctl binlog-schema update ops ops none --from-source -s src1
check "update from the source" \
	ctl binlog-schema update ops ops f --from-source -s src1 --flush --sync
check "protoc makes a client" stubs
check "python: lists of a task's schemas, tables and targets" \
	py master lists-of-schemas "$MASTER" ops src1
check "update from the target" \
	ctl binlog-schema update ops ops r --from-target -s src1
says "which is shown" 'KEY `m3`' ctl binlog-schema list ops ops r -s src1
check "delete" ctl binlog-schema delete ops ops r -s src1
says "then it is the target's again" 'KEY `m3`' \
	ctl binlog-schema list ops ops r -s src1
check "resume-task" ctl resume-task ops
sql up "INSERT INTO ops.r VALUES (7,7,7,7,7); INSERT INTO ops.f VALUES (7,7,7,7,7)"
check "the task goes on with them" wait_for 30 synced task_synced ops
check "of r" same_table up down ops r
check "of f" same_table up down ops f
check "stop-task" ctl stop-task ops

# A start before an ALTER, into a table that has had it.
sql up "CREATE DATABASE inc; CREATE TABLE inc.t (id INT PRIMARY KEY, a INT)"
pos=$(end_of up)
sql up "INSERT INTO inc.t VALUES (1,1),(2,2); ALTER TABLE inc.t ADD COLUMN b INT AFTER id;
 INSERT INTO inc.t VALUES (3,3,3)"
sql down "CREATE DATABASE inc; CREATE TABLE inc.t (id INT PRIMARY KEY, b INT, a INT)"
TASK_EXTRA='block-allow-list: {ours: {do-dbs: [inc]}}'
TASK_INSTANCE="  block-allow-list: ours
  meta: {binlog-name: ${pos%:*}, binlog-pos: ${pos#*:}}"
yaml=$(task_yaml inc incremental down src1)
check "start-task before an ALTER" ctl start-task "$yaml"
check "the rows do not fit the target's structure" wait_for 30 paused stopped inc 36027
echo "CREATE TABLE t (id INT PRIMARY KEY, a INT);" >"$W/t.sql"
check "binlog-schema update" ctl binlog-schema update inc inc t "$W/t.sql" -s src1
says "is shown at once" 'CREATE TABLE `t` \(`id` int NOT NULL, `a` int' \
	ctl binlog-schema list inc inc t -s src1
kill9 w1
worker_up w1 --keepalive-ttl 5 --max-sources 2
check "the rows before it arrive, and the ALTER is refused" \
	wait_for 60 paused stopped inc "Duplicate column name 'b'"
check "skip it" ctl binlog skip inc
check "all arrives" wait_for 30 synced task_synced inc
check "and is equal" same_schema up down inc

# ---- workers that do not answer ----

kill -STOP "${PID[w1]}"
says "a worker that hangs" "code=38008.*(has not answered within|was lost before it answered|is not connected)" \
	ctl binlog skip inc -b "$(end_of up)"
kill -KILL "${PID[w1]}"
wait_for 30 "w1 is offline" bash -c "\"$BIN/dmctl\" --master-addr $MASTER list-member --worker | grep -q offline"
says "a source without a worker" "source src1 relevant worker-client not found" \
	ctl binlog skip inc
finish
