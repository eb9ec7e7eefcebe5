/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a dm-master looks after besides its work, on one thread:
 *
 *  - whether etcd answers. If not for some seconds, monitor_check says so,
 *    and which dm-masters are missing; requests are then refused at once
 *    instead of waiting for etcd;
 *  - whether etcd has raised an alarm: see monitor_check_writes;
 *  - the leader, while another one leads. Its lease would live on for
 *    seconds, and a new etcd leader gives every lease its whole time again.
 *    So when the leader is seen to be gone its key is deleted. Every
 *    write of a leader is guarded by that key: deposing one that lives after
 *    all costs an election, no more, and each time it is done the next needs
 *    longer;
 *  - masters that join, while this one leads: those whose data are complete
 *    get their vote;
 *  - its etcd process: why it ended, and whether that is for good.
 */
#ifndef DM_MASTER_CLUSTER_MONITOR_H
#define DM_MASTER_CLUSTER_MONITOR_H

#include "lib/config/daemon.h"
#include "lib/etcd/etcd.h"
#include "lib/etcd/member.h"

struct monitor;

struct monitor_env {
	const struct dm_master_cfg *cfg;
	struct dm_etcd *etcd;
	struct dm_etcd_member_proc *member; /* NULL: etcd is external */
	/* Name and address of the leader, new strings; false: none known. */
	bool (*leader)(char **name, char **addr, void *arg);
	/* Delete the keys of that candidate. */
	struct dm_err *(*depose)(const char *name, const char *addr, void *arg);
	/* This dm-master cannot go on. Called once; err is its own. */
	void (*fatal)(struct dm_err *err, void *arg);
	void *arg;
};

struct monitor *monitor_start(const struct monitor_env *env);
/* Joins; monitor_check may still be called. */
void monitor_stop(struct monitor *m);
/* After monitor_stop. Accepts NULL. */
void monitor_free(struct monitor *m);
/* NULL while etcd answers, or has not for a moment only; else
 * MASTER_REQUEST_IS_NOT_FORWARD_TO_LEADER: what is missing, what to do. Does
 * not block. */
struct dm_err *monitor_check(struct monitor *m) DM_MUST_CHECK;
/* The same for who is to write: NULL also needs that etcd has raised no alarm,
 * with which it answers reads and leases only. Else HA_FAIL_TXN_OPERATION:
 * which alarm, where, what to do. */
struct dm_err *monitor_check_writes(struct monitor *m) DM_MUST_CHECK;
/* A write has failed: takes err. If an alarm was the reason the answer is that
 * of monitor_check_writes, else err, with advice if it was too large. Asks
 * etcd; blocks for a second at most. */
struct dm_err *monitor_explain(
    struct monitor *m, struct dm_err *err) DM_MUST_CHECK;

#endif
