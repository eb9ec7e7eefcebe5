/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain HTTP of dm-master: status, health, metrics. What a path answers, apart
 * from how it is served.
 * Source: control-plane reference 3.4. Ours besides: /healthz (the process
 * runs), /readyz (it can reach etcd and knows a leader).
 */
#ifndef DM_MASTER_API_HTTP_HTTP_H
#define DM_MASTER_API_HTTP_HTTP_H

#include "lib/etcd/etcd.h"
#include "lib/metrics/metrics.h"

struct http_env {
	struct dm_etcd *etcd;
	struct dm_metrics *metrics;
	bool (*has_leader)(void *arg);
	void *arg;
};

struct http_answer {
	unsigned status;
	const char *content_type; /* static */
	char *body;               /* owned by whoever gets it */
};

/* path: without the query. May block as long as a request to etcd. Threads:
 * any. */
struct http_answer http_answer(
    const struct http_env *env, const char *method, const char *path);

#endif
