/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain HTTP of dm-master: status, health, versions, metrics.
 * Source: control-plane reference 3.4. Ours besides: /healthz (the process
 * runs), /readyz (it reaches etcd and knows a leader).
 */
#ifndef DM_MASTER_API_HTTP_HTTP_H
#define DM_MASTER_API_HTTP_HTTP_H

#include "lib/etcd/etcd.h"
#include "lib/http/server.h"
#include "lib/metrics/cpu.h"
#include "lib/metrics/metrics.h"
#include "lib/thread/mutex.h"

struct http_env {
	struct dm_etcd *etcd;
	struct dm_metrics *metrics;
	struct dm_metric *cpu; /* dm_master_cpu_usage */
	bool (*has_leader)(void *arg);
	void *arg;
	struct dm_mutex mu; /* rank 60; guards the measure below */
	struct dm_cpu used;
};

/* Fills all of env; a metric is added to metrics. */
void http_env_init(struct http_env *env, struct dm_etcd *etcd,
    struct dm_metrics *metrics, bool (*has_leader)(void *arg), void *arg);
void http_env_fini(struct http_env *env);
/* Adds the routes; env is borrowed until the server has stopped. */
void http_register(struct http_env *env, struct dm_http_server *server);

#endif
