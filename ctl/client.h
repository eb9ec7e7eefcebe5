/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to one of the masters. Threads: ctl_client_connect and the
 * transport's call from any; new and free from the owner, without calls
 * running.
 */
#ifndef DM_CTL_CLIENT_H
#define DM_CTL_CLIENT_H

#include "ctl/settings.h"

struct ctl_client;

/* dm_rpc_init must have been called. set is borrowed, must outlive it. */
struct ctl_client *ctl_client_new(const struct ctl_settings *set);
void ctl_client_free(struct ctl_client *c);
DM_DEFINE_AUTO(ctl_client)
/* Connect to the first master that answers; each gets 3 s.
 * Errors: CTL_GRPC_CREATE_CONN. */
struct dm_err *ctl_client_connect(struct ctl_client *c) DM_MUST_CHECK;
/* Borrowed. A call is sent a second time after a lost connection, and after
 * an answer that was larger than the receive limit. */
const struct ctl_transport *ctl_client_transport(struct ctl_client *c);
/* The size of the answer in "received message larger than max (N vs. M)";
 * 0: the text says something else. */
size_t ctl_client_wanted_bytes(const char *text);

#endif
