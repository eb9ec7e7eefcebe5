# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The generator of simulated dm-workers (test/bench/scale.c); source it after
# masters.sh. PID[gen] is its process.
#
#   SCALE_BIN   the generator (default: that of BIN's build)

[ -n "${SCALE_BIN:-}" ] || {
	SCALE_BIN=$(readlink -f "$BIN/dm-master")
	SCALE_BIN=${SCALE_BIN%/bin/dm-master}/test/bench/scale
}

declare -gA PID
# gen_up WORKERS TTL: start it against all masters.
gen_up() {
	coproc GEN { exec "$SCALE_BIN" "$MASTER" "$@" 2>>"$W/gen.log"; }
	PID[gen]=$GEN_PID
}

# gen COMMAND...: ask it; the answer's words are in GOT.
gen() {
	echo "$*" >&"${GEN[1]}" || return 1
	read -r -a GOT <&"${GEN[0]}"
}

# gen_all COMMAND...: of `registered`, `bound` and `moved`: for all of them.
gen_all() {
	gen "$@" && [ "${GOT[1]}" = "${GOT[2]}" ]
}

# All sessions end at once.
gen_down() {
	local pid=${PID[gen]} fd=${GEN[1]}
	exec {fd}>&-
	wait "$pid" 2>/dev/null
	unset 'PID[gen]'
}

# seed_sources COUNT: sources with a task each that no database stands behind.
# The leader is changed, so that the new one reads them.
seed_sources() {
	local old
	old=$(leader_name)
	"$SCALE_BIN" seed "unix://$W/$old.data/c.sock:1" "$1" || return 1
	stop "$old"
	wait_for 30 "another leader" leader_is_not "$old" || return 1
	master_spawn "$old" --initial-cluster "$CLUSTER"
	wait_for 30 "all masters" masters_alive "$(wc -w <<<"${CLUSTER//,/ }")"
}
