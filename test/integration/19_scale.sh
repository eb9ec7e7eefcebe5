#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Many workers at once, simulated in one process and without databases: all
# register, are listed, get work, report, and survive the loss of the leader.
#
#   SIMS    simulated workers (300; SOAK: 2000)
#   TASKS   how many of them get a source with a task (100)
# shellcheck source=test/support/cluster.sh
. "$(dirname "$0")/../support/cluster.sh"
# shellcheck source=test/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"
# shellcheck source=test/support/masters.sh
. "$(dirname "$0")/../support/masters.sh"
# shellcheck source=test/support/scale.sh
. "$(dirname "$0")/../support/scale.sh"
cluster_init
SIMS=${SIMS:-${SOAK:+2000}}
SIMS=${SIMS:-300}
TASKS=${TASKS:-100}

listed() { # STAGE COUNT
	[ "$(ctl list-member --worker | grep -c "\"stage\": \"$1\"")" = "$2" ]
}

# All tasks are told of, from reports, by the leader.
queried() {
	gen query "127.0.0.1:${PORT[$(leader_name)]}" 1 &&
		[ "${GOT[1]} ${GOT[2]}" = "$TASKS 0" ]
}

check "three masters" masters_up m1 m2 m3
check "sources and tasks" seed_sources "$TASKS"
gen_up "$SIMS" 60
check "all workers register" gen_all registered 120
check "as many as there are tasks get one" gen_all bound 60 "$TASKS"
check "they are listed as bound" wait_for 10 "list" listed bound "$TASKS"
check "and the others as free" listed free "$((SIMS - TASKS))"
check "query-status has a report of every task" wait_for 10 "reports" queried

gen mark
old=$(leader_name)
kill9 "$old"
check "after the loss of the leader all find the new one" gen_all moved 120
check "which is another" leader_is_not "$old"
check "nobody has lost its task" gen_all bound 1 "$TASKS"
check "they are listed as bound there" wait_for 10 "list" listed bound "$TASKS"
check "and the others as free there" listed free "$((SIMS - TASKS))"
check "query-status has a report of every task there" \
	wait_for 10 "reports" queried
gen steady
check "no worker has lost its lease meanwhile" [ "${GOT[2]}" = 0 ]
check "and none its session since" [ "${GOT[1]}" = "$SIMS" ]
gen_down
finish
