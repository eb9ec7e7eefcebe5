/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections of an HTTP server, and who has to go when there are too many:
 * peers that send or read slowly must not keep others out. A connection that
 * waits for its peer can be dropped, one whose handler runs cannot.
 * Private to lib/http. Threads: any.
 */
#ifndef DM_LIB_HTTP_CONNS_H
#define DM_LIB_HTTP_CONNS_H

#include "lib/base/base.h"

struct dm_http_conns;
struct dm_http_conn;

/* max: at once. limit_ms: a peer that takes longer for a request, for reading
 * an answer, or between two requests, is dropped when another one comes. */
struct dm_http_conns *dm_http_conns_new(size_t max, int64_t limit_ms);
/* All connections were removed. Accepts NULL. */
void dm_http_conns_free(struct dm_http_conns *c);
DM_DEFINE_AUTO(dm_http_conns)

/* Make room for one more: drops what is over its time, else, if there are max,
 * the one that has waited for its peer longest. False: none could be dropped.
 */
bool dm_http_conns_admit(struct dm_http_conns *c);
/* fd is borrowed: open until the removal. It waits for its peer. */
struct dm_http_conn *dm_http_conns_add(struct dm_http_conns *c, int fd);
void dm_http_conns_remove(struct dm_http_conns *c, struct dm_http_conn *conn);
/* busy: a handler runs; else we wait for the peer, from now on. */
void dm_http_conn_set_busy(
    struct dm_http_conns *c, struct dm_http_conn *conn, bool busy);
/* Those that were not dropped. */
size_t dm_http_conns_count(struct dm_http_conns *c);

#endif
