#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Relay logs as the cluster orders them: by name and by source, stages of the
# workers, what is refused, fail-over, pause, export.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init
TTL=5

check "a source" source_up up1
check "another source" source_up up2
check "dm-master" master_up m1
# A directory of its own each: the relay log is below where dm-worker runs.
up() {
	mkdir -p "$W/$1.d"
	pushd "$W/$1.d" >/dev/null || return 1
	worker_up "$1" --keepalive-ttl $TTL --relay-keepalive-ttl $TTL
	popd >/dev/null || return 1
}
refuse "a time of leases that dm-master does not keep" \
	"relay-keepalive-ttl must be 2 to 86400 seconds, not 1" \
	"$BIN/dm-worker" --name x --worker-addr 127.0.0.1:1 \
	--join 127.0.0.1:2 --relay-keepalive-ttl 1
for w in w1 w2 w3; do check "dm-worker $w" up $w; done

# owner SOURCE; stage WORKER; is STAGE WORKER...
owner() {
	ctl list-member --worker | python3 -c '
import json, sys
for m in json.load(sys.stdin)["members"]:
    for w in m.get("worker", {}).get("workers", []):
        if sys.argv[1] in w["source"].split(", "): print(w["name"])' "$1"
}
stage() {
	ctl list-member --worker --name "$1" |
		sed -n 's/.*"stage": "\(.*\)".*/\1/p'
}
is() {
	local want=$1 w
	shift
	for w; do [ "$(stage "$w")" = "$want" ] || return 1; done
}
# relays SOURCE STAGE: the workers whose relay log of it is in that stage.
relays() {
	ctl query-status -s "$1" --more 2>/dev/null | python3 -c '
import json, sys
for s in json.load(sys.stdin)["sources"]:
    s = s["sourceStatus"]
    if (s.get("relayStatus") or {}).get("stage") == sys.argv[1]:
        print(s["worker"])' "$2" | sort | tr '\n' ' '
}
all_relay() { [ "$(relays "$1" "$2")" = "$3" ]; }

check "the first source" ctl operate-source create "$(source_yaml s1 up1)"
check "the second source" ctl operate-source create "$(source_yaml s2 up2)"
a=$(owner s1) b=$(owner s2)
free=$(printf 'w1\nw2\nw3\n' | grep -vx -e "$a" -e "$b")
comment "s1: $a, s2: $b, free: $free"

refuse "start-relay of a source that is not there" 46008 \
	ctl start-relay -s nope
refuse "start-relay of a worker that is not there" 46004 \
	ctl start-relay -s s1 w9
refuse "start-relay of another source's worker" \
	"these workers \[$b\] have bound for another sources \[s2\]" \
	ctl start-relay -s s1 "$b"
refuse "pause-relay where there is none" \
	"relay is disabled for this source" ctl pause-relay -s s1
refuse "pause-relay of a source that is not there" 46012 \
	ctl pause-relay -s nope
refuse "purge-relay where there is no source" \
	"relay worker for source nope not found" \
	ctl purge-relay -s nope -f mysql-bin.000001

check "start-relay by name" ctl start-relay -s s1 "$a" "$free"
check "the stages are bound and relay" eval "is bound $a && is relay $free"
check "both have the relay log" all_relay s1 Running \
	"$(printf '%s\n' "$a" "$free" | sort | tr '\n' ' ')"
refuse "a worker that relays another source" 46020 \
	ctl start-relay -s s2 "$free"
refuse "stop-relay for another source" 46022 \
	ctl stop-relay -s s2 "$free"
refuse "start-relay without a name" 46028 ctl start-relay -s s1
refuse "stop-relay without a name" 46029 ctl stop-relay -s s1
refuse "transfer-source to who relays another" 46027 \
	ctl transfer-source s2 "$free"
refuse "stop of a source with relay workers" 46023 \
	ctl operate-source stop s1
check "start-relay again changes nothing" ctl start-relay -s s1 "$a"

check "pause-relay" ctl pause-relay -s s1
check "both are paused" all_relay s1 Paused \
	"$(printf '%s\n' "$a" "$free" | sort | tr '\n' ' ')"
check "resume-relay" ctl resume-relay -s s1

check "config export" ctl config export -p "$W/export"
check "it names the relay workers" \
	grep -qx "{\"s1\":\[$(printf '"%s"\n' "$a" "$free" | sort | paste -sd,)\]}" \
	"$W/export/relay_workers.json"

# The next leader knows of it.
kill9 m1
check "dm-master comes back" master_up m1
check "the stages are those before" \
	wait_for 30 "stages" eval "is bound $a && is relay $free"

kill9 "$a"
moved() { [ "$(owner s1)" = "$free" ]; }
check "the source goes to the worker that relays it" \
	wait_for 30 "fail-over" moved
check "the dead one comes back" up "$a"
check "and goes on relaying" wait_for 10 "stage relay" is relay "$a"
kill9 "$a"
check "it is offline" wait_for 30 "offline" is offline "$a"
check "offline-member" ctl offline-member --worker --name "$a"
check "it comes back" up "$a"
check "and relays no more" is free "$a"

check "stop-relay by name" ctl stop-relay -s s1 "$free"
check "the relay log is gone" all_relay s1 Running ""
check "start-relay without a name" ctl start-relay -s s1
running() { all_relay s1 Running "$free "; }
check "the bound worker relays" wait_for 15 "relay" running
check "the source's configuration says so" \
	eval 'ctl config source s1 | grep -q "enable-relay: true"'
refuse "by name now" 46030 ctl start-relay -s s1 "$free"
refuse "stop by name" 46031 ctl stop-relay -s s1 "$free"
check "another source follows by transfer" ctl transfer-source s1 "$a"
on_a() { all_relay s1 Running "$a "; }
check "and its relay log with it" wait_for 15 "relay" on_a
check "the worker before is free" is free "$free"
check "stop-relay without a name" ctl stop-relay -s s1
none() { all_relay s1 Running ""; }
check "nobody relays" wait_for 15 "no relay" none
check "the source is removed" ctl operate-source stop s1

SOURCE_EXTRA="enable-relay: true"
check "a source with enable-relay" \
	ctl operate-source create "$(source_yaml s1 up1)"
own() { all_relay s1 Running "$(owner s1) "; }
check "relays from the begin" wait_for 15 "relay" own
finish
