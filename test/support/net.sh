# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Networks that can be cut. Source it before cluster.sh: the script starts again
# in a network of its own, so nothing outside sees it.

if [ -z "${DM_ISOLATED:-}" ]; then
	export DM_ISOLATED=1
	for flags in -n -rn; do
		unshare $flags true 2>/dev/null && exec unshare $flags bash "$0"
	done
	echo "not ok 1 - this machine makes no network namespaces: unshare -n"
	echo "1..1"
	exit 1
fi

must() {
	"$@" && return
	echo "not ok 1 - the network cannot be made: $*"
	echo "1..1"
	exit 1
}

# namespace NAME: a network namespace; it lives as long as the process
# PID[net.NAME] that keeps it. ${NET[NAME]} COMMAND... runs there.
declare -A NET
# shellcheck disable=SC2086 # NET has lists of words
namespace() {
	unshare -n sleep infinity &
	PID["net.$1"]=$!
	NET[$1]="nsenter -t $! -n"
	wait_for 5 "namespace of $1" is_apart "${PID[net.$1]}"
	must ${NET[$1]} ip link set lo up
}

is_apart() {
	[ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

# link NAME CABLE OURS THEIRS TARGET: a cable to that namespace; TARGET is
# reached through it from there.
# shellcheck disable=SC2086 # NET has lists of words
link() {
	must ip link add "$2" type veth peer name "p$2"
	must ip link set "p$2" netns "${PID[net.$1]}"
	must ip addr add "$3/24" dev "$2"
	must ip link set "$2" up
	must ${NET[$1]} ip addr add "$4/24" dev "p$2"
	must ${NET[$1]} ip link set "p$2" up
	must ${NET[$1]} ip route add "$5" via "$3"
}
