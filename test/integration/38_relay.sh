#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Relay logs: the writer alone (test/tools/relay_write.c) against real servers.
# Its files are the servers' own, byte for byte, whatever dies in between.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

TOOL=$BIN/../test/tools/relay_write
RELAY=$W/relay

source_up a --server-id=11 --log-slave-updates || exit 1
source_up b --server-id=12 --log-slave-updates || exit 1

# tool_up SOURCE [RELAY-DIR]
tool_up() {
	local to from
	SOURCE_EXTRA="${SOURCE_MORE:-flavor: mariadb}" source_yaml src1 "$1" >/dev/null
	coproc TOOL_PROC { exec "$TOOL" "$W/src1.yaml" "${2:-$RELAY}" 2>>"$W/tool.log"; }
	TOOL_PID=$TOOL_PROC_PID
	exec {TOOL_IN}>&"${TOOL_PROC[1]}" {TOOL_OUT}<&"${TOOL_PROC[0]}"
	to=${TOOL_PROC[1]} from=${TOOL_PROC[0]}
	exec {to}>&- {from}<&-
}

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

# is PATTERN: the status, a regular expression.
is() { tell status | tee "$W/status.out" | grep -qE "$1"; }

# at_end SERVER SUBDIR: it is where that server is.
at_end() {
	local name pos
	read -r name pos _ < <(binlog_end "$1")
	is "^$2;\\(${name//./\\.}, $pos\\);.*;caught;Running;"
}

# copied SERVER SUBDIR [RELAY-DIR]: every file there is the server's. One that
# the server has open, or died with, has a flag (byte 22) that it never sends.
copied() {
	local f own n=0
	for f in "${3:-$RELAY}/$2"/mysql-bin.*; do
		n=$((n + 1))
		own=$W/$1/${f##*/}
		if [ "$(od -An -tx1 -j21 -N1 "$own")" = " 01" ]; then
			cmp <(head -c 21 "$f") <(head -c 21 "$own") &&
				cmp <(tail -c +23 "$f") <(tail -c +23 "$own") || return 1
		else
			cmp "$f" "$own" || return 1
		fi
	done
	[ "$n" -ge "${COPIED_LEAST:-1}" ]
}

write() {
	local i text=
	for ((i = 0; i < $2; i++)); do
		text+="BEGIN; INSERT INTO app.k (v) VALUES ($i),($i+1);
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

for s in a b; do
	sql $s "CREATE DATABASE app; CREATE TABLE app.k (id INT AUTO_INCREMENT
		PRIMARY KEY, v INT); CREATE TABLE app.big (b LONGBLOB)"
done

# ---- it begins at the source's current file, from its begin ----

write a 20
sql a "FLUSH BINARY LOGS"
write a 20
first=$(binlog_end a | cut -f1)
tool_up a
check "it runs" test "$(tell run)" = ok
check "it reaches the source" wait_for 30 "caught" at_end a 0-11.000001
check "the file is the source's" copied a 0-11.000001
check "from the current file on" test ! -e "$RELAY/0-11.000001/mysql-bin.000001"
check "which is whole" test -e "$RELAY/0-11.000001/$first"
check "the index has the server" test "$(cat "$RELAY/server-uuid.index")" = 0-11.000001
check "GTIDs are those of the source" is \
	";$(sql a "SELECT @@global.gtid_binlog_pos");caught;"
check "it shows itself as a replica" grep -q "^dm-relay-" <<<"$(sql a \
	"SHOW SLAVE HOSTS" | cut -f2)"

sql a "INSERT INTO app.big VALUES (REPEAT('x', 5000000)); FLUSH BINARY LOGS"
write a 20
check "a large event and the next file" wait_for 30 "caught" at_end a 0-11.000001
COPIED_LEAST=2 check "the files are the source's" copied a 0-11.000001
check "relay.meta names the file" grep -q \
	"binlog-name = \"$(binlog_end a | cut -f1)\"" "$RELAY/0-11.000001/relay.meta"

second() {
	{
		echo run
		sleep 0.5
		echo status
	} | timeout 20 "$TOOL" "$W/src1.yaml" "$RELAY" 2>/dev/null
}
check "a second writer of the directory is refused with its path" grep -q \
	";Paused;30033 make relay directory $RELAY .*is locked" <<<"$(second)"

# ---- pause and resume ----

check "a pause" test "$(tell pause)" = ok
check "is shown" wait_for 10 "paused" is ';Paused;$'
write a 20
check "a resume" test "$(tell run)" = ok
check "goes on" wait_for 30 "caught" at_end a 0-11.000001
check "the files are the source's" copied a 0-11.000001

# ---- deaths ----

writer_up a
for i in 1 2 3 4 5 6; do
	sleep "0.$((RANDOM % 9 + 1))"
	tool_kill
	[ $((i % 2)) = 0 ] || sql a "FLUSH BINARY LOGS"
	tool_up a
	tell run >/dev/null
	sleep 0.5
done
writer_down
check "kill -9 of the worker, six times under writes" \
	wait_for 30 "caught" at_end a 0-11.000001
COPIED_LEAST=4 check "the files are the source's" copied a 0-11.000001

writer_up a
sleep 0.5
kill -9 "${PID[a]}"
wait "${PID[a]}" 2>/dev/null
sleep 2
check "while the source is down it is Running" is ';Running;$'
source_up a
sleep 1
writer_down
check "a source that crashed and came back" \
	wait_for 60 "caught" at_end a 0-11.000001
COPIED_LEAST=5 check "the files are the source's" copied a 0-11.000001

# ---- what a crash cut off, or a disk lost ----

check "the writer ends" tool_down
file=$RELAY/0-11.000001/$(binlog_end a | cut -f1)
truncate -s -7 "$file"
tool_up a
tell run >/dev/null
check "a torn tail is written anew" wait_for 30 "caught" at_end a 0-11.000001
check "the files are the source's" copied a 0-11.000001
tool_down
printf 'damage' | dd of="$file" bs=1 conv=notrunc status=none \
	seek=$(($(stat -c %s "$file") - 60))
tool_up a
tell run >/dev/null
check "damage in the newest file, too" wait_for 30 "caught" at_end a 0-11.000001
check "the files are the source's" copied a 0-11.000001
tool_down
rm "$file"
tool_up a
tell run >/dev/null
check "a newest file that is gone" wait_for 30 "caught" at_end a 0-11.000001
check "the files are the source's" copied a 0-11.000001
tool_down

# ---- where it begins ----

rm -rf "$RELAY"
tool_up a
tell need mysql-bin.000002 - 0-11 >/dev/null
tell run >/dev/null
check "a task's place is the begin" wait_for 30 "caught" at_end a 0-11.000001
check "with its file" test -e "$RELAY/0-11.000001/mysql-bin.000002" -a \
	! -e "$RELAY/0-11.000001/mysql-bin.000001"
COPIED_LEAST=5 check "the files are the source's" copied a 0-11.000001
tool_down

sql a "FLUSH BINARY LOGS"
write a 5
sql a "FLUSH BINARY LOGS"
tool_up a
tell need "$(binlog_end a | cut -f1)" - 0-11 >/dev/null
tell run >/dev/null
check "tasks that are ahead of it: it begins anew" \
	wait_for 30 "caught" at_end a 0-11.000001
check "without what nobody needs" test \
	"$(cd "$RELAY/0-11.000001" && echo mysql-bin.*)" = "$(binlog_end a | cut -f1)"
check "the files are the source's" copied a 0-11.000001
tool_down

rm -rf "$RELAY"
SOURCE_MORE="flavor: mariadb
relay-binlog-name: mysql-bin.000003" tool_up a
tell run >/dev/null
check "relay-binlog-name" wait_for 30 "caught" at_end a 0-11.000001
check "is the begin" test -e "$RELAY/0-11.000001/mysql-bin.000003" -a \
	! -e "$RELAY/0-11.000001/mysql-bin.000002"
tool_down

# ---- another server ----

# ---- what cannot be read ----

fails() { # fails PATTERN: of a writer with an empty directory
	rm -rf "$W/none"
	tool_up a "$W/none"
	[ -z "${NEED:-}" ] || tell need "$NEED" >/dev/null
	tell run >/dev/null
	wait_for 20 "$1" is "$1"
	tool_down
}
SOURCE_MORE="flavor: mariadb
relay-binlog-name: mysql-bin.000999" check "a file that the source has not" \
	fails ";Paused;(30012|30015) .*Could not find first log file"
SOURCE_MORE="flavor: mariadb
enable-gtid: true
relay-binlog-gtid: 0-11-99999999" check "a GTID that the source has not" \
	fails ";Paused;30014 start sync from GTID set 0-11-99999999"
NEED="../../x - 0-11" SOURCE_MORE="flavor: mariadb" check \
	"a place that is no file" fails ";Paused;30004 relay-binlog-name ../../x not valid"

SOURCE_MORE="flavor: mariadb" tool_up b
tell run >/dev/null
check "another server without GTIDs is refused" wait_for 20 "30034" is \
	";Paused;30034 can only switch relay's master server when GTID enabled"
tool_down
sql b "SET GLOBAL gtid_slave_pos='$(sql a "SELECT @@global.gtid_binlog_pos")'" ||
	sql b "RESET MASTER; SET GLOBAL gtid_slave_pos='$(sql a "SELECT @@global.gtid_binlog_pos")'"
write b 10
SOURCE_MORE="flavor: mariadb
enable-gtid: true" tool_up b
tell run >/dev/null
check "with GTIDs it is the next sub directory" \
	wait_for 30 "caught" at_end b 0-12.000002
check "the index has both" test "$(paste -sd, "$RELAY/server-uuid.index")" = \
	0-11.000001,0-12.000002
check "the files are the source's" copied b 0-12.000002
tool_down

# ---- MySQL ----

if other_is_there mysql && mysql_source_up m --log-bin=mysql-bin; then
	rm -rf "$RELAY"
	sql m "CREATE DATABASE app; CREATE TABLE app.k (id INT AUTO_INCREMENT
		PRIMARY KEY, v INT)"
	MDIR=$(sql m "SELECT @@server_uuid").000001
	SOURCE_MORE="flavor: mysql
enable-gtid: true" tool_up m
	tell run >/dev/null
	write m 20
	check "MySQL: it reaches the source" wait_for 30 "caught" at_end m "$MDIR"
	writer_up m
	for i in 1 2 3; do
		sleep "0.$((RANDOM % 9 + 1))"
		tool_kill
		sql m "FLUSH BINARY LOGS"
		SOURCE_MORE="flavor: mysql
enable-gtid: true" tool_up m
		tell run >/dev/null
		sleep 0.5
	done
	kill -9 "${PID[m]}"
	wait "${PID[m]}" 2>/dev/null
	mysql_source_up m --log-bin=mysql-bin
	sleep 1
	writer_down
	check "deaths of the worker and of MySQL" \
		wait_for 60 "caught" at_end m "$MDIR"
	COPIED_LEAST=4 check "the files are the source's" copied m "$MDIR"
	check "the index has one folder" test "$(cat "$RELAY/server-uuid.index")" = "$MDIR"
	tool_down
else
	skip "MySQL" "its packages cannot be had"
fi

# ---- a full disk ----

if mkdir -p "$W/small" && mount -t tmpfs -o size=3m tmpfs "$W/small" 2>/dev/null; then
	SOURCE_MORE="flavor: mariadb" tool_up a "$W/small/relay"
	tell run >/dev/null
	check "on a small disk it begins" wait_for 30 "caught" at_end a 0-11.000001
	sql a "INSERT INTO app.big VALUES (REPEAT('y', 4000000))"
	check "a full disk pauses it, with the reason" wait_for 30 "30025" is \
		";Paused;30025 write relay log file .*No space left on device"
	mount -o remount,size=64m "$W/small"
	check "with space it goes on by itself" \
		wait_for 60 "caught" at_end a 0-11.000001
	check "nothing is torn" copied a 0-11.000001 "$W/small/relay"
	tool_down
	umount "$W/small"
fi

finish
