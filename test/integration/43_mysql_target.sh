#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# MySQL as the target: copy and replication from MySQL and from MariaDB into a
# server that wants a primary key of every table it makes.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init
if ! other_is_there mysql; then
	skip "MySQL as the target" "its packages cannot be had"
	finish
	exit 0
fi

other_up mysql down --skip-log-bin || exit 1
sql down "SET GLOBAL sql_require_primary_key=ON"
mysql_source_up up || exit 1
source_up maria || exit 1
master_up m1 || exit 1
worker_up w1 --keepalive-ttl 5 || exit 1
worker_up w2 --keepalive-ttl 5 || exit 1
check "operate-source create" \
	ctl operate-source create "$(source_yaml src1 up)"
check "operate-source create" \
	ctl operate-source create "$(source_yaml src2 maria)"

rows() {
	printf '%s\n' "CREATE DATABASE $1; USE $1;
	CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, n BIGINT UNSIGNED,
	 d DECIMAL(20,5), f DOUBLE, dt DATETIME(6), ts TIMESTAMP NULL, y YEAR,
	 e ENUM('a','b'), s SET('x','y'), b BLOB, v VARCHAR(40) CHARACTER SET latin1,
	 bits BIT(11), UNIQUE KEY (n));
	INSERT INTO t (n,d,f,dt,ts,y,e,s,b,v,bits) VALUES
	 (18446744073709551615,-1.5,1e300,'2024-02-29 23:59:59.999999','2001-02-03 04:05:06',2155,'b','x,y',x'00ff27','é''\\\\',b'10110'),
	 (0,0,-0.1,'1000-01-01',NULL,1901,'a','',x'','',b'0'),
	 (NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL)"
}
changes() {
	echo "USE $1; INSERT INTO t (n,d,f,dt,ts,y,e,s,b,v,bits)
	 SELECT n-9,d*2,f/2,dt,ts,y,e,s,b,v,bits FROM t WHERE n > 9;
	UPDATE t SET v='u', b=REPEAT('z', 60000) WHERE n IS NULL;
	DELETE FROM t WHERE n=0; ALTER TABLE t ADD COLUMN extra INT NOT NULL DEFAULT 4;
	INSERT INTO t (n) VALUES (77)"
}
sql up "$(rows my); CREATE TABLE my.j (id INT PRIMARY KEY, j JSON)"
sql maria "$(rows ma)"
json() {
	sql up "INSERT INTO my.j VALUES ($1, '{\"k\": [1, 2.5, \"é\", null, true]}'),
	($1+1, '[18446744073709551615, 1e10, \"2020-01-02\"]')"
}
json 1
for s in "my up src1" "ma maria src2"; do
	read -r db from id <<<"$s"
	TASK_EXTRA="block-allow-list:
  ours: {do-dbs: [$db]}"
	TASK_INSTANCE="  block-allow-list: ours"
	check "$db: start-task all" \
		ctl start-task "$(task_yaml "$db" all down "$id")"
	check "$db: it is copied" wait_for 90 synced task_synced "$db" "$from"
	check "$db: and equal" same_schema "$from" down "$db"
	sql "$from" "$(changes "$db")" || exit 1
	[ "$db" != my ] || json 11
	check "$db: it is replicated" wait_for 90 synced task_synced "$db" "$from"
	check "$db: and equal" same_schema "$from" down "$db"
done

# ---- a target that takes small packets ----

check "pause-task" ctl pause-task my
sql down "SET GLOBAL max_allowed_packet=1048576"
sql up "USE my; INSERT INTO t (b) SELECT REPEAT('p', 60000) FROM t a, t b, t c LIMIT 60"
check "resume-task" ctl resume-task my
check "rows of more than a packet in one transaction" \
	wait_for 60 synced task_synced my up
check "are there" same_schema up down my
sql up "CREATE TABLE my.large (id INT PRIMARY KEY, b LONGBLOB);
 INSERT INTO my.large VALUES (1, REPEAT('l', 2000000))"
small() { ctl query-status my >"$W/status.out" && grep -q 'max_allowed_packet of the target is 1048576' "$W/status.out"; }
check "a row that is larger is told, with the server's limit" \
	wait_for 30 "the error" small
sql down "SET GLOBAL max_allowed_packet=67108864"
ctl resume-task my >/dev/null 2>&1 # not after its next pause only
check "when the target takes it" wait_for 60 synced task_synced my up
check "it is there" same_schema up down my
finish
