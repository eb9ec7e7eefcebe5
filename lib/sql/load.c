/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LOAD DATA LOCAL from memory: see sql.h.
 *
 * DESIGN: the protocol has no way to say "the file could not be read": its end
 * is an empty packet, and the server then commits what it has. When the
 * callback fails, the socket is shut down before that packet could be sent.
 */
#include "lib/sql/conn_int.h"

#include <stdio.h>
#include <string.h>

#define INFILE_ERRNO 2 /* any number; the text is ours */

struct dm_sql_infile {
	struct dm_sql_conn *conn;
	dm_sql_infile_fn *read;
	void *arg;
	struct dm_err *err;
};

static int
infile_init(void **state, const char *filename, void *arg)
{
	struct dm_sql_conn *conn = arg;

	(void)filename; /* never opened */
	*state = conn->infile;
	return conn->infile == NULL;
}

static int
infile_read(void *state, char *buf, unsigned size)
{
	struct dm_sql_infile *f = state;
	ssize_t n = f->read(f->arg, buf, size, &f->err);

	dm_assert(n <= (ssize_t)size);
	if (n < 0)
		dm_sql_interrupt(f->conn);
	return (int)n;
}

static void
infile_end(void *state)
{
	(void)state; /* owned by dm_sql_load_data */
}

static int
infile_error(void *state, char *text, unsigned size)
{
	snprintf(text, size, "%s",
	    state == NULL ? "the server asked for a file nobody offered"
			  : "the data could not be read");
	return INFILE_ERRNO;
}

void
dm_sql_set_infile_handler_(struct dm_sql_conn *conn)
{
	mysql_set_local_infile_handler(
	    conn->my, infile_init, infile_read, infile_end, infile_error, conn);
}

/* "Records: 1  Deleted: 0  Skipped: 0  Warnings: 0": the words depend on the
 * server's language, the order of the numbers does not. */
DM_TESTABLE bool dm_sql_parse_load_info(
    const char *info, struct dm_sql_load_result *out);

DM_TESTABLE bool
dm_sql_parse_load_info(const char *info, struct dm_sql_load_result *out)
{
	uint64_t n[4];

	for (size_t i = 0; i < DM_ARRAY_SIZE(n); i++) {
		char *end;

		info += strcspn(info, "0123456789");
		if (*info == '\0')
			return false;
		n[i] = g_ascii_strtoull(info, &end, 10);
		info = end;
	}
	out->records = n[0];
	out->skipped = n[2];
	out->warnings = n[3];
	return true;
}

struct dm_err *
dm_sql_load_data(struct dm_sql_conn *conn, const char *sql,
    dm_sql_infile_fn *read, void *arg, struct dm_sql_load_result *out)
{
	struct dm_sql_infile f = { .conn = conn, .read = read, .arg = arg };
	size_t len = strlen(sql);
	const char *info;
	int failed;

	conn->last_errno = 0;
	conn->infile = &f;
	failed = mysql_real_query(conn->my, sql, len);
	conn->infile = NULL;
	if (f.err != NULL)
		return f.err;
	if (failed != 0)
		return dm_sql_failed_(conn, DM_SQL_WRITE, sql, len);
	info = mysql_info(conn->my);
	if (info == NULL || !dm_sql_parse_load_info(info, out))
		return dm_err_set_scope(
		    dm_err_set_cause(dm_err_new(DB_UN_EXPECT,
					 "LOAD DATA without an info line"),
			"%s", info != NULL ? info : ""),
		    conn->scope);
	return NULL;
}
