/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connect, close, interrupt, and what is known of a server: see sql.h.
 *
 * DESIGN: libmariadb closes its descriptor by itself when a connection is
 * lost, after which the number may belong to somebody else. dm_sql_interrupt
 * therefore works on a duplicate that lives as long as the object.
 */
#include "lib/sql/conn_int.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_S 10u
#define READ_TIMEOUT_S    300u
/* The server's largest packet is 1 GiB; an event of that size has some bytes
 * in front. */
#define MAX_PACKET (((size_t)1 << 30) + 65536)

static void
library_init(void)
{
	/* Also ignores SIGPIPE, which TLS writes would raise. */
	if (mysql_library_init(0, NULL, NULL) != 0)
		dm_assert_failed("mysql_library_init", __FILE__, __LINE__);
}

static unsigned
read_timeout_s(const struct dm_sql_params *p)
{
	return p->read_timeout_s > 0 ? p->read_timeout_s : READ_TIMEOUT_S;
}

static void
set_options(MYSQL *my, const struct dm_sql_params *p)
{
	unsigned connect_s = CONNECT_TIMEOUT_S;
	unsigned io_s = read_timeout_s(p);
	unsigned infile = p->local_infile ? 1 : 0;
	unsigned protocol = strchr(p->host, '/') != NULL ? MYSQL_PROTOCOL_SOCKET
							 : MYSQL_PROTOCOL_TCP;
	size_t packet = MAX_PACKET;
	my_bool no = 0;

	mysql_options(my, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
	mysql_options(my, MYSQL_OPT_READ_TIMEOUT, &io_s);
	mysql_options(my, MYSQL_OPT_WRITE_TIMEOUT, &io_s);
	mysql_options(my, MYSQL_OPT_RECONNECT, &no);
	mysql_options(my, MYSQL_OPT_LOCAL_INFILE, &infile);
	mysql_options(my, MYSQL_OPT_PROTOCOL, &protocol);
	mysql_options(my, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
	mysql_options(my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
}

static bool
is_number(const char *s)
{
	const char *digits = "0123456789";
	size_t n;

	s += *s == '-';
	n = strspn(s, digits);
	if (n == 0)
		return false;
	s += n;
	if (*s == '.')
		s += 1 + strspn(s + 1, digits);
	return *s == '\0';
}

static struct dm_err *
append_session_pair(GString *sql, const char *pair)
{
	const char *eq = strchr(pair, '=');
	size_t n = eq != NULL ? (size_t)(eq - pair) : 0;

	if (n == 0 ||
	    strspn(pair, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			 "0123456789_.@$") != n)
		return dm_err_set_cause(dm_err_new(DB_DRIVER_ERROR),
		    "invalid session variable '%s'", pair);
	g_string_append(sql, sql->len == 0 ? "SET " : ", ");
	g_string_append_len(sql, pair, (gssize)n);
	g_string_append(sql, " = ");
	if (is_number(eq + 1))
		g_string_append(sql, eq + 1);
	else
		dm_sql_append_string(sql, eq + 1, strlen(eq + 1));
	return NULL;
}

static struct dm_err *
set_session(
    struct dm_sql_conn *conn, const struct dm_sql_params *p, bool binary)
{
	g_autoptr(GString) sql = g_string_new(NULL);
	struct dm_err *err;

	if (binary)
		g_string_append(
		    sql, "SET NAMES binary, character_set_results = NULL");
	for (size_t i = 0; p->session != NULL && p->session[i] != NULL; i++) {
		err = append_session_pair(sql, p->session[i]);
		if (err != NULL)
			return err;
	}
	if (sql->len == 0)
		return NULL;
	if (mysql_real_query(conn->my, sql->str, sql->len) != 0)
		return dm_sql_failed_(conn, DM_SQL_CONNECT, NULL, 0);
	return NULL;
}

/* The handshake carries 32 bits; TiDB's ids have 64. */
static struct dm_err *
learn_thread_id(struct dm_sql_conn *conn)
{
	g_autofree char *text = NULL;
	struct dm_err *err;

	conn->thread_id = mysql_thread_id(conn->my);
	if (!dm_sql_is_tidb(conn))
		return NULL;
	err = dm_sql_query_string(conn, &text, "SELECT CONNECTION_ID()");
	if (err != NULL)
		return err;
	if (text != NULL)
		conn->thread_id = g_ascii_strtoull(text, NULL, 10);
	return NULL;
}

static struct dm_err *
log_in(struct dm_sql_conn *conn, const struct dm_sql_params *p)
{
	bool socket = strchr(p->host, '/') != NULL;
	struct dm_sql_pem_files files;
	unsigned long flags = 0;
	struct dm_err *err;

	set_options(conn->my, p);
	err = dm_sql_set_tls_(conn->my, p, &files);
	dm_sql_set_infile_handler_(conn);
	if (p->multi_statements)
		flags |= CLIENT_MULTI_STATEMENTS;
	if (p->found_rows)
		flags |= CLIENT_FOUND_ROWS;
	/* An empty password is "": NULL would be read from the environment. */
	if (err == NULL &&
	    mysql_real_connect(conn->my, socket ? NULL : p->host, p->user,
		p->password != NULL ? p->password : "", NULL, p->port,
		socket ? p->host : NULL, flags) == NULL)
		err = dm_sql_failed_(conn, DM_SQL_CONNECT, NULL, 0);
	dm_sql_close_pem_files_(&files);
	return err;
}

/* Also while a statement works for hours, a peer that vanished is found. A
 * socket that knows none of it does without. */
static void
keep_alive(int fd)
{
	const struct {
		int level, name, value;
	} all[] = { { SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 60 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 15 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 6 } };

	for (size_t i = 0; i < DM_ARRAY_SIZE(all); i++)
		(void)setsockopt(fd, all[i].level, all[i].name, &all[i].value,
		    sizeof(all[i].value));
}

static struct dm_err *
open_connection(struct dm_sql_conn *conn, const struct dm_sql_params *p)
{
	struct dm_err *err = log_in(conn, p);

	if (err == NULL)
		err = dm_sql_check_tls_(conn->my, p);
	if (err != NULL)
		return err;
	conn->fd = fcntl(mysql_get_socket(conn->my), F_DUPFD_CLOEXEC, 0);
	if (conn->fd < 0)
		return dm_err_set_cause(dm_err_new(DB_DRIVER_ERROR),
		    "cannot duplicate a socket: %s", g_strerror(errno));
	keep_alive(conn->fd);
	conn->read_timeout_s = read_timeout_s(p);
	conn->version = g_strdup(mysql_get_server_info(conn->my));
	return NULL;
}

static struct dm_err *
prepare_session(struct dm_sql_conn *conn, const struct dm_sql_params *p,
    bool binary, struct dm_cancel *c)
{
	struct dm_cancel_watch watch = { 0 };
	struct dm_err *err;

	dm_cancel_watch(c, &watch, dm_sql_interrupt, conn);
	err = set_session(conn, p, binary);
	if (err == NULL)
		err = learn_thread_id(conn);
	dm_cancel_unwatch(c, &watch);
	return err;
}

struct dm_err *
dm_sql_connect(const struct dm_sql_params *p, bool binary, struct dm_cancel *c,
    struct dm_sql_conn **out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	DM_AUTO(dm_sql_conn) conn = NULL;
	struct dm_err *err;

	dm_assert(p->host != NULL);
	err = dm_cancel_check(c);
	if (err != NULL)
		return err;
	pthread_once(&once, library_init);
	conn = g_new0(struct dm_sql_conn, 1);
	conn->fd = -1;
	conn->scope = p->scope;
	conn->my = mysql_init(NULL);
	dm_assert(conn->my != NULL);
	err = open_connection(conn, p);
	if (err == NULL)
		err = prepare_session(conn, p, binary, c);
	if (dm_canceled(c)) {
		dm_err_free(err); /* cancelling is the reason of any other */
		return dm_err_canceled();
	}
	if (err != NULL)
		return dm_err_set_scope(err, p->scope);
	*out = DM_TAKE(conn);
	return NULL;
}

void
dm_sql_conn_free(struct dm_sql_conn *conn)
{
	if (conn == NULL)
		return;
	/* A cut socket fails at once; a sound one takes the few bytes of
	 * COM_QUIT, which nobody answers. */
	if (conn->my != NULL)
		mysql_close(conn->my);
	if (conn->fd >= 0)
		close(conn->fd);
	g_free(conn->version);
	g_free(conn);
}

void
dm_sql_interrupt(void *arg)
{
	struct dm_sql_conn *conn = arg;

	if (conn->fd >= 0)
		shutdown(conn->fd, SHUT_RDWR);
}

struct st_mysql *
dm_sql_raw(struct dm_sql_conn *conn)
{
	return conn->my;
}

uint64_t
dm_sql_thread_id(struct dm_sql_conn *conn)
{
	return conn->thread_id;
}

const char *
dm_sql_server_version(struct dm_sql_conn *conn)
{
	return conn->version;
}

bool
dm_sql_is_mariadb(struct dm_sql_conn *conn)
{
	return strcasestr(conn->version, "mariadb") != NULL;
}

bool
dm_sql_is_tidb(struct dm_sql_conn *conn)
{
	return strcasestr(conn->version, "-tidb-") != NULL;
}

unsigned
dm_sql_last_errno(struct dm_sql_conn *conn)
{
	return conn->last_errno;
}
