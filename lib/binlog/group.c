/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups of events: see group.h.
 *
 * DESIGN: only the words that frame a group are looked at. MariaDB says in the
 * GTID event whether one statement follows; without that, statements are part
 * of the group (CREATE TABLE .. SELECT). MySQL writes BEGIN or XA START first,
 * or the group is one statement.
 */
#include "lib/binlog/group.h"

#include <string.h>

static bool
begins_with(const char *sql, const char *words)
{
	return g_ascii_strncasecmp(sql, words, strlen(words)) == 0;
}

static bool
is_word(const char *sql, const char *word)
{
	return begins_with(sql, word) && !g_ascii_isalnum(sql[strlen(word)]) &&
	       sql[strlen(word)] != '_';
}

static bool
ends_group(const char *sql)
{
	/* ROLLBACK TO a savepoint ends nothing. */
	return is_word(sql, "COMMIT") || begins_with(sql, "XA COMMIT") ||
	       begins_with(sql, "XA ROLLBACK") ||
	       (is_word(sql, "ROLLBACK") && !begins_with(sql, "ROLLBACK TO"));
}

static bool
is_frame(const char *sql)
{
	return is_word(sql, "BEGIN") || begins_with(sql, "XA START") ||
	       begins_with(sql, "START TRANSACTION");
}

static enum dm_group_part
end(struct dm_group *g)
{
	*g = (struct dm_group){ 0 };
	return DM_GROUP_END;
}

static enum dm_group_part
take_query(struct dm_group *g, const char *sql)
{
	if (is_frame(sql) && g->named) {
		g->framed = true;
		return DM_GROUP_BODY;
	}
	if (is_frame(sql)) { /* of a server that writes no GTID events */
		*g = (struct dm_group){ .open = true, .framed = true };
		return DM_GROUP_HEAD;
	}
	if (ends_group(sql) || g->standalone)
		return end(g);
	if (g->framed || g->mariadb)
		return DM_GROUP_BODY;
	return end(g); /* a statement alone */
}

static enum dm_group_part
on_query(struct dm_group *g, const struct dm_binlog_format *f,
    const uint8_t *body, size_t len, bool compressed)
{
	struct dm_ev_query q = { 0 };
	struct dm_arena a = { 0 };
	enum dm_group_part part;
	struct dm_err *err;

	err = dm_query_decode(f, body, len, compressed, &a, &q);
	/* What cannot be read is a statement; who acts on it says why. */
	part = take_query(g, err == NULL && q.sql != NULL ? q.sql : "?");
	dm_err_free(err);
	dm_arena_fini(&a);
	return part;
}

static enum dm_group_part
on_gtid(struct dm_group *g, const struct dm_event_header *h,
    const uint8_t *body, size_t len)
{
	struct dm_ev_mariadb_gtid ev = { 0 };

	*g = (struct dm_group){ .open = true,
		.named = true,
		.mariadb = h->type == DM_EV_MARIADB_GTID };
	if (g->mariadb) {
		dm_err_free(dm_mariadb_gtid_decode(body, len, &ev));
		g->standalone = ev.standalone;
	}
	return DM_GROUP_HEAD;
}

enum dm_group_part
dm_group_take(struct dm_group *g, const struct dm_binlog_format *f,
    const struct dm_event_header *h, const uint8_t *body, size_t len)
{
	if (dm_event_is_filler(h))
		return g->open ? DM_GROUP_BODY : DM_GROUP_NONE;
	switch (h->type) {
	case DM_EV_MARIADB_GTID:
	case DM_EV_GTID:
	case DM_EV_GTID_TAGGED:
	case DM_EV_ANONYMOUS_GTID:
		return on_gtid(g, h, body, len);
	case DM_EV_QUERY:
	case DM_EV_MARIADB_QUERY_COMPRESSED:
		return on_query(
		    g, f, body, len, h->type == DM_EV_MARIADB_QUERY_COMPRESSED);
	case DM_EV_XID:
	case DM_EV_XA_PREPARE:
	case DM_EV_TRANSACTION_PAYLOAD:
		return end(g);
	case DM_EV_FORMAT_DESCRIPTION:
	case DM_EV_ROTATE:
	case DM_EV_STOP:
	case DM_EV_PREVIOUS_GTIDS:
	case DM_EV_MARIADB_GTID_LIST:
	case DM_EV_MARIADB_BINLOG_CHECKPOINT:
	case DM_EV_MARIADB_START_ENCRYPTION:
	case DM_EV_HEARTBEAT:
	case DM_EV_HEARTBEAT_V2:
		*g = (struct dm_group){ 0 };
		return DM_GROUP_NONE;
	case DM_EV_INCIDENT:
		return end(g);
	default:
		/* Reading may have begun inside of one. */
		if (!g->open)
			*g = (struct dm_group){ .open = true, .framed = true };
		return DM_GROUP_BODY;
	}
}

static struct dm_err *
add_mysql(
    struct dm_gtid_set *set, uint8_t type, const uint8_t *body, size_t len)
{
	struct dm_ev_mysql_gtid ev;
	struct dm_err *err = dm_mysql_gtid_decode(type, body, len, &ev);

	if (err == NULL && ev.gno > 0)
		dm_gtid_set_add_mysql(set, ev.uuid, ev.tag, ev.gno);
	return err;
}

struct dm_err *
dm_gtid_set_add_event(struct dm_gtid_set *set, const struct dm_event_header *h,
    const uint8_t *body, size_t len)
{
	struct dm_ev_mariadb_gtid ev;
	struct dm_err *err;

	switch (h->type) {
	case DM_EV_PREVIOUS_GTIDS:
		return dm_previous_gtids_decode(body, len, set);
	case DM_EV_MARIADB_GTID_LIST:
		return dm_mariadb_gtid_list_decode(body, len, set);
	case DM_EV_GTID:
	case DM_EV_GTID_TAGGED:
		return add_mysql(set, h->type, body, len);
	case DM_EV_MARIADB_GTID:
		err = dm_mariadb_gtid_decode(body, len, &ev);
		if (err == NULL)
			dm_gtid_set_add_mariadb(
			    set, ev.domain, h->server_id, ev.seq);
		return err;
	default:
		return NULL;
	}
}
