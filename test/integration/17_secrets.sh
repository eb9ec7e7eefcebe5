#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Passwords: encrypted in etcd, on the way and in exports, masked elsewhere;
# from variables and files; keys that are wrong, and their change.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

PASSWORD="dm secret"
openssl rand -hex 32 >"$W/first.key"
openssl rand -hex 32 >"$W/second.key"

# All values in etcd, and all that is on its disk.
etcd_dump() {
	(cd "$W/m1.data" && etcdctl --endpoints=unix://c.sock:1 get "" --prefix) &&
		cat "$W"/m1.data/member/wal/*.wal "$W"/m1.data/member/snap/db
}
etcd_has() { etcd_dump 2>/dev/null | grep -aqF -- "$1"; }
etcd_lacks() { etcd_has source-id && ! etcd_has "$1"; }
stored() {
	(cd "$W/m1.data" && etcdctl --endpoints=unix://c.sock:1 get \
		/dm-master/v2/upstream/config/ --prefix --print-value-only)
}
stored_password() { stored | sed -n 's/^  password: *//p' | tr -d "'\""; }
# No program wrote the password anywhere: logs, standard output, a core.
quiet() { ! grep -aqF -- "$PASSWORD" "$W"/*.log "$W"/*.out "$W"/export/*/*; }

# pb.Master.UpdateTask, which dmctl does not call. The message has one field,
# its answer begins with "result".
update_task() {
	/usr/bin/python3 - "$MASTER" "$1" <<-'E'
		import sys, grpc
		text = open(sys.argv[2], "rb").read()
		n, size = len(text), b""
		while n > 127:
		    size, n = size + bytes([n & 127 | 128]), n >> 7
		call = grpc.insecure_channel(sys.argv[1]).unary_unary("/pb.Master/UpdateTask")
		out = call(b"\x0a" + size + bytes([n]) + text, timeout=30)
		print(out)
		sys.exit(0 if out[:2] == b"\x08\x01" else 1)
	E
}

copied() {
	local task=$1
	check "$task: start-task" ctl start-task "$2"
	check "$task: it finishes" wait_for 60 Finished task_stage "$task" Finished
	check "$task: rows are equal" same_schema up down shop
	check "$task: stop-task" ctl stop-task "$task"
	sql down "DROP DATABASE shop; DROP DATABASE dm_meta"
}

# with_password FILE TEXT: the same file with another password.
with_password() {
	sed -i "s|^\( *password:\).*|\1 '$2'|" "$1"
	echo "$1"
}

restart_master() {
	stop m1
	master_up m1 "$@"
}

source_up up || exit 1
mariadb_up down || exit 1
sql up "CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY, v INT);
	INSERT INTO shop.t SELECT seq, seq FROM shop.seq_1_to_100"
TASK_EXTRA="block-allow-list:
  ours: {do-dbs: [shop]}"
TASK_INSTANCE="  block-allow-list: ours"

# ---- without a key: as before, and encrypt says what to do ----
check "dm-master starts without a key" master_up m1
DM_TEST_PASSWORD=$PASSWORD worker_up w1
refuse "encrypt needs a key" "secret key not initialized" ctl encrypt x
src=$(source_yaml src1 up)
check "operate-source create" ctl operate-source create "$src"
# Each push to a worker is encrypted; what runs must not take that for a change.
check "a task runs" ctl start-task "$(task_yaml runs all down src1)"
check "it replicates" wait_for 60 synced task_synced runs
begun() { grep -c '"subtask changes stage".*task=runs' "$W/w1.log"; }
changes=$(begun)
instance=$TASK_INSTANCE
TASK_INSTANCE="$instance
  meta: {binlog-name: mysql-bin.000001, binlog-pos: 4}"
check "another one starts" ctl start-task "$(task_yaml other incremental down src1)"
TASK_INSTANCE=$instance
ctl pause-task other >/dev/null
ctl stop-task other >/dev/null
check "the first one was left alone" test "$(begun)" = "$changes"
kill9 m1
check "another master process has another key" master_up m1
check "the worker comes back" wait_for 30 "worker" worker_listed w1
sql up "INSERT INTO shop.t VALUES (500, 1)"
check "the task goes on" wait_for 60 synced task_synced runs
check "and was left alone again" test "$(begun)" = "$changes"
check "stop-task" ctl stop-task runs
sql down "DROP DATABASE shop; DROP DATABASE dm_meta"
copied plain "$(task_yaml plain full down src1)"
check "etcd has the plain password" etcd_has "$PASSWORD"

# ---- a key comes in: what was stored is encrypted ----
check "dm-master starts with a key" restart_master --secret-key-path "$W/first.key"
check "the worker comes back" wait_for 30 "worker" worker_listed w1
sealed() { [[ $(stored_password) =~ ^[A-Za-z0-9+/]{24,}=*$ ]]; }
check "the stored password is encrypted now" wait_for 20 "migration" sealed
copied migrated "$(task_yaml migrated full down src1)"
cipher=$(ctl encrypt "$PASSWORD")
check "encrypt prints a ciphertext" test "${#cipher}" -ge 24
check "another one each time" test "$(ctl encrypt "$PASSWORD")" != "$cipher"
check "encrypted: source" ctl operate-source stop "$src"
check "encrypted: create" ctl operate-source create "$(with_password "$src" "$cipher")"
copied encrypted "$(with_password "$(task_yaml encrypted full down src1)" "$cipher")"
check "config source masks it" bash -c "\"$BIN/dmctl\" --master-addr $MASTER \
	config source src1 | grep -q 'password: .*\*\*\*\*\*\*'"

# ---- a new cluster never sees a plain one ----
stop w1
stop m1
rm -rf "$W/m1.data" "$W"/m1.log "$W"/w1.log "$W"/*.out
check "a new cluster starts" master_up m1 --secret-key-path "$W/first.key"
export DM_TEST_PASSWORD=$PASSWORD
check "with a worker" worker_up w1
check "create, with a plain password" ctl operate-source create \
	"$(with_password "$src" "$PASSWORD")"
check "a task with a plain password" ctl start-task "$(task_yaml kept all down src1)"
check "it replicates" wait_for 60 synced task_synced kept
check "etcd has it nowhere, not even in its files" etcd_lacks "$PASSWORD"
check "config export" ctl config export --path "$W/export"
check "no log and no export has it" quiet
check "config task masks it" bash -c "\"$BIN/dmctl\" --master-addr $MASTER \
	config task kept | grep -q 'password: .*\*\*\*\*\*\*'"

# ---- a wrong key, and the change of a key ----
stop m1
refuse "another key is told" "20067.*another key" bash -c "\"$BIN/dm-master\" \
	--name m1 --data-dir '$W/m1.data' --master-addr 127.0.0.1:${PORT[m1]} \
	--peer-urls http://127.0.0.1:${PORT[m1.peer]} \
	--secret-key-path '$W/second.key' --log-file '$W/wrong.log';
	rc=\$?; cat '$W/wrong.log'; exit \$rc"
refuse "no key is told" "20067.*no secret-key-path" bash -c "\"$BIN/dm-master\" \
	--name m1 --data-dir '$W/m1.data' --master-addr 127.0.0.1:${PORT[m1]} \
	--peer-urls http://127.0.0.1:${PORT[m1.peer]} --log-file '$W/none.log';
	rc=\$?; cat '$W/none.log'; exit \$rc"
refuse "a bad key file is told" "20067.*hex AES-256 key" bash -c "echo abc >'$W/bad.key';
	\"$BIN/dm-master\" --name m1 --data-dir '$W/m1.data' \
	--master-addr 127.0.0.1:${PORT[m1]} \
	--peer-urls http://127.0.0.1:${PORT[m1.peer]} \
	--secret-key-path '$W/bad.key' --log-file '$W/bad.log';
	rc=\$?; cat '$W/bad.log'; exit \$rc"
before=$(cat "$W"/export/sources/src1.yaml)
cat "$W/second.key" "$W/first.key" >"$W/both.key"
check "dm-master starts with the new key before the old one" \
	master_up m1 --secret-key-path "$W/both.key"
check "the worker comes back" wait_for 30 "worker" worker_listed w1
check "the task goes on" wait_for 60 synced task_synced kept
check "dm-master starts with the new key alone" \
	restart_master --secret-key-path "$W/second.key"
check "the worker comes back" wait_for 30 "worker" worker_listed w1
sql up "INSERT INTO shop.t VALUES (1000, 1)"
check "the task goes on" wait_for 60 synced task_synced kept
check "pause-task" ctl pause-task kept
check "UpdateTask with the plain password" update_task "$(task_yaml kept all down src1)"
check "it is not stored so" etcd_lacks "$PASSWORD"
check "resume-task" ctl resume-task kept
check "it connects again" wait_for 60 synced task_synced kept
check "stop-task" ctl stop-task kept
check "operate-source stop" ctl operate-source stop "$src"
refuse "an export of the old key is refused" "20010" \
	ctl operate-source create "$W/export/sources/src1.yaml"
check "the export was not changed" test "$before" = "$(cat "$W"/export/sources/src1.yaml)"
check "both keys: start" restart_master --secret-key-path "$W/both.key"
check "the worker comes back" wait_for 30 "worker" worker_listed w1
check "then the export can be imported" ctl config import --path "$W/export"
check "and its task runs" wait_for 60 synced task_synced kept
check "stop-task" ctl stop-task kept
check "operate-source stop" ctl operate-source stop "$src"
sql down "DROP DATABASE shop; DROP DATABASE dm_meta"

# ---- exports of DM, and exports for DM ----

# DM's cipher by another program: base64 of an IV, '@' and AES-256-CFB.
dm_encrypt() { # KEY-FILE TEXT
	local iv bytes
	iv=$(openssl rand -hex 16)
	bytes=$(fold -w2 <<<"$iv" | sed 's/^/\\x/' | tr -d '\n')
	{
		printf %b "$bytes@"
		printf %s "$2" | openssl enc -aes-256-cfb -K "$(cat "$1")" -iv "$iv"
	} | base64 -w0
}
dm_decrypt() { # KEY-FILE CIPHERTEXT
	local iv
	iv=$(base64 -d <<<"$2" | head -c 16 | od -An -v -tx1 | tr -d ' \n')
	[ "$(base64 -d <<<"$2" | head -c 17 | tail -c 1)" = @ ] || return 1
	base64 -d <<<"$2" | tail -c +18 |
		openssl enc -d -aes-256-cfb -K "$(cat "$1")" -iv "$iv"
}
check "what encrypt prints is DM's format" test \
	"$(dm_decrypt "$W/second.key" "$(ctl encrypt "$PASSWORD")")" = "$PASSWORD"
mkdir -p "$W/dm/sources" "$W/dm/tasks"
cat >"$W/dm/sources/src1.yaml" <<E
enable-gtid: false
relay-dir: relay-dir
meta-dir: ""
flavor: mariadb
charset: ""
enable-relay: false
relay-binlog-name: ""
relay-binlog-gtid: ""
source-id: src1
from:
  host: 127.0.0.1
  port: ${PORT[up]}
  user: dm
  password: $(dm_encrypt "$W/second.key" "$PASSWORD")
  max-allowed-packet: null
  session: {}
  security: null
purge:
  interval: 3600
  expires: 0
  remain-space: 15
checker:
  check-enable: true
  backoff-rollback: 5m0s
  backoff-max: 5m0s
server-id: 429523137
tracer: {}
E
cat >"$W/dm/tasks/moved.yaml" <<E
name: moved
task-mode: all
shard-mode: ""
ignore-checking-items: []
meta-schema: dm_meta
enable-heartbeat: false
heartbeat-update-interval: 1
heartbeat-report-interval: 1
timezone: ""
case-sensitive: false
target-database:
  host: 127.0.0.1
  port: ${PORT[down]}
  user: dm
  password: $(dm_encrypt "$W/second.key" "$PASSWORD")
  max-allowed-packet: null
  session: {}
  security: null
online-ddl-scheme: ""
routes: {}
filters: {}
mydumpers:
  dump-01:
    mydumper-path: ./bin/mydumper
    threads: 4
    chunk-filesize: "64"
    statement-size: 0
    rows: 0
    where: ""
    skip-tz-utc: true
    extra-args: ""
loaders:
  load-01:
    pool-size: 16
    dir: ./dumped_data.moved
syncers:
  sync-01:
    meta-file: ""
    worker-count: 16
    batch: 100
    queue-size: 1024
    checkpoint-flush-interval: 30
    max-retry: 0
    auto-fix-gtid: false
    enable-gtid: false
    disable-detect: false
    safe-mode: false
    enable-ansi-quotes: false
clean-dump-file: true
ansi-quotes: false
remove-meta: false
mysql-instances:
- source-id: src1
  meta: null
  filter-rules: []
  column-mapping-rules: []
  route-rules: []
  black-white-list: ""
  block-allow-list: balist-01
  mydumper-config-name: dump-01
  mydumper: null
  mydumper-thread: 0
  loader-config-name: load-01
  loader: null
  loader-thread: 0
  syncer-config-name: sync-01
  syncer: null
  syncer-thread: 0
column-mappings: {}
black-white-list: {}
block-allow-list:
  balist-01:
    do-tables: []
    do-dbs:
    - shop
    ignore-tables: []
    ignore-dbs: []
E
check "config import takes an export of DM" ctl config import --path "$W/dm"
check "and its task runs" wait_for 60 synced task_synced moved
check "rows are equal" same_schema up down shop
check "config export" ctl config export --path "$W/export2"
exported() { sed -n 's/^  password: *//p' "$W/export2/$1" | tr -d "'\""; }
check "DM can read the password of an exported source" test \
	"$(dm_decrypt "$W/second.key" "$(exported sources/src1.yaml)")" = "$PASSWORD"
check "and of an exported task" test \
	"$(dm_decrypt "$W/second.key" "$(exported tasks/moved.yaml)")" = "$PASSWORD"
check "stop-task" ctl stop-task moved
check "operate-source stop" ctl operate-source stop "$src"
check "our own export is imported again" ctl config import --path "$W/export2"
check "and runs" wait_for 60 synced task_synced moved
check "stop-task" ctl stop-task moved
check "operate-source stop" ctl operate-source stop "$src"
sql down "DROP DATABASE shop; DROP DATABASE dm_meta"

# ---- references ----
refuse "a variable that dm-master lacks is told" \
	"from.password: the environment variable DM_TEST_NOT_SET" \
	ctl operate-source create "$(with_password "$src" "\${ENV:DM_TEST_NOT_SET}")"
refuse "a file that is not there is told" "from.password: the file /nonexistent/pw" \
	ctl operate-source create "$(with_password "$src" "\${FILE:/nonexistent/pw}")"
stop m1
check "dm-master has the variable" master_up m1 --secret-key-path "$W/second.key"
check "the worker comes back" wait_for 30 "worker" worker_listed w1
echo "$PASSWORD" >"$W/password"
check "create, with a variable" ctl operate-source create \
	"$(with_password "$src" "\${ENV:DM_TEST_PASSWORD}")"
copied references "$(with_password "$(task_yaml references full down src1)" "\${FILE:$W/password}")"
check "start-task with a file" ctl start-task \
	"$(with_password "$(task_yaml late all down src1)" "\${FILE:$W/password}")"
check "it replicates" wait_for 60 synced task_synced late
check "pause-task" ctl pause-task late
mv "$W/password" "$W/moved"
ctl resume-task late >/dev/null
told() { ctl query-status late | grep -q "target-database.password: the file $W/password"; }
check "a file that is gone is told by the task" wait_for 30 "the error" told
mv "$W/moved" "$W/password"
check "resume-task reads it anew" ctl resume-task late
check "and goes on" wait_for 60 synced task_synced late
check "etcd has it nowhere" etcd_lacks "$PASSWORD"
check "no log has it" quiet
finish
