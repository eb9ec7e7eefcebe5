#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# README's commands, as printed: every code block behind `<!-- test: NAME -->`,
# in order. Blocks of bash share variables and folder like lines typed into one
# shell; a block named *.sql is run by an administrator of that server. Only
# the values of the block `settings` are replaced by those of private servers.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init
README=$CLUSTER_ROOT/README.md
WANTED="settings source.sql target.sql start source task status pause stop explain probes"

# One file for each block, $W/block/NAME; and the names, in order.
mkdir "$W/block"
awk -v dir="$W/block" '
	/^<!-- test: .* -->$/ { name = $3; next }
	name != "" && !inside && /^```/ { inside = 1; print name; next }
	inside && /^```$/ { inside = 0; close(dir "/" name); name = ""; next }
	inside { print >(dir "/" name) }' "$README" >"$W/names"
check "README has the blocks that are run here, and no other" \
	diff <(tr ' ' '\n' <<<"$WANTED") "$W/names"

# As typed: the variables and the folder of one block are there in the next.
# Any command that fails ends the block.
block() {
	local rc=0
	{
		echo 'set -e'
		[ ! -e "$W/state" ] || cat "$W/state"
		cat "$W/block/$1"
		# shellcheck disable=SC2016 # it is the block's own PWD
		printf '{ export -p; printf "cd %%q\\n" "$PWD"; } >%q\n' "$W/state"
	} >"$W/run.$1"
	(cd "$CLUSTER_ROOT" && timeout 600 bash "$W/run.$1") || rc=$?
	remember_pids
	return "$rc"
}

# So that they end with this script whatever happens.
remember_pids() {
	local n
	for n in master1 worker1; do
		[ ! -s "$W/dm/$n.pid" ] || PID[readme.$n]=$(cat "$W/dm/$n.pid")
	done
}

settings() {
	block settings || return
	cat >>"$W/state" <<-E
		export SOURCE_PORT=${PORT[up]} TARGET_PORT=${PORT[down]}
		export MASTER=127.0.0.1:$(free_port)
		export WORKER=127.0.0.1:$(free_port)
		export PEER=http://127.0.0.1:$(free_port)
		export DM_MASTER_ADDR=\$MASTER DIR=$W/dm PATH=$BIN:$PATH
	E
	# Every variable that is replaced must be one that README sets.
	local v
	for v in SOURCE_PORT TARGET_PORT MASTER WORKER PEER DM_MASTER_ADDR DIR; do
		grep -qE "(export|[ ])$v=" "$W/block/settings" || return
	done
}

source_up up || exit 1
mariadb_up down || exit 1
sql up "CREATE DATABASE shop; USE shop;
 CREATE TABLE customer (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60));
 CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, customer INT,
  amount DECIMAL(10,2), FOREIGN KEY (customer) REFERENCES customer (id));
 INSERT INTO customer (name) SELECT CONCAT('customer ', seq) FROM seq_1_to_500;
 INSERT INTO orders (customer, amount) SELECT 1 + seq MOD 500, seq FROM seq_1_to_5000;
 CREATE VIEW big AS SELECT id FROM orders WHERE amount > 4000"

check "README: settings" settings
check "README: the source's user" sql up "$(cat "$W/block/source.sql")"
check "README: the target's user" sql down "$(cat "$W/block/target.sql")"
check "README: start" block start
check "README: source" block source
check "README: task" block task
check "README: status" block status
check "rows are equal" same_schema up down shop
check "the view is there" \
	test "$(sql down "SELECT COUNT(*) FROM shop.big")" = 1000
sql up "USE shop; UPDATE orders SET amount = amount + 1;
 ALTER TABLE orders ADD COLUMN note VARCHAR(20) DEFAULT 'none';
 INSERT INTO orders (customer, amount, note) VALUES (1, 9, 'late');
 DELETE FROM orders WHERE id <= 100;
 CREATE TABLE more (id INT PRIMARY KEY); INSERT INTO more VALUES (1)"
check "README: status, again" block status
check "what was written meanwhile is equal" \
	wait_for 30 "equal rows" same_schema up down shop
check "README: explain" block explain
check "README: probes" block probes
check "README: pause" block pause
check "README: stop" block stop
for n in master1 worker1; do
	check "$n has ended" wait_for 20 "$n" has_ended "${PID[readme.$n]}"
done
finish
