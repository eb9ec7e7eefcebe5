#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Workers and what they get: names, several sources, transfer, other
# configurations, commands that meet, a worker that hangs.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init
TTL=10
[ -z "${SOAK:-}" ] || TTL=4

stage_is() {
	ctl list-member --worker --name "$1" | grep -q "\"stage\": \"$2\""
}
has_source() {
	ctl list-member --worker --name "$1" | grep -q "\"source\": \"$2\""
}
status_says() {
	ctl query-status -s "$1" | grep -qE "$2"
}

source_up up || exit 1
source_up up2 || exit 1
mariadb_up down || exit 1
master_up m1 || exit 1
for n in up up2; do
	sql $n "CREATE DATABASE d_$n; USE d_$n; CREATE TABLE t (id INT PRIMARY KEY, v INT);
		INSERT INTO t SELECT seq, seq FROM seq_1_to_500"
done

# ---- waiting sources, several of them, names ----

check "a source without a worker waits" \
	ctl operate-source create "$(source_yaml s1 up)"
check "and another one" ctl operate-source create "$(source_yaml s2 up2)"
worker_up w1 --keepalive-ttl $TTL --max-sources 2
check "a worker that takes two gets both at once" within_ms 3000 has_source w1 "s1, s2"
PORT[w1b]=$(free_port)
twin() {
	timeout 120 "$BIN/dm-worker" --name w1 --join "$MASTER" \
		--worker-addr "127.0.0.1:${PORT[w1b]}" \
		--log-file "$W/w1b.log" 2>&1
}
refuse "a second worker of that name is refused" "46003" twin
check "and told who has it" grep -qF \
	"{\"name\":\"w1\",\"addr\":\"127.0.0.1:${PORT[w1]}\"}" <(twin)
check "the first one is not disturbed" stage_is w1 bound

# ---- commands that meet ----

task_yaml a all down s1 >/dev/null
task_yaml b all down s2 >/dev/null
ctl start-task "$W/a.task.yaml" >"$W/start1" 2>&1 &
one=$!
ctl start-task "$W/a.task.yaml" >"$W/start2" 2>&1 &
two=$!
wait $one
rc1=$?
wait $two
rc2=$?
check "of two starts at once one wins" test "$((rc1 == 0)) $((rc2 == 0))" != "1 1" -a "$((rc1 + rc2))" -gt 0
check "and the other is told" grep -qE "46014|46024" "$W/start1" "$W/start2"
check "the task runs once" wait_for 30 "a" task_synced a
ctl start-task "$W/b.task.yaml" >"$W/start1" 2>&1 &
one=$!
wait_for 10 "b" ctl query-status b
ctl stop-task b >"$W/stop" 2>&1
wait $one
check "a stop during a start leaves no task" \
	bash -c "! \"$BIN/dmctl\" --master-addr $MASTER --strict query-status b"
check "start-task again" ctl start-task "$W/b.task.yaml"
check "both run in one worker" wait_for 30 "b" task_synced b up2
check "and are equal" same_schema up down d_up
check "each from its source" same_schema up2 down d_up2

# ---- transfer ----

refuse "transfer to nobody" "46004" ctl transfer-source s1 w9
refuse "transfer of nothing" "46008" ctl transfer-source s9 w1
worker_up w2 --keepalive-ttl $TTL
check "what runs is not taken away by a new worker" stage_is w2 free
check "transfer-source" ctl transfer-source s1 w2
check "again is fine" ctl transfer-source s1 w2
refuse "a worker that is full takes no other" "46006" ctl transfer-source s2 w2
sql up "UPDATE d_up.t SET v=v+1"
check "it goes on there" wait_for 30 "a" task_synced a
check "equal" same_schema up down d_up

# ---- other configurations ----

sed -i 's/^from:/enable-gtid: true\nfrom:/' "$W/s1.yaml"
refuse "a source whose tasks run stays as it is" "46025" \
	ctl operate-source update "$W/s1.yaml"
check "pause-task" ctl pause-task a
check "one that rests is updated" ctl operate-source update "$W/s1.yaml"
shown() { ctl config source s1 | grep -q "enable-gtid: true"; }
check "which is shown" wait_for 10 "it" shown
sql up "UPDATE d_up.t SET v=v+1"
check "resume-task" ctl resume-task a
check "and it goes on" wait_for 30 "a" task_synced a
check "equal again" same_schema up down d_up

# ---- a worker that hangs ----

kill -STOP "${PID[w2]}"
check "within 5 s it is marked" within_ms 5000 status_says s1 \
	"dm-worker w2 has not reported for [0-9]+ s; last known state: a Running|not connected|\"worker\": \"w1\""
check "the other source is told as ever" status_says s2 '"stage": "Running"'
check "its source goes to the worker that has room" \
	wait_for 20 "w1" has_source w1 "s2, s1"
kill -CONT "${PID[w2]}"
check "awake, it is free" wait_for 20 "w2" stage_is w2 free
sql up "UPDATE d_up.t SET v=v+1"
check "which runs" wait_for 30 "a" task_synced a

# ---- a restart under the same name ----

kill9 w1
worker_up w1 --keepalive-ttl $TTL --max-sources 2
check "a restarted worker has its sources again" wait_for 10 "s2, s1" has_source w1 "s2, s1"
sql up2 "UPDATE d_up2.t SET v=v+1"
check "and goes on" wait_for 30 "b" task_synced b up2
check "equal at the end" same_schema up2 down d_up2
finish
