#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Secondary indexes are built after the rows, also when the worker is killed
# before or after that; the result has the source's structure.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

source_up up || exit 1
mariadb_up down || exit 1
master_up m1 || exit 1
sql up "CREATE DATABASE shop; USE shop;
 CREATE TABLE big (id BIGINT AUTO_INCREMENT PRIMARY KEY, a INT, b VARCHAR(120), c VARCHAR(60), u INT, g POINT NOT NULL,
   UNIQUE KEY uu (u), KEY ka (a), KEY kbc (b(20), c DESC) COMMENT 'it''s', KEY \`k odd\`\`name\` (c, a), FULLTEXT KEY ft (b), SPATIAL KEY sp (g));
 INSERT INTO big (a,b,c,u,g) SELECT seq MOD 977, REPEAT(CHAR(97 + seq MOD 26), 100), MD5(seq), seq, POINT(seq,1) FROM seq_1_to_80000;
 CREATE TABLE counter (a INT, n BIGINT AUTO_INCREMENT, pad CHAR(200), KEY k0 (pad(5)), KEY kn (n), KEY ka (a));
 INSERT INTO counter (a, pad) SELECT seq MOD 50, REPEAT('x', 200) FROM seq_1_to_50000;
 CREATE TABLE parent (id INT PRIMARY KEY, code INT NOT NULL, pad CHAR(250), KEY kcode (code), KEY kpad (pad));
 INSERT INTO parent SELECT seq, seq, REPEAT('p', 250) FROM seq_1_to_45000;
 CREATE TABLE child (id INT PRIMARY KEY, code INT, pad CHAR(250), KEY kc (code), KEY kp (pad(10)),
   CONSTRAINT fk FOREIGN KEY (code) REFERENCES parent (code));
 INSERT INTO child SELECT seq, 1 + seq MOD 45000, REPEAT('c', 250) FROM seq_1_to_45000;
 CREATE TABLE small (id INT PRIMARY KEY, a INT, KEY ka (a)); INSERT INTO small VALUES (1, 1);
 CREATE TABLE bare (a INT, b CHAR(250), KEY ka (a)); INSERT INTO bare SELECT seq MOD 9, 'b' FROM seq_1_to_45000;
 ANALYZE TABLE big, counter, parent, child, small, bare"
check "operate-source create" ctl operate-source create "$(source_yaml src1 up)"
task() { # NAME MODE [LINES]
	TASK_INSTANCE="  block-allow-list: ours
  loader: {dir: $W/dump.$1}" TASK_EXTRA="block-allow-list:
  ours: {do-dbs: [shop]}${3:+
$3}" task_yaml "$1" "$2" down src1
}
TABLES="big counter parent child small bare"
same_structure() { # TABLE: of source and target, but for counters
	local s
	for s in up down; do
		sql "$s" "SHOW CREATE TABLE shop.$1" --raw |
			sed 's/ AUTO_INCREMENT=[0-9]*//' >"$W/structure.$s"
	done
	[ -s "$W/structure.up" ] && diff "$W/structure.up" "$W/structure.down"
}
result() { # WHAT
	local t
	check "$1: rows are equal" same_schema up down shop
	for t in $TABLES; do
		check "$1: $t has the source's structure" same_structure "$t"
	done
}
drop() { sql down "SET foreign_key_checks=0; DROP DATABASE IF EXISTS shop"; }
built() { grep -o 'building indexes.*table=[a-z]*' "$W/$1.log" | sed 's/.*=//' | sort -u | tr '\n' ' '; }

# ---- as it is by default; the worker dies twice on the way ----

export DM_FAILPOINT=$W/failpoint
export WORKER_BIN=$BIN/dm-worker-failpoints
echo "copy-indexes:kill" >"$DM_FAILPOINT"
check "a worker" worker_up w1 --keepalive-ttl 3
check "start-task" ctl start-task "$(task one full)"
check "it is killed before it builds an index" wait_for 120 kill test ! -e "$DM_FAILPOINT"
await_ends w1
without() { [ "$(sql down "SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = 'shop' AND $1")" = "$2" ]; }
check "until then big has only keys that must be there" without \
	"TABLE_NAME = 'big' AND INDEX_NAME IN ('ka', 'kbc', 'k odd\`name')" 0
check "a key of the counter stays, and what is before it" without \
	"TABLE_NAME = 'counter' AND INDEX_NAME IN ('k0', 'kn')" 2
check "those of tables with foreign keys stay" without \
	"TABLE_NAME IN ('parent', 'child') AND INDEX_NAME IN ('kcode', 'kpad', 'kc', 'kp')" 4
check "a small table is made whole" without "TABLE_NAME = 'small' AND INDEX_NAME = 'ka'" 1
echo "copy-indexes-built:kill" >"$DM_FAILPOINT"
check "the worker is back" worker_up w1 --keepalive-ttl 3
check "it is killed after it built one" wait_for 120 kill test ! -e "$DM_FAILPOINT"
await_ends w1
unset DM_FAILPOINT WORKER_BIN
check "and is back again" worker_up w1 --keepalive-ttl 3
check "it finishes" wait_for 120 Finished task_stage one Finished
result "after the rows"
comment "built after the rows: $(built w1)"
check "indexes were built after the rows" grep -q "building indexes.*table=big" "$W/w1.log"
check "stop-task" ctl stop-task one
drop

# ---- on request before them ----

: >"$W/w1.log"
check "start-task with indexes-first" ctl start-task "$(task two full "copy: {indexes-first: true}")"
check "it finishes" wait_for 120 Finished task_stage two Finished
result "indexes-first"
no_builds() { ! grep -q "building indexes" "$W/w1.log"; }
check "no index was built later" no_builds
check "stop-task" ctl stop-task two
drop

# ---- through files; a table of somebody else's ----

sql down "CREATE DATABASE shop"
sql up "SHOW CREATE TABLE shop.bare" --raw | sed '1s/^bare\t//' |
	mariadb --no-defaults -uroot -S "$W/down.sock" shop
check "start-task through files" ctl start-task "$(task three full "copy-mode: files")"
check "it finishes" wait_for 120 Finished task_stage three Finished
result "files"
check "indexes were built after the rows" grep -q "building indexes.*table=big" "$W/w1.log"
no_bare() { ! grep -q "building indexes.*table=bare" "$W/w1.log"; }
check "but not of the table that was there" no_bare
check "stop-task" ctl stop-task three
finish
