#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Rows of 64 MB: they pass one at a time, through a small worker.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

ROW=$((64 << 20))
COPY_MB=280
# Replication: a base, and three times the largest event.
INSERT_MB=$((150 + 3 * 64))
UPDATE_MB=$((150 + 3 * 128))
LARGE=(--max-allowed-packet=1G --innodb-log-file-size=512M --sync-binlog=0
	--innodb-flush-log-at-trx-commit=0 --skip-innodb-doublewrite)

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=up \
	-addext subjectAltName=IP:127.0.0.1 -keyout "$W/key.pem" \
	-out "$W/cert.pem" 2>/dev/null

# Peak memory of a worker in MB.
peak_mb() {
	awk '/^VmHWM/ { print int(($2 + 1023) / 1024) }' "/proc/${PID[$1]}/status"
}

# peak_under WORKER MB: sanitizers keep shadows of all memory.
peak_under() {
	local mb
	mb=$(peak_mb "$1")
	echo "peak of $1: $mb MB"
	[[ $BIN != */asan/* ]] || return 0
	[ "$mb" -lt "$2" ]
}

# The same rows by digests that the servers make; hex in the client would be
# 128 MB a line.
digest() {
	sql "$1" "SELECT id, LENGTH(b), SHA2(b, 256), note FROM large.$2 ORDER BY id"
}

same_rows() {
	local a b
	a=$(digest up "$1") && b=$(digest down "$1") || return 1
	[ -n "$a" ] && [ "$a" = "$b" ] && return
	printf '%s\n' "source:" "$a" "target:" "$b"
	return 1
}

# A fresh worker, whose peak is that of what follows.
fresh_worker() {
	stop w1
	worker_up w1
}

# copied TASK: from start to end, compared, and its traces removed.
copied() {
	local task=$1 limit=$2
	fresh_worker
	check "$task: start-task" ctl start-task "$(task_yaml "$task" full down src1)"
	check "$task: it finishes" wait_for 300 Finished task_stage "$task" Finished
	comment "$task: peak $(peak_mb w1) MB"
	check "$task: memory stays under $limit MB" peak_under w1 "$limit"
	check "$task: the rows are equal" same_rows big
	check "$task: rows that statistics do not know are equal" same_rows fresh
	check "$task: stop-task" ctl stop-task "$task"
	sql down "DROP DATABASE large; DROP DATABASE dm_meta"
}

source_up up "${LARGE[@]}" --ssl-cert="$W/cert.pem" --ssl-key="$W/key.pem" || exit 1
mariadb_up down "${LARGE[@]}" || exit 1
master_up m1 || exit 1
worker_up w1 || exit 1

# Random bytes hold every byte; the other file doubles in size when quoted.
head -c "$ROW" /dev/urandom >"$W/random.bin"
printf "'\\\\\"\\000\\n\\032\\t\\r" >"$W/seed.bin"
for _ in $(seq 23); do
	cat "$W/seed.bin" "$W/seed.bin" >"$W/double.bin"
	mv "$W/double.bin" "$W/seed.bin"
done
mv "$W/seed.bin" "$W/quotes.bin"
check "the test's rows have 64 MB" test \
	"$(stat -c %s "$W/quotes.bin" "$W/random.bin" | uniq)" = "$ROW"
sql up "CREATE DATABASE large; USE large;
	CREATE TABLE big (id INT PRIMARY KEY, b LONGBLOB, note VARCHAR(20));
	CREATE TABLE fresh (id INT PRIMARY KEY, b LONGBLOB, note VARCHAR(20))
		STATS_AUTO_RECALC=0 STATS_PERSISTENT=1;
	INSERT INTO fresh SELECT seq, REPEAT('x', 60000), 'small' FROM seq_1_to_400;
	ANALYZE TABLE fresh;" >/dev/null
sql up "INSERT INTO large.big VALUES (1, LOAD_FILE('$W/random.bin'), 'random'),
		(2, LOAD_FILE('$W/quotes.bin'), 'quotes'), (3, NULL, 'null');
	UPDATE large.fresh SET b=LOAD_FILE('$W/random.bin') WHERE id IN (1, 400);
	ANALYZE TABLE large.big" >/dev/null
check "the rows are there" test "$(sql up "SELECT SUM(LENGTH(b)) FROM large.big")" = \
	"$((2 * ROW))"
check "operate-source create" ctl operate-source create "$(source_yaml src1 up)"

TASK_EXTRA="block-allow-list:
  ours:
    do-dbs: [large]"
TASK_INSTANCE="  block-allow-list: ours"
copied load "$COPY_MB"
sql down "SET GLOBAL local_infile=0"
copied insert "$COPY_MB"
sql down "SET GLOBAL local_infile=1"

# The same through TLS from the source.
sql up "DELETE FROM large.fresh WHERE id > 5; DELETE FROM large.big WHERE id > 1"
check "operate-source stop" ctl operate-source stop "$W/src1.yaml"
sed -i "/password:/a\\  security: {ssl-ca: $W/cert.pem}" "$W/src1.yaml"
check "operate-source create, with TLS" ctl operate-source create "$W/src1.yaml"
copied tls "$COPY_MB"

# Replication: an update's event has the row twice.
check "all: start-task" ctl start-task "$(task_yaml all all down src1)"
check "all: it reaches replication" wait_for 300 synced task_synced all
fresh_worker
check "all: it goes on in a fresh worker" wait_for 60 synced task_synced all
change() {
	local what=$1 limit=$2
	sql up "$3"
	check "$what: it arrives" wait_for 300 synced task_synced all
	comment "$what: peak $(peak_mb w1) MB"
	check "$what: memory stays under $limit MB" peak_under w1 "$limit"
	check "$what: the rows are equal" same_rows big
}
change "insert of 64 MB" "$INSERT_MB" \
	"INSERT INTO large.big VALUES (11, LOAD_FILE('$W/random.bin'), 'live')"
change "update of 64 MB" "$UPDATE_MB" \
	"UPDATE large.big SET b=LOAD_FILE('$W/quotes.bin') WHERE id=11"
change "update of the key beside 64 MB" "$UPDATE_MB" \
	"UPDATE large.big SET id=12 WHERE id=11"
change "delete of 64 MB" "$UPDATE_MB" \
	"DELETE FROM large.big WHERE id=12"
check "stop-task" ctl stop-task all
finish
