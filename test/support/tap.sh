# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Test cases in shell: TAP lines, counted by test/run.sh.
#
#   check WHAT COMMAND...     passes when the command succeeds
#   refuse WHAT PATTERN COMMAND...  passes when the output has the pattern
#                                   and the command failed
#   skip WHAT WHY                   could not be tested here: told at the end
#   skip_all WHY                    ends the script: nothing could be tested
#   finish                          the daemons' ends, then the plan line: the
#                                   script came to its end

TAP_N=0
TAP_FAILED=0

tap() {
	TAP_N=$((TAP_N + 1))
	if [ "$1" = 0 ]; then
		echo "ok $TAP_N - $2"
	else
		echo "not ok $TAP_N - $2"
		TAP_FAILED=$((TAP_FAILED + 1))
	fi
}

comment() {
	printf '%s\n' "$@" | tail -n 40 | while IFS= read -r line; do
		printf '# %s\n' "$line"
	done
}

# Runs in this shell: what starts a server must leave its pid behind.
check() {
	local what=$1 rc=0
	shift
	"$@" >"$W/check.out" 2>&1 || rc=$?
	tap "$rc" "$what"
	[ "$rc" = 0 ] || comment "$(cat "$W/check.out")"
}

refuse() {
	local what=$1 pattern=$2 out rc=0
	shift 2
	if out=$("$@" 2>&1); then
		rc=1
	fi
	grep -qE -- "$pattern" <<<"$out" || rc=1
	tap "$rc" "$what"
	[ "$rc" = 0 ] || comment "wanted: $pattern" "$out"
}

skip() {
	TAP_N=$((TAP_N + 1))
	echo "ok $TAP_N - $1 # SKIP $2"
}

skip_all() {
	echo "ok 1 - nothing tested # SKIP $*"
	echo "1..1"
	exit 0
}

# The end of a script is a test of its own: every daemon that still runs ends
# with 0 when it is asked to, and no sanitizer had anything to say.
finish() {
	local f
	if [ -n "${W:-}" ] && [ -z "${KEEP:-}" ]; then
		end_daemons
		tap "${#BAD_ENDS[@]}" "all daemons end in order"
		[ "${#BAD_ENDS[@]}" = 0 ] || comment "${BAD_ENDS[@]}"
		for f in $(sanitizer_files); do
			tap 1 "no report of a sanitizer: ${f##*/}"
			comment "$(grep -hE -A 25 'ERROR: |runtime error: ' "$f" |
				head -n 39)"
		done
	fi
	echo "1..$TAP_N"
	[ ! -s "${W:-}/hung" ] || sed 's/^/# /' "$W/hung"
	if [ "$TAP_FAILED" -gt 0 ] && [ -n "${W:-}" ]; then
		for f in "$W"/*.log "$W"/*.out; do
			case $f in
			*/install-db.log | */etcd*) continue ;;
			esac
			grep -hE 'ERROR|FATAL|assertion' \
				"$f" 2>/dev/null | tail -n 5 |
				sed "s|^|# ${f##*/}: |"
		done
	fi
}
