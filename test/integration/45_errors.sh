#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What stops a task while it runs: each has its code, a workaround that helps,
# and nothing is skipped.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

source_up up || exit 1
mariadb_up down || exit 1
master_up m1 || exit 1
worker_up w1 --keepalive-ttl 5 || exit 1
refuse "an address in use stops a dm-worker (40048)" 'start server' \
	timeout 120 "$BIN/dm-worker" --name w2 --join "$MASTER" \
	--worker-addr "127.0.0.1:${PORT[w1]}"
ctl operate-source create "$(source_yaml src1 up)" >/dev/null || exit 1

# stopped_by TASK CODE: it is paused by that error, which has a workaround.
stopped_by() {
	ctl query-status "$1" | tr -d '\n' |
		grep -qE "\"ErrCode\": $2,.*\"Workaround\": \"[^\"]"
}
sql up "CREATE DATABASE app; CREATE TABLE app.t (id INT PRIMARY KEY, v INT); INSERT INTO app.t VALUES (1,1)"
"$BIN/dmctl" --master-addr "$MASTER" start-task \
	"$(task_yaml nometa incremental down src1)" >/dev/null 2>&1
check "incremental without a place to start from: 20022" \
	wait_for 30 20022 stopped_by nometa 20022
ctl stop-task nometa >/dev/null

task=$(task_yaml t1 all down src1)
check "start-task" ctl start-task "$task"
check "it catches up" wait_for 60 synced task_synced t1
sql down "DROP TABLE app.t"
kill9 w1
check "a worker that begins again" worker_up w1 --keepalive-ttl 5
sql up "INSERT INTO app.t VALUES (3,3)"
check "and misses the target's table stops: 36070" \
	wait_for 60 36070 stopped_by t1 36070
sql down "CREATE TABLE app.t (id INT PRIMARY KEY, v INT); INSERT INTO app.t VALUES (1,1)"
check "resume-task" ctl resume-task t1
check "it goes on" wait_for 60 synced task_synced t1
check "with the row" test "$(sql down "SELECT v FROM app.t WHERE id=3")" = 3

check "pause-task" ctl pause-task t1
sql down "UPDATE dm_meta.dm_owner SET format = 99"
kill9 w1
worker_up w1 --keepalive-ttl 5
ctl resume-task t1 >/dev/null 2>&1
check "progress of a newer format: 36903" \
	wait_for 30 36903 stopped_by t1 36903
sql down "UPDATE dm_meta.dm_owner SET format = 1"
check "resume-task" ctl resume-task t1
check "it goes on" wait_for 60 synced task_synced t1

# More parentheses than the parser takes.
open=$(printf '(%.0s' {1..1100})
check "a statement that MariaDB understands" sql up \
	"CREATE TABLE app.s (id INT PRIMARY KEY, CHECK ${open}id > 0${open//\(/)})"
check "a DDL that cannot be understood stops it: 36067" \
	wait_for 30 36067 stopped_by t1 36067
finish
