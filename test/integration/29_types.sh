#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Random tables and rows of all types of each source server, copied and then
# replicated (insert, update, delete), and compared value by value. SEED=n runs
# one again; KINDS="mysql" only some servers.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
echo "# SEED=$SEED"
master_up m1 || exit 1
for w in w1 w2 w3; do
	worker_up $w --keepalive-ttl 5 || exit 1
done

# run_file SERVER FILE: stops at the first error.
run_file() {
	mariadb --no-defaults -uroot -S "$W/$1.sock" \
		--default-character-set=utf8mb4 <"$2"
}

# Which edge of which type is in the target, and how it came there.
coverage() {
	mariadb --no-defaults -uroot -S "$W/$1.sock" -N -B \
		--default-character-set=utf8mb4 <"$2" >"$W/cover.tsv" || return 1
	awk -F '\t' 'BEGIN { printf "# %-28s %-7s %5s %5s %5s\n", "type", "by", "NULL", "min", "max" }
		{ printf "# %-28s %-7s %5d %5d %5d\n", $1, $2, $3, $4, $5
		if (!$3 || !$4 || !$5) { holes++; print "# ^ a hole" } }
		END { printf "# %d rows, %d holes\n", NR, holes; exit !NR || holes > 0 }' "$W/cover.tsv"
}

# as_expected TASK: tells the statement, if not.
as_expected() {
	local out
	out=$(ctl query-status "$1" --more) || return 1
	grep -q '"unexpectedRows": "0"' <<<"$out" ||
		{ grep -o '"unexpected.*' <<<"$out" | cut -c1-2000; return 1; }
}

# types_of KIND SOURCE TARGET
types_of() {
	local s=$2 t=$3 yaml
	mkdir -p "$W/gen.$s"
	echo "# $s: $(python3 "$CLUSTER_ROOT/test/tools/types_gen.py" "$1" "$SEED" "$W/gen.$s")"
	check "$s: rows are made" run_file "$s" "$W/gen.$s/rows.sql"
	check "$s: operate-source create" \
		ctl operate-source create "$(source_yaml "src-$s" "$s")"
	TASK_EXTRA="block-allow-list:
  ours: {do-dbs: [rnd]}"
	TASK_INSTANCE="  block-allow-list: ours"
	yaml=$(task_yaml "rnd-$s" all "$t" "src-$s")
	check "$s: start-task" ctl start-task "$yaml"
	check "$s: it catches up" wait_for 120 synced task_synced "rnd-$s" "$s"
	check "$s: all that was copied is equal" same_schema "$s" "$t" rnd
	check "$s: changes are made" run_file "$s" "$W/gen.$s/change.sql"
	check "$s: it catches up" wait_for 120 synced task_synced "rnd-$s" "$s"
	check "$s: all that was replicated is equal" same_schema "$s" "$t" rnd
	check "$s: no edge of a type is missing" coverage "$t" "$W/gen.$s/cover.sql"
	check "$s: no statement matched another number of rows" as_expected "rnd-$s"
	check "$s: stop-task" ctl stop-task "rnd-$s"
	sql "$t" "DROP DATABASE rnd"
}

mariadb_up down || exit 1
for kind in ${KINDS:-mariadb mariadb11 mysql}; do
	case $kind in
	mariadb)
		source_up maria || exit 1
		types_of mariadb maria down
		stop maria
		;;
	mariadb11)
		other_up mariadb11 newer --server-id=$((RANDOM + 1)) \
			--log-bin=mysql-bin --binlog-format=ROW || exit 1
		other_up mariadb11 newdown --skip-log-bin || exit 1
		types_of mariadb11 newer newdown
		stop newer
		stop newdown
		;;
	mysql)
		if ! other_is_there mysql; then
			skip "MySQL" "its packages cannot be had"
			continue
		fi
		mysql_source_up my || exit 1
		types_of mysql my down
		;;
	esac
done
finish
