#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# stamped.sh format|header|clang|tidy FILE: one slow check of one file, unless it
# passed before and neither the file, nor what it includes, nor the rules
# changed since. Prints the findings. Called by run.sh in the root.
set -u
what=$1
file=$2
stamp=$L/$what/$file.stamp
sha256sum --check --status "$stamp" 2>/dev/null && exit 0
mkdir -p "${stamp%/*}"
deps=$stamp.d
case $file in
test/*) more="-DDM_TEST_BUILD" ;;
*) more="" ;;
esac
rc=0
out=""
run() {
	out+=$("$@" 2>&1) || rc=1
}
# shellcheck disable=SC2086 # lists of flags
case $what in
format)
	clang-format-14 --dry-run -Werror "$file" >/dev/null 2>&1 || {
		rc=1
		out="$file: not formatted: clang-format-14 -i $file"
	}
	echo >"$deps"
	;;
header)
	echo "#include \"$file\"" >"$stamp.c"
	run gcc $LINT_CFLAGS $more -fsyntax-only "$stamp.c" -MMD -MF "$deps"
	run clang-14 $LINT_CFLAGS $more -fsyntax-only "$stamp.c"
	;;
clang)
	run clang-14 $LINT_CFLAGS $more -fsyntax-only "$file" -MMD -MF "$deps"
	;;
tidy)
	clang-14 $LINT_CFLAGS -MM -MF "$deps" "$file" 2>/dev/null
	run clang-tidy-14 --quiet "$file" -- $LINT_CFLAGS
	;;
esac
if [ "$rc" != 0 ]; then
	rm -f "$stamp"
	printf '%s\n' "$out" | sed "s|^$PWD/||" |
		grep -E ': (fatal )?(error|warning): |not formatted' |
		sort -u
	exit 0
fi
printf '%s' "$LINT_CFLAGS" >"$L/cflags.$$"
mv "$L/cflags.$$" "$L/cflags"
{
	sha256sum "$0" "$L/cflags" .clang-tidy .clang-format "$file"
	sed 's/\\$//; s/^[^:]*: *//' "$deps" | tr -s ' ' '\n' | grep . |
		sort -u | xargs -r sha256sum
} >"$stamp"
rm -f "$deps"
