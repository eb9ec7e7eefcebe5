#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make fuzz: feed each parser of outside bytes for a while. What is found new
# is kept under build/fuzz/corpus; a crash leaves its input under
# build/fuzz/crashes and makes the run fail.
#
#   FUZZ_SECONDS=60   for each target; 0: only what is known already
#   ONLY=x            targets whose name contains x
set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=${FUZZ_SECONDS:-60}
limit=(-max_total_time="$seconds")
[ "$seconds" != 0 ] || limit=(-runs=0)
failed=0

make -s --no-print-directory MODE=fuzz fuzz-bins || exit 1
mkdir -p build/fuzz/crashes
for source in test/fuzz/fuzz_*.c; do
	name=$(basename "$source" .c)
	case $name in
	*"${ONLY:-}"*) ;;
	*) continue ;;
	esac
	found=build/fuzz/corpus/$name
	mkdir -p "$found"
	corpus=("$found")
	[ ! -d "test/fuzz/corpus/$name" ] || corpus+=("test/fuzz/corpus/$name")
	log=build/fuzz/$name.log
	if "build/fuzz/test/fuzz/$name" "${limit[@]}" -timeout=10 \
		-rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="build/fuzz/crashes/$name-" \
		"${corpus[@]}" >"$log" 2>&1; then
		echo "ok $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs"
	else
		echo "not ok $name: see $log"
		grep -E '^SUMMARY|^==[0-9]+== ERROR|runtime error|Test unit written' \
			"$log" | sed 's/^/# /'
		failed=$((failed + 1))
	fi
done
echo "fuzz: $failed failed"
[ "$failed" = 0 ]
