/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain HTTP of dm-master: status, health, metrics.
 * Source: control-plane reference 3.4. Ours besides: /healthz (the process
 * runs), /readyz (it reaches etcd and knows a leader).
 */
#ifndef DM_MASTER_API_HTTP_HTTP_H
#define DM_MASTER_API_HTTP_HTTP_H

#include "lib/etcd/etcd.h"
#include "lib/http/server.h"
#include "lib/metrics/metrics.h"

struct http_env {
	struct dm_etcd *etcd;
	struct dm_metrics *metrics;
	bool (*has_leader)(void *arg);
	void *arg;
};

/* Adds the routes; env is borrowed until the server has stopped. */
void http_register(struct http_env *env, struct dm_http_server *server);

#endif
