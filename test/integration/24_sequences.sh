#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Sequences of MariaDB: created, used, changed, dropped while a task runs; a
# target without them; system-versioned tables; row images that are not full.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

source_up up || exit 1
mariadb_up down || exit 1
mariadb_up tidb --version=8.0.11-TiDB-v8.5.0 || exit 1
master_up m1 || exit 1
worker_up w1 --keepalive-ttl 5 || exit 1

shows() {
	"$BIN/dmctl" --master-addr "$MASTER" query-status "$1" --more | grep -q "$2"
}

# sequence SERVER DB NAME: its definition and where it stands.
sequence() {
	sql "$1" "SHOW CREATE SEQUENCE \`$2\`.\`$3\`; SELECT * FROM \`$2\`.\`$3\`"
}

same_sequence() {
	local a b
	a=$(sequence up "$1" "$2") && b=$(sequence down "$1" "$2") || return 1
	[ "$a" = "$b" ] || {
		echo "# $a"
		echo "# $b"
		return 1
	}
}

sql up "CREATE DATABASE seq; USE seq; CREATE SEQUENCE old START WITH 7 INCREMENT BY 3 CACHE 10; SELECT NEXTVAL(old);
 CREATE TABLE t (id INT PRIMARY KEY DEFAULT NEXT VALUE FOR old, v INT); INSERT INTO t (v) VALUES (1),(2)" >/dev/null
TASK_EXTRA="block-allow-list:
  ours: {do-dbs: [seq]}"
TASK_INSTANCE="  block-allow-list: ours"
check "operate-source create" ctl operate-source create "$(source_yaml src1 up)"
yaml=$(task_yaml seqs all down src1)
check "start-task" ctl start-task "$yaml"
check "it catches up" wait_for 60 synced task_synced seqs up
check "a sequence is copied, and stands where the source's does" same_sequence seq old

sql up "USE seq; CREATE SEQUENCE new START WITH 100 MINVALUE 1 MAXVALUE 200 CACHE 5 CYCLE; DO NEXTVAL(new), NEXTVAL(new);
 CREATE TABLE u (id INT PRIMARY KEY DEFAULT (NEXT VALUE FOR new), v INT); INSERT INTO u (v) VALUES (1),(2),(3),(4),(5),(6);
 INSERT INTO t (v) VALUES (3); CREATE SEQUENCE gone; DO NEXTVAL(gone); DROP SEQUENCE gone;
 CREATE OR REPLACE SEQUENCE again START WITH 5; DO NEXTVAL(again); CREATE OR REPLACE SEQUENCE again START WITH 50 INCREMENT BY -1 MAXVALUE 60 MINVALUE 1;
 CREATE SEQUENCE \`od\`\`d name\`; DO SETVAL(\`od\`\`d name\`, 77, 0)"
check "they are created and used" wait_for 60 synced task_synced seqs up
for s in old new again 'od``d name'; do
	check "$s stands where the source's does" same_sequence seq "$s"
done
check "one that was dropped is gone" test \
	"$(sql down "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='seq' AND table_name='gone'")" = 0
sql up "USE seq; ALTER SEQUENCE new INCREMENT BY 7 NOCACHE; DO NEXTVAL(new); ALTER SEQUENCE IF EXISTS old RESTART WITH 1000; DO NEXTVAL(old);
 DO SETVAL(new, 198, 1); DO NEXTVAL(new), NEXTVAL(new); RENAME TABLE again TO renamed; DO NEXTVAL(renamed); INSERT INTO u (v) VALUES (7)"
check "they are changed" wait_for 60 synced task_synced seqs up
for s in old new renamed; do
	check "$s stands where the source's does" same_sequence seq "$s"
done
check "and rows are equal" same_table up down seq t
check "in both" same_table up down seq u
for i in 1 2 3; do
	sql up "USE seq; CREATE SEQUENCE k$i; DO NEXTVAL(k$i); ALTER SEQUENCE k$i RESTART WITH $i; DO NEXTVAL(k$i)"
	kill9 w1
	worker_up w1 --keepalive-ttl 5
	sql up "DO NEXTVAL(seq.k$i)"
done
check "it catches up after kills" wait_for 60 synced task_synced seqs up
for i in 1 2 3; do
	check "k$i stands where the source's does" same_sequence seq k$i
done
sql up "DROP SEQUENCE seq.k1, seq.k2; CREATE TABLE seq.k1 (id INT PRIMARY KEY); INSERT INTO seq.k1 VALUES (1)"
check "a table takes the name of a sequence" wait_for 60 synced task_synced seqs up
check "and is equal" same_table up down seq k1

# ---- images that are not full ----

sql up "USE seq; CREATE TABLE im (a INT PRIMARY KEY, b TEXT, n INT); INSERT INTO im VALUES (1,'x',1),(2,'y',2)"
check "a table comes" wait_for 60 synced task_synced seqs up
sql up "SET SESSION binlog_row_image=MINIMAL; INSERT INTO seq.im (a) VALUES (3)"
check "what is not given is NULL" wait_for 60 synced task_synced seqs up
check "and is equal" same_table up down seq im
sql up "ALTER TABLE seq.im ADD COLUMN c INT NOT NULL DEFAULT 4"
sql up "SET SESSION binlog_row_image=MINIMAL; INSERT INTO seq.im (a) VALUES (5)"
check "a row without a column that has a default stops the task" wait_for 30 Paused task_stage seqs Paused
check "it says so" wait_for 30 why shows seqs "not in the row image"
check "and what to do" wait_for 30 why shows seqs "binlog_row_image=FULL"
check "nothing of it is in the target" test "$(sql down "SELECT COUNT(*) FROM seq.im WHERE a=5")" = 0
check "stop-task" ctl stop-task seqs

# ---- a target without sequences ----

sql up "CREATE DATABASE plain; CREATE TABLE plain.t (id INT PRIMARY KEY)"
TASK_EXTRA="block-allow-list:
  ours: {do-dbs: [plain]}"
yaml=$(task_yaml nosq all tidb src1)
check "start-task to a target without sequences" ctl start-task "$yaml"
check "it catches up" wait_for 60 synced task_synced nosq up
sql up "CREATE SEQUENCE plain.s"
check "a sequence stops it" wait_for 30 Paused task_stage nosq Paused
check "it says so" wait_for 10 "it" shows nosq "has no sequences"
check "with its code" wait_for 10 "it" shows nosq '"ErrCode": 36068'
check "binlog skip leaves it out" ctl binlog skip nosq
sql up "INSERT INTO plain.t VALUES (1)"
check "it goes on" wait_for 60 synced task_synced nosq up
check "stop-task" ctl stop-task nosq

# ---- through files ----

sql down "DROP DATABASE seq"
sql up "DROP TABLE seq.im"
D=$W/dump
TASK_EXTRA="copy-mode: files
block-allow-list:
  ours: {do-dbs: [seq]}"
TASK_INSTANCE="  block-allow-list: ours
  loader: {dir: $D}"
yaml=$(task_yaml filed dump down src1)
check "start-task dump" ctl start-task "$yaml"
check "it finishes" wait_for 60 Finished task_stage filed Finished
check "stop-task" ctl stop-task filed
# shellcheck disable=SC2016
check "a sequence has its file" grep -q '^SELECT SETVAL(`new`, ' "$D/seq.new-schema-sequence.sql"
yaml=$(task_yaml loaded load down src1)
check "start-task load" ctl start-task "$yaml"
check "it finishes" wait_for 60 Finished task_stage loaded Finished
for s in old new renamed k3 'od``d name'; do
	check "$s stands where the source's does" same_sequence seq "$s"
done
check "a table that numbers its rows by one is equal" same_table up down seq u
check "stop-task" ctl stop-task loaded
TASK_INSTANCE="  block-allow-list: ours"

# ---- system versions ----

sql up "CREATE DATABASE ver; CREATE TABLE ver.t (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING"
TASK_EXTRA="block-allow-list:
  ours: {do-dbs: [ver]}"
yaml=$(task_yaml versions all down src1)
check "a system-versioned table is refused by the precheck" \
	bash -c "! \"$BIN/dmctl\" --master-addr $MASTER --strict check-task '$yaml' >'$W/check.out' 2>&1 && grep -qi 'version' '$W/check.out'"
finish
