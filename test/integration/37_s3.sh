#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Dumps in an S3 storage: they outlive their dm-worker, and nothing but what
# was dumped is loaded.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

PORT[s3]=$(free_port)
python3 "$CLUSTER_ROOT/test/support/s3_server.py" "${PORT[s3]}" dumps AK1 \
	'se/cret+key' >"$W/s3.log" 2>&1 &
PID[s3]=$!
control() { curl -fsS "http://127.0.0.1:${PORT[s3]}/__control__/$1"; }
check "a storage" wait_for 30 "the S3 server" control keys
source_up up || exit 1
mariadb_up down || exit 1
master_up m1 || exit 1
worker_up w1 --keepalive-ttl 3 || exit 1
worker_up w2 --keepalive-ttl 3 || exit 1
sql_types up 0 types.sql
sql up "CREATE DATABASE shop; USE shop;
 CREATE TABLE big (id BIGINT AUTO_INCREMENT PRIMARY KEY, a INT, b VARCHAR(200), KEY (a));
 INSERT INTO big (a,b) SELECT seq, REPEAT(CHAR(97 + seq MOD 26), 180) FROM seq_1_to_120000;
 CREATE TABLE \`t x+%/é\` (id INT PRIMARY KEY); INSERT INTO \`t x+%/é\` VALUES (1), (2);
 CREATE TABLE bare (x INT, y TEXT); INSERT INTO bare SELECT seq MOD 7, 'dup' FROM seq_1_to_3000;
 CREATE TABLE empty (id INT PRIMARY KEY); CREATE VIEW vbig AS SELECT id FROM big WHERE a < 10"
for i in $(seq 60); do
	echo "CREATE TABLE shop.small$i (id INT PRIMARY KEY); INSERT INTO shop.small$i VALUES ($i);"
done >"$W/small.sql"
mariadb --no-defaults -uroot -S "$W/up.sock" <"$W/small.sql"
check "operate-source create" ctl operate-source create "$(source_yaml src1 up)"

KEYS='access-key=AK1&secret-access-key=se%2Fcret%2Bkey'
# url [PREFIX] [KEYS]
url() {
	echo "s3://${BUCKET:-dumps}/${1:-p}?endpoint=http://127.0.0.1:${PORT[s3]}&${2:-$KEYS}"
}
# task NAME MODE URL [MYDUMPER]
task() {
	TASK_INSTANCE="  block-allow-list: ours
  mydumper: {$4}
  loader: {dir: '$3', pool-size: 3}"
	TASK_EXTRA="block-allow-list:
  ours: {do-dbs: [shop, types]}${EXTRA:+
$EXTRA}"
	task_yaml "$1" "$2" down src1
}
bound_worker() {
	ctl list-member --worker | grep -B4 "\"source\": \"$1\"" |
		sed -n 's/.*"name": "\(.*\)",/\1/p'
}
files() { control keys | grep -c "^$1"; }
drop() { sql down "DROP DATABASE IF EXISTS shop; DROP DATABASE IF EXISTS types"; }
equal() { # what is equal after a load
	check "$1: shop is equal" same_schema up down shop
	check "$1: types are equal" same_schema up down types
}

# ---- dump, then load by another task; large files go in parts ----

yaml=$(task dump1 dump "$(url one)" "threads: 2")
check "start-task dump" ctl start-task "$yaml"
check "it finishes" wait_for 120 Finished task_stage dump1 Finished
check "the storage has its files" test "$(files one/)" -gt 125
check "no upload is left open" test "$(control uploads)" = 0
ctl config task dump1 >"$W/config"
check "config task masks the secret" \
	grep -qF 'access-key=AK1\u0026secret-access-key=******' "$W/config"
check "another task" ctl start-task "$(task dump2 dump "$(url one)" "threads: 1")"
check "does not dump into it" wait_for 60 "paused" task_stage dump2 Paused
ctl query-status dump2 >"$W/status"
check "and is told why" grep -q \
	"has the dump that task 'dump1' used for source 'src1'" "$W/status"
check "it is stopped" ctl stop-task dump2
check "stop-task" ctl stop-task dump1
yaml=$(task load1 load "$(url one)" "threads: 1")
control 'fail?n=2&status=503&code=SlowDown'
check "start-task load, from a storage that is busy" ctl start-task "$yaml"
control 'cut?n=4'
check "it finishes" wait_for 120 Finished task_stage load1 Finished
equal "load"
check "the rows' files are gone" test "$(control keys | grep -c 'big\.0')" = 0
check "the structures' files are not" test "$(control keys | grep -c 'big-schema')" = 1
check "stop-task" ctl stop-task load1
drop

# ---- a whole task whose worker is lost on the way ----

writer() {
	while [ ! -e "$W/stop" ]; do
		sql up "INSERT INTO shop.big (a,b) VALUES (1,'new'); UPDATE shop.big SET a = a + 1 WHERE id <= 20;
			DELETE FROM shop.big WHERE id = 30 + FLOOR(RAND() * 1000); INSERT INTO shop.bare VALUES (9, 'new')" || return 1
		sleep 0.1
	done
}
writer &
WRITER=$!
EXTRA="copy-mode: files"
yaml=$(task all1 all "$(url two)" "rows: 4000, extra-args: '-c zstd'")
EXTRA=
check "start-task all through files in the storage" ctl start-task "$yaml"
unit_is() { ctl query-status all1 | grep -qE "\"unit\": \"($1)\""; }
check "the load has begun" wait_for 120 "load" unit_is "Load|Sync"
check "files are below task and source" test "$(files two/all1.src1/)" -gt 0
owner=$(bound_worker src1)
kill9 "$owner"
elsewhere() {
	local now
	now=$(bound_worker src1)
	[ -n "$now" ] && [ "$now" != "$owner" ]
}
check "the other worker goes on with the files" wait_for 60 "bound" elsewhere
check "replication follows" wait_for 120 "sync" unit_is Sync
touch "$W/stop"
wait "$WRITER"
check "it is in step" wait_for 60 synced task_synced all1
equal "all"
no_files() { [ "$(files two/)" = 0 ]; }
check "its files are gone from the storage" wait_for 30 "files" no_files
check "stop-task" ctl stop-task all1
check "the worker is back" worker_up "$owner" --keepalive-ttl 3
drop

# ---- what is not the dump is not loaded ----

yaml=$(task dump3 dump "$(url three)" "extra-args: '--filetype csv'")
check "a dump as CSV" ctl start-task "$yaml"
check "it finishes" wait_for 120 Finished task_stage dump3 Finished
check "stop-task" ctl stop-task dump3
key=$(control keys | grep 'three/shop.big.0' | head -n 1)
control "replace?key=$(python3 -c 'import sys, urllib.parse; print(urllib.parse.quote(sys.argv[1]))' "$key")"
yaml=$(task load3 load "$(url three)" "threads: 1")
check "start-task load" ctl start-task "$yaml"
check "a file that was replaced stops it" wait_for 60 "paused" task_stage load3 Paused
ctl query-status load3 >"$W/status"
check "the error names the file" grep -q "shop.big.0.*is not what the dump wrote" "$W/status"
no_secret() { ! grep -qs 'cret' "$@"; }
check "no secret is in it" no_secret "$W/status"
no_secret_in_logs() { ! grep -qs 'se/cret\|se%2Fcret' "$W"/w?.log "$W"/m1.log; }
check "no secret is in a log" no_secret_in_logs
check "stop-task" ctl stop-task load3
drop

# ---- what a storage refuses ----

check_refusal() { # NAME URL PATTERN
	check "$1: start-task" ctl start-task "$(task "r$1" dump "$2" "threads: 1")"
	check "$1: it stops" wait_for 60 "paused" task_stage "r$1" Paused
	ctl query-status "r$1" | tr '\n' ' ' >"$W/status"
	check "$1: says what to do" grep -qE "$3" "$W/status"
	check "$1: stop-task" ctl stop-task "r$1"
}
check_refusal secret "$(url x 'access-key=AK1&secret-access-key=wrong')" \
	"SignatureDoesNotMatch.*correct access-key, secret-access-key"
BUCKET=other check_refusal bucket "$(BUCKET=other url x)" \
	"NoSuchBucket.*create the bucket"
# shellcheck disable=SC2016 # a reference, not a variable of the shell
check_refusal reference "$(url x 'access-key=AK1&secret-access-key=${FILE:/none/here}')" \
	"the file /none/here cannot be read by .*put the file there"
printf 'se/cret+key\n' >"$W/s3.key"
check "a secret from a file" ctl start-task \
	"$(task fromfile dump "$(url four "access-key=AK1&secret-access-key=\${FILE:$W/s3.key}")" "threads: 1")"
check "it finishes" wait_for 120 Finished task_stage fromfile Finished
check "stop-task" ctl stop-task fromfile
refuse "a storage of another kind" "of the storages only S3 is known here" \
	ctl check-task "$(task gcs dump "gcs://x/y" "threads: 1")"
finish
