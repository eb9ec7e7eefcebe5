#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Mutual TLS between all programs: a task runs, whoever does not belong is told
# so, certificates are renewed without a restart.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
# shellcheck source=test/support/certs.sh
. "$(dirname "$0")/../support/certs.sh"
cluster_init

certs() {
	ca_new ca && ca_new ca2 &&
		cert_new dm ca dm && cert_new other ca other &&
		cert_new old ca dm IP:127.0.0.1 -1 && cert_new alien ca2 dm
}
check "certificates are made" certs
C=$W/certs

# What the daemons read; replaced later.
mkdir "$W/live"
install_certs() { # CA NAME
	cp "$C/$1.pem" "$W/live/ca.pem.new" && mv "$W/live/ca.pem.new" "$W/live/ca.pem"
	cp "$C/$2.key" "$W/live/key.pem"
	cp "$C/$2.pem" "$W/live/cert.pem"
}
install_certs ca dm
LIVE="--ssl-ca $W/live/ca.pem --ssl-cert $W/live/cert.pem --ssl-key $W/live/key.pem"
MASTER_FLAGS="$LIVE --cert-allowed-cn dm"
WORKER_FLAGS="$LIVE --cert-allowed-cn dm"
CTL_FLAGS=$(tls_flags ca dm)
with() { # NAME COMMAND...: dmctl's flags from certificate NAME
	local CTL_FLAGS
	CTL_FLAGS=$(tls_flags "${CA:-ca}" "$1")
	shift
	"$@"
}
https() { # NAME URL: curl with certificate NAME
	local name=$1
	shift
	curl -sS --max-time 60 --cacert "$C/ca.pem" --cert "$C/$name.pem" \
		--key "$C/$name.key" "$@"
}

# ---- refusals at the start ----

m=("$BIN/dm-master" --name x --data-dir "$W/x" --master-addr 127.0.0.1:1)
w=("$BIN/dm-worker" --name x --join 127.0.0.1:1 --worker-addr 127.0.0.1:2)
refuse "dm-master names a file that is missing" \
	"code=38051.*open /none/ca.pem: No such file" \
	"${m[@]}" --ssl-ca /none/ca.pem --ssl-cert "$C/dm.pem" --ssl-key "$C/dm.key"
refuse "dm-worker names a file that is missing (40076)" \
	"TLS config not valid.*open /none/key: No such file" \
	"${w[@]}" --ssl-ca "$C/ca.pem" --ssl-cert "$C/dm.pem" --ssl-key /none/key
refuse "a key of another certificate is refused" "do not belong together" \
	"${w[@]}" --ssl-ca "$C/ca.pem" --ssl-cert "$C/dm.pem" --ssl-key "$C/other.key"
refuse "an expired certificate is refused" "old.pem: the certificate .CN=dm. expired on" \
	"${w[@]}" --ssl-ca "$C/ca.pem" --ssl-cert "$C/old.pem" --ssl-key "$C/old.key"
refuse "ssl-ca alone is refused" "are needed together" \
	"${w[@]}" --ssl-ca "$C/ca.pem"
refuse "names without certificates are refused" "ssl-ca is not set" \
	"${w[@]}" --cert-allowed-cn dm

# ---- a cluster ----

# The databases take TLS connections only; sockets count as such.
DB_TLS=(--ssl-ca="$C/ca.pem" --ssl-cert="$C/dm.pem" --ssl-key="$C/dm.key"
	--require-secure-transport=ON)
check "a source starts" source_up up "${DB_TLS[@]}"
check "a target starts" mariadb_up down "${DB_TLS[@]}"
for n in up down; do
	sql "$n" "ALTER USER 'dm'@'%' REQUIRE X509"
done
sql up "CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY, v TEXT);
	INSERT INTO shop.t VALUES (1,'one'),(2,'two')"
start_three() {
	local i cluster=""
	for i in m1 m2 m3; do
		PORT[$i]=$(free_port)
		PORT[$i.peer]=$(free_port)
		cluster+="$i=https://127.0.0.1:${PORT[$i.peer]},"
	done
	MASTER=127.0.0.1:${PORT[m1]}
	for i in m1 m2 m3; do
		# shellcheck disable=SC2086 # a list of flags
		"$BIN/dm-master" --name "$i" --data-dir "$W/$i.data" \
			--master-addr "127.0.0.1:${PORT[$i]}" \
			--peer-urls "https://127.0.0.1:${PORT[$i.peer]}" \
			--initial-cluster "${cluster%,}" \
			--log-file "$W/$i.log" $MASTER_FLAGS >>"$W/$i.out" 2>&1 &
		PID[$i]=$!
	done
	for i in m1 m2 m3; do
		MASTER=127.0.0.1:${PORT[$i]} wait_for 60 "dm-master $i" leader_up || return 1
	done
}
check "three masters find each other over TLS" start_three
check "every master answers, two of them through the leader" \
	bash -c "! grep -h 'connection was refused' '$W'/m?.log"
check "a worker registers" worker_up w1 --keepalive-ttl 5 \
	--join "127.0.0.1:${PORT[m2]},127.0.0.1:${PORT[m3]}"
alive() { [ "$(ctl list-member --master | grep -c '"alive": true')" = 3 ]; }
check "the masters see each other alive" wait_for 10 "three" alive
refuse "a source that wants TLS is not reached without" "secure|Access denied" \
	ctl operate-source create "$(source_yaml src1 up)"
b64() { base64 -w0 "$1"; }
SOURCE_EXTRA="  security:
    ssl-ca-base64: $(b64 "$C/ca.pem")
    ssl-cert-base64: $(b64 "$C/dm.pem")
    ssl-key-base64: $(b64 "$C/dm.key")"
check "operate-source create, with certificates inside the file" \
	ctl operate-source create "$(source_yaml src1 up)"
check "they are not shown" bash -c "
	'$BIN/dmctl' $CTL_FLAGS --master-addr $MASTER config source src1 >'$W/cfg' &&
	grep -q 'source-id: src1' '$W/cfg' && ! grep -q '$(b64 "$C/dm.key" | cut -c1-60)' '$W/cfg'"
task=$(TASK_EXTRA=$'block-allow-list:\n  ours:\n    do-dbs: ["shop"]' \
	TASK_INSTANCE='  block-allow-list: "ours"' task_yaml t1 all down src1)
# The target's in PEM form, as a block of text.
{
	echo "  security:"
	for x in ca:ca.pem cert:dm.pem key:dm.key; do
		echo "    ssl-${x%%:*}-bytes: |"
		sed 's/^/      /' "$C/${x#*:}"
	done
} >"$W/security"
sed -i "/password:/r $W/security" "$task"
check "start-task" ctl start-task "$task"
check "the rows are copied and replicated" wait_for 60 "synced" task_synced t1
sql up "INSERT INTO shop.t VALUES (3,'three')"
check "a change follows" wait_for 30 "synced" task_synced t1
check "the tables are equal" same_schema up down shop

check "curl with a certificate reads the master" \
	bash -c "$(declare -f https); C=$C; https dm https://$MASTER/readyz | grep -q ok"
check "and the worker" \
	bash -c "$(declare -f https); C=$C; https dm https://127.0.0.1:${PORT[w1]}/metrics | grep -q ^dm_worker_subtasks"
check "HTTP/2 is what a gRPC client gets" \
	bash -c "openssl s_client -connect $MASTER -alpn h2 -CAfile '$C/ca.pem' -cert '$C/dm.pem' -key '$C/dm.key' </dev/null 2>/dev/null | grep -q 'ALPN protocol: h2'"
check "TLS 1.1 is not spoken" \
	bash -c "! openssl s_client -connect $MASTER -tls1_1 -cipher ALL:@SECLEVEL=0 -CAfile '$C/ca.pem' </dev/null 2>/dev/null | grep -q 'Cipher is [A-Z]'"
check "etcd's files are for the owner only" \
	bash -c "[ \"\$(stat -c %a '$W/m1.data/tls' '$W/m1.data/tls/key.pem' | tr '\n' ' ')\" = '700 600 ' ]"
check "no key is in the log" bash -c "! grep -l 'PRIVATE KEY' '$W'/*.log '$W'/*.out"

# ---- who does not belong ----

refuse "dmctl with a name that is not listed" "refused us" with other ctl list-member
refuse "dmctl with an expired certificate" "code=48002.*expired on" \
	with old ctl list-member
refuse "dmctl of another authority" "unknown CA" with alien ctl list-member
distrust() { CA=ca2 with alien ctl list-member; }
refuse "dmctl that does not trust the master" "unable to get local issuer" distrust
refuse "a plain dmctl is told to use TLS" "the server needs TLS: set ssl-ca" \
	"$BIN/dmctl" --master-addr "$MASTER" list-member
refuse "dmctl names a file that is missing" "code=48002.*open /none: No such" \
	"$BIN/dmctl" --master-addr "$MASTER" --ssl-ca /none list-member
refuse "curl without a certificate" "certificate required" \
	curl -sS --max-time 60 --cacert "$C/ca.pem" "https://$MASTER/readyz"
refuse "curl with an expired certificate" "expired" https old "https://$MASTER/readyz"
check "a plain curl gets a status" \
	bash -c "curl -sS -m 60 http://$MASTER/readyz | grep -q 'HTTP request to an HTTPS server'"
check "the master's log has every reason" wait_for 5 "reasons" bash -c "
	for x in 'common name other' 'certificate has expired .CN=dm.' \
		'unable to get local issuer' 'did not return a certificate' \
		'does not speak TLS'; do
		cat '$W'/m?.log | grep 'connection was refused' | grep -q \"\$x\" || exit 1
	done"
check "a plain worker says what is wrong" bash -c "
	'$BIN/dm-worker' --name plain --join $MASTER --worker-addr 127.0.0.1:$(free_port) \
		--log-file '$W/plain.log' >/dev/null 2>&1 & p=\$!
	for _ in \$(seq 1200); do
		grep -q 'the server needs TLS' '$W/plain.log' 2>/dev/null && break
		sleep 0.1
	done
	kill \$p; grep -q 'the server needs TLS' '$W/plain.log'"

# ---- renewal ----

serial() { # of what a port shows
	openssl s_client -connect "$1" -CAfile "$C/ca.pem" -cert "$C/dm.pem" \
		-key "$C/dm.key" </dev/null 2>/dev/null |
		openssl x509 -noout -serial 2>/dev/null
}
file_serial() { openssl x509 -noout -serial -in "$1"; }
shows() { [ "$(serial "$1")" = "$(file_serial "$2")" ]; }
told() { grep -q "$2" "$W/$1.log"; }

cp -a "$C/dm.pem" "$C/dm1.pem"
cp -a "$C/dm.key" "$C/dm1.key"
echo "half a certi" >"$W/live/cert.pem"
check "a bad new file is told" wait_for 10 "error" told m1 \
	"ERROR.*new certificates are not used.*cert.pem"
check "by the worker, too" wait_for 10 "error" told w1 \
	"ERROR.*new certificates are not used"
check "and the old certificate is still shown" shows "$MASTER" "$C/dm1.pem"
check "a second certificate is made" cert_new dm2 ca dm
install_certs ca dm2
check "new handshakes of the master use it" wait_for 10 "new" shows "$MASTER" "$C/dm2.pem"
check "and of the worker" wait_for 10 "new" shows "127.0.0.1:${PORT[w1]}" "$C/dm2.pem"
peer_new() { shows "127.0.0.1:${PORT[m1.peer]}" "$C/dm2.pem"; }
check "and of etcd" wait_for 10 "new" peer_new
sql up "INSERT INTO shop.t VALUES (4,'four')"
check "the task goes on" wait_for 30 "synced" task_synced t1

# A new authority: first both are trusted, then all certificates change, then
# the old one is no longer trusted.
cat "$C/ca.pem" "$C/ca2.pem" >"$C/both.pem"
check "a certificate of the new authority is made" cert_new dm3 ca2 dm
install_certs both dm2
check "the bundle is in use" wait_for 10 "bundle" told m1 "in use.*ca-changed=true"
check "etcd starts again with it" wait_for 30 "leader" leader_up
install_certs both dm3
check "the new certificate is shown" wait_for 10 "new" shows "$MASTER" "$C/dm3.pem"
CTL_FLAGS="--ssl-ca $C/both.pem --ssl-cert $C/dm3.pem --ssl-key $C/dm3.key"
install_certs ca2 dm3
refused() { ! CTL_FLAGS=$(tls_flags ca dm) ctl list-member; }
check "the old authority's certificates are refused" wait_for 20 "refusal" refused
check "the cluster works under the new one" wait_for 60 "leader" leader_up
sql up "INSERT INTO shop.t VALUES (5,'five')"
check "and the task, too" wait_for 60 "synced" task_synced t1
check "the tables are equal at the end" same_schema up down shop
check "the worker never lost its process" kill -0 "${PID[w1]}"

# ---- hostile ----

fds() { find "/proc/${PID[m1]}/fd" | wc -l; }
M1=127.0.0.1:${PORT[m1]}
hold=()
for _ in $(seq 40); do
	exec {fd}<>"/dev/tcp/${M1/:/\/}" && hold+=("$fd")
	printf '\x16\x03\x01\x02' >&"$fd"
done
check "half-open handshakes block nobody" \
	bash -c "$(declare -f https); C=$C; curl -sS -m 60 --cacert $C/ca2.pem --cert $C/dm3.pem --key $C/dm3.key https://$M1/healthz | grep -q ok"
for fd in "${hold[@]}"; do exec {fd}>&-; done
settled() { [ "$(fds)" -le "$1" ]; }
before=$(fds)
for _ in $(seq 100); do
	curl -s -m 60 -o /dev/null --cacert "$C/ca2.pem" "https://$M1/healthz"
	curl -s -m 60 -o /dev/null --cacert "$C/ca2.pem" --cert "$C/dm3.pem" \
		--key "$C/dm3.key" "https://$M1/healthz"
	curl -s -m 60 -o /dev/null "http://$M1/healthz"
done
check "hundreds of connections leave no descriptor" \
	wait_for 20 "descriptors" settled "$((before + 3))"

# ---- base64 ----

cat >"$W/b64.toml" <<E
name = "b1"
master-addr = "127.0.0.1:$(free_port)"
peer-urls = "https://127.0.0.1:$(free_port)"
data-dir = "$W/b1.data"
log-file = "$W/b1.log"
ssl-ca-base64 = "$(b64 "$C/ca.pem")"
ssl-cert-base64 = "$(b64 "$C/dm1.pem")"
ssl-key-base64 = "$(b64 "$C/dm1.key")"
E
"$BIN/dm-master" --config "$W/b64.toml" >"$W/b1.out" 2>&1 &
PID[b1]=$!
MASTER=$(sed -n 's/^master-addr = "\(.*\)"/\1/p' "$W/b64.toml")
CTL_FLAGS=$(tls_flags ca dm1)
check "certificates inside the configuration work" wait_for 30 "leader" leader_up
check "the key is shown nowhere" bash -c "
	'$BIN/dmctl' $CTL_FLAGS --master-addr $MASTER config master b1 >'$W/cfg' &&
	grep -q 'ssl-key-base64 = .*\*\*\*\*\*\*' '$W/cfg' &&
	! grep -q '$(b64 "$C/dm1.key" | cut -c1-60)' '$W/cfg' '$W/b1.log'"
stop b1
check "a clean end" bash -c "grep -q 'dm-master exit' '$W/b1.log'"
finish
