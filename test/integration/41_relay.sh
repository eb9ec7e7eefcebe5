#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Relay logs in a cluster: start, pause, resume, stop and purge by dmctl; a task
# that reads them; a worker that has the relay log of a source alone.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init
TTL=10

source_up up --server-id=11 || exit 1
mariadb_up down || exit 1
master_up m1 || exit 1
sql up "CREATE DATABASE app; USE app; CREATE TABLE t (id INT AUTO_INCREMENT
	PRIMARY KEY, v INT); INSERT INTO t (v) SELECT seq FROM seq_1_to_500"

write() { sql up "USE app; INSERT INTO t (v) SELECT seq FROM seq_1_to_50"; }

# relay_says PATTERN [WORKER]: the relayStatus of src1, in one line.
relay_says() {
	ctl query-status -s src1 | tr -d '\n ' |
		grep -oE '"relayStatus":\{"masterBinlog[^]]*(\]|\})[^}]*\}' >"$W/relay.out"
	grep -qE "$1" "$W/relay.out"
}

# local_end: the task reads the relay log, and is at its end.
local_end() {
	local name pos out
	read -r name pos _ < <(binlog_end up)
	out=$(ctl query-status t) || return 1
	grep -qF "\"syncerBinlog\": \"(${name%.*}|000001.${name##*.}, $pos)\"" <<<"$out"
}

caught_up() {
	local name pos
	read -r name pos _ < <(binlog_end up)
	relay_says "\"relayBinlog\":\"\\($name,$pos\\)\".*\"relayCatchUpMaster\":true,\"stage\":\"Running\""
}

WDIR=$W/relay/w1/
worker_up w1 --keepalive-ttl $TTL --config <(printf 'relay-dir = "%s"\n' "$W/relay")
check "a source" ctl operate-source create "$(source_yaml src1 up)"
check "start-relay" ctl start-relay -s src1
check "the relay log is where the worker's relay-dir says" \
	wait_for 30 "index" test -s "$WDIR/server-uuid.index"
SUB=$(cat "$WDIR/server-uuid.index")
check "query-status shows it" wait_for 30 "caught up" caught_up
check "with its folder" relay_says "\"relaySubDir\":\"$SUB\""
check "a task" ctl start-task "$(task_yaml t all down src1)"
write
check "reads the relay log" wait_for 60 "local" local_end
check "rows are equal" same_schema up down app

# ---- deaths ----

for _ in 1 2 3; do
	write
	sql up "FLUSH BINARY LOGS"
	kill -9 "${PID[w1]}"
	wait "${PID[w1]}" 2>/dev/null
	write
	worker_up w1 --keepalive-ttl $TTL --config <(printf 'relay-dir = "%s"\n' "$W/relay")
done
check "kill -9 of the worker three times" wait_for 60 "local" local_end
check "rows are equal" same_schema up down app
check "the relay log is as it was" test "$(cat "$WDIR/server-uuid.index")" = "$SUB"
copied() {
	local f
	for f in "$WDIR/$SUB"/mysql-bin.*; do
		[ "${f##*/}" = "$(binlog_end up | cut -f1)" ] ||
			cmp "$f" "$W/up/${f##*/}" || return 1
	done
}
check "its files are the source's" copied

# ---- pause, resume ----

check "pause-relay" ctl pause-relay -s src1
check "is shown" wait_for 20 "Paused" relay_says '"stage":"Paused"'
write
check "the task goes on at the source" wait_for 60 "synced" task_synced t up
check "resume-relay" ctl resume-relay -s src1
check "goes on" wait_for 30 "caught up" caught_up

# ---- purge ----

sql up "FLUSH BINARY LOGS"
write
check "the task reads the relay log when it is started again" \
	ctl pause-task t
refuse "no purge while a task is paused" "30037.*subtask t is in stage Paused" \
	ctl purge-relay -s src1 -f "$(binlog_end up | cut -f1)"
check "a resume" ctl resume-task t
check "reads there" wait_for 60 "local" local_end
newest=$(binlog_end up | cut -f1)
check "purge-relay" ctl purge-relay -s src1 -f "$newest"
check "leaves the newest file" test "$(cd "$WDIR/$SUB" && echo mysql-bin.*)" = "$newest"
write
check "the task goes on" wait_for 60 "local" local_end
check "rows are equal" same_schema up down app

# ---- stop ----

check "stop-relay" ctl stop-relay -s src1
check "no relay is shown" wait_for 20 "none" grep -q '"relayStatus": null' \
	<(ctl query-status -s src1)
check "files stay" test -s "$WDIR/$SUB/$newest"
write
check "the task goes on at the source" wait_for 60 "synced" task_synced t up
check "rows are equal" same_schema up down app

# ---- a worker that has the relay log alone ----

stage_is() {
	ctl list-member --worker --name "$1" | grep -q "\"stage\": \"$2\""
}
worker_up w2 --keepalive-ttl $TTL --relay-keepalive-ttl 120 \
	--config <(printf 'relay-dir = "%s"\n' "$W/relay")
check "start-relay by name" ctl start-relay -s src1 w2
check "its stage is relay" wait_for 20 "relay" stage_is w2 relay
check "the log begins" wait_for 30 "files" test -s "$W/relay/w2/$SUB/relay.meta"
check "two answers for the source" wait_for 20 "w2" grep -q '"worker": "w2"' \
	<(ctl query-status -s src1)
stop w1
check "the worker with the relay log gets the source" wait_for 60 "bound" stage_is w2 bound
write
check "the task goes on there" wait_for 60 "synced" wait_for 60 local local_end
check "rows are equal" same_schema up down app
check "stop-relay by name" ctl stop-relay -s src1 w2

finish
