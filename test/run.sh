#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make test: unit tests and the corpora of the fuzz targets (under sanitizers),
# then integration tests on real servers. The last line is `N passed, N failed`.
#
#   SAN=1     the daemons of the integration tests are sanitized too
#   SOAK=1    the long forms of the same tests
#   ONLY=x    integration tests whose name contains x, no unit tests
#   JOBS=2    integration tests at once (soak: 1)
set -u
cd "$(dirname "$0")/.." || exit 1
passed=0
failed=0
skipped=()
mode=${SAN:+asan}
mode=${mode:-release}
limit=2400
[ -z "${SOAK:-}" ] || limit=7200

count() { # TAP or check's summary on standard input
	local line
	while IFS= read -r line; do
		printf '%s\n' "$line"
		case $line in
		"ok "*"# SKIP "*) skipped+=("$t: ${line#*# SKIP }") ;;
		"ok "*) passed=$((passed + 1)) ;;
		"not ok "*) failed=$((failed + 1)) ;;
		"1.."*) planned=1 ;;
		esac
	done
}

# unit_suite FILE: runs it; a line of how many passed and failed, and what it
# said if any did.
unit_suite() {
	local t=$1 out rc n bad
	out=$(CK_FORK=yes "build/asan/${t%.c}" 2>&1)
	rc=$?
	read -r n bad < <(sed -n 's/.*Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\).*/\1 \2 \3/p' <<<"$out" |
		awk '{ n += $1; bad += $2 + $3 } END { print n + 0, bad + 0 }')
	[ "$rc" = 0 ] || [ "$bad" -gt 0 ] || bad=1
	[ "$n" -ge "$bad" ] || n=$bad
	if [ "$n" = 0 ]; then
		bad=1 n=1
	fi
	echo "unit $t: $((n - bad)) passed, $bad failed"
	[ "$bad" = 0 ] || printf '%s\n' "$out" | tail -n 40
}
export -f unit_suite

make -s deps || exit 1
make -s -j"$(nproc)" MODE="$mode" all failpoints bench-bins tool-bins || { echo "0 passed, 1 failed"; exit 1; }

# Limits of a test, which is 4 s where it sets none, times this.
export CK_TIMEOUT_MULTIPLIER=${CK_TIMEOUT_MULTIPLIER:-10}
if [ -z "${ONLY:-}" ]; then
	make -s -j"$(nproc)" MODE=asan unit-bins replay-bins || { echo "0 passed, 1 failed"; exit 1; }
	units=$(mktemp -d)
	export units
	# shellcheck disable=SC2016 # $1 is of the inner bash
	find test/unit -name 'test_*.c' | sort | xargs -P "$(nproc)" -n 1 \
		bash -c 'unit_suite "$1" >"$units/${1//\//+}"' _
	for f in "$units"/*; do
		cat "$f"
		read -r _ _ n _ bad _ <"$f"
		passed=$((passed + n))
		failed=$((failed + bad))
	done
	rm -rf "$units"
	for t in test/fuzz/fuzz_*.c; do
		name=$(basename "$t" .c)
		if out=$("build/asan/test/replay/$name" "test/fuzz/corpus/$name" 2>&1); then
			echo "ok corpus of $name: ${out##*$'\n'} inputs"
			passed=$((passed + 1))
		else
			echo "not ok corpus of $name"
			printf '%s\n' "$out" | tail -n 40
			failed=$((failed + 1))
		fi
	done
fi

export BIN=$PWD/build/$mode/bin
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:exitcode=99}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

# Two at a time: most of their time they wait. Each has ports of its own (SLOT),
# and its output comes when it has ended.
jobs=${JOBS:-2}
[ -z "${SOAK:-}" ] || jobs=${JOBS:-1}
outputs=$(mktemp -d)
declare -A running # pid -> "SLOT FILE"
free=()
for ((i = 0; i < jobs; i++)); do
	free+=("$i")
done

# What runs shortly before the limit: tells where a test hangs.
late_look() {
	trap 'kill %1; exit' TERM
	sleep $((limit - 10)) &
	wait
	ps --ppid 2 -p 2 --deselect -o pid,stat,wchan:20,etime,args --forest |
		cut -c1-160 |
		sed 's/^/# /' >"$outputs/$1.late"
}

finish_one() {
	local pid slot t
	wait -n -p pid "${!running[@]}"
	read -r slot t <<<"${running[$pid]}"
	unset "running[$pid]"
	free+=("$slot")
	echo "== $t"
	planned=
	count <"$outputs/$slot"
	kill "${watch[slot]}" 2>/dev/null && wait "${watch[slot]}" 2>/dev/null
	[ -n "$planned" ] || {
		echo "not ok - $t did not come to its end"
		failed=$((failed + 1))
		cat "$outputs/$slot.late" 2>/dev/null
	}
	rm -f "$outputs/$slot.late"
	echo "== $t took $((SECONDS - began[slot])) s"
}

# Those that take longest begin first, so that none is left to run alone.
in_order() {
	printf 'test/integration/%s.sh\n' 35_large_rows 13_external_etcd 23_xa \
		56_frozen 12_masters 31_files 29_types 60_invariants
	printf '%s\n' test/integration/*.sh
}

began=() watch=()
for t in $(in_order | awk '!seen[$0]++'); do
	case $t in
	*"${ONLY:-}"*) ;;
	*) continue ;;
	esac
	[ "${#free[@]}" -gt 0 ] || finish_one
	slot=${free[0]}
	free=("${free[@]:1}")
	began[slot]=$SECONDS
	SLOT=$slot JOBS=$jobs timeout "$limit" bash "$t" >"$outputs/$slot" 2>&1 &
	running[$!]="$slot $t"
	late_look "$slot" &
	watch[slot]=$!
done
while [ "${#running[@]}" -gt 0 ]; do
	finish_one
done
rm -rf "$outputs"
for line in "${skipped[@]}"; do
	echo "!! SKIPPED, and so not counted: $line"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
