#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The full copy through files where two sources share a folder, a folder is
# another one, a session's settings matter, or a dump is not whole.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

source_up up || exit 1
source_up up2 || exit 1
mariadb_up down --default-time-zone=+05:00 || exit 1
master_up m1 || exit 1
worker_up w1 --keepalive-ttl 5 --max-sources 2 || exit 1
sql up "CREATE DATABASE a; USE a;
 CREATE TABLE ts (id INT PRIMARY KEY, t TIMESTAMP NULL, d DATETIME);
 INSERT INTO ts VALUES (1, '2024-01-02 03:04:05', '2024-01-02 03:04:05'), (2, NULL, NULL);
 CREATE TABLE esc (id INT PRIMARY KEY, s VARCHAR(30) COMMENT 'it''s \\\\ one') DEFAULT CHARSET utf8mb4;
 INSERT INTO esc VALUES (1, CONCAT('end', CHAR(92))), (2, CONCAT(CHAR(92), 'n', CHAR(39), CHAR(34), CHAR(10), CHAR(13), CHAR(0))), (3, CONCAT(CHAR(92), CHAR(92)));
 CREATE TABLE bs (id INT PRIMARY KEY, s VARCHAR(30) COMMENT 'x\\\\y'); INSERT INTO bs VALUES (1, CONCAT('end', CHAR(92))), (2, CONCAT(CHAR(92), 'n'));
 SET sql_mode='';
 CREATE TABLE zero (id INT PRIMARY KEY, e ENUM('x','y'), f ENUM('','z')); INSERT INTO zero VALUES (1,'no',''),(2,'x','z'),(3,'no','')"
sql up2 "CREATE DATABASE b; CREATE TABLE b.two (id INT PRIMARY KEY); INSERT INTO b.two SELECT seq FROM b.seq_1_to_50"
check "operate-source create" ctl operate-source create "$(source_yaml src1 up)"
check "of the other source, too" ctl operate-source create "$(source_yaml src2 up2)"

D=$W/dump
# instance MYDUMPER LOADER: the lines of each instance of a task.
instance() {
	TASK_INSTANCE="  block-allow-list: ours
  mydumper: {$1}
  loader: {$2}"
}
only() {
	TASK_EXTRA="block-allow-list:
  ours: {do-dbs: [$1]}${2:+
$2}"
}
drop() { sql down "DROP DATABASE IF EXISTS a; DROP DATABASE IF EXISTS b"; }
says() { ctl query-status "$1" | grep -qaE -- "$2"; }
# runs NAME MODE SOURCE...: a task that comes to its end and is stopped.
all_finished() { # TASK COUNT: in so many sources
	[ "$(ctl query-status "$1" | grep -c '"stage": "Finished"')" = "$2" ]
}
runs() {
	ctl start-task "$(task_yaml "$1" "$2" down "${@:3}")" >/dev/null &&
		wait_for 60 "$1 to finish" all_finished "$1" $(($# - 2)) &&
		ctl stop-task "$1" >/dev/null
}
# broken NAME PATTERN [MODE [SOURCE]]: a task that stops and says so.
broken() {
	local rc=0
	ctl start-task "$(task_yaml "$1" "${3:-load}" down "${4:-src1}")" >/dev/null
	wait_for 60 "$2" says "$1" "$2" || rc=1
	[ "$rc" = 0 ] || ctl query-status "$1"
	ctl stop-task "$1" >/dev/null
	drop
	return "$rc"
}

# comment SERVER TABLE: that of its column s.
comment() {
	sql "$1" "SELECT column_comment FROM information_schema.columns
		WHERE table_schema='a' AND table_name='$2' AND column_name='s'" -r
}

# ---- settings of sessions ----

only a
for how in "" "--filetype csv"; do
	instance "threads: 1, extra-args: '$how'" "dir: $D"
	name=tz${how: -3}
	check "dump $how" runs "d$name" dump src1
	check "load it where the time zone is another" runs "l$name" load src1
	check "and all is equal" same_schema up down a
	check "TIMESTAMP, too" test "$(sql up "SET time_zone='+00:00'; SELECT * FROM a.ts")" = \
		"$(sql down "SET time_zone='+00:00'; SELECT * FROM a.ts")"
	check "what is left is no dump" test ! -e "$D/metadata" -a ! -e "$D/.dm-owner"
	drop
	rm -rf "$D"
done
check "an ENUM's error value is told once, with its column" test \
	"$(grep 'ENUM.s error value' "$W/w1.log" | grep -c 'column=e')" = 2
instance "threads: 1" "dir: $D"
check "dump" runs tzset dump src1
cat >>"$D/a.ts.0000000000000.sql" <<-'E'
	SET TIME_ZONE=@OLD_TIME_ZONE;
	SET TIME_ZONE='+09:00';
	SET NAMES ucs2;
E
check "what is set behind the rows" runs tzload load src1
check "does not change them" same_schema up down a
drop

sql up "SET GLOBAL sql_mode=CONCAT(@@global.sql_mode,',NO_BACKSLASH_ESCAPES')"
for how in "" "--filetype csv"; do
	instance "threads: 1, extra-args: '$how'" "dir: $D"
	name=nbe${how: -3}
	check "dump $how, a backslash is itself" runs "d$name" dump src1
	check "load it" runs "l$name" load src1
	check "and all is equal" same_schema up down a
	check "comments, too" test "$(comment down esc)" = "it's \\ one"
	drop
	rm -rf "$D"
done
instance "threads: 1" "dir: $D"
if mydumper --help >/dev/null 2>&1; then
	# Its own files are wrong where a text has quotes.
	check "mydumper dumps it" mydumper -S "$W/up.sock" -u root -B a -o "$D" \
		--trx-consistency-only -x '^a\.(bs|ts)$'
	check "load it" runs mynbe load src1
	check "and it is equal" same_table up down a bs
	check "its comment, too" test "$(comment down bs)" = 'x\y'
	drop
	rm -rf "$D"
else
	skip "a dump of mydumper" "it is not installed"
fi
check "dump for the stock client" runs dclient dump src1
stock_client() {
	local f
	sql down "CREATE DATABASE a"
	for f in "$D"/a.*-schema.sql "$D"/a.*[0-9].sql; do
		mariadb --no-defaults --binary-mode -uroot -S "$W/down.sock" a <"$f" || return 1
	done
}
check "which loads it" stock_client
check "with all backslashes" same_table up down a esc
drop
rm -rf "$D"
sql up "SET GLOBAL sql_mode=REPLACE(@@global.sql_mode,'NO_BACKSLASH_ESCAPES','')"

# ---- whose folder it is ----

only "a, b" "copy-mode: files"
instance "threads: 1" "dir: $D"
check "two sources, one dir, one task" runs two full src1 src2
check "one is equal" same_schema up down a
check "the other, too" same_schema up2 down b
check "no folder is left" test -z "$(find "$W" -maxdepth 1 -name 'dump*')"
drop
check "a dump of one source" runs own1 dump src1
check "is not emptied for another" broken own2 "source 'src1'; this one is of task 'own2' and source 'src2'" dump src2
check "nor loaded for it" broken own3 "source 'src1'; this one is of task 'own3' and source 'src2'" load src2
check "it is still there" test -f "$D/metadata"
cp -r "$D" "$W/good"
again_good() { rm -rf "$D" && cp -rp "$W/good" "$D"; }

# A dump of which rows cannot be loaded, to be gone on with.
paused() {
	again_good
	sed -i "\$s/INSERT/DELETE/; s/INSERT INTO .zero/DELETE FROM \`zero/" "$D/a.zero.0000000000000.sql"
	ctl start-task "$(task_yaml "$1" "${2:-load}" down src1)" >/dev/null
	wait_for 60 Paused task_stage "$1" Paused
}
# resumed_says NAME PATTERN: after resume-task; then it is stopped.
resumed_says() {
	local rc=0
	ctl resume-task "$1" >/dev/null
	wait_for 60 "$2" says "$1" "$2" || rc=1
	[ "$rc" = 0 ] || ctl query-status "$1"
	ctl stop-task "$1" >/dev/null
	drop
	return "$rc"
}
only a
check "a load that pauses" paused re1
sed -i 's/Pos: .*/Pos: 4/' "$D/metadata"
check "does not go on with another dump" resumed_says re1 'loading began with one of'
check "a load that pauses" paused re2
touch "$D/a.zero.0000000000000.sql"
check "does not go on with a file of another time" resumed_says re2 'file a.zero.0000000000000.sql: it was written again'
check "a load that pauses" paused re3
rm "$D/metadata"
check "does not go on without metadata" resumed_says re3 '"ErrCode": 11001'

# A folder as it was named before goes on.
mv "$D" "$W/aside"
only a "copy-mode: files"
instance "threads: 1" "dir: $W/old, on-duplicate-logical: error"
sql down "CREATE DATABASE a; CREATE TABLE a.ts (id INT PRIMARY KEY, t TIMESTAMP NULL, d DATETIME); INSERT INTO a.ts VALUES (2, NULL, NULL)"
ctl start-task "$(task_yaml older full down src1)" >/dev/null
check "a load that stops" wait_for 60 'Duplicate entry' says older 'Duplicate entry'
mv "$W/old.older.src1" "$W/old.older"
sql down "DELETE FROM a.ts"
check "resume-task" ctl resume-task older
check "goes on in a folder without the source's name" wait_for 60 Finished task_stage older Finished
check "all is equal" same_schema up down a
check "the folder is gone" test ! -e "$W/old.older"
check "stop-task" ctl stop-task older
drop

# ---- which tables ----

only b "copy-mode: files"
instance "threads: 1, extra-args: '-T a.ts,a.esc'" "dir: $D"
check "tables of extra-args are dumped and loaded" runs chosen full src1
check "one" same_table up down a ts
check "and another" same_table up down a esc
check "no more" test "$(sql down "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='a'")" = 2
drop

# ---- what is not whole ----

only a
instance "threads: 1" "dir: $D"
again_good
: >"$D/a.ts.0000000000000.sql"
check "a file without bytes" broken w1 'file a.ts.0000000000000.sql, offset 0: the file is empty'
again_good
sed -i '/Pos:/,$d' "$D/metadata"
check "metadata that is cut off" broken w2 '"ErrCode": 11001'
again_good
mv "$D/a.ts.0000000000000.sql" "$D/a.esc.0000000010000.sql"
check "rows of another table" broken w3 'file a.esc.0000000010000.sql, offset [0-9]+: its rows are for table ts'
rm -rf "$D"

# ---- tables without transactions ----

loaded() { # TASK TABLE
	[ "$(sql down "SELECT state FROM dm_meta.dm_table WHERE task='$1' AND tbl='$2'" 2>/dev/null)" = "done" ]
}

sql up "CREATE TABLE a.aria (id INT PRIMARY KEY, v INT) ENGINE=Aria; INSERT INTO a.aria SELECT seq, 0 FROM a.seq_1_to_3000;
 CREATE TABLE a.loose (v INT) ENGINE=MyISAM; INSERT INTO a.loose VALUES (1)"
check "without a key they are refused" broken e1 'has no primary or unique key and an engine without transactions' dump
sql up "DROP TABLE a.loose"
only a "copy-mode: files"
# Each row takes a while, so that the dump has a middle.
instance "threads: 1, rows: 500, extra-args: '--where SLEEP(0.001)=0'" "dir: $D"
# It writes all the time: so also between the snapshot and the dump's end.
(i=0
while [ ! -e "$W/enough" ]; do
	i=$((i + 1))
	echo "UPDATE a.aria SET v=v+1 WHERE id=$((i % 2900 + 100)); INSERT INTO a.aria VALUES ($((i + 5000)), 1); DELETE FROM a.aria WHERE id=$i;"
done | mariadb --no-defaults -uroot -S "$W/up.sock") &
writer=$!
writes() { [ "$(sql up "SELECT COUNT(*) FROM a.aria WHERE id > 5000")" -gt 0 ]; }
check "a writer writes" wait_for 20 "rows" writes
check "start-task with a writer" ctl start-task "$(task_yaml loose all down src1)"
check "the dump is loaded" wait_for 60 "a.aria" loaded loose aria
touch "$W/enough"
wait "$writer"
check "it catches up" wait_for 60 synced task_synced loose
check "and all is equal" same_schema up down a
check "the table's rows may be newer than the snapshot" test \
	"$(sql down "SELECT COUNT(*) FROM dm_meta.dm_table WHERE task='loose' AND tbl='aria' AND (snap_hi_name,snap_hi_pos)>(snap_lo_name,snap_lo_pos)")" = 1
check "those of others are not" test \
	"$(sql down "SELECT COUNT(*) FROM dm_meta.dm_table WHERE task='loose' AND tbl='ts' AND snap_hi_pos=snap_lo_pos")" = 1
check "stop-task" ctl stop-task loose
finish
