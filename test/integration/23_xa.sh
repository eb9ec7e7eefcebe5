#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# XA transactions and savepoints of MariaDB and MySQL: prepared rows arrive with
# XA COMMIT and not before, once, whatever is killed in between.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

mariadb_up down || exit 1
master_up m1 || exit 1
worker_up w1 --keepalive-ttl 5 || exit 1
worker_up w2 --keepalive-ttl 5 || exit 1

# One of them has the source.
restart_worker() {
	local w
	for w in w1 w2; do
		kill9 $w
		worker_up $w --keepalive-ttl 5
	done
}

# prepare SERVER ID STATEMENTS: an XA transaction up to XA PREPARE, which
# outlives its connection.
prepare() {
	sql "$1" "USE xa; XA START '$2'; $3; XA END '$2'; XA PREPARE '$2'"
}

prepared_rows() {
	test "$(sql down "SELECT COUNT(*) FROM dm_meta.dm_xa")" = "$1"
}

# shows TASK TEXT
shows() {
	"$BIN/dmctl" --master-addr "$MASTER" query-status "$1" | grep -q "$2"
}

equal() {
	wait_for 60 "synced" task_synced "$1" "$2" && same_schema "$2" down xa
}

# purge SERVER FILE: all files before it are gone. Those that a dump still sends
# stay, also while the server has not noticed that its client was killed.
purge() {
	sql "$1" "PURGE BINARY LOGS TO '$2'"
	[ "$(sql "$1" "SHOW BINARY LOGS" | cut -f1 | sed -n 1p)" = "$2" ]
}

# xa_of SERVER SOURCE-ID TASK
xa_of() {
	local s=$1 task=$3 pid i yaml at
	sql "$s" "CREATE DATABASE xa; USE xa;
		CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40));
		CREATE TABLE u (id INT PRIMARY KEY, v INT, UNIQUE KEY (v));
		CREATE TABLE nokey (a INT, b VARCHAR(20));
		CREATE TABLE other (id INT PRIMARY KEY);
		CREATE DATABASE xb; CREATE TABLE xb.left_out (id INT PRIMARY KEY);
		INSERT INTO t VALUES (1,'a'),(2,'b'),(3,'c'); INSERT INTO u VALUES (1,1)"
	check "$s: operate-source create" \
		ctl operate-source create "$(source_yaml "$2" "$s")"
	TASK_EXTRA="block-allow-list:
  ours: {do-dbs: [xa]}"
	TASK_INSTANCE="  block-allow-list: ours"
	yaml=$(task_yaml "$task" all down "$2")
	check "$s: start-task" ctl start-task "$yaml"
	check "$s: it catches up" wait_for 60 synced task_synced "$task" "$s"

	prepare "$s" p1 "INSERT INTO t VALUES (10,'xa'); UPDATE t SET v='xa' WHERE id=1; DELETE FROM t WHERE id=2;
		INSERT INTO u VALUES (2,2); INSERT INTO nokey VALUES (1,'xa'),(1,'xa'); INSERT INTO xb.left_out VALUES (1)"
	sql "$s" "INSERT INTO xa.t VALUES (20,'plain'); INSERT INTO xa.nokey VALUES (2,'plain')"
	check "$s: prepared rows do not come, those behind them do" equal "$task" "$s"
	check "$s: where it begins is kept" wait_for 10 "it" prepared_rows 1
	restart_worker
	sql "$s" "INSERT INTO xa.nokey VALUES (3,'plain'); ALTER TABLE xa.other ADD COLUMN n INT; INSERT INTO xa.other VALUES (1,1)"
	check "$s: nor after a kill of the worker" equal "$task" "$s"
	restart_worker
	prepare "$s" p2 "INSERT INTO nokey VALUES (5,'p2'); INSERT INTO u VALUES (5,5)"
	sql "$s" "INSERT INTO xa.other VALUES (2,2)"
	check "$s: nor after another, past a DDL" equal "$task" "$s"
	check "$s: two are kept" wait_for 10 "them" prepared_rows 2
	restart_worker
	sql "$s" "XA COMMIT 'p1'"
	check "$s: they come with XA COMMIT" equal "$task" "$s"
	check "$s: once" test "$(sql down "SELECT COUNT(*) FROM xa.nokey WHERE b='xa'")" = 2
	check "$s: what is decided is not kept" wait_for 30 swept prepared_rows 1
	sql "$s" "XA ROLLBACK 'p2'; INSERT INTO xa.u VALUES (6,5)"
	check "$s: XA ROLLBACK drops them" equal "$task" "$s"
	check "$s: nothing is kept" wait_for 30 swept prepared_rows 0

	sql "$s" "USE xa; XA START 'one'; INSERT INTO t VALUES (30,'one'); INSERT INTO nokey VALUES (30,'one'); XA END 'one'; XA COMMIT 'one' ONE PHASE;
		XA START 'none'; XA END 'none'; XA PREPARE 'none'; XA COMMIT 'none';
		XA START 'bq','branch',77; INSERT INTO t VALUES (31,'bq'); XA END 'bq','branch',77; XA PREPARE 'bq','branch',77; XA COMMIT 'bq','branch',77;
		XA START 'sp'; INSERT INTO t VALUES (32,'sp'); SAVEPOINT s1; INSERT INTO t VALUES (33,'sp'); ROLLBACK TO s1; INSERT INTO t VALUES (34,'sp'); XA END 'sp'; XA PREPARE 'sp'; XA COMMIT 'sp';
		BEGIN; INSERT INTO t VALUES (35,'plain'); SAVEPOINT s1; INSERT INTO t VALUES (36,'plain'); ROLLBACK TO s1; INSERT INTO t VALUES (37,'plain'); COMMIT"
	check "$s: one phase, empty ones, branches, savepoints" equal "$task" "$s"

	# The source itself goes down in between.
	prepare "$s" down1 "INSERT INTO t VALUES (40,'down'); INSERT INTO nokey VALUES (40,'down')"
	sql "$s" "FLUSH BINARY LOGS; INSERT INTO xa.nokey VALUES (41,'plain')"
	check "$s: prepared, in a file before" equal "$task" "$s"
	stop "$s"
	"${s}_again"
	ctl resume-task "$task" >"$W/resume.out" 2>&1
	sql "$s" "INSERT INTO xa.nokey VALUES (42,'plain')"
	check "$s: the source comes back" equal "$task" "$s"
	sql "$s" "XA COMMIT 'down1'"
	check "$s: and what it had prepared is committed" equal "$task" "$s"

	# Kills at any moment, the transactions of three sessions mixed. No key:
	# a row that came twice would stay.
	for i in 1 2 3; do
		for j in $(seq 1 40); do
			echo "XA START 'w$i-$j'; INSERT INTO nokey VALUES ($i,'w$j'),($i,'w$j'); INSERT INTO t VALUES ($((i * 1000 + j)),'w') ; XA END 'w$i-$j'; XA PREPARE 'w$i-$j'; DO SLEEP(0.05); INSERT INTO nokey VALUES ($i,'plain');
			XA $([ $((j % 3)) = 0 ] && echo ROLLBACK || echo COMMIT) 'w$i-$j';" | sed "s/INSERT INTO nokey VALUES ($i,'plain');//"
		done | mariadb --no-defaults -uroot -S "$W/$s.sock" xa &
		pid[i]=$!
	done
	for i in 1 2 3; do
		sleep 1
		restart_worker
	done
	wait "${pid[@]}"
	check "$s: each once, whatever is killed" equal "$task" "$s"
	check "$s: nothing is kept" wait_for 30 swept prepared_rows 0

	# The source purges what a prepared one needs.
	prepare "$s" lost "INSERT INTO t VALUES (60,'lost')"
	sql "$s" "FLUSH BINARY LOGS; INSERT INTO xa.nokey VALUES (60,'plain')"
	check "$s: prepared, and purged" equal "$task" "$s"
	wait_for 10 "its place" prepared_rows 1
	at=$(sql down "SELECT CONCAT(binlog_name, ':', binlog_pos) FROM dm_meta.dm_xa")
	kill9 w1
	kill9 w2
	wait_for 20 "the purge" purge "$s" "$(binlog_end "$s" | cut -f1)"
	worker_up w1 --keepalive-ttl 5
	worker_up w2 --keepalive-ttl 5
	check "$s: that stops the task" wait_for 60 36905 shows "$task" '"ErrCode": 36905'
	check "$s: it names the transaction" wait_for 10 "it" shows "$task" "X'6c6f7374',X'',1, prepared at"
	check "$s: and the way out" wait_for 10 "it" shows "$task" "binlog skip $task --binlog-pos $at"
	sql "$s" "XA ROLLBACK 'lost'"
	check "$s: binlog skip forgets it" ctl binlog skip "$task" --binlog-pos "$at"
	sql "$s" "INSERT INTO xa.nokey VALUES (61,'plain')"
	check "$s: it goes on" equal "$task" "$s"
	check "$s: nothing is kept" wait_for 30 swept prepared_rows 0
	check "$s: no statement matched another number of rows" \
		bash -c "\"$BIN/dmctl\" --master-addr $MASTER query-status $task --more | grep -q '\"unexpectedRows\": \"0\"'"
	check "$s: stop-task" ctl stop-task "$task"

	# Prepared before the task began.
	prepare "$s" early "INSERT INTO t VALUES (50,'early')"
	sql "$s" "USE xa; CREATE TABLE after (id INT PRIMARY KEY)"
	TASK_INSTANCE="  block-allow-list: ours
  meta:
$(binlog_end "$s" | awk '{ printf "    binlog-name: %s\n    binlog-pos: %s", $1, $2 }')"
	sql down "CREATE TABLE xa.after (id INT PRIMARY KEY)"
	yaml=$(task_yaml "${task}late" incremental down "$2")
	check "$s: a task behind an XA PREPARE" ctl start-task "$yaml"
	sql "$s" "INSERT INTO xa.after VALUES (1)"
	check "$s: it goes on while that is not decided" \
		wait_for 60 synced task_synced "${task}late" "$s"
	sql "$s" "XA COMMIT 'early'; INSERT INTO xa.after VALUES (2)"
	check "$s: the commit of what it never saw stops it" \
		wait_for 30 Paused task_stage "${task}late" Paused
	check "$s: it says so" wait_for 10 "it" shows "${task}late" "prepared before the place"
	check "$s: and what to do" wait_for 10 "it" shows "${task}late" "XA RECOVER"
	check "$s: binlog skip leaves it out" ctl binlog skip "${task}late"
	check "$s: it goes on" wait_for 60 synced task_synced "${task}late" "$s"
	check "$s: with what follows" same_table "$s" down xa after
	check "$s: stop-task" ctl stop-task "${task}late"
	sql down "DROP DATABASE xa"
}

# ---- MariaDB ----

up_again() { source_up up; }
source_up up || exit 1
xa_of up src1 xamaria

# Only here may a transaction change tables of both kinds, so that a rollback
# to a savepoint is logged.
sql up "CREATE DATABASE sp; USE sp; CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE k (id INT PRIMARY KEY) ENGINE=MyISAM"
TASK_EXTRA="block-allow-list:
  ours: {do-dbs: [sp]}"
TASK_INSTANCE="  block-allow-list: ours"
yaml=$(task_yaml savep all down src1)
check "start-task" ctl start-task "$yaml"
sql up "USE sp; BEGIN; INSERT INTO t VALUES (1); SAVEPOINT a; INSERT INTO t VALUES (2); INSERT INTO k VALUES (2); SAVEPOINT \`b c\`; INSERT INTO t VALUES (3);
 INSERT INTO k VALUES (3); ROLLBACK TO \`b c\`; INSERT INTO t VALUES (4); COMMIT;
 BEGIN; INSERT INTO t VALUES (11); SAVEPOINT a; INSERT INTO t VALUES (12); INSERT INTO k VALUES (12); ROLLBACK TO SAVEPOINT A; COMMIT;
 XA START 'm'; INSERT INTO t VALUES (21); SAVEPOINT a; INSERT INTO t VALUES (22); INSERT INTO k VALUES (22); ROLLBACK TO a; XA END 'm'; XA PREPARE 'm'; XA COMMIT 'm'"
check "rollbacks to savepoints were logged" bash -c "mariadb --no-defaults -uroot -S '$W/up.sock' -N -B -e \"SHOW BINLOG EVENTS IN '$(binlog_end up | cut -f1)'\" | grep -c 'ROLLBACK TO' | grep -qx 3"
check "it catches up" wait_for 60 synced task_synced savep up
check "rows that were rolled back to a savepoint are not in the target" same_schema up down sp
check "stop-task" ctl stop-task savep

# ---- MySQL ----

if ! other_is_there mysql; then
	skip "MySQL" "its packages cannot be had"
	finish
	exit 0
fi
my_again() { mysql_source_up my; }
mysql_source_up my || exit 1
xa_of my src2 xamysql

sql my "CREATE DATABASE xz; CREATE TABLE xz.t (id INT PRIMARY KEY)"
TASK_EXTRA="block-allow-list:
  ours: {do-dbs: [xz]}"
TASK_INSTANCE="  block-allow-list: ours"
yaml=$(task_yaml packed all down src2)
check "start-task" ctl start-task "$yaml"
sql my "SET binlog_transaction_compression=ON; USE xz; XA START 'z'; INSERT INTO t VALUES (1),(2); XA END 'z'; XA PREPARE 'z'"
check "a compressed one waits, too" wait_for 60 synced task_synced packed my
check "and is not there" same_schema my down xz
sql my "XA COMMIT 'z'"
check "until it is committed" wait_for 60 synced task_synced packed my
check "and all is equal" same_schema my down xz
finish
