#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Row images that are not full, met at run time: sessions of the source that set
# binlog_row_image to MINIMAL or NOBLOB, among others that do not.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

mariadb_up down || exit 1
master_up m1 || exit 1
worker_up w1 --keepalive-ttl 5 --max-sources 2 || exit 1

equal() {
	wait_for 60 "synced" task_synced "$1" "$2" && same_schema "$2" down img
}

# shows TASK TEXT
shows() {
	ctl query-status "$1" | grep -q "$2"
}

# image IMAGE STATEMENTS: in a session of the source $s
image() {
	sql "$s" "SET SESSION binlog_row_image=$1; USE img; $2"
}

# images_of SERVER SOURCE-ID TASK
images_of() {
	local s=$1 task=$3 yaml i how
	sql "$s" "CREATE DATABASE img; USE img;
		CREATE TABLE k (id INT PRIMARY KEY, a INT, b VARCHAR(30) NOT NULL, bin BLOB, txt TEXT,
			ts TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
			g INT GENERATED ALWAYS AS (a + 1) STORED);
		CREATE TABLE u (id INT PRIMARY KEY, v INT, w INT, UNIQUE KEY (v));
		CREATE TABLE two (x INT, y VARCHAR(20) COLLATE utf8mb4_general_ci, n INT, t TEXT, PRIMARY KEY (x, y));
		CREATE TABLE nokey (a INT, b TEXT);
		CREATE TABLE au (id INT AUTO_INCREMENT PRIMARY KEY, a INT, b TEXT);"
	for i in $(seq 1 40); do
		echo "INSERT INTO k (id,a,b,bin,txt,ts) VALUES ($i,$i,'b$i',REPEAT('x',$i),REPEAT('y',$i),'2020-01-01 00:00:00');
			INSERT INTO u VALUES ($i,$i,0); INSERT INTO two VALUES ($i,'A$i',0,'t'); INSERT INTO nokey VALUES ($i,'n');"
	done | mariadb --no-defaults -uroot -S "$W/$s.sock" img
	check "$s: operate-source create" \
		ctl operate-source create "$(source_yaml "$2" "$s")"
	TASK_EXTRA="block-allow-list:
  ours: {do-dbs: [img]}"
	TASK_INSTANCE="  block-allow-list: ours
  syncer-thread: 4"
	yaml=$(task_yaml "$task" all down "$2")
	check "$s: start-task" ctl start-task "$yaml"
	check "$s: it catches up" wait_for 60 synced task_synced "$task" "$s"
	for how in MINIMAL NOBLOB; do
		image $how "UPDATE k SET a=a+100, ts=ts WHERE id<10; UPDATE k SET b='new' WHERE id BETWEEN 5 AND 15; UPDATE k SET txt='T', bin=NULL WHERE id=7;
			UPDATE k SET a=NULL WHERE id=8; UPDATE k SET id=id+1000 WHERE id BETWEEN 11 AND 14; UPDATE k SET id=id-1000, b='back' WHERE id=1012; DELETE FROM k WHERE id IN (20,1011)"
		image $how "UPDATE two SET n=n+1 WHERE x<20; UPDATE two SET y=CONCAT('b',y) WHERE x BETWEEN 3 AND 6; DELETE FROM two WHERE x=9"
		image $how "UPDATE nokey SET b=CONCAT(b,'!') WHERE a<9; DELETE FROM nokey WHERE a=30; INSERT INTO nokey (a) VALUES (31)"
		image $how "INSERT INTO au (a) VALUES (1),(2); INSERT INTO au (b) VALUES ('b'); UPDATE au SET b='c' WHERE a=2"
		check "$s: $how: rows are found by their keys" equal "$task" "$s"
		# Values of a unique key that go from row to row, which no image
		# has before; whole rows among them.
		for i in $(seq 1 30); do
			echo "SET SESSION binlog_row_image=$how; DELETE FROM u WHERE id=$i; INSERT INTO u (id,v,w) VALUES ($i+500,$i,1);
				UPDATE u SET v=-$i WHERE id=$i+500; SET SESSION binlog_row_image=FULL; INSERT INTO u VALUES ($i,$i,2); UPDATE u SET w=w+1 WHERE id=$i;
				SET SESSION binlog_row_image=$how; UPDATE u SET v=v-1000 WHERE id=$i; UPDATE u SET v=-v WHERE id=$i+500; DELETE FROM u WHERE id=$i+500;
				SET SESSION binlog_row_image=FULL; UPDATE u SET v=$i WHERE id=$i;"
		done | mariadb --no-defaults -uroot -S "$W/$s.sock" img &
		PID[writer]=$!
		sleep 0.3
		kill9 w1
		worker_up w1 --keepalive-ttl 5 --max-sources 2
		wait "${PID[writer]}"
		unset "PID[writer]"
		check "$s: $how: unique values keep their order, also over a kill" equal "$task" "$s"
	done
	check "$s: no statement matched another number of rows" \
		bash -c "\"$BIN/dmctl\" --master-addr $MASTER query-status $task --more | grep -q '\"unexpectedRows\": \"0\"'"
	sql "$s" "CREATE TABLE img.d (id INT PRIMARY KEY, n INT NOT NULL DEFAULT 7)"
	image MINIMAL "INSERT INTO d (id) VALUES (1)"
	check "$s: a default that the target may not share stops the task" \
		wait_for 30 Paused task_stage "$task" Paused
	check "$s: and is told" wait_for 30 11126 shows "$task" '"ErrCode": 11126'
	check "$s: stop-task" ctl stop-task "$task"
	sql down "DROP DATABASE img"
}

source_up up || exit 1
images_of up src1 imaria
if ! other_is_there mysql; then
	skip "MySQL" "its packages cannot be had"
	finish
	exit 0
fi
mysql_source_up my || exit 1
images_of my src2 imysql
finish
