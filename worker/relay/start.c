/* SPDX-License-Identifier: Apache-2.0 */
/* Where a relay log begins: see start.h. */
#include "worker/relay/start.h"

#include "lib/binlog/event.h"
#include "lib/binlog/stream.h"
#include "lib/log/log.h"
#include "worker/sync/origin.h"

#include <string.h>

void
relay_need_free(gpointer p)
{
	struct relay_need *n = p;

	g_free(n->gtid);
	g_free(n->server);
	g_free(n);
}

static enum dm_flavor
flavor_of(const struct dm_source_cfg *source)
{
	return strcmp(source->flavor, "mariadb") == 0 ? DM_FLAVOR_MARIADB
						      : DM_FLAVOR_MYSQL;
}

/* The first event of a stream says in which file it is. */
static struct dm_err *
read_file_name(struct dm_binlog_stream *st, char name[DM_BINLOG_NAME_MAX + 1])
{
	struct dm_binlog_format format;
	struct dm_arena a = { 0 };
	struct dm_event_header h;
	struct dm_ev_rotate ev;
	const uint8_t *raw, *body;
	struct dm_err *err;
	size_t len, n;

	dm_binlog_format_default(&format);
	do {
		err = dm_binlog_stream_next(st, &raw, &len);
		if (err == NULL)
			err = dm_event_split(&format, raw, len, &h, &body, &n);
	} while (err == NULL && h.type != DM_EV_ROTATE);
	if (err == NULL)
		err = dm_rotate_decode(&format, body, n, &a, &ev);
	if (err == NULL)
		g_strlcpy(name, ev.next_name, DM_BINLOG_NAME_MAX + 1);
	dm_arena_fini(&a);
	return err;
}

/* The source knows in which file the first transaction is that is not in the
 * set. */
static struct dm_err *
find_by_gtid(const struct relay_start *s, const char *gtid,
    char name[DM_BINLOG_NAME_MAX + 1])
{
	struct dm_sql_params p =
	    dm_db_cfg_params(&s->source->from, DM_SCOPE_UPSTREAM);
	DM_AUTO(dm_gtid_set) set = NULL;
	DM_AUTO(dm_binlog_stream) st = NULL;
	struct dm_cancel_watch watch = { 0 };
	struct dm_sql_conn *conn = NULL;
	struct dm_binlog_start from = { .host_name = s->host_name };
	struct dm_err *err;

	err = dm_gtid_set_parse(flavor_of(s->source), gtid, &set);
	if (err == NULL)
		err = dm_sql_connect(&p, false, s->c, &conn);
	if (err != NULL)
		return err;
	from.gtid = set;
	err = dm_binlog_stream_open(conn, &from, &st);
	if (err == NULL) {
		dm_cancel_watch(s->c, &watch, dm_binlog_stream_interrupt, st);
		err = read_file_name(st, name);
		dm_cancel_unwatch(s->c, &watch);
	}
	return err == NULL
		   ? NULL
		   : dm_err_wrap(err, RELAY_TCP_READER_START_SYNC_GTID, gtid);
}

static void
take_earlier(char name[DM_BINLOG_NAME_MAX + 1], const char *other)
{
	struct dm_pos a = dm_pos_make(name, 0), b = dm_pos_make(other, 0);

	if (name[0] == '\0' || dm_pos_cmp(&b, &a) < 0)
		g_strlcpy(name, other, DM_BINLOG_NAME_MAX + 1);
}

struct dm_err *
relay_start_needed(
    const struct relay_start *s, char name[DM_BINLOG_NAME_MAX + 1])
{
	struct dm_err *err = NULL;

	name[0] = '\0';
	for (guint i = 0; err == NULL && i < s->needs->len; i++) {
		const struct relay_need *n = g_ptr_array_index(s->needs, i);
		char file[DM_BINLOG_NAME_MAX + 1] = "";

		/* Offsets of another server mean nothing here. */
		if (n->pos.name[0] != '\0' &&
		    (n->server[0] == '\0' ||
			origin_is_same(n->server, s->server)))
			g_strlcpy(file, n->pos.name, sizeof(file));
		else if (s->source->enable_gtid && n->gtid[0] != '\0')
			err = find_by_gtid(s, n->gtid, file);
		if (err == NULL && file[0] != '\0')
			take_earlier(name, file);
	}
	return err;
}

struct dm_err *
relay_start_file(const struct relay_start *s, struct dm_sql_conn *conn,
    char name[DM_BINLOG_NAME_MAX + 1])
{
	const struct dm_source_cfg *cfg = s->source;
	struct dm_pos end = { 0 };
	struct dm_err *err = relay_start_needed(s, name);

	if (err != NULL)
		return err;
	if (s->have_gtid != NULL && s->have_gtid[0] != '\0') {
		char file[DM_BINLOG_NAME_MAX + 1];

		err = find_by_gtid(s, s->have_gtid, file);
		if (err == NULL)
			take_earlier(name, file);
		return err;
	}
	if (name[0] != '\0')
		return NULL;
	if (cfg->enable_gtid && cfg->relay_binlog_gtid[0] != '\0')
		return find_by_gtid(s, cfg->relay_binlog_gtid, name);
	if (cfg->relay_binlog_name[0] != '\0') {
		g_strlcpy(name, cfg->relay_binlog_name, DM_BINLOG_NAME_MAX + 1);
		return NULL;
	}
	err = dm_binlog_master_status(conn, &end, NULL);
	if (err == NULL)
		g_strlcpy(name, end.name, DM_BINLOG_NAME_MAX + 1);
	return err;
}
