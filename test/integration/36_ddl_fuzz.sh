#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Random DDL on real servers: our tracker follows, and what we print of a
# statement does the same under other names (test/tools/ddl_fuzz.c).
#
#   SEEDS   how many (4; SOAK: 100), from SEED on (400; SOAK: any)
#
# New seeds now and then find what a server does otherwise in a corner: that is
# work for the soak, not a reason for a change of something else to be refused.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init
SEEDS=${SEEDS:-$([ -n "${SOAK:-}" ] && echo 100 || echo 4)}
SEED=${SEED:-$([ -n "${SOAK:-}" ] && echo $((RANDOM * 100)) || echo 400)}
FUZZ=$BIN/../test/tools/ddl_fuzz
DIRECT=(--innodb-flush-log-at-trx-commit=0 --skip-log-bin)

# agrees SERVER COUNT: every seed; says what the server took.
agrees() {
	local seed
	for seed in $(seq "$SEED" $((SEED + SEEDS - 1))); do
		"$FUZZ" "$W/$1.sock" "$seed" "$2" >"$W/fuzz.$1" || {
			tail -n 60 "$W/fuzz.$1"
			echo "# SEED=$seed"
			return 1
		}
		echo "# seed $seed: $(head -n 1 "$W/fuzz.$1")"
		# A fuzzer whose statements are refused shows nothing.
		awk 'NR == 1 { exit !($1 > 50) }' "$W/fuzz.$1" || return 1
	done
}

mariadb_up maria "${DIRECT[@]}" || exit 1
check "MariaDB and we agree on random DDL" agrees maria 600
if other_is_there mysql; then
	other_up mysql my "${DIRECT[@]}" || exit 1
	check "MySQL and we agree on random DDL" agrees my 200
else
	skip "MySQL and we agree on random DDL" "no MySQL to be had"
fi
finish
