#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The owner of a source is frozen (SIGSTOP) or killed at named moments of its
# work in the target: before it sends a lane's transaction and after, before a
# DDL and after, before a COMMIT while it holds locks there, inside a chunk of
# the copy. The next owner goes on within TTL + 2 s; one that wakes up later
# changes nothing.
#
#   CASES="lane-send:stop ..."   only these
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init
TTL=5
[ -z "${SOAK:-}" ] || TTL=3
# What a row that is written at the freeze may take to the target, in ms.
BOUND=$(((TTL + 2) * 1000 * TOLERANCE + SLACK))
SHORT="lane-send:stop ddl-run:stop copy-rows:stop copy-commit:stop lane-sent:kill
ddl-done:kill copy-commit:kill"
CASES=${CASES:-$SHORT${SOAK:+ ddl-commit:stop lane-sent:stop ddl-done:stop
lane-send:kill ddl-run:kill ddl-commit:kill copy-rows:kill}}
ROUNDS=1
[ -z "${SOAK:-}" ] || ROUNDS=5
RANDOM=${SEED:-$$}
echo "# SEED=${SEED:-$$}"
export WORKER_BIN=$BIN/dm-worker-failpoints
export DM_FAILPOINT=

source_up up || exit 1
mariadb_up down || exit 1
master_up m1 || exit 1
DM_FAILPOINT=$W/failpoint
worker_up w1 --keepalive-ttl $TTL || exit 1
sql up "CREATE DATABASE z; USE z;
 CREATE TABLE k (id INT AUTO_INCREMENT PRIMARY KEY, a INT, u INT, s VARCHAR(20), UNIQUE KEY (u));
 CREATE TABLE n (a INT, b VARCHAR(20)); CREATE TABLE t (a INT, b VARCHAR(20));
 CREATE TABLE c (id INT PRIMARY KEY, n BIGINT); INSERT INTO c SELECT seq, 0 FROM seq_1_to_20;
 CREATE TABLE mark (id INT PRIMARY KEY);
 INSERT INTO k (a,u,s) SELECT seq, seq, 'start' FROM seq_1_to_1000; INSERT INTO n SELECT seq, 'start' FROM seq_1_to_200"
check "operate-source create" \
	ctl operate-source create "$(source_yaml src1 up)"
TASK_EXTRA="block-allow-list:
  ours: {do-dbs: [z]}"
TASK_INSTANCE="  block-allow-list: ours
  syncer-thread: 4"
check "start-task" ctl start-task "$(task_yaml z all down src1)"
worker_up w2 --keepalive-ttl $TTL || exit 1
check "replication begins" wait_for 60 synced task_synced z

# ---- what happens at the source ----

i=0
# Rows with and without a key, keys and unique values that move.
rows() {
	local end=$((i + $1))
	while [ "$i" -lt "$end" ]; do
		i=$((i + 1))
		cat <<-S
			BEGIN; INSERT INTO k (a,u,s) VALUES ($i,100000+$i,'w'); UPDATE c SET n=n+1 WHERE id=1+$i MOD 20; INSERT INTO n VALUES ($i,'w'); COMMIT;
			UPDATE k SET id=id+1000000 WHERE id=$((RANDOM % 1000 + 1)); DELETE FROM n WHERE a=$((RANDOM % 200)) LIMIT 1;
			BEGIN; UPDATE k SET u=-1 WHERE u=$((i % 500 + 1)); UPDATE k SET u=$((i % 500 + 1)) WHERE u=$((i % 500 + 2)); UPDATE k SET u=$((i % 500 + 2)) WHERE u=-1; COMMIT;
		S
	done >"$W/rows.sql"
	# A key that is there already makes a statement fail: it is not there.
	mariadb --no-defaults --force -uroot -S "$W/up.sock" z \
		<"$W/rows.sql" >/dev/null 2>&1
}

# A DDL that is right only once: rows follow it at once.
ddl() {
	i=$((i + 1))
	sql up "USE z; INSERT INTO t VALUES ($i,'gone'); TRUNCATE TABLE t;
		INSERT INTO t SELECT seq, 'stays' FROM seq_1_to_10;
		ALTER TABLE k ADD COLUMN x$i INT DEFAULT $i; UPDATE k SET x$i=a WHERE id MOD 7=0"
}

# A new task whose copy is under way.
copies=0
copying= # the number of the one that runs
copy() {
	copies=$((copies + 1))
	copying=$copies
	sql up "CREATE DATABASE cp$copies; USE cp$copies; CREATE TABLE n (a INT, b VARCHAR(200));
		CREATE TABLE k (id INT PRIMARY KEY, b VARCHAR(200));
		INSERT INTO n SELECT seq, REPEAT('n',100) FROM seq_1_to_5000;
		INSERT INTO k SELECT seq, REPEAT('k',150) FROM seq_1_to_60000; ANALYZE TABLE k" >/dev/null
	(
		TASK_EXTRA="block-allow-list:
  ours: {do-dbs: [cp$copies]}"
		TASK_INSTANCE="  block-allow-list: ours"
		task_yaml "cp$copies" all down src1 >/dev/null
	)
	# It may be frozen before it can answer.
	ctl start-task "$W/cp$copies.task.yaml" >/dev/null 2>&1 &
	PID[start]=$!
	sql up "USE cp$copies; UPDATE k SET b='later' WHERE id MOD 1000=0; INSERT INTO n VALUES (-1,'later')"
}

# ---- what is looked at ----

stage_is() {
	ctl list-member --worker --name "$1" | grep -q "\"stage\": \"$2\""
}

fired() {
	[ ! -e "$DM_FAILPOINT" ]
}

status_says() {
	ctl query-status -s src1 | grep -qE "$1"
}

connections() { # of the recorded owner(s): "0,12,15"
	sql down "SELECT CONCAT('0', COALESCE(GROUP_CONCAT(REPLACE(REPLACE(
		REPLACE(conn_ids,'[',','),']',''),',,',',') SEPARATOR ''),''))
		FROM dm_meta.dm_owner" | sed 's/,$//; s/,,*/,/g'
}

all_gone() {
	[ "$(sql down "SELECT COUNT(*) FROM information_schema.processlist
		WHERE id IN ($1)")" = 0 ]
}

target_sum() {
	sql down "CHECKSUM TABLE z.k, z.n, z.c, z.t${copying:+, cp$copying.k, cp$copying.n};
		SELECT task, epoch, worker FROM dm_meta.dm_owner;
		SELECT COUNT(*) FROM dm_meta.dm_intent"
}

# mark_taken FILE: a row is written now, which only the next owner can take to
# the target; FILE gets how many ms that took.
mark_taken() {
	local begun until id=$((++marks))
	begun=$(now_ms)
	until=$((SECONDS + 120))
	sql up "INSERT INTO z.mark VALUES ($id)"
	(
		while [ "$(sql down "SELECT COUNT(*) FROM z.mark WHERE id=$id")" != 1 ]; do
			[ "$SECONDS" -lt "$until" ] || exit
			sleep 0.05
		done
		echo $(($(now_ms) - begun)) >"$1"
	) &
	PID[mark]=$!
}
marks=0

# in_time FILE: it was taken, and in time.
in_time() {
	wait "${PID[mark]}"
	unset "PID[mark]"
	[ -s "$1" ] && [ "$(cat "$1")" -le "$BOUND" ]
}

synced_all() {
	task_synced z && { [ -z "$copying" ] || task_synced "cp$copying"; }
}

# The whole of one case: POINT ACTION.
run_case() {
	local owner=w1 other=w2 was sum name="$1 $2"
	stage_is w2 bound && { owner=w2 other=w1; }
	check "$name: $other is free" wait_for 20 "$other" stage_is "$other" free
	echo "$1:$2" >"$W/order"
	mv "$W/order" "$DM_FAILPOINT"
	case $1 in
	lane-*) rows 20 ;;
	ddl-*) ddl ;;
	copy-*) copy ;;
	esac
	check "$name: the moment comes" wait_for 30 "$1" fired
	rm -f "$W/taken"
	mark_taken "$W/taken"
	check "$name: $owner rests" wait_for 5 "$owner" rests "$owner"
	was=$(connections)
	rows 20
	check "$name: within 5 s query-status does not trust $owner" \
		within_ms 5000 status_says \
		"(has not reported|not connected|worker-client not found)|\"worker\": \"$other\""
	check "$name: $other takes over" \
		wait_for 30 "$other" stage_is "$other" bound
	check "$name: its first change comes within $BOUND ms" \
		in_time "$W/taken"
	echo "# $name: taken over after $(cat "$W/taken" 2>/dev/null) ms (TTL $TTL s)"
	check "$name: and goes on" wait_for 60 "synced" synced_all
	check "$name: the connections of $owner are gone" \
		wait_for 10 "their end" all_gone "$was"
	if [ "$2" = stop ]; then
		sum=$(target_sum)
		kill -CONT "${PID[$owner]}"
		check "$name: $owner wakes up and is free" \
			wait_for 20 "$owner" stage_is "$owner" free
		sleep 0.5
		check "$name: it changed nothing" test "$sum" = "$(target_sum)"
	else
		wait "${PID[$owner]}" 2>/dev/null
		worker_up "$owner" --keepalive-ttl $TTL
	fi
	rows 5
	check "$name: rows flow on" wait_for 60 "synced" synced_all
	check "$name: every row is equal" same_schema up down z
	[ -z "${PID[start]:-}" ] || after_copy "$name"
}

after_copy() {
	wait "${PID[start]}"
	unset "PID[start]"
	check "$1: the copy is equal" same_schema up down "cp$copies"
	check "$1: stop-task" ctl stop-task "cp$copies"
	copying=
}

for _ in $(seq 1 "$ROUNDS"); do
	for c in $CASES; do
		run_case "${c%:*}" "${c#*:}"
	done
done
check "no statement matched another number of rows" \
	bash -c "! \"$BIN/dmctl\" --master-addr $MASTER query-status z --more | grep '\"unexpectedRows\"' | grep -vq '\"0\"'"
finish
