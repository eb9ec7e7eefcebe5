/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of a MySQL source, and where in the binlog they stand.
 *
 * Called by source.c on the subtask's thread. DESIGN: MySQL does not tell the
 * position of a snapshot. With GTIDs no lock is needed: a transaction is part
 * of gtid_executed only after it can be seen, and is in the binlog before that.
 * So all that was executed before the snapshots opened is in each of them
 * (position `pos`: the first transaction that is not), and what the binlog had
 * after they were open bounds what may be in them (`pos_hi`). Replication
 * repeats what lies between, which needs a key to find rows by. Without GTIDs,
 * or with a table without a key, writers are held off for a moment by a global
 * read lock (5 s limit); the position is then exact.
 */
#include "lib/binlog/event.h"
#include "lib/binlog/stream.h"
#include "lib/log/log.h"
#include "worker/copy/copy_internal.h"

#include <string.h>

#define HEARTBEAT_S 1

static struct dm_err *
begin_all(struct copy_run *r)
{
	struct dm_err *err = NULL;

	for (guint i = 0; err == NULL && i < r->readers->len; i++)
		err = dm_sql_execf(r->readers->pdata[i],
		    "START TRANSACTION WITH CONSISTENT SNAPSHOT");
	return err;
}

static void
set_gtid(struct copy_run *r, char *gtid)
{
	g_free(r->gtid);
	r->gtid = gtid;
}

/* ---- with a lock ---- */

static struct dm_err *
no_lock(struct dm_err *err)
{
	return dm_err_set_workaround(
	    dm_err_annotate(err, "no global read lock at the source"),
	    "grant RELOAD to the user of the source, or wait for its long "
	    "statements to end; or switch on GTIDs there (gtid_mode=ON) and "
	    "give each table a primary key; then `resume-task`");
}

static struct dm_err *
begin_locked(struct copy_run *r)
{
	struct dm_err *err, *err2;
	char *gtid = NULL;

	err = dm_sql_execf(r->src, "SET SESSION lock_wait_timeout = 5");
	if (err != NULL)
		return err;
	err = dm_sql_execf(r->src, "FLUSH TABLES WITH READ LOCK");
	if (err != NULL)
		return dm_err_is(err, DB_BAD_CONN) ? err : no_lock(err);
	err = begin_all(r);
	if (err == NULL)
		err = dm_binlog_master_status(r->src, &r->pos, &gtid);
	err2 = dm_sql_execf(r->src, "UNLOCK TABLES");
	if (err == NULL) {
		r->pos_hi = r->pos;
		set_gtid(r, gtid);
		return err2;
	}
	dm_err_free(err2); /* the first one tells more */
	return err;
}

/* ---- with GTIDs ---- */

static struct dm_err *
open_stream(struct copy_run *r, const struct dm_gtid_set *set,
    struct dm_binlog_stream **st)
{
	struct dm_sql_params p =
	    dm_db_cfg_params(&r->env->source->from, DM_SCOPE_UPSTREAM);
	struct dm_binlog_start start = { .host_name = r->env->worker,
		.gtid = set,
		.heartbeat_s = HEARTBEAT_S };
	struct dm_sql_conn *conn = NULL;
	struct dm_err *err = dm_sql_connect(&p, false, r->cancel, &conn);

	return err != NULL ? err : dm_binlog_stream_open(conn, &start, st);
}

static bool
is_gtid(uint8_t type)
{
	return type == DM_EV_GTID || type == DM_EV_GTID_TAGGED ||
	       type == DM_EV_ANONYMOUS_GTID;
}

/* One event of a stream that leaves out what is in the set: *found when it
 * tells the position behind that. */
static struct dm_err *
look_at(const uint8_t *raw, size_t len, struct dm_binlog_format *f,
    struct dm_pos *pos, bool *found)
{
	struct dm_ev_rotate rotate = { 0 };
	struct dm_arena a = { 0 };
	struct dm_event_header h;
	const uint8_t *body;
	size_t n;
	struct dm_err *err;

	err = dm_event_split(f, raw, len, &h, &body, &n);
	if (err != NULL)
		return err;
	if (h.type == DM_EV_FORMAT_DESCRIPTION)
		return dm_format_description_decode(raw, len, f);
	if (h.type == DM_EV_ROTATE) {
		err = dm_rotate_decode(f, body, n, &a, &rotate);
		if (err == NULL)
			*pos = dm_pos_make(rotate.next_name, rotate.pos);
		dm_arena_fini(&a);
		return err;
	}
	if (pos->name[0] == '\0' || h.log_pos < h.size)
		return NULL;
	if (is_gtid(h.type))
		pos->pos = h.log_pos - h.size;
	else if (h.type == DM_EV_HEARTBEAT)
		pos->pos = h.log_pos;
	*found = is_gtid(h.type) || h.type == DM_EV_HEARTBEAT;
	return NULL;
}

/* Where the first transaction begins that is not in the set. */
static struct dm_err *
position_behind(
    struct copy_run *r, const struct dm_gtid_set *set, struct dm_pos *pos)
{
	DM_AUTO(dm_binlog_stream) st = NULL;
	struct dm_cancel_watch watch = { 0 };
	struct dm_binlog_format format;
	bool found = false;
	struct dm_err *err = open_stream(r, set, &st);

	if (err != NULL)
		return err;
	*pos = (struct dm_pos){ 0 };
	dm_binlog_format_default(&format);
	dm_cancel_watch(r->cancel, &watch, dm_binlog_stream_interrupt, st);
	while (err == NULL && !found) {
		const uint8_t *raw;
		size_t len;

		err = dm_binlog_stream_next(st, &raw, &len);
		if (err == NULL)
			err = look_at(raw, len, &format, pos, &found);
	}
	dm_cancel_unwatch(r->cancel, &watch);
	return err;
}

static struct dm_err *
begin_by_gtid(struct copy_run *r)
{
	DM_AUTO(dm_gtid_set) set = NULL;
	g_autofree char *text = NULL;
	struct dm_err *err;

	err =
	    dm_sql_query_string(r->src, &text, "SELECT @@GLOBAL.gtid_executed");
	if (err == NULL)
		err = dm_gtid_set_parse(
		    DM_FLAVOR_MYSQL, text != NULL ? text : "", &set);
	if (err == NULL)
		err = begin_all(r);
	if (err == NULL)
		err = dm_binlog_master_status(r->src, &r->pos_hi, NULL);
	if (err == NULL)
		err = position_behind(r, set, &r->pos);
	if (err != NULL)
		return err;
	/* Nothing new until the heartbeat, which came later. */
	if (dm_pos_cmp(&r->pos, &r->pos_hi) > 0)
		r->pos = r->pos_hi;
	set_gtid(r, dm_gtid_set_text(set));
	return NULL;
}

/* ---- which of them ---- */

/* The name of a table whose rows cannot be found by a key; NULL: none. New
 * string. */
static struct dm_err *
find_keyless(struct copy_run *r, char **name)
{
	struct dm_err *err = NULL;

	*name = NULL;
	for (guint i = 0; err == NULL && i < r->tables->len; i++) {
		const struct meta_table *m =
		    ((struct copy_table *)r->tables->pdata[i])->meta;
		DM_AUTO(dm_table) t = NULL;

		err = dm_schema_parse_create(m->structure, 0, m->db, NULL, &t);
		if (err != NULL || dm_table_row_key(t) != NULL)
			continue;
		*name = dm_sql_quote_table(m->db, m->tbl);
		return NULL;
	}
	return err;
}

struct dm_err *
copy_mysql_snapshot(struct copy_run *r)
{
	g_autofree char *mode = NULL, *keyless = NULL;
	struct dm_err *err;

	err = dm_sql_query_string(r->src, &mode, "SELECT @@GLOBAL.gtid_mode");
	if (err == NULL)
		err = find_keyless(r, &keyless);
	if (err != NULL)
		return err;
	if (g_strcmp0(mode, "ON") == 0 && keyless == NULL)
		return begin_by_gtid(r);
	dm_info("a global read lock is needed for the snapshot",
	    dm_kstr("task", r->env->task->name),
	    dm_kstr("gtid-mode", mode != NULL ? mode : ""),
	    dm_kstr("without-key", keyless != NULL ? keyless : ""));
	return begin_locked(r);
}
