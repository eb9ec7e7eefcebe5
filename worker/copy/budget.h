/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for very large rows, shared by all copies of the process: what does
 * not fit waits. Threads: any.
 */
#ifndef DM_WORKER_COPY_BUDGET_H
#define DM_WORKER_COPY_BUDGET_H

#include "lib/thread/cancel.h"

#define COPY_BUDGET_BYTES ((uint64_t)64 << 20)

/* Waits until bytes fit; more than the whole budget waits until it is alone.
 * Errors: canceled. */
struct dm_err *copy_budget_take(
    uint64_t bytes, struct dm_cancel *c) DM_MUST_CHECK;
void copy_budget_give(uint64_t bytes);

#endif
