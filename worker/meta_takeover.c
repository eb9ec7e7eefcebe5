/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking over the progress rows of a task and source from an older owner.
 *
 * Called by a unit's thread before it writes anything else.
 * DESIGN: raising the epoch takes the locks that every transaction of an older
 * owner holds, so after our commit none of them can commit. Statements without
 * a transaction (DDL) know no fence: so the connections that the older owner
 * recorded are ended by KILL in any case, before ours do anything, as long as
 * the server is still the one on which they were recorded. After the epoch was
 * raised it cannot record new ones, and it uses none that is not recorded. A
 * frozen one whose id is not known goes by its session's wait_timeout, at most
 * 60 s.
 */
#include "lib/log/log.h"
#include "lib/meta/meta_tables.h"
#include "worker/meta.h"
#include "worker/meta_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ER_LOCK_WAIT_TIMEOUT 1205
#define ER_LOCK_DEADLOCK     1213
#define ER_NO_SUCH_THREAD    1094

/* Longer than the wait_timeout of any session of ours. */
#define TAKE_OVER_TRIES 120
/* Recorded connections above which dead ones are sorted out. */
#define CONNS_MAX 64
/* How long a connection that was ended may need to go. */
#define GONE_TRIES   200
#define GONE_WAIT_MS 50
/* The start time of a server is computed from whole seconds. */
#define START_SLACK_S 3

/* ---- which server ---- */

/* "host:port/start time": changes with a restart. New string. */
static struct dm_err *
server_identity(struct dm_sql_conn *conn, char **text)
{
	g_autofree char *now = NULL, *head = NULL;
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more;
	int64_t up = 0;

	/* SYSDATE: a replica's session may have set the timestamp. */
	err =
	    dm_sql_query_string(conn, &now, "SELECT UNIX_TIMESTAMP(SYSDATE())");
	if (err == NULL)
		err = dm_sql_query_string(
		    conn, &head, "SELECT CONCAT(@@hostname, ':', @@port)");
	if (err == NULL)
		err = dm_sql_queryf(
		    conn, &res, "SHOW GLOBAL STATUS LIKE 'Uptime'");
	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err != NULL)
		return err;
	if (more)
		up = (int64_t)meta_cell_u64(&row, 1);
	*text = g_strdup_printf("%s/%" PRId64, head == NULL ? "" : head,
	    (now == NULL ? 0 : g_ascii_strtoll(now, NULL, 10)) - up);
	return NULL;
}

static bool
same_server(const char *a, const char *b)
{
	const char *sa = strrchr(a, '/'), *sb = strrchr(b, '/');
	int64_t diff;

	if (sa == NULL || sb == NULL || sa - a != sb - b ||
	    strncmp(a, b, (size_t)(sa - a)) != 0)
		return false;
	diff = g_ascii_strtoll(sa + 1, NULL, 10) -
	       g_ascii_strtoll(sb + 1, NULL, 10);
	return diff >= -START_SLACK_S && diff <= START_SLACK_S;
}

/* ---- recorded connections ---- */

/* "[5,9]" -> array of uint64_t; what is no number is left out. */
static GArray *
parse_ids(const char *text)
{
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(uint64_t));

	while (*text != '\0') {
		char *end;
		uint64_t id = g_ascii_strtoull(text, &end, 10);

		if (end == text) {
			text++;
			continue;
		}
		g_array_append_val(ids, id);
		text = end;
	}
	return ids;
}

static char *
print_ids(const GArray *ids)
{
	GString *s = g_string_new("[");

	for (guint i = 0; i < ids->len; i++)
		g_string_append_printf(s, "%s%" PRIu64, i == 0 ? "" : ",",
		    g_array_index(ids, uint64_t, i));
	g_string_append_c(s, ']');
	return g_string_free(s, FALSE);
}

/* Keep those that are connected now, as our user. */
static struct dm_err *
keep_alive_ids(struct dm_sql_conn *conn, GArray *ids)
{
	g_autoptr(GString) sql = g_string_new(
	    "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = "
	    "SUBSTRING_INDEX(USER(), '@', 1) AND ID IN (0");
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_err *err;

	for (guint i = 0; i < ids->len; i++)
		g_string_append_printf(
		    sql, ", %" PRIu64, g_array_index(ids, uint64_t, i));
	g_string_append_c(sql, ')');
	g_array_set_size(ids, 0);
	err = dm_sql_query(conn, sql->str, sql->len, true, &res);
	while (err == NULL) {
		struct dm_sql_row row;
		bool more;
		uint64_t id;

		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		id = meta_cell_u64(&row, 0);
		g_array_append_val(ids, id);
	}
	return err;
}

/* ---- the owner row ---- */

struct owner_row {
	bool found;
	uint64_t cluster_id, epoch;
	char *conn_ids, *server, *worker;
};

static void
owner_row_fini(struct owner_row *o)
{
	g_free(o->conn_ids);
	g_free(o->server);
	g_free(o->worker);
	*o = (struct owner_row){ 0 };
}

static struct dm_err *
read_owner(
    struct meta *m, struct dm_sql_conn *conn, bool lock, struct owner_row *o)
{
	g_autofree char *name = meta_table_name(m, "dm_owner");
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;

	*o = (struct owner_row){ 0 };
	err = dm_sql_queryf(conn, &res,
	    "SELECT cluster_id, epoch, conn_ids, server_id_text, worker "
	    "FROM %s WHERE %s%s",
	    name, m->key, lock ? " FOR UPDATE" : "");
	if (err == NULL)
		err = dm_sql_next(res, &row, &o->found);
	if (err != NULL || !o->found)
		return err;
	o->cluster_id = meta_cell_u64(&row, 0);
	o->epoch = meta_cell_u64(&row, 1);
	o->conn_ids = g_strdup(meta_cell(&row, 2));
	o->server = g_strdup(meta_cell(&row, 3));
	o->worker = g_strdup(meta_cell(&row, 4));
	return NULL;
}

static struct dm_err *
check_owner(const struct meta *m, const struct owner_row *o)
{
	g_autofree char *a = g_strdup_printf("%" PRIu64, o->cluster_id);
	g_autofree char *b = g_strdup_printf("%" PRIu64, m->cluster_id);
	g_autofree char *theirs = g_strdup_printf("%" PRIu64, o->epoch);
	g_autofree char *ours = g_strdup_printf("%" PRIu64, m->epoch);

	if (!o->found)
		return NULL;
	/* 0: its task was forgotten (dm_meta_remove). Else epochs of two
	 * clusters do not compare. */
	if (o->cluster_id != 0 && o->cluster_id != m->cluster_id)
		return m->adopt
			   ? NULL
			   : dm_err_new(META_ADOPT, m->task, m->source, a, b);
	if (o->epoch > m->epoch)
		return dm_err_new(
		    META_FENCED, m->task, m->source, theirs, ours);
	return NULL;
}

static struct dm_err *
write_owner(struct meta *m, struct dm_sql_conn *conn, bool found)
{
	static const char *const others[] = { "dm_lane", "dm_chunk" };
	g_autoptr(GString) sql =
	    g_string_new(found ? "UPDATE " : "INSERT INTO ");
	struct dm_err *err;

	meta_append_name(sql, m, "dm_owner");
	g_string_append(sql, " SET ");
	if (!found) {
		g_string_append(sql, "task=");
		meta_append_text(sql, m->task);
		g_string_append(sql, ", source=");
		meta_append_text(sql, m->source);
		g_string_append_printf(
		    sql, ", format=%d, base_gtid='', ", DM_META_FORMAT);
	}
	/* The recorded connections stay until they are known to be gone: we
	 * may end before we have ended them. */
	g_string_append_printf(sql,
	    "cluster_id=%" PRIu64 ", epoch=%" PRIu64 ", %sworker=",
	    m->cluster_id, m->epoch, found ? "" : "conn_ids='[]', ");
	meta_append_text(sql, m->worker);
	if (found)
		g_string_append_printf(sql, " WHERE %s", m->key);
	err = dm_sql_exec(conn, sql->str, sql->len, NULL);
	for (size_t i = 0; err == NULL && i < DM_ARRAY_SIZE(others); i++) {
		g_autofree char *name = meta_table_name(m, others[i]);

		err = dm_sql_execf(conn,
		    "UPDATE %s SET epoch=%" PRIu64 " WHERE %s", name, m->epoch,
		    m->key);
	}
	return err;
}

static struct dm_err *
take_over_once(struct meta *m, struct dm_sql_conn *conn)
{
	struct owner_row o;
	struct dm_err *err;

	err = dm_sql_execf(conn, "BEGIN");
	if (err != NULL)
		return err;
	err = read_owner(m, conn, true, &o);
	if (err == NULL)
		err = check_owner(m, &o);
	if (err == NULL)
		err = write_owner(m, conn, o.found);
	if (err == NULL)
		err = dm_sql_execf(conn, "COMMIT");
	owner_row_fini(&o);
	return err;
}

/* ---- who is in the way ---- */

static struct dm_err *
kill_ids(struct dm_sql_conn *conn, const GArray *ids)
{
	for (guint i = 0; i < ids->len; i++) {
		uint64_t id = g_array_index(ids, uint64_t, i);
		struct dm_err *err;

		if (id == dm_sql_thread_id(conn))
			continue;
		err = dm_sql_execf(conn, "KILL %" PRIu64, id);
		if (err != NULL && dm_sql_last_errno(conn) != ER_NO_SUCH_THREAD)
			return dm_err_annotate(err,
			    "end connection %" PRIu64 " of the former owner",
			    id);
		dm_err_free(err); /* gone by itself meanwhile */
	}
	return NULL;
}

static void
leave_out(GArray *ids, uint64_t id)
{
	for (guint i = ids->len; i-- > 0;)
		if (g_array_index(ids, uint64_t, i) == id)
			g_array_remove_index_fast(ids, i);
}

/* End the connections that the recorded owner left, and wait. *left: some are
 * still there after a while, a large transaction may be rolling back. */
static struct dm_err *
end_old_owner(
    struct meta *m, struct dm_sql_conn *conn, struct dm_cancel *c, guint *left)
{
	g_autoptr(GArray) ids = NULL;
	g_autofree char *here = NULL;
	struct owner_row o;
	struct dm_err *err;

	*left = 0;
	err = read_owner(m, conn, false, &o);
	if (err == NULL)
		err = check_owner(m, &o);
	if (err == NULL)
		err = server_identity(conn, &here);
	if (err != NULL || !o.found || !same_server(here, o.server)) {
		owner_row_fini(&o);
		return err;
	}
	ids = parse_ids(o.conn_ids);
	owner_row_fini(&o);
	leave_out(ids, dm_sql_thread_id(conn));
	err = keep_alive_ids(conn, ids);
	if (err == NULL && ids->len > 0) {
		dm_warn("end connections of the former owner in the target",
		    dm_kstr("task", m->task), dm_kstr("source", m->source),
		    dm_kint("connections", ids->len));
		err = kill_ids(conn, ids);
	}
	for (int i = 0; err == NULL && ids->len > 0 && i < GONE_TRIES; i++) {
		err = dm_cancel_sleep_ms(c, GONE_WAIT_MS);
		if (err == NULL)
			err = keep_alive_ids(conn, ids);
	}
	*left = ids->len;
	return err;
}

static struct dm_err *
end_all(struct meta *m, struct dm_sql_conn *conn, struct dm_cancel *c)
{
	guint left;
	struct dm_err *err = end_old_owner(m, conn, c, &left);

	if (err != NULL || left == 0)
		return err;
	return dm_err_plain("%u connections of the task's former owner do not "
			    "end in the target",
	    left);
}

/* READ COMMITTED locks no gaps, which rows of other tasks may need; InnoDB
 * refuses it where the target logs statements. */
static struct dm_err *
use_read_committed(struct dm_sql_conn *conn)
{
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more, statement;

	err = dm_sql_queryf(conn, &res, "SHOW VARIABLES LIKE 'binlog_format'");
	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err != NULL)
		return err;
	statement =
	    more && g_ascii_strcasecmp(meta_cell(&row, 1), "STATEMENT") == 0;
	if (statement)
		return NULL;
	return dm_sql_execf(
	    conn, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED");
}

static struct dm_err *
take_over(struct meta *m, struct dm_sql_conn *conn, struct dm_cancel *c)
{
	struct dm_err *err = NULL;

	for (int i = 0; i < TAKE_OVER_TRIES; i++) {
		unsigned no;
		guint left; /* they release their locks in the end */

		err = use_read_committed(conn);
		if (err != NULL)
			return err;
		err = take_over_once(m, conn);
		if (err == NULL)
			return end_all(m, conn, c);
		no = dm_sql_last_errno(conn);
		dm_err_free(dm_sql_execf(conn, "ROLLBACK")); /* err counts */
		if (no != ER_LOCK_WAIT_TIMEOUT && no != ER_LOCK_DEADLOCK)
			return err;
		if (i + 1 == TAKE_OVER_TRIES)
			break;
		dm_err_free(err); /* tried again below */
		err = end_old_owner(m, conn, c, &left);
		if (err == NULL)
			err = dm_cancel_check(c);
		if (err != NULL)
			return err;
	}
	return dm_err_annotate(err, "another session holds the task's rows");
}

struct dm_err *
meta_take_over(struct meta *m, struct dm_sql_conn *conn, struct dm_cancel *c)
{
	g_autofree char *wait = NULL;
	struct dm_err *err, *err2;

	err = dm_sql_query_string(
	    conn, &wait, "SELECT @@SESSION.innodb_lock_wait_timeout");
	if (err == NULL)
		err = dm_sql_execf(
		    conn, "SET SESSION innodb_lock_wait_timeout = 1");
	if (err != NULL)
		return err;
	err = take_over(m, conn, c);
	err2 = dm_sql_execf(conn, "SET SESSION innodb_lock_wait_timeout = %s",
	    wait == NULL ? "50" : wait);
	if (err == NULL)
		return err2;
	dm_err_free(err2); /* the first one tells more */
	return err;
}

/* ---- our own connections ---- */

static struct dm_err *
record_conn(struct meta *m, struct dm_sql_conn *conn, const char *server)
{
	g_autofree char *fence = meta_fence_expr(m);
	g_autofree char *list = NULL;
	g_autoptr(GArray) ids = NULL;
	g_autoptr(GString) sql = g_string_new("UPDATE ");
	uint64_t id = dm_sql_thread_id(conn);
	struct owner_row o;
	struct dm_err *err;

	err = read_owner(m, conn, true, &o);
	if (err == NULL)
		err = check_owner(m, &o);
	if (err == NULL && !o.found) /* we had taken over */
		err = meta_gone(m);
	if (err != NULL) {
		owner_row_fini(&o);
		return err;
	}
	ids = parse_ids(same_server(server, o.server) ? o.conn_ids : "");
	owner_row_fini(&o);
	if (ids->len >= CONNS_MAX)
		err = keep_alive_ids(conn, ids);
	if (err != NULL)
		return err;
	g_array_append_val(ids, id);
	list = print_ids(ids);
	meta_append_name(sql, m, "dm_owner");
	g_string_append_printf(
	    sql, " SET %s, conn_ids='%s', server_id_text=", fence, list);
	meta_append_text(sql, server);
	g_string_append_printf(sql, " WHERE %s", m->key);
	return dm_sql_exec(conn, sql->str, sql->len, NULL);
}

struct dm_err *
meta_record_conn(struct meta *m, struct dm_sql_conn *conn)
{
	g_autofree char *server = NULL;
	struct dm_err *err;

	err = server_identity(conn, &server);
	if (err == NULL)
		err = dm_sql_execf(conn, "BEGIN");
	if (err != NULL)
		return err;
	err = record_conn(m, conn, server);
	if (err == NULL)
		err = dm_sql_execf(conn, "COMMIT");
	if (err == NULL)
		return NULL;
	dm_err_free(dm_sql_execf(conn, "ROLLBACK")); /* err counts */
	return dm_err_annotate(err, "record our connection in the target");
}
