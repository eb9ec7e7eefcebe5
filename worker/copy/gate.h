/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate for very large rows, one for all copies of the process: who reads
 * them is alone. Who has a transaction open in the target must not wait here:
 * the one inside may need a lock of it. Threads: any.
 */
#ifndef DM_WORKER_COPY_GATE_H
#define DM_WORKER_COPY_GATE_H

#include "lib/thread/cancel.h"

/* False: somebody is inside, or others wait. */
bool copy_gate_try(void);
/* Waits its turn; who is inside must not enter again. Errors: canceled, and
 * then the caller is not inside. */
struct dm_err *copy_gate_enter(struct dm_cancel *c) DM_MUST_CHECK;
void copy_gate_leave(void);

#endif
