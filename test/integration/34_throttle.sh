#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A full copy that holds back: `copy.rate-limit`, a source or a target under
# load, in the streamed copy and through files; other limits and other numbers of
# threads while it runs.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

source_up up || exit 1
mariadb_up down || exit 1
master_up m1 || exit 1
worker_up w1 --keepalive-ttl 10 || exit 1
sql up "CREATE DATABASE shop; USE shop;
 CREATE TABLE big (id BIGINT AUTO_INCREMENT PRIMARY KEY, a INT, b VARCHAR(100));
 INSERT INTO big (a,b) SELECT seq, REPEAT(CHAR(97 + seq MOD 26), 90) FROM seq_1_to_200000;
 CREATE TABLE small (id INT PRIMARY KEY); INSERT INTO small SELECT seq FROM seq_1_to_100"
check "operate-source create" \
	ctl operate-source create "$(source_yaml src1 up)"

# shows TASK TEXT: query-status --more has it.
shows() {
	"$BIN/dmctl" --master-addr "$MASTER" query-status "$1" --more >"$W/shows.out"
	grep -qF "$2" "$W/shows.out"
}

status() {
	"$BIN/dmctl" --master-addr "$MASTER" query-status "$1" --more |
		sed -n "s/^ *\"$2\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" |
		head -n 1
}

# limits WHAT [LINE...]: `copy` of the task file, and more of it.
limits() {
	TASK_EXTRA="copy: {$1}
block-allow-list:
  ours: {do-dbs: [shop]}"
	shift
	[ $# = 0 ] || TASK_EXTRA="$TASK_EXTRA
$(printf '%s\n' "$@")"
	TASK_INSTANCE="  block-allow-list: ours"
}

# Eight threads that are running at the source.
load_source() {
	sleepers=()
	for _ in 1 2 3 4 5 6 7 8; do
		mariadb --no-defaults -uroot -S "$W/up.sock" -e "DO SLEEP(300)" \
			>/dev/null 2>&1 &
		sleepers+=($!)
	done
	wait_for 20 sleepers running
}

running() {
	[ "$(sql up "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'DO SLEEP%'")" = 8 ]
}

unload_source() {
	sql up "SELECT id FROM information_schema.processlist WHERE info LIKE 'DO SLEEP%'" |
		sed 's/.*/KILL &;/' | mariadb --no-defaults -uroot -S "$W/up.sock"
	wait "${sleepers[@]}" 2>/dev/null
}

ends() {
	check "$1: it finishes" wait_for 120 Finished task_stage "$1" Finished
	check "$1: and all is equal" same_schema up down shop
	check "$1: it no longer holds back" shows "$1" '"throttle": ""'
	check "$1: stop-task" ctl stop-task "$1"
	sql down "DROP DATABASE shop"
}

# ---- the source is loaded ----

check "the source is loaded" load_source
limits "max-source-threads-running: 4"
yaml=$(task_yaml busy full down src1)
check "busy: start-task" ctl start-task "$yaml"
check "busy: the reason is shown" wait_for 30 reason \
	shows busy '(max-source-threads-running: 4)'
check "busy: nothing is copied" test "$(status busy finishedRows)" = 0
check "busy: the worker's log says so" grep -q "the full copy holds back" "$W/w1.log"
check "busy: it can be paused" ctl pause-task busy
check "busy: it is" wait_for 30 Paused task_stage busy Paused
check "busy: and resumed" ctl resume-task busy
check "busy: the reason is shown again" wait_for 30 reason \
	shows busy '(max-source-threads-running: 4)'
unload_source
ends busy
check "busy: the log tells of its end" grep -q "the full copy goes on" "$W/w1.log"

# The copy's own threads are no load.
limits "max-source-threads-running: 1, verify: true"
yaml=$(task_yaml own full down src1)
check "own: start-task with a limit below its threads" ctl start-task "$yaml"
ends own

check "the source is loaded" load_source
limits "max-source-threads-running: 4, rate-limit: 50, max-target-latency: 60s" \
	"copy-mode: files"
TASK_INSTANCE="$TASK_INSTANCE
  loader: {dir: $W/dump}"
yaml=$(task_yaml files full down src1)
check "files: start-task" ctl start-task "$yaml"
check "files: the dump tells the reason" wait_for 30 reason \
	shows files '(max-source-threads-running: 4)'
check "files: it is the dump" shows files '"unit": "Dump"'
check "files: and the rate" shows files '"rateLimit": "50"'
unload_source
ends files

# ---- the target is slow ----

# The task's own row cannot be read for some seconds.
limits "max-target-latency: 500ms, rate-limit: 1"
yaml=$(task_yaml slow full down src1)
check "slow: start-task" ctl start-task "$yaml"
check "slow: rows are copied" wait_for 60 rows bash -c \
	"[ \"\$(mariadb --no-defaults -uroot -S $W/down.sock -N -e \"SELECT COUNT(*) FROM dm_meta.dm_chunk WHERE task='slow'\")\" != 0 ]"
sql down "LOCK TABLES dm_meta.dm_owner WRITE; DO SLEEP(4)"
check "slow: the worker's log has the reason" wait_for 20 reason \
	grep -q 'the full copy holds back.*max-target-latency: 500ms' "$W/w1.log"

# ---- other settings while it runs ----

check "slow: the rate is shown" shows slow '"rateLimit": "1"'
sed -i 's/^copy:.*/copy: {}/; s/^  block-allow-list: ours/&\n  mydumper-thread: 1/' "$yaml"
check "slow: without limits, with one thread" ctl config task update "$yaml"
check "slow: that holds" wait_for 30 note bash -c \
	"\"$BIN/dmctl\" --master-addr $MASTER query-status slow --more | grep -q 'copying with 1 readers\\|Finished'"
check "slow: no rate" wait_for 20 rate shows slow '"rateLimit": "0"'
ends slow

# ---- refused ----

limits "max-target-latency: soon"
yaml=$(task_yaml bad full down src1)
check "a limit that is none is refused" bash -c \
	"\"$BIN/dmctl\" --master-addr $MASTER check-task \"$yaml\" 2>&1 | grep -q 'copy.max-target-latency'"
limits "rate-limit: -3"
yaml=$(task_yaml bad full down src1)
check "a negative rate is refused" bash -c \
	"\"$BIN/dmctl\" --master-addr $MASTER check-task \"$yaml\" 2>&1 | grep -q 'copy.rate-limit'"
finish
