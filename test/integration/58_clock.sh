#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Somebody sets the clock of a machine, by a day ahead and by a day back: no
# lease ends by that, no source moves, rows flow on.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init
TTL=8
[ -z "${SOAK:-}" ] || TTL=5

read -ra cc <<<"${CC:-cc}" # it may have words before the compiler
check "a clock that can be set" "${cc[@]}" -shared -fPIC -O1 \
	-o "$W/clock.so" "$CLUSTER_ROOT/test/support/clock_jump.c"
source_up up || exit 1
mariadb_up down || exit 1
sql up "CREATE DATABASE c; CREATE TABLE c.t (id INT PRIMARY KEY, v INT);
	INSERT INTO c.t SELECT seq, 0 FROM c.seq_1_to_200"

# Each program has a clock of its own.
with_clock() { # NAME COMMAND...
	local -x CLOCK_JUMP=$W/$1.clock LD_PRELOAD=$W/clock.so
	# A sanitizer's library wants to be the first that is loaded.
	local -x ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0
	shift
	"$@"
}
set_clock() { # NAME SECONDS
	echo "$2" >"$W/$1.clock.new"
	mv "$W/$1.clock.new" "$W/$1.clock"
}
check "dm-master" with_clock m1 master_up m1
check "a worker" with_clock w1 worker_up w1 --keepalive-ttl $TTL
check "its source" ctl operate-source create "$(source_yaml src1 up)"
check "a spare worker" with_clock w2 worker_up w2 --keepalive-ttl $TTL
check "start-task" ctl start-task "$(task_yaml c all down src1)"
check "replication begins" wait_for 60 synced task_synced c

has() { ctl list-member --worker --name w1 | grep -q '"source": "src1"'; }
holds() { ! grep -q 'the lease is lost' "$W/w1.log"; }
for who in m1 w1; do
	for jump in 86400 -86400; do
		set_clock "$who" "$jump"
		sql up "UPDATE c.t SET v=v+1"
		check "$who by $jump s: rows flow on" \
			wait_for 30 synced task_synced c
		sleep $((TTL + 1)) # a lease that is not renewed is over
		check "$who by $jump s: the source stays" has
		check "$who by $jump s: the worker keeps its lease" holds
		check "$who by $jump s: query-status says so" task_stage c Running
		check "$who by $jump s: list-member, a new call" worker_listed w2
	done
done
check "pause-task" ctl pause-task c
tomorrow=$(date -u -d tomorrow +%Y/%m/%d)
set_clock w1 86400
check "resume-task with another clock" ctl resume-task c
check "it goes on" wait_for 30 synced task_synced c
check "the clock was really set" \
	grep -qE "$tomorrow|$(date -u -d tomorrow +%Y/%m/%d)" "$W/w1.log"
check "every row is equal" same_schema up down c
finish
