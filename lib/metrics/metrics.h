/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics in the Prometheus text form (0.0.4). Values may be set from any
 * thread; metrics are defined before, by one.
 */
#ifndef DM_LIB_METRICS_METRICS_H
#define DM_LIB_METRICS_METRICS_H

#include "lib/base/base.h"

struct dm_metrics; /* a registry */
struct dm_metric;  /* a family of one name */

enum dm_metric_kind { DM_METRIC_GAUGE, DM_METRIC_COUNTER };

struct dm_metrics *dm_metrics_new(void);
void dm_metrics_free(struct dm_metrics *m);
DM_DEFINE_AUTO(dm_metrics)

/* A new family, owned by m. labels: names, NULL-terminated; NULL: none. Without
 * labels it is shown with 0 until it is set. */
struct dm_metric *dm_metric_new(struct dm_metrics *m, enum dm_metric_kind kind,
    const char *name, const char *help, const char *const *labels);
/* values: of the labels, in their order; ignored when there are none. */
void dm_metric_set(struct dm_metric *f, const char *const *values, double v);
void dm_metric_add(struct dm_metric *f, const char *const *values, double v);
void dm_metric_remove(struct dm_metric *f, const char *const *values);
/* Forget all values (of a leader that retires). */
void dm_metric_reset(struct dm_metric *f);

/* All families and the process_* ones, as /metrics shows them. New string. */
char *dm_metrics_text(struct dm_metrics *m);
#define DM_METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

#endif
