/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The binlog as a replica sees it: see stream.h.
 *
 * DESIGN: libmariadb sends the commands and puts packets together; events are
 * left raw, since its own reader knows fewer types than servers write.
 * FORMAT of COM_REGISTER_SLAVE: u32 server id; host, user, password, each
 * with a length byte; u16 port, u32 rank, u32 master id.
 * FORMAT of COM_BINLOG_DUMP: u32 position, u16 flags, u32 server id, file.
 * FORMAT of COM_BINLOG_DUMP_GTID: u16 flags, u32 server id, u32 length and
 * file, u64 position, u32 length and GTID set.
 */
#include "lib/binlog/stream.h"

#include "lib/binlog/event.h"

#include <mysql.h>
#include <string.h>

#define REGISTER_SLAVE    0x15
#define BINLOG_DUMP       0x12
#define BINLOG_DUMP_GTID  0x1e
#define DUMP_THROUGH_GTID 0x04
#define DUMP_ANNOTATE     0x02 /* MariaDB's */
#define HEARTBEAT_S       5u
#define HOST_NAME_MAX_    60u
#define PACKET_OK         0x00
#define PACKET_EOF        0xfe

/* Errors of servers. */
#define ER_ACCESS_DENIED               1045
#define ER_UNKNOWN_VARIABLE            1193
#define ER_PRIVILEGE_MISSING           1227
#define ER_MASTER_FATAL_READING_BINLOG 1236

struct dm_binlog_stream {
	struct dm_sql_conn *conn; /* owned */
};

static void
put_le(GByteArray *b, uint64_t v, unsigned n)
{
	uint8_t le[8];

	for (unsigned i = 0; i < n; i++)
		le[i] = (uint8_t)(v >> (8 * i));
	g_byte_array_append(b, le, n);
}

static void
put_text(GByteArray *b, const char *s, size_t n)
{
	if (n > 0)
		g_byte_array_append(b, (const uint8_t *)s, (guint)n);
}

static const char *
remedy(unsigned server_errno)
{
	switch (server_errno) {
	case ER_MASTER_FATAL_READING_BINLOG:
		return "compare the place with SHOW BINARY LOGS and the purged "
		       "GTIDs of the source; if it is gone there, take a "
		       "replica that still has it, or copy the data anew";
	case ER_ACCESS_DENIED:
	case ER_PRIVILEGE_MISSING:
		return "grant REPLICATION SLAVE to the user of this source";
	default:
		return "check the source and the connection to it, then "
		       "`resume-task`";
	}
}

/* The error of the call that just failed at libmariadb. */
static struct dm_err *
stream_failed(struct dm_binlog_stream *st, const char *what)
{
	MYSQL *my = dm_sql_raw(st->conn);
	g_autofree char *text = g_utf8_make_valid(mysql_error(my), -1);
	struct dm_err *err = dm_err_new(SYNCER_GET_EVENT, what);
	unsigned code = mysql_errno(my);

	dm_err_set_cause(
	    err, "Error %u (%s): %s", code, mysql_sqlstate(my), text);
	return dm_err_set_workaround(err, "%s", remedy(code));
}

static struct dm_err *
send_command(struct dm_binlog_stream *st, int command, const GByteArray *b)
{
	MYSQL *my = dm_sql_raw(st->conn);

	if (my->methods->db_command(my, (enum enum_server_command)command,
		(const char *)b->data, b->len, 1, my) != 0)
		return stream_failed(st, "the connection was lost");
	return NULL;
}

/* Checksums stay as they are in the file: the server is told that we know of
 * them. Servers without that variable have no checksums. */
static struct dm_err *
ask_for_checksums(struct dm_sql_conn *conn)
{
	struct dm_err *err = dm_sql_execf(conn,
	    "SET @master_binlog_checksum = @@global.binlog_checksum, "
	    "@source_binlog_checksum = @@global.binlog_checksum");

	if (err != NULL && dm_sql_last_errno(conn) == ER_UNKNOWN_VARIABLE) {
		dm_err_free(err);
		return NULL;
	}
	return err;
}

static struct dm_err *
set_mariadb_start(struct dm_sql_conn *conn, const struct dm_gtid_set *gtid)
{
	g_autofree char *text = NULL;
	struct dm_err *err;

	/* 4: GTID events may be sent as they are. */
	err = dm_sql_execf(conn, "SET @mariadb_slave_capability = 4");
	if (err != NULL || gtid == NULL)
		return err;
	text = dm_gtid_set_text(gtid);
	return dm_sql_execf(conn,
	    "SET @slave_connect_state = '%s', @slave_gtid_strict_mode = 0, "
	    "@slave_gtid_ignore_duplicates = 0",
	    text);
}

static struct dm_err *
set_session(struct dm_sql_conn *conn, const struct dm_binlog_start *start)
{
	unsigned heartbeat =
	    start->heartbeat_s > 0 ? start->heartbeat_s : HEARTBEAT_S;
	uint64_t ns = (uint64_t)heartbeat * 1000000000u;
	g_autofree char *uuid = g_uuid_string_random();
	struct dm_err *err;

	err = ask_for_checksums(conn);
	if (err != NULL)
		return err;
	err = dm_sql_execf(conn,
	    "SET @master_heartbeat_period = %" G_GUINT64_FORMAT
	    ", @source_heartbeat_period = %" G_GUINT64_FORMAT
	    ", @slave_uuid = '%s', @replica_uuid = '%s'",
	    ns, ns, uuid, uuid);
	if (err == NULL && dm_sql_is_mariadb(conn))
		err = set_mariadb_start(conn, start->gtid);
	/* A server that sends nothing for so long has gone. */
	dm_sql_set_read_timeout(conn, 3 * heartbeat);
	return err;
}

static struct dm_err *
register_replica(
    struct dm_binlog_stream *st, uint32_t server_id, const char *host)
{
	g_autoptr(GByteArray) b = g_byte_array_new();
	size_t n = host != NULL ? strlen(host) : 0;
	MYSQL *my = dm_sql_raw(st->conn);
	struct dm_err *err;

	n = MIN(n, HOST_NAME_MAX_);
	put_le(b, server_id, 4);
	put_le(b, n, 1);
	put_text(b, host, n);
	put_le(b, 0, 1); /* user */
	put_le(b, 0, 1); /* password */
	put_le(b, 0, 2); /* port */
	put_le(b, 0, 4);
	put_le(b, 0, 4);
	err = send_command(st, REGISTER_SLAVE, b);
	if (err == NULL && mysql_net_read_packet(my) == packet_error)
		err = stream_failed(st, "the server refused a replica");
	return err;
}

static struct dm_err *
dump_from_position(struct dm_binlog_stream *st, uint32_t server_id,
    const struct dm_pos *pos, unsigned flags)
{
	g_autoptr(GByteArray) b = g_byte_array_new();

	if (pos->pos > UINT32_MAX)
		return dm_err_set_workaround(
		    dm_err_new(SYNCER_GET_EVENT, "a position behind 4 GiB in a "
						 "file cannot be asked for"),
		    "switch on enable-gtid for this source, or lower "
		    "max_binlog_size and transaction sizes there");
	/* The first four bytes are the file's magic. */
	put_le(b, MAX(pos->pos, 4), 4);
	put_le(b, flags, 2);
	put_le(b, server_id, 4);
	put_text(b, pos->name, strlen(pos->name));
	return send_command(st, BINLOG_DUMP, b);
}

static struct dm_err *
dump_from_gtid(struct dm_binlog_stream *st, uint32_t server_id,
    const struct dm_gtid_set *gtid)
{
	g_autoptr(GByteArray) b = g_byte_array_new();
	g_autoptr(GBytes) set = dm_gtid_set_encode_mysql(gtid);
	gsize n;
	const void *bytes = g_bytes_get_data(set, &n);

	put_le(b, DUMP_THROUGH_GTID, 2);
	put_le(b, server_id, 4);
	put_le(b, 0, 4); /* no file name: found by the set */
	put_le(b, 4, 8);
	put_le(b, n, 4);
	put_text(b, bytes, n);
	return send_command(st, BINLOG_DUMP_GTID, b);
}

static struct dm_err *
start_dump(struct dm_binlog_stream *st, const struct dm_binlog_start *start)
{
	bool mariadb = dm_sql_is_mariadb(st->conn);
	uint32_t id = start->server_id;
	unsigned flags = mariadb && start->all ? DUMP_ANNOTATE : 0;
	struct dm_pos none = { .pos = 4 };
	struct dm_err *err;

	err = set_session(st->conn, start);
	if (err != NULL)
		return dm_err_wrap(
		    err, SYNCER_GET_EVENT, "the session could not be set up");
	/* Above the numbers that people give to their servers. */
	if (id == 0)
		id = g_random_int() | 0x80000000u;
	err = register_replica(st, id, start->host_name);
	if (err != NULL)
		return err;
	if (start->gtid == NULL)
		return dump_from_position(st, id, &start->pos, flags);
	/* MariaDB has the set from @slave_connect_state. */
	if (mariadb)
		return dump_from_position(st, id, &none, flags);
	return dump_from_gtid(st, id, start->gtid);
}

struct dm_err *
dm_binlog_stream_open(struct dm_sql_conn *conn,
    const struct dm_binlog_start *start, struct dm_binlog_stream **out)
{
	DM_AUTO(dm_binlog_stream) st = g_new0(struct dm_binlog_stream, 1);
	struct dm_err *err;

	dm_assert(conn != NULL);
	st->conn = conn;
	err = start_dump(st, start);
	if (err != NULL)
		return dm_err_set_scope(err, DM_SCOPE_UPSTREAM);
	*out = DM_TAKE(st);
	return NULL;
}

struct dm_err *
dm_binlog_stream_next(
    struct dm_binlog_stream *st, const uint8_t **raw, size_t *len)
{
	MYSQL *my = dm_sql_raw(st->conn);
	unsigned long n;

	n = mysql_net_read_packet(my);
	if (n == packet_error)
		return stream_failed(st, "the stream broke off");
	if (my->net.read_pos[0] == PACKET_EOF && n < 9)
		return dm_err_set_cause(
		    dm_err_new(SYNCER_GET_EVENT, "the server ended the stream"),
		    "get event err EOF");
	if (my->net.read_pos[0] != PACKET_OK || n < 1 + DM_EVENT_HEADER_SIZE)
		return dm_err_new(
		    SYNCER_GET_EVENT, "a packet without an event");
	*raw = my->net.read_pos + 1;
	*len = n - 1;
	return NULL;
}

bool
dm_binlog_stream_wait(struct dm_binlog_stream *st, int timeout_ms)
{
	return dm_sql_wait_input(st->conn, timeout_ms);
}

void
dm_binlog_stream_interrupt(void *arg)
{
	struct dm_binlog_stream *st = arg;

	dm_sql_interrupt(st->conn);
}

void
dm_binlog_stream_free(struct dm_binlog_stream *st)
{
	if (st == NULL)
		return;
	/* The server reads nothing more from us: no farewell. */
	dm_sql_interrupt(st->conn);
	dm_sql_conn_free(st->conn);
	g_free(st);
}
