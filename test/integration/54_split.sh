#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The network between the masters is cut: the leader no longer reaches the other
# two, nor they it, while workers and dmctl reach all three. Another leads, the
# old one answers with errors, the workers go over; healed, there is one leader
# and one state.
# shellcheck source=test/support/net.sh
. "$(dirname "$0")/../support/net.sh"
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
# shellcheck source=test/support/masters.sh
. "$(dirname "$0")/../support/masters.sh"
cluster_init
TTL=6
ROUNDS=1
[ -z "${SOAK:-}" ] || ROUNDS=10

# ---- the network: we are the router between the masters ----

HERE=10.78.0.1 # databases and workers
ip_of() { echo "10.78.${1#m}.2"; }
must ip link set lo up
must ip addr add $HERE/32 dev lo
must sysctl -q -w net.ipv4.ip_forward=1
for n in m1 m2 m3; do
	namespace "$n"
	link "$n" "v$n" "10.78.${n#m}.1" "$(ip_of "$n")" default
done

# between VERB NAME OTHER...: what goes from one to the others, or back, is
# dropped without a word (add), or not any more (del).
between() {
	local verb=$1 a b
	a=$(ip_of "$2")
	shift 2
	for b; do
		b=$(ip_of "$b")
		must ip rule "$verb" from "$a" to "$b" blackhole
		must ip rule "$verb" from "$b" to "$a" blackhole
	done
}

# ---- the cluster ----

source_up up --bind-address=0.0.0.0 || exit 1
mariadb_up down --bind-address=0.0.0.0 || exit 1
MASTER='' CLUSTER=''
for n in m1 m2 m3; do
	master_ports "$n"
	MASTER+=${MASTER:+,}$(ip_of "$n"):${PORT[$n]}
	CLUSTER+=${CLUSTER:+,}$n=http://$(ip_of "$n"):${PORT[$n.peer]}
done
for n in m1 m2 m3; do
	# shellcheck disable=SC2086 # a list of words
	${NET[$n]} "$BIN/dm-master" --name "$n" --data-dir "$W/$n.data" \
		--master-addr "$(ip_of "$n"):${PORT[$n]}" \
		--peer-urls "http://$(ip_of "$n"):${PORT[$n.peer]}" \
		--initial-cluster "$CLUSTER" --log-file "$W/$n.log" \
		>>"$W/$n.out" 2>&1 &
	PID[$n]=$!
done
has_leader() { [ -n "$(leader_name)" ]; }
check "three masters in networks of their own" wait_for 30 "leader" has_leader
check "all alive" wait_for 20 "alive" masters_alive 3
# of NAMES COMMAND...: dmctl with these masters alone.
of() {
	local n list=
	for n in $1; do
		list+=${list:+,}$(ip_of "$n"):${PORT[$n]}
	done
	shift
	MASTER=$list "$@"
}

here() { # the databases' address in that file
	sed -i "s/host: 127.0.0.1/host: $HERE/" "$1"
	echo "$1"
}
for n in w1 w2; do
	check "worker $n" worker_up "$n" --keepalive-ttl $TTL
done
sql up "CREATE DATABASE a; CREATE DATABASE b; CREATE TABLE a.t (id INT AUTO_INCREMENT PRIMARY KEY, v BIGINT);
	CREATE TABLE b.t (id INT PRIMARY KEY); INSERT INTO b.t VALUES (1)"
check "a source" ctl operate-source create "$(here "$(source_yaml src1 up)")"
TASK_INSTANCE='  block-allow-list: "l"'
lists() { printf 'block-allow-list:\n  l:\n    do-dbs: ["%s"]\n' "$1"; }
check "a task" ctl start-task "$(here "$(
	TASK_EXTRA=$(lists a) task_yaml a all down src1)")"
writer() {
	while [ ! -e "$W/enough" ]; do
		echo "INSERT INTO t (v) VALUES ($SRANDOM);"
		sleep 0.02
	done | mariadb --no-defaults -uroot -S "$W/up.sock" a
}
writer &
PID[writer]=$!

# ---- cut and healed ----

alive_in() { # NAMES: the source's task runs, as these masters tell it
	of "$1" status_exact a 1
}
one_leader() {
	local n name
	name=$(leader_name)
	for n in m1 m2 m3; do
		[ -n "$name" ] && [ "$(of "$n" leader_name)" = "$name" ] || return 1
	done
}
rows_flow() { grows down "SELECT COUNT(*) FROM a.t"; }
# sessions NAME LINE: how many workers have opened one there since that line.
sessions() {
	tail -n "+$2" "$W/$1.log" |
		grep -o 'dm-worker has a session.*worker=w[12]' |
		grep -o 'w[12]$' | sort -u | wc -l
}
went_over() { # both workers, to the one that leads now
	[ "$(sessions "$new" "${at[$new]}")" = 2 ]
}
declare -A at

split() {
	local old new rest=() n t
	check "$1: one leader" wait_for 30 "one leader" one_leader
	old=$(the_leader)
	for n in m1 m2 m3; do
		[ "$n" = "$old" ] || rest+=("$n")
		at[$n]=$(wc -l <"$W/$n.log")
	done
	between add "$old" "${rest[@]}"
	t=$(now_ms)
	check "$1: cut off from $old the others have a leader" \
		wait_for 20 "leader" of "${rest[*]}" leader_is_not "$old"
	t=$(($(now_ms) - t))
	new=$(of "${rest[*]}" the_leader)
	echo "# $1: $new leads after $t ms"
	check "$1: within 6 s" test "$t" -le $((6000 * TOLERANCE))
	kill -0 "${PID[$old]}" || tap 1 "$1: $old still runs"
	refuse "$1: start-task at $old answers an error" \
		"no quorum: 1 of 3|not leader|takes no writes|no leader" \
		of "$old" ctl start-task "$W/b.task.yaml"
	refuse "$1: so does a write without a task" \
		"no quorum: 1 of 3|not leader|takes no writes|no leader" \
		of "$old" ctl operate-source stop src1
	check "$1: the workers go over to $new" wait_for 30 "w1, w2" went_over
	check "$1: where query-status is right" \
		wait_for 20 "status" alive_in "${rest[*]}"
	check "$1: rows flow" wait_for 20 "rows" rows_flow
	refuse "$1: $old does not tell what it does not know" "." \
		of "$old" ctl query-status a
	check "$1: $new takes writes" of "${rest[*]}" ctl start-task "$W/b.task.yaml"
	between del "$old" "${rest[@]}"
	check "$1: healed all three name one leader" \
		wait_for 30 "one leader" one_leader
	check "$1: three are alive" wait_for 20 "alive" masters_alive 3
	check "$1: $old knows what happened meanwhile" \
		wait_for 20 "b" of "$old" status_exact b 1
	check "$1: and the workers" wait_for 20 "status" alive_in "$old"
	check "$1: stop-task" ctl stop-task b
}
here "$(TASK_EXTRA=$(lists b) task_yaml b all down src1)" >/dev/null
check "rows flow" wait_for 30 "rows" rows_flow
for i in $(seq 1 "$ROUNDS"); do
	split "cut $i"
done
touch "$W/enough"
wait "${PID[writer]}" 2>/dev/null
unset "PID[writer]"
check "it catches up" wait_for 60 "synced" task_synced a
check "every row is equal" same_schema up down a
check "also of the task that began in the cut" same_schema up down b
finish
