/* SPDX-License-Identifier: Apache-2.0 */
/* Events around the rows: see events.h. */
#include "worker/sync/events.h"

#include "worker/sync/xa.h"

#include <string.h>

/* ---- names of transactions ---- */

static struct dm_err *
mariadb_gtid(struct dispatch *d, const struct dm_event_header *h,
    const uint8_t *body, size_t len)
{
	struct dm_err *err;

	err = dm_mariadb_gtid_decode(body, len, &d->next_gtid);
	if (err != NULL)
		return err;
	d->next_kind = NEXT_GTID_MARIADB;
	d->next_server = h->server_id;
	/* A standalone one is one statement, which ends itself. */
	d->in_txn = !d->next_gtid.standalone;
	return NULL;
}

struct dm_err *
events_gtid(struct dispatch *d, const struct dm_event_header *h,
    const uint8_t *body, size_t len, const struct dm_pos *start)
{
	struct dm_err *err = NULL;

	d->in_txn = false;
	/* One that a crash cut off is never decided. */
	undecided_txn_free(undecided_take_open(&d->undecided));
	if (h->type == DM_EV_MARIADB_GTID) {
		err = mariadb_gtid(d, h, body, len);
	} else if (h->type == DM_EV_ANONYMOUS_GTID) {
		d->next_kind = NEXT_GTID_ANONYMOUS;
	} else {
		err = dm_mysql_gtid_decode(h->type, body, len, &d->next_mysql);
		/* A tagged event may be anonymous, too: then it has no
		 * number. */
		d->next_kind = d->next_mysql.gno > 0 ? NEXT_GTID_MYSQL
						     : NEXT_GTID_ANONYMOUS;
	}
	if (err != NULL)
		return err;
	d->has_next_gtid = true;
	d->txn_start = *start;
	d->ordinal = 0;
	if (d->next_kind == NEXT_GTID_MARIADB && d->next_gtid.prepared_xa)
		xa_begin(d); /* it stands for XA START */
	return NULL;
}

void
events_note_gtid(struct dispatch *d)
{
	if (d->has_next_gtid && d->gtid != NULL) {
		if (d->next_kind == NEXT_GTID_MARIADB)
			dm_gtid_set_add_mariadb(d->gtid, d->next_gtid.domain,
			    d->next_server, d->next_gtid.seq);
		else if (d->next_kind == NEXT_GTID_MYSQL)
			dm_gtid_set_add_mysql(d->gtid, d->next_mysql.uuid,
			    d->next_mysql.tag, d->next_mysql.gno);
	}
	d->has_next_gtid = false;
}

struct dm_err *
events_earlier_gtids(
    struct dispatch *d, uint8_t type, const uint8_t *body, size_t len)
{
	if (d->gtid == NULL || !dm_gtid_set_is_empty(d->gtid))
		return NULL;
	return type == DM_EV_MARIADB_GTID_LIST
		   ? dm_mariadb_gtid_list_decode(body, len, d->gtid)
		   : dm_previous_gtids_decode(body, len, d->gtid);
}

void
events_locate(struct dispatch *d, const struct dm_event_header *h)
{
	bool gtid = h->type == DM_EV_GTID || h->type == DM_EV_GTID_TAGGED ||
		    h->type == DM_EV_ANONYMOUS_GTID ||
		    h->type == DM_EV_MARIADB_GTID;
	bool heartbeat = h->type == DM_EV_HEARTBEAT && h->log_pos > 4;

	if (!d->seeking || (!gtid && !heartbeat) || h->log_pos < h->size ||
	    d->end.name[0] == '\0')
		return;
	d->end.pos = gtid ? h->log_pos - h->size : h->log_pos;
	d->done = d->end;
	d->seeking = false;
}

/* ---- places ---- */

void
events_pass(struct dispatch *d)
{
	if (!d->in_txn && !d->seeking && dm_pos_cmp(&d->end, &d->done) > 0)
		d->done = d->end;
}

struct dm_err *
events_rotate(struct dispatch *d, const uint8_t *body, size_t len)
{
	struct dm_arena a = { 0 };
	struct dm_ev_rotate r = { 0 };
	struct dm_err *err;

	err = dm_rotate_decode(&d->format, body, len, &a, &r);
	if (err == NULL) {
		d->end = dm_pos_make(r.next_name, r.pos);
		events_pass(d);
	}
	dm_arena_fini(&a);
	return err;
}

void
events_advance(struct dispatch *d, const struct dm_event_header *h)
{
	if (!dm_event_has_place(h))
		return;
	d->end.pos = dm_event_end(h, d->end.pos);
	/* What heads each file. Nothing else may come for hours, and the task
	 * has all there is. */
	if (h->type == DM_EV_FORMAT_DESCRIPTION ||
	    h->type == DM_EV_MARIADB_GTID_LIST ||
	    h->type == DM_EV_MARIADB_BINLOG_CHECKPOINT ||
	    h->type == DM_EV_PREVIOUS_GTIDS)
		events_pass(d);
}

/* ---- compressed transactions ---- */

struct dm_err *
events_payload(struct dispatch *d, const uint8_t *body, size_t len,
    const struct dm_pos *start)
{
	DM_AUTO(dm_payload) p = NULL;
	struct dm_err *err = dm_payload_open(body, len, &p);

	while (err == NULL) {
		struct dm_event_header h;
		const uint8_t *inner;
		size_t n;
		bool more;

		err = dm_payload_next(p, &h, &inner, &n, &more);
		if (err != NULL || !more)
			break;
		if (h.type == DM_EV_TRANSACTION_PAYLOAD)
			return dm_err_new(SYNCER_GET_EVENT,
			    "a transaction payload inside of another");
		err = dispatch_inner(d, &h, inner, n, start);
	}
	return err;
}
