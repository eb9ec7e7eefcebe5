# SPDX-License-Identifier: Apache-2.0
# catalogue.list errors.list -> dm_errors.h. Fails the build on a bad line, a
# code or name used twice, an empty message or workaround, a workaround that
# serves more than five codes, and a code of DM's that users can meet but
# errors.list does not have.
function die(msg) {
	printf "%s:%d: %s\n", FILENAME, FNR, msg > "/dev/stderr"
	bad = 1
	exit 1
}
# As DM numbers its classes.
function class_of(code,  i) {
	for (i = 1; i <= n_ranges; i++)
		if (code >= first[i] && code <= last[i])
			return class_name[i]
	return "not-set"
}
function range(from, to, name) {
	n_ranges++
	first[n_ranges] = from
	last[n_ranges] = to
	class_name[n_ranges] = name
}
BEGIN {
	range(10001, 10999, "database"); range(11001, 11999, "functional")
	range(20001, 20999, "config"); range(22001, 22999, "binlog-op")
	range(24001, 24999, "checkpoint"); range(26001, 26999, "task-check")
	range(28001, 28999, "relay-event-lib")
	range(30001, 30999, "relay-unit"); range(32001, 32999, "dump-unit")
	range(34001, 34999, "load-unit"); range(36001, 36999, "sync-unit")
	range(38001, 38999, "dm-master"); range(40001, 40999, "dm-worker")
	range(42001, 42499, "dm-tracer"); range(42501, 42999, "ha")
	range(43001, 43999, "validator")
	range(44001, 44999, "schema-tracker")
	range(46001, 46999, "scheduler"); range(48001, 48999, "dmctl")
	range(49001, 49999, "openapi")
}
/^[ \t]*(#|$)/ { next }
FILENAME ~ /catalogue/ {
	if (!match($0, /^[0-9]+ [A-Za-z0-9]+ (user|internal)$/))
		die("not: CODE Name user|internal")
	if ($1 in dm_name) die("code " $1 " is used twice")
	dm_name[$1 + 0] = $2
	dm_kind[$1 + 0] = $3
	dm_codes[++n_dm] = $1 + 0
	next
}
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
	if (fmt == "\"\"") die(name " has no message")
	if (work == "\"\"") die(name " has no workaround")
	if (++served[work] > 5)
		die("more than five codes have the workaround of " name)
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
	for (i = 1; i <= n_dm; i++)
		if (dm_kind[dm_codes[i]] == "user" && !(dm_codes[i] in by_code))
			die("code " dm_codes[i] ", " dm_name[dm_codes[i]] \
			    ", is missing")
	# insertion sort: the table is searched by halves
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && codes[j - 1] > codes[j]; j--) {
			t = codes[j]; codes[j] = codes[j - 1]; codes[j - 1] = t
		}
	print "/* Made from lib/err/{catalogue,errors}.list; do not edit. */"
	print "#ifndef DM_ERRORS_H\n#define DM_ERRORS_H\n\nenum dm_err_code {"
	for (i = 1; i <= n; i++)
		printf "\tDM_ERR_%s = %d,\n", by_code[codes[i]], codes[i]
	print "};\n"
	for (i = 1; i <= n; i++)
		printf "#define DM_ERRFMT_%s %s\n", by_code[codes[i]], format[codes[i]]
	print "\n#define DM_ERR_TABLE \\"
	for (i = 1; i <= n; i++)
		printf "%s%s\n", row[codes[i]], (i < n ? " \\" : "")
	# Those that errors.list does not have, in the order of catalogue.list.
	print "\n#define DM_ERR_INTERNAL_TABLE \\"
	for (i = 1; i <= n_dm; i++)
		if (!(dm_codes[i] in by_code))
			printf "\t{ %d, \"%s\", \"%s\" }, \\\n", dm_codes[i], \
			    dm_name[dm_codes[i]], class_of(dm_codes[i])
	print "\n#endif"
}
