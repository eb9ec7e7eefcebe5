# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # PID is looked at by cluster.sh
# Several dm-masters on loopback; source it after cluster.sh and tap.sh.

# masters_plan NAME...: choose ports; MASTER becomes the list of all addresses,
# CLUSTER the value of initial-cluster.
masters_plan() {
	local n
	MASTER='' CLUSTER=''
	for n; do
		master_ports "$n"
		MASTER+=${MASTER:+,}127.0.0.1:${PORT[$n]}
		CLUSTER+=${CLUSTER:+,}$n=http://127.0.0.1:${PORT[$n.peer]}
	done
}

master_ports() {
	[ -z "${PORT[$1]:-}" ] || return 0
	PORT[$1]=$(free_port)
	PORT[$1.peer]=$(free_port)
}

# master_spawn NAME [FLAG...]: start, or start again, and do not wait.
master_spawn() {
	local n=$1
	shift
	master_ports "$n"
	"$BIN/dm-master" --name "$n" --data-dir "$W/$n.data" \
		--master-addr "127.0.0.1:${PORT[$n]}" \
		--peer-urls "http://127.0.0.1:${PORT[$n.peer]}" \
		--log-file "$W/$n.log" "$@" >>"$W/$n.out" 2>&1 &
	PID["$n"]=$!
}

# masters_up NAME...: all of them together, as one cluster.
masters_up() {
	local n
	masters_plan "$@"
	for n; do
		master_spawn "$n" --initial-cluster "$CLUSTER"
	done
	wait_for 30 "a leader" leader_up
}

leader_name() {
	ctl list-member --leader | sed -n 's/.*"name": "\(..*\)".*/\1/p'
}

# the_leader: its name, waited for: between two leaders there is none.
the_leader() {
	wait_for 30 "a leader" has_leader_name || return 1
	cat "$W/leader"
}
has_leader_name() {
	leader_name >"$W/leader"
	[ -s "$W/leader" ]
}

# leader_is NAME, leader_is_not NAME: there is one, and that.
leader_is() { [ "$(leader_name)" = "$1" ]; }
leader_is_not() {
	local n
	n=$(leader_name)
	[ -n "$n" ] && [ "$n" != "$1" ]
}

# masters_alive N: so many are listed as alive.
masters_alive() {
	[ "$(ctl list-member --master | grep -c '"alive": true')" = "$1" ]
}

# at NAME COMMAND...: dmctl with this master alone.
at() {
	local n=$1
	shift
	"$BIN/dmctl" --master-addr "127.0.0.1:${PORT[$n]}" --strict "$@"
}

# etcd_leader NAMES...: the one whose etcd leads etcd.
etcd_leader() {
	local n id lead s
	for n; do
		s=$(curl -s -m 2 --unix-socket "$W/$n.data/c.sock:1" -d '{}' \
			http://localhost/v3/maintenance/status) || continue
		id=$(sed -n 's/.*"member_id":"\([0-9]*\)".*/\1/p' <<<"$s")
		lead=$(sed -n 's/.*"leader":"\([0-9]*\)".*/\1/p' <<<"$s")
		[ -z "$id" ] || [ "$id" != "$lead" ] || echo "$n"
	done
}

# member_id NAME: etcd's number of a master.
member_id() {
	ctl list-member --master --name "$1" |
		sed -n 's/.*"memberID": "\([0-9]*\)".*/\1/p'
}

# status_exact TASK COUNT [NOT]: so many sources run the task, without errors,
# each in the worker that list-member says has that source; none of them is
# NOT.
status_exact() {
	local out members source worker n=0
	out=$(ctl query-status "$1") || return 1
	members=$(ctl list-member --worker) || return 1
	! grep -qE '"result": false|ErrCode|Message|"msg": "[^"]' <<<"$out" ||
		return 1
	[ "$(grep -c '"stage": "Running"' <<<"$out")" = "$2" ] || return 1
	while read -r source worker; do
		n=$((n + 1))
		[ "$worker" != "${3:-}" ] || return 1
		grep -A 4 "\"name\": \"$worker\"" <<<"$members" |
			grep -q "\"source\": \".*\b$source\b" || return 1
	done < <(sed -n 's/.*"source": "\(.*\)",/\1/p; s/.*"worker": "\(.*\)",/\1/p' \
		<<<"$out" | paste -d ' ' - -)
	[ "$n" = "$2" ]
}
