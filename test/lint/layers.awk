# SPDX-License-Identifier: Apache-2.0
# Check the direction of every include. A folder of lib/ has a rank and
# includes lower ranks and itself; the three programs include lib/ and
# themselves; nothing but tests includes a test. Input: all .c and .h files.

BEGIN {
	rank["base"] = 0
	rank["err"] = 1
	rank["thread"] = rank["sm"] = 2
	rank["log"] = rank["text"] = rank["crypt"] = rank["metrics"] = 3
	rank["http"] = rank["sql"] = rank["rpc"] = rank["net"] = 4
	rank["s3"] = rank["etcd"] = rank["binlog"] = rank["ddl"] = rank["expr"] = 5
	rank["filter"] = rank["route"] = rank["schema"] = rank["meta"] = 6
	rank["dump"] = 6
	rank["config"] = 7
	rank["ha"] = rank["shardddl"] = 8

	# What a table is, is declared by lib/schema; lib/ddl edits it.
	allowed["lib/ddl lib/schema/table.h"] = 1
	# Routes match names by the same patterns as filters.
	allowed["lib/route lib/filter/pattern.h"] = 1
	# Routes have the patterns of the block-allow-list.
	allowed["lib/route lib/filter/pattern.h"] = 1
	status = 0
}

function finding(what)
{
	printf "%s:%d: %s\n", FILENAME, FNR, what
	status = 1
}

FNR == 1 {
	split(FILENAME, own, "/")
	first = ""
	header = FILENAME
	sub(/\.c$/, ".h", header)
	has_header = header != FILENAME && (getline line < header) >= 0
	close(header)
	if (own[1] == "lib" && !(own[2] in rank))
		finding("lib/" own[2] " has no rank: see test/lint/layers.awk")
}

/^#[ \t]*include[ \t]*"/ {
	split($0, quoted, "\"")
	path = quoted[2]
	n = split(path, part, "/")

	if (first == "") {
		first = path
		if (has_header && path != header)
			finding("the first include is not the file's own header")
	}
	if (n == 1 || part[1] == "google") {
		if (path !~ /\.pb-c\.h$/ && path != "dm_errors.h" &&
		    path != "dm_descriptors.h")
			finding("\"" path "\" is not written from the root")
		next
	}
	if ((getline line < path) < 0)
		finding("there is no " path)
	close(path)
	if (own[1] == "test")
		next
	if (part[1] == "test")
		finding("product code includes " path)
	else if (own[1] == "lib" && part[1] != "lib")
		finding("lib includes " path)
	else if (part[1] != "lib" && part[1] != own[1])
		finding(own[1] " includes " path)
	else if (own[1] == "lib" && own[2] != part[2] &&
	    rank[part[2]] >= rank[own[2]] &&
	    !(("lib/" own[2] " " path) in allowed))
		finding("rank " rank[own[2]] " includes " path " of rank " \
		    rank[part[2]])
}

END {
	exit status
}
