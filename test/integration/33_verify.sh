#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `copy.verify`: source and target are compared after the copy, under a writer,
# over restarts, in tables that somebody made; what differs is named by its key,
# stops the task, and is repaired by resume-task.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

source_up up || exit 1
mariadb_up down || exit 1
master_up m1 || exit 1
worker_up w1 --keepalive-ttl 5 || exit 1

# status TASK FIELD: of query-status --more.
status() {
	"$BIN/dmctl" --master-addr "$MASTER" query-status "$1" --more |
		sed -n "s/^ *\"$2\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" |
		head -n 1
}

# all_equal TASK: every table was compared, and nothing was found.
all_equal() {
	local got
	got="$(status "$1" verifiedTables) $(status "$1" differentRows) $(status "$1" notComparedTables)"
	[ "$got" = "$(status "$1" totalTables) 0 0" ] || {
		echo "# $got of $(status "$1" totalTables)"
		return 1
	}
}

# says TASK TEXT: its error has it.
says() {
	"$BIN/dmctl" --master-addr "$MASTER" query-status "$1" >"$W/says.out"
	grep -qF "$2" "$W/says.out" || {
		sed 's/^/# /' "$W/says.out"
		return 1
	}
}

# only DB [LINE...]: which tables, and more of the task file.
only() {
	TASK_EXTRA="copy: {verify: true}
block-allow-list:
  ours: {do-dbs: [$1]}"
	shift
	[ $# = 0 ] || TASK_EXTRA="$TASK_EXTRA
$(printf '%s\n' "$@")"
	TASK_INSTANCE="  block-allow-list: ours"
}

drop() {
	sql down "DROP DATABASE IF EXISTS shop; DROP DATABASE IF EXISTS types"
}

sql_types up 0 types.sql
sql up "CREATE DATABASE shop; USE shop;
 CREATE TABLE big (id BIGINT AUTO_INCREMENT PRIMARY KEY, a INT, u INT, b VARCHAR(100), UNIQUE KEY (u), KEY (a));
 INSERT INTO big (a,u,b) SELECT seq, seq, REPEAT(CHAR(97 + seq MOD 26), 60) FROM seq_1_to_200000;
 CREATE TABLE two (a VARCHAR(20) COLLATE utf8mb4_general_ci, b DATETIME(3), f FLOAT, PRIMARY KEY (a, b));
 INSERT INTO two SELECT CONCAT('Key ', seq), '2024-02-29 10:11:12.345', seq / 7 FROM seq_1_to_3000;
 CREATE TABLE bare (x INT, y TEXT); INSERT INTO bare SELECT seq MOD 7, 'dup' FROM seq_1_to_3000;
 CREATE TABLE empty (id INT PRIMARY KEY);
 CREATE TABLE en (e ENUM('x','y','z'), f FLOAT, bits BIT(12), PRIMARY KEY (e, f)); INSERT INTO en SELECT 1 + seq MOD 3, seq / 3, seq FROM seq_1_to_300"
check "operate-source create" \
	ctl operate-source create "$(source_yaml src1 up)"

# ---- a writer all the while ----

writer() {
	for i in $(seq 1 "$1"); do
		echo "INSERT INTO big (a,b) SELECT seq,'live' FROM seq_1_to_50; UPDATE big SET b='upd' WHERE id BETWEEN $((i * 1000)) AND $((i * 1000 + 40));
		DELETE FROM big WHERE id BETWEEN $((i * 2000)) AND $((i * 2000 + 5)); UPDATE big SET id=id+10000000 WHERE id=$((i * 777));
		BEGIN; UPDATE big SET u=-1 WHERE u=$((i * 3)); UPDATE big SET u=$((i * 3)) WHERE u=$((i * 3 + 90000)); UPDATE big SET u=$((i * 3 + 90000)) WHERE u=-1; COMMIT;
		UPDATE two SET f=f+1 WHERE a='key $i'; INSERT INTO bare VALUES ($i,'live'); DELETE FROM bare WHERE x=3 LIMIT 2; DO SLEEP(0.05);"
	done | mariadb --no-defaults -uroot -S "$W/up.sock" shop
}
writer 120 &
pid=$!
only "shop, types"
yaml=$(task_yaml live full down src1)
check "check-task passes" ctl check-task "$yaml"
check "start-task full with verify, under writes" ctl start-task "$yaml"
check "it finishes" wait_for 120 Finished task_stage live Finished
check "every table is found equal" all_equal live
check "nothing had to be copied again" test "$(status live recopiedChunks)" = 0
check "rows are counted" test "$(status live verifiedRows)" = "$(status live finishedRows)"
check "stop-task" ctl stop-task live
drop
yaml=$(task_yaml follow all down src1)
check "start-task all with verify" ctl start-task "$yaml"
wait "$pid"
check "it catches up" wait_for 120 synced task_synced follow
check "and all is equal" same_schema up down shop
check "stop-task" ctl stop-task follow
drop

# ---- kills in the middle, a writer, unique values that move ----

only shop
yaml=$(task_yaml kills all down src1)
writer 120 &
pid=$!
check "start-task all" ctl start-task "$yaml"
for i in 1 2 3; do
	sleep 0.$((RANDOM % 9 + 1))
	kill9 w1
	worker_up w1 --keepalive-ttl 5
done
check "no kill makes a difference" wait_for 120 Sync \
	bash -c "\"$BIN/dmctl\" --master-addr $MASTER query-status kills | grep -q 'Sync'"
wait "$pid"
check "it catches up" wait_for 120 synced task_synced kills
check "and all is equal" same_schema up down shop
check "stop-task" ctl stop-task kills
drop

# ---- what is changed in the target after its copy ----

stop w1
export DM_FAILPOINT=$W/failpoint
export WORKER_BIN=$BIN/dm-worker-failpoints

# changed TASK TABLE STATEMENTS: a full copy of shop.TABLE, which is frozen
# before it is compared, while the target is changed.
changed() {
	TASK_EXTRA="copy: {verify: true}
block-allow-list:
  ours:
    do-tables: [{db-name: shop, tbl-name: $2}]"
	TASK_INSTANCE="  block-allow-list: ours"
	echo "copy-verify:stop" >"$DM_FAILPOINT"
	worker_up w1 --keepalive-ttl 60
	yaml=$(task_yaml "$1" full down src1)
	check "$1: start-task" ctl start-task "$yaml"
	check "$1: all rows are copied" wait_for 60 "$1" test ! -e "$DM_FAILPOINT"
	wait_for 10 "w1 to rest" rests w1
	sql down "USE shop; $3"
	kill -CONT "${PID[w1]}"
}

# ends TASK TABLE: resumed, it ends with an equal table.
ends() {
	check "$1: resume-task" ctl resume-task "$1"
	check "$1: it finishes" wait_for 60 Finished task_stage "$1" Finished
	check "$1: all is found equal" all_equal "$1"
	check "$1: and it is" same_table up down shop "$2"
	check "$1: stop-task" ctl stop-task "$1"
	drop
	stop w1
}

changed rows big "UPDATE big SET b=CONCAT('B', SUBSTR(b, 2)) WHERE id=150501;
	DELETE FROM big WHERE id=7; INSERT INTO big VALUES (-3, 1, NULL, 'more')"
check "rows: it pauses" wait_for 60 Paused task_stage rows Paused
check "rows: with a code of its own" says rows '"ErrCode": 36906'
# shellcheck disable=SC2016
check "rows: one byte is found, by its key" says rows \
	'the row with `id`=150501 has other values in the target'
# shellcheck disable=SC2016
check "rows: a lost row is found" says rows '`id`=7 is missing in the target'
# shellcheck disable=SC2016
check "rows: a row too many is found" says rows '`id`=-3 is only in the target'
# shellcheck disable=SC2016
check "rows: the table is named" says rows 'table `shop`.`big`'
check "rows: the remedy is told" says rows 'resume-task'
check "rows: they are counted" test "$(status rows differentRows)" = 3
check "rows: it does not resume by itself" task_stage rows Paused
ends rows big

changed two two "UPDATE two SET f=f+0.0001 WHERE a='key 17'"
check "two: it pauses" wait_for 60 Paused task_stage two Paused
# shellcheck disable=SC2016
check "two: a key of two columns is told" says two \
	"\`a\`='Key 17', \`b\`='2024-02-29 10:11:12.345' has other values"
ends two two

changed bare bare "DELETE FROM bare WHERE x=2 LIMIT 1"
check "bare: it pauses" wait_for 60 Paused task_stage bare Paused
check "bare: a table without a key is told by counts" says bare \
	'rows were copied, the target has'
ends bare bare

# As it is, if the user says so.
changed asis big "DELETE FROM big WHERE id=8"
check "asis: it pauses" wait_for 60 Paused task_stage asis Paused
sed -i 's/verify: true/verify: false/' "$yaml"
check "asis: another task file" ctl config task update "$yaml"
check "asis: it finishes" wait_for 60 Finished task_stage asis Finished
check "asis: stop-task" ctl stop-task asis
drop
stop w1

# ---- a kill between copy and comparison; what was copied without it ----

only shop
echo "copy-verify:kill" >"$DM_FAILPOINT"
worker_up w1 --keepalive-ttl 5
yaml=$(task_yaml again full down src1)
check "start-task full" ctl start-task "$yaml"
check "it is killed before a comparison" \
	wait_for 60 kill test ! -e "$DM_FAILPOINT"
wait "${PID[w1]}" 2>/dev/null
# What the sums of the earlier run tell, the source no longer does.
sql up "UPDATE shop.big SET a=a+1 WHERE id MOD 100=0; UPDATE shop.bare SET y='other' LIMIT 1"
worker_up w1 --keepalive-ttl 5
check "it finishes" wait_for 60 Finished task_stage again Finished
check "what an earlier run copied is compared with what that run read" \
	all_equal again
check "rows of both runs are counted" test "$(status again verifiedRows)" = "$(status again finishedRows)"
check "stop-task" ctl stop-task again
drop

only shop
TASK_EXTRA=${TASK_EXTRA/verify: true/rate-limit: 1}
TASK_INSTANCE="$TASK_INSTANCE
  mydumper-thread: 1"
yaml=$(task_yaml later full down src1)
check "start-task without verify, slowly" ctl start-task "$yaml"
check "some chunk is copied" wait_for 60 chunks bash -c \
	"[ \"\$(mariadb --no-defaults -uroot -S $W/down.sock -N -e \"SELECT COUNT(*) > 0 FROM dm_meta.dm_chunk WHERE state='done' AND task='later'\")\" = 1 ]"
check "pause-task" ctl pause-task later
check "it pauses" wait_for 30 Paused task_stage later Paused
check "not all was copied" test "$(sql down "SELECT COUNT(*) > 0 FROM dm_meta.dm_table WHERE state<>'done' AND task='later'")" = 1
sed -i 's/rate-limit: 1/verify: true/' "$yaml"
check "verify is asked for later" ctl config task update "$yaml"
check "it finishes" wait_for 60 Finished task_stage later Finished
check "all is compared, also what was copied before" all_equal later
check "and equal" same_schema up down shop
check "stop-task" ctl stop-task later
drop
stop w1
unset DM_FAILPOINT WORKER_BIN
worker_up w1 --keepalive-ttl 5

# ---- tables of somebody else's ----

sql up "CREATE DATABASE other; USE other; CREATE TABLE t (id INT PRIMARY KEY, z INT(6) ZEROFILL, d DECIMAL(8,2), w DATETIME, s VARCHAR(20), e ENUM('a','b')) DEFAULT CHARSET latin1;
 INSERT INTO t SELECT seq, seq, seq / 8, '2024-01-02 03:04:05', CONCAT('h', CHAR(233), seq), 1 + seq MOD 2 FROM seq_1_to_2000;
 CREATE TABLE x (a INT, b INT); INSERT INTO x SELECT seq, seq FROM seq_1_to_10"
sql down "CREATE DATABASE other; USE other; CREATE TABLE t (id BIGINT PRIMARY KEY, z BIGINT, d DECIMAL(12,4), w DATETIME(6), s TEXT, e VARCHAR(5), more INT DEFAULT 7) DEFAULT CHARSET utf8mb4;
 INSERT INTO t (id) VALUES (-5), (100000), (200000); CREATE TABLE x (a INT, b INT)"
only other
yaml=$(task_yaml theirs full down src1)
check "start-task into tables that are there" ctl start-task "$yaml"
check "it finishes" wait_for 60 Finished task_stage theirs Finished
check "wider types are compared by value, rows of others left alone" \
	all_equal theirs
check "stop-task" ctl stop-task theirs
sql down "TRUNCATE other.t; CREATE TRIGGER other.tr BEFORE INSERT ON other.t FOR EACH ROW SET NEW.d = IF(NEW.id = 77, 1, NEW.d)"
sql down "TRUNCATE other.x; INSERT INTO other.x VALUES (0, 0)"
yaml=$(task_yaml trig full down src1)
check "start-task with a trigger in the target" ctl start-task "$yaml"
check "it pauses" wait_for 60 Paused task_stage trig Paused
# shellcheck disable=SC2016
check "what it changed is named" says trig '`id`=77 has other values'
check "a table without a key, with rows of others, is not compared" \
	test "$(status trig notComparedTables)" = 1
sql down "DROP TRIGGER other.tr"
check "resume-task" ctl resume-task trig
check "it is repaired" wait_for 60 Finished task_stage trig Finished
check "stop-task" ctl stop-task trig

# ---- other servers ----

worker_up w2 --keepalive-ttl 5
worker_up w3 --keepalive-ttl 5
for kind in mariadb11 mysql; do
	if ! other_is_there $kind; then
		skip "$kind" "its packages cannot be had"
		continue
	fi
	sql down "DROP DATABASE IF EXISTS types"
	if [ $kind = mysql ]; then
		mysql_source_up $kind || exit 1
		sql_types $kind 0 types_mysql.sql
	else
		other_up $kind $kind --server-id=$((RANDOM + 1)) \
			--log-bin=mysql-bin --binlog-format=ROW || exit 1
		sql_types $kind 0 types.sql
	fi
	sql $kind "CREATE DATABASE w; CREATE TABLE w.t (id INT PRIMARY KEY, c VARCHAR(30), n INT); INSERT INTO w.t SELECT 1, 'x', 0"
	for i in 1 2 4 8 16 32 64 128 256 512 1024; do
		echo "INSERT INTO w.t SELECT id + $i, CONCAT('row ', id + $i), 0 FROM w.t;"
	done | mariadb --no-defaults -uroot -S "$W/$kind.sock"
	(for i in $(seq 1 100); do
		echo "UPDATE w.t SET n=n+1 WHERE id > $((i * 10)); DO SLEEP(0.03);"
	done | mariadb --no-defaults -uroot -S "$W/$kind.sock") &
	pid=$!
	check "$kind: operate-source create" \
		ctl operate-source create "$(source_yaml "src-$kind" $kind)"
	only "types, w"
	yaml=$(task_yaml "of-$kind" full down "src-$kind")
	check "$kind: start-task" ctl start-task "$yaml"
	check "$kind: it finishes" \
		wait_for 120 Finished task_stage "of-$kind" Finished
	check "$kind: every table is found equal" all_equal "of-$kind"
	check "$kind: and types are" same_schema $kind down types
	check "$kind: stop-task" ctl stop-task "of-$kind"
	wait "$pid"
	sql down "DROP DATABASE types; DROP DATABASE w"
done

# ---- refused ----

only shop "copy-mode: files"
yaml=$(task_yaml files full down src1)
check "a copy through files has no comparison" bash -c \
	"\"$BIN/dmctl\" --master-addr $MASTER check-task \"$yaml\" 2>&1 | grep -q 'verify: a copy through files'"
finish
