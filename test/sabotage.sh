#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make sabotage: known defects (lib/base/defect.h) are built in one at a time;
# each must be caught by the tests. The last line is `N passed, N failed`.
#
#   DEFECTS="NO_EPOCH ..."   only these
#
# A defect's build is the release build with the few objects made anew that
# mention DM_DEFECT_IS. The same tests must pass without a defect first: else
# a test that fails would prove nothing.
set -u
cd "$(dirname "$0")/.." || exit 1
sources=$(grep -rl 'DM_DEFECT_IS(' lib master worker ctl --include='*.c')
passed=0
failed=0
patience=60 # seconds that a task has to catch up

# Each defect and its test: unit:FILE or the cases of 60_invariants.sh.
table() {
	cat <<-E
		NO_LANE_ROW killed
		NO_EPOCH owner
		NO_CLAIM unique
		KEY_MOVE_LANE move
		NO_BARRIER barrier
		DROP_BATCH lost
		MERGE_FIRST unit:worker/sync/test_batch
		MERGE_FIRST merge
		ONE_BYTE bytes
		ONE_BYTE_COPY copy
		CHUNK_BOUND copy
		CHUNK_BOUND unit:worker/copy/test_shape
		LATE_LEASE unit:worker/agent/test_lease
		KEEP_LEASE lease
	E
}

tell() { # PASSED TEXT
	if [ "$1" = 1 ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
	echo "$2"
}

# build DIR DEFECT TARGET...: links to the release build's files, but for
# what depends on the defect.
build() {
	local dir=$1 defect=$2 s
	shift 2
	rm -rf "$dir"
	cp -al build/release "$dir" || return 1
	rm -rf "$dir/test" "$dir/bin/dm-worker" "$dir"/lib{worker,dm}.a
	for s in $sources; do
		rm -f "$dir/${s%.c}.o" "$dir/${s%.c}.d"
	done
	make -s B="$dir" DEFECT="-DDM_DEFECT=DM_DEFECT_$defect" \
		"${@/#/$dir/}" >"$dir/make.log" 2>&1
}

# run DIR TEST: the test's output; fails when the test does.
run() {
	case $2 in
	unit:*)
		"$1/test/unit/${2#unit:}" 2>&1
		;;
	*)
		CASE=${2//,/ } BIN=$PWD/$1/bin PATIENCE=$patience WAIT_LEAST=20 \
			timeout 300 bash test/integration/60_invariants.sh 2>&1 |
			awk '{ print } /^not ok/ { bad = 1 } /^1\.\./ { end = 1 }
				END { exit bad || !end }'
		;;
	esac
}

# The line of a test's output that says what failed. Servers that do not even
# start catch nothing.
caught_by() {
	sed -nE -e 's/^not ok [0-9]+ - //p' \
		-e 's/.*:[FE]:[^:]*:([^:]*):.*/\1/p' |
		head -n 1 |
		grep -vE '^(operate-source|start-task|replication begins)'
}

try() { # DEFECT TEST
	local dir=build/sabotage-$1 targets=(bin/dm-worker) out by
	case $2 in
	unit:*) targets=("test/unit/${2#unit:}") ;;
	esac
	if ! build "$dir" "$1" "${targets[@]}"; then
		tell 0 "$1: NOT BUILT, see $dir/make.log"
		return
	fi
	out=$(run "$dir" "$2")
	by=$(caught_by <<<"$out")
	if [ -n "$by" ]; then
		tell 1 "$1: caught by $2: $by"
	else
		tell 0 "$1: NOT CAUGHT by $2"
		printf '%s\n' "$out" | tail -n 30 | sed 's/^/# /'
	fi
	rm -rf "$dir"
}

sound() { # TEST
	local out
	case $1 in
	unit:*) make -s "build/release/test/unit/${1#unit:}" >/dev/null ;;
	esac
	if out=$(run build/release "$1"); then
		tell 1 "without a defect: $1 passes"
	else
		tell 0 "without a defect: $1 FAILS"
		printf '%s\n' "$out" | tail -n 40 | sed 's/^/# /'
	fi
}

make -s MODE=release all || { echo "0 passed, 1 failed"; exit 1; }
wanted=$(table | while read -r defect t; do
	case " ${DEFECTS:-$defect} " in
	*" $defect "*) echo "$defect $t" ;;
	esac
done)
cases=$(awk '$2 !~ /^unit:/ && !seen[$2]++ { printf "%s%s", n++ ? "," : "", $2 }' \
	<<<"$wanted")
[ -z "$cases" ] || sound "$cases"
while read -r t <&3; do
	sound "$t"
done 3< <(awk '$2 ~ /^unit:/ { print $2 }' <<<"$wanted" | sort -u)
patience=15 # one with a defect may never do
while read -r defect t <&3; do
	try "$defect" "$t"
done 3<<<"$wanted"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
