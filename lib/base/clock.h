/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time. Monotonic and wall time are different types, so that neither can be
 * taken for the other. Threads: any.
 */
#ifndef DM_LIB_BASE_CLOCK_H
#define DM_LIB_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_BOOTTIME, which also counts the time a machine was suspended: a lease
 * runs on while we sleep. */
struct dm_mono {
	int64_t ns;
};

/* Nanoseconds since 1970-01-01T00:00:00Z. */
struct dm_wall {
	int64_t ns;
};

struct dm_mono dm_mono_now(void);
struct dm_wall dm_wall_now(void);

/* a - b in milliseconds, rounded towards zero. */
int64_t dm_mono_diff_ms(struct dm_mono a, struct dm_mono b);
struct dm_mono dm_mono_add_ms(struct dm_mono a, int64_t ms);

/* An absolute CLOCK_MONOTONIC time `ms` from now, for pthread timed waits on
 * conditions made by dm_cond_init. */
struct timespec dm_timeout_at(int64_t ms);

#endif
