/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to the source, all in one snapshot whose binlog position is
 * known. What MySQL does otherwise is in source_mysql.c.
 *
 * DESIGN: MariaDB tells each session the binlog position of its consistent
 * snapshot. Where nothing is committed while the sessions open, all have the
 * same position without any lock; after some tries a short global read lock
 * makes it so. If that is not allowed, one session reads everything.
 */
#include "lib/log/log.h"
#include "worker/copy/copy_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SNAPSHOT_TRIES 4
#define READ_TIMEOUT_S 3600u

/* Backpressure from the target must not end a session; statements run as
 * long as they need; names and texts are printed in one form. */
static const char source_session[] =
    "SET SESSION time_zone = '+00:00', sql_mode = '', "
    "net_write_timeout = 86400, net_read_timeout = 86400, "
    "wait_timeout = 604800, %s = 0";

static struct dm_err *
connect_source(struct copy_run *r, bool binary, struct dm_cancel *c,
    struct dm_sql_conn **out)
{
	struct dm_sql_params p =
	    dm_db_cfg_params(&r->env->source->from, DM_SCOPE_UPSTREAM);
	DM_AUTO(dm_sql_conn) conn = NULL;
	struct dm_err *err;

	p.read_timeout_s = READ_TIMEOUT_S;
	err = dm_sql_connect(&p, binary, c, &conn);
	if (err != NULL)
		return err;
	err = dm_sql_execf(conn, source_session,
	    dm_sql_is_mariadb(conn) ? "max_statement_time"
				    : "max_execution_time");
	if (err == NULL)
		err = dm_sql_execf(conn, "SET SESSION TRANSACTION ISOLATION "
					 "LEVEL REPEATABLE READ");
	if (err != NULL)
		return err;
	*out = DM_TAKE(conn);
	return NULL;
}

struct dm_err *
copy_source_open(
    struct copy_run *r, struct dm_cancel *c, struct dm_sql_conn **conn)
{
	return connect_source(r, false, c, conn);
}

struct dm_err *
copy_source_no_escapes(struct copy_run *r, bool *no_escapes)
{
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	bool more = false;
	struct dm_err *err =
	    dm_sql_queryf(r->src, &res, "SELECT @@global.sql_mode");

	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err == NULL)
		*no_escapes = more && row.n > 0 && row.cells[0] != NULL &&
			      strstr(row.cells[0], "NO_BACKSLASH_ESCAPES");
	return err;
}

struct dm_err *
copy_source_connect(struct copy_run *r)
{
	struct dm_err *err = connect_source(r, false, r->cancel, &r->src);

	if (err == NULL)
		dm_cancel_watch(
		    r->cancel, &r->src_watch, dm_sql_interrupt, r->src);
	return err;
}

static void
set_text(char **to, const char *text)
{
	g_free(*to);
	*to = g_strdup(text);
}

/* Start a new snapshot and read its position. */
static struct dm_err *
begin_snapshot(struct dm_sql_conn *conn, struct dm_pos *pos)
{
	struct dm_err *err;
	g_autofree char *file = NULL, *at = NULL;
	DM_AUTO(dm_sql_result) res = NULL;

	err = dm_sql_execf(conn, "START TRANSACTION WITH CONSISTENT SNAPSHOT");
	if (err == NULL)
		err = dm_sql_queryf(
		    conn, &res, "SHOW STATUS LIKE 'Binlog\\_snapshot\\_%%'");
	while (err == NULL) {
		struct dm_sql_row row;
		bool more;

		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		if (row.n < 2 || row.cells[0] == NULL || row.cells[1] == NULL)
			continue;
		if (strcasecmp(row.cells[0], "Binlog_snapshot_file") == 0)
			set_text(&file, row.cells[1]);
		if (strcasecmp(row.cells[0], "Binlog_snapshot_position") == 0)
			set_text(&at, row.cells[1]);
	}
	if (err != NULL)
		return err;
	if (file == NULL || file[0] == '\0' || at == NULL)
		return dm_err_set_workaround(dm_err_new(NO_MASTER_STATUS),
		    "switch the source's binlog on (log_bin), then "
		    "`resume-task`");
	*pos = dm_pos_make(file, g_ascii_strtoull(at, NULL, 10));
	return NULL;
}

/* Snapshots on all readers; *same: at one position. */
static struct dm_err *
begin_all(struct copy_run *r, bool *same)
{
	struct dm_err *err = NULL;

	*same = true;
	for (guint i = 0; err == NULL && i < r->readers->len; i++) {
		struct dm_pos pos;

		err = begin_snapshot(r->readers->pdata[i], &pos);
		if (err != NULL)
			break;
		if (i == 0)
			r->pos = pos;
		else if (dm_pos_cmp(&pos, &r->pos) != 0)
			*same = false;
	}
	return err;
}

/* With writers held off for a moment. *same false: the lock was not to be
 * had. */
static struct dm_err *
begin_locked(struct copy_run *r, bool *same)
{
	struct dm_err *err, *err2;

	*same = false;
	err = dm_sql_execf(r->src, "SET SESSION lock_wait_timeout = 5");
	if (err != NULL)
		return err;
	err = dm_sql_execf(r->src, "FLUSH TABLES WITH READ LOCK");
	if (err != NULL && dm_err_is(err, DB_BAD_CONN))
		return err;
	if (err != NULL) {
		dm_info("no global read lock at the source: one reader only",
		    dm_kstr("task", r->env->task->name), dm_kerr(err));
		dm_err_free(err); /* told above; there is another way */
		return NULL;
	}
	err = begin_all(r, same);
	err2 = dm_sql_execf(r->src, "UNLOCK TABLES");
	if (err == NULL)
		return err2;
	dm_err_free(err2); /* the first one tells more */
	return err;
}

static struct dm_err *
begin_single(struct copy_run *r)
{
	g_ptr_array_set_size(r->readers, 1);
	copy_note(r, "one reader: the source was busy and FLUSH TABLES WITH "
		     "READ LOCK is not allowed or timed out");
	return begin_snapshot(r->readers->pdata[0], &r->pos);
}

static unsigned
reader_count(const struct copy_run *r)
{
	unsigned a = r->env->inst->mydumper.threads;
	unsigned b = r->env->inst->loader.pool_size;
	unsigned n = a == 0 ? 4 : a;

	/* A dump's rows do not go through the loaders. */
	if (b > 0 && b < n && !r->to_files)
		n = b;
	return n;
}

static void
free_conn(void *conn)
{
	dm_sql_conn_free((struct dm_sql_conn *)conn);
}

/* On all readers, by one way or another. */
static struct dm_err *
begin_mariadb(struct copy_run *r)
{
	struct dm_err *err = NULL;
	bool same = false;

	for (int i = 0; err == NULL && !same && i < SNAPSHOT_TRIES; i++) {
		err = dm_cancel_check(r->cancel);
		if (err == NULL)
			err = begin_all(r, &same);
	}
	if (err == NULL && !same)
		err = begin_locked(r, &same);
	if (err == NULL && !same)
		err = begin_single(r);
	if (err != NULL)
		return err;
	r->pos_hi = r->pos;
	g_clear_pointer(&r->gtid, g_free);
	err = dm_sql_query_string(r->src, &r->gtid,
	    "SELECT BINLOG_GTID_POS('%s', %" PRIu64 ")", r->pos.name,
	    r->pos.pos);
	if (err == NULL && r->gtid == NULL)
		r->gtid = g_strdup("");
	return err;
}

struct dm_err *
copy_source_snapshot(struct copy_run *r)
{
	struct dm_err *err = NULL;
	unsigned n = reader_count(r);

	g_clear_pointer(&r->readers, g_ptr_array_unref);
	r->readers = g_ptr_array_new_with_free_func(free_conn);
	for (unsigned i = 0; err == NULL && i < n; i++) {
		struct dm_sql_conn *conn = NULL;

		err = connect_source(r, true, r->cancel, &conn);
		if (err == NULL)
			g_ptr_array_add(r->readers, conn);
	}
	if (err == NULL)
		err = dm_sql_is_mariadb(r->src) ? begin_mariadb(r)
						: copy_mysql_snapshot(r);
	return err == NULL
		   ? NULL
		   : dm_err_annotate(err, "take a snapshot of the source");
}

struct dm_err *
copy_source_structure(
    struct copy_run *r, const char *db, const char *table, char **sql)
{
	g_autofree char *name = dm_sql_quote_table(db, table);
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	unsigned no;
	bool more = false;

	err = dm_sql_queryf(r->src, &res, "SHOW CREATE TABLE %s", name);
	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err != NULL) {
		no = dm_sql_last_errno(r->src);
		if (no != ER_NO_SUCH_TABLE_ && no != ER_BAD_DB_)
			return err;
		dm_err_free(err); /* dropped meanwhile */
		more = false;
	}
	*sql = more && row.n > 1 ? g_strdup(row.cells[1]) : NULL;
	return NULL;
}
