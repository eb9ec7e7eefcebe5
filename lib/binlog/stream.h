/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw binlog packets from a server: registers as a replica and reads events.
 * A stream belongs to one thread; dm_binlog_stream_interrupt may be called from
 * others. Source: reference/test-servers "libmariadb as the binlog transport".
 */
#ifndef DM_LIB_BINLOG_STREAM_H
#define DM_LIB_BINLOG_STREAM_H

#include "lib/binlog/gtid.h"
#include "lib/binlog/position.h"
#include "lib/sql/sql.h"

struct dm_binlog_stream;

struct dm_binlog_start {
	uint32_t server_id;             /* ours as a replica; 0: random */
	const char *host_name;          /* shown by SHOW SLAVE HOSTS */
	struct dm_pos pos;              /* used when gtid is NULL */
	const struct dm_gtid_set *gtid; /* NULL: by position */
	unsigned heartbeat_s;           /* 0: 5 */
	bool all; /* also what says nothing of data (MariaDB's statements as
		     comments): for a copy of the files */
};

/* Takes conn, a fresh connection, also on error. Errors: SYNCER_GET_EVENT, the
 * server's text is its cause, e.g. "Error 1236 (HY000): Could not find first
 * log file name in binary log index file"; that one may come from _next. */
struct dm_err *dm_binlog_stream_open(struct dm_sql_conn *conn,
    const struct dm_binlog_start *start,
    struct dm_binlog_stream **st) DM_MUST_CHECK;
/*
 * The next raw event, borrowed until the next call; waits. Errors:
 * SYNCER_GET_EVENT; the server's end of stream is one too. The read timeout is
 * three heartbeats.
 */
struct dm_err *dm_binlog_stream_next(struct dm_binlog_stream *st,
    const uint8_t **raw, size_t *len) DM_MUST_CHECK;
/* True when the next call finds data without waiting for the network; waits
 * for that at most timeout_ms. */
bool dm_binlog_stream_wait(struct dm_binlog_stream *st, int timeout_ms);
void dm_binlog_stream_interrupt(void *st); /* fits dm_cancel_fn */
void dm_binlog_stream_free(struct dm_binlog_stream *st);
DM_DEFINE_AUTO(dm_binlog_stream)

/* The server's current end of binlog and GTID set (SHOW MASTER STATUS or
 * SHOW BINARY LOG STATUS; MariaDB: @@global.gtid_binlog_pos). gtid may be
 * NULL. Errors: NO_MASTER_STATUS. */
struct dm_err *dm_binlog_master_status(
    struct dm_sql_conn *conn, struct dm_pos *pos, char **gtid) DM_MUST_CHECK;
/* SHOW BINARY LOGS: names (strings) and sizes; both may be NULL. */
struct dm_err *dm_binlog_list(struct dm_sql_conn *conn, GPtrArray **names,
    GArray **sizes /* uint64_t */) DM_MUST_CHECK;

#endif
