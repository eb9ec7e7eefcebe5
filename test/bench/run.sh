#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make bench: our speed against the tools a user could take instead, in one
# run, on the same data, verified equal afterwards: a full copy, a dump and a
# load against mydumper and myloader, catching up against MariaDB's own replication and
# against mariadb-binlog piped into mariadb, decoding a binlog against
# mariadb-binlog.
#
#   BENCH_ROWS=500000  rows of each of 4 sysbench tables; the copy has a wide
#                      table and one of blobs besides
#   BENCH_OLTP=30000   transactions of oltp_write_only, 4 row changes each
#   BENCH_INS=60000    transactions of oltp_insert
#   BENCH_BULK=300000  rows inserted by 20 statements and updated by 20
#   BENCH_LAG=30       seconds of a steady 1,000 transactions a second
#   SECTIONS="copy decode apply durable lag"  what to run
#   WORKS="oltp ins bulk"  which logs to decode and apply
#   ROUNDS=1           how often; ratios are medians over the rounds
#   CHECK=1            3 rounds, and fail when a ratio is under its bar
#
# DESIGN: within a round the parties take turns; each starts from a physical
# copy of the same state, with the same durability: relaxed, or (in the section
# of that name) every commit on the disk. The replica has fetched its relay log
# before its time begins, mariadb-binlog reads a file; ours begins with dmctl.
set -u
rows=${BENCH_ROWS:-500000}
n_oltp=${BENCH_OLTP:-30000}
n_ins=${BENCH_INS:-60000}
n_bulk=${BENCH_BULK:-300000}
lag_s=${BENCH_LAG:-30}
sections=" ${SECTIONS:-copy decode apply durable lag} "
works=${WORKS:-oltp ins bulk}
rounds=${ROUNDS:-$([ -n "${CHECK:-}" ] && echo 3 || echo 1)}

# What a release must reach: time of the other / our time, or as told.
declare -A BAR=(
	[copy]=1.33       # mydumper and myloader, summed
	[copy-first]=1.08 # the same, no index is built after the rows
	[used-copy]=1.33  # their CPU / ours
	[dump]=1.00       # mydumper
	[used-dump]=1.00
	[load]=1.11 # myloader, of the files that mydumper wrote
	[oltp]=0.80 # the replica with its best number of threads
	[ins]=1.50
	[bulk]=0.70
	[durable-oltp]=1.50
	[durable-ins]=5.00
	[pipe-oltp]=4.00 # mariadb-binlog | mariadb
	[pipe-ins]=4.00
	[pipe-bulk]=2.00
	[cpu-oltp]=2.50 # CPU of the target's server / of our process
	[cpu-ins]=2.50
	[cpu-bulk]=2.50
	[decode-oltp]=10.00 # mariadb-binlog without -v
	[decode-ins]=10.00
	[mb-s-oltp]=300 # decoding, checksums verified: megabytes a second
	[mb-s-ins]=300
	[mb-s-bulk]=300
	[lag]=1.00    # 0.5 s / its 99th percentile at 1,000 transactions a second
	[memory]=1.00 # 150 MB / the largest RSS of our process
)

# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
cluster_init
SOURCE_NAME=src # for task_synced
cd "$W" || exit 1
RELAXED=(--innodb-flush-log-at-trx-commit=0 --sync-binlog=0
	--innodb-buffer-pool-size=512M --innodb-log-file-size=256M)
# shellcheck disable=SC2034 # by name, in target_with
DURABLE=(--innodb-flush-log-at-trx-commit=1 --sync-binlog=1
	--innodb-buffer-pool-size=512M --innodb-log-file-size=256M)
target_with() { # DURABILITY: the target's options
	local -n durability=$1
	TARGET=("${durability[@]}" --skip-log-bin --skip-slave-start
		--server-id=99)
}
target_with RELAXED

die() {
	echo "bench: $*" >&2
	mkdir -p "$CLUSTER_ROOT/build/bench"
	cp "$W"/*.log "$W"/*.out "$CLUSTER_ROOT/build/bench/" 2>/dev/null
	exit 1
}

now() {
	echo "${EPOCHREALTIME/[.,]/}"
}

# CPU seconds a process has used so far.
cpu() {
	awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hz }' \
		"/proc/${PID[$1]}/stat"
}

peak_mb() {
	awk '/^VmHWM/ { printf "%.0f", $2 / 1024 }' "/proc/${PID[$1]}/status"
}

# since BEGUN: seconds, with milliseconds.
since() {
	awk -v us=$(($(now) - $1)) 'BEGIN { printf "%.3f", us / 1e6 }'
}

# report WHAT NAME SECONDS ROWS MB CPU RSS TARGET-CPU: one line, and the time
# kept for the ratios in TIME[WHAT NAME ROUND].
declare -A TIME
report() {
	TIME["$1 $2 $round"]=$3
	TIME["used-$1 $2 $round"]=$6
	[ "$2" != dm-worker ] || {
		TIME["cpu-$1 target $round"]=$8
		TIME["cpu-$1 dm-worker $round"]=$6
		note_peak "$7"
	}
	awk -v what="$1" -v name="$2" -v s="$3" -v n="$4" -v mb="$5" -v c="$6" \
		-v rss="$7" -v t="$8" 'BEGIN {
		printf "%-12s %-28s %8.2f s %9.0f rows/s %7.1f MB/s %7.2f CPU s %5s MB RSS %7.2f target CPU s\n",
			what, name, s, n / s, mb / s, c, rss, t }'
}

SB() {
	local test=$1
	shift
	sysbench "$test" --db-driver=mysql --mysql-socket="$W/src.sock" \
		--mysql-user=root --mysql-db=sbtest --tables=4 \
		--table-size="$rows" --rand-seed=7 "$@" >>"$W/sysbench.out" 2>&1 ||
		die "sysbench: $(tail -n 3 "$W/sysbench.out")"
}

# target_up FROM: a new target `dst`, empty or with a copy of a state.
target_up() {
	local from=$1
	shift
	[ -z "${PID[dst]:-}" ] || target_down
	if [ -n "$from" ]; then
		cp -a "$W/$from" "$W/dst"
		PORT[dst]=$(free_port)
		printf '%s\n' "${TARGET[@]}" "$@" >"$W/dst.flags"
	fi
	mariadb_up dst "${TARGET[@]}" "$@" || die "no target"
}

target_down() {
	stop dst
	unset 'PID[dst]'
	rm -rf "$W/dst"
}

verify() {
	same_schema src dst sbtest || die "$1: rows differ"
}

source_end() {
	sql src "SHOW MASTER STATUS" | awk '{ print $1, $2 }'
}

# A state of the source to start targets from.
save_state() {
	stop src
	cp -a "$W/src" "$W/$1"
	rm -f "$W/$1"/mysql-bin.*
	source_up src
}

# ---- us ----

# One master and one worker, new for each measurement.
ours_up() {
	our=$((${our:-0} + 1))
	master_up "m$our" || die "no dm-master"
	worker_up "w$our" || die "no dm-worker"
	ctl operate-source create "$(source_yaml "s$our" src)" >"$W/ctl.out" ||
		die "$(cat "$W/ctl.out")"
}

ours_down() {
	stop "w$our"
	stop "m$our"
}

ours_start() {
	ctl start-task "$W/t$our.task.yaml" >"$W/ctl.out" ||
		die "$(cat "$W/ctl.out")"
}

note_peak() { # MB
	[ "$1" -le "$peak" ] || peak=$1
}

ours_run() { # WHAT ROWS MB MODE CONDITION...
	local what=$1 n=$2 mb=$3 mode=$4 begun took used target
	shift 4
	ours_up
	used=$(cpu "w$our") target=$(cpu dst)
	task_yaml "t$our" "$mode" dst "s$our" >/dev/null
	begun=$(now)
	ours_start
	until "$@" "t$our"; do
		task_stage "t$our" Paused && die "$(ctl query-status "t$our")"
		sleep 0.05
	done
	took=$(since "$begun")
	report "$what" "dm-worker" "$took" "$n" "$mb" \
		"$(cpu "w$our" | awk -v a="$used" '{ print $1 - a }')" \
		"$(peak_mb "w$our")" \
		"$(cpu dst | awk -v a="$target" '{ print $1 - a }')"
	[ -n "${UNVERIFIED:-}" ] || verify "dm-worker $what"
	ours_down
}

# The last change is a DDL: it waits for all before it. query-status would tell
# up to a second later.
arrived() {
	sql dst "SHOW TABLES FROM sbtest LIKE 'end_$work'" 2>/dev/null | grep -q .
}

task_finished() {
	task_stage "$1" Finished
}

# ---- the others ----

timed() { # FILE COMMAND...: appends "CPU-s RSS-kB"
	local out=$1
	shift
	/usr/bin/time -f '%U %S %M' -a -o "$out" "$@" >>"$W/tools.out" 2>&1 ||
		die "$1: $(tail -n 3 "$W/tools.out")"
}

# tool WHAT NAME COMMAND...: one measured run; sets `took` and `used`.
tool() {
	local what=$1 name=$2 begun target
	shift 2
	rm -f "$W/time.out"
	target=$(cpu dst)
	begun=$(now)
	timed time.out "$@"
	took=$(since "$begun")
	used=$(awk '{ print $1 + $2 }' "$W/time.out")
	dump_mb=$(du -sb "$W/dump" | awk '{ print $1 / 1e6 }')
	report "$what" "$name" "$took" "$copied" "$dump_mb" "$used" \
		"$(awk '{ printf "%.0f", $3 / 1024 }' "$W/time.out")" \
		"$(cpu dst | awk -v a="$target" '{ print $1 - a }')"
}

dump_and_load() {
	local took used first
	rm -rf "$W/dump"
	tool dump mydumper mydumper -S "$W/src.sock" -u root -B sbtest -t 2 \
		-o "$W/dump"
	first="$took $used"
	tool load myloader myloader -h 127.0.0.1 -P "${PORT[dst]}" -u dm \
		-p 'dm secret' -t 2 -d "$W/dump"
	verify "myloader"
	TIME["copy both $round"]=$(awk -v a="$took" '{ print $1 + a }' <<<"$first")
	TIME["copy-first both $round"]=${TIME["copy both $round"]}
	TIME["used-copy both $round"]=$(awk -v a="$used" '{ print $2 + a }' <<<"$first")
}

replica() { # WHAT ROWS MB STATE POSITION THREADS
	local begun took used end
	end=$(source_end)
	target_up "$4" --slave-parallel-threads="$6" \
		--slave-parallel-mode=optimistic --relay-log=relay
	sql dst "CHANGE MASTER TO master_host='127.0.0.1',
		master_port=${PORT[src]}, master_user='dm',
		master_password='dm secret', master_use_gtid=no,
		master_log_file='${5% *}', master_log_pos=${5#* };
		START SLAVE IO_THREAD"
	wait_for 300 "the relay log" replica_at Master_Log_File Read_Master_Log_Pos "$end"
	sleep 0.5
	used=$(cpu dst)
	begun=$(now)
	sql dst "START SLAVE SQL_THREAD"
	sql dst "SELECT MASTER_POS_WAIT('${end% *}', ${end#* }, 900)" >/dev/null
	took=$(since "$begun")
	replica_at Relay_Master_Log_File Exec_Master_Log_Pos "$end" ||
		die "replica: $(sql dst 'SHOW SLAVE STATUS\G' | grep Error)"
	report "$1" "replica, $6 parallel threads" "$took" "$2" "$3" 0 \
		"$(peak_mb dst)" "$(cpu dst | awk -v a="$used" '{ print $1 - a }')"
	verify "replica $1"
	sql dst "STOP SLAVE"
}

replica_at() { # FILE-FIELD POSITION-FIELD "FILE POSITION"
	local at
	at=$(mariadb --no-defaults -uroot -S "$W/dst.sock" -e 'SHOW SLAVE STATUS\G' |
		awk -v f="$1:" -v p="$2:" '$1 == f { a = $2 } $1 == p { b = $2 }
			END { print a, b }')
	[ "$at" = "$3" ]
}

# mariadb-binlog into mariadb, at the file.
pipe() { # WHAT ROWS MB STATE FILE
	local begun took used
	target_up "$4"
	rm -f "$W/time.out"
	used=$(cpu dst)
	begun=$(now)
	# shellcheck disable=SC2016 # the inner shell expands
	timed time.out bash -c 'set -o pipefail; mariadb-binlog "$1" |
		mariadb --no-defaults -uroot -S "$2"' - "$W/src/$5" "$W/dst.sock"
	took=$(since "$begun")
	report "$1" "mariadb-binlog | mariadb" "$took" "$2" "$3" \
		"$(awk '{ print $1 + $2 }' time.out)" \
		"$(awk '{ printf "%.0f", $3 / 1024 }' time.out)" \
		"$(cpu dst | awk -v a="$used" '{ print $1 - a }')"
	verify "mariadb-binlog $1"
}

# ---- sections ----

# What sysbench has none of: a wide table, and one of large values.
copy_tables() {
	local i columns=
	for ((i = 1; i <= 40; i++)); do
		columns+=", n$i INT NOT NULL DEFAULT $i, s$i VARCHAR(30) DEFAULT 'text $i'"
	done
	sql src "CREATE TABLE sbtest.wide (id INT PRIMARY KEY$columns);
		INSERT INTO sbtest.wide (id) SELECT seq FROM seq_1_to_$((rows / 25));
		CREATE TABLE sbtest.blobs (id INT PRIMARY KEY, b LONGBLOB);
		INSERT INTO sbtest.blobs SELECT seq,
			REPEAT(UNHEX(SHA2(seq, 512)), 1600) FROM seq_1_to_$((rows / 500))"
	copied=$((4 * rows + rows / 25 + rows / 500))
}

copy_round() {
	target_up ""
	dump_and_load
	target_up ""
	ours_run copy "$copied" "$dump_mb" full task_finished
	target_up ""
	TASK_EXTRA="copy: {indexes-first: true}" \
		ours_run copy-first "$copied" "$dump_mb" full task_finished
	TASK_INSTANCE="  loader: {dir: $W/ours}" UNVERIFIED=1 \
		ours_run dump "$copied" "$dump_mb" dump task_finished
	rm -rf "$W/ours"
	target_up ""
	TASK_INSTANCE="  loader: {dir: $W/dump}" \
		ours_run load "$copied" "$dump_mb" load task_finished
	target_down
	rm -rf "$W/dump"
}

# Rows are those of the log; it ends with the table that `arrived` looks for.
apply_round() { # WHAT ROWS STATE POSITION
	local end mb
	end=$(source_end)
	mb=$(awk -v a="${4#* }" -v b="${end#* }" 'BEGIN { print (b - a) / 1e6 }')
	replica "$1" "$2" "$mb" "$3" "$4" 0
	replica "$1" "$2" "$mb" "$3" "$4" 4
	case $1 in
	durable-*) replica "$1" "$2" "$mb" "$3" "$4" 8 ;;
	*) pipe "$1" "$2" "$mb" "$3" "${4% *}" ;;
	esac
	target_up "$3"
	TASK_INSTANCE="  meta:
    binlog-name: ${4% *}
    binlog-pos: ${4#* }" ours_run "$1" "$2" "$mb" incremental arrived
	target_down
}

# decode_round WHAT FILE: one binlog to typed rows, one thread, CPU time.
decode_round() {
	local got theirs
	read -r -a got < <("$CLUSTER_ROOT/build/release/test/bench/decode" \
		"$W/src/$2") || die "decode $1"
	rm -f "$W/decode.out"
	timed decode.out mariadb-binlog --verify-binlog-checksum \
		--result-file=/dev/null "$W/src/$2"
	theirs=$(awk '{ print $1 + $2 }' "$W/decode.out")
	printf '%-12s decode: %s MB, %s events, %s rows, %s CPU s, %s MB/s; mariadb-binlog %s CPU s\n' \
		"$1" "${got[@]:0:5}" "$theirs"
	TIME["decode-$1 dm-worker $round"]=${got[3]}
	TIME["decode-$1 mariadb-binlog $round"]=$theirs
	TIME["mb-s-$1 dm-worker $round"]=1
	TIME["mb-s-$1 rate $round"]=${got[4]}
}

# What a log is made of; sets `changed`, the number of its row changes.
generate() { # WORK
	local i
	case $1 in
	oltp)
		SB oltp_write_only --threads=4 --time=0 --events="$n_oltp" run
		changed=$((4 * n_oltp))
		;;
	ins)
		SB oltp_insert --threads=4 --time=0 --events="$n_ins" run
		changed=$n_ins
		;;
	bulk)
		local step=$((n_bulk / 20))
		sql src "CREATE TABLE sbtest.bulk LIKE sbtest.sbtest1"
		for ((i = 0; i < 20; i++)); do
			sql src "INSERT INTO sbtest.bulk (k, c, pad)
				SELECT a.k, a.c, a.pad FROM sbtest.sbtest1 a,
				(SELECT 1 UNION ALL SELECT 2) b LIMIT $step"
		done
		for ((i = 0; i < 20; i++)); do
			sql src "UPDATE sbtest.bulk SET k = id, c = REVERSE(c)
				WHERE id > (SELECT MIN(id) FROM sbtest.bulk)
				+ $((i * step)) LIMIT $step"
		done
		changed=$((2 * step * 20))
		;;
	esac
	sql src "CREATE TABLE sbtest.end_$1 (id INT PRIMARY KEY)"
}

log_rounds() { # WORK
	local work=$1 from changed
	save_state "base_$work"
	from=$(source_end)
	generate "$work"
	for ((round = 1; round <= rounds; round++)); do
		[[ $sections != *" decode "* ]] ||
			decode_round "$work" "${from% *}"
		target_with RELAXED
		[[ $sections != *" apply "* ]] ||
			apply_round "$work" "$changed" "base_$work" "$from"
		[[ $sections != *" durable "* || $work = bulk ]] || {
			target_with DURABLE
			apply_round "durable-$work" "$changed" "base_$work" \
				"$from"
		}
	done
	rm -rf "$W/base_$work"
}

# Source, target, load and we on the same processors. A row that says when it
# was written stands in the target beside the time at which it came there.
lag_round() {
	local from p beats
	save_state base_lag
	from=$(source_end)
	# In the log: the target's own structure has a column more.
	sql src "CREATE TABLE sbtest.beat (id INT PRIMARY KEY AUTO_INCREMENT,
		sent TIMESTAMP(6) NOT NULL)"
	target_up base_lag
	sql dst "CREATE TABLE sbtest.beat (id INT PRIMARY KEY, sent TIMESTAMP(6)
		NOT NULL, came TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6))"
	ours_up
	TASK_INSTANCE="  meta:
    binlog-name: ${from% *}
    binlog-pos: ${from#* }" task_yaml "t$our" incremental dst "s$our" >/dev/null
	ours_start
	sql src "INSERT INTO sbtest.beat (sent) VALUES (SYSDATE(6))"
	wait_for 60 "the first beat" beats_at dst 1
	rm -f "$W/no-more"
	while [ ! -e "$W/no-more" ]; do
		echo "INSERT INTO sbtest.beat (sent) VALUES (SYSDATE(6));"
		sleep 0.02
	done | mariadb --no-defaults -uroot -S "$W/src.sock" &
	SB oltp_write_only --threads=4 --rate=1000 --events=0 \
		--time="$lag_s" run
	touch "$W/no-more"
	wait $!
	beats=$(sql src "SELECT COUNT(*) FROM sbtest.beat")
	wait_for 120 "all beats" beats_at dst "$beats"
	p=$(sql dst "SELECT TIMESTAMPDIFF(MICROSECOND, sent, came) / 1e6
		FROM sbtest.beat WHERE id > 1 ORDER BY 1" | awk '
		{ v[NR] = $1 } END { printf "%.3f %.3f %.3f", v[int(NR / 2)],
			v[int(NR * 0.99)], v[NR] }')
	read -r -a p <<<"$p"
	printf '%-12s %s, %s beats: p50 %s s, p99 %s s, most %s s\n' lag \
		"$(awk '/transactions:/ { t = $3 } END { print t }' \
			"$W/sysbench.out" | tr -d '(') tx/s" "$beats" "${p[@]}"
	TIME["lag limit $round"]=0.5
	TIME["lag dm-worker $round"]=${p[1]}
	note_peak "$(peak_mb "w$our")"
	ours_down
	target_down
	sql src "DROP TABLE sbtest.beat"
	rm -rf "$W/base_lag"
}

beats_at() { # SERVER COUNT
	[ "$(sql "$1" "SELECT COUNT(*) FROM sbtest.beat" 2>/dev/null)" = "$2" ]
}

# ratio WHAT OTHER...: the median over rounds of best other / ours.
ratio() {
	local what=$1 r name best
	shift
	for ((r = 1; r <= rounds; r++)); do
		best=
		for name; do
			best+=" ${TIME["$what $name $r"]}"
		done
		echo "$best" | awk -v ours="${TIME["$what dm-worker $r"]}" '{
			m = $1
			for (i = 2; i <= NF; i++) if ($i < m) m = $i
			print m / ours }'
	done | sort -n | awk '{ v[NR] = $1 } END {
		printf "%.2f", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

missed=0
judge() { # WHAT RATIO
	local word
	word=$(awk -v r="$2" -v b="${BAR[$1]}" 'BEGIN { print r >= b ? "ok" : "missed" }')
	printf '%-12s %6s   bar %s   %s\n' "$1" "$2" "${BAR[$1]}" "$word"
	[ "$word" = ok ] || missed=$((missed + 1))
}

judge_log() { # WORK
	local threads=('replica, 0 parallel threads' 'replica, 4 parallel threads')
	[[ $sections != *" apply "* ]] || {
		judge "$1" "$(ratio "$1" "${threads[@]}")"
		judge "pipe-$1" "$(ratio "$1" 'mariadb-binlog | mariadb')"
		judge "cpu-$1" "$(ratio "cpu-$1" target)"
	}
	[[ $sections != *" durable "* || $1 = bulk ]] ||
		judge "durable-$1" "$(ratio "durable-$1" "${threads[@]}" \
			'replica, 8 parallel threads')"
	[[ $sections != *" decode "* ]] || {
		[ "$1" = bulk ] ||
			judge "decode-$1" "$(ratio "decode-$1" mariadb-binlog)"
		judge "mb-s-$1" "$(ratio "mb-s-$1" rate)"
	}
}

# A binlog longer than one file would need more than one position to sum up.
source_up src "${RELAXED[@]}" --max-binlog-size=1G || die "no source"
sql src "CREATE DATABASE sbtest"
echo "== data: 4 sysbench tables of $rows rows, $(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg)"
SB oltp_write_only --threads=2 prepare
peak=1
[[ $sections != *" copy "* ]] || {
	copy_tables
	for ((round = 1; round <= rounds; round++)); do
		copy_round
	done
	sql src "DROP TABLE sbtest.wide, sbtest.blobs"
}
for work in $works; do
	log_rounds "$work"
done
[[ $sections != *" lag "* ]] ||
	for ((round = 1; round <= rounds; round++)); do
		lag_round
	done
echo "== time of the best other / our time (bars are for an idle machine)"
[[ $sections != *" copy "* ]] || {
	for what in copy copy-first used-copy; do
		judge "$what" "$(ratio "$what" both)"
	done
	judge dump "$(ratio dump mydumper)"
	judge used-dump "$(ratio used-dump mydumper)"
	judge load "$(ratio load myloader)"
}
for work in $works; do
	judge_log "$work"
done
[[ $sections != *" lag "* ]] || judge lag "$(ratio lag limit)"
judge memory "$(awk -v p="$peak" 'BEGIN { printf "%.2f", 150 / p }')"
[ -z "${CHECK:-}" ] || [ "$missed" = 0 ]
