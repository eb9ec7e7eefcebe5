#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A cluster of one master and two workers: registration, sources, restarts.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

check "dm-master -V prints the version block" \
	bash -c "\"$BIN/dm-master\" -V | grep -q '^Release Version: '"
check "dm-worker --help names its flags" \
	bash -c "\"$BIN/dm-worker\" --help 2>&1 | grep -q keepalive-ttl"
refuse "an unknown flag is refused" "no-such-flag" \
	"$BIN/dm-worker" --no-such-flag
refuse "dmctl without a master address says so" "master-addr not provided" \
	env -u DM_MASTER_ADDR "$BIN/dmctl" list-member

check "a source starts" source_up up
check "dm-master starts with its etcd" master_up m1
check "a worker registers" worker_up w1 --keepalive-ttl 5
check "a second worker registers" worker_up w2 --keepalive-ttl 5
check "list-member shows the leader" \
	bash -c "ctl() { \"$BIN/dmctl\" --master-addr $MASTER \"\$@\"; }; ctl list-member | grep -q '\"name\": \"m1\"'"

refuse "a second worker of one name and another address is told why" 46003 \
	timeout 120 "$BIN/dm-worker" --name w1 --join "$MASTER" \
	--worker-addr "127.0.0.1:$(free_port)"

yaml=$(source_yaml src1 up)
check "operate-source create" ctl operate-source create "$yaml"
refuse "the same source again is refused" "46007" \
	ctl operate-source create "$yaml"
check "operate-source show" \
	bash -c "\"$BIN/dmctl\" --master-addr $MASTER operate-source show | grep -q src1"
check "config source hides the password" \
	bash -c "\"$BIN/dmctl\" --master-addr $MASTER config source src1 | tee $W/cfg | grep -q '\\*\\*\\*\\*\\*\\*' && ! grep -q 'dm secret' $W/cfg"

bound() { [ "$(ctl list-member --worker | grep -c '"stage": "bound"')" = 1 ]; }
check "one worker is bound" wait_for 10 "binding" bound
owner=$(ctl list-member --worker | grep -B3 '"source": "src1"' | sed -n 's/.*"name": "\(.*\)".*/\1/p')
check "the bound worker is known" test -n "$owner"

kill9 m1
check "dm-master starts again after kill -9" master_up m1
check "its workers come back" wait_for 20 "workers" worker_listed w1
check "the source is still there" \
	bash -c "\"$BIN/dmctl\" --master-addr $MASTER operate-source show | grep -q src1"
still() { ctl list-member --worker --name "$owner" | grep -q '"source": "src1"'; }
check "and bound to the same worker" wait_for 20 "binding" still

etcd=$(etcd_pid m1)
check "etcd runs as a child" test -n "$etcd"
kill -KILL "$etcd"
another_etcd() { [ "$(etcd_pid m1)" != "$etcd" ] && leader_up; }
check "the cluster answers again after kill -9 of etcd" \
	wait_for 30 "list-member" another_etcd

kill9 "$owner"
other() { ctl list-member --worker | grep -A4 '"stage": "bound"' | grep -q src1 && ! still; }
check "a killed worker's source goes to the other one" \
	wait_for 30 "takeover" other
check "the killed worker can come back" worker_up "$owner" --keepalive-ttl 5

check "operate-source stop" ctl operate-source stop "$yaml"
refuse "stopping it again is refused" "46008" ctl operate-source stop "$yaml"
check "an orderly stop of a worker" stop w1
gone() { ctl list-member --worker --name w1 | grep -q offline; }
check "takes it offline at once" within_ms 3000 gone
check "offline-member removes it" ctl offline-member --worker --name w1
check "the shell runs a command" \
	bash -c "echo list-member | \"$BIN/dmctl\" --master-addr $MASTER | grep -q '\"result\": true'"
finish
