/* SPDX-License-Identifier: Apache-2.0 */
/* Time: see clock.h. */
#include "lib/base/clock.h"

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

static int64_t
read_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

struct dm_mono
dm_mono_now(void)
{
	return (struct dm_mono){ .ns = read_ns(CLOCK_BOOTTIME) };
}

struct dm_wall
dm_wall_now(void)
{
	return (struct dm_wall){ .ns = read_ns(CLOCK_REALTIME) };
}

int64_t
dm_mono_diff_ms(struct dm_mono a, struct dm_mono b)
{
	return (a.ns - b.ns) / NS_PER_MS;
}

struct dm_mono
dm_mono_add_ms(struct dm_mono a, int64_t ms)
{
	return (struct dm_mono){ .ns = a.ns + ms * NS_PER_MS };
}

struct timespec
dm_timeout_at(int64_t ms)
{
	int64_t ns = read_ns(CLOCK_MONOTONIC) + ms * NS_PER_MS;

	return (struct timespec){ .tv_sec = ns / NS_PER_S,
		.tv_nsec = ns % NS_PER_S };
}
