/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where groups of events begin and end: a transaction with its rows, or a
 * statement alone, and the GTID event in front of it. For who has to know
 * whether a file has all of a group, without acting on it.
 * Threads: a struct has one owner.
 */
#ifndef DM_LIB_BINLOG_GROUP_H
#define DM_LIB_BINLOG_GROUP_H

#include "lib/binlog/event.h"

/* Zeroed before the first event. */
struct dm_group {
	bool open;       /* behind the event: the group has not ended */
	bool named;      /* it began with a GTID event */
	bool mariadb;    /* of MariaDB */
	bool standalone; /* MariaDB: it is one statement */
	bool framed;     /* BEGIN or XA START came, or rows */
};

/* What the event is to the group. */
enum dm_group_part {
	DM_GROUP_NONE, /* of no group; one that was open was cut off before it
			*/
	DM_GROUP_HEAD, /* begins one; one that was open was cut off before it */
	DM_GROUP_BODY,
	DM_GROUP_END /* the group is whole with it */
};

/* One event after the other, as dm_event_split gave it. */
enum dm_group_part dm_group_take(struct dm_group *g,
    const struct dm_binlog_format *f, const struct dm_event_header *h,
    const uint8_t *body, size_t len);

/* Adds what an event says of transactions to set: the one that a GTID event
 * names, or all those before a file. Other events add nothing. Errors:
 * SYNCER_GET_EVENT. */
struct dm_err *dm_gtid_set_add_event(struct dm_gtid_set *set,
    const struct dm_event_header *h, const uint8_t *body,
    size_t len) DM_MUST_CHECK;

static inline bool
dm_event_is_gtid(uint8_t type)
{
	return type == DM_EV_MARIADB_GTID || type == DM_EV_GTID ||
	       type == DM_EV_GTID_TAGGED || type == DM_EV_ANONYMOUS_GTID;
}

#endif
