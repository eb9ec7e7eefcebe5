#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The public ports as others use them: stock gRPC clients of Python and Node
# built from our .proto files, HTTP, Prometheus, and strangers who send
# anything.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init
# shellcheck source=test/support/clients.sh
. "$(dirname "$0")/../support/clients.sh"
LIMIT=8388608
CONNECTS=${CONNECTS:-10000}
FEW=${SOAK:+$CONNECTS} # where the same code serves them
FEW=${FEW:-3000}

check "protoc and its Python plugin take our .proto files" stubs
check "npm installs Node's gRPC" node_packages

# ---- one master, one worker ----

check "a source starts" source_up up
source_yaml src1 up >/dev/null
check "dm-master starts" master_up m1 --max-request-bytes "$LIMIT"
check "dm-worker starts" worker_up w1
WORKER=127.0.0.1:${PORT[w1]}

for c in unary errors-carry-codes large-configs concurrent-calls \
	unimplemented-names-the-method call-by-reflection-alone \
	etcd-relay-keys etcd-is-closed-otherwise; do
	check "python: $c" py master "$c" "$MASTER"
done
check "python: deadlines-are-kept" \
	py master deadlines-are-kept "$MASTER" "${PID[m1]}"
check "python: health of the master" py master health "$MASTER" pb.Master
check "python: health of the worker" py master health "$WORKER"
check "python: reflection of the master" py master reflection "$MASTER" \
	pb.Master dm.v1.WorkerSession etcdserverpb.Cluster etcdserverpb.KV "${STANDARD[@]}"
check "python: reflection of the worker" py master reflection "$WORKER" \
	"${STANDARD[@]}"
check "node: all" timeout 900 node "$C/master.js" "$MASTER" "$PROTO"

# ---- HTTP ----

check "http: the master's pages" py gateway pages-of-master "$MASTER"
check "http: the worker's pages" py gateway pages-of-worker "$WORKER"
check "gateway: reads" py gateway gateway-reads "$MASTER" w1
check "gateway: writes" py gateway gateway-writes "$MASTER" "$W/src1.yaml"
check "gateway: errors" py gateway gateway-errors "$MASTER"
check "http: limits of the master" py gateway limits "$MASTER"
check "metrics of the master are DM's and well-formed" \
	"$PYTHON" "$C/metrics.py" "http://$MASTER/metrics" \
	dm_master_worker_state:gauge dm_master_cpu_usage:gauge \
	dm_master_start_leader_counter:counter process_open_fds:gauge
check "metrics of the worker are well-formed" \
	"$PYTHON" "$C/metrics.py" "http://$WORKER/metrics" \
	dm_worker_subtasks:gauge dm_worker_cpu_usage:gauge process_cpu_seconds_total:counter

# ---- strangers ----

for c in malformed-messages garbage-bytes silent-connections \
	slow-http-clients half-open-streams slow-readers; do
	check "hostile: $c" py hostile "$c" "$MASTER"
done
check "hostile: giant messages" py hostile giant-messages "$MASTER" \
	$((LIMIT + 524288))
for c in messages-before-hello bad-hellos second-hello; do
	check "hostile sessions: $c" py session "$c" "$MASTER"
done
check "hostile sessions: giant reports" \
	py session giant-reports "$MASTER" $((LIMIT + 524288))
check "hostile sessions: a flood of hellos" py session hello-flood "$MASTER" 1000
check "hostile: waiting calls are bounded" \
	py hostile waiting-calls-are-bounded "$MASTER" "$LIMIT"
comment "$(cat "$W/check.out")"
check "hostile: connections leave nothing" \
	py hostile connects-leave-nothing "$MASTER" "$CONNECTS"
comment "$(cat "$W/check.out")"
check "hostile: connections to a worker leave nothing" \
	env WORKER=1 timeout 900 "$PYTHON" "$C/hostile.py" \
	connects-leave-nothing "$WORKER" "$FEW"
comment "$(cat "$W/check.out")"
check "hostile: memory is bounded" \
	py hostile memory-is-bounded "$MASTER" "${PID[m1]}"
comment "$(cat "$W/check.out")"
still_the_same() {
	kill -0 "${PID[m1]}" && worker_listed w1 &&
		ctl operate-source show | grep -q '"sources": \['
}
check "the master is still the same process" still_the_same
stop m1
stop w1

# ---- three masters ----

# several NAME...: start masters that form one cluster.
several() {
	local n list=
	for n; do
		PORT[$n]=$(free_port)
		PORT[$n.peer]=$(free_port)
		list+=,$n=http://127.0.0.1:${PORT[$n.peer]}
	done
	for n; do
		"$BIN/dm-master" --name "$n" --data-dir "$W/$n.data" \
			--master-addr "127.0.0.1:${PORT[$n]}" \
			--peer-urls "http://127.0.0.1:${PORT[$n.peer]}" \
			--initial-cluster "${list#,}" \
			--log-file "$W/$n.log" >>"$W/$n.out" 2>&1 &
		PID[$n]=$!
	done
	MASTER=127.0.0.1:${PORT[$1]}
	wait_for 60 "a leader" leader_up
}

# Sets LEADER and FOLLOWER to two names of a, b, c.
find_leader() {
	local addr n
	addr=$(ctl list-member --leader | sed -n 's/.*"addr": "\(.*\)".*/\1/p')
	for n in a b c; do
		if [ "127.0.0.1:${PORT[$n]}" = "$addr" ]; then
			LEADER=$n
		else
			FOLLOWER=$n
		fi
	done
	[ -n "$LEADER" ]
}

check "three masters start" several a b c
check "one of them leads" find_leader
follower=127.0.0.1:${PORT[$FOLLOWER]}
leader=127.0.0.1:${PORT[$LEADER]}
forwards() {
	wait_for 30 "the follower" py "$1" follower-forwards "$follower" "$leader"
}
check "gateway: a follower forwards to the leader" forwards gateway
check "python: a follower forwards to the leader" forwards master
for n in a b c; do
	[ "$n" = "$FOLLOWER" ] || kill9 "$n"
done
alone() {
	wait_for 90 "the error" py gateway no-leader "$follower"
}
check "gateway: without a leader an error says so" alone
finish
