/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to MySQL and MariaDB servers over libmariadb. A connection
 * belongs to one thread; dm_sql_interrupt alone may be called from others.
 * Errors: connecting DB_DRIVER_ERROR; a query DB_QUERY_FAILED; a write
 * DB_EXECUTE_FAILED (message has at most 1 kB of the statement); each with the
 * scope of the connection and a cause "Error 1062 (23000): Duplicate ...", as
 * DM prints them. A connection lost: DB_BAD_CONN.
 */
#ifndef DM_LIB_SQL_SQL_H
#define DM_LIB_SQL_SQL_H

#include "lib/err/err.h"
#include "lib/thread/cancel.h"

struct st_mysql;
struct dm_sql_conn;

/* Where and how to connect. Plain data; strings are borrowed by _connect. */
struct dm_sql_params {
	const char *host; /* a path with '/' is a Unix socket */
	unsigned port;
	const char *user, *password;
	const char *ssl_ca, *ssl_cert, *ssl_key; /* paths; NULL or "": none */
	/* PEM texts, which win over the paths; NULL or "": none. */
	const char *ssl_ca_pem, *ssl_cert_pem, *ssl_key_pem;
	const char *const *cert_allowed_cn; /* NULL: any */
	const char *const *session; /* "name=value" pairs, NULL-terminated;
				       set quoted on connect; NULL: none */
	enum dm_err_scope scope;    /* upstream or downstream */
	unsigned read_timeout_s;    /* 0: 300 */
	bool local_infile;          /* LOAD DATA LOCAL, from memory only */
	bool multi_statements;
	bool found_rows; /* affected counts matched rows */
};

/*
 * Connect. The session gets character_set_results=NULL and SET NAMES binary
 * where `binary` is set: bytes then pass unconverted in both directions.
 * Cancelling c ends the wait.
 */
struct dm_err *dm_sql_connect(const struct dm_sql_params *p, bool binary,
    struct dm_cancel *c, struct dm_sql_conn **conn) DM_MUST_CHECK;
/* Closes without waiting for the server. Accepts NULL. */
void dm_sql_conn_free(struct dm_sql_conn *conn);
DM_DEFINE_AUTO(dm_sql_conn)

/* Shut the socket down: a call in flight ends with DB_BAD_CONN. Any thread,
 * as long as the connection is not freed meanwhile. Fits dm_cancel_fn. */
void dm_sql_interrupt(void *conn);

/* From now on; the parameter of _connect is for the time before. */
void dm_sql_set_read_timeout(struct dm_sql_conn *conn, unsigned seconds);
/* True when a packet can be read without waiting for the network, or nearly
 * so: its first bytes have come. Waits for them at most timeout_ms. */
bool dm_sql_wait_input(struct dm_sql_conn *conn, int timeout_ms);
/* The library keeps a buffer of the largest row or event it met: give that
 * back. What the last call returned from the buffer is gone then. */
void dm_sql_trim(struct dm_sql_conn *conn);

struct st_mysql *dm_sql_raw(struct dm_sql_conn *conn);
uint64_t dm_sql_thread_id(struct dm_sql_conn *conn);
const char *dm_sql_server_version(struct dm_sql_conn *conn);
bool dm_sql_is_mariadb(struct dm_sql_conn *conn);
bool dm_sql_is_tidb(struct dm_sql_conn *conn);
/* The server's error number of the last failed call; 0 if it was not the
 * server's. Client numbers (2000-2999) mean a lost connection. */
unsigned dm_sql_last_errno(struct dm_sql_conn *conn);
/* 1213, 1205, and TiDB's list (data-plane reference 5.11): the transaction
 * may be run again as a whole. */
bool dm_sql_is_retryable(unsigned server_errno, const char *cause);

/* The server's answer "there is no such database", or table (1049, 1146). */
bool dm_sql_is_missing(unsigned server_errno);

/* Run one statement without a result; *affected may be NULL. */
struct dm_err *dm_sql_exec(struct dm_sql_conn *conn, const char *sql,
    size_t len, uint64_t *affected) DM_MUST_CHECK;
/* The same for a statement that may work for hours before it answers, as an
 * ALTER of a large table: no read timeout ends it. A server that is gone is
 * found by the kernel (TCP keepalive) within some minutes. */
struct dm_err *dm_sql_exec_ddl(
    struct dm_sql_conn *conn, const char *sql, size_t len) DM_MUST_CHECK;
/* dm_sql_exec, printf-style; for constant-shaped statements. */
struct dm_err *dm_sql_execf(struct dm_sql_conn *conn, const char *fmt, ...)
    DM_PRINTF(2, 3) DM_MUST_CHECK;

/*
 * Run several statements in one packet (needs multi_statements). counts gets
 * the affected rows of each statement that was done, in order (cleared first);
 * on error the failing one is number counts->len. The transaction, if one was
 * begun, stays open.
 */
struct dm_err *dm_sql_exec_multi(struct dm_sql_conn *conn, const char *sql,
    size_t len, GArray *counts /* uint64_t */) DM_MUST_CHECK;

/* A row of a result: cells are NULL or bytes, NUL-terminated; borrowed until
 * the next row. */
struct dm_sql_row {
	const char *const *cells;
	const size_t *lengths;
	unsigned n;
};

struct dm_sql_result; /* stored (store=true) or streamed */
struct dm_err *dm_sql_query(struct dm_sql_conn *conn, const char *sql,
    size_t len, bool store, struct dm_sql_result **res) DM_MUST_CHECK;
struct dm_err *dm_sql_queryf(
    struct dm_sql_conn *conn, struct dm_sql_result **res, const char *fmt, ...)
    DM_PRINTF(3, 4) DM_MUST_CHECK;
/* *more is false after the last row. */
struct dm_err *dm_sql_next(struct dm_sql_result *res, struct dm_sql_row *row,
    bool *more) DM_MUST_CHECK;
/* Of a stream: waits for the next row's first bytes and says, before any memory
 * is taken for it, whether it has 16 MB or more. Also true where that cannot be
 * told; false when the connection failed, which dm_sql_next finds. */
bool dm_sql_next_is_large(struct dm_sql_result *res);
/* Name of column i. */
const char *dm_sql_column(struct dm_sql_result *res, unsigned i);
/* A streamed result that is not read to its end takes the connection with it
 * (the rest may be a whole table): later calls give DB_BAD_CONN. */
void dm_sql_result_free(struct dm_sql_result *res);
DM_DEFINE_AUTO(dm_sql_result)

/* First cell of the first row, a new string; NULL when there is none or it is
 * NULL. */
struct dm_err *dm_sql_query_string(struct dm_sql_conn *conn, char **value,
    const char *fmt, ...) DM_PRINTF(3, 4) DM_MUST_CHECK;

/*
 * LOAD DATA LOCAL: `read` gives the next bytes (0: the end, -1: *err set). The
 * protocol cannot take a started file back, so after -1 the connection is cut,
 * and with it the server's transaction; *err is what the call returns.
 */
typedef ssize_t dm_sql_infile_fn(
    void *arg, char *buf, size_t size, struct dm_err **err);
struct dm_sql_load_result {
	uint64_t records, skipped, warnings; /* from the server's info line */
};
struct dm_err *dm_sql_load_data(struct dm_sql_conn *conn, const char *sql,
    dm_sql_infile_fn *read, void *arg,
    struct dm_sql_load_result *out) DM_MUST_CHECK;

/* ---- text of SQL (lib/sql/quote.c) ---- */

/* `name`, backquotes doubled. */
void dm_sql_append_ident(GString *s, const char *name);
/* `db`.`table` */
void dm_sql_append_table(GString *s, const char *db, const char *table);
/* 'text' with backslash escapes; right for any charset in which no byte of a
 * multi-byte character is a quote or backslash (not gbk, sjis, big5, cp932,
 * gb18030) and sql_mode without NO_BACKSLASH_ESCAPES. */
void dm_sql_append_string(GString *s, const void *bytes, size_t len);
/* x'00ff' */
void dm_sql_append_hex(GString *s, const void *bytes, size_t len);
/* The byte that a backslash and this one stand for, in a text of the default
 * sql_mode; itself where the backslash changes nothing. */
char dm_sql_unescape(char c);
/* New string of one of the above. */
char *dm_sql_quote_table(const char *db, const char *table);

#endif
