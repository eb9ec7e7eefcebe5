/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alarms of etcd in words: which member, what is wrong, what to do. Threads:
 * any.
 */
#ifndef DM_MASTER_CLUSTER_ALARM_H
#define DM_MASTER_CLUSTER_ALARM_H

#include "lib/config/daemon.h"
#include "lib/etcd/etcd.h"

/* own: the endpoint of the etcd we run, NULL: etcd is external. *alarm: NULL
 * when none is raised; else HA_FAIL_TXN_OPERATION. Blocks for timeout_ms,
 * about. Errors: etcd does not answer, nothing is known. */
struct dm_err *alarm_look(const struct dm_master_cfg *cfg, const char *own,
    struct dm_etcd *e, int64_t timeout_ms, struct dm_err **alarm) DM_MUST_CHECK;
/* Takes err, of a write: one that was too large for etcd says what to do. */
struct dm_err *alarm_advise(const char *own, struct dm_err *err) DM_MUST_CHECK;
/* etcd refused a write for this reason: an alarm is raised. */
bool alarm_refused(const struct dm_err *err);

#endif
