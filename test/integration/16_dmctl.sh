#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dmctl from outside: every command against a real cluster, with good and bad
# input; exit statuses, forms of output, completion, the prompt at a terminal.
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
cluster_init

source_up up || exit 1
mariadb_up down || exit 1
master_up m1 || exit 1
worker_up w1 --keepalive-ttl 5 || exit 1
worker_up w2 --keepalive-ttl 5 || exit 1
cd "$W" || exit 1
D=$BIN/dmctl
export DM_MASTER_ADDR=$MASTER

# status N WHAT COMMAND...: passes when the command exits with N.
status() {
	local n=$1 what=$2 rc=0 out
	shift 2
	out=$("$@" 2>&1) || rc=$?
	tap "$([ "$rc" = "$n" ] && echo 0 || echo 1)" "$what"
	[ "$rc" = "$n" ] || comment "exit status $rc, not $n" "$out"
}

# says WHAT PATTERN COMMAND...: exits with 0 and prints the pattern.
says() {
	local what=$1 pattern=$2 out rc=0
	shift 2
	out=$("$@" 2>&1) || rc=1
	grep -qE -- "$pattern" <<<"$out" || rc=1
	tap "$rc" "$what"
	[ "$rc" = 0 ] || comment "wanted: $pattern" "$out"
}

# ---- before a master is asked ----
says "--help has 43 lines" '^43$' bash -c "\"$D\" --help | wc -l"
says "help of a command has examples" '^  dmctl start-task task.yaml$' \
	"$D" help start-task
says "--version goes to stderr" 'Release Version' "$D" --version
refuse "an unknown command" 'Did you mean this' "$D" stop-tsk
refuse "an unknown subcommand" 'unknown command "skp" for "dmctl binlog"' \
	"$D" binlog skp
refuse "an unknown option" '--remove-meta' "$D" start-task --remove-mta
refuse "a form that does not exist" 'json or table' \
	"$D" list-member --output xml
says "a group alone prints its help" 'Available Commands' "$D" config
says "explain needs no master" '^name: +SCHEDULER_WORKER_EXIST' \
	env -u DM_MASTER_ADDR "$D" explain 46003
says "explain knows codes that are never raised" 'GetFileSize' \
	"$D" explain 11002
refuse "explain of no code" 'no error of DM' "$D" explain 1
says "a sample of a source" 'source-id' \
	"$D" operate-source --print-sample-config
refuse "no address" 'master-addr not provided' \
	env -u DM_MASTER_ADDR "$D" list-member
refuse "a master that is not there" \
	'code=48001.*RawCause: context deadline exceeded' \
	"$D" --master-addr "127.0.0.1:$(free_port)" list-member
refuse "an address that is none" 'missing port in address' \
	"$D" --master-addr nowhere list-member
says "the second address counts if the first is dead" '"result": true' \
	"$D" --master-addr "127.0.0.1:$(free_port),$MASTER" list-member
printf 'master-addr = "%s"\n' "$MASTER" >dmctl.toml
says "the address from a file" '"result": true' \
	env -u DM_MASTER_ADDR "$D" --config dmctl.toml list-member
printf 'master-addr = \n' >broken.toml
refuse "a broken file" 'is invalid or used incorrectly' \
	"$D" --config broken.toml list-member
says "old spelling of options" '"result": true' \
	"$D" -master-addr "$MASTER" list-member

# ---- usage errors: status 1, usage on stdout ----
while read -r line; do
	# shellcheck disable=SC2086 # words
	refuse "usage: $line" 'Usage:' "$D" $line
done <<-E
	start-task
	check-task
	pause-task a b
	query-status a b
	operate-source
	list-member x
	operate-leader
	transfer-source a
	start-relay
	pause-relay x -s a
	shard-ddl-lock a b
	shard-ddl-lock unlock
	handle-error t
	operate-schema get
	get-config task
	validation start
	validation status
	validation ignore-error t
	validation update t
	completion
	explain
E
while IFS='|' read -r line text; do
	# shellcheck disable=SC2086 # words
	refuse "refused: $line" "$text" "$D" $line
done <<-'E'
	start-task /nowhere.yaml|error in get file content
	check-task /nowhere.yaml|error in get file content
	pause-task|must give one source-name
	pause-task -s a,b|can give only one source-name
	operate-source drop x.yaml|invalid operate 'drop' on worker
	operate-source create|should specify config-file
	offline-member --master --worker|should specify either
	offline-member --worker|a member name must be specified
	operate-leader resign|invalid operate 'resign' on leader
	start-relay -s a,b|must specify one source
	pause-relay|must specify at least one source
	purge-relay -f x|must specify at least one source
	purge-relay -s a|must specify the name of the terminal file
	purge-relay -s a,b -f x|can only specify one source
	shard-ddl-lock unlock x -a drop|only exec/skip are acceptable
	binlog skip t -b x:y|11118.*the pos should be digital
	binlog replace t FROB;|invalid sql
	handle-error t drop|invalid operation 'drop'
	binlog-schema update t d t --from-source --from-target|can not be used together
	operate-schema put t|invalid operate 'put' on schema
	config source update|will be supported later
	get-config relay x|invalid config type 'relay'
	config import -p /nowhere|not exists
	validation start a b|too many arguments
	validation start t --mode slow|mode should be either
	validation start t --start-time now|start-time should be in the format
	validation show-error t --error some|error flag should be either
	validation clear-error t x|should be integer
	validation update t --cutover-binlog-pos 5|invalid --cutover-binlog-pos
	completion fish|only for bash and zsh
E

# ---- what is not available: reaches the master, false, status 0 ----
missing=$CLUSTER_ROOT/test/golden/master/missing.txt
: >answers
while IFS=, read -r command line; do
	sed -n "s/^| .*\b${command}[\`,].* | \(.*\) |\$/\1/p" "$missing" >answer
	[ -s answer ] || continue
	cat answer >>answers
	# shellcheck disable=SC2086 # words
	says "answered: $line" "\"msg\": \"$(cat answer)\"" "$D" $line
	# shellcheck disable=SC2086 # words
	status 1 "with --strict it fails: $line" "$D" --strict $line
done <<-'E'
	validation start,validation start t
	validation stop,validation stop --all-task
	validation status,validation status t
	show-error,validation show-error t
	ignore-error,validation ignore-error t 1
	resolve-error,validation resolve-error t 1
	clear-error,validation clear-error t --all
	validation update,validation update t --cutover-binlog-gtid 0-1-2
E
check "every answer of the list was given" \
	test "$(sort -u answers | wc -l)" = "$(wc -l <"$missing")"

# ---- sources ----
yaml=$(source_yaml src1 up)
sed 's/source-id/sourceid/' "$yaml" >wrong.yaml
says "of several files the wrong one is told" \
	'source.yaml \(2 of 2\):1:1: sourceid: .*did you mean' \
	"$D" operate-source create "$yaml" wrong.yaml
says "operate-source create" '"source": "src1"' \
	"$D" operate-source create "$yaml"
status 0 "a refused answer gives 0, as in DM" \
	"$D" operate-source create "$yaml"
status 1 "with --strict 1" "$D" --strict operate-source create "$yaml"
status 1 "with DMCTL_STRICT=1 too" \
	env DMCTL_STRICT=1 "$D" operate-source create "$yaml"
says "as a table" '^src1 +w[12] +ok' "$D" operate-source show --output table
says "config source hides the password" '\*\*\*\*\*\*' \
	"$D" config source src1
says "config master" 'master-addr' "$D" config master m1
says "config worker" 'keepalive-ttl = ' "$D" config worker w1
says "config worker tells its name" 'name = \\\\?"w1' "$D" config worker w1
says "members as a table" '^worker +w1 ' "$D" list-member --output table
says "only some members" '"name": "w2"' "$D" list-member -w -n w2
refuse "a dm-master nobody knows" '38048|not exists' \
	"$D" offline-member --master --name nobody
refuse "a dm-worker that runs" '46005|still online' \
	"$D" offline-member --worker --name w1
bound=$("$D" list-member -w --output table | awk '$4 == "bound" { print $2 }')
other=$([ "$bound" = w1 ] && echo w2 || echo w1)
says "transfer-source" '"result": true' "$D" transfer-source src1 "$other"
says "transfer-source to nobody" '46004' "$D" transfer-source src1 nobody

# ---- tasks ----
sql up "CREATE DATABASE app; CREATE TABLE app.t (id INT PRIMARY KEY, v INT); INSERT INTO app.t VALUES (1,1)"
task=$(task_yaml t1 all down src1)
says "check-task" 'pre-check is passed|no errors but some' \
	"$D" check-task "$task"
sed 's/port: .*/port: 1/' "$task" >far.yaml
says "check-task names a target that is not there" '26002|failed to open DSN' \
	"$D" check-task far.yaml
says "and so it does as a table" '^fail +target connection checker' \
	"$D" check-task far.yaml --output table
says "start-task" '"result": true' "$D" start-task "$task"
check "it catches up" wait_for 60 synced task_synced t1
says "query-status in short" '"taskStatus": "Running"' "$D" query-status
says "query-status by file" '"unit": "Sync"' "$D" query-status "$task"
says "query-status as a table" '^t1 +src1 +w[12] +Running +Sync' \
	"$D" query-status t1 --output table
says "the short form as a table" '^t1 +Running +src1' \
	"$D" query-status --output table
says "query-status of no task" 'has no source or not exist' \
	"$D" query-status nobody
says "config task" 'task-mode: all' "$D" config task t1
says "config task to a file" 'succeed' "$D" config task t1 -p t1.out
says "which is private" '^600$' stat -c %a t1.out
says "shard-ddl-lock" 'no DDL lock exists' "$D" shard-ddl-lock t1
says "unlocking no lock" '38019' "$D" shard-ddl-lock unlock nobody
says "pause-task" '"op": "Pause"' "$D" pause-task t1
says "resume-task by source" '"op": "Resume"' "$D" resume-task -s src1
check "it goes on" wait_for 30 running task_stage t1 Running
says "stop-task of no task" 'task nobody has no source or not exist' \
	"$D" stop-task nobody

# ---- config task update ----
sed 's/task-mode: all/task-mode: never/' "$task" >bad.yaml
says "config task update refuses what the check refuses" '20020' \
	"$D" config task update bad.yaml
check "and has stopped nothing" task_stage t1 Running
TASK_EXTRA='case-sensitive: true'
new=$(task_yaml t1 all down src1)
says "config task update" '"result": true' "$D" config task update "$new"
says "the new configuration is stored" 'case-sensitive: true' \
	"$D" config task t1
sql up "INSERT INTO app.t VALUES (2,2)"
check "and the task goes on where it stood" wait_for 60 synced task_synced t1

# ---- another cluster's progress ----
stopped_by() { ctl query-status t1 | grep -q "\"ErrCode\": $1"; }
check "stop-task" ctl stop-task t1
sql down "UPDATE dm_meta.dm_owner SET cluster_id = cluster_id + 1"
"$D" start-task "$new" >/dev/null 2>&1
check "another cluster's progress stops the task" \
	wait_for 30 "36901" stopped_by 36901
check "stop-task" ctl stop-task t1
sed '$a remove-meta: true' "$new" >remove-meta.yaml
says "remove-meta in the file is told to be deprecated" \
	"\"\`remove-meta\` in task config is deprecated, please use \`start-task \.\.\. --remove-meta\` instead\"" \
	"$D" start-task remove-meta.yaml --adopt
check "start-task --adopt takes it over" \
	wait_for 60 synced task_synced t1
check "nothing was copied twice" \
	test "$(sql down "SELECT COUNT(*) FROM app.t")" = 2
sql down "UPDATE dm_meta.dm_owner SET cluster_id = cluster_id + 1"
kill9 "$other"
check "its worker comes back" worker_up "$other" --keepalive-ttl 5
check "adopting counts once" wait_for 30 "36901" stopped_by 36901
sql down "UPDATE dm_meta.dm_owner SET cluster_id = cluster_id - 1"
check "resume-task" ctl resume-task t1
check "it goes on" wait_for 60 synced task_synced t1

# ---- export, import ----
says "config export" 'succeed' "$D" config export -p out
check "has the task and the source" \
	test -s out/tasks/t1.yaml -a -s out/sources/src1.yaml
says "import of what is there changes nothing" 'succeed' \
	"$D" config import -p out

# Files as older versions of DM export them, with fields that are no more.
cp -r "$CLUSTER_ROOT/test/golden/ctl/old_export" old
sed -i "s/port: .*/port: ${PORT[up]}/" old/sources/old-source.yaml
sed -i "s/port: .*/port: ${PORT[down]}/" old/tasks/old.yaml
sed -i 's/- app$/- nothing/' old/tasks/old.yaml
echo 'no YAML: [' >old/tasks/notes.txt
says "import of files of older versions" \
	'original relay workers have been exported to .old/relay_workers.json' \
	"$D" config import -p old
check "their task runs" wait_for 60 synced task_synced old
says "as they say" 'source-id: old-source' "$D" config task old
sed -i 's/^task-mode: .*/task-mode: never/; s/^name: .*/name: older/' \
	old/tasks/old.yaml
for text in 'task.yaml:2:12: task-mode: ' 'create tasks: old/tasks/old.yaml$'; do
	refuse "what is refused is told with its place: $text" "$text" \
		"$D" config import -p old
done
check "stop-task" ctl stop-task old
check "operate-source stop" ctl operate-source stop old-source

# ---- completion ----
says "tasks are completed" '^t1$' "$D" __complete 'dmctl pause-task '
says "sources are completed" '^src1$' \
	"$D" __complete 'dmctl query-status -s s'
says "workers are completed" '^w2$' \
	"$D" __complete 'dmctl transfer-source src1 w'
says "the address on the line counts" '^t1$' env -u DM_MASTER_ADDR \
	"$D" __complete "dmctl --master-addr $MASTER stop-task t"
cat >complete.sh <<-'E'
	PATH=$1:$PATH
	source <(dmctl completion bash)
	try() {
		COMP_LINE=$1 COMP_POINT=${#1}
		read -ra COMP_WORDS <<<"$1"
		[[ $1 != *" " ]] || COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		_dmctl
		echo "[${COMPREPLY[*]}]"
	}
	try "dmctl stop-t"
	try "dmctl pause-task "
	try "dmctl pause-task -s s"
E
says "the bash script completes" '^\[stop-task\] \[t1\] \[src1\]' \
	bash -c "bash complete.sh \"$BIN\" | tr '\n' ' '"
if command -v zsh >/dev/null; then
	check "the zsh script parses" bash -c "\"$D\" completion zsh | zsh -n"
fi

# ---- the prompt ----
says "a piped prompt prints errors and goes on" '"result": true' \
	bash -c "printf 'frobnicate\nlist-member\nexit\n' | \"$D\""
says "its errors go to stdout" 'fail to run: \[frobnicate x\]' \
	bash -c "printf 'frobnicate x\n' | \"$D\" 2>/dev/null"
says "an open quote is one word" 'unknown command' \
	bash -c "printf '%s\n' \"list-member 'x\" | \"$D\""
says "without --master-addr between prompts" 'unknown flag: --master-addr' \
	bash -c "printf 'list-member --master-addr x\n' | \"$D\""
cat >steps <<-'E'
	want \xc2\xbb
	send pause-t\t
	want ask 
	send \t
	want t1
	send \x15query-sta\t --out\ttable\n
	want TASK
	want \xc2\xbb
	send encrypt topsecret\n
	want \xc2\xbb
	send start-task 'x IDENTIFIED BY hidden\n
	want \xc2\xbb
	send exit\n
E
export XDG_STATE_HOME=$W/state LC_ALL=C.UTF-8 TERM=xterm
pty() { python3 "$CLUSTER_ROOT/test/support/pty_run.py" steps "$D"; }
check "the prompt at a terminal completes commands and live names" pty
says "the history is private" '^600$' stat -c %a state/dm/dmctl_history
says "it keeps lines" 'query-status' cat state/dm/dmctl_history
check "but none with a password" \
	bash -c '! grep -qE "topsecret|hidden" state/dm/dmctl_history'
printf 'want \\xc2\\xbb\nsend \\x03\n' >steps
check "^C at the prompt leaves with 0" pty
printf 'want \\xc2\\xbb\nsend \\x04\n' >steps
check "so does ^D" pty
chmod 0644 state/dm/dmctl_history
pty >/dev/null 2>&1
says "a history that others can read becomes private" '^600$' \
	stat -c %a state/dm/dmctl_history

# ---- the end ----
says "operate-leader cancel-evict" '"result": true' \
	"$D" operate-leader cancel-evict
says "a source with a task stays" '46010' "$D" operate-source stop "$yaml"
check "stop-task" ctl stop-task t1
says "operate-source stop by ID" '"result": true' \
	"$D" operate-source stop src1
finish
