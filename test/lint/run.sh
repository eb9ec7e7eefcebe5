#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make lint: every rule of the project that a program can check. Prints one
# line per rule, the findings under it, and `lint: N findings` at the end.
#
# DESIGN: the slow checks (compiling, clang-tidy) run once per file and leave a
# stamp under build/lint: the checksums of the file, of every header it read
# and of the rules. A file whose stamp still holds is not looked at again.
#
#   LINT_CFLAGS  flags of the product, from the Makefile
#   RULES="x y"  only these rules
#   JOBS         how many at once (default: processors)
set -u
cd "$(dirname "$0")/../.." || exit 1
L=build/lint
mkdir -p "$L"
JOBS=${JOBS:-$(nproc)}
: "${LINT_CFLAGS:?run it as make lint}"
export LINT_CFLAGS L
findings=0

# files PATTERN...: of the tree, without what is built.
files() {
	local p args=()
	for p; do
		args+=(-o -name "$p")
	done
	find . \( -name build -o -name .git \) -prune -o \
		-type f \( "${args[@]:1}" \) -print | sed 's|^\./||' | LC_ALL=C sort
}

# rule NAME WHAT: what the function of this name prints are findings.
rule() {
	local name=$1 what=$2 n
	[ -z "${RULES:-}" ] || [[ " $RULES " == *" $name "* ]] || return 0
	local begun=$SECONDS
	"rule_$name" >"$L/$name.out" 2>&1
	n=$(grep -c . "$L/$name.out")
	printf '%-8s %-50s %s (%s s)\n' "$name" "$what" \
		"$([ "$n" = 0 ] && echo ok || echo "$n lines of findings")" \
		$((SECONDS - begun))
	sed 's/^/    /' "$L/$name.out"
	[ "$n" = 0 ] || findings=$((findings + 1))
}

rule_layers() {
	awk -f test/lint/layers.awk "${c_and_h[@]}"
}

rule_text() {
	awk -f test/lint/text.awk "${c_and_h[@]}"
	awk 'FNR <= 2 && /SPDX-License-Identifier: Apache-2.0/ { seen[FILENAME] }
		END { for (i = 1; i < ARGC; i++) if (!(ARGV[i] in seen))
			print ARGV[i] ":1: no SPDX line" }' \
		"${c_and_h[@]}" "${scripts[@]}" Makefile proto/*.proto
	# The words are spelt so that this line does not find itself.
	grep -nwE 'TO[D]O|FI[X]ME|X[X]X|HA[C]K' "${c_and_h[@]}" "${scripts[@]}" \
		Makefile proto/*.proto | sed 's/$/  <- open mark/'
}

rule_sizes() {
	awk -f test/lint/sizes.awk "${c_and_h[@]}"
}

rule_format() {
	clang-format --dry-run -Werror "${c_and_h[@]}" 2>&1
}

rule_diagrams() {
	test/lint/diagrams.sh --check
}

rule_codes() {
	test/lint/codes.sh
}

rule_shell() {
	shellcheck -x "${scripts[@]}"
}

rule_headers() {
	printf '%s\n' "${c_and_h[@]}" | grep '\.h$' |
		xargs -P "$JOBS" -n 1 test/lint/stamped.sh header
}

rule_clang() {
	printf '%s\n' "${c_and_h[@]}" | grep '^test/.*\.c$' |
		xargs -P "$JOBS" -n 1 test/lint/stamped.sh clang
}

rule_tidy() {
	printf '%s\n' "${c_and_h[@]}" | grep -E '^(lib|master|worker|ctl)/.*\.c$' |
		xargs -P "$JOBS" -n 1 test/lint/stamped.sh tidy
}

# cppcheck 2.10 cannot read __VA_OPT__(, ), which stands between the fields of
# a log line and its end: it gets an operator that fits with and without them.
rule_cppcheck() {
	mkdir -p "$L/cppcheck"
	cppcheck -q -j "$JOBS" --enable=warning,performance,portability \
		--inline-suppr --error-exitcode=1 --std=c11 --library=gtk \
		--suppressions-list=test/lint/cppcheck.suppress \
		--cppcheck-build-dir="$L/cppcheck" -D_GNU_SOURCE -I. \
		'-D__VA_OPT__(a,b)=+(int)' \
		--template='{file}:{line}: {severity}: {message} [{id}]' \
		lib master worker ctl 2>&1
}

mapfile -t c_and_h < <(files '*.c' '*.h')
mapfile -t scripts < <({
	files '*.sh'
	files '*' | grep -vE '\.(c|h|sh|md|sql|yaml|toml|json|txt)$' |
		xargs -d '\n' grep -lE -m 1 '^#!/bin/(ba)?sh' 2>/dev/null
} | LC_ALL=C sort -u)

rule layers 'includes go to lower ranks'
rule text 'SPDX, banned calls, guards, open marks'
rule sizes 'files under 800 lines, functions under 100'
rule format 'clang-format 14'
rule diagrams 'ARCHITECTURE.md shows the tables of the code'
rule codes 'every error code that is raised has a test'
rule shell 'shellcheck'
rule headers 'each header compiles alone, gcc and clang'
rule clang 'clang without a warning: the tests'
rule cppcheck 'cppcheck'
rule tidy 'clang without a warning, clang-tidy: the product'
if [ "$findings" = 0 ]; then
	echo "lint: ok"
else
	echo "lint: $findings rules broken"
	exit 1
fi
