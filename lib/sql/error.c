/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failed calls as DM's errors: see sql.h.
 * SOURCE: dm/pkg/retry/errors.go, dm/pkg/conn/baseconn.go,
 * dm/pkg/utils/util.go (TruncateString). Differs: texts are made valid UTF-8,
 * since they travel in JSON and protobuf.
 */
#include "lib/sql/conn_int.h"

#include <errmsg.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define ER_BAD_DB        1049
#define ER_NO_SUCH_TABLE 1146

#define MESSAGE_SQL_MAX ((size_t)1024)

/* Errors of a server that then closes the connection. */
#define ER_SERVER_SHUTDOWN_         1053
#define ER_ABORTING_CONNECTION_     1152
#define ER_CONNECTION_KILLED_       1927 /* MariaDB */
#define ER_CLIENT_INTERACTION_TIME_ 4031 /* MySQL: idle for too long */

static bool
means_lost(unsigned e)
{
	switch (e) {
	case CR_SERVER_GONE_ERROR:
	case CR_SERVER_LOST:
	case CR_SERVER_LOST_EXTENDED:
	case CR_MALFORMED_PACKET:
	case CR_SSL_CONNECTION_ERROR:
	case CR_COMMANDS_OUT_OF_SYNC: /* of no further use */
	case CR_NET_PACKET_TOO_LARGE: /* a packet was left half read */
	case CR_ERR_NET_READ:
	case CR_ERR_NET_WRITE:
	case ER_SERVER_SHUTDOWN_:
	case ER_ABORTING_CONNECTION_:
	case ER_CONNECTION_KILLED_:
	case ER_CLIENT_INTERACTION_TIME_:
		return true;
	default:
		return false;
	}
}

static char *
shortened(const char *sql, size_t len)
{
	size_t n = MIN(len, MESSAGE_SQL_MAX);
	char *text, *whole;

	/* Not into the middle of a character. */
	while (n < len && n > 0 && ((unsigned char)sql[n] & 0xc0) == 0x80)
		n--;
	text = g_utf8_make_valid(sql, (gssize)n);
	if (n == len)
		return text;
	whole = g_strconcat(text, "...", NULL);
	g_free(text);
	return whole;
}

static struct dm_err *
new_error(enum dm_sql_call call, const char *sql, size_t len)
{
	g_autofree char *text = shortened(sql != NULL ? sql : "", len);

	switch (call) {
	case DM_SQL_READ:
		return dm_err_new(DB_QUERY_FAILED, text);
	case DM_SQL_WRITE:
		return dm_err_new(DB_EXECUTE_FAILED, text);
	case DM_SQL_CONNECT:
		break;
	}
	return dm_err_new(DB_DRIVER_ERROR);
}

struct dm_err *
dm_sql_failed_(struct dm_sql_conn *conn, enum dm_sql_call call, const char *sql,
    size_t len)
{
	g_autofree char *text = NULL;
	struct dm_err *err;

	conn->last_errno = mysql_errno(conn->my);
	text = g_utf8_make_valid(mysql_error(conn->my), -1);
	if (call != DM_SQL_CONNECT && means_lost(conn->last_errno)) {
		/* libmariadb may have closed its descriptor; ours would keep
		 * the session open at the server. */
		shutdown(conn->fd, SHUT_RDWR);
		err = dm_err_new(DB_BAD_CONN);
	} else {
		err = new_error(call, sql, len);
	}
	dm_err_set_cause(err, "Error %u (%s): %s", conn->last_errno,
	    mysql_sqlstate(conn->my), text);
	return dm_err_set_scope(err, conn->scope);
}

bool
dm_sql_is_missing(unsigned server_errno)
{
	return server_errno == ER_BAD_DB || server_errno == ER_NO_SUCH_TABLE;
}

bool
dm_sql_is_retryable(unsigned server_errno, const char *cause)
{
	switch (server_errno) {
	case 1205: /* lock wait timeout */
	case 1213: /* deadlock */
	case 8005: /* TiDB: write conflict */
	case 8022: /* TiDB: commit failed, retryable */
	case 8027: /* TiDB: schema is out of date */
	case 8028: /* TiDB: schema changed during the transaction */
	case 8245: /* TiDB: lock of a table changed */
	case 9001: /* TiDB: PD server timeout */
	case 9003: /* TiKV: server is busy */
	case 9004: /* TiKV: resolving locks timed out */
	case 9007: /* TiKV: write conflict */
		return true;
	case 1105: /* TiDB: unknown error, told apart by its text */
		return cause != NULL &&
		       (strcasestr(cause,
			    "information schema is out of date") != NULL ||
			   strcasestr(cause, "information schema is changed") !=
			       NULL);
	default:
		return false;
	}
}
