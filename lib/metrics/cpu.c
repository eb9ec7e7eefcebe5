/* SPDX-License-Identifier: Apache-2.0 */
/* The processor time of this process: see cpu.h. */
#include "lib/metrics/cpu.h"

#include <time.h>

#define WINDOW_NS (10 * INT64_C(1000000000))

static int64_t
read_clock(clockid_t id)
{
	struct timespec ts = { 0 };

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void
dm_cpu_init(struct dm_cpu *c)
{
	*c = (struct dm_cpu){ .wall_ns = read_clock(CLOCK_MONOTONIC),
		.used_ns = read_clock(CLOCK_PROCESS_CPUTIME_ID) };
}

double
dm_cpu_percent(struct dm_cpu *c)
{
	int64_t wall = read_clock(CLOCK_MONOTONIC);
	int64_t used = read_clock(CLOCK_PROCESS_CPUTIME_ID);

	if (wall - c->wall_ns >= WINDOW_NS) {
		c->percent = 100.0 * (double)(used - c->used_ns) /
			     (double)(wall - c->wall_ns);
		c->wall_ns = wall;
		c->used_ns = used;
	}
	return c->percent;
}
