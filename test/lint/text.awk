# SPDX-License-Identifier: Apache-2.0
# Check what needs no parser: banned calls and the name of header guards.
# Input: all .c and .h files.

FNR == 1 {
	guard = ""
	comment = 0
}

FILENAME ~ /\.h$/ && guard == "" && /^#ifndef / {
	guard = $2
	want = "DM_" toupper(FILENAME)
	gsub(/[^A-Z0-9]/, "_", want)
	if (guard != want)
		printf "%s:%d: the guard should be %s\n", FILENAME, FNR, want
}

{
	line = $0
	gsub(/"([^"\\]|\\.)*"/, "\"\"", line) # strings
	gsub(/\/\*[^*]*\*+([^\/*][^*]*\*+)*\//, "", line) # comments in a line
	if (comment) {
		if (line !~ /\*\//)
			next
		sub(/^.*\*\//, "", line)
		comment = 0
	}
	if (line ~ /\/\*/) {
		sub(/\/\*.*/, "", line)
		comment = 1
	}
	if (match(line, /(^|[^A-Za-z0-9_])(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atoll|alloca|gets)[ \t]*\(/))
		printf "%s:%d: banned: %s\n", FILENAME, FNR,
		    substr(line, RSTART, RLENGTH)
}
