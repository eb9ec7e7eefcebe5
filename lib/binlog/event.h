/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binlog events: header, checksum, and the decoded form of each type we
 * handle. Decoding never copies row data: pointers go into the caller's event
 * bytes or the given arena.
 * Source: MySQL internals "Binlog Events"; MariaDB KB "Replication Protocol";
 * rows: reference/data-plane 10.3, 10.4. Threads: any.
 */
#ifndef DM_LIB_BINLOG_EVENT_H
#define DM_LIB_BINLOG_EVENT_H

#include "lib/base/arena.h"
#include "lib/binlog/gtid.h"
#include "lib/err/err.h"

enum dm_event_type {
	DM_EV_UNKNOWN = 0,
	DM_EV_START_V3 = 1,
	DM_EV_QUERY = 2,
	DM_EV_STOP = 3,
	DM_EV_ROTATE = 4,
	DM_EV_INTVAR = 5,
	DM_EV_RAND = 13,
	DM_EV_USER_VAR = 14,
	DM_EV_FORMAT_DESCRIPTION = 15,
	DM_EV_XID = 16,
	DM_EV_BEGIN_LOAD_QUERY = 17,
	DM_EV_EXECUTE_LOAD_QUERY = 18,
	DM_EV_TABLE_MAP = 19,
	DM_EV_WRITE_ROWS_V1 = 23,
	DM_EV_UPDATE_ROWS_V1 = 24,
	DM_EV_DELETE_ROWS_V1 = 25,
	DM_EV_INCIDENT = 26,
	DM_EV_HEARTBEAT = 27,
	DM_EV_IGNORABLE = 28,
	DM_EV_ROWS_QUERY = 29,
	DM_EV_WRITE_ROWS_V2 = 30,
	DM_EV_UPDATE_ROWS_V2 = 31,
	DM_EV_DELETE_ROWS_V2 = 32,
	DM_EV_GTID = 33,
	DM_EV_ANONYMOUS_GTID = 34,
	DM_EV_PREVIOUS_GTIDS = 35,
	DM_EV_TRANSACTION_CONTEXT = 36,
	DM_EV_VIEW_CHANGE = 37,
	DM_EV_XA_PREPARE = 38,
	DM_EV_PARTIAL_UPDATE_ROWS = 39,
	DM_EV_TRANSACTION_PAYLOAD = 40,
	DM_EV_HEARTBEAT_V2 = 41,
	DM_EV_GTID_TAGGED = 42,
	DM_EV_MARIADB_ANNOTATE_ROWS = 160,
	DM_EV_MARIADB_BINLOG_CHECKPOINT = 161,
	DM_EV_MARIADB_GTID = 162,
	DM_EV_MARIADB_GTID_LIST = 163,
	DM_EV_MARIADB_START_ENCRYPTION = 164,
	DM_EV_MARIADB_QUERY_COMPRESSED = 165,
	DM_EV_MARIADB_WRITE_ROWS_COMPRESSED_V1 = 166,
	DM_EV_MARIADB_UPDATE_ROWS_COMPRESSED_V1 = 167,
	DM_EV_MARIADB_DELETE_ROWS_COMPRESSED_V1 = 168
};

/* What is done with a type: one table, event_info.c. */
enum dm_event_policy {
	DM_EVP_HANDLE, /* decoded below and acted on */
	DM_EVP_IGNORE, /* safe: carries no change of data; `why` says so */
	DM_EVP_STOP    /* carries something we do not apply: stop the task */
};

struct dm_event_info {
	enum dm_event_type type;
	const char *name; /* "WRITE_ROWS_EVENT_V1" */
	enum dm_event_policy policy;
	const char *why;
	const char *remedy; /* of STOP, what to do; NULL: no more than look */
};
/* Never NULL: an unknown number has policy STOP, or IGNORE when `flags` has
 * LOG_EVENT_IGNORABLE_F (0x80). */
const struct dm_event_info *dm_event_info(uint8_t type, uint16_t flags);

struct dm_event_header {
	uint32_t timestamp; /* seconds, 0: artificial */
	uint8_t type;
	uint32_t server_id;
	uint32_t size;    /* whole event, with header and checksum */
	uint32_t log_pos; /* low 32 bits of the end offset; 0: artificial */
	uint16_t flags;
};
#define DM_EVENT_HEADER_SIZE 19
#define DM_EVF_ARTIFICIAL    0x20
#define DM_EVF_IGNORABLE     0x80

/* What a relay log has in the place of events that its source left out: no
 * server writes such an event, with neither time nor server. */
static inline bool
dm_event_is_filler(const struct dm_event_header *h)
{
	return h->type == DM_EV_USER_VAR && h->timestamp == 0 &&
	       h->server_id == 0;
}

/* What FORMAT_DESCRIPTION told; starts as dm_binlog_format_default. */
struct dm_binlog_format {
	bool checksum; /* events end in 4 bytes of CRC32 */
	uint8_t post_header_len[256];
	unsigned n_types;
	char server_version[51];
};
void dm_binlog_format_default(struct dm_binlog_format *f);

/*
 * Split one raw event: header, and its body without checksum. The checksum is
 * verified where the format has one.
 * Errors: SYNCER_GET_EVENT with "binlog checksum mismatch, data may be
 * corrupted" or what is wrong.
 */
struct dm_err *dm_event_split(const struct dm_binlog_format *f,
    const uint8_t *raw, size_t len, struct dm_event_header *h,
    const uint8_t **body, size_t *body_len) DM_MUST_CHECK;

/* It stands in a file: it is not made up, and no heartbeat, which only repeats
 * where the server is. */
static inline bool
dm_event_has_place(const struct dm_event_header *h)
{
	return h->log_pos != 0 && !(h->flags & DM_EVF_ARTIFICIAL) &&
	       h->type != DM_EV_HEARTBEAT && h->type != DM_EV_HEARTBEAT_V2;
}

/* Where an event ends in its file. log_pos has 32 bits and wraps in files over
 * 4 GiB, so the end of the event before it is needed. `before` where the event
 * has no place of its own. */
uint64_t dm_event_end(const struct dm_event_header *h, uint64_t before);

/* FORMAT_DESCRIPTION: updates f. It carries its own checksum flag. raw is the
 * whole event. */
struct dm_err *dm_format_description_decode(
    const uint8_t *raw, size_t len, struct dm_binlog_format *f) DM_MUST_CHECK;

struct dm_ev_rotate {
	uint64_t pos;
	char *next_name; /* arena */
};
struct dm_err *dm_rotate_decode(const struct dm_binlog_format *f,
    const uint8_t *body, size_t len, struct dm_arena *a,
    struct dm_ev_rotate *ev) DM_MUST_CHECK;

struct dm_ev_query {
	uint32_t thread_id, exec_time;
	uint16_t error_code;
	const char *schema; /* arena; "" when none */
	const char *sql;    /* arena, NUL-terminated */
	size_t sql_len;
	uint64_t sql_mode; /* has_sql_mode */
	bool has_sql_mode;
	uint16_t client_charset, connection_collation, server_collation;
	bool has_charset;
	/* MySQL 8: what utf8mb4 without a collation means; 0: not told. */
	uint16_t utf8mb4_collation;
	const char *time_zone; /* arena; NULL when not set */
	uint32_t microseconds; /* of the statement's timestamp */
	bool foreign_key_checks_off, unique_checks_off; /* flags2 */
};
/* compressed: MariaDB's QUERY_COMPRESSED. */
struct dm_err *dm_query_decode(const struct dm_binlog_format *f,
    const uint8_t *body, size_t len, bool compressed, struct dm_arena *a,
    struct dm_ev_query *ev) DM_MUST_CHECK;

struct dm_ev_mariadb_gtid {
	uint64_t seq;
	uint32_t domain; /* the server is header.server_id */
	bool standalone; /* DDL: no terminating event */
	bool ddl, prepared_xa, completed_xa;
};
struct dm_err *dm_mariadb_gtid_decode(const uint8_t *body, size_t len,
    struct dm_ev_mariadb_gtid *ev) DM_MUST_CHECK;
/* MariaDB's GTID_LIST at the start of a file; adds to set. */
struct dm_err *dm_mariadb_gtid_list_decode(
    const uint8_t *body, size_t len, struct dm_gtid_set *set) DM_MUST_CHECK;

struct dm_ev_mysql_gtid {
	uint8_t uuid[16];
	char tag[33]; /* "" when none */
	int64_t gno;
};
struct dm_err *dm_mysql_gtid_decode(uint8_t type, const uint8_t *body,
    size_t len, struct dm_ev_mysql_gtid *ev) DM_MUST_CHECK;
struct dm_err *dm_previous_gtids_decode(
    const uint8_t *body, size_t len, struct dm_gtid_set *set) DM_MUST_CHECK;

/*
 * TRANSACTION_PAYLOAD: inner events, one after the other. body must live as
 * long as p; an event, without checksum, until the next call. *more is false
 * after the last one; whatever is behind it is an error. Memory: the largest
 * inner event (at most 1 GiB) and zstd's window (at most 128 MiB).
 * Errors: SYNCER_GET_EVENT.
 */
struct dm_payload;
struct dm_err *dm_payload_open(
    const uint8_t *body, size_t len, struct dm_payload **p) DM_MUST_CHECK;
struct dm_err *dm_payload_next(struct dm_payload *p, struct dm_event_header *h,
    const uint8_t **body, size_t *body_len, bool *more) DM_MUST_CHECK;
void dm_payload_free(struct dm_payload *p);
DM_DEFINE_AUTO(dm_payload)

#endif
