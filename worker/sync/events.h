/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events around the rows: names of transactions, places, and compressed
 * transactions.
 * Called by the dispatcher, on its thread. `start` is where the event begins.
 */
#ifndef DM_WORKER_SYNC_EVENTS_H
#define DM_WORKER_SYNC_EVENTS_H

#include "worker/sync/dispatch.h"

/*
 * A GTID event of any server: remembers the name for events_note_gtid, and
 * where the transaction begins. A MariaDB event also begins it; at a MySQL
 * server BEGIN, XA START or a DDL follows.
 */
struct dm_err *events_gtid(struct dispatch *d, const struct dm_event_header *h,
    const uint8_t *body, size_t len, const struct dm_pos *start) DM_MUST_CHECK;
/* The transaction has ended: its name is part of d->gtid. */
void events_note_gtid(struct dispatch *d);
/* PREVIOUS_GTIDS or GTID_LIST: of use only where nothing is known yet. */
struct dm_err *events_earlier_gtids(struct dispatch *d, uint8_t type,
    const uint8_t *body, size_t len) DM_MUST_CHECK;
/* TRANSACTION_PAYLOAD: its inner events, one after the other. */
struct dm_err *events_payload(struct dispatch *d, const uint8_t *body,
    size_t len, const struct dm_pos *start) DM_MUST_CHECK;
/*
 * Reading began by a GTID set, so that the source leaves out events in front
 * of the first new transaction: the position is known only with the first GTID
 * event, or with a heartbeat if there is nothing new. Until then no lane may
 * be moved up to what looks like the position.
 */
void events_locate(struct dispatch *d, const struct dm_event_header *h);

/* ROTATE: the file that follows. */
struct dm_err *events_rotate(
    struct dispatch *d, const uint8_t *body, size_t len) DM_MUST_CHECK;
/* d->end is behind this event. */
void events_advance(struct dispatch *d, const struct dm_event_header *h);

/* What is behind `done` ended no transaction and is in none: it is done, too.
 */
void events_pass(struct dispatch *d);

#endif
