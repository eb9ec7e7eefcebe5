# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Private servers on loopback in a temporary folder, for tests, the demo and
# benchmarks: MariaDB, dm-master (with its etcd), dm-worker. Source it, call
# cluster_init; everything started here ends, by pid, when the shell does.
#
#   BIN   folder of dm-master, dm-worker, dmctl (default build/bin)
#   WORKER_BIN  another dm-worker, for tests that need one
#   KEEP  set: leave servers and folder in place

CLUSTER_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BIN=${BIN:-$CLUSTER_ROOT/build/bin}
# What a time that must be kept is longer by in tests, in ms: for a machine with
# other work, and for how often is looked. Sanitized programs are slow.
export SLACK=2000
case $BIN in
*/asan/* | */tsan/*) SLACK=8000 ;;
esac
# Times that must be kept are so many times as long, too (within_ms): exact in
# `make soak` alone, where nothing else runs.
TOLERANCE=3
[ -z "${SOAK:-}" ] || TOLERANCE=1
# A condition that comes at all is waited for at least so many seconds.
WAIT_LEAST=${WAIT_LEAST:-120}
declare -A PID PORT
MASTER_FLAGS=${MASTER_FLAGS:-}
WORKER_FLAGS=${WORKER_FLAGS:-}
CTL_FLAGS=${CTL_FLAGS:-}

cluster_init() {
	W=$(mktemp -d "${TMPDIR:-/tmp}/dm-XXXXXXXX")
	# What a sanitizer has to say, also of a program whose output nobody
	# reads: $W/san.PROGRAM.PID (sanitizer_files).
	local to=log_path=$W/san:log_exe_name=1
	export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}$to
	export UBSAN_OPTIONS=${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}$to
	trap cluster_stop EXIT
	trap 'exit 130' INT TERM
}

# Kills by pid, children (etcd under its supervisor) included.
cluster_stop() {
	local rc=$? name
	trap - EXIT
	if [ -n "${KEEP:-}" ]; then
		return "$rc"
	fi
	exec 2>/dev/null # the shell tells of every killed job
	for name in "${!PID[@]}"; do
		# One that ended long ago: its number may be another's by now.
		[ "$(ps -o ppid= -p "${PID[$name]}")" -eq $$ ] || continue
		kill_tree -KILL "${PID[$name]}"
	done
	wait 2>/dev/null || true
	rm -rf "$W"
	return "$rc"
}

kill_tree() {
	local sig=$1 pid=$2 child
	[ -n "$pid" ] || return 0
	for child in $(pgrep -P "$pid" 2>/dev/null); do
		kill_tree "$sig" "$child"
	done
	kill "$sig" "$pid" 2>/dev/null || true
}

# Ports for servers begin here, 12000 of them: below those that the system gives
# to outgoing connections, one of which could have a port when its server starts
# again.
PORTS=20000
{ read -r first_outgoing _ </proc/sys/net/ipv4/ip_local_port_range; } 2>/dev/null
if [ "${first_outgoing:-32768}" -ge 14000 ] && [ "${first_outgoing:-32768}" -lt 32000 ]; then
	PORTS=$((first_outgoing - 12000))
fi

# A port that nobody listens on. Each call gives another one.
# With SLOT, of that one's own range: others may be looking at the same time.
free_port() {
	local p n=$((12000 / ${JOBS:-1}))
	while :; do
		p=$((PORTS + ${SLOT:-0} * n + RANDOM % n))
		[ -e "$W/port.$p" ] && continue
		[ -z "$(ss -Hatn "sport = :$p")" ] || continue
		: >"$W/port.$p"
		echo "$p"
		return
	done
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds. SECONDS is what
# an idle machine may need; a busy one gets more, which costs nothing where the
# condition comes. What has to come in a given time is asked by within_ms.
wait_for() {
	local limit=$(($1 * 2)) what=$2 until
	shift 2
	[ "$limit" -ge "$WAIT_LEAST" ] || limit=$WAIT_LEAST
	until=$((SECONDS + limit))
	while ! "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$until" ]; then
			echo "timed out after $limit s waiting for: $what" >&2
			return 1
		fi
		sleep 0.1
	done
}

# within_ms MS COMMAND...: the command succeeds in that time and the tolerance,
# asked again and again. How long it took goes to standard output either way.
within_ms() {
	local begun ms limit=$(($1 * TOLERANCE))
	shift
	begun=$(now_ms)
	while ! "$@" >/dev/null 2>&1; do
		[ $(($(now_ms) - begun)) -lt $((limit + 10000)) ] || break
		sleep 0.05
	done
	ms=$(($(now_ms) - begun))
	echo "$ms ms, of $limit ms"
	[ "$ms" -le "$limit" ]
}

# now_ms: milliseconds since some moment.
now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

# ---- MariaDB ----

# One fresh data folder, made once and copied for each server. A server that
# starts removes what looks like its own old temporary tables: so each has a
# folder of its own for them, this one, too.
mariadb_template() {
	local t=$W/template
	[ -e "$t.done" ] && return
	mkdir -p "$t.tmp"
	if ! mariadb-install-db --no-defaults --datadir="$t" \
		--user="$(id -un)" --tmpdir="$t.tmp" \
		--auth-root-authentication-method=normal --skip-test-db \
		>"$W/install-db.log" 2>&1; then
		cat "$W/install-db.log"
		return 1
	fi
	: >"$t.done"
}

# mariadb_up NAME [FLAG...]: start, or start again, a server.
mariadb_up() {
	local n=$1
	shift
	mariadb_template || return 1
	if [ ! -d "$W/$n" ]; then
		cp -a "$W/template" "$W/$n"
		PORT[$n]=$(free_port)
		printf '%s\n' "$@" >"$W/$n.flags"
	fi
	local flags=()
	mapfile -t flags <"$W/$n.flags"
	[ -n "${flags[0]}" ] || flags=()
	mkdir -p "$W/$n.tmp"
	mariadbd --no-defaults --datadir="$W/$n" --socket="$W/$n.sock" \
		--tmpdir="$W/$n.tmp" --port="${PORT[$n]}" --bind-address=127.0.0.1 \
		--user="$(id -un)" --pid-file="$W/$n.pid" \
		--innodb-buffer-pool-size=128M --skip-name-resolve \
		--max-connections=400 --character-set-server=utf8mb4 \
		"${flags[@]}" >>"$W/$n.log" 2>&1 &
	PID[$n]=$!
	wait_for 60 "MariaDB $n" mariadb-admin --no-defaults \
		-uroot -S "$W/$n.sock" ping
	sql "$n" "CREATE USER IF NOT EXISTS 'dm'@'%' IDENTIFIED BY 'dm secret';
		GRANT ALL ON *.* TO 'dm'@'%'"
}

# ---- servers of other versions (fetch_server.sh) ----

# other_up KIND NAME [FLAG...]: start, or start again, one of them. KIND: mysql
# or mariadb11. A test that may do without asks other_is_there first.
other_up() {
	local kind=$1 n=$2 root flags=() server=sbin/mariadbd
	shift 2
	root=$("$CLUSTER_ROOT/test/support/fetch_server.sh" "$kind" \
		2>>"$W/fetch.log") || return 1
	if [ ! -d "$W/$n" ]; then
		cp -a "$root/template" "$W/$n"
		PORT[$n]=$(free_port)
		printf '%s\n' "$@" >"$W/$n.flags"
	fi
	mapfile -t flags < <(sed "s|@|$root|" "$root/flags"; cat "$W/$n.flags")
	[ "$kind" = mariadb11 ] || {
		server=sbin/mysqld
		flags+=(--mysqlx=OFF --secure-file-priv= --pid-file="$W/$n.pid")
	}
	mkdir -p "$W/$n.tmp"
	"$root/run" "$server" "${flags[@]}" --datadir="$W/$n" \
		--tmpdir="$W/$n.tmp" --socket="$W/$n.sock" --port="${PORT[$n]}" \
		--bind-address=127.0.0.1 --user="$(id -un)" \
		--innodb-buffer-pool-size=128M --skip-name-resolve \
		--max-connections=400 --local-infile=ON >>"$W/$n.log" 2>&1 &
	PID[$n]=$!
	wait_for 120 "$kind $n" mariadb-admin --no-defaults \
		-uroot -S "$W/$n.sock" ping
	sql "$n" "CREATE USER IF NOT EXISTS 'dm'@'%' IDENTIFIED BY 'dm secret';
		GRANT ALL ON *.* TO 'dm'@'%'"
}

other_is_there() {
	"$CLUSTER_ROOT/test/support/fetch_server.sh" "$1" >/dev/null
}

# mysql_source_up NAME [FLAG...]: MySQL with GTIDs, durable across kill -9. Its
# packages come from a part of the distribution that moves: only they may be
# missing, which skips a test (skip_all in tap.sh).
mysql_source_up() {
	local n=$1
	shift
	other_up mysql "$n" --server-id=$((RANDOM + 1)) --log-bin=binlog \
		--gtid-mode=ON --enforce-gtid-consistency=ON --sync-binlog=1 \
		--innodb-flush-log-at-trx-commit=1 "$@"
}

# A source: with a binlog, durable across kill -9.
source_up() {
	local n=$1
	shift
	mariadb_up "$n" --server-id=$((RANDOM + 1)) --log-bin=mysql-bin \
		--binlog-format=ROW --sync-binlog=1 \
		--innodb-flush-log-at-trx-commit=1 "$@"
}

# sql SERVER STATEMENTS [FLAG...]: run, print rows without heads.
# One that does not end is ended, and what its server was at is told (hung).
SQL_SECONDS=480
sql() {
	local n=$1 text=$2 rc=0
	shift 2
	timeout --foreground "$SQL_SECONDS" \
		mariadb --no-defaults -uroot -S "$W/$n.sock" \
		--default-character-set=utf8mb4 -N -B "$@" -e "$text" || rc=$?
	[ "$rc" != 124 ] || hung "$n" "$text" 1>&2
	return "$rc"
}

# hung SERVER STATEMENT: into $W/hung, which `finish` prints.
hung() {
	{
		echo "not answered by $1 in $SQL_SECONDS s: $2"
		timeout 20 mariadb --no-defaults -uroot -S "$W/$1.sock" -e \
			"SHOW FULL PROCESSLIST; SHOW ENGINE INNODB STATUS\G" 2>&1
		ps -o pid,stat,wchan:20,etime,args -p "${PID[$1]}"
		df "$W"
	} | tee -a "$W/hung"
}

# grows SERVER QUERY: the number it gives, in a moment.
grows() {
	local was
	was=$(sql "$1" "$2")
	sleep 0.3
	[ "$(sql "$1" "$2")" -gt "$was" ]
}

# sql_types SERVER K FILE: one of the types*.sql here, with keys from K on.
sql_types() {
	{
		echo "SET @k=$2;"
		cat "$CLUSTER_ROOT/test/support/$3"
	} | mariadb --no-defaults -uroot -S "$W/$1.sock" \
		--default-character-set=utf8mb4
}

# ---- dm ----

# master_up NAME [FLAG...]: start, or start again, a dm-master.
master_up() {
	local n=$1
	shift
	if [ -z "${PORT[$n]:-}" ]; then
		PORT[$n]=$(free_port)
		PORT[$n.peer]=$(free_port)
	fi
	MASTER=127.0.0.1:${PORT[$n]}
	# shellcheck disable=SC2086 # a list of flags
	"$BIN/dm-master" --name "$n" --data-dir "$W/$n.data" \
		--master-addr "127.0.0.1:${PORT[$n]}" \
		--peer-urls "http://127.0.0.1:${PORT[$n.peer]}" \
		--log-file "$W/$n.log" $MASTER_FLAGS "$@" \
		>>"$W/$n.out" 2>&1 &
	PID[$n]=$!
	wait_for 30 "dm-master $n" leader_up
}

# etcd_pid NAME: of the etcd that this dm-master runs, below its supervisor. (By
# its arguments that of another test might be found.)
etcd_pid() {
	pgrep -o -P "$(pgrep -o -P "${PID[$1]}")"
}

# kill_etcd NAME: it may just be about to be started again.
kill_etcd() {
	wait_for 30 "etcd of $1" etcd_pid "$1"
	kill -KILL "$(etcd_pid "$1")"
}

leader_up() {
	ctl list-member --leader | grep -q '"addr": "127'
}

# worker_up NAME [FLAG...]
worker_up() {
	local n=$1
	shift
	[ -n "${PORT[$n]:-}" ] || PORT[$n]=$(free_port)
	# shellcheck disable=SC2086 # a list of flags
	"${WORKER_BIN:-$BIN/dm-worker}" --name "$n" --join "$MASTER" \
		--worker-addr "127.0.0.1:${PORT[$n]}" \
		--log-file "$W/$n.log" $WORKER_FLAGS "$@" \
		>>"$W/$n.out" 2>&1 &
	PID[$n]=$!
	wait_for 30 "dm-worker $n" worker_listed "$n"
}

worker_listed() {
	ctl list-member --worker --name "$1" |
		grep -qE '"stage": "(free|bound|relay)"'
}

ctl() {
	# shellcheck disable=SC2086 # a list of flags
	"$BIN/dmctl" $CTL_FLAGS --master-addr "$MASTER" --strict "$@"
}

# stop NAME: orderly; kill9 NAME: at once. A daemon that was asked to end and
# did not end with 0 is told of by `finish` (tap.sh).
stop() {
	kill -TERM "${PID[$1]}" 2>/dev/null || return 0
	ended "$1"
}

# Waits for its end. A database may end as it likes.
BAD_ENDS=()
ended() {
	local rc=0
	wait "${PID[$1]}" 2>/dev/null || rc=$?
	[ "$rc" = 0 ] || [ ! -e "$W/$1.out" ] ||
		BAD_ENDS+=("$1 ended with status $rc")
}

kill9() {
	kill -KILL "${PID[$1]}" 2>/dev/null || true
	wait "${PID[$1]}" 2>/dev/null || true
}

# ---- the daemons' ends ----

# daemons PROGRAM: names of those that run.
daemons() {
	local name exe
	for name in "${!PID[@]}"; do
		exe=$(readlink "/proc/${PID[$name]}/exe") || continue
		case ${exe##*/} in
		"$1"*) echo "$name" ;;
		esac
	done
}

runs() {
	local state
	state=$(awk '$1 == "State:" { print $2 }' "/proc/$1/status" \
		2>/dev/null) && [ "$state" != Z ]
}

has_ended() { ! runs "$1"; }

# rests NAME: it is stopped, or gone. (A fail point has its file removed a moment
# before that, when a SIGCONT would come too early.)
rests() {
	local state
	state=$(awk '$1 == "State:" { print $2 }' "/proc/${PID[$1]}/status" \
		2>/dev/null) || return 0
	[ "$state" = T ] || [ "$state" = Z ]
}

# end_daemons: all that still run get SIGTERM, first the workers, so that they
# can say goodbye. What is wrong with their ends is in BAD_ENDS.
END_SECONDS=90
end_daemons() {
	local program name pid children=()
	for program in dm-worker dm-master; do
		for name in $(daemons $program); do
			pid=${PID[$name]}
			mapfile -t -O "${#children[@]}" children < <(
				for pid in $(pgrep -P "$pid"); do
					pgrep -P "$pid"
				done
			)
			kill -CONT "${PID[$name]}"
			kill -TERM "${PID[$name]}"
			ENDING+=("$name")
		done
		await_ends
	done
	for pid in "${children[@]}"; do
		wait_for 5 "the end of etcd" has_ended "$pid" ||
			BAD_ENDS+=("an etcd outlives its dm-master")
	done
	for name in "${!PID[@]}"; do
		crashed "$name"
	done
}

# Those in ENDING have so long together.
ENDING=()
await_ends() {
	local name until=$((SECONDS + END_SECONDS))
	for name in "${ENDING[@]}"; do
		while runs "${PID[$name]}" && [ "$SECONDS" -lt "$until" ]; do
			sleep 0.05
		done
		if runs "${PID[$name]}"; then
			BAD_ENDS+=("$name has not ended $END_SECONDS s after SIGTERM")
		else
			ended "$name"
			unset "PID[$name]"
		fi
	done
	ENDING=()
}

# crashed NAME: one that ended before, on a signal that nobody sends.
crashed() {
	local rc=0
	[ -e "$W/$1.out" ] && ! runs "${PID[$1]}" || return 0
	wait "${PID[$1]}" 2>/dev/null || rc=$?
	case $rc in
	99 | 132 | 134 | 135 | 136 | 139)
		BAD_ENDS+=("$1 ended with status $rc") ;;
	esac
}

# sanitizer_files: those with a report.
sanitizer_files() {
	grep -lE 'ERROR: (Address|Leak|Thread)Sanitizer|runtime error: ' \
		"$W"/san.* "$W"/*.out "$W"/*.log 2>/dev/null
}

# source_yaml ID SERVER: prints the name of a source file.
source_yaml() {
	cat >"$W/$1.yaml" <<-E
		source-id: $1
		from:
		  host: 127.0.0.1
		  port: ${PORT[$2]}
		  user: dm
		  password: "dm secret"
		${SOURCE_EXTRA:-}
	E
	echo "$W/$1.yaml"
}

# task_yaml NAME MODE TARGET SOURCE-ID...: prints the name of a task file.
# TASK_SESSION, TASK_INSTANCE and TASK_EXTRA add lines.
task_yaml() {
	local name=$1 mode=$2 target=$3 id
	shift 3
	{
		cat <<-E
			name: $name
			task-mode: $mode
			target-database:
			  host: 127.0.0.1
			  port: ${PORT[$target]}
			  user: dm
			  password: "dm secret"
		E
		[ -z "${TASK_SESSION:-}" ] || echo "  session: ${TASK_SESSION}"
		echo "mysql-instances:"
		for id; do
			echo "- source-id: $id"
			[ -z "${TASK_INSTANCE:-}" ] || echo "${TASK_INSTANCE}"
		done
		[ -z "${TASK_EXTRA:-}" ] || echo "${TASK_EXTRA}"
	} >"$W/$name.task.yaml"
	echo "$W/$name.task.yaml"
}

# Its words have changed in MySQL 8.4.
binlog_end() {
	sql "$1" "SHOW MASTER STATUS" 2>/dev/null ||
		sql "$1" "SHOW BINARY LOG STATUS"
}

# task_synced TASK [SERVER]: replication stands where the source's binlog ends
# now. (The task's own "synced" can be some seconds old.) SERVER: SOURCE_NAME, else
# up.
task_synced() {
	local at out
	at=$(binlog_end "${2:-${SOURCE_NAME:-up}}" |
		awk '{ printf "(%s, %s)", $1, $2 }')
	out=$(ctl query-status "$1") || return 1
	grep -qF "\"syncerBinlog\": \"$at\"" <<<"$out" &&
		grep -q '"synced": true' <<<"$out"
}

task_stage() {
	ctl query-status "$1" | grep -q "\"stage\": \"$2\""
}

# ---- comparing, by the stock client only ----

# exact_columns SERVER DB TABLE: a select list that loses nothing: FLOAT as the
# double it is (its text has 6 digits), bits as numbers, bytes in hex.
exact_columns() {
	sql "$1" "SET SESSION group_concat_max_len=1000000;
		SELECT GROUP_CONCAT(CASE
		WHEN data_type='float' THEN CONCAT('\`',REPLACE(column_name,'\`','\`\`'),'\`+0e0')
		WHEN data_type='bit' THEN CONCAT('\`',REPLACE(column_name,'\`','\`\`'),'\`+0')
		WHEN data_type IN ('enum','set') THEN CONCAT('CAST(\`',REPLACE(column_name,'\`','\`\`'),'\` AS UNSIGNED)')
		WHEN data_type LIKE '%blob' OR data_type LIKE '%binary' OR data_type LIKE '%text' OR data_type LIKE '%char'
		OR data_type IN ('vector','geometry','point','linestring','polygon','geometrycollection','geomcollection','multipoint','multilinestring','multipolygon')
		THEN CONCAT('HEX(\`',REPLACE(column_name,'\`','\`\`'),'\`)')
		WHEN data_type='json' THEN CONCAT('HEX(CONVERT(\`',REPLACE(column_name,'\`','\`\`'),'\` USING utf8mb4))')
		ELSE CONCAT('\`',REPLACE(column_name,'\`','\`\`'),'\`') END
		ORDER BY HEX(column_name)) FROM information_schema.columns
		WHERE table_schema='$2' AND table_name='$3'"
}

# table_digest SERVER DB TABLE: every row and column, rows in any order. (Not
# CHECKSUM TABLE: it also sums undefined bits of columns that are NULL.)
table_digest() (
	set -o pipefail
	columns=$(exact_columns "$1" "$2" "$3") || exit 1
	sql "$1" "SET time_zone='+00:00';
		SELECT $columns FROM \`$2\`.\`${3//\`/\`\`}\`" |
		LC_ALL=C sort | md5sum
)

# same_table FROM TO DB TABLE [TO_DB TO_TABLE]
same_table() {
	local a b
	a=$(table_digest "$1" "$3" "$4") || return 1
	b=$(table_digest "$2" "${5:-$3}" "${6:-$4}") || return 1
	if [ "$a" != "$b" ]; then
		echo "# differs: $3.$4: $(sql "$1" "SELECT COUNT(*) FROM \`$3\`.\`$4\`")" \
			"rows in $1, $(sql "$2" "SELECT COUNT(*) FROM \`${5:-$3}\`.\`${6:-$4}\`") in $2"
		return 1
	fi
}

# same_schema FROM TO DB: every base table equal.
same_schema() {
	local t rc=0 tables=()
	mapfile -t tables < <(sql "$1" "SELECT table_name FROM
		information_schema.tables WHERE table_schema='$3'
		AND table_type='BASE TABLE'" --raw)
	for t in "${tables[@]}"; do
		same_table "$1" "$2" "$3" "$t" || rc=1
	done
	[ "${#tables[@]}" -gt 0 ] || rc=1
	return "$rc"
}
