/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server whose binlog the places of a task are in. Offsets in files mean
 * nothing on another server, so it is kept beside them (dm_origin), and places
 * are changed only where all lanes are at one of which the GTID set is known.
 * Called on the dispatcher's thread; errors are those of lib/sql.
 */
#ifndef DM_WORKER_SYNC_ORIGIN_H
#define DM_WORKER_SYNC_ORIGIN_H

#include "worker/meta.h"
#include "worker/relay/reader.h"

struct origin {
	char *server; /* owned; NULL: nothing is stored yet */
	/* Transactions done that may come again behind any place, since this
	 * server wrote them in another order; owned; NULL: none. */
	char *skip;
};
void origin_fini(struct origin *o);

/* As the sub directories of a relay log call it: MySQL @@server_uuid, MariaDB
 * <gtid_domain_id>-<server_id>. New string. */
struct dm_err *origin_ask(
    struct dm_sql_conn *source, char **server) DM_MUST_CHECK;
/* MariaDB's domain is a setting that may change, not the server. */
bool origin_is_same(const char *a, const char *b);

struct dm_err *origin_load(
    struct meta *m, struct dm_sql_conn *conn, struct origin *o) DM_MUST_CHECK;
/* In the caller's transaction, which has checked the fence. */
struct dm_err *origin_save(struct meta *m, struct dm_sql_conn *conn,
    const struct origin *o) DM_MUST_CHECK;

/*
 * *suffix: the sub directory of the relay log that has the place of this
 * server, or will have it when it is written further; 0: none. hub may be
 * NULL.
 */
struct dm_err *origin_find(struct relay_hub *hub, const char *server,
    const struct dm_pos *at, unsigned *suffix) DM_MUST_CHECK;

#endif
