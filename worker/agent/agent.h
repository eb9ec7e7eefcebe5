/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's link to the cluster: one session stream to any master, its
 * heartbeats and the lease they keep, and the way of the desired state to the
 * holder. Threads: any.
 */
#ifndef DM_WORKER_AGENT_AGENT_H
#define DM_WORKER_AGENT_AGENT_H

#include "lib/err/err.h"
#include "worker/holder.h"

struct agent;
struct dm_tls;

struct agent_opts {
	const char *const *masters; /* "host:port", NULL-terminated; borrowed */
	const char *name, *address; /* borrowed */
	int64_t ttl_s, relay_ttl_s;
	uint32_t max_sources;
	const char *config;    /* what `config worker` shows; borrowed */
	struct dm_tls *tls;    /* as given to dm_rpc_use_tls; NULL: in clear */
	struct holder *holder; /* borrowed */
	/* The cluster refuses us for good: called once, on a thread of the
	 * agent, with the reason. */
	void (*refused)(const char *why, void *arg);
	void *arg;
};

struct agent *agent_start(const struct agent_opts *o);
/* Send the observed state; the newest replaces one not sent yet. */
void agent_report(struct agent *a, const Dm__V1__Report *report);
/* We hold the lease now. */
bool agent_has_lease(struct agent *a);
/* Ends the session in order, so that the lease is given back. Frees. */
void agent_stop(struct agent *a);

#endif
