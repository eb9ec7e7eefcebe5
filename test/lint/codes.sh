#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every error code that the product raises is named by a test: its name, its
# DM_ERR_ form or its number stands in a file under test/. Prints what is not.
# Comments, errors that a test makes itself, and the suite of the table, which
# raises nothing, do not count.
set -u
cd "$(dirname "$0")/../.." || exit 1

# Names raised or compared in the product: dm_err_new(NAME, dm_err_wrap(x, NAME,
# DM_ERR_NAME. A call may go over several lines.
raised() {
	find lib master worker ctl -name '*.[ch]' -print0 | LC_ALL=C sort -z |
		xargs -0 cat | sed '/^[ \t]*\(\/\*\|\*\)/d' | tr '\n\t' '  ' |
		grep -oE 'dm_err_new\( *[A-Z][A-Z0-9_]+|dm_err_wrap\([^;]*;|DM_ERR_[A-Z][A-Z0-9_]+' |
		grep -oE '[A-Z][A-Z0-9_]{3,}' | sed 's/^DM_ERR_//' | LC_ALL=C sort -u
}

# NAME CODE, of errors.list.
known() {
	awk '!/^[ \t]*(#|$)/ { print $1, $2 }' lib/err/errors.list
}

tested() {
	find test -name '*.[ch]' ! -path 'test/unit/lib/err/*' -print0 |
		LC_ALL=C sort -z | xargs -0 cat | sed '/^[ \t]*\(\/\*\|\*\)/d' |
		tr '\n\t' '  ' >"$L/codes.text"
	find test -name '*.sh' -print0 | LC_ALL=C sort -z | xargs -0 cat |
		sed '/^[ \t]*#/d' >>"$L/codes.text"
	sed -E 's/dm_err_new\( *[A-Z0-9_]+|dm_err_make_\( *[A-Z0-9_]+//g; s/dm_err_wrap\([^;]*;//g' \
		"$L/codes.text" |
		grep -oE '\b(DM_ERR_)?[A-Z][A-Z0-9_]{3,}\b|\b[0-9]{5}\b' |
		sed 's/^DM_ERR_//' | LC_ALL=C sort -u
}

L=build/lint
mkdir -p "$L"
raised >"$L/codes.raised"
tested >"$L/codes.tested"
known >"$L/codes.known"
awk '
	FILENAME ~ /raised$/ { raised[$1]; next }
	FILENAME ~ /tested$/ { tested[$1]; next }
	($1 in raised) && !($1 in tested) && !($2 in tested) {
		print "lib/err/errors.list: no test raises " $1 ", " $2
	}' "$L/codes.raised" "$L/codes.tested" "$L/codes.known"
