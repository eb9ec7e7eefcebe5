#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of everything at random moments while a writer goes on: in the end
# source and target are equal, and no row of a keyless table is doubled.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init
KILLS=${KILLS:-8}
[ -z "${SOAK:-}" ] || KILLS=50
RANDOM=${SEED:-$$}
echo "# SEED=${SEED:-$$} KILLS=$KILLS"

durable="--sync-binlog=1 --innodb-flush-log-at-trx-commit=1"
source_up up || exit 1
# shellcheck disable=SC2086
mariadb_up down $durable || exit 1
master_up m1 || exit 1
worker_up w1 --keepalive-ttl 3 || exit 1
worker_up w2 --keepalive-ttl 3 || exit 1
sql up "CREATE DATABASE f; USE f;
 CREATE TABLE k (id INT AUTO_INCREMENT PRIMARY KEY, a INT, u INT, s VARCHAR(50), UNIQUE KEY (u));
 CREATE TABLE n (a INT, b VARCHAR(20)); CREATE TABLE c (id INT PRIMARY KEY, n BIGINT);
 INSERT INTO c SELECT seq, 0 FROM seq_1_to_20;
 INSERT INTO k (a,u,s) SELECT seq, seq, 'start' FROM seq_1_to_20000; INSERT INTO n SELECT seq, 'start' FROM seq_1_to_2000"
check "operate-source create" \
	ctl operate-source create "$(source_yaml src1 up)"
TASK_INSTANCE="  syncer-thread: 4"
check "start-task" ctl start-task "$(task_yaml f all down src1)"

# Statements that fail because the source was killed are simply not there.
writer() {
	local i=0
	while [ ! -e "$W/enough" ]; do
		i=$((i + 1))
		cat <<-E
			BEGIN; INSERT INTO k (a,u,s) VALUES ($i,100000+$i,'w'); UPDATE c SET n=n+1 WHERE id=1+$i MOD 20; INSERT INTO n VALUES ($i,'w'); COMMIT;
			UPDATE k SET a=a+1, s=CONCAT('s',$i) WHERE id=1+$((RANDOM % 20000)); UPDATE k SET id=id+1000000 WHERE id=$((RANDOM % 20000 + 1));
			DELETE FROM k WHERE id=$((RANDOM % 20000 + 1)); DELETE FROM n WHERE a=$((RANDOM % 2000)) LIMIT 1; UPDATE n SET b='u' WHERE a=$((RANDOM % 2000)) LIMIT 1;
			BEGIN; UPDATE k SET u=-1 WHERE u=$((i % 500 + 1)); UPDATE k SET u=$((i % 500 + 1)) WHERE u=$((i % 500 + 2)); UPDATE k SET u=$((i % 500 + 2)) WHERE u=-1; COMMIT;
		E
		[ $((i % 40)) != 0 ] || echo "ALTER TABLE k ADD COLUMN x$i INT DEFAULT $i;"
		[ $((i % 40)) != 20 ] || [ "$i" -lt 40 ] || echo "ALTER TABLE k DROP COLUMN x$((i - 20));"
		[ $((i % 70)) != 0 ] || echo "TRUNCATE TABLE n;"
	done | while IFS= read -r line; do
		printf '%s\n' "$line"
		# A steady stream: neither too slow to matter nor unbounded.
		[ $((SRANDOM % 4)) != 0 ] || sleep 0.01
	done | mariadb --no-defaults --force -uroot -S "$W/up.sock" \
		--reconnect f >/dev/null 2>&1
}
keep_writing() {
	while [ ! -e "$W/enough" ]; do
		writer
		sleep 0.5
	done
}
keep_writing &
PID[writer]=$!

for i in $(seq 1 "$KILLS"); do
	sleep "$((RANDOM % 3)).$((RANDOM % 10))"
	case $((RANDOM % 6)) in
	0 | 1) what=w1; kill9 w1; worker_up w1 --keepalive-ttl 3 ;;
	2) what=w2; kill9 w2; worker_up w2 --keepalive-ttl 3 ;;
	3) what=m1; kill9 m1; master_up m1 ;;
	4) what=etcd; kill_etcd m1 ;;
	5) if [ $((RANDOM % 2)) = 0 ]; then
		what=down; kill9 down; mariadb_up down
	else
		what=up; kill9 up; mariadb_up up
	fi ;;
	esac
	echo "# kill $i: $what"
done
touch "$W/enough"
wait "${PID[writer]}" 2>/dev/null
unset "PID[writer]"
wait_for 60 "leader" leader_up
check "it catches up after $KILLS kills" wait_for 180 synced task_synced f
check "and every row is equal" same_schema up down f
check "no statement matched another number of rows" \
	bash -c "! \"$BIN/dmctl\" --master-addr $MASTER query-status f --more | grep '\"unexpectedRows\"' | grep -vq '\"0\"'"

# Two tasks of two sources at once, one worker each.
source_up up2
sql up2 "CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY, v INT); INSERT INTO g.t SELECT seq, seq FROM g.seq_1_to_5000"
check "a second source" ctl operate-source create "$(source_yaml src2 up2)"
check "a second task at the same time" \
	ctl start-task "$(task_yaml g all down src2)"
sql up2 "UPDATE g.t SET v=v+1"; sql up "INSERT INTO f.n VALUES (-1,'end')"
check "the second catches up" wait_for 60 synced task_synced g up2
check "the first goes on" wait_for 60 synced task_synced f
check "the second is equal" same_schema up2 down g
check "the first is equal" same_table up down f n

# A source that lost its last transactions must not be followed.
keep=$(sql up2 "SHOW MASTER STATUS" | cut -f2)
sql up2 "UPDATE g.t SET v=v+1"
check "the second applies what will be lost" \
	wait_for 60 synced task_synced g up2
kill9 up2
truncate -s "$keep" "$W/up2/mysql-bin.000001"
kill9 w1
kill9 w2
mariadb_up up2
worker_up w1 --keepalive-ttl 3
worker_up w2 --keepalive-ttl 3
behind() { ctl query-status g | grep -q '"ErrCode": 36904'; }
check "a source that lost its last transactions stops its task" \
	wait_for 60 "36904" behind
finish
