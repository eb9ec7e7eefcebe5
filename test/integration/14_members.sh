#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Members that come and go: join, half a join, offline-member, five of them;
# and what keeps an etcd from running, told in words.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
# shellcheck source=test/support/masters.sh
. "$(dirname "$0")/../support/masters.sh"
cluster_init
check "three masters" masters_up m1 m2 m3
check "a worker" worker_up w1 --keepalive-ttl 5

# ---- members come and go ----

join() { master_spawn "$@" --join "$MASTER"; }
refuse "a name that is taken cannot join" "duplicate member m1" \
	timeout 120 "$BIN/dm-master" --name m1 --data-dir "$W/dup.data" \
	--master-addr "127.0.0.1:$(free_port)" --join "$MASTER" \
	--peer-urls "http://127.0.0.1:$(free_port)"
# Half a join: the member is added, and its master ends before etcd starts.
master_ports m4
timeout 20 "$BIN/dm-master" --name m4 --data-dir "$W/m4.data" --etcd-path false \
	--master-addr "127.0.0.1:${PORT[m4]}" --join "$MASTER" --log-file "$W/m4.log" \
	--peer-urls "http://127.0.0.1:${PORT[m4.peer]}" >/dev/null 2>&1
check "half a join leaves the cluster as it was" wait_for 10 "leader" leader_up
join m4
check "the next start goes on with it" wait_for 20 "four masters" masters_alive 4
voter() {
	local list
	list=$(curl -s -m 20 --unix-socket "$W/m1.data/c.sock:1" -d '{}' \
		http://localhost/v3/cluster/member/list) &&
		grep -q '"members"' <<<"$list" && ! grep -q isLearner <<<"$list"
}
check "it gets its vote" wait_for 20 "vote" voter
members_are() {
	[ "$(ctl list-member --master | grep -c '"memberID"')" = "$1" ]
}
kill9 m4
join m4
check "started again it is the same member" wait_for 20 "four masters" masters_alive 4
check "and not a fifth" wait_for 10 "four" members_are 4
check "a new master serves" wait_for 10 "query-status" at m4 query-status
# One list for all of them names the master itself, too.
kill9 m4
master_spawn m4 --join "$MASTER,127.0.0.1:${PORT[m4]}"
check "a restarted master may stand last in join" \
	wait_for 20 "four masters" masters_alive 4
kill9 m4
master_spawn m4 --join "http://127.0.0.1:${PORT[m4]}"
check "even alone, once it has data" wait_for 20 "four masters" masters_alive 4
join_self() { # LIST
	timeout 20 "$BIN/dm-master" --name m5 --data-dir "$W/m5.data" \
		--etcd-path false --master-addr "127.0.0.1:${PORT[m5]}" \
		--peer-urls "http://127.0.0.1:${PORT[m5.peer]}" --join "$1"
}
master_ports m5
refuse "without data nobody else is left to ask" \
	"38040.*join self 127.0.0.1:${PORT[m5]} is forbidden" \
	join_self "127.0.0.1:${PORT[m5]}"
join_twice() {
	master_spawn m5 --join "$MASTER,127.0.0.1:${PORT[m5]}"
	wait_for 30 "five masters" masters_alive 5
}
check "a new one joins by such a list" join_twice
check "its vote" wait_for 20 "vote" voter
kill9 m5
check "it goes again" ctl offline-member --master --name m5
kill9 m4
check "offline-member takes out a dead master" ctl offline-member --master --name m4
check "it is listed no more" wait_for 10 "three" members_are 3
refuse "taking it out again is refused" 38048 ctl offline-member --master --name m4
refuse "a master that was taken out says so when it starts" "taken out of the cluster" \
	bash -c "timeout 120 \"$BIN/dm-master\" --name m4 --data-dir $W/m4.data --master-addr 127.0.0.1:${PORT[m4]} --peer-urls http://127.0.0.1:${PORT[m4.peer]} --join $MASTER 2>&1; rc=\$?; [ \$rc = 2 ] && exit 1"
refuse "an online worker is not taken out" 46005 ctl offline-member --worker --name w1
kill9 w1
gone() { ctl list-member --worker --name w1 | grep -q offline; }
check "a dead worker goes offline" wait_for 30 "offline" gone
check "and can be taken out" ctl offline-member --worker --name w1

# ---- a worker knows more masters than its `join` names ----

again() { master_spawn "$1" --initial-cluster "$CLUSTER"; }
lead() { # NAME: by eviction of the others
	local n
	for n in m1 m2 m3; do
		[ "$n" = "$1" ] || at "$n" operate-leader evict >/dev/null
	done
	wait_for 20 "leader $1" leader_is "$1" || return 1
	for n in m1 m2 m3; do
		at "$n" operate-leader cancel-evict >/dev/null
	done
}
worker_of() { # NAME MASTER: --join is this master alone
	local n=$1
	PORT[$n]=$(free_port)
	"$BIN/dm-worker" --name "$n" --join "127.0.0.1:${PORT[$2]}" --keepalive-ttl 20 \
		--worker-addr "127.0.0.1:${PORT[$n]}" --log-file "$W/$n.log" \
		>>"$W/$n.out" 2>&1 &
	PID[$n]=$!
	wait_for 20 "dm-worker $n" worker_listed "$n"
}
# sessions WORKER MASTER: how many this master has opened for it.
sessions() { grep -c "dm-worker has a session.*$1" "$W/$2.log"; }
holds() { ! grep -q 'the lease is lost' "$W/$1.log"; }

check "one of three leads" lead m2
check "a worker whose --join is a follower alone finds the leader" worker_of w2 m1
check "a worker whose --join is the leader alone" worker_of w3 m2
had2=$(($(sessions w2 m1) + $(sessions w2 m3)))
had3=$(($(sessions w3 m1) + $(sessions w3 m3)))
kill9 m2
on_others() { # WORKER BEFORE
	[ $(($(sessions "$1" m1) + $(sessions "$1" m3))) -gt "$2" ]
}
check "when that one is killed the first goes on at another" \
	wait_for 20 "w2" on_others w2 "$had2"
check "and the second, which was told of it" \
	wait_for 20 "w3" on_others w3 "$had3"
check "the first kept its lease" holds w2
check "the second kept its lease" holds w3
again m2
check "the third is back" wait_for 20 "alive" masters_alive 3

# One that hangs keeps its connections: the workers notice by themselves.
old=$(the_leader)
declare -A had
for n in m1 m2 m3; do had[$n]=$(sessions w2 "$n"); done
kill_tree -STOP "${PID[$old]}"
on_another() {
	local n
	for n in m1 m2 m3; do
		[ "$n" = "$old" ] ||
			[ "$(sessions w2 "$n")" -le "${had[$n]}" ] || return 0
	done
	return 1
}
check "a worker leaves a leader that hangs" wait_for 30 "w2" on_another
check "because it had no answer" \
	grep -q "dm-master does not answer: trying another one" "$W/w2.log"
kill_tree -CONT "${PID[$old]}"
check "awake it follows the new leader" wait_for 20 "alive" masters_alive 3
check "and the worker is listed" wait_for 20 "w2" worker_listed w2

# ---- a disk that is lost, an address that changes ----

kill9 m3
rm -rf "$W/m3.data"
refuse "a lost data-dir is told" "knows a dm-master of this name, but data-dir has none" \
	timeout 120 "$BIN/dm-master" --name m3 --data-dir "$W/m3.data" \
	--master-addr "127.0.0.1:${PORT[m3]}" --initial-cluster "$CLUSTER" \
	--peer-urls "http://127.0.0.1:${PORT[m3.peer]}"
check "as told the old member is taken out" ctl offline-member --master --name m3
rm -rf "$W/m3.data"
join m3
check "a new one of that name joins" wait_for 30 "three" masters_alive 3
check "instead of the old one" members_are 3
check "its vote" wait_for 20 "vote" voter
kill9 m3
PORT[m3]=$(free_port)
join m3
moved() {
	ctl list-member --master --name m3 | grep -q "http://127.0.0.1:${PORT[m3]}\"" &&
		at m3 list-member >/dev/null
}
check "with another address it is listed under that" wait_for 20 "m3" moved
check "and alive" wait_for 20 "three" masters_alive 3
check "it leads" lead m3
check "and the workers find it" wait_for 30 "w2" worker_listed w2

# ---- what a person has to mend ----

starts_not() { # FLAG...: dm-master ends by itself
	timeout 120 "$BIN/dm-master" --name x1 --master-addr "127.0.0.1:$(free_port)" "$@" 2>&1
	[ $? = 124 ]
}
refuse "a peer port in use is told" "in use by another process" starts_not \
	--data-dir "$W/x1.data" --peer-urls "http://127.0.0.1:${PORT[m1]}"
cp -a "$W/m4.data" "$W/x2.data"
dd if=/dev/urandom of="$W/x2.data/member/snap/db" bs=4096 count=16 conv=notrunc 2>/dev/null
refuse "damaged data are told" "etcd data in data-dir are damaged" starts_not \
	--data-dir "$W/x2.data" --peer-urls "http://127.0.0.1:$(free_port)"
p=$(free_port)
refuse "two of one name in initial-cluster are told" "two dm-masters may have one name" \
	starts_not --data-dir "$W/x3.data" --peer-urls "http://127.0.0.1:$p" \
	--initial-cluster "x1=http://127.0.0.1:$p,x1=http://127.0.0.1:$(free_port)"
if mkdir "$W/full" && mount -t tmpfs -o size=1m tmpfs "$W/full" 2>/dev/null; then
	refuse "a full disk is told" "disk of data-dir is full" starts_not \
		--data-dir "$W/full/data" --peer-urls "http://127.0.0.1:$(free_port)"
	umount "$W/full"
else
	skip "a full disk is told" "no tmpfs can be mounted"
fi

# ---- five ----

for n in w2 w3 m1 m2 m3; do
	stop "$n"
done
check "five masters" masters_up e1 e2 e3 e4 e5
check "all are alive" wait_for 20 "five" masters_alive 5
lost=("$(the_leader)")
for n in e1 e2 e3 e4 e5; do
	[ "$n" = "${lost[0]}" ] || [ "${#lost[@]}" = 3 ] || lost+=("$n")
done
kill9 "${lost[0]}"
kill9 "${lost[1]}"
check "without two of five, one of them the leader, another leads" \
	wait_for 30 "leader" leader_is_not "${lost[0]}"
check "and takes writes" worker_up w5 --keepalive-ttl 5
kill9 "${lost[2]}"
missed() {
	ctl query-status 2>&1 |
		grep -qE "no quorum: 2 of 5.*${lost[2]} \(.*\) down"
}
wait_for 10 "the loss to be noticed" missed
refuse "without three there is no quorum, and who is missing is told" \
	"no quorum: 2 of 5.*${lost[2]} \(.*\) down" ctl query-status
refuse "nobody can join without a quorum" "code=38040" \
	timeout 120 "$BIN/dm-master" --name e6 --data-dir "$W/e6.data" --join "$MASTER" \
	--master-addr "127.0.0.1:$(free_port)" --peer-urls "http://127.0.0.1:$(free_port)"
stop w5
again "${lost[1]}"
check "with one more of them it goes on" wait_for 30 "leader" leader_up
removed() { # also by an attempt whose answer was lost
	local out
	out=$(ctl offline-member --worker --name w5 2>&1) ||
		grep -q 46004 <<<"$out"
}
check "and takes writes again" wait_for 20 "w5" removed
again "${lost[0]}"
again "${lost[2]}"
check "five are alive again" wait_for 30 "five" masters_alive 5
same_members() { # all tell the same
	local n
	for n in e1 e2 e3 e4 e5; do
		[ "$(at "$n" list-member)" = "$(ctl list-member)" ] || return 1
	done
}
check "and tell the same" wait_for 10 "all equal" same_members

# Out while they live: they must not go on as if nothing was.
live=$(the_leader)
for n in e1 e2 e3 e4 e5; do
	[ "$n" = "$live" ] || break
done
check "a member that lives is taken out" ctl offline-member --master --name "$n"
check "four are listed" wait_for 10 "four" members_are 4
check "and alive" wait_for 20 "four" masters_alive 4
check "the leader stays" test "$(the_leader)" = "$live"
out_of_it() { # NAME: its process has ended and said why
	has_ended "${PID[$1]}" && grep -q "taken out of the cluster" "$W/$1.log"
}
check "the one taken out ends and says why" wait_for 30 "end" out_of_it "$n"
check "the leader itself is taken out" \
	ctl offline-member --master --name "$live"
check "another leads" wait_for 30 "leader" leader_is_not "$live"
check "three are listed" wait_for 10 "three" members_are 3
check "and alive" wait_for 20 "three" masters_alive 3
check "the one that led ends too" wait_for 30 "end" out_of_it "$live"
check "the rest take writes" worker_up w6 --keepalive-ttl 5
finish
