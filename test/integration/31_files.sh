#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The full copy through files: dump, load, both, resumption, other tools.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

source_up up || exit 1
mariadb_up down || exit 1
master_up m1 || exit 1
worker_up w1 --keepalive-ttl 5 || exit 1
sql_types up 0 types.sql
sql up "CREATE DATABASE shop DEFAULT CHARSET latin1; USE shop;
 CREATE TABLE big (id BIGINT AUTO_INCREMENT PRIMARY KEY, a INT, b VARCHAR(100), KEY (a)) DEFAULT CHARSET utf8mb4;
 INSERT INTO big (a,b) SELECT seq, REPEAT(CHAR(97 + seq MOD 26), 60) FROM seq_1_to_60000;
 CREATE TABLE parent (id INT PRIMARY KEY); CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id));
 INSERT INTO parent SELECT seq FROM seq_1_to_100; INSERT INTO child SELECT seq, 1 + seq MOD 100 FROM seq_1_to_500;
 CREATE TABLE bare (x INT, y TEXT) DEFAULT CHARSET utf8mb4; INSERT INTO bare SELECT seq MOD 7, 'dup' FROM seq_1_to_3000;
 CREATE TABLE lat (id INT PRIMARY KEY, s VARCHAR(20)) DEFAULT CHARSET latin1; INSERT INTO lat VALUES (1, 'Größe'), (2, 'a''b\"c\\\\d\n');
 CREATE TABLE empty (id INT PRIMARY KEY);
 CREATE TABLE \`t-schema.x%\` (id INT PRIMARY KEY); INSERT INTO \`t-schema.x%\` VALUES (1), (2);
 CREATE VIEW vbig AS SELECT id FROM big WHERE a < 10"
check "operate-source create" ctl operate-source create "$(source_yaml src1 up)"

# instance MYDUMPER LOADER: the lines of a task's only instance.
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
client() { mariadb --no-defaults -uroot -S "$W/$1.sock" "${@:2}"; }
# load_by_client DIR SERVER DB: as a person does with the stock client.
load_by_client() {
	local f
	client "$2" -e "CREATE DATABASE IF NOT EXISTS $3"
	for f in "$1/$3".*-schema.sql "$1/$3".*[0-9].sql; do
		case $f in *vbig*) continue ;; esac
		{
			echo "SET foreign_key_checks=0, sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES';"
			cat "$f"
		} | client "$2" "$3" || return 1
	done
}
drop() { sql down "DROP DATABASE IF EXISTS shop; DROP DATABASE IF EXISTS types; DROP DATABASE IF EXISTS store"; }

# ---- dump ----

D=$W/dump
only "shop, types"
instance "threads: 3, rows: 7000, chunk-filesize: 200KiB, statement-size: '20000', extra-args: '--no-views=false'" "dir: $D"
yaml=$(task_yaml dump1 dump down src1)
check "check-task passes" ctl check-task "$yaml"
check "start-task dump" ctl start-task "$yaml"
check "it finishes" wait_for 120 Finished task_stage dump1 Finished
ctl query-status dump1 >"$W/status"
for word in '"unit": "Dump"' '"totalTables"' '"completedTables"' '"finishedBytes"' \
	'"finishedRows"' '"estimateTotalRows"' '"progress": "100.00 %"'; do
	check "the status has $word" grep -qF "$word" "$W/status"
done
check "there is a metadata file" grep -qP '^\tLog: mysql-bin\.\d+$' "$D/metadata"
for f in shop-schema-create.sql shop.big-schema.sql shop.big.0000000000000.sql \
	shop.big.0000000010001.sql shop.empty-schema.sql shop.vbig-schema-view.sql \
	shop.t%2Dschema%2Ex%25.0000000000000.sql; do
	check "there is $f" test -f "$D/$f"
done
check "an empty table has no rows' file" \
	test -z "$(find "$D" -name 'shop.empty.0*')"
check "no file is much larger than wanted" \
	test -z "$(find "$D" -name 'shop.big.0*' -size +210k)"
load_all_by_client() {
	load_by_client "$D" down shop && load_by_client "$D" down types
}
check "the stock client loads it" load_all_by_client
check "and shop is equal" same_schema up down shop
check "and types are equal" same_schema up down types
drop
check "stop-task" ctl stop-task dump1

# ---- load ----

only "shop, types" "routes:
  r: {schema-pattern: shop, target-schema: store}"
instance "threads: 1" "dir: $D, pool-size: 3"
TASK_INSTANCE+="
  route-rules: [r]"
yaml=$(task_yaml load1 load down src1)
check "start-task load" ctl start-task "$yaml"
check "it finishes" wait_for 120 Finished task_stage load1 Finished
ctl query-status load1 >"$W/status"
for word in '"unit": "Load"' '"finishedBytes"' '"totalBytes"' \
	'"progress": "100.00 %"' '"metaBinlog": "(mysql-bin' '"metaBinlogGTID"' '"bps"'; do
	check "the status has $word" grep -qF "$word" "$W/status"
done
for t in big parent child bare lat empty 't-schema.x%'; do
	check "routed, $t is equal" same_table up down shop "$t" store "$t"
done
check "types are equal" same_schema up down types
check "the rows' files are gone" test -z "$(find "$D" -name '*.0*.sql')"
check "the schema files are not" test -f "$D/shop.big-schema.sql"
check "stop-task" ctl stop-task load1
drop
rm -rf "$D"

# ---- compressed; CSV ----

for how in "gzip gz sql" "zstd zst sql" "zstd zst csv" "no-compression '' csv"; do
	read -r compress suffix type <<<"$how"
	suffix=${suffix//\'/}
	only "shop, types"
	instance "rows: 20000, extra-args: '-c $compress --filetype $type'" "dir: $D"
	name=$type$compress
	yaml=$(task_yaml "d$name" dump down src1)
	check "dump $compress $type" ctl start-task "$yaml"
	check "it finishes" wait_for 120 Finished task_stage "d$name" Finished
	check "its files have their names" test -f \
		"$D/shop.big.0000000000000.$type${suffix:+.$suffix}"
	check "stop-task" ctl stop-task "d$name"
	yaml=$(task_yaml "l$name" load down src1)
	check "load it" ctl start-task "$yaml"
	check "it finishes" wait_for 120 Finished task_stage "l$name" Finished
	check "shop is equal" same_schema up down shop
	check "types are equal" same_schema up down types
	check "stop-task" ctl stop-task "l$name"
	drop
	rm -rf "$D"
done

# ---- both, then replication; with a writer, killed over and over ----

only shop "copy-mode: files"
instance "threads: 2, rows: 3000, chunk-filesize: '1'" "dir: $D, pool-size: 2"
yaml=$(task_yaml both all down src1)
(for i in $(seq 1 90); do
	echo "INSERT INTO big (a,b) SELECT seq,'live' FROM seq_1_to_20; UPDATE big SET a=a+1 WHERE id BETWEEN $((i * 500)) AND $((i * 500 + 100));
	DELETE FROM big WHERE id BETWEEN $((i * 300)) AND $((i * 300 + 5)); INSERT INTO bare VALUES ($i,'l2'); DELETE FROM bare WHERE x=4 LIMIT 1; DO SLEEP(0.1);"
done | client up shop) &
writer=$!
check "start-task all through files" ctl start-task "$yaml"
for i in 1 2 3 4 5; do
	sleep 0.$((RANDOM % 9 + 1))
	kill9 w1
	worker_up w1 --keepalive-ttl 5
done
wait "$writer"
check "it catches up after five kills" wait_for 180 synced task_synced both
check "and all is equal" same_schema up down shop
check "the dump is gone" test ! -e "$D.both.src1"
check "stop-task" ctl stop-task both
drop

# In the middle of a file, for certain: while a session of the test reads the
# table of chunks under a lock, no transaction of the load can end.
sql down "SET GLOBAL innodb_flush_log_at_trx_commit=0"
sql up "CREATE TABLE shop.many (x INT, y VARCHAR(200)); INSERT INTO shop.many SELECT seq MOD 99, REPEAT('y', 150) FROM shop.seq_1_to_60000"
instance "threads: 2, rows: 0, chunk-filesize: '64'" "dir: $D, pool-size: 4"
yaml=$(task_yaml mid full down src1)
check "start-task full through files" ctl start-task "$yaml"
holders() {
	sql down "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'DO SLEEP(300)%'"
}
held() { [ -n "$(holders)" ]; }
hold() {
	sql down "LOCK TABLES dm_meta.dm_chunk READ; DO SLEEP(300)" \
		>/dev/null 2>&1 &
	HOLD=$!
	wait_for 20 "the lock" held
}
release() {
	sql down "KILL $(holders)"
	wait "$HOLD"
}
in_the_middle() {
	[ "$(sql down "SELECT COUNT(*) FROM dm_meta.dm_chunk WHERE task='mid' AND hi>0 AND state<>'done'")" -gt 0 ]
}
killed=0
for i in $(seq 1 100); do
	hold
	if in_the_middle; then
		kill9 w1
		killed=$((killed + 1))
		release
		worker_up w1 --keepalive-ttl 5
		[ "$killed" -lt 3 ] || break
	else
		release
	fi
	# Loaded between two looks: once more, or nothing would be shown.
	if task_stage mid Finished; then
		[ "$killed" = 0 ] || break
		ctl stop-task mid >/dev/null
		drop
		ctl start-task "$yaml" --remove-meta >/dev/null
	fi
done
check "it was killed within a file ($killed)" test "$killed" -gt 0
check "it finishes" wait_for 120 Finished task_stage mid Finished
check "no row is lost or doubled, without a key too" same_schema up down shop
check "the dump is gone" test ! -e "$D.mid.src1"
check "stop-task" ctl stop-task mid
drop

# At given moments: rows sent, COMMIT sent, all loaded and the dump still there.
stop w1
export DM_FAILPOINT=$W/failpoint
for point in load-rows load-commit load-clean; do
	echo "$point:kill" >"$DM_FAILPOINT"
	WORKER_BIN=$BIN/dm-worker-failpoints worker_up w1 --keepalive-ttl 5
	yaml=$(task_yaml "$point" full down src1)
	check "$point: start-task" ctl start-task "$yaml"
	check "$point: it is killed" wait_for 60 "$point" test ! -e "$DM_FAILPOINT"
	wait "${PID[w1]}" 2>/dev/null
	check "$point: the dump is there" test -e "$D.$point.src1"
	worker_up w1 --keepalive-ttl 5
	check "$point: it finishes" wait_for 60 Finished task_stage "$point" Finished
	check "$point: no row is lost or doubled" same_schema up down shop
	check "$point: the dump is gone" test ! -e "$D.$point.src1"
	check "$point: stop-task" ctl stop-task "$point"
	drop
	stop w1
done
unset DM_FAILPOINT
worker_up w1 --keepalive-ttl 5

# ---- mydumper's own dump ----

MYDUMPER_TYPES="times texts shapes strkey binkey keyless"

if mydumper --help >/dev/null 2>&1; then
	check "mydumper dumps" mydumper -S "$W/up.sock" -u root \
		-B shop -o "$D" -r 5000 --trx-consistency-only
	only shop
	instance "threads: 1" "dir: $D, pool-size: 3"
	yaml=$(task_yaml md 'load&sync' down src1)
	check "load it and follow" ctl start-task "$yaml"
	sql up "INSERT INTO shop.big (a) VALUES (-5); DELETE FROM shop.bare LIMIT 3"
	check "it catches up" wait_for 120 synced task_synced md
	check "and all is equal" same_schema up down shop
	check "stop-task" ctl stop-task md
	drop
	rm -rf "$D"
	# It cannot do names with quotes, and prints FLOAT with six digits.
	check "mydumper dumps types, compressed" mydumper -S "$W/up.sock" -u root \
		-B types -o "$D" -c --trx-consistency-only -x '^types\.[a-z]+$'
	only types
	yaml=$(task_yaml mdt load down src1)
	check "load it" ctl start-task "$yaml"
	check "it finishes" wait_for 120 Finished task_stage mdt Finished
	for t in $MYDUMPER_TYPES; do
		check "types.$t is equal" same_table up down types "$t"
	done
	check "stop-task" ctl stop-task mdt
	drop
	rm -rf "$D"
else
	skip "a dump of mydumper" "it is not installed"
fi

# ---- selection, where, duplicates ----

only "shop, types"
instance "extra-args: \"-f shop.* -f '!shop.big' -T types.texts --where 1=1\"" "dir: $D"
yaml=$(task_yaml sel dump down src1)
check "dump of chosen tables" ctl start-task "$yaml"
check "it finishes" wait_for 60 Finished task_stage sel Finished
check "a pattern leaves out" test ! -e "$D/shop.big-schema.sql"
check "a pattern takes" test -f "$D/shop.child-schema.sql"
check "a table is taken" test -f "$D/types.texts-schema.sql"
check "and no other of its database" test ! -e "$D/types.ints-schema.sql"
check "no views without being asked" \
	test -z "$(find "$D" -name '*vbig*')"
check "stop-task" ctl stop-task sel
sql down "CREATE DATABASE shop; CREATE TABLE shop.lat (id INT PRIMARY KEY, s VARCHAR(20), more INT DEFAULT 7) DEFAULT CHARSET utf8mb4;
	INSERT INTO shop.lat VALUES (1, 'mine', 1)"
instance "threads: 1" "dir: $D, on-duplicate-logical: error"
yaml=$(task_yaml dup load down src1)
check "load where a row is already" ctl start-task "$yaml"
check "it stops" wait_for 60 Paused task_stage dup Paused
says_where() {
	ctl query-status dup >"$W/status"
	grep -qaE 'file shop.lat.0000000000000.sql, offset [0-9]+ to [0-9]+: rows from \(1,' "$W/status" &&
		grep -qa 'Duplicate entry' "$W/status"
}
check "the error names file, offset and row" wait_for 10 "it" says_where
check "stop-task" ctl stop-task dup
instance "threads: 1" "dir: $D, on-duplicate-logical: ignore"
yaml=$(task_yaml ign load down src1)
check "load with ignore" ctl start-task "$yaml"
check "it finishes" wait_for 60 Finished task_stage ign Finished
check "the row stayed, the other came in its charset" test \
	"$(sql down "SELECT COUNT(*) FROM shop.lat WHERE (id=1 AND s='mine') OR (id=2 AND more=7)")" = 2
check "stop-task" ctl stop-task ign
drop
rm -rf "$D"

# ---- what is wrong with files ----

# broken NAME PATTERN [MODE]: a load of $D stops and says so.
broken() {
	local yaml rc=0
	only shop
	instance "threads: 1" "dir: $D"
	yaml=$(task_yaml "$1" "${3:-load}" down src1)
	ctl start-task "$yaml" >/dev/null
	wait_for 60 "$2" says "$1" "$2" || rc=1
	[ "$rc" = 0 ] || ctl query-status "$1"
	ctl stop-task "$1" >/dev/null
	drop
	return "$rc"
}
says() { ctl query-status "$1" | grep -qaE -- "$2"; }
again=0
dump_again() {
	rm -rf "$D"
	only shop
	instance "threads: 1, extra-args: '${1:-}'" "dir: $D"
	again=$((again + 1))
	ctl start-task "$(task_yaml "again$again" dump down src1)" &&
		wait_for 60 Finished task_stage "again$again" Finished &&
		ctl stop-task "again$again"
}
check "dump" dump_again
cp -r "$D" "$W/good"
again_good() { rm -rf "$D" && cp -r "$W/good" "$D"; }
truncate -s -40 "$D/shop.big.0000000000000.sql"
check "a file that is cut off" broken b1 \
	'file shop.big.0000000000000.sql, offset [0-9]+: the file ends within'
again_good
sed -i '5s/,/;/' "$D/shop.bare.0000000000000.sql"
check "a file that was edited" broken b2 \
	'file shop.bare.0000000000000.sql, offset [0-9]+: '
again_good
echo "DROP TABLE big;" >>"$D/shop.lat.0000000000000.sql"
check "a statement that is none of a dump" broken b3 \
	'file shop.lat.0000000000000.sql, offset [0-9]+: a statement that is not an INSERT'
again_good
rm "$D/metadata"
check "without metadata" broken b4 '"ErrCode": 11001'
again_good
sed -i '/Log:/d' "$D/metadata"
check "without a position to go on from" broken b9 '"ErrCode": 11123' 'load&sync'
again_good
rm "$D/shop.big-schema.sql"
check "without a schema file" broken b5 \
	'file shop.big-schema.sql: it is missing, and the target has no table'
again_good
sed -i 's/y\(. text\)/z\1/' "$D/shop.bare-schema.sql"
check "with a wrong schema file" broken b6 \
	'file shop.bare.0000000000000.sql, offset [0-9]+: table .shop.[.].bare. has no column y'
rm -rf "$D"
check "without a folder" broken b7 '"ErrCode": 34014'
check "compressed dump" dump_again "-c gzip"
truncate -s -40 "$D/shop.big.0000000000000.sql.gz"
check "a compressed file that is cut off" broken b8 \
	'shop.big.0000000000000.sql.gz: it is cut off'

# ---- what is wrong with the folder ----

dump_fails() {
	local yaml
	only shop
	instance "threads: 2" "dir: $2"
	yaml=$(task_yaml "$1" dump down src1)
	ctl start-task "$yaml" >/dev/null
	wait_for 60 "$3" says "$1" "$3" &&
		wait_for 10 "its code" says "$1" '"ErrCode": 32001'
}
mkdir "$W/foreign" && echo precious >"$W/foreign/diary.txt"
check "a folder with other files is not emptied" dump_fails f1 \
	"$W/foreign" 'diary.txt, which no dump made'
check "and they are still there" grep -q precious "$W/foreign/diary.txt"
rm "$W/foreign/diary.txt"
check "resume-task" ctl resume-task f1
check "it finishes" wait_for 60 Finished task_stage f1 Finished
check "stop-task" ctl stop-task f1
if mkdir "$W/disk" && mount -t tmpfs -o size=1m tmpfs "$W/disk" 2>/dev/null; then
	trap 'umount -l "$W/disk"; cluster_stop' EXIT
	check "a disk that is full" dump_fails f2 "$W/disk/d" 'No space left on device'
	mount -o remount,size=200m "$W/disk"
	check "with room, resume-task" ctl resume-task f2
	check "it finishes" wait_for 60 Finished task_stage f2 Finished
	check "stop-task" ctl stop-task f2
	umount -l "$W/disk"
	trap cluster_stop EXIT
else
	skip "a disk that is full" "no tmpfs can be mounted"
fi
finish
