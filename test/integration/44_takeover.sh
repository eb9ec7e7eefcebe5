#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Tasks that the original ran go on here, from its checkpoint in the target.
# What the original leaves there is written by hand: tables and rows as it makes
# them. Tables without keys show whether a row came twice.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

mariadb_up down || exit 1
source_up up || exit 1
master_up m1 || exit 1
worker_up w1 --keepalive-ttl 5 || exit 1
worker_up w2 --keepalive-ttl 5 || exit 1
worker_up w3 --keepalive-ttl 5 || exit 1

# ---- what the original leaves ----

# original TASK: its tables.
original() {
	sql down "CREATE DATABASE IF NOT EXISTS dm_meta;
	CREATE TABLE dm_meta.$1_syncer_checkpoint (
	 id VARCHAR(32) NOT NULL, cp_schema VARCHAR(128) NOT NULL,
	 cp_table VARCHAR(128) NOT NULL, binlog_name VARCHAR(128),
	 binlog_pos INT UNSIGNED, binlog_gtid TEXT,
	 exit_safe_binlog_name VARCHAR(128) DEFAULT '',
	 exit_safe_binlog_pos INT UNSIGNED DEFAULT 0,
	 exit_safe_binlog_gtid TEXT, table_info JSON NOT NULL,
	 is_global BOOLEAN,
	 create_time timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
	 update_time timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP
	  ON UPDATE CURRENT_TIMESTAMP,
	 UNIQUE KEY uk_id_schema_table (id, cp_schema, cp_table));
	CREATE TABLE dm_meta.$1_syncer_sharding_meta (
	 source_id VARCHAR(32) NOT NULL, target_table_id VARCHAR(144) NOT NULL,
	 source_table_id VARCHAR(144) NOT NULL, active_index INT,
	 is_global BOOLEAN, data JSON NOT NULL,
	 create_time timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
	 update_time timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP
	  ON UPDATE CURRENT_TIMESTAMP,
	 UNIQUE KEY uk_source_id_table_id_source
	  (source_id, target_table_id, source_table_id));
	CREATE TABLE dm_meta.$1_lightning_checkpoint_list (
	 task_name VARCHAR(255) NOT NULL, source_name VARCHAR(255) NOT NULL,
	 status VARCHAR(10) NOT NULL DEFAULT 'init' COMMENT 'init,running,finished',
	 PRIMARY KEY (task_name, source_name))"
}

# global TASK SOURCE NAME POS GTID [EXIT-NAME EXIT-POS EXIT-GTID]
global() {
	sql down "REPLACE INTO dm_meta.$1_syncer_checkpoint (id, cp_schema,
	 cp_table, binlog_name, binlog_pos, binlog_gtid, exit_safe_binlog_name,
	 exit_safe_binlog_pos, exit_safe_binlog_gtid, table_info, is_global)
	 VALUES ('$2','','','$3',$4,'$5','${6:-}',${7:-0},'${8:-}','null',1)"
}
# of_table TASK SOURCE DB TABLE NAME POS GTID TABLE-INFO
of_table() {
	sql down "REPLACE INTO dm_meta.$1_syncer_checkpoint (id, cp_schema,
	 cp_table, binlog_name, binlog_pos, binlog_gtid, table_info, is_global)
	 VALUES ('$2','$3','$4','$5',$6,'$7','$8',0)"
}

# int_column NAME FLAG; text_column NAME; table_info NAME COLUMNS INDEXES
column() {
	echo "{\"id\":1,\"name\":{\"O\":\"$1\",\"L\":\"$1\"},\"offset\":0,\"origin_default\":null,\"default\":null,\"default_bit\":null,\"default_is_expr\":false,\"generated_expr_string\":\"\",\"generated_stored\":false,\"dependences\":null,\"type\":{\"Tp\":$2,\"Flag\":$3,\"Flen\":$4,\"Decimal\":0,\"Charset\":\"$5\",\"Collate\":\"$6\",\"Elems\":null},\"state\":5,\"comment\":\"\",\"hidden\":false,\"change_state_info\":null,\"version\":2}"
}
int_column() { column "$1" 3 "$2" 11 binary binary; }
text_column() { column "$1" 15 0 40 utf8mb4 utf8mb4_general_ci; }
PRIMARY='[{"id":1,"idx_name":{"O":"PRIMARY","L":"primary"},"tbl_name":{"O":"","L":""},"idx_cols":[{"name":{"O":"id","L":"id"},"offset":0,"length":-1}],"state":5,"comment":"","index_type":1,"is_unique":true,"is_primary":true}]'
table_info() {
	echo "{\"id\":0,\"name\":{\"O\":\"$1\",\"L\":\"$1\"},\"charset\":\"utf8mb4\",\"collate\":\"utf8mb4_general_ci\",\"cols\":[$2],\"index_info\":$3,\"fk_info\":null,\"state\":5,\"pk_is_handle\":false,\"is_common_handle\":false,\"comment\":\"\",\"partition\":null,\"view\":null,\"sequence\":null,\"version\":3}"
}
T_INFO=$(table_info t "$(int_column id 4099),$(text_column v)" "$PRIMARY")
K_INFO=$(table_info k "$(int_column n 0)" null)

checkpoint() {
	sql down "SELECT COUNT(*), MAX(binlog_name), MAX(binlog_pos),
	 MAX(exit_safe_binlog_name), MAX(exit_safe_binlog_pos)
	 FROM dm_meta.$1_syncer_checkpoint"
}
checkpoint_is() { [ "$(checkpoint "$1")" = "$2" ]; }
# at [SERVER]: "name<TAB>pos" of the end of its binlog.
at() { binlog_end "${1:-up}" | awk '{ print $1 "\t" $2 }'; }
in_error() { ctl query-status "$1" >"$W/status.out" && grep -qF -- "$2" "$W/status.out"; }
only() {
	TASK_EXTRA="block-allow-list:
  ours: {do-dbs: [$1]}"
	TASK_INSTANCE="  block-allow-list: ours"
}
TABLES="CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
 CREATE TABLE k (n INT) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci"
both() { sql up "$1" && sql down "$1"; }

check "operate-source create" ctl operate-source create "$(source_yaml src1 up)"

# ---- by position, after the original was stopped ----

only pa
both "CREATE DATABASE pa; USE pa; $TABLES;
 INSERT INTO t VALUES (1,'one'),(2,'two'); INSERT INTO k VALUES (1),(1)"
read -r name pos <<<"$(at)"
original pa
global pa src1 "$name" "$pos" "" "$name" "$pos" ""
of_table pa src1 pa t "$name" "$((pos - 10))" "" "$T_INFO"
of_table pa src1 pa k "$name" "$pos" "" "$K_INFO"
# What the structure tells is needed: the target's own one is another.
sql down "ALTER TABLE pa.t ADD COLUMN extra INT NOT NULL DEFAULT 7"
sql up "USE pa; INSERT INTO t VALUES (3,'three'); UPDATE t SET v='TWO' WHERE id=2;
 INSERT INTO k VALUES (1),(2); DELETE FROM k WHERE n=2; ALTER TABLE t ADD COLUMN w INT;
 INSERT INTO t VALUES (4,'four',4)"
ctl start-task --start-time '2024-01-01T00:00:00' "$(task_yaml pa incremental down src1)" >"$W/out" 2>&1
check "a start time is refused: there is progress" grep -q 'goes on where it was' "$W/out"
ctl check-task "$(task_yaml pa all down src1)" >"$W/out" 2>&1
check "a column that is still to come is no failure" grep -q 'still to come in the binlog' "$W/out"
check "start-task all" ctl start-task "$(task_yaml pa all down src1)"
check "it goes on" wait_for 60 synced task_synced pa
sql down "SELECT id, v, w, extra FROM pa.t ORDER BY id; SELECT n FROM pa.k ORDER BY n" >"$W/got"
printf '1\tone\tNULL\t7\n2\tTWO\tNULL\t7\n3\tthree\tNULL\t7\n4\tfour\t4\t7\n1\n1\n1\n' >"$W/want"
check "nothing was copied anew, or applied twice" diff "$W/want" "$W/got"
read -r name pos <<<"$(at)"
check "the checkpoint of the original is kept up to date, without tables" \
	wait_for 30 "the checkpoint" checkpoint_is pa "$(printf '1\t%s\t%s\t\t0' "$name" "$pos")"
check "pause-task" ctl pause-task pa
sql up "INSERT INTO pa.k VALUES (9)"
check "resume-task" ctl resume-task pa
check "it goes on from its own place" wait_for 60 synced task_synced pa
check "once" test "$(sql down "SELECT COUNT(*) FROM pa.k WHERE n=9")" = 1
check "stop-task" ctl stop-task pa

# ---- by position, after the original was killed ----

only pb
both "CREATE DATABASE pb; USE pb; $TABLES; INSERT INTO t VALUES (1,'one'),(2,'two')"
read -r name pos <<<"$(at)"
both "USE pb; INSERT INTO t VALUES (3,'three'); UPDATE t SET id=5, v='five' WHERE id=1;
 DELETE FROM t WHERE id=2"
sql up "USE pb; BEGIN; INSERT INTO k VALUES (1); INSERT INTO k VALUES (2); INSERT INTO k VALUES (2); COMMIT"
sql down "INSERT INTO pb.k VALUES (1)"
# The end of the first rows event of three.
inside=$(sql up "SHOW BINLOG EVENTS IN '$name' FROM $pos" |
	awk '$3 ~ /^Write_rows/ { a[++n] = $5 } END { print a[n - 2] }')
read -r _ end <<<"$(at)"
original pb
# A relay log's name, as the original writes it.
global pb src1 "${name/./|000001.}" "$pos" ""
of_table pb src1 pb t "${name/./|000001.}" "$pos" "" "$T_INFO"
of_table pb src1 pb k "$name" "$inside" "" "$K_INFO"
mkfifo "$W/hold"
mariadb --no-defaults -uroot -S "$W/down.sock" -N -B --unbuffered <"$W/hold" >"$W/held" 2>&1 &
PID[hold]=$!
exec 7>"$W/hold"
echo "BEGIN; SELECT 'held' FROM pb.t WHERE id=3 FOR UPDATE;" >&7
wait_for 10 "the lock" grep -q held "$W/held"
check "start-task all" ctl start-task "$(task_yaml pb all down src1)"
waiting() { [ "$(sql down "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state='LOCK WAIT'")" -ge 1 ]; }
check "a row waits" wait_for 60 "a lock wait" waiting
check "how far the original may have come is stored" \
	checkpoint_is pb "$(printf '1\t%s\t%s\t%s\t%s' "$name" "$pos" "$name" "$end")"
owner=$(ctl query-status pb | grep -o '"worker": "w[0-9]"' | grep -o 'w[0-9]')
stop "$owner" KILL
exec 7>&-
wait "${PID[hold]}"
unset "PID[hold]"
check "its worker is killed, and another one goes on" wait_for 60 synced task_synced pb
check "rows that were there are equal" same_schema up down pb
read -r name pos <<<"$(at)"
check "what may be there is over" \
	wait_for 30 "the checkpoint" checkpoint_is pb "$(printf '1\t%s\t%s\t\t0' "$name" "$pos")"
check "stop-task" ctl stop-task pb
worker_up "$owner" --keepalive-ttl 5 || exit 1

# ---- where it cannot go on ----

only pc
both "CREATE DATABASE pc; USE pc; $TABLES"
sql up "INSERT INTO pc.t VALUES (1,'one')"
original pc
read -r name pos <<<"$(at)"
sql down "INSERT INTO dm_meta.pc_lightning_checkpoint_list VALUES ('pc','src1','running')"
check "start-task with a load of the original" ctl start-task "$(task_yaml pc all down src1)"
check "that is not finished is told" \
	wait_for 30 "the error" in_error pc "its full load is not finished"
check "stop-task" ctl stop-task pc
sql down "UPDATE dm_meta.pc_lightning_checkpoint_list SET status='finished'"
check "one that is finished" ctl start-task "$(task_yaml pc all down src1)"
check "tells no place to go on from" \
	wait_for 30 "the error" in_error pc "where replication is to begin is not in the target"
check "stop-task" ctl stop-task pc
check "in task-mode full" ctl start-task "$(task_yaml pc full down src1)"
finished() { ctl query-status pc | grep -q '"stage": "Finished"'; }
check "it is all there was to do" wait_for 30 finished finished
check "nothing was copied" test "$(sql down "SELECT COUNT(*) FROM pc.t")" = 0
check "stop-task" ctl stop-task pc
global pc src1 "$name" "$pos" ""
sql down "INSERT INTO dm_meta.pc_syncer_sharding_meta (source_id, target_table_id,
 source_table_id, active_index, is_global, data) VALUES ('src1','\`pc\`.\`t\`','',0,1,
 '[{\"ddls\":[\"ALTER TABLE t ADD COLUMN x INT\"],\"source\":\"\`pc\`.\`t1\`\"}]')"
check "start-task with a DDL of merged tables half done" ctl start-task "$(task_yaml pc all down src1)"
check "is told" wait_for 30 "the error" in_error pc "is done by some of them and awaited of others"
check "stop-task" ctl stop-task pc
sql down "DELETE FROM dm_meta.pc_syncer_sharding_meta"
global pc src1 "$name" "$pos" "" "$name" "$((pos + 1))" ""
TASK_EXTRA+="
syncers:
  s: {safe-mode-duration: 0s}"
TASK_INSTANCE+="
  syncer-config-name: s"
check "start-task without safe mode" ctl start-task "$(task_yaml pc all down src1)"
check "is told, where it is needed" wait_for 30 "the error" in_error pc 36071
check "stop-task" ctl stop-task pc
only pc
check "start-task --remove-meta" ctl start-task --remove-meta "$(task_yaml pc all down src1)"
check "forgets the original" wait_for 60 synced task_synced pc
check "and copies" same_schema up down pc
check "stop-task" ctl stop-task pc

# ---- by GTID, from a server that is not the source any more ----

# by_gtid DB SERVER SOURCE-ID SET
by_gtid() {
	only "$1"
	original "$1"
	global "$1" "$3" "other-bin.000077" 4711 "$4" "other-bin.000077" 4711 "$4"
	of_table "$1" "$3" "$1" t "other-bin.000077" 4711 "$4" "$T_INFO"
	sql "$2" "USE $1; INSERT INTO t VALUES (3,'three'); INSERT INTO k VALUES (1)"
	check "$1: start-task all" ctl start-task "$(task_yaml "$1" all down "$3")"
	check "$1: it goes on" wait_for 60 synced task_synced "$1" "$2"
	check "$1: nothing came twice" same_schema "$2" down "$1"
	read -r name pos <<<"$(at "$2")"
	check "$1: the checkpoint names a place of the source" wait_for 30 "the checkpoint" \
		checkpoint_is "$1" "$(printf '1\t%s\t%s\t\t0' "$name" "$pos")"
	check "$1: stop-task" ctl stop-task "$1"
}
ROWS="INSERT INTO t VALUES (1,'one'),(2,'two'); INSERT INTO k VALUES (1),(1)"
SOURCE_EXTRA="enable-gtid: true"
source_up up2 || exit 1
check "operate-source create" ctl operate-source create "$(source_yaml src2 up2)"
sql up2 "CREATE DATABASE ga; USE ga; $TABLES; $ROWS"
sql down "CREATE DATABASE ga; USE ga; $TABLES; $ROWS"
by_gtid ga up2 src2 "$(sql up2 "SELECT @@gtid_binlog_pos")"
if other_is_there mysql; then
	mysql_source_up my || exit 1
	check "operate-source create" ctl operate-source create "$(source_yaml src3 my)"
	sql my "CREATE DATABASE gb; USE gb; $TABLES; $ROWS"
	sql down "CREATE DATABASE gb; USE gb; $TABLES; $ROWS"
	by_gtid gb my src3 "$(sql my "SELECT REPLACE(@@gtid_executed, '\n', '')")"
else
	skip "takeover by the GTIDs of MySQL" "its packages cannot be had"
fi
finish
