#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Online schema changes: the real pt-online-schema-change under a writer, the
# statements that gh-ost makes, kills between ghost and swap, own rules, what is
# refused, and a takeover of what DM remembered.
# shellcheck disable=SC2016 # the names in `` are MySQL's
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

source_up up || exit 1
mariadb_up down || exit 1
master_up m1 || exit 1
worker_up w1 --keepalive-ttl 5 || exit 1
check "operate-source create" \
	ctl operate-source create "$(source_yaml src1 up)"

# stopped TASK TEXT: it is paused by an error with this text.
stopped() {
	ctl query-status "$1" >"$W/status.out"
	grep -q '"stage": "Paused"' "$W/status.out" &&
		grep -qE -- "$2" "$W/status.out"
}

# forgotten TASK: no ghost is remembered.
forgotten() { [ "$(sql down "SELECT COUNT(*) FROM dm_meta.$1_onlineddl")" = 0 ]; }

# in_target COUNT CONDITION: so many sessions of the target are in that state.
in_target() {
	[ "$(sql down "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE $2")" -ge "$1" ]
}

# has_column TABLE COLUMN: in the target.
has_column() {
	test "$(sql down "SELECT COUNT(*) FROM information_schema.COLUMNS
		WHERE TABLE_SCHEMA='o' AND TABLE_NAME='$1' AND COLUMN_NAME='$2'")" = 1
}

# tables SERVER: all of schema o.
tables() { sql "$1" "SHOW TABLES FROM o" | tr '\n' ' '; }

# gho TABLE ALTER...: gh-ost's statements up to its cut-over: notes, a ghost and
# its rows. swap TABLE: the cut-over.
gho() {
	local t=$1 a columns
	shift
	columns=$(sql up "SELECT GROUP_CONCAT(COLUMN_NAME) FROM information_schema.COLUMNS
		WHERE TABLE_SCHEMA='o' AND TABLE_NAME='$t'")
	sql up "USE o; CREATE TABLE _${t}_ghc (id BIGINT AUTO_INCREMENT PRIMARY KEY,
		hint VARCHAR(64), value VARCHAR(4096));
	 INSERT INTO _${t}_ghc (hint) VALUES ('state');
	 CREATE TABLE _${t}_gho LIKE $t"
	for a; do
		sql up "ALTER TABLE \`o\`.\`_${t}_gho\` $a"
	done
	sql up "INSERT IGNORE INTO o._${t}_gho ($columns) SELECT $columns FROM o.$t;
	 UPDATE o._${t}_ghc SET value='copied'"
}
swap() {
	sql up "USE o; CREATE TABLE _$1_del (id INT PRIMARY KEY) COMMENT='ghost-cut-over-sentry';
	 DROP TABLE _$1_del; RENAME TABLE $1 TO _$1_del, _$1_gho TO $1;
	 DROP TABLE _$1_ghc, _$1_del"
}

sql up "CREATE DATABASE o; USE o;
 CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a INT, KEY k (a));
 CREATE TABLE g (id INT PRIMARY KEY, a INT);
 CREATE TABLE f (id INT PRIMARY KEY, a INT);
 INSERT INTO t SELECT seq, seq FROM seq_1_to_2000;
 INSERT INTO g SELECT seq, seq FROM seq_1_to_50;
 INSERT INTO f SELECT seq, seq FROM seq_1_to_50"
TASK_EXTRA='block-allow-list: {only: {do-dbs: [o], ignore-tables: [{db-name: o, tbl-name: "out*"}]}}
filters: {ign: {schema-pattern: o, table-pattern: "f", events: ["create index"], action: Ignore}}'
TASK_INSTANCE="  block-allow-list: only
  filter-rules: [ign]"
yaml=$(task_yaml onl all down src1)
check "start-task" ctl start-task "$yaml"
check "the copy is complete" wait_for 60 synced task_synced onl

# ---- pt-online-schema-change ----

writer() {
	local i=0
	while [ ! -e "$W/stop-writing" ]; do
		i=$((i + 1))
		echo "INSERT INTO t (a) VALUES ($i); UPDATE t SET a=a+1 WHERE id=$((i % 2000 + 1)); DELETE FROM t WHERE id=$((i * 7 % 3000 + 2));"
		sleep 0.02
	done | mariadb --no-defaults -uroot -S "$W/up.sock" o >"$W/writer.out" 2>&1
}
pt() {
	timeout 300 pt-online-schema-change --execute --no-version-check \
		--recursion-method=none --chunk-size=200 "$@" \
		"u=root,S=$W/up.sock,D=o,t=t"
}
writer &
WRITER=$!
check "pt-online-schema-change under a writer" \
	pt --alter "ADD COLUMN c VARCHAR(10) NOT NULL DEFAULT 'c', ADD INDEX ac (a, c)"
check "and once more, keeping the former table" \
	pt --no-drop-old-table --alter "DROP COLUMN c, MODIFY a BIGINT, ADD COLUMN d INT"
touch "$W/stop-writing"
wait $WRITER
check "all is replicated" wait_for 60 synced task_synced onl
check "and equal" same_table up down o t
check "the target has no table of the tool" \
	test "$(tables down)" = "f g t "
check "nothing is remembered any more" wait_for 10 "it" forgotten onl
sql up "DROP TABLE o._t_old; INSERT INTO o.t (a, d) VALUES (1, 2)"
check "the former table goes" wait_for 60 synced task_synced onl
check "and all is equal" same_schema up down o

# ---- gh-ost, and kills ----

gho g "ADD COLUMN b INT DEFAULT 5" "ADD INDEX ib (b)"
check "the ghost's changes are seen" wait_for 60 synced task_synced onl
dm_form='o _g_gho {"schema":"o","table":"g","ddls":["ALTER TABLE `o`.`_g_gho` ADD COLUMN `b` INT DEFAULT 5","ALTER TABLE `o`.`_g_gho` ADD KEY `ib` (`b`)"]}'
got=$(sql down "SELECT CONCAT_WS(' ', ghost_schema, ghost_table, ddls) FROM dm_meta.onl_onlineddl WHERE id='src1'")
check "and remembered in DM's form" test "$(tr '[:upper:]' '[:lower:]' <<<"$got")" = \
	"$(tr '[:upper:]' '[:lower:]' <<<"$dm_form")"
[ "${got,,}" = "${dm_form,,}" ] || comment "got: $got"
check "the table is not changed yet" test "$(tables down)" = "f g t "
kill9 w1
# gh-ost repeats what happens to the table.
sql up "UPDATE o.g SET a=a+1 WHERE id<10; UPDATE o._g_gho SET a=a+1 WHERE id<10"
swap g
sql up "INSERT INTO o.g VALUES (100, 1, 2)"
worker_up w1 --keepalive-ttl 5
check "a worker killed before the swap goes on" wait_for 60 synced task_synced onl
check "and all is equal" same_schema up down o
check "nothing is remembered any more" wait_for 10 "it" forgotten onl

for point in ddl-run ddl-done; do
	gho g "ADD COLUMN k_${point#ddl-} INT" "ADD COLUMN l_${point#ddl-} INT" \
		"ADD INDEX (l_${point#ddl-})"
	check "$point: the changes are seen" wait_for 60 synced task_synced onl
	# The statement meets the lock, and its worker is killed while it waits.
	sql down "LOCK TABLES o.g WRITE; DO SLEEP(200)" >/dev/null 2>&1 &
	HOLD=$!
	wait_for 10 "the lock" in_target 1 "INFO LIKE 'DO SLEEP(200)%'"
	swap g
	check "$point: the statement meets the lock" wait_for 10 "it" \
		in_target 1 "USER='dm' AND STATE LIKE 'Waiting for table metadata lock%'"
	kill9 w1
	sql down "KILL QUERY $(sql down "SELECT ID FROM information_schema.PROCESSLIST
		WHERE INFO LIKE 'DO SLEEP(200)%'")"
	wait $HOLD
	worker_up w1 --keepalive-ttl 5
	check "$point: a worker killed in the swap goes on" \
		wait_for 60 synced task_synced onl
	check "$point: all is equal" same_schema up down o
done

gho g "ADD COLUMN never INT"
sql up "DROP TABLE o._g_gho, o._g_ghc"
check "a change that is given up" wait_for 60 synced task_synced onl
check "is forgotten" wait_for 10 "it" forgotten onl
gho g "ADD COLUMN once INT"
sql up "USE o; ALTER TABLE g RENAME _g_del; ALTER TABLE _g_gho RENAME g;
 DROP TABLE _g_del, _g_ghc; INSERT INTO g (id, once) VALUES (200, 1)"
check "a swap by two ALTERs" wait_for 60 synced task_synced onl
check "is followed" same_schema up down o

# ---- filters ----

gho f "ADD COLUMN x INT" "ADD INDEX ix (x)"
swap f
sql up "INSERT INTO o.f VALUES (900, 1, 2);
 CREATE TABLE o.out1 (id INT PRIMARY KEY, a INT)"
gho out1 "ADD COLUMN z INT"
swap out1
check "filters see the real table" wait_for 60 synced task_synced onl
check "what they leave out is left out" test "$(sql down "SELECT COUNT(*) FROM
	information_schema.STATISTICS WHERE TABLE_NAME='f' AND INDEX_NAME='ix'")" = 0
check "and the rest is done" has_column f x
check "the data is equal" same_table up down o f
check "a table that is not selected has no part" test "$(tables down)" = "f g t "
sql up "DROP TABLE o.out1"

# ---- what is refused ----

sql up "CREATE TABLE o._t_new LIKE o.t; RENAME TABLE o.t TO o._t_old, o._t_new TO o.t"
check "a swap that nobody saw begin stops" wait_for 60 stopped stopped onl \
	'"ErrCode": 36046'
check "with the ghost's name" grep -q "ghost temporary table .o.[.]._t_new. not found" \
	"$W/status.out"
check "binlog replace goes on" ctl binlog replace onl "ALTER TABLE o.t COMMENT ''"
check "it goes on" wait_for 60 synced task_synced onl
sql up "RENAME TABLE o.t TO o._t_new"
check "a RENAME to a ghost stops" wait_for 60 stopped stopped onl '"ErrCode": 36044'
check "binlog skip goes on" ctl binlog skip onl
sql up "RENAME TABLE o._t_new TO o._u_new"
check "a RENAME of a ghost stops" wait_for 60 stopped stopped onl '"ErrCode": 36045'
check "binlog skip goes on" ctl binlog skip onl
sql up "DROP TABLE o._u_new; CREATE TABLE o.t2 (id INT PRIMARY KEY);
 RENAME TABLE o.g TO o._g_old, o.t2 TO o.g"
check "rules that fit one half stop" wait_for 60 stopped stopped onl \
	'"ErrCode": 20049'
check "with the table" grep -q "table t2 fail to match" "$W/status.out"
check "binlog skip goes on" ctl binlog skip onl
check "it goes on" wait_for 60 synced task_synced onl
mariadb --no-defaults -uroot -S "$W/up.sock" --default-character-set=latin1 o \
	-e "CREATE TABLE _g_gho LIKE g; ALTER TABLE _g_gho COMMENT '"$'\xe9'"'"
check "a statement that cannot be remembered stops" wait_for 60 stopped \
	stopped onl 'statement that is not UTF-8'
check "binlog skip goes on" ctl binlog skip onl
check "it goes on" wait_for 60 synced task_synced onl
sql up "USE o; CREATE TABLE v (id INT PRIMARY KEY); CREATE TABLE w LIKE v;
 CREATE TABLE _v_new LIKE v; CREATE TABLE _w_new LIKE w;
 RENAME TABLE v TO _v_old, _v_new TO v, w TO _w_old, _w_new TO w"
check "two swaps in one stop" wait_for 60 stopped stopped onl '"ErrCode": 36041'
check "binlog skip goes on" ctl binlog skip onl
check "it goes on" wait_for 60 synced task_synced onl
check "stop-task" ctl stop-task onl

# ---- own rules; what DM remembered ----

sql up "DROP DATABASE o; CREATE DATABASE o; USE o;
 CREATE TABLE t (id INT PRIMARY KEY, a INT); INSERT INTO t VALUES (1, 1)"
sql down "DROP DATABASE o"
TASK_INSTANCE=""
TASK_EXTRA='shadow-table-rules: ["^neu_(.+)$"]
trash-table-rules: ["alt_(.+)"]'
yaml=$(task_yaml own all down src1)
check "start-task with own rules" ctl start-task "$yaml"
check "the copy is complete" wait_for 60 synced task_synced own
check "the rules are in the configuration" grep -qF 'neu_(.+)' \
	<<<"$(ctl config task own)"
sql up "USE o; CREATE TABLE neu_t LIKE t; ALTER TABLE neu_t ADD COLUMN b INT;
 INSERT INTO neu_t SELECT *, 2 FROM t; INSERT INTO t VALUES (2, 2);
 INSERT INTO neu_t VALUES (2, 2, NULL); UPDATE neu_t SET b=NULL"
check "the ghost is seen" wait_for 60 synced task_synced own
check "pause-task between ghost and swap" ctl pause-task own
sql up "USE o; RENAME TABLE t TO alt_t, neu_t TO t; DROP TABLE alt_t;
 CREATE TABLE _t_new (id INT PRIMARY KEY); INSERT INTO _t_new VALUES (7)"
check "resume-task" ctl resume-task own
check "own rules are followed" wait_for 60 synced task_synced own
check "and they alone" test "$(tables down)" = "_t_new t "
check "all is equal" same_schema up down o
sql up "CREATE TABLE o.neu_t LIKE o.t"
check "a ghost is made" wait_for 60 synced task_synced own
check "pause-task, as if DM had run so far" ctl pause-task own
sql up "USE o; SET sql_log_bin=0; ALTER TABLE neu_t ADD COLUMN c INT;
 SET sql_log_bin=1; RENAME TABLE t TO alt_t, neu_t TO t; DROP TABLE alt_t;
 INSERT INTO t VALUES (9, 9, 9, 9)"
sql down 'DELETE FROM o.t; REPLACE INTO dm_meta.own_onlineddl (id, ghost_schema, ghost_table, ddls) VALUES
 ("src1", "o", "neu_t", "{\"schema\":\"o\",\"table\":\"t\",\"ddls\":[\"\",\"ALTER TABLE `o`.`neu_t` ADD COLUMN `c` INT\"]}")'
check "resume-task" ctl resume-task own
check "what DM remembered is run" wait_for 60 synced task_synced own
check "all is equal" same_table up down o t
check "stop-task" ctl stop-task own
sql down "INSERT INTO dm_meta.own_onlineddl (id, ghost_schema, ghost_table, ddls)
 VALUES ('src1', 'o', 'neu_z', 'nonsense')"
check "start-task" ctl start-task "$yaml"
check "a damaged row is told" wait_for 60 stopped stopped own '"ErrCode": 36039'
check "with its name" grep -q "ghost_table neu_z" "$W/status.out"
check "stop-task" ctl stop-task own
# A connection of a worker that cannot be reached, as good as it can be had.
sql down "/* of before */ SELECT SLEEP(300)" >/dev/null 2>&1 &
of_before() {
	sql down "SELECT id FROM information_schema.processlist
	 WHERE info LIKE '/* of before */%'"
}
wait_for 20 there test -n "\$(of_before)"
sql down "UPDATE dm_meta.dm_owner SET conn_ids='[$(of_before)]'"
check "start-task --remove-meta" ctl start-task "$yaml" --remove-meta
check "takes it away" wait_for 60 synced task_synced own
check "but not what a former run may still do: that is ended" \
	test -z "$(of_before)"
TASK_EXTRA='shadow-table-rules: ["^neu_.+$"]'
refuse "a rule without a group is refused" "exactly one capture group" \
	ctl check-task "$(task_yaml bad all down src1)"
finish
