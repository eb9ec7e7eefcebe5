#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The promises that only concurrency can break, each with the moment at which
# it would break held still: a session of the test keeps a row locked in the
# target, so that one lane stands while the others go on.
#
#   1  killing any process at any moment loses no row and doubles none
#   2  two owners never both change the target for one source
#   4  a worker cut off from all masters stops writing before another may start
#
# `make sabotage` runs single cases: CASE="move barrier".
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init
TTL=5
PATIENCE=${PATIENCE:-60} # seconds until replication must have caught up
CASE=${CASE:-copy bytes merge lost move unique barrier killed owner lease gone frozen}

# ---- sessions that keep rows locked in the target ----

# hold NAME SELECT: lock the rows of a SELECT until `release NAME`.
declare -A HELD
hold() {
	local fd
	mkfifo "$W/hold.$1"
	mariadb --no-defaults -uroot -S "$W/down.sock" -N -B --unbuffered \
		<"$W/hold.$1" >"$W/held.$1" 2>&1 &
	PID[hold.$1]=$!
	exec {fd}>"$W/hold.$1"
	HELD[$1]=$fd
	echo "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; BEGIN;
		$2 FOR UPDATE; SELECT 'held';" >&"$fd"
	wait_for 10 "lock $1" grep -q held "$W/held.$1"
}

release() {
	local fd=${HELD[$1]}
	printf 'COMMIT;\n\\q\n' >&"$fd"
	exec {fd}>&-
	wait "${PID[hold.$1]}"
	unset "HELD[$1]" "PID[hold.$1]"
	rm "$W/hold.$1" "$W/held.$1"
}

# waiting N: so many transactions wait for a row in the target.
waiting() {
	[ "$(sql down "SELECT COUNT(*) FROM information_schema.innodb_trx
		WHERE trx_state='LOCK WAIT'")" -ge "$1" ]
}

# rows_from N TABLE: the target has so many at least.
rows_from() {
	[ "$(sql down "SELECT COUNT(*) FROM $2")" -ge "$1" ]
}

# change SQL: at the source, in the database of the task `inv`.
change() {
	sql up "USE inv; $1"
}

fenced() {
	ctl query-status inv | grep -q '"ErrCode": 36902'
}

synced() {
	wait_for "$PATIENCE" "task $1" task_synced "$1"
}

# ---- the cluster: one task of four lanes, one of a single lane ----

source_up up || exit 1
mariadb_up down || exit 1
master_up m1 || exit 1
worker_up w1 --keepalive-ttl $TTL || exit 1
sql up "CREATE DATABASE inv; USE inv;
 CREATE TABLE k (id INT PRIMARY KEY, u INT, v VARCHAR(20) NOT NULL, UNIQUE KEY (u));
 INSERT INTO k SELECT seq, seq, 'start' FROM seq_1_to_400;
 CREATE TABLE c (id INT PRIMARY KEY, n BIGINT); INSERT INTO c SELECT seq, 0 FROM seq_1_to_8;
 CREATE TABLE m (id INT PRIMARY KEY, v VARCHAR(20)); INSERT INTO m SELECT seq, 'start' FROM seq_1_to_10;
 CREATE TABLE n (a INT, b VARCHAR(20));
 CREATE TABLE b (id INT PRIMARY KEY, x VARBINARY(600), t VARCHAR(600), l TEXT CHARACTER SET latin1);
 CREATE TABLE big (id INT PRIMARY KEY, x VARCHAR(1200));
 INSERT INTO big SELECT seq, REPEAT(CHAR(97 + seq MOD 26), 1000) FROM seq_1_to_24000; ANALYZE TABLE big;
 CREATE DATABASE one; CREATE TABLE one.a (id INT PRIMARY KEY, v INT); INSERT INTO one.a VALUES (1,0),(2,0);
 CREATE TABLE one.t (id INT PRIMARY KEY)" >/dev/null
check "operate-source create" \
	ctl operate-source create "$(source_yaml src1 up)"
TASK_EXTRA="syncers:
  four: {worker-count: 4, batch: 10}
block-allow-list:
  ours: {do-dbs: [inv]}"
TASK_INSTANCE="  block-allow-list: ours
  syncer-config-name: four"
check "start-task" ctl start-task "$(task_yaml inv all down src1)"
check "replication begins" synced inv

# ---- cases ----

case_copy() {
	check "the large table was cut" test "$(sql down "SELECT COUNT(*)
		FROM dm_meta.dm_chunk WHERE tbl='big' AND hi IS NOT NULL")" -ge 2
	check "invariant 1: every row of every chunk was copied, once" \
		same_table up down inv big
}

# Every byte, at every place, in several charsets.
case_bytes() {
	local all
	all=$(printf '%02x' $(seq 0 255))
	change "INSERT INTO b SELECT seq, RIGHT(CONCAT(x'$all', x'$all'), 601 - 2 * seq), REPEAT(CHAR(seq USING latin1), 300),
		CONVERT(x'$all' USING latin1) FROM seq_1_to_250; UPDATE b SET x=REVERSE(x) WHERE id MOD 2"
	synced inv
	check "every byte arrives" same_table up down inv b
}

# Many changes of a row within a transaction of the target are merged.
case_merge() {
	local before
	before=$(sql down "SHOW GLOBAL STATUS LIKE 'Handler_update'" | cut -f2)
	hold merge "SELECT * FROM inv.c"
	sql up "USE inv; BEGIN; UPDATE c SET n=n+1; UPDATE c SET n=n+1; UPDATE c SET n=n+1;
		DELETE FROM c WHERE id<4; INSERT INTO c VALUES (1,100),(2,100); UPDATE c SET n=n*7 WHERE id<3;
		UPDATE c SET id=id+20 WHERE id IN (5,6); UPDATE c SET n=5 WHERE id=25; UPDATE c SET id=5 WHERE id=25;
		INSERT INTO c VALUES (40,1),(41,1); DELETE FROM c WHERE id=40; UPDATE c SET id=3 WHERE id=41; COMMIT;
		BEGIN; $(printf 'UPDATE c SET n=n+1 WHERE id=8;%.0s' $(seq 200)) COMMIT"
	wait_for 10 "a lane that waits" waiting 1
	sleep 2 # until the others are read, too: then they are merged
	release merge
	synced inv
	check "merged changes leave what single ones leave" \
		same_table up down inv c
	check "200 updates of a row are far fewer in the target" test $(($(sql \
		down "SHOW GLOBAL STATUS LIKE 'Handler_update'" | cut -f2) - before)) -lt 150
}

# A target that closes connections: what was not sent is sent again.
case_lost() {
	local id
	change "INSERT INTO n SELECT seq, 'before' FROM seq_1_to_50; UPDATE k SET v='warm'"
	synced inv
	for id in $(sql down "SELECT id FROM information_schema.processlist
		WHERE user='dm'"); do
		sql down "KILL $id"
	done
	change "INSERT INTO n SELECT seq, 'after' FROM seq_1_to_50; UPDATE k SET v='after'"
	synced inv
	check "invariant 1: lost connections double nothing" \
		same_table up down inv n
	check "invariant 1: lost connections lose nothing" \
		same_table up down inv k
}

# A row that moves to another key stands in its lane; what happens to it under
# the new key must wait. (No unique value makes it wait.)
case_move() {
	local i
	hold move "SELECT * FROM inv.m"
	for i in $(seq 1 10); do
		echo "UPDATE m SET id=$((i + 1000)) WHERE id=$i; UPDATE m SET v='moved' WHERE id=$((i + 1000));"
	done | mariadb --no-defaults -uroot -S "$W/up.sock" inv
	wait_for 10 "a lane that waits" waiting 1
	sleep 1
	release move
	synced inv
	check "changes do not overtake the move of their row" \
		same_table up down inv m
}

# A unique value that one row gives up and another takes.
case_unique() {
	local i
	hold unique "SELECT * FROM inv.k WHERE id BETWEEN 21 AND 30"
	for i in $(seq 21 30); do
		echo "DELETE FROM k WHERE id=$i; INSERT INTO k VALUES ($((i + 2000)), $i, 'taken');"
	done | mariadb --no-defaults -uroot -S "$W/up.sock" inv
	wait_for 10 "a lane that waits" waiting 1
	sleep 1
	release unique
	synced inv
	check "a unique value is free before it is taken again" \
		same_table up down inv k
}

# A DDL with rows before it that still wait in their lane: one transaction is
# held at the first lock and done before the DDL could begin, the next one
# is held at the second lock while the DDL could run.
case_barrier() {
	(
		TASK_EXTRA="syncers:
  one: {worker-count: 1, batch: 10}
block-allow-list:
  ours: {do-dbs: [one]}"
		TASK_INSTANCE="  block-allow-list: ours
  syncer-config-name: one"
		task_yaml one all down src1 >/dev/null
	)
	check "start-task of one lane" ctl start-task "$W/one.task.yaml"
	check "replication begins" synced one
	hold first "SELECT * FROM one.a WHERE id=1"
	hold second "SELECT * FROM one.a WHERE id=2"
	sql up "UPDATE one.a SET v=1 WHERE id=1"
	wait_for 10 "the lane that waits" waiting 1
	sql up "USE one; UPDATE a SET v=1 WHERE id=2;
		INSERT INTO t SELECT seq FROM seq_1_to_50; TRUNCATE TABLE t; INSERT INTO t VALUES (100)"
	sleep 1.5
	release first
	sleep 1.5
	release second
	synced one
	check "a DDL does not overtake rows" same_schema up down one
	check "stop-task" ctl stop-task one
}

# kill -9 with the keyless table's lane done, one in its transaction, more queued.
case_killed() {
	local i before
	before=$(sql up "SELECT COUNT(*) FROM inv.n")
	hold killed "SELECT * FROM inv.c WHERE id=4"
	for i in $(seq 1 40); do
		[ $((i % 10)) != 1 ] || echo "BEGIN;"
		echo "INSERT INTO n VALUES ($i,'killed'); UPDATE c SET n=n+1; INSERT INTO k VALUES ($((i + 5000)), $((i + 5000)), 'k');"
		[ $((i % 10)) != 0 ] || echo "COMMIT;"
	done | mariadb --no-defaults -uroot -S "$W/up.sock" inv
	wait_for 10 "the lane that waits" waiting 1
	wait_for 3 "the other lanes" rows_from $((before + 20)) inv.n
	kill9 w1
	release killed
	worker_up w1 --keepalive-ttl $TTL
	synced inv
	check "invariant 1: a killed worker doubles no keyless row" \
		same_table up down inv n
	check "invariant 1: a killed worker counts nothing twice" \
		same_table up down inv c
	check "invariant 1: a killed worker loses no row" \
		same_table up down inv k
}

# set_epoch CHANGE: what a worker that takes over does first.
set_epoch() {
	sql down "BEGIN; UPDATE dm_meta.dm_owner SET epoch=epoch$1 WHERE task='inv';
		UPDATE dm_meta.dm_lane SET epoch=epoch$1 WHERE task='inv'; COMMIT"
}

# Another owner exists, which this one does not know: nothing gets through.
case_owner() {
	local before
	change "UPDATE c SET n=n+1; INSERT INTO n SELECT seq, 'warm' FROM seq_1_to_20"
	synced inv
	before=$(sql down "CHECKSUM TABLE inv.n, inv.c")
	set_epoch +1
	change "INSERT INTO n SELECT seq, 'fenced' FROM seq_1_to_20; UPDATE c SET n=n+1"
	wait_for 10 "the fence" fenced
	check "invariant 2: no row of a former owner gets through" \
		test "$before" = "$(sql down "CHECKSUM TABLE inv.n, inv.c")"
	check "invariant 2: the former owner says so" fenced
	fenced || return # the rest would prove nothing
	set_epoch -1
	check "resume-task" ctl resume-task inv
	synced inv
	set_epoch +1
	change "CREATE TABLE late (i INT PRIMARY KEY)"
	wait_for 10 "the fence" fenced
	check "invariant 2: no DDL of a former owner gets through" \
		test -z "$(sql down "SHOW TABLES FROM inv LIKE 'late'")"
	set_epoch -1
	check "resume-task" ctl resume-task inv
	synced inv
	check "invariant 2: nothing was lost or doubled by it" \
		same_schema up down inv
}

leases_lost() { grep -c 'the lease is lost' "$W/w1.log"; }
lost_more_than() { [ "$(leases_lost)" -gt "$1" ]; }

# The only master does not answer, but everything else does.
case_lease() {
	local before lost
	lost=$(leases_lost)
	kill -STOP "${PID[m1]}"
	check "invariant 4: a worker without a master notices in time" \
		within_ms $((TTL * 1000 + 500)) lost_more_than "$lost"
	before=$(sql down "CHECKSUM TABLE inv.c")
	change "UPDATE c SET n=n+1"
	sleep 1.5
	check "invariant 4: a worker without a master does not write" \
		test "$before" = "$(sql down "CHECKSUM TABLE inv.c")"
	kill -CONT "${PID[m1]}"
	wait_for 30 "the leader" leader_up
	synced inv
	check "invariant 4: and goes on when there is one" \
		same_table up down inv c
}

# Somebody removed the task's metadata (start-task --remove-meta while this worker
# was frozen, say): its rows fence no less for being gone.
case_gone() {
	local t what yaml begin=
	sql up "CREATE DATABASE gone; CREATE TABLE gone.t (id INT PRIMARY KEY, v INT)"
	TASK_EXTRA="block-allow-list:
  ours: {do-dbs: [gone]}"
	TASK_INSTANCE="  block-allow-list: ours"
	yaml=$(task_yaml gone all down src1)
	for what in "INSERT INTO t VALUES (1,1)" "CREATE TABLE u (id INT)" \
		"XA START 'g'; INSERT INTO t VALUES (2,2); XA END 'g'; XA PREPARE 'g'"; do
		sql down "DROP DATABASE IF EXISTS gone"
		# shellcheck disable=SC2086
		check "start-task" ctl start-task "$yaml" $begin
		begin=--remove-meta
		synced gone
		# Every lane has its connection; a structure that stays as it is
		# is written all the same.
		sql up "USE gone; DROP TABLE IF EXISTS u; DELETE FROM t; ALTER TABLE t ENGINE=InnoDB; ALTER TABLE t ENGINE=InnoDB;
			INSERT INTO t SELECT seq, 0 FROM seq_100_to_150"
		synced gone
		for t in xa operator intent chunk table lane owner; do
			sql down "DELETE FROM dm_meta.dm_$t WHERE task='gone'"
		done
		sql up "USE gone; $what"
		check "invariant 2: an owner whose rows are gone stops" \
			wait_for 60 "36902" gone_fenced
		check "invariant 2: and writes nothing ($what)" test "$(sql down "SELECT
			(SELECT COUNT(*) FROM dm_meta.dm_xa WHERE task='gone') +
			(SELECT COUNT(*) FROM dm_meta.dm_lane WHERE task='gone') +
			(SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='gone') * 10 +
			(SELECT COUNT(*) FROM gone.t WHERE id < 100)")" = 10
		check "stop-task" ctl stop-task gone
	done
	sql up "XA ROLLBACK 'g'; DROP DATABASE gone"
}

gone_fenced() {
	ctl query-status gone | grep -q '"ErrCode": 36902'
}

# A worker that is frozen in its work wakes up when another has its source.
case_frozen() {
	local i
	worker_up w2 --keepalive-ttl $TTL
	for i in $(seq 1 300); do
		echo "INSERT INTO n VALUES ($i,'frozen'); UPDATE c SET n=n+1; DO SLEEP(0.005);"
	done | mariadb --no-defaults -uroot -S "$W/up.sock" inv >/dev/null &
	PID[writer]=$!
	sleep 1
	kill -STOP "${PID[w1]}"
	wait "${PID[writer]}"
	unset "PID[writer]"
	wait_for 30 "the takeover" worker_bound w2
	check "invariant 2: another worker takes over" synced inv
	kill -CONT "${PID[w1]}"
	change "INSERT INTO n VALUES (-1,'after'); UPDATE c SET n=n+1"
	sleep 1
	synced inv
	check "invariant 2: two owners double no keyless row" \
		same_table up down inv n
	check "invariant 2: two owners count nothing twice" \
		same_table up down inv c
}

worker_bound() {
	ctl list-member --worker --name "$1" | grep -q '"stage": "bound"'
}

for name in $CASE; do
	"case_$name"
done
check "no statement matched another number of rows" \
	bash -c "! \"$BIN/dmctl\" --master-addr $MASTER query-status inv --more |
		grep '\"unexpectedRows\"' | grep -vq '\"0\"'"
finish
