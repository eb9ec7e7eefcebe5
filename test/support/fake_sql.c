/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scripted MySQL server: see fake_sql.h. FORMAT: MySQL's client/server
 * protocol, version 10, with EOF packets, without TLS.
 */
#include "test/support/fake_sql.h"

#include <glib.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COM_QUIT  1
#define COM_QUERY 3

/* CLIENT_LONG_PASSWORD, CONNECT_WITH_DB, LOCAL_FILES, PROTOCOL_41,
 * TRANSACTIONS, SECURE_CONNECTION, MULTI_STATEMENTS, MULTI_RESULTS,
 * PLUGIN_AUTH */
#define CAPABILITIES                                                           \
	(1U | 8U | 0x80U | 0x200U | 0x2000U | 0x8000U | 0x10000U | 0x20000U |  \
	    0x80000U)
#define AUTOCOMMIT     2
#define UTF8           33
#define VAR_STRING     253
#define MAX_STATEMENT  ((size_t)1 << 20)
#define SCRAMBLE_BYTES 20

struct fake_sql {
	const char *version;
	const struct fake_sql_answer *table;
	int listen_fd;
	unsigned port;
	atomic_int fd; /* of the connection, -1: none */
	atomic_bool stopping;
	pthread_t thread;
};

static void
put(GByteArray *b, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++) {
		guint8 c = (guint8)(v >> (8 * i));

		g_byte_array_append(b, &c, 1);
	}
}

static void
put_text(GByteArray *b, const char *text)
{
	size_t n = strlen(text);

	g_assert(n < 251);
	put(b, n, 1);
	g_byte_array_append(b, (const guint8 *)text, (guint)n);
}

/* One packet; seq goes up. False: the client is gone. */
static bool
send_packet(int fd, uint8_t *seq, const GByteArray *body)
{
	g_autoptr(GByteArray) b = g_byte_array_new();

	put(b, body->len, 3);
	put(b, (*seq)++, 1);
	g_byte_array_append(b, body->data, body->len);
	return send(fd, b->data, b->len, MSG_NOSIGNAL) == (ssize_t)b->len;
}

static bool
read_all(int fd, uint8_t *to, size_t n)
{
	while (n > 0) {
		ssize_t k = read(fd, to, n);

		if (k <= 0)
			return false;
		to += k;
		n -= (size_t)k;
	}
	return true;
}

/* New bytes with a zero behind them; NULL: the client is gone. */
static char *
read_packet(int fd, uint8_t *seq, size_t *len)
{
	uint8_t head[4];
	char *body;

	if (!read_all(fd, head, sizeof(head)))
		return NULL;
	*len = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16;
	*seq = (uint8_t)(head[3] + 1);
	if (*len > MAX_STATEMENT)
		return NULL;
	body = g_malloc0(*len + 1);
	if (!read_all(fd, (uint8_t *)body, *len))
		g_clear_pointer(&body, g_free);
	return body;
}

/* ---- answers ---- */

static bool
send_greeting(const struct fake_sql *f, int fd)
{
	g_autoptr(GByteArray) b = g_byte_array_new();
	static const char scramble[] = "abcdefghijklmnopqrst";
	uint8_t seq = 0;

	put(b, 10, 1);
	g_byte_array_append(
	    b, (const guint8 *)f->version, (guint)strlen(f->version) + 1);
	put(b, 7, 4); /* id of the connection */
	g_byte_array_append(b, (const guint8 *)scramble, 8);
	put(b, 0, 1);
	put(b, CAPABILITIES & 0xFFFF, 2);
	put(b, UTF8, 1);
	put(b, AUTOCOMMIT, 2);
	put(b, CAPABILITIES >> 16, 2);
	put(b, SCRAMBLE_BYTES + 1, 1);
	put(b, 0, 8);
	put(b, 0, 2);
	g_byte_array_append(b, (const guint8 *)scramble + 8, 12);
	put(b, 0, 1);
	g_byte_array_append(b, (const guint8 *)"mysql_native_password", 22);
	return send_packet(fd, &seq, b);
}

static bool
send_ok(int fd, uint8_t seq)
{
	g_autoptr(GByteArray) b = g_byte_array_new();

	put(b, 0, 3); /* OK, no rows, no id */
	put(b, AUTOCOMMIT, 2);
	put(b, 0, 2);
	return send_packet(fd, &seq, b);
}

static bool
send_error(int fd, uint8_t seq, unsigned number)
{
	g_autoptr(GByteArray) b = g_byte_array_new();

	put(b, 0xFF, 1);
	put(b, number, 2);
	g_byte_array_append(b, (const guint8 *)"#HY000scripted", 14);
	return send_packet(fd, &seq, b);
}

static bool
send_eof(int fd, uint8_t *seq)
{
	g_autoptr(GByteArray) b = g_byte_array_new();

	put(b, 0xFE, 1);
	put(b, 0, 2);
	put(b, AUTOCOMMIT, 2);
	return send_packet(fd, seq, b);
}

static bool
send_column(int fd, uint8_t *seq)
{
	g_autoptr(GByteArray) b = g_byte_array_new();

	put_text(b, "def");
	put_text(b, "");
	put_text(b, "");
	put_text(b, "");
	put_text(b, "c");
	put_text(b, "c");
	put(b, 12, 1);
	put(b, UTF8, 2);
	put(b, 250, 4);
	put(b, VAR_STRING, 1);
	put(b, 0, 2);
	put(b, 0, 1);
	put(b, 0, 2);
	return send_packet(fd, seq, b);
}

static bool
send_row(int fd, uint8_t *seq, const char *const *cells, size_t n)
{
	g_autoptr(GByteArray) b = g_byte_array_new();

	for (size_t i = 0; i < n; i++) {
		if (cells[i] == NULL)
			put(b, 0xFB, 1);
		else
			put_text(b, cells[i]);
	}
	return send_packet(fd, seq, b);
}

static bool
send_result(int fd, uint8_t seq, const struct fake_sql_answer *a)
{
	g_autoptr(GByteArray) b = g_byte_array_new();
	bool ok;

	put(b, a->columns, 1);
	ok = send_packet(fd, &seq, b);
	for (size_t i = 0; ok && i < a->columns; i++)
		ok = send_column(fd, &seq);
	ok = ok && send_eof(fd, &seq);
	for (size_t i = 0; ok && i < a->n_rows; i++)
		ok = send_row(fd, &seq, a->cells + i * a->columns, a->columns);
	return ok && send_eof(fd, &seq);
}

static bool
answer(const struct fake_sql *f, int fd, uint8_t seq, const char *sql)
{
	for (const struct fake_sql_answer *a = f->table; a->begins != NULL;
	     a++) {
		if (g_ascii_strncasecmp(sql, a->begins, strlen(a->begins)) != 0)
			continue;
		if (a->wait_ms > 0)
			g_usleep(a->wait_ms * 1000UL);
		if (a->error != 0)
			return send_error(fd, seq, a->error);
		return a->columns > 0 ? send_result(fd, seq, a)
				      : send_ok(fd, seq);
	}
	return send_ok(fd, seq);
}

/* ---- the server ---- */

static void
serve(const struct fake_sql *f, int fd)
{
	g_autofree char *login = NULL;
	uint8_t seq;
	size_t len;
	bool ok = send_greeting(f, fd);

	login = ok ? read_packet(fd, &seq, &len) : NULL;
	ok = login != NULL && send_ok(fd, seq);
	while (ok) {
		g_autofree char *p = read_packet(fd, &seq, &len);

		if (p == NULL || len == 0 || p[0] == COM_QUIT)
			return;
		ok = p[0] == COM_QUERY ? answer(f, fd, seq, p + 1)
				       : send_ok(fd, seq);
	}
}

static void *
run(void *arg)
{
	struct fake_sql *f = arg;

	while (!atomic_load(&f->stopping)) {
		int fd = accept(f->listen_fd, NULL, NULL);

		if (fd < 0)
			break;
		atomic_store(&f->fd, fd);
		if (!atomic_load(&f->stopping))
			serve(f, fd);
		atomic_store(&f->fd, -1);
		close(fd);
	}
	return NULL;
}

struct fake_sql *
fake_sql_start(const char *version, const struct fake_sql_answer *table)
{
	struct fake_sql *f = g_new0(struct fake_sql, 1);
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);

	f->version = version;
	f->table = table;
	atomic_store(&f->fd, -1);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	f->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert(bind(f->listen_fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	g_assert(listen(f->listen_fd, 8) == 0);
	g_assert(getsockname(f->listen_fd, (struct sockaddr *)&a, &len) == 0);
	f->port = ntohs(a.sin_port);
	g_assert(pthread_create(&f->thread, NULL, run, f) == 0);
	return f;
}

unsigned
fake_sql_port(const struct fake_sql *f)
{
	return f->port;
}

void
fake_sql_stop(struct fake_sql *f)
{
	int fd;

	atomic_store(&f->stopping, true);
	fd = atomic_load(&f->fd);
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
	shutdown(f->listen_fd, SHUT_RDWR);
	pthread_join(f->thread, NULL);
	close(f->listen_fd);
	g_free(f);
}
