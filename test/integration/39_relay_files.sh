#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Replication out of relay logs, without a cluster (test/tools/relay_sync.c):
# what a test must have in its hand, such as the place at which a file ends.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

TOOL=$BIN/../test/tools/relay_sync
RELAY=$W/relay
EPOCH=100

mariadb_up down || exit 1
source_up a --server-id=11 --log-slave-updates || exit 1
source_up b --server-id=12 --log-slave-updates || exit 1

# ---- the tool ----

# tool_up SOURCE [RELAY-DIR [CLI-ARGS]]: for TASKS; with a new epoch.
TASKS=$W/t.task.yaml
tool_up() {
	local to from
	EPOCH=$((EPOCH + 1))
	mkdir -p "${2:-$RELAY}"
	source_yaml src1 "$1" >/dev/null
	coproc TOOL_PROC { exec "$TOOL" "$TASKS" "$W/src1.yaml" \
		"${2:-$RELAY}" "$EPOCH" "${3:-}" 2>>"$W/tool.log"; }
	TOOL_PID=$TOOL_PROC_PID
	# Beyond the end of the process, whose own variables go away.
	exec {TOOL_IN}>&"${TOOL_PROC[1]}" {TOOL_OUT}<&"${TOOL_PROC[0]}"
	to=${TOOL_PROC[1]} from=${TOOL_PROC[0]}
	exec {to}>&- {from}<&-
}

# tell COMMAND: prints the answer.
tell() {
	local answer
	echo "$*" >&"$TOOL_IN"
	read -r -t 60 -u "$TOOL_OUT" answer && echo "$answer"
}

tool_down() {
	local rc=0
	exec {TOOL_IN}>&-
	wait "$TOOL_PID" || rc=$?
	exec {TOOL_OUT}<&-
	return "$rc"
}

tool_kill() {
	kill -9 "$TOOL_PID"
	wait "$TOOL_PID" 2>/dev/null
	exec {TOOL_IN}>&- {TOOL_OUT}<&-
}

# is PATTERN [N]: the status, a regular expression, of the N-th task.
is() { tell status "${2:-0}" | tee "$W/status.out" | grep -qE "$1"; }

# at_end SERVER SUFFIX [N]: it stands at the end of that server's binlog; the
# suffix is "remote" when it reads there.
at_end() {
	local name pos
	read -r name pos _ < <(binlog_end "$1")
	[ "$2" = remote ] || name="${name%.*}\\|0*$2.${name##*.}"
	is "^\\(${name//./\\.}, $pos\\);" "${3:-0}"
}

# told N TEXT: so many lines of the log say so.
told() {
	grep -F "$2" "$W/tool.log"
	[ "$(grep -cF "$2" "$W/tool.log")" = "$1" ]
}

# ---- writes ----

# write SERVER N: transactions of some rows each, into tables with and without
# keys; a few per call, so that they can go on elsewhere.
write() {
	local i text=
	for ((i = 0; i < $2; i++)); do
		text+="BEGIN; INSERT INTO app.k (v) VALUES ($i),($i+1);
			INSERT INTO app.nokey VALUES ($i, 'n$i'),($i, 'n$i');
			UPDATE app.k SET v=v+1 WHERE id>0 ORDER BY id DESC LIMIT 3;
			COMMIT;"
	done
	sql "$1" "$text"
}

writer_up() {
	rm -f "$W/write.stop"
	while [ ! -e "$W/write.stop" ]; do write "$1" 20 2>/dev/null || sleep 0.2; done &
	WRITER=$!
}

writer_down() {
	: >"$W/write.stop"
	wait "$WRITER"
}

equal() { same_schema "$1" down app; }

# ---- a task that reads while the log is written ----

sql a "CREATE DATABASE app; CREATE TABLE app.k (id INT AUTO_INCREMENT
	PRIMARY KEY, v INT); CREATE TABLE app.nokey (a INT, b VARCHAR(20))"
# b is its replica, and will take its place.
sql b "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=${PORT[a]},
	MASTER_USER='dm', MASTER_PASSWORD='dm secret', MASTER_CONNECT_RETRY=1,
	MASTER_USE_GTID=slave_pos; START SLAVE"
TASK_INSTANCE="  meta:
    binlog-name: mysql-bin|000007.000001
    binlog-pos: 4
  block-allow-list: ours
  syncer-thread: 4" TASK_EXTRA='block-allow-list:
  ours:
    do-dbs: ["app"]' task_yaml t incremental down src1 >/dev/null
mkdir -p "$RELAY"
echo 0-11.000001 >"$RELAY/server-uuid.index"
FOLLOW_A="follow 1 $W/a mysql-bin"

tool_up a
check "the relay log is written" test "$(tell "$FOLLOW_A")" = ok
check "the task begins" test "$(tell run)" = ok
write a 50
check "it is synced, with the place of the relay log" \
	wait_for 60 "synced" at_end a 1
check "of type local" is ';local;'
check "and says that it is synced" wait_for 30 "synced" is ';synced;'
check "rows are equal" equal a
check "places in dm_lane are the source's own" test \
	"$(sql down "SELECT COUNT(*) FROM dm_meta.dm_lane WHERE binlog_name LIKE 'mysql-bin.%'")" = 4
check "DM's checkpoint has DM's form" wait_for 10 "row" test \
	"$(sql down "SELECT binlog_name FROM dm_meta.t_syncer_checkpoint WHERE is_global=1")" \
	= "mysql-bin|000001.000001"
check "the server is stored" test \
	"$(sql down "SELECT server FROM dm_meta.dm_origin")" = 0-11

writer_up a
for i in 1 2 3; do
	sleep 1
	tool_kill
	tool_up a
	tell "$FOLLOW_A" >/dev/null
	tell run >/dev/null
	sql a "FLUSH BINARY LOGS"
done
writer_down
check "kill -9 at three times under writes" wait_for 60 "synced" at_end a 1
check "nothing is lost or doubled" equal a
check "the file that it needs is held" test \
	"$(tell earliest)" = "1 $(binlog_end a | cut -f1)"

# The source has purged the file of the place, the relay log has it.
tell stop >/dev/null
write a 20
sql a "FLUSH BINARY LOGS"
write a 5
sql a "FLUSH BINARY LOGS"
purged() {
	sql "$1" "PURGE BINARY LOGS TO '$(binlog_end "$1" | cut -f1)'"
	[ "$(sql "$1" "SHOW BINARY LOGS" | wc -l)" = 1 ]
}
copied() {
	[ -e "$RELAY/0-11.000001/$(binlog_end a | cut -f1)" ]
}
check "the relay log is written without a task" wait_for 20 "copy" copied
caught_up() {
	[ "$(sql b "SELECT @@gtid_slave_pos")" = "$(sql a "SELECT @@gtid_binlog_pos")" ]
}
check "the replica has all of it" wait_for 60 "replica" caught_up
check "the source purges" wait_for 20 "purged" purged a
tell run >/dev/null
check "what only the relay log has" wait_for 60 "synced" at_end a 1
check "rows are equal" equal a
gtid_is_right() {
	[ "$(tell status | cut -d';' -f4)" = "$(sql a "SELECT @@gtid_binlog_pos")" ]
}
check "the GTID set is the source's" wait_for 20 "set" gtid_is_right

writer_up a
sleep 0.5
kill -9 "${PID[a]}"
wait "${PID[a]}" 2>/dev/null
sleep 2
check "while the source is down the task runs on" is ';local;.*;runs$'
source_up a
sleep 1
writer_down
check "a source that crashed and came back" wait_for 60 "synced" at_end a 1
check "nothing is lost or doubled" equal a

# ---- off and on ----

tell rest >/dev/null
write a 30
check "a relay log that is not written any more: the source" \
	wait_for 60 "remote" is ';remote;'
check "goes on there" wait_for 60 "synced" at_end a remote
check "rows are equal" equal a
check "it is warned of once" told 1 "the relay log is not written any more"
check "nothing is held" test "$(tell earliest)" = ok
check "a pause" grep -q "context canceled" <<<"$(tell stop)"
tell "$FOLLOW_A" >/dev/null
tell run >/dev/null
write a 30
check "started again it reads the relay log" wait_for 60 "local" at_end a 1
check "rows are equal" equal a

# ---- purge ----

tell stop >/dev/null
tell "purge on" >/dev/null
tell run >/dev/null
check "none begins while a purge runs" wait_for 20 "over" is ';over$'
check "it says so" grep -q "code=40068.*relay log purger is purging, cannot start sub task t" \
	<<<"$(tell stop)"
tell "purge off" >/dev/null

# ---- damage ----

tell rest >/dev/null
write a 30
tell "$FOLLOW_A" >/dev/null
sleep 1
file=$RELAY/0-11.000001/$(binlog_end a | cut -f1)
cp "$file" "$W/whole"
printf 'x' | dd of="$file" bs=1 conv=notrunc status=none \
	seek=$(($(stat -c %s "$file") - 100))
tell run >/dev/null
check "a damaged file: the source" wait_for 60 "remote" is ';remote;'
check "from where the damage is" wait_for 60 "synced" at_end a remote
check "rows are equal" equal a
check "file, offset and reason are told" grep -qE \
	"the relay log cannot be read.*parse relay log file ${file##*/} from offset [0-9]+ in dir .*checksum mismatch" \
	"$W/tool.log"
cp "$W/whole" "$file"
tell stop >/dev/null

# Before what the relay log has.
tell rest >/dev/null
mv "$RELAY/0-11.000001" "$W/hidden"
mkdir "$RELAY/0-11.000001"
sql a "FLUSH BINARY LOGS"
write a 5
cp "$W/a/$(binlog_end a | cut -f1)" "$RELAY/0-11.000001"
tool_down
tool_up a
tell "$FOLLOW_A" >/dev/null
tell run >/dev/null
check "a place before the relay log: the source" \
	wait_for 60 "synced" at_end a remote
check "with one warning" told 1 "does not have the place of this task"
check "rows are equal" equal a
tell stop >/dev/null
tell rest >/dev/null
rm -r "$RELAY/0-11.000001"
mv "$W/hidden" "$RELAY/0-11.000001"

# ---- a source that dies while it sends a transaction ----

tell "$FOLLOW_A" >/dev/null
sleep 1
tell run >/dev/null
check "synced before" wait_for 60 "synced" at_end a 1
tell quiet >/dev/null
sql a "SET GLOBAL binlog_row_event_max_size=256" 2>/dev/null
read -r name start _ < <(binlog_end a)
sql a "USE app; BEGIN; INSERT INTO app.nokey SELECT seq, REPEAT('x', 15) FROM seq_1_to_4000;
	INSERT INTO app.k (v) SELECT seq FROM seq_1_to_4000; COMMIT"
read -r _ end _ < <(binlog_end a)
check "the replica has it" wait_for 60 "replica" caught_up
tell "follow 1 $W/a mysql-bin $((10#${name##*.})) $(((start + end) / 2))" >/dev/null
sleep 1
kill -9 "${PID[a]}"
wait "${PID[a]}" 2>/dev/null
size=$(stat -c %s "$RELAY/0-11.000001/$name")
check "the relay log ends inside of the transaction" \
	test "$size" -gt "$((start + 1000))" -a "$size" -lt "$end"
sleep 2
check "of which nothing is in the target" test \
	"$(sql down "SELECT COUNT(*) FROM app.nokey WHERE b=REPEAT('x', 15)")" = 0
tell stop >/dev/null
tool_down

switched=$(sql b "SELECT @@gtid_slave_pos")
sql b "STOP SLAVE; RESET SLAVE ALL"
printf '0-11.000001\n0-12.000002\n' >"$RELAY/server-uuid.index"
tool_up b
tell "follow 2 $W/b mysql-bin" >/dev/null
tell run >/dev/null
write b 20
check "the relay log goes on with the replica" wait_for 60 "synced" at_end b 2
check "nothing is lost or doubled" equal b
check "what was cut off is told" grep -q \
	"has a transaction that was cut off" "$W/tool.log"
check "the places are the new server's" test \
	"$(sql down "SELECT server FROM dm_meta.dm_origin")" = 0-12
writer_up b
sleep 1
tool_kill
tool_up b
tell "follow 2 $W/b mysql-bin" >/dev/null
tell run >/dev/null
sleep 1
writer_down
check "and after kill -9" wait_for 60 "synced" at_end b 2
check "nothing is lost or doubled" equal b
tell stop >/dev/null
tool_down

# ---- without a relay log ----

tool_up b "$W/empty"
tell run >/dev/null
write b 20
check "without the relay log" wait_for 60 "synced" at_end b remote
check "rows are equal" equal b
check "a pause" grep -q canceled <<<"$(tell stop)"
tool_down

# Another server again, which has the rest of the transactions.
source_up a
sql a "SET GLOBAL gtid_slave_pos='$switched';
	CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=${PORT[b]},
	MASTER_USER='dm', MASTER_PASSWORD='dm secret', MASTER_USE_GTID=slave_pos;
	START SLAVE"
write b 10
a_caught_up() {
	[ "$(sql a "SELECT @@gtid_slave_pos")" = "$(sql b "SELECT @@gtid_binlog_pos")" ]
}
check "the first server has all of the second" wait_for 60 "replica" a_caught_up
lanes=$(sql down "SELECT binlog_pos FROM dm_meta.dm_lane WHERE lane=0")
sql down "UPDATE dm_meta.dm_lane SET binlog_pos=4 WHERE lane=0"
tool_up a "$W/empty"
tell run >/dev/null
check "lanes that are not level cannot change servers" \
	wait_for 20 "over" is ';over$'
check "it says so" grep -q "code=36907.*the source is server 0-11 now, and the places of this task are of server 0-12.*different places" \
	<<<"$(tell stop)"
sql down "UPDATE dm_meta.dm_lane SET binlog_pos=$lanes WHERE lane=0"
tell run >/dev/null
check "those that are do, by GTIDs" wait_for 60 "synced" at_end a remote
check "nothing is lost or doubled" equal a
tell stop >/dev/null
check "the tool ends in order" tool_down

# ---- MySQL, two tasks on one relay log, a start time ----

if ! mysql_source_up my --binlog-transaction-compression=ON; then
	skip "MySQL" "no MySQL server here"
	finish
	exit
fi
sql my "CREATE DATABASE app; CREATE TABLE app.k (id INT AUTO_INCREMENT
	PRIMARY KEY, v INT); CREATE TABLE app.nokey (a INT, b VARCHAR(20));
	CREATE DATABASE two; CREATE TABLE two.t (id INT AUTO_INCREMENT PRIMARY KEY,
	v VARCHAR(20))"
sql down "DROP DATABASE app; DROP DATABASE dm_meta"
mine=$(sql my "SELECT @@server_uuid")
relay=$W/relay-my
mkdir -p "$relay"
echo "$mine.000001" >"$relay/server-uuid.index"
FOLLOW_MY="follow 1 $W/my binlog"
gtid=$(sql my "SELECT @@gtid_executed")
first=$(sql my "SHOW BINARY LOGS" | awk 'NR == 1 { print $1 }')
TASK_INSTANCE="  meta:
    binlog-name: $first
    binlog-pos: 4
  block-allow-list: ours
  syncer-thread: 4" TASK_EXTRA='block-allow-list:
  ours:
    do-dbs: ["app"]' task_yaml t incremental down src1 >/dev/null
TASK_INSTANCE="  meta:
    binlog-gtid: '$gtid'
  block-allow-list: ours" TASK_EXTRA='block-allow-list:
  ours:
    do-dbs: ["two"]' task_yaml u incremental down src1 >/dev/null
sql down "CREATE DATABASE two; CREATE TABLE two.t (id INT AUTO_INCREMENT
	PRIMARY KEY, v VARCHAR(20))"
TASKS=$W/t.task.yaml,$W/u.task.yaml
tool_up my "$relay"
tell "$FOLLOW_MY" >/dev/null
tell run >/dev/null
writer_up my
for i in 1 2 3 4 5; do
	sql my "INSERT INTO two.t (v) VALUES ('$i'),('x$i'); FLUSH BINARY LOGS"
	sleep 0.3
done
tool_kill
tool_up my "$relay"
tell "$FOLLOW_MY" >/dev/null
tell run >/dev/null
sleep 1
writer_down
check "MySQL: synced" wait_for 60 "synced" at_end my 1 0
check "rows are equal" equal my
check "the other task on the same relay log, from a GTID set" \
	wait_for 60 "synced" at_end my 1 1
check "its rows are equal" same_schema my down two
set_is_right() {
	[ "$(tell status 0 | cut -d';' -f4)" = "$(sql my "SELECT @@gtid_executed")" ]
}
check "its GTID set is the source's" wait_for 20 "set" set_is_right
check "the earliest of both is held" test \
	"$(tell earliest)" = "1 $(binlog_end my | cut -f1)"
tell stop >/dev/null
tell stop >/dev/null
tool_down

# The source has purged the files that the relay log has.
sleep 1
since=$(date '+%Y-%m-%dT%H:%M:%S')
sleep 1
sql my "INSERT INTO two.t (v) VALUES ('since'); FLUSH BINARY LOGS;
	INSERT INTO two.t (v) VALUES ('later'); FLUSH BINARY LOGS"
tool_up my "$relay"
tell "$FOLLOW_MY" >/dev/null
sleep 1
tool_down
check "the source purges" wait_for 20 "purged" purged my
sql down "DROP DATABASE dm_meta; DELETE FROM two.t WHERE id > 5"
TASKS=$W/u.task.yaml
tool_up my "$relay" "{\"start_time\":\"$since\"}"
tell "$FOLLOW_MY" >/dev/null
tell run >/dev/null
check "a start time in files that only the relay log has" \
	wait_for 60 "synced" at_end my 1
check "it begins there" test \
	"$(sql down "SELECT GROUP_CONCAT(v) FROM two.t WHERE id > 5")" = since,later
tell stop >/dev/null
tool_down

# rows_of SERVER FROM: as statements.
rows_of() {
	sql "$1" "SELECT CONCAT('INSERT INTO two.t VALUES (', id, ',', QUOTE(v), ');')
		FROM two.t WHERE id >= $2"
}

# A replica takes over: first read out of the relay log, then from itself.
sql down "DELETE FROM two.t WHERE id > 5; $(rows_of my 6)"
mysql_source_up my2 || exit 1
# It begins with what its source has purged.
sql my2 "RESET BINARY LOGS AND GTIDS;
	SET GLOBAL gtid_purged='$(sql my "SELECT @@gtid_purged")'"
sql my2 "SET sql_log_bin=0; CREATE DATABASE two; CREATE TABLE two.t (id INT
	AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20));
	$(rows_of my 1)"
sql my2 "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1',
	SOURCE_PORT=${PORT[my]}, SOURCE_USER='dm', SOURCE_PASSWORD='dm secret',
	GET_SOURCE_PUBLIC_KEY=1, SOURCE_AUTO_POSITION=1; START REPLICA"
tool_up my "$relay"
tell "$FOLLOW_MY" >/dev/null
tell run >/dev/null
sql my "INSERT INTO two.t (v) VALUES ('both'); FLUSH BINARY LOGS;
	INSERT INTO two.t (v) VALUES ('have')"
# has SERVER VALUE
has() { [ "$(sql "$1" "SELECT COUNT(*) FROM two.t WHERE v='$2'")" = 1 ]; }
check "MySQL: a replica has it" wait_for 60 "replica" has my2 have
check "synced before" wait_for 60 "synced" at_end my 1
tell stop >/dev/null
tool_down
sql my2 "STOP REPLICA; RESET REPLICA ALL; INSERT INTO two.t (v) VALUES ('new')"
printf '%s\n' "$mine.000001" "$(sql my2 "SELECT @@server_uuid").000002" \
	>"$relay/server-uuid.index"
tool_up my2 "$relay"
tell "follow 2 $W/my2 binlog" >/dev/null
tell run >/dev/null
sql my2 "INSERT INTO two.t (v) VALUES ('newer')"
check "the relay log goes on with it" wait_for 60 "synced" at_end my2 2
check "rows are equal" same_schema my2 down two
tell stop >/dev/null
tool_down
# Back, without a relay log; what both have is in another order there.
sql my "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1',
	SOURCE_PORT=${PORT[my2]}, SOURCE_USER='dm', SOURCE_PASSWORD='dm secret',
	GET_SOURCE_PUBLIC_KEY=1, SOURCE_AUTO_POSITION=1; START REPLICA"
check "the first one has all of it" wait_for 60 "replica" has my newer
tool_up my "$W/empty"
tell run >/dev/null
sql my "INSERT INTO two.t (v) VALUES ('last')"
check "the source is the first one again" wait_for 60 "synced" at_end my remote
check "rows are equal" same_schema my down two
tool_kill
tool_up my "$W/empty"
tell run >/dev/null
sql my "INSERT INTO two.t (v) VALUES ('end')"
check "also when it is started again" wait_for 60 "synced" at_end my remote
check "rows are equal" same_schema my down two
tell stop >/dev/null
check "the tool ends in order" tool_down

finish
