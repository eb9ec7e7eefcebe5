/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /metrics of a worker shows: DM's names where DM has them, so that its
 * dashboards and alerts work. SOURCE: control-plane 6.2. Threads: any.
 */
#ifndef DM_WORKER_METRICS_H
#define DM_WORKER_METRICS_H

#include "dmsession.pb-c.h"

struct holder;
struct worker_metrics;

struct worker_metrics *worker_metrics_new(const char *worker);
void worker_metrics_free(struct worker_metrics *m);
/* The text for Prometheus, of what holder reported last. New string. */
char *worker_metrics_text(struct worker_metrics *m, struct holder *holder);
/* The same of one report. */
char *worker_metrics_report_text(
    struct worker_metrics *m, const Dm__V1__Report *report);

#endif
