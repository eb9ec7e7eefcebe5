#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Configurations of megabytes reach their worker or are refused; alarms of
# etcd and a disk that fills up are told by dmctl.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
# shellcheck source=test/support/masters.sh
. "$(dirname "$0")/../support/masters.sh"
cluster_init
check "a source" source_up up
check "a target" mariadb_up down
sql up "CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY);
	INSERT INTO shop.t VALUES (1)"

# big_task NAME MEGABYTES: prints the name of a task file. Each one's tables go
# to a schema of its own.
big_task() {
	local file
	file=$(TASK_INSTANCE="  route-rules: [r]
  block-allow-list: l" task_yaml "$1" all down src1)
	{
		echo "routes:"
		echo "  r: {schema-pattern: shop, target-schema: $1}"
		echo "block-allow-list:"
		echo "  l:"
		echo "    do-dbs:"
		echo "    - shop"
		awk -v n="$(($2 * 250))" 'BEGIN {
			pad = sprintf("%03984d", 0)
			for (i = 0; i < n; i++)
				printf("    - %s%09d\n", pad, i) }'
	} >>"$file"
	echo "$file"
}

# ---- as large as etcd takes by default ----

check "a master" master_up m1
check "a worker" worker_up w1
check "source" ctl operate-source create "$(source_yaml src1 up)"
refuse "more than a request may have is refused with its limit" \
	"larger than max.*raise .max-request-bytes. of every dm-master" ctl start-task "$(big_task huge 3)"
check "a task of 1 MB" ctl start-task "$(big_task one 1)"
check "it replicates" wait_for 60 "one" same_table up down shop t one t
check "it is stopped" ctl stop-task one
check "config worker shows its own" \
	eval "ctl config worker w1 | grep -q 'join = .*$MASTER'"
refuse "config of an unknown worker" "worker not found" ctl config worker w7
stop w1
refuse "config of a worker that is away says so" "w1 is offline" \
	ctl config worker w1
stop m1

# ---- larger ones ----

check "the master takes larger requests" \
	master_up m1 --max-request-bytes 8388608
check "the worker" worker_up w1
for n in big1 big2 big3; do
	check "$n, of 2 MB" ctl start-task "$(big_task $n 2)"
done
check "big4, of 4 MB" ctl start-task "$(big_task big4 4)"
sql up "INSERT INTO shop.t VALUES (2)"
for n in big1 big2 big3 big4; do
	check "$n runs" wait_for 60 "$n" same_table up down shop t "$n" t
done
sessions() { grep -c "session with the master ended" "$W/w1.log"; }
before=$(sessions)
check "the worker has kept its session" test "$before" -le 1
check "a pause reaches it" ctl pause-task big4
check "a resume too" ctl resume-task big4
kill9 w1
check "a new process" worker_up w1
sql up "INSERT INTO shop.t VALUES (3)"
for n in big1 big2 big3 big4; do
	check "has $n too" wait_for 60 "$n" same_table up down shop t "$n" t
done
many() {
	local i
	for i in 5 6 7 8 9 10 11; do
		ctl start-task "$(big_task "big$i" 4)" || return 1
	done
}
refuse "what a worker could not be sent is refused" \
	"38029.*configurations of the sources and tasks of dm-worker w1" many
check "the worker has its session" worker_listed w1
check "the tasks run" wait_for 10 "big1" task_stage big1 Running
for n in $(ctl query-status | sed -n 's/.*"taskName": "\(.*\)".*/\1/p'); do
	ctl stop-task "$n" >/dev/null
done

# ---- alarms ----

etcd_call() { # PATH BODY
	curl -s -m 60 --unix-socket "$W/m1.data/c.sock:1" -d "$2" \
		"http://localhost/v3/$1"
}
alarm() { # ACTION
	etcd_call maintenance/alarm \
		"{\"action\":\"$1\",\"memberID\":\"$(member_id m1)\",\"alarm\":\"NOSPACE\"}"
}
small=$(task_yaml small all down src1)
check "an alarm is raised" alarm ACTIVATE
told() { ctl start-task "$small" | grep -q "alarm: NOSPACE"; }
check "start-task tells of it" wait_for 10 "alarm" told
refuse "which, where, and what to do" \
	"42501.*NOSPACE at member m1 .*unix://$W/m1.data/c.sock:1.*alarm disarm" \
	ctl start-task "$small"
check "query-status answers" ctl query-status
check "list-member answers" ctl list-member
check "the log has it" wait_for 10 "the line" grep -q "etcd has raised an alarm" "$W/m1.log"
id=$(member_id m1)
stop m1
master_spawn m1
# Nobody can become leader now.
elected_not() { at m1 query-status 2>&1 | grep -q "alarm: NOSPACE"; }
check "a restarted master says why there is no leader" \
	wait_for 30 "alarm" elected_not
disarm() {
	etcd_call maintenance/alarm \
		"{\"action\":\"DEACTIVATE\",\"memberID\":\"$id\",\"alarm\":\"NOSPACE\"}"
}
check "it is disarmed" disarm
started() { # also by an attempt whose answer was lost
	ctl start-task "$small" || task_stage small Running
}
check "all goes on" wait_for 60 "start" started
check "the log has that, too" wait_for 10 "the line" grep -q "the alarm of etcd is over" "$W/m1.log"
stop w1
stop m1

# ---- a disk that fills while etcd runs ----

full_disk() {
	mkdir "$W/disk" && mount -t tmpfs -o size=300m tmpfs "$W/disk" 2>/dev/null
}
if full_disk; then
	trap 'umount -l "$W/disk"; cluster_stop' EXIT
	on_disk() {
		master_ports m9
		MASTER=127.0.0.1:${PORT[m9]}
		master_spawn m9 --data-dir "$W/disk/data"
		wait_for 30 "m9" leader_up
	}
	check "a master on a small disk" on_disk
	check "it takes a source" ctl operate-source create "$W/src1.yaml"
	head -c 400m /dev/zero >"$W/disk/filler" 2>/dev/null
	fills() { # until etcd has no room any more
		local i
		for i in $(seq 400); do
			head -c 700000 /dev/urandom | base64 -w0 |
				sed 's/.*/{"key":"anVuaw==","value":"&"}/' |
				curl -s -m 60 --unix-socket "$W/disk/data/c.sock:1" \
					-d @- http://localhost/v3/kv/put |
				grep -q revision || return 0
		done
		return 1
	}
	check "etcd runs out of room" fills
	told_full() {
		local out
		out=$(ctl operate-source show 2>&1)
		grep -q "disk of data-dir is full" <<<"$out" &&
			grep -q "make room on the disk" <<<"$out"
	}
	check "dmctl tells that the disk is full" wait_for 40 "error" told_full
	rm "$W/disk/filler"
	back() { ctl operate-source show | grep -q src1; }
	check "with room it goes on by itself" wait_for 60 "source" back
	kill_tree -KILL "${PID[m9]}"
	sleep 1
	umount -l "$W/disk"
	trap cluster_stop EXIT
else
	skip "a disk that fills is told" "no tmpfs can be mounted"
fi
finish
