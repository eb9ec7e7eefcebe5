# SPDX-License-Identifier: Apache-2.0
# errors.list -> dm_errors.h. Fails the build on a bad line, a code or name
# used twice, an empty message or workaround.
function die(msg) {
	printf "%s:%d: %s\n", FILENAME, FNR, msg > "/dev/stderr"
	bad = 1
	exit 1
}
/^[ \t]*(#|$)/ { next }
{
	line = $0
	if (!match(line, /^[A-Z0-9_]+[ \t]+[0-9]+[ \t]+[a-z-]+[ \t]+[a-z-]+[ \t]+[a-z]+[ \t]+"/))
		die("not: NAME code class scope level \"message\" \"workaround\"")
	name = $1; code = $2 + 0; class = $3; scope = $4; level = $5
	rest = substr(line, RLENGTH)
	# two C strings
	if (!match(rest, /^"([^"\\]|\\.)*"/))
		die("message is not a C string")
	fmt = substr(rest, 1, RLENGTH)
	rest = substr(rest, RLENGTH + 1)
	sub(/^[ \t]+/, "", rest)
	if (!match(rest, /^"([^"\\]|\\.)*"[ \t]*$/))
		die("workaround is not a C string")
	work = rest
	sub(/[ \t]+$/, "", work)
	if (work == "\"\"" && name != "NOT_SET")
		die(name " has no workaround")
	if (code in by_code) die("code " code " is used twice")
	if (name in by_name) die("name " name " is used twice")
	by_code[code] = name
	by_name[name] = code
	codes[++n] = code
	row[code] = sprintf("\t{ %d, \"%s\", \"%s\", \"%s\", \"%s\", \\\n\t    %s, \\\n\t    %s },", code, name, class, scope, level, fmt, work)
	format[code] = fmt
}
END {
	if (bad) exit 1
	# insertion sort: the table is searched by halves
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && codes[j - 1] > codes[j]; j--) {
			t = codes[j]; codes[j] = codes[j - 1]; codes[j - 1] = t
		}
	print "/* Made from lib/err/errors.list; do not edit. */"
	print "#ifndef DM_ERRORS_H\n#define DM_ERRORS_H\n\nenum dm_err_code {"
	for (i = 1; i <= n; i++)
		printf "\tDM_ERR_%s = %d,\n", by_code[codes[i]], codes[i]
	print "};\n"
	for (i = 1; i <= n; i++)
		printf "#define DM_ERRFMT_%s %s\n", by_code[codes[i]], format[codes[i]]
	print "\n#define DM_ERR_TABLE \\"
	for (i = 1; i <= n; i++)
		printf "%s%s\n", row[codes[i]], (i < n ? " \\" : "")
	print "\n#endif"
}
