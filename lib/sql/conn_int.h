/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of lib/sql share; not for others. */
#ifndef DM_LIB_SQL_CONN_INT_H
#define DM_LIB_SQL_CONN_INT_H

#include "lib/sql/sql.h"

#include <mysql.h>

struct dm_sql_infile;

struct dm_sql_conn {
	MYSQL *my;
	int fd; /* a duplicate of the socket; unchanged until _free */
	enum dm_err_scope scope;
	char *version;
	uint64_t thread_id;
	unsigned last_errno;
	unsigned read_timeout_s;
	struct dm_sql_infile *infile; /* of the LOAD DATA that is running */
};

/* Which code a failed call gets, if the connection is not lost. */
enum dm_sql_call { DM_SQL_CONNECT, DM_SQL_READ, DM_SQL_WRITE };

/* The error of the call that just failed; sql is NULL for a connect. */
struct dm_err *dm_sql_failed_(struct dm_sql_conn *conn, enum dm_sql_call call,
    const char *sql, size_t len) DM_MUST_CHECK;
/* Read and drop what is left of a statement's results. */
struct dm_err *dm_sql_drain_(struct dm_sql_conn *conn, enum dm_sql_call call,
    const char *sql, size_t len) DM_MUST_CHECK;

/* libmariadb reads certificates from files only: texts are put into memory
 * files, which no other process can see and which leave nothing behind. */
struct dm_sql_pem_files {
	int fd[3]; /* ca, cert, key; -1: none */
};

/* files must live until the connection is made; _close in any case. */
struct dm_err *dm_sql_set_tls_(struct st_mysql *my,
    const struct dm_sql_params *p,
    struct dm_sql_pem_files *files) DM_MUST_CHECK;
void dm_sql_close_pem_files_(struct dm_sql_pem_files *files);
struct dm_err *dm_sql_check_tls_(
    struct st_mysql *my, const struct dm_sql_params *p) DM_MUST_CHECK;

/* Waits for a packet's first bytes: see dm_sql_next_is_large. */
bool dm_sql_large_input_(struct dm_sql_conn *conn);

/* libmariadb's callbacks for LOAD DATA LOCAL; they refuse every file name
 * while no dm_sql_load_data is running. */
void dm_sql_set_infile_handler_(struct dm_sql_conn *conn);

#endif
