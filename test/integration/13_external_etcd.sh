#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Two masters on one etcd that is not theirs; then on one with TLS and users,
# where the masters' own clients speak TLS too.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
# shellcheck source=test/support/masters.sh
. "$(dirname "$0")/../support/masters.sh"
# shellcheck source=test/support/certs.sh
. "$(dirname "$0")/../support/certs.sh"
cluster_init
CONNECTS=${CONNECTS:-${SOAK:+10000}}
CONNECTS=${CONNECTS:-2000}
# shellcheck source=test/support/clients.sh
. "$(dirname "$0")/../support/clients.sh"

peer=$(free_port)
client=$(free_port)
etcd_up() {
	etcd --name e1 --data-dir "$W/e1" --listen-peer-urls "http://127.0.0.1:$peer" \
		--initial-advertise-peer-urls "http://127.0.0.1:$peer" \
		--initial-cluster "e1=http://127.0.0.1:$peer" \
		--listen-client-urls "http://127.0.0.1:$client" \
		--advertise-client-urls "http://127.0.0.1:$client" \
		${QUOTA:+--quota-backend-bytes "$QUOTA"} >>"$W/etcd.out" 2>&1 &
	PID[etcd]=$!
}
outside() {
	master_spawn "$1" --etcd-mode external \
		--etcd-endpoints "http://127.0.0.1:${via:-$client}"
}
refuse "an etcd that does not answer is told" "etcd does not answer" \
	timeout 120 "$BIN/dm-master" --name m1 --data-dir "$W/m1.data" \
	--master-addr "127.0.0.1:$(free_port)" --etcd-mode external \
	--etcd-endpoints "http://127.0.0.1:$client"
etcd_up
source_up up || exit 1
masters_plan m1 m2
outside m1
outside m2
check "two masters elect a leader" wait_for 30 "leader" leader_up
check "list-member shows both" wait_for 10 "alive" masters_alive 2
check "a worker registers" worker_up w1 --keepalive-ttl 10
lone_worker() {
	PORT[w2]=$(free_port)
	"$BIN/dm-worker" --name w2 --join "127.0.0.1:${PORT[m1]}" --keepalive-ttl 10 \
		--worker-addr "127.0.0.1:${PORT[w2]}" --log-file "$W/w2.log" \
		>>"$W/w2.out" 2>&1 &
	PID[w2]=$!
	wait_for 30 "w2" worker_listed w2
}
check "a worker that knows one master registers" lone_worker
check "and is told of the other" wait_for 20 "masters" \
	grep -q "the cluster has other masters" "$W/w2.log"
for n in m1 m2; do
	for other in m1 m2; do
		check "$n: config master $other" eval "at $n config master $other | grep -q 'name = .*$other'"
	done
done
refuse "config master of nobody" "master not found" ctl config master m7
urls() { ctl list-member --master | grep -A1 clientURLs | grep -q "http://127.0.0.1:${PORT[m1]}"; }
check "client URLs have the scheme in use" wait_for 10 "URLs" urls
check "a source" ctl operate-source create "$(source_yaml src1 up)"
refuse "another master of the same name is refused" "38040.*another dm-master of this name" \
	timeout 120 "$BIN/dm-master" --name m1 --data-dir "$W/m9.data" \
	--master-addr "127.0.0.1:$(free_port)" --etcd-mode external \
	--etcd-endpoints "http://127.0.0.1:$client"
old=$(the_leader)
refuse "a master that runs is not taken out" "stop it first" \
	ctl offline-member --master --name "$old"
kill9 "$old"
check "the other takes over" wait_for 20 "leader" leader_is_not "$old"
still() { ctl list-member --worker --name w1 | grep -q '"source": "src1"'; }
check "with the binding of the source" wait_for 10 "binding" still
check "the dead one is shown as such" wait_for 10 "alive" masters_alive 1
check "and can be taken out" ctl offline-member --master --name "$old"
one() { [ "$(ctl list-member --master | grep -c '"memberID"')" = 1 ]; }
check "then it is listed no more" wait_for 10 "one" one
kill9 etcd
lost() { ctl operate-source show 2>&1 | grep -qE "external etcd .* takes no writes"; }
wait_for 20 "the loss to be noticed" lost
refuse "without etcd a command says so" "external etcd .* takes no writes" \
	ctl operate-source show
etcd_up
shown() { ctl operate-source show | grep -q src1; }
check "and all goes on when it is back" wait_for 30 "source" shown

# ---- a transaction that comes late ----

now=$(leader_name)
stop "$now"
via=$(free_port)
mkdir "$W/late"
python3 "$CLUSTER_ROOT/test/support/late_proxy.py" "$via" "$client" "$W/late" \
	>>"$W/late.out" 2>&1 &
PID[proxy]=$!
outside "$now"
check "a master behind a proxy leads" wait_for 30 "leader" leader_is "$now"
check "and knows its source" wait_for 20 "source" shown
source_yaml src3 up >/dev/null
touch "$W/late/hold"
refuse "a write whose answer is lost is told" "42501|it may" \
	ctl --strict operate-source create "$W/src3.yaml"
check "it was kept back" test ! -e "$W/late/hold"
check "commands go on" wait_for 20 "source" shown
touch "$W/late/release"
check "it comes late" wait_for 20 "answer" test -e "$W/late/answer"
not_done() {
	grep -q '"revision"' "$W/late/answer" &&
		! grep -q '"succeeded":true' "$W/late/answer"
}
check "and is not done any more" not_done
check "so the source is not there, and can be made" \
	ctl --strict operate-source create "$W/src3.yaml"
check "and stopped" ctl operate-source stop src3
stop "$now"
kill "${PID[proxy]}"
via=
outside "$now"
check "without the proxy" wait_for 30 "leader" leader_is "$now"

# ---- its database is full ----

kill9 etcd
QUOTA=8000000
etcd_up
check "it is back, with a small quota" wait_for 30 "source" shown
export ETCDCTL_API=3
e() { etcdctl --endpoints "http://127.0.0.1:$client" --command-timeout=60s "$@"; }
fill() {
	head -c 1000000 /dev/urandom | base64 -w0 >"$W/junk"
	for _ in $(seq 30); do
		e put "junk" <"$W/junk" >/dev/null 2>&1 ||
			! e alarm list | grep -q NOSPACE || return 0
	done
	return 1
}
check "the database grows to its quota" fill
source_yaml src2 up >/dev/null
refuse "a write is refused, with the alarm, where, and what to do" \
	"42501.*alarm: NOSPACE at member e1 .*its database has .*compact.*defrag.*alarm disarm" \
	ctl operate-source create "$W/src2.yaml"
check "reads are answered" shown
check "list-member too" ctl list-member
mend() {
	local rev
	rev=$(e endpoint status -w json | grep -o '"revision":[0-9]*' | head -n 1 | cut -d: -f2)
	e compact --physical "$rev" && e defrag && e alarm disarm
}
check "it is mended as told" mend
created() { # also by an attempt whose answer was lost
	local out
	out=$(ctl operate-source create "$W/src2.yaml" 2>&1) ||
		grep -q 46007 <<<"$out"
}
check "and dm-master goes on by itself" wait_for 20 "write" created
for n in w1 m1 m2; do
	stop "$n"
done

# ---- TLS, and a user who may touch our keys only ----

certs() {
	ca_new ca && ca_new ca2 && cert_new etcd ca etcd && cert_new dm ca dm &&
		cert_new alien ca2 /O=dm && cert_new nameless ca /O=dm
}
check "certificates are made" certs
D=$W/certs
peer=$(free_port)
client=$(free_port)
etcd --name e2 --data-dir "$W/e2" --listen-peer-urls "http://127.0.0.1:$peer" \
	--initial-advertise-peer-urls "http://127.0.0.1:$peer" \
	--initial-cluster "e2=http://127.0.0.1:$peer" \
	--listen-client-urls "https://127.0.0.1:$client" \
	--advertise-client-urls "https://127.0.0.1:$client" \
	--cert-file "$D/etcd.pem" --key-file "$D/etcd.key" \
	--trusted-ca-file "$D/ca.pem" --client-cert-auth >>"$W/etcd2.out" 2>&1 &
PID[etcd2]=$!
etcd_post() { # PATH BODY
	curl -sS -f --max-time 60 --cacert "$D/ca.pem" --cert "$D/dm.pem" \
		--key "$D/dm.key" -d "$2" "https://127.0.0.1:$client/v3/$1"
}
check "an etcd with TLS" wait_for 20 "etcd" etcd_post maintenance/status '{}'
users() {
	local ours='"key":"L2RtLQ==","range_end":"L2RtLg=="' # /dm-*
	etcd_post auth/user/add '{"name":"root","password":"root secret"}' &&
		etcd_post auth/role/add '{"name":"root"}' &&
		etcd_post auth/user/grant '{"user":"root","role":"root"}' &&
		etcd_post auth/user/add '{"name":"dm","password":"dm secret"}' &&
		etcd_post auth/role/add '{"name":"dm"}' &&
		etcd_post auth/role/grant \
			"{\"name\":\"dm\",\"perm\":{\"permType\":\"READWRITE\",$ours}}" &&
		etcd_post auth/user/grant '{"user":"dm","role":"dm"}' &&
		etcd_post auth/enable '{}'
}
check "and users" users
config() { # FILE PASSWORD
	cat >"$W/$1" <<-T
		etcd-mode = "external"
		etcd-endpoints = ["https://127.0.0.1:$client"]
		etcd-user = "dm"
		etcd-password = "$2"
	T
	echo "$W/$1"
}
outsider() { # CERT PASSWORD: a master that cannot start
	# shellcheck disable=SC2046 # lists of flags
	timeout 120 "$BIN/dm-master" --name x1 --data-dir "$W/x1.data" \
		--master-addr "127.0.0.1:$(free_port)" \
		--config "$(config x.toml "$2")" $(tls_flags "$3" "$1")
}
refuse "a wrong password of etcd's user is told" \
	"authenticate at etcd: .*invalid user ID or password" \
	outsider nameless "wrong" ca
refuse "a certificate that etcd does not take beside users is told" \
	"certificates without a CN" outsider dm "dm secret" ca
refuse "a certificate of another authority is told" \
	"SSL certificate problem" outsider alien "dm secret" ca2
CTL_FLAGS=$(tls_flags ca nameless)
WORKER_FLAGS=$CTL_FLAGS
masters_plan t1 t2
secured() {
	# shellcheck disable=SC2086 # a list of flags
	master_spawn "$1" --config "$(config m.toml "dm secret")" $CTL_FLAGS \
		--max-request-bytes 8388608
}
secured t1
check "a master on it" wait_for 30 "leader" leader_is t1
check "the password is in no log" bash -c "! grep -rqF 'dm secret' $W/t1.log"
check "a worker registers" worker_up w1
export EXTERNAL_ETCD=1 TLS_FILES="$D/ca.pem $D/nameless.pem $D/nameless.key"
addr=127.0.0.1:${PORT[t1]}
check "protoc and its Python plugin take our .proto files" stubs
for c in unary errors-carry-codes concurrent-calls \
	unimplemented-names-the-method call-by-reflection-alone; do
	check "python over TLS: $c" py master "$c" "$addr"
done
check "python over TLS: deadlines-are-kept" \
	py master deadlines-are-kept "$addr" "${PID[t1]}"
check "python over TLS: health" py master health "$addr" pb.Master
check "python over TLS: health of a worker" \
	py master health "127.0.0.1:${PORT[w1]}"
check "python over TLS: reflection" py master reflection "$addr" pb.Master \
	dm.v1.WorkerSession etcdserverpb.Cluster etcdserverpb.KV "${STANDARD[@]}"
check "npm installs Node's gRPC" node_packages
check "node over TLS: all" timeout 900 node "$C/master.js" "$addr" "$PROTO"
check "hostile over TLS: connections leave nothing" py hostile \
	connects-leave-nothing "$addr" "$CONNECTS"
comment "$(cat "$W/check.out")"
clear() { TLS_FILES='' py master unary "$addr"; }
refuse "a client in clear gets nothing" "UNAVAILABLE" clear
stranger() { TLS_FILES="$D/ca.pem $D/alien.pem $D/alien.key" py master unary "$addr"; }
refuse "nor one with another authority's certificate" "UNAVAILABLE" stranger
secured t2
check "a second master on it" wait_for 30 "alive" masters_alive 2
kill9 t1
check "takes over" wait_for 20 "leader" leader_is t2
check "and has the worker" wait_for 20 "w1" worker_listed w1
finish
