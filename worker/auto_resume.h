/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a subtask that an error paused goes on by itself.
 * SOURCE: dm/worker/task_checker.go, control-plane reference 4.13. Differs: the
 * clock is passed in. One owner.
 */
#ifndef DM_WORKER_AUTO_RESUME_H
#define DM_WORKER_AUTO_RESUME_H

#include "lib/base/clock.h"
#include "lib/err/err.h"

struct auto_resume {
	int64_t min_ms, max_ms, rollback_ms;
	int64_t next_ms;        /* the wait after the next error */
	struct dm_mono changed; /* last error, or last step back */
};

void auto_resume_init(
    struct auto_resume *a, int64_t max_ms, int64_t rollback_ms);
/* False when a person must act first. */
bool auto_resume_may(const struct dm_err *err);
/* An error paused the subtask now. Returns how long to wait, with jitter: half
 * fixed, half by `random` (0 to 1). */
int64_t auto_resume_wait_ms(
    struct auto_resume *a, struct dm_mono now, double random);

#endif
