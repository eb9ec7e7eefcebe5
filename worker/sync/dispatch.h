/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dispatcher: binlog events in, batches for lanes out. Owner: the thread
 * that runs the sync unit; the counters alone may be read by others.
 */
#ifndef DM_WORKER_SYNC_DISPATCH_H
#define DM_WORKER_SYNC_DISPATCH_H

#include "lib/base/clock.h"
#include "lib/binlog/event.h"
#include "worker/sync/claims.h"
#include "worker/sync/lane.h"
#include "worker/sync/lane_meta.h"
#include "worker/sync/operators.h"
#include "worker/sync/tables.h"
#include "worker/sync/undecided.h"

#include <stdatomic.h>

/* A batch that is being filled. */
struct open_lane {
	struct batch *b;         /* NULL: nothing open */
	struct dm_mono since;    /* when it was opened, about */
	uint64_t seq;            /* changes dispatched to the lane so far */
	struct lane_mark pushed; /* of the last batch given away */
};

struct dispatch_counters {
	_Atomic uint64_t rows;    /* row changes dispatched */
	_Atomic uint64_t skipped; /* events, and rows, skipped by rule */
	_Atomic uint64_t ddls;
	_Atomic uint64_t txns; /* read to their end, the first time */
};

enum next_gtid { NEXT_GTID_MARIADB, NEXT_GTID_MYSQL, NEXT_GTID_ANONYMOUS };

struct dispatch {
	const struct unit_env *env;
	struct meta *meta;
	struct tables *tables;
	struct lanes *lanes;
	size_t batch_bytes;      /* target_info's */
	struct dm_sql_conn *ddl; /* to the target; for barriers */
	struct dm_cancel *c;
	struct dispatch_counters *counters;

	unsigned n_lanes;
	struct open_lane *open;
	struct lane_mark *resume; /* where each lane stood at the start */
	struct dm_pos resume_end; /* no lane had anything after this */
	/* All lanes have all before this: it is read again only for the sake of
	 * `undecided`. */
	struct dm_pos resume_low;
	struct undecided undecided;
	struct claims *claims;
	size_t sweep_at; /* as many claims are worth a sweep */
	bool pk_claims;  /* claims on row keys exist (moved rows) */

	struct dm_binlog_format format;
	GHashTable *maps; /* table id -> struct map_entry* */
	struct dm_arena arena;
	struct dm_value *before, *after;
	unsigned n_values;

	struct dm_pos end;  /* of the last event */
	struct dm_pos done; /* of the last whole transaction, or a file's head
			       behind it */
	struct dm_pos txn_start;
	bool in_txn;
	/* Of the last row that is in a batch or skipped: event number << 32 |
	 * row. */
	uint64_t ordinal;
	uint32_t ts;               /* of the event in work */
	struct dm_mono now;        /* a few ms old at most while events come */
	struct dm_mono safe_until; /* rows are written over those that are
				      there: safe-mode-duration */
	struct dm_pos safe_end;    /* and those of transactions before it */
	struct dm_gtid_set *gtid;  /* done so far */
	/* The transaction that began and has not ended: its name. */
	bool has_next_gtid;
	enum next_gtid next_kind;
	struct dm_ev_mariadb_gtid next_gtid;
	uint32_t next_server;
	struct dm_ev_mysql_gtid next_mysql;
	/* A DDL's transactions move the lanes' rows: no mark of ours is right
	 * until the last of them is known to be done. */
	bool moving;
	bool seeking; /* `end` is not to be trusted: see events_locate */
	struct intent *intent; /* a DDL that a predecessor began; owned */
	GPtrArray *ops;        /* what a person said of events to come: struct
				  binlog_op*, by position; owned */
	GPtrArray *ghosts;     /* what online schema change tools did so far:
				  struct online_ddl*; owned; NULL: off */
	/* Of the event that dispatch_event failed at. */
	struct dispatch_failure {
		bool known;
		bool ddl; /* it is a statement, or one that stands in for it */
		struct dm_pos at;
	} failure;
	char *failed_sql; /* the statement; NULL: none */
};

void dispatch_init(struct dispatch *d);
void dispatch_fini(struct dispatch *d);
/* Rows may be in the target already, says the user, or who ran the task before:
 * safe mode. */
static inline bool
dispatch_is_safe(const struct dispatch *d)
{
	return d->env->inst->syncer.safe_mode ||
	       dm_pos_cmp(&d->txn_start, &d->safe_end) < 0 ||
	       (d->env->inst->syncer.safe_mode_ms > 0 &&
		   dm_mono_diff_ms(d->safe_until, dm_mono_now()) > 0);
}
/* One raw event. */
struct dm_err *dispatch_event(
    struct dispatch *d, const uint8_t *raw, size_t len) DM_MUST_CHECK;
/* One of a transaction that is passed over; last: the transaction ends. */
struct dm_err *dispatch_pass(struct dispatch *d, const uint8_t *raw, size_t len,
    bool last) DM_MUST_CHECK;
/* An event whose place is known: one just read, or a part of it. */
struct dm_err *dispatch_inner(struct dispatch *d,
    const struct dm_event_header *h, const uint8_t *body, size_t len,
    const struct dm_pos *start) DM_MUST_CHECK;
/* A transaction begins, or ends: its rows are those of the events between. */
void dispatch_begin_txn(struct dispatch *d, const struct dm_pos *start);
struct dm_err *dispatch_end_txn(struct dispatch *d) DM_MUST_CHECK;
/* A rows event comes, or would have come, in this transaction. */
void dispatch_count_rows_event(struct dispatch *d);
/* Whatever begins there is done, in all lanes. */
static inline bool
dispatch_is_past(const struct dispatch *d, const struct dm_pos *start)
{
	return dm_pos_cmp(start, &d->resume_low) < 0;
}
/* Give away all open batches. */
struct dm_err *dispatch_push_all(struct dispatch *d) DM_MUST_CHECK;
/* Move lanes that have nothing to do up to where we are; while `moving`, does
 * nothing. */
struct dm_err *dispatch_mark_all(struct dispatch *d) DM_MUST_CHECK;
/* Push everything and wait until it is committed. */
struct dm_err *dispatch_drain(struct dispatch *d) DM_MUST_CHECK;
/* After a barrier: structures may have changed. over: the event that brought
 * the barrier is done with, and so are the table maps before it. */
struct dm_err *dispatch_renew(struct dispatch *d, bool over) DM_MUST_CHECK;

/* A query event outside of a row transaction's frame (worker/sync/ddl.c). */
struct dm_err *ddl_handle(struct dispatch *d, const struct dm_ev_query *q,
    const struct dm_ddl *ddl, const struct dm_pos *start) DM_MUST_CHECK;
/* The same for one of which no table belongs to such a tool. */
struct dm_err *ddl_handle_plain(struct dispatch *d, const struct dm_ev_query *q,
    const struct dm_ddl *ddl, const struct dm_pos *start) DM_MUST_CHECK;
/* Takes err, which a statement caused that we cannot read or run: NULL if the
 * event filters leave the text out wherever it belongs to; else err. sql may
 * be NULL. */
struct dm_err *ddl_excuse(
    struct dispatch *d, const char *sql, struct dm_err *err) DM_MUST_CHECK;
/* Load the intent of a DDL that a predecessor began, and end its session: the
 * statement may still be running. ddl_handle decides when it meets it. */
struct dm_err *ddl_recover(struct dispatch *d) DM_MUST_CHECK;

#endif
