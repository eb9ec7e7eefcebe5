# SPDX-License-Identifier: Apache-2.0
# Check sizes: product files under 800 lines, functions under 100, from the line of
# the name to the closing brace. It leans on the format: a function's braces,
# and nothing else, stand alone in the first column. Suites, being lists of
# cases, may be longer files.
# Input: all .c and .h files.

function file_done()
{
	if (last != "" && last !~ /^test\// && lines >= 800)
		printf "%s:%d: file of %d lines\n", last, lines, lines
}

FNR == 1 {
	file_done()
	last = FILENAME
	begun = 0
}

{
	lines = FNR
}

/^[A-Za-z_][A-Za-z0-9_]*\(/ {
	begun = FNR
	name = $0
	sub(/\(.*/, "", name)
}

/^}$/ && begun {
	if (FNR - begun + 1 >= 100)
		printf "%s:%d: function %s of %d lines\n", FILENAME, begun,
		    name, FNR - begun + 1
	begun = 0
}

END {
	file_done()
}
