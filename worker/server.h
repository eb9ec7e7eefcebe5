/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's public port: gRPC health and reflection, and over HTTP /status,
 * /metrics, /health, /healthz, /readyz. Threads: the main thread.
 */
#ifndef DM_WORKER_SERVER_H
#define DM_WORKER_SERVER_H

#include "lib/err/err.h"
#include "worker/agent/agent.h"
#include "worker/holder.h"

struct server;

struct server_opts {
	const char *addr;   /* worker-addr */
	const char *worker; /* name */
	struct dm_tls *tls; /* NULL: in clear; borrowed */
	struct holder *holder;
};

/* Errors: WORKER_START_SERVICE with the reason. */
struct dm_err *server_start(
    const struct server_opts *o, struct server **out) DM_MUST_CHECK;
/* From then on readiness follows the agent's lease. */
void server_set_agent(struct server *s, struct agent *agent);
void server_stop(struct server *s);

#endif
