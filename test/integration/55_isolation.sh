#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Workers that are cut off from the masters while they still reach the target:
# each is in a network namespace of its own, with one link to the masters and
# one to the databases. It must stop by itself before another gets its source,
# and come back as a free one when the network is whole again.
# shellcheck source=test/support/net.sh
. "$(dirname "$0")/../support/net.sh"
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init
TTL=6 # long enough for a machine that is busy with other work
ROUNDS=1
if [ -n "${SOAK:-}" ]; then
	TTL=3
	ROUNDS=10
fi
MASTERS=10.77.0.1   # on our loopback, reached by the link cN
DATABASES=10.77.0.2 # on our loopback, reached by the link dN

# ---- the network ----

# net_of NAME NUMBER: a namespace of that worker.
net_of() {
	local n=$2
	namespace "$1"
	link "$1" "c$n" "10.77.$n.1" "10.77.$n.2" $MASTERS/32
	link "$1" "d$n" "10.77.$((n + 100)).1" "10.77.$((n + 100)).2" \
		$DATABASES/32
}

cut_off() {
	ip link set "c${NUMBER[$1]}" down
}

heal() {
	ip link set "c${NUMBER[$1]}" up
}

declare -A NUMBER=([w1]=1 [w2]=2)
must ip link set lo up
must ip addr add $MASTERS/32 dev lo
must ip addr add $DATABASES/32 dev lo
net_of w1 1
net_of w2 2

# ---- the cluster ----

source_up up --bind-address=0.0.0.0 || exit 1
mariadb_up down --bind-address=0.0.0.0 || exit 1
PORT[m1]=$(free_port)
PORT[m1.peer]=$(free_port)
MASTER=$MASTERS:${PORT[m1]}
"$BIN/dm-master" --name m1 --data-dir "$W/m1.data" --master-addr "$MASTER" \
	--peer-urls "http://127.0.0.1:${PORT[m1.peer]}" --log-file "$W/m1.log" \
	>>"$W/m1.out" 2>&1 &
PID[m1]=$!
has_leader() { ctl list-member --leader | grep -q '"addr": "10'; }
wait_for 30 "dm-master" has_leader

remote_worker() {
	# shellcheck disable=SC2086 # a list of words
	${NET[$1]} "$BIN/dm-worker" --name "$1" --join "$MASTER" \
		--keepalive-ttl $TTL --worker-addr "127.0.0.1:8262" \
		--advertise-addr "10.77.${NUMBER[$1]}.2:8262" \
		--log-file "$W/$1.log" >>"$W/$1.out" 2>&1 &
	PID[$1]=$!
	wait_for 30 "dm-worker $1" worker_listed "$1"
}
remote_worker w1 || exit 1

on_data_link() {
	sed -i "s/host: 127.0.0.1/host: $DATABASES/" "$1"
	echo "$1"
}
sql up "CREATE DATABASE i; USE i;
 CREATE TABLE k (id INT AUTO_INCREMENT PRIMARY KEY, a INT, s VARCHAR(20));
 CREATE TABLE n (a INT, b VARCHAR(20)); CREATE TABLE c (id INT PRIMARY KEY, n BIGINT);
 INSERT INTO c SELECT seq, 0 FROM seq_1_to_20; INSERT INTO k (a,s) SELECT seq, 'start' FROM seq_1_to_1000"
check "operate-source create" ctl operate-source create \
	"$(on_data_link "$(source_yaml src1 up)")"
TASK_INSTANCE="  syncer-thread: 4"
check "start-task" ctl start-task \
	"$(on_data_link "$(task_yaml i all down src1)")"
remote_worker w2 || exit 1

# A row each 10 ms or so, with keys that move and rows without a key.
writer() {
	local i=0
	while [ ! -e "$W/enough" ]; do
		i=$((i + 1))
		echo "BEGIN; INSERT INTO k (a,s) VALUES ($i,'w'); UPDATE c SET n=n+1 WHERE id=1+$i MOD 20; INSERT INTO n VALUES ($i,'w'); COMMIT;
			UPDATE k SET id=id+1000000 WHERE id=$((RANDOM % 1000 + 1)); DO SLEEP(0.01);"
	done | mariadb --no-defaults --force -uroot -S "$W/up.sock" i >/dev/null 2>&1
}
writer &
PID[writer]=$!

# ---- what is looked at ----

stage_is() {
	ctl list-member --worker --name "$1" | grep -q "\"stage\": \"$2\""
}

# seconds WORKER TEXT [AFTER]: when the worker logged it last (as a number),
# after that moment.
seconds() {
	grep -F "$2" "$W/$1.log" | tail -n 1 | grep -oE '20[0-9]{2}/[0-9/]+ [0-9:.]+' |
		head -n 1 | while read -r day time; do
		date -d "$day $time" +%s.%N
	done
}

before() {
	awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && b != "" && a + 0 < b + 0) }'
}

rows_flow() { grows down "SELECT SUM(n) FROM i.c"; }

status_says() {
	ctl query-status -s src1 | grep -qE "$1"
}

# status_within SECONDS WHAT PATTERN: query-status tells it in time.
status_within() {
	check "query-status within $1 s: $2" within_ms "${1}000" status_says "$3"
}

stopped_itself() {
	before "$1" "$(seconds "$2" "the lease is lost")"
}

# isolate OWNER OTHER: OWNER has the source and loses the masters.
isolate() {
	local cut lost taken
	check "$1 replicates" wait_for 60 "rows" rows_flow
	cut=$(date +%s.%N)
	cut_off "$1"
	status_within 5 "$1 is not heard of" \
		"(has not reported|not connected)|\"worker\": \"$2\""
	check "$1 stops by itself" wait_for 20 "$1" stopped_itself "$cut" "$1"
	check "the source goes to $2" wait_for 30 "$2" stage_is "$2" bound
	lost=$(seconds "$1" "the lease is lost")
	taken=$(seconds "$2" "source comes to this worker")
	check "$1 stopped before $2 was told to begin" before "$lost" "$taken"
	check "$2 replicates" wait_for 30 "rows" rows_flow
	echo "# after the cut: $1 stopped, $2 began, rows flow:" \
		"$(awk -v c="$cut" -v l="$lost" -v t="$taken" -v n="$(date +%s.%N)" \
			'BEGIN { printf "%.1f s, %.1f s, %.1f s (TTL '$TTL' s)", l - c, t - c, n - c }')"
	status_within 5 "$2 runs it" "\"worker\": \"$2\""
	check "$1 is offline" wait_for 10 "$1" stage_is "$1" offline
	heal "$1"
	check "healed, $1 comes back as a free worker" \
		wait_for 30 "$1" stage_is "$1" free
	check "and $2 keeps the source" stage_is "$2" bound
}

for _ in $(seq 1 "$ROUNDS"); do
	isolate w1 w2
	isolate w2 w1
done

# Shorter than the lease: nothing changes hands, and no epoch is spent.
epoch=$(sql down "SELECT epoch FROM dm_meta.dm_owner WHERE task='i'")
cut_off w1
sleep 0.7
heal w1
check "a short cut: rows flow on" wait_for 30 "rows" rows_flow
check "a short cut: the source stays" stage_is w1 bound
check "a short cut: under its epoch" test "$epoch" = \
	"$(sql down "SELECT epoch FROM dm_meta.dm_owner WHERE task='i'")"

# Nobody is left: the source waits, and goes to the first that comes back.
cut_off w1
cut_off w2
check "without workers the source waits" wait_for 30 "offline" stage_is w1 offline
status_within 5 "nobody runs it" "relevant worker-client not found"
heal w2
check "the first that comes back gets it at once" \
	wait_for 20 "w2" stage_is w2 bound
heal w1
check "rows flow again" wait_for 30 "rows" rows_flow

touch "$W/enough"
wait "${PID[writer]}" 2>/dev/null
unset "PID[writer]"
check "it catches up" wait_for 60 synced task_synced i
check "every row is equal" same_schema up down i
check "no statement matched another number of rows" \
	bash -c "! \"$BIN/dmctl\" --master-addr $MASTER query-status i --more | grep '\"unexpectedRows\"' | grep -vq '\"0\"'"
finish
