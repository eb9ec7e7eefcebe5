#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make bench, second part: the control plane under thousands of simulated
# workers, three real masters, no databases. The generator's use is apart.
#
#   SCALE_TASKS=1000     workers with a source and a task each
#   SCALE_WORKERS=10000  idle workers
#   SCALE_STEADY=40      seconds over which use is measured
#   CHECK=1              fail when a bar is missed
set -u
tasks=${SCALE_TASKS:-1000}
workers=${SCALE_WORKERS:-10000}
steady=${SCALE_STEADY:-40}
ttl=60

# What a release must reach: at most so much.
declare -A BAR=(
	[query-p99-ms]=100
	[report-age-p99-ms]=1100 # every second, and on its way
	[registered-s]=120
	[leader-cores]=1.00 # the leader and its etcd together
	[leader-rss-mb]=1024
	[leases-lost]=0
)

# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/masters.sh
. "$(dirname "$0")/../support/masters.sh"
# shellcheck source=test/support/scale.sh
. "$(dirname "$0")/../support/scale.sh"
cluster_init

die() {
	echo "scale: $*" >&2
	mkdir -p "$CLUSTER_ROOT/build/bench"
	cp "$W"/*.log "$W"/*.out "$CLUSTER_ROOT/build/bench/" 2>/dev/null
	exit 1
}

missed=0
judge() { # WHAT VALUE
	local word
	word=$(awk -v v="$2" -v b="${BAR[$1]}" 'BEGIN { print v <= b ? "ok" : "missed" }')
	printf '%-18s %9s   bar %s   %s\n' "$1" "$2" "${BAR[$1]}" "$word"
	[ "$word" = ok ] || missed=$((missed + 1))
}

# Seconds of processor a process has used, and its memory now.
cpu_of() {
	awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hz }' "/proc/$1/stat"
}

rss_of() {
	awk '/^VmRSS/ { printf "%.0f", $2 / 1024 }' "/proc/$1/status"
}

# measure WHAT: for $steady seconds. CORES and RSS become those of the leader
# with its etcd.
measure() {
	local n pid what begun=$EPOCHREALTIME lead row
	local -A pids=([generator]=${PID[gen]}) used=()
	lead=$(leader_name)
	for n in m1 m2 m3; do
		pids[$n]=${PID[$n]}
		pids[$n.etcd]=$(etcd_pid "$n")
	done
	for what in "${!pids[@]}"; do
		used[$what]=$(cpu_of "${pids[$what]}")
	done
	gen steady # what came before does not count
	sleep "$steady"
	CORES=0 RSS=0
	for what in generator m1 m1.etcd m2 m2.etcd m3 m3.etcd; do
		pid=${pids[$what]}
		row=$(awk -v a="${used[$what]}" -v b="$(cpu_of "$pid")" \
			-v s="$begun" -v e="$EPOCHREALTIME" \
			'BEGIN { printf "%.2f", (b - a) / (e - s) }')
		printf '%-6s %-10s %6s cores %6s MB RSS%s\n' "$1" "$what" "$row" \
			"$(rss_of "$pid")" "$([[ $what == $lead* ]] && echo ' leader')"
		[[ $what == $lead* ]] || continue
		CORES=$(awk -v a="$CORES" -v b="$row" 'BEGIN { print a + b }')
		RSS=$((RSS + $(rss_of "$pid")))
	done
	gen steady || die "the generator ended"
	echo "$1   sessions ${GOT[1]}, leases lost ${GOT[2]}, sessions ended ${GOT[3]}, heartbeat to ack p50 ${GOT[4]} ms p99 ${GOT[5]} ms, shortest lease left ${GOT[6]} ms"
}

# leader_loss WHAT: the process is killed, its etcd stays as it can.
leader_loss() {
	local old
	old=$(leader_name)
	gen mark
	kill9 "$old"
	gen_all moved 120 || die "not all on the new leader: ${GOT[*]}"
	echo "$1   leader killed: all ${GOT[1]} sessions on the new one after ${GOT[3]} s, Hello to Welcome p50 ${GOT[4]} ms p99 ${GOT[5]} ms"
	gen steady
	LOST=${GOT[2]}
	master_spawn "$old" --initial-cluster "$CLUSTER"
	wait_for 60 "all masters" masters_alive 3
}

echo "== control plane: $(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg)"
masters_up m1 m2 m3 || die "no masters"

seed_sources "$tasks" || die "no sources"
gen_up "$tasks" "$ttl"
gen_all registered 120 || die "registered: ${GOT[*]}"
echo "tasks  ${GOT[1]} workers registered in ${GOT[3]} s, Hello to Welcome p50 ${GOT[4]} ms p99 ${GOT[5]} ms"
gen_all bound 120 "$tasks" || die "bound: ${GOT[*]}"
echo "tasks  ${GOT[1]} tasks assigned after ${GOT[3]} s"
sleep 5
gen query "127.0.0.1:${PORT[$(leader_name)]}" 100
[ "${GOT[1]} ${GOT[2]}" = "$tasks 0" ] || die "query-status: ${GOT[*]}"
echo "tasks  query-status of ${GOT[1]}, 100 calls: p50 ${GOT[3]} ms, p99 ${GOT[4]} ms; reports p50 ${GOT[5]} ms old, p99 ${GOT[6]} ms"
QUERY=${GOT[4]} AGE=${GOT[6]}
measure tasks
leader_loss tasks
gen_down

gen_up "$workers" "$ttl"
gen_all registered 240 || die "registered: ${GOT[*]}"
REGISTERED=${GOT[3]}
echo "idle   ${GOT[1]} workers registered in ${GOT[3]} s, Hello to Welcome p50 ${GOT[4]} ms p99 ${GOT[5]} ms"
sleep 15
measure idle
leader_loss idle
gen_down

echo "== at most (bars are for an idle machine)"
judge query-p99-ms "$QUERY"
judge report-age-p99-ms "$AGE"
judge registered-s "$REGISTERED"
judge leader-cores "$CORES"
judge leader-rss-mb "$RSS"
judge leases-lost "$LOST"
[ -z "${CHECK:-}" ] || [ "$missed" = 0 ]
