/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DM_MASTER_SESSION_TTL_H
#define DM_MASTER_SESSION_TTL_H

#include "master/sched/sched.h"

/* Has the scheduler write another TTL of a worker's lease to etcd. Returns at
 * once; a failure is logged. */
void ttl_change(struct sched *s, const char *worker, int64_t ttl_ms);

#endif
