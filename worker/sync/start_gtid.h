/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which transactions lie before a position of the source's binlog, as a GTID
 * set. Called on the dispatcher's thread, before reading begins.
 */
#ifndef DM_WORKER_SYNC_START_GTID_H
#define DM_WORKER_SYNC_START_GTID_H

#include "lib/binlog/gtid.h"
#include "worker/meta.h"
#include "worker/unit.h"

struct start_gtid {
	const struct unit_env *env;
	struct meta *meta;
	struct dm_sql_conn *target, *source;
	struct dm_cancel *c;
	struct dm_pos at;
	/* A place of which the set is known; gtid NULL: none. */
	struct dm_pos known;
	const char *known_gtid;
	/* The sub directory of the relay log that has it; 0: none. */
	unsigned suffix;
	bool is_source; /* the place is in the binlog of `source` */
};

/*
 * *set: new. MariaDB is asked. MySQL cannot tell, so what was stored for this
 * very position is used, or else its file is read from the beginning up to the
 * position, in the relay log if that has it. Without GTIDs at the source, or an
 * empty position: the empty set.
 */
struct dm_err *start_gtid_find(
    const struct start_gtid *in, struct dm_gtid_set **set) DM_MUST_CHECK;

#endif
