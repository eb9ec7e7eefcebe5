/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why is there no connection to a gRPC server? gRPC's client goes on trying
 * and says little; this connects once, by hand, and tells. Threads: any.
 */
#ifndef DM_LIB_NET_PROBE_H
#define DM_LIB_NET_PROBE_H

#include "lib/err/err.h"

struct dm_tls;

/*
 * Connect to addr, "host:port", with TLS when tls is not NULL, and say the
 * first words of HTTP/2. Blocks, at most about timeout_ms. NULL: the server
 * answers. Errors: plain, one clause for people: refused, no answer, which
 * side speaks TLS and which does not, whose certificate was not accepted.
 */
struct dm_err *dm_net_probe(
    const char *addr, struct dm_tls *tls, int64_t timeout_ms) DM_MUST_CHECK;

#endif
