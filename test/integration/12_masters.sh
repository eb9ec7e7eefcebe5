#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Three masters: election, fail-over, quorum; with three workers and two
# sources under a writer while everything is killed.
#
#   KILLS   kills of the leader that are timed (3; SOAK: 20)
#   CHAOS   seconds of random kills (30; SOAK: 600)
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
# shellcheck source=test/support/masters.sh
. "$(dirname "$0")/../support/masters.sh"
cluster_init
KILLS=${KILLS:-3}
CHAOS=${CHAOS:-30}
if [ -n "${SOAK:-}" ]; then
	KILLS=20
	CHAOS=600
fi
RANDOM=${SEED:-$$}
echo "# SEED=${SEED:-$$} KILLS=$KILLS CHAOS=$CHAOS"

source_up up || exit 1
source_up up2 || exit 1
mariadb_up down || exit 1
again() { master_spawn "$1" --initial-cluster "$CLUSTER"; }

# ---- election ----

check "three masters started together elect a leader" masters_up m1 m2 m3
check "list-member shows all three alive" wait_for 10 "alive" masters_alive 3
same_leader() {
	local n
	for n in m1 m2 m3; do
		[ "$(at "$n" list-member --leader | grep '"name"')" = \
			"$(ctl list-member --leader | grep '"name"')" ] || return 1
	done
}
check "each of them names the same leader" same_leader

old=$(leader_name)
check "operate-leader evict" at "$old" operate-leader evict
check "an evicted leader gives way" wait_for 5 "leader" leader_is_not "$old"
kill9 "$old"
again "$old"
wait_for 20 "alive" masters_alive 3
for n in m1 m2 m3; do
	[ "$n" = "$old" ] || at "$n" operate-leader evict >/dev/null
done
refuse "with all evicted nobody leads, also not one that was started again" \
	"cancel-evict" ctl query-status
check "operate-leader cancel-evict" at "$old" operate-leader cancel-evict
check "lets it lead" wait_for 5 "leader" leader_is "$old"
for n in m1 m2 m3; do
	at "$n" operate-leader cancel-evict >/dev/null
done

stop "$old"
check "a leader that is stopped leaves at once" \
	wait_for 3 "leader" leader_is_not "$old"
again "$old"
wait_for 20 "alive" masters_alive 3

# ---- how long writes stand still ----

# A source is created and stopped in turns, without a worker to wait for.
exists=
write_once() {
	local out
	if [ -z "$exists" ]; then
		out=$(ctl operate-source create "$W/src9.yaml" 2>&1)
	else
		out=$(ctl operate-source stop src9 2>&1)
	fi || grep -qE '4600[78]' <<<"$out" || return 1
	exists=$([ -n "$exists" ] || echo yes)
}
lead_both() { # the kill takes etcd's leader too
	local n
	n=$(leader_name)
	[ -n "$n" ] || return 1
	[ "$(etcd_leader m1 m2 m3)" != "$n" ] || return 0
	curl -s -m 2 --unix-socket "$W/$(etcd_leader m1 m2 m3).data/c.sock:1" \
		-d "{\"targetID\":\"$(member_id "$n")\"}" \
		http://localhost/v3/maintenance/transfer-leadership >/dev/null
	return 1
}
source_yaml src9 up >/dev/null
check "a write is served" write_once
times=()
for i in $(seq 1 "$KILLS"); do
	wait_for 10 "one leader of both" lead_both
	old=$(leader_name)
	etcd=$(etcd_pid "$old")
	t=$(now_ms)
	kill9 "$old"
	wait_for 30 "a write" write_once
	times+=($(($(now_ms) - t)))
	kill -0 "$etcd" 2>/dev/null && orphan=$etcd
	echo "# kill $i: $old (etcd leader: $(etcd_leader m1 m2 m3)): ${times[-1]} ms"
	again "$old"
	wait_for 20 "alive" masters_alive 3
done
mapfile -t times < <(printf '%s\n' "${times[@]}" | sort -n)
median=${times[$((${#times[@]} / 2))]} worst=${times[-1]}
echo "# leader lost: writes served again after: median $median ms, worst $worst ms"
check "no etcd outlives its master" test -z "${orphan:-}"
if [ -n "${SOAK:-}" ]; then
	check "writes stand still for 3 s at most at the median" test "$median" -le 3000
	check "and for 6 s at most" test "$worst" -le 6000
fi
[ -z "$exists" ] || write_once

# ---- replication while everything is killed ----

sql up "CREATE DATABASE a; CREATE TABLE a.t (id INT AUTO_INCREMENT PRIMARY KEY, v INT, s VARCHAR(40)); CREATE TABLE a.k (a INT, b VARCHAR(20));
 INSERT INTO a.t (v,s) SELECT seq, 'start' FROM seq_1_to_2000" -D mysql
sql up2 "CREATE DATABASE b; CREATE TABLE b.t (id INT AUTO_INCREMENT PRIMARY KEY, v INT, s VARCHAR(40)); CREATE TABLE b.k (a INT, b VARCHAR(20));
 INSERT INTO b.t (v,s) SELECT seq, 'start' FROM seq_1_to_2000" -D mysql
for n in w1 w2 w3; do
	check "worker $n" worker_up "$n" --keepalive-ttl 8
done
check "a source" ctl operate-source create "$(source_yaml src1 up)"
check "another source" ctl operate-source create "$(source_yaml src2 up2)"
check "a task of both sources" ctl start-task "$(task_yaml both all down src1 src2)"

writer() { # SERVER DB
	local i=0
	while [ ! -e "$W/enough" ]; do
		i=$((i + 1))
		echo "BEGIN; INSERT INTO t (v,s) VALUES ($i,'w'); INSERT INTO k VALUES ($i,'k'); COMMIT;"
		echo "UPDATE t SET v=v+1, s='u$i' WHERE id=1+$((SRANDOM % 2000)); DELETE FROM t WHERE id=$((SRANDOM % 3000)) AND id>1000;"
		sleep 0.02
	done | mariadb --no-defaults -uroot -S "$W/$1.sock" "$2"
}
writer up a &
PID[writer]=$!
writer up2 b &
PID[writer2]=$!

status_right() {
	[ "$(ctl query-status both | grep -c '"stage": "Running"')" = 2 ]
}
check "both sources replicate" wait_for 20 "Running" status_right

old=$(leader_name)
kill9 "$old"
check "query-status is right soon after the leader's end" \
	wait_for 10 "query-status" status_right
check "no worker lost its lease by that" \
	bash -c "! grep -q 'the lease is lost' $W/w[123].log"
again "$old"
wait_for 20 "alive" masters_alive 3

for n in m1 m2 m3; do
	kill -KILL "$(etcd_pid "$n")"
	wait_for 10 "etcd of $n" masters_alive 3
	check "query-status is right after the end of the etcd of $n" \
		wait_for 10 "query-status" status_right
done
check "no worker lost its lease by those" \
	bash -c "! grep -q 'the lease is lost' $W/w[123].log"

# Never more than one master away, or there is no quorum.
until=$((SECONDS + CHAOS))
kills=0
while [ "$SECONDS" -lt "$until" ]; do
	kills=$((kills + 1))
	case $((RANDOM % 5)) in
	0) what=$(leader_name) ;;
	1 | 2) what=m$((RANDOM % 3 + 1)) ;;
	3) what=w$((RANDOM % 3 + 1)) ;;
	4) what=etcd ;;
	esac
	case $what in
	m?)
		kill9 "$what"
		sleep "$((RANDOM % 3))"
		again "$what"
		wait_for 20 "alive" masters_alive 3
		;;
	w?)
		kill9 "$what"
		worker_up "$what" --keepalive-ttl 8
		;;
	etcd) # it may be down already
		kill -KILL "$(etcd_pid "m$((RANDOM % 3 + 1))")" 2>/dev/null
		;;
	esac
	sleep "0.$((RANDOM % 10))"
done
echo "# $kills kills"
touch "$W/enough"
wait "${PID[writer]}" "${PID[writer2]}" 2>/dev/null
unset "PID[writer]" "PID[writer2]"
check "after the kills query-status is right" wait_for 30 "query-status" status_right
check "the first source is caught up with" wait_for 60 "synced" task_synced both up
check "the second too" wait_for 60 "synced" task_synced both up2
check "every row of the first is equal" same_schema up down a
check "every row of the second is equal" same_schema up2 down b

# ---- quorum ----

old=$(leader_name)
others=()
for n in m1 m2 m3; do [ "$n" = "$old" ] || others+=("$n"); done
kill9 "${others[0]}"
check "two of three still serve" wait_for 20 "query-status" status_right
refuse "a third one cannot be taken out: the quorum would be gone" "quorum" \
	ctl offline-member --master --name "${others[1]}"
kill9 "${others[1]}"
sleep 4
t=$SECONDS
refuse "without a quorum a command names those who are missing" \
	"no quorum: 1 of 3.*${others[1]} \(.*\) down" ctl query-status both
check "and does not take longer than 10 s" test $((SECONDS - t)) -le 10
again "${others[0]}"
check "with one more it goes on by itself" wait_for 30 "query-status" status_right
again "${others[1]}"
wait_for 20 "alive" masters_alive 3
finish
