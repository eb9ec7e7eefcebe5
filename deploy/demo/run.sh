#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make demo: migrate a database that is being written, end to end, on this
# machine. Starts two MariaDB servers, a dm-master and two dm-workers on free
# ports in a temporary folder, starts a task with dmctl, kills the worker in
# the middle, and compares every row at the end. Fails when anything differs.
#
#   KEEP=1      leave everything running and say how to play with it
#   SECONDS_OF_TRAFFIC=20
#   MAX_RSS_MB=150   of a dm-worker
set -u
traffic=${SECONDS_OF_TRAFFIC:-20}
limit_mb=${MAX_RSS_MB:-150}
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/support/cluster.sh
. "$here/../../test/support/cluster.sh"
cluster_init
cd "$W" || exit 1
begun=$SECONDS
timeline=()
declare -A RSS=([w1]=0 [w2]=0)

# ---- what the terminal shows ----

say() {
	[ ! -t 1 ] || printf '\r\033[K'
	printf '%s\n' "$*"
}

note() {
	timeline+=("$(printf '%4d s  %s' $((SECONDS - begun)) "$*")")
	say "== $*"
}

die() {
	say "demo FAILED: $*"
	mkdir -p "$CLUSTER_ROOT/build/demo"
	cp "$W"/*.log "$W"/*.out "$CLUSTER_ROOT/build/demo/" 2>/dev/null
	say "the logs are in build/demo"
	exit 1
}

# field NAME: of a dmctl answer in $status; one field a line.
field() {
	sed -n "s/^ *\"$1\": \"\?\([^\"]*[^\",]\)\"\?,\?\$/\1/p" <<<"$status" |
		head -n 1
}

last_line=-9
progress() {
	local unit text eta w kb
	for w in w1 w2; do
		kb=$(awk '/^VmHWM/ { print $2 }' "/proc/${PID[$w]}/status" 2>/dev/null)
		[ "${kb:-0}" -le "${RSS[$w]}" ] || RSS[$w]=$kb
	done
	status=$(ctl query-status shop --more 2>/dev/null) || status=
	unit=$(field unit)
	case $unit in
	Load | Dump)
		eta=$(field etaSeconds)
		text=$(printf 'copy %8s   %s of ~%s rows   %s rows/s   ETA %s   tables %s/%s' \
			"$(field progress)" "$(field finishedRows)" \
			"$(field totalRows)" "$(field rowsPerSecond)" \
			"$([ "${eta:--1}" -ge 0 ] && echo "$eta s" || echo '?')" \
			"$(field finishedTables)" "$(field totalTables)")
		;;
	Sync)
		text=$(printf 'sync   %s row changes   %s rows/s   lag %s ms   at %s' \
			"$(field totalRows)" "$(field recentRps)" \
			"$(field lagMilliseconds)" "$(field syncerBinlog)")
		;;
	*) text="waiting for a worker" ;;
	esac
	text=$(printf '%3d s  %-2s  %s' $((SECONDS - begun)) "$(bound_worker)" "$text")
	if [ -t 1 ]; then
		printf '\r\033[K%s' "${text:0:$(($(tput cols 2>/dev/null || echo 80) - 1))}"
	elif [ $((SECONDS - last_line)) -ge 2 ]; then
		last_line=$SECONDS
		printf '%s\n' "$text"
	fi
	case $(field stage) in
	Paused) die "the task paused: $(grep -m 3 -E '"(Message|RawCause)"' <<<"$status")" ;;
	esac
}

bound_worker() {
	ctl list-member --worker 2>/dev/null |
		grep -B 1 '"source": "upstream"' -B 3 |
		sed -n 's/.*"name": "\(.*\)",/\1/p' | head -n 1
}

# ---- the steps ----

start_servers() {
	note "starting MariaDB twice, dm-master, two dm-workers in $W"
	source_up src || die "no upstream MariaDB"
	mariadb_up dst --skip-log-bin || die "no downstream MariaDB"
	WORKER_FLAGS="$WORKER_FLAGS --keepalive-ttl 5"
	master_up m1 || die "no dm-master"
	worker_up w1 || die "no dm-worker w1"
	worker_up w2 || die "no dm-worker w2"
}

fill_source() {
	note "filling the upstream: 24 tables, about 640,000 rows"
	local f
	for f in schema fill; do
		mariadb --no-defaults -uroot -S "$W/src.sock" \
			--default-character-set=utf8mb4 <"$here/$f.sql" ||
			die "$f.sql"
	done
}

start_task() {
	note "dmctl operate-source create, dmctl start-task (mode all, foreign_key_checks: 1)"
	ctl operate-source create "$(source_yaml upstream src)" \
		>"$W/create.out" || die "$(cat "$W/create.out")"
	TASK_SESSION='{foreign_key_checks: 1}' \
		task_yaml shop all dst upstream >/dev/null
	ctl start-task "$W/shop.task.yaml" >"$W/start.out" ||
		die "$(cat "$W/start.out")"
}

source_commits() {
	sql src "SHOW GLOBAL STATUS LIKE 'Binlog_commits'" | cut -f2
}

start_writer() {
	note "traffic begins: $traffic s of inserts, updates, deletes, ALTER, TRUNCATE"
	commits=$(source_commits)
	"$here/writer.sh" "$traffic" |
		mariadb --no-defaults -uroot -S "$W/src.sock" \
			--default-character-set=utf8mb4 shop >"$W/writer.out" 2>&1 &
	PID[writer]=$!
}

kill_worker() {
	local w
	w=$(bound_worker)
	[ -n "$w" ] || die "no worker is bound"
	note "kill -9 of $w, which does the work (keepalive 5 s)"
	kill9 "$w"
	killed=$w
}

# The target is where the source ends, and the worker says so.
caught_up() {
	local at
	at=$(sql src "SHOW MASTER STATUS" | awk '{ print "(" $1 ", " $2 ")" }')
	[ "$(field syncerBinlog)" = "$at" ] && [ "$(field synced)" = true ]
}

migrate() {
	local killed='' other='' ended='' commits=0 until
	start_task
	start_writer
	until=$((SECONDS + traffic + 300))
	while :; do
		progress
		if [ -z "$killed" ] && [ $((SECONDS - begun)) -ge "$kill_at" ]; then
			kill_worker
		fi
		if [ -n "$killed" ] && [ -z "$other" ]; then
			other=$(bound_worker)
			[ "$other" != "$killed" ] || other=
			[ -z "$other" ] || note "$other has taken over"
		fi
		if [ -z "$ended" ] && ! kill -0 "${PID[writer]}" 2>/dev/null; then
			wait "${PID[writer]}" || die "the traffic: $(cat "$W/writer.out")"
			ended=1
			note "traffic ends: $(($(source_commits) - commits)) transactions"
		fi
		[ -z "$ended" ] || [ -z "$other" ] || ! caught_up || break
		[ "$SECONDS" -lt "$until" ] || die "not caught up after $((SECONDS - begun)) s: $status"
		sleep 0.4
	done
	note "caught up"
}

structure() {
	sql "$1" "SELECT table_name, ordinal_position, column_name, column_type,
		column_default, is_nullable, collation_name, extra
		FROM information_schema.columns WHERE table_schema='shop'
		ORDER BY 1, 2"
}

show_difference() {
	local s
	for s in src dst; do
		sql "$s" "SELECT $(exact_columns src shop "$1") FROM shop.\`$1\`" |
			LC_ALL=C sort >"$W/$s.rows"
	done
	echo "$1: rows that differ (source < > target)"
	diff "$W/src.rows" "$W/dst.rows" | grep '^[<>]' | head -n 6
}

compare() {
	local t rc=0 equal total_src=0 total_dst=0 n m
	note "comparing every row with the stock client"
	printf '\n%-16s %12s %12s  %s\n' table "rows source" "rows target" equal
	for t in $(sql src "SELECT table_name FROM information_schema.tables
		WHERE table_schema='shop' ORDER BY 1"); do
		equal=yes
		same_table src dst shop "$t" >"$W/differs.out" 2>&1 || {
			equal=NO
			rc=1
			show_difference "$t" >>"$W/differs.log"
		}
		n=$(sql src "SELECT COUNT(*) FROM shop.\`$t\`")
		m=$(sql dst "SELECT COUNT(*) FROM shop.\`$t\`" 2>/dev/null)
		total_src=$((total_src + n))
		total_dst=$((total_dst + ${m:-0}))
		printf '%-16s %12s %12s  %s\n' "$t" "$n" "${m:--}" "$equal"
	done
	printf '%-16s %12s %12s\n\n' total "$total_src" "$total_dst"
	[ "$rc" = 0 ] || cat "$W/differs.log"
	diff <(structure src) <(structure dst) || {
		say "the structures differ (source < > target)"
		rc=1
	}
	return "$rc"
}

start_servers
fill_source
kill_at=$((SECONDS - begun + traffic / 2))
migrate
rc=0
compare || rc=1
for w in w1 w2; do
	mb=$((RSS[$w] / 1024))
	say "most memory of dm-worker $w: $mb MB (limit $limit_mb)"
	[ "$mb" -le "$limit_mb" ] || rc=1
done
say "" && say "time line:"
printf '  %s\n' "${timeline[@]}"
say ""
[ "$rc" = 0 ] || die "see above"
say "demo ok: every row is equal"
if [ -n "${KEEP:-}" ]; then
	cat <<-E

		Still running, in $W:
		  export PATH=$BIN:\$PATH DM_MASTER_ADDR=$MASTER
		  dmctl query-status shop --more
		  dmctl list-member
		  dmctl pause-task shop; dmctl resume-task shop
		  mariadb -uroot -S $W/src.sock shop     # upstream
		  mariadb -uroot -S $W/dst.sock shop     # downstream
		  curl http://$MASTER/metrics
		To end it: kill $(jobs -pr | tr '\n' ' '); sleep 5; rm -rf $W
	E
fi
