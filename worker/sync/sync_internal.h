/* SPDX-License-Identifier: Apache-2.0 */
/* The sync unit, shared by the files worker/sync/sync*. */
#ifndef DM_WORKER_SYNC_SYNC_INTERNAL_H
#define DM_WORKER_SYNC_SYNC_INTERNAL_H

#include "worker/sync/dispatch.h"
#include "worker/sync/feed.h"
#include "worker/sync/origin.h"

/* What other threads may ask for. */
struct shown {
	struct dm_mutex mu; /* rank 310; guards the fields below */
	bool running;
	struct lanes_stats lanes;
	struct dm_pos master;
	char *master_gtid;
	struct dm_pos flushed;
	char *flushed_gtid;
	uint64_t rows_before, rps_recent, rows_sampled;
	uint64_t ops_before[ROW_OPS];
	struct dm_mono sampled, started;
	unsigned n_lanes;
	unsigned suffix;   /* of the relay log that is read; 0: the source */
	bool other_server; /* master is of another one than flushed */
};

struct sync_unit {
	struct unit unit; /* first */
	struct unit_env env;
	struct dispatch_counters counters;
	struct shown shown;
	struct dispatch_failure failure; /* of the last run that failed at an
					    event; owner: the unit's thread */
};

/* One run. Owner: the thread of the unit. */
struct run {
	struct sync_unit *u;
	struct meta *meta;
	struct dm_cancel *c; /* ours: fired by a pause or a failing lane */
	struct dm_sql_conn *target, *source;
	struct dm_cancel_watch target_watch, source_watch;
	struct target_info info;
	struct tables tables;
	struct dispatch d;
	struct feed *feed;
	struct origin origin; /* the server of all places here */
	char *source_server;  /* the one that is the source now */
	unsigned left;        /* the sub directory of the relay log that was
				 read to its end; 0: none */
	bool leaving;         /* this run ends because that one is at its end */
	bool master_lost;     /* the source does not answer */
	bool fell_back;       /* from the relay log to the source */
	struct dm_mono silent;    /* since when nobody writes the relay log */
	struct dm_gtid_set *skip; /* of origin; NULL: none */
	struct relay_place held;  /* for the purge; suffix 0: not in the relay
				     log */
	struct dm_pos from;
	char *from_gtid;     /* start by it, not by position; NULL */
	struct dm_pos known; /* a place, and the set at it; NULL */
	char *known_gtid;
	struct dm_mono last_flush, last_master;
	struct dm_pos saved; /* in DM's checkpoint row */
	bool idle_marked;
};

/* How the source writes GTIDs. r->source is connected. */
static inline enum dm_flavor
sync_flavor(const struct run *r)
{
	return dm_sql_is_mariadb(r->source) ? DM_FLAVOR_MARIADB
					    : DM_FLAVOR_MYSQL;
}

/* ---- begin.c: from nothing up to the running lanes ---- */

struct dm_err *sync_begin(struct run *r) DM_MUST_CHECK;
/* Where the source's binlog ends now. */
struct dm_err *sync_refresh_master(struct run *r) DM_MUST_CHECK;

/* ---- reading.c: from the source or its relay log ---- */

/* A relay log that is just being begun with shows first where it is. */
struct dm_err *sync_await_relay(struct run *r) DM_MUST_CHECK;
/* Which of both has r->from, and of which server that is; also where reading
 * begins anew because it is another server now. */
struct dm_err *sync_find_origin(struct run *r) DM_MUST_CHECK;
/* Opens r->feed at r->from. */
struct dm_err *sync_open_feed(struct run *r) DM_MUST_CHECK;
/* Takes why (NULL: the relay log is not written any more): goes on at the
 * source, once, if it is the server that was read; else returns why. */
struct dm_err *sync_fall_back(struct run *r, struct dm_err *why) DM_MUST_CHECK;
/* After nothing came: what the relay log is at. */
struct dm_err *sync_look_at_feed(struct run *r) DM_MUST_CHECK;
/* Compares with the source's end; while a relay log is read, a source that does
 * not answer is no error. */
struct dm_err *sync_ask_master(struct run *r) DM_MUST_CHECK;
/* The lowest lane needs the relay log from there on. */
void sync_hold(struct run *r, const struct dm_pos *low);
void sync_close_feed(struct run *r);
/* The connection for questions to the source; again where it was lost. */
struct dm_err *sync_connect_source(struct run *r) DM_MUST_CHECK;
/* How a place of this run is shown, and told to DM's tools. */
struct dm_pos sync_shown_pos(const struct run *r, const struct dm_pos *p);

/* ---- rebase.c ---- */

/* The source is another server now, or the relay log goes on with another: all
 * places become those of that server, by GTIDs. Sets r->from, r->origin, and
 * *suffix as sync_find_origin does. Errors: SOURCE_CHANGED. */
struct dm_err *sync_rebase(struct run *r, unsigned *suffix) DM_MUST_CHECK;

/* Where the transactions of set end, on the server that is the source now: the
 * first that is not in it follows there. Errors: SOURCE_CHANGED. */
struct dm_err *sync_find_place(struct run *r, const struct dm_gtid_set *set,
    struct dm_pos *at) DM_MUST_CHECK;
/* Behind the place of a set some of its transactions may follow, because
 * servers write them in different orders. */
bool sync_may_come_again(const struct dm_gtid_set *set);

/* ---- takeover.c ---- */

/* META_PHASE_ORIGINAL becomes META_PHASE_SYNC. Sets r->from, r->known_gtid,
 * r->d.safe_end. */
struct dm_err *sync_take_over_original(struct run *r) DM_MUST_CHECK;

/* Of struct unit_ops (worker/sync/sync_status.c). */
void sync_status(struct unit *unit, Pb__SubTaskStatus *st);

#endif
