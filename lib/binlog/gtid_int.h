/* SPDX-License-Identifier: Apache-2.0 */
/* What gtid.c, gtid_text.c and gtid_event.c share; not for others. */
#ifndef DM_LIB_BINLOG_GTID_INT_H
#define DM_LIB_BINLOG_GTID_INT_H

#include "lib/binlog/gtid.h"

#include <inttypes.h>

#define DM_GTID_TAG_MAX 32
#define DM_GNO_END      G_MAXINT64 /* no transaction number is so large */

/* Transactions first .. end - 1. */
struct dm_gtid_range {
	int64_t first, end;
};

/* One source: a server, or one of its tags. */
struct dm_gtid_sid {
	uint8_t uuid[16];
	char tag[DM_GTID_TAG_MAX + 1];
	GArray *ranges; /* dm_gtid_range: ascending, apart from each other */
};

struct dm_gtid_domain {
	uint32_t domain, server;
	uint64_t seq;
};

/*
 * Both parts exist in every set: a source that sends the other flavor's
 * events gives a set that equals no other, not a crash.
 */
struct dm_gtid_set {
	enum dm_flavor flavor;
	GArray *sids;    /* dm_gtid_sid, ascending by uuid, tag */
	GArray *domains; /* dm_gtid_domain, ascending by domain */
};

void dm_gtid_add_range_(struct dm_gtid_set *s, const uint8_t uuid[16],
    const char *tag, struct dm_gtid_range r);
bool dm_gtid_tag_is_valid_(const char *tag, size_t len);

#endif
