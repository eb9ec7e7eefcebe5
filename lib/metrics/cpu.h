/* SPDX-License-Identifier: Apache-2.0 */
/* The processor time of this process. */
#ifndef DM_LIB_METRICS_CPU_H
#define DM_LIB_METRICS_CPU_H

#include "lib/base/base.h"

/* Owner: the caller, who also keeps two threads from using it at once. */
struct dm_cpu {
	int64_t wall_ns, used_ns; /* when the last measure was taken */
	double percent;
};

void dm_cpu_init(struct dm_cpu *c);
/* In percent of one processor, over at least 10 s, as DM measures it; 0 before
 * that. */
double dm_cpu_percent(struct dm_cpu *c);

#endif
