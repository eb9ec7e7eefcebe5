#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make diagrams: write the graph of worker/subtask_edges.c into
# ARCHITECTURE.md, between the markers. The table is the truth.
#
#   --check   write nothing; fails when the file does not say what the table
#             says
set -eu
cd "$(dirname "$0")/../.."
table=worker/subtask_edges.c
page=ARCHITECTURE.md
begin="<!-- begin: $table -->"
end="<!-- end: $table -->"

# One line per row of the table: "From --> To: why", in the table's order.
# The arrow out of [*] is where a subtask begins, the one into it where it ends.
graph() {
	awk -F, '
	/^const struct subtask_edge subtask_edges\[\]/ { inside = 1; next }
	inside && /^};/ { exit }
	inside && /PB__STAGE__/ {
		if (match($0, /"[^"]*"/) == 0) {
			print FILENAME ":" FNR ": a row without a reason" \
			    >"/dev/stderr"
			exit (bad = 1)
		}
		why = substr($0, RSTART + 1, RLENGTH - 2)
		from = $1; to = $3
		sub(/.*PB__STAGE__/, "", from); sub(/.*PB__STAGE__/, "", to)
		gsub(/[ \t]/, "", from); gsub(/[ \t]/, "", to)
		if (n++ == 0)
			print "    [*] --> " from
		print "    " from " --> " to ": " why
		last[to]; leaves[from]
	}
	END {
		if (bad)
			exit 1
		if (n == 0) {
			print FILENAME ": no table found" >"/dev/stderr"
			exit 1
		}
		for (s in last)
			if (!(s in leaves))
				print "    " s " --> [*]"
	}' "$table"
}

for marker in "$begin" "$end"; do
	grep -qxF -- "$marker" "$page" || {
		echo "$page: there is no line $marker" >&2
		exit 1
	}
done
new=$(mktemp)
trap 'rm -f "$new" "$new.graph"' EXIT
{
	echo '```mermaid'
	echo 'stateDiagram-v2'
	graph
	echo '```'
} >"$new.graph"
awk -v begin="$begin" -v end="$end" -v graph="$new.graph" '
	$0 == end { skip = 0 }
	!skip { print }
	$0 == begin {
		skip = 1
		while ((getline line < graph) > 0)
			print line
	}' "$page" >"$new"

if cmp -s "$new" "$page"; then
	exit 0
fi
if [ "${1:-}" = --check ]; then
	echo "$page differs from $table; run make diagrams" >&2
	diff -u "$page" "$new" >&2 || true
	exit 1
fi
cat "$new" >"$page"
echo "$page: written from $table"
